//! The controller of KpiTargets: it shows what the contract's judgement says of each.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use kube::ResourceExt;

use super::context::Context;
use super::controlled::{Controlled, ReconcileError, Wanted};
use super::holdings::WatchedNamespace;
use super::kpis_on_record::terms_with;
use crate::api::KpiTarget;
use crate::api::condition::{ConditionStatus, ConditionType, Kind};
use crate::api::cross_check::SourcesLine;
use crate::api::kpi_target::KpiTargetStatus;
use crate::domain::decision::kpi_target::{KpiTargetDecision, ObservedKpiTarget, decide_kpi_target};
use crate::domain::holdings::{ContractOfKpi, HeldKpi, WrittenKpi, observe_kpi};
use crate::domain::terms::contract_terms::Terms;
use crate::evidence::StoreError;
use crate::web::metrics::{KpiLabels, KpiSeries, ObjectSeries};

/// What is observed of a KpiTarget.
pub struct Observed {
    object: Arc<KpiTarget>,
    previous: Option<KpiTargetStatus>,
    held: HeldKpi,
    /// How much longer the first status waits for the first verdict.
    waits: Option<Duration>,
}

impl Controlled for KpiTarget {
    const KIND: Kind = Kind::KpiTarget;
    type Status = KpiTargetStatus;
    type Observed = Observed;
    type More = ();

    fn status_of(&self) -> Option<&KpiTargetStatus> {
        self.status.as_ref()
    }

    fn last_handled(status: &mut KpiTargetStatus) -> &mut Option<String> {
        &mut status.last_handled_request
    }

    async fn observe(
        object: Arc<Self>,
        previous: Option<KpiTargetStatus>,
        context: &Context,
        _now: Timestamp,
    ) -> Result<Observed, ReconcileError> {
        let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
        let generation = object.metadata.generation;
        let written = WrittenKpi { name: &name, spec: &object.spec, generation, status: previous.as_ref() };
        let recorded = recorded_terms(context, &namespace, &written).await?;
        let recorded: Option<Vec<&Terms>> = recorded.as_ref().map(|all| all.iter().map(|terms| &**terms).collect());
        let held = observe_kpi(&WatchedNamespace::of(context, &namespace), &written, recorded.as_deref());
        let may_wait = previous.is_none() && held.awaits_verdict;
        let uid = object.uid().unwrap_or_default();
        let looks = &context.first_looks;
        let waits = match &held.contract {
            _ if !may_wait => None,
            ContractOfKpi::Pending => looks.left_before(&uid, Instant::now()),
            _ => looks.left(&uid, Instant::now()),
        };
        Ok(Observed { object, previous, held, waits })
    }

    fn first_status_waits(observed: &Observed) -> Option<Duration> {
        observed.waits
    }

    fn decide(observed: &Observed, now: Timestamp) -> Wanted<KpiTargetStatus, ()> {
        let name = observed.object.name_any();
        let KpiTargetDecision { status, notices } = decide_kpi_target(
            &ObservedKpiTarget {
                name: &name,
                generation: observed.object.metadata.generation,
                previous: observed.previous.as_ref(),
                spec: &observed.object.spec,
                invalid: observed.held.invalid.clone(),
                unresolved: &observed.held.unresolved,
                contract: &observed.held.contract,
            },
            now,
        );
        Wanted { status, notices, more: (), next: None }
    }

    async fn apply(
        _observed: &Observed,
        _wanted: &Wanted<KpiTargetStatus, ()>,
        _context: &Context,
        _now: Timestamp,
    ) -> Result<Option<Duration>, ReconcileError> {
        Ok(None)
    }

    fn publish(observed: &Observed, wanted: &Wanted<KpiTargetStatus, ()>, context: &Context) {
        let uid = observed.object.uid().unwrap_or_default();
        context.metrics.set_object(&uid, ObjectSeries::Kpi(series(&observed.object, &wanted.status)));
    }
}

/// Terms that the contract was judged under, as far as they decide whether the KpiTarget's money is refused: the last ones, and where those
/// do not have it as it is written, whether earlier ones did. `None` where the journal cannot be read, which the contract says.
async fn recorded_terms(
    context: &Context,
    namespace: &str,
    written: &WrittenKpi<'_>,
) -> Result<Option<Vec<Arc<Terms>>>, StoreError> {
    let name = &written.spec.contract_ref.name;
    let contract = context.contract(namespace, name);
    let Some(contract) = contract.as_ref().and_then(|guarded| guarded.0.as_ref().ok()) else {
        return Ok(Some(Vec::new()));
    };
    let known = context.judged(namespace, name);
    let last: Vec<Arc<Terms>> = known.iter().map(|known| known.judged.terms.clone()).collect();
    if written.never_payable(&contract.spec, last.iter().map(|terms| &**terms)).is_empty() {
        return Ok(Some(last));
    }
    let uid = known.map_or_else(|| contract.uid().unwrap_or_default(), |known| known.evidence_uid);
    let (name, spec) = (written.name, written.spec);
    match context.kpis_on_record.has(&*context.evidence, &uid, name, spec).await {
        Err(StoreError::Unreadable(_)) => Ok(None),
        Ok(true) => Ok(Some(vec![Arc::new(terms_with(&contract.spec, [(name.to_owned(), spec)]))])),
        has => has.map(|_| Some(last)),
    }
}

