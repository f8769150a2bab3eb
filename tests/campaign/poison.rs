//! Objects that were stored under an older schema and cannot be read by this version: each is told so, and all others are judged.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::controlplane::{ControlPlane, ControlPlaneOptions};
use crate::harness::{Place, has, install_on, path};

const PATIENCE: Duration = Duration::from_secs(240);

/// Each kind with a spec that no version reads.
const POISON: [(&str, &str, &str); 4] = [
    ("VendorContract", "vendorcontracts", r#"{"vendor":"Acme","term":7,"feeds":{"acd":"http://127.0.0.1:9"}}"#),
    ("KpiTarget", "kpitargets", r#"{"contractRef":"care","kpi":"Weather","objective":[80]}"#),
    ("ServiceTier", "servicetiers", r#"{"rank":"first"}"#),
    ("CampaignLaunch", "campaignlaunches", r#"{"contractRefs":"care","launchAt":"tomorrow"}"#),
];

fn healthy() -> usize {
    if crate::is_full() { 996 } else { 96 }
}

/// The definitions as an older version could have had them: anything goes.
fn older_definitions() -> String {
    let definitions = bpo_operator::api::schema::custom_resource_definitions().unwrap();
    let older = definitions.into_iter().map(|(_, mut definition)| {
        let any = json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
        let version = definition["spec"]["versions"][0].as_object_mut().unwrap();
        version.insert("schema".to_owned(), any);
        // They speak of fields that the older schema does not name.
        version.remove("selectableFields");
        format!("---\n{definition}\n")
    });
    older.collect()
}

fn object(kind: &str, name: &str, spec: &Value) -> String {
    format!(
        "---\n{}\n",
        json!({"apiVersion": "bpo-operator.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec})
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn one_object_of_each_kind_that_cannot_be_read_is_told_so_and_stops_none_of_the_others() {
    let options = ControlPlaneOptions { controller_manager: true, ..ControlPlaneOptions::default() };
    let plane: &'static ControlPlane =
        Box::leak(Box::new(ControlPlane::start(options).await.unwrap_or_else(|error| panic!("{error}"))));
    let place = Place::fresh_on(Box::leak(Box::new(install_on(plane).await))).await;
    plane
        .kubectl_with_input(&["apply", "--server-side", "--force-conflicts", "-f", "-"], &older_definitions())
        .await
        .unwrap();
    for (kind, plural, spec) in POISON {
        let manifest = object(kind, "poison", &serde_json::from_str(spec).unwrap());
        // The API server takes a moment to serve a changed definition.
        let stored = async || place.try_kubectl(&["create", "-f", "-"], &manifest).await.0.then_some(());
        place.eventually(&format!("a poisonous {plural} is stored"), stored).await;
    }
    let crds = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("crds");
    plane.kubectl(&["apply", "--server-side", "--force-conflicts", "-f", path(&crds)]).await.unwrap();
    let invalid = object("ServiceTier", "x", &json!({"rank": "a"}));
    let strict = async || {
        let (accepted, _) = place.try_kubectl(&["create", "--dry-run=server", "-f", "-"], &invalid).await;
        (!accepted).then_some(())
    };
    place.eventually("the present definitions are served", strict).await;

    let tiers: String = (0..healthy())
        .map(|number| object("ServiceTier", &format!("tier-{number}"), &json!({"rank": 1 + number % 9})))
        .collect();
    place.apply(&tiers).await;
    let began = Instant::now();
    let operator = place.operator();
    let all_ready = async || {
        let found = place.list("st").await;
        let ready = found.iter().filter(|tier| has(tier, "Ready", "True", "Reconciled")).count();
        (ready == healthy()).then_some(())
    };
    place.eventually_within(PATIENCE, "all others are judged", all_ready).await;
    eprintln!("{} others judged in {:.1} s", healthy(), began.elapsed().as_secs_f64());
    for (kind, plural, _) in POISON {
        place.wait_for(plural, "poison", "it is told so", |object| has(object, "Stalled", "True", "InvalidSpec")).await;
        let events = place.list("events").await;
        let told =
            events.iter().filter(|event| event["involvedObject"]["kind"] == kind && event["reason"] == "InvalidSpec");
        assert_eq!(told.count(), 1, "{kind}");
    }
    // What comes later is seen too: the watches of all kinds go on.
    place.apply(&object("ServiceTier", "later", &json!({"rank": 1}))).await;
    place.wait_for("st", "later", "it is judged", |tier| has(tier, "Ready", "True", "Reconciled")).await;
    let (_, metrics) = operator.http("/metrics").await;
    assert!(metrics.contains("bpo_"), "{metrics}");
    assert!(!operator.log().contains("panicked"));
    assert_eq!(operator.stop().await, Some(0), "it had ended by itself");
}
