//! Which feed is fetched next: in turn by namespace, so that nobody's many feeds stand before another's few.

use std::collections::{BTreeMap, HashMap, VecDeque};

/// A feed of a contract: UID and name.
pub(super) type FeedId = (String, String);

/// How many fetches run at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct QueueLimits {
    pub in_all: usize,
    /// What a namespace may always have. It gets more while no other waits and half of all places are free: a fetch that drips
    /// keeps its place for a minute, and who comes meanwhile must find one.
    pub per_namespace: usize,
    pub per_host: usize,
}

/// Where a fetch counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Lane {
    pub namespace: String,
    pub host: String,
}

/// Feeds that are due, and those that are being fetched.
#[derive(Debug)]
pub(super) struct FairQueue {
    limits: QueueLimits,
    due: BTreeMap<String, BTreeMap<String, VecDeque<FeedId>>>,
    last: Lane,
    running: usize,
    running_of_namespace: HashMap<String, usize>,
    running_of_host: HashMap<String, usize>,
}

impl FairQueue {
    pub(super) fn new(limits: QueueLimits) -> Self {
        let last = Lane { namespace: String::new(), host: String::new() };
        FairQueue {
            limits,
            due: BTreeMap::new(),
            last,
            running: 0,
            running_of_namespace: HashMap::new(),
            running_of_host: HashMap::new(),
        }
    }

    /// A feed became due; a feed that was never fetched goes first in its lane.
    pub(super) fn push(&mut self, lane: &Lane, id: FeedId, first_contact: bool) {
        let hosts = self.due.entry(lane.namespace.clone()).or_default();
        let feeds = hosts.entry(lane.host.clone()).or_default();
        if first_contact {
            feeds.push_front(id);
        } else {
            feeds.push_back(id);
        }
    }

    /// The next feed that may be fetched now, counted as running.
    pub(super) fn pop(&mut self) -> Option<(Lane, FeedId)> {
        if self.running >= self.limits.in_all {
            return None;
        }
        let lane = self.next_lane()?;
        let hosts = self.due.get_mut(&lane.namespace)?;
        let feeds = hosts.get_mut(&lane.host)?;
        let id = feeds.pop_front()?;
        if feeds.is_empty() {
            hosts.remove(&lane.host);
        }
        if hosts.is_empty() {
            self.due.remove(&lane.namespace);
        }
        self.running += 1;
        *self.running_of_namespace.entry(lane.namespace.clone()).or_default() += 1;
        *self.running_of_host.entry(lane.host.clone()).or_default() += 1;
        self.last = lane.clone();
        Some((lane, id))
    }

    /// A fetch ended.
    pub(super) fn done(&mut self, lane: &Lane) {
        self.running = self.running.saturating_sub(1);
        release(&mut self.running_of_namespace, &lane.namespace);
        release(&mut self.running_of_host, &lane.host);
    }

    /// The first lane with room after the one served last: namespaces in turn, and within one its hosts in turn.
    fn next_lane(&self) -> Option<Lane> {
        let after =
            self.due.range::<String, _>((std::ops::Bound::Excluded(&self.last.namespace), std::ops::Bound::Unbounded));
        let before = self.due.range::<String, _>(..=&self.last.namespace);
        after.chain(before).find_map(|(namespace, hosts)| {
            let alone = self.due.len() == 1 && self.running < self.limits.in_all / 2;
            if count(&self.running_of_namespace, namespace) >= self.limits.per_namespace && !alone {
                return None;
            }
            // Hosts differ in order from fetch to fetch, or the first by name would be served alone.
            let (front, back): (Vec<_>, Vec<_>) = hosts.keys().partition(|host| **host > self.last.host);
            let host =
                front.into_iter().chain(back).find(|host| count(&self.running_of_host, host) < self.limits.per_host)?;
            Some(Lane { namespace: namespace.clone(), host: host.clone() })
        })
    }
}

