//! What a body writes beside the log of its feed: rejected rows, progress, the state of the next fetch, and where the chain ends.

use super::{Sql, feed_id, head, journal, retention, values};
use crate::evidence::chain::feed_origin;
use crate::evidence::failure::Failure;
use crate::evidence::ingest::{REJECTIONS_KEPT, Rejection, TakenBody};
use crate::evidence::journal::{HeadContent, NewEntry, Topic};
use crate::evidence::model::{Digest, FeedKey, Head, StoreError};
use crate::evidence::retention::taken_from;

/// A feed whose log is open at its end.
pub(in crate::evidence) struct OpenFeed {
    pub key: FeedKey,
    pub id: i64,
    /// Where the chain ends, with what was appended.
    pub head: Head,
    stored_head: Option<Head>,
}

impl OpenFeed {
    /// Opens the log of a feed, which may be a new one.
    pub(in crate::evidence) fn open(sql: &mut dyn Sql, key: &FeedKey) -> Result<Self, Failure> {
        if let Some(known) = Self::find(sql, key)? {
            return Ok(known);
        }
        let id = sql.first(
            "INSERT INTO feeds (contract_uid, feed, namespace, contract) VALUES ($1, $2, $3, $4) RETURNING id",
            values![&key.contract_uid, &key.feed, &key.namespace, &key.contract],
            |row| row.integer(0),
        )?;
        let id = id.ok_or_else(|| StoreError::Corrupt("a feed without a number".to_owned()))?;
        Ok(Self::at(key, id, None))
    }

    /// Opens the log of a feed without writing; `None`: it never had evidence.
    pub(in crate::evidence) fn find(sql: &mut dyn Sql, key: &FeedKey) -> Result<Option<Self>, Failure> {
        let Some(id) = feed_id(sql, &key.contract_uid, &key.feed)? else { return Ok(None) };
        Ok(Some(Self::at(key, id, head(sql, id)?)))
    }

    fn at(key: &FeedKey, id: i64, stored_head: Option<Head>) -> Self {
        let origin = || Head { sequence: 0, digest: feed_origin(&key.contract_uid, &key.feed) };
        Self { key: key.clone(), id, head: stored_head.unwrap_or_else(origin), stored_head }
    }

    /// From which start on rows are taken: those before were removed.
    pub(in crate::evidence) fn taken_from(&self, sql: &mut dyn Sql) -> Result<i64, Failure> {
        Ok(taken_from(retention::last(sql, self.id)?.as_ref()))
    }

    /// Sequence of the entry of a body.
    pub(in crate::evidence) fn find_body(&self, sql: &mut dyn Sql, digest: &Digest) -> Result<Option<i64>, Failure> {
        sql.first(
            "SELECT sequence FROM log WHERE feed_id = $1 AND kind = 3 AND substr(payload, 1, 32) = $2",
            values![self.id, digest.as_slice()],
            |row| row.integer(0),
        )
    }

    /// A row that has to be there is missing.
    pub(in crate::evidence) fn lacks(&self, sequence: i64) -> Failure {
        StoreError::Corrupt(format!("feed {} lacks row {sequence}", self.key.feed)).into()
    }

    /// Moves the head on from where this body found it, and from nowhere else.
    pub(in crate::evidence) fn move_head(&self, sql: &mut dyn Sql) -> Result<(), Failure> {
        let Head { sequence, digest } = &self.head;
        let moved = match &self.stored_head {
            None => sql.execute(
                "INSERT INTO heads (feed_id, sequence, digest) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                values![self.id, *sequence, digest.as_slice()],
            )?,
            Some(before) => sql.execute(
                "UPDATE heads SET sequence = $2, digest = $3 WHERE feed_id = $1 AND sequence = $4 AND digest = $5",
                values![self.id, *sequence, digest.as_slice(), before.sequence, before.digest.as_slice()],
            )?,
        };
        if moved == 1 {
            return Ok(());
        }
        Err(StoreError::Fault(format!("another writer has moved the head of feed {}", self.key.feed)).into())
    }

    /// Writes what is kept beside the rows of a body. Says whether anything of it is new.
    pub(in crate::evidence) fn keep(&self, sql: &mut dyn Sql, body: &TakenBody) -> Result<bool, Failure> {
        let new_rejections = !body.rejections.is_empty() && self.keep_rejections(sql, &body.rejections)?;
        let progressed = match body.progress {
            Some((reached, completed)) => self.keep_progress(sql, reached, completed)?,
            None => false,
        };
        if let Some(state) = &body.state {
            self.keep_state(sql, state)?;
        }
        Ok(new_rejections || progressed)
    }

    /// Writes into the journal where the chain ends with a body. Replicas do that one after the other, so it comes last.
    pub(in crate::evidence) fn close(&self, sql: &mut dyn Sql, body: &TakenBody) -> Result<(), Failure> {
        let content = HeadContent::from(&self.head).text();
        let (contract_uid, name) = (self.key.contract_uid.clone(), self.key.feed.clone());
        let entry = NewEntry { topic: Topic::Head, contract_uid, name, recorded_at: body.received_at, content };
        journal::append(sql, &entry)
    }

    /// Keeps rejected rows that were not kept before; says whether there was one.
    fn keep_rejections(&self, sql: &mut dyn Sql, rejections: &[Rejection]) -> Result<bool, Failure> {
        let mut any = false;
        for Rejection { fingerprint, reason, text, received_at, body_digest } in rejections {
            let added = sql.execute(
                "INSERT INTO rejections (feed_id, fingerprint, reason, content, received_at, body_digest)
                 VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
                values![self.id, fingerprint.as_slice(), reason.as_str(), text, *received_at, body_digest.as_slice()],
            )?;
            any |= added > 0;
        }
        if any {
            sql.execute(
                "DELETE FROM rejections WHERE feed_id = $1 AND id <=
                 (SELECT id FROM rejections WHERE feed_id = $1 ORDER BY id DESC LIMIT 1 OFFSET $2)",
                values![self.id, REJECTIONS_KEPT],
            )?;
        }
        Ok(any)
    }

    /// Keeps how far the back-fill is; it never goes back. Says whether it moved.
    fn keep_progress(&self, sql: &mut dyn Sql, reached: i64, completed: bool) -> Result<bool, Failure> {
        let moved = sql.execute(
            "INSERT INTO backfills AS known (feed_id, reached, completed) VALUES ($1, $2, $3)
             ON CONFLICT (feed_id) DO UPDATE SET
               reached = CASE WHEN excluded.reached > known.reached THEN excluded.reached ELSE known.reached END,
               completed = known.completed OR excluded.completed
             WHERE excluded.reached > known.reached OR (excluded.completed AND NOT known.completed)",
            values![self.id, reached, completed],
        )?;
        Ok(moved > 0)
    }

    /// Keeps what the next fetch has to know.
    fn keep_state(&self, sql: &mut dyn Sql, state: &str) -> Result<(), Failure> {
        sql.execute(
            "INSERT INTO feed_states (feed_id, content) VALUES ($1, $2)
             ON CONFLICT (feed_id) DO UPDATE SET content = excluded.content",
            values![self.id, state],
        )?;
        Ok(())
    }
}
