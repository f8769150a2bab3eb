//! One fetch of one feed: all pages of a window, or nothing.

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use reqwest::header::{ACCEPT, HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest, Sha256};
use url::Url;

use super::auth::{forget_token, hexadecimal, redactor, sign};
use super::client::{FeedClient, Page, PageRequest, PageResponse, Validators};
use super::credentials::{Authentication, Credentials, parse_url};
use super::error::{FailureKind, FetchError};
use super::format::openmetrics::{self, Scrape};
use super::format::{self, Mapping, ParsedPage};
use super::pagination::Pager;
use super::quality::{QualityRules, check};
use super::ranges;
use super::secret::Redactor;
use crate::api::feed::{Feed, TimeFormat};
use crate::api::scalar;
use crate::domain::headers::is_framing_or_routing;
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
}

/// A fetch that succeeded.
#[derive(Debug)]
pub enum Fetched {
    /// The vendor says that nothing changed since the last answer.
    Unchanged,
    /// All pages.
    Body(Box<FetchedBody>),
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
    /// How far the vendor's clock is ahead (below zero: behind), where its first page says what it shows.
    pub ahead: Option<SignedDuration>,
}

impl FetchedBody {
    /// Takes secrets out of everything that the vendor said.
    fn redact(&mut self, redactor: &Redactor) {
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

/// Fetches all pages of a window and checks their rows. Any failure gives no row at all.
///
/// `timeout` bounds each page with its retries; `interval`, and at most ten minutes, all pages together.
///
/// # Errors
/// See [`FailureKind`]; messages hold no secret of the request.
pub async fn fetch(client: &FeedClient, request: &FetchRequest<'_>) -> Result<Fetched, FetchError> {
    let whole = interval(request.feed).min(LONGEST_FETCH);
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
        other => other.map_err(|error| redactor.redact_error(error)),
    }
}

async fn pages(client: &FeedClient, request: &FetchRequest<'_>) -> Result<Fetched, FetchError> {
    let zone = zone_of_contract(request)?;
    if let Some(prometheus) = request.feed.format.as_ref().and_then(|format| format.prometheus.as_ref()) {
        let collected = ranges::collect(client, request, prometheus, &zone).await?;
        let body = collected.finish(request, parse_url(&request.feed.url)?.host_str());
        return Ok(Fetched::Body(Box::new(body)));
    }
    let reader = Arc::new(PageReader::new(request, zone));
    let mut walk = Walk::begin(request)?;
    let mut collected = Collected::default();
    while let Some(url) = walk.next.take() {
        let first = collected.digests.is_empty();
        let validators = request.validators.filter(|validators| first && !validators.is_empty());
        let PageResponse::Page(page) = ask(client, request, &url, validators).await? else {
            return Ok(Fetched::Unchanged);
        };
        collected.check_room(&page)?;
        let reader = reader.clone();
        let read = client.readers.run(move || {
            let parsed = reader.read(&page)?;
            walk.follow(&url, &page, &parsed)?;
            Ok((walk, page, parsed))
        });
        let (went_on, page, parsed) = read.await?;
        walk = went_on;
        collected.add(page, parsed)?;
    }
    Ok(Fetched::Body(Box::new(collected.finish(request, walk.base.host_str()))))
}

/// Reads pages of one fetch; owns what it needs, since it is called on threads of its own.
struct PageReader {
    feed: Feed,
    zone: TimeZone,
    now: Timestamp,
    state: Option<String>,
}

impl PageReader {
    fn new(request: &FetchRequest<'_>, zone: TimeZone) -> Self {
        PageReader { feed: request.feed.clone(), zone, now: request.now, state: request.state.map(str::to_owned) }
    }

