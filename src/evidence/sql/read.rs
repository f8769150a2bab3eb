//! Entries of logs become rows of measures.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;

use super::{Sql, Value, feed_id, retention, values};
use crate::domain::measuring::feed_rows::FeedRows;
use crate::domain::measuring::row::Row;
use crate::evidence::encoding::{clamped, decode_names, decode_row, from_nanoseconds};
use crate::evidence::failure::Failure;
use crate::evidence::model::{
    BackfillProgress, DefinitionsSize, Digest, FeedKey, Head, LogEntry, StoreError, StoredRejection,
};
use crate::evidence::ranges::{RowRange, StartRange};
use crate::evidence::rows::{Definitions, Packing, earlier};

/// The labels and names of a feed: few, and each row needs them. An index finds them, and the log itself says what they are, since that is
/// what is verified: the index has a copy of its own.
fn definitions(sql: &mut dyn Sql, feed_id: i64) -> Result<Definitions, Failure> {
    definitions_within(sql, feed_id, usize::MAX)
}

/// The same, as long as they take no more bytes than `most`.
fn definitions_within(sql: &mut dyn Sql, feed_id: i64, most: usize) -> Result<Definitions, Failure> {
    let mut definitions = Definitions::default();
    sql.each(sql.dialect().definitions, values![feed_id], |entry| {
        Ok(definitions.add_within(most, entry.integer(0)?, entry.kind(1)?, entry.bytes(2)?)?)
    })?;
    Ok(definitions)
}

/// Rows received after a sequence.
pub(super) fn rows(
    sql: &mut dyn Sql,
    contract_uid: &str,
    feed: &str,
    after_sequence: i64,
) -> Result<Vec<Row>, Failure> {
    let Some(feed_id) = feed_id(sql, contract_uid, feed)? else { return Ok(Vec::new()) };
    let definitions = definitions(sql, feed_id)?;
    sql.all(
        "SELECT sequence, payload FROM log WHERE feed_id = $1 AND sequence > $2 AND kind = 4 ORDER BY sequence",
        values![feed_id, after_sequence],
        |entry| Ok(definitions.row(entry.integer(0)?, entry.bytes(1)?)?),
    )
}

/// Rows that were read before, with those of a range.
pub(super) fn more_rows(
    sql: &mut dyn Sql,
    contract_uid: &str,
    feed: &str,
    rows: FeedRows,
    range: RowRange,
) -> Result<FeedRows, Failure> {
    let Some(feed_id) = feed_id(sql, contract_uid, feed)? else { return Ok(rows) };
    let definitions = definitions_within(sql, feed_id, range.most)?;
    let mut packing = Packing::new(rows, range, &definitions);
    sql.each(
        "SELECT sequence, payload FROM log
         WHERE feed_id = $1 AND sequence > $2 AND sequence <= $3 AND kind = 4 ORDER BY sequence",
        values![feed_id, range.after, range.until],
        |entry| {
            packing.add(entry.integer(0)?, entry.bytes(1)?)?;
            Ok(())
        },
    )?;
    Ok(packing.close())
}

/// Rows that were read before, with every revision of those that start in a span.
pub(super) fn more_rows_starting_within(
    sql: &mut dyn Sql,
    (contract_uid, feed): (&str, &str),
    rows: FeedRows,
    range: StartRange,
) -> Result<FeedRows, Failure> {
    let Some(feed_id) = feed_id(sql, contract_uid, feed)? else { return Ok(rows) };
    let definitions = definitions_within(sql, feed_id, range.most)?;
    let labels: Vec<i64> = definitions.label_sets().collect();
    // What replaced a removed row is not followed further.
    let removed = retention::last(sql, feed_id)?.map_or(0, |last| last.last);
    let most = rows.bytes().saturating_add(range.page).min(range.most);
    let mut packing = Packing::new(rows, RowRange { most, ..RowRange::between(0, range.last) }, &definitions);
    let mut replaced = Vec::new();
    let mut take = |entry: &dyn super::Row, replaced: &mut Vec<i64>| -> Result<bool, Failure> {
        let (sequence, payload) = (entry.integer(0)?, entry.bytes(1)?);
        let replaces =
            if sequence <= range.last { packing.add(sequence, payload)? } else { decode_row(payload)?.0.replaces };
        let replaces = earlier(sequence, replaces)?;
        if replaces > removed {
            replaced.push(replaces);
        }
        Ok(true)
    };
    let span = [clamped(range.from), clamped(range.until)];
    sql.newest_within(feed_id, &labels, span, &mut |entry| take(entry, &mut replaced))?;
    while !replaced.is_empty() {
        let wanted = std::mem::take(&mut replaced);
        let mut found = 0;
        sql.rows_at(feed_id, &wanted, &mut |entry| {
            found += 1;
            take(entry, &mut replaced)
        })?;
        if found != wanted.len() {
            return Err(StoreError::Corrupt(format!("feed {feed} lacks rows that were replaced")).into());
        }
    }
    Ok(packing.close())
}

