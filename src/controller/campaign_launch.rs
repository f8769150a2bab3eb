//! The controller of CampaignLaunches.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use kube::ResourceExt;

use super::context::{Context, JudgedContract};
use super::controlled::{Controlled, ReconcileError, Wanted};
use super::holdings::WatchedNamespace;
use super::judging::judge_evidence;
use super::notices::unless_clocks_differ;
use super::recording::RecordError;
use crate::api::CampaignLaunch;
use crate::api::campaign_launch::{CampaignLaunchSpec, CampaignLaunchStatus, LaunchDecision};
use crate::api::condition::Kind;
use crate::cluster::api_clock::CLOCKS_RETRY;
use crate::domain::decision::launch::observed::{LaunchContract, ObservedLaunch, OtherLaunch, Past};
use crate::domain::decision::launch::{DecidedLaunch, decide_launch, feeds_read, past_of, past_of_further};
use crate::domain::holdings::{AwaitedContract, HeldLaunch, Judged, Use, observe_launch};
use crate::domain::judgement::outcome::KpiJudgement;
use crate::domain::measuring::feed_rows::RowsByFeed;
use crate::domain::measuring::rollups::RollUps;
use crate::domain::terms::journal::{JournalFact, RecordedFact, decision_in_contract};
use crate::evidence::{StoreError, recorded_facts};
use crate::web::metrics::{LaunchSeries, ObjectSeries};

/// How often a launch that waits for contracts is looked at: what is wrong with one of them is known by its status.
const LOOK_WHILE_WAITING: Duration = Duration::from_secs(60);

/// What is observed of a launch.
pub struct Observed {
    object: Arc<CampaignLaunch>,
    /// The freshest status, an empty one before the first.
    previous: CampaignLaunchStatus,
    held: HeldLaunch,
    /// UID of the first contract's evidence, once it was judged.
    contract_uid: Option<String>,
    rows: Arc<RowsByFeed>,
    /// The rows of each of the other launches, in their order.
    rows_of_others: Vec<Arc<RowsByFeed>>,
    kept_decision: Option<LaunchDecision>,
    /// What was to be decided at `launchAt`, where that is over and nobody kept it then.
    decided_late: Option<LaunchDecision>,
    past: Past,
    /// How much longer it waits for contracts before it says so.
    patience: Option<Duration>,
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
        let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
        let mut held = observe_launch(&WatchedNamespace::of(context, &namespace), &name, &object.spec);
        let mut unavailable = Vec::new();
        let read = rows_read(context, &namespace, &object.spec, held.first.as_ref()).await;
        let rows = unless_unavailable(read, &object.spec, Use::Figures, &mut unavailable)?;
        let mut rows_of_others = Vec::new();
        for other in &held.others {
            let read = rows_read(context, &namespace, &other.spec, Some(&other.first)).await;
            let mut of_other = Vec::new();
            rows_of_others.push(unless_unavailable(read, &other.spec, Use::Load, &mut of_other)?);
            // Without staffing nobody asks how much the people have to do, and who is done adds nothing.
            if object.spec.staffing.is_some() && !other.is_over {
                unavailable.append(&mut of_other);
            }
        }
        held.awaited.append(&mut unavailable);
        // A launch that is moved to another instant is another decision.
        let launch_at = object.spec.launch_at.to_string();
        let journal = recorded_facts::journal(&*context.evidence, &object.uid().unwrap_or_default()).await?;
        let first = held.first.as_ref();
        let observed = Observed {
            contract_uid: first.and_then(|_| evidence_uid(context, &namespace, &object.spec)),
            kept_decision: journal.launch_decisions().get(launch_at.as_str()).copied(),
            decided_late: None,
            past: past(&object.spec, &held),
            patience: patience(context, &object, &held),
            held,
            rows,
            rows_of_others,
            object,
            previous: previous.unwrap_or_default(),
        };
        let is_late = observed.object.spec.launch_at < now && observed.kept_decision.is_none();
        if !is_late {
            return Ok(observed);
        }
        match decided_at_launch(context, &observed).await {
            Ok(decided_late) => Ok(Observed { decided_late, ..observed }),
            Err((contract, error)) => without_rows_of(contract, error, observed),
        }
    }

    fn decide(observed: &Observed, now: Timestamp) -> Wanted<CampaignLaunchStatus, Option<LaunchDecision>> {
        let kept = observed.kept_decision.or(observed.decided_late);
        let seen = observed.seen(kept, observed.held.kpis.clone(), observed.kpis_of_others());
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
            let kept = keep(observed, decision, context, now).await;
            // A clock that is ahead decides nothing for good.
            if unless_clocks_differ(context, &*observed.object, kept).await?.is_none() {
                return Ok(Some(CLOCKS_RETRY));
            }
        }
        let waits = !observed.held.awaited.is_empty();
        Ok(waits.then(|| observed.patience.unwrap_or(LOOK_WHILE_WAITING).min(LOOK_WHILE_WAITING)))
    }

    fn publish(observed: &Observed, wanted: &Wanted<CampaignLaunchStatus, Option<LaunchDecision>>, context: &Context) {
        let series = LaunchSeries {
            namespace: observed.object.namespace().unwrap_or_default(),
            launch: observed.object.name_any(),
            decision: wanted.status.decision.map(|decision| decision.to_string()),
            gates: wanted.status.gates.iter().map(|gate| (gate.name.clone(), gate.state.to_string())).collect(),
        };
        context.metrics.set_object(&observed.object.uid().unwrap_or_default(), ObjectSeries::Launch(series));
    }

    fn forget(&self, context: &Context) {
        let uid = self.uid().unwrap_or_default();
        context.contract_waits.forget(&uid);
        context.metrics.remove_object(&uid);
    }
}