/// The label of series that speak of the running period.
const RUNNING: &str = "Running";
/// The label of series that speak of the latest closed period.
const CLOSED: &str = "Closed";

fn series(object: &KpiTarget, status: &KpiTargetStatus) -> Vec<KpiSeries> {
    let labels = |tier: &str, period: &str| KpiLabels {
        namespace: object.namespace().unwrap_or_default(),
        contract: object.spec.contract_ref.name.clone(),
        kpi_target: object.name_any(),
        kpi: object.spec.kpi.as_str().to_owned(),
        tier: tier.to_owned(),
        period: period.to_owned(),
    };
    let number = |text: Option<&String>| text.and_then(|text| text.parse::<f64>().ok());
    let apart = |sources: Option<&SourcesLine>| number(sources.and_then(|sources| sources.difference.as_ref()));
    let current = status.current.as_ref();
    let whole = KpiSeries {
        labels: labels("", RUNNING),
        value: number(current.and_then(|current| current.value.as_ref())),
        target: number(current.and_then(|current| current.target.as_ref())),
        projected: number(current.and_then(|current| current.projected.as_ref())),
        sources_apart: apart(current.and_then(|current| current.sources.as_ref())),
        at_risk: at_risk(status),
        verdict: None,
    };
    let closed = status.last.as_ref().map(|last| KpiSeries {
        labels: labels("", CLOSED),
        value: number(last.value.as_ref()),
        target: number(last.target.as_ref()),
        projected: None,
        sources_apart: apart(last.sources.as_ref()),
        at_risk: None,
        verdict: Some(last.verdict.as_str().to_owned()),
    });
    let tiers = status.tiers.iter().map(|slice| KpiSeries {
        labels: labels(&slice.tier, CLOSED),
        value: number(slice.value.as_ref()),
        target: number(slice.target.as_ref()),
        projected: None,
        sources_apart: None,
        at_risk: None,
        verdict: Some(slice.verdict.as_str().to_owned()),
    });
    std::iter::once(whole).chain(closed).chain(tiers).collect()
}

fn at_risk(status: &KpiTargetStatus) -> Option<bool> {
    let at_risk = status.conditions.iter().find(|condition| condition.type_ == ConditionType::AtRisk.as_str())?;
    match at_risk.status {
        ConditionStatus::True => Some(true),
        ConditionStatus::False => Some(false),
        ConditionStatus::Unknown => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_running_period_and_the_closed_one_with_its_tiers_are_series_of_their_own() {
        let object: KpiTarget = serde_json::from_value(json!({
            "apiVersion": "bpo-operator.io/v1alpha1", "kind": "KpiTarget", "metadata": {"name": "level", "namespace": "team"},
            "spec": {"contractRef": {"name": "acme"}, "kpi": "ServiceLevel", "source": {"feed": "acd"}, "objective": {"target": 80}},
        }))
        .unwrap();
        let status: KpiTargetStatus = serde_json::from_value(json!({
            "current": {"name": "2026-06", "value": "91.5", "target": "80", "projected": "90", "verdict": "Met"},
            "last": {"name": "2026-05", "state": "Final", "value": "72", "target": "80", "verdict": "Missed", "repeat": false,
                "points": 0, "revision": 1},
            "tiers": [{"tier": "gold", "period": "2026-05", "value": "70", "target": "82", "verdict": "Missed"}],
        }))
        .unwrap();
        let found: Vec<_> = series(&object, &status)
            .into_iter()
            .map(|one| (one.labels.period, one.labels.tier, one.value, one.projected, one.verdict))
            .collect();
        let text = str::to_owned;
        assert_eq!(
            found,
            [
                (text("Running"), text(""), Some(91.5), Some(90.0), None),
                (text("Closed"), text(""), Some(72.0), None, Some(text("Missed"))),
                (text("Closed"), text("gold"), Some(70.0), None, Some(text("Missed"))),
            ]
        );
    }
}
