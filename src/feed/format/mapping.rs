//! What a format must know beyond the bytes, and what it reads out of one page.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::tz::TimeZone;

use crate::api::feed::Feed;
use crate::domain::terms::calendar::zone_of as zone_named;
use crate::evidence::{IncomingRow, RejectedRow};
use crate::feed::time_window::Window;
use crate::outbound::error::{FailureKind, FetchError};

/// What one page says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ParsedPage {
    /// The rows that can be read; their quality is not checked yet.
    pub rows: Vec<IncomingRow>,
    /// The rows that cannot.
    pub rejected: Vec<RejectedRow>,
    /// The cursor of the next page, in the formats that have one.
    pub next: Option<String>,
    /// How many rows the page has, those included that the mapping leaves out: the last page is recognised by it.
    pub count: usize,
    /// What the next fetch of the feed has to know, in the formats whose rows follow from two fetches.
    pub state: Option<String>,
    /// By which times the vendor says that it counts, in seconds by measure; in the native format alone.
    pub thresholds: BTreeMap<String, i64>,
    /// The records of the page, where rows are counted from records: over all pages of a window.
    pub records: Vec<crate::feed::format::records::FoundRecord>,
}

impl ParsedPage {
    /// Adds what another file of the same page says.
    pub(crate) fn append(&mut self, other: ParsedPage) {
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

pub(crate) fn mapping_fault(message: impl AsRef<str>) -> FetchError {
    FetchError::new(FailureKind::Mapping, message)
}

/// The zone of local times: the format's own, else the contract's.
pub(crate) fn zone_of(mapping: &Mapping<'_>, name: Option<&str>) -> Result<TimeZone, FetchError> {
    let Some(name) = name else { return Ok(mapping.zone.clone()) };
    zone_named(name).map_err(|error| mapping_fault(format!("format.timeZone: {error}")))
}
