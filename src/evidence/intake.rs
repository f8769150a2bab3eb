//! The rules by which rows of a body become rows of evidence: pure, the same for every store.

use std::collections::HashMap;

use jiff::SignedDuration;

use super::encoding::{Labels, to_nanoseconds};
use super::model::{IncomingRow, RejectedRow, RejectionReason};
use crate::domain::measuring::row::is_day_as_it_was;

/// A row of a body that passed the rules that one body decides by itself.
pub(super) struct Candidate<'a> {
    pub row: &'a IncomingRow,
    /// Which label set of the body it has; the same number means the same labels.
    pub labels: usize,
    pub start: i64,
    pub end: i64,
}

/// A body looked at by itself.
#[derive(Default)]
pub(super) struct SortedBody<'a> {
    /// The label sets, by the number that the candidates name.
    pub labels: Vec<&'a Labels>,
    /// At most one row of each key, in the order of the body.
    pub candidates: Vec<Candidate<'a>>,
    pub rejected: Vec<RejectedRow>,
    /// Rows that repeat another one word for word.
    pub repeated: u64,
    /// Rows of which the body holds a higher revision.
    pub superseded: u64,
}

/// Takes at most one row of each key: the highest revision. Rows of one key and revision with different measures are all rejected.
pub(super) fn sort_body(rows: &[IncomingRow]) -> SortedBody<'_> {
    let mut sorted = SortedBody::default();
    let mut label_numbers: HashMap<&Labels, usize> = HashMap::new();
    let mut places: HashMap<(usize, i64, i64), usize> = HashMap::with_capacity(rows.len());
    let mut several: HashMap<usize, Vec<Candidate<'_>>> = HashMap::new();
    for row in rows {
        let (start, end) = match interval(row) {
            Ok(interval) => interval,
            Err(reason) => {
                sorted.rejected.push(RejectedRow { reason, text: describe(row) });
                continue;
            }
        };
        let labels = *label_numbers.entry(&row.labels).or_insert_with(|| {
            sorted.labels.push(&row.labels);
            sorted.labels.len() - 1
        });
        let candidate = Candidate { row, labels, start, end };
        match places.get(&(labels, start, end)) {
            None => {
                places.insert((labels, start, end), sorted.candidates.len());
                sorted.candidates.push(candidate);
            }
            Some(place) => several.entry(*place).or_default().push(candidate),
        }
    }
    if !several.is_empty() {
        settle_repeated_keys(&mut sorted, several);
    }
    sorted
}

fn settle_repeated_keys<'a>(sorted: &mut SortedBody<'a>, mut several: HashMap<usize, Vec<Candidate<'a>>>) {
    let candidates = std::mem::take(&mut sorted.candidates);
    for (place, candidate) in candidates.into_iter().enumerate() {
        match several.remove(&place) {
            None => sorted.candidates.push(candidate),
            Some(others) => settle_key(sorted, candidate, others),
        }
    }
}

fn settle_key<'a>(sorted: &mut SortedBody<'a>, first: Candidate<'a>, others: Vec<Candidate<'a>>) {
    let mut all = vec![first];
    all.extend(others);
    all.sort_by_key(|candidate| vendor_revision_in_body(candidate.row));
    let mut taken = None;
    for group in all.chunk_by(|a, b| vendor_revision_in_body(a.row) == vendor_revision_in_body(b.row)) {
        let Some(head) = group.first() else { continue };
        if group.iter().all(|other| other.row.measures == head.row.measures) {
            sorted.repeated += group.len() as u64 - 1;
            if taken.replace(head.row).is_some() {
                sorted.superseded += 1;
            }
        } else {
            let conflicts =
                group.iter().map(|c| RejectedRow { reason: RejectionReason::Conflict, text: describe(c.row) });
            sorted.rejected.extend(conflicts);
        }
    }
    sorted
        .candidates
        .extend(all.into_iter().find(|candidate| taken.is_some_and(|row| std::ptr::eq(row, candidate.row))));
}

fn vendor_revision_in_body(row: &IncomingRow) -> i64 {
    row.vendor_revision.unwrap_or(1)
}

fn interval(row: &IncomingRow) -> Result<(i64, i64), RejectionReason> {
    if row.end <= row.start {
        return Err(RejectionReason::EndNotAfterStart);
    }
    match (to_nanoseconds(row.start), to_nanoseconds(row.end)) {
        (Some(start), Some(end)) if start != i64::MIN => Ok((start, end)),
        _ => Err(RejectionReason::OutOfRange),
    }
}

/// What a store knows of the row with the same labels that starts last before a candidate's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Neighbour {
    pub start: i64,
    pub end: i64,
    pub sequence: i64,
    pub revision: i64,
    /// The highest that the vendor gave for this key.
    pub vendor_revision: Option<i64>,
}

/// How a candidate relates to its neighbour in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    /// It lies apart.
    New,
    /// It is the same key, or the same day with the length that it has in its zone.
    SameKey,
    /// It covers a part of its time, and is another key.
    Overlap,
}

/// Rows of the same labels are disjoint, so the neighbour alone decides.
pub(super) fn relation(start: i64, end: i64, neighbour: Option<&Neighbour>) -> Relation {
    match neighbour {
        None => Relation::New,
        Some(neighbour) if neighbour.end <= start => Relation::New,
        Some(neighbour) if (neighbour.start, neighbour.end) == (start, end) => Relation::SameKey,
        Some(neighbour)
            if neighbour.start == start && is_day_as_it_was(lasts(start, neighbour.end), lasts(start, end)) =>
        {
            Relation::SameKey
        }
        Some(_) => Relation::Overlap,
    }
}

fn lasts(start: i64, end: i64) -> SignedDuration {
    SignedDuration::from_nanos(end.saturating_sub(start))
}

/// What happens to a row whose key is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repetition {
    /// It says the same; the vendor may count it higher than before.
    Unchanged {
        /// The vendor's number, where it is a higher one.
        raised_to: Option<i64>,
    },
    /// It says something else, and is the newest.
    Revision,
    /// The vendor itself gave a higher revision before.
    Superseded,
}

/// Judges a row whose key is known. A row without a vendor revision counts as equal to the highest one known.
pub(super) fn repetition(same_measures: bool, known: Option<i64>, incoming: Option<i64>) -> Repetition {
    match (known, incoming) {
        _ if same_measures => Repetition::Unchanged { raised_to: incoming.filter(|incoming| Some(*incoming) > known) },
        (Some(known), Some(incoming)) if incoming < known => Repetition::Superseded,
        _ => Repetition::Revision,
    }
}

/// A row in words, for the list of rows kept aside.
pub(super) fn describe(row: &IncomingRow) -> String {
    use std::fmt::Write;
    let mut text = format!("{} to {}", row.start, row.end);
    // Writing into a String cannot fail.
    for (name, value) in &row.labels {
        let _ = write!(text, ", {name}={value}");
    }
    for (name, value) in &row.measures {
        let _ = write!(text, ", {name} {value}");
    }
    if let Some(revision) = row.vendor_revision {
        let _ = write!(text, ", revision {revision}");
    }
    text
}
