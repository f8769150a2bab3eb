//! What a verification reads out of PostgreSQL.

use postgres::fallible_iterator::FallibleIterator;

use super::errors::{Failure, words};
use super::session::{Access, Session, digest};
use super::{journal, read};
use crate::evidence::model::{Digest, Head, StoreError, VerifyProgress, VerifyReport};
use crate::evidence::verification::{self, Stored, StoredEntry, StoredFeed, StoredJournalEntry};

/// Verifies the whole store on a session that is in a transaction that reads.
pub(super) fn verify(
    session: &mut Session,
    on_progress: &(dyn Fn(VerifyProgress) + Send + Sync),
) -> Result<VerifyReport, Failure> {
    let report = verification::verify(&mut Database(session), on_progress)?;
    session.client.batch_execute("COMMIT")?;
    Ok(report)
}

struct Database<'s>(&'s mut Session);

impl Stored for Database<'_> {
    type Failure = Failure;

    fn refresh(&mut self) -> Result<(), Failure> {
        self.0.client.batch_execute("ROLLBACK")?;
        self.0.begin(Access::Read)
    }

    fn damage(failure: Failure) -> Result<String, Failure> {
        match failure {
            // 'XX': what the server itself finds damaged.
            Failure::Database(error) if error.code().is_some_and(|code| code.code().starts_with("XX")) => {
                Ok(format!("the database is damaged: {}", words(&error)))
            }
            Failure::Store(StoreError::Corrupt(what)) => Ok(what),
            other => Err(other),
        }
    }

    fn feeds(&mut self) -> Result<Vec<StoredFeed>, Failure> {
        self.0
            .query("SELECT id, contract_uid, feed FROM bpo_evidence.feeds ORDER BY id", &[])?
            .iter()
            .map(|row| Ok(StoredFeed { id: row.try_get(0)?, contract_uid: row.try_get(1)?, feed: row.try_get(2)? }))
            .collect()
    }

    fn total_rows(&mut self) -> Result<u64, Failure> {
        let row = self.0.query("SELECT coalesce(sum(sequence), 0)::float8 FROM bpo_evidence.heads", &[])?;
        let total: f64 = row.first().map(|row| row.try_get(0)).transpose()?.unwrap_or_default();
        Ok(total.max(0.0) as u64)
    }

    fn entries(&mut self, feed: i64, each: &mut dyn FnMut(StoredEntry<'_>)) -> Result<(), Failure> {
        let mut entries = self.0.stream(
            "SELECT sequence, kind, payload, digest FROM bpo_evidence.log WHERE feed_id = $1 ORDER BY sequence, kind",
            &[&feed],
        )?;
        while let Some(row) = entries.next()? {
            let kind: i16 = row.try_get(1)?;
            each(StoredEntry {
                sequence: row.try_get(0)?,
                kind: u8::try_from(kind).unwrap_or_default(),
                payload: row.try_get(2)?,
                digest: digest(&row, 3)?,
            });
        }
        Ok(())
    }

    fn head(&mut self, feed: i64) -> Result<Option<Head>, Failure> {
        read::head(self.0, feed)
    }

    fn newest(&mut self, feed: i64) -> Result<(i64, f64), Failure> {
        let rows = self.0.query(
            "SELECT count(*), coalesce(sum(sequence), 0)::float8 FROM bpo_evidence.newest WHERE feed_id = $1",
            &[&feed],
        )?;
        rows.first().map_or(Ok((0, 0.0)), |row| Ok((row.try_get(0)?, row.try_get(1)?)))
    }

    fn last_journal_head(&mut self, contract_uid: &str, feed: &str) -> Result<Option<String>, Failure> {
        let last = self.0.query_opt(
            "SELECT content FROM bpo_evidence.journal
             WHERE contract_uid = $1 AND topic = 'head' AND name = $2 ORDER BY number DESC LIMIT 1",
            &[&contract_uid, &feed],
        )?;
        Ok(last.map(|row| row.try_get(0)).transpose()?)
    }

    fn journal(&mut self, each: &mut dyn FnMut(StoredJournalEntry)) -> Result<(), Failure> {
        let mut entries = self.0.stream(
            "SELECT number, topic, contract_uid, name, recorded_at, content, digest FROM bpo_evidence.journal ORDER BY number",
            &[],
        )?;
        while let Some(row) = entries.next()? {
            let texts = [row.try_get(1)?, row.try_get(2)?, row.try_get(3)?, row.try_get(4)?, row.try_get(5)?];
            each(StoredJournalEntry { number: row.try_get(0)?, texts, digest: digest(&row, 6)? });
        }
        Ok(())
    }

    fn journal_head(&mut self) -> Result<Option<(i64, Digest)>, Failure> {
        journal::head(self.0)
    }

    fn feeds_of_journal(&mut self) -> Result<Vec<(String, String)>, Failure> {
        self.0
            .query("SELECT DISTINCT contract_uid, name FROM bpo_evidence.journal WHERE topic = 'head'", &[])?
            .iter()
            .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
            .collect()
    }

    fn heads_without_feed(&mut self) -> Result<i64, Failure> {
        let rows = self.0.query(
            "SELECT count(*) FROM bpo_evidence.heads WHERE feed_id NOT IN (SELECT id FROM bpo_evidence.feeds)",
            &[],
        )?;
        Ok(rows.first().map(|row| row.try_get(0)).transpose()?.unwrap_or_default())
    }
}
