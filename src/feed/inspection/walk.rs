//! Asks an endpoint as the operator does, and keeps where each row is.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::{Finding, Place, PlacedRow};
use crate::api::feed::{Feed, FeedFiles};
use crate::domain::terms::calendar::zone_of;
use crate::evidence::RejectionReason;
use crate::feed::collected::within_bound;
use crate::feed::each::{Selection, selections};
use crate::feed::fetch_request::FetchRequest;
use crate::feed::format::mapping::{Mapping, ParsedPage};
use crate::feed::format::native::{self, BrokenRow, WrittenRowOutcome};
use crate::feed::format::parse;
use crate::feed::format::records::{self, FoundRecord};
use crate::feed::offline::page_of;
use crate::feed::page_walk::{Walk, ask, check_is_no_error, is_cut, longest, windows, zone_of_contract};
use crate::feed::time_window::Window;
use crate::feed::timing::cadence;
use crate::feed::{files, job};
use crate::outbound::call::Call;
use crate::outbound::client::{FeedClient, Page, PageResponse};
use crate::outbound::credentials::Credentials;
use crate::outbound::error::{FailureKind, FetchError};

/// What was answered, row by row.
#[derive(Debug, Default)]
pub struct Answers {
    pages: Vec<PageRows>,
    /// Which page is being dealt with, from 1.
    page: usize,
    /// What ended the fetch before its time, and where.
    pub failure: Option<(Place, FetchError)>,
    /// How far the server's clock is ahead of this one, where it says so.
    pub clock: Option<SignedDuration>,
    /// By which times the vendor says that it counts, in seconds by measure.
    pub thresholds: BTreeMap<String, i64>,
    /// What became of the first page when it was asked for again.
    pub repeated: Option<Repeated>,
}

/// One page.
#[derive(Clone, Debug, Default)]
struct PageRows {
    rows: Vec<PlacedRow>,
    set_aside: Vec<(Place, RejectionReason, String)>,
    broken: Vec<(Place, BrokenRow)>,
}

/// What became of a request that was made again.
#[derive(Clone, Debug, PartialEq)]
pub enum Repeated {
    /// 304: the server knows what it said.
    Unchanged,
    /// The same bytes again.
    SameBytes {
        /// Whether it was asked by an `ETag` or `Last-Modified` and could have said so.
        tagged: bool,
    },
    /// Other bytes with the same rows.
    SameRows,
    /// Rows that had ended say something else, or are gone.
    OtherRows(Vec<Place>),
    /// It failed.
    Failed(FetchError),
}

impl Answers {
    /// How many pages could be read.
    #[must_use]
    pub fn pages(&self) -> usize {
        self.pages.len()
    }

    /// Rows that can be read.
    pub fn rows(&self) -> impl Iterator<Item = &PlacedRow> {
        self.pages.iter().flat_map(|page| &page.rows)
    }

    pub(super) fn set_aside(&self) -> impl Iterator<Item = &(Place, RejectionReason, String)> {
        self.pages.iter().flat_map(|page| &page.set_aside)
    }

    pub(super) fn broken(&self) -> impl Iterator<Item = &(Place, BrokenRow)> {
        self.pages.iter().flat_map(|page| &page.broken)
    }

    /// How many rows came, right or wrong.
    pub(super) fn count(&self) -> usize {
        self.pages.iter().map(|page| page.rows.len() + page.set_aside.len() + page.broken.len()).sum()
    }

    /// Counts the records of a window into rows, which stand with its last page.
    fn count_records(&mut self, feed: &Feed, zone: &TimeZone, window: Option<Window>, found: Vec<FoundRecord>) {
        let place = Place { page: self.page, row: None };
        let (rows, rejected) = records::rows(feed, zone, window, found);
        let Some(page) = self.pages.last_mut() else { return };
        page.rows.extend(rows.into_iter().map(|row| PlacedRow { place, row }));
        page.set_aside.extend(rejected.into_iter().map(|row| (place, row.reason, row.text)));
    }

    /// Keeps what ended the fetch; returns it where nothing came, so that there is nothing to speak of.
    fn fail(&mut self, error: FetchError) -> Result<(), FetchError> {
        use FailureKind::{Connect, Denied, Dns, Timeout, Tls};
        if self.pages.is_empty() && matches!(error.kind, Dns | Connect | Tls | Timeout | Denied) {
            return Err(error);
        }
        self.failure = Some((Place { page: self.page.max(1), row: None }, error));
        Ok(())
    }
}

/// Asks for all pages of a window, and for the first one again.
///
/// # Errors
/// Where nothing came that could be looked through: no connection, no answer in time, an address that may not be asked.
pub async fn ask_all(client: &FeedClient, request: &FetchRequest<'_>) -> Result<Answers, FetchError> {
    let whole = longest(request);
    let mut answers = Answers::default();
    let outcome = tokio::time::timeout(whole, follow(client, request, &mut answers)).await;
    match outcome {
        Ok(Ok(())) => {}
        Ok(Err(error)) => answers.fail(error)?,
        Err(_) => {
            let message = format!("the pages together took more than {} s", whole.as_secs());
            answers.fail(FetchError::new(FailureKind::Timeout, message))?;
        }
    }
    Ok(answers)
}

