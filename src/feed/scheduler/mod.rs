//! One scheduler for all feeds, which knows no controller and judges nothing.
//!
//! Invariant: what it reports as fetched is in the evidence store. A poll that fails leaves no row.

mod kept_job;
mod kept_token;
mod pace;
mod poll;
mod push;
mod queue;
mod quota;
mod tries;
mod windows;
mod withdrawal;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Notify, broadcast};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use self::pace::RowPace;
use self::poll::{Memory, Next, PollEnd, Tools, poll};
pub use self::push::Pushed;
pub use self::quota::RowQuota;
pub use self::tries::{Tries, longest_pause, over};

use self::queue::{FairQueue, FeedId, Lane, QueueLimits};
use self::windows::{next_poll, spread};
use crate::api::condition::Reason;
use crate::api::{self, feed::Feed};
use crate::clock::Clock;
use crate::domain::holdings::FeedHealth;
use crate::domain::terms::calendar::Calendar;
use crate::evidence::{CommitReport, EvidenceStore, RejectionReason, StoreError};

use crate::outbound::call::host_and_port;
use crate::outbound::client::FeedClient;
use crate::outbound::credentials::CredentialSource;
use crate::outbound::error::{FailureKind, FetchError};
use crate::trace::Stage;

/// A feed that is wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct FeedTask {
    /// UID of the VendorContract.
    pub contract_uid: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub contract: String,
    /// The feed as the contract describes it.
    pub feed: api::Shared<Feed>,
    /// First instant of the term.
    pub term_start: Timestamp,
    /// First instant after the term.
    pub term_end: Timestamp,
    /// The contract's time zone.
    pub time_zone: String,
    /// The contract's calendar; none counts every day as one with service.
    pub calendar: Option<Calendar>,
    /// Suspended feeds are not fetched.
    pub suspended: bool,
}

/// How a poll ended.
#[derive(Clone, Debug, PartialEq)]
pub enum FeedOutcome {
    /// The vendor answered, and what it said is in the store.
    Fetched,
    /// The vendor is making a report, which is asked for later: nothing is known of the feed that was not known before.
    Waiting,
    /// The feed failed. Nothing was judged from it, and no row came of it.
    Failed(FetchError),
    /// The cluster did not give what the request needs, so the vendor was not asked: that is not the feed's failure, unless it lasts.
    NotAsked(FetchError),
    /// The vendor answered, but the store did not take it: that is not the feed's failure.
    NotStored(StoreError),
}

impl FeedOutcome {
    /// Its word: that of the feed's health, or why nothing is known.
    pub fn as_str(&self) -> &'static str {
        match self {
            FeedOutcome::Waiting => Reason::Pending.as_str(),
            FeedOutcome::Fetched => Reason::Fetched.as_str(),
            FeedOutcome::Failed(error) | FeedOutcome::NotAsked(error) => error.kind.as_str(),
            FeedOutcome::NotStored(_) => Reason::EvidenceUnavailable.as_str(),
        }
    }
}

/// A poll that ended.
#[derive(Clone, Debug)]
pub struct FeedEvent {
    /// UID of the VendorContract.
    pub contract_uid: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub contract: String,
    /// Name of the feed.
    pub feed: String,
    /// How it ended.
    pub outcome: FeedOutcome,
    /// What the commit did; none where nothing had to be committed.
    pub commit: Option<CommitReport>,
    /// When it ended, by the operator's clock.
    pub at: Timestamp,
    /// How long it took, in real time.
    pub took: Duration,
    /// Whether the feed's health or back-fill is another one than before.
    pub transition: bool,
}

/// The shortest real time between two polls of one feed, however fast the clock of a rehearsal runs.
const SHORTEST_PAUSE: Duration = Duration::from_millis(200);
/// The first polls after a start are spread over this.
const START_SPREAD: Duration = Duration::from_secs(2);
/// How long running polls may go on when the operator ends.
const FAREWELL: Duration = Duration::from_secs(5);
/// Events that a slow reader may be behind before it loses some.
const EVENTS: usize = 4_096;
/// How soon a Secret is read again that was missing, not allowed, or refused by the vendor: a corrected one works within a minute. The
/// vendor is asked again only with other credentials, so that no account is locked by repeats.
const SECRET_RETRY: Duration = Duration::from_secs(45);
/// How often a Secret is read again that the cluster did not give, before the feed counts as failed: every five seconds.
const LOOKS_WHILE_UNREAD: u32 = 9;
const LIMITS: QueueLimits = QueueLimits { in_all: 64, per_namespace: 8, per_host: 4 };

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

