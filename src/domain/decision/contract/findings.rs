//! The conditions of a contract.

use std::collections::BTreeMap;

use super::ObservedContract;
use crate::api::Shared;
use crate::api::condition::{ConditionStatus, ConditionType, Reason};
use crate::api::kpi_target::{KpiClass, Verdict};
use crate::api::sla_report::{KpiLine, SlaReportSpec};
use crate::api::vendor_contract::{Advice, Overdue, OverdueKind, VendorContractStatus};
use crate::domain::decision::conditions::{Finding, unclear};
use crate::domain::decision::kpi_target;
use crate::domain::holdings::FeedHealth;
use crate::domain::judgement::filed_reports::JudgedReport;
use crate::domain::judgement::outcome::Judgement;
use crate::domain::terms::contract_terms::Terms;

/// What the conditions of a contract say.
pub(super) fn findings(
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
pub(super) fn readiness(observed: &ObservedContract<'_>, feeds: &BTreeMap<String, FeedHealth>) -> Vec<Finding> {
    let ready = |reason, message: String| Finding::is_false(ConditionType::Ready, reason, message);
    if let Err(invalid) = observed.judgement {
        return kpi_target::stalled(&invalid.to_string());
    }
    let secret =
        feeds.iter().find(|(_, health)| matches!(health.reason, Reason::SecretNotFound | Reason::SecretNotAllowed));
    let finding = if let Some(problem) = observed.evidence_problem.as_ref().or(observed.no_room.as_ref()) {
        ready(Reason::EvidenceUnavailable, problem.clone())
    } else if !observed.unresolved.is_empty() {
        kpi_target::unresolved(observed.unresolved)
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
pub fn latest_report(judgement: &Judgement) -> Option<Shared<SlaReportSpec>> {
    let latest = judgement.reports.iter().max_by_key(|report| (report.period().start, report.revision()));
    latest.and_then(JudgedReport::open)
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
        deciding(&report).filter(|line| line.verdict == verdict).map(|line| line.name.as_str()).collect::<Vec<_>>()
    };
    let period = &report.period.name;
    let since = Some(report.period.end);
    let missed = named(Verdict::Missed);
    if !missed.is_empty() {
        return Finding::is_false(type_, Reason::TargetMissed, format!("{period}: missed {}", missed.join(", ")))
            .since(since);
    }
    if let Some((reason, message)) = unclear(named) {
        return Finding::is_unknown(type_, reason, format!("{period}: {message}")).since(since);
    }
    let excused = named(Verdict::Excused);
    if !excused.is_empty() {
        let message = format!("{period}: all met, with {} excused by accepted relief", excused.join(", "));
        return Finding::is_true(type_, Reason::Excused, message).since(since);
    }
    if deciding(&report).next().is_none() {
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
        if let Some(finding) = kpi_target::risk_finding(&kpi.risk) {
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
    // The number first: a message may be too short for all names, and it must be another one where one more is contradicted.
    let reports = match contradicted {
        [only] => format!("Final report {only}; the signed report does not change"),
        several => format!("{} Final reports, which do not change: {}", several.len(), several.join(", ")),
    };
    let message = format!("the evidence contradicts {reports}; kubectl bpo verify shows the difference");
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
