use serde_json::{Value, json};

use super::*;

fn condition(type_: &str, status: &str, reason: &str, message: &str) -> Value {
    json!({"type": type_, "status": status, "reason": reason, "message": message, "lastTransitionTime": "2026-07-01T00:00:00Z"})
}

fn contract(status: Value) -> VendorContract {
    serde_json::from_value(json!({
        "apiVersion": "bpo-operator.io/v1alpha1", "kind": "VendorContract",
        "metadata": {"name": "acme-care", "namespace": "cx"},
        "spec": {"vendor": {"name": "Acme"}, "term": {"start": "2026-01-01", "end": "2027-12-31"}, "tiers": ["gold"]},
        "status": status,
    }))
    .unwrap()
}

fn kpi(name: &str, contract: &str, status: Value) -> KpiTarget {
    serde_json::from_value(json!({
        "apiVersion": "bpo-operator.io/v1alpha1", "kind": "KpiTarget", "metadata": {"name": name, "namespace": "cx"},
        "spec": {"contractRef": {"name": contract}, "kpi": "ServiceLevel", "source": {"feed": "acd"}, "objective": {"target": 80}},
        "status": status,
    }))
    .unwrap()
}

fn closed(verdict: &str, compliant: &str) -> Value {
    json!({
        "last": {"name": "2026-06", "state": "Final", "value": "66.3", "target": "80", "verdict": verdict, "repeat": false, "points": 0, "revision": 1},
        "conditions": [
            condition("Ready", "True", "Reconciled", "ok"),
            condition("SLACompliant", compliant, if compliant == "True" { "TargetMet" } else { "TargetMissed" }, "66.3 where 80 was owed in June"),
        ],
    })
}

/// Ready and Stalled say the same of a spec that is refused.
fn refused() -> Value {
    json!({"conditions": [
        condition("Ready", "False", "InvalidSpec", "spec.objective.target: 180 is not a percentage"),
        condition("Stalled", "True", "InvalidSpec", "spec.objective.target: 180 is not a percentage"),
    ]})
}

fn ready(feeds: Value) -> Value {
    json!({
        "phase": "Active", "feeds": feeds,
        "last": {"name": "2026-06", "state": "Final", "score": "94.9", "credit": "2000.00", "points": 4, "report": "acme-care-2026-06"},
        "conditions": [condition("Ready", "True", "Reconciled", "ok")],
    })
}

#[test]
fn the_tree_of_a_contract_shows_what_belongs_to_it_and_what_is_wrong() {
    let feeds = json!([
        {"name": "acd", "healthy": true, "reason": "Fetched", "watermark": "2026-07-09T00:00:00Z", "backfilling": false},
        {"name": "crm", "healthy": false, "reason": "Timeout", "since": "2026-07-08T06:00:00Z", "backfilling": false},
    ]);
    let objects = Objects {
        contracts: vec![contract(ready(feeds))],
        kpis: vec![
            kpi("level", "acme-care", closed("Missed", "False")),
            kpi("answer", "acme-care", closed("Met", "True")),
            kpi("wrong", "acme-care", refused()),
            kpi("lost", "gone", closed("Met", "True")),
        ],
        ..Objects::default()
    };
    let shown = text(&trees(&objects), false).replace('\u{a0}', " ");
    let expected = "\
[!!] VendorContract cx/acme-care: active; June 2026, score 94.9, credit 2000.00
├── [ok] Feed acd: reaches 2026-07-09T00:00:00Z
├── [!!] Feed crm: no row yet
│       FeedHealthy Timeout: since 2026-07-08T06:00:00Z
├── [ok] KpiTarget answer: Service level, 66.3% in June 2026: Met
├── [! ] KpiTarget level: Service level, 66.3% in June 2026: Missed
│       SLACompliant TargetMissed: 66.3 where 80 was owed in June
└── [!!] KpiTarget wrong: Service level, no period has closed yet
        Ready InvalidSpec: spec.objective.target: 180 is not a percentage
[ok] KpiTarget cx/lost: Service level, 66.3% in June 2026: Met
";
    assert_eq!(shown, expected);
    let problems = text(&trees(&objects), true);
    assert!(!problems.contains("[ok]") && problems.contains("KpiTarget wrong"), "{problems}");
}

#[test]
fn health_is_the_worst_of_an_object_and_of_what_belongs_to_it() {
    let past = json!([{"name": "acd", "healthy": true, "reason": "Fetched", "backfilling": true,
        "backfill": {"from": "2026-01-01T00:00:00Z", "fetchedUntil": "2026-02-01T00:00:00Z", "percent": 31}}]);
    let objects = Objects { contracts: vec![contract(ready(past))], ..Objects::default() };
    let shown = text(&trees(&objects), false);
    assert!(shown.contains("the past since 2026-01-01T00:00:00Z is being fetched: 31 %"), "{shown}");
    let quiet = json!([{"name": "acd", "healthy": true, "reason": "Fetched", "backfilling": false}]);
    let set_aside = json!([{"name": "acd", "healthy": true, "reason": "Fetched", "backfilling": false, "setAside": 3}]);
    let suspended = json!({"phase": "Suspended", "conditions": [condition("Ready", "True", "Suspended", "suspended")]});
    let cases = [
        (ready(quiet.clone()), vec![], Health::Good),
        (ready(quiet.clone()), vec![kpi("k", "acme-care", json!({}))], Health::Waiting),
        (ready(quiet.clone()), vec![kpi("k", "acme-care", closed("Missed", "False"))], Health::Attention),
        (ready(set_aside), vec![], Health::Attention),
        (ready(quiet), vec![kpi("k", "acme-care", refused())], Health::Broken),
        (suspended, vec![], Health::Waiting),
        (json!({}), vec![], Health::Waiting),
    ];
    for (status, kpis, health) in cases {
        let shown = format!("{status}");
        let objects = Objects { contracts: vec![contract(status)], kpis, ..Objects::default() };
        assert_eq!(trees(&objects)[0].health, health, "{shown}");
    }
}
