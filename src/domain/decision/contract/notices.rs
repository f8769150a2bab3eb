//! What is reported of a contract since its last status.

use std::collections::BTreeMap;

use crate::api::condition::{ConditionType, EventReason, Reason};
use crate::api::vendor_contract::{FeedStatus, TriggerStatus, VendorContractStatus};
use crate::domain::decision::advice::THRESHOLD_MISMATCH;
use crate::domain::decision::transitions::shared_notices;
use crate::domain::decision::{Notice, overdue_notice, trigger_text};
use crate::domain::governance::escalation::StandingLevel;
use crate::domain::holdings::FeedHealth;
use crate::domain::terms::amendments::TERMS_CHANGED;

/// Transitions from one status to the next.
pub(super) fn notices(
    previous: &VendorContractStatus,
    status: &VendorContractStatus,
    feeds: &BTreeMap<String, FeedHealth>,
    levels: &[StandingLevel<'_>],
    is_full: bool,
) -> Vec<Notice> {
    let mut notices = feed_notices(previous, status, feeds);
    notices.extend(trigger_notices(previous, status));
    notices.extend(changes_of_terms(previous, status));
    notices.extend(contradicted_thresholds(previous, status));
    notices.extend(escalation_notices(previous, levels));
    notices.extend(overdue_notices(previous, status));
    notices.extend(evidence_notices(previous, status, is_full));
    notices.extend(shared_notices(&previous.conditions, &status.conditions));
    notices
}

/// Each feed that fails or answers again, and rows that were set aside.
fn feed_notices(
    previous: &VendorContractStatus,
    status: &VendorContractStatus,
    feeds: &BTreeMap<String, FeedHealth>,
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
    notices
}

/// The KPI through which a trigger has fired, where it is one.
fn by_kpi(trigger: &TriggerStatus) -> String {
    trigger.kpi.as_ref().map(|kpi| format!(" by {kpi}")).unwrap_or_default()
}

/// Each trigger that has fired, and each that is no longer active.
fn trigger_notices(previous: &VendorContractStatus, status: &VendorContractStatus) -> Vec<Notice> {
    let mut notices = Vec::new();
    for trigger in &status.triggers {
        if !previous.triggers.contains(trigger) {
            notices.push(Notice::new(
                EventReason::TriggerFired,
                format!("{} {}{}", trigger.name, trigger.period, by_kpi(trigger)),
                trigger_text(trigger),
            ));
        }
    }
    for trigger in &previous.triggers {
        if !status.triggers.iter().any(|now| now.name == trigger.name && now.kpi == trigger.kpi) {
            notices.push(Notice::new(
                EventReason::TriggerCleared,
                format!("{} {}{}", trigger.name, trigger.period, by_kpi(trigger)),
                format!("trigger {} is no longer active", trigger.name),
            ));
        }
    }
    notices
}

/// A Final report that is contradicted, and a store that lost rows, since the status before.
pub(super) fn evidence_notices(
    previous: &VendorContractStatus,
    status: &VendorContractStatus,
    is_full: bool,
) -> Vec<Notice> {
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
        let message = found(status, type_, reason)?;
        let is_new = match found(previous, type_, reason) {
            None => true,
            // The message names the reports, so that another one is news. Of a store the sentence may change with each look.
            Some(before) => event == EventReason::ReportContradicted && before != message,
        };
        is_new.then(|| Notice::new(event, message.clone(), message))
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
            let (reason, note) = overdue_notice(overdue);
            Notice::new(reason, format!("{} {}", overdue.name, overdue.due), note)
        })
        .collect()
}
