//! How long objects without a status have been looked at: a first status waits a moment for the first verdict.
//!
//! Of a contract that was just applied nothing is known but that its feeds are about to be fetched. A status that says so would be
//! replaced within the second, and so would those of its KPIs, tiers and reports.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a first status may wait for a verdict.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// How long that of a KpiTarget may wait before, for the first look at its contract: where thousands were applied at once they are looked
/// at one after the other.
pub const PATIENCE_BEFORE: Duration = Duration::from_secs(20);

/// When objects without a status were looked at first, by UID.
#[derive(Debug, Default)]
pub struct FirstLooks(Mutex<HashMap<String, First>>);

/// The first look at an object, and the first one after its contract was looked at.
#[derive(Clone, Copy, Debug)]
struct First {
    at_all: Instant,
    in_earnest: Option<Instant>,
}

impl FirstLooks {
    /// How much longer the first status of an object may wait at `now`; `None` once it has waited long enough.
    pub fn left(&self, uid: &str, now: Instant) -> Option<Duration> {
        let mut looks = self.looks();
        let first = looks.entry(uid.to_owned()).or_insert(First { at_all: now, in_earnest: None });
        left_of(PATIENCE, *first.in_earnest.get_or_insert(now), now)
    }

    /// The same while the object's contract was not looked at yet; the patience with its verdict begins after that.
    pub fn left_before(&self, uid: &str, now: Instant) -> Option<Duration> {
        let first = *self.looks().entry(uid.to_owned()).or_insert(First { at_all: now, in_earnest: None });
        left_of(PATIENCE_BEFORE, first.at_all, now)
    }

    /// Forgets an object that has a status, or is gone.
    pub fn forget(&self, uid: &str) {
        self.looks().remove(uid);
    }

    fn looks(&self) -> MutexGuard<'_, HashMap<String, First>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long a launch shows what was found before a start while its contracts are not judged again.
pub const PATIENCE_WITH_CONTRACTS: Duration = Duration::from_secs(300);

/// Since when launches wait for their contracts, by UID.
#[derive(Debug, Default)]
pub struct ContractWaits(Mutex<HashMap<String, Instant>>);

impl ContractWaits {
    /// How much longer a launch waits at `now`; `None` once it has waited long enough.
    pub fn left(&self, uid: &str, now: Instant) -> Option<Duration> {
        left_of(PATIENCE_WITH_CONTRACTS, *self.waits().entry(uid.to_owned()).or_insert(now), now)
    }

    /// Forgets a launch that waits no longer, or is gone.
    pub fn forget(&self, uid: &str) {
        self.waits().remove(uid);
    }

    fn waits(&self) -> MutexGuard<'_, HashMap<String, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn left_of(patience: Duration, first: Instant, now: Instant) -> Option<Duration> {
    patience.checked_sub(now.saturating_duration_since(first)).filter(|left| !left.is_zero())
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

    #[test]
    fn a_launch_waits_five_minutes_for_its_contracts_and_again_once_they_were_judged() {
        let (waits, begin) = (ContractWaits::default(), Instant::now());
        let at = |seconds| begin + Duration::from_secs(seconds);
        for (second, left) in [(0, Some(300)), (240, Some(60)), (300, None), (3_000, None)] {
            assert_eq!(waits.left("one", at(second)), left.map(Duration::from_secs), "{second}");
        }
        waits.forget("one");
        assert_eq!(waits.left("one", at(3_000)), Some(PATIENCE_WITH_CONTRACTS));
    }

    #[test]
    fn the_patience_with_a_verdict_begins_when_the_contract_was_looked_at_for_which_there_is_patience_too() {
        let (looks, begin) = (FirstLooks::default(), Instant::now());
        let at = |milliseconds| begin + Duration::from_millis(milliseconds);
        assert_eq!(looks.left_before("one", at(0)), Some(PATIENCE_BEFORE));
        assert_eq!(looks.left_before("one", at(19_000)), Some(Duration::from_secs(1)));
        assert_eq!(looks.left("one", at(19_500)), Some(PATIENCE));
        assert_eq!(looks.left("one", at(24_500)), None);
        assert_eq!(looks.left_before("another", at(10_000)), Some(PATIENCE_BEFORE));
        assert_eq!(looks.left_before("another", at(30_000)), None);
    }
}
