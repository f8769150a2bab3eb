//! A report that a vendor is making, as it is kept in the evidence store between two turns of its feed.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::FeedTask;
use super::poll::Tools;
use super::windows::PlannedWindow;
use crate::domain::terms::calendar::zone_of;
use crate::evidence::{BackfillProgress, Batch, StoreError};
use crate::feed::fetch_request::Ticket;
use crate::feed::job::next_part;
use crate::feed::time_window::Window;

/// The report, and what was planned when it was started.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct KeptJob {
    pub ticket: Ticket,
    since: Timestamp,
    until: Timestamp,
    backfill: bool,
    regular: bool,
    usual: Timestamp,
    last: bool,
    reached: Timestamp,
    completed: bool,
}

impl KeptJob {
    pub(super) fn new(ticket: Ticket, planned: &PlannedWindow) -> Self {
        let PlannedWindow { window: Window { since, until }, backfill, regular, usual, last, progress, .. } = *planned;
        let BackfillProgress { reached, completed } = progress;
        KeptJob { ticket, since, until, backfill, regular, usual, last, reached, completed }
    }

    /// What was planned.
    pub(super) fn planned(&self) -> PlannedWindow {
        let Self { since, until, backfill, regular, usual, last, reached, completed, .. } = *self;
        let progress = BackfillProgress { reached, completed };
        PlannedWindow { window: Window { since, until }, backfill, regular, usual, last, progress, note: None }
    }

    /// Whether it was planned by a clock that was ahead: with it the feed would be further than it can be.
    pub(super) fn is_of_a_wrong_clock(&self, now: Timestamp) -> bool {
        self.reached.duration_since(now) > A_LITTLE
    }
}

/// By how much a report may lie ahead: clocks are corrected by a little now and then.
const A_LITTLE: SignedDuration = SignedDuration::from_mins(5);

/// The report that the vendor is making for a feed, where it is still the one that the contract describes.
pub(super) async fn load(tools: &Tools, task: &FeedTask) -> Result<Option<KeptJob>, StoreError> {
    if task.feed.job.is_none() {
        return Ok(None);
    }
    let state = tools.store.feed_state(&task.contract_uid, &task.feed.name).await?.unwrap_or_default();
    let kept: Option<KeptJob> = serde_json::from_str(&state).ok();
    Ok(kept.filter(|kept| kept.ticket.is_of(&task.feed)))
}

/// Keeps that a report is about to be started, so that its key is known whatever happens to this process; `None` where nothing is old
/// enough yet to be reported.
pub(super) async fn intend(
    tools: &Tools,
    task: &FeedTask,
    planned: &PlannedWindow,
) -> Result<Option<KeptJob>, StoreError> {
    let (Some(job), Ok(zone)) = (&task.feed.job, zone_of(&task.time_zone)) else { return Ok(None) };
    let now = tools.clock.now();
    let Some(part) = next_part(&task.feed, &zone, planned.window, now) else { return Ok(None) };
    let kept = KeptJob::new(Ticket::intended(job, part, now), planned);
    keep(tools, task, Some(&kept)).await?;
    Ok(Some(kept))
}

/// Keeps a report, or with none forgets the one that was kept.
pub(super) async fn keep(tools: &Tools, task: &FeedTask, kept: Option<&KeptJob>) -> Result<(), StoreError> {
    let state = kept.and_then(|kept| serde_json::to_string(kept).ok()).unwrap_or_default();
    let batch = Batch {
        received_at: tools.clock.now(),
        body_digest: [0; 32],
        url_host: None,
        backfill: false,
        plan: task.feed.plan.unwrap_or(false),
        rows: Vec::new(),
        rejected: Vec::new(),
        progress: None,
        state: Some(state),
    };
    tools.store.commit(super::commit::key(task), batch).await.map(|_| ())
}