struct State {
    /// In boxes: up to half of a table's places are empty, and twice as many for a moment when it grows.
    feeds: HashMap<FeedId, Box<Entry>>,
    timers: BTreeSet<(Instant, FeedId)>,
    queue: FairQueue,
    /// How many polls were started.
    polls: u64,
}

/// A poll that was started.
struct Started {
    number: u64,
    task: FeedTask,
    memory: Memory,
    /// Cancelled when the feed is not wanted any more.
    unwanted: CancellationToken,
}

/// What a poll that ended left behind.
struct Finished {
    /// Whether the feed's health is another one than before.
    transition: bool,
    /// Whether the task changed while the poll ran.
    changed: bool,
}

struct Entry {
    task: FeedTask,
    lane: Lane,
    phase: Phase,
    /// Present unless a poll has it.
    memory: Option<Memory>,
    health: Option<FeedHealth>,
    /// By which times the vendor said last that it counts.
    thresholds: BTreeMap<String, i64>,
    /// How the vendor was tried since the operator began.
    tries: Option<Tries>,
    polled: Option<Instant>,
    /// Ends the poll that runs.
    unwanted: CancellationToken,
    /// The task changed while a poll ran: it is polled again at once, and what the poll learnt is forgotten.
    changed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// A timer is set.
    Waiting(Instant),
    /// In the queue.
    Due,
    /// Being fetched, by the poll of this number, which `Entry::unwanted` ends.
    Running(u64),
    /// Suspended, or its contract is over.
    Idle,
}

impl Scheduler {
    /// A scheduler without feeds; it fetches once [`Scheduler::run`] runs.
    pub fn new(
        client: Arc<FeedClient>,
        store: Arc<dyn EvidenceStore>,
        source: Arc<dyn CredentialSource>,
        clock: Clock,
    ) -> Self {
        Self::within(client, store, source, clock, RowQuota::default())
    }

    /// The same with another quota of rows.
    pub fn within(
        client: Arc<FeedClient>,
        store: Arc<dyn EvidenceStore>,
        source: Arc<dyn CredentialSource>,
        clock: Clock,
        quota: RowQuota,
    ) -> Self {
        Self::with(Tools { client, store, source, clock, quota, pace: RowPace::default(), secret_retry: SECRET_RETRY })
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
        let (quota, pace) = (RowQuota::default(), RowPace::default());
        Self::with(Tools { client, store, source, clock, quota, pace, secret_retry })
    }

    fn with(tools: Tools) -> Self {
        let state = State { feeds: HashMap::new(), timers: BTreeSet::new(), queue: FairQueue::new(LIMITS), polls: 0 };
        let shared =
            Shared { tools, state: Mutex::new(state), changed: Notify::new(), events: broadcast::Sender::new(EVENTS) };
        Scheduler { shared: Arc::new(shared) }
    }

    /// Says which feeds a contract has now. Equal tasks go on as they were; a changed one is polled at once.
    pub fn set_feeds_of(&self, contract_uid: &str, tasks: Vec<FeedTask>) {
        let mut state = self.shared.lock();
        let wanted: BTreeSet<&str> = tasks.iter().map(|task| task.feed.name.as_str()).collect();
        let gone: Vec<FeedId> = state
            .feeds
            .keys()
            .filter(|(uid, name)| uid == contract_uid && !wanted.contains(name.as_str()))
            .cloned()
            .collect();
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
        self.poll_those(|(uid, name)| uid == contract_uid && feed.is_none_or(|feed| feed == name));
    }

    /// The same for all feeds of all contracts.
    pub fn poll_all(&self) {
        self.poll_those(|_| true);
    }

    fn poll_those(&self, wanted: impl Fn(&FeedId) -> bool) {
        let mut state = self.shared.lock();
        let found: Vec<FeedId> = state.feeds.keys().filter(|id| wanted(id)).cloned().collect();
        for id in found {
            state.poll_now(&id);
        }
        drop(state);
        self.shared.changed.notify_one();
    }

    /// Forgets all feeds of a contract.
    pub fn remove(&self, contract_uid: &str) {
        self.set_feeds_of(contract_uid, Vec::new());
    }

