//! Which stretches of time a feed's requests ask for, and which slots lie in them: pure.
//!
//! Slots and edges lie on a grid that begins again at each local midnight, as the slots of `domain::measuring::coverage` do; the last
//! step of a day may be shorter, and a step of 24 hours is a local day.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::time_window::Window;
use super::timing::{cadence, signed};
use crate::api::feed::{Feed, FeedFormat, FeedWindow, RowTime};
use crate::api::scalar;
use crate::domain::terms::instants::{earlier, later};
use crate::domain::terms::placeholders::Placeholder;
use crate::evidence::{IncomingRow, RejectedRow, RejectionReason};

use super::capabilities::has_records;
use super::window_placeholders::placeholders_of;

/// A grid of instants.
#[derive(Clone, Debug)]
pub(crate) struct Grid<'z> {
    zone: &'z TimeZone,
    step: SignedDuration,
}

const DAY: SignedDuration = SignedDuration::from_hours(24);
const SECOND: SignedDuration = SignedDuration::from_secs(1);

impl<'z> Grid<'z> {
    /// A grid of `step`, from a second to a day.
    pub(crate) fn new(zone: &'z TimeZone, step: SignedDuration) -> Self {
        Grid { zone, step: step.clamp(SECOND, DAY) }
    }

    /// The grid of a feed's slots.
    pub(crate) fn of_slots(feed: &Feed, zone: &'z TimeZone) -> Self {
        Grid::new(zone, signed(cadence(feed)))
    }

    /// The grid on which a feed's windows lie.
    pub(crate) fn of_windows(feed: &Feed, zone: &'z TimeZone) -> Self {
        let align = feed.window.as_ref().and_then(|window| window.align);
        align.and_then(seconds).map_or_else(|| Grid::of_slots(feed, zone), |align| Grid::new(zone, align))
    }

    /// The first instant of an instant's local day, and of the day after it.
    fn day(&self, instant: Timestamp) -> (Timestamp, Timestamp) {
        let date = instant.to_zoned(self.zone.clone()).date();
        let midnight = |date: jiff::civil::Date| date.to_zoned(self.zone.clone()).map(|zoned| zoned.timestamp()).ok();
        let first = midnight(date).filter(|first| *first <= instant).unwrap_or(instant);
        let next = date.tomorrow().ok().and_then(midnight).filter(|next| *next > instant);
        (first, next.unwrap_or_else(|| later(first, DAY)))
    }

    /// The last edge at or before an instant.
    pub(crate) fn floor(&self, instant: Timestamp) -> Timestamp {
        let (midnight, _) = self.day(instant);
        if self.step == DAY {
            return midnight;
        }
        let (passed, step) = (instant.duration_since(midnight).as_secs().max(0), self.step.as_secs().max(1));
        later(midnight, SignedDuration::from_secs(passed - passed % step))
    }

    /// The first edge after an instant.
    pub(crate) fn after(&self, instant: Timestamp) -> Timestamp {
        let (_, next_day) = self.day(instant);
        if self.step == DAY { next_day } else { later(self.floor(instant), self.step).min(next_day) }
    }

    /// The first edge at or after an instant.
    fn ceil(&self, instant: Timestamp) -> Timestamp {
        if self.floor(instant) == instant { instant } else { self.after(instant) }
    }

    /// The slots that lie wholly inside a window, in order.
    pub(crate) fn slots(&self, window: Window) -> impl Iterator<Item = Window> + '_ {
        let first = self.ceil(window.since);
        let slots = std::iter::successors(Some(first), |since| Some(self.after(*since)));
        slots.map(|since| Window { since, until: self.after(since) }).take_while(move |slot| slot.until <= window.until)
    }
}

/// The window with its edges on the feed's grid, and nothing in it that is not settled; `None` where nothing is left. Feeds without
/// `window` and without `time: Window` are asked as they always were.
pub(crate) fn aligned(feed: &Feed, zone: &TimeZone, window: Window, now: Timestamp) -> Option<Window> {
    if !is_on_grid(feed) {
        return Some(window);
    }
    let grid = Grid::of_windows(feed, zone);
    let is_plan = feed.plan.unwrap_or(false);
    let settled = if is_plan { window.until } else { earlier(now, settle(feed)).min(window.until) };
    // Whoever is asked from an instant on, and not until when, is asked for the step that runs, too.
    let until = if begun_steps(feed) { grid.ceil(settled) } else { grid.floor(settled) };
    let kept = history(feed).map(|history| grid.ceil(earlier(now, history)));
    let since = grid.floor(window.since).max(kept.unwrap_or(Timestamp::MIN));
    (since < until).then_some(Window { since, until })
}

