//! One poll of one feed: read the secrets, fetch a window, commit it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::kept_job::{self, KeptJob};
use super::pace::RowPace;
use super::windows::{LONGEST_WINDOW, Older, PlannedWindow, how_far, next_poll, plan};
use super::withdrawal::withdraw;
use super::{FeedOutcome, FeedTask, RowQuota, kept_token, push};
use crate::api::vendor_contract::FeedBackfill;
use crate::clock::Clock;
use crate::evidence::{BackfillProgress, Batch, CommitReport, EvidenceStore, FeedKey, RejectionReason, StoreError};
use crate::feed::fetch::{clock_is_off, fetch};
use crate::feed::fetch_request::{FetchRequest, Fetched, FetchedBody, Life, Step, Ticket};
use crate::feed::job::{ends_the_report, every};
use crate::feed::time_window::Window;
use crate::feed::timing::timeout;
use crate::feed::{quiet, window};
use crate::outbound::auth::{prepare, redactor};
use crate::outbound::client::{FeedClient, Validators};
use crate::outbound::credentials::{CredentialSource, Credentials, parse_url, resolve};
use crate::outbound::error::{FailureKind, FetchError};
use crate::trace::Stage;

/// What a poll works with.
pub(super) struct Tools {
    pub client: Arc<FeedClient>,
    pub store: Arc<dyn EvidenceStore>,
    pub source: Arc<dyn CredentialSource>,
    pub clock: Clock,
    pub quota: RowQuota,
    pub pace: RowPace,
    /// How soon a Secret is read again that was missing, or that the vendor refused.
    pub secret_retry: Duration,
}

/// What is remembered of a feed between polls; all of it can be lost.
#[derive(Clone, Debug)]
pub(super) struct Memory {
    /// How far the feed is; read from the store at the first poll.
    progress: Option<BackfillProgress>,
    /// How far the first fetch of the past is, as it is shown.
    backfill: Option<FeedBackfill>,
    /// How far it is in the store.
    stored: Option<BackfillProgress>,
    /// Whether the store was asked for the progress.
    asked: bool,
    /// By what the last answer was known.
    validators: Option<Validators>,
    /// The last body that was committed without a rejected row.
    digest: Option<[u8; 32]>,
    /// The longest window that the vendor can serve.
    longest: SignedDuration,
    /// When older slots of the look-back were asked for last.
    older: Older,
    /// Since when answers lack more than half of the rows that are known.
    shrunk_since: Option<Timestamp>,
    /// What is left of the window that was planned, where a fetch brings one part of it.
    rest: Option<PlannedWindow>,
    /// Credentials that the vendor refused: it is not asked with the same ones before the feed's next turn.
    refused: Option<Refused>,
    /// Since when the cluster has not given what a request needs.
    unread_since: Option<Instant>,
    /// What was wrong with the last push.
    pub(super) push_failure: Option<FetchError>,
}

/// Credentials that the vendor refused.
#[derive(Clone, Debug)]
struct Refused {
    fingerprint: [u8; 32],
    until: Instant,
    error: FetchError,
}

impl Default for Memory {
    fn default() -> Self {
        Memory {
            progress: None,
            backfill: None,
            stored: None,
            asked: false,
            validators: None,
            digest: None,
            longest: LONGEST_WINDOW,
            older: Older::default(),
            shrunk_since: None,
            rest: None,
            refused: None,
            unread_since: None,
            push_failure: None,
        }
    }
}

impl Memory {
    /// Notes that nothing is missing that the vendor had to say until an instant.
    pub(super) fn reached(&mut self, reached: Timestamp) {
        self.progress = Some(BackfillProgress { reached, completed: true });
    }

    /// Forgets what was learnt about another URL or mapping; how far the feed is stays.
    pub(super) fn forget_answers(&mut self) {
        let Memory { progress, backfill, stored, asked, shrunk_since, .. } = *self;
        *self = Memory { progress, backfill, stored, asked, shrunk_since, ..Memory::default() };
    }

    /// Lets the next poll ask the vendor, whatever it said to the same credentials before.
    pub(super) fn forget_refusal(&mut self) {
        self.refused = None;
    }

