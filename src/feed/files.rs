//! Files of a folder: which are read, in which order, and what is remembered of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::collected::{Collected, within_bound};
use super::each::Selection;
use super::fetch_request::{FetchRequest, Fetched, FetchedBody};
use super::folder::Folder;
use super::format::times::{Instants, WrittenTime, day_start, formatted, instants};
use super::listing::Listed;
use super::page_walk::PageReader;
use super::time_window::Window;
use super::timing::seconds_or;
use crate::api::feed::{Feed, FeedFiles, Listing};
use crate::domain::numbers::hexadecimal::hexadecimal;
use crate::domain::terms::calendar::zone_of;
use crate::outbound::client::{FeedClient, Page};
use crate::outbound::credentials::parse_url;
use crate::outbound::error::{FailureKind, FetchError, presentable};

/// Files that one turn reads; the rest follows at once.
const MOST_FILES: usize = 50;
const DEFAULT_MINIMUM_AGE: u64 = 60;

/// What is known of the files that were read, kept with the feed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    /// Identifies the mapping: files are read again once it changes.
    spec: String,
    /// By name, what changes when the file does.
    files: BTreeMap<String, String>,
}

impl Known {
    fn read(feed: &Feed, state: Option<&str>) -> Self {
        let text = serde_json::to_string(&(&feed.format, &feed.files, &feed.url)).unwrap_or_default();
        let spec = hexadecimal(Sha256::digest(text));
        let kept = state.and_then(|state| serde_json::from_str::<Known>(state).ok());
        kept.filter(|kept| kept.spec == spec).unwrap_or(Known { spec, files: BTreeMap::new() })
    }

    fn as_state(&self) -> Option<String> {
        serde_json::to_string(self).ok()
    }
}

/// A file to read.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Chosen {
    made: Timestamp,
    file: Listed,
}

/// The pattern of the names: what is before the time, its format, and what is after it.
struct Pattern<'f> {
    before: String,
    made: &'f str,
    after: &'f str,
    zone: TimeZone,
}

impl<'f> Pattern<'f> {
    fn of(files: &'f FeedFiles) -> Result<Self, FetchError> {
        let fault = |message: String| FetchError::new(FailureKind::Mapping, message);
        let parts = files.name.split_once("{made:").and_then(|(before, rest)| {
            let (made, after) = rest.split_once('}')?;
            Some((before, made, after))
        });
        let (before, made, after) = parts
            .ok_or_else(|| fault("files.name has no {made:…}: write one such as calls-{made:%Y%m%d}.csv".to_owned()))?;
        let zone = files.time_zone.as_deref().unwrap_or("UTC");
        let zone = zone_of(zone).map_err(|error| fault(format!("files.timeZone: {error}")))?;
        Ok(Pattern { before: format!("{}{before}", files.prefix.as_deref().unwrap_or_default()), made, after, zone })
    }

    /// The time in a name; of two that the clock showed the first.
    fn made(&self, name: &str) -> Option<Timestamp> {
        let text = name.strip_prefix(self.before.as_str())?.strip_suffix(self.after)?;
        match formatted(text, self.made)? {
            WrittenTime::Instant(instant) => Some(instant),
            WrittenTime::Date(date) => day_start(date, &self.zone),
            WrittenTime::Local(local) => match instants(local, &self.zone) {
                Instants::One(instant) | Instants::Two(instant, _) => Some(instant),
                Instants::None(change) => change,
            },
        }
    }
}

/// Lists the folder and reads the files that are new or changed, each a body of its own.
///
/// # Errors
/// Where the folder cannot be listed; what is wrong with a file is returned with the bodies before it.
pub(super) async fn turn(
    client: &FeedClient,
    request: &FetchRequest<'_>,
    files: &FeedFiles,
    zone: &TimeZone,
) -> Result<Fetched, FetchError> {
    let folder = Folder::open(client, request, files).await?;
    let listed = folder.list(client, request, files).await?;
    let mut known = Known::read(request.feed, request.state);
    let (wanted, is_whole) = chosen(files, &listed, request.window, request.now, &mut known)?;
    let more = wanted.len() > MOST_FILES;
    let (mut bodies, mut failure, mut bytes) = (Vec::new(), None, 0);
    for chosen in wanted.into_iter().take(MOST_FILES) {
        match read(client, &folder, request, files, zone, &chosen, &mut bytes).await {
            Ok(mut body) => {
                known.files.insert(chosen.file.name, chosen.file.tag);
                body.state = known.as_state();
                bodies.push(body);
            }
            // The file is still being written: it and those after it are read once it is left alone.
            Err(error) if error.kind == FailureKind::Late => break,
            Err(error) => {
                failure = Some(of_file(&chosen.file.name, error));
                break;
            }
        }
    }
    if bodies.is_empty() && failure.is_none() {
        let mut body = Collected::default().finish(request, zone, parse_url(&request.feed.url)?.host_str());
        body.digest = Sha256::digest(format!("{listed:?}{is_whole}")).into();
        bodies.push(body);
    }
    if let Some(last) = bodies.last_mut() {
        // The same window again, for the files that are left.
        last.rest = more.then_some(request.window.since);
    }
    Ok(Fetched::Files { bodies, failure })
}

