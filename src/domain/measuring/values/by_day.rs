//! Sums over rows by those of their days, which are worked out once.

use std::rc::Rc;
use std::sync::Arc;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use super::{Of, Rows, Selection};
use crate::domain::measuring::feed_rows::Column;
use crate::domain::measuring::ledger::{DayOfRows, SetOfDay, Total};
use crate::domain::numbers::exact::Exact;
use crate::domain::terms::calendar::Span;

#[cfg(test)]
thread_local! {
    /// How often the rows of a day were looked at.
    pub(super) static LOOKED_AT: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// The rows of a span with some sets of labels, by their days.
pub(super) struct ByDay<'r, 'a> {
    selection: &'a Selection<'a>,
    span: Span,
    sets: &'r Rc<[bool]>,
}

/// A day, or what is left of it where not all of its rows count.
enum Part<'d> {
    Whole(&'d SetOfDay),
    Places(Vec<u32>),
}

impl<'a> Rows<'a> {
    /// By their days; `None` for rows that were chosen one by one, and for levels, which do not add up.
    pub(super) fn by_day(&self) -> Option<ByDay<'_, 'a>> {
        let selection = self.selection;
        let adds_up = || selection.columns.iter().all(|column| column.stock.is_none());
        match &self.of {
            // Of all rows of a feed there are days of years.
            Of::Span(span, sets) if !selection.known.is_whole() && adds_up() => {
                Some(ByDay { selection, span: *span, sets })
            }
            _ => None,
        }
    }
}

impl<'a> Selection<'a> {
    fn days(&self) -> &[Arc<DayOfRows>] {
        self.days.get_or_init(|| {
            let columns: Vec<(&str, Column<'_>)> =
                self.columns.iter().map(|column| (column.measure, column.column)).collect();
            self.known.days(&columns)
        })
    }
}

impl<'a> ByDay<'_, 'a> {
    /// The days that the span reaches.
    fn days(&self) -> &'a [Arc<DayOfRows>] {
        let days = self.selection.days();
        let first = days.partition_point(|day| day.begins <= self.span.start).saturating_sub(1);
        let end = days.partition_point(|day| day.begins < self.span.end);
        days.get(first..end.max(first)).unwrap_or_default()
    }

    fn has(&self, set: &SetOfDay) -> bool {
        self.sets.get(set.set as usize) == Some(&true)
    }

    /// What there is of a day. A whole set has rows.
    fn parts<'d>(&self, day: &'d DayOfRows) -> Vec<Part<'d>> {
        #[cfg(test)]
        LOOKED_AT.set(LOOKED_AT.get() + 1);
        let Some((first, last)) = day.starts.filter(|(first, last)| *last >= self.span.start && *first < self.span.end)
        else {
            return Vec::new();
        };
        let is_inside = self.span.start <= first && last < self.span.end && self.is_known(first, last);
        if let Some(sets) = day.sets.as_deref().filter(|_| is_inside) {
            let sets = || sets.iter().filter(|set| self.has(set));
            if sets().all(|set| set.last_end <= self.selection.mature_by) {
                return sets().map(Part::Whole).collect();
            }
        }
        let known = self.selection.known.part_of(self.span);
        let known = known.part_of(Span::new(first, last.checked_add(SignedDuration::from_nanos(1)).unwrap_or(last)));
        let places = known.places_above().iter().copied();
        vec![Part::Places(places.filter(|place| self.selection.counts(*place, self.sets)).collect())]
    }

    /// Whether the rows from one start to another are among those that were selected from.
    fn is_known(&self, first: Timestamp, last: Timestamp) -> bool {
        let (places, ledger) = (self.selection.known.places_above(), self.selection.ledger);
        let start = |place: Option<&u32>| place.map(|place| ledger.start(*place));
        start(places.first()).is_some_and(|least| least <= first)
            && start(places.last()).is_some_and(|most| last <= most)
    }

    fn all_parts(&self) -> impl Iterator<Item = Part<'a>> + '_ {
        self.days().iter().flat_map(|day| self.parts(day))
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        let of_part = |part: Part<'_>| match part {
            Part::Whole(set) => set.rows as usize,
            Part::Places(places) => places.len(),
        };
        self.all_parts().map(of_part).sum()
    }

    /// Whether there are none; it is looked for no further than to the first one.
    pub(super) fn is_empty(&self) -> bool {
        self.all_parts().all(|part| matches!(part, Part::Places(places) if places.is_empty()))
    }

    /// A span in which the rows of its days lie; `None` without any.
    pub(super) fn reach(&self) -> Option<Span> {
        let days = self.days();
        let first = days.iter().find_map(|day| day.starts).map(|(first, _)| first);
        let end = days.iter().map(|day| day.last_end).max();
        first.zip(end).map(|(first, end)| Span::new(first, end))
    }

    /// How long the longest of them is.
    pub(super) fn longest(&self) -> SignedDuration {
        let ledger = self.selection.ledger;
        let of_place = |place: u32| {
            let span = ledger.span(place);
            span.end.duration_since(span.start)
        };
        let of_part = |part: Part<'_>| match part {
            Part::Whole(set) => set.longest,
            Part::Places(places) => places.into_iter().map(of_place).max().unwrap_or(SignedDuration::ZERO),
        };
        self.all_parts().map(of_part).max().unwrap_or(SignedDuration::ZERO)
    }

    /// How many rows there are, and the sum of each measure.
    pub(super) fn sums(&self) -> (usize, Vec<Exact>) {
        let columns = &self.selection.columns;
        let (mut rows, mut totals) = (0, vec![Total::default(); columns.len()]);
        for part in self.all_parts() {
            match part {
                Part::Whole(set) => {
                    rows += set.rows as usize;
                    set.add_to(&mut totals);
                }
                Part::Places(places) => {
                    rows += places.len();
                    let of_column = totals.iter_mut().zip(columns);
                    of_column.for_each(|(total, column)| total.add(&column.column.sum(&places)));
                }
            }
        }
        (rows, totals.iter().map(Total::sum).collect())
    }

    /// The rows of each day that has some.
    pub(super) fn each(&self) -> Vec<(Date, Rows<'a>)> {
        let of_day = |day: &DayOfRows| {
            let (first, last) = day.starts?;
            let after = last.checked_add(SignedDuration::from_nanos(1)).unwrap_or(last);
            let span = Span::new(first.max(self.span.start), after.min(self.span.end));
            let rows = Rows { selection: self.selection, of: Of::Span(span, Rc::clone(self.sets)) };
            (span.start < span.end && !rows.is_empty()).then_some((day.date, rows))
        };
        self.days().iter().filter_map(|day| of_day(day)).collect()
    }
}
