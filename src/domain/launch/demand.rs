//! What a campaign brings: its contacts by day and interval, the baseline without it, and the people that both need.

mod plan;

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::{Date, Time};

use crate::api::campaign_launch::{CampaignLaunchSpec, Channel, DemandDay, DemandStatus};
use crate::domain::measuring::ledger::{Known, KnownRow, carries};
use crate::domain::measuring::row::Labels;
use crate::domain::numbers::exact::Exact;
use crate::domain::numbers::statistics::{median, median_absolute_deviation};
use crate::domain::terms::calendar::{Calendar, Span, days_after};

pub use plan::{
    Scheduled, StaffingFacts, StaffingInterval, StaffingPlan, interval_seconds, plan_staffing, shown_after,
};

/// Past values of the same weekday and interval that a baseline needs at least.
pub const LEAST_VALUES: usize = 4;
/// Days that a status shows.
const SHOWN_DAYS: usize = 20;
/// The length of an interval, unless the launch says otherwise.
pub const DEFAULT_INTERVAL_SECONDS: i64 = 1_800;

/// Amounts by the start of their interval.
pub type ByInterval = BTreeMap<Timestamp, Exact>;

/// The interval in which an instant lies: intervals start at each local midnight, and the day's last may be shorter.
pub fn interval_at(calendar: &Calendar, instant: Timestamp, seconds: i64) -> Span {
    let day = calendar.date_of(instant);
    let (midnight, next) = (calendar.start_of_day(day), calendar.end_of_day(day));
    let passed = instant.as_second() - midnight.as_second();
    let second = |offset: i64| Timestamp::from_second(midnight.as_second() + offset).unwrap_or(next);
    let start = passed - passed.rem_euclid(seconds.max(1));
    Span::new(second(start), second(start.saturating_add(seconds.max(1))).min(next))
}

/// The intervals of a local day that have service time, in order.
pub fn service_intervals(calendar: &Calendar, day: Date, seconds: i64) -> Vec<Span> {
    let end = calendar.end_of_day(day);
    let first = interval_at(calendar, calendar.start_of_day(day), seconds);
    std::iter::successors(Some(first), |span| (span.end < end).then(|| interval_at(calendar, span.end, seconds)))
        .filter(|span| calendar.overlaps_service(span.start, span.end))
        .collect()
}

/// The contacts that a row was offered: its `offered`, or answered and abandoned ones.
pub fn offered(row: &KnownRow<'_>) -> Option<Exact> {
    row.measure("offered").or_else(|| Some(row.measure("answered")? + row.measure("abandoned")?))
}

/// Contacts offered by interval, over the rows that `which` takes. A row that is longer than an interval is spread by time.
pub fn offered_by_interval(
    known: &Known<'_>,
    calendar: &Calendar,
    seconds: i64,
    which: impl Fn(&Labels) -> bool,
) -> ByInterval {
    let mut sums = ByInterval::new();
    for row in known.rows().filter(|row| which(row.labels())) {
        let Some(contacts) = offered(&row) else { continue };
        spread(&mut sums, calendar, seconds, row.span(), |overlap, _| {
            let share = Exact::fraction(overlap.into(), row.span().seconds().into()).unwrap_or(Exact::ZERO);
            &contacts * &share
        });
    }
    sums
}

/// Heads that a feed's measure says are scheduled, by interval: levels, added up over labels, averaged over the interval.
pub fn scheduled_by_interval(known: &Known<'_>, calendar: &Calendar, seconds: i64, measure: &str) -> ByInterval {
    let mut sums = ByInterval::new();
    for row in known.rows() {
        let Some(level) = row.measure(measure) else { continue };
        spread(&mut sums, calendar, seconds, row.span(), |overlap, length| {
            &level * &Exact::fraction(overlap.into(), length.into()).unwrap_or(Exact::ZERO)
        });
    }
    sums
}

/// Adds what each interval gets of a span, by the seconds of the overlap and of the interval.
fn spread(sums: &mut ByInterval, calendar: &Calendar, seconds: i64, span: Span, part: impl Fn(i64, i64) -> Exact) {
    let mut from = span.start;
    while from < span.end {
        let interval = interval_at(calendar, from, seconds);
        let overlap = Span::new(from, span.end.min(interval.end)).seconds();
        let entry = sums.entry(interval.start).or_default();
        *entry = &*entry + &part(overlap, interval.seconds());
        from = interval.end;
    }
}

/// What is usual.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usual {
    /// Median of the past values.
    pub median: f64,
    /// Median absolute deviation from it.
    pub deviation: f64,
}

/// Past contacts by weekday and interval, and by weekday. Holidays are not part of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Baseline {
    weeks: usize,
    slots: BTreeMap<(i8, Time), BTreeMap<Date, f64>>,
    days: BTreeMap<i8, BTreeMap<Date, f64>>,
}

impl Baseline {
    /// The baseline over the last `weeks` existing values. `past` is without the campaign's own contacts.
    pub fn of(past: &ByInterval, calendar: &Calendar, weeks: i64) -> Baseline {
        let mut baseline = Baseline { weeks: usize::try_from(weeks).unwrap_or(8), ..Baseline::default() };
        for (start, contacts) in past {
            let local = calendar.local(*start);
            let (day, weekday) = (local.date(), local.date().weekday().to_monday_one_offset());
            if calendar.is_holiday(day) {
                continue;
            }
            let value = contacts.to_f64();
            *baseline.slots.entry((weekday, local.time())).or_default().entry(day).or_default() += value;
            *baseline.days.entry(weekday).or_default().entry(day).or_default() += value;
        }
        baseline
    }

