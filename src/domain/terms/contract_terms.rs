//! The terms of a contract: all that people wrote about it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::api::kpi_target::KpiTargetSpec;
use crate::api::service_tier::ServiceTierSpec;
use crate::api::vendor_contract::VendorContractSpec;

/// The terms of a contract: all that people wrote about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Terms {
    /// The contract's spec.
    pub contract: VendorContractSpec,
    /// Its KpiTargets by name.
    pub kpis: BTreeMap<String, KpiTargetSpec>,
    /// The ServiceTiers that it lists and that exist, by name.
    pub tiers: BTreeMap<String, ServiceTierSpec>,
}