    /// Reads a page; the rows of a scrape follow from it and the one before.
    fn read(&self, page: &Page) -> Result<ParsedPage, FetchError> {
        let mapping = Mapping { feed: &self.feed, zone: self.zone.clone(), cadence: cadence(&self.feed) };
        let Some(metrics) = self.feed.format.as_ref().and_then(|format| format.open_metrics.as_ref()) else {
            return format::parse(&mapping, page);
        };
        let at = Timestamp::from_second(self.now.as_second()).unwrap_or(self.now);
        let longest = mapping.cadence.max(interval(&self.feed).saturating_mul(2));
        let longest = SignedDuration::try_from(longest).unwrap_or(SignedDuration::MAX);
        let origin = origin(&self.feed);
        openmetrics::scrape(metrics, &Scrape { at, longest, origin: &origin, before: self.state.as_deref() }, page)
    }
}

/// The way through the pages of a window.
pub(super) struct Walk {
    base: Url,
    pager: Pager,
    /// The page that comes next; `None` at the end.
    pub(super) next: Option<Url>,
}

impl Walk {
    /// At the first page.
    pub(super) fn begin(request: &FetchRequest<'_>) -> Result<Self, FetchError> {
        let base = address(request.feed, request.window, &zone_of_contract(request)?)?;
        let mut pager = Pager::new(request.feed, base.clone())?;
        let next = Some(pager.first());
        Ok(Walk { base, pager, next })
    }

    /// Goes on to the page after this one.
    pub(super) fn follow(&mut self, url: &Url, page: &Page, parsed: &ParsedPage) -> Result<(), FetchError> {
        self.next = self.pager.next(url, page, parsed)?;
        Ok(())
    }
}

pub(super) fn zone_of_contract(request: &FetchRequest<'_>) -> Result<TimeZone, FetchError> {
    TimeZone::get(request.time_zone)
        .map_err(|error| FetchError::new(FailureKind::Mapping, format!("the contract's timeZone: {error}")))
}

/// Tells an endpoint from another, without its address.
fn origin(feed: &Feed) -> String {
    let asked = serde_json::to_string(&feed.request).unwrap_or_default();
    hexadecimal(&Sha256::digest(format!("{}\n{asked}", feed.url)))
}

/// The bytes that the pages of a fetch have together, unless they are too many.
pub(super) fn within_bound(bytes: usize) -> Result<usize, FetchError> {
    if bytes > MOST_BYTES {
        let message = format!("the pages of one fetch have more than {MOST_BYTES} bytes: serve less per window");
        return Err(FetchError::new(FailureKind::TooLarge, message));
    }
    Ok(bytes)
}

#[derive(Default)]
pub(super) struct Collected {
    rows: Vec<IncomingRow>,
    rejected: Vec<RejectedRow>,
    digests: Vec<[u8; 32]>,
    bytes: usize,
    validators: Option<Validators>,
    state: Option<String>,
    ahead: Option<SignedDuration>,
}

impl Collected {
    /// Whether the page fits into what one fetch may bring: asked before it is read, since reading takes more room than the text.
    pub(super) fn check_room(&self, page: &Page) -> Result<(), FetchError> {
        within_bound(self.bytes.saturating_add(page.body.len())).map(|_| ())
    }

    pub(super) fn add(&mut self, page: Page, parsed: format::ParsedPage) -> Result<(), FetchError> {
        self.bytes = within_bound(self.bytes.saturating_add(page.body.len()))?;
        self.digests.push(Sha256::digest(&page.body).into());
        self.rows.extend(parsed.rows);
        self.rejected.extend(parsed.rejected);
        self.ahead = self.ahead.or_else(|| page.clock_ahead());
        self.validators = Some(page.validators);
        self.state = parsed.state.or(self.state.take());
        Ok(())
    }

    pub(super) fn extend(&mut self, rows: Vec<IncomingRow>, rejected: Vec<RejectedRow>) {
        self.rows.extend(rows);
        self.rejected.extend(rejected);
    }

