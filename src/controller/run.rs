//! Putting the operator together: watches, queues, controllers, scheduler, web, and an orderly end.

use std::collections::HashMap;
use std::fmt::Debug;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use k8s_openapi::NamespaceResourceScope;
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::{Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::context::{Context, ContextParts, Queue, Queues, Stores};
use super::driver;
use crate::alert::dispatcher::{Dispatcher, SinkNow, Sinks};
use crate::api::campaign_launch::{LaunchDecision, LaunchPhase};
use crate::api::condition::{ConditionStatus, ConditionType, Reason};
use crate::api::{
    ACKNOWLEDGED_ANNOTATION, ALERT_TEST_ANNOTATION, CampaignLaunch, EVIDENCE_OF_ANNOTATION, KpiTarget, ServiceTier,
    SlaReport, VendorContract,
};
use crate::clock::Clock;
use crate::cluster::watch::{Change, Guarded, watch};
use crate::cluster::write::Writer;
use crate::domain::decision::conditions::status_of;
use crate::evidence::EvidenceStore;
use crate::feed::scheduler::{FeedEvent, FeedOutcome, Scheduler};
use crate::web::metrics::{FeedLabels, Metrics};
use crate::web::server::{Health, ServeError, serve};

/// What the operator is put together from.
pub struct Parts {
    /// The API server.
    pub client: Client,
    /// Namespaces to look after; empty: all.
    pub namespaces: Vec<String>,
    /// Tells the time.
    pub clock: Clock,
    /// The evidence.
    pub evidence: Arc<dyn EvidenceStore>,
    /// Fetches the feeds.
    pub scheduler: Scheduler,
    /// Metrics.
    pub metrics: Metrics,
    /// Delivers alerts.
    pub alerts: Dispatcher,
    /// Where metrics and health are served.
    pub listen: SocketAddr,
    /// How long terms must stand unchanged before a period closes under them.
    pub settle: Duration,
    /// Name of this process or pod.
    pub instance: String,
}

/// How long reconciles under way may take to end after a stop was asked for.
const GRACE: Duration = Duration::from_secs(20);

/// Runs the operator until `stop`. Reconciles under way are finished first.
///
/// # Errors
/// When the address for metrics and health cannot be bound.
pub async fn run_controllers(parts: Parts, stop: CancellationToken) -> Result<(), ServeError> {
    let Parts { client, namespaces, clock, evidence, scheduler, metrics, alerts, listen, settle, instance } = parts;
    let readiness = Arc::new(Readiness::new(evidence.clone()));
    let (bound, server) = serve(listen, metrics.clone(), readiness.clone(), stop.clone()).await?;
    tracing::info!(address = %bound, "serving /metrics, /healthz and /readyz");

    let mut watches = JoinSet::new();
    let (queues, ends) = queues();
    let (stores, writers) = stores();
    let context = Arc::new(Context::new(ContextParts {
        writer: Writer::new(client.clone(), metrics.clone(), instance),
        clock,
        evidence: evidence.clone(),
        scheduler: scheduler.clone(),
        stores: stores.clone(),
        queues,
        metrics,
        alerts,
        settle,
    }));
    start_watches(&mut watches, &client, &namespaces, writers, &context);
    watches.spawn(follow_evidence(context.clone(), evidence.changes()));
    watches.spawn(follow_feeds(context.clone(), scheduler.events()));
    watches.spawn(readiness.clone().follow(stores.clone()));
    let polls = tokio::spawn({
        let (scheduler, stop) = (scheduler.clone(), stop.clone());
        async move { scheduler.run(stop).await }
    });

    let mut controllers = JoinSet::new();
    // Nothing is decided before every kind was listed once: a contract without its KPIs would be another contract.
    tokio::select! {
        () = readiness.all_listed.cancelled() => {
            tracing::info!("all kinds are listed; the controllers start");
            super::alerts::end_those_of_contracts_that_are_gone(&context, &namespaces).await;
            let sinks = Arc::new(ContractSinks(context.clone()));
            watches.spawn(context.alerts.clone().run(sinks, stop.clone()));
            controllers.spawn(driver::run(context.clone(), stores.contracts, ends.contracts, stop.clone()));
            controllers.spawn(driver::run(context.clone(), stores.kpis, ends.kpis, stop.clone()));
            controllers.spawn(driver::run(context.clone(), stores.tiers, ends.tiers, stop.clone()));
            controllers.spawn(driver::run(context.clone(), stores.launches, ends.launches, stop.clone()));
        }
        () = stop.cancelled() => {}
    }
    stop.cancelled().await;
    tracing::info!("stopping: reconciles under way are finished");
    let ended = tokio::time::timeout(GRACE, async { while controllers.join_next().await.is_some() {} }).await;
    if ended.is_err() {
        tracing::warn!("some reconciles did not end in time and are broken off; they begin again at the next start");
    }
    // Bounded by the scheduler itself; a poll that is cut has committed nothing, or all.
    let _ = polls.await;
    watches.shutdown().await;
    drop(server);
    Ok(())
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

struct Writers {
    contracts: reflector::store::Writer<Guarded<VendorContract>>,
    kpis: reflector::store::Writer<Guarded<KpiTarget>>,
    tiers: reflector::store::Writer<Guarded<ServiceTier>>,
    launches: reflector::store::Writer<Guarded<CampaignLaunch>>,
    reports: reflector::store::Writer<Guarded<SlaReport>>,
}

fn stores() -> (Stores, Writers) {
    let (contracts, contracts_writer) = reflector::store();
    let (kpis, kpis_writer) = reflector::store();
    let (tiers, tiers_writer) = reflector::store();
    let (launches, launches_writer) = reflector::store();
    let (reports, reports_writer) = reflector::store();
    (
        Stores { contracts, kpis, tiers, launches, reports },
        Writers {
            contracts: contracts_writer,
            kpis: kpis_writer,
            tiers: tiers_writer,
            launches: launches_writer,
            reports: reports_writer,
        },
    )
}

/// Generation of an object, and what its annotations ask of the operator.
type Seen = (Option<i64>, [Option<String>; 3]);

/// Tells whether an object's spec is other than when it was last seen: status writes alone concern nobody else.
struct News<K> {
    seen: HashMap<String, Seen>,
    kind: std::marker::PhantomData<fn() -> K>,
}

impl<K: Resource<DynamicType = ()>> News<K> {
    fn new() -> Self {
        News { seen: HashMap::new(), kind: std::marker::PhantomData }
    }

    fn is_news(&mut self, change: &Change<'_, K>) -> bool {
        match change {
            Change::Applied(object) => {
                let uid = object.uid().unwrap_or_default();
                let asked = [ACKNOWLEDGED_ANNOTATION, ALERT_TEST_ANNOTATION, EVIDENCE_OF_ANNOTATION];
                let seen = (object.meta().generation, asked.map(|name| object.annotations().get(name).cloned()));
                self.seen.insert(uid, seen.clone()) != Some(seen)
            }
            Change::Deleted(object) => {
                self.seen.remove(&object.uid().unwrap_or_default());
                true
            }
        }
    }
}

fn object<'a, K>(change: &Change<'a, K>) -> &'a Guarded<K> {
    match change {
        Change::Applied(object) | Change::Deleted(object) => object,
    }
}

