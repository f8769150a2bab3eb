//! What a value is made of: the steps of its window in time, and the parts of its rows by their labels.
//!
//! Counts are added up within each step and each part, and then divided, as they are for the whole. Where the sums of all of them are
//! the whole's own, each has an *effect*: by how much it lifts or lowers the value against the target. For a part with the sums `n` and
//! `d`, a whole whose denominator is `D`, a scale `s` and a target `t`, that is `(s·n − t·d) / D`. All effects together are the value
//! less the target, exactly. Levels, which are averaged over time, do not add up over days, and have none.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use jiff::civil::Date;

use super::row::Labels;
use super::values::{Quotient, Rows};
use super::verdict::Aim;
use crate::api::kpi_target::{FormulaUnit, Rounding, Verdict};
use crate::api::verdict::Comparison;
use crate::domain::numbers::exact::Exact;
use crate::domain::terms::calendar::days_from;

/// How many steps a window is divided into at most: days, and weeks, months or years where there would be more.
pub const MOST_STEPS: usize = 31;
/// How many parts of a group are listed; the others are one part together.
pub const MOST_PARTS: usize = 20;
/// How many labels rows can carry.
const MOST_LABELS: usize = 10;

/// What a value is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Breakdown {
    /// The sums of all rows that are judged.
    pub whole: Counts,
    /// What the value is compared with.
    pub aim: Aim,
    /// How a step is compared with its target: as the value is; a step of a tally by the tally's own rule.
    pub step_comparison: Comparison,
    /// The unit of the steps and the parts.
    pub unit: FormulaUnit,
    /// How their values are rounded.
    pub rounding: Option<Rounding>,
    /// The first and the last day of the window, to its end also where it runs.
    pub days: (Date, Date),
    /// How long a step is.
    pub each: Each,
    /// The steps in time. Those in which no row starts are left out, but for those that lack data.
    pub steps: Vec<Step>,
    /// Whether the sums of the steps are the whole's; of a tally, whether as many steps missed as it counts.
    pub steps_add_up: bool,
    /// Whether the value is a count of steps that missed.
    pub is_tally: bool,
    /// The parts by each label whose values differ, and by all labels together where several do.
    pub groups: Vec<Group>,
}

/// How long a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Each {
    /// A local day.
    Day,
    /// A week from Monday to Sunday.
    Week,
    /// A month.
    Month,
    /// A year.
    Year,
}

/// The two sums of some rows, and their quotient.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counts {
    /// What is divided, unscaled.
    pub numerator: Exact,
    /// By what.
    pub denominator: Exact,
    /// The scaled quotient, rounded as agreed; `None` without data.
    pub value: Option<Exact>,
    /// How many rows.
    pub rows: usize,
}

/// A day, a week, a month or a year, as far as the window reaches.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Such as 2026-03-05, 2026-W10, 2026-03 or 2026.
    pub name: String,
    /// Its first day.
    pub first: Date,
    /// Its last day.
    pub last: Date,
    /// What is left of its rows after relief.
    pub counts: Counts,
    /// The value of all of its rows, where relief took some away.
    pub before_relief: Option<Exact>,
    /// The target on its last day.
    pub target: Exact,
    /// Met or Missed by the value alone, Excused where relief left no row, NoData without rows. Steps of a tally as it judged them.
    pub verdict: Verdict,
    /// What it does to the value; `None` where steps do not add up.
    pub effect: Option<Exact>,
    /// The value of all steps up to it; `None` where steps do not add up, and before there is data.
    pub so_far: Option<Exact>,
    /// Whether its feed left out hours of service in it.
    pub has_gap: bool,
}

/// Parts of the rows by one label, or by all of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// The label; `None` for all labels together.
    pub label: Option<String>,
    /// Those that lower the value most first; where lower is better, those that lift it most. With `Between` by the side that is nearer.
    pub parts: Vec<Part>,
    /// Whether the sums of the parts are the whole's.
    pub adds_up: bool,
}