    fn finish(self, request: &FetchRequest<'_>, host: Option<&str>) -> FetchedBody {
        let derived = format::derived(request.feed);
        let plan = request.feed.plan.unwrap_or(false);
        let rules = QualityRules { now: request.now, plan, derived: &derived };
        let (rows, refused) = check(self.rows, rules);
        let mut rejected = self.rejected;
        rejected.extend(refused);
        let digest = match self.digests.as_slice() {
            [only] => *only,
            several => Sha256::digest(several.concat()).into(),
        };
        FetchedBody {
            rows,
            rejected,
            pages: self.digests.len(),
            digest,
            url_host: host.map(str::to_owned),
            validators: self.validators.filter(|validators| self.digests.len() == 1 && !validators.is_empty()),
            state: self.state,
            ahead: self.ahead,
        }
    }
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

/// Asks for one page; a token that was refused is fetched anew, once.
pub(super) async fn ask(
    client: &FeedClient,
    request: &FetchRequest<'_>,
    url: &Url,
    validators: Option<&Validators>,
) -> Result<PageResponse, FetchError> {
    let outcome = ask_once(client, request, url, validators).await;
    match outcome {
        Err(error)
            if error.kind == FailureKind::Auth && uses_token(request) && forget_token(client, request.credentials) =>
        {
            ask_once(client, request, url, validators).await
        }
        other => other,
    }
}

fn uses_token(request: &FetchRequest<'_>) -> bool {
    matches!(request.credentials.authentication, Authentication::OAuth2 { .. })
}

async fn ask_once(
    client: &FeedClient,
    request: &FetchRequest<'_>,
    url: &Url,
    validators: Option<&Validators>,
) -> Result<PageResponse, FetchError> {
    let timeout = timeout(request.feed);
    let mut url = url.clone();
    let mut headers = headers(request.feed)?;
    // What must not be asked must not be signed either: a secret is never prepared for a denied address.
    client.policy().check_url(&url)?;
    sign(client, request.credentials, request.namespace, timeout, &mut url, &mut headers).await?;
    let tls = &request.credentials.tls;
    let (tenant, identity) = (request.namespace, request.credentials.identity());
    client.get(&PageRequest { url, headers, tenant, tls, identity, validators, timeout, form: None }).await
}

fn headers(feed: &Feed) -> Result<HeaderMap, FetchError> {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static(format::accepted(feed)));
    for header in feed.request.iter().flat_map(|request| &request.headers) {
        let name = HeaderName::from_bytes(header.name.as_bytes());
        let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(&header.value)) else {
            let message = format!("request.headers: {:?} cannot be sent", header.name);
            return Err(FetchError::new(FailureKind::Mapping, message));
        };
        if ["authorization", "proxy-authorization", "cookie"].contains(&name.as_str()) {
            let message = format!("request.headers may not hold {name}: use `auth`");
            return Err(FetchError::new(FailureKind::Mapping, message));
        }
        // Contracts of an earlier version may hold them: the request is framed and routed by the operator all the same.
        if is_framing_or_routing(name.as_str()) {
            continue;
        }
        headers.append(name, value);
    }
    Ok(headers)
}

fn address(feed: &Feed, window: Window, zone: &TimeZone) -> Result<Url, FetchError> {
    let mut url = parse_url(&feed.url)?;
    url.set_fragment(None);
    let asked = feed.request.clone().unwrap_or_default();
    let mut query = url.query_pairs_mut();
    for parameter in &asked.query {
        query.append_pair(&parameter.name, &parameter.value);
    }
    if format::takes_window(feed) {
        let form = asked.time_format.unwrap_or(TimeFormat::Rfc3339);
        query.append_pair(asked.since_parameter.as_deref().unwrap_or("since"), &written(window.since, form, zone));
        query.append_pair(asked.until_parameter.as_deref().unwrap_or("until"), &written(window.until, form, zone));
    }
    drop(query);
    if url.query() == Some("") {
        url.set_query(None);
    }
    Ok(url)
}

/// An instant as the vendor wants it, to the second.
fn written(instant: Timestamp, form: TimeFormat, zone: &TimeZone) -> String {
    let whole = Timestamp::from_second(instant.as_second()).unwrap_or(instant);
    match form {
        TimeFormat::Rfc3339 => whole.to_string(),
        TimeFormat::Date => whole.to_zoned(zone.clone()).date().to_string(),
        TimeFormat::UnixSeconds => whole.as_second().to_string(),
        TimeFormat::UnixMilliseconds => whole.as_millisecond().to_string(),
    }
}
