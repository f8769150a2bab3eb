//! Rows of evidence become rows of measures.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Transaction};

use super::errors::Failure;
use crate::domain::measuring::feed_rows::FeedRows;
use crate::domain::measuring::row::Row;
use crate::evidence::encoding::{
    LABELS, Labels, NAMES, ROW, clamped, decode_labels, decode_names, decode_row, decode_values, from_nanoseconds,
};
use crate::evidence::model::{
    BackfillProgress, Digest, FeedKey, Head, LogEntry, RowRange, StoreError, StoredRejection,
};
use crate::evidence::rows::{Lookup, Packing, earlier, row};

/// The number of a feed in the file; `None` if it never had evidence.
fn feed_id(transaction: &Transaction<'_>, contract_uid: &str, feed: &str) -> Result<Option<i64>, Failure> {
    let found = transaction
        .prepare_cached("SELECT id FROM feeds WHERE contract_uid = ?1 AND feed = ?2")?
        .query_row((contract_uid, feed), |row| row.get(0))
        .optional()?;
    Ok(found)
}

/// Makes rows of payloads; labels and names are read once.
struct Decoder<'t> {
    transaction: &'t Transaction<'t>,
    feed_id: i64,
    labels: HashMap<i64, Labels>,
    names: HashMap<i64, Vec<String>>,
}

impl<'t> Decoder<'t> {
    fn new(transaction: &'t Transaction<'t>, feed_id: i64) -> Self {
        Self { transaction, feed_id, labels: HashMap::new(), names: HashMap::new() }
    }

    fn decode(&mut self, sequence: i64, payload: &[u8]) -> Result<Row, Failure> {
        let (header, values) = decode_row(payload)?;
        if !self.labels.contains_key(&header.labels) {
            let labels = decode_labels(&self.definition(header.labels, LABELS)?)?;
            self.labels.insert(header.labels, labels);
        }
        if !self.names.contains_key(&header.names) {
            let names = decode_names(&self.definition(header.names, NAMES)?)?;
            self.names.insert(header.names, names);
        }
        let labels = self.labels.get(&header.labels).cloned().unwrap_or_default();
        let measures = decode_values(self.names.get(&header.names).map_or(&[][..], Vec::as_slice), values)?;
        Ok(row(sequence, &header, labels, measures))
    }

    fn definition(&self, sequence: i64, kind: u8) -> Result<Vec<u8>, Failure> {
        payload_at(self.transaction, self.feed_id, sequence, kind)?
            .ok_or_else(|| StoreError::Corrupt(format!("entry {sequence} of kind {kind} is missing")).into())
    }
}

fn payload_at(
    transaction: &Transaction<'_>,
    feed_id: i64,
    sequence: i64,
    kind: u8,
) -> Result<Option<Vec<u8>>, Failure> {
    let payload = transaction
        .prepare_cached("SELECT payload FROM log WHERE feed_id = ?1 AND sequence = ?2 AND kind = ?3")?
        .query_row((feed_id, sequence, kind), |row| row.get(0))
        .optional()?;
    Ok(payload)
}

fn blob<'a>(row: &'a rusqlite::Row<'_>, column: usize) -> Result<&'a [u8], Failure> {
    Ok(row.get_ref(column)?.as_blob().map_err(rusqlite::Error::from)?)
}

/// Rows received after a sequence.
pub(super) fn rows(
    transaction: &Transaction<'_>,
    contract_uid: &str,
    feed: &str,
    after_sequence: i64,
) -> Result<Vec<Row>, Failure> {
    let Some(feed_id) = feed_id(transaction, contract_uid, feed)? else { return Ok(Vec::new()) };
    let mut decoder = Decoder::new(transaction, feed_id);
    let mut statement = transaction.prepare_cached(
        "SELECT sequence, payload FROM log WHERE feed_id = ?1 AND sequence > ?2 AND kind = 4 ORDER BY sequence",
    )?;
    let mut entries = statement.query((feed_id, after_sequence))?;
    let mut rows = Vec::new();
    while let Some(entry) = entries.next()? {
        rows.push(decoder.decode(entry.get(0)?, blob(entry, 1)?)?);
    }
    Ok(rows)
}

