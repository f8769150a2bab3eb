//! Putting the operator together: watches, queues, controllers, scheduler, web, and an orderly end.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::NamespaceResourceScope;
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::{Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::context::{AlertMode, Context, ContextParts, Queue, Queues, Stores};
use super::driver;
use super::holdings::look_at_affected;
use super::readiness::{Progress, Readiness};
use crate::alert::dispatcher::{Dispatcher, ReportNow, SinkNow, Sinks};
use crate::api::campaign_launch::{LaunchDecision, LaunchPhase};
use crate::api::condition::{ConditionStatus, ConditionType, Reason};
use crate::api::{
    ACKNOWLEDGED_ANNOTATION, ALERT_TEST_ANNOTATION, CampaignLaunch, EVIDENCE_OF_ANNOTATION, FETCH_ANNOTATION,
    KpiTarget, LOSS_ACCEPTED_ANNOTATION, REQUESTED_AT_ANNOTATION, ServiceTier, SlaReport, VendorContract,
};
use crate::clock::Clock;
use crate::cluster::namespaces::Namespaces;
use crate::cluster::shards::Shards;
use crate::cluster::sharing::Move;
use crate::cluster::watch::{Change, Guarded, watch};
use crate::cluster::write::Writer;
use crate::domain::decision::conditions::status_of;
use crate::domain::governance::scheduled_reports::ReportOrder;
use crate::domain::holdings::Change as Affecting;
use crate::evidence::{EvidenceStore, StoreError};
use crate::feed::scheduler::{FeedEvent, FeedOutcome, Scheduler};
use crate::web::metrics::{FeedLabels, Metrics};

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
    /// What becomes of alerts.
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

/// A part of the operator that ended though nobody asked it to. What it was for is not done any more, so the process must end.
#[derive(Debug, thiserror::Error)]
#[error("{part} has ended{}; the operator ends, so that it starts again whole", .panic.as_ref().map(|panic| format!(": {panic}")).unwrap_or_default())]
pub struct PartEnded {
    part: &'static str,
    panic: Option<String>,
}

/// Tasks that run until the process ends, each with what it is.
#[derive(Default)]
struct Tasks {
    set: JoinSet<()>,
    names: HashMap<tokio::task::Id, &'static str>,
}

impl Tasks {
    fn spawn(&mut self, part: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        let task = self.set.spawn(work);
        self.names.insert(task.id(), part);
    }

    /// Waits until one of them ends, and says which and how.
    async fn first_to_end(&mut self) -> PartEnded {
        let Some(ended) = self.set.join_next_with_id().await else { return std::future::pending().await };
        let (id, panic) = match ended {
            Ok((id, ())) => (id, None),
            Err(error) => (error.id(), Some(error.to_string())),
        };
        PartEnded { part: self.names.get(&id).copied().unwrap_or("a task"), panic }
    }
}

/// Waits until a part ends, or until `stop`: then nothing has ended that nobody asked to end.
async fn ended_unasked(watches: &mut Tasks, controllers: &mut Tasks, stop: &CancellationToken) -> Option<PartEnded> {
    let ended = tokio::select! {
        biased;
        () = stop.cancelled() => return None,
        ended = watches.first_to_end() => ended,
        ended = controllers.first_to_end() => ended,
    };
    // What ends because of the stop may be noticed before the stop is.
    (!stop.is_cancelled()).then_some(ended)
}

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
    watches.spawn("the queue of changed evidence", follow_evidence(context.clone(), evidence.changes()));
    watches.spawn("the queue of polls", follow_feeds(context.clone(), scheduler.events()));
    watches.spawn("the keeping of judgements", keep_judgements(context.clone()));
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
            start_controllers(&mut controllers, &context, stores, ends, &stop);
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

fn start_controllers(tasks: &mut Tasks, context: &Arc<Context>, stores: Stores, ends: Ends, stop: &CancellationToken) {
    let sinks = Arc::new(ContractSinks(context.clone()));
    tasks.spawn("the dispatcher of alerts", context.alerts.clone().run(sinks, stop.clone()));
    let (kpis, tiers, launches) = (ends.kpis, ends.tiers, ends.launches);
    tasks.spawn(
        "the controller of VendorContracts",
        driver::run(context.clone(), stores.contracts, ends.contracts, stop.clone()),
    );
    tasks.spawn("the controller of KpiTargets", driver::run(context.clone(), stores.kpis, kpis, stop.clone()));
    tasks.spawn("the controller of ServiceTiers", driver::run(context.clone(), stores.tiers, tiers, stop.clone()));
    tasks.spawn(
        "the controller of CampaignLaunches",
        driver::run(context.clone(), stores.launches, launches, stop.clone()),
    );
}

/// Follows the namespaces; when this operator begins or ends to work in one, all objects of it are looked at.
async fn follow_namespaces(context: Arc<Context>, client: Client, namespaces: Vec<String>, readiness: Arc<Readiness>) {
    let listed = || readiness.namespaces_are_known();
    context.namespaces.follow(client, &namespaces, listed, |namespace| look_at_namespace(&context, namespace)).await;
}

fn look_at_namespace(context: &Context, namespace: &str) {
    fn names<K: Resource<DynamicType = ()> + Clone>(
        store: &Store<Guarded<K>>,
        namespace: &str,
    ) -> Vec<(String, String)> {
        let here = store.state_filter(|object| object.namespace().as_deref() == Some(namespace));
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
async fn share_of_shards(context: Arc<Context>, namespaces: Vec<String>, sharing: ShareOfWork) {
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
    // First the store, which ends the session of whoever worked on the shard and stands still.
    context.evidence.take_shard(shard).await?;
    context.shards.begin(shard).await;
    super::alerts::end_those_of_contracts_that_are_gone(context, namespaces).await;
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
type Seen = (Option<i64>, [Option<String>; 6]);

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
                let asked = [
                    ACKNOWLEDGED_ANNOTATION,
                    ALERT_TEST_ANNOTATION,
                    EVIDENCE_OF_ANNOTATION,
                    FETCH_ANNOTATION,
                    LOSS_ACCEPTED_ANNOTATION,
                    REQUESTED_AT_ANNOTATION,
                ];
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

fn start_watches(tasks: &mut Tasks, client: &Client, namespaces: &[String], writers: Writers, context: &Arc<Context>) {
    let Writers { contracts, kpis, tiers, launches, reports } = writers;
    start(tasks, "the watch of VendorContracts", client, namespaces, contracts, on_contract(context.clone()));
    start(tasks, "the watch of KpiTargets", client, namespaces, kpis, on_kpi(context.clone()));
    start(tasks, "the watch of ServiceTiers", client, namespaces, tiers, on_tier(context.clone()));
    start(tasks, "the watch of CampaignLaunches", client, namespaces, launches, on_launch(context.clone()));
    start(tasks, "the watch of SlaReports", client, namespaces, reports, on_report(context.clone()));
}

fn start<K>(
    tasks: &mut Tasks,
    part: &'static str,
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
    tasks.spawn(part, async move { watch(client, &namespaces, writer, listen).await });
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
            // Where another replica works it ends them, and one that is about to looks for them.
            if let Some(turn) = context.shards.turn(&namespace) {
                let ending = context.clone();
                tokio::spawn(async move {
                    super::alerts::end(&ending, &uid).await;
                    drop(turn);
                });
            }
            context.metrics.remove_feeds(&namespace, &name, &feeds);
        }
        look_at_affected(&context, &namespace, Affecting::Contract(&name));
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
        let contract = object(&change).0.as_ref().ok().map(|kpi| kpi.spec.contract_ref.name.as_str());
        look_at_affected(&context, &namespace, Affecting::Kpi(&name, contract));
    }
}

fn on_tier(context: Arc<Context>) -> impl FnMut(Change<'_, ServiceTier>) {
    let mut news = News::new();
    move |change| {
        let (namespace, name) = place(&change);
        if !news.is_news(&change) {
            return;
        }
        look_at_affected(&context, &namespace, Affecting::Tier(&name));
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
            let named = object(&change).0.iter().flat_map(|launch| &launch.spec.contract_refs);
            let named: Vec<String> = named.map(|reference| reference.name.clone()).collect();
            look_at_affected(&context, &namespace, Affecting::Outcome(&named));
        }
        if !news.is_news(&change) {
            return;
        }
        if let Change::Deleted(gone) = &change {
            context.metrics.remove_object(&gone.uid().unwrap_or_default());
        }
        look_at_affected(&context, &namespace, Affecting::Launch(&name));
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
            look_at_affected(&context, &namespace, Affecting::Report(&report.spec.contract));
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

fn look_at_uid(context: &Context, uid: &str) {
    if let Some(contract) = context.contract_of_uid(uid) {
        let (namespace, name) = (contract.namespace().unwrap_or_default(), contract.name_any());
        look_at_affected(context, &namespace, Affecting::Rows(&name));
    }
}

fn look_at_all(context: &Context) {
    for contract in context.stores.contracts.state() {
        context.queues.contracts.push(&contract.namespace().unwrap_or_default(), &contract.name_any());
    }
}

/// Compares this machine's clock with the API server's; when they begin to agree, periods that waited may close.
async fn follow_api_clock(context: Arc<Context>, client: Client) {
    let look = |ahead: jiff::SignedDuration, changed: bool| {
        context.metrics.clock_ahead(ahead.as_secs());
        if let Some(volume) = context.evidence.volume() {
            context.metrics.evidence_room(volume.free, volume.reserve);
        }
        if changed {
            look_at_all(&context);
        }
    };
    context.api_clock.follow(client, look).await;
}

/// Does at each step of a stepped clock what was due meanwhile: feeds are asked, and every object is looked at.
async fn follow_clock(context: Arc<Context>, mut now: jiff::Timestamp) {
    fn all<K: Resource<DynamicType = ()> + Clone>(store: &Store<Guarded<K>>, queue: &Queue<K>) {
        for object in store.state() {
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
                let is_awaited = context.waits_for_feeds(&event.contract_uid);
                if event.transition || is_awaited || shows_lateness(&context, &event) {
                    look_at_uid(&context, &event.contract_uid);
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
        let is_told = judged.judged.feeds.get(&event.feed).is_some_and(|health| health.reason == Reason::Late);
        let coverage = judged.judged.judgement().and_then(|judgement| judgement.feeds.get(&event.feed));
        let late_at = coverage.and_then(|coverage| coverage.late_at);
        !is_told && late_at.is_some_and(|late_at| late_at <= event.at)
    })
}

fn count(metrics: &Metrics, event: &FeedEvent) {
    let labels =
        FeedLabels { namespace: event.namespace.clone(), contract: event.contract.clone(), feed: event.feed.clone() };
    let outcome = match &event.outcome {
        FeedOutcome::Waiting => Reason::Pending.as_str(),
        FeedOutcome::Fetched => Reason::Fetched.as_str(),
        FeedOutcome::Failed(error) | FeedOutcome::NotAsked(error) => error.kind.as_str(),
        FeedOutcome::NotStored(_) => Reason::EvidenceUnavailable.as_str(),
    };
    let commit = event.commit.as_ref();
    let rows = commit.map_or(0, |commit| commit.added + commit.revised);
    let rejected = commit
        .map(|commit| commit.rejected.iter().map(|(reason, count)| (reason.as_str().to_owned(), *count)).collect())
        .unwrap_or_default();
    metrics.fetched(&labels, outcome, event.took.as_secs_f64(), rows, &rejected);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How a part behaves.
    enum Part {
        Runs,
        Ends,
        Panics,
    }

    fn tasks(part: &'static str, how: &Part) -> Tasks {
        let mut tasks = Tasks::default();
        tasks.spawn("a part that goes on", std::future::pending());
        match how {
            Part::Runs => {}
            Part::Ends => tasks.spawn(part, async {}),
            Part::Panics => tasks.spawn(part, async { panic!("a defect") }),
        }
        tasks
    }

    #[tokio::test]
    async fn a_watch_or_a_controller_that_ends_ends_the_operator_and_says_which_it_was() {
        let cases = [
            (
                Part::Ends,
                Part::Runs,
                "the watch of KpiTargets has ended; the operator ends, so that it starts again whole",
            ),
            (
                Part::Runs,
                Part::Ends,
                "the controller of ServiceTiers has ended; the operator ends, so that it starts again whole",
            ),
            (Part::Panics, Part::Runs, "the watch of KpiTargets has ended: task "),
            (Part::Runs, Part::Panics, "the controller of ServiceTiers has ended: task "),
        ];
        for (watch, controller, expected) in cases {
            let mut watches = tasks("the watch of KpiTargets", &watch);
            let mut controllers = tasks("the controller of ServiceTiers", &controller);
            let stop = CancellationToken::new();
            let ended = ended_unasked(&mut watches, &mut controllers, &stop).await.unwrap().to_string();
            assert!(ended.starts_with(expected), "{ended}");
            assert_eq!(ended.contains("a defect"), matches!(watch, Part::Panics) || matches!(controller, Part::Panics));
        }
    }

    #[tokio::test]
    async fn parts_that_end_since_they_were_asked_to_are_no_fault() {
        let stop = CancellationToken::new();
        let (mut watches, mut controllers) = (tasks("a watch", &Part::Runs), Tasks::default());
        controllers.spawn("a controller", stop.clone().cancelled_owned());
        let asked = stop.clone();
        let (ended, ()) = tokio::join!(ended_unasked(&mut watches, &mut controllers, &stop), async { asked.cancel() });
        assert!(ended.is_none());
    }
}
