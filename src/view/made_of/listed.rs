//! What a report, or a status, lists of a value by itself: its days, and parts of its rows by one label each.
//!
//! They have no numerators and nothing of relief, and the effect of a part is against the periods before. A page
//! shows them where the evidence is not at hand.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::{Counts, Each, MadeOf, PartLine, PartsLine, Step, Writing, chart::Chart, words};
use crate::api::kpi_target::{FormulaUnit, KpiTargetSpec, Rounding, Verdict};
use crate::api::made_of::{DayValue, PartValue};
use crate::api::sla_report::{KpiLine, SlaReportSpec};
use crate::api::verdict::Comparison;
use crate::domain::measuring::breakdown::Breakdown;
use crate::domain::measuring::verdict::{Aim, comparison_of};
use crate::domain::numbers::exact::Exact;
use crate::domain::terms::calendar::{days_after, days_between};
use crate::domain::terms::catalogue::{PartRule, definition};

/// Days and parts with what they are read by.
#[derive(Clone, Debug)]
pub struct Listed {
    days: Vec<DayValue>,
    parts: Vec<PartValue>,
    /// The parts of the period before.
    before: Vec<PartValue>,
    whole: Counts,
    aim: Aim,
    unit: FormulaUnit,
    rounding: Option<Rounding>,
    is_tally: bool,
    /// The targets of a period in which they change, each with its first day, ascending.
    targets: Vec<(Date, Exact)>,
    /// The last day of the window.
    last: Date,
}

fn number(text: &str) -> Option<Exact> {
    text.parse::<rust_decimal::Decimal>().ok().map(Exact::from)
}

fn counts(value: Option<&str>, denominator: Option<&str>) -> Counts {
    Counts {
        numerator: Exact::ZERO,
        denominator: denominator.and_then(number).unwrap_or_default(),
        value: value.and_then(number),
        rows: 0,
    }
}

impl Listed {
    /// What a line of a report lists; `None` for one that lists nothing, such as that of an earlier version.
    pub fn of_line(line: &KpiLine, before: Option<&SlaReportSpec>, last: Date) -> Option<Listed> {
        if line.days.is_empty() && line.parts.is_empty() {
            return None;
        }
        let basis = line.basis.as_ref()?;
        let aim = match &basis.tally {
            Some(tally) => Aim { comparison: tally.comparison, target: number(&tally.target)?, upper: None },
            None => Aim {
                comparison: line.comparison,
                target: number(line.target.as_deref()?)?,
                upper: line.upper.as_deref().and_then(number),
            },
        };
        let before = before.and_then(|report| report.kpis.iter().find(|other| other.name == line.name));
        Some(Listed {
            days: line.days.lines(),
            parts: line.parts.lines(),
            before: before.map(|line| line.parts.lines()).unwrap_or_default(),
            whole: counts(line.value.as_deref(), line.denominator.as_deref()),
            aim,
            unit: basis.tally.as_ref().map_or(basis.unit, |tally| tally.unit),
            rounding: basis.rounding.as_ref().map(|it| Rounding { decimals: it.decimals, mode: it.mode }),
            is_tally: basis.tally.is_some(),
            targets: basis.targets.iter().filter_map(|part| Some((part.from, number(&part.target)?))).collect(),
            last,
        })
    }

    /// What a status lists of a period that runs; `None` where no day has ended yet.
    pub fn of_running(days: Vec<DayValue>, spec: &KpiTargetSpec, target: &str, last: Date) -> Option<Listed> {
        let definition = definition(spec).ok().filter(|_| !days.is_empty())?;
        let aim = match &definition.parts {
            Some(PartRule { comparison, target, .. }) => {
                Aim { comparison: *comparison, target: target.clone(), upper: None }
            }
            None => {
                let comparison = comparison_of(&spec.objective, definition.better);
                let upper = spec.objective.upper.as_ref().filter(|_| comparison == Comparison::Between);
                Aim { comparison, target: number(target)?, upper: upper.map(Exact::from) }
            }
        };
        Some(Listed {
            days,
            parts: Vec::new(),
            before: Vec::new(),
            whole: Counts::default(),
            aim,
            unit: definition.parts.as_ref().map_or(definition.unit, |rule| rule.unit),
            rounding: spec.rounding.clone(),
            is_tally: definition.parts.is_some(),
            targets: targets_of(spec),
            last,
        })
    }

    /// The target in force on a day.
    fn target_on(&self, day: Date) -> Exact {
        let part = self.targets.iter().rfind(|(from, _)| *from <= day);
        part.map_or_else(|| self.aim.target.clone(), |(_, target)| target.clone())
    }

    /// How long each of the days is: the usual distance between two of them. The first week may be short, and days without service are
    /// left out of a tally.
    fn each(&self) -> Each {
        let dates = self.days.iter().map(|day| day.date);
        let mut apart: Vec<i64> = dates.clone().zip(dates.skip(1)).map(|(one, next)| days_between(one, next)).collect();
        apart.sort_unstable();
        match apart.get(apart.len() / 2) {
            None | Some(..=1) => Each::Day,
            Some(2..=7) => Each::Week,
            Some(8..=31) => Each::Month,
            Some(_) => Each::Year,
        }
    }

