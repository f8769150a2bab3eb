//! The parts of a value by the labels of its rows, and what each of them did to it against the periods before.
//!
//! A part is the rows that carry one value of one label. What counts for it is its sums after relief: they are kept with the reading, so
//! that later periods are compared without these rows. Its *effect* is by how much it moved the value against the periods before: the
//! sums of up to three of them are added up. For a part with the sums `n` and `d` now and `n'` and `d'` then, a whole with the
//! denominators `D` and `D'`, a scale `s`, and `v'`, the value then, it is `(s·n − v'·d) / D − (s·n' − v'·d') / D'`. Where nothing changed,
//! it is 0; where each row of all of these periods carries the label, the effects of all of its values are the value less `v'`, exactly:
//! those of values that are new, and of values that are gone, which have no sums now. Sums of levels, which are averaged over time, and
//! figures that are made a year's do not add up, and have no effect; nor has a part without periods before, or one of which a period may
//! have left the sums out, because it had too many.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::values::{Quotient, Rows};
use crate::api::Packed;
use crate::api::kpi_target::Rounding;
use crate::api::made_of::PartValue;
use crate::api::packed::{Line, as_text};
use crate::domain::numbers::exact::{Exact, SHOWN_DECIMALS};
use crate::domain::terms::catalogue::Definition;

/// With how many earlier periods a period is compared at most.
pub const COMPARED: usize = 3;
/// How many parts a report lists.
const MOST_LISTED: usize = 20;
/// How many parts are kept with a reading: those with the most volume.
const MOST_KEPT: usize = 100;
/// Bytes of text that the parts of a reading take at most: a contract keeps some thousand readings.
const MOST_TEXT: usize = 4_096;
/// Of a contract with more KPIs neither days nor parts are worked out: it would keep too much of them.
pub const MOST_KPIS: usize = 50;
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

impl PartSums {
    /// Bytes that it takes in a packed list.
    fn text_bytes(&self) -> usize {
        serde_json::to_string(&self.clone().into_row()).map_or(MOST_TEXT, |text| text.len() + 1)
    }
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
    /// At most 100 of them and at most 4 kB, by label and value.
    #[serde(with = "as_text")]
    pub sums: Packed<PartSums>,
    /// Whether the sums of each label, with the rows that do not carry it, are those of the whole, and can be added up over periods.
    pub add_up: bool,
    /// Whether there are more of them: one that is not among them may have rows.
    pub truncated: bool,
}

impl Parts {
    /// The parts of some rows with these sums, by a formula.
    pub fn of(rows: &Rows<'_>, whole: &Quotient, definition: &Definition) -> Parts {
        let sets = rows.grouped(|labels| labels);
        let mut names: Vec<&String> = sets.keys().flat_map(|labels| labels.keys()).collect();
        names.sort_unstable();
        names.dedup();
        let has_more_labels = names.len() > MOST_LABELS;
        names.truncate(MOST_LABELS);
        let mut add_up = !definition.annualised && definition.stocks.is_empty();
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
        let (sums, has_more_values) = with_most_volume(sums);
        Parts { sums, add_up, truncated: has_more_labels || has_more_values }
    }
}

/// As many of the parts as a reading keeps, by label and value, and whether others are left out.
fn with_most_volume(mut sums: Vec<PartSums>) -> (Packed<PartSums>, bool) {
    let all = sums.len();
    // They are sorted by label and value, and stay so among equals.
    sums.sort_by(|one, other| other.denominator.cmp(&one.denominator));
    let mut bytes = 0;
    let fitting = sums.iter().take(MOST_KEPT).take_while(|part| {
        bytes += part.text_bytes();
        bytes <= MOST_TEXT
    });
    let kept = fitting.count();
    sums.truncate(kept);
    sums.sort_by(|one, other| (&one.label, &one.value).cmp(&(&other.label, &other.value)));
    (Packed::of(sums), kept < all)
}

fn are_sum<'q>(whole: &Quotient, parts: impl Iterator<Item = &'q Quotient>) -> bool {
    let (mut numerator, mut denominator) = (Exact::ZERO, Exact::ZERO);
    for part in parts {
        numerator = numerator + &part.numerator;
        denominator = denominator + &part.denominator;
    }
    numerator == whole.numerator && denominator == whole.denominator
}

/// What is compared of a period.
#[derive(Clone, Copy, Debug)]
pub struct PeriodSums<'p> {
    /// The formula without the scale: periods with another one are not compared.
    pub formula: &'p str,
    /// Numerator and denominator after relief; `None` without a value.
    pub sums: Option<(&'p Exact, &'p Exact)>,
    /// Its parts.
    pub parts: &'p Parts,
}

/// The parts of a period and of those before it, with all that their effects follow from.
#[derive(Clone, Debug)]
pub struct Compared {
    scale: Exact,
    rounding: Option<Rounding>,
    now: Whole,
    before: Vec<Whole>,
}

/// The parts of one period with its sums.
#[derive(Clone, Debug)]
struct Whole {
    parts: Packed<PartSums>,
    truncated: bool,
    numerator: Exact,
    denominator: Exact,
}

impl Whole {
    fn of(period: &PeriodSums<'_>) -> Option<Whole> {
        let (numerator, denominator) = period.sums?;
        Some(Whole {
            parts: period.parts.sums.clone(),
            truncated: period.parts.truncated,
            numerator: numerator.clone(),
            denominator: denominator.clone(),
        })
    }
}

/// A label with one of its values.
type Name = (String, String);

