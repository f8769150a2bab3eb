//! What a verification reads: what is stored, as it is. Nothing in it may repair or check anything.

use super::verification::{StoredEntry, StoredFeed, StoredJournalEntry, StoredTerms};
use super::{Access, Sql, head, journal, retention, values};
use crate::evidence::failure::{Cause, Failure};
use crate::evidence::model::{Digest, Head, StoreError};

/// What is stored, read on a connection that is in a transaction.
pub(super) struct Stored<'s>(pub &'s mut dyn Sql);

impl Stored<'_> {
    /// Goes on with the newest state of the store, and keeps it until the next call.
    pub(super) fn refresh(&mut self) -> Result<(), Failure> {
        self.0.batch("ROLLBACK")?;
        self.0.begin(Access::Read)
    }

    /// The damage of what is stored, in words; any other failure is returned.
    pub(super) fn damage(&self, failure: Failure) -> Result<String, Failure> {
        match failure {
            Failure::Database(Cause::Damage, words) => Ok(format!("{}: {words}", self.0.dialect().damaged)),
            Failure::Store(StoreError::Corrupt(what)) => Ok(what),
            other => Err(other),
        }
    }

    /// All feeds.
    pub(super) fn feeds(&mut self) -> Result<Vec<StoredFeed>, Failure> {
        self.0.all("SELECT id, contract_uid, feed FROM feeds ORDER BY id", &[], |row| {
            Ok(StoredFeed { id: row.integer(0)?, contract_uid: row.string(1)?, feed: row.string(2)? })
        })
    }

    /// How many rows the heads speak of.
    pub(super) fn total_rows(&mut self) -> Result<u64, Failure> {
        let total = self.0.first(self.0.dialect().rows_of_heads, &[], |row| row.number(0))?;
        Ok(total.unwrap_or_default().max(0.0) as u64)
    }

    /// The log of a feed by sequence and kind.
    pub(super) fn entries(&mut self, feed: i64, each: &mut dyn FnMut(StoredEntry<'_>)) -> Result<(), Failure> {
        self.0.each(
            "SELECT sequence, kind, payload, digest FROM log WHERE feed_id = $1 ORDER BY sequence, kind",
            values![feed],
            |row| {
                let (payload, digest) = (row.bytes(2)?, row.digest(3)?);
                each(StoredEntry { sequence: row.integer(0)?, kind: row.kind(1)?, payload, digest });
                Ok(())
            },
        )
    }

    /// The head that is kept beside the log.
    pub(super) fn head(&mut self, feed: i64) -> Result<Option<Head>, Failure> {
        head(self.0, feed)
    }

    /// The summaries of removed rows by year, and all that the journal has of them, in order.
    pub(super) fn summaries(&mut self, feed: &StoredFeed) -> Result<(Vec<String>, Vec<String>), Failure> {
        retention::texts(self.0, feed.id, (feed.contract_uid.as_str(), feed.feed.as_str()))
    }

    /// How many keys the index of newest rows has, and the sum of their sequences.
    pub(super) fn newest(&mut self, feed: i64) -> Result<(i64, f64), Failure> {
        let statement = self.0.dialect().newest_of_feed;
        let found = self.0.first(statement, values![feed], |row| Ok((row.integer(0)?, row.number(1)?)))?;
        Ok(found.unwrap_or_default())
    }

    /// Content of the journal's last entry about a feed's head.
    pub(super) fn last_journal_head(&mut self, contract_uid: &str, feed: &str) -> Result<Option<String>, Failure> {
        self.0.first(
            "SELECT content FROM journal
             WHERE contract_uid = $1 AND topic = 'head' AND name = $2 ORDER BY number DESC LIMIT 1",
            values![contract_uid, feed],
            |row| row.string(0),
        )
    }

    /// The journal by number.
    pub(super) fn journal(&mut self, each: &mut dyn FnMut(StoredJournalEntry)) -> Result<(), Failure> {
        self.0.each(
            "SELECT number, topic, contract_uid, name, recorded_at, content, digest, terms,
               (SELECT kept.content FROM terms AS kept WHERE kept.digest = journal.terms)
             FROM journal ORDER BY number",
            &[],
            |row| {
                let texts = [row.string(1)?, row.string(2)?, row.string(3)?, row.string(4)?, row.string(5)?];
                let of_terms = row.optional_string(7)?;
                let terms = match of_terms {
                    Some(digest) => Some(StoredTerms { digest, text: row.optional_string(8)? }),
                    None => None,
                };
                each(StoredJournalEntry { number: row.integer(0)?, texts, terms, digest: row.digest(6)? });
                Ok(())
            },
        )
    }

    /// The last number and digest of the journal.
    pub(super) fn journal_head(&mut self) -> Result<Option<(i64, Digest)>, Failure> {
        journal::head(self.0)
    }

    /// Contract and name of each feed that the journal has heads of.
    pub(super) fn feeds_of_journal(&mut self) -> Result<Vec<(String, String)>, Failure> {
        self.0.all("SELECT DISTINCT contract_uid, name FROM journal WHERE topic = 'head'", &[], |row| {
            Ok((row.string(0)?, row.string(1)?))
        })
    }

    /// How many heads belong to no feed.
    pub(super) fn heads_without_feed(&mut self) -> Result<i64, Failure> {
        let statement = "SELECT count(*) FROM heads WHERE feed_id NOT IN (SELECT id FROM feeds)";
        Ok(self.0.first(statement, &[], |row| row.integer(0))?.unwrap_or_default())
    }
}
