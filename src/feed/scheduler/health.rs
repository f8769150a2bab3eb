//! How a feed is doing after a poll.

use jiff::Timestamp;

use super::FeedOutcome;
use super::memory::Memory;
use super::poll::PollEnd;
use crate::domain::holdings::FeedHealth;
use crate::evidence::RejectionReason;

pub(super) fn health(before: Option<&FeedHealth>, end: &PollEnd, memory: &Memory, at: Timestamp) -> Option<FeedHealth> {
    let found = match &end.outcome {
        FeedOutcome::Fetched => FeedHealth::fetched(&end.notes),
        FeedOutcome::Failed(error) => {
            FeedHealth { reason: error.kind.reason(), message: error.message.clone(), ..FeedHealth::default() }
        }
        FeedOutcome::Waiting | FeedOutcome::NotStored(_) | FeedOutcome::NotAsked(_) | FeedOutcome::ClocksDiffer => {
            return None;
        }
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

pub(super) fn differs(before: Option<&FeedHealth>, after: Option<&FeedHealth>) -> bool {
    // What an error says may change with each poll; what a success says changes with the vendor's clock alone.
    let seen = |health: Option<&FeedHealth>| {
        health.map(|health| {
            let shares = health.backfill.map(|backfill| backfill.percent);
            (health.reason, health.backfilling, shares, health.note.clone(), health.set_aside)
        })
    };
    seen(before) != seen(after)
}
