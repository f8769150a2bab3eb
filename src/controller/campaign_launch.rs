//! The controller of CampaignLaunches.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;

use super::context::{Context, Judged};
use super::driver::{Controlled, ReconcileError, Wanted};
use super::vendor_contract::{judge_evidence, judged_feeds};
use crate::api::campaign_launch::{CampaignLaunchSpec, CampaignLaunchStatus, LaunchDecision};
use crate::api::condition::Kind;
use crate::api::{CampaignLaunch, VendorContract};
use crate::cluster::watch::Guarded;
use crate::domain::decision::launch::{
    DecidedLaunch, LaunchContract, ObservedLaunch, OtherLaunch, Past, decide_launch, feeds_named, feeds_read,
    kpis_named, past_of,
};
use crate::domain::facts::{InvalidSpec, KpiJudgement, Terms};
use crate::domain::feed_rows::RowsByFeed;
use crate::domain::journal::{JournalFact, RecordedFact, decision_in_contract};
use crate::domain::rollups::RollUps;
use crate::domain::validation::validate_campaign_launch;
use crate::evidence::{StoreError, facts};
use crate::web::metrics::{LaunchSeries, ObjectSeries};

/// What is observed of a launch.
pub struct Observed {
    object: Arc<CampaignLaunch>,
    previous: Option<CampaignLaunchStatus>,
    missing_contracts: Vec<String>,
    missing_kpis: Vec<String>,
    missing_feeds: Vec<String>,
    /// UID of the first contract, once it was judged.
    contract_uid: Option<String>,
    terms: Option<Arc<Terms>>,
    rows: Arc<RowsByFeed>,
    kpis: BTreeMap<String, KpiJudgement>,
    kept_decision: Option<LaunchDecision>,
    /// What was to be decided at `launchAt`, where that is over and nobody kept it then.
    decided_late: Option<LaunchDecision>,
    past: Past,
    others: Vec<Other>,
}

/// Another launch of the same vendor.
#[derive(Clone)]
struct Other {
    spec: CampaignLaunchSpec,
    terms: Arc<Terms>,
    rows: Arc<RowsByFeed>,
    kpis: BTreeMap<String, KpiJudgement>,
}

impl Controlled for CampaignLaunch {
    const KIND: Kind = Kind::CampaignLaunch;
    type Status = CampaignLaunchStatus;
    type Observed = Observed;
    type More = Option<LaunchDecision>;

    fn status_of(&self) -> Option<&CampaignLaunchStatus> {
        self.status.as_ref()
    }

    fn last_handled(status: &mut CampaignLaunchStatus) -> &mut Option<String> {
        &mut status.last_handled_request
    }

    async fn observe(
        object: Arc<Self>,
        previous: Option<CampaignLaunchStatus>,
        context: &Context,
        now: Timestamp,
    ) -> Result<Observed, ReconcileError> {
        let namespace = object.namespace().unwrap_or_default();
        let contracts = object.spec.contract_refs.iter().map(|reference| reference.name.clone());
        let missing_contracts = contracts.filter(|name| context.contract(&namespace, name).is_none()).collect();
        let missing_kpis = kpis_named(&object.spec)
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
            feeds_named(&object.spec).into_iter().filter(|feed| first.is_some() && !known.contains(feed)).collect();
        let first = object.spec.contract_refs.first().and_then(|first| context.judged(&namespace, &first.name));
        let rows = match &first {
            Some(judged) => rows_read(context, judged, &object.spec).await?,
            None => Arc::default(),
        };
        let others = match &first {
            Some(judged) => others_of_vendor(context, &object, &judged.terms.contract.vendor.name).await?,
            None => Vec::new(),
        };
        // A launch that is moved to another instant is another decision.
        let launch_at = object.spec.launch_at.to_string();
        let journal = facts::journal(&*context.evidence, &object.uid().unwrap_or_default()).await?;
        let past = first.as_ref().map_or(Past::Awaited, |judged| past_of(&object.spec, &judged.terms, &judged.feeds));
        let observed = Observed {
            kpis: judged_kpis(context, &namespace, &object.spec),
            contract_uid: first.as_ref().map(|judged| judged.evidence_uid.clone()),
            terms: first.map(|judged| judged.terms),
            kept_decision: journal.launch_decisions().get(launch_at.as_str()).copied(),
            decided_late: None,
            past,
            others,
            object,
            previous,
            missing_contracts,
            missing_kpis,
            missing_feeds,
            rows,
        };
        let is_late = observed.object.spec.launch_at < now && observed.kept_decision.is_none();
        let decided_late = if is_late { decided_at_launch(context, &observed).await? } else { None };
        Ok(Observed { decided_late, ..observed })
    }

