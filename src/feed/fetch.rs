//! One fetch of one feed: all pages of a window, or nothing.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::auth::{forget_token, redactor, sign};
use super::client::{FeedClient, PageRequest, PageResponse, Validators};
use super::collected::Collected;
use super::credentials::{Authentication, Credentials, parse_url};
use super::each::{Selection, selections};
use super::error::{FailureKind, FetchError};
use super::files;
use super::job::{self, Ticket};
use super::pages::{Begun, PageReader, Walk, walk_through};
use super::quiet::Life;
use super::ranges;
use super::request::Call;
use super::secret::Redactor;
use super::window;
use crate::api::feed::Feed;
use crate::api::scalar;
use crate::domain::calendar::zone_of;
use crate::evidence::{IncomingRow, RejectedRow};

/// A stretch of time that a vendor is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// From when.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

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
    /// What the fetch before left behind, in the formats whose rows follow from two fetches.
    pub state: Option<&'a str>,
    /// When the feed's last row before the window ended that said anything, and on which days there is service; without it a slot
    /// about which nothing is said is never quiet before the first row of the answer.
    pub life: Life<'a>,
    /// Where in a report that takes several requests this one stands.
    pub step: Step<'a>,
}

/// Where in a report that takes several requests a fetch stands, and what its answers may be.
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
    /// Host of the URL.
    pub url_host: Option<String>,
    /// By what the next fetch may ask whether anything changed; only of single pages.
    pub validators: Option<Validators>,
    /// What the next fetch has to know, in the formats whose rows follow from two fetches.
    pub state: Option<String>,
    /// The windows of which the body is the whole truth: known rows of theirs that it lacks are no more.
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
    }

    /// Why the feed is not healthy although it answered: it has rows and none can be used.
    pub fn fault(&self) -> Option<FetchError> {
        let first = self.rejected.first().filter(|_| self.rows.is_empty())?;
        let message = format!("none of {} rows can be used; the first: {}", self.rejected.len(), first.reason);
        Some(FetchError::new(FailureKind::Malformed, message))
    }
}

/// Bytes that the pages of one fetch may have together.
const MOST_BYTES: usize = 64 * 1_024 * 1_024;
/// All pages of a window together may take as long as the interval, and no longer than this.
pub(super) const LONGEST_FETCH: Duration = Duration::from_secs(600);
const LONGEST_TIMEOUT: Duration = Duration::from_secs(60);
const LONGEST_INTERVAL: Duration = Duration::from_secs(86_400);
const DEFAULT_TIMEOUT: u64 = 10;
const DEFAULT_INTERVAL: u64 = 300;
const DEFAULT_CADENCE: u64 = 1_800;

pub(crate) fn seconds_or(duration: Option<scalar::Duration>, default: u64) -> Duration {
    let seconds = duration.and_then(|duration| duration.seconds()).and_then(|seconds| u64::try_from(seconds).ok());
    Duration::from_secs(seconds.unwrap_or(default))
}

/// The interval of a feed, from 30 s to 24 h, whatever a contract of an earlier version says.
pub fn interval(feed: &Feed) -> Duration {
    seconds_or(feed.interval, DEFAULT_INTERVAL).clamp(Duration::from_secs(30), LONGEST_INTERVAL)
}

/// How long one request of a feed may take, at most 60 s, whatever a contract of an earlier version says.
pub fn timeout(feed: &Feed) -> Duration {
    seconds_or(feed.timeout, DEFAULT_TIMEOUT).min(LONGEST_TIMEOUT)
}

/// How long one row of a feed is.
pub fn cadence(feed: &Feed) -> Duration {
    seconds_or(feed.cadence, DEFAULT_CADENCE)
}

/// How long one row of a feed is, signed as instants are compared.
pub(crate) fn row_length(feed: &Feed) -> SignedDuration {
    SignedDuration::try_from(cadence(feed)).unwrap_or(SignedDuration::MAX)
}

/// Fetches all pages of a window and checks their rows. Any failure gives no row at all.
///
/// `timeout` bounds each page with its retries; `interval`, and at most ten minutes, all pages together.
///
/// # Errors
/// See [`FailureKind`]; messages hold no secret of the request.
pub async fn fetch(client: &FeedClient, request: &FetchRequest<'_>) -> Result<Fetched, FetchError> {
    let whole = longest(request);
    let outcome = tokio::time::timeout(whole, pages(client, request)).await.unwrap_or_else(|_| {
        let message = format!("the pages together took more than {} s", whole.as_secs());
        Err(FetchError::new(FailureKind::Timeout, message))
    });
    let redactor = redactor(client, request.credentials);
    match outcome {
        Ok(Fetched::Body(mut body)) => {
            body.redact(&redactor);
            Ok(Fetched::Body(body))
        }
        Ok(Fetched::Files { mut bodies, failure }) => {
            bodies.iter_mut().for_each(|body| body.redact(&redactor));
            Ok(Fetched::Files { bodies, failure: failure.map(|error| redactor.redact_error(error)) })
        }
        other => other.map_err(|error| redactor.redact_error(error)),
    }
}

