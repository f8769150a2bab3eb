//! Which feeds there are, which of them wait, and which are being fetched.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::health::{differs, health};
use super::memory::Memory;
use super::pause::SHORTEST_PAUSE;
use super::poll::PollEnd;
use super::queue::{FairQueue, FeedId, Lane, QueueLimits};
use super::windows::spread;
use super::{FeedTask, Tries, tries};
use crate::api::feed::Feed;
use crate::clock::Clock;
use crate::domain::holdings::FeedHealth;
use crate::outbound::call::host_and_port;

/// The first polls after a start are spread over this for each feed, and over this at most: few vendors need not wait for one another.
const START_SPREAD_A_FEED: Duration = Duration::from_millis(5);
const START_SPREAD: Duration = Duration::from_secs(2);

/// The feeds, their timers, and the queue of those that are due.
pub(super) struct State {
    /// In order, so that those of a contract are found without a look at those of others.
    pub(super) feeds: BTreeMap<FeedId, Box<Entry>>,
    pub(super) timers: BTreeSet<(Instant, FeedId)>,
    pub(super) queue: FairQueue,
    /// How many polls were started.
    pub(super) polls: u64,
}

/// A poll that was started.
pub(super) struct Started {
    pub(super) number: u64,
    pub(super) task: FeedTask,
    pub(super) memory: Memory,
    /// Cancelled when the feed is not wanted any more.
    pub(super) unwanted: CancellationToken,
}

/// What a poll that ended left behind.
pub(super) struct Finished {
    /// Whether the feed's health is another one than before.
    pub(super) transition: bool,
    /// Whether the task changed while the poll ran.
    pub(super) changed: bool,
}

pub(super) struct Entry {
    pub(super) task: FeedTask,
    lane: Lane,
    /// Whether it is scheduled to ask its host: what is suspended, over or pushed keeps nobody's place there.
    asks: bool,
    pub(super) phase: Phase,
    /// Present unless a poll has it.
    pub(super) memory: Option<Memory>,
    pub(super) health: Option<FeedHealth>,
    /// By which times the vendor said last that it counts.
    pub(super) thresholds: BTreeMap<String, i64>,
    /// How the vendor was tried since the operator began.
    pub(super) tries: Option<Tries>,
    polled: Option<Instant>,
    /// Ends the poll that runs.
    pub(super) unwanted: CancellationToken,
    /// The task changed while a poll ran: it is polled again at once, and what the poll learnt is forgotten.
    pub(super) changed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// A timer is set.
    Waiting(Instant),
    /// In the queue.
    Due,
    /// Being fetched, by the poll of this number, which `Entry::unwanted` ends.
    Running(u64),
    /// Suspended, or its contract is over.
    Idle,
}

impl State {
    /// Without feeds.
    pub(super) fn within(limits: QueueLimits) -> Self {
        State { feeds: BTreeMap::new(), timers: BTreeSet::new(), queue: FairQueue::new(limits), polls: 0 }
    }

