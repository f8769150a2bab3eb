//! Slots about which a complete answer says nothing: where the feed says that they were quiet, they become rows of zeros.
//!
//! Such a row has the mapping's constant labels alone. It says that the slot is known; a real row beside it adds to nothing.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;

use super::fetch_request::Life;
use super::time_window::Window;
use super::window::Grid;
use crate::api::feed::{Feed, LabelMapping, MeasureMapping, Quiet};
use crate::domain::measuring::row::Row;
use crate::domain::terms::calendar::Calendar;
use crate::evidence::IncomingRow;

/// Service days without a row after which an empty answer is no longer taken for quiet.
const DEFAULT_QUIET_DAYS: i64 = 3;
/// Days that are looked through for service.
const MOST_DAYS: i64 = 60;

/// Whether the feed says that a slot without rows was quiet.
#[must_use]
pub fn has_quiet_slots(feed: &Feed) -> bool {
    feed.quiet == Some(Quiet::Zeros)
}

/// The end of the last of some rows that say anything: that have a figure other than 0.
pub fn last_real<'r>(rows: impl Iterator<Item = &'r Row>) -> Option<Timestamp> {
    rows.filter(|row| row.measures.values().any(|value| !value.is_zero())).map(|row| row.end).max()
}

/// How far before a window its last real row is looked for.
#[must_use]
pub fn reach(feed: &Feed) -> jiff::SignedDuration {
    // Holidays and weekends may lie between service days.
    jiff::SignedDuration::from_hours(24).saturating_mul(i32::try_from(most_days(feed) + 14).unwrap_or(31))
}

fn most_days(feed: &Feed) -> i64 {
    feed.quiet_at_most.unwrap_or(DEFAULT_QUIET_DAYS).clamp(1, 31)
}

/// Rows of zeros for the quiet slots of `whole`, the windows about which everything was said. `spoken` are the times of all rows that
/// came, those that were set aside too; `rows` are those that are taken.
pub(crate) fn zeros(
    feed: &Feed,
    zone: &TimeZone,
    whole: &[Window],
    spoken: &[Window],
    rows: &[IncomingRow],
    life: Life<'_>,
) -> Vec<IncomingRow> {
    if !has_quiet_slots(feed) {
        return Vec::new();
    }
    let Some((labels, measures)) = mapped(feed) else { return Vec::new() };
    let grid = Grid::of_slots(feed, zone);
    let spoken = Spans::of(spoken);
    let mut real: Vec<Timestamp> =
        rows.iter().filter(|row| row.measures.values().any(|value| !value.is_zero())).map(|row| row.end).collect();
    real.extend(life.last_row);
    real.sort_unstable();
    let labels: BTreeMap<String, String> =
        labels.iter().filter_map(|label| Some((label.name.clone(), label.value.clone()?))).collect();
    let measures: BTreeMap<String, Decimal> =
        measures.iter().map(|measure| (measure.name.clone(), Decimal::ZERO)).collect();
    let slots = whole.iter().flat_map(|window| grid.slots(*window));
    let quiet = slots.filter(|slot| {
        let before = real.partition_point(|end| *end <= slot.since);
        let last = before.checked_sub(1).and_then(|place| real.get(place));
        !spoken.overlap(*slot) && last.is_some_and(|last| is_alive(feed, zone, *last, slot.since, life.calendar))
    });
    quiet
        .map(|slot| IncomingRow {
            labels: labels.clone(),
            start: slot.since,
            end: slot.until,
            measures: measures.clone(),
            vendor_revision: None,
            recorded_at: None,
        })
        .collect()
}

fn mapped(feed: &Feed) -> Option<(&[LabelMapping], &[MeasureMapping])> {
    let format = feed.format.as_ref()?;
    let is_mapped = format.tree().is_some() || format.table().is_some();
    is_mapped.then(|| (format.mapped_labels(), format.mapped_measures()))
}

/// Whether an empty answer about a slot is still believed: only a few service days have begun after the day of the last real row.
fn is_alive(feed: &Feed, zone: &TimeZone, last: Timestamp, slot: Timestamp, calendar: Option<&Calendar>) -> bool {
    let day = |instant: Timestamp| instant.to_zoned(zone.clone()).date();
    let has_service = |date: &Date| calendar.is_none_or(|calendar| !calendar.service_of_day(*date).is_empty());
    let (first, until) = (day(last), day(slot));
    let days = first.series(jiff::Span::new().days(1)).skip(1).take_while(|date| *date <= until);
    let mut passed = 0;
    for (number, date) in days.enumerate() {
        passed += i64::from(has_service(&date));
        if passed > most_days(feed) || i64::try_from(number).is_ok_and(|number| number > MOST_DAYS) {
            return false;
        }
    }
    true
}

/// Disjoint spans in order.
struct Spans(Vec<Window>);

impl Spans {
    fn of(windows: &[Window]) -> Self {
        let mut sorted = windows.to_vec();
        sorted.sort_unstable_by_key(|window| window.since);
        let mut spans: Vec<Window> = Vec::new();
        for window in sorted {
            match spans.last_mut() {
                Some(last) if window.since <= last.until => last.until = last.until.max(window.until),
                _ => spans.push(window),
            }
        }
        Spans(spans)
    }

    fn overlap(&self, slot: Window) -> bool {
        let place = self.0.partition_point(|span| span.until <= slot.since);
        self.0.get(place).is_some_and(|span| span.since < slot.until)
    }
}

#[cfg(test)]
mod tests;