    /// The days with data, and those that relief took; the others may be days without service, of which a list does not say.
    fn steps(&self) -> Vec<Step> {
        let each = self.each();
        let ends = self.days.iter().skip(1).map(|next| days_after(next.date, -1)).chain([self.last]);
        let shown = self.days.iter().zip(ends).filter(|(day, _)| day.verdict != Verdict::NoData);
        let step = |(day, next): (&DayValue, Date)| {
            let last = if each == Each::Day { day.date } else { next.max(day.date) };
            Step {
                name: name_of(day.date, each),
                first: day.date,
                last,
                counts: counts(day.value.as_deref(), day.denominator.as_deref()),
                before_relief: None,
                target: self.target_on(last),
                verdict: day.verdict,
                effect: None,
                so_far: None,
                has_gap: false,
            }
        };
        shown.map(step).collect()
    }

    /// The parts by each label of which several are listed.
    fn groups(&self, writing: &Writing<'_>) -> Vec<PartsLine> {
        let mut groups: BTreeMap<&str, Vec<PartLine>> = BTreeMap::new();
        for part in &self.parts {
            let Some((label, value)) = part.label.first_key_value() else { continue };
            let was = self.before.iter().find(|other| other.label == part.label).and_then(|was| was.value.as_deref());
            let line = PartLine {
                before: was.and_then(number).map(|was| writing.shown(Some(&was), &self.aim.target)),
                ..self.part(writing, value, part)
            };
            groups.entry(label).or_default().push(line);
        }
        groups.retain(|_, parts| parts.len() > 1);
        let whole = |parts: &[PartLine]| PartLine {
            label: "all".to_owned(),
            shown: writing.shown(self.whole.value.as_ref(), &self.aim.target),
            value: None,
            numerator: None,
            denominator: parts.first().map(|part| part.denominator.clone()).unwrap_or_default(),
            share: None,
            before: None,
            meets: None,
            effect: None,
        };
        let group = |(label, parts): (&str, Vec<PartLine>)| PartsLine {
            label: label.to_owned(),
            adds_up: false,
            whole: whole(&parts),
            parts,
        };
        groups.into_iter().map(group).collect()
    }

    fn part(&self, writing: &Writing<'_>, label: &str, part: &PartValue) -> PartLine {
        let counts = counts(part.value.as_deref(), part.denominator.as_deref());
        let share = (&counts.denominator * &Exact::HUNDRED).checked_div(&self.whole.denominator);
        PartLine {
            label: label.to_owned(),
            shown: writing.shown(counts.value.as_ref(), &self.aim.target),
            value: part.value.clone(),
            numerator: None,
            denominator: part.denominator.clone().unwrap_or_else(|| "0".to_owned()),
            share: share.map(|share| format!("{}%", share.show_fixed(1))),
            before: None,
            meets: counts.value.as_ref().map(|value| self.aim.is_met_by(value)),
            effect: part.effect.clone(),
        }
    }
}

/// The targets of a KPI whose schedule changes them: the value of a period is held against their mean, each day against its own.
fn targets_of(spec: &KpiTargetSpec) -> Vec<(Date, Exact)> {
    let objective = &spec.objective;
    if objective.schedule.is_empty() {
        return Vec::new();
    }
    let changes = objective.schedule.iter().map(|change| (change.from, Exact::from(change.target)));
    let mut targets: Vec<_> = std::iter::once((Date::MIN, objective.target.into())).chain(changes).collect();
    targets.sort_by_key(|(from, _)| *from);
    targets
}

fn name_of(date: Date, each: Each) -> String {
    match each {
        Each::Day => date.to_string(),
        Each::Week => {
            let week = date.iso_week_date();
            format!("{:04}-W{:02}", week.year(), week.week())
        }
        Each::Month => format!("{:04}-{:02}", date.year(), date.month()),
        Each::Year => format!("{:04}", date.year()),
    }
}

impl MadeOf {
    /// Puts into words what a report or a status lists.
    pub fn listed(name: &str, title: &str, listed: &Listed, currency: &str) -> MadeOf {
        let first = listed.days.first().map_or(listed.last, |day| day.date);
        let broken = Breakdown {
            whole: listed.whole.clone(),
            aim: listed.aim.clone(),
            step_comparison: listed.aim.comparison,
            unit: listed.unit,
            rounding: listed.rounding.clone(),
            days: (first, listed.last),
            each: listed.each(),
            steps: listed.steps(),
            // A list does not say it; nothing is said of it.
            steps_add_up: true,
            is_tally: listed.is_tally,
            groups: Vec::new(),
        };
        let writing = Writing { broken: &broken, currency };
        let parts = listed.groups(&writing);
        let mut days: Vec<_> = broken.steps.iter().map(|step| writing.day(step)).collect();
        days.iter_mut().for_each(|day| day.numerator = None);
        MadeOf {
            name: name.to_owned(),
            title: title.to_owned(),
            each: super::each(broken.each),
            summary: words::of_days(&writing, &days).into_iter().chain(words::without_value(&writing, &days)).collect(),
            chart: Chart::of(title, &broken, &days, currency),
            days,
            days_add_up: false,
            parts,
            effect_unit: words::effect_unit(broken.unit),
            is_listed: true,
        }
    }
}
