//! What a contract rests on: the terms that it is judged by, its tiers, and the launches that name it.

use std::collections::BTreeMap;

use super::kpis::references_into;
use super::unresolved::{Dangling, Unresolved, quoted};
use super::{Entry, Held, Holdings, WrittenKpi};
use crate::api::campaign_launch::{CampaignLaunchSpec, CampaignLaunchStatus};
use crate::api::{KpiTarget, Shared, VendorContractSpec};
use crate::domain::terms::contract_terms::Terms;
use crate::domain::terms::spelling::did_you_mean;
use crate::domain::terms::validation::{validate_kpi_parts, validate_kpi_target};

/// A launch that names the contract.
#[derive(Clone, Debug, PartialEq)]
pub struct LaunchOfContract {
    /// Its spec.
    pub spec: CampaignLaunchSpec,
    /// Its status, where one is known.
    pub status: Option<CampaignLaunchStatus>,
}

/// What is observed of a contract.
#[derive(Clone, Debug)]
pub struct HeldContract {
    /// The terms that it is judged by.
    pub terms: Terms,
    /// Its references that do not resolve: tiers.
    pub unresolved: Vec<Dangling>,
    /// The launches that name it.
    pub launches: BTreeMap<String, LaunchOfContract>,
}

/// Observes a contract. `recorded`: terms that it was judged under, for [`WrittenKpi::never_payable`].
pub fn observe_contract(
    holdings: &impl Holdings,
    name: &str,
    spec: &VendorContractSpec,
    recorded: &[&Terms],
) -> HeldContract {
    let (terms, unresolved) = terms(holdings, name, spec, recorded);
    let mut launches = BTreeMap::new();
    for entry in holdings.launches() {
        let Held::Found(launch) = entry.read() else { continue };
        if launch.spec.contract_refs.iter().any(|reference| reference.name == name) {
            let seen = LaunchOfContract { spec: launch.spec.clone(), status: launch.status.clone() };
            launches.insert(launch.metadata.name.clone().unwrap_or_default(), seen);
        }
    }
    HeldContract { terms, unresolved, launches }
}

/// The terms in force of a contract, and its tiers that do not exist. A KpiTarget that cannot be judged is left out: it says so itself.
pub fn terms(
    holdings: &impl Holdings,
    name: &str,
    spec: &VendorContractSpec,
    recorded: &[&Terms],
) -> (Terms, Vec<Dangling>) {
    let mut kpis = BTreeMap::new();
    for entry in holdings.kpis_of(name) {
        let Held::Found(kpi) = entry.read() else { continue };
        let kpi_name = kpi.metadata.name.as_deref().unwrap_or_default();
        if kpi.metadata.deletion_timestamp.is_none() && can_be_judged(kpi_name, kpi, spec, recorded) {
            kpis.insert(kpi_name.to_owned(), Shared::new(kpi.spec.clone()));
        }
    }
    let mut tiers = BTreeMap::new();
    let mut missing = Vec::new();
    for tier in &spec.tiers {
        match holdings.tier(tier).read() {
            Held::Found(found) => {
                tiers.insert(tier.clone(), Shared::new(found.spec.clone()));
            }
            Held::Unreadable => {}
            Held::Absent => missing.push(tier),
        }
    }
    let dangling = if missing.is_empty() { Vec::new() } else { missing_tiers(holdings, &missing) };
    (Terms { contract: Shared::new(spec.clone()), kpis, tiers }, dangling)
}

fn can_be_judged(name: &str, kpi: &KpiTarget, contract: &VendorContractSpec, recorded: &[&Terms]) -> bool {
    let KpiTarget { metadata, spec, status } = kpi;
    let written = WrittenKpi { name, spec, generation: metadata.generation, status: status.as_ref() };
    validate_kpi_target(name, spec).is_empty()
        && validate_kpi_parts(name, spec, contract).is_empty()
        && !references_into(spec, contract).iter().any(|dangling| dangling.what.leaves_kpi_out())
        && written.never_payable(contract, recorded.iter().copied()).is_empty()
}

fn missing_tiers(holdings: &impl Holdings, missing: &[&String]) -> Vec<Dangling> {
    let known: Vec<String> = holdings
        .tiers()
        .iter()
        .filter_map(|entry| entry.read().found().and_then(|tier| tier.metadata.name.clone()))
        .collect();
    missing.iter().map(|tier| Dangling::tier("spec.tiers", tier, known.iter().map(String::as_str))).collect()
}

/// Relief and disputes of a contract that name KpiTargets which are none of `known`, those that it has. They stop nothing: what they
/// name may have been removed since.
pub fn mentions_of_kpis<'n>(spec: &VendorContractSpec, known: impl IntoIterator<Item = &'n str>) -> Vec<Dangling> {
    let known: Vec<&str> = known.into_iter().collect();
    let dangling = |field: String, kpi: &str, without: &str| {
        let example = known.first().copied().unwrap_or("acme-service-level");
        let message = format!(
            "the contract has no KpiTarget {}{}: write the name of one, such as {example}, or leave {without}",
            quoted(kpi),
            did_you_mean(kpi, known.iter().copied()),
        );
        Dangling { what: Unresolved::Kpi, field, message }
    };
    let mut found = Vec::new();
    for relief in &spec.relief {
        let unknown = relief.kpis.iter().filter(|kpi| !known.contains(&kpi.as_str()));
        let field = || format!("spec.relief[{}].kpis", relief.name);
        found.extend(unknown.map(|kpi| dangling(field(), kpi, "`kpis` out for all")));
    }
    for dispute in &spec.disputes {
        let unknown = dispute.kpi.iter().filter(|kpi| !known.contains(&kpi.as_str()));
        let field = || format!("spec.disputes[{}].kpi", dispute.name);
        found.extend(unknown.map(|kpi| dangling(field(), kpi, "`kpi` out for the whole report")));
    }
    found
}
