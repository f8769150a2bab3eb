//! A tally: the days, weeks or months that end in a period, judged one by one; the value is how many of them missed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::api::kpi_target::Verdict;
use crate::api::period::MonthDay;
use crate::api::tally::TallyEach;
use crate::api::vendor_contract::PeriodLength;

use crate::domain::numbers::exact::Exact;
use crate::domain::terms::calendar::{Calendar, Span, days_from};
use crate::domain::terms::periods::{Division, Period, Periods};

/// A day, week or month that ends in a period, clipped to the term.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Such as 2026-05-04, 2026-W19 or 2026-05.
    pub name: String,
    /// Its instants.
    pub span: Span,
}

/// What a tally found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// The parts that missed, in order.
    pub missed: Vec<String>,
    /// The parts that were not judged, for want of data or volume, in order.
    pub unjudged: Vec<String>,
    /// Whether a part had no rows at all.
    pub lacks_rows: bool,
}

/// One part, judged.
#[derive(Clone, Debug)]
pub struct JudgedPart {
    /// Its name.
    pub name: String,
    /// The verdict after relief.
    pub verdict: Verdict,
    /// Whether it missed as if no relief had been accepted; `None` where it could not be judged so.
    pub raw_missed: Option<bool>,
    /// Whether it has no rows.
    pub is_without_rows: bool,
    /// Its value and denominator after relief, as they are shown; `None` without data.
    pub figures: Option<(String, String)>,
}

/// The counts of a tally.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Parts that missed without relief; `None` where none could be judged.
    pub raw: Option<Exact>,
    /// Parts that missed; `None` where none was judged.
    pub missed: Option<Exact>,
    /// Parts that were judged.
    pub judged: Exact,
    /// Whether a part had data, and too little of it.
    pub has_too_few: bool,
    /// Which they are.
    pub found: Found,
}

/// The parts that end in a period and have service, in order. A part that the term cuts ends where the term does.
pub fn parts_of(each: TallyEach, period: &Period, periods: &Periods, calendar: &Calendar) -> Vec<Part> {
    let (term_start, term_end) = periods.days();
    let length = match each {
        TallyEach::Day => None,
        TallyEach::Week => Some(PeriodLength::Weekly),
        TallyEach::Month => Some(PeriodLength::Monthly),
    };
    let mut parts = Vec::new();
    let mut next = Some(period.first_day);
    while let Some(day) = next.filter(|day| *day <= period.last_day) {
        let (name, first, last) = match length {
            None => (day.to_string(), day, day),
            Some(length) => {
                let division = Division { length, year_start: MonthDay::NEW_YEAR, term_start };
                let (name, first, last) = division.period_of(day);
                (name, first.max(term_start), last.min(term_end))
            }
        };
        let span = Span::new(calendar.start_of_day(first), calendar.end_of_day(last));
        if last <= period.last_day && calendar.service_seconds(span.start, span.end) > 0 {
            parts.push(Part { name, span });
        }
        next = days_from(last).nth(1);
    }
    parts
}

/// How far before a period its first part may begin, in days.
pub fn longest_lead(each: TallyEach) -> i64 {
    match each {
        TallyEach::Day => 0,
        TallyEach::Week => 6,
        TallyEach::Month => 31,
    }
}

/// Parts that have ended at an instant.
pub fn ended_by(parts: Vec<Part>, instant: Timestamp) -> Vec<Part> {
    parts.into_iter().take_while(|part| part.span.end <= instant).collect()
}

/// Counts judged parts. Under `silence_is_a_miss` a part without rows has missed.
pub fn count(parts: Vec<JudgedPart>, silence_is_a_miss: bool) -> Counted {
    let mut counted = Counted::default();
    let (mut raw, mut raw_judged, mut missed) = (0_i64, false, 0_i64);
    for part in parts {
        counted.found.lacks_rows |= part.is_without_rows;
        let is_silent = part.is_without_rows && silence_is_a_miss;
        let (verdict, raw_missed) =
            if is_silent { (Verdict::Missed, Some(true)) } else { (part.verdict, part.raw_missed) };
        raw_judged |= raw_missed.is_some();
        raw += i64::from(raw_missed == Some(true));
        match verdict {
            Verdict::Missed => {
                missed += 1;
                counted.judged = counted.judged + Exact::ONE;
                counted.found.missed.push(part.name);
            }
            Verdict::Met | Verdict::Excused => counted.judged = counted.judged + Exact::ONE,
            _ => {
                counted.has_too_few |= verdict == Verdict::InsufficientVolume;
                counted.found.unjudged.push(part.name);
            }
        }
    }
    counted.raw = raw_judged.then(|| raw.into());
    counted.missed = (!counted.judged.is_zero()).then(|| missed.into());
    counted
}
