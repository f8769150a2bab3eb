//! Contracts of which all rows are held, or are read on.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::fit::Reading;
use super::{ContractEvidence, EvidenceCache};
use crate::domain::measuring::feed_rows::{FeedRows, RowsByFeed};
use crate::evidence::{Head, RowRange, StoreError};

impl EvidenceCache {
    /// The rows of a contract up to the heads of its evidence, for its judgement: what is held is taken, the rest is read.
    ///
    /// # Errors
    /// When the store cannot be read, or the rows do not fit into memory.
    pub async fn rows(&self, uid: &str, evidence: &ContractEvidence) -> Result<Arc<RowsByFeed>, StoreError> {
        self.all_rows(uid, evidence).await.inspect_err(|error| self.judgement_ended_in(uid, evidence, error))
    }

    async fn all_rows(&self, uid: &str, evidence: &ContractEvidence) -> Result<Arc<RowsByFeed>, StoreError> {
        let known = {
            let mut entries = self.entries();
            let entry = entries.by_uid.entry(uid.to_owned()).or_default();
            if entry.misfits.whole(evidence) {
                entry.feeds.clear();
                return Err(self.too_large());
            }
            // A part stays until all is read: where all does not fit, it is what the contract is judged by.
            if entry.part.is_some() { Arc::default() } else { entry.rows.clone() }
        };
        let mut reading = self.reading(uid);
        let read = self.read_on(&mut reading, evidence, &known).await.inspect_err(|error| {
            self.note_misfit(uid, error, |misfits| misfits.note_whole(evidence));
        })?;
        // From here on they are held.
        drop((known, reading));
        Ok(self.hold(uid, evidence, read))
    }

    /// The rows that are known, with those that came since.
    pub(super) async fn read_on(
        &self,
        reading: &mut Reading<'_>,
        evidence: &ContractEvidence,
        known: &RowsByFeed,
    ) -> Result<RowsByFeed, StoreError> {
        let mut read = known.clone();
        for (feed, head) in &evidence.heads {
            let rows = known.get(feed).cloned().unwrap_or_default();
            if head.sequence > rows.last_sequence() {
                // Rows that arrived since wait for the head that vouches for them.
                let range = RowRange::between(rows.last_sequence(), head.sequence);
                read.remove(feed);
                let rows = self.more_rows((&mut *reading, feed), rows, range, &read).await?;
                read.insert(feed.clone(), rows);
            }
        }
        Ok(read)
    }

    /// The rows of a feed that are known, and after them those of a range, which are read page by page. What they may take is left by those of
    /// the contract's other feeds.
    pub(super) async fn more_rows(
        &self,
        (reading, feed): (&mut Reading<'_>, &str),
        mut rows: FeedRows,
        range: RowRange,
        others: &RowsByFeed,
    ) -> Result<FeedRows, StoreError> {
        let others: usize = others.values().map(FeedRows::bytes).sum();
        let most = self.most_of_one.saturating_sub(others);
        let mut after = range.after;
        while after < range.until {
            let until = after.saturating_add(self.page).min(range.until);
            let known = rows.bytes();
            rows = match self.store.more_rows(reading.uid(), feed, rows, RowRange { after, until, most, ..range }).await
            {
                Err(StoreError::Memory { .. }) => return Err(self.too_large()),
                read => read?,
            };
            reading.page_was_read(rows.bytes().saturating_sub(known)).await?;
            after = until;
        }
        Ok(rows)
    }

    /// Holds all rows of a contract that were read, and returns them up to the heads. What was held may have been let go in the meantime, and
    /// another task may have read further, or a part.
    pub(super) fn hold(&self, uid: &str, evidence: &ContractEvidence, mut read: RowsByFeed) -> Arc<RowsByFeed> {
        let mut entries = self.entries();
        let entry = entries.by_uid.entry(uid.to_owned()).or_default();
        if entry.part.is_some() {
            entry.let_go();
        }
        read.retain(|feed, rows| entry.rows.get(feed).is_none_or(|kept| rows.len() > kept.len()));
        if !read.is_empty() {
            Arc::make_mut(&mut entry.rows).append(&mut read);
            entry.held.rows = entry.rows.values().map(FeedRows::bytes).sum();
        }
        let rows = rows_at(&entry.rows, &evidence.heads);
        entries.make_room_for(uid, self.most);
        rows
    }

    /// The same rows, for others than judgements: from now on all rows are held while there is room. Where they do not fit, the contract
    /// goes on being judged by a part of them.
    ///
    /// # Errors
    /// When the store cannot be read, or the rows do not fit into memory.
    pub async fn rows_for_launch(&self, uid: &str, evidence: &ContractEvidence) -> Result<Arc<RowsByFeed>, StoreError> {
        let rows = self.all_rows(uid, evidence).await;
        self.entries().by_uid.entry(uid.to_owned()).or_default().is_read_whole = rows.is_ok();
        rows
    }
}

/// The rows up to heads: another task may have read further, and a judgement must rest on the rows of its heads alone.
fn rows_at(rows: &Arc<RowsByFeed>, heads: &BTreeMap<String, Head>) -> Arc<RowsByFeed> {
    let ends_at =
        |(feed, rows): (&String, &FeedRows)| heads.get(feed).map(|head| head.sequence) == Some(rows.last_sequence());
    if rows.iter().all(ends_at) {
        return rows.clone();
    }
    let of_head = |(feed, head): (&String, &Head)| Some((feed.clone(), rows.get(feed)?.up_to(head.sequence)));
    Arc::new(heads.iter().filter_map(of_head).collect())
}
