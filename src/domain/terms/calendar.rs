//! When service is owed: the contract's zone, service hours, holidays, and the durations that are counted in them.
//!
//! Source of the rules: business days are days with service hours that are not holidays; without service hours, Monday to
//! Friday. Without service hours every hour of every day that is not a holiday is service time.

use std::collections::BTreeSet;

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use super::finding::{Finding, InvalidSpec};
use crate::api::scalar::{Duration, DurationUnit, shorten};
use crate::api::vendor_contract::{self, ServiceHours, VendorContractSpec};

/// A half-open span of time `[start, end)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span {
    /// First instant.
    pub start: Timestamp,
    /// First instant after it.
    pub end: Timestamp,
}

impl Span {
    /// `[start, end)`.
    pub fn new(start: Timestamp, end: Timestamp) -> Self {
        Span { start, end }
    }

    /// Length in seconds; 0 for what ends before it starts.
    pub fn seconds(&self) -> i64 {
        self.end.duration_since(self.start).as_secs().max(0)
    }

    /// Whether both have an instant in common.
    pub fn overlaps(&self, other: &Span) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// What both have in common.
    pub fn intersection(&self, other: &Span) -> Option<Span> {
        let common = Span::new(self.start.max(other.start), self.end.min(other.end));
        (common.start < common.end).then_some(common)
    }
}

/// A contract's calendar.
#[derive(Clone, Debug, PartialEq)]
pub struct Calendar {
    zone: TimeZone,
    /// Service of each weekday from Monday on, sorted and disjoint; `None`: every hour.
    hours: Option<[Vec<(LocalTime, LocalTime)>; 7]>,
    holidays: BTreeSet<Date>,
}

/// A local time of day; `None` is 24:00.
type LocalTime = Option<Time>;

impl Calendar {
    /// The calendar of a contract.
    ///
    /// # Errors
    /// The zone is not an IANA name, or service hours are not two times of which the first is earlier. The findings carry
    /// no name of an object: the spec does not know it; see [`InvalidSpec::named`].
    pub fn of(contract: &VendorContractSpec) -> Result<Calendar, InvalidSpec> {
        let mut findings = Vec::new();
        let zone =
            zone_of(&contract.time_zone).map_err(|message| findings.push(finding("spec.timeZone", message))).ok();
        let calendar = contract.calendar.as_ref();
        let entries = calendar.map_or(&[] as &[ServiceHours], |calendar| &calendar.service_hours);
        let hours = weekly_hours(entries, &mut findings);
        let holidays = calendar.map(|calendar| calendar.holidays.iter().map(|holiday| holiday.date).collect());
        match zone {
            Some(zone) if findings.is_empty() => Ok(Calendar { zone, hours, holidays: holidays.unwrap_or_default() }),
            _ => Err(InvalidSpec(findings)),
        }
    }

    /// The contract's zone.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The local date at an instant.
    pub fn date_of(&self, instant: Timestamp) -> Date {
        self.local(instant).date()
    }

    /// The local time at an instant.
    pub fn local(&self, instant: Timestamp) -> DateTime {
        self.zone.to_datetime(instant)
    }

    /// The first instant of a local day, also where the clock skips midnight.
    pub fn start_of_day(&self, date: Date) -> Timestamp {
        self.instant_of(date.to_datetime(Time::midnight()))
    }

    /// The first instant at or after a local day's end: the start of the next day.
    pub fn end_of_day(&self, date: Date) -> Timestamp {
        date.tomorrow().map_or(Timestamp::MAX, |next| self.start_of_day(next))
    }

