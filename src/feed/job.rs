//! Reports that a vendor makes on request. A turn starts one, or asks once for the one that runs; nothing here waits.
//!
//! That a report is about to be started is kept with the feed before `start` is sent, and its handle before it is asked for the first time,
//! so a restart asks on. `start` is repeated only where its answer was lost, by the next turn or after a crash, and then with the same
//! `{key}`, by which a vendor can tell that it is the same report. `ask` and `fetch` may be repeated.

use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use url::Url;

use super::collected::Collected;
use super::fetch_request::{FetchRequest, Fetched, Step, Ticket, any_key, spec_of};
use super::page_walk::{Begun, LastAnswer, PageReader, Walk, ask, check_is_no_error, walk_through, windows};
use super::pagination::next_link;
use super::request::Blank;
use super::time_window::Window;
use super::timing::seconds_or;
use super::window;
use crate::api::feed::{Feed, FeedJob, FeedRequest, JobHandle};
use crate::outbound::call::{Call, host_and_port};
use crate::outbound::client::{FeedClient, Page, PageResponse};
use crate::outbound::credentials::{Credentials, parse_url};
use crate::outbound::error::{FailureKind, FetchError, presentable};
use crate::outbound::json::{first, json_path};
use crate::outbound::xml::answer;

/// The longest handle that is kept.
const LONGEST_HANDLE: usize = 4_096;
const DEFAULT_EVERY: u64 = 30;
const DEFAULT_AT_MOST: u64 = 3_600;

/// The window of the next report; `None` where nothing is old enough yet.
pub(crate) fn next_part(feed: &Feed, zone: &TimeZone, window: Window, now: Timestamp) -> Option<Window> {
    let aligned = window::aligned(feed, zone, window, now)?;
    window::parts(feed, zone, aligned).first().copied()
}

/// How long after a question the next one follows.
pub(crate) fn every(job: &FeedJob) -> Duration {
    seconds_or(job.ask.every, DEFAULT_EVERY).clamp(Duration::from_secs(1), Duration::from_secs(3_600))
}

/// Whether a failure ends the report: another one is started at the next turn. After other failures the same report is asked for again.
pub(crate) fn ends_the_report(kind: FailureKind) -> bool {
    use FailureKind::{JobFailed, JobStuck, LinkExpired, Malformed, Mapping, Shrunk, TooLarge};
    matches!(kind, JobFailed | JobStuck | LinkExpired | Malformed | Mapping | Shrunk | TooLarge)
}

/// The state of a report.
enum Stand {
    /// It is being made.
    Waits,
    /// It is made, and is fetched by this handle, unless the answer is the report.
    Done { handle: String, page: Box<Page>, call: Box<Call> },
    /// It is made, and holds nothing.
    Empty,
}

/// Starts a report or asks for the one that runs; fetches it once it is done.
///
/// # Errors
/// As [`super::fetch::fetch`], and `JobFailed`, `JobStuck`, `LinkExpired`.
pub(super) async fn turn(
    client: &FeedClient,
    request: &FetchRequest<'_>,
    job: &FeedJob,
    zone: &TimeZone,
) -> Result<Fetched, FetchError> {
    let running = request.step.ticket.filter(|ticket| ticket.is_of(request.feed));
    let parts = windows(request, zone);
    let part = match (running, parts.first()) {
        (Some(ticket), _) => ticket.window(),
        (None, Some(part)) => *part,
        // Nothing is old enough yet.
        (None, None) => return Ok(Fetched::Body(Box::new(Collected::default().finish(request, zone, None)))),
    };
    let key = running.map_or_else(any_key, |ticket| ticket.key.clone());
    let steps = Steps { client, request, job, zone, part, key };
    let (ticket, stand) = match running.filter(|ticket| !ticket.is_intended()) {
        Some(ticket) => (ticket.clone(), steps.ask_for(ticket).await?),
        None => steps.start().await?,
    };
    let mut collected = Collected::of(client);
    collected.begin(part);
    match stand {
        Stand::Waits => return Ok(Fetched::Waiting(Box::new(ticket))),
        Stand::Empty => {}
        Stand::Done { handle, page, call } => steps.fetch(&handle, *page, *call, &mut collected).await?,
    }
    collected.end(request.feed, zone);
    let host = parse_url(request.feed.address())?;
    let mut body = collected.finish(request, zone, host.host_str());
    // The report is fetched: nothing of it is left to ask for.
    body.state = Some(String::new());
    body.rest = parts.last().map(|last| last.until).filter(|end| *end > part.until).map(|_| part.until);
    Ok(Fetched::Body(Box::new(body)))
}

