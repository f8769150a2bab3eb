//! Earn-back: a credit that is returned when the periods after it all reach the KPI's `stretch`.

use std::rc::Rc;

use crate::api::sla_report::CreditState;

use super::credits::settle;
use super::gaming::Gaming;
use super::settle::earlier_nets;
use super::settled_period::{Frame, Line, Settled};
use crate::domain::numbers::exact::Exact;

/// A credit that a period returns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Returned {
    /// Name of the period of the credit.
    pub period: String,
    /// The KpiTarget.
    pub kpi: String,
    /// What is returned: the net of that period minus its net without the KPI.
    pub amount: Exact,
}

/// What became of a credit that may be earned back, as seen from the latest period given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// It may still be earned.
    Open,
    /// Earned by the period at this place.
    EarnedBy(usize),
    /// Charged for good.
    Lost,
}

/// The credits that the latest of `settled` returns, by period, then KPI.
pub fn returned_by_latest(frames: &[Frame<'_>], settled: &[Rc<Settled<'_>>]) -> Vec<Returned> {
    let Some(latest) = settled.len().checked_sub(1) else { return Vec::new() };
    pending_lines(frames, settled)
        .filter(|(place, _, line)| outcome(frames, settled, *place, line) == Outcome::EarnedBy(latest))
        .map(|(place, frame, line)| Returned {
            period: frame.period.name.clone(),
            kpi: line.reading.name.to_owned(),
            amount: amount(frames, settled, place, line),
        })
        .collect()
}

/// The sum of the credits that may still be earned back after the latest of `settled`.
pub fn still_pending(frames: &[Frame<'_>], settled: &[Rc<Settled<'_>>]) -> Exact {
    pending_lines(frames, settled)
        .filter(|(place, _, line)| outcome(frames, settled, *place, line) == Outcome::Open)
        .map(|(place, _, line)| amount(frames, settled, place, line))
        .sum()
}

/// The lines with a pending credit in the contract year of the latest period.
fn pending_lines<'s, 'a>(
    frames: &'s [Frame<'a>],
    settled: &'s [Rc<Settled<'a>>],
) -> impl Iterator<Item = (usize, &'s Frame<'a>, &'s Line<'a>)> {
    let year = settled.len().checked_sub(1).and_then(|latest| frames.get(latest)).map(|frame| frame.year);
    let of_year = frames.iter().zip(settled).enumerate().filter(move |(_, (frame, _))| Some(frame.year) == year);
    of_year.flat_map(|(place, (frame, settled))| {
        let pending = settled.lines.iter().filter(|line| line.credit_state == Some(CreditState::Pending));
        pending.map(move |line| (place, frame, line))
    })
}

/// Follows a credit through the judged periods after it, to the end of its contract year.
fn outcome(frames: &[Frame<'_>], settled: &[Rc<Settled<'_>>], place: usize, line: &Line<'_>) -> Outcome {
    let Some(frame) = frames.get(place) else { return Outcome::Lost };
    let rule = frame.terms.contract.credits.as_ref().and_then(|credits| credits.earn_back.as_ref());
    let (Some(rule), Some(stretch)) = (rule, line.reading.spec.objective.stretch.as_ref()) else {
        return Outcome::Lost;
    };
    let (stretch, mut reached) = (Exact::from(stretch), 0);
    for (later, (other, settled)) in frames.iter().zip(settled).enumerate().skip(place + 1) {
        if other.year != frame.year {
            return Outcome::Lost;
        }
        let judged = settled.line(line.reading.name).filter(|one| one.reading.counts() && one.reading.is_decided());
        if let Some(judged) = judged {
            let value = judged.reading.value.as_ref();
            if !value.is_some_and(|value| judged.reading.aim.reaches(value, &stretch)) {
                return Outcome::Lost;
            }
            reached += 1;
            if reached >= rule.within {
                let withheld = matches!(judged.gaming, Gaming::Suspected { .. });
                return if withheld { Outcome::Lost } else { Outcome::EarnedBy(later) };
            }
        }
        if other.ends_year {
            return Outcome::Lost;
        }
    }
    Outcome::Open
}

/// A period's net minus its net without one KPI.
fn amount(frames: &[Frame<'_>], settled: &[Rc<Settled<'_>>], place: usize, line: &Line<'_>) -> Exact {
    let (Some(frame), Some(period)) = (frames.get(place), settled.get(place)) else { return Exact::ZERO };
    let earlier = earlier_nets(frames, settled, frame);
    let without = settle(
        &frame.tariff,
        &period.credits_without(Some(line.reading.name)),
        period.points - line.cost.points,
        &earlier,
    );
    &period.settlement.net - &without.net
}
