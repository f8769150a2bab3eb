//! The running period: what it says so far, what it is heading for, and whether that is a reason to warn.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::api::Packed;
use crate::api::kpi_target::{Better, CurrentValue, Outlook, WindowType};
use crate::api::made_of::DayValue;
use crate::api::scalar::Duration;

use super::burn::{BurnWindow, first_burning, misses, tolerance};
use super::projection::{Pace, Projection, RemainingDay, ShareSoFar, expected_remaining, project_share};
use super::risks::Risk;
use crate::domain::measuring::prepared_terms::{Book, Kpi};
use crate::domain::measuring::reader::Reader;
use crate::domain::measuring::reading::{Question, Reading};
use crate::domain::measuring::verdict::{Aim, better_of};
use crate::domain::numbers::exact::{Exact, SHOWN_DECIMALS};
use crate::domain::settlement::reports::sources_line;
use crate::domain::terms::calendar::{Calendar, Span, days_after, days_from};
use crate::domain::terms::periods::Period;

/// How far back the mean of a weekday looks, in days.
const HISTORY_DAYS: i64 = 56;
/// Decimals of an interval or a projection where the KPI has no rounding.
const USUAL_DECIMALS: u32 = 1;

/// The running period of one KPI.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Running {
    /// What it says so far.
    pub current: Option<CurrentValue>,
    /// Whether it is at risk.
    pub risk: Risk,
    /// The end of the latest row of its feed, which shows that it is.
    pub latest_end: Option<Timestamp>,
    /// Whether the denominator of its rows is below 0.
    pub negative_volume: bool,
}

/// The running period of a contract as known at an instant. What is the same for several KPIs is worked out once.
pub struct RunningPeriod<'s, 'f, 'a> {
    reader: &'s Reader<'f, 'a>,
    book: &'f Book<'a>,
    period: &'s Period,
    now: Timestamp,
    /// The days that remain from instants on.
    remaining: RefCell<BTreeMap<Timestamp, Rc<[RemainingDay]>>>,
}

impl<'s, 'f, 'a> RunningPeriod<'s, 'f, 'a> {
    /// That of a contract.
    pub fn new(reader: &'s Reader<'f, 'a>, book: &'f Book<'a>, period: &'s Period, now: Timestamp) -> Self {
        RunningPeriod { reader, book, period, now, remaining: RefCell::default() }
    }

    /// What there is of a KPI.
    pub fn of(&self, kpi: &'f Kpi<'a>) -> Running {
        running(self, kpi)
    }

    fn remaining_days(&self, from: Timestamp) -> Rc<[RemainingDay]> {
        let days = || remaining_days(&self.book.calendar, from, self.period).into();
        Rc::clone(self.remaining.borrow_mut().entry(from).or_insert_with(days))
    }
}

fn running<'f, 'a>(all: &RunningPeriod<'_, 'f, 'a>, kpi: &'f Kpi<'a>) -> Running {
    let RunningPeriod { reader, book, period, now, .. } = *all;
    let as_of = reader.as_of(book, kpi, now).map(|as_of| as_of.min(period.end));
    let rolling = as_of.and_then(|as_of| kpi.rolling_window(as_of, reader.periods));
    let window = rolling.unwrap_or_else(|| kpi.window(period, reader.periods));
    let question = Question { period, window, at: now, is_closing: false };
    let reading = reader.read(book, kpi, &question);
    let so_far = SoFar { all, reader, book, kpi, period, window, now, as_of, reading: &reading };
    let projection = so_far.projection();
    Running {
        current: Some(so_far.current(projection.as_ref())),
        risk: so_far.risk(projection.as_ref()),
        latest_end: reader.coverage(book, &kpi.spec.source.feed, now).reach.latest_end,
        negative_volume: reading.negative_volume,
    }
}

/// What is known of the running period.
struct SoFar<'s, 'f, 'a> {
    all: &'s RunningPeriod<'s, 'f, 'a>,
    reader: &'s Reader<'f, 'a>,
    book: &'f Book<'a>,
    kpi: &'f Kpi<'a>,
    period: &'s Period,
    window: Span,
    now: Timestamp,
    as_of: Option<Timestamp>,
    reading: &'s Reading<'a>,
}

/// A projection with what it was computed from. Shares, not percent.
struct Projected {
    projection: Projection,
    target: Exact,
    volume: Exact,
    from: Timestamp,
}

