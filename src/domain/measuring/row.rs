//! Rows of measures: what a vendor's feed says, whatever its format.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
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
    /// Revision of the key (labels, start, end): 1 for the first figures, higher for corrections. A day whose length was
    /// corrected ([`is_day_as_it_was`]) goes on with the revisions of the day that it replaces.
    pub revision: i64,
    /// From when on a judgement may know the row. The operator: its receipt, or the row's end for rows of the first back-fill.
    /// Offline: the row's `recordedAt`, by default its end. A plan's row is known at once (`Timestamp::MIN`).
    pub known_at: Timestamp,
    /// Order of receipt within the feed, from 1.
    pub sequence: i64,
}

/// Whether a row of one length takes the place of one with the same labels and start that has another.
///
/// Only a day does: earlier versions gave each row by date 24 hours, also where the clocks change, and a local day then has up to
/// three hours more or less. It never goes back, so that two answers that disagree do not take turns.
#[must_use]
pub fn is_day_as_it_was(stored: SignedDuration, length: SignedDuration) -> bool {
    const DAY: SignedDuration = SignedDuration::from_hours(24);
    stored == DAY && length != DAY && (length - DAY).abs() <= SignedDuration::from_hours(3)
}

/// A set of labels, as rows carry it.
pub type Labels = BTreeMap<String, String>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_day_of_24_hours_is_replaced_and_only_by_a_day_on_which_clocks_change() {
        for (stored, length, is_replaced) in [
            (24 * 60, 23 * 60, true),
            (24 * 60, 25 * 60, true),
            // Lord Howe Island moves its clocks by half an hour, Troll by two hours.
            (24 * 60, 23 * 60 + 30, true),
            (24 * 60, 26 * 60, true),
            (24 * 60, 24 * 60, false),
            (23 * 60, 24 * 60, false),
            (23 * 60, 25 * 60, false),
            (24 * 60, 12 * 60, false),
            (24 * 60, 48 * 60, false),
            (30, 60, false),
        ] {
            let minutes = SignedDuration::from_mins;
            assert_eq!(is_day_as_it_was(minutes(stored), minutes(length)), is_replaced, "{stored} to {length} minutes");
        }
    }
}
