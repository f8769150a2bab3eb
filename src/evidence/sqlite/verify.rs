//! What a verification reads out of SQLite.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension};

use super::errors::Failure;
use crate::evidence::model::{Digest, Head, StoreError, VerifyProgress, VerifyReport};
use crate::evidence::verification::{self, Stored, StoredEntry, StoredFeed, StoredJournalEntry};

/// Verifies the whole store on a connection that reads.
pub(super) fn verify(
    path: &Path,
    connection: &mut Connection,
    on_progress: &(dyn Fn(VerifyProgress) + Send + Sync),
) -> Result<VerifyReport, StoreError> {
    let mut file = File { connection, reading: false };
    let report = verification::verify(&mut file, on_progress);
    let ended = file.end();
    let report = report.map_err(|failure| failure.into_store_error(path))?;
    ended.map_err(|error| Failure::from(error).into_store_error(path))?;
    Ok(report)
}

struct File<'c> {
    connection: &'c Connection,
    /// Whether a transaction holds a state of the file.
    reading: bool,
}

impl File<'_> {
    fn end(&mut self) -> rusqlite::Result<()> {
        if std::mem::take(&mut self.reading) { self.connection.execute_batch("ROLLBACK") } else { Ok(()) }
    }
}

impl Stored for File<'_> {
    type Failure = Failure;

    fn refresh(&mut self) -> Result<(), Failure> {
        self.end()?;
        self.connection.execute_batch("BEGIN")?;
        self.reading = true;
        Ok(())
    }

    fn damage(failure: Failure) -> Result<String, Failure> {
        match failure {
            Failure::Sqlite(error) if is_damage(&error) => Ok(format!("the file is damaged: {error}")),
            other => Err(other),
        }
    }

    fn feeds(&mut self) -> Result<Vec<StoredFeed>, Failure> {
        let mut statement = self.connection.prepare_cached("SELECT id, contract_uid, feed FROM feeds ORDER BY id")?;
        let feeds = statement
            .query_map([], |row| Ok(StoredFeed { id: row.get(0)?, contract_uid: row.get(1)?, feed: row.get(2)? }))?
            .collect::<Result<_, _>>()?;
        Ok(feeds)
    }

    fn total_rows(&mut self) -> Result<u64, Failure> {
        let total: f64 = self.connection.query_row("SELECT total(sequence) FROM heads", [], |row| row.get(0))?;
        Ok(total.max(0.0) as u64)
    }

    fn entries(&mut self, feed: i64, each: &mut dyn FnMut(StoredEntry<'_>)) -> Result<(), Failure> {
        let mut statement = self.connection.prepare_cached(
            "SELECT sequence, kind, payload, digest FROM log WHERE feed_id = ?1 ORDER BY sequence, kind",
        )?;
        let mut entries = statement.query([feed])?;
        while let Some(entry) = entries.next()? {
            let payload = entry.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?;
            each(StoredEntry { sequence: entry.get(0)?, kind: entry.get(1)?, payload, digest: entry.get(3)? });
        }
        Ok(())
    }

    fn head(&mut self, feed: i64) -> Result<Option<Head>, Failure> {
        let head = self
            .connection
            .prepare_cached("SELECT sequence, digest FROM heads WHERE feed_id = ?1")?
            .query_row([feed], |row| Ok(Head { sequence: row.get(0)?, digest: row.get(1)? }))
            .optional()?;
        Ok(head)
    }

    fn newest(&mut self, feed: i64) -> Result<(i64, f64), Failure> {
        let newest = self
            .connection
            .prepare_cached("SELECT count(*), total(sequence) FROM newest WHERE feed_id = ?1")?
            .query_row([feed], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(newest)
    }

    fn last_journal_head(&mut self, contract_uid: &str, feed: &str) -> Result<Option<String>, Failure> {
        let last = self
            .connection
            .prepare_cached(
                "SELECT content FROM journal WHERE contract_uid = ?1 AND topic = 'head' AND name = ?2 ORDER BY number DESC LIMIT 1",
            )?
            .query_row((contract_uid, feed), |row| row.get(0))
            .optional()?;
        Ok(last)
    }

    fn journal(&mut self, each: &mut dyn FnMut(StoredJournalEntry)) -> Result<(), Failure> {
        let mut statement = self.connection.prepare_cached(
            "SELECT number, topic, contract_uid, name, recorded_at, content, digest FROM journal ORDER BY number",
        )?;
        let mut entries = statement.query([])?;
        while let Some(entry) = entries.next()? {
            let texts = [entry.get(1)?, entry.get(2)?, entry.get(3)?, entry.get(4)?, entry.get(5)?];
            each(StoredJournalEntry { number: entry.get(0)?, texts, digest: entry.get(6)? });
        }
        Ok(())
    }

    fn journal_head(&mut self) -> Result<Option<(i64, Digest)>, Failure> {
        let head = self
            .connection
            .query_row("SELECT number, digest FROM journal_head", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        Ok(head)
    }

    fn feeds_of_journal(&mut self) -> Result<Vec<(String, String)>, Failure> {
        let mut statement =
            self.connection.prepare_cached("SELECT DISTINCT contract_uid, name FROM journal WHERE topic = 'head'")?;
        let feeds = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
        Ok(feeds)
    }

    fn heads_without_feed(&mut self) -> Result<i64, Failure> {
        let count = self.connection.query_row(
            "SELECT count(*) FROM heads WHERE feed_id NOT IN (SELECT id FROM feeds)",
            [],
            |row| row.get(0),
        )?;
        Ok(count)
    }
}

fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType};
    matches!(error, FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..))
        || error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseCorrupt)
}