impl SoFar<'_, '_, '_> {
    fn current(&self, projected: Option<&Projected>) -> CurrentValue {
        let reading = self.reading;
        let rounding = reading.rounding();
        let shown = |number: &Exact| number.show(SHOWN_DECIMALS);
        let decimals = self.decimals();
        let percent = |share: &Exact| (share * &Exact::HUNDRED).show_fixed(decimals);
        let projection = projected.map(|projected| &projected.projection);
        let plain = || reading.value.as_ref().filter(|_| self.is_period()).map(|value| value.show_fixed(decimals));
        CurrentValue {
            name: self.period.name.clone(),
            value: reading.value.as_ref().map(|value| value.show_as(rounding)),
            raw_value: reading.raw_value.as_ref().map(|value| value.show_as(rounding)),
            target: Some(shown(&reading.aim.target)),
            numerator: reading.numerator.as_ref().map(shown),
            denominator: reading.denominator.as_ref().map(shown),
            lower: reading.interval.as_ref().map(|interval| fixed(interval.lower, decimals)),
            upper: reading.interval.as_ref().map(|interval| fixed(interval.upper, decimals)),
            verdict: reading.verdict,
            projected: projection.map(|projection| percent(&projection.projected)).or_else(plain),
            needed: projection.and_then(|projection| projection.needed.as_ref()).map(percent),
            outlook: projection.map(|projection| projection.outlook).or(plain().map(|_| Outlook::Open)),
            probability: projection.map(|projection| fixed(projection.probability, 2)),
            sources: sources_line(reading),
            budget_remaining: projection.map(|projection| projection.budget_remaining.show(SHOWN_DECIMALS)),
            days: self.as_of.map(|as_of| self.days(as_of)).unwrap_or_default(),
            as_of: self.as_of,
        }
    }

    /// The days that have ended by an instant.
    fn days(&self, as_of: Timestamp) -> Packed<DayValue> {
        let SoFar { reader, book, kpi, period, now, window, .. } = *self;
        let question = Question { period, window, at: now, is_closing: false };
        reader.days_so_far(book, kpi, &question, as_of)
    }

    fn decimals(&self) -> u32 {
        let rounding = self.reading.rounding();
        rounding.and_then(|rounding| u32::try_from(rounding.decimals).ok()).unwrap_or(USUAL_DECIMALS)
    }

    fn is_period(&self) -> bool {
        self.kpi.spec.window.as_ref().is_none_or(|window| window.type_ == WindowType::Period)
    }

    /// Where a share will be at the period's end; `None` for what is not a share, or has no value.
    fn projection(&self) -> Option<Projected> {
        let reading = self.reading;
        if !reading.is_share || !self.is_period() || reading.value.is_none() {
            return None;
        }
        let from = self.trusted()?.clamp(self.period.start, self.period.end);
        let target = reading.aim.target.checked_div(&self.kpi.definition.scale)?;
        let (numerator, denominator) = (reading.numerator.clone()?, reading.denominator.clone()?);
        let remaining = self.remaining(from, &denominator);
        let volume = &denominator + &Exact::from(i64::try_from(remaining).unwrap_or(i64::MAX));
        let so_far = ShareSoFar { numerator, denominator, remaining };
        let projection = project_share(&so_far, &target, reading.aim.comparison)?;
        Some(Projected { projection, target, volume, from })
    }

    /// The instant from which the rest is expected: `asOf`, or where the trusted rows end.
    fn trusted(&self) -> Option<Timestamp> {
        let as_of = self.as_of?;
        let Some(age) = self.kpi.definition.maturity else { return Some(as_of) };
        let ledger = self.reader.ledger(self.book, self.kpi)?;
        let end = self.reader.known(ledger, self.now).last_end_by(self.book.calendar.before(self.now, age));
        Some(end.map_or(as_of, |end| as_of.min(end)))
    }

    fn remaining(&self, from: Timestamp, done: &Exact) -> u64 {
        let calendar = &self.book.calendar;
        let day = calendar.date_of(from);
        let pace = || Pace {
            done: done.clone(),
            elapsed_seconds: self
                .reader
                .coverage(self.book, &self.kpi.spec.source.feed, self.now)
                .known_seconds(Span::new(self.period.start, from), calendar),
            remaining_seconds: calendar.service_seconds(from, self.period.end),
        };
        let since = calendar.start_of_day(days_after(day, -HISTORY_DAYS));
        let history = self.reader.volumes(self.book, self.kpi, Span::new(since, calendar.start_of_day(day)), self.now);
        expected_remaining(&history, day, || self.all.remaining_days(from), pace)
    }

    fn risk(&self, projected: Option<&Projected>) -> Risk {
        let (spec, aim) = (self.reading.spec, &self.reading.aim);
        let Some(value) = &self.reading.value else { return Risk::NoData };
        let warning = spec.warning.as_ref();
        let shown = |number: &Exact| number.show_as(self.reading.rounding());
        let volume = self.reading.denominator.clone().unwrap_or_default();
        let least = spec.minimum.as_ref().and_then(|minimum| minimum.volume).unwrap_or(0);
        let end = projected.map_or_else(
            || value.clone(),
            |projected| (&projected.projection.projected * &self.kpi.definition.scale).rounded(spec.rounding.as_ref()),
        );
        if warning.is_none_or(|warning| warning.projected) && volume >= Exact::from(least) && !aim.is_met_by(&end) {
            let message = format!(
                "{} is heading for {}, its target is {} ({} so far)",
                self.period.name,
                end.show(2),
                aim_in_words(aim),
                shown(value)
            );
            return Risk::ProjectedMiss { message };
        }
        let burning = warning.is_some_and(|warning| warning.burn).then(|| self.burning(projected?)).flatten();
        if let Some(message) = burning {
            return Risk::BudgetBurn { message };
        }
        let level = warning.and_then(|warning| warning.below.as_ref()).map(Exact::from);
        match level.filter(|level| is_on_wrong_side(aim, value, level)) {
            Some(level) => Risk::BelowWarning {
                message: format!(
                    "{} is at {}, the warning level is {}",
                    self.period.name,
                    shown(value),
                    level.show(SHOWN_DECIMALS)
                ),
            },
            None => Risk::OnTrack,
        }
    }

    /// What a rule that fires says about the budget of misses.
    fn burning(&self, projected: &Projected) -> Option<String> {
        let comparison = self.reading.aim.comparison;
        let tolerance = tolerance(&projected.target, comparison)?;
        let window = |length: Duration| {
            let start = self.book.calendar.before(projected.from, length).max(self.period.start);
            let span = Span::new(start, projected.from);
            let quotient = self.reader.quotient(self.book, self.kpi, span, self.now);
            BurnWindow {
                misses: misses(&quotient.numerator, &quotient.denominator, comparison),
                volume: quotient.denominator,
            }
        };
        let length = self.book.terms.contract.period;
        first_burning(length, &tolerance, &projected.volume, window).map(|figures| figures.to_string())
    }
}

