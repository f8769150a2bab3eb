//! Putting the operator together: watches, queues, controllers, scheduler, web, and an orderly end.

mod row_looks;
mod shares;
mod tasks;
mod triggers;
mod watches;

use std::sync::Arc;
use std::time::Duration;

use kube::runtime::reflector::ObjectRef;
use kube::{Client, ResourceExt};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use self::shares::{follow_namespaces, share_of_shards};
pub use self::tasks::PartEnded;
use self::tasks::{Tasks, ended_unasked};
use self::triggers::{follow_api_clock, follow_clock, follow_rows};
use self::watches::{start_watches, stores};
use super::context::{AlertMode, Context, ContextParts, Queue, Queues, Stores};
use super::driver;
use super::readiness::{Progress, Readiness};
use crate::alert::dispatcher::{Dispatcher, ReportNow, SinkNow, Sinks};
use crate::api::{CampaignLaunch, KpiTarget, ServiceTier, VendorContract};
use crate::clock::Clock;
use crate::cluster::api_clock::ApiClock;
use crate::cluster::namespaces::Namespaces;
use crate::cluster::shards::Shards;
use crate::cluster::sharing::Move;
use crate::cluster::watch::Guarded;
use crate::cluster::write::Writer;
use crate::domain::governance::scheduled_reports::ReportOrder;
use crate::evidence::EvidenceStore;
use crate::feed::scheduler::Scheduler;
use crate::web::metrics::Metrics;

/// What the operator is put together from.
pub struct Parts {
    /// The API server.
    pub client: Client,
    /// Namespaces to look after; empty: all.
    pub namespaces: Vec<String>,
    /// The clock.
    pub clock: Clock,
    /// How far it is from the API server's.
    pub api_clock: Arc<ApiClock>,
    /// The evidence.
    pub evidence: Arc<dyn EvidenceStore>,
    /// Fetches the feeds.
    pub scheduler: Scheduler,
    /// Metrics.
    pub metrics: Metrics,
    /// Delivers alerts.
    pub alerts: Dispatcher,
    /// What happens to alerts.
    pub alert_mode: AlertMode,
    /// Answers the probes.
    pub progress: Arc<Progress>,
    /// The shards that this process works on.
    pub shards: Shards,
    /// Where several replicas work side by side: which shards are to be begun and ended.
    pub sharing: Option<ShareOfWork>,
    /// How long terms must stand unchanged before a period closes under them.
    pub settle: Duration,
    /// How many bytes of rows, and of what judgements worked out of them, are held at most.
    pub evidence_memory: usize,
    /// Name of this process or pod.
    pub instance: String,
}

/// What a replica that works beside others is asked for.
pub struct ShareOfWork {
    /// Cancelled once this replica is able to work.
    pub begun: CancellationToken,
    /// What it is to do.
    pub moves: mpsc::Receiver<Move>,
}

/// How long reconciles under way may take to end after a stop was asked for.
const GRACE: Duration = Duration::from_secs(20);

/// Runs the operator until `stop`. Reconciles under way are finished first.
///
/// # Errors
/// When a part of it ends before that.
pub async fn run_controllers(parts: Parts, stop: CancellationToken) -> Result<(), PartEnded> {
    let namespaces = parts.namespaces.clone();
    let (scheduler, evidence, client) = (parts.scheduler.clone(), parts.evidence.clone(), parts.client.clone());
    let shards = parts.shards.clone();
    let readiness = Arc::new(Readiness::new(evidence.clone(), Box::new(move || shards.may_write())));
    parts.progress.works(readiness.clone());
    let (stores, writers) = stores();
    let (context, ends, sharing) = context(parts, stores.clone());
    let (mut watches, mut controllers) = (Tasks::default(), Tasks::default());
    start_watches(&mut watches, &client, &namespaces, writers, &context);
    watches.spawn(
        "the watch of namespaces",
        follow_namespaces(context.clone(), client.clone(), namespaces.clone(), readiness.clone()),
    );
    watches.spawn("the comparison of clocks", follow_api_clock(context.clone(), client));
    watches
        .spawn("the queue of new rows and polls", follow_rows(context.clone(), evidence.changes(), scheduler.events()));
    watches.spawn("the keeping of judgements", keep_judgements(context.clone()));
    watches.spawn("the removal of rows", super::retention::follow(context.clone()));
    watches.spawn("the rehearsal's clock", follow_clock(context.clone(), context.now()));
    watches.spawn("the look at readiness", readiness.clone().follow(stores.clone()));
    // These end when they are asked to, and until then they have no reason to.
    controllers.spawn("the scheduler of feeds", {
        let stop = stop.clone();
        async move { scheduler.run(stop).await }
    });

    // Nothing is decided before every kind was listed once: a contract without its KPIs would be another contract.
    let ended = tokio::select! {
        () = readiness.all_listed() => {
            tracing::info!("all kinds are listed; the controllers start");
            super::alerts::end_those_of_contracts_that_are_gone(&context, &namespaces).await;
            start_controllers(&mut controllers, &context, &stores, ends, &stop);
            if let Some(sharing) = sharing {
                watches.spawn("the share of the shards", share_of_shards(context.clone(), namespaces.clone(), sharing));
            }
            ended_unasked(&mut watches, &mut controllers, &stop).await
        }
        ended = ended_unasked(&mut watches, &mut controllers, &stop) => ended,
    };
    if let Some(ended) = ended {
        return Err(ended);
    }
    tracing::info!("stopping: reconciles under way are finished");
    // A poll that is cut has committed nothing, or all.
    let farewell = tokio::time::timeout(GRACE, async { while controllers.set.join_next().await.is_some() {} }).await;
    if farewell.is_err() {
        tracing::warn!("some reconciles did not end in time and are broken off; they begin again at the next start");
    }
    watches.set.shutdown().await;
    keep_checkpoints(&context).await;
    Ok(())
}

