//! Sharing the work: replicas hold a Lease for each shard that they work on, and one each that says that they are there.
//!
//! All of them hold the installation's own Lease together, under a name that says how many shards there are. So a replica with another
//! number, or a single process, waits until the last of them has ended, and the other way round.
//!
//! What to do is [`assignment`], a pure function of what is seen; this only carries it out. A shard that is given back is ended first:
//! its Lease is held until whoever works on it says that all has ended.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use kube::api::{DeleteParams, ListParams};
use kube::{Api, Client, ResourceExt};
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::fence::Fence;
use super::lease::{ATTEMPT, Candidate, Claim, RETRY, lasts, until_next_look};
use super::shards::Shards;
use super::write::{WriteError, bounded};
use crate::domain::numbers::hexadecimal::hexadecimal;
use crate::shard::{Assignment, SeenLease, ShardCount, assignment};

/// The label of the Leases of shards and replicas; its value is [`SHARD`] or [`REPLICA`].
pub const LABEL: &str = "bpo-operator.io/sharing";
/// The label's value of a shard's Lease.
pub const SHARD: &str = "shard";
/// The label's value of a replica's Lease.
pub const REPLICA: &str = "replica";

/// After how long without a renewal the Lease of a replica is removed.
const FORGOTTEN: Duration = Duration::from_secs(120);

/// How long whoever works on a shard may take to begin or to end, before the process ends.
const PATIENCE: Duration = Duration::from_secs(30);

/// The most Leases that are looked at.
const MOST_LEASES: u32 = 500;

/// What whoever works on the shards is to do. It answers when that is done.
#[derive(Debug)]
pub enum Move {
    /// Work on a shard, whose Lease is held.
    Begin(u32, Done),
    /// End all work on a shard, whose Lease is held until then.
    End(u32, Done),
}

/// Where to say that a [`Move`] is done, or why it cannot be: then the process ends.
pub type Done = oneshot::Sender<Result<(), String>>;

/// The claim of the Lease that replicas with this number of shards hold together.
pub fn common_claim(namespace: &str, name: &str, count: ShardCount) -> Claim {
    Claim { identity: format!("replicas-of-{count}-shards"), shared: true, ..claim(namespace, name, None, "") }
}

/// The name of the Lease of a shard.
pub fn shard_lease(name: &str, shard: u32) -> String {
    format!("{name}-shard-{shard}")
}

fn replica_lease(name: &str, identity: &str) -> String {
    let digest = Sha256::digest(identity);
    let digits = hexadecimal(digest.iter().take(5));
    format!("{name}-replica-{digits}")
}

fn claim(namespace: &str, name: &str, role: Option<&str>, identity: &str) -> Claim {
    Claim {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        identity: identity.to_owned(),
        store: Arc::new(OnceLock::new()),
        standby: true,
        shared: false,
        labels: role.map(|role| (LABEL.to_owned(), role.to_owned())).into_iter().collect(),
    }
}

/// One replica's part.
pub struct Sharing {
    client: Client,
    namespace: String,
    /// Name of the installation's own Lease, with which those of shards and replicas begin.
    name: String,
    identity: String,
    shards: Shards,
    moves: mpsc::Sender<Move>,
    /// When the records of Leases were seen to change last, by name.
    seen: HashMap<String, (LeaseSpec, Instant)>,
    held: BTreeMap<u32, Held>,
    /// Whether this replica has been seen by others before it takes anything.
    has_joined: bool,
}

/// A shard's Lease that this replica holds.
struct Held {
    renewals: JoinHandle<Result<(), String>>,
    /// Ends the renewals and releases the Lease.
    finished: CancellationToken,
    /// The beginning of the work, or its end.
    moving: Option<JoinHandle<Result<(), String>>>,
    ends: bool,
}

impl Sharing {
    /// The part of the replica `identity`. `moves` goes to whoever works on the shards.
    pub fn new(client: Client, lease: (&str, &str), identity: &str, shards: Shards, moves: mpsc::Sender<Move>) -> Self {
        let (namespace, name) = lease;
        Sharing {
            client,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            identity: identity.to_owned(),
            shards,
            moves,
            seen: HashMap::new(),
            held: BTreeMap::new(),
            has_joined: false,
        }
    }

