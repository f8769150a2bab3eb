//! How polls end.

use std::time::Duration;

use jiff::Timestamp;

use crate::api::condition::{EventReason, Reason};
use crate::evidence::{CommitReport, StoreError};
use crate::outbound::error::FetchError;

/// How a poll ended.
#[derive(Clone, Debug, PartialEq)]
pub enum FeedOutcome {
    /// The vendor answered, and what it said is in the store.
    Fetched,
    /// The vendor is making a report, which is asked for later: nothing is known of the feed that was not known before.
    Waiting,
    /// The feed failed. Nothing was judged from it, and it has no rows.
    Failed(FetchError),
    /// The cluster did not give what the request needs, so the vendor was not asked: that is not the feed's failure, unless it lasts.
    NotAsked(FetchError),
    /// The vendor answered, but the store did not take it: that is not the feed's failure.
    NotStored(StoreError),
    /// The operator's clock is not to be trusted, so that nobody was asked, or what came was not kept: it is tried again once it is.
    ClocksDiffer,
}

impl FeedOutcome {
    /// Its word: that of the feed's health, or why nothing is known.
    pub fn as_str(&self) -> &'static str {
        match self {
            FeedOutcome::Waiting => Reason::Pending.as_str(),
            FeedOutcome::Fetched => Reason::Fetched.as_str(),
            FeedOutcome::Failed(error) | FeedOutcome::NotAsked(error) => error.kind.as_str(),
            FeedOutcome::NotStored(_) => Reason::EvidenceUnavailable.as_str(),
            FeedOutcome::ClocksDiffer => EventReason::ClockDiffers.as_str(),
        }
    }
}

/// A poll that ended.
#[derive(Clone, Debug)]
pub struct FeedEvent {
    /// UID of the VendorContract.
    pub contract_uid: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub contract: String,
    /// Name of the feed.
    pub feed: String,
    /// How it ended.
    pub outcome: FeedOutcome,
    /// What the commit did; none where nothing had to be committed.
    pub commit: Option<CommitReport>,
    /// When it ended, by the operator's clock.
    pub at: Timestamp,
    /// How long it took, in real time.
    pub took: Duration,
    /// Whether the feed's health or back-fill is another one than before.
    pub transition: bool,
    /// Whether the feed is polled again at once: more of the past follows.
    pub goes_on: bool,
}
