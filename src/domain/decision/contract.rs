//! What a reconcile of a VendorContract wants.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::advice::THRESHOLD_MISMATCH;
use super::alerts::{Addressed, AlertFacts, standing_alerts};
use super::conditions::{Finding, conditions, status_of};
use super::contract_governance::{Counsel, CounselFacts, counsel};
use super::{Notice, earliest};
use crate::api::ACKNOWLEDGED_ANNOTATION;
use crate::api::condition::{ConditionStatus, ConditionType, EventReason, Kind, Reason};
use crate::api::kpi_target::{KpiClass, Verdict};
use crate::api::sla_report::{KpiLine, SlaReportSpec};
use crate::api::vendor_contract::{
    Advice, AlertSinkStatus, FeedStatus, GovernanceStatus, Overdue, OverdueKind, VendorContractStatus,
};
use crate::domain::governance::deadlines::Governance;
use crate::domain::governance::escalation::{Acknowledgement, StandingLevel};
use crate::domain::holdings::{Dangling, FeedHealth, LaunchOfContract};
use crate::domain::judgement::outcome::Judgement;
use crate::domain::terms::amendments::TERMS_CHANGED;
use crate::domain::terms::calendar::Calendar;
use crate::domain::terms::contract_terms::Terms;
use crate::domain::terms::finding::InvalidSpec;
use crate::domain::terms::periods::Periods;

/// All that a decision on a contract rests on.
#[derive(Clone, Debug)]
pub struct ObservedContract<'a> {
    /// Namespace of the contract.
    pub namespace: &'a str,
    /// Name of the contract.
    pub name: &'a str,
    /// Generation of its spec.
    pub generation: Option<i64>,
    /// The status that it has.
    pub previous: Option<&'a VendorContractStatus>,
    /// The terms in force.
    pub terms: &'a Terms,
    /// What the rules say, or why the spec cannot be judged.
    pub judgement: Result<&'a Judgement, &'a InvalidSpec>,
    /// References of the contract that do not resolve: tiers that it lists and that do not exist.
    pub unresolved: &'a [Dangling],
    /// The feeds' health by name; a feed without an entry is Pending.
    pub feeds: BTreeMap<String, FeedHealth>,
    /// Why the evidence cannot be relied on, if it cannot: then nothing is judged from it.
    pub evidence_problem: Option<String>,
    /// That the store takes no rows for want of room: figures of what it has hold.
    pub no_room: Option<String>,
    /// Names of Final reports that a judgement of today contradicts.
    pub contradicted: Vec<String>,
    /// The launches that name the contract.
    pub launches: BTreeMap<String, LaunchOfContract>,
    /// Who has acknowledged what is escalated.
    pub acknowledged: Option<Acknowledgement>,
    /// State of the places where alerts are sent.
    pub alert_sinks: Vec<AlertSinkStatus>,
}

/// First and first later instant of the term; `None` where the zone is unknown.
pub fn term_of(terms: &Terms) -> Option<(Timestamp, Timestamp)> {
    let calendar = Calendar::of(&terms.contract).ok()?;
    let span = Periods::of(&terms.contract, &calendar).term()?;
    Some((span.start, span.end))
}

/// Who has acknowledged what is escalated, as the annotation of the contract says it; `None` where it says nothing that can be read.
pub fn acknowledgement_of(annotations: Option<&BTreeMap<String, String>>) -> Option<Acknowledgement> {
    Acknowledgement::parse(annotations?.get(ACKNOWLEDGED_ANNOTATION)?).ok()
}

fn governance_status(observed: &ObservedContract<'_>, governance: &Governance) -> GovernanceStatus {
    GovernanceStatus {
        next_review: governance.next_review.clone(),
        overdue: governance.overdue.iter().map(|overdue| overdue.item.clone()).take(20).collect(),
        disputes: governance.disputes.iter().take(20).cloned().collect(),
        plans: observed
            .judgement
            .map_or_else(|_| Vec::new(), |judgement| judgement.plans.iter().take(20).cloned().collect()),
    }
}

/// What a reconcile of a contract wants, in addition to its reports.
#[derive(Clone, Debug, PartialEq)]
pub struct ContractDecision {
    /// The status.
    pub status: VendorContractStatus,
    /// Transitions.
    pub notices: Vec<Notice>,
    /// The alerts that are active; `None` where the spec cannot be judged, and those that were active go on.
    pub alerts: Option<Vec<Addressed>>,
    /// When time alone may change it.
    pub next: Option<Timestamp>,
}

