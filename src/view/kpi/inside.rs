//! Periods of a KPI from the inside: day by day, and by the labels of its rows.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use serde::Serialize;

use super::{Facts, Words, number};
use crate::api::kpi_target::{CurrentValue, Outlook, Verdict};
use crate::api::sla_report::SlaReportSpec;
use crate::domain::judgement::breakdowns::ByKpi;
use crate::domain::terms::calendar::zone_of;
use crate::view::made_of::{Advice, Listed, MadeOf, in_a_shell};
use crate::view::words::{capital, period_title};

/// What the figures of a contract's periods are made of.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// Of the running period, with its name.
    pub running: Option<(&'a str, &'a ByKpi)>,
    /// Of the closed ones by their names, the newest first.
    pub closed: &'a [(&'a str, &'a ByKpi)],
}

/// A period from the inside.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PeriodInside {
    /// The period in words.
    pub period: String,
    /// Whether it runs.
    pub running: bool,
    /// Its days and its parts.
    pub made_of: MadeOf,
}

/// The running period, and the closed one that was missed last; where none was, the latest.
pub(super) fn inside(facts: &Facts<'_>, title: &str, currency: &str) -> Vec<PeriodInside> {
    let Some(evidence) = &facts.evidence else { return listed(facts, title, currency) };
    let (name, status) = (facts.kpi.name_any(), facts.kpi.status.as_ref());
    let made = |of: &ByKpi, before: Option<&ByKpi>| {
        let made = MadeOf::of(&name, title, of.get(&name)?, before.and_then(|before| before.get(&name)), currency);
        made.says_something().then_some(made)
    };
    let current = status.and_then(|status| status.current.as_ref());
    let running = current.and_then(|current| {
        let before = evidence.closed.first().map(|(_, before)| *before);
        let (_, of) = evidence.running.filter(|(period, _)| *period == current.name)?;
        let made_of = with_needed(made(of, before)?, facts, current, currency);
        Some(PeriodInside { period: capital(&period_title(&current.name)), running: true, made_of })
    });
    let is_missed = |period: &str| {
        status.is_some_and(|it| it.history.iter().any(|past| past.name == period && past.verdict == Verdict::Missed))
    };
    let place = evidence.closed.iter().position(|(period, _)| is_missed(period)).unwrap_or(0);
    let closed = evidence.closed.get(place).and_then(|(period, of)| {
        let before = evidence.closed.get(place + 1).map(|(_, before)| *before);
        Some(PeriodInside { period: capital(&period_title(period)), running: false, made_of: made(of, before)? })
    });
    running.into_iter().chain(closed).collect()
}

/// The same from what the status and the reports list.
fn listed(facts: &Facts<'_>, title: &str, currency: &str) -> Vec<PeriodInside> {
    let (name, status) = (facts.kpi.name_any(), facts.kpi.status.as_ref());
    let made = |listed: &Listed| {
        let made = MadeOf::listed(&name, title, listed, currency);
        made.says_something().then_some(made)
    };
    let current = status.and_then(|status| status.current.as_ref());
    let running = current.and_then(|current| {
        let bounds = facts.contract.status.as_ref().and_then(|status| status.period.as_ref());
        let last = bounds.filter(|bounds| bounds.name == current.name).map(|bounds| last_day(facts, bounds.end));
        let days = current.days.lines();
        let last = last.or(days.last().map(|day| day.date))?;
        let listed = Listed::of_running(days, &facts.kpi.spec, current.target.as_deref()?, last)?;
        let made_of = with_needed(made(&listed)?, facts, current, currency);
        Some(PeriodInside { period: capital(&period_title(&current.name)), running: true, made_of })
    });
    let line = |report: &SlaReportSpec| report.kpis.iter().find(|line| line.name == name).cloned();
    let is_missed = |report: &&SlaReportSpec| line(report).is_some_and(|line| line.verdict == Verdict::Missed);
    let place = facts.reports.iter().position(is_missed).unwrap_or(0);
    let closed = facts.reports.get(place).and_then(|report| {
        let before = facts.reports.get(place + 1).copied();
        let listed = Listed::of_line(&line(report)?, before, last_day(facts, report.period.end))?;
        let period = capital(&period_title(&report.period.name));
        Some(PeriodInside { period, running: false, made_of: made(&listed)? })
    });
    running.into_iter().chain(closed).collect()
}

/// The last day of a period with an end.
fn last_day(facts: &Facts<'_>, end: Timestamp) -> Date {
    let zone = zone_of(&facts.contract.spec.time_zone).unwrap_or(TimeZone::UTC);
    end.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(end).to_zoned(zone).date()
}

/// The picture with what the rest of the running period must reach.
fn with_needed(mut made: MadeOf, facts: &Facts<'_>, current: &CurrentValue, currency: &str) -> MadeOf {
    let needed = current.needed.as_deref().filter(|_| current.outlook == Some(Outlook::Open));
    if let Some((needed, at)) = needed.and_then(|needed| Some((needed, number(needed)?))) {
        let words = Words::of(facts.kpi, currency);
        let text = format!("needed from here {}", words.value(needed, current.target.as_deref()));
        made.chart = made.chart.needing(at, text);
    }
    made
}

/// What to do where days and parts are missing.
pub(super) fn advice(facts: &Facts<'_>) -> Option<Advice> {
    let (status, name) = (facts.kpi.status.as_ref()?, facts.kpi.name_any());
    let has_value = status.current.as_ref().is_some_and(|current| current.value.is_some())
        || status.last.as_ref().is_some_and(|last| last.value.is_some());
    match &facts.evidence {
        _ if !has_value => None,
        None if !listed(facts, "", "").is_empty() => None,
        None => {
            let contract = facts.contract.name_any();
            let command = format!("scorecard {} --kpi {}", in_a_shell(&contract), in_a_shell(&name));
            Some(Advice::without_evidence(&contract, &command))
        }
        Some(evidence) => {
            let mut all = evidence.closed.iter().copied().chain(evidence.running);
            (!all.any(|(_, of)| of.contains_key(&name))).then(Advice::other_figures)
        }
    }
}
