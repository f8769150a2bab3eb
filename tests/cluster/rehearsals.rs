//! A rehearsal beside a real operator: each works in its own namespaces, and everything that a rehearsal writes says so.

use crate::figures::hours;
use crate::harness::{Hand, Operator, Place, has};
use crate::judged::{contract, kpi};
use crate::receiver::{Received, Receiver};
use crate::vendor::{Dataset, INTERVALS, VendorServer};

const CLOCK: [&str; 4] = ["--clock-start", "2026-02-10T00:00:00Z", "--clock-speed", "1"];
const TIER: &str = "{apiVersion: bpo-operator.io/v1alpha1, kind: ServiceTier, metadata: {name: gold}, spec: {rank: 1}}";

/// How many reconciles of ServiceTiers ended so.
async fn tiers(operator: &Operator, outcome: &str) -> f64 {
    let (_, metrics) = operator.http("/metrics").await;
    let of_tiers = |line: &&str| line.contains("\"ServiceTier\"") && line.contains(outcome);
    let lines = metrics.lines().filter(|line| line.starts_with("bpo_reconciles_total{")).filter(of_tiers);
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_operator_works_only_in_the_namespaces_of_its_clock() {
    let place = Place::fresh().await;
    place.label_for_rehearsals();
    place.apply(TIER).await;
    let real = place.operator();
    real.until_it_is_ready().await;
    let skipped = async || (tiers(&real, "skipped").await >= 1.0).then_some(());
    place.eventually("the real operator passes the tier over", skipped).await;
    assert!(
        place.get("st", "gold").await.unwrap()["status"].is_null(),
        "a rehearsal's object is nobody's but a rehearsal's"
    );

    let rehearsal = place.operator_on(&place.folder.path().join("rehearsal"), &CLOCK, "info");
    place.wait_for("st", "gold", "the rehearsal works", |tier| has(tier, "Ready", "True", "Reconciled")).await;
    assert_eq!(tiers(&real, "completed").await, 0.0);

    place
        .installation
        .plane
        .kubectl(&["label", "namespace", &place.namespace, "bpo-operator.io/rehearsal-"])
        .await
        .unwrap();
    let completed = async || (tiers(&real, "completed").await >= 1.0).then_some(());
    place.eventually("the real operator takes the namespace over", completed).await;
    rehearsal.until_it_says("this operator does not work here").await;
    place
        .apply("{apiVersion: bpo-operator.io/v1alpha1, kind: ServiceTier, metadata: {name: silver}, spec: {rank: 2}}")
        .await;
    let passed = async || (tiers(&rehearsal, "skipped").await >= 1.0).then_some(());
    place.eventually("the rehearsal passes the new tier over", passed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rehearsal_says_so_in_its_events_and_reports_and_sends_alerts_only_when_asked_to() {
    let place = Place::fresh().await;
    let rows = hours("2026-01-01T00:00:00Z", "2026-02-10T00:00:00Z", 70);
    let server = VendorServer::start(Dataset::default().with_feed(INTERVALS, rows)).await.unwrap();
    let receiver = Receiver::start().await;
    let hook = format!("  alerts: [{{name: hook, webhook: {{url: \"{}/bpo\"}}}}]\n", receiver.url());
    let contract = contract("care", "UTC", "Monthly", ("2026-01-01", "2026-01-31"), &server.url(INTERVALS));
    let level = kpi("level", "care", "kpi: ServiceLevel\nobjective: {target: 80}");
    place.apply(&format!("{contract}{hook}{level}")).await;
    let loopback = ["--alert-allow-network", "127.0.0.0/8"];
    let silent = place.operator_with(&[&CLOCK[..], &loopback].concat());
    let missed = async || {
        let events = place.list("events").await;
        let found = events.iter().filter(|event| event["reason"] == "TargetMissed").count();
        (found > 0).then_some(events)
    };
    let events = place.eventually("an Event reports the miss", missed).await;
    let unmarked = |event: &&serde_json::Value| !event["message"].as_str().unwrap().starts_with("REHEARSAL: ");
    assert_eq!(events.iter().filter(unmarked).count(), 0, "{events:#?}");
    let report = place.wait_for("slar", "care-2026-01", "it is Final", |report| report["status"].is_object()).await;
    assert_eq!(report["status"]["clock"], "Rehearsal");
    assert_eq!(silent.stop().await, Some(0));
    assert!(receiver.received().is_empty(), "nobody was notified of a rehearsal");

    let _marked = place.operator_with(&[&CLOCK[..], &loopback, &["--rehearsal-alerts"]].concat());
    receiver.until("the alert arrives", |received| !received.is_empty()).await;
    let alerts: Vec<_> = receiver.received().iter().flat_map(Received::alerts).collect();
    for alert in &alerts {
        assert_eq!(alert["labels"]["rehearsal"], "true", "{alert:#}");
        assert!(alert["summary"].as_str().unwrap().starts_with("REHEARSAL: "), "{alert:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_clock_that_is_set_back_takes_back_nothing_that_is_final() {
    let place = Place::fresh().await;
    let rows = hours("2026-01-01T00:00:00Z", "2026-03-01T00:00:00Z", 90);
    let server = VendorServer::start(Dataset::default().with_feed(INTERVALS, rows)).await.unwrap();
    let contract = contract("care", "UTC", "Monthly", ("2026-01-01", "2026-03-31"), &server.url(INTERVALS));
    place.apply(&format!("{contract}{}", kpi("level", "care", "kpi: ServiceLevel\nobjective: {target: 80}"))).await;
    let final_february = |object: &serde_json::Value| {
        let last = &object["status"]["last"];
        last["name"] == "2026-02" && last["state"] == "Final" && has(object, "SLACompliant", "True", "TargetMet")
    };
    let operator = place.operator_with(&Hand::at(&place, "2026-03-20T12:00:00Z").flags());
    place.wait_for("kpi", "level", "February is final", final_february).await;
    place.wait_for("vc", "care", "February is final", final_february).await;
    for report in ["care-2026-01", "care-2026-02"] {
        place.wait_for("slar", report, "is final", |report| report["spec"]["state"] == "Final").await;
    }
    assert_eq!(operator.stop().await, Some(0));
    // An hour ago the past was not closed yet; two weeks ago February was not over.
    for instant in ["2026-03-20T11:00:00Z", "2026-02-24T12:00:00Z"] {
        let operator = place.operator_with(&Hand::at(&place, instant).flags());
        let looked = async || {
            let (_, metrics) = operator.http("/metrics").await;
            let done = |kind: &str| {
                let mut lines = metrics.lines().filter(|line| line.starts_with("bpo_reconciles_total{"));
                lines.any(|line| line.contains(kind) && line.contains("completed"))
            };
            (done("VendorContract") && done("KpiTarget")).then_some(())
        };
        place.eventually("both are looked at", looked).await;
        for (kind, name) in [("vc", "care"), ("kpi", "level")] {
            let object = place.get(kind, name).await.unwrap();
            assert!(final_february(&object), "{kind} {name} at {instant}: {:#}", object["status"]);
        }
        let reports = place.list("slar").await;
        assert!(reports.len() == 2 && reports.iter().all(|report| report["spec"]["state"] == "Final"), "{reports:#?}");
        assert_eq!(operator.stop().await, Some(0));
    }
}
