//! What the operator asks of the API server is what its roles grant: nothing is refused, and no right is there that nothing needs.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::access::{self, AUTH, TLS, TOKEN};
use crate::controlplane::AuditEvent;
use crate::figures::hours;
use crate::harness::{OPERATOR, Place, has};
use crate::judged::{contract, kpi};
use crate::vendor::{Dataset, INTERVALS, VendorServer};

/// The day after January closed for good.
const CLOCK: [&str; 4] = ["--clock-start", "2026-02-20T09:00:00Z", "--clock-speed", "1"];

/// Rights that this story does not use, and why they are granted.
const OTHERWISE: [(&str, &str); 6] = [
    (
        "create bpo-operator.io/slareports",
        "a report is applied, and the API server asks for this right where it is new",
    ),
    ("delete bpo-operator.io/slareports", "a Provisional report goes whose period the terms no longer have"),
    ("get bpo-operator.io/slareports", "whoever lists them sees the same"),
    ("get bpo-operator.io/campaignlaunches", "whoever lists them sees the same"),
    ("list /namespaces", "an operator that is given no namespace works in all of them"),
    ("watch /namespaces", "an operator that is given no namespace works in all of them"),
];

/// A contract whose feed needs a Secret and a ConfigMap, with a target, a tier and a launch.
fn manifests(url: &str) -> String {
    let care = contract("care", "UTC", "Monthly", ("2026-01-01", "2026-12-31"), url)
        .replace("interval: 30s", &format!("interval: 30s, {AUTH}, {TLS}"));
    let level = kpi("level", "care", "kpi: ServiceLevel\nobjective: {target: 80}");
    format!("{}{care}  tiers: [gold]\n{level}", access::objects())
}

/// What the operator asked in a namespace, and about Leases.
fn asked(place: &Place) -> Vec<AuditEvent> {
    let events = place.installation.plane.audit_events().unwrap();
    let is_of_it = |event: &AuditEvent| {
        event.user == OPERATOR
            && (event.namespace == place.namespace || event.name == place.namespace || event.resource == "leases")
    };
    events.into_iter().filter(is_of_it).collect()
}

/// The rights that were used, such as `patch bpo-operator.io/kpitargets/status`.
fn used(place: &Place) -> BTreeSet<String> {
    let right = |event: AuditEvent| {
        let subresource = if event.subresource.is_empty() { String::new() } else { format!("/{}", event.subresource) };
        format!("{} {}/{}{subresource}", event.verb, event.api_group, event.resource)
    };
    asked(place).into_iter().map(right).collect()
}

/// The rights that the chart's roles grant the operator.
async fn granted(place: &Place) -> BTreeSet<String> {
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let mut rights = BTreeSet::new();
    for role in [["clusterrole", "bpo-operator", "--output=json"], ["role", "bpo-operator-lease", "--output=json"]] {
        let plane = place.installation.plane;
        let shown = plane.kubectl(&[&["get", "--namespace=bpo-system"][..], &role].concat()).await.unwrap();
        let role: Value = serde_json::from_str(&shown).unwrap();
        for rule in role["rules"].as_array().unwrap() {
            for group in texts(&rule["apiGroups"]) {
                for resource in texts(&rule["resources"]) {
                    rights.extend(texts(&rule["verbs"]).iter().map(|verb| format!("{verb} {group}/{resource}")));
                }
            }
        }
    }
    rights
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_the_operator_asks_is_refused_and_each_right_that_it_has_is_used() {
    let place = Place::fresh().await;
    let rows = hours("2026-01-01T00:00:00Z", "2026-02-20T09:00:00Z", 90);
    let dataset = Dataset::default().with_feed(INTERVALS, rows).with_token(TOKEN);
    let server = VendorServer::start(dataset).await.unwrap();
    place.apply(&manifests(&server.url(INTERVALS))).await;
    let operator = place.operator_with(&CLOCK);
    let is_final = |report: &Value| report["spec"]["state"] == "Final" && report["status"].is_object();
    place.wait_for("slar", "care-2026-01", "January is Final", is_final).await;
    let is_ready = |object: &Value| has(object, "Ready", "True", "Reconciled");
    for (kind, name) in [("vc", "care"), ("kpi", "level"), ("st", "gold")] {
        place.wait_for(kind, name, "it is ready", is_ready).await;
    }
    place.wait_for("cl", "spring", "it has a status", |launch| launch["status"]["decision"].is_string()).await;

    // Who changed terms is asked for, of each kind that has terms.
    for (kind, name, spec) in [
        ("kpi", "level", json!({"objective": {"target": 85}})),
        ("st", "gold", json!({"rank": 2})),
        ("vc", "care", json!({"contacts": [{"name": "sam", "party": "Client"}]})),
    ] {
        let patch = json!({"spec": spec}).to_string();
        place.kubectl(&["patch", kind, name, "--type=merge", "-p", &patch]).await;
    }
    for kind in ["kpitargets", "servicetiers", "vendorcontracts"] {
        let right = format!("get bpo-operator.io/{kind}");
        place.eventually(&right, async || used(&place).contains(&right).then_some(())).await;
    }
    assert_eq!(operator.stop().await, Some(0));

    let refused: Vec<AuditEvent> = asked(&place).into_iter().filter(|event| [401, 403].contains(&event.code)).collect();
    assert!(refused.is_empty(), "{refused:#?}");
    let (used, granted) = (used(&place), granted(&place).await);
    let otherwise: BTreeSet<String> = OTHERWISE.iter().map(|(right, _)| (*right).to_owned()).collect();
    assert_eq!(used.difference(&granted).collect::<Vec<_>>(), Vec::<&String>::new(), "asked without a right");
    assert_eq!(otherwise.difference(&granted).collect::<Vec<_>>(), Vec::<&String>::new(), "listed and not granted");
    let unused: Vec<&String> =
        granted.iter().filter(|right| !used.contains(*right) && !otherwise.contains(*right)).collect();
    assert_eq!(unused, Vec::<&String>::new(), "granted and not used");
}
