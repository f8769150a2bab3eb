//! What a reconcile wants of each kind: its status, the notices to give, and when to look again.
//!
//! One function a kind makes the decision; the operator, the offline commands and the tests call that one.

pub mod adoption;
pub mod advice;
pub mod alerts;
pub mod conditions;
pub mod contract;
pub mod contract_governance;
pub mod kpi_target;
pub mod launch;
pub mod report_notices;
pub mod service_tier;
pub mod transitions;

use jiff::Timestamp;

use crate::api::condition::EventReason;
use crate::api::vendor_contract::{Overdue, OverdueKind, TriggerStatus};

/// A notice of a transition; it becomes an Event on the object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What happened.
    pub reason: EventReason,
    /// The same transition has the same key, so that a repeat after a crash is recognised: a period, a feed, an instant.
    pub key: String,
    /// A sentence for people.
    pub note: String,
}

impl Notice {
    /// A notice.
    pub fn new(reason: EventReason, key: impl Into<String>, note: impl Into<String>) -> Self {
        Notice { reason, key: key.into(), note: note.into() }
    }
}

/// That something is overdue: which Event says so, and in which words.
pub fn overdue_notice(overdue: &Overdue) -> (EventReason, String) {
    let (reason, what) = match overdue.kind {
        OverdueKind::Review => (EventReason::ReviewOverdue, "review"),
        OverdueKind::Deliverable => (EventReason::DeliverableOverdue, "deliverable"),
        OverdueKind::Plan => (EventReason::PlanOverdue, "rectification plan"),
        OverdueKind::Dispute => (EventReason::DisputeOverdue, "decision on dispute"),
    };
    (reason, format!("{what} {} was due on {}", overdue.name, overdue.due))
}

/// That a trigger fired, in words.
pub fn trigger_text(trigger: &TriggerStatus) -> String {
    let by = trigger.kpi.as_ref().map(|kpi| format!(" by {kpi}")).unwrap_or_default();
    format!("trigger {} fired in {}{by}: {}", trigger.name, trigger.period, trigger.then)
}

/// The earlier of two optional instants, of those after `now`.
pub fn earliest(instants: impl IntoIterator<Item = Option<Timestamp>>, now: Timestamp) -> Option<Timestamp> {
    instants.into_iter().flatten().filter(|instant| *instant > now).min()
}

#[cfg(test)]
mod tests;