/// Whether a value is worse than a warning level; with `Between` below it.
fn is_on_wrong_side(aim: &Aim, value: &Exact, level: &Exact) -> bool {
    match better_of(aim.comparison) {
        Some(Better::Lower) => value > level,
        _ => value < level,
    }
}

/// A target as people write it, such as `≥ 80`.
pub fn aim_in_words(aim: &Aim) -> String {
    use crate::api::verdict::Comparison::{AtLeast, AtMost, Between, LessThan, MoreThan};
    let target = aim.target.show(SHOWN_DECIMALS);
    match aim.comparison {
        AtLeast => format!("≥ {target}"),
        MoreThan => format!("> {target}"),
        AtMost => format!("≤ {target}"),
        LessThan => format!("< {target}"),
        Between => match &aim.upper {
            Some(upper) => format!("{target} to {}", upper.show(SHOWN_DECIMALS)),
            None => format!("≥ {target}"),
        },
    }
}

/// The days with service from an instant to the period's end; the first counts by its share of service time left.
fn remaining_days(calendar: &Calendar, from: Timestamp, period: &Period) -> Vec<RemainingDay> {
    let days = days_from(calendar.date_of(from)).take_while(|day| *day <= period.last_day);
    let share = |day: Date| {
        let (start, end) = (calendar.start_of_day(day), calendar.end_of_day(day));
        let left = calendar.service_seconds(start.max(from), end);
        Exact::from(left).checked_div(&Exact::from(calendar.service_seconds(start, end)))
    };
    days.filter_map(|date| Some(RemainingDay { date, share: share(date)? })).collect()
}

/// A float as a status shows it.
fn fixed(number: f64, decimals: u32) -> String {
    let text = format!("{number:.places$}", places = decimals as usize);
    match text.strip_prefix('-') {
        Some(zero) if zero.chars().all(|digit| matches!(digit, '0' | '.')) => zero.to_owned(),
        _ => text,
    }
}
