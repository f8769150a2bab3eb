//! What a reconcile wants of each kind: its status, the notices to give, and when to look again.
//!
//! One function a kind makes the decision; the operator, the offline commands and the tests call that one.

pub mod adoption;
pub mod conditions;
pub mod contract;
pub mod counsel;
pub mod kpi_target;
pub mod launch;
pub mod report_notices;
pub mod service_tier;

use jiff::Timestamp;

use crate::api::condition::{EventReason, Reason};
use crate::api::vendor_contract::{FeedBackfill, FeedStatus, Overdue, OverdueKind, TriggerStatus};

/// What is said of a feed whose last poll succeeded.
pub const LAST_POLL_SUCCEEDED: &str = "the last poll succeeded";

/// What is known of a feed besides its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedHealth {
    /// Fetched, Pending (never tried), or the kind of failure.
    pub reason: Reason,
    /// A sentence, safe to show.
    pub message: String,
    /// Since when the reason stands.
    pub since: Option<Timestamp>,
    /// Whether the past since the contract's start is still being fetched.
    pub backfilling: bool,
    /// How far that is, where it began and is not complete.
    pub backfill: Option<FeedBackfill>,
    /// How many rows of the latest answer were set aside because they contradict each other or cover time that is covered already.
    pub set_aside: i64,
    /// Up to which instant the vendor was asked with success; `None` where that is not known. What came since then nobody has seen yet.
    pub asked_until: Option<Timestamp>,
}

impl Default for FeedHealth {
    fn default() -> Self {
        FeedHealth {
            reason: Reason::Pending,
            message: "not fetched yet".to_owned(),
            since: None,
            backfilling: true,
            backfill: None,
            set_aside: 0,
            asked_until: None,
        }
    }
}

impl FeedHealth {
    /// The health that a status tells of, for a feed that was not polled since the operator began: a restart alone is no news.
    /// `asked_until`: what the evidence says of that, which may be a little behind.
    pub fn remembered(status: &FeedStatus, asked_until: Option<Timestamp>) -> Option<FeedHealth> {
        let told = Reason::ALL.iter().copied().find(|reason| reason.as_str() == status.reason)?;
        let (reason, message) = match told {
            Reason::Pending | Reason::Suspended => return None,
            // Late is told from the rows, each time anew.
            Reason::Fetched | Reason::Late => (Reason::Fetched, LAST_POLL_SUCCEEDED),
            failure => (failure, "as it was before the operator began again; not polled since"),
        };
        let message = message.to_owned();
        let set_aside = status.set_aside.unwrap_or(0);
        // The past is complete where the evidence says until when the vendor was asked.
        let backfilling = status.backfilling && asked_until.is_none();
        let backfill = status.backfill.filter(|_| backfilling);
        // A feed that was late was asked when its rows were due.
        let due = status.since.filter(|_| told == Reason::Late);
        let asked_until = asked_until.max(due);
        Some(FeedHealth { reason, message, since: status.since, backfilling, backfill, set_aside, asked_until })
    }

    /// The health of a feed whose past is complete in the evidence up to an instant, though it was not polled since the operator began.
    pub fn fetched_before(asked_until: Option<Timestamp>) -> FeedHealth {
        FeedHealth {
            reason: Reason::Fetched,
            message: LAST_POLL_SUCCEEDED.to_owned(),
            since: None,
            backfilling: false,
            backfill: None,
            set_aside: 0,
            asked_until,
        }
    }

    /// Whether the last fetch succeeded.
    pub fn is_healthy(&self) -> bool {
        self.reason == Reason::Fetched
    }

    /// Whether the first fetch of its past has not ended yet, and nothing has failed.
    pub fn is_being_fetched_first(&self) -> bool {
        self.reason == Reason::Pending || (self.is_healthy() && self.backfilling)
    }

    /// Whether its figures cannot be had, or not in time. A feed that waits to be fetched does not fail.
    pub fn is_failing(&self) -> bool {
        !matches!(self.reason, Reason::Fetched | Reason::Pending | Reason::Suspended)
    }

    /// This health, or `Late` where the fetches succeed and the rows have not come in time. That can be said only once the vendor was
    /// asked after they were due: before, they may lie there and wait for the next poll.
    pub fn with_lateness(&self, late_at: Option<Timestamp>, now: Timestamp) -> FeedHealth {
        let was_asked = |late_at: Timestamp| self.asked_until.is_some_and(|asked| late_at <= asked);
        match late_at.filter(|late_at| *late_at <= now && was_asked(*late_at)) {
            Some(late_at) if self.is_healthy() && !self.backfilling => FeedHealth {
                reason: Reason::Late,
                message: format!("the endpoint answers, but rows that were due by {late_at} have not come"),
                since: Some(late_at),
                asked_until: None,
                ..self.clone()
            },
            // What a poll without news has asked is no news either.
            _ => FeedHealth { asked_until: None, ..self.clone() },
        }
    }
}

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

/// That something is overdue: which Event tells it, and in which words.
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
    format!("trigger {} fired in {}{by}: {:?}", trigger.name, trigger.period, trigger.then)
}

/// The earlier of two optional instants, of those after `now`.
pub fn earliest(instants: impl IntoIterator<Item = Option<Timestamp>>, now: Timestamp) -> Option<Timestamp> {
    instants.into_iter().flatten().filter(|instant| *instant > now).min()
}

#[cfg(test)]
mod figures;
#[cfg(test)]
mod lateness;
#[cfg(test)]
mod lived;
#[cfg(test)]
mod month;
#[cfg(test)]
mod risk_month;
#[cfg(test)]
mod terms_changed;