/// Decides what a contract's status says.
pub fn decide_contract(observed: &ObservedContract<'_>, now: Timestamp) -> ContractDecision {
    let feeds = feed_statuses(observed, now);
    if let (Some(_), Some(previous)) = (&observed.evidence_problem, observed.previous) {
        return unreliable(observed, previous, &feeds, now);
    }
    let counsel = counsel_on(observed, &feeds, now);
    let mut status = VendorContractStatus {
        observed_generation: observed.generation,
        phase: counsel.as_ref().map(|counsel| counsel.governance.phase),
        governance: counsel
            .as_ref()
            .map(|counsel| governance_status(observed, &counsel.governance))
            .filter(|governance| *governance != GovernanceStatus::default()),
        escalation: counsel.as_ref().and_then(|counsel| counsel.levels.last()).map(|standing| standing.status.clone()),
        alerts: observed.alert_sinks.clone(),
        feeds: feeds.iter().map(|(name, health)| feed_status(observed, name, health)).collect(),
        advice: counsel.iter().flat_map(|counsel| counsel.advice.iter().take(20).cloned()).collect(),
        ..VendorContractStatus::default()
    };
    if let Ok(judgement) = observed.judgement {
        status.period = judgement.period.clone();
        status.last = judgement.last.clone();
        status.kpis = judgement.counts.clone();
        status.credits = judgement.credits.clone();
        status.triggers = judgement.triggers.iter().take(20).cloned().collect();
    }
    let findings = findings(observed, &feeds, &status);
    let previous = observed.previous.map_or(&[][..], |previous| &previous.conditions);
    status.conditions = conditions(Kind::VendorContract, &findings, previous, observed.generation, now);
    let levels = counsel.as_ref().map_or(&[][..], |counsel| &counsel.levels);
    // Without a status nothing was reported yet: the first one that is written may hold all that an earlier one,
    // which was not written, would have reported.
    let told = observed.previous.cloned().unwrap_or_default();
    let notices = notices(&told, &status, &feeds, levels, observed.no_room.is_some());
    let alerts = alerts(observed, &feeds, counsel.as_ref(), now);
    let next = earliest(
        observed
            .judgement
            .iter()
            .flat_map(|judgement| {
                judgement.feeds.values().map(|coverage| coverage.late_at).chain([judgement.next]).collect::<Vec<_>>()
            })
            .chain([counsel.as_ref().and_then(|counsel| counsel.next)]),
        now,
    );
    ContractDecision { status, notices, alerts, next }
}

/// While the evidence cannot be relied on the status says so, and keeps every figure: a part of the rows would give other ones.
fn unreliable(
    observed: &ObservedContract<'_>,
    previous: &VendorContractStatus,
    feeds: &BTreeMap<String, FeedHealth>,
    now: Timestamp,
) -> ContractDecision {
    let findings = readiness(observed, feeds);
    let conditions = conditions(Kind::VendorContract, &findings, &previous.conditions, observed.generation, now);
    let status = VendorContractStatus { observed_generation: observed.generation, conditions, ..previous.clone() };
    let notices = evidence_notices(previous, &status, false);
    ContractDecision { status, notices, alerts: None, next: None }
}

fn counsel_on<'a>(
    observed: &'a ObservedContract<'_>,
    feeds: &'a BTreeMap<String, FeedHealth>,
    now: Timestamp,
) -> Option<Counsel<'a>> {
    let facts = CounselFacts {
        terms: observed.terms,
        judgement: observed.judgement.ok()?,
        feeds,
        launches: &observed.launches,
        acknowledged: observed.acknowledged.as_ref(),
    };
    counsel(facts, now)
}

fn alerts(
    observed: &ObservedContract<'_>,
    feeds: &BTreeMap<String, FeedHealth>,
    counsel: Option<&Counsel<'_>>,
    now: Timestamp,
) -> Option<Vec<Addressed>> {
    let counsel = counsel?;
    let facts = AlertFacts {
        namespace: observed.namespace,
        name: observed.name,
        terms: observed.terms,
        judgement: observed.judgement.ok()?,
        feeds,
        overdue: &counsel.governance.overdue,
        levels: &counsel.levels,
        launches: &counsel.launches,
    };
    Some(standing_alerts(&facts, now))
}

