//! Shards: how contracts are spread over replicas that work side by side, by their namespaces. Decisions alone; `cluster::sharing`
//! carries them out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use sha2::{Digest, Sha256};

/// How many shards there are: 1 to 64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardCount(u32);

impl ShardCount {
    /// Everything is one shard.
    pub const ONE: ShardCount = ShardCount(1);
    /// The most shards.
    const MOST: u32 = 64;

    /// The number.
    #[must_use]
    pub fn number(self) -> u32 {
        self.0
    }

    /// The shard of a namespace, from 0 on: by the first eight bytes of the SHA-256 of its name. All that belongs together (a contract,
    /// its KpiTargets, tiers, launches and reports) lies in one namespace, and so in one shard.
    #[must_use]
    pub fn shard_of(self, namespace: &str) -> u32 {
        let digest: [u8; 32] = Sha256::digest(namespace).into();
        let first = digest.iter().take(8).fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
        u32::try_from(first % u64::from(self.0)).unwrap_or_default()
    }
}

impl fmt::Display for ShardCount {
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(text)
    }
}

impl FromStr for ShardCount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.parse().ok().filter(|number| (1..=Self::MOST).contains(number));
        let shown: String = text.chars().take(20).collect();
        number.map(ShardCount).ok_or_else(|| {
            format!(
                "{shown:?} is not a number of shards: expected is a whole number from 1 to {}, such as 3",
                Self::MOST
            )
        })
    }
}

/// A lease as one replica has seen it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenLease {
    /// Who holds it; `None`: nobody.
    pub holder: Option<String>,
    /// When its record was seen to change last, on this replica's own clock.
    pub changed: Duration,
    /// For how long it holds without a change.
    pub lasts: Duration,
}

impl SeenLease {
    /// A lease that nobody holds.
    #[must_use]
    pub fn free() -> Self {
        SeenLease { holder: None, changed: Duration::ZERO, lasts: Duration::ZERO }
    }

    /// Who holds it at `now`, if that is not past.
    fn living_holder(&self, now: Duration) -> Option<&str> {
        self.holder.as_deref().filter(|_| now.saturating_sub(self.changed) < self.lasts)
    }
}

/// What a replica does about the shards, by their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assignment {
    /// It tries to get these.
    pub take: Vec<u32>,
    /// It goes on with these.
    pub keep: Vec<u32>,
    /// It ends its work on these and releases them.
    pub give_back: Vec<u32>,
}

