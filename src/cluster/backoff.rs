//! How long to wait before the next attempt.

use std::time::{Duration, Instant};

use kube::runtime::utils::Backoff;

/// The pause after a number of failures: half a second, doubled with each up to the longest, and spread over its second half, so that
/// objects do not all come back at once.
pub fn pause(failures: u32, longest: Duration) -> Duration {
    let full = Duration::from_millis(500).saturating_mul(2_u32.saturating_pow(failures)).min(longest);
    full.mul_f64(0.5 + fastrand::f64() / 2.0)
}

/// The pauses before a watch that broke is tried again, up to eight seconds: the operator sees soon that an API server is back, however
/// long it was away.
#[derive(Debug, Default)]
pub struct Pauses {
    failures: u32,
    last: Option<Instant>,
}

impl Pauses {
    const LONGEST: Duration = Duration::from_secs(8);
    /// How long after a failure the next one counts as the first.
    const WHOLE: Duration = Duration::from_secs(20);

    /// How many failures came before the one at `now`.
    fn failed_before(&mut self, now: Instant) -> u32 {
        let long_ago = |last: Instant| now.saturating_duration_since(last) >= Self::WHOLE;
        self.failures = if self.last.is_none_or(long_ago) { 0 } else { self.failures.saturating_add(1) };
        self.last = Some(now);
        self.failures
    }
}

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(pause(self.failed_before(Instant::now()), Self::LONGEST))
    }
}

impl Backoff for Pauses {
    /// Does nothing: a watch says that it begins before the API server has answered its list, so that a list that fails each time would
    /// always be the first to fail.
    fn reset(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_doubles_with_each_failure_up_to_the_longest_and_no_further() {
        for (failures, full) in [(0, 500), (1, 1_000), (3, 4_000), (40, 60_000), (u32::MAX, 60_000)] {
            let pause = pause(failures, Duration::from_secs(60)).as_millis();
            assert!((full / 2..=full).contains(&pause), "{failures}: {pause}");
        }
    }

    #[test]
    fn the_failures_of_a_watch_add_up_until_it_has_worked_for_twenty_seconds() {
        // What the case shows, the seconds at which the watch fails, and how many failures count as before each.
        let cases: [(&str, &[u64], &[u32]); 5] = [
            ("each failure counts", &[0, 1, 2, 4, 8, 16], &[0, 1, 2, 3, 4, 5]),
            ("a watch that works for less than 20 s may fail again", &[0, 19, 38, 57], &[0, 1, 2, 3]),
            ("a watch that works for 20 s begins again", &[0, 1, 2, 22, 23], &[0, 1, 2, 0, 1]),
            ("failures at the same instant are failures", &[3, 3, 3], &[0, 1, 2]),
            ("a clock that was set back makes no pause shorter", &[9, 3, 4], &[0, 1, 2]),
        ];
        let begin = Instant::now();
        for (what, failures, expected) in cases {
            let mut pauses = Pauses::default();
            let before = |second: &u64| {
                pauses.reset();
                pauses.failed_before(begin + Duration::from_secs(*second))
            };
            assert_eq!(failures.iter().map(before).collect::<Vec<u32>>(), expected, "{what}");
        }
    }

    #[test]
    fn the_pauses_of_a_watch_never_exceed_eight_seconds() {
        let mut pauses = Pauses::default();
        for full in [500, 1_000, 2_000, 4_000, 8_000, 8_000] {
            pauses.reset();
            let pause = pauses.next().unwrap().as_millis();
            assert!((full / 2..=full).contains(&pause), "{full}: {pause}");
        }
        pauses.failures = u32::MAX;
        assert!(pauses.next().unwrap() <= Duration::from_secs(8));
    }
}
