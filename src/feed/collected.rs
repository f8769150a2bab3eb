//! What the pages of a fetch say together.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

use super::fetch_request::{FetchRequest, FetchedBody, KnownPage};
use super::format::mapping::ParsedPage;
use super::format::records::{self, FoundRecord};
use super::quality::{QualityRules, check};
use super::time_window::Window;
use super::timing::row_length;
use super::{quiet, window};
use crate::api::feed::Feed;
use crate::evidence::{IncomingRow, RejectedRow};
use crate::outbound::client::{FeedClient, Page, Validators};
use crate::outbound::error::{FailureKind, FetchError, presentable};
use crate::outbound::json::malformed;

/// The rows of the pages of one fetch, window by window.
#[derive(Default)]
pub(super) struct Collected {
    rows: Vec<IncomingRow>,
    rejected: Vec<RejectedRow>,
    /// The records of the window that is being read.
    records: Vec<FoundRecord>,
    /// The window that is being read, with how many rows and set-aside rows there were before it.
    part: Option<Part>,
    /// The windows about which everything was said, and nothing that could not be read.
    whole: Vec<Window>,
    pub(super) digests: Vec<[u8; 32]>,
    bytes: usize,
    validators: Option<Validators>,
    /// That of the last page.
    media_type: Option<String>,
    state: Option<String>,
    ahead: Option<SignedDuration>,
    /// By which times the vendor says that it counts.
    thresholds: BTreeMap<String, i64>,
    /// How many rows there may be.
    most_rows: usize,
}

#[derive(Clone, Copy)]
struct Part {
    window: Window,
    rows: usize,
    rejected: usize,
    digests: usize,
    is_pending: bool,
}

impl Collected {
    /// Nothing yet, with room for as many rows as a fetch of this client may bring.
    pub(super) fn of(client: &FeedClient) -> Self {
        Collected { most_rows: client.most_rows(), ..Collected::default() }
    }

    /// Begins a window.
    pub(super) fn begin(&mut self, window: Window) {
        let (rows, rejected, digests) = (self.rows.len(), self.rejected.len(), self.digests.len());
        self.part = Some(Part { window, rows, rejected, digests, is_pending: false });
    }

    /// Forgets what was read of a window, which is asked for again in two. Its bytes still count.
    pub(super) fn forget_part(&mut self) {
        let Some(part) = self.part.take() else { return };
        self.rows.truncate(part.rows);
        self.rejected.truncate(part.rejected);
        self.digests.truncate(part.digests);
        self.records.clear();
    }

    /// Notes that the vendor has nothing of this window yet.
    pub(super) fn pending(&mut self) {
        if let Some(part) = &mut self.part {
            part.is_pending = true;
        }
    }

    /// Ends a window: of a feed with a grid, only rows that lie wholly inside it are taken.
    pub(super) fn end(&mut self, feed: &Feed, zone: &TimeZone) {
        let Some(part) = self.part.take() else { return };
        if !self.records.is_empty() {
            let (rows, rejected) = records::rows(feed, zone, Some(part.window), std::mem::take(&mut self.records));
            self.extend(rows, rejected);
        }
        if window::is_on_grid(feed) {
            let rows = self.rows.split_off(part.rows.min(self.rows.len()));
            let (rows, across) = window::inside(feed, part.window, rows);
            self.extend(rows, across);
        }
        if !part.is_pending && self.rejected.len() == part.rejected {
            self.whole.push(part.window);
        }
    }

    /// Whether the page fits into what one fetch may bring: asked before it is read, since reading takes more room than the text.
    pub(super) fn check_room(&self, page: &Page) -> Result<(), FetchError> {
        within_bound(self.bytes.saturating_add(page.body.len())).map(|_| ())
    }

    /// Takes a page in.
    pub(super) fn add(&mut self, page: Page, parsed: ParsedPage) -> Result<(), FetchError> {
        let digest = Sha256::digest(&page.body).into();
        self.add_known(page, digest, parsed)
    }

