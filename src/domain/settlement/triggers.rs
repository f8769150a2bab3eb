//! Triggers: what repeated or grave failure sets in motion, and which triggers are active.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::api::kpi_target::Verdict;
use crate::api::sla_report::ReportTrigger;
use crate::api::vendor_contract::{FailuresCondition, PointsCondition, Trigger};

use super::settled_period::{Frame, Line, Settled};

/// The triggers of a period's terms whose condition holds at it, sorted. None while the ramp spares the period.
///
/// `before` are the earlier closed periods by their latest revisions.
pub fn triggers_at(
    frames: &[Frame<'_>],
    before: &[Rc<Settled<'_>>],
    frame: &Frame<'_>,
    settled: &Settled<'_>,
) -> Vec<ReportTrigger> {
    if frame.tariff.spares() || frame.terms.contract.triggers.is_empty() {
        return Vec::new();
    }
    let earlier =
        frames.iter().zip(before).rev().filter(|(one, _)| !one.tariff.spares()).map(|(_, settled)| settled.as_ref());
    let newest_first: Vec<&Settled<'_>> = std::iter::once(settled).chain(earlier).collect();
    let triggers = frame.terms.contract.triggers.iter();
    let mut fired: Vec<ReportTrigger> = triggers.flat_map(|trigger| fired_by(trigger, &newest_first)).collect();
    fired.sort();
    fired
}

/// What a trigger lists: itself once, or once for each KPI that fires it.
fn fired_by(trigger: &Trigger, newest_first: &[&Settled<'_>]) -> Vec<ReportTrigger> {
    let entry = |kpi: Option<&str>| ReportTrigger {
        name: trigger.name.clone(),
        then: trigger.then,
        kpi: kpi.map(str::to_owned),
    };
    let Some(latest) = newest_first.first() else { return Vec::new() };
    let when = &trigger.when;
    if let Some(points) = &when.points {
        return points_hold(points, newest_first).then(|| entry(None)).into_iter().collect();
    }
    if let Some(failures) = &when.failures {
        return failing(failures, newest_first).into_iter().map(entry).collect();
    }
    if let Some(severity) = when.severity {
        let grave = critical(latest).filter(|line| is_missed(line) && line.reading.severity >= Some(severity));
        return grave.map(|line| entry(Some(line.reading.name))).collect();
    }
    let is_capped = when.cap_reached.is_some_and(|cap| latest.settlement.capped_by().contains(&cap));
    is_capped.then(|| entry(None)).into_iter().collect()
}

fn critical<'s, 'a>(settled: &'s Settled<'a>) -> impl Iterator<Item = &'s Line<'a>> {
    settled.lines.iter().filter(|line| line.reading.is_critical())
}

fn is_missed(line: &Line<'_>) -> bool {
    line.reading.verdict == Verdict::Missed
}

fn latest<'s, 'a>(newest_first: &'s [&'s Settled<'a>], count: i64) -> impl Iterator<Item = &'s Line<'a>> {
    newest_first.iter().take(usize::try_from(count).unwrap_or(0)).flat_map(|settled| critical(settled))
}

fn points_hold(condition: &PointsCondition, newest_first: &[&Settled<'_>]) -> bool {
    let points: i64 = latest(newest_first, condition.periods).map(|line| line.cost.points).sum();
    points >= condition.at_least
}

/// Who fires a condition on failures: each KPI that fails often enough by itself, or nobody in particular.
fn failing<'s>(condition: &FailuresCondition, newest_first: &'s [&'s Settled<'_>]) -> Vec<Option<&'s str>> {
    let missed = latest(newest_first, condition.out_of).filter(|line| is_missed(line));
    if condition.same_kpi != Some(true) {
        let many = i64::try_from(missed.count()).unwrap_or(i64::MAX) >= condition.at_least;
        return if many { vec![None] } else { Vec::new() };
    }
    let mut failures: BTreeMap<&str, i64> = BTreeMap::new();
    for line in missed {
        *failures.entry(line.reading.name).or_default() += 1;
    }
    failures.into_iter().filter(|(_, count)| *count >= condition.at_least).map(|(name, _)| Some(name)).collect()
}
