//! Load above the ordinary while a campaign is live: where it was, what caused it, and whether quality held.

use jiff::Timestamp;
use jiff::civil::Date;

use super::demand::{Baseline, ByInterval, LEAST_VALUES, Usual, interval_at, service_intervals};
use crate::api::campaign_launch::{Spike, SpikeCause};
use crate::api::condition::ConditionStatus;
use crate::domain::numbers::exact::Exact;
use crate::domain::numbers::statistics::{Share, median, two_proportion_test};
use crate::domain::terms::calendar::{Calendar, Span, days_after};

/// Scales above the expected from which on load is a spike.
pub const THRESHOLD: f64 = 3.5;
/// By what a median absolute deviation is multiplied to be the standard deviation of a normal distribution.
const NORMAL_DEVIATION: f64 = 1.4826;
/// Intervals in a row that make a spike.
const RUN: usize = 2;
/// Chance that is taken for no chance.
const SIGNIFICANCE: f64 = 0.05;
/// Civil days before a spike with which it is compared.
const DAYS_BEFORE: i64 = 28;
/// Shares of the excess that carry the campaign's label: from here on it is the campaign's, below the other it is not.
const CAMPAIGN_SHARE: f64 = 0.6;
const FOREIGN_SHARE: f64 = 0.3;
/// Share of a spike's contacts that must say whose they are.
const LABELLED_SHARE: f64 = 0.5;

/// A share that is compared between a spike and the four weeks before it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Watched {
    /// Whether more of it is better.
    pub higher_is_better: bool,
    /// In the four weeks before.
    pub before: Share,
    /// In the spike.
    pub during: Share,
}

/// What spikes are found in. All contacts are by interval.
#[derive(Clone, Copy)]
pub struct SpikeFacts<'a> {
    /// The calendar of the first contract.
    pub calendar: &'a Calendar,
    /// Length of an interval, in seconds.
    pub interval_seconds: i64,
    /// What came, the campaign's contacts included, in the watched time and before.
    pub actual: &'a ByInterval,
    /// What is usual, without the campaign's contacts.
    pub baseline: &'a Baseline,
    /// What carries the campaign's label.
    pub of_campaign: &'a ByInterval,
    /// What carries the label's key, with any value.
    pub labelled: &'a ByInterval,
    /// What campaigns foresaw; `None` without a plan.
    pub planned: Option<&'a ByInterval>,
    /// Repeat contacts of contacts and transfers of handled contacts, in a span and in another before it; those known.
    pub pressure: &'a dyn Fn(Span, Span) -> Vec<Watched>,
    /// The watched share KPIs, likewise.
    pub quality: &'a dyn Fn(Span, Span) -> Vec<Watched>,
}

/// How far a value is beyond what is expected: (actual − expected) / max(1.4826 · MAD, √expected, 1).
pub fn standardised(actual: f64, usual: Usual, factor: f64) -> f64 {
    let expected = usual.median;
    let scale = (NORMAL_DEVIATION * usual.deviation).max(expected.max(0.0).sqrt()).max(1.0);
    (actual - factor * expected) / (factor * scale)
}

/// The spikes of the watched time, in order: two intervals running over the threshold (one entry a run, its highest z), or a
/// whole day of day totals without such a run. Only days and intervals that are over at `now` count. `None` where no
/// interval has a baseline.
pub fn find_spikes(facts: &SpikeFacts<'_>, watched: Span, now: Timestamp) -> Option<Vec<Spike>> {
    let mut known = false;
    let mut spikes = Vec::new();
    let until = watched.end.min(now);
    let mut day = facts.calendar.date_of(watched.start);
    while facts.calendar.start_of_day(day) < until {
        let factor = after_holiday_factor(facts, day);
        let points = points_of_day(facts, day, Span::new(watched.start, until), factor);
        known |= !points.is_empty() || has_baseline(facts, day);
        let runs = runs_of(&points);
        if runs.is_empty() && facts.calendar.end_of_day(day) <= until {
            known |= facts.baseline.day(day).is_some();
            spikes.extend(day_spike(facts, day, factor));
        }
        spikes.extend(runs.into_iter().filter_map(|run| describe(facts, run)));
        day = days_after(day, 1);
    }
    known.then_some(spikes)
}

/// An interval, or a day, against what is usual.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Point {
    span: Span,
    actual: f64,
    expected: f64,
    z: f64,
}

/// Whether something is usual on a day, even before its first figures have come.
fn has_baseline(facts: &SpikeFacts<'_>, day: Date) -> bool {
    let local = |span: &Span| facts.calendar.local(span.start).time();
    let spans = service_intervals(facts.calendar, day, facts.interval_seconds);
    spans.iter().any(|span| facts.baseline.interval(day, local(span)).is_some())
}

fn points_of_day(facts: &SpikeFacts<'_>, day: Date, within: Span, factor: f64) -> Vec<Point> {
    service_intervals(facts.calendar, day, facts.interval_seconds)
        .into_iter()
        .filter(|span| span.start >= within.start && span.end <= within.end)
        .filter_map(|span| {
            let actual = facts.actual.get(&span.start)?.to_f64();
            let usual = facts.baseline.interval(day, facts.calendar.local(span.start).time())?;
            Some(Point { span, actual, expected: factor * usual.median, z: standardised(actual, usual, factor) })
        })
        .collect()
}

/// Runs of at least two neighbouring intervals over the threshold.
fn runs_of(points: &[Point]) -> Vec<Vec<Point>> {
    let mut runs: Vec<Vec<Point>> = Vec::new();
    for point in points.iter().filter(|point| point.z > THRESHOLD) {
        match runs.last_mut().filter(|run| run.last().is_some_and(|last| last.span.end == point.span.start)) {
            Some(run) => run.push(*point),
            None => runs.push(vec![*point]),
        }
    }
    runs.retain(|run| run.len() >= RUN);
    runs
}