    /// The same where the SHA-256 of its body is known.
    pub(super) fn add_known(&mut self, page: Page, digest: [u8; 32], parsed: ParsedPage) -> Result<(), FetchError> {
        self.bytes = within_bound(self.bytes.saturating_add(page.body.len()))?;
        self.say(parsed.thresholds)?;
        self.digests.push(digest);
        self.rows.extend(parsed.rows);
        self.rejected.extend(parsed.rejected);
        self.records.extend(parsed.records);
        if self.rows.len() + self.rejected.len() + self.records.len() > self.most_rows {
            let message = format!(
                "the pages of one fetch have more than {} rows, which is what there is memory for: serve less per window",
                self.most_rows
            );
            return Err(FetchError::new(FailureKind::TooLarge, message));
        }
        self.ahead = self.ahead.or_else(|| page.clock_ahead());
        self.validators = Some(page.validators);
        self.media_type = page.media_type;
        self.state = parsed.state.or(self.state.take());
        Ok(())
    }

    /// Notes by which times a page says that it counts. Pages of one answer cannot count by different ones.
    fn say(&mut self, thresholds: BTreeMap<String, i64>) -> Result<(), FetchError> {
        for (measure, seconds) in thresholds {
            let known = *self.thresholds.entry(measure.clone()).or_insert(seconds);
            if known != seconds {
                let shown = presentable(&measure, 40);
                return Err(malformed(format!(
                    "thresholds: {shown:?} is {known} on one page and {seconds} on another: say the same on each page"
                )));
            }
        }
        Ok(())
    }

    /// Takes rows in that belong to no page alone.
    pub(super) fn extend(&mut self, rows: Vec<IncomingRow>, rejected: Vec<RejectedRow>) {
        self.rows.extend(rows);
        self.rejected.extend(rejected);
    }

    /// The whole, with its rows checked.
    pub(super) fn finish(self, request: &FetchRequest<'_>, zone: &TimeZone, host: Option<&str>) -> FetchedBody {
        let derived = crate::feed::capabilities::derived(request.feed);
        let plan = request.feed.plan.unwrap_or(false);
        let rules = QualityRules { now: request.now, plan, cadence: row_length(request.feed), derived: &derived };
        let spoken: Vec<Window> = self.rows.iter().map(|row| Window { since: row.start, until: row.end }).collect();
        let (mut rows, refused) = check(self.rows, rules);
        let quiet = quiet::zeros(request.feed, zone, &self.whole, &spoken, &rows, request.life);
        rows.extend(quiet);
        let mut rejected = self.rejected;
        rejected.extend(refused);
        let rejected_none = rejected.is_empty();
        let digest = match self.digests.as_slice() {
            [only] => *only,
            several => Sha256::digest(several.concat()).into(),
        };
        FetchedBody {
            rows,
            rejected,
            pages: self.digests.len(),
            digest,
            known: (self.digests.len() == 1).then(|| KnownPage {
                digest,
                media_type: self.media_type,
                thresholds: self.thresholds.clone(),
            }),
            url_host: host.map(str::to_owned),
            validators: self.validators.filter(|validators| self.digests.len() == 1 && !validators.is_empty()),
            state: self.state,
            ahead: self.ahead,
            thresholds: self.thresholds,
            rest: None,
            truth: if crate::feed::capabilities::has_records(request.feed) && rejected_none {
                self.whole
            } else {
                Vec::new()
            },
        }
    }
}

/// Bytes that the pages of one fetch may have together.
pub(crate) const MOST_BYTES: usize = 64 * 1_024 * 1_024;

/// The bytes that the pages of a fetch have together, unless they are too many.
pub(super) fn within_bound(bytes: usize) -> Result<usize, FetchError> {
    if bytes > MOST_BYTES {
        let message = format!("the pages of one fetch have more than {MOST_BYTES} bytes: serve less per window");
        return Err(FetchError::new(FailureKind::TooLarge, message));
    }
    Ok(bytes)
}
