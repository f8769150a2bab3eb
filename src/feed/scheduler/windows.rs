//! Which stretch of time a poll asks for, and when the next poll is due: pure.

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::FeedTask;
use crate::api::feed::Feed;
use crate::api::vendor_contract::FeedBackfill;
use crate::domain::terms::instants::{earlier, later};
use crate::evidence::BackfillProgress;
use crate::feed::time_window::Window;
use crate::feed::timing::{cadence, interval, seconds_or, signed};
use crate::feed::window;
use crate::feed::window_placeholders::asks_for_a_window;

const DEFAULT_LOOK_BACK: u64 = 3 * 86_400;
/// How far ahead a plan may reach.
const PLAN_REACH: SignedDuration = SignedDuration::from_hours(60 * 24);
/// The longest window of a back-fill.
pub(super) const LONGEST_WINDOW: SignedDuration = SignedDuration::from_hours(31 * 24);

/// What a poll asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PlannedWindow {
    pub window: Window,
    /// Whether it belongs to the first fetch of the past.
    pub backfill: bool,
    /// Whether nothing older is missing: the window is the usual look-back.
    pub regular: bool,
    /// Where the usual look-back begins.
    pub usual: Timestamp,
    /// Whether nothing newer is left to ask for now.
    pub last: bool,
    /// How far the feed is once this window is committed.
    pub progress: BackfillProgress,
    /// What is to be said of it: that the vendor keeps nothing older.
    pub note: Option<String>,
}

/// When the older slots of a look-back were asked for last. They change seldom, and each may cost a request: of a feed with `window`,
/// slots beyond 6 hours are asked for each hour, and those beyond a day each 6 hours.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Older {
    beyond_hours: Option<Timestamp>,
    beyond_a_day: Option<Timestamp>,
}

const YOUNG: SignedDuration = SignedDuration::from_hours(6);
const A_DAY: SignedDuration = SignedDuration::from_hours(24);

impl Older {
    /// From when on the look-back is asked for now.
    fn since(&self, usual: Timestamp, now: Timestamp) -> Timestamp {
        let is_due =
            |last: Option<Timestamp>, pause: SignedDuration| last.is_none_or(|last| now.duration_since(last) >= pause);
        let furthest = if is_due(self.beyond_a_day, YOUNG) {
            return usual;
        } else if is_due(self.beyond_hours, SignedDuration::from_hours(1)) {
            earlier(now, A_DAY)
        } else {
            earlier(now, YOUNG)
        };
        usual.max(furthest)
    }

    /// Notes what was asked for and committed.
    pub(super) fn note(&mut self, planned: &PlannedWindow, now: Timestamp) {
        if !planned.regular {
            return;
        }
        if planned.window.since <= planned.usual {
            self.beyond_a_day = Some(now);
        }
        if planned.window.since <= planned.usual.max(earlier(now, A_DAY)) {
            self.beyond_hours = Some(now);
        }
    }
}

/// The window of a poll at `now`; `None` when the contract is so long over that nothing can come.
///
/// The first fetch of the past goes from the term's start in windows of at most `longest`, each beginning one row's length
/// before the last one ended: a vendor that reports only whole rows has a row across that end in neither window. Afterwards a poll
/// looks back by `lookBack`; after an outage it begins `lookBack` before the last success, so that what arrived meanwhile is not lost.
pub(super) fn plan(
    task: &FeedTask,
    progress: Option<BackfillProgress>,
    longest: SignedDuration,
    older: &Older,
    now: Timestamp,
) -> Option<PlannedWindow> {
    let progress = progress.map(|known| known.up_to(now));
    let longest = window::longest(&task.feed).map_or(longest, |most| most.min(longest));
    let look_back = look_back(&task.feed);
    let ahead = if task.feed.plan.unwrap_or(false) { PLAN_REACH } else { SignedDuration::ZERO };
    let over = super::over(&task.feed, task.term_end);
    let end = later(now, ahead).min(over);
    let usual = earlier(now, look_back);
    if !crate::feed::capabilities::has_a_past(&task.feed) || !asks_for_a_window(&task.feed) {
        return present(Window { since: usual, until: end }, now < over, now);
    }
    let backfill = !progress.is_some_and(|progress| progress.completed);
    let reached = progress.map_or(task.term_start, |progress| progress.reached);
    // Never more than half a window, so that each window gets further, also where the look-back is longer than a window.
    let furthest_back = progress.map_or(Timestamp::MIN, |progress| earlier(progress.reached, longest / 2));
    let overlap = signed(cadence(&task.feed)).min(longest / 2);
    let unbroken = progress.map_or(task.term_start, |progress| earlier(progress.reached, overlap));
    let pause = signed(interval(&task.feed)).saturating_mul(2);
    let regular = !backfill && now.duration_since(reached) <= pause;
    let (since, longest) = match (backfill, regular) {
        (true, _) => (unbroken.min(usual).max(furthest_back), longest),
        (false, true) if window::is_on_grid(&task.feed) => (older.since(usual, now), SignedDuration::MAX),
        (false, true) => (usual, SignedDuration::MAX),
        (false, false) => (earlier(reached, look_back), look_back.saturating_add(LONGEST_WINDOW)),
    };
    let (since, note) = within_history(&task.feed, since, backfill, now);
    if since >= end || (!backfill && reached >= over) {
        return None;
    }
    let until = later(since, longest).min(end);
    let completed = !backfill || until == end;
    let progress = BackfillProgress { reached: until.min(now), completed };
    let (window, last) = (Window { since, until }, until == end);
    Some(PlannedWindow { window, backfill, regular, usual, last, progress, note })
}

