//! What earlier judgements of a contract worked out, kept for the next one: readings, how far feeds reached, ledgers.
//!
//! A reading is a sum over rows, and the sum of a closed month is the same today as it was yesterday. What is kept is what
//! [`crate::domain::measuring::reader::Reader`] itself gave, and it is given again only to the very same question: same terms, same KPI, same
//! period, same window, same instant of knowledge. It holds as long as nothing new was known at that instant. Rows that
//! arrive are known from their receipt on, so they leave the closed months as they are; a row that was known earlier, or a
//! correction that a signed month is judged again for, makes everything from its instant on dirty.
//!
//! They can outlive their rows ([`Past`]): what closed periods said is taken from them then, and of the rows those are enough that
//! start at their floors or later. A judgement that needs earlier rows notices it, and returns no answer but which it needs. Where those
//! are the rows of some spans, it is made again with them (*pages*), by the same roll-ups: it gave up before it changed them.
//!
//! Invariant: a judgement with roll-ups equals the judgement without them.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::contract_facts::ContractFacts;
use super::feed_rows::{FeedRows, RowsByFeed};
use super::kept_closed::{Before, KeptClosed};
use super::kept_readings::{Earlier, Figures};
use super::ledger::{Need, Wanted};
use super::ledgers::{Floors, Ledgers, Pages};
use super::prepared_terms::Books;
use crate::domain::terms::contract_terms::Terms;
use crate::domain::terms::disputes::DisputeHistory;
use crate::domain::terms::journal::{FirstJudged, Journal};
use crate::domain::terms::relief::ReliefHistory;
use crate::domain::terms::thresholds::SaidHistory;

mod needs;
mod past;

pub(in crate::domain) use needs::needs;
pub use past::{Past, Snapshot};

/// What earlier judgements of one contract worked out. Empty ones are always right.
#[derive(Debug, Default)]
pub struct RollUps {
    ground: Option<Ground>,
    /// The rows of each feed that it rests on.
    seen: RowsByFeed,
    /// Up to which sequence the rows of each feed were seen, where it rests on rows that are not held any more.
    seen_until: BTreeMap<String, i64>,
    /// Where the rows begin that it is given.
    floors: Floors,
    /// Of which spans below the floors it is given all rows.
    pages: Pages,
    /// Where rows may begin for the next judgement; `None` where what was worked out cannot be kept without rows of the pages.
    next_floors: Option<Floors>,
    pub(in crate::domain) ledgers: Ledgers,
    pub(in crate::domain) figures: Figures,
    /// What rooms above made of the closed periods.
    closed: Before,
}

/// What all of it rests on in addition to rows.
#[derive(Debug)]
enum Ground {
    Known(Arc<GroundFacts>),
    /// SHA-256 of the facts.
    Digest(String),
}

#[derive(Debug, PartialEq, Serialize)]
struct GroundFacts {
    /// The terms of all books in the order of their places: a reading names its book by that. Which period closed under which of them
    /// does not belong to any reading.
    books: Vec<Terms>,
    relief: ReliefHistory,
    /// What only says when periods became Final.
    records: Recorded,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Recorded {
    disputes: DisputeHistory,
    said: SaidHistory,
    first_judged: Option<FirstJudged>,
}

impl Recorded {
    fn of(facts: &ContractFacts<'_>, books: &Books<'_>) -> Recorded {
        let contract = &facts.terms.contract;
        Recorded {
            disputes: DisputeHistory::of(&contract.disputes, facts.journal, &books.current().calendar),
            said: SaidHistory::of(facts.journal, facts.said),
            first_judged: facts.journal.and_then(Journal::first_judged).cloned(),
        }
    }
}

impl GroundFacts {
    fn is_of(&self, books: &Books<'_>, relief: &ReliefHistory) -> bool {
        self.books.iter().eq(books.all().map(|book| book.terms)) && self.relief == *relief
    }
}

impl RollUps {
    /// Bytes that they take in memory, near enough: the rows themselves are shared with who judges.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.ledgers.bytes() + self.figures.bytes() + self.closed.closed.as_ref().map_or(0, |closed| closed.bytes())
    }

    /// How many of these rows no judgement with them has seen yet.
    #[must_use]
    pub fn rows_not_seen(&self, rows: &RowsByFeed) -> usize {
        let seen = |feed: &String| self.seen.get(feed).map_or(0, FeedRows::len);
        rows.iter().map(|(feed, rows)| rows.len().saturating_sub(seen(feed))).sum()
    }

    /// Takes out what rooms above made of the closed periods.
    pub(in crate::domain) fn take_closed(&mut self) -> Before {
        std::mem::take(&mut self.closed)
    }

    /// Whether they rest on rows that a judgement is not given.
    #[must_use]
    pub fn is_of_part(&self) -> bool {
        !self.floors.is_empty()
    }

    /// Whether the rows that a judgement is given begin at these floors, and hold these pages.
    pub(in crate::domain) fn rest_on(&self, floors: &Floors, pages: &Pages) -> bool {
        self.floors == *floors && self.pages == *pages
    }

    /// Adds what they are not ready for yet of the rows that a judgement is given.
    pub(in crate::domain) fn complete_ledgers(&mut self, books: &Books<'_>, rows: &RowsByFeed) {
        self.ledgers.complete(books, rows, (&self.floors, &self.pages));
    }

