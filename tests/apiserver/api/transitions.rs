//! What cannot change, and when.

use kube::Client;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::server::{client, control_plane, create, documents, message, objects, reference_objects};

async fn change(client: &Client, namespace: &str, object: &Value, patch: Value) -> Result<(), String> {
    let kind = object.get("kind").and_then(Value::as_str).unwrap();
    let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap();
    let api = objects(client, namespace, kind);
    let result = if patch.get("status").is_some() {
        api.patch_status(name, &PatchParams::default(), &Patch::Merge(&patch)).await
    } else {
        api.patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await
    };
    result.map(|_| ()).map_err(message)
}

fn reference(kind: &str) -> Value {
    reference_objects().into_iter().find(|object| object.get("kind") == Some(&kind.into())).unwrap()
}

#[tokio::test]
async fn once_a_period_has_closed_what_its_verdict_rests_on_stays() {
    let control_plane = control_plane().await;
    let namespace = control_plane.fresh_namespace().await.unwrap();
    let client = client(control_plane).await;
    let contract = reference("VendorContract");
    create(&client, &namespace, &contract, false).await.unwrap();

    let changes = [
        (json!({"period": "Weekly"}), "period cannot change once a period has closed"),
        (json!({"timeZone": "Europe/Paris"}), "timeZone cannot change once a period has closed"),
        (json!({"term": {"start": "2025-12-01"}}), "term.start cannot change once a period has closed"),
        (json!({"charges": {"currency": "EUR"}}), "charges.currency cannot change"),
    ];
    for (spec, _) in &changes {
        change(&client, &namespace, &contract, json!({"spec": spec})).await.unwrap();
    }
    let back = contract.get("spec").unwrap();
    change(&client, &namespace, &contract, json!({"spec": back})).await.unwrap();

    let last = json!({"name": "2026-01", "state": "Provisional", "points": 0, "report": "acme-care-2026-01"});
    change(&client, &namespace, &contract, json!({"status": {"last": last}})).await.unwrap();
    for (spec, expected) in &changes {
        let refused = change(&client, &namespace, &contract, json!({"spec": spec})).await.unwrap_err();
        assert!(refused.contains(expected), "{refused}");
        assert!(refused.contains("write another one"), "{refused}");
    }
    let fiscal = json!({"period": "Yearly", "fiscalYearStart": "07-01"});
    let refused = change(&client, &namespace, &contract, json!({"spec": fiscal})).await.unwrap_err();
    assert!(refused.contains("fiscalYearStart cannot change once a period has closed"), "{refused}");
    let without_points = json!({"charges": null, "credits": null, "triggers": null, "rectificationPlans": null});
    let refused = change(&client, &namespace, &contract, json!({"spec": without_points})).await.unwrap_err();
    assert!(refused.contains("nor charges go"), "{refused}");

    for allowed in [json!({"charges": {"amount": "120000.00"}}), json!({"term": {"end": "2028-12-31"}})] {
        change(&client, &namespace, &contract, json!({"spec": allowed})).await.unwrap();
    }
    change(&client, &namespace, &contract, json!({"status": {"phase": "Ended"}})).await.unwrap();
}

#[tokio::test]
async fn a_kpi_stays_with_its_contract() {
    let control_plane = control_plane().await;
    let namespace = control_plane.fresh_namespace().await.unwrap();
    let client = client(control_plane).await;
    let kpi = reference("KpiTarget");
    create(&client, &namespace, &kpi, false).await.unwrap();
    let moved = json!({"spec": {"contractRef": {"name": "other"}}});
    let refused = change(&client, &namespace, &kpi, moved).await.unwrap_err();
    assert!(refused.contains("contractRef cannot change: delete this KpiTarget"), "{refused}");
    change(&client, &namespace, &kpi, json!({"spec": {"weight": 2}})).await.unwrap();
}

#[tokio::test]
async fn a_report_changes_until_it_is_final_and_never_after() {
    let control_plane = control_plane().await;
    let namespace = control_plane.fresh_namespace().await.unwrap();
    let client = client(control_plane).await;
    let report = documents(
        "{apiVersion: bpo-operator.io/v1alpha1, kind: SlaReport, metadata: {name: a-2026-01}, spec: {contract: a, points: 0, \
         period: {name: 2026-01, start: 2026-01-01T00:00:00Z, end: 2026-02-01T00:00:00Z}, state: Provisional, revision: 1}}",
    )
    .remove(0);
    create(&client, &namespace, &report, false).await.unwrap();
    change(&client, &namespace, &report, json!({"spec": {"points": 3}})).await.unwrap();
    for identity in [json!({"contract": "b"}), json!({"period": {"name": "2026-02"}}), json!({"revision": 2})] {
        let refused = change(&client, &namespace, &report, json!({"spec": identity})).await.unwrap_err();
        assert!(refused.contains("another one is a new report"), "{refused}");
    }
    change(&client, &namespace, &report, json!({"spec": {"state": "Final", "points": 4}})).await.unwrap();
    for late in [json!({"points": 5}), json!({"state": "Provisional"}), json!({"score": "90.0"})] {
        let refused = change(&client, &namespace, &report, json!({"spec": late})).await.unwrap_err();
        assert!(refused.contains("a Final report cannot change"), "{refused}");
    }
    change(&client, &namespace, &report, json!({"spec": {"points": 4}})).await.unwrap();
    change(&client, &namespace, &report, json!({"metadata": {"labels": {"signed": "yes"}}})).await.unwrap();
    change(&client, &namespace, &report, json!({"status": {"clock": "Real"}})).await.unwrap();
}
