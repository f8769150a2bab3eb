//! One scheduler for all feeds, which knows no controller and judges nothing.
//!
//! Invariant: what it reports as fetched is in the evidence store. A poll that fails leaves no row.

mod commit;
mod event;
#[cfg(test)]
mod fairness;
mod health;
mod kept_job;
mod kept_token;
mod memory;
mod pace;
mod pause;
mod poll;
mod push;
mod queue;
mod quota;
mod sizes;
mod slices;
mod state;
mod task;
mod tries;
mod windows;
mod withdrawal;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, broadcast};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::event::{FeedEvent, FeedOutcome};
use self::memory::Memory;
use self::pace::RowPace;
use self::pause::{SHORTEST_PAUSE, pause};
use self::poll::{Next, PollEnd, Tools, poll};
pub use self::push::Pushed;
use self::queue::{FeedId, Lane, QueueLimits};
pub use self::quota::RowQuota;
use self::sizes::Sizes;
use self::state::{Phase, Started, State};
pub use self::task::FeedTask;
pub use self::tries::{Tries, longest_pause, over};
use crate::clock::Clock;
use crate::domain::holdings::FeedHealth;
use crate::evidence::EvidenceStore;
use crate::outbound::client::FeedClient;
use crate::outbound::credentials::CredentialSource;
use crate::outbound::error::{FailureKind, FetchError};
use crate::trace::Stage;

/// How long running polls may go on when the operator ends.
const FAREWELL: Duration = Duration::from_secs(5);
/// Events that a slow reader may be behind before it loses some.
const EVENTS: usize = 4_096;
/// How soon a Secret is read again that was missing, not allowed, or refused by the vendor: a corrected one works within a minute. The
/// vendor is asked again only with other credentials, so that no account is locked by repeats.
const SECRET_RETRY: Duration = Duration::from_secs(45);
const LIMITS: QueueLimits = QueueLimits { in_all: 64, per_namespace: 8, per_host: 4 };

/// How often it is looked whether the clock is to be trusted again, while it is not.
const CLOCK_LOOKS: Duration = Duration::from_secs(1);

/// Whether the instants of the scheduler's clock are to be trusted now: what is kept of an answer counts from its instant on, for ever.
pub type ClocksAgree = Arc<dyn Fn() -> bool + Send + Sync>;

/// Polls all feeds. Cheap to clone; all clones are the same scheduler.
#[derive(Clone)]
pub struct Scheduler {
    shared: Arc<Shared>,
}

struct Shared {
    tools: Tools,
    state: Mutex<State>,
    changed: Notify,
    /// Shared: all places of the queue are there from the start.
    events: broadcast::Sender<Arc<FeedEvent>>,
}

impl Scheduler {
    /// A scheduler without feeds; it fetches once [`Scheduler::run`] runs.
    pub fn new(
        client: Arc<FeedClient>,
        store: Arc<dyn EvidenceStore>,
        source: Arc<dyn CredentialSource>,
        clock: Clock,
    ) -> Self {
        Self::within(client, store, source, (clock, Arc::new(|| true)), RowQuota::default())
    }

    /// The same with another quota of rows, and a clock that is not always to be trusted: while it is not, no feed is asked, and nothing
    /// is kept.
    pub fn within(
        client: Arc<FeedClient>,
        store: Arc<dyn EvidenceStore>,
        source: Arc<dyn CredentialSource>,
        (clock, agree): (Clock, ClocksAgree),
        quota: RowQuota,
    ) -> Self {
        let (sizes, pace) = (Sizes::default(), RowPace::default());
        Self::with(Tools { client, store, source, clock, agree, quota, sizes, pace, secret_retry: SECRET_RETRY })
    }

    /// The same, with another pause before a Secret is read again.
    #[cfg(test)]
    pub(in crate::feed) fn with_secret_retry(
        client: Arc<FeedClient>,
        store: Arc<dyn EvidenceStore>,
        source: Arc<dyn CredentialSource>,
        clock: Clock,
        secret_retry: Duration,
    ) -> Self {
        let (quota, sizes, pace) = (RowQuota::default(), Sizes::default(), RowPace::default());
        let agree: ClocksAgree = Arc::new(|| true);
        Self::with(Tools { client, store, source, clock, agree, quota, sizes, pace, secret_retry })
    }

