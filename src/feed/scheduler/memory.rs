//! What is remembered of a feed between its polls.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::FeedTask;
use super::windows::{LONGEST_WINDOW, Older, PlannedWindow, how_far};
use super::withdrawal::ShrunkSince;
use crate::api::vendor_contract::FeedBackfill;
use crate::evidence::BackfillProgress;
use crate::feed::fetch_request::KnownPage;
use crate::outbound::client::Validators;
use crate::outbound::error::FetchError;

/// How far the progress in the store may be behind, so that quiet polls write nothing.
const PROGRESS_LAG: SignedDuration = SignedDuration::from_hours(1);

/// What is remembered of a feed between polls; all of it can be lost.
#[derive(Clone, Debug)]
pub(super) struct Memory {
    /// How far the feed is; read from the store at the first poll.
    pub(super) progress: Option<BackfillProgress>,
    /// How far the first fetch of the past is, as it is shown.
    backfill: Option<FeedBackfill>,
    /// How far it is in the store.
    pub(super) stored: Option<BackfillProgress>,
    /// Whether the store was asked for the progress.
    pub(super) asked: bool,
    /// By what the last answer was known.
    pub(super) validators: Option<Validators>,
    /// The last body that was committed without a rejected row.
    pub(super) digest: Option<[u8; 32]>,
    /// The same, where it says nothing else when it comes again: then it need not be read.
    pub(super) page: Option<KnownPage>,
    /// The longest window that the vendor can serve.
    pub(super) longest: SignedDuration,
    /// When older slots of the look-back were asked for last.
    pub(super) older: Older,
    /// Since when answers lack more than half of the rows that are known.
    pub(super) shrunk_since: ShrunkSince,
    /// What is left of the window that was planned, where a fetch brings one part of it.
    pub(super) rest: Option<PlannedWindow>,
    /// Credentials that the vendor refused: it is not asked with the same ones before the feed's next turn.
    pub(super) refused: Option<Refused>,
    /// Since when the cluster has not given what a request needs.
    pub(super) unread_since: Option<Instant>,
    /// What was wrong with the last push.
    pub(super) push_failure: Option<FetchError>,
}

/// Credentials that the vendor refused.
#[derive(Clone, Debug)]
pub(super) struct Refused {
    pub(super) fingerprint: [u8; 32],
    pub(super) until: Instant,
    pub(super) error: FetchError,
}

impl Default for Memory {
    fn default() -> Self {
        Memory {
            progress: None,
            backfill: None,
            stored: None,
            asked: false,
            validators: None,
            digest: None,
            page: None,
            longest: LONGEST_WINDOW,
            older: Older::default(),
            shrunk_since: ShrunkSince::default(),
            rest: None,
            refused: None,
            unread_since: None,
            push_failure: None,
        }
    }
}

impl Memory {
    /// Notes that nothing is missing that the vendor had to say until an instant.
    pub(super) fn reached(&mut self, reached: Timestamp) {
        self.progress = Some(BackfillProgress { reached, completed: true });
    }

    /// Forgets what was learnt about another URL or mapping; how far the feed is stays.
    pub(super) fn forget_answers(&mut self) {
        let Memory { progress, backfill, stored, asked, shrunk_since, .. } = std::mem::take(self);
        *self = Memory { progress, backfill, stored, asked, shrunk_since, ..Memory::default() };
    }

    /// The last answer, where the same one again would change nothing: once an hour it is read, since how far the feed is goes into the
    /// store with what was read.
    pub(super) fn known_page(&self, planned: &PlannedWindow) -> Option<&KnownPage> {
        self.page.as_ref().filter(|_| planned.regular && !self.lags_behind(planned.progress))
    }

    /// Whether the store knows too little of how far the feed is.
    pub(super) fn lags_behind(&self, progress: BackfillProgress) -> bool {
        self.stored.is_none_or(|stored| {
            stored.completed != progress.completed || progress.reached.duration_since(stored.reached) >= PROGRESS_LAG
        })
    }

    /// Lets the next poll ask the vendor, whatever it said to the same credentials before.
    pub(super) fn forget_refusal(&mut self) {
        self.refused = None;
    }

    /// What the vendor said when it refused these credentials, where it is not time to ask it with them again.
    pub(super) fn refusal_of(&mut self, fingerprint: [u8; 32]) -> Option<FetchError> {
        let refused = self.refused.take()?;
        if refused.fingerprint != fingerprint || Instant::now() >= refused.until {
            return None;
        }
        Some(self.refused.insert(refused).error.clone())
    }

    /// Up to which instant the vendor was asked with success.
    pub(super) fn asked_until(&self) -> Option<Timestamp> {
        self.progress.map(|progress| progress.reached)
    }

    /// Whether the cluster has not failed for so long yet that the feed counts as failed. A moment of the API server is nothing to
    /// alert people of, least of all as a vendor's fault.
    pub(super) fn bears_with_the_cluster(&mut self, patience: Duration) -> bool {
        self.unread_since.get_or_insert_with(Instant::now).elapsed() < patience
    }

    /// Whether the first fetch of the past goes on.
    pub(super) fn backfilling(&self) -> bool {
        !self.progress.is_some_and(|progress| progress.completed)
    }

    /// How far it is.
    pub(super) fn backfill(&self) -> Option<FeedBackfill> {
        self.backfill
    }

    /// Notes how far the first fetch of the past is, at each step of it alone: that time passes is not progress.
    pub(super) fn note_backfill(&mut self, task: &FeedTask, now: Timestamp) {
        let reached = self.progress.filter(|progress| !progress.completed).map(|progress| progress.reached);
        if self.backfill.map(|backfill| backfill.fetched_until) != reached {
            self.backfill = reached.map(|reached| how_far(task, reached, now));
        }
    }
}
