//! The namespaces and shards that this process works on.

use std::sync::Arc;

use kube::{Client, Resource, ResourceExt};

use super::{ShareOfWork, keep_checkpoints};
use crate::cluster::sharing::Move;
use crate::cluster::watch::Objects;
use crate::controller::context::{Context, Queue};
use crate::controller::readiness::Readiness;
use crate::evidence::StoreError;

/// Follows the namespaces; when this operator begins or ends to work in one, all objects of it are looked at.
pub(super) async fn follow_namespaces(
    context: Arc<Context>,
    client: Client,
    namespaces: Vec<String>,
    readiness: Arc<Readiness>,
) {
    let listed = || readiness.namespaces_are_known();
    context.namespaces.follow(client, &namespaces, listed, |namespace| look_at_namespace(&context, namespace)).await;
}

fn look_at_namespace(context: &Context, namespace: &str) {
    fn names<K: Resource<DynamicType = ()> + Clone>(objects: &Objects<K>, namespace: &str) -> Vec<(String, String)> {
        let here = objects.of_namespace(namespace);
        here.iter().map(|object| (object.name_any(), object.uid().unwrap_or_default())).collect()
    }
    let stores = &context.stores;
    let works = context.works_in(namespace);
    for (name, uid) in names(&stores.contracts, namespace) {
        if !works {
            context.forget_contract(namespace, &name, &uid);
        }
        context.queues.contracts.push(namespace, &name);
    }
    for (queue, found) in [
        (&context.queues.kpis as &dyn Push, names(&stores.kpis, namespace)),
        (&context.queues.tiers, names(&stores.tiers, namespace)),
        (&context.queues.launches, names(&stores.launches, namespace)),
    ] {
        for (name, uid) in found {
            if !works {
                context.metrics.remove_object(&uid);
            }
            queue.push(namespace, &name);
        }
    }
}

/// Begins and ends work on shards, in the order in which it is asked for.
pub(super) async fn share_of_shards(context: Arc<Context>, namespaces: Vec<String>, sharing: ShareOfWork) {
    let ShareOfWork { begun, mut moves } = sharing;
    begun.cancel();
    while let Some(asked) = moves.recv().await {
        let (done, result) = match asked {
            Move::Begin(shard, done) => (done, begin_shard(&context, &namespaces, shard).await),
            Move::End(shard, done) => (done, end_shard(&context, shard).await),
        };
        // Nobody waits where the process is ending.
        let _ = done.send(result.map_err(|error| error.to_string()));
    }
    // The Leases are lost or given back: whoever held them ends this process, and says why.
    std::future::pending::<()>().await;
}

async fn begin_shard(context: &Context, namespaces: &[String], shard: u32) -> Result<(), StoreError> {
    // First the store, which ends the session of the process that worked on the shard and no longer moves.
    context.evidence.take_shard(shard).await?;
    context.shards.begin(shard).await;
    crate::controller::alerts::end_those_of_contracts_that_are_gone(context, namespaces).await;
    look_at_shard(context, shard);
    context.alerts.wake();
    tracing::info!(shard, "this process works on the shard");
    Ok(())
}

/// Ends all work on a shard: nothing of it is under way, in memory or on its way to the store when this returns.
async fn end_shard(context: &Context, shard: u32) -> Result<(), StoreError> {
    context.shards.end(shard).await;
    keep_checkpoints(context).await;
    look_at_shard(context, shard);
    context.evidence.give_back_shard(shard).await?;
    tracing::info!(shard, "this process has ended its work on the shard");
    Ok(())
}

fn look_at_shard(context: &Context, shard: u32) {
    let of_shard = |namespace: &String| context.shards.count().shard_of(namespace) == shard;
    context.namespaces.known().iter().filter(|name| of_shard(name)).for_each(|name| look_at_namespace(context, name));
}

/// A queue of whatever kind.
trait Push {
    fn push(&self, namespace: &str, name: &str);
}

impl<K: Resource<DynamicType = ()>> Push for Queue<K> {
    fn push(&self, namespace: &str, name: &str) {
        Queue::push(self, namespace, name);
    }
}
