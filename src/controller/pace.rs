//! How fast reports are written and how many contracts of a namespace are looked at at once, so that nobody holds up others.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Reports written in one look at a contract.
pub const AT_ONCE: usize = 24;
/// Reports a second of a namespace while another one writes reports too.
const SHARED: f64 = 2.0;
/// Reports a second of a namespace that is alone.
const ALONE: f64 = 4.0;
/// How long a namespace counts as one that writes reports.
const RECENT: Duration = Duration::from_secs(5);

/// Shares out among namespaces the reports that are written.
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

/// Looks at contracts of a namespace that may run at once while others have some too: half of all.
const LOOKS: usize = 4;
/// How long a look that finds no place waits before it tries again, at least and at most.
const NEXT_TRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(500));

/// Shares out among namespaces the places at which contracts are looked at: a look that takes minutes holds its place.
#[derive(Debug, Default)]
pub struct LookTurns(Mutex<HashMap<String, Looks>>);

#[derive(Debug)]
struct Looks {
    running: usize,
    asked: Instant,
}

/// A place at which a contract is looked at, until it is dropped.
#[derive(Debug)]
pub struct LookTurn<'t> {
    turns: &'t LookTurns,
    namespace: String,
}

impl LookTurns {
    /// A place for a namespace at `now`, or after which time to ask again.
    ///
    /// # Errors
    /// The pause, where the namespace has its share and others have been here lately.
    pub fn take(&self, namespace: &str, now: Instant) -> Result<LookTurn<'_>, Duration> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, looks| looks.running > 0 || now.saturating_duration_since(looks.asked) < RECENT);
        let others = all.keys().any(|other| other != namespace);
        let looks = all.entry(namespace.to_owned()).or_insert(Looks { running: 0, asked: now });
        looks.asked = now;
        if others && looks.running >= LOOKS {
            let (least, most) = NEXT_TRY;
            // Spread, so that those that wait do not come back all at once.
            return Err(least + (most - least).mul_f64(fastrand::f64()));
        }
        looks.running += 1;
        Ok(LookTurn { turns: self, namespace: namespace.to_owned() })
    }
}

impl Drop for LookTurn<'_> {
    fn drop(&mut self) {
        let mut all = self.turns.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(looks) = all.get_mut(&self.namespace) {
            looks.running = looks.running.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_has_half_of_the_places_while_others_look_at_contracts_too_and_all_when_it_is_alone() {
        let (turns, start) = (LookTurns::default(), Instant::now());
        let alone: Vec<_> = (0..8).map(|_| turns.take("hostile", start).unwrap()).collect();
        let later = start + Duration::from_secs(1);
        let honest = turns.take("honest", later).unwrap();
        let pause = turns.take("hostile", later).unwrap_err();
        assert!((NEXT_TRY.0..=NEXT_TRY.1).contains(&pause), "{pause:?}");
        drop(alone);
        let share: Vec<_> = (0..LOOKS).map(|_| turns.take("hostile", later).unwrap()).collect();
        assert!(turns.take("hostile", later).is_err(), "{} of its looks run", share.len());
        drop(honest);
        assert!(turns.take("hostile", later).is_err(), "another may come again at any moment");
        assert!(turns.take("hostile", later + RECENT).is_ok(), "the other is gone");
    }

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
        assert!(written == 576 && (270.0..320.0).contains(&seconds), "{written} reports in {seconds} s");
    }

    #[test]
    fn a_namespace_that_is_alone_writes_two_years_at_once() {
        assert_eq!(ReportPace::default().take("team", 24, Instant::now()), (24, None));
    }
}
