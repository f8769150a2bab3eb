//! The chain of periods: what of a period depends on the ones before it. Repeats, caps of the year, gaming, triggers.

use std::rc::Rc;

use crate::api::kpi_target::{Better, Verdict};
use crate::api::sla_report::CreditState;

use super::credits::{Cost, Judged, may_be_earned_back, settle};
use super::gaming::{Gaming, PERIODS_BEFORE, ShareHistory, gaming};
use super::repeats::weight_of;
use super::settled_period::{Frame, Line, Settled};
use super::triggers::triggers_at;
use crate::domain::measuring::reading::Reading;
use crate::domain::measuring::verdict::better_of;
use crate::domain::numbers::exact::Exact;
use crate::domain::numbers::statistics::Share;

/// Settles the period that follows `before`, in the light of the latest revisions of the earlier ones.
///
/// `frames` are those of all closed periods, `before` the settled ones in the same order; `readings` are sorted by name.
pub fn settle_period<'a>(
    frames: &[Frame<'a>],
    before: &[Rc<Settled<'a>>],
    readings: &[Rc<Reading<'a>>],
) -> Option<Settled<'a>> {
    let frame = frames.get(before.len())?;
    let lines: Vec<Line<'a>> =
        readings.iter().map(|reading| line_of(frames, frame, before, readings, reading)).collect();
    let counted = || lines.iter().filter(|line| line.reading.counts());
    let points = counted().map(|line| line.cost.points).sum();
    let bonus = counted().map(|line| &line.cost.bonus).sum();
    let mut settled = Settled { lines, points, bonus, ..Settled::default() };
    let earlier = earlier_nets(frames, before, frame);
    settled.settlement = settle(&frame.tariff, &settled.credits_without(None), points, &earlier);
    settled.triggers = triggers_at(frames, before, frame, &settled);
    Some(settled)
}

/// The sum of the earlier nets of a period's contract year.
pub fn earlier_nets(frames: &[Frame<'_>], before: &[Rc<Settled<'_>>], frame: &Frame<'_>) -> Exact {
    let earlier = frames.iter().zip(before).take(frame.period.index);
    earlier.filter(|(one, _)| one.year == frame.year).map(|(_, settled)| &settled.settlement.net).sum()
}

fn line_of<'a>(
    frames: &[Frame<'a>],
    frame: &Frame<'a>,
    before: &[Rc<Settled<'a>>],
    readings: &[Rc<Reading<'a>>],
    reading: &Rc<Reading<'a>>,
) -> Line<'a> {
    let misses = run_of_misses(frames, frame, before, reading);
    let weight = weight_of(&frame.terms.contract, reading.spec, misses);
    let gaming = gaming_of(before, readings, reading);
    let judged = Judged {
        spec: reading.spec,
        aim: &reading.aim,
        verdict: reading.verdict,
        value: reading.value.as_ref(),
        numerator: reading.numerator.as_ref(),
        band: reading.band,
        weight: &weight,
    };
    let mut cost = judged.cost(&frame.tariff);
    if matches!(gaming, Gaming::Suspected { .. }) {
        cost.bonus = Exact::ZERO;
    }
    let credit_state = credit_state(frame, reading, weight.is_repeat, &cost);
    let (agreed, priced) = (judged.agreed(&frame.tariff), judged.priced(&frame.tariff));
    Line { reading: Rc::clone(reading), misses, weight, priced, agreed, cost, credit_state, gaming }
}

/// How many misses in a row a miss ends, itself included; 0 for what is none. Only Met and Missed count, in periods that the
/// ramp punishes; a dry run and the real thing are chains of their own.
fn run_of_misses(frames: &[Frame<'_>], frame: &Frame<'_>, before: &[Rc<Settled<'_>>], reading: &Reading<'_>) -> i64 {
    if reading.verdict != Verdict::Missed || frame.tariff.spares() {
        return 0;
    }
    let earlier = frames.iter().zip(before).rev().filter(|(one, _)| !one.tariff.spares());
    let decided = earlier
        .filter_map(|(_, settled)| settled.line(reading.name))
        .find(|line| line.reading.is_decided() && line.reading.spec.dry_run == reading.spec.dry_run);
    // The run of a Met period is 0.
    decided.map_or(0, |line| line.misses) + 1
}

fn credit_state(frame: &Frame<'_>, reading: &Reading<'_>, repeat: bool, cost: &Cost) -> Option<CreditState> {
    if frame.tariff.money.is_none() || (cost.credit.is_zero() && cost.points == 0) {
        return None;
    }
    let may = may_be_earned_back(&frame.terms.contract, reading.spec, reading.severity, repeat, &cost.credit);
    Some(if may && !frame.ends_year { CreditState::Pending } else { CreditState::Final })
}

/// Whether the period suggests that a KPI was made better at the cost of its counter metric.
fn gaming_of(before: &[Rc<Settled<'_>>], readings: &[Rc<Reading<'_>>], reading: &Reading<'_>) -> Gaming {
    let Some(counter) = reading.spec.counter_metric.as_deref() else { return Gaming::NoCounterMetric };
    let latest = |name: &str| readings.iter().find(|one| one.name == name).cloned();
    let Some(counter) = latest(counter) else { return Gaming::NoData };
    let (shares, counter_shares) = (shares_before(before, reading.name), shares_before(before, counter.name));
    gaming(share_history(reading, &shares).as_ref(), share_history(&counter, &counter_shares).as_ref())
}

/// A KPI's shares in the latest periods with data before the judged one, newest first.
fn shares_before(before: &[Rc<Settled<'_>>], name: &str) -> Vec<Share> {
    before.iter().rev().filter_map(|settled| settled.line(name)?.reading.share()).take(PERIODS_BEFORE).collect()
}

fn share_history<'s>(reading: &'s Reading<'_>, before: &'s [Share]) -> Option<ShareHistory<'s>> {
    let higher_is_better = better_of(reading.aim.comparison)? == Better::Higher;
    Some(ShareHistory { name: reading.name, higher_is_better, latest: reading.share()?, before })
}
