//! What a fetch of one feed is asked for, and what it brings.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::time_window::Window;
use crate::api::feed::{Feed, FeedJob};
use crate::domain::numbers::hexadecimal::hexadecimal;
use crate::domain::terms::calendar::Calendar;
use crate::evidence::{IncomingRow, RejectedRow};
use crate::outbound::client::Validators;
use crate::outbound::credentials::Credentials;
use crate::outbound::error::{FailureKind, FetchError};
use crate::outbound::secret::Redactor;

/// What to fetch.
#[derive(Clone, Debug)]
pub struct FetchRequest<'a> {
    /// The feed as its contract describes it.
    pub feed: &'a Feed,
    /// The contract's namespace.
    pub namespace: &'a str,
    /// The contract's time zone.
    pub time_zone: &'a str,
    /// The stretch of time.
    pub window: Window,
    /// The present instant by the operator's clock.
    pub now: Timestamp,
    /// Secrets and authorities, resolved for this feed.
    pub credentials: &'a Credentials,
    /// By what the last answer was known, where it may be "unchanged".
    pub validators: Option<&'a Validators>,
    /// The last answer, where the same one again needs no reading.
    pub known: Option<&'a KnownPage>,
    /// What the fetch before left behind, in the formats whose rows follow from two fetches.
    pub state: Option<&'a str>,
    /// When the feed's last row before the window ended that said anything, and on which days there is service; without it a slot
    /// about which nothing is said is never quiet before the first row of the answer.
    pub life: Life<'a>,
    /// The place of this request in a report that takes several.
    pub step: Step<'a>,
}

/// The place of a fetch in a report that takes several requests, and what its answers may be.
#[derive(Clone, Copy, Debug, Default)]
pub struct Step<'a> {
    /// The report that runs.
    pub ticket: Option<&'a Ticket>,
    /// Status codes beside 200 whose answer is one.
    pub accepted: &'a [u16],
    /// Status codes that mean "not there yet", in place of those of the feed's request.
    pub pending: Option<&'a [i64]>,
}

/// A fetch that succeeded.
#[derive(Debug)]
pub enum Fetched {
    /// The vendor says that nothing changed since the last answer.
    Unchanged,
    /// The vendor has sent the last answer again, byte by byte: it was not read a second time.
    Repeated(Box<Repeated>),
    /// All pages.
    Body(Box<FetchedBody>),
    /// The files of a folder that are new, each a body of its own, in their order; and what is wrong with the one after them.
    Files {
        /// What the files say.
        bodies: Vec<FetchedBody>,
        /// Why the next file could not be read.
        failure: Option<FetchError>,
    },
    /// The vendor is making a report: it is to be asked for later.
    Waiting(Box<Ticket>),
}

/// An answer of one page that was read before: by what it is known again, and what it said beside its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownPage {
    /// SHA-256 of the body.
    pub digest: [u8; 32],
    /// What the server called it.
    pub media_type: Option<String>,
    /// By which times the vendor says that it counts, in seconds by measure.
    pub thresholds: BTreeMap<String, i64>,
}

/// What is new of an answer whose body is not.
#[derive(Debug)]
pub struct Repeated {
    /// How far the vendor's clock is ahead (below zero: behind), where the answer says what it shows.
    pub ahead: Option<SignedDuration>,
    /// By what the next fetch may ask whether anything changed.
    pub validators: Option<Validators>,
}