/// Rows that were read before, with those of a range.
pub(super) fn more_rows(
    transaction: &Transaction<'_>,
    contract_uid: &str,
    feed: &str,
    rows: FeedRows,
    range: RowRange,
) -> Result<FeedRows, Failure> {
    let Some(feed_id) = feed_id(transaction, contract_uid, feed)? else { return Ok(rows) };
    let mut packing = Packing::new(rows, range.left_out, Decoder::new(transaction, feed_id));
    let mut statement = transaction.prepare_cached(
        "SELECT sequence, payload FROM log WHERE feed_id = ?1 AND sequence > ?2 AND sequence <= ?3 AND kind = 4 ORDER BY sequence",
    )?;
    let mut entries = statement.query((feed_id, range.after, range.until))?;
    while let Some(entry) = entries.next()? {
        packing.add(entry.get(0)?, blob(entry, 1)?)?;
    }
    Ok(packing.close())
}

impl Lookup for Decoder<'_> {
    type Failure = Failure;

    fn labels(&mut self, entry: i64) -> Result<Labels, Failure> {
        Ok(decode_labels(&self.definition(entry, LABELS)?)?)
    }

    fn names(&mut self, entry: i64) -> Result<Vec<String>, Failure> {
        Ok(decode_names(&self.definition(entry, NAMES)?)?)
    }
}

/// Rows that start in a span, every revision.
pub(super) fn rows_starting_within(
    transaction: &Transaction<'_>,
    contract_uid: &str,
    feed: &str,
    from: Timestamp,
    until: Timestamp,
) -> Result<Vec<Row>, Failure> {
    let Some(feed_id) = feed_id(transaction, contract_uid, feed)? else { return Ok(Vec::new()) };
    let mut decoder = Decoder::new(transaction, feed_id);
    let mut statement = transaction.prepare_cached(
        "SELECT newest.sequence, newest.revision, log.payload
         FROM log AS definition
         JOIN newest ON newest.feed_id = ?1 AND newest.labels = definition.sequence AND newest.start_at >= ?2 AND newest.start_at < ?3
         JOIN log ON log.feed_id = ?1 AND log.sequence = newest.sequence AND log.kind = 4
         WHERE definition.feed_id = ?1 AND definition.kind = 1 AND definition.kind < 3",
    )?;
    let mut entries = statement.query((feed_id, clamped(from), clamped(until)))?;
    let mut rows = Vec::new();
    while let Some(entry) = entries.next()? {
        let payload = blob(entry, 2)?;
        let sequence = entry.get(0)?;
        let mut replaced = earlier(sequence, decode_row(payload)?.0.replaces)?;
        rows.push(decoder.decode(sequence, payload)?);
        while replaced > 0 {
            let payload = decoder.definition(replaced, ROW)?;
            let row = decoder.decode(replaced, &payload)?;
            replaced = earlier(replaced, decode_row(&payload)?.0.replaces)?;
            rows.push(row);
        }
    }
    rows.sort_unstable_by_key(|row| row.sequence);
    Ok(rows)
}

/// Of each key the highest revision that was known at an instant, in order of receipt.
pub(super) fn as_known_on(
    transaction: &Transaction<'_>,
    contract_uid: &str,
    feed: &str,
    instant: Timestamp,
) -> Result<Vec<Row>, Failure> {
    let Some(feed_id) = feed_id(transaction, contract_uid, feed)? else { return Ok(Vec::new()) };
    let instant = clamped(instant);
    let mut statement = transaction
        .prepare_cached("SELECT sequence, payload FROM log WHERE feed_id = ?1 AND kind = 4 ORDER BY sequence")?;
    let mut entries = statement.query([feed_id])?;
    let mut known: HashMap<(i64, i64, i64), (i64, Vec<u8>)> = HashMap::new();
    while let Some(entry) = entries.next()? {
        let payload = blob(entry, 1)?;
        let header = decode_row(payload)?.0;
        if header.known_at <= instant {
            // Revisions of a key rise with their sequence, so the later one is the higher one.
            known.insert((header.labels, header.start, header.end), (entry.get(0)?, payload.to_vec()));
        }
    }
    let mut known: Vec<_> = known.into_values().collect();
    known.sort_unstable_by_key(|(sequence, _)| *sequence);
    let mut decoder = Decoder::new(transaction, feed_id);
    known.iter().map(|(sequence, payload)| decoder.decode(*sequence, payload)).collect()
}

/// The ends of the chains of a contract's feeds.
pub(super) fn heads(transaction: &Transaction<'_>, contract_uid: &str) -> Result<BTreeMap<String, Head>, Failure> {
    let mut statement = transaction.prepare_cached(
        "SELECT feed, sequence, digest FROM heads JOIN feeds ON feeds.id = heads.feed_id WHERE contract_uid = ?1",
    )?;
    let heads = statement
        .query_map([contract_uid], |row| Ok((row.get(0)?, Head { sequence: row.get(1)?, digest: row.get(2)? })))?
        .collect::<Result<_, _>>()?;
    Ok(heads)
}