    /// Takes part from `begun` on, takes nothing more after `stop`, and releases everything after `finished`. Ends earlier when a Lease
    /// is lost or a shard cannot be begun or ended, and says how: nothing may be written then.
    ///
    /// # Errors
    /// Why it ended earlier.
    pub async fn run(
        mut self,
        begun: CancellationToken,
        stop: CancellationToken,
        finished: CancellationToken,
    ) -> Result<(), String> {
        tokio::select! {
            () = finished.cancelled() => return Ok(()),
            () = begun.cancelled() => {}
        }
        let own = claim(&self.namespace, &replica_lease(&self.name, &self.identity), Some(REPLICA), &self.identity);
        let mut own = Candidate::new(self.client.clone(), own, Fence::closed());
        let (mut is_leaving, mut renewed) = (false, None::<Instant>);
        while !finished.is_cancelled() {
            self.check_renewals().await?;
            if !stop.is_cancelled() {
                // The Leases are looked at more often than they are renewed.
                let is_due = renewed.is_none_or(|renewed| renewed.elapsed() >= RETRY);
                renewed = if is_due { Some(Instant::now()) } else { renewed };
                self.round(is_due.then_some(&mut own)).await;
            } else if !std::mem::replace(&mut is_leaving, true) {
                // The others count without this replica from now on; its shards are free when its work has ended.
                self.remove(&replica_lease(&self.name, &self.identity)).await;
            }
            tokio::select! {
                () = finished.cancelled() => {}
                () = stop.cancelled(), if !is_leaving => {}
                () = tokio::time::sleep(self.until_next_look()) => {}
            }
        }
        self.leave().await
    }

    /// Says that this replica is there, where `own` is its Lease, looks at all Leases, and does what follows.
    async fn round(&mut self, own: Option<&mut Candidate>) {
        let joined = match own {
            Some(own) => own.take(None).await.map(drop),
            None => Ok(()),
        };
        let looked = self.look().await;
        if let Err(error) = joined.and(looked) {
            tracing::warn!(lease = self.name, %error, "the Leases of the shards cannot be looked at; trying again");
            return;
        }
        // Replicas that begin together see each other before any of them takes all.
        if !std::mem::replace(&mut self.has_joined, true) {
            return;
        }
        let Assignment { take, keep: _, give_back } = self.assignment();
        futures::future::join_all(take.iter().map(|shard| self.try_to_take(*shard)))
            .await
            .into_iter()
            .flatten()
            .for_each(|(shard, candidate)| self.begin(shard, candidate));
        give_back.into_iter().for_each(|shard| self.end(shard));
        self.remove_forgotten().await;
    }

    /// Takes note of the Leases of shards and replicas, and of when their records changed.
    async fn look(&mut self) -> Result<(), WriteError> {
        let api: Api<Lease> = Api::namespaced(self.client.clone(), &self.namespace);
        let those = ListParams::default().labels(LABEL).limit(MOST_LEASES);
        let found =
            tokio::time::timeout(ATTEMPT, bounded(api.list(&those))).await.map_err(|_| WriteError::Timeout)??;
        // Taken after the answer: a record may have been written while it was under way.
        let answered = Instant::now();
        let prefix = format!("{}-", self.name);
        let mut seen = HashMap::new();
        for lease in found.items.into_iter().filter(|lease| lease.name_any().starts_with(&prefix)) {
            let (name, spec) = (lease.name_any(), lease.spec.unwrap_or_default());
            let unchanged = self.seen.remove(&name).filter(|(known, _)| *known == spec);
            seen.insert(name, unchanged.unwrap_or((spec, answered)));
        }
        self.seen = seen;
        Ok(())
    }

    fn until_next_look(&self) -> Duration {
        let of_others = |(spec, _): &&(LeaseSpec, Instant)| spec.holder_identity.as_ref() != Some(&self.identity);
        let others = self.seen.values().filter(of_others);
        until_next_look(others.map(|(spec, changed)| (spec, changed.elapsed())))
    }

    fn assignment(&self) -> Assignment {
        // One clock for all of them: the age of the oldest sighting is zero.
        let now = Instant::now();
        let began = self.seen.values().map(|(_, changed)| *changed).min().unwrap_or(now);
        let lease = |(spec, changed): &(LeaseSpec, Instant)| SeenLease {
            holder: spec.holder_identity.clone().filter(|holder| !holder.is_empty()),
            changed: changed.duration_since(began),
            lasts: lasts(spec),
        };
        let of_shard = |shard| self.seen.get(&shard_lease(&self.name, shard)).map_or_else(SeenLease::free, lease);
        let shards: Vec<SeenLease> = (0..self.shards.count().number()).map(of_shard).collect();
        let replicas = format!("{}-replica-", self.name);
        let replicas = self.seen.iter().filter(|(name, _)| name.starts_with(&replicas));
        let replicas: Vec<SeenLease> = replicas.map(|(_, seen)| lease(seen)).collect();
        assignment(now.duration_since(began), &shards, &replicas, &self.identity)
    }

