//! The controller of CampaignLaunches.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;

use super::context::Context;
use super::driver::{Controlled, ReconcileError, Wanted};
use crate::api::campaign_launch::{CampaignLaunchSpec, CampaignLaunchStatus, LaunchDecision};
use crate::api::condition::Kind;
use crate::api::{CampaignLaunch, VendorContract};
use crate::cluster::watch::Guarded;
use crate::domain::decision::launch::{DecidedLaunch, LaunchContract, ObservedLaunch, decide_launch};
use crate::domain::facts::{InvalidSpec, KpiJudgement, Terms};
use crate::domain::measures::Row;
use crate::domain::validation::validate_campaign_launch;
use crate::web::metrics::{LaunchSeries, ObjectSeries};

/// What is observed of a launch.
pub struct Observed {
    object: Arc<CampaignLaunch>,
    previous: Option<CampaignLaunchStatus>,
    missing_contracts: Vec<String>,
    missing_kpis: Vec<String>,
    missing_feeds: Vec<String>,
    terms: Option<Arc<Terms>>,
    rows: Arc<BTreeMap<String, Vec<Row>>>,
    kpis: BTreeMap<String, KpiJudgement>,
    kept_decision: Option<LaunchDecision>,
}

/// The kind of fact under which a launch's decision is kept when `launchAt` has passed.
const DECISION: &str = "LaunchDecision";

impl Controlled for CampaignLaunch {
    const KIND: Kind = Kind::CampaignLaunch;
    type Status = CampaignLaunchStatus;
    type Observed = Observed;
    type More = Option<LaunchDecision>;

    fn status_of(&self) -> Option<&CampaignLaunchStatus> {
        self.status.as_ref()
    }

    async fn observe(
        object: Arc<Self>,
        previous: Option<CampaignLaunchStatus>,
        context: &Context,
        _now: Timestamp,
    ) -> Result<Observed, ReconcileError> {
        let namespace = object.namespace().unwrap_or_default();
        let contracts = object.spec.contract_refs.iter().map(|reference| reference.name.clone());
        let missing_contracts = contracts.filter(|name| context.contract(&namespace, name).is_none()).collect();
        let missing_kpis = kpis_of(&object.spec)
            .into_iter()
            .filter(|name| context.stores.kpis.get(&ObjectRef::new(name).within(&namespace)).is_none())
            .collect();
        let first = object.spec.contract_refs.first().and_then(|first| context.contract(&namespace, &first.name));
        let known: BTreeSet<String> = first
            .iter()
            .filter_map(|guarded| guarded.0.as_ref().ok())
            .flat_map(|contract: &VendorContract| contract.spec.feeds.iter().map(|feed| feed.name.clone()))
            .collect();
        let missing_feeds =
            feeds_of(&object.spec).into_iter().filter(|feed| first.is_some() && !known.contains(feed)).collect();
        let first = object.spec.contract_refs.first().and_then(|first| context.judged(&namespace, &first.name));
        let feeds: Vec<String> = feeds_of(&object.spec).into_iter().collect();
        let rows = match &first {
            Some(judged) => context.cache.read(&judged.uid, &feeds).await?.rows,
            None => Arc::default(),
        };
        let kept = context.evidence.facts(&object.uid().unwrap_or_default(), DECISION).await?;
        Ok(Observed {
            kpis: judged_kpis(context, &namespace, &object.spec),
            terms: first.map(|judged| judged.terms),
            kept_decision: kept.first().and_then(|fact| serde_json::from_value(fact.value.clone()).ok()),
            object,
            previous,
            missing_contracts,
            missing_kpis,
            missing_feeds,
            rows,
        })
    }

    fn decide(observed: &Observed, now: Timestamp) -> Wanted<CampaignLaunchStatus, Option<LaunchDecision>> {
        let findings = validate_campaign_launch(&observed.object.name_any(), &observed.object.spec);
        let DecidedLaunch { status, keep, notices, next } = decide_launch(
            &ObservedLaunch {
                generation: observed.object.metadata.generation,
                previous: observed.previous.as_ref(),
                spec: &observed.object.spec,
                invalid: (!findings.is_empty()).then_some(InvalidSpec(findings)),
                missing_contracts: observed.missing_contracts.clone(),
                missing_kpis: observed.missing_kpis.clone(),
                missing_feeds: observed.missing_feeds.clone(),
                contract: observed.terms.as_ref().map(|terms| LaunchContract { terms, rows: &observed.rows }),
                kpis: observed.kpis.clone(),
                kept_decision: observed.kept_decision,
            },
            now,
        );
        Wanted { status, notices, more: keep, next }
    }

