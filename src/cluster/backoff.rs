//! How long to wait before the next attempt.

use std::time::Duration;

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
}

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let pause = pause(self.failures, Duration::from_secs(8));
        self.failures = self.failures.saturating_add(1);
        Some(pause)
    }
}

impl Backoff for Pauses {
    fn reset(&mut self) {
        self.failures = 0;
    }
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
    fn the_pauses_of_a_watch_that_breaks_grow_to_eight_seconds_and_begin_again_when_it_has_news() {
        let mut pauses = Pauses::default();
        for full in [500, 1_000, 2_000, 4_000, 8_000, 8_000] {
            let pause = pauses.next().unwrap().as_millis();
            assert!((full / 2..=full).contains(&pause), "{full}: {pause}");
        }
        pauses.failures = u32::MAX;
        assert!(pauses.next().unwrap() <= Duration::from_secs(8));
        pauses.reset();
        assert!(pauses.next().unwrap() <= Duration::from_millis(500));
    }
}
