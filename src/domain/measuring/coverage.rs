//! How far the rows of a feed reach: without a gap (the watermark), and at all (`asOf`).
//!
//! The watermark decides when a period may close and what is missing. Figures of what runs go by `asOf`: a hole in the past
//! is named as a gap, but it neither holds them back nor counts as time in which nothing happened.
//!
//! A slot is as long as the feed's cadence and starts at local midnight or where the slot before it ends; the day's last one
//! may be shorter. A past slot of the term is missing when an instant of it in service hours is outside all known rows.

use std::cmp::Ordering;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::domain::terms::calendar::{Calendar, Span};

use super::ledger::{Known, union};
use crate::api::feed::Feed;
use crate::api::scalar::{Duration, DurationUnit};
use crate::domain::terms::defaults::DEFAULT_CADENCE;
use crate::domain::terms::periods::Periods;

/// How long after its end a row may arrive where the feed does not say.
pub const DEFAULT_LATENESS: Duration = Duration::new(1, DurationUnit::Hours);

/// What is there of a feed at an instant, and what is missing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// How far the rows reach, and when the feed counts as late.
    pub reach: FeedCoverage,
    /// Service time of missing slots, in order; spans that touch are one.
    gaps: Vec<Span>,
    /// The start of the slot that the latest row that has ended ends in: slots before it are over for good. The slot itself
    /// may still be filled, and must not turn into a hole by the clock alone.
    settled: Option<Timestamp>,
}

impl Coverage {
    /// The coverage of a feed by the rows that are known at `now`.
    pub fn of(feed: &Feed, known: &Known<'_>, periods: &Periods, calendar: &Calendar, now: Timestamp) -> Coverage {
        let Some(term) = periods.term() else { return Coverage::default() };
        let slots = Slots::of(feed, calendar);
        let covered = known.covered();
        let last_end = covered.iter().map(|span| span.end).max();
        let latest_ended = known.last_end_by(now);
        let missing = missing_slots(&slots, &covered, term, now);
        let reached = match missing.first() {
            Some(first) => last_end.map(|_| first.start),
            None => last_end,
        };
        Coverage {
            reach: FeedCoverage {
                watermark: reached.map(|instant| onwards(instant, periods, calendar)),
                as_of: latest_ended.map(|instant| onwards(instant, periods, calendar)),
                latest_end: latest_ended,
                late_at: late_at(feed, &slots, last_end, term, now),
            },
            gaps: missing.into_iter().flat_map(|span| calendar.service_spans(span.start, span.end)).collect(),
            settled: latest_ended.map(|instant| slots.start_of_slot(instant)),
        }
    }

    /// Bytes that it takes in memory.
    pub fn bytes(&self) -> usize {
        std::mem::size_of::<Coverage>() + std::mem::size_of_val(self.gaps.as_slice())
    }

    /// Service time of missing slots within a span, in order.
    pub fn gaps(&self, within: Span) -> Vec<Span> {
        self.gaps.iter().filter_map(|gap| gap.intersection(&within)).collect()
    }

    /// Seconds of service time within a span, without that of missing slots: the time that rows speak of.
    pub fn known_seconds(&self, within: Span, calendar: &Calendar) -> i64 {
        let all = calendar.service_seconds(within.start, within.end);
        let over = Span::new(within.start, self.settled.map_or(within.start, |settled| settled.min(within.end)));
        let missing: i64 = self.gaps(over).iter().map(Span::seconds).sum();
        all - missing
    }

    /// Whether the rows reach an instant without a gap.
    pub fn reaches(&self, instant: Timestamp) -> bool {
        self.reach.watermark.is_some_and(|watermark| watermark >= instant)
    }
}

/// An instant after which no service follows at once moves on to the next service, or to a period's end before it.
fn onwards(reached: Timestamp, periods: &Periods, calendar: &Calendar) -> Timestamp {
    let service = calendar.next_service(reached);
    if service == Some(reached) {
        return reached;
    }
    let ended = periods.all().partition_point(|period| period.end < reached);
    let period_end = periods.nth(ended).map(|period| period.end);
    [service, period_end].into_iter().flatten().min().unwrap_or(reached)
}

