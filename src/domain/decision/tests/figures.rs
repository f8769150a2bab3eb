//! What the conditions, the advice and the Events say of figures.

use std::collections::BTreeMap;

use crate::api::condition::{EventReason, Reason};
use crate::api::kpi_target::KpiTargetStatus;
use crate::api::vendor_contract::VendorContractStatus;
use crate::api::{KpiTarget, KpiTargetSpec};
use crate::domain::decision::contract::{ContractDecision, ObservedContract, decide_contract};
use crate::domain::decision::kpi_target::{ObservedKpiTarget, decide_kpi_target};
use crate::domain::fixtures::contracts::{Case, instant, row, terms};
use crate::domain::holdings::{ContractOfKpi, FeedHealth, WrittenKpi};
use crate::domain::measuring::row::Row;
use crate::domain::terms::contract_terms::Terms;

const CONTRACT: &str = "
    term: {start: 2026-01-01, end: 2026-12-31}
    feeds: [{name: acd, url: 'https://feeds.example', cadence: 24h}]
    ";

fn decided(case: &Case, now: &str, feed: FeedHealth, previous: Option<&VendorContractStatus>) -> ContractDecision {
    let judgement = case.judge(now);
    let observed = ObservedContract {
        namespace: "care",
        name: "acme",
        generation: Some(1),
        previous,
        terms: &case.terms,
        judgement: Ok(&judgement),
        unresolved: &[],
        feeds: [("acd".to_owned(), feed)].into(),
        evidence_problem: None,
        no_room: None,
        contradicted: Vec::new(),
        launches: BTreeMap::new(),
        acknowledged: None,
        alert_sinks: Vec::new(),
    };
    decide_contract(&observed, instant(now))
}

fn condition(status: &KpiTargetStatus, type_: &str) -> (String, String) {
    let condition = status.conditions.iter().find(|condition| condition.type_ == type_).unwrap();
    (format!("{:?}", condition.status), condition.reason.clone())
}

#[test]
fn a_rolling_kpi_is_not_compliant_or_otherwise_before_a_period_has_closed() {
    let kpi = "kpi: ServiceLevel\nvariant: AnsweredOnly\nobjective: {target: 80}\nwindow: {type: Rolling, length: 14d}";
    let day = |start: &str, end: &str, good| row(start, end, &[("answeredWithin", good), ("answered", 100)]);
    let rows = vec![
        day("2026-01-01T00:00Z", "2026-01-10T00:00Z", 50),
        day("2026-01-10T00:00Z", "2026-02-01T00:00Z", 90),
        day("2026-02-01T00:00Z", "2026-02-10T00:00Z", 90),
        day("2026-02-10T00:00Z", "2026-02-20T00:00Z", 50),
    ];
    let case = Case::new(terms(CONTRACT, &[("level", kpi)]), rows);
    for (now, status, reason) in [
        // A first bad week is an early warning and no breach.
        ("2026-01-12T00:00Z", "Unknown", "NoClosedPeriod"),
        // January has closed: the condition follows the window that runs.
        ("2026-02-20T00:00Z", "False", "TargetMissed"),
    ] {
        let judgement = case.judge(now);
        let observed = ObservedKpiTarget {
            name: "level",
            generation: Some(1),
            previous: None,
            spec: &case.terms.kpis["level"],
            invalid: None,
            unresolved: &[],
            contract: &ContractOfKpi::Judged {
                judgement: judgement.kpis["level"].clone(),
                feed: FeedHealth::fetched_before(None),
                suspended: false,
            },
        };
        let decision = decide_kpi_target(&observed, instant(now));
        assert_eq!(condition(&decision.status, "SLACompliant"), (status.to_owned(), reason.to_owned()), "{now}");
    }
}

