//! The parts of a value by the labels of its rows, and what each of them did to it against the periods before.
//!
//! A part is the rows that carry one value of one label. What counts for it is its sums after relief: they are kept with the reading, so
//! that later periods are compared without these rows. Its *effect* is by how much it moved the value against the periods before: the
//! sums of up to three of them are added up. For a part with the sums `n` and `d` now and `n'` and `d'` then, a whole with the
//! denominators `D` and `D'`, a scale `s`, and `v'`, the value then, it is `(s·n − v'·d) / D − (s·n' − v'·d') / D'`. Where nothing changed,
//! it is 0; where each row carries the label, the effects of all of its values are the value less `v'`, exactly. Sums of levels, which
//! are averaged over time, do not add up, and have no effect; nor has a part without periods before.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::reading::Reading;
use super::values::{Quotient, Rows};
use crate::api::Packed;
use crate::api::kpi_target::Rounding;
use crate::api::made_of::PartValue;
use crate::api::packed::Line;
use crate::domain::numbers::exact::{Exact, SHOWN_DECIMALS};

/// With how many earlier periods a period is compared at most.
pub const COMPARED: usize = 3;
/// How many parts a report lists.
const MOST_LISTED: usize = 20;
/// How many parts are kept with a reading: those with the most volume.
const MOST_KEPT: usize = 100;
/// How many labels rows can carry.
const MOST_LABELS: usize = 10;

/// The sums of the rows with one value of a label, after relief.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartSums {
    /// The label.
    pub label: String,
    /// Its value.
    pub value: String,
    /// What is divided, unscaled.
    pub numerator: Exact,
    /// By what: the volume.
    pub denominator: Exact,
}

impl Line for PartSums {
    type Row = (String, String, Exact, Exact);

    fn into_row(self) -> Self::Row {
        (self.label, self.value, self.numerator, self.denominator)
    }

    fn of_row((label, value, numerator, denominator): Self::Row) -> Self {
        PartSums { label, value, numerator, denominator }
    }
}

/// The parts of a reading.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Parts {
    /// At most 100 of them, by label and value.
    pub sums: Packed<PartSums>,
    /// Whether the sums of each label, with the rows that do not carry it, are those of the whole.
    pub add_up: bool,
}

impl Parts {
    /// The parts of some rows with these sums.
    pub fn of(rows: &Rows<'_>, whole: &Quotient) -> Parts {
        let sets = rows.grouped(|labels| labels);
        let mut names: Vec<&String> = sets.keys().flat_map(|labels| labels.keys()).collect();
        names.sort_unstable();
        names.dedup();
        names.truncate(MOST_LABELS);
        let mut add_up = true;
        let mut sums = Vec::new();
        for name in names {
            let parts = rows.grouped(|labels| labels.get(name));
            let parts: Vec<_> = parts.into_iter().map(|(value, rows)| (value, rows.quotient())).collect();
            add_up &= are_sum(whole, parts.iter().map(|(_, quotient)| quotient));
            sums.extend(parts.into_iter().filter_map(|(value, quotient)| {
                let Quotient { numerator, denominator, .. } = quotient;
                Some(PartSums { label: name.clone(), value: value?.clone(), numerator, denominator })
            }));
        }
        if sums.len() > MOST_KEPT {
            // They are sorted by label and value, and stay so among equals.
            sums.sort_by(|one, other| other.denominator.cmp(&one.denominator));
            sums.truncate(MOST_KEPT);
            sums.sort_by(|one, other| (&one.label, &one.value).cmp(&(&other.label, &other.value)));
        }
        Parts { sums: Packed::of(sums), add_up }
    }
}

fn are_sum<'q>(whole: &Quotient, parts: impl Iterator<Item = &'q Quotient>) -> bool {
    let (mut numerator, mut denominator) = (Exact::ZERO, Exact::ZERO);
    for part in parts {
        numerator = numerator + &part.numerator;
        denominator = denominator + &part.denominator;
    }
    numerator == whole.numerator && denominator == whole.denominator
}

/// The parts of a period and of those before it, with all that their effects follow from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Compared {
    scale: Exact,
    rounding: Option<Rounding>,
    now: Whole,
    before: Vec<Whole>,
}

/// The parts of one period with its sums.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Whole {
    parts: Packed<PartSums>,
    numerator: Exact,
    denominator: Exact,
}

