//! What the probes are answered, from the first moment of the process to its end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use kube::Resource;
use tokio_util::sync::CancellationToken;

use super::context::Stores;
use crate::cluster::watch::Objects;
use crate::evidence::EvidenceStore;
use crate::web::server::Health;

/// How far the process is.
#[derive(Clone)]
enum Stage {
    /// Something is still to be done first.
    Starting(String),
    /// Another replica leads, and this one takes over when that ends. A replica that waits for that is ready: else a rolling update, which
    /// waits for the new replica before it ends the old one, would never end.
    Standby,
    /// It works.
    Works(Arc<Readiness>),
}

/// Answers the probes. It is there before the lease is held and before the store is open.
pub struct Progress(RwLock<Stage>);

impl Default for Progress {
    fn default() -> Self {
        Progress(RwLock::new(Stage::Starting("the operator starts".to_owned())))
    }
}

impl Progress {
    /// Not ready, because of this.
    pub fn waits(&self, why: &str) {
        self.set(Stage::Starting(why.to_owned()));
    }

    /// Ready to take over.
    pub fn is_standby(&self) {
        self.set(Stage::Standby);
    }

    /// From now on it is as ready as its parts are.
    pub fn works(&self, readiness: Arc<Readiness>) {
        self.set(Stage::Works(readiness));
    }

    fn set(&self, stage: Stage) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = stage;
    }
}

impl Health for Progress {
    fn missing(&self) -> Vec<String> {
        let stage = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        match stage {
            Stage::Starting(why) => vec![why],
            Stage::Standby => Vec::new(),
            Stage::Works(readiness) => readiness.missing(),
        }
    }
}

/// What the operator needs before it can do its work.
pub struct Readiness {
    evidence: Arc<dyn EvidenceStore>,
    /// Whether this process holds its lease.
    leads: Box<dyn Fn() -> bool + Send + Sync>,
    listed: [(&'static str, AtomicBool); 5],
    namespaces: AtomicBool,
    namespaces_known: CancellationToken,
    /// Cancelled when every kind was listed. A store wakes one waiter alone, so all others wait here.
    all_listed: CancellationToken,
}

impl Readiness {
    /// Nothing is listed yet.
    pub fn new(evidence: Arc<dyn EvidenceStore>, leads: Box<dyn Fn() -> bool + Send + Sync>) -> Self {
        let kinds = ["VendorContract", "KpiTarget", "ServiceTier", "CampaignLaunch", "SlaReport"];
        Readiness {
            evidence,
            leads,
            all_listed: CancellationToken::new(),
            namespaces: AtomicBool::new(false),
            namespaces_known: CancellationToken::new(),
            listed: kinds.map(|kind| (kind, AtomicBool::new(false))),
        }
    }

    /// Waits until every kind was listed, and all namespaces were seen.
    pub async fn all_listed(&self) {
        self.all_listed.cancelled().await;
    }

    /// All namespaces were seen.
    pub fn namespaces_are_known(&self) {
        self.namespaces.store(true, Ordering::Relaxed);
        self.namespaces_known.cancel();
    }

    /// Takes note of the first listing of each kind. Ends only with the process.
    pub async fn follow(self: Arc<Self>, stores: Stores) {
        let [contracts, kpis, tiers, launches, reports] = &self.listed;
        let mark = |flag: &AtomicBool| flag.store(true, Ordering::Relaxed);
        tokio::join!(
            async {
                wait_for(&stores.contracts).await;
                mark(&contracts.1)
            },
            async {
                wait_for(&stores.kpis).await;
                mark(&kpis.1)
            },
            async {
                wait_for(&stores.tiers).await;
                mark(&tiers.1)
            },
            async {
                wait_for(&stores.launches).await;
                mark(&launches.1)
            },
            async {
                wait_for(&stores.reports).await;
                mark(&reports.1)
            },
            self.namespaces_known.cancelled(),
        );
        self.all_listed.cancel();
        std::future::pending::<()>().await;
    }

    fn missing(&self) -> Vec<String> {
        let waiting =
            self.listed.iter().filter(|(_, listed)| !listed.load(Ordering::Relaxed)).map(|(kind, _)| {
                format!("{kind}: not listed yet; are the CRDs installed and may the operator list them?")
            });
        let unknown = (!self.namespaces.load(Ordering::Relaxed))
            .then(|| "Namespace: not read yet; may the operator get the namespaces that it works in?".to_owned());
        let fault = (!self.evidence.healthy())
            .then(|| format!("evidence store: {}", self.evidence.fault().unwrap_or_else(|| "failed".to_owned())));
        let no_lease = (!(self.leads)())
            .then(|| "the lease could not be renewed in time: nothing is written until it is".to_owned());
        waiting.chain(unknown).chain(fault).chain(no_lease).collect()
    }
}

/// Waits for the first listing. The watch that writes the store ends only with the process, so this cannot fail before.
async fn wait_for<K: Resource<DynamicType = ()> + Clone + 'static>(objects: &Objects<K>) {
    if objects.store().wait_until_ready().await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::sqlite::SqliteStore;

    #[test]
    fn a_replica_on_standby_is_ready_and_one_that_waits_or_lost_its_lease_says_why() {
        let directory = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(directory.path()).unwrap());
        let progress = Progress::default();
        assert_eq!(progress.missing(), ["the operator starts"]);
        progress.is_standby();
        assert!(progress.missing().is_empty());
        progress.waits("other_1 holds the Lease");
        assert_eq!(progress.missing(), ["other_1 holds the Lease"]);
        let leads = Arc::new(AtomicBool::new(true));
        let asked = leads.clone();
        let readiness = Arc::new(Readiness::new(store, Box::new(move || asked.load(Ordering::Relaxed))));
        progress.works(readiness.clone());
        assert_eq!(progress.missing().len(), 6, "{:?}", progress.missing());
        readiness.listed.iter().for_each(|(_, listed)| listed.store(true, Ordering::Relaxed));
        readiness.namespaces_are_known();
        assert!(progress.missing().is_empty());
        leads.store(false, Ordering::Relaxed);
        assert!(progress.missing()[0].contains("the lease could not be renewed"));
    }
}
