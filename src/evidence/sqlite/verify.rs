//! Computes the chains again.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Transaction};

use super::errors::Failure;
use super::journal::HeadContent;
use crate::evidence::chain::{entry_digest, feed_origin, journal_digest, journal_origin};
use crate::evidence::encoding::{ROW, decode_row};
use crate::evidence::model::{Broken, Digest, Head, VerifyProgress, VerifyReport};

/// How many differences are listed.
const BROKEN_LISTED: usize = 1_000;

/// After how many rows the progress is told.
const ROWS_PER_PROGRESS: u64 = 65_536;

/// Verifies each feed on a state of its own, so that a long verification holds up nobody, then the journal.
pub(super) fn verify(
    connection: &mut Connection,
    on_progress: &(dyn Fn(VerifyProgress) + Send + Sync),
) -> Result<VerifyReport, Failure> {
    let (feeds, total_rows) = {
        let transaction = connection.transaction()?;
        (list_feeds(&transaction)?, total_rows(&transaction)?)
    };
    let mut check = Check { report: VerifyReport::default(), on_progress, total_rows };
    for feed in &feeds {
        let transaction = connection.transaction()?;
        let outcome = check.feed(&transaction, feed);
        check.damage(outcome, &feed.contract_uid, &feed.feed)?;
        check.report.feeds += 1;
    }
    let transaction = connection.transaction()?;
    let outcome = check.journal(&transaction).and_then(|()| check.strangers(&transaction));
    check.damage(outcome, "", "")?;
    on_progress(VerifyProgress { rows: check.report.rows, total_rows: check.report.rows });
    Ok(check.report)
}

struct Feed {
    id: i64,
    contract_uid: String,
    feed: String,
}

fn list_feeds(transaction: &Transaction<'_>) -> Result<Vec<Feed>, Failure> {
    let mut statement = transaction.prepare_cached("SELECT id, contract_uid, feed FROM feeds ORDER BY id")?;
    let feeds = statement
        .query_map([], |row| Ok(Feed { id: row.get(0)?, contract_uid: row.get(1)?, feed: row.get(2)? }))?
        .collect::<Result<_, _>>()?;
    Ok(feeds)
}

fn total_rows(transaction: &Transaction<'_>) -> Result<u64, Failure> {
    let total: f64 = transaction.query_row("SELECT total(sequence) FROM heads", [], |row| row.get(0))?;
    Ok(total.max(0.0) as u64)
}

struct Check<'a> {
    report: VerifyReport,
    on_progress: &'a (dyn Fn(VerifyProgress) + Send + Sync),
    total_rows: u64,
}

/// What the walk through a feed's log found at its end.
struct Walked {
    head: Head,
    /// Keys, and the sum of the sequences of their newest rows.
    keys: i64,
    newest: i128,
}

