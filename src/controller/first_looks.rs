//! How long objects without a status have been looked at: a first status waits a moment for the first verdict.
//!
//! Of a contract that was just applied nothing is known but that its feeds are about to be fetched. A status that says so would be
//! replaced within the second, and so would those of its KPIs, tiers and reports.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a first status may wait.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// When objects without a status were looked at first, by UID.
#[derive(Debug, Default)]
pub struct FirstLooks(Mutex<HashMap<String, Instant>>);

impl FirstLooks {
    /// How much longer the first status of an object may wait at `now`; `None` once it has waited long enough.
    pub fn left(&self, uid: &str, now: Instant) -> Option<Duration> {
        let first = *self.looks().entry(uid.to_owned()).or_insert(now);
        PATIENCE.checked_sub(now.saturating_duration_since(first)).filter(|left| !left.is_zero())
    }

    /// Forgets an object that has a status, or is gone.
    pub fn forget(&self, uid: &str) {
        self.looks().remove(uid);
    }

    fn looks(&self) -> MutexGuard<'_, HashMap<String, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_status_waits_for_its_patience_from_the_first_look_on_and_no_longer() {
        let (looks, begin) = (FirstLooks::default(), Instant::now());
        let at = |milliseconds| begin + Duration::from_millis(milliseconds);
        assert_eq!(looks.left("one", at(0)), Some(PATIENCE));
        assert_eq!(looks.left("one", at(4_000)), Some(Duration::from_secs(1)));
        assert_eq!(looks.left("another", at(4_000)), Some(PATIENCE));
        assert_eq!(looks.left("one", at(5_000)), None);
        assert_eq!(looks.left("one", at(60_000)), None);
        looks.forget("one");
        assert_eq!(looks.left("one", at(60_000)), Some(PATIENCE));
    }
}