fn day_total(facts: &SpikeFacts<'_>, day: Date) -> Option<f64> {
    let (start, end) = (facts.calendar.start_of_day(day), facts.calendar.end_of_day(day));
    let mut contacts = facts.actual.range(start..end).map(|(_, contacts)| contacts.to_f64()).peekable();
    contacts.peek()?;
    Some(contacts.sum())
}

fn day_spike(facts: &SpikeFacts<'_>, day: Date, factor: f64) -> Option<Spike> {
    let (usual, actual) = (facts.baseline.day(day)?, day_total(facts, day)?);
    let z = standardised(actual, usual, factor);
    let span = Span::new(facts.calendar.start_of_day(day), facts.calendar.end_of_day(day));
    let point = Point { span, actual, expected: factor * usual.median, z };
    if z > THRESHOLD { describe(facts, vec![point]) } else { None }
}

/// Whether a day is the first business day after a holiday.
fn follows_holiday(calendar: &Calendar, day: Date) -> bool {
    calendar.is_business_day(day)
        && std::iter::successors(day.yesterday().ok(), |day| day.yesterday().ok())
            .take(14)
            .take_while(|day| !calendar.is_business_day(*day))
            .any(|day| calendar.is_holiday(day))
}

/// By what the expected load and its scale are multiplied: on the first business day after a holiday, once there were four
/// such days, the median of their actual to their usual total; else 1.
fn after_holiday_factor(facts: &SpikeFacts<'_>, day: Date) -> f64 {
    if !follows_holiday(facts.calendar, day) {
        return 1.0;
    }
    let mut days: Vec<Date> = facts
        .calendar
        .holidays()
        .filter_map(|holiday| facts.calendar.nth_business_day(days_after(holiday, 1), 1, 1))
        .filter(|after| *after < day)
        .collect();
    days.dedup();
    let ratios: Vec<f64> = days
        .into_iter()
        .filter_map(|after| {
            let usual = facts.baseline.day(after).filter(|usual| usual.median > 0.0)?;
            Some(day_total(facts, after)? / usual.median)
        })
        .collect();
    if ratios.len() < LEAST_VALUES {
        return 1.0;
    }
    median(&ratios).filter(|ratio| *ratio > 0.0).unwrap_or(1.0)
}

fn sum_within(contacts: &ByInterval, span: Span) -> Exact {
    contacts.range(span.start..span.end).map(|(_, contacts)| contacts).sum()
}

fn describe(facts: &SpikeFacts<'_>, run: Vec<Point>) -> Option<Spike> {
    let span = Span::new(run.first()?.span.start, run.last()?.span.end);
    let actual: f64 = run.iter().map(|point| point.actual).sum();
    let expected: f64 = run.iter().map(|point| point.expected).sum();
    let z = run.iter().map(|point| point.z).fold(f64::MIN, f64::max);
    let weeks_before = Span::new(facts.calendar.civil_days_after(span.start, -DAYS_BEFORE), span.start);
    Some(Spike {
        start: span.start,
        end: span.end,
        actual: rounded(actual),
        expected: rounded(expected),
        planned: facts.planned.map(|planned| rounded(sum_within(planned, span).to_f64())),
        z: format!("{z:.1}"),
        cause: cause(facts, span, weeks_before, actual, actual - expected),
        quality_held: quality_held(&(facts.quality)(span, weeks_before)),
    })
}

/// With at most one digit after the point.
fn rounded(contacts: f64) -> String {
    let text = format!("{contacts:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

fn cause(facts: &SpikeFacts<'_>, span: Span, weeks_before: Span, actual: f64, excess: f64) -> SpikeCause {
    let share = sum_within(facts.of_campaign, span).to_f64() / excess;
    let labelled = sum_within(facts.labelled, span).to_f64() / actual;
    let foreign = share < FOREIGN_SHARE;
    if share >= CAMPAIGN_SHARE {
        SpikeCause::CampaignDemand
    } else if foreign && (facts.pressure)(span, weeks_before).iter().any(rose) {
        SpikeCause::ProcessFailure
    } else if foreign || labelled < LABELLED_SHARE {
        SpikeCause::Unattributed
    } else {
        SpikeCause::Mixed
    }
}

fn rose(watched: &Watched) -> bool {
    let test = two_proportion_test(watched.before, watched.during);
    test.p < SIGNIFICANCE && test.z > 0.0
}

/// False where a watched share became worse, True where some are known and none did.
fn quality_held(watched: &[Watched]) -> ConditionStatus {
    let dropped = |watched: &Watched| {
        let test = two_proportion_test(watched.before, watched.during);
        test.p < SIGNIFICANCE && (test.z > 0.0) != watched.higher_is_better
    };
    if watched.is_empty() {
        ConditionStatus::Unknown
    } else if watched.iter().any(dropped) {
        ConditionStatus::False
    } else {
        ConditionStatus::True
    }
}

/// Contacts that campaigns foresaw, by the intervals that spikes are found in.
pub fn planned_by_interval<'a>(
    calendar: &Calendar,
    seconds: i64,
    demands: impl IntoIterator<Item = &'a super::demand::Demand>,
) -> ByInterval {
    let mut planned = ByInterval::new();
    for (start, contacts) in demands.into_iter().flat_map(|demand| &demand.intervals) {
        let entry = planned.entry(interval_at(calendar, *start, seconds).start).or_default();
        // A forecast is not a count: six decimals are more than it knows.
        *entry = &*entry + &Exact::from_scaled((contacts * 1e6).round() as i128, 6);
    }
    planned
}

#[cfg(test)]
mod tests;
