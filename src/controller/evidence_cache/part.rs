//! Contracts of which a part of the rows is held: those that start at floors or later, beside what judgements worked out of the others.
//!
//! Invariant: rows of a part are given with their floors alone ([`EvidenceCache::part`]), so that nobody takes them for all rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::{ContractEvidence, Entry, EvidenceCache, Fresh, Held};
use crate::domain::measuring::feed_rows::{FeedRows, RowsByFeed};
use crate::domain::measuring::ledgers::Floors;
use crate::domain::measuring::rollups::{Past, RollUps, Snapshot};
use crate::evidence::{Head, LeftOut, RowRange, StoreError};

/// How often what was worked out of closed periods is kept: it holds as long as the terms do, and rows that came since are read.
const KEPT_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// Rows of a contract are let go once what was worked out of them is kept, where they are more than this and floors leave less
/// than half of them. It is a few days of half-hours: of a thousand small contracts the closed weeks add up, too.
const MANY: usize = 256;

/// Which rows of a contract are held.
#[derive(Clone, Debug, Default)]
pub(super) struct PartHeld {
    floors: Floors,
    /// Sequence up to which the rows of each feed were read.
    read_until: BTreeMap<String, i64>,
}

/// A part of a contract's rows.
#[derive(Clone, Debug)]
pub struct Part {
    /// The rows.
    pub rows: Arc<RowsByFeed>,
    /// Where they begin.
    pub floors: Floors,
}

impl EvidenceCache {
    /// Whether a judgement may begin with a part of the rows: none are held, and nobody else asks for all.
    pub fn takes_part(&self, uid: &str) -> bool {
        let entries = self.entries();
        entries.by_uid.get(uid).is_none_or(|entry| !entry.is_read_whole && !entry.holds_rows())
    }

    /// The rows that are held and those that came since; `None` where all are held, or none.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn part(&self, uid: &str, evidence: &ContractEvidence) -> Result<Option<Part>, StoreError> {
        let held = {
            let entries = self.entries();
            entries.by_uid.get(uid).and_then(|entry| Some((entry.part.clone()?, entry.rows.clone())))
        };
        let Some((held, rows)) = held else { return Ok(None) };
        let is_beyond =
            |(feed, until): (&String, &i64)| evidence.heads.get(feed).is_none_or(|head| head.sequence < *until);
        if held.read_until.iter().any(is_beyond) {
            return Ok(None);
        }
        let range = |feed: &str, until| RowRange::between(held.read_until.get(feed).copied().unwrap_or(0), until);
        self.read_part(uid, evidence, (held.floors.clone(), rows), range).await
    }

    /// The rows that a judgement by what was kept needs; `None` where rows are held already.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn begin_part(
        &self,
        uid: &str,
        evidence: &ContractEvidence,
        past: &Past,
    ) -> Result<Option<Part>, StoreError> {
        if !self.takes_part(uid) {
            return Ok(None);
        }
        let range = |feed: &str, until| {
            let floor = past.floors().get(feed);
            let seen = past.seen_until().get(feed).copied().unwrap_or(0);
            let left_out = floor.map(|floor| LeftOut { until: seen, before: floor.since });
            RowRange { left_out, ..RowRange::between(floor.map_or(0, |floor| floor.after), until) }
        };
        self.read_part(uid, evidence, (past.floors().clone(), Arc::default()), range).await
    }

    async fn read_part(
        &self,
        uid: &str,
        evidence: &ContractEvidence,
        (floors, held): (Floors, Arc<RowsByFeed>),
        range: impl Fn(&str, i64) -> RowRange,
    ) -> Result<Option<Part>, StoreError> {
        if self.is_part_too_large(uid, evidence, &floors) {
            return Err(self.too_large());
        }
        let mut reading = self.reading(uid);
        let mut rows = RowsByFeed::clone(&held);
        for (feed, Head { sequence, .. }) in &evidence.heads {
            let range = range(feed, *sequence);
            if range.after < range.until {
                let known = rows.remove(feed).unwrap_or_default();
                let read = self.more_rows((&mut reading, feed), known, range, &rows).await;
                let read = read.inspect_err(|error| self.part_ended_in(uid, evidence, &floors, error))?;
                rows.insert(feed.clone(), read);
            }
        }
        drop(reading);
        let mut entries = self.entries();
        let entry = entries.by_uid.entry(uid.to_owned()).or_default();
        // Another task may have read in the meantime: what it read is not mixed with this.
        let is_as_it_was = Arc::ptr_eq(&entry.rows, &held) || (entry.rows.is_empty() && held.is_empty());
        if !is_as_it_was {
            return Ok(None);
        }
        let read_until = evidence.heads.iter().map(|(feed, head)| (feed.clone(), head.sequence)).collect();
        entry.rows = Arc::new(rows);
        entry.part = Some(PartHeld { floors: floors.clone(), read_until });
        entry.held.rows = entry.rows.values().map(FeedRows::bytes).sum();
        let rows = entry.rows.clone();
        entries.make_room_for(uid, self.most);
        Ok(Some(Part { rows, floors }))
    }

    /// What the last judgement of a contract worked out, where it is time to keep that, and the judgement is still the last one.
    pub fn snapshot(&self, fresh: &Fresh, now: Timestamp) -> Option<Snapshot> {
        let entries = self.entries();
        let entry = entries.by_uid.get(&fresh.uid)?;
        let memo = entry.memo.as_ref()?;
        // A spec that cannot be judged leaves what was worked out of fewer rows.
        let is_of_it =
            memo.judgement.is_ok() && memo.rests_on(&fresh.evidence.heads) && memo.judged_at == fresh.judged_at;
        let is_due = entry.past_kept_at.is_none_or(|kept| now.duration_since(kept).abs() >= KEPT_EVERY);
        if is_of_it && is_due { entry.rollups.snapshot() } else { None }
    }

    /// Notes that what was worked out of closed periods is kept with these floors. Where those leave few of many rows, the rows are let
    /// go: the next judgement reads what it needs.
    pub fn kept_past(&self, uid: &str, past: &Past, now: Timestamp) {
        let mut entries = self.entries();
        let Some(entry) = entries.by_uid.get_mut(uid) else { return };
        entry.past_kept_at = Some(now);
        if !entry.is_read_whole && needs_few(&entry.rows, past) {
            entry.let_go();
        }
    }
}

fn needs_few(rows: &RowsByFeed, past: &Past) -> bool {
    let all: usize = rows.values().map(FeedRows::len).sum();
    let left_out = past.floors().iter().filter_map(|(feed, floor)| Some(rows.get(feed)?.first_after(floor.after)));
    all > MANY && left_out.map(|count| count as usize).sum::<usize>() * 2 > all
}

impl Entry {
    fn holds_rows(&self) -> bool {
        self.part.is_some() || !self.rows.is_empty()
    }

    /// Lets go of the rows and of what was worked out of them.
    pub(super) fn let_go(&mut self) {
        (self.rows, self.part) = (Arc::default(), None);
        (self.rollups, self.held) = (RollUps::default(), Held::default());
    }
}