fn of_file(name: &str, error: FetchError) -> FetchError {
    let shown = presentable(name.rsplit('/').next().unwrap_or(name), 80);
    FetchError {
        message: presentable(&format!("file {shown}: {}", error.message), crate::outbound::error::LONGEST_MESSAGE),
        ..error
    }
}

/// The files to read, in order, and whether all that fit are old enough. What is remembered of files that no turn will look at again goes.
fn chosen(
    files: &FeedFiles,
    listed: &[Listed],
    window: Window,
    now: Timestamp,
    known: &mut Known,
) -> Result<(Vec<Chosen>, bool), FetchError> {
    let pattern = Pattern::of(files)?;
    let mut fitting: Vec<Chosen> =
        listed.iter().filter_map(|file| Some(Chosen { made: pattern.made(&file.name)?, file: file.clone() })).collect();
    if let (true, Some(first)) = (fitting.is_empty(), listed.iter().find(|file| !file.name.ends_with('/'))) {
        let message = format!(
            "none of {} names fits files.name; the first is {:?}: look whether the files are called otherwise now",
            listed.len(),
            presentable(&first.name, 80)
        );
        return Err(FetchError::new(FailureKind::Mapping, message));
    }
    fitting.retain(|file| file.made >= window.since && file.made < window.until);
    fitting.sort_by(|left, right| (left.made, &left.file.name).cmp(&(right.made, &right.file.name)));
    let names: BTreeSet<&str> = fitting.iter().map(|file| file.file.name.as_str()).collect();
    known.files.retain(|name, _| names.contains(name.as_str()));
    fitting.retain(|file| known.files.get(&file.file.name) != Some(&file.file.tag));
    let age = seconds_or(files.minimum_age, DEFAULT_MINIMUM_AGE);
    let youngest = SignedDuration::try_from(age).ok().and_then(|age| now.checked_sub(age).ok()).unwrap_or(now);
    let is_young = |file: &Chosen| file.file.modified.is_some_and(|modified| modified > youngest);
    let old = fitting.iter().position(is_young).unwrap_or(fitting.len());
    let is_whole = old == fitting.len();
    fitting.truncate(old);
    Ok((fitting, is_whole))
}

/// Reads one file. What it says ranks by the time in its name, whenever it arrives.
async fn read(
    client: &FeedClient,
    folder: &Folder,
    request: &FetchRequest<'_>,
    files: &FeedFiles,
    zone: &TimeZone,
    chosen: &Chosen,
    bytes: &mut usize,
) -> Result<FetchedBody, FetchError> {
    let page = folder.read(client, request, files, &chosen.file).await?;
    *bytes = within_bound(bytes.saturating_add(page.body.len()))?;
    check_age(files, request.now, &page)?;
    let reader = Arc::new(PageReader::new(request, zone.clone()));
    let window = request.window;
    let weight = client.readers.weigh(&page.body)?;
    let read = client
        .readers
        .run(request.namespace, weight, move || Ok((reader.read(&page, window, &Selection::default())?, page)));
    let (mut parsed, page) = read.await?;
    for row in &mut parsed.rows {
        row.vendor_revision = Some(row.vendor_revision.unwrap_or_else(|| chosen.made.as_second()));
    }
    let mut collected = Collected::of(client);
    collected.begin(window);
    collected.add(page, parsed)?;
    collected.end(request.feed, zone);
    Ok(collected.finish(request, zone, parse_url(&request.feed.url)?.host_str()))
}

/// A listing without times leaves it to the file to say how old it is.
fn check_age(files: &FeedFiles, now: Timestamp, page: &Page) -> Result<(), FetchError> {
    let age = SignedDuration::try_from(seconds_or(files.minimum_age, DEFAULT_MINIMUM_AGE)).unwrap_or_default();
    let Some(modified) = page.validators.last_modified().filter(|_| files.list == Listing::Index) else {
        return Ok(());
    };
    if now.duration_since(modified) < age {
        let message = format!(
            "the file was changed at {modified}, less than {} s ago: it is read once it is left alone",
            age.as_secs()
        );
        return Err(FetchError::new(FailureKind::Late, message));
    }
    Ok(())
}

/// The newest files of the folder, for people who look at them, and why the one after them could not be read.
///
/// # Errors
/// As [`turn`].
pub(super) async fn newest(
    client: &FeedClient,
    request: &FetchRequest<'_>,
    files: &FeedFiles,
    most: usize,
) -> Result<(Vec<Page>, Option<FetchError>), FetchError> {
    let folder = Folder::open(client, request, files).await?;
    let listed = folder.list(client, request, files).await?;
    let (wanted, _) = chosen(files, &listed, request.window, request.now, &mut Known::default())?;
    let first = wanted.len().saturating_sub(most);
    let mut pages = Vec::new();
    for chosen in wanted.iter().skip(first) {
        match folder.read(client, request, files, &chosen.file).await {
            Ok(page) => pages.push(page),
            Err(error) => return Ok((pages, Some(of_file(&chosen.file.name, error)))),
        }
    }
    Ok((pages, None))
}
