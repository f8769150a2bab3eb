//! A vendor's figures become a verdict that people see.

use jiff::civil::date;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::harness::{Place, has};
use crate::vendor::{Dataset, INTERVALS, VendorServer};

/// A contract over one feed of a vendor's server, whose past closes with its first judgement.
pub(crate) fn contract(name: &str, zone: &str, period: &str, term: (&str, &str), url: &str) -> String {
    format!(
        "---
apiVersion: bpo-operator.io/v1alpha1
kind: VendorContract
metadata: {{name: {name}}}
spec:
  vendor: {{name: Acme Contact Services}}
  term: {{start: {}, end: {}}}
  timeZone: {zone}
  firstCloseAfter: 0h
  period: {period}
  feeds: [{{name: acd, url: \"{url}\", interval: 30s}}]
",
        term.0, term.1
    )
}

/// A KpiTarget of a contract.
pub(crate) fn kpi(name: &str, contract: &str, spec: &str) -> String {
    format!(
        "---
apiVersion: bpo-operator.io/v1alpha1
kind: KpiTarget
metadata: {{name: {name}}}
spec:
  contractRef: {{name: {contract}}}
  source: {{feed: acd}}
{}
",
        spec.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
    )
}

fn line<'a>(report: &'a Value, name: &str) -> &'a Value {
    report["spec"]["kpis"].as_array().unwrap().iter().find(|line| line["name"] == name).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_real_day_of_the_call_centre_is_judged_from_its_sums() {
    let place = Place::fresh().await;
    let day = date(2026, 1, 14);
    let zone = TimeZone::get("Asia/Jerusalem").unwrap();
    let server = VendorServer::start(Dataset::real_day(day, &zone)).await.unwrap();
    let term = ("2026-01-14", "2026-01-14");
    place
        .apply(&format!(
            "{}{}",
            contract("bank", "Asia/Jerusalem", "Monthly", term, &server.url(INTERVALS)),
            kpi("bank-service-level", "bank", "kpi: ServiceLevel\nvariant: AllOffered\nobjective: {target: 80}")
        ))
        .await;
    let _operator = place.operator();
    let status = place
        .wait_for("kpi", "bank-service-level", "the last period is judged", |kpi| {
            kpi["status"]["last"]["state"] == "Final" && has(kpi, "Ready", "True", "Reconciled")
        })
        .await;
    let last = &status["status"]["last"];
    assert_eq!(
        (&last["numerator"], &last["denominator"], &last["verdict"]),
        (&"404".into(), &"2239".into(), &"Missed".into())
    );
    assert!(last["value"].as_str().unwrap().starts_with("18.04"), "{last}");
    assert!(has(&status, "SLACompliant", "False", "TargetMissed"));
    assert!(has(&status, "FeedHealthy", "True", "Fetched"));
    let report = place
        .wait_for("slar", "bank-2026-01", "the report is final", |report| report["spec"]["state"] == "Final")
        .await;
    assert_eq!(line(&report, "bank-service-level")["denominator"], "2239");
    assert!(report["metadata"]["ownerReferences"].is_null(), "a Final report is nobody's to collect");
    let contract = place
        .wait_for("vc", "bank", "the contract is judged", |contract| {
            has(contract, "SLACompliant", "False", "TargetMissed")
        })
        .await;
    assert!(has(&contract, "Ready", "True", "Reconciled"), "a missed target does not make the contract unready");
}