/// The window with its edges on the feed's grid, however young it is.
pub(crate) fn rounded(feed: &Feed, zone: &TimeZone, window: Window) -> Window {
    if !is_on_grid(feed) {
        return window;
    }
    let grid = Grid::of_windows(feed, zone);
    Window { since: grid.floor(window.since), until: grid.ceil(window.until) }
}

/// Whether the windows of a feed lie on a grid.
pub(crate) fn is_on_grid(feed: &Feed) -> bool {
    feed.window.is_some() || is_the_row(feed) || has_records(feed)
}

/// The rows that lie wholly inside a window. One that is longer than a slot and reaches over the window's edge would never lie inside one:
/// it is set aside with a reason, so that somebody sees it.
pub(crate) fn inside(feed: &Feed, window: Window, rows: Vec<IncomingRow>) -> (Vec<IncomingRow>, Vec<RejectedRow>) {
    let Window { since, until } = window;
    let slot = signed(cadence(feed));
    let (mut kept, mut across) = (Vec::new(), Vec::new());
    for row in rows {
        let is_touched = row.start < until && row.end > since;
        if row.start >= since && row.end <= until {
            kept.push(row);
        } else if is_touched && row.end.duration_since(row.start) > slot {
            let text = format!(
                "{} to {}: longer than `cadence`, and across the edge of the window from {since} to {until}",
                row.start, row.end
            );
            across.push(RejectedRow { reason: RejectionReason::AcrossWindow, text });
        }
    }
    (kept, across)
}

/// Whether the window that was asked for is the interval of the rows that came.
pub(crate) fn is_the_row(feed: &Feed) -> bool {
    feed.format.as_deref().and_then(FeedFormat::row_time) == Some(RowTime::Window)
}

/// A window in the parts in which it is asked for, in order: they touch, and none is longer than the feed allows.
pub(crate) fn parts(feed: &Feed, zone: &TimeZone, window: Window) -> Vec<Window> {
    if is_the_row(feed) {
        return Grid::of_slots(feed, zone).slots(window).collect();
    }
    let Some(at_most) = feed.window.as_ref().and_then(|window| window.at_most).and_then(seconds) else {
        return vec![window];
    };
    let grid = Grid::of_windows(feed, zone);
    let mut parts = Vec::new();
    let mut since = window.since;
    while since < window.until {
        let furthest = grid.floor(later(since, at_most)).min(window.until);
        let until = if furthest > since { furthest } else { grid.after(since).min(window.until) };
        parts.push(Window { since, until });
        since = until;
    }
    parts
}

/// The edge of a slot near a window's middle; `None` where there is none inside it.
pub(crate) fn middle(feed: &Feed, zone: &TimeZone, window: Window) -> Option<Timestamp> {
    let grid = Grid::of_slots(feed, zone);
    let edge = grid.floor(later(window.since, window.until.duration_since(window.since) / 2));
    let edge = if edge > window.since { edge } else { grid.after(window.since) };
    (edge > window.since && edge < window.until).then_some(edge)
}

/// The longest stretch that one fetch of the past may have, where the feed says so.
pub(crate) fn longest(feed: &Feed) -> Option<SignedDuration> {
    if is_the_row(feed) {
        return Some(signed(cadence(feed)).saturating_mul(SLOTS_OF_A_FETCH));
    }
    let window = feed.window.as_ref()?;
    let at_most = window.at_most.and_then(seconds)?;
    // The window's beginning is rounded down to the grid.
    let align = window.align.and_then(seconds).unwrap_or_else(|| signed(cadence(feed)));
    Some(if at_most >= align.saturating_mul(2) { at_most - align } else { at_most })
}

/// Slots of one fetch of the past, where each slot is a request.
const SLOTS_OF_A_FETCH: i32 = 48;

/// How far back the vendor has anything.
pub(crate) fn history(feed: &Feed) -> Option<SignedDuration> {
    feed.window.as_ref()?.history.and_then(seconds)
}

/// How old a slot must be.
fn settle(feed: &Feed) -> SignedDuration {
    feed.window.as_ref().and_then(|window| window.settle).and_then(seconds).unwrap_or(SignedDuration::ZERO)
}

/// Requests that the vendor allows in a minute.
pub(crate) fn per_minute(feed: &Feed) -> Option<u32> {
    let FeedWindow { per_minute, .. } = feed.window.as_ref()?;
    u32::try_from((*per_minute)?).ok().filter(|count| *count > 0)
}

fn begun_steps(feed: &Feed) -> bool {
    let found = placeholders_of(feed);
    found.iter().any(Placeholder::names_window) && !found.iter().any(Placeholder::names_end)
}