fn feed_statuses(observed: &ObservedContract<'_>, now: Timestamp) -> BTreeMap<String, FeedHealth> {
    let spec = &observed.terms.contract;
    let suspended = FeedHealth {
        reason: Reason::Suspended,
        message: "the contract is suspended".to_owned(),
        backfilling: false,
        ..FeedHealth::default()
    };
    spec.feeds
        .iter()
        .map(|feed| {
            if spec.suspend {
                return (feed.name.clone(), suspended.clone());
            }
            let late_at = observed
                .judgement
                .ok()
                .and_then(|judgement| judgement.feeds.get(&feed.name))
                .and_then(|coverage| coverage.late_at);
            let health = observed.feeds.get(&feed.name).cloned().unwrap_or_default();
            (feed.name.clone(), health.with_lateness(late_at, now))
        })
        .collect()
}

fn feed_status(observed: &ObservedContract<'_>, name: &str, health: &FeedHealth) -> FeedStatus {
    FeedStatus {
        name: name.to_owned(),
        healthy: health.is_healthy(),
        reason: health.reason.as_str().to_owned(),
        since: health.since.map(super::conditions::whole_second),
        watermark: observed
            .judgement
            .ok()
            .and_then(|judgement| judgement.feeds.get(name))
            .and_then(|coverage| coverage.watermark),
        backfilling: health.backfilling,
        backfill: health.backfill.filter(|_| health.backfilling),
        set_aside: (health.set_aside > 0).then_some(health.set_aside),
    }
}

fn findings(
    observed: &ObservedContract<'_>,
    feeds: &BTreeMap<String, FeedHealth>,
    status: &VendorContractStatus,
) -> Vec<Finding> {
    let suspended = observed.terms.contract.suspend;
    let mut findings = readiness(observed, feeds);
    findings.push(feed_health(feeds));
    findings.push(match observed.judgement {
        _ if suspended => {
            Finding::is_unknown(ConditionType::SLACompliant, Reason::Suspended, "the contract is suspended")
        }
        Ok(judgement) => compliance(judgement),
        Err(_) => Finding::is_unknown(ConditionType::SLACompliant, Reason::NoClosedPeriod, "the spec cannot be judged"),
    });
    findings.push(match observed.judgement {
        _ if suspended => Finding::is_unknown(ConditionType::AtRisk, Reason::Suspended, "the contract is suspended"),
        Ok(judgement) => risk(judgement, observed.terms),
        Err(_) => Finding::is_unknown(ConditionType::AtRisk, Reason::NoData, "the spec cannot be judged"),
    });
    findings.push(governance(status.governance.as_ref().map_or(&[], |governance| &governance.overdue)));
    findings.push(well_formed(&status.advice));
    findings.push(action_required(status));
    findings.push(consistent(&observed.contradicted));
    findings
}

/// Ready and Stalled.
fn readiness(observed: &ObservedContract<'_>, feeds: &BTreeMap<String, FeedHealth>) -> Vec<Finding> {
    let ready = |reason, message: String| Finding::is_false(ConditionType::Ready, reason, message);
    if let Err(invalid) = observed.judgement {
        return super::kpi_target::stalled(&invalid.to_string());
    }
    let secret =
        feeds.iter().find(|(_, health)| matches!(health.reason, Reason::SecretNotFound | Reason::SecretNotAllowed));
    let finding = if let Some(problem) = observed.evidence_problem.as_ref().or(observed.no_room.as_ref()) {
        ready(Reason::EvidenceUnavailable, problem.clone())
    } else if !observed.unresolved.is_empty() {
        super::kpi_target::unresolved(observed.unresolved)
    } else if let Some((name, health)) = secret {
        ready(health.reason, format!("feed {name}: {}", health.message))
    } else if observed.terms.contract.suspend {
        Finding::is_true(ConditionType::Ready, Reason::Suspended, "spec.suspend is true: nothing is fetched or judged")
    } else {
        Finding::is_true(ConditionType::Ready, Reason::Reconciled, "the contract is being measured")
    };
    vec![finding, Finding::is_false(ConditionType::Stalled, Reason::Progressing, "the spec can be worked on")]
}

/// The health of all feeds: the first that fails, by name, speaks.
fn feed_health(feeds: &BTreeMap<String, FeedHealth>) -> Finding {
    let type_ = ConditionType::FeedHealthy;
    let failing = feeds.iter().find(|(_, health)| health.is_failing());
    if let Some((name, health)) = failing {
        return Finding::is_false(type_, health.reason, format!("feed {name}: {}", health.message)).since(health.since);
    }
    let waiting = feeds.iter().find(|(_, health)| health.reason != Reason::Fetched);
    match waiting {
        Some((name, health)) => Finding::is_unknown(type_, health.reason, format!("feed {name}: {}", health.message)),
        None if feeds.is_empty() => Finding::is_unknown(type_, Reason::Pending, "the contract has no feed"),
        None => Finding::is_true(type_, Reason::Fetched, every_feed_answers(feeds))
            .since(feeds.values().filter_map(|health| health.since).max()),
    }
}

