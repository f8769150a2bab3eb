//! What a KPI's value is made of, in words: each day of its window, and the parts of its rows by queue, site, tier or another label.
//!
//! Figures come from a [`Breakdown`], which is worked out from the evidence, and where that is not at hand from the days and parts that a
//! SlaReport or a status lists. Some list none, such as a report of very many KPIs: its page says why, and what to do to see them, and
//! shows no empty picture.

mod chart;
mod html;
mod listed;
mod text;
mod words;

pub use html::{advice_html, full, small};
pub use listed::Listed;
pub use text::{advice_markdown, advice_text, markdown, text};

use std::collections::BTreeMap;

use serde::Serialize;

use crate::api::kpi_target::Verdict;
use crate::api::vendor_contract::PeriodBounds;
use crate::domain::judgement::breakdowns::ByKpi;
use crate::domain::measuring::breakdown::{Breakdown, Counts, Each, Group, MOST_STEPS, Part, PartOf, Step};
use crate::domain::measuring::parts::MOST_KPIS;
use crate::domain::numbers::exact::{Exact, SHOWN_DECIMALS};
use crate::view::words::{figure, shown_value, target, thousands};
use chart::Chart;

/// The breakdowns of one period, and of the one before it.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// Of this period.
    pub now: &'a ByKpi,
    /// Of the period before, where there is one.
    pub before: Option<&'a ByKpi>,
}

/// What a value is made of.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MadeOf {
    /// Name of the KpiTarget.
    pub name: String,
    /// The KPI as people say it.
    pub title: String,
    /// `day`, `week`, `month` or `year`.
    pub each: &'static str,
    /// What the days and the parts say, in sentences with their figures.
    pub summary: Vec<String>,
    /// Each day, week, month or year.
    pub days: Vec<DayLine>,
    /// Whether the counts of the days are those of the value.
    pub days_add_up: bool,
    /// The parts by each label.
    pub parts: Vec<PartsLine>,
    /// The unit in which effects are written: `percentage points`, `s` or nothing.
    pub effect_unit: &'static str,
    /// Whether they are what a report or a status lists: without counts, and effects are against the periods before, not the target.
    pub is_listed: bool,
    /// The picture of the days.
    #[serde(skip)]
    pub chart: Chart,
}

/// One day, week, month or year.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DayLine {
    /// Such as 2026-03-05, 2026-W10, 2026-03 or 2026.
    pub date: String,
    /// The value with its unit.
    pub shown: String,
    /// The value as a decimal.
    pub value: Option<String>,
    /// What is divided; `None` where it is only listed.
    pub numerator: Option<String>,
    /// By what: the volume.
    pub denominator: String,
    /// The value before relief with its unit, where relief took rows away.
    pub before_relief: Option<String>,
    /// The target of the day with its unit.
    pub target: String,
    /// What the day says by itself.
    pub verdict: Verdict,
    /// By how much it lifts or lowers the value against the target.
    pub effect: Option<String>,
    /// The value of all days up to it, with its unit.
    pub so_far: Option<String>,
    /// Whether its feed left out hours of service.
    pub has_gap: bool,
}

/// The parts by one label, or by all labels together.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PartsLine {
    /// Such as `site`; `all labels` for all together.
    pub label: String,
    /// Whether the counts of the parts are those of the value.
    pub adds_up: bool,
    /// The parts, those that cost the value most first.
    pub parts: Vec<PartLine>,
    /// All of them together.
    pub whole: PartLine,
}

/// A part of the rows.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PartLine {
    /// Such as `Cebu`.
    pub label: String,
    /// The value with its unit.
    pub shown: String,
    /// The value as a decimal.
    pub value: Option<String>,
    /// What is divided; `None` where it is only listed.
    pub numerator: Option<String>,
    /// By what: the volume.
    pub denominator: String,
    /// Percentage of the whole volume.
    pub share: Option<String>,
    /// The value in the period before, with its unit.
    pub before: Option<String>,
    /// Whether the value meets the target.
    pub meets: Option<bool>,
    /// By how much it lifts or lowers the value against the target.
    pub effect: Option<String>,
}

/// How the figures of a KPI are written.
struct Writing<'w> {
    broken: &'w Breakdown,
    currency: &'w str,
}

