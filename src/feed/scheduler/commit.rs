//! What happens to rows that a fetch or a push brought.

use jiff::Timestamp;
use tokio::time::Instant;

use super::memory::Memory;
use super::poll::{Next, PollEnd, Tools, failed};
use super::windows::PlannedWindow;
use super::withdrawal::withdraw;
use super::{FeedOutcome, FeedTask};
use crate::evidence::{BackfillProgress, Batch, CommitReport, FeedKey, RejectionReason, StoreError};
use crate::feed::capabilities::has_a_past;
use crate::feed::fetch::clock_is_off;
use crate::feed::fetch_request::{FetchedBody, KnownPage, Repeated};
use crate::feed::time_window::Window;
use crate::feed::{quiet, window};
use crate::outbound::client::Validators;
use crate::outbound::error::{FailureKind, FetchError};
use crate::trace::Stage;

/// What an answer says of its feed in addition to its rows.
struct Learnt {
    /// Where what is left of the window begins, where the answer brings a part of it.
    rest: Option<Timestamp>,
    /// How far the feed is with this answer.
    progress: Option<BackfillProgress>,
    /// Whether that is written into the store.
    store_progress: bool,
    /// Whether the answer says what the one before said.
    is_known: bool,
    /// By what the next answer is known to say the same.
    digest: Option<[u8; 32]>,
    /// By what the vendor is asked whether anything changed.
    validators: Option<Validators>,
    /// By what it is known before it is read.
    page: Option<KnownPage>,
}

impl Learnt {
    fn of(task: &FeedTask, memory: &Memory, planned: &PlannedWindow, body: &FetchedBody, is_usable: bool) -> Self {
        let clean = body.rejected.is_empty();
        // Two equal scrapes say that nothing happened between them.
        // Where rows go by the window, the same answer says something else of another one.
        let goes_by_window = window::is_on_grid(&task.feed) || quiet::has_quiet_slots(&task.feed);
        let is_known = clean && !goes_by_window && body.state.is_none() && memory.digest == Some(body.digest);
        // A part of a window is progress of the past alone: a look-back that breaks off begins again.
        let progress = match body.rest {
            None => Some(planned.progress),
            Some(reached) => planned.backfill.then_some(BackfillProgress { reached, completed: false }),
        };
        let lag = progress.map_or(memory.stored.is_none(), |progress| memory.lags_behind(progress));
        let may_be_unchanged = clean && !goes_by_window && !planned.backfill && has_a_past(&task.feed);
        Learnt {
            rest: body.rest,
            progress,
            // Rows of which none can be used are not a success: once the mapping is corrected, the same window is asked for again.
            store_progress: is_usable && (planned.backfill || lag),
            is_known,
            // A row that is refused today, such as one that lies ahead, may be good tomorrow in the same body.
            digest: clean.then_some(body.digest),
            validators: body.validators.clone().filter(|_| may_be_unchanged),
            page: body.known.clone().filter(|_| may_be_unchanged && body.state.is_none()),
        }
    }

    /// Remembers it for the next poll.
    fn remember(self, memory: &mut Memory, planned: &PlannedWindow, now: Timestamp) {
        memory.progress = self.progress.or(memory.progress);
        if self.store_progress {
            memory.stored = self.progress.or(memory.stored);
        }
        let left = |since| PlannedWindow { window: Window { since, ..planned.window }, ..planned.clone() };
        memory.rest = self.rest.map(left);
        if self.rest.is_none() {
            memory.older.note(planned, now);
        }
        memory.digest = self.digest;
        memory.validators = self.validators;
        memory.page = self.page;
    }
}

/// Commits what was brought, and remembers what it says of the feed.
pub(super) async fn commit(
    tools: &Tools,
    task: &FeedTask,
    memory: &mut Memory,
    planned: &PlannedWindow,
    mut body: FetchedBody,
) -> PollEnd {
    if !tools.clocks_agree() {
        return PollEnd::clocks_differ();
    }
    let shrunk = match withdraw(tools, task, &mut memory.shrunk_since, &mut body).await {
        Ok(shrunk) => shrunk,
        Err(error) => return PollEnd::of(FeedOutcome::NotStored(error), Next::Later),
    };
    let fault = body.fault().or(shrunk);
    let learnt = Learnt::of(task, memory, planned, &body, fault.is_none());
    let thresholds = std::mem::take(&mut body.thresholds);
    let clock = body.ahead.and_then(clock_is_off);
    let notes = clock.into_iter().chain(planned.note.clone()).collect();
    let report = if learnt.is_known && !learnt.store_progress {
        None
    } else {
        let batch = batch_of(task, planned, &learnt, body, tools.clock.now());
        match commit_in_turn(tools, task, batch).await {
            Ok(Some(report)) => Some(report),
            Ok(None) => return PollEnd::clocks_differ(),
            Err(StoreError::Quota { .. }) => return over_quota(memory, tools.quota.refusal(), None),
            Err(error) => return PollEnd::of(FeedOutcome::NotStored(error), Next::Later),
        }
    };
    let revised_too_often = |report: &CommitReport| report.rejected.contains_key(&RejectionReason::TooManyRevisions);
    if report.as_ref().is_some_and(revised_too_often) {
        let message = "a row was corrected so often that further corrections are refused; its period stays Provisional";
        return over_quota(memory, message.to_owned(), report);
    }
    if let Some(fault) = fault {
        memory.forget_answers();
        return PollEnd { commit: report, ..PollEnd::of(FeedOutcome::Failed(fault), Next::Later) };
    }
    let next = if planned.last && learnt.rest.is_none() { Next::Later } else { Next::AtOnce };
    learnt.remember(memory, planned, tools.clock.now());
    PollEnd { commit: report, notes, thresholds, ..PollEnd::of(FeedOutcome::Fetched, next) }
}

