//! Disputes of a contract.

use super::checks::{Findings, check_count, check_name, check_text, check_unique, quoted};
use super::period_names::{example_of, is_period_of, names_fiscal_years};
use crate::api::dispute::{Dispute, DisputeDecision};
use crate::api::vendor_contract::VendorContractSpec;

pub(super) fn check(findings: &mut Findings, spec: &VendorContractSpec) {
    check_count(findings, "spec.disputes", spec.disputes.len(), 200);
    check_unique(findings, "spec.disputes", spec.disputes.iter().map(|dispute| &dispute.name));
    for dispute in &spec.disputes {
        check_dispute(findings, dispute, spec);
    }
}

fn check_dispute(findings: &mut Findings, dispute: &Dispute, spec: &VendorContractSpec) {
    check_name(findings, "spec.disputes", &dispute.name);
    let field = format!("spec.disputes[{}]", dispute.name);
    let is_fiscal = names_fiscal_years(spec);
    findings.ensure(is_period_of(spec.period, is_fiscal, &dispute.period), format!("{field}.period"), || {
        format!(
            "{} is not a period of this contract, whose period is {}: write one such as {:?}",
            quoted(&dispute.period),
            spec.period,
            example_of(spec.period, is_fiscal)
        )
    });
    let is_decided = dispute.decision() != DisputeDecision::Open;
    findings.ensure(is_decided == dispute.decided_at.is_some(), &field, || {
        "is half decided: each decision but Open needs `decidedAt`, and Open has none: write decision: Accepted with decidedAt: 2026-04-20T12:00:00Z, or take both away"
            .to_owned()
    });
    check_text(findings, &format!("{field}.by"), dispute.by.as_deref().unwrap_or_default(), 253);
    for (member, text) in [("reason", &dispute.reason), ("evidence", &dispute.evidence)] {
        check_text(findings, &format!("{field}.{member}"), text.as_deref().unwrap_or_default(), 2048);
    }
}
