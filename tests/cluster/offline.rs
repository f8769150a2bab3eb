//! The operator and `kubectl bpo evaluate` are one engine: the example's contract, judged in a cluster from a vendor's
//! endpoint and offline from files, gives the same reports to the byte.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::harness::{Place, path};
use crate::vendor::{Dataset, INTERVALS, OUTCOMES, VendorServer};

const TOKEN: &str = "the-vendors-token";

/// The operator's clock starts here: from January to July 2026 every period is Final by then.
const START: &str = "2026-08-20T09:00:00Z";

/// Some time later, before the next period ends.
const LATER: &str = "2026-08-25T17:00:00Z";

/// The files of the example, addressed to this vendor.
fn example(server: &VendorServer) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/acme-care");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let text: String = files.iter().map(|file| format!("---\n{}\n", std::fs::read_to_string(file).unwrap())).collect();
    text.replace("https://feeds.acme.example/v1", &format!("http://{}/v1", server.address()))
        .replace("allowed-hosts: feeds.acme.example", "allowed-hosts: 127.0.0.1")
        .replace("write-the-vendors-token-here", TOKEN)
        // Offline without a journal there is no first judgement: here the past closes with it.
        .replace("  closeAfter: 10bd\n", "  closeAfter: 10bd\n  firstCloseAfter: 0h\n")
}

/// What the vendor would answer if it were asked at `now` for everything at once.
fn feed_file(dataset: &Dataset, feed: &str, now: Timestamp) -> String {
    let rows = dataset.feeds[feed].between("2026-01-01T00:00:00Z".parse().unwrap(), now);
    json!({"schema": "bpo-feed/v1", "rows": rows, "next": null}).to_string()
}

/// Specs of reports by name, each as the bytes of its JSON.
fn specs(objects: &[Value]) -> BTreeMap<String, String> {
    let reports = objects.iter().filter(|object| object["kind"] == "SlaReport");
    reports
        .map(|report| (report["metadata"]["name"].as_str().unwrap().to_owned(), report["spec"].to_string()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_and_evaluate_agree_byte_for_byte_on_the_example() {
    let place = Place::fresh().await;
    let dataset = Dataset::story();
    let server = VendorServer::start(dataset.clone().with_token(TOKEN)).await.unwrap();
    let manifests = example(&server);
    place.apply(&manifests).await;
    let _operator = place.operator_with(&["--clock-start", START, "--clock-speed", "1"]);
    place.wait_for("slar", "acme-care-2026-07", "July is final", |report| report["spec"]["state"] == "Final").await;
    let reports = place
        .eventually("all reports are final", async || {
            let reports = place.list("slar").await;
            let all_final = reports.iter().all(|report| report["spec"]["state"] == "Final");
            (all_final && reports.len() >= 7).then_some(reports)
        })
        .await;

    let folder = place.folder.path();
    let file = |name: &str, content: &str| {
        let file = folder.join(name);
        std::fs::write(&file, content).unwrap();
        file
    };
    let manifests = file("manifests.yaml", &manifests);
    let now = START.parse().unwrap();
    let intervals = file("intervals.json", &feed_file(&dataset, INTERVALS, now));
    let outcomes = file("outcomes.json", &feed_file(&dataset, OUTCOMES, now));
    let output = Command::new(env!("CARGO_BIN_EXE_kubectl-bpo"))
        .args(["evaluate", "-f", path(&manifests), "--now", LATER, "-o", "json"])
        .args(["--feed", &format!("acd={}", path(&intervals)), "--feed", &format!("outcomes={}", path(&outcomes))])
        .output()
        .unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(0 | 1)), "{complaints}");
    let offline: Value = serde_json::from_slice(&output.stdout).unwrap();

    let (inside, outside) = (specs(&reports), specs(offline["items"].as_array().unwrap()));
    assert_eq!(inside.keys().collect::<Vec<_>>(), outside.keys().collect::<Vec<_>>());
    for (name, spec) in &inside {
        assert_eq!(spec, &outside[name], "{name}");
    }
    let judged = |spec: &String| spec.contains("\"verdict\":\"Missed\"") && spec.contains("\"verdict\":\"Met\"");
    assert!(inside.values().any(judged), "the reports say something: {inside:#?}");

    let files = [format!("acd={}", path(&intervals)), format!("outcomes={}", path(&outcomes))];
    let report = "acme-care-2026-05";
    let offline = Command::new(env!("CARGO_BIN_EXE_kubectl-bpo"))
        .args(["explain", report, "-f", path(&manifests), "--now", LATER, "--feed", &files[0], "--feed", &files[1]])
        .output()
        .unwrap();
    let (code, explained, complaints) = place.plugin(&["explain", report]);
    assert_eq!(code, 0, "{complaints}");
    let offline = String::from_utf8(offline.stdout).unwrap();
    assert!(offline.contains("score") && explained.starts_with(&offline), "{explained}\nis not\n{offline}");
    let (code, _, complaints) = place.plugin(&["explain", "acme-care-2025-01"]);
    assert!(code == 2 && complaints.contains("there are: acme-care-2026-01, acme-care-2026-02"), "{complaints}");
}