#[test]
fn money_that_can_never_be_paid_is_refused_unless_it_was_judged_before() {
    let object = |generation: i64, status: serde_json::Value| -> KpiTarget {
        serde_json::from_value(serde_json::json!({
            "apiVersion": "bpo-operator.io/v1alpha1", "kind": "KpiTarget",
            "metadata": {"name": "level", "generation": generation},
            "spec": {
                "contractRef": {"name": "acme"}, "kpi": "ServiceLevel", "source": {"feed": "acd"},
                "objective": {"target": 80}, "bands": [{"severity": "Minor", "credit": 500}],
            },
            "status": status,
        }))
        .unwrap()
    };
    let ready = |status: &str, reason: &str, generation: i64| {
        serde_json::json!({"observedGeneration": generation, "conditions": [{
            "type": "Ready", "status": status, "reason": reason, "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z",
        }]})
    };
    let written = object(1, serde_json::Value::Null).spec;
    let mut edited = written.clone();
    edited.objective.target = "81".parse().unwrap();
    let recorded = |spec: Option<&KpiTargetSpec>| Terms {
        kpis: spec.map(|spec| ("level".to_owned(), spec.clone().into())).into_iter().collect(),
        ..terms(CONTRACT, &[])
    };
    let (with_it, without_it, with_another) = (recorded(Some(&written)), recorded(None), recorded(Some(&edited)));
    let refused_by = |object: &KpiTarget, contract: &crate::api::VendorContractSpec, journal: &[&Terms]| {
        let KpiTarget { metadata, spec, status } = object;
        let written = WrittenKpi { name: "level", spec, generation: metadata.generation, status: status.as_ref() };
        written.never_payable(contract, journal.iter().copied())
    };
    let contract = terms(CONTRACT, &[]).contract;
    for (case, object, journal, refused) in [
        ("new", object(1, serde_json::Value::Null), &[][..], true),
        ("judged before", object(3, ready("True", "Reconciled", 3)), &[], false),
        ("judged, and no row matched", object(3, ready("False", "NoRowsMatch", 3)), &[], false),
        ("judged, by another threshold than the feed's", object(3, ready("False", "ThresholdMismatch", 3)), &[], false),
        ("edited since", object(4, ready("True", "Reconciled", 3)), &[], true),
        ("edited since, and judged before the edit", object(4, ready("True", "Reconciled", 3)), &[&with_another], true),
        ("never judged", object(3, ready("False", "InvalidSpec", 3)), &[&without_it], true),
        // What a status loses while the KPI cannot be judged, the journal keeps.
        ("its feed is gone for a while", object(3, ready("False", "FeedNotFound", 3)), &[&with_it, &without_it], false),
        ("its contract was away", object(3, ready("False", "ContractNotFound", 3)), &[&with_it], false),
        ("refused by mistake before", object(3, ready("False", "InvalidSpec", 3)), &[&with_it, &without_it], false),
        ("restored from a backup without its status", object(1, serde_json::Value::Null), &[&with_it], false),
    ] {
        let found = refused_by(&object, &contract, journal);
        assert_eq!(!found.is_empty(), refused, "{case}");
        let with_charges = terms(&format!("{CONTRACT}charges: {{currency: GBP}}").replace("    ", ""), &[]).contract;
        assert!(refused_by(&object, &with_charges, journal).is_empty(), "{case}");
    }
}

#[test]
fn a_range_that_was_met_is_achievable() {
    let advice = |values: &[i64], comparison: &str| -> Vec<String> {
        let kpi = format!(
            "kpi: AverageHandleTime\nobjective: {{{comparison}}}\nbenchmark: {{low: 500, high: 600}}\ngoalRef: x\nwindow: {{type: Period}}"
        );
        let month = |(place, value): (usize, &i64)| -> Row {
            let (start, end) = (format!("2026-{:02}-15T00:00Z", place + 1), format!("2026-{:02}-16T00:00Z", place + 1));
            row(&start, &end, &[("handleSeconds", value * 10), ("handled", 10)])
        };
        let rows = values.iter().enumerate().map(month).collect();
        let case = Case::new(terms(CONTRACT, &[("handling", &kpi)]), rows);
        let status = decided(&case, "2026-04-20T00:00Z", FeedHealth::fetched_before(None), None).status;
        status.advice.into_iter().map(|one| one.finding).filter(|finding| finding == "NotSmart/Achievable").collect()
    };
    for (values, comparison, findings) in [
        ([280, 290, 300], "comparison: Between, target: 270, upper: 310", 0),
        ([400, 300, 420], "comparison: Between, target: 270, upper: 310", 0),
        ([200, 400, 420], "comparison: Between, target: 270, upper: 310", 1),
        // A KPI of which neither more nor less is better in itself, with a comparison that says it.
        ([280, 290, 300], "comparison: AtMost, target: 285", 0),
        ([290, 295, 300], "comparison: AtMost, target: 285", 1),
    ] {
        assert_eq!(advice(&values, comparison).len(), findings, "{values:?} {comparison}");
    }
}

