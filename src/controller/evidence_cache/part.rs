//! Contracts of which a part of the rows is held: those that start at floors or later, and those of pages below that a judgement needed,
//! beside what judgements worked out of the others.
//!
//! Invariant: rows of a part are given with their floors and pages alone ([`EvidenceCache::part`]), so that nobody takes them for all rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::fit::Reading;
use super::{ContractEvidence, Entry, EvidenceCache, Fresh, Held};
use crate::domain::measuring::feed_rows::{FeedRows, RowsByFeed};
use crate::domain::measuring::ledger::Wanted;
use crate::domain::measuring::ledgers::{Floors, Pages};
use crate::domain::measuring::rollups::{Past, RollUps, Snapshot};
use crate::domain::terms::calendar::Span;
use crate::evidence::{Head, LeftOut, RowRange, StartRange, StoreError};

/// How often what was worked out of closed periods is kept: it holds as long as the terms do, and rows that came since are read.
const KEPT_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// Rows of a contract are let go once what was worked out of them is kept, where they are more than this and floors leave less
/// than half of them. It is a few days of half-hours: of a thousand small contracts the closed weeks add up, too.
const MANY: usize = 256;

/// Of a contract with more rows than these what was worked out of closed periods is kept with the judgement, and again once a period closes:
/// it is 2 MiB of rows of years, of which an open period needs few.
pub(super) const VERY_MANY: usize = 262_144;

/// Of a contract that was not judged for this long no more rows than these are held: the next judgement reads them, which takes a few
/// milliseconds. Its rows, ledgers and answers are half of what a small contract takes in memory.
const QUIET: SignedDuration = SignedDuration::from_secs(30);
const FEW: usize = 2_048;

/// How much of a span is read at once, at most and at least: a month with what is looked at around it.
const LONGEST: SignedDuration = SignedDuration::from_hours(32 * 24);
const SHORTEST: SignedDuration = SignedDuration::from_mins(1);

/// How much of a time is read at once.
#[derive(Debug)]
struct Slices {
    page_bytes: usize,
    length: SignedDuration,
    /// Where the last slice ended that was too long.
    dense_until: Timestamp,
}

impl Slices {
    fn of(page_bytes: usize) -> Slices {
        Slices { page_bytes, length: LONGEST, dense_until: Timestamp::MIN }
    }

    /// Where a slice ends.
    fn until(&self, from: Timestamp, end: Timestamp) -> Timestamp {
        from.checked_add(self.length).map_or(end, |until| until.min(end))
    }

    /// How many bytes it may take.
    fn page(&self) -> usize {
        if self.length > SHORTEST { self.page_bytes } else { usize::MAX }
    }

    fn was_too_long(&mut self, until: Timestamp) {
        self.length = (self.length / 2).max(SHORTEST);
        self.dense_until = until;
    }

    /// After few bytes the next one is longer, but not within the slice that was too long: its rows would be read and thrown away again.
    fn was_read(&mut self, bytes: usize, until: Timestamp) {
        if bytes < self.page_bytes / 4 && until >= self.dense_until {
            self.length = self.length.saturating_mul(2).min(LONGEST);
        }
    }
}

/// When what was worked out of closed periods was kept last, and how many periods were closed then.
#[derive(Clone, Copy, Debug)]
pub(super) struct PastKept {
    at: Timestamp,
    closings: usize,
}

