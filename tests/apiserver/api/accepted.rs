//! What the server accepts, and what it makes of it.

use serde_json::{Value, json};

use bpo_operator::api::{
    CampaignLaunch, KpiTarget, ServiceTier, SlaReport, VendorContract, campaign_launch::CampaignLaunchStatus,
    kpi_target::KpiTargetStatus, service_tier::ServiceTierStatus, vendor_contract::VendorContractStatus,
};
use kube::api::{Patch, PatchParams};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::server::{client, control_plane, create, documents, objects, reference_files, reference_objects};

#[tokio::test]
async fn every_reference_example_is_accepted_and_kept_as_it_was_written() {
    let control_plane = control_plane().await;
    let namespace = control_plane.fresh_namespace().await.unwrap();
    let client = client(control_plane).await;
    let examples = reference_objects();
    assert!(examples.len() > 15, "{}", examples.len());
    for example in examples {
        let name = example.pointer("/metadata/name").unwrap();
        let stored =
            create(&client, &namespace, &example, false).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        let stored = stored.data.get("spec").unwrap();
        assert_eq!(missing(example.get("spec").unwrap(), stored, "spec"), Vec::<String>::new(), "{name}");
    }
}

/// What of `written` is not in `stored` as it was written. Defaults may have come.
fn missing(written: &Value, stored: &Value, path: &str) -> Vec<String> {
    match (written, stored) {
        (Value::Object(written), Value::Object(stored)) => written
            .iter()
            .flat_map(|(key, value)| match stored.get(key) {
                Some(found) => missing(value, found, &format!("{path}.{key}")),
                None => vec![format!("{path}.{key} is gone")],
            })
            .collect(),
        (Value::Array(written), Value::Array(stored)) if written.len() == stored.len() => {
            let pairs = written.iter().zip(stored).enumerate();
            pairs.flat_map(|(index, (value, found))| missing(value, found, &format!("{path}[{index}]"))).collect()
        }
        _ if written == stored => vec![],
        _ => vec![format!("{path} was {written} and is {stored}")],
    }
}

#[tokio::test]
async fn defaults_come_out_as_documented_and_nothing_else_does() {
    let control_plane = control_plane().await;
    let namespace = control_plane.fresh_namespace().await.unwrap();
    let client = client(control_plane).await;
    let expected = [
        ("VendorContract", json!({"timeZone": "UTC", "period": "Monthly", "closeAfter": "10bd", "suspend": false})),
        ("ServiceTier", json!({})),
        ("KpiTarget", json!({"class": "Critical", "weight": 1, "dryRun": false, "suspend": false})),
        ("CampaignLaunch", json!({})),
        ("SlaReport", json!({})),
    ];
    for path in reference_files("minimal") {
        let written = documents(&std::fs::read_to_string(path).unwrap()).remove(0);
        let kind = written.get("kind").and_then(Value::as_str).unwrap();
        let (_, defaults) = expected.iter().find(|(known, _)| *known == kind).unwrap();
        let mut wanted = written.get("spec").unwrap().clone();
        wanted.as_object_mut().unwrap().extend(defaults.as_object().unwrap().clone());
        let stored = create(&client, &namespace, &written, true).await.unwrap();
        assert_eq!(stored.data.get("spec"), Some(&wanted), "{kind}");
    }

    let mut kpi = documents(&std::fs::read_to_string(&reference_files("minimal")[1]).unwrap()).remove(0);
    let empty = json!({"confidence": {}, "missingData": {}, "rounding": {}, "warning": {}});
    let defaulted = json!({
        "confidence": {"level": 95, "verdict": "PointEstimate"},
        "missingData": {"policy": "Hold", "after": "3d"},
        "rounding": {"decimals": 0, "mode": "HalfUp"},
        "warning": {"projected": true, "burn": false},
    });
    kpi.get_mut("spec").and_then(Value::as_object_mut).unwrap().extend(empty.as_object().unwrap().clone());
    let stored = create(&client, &namespace, &kpi, true).await.unwrap();
    for (field, value) in defaulted.as_object().unwrap() {
        assert_eq!(stored.data.pointer(&format!("/spec/{field}")), Some(value), "{field}");
    }
}

#[tokio::test]
async fn applying_twice_changes_nothing() {
    let control_plane = control_plane().await;
    let manifest = json!({"apiVersion": "v1", "kind": "List", "items": reference_objects()}).to_string();
    for way in [&["apply", "--filename", "-"][..], &["apply", "--server-side", "--filename", "-"][..]] {
        let namespace = control_plane.fresh_namespace().await.unwrap();
        let arguments = [way, &["--namespace", &namespace]].concat();
        control_plane.kubectl_with_input(&arguments, &manifest).await.unwrap();
        let second = control_plane.kubectl_with_input(&arguments, &manifest).await.unwrap();
        if !way.contains(&"--server-side") {
            let changed: Vec<&str> = second.lines().filter(|line| !line.ends_with(" unchanged")).collect();
            assert!(changed.is_empty(), "{changed:?}");
        }
        let generations =
            ["get", "bpo", "--namespace", &namespace, "--output=jsonpath={.items[*].metadata.generation}"];
        let generations = control_plane.kubectl(&generations).await.unwrap();
        let count = generations.split_whitespace().count();
        assert_eq!(generations.trim(), vec!["1"; count].join(" "), "{way:?}");
        assert_eq!(count, reference_objects().len());

        let mut diff = vec!["diff", "--namespace", &namespace, "--filename", "-"];
        if way.contains(&"--server-side") {
            diff.push("--server-side");
        }
        assert_eq!(control_plane.kubectl_with_input(&diff, &manifest).await.unwrap(), "", "{way:?}");
    }
}

