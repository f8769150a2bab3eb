//! Which feed is fetched next: in turn by namespace, so that nobody's many feeds stand before another's few.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::ops::Bound;

/// A feed of a contract: UID and name.
pub(super) type FeedId = (String, String);

/// How many fetches run at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct QueueLimits {
    pub in_all: usize,
    /// What a namespace may always have. It gets more while no other waits and half of all places are free: a fetch that drips
    /// keeps its place for a minute, and who comes meanwhile must find one.
    pub per_namespace: usize,
    /// What a host may be asked at once. Where feeds of other namespaces are scheduled to ask it too, a place is kept free for each of
    /// those, up to half: a fetch that drips would keep the place that another's feed needs. No namespace gets a second place while another
    /// waits for its first.
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
    /// The namespace that was served last.
    last: String,
    /// The host that was served last of each namespace that has something due.
    last_hosts: HashMap<String, String>,
    running: usize,
    running_of_namespace: HashMap<String, usize>,
    hosts: HashMap<String, Host>,
}

/// Who asks a host.
#[derive(Debug, Default)]
struct Host {
    running: usize,
    running_of_namespace: HashMap<String, usize>,
    /// The namespaces that have something due there.
    waiting: BTreeSet<String>,
    /// How many feeds are scheduled to ask it, and how many of each namespace.
    feeds: usize,
    feeds_of_namespace: HashMap<String, usize>,
}

impl FairQueue {
    pub(super) fn new(limits: QueueLimits) -> Self {
        FairQueue {
            limits,
            due: BTreeMap::new(),
            last: String::new(),
            last_hosts: HashMap::new(),
            running: 0,
            running_of_namespace: HashMap::new(),
            hosts: HashMap::new(),
        }
    }

    /// A feed of a lane is scheduled to ask its host from now on, whether or not it is due.
    pub(super) fn join(&mut self, lane: &Lane) {
        let host = self.hosts.entry(lane.host.clone()).or_default();
        host.feeds += 1;
        *host.feeds_of_namespace.entry(lane.namespace.clone()).or_default() += 1;
    }

    /// A feed of a lane is not scheduled any more.
    pub(super) fn leave(&mut self, lane: &Lane) {
        if let Some(host) = self.hosts.get_mut(&lane.host) {
            host.feeds = host.feeds.saturating_sub(1);
            release(&mut host.feeds_of_namespace, &lane.namespace);
        }
        self.forget_if_idle(&lane.host);
    }

    /// A feed became due; a feed that was never fetched goes first in its lane.
    pub(super) fn push(&mut self, lane: &Lane, id: FeedId, first_contact: bool) {
        let hosts = self.due.entry(lane.namespace.clone()).or_default();
        let feeds = hosts.entry(lane.host.clone()).or_default();
        if feeds.is_empty() {
            self.hosts.entry(lane.host.clone()).or_default().waiting.insert(lane.namespace.clone());
        }
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
        let host = self.hosts.entry(lane.host.clone()).or_default();
        if feeds.is_empty() {
            hosts.remove(&lane.host);
            host.waiting.remove(&lane.namespace);
        }
        host.running += 1;
        *host.running_of_namespace.entry(lane.namespace.clone()).or_default() += 1;
        self.last_hosts.insert(lane.namespace.clone(), lane.host.clone());
        if hosts.is_empty() {
            self.due.remove(&lane.namespace);
            self.last_hosts.remove(&lane.namespace);
        }
        self.running += 1;
        *self.running_of_namespace.entry(lane.namespace.clone()).or_default() += 1;
        self.last.clone_from(&lane.namespace);
        Some((lane, id))
    }

    /// A fetch ended.
    pub(super) fn done(&mut self, lane: &Lane) {
        self.running = self.running.saturating_sub(1);
        release(&mut self.running_of_namespace, &lane.namespace);
        if let Some(host) = self.hosts.get_mut(&lane.host) {
            host.running = host.running.saturating_sub(1);
            release(&mut host.running_of_namespace, &lane.namespace);
        }
        self.forget_if_idle(&lane.host);
    }

    /// The first lane with room after the one served last: namespaces in turn, and within one its hosts in turn. However many feeds a
    /// namespace has, it is found by few steps: only hosts without room are passed over, and no more have none than fetches run.
    fn next_lane(&self) -> Option<Lane> {
        let (after, before) = (above(&self.last), self.due.range::<String, _>(..=&self.last));
        self.due.range::<String, _>(after).chain(before).find_map(|(namespace, hosts)| {
            let alone = self.due.len() == 1 && self.running < self.limits.in_all / 2;
            if count(&self.running_of_namespace, namespace) >= self.limits.per_namespace && !alone {
                return None;
            }
            // Hosts differ in order from fetch to fetch, or the first by name would be served alone.
            let last = self.last_hosts.get(namespace).cloned().unwrap_or_default();
            let mut in_turn = hosts.range::<String, _>(above(&last)).chain(hosts.range::<String, _>(..=last));
            let (host, _) = in_turn.find(|(host, _)| self.has_room(namespace, host))?;
            Some(Lane { namespace: namespace.clone(), host: host.clone() })
        })
    }

