//! The rows of a ledger that stand at an instant.

use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jiff::Timestamp;
use jiff::civil::Date;

use super::Ledger;
use super::day_sums::DaySums;
use super::pages::merged;
use crate::domain::measuring::row::Labels;
use crate::domain::numbers::exact::Exact;
use crate::domain::terms::calendar::Span;

/// The places of the rows that stand at an instant.
#[derive(Debug)]
pub(super) struct Standing {
    /// By start, then labels and end.
    places: Arc<Vec<u32>>,
    rejected: Vec<u32>,
    /// The union of their times, once that is asked for.
    covered: OnceLock<Vec<Span>>,
    /// Sums of their days, once those are asked for.
    pub(super) days: Mutex<DaySums>,
}

/// The rows of a feed that were known at an instant and stand, or those of them that start in a span.
#[derive(Clone, Debug)]
pub struct Known<'a> {
    pub(super) ledger: &'a Ledger,
    pub(super) standing: Arc<Standing>,
    part: Range<usize>,
    is_whole: bool,
}

/// One row that is known.
#[derive(Clone, Copy, Debug)]
pub struct KnownRow<'a> {
    ledger: &'a Ledger,
    place: u32,
}

impl Standing {
    /// Of places by start, then labels and end, and of the places that are left out.
    pub(super) fn of(places: Arc<Vec<u32>>, rejected: Vec<u32>) -> Standing {
        Standing { places, rejected, covered: OnceLock::new(), days: Mutex::default() }
    }

    /// By start, then labels and end.
    pub(super) fn places(&self) -> &[u32] {
        &self.places
    }

    /// The same with more places, which are given with all others, their times, and when the days begin on which they start. Sums of the
    /// other days pass to it.
    pub(super) fn with(
        &self,
        places: Arc<Vec<u32>>,
        times: impl Iterator<Item = Span>,
        days: &[Timestamp],
    ) -> Standing {
        let mut standing = Standing::of(places, self.rejected.clone());
        let kept = std::mem::take(&mut *self.days.lock().unwrap_or_else(PoisonError::into_inner));
        standing.days = Mutex::new(kept.without(days));
        if let Some(covered) = self.covered.get() {
            let mut spans: Vec<Span> = covered.iter().copied().chain(times).collect();
            spans.sort_by_key(|span| span.start);
            let _ = standing.covered.set(union(spans.into_iter()));
        }
        standing
    }

    /// Bytes that it takes in memory, without places that it shares.
    pub(super) fn bytes(&self, shared: &Arc<Vec<u32>>) -> usize {
        let own = if Arc::ptr_eq(&self.places, shared) { 0 } else { 4 * self.places.len() };
        let days = self.days.lock().unwrap_or_else(PoisonError::into_inner).bytes();
        own + days
            + 4 * self.rejected.len()
            + self.covered.get().map_or(0, |spans| std::mem::size_of_val(spans.as_slice()))
    }
}

impl<'a> KnownRow<'a> {
    pub(in crate::domain) fn at(ledger: &'a Ledger, place: u32) -> Option<Self> {
        (place < ledger.len()).then_some(KnownRow { ledger, place })
    }

    pub(in crate::domain) fn place(&self) -> u32 {
        self.place
    }

    /// Its labels as canonical JSON: names sorted by their bytes, no spaces.
    pub(in crate::domain) fn label_text(&self) -> &'a str {
        self.ledger.label_text(self.place)
    }

    /// When it happened.
    pub fn span(&self) -> Span {
        self.ledger.span(self.place)
    }

    /// The local day of its start.
    pub fn day(&self) -> Date {
        self.ledger.day(self.place)
    }

    /// Whether it overlaps service hours.
    pub fn in_service(&self) -> bool {
        self.ledger.in_service(self.place)
    }

    /// Its labels.
    pub fn labels(&self) -> &'a Labels {
        self.ledger.labels(self.place)
    }

    /// One of its measures.
    pub fn measure(&self, name: &str) -> Option<Exact> {
        self.ledger.column(name)?.at(self.place)
    }

    /// All of its measures.
    pub fn measures(&self) -> impl Iterator<Item = (&'a str, Exact)> + '_ {
        let columns = self.ledger.columns().into_iter();
        columns.filter_map(|(name, column)| Some((name, column.at(self.place)?)))
    }
}