    fn with(tools: Tools) -> Self {
        let state = State::within(LIMITS);
        let shared =
            Shared { tools, state: Mutex::new(state), changed: Notify::new(), events: broadcast::Sender::new(EVENTS) };
        Scheduler { shared: Arc::new(shared) }
    }

    /// Says which feeds a contract has now. Equal tasks go on as they were; a changed one is polled at once.
    pub fn set_feeds_of(&self, contract_uid: &str, tasks: Vec<FeedTask>) {
        let mut state = self.shared.lock();
        let wanted: BTreeSet<&str> = tasks.iter().map(|task| task.feed.name.as_str()).collect();
        let of_contract = state.of_contract(contract_uid).map(|(id, _)| id);
        let gone: Vec<FeedId> = of_contract.filter(|(_, name)| !wanted.contains(name.as_str())).cloned().collect();
        for id in gone {
            state.forget(&id);
        }
        for task in tasks {
            state.set(task, &self.shared.tools.clock);
        }
        drop(state);
        self.shared.changed.notify_one();
    }

    /// Polls a feed of a contract now, or all of them; one that is being fetched is fetched once more after that.
    pub fn poll_now(&self, contract_uid: &str, feed: Option<&str>) {
        self.poll_those(|state| {
            let of_contract = state.of_contract(contract_uid).map(|(id, _)| id);
            of_contract.filter(|(_, name)| feed.is_none_or(|feed| feed == name)).cloned().collect()
        });
    }

    /// The same for all feeds of all contracts.
    pub fn poll_all(&self) {
        self.poll_those(|state| state.feeds.keys().cloned().collect());
    }

    fn poll_those(&self, wanted: impl Fn(&State) -> Vec<FeedId>) {
        let mut state = self.shared.lock();
        for id in wanted(&state) {
            state.poll_now(&id);
        }
        drop(state);
        self.shared.changed.notify_one();
    }

    /// Looks at once whether the clock is to be trusted: feeds that are due wait for that.
    pub fn look_at_the_clock(&self) {
        self.shared.changed.notify_one();
    }

    /// Forgets all feeds of a contract.
    pub fn remove(&self, contract_uid: &str) {
        self.set_feeds_of(contract_uid, Vec::new());
    }

    /// How the feeds of a contract are, by name. A feed that was not polled yet, or is suspended, is absent.
    pub fn health_of(&self, contract_uid: &str) -> BTreeMap<String, FeedHealth> {
        let state = self.shared.lock();
        let of_contract = state.of_contract(contract_uid).filter(|(_, entry)| !entry.task.suspended);
        of_contract.filter_map(|((_, name), entry)| Some((name.clone(), entry.health.clone()?))).collect()
    }

    /// By which times the vendors of a contract said last that they count, by feed; since the operator began.
    pub fn thresholds_of(&self, contract_uid: &str) -> BTreeMap<String, BTreeMap<String, i64>> {
        let state = self.shared.lock();
        let of_contract = state.of_contract(contract_uid).filter(|(_, entry)| !entry.thresholds.is_empty());
        of_contract.map(|((_, name), entry)| (name.clone(), entry.thresholds.clone())).collect()
    }

    /// How the feeds of a contract were tried since the operator began, by name; a feed that was not is absent.
    pub fn tries_of(&self, contract_uid: &str) -> BTreeMap<String, Tries> {
        let state = self.shared.lock();
        let tried = state.of_contract(contract_uid).filter_map(|((_, name), entry)| Some((name.clone(), entry.tries?)));
        tried.collect()
    }

    /// Polls as they end. A receiver that lags must read [`Scheduler::health_of`] again.
    pub fn events(&self) -> broadcast::Receiver<Arc<FeedEvent>> {
        self.shared.events.subscribe()
    }