fn seconds(duration: scalar::Duration) -> Option<SignedDuration> {
    duration.seconds().map(SignedDuration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn feed(extra: &str) -> Feed {
        serde_json::from_str(&format!(r#"{{"name":"acd","url":"https://feeds.acme.example/v1"{extra}}}"#)).unwrap()
    }

    fn window(since: &str, until: &str) -> Window {
        Window { since: at(since), until: at(until) }
    }

    fn shown(window: Window) -> String {
        format!("{}/{}", window.since, window.until).replace(":00Z", "")
    }

    #[test]
    fn edges_lie_on_the_grid_and_nothing_unsettled_is_asked_for() {
        let london = TimeZone::get("Europe/London").unwrap();
        for (extra, since, until, now, expected) in [
            (
                "",
                "2026-01-05T08:07:11Z",
                "2026-01-05T09:59:00Z",
                "2026-01-05T09:59:00Z",
                Some("2026-01-05T08:07:11Z/2026-01-05T09:59"),
            ),
            (
                r#","window":{}"#,
                "2026-01-05T08:07:11Z",
                "2026-01-05T09:59:00Z",
                "2026-01-05T09:59:00Z",
                Some("2026-01-05T08:00/2026-01-05T09:30"),
            ),
            (
                r#","window":{"settle":"15m"}"#,
                "2026-01-05T08:00:00Z",
                "2026-01-05T09:44:00Z",
                "2026-01-05T09:44:00Z",
                Some("2026-01-05T08:00/2026-01-05T09:00"),
            ),
            (
                r#","window":{"settle":"15m"}"#,
                "2026-01-05T08:00:00Z",
                "2026-01-05T09:45:00Z",
                "2026-01-05T09:45:00Z",
                Some("2026-01-05T08:00/2026-01-05T09:30"),
            ),
            (
                r#","window":{"settle":"2h"}"#,
                "2026-01-05T08:00:00Z",
                "2026-01-05T09:45:00Z",
                "2026-01-05T09:45:00Z",
                None,
            ),
            // A local day is never cut, also where it has 25 hours.
            (
                r#","window":{"align":"24h"}"#,
                "2026-10-24T12:00:00Z",
                "2026-10-26T12:00:00Z",
                "2026-10-26T12:00:00Z",
                Some("2026-10-23T23:00/2026-10-26T00:00"),
            ),
            // Nothing says until when: the day that runs is asked for, too.
            (
                r#","window":{"align":"24h"},"request":{"query":[{"name":"day","value":"{since:%Y-%m-%d}"}]}"#,
                "2026-01-05T12:00:00Z",
                "2026-01-06T12:00:00Z",
                "2026-01-06T12:00:00Z",
                Some("2026-01-05T00:00/2026-01-07T00:00"),
            ),
        ] {
            let found = aligned(&feed(extra), &london, window(since, until), at(now)).map(shown);
            assert_eq!(found.as_deref(), expected, "{extra}");
        }
    }

    #[test]
    fn a_window_is_halved_at_the_edges_of_slots_down_to_one_slot() {
        let (utc, feed) = (TimeZone::UTC, feed(""));
        for (since, until, expected) in [
            ("2026-01-05T08:00:00Z", "2026-01-05T12:00:00Z", Some("2026-01-05T10:00:00Z")),
            ("2026-01-05T08:00:00Z", "2026-01-05T09:30:00Z", Some("2026-01-05T08:30:00Z")),
            ("2026-01-05T08:00:00Z", "2026-01-05T09:00:00Z", Some("2026-01-05T08:30:00Z")),
            ("2026-01-05T08:00:00Z", "2026-01-05T08:30:00Z", None),
        ] {
            assert_eq!(middle(&feed, &utc, window(since, until)), expected.map(at), "{since} {until}");
        }
    }

    #[test]
    fn parts_touch_and_none_is_longer_than_the_vendor_allows() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let asked = window("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z");
        for (extra, count, first) in [
            ("", 1, "2026-03-28T23:00/2026-03-29T22:00"),
            (r#","window":{"atMost":"7d"}"#, 1, "2026-03-28T23:00/2026-03-29T22:00"),
            (r#","window":{"atMost":"6h"}"#, 4, "2026-03-28T23:00/2026-03-29T05:00"),
            // The day has 23 hours, and is longer than what is allowed: a step is never cut.
            (r#","window":{"atMost":"6h","align":"24h"}"#, 1, "2026-03-28T23:00/2026-03-29T22:00"),
            (
                r#","format":{"json":{"rows":"$[*]","time":"Window","measures":[{"name":"offered","path":"$.n"}]}}"#,
                46,
                "2026-03-28T23:00/2026-03-28T23:30",
            ),
        ] {
            let parts = parts(&feed(extra), &berlin, asked);
            assert_eq!((parts.len(), shown(parts[0]).as_str()), (count, first), "{extra}");
            assert!(parts.windows(2).all(|pair| pair[0].until == pair[1].since), "{extra}: {parts:?}");
            assert_eq!((parts[0].since, parts[parts.len() - 1].until), (asked.since, asked.until), "{extra}");
        }
    }
}