    /// Whether a namespace that waits for a host may ask it now.
    fn has_room(&self, namespace: &str, host: &str) -> bool {
        let (Some(host), most) = (self.hosts.get(host), self.limits.per_host) else { return true };
        let of_others = host.feeds.saturating_sub(count(&host.feeds_of_namespace, namespace));
        let share = most.saturating_sub(of_others.min(most / 2));
        let own = count(&host.running_of_namespace, namespace);
        host.running < most && own < share && (own == 0 || !self.one_waits_for_its_first(host))
    }

    /// Whether a namespace waits for a host that it does not ask yet, and may ask more. It is found by few steps: no more namespaces are
    /// passed over than fetches run.
    fn one_waits_for_its_first(&self, host: &Host) -> bool {
        let mut waiting = host.waiting.iter();
        waiting.any(|namespace| {
            count(&host.running_of_namespace, namespace) == 0
                && count(&self.running_of_namespace, namespace) < self.limits.per_namespace
        })
    }

    fn forget_if_idle(&mut self, host: &str) {
        if self.hosts.get(host).is_some_and(Host::is_idle) {
            self.hosts.remove(host);
        }
    }
}

impl Host {
    fn is_idle(&self) -> bool {
        self.running == 0 && self.waiting.is_empty() && self.feeds == 0
    }
}

/// All names after one.
fn above(name: &str) -> (Bound<String>, Bound<String>) {
    (Bound::Excluded(name.to_owned()), Bound::Unbounded)
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
        assert_eq!(queue.last, "silent");
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
    fn a_host_that_other_namespaces_ask_too_keeps_a_place_for_each_of_their_feeds_up_to_half() {
        let (noisy, honest) = (lane("noisy", "vendor"), lane("honest", "vendor"));
        // Each: feeds of the other namespace, of those that were, and how many fetches of the noisy one run while the other waits for nothing.
        for (others, were, running) in [(0, 0, 4), (0, 9, 4), (1, 1, 3), (2, 2, 2), (50, 60, 2)] {
            let mut queue = queue(64, 8, 4);
            (0..20).for_each(|_| queue.join(&noisy));
            (0..were).for_each(|_| queue.join(&honest));
            (others..were).for_each(|_| queue.leave(&honest));
            (0..20).for_each(|_| queue.push(&noisy, id("noisy"), false));
            assert_eq!(names(&mut queue, 9).len(), running, "{others} others");
            (0..others).for_each(|_| queue.push(&honest, id("honest"), false));
            assert_eq!(names(&mut queue, 9), vec!["honest"; 4 - running], "{others} others");
        }
    }

    #[test]
    fn nobody_has_a_second_place_at_a_host_while_another_waits_for_its_first() {
        let mut queue = queue(64, 8, 4);
        let at = |namespace: &str| lane(namespace, "vendor");
        (0..9).for_each(|_| queue.push(&at("noisy"), id("noisy"), false));
        assert_eq!(names(&mut queue, 2), ["noisy", "noisy"], "nobody else waits");
        // The namespace that comes next by its name has two places already.
        queue.last = "m".to_owned();
        queue.push(&at("a"), id("a"), false);
        queue.push(&at("a"), id("a"), false);
        queue.push(&at("zealous"), id("zealous"), false);
        let mut next = names(&mut queue, 9);
        next.sort();
        assert_eq!(next, ["a", "zealous"]);
        queue.done(&at("noisy"));
        queue.push(&at("late"), id("late"), false);
        queue.last = "m".to_owned();
        assert_eq!(names(&mut queue, 9), ["late"]);
        // A namespace that has all that it may have elsewhere keeps nobody waiting.
        (0..8).for_each(|number| queue.push(&lane("busy", &format!("h{number}")), id("busy"), false));
        assert_eq!(names(&mut queue, 9).len(), 8);
        queue.push(&at("busy"), id("busy"), false);
        queue.done(&at("zealous"));
        assert_eq!(names(&mut queue, 9), ["noisy"]);
    }

    #[test]
    fn hosts_of_a_namespace_are_asked_in_turn_whoever_is_served_in_between() {
        let mut queue = queue(64, 64, 4);
        for number in 0..6 {
            queue.push(&lane("a", "a1"), id(&format!("one{number}")), false);
            queue.push(&lane("a", "a2"), id(&format!("two{number}")), false);
            queue.push(&lane("b", "z"), id(&format!("b{number}")), false);
        }
        let of_a: Vec<String> = names(&mut queue, 8).into_iter().filter(|name| !name.starts_with('b')).collect();
        assert_eq!(of_a, ["one0", "two0", "one1", "two1"]);
    }

    #[test]
    fn a_host_that_nobody_has_feeds_at_is_forgotten() {
        let (mut queue, lane) = (queue(64, 64, 4), lane("a", "h"));
        queue.join(&lane);
        queue.push(&lane, id("one"), false);
        queue.leave(&lane);
        assert!(queue.pop().is_some() && queue.pop().is_none());
        assert_eq!(queue.hosts.len(), 1, "it is being asked");
        queue.done(&lane);
        assert!(queue.hosts.is_empty() && queue.last_hosts.is_empty());
    }

    #[test]
    fn a_first_contact_goes_before_what_waits() {
        let mut queue = queue(64, 64, 64);
        queue.push(&lane("a", "h"), id("old"), false);
        queue.push(&lane("a", "h"), id("new"), true);
        assert_eq!(names(&mut queue, 2), ["new", "old"]);
    }
}
