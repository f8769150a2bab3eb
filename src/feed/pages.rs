//! The pages of one window: how they follow each other, and how each is read.

use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::answer::FailWhen;
use super::auth::hexadecimal;
use super::client::{FeedClient, Page, PageResponse, Validators, host_and_port};
use super::collected::Collected;
use super::credentials::Credentials;
use super::each::Selection;
use super::error::{FailureKind, FetchError, presentable};
use super::fetch::{FetchRequest, Window, ask, cadence, interval, zone_of_contract};
use super::format::openmetrics::{self, Scrape};
use super::format::{self, Mapping, ParsedPage};
use super::pagination::Pager;
use super::request::{Blank, Call};
use crate::api::ALLOWED_HOSTS_ANNOTATION;
use crate::api::feed::Feed;

/// How a walk begins.
pub(super) enum Begun<'v> {
    /// By asking, with what the last answer was known by.
    Asking(Option<&'v Validators>),
    /// With a first page that is there already.
    At(Box<(Call, Page)>),
}

/// Walks through the pages of a window; gives the number of rows that they have, `None` where nothing changed since the last answer.
pub(super) async fn walk_through(
    client: &FeedClient,
    request: &FetchRequest<'_>,
    reader: &Arc<PageReader>,
    part: Window,
    mut walk: Walk,
    begun: Begun<'_>,
    collected: &mut Collected,
) -> Result<Option<usize>, FetchError> {
    let owners = request.credentials;
    let (validators, mut first) = match begun {
        Begun::Asking(validators) => (validators, None),
        Begun::At(first) => (None, Some(*first)),
    };
    let nobody = Credentials::default();
    while let Some(call) = walk.next.take() {
        let request = walk.sender(&call, request, &nobody);
        let validators = validators.filter(|_| collected.digests.is_empty());
        let (call, response) = match first.take() {
            Some((call, page)) => (call, PageResponse::Page(page)),
            None => {
                let response = ask(client, &request, &call, validators).await?;
                (call, response)
            }
        };
        match response {
            PageResponse::Unchanged => return Ok(None),
            PageResponse::Pending => collected.pending(),
            PageResponse::Page(page) => {
                collected.check_room(&page)?;
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
                collected.add(page, parsed)?;
            }
        }
    }
    Ok(Some(walk.rows()))
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
        Err(FetchError::new(FailureKind::Denied, message))
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

/// Tells an endpoint from another, without its address.
fn origin(feed: &Feed) -> String {
    let asked = serde_json::to_string(&feed.request).unwrap_or_default();
    hexadecimal(&Sha256::digest(format!("{}\n{asked}", feed.address())))
}