/// All pages of a fetch.
#[derive(Debug)]
pub struct FetchedBody {
    /// The rows that passed the checks, in the order of the pages.
    pub rows: Vec<IncomingRow>,
    /// The rows that did not.
    pub rejected: Vec<RejectedRow>,
    /// How many pages there were.
    pub pages: usize,
    /// SHA-256 of the body; of several, SHA-256 over their digests in order.
    pub digest: [u8; 32],
    /// By what the body is known when it comes again; only of single pages.
    pub known: Option<KnownPage>,
    /// Host of the URL.
    pub url_host: Option<String>,
    /// By what the next fetch may ask whether anything changed; only of single pages.
    pub validators: Option<Validators>,
    /// What the next fetch has to know, in the formats whose rows follow from two fetches.
    pub state: Option<String>,
    /// The windows of which the body is the whole truth: known rows of theirs that it lacks no longer exist.
    pub truth: Vec<Window>,
    /// How far the vendor's clock is ahead (below zero: behind), where its first page says what it shows.
    pub ahead: Option<SignedDuration>,
    /// By which times the vendor says that it counts, in seconds by measure.
    pub thresholds: BTreeMap<String, i64>,
    /// Where the part of the window begins that is still to be asked for, where a fetch brings one part of it.
    pub rest: Option<Timestamp>,
}

impl FetchedBody {
    /// Takes secrets out of everything that the vendor said.
    pub(super) fn redact(&mut self, redactor: &Redactor) {
        // Of most bodies there is nothing to take out, and rows are many.
        if redactor.is_empty() {
            return;
        }
        for row in &mut self.rejected {
            row.text = redactor.redact(std::mem::take(&mut row.text));
        }
        let cleaned = |mut text: String| {
            redactor.redact_data(&mut text);
            text
        };
        for row in &mut self.rows {
            let labels = std::mem::take(&mut row.labels);
            row.labels = labels.into_iter().map(|(name, value)| (cleaned(name), cleaned(value))).collect();
            let measures = std::mem::take(&mut row.measures);
            row.measures = measures.into_iter().map(|(name, value)| (cleaned(name), value)).collect();
        }
        self.state = self.state.take().map(cleaned);
        let thresholds = std::mem::take(&mut self.thresholds);
        self.thresholds = thresholds.into_iter().map(|(measure, seconds)| (cleaned(measure), seconds)).collect();
        if let Some(known) = &mut self.known {
            known.thresholds.clone_from(&self.thresholds);
        }
    }

    /// Why the feed is not healthy although it answered: it has rows and none can be used.
    pub fn fault(&self) -> Option<FetchError> {
        let first = self.rejected.first().filter(|_| self.rows.is_empty())?;
        let message = format!("none of {} rows can be used; the first: {}", self.rejected.len(), first.reason);
        Some(FetchError::new(FailureKind::Malformed, message))
    }
}

/// A report that the vendor is making, as it is kept with the feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// Identifies the job: the contract may describe another one by now.
    pub(crate) spec: String,
    /// Empty while it is not known: the report is about to be started.
    pub(crate) handle: String,
    /// Identifies the report.
    #[serde(default)]
    pub(crate) key: String,
    pub(crate) since: Timestamp,
    pub(crate) until: Timestamp,
    pub(crate) started: Timestamp,
}

impl Ticket {
    /// The window of which the report is.
    pub(crate) fn window(&self) -> Window {
        Window { since: self.since, until: self.until }
    }

    /// A report that is about to be started.
    pub(crate) fn intended(job: &FeedJob, part: Window, now: Timestamp) -> Self {
        let Window { since, until } = part;
        Ticket { spec: spec_of(job), handle: String::new(), key: any_key(), since, until, started: now }
    }

    /// Whether nobody knows whether the report was started.
    pub(crate) fn is_intended(&self) -> bool {
        self.handle.is_empty()
    }

    /// Whether it is of the job that the feed describes now.
    pub(crate) fn is_of(&self, feed: &Feed) -> bool {
        feed.job.as_ref().is_some_and(|job| self.spec == spec_of(job))
    }
}

pub(crate) fn spec_of(job: &FeedJob) -> String {
    hexadecimal(Sha256::digest(serde_json::to_string(job).unwrap_or_default()))
}

/// A text that no other report has.
pub(crate) fn any_key() -> String {
    format!("{:032x}", fastrand::u128(..))
}

/// What is known of a feed before the window of a fetch.
#[derive(Clone, Copy, Debug, Default)]
pub struct Life<'a> {
    /// When the last row ended that said anything.
    pub last_row: Option<Timestamp>,
    /// The contract's calendar; without one, every day has service.
    pub calendar: Option<&'a Calendar>,
}
