//! How often an Event is tried that the API server does not take: it is news, and the status is the record, which must not wait for ever.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often one Event is tried, with the pauses of a reconcile that fails: about ten seconds.
const TRIES: u32 = 5;

/// How long each Event of a namespace is tried once, after one was given up there.
const ONCE_FOR: Duration = Duration::from_secs(300);

/// Events that were not taken, by namespace and name.
#[derive(Debug, Default)]
pub struct EventTries(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failed: HashMap<(String, String), u32>,
    given_up: HashMap<String, Instant>,
}

impl EventTries {
    /// Notes that an Event was not taken; returns whether it is tried again before anything else is written.
    pub fn failed(&self, namespace: &str, event: &str, now: Instant) -> bool {
        let mut state = self.state();
        state.given_up.retain(|_, at| now.saturating_duration_since(*at) < ONCE_FOR);
        let key = (namespace.to_owned(), event.to_owned());
        let tries = state.failed.entry(key.clone()).or_insert(0);
        *tries += 1;
        let goes_on = *tries < TRIES && !state.given_up.contains_key(namespace);
        if !goes_on {
            state.failed.remove(&key);
            state.given_up.insert(namespace.to_owned(), now);
        }
        goes_on
    }

    /// Notes that an Event was taken.
    pub fn taken(&self, namespace: &str, event: &str) {
        let mut state = self.state();
        state.failed.remove(&(namespace.to_owned(), event.to_owned()));
        state.given_up.remove(namespace);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_tried_five_times_and_the_next_ones_of_its_namespace_once_until_one_is_taken() {
        let (tries, begin) = (EventTries::default(), Instant::now());
        let failed = |namespace, event, seconds| tries.failed(namespace, event, begin + Duration::from_secs(seconds));
        for (namespace, event, seconds, goes_on) in [
            ("care", "missed", 0, true),
            ("care", "missed", 1, true),
            ("care", "missed", 2, true),
            ("care", "missed", 4, true),
            ("care", "missed", 8, false),
            ("care", "credit", 9, false),
            ("care", "missed", 10, false),
            ("bank", "missed", 11, true),
            ("care", "credit", 10 + 300, true),
        ] {
            assert_eq!(failed(namespace, event, seconds), goes_on, "{namespace} {event} after {seconds} s");
        }
        assert!((0..3).all(|second| failed("bank", "missed", 320 + second)));
        tries.taken("bank", "missed");
        assert!(failed("bank", "missed", 330), "one that was taken begins again");
    }
}
