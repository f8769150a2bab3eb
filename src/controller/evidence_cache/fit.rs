//! What fits into memory: rows that are being read count too, and what did not fit is remembered for who asked for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;

use super::{ContractEvidence, EvidenceCache};
use crate::controller::looks::page_was_read;
use crate::domain::measuring::feed_rows::RowsByFeed;
use crate::domain::measuring::ledgers::Floors;
use crate::domain::measuring::rollups::RollUps;
use crate::evidence::StoreError;

/// A part of what may be held at most, beyond which the rows that are read are many: one at a time reads as many.
const MANY: usize = 16;

/// What the judgement of a contract takes for a moment in addition to its rows, for each row that it has not seen yet: places in order, twice
/// while they are sorted, and those of the rows that stand.
const JUDGING_A_ROW: usize = 24;

/// Sequences of heads with which rows did not fit into memory. Rows grow: with these heads or later ones they do not fit either.
type Heads = BTreeMap<String, i64>;

/// What of a contract did not fit into memory.
#[derive(Debug, Default)]
pub(super) struct Misfits {
    /// All rows.
    whole: Option<Heads>,
    /// The rows from floors on.
    part: Option<(Floors, Heads)>,
    /// What its last judgement asked for.
    judgement: Option<Heads>,
}

impl Misfits {
    /// Whether all rows do not fit.
    pub(super) fn whole(&self, evidence: &ContractEvidence) -> bool {
        self.whole.as_ref().is_some_and(|heads| reaches(evidence, heads))
    }

    pub(super) fn note_whole(&mut self, evidence: &ContractEvidence) {
        self.whole = Some(heads_of(evidence));
    }

    /// A judgement was made.
    pub(super) fn has_judged(&mut self) {
        self.judgement = None;
    }
}

fn heads_of(evidence: &ContractEvidence) -> Heads {
    evidence.heads.iter().map(|(feed, head)| (feed.clone(), head.sequence)).collect()
}

fn reaches(evidence: &ContractEvidence, heads: &Heads) -> bool {
    heads.iter().all(|(feed, sequence)| evidence.heads.get(feed).is_some_and(|head| head.sequence >= *sequence))
}

impl EvidenceCache {
    /// Whether the last judgement of a contract was not made because its rows did not fit into memory, and they still do not. Feeds that nobody
    /// asks for any more are forgotten then, so that a contract from which one was removed is judged again.
    ///
    /// # Errors
    /// [`StoreError::Memory`] where they do not.
    pub fn fits(&self, uid: &str, evidence: &ContractEvidence) -> Result<(), StoreError> {
        let mut entries = self.entries();
        let Some(entry) = entries.by_uid.get_mut(uid) else { return Ok(()) };
        if entry.misfits.judgement.as_ref().is_some_and(|heads| reaches(evidence, heads)) {
            entry.feeds.clear();
            return Err(self.too_large());
        }
        Ok(())
    }

    pub(super) fn too_large(&self) -> StoreError {
        StoreError::Memory { most: self.most_of_one }
    }

    /// Notes what did not fit, where that is why reading ended.
    pub(super) fn note_misfit(&self, uid: &str, error: &StoreError, note: impl FnOnce(&mut Misfits)) {
        if matches!(error, StoreError::Memory { .. }) {
            let mut entries = self.entries();
            let entry = entries.by_uid.entry(uid.to_owned()).or_default();
            entry.feeds.clear();
            note(&mut entry.misfits);
        }
    }

    pub(super) fn judgement_ended_in(&self, uid: &str, evidence: &ContractEvidence, error: &StoreError) {
        self.note_misfit(uid, error, |misfits| misfits.judgement = Some(heads_of(evidence)));
    }

    pub(super) fn is_part_too_large(&self, uid: &str, evidence: &ContractEvidence, floors: &Floors) -> bool {
        let entries = self.entries();
        let part = entries.by_uid.get(uid).and_then(|entry| entry.misfits.part.as_ref());
        part.is_some_and(|(from, heads)| from == floors && reaches(evidence, heads))
    }

    pub(super) fn part_ended_in(&self, uid: &str, evidence: &ContractEvidence, floors: &Floors, error: &StoreError) {
        self.judgement_ended_in(uid, evidence, error);
        self.note_misfit(uid, error, |misfits| misfits.part = Some((floors.clone(), heads_of(evidence))));
    }

    /// Makes room for what the judgement of a contract takes for a moment: until this is dropped, it counts as bytes under way.
    pub fn room_to_judge(&self, uid: &str, rows: &RowsByFeed, rollups: &RollUps) -> UnderWay<'_> {
        let mut room = UnderWay { cache: self, bytes: 0 };
        room.add(uid, rollups.rows_not_seen(rows) * JUDGING_A_ROW);
        room
    }

    /// Begins to read rows of a contract.
    pub(super) fn reading<'c>(&'c self, uid: &'c str) -> Reading<'c> {
        Reading { under_way: UnderWay { cache: self, bytes: 0 }, uid, alone: None }
    }
}

/// Bytes that are taken and held nowhere yet: until this is dropped, rows of others give way to them.
#[must_use]
pub struct UnderWay<'c> {
    cache: &'c EvidenceCache,
    bytes: usize,
}

impl UnderWay<'_> {
    /// Adds bytes that a contract takes.
    fn add(&mut self, uid: &str, bytes: usize) {
        self.bytes += bytes;
        let mut entries = self.cache.entries();
        entries.under_way += bytes;
        entries.make_room_for(uid, self.cache.most);
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let mut entries = self.cache.entries();
        entries.under_way = entries.under_way.saturating_sub(self.bytes);
    }
}

/// Rows of a contract that are being read.
pub(super) struct Reading<'c> {
    under_way: UnderWay<'c>,
    uid: &'c str,
    /// The place of the one who reads many rows.
    alone: Option<OwnedSemaphorePermit>,
}

impl Reading<'_> {
    pub(super) fn uid(&self) -> &str {
        self.uid
    }

    /// Counts the bytes of a page. Who reads many rows waits until nobody else does, and keeps its place among the looks.
    pub(super) async fn page_was_read(&mut self, bytes: usize) -> Result<(), StoreError> {
        self.under_way.add(self.uid, bytes);
        let UnderWay { cache, bytes } = &self.under_way;
        if self.alone.is_none() && *bytes > cache.most / MANY {
            // Never closed.
            self.alone = Arc::clone(&cache.large).acquire_owned().await.ok();
        }
        page_was_read(self.alone.is_some()).await
    }
}
