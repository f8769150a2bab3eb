//! How fast the rows of a namespace reach the store. It takes a few bodies at a time, and one of them where it is very large or where others
//! bring rows too, so that nobody must stand before others with many large ones: nothing is refused, a flood waits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Rows of a body from which on it takes a place of its namespace; smaller ones cost the store next to nothing.
const LARGE: usize = 1_000;
/// Rows of a body from which on it takes all places of its namespace.
const VERY_LARGE: usize = 16_384;
/// How many large bodies of a namespace go to the store at a time: one is made ready while another one is written.
const PLACES: u32 = 4;
/// Rows a second of large bodies of a namespace, while another one brings rows too.
const SHARED: f64 = 20_000.0;
/// How long a namespace counts as one that brings rows.
const RECENT: Duration = Duration::from_secs(5);

/// Lets namespaces take turns at the store. Clones share the turns.
#[derive(Clone, Debug, Default)]
pub(super) struct RowPace(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// By namespace.
    lanes: HashMap<String, Lane>,
    /// The turns of contracts that bring a large body, by UID.
    contracts: HashMap<String, Arc<tokio::sync::Mutex<()>>>,
}

#[derive(Debug)]
struct Lane {
    places: Arc<Semaphore>,
    /// Before this, the next large body waits while others bring rows.
    free: Instant,
    used: Instant,
}

/// A large body's turn at the store, until it is dropped.
#[derive(Debug)]
pub(super) struct RowTurn {
    /// The room of a contract is counted by what is stored: its bodies go one after the other.
    _contract: OwnedMutexGuard<()>,
    _places: Option<OwnedSemaphorePermit>,
}

impl RowPace {
    /// Waits until a body of this many rows may go to the store.
    pub(super) async fn turn(&self, namespace: &str, contract_uid: &str, rows: usize) -> Option<RowTurn> {
        let places = self.visit(namespace, Instant::now());
        if rows < LARGE {
            return None;
        }
        let contract = self.of_contract(contract_uid).lock_owned().await;
        let are_others = self.are_others(namespace, Instant::now());
        let taken = if are_others || rows > VERY_LARGE { PLACES } else { 1 };
        // They are never closed.
        let places = places.acquire_many_owned(taken).await.ok();
        let pause = self.pause(namespace, Instant::now());
        // No time at all is rounded up to a millisecond.
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        Some(RowTurn { _contract: contract, _places: places })
    }

    /// Notes that a body of this many rows is in the store at `now`.
    pub(super) fn committed(&self, namespace: &str, rows: usize, now: Instant) {
        if let Some(lane) = self.state().lanes.get_mut(namespace).filter(|_| rows >= LARGE) {
            // What it brought while it was alone holds it up for a moment only.
            lane.free = lane.free.clamp(now, now + RECENT) + Duration::from_secs_f64(rows as f64 / SHARED);
            lane.used = now;
        }
    }

    /// How long the next large body of a namespace waits at `now`.
    fn pause(&self, namespace: &str, now: Instant) -> Duration {
        let are_others = self.are_others(namespace, now);
        let free = self.state().lanes.get(namespace).filter(|_| are_others).map(|lane| lane.free);
        free.map(|free| free.saturating_duration_since(now)).unwrap_or_default()
    }

    /// Whether another namespace has brought rows lately.
    fn are_others(&self, namespace: &str, now: Instant) -> bool {
        let state = self.state();
        let mut lanes = state.lanes.iter();
        lanes.any(|(other, lane)| other != namespace && now.saturating_duration_since(lane.used) < RECENT)
    }

    /// Notes that a namespace brings rows at `now`, and returns its places.
    fn visit(&self, namespace: &str, now: Instant) -> Arc<Semaphore> {
        let lanes = &mut self.state().lanes;
        // Places that somebody holds or waits for have more than one owner.
        lanes.retain(|_, lane| {
            now.saturating_duration_since(lane.used) < RECENT || lane.free > now || Arc::strong_count(&lane.places) > 1
        });
        let new = || Lane { places: Arc::new(Semaphore::new(PLACES as usize)), free: now, used: now };
        let lane = lanes.entry(namespace.to_owned()).or_insert_with(new);
        lane.used = now;
        lane.places.clone()
    }

