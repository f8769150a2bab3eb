//! Contracts whose terms change while they are judged.
//!
//! People apply a contract and its KpiTargets one after the other: no period closes between the two. A watch that was behind shows old
//! terms for a moment, and nothing is recorded of those: the contract is looked at again. Terms that somebody changes again and again never
//! settle, and change under every look. A contract is not kept from its verdicts by that: after [`MOTION`] what was judged is written as if
//! its terms had settled, and after [`PATIENCE`] the terms that were judged are recorded, which were in force for a moment.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// For how long a watch that was behind may take to show all that it missed.
const PATIENCE: Duration = Duration::from_secs(10);
/// How soon the next look begins at terms that changed under a look. Terms that changed earlier say nothing of a watch that is behind now.
const SAME_MOTION: Duration = Duration::from_secs(10);
/// For how long terms that change again before they settled keep the periods of a contract open; longer where they settle slowly.
const MOTION: Duration = Duration::from_secs(60);

/// Since when the terms of contracts have changed under every look, by the UID of their evidence.
#[derive(Debug, Default)]
pub struct TermsInMotion(Mutex<HashMap<String, Streak>>);

/// Looks under which the terms changed, one after the other.
#[derive(Clone, Copy, Debug)]
struct Streak {
    since: Instant,
    last: Instant,
}

impl TermsInMotion {
    /// Takes note of terms that changed while they were judged, by a look that began at `began`. Returns whether the contract is to be
    /// looked at again before anything is recorded.
    pub fn wait(&self, uid: &str, began: Instant, now: Instant) -> bool {
        let mut streaks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let streak = streaks.entry(uid.to_owned()).or_insert(Streak { since: now, last: now });
        // A look may itself take longer: what counts is when it began.
        if began.saturating_duration_since(streak.last) > SAME_MOTION {
            streak.since = now;
        }
        streak.last = now;
        now.saturating_duration_since(streak.since) < PATIENCE
    }

    /// Takes note of terms that were recorded, or need not be, or of a contract that is gone.
    pub fn forget(&self, uid: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }
}

/// The terms of contracts that were seen last, by the UID of their evidence.
#[derive(Debug, Default)]
pub(super) struct Settling(Mutex<HashMap<String, Seen>>);

/// Terms that were seen.
#[derive(Clone, Copy, Debug)]
struct Seen {
    terms: [u8; 32],
    since: Instant,
    /// Since when terms have changed before they settled.
    in_motion_since: Instant,
}

impl Settling {
    /// How much longer the terms of a contract must stay unchanged, which is `settle`, before a period may close under them; zero when
    /// they have, and when they have been in motion for too long.
    pub(super) fn unsettled_for(&self, uid: &str, terms: [u8; 32], settle: Duration, now: Instant) -> Duration {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = all.entry(uid.to_owned()).or_insert(Seen { terms, since: now, in_motion_since: now });
        if seen.terms != terms {
            let had_settled = now.saturating_duration_since(seen.since) >= settle;
            let in_motion_since = if had_settled { now } else { seen.in_motion_since };
            *seen = Seen { terms, since: now, in_motion_since };
        }
        let left = settle.saturating_sub(now.saturating_duration_since(seen.since));
        let longest = MOTION.max(settle.saturating_mul(2));
        left.min(longest.saturating_sub(now.saturating_duration_since(seen.in_motion_since)))
    }

    /// Takes note of a contract that is gone.
    pub(super) fn forget(&self, uid: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_that_change_under_every_look_are_recorded_after_ten_seconds() {
        let (motion, begin) = (TermsInMotion::default(), Instant::now());
        let at = |seconds| begin + Duration::from_secs(seconds);
        let wait = |uid, seconds| motion.wait(uid, at(seconds), at(seconds));
        for (seconds, waits) in [(0, true), (5, true), (9, true), (10, false), (11, false)] {
            assert_eq!(wait("care", seconds), waits, "after {seconds} s");
        }
        assert!(wait("sales", 11), "each contract has its own patience");
        motion.forget("care");
        assert!(wait("care", 12), "what was recorded ends it");
    }

    #[test]
    fn terms_that_changed_long_ago_let_no_later_look_record_what_a_late_watch_shows() {
        let (motion, begin) = (TermsInMotion::default(), Instant::now());
        let at = |seconds| begin + Duration::from_secs(seconds);
        assert!(motion.wait("care", at(0), at(0)));
        assert!(motion.wait("care", at(11), at(12)), "nothing changed for eleven seconds");
        assert!(motion.wait("care", at(13), at(20)), "the streak began at the second one");
        assert!(!motion.wait("care", at(21), at(50)), "a look that takes long belongs to it by its begin");
    }

    #[test]
    fn terms_that_change_before_they_settle_count_as_settled_after_a_minute_of_motion() {
        let (settling, begin) = (Settling::default(), Instant::now());
        let five = Duration::from_secs(5);
        let left = |terms: u8, seconds: u8| {
            let now = begin + Duration::from_secs(seconds.into());
            settling.unsettled_for("care", [terms; 32], five, now).as_secs()
        };
        for seconds in (0..=56).step_by(4) {
            assert_eq!(left(seconds, seconds), 5.min(60 - u64::from(seconds)), "other terms after {seconds} s");
        }
        for seconds in (60..=80).step_by(4) {
            assert_eq!(left(seconds, seconds), 0, "other terms after {seconds} s");
        }
        assert_eq!(
            (left(80, 85), left(1, 90), left(1, 93), left(1, 95)),
            (0, 5, 2, 0),
            "terms that settled begin again"
        );
        settling.forget("care");
        assert_eq!(left(1, 96), 5);
        let slow = |terms: u8, minutes: u64| {
            let (settle, now) = (Duration::from_secs(600), begin + Duration::from_secs(60 * minutes));
            settling.unsettled_for("sales", [terms; 32], settle, now).as_secs() / 60
        };
        assert_eq!(
            [slow(0, 0), slow(1, 9), slow(2, 18), slow(3, 20)],
            [10, 10, 2, 0],
            "twice as long as they take to settle"
        );
    }
}