    async fn apply(
        observed: &Observed,
        wanted: &Wanted<CampaignLaunchStatus, Option<LaunchDecision>>,
        context: &Context,
        now: Timestamp,
    ) -> Result<Option<Duration>, ReconcileError> {
        if let Some(decision) = wanted.more {
            let (uid, name) = (observed.object.uid().unwrap_or_default(), observed.object.name_any());
            let value = serde_json::json!(decision);
            context.evidence.record_fact(uid, DECISION.to_owned(), name, value, now).await?;
        }
        Ok(None)
    }

    fn publish(observed: &Observed, wanted: &Wanted<CampaignLaunchStatus, Option<LaunchDecision>>, context: &Context) {
        let series = LaunchSeries {
            namespace: observed.object.namespace().unwrap_or_default(),
            launch: observed.object.name_any(),
            decision: wanted.status.decision.map(|decision| format!("{decision:?}")),
            gates: wanted.status.gates.iter().map(|gate| (gate.name.clone(), format!("{:?}", gate.state))).collect(),
        };
        context.metrics.set_object(&observed.object.uid().unwrap_or_default(), ObjectSeries::Launch(series));
    }
}

/// What the judgements of a launch's contracts say of their KPIs, by name.
fn judged_kpis(context: &Context, namespace: &str, spec: &CampaignLaunchSpec) -> BTreeMap<String, KpiJudgement> {
    let judged = spec.contract_refs.iter().filter_map(|reference| context.judged(namespace, &reference.name));
    let mut kpis = BTreeMap::new();
    for judged in judged {
        if let Ok(judgement) = judged.judgement.as_ref() {
            kpis.extend(judgement.kpis.iter().map(|(name, kpi)| (name.clone(), kpi.clone())));
        }
    }
    kpis
}

/// Names of the KpiTargets that a launch refers to.
fn kpis_of(spec: &CampaignLaunchSpec) -> BTreeSet<String> {
    let metrics = spec.success_metrics.iter().map(|metric| metric.kpi.clone());
    let checks = spec.gates.iter().filter_map(|gate| gate.check.as_ref()?.kpi.clone());
    let watched = spec.watch.iter().flat_map(|watch| watch.kpis.iter().cloned());
    metrics.chain(checks).chain(watched).collect()
}

/// Names of the first contract's feeds that a launch refers to.
fn feeds_of(spec: &CampaignLaunchSpec) -> BTreeSet<String> {
    let checks = spec.gates.iter().filter_map(|gate| gate.check.as_ref()?.feed.clone());
    let cohorts = spec.cohorts.iter().map(|cohorts| cohorts.feed.clone());
    let staffing = spec.staffing.iter().flat_map(|staffing| {
        let baseline = staffing.baseline.iter().map(|baseline| baseline.feed.clone());
        baseline.chain(staffing.scheduled.iter().filter_map(|scheduled| scheduled.feed.clone()))
    });
    checks.chain(cohorts).chain(staffing).collect()
}

/// The launches that refer to a contract.
pub fn launches_of(context: &Context, namespace: &str, contract: &str) -> Vec<Arc<Guarded<CampaignLaunch>>> {
    crate::cluster::watch::decoded(&context.stores.launches, |launch: &CampaignLaunch| {
        launch.namespace().as_deref() == Some(namespace)
            && launch.spec.contract_refs.iter().any(|reference| reference.name == contract)
    })
}

/// Asks for a look at every launch that refers to a contract.
pub fn look_at_launches_of(context: &Context, namespace: &str, contract: &str) {
    for launch in launches_of(context, namespace, contract) {
        context.queues.launches.push(namespace, &launch.name_any());
    }
}
