//! From known rows to a value: which rows count for a KPI, their sums, relief and evidence.
//!
//! A KPI's value is one division of two sums over rows, never a mean of the rows' own quotients.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use super::feed_rows::Column;
use super::ledger::{Known, KnownRow, Ledger, carries, union};
use super::row::Labels;
use crate::api::vendor_contract::Relief;
use crate::domain::numbers::exact::Exact;
use crate::domain::terms::calendar::Span;
use crate::domain::terms::catalogue::{Definition, StockRule};

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
    places: Vec<u32>,
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
    places: Cow<'a, [u32]>,
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
        let carrying = ledger.carrying(labels);
        let counts = |place: &u32| {
            ledger.in_service(*place)
                && carrying.get(ledger.labels_at(*place) as usize) == Some(&true)
                && ledger.span(*place).end <= mature_by
                && columns.iter().all(|column| column.column.has(*place))
        };
        // A measure that no row has leaves no row.
        let complete = columns.len() == named.len();
        let places = self.places().iter().copied().filter(|place| complete && counts(place)).collect();
        Selection { ledger, definition, columns, places }
    }
}

impl Selection<'_> {
    /// The rows of a span: those that start in it, whole.
    pub fn within(&self, span: Span) -> Rows<'_> {
        let first = self.starts_before(span.start);
        let end = self.starts_before(span.end).max(first);
        Rows { selection: self, places: Cow::Borrowed(self.places.get(first..end).unwrap_or_default()) }
    }

    /// All rows.
    pub fn all(&self) -> Rows<'_> {
        Rows { selection: self, places: Cow::Borrowed(&self.places) }
    }

    /// How many rows start before an instant.
    fn starts_before(&self, instant: Timestamp) -> usize {
        self.places.partition_point(|place| self.ledger.start(*place) < instant)
    }
}

