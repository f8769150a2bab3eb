//! The end of a contract's retention: its rows go, and what people see of it stays.

use serde_json::Value;

use crate::figures::hours;
use crate::harness::{Place, has};
use crate::judged::{contract, kpi};
use crate::vendor::{Dataset, INTERVALS, VendorServer};

/// Two years after the term; a day takes less than a second.
const CLOCK: [&str; 4] = ["--clock-start", "2028-02-20T09:00:00Z", "--clock-speed", "129600"];
const YEARS_LATER: [&str; 4] = ["--clock-start", "2032-03-20T09:00:00Z", "--clock-speed", "1"];

/// What an object says of figures and verdicts, without what only says how it is fetched, and when it was looked at.
fn seen(object: &Value) -> Value {
    let mut status = object["status"].clone();
    if let Some(members) = status.as_object_mut() {
        members.retain(|name, _| !matches!(name.as_str(), "lastHandledRequest" | "feeds"));
    }
    status
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_removed_after_the_retention_and_status_and_reports_stay_as_they_are() {
    let place = Place::fresh().await;
    let rows = hours("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", 70);
    let server = VendorServer::start(Dataset::default().with_feed(INTERVALS, rows)).await.unwrap();
    let level = kpi("level", "care", "kpi: ServiceLevel\nobjective: {target: 80}");
    let care = contract("care", "UTC", "Monthly", ("2026-01-01", "2026-01-31"), &server.url(INTERVALS));
    place.apply(&format!("{care}  retention: {{yearsAfterTerm: 1}}\n{level}")).await;
    let operator = place.operator_with(&CLOCK);
    let is_final = |report: &Value| report["spec"]["state"] == "Final" && report["status"].is_object();
    let signed = place.wait_for("slar", "care-2026-01", "January is Final", is_final).await;
    let settled =
        |care: &Value| has(care, "Ready", "True", "Reconciled") && has(care, "Consistent", "True", "ReportsHold");
    let judged = place.wait_for("vc", "care", "it is judged", settled).await;
    let verdict = |level: &Value| level["status"]["last"]["verdict"] == "Missed";
    let level = place.wait_for("kpi", "level", "a verdict", verdict).await;

    let removed = async || {
        let events = place.list("events").await;
        let is_it = |event: &Value| {
            event["reason"] == "EvidenceRetired"
                && event["message"].as_str().unwrap().contains(" rows of 2026 were removed")
        };
        events.into_iter().find(is_it)
    };
    let event =
        place.eventually_within(std::time::Duration::from_secs(90), "an Event that rows were removed", removed).await;
    assert_eq!(event["type"], "Normal");
    assert!(event["message"].as_str().unwrap().contains("744 rows of 2026 were removed"), "{event}");
    assert_eq!(operator.stop().await, Some(0));
    let (code, said) = place.verify();
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("744 rows of 2026 were removed at the end of the retention"), "{said}");
    let (code, shown, _) = place.plugin(&["retention", "--data-dir", crate::harness::path(&place.data_dir())]);
    assert!(code == 0 && shown.contains("744"), "{shown}");

    let operator = place.operator_with(&YEARS_LATER);
    operator.until_it_is_ready().await;
    place.kubectl(&["annotate", "vc", "care", "bpo-operator.io/requested-at=2032-03-20T09:00:00Z"]).await;
    let looked = |care: &Value| care["status"]["lastHandledRequest"] == "2032-03-20T09:00:00Z";
    let after = place.wait_for("vc", "care", "it was looked at again", looked).await;
    assert_eq!(seen(&after), seen(&judged));
    assert_eq!(seen(&place.get("kpi", "level").await.unwrap()), seen(&level));
    let report = place.get("slar", "care-2026-01").await.unwrap();
    assert_eq!((&report["spec"], &report["status"]), (&signed["spec"], &signed["status"]), "what was signed stays");

    // A term that goes on does not begin without a past.
    let longer = r#"{"spec": {"term": {"end": "2033-12-31"}}}"#;
    place.kubectl(&["patch", "vc", "care", "--type=merge", "-p", longer]).await;
    let refused = |care: &Value| has(care, "Ready", "False", "EvidenceUnavailable");
    let care = place.wait_for("vc", "care", "the longer term is refused", refused).await;
    assert_eq!(care["status"]["last"], judged["status"]["last"], "figures stay as they were judged");
    assert_eq!(operator.stop().await, Some(0));
}
