//! A Final report that says something else than the evidence: it is left as it is, and nobody can miss it.

use serde_json::{Value, json};

use crate::figures::hours;
use crate::harness::{Operator, Place, has};
use crate::judged::{contract, kpi};
use crate::upgrade::Etcd;
use crate::vendor::{Dataset, INTERVALS, VendorServer};

/// The day after January closed for good.
const CLOCK: [&str; 4] = ["--clock-start", "2026-02-20T09:00:00Z", "--clock-speed", "1"];
const REPORT: &str = "care-2026-01";

/// Stores a report with other members of its spec, past every rule of the API server, as somebody with etcd or an older definition could.
async fn alter(place: &Place, alter: impl FnOnce(&mut Value)) {
    let etcd = Etcd::of(place.installation.plane);
    let key = format!("/registry/bpo-operator.io/slareports/{}/{REPORT}", place.namespace);
    let mut report: Value = serde_json::from_str(&etcd.get(&key).await.unwrap()).unwrap();
    alter(&mut report["spec"]);
    let generation = report["metadata"]["generation"].as_i64().unwrap();
    report["metadata"]["generation"] = json!(generation + 1);
    etcd.put(&key, &report.to_string()).await;
}

/// What the metrics say of a contract's reports: 1 where all of them follow from the evidence.
async fn consistent(operator: &Operator, contract: &str) -> Option<f64> {
    let metrics = operator.http("/metrics").await.1;
    let is_of_it = |line: &&str| {
        line.starts_with("bpo_contract_consistent{") && line.contains(&format!("contract=\"{contract}\""))
    };
    metrics.lines().find(is_of_it)?.rsplit(' ').next()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_final_report_that_the_evidence_contradicts_is_shown_by_a_condition_an_event_and_a_metric_and_stays() {
    let place = Place::fresh().await;
    let rows = hours("2026-01-01T00:00:00Z", "2026-02-20T09:00:00Z", 90);
    let server = VendorServer::start(Dataset::default().with_feed(INTERVALS, rows)).await.unwrap();
    let manifests = |name: &str| {
        let contract = contract(name, "UTC", "Monthly", ("2026-01-01", "2026-12-31"), &server.url(INTERVALS));
        contract + &kpi(&format!("{name}-level"), name, "kpi: ServiceLevel\nobjective: {target: 80}")
    };
    place.apply(&(manifests("care") + &manifests("other"))).await;
    let operator = place.operator_with(&CLOCK);
    let is_final = |report: &Value| report["spec"]["state"] == "Final" && report["status"].is_object();
    let holds = |contract: &Value| has(contract, "Consistent", "True", "ReportsHold");
    for name in ["care", "other"] {
        place.wait_for("slar", &format!("{name}-2026-01"), "January is Final", is_final).await;
        place.wait_for("vc", name, "its reports hold", holds).await;
    }
    let signed = place.get("slar", REPORT).await.unwrap();
    assert_eq!(signed["spec"]["kpis"][0]["verdict"], "Met");

    alter(&place, |spec| spec["kpis"][0]["verdict"] = json!("Missed")).await;
    let contradicted = |contract: &Value| has(contract, "Consistent", "False", "ReportContradicted");
    let care = place.wait_for("vc", "care", "the contradiction is shown", contradicted).await;
    let conditions = care["status"]["conditions"].as_array().unwrap();
    let message = conditions.iter().find(|one| one["type"] == "Consistent").unwrap()["message"].as_str().unwrap();
    assert!(message.contains(REPORT), "{message}");
    let announced = async || {
        let events = place.list("events").await;
        let announced: Vec<Value> =
            events.into_iter().filter(|event| event["reason"] == "ReportContradicted").collect();
        (!announced.is_empty()).then_some(announced)
    };
    let events = place.eventually("an Event ReportContradicted", announced).await;
    assert_eq!(events.len(), 1, "{events:#?}");
    assert_eq!(events[0]["involvedObject"]["name"], "care", "{events:#?}");
    let zero = async || (consistent(&operator, "care").await == Some(0.0)).then_some(());
    place.eventually("the metric says so", zero).await;
    assert_eq!(consistent(&operator, "other").await, Some(1.0), "a neighbour's reports hold");
    let stored = place.get("slar", REPORT).await.unwrap();
    assert_eq!(stored["spec"]["kpis"][0]["verdict"], "Missed", "a Final report is written by nobody again");

    alter(&place, |spec| *spec = signed["spec"].clone()).await;
    place.wait_for("vc", "care", "its reports hold again", holds).await;
    let one = async || (consistent(&operator, "care").await == Some(1.0)).then_some(());
    place.eventually("the metric says so", one).await;
    assert_eq!(operator.stop().await, Some(0));
}
