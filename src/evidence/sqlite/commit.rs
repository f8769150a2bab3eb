//! The log of a feed in SQLite, open for a body.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Transaction};

use super::errors::Failure;
use super::journal;
use crate::evidence::chain::{entry_digest, feed_origin};
use crate::evidence::encoding::{ROW, RowHeader};
use crate::evidence::ingest::{OpenLog, REJECTIONS_KEPT, Rejection, commit_body};
use crate::evidence::intake::Neighbour;
use crate::evidence::journal::{HeadContent, NewEntry, Topic};
use crate::evidence::model::{Batch, CommitReport, Digest, FeedKey, Head, StoreError};

/// Commits a body; the second value says whether anything changed.
pub(super) fn commit(
    transaction: &Transaction<'_>,
    key: &FeedKey,
    batch: &Batch,
    room: u64,
) -> Result<(CommitReport, bool), Failure> {
    commit_body(&mut Log::open(transaction, key)?, batch, room)
}

/// The log of one feed, open at its end.
struct Log<'t> {
    transaction: &'t Transaction<'t>,
    key: &'t FeedKey,
    feed_id: i64,
    head: Head,
}

impl<'t> Log<'t> {
    fn open(transaction: &'t Transaction<'t>, key: &'t FeedKey) -> Result<Self, Failure> {
        let identity = (&key.contract_uid, &key.feed);
        let known: Option<i64> = transaction
            .prepare_cached("SELECT id FROM feeds WHERE contract_uid = ?1 AND feed = ?2")?
            .query_row(identity, |row| row.get(0))
            .optional()?;
        let feed_id = if let Some(feed_id) = known {
            feed_id
        } else {
            transaction
                .prepare_cached("INSERT INTO feeds (contract_uid, feed, namespace, contract) VALUES (?1, ?2, ?3, ?4)")?
                .insert((&key.contract_uid, &key.feed, &key.namespace, &key.contract))?
        };
        let head = transaction
            .prepare_cached("SELECT sequence, digest FROM heads WHERE feed_id = ?1")?
            .query_row([feed_id], |row| Ok(Head { sequence: row.get(0)?, digest: row.get(1)? }))
            .optional()?
            .unwrap_or_else(|| Head { sequence: 0, digest: feed_origin(&key.contract_uid, &key.feed) });
        Ok(Self { transaction, key, feed_id, head })
    }
}