    /// The pages that the first judgement of these rows is about to need: those of the windows of closed periods that late rows lie in. Later
    /// ones take in news alone, and notice it as fast.
    pub(in crate::domain) fn foreseen(&mut self, rows: &RowsByFeed) -> BTreeMap<String, Wanted> {
        let mut wanted = BTreeMap::new();
        for (feed, floor) in self.floors.iter().filter(|(feed, _)| !self.ledgers.are_ready_for(feed)) {
            let pages = self.pages.get(feed).map(Vec::as_slice).unwrap_or_default();
            let windows = self.figures.windows(feed);
            let of_feed = rows.get(feed).and_then(|rows| Wanted::foreseen(rows, floor, pages, windows));
            wanted.extend(of_feed.map(|of_feed| (feed.clone(), of_feed)));
        }
        wanted
    }

    /// Forgets a judgement that needed more rows: what was kept `before` it holds, and its rows are not news any more.
    pub(in crate::domain) fn give_up(&mut self, before: Earlier, rows: &RowsByFeed) {
        for (feed, rows) in rows {
            let until = self.seen_until.entry(feed.clone()).or_default();
            *until = rows.last_sequence().max(*until);
        }
        self.seen = RowsByFeed::new();
        (self.ledgers, self.next_floors, self.closed.holds) = (Ledgers::default(), None, false);
        self.figures.go_back_to(before);
    }

    /// The same for rows that are given with these pages, which the judgement before needed.
    #[must_use]
    pub fn with_pages(self, pages: Pages) -> RollUps {
        RollUps { pages, ledgers: Ledgers::default(), ..self }
    }

    /// Ends a judgement that was made at an instant, by these closed periods, which are those of the judgement before or were made again; the
    /// next one needs this many rows.
    pub(in crate::domain) fn turn(
        &mut self,
        needs: &BTreeMap<String, Need>,
        now: Timestamp,
        (closed, is_as_before): (Arc<impl KeptClosed>, bool),
    ) {
        // Where closed periods were taken as they are, what they were made of was not asked for.
        self.figures.turn(closed.until(), is_as_before);
        self.closed = Before { closed: Some(closed), holds: true };
        self.next_floors = self.ledgers.floors_for(needs, now);
    }

    /// Makes them ready for a judgement of these facts: what does not hold for them goes.
    pub(in crate::domain) fn turn_to(&mut self, facts: &ContractFacts<'_>, books: &Books<'_>) {
        let relief = ReliefHistory::of(&facts.terms.contract.relief, facts.journal);
        let records = Recorded::of(facts, books);
        if !self.is_on_ground(books, &relief, &records) || !self.is_continued_by(facts.rows) {
            let closed = Before { holds: false, ..self.take_closed() };
            *self = RollUps { closed, ..RollUps::default() };
            let books = books.all().map(|book| book.terms.clone()).collect();
            self.ground = Some(Ground::Known(Arc::new(GroundFacts { books, relief, records })));
        }
        let dirty = self.take_in(facts.rows);
        if dirty.is_empty() {
            return;
        }
        self.figures.note_news(&dirty);
        let is_dirty = |feed: &str, at: Timestamp| dirty.get(feed).is_some_and(|from| *from <= at);
        self.figures.readings.get_mut().forget(|(book, kpi, asked)| {
            let kpi = books.all().nth(*book).and_then(|book| book.kpis.get(*kpi));
            kpi.is_none_or(|kpi| kpi.feeds().any(|feed| is_dirty(feed, asked.at)))
        });
        self.figures.coverages.get_mut().forget(|(_, feed, at)| is_dirty(feed, *at));
        let is_touched = |closed: &Arc<dyn KeptClosed>| dirty.values().any(|from| *from <= closed.until());
        if self.closed.closed.as_ref().is_some_and(is_touched) {
            self.closed.holds = false;
        }
    }

    /// Whether they rest on these terms and decisions. What was recorded since and only says when periods became Final is taken in.
    fn is_on_ground(&mut self, books: &Books<'_>, relief: &ReliefHistory, records: &Recorded) -> bool {
        let known = match &self.ground {
            None => return false,
            Some(Ground::Known(facts)) => Arc::clone(facts),
            Some(Ground::Digest(digest)) => {
                let facts = GroundFacts {
                    books: books.all().map(|book| book.terms.clone()).collect(),
                    relief: relief.clone(),
                    records: records.clone(),
                };
                if past::digest(&facts).as_ref() != Some(digest) {
                    return false;
                }
                self.ground = Some(Ground::Known(Arc::new(facts)));
                return true;
            }
        };
        if !known.is_of(books, relief) {
            return false;
        }
        if known.records != *records {
            self.figures.finalities.get_mut().forget(|_| true);
            // Reports list disputes.
            self.closed.holds = false;
            let facts = GroundFacts { books: known.books.clone(), relief: relief.clone(), records: records.clone() };
            self.ground = Some(Ground::Known(Arc::new(facts)));
        }
        true
    }

    /// Whether the rows are those that were seen, with more after them.
    fn is_continued_by(&self, rows: &RowsByFeed) -> bool {
        self.seen.iter().all(|(feed, seen)| rows.get(feed).is_some_and(|rows| rows.continues(seen)))
    }

    /// Notes the rows; the feeds with new ones, and the earliest instant at which one of those was known.
    fn take_in(&mut self, rows: &RowsByFeed) -> BTreeMap<String, Timestamp> {
        let mut dirty = BTreeMap::new();
        for (feed, rows) in rows {
            let first = match (self.seen.get(feed), self.seen_until.get(feed)) {
                (Some(seen), _) => seen.len() as u32,
                (None, Some(sequence)) => rows.first_after(*sequence),
                (None, None) => 0,
            };
            let new = first..(rows.len() as u32);
            if let Some(earliest) = new.map(|place| rows.times(place).known_at).min() {
                dirty.insert(feed.clone(), earliest);
                self.seen.insert(feed.clone(), rows.clone());
            }
        }
        dirty
    }
}

#[cfg(test)]
mod tests;
