//! Entries of a log become rows of measures, the same for every store.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use rust_decimal::Decimal;

use super::encoding::{
    LABELS, Labels, NAMES, decode_labels, decode_names, decode_numbers, decode_row, decode_values, from_nanoseconds,
};
use super::model::StoreError;
use super::ranges::{LeftOut, RowRange};
use crate::domain::measuring::feed_rows::{FeedRows, OpenRows, Receipt, Times};
use crate::domain::measuring::row::Row;

/// The labels and names of measures that the rows of a feed refer to.
#[derive(Default)]
pub(super) struct Definitions {
    labels: HashMap<i64, Labels>,
    names: HashMap<i64, Vec<String>>,
    /// Bytes of their entries.
    bytes: usize,
}

impl Definitions {
    /// Takes an entry as [`Self::add`] does, as long as all of them take no more bytes than `most`.
    pub(super) fn add_within(
        &mut self,
        most: usize,
        sequence: i64,
        kind: u8,
        payload: &[u8],
    ) -> Result<(), StoreError> {
        // Each is held in pieces, with what it takes to find it.
        self.bytes = self.bytes.saturating_add(128 + 2 * payload.len());
        if self.bytes > most {
            return Err(StoreError::Memory { most });
        }
        self.add(sequence, kind, payload)
    }

    /// Takes an entry that defines; entries of other kinds are passed over.
    pub(super) fn add(&mut self, sequence: i64, kind: u8, payload: &[u8]) -> Result<(), StoreError> {
        let corrupt = |what: &str| StoreError::Corrupt(what.to_owned());
        match kind {
            LABELS => {
                self.labels.insert(sequence, decode_labels(payload).map_err(corrupt)?);
            }
            NAMES => {
                self.names.insert(sequence, decode_names(payload).map_err(corrupt)?);
            }
            _ => {}
        }
        Ok(())
    }

    /// Sequences of the entries with labels.
    pub(super) fn label_sets(&self) -> impl Iterator<Item = i64> {
        self.labels.keys().copied()
    }

    fn labels_at(&self, entry: i64) -> Result<&Labels, StoreError> {
        self.labels.get(&entry).ok_or_else(|| missing(entry))
    }

    fn names_at(&self, entry: i64) -> Result<&[String], StoreError> {
        self.names.get(&entry).map(Vec::as_slice).ok_or_else(|| missing(entry))
    }

    /// The row of an entry.
    pub(super) fn row(&self, sequence: i64, payload: &[u8]) -> Result<Row, StoreError> {
        let corrupt = |what: &str| StoreError::Corrupt(what.to_owned());
        let (header, values) = decode_row(payload).map_err(corrupt)?;
        let measures = decode_values(self.names_at(header.names)?, values).map_err(corrupt)?;
        Ok(Row {
            start: from_nanoseconds(header.start),
            end: from_nanoseconds(header.end),
            labels: self.labels_at(header.labels)?.clone(),
            measures,
            revision: header.revision,
            known_at: from_nanoseconds(header.known_at),
            sequence,
        })
    }
}

/// A row refers to an entry that is not there.
fn missing(entry: i64) -> StoreError {
    StoreError::Corrupt(format!("a row refers to entry {entry}, which is missing"))
}

/// Adds rows of a log to rows in memory; each set of labels and of names is looked up once.
pub(super) struct Packing<'d> {
    rows: OpenRows,
    left_out: Option<LeftOut>,
    definitions: &'d Definitions,
    labels: HashMap<i64, u32>,
    names: HashMap<i64, Vec<u32>>,
    numbers: Vec<Decimal>,
    most: usize,
}

impl<'d> Packing<'d> {
    /// Packs rows of a range after those that were read before.
    pub(super) fn new(rows: FeedRows, range: RowRange, definitions: &'d Definitions) -> Self {
        let RowRange { left_out, most, .. } = range;
        let (labels, names) = (HashMap::new(), HashMap::new());
        Self { rows: rows.open(), left_out, definitions, labels, names, numbers: Vec::new(), most }
    }

    /// Adds the row of an entry, unless it is left out. Returns the sequence of the row that it replaces; 0 for none.
    pub(super) fn add(&mut self, sequence: i64, payload: &[u8]) -> Result<i64, StoreError> {
        let corrupt = |what: &str| StoreError::Corrupt(what.to_owned());
        let (header, values) = decode_row(payload).map_err(corrupt)?;
        let is_left_out =
            |left_out: LeftOut| sequence <= left_out.until && from_nanoseconds(header.start) < left_out.before;
        if self.left_out.is_some_and(is_left_out) {
            return Ok(header.replaces);
        }
        let labels = match self.labels.get(&header.labels) {
            Some(labels) => *labels,
            None => {
                let labels = self.rows.labels(self.definitions.labels_at(header.labels)?);
                self.labels.insert(header.labels, labels);
                labels
            }
        };
        let names = match self.names.entry(header.names) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => {
                let names = self.definitions.names_at(header.names)?;
                free.insert(names.iter().map(|name| self.rows.measure(name)).collect())
            }
        };
        decode_numbers(names.len(), values, &mut self.numbers).map_err(corrupt)?;
        let times = Times {
            start: from_nanoseconds(header.start),
            end: from_nanoseconds(header.end),
            known_at: from_nanoseconds(header.known_at),
        };
        let measures = names.iter().copied().zip(self.numbers.iter().copied());
        self.rows.push(times, labels, Receipt { revision: header.revision, sequence }, measures);
        if self.rows.bytes() > self.most {
            return Err(StoreError::Memory { most: self.most });
        }
        Ok(header.replaces)
    }

    /// The rows with those that were added.
    pub(super) fn close(self) -> FeedRows {
        self.rows.close()
    }
}

/// A row replaces an earlier one only; anything else would never end.
pub(super) fn earlier(sequence: i64, replaces: i64) -> Result<i64, StoreError> {
    if replaces < sequence {
        return Ok(replaces);
    }
    Err(StoreError::Corrupt(format!("row {sequence} says that it replaces row {replaces}")))
}