/// What the operator may write in the documented statuses.
fn documented_statuses() -> Vec<(&'static str, Value)> {
    let condition = "conditions: [{type: Ready, status: 'True', reason: Reconciled, message: All is well., \
                     lastTransitionTime: 2026-06-05T14:30:00Z, observedGeneration: 1}]";
    let texts = [
        (
            "VendorContract",
            r#"
observedGeneration: 4
phase: Active
period: {name: 2026-06, start: 2026-05-31T23:00:00Z, end: 2026-06-30T23:00:00Z}
last: {name: 2026-05, state: Provisional, score: "91.3", confidence: "100", rating: ApproachingTarget, points: 12,
       creditBeforeCaps: "2000.00", credit: "2000.00", bonus: "0.00", report: acme-care-2026-05}
kpis: {total: 6, met: 4, missed: 1, unknown: 1, atRisk: 1}
credits: {currency: GBP, periodCap: "10000.00", yearToDate: "2000.00", yearCap: "50400.00", pending: "2000.00"}
triggers: [{name: chronic, then: TerminationRight, kpi: acme-service-level, period: 2026-05, firedAt: 2026-05-31T23:00:00Z}]
escalation: {level: 2, cause: Missed, since: 2026-06-02T23:00:00Z, respondBy: 2026-06-03T09:00:00Z, contacts: [maria]}
reports: [{name: monthly, last: 2026-05, next: 2026-06}]
governance:
  nextReview: {name: weekly-ops, due: 2026-06-09}
  overdue: [{kind: Deliverable, name: monthly-report, due: 2026-06-05}]
  plans: [{name: sl-march, state: InProgress, due: 2026-06-20}]
feeds: [{name: acd, healthy: true, reason: Fetched, since: 2026-01-01T00:00:00Z, watermark: 2026-06-05T14:30:00Z, backfilling: false}]
advice: [{finding: OnlyTechnicalKpis, kpi: acme-service-level, message: Add a KPI of engagement.}]
"#,
        ),
        (
            "ServiceTier",
            r#"
observedGeneration: 1
valueBand: 5000+
contracts: [acme-care]
findings: [{finding: TierGap, with: gold, message: Between 4000 and 5000 no tier applies.}]
slices: [{contract: acme-care, kpiTarget: acme-service-level, period: 2026-05, value: "88.1", target: "90", verdict: Missed}]
"#,
        ),
        (
            "KpiTarget",
            r#"
observedGeneration: 2
target: "≥ 80 %"
last: {name: 2026-05, state: Provisional, value: "78.4", rawValue: "77.9", target: "80", numerator: "784", denominator: "1000",
       verdict: Missed, severity: Minor, rating: ApproachingTarget, repeat: false, points: 1, credit: "0.00", revision: 1}
current: {name: 2026-06, value: "81.0", rawValue: "81.0", target: "80", numerator: "810", denominator: "1000", lower: "79.1", upper: "82.8",
          verdict: Met, projected: "80.2", needed: "78.9", outlook: Open, probability: "0.61", budgetRemaining: "412", asOf: 2026-06-05T14:30:00Z}
tiers: [{tier: platinum, period: 2026-05, value: "88.1", target: "90", denominator: "100", verdict: Missed}]
history: [{name: 2026-05, value: "78.4", verdict: Missed, severity: Minor, points: 1, credit: "0.00", revision: 1}]
trend: Worsening
signal: seven on one side
"#,
        ),
        (
            "CampaignLaunch",
            r#"
observedGeneration: 1
phase: Preparing
decision: Pending
readinessPercent: 78
blockedBy: [ivr, staffing]
blockedBySummary: ivr,staffing
gates: [{name: staffing, type: Staffing, state: AtRisk, blocking: true, dueAt: 2026-11-23T08:00:00Z, reason: Understaffed, message: 12 short.}]
demand: {contacts: "1500", days: [{date: 2026-11-30, contacts: "210"}]}
staffing: {peak: {start: 2026-11-30T10:00:00Z, contacts: "312.4", required: 50, heads: 72, scheduled: 60},
           worst: {start: 2026-11-30T10:00:00Z, coveragePercent: "83.3"}, shortIntervals: 12}
sampleSize: 385
spikes: [{start: 2026-12-01T10:00:00Z, end: 2026-12-01T11:00:00Z, actual: "512", expected: "320", planned: "150", z: "5.1",
          cause: CampaignDemand, qualityHeld: "True"}]
cohorts: [{name: b, numerator: "205", denominator: "5000", rate: "4.1", lower: "3.6", upper: "4.7", p: "0.012", verdict: Better}]
metrics: [{kpi: winter-conversion, value: "4.2", target: "4", verdict: Met}]
"#,
        ),
        (
            "SlaReport",
            r#"
contractUid: 6f1a1f0e-3f0b-4a51-9a3e-1d2f3c4b5a69
evidenceHeads: [{feed: acd, head: "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", rows: 1488}]
clock: Real
"#,
        ),
    ];
    let parse = |(kind, text): (&'static str, &str)| {
        let text = if kind == "SlaReport" { text.to_owned() } else { format!("{text}{condition}\n") };
        (kind, documents(&text).remove(0))
    };
    texts.into_iter().map(parse).collect()
}

