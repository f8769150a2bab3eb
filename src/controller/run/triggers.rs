//! What makes the operator look at contracts again, other than a change of an object: new rows, polls, and the clock.

use std::sync::Arc;

use kube::{Client, Resource, ResourceExt};
use tokio::sync::broadcast;

use crate::api::condition::Reason;
use crate::cluster::watch::Objects;
use crate::controller::context::{Context, Queue};
use crate::controller::holdings::look_at_affected;
use crate::domain::holdings::Change as Affecting;
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

pub(super) async fn follow_evidence(context: Arc<Context>, mut changes: broadcast::Receiver<crate::evidence::FeedKey>) {
    loop {
        match changes.recv().await {
            Ok(feed) => look_at_uid(&context, &feed.contract_uid),
            Err(broadcast::error::RecvError::Lagged(_)) => look_at_all(&context),
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}

pub(super) async fn follow_feeds(context: Arc<Context>, mut changes: broadcast::Receiver<Arc<FeedEvent>>) {
    loop {
        match changes.recv().await {
            Ok(event) => {
                // A poll that ends after its contract is gone must not bring the series back, and nobody looks at it.
                let uid = &event.contract_uid;
                if context.contract_on_evidence(&event.namespace, &event.contract, uid).is_none() {
                    continue;
                }
                count(&context.metrics, &event);
                if event.transition || context.waits_for_feeds(uid) || shows_lateness(&context, &event) {
                    look_at_affected(&context, &event.namespace, Affecting::Rows(&event.contract));
                }
            }
            Err(broadcast::error::RecvError::Lagged(_)) => look_at_all(&context),
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
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