impl Writing<'_> {
    fn plain(&self, value: &Exact) -> String {
        value.show_as(self.broken.rounding.as_ref())
    }

    fn shown(&self, value: Option<&Exact>, against: &Exact) -> String {
        let edge = against.show(SHOWN_DECIMALS);
        let text = |value| figure(&shown_value(&self.plain(value), &[Some(&edge)]), self.broken.unit, self.currency);
        value.map_or_else(|| "–".to_owned(), text)
    }

    fn day(&self, step: &Step) -> DayLine {
        let aim = &self.broken.aim;
        let upper = aim.upper.as_ref().map(|upper| upper.show(SHOWN_DECIMALS));
        let at = step.target.show(SHOWN_DECIMALS);
        let shown = |value: &Exact| self.shown(Some(value), &step.target);
        DayLine {
            date: step.name.clone(),
            shown: self.shown(step.counts.value.as_ref(), &step.target),
            value: step.counts.value.as_ref().map(|value| self.plain(value)),
            numerator: Some(step.counts.numerator.show(SHOWN_DECIMALS)),
            denominator: step.counts.denominator.show(SHOWN_DECIMALS),
            before_relief: step.before_relief.as_ref().map(shown),
            target: target(self.broken.step_comparison, Some(&at), upper.as_deref(), self.broken.unit, self.currency),
            verdict: step.verdict,
            effect: step.effect.as_ref().map(|effect| effect.show(SHOWN_DECIMALS)),
            so_far: step.so_far.as_ref().map(shown),
            has_gap: step.has_gap,
        }
    }

    fn group(&self, group: &Group, before: Option<&Group>) -> PartsLine {
        let label = group.label.clone().unwrap_or_else(|| "all labels".to_owned());
        let earlier: BTreeMap<&PartOf, &Part> =
            before.iter().flat_map(|group| &group.parts).map(|part| (&part.of, part)).collect();
        let whole = Part {
            of: PartOf::Without,
            meets: None,
            effect: group.parts.iter().map(|part| part.effect.clone()).sum::<Option<Exact>>(),
            counts: self.broken.whole.clone(),
        };
        let line = |part: &Part| {
            let was = earlier.get(&part.of).and_then(|part| part.counts.value.as_ref());
            PartLine {
                before: was.map(|was| self.shown(Some(was), &self.broken.aim.target)),
                ..self.part(name_of(&part.of), part)
            }
        };
        PartsLine {
            label,
            adds_up: group.adds_up,
            parts: group.parts.iter().map(line).collect(),
            whole: self.part("all".to_owned(), &whole),
        }
    }

    fn part(&self, label: String, part: &Part) -> PartLine {
        let Counts { numerator, denominator, value, .. } = &part.counts;
        let share = (denominator * &Exact::HUNDRED).checked_div(&self.broken.whole.denominator);
        PartLine {
            label,
            shown: self.shown(value.as_ref(), &self.broken.aim.target),
            value: value.as_ref().map(|value| self.plain(value)),
            numerator: Some(numerator.show(SHOWN_DECIMALS)),
            denominator: denominator.show(SHOWN_DECIMALS),
            share: share.map(|share| format!("{}%", share.show_fixed(1))),
            before: None,
            meets: part.meets,
            effect: part.effect.as_ref().map(|effect| effect.show(SHOWN_DECIMALS)),
        }
    }
}

/// A part by its label, or labels.
fn name_of(of: &PartOf) -> String {
    match of {
        PartOf::Value(value) => value.clone(),
        PartOf::Set(labels) if labels.is_empty() => "without labels".to_owned(),
        PartOf::Set(labels) => {
            labels.iter().map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join(", ")
        }
        PartOf::Without => "without this label".to_owned(),
        PartOf::Others(count) => format!("{count} others"),
    }
}

impl MadeOf {
    /// Puts a breakdown into words, beside that of the period before.
    pub fn of(name: &str, title: &str, broken: &Breakdown, before: Option<&Breakdown>, currency: &str) -> MadeOf {
        let writing = Writing { broken, currency };
        let group = |group: &Group| {
            let earlier = before.and_then(|before| before.groups.iter().find(|other| other.label == group.label));
            writing.group(group, earlier)
        };
        let parts: Vec<PartsLine> = broken.groups.iter().map(group).collect();
        let days: Vec<DayLine> = broken.steps.iter().map(|step| writing.day(step)).collect();
        MadeOf {
            name: name.to_owned(),
            title: title.to_owned(),
            each: each(broken.each),
            summary: words::summary(&writing, &days, &parts),
            chart: Chart::of(title, broken, &days, currency),
            days,
            days_add_up: broken.steps_add_up,
            parts,
            effect_unit: words::effect_unit(broken.unit),
            is_listed: false,
        }
    }

