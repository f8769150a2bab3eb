//! What the vendor of the year counts: calls by half hour of the night, and answers to surveys by date.

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::figures::at;
use crate::vendor::FeedRow;

/// The feed of calls.
pub(crate) const LEVEL: &str = "nights";
/// The feed of surveys.
pub(crate) const DAYS: &str = "days";

/// Calls of each half hour.
const CALLS: i64 = 100;
/// The nights in which the month so far lies under 85 % with one half hour and above it with the next.
const RESTLESS: std::ops::RangeInclusive<i8> = 7..=10;

fn days() -> impl Iterator<Item = Date> {
    date(2026, 1, 1).series(1.day()).take_while(|day| day.year() == 2026)
}

fn instant(day: Date, hour: i8, zone: &TimeZone) -> Timestamp {
    zone.to_timestamp(day.at(hour, 0, 0, 0)).unwrap()
}

/// How many calls of a half hour were answered in time; September's depend on the month so far.
fn in_time(day: Date, half_hour: usize, september: (i64, i64)) -> i64 {
    match (day.month(), day.day()) {
        (3, _) => 84,
        (4, 12 | 13) => 0,
        (4, _) => 82,
        (7, _) => 83,
        (9, number) if RESTLESS.contains(&number) => {
            let (good, calls) = september;
            // In hundredths of a percent, after this half hour.
            let wanted = if half_hour.is_multiple_of(2) { 8_495 } else { 8_505 };
            ((calls + CALLS) * wanted / 10_000 - good).clamp(0, CALLS)
        }
        _ => 90,
    }
}

/// Each half hour from midnight to six, local time: ten in the night in which clocks go forward, fourteen in that in which they go back.
pub(crate) fn calls(zone: &TimeZone) -> Vec<FeedRow> {
    let corrected_at = at("2026-04-20T05:30:00Z");
    let mut september = (0, 0);
    let mut rows = Vec::new();
    for day in days().filter(|day| *day != date(2026, 2, 10)) {
        let (opens, closes) = (instant(day, 0, zone), instant(day, 6, zone));
        let starts = std::iter::successors(Some(opens), |start| Some(*start + 30.minutes()));
        for (half_hour, start) in starts.take_while(|start| *start < closes).enumerate() {
            let good = in_time(day, half_hour, september);
            if day.month() == 9 {
                september = (september.0 + good, september.1 + CALLS);
            }
            let measures = [("answered", CALLS), ("answeredWithin", good)];
            let row = FeedRow::new(start, start + 30.minutes(), &[("queue", "nights")], &measures);
            if day.month() == 3 && day.day() >= 23 {
                rows.push(row.corrected(&[("answeredWithin", 40)], corrected_at));
            }
            rows.push(row);
        }
    }
    rows
}

/// Each day's answers to surveys, by date: twice as many on the days on which clocks change.
pub(crate) fn surveys(zone: &TimeZone) -> Vec<FeedRow> {
    let of_day = |day: Date| {
        let times = if [date(2026, 3, 29), date(2026, 10, 25)].contains(&day) { 2 } else { 1 };
        let measures = [("surveyResponses", 100 * times), ("satisfied", 88 * times)];
        let mut row = FeedRow::of_day(day, zone, &[], &measures);
        row.published_at = match (day.month(), day.day()) {
            (8, 20) => at("2026-09-03T06:00:00Z"),
            (12, 15..=18) => at("2026-12-19T06:00:00Z"),
            _ => row.end,
        };
        row
    };
    days().filter(|day| *day != date(2026, 6, 10)).map(of_day).collect()
}
