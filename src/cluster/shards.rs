//! The shards that this process works on now, and the fence of each: what is written, sent or looked at belongs to a namespace, and so
//! to a shard.
//!
//! Work holds a [`Turn`] of its shard. A shard that is given back takes no new work at once, and is free once all that was under way has
//! ended: nothing is done twice by two processes.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedRwLockReadGuard, RwLock, watch};

use super::fence::Fence;
use crate::shard::ShardCount;

/// The shards of an installation, as this process has them. Cheap to clone; all clones are the same.
#[derive(Clone, Debug)]
pub struct Shards(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    count: ShardCount,
    /// Of the lease that keeps others out: a single process, or replicas with another number of shards.
    installation: Fence,
    shards: Vec<Shard>,
}

#[derive(Debug)]
struct Shard {
    fence: Fence,
    works: Arc<RwLock<bool>>,
    /// Whether it is to be worked on: this is known before the work under way has ended.
    wanted: watch::Sender<bool>,
}

impl Shard {
    fn new(fence: Fence, works: bool) -> Self {
        Shard { fence, works: Arc::new(RwLock::new(works)), wanted: watch::Sender::new(works) }
    }
}

/// Work on a shard that is under way: the shard is not given back before this is dropped.
#[derive(Debug)]
pub struct Turn {
    #[allow(dead_code, reason = "it is held, and read by nobody")]
    works: OwnedRwLockReadGuard<bool>,
    wanted: watch::Receiver<bool>,
}

impl Turn {
    /// Whether somebody waits for this work to end.
    pub fn is_to_end(&self) -> bool {
        !*self.wanted.borrow()
    }

    /// Returns once somebody waits for this work to end.
    pub async fn to_end(&self) {
        if self.wanted.clone().wait_for(|wanted| !wanted).await.is_err() {
            // The shards are gone, and so is whoever could wait.
            std::future::pending::<()>().await;
        }
    }
}

impl Shards {
    /// One shard that holds everything, for the process that holds the one lease.
    pub fn whole(fence: Fence) -> Self {
        let shard = Shard::new(Fence::open(), true);
        Shards(Arc::new(Inner { count: ShardCount::ONE, installation: fence, shards: vec![shard] }))
    }

    /// Several shards, of which this process works on none yet. `installation` is open while the replicas' common lease is held.
    pub fn spread(count: ShardCount, installation: Fence) -> Self {
        let shard = |_| Shard::new(Fence::closed(), false);
        let shards = (0..count.number()).map(shard).collect();
        Shards(Arc::new(Inner { count, installation, shards }))
    }

    /// How many there are.
    pub fn count(&self) -> ShardCount {
        self.0.count
    }

    /// Whether this process works on the shard of a namespace.
    pub fn works_in(&self, namespace: &str) -> bool {
        self.shard_of(namespace).is_some_and(|shard| shard.works.try_read().is_ok_and(|works| *works))
    }

    /// A turn of work in a namespace; `None` where this process does not work on its shard, or ends to.
    pub fn turn(&self, namespace: &str) -> Option<Turn> {
        let shard = self.shard_of(namespace)?;
        let works = shard.works.clone().try_read_owned().ok()?;
        works.then(|| Turn { works, wanted: shard.wanted.subscribe() })
    }

    /// A turn to notify others: only while no other process can hold the shard.
    pub fn turn_to_tell(&self, namespace: &str) -> Option<Turn> {
        self.turn(namespace).filter(|_| self.time_for_a_call(namespace).is_some())
    }

    /// How long a call about a namespace that begins now may take, so that it ends before another process can hold the shard. `None`:
    /// it must not begin.
    pub fn time_for_a_call(&self, namespace: &str) -> Option<Duration> {
        let of_shard = self.shard_of(namespace)?.fence.time_for_a_call()?;
        self.0.installation.time_for_a_call().map(|time| time.min(of_shard))
    }

    /// Whether this process may write at all.
    pub fn may_write(&self) -> bool {
        self.0.installation.is_open()
    }

