//! A store that was restored from a backup lacks rows that signed reports rest on.

use crate::figures::hours;
use crate::harness::{Place, has};
use crate::judged::{contract, kpi};
use crate::vendor::{Dataset, INTERVALS, VendorServer};

/// The day after January closed for good.
const CLOCK: [&str; 4] = ["--clock-start", "2026-02-20T09:00:00Z", "--clock-speed", "1"];
const LATER: [&str; 4] = ["--clock-start", "2026-02-20T09:30:00Z", "--clock-speed", "1"];

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_lost_rows_of_a_signed_report_is_neither_judged_nor_fetched_into_until_it_is_back() {
    let place = Place::fresh().await;
    let rows = hours("2026-01-01T00:00:00Z", "2026-02-20T09:00:00Z", 90);
    let server = VendorServer::start(Dataset::default().with_feed(INTERVALS, rows)).await.unwrap();
    let level = kpi("level", "care", "kpi: ServiceLevel\nobjective: {target: 80}");
    let term = ("2026-01-01", "2026-12-31");
    place.apply(&format!("{}{level}", contract("care", "UTC", "Monthly", term, &server.url(INTERVALS)))).await;
    let operator = place.operator_with(&CLOCK);
    let is_final = |report: &serde_json::Value| report["spec"]["state"] == "Final";
    let signed = place.wait_for("slar", "care-2026-01", "January is Final", is_final).await;
    let settled = |care: &serde_json::Value| {
        has(care, "Ready", "True", "Reconciled") && has(care, "Consistent", "True", "ReportsHold")
    };
    let judged = place.wait_for("vc", "care", "it is judged", settled).await;
    assert_eq!(operator.stop().await, Some(0));

    // A backup of before the first fetch is in the place of the volume.
    let volume = place.folder.path().join("lost");
    std::fs::rename(place.data_dir(), &volume).unwrap();
    let operator = place.operator_with(&LATER);
    let lost = |care: &serde_json::Value| has(care, "Ready", "False", "EvidenceUnavailable");
    let care = place.wait_for("vc", "care", "the loss is reported", lost).await;
    for figure in ["last", "kpis", "credits", "period"] {
        assert_eq!(care["status"][figure], judged["status"][figure], "{figure} stays as it was judged by all rows");
    }
    let announced = async || {
        let events = place.list("events").await;
        events.iter().any(|event| event["reason"] == "StoreRolledBack").then_some(())
    };
    place.eventually("an Event StoreRolledBack", announced).await;
    // A new contract is judged: the loss of one contract stops no other.
    let other = kpi("other-level", "other", "kpi: ServiceLevel\nobjective: {target: 80}");
    place.apply(&format!("{}{other}", contract("other", "UTC", "Monthly", term, &server.url(INTERVALS)))).await;
    place.wait_for("kpi", "other-level", "a verdict", |level| level["status"]["last"]["verdict"] == "Met").await;
    let metrics = operator.http("/metrics").await.1;
    let fetched = |contract: &str| {
        metrics.lines().any(|line| {
            line.starts_with("bpo_feed_fetches_total{")
                && line.contains(&format!("contract=\"{contract}\""))
                && !line.ends_with(" 0")
        })
    };
    assert!(fetched("other") && !fetched("care"), "rows that came now would take the numbers of those that are lost");
    assert_eq!(operator.stop().await, Some(0));

    std::fs::rename(place.data_dir(), place.folder.path().join("backup")).unwrap();
    std::fs::rename(&volume, place.data_dir()).unwrap();
    let _operator = place.operator_with(&LATER);
    place.wait_for("vc", "care", "the store is back", settled).await;
    let report = place.get("slar", "care-2026-01").await.unwrap();
    assert_eq!(report["spec"], signed["spec"], "what was signed stays");
}
