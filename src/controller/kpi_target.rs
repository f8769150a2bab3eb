//! The controller of KpiTargets: it shows what the contract's judgement says of each.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use kube::ResourceExt;

use super::context::{Context, Judged};
use super::driver::{Controlled, ReconcileError, Wanted};
use crate::api::KpiTarget;
use crate::api::condition::{ConditionStatus, ConditionType, Kind};
use crate::api::cross_check::SourcesLine;
use crate::api::kpi_target::KpiTargetStatus;
use crate::domain::decision::FeedHealth;
use crate::domain::decision::kpi_target::{
    ContractOfKpi, KpiTargetDecision, ObservedKpiTarget, WrittenKpi, decide_kpi_target,
};
use crate::domain::facts::{Finding, InvalidSpec};
use crate::domain::validation::{validate_kpi_against_contract, validate_kpi_target};
use crate::evidence::StoreError;
use crate::web::metrics::{KpiLabels, KpiSeries, ObjectSeries};

/// What is observed of a KpiTarget.
pub struct Observed {
    object: Arc<KpiTarget>,
    previous: Option<KpiTargetStatus>,
    invalid: Option<InvalidSpec>,
    contract: Contract,
    /// How much longer the first status waits for the first verdict.
    waits: Option<Duration>,
}

enum Contract {
    Missing,
    Unresolved(Vec<Finding>),
    Pending,
    Judged(Judged),
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
        let mut findings = validate_kpi_target(&object.name_any(), &object.spec);
        findings.extend(never_payable_by_contract(context, &object, previous.as_ref()).await?);
        let invalid = (!findings.is_empty()).then_some(InvalidSpec(findings));
        let contract = observe_contract(context, &object);
        let may_wait = previous.is_none() && invalid.is_none() && awaits_first_verdict(&contract, &object);
        let uid = object.uid().unwrap_or_default();
        let waits = if may_wait { context.first_looks.left(&uid, Instant::now()) } else { None };
        Ok(Observed { object, previous, invalid, contract, waits })
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
                invalid: observed.invalid.clone(),
                contract: contract_of(observed, &name),
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

/// Whether the contract is about to be judged, or a feed of the KPI is fetched for the first time.
fn awaits_first_verdict(contract: &Contract, object: &KpiTarget) -> bool {
    let source = &object.spec.source;
    let feeds = std::iter::once(&source.feed).chain(source.cross_check.as_ref().map(|own| &own.feed));
    match contract {
        Contract::Missing | Contract::Unresolved(_) => false,
        Contract::Pending => true,
        Contract::Judged(judged) => {
            judged.judgement.as_ref().as_ref().is_ok()
                && !judged.terms.contract.suspend
                && feeds
                    .map(|feed| judged.feeds.get(feed))
                    .any(|health| health.is_none_or(FeedHealth::is_being_fetched_first))
        }
    }
}

/// Money that the contract, where it is known, can never pay.
async fn never_payable_by_contract(
    context: &Context,
    object: &KpiTarget,
    previous: Option<&KpiTargetStatus>,
) -> Result<Vec<Finding>, StoreError> {
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
    let contract = context.contract(&namespace, &object.spec.contract_ref.name);
    let Some(contract) = contract.as_ref().and_then(|guarded| guarded.0.as_ref().ok()) else { return Ok(Vec::new()) };
    let generation = object.metadata.generation;
    let written = WrittenKpi { name: &name, spec: &object.spec, generation, status: previous };
    let judged = context.judged(&namespace, &object.spec.contract_ref.name);
    let findings = written.never_payable(&contract.spec, judged.as_ref().map(|judged| &*judged.terms));
    if findings.is_empty() {
        return Ok(findings);
    }
    let uid = judged.map_or_else(|| contract.uid().unwrap_or_default(), |judged| judged.evidence_uid);
    let history = match context.evidence.terms_history(&uid).await {
        // The contract says so, and nothing of it is judged.
        Err(StoreError::Unreadable(_)) => return Ok(Vec::new()),
        read => read?,
    };
    Ok(written.never_payable(&contract.spec, history.iter().map(|recorded| &recorded.terms)))
}

fn observe_contract(context: &Context, object: &KpiTarget) -> Contract {
    let namespace = object.namespace().unwrap_or_default();
    let contract = &object.spec.contract_ref.name;
    let Some(guarded) = context.contract(&namespace, contract) else { return Contract::Missing };
    let Ok(spec) = guarded.0.as_ref().map(|contract| &contract.spec) else { return Contract::Pending };
    let findings = validate_kpi_against_contract(&object.name_any(), &object.spec, spec);
    if !findings.is_empty() {
        return Contract::Unresolved(findings);
    }
    if let Some(counter) = &object.spec.counter_metric
        && !context.kpis_of(&namespace, contract).iter().any(|kpi| kpi.name_any() == *counter)
    {
        return Contract::Unresolved(vec![Finding {
            kind: "KpiTarget",
            name: object.name_any(),
            field: "spec.counterMetric".to_owned(),
            message: format!("contract {contract} has no KpiTarget named {counter}: create it, or correct the name"),
        }]);
    }
    match context.judged(&namespace, contract) {
        Some(judged) if guarded.uid().as_deref() == Some(&judged.uid) => Contract::Judged(judged),
        _ => Contract::Pending,
    }
}

fn contract_of<'a>(observed: &'a Observed, name: &str) -> ContractOfKpi<'a> {
    match &observed.contract {
        Contract::Missing => ContractOfKpi::Missing,
        Contract::Unresolved(findings) if findings.iter().any(|finding| finding.field == "spec.source.feed") => {
            ContractOfKpi::FeedMissing
        }
        Contract::Unresolved(findings) => ContractOfKpi::ReferenceMissing(
            findings
                .iter()
                .map(|finding| format!("{}: {}", finding.field, finding.message))
                .collect::<Vec<_>>()
                .join("; "),
        ),
        Contract::Pending => ContractOfKpi::Pending,
        Contract::Judged(judged) => match judged.judgement.as_ref() {
            Err(_) => ContractOfKpi::Invalid,
            Ok(judgement) => match judgement.kpis.get(name) {
                // The contract was judged before this spec of the KPI was seen: it will be again.
                Some(_) if judged.terms.kpis.get(name) != Some(&observed.object.spec) => ContractOfKpi::Pending,
                None => ContractOfKpi::Pending,
                Some(kpi) => ContractOfKpi::Judged {
                    judgement: kpi,
                    feed: judged.feeds.get(&observed.object.spec.source.feed).cloned().unwrap_or_default(),
                    suspended: judged.terms.contract.suspend,
                },
            },
        },
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
    let told = status.conditions.iter().find(|condition| condition.type_ == ConditionType::AtRisk.as_str())?;
    match told.status {
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
