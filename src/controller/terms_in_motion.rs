//! Contracts whose terms change while they are judged.
//!
//! A watch that was behind shows old terms for a moment, and nothing is recorded of those: the contract is looked at again. Terms that
//! somebody changes again and again change under every look. A contract is not kept from its verdicts by that: after [`PATIENCE`] the terms
//! that were judged are recorded, which were in force for a moment.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// For how long a watch that was behind may take to show all that it missed.
const PATIENCE: Duration = Duration::from_secs(10);

/// Since when the terms of contracts have changed under every look, by the UID of their evidence.
#[derive(Debug, Default)]
pub struct TermsInMotion(Mutex<HashMap<String, Instant>>);

impl TermsInMotion {
    /// Takes note of terms that changed while they were judged. Returns whether the contract is to be looked at again before anything is
    /// recorded.
    pub fn wait(&self, uid: &str, now: Instant) -> bool {
        let mut since = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = *since.entry(uid.to_owned()).or_insert(now);
        now.saturating_duration_since(since) < PATIENCE
    }

    /// Takes note of terms that were recorded, or need not be, or of a contract that is gone.
    pub fn forget(&self, uid: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_that_change_under_every_look_are_recorded_after_ten_seconds() {
        let (motion, begin) = (TermsInMotion::default(), Instant::now());
        let at = |seconds| begin + Duration::from_secs(seconds);
        for (seconds, waits) in [(0, true), (5, true), (9, true), (10, false), (11, false)] {
            assert_eq!(motion.wait("care", at(seconds)), waits, "after {seconds} s");
        }
        assert!(motion.wait("sales", at(11)), "each contract has its own patience");
        motion.forget("care");
        assert!(motion.wait("care", at(12)), "what was recorded ends it");
    }
}
