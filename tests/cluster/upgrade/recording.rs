//! How `tests/data/upgrade` is made: a month and a half of a contract under an operator of the older version.

use std::path::{Path, PathBuf};
use std::process::Command;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use serde_json::Value;

use super::Cluster;
use crate::harness::{Operator, Place, has, path};
use crate::judged::kpi;
use crate::receiver::{Received, Receiver};
use crate::vendor::{Dataset, FeedRow, INTERVALS, VendorServer};

/// Where the contract is. The store and the objects say so in many places.
pub(crate) const NAMESPACE: &str = "care";
/// The present of the older version: January has just become Final.
const NOW: &str = "2026-02-20T09:00:00Z";
/// A present of it after today's version has worked.
pub(crate) const END: &str = "2026-02-20T10:30:00Z";

/// Where what was recorded lies.
pub(crate) fn recorded_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/upgrade")
}

/// Rows of a day each from a date on: 100 contacts are offered and answered, `within` of them in time.
pub(crate) fn days(from: &str, count: i64, within: i64) -> Vec<FeedRow> {
    let first: Date = from.parse().unwrap();
    let midnight = |day: i64| -> Timestamp {
        first.checked_add(day.days()).unwrap().to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp()
    };
    let measures = [("offered", 100), ("answered", 100), ("answeredWithin", within), ("abandoned", 0)];
    (0..count).map(|day| FeedRow::new(midnight(day), midnight(day + 1), &[("queue", "billing")], &measures)).collect()
}

/// An object of each kind that people write.
fn manifests(server: &VendorServer, receiver: &Receiver) -> String {
    let level = "kpi: ServiceLevel\nvariant: AnsweredOnly\nobjective: {target: 80}
bands: [{severity: Minor, bound: 75, points: 2}, {severity: Critical, points: 4}]";
    format!(
        "apiVersion: bpo-operator.io/v1alpha1
kind: VendorContract
metadata: {{name: care}}
spec:
  vendor: {{name: Acme Contact Services}}
  term: {{start: 2026-01-01, end: 2026-12-31}}
  period: Monthly
  feeds: [{{name: acd, url: \"{}\", interval: 30s, cadence: 24h}}]
  tiers: [gold]
  charges: {{currency: GBP, amount: \"100000.00\", atRiskPercent: 5}}
  credits: {{points: {{perPointPercent: \"0.5\"}}}}
  alerts: [{{name: hook, webhook: {{url: \"{}/bpo\"}}}}]
---
apiVersion: bpo-operator.io/v1alpha1
kind: ServiceTier
metadata: {{name: gold}}
spec: {{rank: 1}}
---
apiVersion: bpo-operator.io/v1alpha1
kind: CampaignLaunch
metadata: {{name: spring}}
spec:
  contractRefs: [{{name: care}}]
  product: Home fibre
  launchAt: 2026-04-01T08:00:00Z
  gates: [{{name: rollback, type: Custom, due: 20d, evidence: {{passedAt: 2026-02-10T09:00:00Z, by: cx}}}}]
{}",
        server.url(INTERVALS),
        receiver.url(),
        kpi("level", "care", level),
    )
}

/// An operator of the older version, on the evidence of a place.
pub(crate) fn older_operator(program: &Path, place: &Place, now: &str) -> Operator {
    let mut command = Command::new(program);
    command
        .args(["run", "--namespace", NAMESPACE, "--listen", "127.0.0.1:0", "--settle-seconds", "1"])
        .args(["--feed-allow-network", "127.0.0.0/8", "--alert-allow-network", "127.0.0.0/8"])
        .args(["--clock-start", now, "--clock-speed", "1", "--data-dir", path(&place.data_dir())]);
    place.start(command, "info")
}

/// Records all but the chart.
pub(crate) async fn record(program: &Path) {
    let cluster = Cluster::with_the_older_chart().await;
    let place = &cluster.place;
    let rows = [days("2026-01-01", 31, 70), days("2026-02-01", 60, 90)].concat();
    let server = VendorServer::start(Dataset::default().with_feed(INTERVALS, rows)).await.unwrap();
    let receiver = Receiver::start().await;
    place.apply(&manifests(&server, &receiver)).await;

    let operator = older_operator(program, place, NOW);
    let is_final = |report: &Value| report["spec"]["state"] == "Final" && report["status"].is_object();
    place.wait_for("slar", "care-2026-01", "January is Final", is_final).await;
    let judged =
        |care: &Value| has(care, "Ready", "True", "Reconciled") && has(care, "SLACompliant", "False", "TargetMissed");
    place.wait_for("vc", "care", "it is judged", judged).await;
    place.wait_for("cl", "spring", "it is judged", |launch| has(launch, "Ready", "True", "Reconciled")).await;
    place.wait_for("st", "gold", "it is judged", |tier| has(tier, "Ready", "True", "Reconciled")).await;
    let missed = |received: &[Received]| {
        received.iter().flat_map(Received::alerts).any(|alert| alert["labels"]["alertname"] == "TargetMissed")
    };
    receiver.until("the miss is alerted", missed).await;
    assert_eq!(operator.stop().await, Some(0));

    let kinds = "campaignlaunches,kpitargets,servicetiers,slareports,vendorcontracts";
    let objects = place.kubectl(&["get", kinds, "--output=yaml", "--show-managed-fields"]).await;
    std::fs::write(recorded_folder().join("objects.yaml"), objects).unwrap();
    let alerts: Vec<Value> = receiver.taken().iter().flat_map(Received::alerts).collect();
    std::fs::write(recorded_folder().join("alerts.json"), serde_json::to_string_pretty(&alerts).unwrap() + "\n")
        .unwrap();
    let backup = recorded_folder().join("evidence.tar.gz");
    cluster.shell.run(&format!("tar --owner=0 --group=0 -czf {} -C data .", path(&backup)));
    cluster.end();
}
