//! The outbox of alerts: the alerts that are active for each sink, and the messages about them, kept until they are settled.
//!
//! It lies next to the evidence so that one transaction holds a change and its messages. It is not evidence: no chain covers it, and its
//! contents are opaque to the store.

use jiff::Timestamp;

use super::model::StoreError;
use crate::domain::governance::scheduled_reports::HandedOver;

/// What a message says of its alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// The alert became active.
    Fired,
    /// The alert is no longer active.
    Resolved,
    /// A trial that somebody asked for; no alert becomes active.
    Test,
    /// A report; it belongs to no alert.
    Report,
}

impl MessageKind {
    /// As the store keeps it and as people read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fired => "fired",
            Self::Resolved => "resolved",
            Self::Test => "test",
            Self::Report => "report",
        }
    }

    /// Reads what a store keeps.
    pub(super) fn read(text: &str) -> Result<Self, StoreError> {
        let known =
            [Self::Fired, Self::Resolved, Self::Test, Self::Report].into_iter().find(|kind| kind.as_str() == text);
        known.ok_or_else(|| StoreError::Corrupt(format!("a message about an alert is of kind {text:.20?}")))
    }
}

/// A message that is about to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMessage {
    /// Name of the sink.
    pub sink: String,
    /// What identifies the alert.
    pub fingerprint: String,
    /// What it says.
    pub kind: MessageKind,
    /// The alert and its sink, as JSON.
    pub content: String,
}

/// A change of the journal of reports, and the message that goes with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReportEntry {
    /// A report begins to be looked at for a sink.
    Begin(HandedOver),
    /// A report is handed over: the entry and the message are written, unless the entry is there already.
    HandOver(HandedOver, NewMessage),
    /// The entry goes.
    Forget(HandedOver),
}

/// An alert that is active for a sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandingAlert {
    /// Name of the sink.
    pub sink: String,
    /// What identifies the alert.
    pub fingerprint: String,
    /// As the last message said it.
    pub content: String,
}

/// A message in the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxMessage {
    /// Rises with each message.
    pub id: i64,
    /// UID of the contract.
    pub contract_uid: String,
    /// Name of the sink.
    pub sink: String,
    /// What identifies the alert.
    pub fingerprint: String,
    /// What it says.
    pub kind: MessageKind,
    /// The alert and its sink, as JSON.
    pub content: String,
    /// When it was written, by the machine's own clock.
    pub written_at: Timestamp,
    /// How often its delivery was tried, the one that succeeded included.
    pub attempts: i64,
    /// Why it failed last.
    pub failure: Option<String>,
    /// When it was delivered or given up; `None` while it waits.
    pub settled_at: Option<Timestamp>,
    /// Whether it was delivered.
    pub delivered: bool,
}

/// A sink for which messages wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingSink {
    /// UID of the contract.
    pub contract_uid: String,
    /// Name of the sink.
    pub sink: String,
    /// How many messages wait.
    pub messages: i64,
}

/// What became of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The sink has it.
    Delivered,
    /// The sink does not have it; it goes on waiting.
    Failed(String),
    /// It was tried, and the sink will never have it.
    GivenUp(String),
    /// It is not wanted any more, or cannot be read: it was not even tried.
    Withdrawn(String),
}

/// What a store notes of a message after a delivery.
pub(super) struct Settled<'a> {
    /// How many attempts this was: one or none.
    pub attempts: i64,
    /// Why it failed.
    pub failure: Option<&'a str>,
    /// When it ceased to wait, in microseconds.
    pub settled_at: Option<i64>,
    /// Whether the sink has it.
    pub delivered: bool,
}

impl Delivery {
    /// What is noted of it at `now`.
    pub(super) fn noted(&self, now: Timestamp) -> Settled<'_> {
        let settled_at = Some(microseconds(now));
        match self {
            Self::Delivered => Settled { attempts: 1, failure: None, settled_at, delivered: true },
            Self::Failed(failure) => {
                Settled { attempts: 1, failure: Some(failure), settled_at: None, delivered: false }
            }
            Self::GivenUp(failure) => Settled { attempts: 1, failure: Some(failure), settled_at, delivered: false },
            Self::Withdrawn(failure) => Settled { attempts: 0, failure: Some(failure), settled_at, delivered: false },
        }
    }
}

/// How long settled messages are kept.
pub(super) const KEPT_FOR: jiff::SignedDuration = jiff::SignedDuration::from_hours(30 * 24);

/// An instant as the store keeps it.
pub(super) fn microseconds(instant: Timestamp) -> i64 {
    instant.as_microsecond()
}

/// An instant that the store keeps.
pub(super) fn from_microseconds(number: i64) -> Timestamp {
    Timestamp::from_microsecond(number).unwrap_or_default()
}

/// The instant before which settled messages go.
pub(super) fn kept_since(now: Timestamp) -> i64 {
    now.checked_sub(KEPT_FOR).map_or(i64::MIN, microseconds)
}
