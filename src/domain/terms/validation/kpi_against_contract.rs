//! How the tally of a KpiTarget fits the period of its contract, which no schema can follow.

use super::checks::Findings;
use crate::api::tally::TallyEach;
use crate::api::vendor_contract::PeriodLength;
use crate::api::{KpiTargetSpec, VendorContractSpec};

/// The parts of a tally are shorter than the period.
pub(super) fn check(findings: &mut Findings, spec: &KpiTargetSpec, contract: &VendorContractSpec) {
    let period = contract.period;
    let fits = match spec.tally.as_ref().map(|tally| tally.each) {
        None | Some(TallyEach::Day) => true,
        Some(TallyEach::Week) => period != PeriodLength::Weekly,
        Some(TallyEach::Month) => !matches!(period, PeriodLength::Weekly | PeriodLength::Monthly),
    };
    findings.ensure(fits, "spec.tally.each", || {
        format!(
            "is not shorter than the contract's period, which is {period}: write each: Day, or a longer period there"
        )
    });
}