/// A part of the rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Which rows these are.
    pub of: PartOf,
    /// Their sums after relief.
    pub counts: Counts,
    /// Whether their value meets the target of the whole; `None` without a value.
    pub meets: Option<bool>,
    /// What they do to the value; `None` where parts do not add up.
    pub effect: Option<Exact>,
}

/// Which rows a part holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PartOf {
    /// Those with this value of the group's label.
    Value(String),
    /// Those with exactly these labels.
    Set(Labels),
    /// Those that do not carry the label.
    Without,
    /// This number of further parts.
    Others(usize),
}

/// By what sums become a value.
#[derive(Clone, Copy, Debug)]
pub struct Measure<'m> {
    /// What quotients are multiplied by.
    pub scale: &'m Exact,
    /// How values are rounded.
    pub rounding: Option<&'m Rounding>,
    /// What they are compared with.
    pub aim: &'m Aim,
}

impl Measure<'_> {
    /// Sums with their value.
    pub fn counts(&self, quotient: &Quotient) -> Counts {
        Counts {
            numerator: quotient.numerator.clone(),
            denominator: quotient.denominator.clone(),
            value: quotient.value(self.scale).map(|value| value.rounded(self.rounding)),
            rows: quotient.rows,
        }
    }

    /// What some rows do to the value of all of them.
    pub fn effect(&self, part: &Counts, whole: &Counts) -> Option<Exact> {
        let edge = edge(self.aim, whole.value.as_ref());
        (&part.numerator * self.scale - edge * &part.denominator).checked_div(&whole.denominator)
    }

    /// Adds to each of the steps that add up its effect, and the value up to it.
    pub fn complete(&self, steps: &mut [Step], whole: &Counts) {
        let mut so_far = Quotient::default();
        for step in steps {
            so_far.numerator = so_far.numerator + &step.counts.numerator;
            so_far.denominator = so_far.denominator + &step.counts.denominator;
            so_far.rows += step.counts.rows;
            step.effect = self.effect(&step.counts, whole);
            step.so_far = so_far.value(self.scale).map(|value| value.rounded(self.rounding));
        }
    }

    /// The parts of rows by each label whose values differ, and by all of them together where several do.
    pub fn groups(&self, rows: &Rows<'_>, whole: &Counts) -> Vec<Group> {
        let sets = rows.grouped(|labels| labels);
        let mut names: Vec<&String> = sets.keys().flat_map(|labels| labels.keys()).collect();
        names.sort_unstable();
        names.dedup();
        names.retain(|name| {
            let mut values = sets.keys().map(|labels| labels.get(*name));
            let first = values.next();
            values.any(|value| Some(value) != first)
        });
        names.truncate(MOST_LABELS);
        let by_label = names.iter().map(|name| {
            let parts =
                rows.grouped(|labels| labels.get(*name).map_or(PartOf::Without, |it| PartOf::Value(it.clone())));
            self.group(Some((*name).clone()), parts, whole)
        });
        let mut groups: Vec<Group> = by_label.collect();
        if names.len() > 1 {
            groups.push(self.group(None, rows.grouped(|labels| PartOf::Set(labels.clone())), whole));
        }
        groups
    }

    fn group(&self, label: Option<String>, parts: BTreeMap<PartOf, Rows<'_>>, whole: &Counts) -> Group {
        let counted = parts.into_iter().map(|(of, rows)| (of, self.counts(&rows.quotient())));
        let counted: Vec<(PartOf, Counts)> = counted.collect();
        let adds_up = are_sum(whole, counted.iter().map(|(_, counts)| counts));
        let mut parts: Vec<Part> =
            counted.into_iter().map(|(of, counts)| self.part(of, counts, whole, adds_up)).collect();
        let harm = |part: &Part| part.effect.as_ref().map(|effect| harm(self.aim, whole.value.as_ref(), effect));
        parts.sort_by_cached_key(|part| (std::cmp::Reverse(harm(part)), part.of.clone()));
        if parts.len() > MOST_PARTS {
            let others = parts.split_off(MOST_PARTS);
            let sum = |of: fn(&Counts) -> &Exact| others.iter().map(|part| of(&part.counts)).sum::<Exact>();
            let quotient = Quotient {
                numerator: sum(|counts| &counts.numerator),
                denominator: sum(|counts| &counts.denominator),
                rows: others.iter().map(|part| part.counts.rows).sum(),
            };
            // Of levels the sums mean nothing.
            let counts =
                if adds_up { self.counts(&quotient) } else { Counts { rows: quotient.rows, ..Counts::default() } };
            parts.push(self.part(PartOf::Others(others.len()), counts, whole, adds_up));
        }
        Group { label, parts, adds_up }
    }

    fn part(&self, of: PartOf, counts: Counts, whole: &Counts, adds_up: bool) -> Part {
        Part {
            meets: counts.value.as_ref().map(|value| self.aim.is_met_by(value)),
            effect: if adds_up { self.effect(&counts, whole) } else { None },
            of,
            counts,
        }
    }
}

