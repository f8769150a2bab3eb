//! What rows say of each other: each stretch of time once, and no whole beside its parts.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::gap::Gap;
use super::{Finding, Place, PlacedRow};
use crate::evidence::RejectionReason;
use crate::feed::labels_text::labels_text;

type Labels = BTreeMap<String, String>;

/// What came out.
#[derive(Debug, Default)]
pub(super) struct Keys {
    pub findings: Vec<Finding>,
    /// Rows that say word for word what another one said.
    pub repeated: usize,
    /// Rows of which there is a higher revision.
    pub superseded: usize,
    /// Stretches without a row between rows of the same labels.
    pub gaps: Vec<Gap>,
    /// How many different sets of labels there are.
    pub label_sets: usize,
}

/// Label sets of which more are not compared with each other.
const MOST_COMPARED: usize = 300;

pub(super) fn examine(rows: &[&PlacedRow]) -> Keys {
    let mut by_labels: BTreeMap<&Labels, Vec<&PlacedRow>> = BTreeMap::new();
    for placed in rows {
        by_labels.entry(&placed.row.labels).or_default().push(placed);
    }
    let mut keys = Keys { label_sets: by_labels.len(), ..Keys::default() };
    for (labels, rows) in &by_labels {
        let taken = keys.settle(rows);
        keys.follow(labels, &taken);
    }
    keys.findings.extend(totals(&by_labels));
    keys
}

/// A row without a revision counts as the first one.
fn revision(placed: &PlacedRow) -> i64 {
    placed.row.vendor_revision.unwrap_or(1)
}

impl Keys {
    /// Takes one row at most of each stretch of time, in the order in which they come first: of the highest revision that does not
    /// contradict itself.
    fn settle<'a>(&mut self, rows: &[&'a PlacedRow]) -> Vec<&'a PlacedRow> {
        let mut by_time: BTreeMap<(Timestamp, Timestamp), Vec<&PlacedRow>> = BTreeMap::new();
        for placed in rows {
            by_time.entry((placed.row.start, placed.row.end)).or_default().push(placed);
        }
        let mut taken: Vec<(Place, &PlacedRow)> = Vec::new();
        for (_, mut group) in by_time {
            let Some(first) = group.first().map(|placed| placed.place) else { continue };
            group.sort_by_key(|placed| revision(placed));
            let same_revision = group.chunk_by(|a, b| revision(a) == revision(b));
            let agreeing: Vec<&[&PlacedRow]> = same_revision.filter(|rows| self.agree(rows)).collect();
            self.repeated += agreeing.iter().map(|rows| rows.len() - 1).sum::<usize>();
            self.superseded += agreeing.len().saturating_sub(1);
            taken.extend(agreeing.last().and_then(|rows| rows.first()).map(|placed| (first, *placed)));
        }
        taken.sort_by_key(|(first, _)| *first);
        taken.into_iter().map(|(_, placed)| placed).collect()
    }

    /// Whether rows of one key and revision say the same; if not, none of them counts.
    fn agree(&mut self, rows: &[&PlacedRow]) -> bool {
        let Some((first, others)) = rows.split_first() else { return false };
        let Some(other) = others.iter().find(|other| other.row.measures != first.row.measures) else { return true };
        for placed in rows {
            let contradicted = if placed.place == first.place { other.place } else { first.place };
            let found = format!("{}: other measures than {contradicted}", in_words(placed));
            self.findings.push(Finding::of_row(RejectionReason::Conflict, placed.place, found));
        }
        false
    }

    /// Takes the rows of one label set one after the other, as long as they cover no time that is covered already.
    fn follow(&mut self, labels: &Labels, rows: &[&PlacedRow]) {
        let mut kept: BTreeMap<Timestamp, &PlacedRow> = BTreeMap::new();
        for placed in rows {
            let before = kept.range(..placed.row.end).next_back().map(|(_, before)| *before);
            match before.filter(|before| before.row.end > placed.row.start) {
                Some(before) => self.overlap(before, placed),
                None => _ = kept.insert(placed.row.start, placed),
            }
        }
        let mut reach = None;
        for placed in kept.values() {
            if let Some(from) = reach.filter(|reach| *reach < placed.row.start) {
                self.gaps.push(Gap { labels: labels_text(labels), from, to: placed.row.start });
            }
            reach = Some(placed.row.end);
        }
    }

    fn overlap(&mut self, kept: &PlacedRow, refused: &PlacedRow) {
        let (words, place) = (in_words(refused), kept.place);
        let found = format!("{words}: covers a part of the time of {place}, {} to {}", kept.row.start, kept.row.end);
        self.findings.push(Finding::of_row(RejectionReason::Overlap, refused.place, found));
    }
}

fn in_words(placed: &PlacedRow) -> String {
    let PlacedRow { row, .. } = placed;
    let labels = if row.labels.is_empty() { String::new() } else { format!(", {}", labels_text(&row.labels)) };
    format!("{} to {}{labels}", row.start, row.end)
}

/// Rows that look like the sum of others: everything would be counted twice.
fn totals(by_labels: &BTreeMap<&Labels, Vec<&PlacedRow>>) -> Vec<Finding> {
    let sets: Vec<(&&Labels, BTreeSet<(Timestamp, Timestamp)>)> = by_labels
        .iter()
        .take(MOST_COMPARED)
        .map(|(labels, rows)| (labels, rows.iter().map(|placed| (placed.row.start, placed.row.end)).collect()))
        .collect();
    let mut doubts = Vec::new();
    for (labels, times) in &sets {
        let is_part = |part: &Labels| {
            part.len() > labels.len() && labels.iter().all(|(name, value)| part.get(name) == Some(value))
        };
        let part = sets.iter().find(|(part, part_times)| is_part(part) && !times.is_disjoint(part_times));
        let named = labels.values().any(|value| is_total(value)) && sets.len() > 1;
        if part.is_none() && !named {
            continue;
        }
        let beside = part.or_else(|| sets.iter().find(|(other, _)| other != labels));
        let beside = beside.map(|(other, _)| labels_text(other)).unwrap_or_default();
        let found = format!("rows with {} stand beside rows with {beside} for the same time", labels_text(labels));
        let place = by_labels.get(**labels).and_then(|rows| rows.first()).map(|placed| placed.place);
        let expected = "rows that are disjoint parts of the whole: the operator adds them all up";
        doubts.push(Finding::doubt("TotalBesideParts", place, found, expected, "leave the rows of totals out"));
    }
    doubts
}

fn is_total(value: &str) -> bool {
    ["total", "totals", "grand total", "all", "sum", "overall", "summary", "*"]
        .contains(&value.trim().to_lowercase().as_str())
}
