//! What is on record: relief that is corrected after Final, a past that a typo must not sign, and evidence that outlives its contract.
//! Each story ends with the operator and `evaluate --bundle` equal in whole statuses and reports, and a whole `verify`.

use serde_json::{Value, json};

use crate::figures::hours;
use crate::harness::{Place, condition, has, path};
use crate::judged::{contract, kpi};
use crate::statuses::{equals_its_bundle, verify};
use crate::vendor::{Dataset, FeedRow, INTERVALS, VendorServer};

/// A Friday: January ended on Saturday three weeks ago, and its 20 business days end on 27 February.
const FRIDAY: [&str; 4] = ["--clock-start", "2026-02-20T09:00:00Z", "--clock-speed", "1"];
/// The same morning, for an operator that is started again: what was recorded before lies behind it.
const LATER_THAT_MORNING: [&str; 4] = ["--clock-start", "2026-02-20T09:30:00Z", "--clock-speed", "1"];
/// Some time of the same day, for offline commands: nothing changes by time alone until then.
const THE_SAME_DAY: &str = "2026-02-20T09:50:00Z";
/// The business day after that Friday is over.
const TUESDAY: [&str; 4] = ["--clock-start", "2026-02-24T00:00:00Z", "--clock-speed", "1"];

const TERM: (&str, &str) = ("2026-01-01", "2026-12-31");
const TO: &str = "2026-02-20T09:00:00Z";

/// January at 80 %, except the 10th at 30 % and the 12th at 0 %: 75.8 % in all. February at 90 %.
fn rows() -> Vec<FeedRow> {
    let day = |day: u8, within| {
        hours(&format!("2026-01-{day:02}T00:00:00Z"), &format!("2026-01-{:02}T00:00:00Z", day + 1), within)
    };
    let mut rows = hours("2026-01-01T00:00:00Z", "2026-01-10T00:00:00Z", 80);
    rows.extend(day(10, 30));
    rows.extend(day(11, 80));
    rows.extend(day(12, 0));
    rows.extend(hours("2026-01-13T00:00:00Z", "2026-02-01T00:00:00Z", 80));
    rows.extend(hours("2026-02-01T00:00:00Z", TO, 90));
    rows
}

async fn vendor() -> VendorServer {
    VendorServer::start(Dataset::default().with_feed(INTERVALS, rows())).await.unwrap()
}

fn care(name: &str, server: &VendorServer) -> String {
    let contract = contract(name, "UTC", "Monthly", TERM, &server.url(INTERVALS));
    format!("{contract}  charges: {{currency: GBP, amount: \"100000.00\"}}\n")
}

/// A service level of 80 % over a queue, which costs 2 % of the charges when it is missed.
fn level(contract: &str, queue: &str) -> String {
    let spec = "kpi: ServiceLevel\nobjective: {target: 80}\nbands: [{severity: Minor, percent: 2}]";
    kpi(&format!("{contract}-level"), contract, spec)
        .replace("{feed: acd}", &format!("{{feed: acd, labels: {{queue: {queue}}}}}"))
}

fn line(report: &Value) -> &Value {
    &report["spec"]["kpis"][0]
}

async fn wait_report(place: &Place, name: &str, state: &str, verdict: &str) -> Value {
    place
        .wait_for("slar", name, &format!("{state}, {verdict}"), |report| {
            report["spec"]["state"] == state && line(report)["verdict"] == verdict && report["status"].is_object()
        })
        .await
}