impl Whole {
    fn of(reading: &Reading<'_>) -> Option<Whole> {
        let (numerator, denominator) = (reading.numerator.clone()?, reading.denominator.clone()?);
        let parts = reading.parts.sums.clone();
        (!parts.is_empty()).then_some(Whole { parts, numerator, denominator })
    }
}

impl Compared {
    /// A reading and those of the periods before; `None` for one without parts. Periods whose formula was another one are left out.
    pub fn of(reading: &Reading<'_>, before: &[&Reading<'_>]) -> Option<Compared> {
        let method = &reading.method;
        let is_comparable = |other: &&&Reading<'_>| {
            reading.parts.add_up && other.parts.add_up && other.method.formula == method.formula
        };
        let annual = reading.annual_factor.clone().unwrap_or(Exact::ONE);
        Some(Compared {
            scale: annual * &method.scale,
            rounding: reading.spec.rounding.clone(),
            now: Whole::of(reading)?,
            before: before.iter().filter(is_comparable).filter_map(|other| Whole::of(other)).collect(),
        })
    }

    /// The 20 parts with the most effect, and those first; without periods before those with the most volume.
    pub fn parts(&self) -> Packed<PartValue> {
        let earlier = Earlier::of(self);
        let mut parts: Vec<(Option<Exact>, PartSums)> = self
            .now
            .parts
            .lines()
            .into_iter()
            .map(|part| (earlier.as_ref().and_then(|earlier| self.effect(&part, earlier)), part))
            .collect();
        parts.sort_by_cached_key(|(effect, part)| {
            let moved = effect.as_ref().map(Exact::abs);
            (Reverse(moved), Reverse(part.denominator.clone()), part.label.clone(), part.value.clone())
        });
        parts.truncate(MOST_LISTED);
        Packed::of(parts.into_iter().map(|(effect, part)| self.shown(effect, part)).collect())
    }

    fn effect(&self, part: &PartSums, earlier: &Earlier) -> Option<Exact> {
        let now = earlier.beyond(&self.scale, (&part.numerator, &part.denominator), &self.now.denominator)?;
        let was = match earlier.parts.get(&(part.label.clone(), part.value.clone())) {
            Some((numerator, denominator)) => {
                earlier.beyond(&self.scale, (numerator, denominator), &earlier.denominator)?
            }
            None => Exact::ZERO,
        };
        Some(now - was)
    }

    fn shown(&self, effect: Option<Exact>, part: PartSums) -> PartValue {
        let rounding = self.rounding.as_ref();
        let shown = |number: Exact| number.rounded(rounding).show_as(rounding);
        let PartSums { label, value, numerator, denominator } = part;
        let quotient = Quotient { numerator, denominator, rows: 1 };
        let own = quotient.value(&self.scale);
        PartValue {
            label: BTreeMap::from([(label, value)]),
            denominator: own.is_some().then(|| quotient.denominator.show(SHOWN_DECIMALS)),
            value: own.map(shown),
            effect: effect.map(shown),
        }
    }
}

/// The periods before, added up.
struct Earlier {
    value: Exact,
    denominator: Exact,
    parts: BTreeMap<(String, String), (Exact, Exact)>,
}

impl Earlier {
    fn of(compared: &Compared) -> Option<Earlier> {
        let sum = |of: fn(&Whole) -> &Exact| compared.before.iter().map(of).sum::<Exact>();
        let denominator = sum(|whole| &whole.denominator);
        let scaled = &sum(|whole| &whole.numerator) * &compared.scale;
        let value = scaled.checked_div(&denominator)?;
        let mut parts: BTreeMap<(String, String), (Exact, Exact)> = BTreeMap::new();
        for part in compared.before.iter().flat_map(|whole| whole.parts.lines()) {
            let (numerator, denominator) = parts.entry((part.label, part.value)).or_default();
            *numerator = &*numerator + &part.numerator;
            *denominator = &*denominator + &part.denominator;
        }
        Some(Earlier { value, denominator, parts })
    }

    /// By how much sums lift a whole above the value of these periods.
    fn beyond(&self, scale: &Exact, (numerator, denominator): (&Exact, &Exact), whole: &Exact) -> Option<Exact> {
        (numerator * scale - &self.value * denominator).checked_div(whole)
    }
}

#[cfg(test)]
mod tests;
