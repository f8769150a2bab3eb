//! The sums of the rows that start on a local day, by their sets of labels. They stay until a row comes that starts on that day.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use super::{Known, Ledger};
use crate::domain::measuring::feed_rows::Column;
use crate::domain::numbers::exact::Exact;
use crate::domain::terms::calendar::Span;

/// The rows that start on a day, overlap service hours and have some measures.
#[derive(Debug)]
pub(in crate::domain) struct DayOfRows {
    pub(in crate::domain) begins: Timestamp,
    pub(in crate::domain) date: Date,
    /// The starts of the first and of the last of them; `None` without any.
    pub(in crate::domain) starts: Option<(Timestamp, Timestamp)>,
    pub(in crate::domain) sets: Box<[SetOfDay]>,
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
        self.turn = turn.wrapping_add(1);
        self
    }

    /// Bytes that they take in memory, near enough.
    pub(super) fn bytes(&self) -> usize {
        let of_set = |set: &SetOfDay| std::mem::size_of::<SetOfDay>() + std::mem::size_of_val::<[Sum]>(&set.sums) + 16;
        let of_day = |kept: &Kept| 128 + kept.day.sets.iter().map(of_set).sum::<usize>();
        self.by_measures.values().flat_map(BTreeMap::values).map(of_day).sum()
    }
}

impl Known<'_> {
    /// The days on which rows start, whole: also those of which a part of the rows lies outside. Of their rows those count that overlap
    /// service hours and have all of these measures.
    pub(in crate::domain) fn days(&self, measures: &[(&str, Column<'_>)]) -> Vec<Arc<DayOfRows>> {
        let (ledger, places) = (self.ledger, self.places_above());
        let ends = places.first().zip(places.last()).map(|(first, last)| (ledger.start(*first), ledger.start(*last)));
        let Some((first, last)) = ends else { return Vec::new() };
        let mut kept = self.standing.days.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = kept.turn;
        let names: Box<[Box<str>]> = measures.iter().map(|(name, _)| (*name).into()).collect();
        let kept = kept.by_measures.entry(names).or_default();
        let found = ledger.days_between(first, last).map(|(begins, date, span)| {
            let kept = kept.entry(begins).or_insert_with(|| Kept {
                day: Arc::new(ledger.day_of_rows((begins, date), self.standing_in(span), measures)),
                asked: turn,
            });
            kept.asked = turn;
            Arc::clone(&kept.day)
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

    fn day_of_rows(
        &self,
        (begins, date): (Timestamp, Date),
        places: &[u32],
        measures: &[(&str, Column<'_>)],
    ) -> DayOfRows {
        let mut sets: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        let mut starts: Option<(Timestamp, Timestamp)> = None;
        let counts = |place: u32| self.in_service(place) && measures.iter().all(|(_, column)| column.has(place));
        for place in places.iter().copied().filter(|place| counts(*place)) {
            let start = self.start(place);
            starts = Some((starts.map_or(start, |(first, _)| first), start));
            sets.entry(self.labels_at(place)).or_default().push(place);
        }
        let of_set = |(set, places): (u32, Vec<u32>)| {
            let spans = || places.iter().map(|place| self.span(*place));
            SetOfDay {
                set,
                rows: places.len() as u32,
                last_end: spans().map(|span| span.end).max().unwrap_or(Timestamp::MIN),
                longest: spans().map(|span| span.end.duration_since(span.start)).max().unwrap_or(SignedDuration::ZERO),
                sums: measures.iter().map(|(_, column)| Sum::of(column.sum(&places))).collect(),
            }
        };
        DayOfRows { begins, date, starts, sets: sets.into_iter().map(of_set).collect() }
    }
}
