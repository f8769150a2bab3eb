//! Rows that a whole answer no longer has, where rows are counted from records: their records have gone elsewhere, so they become
//! revisions of zeros.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;

use super::FeedTask;
use super::poll::Tools;
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
    /// Such a part of them would no longer exist that the answer is hardly whole: a filter or a permission may have changed.
    Shrunk { gone: usize, known: usize, rows: Vec<IncomingRow> },
}

/// A part of rows beyond which their loss is not believed: more than one in two.
const BELIEVED: usize = 2;

/// The rows of zeros for what an answer lacks. `truth` are the windows of which it is the whole truth, `known` every revision of the
/// rows in them.
pub(super) fn withdrawn(truth: &[Window], known: &[Row], answered: &[IncomingRow]) -> Withdrawal {
    type Key<'r> = (Timestamp, Timestamp, &'r BTreeMap<String, String>);
    let said: BTreeSet<Key<'_>> = answered.iter().map(|row| (row.start, row.end, &row.labels)).collect();
    // Rows of one start and labels are revisions of each other, also where a day's length was corrected.
    let mut latest: BTreeMap<(Timestamp, &BTreeMap<String, String>), &Row> = BTreeMap::new();
    let inside = |row: &&Row| truth.iter().any(|window| row.start >= window.since && row.end <= window.until);
    for row in known.iter().filter(inside) {
        let newest = latest.entry((row.start, &row.labels)).or_insert(row);
        if row.revision > newest.revision {
            *newest = row;
        }
    }
    let says_something = |row: &Row| row.measures.values().any(|value| !value.is_zero());
    let known: Vec<&Row> = latest.into_values().filter(|row| says_something(row)).collect();
    let gone = known.iter().filter(|row| !said.contains(&(row.start, row.end, &row.labels)));
    let rows: Vec<IncomingRow> = gone.map(|row| zeros(row)).collect();
    if rows.len() * BELIEVED > known.len() {
        return Withdrawal::Shrunk { gone: rows.len(), known: known.len(), rows };
    }
    Withdrawal::Rows(rows)
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
    /// Whether an answer that lacks so much is believed at `now`: one has lacked it for an hour.
    fn is_believed(&mut self, stretch: Option<(Timestamp, Timestamp)>, now: Timestamp) -> bool {
        if !self.0.contains_key(&stretch) && self.0.len() >= REMEMBERED {
            let oldest = self.0.iter().min_by_key(|(_, since)| **since).map(|(stretch, _)| *stretch);
            oldest.and_then(|oldest| self.0.remove(&oldest));
        }
        let since = *self.0.entry(stretch).or_insert(now);
        let is_believed = now.duration_since(since) >= BELIEVED_AFTER;
        if is_believed {
            self.end(stretch);
        }
        is_believed
    }

    /// Notes an answer that lacks no more than may be.
    fn end(&mut self, stretch: Option<(Timestamp, Timestamp)>) {
        self.0.remove(&stretch);
    }
}

/// Adds rows of zeros for what a whole answer lacks; returns a failure where it lacks more than half.
pub(super) async fn withdraw(
    tools: &Tools,
    task: &FeedTask,
    shrunk_since: &mut ShrunkSince,
    body: &mut FetchedBody,
) -> Result<Option<FetchError>, StoreError> {
    let (Some(first), Some(last)) = (body.truth.first(), body.truth.last()) else { return Ok(None) };
    let (uid, feed) = (&task.contract_uid, &task.feed.name);
    let known = tools.store.rows_starting_within(uid, feed, first.since, last.until).await?;
    let now = tools.clock.now();
    let is_push = task.feed.inbox.is_some();
    let stretch = is_push.then_some((first.since, last.until));
    match withdrawn(&body.truth, &known, &body.rows) {
        Withdrawal::Rows(rows) => {
            shrunk_since.end(stretch);
            body.rows.extend(rows);
            Ok(None)
        }
        Withdrawal::Shrunk { gone, known, rows } => {
            if shrunk_since.is_believed(stretch, now) {
                body.rows.extend(rows);
                return Ok(None);
            }
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

    fn answered(hour: u32, queue: &str) -> IncomingRow {
        IncomingRow { measures: BTreeMap::from([("offered".to_owned(), 1.into())]), ..zeros(&known(hour, queue, 1, 1)) }
    }

    #[test]
    fn a_loss_is_believed_when_the_same_stretch_has_lacked_it_for_an_hour_whatever_others_say() {
        let minute = |minute: i64| at(0) + SignedDuration::from_mins(minute);
        let stretch = |hour: i64| Some((minute(60 * hour), minute(60 * hour + 60)));
        let mut shrunk = ShrunkSince::default();
        assert!(!shrunk.is_believed(stretch(1), minute(600)));
        // New stretches come each hour, and lack nothing.
        shrunk.end(stretch(9));
        shrunk.end(None);
        assert!(!shrunk.is_believed(stretch(1), minute(659)));
        assert!(!shrunk.is_believed(stretch(2), minute(660)), "another stretch has its own hour");
        assert!(!shrunk.is_believed(None, minute(660)), "and so have fetches");
        assert!(shrunk.is_believed(stretch(1), minute(660)));
        assert!(!shrunk.is_believed(stretch(1), minute(700)), "it begins again");
        shrunk.end(stretch(2));
        assert!(!shrunk.is_believed(stretch(2), minute(800)), "an answer came that lacked nothing");
        for hour in 10..200 {
            assert!(!shrunk.is_believed(stretch(hour), minute(900 + hour)));
        }
        assert_eq!(shrunk.0.len(), REMEMBERED);
        assert!(shrunk.is_believed(stretch(199), minute(2_000)), "the newest are kept");
        assert!(!shrunk.is_believed(stretch(10), minute(2_000)), "the oldest are not");
    }

    #[test]
    fn what_a_whole_answer_lacks_is_withdrawn_unless_it_is_too_much() {
        let truth = [Window { since: at(8), until: at(12) }];
        let rows =
            [known(8, "a", 3, 1), known(9, "a", 3, 1), known(9, "a", 5, 2), known(9, "b", 0, 1), known(13, "a", 1, 1)];
        let gone = |outcome: Withdrawal| match outcome {
            Withdrawal::Rows(rows) => (false, rows.iter().map(|row| row.start.to_string()).collect::<Vec<_>>()),
            Withdrawal::Shrunk { gone, known, .. } => (true, vec![format!("{gone} of {known}")]),
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
            assert_eq!(gone(withdrawn(&truth, &rows, &answer)), expected, "{what}");
        }
        assert_eq!(
            withdrawn(&[], &rows, &[]),
            Withdrawal::Rows(vec![]),
            "an answer that is not whole withdraws nothing"
        );
    }
}
