//! Rows of measures: what a vendor's feed says, whatever its format.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rust_decimal::Decimal;

/// One row of a feed as the evidence store knows it.
///
/// `[start, end)` is when it happened, `known_at` when we learnt it. Rows of one feed are disjoint parts of the whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// First instant.
    pub start: Timestamp,
    /// First instant after it.
    pub end: Timestamp,
    /// Such as queue, site, tier; at most ten.
    pub labels: BTreeMap<String, String>,
    /// Named numbers, as the vendor counts them.
    pub measures: BTreeMap<String, Decimal>,
    /// Revision of the key (labels, start, end): 1 for the first figures, higher for corrections.
    pub revision: i64,
    /// From when on a judgement may know the row. The operator: its receipt, or the row's end for rows of the first back-fill.
    /// Offline: the row's `recordedAt`, by default its end. A plan's row is known at once (`Timestamp::MIN`).
    pub known_at: Timestamp,
    /// Order of receipt within the feed, from 1.
    pub sequence: i64,
}
