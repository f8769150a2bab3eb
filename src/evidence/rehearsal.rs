//! What a store would make of a body, without one: its rules on rows, applied to an empty log in memory.

use std::collections::{BTreeMap, HashMap};

use super::encoding::{BODY, ROW, RowHeader};
use super::failure::Failure;
use super::ingest::{OpenLog, take_body};
use super::intake::Neighbour;
use super::model::{Batch, Digest, Head, RejectedRow, StoreError};
use super::rows::Definitions;
use crate::domain::measuring::row::Row;

/// What is kept of a body that comes first, and what is set aside.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rehearsal {
    /// The rows that are kept, in the order of the body.
    pub rows: Vec<Row>,
    /// All that are set aside, those of the batch included.
    pub rejected: Vec<RejectedRow>,
}

/// Applies the rules of every store to a body, as if it were the first of its feed.
///
/// # Errors
/// What no store can keep: instants outside of the years 1678 to 2261.
pub fn rehearse(batch: &Batch) -> Result<Rehearsal, StoreError> {
    let mut log = MemoryLog::default();
    let taken = take_body(&mut log, batch, u64::MAX).map_err(|failure| failure.into_store_error("a rehearsal"))?;
    let rejected = taken.rejections.into_iter().map(|row| RejectedRow { reason: row.reason, text: row.text });
    let newest = log.newest.values().flat_map(BTreeMap::values);
    let mut rows = newest
        .filter_map(|known| Some((known.sequence, log.rows.get(&known.sequence)?)))
        .map(|(sequence, payload)| log.definitions.row(sequence, payload))
        .collect::<Result<Vec<Row>, StoreError>>()?;
    rows.sort_by_key(|row| row.sequence);
    Ok(Rehearsal { rows, rejected: rejected.collect() })
}

/// A log that lasts as long as the question.
#[derive(Default)]
struct MemoryLog {
    rows_so_far: i64,
    entries: i64,
    found: HashMap<(u8, Vec<u8>), i64>,
    definitions: Definitions,
    rows: HashMap<i64, Vec<u8>>,
    /// The newest row of each key, by label set and start.
    newest: BTreeMap<i64, BTreeMap<i64, Neighbour>>,
}

impl OpenLog for MemoryLog {
    fn head(&self) -> Head {
        Head { sequence: self.rows_so_far, digest: [0; 32] }
    }

    fn taken_from(&mut self) -> Result<i64, Failure> {
        Ok(i64::MIN)
    }

    fn append(&mut self, kind: u8, payload: &[u8]) -> Result<i64, Failure> {
        self.entries += 1;
        if kind == ROW {
            self.rows_so_far += 1;
            self.rows.insert(self.entries, payload.to_vec());
        } else {
            self.definitions.add(self.entries, kind, payload)?;
            self.found.insert((kind, payload.to_vec()), self.entries);
        }
        Ok(self.entries)
    }

    fn find_definition(&mut self, kind: u8, payload: &[u8]) -> Result<Option<i64>, Failure> {
        Ok(self.found.get(&(kind, payload.to_vec())).copied())
    }

    fn find_body(&mut self, _digest: &Digest) -> Result<Option<i64>, Failure> {
        Ok(self.found.iter().find(|((kind, _), _)| *kind == BODY).map(|(_, entry)| *entry))
    }

    fn last_end(&mut self, labels: i64) -> Result<Option<i64>, Failure> {
        Ok(self.newest.get(&labels).and_then(|rows| rows.values().map(|row| row.end).max()))
    }

    fn neighbour(&mut self, labels: i64, before: i64) -> Result<Option<Neighbour>, Failure> {
        Ok(self.newest.get(&labels).and_then(|rows| rows.range(..before).next_back()).map(|(_, row)| *row))
    }

    fn payload_of_row(&mut self, sequence: i64) -> Result<Vec<u8>, Failure> {
        let missing = || -> Failure { StoreError::Corrupt(format!("row {sequence} is missing")).into() };
        self.rows.get(&sequence).cloned().ok_or_else(missing)
    }

    fn index(&mut self, header: &RowHeader, sequence: i64) -> Result<(), Failure> {
        let RowHeader { start, end, revision, vendor_revision, .. } = *header;
        let row = Neighbour { start, end, sequence, revision, vendor_revision };
        self.newest.entry(header.labels).or_default().insert(start, row);
        Ok(())
    }

    fn raise_vendor_revision(&mut self, header: &RowHeader, revision: i64) -> Result<(), Failure> {
        let known = self.newest.get_mut(&header.labels).and_then(|rows| rows.get_mut(&header.start));
        known.into_iter().for_each(|known| known.vendor_revision = Some(revision));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::*;
    use crate::evidence::{IncomingRow, RejectionReason};

    #[test]
    fn a_key_is_corrected_only_so_often_and_says_so_each_time_after_that() {
        let begin: Timestamp = "2026-01-05T09:00:00Z".parse().unwrap();
        let minute = SignedDuration::from_mins(1);
        let body = |number: i64| Batch {
            received_at: begin + minute * 2,
            body_digest: [0; 32],
            url_host: None,
            backfill: false,
            plan: false,
            rows: vec![IncomingRow {
                labels: BTreeMap::new(),
                start: begin,
                end: begin + minute,
                measures: [("offered".to_owned(), number.into())].into(),
                vendor_revision: None,
                recorded_at: None,
            }],
            rejected: Vec::new(),
            progress: None,
            state: None,
        };
        let (mut log, mut refused) = (MemoryLog::default(), 0);
        for number in 0..3_005 {
            let taken = take_body(&mut log, &body(number), u64::MAX).unwrap();
            refused += taken.report.rejected.get(&RejectionReason::TooManyRevisions).copied().unwrap_or_default();
        }
        assert_eq!(log.newest.values().flat_map(BTreeMap::values).map(|row| row.revision).max(), Some(3_000));
        assert_eq!(refused, 5);
    }
}