/// Keeps the decision of `launchAt`: in the contract's journal first, which its bundles carry; the launch's own says that both are there.
async fn keep(
    observed: &Observed,
    decision: LaunchDecision,
    context: &Context,
    now: Timestamp,
) -> Result<(), RecordError> {
    let (launch, launch_at) = (observed.object.name_any(), observed.object.spec.launch_at);
    let fact = |name| RecordedFact { name, fact: JournalFact::LaunchDecision(decision), recorded_at: now };
    if let Some(contract) = &observed.contract_uid {
        context.record_fact(contract, &fact(decision_in_contract(&launch, launch_at))).await?;
    }
    context.record_fact(&observed.object.uid().unwrap_or_default(), &fact(launch_at.to_string())).await
}

/// Whether the past is known of all feeds that a launch and its KPIs read.
fn past(spec: &CampaignLaunchSpec, held: &HeldLaunch) -> Past {
    let first = held.first.as_ref().map_or(Past::Awaited, |judged| past_of(spec, &judged.terms, &judged.feeds));
    let further = held.further.iter().map(|judged| past_of_further(spec, &judged.terms, &judged.feeds));
    further.fold(first, Past::and)
}

/// How much longer a launch waits for contracts before it says so.
fn patience(context: &Context, object: &CampaignLaunch, held: &HeldLaunch) -> Option<Duration> {
    let uid = object.uid().unwrap_or_default();
    if held.awaited.is_empty() {
        context.contract_waits.forget(&uid);
        return None;
    }
    context.contract_waits.left(&uid, Instant::now())
}

/// Why a contract's rows cannot be had, where trying again does not help.
fn why_unavailable(error: StoreError) -> Result<String, StoreError> {
    match error {
        StoreError::Unreadable(_) | StoreError::Memory { .. } => Ok(error.to_string()),
        error => Err(error),
    }
}

/// The rows of the first contract of a launch; none where they cannot be had, which is noted.
fn unless_unavailable(
    read: Result<Arc<RowsByFeed>, StoreError>,
    spec: &CampaignLaunchSpec,
    used_for: Use,
    unavailable: &mut Vec<AwaitedContract>,
) -> Result<Arc<RowsByFeed>, StoreError> {
    let error = match read {
        Ok(rows) => return Ok(rows),
        Err(error) => error,
    };
    let problem = Some(why_unavailable(error)?);
    let name = spec.contract_refs.first().map(|first| first.name.clone()).unwrap_or_default();
    unavailable.push(AwaitedContract { used_for, name, problem });
    Ok(Arc::default())
}

/// What is observed where the rows of a contract cannot be had by which it is decided late: then it is not decided.
fn without_rows_of(
    contract: String,
    error: ReconcileError,
    mut observed: Observed,
) -> Result<Observed, ReconcileError> {
    let ReconcileError::Evidence(error) = error else { return Err(error) };
    let problem = Some(why_unavailable(error)?);
    observed.held.awaited.push(AwaitedContract { used_for: Use::Kpis, name: contract, problem });
    Ok(observed)
}

impl Observed {
    fn kpis_of_others(&self) -> Vec<BTreeMap<String, Box<KpiJudgement>>> {
        self.held.others.iter().map(|other| other.kpis.clone()).collect()
    }

    fn seen(
        &self,
        kept_decision: Option<LaunchDecision>,
        kpis: BTreeMap<String, Box<KpiJudgement>>,
        kpis_of_others: Vec<BTreeMap<String, Box<KpiJudgement>>>,
    ) -> ObservedLaunch<'_> {
        let others = self.held.others.iter().zip(&self.rows_of_others).zip(kpis_of_others);
        let others = others.map(|((other, rows), kpis)| {
            let contract = LaunchContract { terms: &other.first.terms, rows };
            OtherLaunch { spec: &other.spec, contract, kpis }
        });
        let first = self.held.first.as_ref();
        ObservedLaunch {
            generation: self.object.metadata.generation,
            previous: Some(&self.previous),
            spec: &self.object.spec,
            invalid: self.held.invalid.clone(),
            unresolved: &self.held.unresolved,
            contract: first
                .map(|first| &*first.terms)
                .or(self.held.written.as_deref())
                .map(|terms| LaunchContract { terms, rows: &self.rows }),
            kpis,
            kept_decision,
            past: self.past,
            awaited: &self.held.awaited,
            is_patient: self.patience.is_some(),
            others: others.collect(),
        }
    }
}

