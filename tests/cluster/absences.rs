//! An operator that was away when a period would have become Final: what the vendor had by then is in the report, and a feed that goes on
//! failing holds it no longer than its silence would.

use serde_json::{Value, json};

use crate::figures::hours;
use crate::harness::{Place, path};
use crate::judged::{contract, kpi};
use crate::statuses::{equals_its_bundle, export, verify};
use crate::vendor::{Dataset, Fault, FeedRow, INTERVALS, VendorServer};

/// Before January is over, and for an operator that is away from then on until its ten business days have passed, on 13 February.
const JANUARY: [&str; 4] = ["--clock-start", "2026-01-25T09:00:00Z", "--clock-speed", "1"];
const BACK: [&str; 4] = ["--clock-start", "2026-02-20T09:00:00Z", "--clock-speed", "1"];
/// The same, but that three days pass in 36 seconds.
const BACK_AND_ON: [&str; 4] = ["--clock-start", "2026-02-20T09:00:00Z", "--clock-speed", "7200"];
/// After nine further months have ended, which the vendor is asked for in windows of a month.
const BACK_IN_AUTUMN: [&str; 4] = ["--clock-start", "2026-11-20T09:00:00Z", "--clock-speed", "1"];
/// Nothing changes by time alone until then.
const THE_SAME_DAY: &str = "2026-02-20T09:50:00Z";
/// No wait for manifests that are applied one after the other.
const AT_ONCE: [&str; 2] = ["--settle-seconds", "0"];

/// January at 90 % until the operator goes, and at 50 % from then on.
fn rows() -> Vec<FeedRow> {
    let mut rows = hours("2026-01-01T00:00:00Z", "2026-01-25T09:00:00Z", 90);
    rows.extend(hours("2026-01-25T09:00:00Z", "2026-12-01T00:00:00Z", 50));
    rows
}

/// A vendor and a contract that was judged in January by an operator that has gone since.
async fn left_alone() -> (Place, VendorServer) {
    let (place, server) =
        (Place::fresh().await, VendorServer::start(Dataset::default().with_feed(INTERVALS, rows())).await.unwrap());
    let term = ("2026-01-01", "2026-12-31");
    let level = kpi("level", "care", "kpi: ServiceLevel\nobjective: {target: 80}");
    place.apply(&(contract("care", "UTC", "Monthly", term, &server.url(INTERVALS)) + &level)).await;
    let operator = place.operator_with(&[&JANUARY[..], &AT_ONCE].concat());
    place.wait_for("kpi", "level", "January runs", |kpi| kpi["status"]["current"]["value"] == "90").await;
    assert_eq!(operator.stop().await, Some(0));
    (place, server)
}

async fn january(place: &Place, state: &str) -> Value {
    let what = format!("January is {state}");
    let is_judged = |report: &Value| report["spec"]["state"] == state && report["status"].is_object();
    place.wait_for("slar", "care-2026-01", &what, is_judged).await
}

fn line(report: &Value) -> Value {
    let line = &report["spec"]["kpis"][0];
    json!([report["spec"]["revision"], line["numerator"], line["denominator"], line["verdict"]])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_period_that_ended_while_nobody_asked_waits_for_the_rows_that_the_vendor_has() {
    let (place, server) = left_alone().await;
    server.fail(INTERVALS, Some(Fault::Status(503, None)));
    let operator = place.operator_with(&[&BACK[..], &AT_ONCE].concat());
    let fails = |contract: &Value| contract["status"]["feeds"][0]["reason"] == "Status";
    place.wait_for("vc", "care", "the feed fails", fails).await;
    let known = january(&place, "Provisional").await;
    assert_eq!(line(&known), json!([1, "52650", "58500", "Met"]), "585 hours of January are known");
    let recorded = async || {
        let bundle = std::fs::read_to_string(export(&place, "care", "waiting.bundle")).unwrap();
        bundle.contains("PeriodHeld").then_some(())
    };
    place.eventually("it is on record that January waits", recorded).await;

    server.fail(INTERVALS, None);
    let signed = january(&place, "Final").await;
    assert_eq!(line(&signed), json!([1, "60600", "74400", "Met"]), "all 744 hours: 585 at 90 % and 159 at 50 %");
    let bundle = equals_its_bundle(&place, "care", THE_SAME_DAY).await;
    verify(&place, path(&bundle)).await;
    let names: Vec<Value> = place.list("slar").await.iter().map(|report| report["metadata"]["name"].clone()).collect();
    assert_eq!(names, ["care-2026-01"], "nothing contradicts it");
    assert!(!operator.log().contains("contradicts the evidence"), "{}", operator.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_first_fetch_after_an_absence_brings_is_in_the_report_too() {
    let (place, _server) = left_alone().await;
    let _operator = place.operator_with(&[&BACK[..], &AT_ONCE].concat());
    let signed = january(&place, "Final").await;
    assert_eq!(line(&signed), json!([1, "60600", "74400", "Met"]));
    let bundle = equals_its_bundle(&place, "care", THE_SAME_DAY).await;
    verify(&place, path(&bundle)).await;
    assert_eq!(place.list("slar").await.len(), 1, "nothing restates it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_that_goes_on_failing_holds_a_period_no_longer_than_its_silence() {
    let (place, server) = left_alone().await;
    server.fail(INTERVALS, Some(Fault::Status(503, None)));
    let operator = place.operator_with(&[&BACK_AND_ON[..], &AT_ONCE].concat());
    january(&place, "Provisional").await;
    let signed = january(&place, "Final").await;
    assert_eq!(line(&signed), json!([1, "52650", "58500", "Met"]), "the hours that are known");
    assert_eq!(operator.stop().await, Some(0));
    let bundle = export(&place, "care", "silent.bundle");
    verify(&place, path(&bundle)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_month_of_a_long_absence_is_signed_once_with_all_of_its_rows() {
    let (place, _server) = left_alone().await;
    let _operator = place.operator_with(&[&BACK_IN_AUTUMN[..], &AT_ONCE].concat());
    let signed = async || {
        let reports = place.list("slar").await;
        let count = reports.iter().filter(|report| report["spec"]["state"] == "Final").count();
        (count >= 10).then_some(reports)
    };
    let reports = place.eventually("ten months are signed", signed).await;
    let shown = |report: &Value| json!([report["metadata"]["name"], line(report)]);
    let expected = [
        json!(["care-2026-01", [1, "60600", "74400", "Met"]]),
        json!(["care-2026-02", [1, "33600", "67200", "Missed"]]),
        json!(["care-2026-03", [1, "37200", "74400", "Missed"]]),
        json!(["care-2026-04", [1, "36000", "72000", "Missed"]]),
        json!(["care-2026-05", [1, "37200", "74400", "Missed"]]),
        json!(["care-2026-06", [1, "36000", "72000", "Missed"]]),
        json!(["care-2026-07", [1, "37200", "74400", "Missed"]]),
        json!(["care-2026-08", [1, "37200", "74400", "Missed"]]),
        json!(["care-2026-09", [1, "36000", "72000", "Missed"]]),
        json!(["care-2026-10", [1, "37200", "74400", "Missed"]]),
    ];
    assert_eq!(reports.iter().map(shown).collect::<Vec<Value>>(), expected);
    let bundle = equals_its_bundle(&place, "care", "2026-11-20T09:50:00Z").await;
    verify(&place, path(&bundle)).await;
}