async fn pages(client: &FeedClient, request: &FetchRequest<'_>) -> Result<Fetched, FetchError> {
    let zone = zone_of_contract(request)?;
    if let Some(prometheus) = request.feed.format.as_ref().and_then(|format| format.prometheus.as_ref()) {
        let collected = ranges::collect(client, request, prometheus, &zone).await?;
        let body = collected.finish(request, &zone, parse_url(request.feed.address())?.host_str());
        return Ok(Fetched::Body(Box::new(body)));
    }
    if let Some(job) = &request.feed.job {
        return job::turn(client, request, job, &zone).await;
    }
    if let Some(wanted) = &request.feed.files {
        return files::turn(client, request, wanted, &zone).await;
    }
    let reader = Arc::new(PageReader::new(request, zone.clone()));
    let selections = selections(request.feed);
    let mut parts = VecDeque::from(windows(request, &zone));
    let is_one = parts.len() == 1 && selections.len() == 1;
    let validators = request.validators.filter(|validators| is_one && !validators.is_empty());
    let (mut collected, mut rest) = (Collected::of(client), None);
    let (began, turn) = (Instant::now(), client.turn().min(longest(request) / 2));
    while let Some(part) = parts.pop_front() {
        // What is left follows at once, so that no number of requests is too many for one fetch.
        if !collected.digests.is_empty() && began.elapsed() > turn {
            rest = Some(part.since);
            break;
        }
        collected.begin(part);
        match ask_for(client, request, &reader, part, &selections, validators, &mut collected).await? {
            Asked::Unchanged => return Ok(Fetched::Unchanged),
            Asked::Whole => collected.end(request.feed, &zone),
            Asked::Cut => {
                let (first, second) = halves(request.feed, &zone, part)?;
                collected.forget_part();
                parts.push_front(second);
                parts.push_front(first);
            }
        }
    }
    let host = parse_url(&request.feed.url)?;
    let mut body = collected.finish(request, &zone, host.host_str());
    body.rest = rest;
    Ok(Fetched::Body(Box::new(body)))
}

/// What became of a window that was asked for.
enum Asked {
    /// Nothing changed since the last answer.
    Unchanged,
    /// Every page came.
    Whole,
    /// An answer has as many rows as the vendor gives at most.
    Cut,
}

/// Asks for a window, once for each selection of the feed's lists.
async fn ask_for(
    client: &FeedClient,
    request: &FetchRequest<'_>,
    reader: &Arc<PageReader>,
    part: Window,
    selections: &[Selection],
    validators: Option<&Validators>,
    collected: &mut Collected,
) -> Result<Asked, FetchError> {
    for selection in selections {
        let walk = Walk::begin(request, part, selection.clone())?;
        let through = walk_through(client, request, reader, part, walk, Begun::Asking(validators), collected);
        match through.await? {
            None => return Ok(Asked::Unchanged),
            Some(rows) if is_cut(request.feed, rows) => return Ok(Asked::Cut),
            Some(_) => {}
        }
    }
    Ok(Asked::Whole)
}

/// The windows in which a fetch asks, in order; none where nothing is old enough yet.
pub(super) fn windows(request: &FetchRequest<'_>, zone: &TimeZone) -> Vec<Window> {
    let aligned = window::aligned(request.feed, zone, request.window, request.now);
    aligned.map_or_else(Vec::new, |aligned| window::parts(request.feed, zone, aligned))
}

/// Whether an answer has as many rows as the vendor gives at most: there may be more.
pub(super) fn is_cut(feed: &Feed, rows: usize) -> bool {
    let limit = feed.pagination.as_ref().and_then(|pagination| pagination.limit);
    limit.is_some_and(|limit| i64::try_from(rows).is_ok_and(|rows| rows >= limit))
}