fn context(parts: Parts, stores: Stores) -> (Arc<Context>, Ends, Option<ShareOfWork>) {
    let Parts {
        client,
        namespaces: _,
        clock,
        api_clock,
        evidence,
        scheduler,
        metrics,
        alerts,
        alert_mode,
        progress: _,
        shards,
        sharing,
        settle,
        evidence_memory,
        instance,
    } = parts;
    let (queues, ends) = queues();
    let rehearsal = clock.is_rehearsal();
    let context = Context::new(ContextParts {
        writer: Writer::new(client, metrics.clone(), instance, shards.clone(), rehearsal),
        clock,
        api_clock,
        evidence,
        scheduler,
        stores,
        queues,
        metrics,
        alerts,
        alert_mode,
        namespaces: Namespaces::new(rehearsal),
        shards,
        settle,
        evidence_memory,
    });
    (Arc::new(context), ends, sharing)
}

fn start_controllers(tasks: &mut Tasks, context: &Arc<Context>, stores: &Stores, ends: Ends, stop: &CancellationToken) {
    let sinks = Arc::new(ContractSinks(context.clone()));
    tasks.spawn("the dispatcher of alerts", context.alerts.clone().run(sinks, stop.clone()));
    let (kpis, tiers, launches) = (ends.kpis, ends.tiers, ends.launches);
    tasks.spawn(
        "the controller of VendorContracts",
        driver::run(context.clone(), stores.contracts.store().clone(), ends.contracts, stop.clone()),
    );
    tasks.spawn(
        "the controller of KpiTargets",
        driver::run(context.clone(), stores.kpis.store().clone(), kpis, stop.clone()),
    );
    tasks.spawn(
        "the controller of ServiceTiers",
        driver::run(context.clone(), stores.tiers.store().clone(), tiers, stop.clone()),
    );
    tasks.spawn(
        "the controller of CampaignLaunches",
        driver::run(context.clone(), stores.launches.store().clone(), launches, stop.clone()),
    );
}

struct Ends {
    contracts: mpsc::UnboundedReceiver<ObjectRef<Guarded<VendorContract>>>,
    kpis: mpsc::UnboundedReceiver<ObjectRef<Guarded<KpiTarget>>>,
    tiers: mpsc::UnboundedReceiver<ObjectRef<Guarded<ServiceTier>>>,
    launches: mpsc::UnboundedReceiver<ObjectRef<Guarded<CampaignLaunch>>>,
}

fn queues() -> (Queues, Ends) {
    let (contracts, contracts_end) = Queue::new();
    let (kpis, kpis_end) = Queue::new();
    let (tiers, tiers_end) = Queue::new();
    let (launches, launches_end) = Queue::new();
    (
        Queues { contracts, kpis, tiers, launches },
        Ends { contracts: contracts_end, kpis: kpis_end, tiers: tiers_end, launches: launches_end },
    )
}

/// The sinks of the contracts that the watches know.
struct ContractSinks(Arc<Context>);

impl Sinks for ContractSinks {
    fn sink(&self, contract_uid: &str, sink: &str) -> SinkNow {
        let Some(contract) = self.0.contract_of_uid(contract_uid) else { return SinkNow::ContractGone };
        // A spec that cannot be read says nothing of its sinks: what the message holds is used.
        let Ok(contract) = &contract.0 else { return SinkNow::ContractGone };
        let found = contract.spec.alerts.iter().find(|known| known.name == sink);
        found.map_or(SinkNow::Removed, |found| SinkNow::Known(Box::new(found.clone())))
    }

    fn namespace(&self, contract_uid: &str) -> Option<String> {
        self.0.contract_of_uid(contract_uid)?.namespace()
    }

    fn report(&self, contract_uid: &str, order: &ReportOrder) -> ReportNow {
        super::scheduled::report_now(&self.0, contract_uid, order)
    }

    fn works_in(&self, namespace: &str) -> bool {
        self.0.shards.works_in(namespace)
    }

    fn changed(&self, contract_uid: &str) {
        if let Some(contract) = self.0.contract_of_uid(contract_uid) {
            self.0.queues.contracts.push(&contract.namespace().unwrap_or_default(), &contract.name_any());
        }
    }
}

/// How often judgements are kept for the next start.
const KEPT_EVERY: Duration = Duration::from_secs(60);

/// Keeps what was judged, again and again: a process that is killed leaves judgements of the last minute behind that are made again.
async fn keep_judgements(context: Arc<Context>) {
    loop {
        tokio::time::sleep(KEPT_EVERY).await;
        keep_checkpoints(&context).await;
    }
}

async fn keep_checkpoints(context: &Context) {
    if let Err(error) = context.checkpoints.keep(&*context.evidence, &context.cache, context.now()).await {
        tracing::warn!(%error, "judgements are not kept: the next start judges again");
    }
}