/// How far back each poll looks.
pub(super) fn look_back(feed: &Feed) -> SignedDuration {
    signed(seconds_or(feed.look_back, DEFAULT_LOOK_BACK))
}

/// The beginning of a window, not before what the vendor keeps; and what is said of that while the past is fetched.
fn within_history(feed: &Feed, since: Timestamp, backfill: bool, now: Timestamp) -> (Timestamp, Option<String>) {
    let Some(history) = window::history(feed) else { return (since, None) };
    let oldest = earlier(now, history);
    if since >= oldest {
        return (since, None);
    }
    let days = history.as_hours() / 24;
    let note = backfill.then(|| format!("the vendor keeps {days} days, so that nothing before {oldest} is asked for"));
    (oldest, note)
}

/// How far the first fetch of the past is that has reached an instant: never all of it before it is complete.
pub(super) fn how_far(task: &FeedTask, reached: Timestamp, now: Timestamp) -> FeedBackfill {
    let look_back = look_back(&task.feed);
    let (from, _) = within_history(&task.feed, task.term_start.min(earlier(now, look_back)), true, now);
    let from = Timestamp::from_second(from.as_second()).unwrap_or(from);
    let (whole, done) = (now.duration_since(from).as_secs().max(1), reached.duration_since(from).as_secs());
    let percent = done.saturating_mul(100) / whole;
    FeedBackfill { from, fetched_until: reached, percent: percent.clamp(0, 99) }
}

/// The poll of an endpoint that shows only the present: there is no past to fetch.
fn present(window: Window, goes_on: bool, now: Timestamp) -> Option<PlannedWindow> {
    let progress = BackfillProgress { reached: now, completed: true };
    let usual = window.since;
    goes_on.then_some(PlannedWindow { window, backfill: false, regular: true, usual, last: true, progress, note: None })
}

