//! The sums of the rows that start on a local day, by their sets of labels. They stay until a row comes that starts on that day.
//!
//! Sums are kept where they are fewer bytes than what they are made of, and never more of them than the rows take: of daily rows each is
//! its own sum, and there are as many as formulas.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use super::{Known, Ledger};
use crate::domain::measuring::feed_rows::Column;
use crate::domain::numbers::exact::Exact;
use crate::domain::terms::calendar::Span;

/// Sums of a day are worth their bytes from this many rows a set of labels on.
const ROWS_A_SET: usize = 8;

/// All sums may take this many bytes where the rows take less.
const FEW_BYTES: usize = 64 * 1_024;

/// The rows that start on a day, overlap service hours and have some measures.
#[derive(Debug)]
pub(in crate::domain) struct DayOfRows {
    pub(in crate::domain) begins: Timestamp,
    pub(in crate::domain) date: Date,
    /// The starts of the first and of the last of them; `None` without any.
    pub(in crate::domain) starts: Option<(Timestamp, Timestamp)>,
    /// The latest of their ends; the earliest instant without any.
    pub(in crate::domain) last_end: Timestamp,
    /// By their sets of labels; `None` where sums are not worth their bytes: the rows are looked at one by one.
    pub(in crate::domain) sets: Option<Box<[SetOfDay]>>,
}

impl DayOfRows {
    /// Bytes that it takes in memory, near enough.
    fn bytes(&self) -> usize {
        let of_set = |set: &SetOfDay| std::mem::size_of::<SetOfDay>() + std::mem::size_of_val::<[Sum]>(&set.sums) + 16;
        128 + self.sets.iter().flatten().map(of_set).sum::<usize>()
    }
}

/// Those of them with one set of labels.
#[derive(Debug)]
pub(in crate::domain) struct SetOfDay {
    /// The place of the set among all.
    pub(in crate::domain) set: u32,
    pub(in crate::domain) rows: u32,
    pub(in crate::domain) last_end: Timestamp,
    /// How long the longest is.
    pub(in crate::domain) longest: SignedDuration,
    /// Of each measure.
    sums: Box<[Sum]>,
}

/// A sum in few bytes where it is whole.
#[derive(Debug)]
enum Sum {
    Whole(i64),
    Other(Box<Exact>),
}

impl Sum {
    fn of(sum: Exact) -> Sum {
        sum.to_i64().map_or_else(|| Sum::Other(Box::new(sum)), Sum::Whole)
    }
}

impl SetOfDay {
    /// Adds its sums to others, in the order of the measures.
    pub(in crate::domain) fn add_to(&self, totals: &mut [Total]) {
        for (total, sum) in totals.iter_mut().zip(&self.sums) {
            match sum {
                Sum::Whole(whole) => total.whole += i128::from(*whole),
                Sum::Other(sum) => total.add(sum),
            }
        }
    }
}

/// A sum that is being added up.
#[derive(Clone, Debug, Default)]
pub(in crate::domain) struct Total {
    /// Fewer sums of 64 bits are added than would fill it.
    whole: i128,
    other: Exact,
}

impl Total {
    pub(in crate::domain) fn add(&mut self, sum: &Exact) {
        self.other = &self.other + sum;
    }

    pub(in crate::domain) fn sum(&self) -> Exact {
        Exact::from_scaled(self.whole, 0) + &self.other
    }
}

/// What is kept of the days of rows that stand.
#[derive(Debug, Default)]
pub(super) struct DaySums {
    by_measures: BTreeMap<Box<[Box<str>]>, BTreeMap<Timestamp, Kept>>,
    /// Bytes that the days take in memory, near enough.
    bytes: usize,
    /// How often rows were added.
    turn: u32,
}

#[derive(Debug)]
struct Kept {
    day: Arc<DayOfRows>,
    /// The turn in which it was asked for last.
    asked: u32,
}

impl DaySums {
    /// Those that still hold after rows came that start on these days; what was not asked for since rows came before goes.
    pub(super) fn without(mut self, days: &[Timestamp]) -> DaySums {
        let turn = self.turn;
        for of_measures in self.by_measures.values_mut() {
            of_measures.retain(|begins, kept| kept.asked == turn && !days.contains(begins));
        }
        self.by_measures.retain(|_, days| !days.is_empty());
        self.bytes = self.by_measures.values().flat_map(BTreeMap::values).map(|kept| kept.day.bytes()).sum();
        self.turn = turn.wrapping_add(1);
        self
    }

