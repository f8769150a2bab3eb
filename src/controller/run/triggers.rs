//! What makes the operator look at contracts again, other than a change of an object: new rows, polls, and the clock.

use std::sync::Arc;

use kube::{Client, Resource, ResourceExt};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, sleep_until};

use super::row_looks::{PAUSE, RowLooks};
use crate::api::condition::Reason;
use crate::cluster::watch::Objects;
use crate::controller::context::{Context, Queue};
use crate::controller::holdings::look_at_affected;
use crate::domain::holdings::Change as Affecting;
use crate::evidence::FeedKey;
use crate::feed::scheduler::{FeedEvent, FeedOutcome};
use crate::web::metrics::{FeedLabels, Metrics};

fn look_at_uid(context: &Context, uid: &str) {
    if let Some(contract) = context.contract_of_uid(uid) {
        let (namespace, name) = (contract.namespace().unwrap_or_default(), contract.name_any());
        look_at_affected(context, &namespace, Affecting::Rows(&name));
    }
}

fn look_at_all(context: &Context) {
    for contract in context.stores.contracts.all() {
        context.queues.contracts.push(&contract.namespace().unwrap_or_default(), &contract.name_any());
    }
}

/// Compares this machine's clock with the API server's; when they begin to agree, feeds that waited are asked, and periods
/// that waited may close.
pub(super) async fn follow_api_clock(context: Arc<Context>, client: Client) {
    let look = |ahead: jiff::SignedDuration, changed: bool| {
        context.metrics.clock_ahead(ahead.as_secs());
        if let Some(volume) = context.evidence.volume() {
            context.metrics.evidence_room(volume.free, volume.reserve);
        }
        if changed {
            context.scheduler.look_at_the_clock();
            look_at_all(&context);
        }
    };
    context.api_clock.follow(client, look).await;
}

/// Does at each step of a stepped clock what was due meanwhile: feeds are asked, and every object is looked at.
pub(super) async fn follow_clock(context: Arc<Context>, mut now: jiff::Timestamp) {
    fn all<K: Resource<DynamicType = ()> + Clone>(objects: &Objects<K>, queue: &Queue<K>) {
        for object in objects.all() {
            queue.push(&object.namespace().unwrap_or_default(), &object.name_any());
        }
    }
    loop {
        context.clock.next_step(&mut now).await;
        context.scheduler.poll_all();
        all(&context.stores.contracts, &context.queues.contracts);
        all(&context.stores.kpis, &context.queues.kpis);
        all(&context.stores.tiers, &context.queues.tiers);
        all(&context.stores.launches, &context.queues.launches);
    }
}

/// Looks at contracts to which rows came, and at those whose feeds are other than before. One task for both: the rows of a poll are known
/// before its end.
pub(super) async fn follow_rows(
    context: Arc<Context>,
    mut changes: broadcast::Receiver<FeedKey>,
    mut polls: broadcast::Receiver<Arc<FeedEvent>>,
) {
    let mut looks = RowLooks::new(PAUSE.div_f64(context.clock.speed().max(1.0)));
    loop {
        let pause_ends = looks.next();
        let uid = tokio::select! {
            biased;
            change = changes.recv() => match change {
                Ok(feed) => looks.came(&feed.contract_uid, Instant::now()).then_some(feed.contract_uid),
                Err(RecvError::Lagged(_)) => {
                    look_at_all(&context);
                    None
                }
                Err(RecvError::Closed) => return,
            },
            poll = polls.recv() => match poll {
                Ok(poll) => poll_ended(&context, &mut looks, &poll).then(|| poll.contract_uid.clone()),
                Err(RecvError::Lagged(_)) => {
                    look_at_all(&context);
                    None
                }
                Err(RecvError::Closed) => return,
            },
            () = sleep_until(pause_ends.unwrap_or_else(Instant::now)), if pause_ends.is_some() => {
                looks.due(Instant::now()).iter().for_each(|uid| look_at_uid(&context, uid));
                None
            }
        };
        if let Some(uid) = uid {
            look_at_uid(&context, &uid);
        }
    }
}

/// Counts a poll. Returns whether its contract is to be looked at now.
fn poll_ended(context: &Context, looks: &mut RowLooks, poll: &FeedEvent) -> bool {
    // A poll that ends after its contract is gone must not bring the series back, and nobody looks at it.
    let uid = &poll.contract_uid;
    if context.contract_on_evidence(&poll.namespace, &poll.contract, uid).is_none() {
        return false;
    }
    count(&context.metrics, poll);
    let concerns = poll.transition || context.waits_for_feeds(uid) || shows_lateness(context, poll);
    if poll.goes_on {
        return concerns && looks.came(uid, Instant::now());
    }
    looks.ended(uid) || concerns
}

/// Whether a poll has shown that a feed is late: it succeeded after rows were due, and if it brought them the evidence says so too.
fn shows_lateness(context: &Context, event: &FeedEvent) -> bool {
    let judged = context.judged(&event.namespace, &event.contract).filter(|_| event.outcome == FeedOutcome::Fetched);
    judged.is_some_and(|judged| {
        let is_reported = judged.judged.feeds.get(&event.feed).is_some_and(|health| health.reason == Reason::Late);
        let coverage = judged.judged.judgement().and_then(|judgement| judgement.feeds.get(&event.feed));
        let late_at = coverage.and_then(|coverage| coverage.late_at);
        !is_reported && late_at.is_some_and(|late_at| late_at <= event.at)
    })
}

fn count(metrics: &Metrics, event: &FeedEvent) {
    let labels =
        FeedLabels { namespace: event.namespace.clone(), contract: event.contract.clone(), feed: event.feed.clone() };
    let commit = event.commit.as_ref();
    let rows = commit.map_or(0, |commit| commit.added + commit.revised);
    let rejected = commit
        .map(|commit| commit.rejected.iter().map(|(reason, count)| (reason.as_str().to_owned(), *count)).collect())
        .unwrap_or_default();
    metrics.fetched(&labels, event.outcome.as_str(), event.took.as_secs_f64(), rows, &rejected);
}