/// A number of a feed that is the same after every restart; spreads feeds over time.
pub(super) fn spread(task: &FeedTask) -> u64 {
    let digest = Sha256::digest(format!("{}/{}", task.contract_uid, task.feed.name));
    digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The next poll after `now`: feeds of one interval are spread evenly over it, by their UID and name.
pub(super) fn next_poll(task: &FeedTask, now: Timestamp) -> Timestamp {
    let interval = i64::try_from(interval(&task.feed).as_secs()).unwrap_or(i64::MAX).max(1);
    let phase = i64::try_from(spread(task) % interval.unsigned_abs()).unwrap_or_default();
    let since_phase = now.as_second().saturating_sub(phase);
    let slot = since_phase.div_euclid(interval).saturating_add(1).saturating_mul(interval).saturating_add(phase);
    Timestamp::from_second(slot).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn task(extra: &str) -> FeedTask {
        let feed = format!(r#"{{"name":"acd","url":"https://feeds.acme.example/v1"{extra}}}"#);
        FeedTask {
            contract_uid: "5a1c".into(),
            namespace: "team".into(),
            contract: "acme-care".into(),
            feed: serde_json::from_str(&feed).unwrap(),
            term_start: at("2026-01-01T00:00:00Z"),
            term_end: at("2027-01-01T00:00:00Z"),
            time_zone: "UTC".into(),
            calendar: None,
            suspended: false,
        }
    }

    fn progress(reached: &str, completed: bool) -> Option<BackfillProgress> {
        Some(BackfillProgress { reached: at(reached), completed })
    }

    #[test]
    fn windows_follow_the_term_then_the_look_back_then_the_outage() {
        let plain = "";
        let plan_feed = r#","plan":true"#;
        // progress, now, extra fields → since, until, back-fill, completed
        let cases = [
            (None, "2026-03-15T00:00:00Z", plain, "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", true, false),
            (
                progress("2026-02-01T00:00:00Z", false),
                "2026-03-15T00:00:00Z",
                plain,
                "2026-01-31T23:30:00Z",
                "2026-03-03T23:30:00Z",
                true,
                false,
            ),
            (
                progress("2026-02-01T00:00:00Z", false),
                "2026-03-15T00:00:00Z",
                r#","cadence":"24h""#,
                "2026-01-31T00:00:00Z",
                "2026-03-03T00:00:00Z",
                true,
                false,
            ),
            (
                progress("2026-03-04T00:00:00Z", false),
                "2026-03-15T00:00:00Z",
                plain,
                "2026-03-03T23:30:00Z",
                "2026-03-15T00:00:00Z",
                true,
                true,
            ),
            (
                progress("2026-03-15T00:00:00Z", false),
                "2026-03-15T01:00:00Z",
                plain,
                "2026-03-12T01:00:00Z",
                "2026-03-15T01:00:00Z",
                true,
                true,
            ),
            (None, "2025-12-31T00:00:00Z", plain, "2025-12-28T00:00:00Z", "2025-12-31T00:00:00Z", true, true),
            (
                progress("2026-03-15T00:00:00Z", true),
                "2026-03-15T00:05:00Z",
                plain,
                "2026-03-12T00:05:00Z",
                "2026-03-15T00:05:00Z",
                false,
                true,
            ),
            (
                progress("2026-03-15T00:00:00Z", true),
                "2026-03-15T00:05:00Z",
                r#","lookBack":"45d""#,
                "2026-01-29T00:05:00Z",
                "2026-03-15T00:05:00Z",
                false,
                true,
            ),
            (
                progress("2026-03-15T00:00:00Z", true),
                "2026-03-20T00:00:00Z",
                plain,
                "2026-03-12T00:00:00Z",
                "2026-03-20T00:00:00Z",
                false,
                true,
            ),
            (
                progress("2026-03-15T00:00:00Z", true),
                "2026-06-15T00:00:00Z",
                plain,
                "2026-03-12T00:00:00Z",
                "2026-04-15T00:00:00Z",
                false,
                true,
            ),
            (
                progress("2026-03-15T00:00:00Z", true),
                "2026-03-15T00:05:00Z",
                plan_feed,
                "2026-03-12T00:05:00Z",
                "2026-05-14T00:05:00Z",
                false,
                true,
            ),
        ];
        for (progress, now, extra, since, until, backfill, completed) in cases {
            let planned = plan(&task(extra), progress, LONGEST_WINDOW, &Older::default(), at(now)).unwrap();
            let found = (planned.window, planned.backfill, planned.progress.completed);
            assert_eq!(
                found,
                (Window { since: at(since), until: at(until) }, backfill, completed),
                "{progress:?} {now}"
            );
            assert_eq!(planned.progress.reached, at(until).min(at(now)));
        }
        assert_eq!(
            plan(
                &task(""),
                progress("2027-01-04T00:00:00Z", true),
                LONGEST_WINDOW,
                &Older::default(),
                at("2027-02-01T00:00:00Z")
            ),
            None
        );
    }

    #[test]
    fn the_first_fetch_of_the_past_ends_however_long_the_look_back_and_however_short_the_windows() {
        let now = at("2026-12-15T00:00:00Z");
        for look_back in ["1h", "3d", "31d", "45d", "300d", "900d"] {
            for longest in [LONGEST_WINDOW, SignedDuration::from_hours(48), SignedDuration::from_hours(24)] {
                let task = task(&format!(r#","lookBack":"{look_back}""#));
                let (mut state, mut asked_until, mut windows) = (None, task.term_start, 0);
                while !state.is_some_and(|progress: BackfillProgress| progress.completed) {
                    let planned = plan(&task, state, longest, &Older::default(), now).unwrap();
                    let Window { since, until } = planned.window;
                    assert!(
                        since <= asked_until && until.duration_since(since) <= longest,
                        "{look_back}: {since} {until}"
                    );
                    assert!(
                        state.is_none_or(|state| until > state.reached),
                        "{look_back}: {since} {until} goes no further"
                    );
                    (state, asked_until, windows) = (Some(planned.progress), until, windows + 1);
                }
                assert!(asked_until == now && windows < 4_000, "{look_back}: {windows} windows of {longest}");
            }
        }
    }

    #[test]
    fn how_far_the_past_is_counts_from_where_the_vendor_is_asked_and_is_never_all_of_it() {
        let now = "2026-04-11T00:00:00Z";
        for (extra, reached, from, percent) in [
            ("", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", 0),
            ("", "2026-02-20T12:00:00Z", "2026-01-01T00:00:00Z", 50),
            ("", now, "2026-01-01T00:00:00Z", 99),
            // Nothing is there before the vendor's history.
            (r#","window":{"history":"50d"}"#, "2026-03-02T00:00:00Z", "2026-02-20T00:00:00Z", 20),
            (r#","window":{"history":"50d"}"#, "2026-01-10T00:00:00Z", "2026-02-20T00:00:00Z", 0),
        ] {
            let shown = how_far(&task(extra), at(reached), at(now));
            assert_eq!(
                shown,
                FeedBackfill { from: at(from), fetched_until: at(reached), percent },
                "{extra} {reached}"
            );
        }
    }

    #[test]
    fn an_endpoint_of_the_present_is_asked_once_and_has_no_past() {
        let scraped = task(r#","format":{"openMetrics":{"measures":[{"name":"offered","metric":"calls_total"}]}}"#);
        for known in [None, progress("2026-01-02T00:00:00Z", true)] {
            let planned = plan(&scraped, known, LONGEST_WINDOW, &Older::default(), at("2026-06-15T00:00:00Z")).unwrap();
            assert!(planned.last && !planned.backfill);
            assert_eq!(Some(planned.progress), progress("2026-06-15T00:00:00Z", true));
        }
        assert!(
            plan(&scraped, None, LONGEST_WINDOW, &Older::default(), at("2027-01-01T00:00:00Z")).is_some(),
            "late rows would still count"
        );
        assert!(plan(&scraped, None, LONGEST_WINDOW, &Older::default(), at("2027-01-05T00:00:00Z")).is_none());
    }

    #[test]
    fn progress_that_lies_ahead_neither_ends_a_feed_nor_hides_a_time_from_it() {
        let (task, now) = (task(""), at("2026-06-15T00:00:00Z"));
        for completed in [true, false] {
            for reached in ["2026-07-16T00:00:00Z", "2027-02-01T00:00:00Z"] {
                let planned = plan(&task, progress(reached, completed), LONGEST_WINDOW, &Older::default(), now);
                let planned = planned.unwrap_or_else(|| panic!("{reached} {completed}: it is never asked again"));
                assert!(planned.window.since <= earlier(now, look_back(&task.feed)) && planned.window.until == now);
                assert_eq!(Some(planned.progress), progress("2026-06-15T00:00:00Z", true), "{reached} {completed}");
            }
        }
    }

    #[test]
    fn every_instant_of_the_term_is_asked_for_whenever_outages_happen() {
        let task = task("");
        let (mut now, mut state, mut asked_until) = (at("2026-04-02T00:00:00Z"), None, task.term_start);
        for hours in [0, 1, 1, 1, 24 * 40, 1, 24 * 100, 1, 1, 1, 1, 5, 24 * 3] {
            now = now.checked_add(SignedDuration::from_hours(hours)).unwrap();
            for _ in 0..10 {
                let planned = plan(&task, state, LONGEST_WINDOW, &Older::default(), now).unwrap();
                assert!(planned.window.since <= asked_until, "a gap before {}", planned.window.since);
                asked_until = planned.window.until;
                state = Some(planned.progress);
                if planned.window.until == now {
                    break;
                }
            }
            assert_eq!(asked_until, now);
        }
    }

    #[test]
    fn polls_are_spread_over_the_interval_and_stay_where_they_are() {
        let now = at("2026-03-15T00:00:00Z");
        let mut slots = std::collections::BTreeSet::new();
        for number in 0..300 {
            let task = FeedTask { contract_uid: format!("uid-{number}"), ..task("") };
            let next = next_poll(&task, now);
            let after = next_poll(&task, next);
            assert!(next > now && next.duration_since(now).as_secs() <= 300);
            assert_eq!(after.duration_since(next).as_secs(), 300);
            slots.insert(next.as_second() / 30);
        }
        assert!(slots.len() >= 10, "{slots:?}");
    }
}
