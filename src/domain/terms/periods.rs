//! Measurement periods: calendar periods of the contract's zone, clipped to the term, and the contract years they belong to.

use jiff::civil::{Date, ISOWeekDate, Weekday};
use jiff::{Timestamp, ToSpan};

use super::calendar::{Calendar, Span, anniversary};
use crate::api::period::MonthDay;
use crate::api::vendor_contract::{PeriodBounds, PeriodLength, VendorContractSpec};

/// One period, clipped to the term.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Period {
    /// Place among the periods of the term, from 0.
    pub index: usize,
    /// Name of the whole calendar period, such as 2026-W07, 2026-02, 2026-Q1, 2026-H1, 2026, FY2027-Q1 or CY1.
    pub name: String,
    /// First instant.
    pub start: Timestamp,
    /// First instant after it.
    pub end: Timestamp,
    /// First local day.
    pub first_day: Date,
    /// Last local day.
    pub last_day: Date,
}

impl Period {
    /// Its instants.
    pub fn span(&self) -> Span {
        Span::new(self.start, self.end)
    }

    /// Whether an instant lies in it.
    pub fn contains(&self, instant: Timestamp) -> bool {
        self.start <= instant && instant < self.end
    }

    /// As a status shows it.
    pub fn bounds(&self) -> PeriodBounds {
        PeriodBounds { name: self.name.clone(), start: self.start, end: self.end }
    }
}

/// A contract year: from one anniversary of the term's first day to the next, clipped to the term.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContractYear {
    /// 1 for the first.
    pub number: i64,
    /// First local day.
    pub first_day: Date,
    /// Last local day.
    pub last_day: Date,
}

/// Periods that a term has at most; the rest of a longer one, which the API server refuses today, is not judged.
pub const MOST_PERIODS: usize = 600;

/// All periods of one length in a span of days, in order, and at most [`MOST_PERIODS`].
#[derive(Clone, Debug)]
pub struct Periods {
    periods: Vec<Period>,
    length: PeriodLength,
    first_day: Date,
    last_day: Date,
}

impl Periods {
    /// The measurement periods of a contract's term. A term that ends before it starts has none.
    pub fn of(contract: &VendorContractSpec, calendar: &Calendar) -> Periods {
        Self::of_length(contract, contract.period, calendar)
    }

    /// Periods of another length in the same term, for deliverables and reviews.
    pub fn of_length(contract: &VendorContractSpec, length: PeriodLength, calendar: &Calendar) -> Periods {
        let (first_day, last_day) = (contract.term.start, contract.term.end);
        let year_start = contract.fiscal_year_start.unwrap_or(MonthDay::NEW_YEAR);
        let division = Division { length, year_start, term_start: first_day };
        let mut periods = Vec::new();
        let mut next = Some(first_day);
        while let Some(first) = next.filter(|first| *first <= last_day && periods.len() < MOST_PERIODS) {
            let (name, _, whole_last) = division.period_of(first);
            let last = whole_last.min(last_day);
            periods.push(Period {
                index: periods.len(),
                name,
                start: calendar.start_of_day(first),
                end: calendar.end_of_day(last),
                first_day: first,
                last_day: last,
            });
            next = last.tomorrow().ok();
        }
        Periods { periods, length, first_day, last_day }
    }

    /// All of them.
    pub fn all(&self) -> &[Period] {
        &self.periods
    }

    /// How long they are.
    pub fn length(&self) -> PeriodLength {
        self.length
    }

    /// First and last day of the term.
    pub fn days(&self) -> (Date, Date) {
        (self.first_day, self.last_day)
    }

    /// The instants of the term; `None` without any period.
    pub fn term(&self) -> Option<Span> {
        Some(Span::new(self.periods.first()?.start, self.periods.last()?.end))
    }

    /// The period in which an instant lies.
    pub fn containing(&self, instant: Timestamp) -> Option<&Period> {
        let ended = self.periods.partition_point(|period| period.end <= instant);
        self.periods.get(ended).filter(|period| period.contains(instant))
    }

    /// The period in which a local day lies.
    pub fn containing_day(&self, day: Date) -> Option<&Period> {
        let ended = self.periods.partition_point(|period| period.last_day < day);
        self.periods.get(ended).filter(|period| period.first_day <= day)
    }

    /// The periods that have ended at an instant, in order.
    pub fn closed_by(&self, now: Timestamp) -> &[Period] {
        let ended = self.periods.partition_point(|period| period.end <= now);
        self.periods.get(..ended).unwrap_or_default()
    }

    /// The period at a place, from 0.
    pub fn nth(&self, index: usize) -> Option<&Period> {
        self.periods.get(index)
    }

    /// The period of a name.
    pub fn named(&self, name: &str) -> Option<&Period> {
        self.periods.iter().find(|period| period.name == name)
    }

    /// The period before one.
    pub fn previous(&self, period: &Period) -> Option<&Period> {
        self.periods.get(period.index.checked_sub(1)?)
    }

