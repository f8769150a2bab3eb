//! What a reconcile of a CampaignLaunch wants.

mod findings;
mod live_load;
mod notices;
pub mod observed;
pub use notices::spike_text;

use jiff::Timestamp;

use super::Notice;
use super::conditions::{Finding, conditions, whole_second};
use crate::api::campaign_launch::{
    CampaignLaunchStatus, GateState, GateStatus, LaunchDecision, LaunchPhase, MetricResult,
};
use crate::api::condition::{ConditionStatus, ConditionType, Kind, Reason};
use crate::domain::holdings::AwaitedContract;
use crate::domain::launch::demand::{StaffingPlan, shown_after};
use crate::domain::launch::readiness::{Readiness, rests_on_evidence_alone};
use crate::domain::numbers::statistics::survey_sample_size;

use findings::{Seen, look};
pub use findings::{feeds_read, past_of, past_of_further};
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
    match (&seen, observed.before()) {
        (Some(seen), before) => {
            fill(&mut status, observed, seen, now);
            if let Some(before) = before {
                keep_what_is_unknown(&mut status, observed, before);
                keep_plan(&mut status, observed, before, now);
            }
        }
        (None, Some(before)) if !observed.awaited.is_empty() => status = before.clone(),
        (None, _) => {}
    }
    let findings = findings(observed, seen.as_ref());
    status.conditions = conditions(Kind::CampaignLaunch, &findings, previous, observed.generation, now);
    let is_known = observed.past == Past::Known && observed.awaited.is_empty();
    let is_due = now >= observed.spec.launch_at && observed.kept_decision.is_none();
    DecidedLaunch {
        keep: status.decision.filter(|_| is_due && is_known),
        notices: notices::notices(&observed.previous.cloned().unwrap_or_default(), &status),
        next: seen.and_then(|seen| seen.next),
        status,
    }
}

/// What was found last of the same spec, which holds for a moment after a restart, until its contracts are judged again. A contract that
/// cannot be judged is not waited for.
fn awaiting<'a>(observed: &ObservedLaunch<'a>) -> Option<&'a CampaignLaunchStatus> {
    let is_awaited = !observed.awaited.is_empty() && problem(observed).is_none();
    let is_whole = observed.invalid.is_none() && observed.unresolved.is_empty();
    observed.before().filter(|_| is_awaited && is_whole && observed.is_patient)
}

/// The first awaited contract that says what is wrong, and what that is.
fn problem<'a>(observed: &ObservedLaunch<'a>) -> Option<(&'a AwaitedContract, &'a str)> {
    observed.awaited.iter().find_map(|contract| Some((contract, contract.problem.as_deref()?)))
}

/// Takes from the status before what cannot be worked out until the awaited contracts are judged.
fn keep_what_is_unknown(
    status: &mut CampaignLaunchStatus,
    observed: &ObservedLaunch<'_>,
    before: &CampaignLaunchStatus,
) {
    if observed.lacks_load() {
        (status.staffing, status.plan) = (before.staffing.clone(), before.plan.clone());
    }
    if observed.lacks_figures() {
        status.demand.clone_from(&before.demand);
        status.label_coverage_percent.clone_from(&before.label_coverage_percent);
        (status.spikes, status.cohorts) = (before.spikes.clone(), before.cohorts.clone());
        if before.phase == Some(LaunchPhase::Completed) {
            status.phase = before.phase;
        }
    }
    if observed.lacks_kpis() {
        let found =
            |name: &str| result(name, observed).or_else(|| before.metrics.iter().find(|it| it.kpi == name).cloned());
        status.metrics = observed.spec.success_metrics.iter().filter_map(|metric| found(&metric.kpi)).collect();
    }
    // A launch that must not go is not open again because a contract is awaited: that would be said twice.
    let was_refused = before.decision == Some(LaunchDecision::NoGo) && !observed.awaited.is_empty();
    if was_refused && status.decision == Some(LaunchDecision::Pending) {
        status.decision = before.decision;
    }
}