    /// Bytes that they take in memory, near enough.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Known<'_> {
    /// The days on which rows start, whole: also those of which a part of the rows lies outside. Of their rows those count that overlap
    /// service hours and have all of these measures.
    pub(in crate::domain) fn days(&self, measures: &[(&str, Column<'_>)]) -> Vec<Arc<DayOfRows>> {
        let (ledger, places) = (self.ledger, self.places_above());
        let ends = places.first().zip(places.last()).map(|(first, last)| (ledger.start(*first), ledger.start(*last)));
        let Some((first, last)) = ends else { return Vec::new() };
        let most = ledger.rows.bytes_of_rows().max(FEW_BYTES);
        let mut sums = self.standing.days.lock().unwrap_or_else(PoisonError::into_inner);
        let DaySums { by_measures, bytes, turn } = &mut *sums;
        let names: Box<[Box<str>]> = measures.iter().map(|(name, _)| (*name).into()).collect();
        let kept = by_measures.entry(names).or_default();
        let found = ledger.days_between(first, last).map(|(begins, date, span)| {
            if let Some(known) = kept.get_mut(&begins) {
                known.asked = *turn;
                return Arc::clone(&known.day);
            }
            let has_room = *bytes < most;
            let day = ledger.day_of_rows((begins, date), self.standing_in(span), measures, has_room);
            let day = Arc::new(day);
            if has_room {
                *bytes += day.bytes();
                kept.insert(begins, Kept { day: Arc::clone(&day), asked: *turn });
            }
            day
        });
        found.collect()
    }

    /// The places of all rows that stand and start in a span, whatever part this is.
    fn standing_in(&self, span: Span) -> &[u32] {
        let places = self.standing.places();
        let before = |instant: Timestamp| places.partition_point(|place| self.ledger.start(*place) < instant);
        let first = before(span.start);
        places.get(first..before(span.end).max(first)).unwrap_or_default()
    }
}

impl Ledger {
    /// The instant at which the day of an instant begins on which a row starts.
    pub(super) fn day_begins(&self, instant: Timestamp) -> Timestamp {
        let after = self.days.partition_point(|(begins, _)| *begins <= instant);
        after.checked_sub(1).and_then(|day| self.days.get(day)).map_or(Timestamp::MIN, |(begins, _)| *begins)
    }

    /// The days on which rows start from an instant to another, with the span in which no row starts on another day.
    fn days_between(&self, first: Timestamp, last: Timestamp) -> impl Iterator<Item = (Timestamp, Date, Span)> + '_ {
        let place = self.days.partition_point(|(begins, _)| *begins <= first).saturating_sub(1);
        let days = self.days.get(place..).unwrap_or_default();
        let nexts = days.iter().skip(1).map(|(begins, _)| *begins).chain([Timestamp::MAX]);
        let days = days.iter().zip(nexts).take_while(move |((begins, _), _)| *begins <= last);
        days.map(|((begins, date), next)| (*begins, *date, Span::new(*begins, next)))
    }

    /// A day of the rows at these places; with sums where they are worth their bytes and there is room for them.
    fn day_of_rows(
        &self,
        (begins, date): (Timestamp, Date),
        places: &[u32],
        measures: &[(&str, Column<'_>)],
        has_room: bool,
    ) -> DayOfRows {
        let counts = |place: &u32| self.in_service(*place) && measures.iter().all(|(_, column)| column.has(*place));
        let places: Vec<u32> = places.iter().copied().filter(counts).collect();
        let ends = places.first().zip(places.last());
        let sums = || {
            let mut sets: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
            for place in &places {
                sets.entry(self.labels_at(*place)).or_default().push(*place);
            }
            let is_worth_it = places.len() >= ROWS_A_SET * sets.len();
            is_worth_it.then(|| sets.into_iter().map(|(set, places)| self.set_of_day(set, &places, measures)).collect())
        };
        DayOfRows {
            begins,
            date,
            starts: ends.map(|(first, last)| (self.start(*first), self.start(*last))),
            last_end: self.last_end(&places),
            sets: if has_room { sums() } else { None },
        }
    }

    fn set_of_day(&self, set: u32, places: &[u32], measures: &[(&str, Column<'_>)]) -> SetOfDay {
        let lengths = places.iter().map(|place| self.span(*place)).map(|span| span.end.duration_since(span.start));
        SetOfDay {
            set,
            rows: places.len() as u32,
            last_end: self.last_end(places),
            longest: lengths.max().unwrap_or(SignedDuration::ZERO),
            sums: measures.iter().map(|(_, column)| Sum::of(column.sum(places))).collect(),
        }
    }

    fn last_end(&self, places: &[u32]) -> Timestamp {
        places.iter().map(|place| self.span(*place).end).max().unwrap_or(Timestamp::MIN)
    }
}