/// The chain's digest at a row.
pub(super) fn digest_at(
    transaction: &Transaction<'_>,
    contract_uid: &str,
    feed: &str,
    sequence: i64,
) -> Result<Option<Digest>, Failure> {
    let Some(feed_id) = feed_id(transaction, contract_uid, feed)? else { return Ok(None) };
    let digest = transaction
        .prepare_cached("SELECT digest FROM log WHERE feed_id = ?1 AND sequence = ?2 AND kind = 4")?
        .query_row((feed_id, sequence), |row| row.get(0))
        .optional()?;
    Ok(digest)
}

/// All feeds, by contract and name.
pub(super) fn feeds(transaction: &Transaction<'_>) -> Result<Vec<FeedKey>, Failure> {
    let mut statement = transaction
        .prepare_cached("SELECT contract_uid, namespace, contract, feed FROM feeds ORDER BY contract_uid, feed")?;
    let feeds = statement
        .query_map([], |row| {
            Ok(FeedKey { contract_uid: row.get(0)?, namespace: row.get(1)?, contract: row.get(2)?, feed: row.get(3)? })
        })?
        .collect::<Result<_, _>>()?;
    Ok(feeds)
}

/// How far the back-fill of a feed is.
pub(super) fn feed_progress(
    transaction: &Transaction<'_>,
    contract_uid: &str,
    feed: &str,
) -> Result<Option<BackfillProgress>, Failure> {
    let progress = transaction
        .prepare_cached(
            "SELECT reached, completed FROM backfills JOIN feeds ON feeds.id = backfills.feed_id WHERE contract_uid = ?1 AND feed = ?2",
        )?
        .query_row((contract_uid, feed), |row| {
            Ok(BackfillProgress { reached: from_nanoseconds(row.get(0)?), completed: row.get(1)? })
        })
        .optional()?;
    Ok(progress)
}

/// What the last body left behind for the next fetch.
pub(super) fn feed_state(
    transaction: &Transaction<'_>,
    contract_uid: &str,
    feed: &str,
) -> Result<Option<String>, Failure> {
    let content = transaction
        .prepare_cached(
            "SELECT content FROM feed_states JOIN feeds ON feeds.id = feed_states.feed_id WHERE contract_uid = ?1 AND feed = ?2",
        )?
        .query_row((contract_uid, feed), |row| row.get(0))
        .optional()?;
    Ok(content)
}

/// The latest rejected rows, newest first.
pub(super) fn rejected(
    transaction: &Transaction<'_>,
    contract_uid: &str,
    feed: &str,
    limit: usize,
) -> Result<Vec<StoredRejection>, Failure> {
    let Some(feed_id) = feed_id(transaction, contract_uid, feed)? else { return Ok(Vec::new()) };
    let mut statement = transaction.prepare_cached(
        "SELECT reason, content, received_at, body_digest FROM rejections WHERE feed_id = ?1 ORDER BY id DESC LIMIT ?2",
    )?;
    let rejected = statement
        .query_map((feed_id, i64::try_from(limit).unwrap_or(i64::MAX)), |row| {
            Ok(StoredRejection {
                reason: row.get(0)?,
                text: row.get(1)?,
                received_at: from_nanoseconds(row.get(2)?),
                body_digest: row.get(3)?,
            })
        })?
        .collect::<Result<_, _>>()?;
    Ok(rejected)
}

/// The log of a feed up to a row.
pub(super) fn log(
    transaction: &Transaction<'_>,
    contract_uid: &str,
    feed: &str,
    until_sequence: i64,
) -> Result<Vec<LogEntry>, Failure> {
    let Some(feed_id) = feed_id(transaction, contract_uid, feed)? else { return Ok(Vec::new()) };
    let mut statement = transaction.prepare_cached(
        "SELECT sequence, kind, payload, digest FROM log WHERE feed_id = ?1 AND sequence <= ?2 ORDER BY sequence, kind",
    )?;
    let entries = statement
        .query_map((feed_id, until_sequence), |row| {
            Ok(LogEntry { sequence: row.get(0)?, kind: row.get(1)?, payload: row.get(2)?, digest: row.get(3)? })
        })?
        .collect::<Result<_, _>>()?;
    Ok(entries)
}