/// A report that is done, ready to be walked through.
pub(super) struct Ready {
    pub(super) walk: Walk,
    /// The first page, where the answer that said so is the report.
    pub(super) first: Option<Page>,
    sender: Sender,
}

impl Ready {
    /// The request with the credentials that its pages are asked with.
    pub(super) fn request<'a>(&'a self, request: &FetchRequest<'a>) -> FetchRequest<'a> {
        self.sender.as_request(request)
    }
}

/// Starts a report and waits until it is done; `None` where it is empty. For people who wait, not for the operator.
pub(super) async fn when_done(
    client: &FeedClient,
    request: &FetchRequest<'_>,
    job: &FeedJob,
    zone: &TimeZone,
    part: Window,
) -> Result<Option<Ready>, FetchError> {
    let steps = Steps { client, request, job, zone, part, key: any_key() };
    let (ticket, mut stand) = steps.start().await?;
    loop {
        match stand {
            Stand::Waits => {
                tokio::time::sleep(every(job)).await;
                stand = steps.ask_for(&ticket).await?;
            }
            Stand::Empty => return Ok(None),
            Stand::Done { handle, page, .. } => {
                let blank = steps.blank(&steps.fetching(), &handle)?;
                let sender = steps.sender(&blank.filled(None)?.url)?;
                let first = job.fetch.is_none().then_some(*page);
                return Ok(Some(Ready { walk: Walk::with(request.feed, blank)?, first, sender }));
            }
        }
    }
}

/// The steps of one report.
struct Steps<'a, 'r> {
    client: &'a FeedClient,
    request: &'a FetchRequest<'r>,
    job: &'a FeedJob,
    zone: &'a TimeZone,
    part: Window,
    key: String,
}

impl Steps<'_, '_> {
    async fn start(&self) -> Result<(Ticket, Stand), FetchError> {
        let start = &self.job.start;
        let asked = start.request(shared(self.request.feed));
        let feed = Feed { url: start.url.clone(), request: Some(Box::new(asked)), ..self.request.feed.clone() };
        let blank = Blank::new(&feed, self.part, self.request.now, self.zone)?;
        let call = blank.with_key(&self.key).filled(None)?;
        let page = match self.answer(self.request, &call, &[]).await? {
            Some(page) => page,
            None => return Err(mapping("job.start: the answer says \"not there yet\", and has no handle")),
        };
        check_is_no_error(self.request.feed, &page)?;
        let handle = self.handle_of_start(&page);
        let stand = match self.job.ask.state_path() {
            // Some answer at once when the report is small; others with no body at all.
            Some(path) if matches!(page.body.trim_ascii_start().first(), Some(b'{' | b'[' | b'<')) => {
                self.stand(path, handle.as_deref().unwrap_or_default(), page, call, false)?
            }
            _ => Stand::Waits,
        };
        let handle = match (&stand, handle) {
            (Stand::Waits, handle) => handle?,
            (_, handle) => handle.unwrap_or_default(),
        };
        let Window { since, until } = self.part;
        let (spec, key) = (spec_of(self.job), self.key.clone());
        let ticket = Ticket { spec, handle, key, since, until, started: self.request.now };
        Ok((ticket, stand))
    }

    fn handle_of_start(&self, page: &Page) -> Result<String, FetchError> {
        match self.job.start.handle_place() {
            Some(JobHandle::Link(relation)) => {
                let found = page.links.iter().find_map(|link| next_link(link, &relation));
                found.filter(|handle| handle.len() <= LONGEST_HANDLE).ok_or_else(|| {
                    let shown = presentable(&relation, 40);
                    mapping(format!("job.start.handle: the answer has no Link header with rel={shown:?}"))
                })
            }
            Some(JobHandle::Path(path)) => text_at(page, &path)?.ok_or_else(|| {
                mapping(format!("job.start.handle: {:?} finds no text in the answer", presentable(&path, 80)))
            }),
            None => Err(mapping("job.start.handle: write where the handle is, such as $.id or {link: status}")),
        }
    }