    /// The instant at which the local clock shows a time. A time that the clock skips is the instant of the skip; of a time
    /// that it shows twice, the first.
    pub fn instant_of(&self, local: DateTime) -> Timestamp {
        let saturated = if local.year() < 0 { Timestamp::MIN } else { Timestamp::MAX };
        match self.zone.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => {
                offset.to_timestamp(local).unwrap_or(saturated)
            }
            AmbiguousOffset::Gap { before, .. } => {
                let later = before.to_timestamp(local).unwrap_or(saturated);
                let just_after = later.checked_add(1.nanosecond()).unwrap_or(later);
                self.zone.preceding(just_after).next().map_or(later, |transition| transition.timestamp())
            }
        }
    }

    /// Whether a day is a holiday.
    pub fn is_holiday(&self, date: Date) -> bool {
        self.holidays.contains(&date)
    }

    /// The holidays, in order.
    pub fn holidays(&self) -> impl DoubleEndedIterator<Item = Date> + '_ {
        self.holidays.iter().copied()
    }

    /// Whether a day is a business day.
    pub fn is_business_day(&self, date: Date) -> bool {
        self.is_working_weekday(date.weekday()) && !self.is_holiday(date)
    }

    fn is_working_weekday(&self, weekday: Weekday) -> bool {
        match &self.hours {
            Some(hours) => hours.get(weekday_index(weekday)).is_some_and(|spans| !spans.is_empty()),
            None => !matches!(weekday, Weekday::Saturday | Weekday::Sunday),
        }
    }

    /// Whether every instant is service time.
    pub fn is_always_open(&self) -> bool {
        self.hours.is_none() && self.holidays.is_empty()
    }

    /// The service spans of one local day, in order.
    pub fn service_of_day(&self, date: Date) -> Vec<Span> {
        if self.is_holiday(date) {
            return Vec::new();
        }
        let Some(hours) = &self.hours else {
            return vec![Span::new(self.start_of_day(date), self.end_of_day(date))];
        };
        let spans = hours.get(weekday_index(date.weekday())).map_or(&[] as &[_], Vec::as_slice);
        let at = |time: LocalTime| match time {
            Some(time) => self.instant_of(date.to_datetime(time)),
            None => self.end_of_day(date),
        };
        spans.iter().map(|(from, to)| Span::new(at(*from), at(*to))).filter(|span| span.start < span.end).collect()
    }

    /// Service time in `[from, to)`, in order; spans that touch are one.
    pub fn service_spans(&self, from: Timestamp, to: Timestamp) -> Vec<Span> {
        let mut merged: Vec<Span> = Vec::new();
        if from >= to {
            return merged;
        }
        if self.is_always_open() {
            return vec![Span::new(from, to)];
        }
        let window = Span::new(from, to);
        let spans = days_from(self.date_of(from)).take_while(|day| self.start_of_day(*day) < to);
        for span in spans.flat_map(|day| self.service_of_day(day)).filter_map(|span| span.intersection(&window)) {
            match merged.last_mut() {
                Some(last) if last.end == span.start => last.end = span.end,
                _ => merged.push(span),
            }
        }
        merged
    }

    /// Seconds of service time in `[from, to)`.
    pub fn service_seconds(&self, from: Timestamp, to: Timestamp) -> i64 {
        self.service_spans(from, to).iter().map(Span::seconds).sum()
    }

    /// Whether `[from, to)` has an instant of service time.
    pub fn overlaps_service(&self, from: Timestamp, to: Timestamp) -> bool {
        if self.is_always_open() {
            return from < to;
        }
        let window = Span::new(from, to);
        days_from(self.date_of(from))
            .take_while(|day| self.start_of_day(*day) < to)
            .any(|day| self.service_of_day(day).iter().any(|span| span.overlaps(&window)))
    }

    /// The first instant of service time at or after `instant`; `None` if there is none within two years.
    pub fn next_service(&self, instant: Timestamp) -> Option<Timestamp> {
        days_from(self.date_of(instant))
            .take(SEARCH_DAYS)
            .flat_map(|day| self.service_of_day(day))
            .find(|span| span.end > instant)
            .map(|span| span.start.max(instant))
    }

    /// The instant that is `duration` after `instant`.
    ///
    /// `s`, `m`, `h`, `d` and `w` are real time. `Nbd` is the end of the Nth business day that starts at or after `instant`;
    /// `Nbh` the instant at which N hours of service have passed. Zero of anything is `instant` itself. What lies beyond all
    /// dates is the last instant.
    pub fn after(&self, instant: Timestamp, duration: Duration) -> Timestamp {
        match (duration.amount, duration.unit) {
            (..=0, _) => instant,
            (days, DurationUnit::BusinessDays) => self.after_business_days(instant, days),
            (hours, DurationUnit::BusinessHours) => self.after_service(instant, hours.saturating_mul(3_600)),
            _ => shifted(instant, duration.seconds().unwrap_or(i64::MAX)),
        }
    }

    /// The instant that is `duration` before `instant`.
    ///
    /// `Nbd` is the start of the Nth business day, counted backwards, that ends at or before `instant`; the rest as in
    /// [`Calendar::after`].
    pub fn before(&self, instant: Timestamp, duration: Duration) -> Timestamp {
        match (duration.amount, duration.unit) {
            (..=0, _) => instant,
            (days, DurationUnit::BusinessDays) => self.before_business_days(instant, days),
            (hours, DurationUnit::BusinessHours) => self.before_service(instant, hours.saturating_mul(3_600)),
            _ => shifted(instant, duration.seconds().map_or(i64::MIN, |seconds| -seconds)),
        }
    }

    fn after_business_days(&self, instant: Timestamp, count: i64) -> Timestamp {
        let today = self.date_of(instant);
        let first = if self.start_of_day(today) < instant { today.tomorrow().ok() } else { Some(today) };
        let nth = first.and_then(|first| self.nth_business_day(first, count, 1));
        nth.map_or(Timestamp::MAX, |day| self.end_of_day(day))
    }

    fn before_business_days(&self, instant: Timestamp, count: i64) -> Timestamp {
        let last = self.date_of(instant).yesterday().ok();
        let nth = last.and_then(|last| self.nth_business_day(last, count, -1));
        nth.map_or(Timestamp::MIN, |day| self.start_of_day(day))
    }

    /// The `count`th business day from `first` on (itself included), forwards (1) or backwards (-1).
    pub fn nth_business_day(&self, first: Date, count: i64, direction: i64) -> Option<Date> {
        let working = |day: &Date| self.is_working_weekday(day.weekday());
        let per_week = days_from(first).take(7).filter(working).count() as i64;
        let (mut day, mut left) = (first, count);
        if per_week == 0 {
            return None;
        }
        loop {
            // Whole weeks are counted, not walked; what holidays took from them remains to be found.
            let weeks = (left - 1) / per_week;
            if weeks == 0 {
                break;
            }
            let next = day.checked_add(SignedDuration::from_hours(direction * weeks.min(MOST_WEEKS) * 7 * 24)).ok()?;
            let passed = if direction > 0 { (day, next) } else { (next.tomorrow().ok()?, day.tomorrow().ok()?) };
            let lost = self.holidays.range(passed.0..passed.1).filter(|day| working(day)).count() as i64;
            left -= weeks.min(MOST_WEEKS) * per_week - lost;
            day = next;
        }
        for _ in 0..MOST_DAYS_WALKED {
            if self.is_business_day(day) {
                left -= 1;
                if left <= 0 {
                    return Some(day);
                }
            }
            day = if direction > 0 { day.tomorrow() } else { day.yesterday() }.ok()?;
        }
        None
    }

    fn after_service(&self, instant: Timestamp, seconds: i64) -> Timestamp {
        let mut left = seconds;
        for span in days_from(self.date_of(instant)).take(MOST_DAYS_WALKED).flat_map(|day| self.service_of_day(day)) {
            let open = Span::new(span.start.max(instant), span.end);
            if left <= open.seconds() {
                return shifted(open.start, left);
            }
            left -= open.seconds();
        }
        Timestamp::MAX
    }

    fn before_service(&self, instant: Timestamp, seconds: i64) -> Timestamp {
        let mut left = seconds;
        let days = std::iter::successors(Some(self.date_of(instant)), |day| day.yesterday().ok());
        for span in days.take(MOST_DAYS_WALKED).flat_map(|day| self.service_of_day(day).into_iter().rev()) {
            let open = Span::new(span.start, span.end.min(instant));
            if left <= open.seconds() {
                return shifted(open.end, -left);
            }
            left -= open.seconds();
        }
        Timestamp::MIN
    }

    /// The same local time a number of civil days later (earlier where negative).
    pub fn civil_days_after(&self, instant: Timestamp, days: i64) -> Timestamp {
        let local = self.local(instant);
        if days == 0 {
            return instant;
        }
        self.instant_of(days_after(local.date(), days).to_datetime(local.time()))
    }
}

