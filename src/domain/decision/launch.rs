//! What a reconcile of a CampaignLaunch wants.

mod findings;
mod live_load;
mod notices;
pub mod observed;
pub use notices::spike_text;

use jiff::Timestamp;

use super::Notice;
use super::conditions::{Finding, conditions, whole_second};
use crate::api::campaign_launch::{CampaignLaunchStatus, GateState, GateStatus, LaunchDecision, MetricResult};
use crate::api::condition::{ConditionStatus, ConditionType, Kind, Reason};
use crate::domain::launch::demand::StaffingPlan;
use crate::domain::launch::readiness::Readiness;
use crate::domain::numbers::statistics::survey_sample_size;

use findings::{Seen, look};
pub use findings::{feeds_read, past_of};
use live_load::{LoadState, Surge};
use observed::{ObservedLaunch, Past};

/// Spikes that a status shows, and cohorts.
const SHOWN_SPIKES: usize = 10;
const SHOWN_COHORTS: usize = 20;

/// What a reconcile of a CampaignLaunch wants.
#[derive(Clone, Debug, PartialEq)]
pub struct DecidedLaunch {
    /// The status.
    pub status: CampaignLaunchStatus,
    /// The decision to keep from now on, since `launchAt` has passed and none was kept.
    pub keep: Option<LaunchDecision>,
    /// Transitions.
    pub notices: Vec<Notice>,
    /// When time alone may change it.
    pub next: Option<Timestamp>,
}

/// Decides what a CampaignLaunch's status says.
pub fn decide_launch(observed: &ObservedLaunch<'_>, now: Timestamp) -> DecidedLaunch {
    if let Some(status) = awaiting(observed) {
        return DecidedLaunch { status: status.clone(), keep: None, notices: Vec::new(), next: None };
    }
    let seen =
        observed.contract.filter(|_| observed.invalid.is_none()).and_then(|contract| look(observed, contract, now));
    let previous = observed.previous.map_or(&[][..], |previous| &previous.conditions);
    let mut status =
        CampaignLaunchStatus { observed_generation: observed.generation, ..CampaignLaunchStatus::default() };
    if let Some(seen) = &seen {
        fill(&mut status, observed, seen, now);
    }
    let findings = findings(observed, seen.as_ref());
    status.conditions = conditions(Kind::CampaignLaunch, &findings, previous, observed.generation, now);
    let launched = now >= observed.spec.launch_at;
    DecidedLaunch {
        keep: status.decision.filter(|_| launched && observed.kept_decision.is_none() && observed.past == Past::Known),
        notices: notices::notices(&observed.previous.cloned().unwrap_or_default(), &status),
        next: seen.and_then(|seen| seen.next),
        status,
    }
}

/// What was found last of the same spec, which holds until the first contract is judged again after a restart: without it, gates would
/// pass as if for the first time.
fn awaiting<'a>(observed: &ObservedLaunch<'a>) -> Option<&'a CampaignLaunchStatus> {
    let is_awaited = observed.contract.is_none() && observed.invalid.is_none() && observed.unresolved.is_empty();
    let previous = observed.previous.filter(|_| is_awaited)?;
    (previous.phase.is_some() && previous.observed_generation == observed.generation).then_some(previous)
}

fn fill(status: &mut CampaignLaunchStatus, observed: &ObservedLaunch<'_>, seen: &Seen, now: Timestamp) {
    let readiness = &seen.readiness;
    status.phase = Some(readiness.phase);
    status.decision = Some(readiness.decision);
    status.readiness_percent = Some(readiness.readiness_percent);
    status.blocked_by.clone_from(&readiness.blocked_by);
    status.blocked_by_summary = (!readiness.blocked_by.is_empty()).then(|| readiness.blocked_by.join(","));
    status.gates.clone_from(&readiness.gates);
    for gate in &mut status.gates {
        gate.passed_at = passed_at(gate, observed, now);
    }
    status.demand = (!observed.spec.channels.is_empty()).then(|| seen.demand.status());
    status.staffing = seen.plan.as_ref().map(StaffingPlan::status);
    status.plan = seen.plan.as_ref().map(StaffingPlan::by_interval).unwrap_or_default();
    status.sample_size = observed
        .spec
        .survey
        .as_ref()
        .filter(|survey| survey.conduct)
        .and_then(|survey| survey_sample_size(survey.margin_of_error_percent?.0));
    status.label_coverage_percent = seen.surge.labelled_percent.as_ref().map(|percent| percent.show_fixed(1));
    status.spikes = seen.surge.spikes.iter().rev().take(SHOWN_SPIKES).cloned().collect();
    status.cohorts = seen.cohorts.iter().take(SHOWN_COHORTS).cloned().collect();
    status.metrics = observed.spec.success_metrics.iter().filter_map(|metric| result(&metric.kpi, observed)).collect();
}

/// Since when a gate has been Passed: what its evidence says, else when it was first seen so. Files have no look before: there, evidence
/// alone says it.
fn passed_at(gate: &GateStatus, observed: &ObservedLaunch<'_>, now: Timestamp) -> Option<Timestamp> {
    if gate.state != GateState::Passed {
        return None;
    }
    let agreed = observed.spec.gates.iter().find(|agreed| agreed.name == gate.name);
    if let Some(evidence) = agreed.and_then(|agreed| agreed.evidence.as_ref()) {
        return Some(evidence.passed_at);
    }
    let before = observed.previous?.gates.iter().find(|it| it.name == gate.name && it.state == GateState::Passed);
    Some(before.and_then(|before| before.passed_at).unwrap_or_else(|| whole_second(now)))
}

