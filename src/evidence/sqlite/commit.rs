//! The log of a feed in SQLite, open for a body: each entry is written when it is appended.

use rusqlite::OptionalExtension;

use super::file::File;
use crate::evidence::chain::entry_digest;
use crate::evidence::encoding::{ROW, RowHeader};
use crate::evidence::failure::Failure;
use crate::evidence::ingest::{OpenLog, take_body};
use crate::evidence::intake::Neighbour;
use crate::evidence::model::{Batch, CommitReport, Digest, FeedKey, Head};
use crate::evidence::sql::OpenFeed;

/// Commits a body; the second value says whether anything changed.
pub(super) fn commit(
    file: &mut File,
    key: &FeedKey,
    batch: &Batch,
    room: u64,
) -> Result<(CommitReport, bool), Failure> {
    let feed = OpenFeed::open(file, key)?;
    let mut log = Log { file, feed };
    let body = take_body(&mut log, batch, room)?;
    let Log { file, feed } = log;
    let is_new = feed.keep(file, &body)?;
    if body.has_moved {
        feed.move_head(file)?;
        feed.close(file, &body)?;
    }
    Ok((body.report, body.has_moved || is_new))
}

struct Log<'f> {
    file: &'f mut File,
    feed: OpenFeed,
}

impl OpenLog for Log<'_> {
    fn head(&self) -> Head {
        self.feed.head
    }

    fn append(&mut self, kind: u8, payload: &[u8]) -> Result<i64, Failure> {
        let sequence = self.feed.head.sequence + 1;
        let digest = entry_digest(&self.feed.head.digest, sequence, kind, payload);
        self.file
            .connection
            .prepare_cached("INSERT INTO log (feed_id, sequence, kind, payload, digest) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute((self.feed.id, sequence, kind, payload, digest.as_slice()))?;
        self.feed.head.digest = digest;
        if kind == ROW {
            self.feed.head.sequence = sequence;
        }
        Ok(sequence)
    }

    fn taken_from(&mut self) -> Result<i64, Failure> {
        self.feed.taken_from(self.file)
    }

    fn find_definition(&mut self, kind: u8, payload: &[u8]) -> Result<Option<i64>, Failure> {
        // The kind is written out as in the partial index, which the planner uses only then.
        let found = self
            .file
            .connection
            .prepare_cached("SELECT sequence FROM log WHERE feed_id = ?1 AND kind = ?2 AND kind < 3 AND payload = ?3")?
            .query_row((self.feed.id, kind, payload), |row| row.get(0))
            .optional()?;
        Ok(found)
    }

    fn find_body(&mut self, digest: &Digest) -> Result<Option<i64>, Failure> {
        self.feed.find_body(self.file, digest)
    }

    fn last_end(&mut self, labels: i64) -> Result<Option<i64>, Failure> {
        let last_end = self
            .file
            .connection
            .prepare_cached(
                "SELECT end_at FROM newest WHERE feed_id = ?1 AND labels = ?2 ORDER BY start_at DESC LIMIT 1",
            )?
            .query_row((self.feed.id, labels), |row| row.get(0))
            .optional()?;
        Ok(last_end)
    }

    fn neighbour(&mut self, labels: i64, before: i64) -> Result<Option<Neighbour>, Failure> {
        let neighbour = self
            .file
            .connection
            .prepare_cached(
                "SELECT start_at, end_at, sequence, revision, vendor_revision FROM newest
                 WHERE feed_id = ?1 AND labels = ?2 AND start_at < ?3 ORDER BY start_at DESC LIMIT 1",
            )?
            .query_row((self.feed.id, labels, before), |row| {
                Ok(Neighbour {
                    start: row.get(0)?,
                    end: row.get(1)?,
                    sequence: row.get(2)?,
                    revision: row.get(3)?,
                    vendor_revision: row.get(4)?,
                })
            })
            .optional()?;
        Ok(neighbour)
    }

    fn payload_of_row(&mut self, sequence: i64) -> Result<Vec<u8>, Failure> {
        let payload = self
            .file
            .connection
            .prepare_cached("SELECT payload FROM log WHERE feed_id = ?1 AND sequence = ?2 AND kind = 4")?
            .query_row((self.feed.id, sequence), |row| row.get(0))
            .optional()?;
        payload.ok_or_else(|| self.feed.lacks(sequence))
    }

    fn index(&mut self, header: &RowHeader, sequence: i64) -> Result<(), Failure> {
        let statement = if header.replaces == 0 {
            "INSERT INTO newest (feed_id, labels, start_at, end_at, sequence, revision, vendor_revision)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
        } else {
            "UPDATE newest SET end_at = ?4, sequence = ?5, revision = ?6, vendor_revision = coalesce(?7, vendor_revision)
             WHERE feed_id = ?1 AND labels = ?2 AND start_at = ?3"
        };
        self.file.connection.prepare_cached(statement)?.execute((
            self.feed.id,
            header.labels,
            header.start,
            header.end,
            sequence,
            header.revision,
            header.vendor_revision,
        ))?;
        Ok(())
    }

    fn raise_vendor_revision(&mut self, header: &RowHeader, revision: i64) -> Result<(), Failure> {
        self.file
            .connection
            .prepare_cached(
                "UPDATE newest SET vendor_revision = ?1 WHERE feed_id = ?2 AND labels = ?3 AND start_at = ?4",
            )?
            .execute((revision, self.feed.id, header.labels, header.start))?;
        Ok(())
    }
}
