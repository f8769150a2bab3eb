//! Rows of evidence in PostgreSQL become rows of measures.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use postgres::fallible_iterator::FallibleIterator;

use super::errors::Failure;
use super::session::{Session, digest};
use crate::domain::measuring::feed_rows::FeedRows;
use crate::domain::measuring::row::Row;
use crate::evidence::encoding::{clamped, decode_row, from_nanoseconds};
use crate::evidence::model::{
    BackfillProgress, Digest, FeedKey, Head, LogEntry, RowRange, StoreError, StoredRejection,
};
use crate::evidence::rows::{Definitions, Packing, earlier};

/// The number of a feed; `None` if it never had evidence.
fn feed_id(session: &mut Session, contract_uid: &str, feed: &str) -> Result<Option<i64>, Failure> {
    let found = session.query_opt(
        "SELECT id FROM bpo_evidence.feeds WHERE contract_uid = $1 AND feed = $2",
        &[&contract_uid, &feed],
    )?;
    Ok(found.map(|row| row.try_get(0)).transpose()?)
}

/// The labels and names of a feed: few, and each row needs them.
fn definitions(session: &mut Session, feed_id: i64) -> Result<Definitions, Failure> {
    let mut definitions = Definitions::default();
    let found = session
        .query("SELECT sequence, kind, payload FROM bpo_evidence.log WHERE feed_id = $1 AND kind < 3", &[&feed_id])?;
    for row in found {
        let kind: i16 = row.try_get(1)?;
        definitions.add(row.try_get(0)?, u8::try_from(kind).unwrap_or_default(), row.try_get(2)?)?;
    }
    Ok(definitions)
}

/// Rows received after a sequence.
pub(super) fn rows(
    session: &mut Session,
    contract_uid: &str,
    feed: &str,
    after_sequence: i64,
) -> Result<Vec<Row>, Failure> {
    let Some(feed_id) = feed_id(session, contract_uid, feed)? else { return Ok(Vec::new()) };
    let definitions = definitions(session, feed_id)?;
    let mut found = session.stream(
        "SELECT sequence, payload FROM bpo_evidence.log WHERE feed_id = $1 AND sequence > $2 AND kind = 4 ORDER BY sequence",
        &[&feed_id, &after_sequence],
    )?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        rows.push(definitions.row(row.try_get(0)?, row.try_get(1)?)?);
    }
    Ok(rows)
}

/// Rows that were read before, with those of a range.
pub(super) fn more_rows(
    session: &mut Session,
    contract_uid: &str,
    feed: &str,
    rows: FeedRows,
    range: RowRange,
) -> Result<FeedRows, Failure> {
    let Some(feed_id) = feed_id(session, contract_uid, feed)? else { return Ok(rows) };
    let definitions = definitions(session, feed_id)?;
    let mut packing = Packing::new(rows, range.left_out, &definitions);
    let mut found = session.stream(
        "SELECT sequence, payload FROM bpo_evidence.log
         WHERE feed_id = $1 AND sequence > $2 AND sequence <= $3 AND kind = 4 ORDER BY sequence",
        &[&feed_id, &range.after, &range.until],
    )?;
    while let Some(row) = found.next()? {
        packing.add(row.try_get(0)?, row.try_get(1)?)?;
    }
    Ok(packing.close())
}

