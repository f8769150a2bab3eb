//! Getting the lease and the store, alone or beside other replicas.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::arguments::RunArguments;
use super::evidence::open_evidence;
use super::{RunError, Surroundings};
use crate::cluster::lease::{Candidate, Claim};
use crate::cluster::shards::Shards;
use crate::cluster::sharing::{Sharing, common_claim};
use crate::controller::run::ShareOfWork;
use crate::evidence::EvidenceStore;
use crate::shard::ShardCount;

type Held = tokio::task::JoinHandle<Result<(), String>>;

pub(super) fn why_lost(ended: Result<Result<(), String>, tokio::task::JoinError>) -> String {
    match ended {
        Ok(Err(why)) => why,
        Ok(Ok(())) => "it was given back".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// A process that may work now.
pub(super) struct Leading {
    /// Renews the lease; ends when it is lost, or given back after `finished`.
    pub(super) lease: Held,
    pub(super) finished: CancellationToken,
    pub(super) evidence: Arc<dyn EvidenceStore>,
    /// Name of this process or pod.
    pub(super) instance: String,
    pub(super) shards: Shards,
    /// Where replicas share the work.
    pub(super) sharing: Option<ShareOfWork>,
}

/// Refuses shards where nothing can share them.
pub(super) fn check_shards(arguments: &RunArguments) -> Result<(), RunError> {
    if arguments.shards == ShardCount::ONE || arguments.evidence_url.is_some() {
        return Ok(());
    }
    Err(RunError::Flag(format!(
        "--shards {} needs a PostgreSQL that all replicas share, such as --evidence-url postgres://bpo@database.example/evidence: the SQLite \
         store in --data-dir has one writer. Without it, leave --shards out",
        arguments.shards
    )))
}

/// Gets the lease and the store. `None`: a stop came first.
///
/// With leader election the lease comes first, since the leader has the store. Without it the store does: whoever has it for itself
/// knows that an earlier holder of the same store's lease is gone, and a restart does not wait.
pub(super) async fn lead(arguments: &RunArguments, around: &Surroundings) -> Result<Option<Leading>, RunError> {
    let instance = std::env::var("HOSTNAME").unwrap_or_else(|_| "bpo-operator".to_owned());
    let mut name = arguments.lease_name.clone();
    if around.clock.is_rehearsal() {
        name.push_str("-rehearsal");
    }
    let namespace = arguments.lease_namespace.clone().unwrap_or_else(|| around.client.default_namespace().to_owned());
    let identity = format!("{instance}_{}", std::process::id());
    let store = Arc::new(OnceLock::new());
    if arguments.shards != ShardCount::ONE {
        return work_beside_others(arguments, around, (&namespace, &name), &identity, instance).await;
    }
    let shards = Shards::whole(around.fence.clone());
    let standby = arguments.leader_elect;
    let claim =
        Claim { namespace, name, identity, store: store.clone(), standby, shared: false, labels: BTreeMap::new() };
    if !arguments.leader_elect {
        let Some((evidence, id)) = open_evidence(arguments, around, || false).await? else { return Ok(None) };
        let _ = store.set(id);
        let held = acquire(claim, around).await;
        return Ok(held.map(|(lease, finished)| Leading {
            lease,
            finished,
            evidence,
            instance,
            shards,
            sharing: None,
        }));
    }
    let Some((lease, finished)) = acquire(claim, around).await else { return Ok(None) };
    match open_evidence(arguments, around, || lease.is_finished()).await {
        Ok(Some((evidence, id))) => {
            let _ = store.set(id);
            Ok(Some(Leading { lease, finished, evidence, instance, shards, sharing: None }))
        }
        not_opened => {
            // Another replica may have better luck at once.
            finished.cancel();
            let _ = lease.await;
            not_opened.map(|_| None)
        }
    }
}

/// The same for a replica that works beside others: it gets the lease that they hold together, and then takes part in sharing the work.
async fn work_beside_others(
    arguments: &RunArguments,
    around: &Surroundings,
    lease: (&str, &str),
    identity: &str,
    instance: String,
) -> Result<Option<Leading>, RunError> {
    let claim = common_claim(lease.0, lease.1, arguments.shards);
    let Some((common, finished)) = acquire(claim, around).await else { return Ok(None) };
    let Some((evidence, _)) = open_evidence(arguments, around, || common.is_finished()).await? else { return Ok(None) };
    let shards = Shards::spread(arguments.shards, around.fence.clone());
    let (to_do, moves) = mpsc::channel(MOVES);
    let begun = CancellationToken::new();
    let part = Sharing::new(around.client.clone(), lease, identity, shards.clone(), to_do);
    let part = part.run(begun.clone(), around.stop.clone(), finished.clone());
    let common = async { common.await.map_err(|error| error.to_string())? };
    let lease = tokio::spawn(async { tokio::try_join!(common, part).map(|_| ()) });
    let sharing = Some(ShareOfWork { begun, moves });
    Ok(Some(Leading { lease, finished, evidence, instance, shards, sharing }))
}

/// How many shards may wait to be begun or ended.
const MOVES: usize = 64;

/// Waits for the lease, and renews it from then on. `None`: a stop came first.
async fn acquire(claim: Claim, around: &Surroundings) -> Option<(Held, CancellationToken)> {
    let (lease, holder) = (format!("{}/{}", claim.namespace, claim.name), claim.identity.clone());
    let (standby, is_shared, progress) = (claim.standby, claim.shared, &around.progress);
    let mut candidate = Candidate::new(around.client.clone(), claim, around.fence.clone());
    let waits = |why: &str, held: bool| if standby && held { progress.is_standby() } else { progress.waits(why) };
    if !candidate.acquire(&around.stop, waits).await {
        return None;
    }
    match is_shared {
        true => {
            tracing::info!(lease, holder, "the lease is held together with others: this process takes part in the work")
        }
        false => tracing::info!(lease, holder, "the lease is held: this process works"),
    }
    progress.waits("the lease is held, and the evidence is opened");
    let finished = CancellationToken::new();
    Some((tokio::spawn(candidate.hold(finished.clone())), finished))
}