    /// How the feeds of a contract are, by name. A feed that was not polled yet, or is suspended, is absent.
    pub fn health_of(&self, contract_uid: &str) -> BTreeMap<String, FeedHealth> {
        let state = self.shared.lock();
        let of_contract = state.feeds.iter().filter(|((uid, _), entry)| uid == contract_uid && !entry.task.suspended);
        of_contract.filter_map(|((_, name), entry)| Some((name.clone(), entry.health.clone()?))).collect()
    }

    /// By which times the vendors of a contract said last that they count, by feed; since the operator began.
    pub fn thresholds_of(&self, contract_uid: &str) -> BTreeMap<String, BTreeMap<String, i64>> {
        let state = self.shared.lock();
        let of_contract = state.feeds.iter().filter(|((uid, _), _)| uid == contract_uid);
        let of_contract = of_contract.filter(|(_, entry)| !entry.thresholds.is_empty());
        of_contract.map(|((_, name), entry)| (name.clone(), entry.thresholds.clone())).collect()
    }

    /// How the feeds of a contract were tried since the operator began, by name; a feed that was not is absent.
    pub fn tries_of(&self, contract_uid: &str) -> BTreeMap<String, Tries> {
        let state = self.shared.lock();
        let of_contract = state.feeds.iter().filter(|((uid, _), _)| uid == contract_uid);
        of_contract.filter_map(|((_, name), entry)| Some((name.clone(), entry.tries?))).collect()
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
        // A defect in one poll must not stop its feed for ever, nor others at all.
        let ended = tokio::select! {
            biased;
            () = started.unwanted.cancelled() => {
                // What is cut here has committed nothing, or all; nobody waits for the place it held any longer.
                abort.abort();
                None
            }
            ended = worker => Some(ended),
        };
        let Some(ended) = ended else { return self.gave_up(&lane, &id, &started) };
        let (end, memory) = ended.unwrap_or_else(|_| {
            let outcome =
                FeedOutcome::Failed(FetchError::new(FailureKind::Malformed, "the answer could not be handled"));
            (PollEnd::of(outcome, Next::Later), Memory::default())
        });
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
            transition: finished.is_some_and(|finished| finished.transition),
        };
        // Without a reader nobody wants to know.
        let _ = self.events.send(Arc::new(event));
    }
}

