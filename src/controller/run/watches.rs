//! The watches of the kinds, and which objects are looked at after a change.

use std::collections::HashMap;
use std::sync::Arc;

use kube::{Client, Resource, ResourceExt};

use super::tasks::Tasks;
use crate::api::campaign_launch::{LaunchDecision, LaunchPhase};
use crate::api::condition::{ConditionStatus, ConditionType};
use crate::api::{
    ACKNOWLEDGED_ANNOTATION, ALERT_TEST_ANNOTATION, CampaignLaunch, EVIDENCE_OF_ANNOTATION, FETCH_ANNOTATION,
    KpiTarget, LOSS_ACCEPTED_ANNOTATION, REQUESTED_AT_ANNOTATION, ServiceTier, SlaReport, VendorContract,
};
use crate::cluster::watch::{Change, Guarded, ObjectsWriter, Watched, objects, watch};
use crate::controller::context::{Context, Stores};
use crate::controller::holdings::look_at_affected;
use crate::domain::decision::conditions::status_of;
use crate::domain::holdings::Change as Affecting;

pub(super) struct Writers {
    contracts: ObjectsWriter<VendorContract>,
    kpis: ObjectsWriter<KpiTarget>,
    tiers: ObjectsWriter<ServiceTier>,
    launches: ObjectsWriter<CampaignLaunch>,
    reports: ObjectsWriter<SlaReport>,
}

pub(super) fn stores() -> (Stores, Writers) {
    let (contracts, contracts_writer) = objects();
    let (kpis, kpis_writer) = objects();
    let (tiers, tiers_writer) = objects();
    let (launches, launches_writer) = objects();
    let (reports, reports_writer) = objects();
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

/// Generation of an object, and what its annotations ask of the operator; `None`: nothing, as of nearly all.
type Seen = (Option<i64>, Option<Box<[Option<String>; 6]>>);

/// Whether an object's spec is other than when it was last seen: status writes alone concern nobody else.
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
                let asked = asked.map(|name| object.annotations().get(name).cloned());
                let asked = asked.iter().any(Option::is_some).then(|| Box::new(asked));
                let seen = (object.meta().generation, asked);
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

pub(super) fn start_watches(
    tasks: &mut Tasks,
    client: &Client,
    namespaces: &[String],
    writers: Writers,
    context: &Arc<Context>,
) {
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
    writer: ObjectsWriter<K>,
    listen: impl FnMut(Change<'_, K>) + Send + 'static,
) where
    K: Watched,
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
                    crate::controller::alerts::end(&ending, &uid).await;
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

/// What contracts show of their launches: the decision, the phase, and the active spike.
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