/// Files of a folder that are looked at: the newest ones.
const SHOWN_FILES: usize = 3;

async fn follow(client: &FeedClient, request: &FetchRequest<'_>, answers: &mut Answers) -> Result<(), FetchError> {
    let zone = zone_of_contract(request)?;
    if let Some(wanted) = &request.feed.files {
        return follow_files(client, request, wanted, zone, answers).await;
    }
    let (mut bytes, mut first) = (0_usize, None);
    let selections = selections(request.feed);
    let asked_for =
        windows(request, &zone).into_iter().flat_map(|window| selections.iter().map(move |one| (window, one)));
    for (window, selection) in asked_for {
        let (zone_of_records, zone, cadence) = (zone.clone(), zone.clone(), cadence(request.feed));
        let mapping = Mapping { feed: request.feed, zone, cadence, window: Some(window) };
        let mut records = Vec::new();
        let (mut ready, mut begun) = (None, None);
        if let Some(job) = &request.feed.job {
            ready = job::when_done(client, request, job, &zone_of_records, window).await?;
            begun = ready.as_mut().and_then(|ready| ready.first.take());
        }
        let asked = ready.as_ref().map_or_else(|| request.clone(), |ready| ready.request(request));
        let mut walk = match (&request.feed.job, ready.as_ref().map(|ready| ready.walk.clone())) {
            (_, Some(walk)) => walk,
            (None, None) => Walk::begin(request, window, selection.clone())?,
            // The report is empty.
            (Some(_), None) => continue,
        };
        let nobody = Credentials::default();
        while let Some(call) = walk.next.take() {
            answers.page += 1;
            let asked = walk.sender(&call, &asked, &nobody);
            let page = match begun.take() {
                Some(page) => Some(page),
                None => page_at(client, &asked, &call).await?,
            };
            let Some(page) = page else { continue };
            answers.clock = answers.clock.or_else(|| page.clock_ahead());
            check_is_no_error(request.feed, &page)?;
            let (rows, mut parsed) = read(&mapping, selection, &page, answers.page)?;
            answers.thresholds.append(&mut parsed.thresholds);
            answers.pages.push(rows);
            records.append(&mut parsed.records);
            walk.follow(&call, &page, &parsed)?;
            walk.check_host(request.credentials)?;
            bytes = within_bound(bytes.saturating_add(page.body.len()))?;
            first.get_or_insert((call, page, mapping.clone()));
        }
        if is_cut(request.feed, walk.rows()) {
            let message = "the answer has as many rows as pagination.limit, so there may be more: the operator asks for the window in \
                           halves; ask for a shorter one with --from and --until";
            return Err(FetchError::new(FailureKind::TooLarge, message));
        }
        answers.count_records(request.feed, &zone_of_records, Some(window), records);
    }
    // A report is made once.
    let may_ask_again = |call: &Call| request.feed.job.is_none() && may_repeat(call);
    if let Some((call, page, mapping)) = first.filter(|(call, ..)| may_ask_again(call)) {
        answers.repeated = Some(repeat(client, request, &mapping, &call, &page).await);
    }
    Ok(())
}

/// Reads the newest files of a folder.
async fn follow_files(
    client: &FeedClient,
    request: &FetchRequest<'_>,
    wanted: &FeedFiles,
    zone: TimeZone,
    answers: &mut Answers,
) -> Result<(), FetchError> {
    let mapping = Mapping { feed: request.feed, zone, cadence: cadence(request.feed), window: Some(request.window) };
    let (pages, failure) = files::newest(client, request, wanted, SHOWN_FILES).await?;
    for page in pages {
        answers.page += 1;
        answers.clock = answers.clock.or_else(|| page.clock_ahead());
        let (rows, _) = read(&mapping, &Selection::default(), &page, answers.page)?;
        answers.pages.push(rows);
    }
    let Some(failure) = failure else { return Ok(()) };
    answers.page += 1;
    Err(failure)
}

/// Whether a request may be sent again: a POST only where it changes nothing.
fn may_repeat(call: &Call) -> bool {
    call.post.as_ref().is_none_or(|post| post.safe)
}

async fn page_at(client: &FeedClient, request: &FetchRequest<'_>, call: &Call) -> Result<Option<Page>, FetchError> {
    match ask(client, request, call, None).await? {
        PageResponse::Page(page) => Ok(Some(page)),
        PageResponse::Pending => Ok(None),
        PageResponse::Unchanged => {
            Err(FetchError::new(FailureKind::Status, "the answer says \"unchanged\", which was not asked for"))
        }
    }
}