    /// Up to which instant the vendor was asked with success.
    pub(super) fn asked_until(&self) -> Option<Timestamp> {
        self.progress.map(|progress| progress.reached)
    }

    /// Whether the cluster has not failed for so long yet that the feed counts as failed. A moment of the API server is nothing to
    /// alert people of, least of all as a vendor's fault.
    fn bears_with_the_cluster(&mut self, patience: Duration) -> bool {
        self.unread_since.get_or_insert_with(Instant::now).elapsed() < patience
    }

    /// Whether the first fetch of the past goes on.
    pub(super) fn backfilling(&self) -> bool {
        !self.progress.is_some_and(|progress| progress.completed)
    }

    /// How far it is.
    pub(super) fn backfill(&self) -> Option<FeedBackfill> {
        self.backfill
    }

    /// Notes how far the first fetch of the past is, at each step of it alone: that time passes is not progress.
    fn note_backfill(&mut self, task: &FeedTask, now: Timestamp) {
        let reached = self.progress.filter(|progress| !progress.completed).map(|progress| progress.reached);
        if self.backfill.map(|backfill| backfill.fetched_until) != reached {
            self.backfill = reached.map(|reached| how_far(task, reached, now));
        }
    }
}

/// How a poll ended.
pub(super) struct PollEnd {
    pub outcome: FeedOutcome,
    pub commit: Option<CommitReport>,
    pub next: Next,
    /// What is to be said beside that it succeeded: of the vendor's clock, of where its history ends.
    pub notes: Vec<String>,
    /// Whether the vendor was asked, or would have been: false where the same credentials would have been refused again.
    pub asked: bool,
    /// By which times the vendor says that it counts; empty where it does not say.
    pub thresholds: BTreeMap<String, i64>,
}

impl PollEnd {
    /// A poll that ended so, with nothing committed, and goes on `next`.
    pub(super) fn of(outcome: FeedOutcome, next: Next) -> Self {
        PollEnd { outcome, commit: None, next, notes: Vec::new(), asked: true, thresholds: BTreeMap::new() }
    }
}

/// When the feed is polled again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// At once: more of the past is to be fetched.
    AtOnce,
    /// After its interval.
    Later,
    /// After so long: a report is being made.
    After(Duration),
    /// Never: the contract is over.
    Never,
}

/// How far the progress in the store may be behind, so that quiet polls write nothing.
const PROGRESS_LAG: SignedDuration = SignedDuration::from_hours(1);
/// No refusal of credentials is remembered for longer.
const A_DAY: Duration = Duration::from_secs(86_400);
/// Windows are not halved below this.
const SHORTEST_WINDOW: SignedDuration = SignedDuration::from_hours(24);

pub(super) async fn poll(tools: &Tools, task: &FeedTask, memory: &mut Memory) -> PollEnd {
    let end = poll_once(tools, task, memory).await;
    memory.note_backfill(task, tools.clock.now());
    end
}