impl OpenLog for Log<'_> {
    type Failure = Failure;

    fn head(&self) -> Head {
        self.head
    }

    fn append(&mut self, kind: u8, payload: &[u8]) -> Result<i64, Failure> {
        let sequence = self.head.sequence + 1;
        let digest = entry_digest(&self.head.digest, sequence, kind, payload);
        self.transaction
            .prepare_cached("INSERT INTO log (feed_id, sequence, kind, payload, digest) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute((self.feed_id, sequence, kind, payload, digest.as_slice()))?;
        self.head.digest = digest;
        if kind == ROW {
            self.head.sequence = sequence;
        }
        Ok(sequence)
    }

    fn find_definition(&mut self, kind: u8, payload: &[u8]) -> Result<Option<i64>, Failure> {
        // The kind is written out as in the partial index, which the planner uses only then.
        let found = self
            .transaction
            .prepare_cached("SELECT sequence FROM log WHERE feed_id = ?1 AND kind = ?2 AND kind < 3 AND payload = ?3")?
            .query_row((self.feed_id, kind, payload), |row| row.get(0))
            .optional()?;
        Ok(found)
    }

    fn find_body(&mut self, digest: &Digest) -> Result<Option<i64>, Failure> {
        let found = self
            .transaction
            .prepare_cached("SELECT sequence FROM log WHERE feed_id = ?1 AND kind = 3 AND substr(payload, 1, 32) = ?2")?
            .query_row((self.feed_id, digest.as_slice()), |row| row.get(0))
            .optional()?;
        Ok(found)
    }

    fn last_end(&mut self, labels: i64) -> Result<Option<i64>, Failure> {
        let last_end = self
            .transaction
            .prepare_cached(
                "SELECT end_at FROM newest WHERE feed_id = ?1 AND labels = ?2 ORDER BY start_at DESC LIMIT 1",
            )?
            .query_row((self.feed_id, labels), |row| row.get(0))
            .optional()?;
        Ok(last_end)
    }

    fn neighbour(&mut self, labels: i64, before: i64) -> Result<Option<Neighbour>, Failure> {
        let neighbour = self
            .transaction
            .prepare_cached(
                "SELECT start_at, end_at, sequence, revision, vendor_revision FROM newest
                 WHERE feed_id = ?1 AND labels = ?2 AND start_at < ?3 ORDER BY start_at DESC LIMIT 1",
            )?
            .query_row((self.feed_id, labels, before), |row| {
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
            .transaction
            .prepare_cached("SELECT payload FROM log WHERE feed_id = ?1 AND sequence = ?2 AND kind = 4")?
            .query_row((self.feed_id, sequence), |row| row.get(0))
            .optional()?;
        Ok(payload.ok_or_else(|| StoreError::Corrupt(format!("feed {} lacks row {sequence}", self.key.feed)))?)
    }

    fn index(&mut self, header: &RowHeader, sequence: i64) -> Result<(), Failure> {
        let statement = if header.replaces == 0 {
            "INSERT INTO newest (feed_id, labels, start_at, end_at, sequence, revision, vendor_revision)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
        } else {
            "UPDATE newest SET end_at = ?4, sequence = ?5, revision = ?6, vendor_revision = coalesce(?7, vendor_revision)
             WHERE feed_id = ?1 AND labels = ?2 AND start_at = ?3"
        };
        self.transaction.prepare_cached(statement)?.execute((
            self.feed_id,
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
        self.transaction
            .prepare_cached(
                "UPDATE newest SET vendor_revision = ?1 WHERE feed_id = ?2 AND labels = ?3 AND start_at = ?4",
            )?
            .execute((revision, self.feed_id, header.labels, header.start))?;
        Ok(())
    }

    fn keep_rejections(&mut self, rejections: &[Rejection<'_>]) -> Result<bool, Failure> {
        let mut any = false;
        for Rejection { fingerprint, reason, text, received_at, body_digest } in rejections {
            let added = self
                .transaction
                .prepare_cached(
                    "INSERT INTO rejections (feed_id, fingerprint, reason, content, received_at, body_digest)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
                )?
                .execute((self.feed_id, fingerprint.as_slice(), reason, text, received_at, body_digest.as_slice()))?;
            any |= added > 0;
        }
        if any {
            self.transaction
                .prepare_cached(
                    "DELETE FROM rejections WHERE feed_id = ?1 AND id <=
                     (SELECT id FROM rejections WHERE feed_id = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
                )?
                .execute((self.feed_id, REJECTIONS_KEPT))?;
        }
        Ok(any)
    }

    fn keep_progress(&mut self, reached: i64, completed: bool) -> Result<bool, Failure> {
        let moved = self
            .transaction
            .prepare_cached(
                "INSERT INTO backfills (feed_id, reached, completed) VALUES (?1, ?2, ?3)
                 ON CONFLICT (feed_id) DO UPDATE SET reached = max(reached, excluded.reached), completed = max(completed, excluded.completed)
                 WHERE excluded.reached > reached OR excluded.completed > completed",
            )?
            .execute((self.feed_id, reached, completed))?;
        Ok(moved > 0)
    }

    fn keep_state(&mut self, state: &str) -> Result<(), Failure> {
        self.transaction
            .prepare_cached(
                "INSERT INTO feed_states (feed_id, content) VALUES (?1, ?2)
                 ON CONFLICT (feed_id) DO UPDATE SET content = excluded.content",
            )?
            .execute((self.feed_id, state))?;
        Ok(())
    }

    fn close(&mut self, recorded_at: Timestamp) -> Result<(), Failure> {
        self.transaction
            .prepare_cached(
                "INSERT INTO heads (feed_id, sequence, digest) VALUES (?1, ?2, ?3)
                 ON CONFLICT (feed_id) DO UPDATE SET sequence = excluded.sequence, digest = excluded.digest",
            )?
            .execute((self.feed_id, self.head.sequence, self.head.digest.as_slice()))?;
        let content = HeadContent::from(&self.head).text();
        let (contract_uid, name) = (self.key.contract_uid.clone(), self.key.feed.clone());
        journal::append(self.transaction, &NewEntry { topic: Topic::Head, contract_uid, name, recorded_at, content })
    }
}