impl Check<'_> {
    fn broken(&mut self, contract_uid: &str, feed: &str, sequence: i64, what: impl Into<String>) {
        if self.report.broken.len() < BROKEN_LISTED {
            let (contract_uid, feed, what) = (contract_uid.to_owned(), feed.to_owned(), what.into());
            self.report.broken.push(Broken { contract_uid, feed, sequence, what });
        }
    }

    /// Damage of the file itself is a finding, and the other feeds are still checked; other errors end the verification.
    fn damage(&mut self, outcome: Result<(), Failure>, contract_uid: &str, feed: &str) -> Result<(), Failure> {
        match outcome {
            Err(Failure::Sqlite(error)) if is_damage(&error) => {
                self.broken(contract_uid, feed, 0, format!("the file is damaged: {error}"));
                Ok(())
            }
            outcome => outcome,
        }
    }

    fn feed(&mut self, transaction: &Transaction<'_>, feed: &Feed) -> Result<(), Failure> {
        let Feed { contract_uid, feed: name, id } = feed;
        let walked = self.walk(transaction, feed)?;
        let kept: Option<Head> = transaction
            .prepare_cached("SELECT sequence, digest FROM heads WHERE feed_id = ?1")?
            .query_row([id], |row| Ok(Head { sequence: row.get(0)?, digest: row.get(1)? }))
            .optional()?;
        match kept {
            None if walked.head.sequence == 0 => {}
            Some(kept) if kept == walked.head => {}
            None => self.broken(contract_uid, name, walked.head.sequence, "the feed has rows and no head"),
            Some(kept) if kept.sequence == walked.head.sequence => {
                self.broken(contract_uid, name, kept.sequence, "the head has another digest than the last row");
            }
            Some(kept) => {
                let what = format!("the head says {} rows, the log has {}", kept.sequence, walked.head.sequence);
                self.broken(contract_uid, name, walked.head.sequence, what);
            }
        }
        let (keys, newest): (i64, f64) = transaction
            .prepare_cached("SELECT count(*), total(sequence) FROM newest WHERE feed_id = ?1")?
            .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if keys != walked.keys || newest != walked.newest as f64 {
            self.broken(contract_uid, name, 0, "the index of newest rows does not follow from the log");
        }
        let last: Option<String> = transaction
            .prepare_cached(
                "SELECT content FROM journal WHERE contract_uid = ?1 AND topic = 'head' AND name = ?2 ORDER BY number DESC LIMIT 1",
            )?
            .query_row((contract_uid, name), |row| row.get(0))
            .optional()?;
        let expected = serde_json::to_string(&HeadContent::from(&walked.head))?;
        if last.as_ref().map_or(walked.head.sequence != 0, |last| *last != expected) {
            let what = format!(
                "the journal's last head is {}, the log ends with {expected}",
                last.as_deref().unwrap_or("absent")
            );
            self.broken(contract_uid, name, walked.head.sequence, what);
        }
        Ok(())
    }

    fn walk(&mut self, transaction: &Transaction<'_>, feed: &Feed) -> Result<Walked, Failure> {
        let head = Head { sequence: 0, digest: feed_origin(&feed.contract_uid, &feed.feed) };
        let mut walked = Walked { head, keys: 0, newest: 0 };
        let mut statement = transaction.prepare_cached(
            "SELECT sequence, kind, payload, digest FROM log WHERE feed_id = ?1 ORDER BY sequence, kind",
        )?;
        let mut entries = statement.query([feed.id])?;
        while let Some(entry) = entries.next()? {
            let (sequence, kind): (i64, u8) = (entry.get(0)?, entry.get(1)?);
            let payload = entry.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?;
            let digest: Digest = entry.get(3)?;
            if let Some(what) = differs(&walked.head, sequence, kind, payload, &digest) {
                self.broken(&feed.contract_uid, &feed.feed, sequence, what);
            }
            // Goes on from what is stored, so that each place that differs is found, not everything after the first.
            walked.head.digest = digest;
            if kind == ROW {
                self.row(&mut walked, feed, sequence, payload);
            }
        }
        Ok(walked)
    }

    fn row(&mut self, walked: &mut Walked, feed: &Feed, sequence: i64, payload: &[u8]) {
        walked.head.sequence = sequence;
        match decode_row(payload) {
            Ok((header, _)) => {
                walked.keys += i64::from(header.replaces == 0);
                walked.newest += i128::from(sequence) - i128::from(header.replaces);
            }
            Err(what) => {
                self.broken(&feed.contract_uid, &feed.feed, sequence, format!("the row cannot be read: {what}"))
            }
        }
        self.report.rows += 1;
        if self.report.rows.is_multiple_of(ROWS_PER_PROGRESS) {
            (self.on_progress)(VerifyProgress {
                rows: self.report.rows,
                total_rows: self.total_rows.max(self.report.rows),
            });
        }
    }

    fn journal(&mut self, transaction: &Transaction<'_>) -> Result<(), Failure> {
        let mut statement = transaction.prepare_cached(
            "SELECT number, topic, contract_uid, name, recorded_at, content, digest FROM journal ORDER BY number",
        )?;
        let mut entries = statement.query([])?;
        let (mut last, mut previous) = (0_i64, journal_origin());
        while let Some(entry) = entries.next()? {
            let number: i64 = entry.get(0)?;
            let texts: [String; 5] = [entry.get(1)?, entry.get(2)?, entry.get(3)?, entry.get(4)?, entry.get(5)?];
            let digest: Digest = entry.get(6)?;
            if number != last + 1 {
                self.broken("", "", number, format!("entries {} to {} are missing", last + 1, number - 1));
            } else if journal_digest(&previous, number, texts.each_ref().map(String::as_str)) != digest {
                self.broken("", "", number, "the digest does not follow from the entry and the one before");
            }
            (last, previous) = (number, digest);
            self.report.journal_entries += 1;
        }
        let head: Option<(i64, Digest)> = transaction
            .query_row("SELECT number, digest FROM journal_head", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        if head.unwrap_or_else(|| (0, journal_origin())) != (last, previous) {
            self.broken("", "", last, "the journal does not end where its head says");
        }
        Ok(())
    }

    /// Feeds that the journal speaks of and the store does not have, and logs without a feed.
    fn strangers(&mut self, transaction: &Transaction<'_>) -> Result<(), Failure> {
        let known: HashMap<(String, String), i64> =
            list_feeds(transaction)?.into_iter().map(|feed| ((feed.contract_uid, feed.feed), feed.id)).collect();
        let mut statement =
            transaction.prepare_cached("SELECT DISTINCT contract_uid, name FROM journal WHERE topic = 'head'")?;
        let mut named = statement.query([])?;
        while let Some(row) = named.next()? {
            let (contract_uid, feed): (String, String) = (row.get(0)?, row.get(1)?);
            let key = (contract_uid, feed);
            if !known.contains_key(&key) {
                self.broken(&key.0, &key.1, 0, "the journal knows rows of this feed, and the store has no such feed");
            }
        }
        let orphans: i64 = transaction.query_row(
            "SELECT count(*) FROM heads WHERE feed_id NOT IN (SELECT id FROM feeds)",
            [],
            |row| row.get(0),
        )?;
        if orphans > 0 {
            self.broken("", "", 0, format!("{orphans} heads belong to no feed"));
        }
        Ok(())
    }
}

fn differs(before: &Head, sequence: i64, kind: u8, payload: &[u8], digest: &Digest) -> Option<String> {
    let expected = before.sequence + 1;
    if sequence != expected {
        return Some(format!("rows {expected} to {} are missing", sequence - 1));
    }
    let follows = entry_digest(&before.digest, sequence, kind, payload) == *digest;
    (!follows).then(|| "the digest does not follow from the row and the one before".to_owned())
}

fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType};
    matches!(error, FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..))
        || error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseCorrupt)
}