async fn poll_once(tools: &Tools, task: &FeedTask, memory: &mut Memory) -> PollEnd {
    if let Err(error) = load_progress(tools, task, memory).await {
        return PollEnd::of(FeedOutcome::NotStored(error), Next::Later);
    }
    if task.feed.inbox.is_some() {
        return push::look(memory, task.term_end, tools.clock.now());
    }
    let kept = match kept_job::load(tools, task).await {
        Ok(kept) => kept,
        Err(error) => return PollEnd::of(FeedOutcome::NotStored(error), Next::Later),
    };
    let now = tools.clock.now();
    let begun = kept.as_ref().map(KeptJob::planned).or_else(|| memory.rest.take());
    let Some(planned) = begun.or_else(|| plan(task, memory.progress, memory.longest, &memory.older, now)) else {
        return PollEnd::of(FeedOutcome::Fetched, Next::Never);
    };
    let known = match known(tools, task, &planned).await {
        Ok(known) => known,
        Err(error) => {
            return PollEnd::of(FeedOutcome::NotStored(error), Next::Later);
        }
    };
    let credentials = match credentials(tools, task).await {
        Ok(credentials) => credentials,
        Err(error) if error.of_the_cluster && memory.bears_with_the_cluster(tools.secret_retry) => {
            return PollEnd { asked: false, ..PollEnd::of(FeedOutcome::NotAsked(error), Next::Later) };
        }
        Err(error) => return failed(memory, &planned, error),
    };
    memory.unread_since = None;
    let fingerprint = credentials.redactor.fingerprint();
    if let Some(refused) = &memory.refused {
        if refused.fingerprint == fingerprint && Instant::now() < refused.until {
            let outcome = FeedOutcome::Failed(refused.error.clone());
            return PollEnd { asked: false, ..PollEnd::of(outcome, Next::Later) };
        }
        memory.refused = None;
    }
    let kept = match kept {
        Some(kept) => Some(kept),
        None => match kept_job::intend(tools, task, &planned).await {
            Ok(intended) => intended,
            Err(error) => return PollEnd::of(FeedOutcome::NotStored(error), Next::Later),
        },
    };
    let ticket = kept.as_ref().map(|kept| &kept.ticket);
    // A refresh token that is used up is gone with this process unless its successor is kept before anything else.
    let prepared = prepare(&tools.client, &credentials, &task.namespace, timeout(&task.feed)).await;
    let unkept = kept_token::keep(tools, task, &credentials).await;
    let fetched = match prepared {
        Ok(()) => ask(tools, task, memory, &planned, &credentials, now, &known, ticket).await,
        Err(error) => Err(redactor(&tools.client, &credentials).redact_error(error)),
    };
    let unkept = kept_token::keep(tools, task, &credentials).await.or(unkept);
    let mut end = handled(tools, task, memory, (kept, planned), fetched, fingerprint).await;
    end.notes.extend(unkept);
    end
}

/// What becomes of what a fetch brought.
async fn handled(
    tools: &Tools,
    task: &FeedTask,
    memory: &mut Memory,
    (kept, planned): (Option<KeptJob>, PlannedWindow),
    fetched: Result<Fetched, FetchError>,
    fingerprint: [u8; 32],
) -> PollEnd {
    let now = tools.clock.now();
    match fetched {
        Ok(Fetched::Waiting(ticket)) => wait(tools, task, kept, *ticket, &planned).await,
        Ok(Fetched::Unchanged) => {
            memory.progress = Some(planned.progress);
            memory.older.note(&planned, now);
            PollEnd::of(FeedOutcome::Fetched, Next::Later)
        }
        Ok(Fetched::Body(body)) => commit(tools, task, memory, &planned, *body).await,
        Ok(Fetched::Files { bodies, failure }) => commit_files(tools, task, memory, &planned, bodies, failure).await,
        Err(error) => {
            if error.kind == FailureKind::Auth {
                let turn = tools.clock.real_time_until(next_poll(task, tools.clock.now()));
                let until = Instant::now() + turn.max(error.retry_after.unwrap_or_default()).min(A_DAY);
                memory.refused = Some(Refused { fingerprint, until, error: error.clone() });
            }
            if kept.is_some()
                && ends_the_report(error.kind)
                && let Err(error) = kept_job::keep(tools, task, None).await
            {
                return PollEnd::of(FeedOutcome::NotStored(error), Next::Later);
            }
            failed(memory, &planned, error)
        }
    }
}

/// Keeps the report that is being made, unless it is kept already, and asks for it later.
async fn wait(
    tools: &Tools,
    task: &FeedTask,
    kept: Option<KeptJob>,
    ticket: Ticket,
    planned: &PlannedWindow,
) -> PollEnd {
    if kept.is_none_or(|kept| kept.ticket != ticket)
        && let Err(error) = kept_job::keep(tools, task, Some(&KeptJob::new(ticket, planned))).await
    {
        return PollEnd::of(FeedOutcome::NotStored(error), Next::Later);
    }
    let wait = task.feed.job.as_deref().map(every).unwrap_or_default();
    PollEnd::of(FeedOutcome::Waiting, Next::After(wait))
}