impl<'a> Rows<'a> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Each of them, by start, then labels and end.
    pub fn iter(&self) -> impl Iterator<Item = KnownRow<'a>> + '_ {
        let ledger = self.selection.ledger;
        self.places.iter().filter_map(|place| KnownRow::at(ledger, *place))
    }

    /// Numerator and denominator over all of them.
    pub fn quotient(&self) -> Quotient {
        if self.is_empty() {
            return Quotient::default();
        }
        let sums: Vec<(&str, Exact)> =
            self.selection.columns.iter().map(|column| (column.measure, self.total(column))).collect();
        let sum_of = |measure: &str| {
            sums.iter().find(|(name, _)| *name == measure).map(|(_, sum)| sum.clone()).unwrap_or_default()
        };
        let definition = self.selection.definition;
        Quotient {
            numerator: definition.numerator.evaluate(sum_of),
            denominator: definition.denominator.evaluate(sum_of),
            rows: self.len(),
        }
    }

    /// The sum of a flow; of a stock its mean or last level.
    fn total(&self, measure: &MeasureColumn<'_>) -> Exact {
        match measure.stock {
            None => measure.column.sum(&self.places),
            Some(StockRule::Mean) => self.mean_level(&measure.column),
            Some(StockRule::Last) => self.last_level(&measure.column),
        }
    }

    fn spans(&self) -> impl Iterator<Item = (u32, Span)> + '_ {
        let ledger = self.selection.ledger;
        self.places.iter().map(|place| (*place, ledger.span(*place)))
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
        let kept =
            self.places.iter().copied().filter(|place| KnownRow::at(ledger, *place).is_some_and(|row| keep(&row)));
        Rows { selection: self.selection, places: Cow::Owned(kept.collect()) }
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
        let ledger = self.selection.ledger;
        let before = |instant: Timestamp| self.places.partition_point(|place| ledger.start(*place) < instant);
        let first = before(span.start);
        let part = first..before(span.end).max(first);
        let places = match &self.places {
            Cow::Borrowed(places) => Cow::Borrowed(places.get(part).unwrap_or_default()),
            Cow::Owned(places) => Cow::Owned(places.get(part).unwrap_or_default().to_vec()),
        };
        Rows { selection: self.selection, places }
    }

    /// How long the longest of them is.
    pub fn longest(&self) -> SignedDuration {
        self.spans().map(|(_, span)| span.end.duration_since(span.start)).max().unwrap_or(SignedDuration::ZERO)
    }

    /// Those that carry a label with a value.
    pub fn with_label(&self, name: &str, value: &str) -> Rows<'a> {
        self.filtered(|row| row.labels().get(name).is_some_and(|own| own == value))
    }

    /// The parts of the rows by the value of a label, without those that do not carry it.
    pub fn by_label(&self, name: &str) -> BTreeMap<&'a str, Rows<'a>> {
        let ledger = self.selection.ledger;
        let of_set = ledger.values_of_label(name);
        let values: BTreeSet<&'a str> = of_set.iter().flatten().copied().collect();
        let mut parts: Vec<(&'a str, Vec<u32>)> = values.into_iter().map(|value| (value, Vec::new())).collect();
        let part_of = |value: &Option<&str>| parts.binary_search_by_key(value, |(own, _)| Some(own)).ok();
        let part_of_set: Vec<Option<usize>> = of_set.iter().map(part_of).collect();
        for place in self.places.iter().copied() {
            let part = part_of_set.get(ledger.labels_at(place) as usize).copied().flatten();
            part.and_then(|part| parts.get_mut(part)).into_iter().for_each(|(_, places)| places.push(place));
        }
        parts.retain(|(_, places)| !places.is_empty());
        let rows = |places| Rows { selection: self.selection, places: Cow::Owned(places) };
        parts.into_iter().map(|(value, places)| (value, rows(places))).collect()
    }

    /// The parts of the rows by what a function makes of their labels, in its order.
    pub fn grouped<K: Ord>(&self, key_of: impl Fn(&'a Labels) -> K) -> BTreeMap<K, Rows<'a>> {
        let ledger = self.selection.ledger;
        let sets: BTreeSet<u32> = self.places.iter().map(|place| ledger.labels_at(*place)).collect();
        let mut keys: BTreeMap<K, Vec<u32>> = BTreeMap::new();
        for set in sets {
            keys.entry(key_of(ledger.label_set(set))).or_default().push(set);
        }
        let part_of_set: BTreeMap<u32, usize> =
            keys.values().enumerate().flat_map(|(part, sets)| sets.iter().map(move |set| (*set, part))).collect();
        let mut parts: Vec<Vec<u32>> = vec![Vec::new(); keys.len()];
        for place in self.places.iter().copied() {
            let part = part_of_set.get(&ledger.labels_at(place)).and_then(|part| parts.get_mut(*part));
            part.into_iter().for_each(|places| places.push(place));
        }
        let rows = |places| Rows { selection: self.selection, places: Cow::Owned(places) };
        keys.into_keys().zip(parts.into_iter().map(rows)).collect()
    }

    /// The parts of the rows by the local day of their starts, in order.
    pub fn by_day(&self) -> Vec<(Date, Rows<'a>)> {
        let mut days: Vec<(Date, Vec<u32>)> = Vec::new();
        let ledger = self.selection.ledger;
        for (place, row) in self.places.iter().filter_map(|place| Some((*place, KnownRow::at(ledger, *place)?))) {
            match days.last_mut() {
                Some((day, places)) if *day == row.day() => places.push(place),
                _ => days.push((row.day(), vec![place])),
            }
        }
        let rows = |places| Rows { selection: self.selection, places: Cow::Owned(places) };
        days.into_iter().map(|(day, places)| (day, rows(places))).collect()
    }

    /// The rows without those that overlap `[from, to)` of a relief whose labels they carry. Which relief is accepted,
    /// known and concerns the KPI is the caller's to say.
    pub fn relieved(&self, relief: &[&Relief]) -> Relieved<'a> {
        let (first, last) = (self.spans().next(), self.spans().map(|(_, span)| span.end).max());
        let reached = first.zip(last).map(|((_, span), end)| Span::new(span.start, end));
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

    /// Responses in percent of the surveys offered, over the rows that say both; `None` where none does or nothing was
    /// offered.
    pub fn response_rate(&self) -> Option<Exact> {
        let ledger = self.selection.ledger;
        let (responses, offered) = (ledger.column(SURVEY_RESPONSES)?, ledger.column(SURVEYS_OFFERED)?);
        let both: Vec<u32> =
            self.places.iter().copied().filter(|place| responses.has(*place) && offered.has(*place)).collect();
        (responses.sum(&both) * Exact::HUNDRED).checked_div(&offered.sum(&both))
    }
}

#[cfg(test)]
mod tests;