/// Which rows of a contract are held.
#[derive(Clone, Debug, Default)]
pub(super) struct PartHeld {
    floors: Floors,
    pages: Pages,
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
    /// Of which spans below that they are all there is.
    pub pages: Pages,
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
        let held = Part { rows, floors: held.floors.clone(), pages: held.pages.clone() };
        self.read_part(uid, evidence, held, range).await
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
        let nothing = Part { rows: Arc::default(), floors: past.floors().clone(), pages: Pages::new() };
        self.read_part(uid, evidence, nothing, range).await
    }

    async fn read_part(
        &self,
        uid: &str,
        evidence: &ContractEvidence,
        held: Part,
        range: impl Fn(&str, i64) -> RowRange,
    ) -> Result<Option<Part>, StoreError> {
        if self.is_part_too_large(uid, evidence, &held.floors) {
            return Err(self.too_large());
        }
        let mut reading = self.reading(uid);
        let mut rows = RowsByFeed::clone(&held.rows);
        for (feed, Head { sequence, .. }) in &evidence.heads {
            let range = range(feed, *sequence);
            if range.after < range.until {
                let known = rows.remove(feed).unwrap_or_default();
                let read = self.more_rows((&mut reading, feed), known, range, &rows).await;
                let read = read.inspect_err(|error| self.part_ended_in(uid, evidence, &held.floors, error))?;
                rows.insert(feed.clone(), read);
            }
        }
        drop(reading);
        let read = Part { rows: Arc::new(rows), ..held };
        Ok(self.hold_part(uid, evidence, &held.rows, read))
    }

    /// The rows of a part with those of pages that a judgement of it needs; `None` where they take too much memory, and where rows lie so that
    /// all of them are needed.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn add_pages(
        &self,
        uid: &str,
        evidence: &ContractEvidence,
        part: Part,
        wanted: BTreeMap<String, Wanted>,
    ) -> Result<Option<Part>, StoreError> {
        let Part { rows: held, floors, mut pages } = part;
        let (mut reading, mut rows) = (self.reading(uid), RowsByFeed::clone(&held));
        for (feed, wanted) in wanted {
            let Some(head) = evidence.heads.get(&feed) else { return Ok(None) };
            let most = self.most_of_one.saturating_sub(rows.values().map(FeedRows::bytes).sum());
            let Some(read) = self.read_within((&mut reading, &feed), &wanted.reads(), head.sequence, most).await?
            else {
                return Ok(None);
            };
            let known = rows.remove(&feed).unwrap_or_default();
            let adding = tokio::task::spawn_blocking(move || wanted.add_to(&known, &read));
            let Some((all, found)) = adding.await.ok().flatten() else { return Ok(None) };
            rows.insert(feed.clone(), all);
            pages.insert(feed, found);
        }
        drop(reading);
        let read = Part { rows: Arc::new(rows), floors, pages };
        Ok(self.hold_part(uid, evidence, &held, read))
    }

    /// The rows of a feed that start in spans, every revision up to a head; `None` where they take more than this many bytes. They are read
    /// slice by slice of time: where the rows of one take more than a page, it is halved, and the next ones are longer again.
    pub(super) async fn read_within(
        &self,
        (reading, feed): (&mut Reading<'_>, &str),
        spans: &[Span],
        last: i64,
        most: usize,
    ) -> Result<Option<FeedRows>, StoreError> {
        let mut read = FeedRows::default();
        let mut slices = Slices::of(self.page_bytes);
        for Span { start, end } in spans {
            let mut from = *start;
            while from < *end {
                let until = slices.until(from, *end);
                let page = slices.page();
                let range = StartRange { from, until, last, most, page };
                let more = self.store.more_rows_starting_within(reading.uid(), feed, read.clone(), range).await;
                match more {
                    Err(StoreError::Memory { most: reached }) if reached < most => slices.was_too_long(until),
                    Err(StoreError::Memory { .. }) => return Ok(None),
                    more => {
                        let known = read.bytes();
                        read = more?;
                        let bytes = read.bytes().saturating_sub(known);
                        reading.page_was_read(bytes).await?;
                        from = until;
                        slices.was_read(bytes, until);
                    }
                }
            }
        }
        Ok(Some(read))
    }

    /// Holds a part in the place of what was held. Another task may have read in the meantime: what it read is not mixed with this.
    fn hold_part(&self, uid: &str, evidence: &ContractEvidence, held: &Arc<RowsByFeed>, read: Part) -> Option<Part> {
        let mut entries = self.entries();
        let entry = entries.by_uid.entry(uid.to_owned()).or_default();
        let is_as_it_was = Arc::ptr_eq(&entry.rows, held) || (entry.rows.is_empty() && held.is_empty());
        if !is_as_it_was {
            return None;
        }
        let Part { rows, floors, pages } = read.clone();
        let read_until = evidence.heads.iter().map(|(feed, head)| (feed.clone(), head.sequence)).collect();
        entry.rows = rows;
        entry.part = Some(PartHeld { floors, pages, read_until });
        entry.held.rows = entry.rows.values().map(FeedRows::bytes).sum();
        entries.make_room_for(uid, self.most);
        Some(read)
    }

    /// What the last judgement of a contract worked out, where it is time to keep that, and the judgement is still the last one.
    pub fn snapshot(&self, fresh: &Fresh, now: Timestamp) -> Option<Snapshot> {
        let entries = self.entries();
        let entry = entries.by_uid.get(&fresh.uid)?;
        let memo = entry.memo.as_ref()?;
        // A spec that cannot be judged leaves what was worked out of fewer rows.
        let is_of_it =
            memo.judgement.is_ok() && memo.rests_on(&fresh.evidence.heads) && memo.judged_at == fresh.judged_at;
        if is_of_it && entry.is_past_due(now, self.very_many) { entry.rollups.snapshot() } else { None }
    }

    /// Whether very many rows of a contract are held, and none left out: what was worked out of closed periods is kept at once.
    pub fn holds_many(&self, uid: &str) -> bool {
        self.entries().by_uid.get(uid).is_some_and(|entry| entry.holds_all_of(self.very_many))
    }

    /// Notes that what was worked out of closed periods is kept with these floors. Where those leave few of many rows, the rows are let
    /// go: the next judgement reads what it needs.
    pub fn kept_past(&self, uid: &str, past: &Past, now: Timestamp) {
        let mut entries = self.entries();
        let Some(entry) = entries.by_uid.get_mut(uid) else { return };
        entry.past_kept = Some(PastKept { at: now, closings: entry.closings.len() });
        if !entry.is_read_whole && needs_few(&entry.rows, past) {
            entry.let_go();
        }
    }

    /// Lets go of the rows of contracts that have few of them and that nothing has happened to for a while, where what was worked out of closed
    /// periods is kept.
    pub fn let_go_of_quiet(&self, now: Timestamp) {
        self.entries().by_uid.values_mut().filter(|entry| entry.is_quiet(now)).for_each(|entry| entry.let_go());
    }
}