/// Reads the Secrets that the feed names. Before that, an address that is denied is not worth one.
async fn credentials(tools: &Tools, task: &FeedTask) -> Result<Credentials, FetchError> {
    let url = parse_url(task.feed.address())?;
    tools.client.policy().check_feed(&url, &task.namespace)?;
    resolve(&task.feed, &url, &task.namespace, tools.source.as_ref()).await
}

async fn load_progress(tools: &Tools, task: &FeedTask, memory: &mut Memory) -> Result<(), StoreError> {
    if !memory.asked {
        memory.stored = tools.store.feed_progress(&task.contract_uid, &task.feed.name).await?;
        memory.progress = memory.stored;
        memory.asked = true;
    }
    Ok(())
}

/// What the store knows of a feed that its next fetch has to know.
struct Known {
    /// What the fetch before left behind.
    state: Option<String>,
    /// When the last row before the window ended that says anything, where slots may be quiet.
    last_row: Option<Timestamp>,
}

async fn known(tools: &Tools, task: &FeedTask, planned: &PlannedWindow) -> Result<Known, StoreError> {
    let state = state(tools, task).await?;
    if !quiet::has_quiet_slots(&task.feed) {
        return Ok(Known { state, last_row: None });
    }
    let until = planned.window.since;
    let from = until.checked_sub(quiet::reach(&task.feed)).unwrap_or(Timestamp::MIN);
    let rows = tools.store.rows_starting_within(&task.contract_uid, &task.feed.name, from, until).await?;
    Ok(Known { state, last_row: quiet::last_real(rows.iter()) })
}

/// What the fetch before left behind: always as the store has it, since rows and state belong together.
async fn state(tools: &Tools, task: &FeedTask) -> Result<Option<String>, StoreError> {
    if crate::feed::capabilities::tells_the_past(&task.feed) && task.feed.files.is_none() {
        return Ok(None);
    }
    tools.store.feed_state(&task.contract_uid, &task.feed.name).await
}

#[allow(clippy::too_many_arguments)]
async fn ask(
    tools: &Tools,
    task: &FeedTask,
    memory: &Memory,
    planned: &PlannedWindow,
    credentials: &Credentials,
    now: Timestamp,
    known: &Known,
    ticket: Option<&Ticket>,
) -> Result<Fetched, FetchError> {
    let (state, last_row) = (known.state.as_deref(), known.last_row);
    let life = Life { last_row, calendar: task.calendar.as_ref() };
    let request = FetchRequest {
        feed: &task.feed,
        namespace: &task.namespace,
        time_zone: &task.time_zone,
        window: planned.window,
        now,
        credentials,
        validators: memory.validators.as_ref().filter(|_| planned.regular),
        state,
        life,
        step: Step { ticket, ..Step::default() },
    };
    let stage = Stage::fetch();
    let fetched = stage.around(fetch(&tools.client, &request)).await;
    stage.rows(match &fetched {
        Ok(Fetched::Body(body)) => body.rows.len(),
        Ok(Fetched::Files { bodies, .. }) => bodies.iter().map(|body| body.rows.len()).sum(),
        Ok(Fetched::Unchanged | Fetched::Waiting(_)) | Err(_) => 0,
    });
    stage.ended(fetched.as_ref().map_or_else(|error| error.kind.as_str(), |_| "Fetched"), fetched.is_err());
    fetched
}

fn failed(memory: &mut Memory, planned: &PlannedWindow, error: FetchError) -> PollEnd {
    let length = planned.window.until.duration_since(planned.window.since);
    let shorter = length / 2;
    let halve = error.kind == FailureKind::TooLarge && planned.backfill && shorter >= SHORTEST_WINDOW;
    if halve {
        memory.longest = shorter;
    }
    let next = if halve { Next::AtOnce } else { Next::Later };
    PollEnd::of(FeedOutcome::Failed(error), next)
}