/// The newest revisions of rows that start in a span, as long as they take no more bytes than `most`.
pub(super) fn newest_starting_within(
    sql: &mut dyn Sql,
    (contract_uid, feed): (&str, &str),
    (from, until): (Timestamp, Timestamp),
    most: usize,
) -> Result<Vec<Row>, Failure> {
    let Some(feed_id) = feed_id(sql, contract_uid, feed)? else { return Ok(Vec::new()) };
    let definitions = definitions_within(sql, feed_id, most)?;
    let labels: Vec<i64> = definitions.label_sets().collect();
    let (mut rows, mut bytes) = (Vec::new(), 0_usize);
    sql.newest_within(feed_id, &labels, [clamped(from), clamped(until)], &mut |entry| {
        let row = definitions.row(entry.integer(0)?, entry.bytes(1)?)?;
        bytes = bytes.saturating_add(bytes_of(&row));
        if bytes > most {
            return Err(StoreError::Memory { most }.into());
        }
        rows.push(row);
        Ok(true)
    })?;
    rows.sort_unstable_by_key(|row| row.sequence);
    Ok(rows)
}

/// Bytes of a row that is written out, near enough: its labels and measures are maps of texts.
fn bytes_of(row: &Row) -> usize {
    let labels = row.labels.iter().map(|(name, value)| 96 + name.len() + value.len());
    let measures = row.measures.keys().map(|name| 96 + name.len());
    256 + labels.chain(measures).sum::<usize>()
}

/// What the rows of a feed refer to: an index finds it.
pub(super) fn definitions_size(sql: &mut dyn Sql, contract_uid: &str, feed: &str) -> Result<DefinitionsSize, Failure> {
    let Some(feed_id) = feed_id(sql, contract_uid, feed)? else { return Ok(DefinitionsSize::default()) };
    let mut measures = BTreeSet::new();
    sql.visit(
        "SELECT payload FROM log WHERE feed_id = $1 AND kind = 2 AND kind < 3",
        values![feed_id],
        &mut |entry| {
            measures.extend(decode_names(entry.bytes(0)?)?);
            Ok((measures.len() as u64) < DefinitionsSize::MOST_MEASURES)
        },
    )?;
    let measures = (measures.len() as u64).min(DefinitionsSize::MOST_MEASURES);
    let size = sql.first(
        "SELECT count(*), coalesce(sum(length(payload)), 0), coalesce(sum(CASE WHEN kind = 1 THEN 1 ELSE 0 END), 0)
         FROM log WHERE feed_id = $1 AND kind < 3",
        values![feed_id],
        |row| {
            let count = |column| Ok::<u64, Failure>(row.integer(column)?.unsigned_abs());
            Ok(DefinitionsSize { entries: count(0)?, bytes: count(1)?, label_sets: count(2)?, measures })
        },
    )?;
    Ok(size.unwrap_or_default())
}

/// Of each key the highest revision that was known at an instant, in order of receipt.
pub(super) fn as_known_on(
    sql: &mut dyn Sql,
    contract_uid: &str,
    feed: &str,
    instant: Timestamp,
) -> Result<Vec<Row>, Failure> {
    let Some(feed_id) = feed_id(sql, contract_uid, feed)? else { return Ok(Vec::new()) };
    let definitions = definitions(sql, feed_id)?;
    let instant = clamped(instant);
    let mut known: HashMap<(i64, i64, i64), (i64, Vec<u8>)> = HashMap::new();
    sql.each(
        "SELECT sequence, payload FROM log WHERE feed_id = $1 AND kind = 4 ORDER BY sequence",
        values![feed_id],
        |entry| {
            let payload = entry.bytes(1)?;
            let header = decode_row(payload)?.0;
            if header.known_at <= instant {
                // Revisions of a key rise with their sequence, so the later one is the higher one.
                known.insert((header.labels, header.start, header.end), (entry.integer(0)?, payload.to_vec()));
            }
            Ok(())
        },
    )?;
    let mut known: Vec<_> = known.into_values().collect();
    known.sort_unstable_by_key(|(sequence, _)| *sequence);
    known.iter().map(|(sequence, payload)| Ok(definitions.row(*sequence, payload)?)).collect()
}

