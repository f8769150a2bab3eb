//! One object that cannot be read, stored under an older definition among many: the others are looked after, and it is told what is wrong.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::away::own_plane;
use crate::figures::hours;
use crate::harness::{Place, has, install_on};
use crate::vendor::{Dataset, INTERVALS, VendorServer};

const PATIENCE: Duration = Duration::from_secs(180);

/// The objects beside the poison.
fn others() -> usize {
    if crate::is_full() { 999 } else { 99 }
}

fn object(kind: &str, name: &str, spec: &Value) -> String {
    let object =
        json!({"apiVersion": "bpo-operator.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec});
    format!("---\n{object}\n")
}

/// KPIs of each contract.
const TOGETHER: usize = 100;

fn kpi(contract: &str, target: &Value) -> Value {
    json!({"contractRef": {"name": contract}, "source": {"feed": "acd"}, "kpi": "ServiceLevel", "objective": {"target": target}})
}

/// The definition of KpiTargets as it is, and one under which anything was allowed.
fn definitions() -> (String, String) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds/kpitargets.yaml");
    let now = std::fs::read_to_string(file).unwrap();
    let mut older: Value = serde_saphyr::from_str(&now).unwrap();
    for version in older["spec"]["versions"].as_array_mut().unwrap() {
        version["schema"]["openAPIV3Schema"] = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    }
    (now, older.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poison_object_of_an_older_definition_is_told_so_and_takes_nothing_from_the_others() {
    let plane = own_plane().await;
    let place = Place::fresh_on(Box::leak(Box::new(install_on(plane).await))).await;
    let rows = hours("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", 90);
    let vendor = VendorServer::start(Dataset::default().with_feed(INTERVALS, rows)).await.unwrap();
    let (now, older) = definitions();
    place.kubectl_with(&["replace", "-f", "-"], &older).await;
    let poison = object("KpiTarget", "poison", &kpi("care-0", &json!({"percent": ["eighty"]})));
    // The API server takes a changed definition a moment later.
    let taken = async || place.try_kubectl(&["apply", "-f", "-"], &poison).await.0.then_some(());
    place.eventually("the older definition takes the poison", taken).await;
    place.kubectl_with(&["replace", "-f", "-"], &now).await;
    let refused = async || {
        (!place.try_kubectl(&["apply", "-f", "-"], &poison.replace("poison", "another")).await.0).then_some(())
    };
    place.eventually("the definition of today refuses it", refused).await;
    let contract = json!({
        "vendor": {"name": "Acme"}, "term": {"start": "2026-01-01", "end": "2026-12-31"},
        "feeds": [{"name": "acd", "url": vendor.url(INTERVALS), "interval": "30m"}],
    });
    let contracts: String = (0..others().div_ceil(TOGETHER))
        .map(|number| object("VendorContract", &format!("care-{number}"), &contract))
        .collect();
    let honest: String = (0..others())
        .map(|number| {
            let contract = format!("care-{}", number / TOGETHER);
            object("KpiTarget", &format!("level-{number}"), &kpi(&contract, &json!(80)))
        })
        .collect();
    place.apply(&(contracts + &honest)).await;

    let began = Instant::now();
    let operator = place.operator();
    let told = async || {
        let events = place.list("events").await;
        events.into_iter().find(|event| event["involvedObject"]["name"] == "poison" && event["reason"] == "InvalidSpec")
    };
    let event = place.eventually_within(PATIENCE, "the poison is told so", told).await;
    assert!(event["message"].as_str().unwrap().contains("cannot be read"), "{event:#}");
    let judged = async || {
        let kpis = place.list("kpi").await;
        let judged = kpis.iter().filter(|kpi| kpi["status"]["last"]["verdict"] == "Met").count();
        (judged == others()).then_some(())
    };
    place.eventually_within(PATIENCE, "all the others are judged", judged).await;
    let status = place.get("kpi", "poison").await.unwrap();
    assert!(has(&status, "Stalled", "True", "InvalidSpec"), "{:#}", status["status"]);
    eprintln!("{} objects beside the poison judged after {:.1} s", others(), began.elapsed().as_secs_f64());
    assert_eq!(operator.stop().await, Some(0), "it had ended by itself");
}