fn count(counts: &HashMap<String, usize>, key: &str) -> usize {
    counts.get(key).copied().unwrap_or_default()
}

fn release(counts: &mut HashMap<String, usize>, key: &str) {
    if let Some(count) = counts.get_mut(key) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(namespace: &str, host: &str) -> Lane {
        Lane { namespace: namespace.into(), host: host.into() }
    }

    fn queue(in_all: usize, per_namespace: usize, per_host: usize) -> FairQueue {
        FairQueue::new(QueueLimits { in_all, per_namespace, per_host })
    }

    fn id(name: &str) -> FeedId {
        ("uid".into(), name.into())
    }

    fn names(queue: &mut FairQueue, count: usize) -> Vec<String> {
        (0..count).filter_map(|_| queue.pop()).map(|(_, (_, name))| name).collect()
    }

    #[test]
    fn namespaces_are_served_in_turn_however_much_one_asks() {
        let mut queue = queue(100, 100, 100);
        for number in 0..50 {
            queue.push(&lane("noisy", &format!("h{number}")), id(&format!("n{number}")), false);
        }
        queue.push(&lane("quiet", "q"), id("q"), false);
        queue.push(&lane("silent", "s"), id("s"), false);
        assert!(names(&mut queue, 3).contains(&"q".to_owned()));
        assert_eq!(queue.last.namespace, "silent");
    }

    #[test]
    fn no_limit_is_ever_passed() {
        let mut queue = queue(5, 4, 2);
        for number in 0..10 {
            queue.push(&lane("a", "one"), id(&format!("one{number}")), false);
            queue.push(&lane("a", "two"), id(&format!("two{number}")), false);
            queue.push(&lane("a", "three"), id(&format!("three{number}")), false);
            queue.push(&lane("b", "one"), id(&format!("b{number}")), false);
        }
        let taken: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        let of = |test: &dyn Fn(&Lane) -> bool| taken.iter().filter(|(lane, _)| test(lane)).count();
        assert_eq!(taken.len(), 5);
        assert!(of(&|lane| lane.namespace == "a") <= 4 && of(&|lane| lane.host == "one") <= 2);
        assert!(of(&|lane| lane.namespace == "b") >= 1);
        queue.done(&taken[0].0);
        assert!(queue.pop().is_some() && queue.pop().is_none());
    }

    #[test]
    fn namespaces_of_many_slow_feeds_leave_places_for_who_comes_later() {
        let mut queue = queue(64, 8, 4);
        // Two namespaces come one after the other, each when nobody else waits, with feeds that never end.
        for noisy in ["a", "b"] {
            for number in 0..40 {
                queue.push(&lane(noisy, &format!("{noisy}{number}")), id(&format!("{noisy}{number}")), false);
            }
            while queue.pop().is_some() {}
        }
        let of = |queue: &FairQueue, namespace: &str| count(&queue.running_of_namespace, namespace);
        assert_eq!((of(&queue, "a"), of(&queue, "b")), (32, 8));
        for number in 0..8 {
            queue.push(&lane("honest", &format!("h{number}")), id(&format!("h{number}")), false);
        }
        while queue.pop().is_some() {}
        assert_eq!(of(&queue, "honest"), 8);
    }

    #[test]
    fn a_slow_host_stops_only_its_own_feeds() {
        let mut queue = queue(64, 64, 1);
        for number in 0..3 {
            queue.push(&lane("a", "slow"), id(&format!("slow{number}")), false);
        }
        queue.push(&lane("a", "zquick"), id("quick"), false);
        assert_eq!(names(&mut queue, 4), ["slow0", "quick"]);
    }

    #[test]
    fn a_first_contact_goes_before_what_waits() {
        let mut queue = queue(64, 64, 64);
        queue.push(&lane("a", "h"), id("old"), false);
        queue.push(&lane("a", "h"), id("new"), true);
        assert_eq!(names(&mut queue, 2), ["new", "old"]);
    }
}