/// Reads a page as the operator does; in the native format a broken row does not hide those after it.
fn read(
    mapping: &Mapping<'_>,
    selection: &Selection,
    page: &Page,
    number: usize,
) -> Result<(PageRows, ParsedPage), FetchError> {
    let mut rows = PageRows::default();
    if mapping.feed.format.is_some() {
        let mut parsed = parse(mapping, page)?;
        selection.label(&mut parsed);
        let place = Place { page: number, row: None };
        let rejected = std::mem::take(&mut parsed.rejected).into_iter();
        rows.set_aside.extend(rejected.map(|row| (place, row.reason, row.text)));
        rows.rows.extend(std::mem::take(&mut parsed.rows).into_iter().map(|row| PlacedRow { place, row }));
        return Ok((rows, parsed));
    }
    let (written, parsed) = native::read_all(&page.body, page.media_type.as_deref(), &mapping.zone)?;
    for (index, outcome) in written.into_iter().enumerate() {
        let place = Place { page: number, row: Some(index) };
        match outcome {
            WrittenRowOutcome::Taken(mut row) => {
                selection.label_row(&mut row.labels);
                rows.rows.push(PlacedRow { place, row });
            }
            WrittenRowOutcome::SetAside(row, why) => rows.set_aside.push((place, row.reason, why)),
            WrittenRowOutcome::Broken(broken) => rows.broken.push((place, broken)),
        }
    }
    Ok((rows, parsed))
}

async fn repeat(
    client: &FeedClient,
    request: &FetchRequest<'_>,
    mapping: &Mapping<'_>,
    call: &Call,
    first: &Page,
) -> Repeated {
    let validators = Some(&first.validators).filter(|validators| !validators.is_empty());
    let again = match ask(client, request, call, validators).await {
        Ok(PageResponse::Unchanged | PageResponse::Pending) => return Repeated::Unchanged,
        Ok(PageResponse::Page(again)) => again,
        Err(error) => return Repeated::Failed(error),
    };
    if again.body == first.body {
        return Repeated::SameBytes { tagged: validators.is_some() };
    }
    // Labels are the same for both.
    let selection = Selection::default();
    match (read(mapping, &selection, first, 1), read(mapping, &selection, &again, 1)) {
        (Ok((before, _)), Ok((after, _))) => compare(&before, &after, request.now),
        (_, Err(error)) | (Err(error), _) => Repeated::Failed(error),
    }
}

/// Rows that had ended are compared: what still runs may say more each time.
fn compare(before: &PageRows, after: &PageRows, now: Timestamp) -> Repeated {
    let key = |placed: &PlacedRow| (placed.row.start, placed.row.end, placed.row.labels.clone());
    let later: BTreeMap<_, _> = after.rows.iter().map(|placed| (key(placed), &placed.row.measures)).collect();
    let ended = before.rows.iter().filter(|placed| placed.row.end <= now);
    let differing = ended.filter(|placed| later.get(&key(placed)) != Some(&&placed.row.measures));
    let places: Vec<Place> = differing.map(|placed| placed.place).collect();
    if places.is_empty() { Repeated::SameRows } else { Repeated::OtherRows(places) }
}

pub(super) fn doubts_of_repetition(answers: &Answers) -> Vec<Finding> {
    match &answers.repeated {
        Some(Repeated::OtherRows(places)) => {
            let found =
                format!("{} rows that had ended say something else when they are asked for again", places.len());
            let expected = "the same rows for the same window, until a figure is corrected";
            let write =
                "serve figures that are counted, not estimated at each request; number corrections by `revision`";
            vec![Finding::doubt("NotRepeatable", places.first().copied(), found, expected, write)]
        }
        Some(Repeated::Failed(error)) => {
            let found = format!("the second request for the same page failed: {error}");
            let write = "serve the same address as often as the feed's interval asks for it";
            vec![Finding::doubt("NotRepeatable", None, found, "the same answer again", write)]
        }
        _ => Vec::new(),
    }
}

/// Reads what an endpoint has answered, saved to a file: one page.
///
/// # Errors
/// Of kind `Mapping`, where the time zone is unknown.
pub fn read_file(feed: &Feed, time_zone: &str, content: &[u8]) -> Result<Answers, FetchError> {
    let zone = zone_of(time_zone)
        .map_err(|_| FetchError::new(FailureKind::Mapping, format!("the time zone {time_zone} is unknown")))?;
    let mapping = Mapping { feed, zone, cadence: cadence(feed), window: None };
    let mut answers = Answers { page: 1, ..Answers::default() };
    match read(&mapping, &Selection::first_of(feed), &page_of(content), 1) {
        Ok((rows, parsed)) => {
            answers.pages.push(rows);
            answers.thresholds = parsed.thresholds;
            answers.count_records(feed, &mapping.zone, None, parsed.records);
        }
        Err(error) => answers.fail(error)?,
    }
    Ok(answers)
}
