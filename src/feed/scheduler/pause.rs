//! How long until a feed is polled again.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::poll::{Next, PollEnd, Tools};
use super::windows::next_poll;
use super::{FeedOutcome, FeedTask};
use crate::outbound::error::{FailureKind, FetchError};

/// The shortest real time between two polls of one feed, however fast the clock of a rehearsal runs.
pub(super) const SHORTEST_PAUSE: Duration = Duration::from_millis(200);

/// How often a Secret is read again that the cluster did not give, before the feed counts as failed: every five seconds.
const LOOKS_WHILE_UNREAD: u32 = 9;

/// How long, in real time, until the next poll; `None` for never.
pub(super) fn pause(task: &FeedTask, end: &PollEnd, changed: bool, began: Instant, tools: &Tools) -> Option<Duration> {
    // An instant beyond what a timer can hold would never come.
    const LONGEST: Duration = Duration::from_secs(30 * 86_400);
    match end.next {
        _ if changed => Some(SHORTEST_PAUSE.saturating_sub(began.elapsed())),
        // It is not started before the clock is right again.
        _ if end.outcome == FeedOutcome::ClocksDiffer => Some(SHORTEST_PAUSE),
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