impl<'a> Known<'a> {
    pub(super) fn all(ledger: &'a Ledger, standing: Arc<Standing>) -> Known<'a> {
        Known { ledger, part: 0..standing.places.len(), is_whole: true, standing }
    }

    pub(in crate::domain) fn ledger(&self) -> &'a Ledger {
        self.ledger
    }

    /// The places of the rows.
    pub(in crate::domain) fn places(&self) -> &[u32] {
        if self.is_whole {
            self.ledger.fall_short();
        }
        self.places_above()
    }

    /// The places of those that the ledger was given.
    pub(in crate::domain) fn places_above(&self) -> &[u32] {
        self.standing.places.get(self.part.clone()).unwrap_or_default()
    }

    /// Those that start in a span.
    pub fn starting_in(&self, span: Span) -> Known<'a> {
        if self.is_whole && span.start < span.end {
            self.ledger.reads(span);
        }
        self.part_of(span)
    }

    /// Those that start in a span and that the ledger was given.
    pub(in crate::domain) fn part_of(&self, span: Span) -> Known<'a> {
        let before = |instant: Timestamp| {
            self.part.start + self.places_above().partition_point(|place| self.ledger.start(*place) < instant)
        };
        let (first, end) = (before(span.start), before(span.end));
        Known { part: first..end.max(first), is_whole: false, standing: Arc::clone(&self.standing), ..*self }
    }

    /// Whether these are all rows, and not those of a span.
    pub(in crate::domain) fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// How many rows stand.
    pub fn len(&self) -> usize {
        self.places().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows by start, then labels and end.
    pub fn rows(&self) -> impl DoubleEndedIterator<Item = KnownRow<'a>> + '_ {
        self.places().iter().filter_map(|place| KnownRow::at(self.ledger, *place))
    }

    /// The earliest end of a row after an instant.
    pub fn next_end(&self, instant: Timestamp) -> Option<Timestamp> {
        // What lies below a floor has ended by then.
        self.ledger.reads_from(instant);
        // What starts earlier has ended by then.
        let from = instant.checked_sub(self.ledger.longest).unwrap_or(Timestamp::MIN);
        let rows = self.part_of(Span::new(from, Timestamp::MAX));
        rows.rows().map(|row| row.span().end).filter(|end| *end > instant).min()
    }

    /// The latest end of a row that has ended by an instant.
    pub fn last_end_by(&self, instant: Timestamp) -> Option<Timestamp> {
        self.ledger.reads_from(instant);
        let mut latest: Option<Timestamp> = self.ledger.latest_end_below().filter(|_| self.is_whole);
        for row in self.part_of(Span::new(Timestamp::MIN, instant)).rows().rev() {
            let Span { start, end } = row.span();
            if end <= instant {
                latest = latest.max(Some(end));
            }
            // What starts even earlier has ended by then.
            let most = start.checked_add(self.ledger.longest).unwrap_or(Timestamp::MAX);
            if latest.is_some_and(|latest| most <= latest) {
                break;
            }
        }
        latest
    }

    /// The rows that overlap an earlier received one of the same labels and are therefore left out (`Overlap`).
    pub fn rejected(&self) -> impl Iterator<Item = KnownRow<'a>> + '_ {
        self.ledger.fall_short();
        let rejected = self.standing.rejected.iter().filter(|_| self.is_whole);
        rejected.filter_map(|place| KnownRow::at(self.ledger, *place))
    }

    /// The union of the rows' times, whatever their labels, in order.
    pub fn covered(&self) -> Vec<Span> {
        let covered = || union(self.places_above().iter().map(|place| self.ledger.span(*place)));
        if !self.is_whole {
            return covered();
        }
        let above = self.standing.covered.get_or_init(covered);
        match &*self.ledger.covered_below() {
            [] => above.clone(),
            below => merged(below.iter().chain(above).copied()),
        }
    }

    /// The start of the row that starts last.
    pub fn last_start(&self) -> Option<Timestamp> {
        let last = self.places_above().last().map(|place| self.ledger.start(*place));
        match last.filter(|start| !self.ledger.is_below(*start)) {
            Some(start) => Some(start),
            None => {
                self.ledger.fall_short();
                None
            }
        }
    }
}

/// The union of spans that come in order of their starts.
pub(in crate::domain) fn union(spans: impl Iterator<Item = Span>) -> Vec<Span> {
    let mut merged: Vec<Span> = Vec::new();
    for span in spans {
        match merged.last_mut() {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => merged.push(span),
        }
    }
    merged
}
