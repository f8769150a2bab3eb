//! Rows that a whole answer no longer has, where rows are counted from records: their records have gone elsewhere, so they become
//! revisions of zeros.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;

use super::FeedTask;
use super::poll::Tools;
use super::slices::{SliceRoom, each_slice};
use crate::domain::measuring::row::Row;
use crate::evidence::{IncomingRow, StoreError};
use crate::feed::fetch_request::FetchedBody;
use crate::feed::time_window::Window;
use crate::outbound::error::{FailureKind, FetchError};

/// What a whole answer says of the rows that are known.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Withdrawal {
    /// These no longer exist.
    Rows(Vec<IncomingRow>),
    /// So many no longer exist that only these are withdrawn at once.
    Some { gone: usize, rows: Vec<IncomingRow> },
    /// Such a part of them would no longer exist that the answer is hardly whole: a filter or a permission may have changed.
    Shrunk { gone: usize, known: usize },
}

/// A part of rows beyond which their loss is not believed: more than one in two.
const BELIEVED: usize = 2;

type Key<'r> = (Timestamp, Timestamp, &'r BTreeMap<String, String>);

/// What an answer lacks of the rows that are known.
#[derive(Debug, Default)]
struct Lacking {
    /// Rows that say something.
    known: usize,
    /// Those of them that the answer lacks.
    gone: usize,
    /// Rows of zeros in their place, as many as there is room for.
    rows: Vec<IncomingRow>,
    /// Bytes that these would take.
    bytes: usize,
}

impl Lacking {
    /// Compares the newest revisions of rows with what was said. `truth` are the windows of which the answer is the whole truth; rows of
    /// zeros are made for `most` bytes.
    fn add(&mut self, truth: &[Window], known: &[Row], said: &BTreeSet<Key<'_>>, most: usize) {
        let inside = |row: &&Row| truth.iter().any(|window| row.start >= window.since && row.end <= window.until);
        let says_something = |row: &&Row| row.measures.values().any(|value| !value.is_zero());
        for row in known.iter().filter(inside).filter(says_something) {
            self.known += 1;
            if said.contains(&(row.start, row.end, &row.labels)) {
                continue;
            }
            self.gone += 1;
            self.bytes = self.bytes.saturating_add(bytes_of_zeros(row));
            if self.bytes <= most {
                self.rows.push(zeros(row));
            }
        }
    }

    /// What follows; `is_believed`: whatever it lacks.
    fn end(self, is_believed: bool) -> Withdrawal {
        let Lacking { known, gone, rows, .. } = self;
        if gone * BELIEVED > known && !is_believed {
            return Withdrawal::Shrunk { gone, known };
        }
        if rows.len() < gone { Withdrawal::Some { gone, rows } } else { Withdrawal::Rows(rows) }
    }
}

/// Bytes of a row of zeros, near enough.
fn bytes_of_zeros(row: &Row) -> usize {
    let labels = row.labels.iter().map(|(name, value)| 96 + name.len() + value.len());
    256 + labels.chain(row.measures.keys().map(|name| 96 + name.len())).sum::<usize>()
}

fn zeros(row: &Row) -> IncomingRow {
    IncomingRow {
        labels: row.labels.clone(),
        start: row.start,
        end: row.end,
        measures: row.measures.keys().map(|name| (name.clone(), Decimal::ZERO)).collect(),
        vendor_revision: None,
        recorded_at: None,
    }
}

/// For how long answers must lack the same rows before their loss is believed.
const BELIEVED_AFTER: SignedDuration = SignedDuration::from_hours(1);

