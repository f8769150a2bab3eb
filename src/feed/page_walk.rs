//! The pages of one window: how they follow each other, and how each is read.

use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::collected::Collected;
use super::each::{Selection, selections};
use super::fetch_request::{FetchRequest, KnownPage, Repeated};
use super::format::answer::{FailWhen, said_by_refusal};
use super::format::mapping::{Mapping, ParsedPage};
use super::format::openmetrics::{self, Scrape};
use super::pagination::Pager;
use super::request::Blank;
use super::time_window::Window;
use super::timing::{cadence, interval, timeout};
use super::{format, window};
use crate::api::ALLOWED_HOSTS_ANNOTATION;
use crate::api::feed::{AnswerCondition, Feed};
use crate::domain::numbers::hexadecimal::hexadecimal;
use crate::domain::terms::calendar::zone_of;
use crate::outbound::auth::{forget_token, sign};
use crate::outbound::call::{Call, host_and_port};
use crate::outbound::client::{FeedClient, Page, PageRequest, PageResponse, ReadRefusal, Validators};
use crate::outbound::credentials::{Authentication, Credentials};
use crate::outbound::error::{Detail, FailureKind, FetchError, presentable};
use std::time::Duration;

/// How a walk begins.
pub(super) enum Begun<'l> {
    /// By asking, with what the last answer was known by.
    Asking(LastAnswer<'l>),
    /// With a first page that is there already.
    At(Box<(Call, Page)>),
}

/// What the last answer was known by, where the next one may say no more than it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LastAnswer<'l> {
    /// What the server is asked with.
    pub(super) validators: Option<&'l Validators>,
    /// What its answer is compared with.
    pub(super) page: Option<&'l KnownPage>,
}

/// How a walk ended.
pub(super) enum Walked {
    /// The server says that nothing changed since the last answer.
    Unchanged,
    /// It has sent the last answer again.
    Repeated(Box<Repeated>),
    /// The pages have this number of rows.
    Whole(usize),
}

/// Walks through the pages of a window.
pub(super) async fn walk_through(
    client: &FeedClient,
    request: &FetchRequest<'_>,
    reader: &Arc<PageReader>,
    part: Window,
    mut walk: Walk,
    begun: Begun<'_>,
    collected: &mut Collected,
) -> Result<Walked, FetchError> {
    let owners = request.credentials;
    let (last, mut first) = match begun {
        Begun::Asking(last) => (last, None),
        Begun::At(first) => (LastAnswer::default(), Some(*first)),
    };
    let nobody = Credentials::default();
    while let Some(call) = walk.next.take() {
        let request = walk.sender(&call, request, &nobody);
        let last = if collected.digests.is_empty() { last } else { LastAnswer::default() };
        let (call, response) = match first.take() {
            Some((call, page)) => (call, PageResponse::Page(page)),
            None => {
                let response = ask(client, &request, &call, last.validators).await?;
                (call, response)
            }
        };
        match response {
            PageResponse::Unchanged => return Ok(Walked::Unchanged),
            PageResponse::Pending => collected.pending(),
            PageResponse::Page(page) => {
                collected.check_room(&page)?;
                let digest: [u8; 32] = Sha256::digest(&page.body).into();
                if last.page.is_some_and(|known| is_again(known, digest, &page)) {
                    return Ok(Walked::Repeated(Box::new(page.into())));
                }
                let reader = reader.clone();
                let weight = client.readers.weigh(&page.body)?;
                let read = client.readers.run(request.namespace, weight, move || {
                    let parsed = reader.read(&page, part, &walk.selection)?;
                    walk.follow(&call, &page, &parsed)?;
                    Ok((walk, page, parsed))
                });
                let (went_on, page, parsed) = read.await?;
                walk = went_on;
                walk.check_host(owners)?;
                collected.add_known(page, digest, parsed)?;
            }
        }
    }
    Ok(Walked::Whole(walk.rows()))
}

/// Whether a page is the one that the last answer was. One that may lead on to another page is read.
fn is_again(known: &KnownPage, digest: [u8; 32], page: &Page) -> bool {
    known.digest == digest && known.media_type == page.media_type && page.links.is_empty()
}

impl From<Page> for Repeated {
    fn from(page: Page) -> Self {
        let ahead = page.clock_ahead();
        Repeated { ahead, validators: Some(page.validators).filter(|validators| !validators.is_empty()) }
    }
}

/// Reads pages of one fetch; owns what it needs, since it is called on threads of its own.
pub(super) struct PageReader {
    feed: Feed,
    zone: TimeZone,
    now: Timestamp,
    state: Option<String>,
}

impl PageReader {
    pub(super) fn new(request: &FetchRequest<'_>, zone: TimeZone) -> Self {
        PageReader { feed: request.feed.clone(), zone, now: request.now, state: request.state.map(str::to_owned) }
    }