/// That every feed answers, and what a poll of one of them noticed, such as that the vendor's clock is off.
fn every_feed_answers(feeds: &BTreeMap<String, FeedHealth>) -> String {
    let note = feeds.iter().find_map(|(name, health)| Some(format!("; feed {name}: {}", health.note.as_ref()?)));
    format!("every feed answers{}", note.unwrap_or_default())
}

/// The report of the latest closed period, by its latest revision.
pub fn latest_report(judgement: &Judgement) -> Option<&SlaReportSpec> {
    judgement.reports.iter().max_by_key(|report| (report.period.start, report.revision))
}

/// Lines that decide a contract's compliance: of the Critical class, counted and measured.
fn deciding(report: &SlaReportSpec) -> impl Iterator<Item = &KpiLine> {
    report
        .kpis
        .iter()
        .filter(|line| line.class == KpiClass::Critical && !line.dry_run && line.verdict != Verdict::NotMeasured)
}

fn compliance(judgement: &Judgement) -> Finding {
    let type_ = ConditionType::SLACompliant;
    let Some(report) = latest_report(judgement) else {
        return Finding::is_unknown(type_, Reason::NoClosedPeriod, "no measurement period has closed yet");
    };
    let named = |verdict: Verdict| {
        deciding(report).filter(|line| line.verdict == verdict).map(|line| line.name.as_str()).collect::<Vec<_>>()
    };
    let period = &report.period.name;
    let since = Some(report.period.end);
    let missed = named(Verdict::Missed);
    if !missed.is_empty() {
        return Finding::is_false(type_, Reason::TargetMissed, format!("{period}: missed {}", missed.join(", ")))
            .since(since);
    }
    for (verdict, reason) in [
        (Verdict::NoData, Reason::NoData),
        (Verdict::Inconclusive, Reason::Inconclusive),
        (Verdict::InsufficientVolume, Reason::InsufficientVolume),
    ] {
        let unclear = named(verdict);
        if !unclear.is_empty() {
            return Finding::is_unknown(type_, reason, format!("{period}: {verdict} for {}", unclear.join(", ")))
                .since(since);
        }
    }
    let excused = named(Verdict::Excused);
    if !excused.is_empty() {
        let message = format!("{period}: all met, with {} excused by accepted relief", excused.join(", "));
        return Finding::is_true(type_, Reason::Excused, message).since(since);
    }
    if deciding(report).next().is_none() {
        return Finding::is_unknown(type_, Reason::NoData, format!("{period}: no Critical-class KPI was measured"))
            .since(since);
    }
    Finding::is_true(type_, Reason::TargetMet, format!("{period}: every Critical-class KPI is met")).since(since)
}

fn risk(judgement: &Judgement, terms: &Terms) -> Finding {
    let type_ = ConditionType::AtRisk;
    let counted = judgement.kpis.iter().filter(|(name, _)| {
        terms.kpis.get(*name).is_some_and(|kpi| kpi.class == KpiClass::Critical && !kpi.dry_run && !kpi.suspend)
    });
    let mut any_data = false;
    for (name, kpi) in counted {
        if let Some(finding) = super::kpi_target::risk_finding(&kpi.risk) {
            if finding.status == ConditionStatus::True {
                let message = format!("{name}: {}", finding.message);
                return Finding { type_, message, ..finding }.since(kpi.risk_since);
            }
            any_data = true;
        }
    }
    if any_data {
        Finding::is_false(type_, Reason::OnTrack, "no Critical-class KPI is at risk in the running period")
    } else {
        Finding::is_unknown(type_, Reason::NoData, "nothing is known yet of the running period")
    }
}

fn governance(overdue: &[Overdue]) -> Finding {
    let type_ = ConditionType::GovernanceCurrent;
    let Some(first) = overdue.first() else {
        return Finding::is_true(type_, Reason::Current, "no review, deliverable, plan or dispute is overdue");
    };
    let reason = match first.kind {
        OverdueKind::Review => Reason::ReviewOverdue,
        OverdueKind::Deliverable => Reason::DeliverableOverdue,
        OverdueKind::Plan => Reason::PlanOverdue,
        OverdueKind::Dispute => Reason::DisputeOverdue,
    };
    let names: Vec<String> = overdue.iter().map(|overdue| format!("{} (due {})", overdue.name, overdue.due)).collect();
    Finding::is_false(type_, reason, format!("overdue: {}", names.join(", ")))
}