/// Rows that start in a span, every revision.
pub(super) fn rows_starting_within(
    session: &mut Session,
    contract_uid: &str,
    feed: &str,
    from: Timestamp,
    until: Timestamp,
) -> Result<Vec<Row>, Failure> {
    let Some(feed_id) = feed_id(session, contract_uid, feed)? else { return Ok(Vec::new()) };
    let definitions = definitions(session, feed_id)?;
    let labels: Vec<i64> = definitions.label_sets().collect();
    let mut rows = Vec::new();
    let mut replaced = Vec::new();
    {
        let mut found = session.stream(
            "SELECT newest.sequence, log.payload FROM bpo_evidence.newest
             JOIN bpo_evidence.log ON log.feed_id = $1 AND log.sequence = newest.sequence AND log.kind = 4
             WHERE newest.feed_id = $1 AND newest.labels = ANY($2) AND newest.start_at >= $3 AND newest.start_at < $4",
            &[&feed_id, &labels, &clamped(from), &clamped(until)],
        )?;
        while let Some(row) = found.next()? {
            take(&definitions, row.try_get(0)?, row.try_get(1)?, &mut rows, &mut replaced)?;
        }
    }
    while !replaced.is_empty() {
        let wanted = std::mem::take(&mut replaced);
        let found = session.query(
            "SELECT sequence, payload FROM bpo_evidence.log WHERE feed_id = $1 AND kind = 4 AND sequence = ANY($2)",
            &[&feed_id, &wanted],
        )?;
        if found.len() != wanted.len() {
            return Err(StoreError::Corrupt(format!("feed {feed} lacks rows that were replaced")).into());
        }
        for row in found {
            take(&definitions, row.try_get(0)?, row.try_get(1)?, &mut rows, &mut replaced)?;
        }
    }
    rows.sort_unstable_by_key(|row| row.sequence);
    Ok(rows)
}

/// Takes a row, and notes which one it replaces.
fn take(
    definitions: &Definitions,
    sequence: i64,
    payload: &[u8],
    rows: &mut Vec<Row>,
    replaced: &mut Vec<i64>,
) -> Result<(), Failure> {
    let replaces = earlier(sequence, decode_row(payload)?.0.replaces)?;
    if replaces > 0 {
        replaced.push(replaces);
    }
    rows.push(definitions.row(sequence, payload)?);
    Ok(())
}

/// Of each key the highest revision that was known at an instant, in order of receipt.
pub(super) fn as_known_on(
    session: &mut Session,
    contract_uid: &str,
    feed: &str,
    instant: Timestamp,
) -> Result<Vec<Row>, Failure> {
    let Some(feed_id) = feed_id(session, contract_uid, feed)? else { return Ok(Vec::new()) };
    let definitions = definitions(session, feed_id)?;
    let instant = clamped(instant);
    let mut found = session.stream(
        "SELECT sequence, payload FROM bpo_evidence.log WHERE feed_id = $1 AND kind = 4 ORDER BY sequence",
        &[&feed_id],
    )?;
    let mut known: HashMap<(i64, i64, i64), (i64, Vec<u8>)> = HashMap::new();
    while let Some(row) = found.next()? {
        let payload: &[u8] = row.try_get(1)?;
        let header = decode_row(payload)?.0;
        if header.known_at <= instant {
            // Revisions of a key rise with their sequence, so the later one is the higher one.
            known.insert((header.labels, header.start, header.end), (row.try_get(0)?, payload.to_vec()));
        }
    }
    let mut known: Vec<_> = known.into_values().collect();
    known.sort_unstable_by_key(|(sequence, _)| *sequence);
    known.iter().map(|(sequence, payload)| Ok(definitions.row(*sequence, payload)?)).collect()
}

/// The head of a feed as it is kept.
pub(super) fn head(session: &mut Session, feed_id: i64) -> Result<Option<Head>, Failure> {
    session
        .query_opt("SELECT sequence, digest FROM bpo_evidence.heads WHERE feed_id = $1", &[&feed_id])?
        .map(|row| Ok(Head { sequence: row.try_get(0)?, digest: digest(&row, 1)? }))
        .transpose()
}

/// The ends of the chains of a contract's feeds.
pub(super) fn heads(session: &mut Session, contract_uid: &str) -> Result<BTreeMap<String, Head>, Failure> {
    session
        .query(
            "SELECT sequence, digest, feed FROM bpo_evidence.heads JOIN bpo_evidence.feeds ON feeds.id = heads.feed_id WHERE contract_uid = $1",
            &[&contract_uid],
        )?
        .iter()
        .map(|row| Ok((row.try_get(2)?, Head { sequence: row.try_get(0)?, digest: digest(row, 1)? })))
        .collect()
}