    /// Polls until `stop`; then polls that run have a few seconds to end.
    pub async fn run(&self, stop: CancellationToken) {
        let polls = TaskTracker::new();
        loop {
            let wake = self.dispatch(&polls);
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.shared.changed.notified() => {}
                () = sleep_until(wake) => {}
            }
        }
        polls.close();
        // A poll that is cut here has committed nothing, or all.
        let _ = tokio::time::timeout(FAREWELL, polls.wait()).await;
    }

    /// Starts what may be started; returns when the next timer is due.
    fn dispatch(&self, polls: &TaskTracker) -> Option<Instant> {
        if !self.shared.tools.clocks_agree() {
            // What is due waits where it is.
            return Some(Instant::now() + CLOCK_LOOKS);
        }
        let mut state = self.shared.lock();
        state.move_due(Instant::now());
        while let Some((lane, id)) = state.queue.pop() {
            let Some(started) = state.start(&id) else {
                state.queue.done(&lane);
                continue;
            };
            let shared = self.shared.clone();
            polls.spawn(async move { shared.poll(lane, id, started).await });
        }
        state.timers.first().map(|(due, _)| *due)
    }
}

async fn sleep_until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn poll(self: Arc<Self>, lane: Lane, id: FeedId, mut started: Started) {
        let began = Instant::now();
        let Some((end, memory)) = self.polled(&mut started).await else { return self.gave_up(&lane, &id, &started) };
        let clock = &self.tools.clock;
        let at = clock.now();
        let mut state = self.lock();
        state.queue.done(&lane);
        let pause_allowed = longest_pause(&started.task.feed, clock);
        let finished = state.finish(&id, &started, &end, memory, (at, pause_allowed));
        if let Some(finished) = &finished
            && let Some(pause) = pause(&started.task, &end, finished.changed, began, &self.tools)
        {
            state.wait_until(&id, Instant::now() + pause);
        }
        drop(state);
        self.changed.notify_one();
        if !end.asked {
            return;
        }
        let task = started.task;
        let event = FeedEvent {
            contract_uid: task.contract_uid,
            namespace: task.namespace,
            contract: task.contract,
            feed: task.feed.name.clone(),
            outcome: end.outcome,
            commit: end.commit,
            at,
            took: began.elapsed(),
            transition: finished.as_ref().is_some_and(|finished| finished.transition),
            goes_on: finished.is_some() && end.next == Next::AtOnce,
        };
        // Without a reader nobody wants to know.
        let _ = self.events.send(Arc::new(event));
    }

    /// Polls on a task of its own; `None` where the feed is not wanted any more.
    async fn polled(self: &Arc<Self>, started: &mut Started) -> Option<(PollEnd, Memory)> {
        let worker = tokio::spawn({
            let (shared, task) = (self.clone(), started.task.clone());
            let mut memory = std::mem::take(&mut started.memory);
            async move {
                let stage = Stage::poll(&task.namespace, &task.contract, &task.feed.name);
                let end = stage.around(poll(&shared.tools, &task, &mut memory)).await;
                let is_failure = !matches!(end.outcome, FeedOutcome::Fetched | FeedOutcome::Waiting);
                stage.ended(end.outcome.as_str(), is_failure);
                (end, memory)
            }
        });
        let abort = worker.abort_handle();
        let ended = tokio::select! {
            biased;
            () = started.unwanted.cancelled() => {
                // What is cut here has committed nothing, or all; nobody waits for the place it held any longer.
                abort.abort();
                return None;
            }
            ended = worker => ended,
        };
        // A defect in one poll must not stop its feed for ever, nor others at all.
        Some(ended.unwrap_or_else(|_| {
            let outcome =
                FeedOutcome::Failed(FetchError::new(FailureKind::Malformed, "the answer could not be handled"));
            (PollEnd::of(outcome, Next::Later), Memory::default())
        }))
    }

    /// A poll was ended because its feed is gone or suspended.
    fn gave_up(&self, lane: &Lane, id: &FeedId, started: &Started) {
        let mut state = self.lock();
        state.queue.done(lane);
        if let Some(entry) = state.feeds.get_mut(id).filter(|entry| entry.phase == Phase::Running(started.number)) {
            entry.memory = Some(Memory::default());
            entry.phase = Phase::Idle;
            entry.changed = false;
            // It may be wanted again by now.
            state.wait_until(id, Instant::now() + SHORTEST_PAUSE);
        }
        drop(state);
        self.changed.notify_one();
    }
}
