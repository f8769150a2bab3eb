//! From known rows to a value: which rows count for a KPI, their sums, relief and evidence.
//!
//! A KPI's value is one division of two sums over rows, never a mean of the rows' own quotients.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use super::feed_rows::Column;
use super::ledger::{DayOfRows, Known, KnownRow, Ledger, carries, union};
use super::row::Labels;
use crate::api::vendor_contract::Relief;
use crate::domain::numbers::exact::Exact;
use crate::domain::terms::calendar::Span;
use crate::domain::terms::catalogue::{Definition, StockRule};

mod by_day;
mod evidence;

/// Measure of a survey: how many answered.
pub const SURVEY_RESPONSES: &str = "surveyResponses";
/// Measure of a survey: how many were asked.
pub const SURVEYS_OFFERED: &str = "surveysOffered";
/// The label whose values are tiers.
pub const TIER_LABEL: &str = "tier";

/// The rows that count for one KPI, in order of their starts.
#[derive(Clone, Debug)]
pub struct Selection<'a> {
    ledger: &'a Ledger,
    definition: &'a Definition,
    columns: Vec<MeasureColumn<'a>>,
    known: Known<'a>,
    /// For each set of labels whether it has those of the KPI; none where a measure of the formula is missing everywhere.
    carrying: Rc<[bool]>,
    mature_by: Timestamp,
    /// Once they are asked for one by one.
    places: OnceCell<Vec<u32>>,
    /// The days of the known rows, once their sums are asked for.
    days: OnceCell<Vec<Arc<DayOfRows>>>,
}

#[derive(Clone, Copy, Debug)]
struct MeasureColumn<'a> {
    measure: &'a str,
    column: Column<'a>,
    stock: Option<StockRule>,
}

/// Some of the rows that count for a KPI.
#[derive(Clone, Debug)]
pub struct Rows<'a> {
    selection: &'a Selection<'a>,
    of: Of,
}

/// Which rows these are.
#[derive(Clone, Debug)]
enum Of {
    /// All that start in a span and have one of some sets of labels.
    Span(Span, Rc<[bool]>),
    /// Those at these places, in order.
    Places(Vec<u32>),
}

/// The two sums of a KPI over some rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quotient {
    /// What is divided, unscaled.
    pub numerator: Exact,
    /// By what: the volume.
    pub denominator: Exact,
    /// How many rows they are over.
    pub rows: usize,
}

impl Quotient {
    /// `numerator / denominator × scale`, exactly; `None` without rows, with a denominator of 0 or below: no data.
    /// For `scale` see [`Definition::scale_over`].
    pub fn value(&self, scale: &Exact) -> Option<Exact> {
        if self.rows == 0 || self.is_negative() {
            return None;
        }
        // One division: the scaled numerator by the denominator.
        (&self.numerator * scale).checked_div(&self.denominator)
    }
}

impl Quotient {
    /// Whether the denominator is below 0, of which no value can be made.
    pub fn is_negative(&self) -> bool {
        self.denominator.is_negative()
    }
}

/// Rows without those that relief excuses.
#[derive(Clone, Debug)]
pub struct Relieved<'a> {
    /// What is left.
    pub rows: Rows<'a>,
    /// Names of the relief that took rows away, in alphabetical order.
    pub excused_by: BTreeSet<String>,
}

impl<'a> Known<'a> {
    /// The rows that count for a KPI: with all of `labels`, in service hours, ended at or before `mature_by` (see
    /// [`crate::domain::terms::catalogue::mature_by`]) and with every measure of the formula.
    pub fn select(&self, definition: &'a Definition, labels: &Labels, mature_by: Timestamp) -> Selection<'a> {
        let ledger = self.ledger();
        let named = definition.measures();
        let columns: Vec<MeasureColumn<'a>> = named
            .iter()
            .filter_map(|measure| {
                let stock = definition.stocks.get(*measure).copied();
                Some(MeasureColumn { measure, column: ledger.column(measure)?, stock })
            })
            .collect();
        // A measure that no row has leaves no row.
        let is_complete = columns.len() == named.len();
        let carrying = ledger.carrying(labels).into_iter().map(|carries| carries && is_complete).collect();
        if self.is_whole() {
            // It is noted that all rows are needed.
            self.places();
        }
        let (places, days) = (OnceCell::new(), OnceCell::new());
        Selection { ledger, definition, columns, known: self.clone(), carrying, mature_by, places, days }
    }
}

impl Selection<'_> {
    /// The rows of a span: those that start in it, whole.
    pub fn within(&self, span: Span) -> Rows<'_> {
        Rows { selection: self, of: Of::Span(span, Rc::clone(&self.carrying)) }
    }

    /// All rows.
    pub fn all(&self) -> Rows<'_> {
        self.within(Span::new(Timestamp::MIN, Timestamp::MAX))
    }

    /// Whether a row counts that has one of some sets of labels.
    fn counts(&self, place: u32, sets: &[bool]) -> bool {
        self.ledger.in_service(place)
            && sets.get(self.ledger.labels_at(place) as usize) == Some(&true)
            && self.ledger.span(place).end <= self.mature_by
            && self.columns.iter().all(|column| column.column.has(place))
    }

    /// The places of all that count.
    fn places(&self) -> &[u32] {
        self.places.get_or_init(|| {
            let places = self.known.places_above().iter().copied();
            places.filter(|place| self.counts(*place, &self.carrying)).collect()
        })
    }

    /// The places of those that start in a span.
    fn places_in(&self, span: Span) -> &[u32] {
        let places = self.places();
        let before = |instant: Timestamp| places.partition_point(|place| self.ledger.start(*place) < instant);
        let first = before(span.start);
        places.get(first..before(span.end).max(first)).unwrap_or_default()
    }
}

