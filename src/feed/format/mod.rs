//! From an answer's bytes to rows, one file per format.

mod arrays;
mod assembly;
pub(super) mod conditions;
pub mod csv;
pub(super) mod document;
mod fields;
pub mod json;
pub mod native;
pub mod number;
pub mod openmetrics;
pub mod prometheus;
pub mod records;
pub(crate) mod scale;
mod table;
#[doc(hidden)]
pub mod times;
#[doc(hidden)]
pub mod units;
mod xlsx;
pub(crate) mod xml;

pub use assembly::WEIGHT;
pub(crate) use csv::decoded as csv_text;
pub(crate) use xlsx::first_sheet;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::answer::holds_nothing;
use super::client::Page;
use super::error::{FailureKind, FetchError};
use super::fetch::Window;
use super::unpack::unpacked;
use crate::api::feed::{Feed, FeedFormat};
use crate::domain::calendar::zone_of as zone_named;
use crate::evidence::{IncomingRow, RejectedRow};

/// What one page says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ParsedPage {
    /// The rows that can be read; their quality is not checked yet.
    pub rows: Vec<IncomingRow>,
    /// The rows that cannot.
    pub rejected: Vec<RejectedRow>,
    /// The cursor of the next page, in the formats that have one.
    pub next: Option<String>,
    /// How many rows the page has, those included that the mapping leaves out: tells the last page.
    pub count: usize,
    /// What the next fetch of the feed has to know, in the formats whose rows follow from two fetches.
    pub state: Option<String>,
    /// By which times the vendor says that it counts, in seconds by measure; in the native format alone.
    pub thresholds: BTreeMap<String, i64>,
    /// The records of the page, where rows are counted from records: over all pages of a window.
    pub records: Vec<records::FoundRecord>,
}

impl ParsedPage {
    /// Adds what another file of the same page says.
    fn append(&mut self, other: ParsedPage) {
        self.rows.extend(other.rows);
        self.rejected.extend(other.rejected);
        self.records.extend(other.records);
        self.count += other.count;
    }
}

/// What a format has to know beyond the bytes.
#[derive(Clone, Debug)]
pub struct Mapping<'a> {
    /// The feed, with its format.
    pub feed: &'a Feed,
    /// The contract's time zone.
    pub zone: TimeZone,
    /// How long a row without an end is.
    pub cadence: Duration,
    /// The window that was asked for, where it is known.
    pub window: Option<Window>,
}

/// Reads one page in the feed's format.
///
/// # Errors
/// `Malformed` or `Mapping`; then no row of the page counts.
pub fn parse(mapping: &Mapping<'_>, page: &Page) -> Result<ParsedPage, FetchError> {
    if holds_nothing(&mapping.feed.empty_when, &page.body)? {
        return Ok(ParsedPage::default());
    }
    let media_type = page.media_type.as_deref();
    let Some(packed) = mapping.feed.format.as_ref().and_then(|format| format.unpack) else {
        return parse_body(mapping, &page.body, media_type);
    };
    // The media type is that of the archive.
    let files = unpacked(packed, &page.body)?;
    let mut whole = ParsedPage::default();
    for file in files {
        whole.append(parse_body(mapping, &file, None)?);
    }
    Ok(whole)
}

fn parse_body(mapping: &Mapping<'_>, body: &[u8], media_type: Option<&str>) -> Result<ParsedPage, FetchError> {
    match &mapping.feed.format {
        None => native::parse(body, media_type, &mapping.zone),
        Some(FeedFormat { json: Some(json), .. }) => json::parse(mapping, json, body, media_type),
        Some(FeedFormat { xml: Some(xml), .. }) => json::parse_xml(mapping, xml, body),
        Some(FeedFormat { csv: Some(csv), .. }) => csv::parse(mapping, csv, body, media_type),
        Some(FeedFormat { xlsx: Some(xlsx), .. }) => xlsx::parse(mapping, xlsx, body),
        Some(FeedFormat { arrays: Some(arrays), .. }) => arrays::parse(mapping, arrays, body, media_type),
        Some(format) if format.open_metrics.is_some() => Err(FetchError::new(
            FailureKind::Mapping,
            "one answer in openMetrics has no rows: they follow from two scrapes of the endpoint",
        )),
        Some(format) if format.prometheus.is_some() => Err(FetchError::new(
            FailureKind::Mapping,
            "one answer of Prometheus has no rows: each measure is asked for by its own query",
        )),
        Some(_) => Err(mapping_fault(
            "format names no format: write one of json, xml, csv, xlsx, arrays, openMetrics, prometheus",
        )),
    }
}

pub(crate) fn mapping_fault(message: impl AsRef<str>) -> FetchError {
    FetchError::new(FailureKind::Mapping, message)
}

/// The zone of local times: the format's own, else the contract's.
fn zone_of(mapping: &Mapping<'_>, name: Option<&str>) -> Result<TimeZone, FetchError> {
    let Some(name) = name else { return Ok(mapping.zone.clone()) };
    zone_named(name).map_err(|error| mapping_fault(format!("format.timeZone: {error}")))
}

/// The measures of a feed that were made from shares or means by their volume: fractions of a count among them mean nothing odd.
pub(crate) fn derived(feed: &Feed) -> Vec<&str> {
    let Some(format) = &feed.format else { return Vec::new() };
    let metrics = format.open_metrics.iter().flat_map(|format| &format.measures);
    let queries = format.prometheus.iter().flat_map(|format| &format.measures);
    let measures = format.mapped_measures().iter().chain(metrics).chain(queries);
    measures.filter(|measure| measure.of.is_some()).map(|measure| measure.name.as_str()).collect()
}

/// Whether rows are counted from records.
pub(crate) fn has_records(feed: &Feed) -> bool {
    feed.format.as_ref().is_some_and(FeedFormat::has_records)
}

/// The zone of local times that the format itself names.
pub(crate) fn time_zone(feed: &Feed) -> Option<&str> {
    let format = feed.format.as_ref()?;
    let tree = format.tree().and_then(|(_, tree)| tree.time_zone.as_deref());
    tree.or_else(|| format.table().and_then(|(_, table)| table.time_zone.as_deref()))
}

/// The media types to ask for.
pub(crate) fn accepted(feed: &Feed) -> &'static str {
    match &feed.format {
        None => "application/json",
        Some(FeedFormat { unpack: Some(_), .. }) => "*/*",
        Some(FeedFormat { json: Some(_), .. } | FeedFormat { arrays: Some(_), .. }) => "application/json, */*;q=0.1",
        Some(FeedFormat { xml: Some(_), .. }) => "application/xml, text/xml;q=0.9, */*;q=0.1",
        Some(FeedFormat { csv: Some(csv), .. }) if csv.text.is_some() => "application/json, */*;q=0.1",
        Some(FeedFormat { xlsx: Some(_), .. }) => {
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet, */*;q=0.1"
        }
        Some(FeedFormat { csv: Some(_), .. }) => "text/csv, */*;q=0.1",
        Some(format) if format.open_metrics.is_some() => {
            "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
        }
        Some(format) if format.prometheus.is_some() => "application/json",
        Some(_) => "*/*",
    }
}

/// Whether the request says from when until when.
pub(crate) fn takes_window(feed: &Feed) -> bool {
    feed.format.as_ref().is_none_or(|format| format.open_metrics.is_none() && format.prometheus.is_none())
}

/// Whether the endpoint tells what was, and not the present alone.
pub(crate) fn tells_the_past(feed: &Feed) -> bool {
    feed.format.as_ref().is_none_or(|format| format.open_metrics.is_none())
}
