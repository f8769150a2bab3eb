//! From an answer's bytes to rows, one file per format.

pub mod json;
pub mod native;
pub mod number;

use std::time::Duration;

use jiff::tz::TimeZone;

use super::client::Page;
use super::error::{FailureKind, FetchError};
use crate::api::feed::Feed;
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
}

/// Reads one page in the feed's format.
///
/// # Errors
/// `Malformed` or `Mapping`; then no row of the page counts.
pub fn parse(mapping: &Mapping<'_>, page: &Page) -> Result<ParsedPage, FetchError> {
    match &mapping.feed.format {
        None => native::parse(&page.body, page.media_type.as_deref()),
        Some(_) => Err(FetchError::new(FailureKind::Mapping, "this version reads the native format bpo-feed/v1 only")),
    }
}

/// The media types to ask for.
pub(crate) fn accepted(feed: &Feed) -> &'static str {
    match &feed.format {
        None => "application/json",
        Some(_) => "*/*",
    }
}

/// Whether the request says from when until when.
pub(crate) fn takes_window(feed: &Feed) -> bool {
    feed.format.as_ref().is_none_or(|format| format.open_metrics.is_none())
}