fn place<K: Resource<DynamicType = ()>>(change: &Change<'_, K>) -> (String, String) {
    let object = object(change);
    (object.namespace().unwrap_or_default(), object.name_any())
}

fn start_watches(
    tasks: &mut JoinSet<()>,
    client: &Client,
    namespaces: &[String],
    writers: Writers,
    context: &Arc<Context>,
) {
    let Writers { contracts, kpis, tiers, launches, reports } = writers;
    start(tasks, client, namespaces, contracts, on_contract(context.clone()));
    start(tasks, client, namespaces, kpis, on_kpi(context.clone()));
    start(tasks, client, namespaces, tiers, on_tier(context.clone()));
    start(tasks, client, namespaces, launches, on_launch(context.clone()));
    start(tasks, client, namespaces, reports, on_report(context.clone()));
}

fn start<K>(
    tasks: &mut JoinSet<()>,
    client: &Client,
    namespaces: &[String],
    writer: reflector::store::Writer<Guarded<K>>,
    listen: impl FnMut(Change<'_, K>) + Send + 'static,
) where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + DeserializeOwned
        + Send
        + Sync
        + 'static,
{
    let (client, namespaces) = (client.clone(), namespaces.to_vec());
    tasks.spawn(async move { watch(client, &namespaces, writer, listen).await });
}

fn on_contract(context: Arc<Context>) -> impl FnMut(Change<'_, VendorContract>) {
    let mut news = News::new();
    move |change| {
        let (namespace, name) = place(&change);
        if !news.is_news(&change) {
            return;
        }
        if let Change::Deleted(gone) = &change {
            let feeds: Vec<String> =
                gone.0.iter().flat_map(|contract| contract.spec.feeds.iter().map(|feed| feed.name.clone())).collect();
            let uid = gone.uid().unwrap_or_default();
            context.forget_contract(&namespace, &name, &uid);
            let ending = context.clone();
            tokio::spawn(async move { super::alerts::end(&ending, &uid).await });
            context.metrics.remove_feeds(&namespace, &name, &feeds);
        }
        context.queues.contracts.push(&namespace, &name);
        for kpi in context.kpis_of(&namespace, &name) {
            context.queues.kpis.push(&namespace, &kpi.name_any());
        }
        if let Ok(contract) = &object(&change).0 {
            for tier in &contract.spec.tiers {
                context.queues.tiers.push(&namespace, tier);
            }
        }
        super::campaign_launch::look_at_launches_of(&context, &namespace, &name);
    }
}

fn on_kpi(context: Arc<Context>) -> impl FnMut(Change<'_, KpiTarget>) {
    let mut news = News::new();
    move |change| {
        let (namespace, name) = place(&change);
        if !news.is_news(&change) {
            return;
        }
        if let Change::Deleted(gone) = &change {
            context.metrics.remove_object(&gone.uid().unwrap_or_default());
        }
        context.queues.kpis.push(&namespace, &name);
        if let Ok(kpi) = &object(&change).0 {
            context.queues.contracts.push(&namespace, &kpi.spec.contract_ref.name);
        }
        for launch in context.stores.launches.state() {
            if launch.namespace().as_deref() == Some(&namespace) {
                context.queues.launches.push(&namespace, &launch.name_any());
            }
        }
    }
}

fn on_tier(context: Arc<Context>) -> impl FnMut(Change<'_, ServiceTier>) {
    let mut news = News::new();
    move |change| {
        let (namespace, name) = place(&change);
        if !news.is_news(&change) {
            return;
        }
        context.queues.tiers.push(&namespace, &name);
        for contract in crate::cluster::watch::decoded(&context.stores.contracts, |contract: &VendorContract| {
            contract.namespace().as_deref() == Some(&namespace) && contract.spec.tiers.contains(&name)
        }) {
            context.queues.contracts.push(&namespace, &contract.name_any());
        }
    }
}

/// What contracts tell of their launches: the decision, the phase, and the spike that stands.
#[derive(Default)]
struct Outcomes(HashMap<String, Outcome>);

type Outcome = (Option<LaunchDecision>, Option<LaunchPhase>, Option<jiff::Timestamp>);

impl Outcomes {
    /// Whether a launch has come to something else than when it was last seen.
    fn are_news(&mut self, change: &Change<'_, CampaignLaunch>) -> bool {
        let uid = object(change).uid().unwrap_or_default();
        let Change::Applied(applied) = change else { return self.0.remove(&uid).is_some() };
        let Ok(launch) = &applied.0 else { return false };
        let outcome = launch.status.as_ref().map_or((None, None, None), |status| {
            let spike = status_of(&status.conditions, ConditionType::SpikeDetected) == Some(ConditionStatus::True);
            (status.decision, status.phase, status.spikes.first().filter(|_| spike).map(|spike| spike.start))
        });
        self.0.insert(uid, outcome) != Some(outcome)
    }
}

fn on_launch(context: Arc<Context>) -> impl FnMut(Change<'_, CampaignLaunch>) {
    let mut news = News::new();
    let mut outcomes = Outcomes::default();
    move |change| {
        let (namespace, name) = place(&change);
        if outcomes.are_news(&change) {
            for reference in object(&change).0.iter().flat_map(|launch| &launch.spec.contract_refs) {
                context.queues.contracts.push(&namespace, &reference.name);
            }
        }
        if !news.is_news(&change) {
            return;
        }
        if let Change::Deleted(gone) = &change {
            context.metrics.remove_object(&gone.uid().unwrap_or_default());
        }
        context.queues.launches.push(&namespace, &name);
        super::campaign_launch::look_at_launches_in(&context, &namespace);
    }
}

/// A report that was changed or deleted by somebody is looked at by its contract.
fn on_report(context: Arc<Context>) -> impl FnMut(Change<'_, SlaReport>) {
    let mut news = News::new();
    move |change| {
        let (namespace, _) = place(&change);
        if !news.is_news(&change) {
            return;
        }
        if let Ok(report) = &object(&change).0 {
            context.queues.contracts.push(&namespace, &report.spec.contract);
        }
    }
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

    fn changed(&self, contract_uid: &str) {
        if let Some(contract) = self.0.contract_of_uid(contract_uid) {
            self.0.queues.contracts.push(&contract.namespace().unwrap_or_default(), &contract.name_any());
        }
    }
}

fn look_at_uid(context: &Context, uid: &str) {
    if let Some(contract) = context.contract_of_uid(uid) {
        let (namespace, name) = (contract.namespace().unwrap_or_default(), contract.name_any());
        context.queues.contracts.push(&namespace, &name);
        // Launches read feeds that no KPI is judged by, such as rosters.
        super::campaign_launch::look_at_launches_of(context, &namespace, &name);
    }
}

fn look_at_all(context: &Context) {
    for contract in context.stores.contracts.state() {
        context.queues.contracts.push(&contract.namespace().unwrap_or_default(), &contract.name_any());
    }
}

async fn follow_evidence(context: Arc<Context>, mut changes: broadcast::Receiver<crate::evidence::FeedKey>) {
    loop {
        match changes.recv().await {
            Ok(feed) => look_at_uid(&context, &feed.contract_uid),
            Err(broadcast::error::RecvError::Lagged(_)) => look_at_all(&context),
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}

async fn follow_feeds(context: Arc<Context>, mut changes: broadcast::Receiver<FeedEvent>) {
    loop {
        match changes.recv().await {
            Ok(event) => {
                // A poll that ends after its contract is gone must not bring the series back.
                if context.contract_of_uid(&event.contract_uid).is_some() {
                    count(&context.metrics, &event);
                }
                if event.transition {
                    look_at_uid(&context, &event.contract_uid);
                }
            }
            Err(broadcast::error::RecvError::Lagged(_)) => look_at_all(&context),
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}

fn count(metrics: &Metrics, event: &FeedEvent) {
    let labels =
        FeedLabels { namespace: event.namespace.clone(), contract: event.contract.clone(), feed: event.feed.clone() };
    let outcome = match &event.outcome {
        FeedOutcome::Fetched => Reason::Fetched.as_str(),
        FeedOutcome::Failed(error) => error.kind.as_str(),
        FeedOutcome::NotStored(_) => Reason::EvidenceUnavailable.as_str(),
    };
    let commit = event.commit.as_ref();
    let rows = commit.map_or(0, |commit| commit.added + commit.revised);
    let rejected = commit
        .map(|commit| commit.rejected.iter().map(|(reason, count)| (reason.as_str().to_owned(), *count)).collect())
        .unwrap_or_default();
    metrics.fetched(&labels, outcome, event.took.as_secs_f64(), rows, &rejected);
}

/// Waits for the first listing. The watch that writes the store ends only with the process, so this cannot fail before.
async fn wait_for<K: Resource<DynamicType = ()> + Clone + 'static>(store: &Store<K>) {
    if store.wait_until_ready().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// What the operator needs before it can do its work.
struct Readiness {
    evidence: Arc<dyn EvidenceStore>,
    listed: [(&'static str, AtomicBool); 5],
    /// Cancelled when every kind was listed. A store wakes one waiter alone, so all others wait here.
    all_listed: CancellationToken,
}

impl Readiness {
    fn new(evidence: Arc<dyn EvidenceStore>) -> Self {
        let kinds = ["VendorContract", "KpiTarget", "ServiceTier", "CampaignLaunch", "SlaReport"];
        Readiness {
            evidence,
            all_listed: CancellationToken::new(),
            listed: kinds.map(|kind| (kind, AtomicBool::new(false))),
        }
    }

    async fn follow(self: Arc<Self>, stores: Stores) {
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
        );
        self.all_listed.cancel();
    }
}

impl Health for Readiness {
    fn dead(&self) -> Option<String> {
        None
    }

    fn missing(&self) -> Vec<String> {
        let waiting =
            self.listed.iter().filter(|(_, listed)| !listed.load(Ordering::Relaxed)).map(|(kind, _)| {
                format!("{kind}: not listed yet; are the CRDs installed and may the operator list them?")
            });
        let fault = (!self.evidence.healthy())
            .then(|| format!("evidence store: {}", self.evidence.fault().unwrap_or_else(|| "failed".to_owned())));
        waiting.chain(fault).collect()
    }
}