/// The slots of the term that are past and missing, as spans of whole slots, in order.
fn missing_slots(slots: &Slots<'_>, covered: &[Span], term: Span, now: Timestamp) -> Vec<Span> {
    let past = slots.start_of_slot(now.min(term.end)).clamp(term.start, term.end);
    let calendar = slots.calendar;
    let mut missing = Vec::new();
    for hole in outside(covered, Span::new(term.start, past)) {
        for service in calendar.service_spans(hole.start, hole.end) {
            let last = service.end.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(service.end);
            missing.push(Span::new(slots.start_of_slot(service.start).max(term.start), slots.end_of_slot(last)));
        }
    }
    union(missing.into_iter())
}

/// The parts of a window that no span covers; `spans` are disjoint and in order.
fn outside(spans: &[Span], window: Span) -> Vec<Span> {
    let mut holes = Vec::new();
    let mut reached = window.start;
    let first = spans.partition_point(|span| span.end <= window.start);
    for span in spans.iter().skip(first).take_while(|span| span.start < window.end) {
        if reached < span.start {
            holes.push(Span::new(reached, span.start));
        }
        reached = reached.max(span.end);
    }
    if reached < window.end {
        holes.push(Span::new(reached, window.end));
    }
    holes
}

/// When the next row after the last one is late: `lateness` after the end of the first slot with service that it left. Rows
/// longer than a day are waited for as long as they are.
fn late_at(
    feed: &Feed,
    slots: &Slots<'_>,
    last_end: Option<Timestamp>,
    term: Span,
    now: Timestamp,
) -> Option<Timestamp> {
    if feed.plan == Some(true) || now < term.start || now >= term.end {
        return None;
    }
    let from = last_end.map_or(term.start, |end| end.max(term.start));
    let service = slots.calendar.next_service(from).filter(|service| *service < term.end)?;
    let long_row = slots.calendar.after(service, Duration::new(slots.cadence, DurationUnit::Seconds));
    let slot_end = slots.end_of_slot(service);
    let end = match slots.cadence.cmp(&SECONDS_OF_A_DAY) {
        Ordering::Less => slot_end,
        // A day has 25 hours when the clock is set back.
        Ordering::Equal => slots.calendar.end_of_day(slots.calendar.date_of(service)),
        Ordering::Greater => long_row.max(slot_end),
    };
    Some(slots.calendar.after(end, feed.lateness.unwrap_or(DEFAULT_LATENESS)))
}

const SECONDS_OF_A_DAY: i64 = 86_400;

/// The slots of a feed.
pub(in crate::domain) struct Slots<'a> {
    calendar: &'a Calendar,
    /// Length of a slot in seconds.
    cadence: i64,
}

impl<'a> Slots<'a> {
    fn of(feed: &Feed, calendar: &'a Calendar) -> Self {
        let cadence = feed.cadence.unwrap_or(DEFAULT_CADENCE).seconds().unwrap_or(SECONDS_OF_A_DAY);
        Slots { calendar, cadence: cadence.max(1) }
    }

    /// The slots of the feed whose slots are longer.
    pub(in crate::domain) fn coarser(one: &Feed, other: &Feed, calendar: &'a Calendar) -> Self {
        let (one, other) = (Slots::of(one, calendar), Slots::of(other, calendar));
        if one.cadence >= other.cadence { one } else { other }
    }

    /// The start of the slot that an instant lies in.
    pub(in crate::domain) fn start_of_slot(&self, instant: Timestamp) -> Timestamp {
        let midnight = self.calendar.start_of_day(self.calendar.date_of(instant));
        let passed = instant.duration_since(midnight).as_secs().max(0);
        self.shifted(midnight, passed - passed % self.cadence)
    }

    /// The end of the slot that an instant lies in.
    fn end_of_slot(&self, instant: Timestamp) -> Timestamp {
        let next_day = self.calendar.end_of_day(self.calendar.date_of(instant));
        self.shifted(self.start_of_slot(instant), self.cadence).min(next_day)
    }

    fn shifted(&self, instant: Timestamp, seconds: i64) -> Timestamp {
        self.calendar.after(instant, Duration::new(seconds, DurationUnit::Seconds))
    }
}

/// How far the rows of a feed reach.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedCoverage {
    /// Up to where no slot is missing; `None` without rows.
    pub watermark: Option<Timestamp>,
    /// The end of the latest row that has ended, over closed hours moved on like the watermark; `None` without one.
    pub as_of: Option<Timestamp>,
    /// The end of the latest row that has ended; `None` without one.
    pub latest_end: Option<Timestamp>,
    /// When the feed counts as late if no further row arrives; `None` for a plan and outside the term.
    pub late_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests;
