//! What a reconcile of a CampaignLaunch wants.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Notice;
use super::conditions::{Finding, conditions};
use crate::api::campaign_launch::{
    CampaignLaunchSpec, CampaignLaunchStatus, GateState, GateStatus, LaunchDecision, MetricResult,
};
use crate::api::condition::{ConditionStatus, ConditionType, EventReason, Kind, Reason};
use crate::domain::calendar::{Calendar, Span};
use crate::domain::demand::{
    Baseline, Demand, Scheduled, StaffingFacts, StaffingPlan, campaign_demand, interval_seconds, is_of_campaign,
    offered_by_interval, plan_staffing, scheduled_by_interval,
};
use crate::domain::exact::Exact;
use crate::domain::facts::{InvalidSpec, KpiJudgement, Terms};
use crate::domain::ledger::Ledger;
use crate::domain::measures::Row;
use crate::domain::readiness::{KpiFact, LaunchFacts, Readiness, judge_launch};
use crate::domain::statistics::survey_sample_size;

/// All that a decision on a CampaignLaunch rests on.
#[derive(Clone, Debug)]
pub struct ObservedLaunch<'a> {
    /// Generation of its spec.
    pub generation: Option<i64>,
    /// The status that it has.
    pub previous: Option<&'a CampaignLaunchStatus>,
    /// Its spec.
    pub spec: &'a CampaignLaunchSpec,
    /// What is wrong with the spec itself.
    pub invalid: Option<InvalidSpec>,
    /// Contracts that it refers to and that do not exist.
    pub missing_contracts: Vec<String>,
    /// KpiTargets that it refers to and that do not exist.
    pub missing_kpis: Vec<String>,
    /// Feeds of the first contract that it refers to and that do not exist.
    pub missing_feeds: Vec<String>,
    /// The first contract; `None` until it is judged.
    pub contract: Option<LaunchContract<'a>>,
    /// What its contracts' judgements say of their KPIs.
    pub kpis: BTreeMap<String, KpiJudgement>,
    /// The decision that was kept when `launchAt` passed.
    pub kept_decision: Option<LaunchDecision>,
}

/// The first contract of a launch.
#[derive(Clone, Copy, Debug)]
pub struct LaunchContract<'a> {
    /// Its terms.
    pub terms: &'a Terms,
    /// The rows of its feeds.
    pub rows: &'a BTreeMap<String, Vec<Row>>,
}

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
///
/// Spikes and cohorts are not looked for yet, and other launches of the same vendor are not added to the load; the
/// conditions and the documentation say so.
pub fn decide_launch(observed: &ObservedLaunch<'_>, now: Timestamp) -> DecidedLaunch {
    let seen =
        observed.contract.filter(|_| observed.invalid.is_none()).and_then(|contract| look(observed, contract, now));
    let previous = observed.previous.map_or(&[][..], |previous| &previous.conditions);
    let mut status =
        CampaignLaunchStatus { observed_generation: observed.generation, ..CampaignLaunchStatus::default() };
    if let Some(seen) = &seen {
        fill(&mut status, observed, seen);
    }
    let findings = findings(observed, seen.as_ref().map(|seen| &seen.readiness));
    status.conditions = conditions(Kind::CampaignLaunch, &findings, previous, observed.generation, now);
    let launched = now >= observed.spec.launch_at;
    DecidedLaunch {
        keep: status.decision.filter(|_| launched && observed.kept_decision.is_none()),
        notices: observed.previous.map_or_else(Vec::new, |previous| notices(previous, &status)),
        next: seen.and_then(|seen| seen.readiness.next),
        status,
    }
}

/// What the rules say of a launch.
struct Seen {
    readiness: Readiness,
    demand: Demand,
    plan: Option<StaffingPlan>,
}

fn look(observed: &ObservedLaunch<'_>, contract: LaunchContract<'_>, now: Timestamp) -> Option<Seen> {
    let calendar = Calendar::of(&contract.terms.contract).ok()?;
    let ledgers: BTreeMap<&str, Ledger> =
        contract.rows.iter().map(|(feed, rows)| (feed.as_str(), Ledger::of_feed(rows, &calendar))).collect();
    let (demand, plan) = staff(observed.spec, &calendar, &ledgers, now);
    let coverage = plan.as_ref().and_then(StaffingPlan::coverage_percent);
    let kpis = observed
        .kpis
        .iter()
        .map(|(name, kpi)| (name.clone(), KpiFact { last: kpi.last.as_ref().map(|last| last.verdict) }))
        .collect();
    let measured = |feed: &str, measure: &str, span: Span| -> Option<Exact> {
        let known = ledgers.get(feed)?.known_at(now);
        let ended = known.rows().filter(|row| row.span().end > span.start && row.span().end <= span.end);
        ended.filter_map(|row| row.measure(measure)).reduce(|left, right| left + right)
    };
    let facts = LaunchFacts {
        spec: observed.spec,
        calendar: &calendar,
        kpis: &kpis,
        measured: &measured,
        coverage_percent: coverage.as_ref(),
        cohorts_complete: observed.spec.cohorts.is_none(),
        kept_decision: observed.kept_decision,
    };
    Some(Seen { readiness: judge_launch(&facts, now), demand, plan })
}

