//! Objects that cannot be read, stored under older definitions among many: each gets an Event that says what is wrong, and a status where the
//! API server takes one, and the others are judged on time.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::away::own_plane;
use crate::figures::hours;
use crate::harness::{Place, has, install_on};
use crate::vendor::{Dataset, INTERVALS, VendorServer};

const PATIENCE: Duration = Duration::from_secs(180);
/// Within what a neighbour is judged, from the moment on at which it is applied; where the machine is busy with other things, within what all
/// others together took.
const ON_TIME: Duration = Duration::from_secs(30);
/// KPIs of each contract.
const TOGETHER: usize = 100;
/// The definitions whose objects are poisoned.
const DEFINITIONS: [&str; 2] = ["kpitargets", "vendorcontracts"];

/// The objects beside the poison.
fn others() -> usize {
    if crate::is_full() { 997 } else { 97 }
}

/// What today's types cannot decode: short name and name, and the object as it was stored.
fn poison() -> [(&'static str, &'static str, String); 3] {
    let (mut target, mut kind) = (kpi("care-0", 80), kpi("care-0", 80));
    // A number or a text, and once a table; the API server's own types still hold it.
    target["objective"]["target"] = json!({"percent": ["eighty"]});
    // A text, and once a table; the API server's own types do not hold it.
    kind["kpi"] = json!({"name": "ServiceLevel"});
    let vendor = json!({"vendor": 7, "term": {"start": "2026-01-01", "end": "2026-12-31"}});
    [
        ("kpi", "poison-target", object("KpiTarget", "poison-target", &target)),
        ("kpi", "poison-kpi", object("KpiTarget", "poison-kpi", &kind)),
        ("vc", "poison-vendor", object("VendorContract", "poison-vendor", &vendor)),
    ]
}