impl Compared {
    /// A period and those before it; `None` for one without a value, and where none of them has parts. Periods whose formula was
    /// another one are left out. `scale` is that of the values.
    pub fn of(
        now: &PeriodSums<'_>,
        before: &[PeriodSums<'_>],
        (scale, rounding): (Exact, Option<Rounding>),
    ) -> Option<Compared> {
        let is_comparable =
            |other: &&PeriodSums<'_>| now.parts.add_up && other.parts.add_up && other.formula == now.formula;
        let before: Vec<Whole> = before.iter().filter(is_comparable).filter_map(Whole::of).collect();
        let now = Whole::of(now)?;
        let has_parts = std::iter::once(&now).chain(&before).any(|whole| !whole.parts.is_empty());
        has_parts.then_some(Compared { scale, rounding, now, before })
    }

    /// The first half of the SHA-256 of all of it: the parts follow from what it is of.
    pub fn digest(&self) -> [u8; 16] {
        let mut digest = Sha256::new();
        let text = |digest: &mut Sha256, text: &str| {
            digest.update((text.len() as u64).to_be_bytes());
            digest.update(text);
        };
        text(&mut digest, &self.scale.to_string());
        text(&mut digest, &serde_json::to_string(&self.rounding).unwrap_or_default());
        for Whole { parts, truncated, numerator, denominator } in std::iter::once(&self.now).chain(&self.before) {
            digest.update(parts.digest());
            digest.update([u8::from(*truncated)]);
            text(&mut digest, &numerator.to_string());
            text(&mut digest, &denominator.to_string());
        }
        let mut half = [0; 16];
        half.iter_mut().zip(digest.finalize()).for_each(|(to, from)| *to = from);
        half
    }

    /// The 20 parts with the most effect, and those first; without periods before those with the most volume.
    pub fn parts(&self) -> Packed<PartValue> {
        let mut parts = self.effects();
        parts.sort_by_cached_key(|(effect, part)| {
            let moved = effect.as_ref().map(Exact::abs);
            (Reverse(moved), Reverse(part.denominator.clone()), part.label.clone(), part.value.clone())
        });
        parts.truncate(MOST_LISTED);
        Packed::of(parts.into_iter().map(|(effect, part)| self.shown(effect, part)).collect())
    }

    /// Each part with its effect: those of now, and those of the periods before that are gone.
    fn effects(&self) -> Vec<(Option<Exact>, PartSums)> {
        let now = self.now.parts.lines();
        let Some(earlier) = Earlier::of(self) else { return now.into_iter().map(|part| (None, part)).collect() };
        let present = names_of(&now);
        // Where now has more parts than are kept, one that is missing may have rows all the same.
        let gone = earlier.parts.keys().filter(|name| !self.now.truncated && !present.contains(*name));
        let gone = gone.map(|(label, value)| PartSums {
            label: label.clone(),
            value: value.clone(),
            numerator: Exact::ZERO,
            denominator: Exact::ZERO,
        });
        // One that is gone and has no effect says nothing.
        let gone: Vec<_> = gone.map(|part| (self.effect(&part, &earlier), part)).collect();
        let gone = gone.into_iter().filter(|(effect, _)| effect.is_some());
        now.into_iter().map(|part| (self.effect(&part, &earlier), part)).chain(gone).collect()
    }

    fn effect(&self, part: &PartSums, earlier: &Earlier) -> Option<Exact> {
        let name = (part.label.clone(), part.value.clone());
        if !earlier.knows(&name) {
            return None;
        }
        let now = earlier.beyond(&self.scale, (&part.numerator, &part.denominator), &self.now.denominator)?;
        let was = match earlier.parts.get(&name) {
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

fn names_of(parts: &[PartSums]) -> BTreeSet<Name> {
    parts.iter().map(|part| (part.label.clone(), part.value.clone())).collect()
}

/// The periods before, added up.
struct Earlier {
    value: Exact,
    denominator: Exact,
    parts: BTreeMap<Name, (Exact, Exact)>,
    /// The parts of each of the periods that had more of them.
    truncated: Vec<BTreeSet<Name>>,
}

impl Earlier {
    fn of(compared: &Compared) -> Option<Earlier> {
        let sum = |of: fn(&Whole) -> &Exact| compared.before.iter().map(of).sum::<Exact>();
        let denominator = sum(|whole| &whole.denominator);
        let scaled = &sum(|whole| &whole.numerator) * &compared.scale;
        let value = scaled.checked_div(&denominator)?;
        let mut parts: BTreeMap<Name, (Exact, Exact)> = BTreeMap::new();
        for part in compared.before.iter().flat_map(|whole| whole.parts.lines()) {
            let (numerator, denominator) = parts.entry((part.label, part.value)).or_default();
            *numerator = &*numerator + &part.numerator;
            *denominator = &*denominator + &part.denominator;
        }
        let truncated = compared.before.iter().filter(|whole| whole.truncated);
        let truncated = truncated.map(|whole| names_of(&whole.parts.lines())).collect();
        Some(Earlier { value, denominator, parts, truncated })
    }

    /// Whether the sums of a part are known of each period, also where they are 0.
    fn knows(&self, name: &Name) -> bool {
        self.truncated.iter().all(|names| names.contains(name))
    }

    /// By how much sums lift a whole above the value of these periods.
    fn beyond(&self, scale: &Exact, (numerator, denominator): (&Exact, &Exact), whole: &Exact) -> Option<Exact> {
        (numerator * scale - &self.value * denominator).checked_div(whole)
    }
}

#[cfg(test)]
mod tests;