pub(super) async fn commit(
    tools: &Tools,
    task: &FeedTask,
    memory: &mut Memory,
    planned: &PlannedWindow,
    mut body: FetchedBody,
) -> PollEnd {
    let shrunk = match withdraw(tools, task, &mut memory.shrunk_since, &mut body).await {
        Ok(shrunk) => shrunk,
        Err(error) => {
            return PollEnd::of(FeedOutcome::NotStored(error), Next::Later);
        }
    };
    let fault = body.fault().or(shrunk);
    let clean = body.rejected.is_empty();
    // Two equal scrapes say that nothing happened between them.
    // Where rows go by the window, the same answer says something else of another one.
    let goes_by_window = window::is_on_grid(&task.feed) || quiet::has_quiet_slots(&task.feed);
    let known = clean && !goes_by_window && body.state.is_none() && memory.digest == Some(body.digest);
    // A part of a window is progress of the past alone: a look-back that breaks off begins again.
    let rest = body.rest;
    let progress = match rest {
        None => Some(planned.progress),
        Some(reached) => planned.backfill.then_some(BackfillProgress { reached, completed: false }),
    };
    let lag = memory.stored.is_none_or(|stored| {
        progress.is_some_and(|progress| {
            stored.completed != progress.completed || progress.reached.duration_since(stored.reached) >= PROGRESS_LAG
        })
    });
    // Rows of which none can be used are not a success: once the mapping is corrected, the same window is asked for again.
    let store_progress = fault.is_none() && (planned.backfill || lag);
    let (digest, validators) = (body.digest, body.validators.clone());
    let thresholds = std::mem::take(&mut body.thresholds);
    let clock = body.ahead.and_then(clock_is_off);
    let notes = clock.into_iter().chain(planned.note.clone()).collect();
    let report = if known && !store_progress {
        None
    } else {
        let batch = Batch {
            received_at: tools.clock.now(),
            body_digest: body.digest,
            url_host: body.url_host,
            backfill: planned.backfill,
            plan: task.feed.plan.unwrap_or(false),
            rows: body.rows,
            rejected: body.rejected,
            progress: progress.filter(|_| store_progress),
            state: body.state,
        };
        match commit_in_turn(tools, task, batch).await {
            Ok(report) => Some(report),
            Err(StoreError::Quota { .. }) => return over_quota(memory, tools.quota.refusal(), None),
            Err(error) => {
                return PollEnd::of(FeedOutcome::NotStored(error), Next::Later);
            }
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
    memory.progress = progress.or(memory.progress);
    if store_progress {
        memory.stored = progress.or(memory.stored);
    }
    memory.rest = rest.map(|since| PlannedWindow { window: Window { since, ..planned.window }, ..planned.clone() });
    if rest.is_none() {
        memory.older.note(planned, tools.clock.now());
    }
    // A row that is refused today, such as one that lies ahead, may be good tomorrow in the same body.
    memory.digest = clean.then_some(digest);
    memory.validators = validators.filter(|_| {
        clean && !goes_by_window && !planned.backfill && crate::feed::capabilities::tells_the_past(&task.feed)
    });
    let next = if planned.last && rest.is_none() { Next::Later } else { Next::AtOnce };
    PollEnd { commit: report, notes, thresholds, ..PollEnd::of(FeedOutcome::Fetched, next) }
}

/// Commits a body within the quota, when it is its namespace's turn.
async fn commit_in_turn(tools: &Tools, task: &FeedTask, mut batch: Batch) -> Result<CommitReport, StoreError> {
    let rows = batch.rows.len() + batch.rejected.len();
    let turn = tools.pace.turn(&task.namespace, rows).await;
    // Rows are known from when they are kept: what was judged while they waited was judged without them.
    batch.received_at = tools.clock.now();
    let room = tools.quota.room(&*tools.store, task, batch.received_at).await?;
    let stage = Stage::commit(&task.namespace, &task.contract, batch.rows.len());
    let report = stage.around(tools.store.commit_within(key(task), batch, room)).await;
    stage.ended(if report.is_ok() { "Committed" } else { "NotCommitted" }, report.is_err());
    tools.pace.committed(&task.namespace, rows, Instant::now());
    drop(turn);
    report
}

/// Commits files one after the other: what was committed before a file that cannot be used stays.
async fn commit_files(
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