    fn decide(observed: &Observed, now: Timestamp) -> Wanted<CampaignLaunchStatus, Option<LaunchDecision>> {
        let kept = observed.kept_decision.or(observed.decided_late);
        let seen = observed.seen(kept, observed.kpis.clone(), &observed.others);
        let DecidedLaunch { status, keep, notices, next } = decide_launch(&seen, now);
        Wanted { status, notices, more: observed.decided_late.or(keep), next }
    }

    async fn apply(
        observed: &Observed,
        wanted: &Wanted<CampaignLaunchStatus, Option<LaunchDecision>>,
        context: &Context,
        now: Timestamp,
    ) -> Result<Option<Duration>, ReconcileError> {
        if let Some(decision) = wanted.more {
            let (launch, launch_at) = (observed.object.name_any(), observed.object.spec.launch_at);
            let fact = |name| RecordedFact { name, fact: JournalFact::LaunchDecision(decision), recorded_at: now };
            // In the contract's journal first, which its bundles carry: the launch's own says that both are there.
            if let Some(contract) = &observed.contract_uid {
                context.record_fact(contract, &fact(decision_in_contract(&launch, launch_at))).await?;
            }
            context.record_fact(&observed.object.uid().unwrap_or_default(), &fact(launch_at.to_string())).await?;
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

impl Observed {
    fn seen<'o>(
        &'o self,
        kept_decision: Option<LaunchDecision>,
        kpis: BTreeMap<String, KpiJudgement>,
        others: &'o [Other],
    ) -> ObservedLaunch<'o> {
        let findings = validate_campaign_launch(&self.object.name_any(), &self.object.spec);
        ObservedLaunch {
            generation: self.object.metadata.generation,
            previous: self.previous.as_ref(),
            spec: &self.object.spec,
            invalid: (!findings.is_empty()).then_some(InvalidSpec(findings)),
            missing_contracts: self.missing_contracts.clone(),
            missing_kpis: self.missing_kpis.clone(),
            missing_feeds: self.missing_feeds.clone(),
            contract: self.terms.as_ref().map(|terms| LaunchContract { terms, rows: &self.rows }),
            kpis,
            kept_decision,
            past: self.past,
            others: others.iter().map(Other::seen).collect(),
        }
    }
}

/// The decision of `launchAt` where nobody kept it then, since the operator was away or the launch came later: by the gates as they
/// stood, from what was known. Nothing that came later may turn it.
async fn decided_at_launch(context: &Context, observed: &Observed) -> Result<Option<LaunchDecision>, ReconcileError> {
    if observed.past != Past::Known {
        return Ok(None);
    }
    let (namespace, launch_at) = (observed.object.namespace().unwrap_or_default(), observed.object.spec.launch_at);
    let mut judged = BTreeMap::new();
    let kpis = kpis_at(context, &namespace, &observed.object.spec, launch_at, &mut judged).await?;
    let mut others = observed.others.clone();
    for other in &mut others {
        other.kpis = kpis_at(context, &namespace, &other.spec, launch_at, &mut judged).await?;
    }
    Ok(decide_launch(&observed.seen(None, kpis, &others), launch_at).keep)
}

/// What the judgements of a launch's contracts say of their KPIs at an instant, by name. `judged` holds those of contracts that were
/// asked before.
async fn kpis_at(
    context: &Context,
    namespace: &str,
    spec: &CampaignLaunchSpec,
    at: Timestamp,
    judged: &mut BTreeMap<String, BTreeMap<String, KpiJudgement>>,
) -> Result<BTreeMap<String, KpiJudgement>, ReconcileError> {
    let mut kpis = BTreeMap::new();
    for reference in &spec.contract_refs {
        let name = &reference.name;
        let found = match judged.get(name) {
            Some(found) => found.clone(),
            None => {
                let found = match context.judged(namespace, name) {
                    Some(contract) => judged_at(context, name, &contract, at).await?,
                    None => BTreeMap::new(),
                };
                judged.insert(name.clone(), found.clone());
                found
            }
        };
        kpis.extend(found);
    }
    Ok(kpis)
}

async fn judged_at(
    context: &Context,
    name: &str,
    contract: &Judged,
    at: Timestamp,
) -> Result<BTreeMap<String, KpiJudgement>, ReconcileError> {
    let (uid, terms) = (contract.evidence_uid.clone(), contract.terms.clone());
    let evidence = context.cache.read(&uid, &judged_feeds(&terms)).await?;
    let rows = context.cache.rows(&uid, &evidence).await?;
    let name = name.to_owned();
    let judging = move || judge_evidence(&name, &terms, (&evidence, &rows), at, &mut RollUps::default());
    let judged =
        tokio::task::spawn_blocking(judging).await.map_err(|error| ReconcileError::BrokenOff(error.to_string()))?;
    Ok(judged.map_or_else(|_| BTreeMap::new(), |judgement| judgement.kpis))
}

impl Other {
    fn seen(&self) -> OtherLaunch<'_> {
        let contract = LaunchContract { terms: &self.terms, rows: &self.rows };
        OtherLaunch { spec: &self.spec, contract, kpis: self.kpis.clone() }
    }
}