    /// Whether there is anything to show beyond the value itself.
    pub fn says_something(&self) -> bool {
        self.days.len() > 1 || !self.parts.is_empty()
    }
}

/// `43 ÷ 100`, and where what is divided is not known `100`.
fn counts(numerator: Option<&str>, denominator: &str) -> String {
    match numerator {
        Some(numerator) => format!("{} ÷ {}", thousands(numerator), thousands(denominator)),
        None => thousands(denominator),
    }
}

/// An effect as people read it: `−12.4`, `+0.8`.
pub(crate) fn signed(effect: &str) -> String {
    let rounded = effect.parse::<rust_decimal::Decimal>().map(|effect| effect.round_dp(1).normalize());
    match rounded {
        Ok(effect) if effect.is_zero() => "0".to_owned(),
        Ok(effect) if effect.is_sign_positive() => format!("+{}", thousands(&effect.to_string())),
        Ok(effect) => thousands(&effect.to_string()),
        Err(_) => effect.to_owned(),
    }
}

fn each(each: Each) -> &'static str {
    match each {
        Each::Day => "day",
        Each::Week => "week",
        Each::Month => "month",
        Each::Year => "year",
    }
}

/// Why figures list neither days nor parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unlisted {
    /// They are the first of a contract, and no two days have ended yet.
    FirstDays,
    /// They count the days of a period of more than 31.
    LongTally,
    /// The contract has more than 50 KPIs.
    ManyKpis,
    /// The version that wrote them did not list them, or there was too much to store.
    Other,
}

impl Unlisted {
    /// Of the report of a period, by how many KPIs it has and whether what was measured are tallies.
    pub(crate) fn of_report(kpis: usize, period: &PeriodBounds, are_tallies: bool) -> Unlisted {
        let days = period.end.duration_since(period.start).as_hours() / 24;
        match (kpis > MOST_KPIS, are_tallies && usize::try_from(days).unwrap_or(0) > MOST_STEPS) {
            (true, _) => Unlisted::ManyKpis,
            (false, true) => Unlisted::LongTally,
            (false, false) => Unlisted::Other,
        }
    }

    fn in_words(self) -> &'static str {
        match self {
            Unlisted::FirstDays => "No two days of its first period have ended yet.",
            Unlisted::LongTally => "A tally of more than 31 parts lists none of them.",
            Unlisted::ManyKpis => "Of a contract of more than 50 KPIs a report lists neither days nor parts.",
            Unlisted::Other => {
                "Days and parts are not listed: an earlier version wrote this, or it would have been too large with them."
            }
        }
    }
}

/// What a page says in the place of days and parts that it was not given: a sentence, and the commands that show them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Advice {
    /// Why there is nothing to show.
    pub why: String,
    /// The commands that show it; none where the evidence was given and does not make the figures.
    pub commands: Vec<String>,
}

impl Advice {
    /// For a page made without evidence of figures that list no days. `command` is the command that made it, without flags.
    pub fn without_evidence(contract: &str, command: &str, why: Unlisted) -> Advice {
        let contract = in_a_shell(contract);
        Advice {
            why: format!(
                "{} The days, and the parts by queue, site or tier, are in the evidence, which the one who runs the operator can export:",
                why.in_words()
            ),
            commands: vec![
                format!("kubectl bpo export --exec -n bpo-system --contract {contract} --to {contract}.bundle"),
                format!("kubectl bpo {command} --bundle {contract}.bundle --output html"),
            ],
        }
    }

    /// For figures that the evidence does not make.
    pub fn other_figures() -> Advice {
        Advice {
            why: "The rows that were given do not make the figures that were judged, so that their days are not shown: give the whole \
                  evidence of the contract."
                .to_owned(),
            commands: Vec::new(),
        }
    }
}

/// A name as it can be pasted into a shell: only what the name of an object can hold is left of it.
pub(crate) fn in_a_shell(name: &str) -> String {
    name.chars().filter(|letter| letter.is_ascii_alphanumeric() || "-.".contains(*letter)).collect()
}

#[cfg(test)]
mod tests;
