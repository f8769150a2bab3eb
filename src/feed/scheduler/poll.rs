//! One poll of one feed: read the secrets, fetch a window, commit it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::commit::{commit, commit_files, repeated};
use super::kept_job::{self, KeptJob};
use super::memory::{Memory, Refused};
use super::pace::RowPace;
use super::sizes::Sizes;
use super::slices::{SliceRoom, each_slice, too_large};
use super::windows::{PlannedWindow, next_poll, plan};
use super::{ClocksAgree, FeedOutcome, FeedTask, RowQuota, kept_token, push};
use crate::clock::Clock;
use crate::domain::measuring::row::Row;
use crate::evidence::{CommitReport, EvidenceStore, StoreError};
use crate::feed::fetch::fetch;
use crate::feed::fetch_request::{FetchRequest, Fetched, Life, Step, Ticket};
use crate::feed::job::{ends_the_report, every};
use crate::feed::quiet;
use crate::feed::timing::timeout;
use crate::outbound::auth::{prepare, redactor};
use crate::outbound::client::FeedClient;
use crate::outbound::credentials::{CredentialSource, Credentials, parse_url, resolve};
use crate::outbound::error::{FailureKind, FetchError};
use crate::trace::Stage;

/// What a poll works with.
pub(super) struct Tools {
    pub client: Arc<FeedClient>,
    pub store: Arc<dyn EvidenceStore>,
    pub source: Arc<dyn CredentialSource>,
    pub clock: Clock,
    pub agree: ClocksAgree,
    pub quota: RowQuota,
    pub sizes: Sizes,
    pub pace: RowPace,
    /// How soon a Secret is read again that was missing, or that the vendor refused.
    pub secret_retry: Duration,
}

impl Tools {
    /// Whether instants that were read from the clock before are to be trusted.
    pub(super) fn clocks_agree(&self) -> bool {
        (self.agree)()
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

    /// A poll that was not begun, or of which nothing is kept, since the clock is not to be trusted.
    pub(super) fn clocks_differ() -> Self {
        PollEnd { asked: false, ..PollEnd::of(FeedOutcome::ClocksDiffer, Next::Later) }
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
        let now = tools.clock.now();
        return if tools.clocks_agree() { push::look(memory, task.term_end, now) } else { PollEnd::clocks_differ() };
    }
    let kept = match kept_job::load(tools, task).await {
        Ok(kept) => kept,
        Err(error) => return PollEnd::of(FeedOutcome::NotStored(error), Next::Later),
    };
    let now = tools.clock.now();
    // By a wrong clock the term may be over, and a feed would never be asked again.
    if !tools.clocks_agree() {
        return PollEnd::clocks_differ();
    }
    let kept = kept.filter(|kept| !kept.is_of_a_wrong_clock(now));
    let begun = kept.as_ref().map(KeptJob::planned).or_else(|| memory.rest.take());
    let Some(planned) = begun.or_else(|| plan(task, memory.progress, memory.longest, &memory.older, now)) else {
        return PollEnd::of(FeedOutcome::Fetched, Next::Never);
    };
    let known = match known(tools, task, &planned).await {
        Ok(known) => known,
        Err(outcome) => return PollEnd::of(outcome, Next::Later),
    };
    let credentials = match credentials(tools, task).await {
        Ok(credentials) => credentials,
        Err(error) if error.of_the_cluster && memory.bears_with_the_cluster(tools.secret_retry) => {
            return PollEnd { asked: false, ..PollEnd::of(FeedOutcome::NotAsked(error), Next::Later) };
        }
        Err(error) => return failed(memory, &planned, error),
    };
    memory.unread_since = None;
    if let Some(refusal) = memory.refusal_of(credentials.redactor.fingerprint()) {
        return PollEnd { asked: false, ..PollEnd::of(FeedOutcome::Failed(refusal), Next::Later) };
    }
    let kept = match kept {
        Some(kept) => Some(kept),
        None => match kept_job::intend(tools, task, &planned).await {
            Ok(intended) => intended,
            Err(error) => return PollEnd::of(FeedOutcome::NotStored(error), Next::Later),
        },
    };
    let question = Question { planned: &planned, known: &known, ticket: kept.as_ref().map(|kept| &kept.ticket), now };
    let (fetched, unkept) = fetch_as(tools, task, memory, &question, &credentials).await;
    let fingerprint = credentials.redactor.fingerprint();
    let mut end = handled(tools, task, memory, (kept, planned), fetched, fingerprint).await;
    end.notes.extend(unkept);
    end
}

/// What a vendor is asked for.
struct Question<'a> {
    /// The window, and how far the feed is with it.
    planned: &'a PlannedWindow,
    /// What the store knows that the request has to know.
    known: &'a Known,
    /// The report that the vendor is making, where it makes one.
    ticket: Option<&'a Ticket>,
    /// When it is asked.
    now: Timestamp,
}