/// What a success metric says: its latest closed period, or the running one where that ended before the launch.
fn result(name: &str, observed: &ObservedLaunch<'_>) -> Option<MetricResult> {
    let kpi = observed.kpis.get(name)?;
    let of_campaign = kpi.last_ended_at.is_some_and(|ended| ended > observed.spec.launch_at);
    let (value, target, verdict) = match (&kpi.last, kpi.current.as_ref()) {
        (Some(last), None) => (&last.value, &last.target, last.verdict),
        (Some(last), Some(current)) if of_campaign || current.value.is_none() => {
            (&last.value, &last.target, last.verdict)
        }
        (_, Some(current)) => (&current.value, &current.target, current.verdict),
        (None, None) => return None,
    };
    Some(MetricResult { kpi: name.to_owned(), value: value.clone(), target: target.clone(), verdict })
}

fn findings(observed: &ObservedLaunch<'_>, seen: Option<&Seen>) -> Vec<Finding> {
    let mut findings = references(observed);
    match seen {
        Some(seen) => {
            findings.extend(ready_or_not(&seen.readiness));
            findings.extend([spiking(&seen.surge), quality(&seen.surge)]);
        }
        None => findings.extend(nothing_known(observed)),
    }
    findings
}

fn nothing_known(observed: &ObservedLaunch<'_>) -> [Finding; 4] {
    let waiting = "waiting for the first contract to be judged";
    let ready = match observed.spec.gates.is_empty() {
        true => Finding::is_unknown(ConditionType::LaunchReady, Reason::NoGates, "the launch has no gates"),
        false => Finding::is_false(ConditionType::LaunchReady, Reason::GatesOpen, waiting),
    };
    [
        Finding::is_unknown(ConditionType::AtRisk, Reason::NoData, waiting),
        ready,
        Finding::is_unknown(ConditionType::SpikeDetected, Reason::NotLive, waiting),
        Finding::is_unknown(ConditionType::QualityHeld, Reason::NotLive, waiting),
    ]
}

const NOT_LIVE: &str = "the launch is not live";

fn spiking(surge: &Surge) -> Finding {
    let type_ = ConditionType::SpikeDetected;
    match (surge.state, surge.spikes.last()) {
        (LoadState::NotLive, _) => Finding::is_unknown(type_, Reason::NotLive, NOT_LIVE),
        (LoadState::NoBaseline, _) => {
            let message = "what is usual is not known: name a feed in spec.staffing.baseline that holds `offered` of at \
                           least 4 weeks";
            Finding::is_unknown(type_, Reason::NoBaseline, message)
        }
        (LoadState::Spiking, Some(spike)) => {
            Finding::is_true(type_, Reason::SpikeDetected, notices::spike_text(spike)).since(Some(spike.start))
        }
        (LoadState::Ordinary | LoadState::Spiking, last) => {
            let since = last.map(|spike| spike.end);
            Finding::is_false(type_, Reason::NoSpike, "the load is what is usual").since(since)
        }
    }
}

/// Whether quality held in the latest spike; where none strained the service, it did.
fn quality(surge: &Surge) -> Finding {
    let type_ = ConditionType::QualityHeld;
    let unknown = |reason, message| Finding::is_unknown(type_, reason, message);
    match (surge.state, surge.spikes.last()) {
        (LoadState::NotLive, _) => unknown(Reason::NotLive, NOT_LIVE),
        _ if !surge.watches_quality => unknown(Reason::NoData, "no KPI is watched: list KpiTargets in spec.watch.kpis"),
        (LoadState::NoBaseline, _) => unknown(Reason::NoData, "what is usual is not known"),
        (_, None) => Finding::is_true(type_, Reason::Held, "no spike has strained the service"),
        (_, Some(spike)) => match spike.quality_held {
            ConditionStatus::True => {
                let message = "in the latest spike no watched KPI was worse than in the four weeks before";
                Finding::is_true(type_, Reason::Held, message)
            }
            ConditionStatus::False => {
                let message = "in the latest spike a watched KPI was worse than in the four weeks before";
                Finding::is_false(type_, Reason::QualityDropped, message)
            }
            ConditionStatus::Unknown => unknown(Reason::NoData, "the watched KPIs have no figures of the latest spike"),
        },
    }
}

/// Ready and Stalled: whether every reference resolves.
fn references(observed: &ObservedLaunch<'_>) -> Vec<Finding> {
    if let Some(invalid) = &observed.invalid {
        return super::kpi_target::stalled(&invalid.to_string());
    }
    let ready = match observed.unresolved.is_empty() {
        true => Finding::is_true(ConditionType::Ready, Reason::Reconciled, "every reference resolves"),
        false => super::kpi_target::unresolved(observed.unresolved),
    };
    vec![ready, Finding::is_false(ConditionType::Stalled, Reason::Progressing, "the spec can be worked on")]
}

fn ready_or_not(readiness: &Readiness) -> [Finding; 2] {
    let (ready, ready_reason) = readiness.launch_ready;
    let (risk, risk_reason) = readiness.at_risk;
    let open = readiness.blocked_by.join(", ");
    let message = match ready {
        ConditionStatus::True => "every blocking gate is passed or waived".to_owned(),
        ConditionStatus::False => format!("open: {open}"),
        ConditionStatus::Unknown => "the launch has no gates".to_owned(),
    };
    let near: Vec<&str> = readiness
        .gates
        .iter()
        .filter(|gate| matches!(gate.state, GateState::AtRisk | GateState::Failed))
        .map(|gate| gate.name.as_str())
        .collect();
    let warning = if near.is_empty() { "no gate is near its due date".to_owned() } else { near.join(", ") };
    let finding = |type_, status, reason, message| Finding { type_, status, reason, message, since: None };
    [
        finding(ConditionType::LaunchReady, ready, ready_reason, message),
        finding(ConditionType::AtRisk, risk, risk_reason, warning),
    ]
}

#[cfg(test)]
mod tests;