    /// The period after one.
    pub fn next(&self, period: &Period) -> Option<&Period> {
        self.periods.get(period.index + 1)
    }

    /// The last `count` periods that end with one, itself included; fewer where the term has fewer.
    pub fn ending_with(&self, period: &Period, count: usize) -> &[Period] {
        let end = period.index + 1;
        self.periods.get(end.saturating_sub(count)..end).unwrap_or_default()
    }

    /// The contract year in which a period starts.
    pub fn contract_year_of(&self, period: &Period) -> ContractYear {
        self.contract_year_at(period.first_day)
    }

    /// The contract year in which a local day lies; days before the term belong to the first.
    pub fn contract_year_at(&self, day: Date) -> ContractYear {
        let passed = years_between(self.first_day, day);
        let next = anniversary(self.first_day, passed + 1);
        ContractYear {
            number: passed + 1,
            first_day: anniversary(self.first_day, passed),
            last_day: next.yesterday().unwrap_or(next).min(self.last_day),
        }
    }

    /// The periods that start in a contract year.
    pub fn of_contract_year(&self, year: ContractYear) -> &[Period] {
        let first = self.periods.partition_point(|period| period.first_day < year.first_day);
        let end = self.periods.partition_point(|period| period.first_day <= year.last_day);
        self.periods.get(first..end).unwrap_or_default()
    }
}

/// How a term is divided into periods.
#[derive(Clone, Copy, Debug)]
pub struct Division {
    /// How long they are.
    pub length: PeriodLength,
    /// Where quarters, half-years and years begin.
    pub year_start: MonthDay,
    /// Where contract years begin.
    pub term_start: Date,
}

impl Division {
    /// Name, first and last day of the whole period that a day lies in, not clipped to the term.
    pub fn period_of(&self, day: Date) -> (String, Date, Date) {
        match self.length {
            PeriodLength::Weekly => {
                let week = day.iso_week_date();
                let at = |weekday| ISOWeekDate::new(week.year(), week.week(), weekday).map_or(day, |week| week.date());
                (format!("{:04}-W{:02}", week.year(), week.week()), at(Weekday::Monday), at(Weekday::Sunday))
            }
            PeriodLength::Monthly => {
                (format!("{:04}-{:02}", day.year(), day.month()), day.first_of_month(), day.last_of_month())
            }
            PeriodLength::Quarterly => self.part_of_year(day, 3, "-Q"),
            PeriodLength::HalfYearly => self.part_of_year(day, 6, "-H"),
            PeriodLength::Yearly => {
                let first = self.year_of(day);
                (self.year_name(first), first, day_before(first.saturating_add(1.year())))
            }
            PeriodLength::ContractYear => {
                let passed = years_between(self.term_start, day);
                let (first, next) = (anniversary(self.term_start, passed), anniversary(self.term_start, passed + 1));
                (format!("CY{}", passed + 1), first, day_before(next))
            }
        }
    }

    /// The part of a year, in months of this number, that a day lies in.
    fn part_of_year(&self, day: Date, months: i32, letter: &str) -> (String, Date, Date) {
        let year = self.year_of(day);
        let start = |part: i32| year.saturating_add((part * months).months());
        // Years begin on the 28th at the latest, so that each part begins on that day of its month.
        let part = (0..12 / months).rev().find(|part| start(*part) <= day).unwrap_or(0);
        (format!("{}{letter}{}", self.year_name(year), part + 1), start(part), day_before(start(part + 1)))
    }

    /// The first day of the year that a day lies in.
    fn year_of(&self, day: Date) -> Date {
        let MonthDay { month, day: first } = self.year_start;
        let of = |year: i16| Date::new(year, month, first).unwrap_or(day);
        let this = of(day.year());
        if this <= day { this } else { of(day.year().saturating_sub(1)) }
    }

    /// A calendar year by its number, another by that of the calendar year in which it ends.
    fn year_name(&self, first: Date) -> String {
        if self.year_start == MonthDay::NEW_YEAR {
            return format!("{:04}", first.year());
        }
        format!("FY{:04}", day_before(first.saturating_add(1.year())).year())
    }
}

fn day_before(day: Date) -> Date {
    day.yesterday().unwrap_or(day)
}

/// Whole years from a day to a later one, by anniversaries; 0 where it is not later.
fn years_between(start: Date, day: Date) -> i64 {
    let passed = i64::from(day.year() - start.year()).max(0);
    if passed > 0 && anniversary(start, passed) > day { passed - 1 } else { passed }
}

/// Lengths of periods in order; years of the calendar and of the contract are equally long.
pub fn rank(length: PeriodLength) -> u8 {
    match length {
        PeriodLength::Weekly => 0,
        PeriodLength::Monthly => 1,
        PeriodLength::Quarterly => 2,
        PeriodLength::HalfYearly => 3,
        PeriodLength::Yearly | PeriodLength::ContractYear => 4,
    }
}

#[cfg(test)]
mod tests;
