//! What vendors push: each push is an answer of its feed, read and committed as one that was fetched.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::commit::commit;
use super::memory::Memory;
use super::poll::{Next, PollEnd, Tools};
use super::windows::{PlannedWindow, next_poll};
use super::{
    FeedEvent, FeedId, FeedOutcome, FeedTask, Phase, SHORTEST_PAUSE, Scheduler, Shared, Started, State, longest_pause,
};
use crate::evidence::{BackfillProgress, CommitReport, RejectedRow};
use crate::feed::fetch_request::{FetchRequest, Life, Step};
use crate::feed::time_window::Window;
use crate::outbound::client::{FeedClient, Page};
use crate::outbound::credentials::Credentials;
use crate::outbound::secret::Redactor;

/// What became of a push.
#[derive(Clone, Debug)]
pub struct Pushed {
    /// How it ended.
    pub outcome: FeedOutcome,
    /// What the commit did, where there was one.
    pub commit: Option<CommitReport>,
    /// The rows that cannot be used, as they stand in the push, with the reason.
    pub set_aside: Vec<RejectedRow>,
}

/// How long a push waits for another one of the same feed.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it looks.
const LOOKS: Duration = Duration::from_millis(20);

impl Scheduler {
    /// The feed of a contract that takes what is pushed; `None` where there is none that this process looks after.
    pub fn inbox_of(&self, namespace: &str, contract: &str, feed: &str) -> Option<FeedTask> {
        let state = self.shared.lock();
        let is_it = |task: &&FeedTask| {
            task.feed.inbox.is_some()
                && task.feed.name == feed
                && task.namespace == namespace
                && task.contract == contract
        };
        state.feeds.values().map(|entry| &entry.task).find(is_it).cloned()
    }

    /// The client whose bounds hold for what is pushed, too.
    pub(in crate::feed) fn client(&self) -> Arc<FeedClient> {
        self.shared.tools.client.clone()
    }

    /// Reads a push, which may say that it is about a stretch of time, and commits it. It goes on to its end, whatever happens to whoever
    /// waits for it. `None`: other pushes of the feed take too long, or the feed is gone.
    pub async fn push(&self, task: &FeedTask, about: Option<Window>, page: Page, redactor: Redactor) -> Option<Pushed> {
        let id: FeedId = (task.contract_uid.clone(), task.feed.name.clone());
        let deadline = Instant::now() + PATIENCE;
        let started = loop {
            if let Some(started) = self.shared.lock().start_push(&id, task) {
                break started;
            }
            if Instant::now() >= deadline {
                return None;
            }
            tokio::time::sleep(LOOKS).await;
        };
        let shared = self.shared.clone();
        tokio::spawn(async move { shared.take(&id, started, (about, page), redactor).await }).await.ok()
    }
}

impl State {
    /// Takes a feed for a push, unless it is busy or another one by now.
    fn start_push(&mut self, id: &FeedId, task: &FeedTask) -> Option<Started> {
        let entry = self.feeds.get_mut(id).filter(|entry| entry.task == *task && !entry.task.suspended)?;
        let before = entry.phase;
        if matches!(before, Phase::Running(_)) {
            return None;
        }
        let memory = entry.memory.take()?;
        self.polls += 1;
        entry.phase = Phase::Running(self.polls);
        entry.unwanted = CancellationToken::new();
        let started =
            Started { number: self.polls, task: entry.task.clone(), memory, unwanted: entry.unwanted.clone() };
        if let Phase::Waiting(due) = before {
            self.timers.remove(&(due, id.clone()));
        }
        Some(started)
    }
}

impl Shared {
    async fn take(
        &self,
        id: &FeedId,
        mut started: Started,
        (about, page): (Option<Window>, Page),
        redactor: Redactor,
    ) -> Pushed {
        let began = Instant::now();
        let mut memory = std::mem::take(&mut started.memory);
        let (end, set_aside) = take(&self.tools, &started.task, &mut memory, (about, page), &redactor).await;
        let at = self.tools.clock.now();
        let mut state = self.lock();
        let allowed = longest_pause(&started.task.feed, &self.tools.clock);
        let finished = state.finish(id, &started, &end, memory, (at, allowed));
        let later = self.tools.clock.real_time_until(next_poll(&started.task, at)).max(SHORTEST_PAUSE);
        if finished.is_some() {
            state.wait_until(id, Instant::now() + later);
        }
        drop(state);
        self.changed.notify_one();
        let PollEnd { outcome, commit, .. } = end;
        let task = started.task;
        let event = FeedEvent {
            contract_uid: task.contract_uid,
            namespace: task.namespace,
            contract: task.contract,
            feed: task.feed.name.clone(),
            outcome: outcome.clone(),
            commit: commit.clone(),
            at,
            took: began.elapsed(),
            transition: finished.is_some_and(|finished| finished.transition),
            goes_on: false,
        };
        // Without a reader nobody wants to know.
        let _ = self.events.send(Arc::new(event));
        Pushed { outcome, commit, set_aside }
    }
}

/// Reads a push and commits it.
async fn take(
    tools: &Tools,
    task: &FeedTask,
    memory: &mut Memory,
    (about, page): (Option<Window>, Page),
    redactor: &Redactor,
) -> (PollEnd, Vec<RejectedRow>) {
    let now = tools.clock.now();
    // Rows would lie ahead of a clock that is behind, and be set aside for good.
    if !tools.clocks_agree() {
        return (PollEnd::clocks_differ(), Vec::new());
    }
    let credentials = Credentials::default();
    let request = FetchRequest {
        feed: &task.feed,
        namespace: &task.namespace,
        time_zone: &task.time_zone,
        window: Window { since: task.term_start, until: now },
        now,
        credentials: &credentials,
        validators: None,
        known: None,
        state: None,
        life: Life::default(),
        step: Step::default(),
    };
    let body = match crate::feed::pushed::read(&tools.client, &request, about, page, redactor).await {
        Ok(body) => body,
        Err(error) => {
            memory.push_failure = Some(error.clone());
            return (PollEnd::of(FeedOutcome::Failed(error), Next::Later), Vec::new());
        }
    };
    let set_aside = body.rejected.clone();
    let planned = PlannedWindow {
        window: request.window,
        backfill: false,
        regular: true,
        usual: request.window.since,
        last: true,
        progress: BackfillProgress { reached: now, completed: true },
        note: None,
    };
    let end = commit(tools, task, memory, &planned, body).await;
    memory.push_failure = match &end.outcome {
        FeedOutcome::Failed(error) => Some(error.clone()),
        FeedOutcome::ClocksDiffer => memory.push_failure.take(),
        _ => None,
    };
    (end, set_aside)
}

/// A turn of such a feed: nothing is asked for, and nothing waits anywhere, so that rows which have not come are late. A push that could not
/// be read is shown until a good one comes. `over` is when nothing can come any more.
pub(super) fn look(memory: &mut Memory, term_end: Timestamp, now: Timestamp) -> PollEnd {
    let over = term_end.checked_add(AFTER_THE_TERM).unwrap_or(Timestamp::MAX);
    if now >= over {
        return PollEnd::of(FeedOutcome::Fetched, Next::Never);
    }
    memory.reached(now);
    let outcome = memory.push_failure.clone().map_or(FeedOutcome::Fetched, FeedOutcome::Failed);
    PollEnd::of(outcome, Next::Later)
}

/// For how long after the term late rows are waited for.
const AFTER_THE_TERM: SignedDuration = SignedDuration::from_hours(31 * 24);