/// Fetches with credentials that may have to be made first. With what came: the note that a refresh token could not be kept.
async fn fetch_as(
    tools: &Tools,
    task: &FeedTask,
    memory: &Memory,
    question: &Question<'_>,
    credentials: &Credentials,
) -> (Result<Fetched, FetchError>, Option<String>) {
    // A refresh token that is used up is gone with this process unless its successor is kept before anything else.
    let prepared = prepare(&tools.client, credentials, &task.namespace, timeout(&task.feed)).await;
    let unkept = kept_token::keep(tools, task, credentials).await;
    let fetched = match prepared {
        Ok(()) => ask(tools, task, memory, question, credentials).await,
        Err(error) => Err(redactor(&tools.client, credentials).redact_error(error)),
    };
    (fetched, kept_token::keep(tools, task, credentials).await.or(unkept))
}

/// What happens to what a fetch brought.
async fn handled(
    tools: &Tools,
    task: &FeedTask,
    memory: &mut Memory,
    (kept, planned): (Option<KeptJob>, PlannedWindow),
    fetched: Result<Fetched, FetchError>,
    fingerprint: [u8; 32],
) -> PollEnd {
    let now = tools.clock.now();
    // It may have been set while the vendor answered. No certificate may be valid by a wrong clock: that is not the vendor's failure.
    if !tools.clocks_agree() {
        return PollEnd::clocks_differ();
    }
    match fetched {
        Ok(Fetched::Waiting(ticket)) => wait(tools, task, kept, *ticket, &planned).await,
        Ok(Fetched::Unchanged) => {
            memory.progress = Some(planned.progress);
            memory.older.note(&planned, now);
            PollEnd::of(FeedOutcome::Fetched, Next::Later)
        }
        Ok(Fetched::Repeated(answer)) => repeated(tools, memory, &planned, *answer),
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
        // What a wrong clock let an earlier version keep lies ahead.
        let known = tools.store.feed_progress(&task.contract_uid, &task.feed.name).await?;
        let now = tools.clock.now();
        memory.stored = known.map(|known| known.up_to(now));
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

/// # Errors
/// How the poll ends where that cannot be read.
async fn known(tools: &Tools, task: &FeedTask, planned: &PlannedWindow) -> Result<Known, FeedOutcome> {
    let state = state(tools, task).await.map_err(FeedOutcome::NotStored)?;
    if !quiet::has_quiet_slots(&task.feed) {
        return Ok(Known { state, last_row: None });
    }
    let until = planned.window.since;
    let from = until.checked_sub(quiet::reach(&task.feed)).unwrap_or(Timestamp::MIN);
    let room = SliceRoom::reserve(tools, task).await;
    let mut last_row: Option<Timestamp> = None;
    let take = |rows: &[Row]| last_row = last_row.max(quiet::last_real(rows.iter()));
    let feed = (task.contract_uid.as_str(), task.feed.name.as_str());
    match each_slice(&*tools.store, feed, (from, until), room.most, take).await {
        Ok(()) => Ok(Known { state, last_row }),
        Err(StoreError::Memory { .. }) => {
            let consequence = "its quiet slots are not found, and it is not asked";
            let said = too_large(&*tools.store, feed, room.most, consequence).await;
            Err(said.map_or_else(FeedOutcome::NotStored, FeedOutcome::Failed))
        }
        Err(error) => Err(FeedOutcome::NotStored(error)),
    }
}

/// What the fetch before left behind: always as the store has it, since rows and state belong together.
async fn state(tools: &Tools, task: &FeedTask) -> Result<Option<String>, StoreError> {
    if crate::feed::capabilities::has_a_past(&task.feed) && task.feed.files.is_none() {
        return Ok(None);
    }
    tools.store.feed_state(&task.contract_uid, &task.feed.name).await
}

async fn ask(
    tools: &Tools,
    task: &FeedTask,
    memory: &Memory,
    question: &Question<'_>,
    credentials: &Credentials,
) -> Result<Fetched, FetchError> {
    let Question { planned, known, ticket, now } = *question;
    let request = FetchRequest {
        feed: &task.feed,
        namespace: &task.namespace,
        time_zone: &task.time_zone,
        window: planned.window,
        now,
        credentials,
        validators: memory.validators.as_ref().filter(|_| planned.regular),
        known: memory.known_page(planned),
        state: known.state.as_deref(),
        life: Life { last_row: known.last_row, calendar: task.calendar.as_ref() },
        step: Step { ticket, ..Step::default() },
    };
    let stage = Stage::fetch();
    let fetched = stage.around(fetch(&tools.client, &request)).await;
    stage.rows(match &fetched {
        Ok(Fetched::Body(body)) => body.rows.len(),
        Ok(Fetched::Files { bodies, .. }) => bodies.iter().map(|body| body.rows.len()).sum(),
        Ok(Fetched::Unchanged | Fetched::Repeated(_) | Fetched::Waiting(_)) | Err(_) => 0,
    });
    stage.ended(fetched.as_ref().map_or_else(|error| error.kind.as_str(), |_| "Fetched"), fetched.is_err());
    fetched
}

pub(super) fn failed(memory: &mut Memory, planned: &PlannedWindow, error: FetchError) -> PollEnd {
    let length = planned.window.until.duration_since(planned.window.since);
    let shorter = length / 2;
    let halve = error.kind == FailureKind::TooLarge && planned.backfill && shorter >= SHORTEST_WINDOW;
    if halve {
        memory.longest = shorter;
    }
    let next = if halve { Next::AtOnce } else { Next::Later };
    PollEnd::of(FeedOutcome::Failed(error), next)
}