/// The ends of the chains of a contract's feeds.
pub(super) fn heads(sql: &mut dyn Sql, contract_uid: &str) -> Result<BTreeMap<String, Head>, Failure> {
    sql.all(
        "SELECT feed, sequence, digest FROM heads JOIN feeds ON feeds.id = heads.feed_id WHERE contract_uid = $1",
        values![contract_uid],
        |row| Ok((row.string(0)?, Head { sequence: row.integer(1)?, digest: row.digest(2)? })),
    )
}

/// The chain's digest at a row.
pub(super) fn digest_at(
    sql: &mut dyn Sql,
    contract_uid: &str,
    feed: &str,
    sequence: i64,
) -> Result<Option<Digest>, Failure> {
    let Some(feed_id) = feed_id(sql, contract_uid, feed)? else { return Ok(None) };
    let found = sql.first(
        "SELECT digest FROM log WHERE feed_id = $1 AND sequence = $2 AND kind = 4",
        values![feed_id, sequence],
        |row| row.digest(0),
    )?;
    match found {
        Some(digest) => Ok(Some(digest)),
        None => retention::digest_at(sql, (contract_uid, feed, feed_id), sequence),
    }
}

/// All feeds, by contract and name.
pub(super) fn feeds(sql: &mut dyn Sql) -> Result<Vec<FeedKey>, Failure> {
    let mut feeds: Vec<FeedKey> = sql.all("SELECT contract_uid, namespace, contract, feed FROM feeds", &[], |row| {
        Ok(FeedKey {
            contract_uid: row.string(0)?,
            namespace: row.string(1)?,
            contract: row.string(2)?,
            feed: row.string(3)?,
        })
    })?;
    // Not by the database, whose order of texts may depend on its locale.
    feeds.sort_unstable_by(|a, b| (&a.contract_uid, &a.feed).cmp(&(&b.contract_uid, &b.feed)));
    Ok(feeds)
}

/// How far the back-fill of a feed is.
pub(super) fn feed_progress(
    sql: &mut dyn Sql,
    contract_uid: &str,
    feed: &str,
) -> Result<Option<BackfillProgress>, Failure> {
    sql.first(
        "SELECT reached, completed FROM backfills JOIN feeds ON feeds.id = backfills.feed_id
         WHERE contract_uid = $1 AND feed = $2",
        values![contract_uid, feed],
        |row| Ok(BackfillProgress { reached: from_nanoseconds(row.integer(0)?), completed: row.flag(1)? }),
    )
}

/// What the last body left behind for the next fetch.
pub(super) fn feed_state(sql: &mut dyn Sql, contract_uid: &str, feed: &str) -> Result<Option<String>, Failure> {
    sql.first(
        "SELECT content FROM feed_states JOIN feeds ON feeds.id = feed_states.feed_id
         WHERE contract_uid = $1 AND feed = $2",
        values![contract_uid, feed],
        |row| row.string(0),
    )
}

/// The latest rejected rows, newest first.
pub(super) fn rejected(
    sql: &mut dyn Sql,
    contract_uid: &str,
    feed: &str,
    limit: usize,
) -> Result<Vec<StoredRejection>, Failure> {
    let Some(feed_id) = feed_id(sql, contract_uid, feed)? else { return Ok(Vec::new()) };
    sql.all(
        "SELECT reason, content, received_at, body_digest FROM rejections WHERE feed_id = $1 ORDER BY id DESC LIMIT $2",
        values![feed_id, i64::try_from(limit).unwrap_or(i64::MAX)],
        |row| {
            let text = match row.value(1)? {
                // A text of PostgreSQL may hold no NUL, so it keeps the bytes.
                Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                _ => row.string(1)?,
            };
            let received_at = from_nanoseconds(row.integer(2)?);
            Ok(StoredRejection { reason: row.string(0)?, text, received_at, body_digest: row.digest(3)? })
        },
    )
}

/// The log of a feed up to a row.
pub(super) fn log(
    sql: &mut dyn Sql,
    contract_uid: &str,
    feed: &str,
    until_sequence: i64,
) -> Result<Vec<LogEntry>, Failure> {
    let Some(feed_id) = feed_id(sql, contract_uid, feed)? else { return Ok(Vec::new()) };
    sql.all(
        "SELECT sequence, kind, payload, digest FROM log WHERE feed_id = $1 AND sequence <= $2 ORDER BY sequence, kind",
        values![feed_id, until_sequence],
        |row| {
            let (payload, digest) = (row.bytes(2)?.to_vec(), row.digest(3)?);
            Ok(LogEntry { sequence: row.integer(0)?, kind: row.kind(1)?, payload, digest })
        },
    )
}