/// The rows of the first contract's feeds that a launch reads.
async fn rows_read(
    context: &Context,
    judged: &Judged,
    spec: &CampaignLaunchSpec,
) -> Result<Arc<RowsByFeed>, StoreError> {
    let feeds: Vec<String> = feeds_read(spec, &judged.terms).into_iter().collect();
    let evidence = context.cache.read(&judged.evidence_uid, &feeds).await?;
    context.cache.rows(&judged.evidence_uid, &evidence).await
}

/// The other launches of the namespace that the same vendor's people serve, by name.
async fn others_of_vendor(context: &Context, own: &CampaignLaunch, vendor: &str) -> Result<Vec<Other>, StoreError> {
    let namespace = own.namespace().unwrap_or_default();
    let mut found: Vec<(String, CampaignLaunchSpec)> = launches_in(context, &namespace)
        .iter()
        .filter_map(|guarded| guarded.0.as_ref().ok())
        .map(|launch| (launch.name_any(), launch.spec.clone()))
        .filter(|(name, spec)| *name != own.name_any() && validate_campaign_launch(name, spec).is_empty())
        .collect();
    found.sort_by(|left, right| left.0.cmp(&right.0));
    let mut others = Vec::new();
    for (_, spec) in found {
        let first = spec.contract_refs.first().and_then(|first| context.judged(&namespace, &first.name));
        if let Some(judged) = first.filter(|judged| judged.terms.contract.vendor.name == vendor) {
            let rows = rows_read(context, &judged, &spec).await?;
            let kpis = judged_kpis(context, &namespace, &spec);
            others.push(Other { spec, terms: judged.terms, rows, kpis });
        }
    }
    Ok(others)
}

fn launches_in(context: &Context, namespace: &str) -> Vec<Arc<Guarded<CampaignLaunch>>> {
    let inside = |launch: &CampaignLaunch| launch.namespace().as_deref() == Some(namespace);
    crate::cluster::watch::decoded(&context.stores.launches, inside)
}

/// Asks for a look at every launch of a namespace: they may share a vendor's people.
pub fn look_at_launches_in(context: &Context, namespace: &str) {
    for launch in launches_in(context, namespace) {
        context.queues.launches.push(namespace, &launch.name_any());
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

/// The launches that refer to a contract.
pub fn launches_of(context: &Context, namespace: &str, contract: &str) -> Vec<Arc<Guarded<CampaignLaunch>>> {
    crate::cluster::watch::decoded(&context.stores.launches, |launch: &CampaignLaunch| {
        launch.namespace().as_deref() == Some(namespace)
            && launch.spec.contract_refs.iter().any(|reference| reference.name == contract)
    })
}

/// Asks for a look at every launch that refers to a contract, and at those that share its vendor's people with one of them.
pub fn look_at_launches_of(context: &Context, namespace: &str, contract: &str) {
    if !launches_of(context, namespace, contract).is_empty() {
        look_at_launches_in(context, namespace);
    }
}
