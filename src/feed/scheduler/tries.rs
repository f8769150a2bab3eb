//! Whether feeds are in regular service, whatever their vendors answer: pure.

use jiff::{SignedDuration, Timestamp};

use super::FeedOutcome;
use super::windows::look_back;
use crate::api::feed::Feed;
use crate::clock::Clock;
use crate::feed::timing::interval;

/// How a feed was tried since the operator began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tries {
    /// Since when without a longer break than [`longest_pause`], by the operator's clock.
    pub since: Timestamp,
    /// When the last one ended, or until when the vendor then wished not to be asked.
    pub until: Timestamp,
}

/// How far the progress in the store may be behind.
const LAG: SignedDuration = SignedDuration::from_hours(1);

/// The longest time between two tries of a feed in regular service, by the operator's clock. A rehearsal that runs fast cannot ask more
/// often than once in a while of real time.
pub fn longest_pause(feed: &Feed, clock: &Clock) -> SignedDuration {
    let interval = SignedDuration::try_from(interval(feed)).unwrap_or(SignedDuration::MAX);
    let speed = Some(clock.speed()).filter(|speed| speed.is_finite() && *speed > 1.0);
    let of_a_second = speed.map_or(SignedDuration::ZERO, |speed| SignedDuration::from_secs(speed.min(1e9) as i64));
    interval.saturating_mul(2).saturating_add(LAG).saturating_add(of_a_second)
}

/// From when on there is nothing more to ask of a feed whose contract ends at `term_end`.
pub fn over(feed: &Feed, term_end: Timestamp) -> Timestamp {
    term_end.checked_add(look_back(feed)).unwrap_or(Timestamp::MAX)
}

/// What is known after one more poll. One in which nobody asked the vendor does not count as a try.
pub(super) fn after(
    before: Option<Tries>,
    outcome: &FeedOutcome,
    at: Timestamp,
    longest_pause: SignedDuration,
) -> Option<Tries> {
    let wish = match outcome {
        FeedOutcome::NotAsked(_) | FeedOutcome::NotStored(_) | FeedOutcome::ClocksDiffer => return before,
        FeedOutcome::Failed(error) => error.retry_after.and_then(|wish| SignedDuration::try_from(wish).ok()),
        FeedOutcome::Fetched | FeedOutcome::Waiting => None,
    };
    let goes_on = before.filter(|before| at.duration_since(before.until) <= longest_pause);
    let until = at.checked_add(wish.unwrap_or_default()).unwrap_or(Timestamp::MAX);
    Some(Tries { since: goes_on.map_or(at, |before| before.since.min(at)), until })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::evidence::StoreError;
    use crate::outbound::error::{FailureKind, FetchError};

    fn at(text: &str) -> Timestamp {
        format!("2026-06-{text}:00Z").parse().unwrap()
    }

    #[test]
    fn tries_go_on_whatever_the_vendor_answers_and_begin_again_after_a_break() {
        let failed = || FeedOutcome::Failed(FetchError::new(FailureKind::Timeout, "no answer"));
        let refused = || {
            let mut error = FetchError::new(FailureKind::RateLimited, "later");
            error.retry_after = Some(Duration::from_secs(86_400));
            FeedOutcome::Failed(error)
        };
        let unread = FeedOutcome::NotAsked(FetchError::new(FailureKind::Timeout, "the cluster returns no Secret"));
        let unstored = FeedOutcome::NotStored(StoreError::Invalid("the store is full".to_owned()));
        let known = Some(Tries { since: at("01T08:00"), until: at("01T09:00") });
        let tries = |since, until| Some(Tries { since: at(since), until: at(until) });
        let cases = [
            ("the first", None, FeedOutcome::Fetched, "01T09:00", tries("01T09:00", "01T09:00")),
            ("one more", known, FeedOutcome::Fetched, "01T09:30", tries("01T08:00", "01T09:30")),
            ("it fails", known, failed(), "01T09:30", tries("01T08:00", "01T09:30")),
            ("a report is being made", known, FeedOutcome::Waiting, "01T09:30", tries("01T08:00", "01T09:30")),
            ("a break of the longest", known, failed(), "01T11:00", tries("01T08:00", "01T11:00")),
            ("a longer break", known, failed(), "01T11:01", tries("01T11:01", "01T11:01")),
            ("the vendor wishes a day's peace", known, refused(), "01T09:30", tries("01T08:00", "02T09:30")),
            ("nobody asked", known, unread, "01T09:30", known),
            ("the store took nothing", known, unstored, "01T09:30", known),
            ("the clock is a month ahead", known, FeedOutcome::ClocksDiffer, "30T09:30", known),
        ];
        for (name, before, outcome, now, expected) in cases {
            assert_eq!(after(before, &outcome, at(now), SignedDuration::from_hours(2)), expected, "{name}");
        }
        let wished = after(known, &refused(), at("01T09:30"), SignedDuration::from_hours(2));
        let next = after(wished, &failed(), at("02T09:31"), SignedDuration::from_hours(2));
        assert_eq!(next, tries("01T08:00", "02T09:31"), "a wish is not a break");
    }

    #[test]
    fn regular_service_is_two_intervals_and_what_the_store_may_be_behind() {
        for (interval, hours) in [("30m", 2), ("12h", 25), ("24h", 49)] {
            let feed = format!(r#"{{"name":"acd","url":"https://feeds.acme.example/v1","interval":"{interval}"}}"#);
            let feed: Feed = serde_json::from_str(&feed).unwrap();
            assert_eq!(longest_pause(&feed, &Clock::real()), SignedDuration::from_hours(hours), "{interval}");
        }
    }
}
