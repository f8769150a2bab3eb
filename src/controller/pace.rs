//! How fast reports are written and how many contracts of a namespace are looked at at once, so that nobody holds up others.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Reports written in one look at a contract.
pub const AT_ONCE: usize = 24;
/// Reports that a status with news waits for. A month has one or two; of more, which a long past has, it waits for the first alone.
pub const BEFORE_NEWS: usize = 4;
/// How soon the others follow it.
pub const AFTER_NEWS: Duration = Duration::from_secs(1);
/// Reports a second of a namespace while another one writes reports too.
const SHARED: f64 = 2.0;
/// Reports a second of a namespace that is alone.
const ALONE: f64 = 4.0;
/// How long a namespace counts as one that writes reports.
const RECENT: Duration = Duration::from_secs(5);
/// How soon a contract that has to wait asks again, at the latest: alone, so that its namespace still counts, and among many, which ask in
/// turn.
const WAITS: (Duration, Duration) = (Duration::from_millis(2_500), Duration::from_secs(60));

/// Shares out among namespaces the reports that are written.
#[derive(Debug, Default)]
pub struct ReportPace(Mutex<HashMap<String, Share>>);

#[derive(Clone, Copy, Debug)]
struct Share {
    /// What it may write now, at most [`AT_ONCE`].
    left: f64,
    /// About how many of its contracts wait: those that asked in vain, of which the ones of a while ago count less and less.
    waiting: f64,
    asked: Instant,
}

impl ReportPace {
    /// How many of `wanted` reports of a contract a namespace may write at `now`, and when to ask again for the rest. The more contracts
    /// wait, the later: each time that one asks, it is judged.
    pub fn take(&self, namespace: &str, wanted: usize, now: Instant) -> (usize, Option<Duration>) {
        if wanted == 0 {
            return (0, None);
        }
        let mut shares = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shares.retain(|_, share| now.saturating_duration_since(share.asked) < RECENT);
        let others = shares.keys().any(|other| other != namespace);
        let rate = if others { SHARED } else { ALONE };
        let most = AT_ONCE as f64;
        let share = shares.entry(namespace.to_owned()).or_insert(Share { left: most, waiting: 0.0, asked: now });
        let passed = now.saturating_duration_since(share.asked);
        let (alone, among_many) = WAITS;
        let waiting = share.waiting * (-passed.div_duration_f64(alone)).exp();
        *share = Share { left: (share.left + passed.as_secs_f64() * rate).min(most), waiting, asked: now };
        let granted = (0..wanted.min(AT_ONCE)).take_while(|count| *count as f64 + 1.0 <= share.left).count();
        share.left -= granted as f64;
        let rest = wanted - granted;
        if rest == 0 {
            return (granted, None);
        }
        share.waiting += 1.0;
        let own = Duration::from_secs_f64(rest.min(AT_ONCE) as f64 / rate).min(alone);
        let in_turn = Duration::from_secs_f64(share.waiting / rate).min(among_many);
        (granted, Some(own.max(in_turn)))
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
    use std::collections::BTreeSet;

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
    fn many_contracts_that_wait_for_a_report_each_ask_a_few_times_and_lose_no_time() {
        let (pace, start) = (ReportPace::default(), Instant::now());
        // They come at 50 a second.
        let mut due: BTreeSet<(Duration, usize)> =
            (0..200).map(|place| (Duration::from_millis(20) * place as u32, place)).collect();
        let (mut asked, mut ended) = (0, Duration::ZERO);
        while let Some((now, contract)) = due.pop_first() {
            asked += 1;
            match pace.take("team", 1, start + now) {
                (1, None) => ended = now,
                (0, Some(again)) => assert!(due.insert((now + again, contract))),
                other => panic!("{other:?}"),
            }
        }
        assert!(asked < 2_000, "asked {asked} times");
        assert!((44.0..48.0).contains(&ended.as_secs_f64()), "written after {ended:?}");
    }

    #[test]
    fn a_namespace_that_is_alone_writes_two_years_at_once() {
        assert_eq!(ReportPace::default().take("team", 24, Instant::now()), (24, None));
    }
}