async fn set_relief(place: &Place, relief: Value) {
    let patch = json!({"spec": {"relief": relief}}).to_string();
    place.kubectl(&["patch", "vc", "care", "--type=merge", "-p", &patch]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn relief_that_is_widened_and_then_rejected_after_final_is_restated_each_time() {
    let (place, server) = (Place::fresh().await, vendor().await);
    place.apply(&format!("{}{}", care("care", &server), level("care", "billing"))).await;
    let operator = place.operator_with(&FRIDAY);
    let signed = wait_report(&place, "care-2026-01", "Final", "Missed").await;

    let relief = |to: &str, decision: &str| {
        json!([{"name": "cut", "cause": "ForceMajeure", "from": "2026-01-10T00:00:00Z", "to": to, "decision": decision,
                "decidedAt": "2026-01-20T10:00:00Z"}])
    };
    set_relief(&place, relief("2026-01-11T00:00:00Z", "Accepted")).await;
    let narrow = wait_report(&place, "care-2026-01-r2", "Final", "Missed").await;
    assert_ne!(line(&narrow)["value"], line(&signed)["value"]);
    set_relief(&place, relief("2026-01-13T00:00:00Z", "Accepted")).await;
    let widened = wait_report(&place, "care-2026-01-r3", "Final", "Excused").await;
    assert_eq!(line(&widened)["excusedBy"], json!(["cut"]));
    assert_eq!(widened["spec"]["restates"]["creditDelta"], "-2000.00");
    assert_eq!(widened["spec"]["restates"]["bookedIn"], "2026-02");
    assert!(operator.stop().await.is_some());

    // Taken back, and seen by an operator that was started since.
    set_relief(&place, relief("2026-01-13T00:00:00Z", "Rejected")).await;
    let operator = place.operator_with(&LATER_THAT_MORNING);
    let rejected = wait_report(&place, "care-2026-01-r4", "Final", "Missed").await;
    assert_eq!(line(&rejected)["value"], line(&signed)["value"]);
    assert_eq!(rejected["spec"]["restates"]["creditDelta"], "2000.00");
    let status = place
        .wait_for("kpi", "care-level", "the status says what the report says", |kpi| {
            kpi["status"]["last"]["revision"] == 4 && kpi["status"]["last"]["verdict"] == "Missed"
        })
        .await;
    assert_eq!(status["status"]["last"]["value"], line(&rejected)["value"]);
    for (name, report) in [("care-2026-01", &signed), ("care-2026-01-r2", &narrow), ("care-2026-01-r3", &widened)] {
        assert_eq!(place.get("slar", name).await.unwrap()["spec"], report["spec"], "{name} stays as it was signed");
    }
    assert!(!operator.log().contains("contradicts the evidence"), "{}", operator.log());
    let bundle = equals_its_bundle(&place, "care", THE_SAME_DAY).await;
    verify(&place, path(&bundle)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_typo_in_a_queue_s_name_signs_nothing_and_a_past_closes_a_business_day_after_its_first_judgement() {
    let (place, server) = (Place::fresh().await, vendor().await);
    let young = care("young", &server).replace("  firstCloseAfter: 0h\n", "");
    let manifests = [
        care("care", &server) + &level("care", "biling"),
        care("later", &server) + &level("later", "claims").replace("{queue: claims}", "{queue: claims}, expect: Later"),
        young + &level("young", "billing"),
    ];
    place.apply(&manifests.concat()).await;
    let operator = place.operator_with(&FRIDAY);
    let typo =
        place.wait_for("kpi", "care-level", "NoRowsMatch", |kpi| has(kpi, "Ready", "False", "NoRowsMatch")).await;
    let conditions = typo["status"]["conditions"].as_array().unwrap();
    let ready = conditions.iter().find(|condition| condition["type"] == "Ready").unwrap();
    let message = ready["message"].as_str().unwrap();
    assert!(message.contains("queue=biling") && message.contains("queue=billing"), "{message}");
    wait_report(&place, "care-2026-01", "Provisional", "NoData").await;
    // Who says that the queue starts later is ready, and holds nothing.
    wait_report(&place, "later-2026-01", "Final", "NoData").await;
    place.wait_for("kpi", "later-level", "ready", |kpi| has(kpi, "Ready", "True", "Reconciled")).await;
    // By default nothing of the past is signed on the day of the first judgement.
    wait_report(&place, "young-2026-01", "Provisional", "Missed").await;

    let patch = json!({"spec": {"source": {"labels": {"queue": "billing"}}}}).to_string();
    place.kubectl(&["patch", "kpi", "care-level", "--type=merge", "-p", &patch]).await;
    wait_report(&place, "care-2026-01", "Final", "Missed").await;
    let level = place
        .wait_for("kpi", "care-level", "final", |kpi| {
            kpi["status"]["last"]["state"] == "Final" && has(kpi, "Ready", "True", "Reconciled")
        })
        .await;
    assert_eq!(condition(&level, "SLACompliant"), ("False".into(), "TargetMissed".into()));
    assert_eq!(place.get("slar", "young-2026-01").await.unwrap()["spec"]["state"], "Provisional");
    for contract in ["care", "later", "young"] {
        equals_its_bundle(&place, contract, THE_SAME_DAY).await;
    }
    assert!(operator.stop().await.is_some());

    let _operator = place.operator_with(&TUESDAY);
    let signed = wait_report(&place, "young-2026-01", "Final", "Missed").await;
    assert_eq!(signed["spec"]["revision"], 1);
}

fn going_on_with(manifests: &str, name: &str, uid: &str) -> String {
    let metadata = format!("metadata: {{name: {name}}}\n");
    let annotated = format!("metadata: {{name: {name}, annotations: {{bpo-operator.io/evidence-of: \"{uid}\"}}}}\n");
    manifests.replacen(&metadata, &annotated, 1)
}

async fn event(place: &Place, name: &str, reason: &str) -> String {
    let announced = async || {
        let events = place.list("events").await;
        let found = events.iter().find(|event| event["involvedObject"]["name"] == name && event["reason"] == reason);
        found.map(|event| event["message"].as_str().unwrap().to_owned())
    };
    place.eventually(&format!("an Event {reason} on {name}"), announced).await
}

async fn uid(place: &Place) -> String {
    place.get("vc", "care").await.unwrap()["metadata"]["uid"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contract_restored_under_a_new_uid_goes_on_with_its_evidence_and_another_one_does_not() {
    let (place, server) = (Place::fresh().await, vendor().await);
    let manifests = care("care", &server) + &level("care", "billing");
    place.apply(&manifests).await;
    let operator = place.operator_with(&FRIDAY);
    let signed = wait_report(&place, "care-2026-01", "Final", "Missed").await;
    let first = uid(&place).await;

    // Not while it exists, nor for another name.
    place.apply(&going_on_with(&(care("bank", &server) + &level("bank", "billing")), "bank", &first)).await;
    let refused = event(&place, "bank", "EvidenceNotAdopted").await;
    assert!(refused.contains("/care"), "{refused}");
    wait_report(&place, "bank-2026-01", "Final", "Missed").await;

    place.kubectl(&["delete", "vc/care", "kpi/care-level"]).await;
    place.apply(&going_on_with(&manifests, "care", &first)).await;
    let adopted = event(&place, "care", "EvidenceAdopted").await;
    assert!(adopted.contains(&first), "{adopted}");
    let second = uid(&place).await;
    assert_ne!(first, second);
    place
        .wait_for("kpi", "care-level", "the past is there at once", |kpi| {
            kpi["status"]["last"]["state"] == "Final" && kpi["status"]["last"]["verdict"] == "Missed"
        })
        .await;

    // What changes the past from now on is a revision of the same report.
    let relief = json!([{"name": "cut", "cause": "ForceMajeure", "from": "2026-01-10T00:00:00Z", "to": "2026-01-13T00:00:00Z",
                         "decision": "Accepted", "decidedAt": "2026-01-20T10:00:00Z"}]);
    set_relief(&place, relief).await;
    let restated = wait_report(&place, "care-2026-01-r2", "Final", "Excused").await;
    assert_eq!(restated["spec"]["restates"]["report"], "care-2026-01");
    assert_eq!(restated["status"]["contractUid"], first.as_str(), "under which its evidence is found");
    assert_eq!(place.get("slar", "care-2026-01").await.unwrap()["spec"], signed["spec"]);
    let reports = place.list("slar").await;
    let names: Vec<&str> = reports.iter().map(|report| report["metadata"]["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["bank-2026-01", "care-2026-01", "care-2026-01-r2"]);

    // It is known after a restart too, without the annotation.
    assert!(operator.stop().await.is_some());
    place.kubectl(&["annotate", "vc", "care", "bpo-operator.io/evidence-of-"]).await;
    let _operator = place.operator_with(&LATER_THAT_MORNING);
    place.kubectl(&["patch", "vc", "care", "--type=merge", "-p", r#"{"spec": {"relief": null}}"#]).await;
    wait_report(&place, "care-2026-01-r3", "Final", "Missed").await;
    let status =
        place.wait_for("kpi", "care-level", "the third revision", |kpi| kpi["status"]["last"]["revision"] == 3).await;
    assert_eq!(status["status"]["last"]["verdict"], "Missed");
    let bundle = equals_its_bundle(&place, "care", THE_SAME_DAY).await;
    let exported = std::fs::read_to_string(&bundle).unwrap();
    assert!(exported.contains("EvidenceAdopted") && exported.contains(&second), "the bundle says who went on with it");
}
