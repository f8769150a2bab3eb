//! What rows say of each other: each stretch of time once, and no whole beside its parts.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::facts::{Gap, labels_text};
use super::{Finding, PlacedRow};
use crate::evidence::RejectionReason;

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
    for (labels, rows) in &mut by_labels {
        rows.sort_by_key(|placed| (placed.row.start, placed.row.end, revision(placed), placed.place));
        keys.follow(labels, rows);
    }
    keys.findings.extend(totals(&by_labels));
    keys
}

/// A row without a revision counts as the first one.
fn revision(placed: &PlacedRow) -> i64 {
    placed.row.vendor_revision.unwrap_or(1)
}

impl Keys {
    /// Goes along the rows of one label set in time.
    fn follow(&mut self, labels: &Labels, rows: &[&PlacedRow]) {
        let mut reach: Option<&PlacedRow> = None;
        for group in rows.chunk_by(|a, b| (a.row.start, a.row.end) == (b.row.start, b.row.end)) {
            let Some(first) = group.first() else { continue };
            self.settle(group);
            match reach {
                Some(before) if first.row.start < before.row.end => self.overlap(before, first),
                Some(before) if first.row.start > before.row.end => {
                    self.gaps.push(Gap { labels: labels_text(labels), from: before.row.end, to: first.row.start });
                }
                _ => {}
            }
            if reach.is_none_or(|before| first.row.end > before.row.end) {
                reach = Some(first);
            }
        }
    }

    /// Rows of one key: the same again, corrections, or two that contradict each other.
    fn settle(&mut self, group: &[&PlacedRow]) {
        let mut revisions = 0;
        for same in group.chunk_by(|a, b| revision(a) == revision(b)) {
            let Some((first, others)) = same.split_first() else { continue };
            revisions += 1;
            for other in others {
                if other.row.measures == first.row.measures {
                    self.repeated += 1;
                } else {
                    let found = format!(
                        "{} to {}{}: other measures than {}",
                        other.row.start,
                        other.row.end,
                        with_labels(&other.row.labels),
                        first.place
                    );
                    self.findings.push(Finding::of_row(RejectionReason::Conflict, other.place, found));
                }
            }
        }
        self.superseded += revisions - 1;
    }

    fn overlap(&mut self, one: &PlacedRow, other: &PlacedRow) {
        // The operator keeps what stands first in the answer.
        let (kept, refused) = if one.place <= other.place { (one, other) } else { (other, one) };
        let found = format!(
            "{} to {}{}: covers a part of the time of {}, {} to {}",
            refused.row.start,
            refused.row.end,
            with_labels(&refused.row.labels),
            kept.place,
            kept.row.start,
            kept.row.end
        );
        self.findings.push(Finding::of_row(RejectionReason::Overlap, refused.place, found));
    }
}

fn with_labels(labels: &Labels) -> String {
    if labels.is_empty() { String::new() } else { format!(", {}", labels_text(labels)) }
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