/// How far ahead the next service is looked for.
const SEARCH_DAYS: usize = 732;
/// How far a count of business time is walked day by day: two hundred years.
const MOST_DAYS_WALKED: usize = 73_200;
/// All weeks of all years.
const MOST_WEEKS: i64 = 1_100_000;

/// The local days from `first` on.
pub fn days_from(first: Date) -> impl Iterator<Item = Date> {
    std::iter::successors(Some(first), |day| day.tomorrow().ok())
}

/// The date a number of days later (earlier where negative); the first or last of all dates where there is none.
pub fn days_after(date: Date, days: i64) -> Date {
    let limit = days.clamp(-8_000_000, 8_000_000);
    date.saturating_add(SignedDuration::from_hours(limit * 24))
}

/// Days from `first` to `last`; negative where `last` is earlier.
pub fn days_between(first: Date, last: Date) -> i64 {
    last.duration_since(first).as_hours() / 24
}

/// The date a number of years later; 28 February where there is no 29th.
pub fn anniversary(date: Date, years: i64) -> Date {
    date.saturating_add(years.clamp(-19_000, 19_000).years())
}

fn shifted(instant: Timestamp, seconds: i64) -> Timestamp {
    let limit = if seconds < 0 { Timestamp::MIN } else { Timestamp::MAX };
    instant.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(limit)
}

