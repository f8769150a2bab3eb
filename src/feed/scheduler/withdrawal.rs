//! Rows that a whole answer no longer has, where rows are counted from records: their records have gone elsewhere, so they become
//! revisions of zeros.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;

use super::FeedTask;
use super::poll::Tools;
use super::slices::{SliceRoom, each_slice, too_large};
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
    /// Too many no longer exist: only these are withdrawn at once.
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

/// How many stretches of pushes are remembered. Without a place among them a loss is believed later, never earlier.
const REMEMBERED: usize = 64;

/// Since when answers lack more than half of the rows that are known: of fetches, whose windows move on, together, and of pushes by the
/// stretch that each is about.
#[derive(Clone, Debug, Default)]
pub(super) struct ShrunkSince(BTreeMap<Option<(Timestamp, Timestamp)>, Timestamp>);

impl ShrunkSince {
    /// Whether an answer that lacks too much is believed at `now`: one has lacked it for an hour.
    fn is_believed(&self, stretch: Option<(Timestamp, Timestamp)>, now: Timestamp) -> bool {
        self.0.get(&stretch).is_some_and(|since| now.duration_since(*since) >= BELIEVED_AFTER)
    }

    /// Notes an answer that lacks too much.
    fn begin(&mut self, stretch: Option<(Timestamp, Timestamp)>, now: Timestamp) {
        if !self.0.contains_key(&stretch) && self.0.len() >= REMEMBERED {
            let oldest = self.0.iter().min_by_key(|(_, since)| **since).map(|(stretch, _)| *stretch);
            oldest.and_then(|oldest| self.0.remove(&oldest));
        }
        self.0.entry(stretch).or_insert(now);
    }

    /// Notes an answer that lacks no more than may be.
    fn end(&mut self, stretch: Option<(Timestamp, Timestamp)>) {
        self.0.remove(&stretch);
    }
}

/// Adds rows of zeros for what a whole answer lacks; returns a failure where it lacks more than half, or more than is withdrawn at once,
/// or cannot be compared. The answers that follow withdraw the others then.
pub(super) async fn withdraw(
    tools: &Tools,
    task: &FeedTask,
    shrunk_since: &mut ShrunkSince,
    body: &mut FetchedBody,
) -> Result<Option<FetchError>, StoreError> {
    let (Some(first), Some(last)) = (body.truth.first(), body.truth.last()) else { return Ok(None) };
    let (uid, feed) = (&task.contract_uid, &task.feed.name);
    let room = SliceRoom::reserve(tools, task).await;
    let mut lacking = Lacking::default();
    let said: BTreeSet<Key<'_>> = body.rows.iter().map(|row| (row.start, row.end, &row.labels)).collect();
    let compare = |known: &[Row]| lacking.add(&body.truth, known, &said, room.most);
    match each_slice(&*tools.store, (uid, feed), (first.since, last.until), room.most, compare).await {
        Err(StoreError::Memory { .. }) => {
            let consequence = "what the answer lacks is not withdrawn";
            return Ok(Some(too_large(&*tools.store, (uid, feed), room.most, consequence).await?));
        }
        compared => compared?,
    }
    let now = tools.clock.now();
    let is_push = task.feed.inbox.is_some();
    let stretch = is_push.then_some((first.since, last.until));
    match lacking.end(shrunk_since.is_believed(stretch, now)) {
        Withdrawal::Rows(rows) => {
            shrunk_since.end(stretch);
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
            shrunk_since.begin(stretch, now);
            let until = match is_push {
                true => "the same stretch is pushed again after an hour",
                false => "the answers of an hour agree",
            };
            let message = format!(
                "the answer lacks {gone} of {known} rows that are known: nothing is withdrawn until {until}; \
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
    fn a_loss_is_believed_when_the_same_stretch_has_lacked_it_for_an_hour_whatever_others_say() {
        let minute = |minute: i64| at(0) + SignedDuration::from_mins(minute);
        let stretch = |hour: i64| Some((minute(60 * hour), minute(60 * hour + 60)));
        let mut shrunk = ShrunkSince::default();
        let lacks = |shrunk: &mut ShrunkSince, stretch, now| {
            let is_believed = shrunk.is_believed(stretch, now);
            if is_believed {
                shrunk.end(stretch)
            } else {
                shrunk.begin(stretch, now)
            }
            is_believed
        };
        assert!(!lacks(&mut shrunk, stretch(1), minute(600)));
        // New stretches come each hour, and lack nothing.
        shrunk.end(stretch(9));
        shrunk.end(None);
        assert!(!lacks(&mut shrunk, stretch(1), minute(659)));
        assert!(!lacks(&mut shrunk, stretch(2), minute(660)), "another stretch has its own hour");
        assert!(!lacks(&mut shrunk, None, minute(660)), "and so have fetches");
        assert!(lacks(&mut shrunk, stretch(1), minute(660)));
        assert!(!lacks(&mut shrunk, stretch(1), minute(700)), "it begins again");
        shrunk.end(stretch(2));
        assert!(!lacks(&mut shrunk, stretch(2), minute(800)), "an answer came that lacked nothing");
        for hour in 10..200 {
            assert!(!lacks(&mut shrunk, stretch(hour), minute(900 + hour)));
        }
        assert_eq!(shrunk.0.len(), REMEMBERED);
        assert!(lacks(&mut shrunk, stretch(199), minute(2_000)), "the newest are kept");
        assert!(!lacks(&mut shrunk, stretch(10), minute(2_000)), "the oldest are not");
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