fn object(kind: &str, name: &str, spec: &Value) -> String {
    let object =
        json!({"apiVersion": "bpo-operator.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec});
    format!("---\n{object}\n")
}

fn kpi(contract: &str, target: u32) -> Value {
    json!({"contractRef": {"name": contract}, "source": {"feed": "acd"}, "kpi": "ServiceLevel", "objective": {"target": target}})
}

fn contract(feed: &str) -> Value {
    json!({
        "vendor": {"name": "Acme"}, "term": {"start": "2026-01-01", "end": "2026-01-31"},
        "feeds": [{"name": "acd", "url": feed, "interval": "30m"}],
    })
}

/// A definition as it is, and one under which anything was allowed but for what objects are selected by.
fn definitions(name: &str) -> (String, String) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds").join(format!("{name}.yaml"));
    let now = std::fs::read_to_string(file).unwrap();
    let mut older: Value = serde_saphyr::from_str(&now).unwrap();
    for version in older["spec"]["versions"].as_array_mut().unwrap() {
        let mut schema = anything();
        for field in version["selectableFields"].as_array().into_iter().flatten() {
            let mut at = &mut schema;
            for member in field["jsonPath"].as_str().unwrap().split('.').skip(1) {
                let members = at.as_object_mut().unwrap().entry("properties").or_insert_with(|| json!({}));
                at = members.as_object_mut().unwrap().entry(member).or_insert_with(anything);
            }
            *at = json!({"type": "string"});
        }
        version["schema"]["openAPIV3Schema"] = schema;
    }
    (now, older.to_string())
}

fn anything() -> Value {
    json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}

/// Stores the poison under the older definitions, and brings back those of today.
async fn store_poison(place: &Place) {
    for name in DEFINITIONS {
        place.kubectl_with(&["replace", "-f", "-"], &definitions(name).1).await;
    }
    let poison = poison().map(|(_, _, manifest)| manifest).concat();
    // The API server takes a changed definition a moment later.
    let taken = async || place.try_kubectl(&["apply", "-f", "-"], &poison).await.0.then_some(());
    place.eventually("the older definitions take the poison", taken).await;
    for name in DEFINITIONS {
        place.kubectl_with(&["replace", "-f", "-"], &definitions(name).0).await;
    }
    for (_, name, manifest) in self::poison() {
        let another = manifest.replace(name, "another");
        let refused = async || (!place.try_kubectl(&["create", "-f", "-"], &another).await.0).then_some(());
        place.eventually("the definitions of today refuse the poison", refused).await;
    }
}

/// Waits until an Event and the conditions of an object say that it cannot be read.
async fn until_refused(place: &Place, kind: &str, name: &str) {
    let said = async || {
        let events = place.list("events").await;
        events.into_iter().find(|event| event["involvedObject"]["name"] == name && event["reason"] == "InvalidSpec")
    };
    let event = place.eventually_within(PATIENCE, &format!("an Event says that {name} cannot be read"), said).await;
    assert!(event["message"].as_str().unwrap().contains("cannot be read"), "{event:#}");
    let object = place.get(kind, name).await.unwrap();
    let says_so = has(&object, "Stalled", "True", "InvalidSpec") && has(&object, "Ready", "False", "InvalidSpec");
    assert!(object["status"].is_null() || says_so, "{:#}", object["status"]);
}

/// Waits until as many KPIs are judged as are wanted.
async fn until_judged(place: &Place, wanted: usize) {
    let judged = async || {
        let kpis = place.list("kpi").await;
        (kpis.iter().filter(|kpi| kpi["status"]["last"]["verdict"] == "Met").count() == wanted).then_some(())
    };
    place.eventually_within(PATIENCE, &format!("{wanted} KPIs are judged"), judged).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn poison_of_older_definitions_is_refused_by_an_event_and_takes_nothing_from_the_others() {
    let plane = own_plane().await;
    let place = Place::fresh_on(Box::leak(Box::new(install_on(plane).await))).await;
    let rows = hours("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", 90);
    let vendor = VendorServer::start(Dataset::default().with_feed(INTERVALS, rows)).await.unwrap();
    let feed = vendor.url(INTERVALS);
    store_poison(&place).await;
    let contracts = (0..others().div_ceil(TOGETHER))
        .map(|number| object("VendorContract", &format!("care-{number}"), &contract(&feed)));
    let honest = (0..others()).map(|number| {
        object("KpiTarget", &format!("level-{number}"), &kpi(&format!("care-{}", number / TOGETHER), 80))
    });
    place.apply(&contracts.chain(honest).collect::<String>()).await;

    let began = Instant::now();
    let operator = place.operator();
    for (kind, name, _) in poison() {
        until_refused(&place, kind, name).await;
    }
    until_judged(&place, others()).await;
    let all = began.elapsed();
    let applied = Instant::now();
    place
        .apply(&(object("VendorContract", "late", &contract(&feed)) + &object("KpiTarget", "late", &kpi("late", 80))))
        .await;
    until_judged(&place, others() + 1).await;
    let neighbour = applied.elapsed();
    eprintln!(
        "{} KPIs beside the poison judged after {:.1} s, one that came later within {:.1} s",
        others(),
        all.as_secs_f64(),
        neighbour.as_secs_f64()
    );
    assert!(neighbour <= ON_TIME.max(all), "a neighbour was judged after {neighbour:.1?}, all others after {all:.1?}");
    for kind in ["KpiTarget", "VendorContract"] {
        let counted = format!("bpo_reconciles_total{{kind=\"{kind}\",outcome=\"unreadable\"}}");
        // An object whose status is not taken either is tried three times before it is left alone.
        let is_counted = async || operator.http("/metrics").await.1.contains(&counted).then_some(());
        place.eventually_within(PATIENCE, &counted, is_counted).await;
    }
    let log = operator.log();
    for (_, name, _) in poison() {
        let lines = |what: &str| log.lines().filter(|line| line.contains(name) && line.contains(what)).count();
        assert!(lines("a reconcile failed") <= 3 && lines("its status is not written") <= 1, "{name}: {log}");
    }
    assert!(!log.contains("panicked"), "{log}");
    assert_eq!(operator.stop().await, Some(0), "it had ended by itself");
}
