//! From an answer's bytes to rows, one file per format.

pub(crate) mod answer;
mod arrays;
mod assembly;
pub(super) mod conditions;
pub mod csv;
mod fields;
pub mod json;
pub mod mapping;
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

pub use assembly::WEIGHT;
pub(crate) use csv::decoded as csv_text;
pub(crate) use xlsx::first_sheet;

use super::unpack::unpacked;
use crate::api::feed::FeedFormat;
use crate::outbound::client::Page;
use crate::outbound::error::{FailureKind, FetchError};
use answer::holds_nothing;
use mapping::{Mapping, ParsedPage, mapping_fault};

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
    match mapping.feed.format.as_deref() {
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