/// The decision of `launchAt` where nobody kept it then, since the operator was away or the launch came later: by the gates as they
/// were, from what was known. Nothing that came later may turn it.
///
/// # Errors
/// The contract that cannot be judged, and why.
async fn decided_at_launch(
    context: &Context,
    observed: &Observed,
) -> Result<Option<LaunchDecision>, (String, ReconcileError)> {
    if observed.past != Past::Known || !observed.held.awaited.is_empty() {
        return Ok(None);
    }
    let (namespace, launch_at) = (observed.object.namespace().unwrap_or_default(), observed.object.spec.launch_at);
    let mut judged = BTreeMap::new();
    let kpis = kpis_at(context, &namespace, &observed.object.spec, launch_at, &mut judged).await?;
    let mut kpis_of_others = Vec::new();
    for other in &observed.held.others {
        kpis_of_others.push(kpis_at(context, &namespace, &other.spec, launch_at, &mut judged).await?);
    }
    Ok(decide_launch(&observed.seen(None, kpis, kpis_of_others), launch_at).keep)
}

/// What the judgements of a launch's contracts say of their KPIs at an instant, by name. `judged` holds those of contracts that were
/// asked before.
async fn kpis_at(
    context: &Context,
    namespace: &str,
    spec: &CampaignLaunchSpec,
    at: Timestamp,
    judged: &mut BTreeMap<String, BTreeMap<String, Box<KpiJudgement>>>,
) -> Result<BTreeMap<String, Box<KpiJudgement>>, (String, ReconcileError)> {
    let mut kpis = BTreeMap::new();
    for reference in &spec.contract_refs {
        let name = &reference.name;
        let found = match judged.get(name) {
            Some(found) => found.clone(),
            None => {
                let found = match context.judged(namespace, name) {
                    Some(contract) => {
                        let found = judged_at(context, name, &contract, at).await;
                        found.map_err(|error| (name.clone(), error))?
                    }
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
    contract: &JudgedContract,
    at: Timestamp,
) -> Result<BTreeMap<String, Box<KpiJudgement>>, ReconcileError> {
    let (uid, terms) = (contract.evidence_uid.clone(), contract.judged.terms.clone());
    let evidence = context.cache.read(&uid, &terms.judged_feeds()).await?;
    let rows = context.cache.rows_for_launch(&uid, &evidence).await?;
    let name = name.to_owned();
    let judging = move || judge_evidence(&name, &terms, (&evidence, &rows), at, &mut RollUps::default());
    let judged =
        tokio::task::spawn_blocking(judging).await.map_err(|error| ReconcileError::BrokenOff(error.to_string()))?;
    Ok(judged.map_or_else(|_| BTreeMap::new(), |judgement| judgement.kpis))
}

/// UID of the evidence of a launch's first contract, once it was judged.
fn evidence_uid(context: &Context, namespace: &str, spec: &CampaignLaunchSpec) -> Option<String> {
    Some(context.judged(namespace, &spec.contract_refs.first()?.name)?.evidence_uid)
}

/// The rows of the first contract's feeds that a launch reads; none before it was judged.
async fn rows_read(
    context: &Context,
    namespace: &str,
    spec: &CampaignLaunchSpec,
    first: Option<&Judged>,
) -> Result<Arc<RowsByFeed>, StoreError> {
    let Some((first, uid)) = first.zip(evidence_uid(context, namespace, spec)) else { return Ok(Arc::default()) };
    let feeds: Vec<String> = feeds_read(spec, &first.terms).into_iter().collect();
    if feeds.is_empty() {
        return Ok(Arc::default());
    }
    let evidence = context.cache.read(&uid, &feeds).await?;
    context.cache.rows_for_launch(&uid, &evidence).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_cannot_be_had_make_their_contract_one_that_is_awaited_and_other_errors_are_tried_again() {
        let spec =
            serde_json::json!({"contractRefs": [{"name": "acme"}], "product": "p", "launchAt": "2026-11-30T08:00:00Z"});
        let spec: CampaignLaunchSpec = serde_json::from_value(spec).unwrap();
        let memory = || StoreError::Memory { most: 7 };
        let broken = || StoreError::Unreadable("an entry is broken".to_owned());
        for (error, is_awaited) in [(memory(), true), (broken(), true), (StoreError::Invalid("no".to_owned()), false)] {
            let problem = error.to_string();
            let mut unavailable = Vec::new();
            let read = unless_unavailable(Err(error), &spec, Use::Figures, &mut unavailable);
            let contract =
                AwaitedContract { used_for: Use::Figures, name: "acme".to_owned(), problem: Some(problem.clone()) };
            let expected = if is_awaited { vec![contract] } else { Vec::new() };
            assert_eq!((read.is_ok(), unavailable), (is_awaited, expected), "{problem}");
        }
        let mut unavailable = Vec::new();
        assert!(unless_unavailable(Ok(Arc::default()), &spec, Use::Load, &mut unavailable).is_ok());
        assert_eq!(unavailable, []);
    }
}