/// The campaign's own contacts, and the heads that they and the baseline need.
fn staff(
    spec: &CampaignLaunchSpec,
    calendar: &Calendar,
    ledgers: &BTreeMap<&str, Ledger>,
    now: Timestamp,
) -> (Demand, Option<StaffingPlan>) {
    let seconds = spec.staffing.as_ref().map_or(crate::domain::demand::DEFAULT_INTERVAL_SECONDS, interval_seconds);
    let own = spec.watch.as_ref().map(|watch| &watch.campaign_label);
    let baseline = spec.staffing.as_ref().and_then(|staffing| {
        let wanted = staffing.baseline.as_ref()?;
        let known = ledgers.get(wanted.feed.as_str())?.known_at(now);
        let without = |labels: &_| own.is_none_or(|own| !is_of_campaign(labels, own));
        Some(Baseline::of(&offered_by_interval(&known, calendar, seconds, without), calendar, wanted.weeks))
    });
    let demand = campaign_demand(spec, calendar, baseline.as_ref(), seconds);
    let plan = spec.staffing.as_ref().and_then(|staffing| {
        let by_feed = staffing.scheduled.as_ref().and_then(|scheduled| {
            let known = ledgers.get(scheduled.feed.as_deref()?)?.known_at(now);
            Some(scheduled_by_interval(&known, calendar, seconds, scheduled.measure.as_deref()?))
        });
        let always = staffing.scheduled.as_ref().and_then(|scheduled| scheduled.agents);
        let scheduled = match (&by_feed, always) {
            (Some(by_interval), _) => Scheduled::ByInterval(by_interval),
            (None, Some(agents)) => Scheduled::Always(agents),
            (None, None) => Scheduled::Unknown,
        };
        let facts =
            StaffingFacts { staffing, calendar, demand: &demand, baseline: baseline.as_ref(), others: &[], scheduled };
        plan_staffing(&facts)
    });
    (demand, plan)
}

fn fill(status: &mut CampaignLaunchStatus, observed: &ObservedLaunch<'_>, seen: &Seen) {
    let readiness = &seen.readiness;
    status.phase = Some(readiness.phase);
    status.decision = Some(readiness.decision);
    status.readiness_percent = Some(readiness.readiness_percent);
    status.blocked_by.clone_from(&readiness.blocked_by);
    status.blocked_by_summary = (!readiness.blocked_by.is_empty()).then(|| readiness.blocked_by.join(","));
    status.gates.clone_from(&readiness.gates);
    status.demand = (!observed.spec.channels.is_empty()).then(|| seen.demand.status());
    status.staffing = seen.plan.as_ref().map(StaffingPlan::status);
    status.sample_size = observed
        .spec
        .survey
        .as_ref()
        .filter(|survey| survey.conduct)
        .and_then(|survey| survey_sample_size(survey.margin_of_error_percent?.0));
    status.metrics = observed.spec.success_metrics.iter().filter_map(|metric| result(&metric.kpi, observed)).collect();
}

fn result(name: &str, observed: &ObservedLaunch<'_>) -> Option<MetricResult> {
    let kpi = observed.kpis.get(name)?;
    let (value, target, verdict) = match (&kpi.last, &kpi.current) {
        (Some(last), _) => (&last.value, &last.target, last.verdict),
        (None, Some(current)) => (&current.value, &current.target, current.verdict),
        (None, None) => return None,
    };
    Some(MetricResult { kpi: name.to_owned(), value: value.clone(), target: target.clone(), verdict })
}

fn findings(observed: &ObservedLaunch<'_>, readiness: Option<&Readiness>) -> Vec<Finding> {
    let mut findings = references(observed);
    match readiness {
        Some(readiness) => findings.extend(ready_or_not(readiness)),
        None => {
            let waiting = "waiting for the first contract to be judged";
            findings.push(Finding::is_unknown(ConditionType::AtRisk, Reason::NoData, waiting));
            findings.push(match observed.spec.gates.is_empty() {
                true => Finding::is_unknown(ConditionType::LaunchReady, Reason::NoGates, "the launch has no gates"),
                false => Finding::is_false(ConditionType::LaunchReady, Reason::GatesOpen, waiting),
            });
        }
    }
    let later = "not looked for by this version";
    findings.push(Finding::is_unknown(ConditionType::SpikeDetected, Reason::NotLive, later));
    findings.push(Finding::is_unknown(ConditionType::QualityHeld, Reason::NotLive, later));
    findings
}