impl Breakdown {
    /// An effect as harm: above 0 where it moves the value to the worse side of the target.
    pub fn harm(&self, effect: &Exact) -> Exact {
        harm(&self.aim, self.whole.value.as_ref(), effect)
    }
}

fn harm(aim: &Aim, value: Option<&Exact>, effect: &Exact) -> Exact {
    let lower_is_better = match aim.comparison {
        Comparison::AtMost | Comparison::LessThan => true,
        Comparison::AtLeast | Comparison::MoreThan => false,
        Comparison::Between => edge(aim, value) != &aim.target,
    };
    if lower_is_better { effect.clone() } else { -effect }
}

/// The edge of the target that a value is measured from: with `Between` the upper one where the value is above it.
pub fn edge<'m>(aim: &'m Aim, value: Option<&Exact>) -> &'m Exact {
    let upper = aim.upper.as_ref().filter(|_| aim.comparison == Comparison::Between);
    match upper.zip(value) {
        Some((upper, value)) if value > upper => upper,
        _ => &aim.target,
    }
}

/// Whether counts add up to the whole.
pub fn are_sum<'c>(whole: &Counts, parts: impl Iterator<Item = &'c Counts>) -> bool {
    let (mut numerator, mut denominator) = (Exact::ZERO, Exact::ZERO);
    for part in parts {
        numerator = numerator + &part.numerator;
        denominator = denominator + &part.denominator;
    }
    numerator == whole.numerator && denominator == whole.denominator
}

/// The shortest step that holds a row as long as the longest one: of figures of a month nothing is known of its days.
pub fn least_step(longest: SignedDuration) -> Each {
    let hours = longest.as_hours();
    // A local day may have three hours more than 24.
    if hours <= 27 {
        Each::Day
    } else if hours <= 170 {
        Each::Week
    } else {
        Each::Month
    }
}

/// The days from one to another as steps of at least this length: name, first and last day.
pub fn steps(first: Date, last: Date, least: Each) -> (Each, Vec<(String, Date, Date)>) {
    let shortest = [Each::Day, Each::Week, Each::Month].into_iter().filter(|each| *each >= least);
    let mut divided = shortest.map(|each| (each, steps_of(each, first, last)));
    let divided = divided.find(|(_, steps)| steps.len() <= MOST_STEPS);
    divided.unwrap_or_else(|| (Each::Year, steps_of(Each::Year, first, last)))
}

fn steps_of(each: Each, first: Date, last: Date) -> Vec<(String, Date, Date)> {
    let mut steps: Vec<(String, Date, Date)> = Vec::new();
    for day in days_from(first).take_while(|day| *day <= last) {
        let name = match each {
            Each::Day => day.to_string(),
            Each::Week => {
                let week = day.iso_week_date();
                format!("{:04}-W{:02}", week.year(), week.week())
            }
            Each::Month => format!("{:04}-{:02}", day.year(), day.month()),
            Each::Year => format!("{:04}", day.year()),
        };
        match steps.last_mut() {
            Some((of, _, end)) if *of == name => *end = day,
            _ => steps.push((name, day, day)),
        }
    }
    steps
}

#[cfg(test)]
mod tests;
