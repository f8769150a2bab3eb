//! What goes with a contract and what stays, and that a successor of its name is another contract.

use std::collections::BTreeMap;

use serde_json::Value;

use bpo_operator::domain::measuring::row::Row;
use bpo_operator::evidence::EvidenceStore;
use bpo_operator::evidence::sqlite::SqliteStore;

use crate::figures::hours;
use crate::harness::{Place, has};
use crate::judged::{contract, kpi};
use crate::vendor::{Dataset, INTERVALS, VendorServer};

/// December's report is Final by then, January's Provisional, February runs.
const CLOCK: [&str; 4] = ["--clock-start", "2026-02-10T00:00:00Z", "--clock-speed", "1"];
const FROM: &str = "2025-12-15T00:00:00Z";
const TO: &str = "2026-02-10T00:00:00Z";
const TERM: (&str, &str) = ("2025-12-15", "2026-12-31");

fn manifests(url: &str) -> String {
    let level = kpi("care-level", "care", "kpi: ServiceLevel\nobjective: {target: 80}");
    format!("{}{level}", contract("care", "UTC", "Monthly", TERM, url))
}

async fn wait_report(place: &Place, name: &str, state: &str, verdict: &str) -> Value {
    place
        .wait_for("slar", name, &format!("{state}, {verdict}"), |report| {
            report["spec"]["state"] == state
                && report["spec"]["kpis"][0]["verdict"] == verdict
                && report["status"].is_object()
        })
        .await
}

async fn uid(place: &Place) -> String {
    place.get("vc", "care").await.unwrap()["metadata"]["uid"].as_str().unwrap().to_owned()
}

fn series_of(metrics: &str, namespace: &str) -> Vec<String> {
    let label = format!("namespace=\"{namespace}\"");
    metrics.lines().filter(|line| line.contains(&label)).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_contract_leaves_what_was_signed_and_a_successor_begins_empty() {
    let place = Place::fresh().await;
    let dataset = Dataset::default().with_feed(INTERVALS, hours(FROM, TO, 90));
    let server = VendorServer::start(dataset).await.unwrap();
    place.apply(&manifests(&server.url(INTERVALS))).await;
    let operator = place.operator_with(&CLOCK);
    let signed = wait_report(&place, "care-2025-12", "Final", "Met").await;
    let provisional = wait_report(&place, "care-2026-01", "Provisional", "Met").await;
    place.wait_for("kpi", "care-level", "judged", |kpi| kpi["status"]["last"]["verdict"] == "Met").await;
    let first = uid(&place).await;
    assert_eq!(provisional["metadata"]["ownerReferences"][0]["uid"], first.as_str());
    let shown = series_of(&operator.http("/metrics").await.1, &place.namespace);
    for name in ["bpo_contract_score", "bpo_kpi_value", "bpo_feed_fetches_total", "bpo_feed_watermark"] {
        assert!(shown.iter().any(|line| line.starts_with(name)), "{name} is missing in {shown:#?}");
    }

    place.kubectl(&["delete", "kpi", "care-level"]).await;
    place.kubectl(&["delete", "vc", "care"]).await;
    let gone = async || place.get("slar", "care-2026-01").await.is_none().then_some(());
    place.eventually("the provisional report goes with its contract", gone).await;
    let no_series = async || series_of(&operator.http("/metrics").await.1, &place.namespace).is_empty().then_some(());
    place.eventually("the series of the contract go", no_series).await;
    still_signed(&place, &signed).await;

    server.publish(INTERVALS, hours(FROM, TO, 50));
    place.apply(&manifests(&server.url(INTERVALS))).await;
    let second = uid(&place).await;
    let suffix: String = second.chars().filter(char::is_ascii_hexdigit).take(8).collect();
    let own = wait_report(&place, &format!("care-2025-12-u{suffix}"), "Final", "Missed").await;
    assert_eq!(own["status"]["contractUid"], second.as_str());
    assert_eq!(own["spec"]["kpis"][0]["value"], "50", "nothing of the predecessor's figures is in it");
    wait_report(&place, "care-2026-01", "Provisional", "Missed").await;
    place
        .wait_for("vc", "care", "the successor is judged", |contract| {
            has(contract, "SLACompliant", "False", "TargetMissed")
        })
        .await;
    still_signed(&place, &signed).await;

    assert_eq!(operator.stop().await, Some(0));
    let (code, verified) = place.verify();
    assert_eq!(code, 0, "{verified}");
    let expected = hours(FROM, TO, 0).len();
    for (contract, within) in [(&first, "90"), (&second, "50")] {
        let counted: BTreeMap<String, usize> = count(&rows(&place, contract).await, "answeredWithin");
        assert_eq!(counted, BTreeMap::from([(within.to_owned(), expected)]), "the evidence of {contract}");
    }
}

/// The Final report is unchanged, has no owner, and cannot be deleted.
async fn still_signed(place: &Place, signed: &Value) {
    let (deleted, answer) = place.try_kubectl(&["delete", "slar", "care-2025-12", "--wait=false"], "").await;
    assert!(!deleted && answer.contains("is Final"), "{answer}");
    let now = place.get("slar", "care-2025-12").await.unwrap();
    assert_eq!(now["spec"], signed["spec"]);
    assert_eq!(now["metadata"]["uid"], signed["metadata"]["uid"]);
    assert_eq!(now["metadata"]["resourceVersion"], signed["metadata"]["resourceVersion"], "nobody touched it");
    assert!(now["metadata"]["ownerReferences"].is_null());
}

async fn rows(place: &Place, contract: &str) -> Vec<Row> {
    let store = SqliteStore::open_for_reading(&place.data_dir()).unwrap();
    store.rows(contract, "acd", 0).await.unwrap()
}

/// How often a measure has each value.
fn count(rows: &[Row], measure: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for row in rows {
        *counts.entry(row.measures[measure].to_string()).or_default() += 1;
    }
    counts
}
