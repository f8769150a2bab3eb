//! One row of a feed as the vendor publishes it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::{Value, json};

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
    /// From when on the vendor sends it: the row's end, later for corrections.
    #[serde(skip)]
    pub published_at: Timestamp,
    /// The day that the row is of, where the vendor sends only its date.
    #[serde(skip)]
    pub day: Option<Date>,
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
            day: None,
        }
    }

    /// The figures of a day, sent with its date only. The vendor knows when the day begins and ends; a reader has to know it too.
    pub fn of_day(day: Date, zone: &TimeZone, labels: &[(&str, &str)], measures: &[(&str, i64)]) -> Self {
        let midnight = |day: Date| zone.to_timestamp(day.at(0, 0, 0, 0)).expect("a day within the term");
        let end = day.tomorrow().expect("a day within the term");
        Self { day: Some(day), ..Self::new(midnight(day), midnight(end), labels, measures) }
    }

    /// The row as the vendor sends it.
    pub fn as_json(&self) -> Value {
        let mut row = json!(self);
        if let (Some(day), Some(members)) = (self.day, row.as_object_mut()) {
            members.insert("start".to_owned(), json!(day));
            members.remove("end");
        }
        row
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

/// All rows of one feed, in the order in which the vendor sends them.
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

    /// What the vendor sends at `until` of the intervals in `[since, until]`: each once, by its latest revision.
    ///
    /// It sends only what has ended by `until`: `until` is the vendor's clock, so that it may run as fast as it likes.
    pub fn between(&self, since: Timestamp, until: Timestamp) -> Vec<&FeedRow> {
        let first = self.0.partition_point(|row| row.start < since);
        let mut sent: Vec<&FeedRow> = Vec::new();
        for row in self.0.iter().skip(first).take_while(|row| row.start < until) {
            if row.end > until || row.published_at > until {
                continue;
            }
            // Revisions of one interval follow each other, the latest one last.
            match sent.last_mut() {
                Some(last) if last.is_same_interval(row) => *last = row,
                _ => sent.push(row),
            }
        }
        sent
    }
}
