//! What was read, in figures.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::gap::Gap;
use super::keys::Keys;
use super::{Answers, PlacedRow, Repeated, names};
use crate::outbound::error::presentable;

/// What was read.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Pages.
    pub pages: usize,
    /// Rows that came.
    pub rows: usize,
    /// Rows of them that are right by themselves; of those the figures below speak.
    pub right: usize,
    /// Rows of them that the operator takes; none where it refuses the whole answer.
    pub taken: usize,
    /// First start and last end.
    pub span: Option<(Timestamp, Timestamp)>,
    /// How many rows are how long, in seconds.
    pub lengths: BTreeMap<i64, usize>,
    /// How long a row is by the contract, in seconds.
    pub cadence: i64,
    /// The values of each label.
    pub labels: BTreeMap<String, BTreeSet<String>>,
    /// How many different sets of labels there are.
    pub label_sets: usize,
    /// How many rows have each measure.
    pub measures: BTreeMap<String, usize>,
    /// KPIs of the catalogue for which the measures suffice.
    pub kpis: Vec<String>,
    /// Stretches without rows.
    pub gaps: Vec<Gap>,
    /// Rows that say word for word what another one said.
    pub repeated: usize,
    /// Rows of which there is a higher revision.
    pub superseded: usize,
    /// How far the server's clock is ahead of this one, in seconds, where it says so.
    pub clock_ahead: Option<i64>,
    /// What became of the first page when it was asked for again.
    pub repetition: Option<Repeated>,
}

impl Facts {
    pub(super) fn of(answers: &Answers, rows: &[&PlacedRow], keys: &Keys, cadence: Duration) -> Self {
        let mut facts = Facts {
            pages: answers.pages(),
            rows: answers.count(),
            right: rows.len(),
            cadence: i64::try_from(cadence.as_secs()).unwrap_or(i64::MAX),
            label_sets: keys.label_sets,
            gaps: keys.gaps.clone(),
            repeated: keys.repeated,
            superseded: keys.superseded,
            clock_ahead: answers.clock.map(|ahead| ahead.as_secs()),
            repetition: answers.repeated.clone(),
            ..Facts::default()
        };
        for placed in rows {
            facts.add(placed);
        }
        facts.kpis = names::coverage(&facts.measures.keys().map(String::as_str).collect()).enough;
        facts
    }

    fn add(&mut self, PlacedRow { row, .. }: &PlacedRow) {
        let (first, last) = self.span.unwrap_or((row.start, row.end));
        self.span = Some((first.min(row.start), last.max(row.end)));
        *self.lengths.entry(row.end.duration_since(row.start).as_secs()).or_default() += 1;
        for (name, value) in &row.labels {
            self.labels.entry(presentable(name, 63)).or_default().insert(presentable(value, 128));
        }
        for name in row.measures.keys() {
            *self.measures.entry(presentable(name, 63)).or_default() += 1;
        }
    }
}

/// A length of time in its two largest units, such as `2d 3h` or `30m`.
#[must_use]
pub fn span_text(span: SignedDuration) -> String {
    let seconds = span.as_secs();
    let units = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];
    let mut left = seconds;
    let mut parts = Vec::new();
    for (unit, length) in units {
        if left >= length {
            parts.push(format!("{}{unit}", left / length));
            left %= length;
        }
    }
    parts.truncate(2);
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}