    async fn ask_for(&self, ticket: &Ticket) -> Result<Stand, FetchError> {
        let ask = &self.job.ask;
        let (call, request) = self.step(&self.asking(), &ticket.handle)?;
        let by_status = ask.is_by_status();
        let accepted: &[u16] = if by_status { &[] } else { &[202] };
        let pending: &[i64] = if by_status { &[202] } else { &[] };
        let answered = self.answer_of(&request.as_request(self.request), &call, accepted, pending).await;
        let stand = match answered.map_err(gone)? {
            None => Stand::Waits,
            Some(page) => {
                check_is_no_error(self.request.feed, &page).map_err(|error| as_failed_job(&error))?;
                match ask.state_path() {
                    Some(path) => self.stand(path, &ticket.handle, page, call, true)?,
                    None => {
                        let handle = self.handle_of_answer(&page, &ticket.handle)?;
                        Stand::Done { handle, page: Box::new(page), call: Box::new(call) }
                    }
                }
            }
        };
        let at_most = SignedDuration::try_from(seconds_or(ask.at_most, DEFAULT_AT_MOST)).unwrap_or(SignedDuration::MAX);
        if matches!(stand, Stand::Waits) && self.request.now.duration_since(ticket.started) > at_most {
            let message = format!(
                "the report that was started at {} is not done after {} minutes: it is given up, and the next turn starts another one",
                ticket.started,
                at_most.as_mins()
            );
            return Err(FetchError::new(FailureKind::JobStuck, message));
        }
        Ok(stand)
    }

    /// The state that an answer reports.
    fn stand(&self, path: &str, handle: &str, page: Page, call: Call, must_say: bool) -> Result<Stand, FetchError> {
        let ask = &self.job.ask;
        let Some(state) = text_at(&page, path)? else {
            return match must_say {
                true => Err(mapping(format!("job.ask.state: {:?} finds no text in the answer", presentable(path, 80)))),
                false => Ok(Stand::Waits),
            };
        };
        if ask.failed.contains(&state) {
            let message = format!("the vendor says that the report is {:?}: look there why", presentable(&state, 60));
            return Err(FetchError::new(FailureKind::JobFailed, message));
        }
        if ask.empty.contains(&state) {
            return Ok(Stand::Empty);
        }
        if !ask.done.contains(&state) {
            return Ok(Stand::Waits);
        }
        let handle = self.handle_of_answer(&page, handle)?;
        Ok(Stand::Done { handle, page: Box::new(page), call: Box::new(call) })
    }

    fn handle_of_answer(&self, page: &Page, before: &str) -> Result<String, FetchError> {
        let Some(path) = self.job.ask.handle.as_deref().filter(|_| self.job.fetch.is_some()) else {
            return Ok(before.to_owned());
        };
        text_at(page, path)?
            .ok_or_else(|| mapping(format!("job.ask.handle: {:?} finds no text in the answer", presentable(path, 80))))
    }

    /// Fetches the report, page by page; without a step of its own the answer that says that it is done is its first page.
    async fn fetch(&self, handle: &str, page: Page, call: Call, collected: &mut Collected) -> Result<(), FetchError> {
        let reader = std::sync::Arc::new(PageReader::new(self.request, self.zone.clone()));
        let blank = self.blank(&self.fetching(), handle)?;
        let sender = self.sender(&blank.filled(None)?.url)?;
        let walk = Walk::with(self.request.feed, blank)?;
        let (request, is_foreign) = (sender.as_request(self.request), matches!(sender, Sender::Nobody(_)));
        let begun = match &self.job.fetch {
            Some(_) => Begun::Asking(LastAnswer::default()),
            None => Begun::At(Box::new((call, page))),
        };
        let outcome = walk_through(self.client, &request, &reader, self.part, walk, begun, collected).await;
        outcome.map(|_| ()).map_err(|error| expired(error, is_foreign))
    }

    /// The step that asks whether the report is done.
    fn asking(&self) -> StepRequest {
        StepRequest { url: self.job.ask.url.clone(), request: self.job.ask.request(shared(self.request.feed)) }
    }

    /// The step that fetches the report.
    fn fetching(&self) -> StepRequest {
        match &self.job.fetch {
            Some(fetch) => StepRequest { url: fetch.url.clone(), request: fetch.request(shared(self.request.feed)) },
            None => self.asking(),
        }
    }

    /// The request of a step with a handle, and who sends it.
    fn step(&self, step: &StepRequest, handle: &str) -> Result<(Call, Sender), FetchError> {
        let call = self.blank(step, handle)?.filled(None)?;
        let sender = self.sender(&call.url)?;
        Ok((call, sender))
    }

    fn blank(&self, step: &StepRequest, handle: &str) -> Result<Blank, FetchError> {
        let StepRequest { url, request } = step.clone();
        let mut feed = Feed { url, request: Some(Box::new(request)), ..self.request.feed.clone() };
        let mut address = None;
        if step.url == HANDLE {
            let start = parse_url(&self.job.start.url)?;
            let found = start.join(handle).map_err(|_| {
                FetchError::new(FailureKind::Malformed, "the handle of the report is not an address that can be read")
            })?;
            feed.url = found.as_str().to_owned();
            if !is_same_host(&found, &start) {
                feed.request = None;
            }
            address = Some(found);
        }
        let blank = Blank::new(&feed, self.part, self.request.now, self.zone)?;
        Ok(blank.with_key(&self.key).with_handle(handle, address))
    }

