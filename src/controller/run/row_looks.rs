//! When a contract is looked at to which rows come: at once, and then from time to time while more rows come.
//!
//! A feed that brings a past of years commits it in windows, one right after the other. Each look judges all periods that have rows so far, so
//! a look after each window would judge the same months many times. Contracts to which more rows come share one look a second, so that looks take
//! little of the time that the rows need; of more than ten contracts each has a look in ten seconds.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use tokio::time::Instant;

/// How long a contract is left alone after a look while its feeds bring more. The pause is multiplied by the number of contracts to which rows
/// come, at most by [`MOST_PAUSES`].
pub(super) const PAUSE: Duration = Duration::from_secs(1);
const MOST_PAUSES: u32 = 10;

/// Contracts to which rows came lately, by UID.
#[derive(Debug)]
pub(super) struct RowLooks {
    pause: Duration,
    /// Those that are left alone.
    waits: HashMap<String, Wait>,
    /// When the pause of each of them ends.
    ends: BTreeSet<(Instant, String)>,
}

#[derive(Debug, Default)]
struct Wait {
    /// Whether rows came that no look has seen.
    more_came: bool,
    /// Whether nothing more follows for now.
    is_over: bool,
}

impl RowLooks {
    /// None yet; after a look a contract to which alone rows come is left alone for `pause`.
    pub(super) fn new(pause: Duration) -> Self {
        RowLooks { pause, waits: HashMap::new(), ends: BTreeSet::new() }
    }

    /// Rows of a contract came at `now`. Returns whether it is to be looked at now; if not, it is due at the end of its pause.
    pub(super) fn came(&mut self, uid: &str, now: Instant) -> bool {
        if let Some(wait) = self.waits.get_mut(uid) {
            *wait = Wait { more_came: true, is_over: false };
            return false;
        }
        self.leave_alone(uid.to_owned(), now);
        true
    }

    /// Nothing more of a feed of the contract follows for now. Returns whether rows came that no look has seen: they wait no longer.
    pub(super) fn ended(&mut self, uid: &str) -> bool {
        let Some(wait) = self.waits.get_mut(uid) else { return false };
        wait.is_over = true;
        std::mem::take(&mut wait.more_came)
    }

    /// The contracts whose pause has ended by `now`, and to which rows came meanwhile.
    pub(super) fn due(&mut self, now: Instant) -> Vec<String> {
        let mut due = Vec::new();
        while let Some((end, _)) = self.ends.first()
            && *end <= now
        {
            let Some((_, uid)) = self.ends.pop_first() else { break };
            if self.waits.remove(&uid).is_some_and(|wait| wait.more_came) {
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
        // A fleet of contracts that each bring a row now and then does not count.
        let others = self.waits.values().filter(|wait| !wait.is_over).count();
        let pauses = u32::try_from(others + 1).unwrap_or(MOST_PAUSES).min(MOST_PAUSES);
        self.waits.insert(uid.clone(), Wait::default());
        self.ends.insert((now + self.pause * pauses, uid));
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
            // Two share the looks, so that each is left alone for twice as long.
            (1_100, Came("care"), vec![]),
            (1_149, Came("sales"), vec![]),
            (1_150, Clock, vec!["sales"]),
            (1_499, Clock, vec![]),
            (1_500, Clock, vec!["care"]),
            (2_500, Clock, vec![]),
            (2_501, Came("care"), vec!["care"]),
            (2_600, Ended("care"), vec![]),
            (2_600, Ended("unknown"), vec![]),
            (2_700, Came("care"), vec![]),
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

    #[test]
    fn many_contracts_share_one_look_a_second_and_each_has_one_in_ten_seconds() {
        for (contracts, most, longest) in [(1, 62, 1), (5, 65, 5), (40, 280, 10)] {
            let (begin, mut looks) = (Instant::now(), RowLooks::new(PAUSE));
            let uids: Vec<String> = (0..contracts).map(|number| format!("uid-{number}")).collect();
            let mut last: HashMap<&str, u64> = HashMap::new();
            let (mut count, mut alone) = (0, 0);
            for tenth in 0..600 {
                let now = begin + Duration::from_millis(100 * tenth);
                let due = looks.due(now);
                let came: Vec<String> = uids.iter().filter(|uid| looks.came(uid, now)).cloned().collect();
                for uid in uids.iter().filter(|uid| due.contains(uid) || came.contains(uid)) {
                    alone = alone.max(tenth - last.insert(uid, tenth).unwrap_or(tenth));
                    count += 1;
                }
            }
            assert!(
                count <= most && alone <= 10 * longest,
                "{contracts}: {count} looks, left alone for {alone} tenths"
            );
        }
    }
}