impl<'a> Rows<'a> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_day().map_or_else(|| self.places().len(), |days| days.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_day().map_or_else(|| self.places().is_empty(), |days| days.is_empty())
    }

    /// The places of each of them.
    fn places(&self) -> Cow<'_, [u32]> {
        match &self.of {
            Of::Places(places) => Cow::Borrowed(places),
            Of::Span(span, sets) => {
                let (places, ledger) = (self.selection.places_in(*span), self.selection.ledger);
                if Rc::ptr_eq(sets, &self.selection.carrying) {
                    return Cow::Borrowed(places);
                }
                let has_one = |place: &u32| sets.get(ledger.labels_at(*place) as usize) == Some(&true);
                Cow::Owned(places.iter().copied().filter(has_one).collect())
            }
        }
    }

    /// Each of them, by start, then labels and end.
    pub fn iter(&self) -> impl Iterator<Item = KnownRow<'a>> + '_ {
        let ledger = self.selection.ledger;
        self.places().into_owned().into_iter().filter_map(|place| KnownRow::at(ledger, place))
    }

    /// Numerator and denominator over all of them.
    pub fn quotient(&self) -> Quotient {
        let (rows, sums) = match self.by_day() {
            Some(days) => days.sums(),
            None => {
                let places = self.places();
                (places.len(), self.selection.columns.iter().map(|column| self.total(column, &places)).collect())
            }
        };
        if rows == 0 {
            return Quotient::default();
        }
        let columns = &self.selection.columns;
        let sum_of = |measure: &str| {
            let place = columns.iter().position(|column| column.measure == measure);
            place.and_then(|place| sums.get(place)).cloned().unwrap_or_default()
        };
        let definition = self.selection.definition;
        Quotient {
            numerator: definition.numerator.evaluate(sum_of),
            denominator: definition.denominator.evaluate(sum_of),
            rows,
        }
    }

    /// The sum of a flow; of a stock its mean or last level.
    fn total(&self, measure: &MeasureColumn<'_>, places: &[u32]) -> Exact {
        match measure.stock {
            None => measure.column.sum(places),
            Some(StockRule::Mean) => self.mean_level(&measure.column),
            Some(StockRule::Last) => self.last_level(&measure.column),
        }
    }

    fn spans(&self) -> impl Iterator<Item = (u32, Span)> + '_ {
        let ledger = self.selection.ledger;
        self.places().into_owned().into_iter().map(|place| (place, ledger.span(place)))
    }

    fn at(&self, places: Vec<u32>) -> Rows<'a> {
        Rows { selection: self.selection, of: Of::Places(places) }
    }

    /// The levels added up over labels at each instant, averaged over the time that rows speak of. Rows of the same labels
    /// never overlap, so this is Σ level × time of the row / time of their union.
    fn mean_level(&self, column: &Column<'_>) -> Exact {
        let nanoseconds =
            |span: Span| Exact::fraction(span.end.duration_since(span.start).as_nanos(), 1).unwrap_or_default();
        let levels =
            self.spans().filter_map(|(place, span)| Some(column.at(place)? * nanoseconds(span))).sum::<Exact>();
        let time: Exact = union(self.spans().map(|(_, span)| span)).into_iter().map(nanoseconds).sum();
        levels.checked_div(&time).unwrap_or_default()
    }

    /// The levels added up over labels at the last instant that rows speak of.
    fn last_level(&self, column: &Column<'_>) -> Exact {
        let last = self.spans().map(|(_, span)| span.end).max();
        self.spans().filter(|(_, span)| Some(span.end) == last).filter_map(|(place, _)| column.at(place)).sum()
    }

    fn filtered(&self, keep: impl Fn(&KnownRow<'a>) -> bool) -> Rows<'a> {
        let ledger = self.selection.ledger;
        let places = self.places();
        let kept = places.iter().copied().filter(|place| KnownRow::at(ledger, *place).is_some_and(|row| keep(&row)));
        self.at(kept.collect())
    }

    /// The slots in which they start.
    pub fn slots(&self, slot_of: impl Fn(Timestamp) -> Timestamp) -> BTreeSet<Timestamp> {
        self.spans().map(|(_, span)| slot_of(span.start)).collect()
    }

    /// Those that start in one of some slots.
    pub fn in_slots(&self, slots: &BTreeSet<Timestamp>, slot_of: impl Fn(Timestamp) -> Timestamp) -> Rows<'a> {
        self.filtered(|row| slots.contains(&slot_of(row.span().start)))
    }

    /// Those that start in a span. They are in order of their starts, so that they are neighbours.
    pub fn starting_in(&self, span: Span) -> Rows<'a> {
        match &self.of {
            Of::Span(own, sets) => {
                let (start, end) = (own.start.max(span.start), own.end.min(span.end));
                Rows { selection: self.selection, of: Of::Span(Span::new(start, end), Rc::clone(sets)) }
            }
            Of::Places(places) => {
                let ledger = self.selection.ledger;
                let before = |instant: Timestamp| places.partition_point(|place| ledger.start(*place) < instant);
                let first = before(span.start);
                self.at(places.get(first..before(span.end).max(first)).unwrap_or_default().to_vec())
            }
        }
    }

    /// How long the longest of them is.
    pub fn longest(&self) -> SignedDuration {
        if let Some(days) = self.by_day() {
            return days.longest();
        }
        self.spans().map(|(_, span)| span.end.duration_since(span.start)).max().unwrap_or(SignedDuration::ZERO)
    }

    /// Those that carry a label with a value.
    pub fn with_label(&self, name: &str, value: &str) -> Rows<'a> {
        self.filtered(|row| row.labels().get(name).is_some_and(|own| own == value))
    }

    /// The parts of the rows that carry a label with one of some values, by that value, without those that have no rows. What a feed says
    /// decides how many values there are; only those that are wanted are looked at.
    pub fn by_label<'n>(&self, name: &str, wanted: impl IntoIterator<Item = &'n str>) -> BTreeMap<&'n str, Rows<'a>> {
        let ledger = self.selection.ledger;
        let of_set = ledger.values_of_label(name);
        let values: BTreeSet<&str> = of_set.iter().flatten().copied().collect();
        let wanted: BTreeSet<&'n str> = wanted.into_iter().filter(|value| values.contains(value)).collect();
        let wanted: Vec<&'n str> = wanted.into_iter().collect();
        let part_of = |value: Option<&str>| value.and_then(|value| wanted.binary_search(&value).ok());
        let part_of_set: Vec<Option<usize>> = of_set.into_iter().map(part_of).collect();
        let parts: Vec<Rows<'a>> = match &self.of {
            Of::Span(span, sets) if self.by_day().is_some() => {
                let of_part = |part: usize| {
                    self.of_sets(*span, sets.iter().zip(&part_of_set).map(|(has, own)| *has && *own == Some(part)))
                };
                (0..wanted.len()).map(of_part).collect()
            }
            _ => {
                let mut parts = vec![Vec::new(); wanted.len()];
                for place in self.places().iter().copied() {
                    let part = part_of_set.get(ledger.labels_at(place) as usize).copied().flatten();
                    part.and_then(|part| parts.get_mut(part)).into_iter().for_each(|places| places.push(place));
                }
                parts.into_iter().map(|places| self.at(places)).collect()
            }
        };
        wanted.into_iter().zip(parts).filter(|(_, rows)| !rows.is_empty()).collect()
    }

    /// The rows that carry a label, whatever its value.
    pub fn carrying(&self, name: &str) -> Rows<'a> {
        match &self.of {
            Of::Span(span, sets) if self.by_day().is_some() => {
                let carried = self.selection.ledger.values_of_label(name);
                self.of_sets(*span, sets.iter().zip(carried).map(|(has, value)| *has && value.is_some()))
            }
            _ => self.filtered(|row| row.labels().contains_key(name)),
        }
    }

    /// The denominators of the parts by the value of a label, added up.
    pub fn denominators_by(&self, name: &str) -> Exact {
        let definition = self.selection.definition;
        // Neither a constant nor a level adds up over parts to that of the whole.
        if definition.denominator.constant.is_zero() && definition.stocks.is_empty() {
            return self.carrying(name).quotient().denominator;
        }
        let parts = self.grouped(|labels| labels.get(name)).into_iter().filter(|(value, _)| value.is_some());
        parts.map(|(_, rows)| rows.quotient().denominator).sum()
    }

    fn of_sets(&self, span: Span, sets: impl Iterator<Item = bool>) -> Rows<'a> {
        Rows { selection: self.selection, of: Of::Span(span, sets.collect()) }
    }

    /// The parts of the rows by what a function makes of their labels, in its order.
    pub fn grouped<K: Ord>(&self, key_of: impl Fn(&'a Labels) -> K) -> BTreeMap<K, Rows<'a>> {
        let ledger = self.selection.ledger;
        let sets: BTreeSet<u32> = self.places().iter().map(|place| ledger.labels_at(*place)).collect();
        let mut keys: BTreeMap<K, Vec<u32>> = BTreeMap::new();
        for set in sets {
            keys.entry(key_of(ledger.label_set(set))).or_default().push(set);
        }
        let part_of_set: BTreeMap<u32, usize> =
            keys.values().enumerate().flat_map(|(part, sets)| sets.iter().map(move |set| (*set, part))).collect();
        let mut parts: Vec<Vec<u32>> = vec![Vec::new(); keys.len()];
        for place in self.places().iter().copied() {
            let part = part_of_set.get(&ledger.labels_at(place)).and_then(|part| parts.get_mut(*part));
            part.into_iter().for_each(|places| places.push(place));
        }
        let rows = |places| self.at(places);
        keys.into_keys().zip(parts.into_iter().map(rows)).collect()
    }

    /// The parts of the rows by the local day of their starts, in order.
    pub fn by_day_of_start(&self) -> Vec<(Date, Rows<'a>)> {
        if let Some(days) = self.by_day() {
            return days.each();
        }
        let mut days: Vec<(Date, Vec<u32>)> = Vec::new();
        let ledger = self.selection.ledger;
        for place in self.places().iter().copied() {
            let date = ledger.day(place);
            match days.last_mut() {
                Some((day, places)) if *day == date => places.push(place),
                _ => days.push((date, vec![place])),
            }
        }
        days.into_iter().map(|(day, places)| (day, self.at(places))).collect()
    }

    /// The rows without those that overlap `[from, to)` of a relief whose labels they carry. Which relief is accepted,
    /// known and concerns the KPI is the caller's to say.
    pub fn relieved(&self, relief: &[&Relief]) -> Relieved<'a> {
        if relief.is_empty() {
            return Relieved { rows: self.clone(), excused_by: BTreeSet::new() };
        }
        let reached = self.reach();
        let concerns =
            |relief: &&&Relief| reached.is_some_and(|reached| reached.overlaps(&Span::new(relief.from, relief.to)));
        let relief: Vec<&Relief> = relief.iter().filter(concerns).copied().collect();
        if relief.is_empty() {
            return Relieved { rows: self.clone(), excused_by: BTreeSet::new() };
        }
        let excuses = |row: &KnownRow<'_>, relief: &Relief| {
            row.span().overlaps(&Span::new(relief.from, relief.to)) && carries(row.labels(), &relief.labels)
        };
        let took = relief.iter().filter(|relief| self.iter().any(|row| excuses(&row, relief)));
        Relieved {
            rows: self.filtered(|row| !relief.iter().any(|relief| excuses(row, relief))),
            excused_by: took.map(|relief| relief.name.clone()).collect(),
        }
    }

    /// A span in which all of them lie; `None` without any.
    fn reach(&self) -> Option<Span> {
        if let Some(days) = self.by_day() {
            return days.reach();
        }
        let (first, last) = (self.spans().next(), self.spans().map(|(_, span)| span.end).max());
        first.zip(last).map(|((_, span), end)| Span::new(span.start, end))
    }

    /// Responses in percent of the surveys offered, over the rows that say both; `None` where none does or nothing was
    /// offered.
    pub fn response_rate(&self) -> Option<Exact> {
        let ledger = self.selection.ledger;
        let (responses, offered) = (ledger.column(SURVEY_RESPONSES)?, ledger.column(SURVEYS_OFFERED)?);
        let both: Vec<u32> =
            self.places().iter().copied().filter(|place| responses.has(*place) && offered.has(*place)).collect();
        (responses.sum(&both) * Exact::HUNDRED).checked_div(&offered.sum(&both))
    }
}

#[cfg(test)]
mod tests;