/// The chain's digest at a row.
pub(super) fn digest_at(
    session: &mut Session,
    contract_uid: &str,
    feed: &str,
    sequence: i64,
) -> Result<Option<Digest>, Failure> {
    let Some(feed_id) = feed_id(session, contract_uid, feed)? else { return Ok(None) };
    session
        .query_opt(
            "SELECT digest FROM bpo_evidence.log WHERE feed_id = $1 AND sequence = $2 AND kind = 4",
            &[&feed_id, &sequence],
        )?
        .map(|row| digest(&row, 0))
        .transpose()
}

/// All feeds, by contract and name.
pub(super) fn feeds(session: &mut Session) -> Result<Vec<FeedKey>, Failure> {
    session
        .query(
            "SELECT contract_uid, namespace, contract, feed FROM bpo_evidence.feeds ORDER BY contract_uid COLLATE \"C\", feed COLLATE \"C\"",
            &[],
        )?
        .iter()
        .map(|row| {
            Ok(FeedKey {
                contract_uid: row.try_get(0)?,
                namespace: row.try_get(1)?,
                contract: row.try_get(2)?,
                feed: row.try_get(3)?,
            })
        })
        .collect()
}

/// How far the back-fill of a feed is.
pub(super) fn feed_progress(
    session: &mut Session,
    contract_uid: &str,
    feed: &str,
) -> Result<Option<BackfillProgress>, Failure> {
    session
        .query_opt(
            "SELECT reached, completed FROM bpo_evidence.backfills JOIN bpo_evidence.feeds ON feeds.id = backfills.feed_id
             WHERE contract_uid = $1 AND feed = $2",
            &[&contract_uid, &feed],
        )?
        .map(|row| Ok(BackfillProgress { reached: from_nanoseconds(row.try_get(0)?), completed: row.try_get(1)? }))
        .transpose()
}

/// What the last body left behind for the next fetch.
pub(super) fn feed_state(session: &mut Session, contract_uid: &str, feed: &str) -> Result<Option<String>, Failure> {
    session
        .query_opt(
            "SELECT content FROM bpo_evidence.feed_states JOIN bpo_evidence.feeds ON feeds.id = feed_states.feed_id
             WHERE contract_uid = $1 AND feed = $2",
            &[&contract_uid, &feed],
        )?
        .map(|row| Ok(row.try_get(0)?))
        .transpose()
}

/// The latest rejected rows, newest first.
pub(super) fn rejected(
    session: &mut Session,
    contract_uid: &str,
    feed: &str,
    limit: usize,
) -> Result<Vec<StoredRejection>, Failure> {
    let Some(feed_id) = feed_id(session, contract_uid, feed)? else { return Ok(Vec::new()) };
    session
        .query(
            "SELECT reason, content, received_at, body_digest FROM bpo_evidence.rejections WHERE feed_id = $1 ORDER BY id DESC LIMIT $2",
            &[&feed_id, &i64::try_from(limit).unwrap_or(i64::MAX)],
        )?
        .iter()
        .map(|row| {
            Ok(StoredRejection {
                reason: row.try_get(0)?,
                text: String::from_utf8_lossy(row.try_get(1)?).into_owned(),
                received_at: from_nanoseconds(row.try_get(2)?),
                body_digest: digest(row, 3)?,
            })
        })
        .collect()
}

/// The log of a feed up to a row.
pub(super) fn log(
    session: &mut Session,
    contract_uid: &str,
    feed: &str,
    until_sequence: i64,
) -> Result<Vec<LogEntry>, Failure> {
    let Some(feed_id) = feed_id(session, contract_uid, feed)? else { return Ok(Vec::new()) };
    let mut found = session.stream(
        "SELECT sequence, kind, payload, digest FROM bpo_evidence.log WHERE feed_id = $1 AND sequence <= $2 ORDER BY sequence, kind",
        &[&feed_id, &until_sequence],
    )?;
    let mut entries = Vec::new();
    while let Some(row) = found.next()? {
        let kind: i16 = row.try_get(1)?;
        entries.push(LogEntry {
            sequence: row.try_get(0)?,
            kind: u8::try_from(kind).unwrap_or_default(),
            payload: row.try_get(2)?,
            digest: digest(&row, 3)?,
        });
    }
    Ok(entries)
}
