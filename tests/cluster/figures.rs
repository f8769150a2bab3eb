//! Made-up figures with an obvious verdict: a number of contacts an hour, and how many of them were answered in time.

use jiff::{Timestamp, ToSpan};

use crate::vendor::FeedRow;

/// An instant in text.
pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Rows of one hour each from `from` to `to`: 100 contacts are offered and answered, `within` of them in time.
pub(crate) fn hours(from: &str, to: &str, within: i64) -> Vec<FeedRow> {
    let (from, to) = (at(from), at(to));
    let measures =
        [("offered", 100), ("answered", 100), ("answeredWithin", within), ("abandoned", 0), ("abandonedWithin", 0)];
    let starts = std::iter::successors(Some(from), |start| Some(*start + 1.hour()));
    starts
        .take_while(|start| *start < to)
        .map(|start| FeedRow::new(start, start + 1.hour(), &[("queue", "billing")], &measures))
        .collect()
}
