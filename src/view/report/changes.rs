//! What changed against the periods before, ranked by what it cost.

use rust_decimal::Decimal;
use serde::Serialize;

use super::lines::smaller_is_better;
use super::{Facts, ResultLine};
use crate::api::kpi_target::Verdict;
use crate::api::sla_report::KpiLine;
use crate::view::words::{figure, kpi_title, list, period_title, verdict_title};

/// How many earlier periods a report is compared with.
pub(super) const COMPARED: usize = 3;

/// How one KPI moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// Name of the KpiTarget.
    pub name: String,
    /// The KPI as people say it.
    pub title: String,
    /// The value of the period before.
    pub before: String,
    /// The value now.
    pub now: String,
    /// Whether the change is for the worse.
    pub worse: bool,
    /// What it meant, in words with their figures.
    pub meaning: String,
    /// Service points of the line.
    pub points: i64,
    /// Credit of the line, with its currency.
    pub credit: Option<String>,
}

/// The changes, worse ones first, those that cost most first. KPIs without a value in both periods are left out.
pub(super) fn changes(facts: &Facts<'_>, lines: &[ResultLine], currency: &str) -> Vec<Change> {
    let Some(previous) = facts.earlier.first() else { return Vec::new() };
    let mut ranked: Vec<(Decimal, Change)> = facts
        .report
        .kpis
        .iter()
        .filter_map(|line| {
            let before = previous.kpis.iter().find(|other| other.name == line.name)?;
            let shown = lines.iter().find(|shown| shown.name == line.name)?;
            change(facts, line, before, shown, currency)
        })
        .collect();
    ranked.sort_by(|(one, first), (other, second)| {
        let cost = |change: &Change| (!change.worse, std::cmp::Reverse(change.points), change.credit.is_none());
        cost(first).cmp(&cost(second)).then(other.cmp(one)).then(first.name.cmp(&second.name))
    });
    ranked.into_iter().map(|(_, change)| change).collect()
}

/// The change with its size relative to the value before, by which changes of equal cost are ranked.
fn change(
    facts: &Facts<'_>,
    line: &KpiLine,
    before: &KpiLine,
    shown: &ResultLine,
    currency: &str,
) -> Option<(Decimal, Change)> {
    let spec = facts.terms.and_then(|terms| terms.kpi(&line.name));
    let was: Decimal = before.value.as_deref()?.parse().ok()?;
    let is: Decimal = line.value.as_deref()?.parse().ok()?;
    if was == is && before.verdict == line.verdict {
        return None;
    }
    let worse = match smaller_is_better(line, spec) {
        Some(smaller) => (is > was) == smaller && is != was,
        None => line.verdict == Verdict::Missed && before.verdict != Verdict::Missed,
    };
    let size = if was.is_zero() { (is - was).abs() } else { ((is - was) / was).abs() };
    let unit = crate::view::words::unit(line.kpi, line.variant, spec);
    let change = Change {
        name: line.name.clone(),
        title: kpi_title(line.kpi, &line.name),
        before: figure(
            &crate::view::words::shown_value(
                before.value.as_deref()?,
                &[before.target.as_deref(), before.upper.as_deref()],
            ),
            unit,
            currency,
        ),
        now: shown.value.clone()?,
        worse,
        meaning: meaning(facts, line, before),
        points: line.points,
        credit: shown.credit.clone(),
    };
    Some((size, change))
}

/// What the change meant: the verdict's turn, or how long it has been as it is.
fn meaning(facts: &Facts<'_>, line: &KpiLine, before: &KpiLine) -> String {
    let verdict = |line: &KpiLine| verdict_title(line.verdict).to_lowercase();
    if line.verdict != before.verdict {
        let period = facts.earlier.first().map(|report| period_title(&report.period.name)).unwrap_or_default();
        return format!("{} in {period}, {} now", verdict(before), verdict(line));
    }
    let same: Vec<String> = facts
        .earlier
        .iter()
        .take(COMPARED)
        .take_while(|report| report.kpis.iter().any(|other| other.name == line.name && other.verdict == line.verdict))
        .map(|report| period_title(&report.period.name))
        .collect();
    format!("{}, as in {}", verdict(line), list(&same))
}
