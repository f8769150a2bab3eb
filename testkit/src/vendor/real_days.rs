//! The real figures in `examples/data`: one day of a call centre, and the daily volumes of a large bank.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::civil::{Date, Time, date};
use jiff::{Span, ToSpan};

/// One half hour of the real day, as counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HalfHour {
    /// Local time at which it begins.
    pub begin: Time,
    /// Calls that asked for an agent.
    pub offered: i64,
    /// Those that reached one.
    pub answered: i64,
    /// Those that reached one within 20 s.
    pub answered_within: i64,
    /// Those whose callers gave up.
    pub abandoned: i64,
    /// Those whose callers gave up within 20 s.
    pub abandoned_within: i64,
    /// Seconds that the answered ones waited.
    pub wait_seconds: i64,
    /// Seconds that agents spent on them.
    pub handle_seconds: i64,
}

/// The half hours of the real day that had a call, in order.
pub(crate) static CALL_CENTRE_DAY: LazyLock<Vec<HalfHour>> = LazyLock::new(|| {
    let lines = include_str!("../../../examples/data/call-centre-day.csv").lines().skip(1);
    lines
        .map(|line| {
            let (begin, counts) = line.split_once(',').expect("a line has a time and counts");
            let counts: Vec<i64> = counts.split(',').map(|count| count.parse().expect("a whole number")).collect();
            let [offered, answered, answered_within, abandoned, abandoned_within, _, wait_seconds, handle_seconds] =
                counts.try_into().expect("a line has eight counts");
            let begin = format!("{begin}:00").parse().expect("a time of day");
            HalfHour {
                begin,
                offered,
                answered,
                answered_within,
                abandoned,
                abandoned_within,
                wait_seconds,
                handle_seconds,
            }
        })
        .collect()
});

/// Calls of each weekday of the bank's series; its six holidays are missing.
static BANK_DAYS: LazyLock<BTreeMap<Date, f64>> = LazyLock::new(|| {
    let lines = include_str!("../../../examples/data/bank-calls-30min.csv").lines().skip(1);
    let mut days = BTreeMap::new();
    for line in lines {
        let (begin, offered) = line.split_once(',').expect("a line has a time and a count");
        let day: Date = begin.get(..10).expect("a date").parse().expect("a date");
        *days.entry(day).or_insert(0.0) += offered.parse::<f64>().expect("a count");
    }
    days
});

/// The first Monday of the bank's series, and how many weeks it has.
const FIRST_MONDAY: Date = date(2003, 3, 3);
const WEEKS: i64 = 34;

/// The Monday of the story that corresponds to [`FIRST_MONDAY`].
const STORY_MONDAY: Date = date(2026, 1, 5);

/// How busy a weekday is, 1 being the mean: the bank's factor of the day that lies as many days after [`FIRST_MONDAY`] as
/// this one after [`STORY_MONDAY`], the series being repeated at its end. Where the series has a holiday, the same weekday of
/// another week is taken.
pub(crate) fn day_factor(day: Date) -> f64 {
    let distance = i64::from((day - STORY_MONDAY).get_days());
    let mean = BANK_DAYS.values().sum::<f64>() / BANK_DAYS.len() as f64;
    let weeks_back = |weeks: i64| -> Span { (distance - 7 * weeks).rem_euclid(7 * WEEKS).days() };
    (0..WEEKS).find_map(|weeks| BANK_DAYS.get(&(FIRST_MONDAY + weeks_back(weeks)))).map_or(1.0, |calls| calls / mean)
}
