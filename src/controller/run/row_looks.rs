//! When a contract is looked at to which rows come: at once, and then every second while more rows come.
//!
//! A feed that brings a past of years commits it in windows, one right after the other. Each look judges all periods that have rows so far, so
//! a look after each window would judge the same months many times.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use tokio::time::Instant;

/// How long a contract is left alone after a look, while its feeds bring more.
pub(super) const PAUSE: Duration = Duration::from_secs(1);

/// Contracts to which rows came lately, by UID.
#[derive(Debug)]
pub(super) struct RowLooks {
    pause: Duration,
    /// Those that are left alone, and whether rows came that no look has seen.
    waits: HashMap<String, bool>,
    /// When the pause of each of them ends.
    ends: BTreeSet<(Instant, String)>,
}

impl RowLooks {
    /// None yet; after a look a contract is left alone for `pause`.
    pub(super) fn new(pause: Duration) -> Self {
        RowLooks { pause, waits: HashMap::new(), ends: BTreeSet::new() }
    }

    /// Rows of a contract came at `now`. Returns whether it is to be looked at now; if not, it is due at the end of its pause.
    pub(super) fn came(&mut self, uid: &str, now: Instant) -> bool {
        if let Some(waits) = self.waits.get_mut(uid) {
            *waits = true;
            return false;
        }
        self.leave_alone(uid.to_owned(), now);
        true
    }

    /// Nothing more of a feed of the contract follows for now. Returns whether rows came that no look has seen: they wait no longer.
    pub(super) fn ended(&mut self, uid: &str) -> bool {
        self.waits.get_mut(uid).is_some_and(std::mem::take)
    }

    /// The contracts whose pause has ended by `now`, and to which rows came meanwhile.
    pub(super) fn due(&mut self, now: Instant) -> Vec<String> {
        let mut due = Vec::new();
        while let Some((end, _)) = self.ends.first()
            && *end <= now
        {
            let Some((_, uid)) = self.ends.pop_first() else { break };
            if self.waits.remove(&uid) == Some(true) {
                self.leave_alone(uid.clone(), now);
                due.push(uid);
            }
        }
        due
    }

    /// When the next pause ends.
    pub(super) fn next(&self) -> Option<Instant> {
        self.ends.first().map(|(end, _)| *end)
    }

    fn leave_alone(&mut self, uid: String, now: Instant) {
        self.waits.insert(uid.clone(), false);
        self.ends.insert((now + self.pause, uid));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What happens to a contract, at a millisecond.
    enum Happens {
        Came(&'static str),
        Ended(&'static str),
        Clock,
    }
    use Happens::{Came, Clock, Ended};

    #[test]
    fn the_first_rows_are_looked_at_at_once_and_those_that_follow_each_pause_and_at_the_end() {
        let begin = Instant::now();
        let mut looks = RowLooks::new(Duration::from_millis(500));
        for (millisecond, happens, expected) in [
            (0, Came("care"), vec!["care"]),
            (100, Came("care"), vec![]),
            (150, Came("sales"), vec!["sales"]),
            (200, Came("care"), vec![]),
            (499, Clock, vec![]),
            (500, Clock, vec!["care"]),
            (700, Came("care"), vec![]),
            (710, Ended("care"), vec!["care"]),
            (720, Ended("care"), vec![]),
            (1_000, Clock, vec![]),
            (1_001, Came("care"), vec!["care"]),
            (1_100, Ended("care"), vec![]),
            (1_100, Ended("unknown"), vec![]),
            (1_200, Came("care"), vec![]),
            (9_000, Clock, vec!["care"]),
            (9_500, Clock, vec![]),
        ] {
            let now = begin + Duration::from_millis(millisecond);
            let looked = match happens {
                Came(uid) => looks.came(uid, now).then(|| uid.to_owned()).into_iter().collect(),
                Ended(uid) => looks.ended(uid).then(|| uid.to_owned()).into_iter().collect(),
                Clock => looks.due(now),
            };
            assert_eq!(looked, expected, "at {millisecond} ms");
        }
        assert!(looks.waits.is_empty() && looks.next().is_none(), "nothing of quiet contracts is kept: {looks:?}");
    }
}