    /// The fence of a shard: open while its lease is held. A shard that there is not has a closed one.
    pub fn fence_of(&self, shard: u32) -> Fence {
        self.get(shard).map_or_else(Fence::closed, |shard| shard.fence.clone())
    }

    /// Begins to work on a shard.
    pub async fn begin(&self, shard: u32) {
        self.set(shard, true).await;
    }

    /// Ends work on a shard: no turn of it is given from now on, and this returns once those that were given have ended.
    pub async fn end(&self, shard: u32) {
        self.set(shard, false).await;
    }

    async fn set(&self, shard: u32, works: bool) {
        if let Some(shard) = self.get(shard) {
            shard.wanted.send_replace(works);
            *shard.works.write().await = works;
        }
    }

    fn get(&self, shard: u32) -> Option<&Shard> {
        self.0.shards.get(usize::try_from(shard).ok()?)
    }

    fn shard_of(&self, namespace: &str) -> Option<&Shard> {
        self.get(self.0.count.shard_of(namespace))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::BootInstant;

    /// A namespace of each of two shards.
    const NAMESPACES: [&str; 2] = ["a", "d"];

    #[tokio::test]
    async fn a_shard_is_worked_on_from_its_begin_to_its_end_which_waits_for_the_work_under_way() {
        let shards = Shards::spread("2".parse().unwrap(), Fence::open());
        let [first, other] = NAMESPACES.map(|namespace| shards.count().shard_of(namespace));
        assert_ne!(first, other, "the names are of different shards");
        assert!(shards.turn("a").is_none() && !shards.works_in("a"));
        shards.begin(first).await;
        let turn = shards.turn("a").unwrap();
        assert!(shards.works_in("a") && shards.turn("d").is_none());

        assert!(!turn.is_to_end() && futures::poll!(std::pin::pin!(turn.to_end())).is_pending());
        let mut ending = ending(shards.clone(), first);
        assert!(futures::poll!(&mut ending).is_pending(), "work is under way");
        assert!(
            turn.is_to_end() && futures::poll!(std::pin::pin!(turn.to_end())).is_ready(),
            "and knows that it is to end"
        );
        assert!(shards.turn("a").is_none() && !shards.works_in("a"), "and no new one begins");
        drop(turn);
        ending.await;
        assert!(shards.turn("a").is_none() && !shards.works_in("a"));
    }

    fn ending(shards: Shards, shard: u32) -> std::pin::Pin<Box<dyn Future<Output = ()>>> {
        Box::pin(async move { shards.end(shard).await })
    }

    #[tokio::test]
    async fn nothing_is_written_or_sent_for_a_shard_unless_its_lease_and_its_installation_s_lease_are_held() {
        let installation = Fence::closed();
        let shards = Shards::spread("2".parse().unwrap(), installation.clone());
        let shard = shards.count().shard_of("a");
        shards.begin(shard).await;
        // Whether the lease of all and that of the shard are held, and whether "a" may be written to.
        for (all, one, expected) in
            [(false, false, false), (true, false, false), (false, true, false), (true, true, true)]
        {
            for (fence, held) in [(&installation, all), (&shards.fence_of(shard), one)] {
                if held { fence.renewed(BootInstant::now()) } else { fence.close() }
            }
            assert_eq!(shards.time_for_a_call("a").is_some(), expected, "{all} {one}");
            assert_eq!(shards.turn_to_tell("a").is_some(), expected, "{all} {one}");
            assert_eq!(shards.time_for_a_call("d"), None, "another shard");
            assert_eq!(shards.may_write(), all);
        }
    }

    #[test]
    fn one_process_alone_works_everywhere_while_its_lease_is_held() {
        let fence = Fence::closed();
        let shards = Shards::whole(fence.clone());
        for namespace in NAMESPACES {
            assert!(shards.works_in(namespace) && shards.turn(namespace).is_some());
            assert!(shards.time_for_a_call(namespace).is_none() && shards.turn_to_tell(namespace).is_none());
        }
        fence.renewed(BootInstant::now());
        assert!(NAMESPACES.iter().all(|namespace| shards.turn_to_tell(namespace).is_some()));
    }
}
