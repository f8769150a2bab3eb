//! What a reconcile of a ServiceTier wants.

use jiff::Timestamp;

use super::Notice;
use super::conditions::{Finding, conditions, unclear};
use crate::api::condition::{ConditionType, Kind, Reason};
use crate::api::kpi_target::Verdict;
use crate::api::service_tier::{ServiceTierSpec, ServiceTierStatus, SliceStatus, TierFinding, TierFlaw};
use crate::domain::terms::finding::InvalidSpec;
use crate::domain::terms::tiers::value_band;

/// All that a decision on a ServiceTier rests on.
#[derive(Clone, Debug)]
pub struct ObservedServiceTier<'a> {
    /// Generation of its spec.
    pub generation: Option<i64>,
    /// The status that it has.
    pub previous: Option<&'a ServiceTierStatus>,
    /// Its spec.
    pub spec: &'a ServiceTierSpec,
    /// What is wrong with the spec itself.
    pub invalid: Option<InvalidSpec>,
    /// Contracts that list the tier, sorted.
    pub contracts: Vec<String>,
    /// Flaws against the other tiers of those contracts.
    pub findings: Vec<TierFinding>,
    /// The tier's part of every judged KPI's latest closed period, with that period's end.
    pub slices: Vec<(Timestamp, SliceStatus)>,
}

/// What a reconcile of a ServiceTier wants.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceTierDecision {
    /// The status.
    pub status: ServiceTierStatus,
    /// Transitions.
    pub notices: Vec<Notice>,
}

/// Decides what a ServiceTier's status says.
pub fn decide_service_tier(observed: &ObservedServiceTier<'_>, now: Timestamp) -> ServiceTierDecision {
    let mut slices = observed.slices.clone();
    slices.sort_by(|(left_end, left), (right_end, right)| {
        let key = |slice: &SliceStatus| (slice.contract.clone(), slice.kpi_target.clone());
        right_end.cmp(left_end).then_with(|| key(left).cmp(&key(right)))
    });
    let previous = observed.previous.map_or(&[][..], |previous| &previous.conditions);
    let status = ServiceTierStatus {
        observed_generation: observed.generation,
        last_handled_request: None,
        value_band: value_band(observed.spec),
        contracts: observed.contracts.iter().take(20).cloned().collect(),
        findings: observed.findings.iter().take(20).cloned().collect(),
        conditions: conditions(Kind::ServiceTier, &findings(observed, &slices), previous, observed.generation, now),
        slices: slices.into_iter().map(|(_, slice)| slice).take(20).collect(),
    };
    let notices = super::transitions::shared_notices(previous, &status.conditions);
    ServiceTierDecision { status, notices }
}

fn findings(observed: &ObservedServiceTier<'_>, slices: &[(Timestamp, SliceStatus)]) -> Vec<Finding> {
    let mut findings = match &observed.invalid {
        Some(invalid) => super::kpi_target::stalled(&invalid.to_string()),
        None => vec![
            Finding::is_true(ConditionType::Ready, Reason::Reconciled, "the tier can be used"),
            Finding::is_false(ConditionType::Stalled, Reason::Progressing, "the spec can be worked on"),
        ],
    };
    findings.push(compliance(slices));
    findings.push(coherence(&observed.findings));
    findings
}

fn compliance(slices: &[(Timestamp, SliceStatus)]) -> Finding {
    let type_ = ConditionType::SLACompliant;
    let since = slices.first().map(|(end, _)| *end);
    let named = |verdict: Verdict| {
        let name = |slice: &SliceStatus| format!("{}/{}", slice.contract, slice.kpi_target);
        slices.iter().filter(|(_, slice)| slice.verdict == verdict).map(|(_, slice)| name(slice)).collect::<Vec<_>>()
    };
    let missed = named(Verdict::Missed);
    if !missed.is_empty() {
        let message = format!("this tier's customers missed {}", missed.join(", "));
        return Finding::is_false(type_, Reason::TargetMissed, message).since(since);
    }
    if let Some((reason, message)) = unclear(named) {
        return Finding::is_unknown(type_, reason, message).since(since);
    }
    if slices.is_empty() {
        return Finding::is_unknown(type_, Reason::NoClosedPeriod, "no KPI has been judged for this tier");
    }
    let excused = named(Verdict::Excused);
    if !excused.is_empty() {
        return Finding::is_true(type_, Reason::Excused, format!("excused: {}", excused.join(", "))).since(since);
    }
    Finding::is_true(type_, Reason::TargetMet, "this tier's customers got what they are owed").since(since)
}

fn coherence(findings: &[TierFinding]) -> Finding {
    let type_ = ConditionType::Coherent;
    match findings.first() {
        None => Finding::is_true(type_, Reason::Coherent, "the tier fits its contracts' other tiers"),
        Some(first) => {
            let reason = match first.finding {
                TierFlaw::TierGap => Reason::TierGap,
                TierFlaw::TierOverlap => Reason::TierOverlap,
                TierFlaw::TierInversion => Reason::TierInversion,
            };
            Finding::is_false(type_, reason, first.message.clone())
        }
    }
}
