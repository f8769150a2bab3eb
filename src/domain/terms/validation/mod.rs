//! Whether what people wrote can be judged: everything that the schemas and their rules say, as pure functions.
//!
//! The API server says the same when an object is written. This is for the offline commands and for objects that were
//! stored under an older schema, and it knows what a schema cannot: how objects of different kinds fit together.

mod campaign_launch;
mod checks;
mod consequences;
mod disputes;
mod feed;
mod kpi_against_contract;
mod kpi_target;
mod money;
mod payable;
mod period_names;
mod service_tier;
mod vendor_contract;

use super::finding::Finding;
use crate::api::{CampaignLaunchSpec, KpiTargetSpec, ServiceTierSpec, VendorContractSpec};
use checks::Findings;
pub use payable::{Unpayable, unpayable};

/// Everything that is wrong with a VendorContract by itself, in the order of its fields; empty when it can be judged.
pub fn validate_contract(name: &str, spec: &VendorContractSpec) -> Vec<Finding> {
    let mut findings = Findings::new("VendorContract", name);
    vendor_contract::check(&mut findings, spec);
    findings.into_vec()
}

/// What the API server and `lint` refuse in a VendorContract although one that was accepted before goes on being judged: rules that
/// came later. The findings name no object.
pub fn refused_when_edited(spec: &VendorContractSpec) -> Vec<Finding> {
    let mut findings = Findings::new("VendorContract", "");
    vendor_contract::check_later_rules(&mut findings, spec);
    findings.into_vec()
}

/// [`refused_when_edited`] with the object's name, which has rules of its own.
pub fn refused_on_writing(name: &str, spec: &VendorContractSpec) -> Vec<Finding> {
    let mut findings = Findings::new("VendorContract", name);
    vendor_contract::check_name_has_no_dot(&mut findings);
    findings.extend(refused_when_edited(spec));
    findings.into_vec()
}

/// Everything that is wrong with a KpiTarget by itself, in the order of its fields; empty when it can be judged.
pub fn validate_kpi_target(name: &str, spec: &KpiTargetSpec) -> Vec<Finding> {
    let mut findings = Findings::new("KpiTarget", name);
    kpi_target::check(&mut findings, spec);
    findings.into_vec()
}

/// Everything that is wrong with a ServiceTier by itself; empty when it can be used.
pub fn validate_service_tier(name: &str, spec: &ServiceTierSpec) -> Vec<Finding> {
    let mut findings = Findings::new("ServiceTier", name);
    service_tier::check(&mut findings, spec);
    findings.into_vec()
}

/// Everything that is wrong with a CampaignLaunch by itself; empty when it can be assessed.
pub fn validate_campaign_launch(name: &str, spec: &CampaignLaunchSpec) -> Vec<Finding> {
    let mut findings = Findings::new("CampaignLaunch", name);
    campaign_launch::check(&mut findings, spec);
    findings.into_vec()
}

/// How a KpiTarget's tally fits its contract's period. Field: `spec.tally.each`.
///
/// Whether its references resolve is another question: see [`crate::domain::holdings`].
pub fn validate_kpi_parts(name: &str, spec: &KpiTargetSpec, contract: &VendorContractSpec) -> Vec<Finding> {
    let mut findings = Findings::new("KpiTarget", name);
    kpi_against_contract::check(&mut findings, spec, contract);
    findings.into_vec()
}

/// Every credit and bonus of a KpiTarget that its contract can never pay: money without a currency, a percentage without charges,
/// a share of the amount at risk where nothing is at risk.
///
/// An error for what is written now. A KpiTarget that was judged before it was one goes on being judged, with advice: see
/// [`crate::domain::decision::advice`].
pub fn validate_kpi_is_payable(name: &str, spec: &KpiTargetSpec, contract: &VendorContractSpec) -> Vec<Finding> {
    let mut findings = Findings::new("KpiTarget", name);
    payable::check(&mut findings, spec, contract);
    findings.into_vec()
}