    fn of_contract(&self, uid: &str) -> Arc<tokio::sync::Mutex<()>> {
        let contracts = &mut self.state().contracts;
        contracts.retain(|_, turn| Arc::strong_count(turn) > 1);
        contracts.entry(uid.to_owned()).or_default().clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_waits_while_others_bring_rows_and_goes_on_when_it_is_alone() {
        let (pace, start) = (RowPace::default(), Instant::now());
        let at = |seconds: f64| start + Duration::from_secs_f64(seconds);
        pace.visit("hostile", start);
        pace.committed("hostile", 200_000, start);
        assert_eq!(pace.pause("hostile", at(1.0)), Duration::ZERO, "nobody else brings rows");
        pace.visit("honest", at(1.0));
        pace.committed("honest", 48, at(1.0));
        assert_eq!(pace.pause("hostile", at(1.0)), Duration::from_secs(9));
        assert_eq!(pace.pause("honest", at(1.0)), Duration::ZERO, "a small body earns no pause");
        assert_eq!(pace.pause("hostile", at(6.5)), Duration::ZERO, "the other has been quiet for long enough");
    }

    #[test]
    fn bodies_at_a_time_earn_as_long_a_pause_as_one_after_the_other() {
        let (pace, start) = (RowPace::default(), Instant::now());
        pace.visit("hostile", start);
        (0..4).for_each(|_| pace.committed("hostile", 10_000, start));
        pace.visit("honest", start);
        assert_eq!(pace.pause("hostile", start), Duration::from_secs(2));
        (0..600).for_each(|_| pace.committed("hostile", 10_000, start));
        assert_eq!(pace.pause("hostile", start), RECENT + Duration::from_millis(500), "a pause has an end");
    }

    /// Whether a body gets its turn before any other one ends.
    async fn has_turn(pace: &RowPace, (namespace, contract, rows): (&str, &str, usize)) -> Option<RowTurn> {
        let turn = pace.turn(namespace, contract, rows);
        tokio::select! {
            biased;
            turn = turn => turn,
            () = tokio::task::yield_now() => None,
        }
    }

    #[tokio::test]
    async fn a_namespace_brings_a_few_large_bodies_at_a_time_and_one_of_a_contract_or_where_it_is_very_large() {
        for (case, held, next, expected) in [
            ("another contract's", vec![("team", "a", 2_000)], ("team", "b", 2_000), true),
            ("the same contract's", vec![("team", "a", 2_000)], ("team", "a", 2_000), false),
            ("after a very large one", vec![("team", "a", 200_000)], ("team", "b", 2_000), false),
            ("a very large one after it", vec![("team", "a", 2_000)], ("team", "b", 200_000), false),
            (
                "the fifth",
                vec![("team", "a", 2_000), ("team", "b", 2_000), ("team", "c", 2_000), ("team", "d", 2_000)],
                ("team", "e", 2_000),
                false,
            ),
            ("another namespace's", vec![("team", "a", 200_000)], ("other", "b", 200_000), true),
            (
                "the second while another namespace brings rows",
                vec![("other", "x", 2_000), ("team", "a", 2_000)],
                ("team", "b", 2_000),
                false,
            ),
        ] {
            let (pace, mut turns) = (RowPace::default(), Vec::new());
            for body in held {
                turns.push(has_turn(&pace, body).await.unwrap_or_else(|| panic!("{case}: {body:?}")));
            }
            assert_eq!(has_turn(&pace, next).await.is_some(), expected, "{case}");
            assert!(pace.turn("team", "a", 10).await.is_none(), "{case}: a small one needs no turn");
            turns.clear();
            assert!(pace.turn(next.0, next.1, next.2).await.is_some(), "{case}: it had its turn at the end");
        }
    }
}