/// Adds rows of zeros for what a whole answer lacks; returns a failure where it lacks more than half, or more than is withdrawn at once.
/// The answers that follow withdraw the others then.
pub(super) async fn withdraw(
    tools: &Tools,
    task: &FeedTask,
    shrunk_since: &mut Option<Timestamp>,
    body: &mut FetchedBody,
) -> Result<Option<FetchError>, StoreError> {
    let (Some(first), Some(last)) = (body.truth.first(), body.truth.last()) else { return Ok(None) };
    let (uid, feed) = (&task.contract_uid, &task.feed.name);
    let room = SliceRoom::reserve(tools, task).await;
    let mut lacking = Lacking::default();
    let said: BTreeSet<Key<'_>> = body.rows.iter().map(|row| (row.start, row.end, &row.labels)).collect();
    let compare = |known: &[Row]| lacking.add(&body.truth, known, &said, room.most);
    each_slice(&*tools.store, (uid, feed), (first.since, last.until), room.most, compare).await?;
    let now = tools.clock.now();
    let agree_since = shrunk_since.unwrap_or(now);
    match lacking.end(now.duration_since(agree_since) >= BELIEVED_AFTER) {
        Withdrawal::Rows(rows) => {
            *shrunk_since = None;
            body.rows.extend(rows);
            Ok(None)
        }
        Withdrawal::Some { gone, rows } => {
            let message = format!(
                "the answer lacks {gone} rows that are known: {} of them are withdrawn now, and the others by the answers that follow",
                rows.len()
            );
            body.rows.extend(rows);
            Ok(Some(FetchError::new(FailureKind::TooLarge, message)))
        }
        Withdrawal::Shrunk { gone, known } => {
            *shrunk_since = Some(agree_since);
            let message = format!(
                "the answer lacks {gone} of {known} rows that are known: nothing is withdrawn until the answers of an hour agree; \
                 look whether a filter or a permission changed at the vendor"
            );
            Ok(Some(FetchError::new(FailureKind::Shrunk, message)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: u32) -> Timestamp {
        format!("2026-01-05T{hour:02}:00:00Z").parse().unwrap()
    }

    fn known(hour: u32, queue: &str, offered: i64, revision: i64) -> Row {
        Row {
            start: at(hour),
            end: at(hour + 1),
            labels: BTreeMap::from([("queue".to_owned(), queue.to_owned())]),
            measures: BTreeMap::from([("offered".to_owned(), offered.into())]),
            revision,
            known_at: at(hour + 1),
            sequence: 1,
        }
    }

    /// What an answer withdraws that is the whole truth of `truth`.
    fn withdrawn(truth: &[Window], known: &[Row], answered: &[IncomingRow], most: usize) -> Withdrawal {
        let said = answered.iter().map(|row| (row.start, row.end, &row.labels)).collect();
        let mut lacking = Lacking::default();
        known.chunks(2).for_each(|slice| lacking.add(truth, slice, &said, most));
        lacking.end(false)
    }

    fn answered(hour: u32, queue: &str) -> IncomingRow {
        IncomingRow { measures: BTreeMap::from([("offered".to_owned(), 1.into())]), ..zeros(&known(hour, queue, 1, 1)) }
    }

    #[test]
    fn what_a_whole_answer_lacks_is_withdrawn_unless_it_is_too_much() {
        let truth = [Window { since: at(8), until: at(12) }];
        let rows = [known(8, "a", 3, 1), known(9, "a", 5, 2), known(9, "b", 0, 1), known(13, "a", 1, 1)];
        let gone = |outcome: Withdrawal| match outcome {
            Withdrawal::Rows(rows) => (false, rows.iter().map(|row| row.start.to_string()).collect::<Vec<_>>()),
            Withdrawal::Shrunk { gone, known } => (true, vec![format!("{gone} of {known}")]),
            Withdrawal::Some { gone, .. } => (true, vec![format!("{gone} at once")]),
        };
        for (what, answer, expected) in [
            ("all are there", vec![answered(8, "a"), answered(9, "a")], (false, vec![])),
            ("one of two is not", vec![answered(8, "a")], (false, vec!["2026-01-05T09:00:00Z".to_owned()])),
            (
                "its record has another queue now",
                vec![answered(8, "a"), answered(9, "c")],
                (false, vec!["2026-01-05T09:00:00Z".to_owned()]),
            ),
            ("none is there", vec![], (true, vec!["2 of 2".to_owned()])),
        ] {
            assert_eq!(gone(withdrawn(&truth, &rows, &answer, usize::MAX)), expected, "{what}");
        }
        assert_eq!(
            withdrawn(&[], &rows, &[], usize::MAX),
            Withdrawal::Rows(vec![]),
            "an answer that is not whole withdraws nothing"
        );
    }

    #[test]
    fn of_rows_that_are_too_many_some_are_withdrawn_at_once_and_the_others_are_counted() {
        let truth = [Window { since: at(0), until: at(23) }];
        let rows: Vec<Row> = (0..20).map(|hour| known(hour, "a", 1, 1)).collect();
        let answer: Vec<IncomingRow> = (0..15).map(|hour| answered(hour, "a")).collect();
        assert!(matches!(withdrawn(&truth, &rows, &answer, 1 << 20), Withdrawal::Rows(gone) if gone.len() == 5));
        let at_once = |outcome: Withdrawal| match outcome {
            Withdrawal::Some { gone, rows } => (gone, rows.len()),
            other => panic!("{other:?}"),
        };
        assert_eq!(at_once(withdrawn(&truth, &rows, &answer, 1_000)), (5, 2));
        assert_eq!(withdrawn(&truth, &rows, &[], 1_000), Withdrawal::Shrunk { gone: 20, known: 20 });
        let (mut lacking, said) = (Lacking::default(), BTreeSet::new());
        lacking.add(&truth, &rows, &said, 1_000);
        assert_eq!(at_once(lacking.end(true)), (20, 2), "also once the loss is believed");
    }
}
