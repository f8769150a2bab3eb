//! The feed `intervals`: calls in half hours by site and tier, built from the real days.

use std::collections::BTreeMap;

use jiff::civil::{Date, Time, Weekday, time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::random::{Rounding, noise};
use super::real_days::{CALL_CENTRE_DAY, HalfHour, day_factor};
use super::row::FeedRow;
use super::story;

/// When the vendor's people work, local time.
const OPEN: (Time, Time) = (time(8, 0, 0, 0), time(20, 0, 0, 0));

/// Shares of an ordinary day: calls abandoned, and those of them abandoned within 20 s; seconds that a call waits.
const ABANDONED: f64 = 0.038;
const ABANDONED_WITHIN: f64 = 0.4;
const WAIT_SECONDS: f64 = 14.0;

/// By how much an ordinary half hour may be better or worse than its month, in percentage points.
const SPREAD: f64 = 4.0;

/// All rows of the story: half hours of weekdays, by site and tier.
pub(crate) fn rows(zone: &TimeZone) -> Vec<FeedRow> {
    let mut rows = Vec::new();
    for (site_number, (site, site_share)) in story::SITES.into_iter().enumerate() {
        for (tier_number, (tier, tier_share, better)) in story::TIERS.into_iter().enumerate() {
            let keys = [site_number as u64, tier_number as u64];
            let mut desk = Desk { site, tier, share: site_share * tier_share, better, keys, roundings: <_>::default() };
            for day in story::TERM.0.series(1.day()).take_while(|day| *day <= story::TERM.1) {
                if !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) {
                    desk.add_day(day, zone, &mut rows);
                }
            }
        }
    }
    rows
}

/// The rows of all sites and tiers added up, as they were first published.
pub(crate) fn totals(rows: &[FeedRow]) -> Vec<FeedRow> {
    let mut totals: BTreeMap<Timestamp, FeedRow> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.revision == 1) {
        let empty = || FeedRow::new(row.start, row.end, &[("queue", "billing")], &[]);
        let total = totals.entry(row.start).or_insert_with(empty);
        for (measure, count) in &row.measures {
            *total.measures.entry(measure.clone()).or_default() += count;
        }
    }
    totals.into_values().collect()
}

/// The real day as it was counted, moved to a date: one row of 30 minutes for each half hour, those without a call included.
pub(crate) fn real_day_rows(day: Date, zone: &TimeZone) -> Vec<FeedRow> {
    let empty = |begin| HalfHour {
        begin,
        offered: 0,
        answered: 0,
        answered_within: 0,
        abandoned: 0,
        abandoned_within: 0,
        wait_seconds: 0,
        handle_seconds: 0,
    };
    let half_hours = Time::midnight().series(30.minutes()).take(48).map(|begin| {
        CALL_CENTRE_DAY.iter().find(|half_hour| half_hour.begin == begin).copied().unwrap_or(empty(begin))
    });
    half_hours.map(|half_hour| counted_row(&half_hour, day, zone, &[("queue", "billing")])).collect()
}

fn interval(day: Date, begin: Time, zone: &TimeZone) -> (Timestamp, Timestamp) {
    let start = zone.to_ambiguous_timestamp(day.to_datetime(begin)).compatible().expect("a day within the term");
    (start, start + 30.minutes())
}

fn counted_row(counts: &HalfHour, day: Date, zone: &TimeZone, labels: &[(&str, &str)]) -> FeedRow {
    let (start, end) = interval(day, counts.begin, zone);
    let measures = [
        ("offered", counts.offered),
        ("answered", counts.answered),
        ("answeredWithin", counts.answered_within),
        ("abandoned", counts.abandoned),
        ("abandonedWithin", counts.abandoned_within),
        ("waitSeconds", counts.wait_seconds),
        ("handled", counts.answered),
        ("handleSeconds", counts.handle_seconds),
    ];
    FeedRow::new(start, end, labels, &measures)
}

