//! Entries of a log become rows of measures, the same for every store.

use std::collections::{BTreeMap, HashMap};

use super::encoding::{
    LABELS, Labels, NAMES, RowHeader, decode_labels, decode_names, decode_row, decode_values, from_nanoseconds,
};
use super::model::StoreError;
use crate::domain::measures::Row;

/// The labels and names of measures that the rows of a feed refer to.
#[derive(Default)]
pub(super) struct Definitions {
    labels: HashMap<i64, Labels>,
    names: HashMap<i64, Vec<String>>,
}

impl Definitions {
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

    /// The row of an entry.
    pub(super) fn row(&self, sequence: i64, payload: &[u8]) -> Result<Row, StoreError> {
        let corrupt = |what: &str| StoreError::Corrupt(what.to_owned());
        let missing =
            |entry: i64| StoreError::Corrupt(format!("row {sequence} refers to entry {entry}, which is missing"));
        let (header, values) = decode_row(payload).map_err(corrupt)?;
        let labels = self.labels.get(&header.labels).ok_or_else(|| missing(header.labels))?;
        let names = self.names.get(&header.names).ok_or_else(|| missing(header.names))?;
        Ok(row(sequence, &header, labels.clone(), decode_values(names, values).map_err(corrupt)?))
    }
}

/// A row of its parts.
pub(super) fn row(
    sequence: i64,
    header: &RowHeader,
    labels: Labels,
    measures: BTreeMap<String, rust_decimal::Decimal>,
) -> Row {
    Row {
        start: from_nanoseconds(header.start),
        end: from_nanoseconds(header.end),
        labels,
        measures,
        revision: header.revision,
        known_at: from_nanoseconds(header.known_at),
        sequence,
    }
}

/// A row replaces an earlier one only; anything else would never end.
pub(super) fn earlier(sequence: i64, replaces: i64) -> Result<i64, StoreError> {
    if replaces < sequence {
        return Ok(replaces);
    }
    Err(StoreError::Corrupt(format!("row {sequence} says that it replaces row {replaces}")))
}