#[test]
fn a_failure_that_precedes_the_first_status_is_reported_too() {
    // Every earlier attempt to write a status has failed.
    let case = Case::new(terms(CONTRACT, &[]), vec![]);
    let health = FeedHealth { reason: Reason::Connect, ..FeedHealth::fetched_before(None) };
    let decision = decided(&case, "2026-02-02T00:00Z", health.clone(), None);
    let announced: Vec<EventReason> = decision.notices.iter().map(|notice| notice.reason).collect();
    assert_eq!(announced, [EventReason::FeedFailing]);
    let again = decided(&case, "2026-02-02T00:00Z", health, Some(&decision.status));
    assert!(again.notices.is_empty(), "{:?}", again.notices);
}

#[test]
fn rows_that_contradict_others_show_in_the_status_and_in_one_event() {
    let empty: Terms = terms(CONTRACT, &[]);
    let case = Case::new(empty, vec![]);
    let mut previous: Option<VendorContractStatus> = None;
    // How many the latest answer had, what the status shows, and how many Events that makes.
    for (count, shown, events) in [(0, None, 0), (2, Some(2), 1), (2, Some(2), 0), (5, Some(5), 1), (0, None, 0)] {
        let health = FeedHealth { set_aside: count, ..FeedHealth::fetched_before(None) };
        let before = previous.unwrap_or_default();
        let decision = decided(&case, "2026-02-02T00:00Z", health, Some(&before));
        assert_eq!(decision.status.feeds[0].set_aside, shown, "{count}");
        let announced = decision.notices.iter().filter(|notice| notice.reason == EventReason::EvidenceRejected);
        assert_eq!(announced.count(), events, "{count}");
        previous = Some(decision.status);
    }
}

#[test]
fn answers_that_contradict_the_agreed_time_are_an_event_once_and_advice_for_as_long() {
    use crate::domain::fixtures::contracts::fact;
    use crate::domain::terms::journal::ThresholdsSaid;
    use crate::domain::terms::journal::{Journal, JournalFact};
    let kpi = "kpi: ServiceLevel\nvariant: AnsweredOnly\nwithin: 20s\nobjective: {target: 80}";
    let mut case = Case::new(terms(CONTRACT, &[("level", kpi)]), Vec::new());
    let said = |seconds: i64, at: &str| {
        let thresholds = [("answeredWithin".to_owned(), seconds)].into();
        fact("acd", JournalFact::ThresholdsSaid(ThresholdsSaid { thresholds }), at)
    };
    case.journal = Some(Journal { facts: vec![said(30, "2026-01-10T00:00Z")] });
    let looks = |decision: &ContractDecision| {
        let found = |finding: &str| finding == "ThresholdMismatch";
        let advice = decision.status.advice.iter().filter(|advice| found(&advice.finding)).count();
        let events = decision.notices.iter().filter(|notice| notice.reason == EventReason::ThresholdMismatch).count();
        (advice, events)
    };
    let before = decided(&case, "2026-01-09T00:00Z", FeedHealth::fetched_before(None), None);
    assert_eq!(looks(&before), (0, 0));
    let first = decided(&case, "2026-01-10T00:00Z", FeedHealth::fetched_before(None), Some(&before.status));
    assert_eq!(looks(&first), (1, 1), "{:?}", first.status.advice);
    let second = decided(&case, "2026-01-11T00:00Z", FeedHealth::fetched_before(None), Some(&first.status));
    assert_eq!(looks(&second), (1, 0));
}