fn weekday_index(weekday: Weekday) -> usize {
    usize::try_from(weekday.to_monday_zero_offset()).unwrap_or(0)
}

fn finding(field: &str, message: String) -> Finding {
    Finding { kind: "VendorContract", name: String::new(), field: field.to_owned(), message }
}

/// The zone of an IANA name, from the data built into the program: no machine's own files decide a verdict.
///
/// # Errors
/// A sentence that quotes the name.
pub fn zone_of(name: &str) -> Result<TimeZone, String> {
    TimeZoneDatabase::bundled()
        .get(name)
        .map_err(|_| format!("{:?} is not a time zone: write an IANA name such as Europe/London or UTC", shorten(name)))
}

fn weekly_hours(entries: &[ServiceHours], findings: &mut Vec<Finding>) -> Option<[Vec<(LocalTime, LocalTime)>; 7]> {
    let mut week: [Vec<(u32, u32)>; 7] = Default::default();
    for (index, entry) in entries.iter().enumerate() {
        let (from, to) = (minutes_of(&entry.from), minutes_of(&entry.to));
        let (Some(from), Some(to)) = (from.filter(|from| *from < 1_440), to) else {
            let written = format!("{:?} to {:?}", shorten(&entry.from), shorten(&entry.to));
            let message = format!("{written} are not service hours: write local times such as \"08:00\" to \"24:00\"");
            findings.push(finding(&format!("spec.calendar.serviceHours[{index}]"), message));
            continue;
        };
        if from >= to {
            let message = format!(
                "service from {:?} to {:?} ends before it starts: write what crosses midnight as two entries, one to \"24:00\" and one from \"00:00\" of the next day",
                entry.from, entry.to
            );
            findings.push(finding(&format!("spec.calendar.serviceHours[{index}]"), message));
            continue;
        }
        for day in &entry.days {
            if let Some(spans) = week.get_mut(weekday_index(civil_weekday(*day))) {
                spans.push((from, to));
            }
        }
    }
    (!entries.is_empty()).then(|| week.map(merged_hours))
}

/// Sorted, and without overlap: entries may repeat each other.
fn merged_hours(mut spans: Vec<(u32, u32)>) -> Vec<(LocalTime, LocalTime)> {
    spans.sort_unstable();
    let mut merged: Vec<(u32, u32)> = Vec::new();
    for (from, to) in spans {
        match merged.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => merged.push((from, to)),
        }
    }
    merged.into_iter().map(|(from, to)| (local_time(from), local_time(to))).collect()
}

fn local_time(minutes: u32) -> LocalTime {
    Time::new(i8::try_from(minutes / 60).ok()?, i8::try_from(minutes % 60).ok()?, 0, 0).ok()
}

/// Minutes since midnight of a text such as `08:00`, at most `24:00`.
fn minutes_of(text: &str) -> Option<u32> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |part: &str| {
        let digits = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| part.parse::<u32>().ok()).flatten()
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let total = hours * 60 + minutes;
    (minutes < 60 && total <= 1_440).then_some(total)
}

/// The weekday as the date library knows it.
pub fn civil_weekday(day: vendor_contract::Weekday) -> Weekday {
    use vendor_contract::Weekday as Written;
    match day {
        Written::Monday => Weekday::Monday,
        Written::Tuesday => Weekday::Tuesday,
        Written::Wednesday => Weekday::Wednesday,
        Written::Thursday => Weekday::Thursday,
        Written::Friday => Weekday::Friday,
        Written::Saturday => Weekday::Saturday,
        Written::Sunday => Weekday::Sunday,
    }
}

/// The last day on which something is in time, whose deadline is the end of that day or an instant in it.
pub fn last_day_before(deadline: Timestamp, calendar: &Calendar) -> Date {
    let day = calendar.date_of(deadline);
    if calendar.start_of_day(day) == deadline { days_after(day, -1) } else { day }
}

#[cfg(test)]
mod tests;
