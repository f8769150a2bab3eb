//! One row of a feed as the vendor publishes it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

/// A row of `bpo-feed/v1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FeedRow {
    /// First instant.
    pub start: Timestamp,
    /// First instant after it.
    pub end: Timestamp,
    /// Such as queue, site and tier.
    pub labels: BTreeMap<String, String>,
    /// What the vendor counted.
    pub measures: BTreeMap<String, i64>,
    /// 1, and more for a correction of the same row.
    pub revision: i64,
    /// From when on the vendor tells it: the row's end, later for corrections.
    #[serde(skip)]
    pub published_at: Timestamp,
}

impl FeedRow {
    /// The first figures of an interval, published at its end.
    pub fn new(start: Timestamp, end: Timestamp, labels: &[(&str, &str)], measures: &[(&str, i64)]) -> Self {
        Self {
            start,
            end,
            labels: labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            measures: measures.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect(),
            revision: 1,
            published_at: end,
        }
    }

    /// The same row with corrected measures, published at a later instant.
    pub fn corrected(&self, measures: &[(&str, i64)], published_at: Timestamp) -> Self {
        let mut row = self.clone();
        row.revision += 1;
        row.published_at = published_at;
        row.measures.extend(measures.iter().map(|(name, value)| ((*name).to_owned(), *value)));
        row
    }

    fn is_same_interval(&self, other: &Self) -> bool {
        (self.start, self.end, &self.labels) == (other.start, other.end, &other.labels)
    }
}

/// All rows of one feed, in the order in which the vendor tells them.
#[derive(Clone, Debug, Default)]
pub struct FeedRows(Vec<FeedRow>);

impl FeedRows {
    /// Takes rows in any order, corrections among them.
    pub fn new(mut rows: Vec<FeedRow>) -> Self {
        rows.sort_by(|left, right| {
            (left.start, left.end, &left.labels, left.revision).cmp(&(
                right.start,
                right.end,
                &right.labels,
                right.revision,
            ))
        });
        Self(rows)
    }

    /// The rows, corrections included.
    pub fn all(&self) -> &[FeedRow] {
        &self.0
    }

    /// What the vendor tells at `until` of the intervals in `[since, until]`: each once, by its latest revision.
    ///
    /// Only what has ended by `until` is told: `until` is the vendor's clock, so that it may run as fast as it likes.
    pub fn between(&self, since: Timestamp, until: Timestamp) -> Vec<&FeedRow> {
        let first = self.0.partition_point(|row| row.start < since);
        let mut told: Vec<&FeedRow> = Vec::new();
        for row in self.0.iter().skip(first).take_while(|row| row.start < until) {
            if row.end > until || row.published_at > until {
                continue;
            }
            // Revisions of one interval stand next to each other, the latest one last.
            match told.last_mut() {
                Some(last) if last.is_same_interval(row) => *last = row,
                _ => told.push(row),
            }
        }
        told
    }
}
