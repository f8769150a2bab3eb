//! How a feed is: one type, from the scheduler to the conditions.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::api::condition::Reason;
use crate::api::vendor_contract::{FeedBackfill, FeedStatus};
use crate::domain::judgement::outcome::Judgement;
use crate::domain::terms::contract_terms::Terms;

/// What is said of a feed whose last poll succeeded.
pub const LAST_POLL_SUCCEEDED: &str = "the last poll succeeded";

/// How a feed is, rows left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedHealth {
    /// Fetched, Pending (never tried), or the kind of failure.
    pub reason: Reason,
    /// A sentence, safe to show.
    pub message: String,
    /// What a poll that succeeded noticed, such as that the vendor's clock is off; the message ends with it.
    pub note: Option<String>,
    /// Since when the reason is this one.
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
            note: None,
            since: None,
            backfilling: true,
            backfill: None,
            set_aside: 0,
            asked_until: None,
        }
    }
}

impl FeedHealth {
    /// The health that a status shows, for a feed that was not polled since the operator began: a restart alone is not news.
    /// `asked_until`: what the evidence says of that, which may be a little behind.
    pub fn remembered(status: &FeedStatus, asked_until: Option<Timestamp>) -> Option<FeedHealth> {
        let known = Reason::ALL.iter().copied().find(|reason| reason.as_str() == status.reason)?;
        let (reason, message) = match known {
            Reason::Pending | Reason::Suspended => return None,
            // Late follows from the rows, each time again.
            Reason::Fetched | Reason::Late => (Reason::Fetched, LAST_POLL_SUCCEEDED),
            failure => (failure, "state from before the operator restarted; not polled since"),
        };
        let message = message.to_owned();
        let set_aside = status.set_aside.unwrap_or(0);
        // The past is complete where the evidence says until when the vendor was asked.
        let backfilling = status.backfilling && asked_until.is_none();
        let backfill = status.backfill.filter(|_| backfilling);
        // A feed that was late was asked when its rows were due.
        let due = status.since.filter(|_| known == Reason::Late);
        let asked_until = asked_until.max(due);
        Some(FeedHealth {
            reason,
            message,
            note: None,
            since: status.since,
            backfilling,
            backfill,
            set_aside,
            asked_until,
        })
    }

    /// The health of a feed whose past is complete in the evidence up to an instant, though it was not polled since the operator began.
    pub fn fetched_before(asked_until: Option<Timestamp>) -> FeedHealth {
        FeedHealth {
            reason: Reason::Fetched,
            message: LAST_POLL_SUCCEEDED.to_owned(),
            note: None,
            since: None,
            backfilling: false,
            backfill: None,
            set_aside: 0,
            asked_until,
        }
    }

    /// The health after a poll that succeeded.
    pub fn fetched(notes: &[String]) -> FeedHealth {
        let note = (!notes.is_empty()).then(|| notes.join("; "));
        let message = match &note {
            None => LAST_POLL_SUCCEEDED.to_owned(),
            Some(note) => format!("{LAST_POLL_SUCCEEDED}; {note}"),
        };
        FeedHealth { message, note, ..FeedHealth::fetched_before(None) }
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
                note: None,
                since: Some(late_at),
                asked_until: None,
                ..self.clone()
            },
            // What a poll without news has asked is not news either.
            _ => FeedHealth { asked_until: None, ..self.clone() },
        }
    }
}

/// The health of every feed of a contract's terms, late ones marked; what was not fetched yet is Pending.
pub fn feeds_with_lateness(
    terms: &Terms,
    judgement: Option<&Judgement>,
    feeds: &BTreeMap<String, FeedHealth>,
    now: Timestamp,
) -> BTreeMap<String, Box<FeedHealth>> {
    let with_lateness = |name: &String| {
        let late_at = judgement.and_then(|judgement| judgement.feeds.get(name)).and_then(|coverage| coverage.late_at);
        Box::new(feeds.get(name).cloned().unwrap_or_default().with_lateness(late_at, now))
    };
    terms.contract.feeds.iter().map(|feed| (feed.name.clone(), with_lateness(&feed.name))).collect()
}