    /// The feeds of a contract, by name.
    pub(super) fn of_contract<'s>(&'s self, uid: &'s str) -> impl Iterator<Item = (&'s FeedId, &'s Entry)> {
        let from = self.feeds.range((uid.to_owned(), String::new())..);
        from.take_while(move |((of, _), _)| of == uid).map(|(id, entry)| (id, &**entry))
    }

    pub(super) fn set(&mut self, task: FeedTask, clock: &Clock) {
        let id = (task.contract_uid.clone(), task.feed.name.clone());
        let lane = Lane { namespace: task.namespace.clone(), host: host(&task.feed) };
        let Some(entry) = self.feeds.get_mut(&id) else {
            let delay = start_delay(&task, self.feeds.len() + 1, clock);
            let entry = Entry {
                lane,
                asks: false,
                phase: Phase::Idle,
                memory: Some(Memory::default()),
                health: None,
                thresholds: BTreeMap::new(),
                tries: None,
                polled: None,
                unwanted: CancellationToken::new(),
                changed: false,
                task,
            };
            self.feeds.insert(id.clone(), Box::new(entry));
            self.wait_until(&id, Instant::now() + delay);
            return;
        };
        if entry.task == task {
            return;
        }
        let reads_otherwise = !entry.task.reads_as(&task);
        entry.task = task;
        if entry.asks && entry.lane != lane {
            self.queue.join(&lane);
            self.queue.leave(&entry.lane);
        }
        entry.lane = lane;
        if reads_otherwise && let Some(memory) = &mut entry.memory {
            memory.forget_answers();
        }
        match entry.phase {
            Phase::Running(_) if entry.task.suspended => entry.unwanted.cancel(),
            Phase::Running(_) => entry.changed = true,
            // The lane may be another one: the old place in the queue is passed over when its turn comes.
            Phase::Due | Phase::Waiting(_) | Phase::Idle => {
                let earliest = entry.polled.map_or_else(Instant::now, |polled| polled + SHORTEST_PAUSE);
                self.wait_until(&id, earliest);
            }
        }
    }

    pub(super) fn poll_now(&mut self, id: &FeedId) {
        let Some(entry) = self.feeds.get_mut(id) else { return };
        if let Some(memory) = &mut entry.memory {
            memory.forget_refusal();
        }
        match entry.phase {
            Phase::Running(_) => entry.changed = true,
            Phase::Waiting(_) => {
                let earliest = entry.polled.map_or_else(Instant::now, |polled| polled + SHORTEST_PAUSE);
                self.wait_until(id, earliest);
            }
            // It is in the queue already, or is not to be fetched at all.
            Phase::Due | Phase::Idle => {}
        }
    }

    pub(super) fn forget(&mut self, id: &FeedId) {
        let Some(entry) = self.feeds.remove(id) else { return };
        entry.unwanted.cancel();
        if entry.asks {
            self.queue.leave(&entry.lane);
        }
        if let Phase::Waiting(due) = entry.phase {
            self.timers.remove(&(due, id.clone()));
        }
    }

    pub(super) fn wait_until(&mut self, id: &FeedId, due: Instant) {
        let Some(entry) = self.feeds.get_mut(id) else { return };
        if let Phase::Waiting(before) = entry.phase {
            self.timers.remove(&(before, id.clone()));
        }
        if entry.task.suspended {
            entry.rest(&mut self.queue);
            entry.health = None;
            return;
        }
        if !entry.asks && entry.task.feed.inbox.is_none() {
            entry.asks = true;
            self.queue.join(&entry.lane);
        }
        entry.phase = Phase::Waiting(due);
        self.timers.insert((due, id.clone()));
    }

    pub(super) fn move_due(&mut self, now: Instant) {
        while let Some((due, _)) = self.timers.first()
            && *due <= now
        {
            let Some((_, id)) = self.timers.pop_first() else { return };
            self.enqueue(&id);
        }
    }

    fn enqueue(&mut self, id: &FeedId) {
        let Some(entry) = self.feeds.get_mut(id) else { return };
        entry.phase = Phase::Due;
        self.queue.push(&entry.lane, id.clone(), entry.polled.is_none());
    }

    /// Hands a due feed to a poll; `None` if it is gone or no longer due.
    pub(super) fn start(&mut self, id: &FeedId) -> Option<Started> {
        let entry = self.feeds.get_mut(id).filter(|entry| entry.phase == Phase::Due)?;
        let memory = entry.memory.take()?;
        self.polls += 1;
        entry.phase = Phase::Running(self.polls);
        entry.polled = Some(Instant::now());
        entry.unwanted = CancellationToken::new();
        let (task, unwanted) = (entry.task.clone(), entry.unwanted.clone());
        Some(Started { number: self.polls, task, memory, unwanted })
    }

    /// Learns from a poll; returns how the feed's health is other than before, and whether its task changed meanwhile.
    ///
    /// A feed that was removed and set again while the poll ran is another one: `None`.
    pub(super) fn finish(
        &mut self,
        id: &FeedId,
        started: &Started,
        end: &PollEnd,
        mut memory: Memory,
        (at, longest_pause): (Timestamp, SignedDuration),
    ) -> Option<Finished> {
        let entry = self.feeds.get_mut(id).filter(|entry| entry.phase == Phase::Running(started.number))?;
        let changed = std::mem::take(&mut entry.changed);
        if !entry.task.reads_as(&started.task) {
            memory.forget_answers();
        }
        entry.tries = tries::after(entry.tries, &end.outcome, at, longest_pause);
        let health = health(entry.health.as_ref(), end, &memory, at);
        let says_otherwise = !end.thresholds.is_empty() && entry.thresholds != end.thresholds;
        if says_otherwise && !changed {
            entry.thresholds.clone_from(&end.thresholds);
        }
        let transition = health.is_some() && (says_otherwise || differs(entry.health.as_ref(), health.as_ref()));
        if health.is_some() && !changed {
            entry.health = health;
        }
        entry.memory = Some(memory);
        entry.rest(&mut self.queue);
        Some(Finished { transition, changed })
    }
}

impl Entry {
    /// It is not polled any more, until it is scheduled again.
    fn rest(&mut self, queue: &mut FairQueue) {
        self.phase = Phase::Idle;
        if std::mem::take(&mut self.asks) {
            queue.leave(&self.lane);
        }
    }
}

/// How long the first poll of one of this number of feeds waits.
pub(super) fn start_delay(task: &FeedTask, feeds: usize, clock: &Clock) -> Duration {
    let spread_over = START_SPREAD_A_FEED.mul_f64(feeds as f64).min(START_SPREAD).div_f64(clock.speed().max(1.0));
    spread_over.mul_f64((spread(task) % 1_000) as f64 / 1_000.0)
}

/// The host whose limit counts; of a URL that cannot be read, none.
fn host(feed: &Feed) -> String {
    Url::parse(feed.address()).map(|url| host_and_port(&url)).unwrap_or_default()
}
