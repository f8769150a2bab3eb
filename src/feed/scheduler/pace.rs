//! How fast the rows of a namespace reach the store. It takes one body after the other, so that nobody must stand before others with
//! many large ones: nothing is refused, a flood waits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;

/// Rows of a body from which on it takes its namespace's turn; smaller ones cost the store next to nothing.
const LARGE: usize = 1_000;
/// Rows a second of large bodies of a namespace, while another one brings rows too.
const SHARED: f64 = 20_000.0;
/// How long a namespace counts as one that brings rows.
const RECENT: Duration = Duration::from_secs(5);

/// Lets namespaces take turns at the store. Clones share the turns.
#[derive(Clone, Debug, Default)]
pub(super) struct RowPace(Arc<Mutex<HashMap<String, Lane>>>);

#[derive(Debug)]
struct Lane {
    turn: Arc<tokio::sync::Mutex<()>>,
    /// Before this, the next large body waits while others bring rows.
    free: Instant,
    used: Instant,
}

impl RowPace {
    /// Waits until a body of this many rows may go to the store; the turn lasts until the value is dropped.
    pub(super) async fn turn(&self, namespace: &str, rows: usize) -> Option<OwnedMutexGuard<()>> {
        let lane = self.visit(namespace, Instant::now());
        if rows < LARGE {
            return None;
        }
        let turn = lane.lock_owned().await;
        tokio::time::sleep(self.pause(namespace, Instant::now())).await;
        Some(turn)
    }

    /// Notes that a body of this many rows is in the store at `now`.
    pub(super) fn committed(&self, namespace: &str, rows: usize, now: Instant) {
        if let Some(lane) = self.lanes().get_mut(namespace).filter(|_| rows >= LARGE) {
            lane.free = now + Duration::from_secs_f64(rows as f64 / SHARED);
            lane.used = now;
        }
    }

    /// How long the next large body of a namespace waits at `now`.
    fn pause(&self, namespace: &str, now: Instant) -> Duration {
        let lanes = self.lanes();
        let others =
            lanes.iter().any(|(other, lane)| other != namespace && now.saturating_duration_since(lane.used) < RECENT);
        let free = lanes.get(namespace).filter(|_| others).map(|lane| lane.free);
        free.map(|free| free.saturating_duration_since(now)).unwrap_or_default()
    }

    /// Notes that a namespace brings rows at `now`, and returns its turn.
    fn visit(&self, namespace: &str, now: Instant) -> Arc<tokio::sync::Mutex<()>> {
        let mut lanes = self.lanes();
        // A turn that somebody holds or waits for has more than one owner.
        lanes.retain(|_, lane| {
            now.saturating_duration_since(lane.used) < RECENT || lane.free > now || Arc::strong_count(&lane.turn) > 1
        });
        let lane =
            lanes.entry(namespace.to_owned()).or_insert_with(|| Lane { turn: Arc::default(), free: now, used: now });
        lane.used = now;
        lane.turn.clone()
    }

    fn lanes(&self) -> MutexGuard<'_, HashMap<String, Lane>> {
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

    #[tokio::test]
    async fn a_namespace_brings_one_large_body_at_a_time_and_small_ones_beside_it() {
        let pace = RowPace::default();
        let first = pace.turn("hostile", 200_000).await;
        assert!(first.is_some() && pace.turn("hostile", 10).await.is_none());
        let second = tokio::spawn({
            let pace = pace.clone();
            async move { pace.turn("hostile", 200_000).await.is_some() }
        });
        assert!(pace.turn("honest", 200_000).await.is_some(), "another namespace has a turn of its own");
        assert!(!second.is_finished(), "the second waits for the first");
        drop(first);
        assert!(second.await.unwrap());
    }
}