impl Shared {
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

impl State {
    fn set(&mut self, task: FeedTask, clock: &Clock) {
        let id = (task.contract_uid.clone(), task.feed.name.clone());
        let lane = Lane { namespace: task.namespace.clone(), host: host(&task.feed) };
        let Some(entry) = self.feeds.get_mut(&id) else {
            let delay = start_delay(&task, clock);
            let entry = Entry {
                lane,
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
        let feed_changed = entry.task.feed != task.feed;
        entry.task = task;
        entry.lane = lane;
        if feed_changed && let Some(memory) = &mut entry.memory {
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

    fn poll_now(&mut self, id: &FeedId) {
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

    fn forget(&mut self, id: &FeedId) {
        let Some(entry) = self.feeds.remove(id) else { return };
        entry.unwanted.cancel();
        if let Phase::Waiting(due) = entry.phase {
            self.timers.remove(&(due, id.clone()));
        }
    }

    fn wait_until(&mut self, id: &FeedId, due: Instant) {
        let Some(entry) = self.feeds.get_mut(id) else { return };
        if let Phase::Waiting(before) = entry.phase {
            self.timers.remove(&(before, id.clone()));
        }
        if entry.task.suspended {
            entry.phase = Phase::Idle;
            entry.health = None;
            return;
        }
        entry.phase = Phase::Waiting(due);
        self.timers.insert((due, id.clone()));
    }

    fn move_due(&mut self, now: Instant) {
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
    fn start(&mut self, id: &FeedId) -> Option<Started> {
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
    fn finish(
        &mut self,
        id: &FeedId,
        started: &Started,
        end: &PollEnd,
        mut memory: Memory,
        (at, longest_pause): (Timestamp, SignedDuration),
    ) -> Option<Finished> {
        let entry = self.feeds.get_mut(id).filter(|entry| entry.phase == Phase::Running(started.number))?;
        let changed = std::mem::take(&mut entry.changed);
        if entry.task.feed != started.task.feed {
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
        entry.phase = Phase::Idle;
        Some(Finished { transition, changed })
    }
}

/// How long, in real time, until the next poll; `None` for never.
fn pause(task: &FeedTask, end: &PollEnd, changed: bool, began: Instant, tools: &Tools) -> Option<Duration> {
    // An instant beyond what a timer can hold would never come.
    const LONGEST: Duration = Duration::from_secs(30 * 86_400);
    match end.next {
        _ if changed => Some(SHORTEST_PAUSE.saturating_sub(began.elapsed())),
        Next::Never => None,
        Next::AtOnce => Some(Duration::ZERO),
        Next::After(wait) => {
            let due = tools.clock.now().checked_add(wait).unwrap_or(Timestamp::MAX);
            Some(tools.clock.real_time_until(due).clamp(SHORTEST_PAUSE, LONGEST))
        }
        Next::Later => {
            let clock = &tools.clock;
            let regular = clock.real_time_until(next_poll(task, clock.now())).max(SHORTEST_PAUSE);
            let of_a_secret = |error: &FetchError| error.of_the_cluster || rests_on_a_secret(error.kind);
            if matches!(&end.outcome, FeedOutcome::Failed(error) if of_a_secret(error)) {
                // Only the Secret is looked at so soon; the vendor's own wish is kept with the refusal.
                return Some(regular.min(tools.secret_retry));
            }
            if matches!(&end.outcome, FeedOutcome::NotAsked(_)) {
                return Some(regular.min(tools.secret_retry / LOOKS_WHILE_UNREAD));
            }
            let wish = match &end.outcome {
                FeedOutcome::Failed(error) => error.retry_after,
                _ => None,
            };
            Some(regular.max(wish.unwrap_or_default()).min(LONGEST))
        }
    }
}

fn rests_on_a_secret(kind: FailureKind) -> bool {
    matches!(kind, FailureKind::Auth | FailureKind::SecretNotFound | FailureKind::SecretNotAllowed)
}

fn start_delay(task: &FeedTask, clock: &Clock) -> Duration {
    let spread_over = START_SPREAD.div_f64(clock.speed().max(1.0));
    spread_over.mul_f64((spread(task) % 1_000) as f64 / 1_000.0)
}

fn health(before: Option<&FeedHealth>, end: &PollEnd, memory: &Memory, at: Timestamp) -> Option<FeedHealth> {
    let found = match &end.outcome {
        FeedOutcome::Fetched => FeedHealth::fetched(&end.notes),
        FeedOutcome::Failed(error) => {
            FeedHealth { reason: error.kind.reason(), message: error.message.clone(), ..FeedHealth::default() }
        }
        FeedOutcome::Waiting | FeedOutcome::NotStored(_) | FeedOutcome::NotAsked(_) => return None,
    };
    let same = before.filter(|before| before.reason == found.reason);
    Some(FeedHealth {
        since: same.map_or(Some(at), |before| before.since),
        backfilling: memory.backfilling(),
        backfill: memory.backfill(),
        set_aside: set_aside(before, end),
        asked_until: memory.asked_until(),
        ..found
    })
}

/// Rows of an answer that the store set aside since they cannot be true beside others. While the past is fetched, its answers add up;
/// an answer that never came leaves what is known.
fn set_aside(before: Option<&FeedHealth>, end: &PollEnd) -> i64 {
    let known = before.map_or(0, |before| before.set_aside);
    let Some(report) = &end.commit else {
        return if matches!(end.outcome, FeedOutcome::Fetched) { 0 } else { known };
    };
    let count = |reason| report.rejected.get(&reason).copied().unwrap_or(0);
    let now = count(RejectionReason::Overlap).saturating_add(count(RejectionReason::Conflict));
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    if before.is_some_and(|before| before.backfilling) { known.saturating_add(now) } else { now }
}

fn differs(before: Option<&FeedHealth>, after: Option<&FeedHealth>) -> bool {
    // What an error says may change with each poll; what a success says changes with the vendor's clock alone.
    let seen = |health: Option<&FeedHealth>| {
        health.map(|health| {
            let shares = health.backfill.map(|backfill| backfill.percent);
            (health.reason, health.backfilling, shares, health.note.clone(), health.set_aside)
        })
    };
    seen(before) != seen(after)
}

/// The host whose limit counts; of a URL that cannot be read, none.
fn host(feed: &Feed) -> String {
    Url::parse(feed.address()).map(|url| host_and_port(&url)).unwrap_or_default()
}