#[tokio::test]
async fn documented_statuses_are_accepted_and_kept() {
    let control_plane = control_plane().await;
    let namespace = control_plane.fresh_namespace().await.unwrap();
    let client = client(control_plane).await;
    for (kind, status) in documented_statuses() {
        let example = reference_objects().into_iter().find(|object| object.get("kind") == Some(&kind.into())).unwrap();
        let name = create(&client, &namespace, &example, false).await.unwrap().metadata.name.unwrap();
        let patch = json!({"apiVersion": "bpo-operator.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "status": status});
        let parameters = PatchParams::apply("bpo-operator");
        let api = objects(&client, &namespace, kind);
        let stored = api.patch_status(&name, &parameters, &Patch::Apply(&patch)).await.unwrap();
        assert_eq!(stored.data.get("status"), Some(&status), "{kind}");
        assert_eq!(stored.metadata.generation, Some(1), "{kind}");
    }
    let expected = [
        ("vc", "NAME VENDOR PHASE COMPLIANT AT RISK SCORE CREDIT READY AGE LEVEL NEXT REVIEW TIME ZONE"),
        ("st", "NAME RANK VALUE BAND CONTRACTS COMPLIANT COHERENT AGE"),
        (
            "kpi",
            "NAME CONTRACT KPI TARGET SO FAR PROJECTED AT RISK LAST VERDICT AGE VOLUME AS OF TREND SEVERITY WEIGHT",
        ),
        ("cl", "NAME LAUNCH PHASE DECISION READY % BLOCKED BY AGE"),
        ("slar", "NAME CONTRACT PERIOD STATE SCORE POINTS CREDIT REVISION AGE"),
    ];
    for (short_name, columns) in expected {
        let list = ["get", short_name, "--namespace", &namespace, "--output=wide"];
        let table = control_plane.kubectl(&list).await.unwrap();
        let header: Vec<&str> = table.lines().next().unwrap().split_whitespace().collect();
        assert_eq!(header.join(" "), columns);
        assert!(!table.contains("<invalid>"), "{table}");
    }
}

#[test]
fn the_types_read_and_write_the_examples_without_loss() {
    for example in reference_objects() {
        let kind = example.get("kind").and_then(Value::as_str).unwrap();
        let written_back = match kind {
            "VendorContract" => through::<VendorContract>(&example),
            "ServiceTier" => through::<ServiceTier>(&example),
            "KpiTarget" => through::<KpiTarget>(&example),
            "CampaignLaunch" => through::<CampaignLaunch>(&example),
            _ => through::<SlaReport>(&example),
        };
        let lost = missing(example.get("spec").unwrap(), written_back.get("spec").unwrap(), "spec");
        // What is false need not be written, and a whole number needs no quotes.
        let is_same = |line: &String| {
            line.ends_with("dryRun is gone")
                || line
                    .split_once(" was ")
                    .and_then(|(_, rest)| rest.split_once(" and is "))
                    .is_some_and(|(was, is)| was == format!("\"{is}\"") && is.parse::<i64>().is_ok())
        };
        let lost: Vec<_> = lost.into_iter().filter(|line| !is_same(line)).collect();
        assert_eq!(lost, Vec::<String>::new(), "{kind}");
    }
    for (kind, status) in documented_statuses() {
        let written_back = match kind {
            "VendorContract" => through::<VendorContractStatus>(&status),
            "ServiceTier" => through::<ServiceTierStatus>(&status),
            "KpiTarget" => through::<KpiTargetStatus>(&status),
            "CampaignLaunch" => through::<CampaignLaunchStatus>(&status),
            _ => through::<bpo_operator::api::SlaReportStatus>(&status),
        };
        assert_eq!(written_back, status, "{kind}");
    }
}

fn through<Kind: DeserializeOwned + Serialize>(value: &Value) -> Value {
    let typed: Kind = serde_json::from_value(value.clone()).unwrap();
    serde_json::to_value(typed).unwrap()
}