    async fn try_to_take(&self, shard: u32) -> Option<(u32, Candidate)> {
        if self.held.contains_key(&shard) {
            return None;
        }
        let name = shard_lease(&self.name, shard);
        let claim = claim(&self.namespace, &name, Some(SHARD), &self.identity);
        let mut candidate = Candidate::new(self.client.clone(), claim, self.shards.fence_of(shard));
        match candidate.take(self.seen.get(&name).cloned()).await {
            Ok(true) => Some((shard, candidate)),
            // Another one was faster.
            Ok(false) => None,
            Err(error) => {
                tracing::warn!(lease = name, %error, "a shard's Lease cannot be asked for; trying again");
                None
            }
        }
    }

    fn begin(&mut self, shard: u32, candidate: Candidate) {
        tracing::info!(
            shard,
            of = self.shards.count().number(),
            "the Lease of a shard is held: this process works on it"
        );
        let finished = CancellationToken::new();
        let renewals = tokio::spawn(candidate.hold(finished.clone()));
        let moving = Some(tokio::spawn(moved(self.moves.clone(), shard, Move::Begin)));
        self.held.insert(shard, Held { renewals, finished, moving, ends: false });
    }

    /// Ends the work on a shard, and then releases its Lease.
    fn end(&mut self, shard: u32) {
        let Some(held) = self.held.get_mut(&shard).filter(|held| !held.ends) else { return };
        tracing::info!(shard, "another replica is to have a shard: this process ends its work on it");
        held.ends = true;
        let (begun, moves, finished) = (held.moving.take(), self.moves.clone(), held.finished.clone());
        held.moving = Some(tokio::spawn(async move {
            if let Some(begun) = begun {
                begun.await.map_err(|error| error.to_string())??;
            }
            moved(moves, shard, Move::End).await?;
            finished.cancel();
            Ok(())
        }));
    }

    /// Forgets the shards that were given back. An error when a Lease was lost, or a shard could not be begun or ended.
    async fn check_renewals(&mut self) -> Result<(), String> {
        let mut kept = BTreeMap::new();
        for (shard, mut held) in std::mem::take(&mut self.held) {
            if let Some(moving) = held.moving.take_if(|moving| moving.is_finished()) {
                moving.await.map_err(|error| error.to_string())??;
            }
            if !held.renewals.is_finished() {
                kept.insert(shard, held);
                continue;
            }
            held.renewals.await.map_err(|error| error.to_string())??;
            tracing::info!(shard, "the Lease of a shard was given back");
        }
        self.held = kept;
        Ok(())
    }

    /// Releases everything: nothing is written any more.
    async fn leave(mut self) -> Result<(), String> {
        let held = std::mem::take(&mut self.held);
        held.values().for_each(|held| held.finished.cancel());
        futures::future::join_all(held.into_values().map(|held| held.renewals)).await;
        self.remove(&replica_lease(&self.name, &self.identity)).await;
        Ok(())
    }

    /// Removes the Leases of replicas that have not been there for long.
    async fn remove_forgotten(&self) {
        let replicas = format!("{}-replica-", self.name);
        let old = self
            .seen
            .iter()
            .filter(|(name, (_, changed))| name.starts_with(&replicas) && changed.elapsed() > FORGOTTEN);
        for (name, _) in old {
            self.remove(name).await;
        }
    }

    async fn remove(&self, name: &str) {
        let api: Api<Lease> = Api::namespaced(self.client.clone(), &self.namespace);
        if let Err(error) = bounded(api.delete(name, &DeleteParams::default())).await {
            tracing::debug!(lease = name, %error, "the Lease of a replica could not be removed; another one does it");
        }
    }
}

/// Has a shard begun or ended, and waits until that is done.
async fn moved(moves: mpsc::Sender<Move>, shard: u32, what: impl FnOnce(u32, Done) -> Move) -> Result<(), String> {
    let (done, waiting) = oneshot::channel();
    // Where nobody is there to do it any more the process is ending: it releases the Lease when all its work has ended.
    if moves.send(what(shard, done)).await.is_err() {
        return std::future::pending().await;
    }
    match tokio::time::timeout(PATIENCE, waiting).await {
        Ok(Ok(done)) => done.map_err(|error| format!("shard {shard}: {error}")),
        Ok(Err(_)) => std::future::pending().await,
        Err(_) => Err(format!("shard {shard}: its work did not begin or end within {} seconds", PATIENCE.as_secs())),
    }
}