/// What an answer says that came before: that nothing has changed up to now. Its rows are in the store.
pub(super) fn repeated(
    tools: &Tools,
    memory: &mut Memory,
    planned: &PlannedWindow,
    Repeated { ahead, validators }: Repeated,
) -> PollEnd {
    memory.progress = Some(planned.progress);
    memory.older.note(planned, tools.clock.now());
    memory.validators = validators;
    let notes = ahead.and_then(clock_is_off).into_iter().chain(planned.note.clone()).collect();
    let thresholds = memory.page.as_ref().map(|page| page.thresholds.clone()).unwrap_or_default();
    PollEnd { notes, thresholds, ..PollEnd::of(FeedOutcome::Fetched, Next::Later) }
}

fn batch_of(task: &FeedTask, planned: &PlannedWindow, learnt: &Learnt, body: FetchedBody, now: Timestamp) -> Batch {
    Batch {
        received_at: now,
        body_digest: body.digest,
        url_host: body.url_host,
        backfill: planned.backfill,
        plan: task.feed.plan.unwrap_or(false),
        rows: body.rows,
        rejected: body.rejected,
        progress: learnt.progress.filter(|_| learnt.store_progress),
        state: body.state,
    }
}

/// Commits a body within the quota, when its contract and its namespace have a turn. `None`: the clock is not to be trusted, and nothing is committed.
async fn commit_in_turn(tools: &Tools, task: &FeedTask, mut batch: Batch) -> Result<Option<CommitReport>, StoreError> {
    let rows = batch.rows.len() + batch.rejected.len();
    let turn = tools.pace.turn(&task.namespace, &task.contract_uid, rows).await;
    // Rows are known from when they are kept: what was judged while they waited was judged without them.
    batch.received_at = tools.clock.now();
    let room = tools.quota.room((&*tools.store, &tools.sizes), task, &batch).await?;
    if !tools.clocks_agree() {
        return Ok(None);
    }
    let stage = Stage::commit(&task.namespace, &task.contract, batch.rows.len());
    let report = stage.around(tools.store.commit_within(key(task), batch, room)).await;
    stage.ended(if report.is_ok() { "Committed" } else { "NotCommitted" }, report.is_err());
    tools.pace.committed(&task.namespace, rows, Instant::now());
    drop(turn);
    report.map(Some)
}

/// Commits files one after the other: what was committed before a file that cannot be used stays.
pub(super) async fn commit_files(
    tools: &Tools,
    task: &FeedTask,
    memory: &mut Memory,
    planned: &PlannedWindow,
    bodies: Vec<FetchedBody>,
    failure: Option<FetchError>,
) -> PollEnd {
    let (mut last, count) = (None, bodies.len());
    for (place, mut body) in bodies.into_iter().enumerate() {
        // Only with the last file is everything asked for that was planned.
        if place + 1 < count || failure.is_some() {
            body.rest = Some(planned.window.since);
        }
        // A file of which no row can be used is read again once the mapping is corrected.
        if body.fault().is_some() {
            body.state = None;
        }
        let end = commit(tools, task, memory, planned, body).await;
        let goes_on = end.outcome == FeedOutcome::Fetched;
        last = Some(end);
        if !goes_on {
            break;
        }
    }
    memory.rest = memory.rest.take().filter(|_| failure.is_none());
    match (last, failure) {
        (Some(end), _) if end.outcome != FeedOutcome::Fetched => end,
        (end, Some(error)) => PollEnd { commit: end.and_then(|end| end.commit), ..failed(memory, planned, error) },
        (Some(end), None) => end,
        (None, None) => PollEnd::of(FeedOutcome::Fetched, Next::Later),
    }
}

/// Rows were refused: the same window is asked for again, and says so each time until there is room.
fn over_quota(memory: &mut Memory, message: String, commit: Option<CommitReport>) -> PollEnd {
    memory.forget_answers();
    let outcome = FeedOutcome::Failed(FetchError::new(FailureKind::RowQuota, message));
    PollEnd { commit, ..PollEnd::of(outcome, Next::Later) }
}

pub(super) fn key(task: &FeedTask) -> FeedKey {
    FeedKey {
        contract_uid: task.contract_uid.clone(),
        namespace: task.namespace.clone(),
        contract: task.contract.clone(),
        feed: task.feed.name.clone(),
    }
}