    /// Reads a page, unless it carries an error; the rows of a scrape follow from it and the one before.
    pub(super) fn read(&self, page: &Page, window: Window, selection: &Selection) -> Result<ParsedPage, FetchError> {
        check_is_no_error(&self.feed, page)?;
        let (zone, cadence) = (self.zone.clone(), cadence(&self.feed));
        let mapping = Mapping { feed: &self.feed, zone, cadence, window: Some(window) };
        let Some(metrics) = self.feed.format.as_ref().and_then(|format| format.open_metrics.as_ref()) else {
            let mut parsed = format::parse(&mapping, page)?;
            selection.label(&mut parsed);
            return Ok(parsed);
        };
        let at = Timestamp::from_second(self.now.as_second()).unwrap_or(self.now);
        let longest = mapping.cadence.max(interval(&self.feed).saturating_mul(2));
        let longest = SignedDuration::try_from(longest).unwrap_or(SignedDuration::MAX);
        let origin = origin(&self.feed);
        openmetrics::scrape(metrics, &Scrape { at, longest, origin: &origin, before: self.state.as_deref() }, page)
    }
}

/// The way through the pages of a window.
#[derive(Clone)]
pub(super) struct Walk {
    pager: Pager,
    /// The page that comes next; `None` at the end.
    pub(super) next: Option<Call>,
    /// What the pages are for.
    pub(super) selection: Selection,
}

impl Walk {
    /// At the first page for a selection of the feed's lists.
    pub(super) fn begin(request: &FetchRequest<'_>, window: Window, selection: Selection) -> Result<Self, FetchError> {
        let blank = Blank::new(request.feed, window, request.now, &zone_of_contract(request)?)?;
        let walk = Self::with(request.feed, blank.of_selection(selection.clone()))?;
        Ok(Walk { selection, ..walk })
    }

    /// At the first page of a request.
    pub(super) fn with(feed: &Feed, blank: Blank) -> Result<Self, FetchError> {
        let mut pager = Pager::new(feed, blank)?;
        let next = Some(pager.first()?);
        Ok(Walk { pager, next, selection: Selection::default() })
    }

    /// How many rows came so far, those included that the mapping leaves out.
    pub(super) fn rows(&self) -> usize {
        self.pager.rows()
    }

    /// The request as whoever sends it: another host than the first page's learns nothing of the feed's secrets.
    pub(super) fn sender<'a>(
        &self,
        call: &Call,
        request: &FetchRequest<'a>,
        nobody: &'a Credentials,
    ) -> FetchRequest<'a> {
        let credentials = if self.pager.is_elsewhere(&call.url) { nobody } else { request.credentials };
        FetchRequest { credentials, ..request.clone() }
    }

    /// Fails where the next page is on another host, unless each Secret of the feed lists that host.
    pub(super) fn check_host(&self, credentials: &Credentials) -> Result<(), FetchError> {
        let Some(next) = self.next.as_ref().filter(|next| self.pager.is_elsewhere(&next.url)) else { return Ok(()) };
        if credentials.may_go_on_at(&next.url) {
            return Ok(());
        }
        let host = presentable(&host_and_port(&next.url), 80);
        let message = format!(
            "the next page is on another host ({host}): to have it asked, without any secret, list it in the annotation \
             {ALLOWED_HOSTS_ANNOTATION} of each Secret of the feed"
        );
        Err(FetchError::new(FailureKind::Denied, message).with_detail(Detail::Elsewhere))
    }

    /// Goes on to the page after this one.
    pub(super) fn follow(&mut self, call: &Call, page: &Page, parsed: &ParsedPage) -> Result<(), FetchError> {
        let next = self.pager.next(call, page, parsed)?;
        self.next = next.map(|next| if self.pager.is_elsewhere(&next.url) { next.bare() } else { next });
        Ok(())
    }
}

/// Fails where an answer carries what the feed calls an error.
pub(super) fn check_is_no_error(feed: &Feed, page: &Page) -> Result<(), FetchError> {
    // A report may be no JSON, while the answers about it are.
    let is_json = feed.job.is_none() || matches!(page.body.trim_ascii_start().first(), Some(b'{' | b'[' | b'<'));
    match &feed.fail_when {
        Some(fail_when) if is_json => FailWhen::new(fail_when)?.check(&page.body),
        _ => Ok(()),
    }
}

/// Identifies an endpoint, without its address.
fn origin(feed: &Feed) -> String {
    let asked = serde_json::to_string(&feed.request).unwrap_or_default();
    hexadecimal(Sha256::digest(format!("{}\n{asked}", feed.address())))
}

/// All pages of a window together may take as long as the interval, and no longer than this.
pub(super) const LONGEST_FETCH: Duration = Duration::from_secs(600);

/// The windows in which a fetch asks, in order; none where nothing is old enough yet.
pub(super) fn windows(request: &FetchRequest<'_>, zone: &TimeZone) -> Vec<Window> {
    let aligned = window::aligned(request.feed, zone, request.window, request.now);
    aligned.map_or_else(Vec::new, |aligned| window::parts(request.feed, zone, aligned))
}

/// Whether an answer has as many rows as the vendor returns at most: there may be more.
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

pub(crate) fn refusals(condition: &AnswerCondition) -> (&AnswerCondition, ReadRefusal) {
    (condition, said_by_refusal)
}

pub(crate) fn uses_token(request: &FetchRequest<'_>) -> bool {
    matches!(
        request.credentials.authentication,
        Authentication::OAuth2(_) | Authentication::Login(_) | Authentication::JwtBearer(_)
    )
}

pub(crate) async fn ask_once(
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
        (request.namespace, request.credentials.identity(), request.feed.fail_when.as_ref().map(refusals));
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