/// What `me` does at `now`, given the leases of the shards in their order and those of the replicas.
///
/// Each living replica has a fair share: the number of shards divided by that of replicas, and one more for the first few. Those that
/// hold the most already are the first, so that nothing moves that need not. Free shards are handed out in that order too, so that two
/// replicas that see the same do not try to get the same.
#[must_use]
pub fn assignment(now: Duration, shards: &[SeenLease], replicas: &[SeenLease], me: &str) -> Assignment {
    let holder = |lease: &SeenLease| match lease.holder.as_deref() {
        // What is mine is so until my own renewals say otherwise.
        Some(holder) if holder == me => Some(me.to_owned()),
        _ => lease.living_holder(now).map(str::to_owned),
    };
    let holders: Vec<Option<String>> = shards.iter().map(holder).collect();
    // Who lets the lease of a shard run out ends, although its own lease, which was renewed at another moment, may hold a little longer.
    let lost: BTreeSet<&str> = shards
        .iter()
        .filter(|lease| lease.living_holder(now).is_none())
        .filter_map(|lease| lease.holder.as_deref())
        .collect();
    let mut living: BTreeSet<String> = replicas
        .iter()
        .filter_map(|lease| lease.living_holder(now))
        .filter(|replica| !lost.contains(replica))
        .map(str::to_owned)
        .collect();
    living.insert(me.to_owned());
    living.extend(holders.iter().flatten().cloned());
    let mut held: BTreeMap<&str, usize> = living.iter().map(|replica| (replica.as_str(), 0)).collect();
    for holder in holders.iter().flatten() {
        held.entry(holder).and_modify(|count| *count += 1);
    }
    let mut order: Vec<(&str, usize)> = held.into_iter().collect();
    order.sort_by_key(|(name, count)| (std::cmp::Reverse(*count), *name));
    let (share, more) = (shards.len() / order.len(), shards.len() % order.len());
    let numbered = |wanted: Option<&str>| {
        let found = (0_u32..).zip(&holders).filter(|(_, holder)| holder.as_deref() == wanted).map(|(number, _)| number);
        found.collect::<Vec<u32>>()
    };
    let (mut free, mut mine) = (numbered(None), numbered(Some(me)));
    let mut assigned = Assignment::default();
    for (rank, (replica, count)) in order.into_iter().enumerate() {
        let fair = share + usize::from(rank < more);
        let wanted = fair.saturating_sub(count).min(free.len());
        let handed: Vec<u32> = free.drain(..wanted).collect();
        if replica == me {
            assigned.give_back = mine.split_off(fair.min(mine.len()));
            assigned.take = handed;
        }
    }
    assigned.keep = mine;
    assigned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_shards_is_from_1_to_64_and_anything_else_is_answered_with_an_example() {
        for (text, number) in [("1", 1), ("3", 3), ("64", 64)] {
            assert_eq!(text.parse::<ShardCount>().unwrap().number(), number);
        }
        for text in ["0", "65", "-1", "three", "", "4294967297"] {
            let error = text.parse::<ShardCount>().unwrap_err();
            assert_eq!(
                error,
                format!("{text:?} is not a number of shards: expected is a whole number from 1 to 64, such as 3")
            );
        }
    }

    #[test]
    fn namespaces_spread_over_all_shards_and_stay_where_they_are() {
        let three: ShardCount = "3".parse().unwrap();
        let of = |namespace: &str| three.shard_of(namespace);
        // These must never change: two versions side by side would judge the same contract.
        assert_eq!(["care", "sales", "claims", "team-a"].map(of), KNOWN);
        let mut counts = [0; 3];
        (0..3_000).for_each(|number| counts[of(&format!("team-{number}")) as usize] += 1);
        assert!(counts.iter().all(|count| (900..1_100).contains(count)), "{counts:?}");
        assert!((0..100).all(|number| ShardCount::ONE.shard_of(&format!("team-{number}")) == 0));
    }

    const KNOWN: [u32; 4] = [1, 1, 2, 0];

    const NOW: u64 = 100;

    /// Leases in one text: `a` holds the first, nobody the second (`-`), and `b`, which is dead, the third: `a - b†`.
    fn leases(text: &str) -> Vec<SeenLease> {
        let lease = |word: &str| match word.strip_suffix('†') {
            _ if word == "-" => SeenLease::free(),
            Some(dead) => seen(dead, NOW - 15),
            None => seen(word, NOW - 14),
        };
        text.split_whitespace().map(lease).collect()
    }

    fn seen(holder: &str, changed: u64) -> SeenLease {
        let (changed, lasts) = (Duration::from_secs(changed), Duration::from_secs(15));
        SeenLease { holder: Some(holder.to_owned()), changed, lasts }
    }

    #[test]
    fn each_replica_has_its_fair_share_and_nothing_moves_that_need_not() {
        // What is seen of the shards, of the replicas, who decides, and what it takes, keeps and releases.
        type Case = (&'static str, &'static str, &'static str, &'static str, [&'static [u32]; 3]);
        let cases: [Case; 19] = [
            ("the first of all takes all", "- - -", "a", "a", [&[0, 1, 2], &[], &[]]),
            ("it need not have seen its own lease", "- - -", "", "a", [&[0, 1, 2], &[], &[]]),
            ("two begin together: no shard is tried for twice", "- - -", "a b", "a", [&[0, 1], &[], &[]]),
            ("so the other one", "- - -", "a b", "b", [&[2], &[], &[]]),
            ("a second one comes: the first releases one", "a a a", "a b", "a", [&[], &[0, 1], &[2]]),
            ("and it takes nothing before it is free", "a a a", "a b", "b", [&[], &[], &[]]),
            ("then it does", "a a -", "a b", "b", [&[2], &[], &[]]),
            ("a third one comes", "a a b", "a b c", "a", [&[], &[0], &[1]]),
            ("which is not the second one's business", "a a b", "a b c", "b", [&[], &[2], &[]]),
            ("all have theirs", "a c b", "a b c", "c", [&[], &[1], &[]]),
            ("its shard's lease runs out a moment before its own", "a c† b", "a b c", "a", [&[1], &[0], &[]]),
            ("so the other one sees it too", "a c† b", "a b c", "b", [&[], &[2], &[]]),
            ("one is dead: one of the others takes its shard", "a c† b", "a b c†", "a", [&[1], &[0], &[]]),
            ("and the other one does not", "a c† b", "a b c†", "b", [&[], &[2], &[]]),
            ("a holder without a lease as a replica lives", "a c b", "a b", "a", [&[], &[0], &[]]),
            ("more replicas than shards: one is on standby", "a b", "a b c", "c", [&[], &[], &[]]),
            ("until another one is dead", "a b†", "a b† c", "c", [&[1], &[], &[]]),
            ("two of a dead one's go to two", "a a b† b†", "a c d", "c", [&[2], &[], &[]]),
            ("one's own is kept however old it looks", "a† -", "a†", "a", [&[1], &[0], &[]]),
        ];
        for (what, shards, replicas, me, [take, keep, give_back]) in cases {
            let found = assignment(Duration::from_secs(NOW), &leases(shards), &leases(replicas), me);
            let expected = Assignment { take: take.to_vec(), keep: keep.to_vec(), give_back: give_back.to_vec() };
            assert_eq!(found, expected, "{what}");
        }
    }

    #[test]
    fn any_number_of_replicas_comes_to_rest_with_every_shard_held_once() {
        for (count, replicas) in [(1, 3), (3, 1), (5, 2), (7, 3), (64, 10)] {
            let names: Vec<String> = (0..replicas).map(|number| format!("r{number}")).collect();
            let living: Vec<SeenLease> = names.iter().map(|name| seen(name, NOW)).collect();
            let mut shards = vec![SeenLease::free(); count];
            for _round in 0..4 {
                for me in &names {
                    let Assignment { take, give_back, .. } = assignment(Duration::from_secs(NOW), &shards, &living, me);
                    take.iter().for_each(|number| shards[*number as usize] = seen(me, NOW));
                    give_back.iter().for_each(|number| shards[*number as usize] = SeenLease::free());
                }
            }
            let held = |name: &String| shards.iter().filter(|lease| lease.holder.as_ref() == Some(name)).count();
            let counts: Vec<usize> = names.iter().map(held).collect();
            assert_eq!(counts.iter().sum::<usize>(), count, "{counts:?}");
            assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1, "{counts:?}");
            for me in &names {
                let rest = assignment(Duration::from_secs(NOW), &shards, &living, me);
                assert!(rest.take.is_empty() && rest.give_back.is_empty(), "{rest:?}");
            }
        }
    }
}