fn count_of(rows: &RowsByFeed) -> usize {
    rows.values().map(FeedRows::len).sum()
}

fn needs_few(rows: &RowsByFeed, past: &Past) -> bool {
    let all = count_of(rows);
    let left_out = past.floors().iter().filter_map(|(feed, floor)| Some(rows.get(feed)?.first_after(floor.after)));
    all > MANY && left_out.map(|count| count as usize).sum::<usize>() * 2 > all
}

impl Entry {
    fn holds_rows(&self) -> bool {
        self.part.is_some() || !self.rows.is_empty()
    }

    /// Whether all rows are held, for judgements alone, and are more than these.
    fn holds_all_of(&self, more_than: usize) -> bool {
        self.part.is_none() && !self.is_read_whole && count_of(&self.rows) > more_than
    }

    /// Whether it is time to keep what was worked out of closed periods. Of very many rows the period that has just closed may leave out most.
    fn is_past_due(&self, now: Timestamp, very_many: usize) -> bool {
        self.past_kept.is_none_or(|kept| {
            let has_closed = self.holds_all_of(very_many) && kept.closings != self.closings.len();
            has_closed || now.duration_since(kept.at).abs() >= KEPT_EVERY
        })
    }

    /// Whether its last judgement was a while ago, and a next one can begin with few rows and what is kept.
    fn is_quiet(&self, now: Timestamp) -> bool {
        let was_judged = self.memo.as_ref().is_some_and(|memo| now.duration_since(memo.judged_at) >= QUIET);
        let begins_again = self.past_kept.is_some() && count_of(&self.rows) <= FEW;
        was_judged && self.holds_rows() && !self.is_read_whole && begins_again
    }

    /// Lets go of the rows and of what was worked out of them.
    pub(super) fn let_go(&mut self) {
        (self.rows, self.part) = (Arc::default(), None);
        (self.rollups, self.held) = (RollUps::default(), Held::default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many reads were in vain, and how many were not, of 180 days of which some hours have this many bytes a minute.
    fn reads_of(page_bytes: usize, bytes_of_minute: impl Fn(i64) -> usize) -> (usize, usize) {
        let (begin, minutes) = (Timestamp::UNIX_EPOCH, 180 * 24 * 60);
        let end = begin + SignedDuration::from_mins(minutes);
        let (mut slices, mut from, mut reads) = (Slices::of(page_bytes), begin, (0, 0));
        while from < end {
            let until = slices.until(from, end);
            let minute = |at: Timestamp| at.duration_since(begin).as_secs() / 60;
            let bytes = (minute(from)..minute(until).max(minute(from) + 1)).map(&bytes_of_minute).sum::<usize>();
            if bytes > slices.page() {
                slices.was_too_long(until);
                reads.0 += 1;
            } else {
                slices.was_read(bytes, until);
                from = until;
                reads.1 += 1;
            }
        }
        reads
    }

    #[test]
    fn few_reads_are_in_vain_whatever_times_the_rows_are_of() {
        // Each: bytes of a minute, then the most reads in vain and not.
        let cases: [(&str, fn(i64) -> usize, [usize; 2]); 5] = [
            ("few rows", |_| 1, [2, 23]),
            ("many rows", |_| 40, [7, 720]),
            ("rows of ten minutes a day", |minute| if minute % 1_440 < 10 { 3_000 } else { 0 }, [13, 368]),
            ("rows of one dense day a month", |minute| if minute / 1_440 % 30 == 9 { 500 } else { 0 }, [61, 462]),
            ("rows of eight hours a day", |minute| if minute % 1_440 < 480 { 60 } else { 0 }, [366, 1_080]),
        ];
        for (case, bytes_of_minute, [most_in_vain, most]) in cases {
            let (vain, read) = reads_of(20_000, bytes_of_minute);
            assert!(vain <= most_in_vain && read <= most, "{case}: {vain} in vain, {read} not");
        }
    }
}