/// Ready and Stalled: whether every reference resolves.
fn references(observed: &ObservedLaunch<'_>) -> Vec<Finding> {
    if let Some(invalid) = &observed.invalid {
        return super::kpi_target::stalled(&invalid.to_string());
    }
    let missing = [
        (Reason::ContractNotFound, "VendorContract", &observed.missing_contracts),
        (Reason::FeedNotFound, "feed of the first contract", &observed.missing_feeds),
        (Reason::KpiTargetNotFound, "KpiTarget", &observed.missing_kpis),
    ]
    .into_iter()
    .find(|(_, _, names)| !names.is_empty());
    let ready = match missing {
        Some((reason, what, names)) => Finding::is_false(
            ConditionType::Ready,
            reason,
            format!("no {what} named {}: create it, or correct the reference", names.join(", ")),
        ),
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

fn notices(previous: &CampaignLaunchStatus, status: &CampaignLaunchStatus) -> Vec<Notice> {
    let mut notices = super::kpi_target::shared_notices(&previous.conditions, &status.conditions);
    let failed = |gate: &&GateStatus| gate.state == GateState::Failed;
    for gate in status.gates.iter().filter(failed) {
        if !previous.gates.iter().filter(failed).any(|before| before.name == gate.name) {
            let message = gate.message.clone().unwrap_or_default();
            let key = format!("{} {}", gate.name, gate.due_at);
            notices.push(Notice::new(
                EventReason::GateFailed,
                key,
                format!("gate {} was due at {}: {message}", gate.name, gate.due_at),
            ));
        }
    }
    if previous.decision != status.decision {
        let generation = status.observed_generation.unwrap_or_default();
        let key = format!("{:?} {generation} {}", status.decision, status.blocked_by.join(","));
        match status.decision {
            Some(LaunchDecision::Go) => {
                notices.push(Notice::new(EventReason::LaunchGo, key, "every gate is passed or waived: go"));
            }
            Some(LaunchDecision::ConditionalGo) => {
                let note = "every blocking gate is passed or waived: go, with open gates that do not block";
                notices.push(Notice::new(EventReason::LaunchGo, key, note));
            }
            Some(LaunchDecision::NoGo) => {
                let note = format!("no go: blocked by {}", status.blocked_by.join(", "));
                notices.push(Notice::new(EventReason::LaunchNoGo, key, note));
            }
            Some(LaunchDecision::Pending) | None => {}
        }
    }
    notices
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn spec(gates: serde_json::Value) -> CampaignLaunchSpec {
        serde_json::from_value(json!({
            "contractRefs": [{"name": "acme"}], "product": "Fibre", "launchAt": "2026-11-30T08:00:00Z", "gates": gates,
        }))
        .unwrap()
    }

    fn decide_at(spec: &CampaignLaunchSpec, now: &str, kept: Option<LaunchDecision>) -> DecidedLaunch {
        let terms = Terms {
            contract: serde_json::from_value(json!({
                "vendor": {"name": "Acme"}, "term": {"start": "2026-01-01", "end": "2026-12-31"},
            }))
            .unwrap(),
            kpis: BTreeMap::new(),
            tiers: BTreeMap::new(),
        };
        let observed = ObservedLaunch {
            generation: Some(1),
            previous: Some(&CampaignLaunchStatus::default()),
            spec,
            invalid: None,
            missing_contracts: Vec::new(),
            missing_kpis: Vec::new(),
            missing_feeds: Vec::new(),
            contract: Some(LaunchContract { terms: &terms, rows: &BTreeMap::new() }),
            kpis: BTreeMap::new(),
            kept_decision: kept,
        };
        decide_launch(&observed, now.parse().unwrap())
    }

    #[test]
    fn a_launch_is_decided_by_its_gates_and_the_decision_is_kept_from_its_launch_on() {
        use LaunchDecision::{Go, NoGo, Pending};
        let passed = json!([{"name": "voice", "type": "VoiceOfCustomer", "due": "7d",
            "evidence": {"passedAt": "2026-11-20T12:00:00Z"}}]);
        let open = json!([{"name": "voice", "type": "VoiceOfCustomer", "due": "7d"}]);
        let cases = [
            (&passed, "2026-11-21T00:00:00Z", None, Go, None, vec!["LaunchGo"]),
            (&open, "2026-11-21T00:00:00Z", None, Pending, None, vec![]),
            (&open, "2026-11-29T00:00:00Z", None, NoGo, None, vec!["GateFailed", "LaunchNoGo"]),
            (&passed, "2026-11-30T08:00:00Z", None, Go, Some(Go), vec!["LaunchGo"]),
            (&passed, "2026-12-01T00:00:00Z", Some(NoGo), NoGo, None, vec!["LaunchNoGo"]),
        ];
        for (gates, now, kept, decision, keep, reasons) in cases {
            let decided = decide_at(&spec(gates.clone()), now, kept);
            let found: Vec<&str> = decided
                .notices
                .iter()
                .map(|notice| notice.reason.as_str())
                .filter(|reason| *reason != "AtRisk")
                .collect();
            assert_eq!(
                (decided.status.decision, decided.keep, found),
                (Some(decision), keep, reasons),
                "{now} {gates}"
            );
            assert_eq!(decided.status.conditions.len(), ConditionType::of_kind(Kind::CampaignLaunch).len());
        }
    }
}
