//! How fast reports are written, so that one contract's long past holds up nobody else.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Reports written in one look at a contract.
pub const AT_ONCE: usize = 24;
/// Reports a second of a namespace while another one writes reports too.
const SHARED: f64 = 5.0;
/// Reports a second of a namespace that is alone.
const ALONE: f64 = 8.0;
/// How long a namespace counts as one that writes reports.
const RECENT: Duration = Duration::from_secs(5);

/// Gives namespaces their share of the reports that are written.
#[derive(Debug, Default)]
pub struct ReportPace(Mutex<HashMap<String, Share>>);

#[derive(Clone, Copy, Debug)]
struct Share {
    /// What it may write now, at most [`AT_ONCE`].
    left: f64,
    asked: Instant,
}

impl ReportPace {
    /// How many of `wanted` reports a namespace may write at `now`, and when to ask again for the rest.
    pub fn take(&self, namespace: &str, wanted: usize, now: Instant) -> (usize, Option<Duration>) {
        if wanted == 0 {
            return (0, None);
        }
        let mut shares = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shares.retain(|_, share| now.saturating_duration_since(share.asked) < RECENT);
        let others = shares.keys().any(|other| other != namespace);
        let rate = if others { SHARED } else { ALONE };
        let most = AT_ONCE as f64;
        let share = shares.entry(namespace.to_owned()).or_insert(Share { left: most, asked: now });
        let earned = now.saturating_duration_since(share.asked).as_secs_f64() * rate;
        *share = Share { left: (share.left + earned).min(most), asked: now };
        let granted = (0..wanted.min(AT_ONCE)).take_while(|count| *count as f64 + 1.0 <= share.left).count();
        share.left -= granted as f64;
        let rest = wanted - granted;
        let again = Duration::from_secs_f64(rest.min(AT_ONCE) as f64 / rate).min(RECENT / 2);
        (granted, (rest > 0).then_some(again))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_past_is_written_in_shares_and_another_namespace_has_its_own_at_once() {
        let pace = ReportPace::default();
        let start = Instant::now();
        let (first, again) = pace.take("hostile", 600, start);
        assert_eq!(first, AT_ONCE);
        let again = again.expect("the rest follows");
        assert!(again > Duration::from_millis(500), "{again:?}");
        assert_eq!(pace.take("hostile", 576, start + Duration::from_millis(10)).0, 0);
        assert_eq!(pace.take("honest", 3, start + Duration::from_millis(20)), (3, None));
        let (mut now, mut left, mut written) = (start + Duration::from_millis(20), 576, 0);
        while left > 0 {
            pace.take("honest", 1, now);
            let (granted, again) = pace.take("hostile", left, now);
            (left, written) = (left - granted, written + granted);
            now += again.unwrap_or_default();
        }
        let seconds = now.duration_since(start).as_secs_f64();
        assert!(written == 576 && (100.0..130.0).contains(&seconds), "{written} reports in {seconds} s");
    }

    #[test]
    fn a_namespace_that_is_alone_writes_two_years_at_once() {
        assert_eq!(ReportPace::default().take("team", 24, Instant::now()), (24, None));
    }
}
