//! Removed rows, their summaries, and the judgements that answer in their place.

use jiff::Timestamp;

use super::{Sql, feed_id, head, journal, values};
use crate::evidence::failure::Failure;
use crate::evidence::model::{Digest, FeedKey, Head};
use crate::evidence::retention::{
    Folding, Leaving, Removal, Removed, Summary, beginning_of_head, head_in_journal, parse,
};

/// The summaries of a feed by year.
pub(super) fn summaries(sql: &mut dyn Sql, contract_uid: &str, feed: &str) -> Result<Vec<Summary>, Failure> {
    sql.all(
        "SELECT content FROM summaries JOIN feeds ON feeds.id = summaries.feed_id
         WHERE contract_uid = $1 AND feed = $2 ORDER BY year",
        values![contract_uid, feed],
        |row| Ok(parse(row.text(0)?)?),
    )
}

/// The last summary of a feed.
pub(super) fn last(sql: &mut dyn Sql, feed_id: i64) -> Result<Option<Summary>, Failure> {
    sql.first("SELECT content FROM summaries WHERE feed_id = $1 ORDER BY year DESC LIMIT 1", values![feed_id], |row| {
        Ok(parse(row.text(0)?)?)
    })
}

/// The digest at a row that was removed: the journal has the heads of all commits.
pub(super) fn digest_at(
    sql: &mut dyn Sql,
    (contract_uid, feed, feed_id): (&str, &str, i64),
    sequence: i64,
) -> Result<Option<Digest>, Failure> {
    let Some(last) = last(sql, feed_id)?.filter(|last| sequence <= last.last) else { return Ok(None) };
    if sequence == last.last {
        return Ok(Some(last.head));
    }
    let text = sql.first(
        "SELECT content FROM journal WHERE contract_uid = $1 AND topic = 'head' AND name = $2
           AND substr(content, 1, length($3)) = $3 ORDER BY number DESC LIMIT 1",
        values![contract_uid, feed, &beginning_of_head(sequence)],
        |row| row.string(0),
    )?;
    Ok(text.and_then(|text| head_in_journal(&text, sequence)))
}

/// Removes rows of a year from the beginning of a feed's log, and keeps their place in the chain.
pub(super) fn remove(
    sql: &mut dyn Sql,
    key: &FeedKey,
    removal: Removal,
    recorded_at: Timestamp,
) -> Result<Removed, Failure> {
    let nothing = Removed { rows: 0, is_done: true };
    let Some(feed_id) = feed_id(sql, &key.contract_uid, &key.feed)? else { return Ok(nothing) };
    let Some(head) = head(sql, feed_id)? else { return Ok(nothing) };
    let last = last(sql, feed_id)?;
    let Some(mut folding) = Folding::after(last.as_ref(), key, removal) else { return Ok(nothing) };
    sql.visit(
        "SELECT sequence, kind, payload, digest FROM log
         WHERE feed_id = $1 AND sequence > $2 AND sequence <= $3 ORDER BY sequence, kind",
        values![feed_id, folding.begins_after(), folding.ends_with()],
        &mut |row| {
            let (payload, digest) = (row.bytes(2)?, row.digest(3)?);
            folding.take(&Leaving { sequence: row.integer(0)?, kind: row.kind(1)?, payload, digest })
        },
    )?;
    let after = last.map_or(0, |last| last.last);
    let (removed, Some((summary, rows))) = folding.close(&head) else { return Ok(nothing) };
    sql.execute(
        "INSERT INTO summaries (feed_id, year, last, content) VALUES ($1, $2, $3, $4)
         ON CONFLICT (feed_id, year) DO UPDATE SET last = excluded.last, content = excluded.content",
        values![feed_id, i64::from(summary.year), summary.last, &summary.text()?],
    )?;
    journal::append(sql, &summary.entry(key, recorded_at)?)?;
    sql.remove_newest(feed_id, &rows)?;
    remove_entries(sql, feed_id, (after, &summary), &head)?;
    Ok(removed)
}

/// Labels and names stay until the last row goes: later rows refer to them.
fn remove_entries(
    sql: &mut dyn Sql,
    feed_id: i64,
    (after, summary): (i64, &Summary),
    head: &Head,
) -> Result<(), Failure> {
    sql.execute(
        "DELETE FROM log WHERE feed_id = $1 AND sequence > $2 AND sequence <= $3 AND kind >= 3",
        values![feed_id, after, summary.last],
    )?;
    if summary.last == head.sequence {
        sql.execute("DELETE FROM log WHERE feed_id = $1 AND sequence <= $2", values![feed_id, summary.last])?;
    }
    Ok(())
}

/// Keeps the judgement that answers in the place of removed rows.
pub(super) fn keep_judgement(sql: &mut dyn Sql, contract_uid: &str, content: &[u8]) -> Result<(), Failure> {
    sql.execute(
        "INSERT INTO last_judgements (contract_uid, content) VALUES ($1, $2)
         ON CONFLICT (contract_uid) DO UPDATE SET content = excluded.content",
        values![contract_uid, content],
    )?;
    Ok(())
}

/// The judgement that answers in the place of removed rows.
pub(super) fn judgement(sql: &mut dyn Sql, contract_uid: &str) -> Result<Option<Vec<u8>>, Failure> {
    sql.first("SELECT content FROM last_judgements WHERE contract_uid = $1", values![contract_uid], |row| {
        row.bytes(0).map(<[u8]>::to_vec)
    })
}

/// Summaries as texts, for a verification: those of the table, and those of the journal.
pub(super) fn texts(
    sql: &mut dyn Sql,
    feed_id: i64,
    (contract_uid, feed): (&str, &str),
) -> Result<(Vec<String>, Vec<String>), Failure> {
    let kept = "SELECT content FROM summaries WHERE feed_id = $1 ORDER BY year";
    let kept = sql.all(kept, values![feed_id], |row| row.string(0))?;
    let journal = sql.all(
        "SELECT content FROM journal WHERE contract_uid = $1 AND topic = 'summary' AND name = $2 ORDER BY number",
        values![contract_uid, feed],
        |row| row.string(0),
    )?;
    Ok((kept, journal))
}