    /// What is usual for the interval that starts at a local time of a day: of the values before that day; `None` with fewer
    /// than four.
    pub fn interval(&self, day: Date, time: Time) -> Option<Usual> {
        self.usual(self.slots.get(&(day.weekday().to_monday_one_offset(), time))?, day)
    }

    /// What is usual for a whole day.
    pub fn day(&self, day: Date) -> Option<Usual> {
        self.usual(self.days.get(&day.weekday().to_monday_one_offset())?, day)
    }

    fn usual(&self, values: &BTreeMap<Date, f64>, day: Date) -> Option<Usual> {
        let latest: Vec<f64> = values.range(..day).rev().take(self.weeks).map(|(_, value)| *value).collect();
        if latest.len() < LEAST_VALUES {
            return None;
        }
        Some(Usual { median: median(&latest)?, deviation: median_absolute_deviation(&latest)? })
    }
}

/// A campaign's own contacts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Demand {
    /// All of them.
    pub contacts: Exact,
    /// By local day, days with none left out.
    pub days: BTreeMap<Date, Exact>,
    /// By interval.
    pub intervals: BTreeMap<Timestamp, f64>,
    /// The first instant of any channel; `None` without channels.
    pub first_at: Option<Timestamp>,
}

impl Demand {
    /// The same contacts by the intervals of another calendar.
    #[must_use]
    pub fn in_intervals_of(mut self, calendar: &Calendar, seconds: i64) -> Demand {
        let mut intervals: BTreeMap<Timestamp, f64> = BTreeMap::new();
        for (start, contacts) in &self.intervals {
            *intervals.entry(interval_at(calendar, *start, seconds).start).or_default() += contacts;
        }
        self.intervals = intervals;
        self
    }

    /// As a status shows it: the first 20 days.
    pub fn status(&self) -> DemandStatus {
        let days = self.days.iter().take(SHOWN_DAYS);
        DemandStatus {
            contacts: self.contacts.show(6),
            days: days.map(|(date, contacts)| DemandDay { date: *date, contacts: contacts.show(6) }).collect(),
        }
    }
}

/// The contacts that a campaign brings: Σ over channels of volume × response (or `expectedContacts`) × day share × intraday
/// share.
///
/// Day shares are of civil days from the channel's own first; the first uses only intervals that end after the channel
/// began. An interval's share of its day is that of the baseline; without a baseline, equal over service time. On a day
/// without service (or when it is over) contacts count for the day and in no interval.
pub fn campaign_demand(
    spec: &CampaignLaunchSpec,
    calendar: &Calendar,
    baseline: Option<&Baseline>,
    seconds: i64,
) -> Demand {
    let mut demand = Demand::default();
    for channel in &spec.channels {
        let at = channel.at.unwrap_or(spec.launch_at);
        demand.first_at = Some(demand.first_at.map_or(at, |first| first.min(at)));
        let contacts = channel_contacts(channel);
        let shares: Vec<Exact> = match channel.day_shares.is_empty() {
            true => vec![Exact::HUNDRED],
            false => channel.day_shares.iter().map(Exact::from).collect(),
        };
        for (place, share) in shares.iter().enumerate() {
            let day = days_after(calendar.date_of(at), place as i64);
            let of_day = contacts.percent(share);
            if of_day.signum() <= 0 {
                continue;
            }
            demand.contacts = &demand.contacts + &of_day;
            let entry = demand.days.entry(day).or_default();
            *entry = &*entry + &of_day;
            for (start, part) in intraday(calendar, day, at, baseline, seconds) {
                *demand.intervals.entry(start).or_default() += of_day.to_f64() * part;
            }
        }
    }
    demand
}

fn channel_contacts(channel: &Channel) -> Exact {
    match (&channel.expected_contacts, channel.volume, &channel.response_percent) {
        (Some(expected), _, _) => Exact::from(expected),
        (None, Some(volume), Some(response)) => Exact::from(volume).percent(&Exact::from(response)),
        _ => Exact::ZERO,
    }
}

/// The share of a day's contacts that comes in each interval from `at` on; they add up to 1.
fn intraday(
    calendar: &Calendar,
    day: Date,
    at: Timestamp,
    baseline: Option<&Baseline>,
    seconds: i64,
) -> Vec<(Timestamp, f64)> {
    let spans: Vec<Span> = service_intervals(calendar, day, seconds).into_iter().filter(|span| span.end > at).collect();
    let usual = |span: &Span| {
        baseline.and_then(|it| it.interval(day, calendar.local(span.start).time())).map_or(0.0, |usual| usual.median)
    };
    let mut weights: Vec<f64> = spans.iter().map(usual).collect();
    if weights.iter().sum::<f64>() <= 0.0 {
        weights = spans.iter().map(|span| calendar.service_seconds(span.start, span.end) as f64).collect();
    }
    let all: f64 = weights.iter().sum();
    spans.iter().zip(weights).filter(|_| all > 0.0).map(|(span, weight)| (span.start, weight / all)).collect()
}

/// Whether labels carry the campaign's own label; false without one.
pub fn is_of_campaign(labels: &Labels, campaign: &Labels) -> bool {
    !campaign.is_empty() && carries(labels, campaign)
}

#[cfg(test)]
mod tests;