/// A window in two, cut at the edge of a slot.
///
/// # Errors
/// `TooLarge` where it is one slot.
pub(super) fn halves(feed: &Feed, zone: &TimeZone, window: Window) -> Result<(Window, Window), FetchError> {
    let edge = window::middle(feed, zone, window).ok_or_else(|| {
        let message = format!(
            "the answer has as many rows as pagination.limit for one slot, from {} to {}: there may be more; write a shorter cadence",
            window.since, window.until
        );
        FetchError::new(FailureKind::TooLarge, message)
    })?;
    Ok((Window { until: edge, ..window }, Window { since: edge, ..window }))
}

/// How long all pages of a fetch may take: the interval, and the time for which a vendor's limit makes it wait.
pub(super) fn longest(request: &FetchRequest<'_>) -> Duration {
    let paced = zone_of_contract(request).ok().and_then(|zone| {
        let per_minute = window::per_minute(request.feed)?;
        let requests = windows(request, &zone).len().saturating_mul(selections(request.feed).len());
        let requests = u32::try_from(requests).ok()?;
        Some(Duration::from_secs(60).saturating_mul(requests) / per_minute)
    });
    interval(request.feed).saturating_add(paced.unwrap_or_default()).min(LONGEST_FETCH)
}

pub(super) fn zone_of_contract(request: &FetchRequest<'_>) -> Result<TimeZone, FetchError> {
    zone_of(request.time_zone)
        .map_err(|error| FetchError::new(FailureKind::Mapping, format!("the contract's timeZone: {error}")))
}

/// The bytes that the pages of a fetch have together, unless they are too many.
pub(super) fn within_bound(bytes: usize) -> Result<usize, FetchError> {
    if bytes > MOST_BYTES {
        let message = format!("the pages of one fetch have more than {MOST_BYTES} bytes: serve less per window");
        return Err(FetchError::new(FailureKind::TooLarge, message));
    }
    Ok(bytes)
}

/// What is said of a vendor's clock: nothing while it is less than two minutes off. Steps, so that a figure that trembles is no news.
pub fn clock_is_off(ahead: SignedDuration) -> Option<String> {
    let steps = [(86_400, "a day"), (3_600, "an hour"), (900, "15 minutes"), (300, "5 minutes"), (120, "2 minutes")];
    let (_, step) = steps.iter().find(|(seconds, _)| ahead.abs().as_secs() >= *seconds)?;
    let what = match ahead.is_negative() {
        false => "ahead: rows that lie in the future are set aside",
        true => "behind: its newest rows may come late",
    };
    Some(format!("the vendor's clock is more than {step} {what}"))
}

/// Asks for one page; a token that was refused is fetched again, once.
pub(super) async fn ask(
    client: &FeedClient,
    request: &FetchRequest<'_>,
    call: &Call,
    validators: Option<&Validators>,
) -> Result<PageResponse, FetchError> {
    let outcome = ask_once(client, request, call, validators).await;
    match outcome {
        Err(error)
            if error.kind == FailureKind::Auth && uses_token(request) && forget_token(client, request.credentials) =>
        {
            ask_once(client, request, call, validators).await
        }
        other => other,
    }
}

fn uses_token(request: &FetchRequest<'_>) -> bool {
    matches!(
        request.credentials.authentication,
        Authentication::OAuth2(_) | Authentication::Login(_) | Authentication::JwtBearer(_)
    )
}

async fn ask_once(
    client: &FeedClient,
    request: &FetchRequest<'_>,
    call: &Call,
    validators: Option<&Validators>,
) -> Result<PageResponse, FetchError> {
    let timeout = timeout(request.feed);
    let per_minute = window::per_minute(request.feed);
    if let Some(per_minute) = per_minute {
        client.pace(request.namespace, &call.url, per_minute).await;
    }
    let mut call = call.clone();
    // What must not be asked must not be signed either: a secret is never prepared for a denied address.
    client.policy().check_url(&call.url, request.namespace)?;
    sign(client, request.credentials, request.namespace, timeout, &mut call).await?;
    let Call { url, headers, post } = call;
    let tls = &request.credentials.tls;
    let of_feed = request.feed.request.as_ref().map_or(&[] as &[i64], |request| &request.pending);
    let (pending, accepted) = (request.step.pending.unwrap_or(of_feed), request.step.accepted);
    let (tenant, identity, fail_when) =
        (request.namespace, request.credentials.identity(), request.feed.fail_when.as_ref());
    let asked = PageRequest {
        url,
        headers,
        tenant,
        tls,
        identity,
        validators,
        timeout,
        post,
        pending,
        accepted,
        fail_when,
        per_minute,
    };
    client.get(&asked).await
}