fn well_formed(advice: &[Advice]) -> Finding {
    if advice.is_empty() {
        return Finding::is_true(ConditionType::WellFormed, Reason::NoFindings, "no advice on the contract itself");
    }
    let mut names: Vec<&str> = advice.iter().map(|advice| advice.finding.as_str()).collect();
    names.dedup();
    Finding::is_false(
        ConditionType::WellFormed,
        Reason::FindingsPresent,
        format!("{}: see status.advice", names.join(", ")),
    )
}

/// Whether what was signed still follows from the evidence.
fn consistent(contradicted: &[String]) -> Finding {
    let type_ = ConditionType::Consistent;
    if contradicted.is_empty() {
        return Finding::is_true(type_, Reason::ReportsHold, "every Final report follows from the evidence");
    }
    let message = format!(
        "the evidence says something else than Final report {}: it stays as it was signed; kubectl bpo verify shows the difference",
        contradicted.join(", ")
    );
    Finding::is_false(type_, Reason::ReportContradicted, message)
}

fn action_required(status: &VendorContractStatus) -> Finding {
    let type_ = ConditionType::ActionRequired;
    if let Some(escalation) = &status.escalation {
        let taken = escalation.acknowledged_by.as_ref().map(|by| format!(", acknowledged by {by}")).unwrap_or_default();
        let message = format!("escalated to level {} because of {}{taken}", escalation.level, escalation.cause);
        return Finding::is_true(type_, Reason::Escalated, message).since(Some(escalation.since));
    }
    match status.triggers.first() {
        Some(trigger) => Finding::is_true(
            type_,
            Reason::TriggerFired,
            format!("trigger {} fired in {}: {}", trigger.name, trigger.period, trigger.then),
        )
        .since(Some(trigger.fired_at)),
        None => Finding::is_false(type_, Reason::Nothing, "nothing asks for action"),
    }
}