/// The agents of one site who serve one tier.
struct Desk {
    site: &'static str,
    tier: &'static str,
    /// Of all calls.
    share: f64,
    /// Percentage points above the month's share of calls answered within 20 s.
    better: f64,
    keys: [u64; 2],
    roundings: DeskRoundings,
}

#[derive(Default)]
struct DeskRoundings {
    offered: Rounding,
    abandoned: Rounding,
    abandoned_within: Rounding,
    answered_within: Rounding,
}

impl Desk {
    fn add_day(&mut self, day: Date, zone: &TimeZone, rows: &mut Vec<FeedRow>) {
        let factor = day_factor(day) * self.share;
        let labels = [("queue", "billing"), ("site", self.site), ("tier", self.tier)];
        for real in CALL_CENTRE_DAY.iter().filter(|half_hour| (OPEN.0..OPEN.1).contains(&half_hour.begin)) {
            let counts = if story::is_in_distress(self.site, day) {
                self.like_the_real_day(real, factor)
            } else {
                self.ordinary(real, factor, day)
            };
            let row = counted_row(&counts, day, zone, &labels);
            if day == story::CORRECTED && self.site == "bogota" {
                let quick = ("abandonedWithin", counts.abandoned);
                rows.push(row.corrected(&[quick], row.end + 36.hours()));
            }
            rows.push(row);
        }
    }

    /// The real half hour, larger or smaller: its volume, its waiting, its abandons.
    fn like_the_real_day(&mut self, real: &HalfHour, factor: f64) -> HalfHour {
        let offered = self.roundings.offered.whole(real.offered as f64 * factor, i64::MAX);
        let of_offered = offered as f64 / (real.offered as f64).max(1.0);
        let abandoned = self.roundings.abandoned.whole(real.abandoned as f64 * of_offered, offered);
        let answered = offered - abandoned;
        let abandoned_within = real.abandoned_within as f64 * of_offered;
        HalfHour {
            begin: real.begin,
            offered,
            answered,
            answered_within: self.roundings.answered_within.whole(real.answered_within as f64 * of_offered, answered),
            abandoned,
            abandoned_within: self.roundings.abandoned_within.whole(abandoned_within, abandoned),
            wait_seconds: per_answered(real.wait_seconds, real.answered, answered),
            handle_seconds: per_answered(real.handle_seconds, real.answered, answered),
        }
    }

    /// The real half hour's volume and handling time, staffed as the story has it.
    fn ordinary(&mut self, real: &HalfHour, factor: f64, day: Date) -> HalfHour {
        let days = i64::from((day - story::TERM.0).get_days()).unsigned_abs();
        let half_hour = u64::try_from(i64::from(real.begin.hour()) * 2 + i64::from(real.begin.minute()) / 30);
        let random = noise(&[self.keys[0], self.keys[1], days, half_hour.unwrap_or_default()]);

        let offered = self.roundings.offered.whole(real.offered as f64 * factor, i64::MAX);
        let abandoned = self.roundings.abandoned.whole(offered as f64 * ABANDONED * (1.0 - 0.5 * random), offered);
        let abandoned_within = self.roundings.abandoned_within.whole(abandoned as f64 * ABANDONED_WITHIN, abandoned);
        let answered = offered - abandoned;
        let share = (story::month(day).answered_within + self.better + SPREAD * random) / 100.0;
        let judged = (offered - abandoned_within) as f64;
        HalfHour {
            begin: real.begin,
            offered,
            answered,
            answered_within: self.roundings.answered_within.whole(judged * share, answered),
            abandoned,
            abandoned_within,
            wait_seconds: (answered as f64 * WAIT_SECONDS * (1.0 - 0.5 * random)).round() as i64,
            handle_seconds: per_answered(real.handle_seconds, real.answered, answered),
        }
    }
}

/// A sum over the real half hour's answered calls, for another number of them.
fn per_answered(sum: i64, of: i64, answered: i64) -> i64 {
    (sum as f64 / (of as f64).max(1.0) * answered as f64).round() as i64
}