    /// Who asks an address: the feed's credentials go to the host of `start` alone.
    fn sender(&self, url: &Url) -> Result<Sender, FetchError> {
        let start = parse_url(&self.job.start.url)?;
        if is_same_host(url, &start) {
            return Ok(Sender::Feed);
        }
        self.request.credentials.check_follows(url)?;
        Ok(Sender::Nobody(Box::default()))
    }

    async fn answer(
        &self,
        request: &FetchRequest<'_>,
        call: &Call,
        pending: &[i64],
    ) -> Result<Option<Page>, FetchError> {
        self.answer_of(request, call, &[201, 202], pending).await
    }

    async fn answer_of(
        &self,
        request: &FetchRequest<'_>,
        call: &Call,
        accepted: &[u16],
        pending: &[i64],
    ) -> Result<Option<Page>, FetchError> {
        let request =
            FetchRequest { step: Step { accepted, pending: Some(pending), ..request.step }, ..request.clone() };
        match ask(self.client, &request, call, None).await? {
            PageResponse::Page(page) => Ok(Some(page)),
            PageResponse::Pending => Ok(None),
            PageResponse::Unchanged => {
                Err(FetchError::new(FailureKind::Status, "the answer says \"unchanged\", which was not asked for"))
            }
        }
    }
}

/// What a step after the first one is asked with.
#[derive(Clone)]
struct StepRequest {
    url: String,
    request: FeedRequest,
}

/// The placeholder that is an address by itself.
pub(crate) const HANDLE: &str = "{handle}";

/// Who sends a request.
enum Sender {
    /// The feed, with its credentials.
    Feed,
    /// Nobody: another host learns nothing of the feed's secrets.
    Nobody(Box<Credentials>),
}

impl Sender {
    fn as_request<'a>(&'a self, request: &FetchRequest<'a>) -> FetchRequest<'a> {
        match self {
            Sender::Feed => request.clone(),
            Sender::Nobody(credentials) => FetchRequest { credentials, ..request.clone() },
        }
    }
}

fn is_same_host(url: &Url, other: &Url) -> bool {
    host_and_port(url) == host_and_port(other) && url.scheme() == other.scheme()
}

/// What all steps send: headers and query, and neither a body nor the window.
fn shared(feed: &Feed) -> FeedRequest {
    let request = feed.request.clone().unwrap_or_default();
    FeedRequest {
        headers: request.headers,
        query: request.query,
        time_zone: request.time_zone,
        append_window: Some(false),
        ..FeedRequest::default()
    }
}

fn mapping(message: impl AsRef<str>) -> FetchError {
    FetchError::new(FailureKind::Mapping, message)
}

fn text_at(page: &Page, path: &str) -> Result<Option<String>, FetchError> {
    let document = answer(&page.body, &[path])?;
    Ok(match first(&json_path(path)?, &document)? {
        Some(Value::String(text)) => Some(text.trim().to_owned()),
        Some(Value::Number(number)) => Some(number.to_string()),
        Some(Value::Bool(flag)) => Some(flag.to_string()),
        _ => None,
    }
    .filter(|text| !text.is_empty() && text.len() <= LONGEST_HANDLE))
}

fn has_status(error: &FetchError, codes: &[u16]) -> bool {
    error.status().is_some_and(|status| codes.contains(&status))
}

/// A report that the vendor does not know any more is none.
fn gone(error: FetchError) -> FetchError {
    if has_status(&error, &[404, 410]) {
        let message = format!("the vendor does not know the report any more ({})", error.message);
        return FetchError::new(FailureKind::JobFailed, message);
    }
    error
}

fn as_failed_job(error: &FetchError) -> FetchError {
    FetchError::new(FailureKind::JobFailed, &error.message)
}

/// A link that leads nowhere any more. Other hosts refuse old signatures; the vendor's own refusals may be the credentials'.
fn expired(error: FetchError, is_foreign: bool) -> FetchError {
    let codes: &[u16] = if is_foreign { &[400, 401, 403, 404, 410] } else { &[404, 410] };
    if has_status(&error, codes) {
        let message =
            format!("the report cannot be fetched any more ({}): the next turn starts another one", error.message);
        return FetchError::new(FailureKind::LinkExpired, message);
    }
    error
}