/// Keeps the plan as it was where nobody else is needed: each row moves what is usual a little, and a plan has hundreds of entries.
fn keep_plan(
    status: &mut CampaignLaunchStatus,
    observed: &ObservedLaunch<'_>,
    before: &CampaignLaunchStatus,
    now: Timestamp,
) {
    if observed.past == Past::Awaited {
        status.plan.clone_from(&before.plan);
        return;
    }
    status.plan = shown_after(&before.plan, std::mem::take(&mut status.plan), now);
    let is_kept = !status.plan.is_empty() && status.plan == before.plan;
    if let (true, Some(was), Some(is)) = (is_kept, &before.staffing, &status.staffing)
        && (&was.worst, was.short_intervals) == (&is.worst, is.short_intervals)
    {
        status.staffing.clone_from(&before.staffing);
    }
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
    // Intervals that begin keep what is shown of them: nothing is shown that rests on a part of the past.
    let is_known = observed.past != Past::Awaited && !observed.lacks_load();
    let plan = seen.plan.as_ref().filter(|_| !observed.lacks_load());
    status.staffing = plan.map(StaffingPlan::status);
    status.plan = plan.filter(|_| is_known).map(StaffingPlan::by_interval).unwrap_or_default();
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

/// Since when a gate has been Passed: what its evidence says where it asks for nothing else, otherwise when it was first seen so, or the
/// instant of the evidence if that is later. Files have no look before: there, evidence alone says it.
fn passed_at(gate: &GateStatus, observed: &ObservedLaunch<'_>, now: Timestamp) -> Option<Timestamp> {
    if gate.state != GateState::Passed {
        return None;
    }
    let agreed = observed.spec.gates.iter().find(|agreed| agreed.name == gate.name);
    let proven = agreed.and_then(|agreed| agreed.evidence.as_ref()).map(|evidence| evidence.passed_at);
    if agreed.is_some_and(rests_on_evidence_alone) {
        return proven;
    }
    let before = observed.previous?.gates.iter().find(|it| it.name == gate.name && it.state == GateState::Passed);
    let seen = before.and_then(|before| before.passed_at).unwrap_or_else(|| whole_second(now));
    Some(proven.map_or(seen, |proven| proven.max(seen)))
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
    // The first finding of a type speaks; of a type without one, the condition stays as it was.
    findings.extend(undecided(observed));
    let stays = !observed.awaited.is_empty() && observed.before().is_some();
    match seen {
        Some(seen) => {
            findings.extend(ready_or_not(&seen.readiness));
            if !(stays && observed.lacks_figures()) || seen.surge.state == LoadState::NotLive {
                findings.extend([spiking(&seen.surge), quality(&seen.surge)]);
            }
        }
        None if stays => {}
        None => findings.extend(nothing_known(observed)),
    }
    findings
}

/// That it cannot be known whether a launch is ready, with the contracts for which it waits.
fn undecided(observed: &ObservedLaunch<'_>) -> Option<Finding> {
    if observed.awaited.is_empty() || observed.spec.gates.is_empty() {
        return None;
    }
    let type_ = ConditionType::LaunchReady;
    Some(match problem(observed) {
        Some((contract, problem)) => {
            Finding::is_unknown(type_, Reason::EvidenceUnavailable, format!("contract {}: {problem}", contract.name))
        }
        None => {
            let names: Vec<&str> = observed.awaited.iter().map(|contract| contract.name.as_str()).collect();
            let message = format!("waiting for a judgement of contract {}", names.join(", "));
            Finding::is_unknown(type_, Reason::Pending, message)
        }
    })
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

/// Ready and Stalled: whether every reference resolves, and the evidence can be read.
fn references(observed: &ObservedLaunch<'_>) -> Vec<Finding> {
    if let Some(invalid) = &observed.invalid {
        return super::kpi_target::stalled(&invalid.to_string());
    }
    let ready = match problem(observed) {
        _ if !observed.unresolved.is_empty() => super::kpi_target::unresolved(observed.unresolved),
        Some((contract, problem)) => {
            let message = format!("contract {}: {problem}", contract.name);
            Finding::is_false(ConditionType::Ready, Reason::EvidenceUnavailable, message)
        }
        None => Finding::is_true(ConditionType::Ready, Reason::Reconciled, "every reference resolves"),
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