/// Transitions from one status to the next.
fn notices(
    previous: &VendorContractStatus,
    status: &VendorContractStatus,
    feeds: &BTreeMap<String, FeedHealth>,
    levels: &[StandingLevel<'_>],
    is_full: bool,
) -> Vec<Notice> {
    let mut notices = Vec::new();
    for feed in &status.feeds {
        let before = previous.feeds.iter().find(|before| before.name == feed.name);
        let key = format!("{} {}", feed.name, feed.since.map(|since| since.to_string()).unwrap_or_default());
        let known = before.and_then(|before| before.set_aside).unwrap_or(0);
        if let Some(count) = feed.set_aside.filter(|count| *count > known) {
            notices.push(Notice::new(
                EventReason::EvidenceRejected,
                format!("{} {count}", feed.name),
                format!(
                    "feed {}: {count} rows contradict others or cover time that is covered already, and count in no figure: see `kubectl bpo feed rejected`",
                    feed.name
                ),
            ));
        }
        let failed = |feed: &FeedStatus| !feed.healthy && !matches!(feed.reason.as_str(), "Pending" | "Suspended");
        match before {
            Some(before) if failed(before) && feed.healthy => {
                notices.push(Notice::new(EventReason::FeedRecovered, key, format!("feed {} answers again", feed.name)))
            }
            before if failed(feed) && !before.is_some_and(failed) => {
                let message = feeds.get(&feed.name).map(|health| health.message.clone()).unwrap_or_default();
                notices.push(Notice::new(
                    EventReason::FeedFailing,
                    key,
                    format!("feed {}: {}: {message}", feed.name, feed.reason),
                ));
            }
            _ => {}
        }
    }
    for trigger in &status.triggers {
        if !previous.triggers.contains(trigger) {
            let kpi = trigger.kpi.as_ref().map(|kpi| format!(" by {kpi}")).unwrap_or_default();
            notices.push(Notice::new(
                EventReason::TriggerFired,
                format!("{} {}{kpi}", trigger.name, trigger.period),
                super::trigger_text(trigger),
            ));
        }
    }
    for trigger in &previous.triggers {
        if !status.triggers.iter().any(|now| now.name == trigger.name && now.kpi == trigger.kpi) {
            notices.push(Notice::new(
                EventReason::TriggerCleared,
                format!("{} {}", trigger.name, trigger.period),
                format!("trigger {} is no longer active", trigger.name),
            ));
        }
    }
    notices.extend(changes_of_terms(previous, status));
    notices.extend(contradicted_thresholds(previous, status));
    notices.extend(escalation_notices(previous, levels));
    notices.extend(overdue_notices(previous, status));
    notices.extend(evidence_notices(previous, status, is_full));
    notices.extend(super::kpi_target::shared_notices(&previous.conditions, &status.conditions));
    notices
}

/// A Final report that is contradicted, and a store that lost rows, since the status before.
fn evidence_notices(previous: &VendorContractStatus, status: &VendorContractStatus, is_full: bool) -> Vec<Notice> {
    let found = |status: &VendorContractStatus, type_: ConditionType, reason: Reason| {
        let condition = status.conditions.iter().find(|condition| condition.type_ == type_.as_str())?;
        (condition.reason == reason.as_str()).then(|| condition.message.clone())
    };
    let lost = if is_full { EventReason::StoreFull } else { EventReason::StoreRolledBack };
    let transitions = [
        (ConditionType::Consistent, Reason::ReportContradicted, EventReason::ReportContradicted),
        (ConditionType::Ready, Reason::EvidenceUnavailable, lost),
    ];
    let new = transitions.into_iter().filter_map(|(type_, reason, event)| {
        let message = found(status, type_, reason).filter(|_| found(previous, type_, reason).is_none())?;
        Some(Notice::new(event, message.clone(), message))
    });
    new.collect()
}

/// Each level that was raised since, one that passed while nobody looked too.
fn escalation_notices(previous: &VendorContractStatus, levels: &[StandingLevel<'_>]) -> Vec<Notice> {
    let before = previous.escalation.as_ref().map_or(0, |before| before.level);
    let raised = levels.iter().map(|standing| &standing.status).filter(|status| status.level > before);
    raised
        .map(|escalation| {
            let contacts =
                if escalation.contacts.is_empty() { "nobody".to_owned() } else { escalation.contacts.join(", ") };
            Notice::new(
                EventReason::EscalationRaised,
                format!("level {} {}", escalation.level, escalation.since),
                format!("level {} because of {}: {contacts} to respond", escalation.level, escalation.cause),
            )
        })
        .collect()
}

/// Each change of the terms that reaches back into the running period.
fn changes_of_terms(previous: &VendorContractStatus, status: &VendorContractStatus) -> Vec<Notice> {
    let changed = status.advice.iter().filter(|advice| advice.finding == TERMS_CHANGED);
    changed
        .filter(|advice| !previous.advice.contains(advice))
        .map(|advice| {
            let object = advice.kpi.as_deref().unwrap_or("the contract");
            let note = format!("{object}: {}", advice.message);
            Notice::new(EventReason::TermsChangedInPeriod, format!("{object} {}", advice.message), note)
        })
        .collect()
}

/// Each KPI whose feed says since the last look that it counts by another time than was agreed.
fn contradicted_thresholds(previous: &VendorContractStatus, status: &VendorContractStatus) -> Vec<Notice> {
    let found = status.advice.iter().filter(|advice| advice.finding == THRESHOLD_MISMATCH);
    found
        .filter(|advice| !previous.advice.contains(advice))
        .map(|advice| {
            let kpi = advice.kpi.as_deref().unwrap_or_default();
            Notice::new(
                EventReason::ThresholdMismatch,
                format!("{kpi} {}", advice.message),
                format!("{kpi}: {}", advice.message),
            )
        })
        .collect()
}

fn overdue_notices(previous: &VendorContractStatus, status: &VendorContractStatus) -> Vec<Notice> {
    let known = previous.governance.as_ref().map_or(&[][..], |governance| &governance.overdue);
    status
        .governance
        .iter()
        .flat_map(|governance| &governance.overdue)
        .filter(|overdue| !known.contains(overdue))
        .map(|overdue| {
            let (reason, note) = super::overdue_notice(overdue);
            Notice::new(reason, format!("{} {}", overdue.name, overdue.due), note)
        })
        .collect()
}

/// Whether the contract's compliance is known and good, bad, or unknown: for a metric.
pub fn compliant(status: &VendorContractStatus) -> Option<bool> {
    match status_of(&status.conditions, ConditionType::SLACompliant)? {
        ConditionStatus::True => Some(true),
        ConditionStatus::False => Some(false),
        ConditionStatus::Unknown => None,
    }
}
