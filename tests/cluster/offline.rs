//! The operator and `kubectl bpo evaluate` are one engine: the example's contract, KPIs, tiers and launch, judged in a cluster from a
//! vendor's endpoint and offline from files, have the same statuses, and the same reports to the byte.

use std::path::Path;

use jiff::Timestamp;
use serde_json::json;

use crate::harness::{DEADLINE, Hand, Place, path};
use crate::statuses::{bpo, evaluated, lasting_differences};
use crate::vendor::{Dataset, INTERVALS, OUTCOMES, VendorServer};

const TOKEN: &str = "the-vendors-token";

/// When both judge: from January to July 2026 every period is Final by then.
const NOW: &str = "2026-08-20T09:00:00Z";

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

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_and_evaluate_agree_on_the_statuses_of_every_kind_and_byte_for_byte_on_reports() {
    let place = Place::fresh().await;
    let dataset = Dataset::story();
    let server = VendorServer::start(dataset.clone().with_token(TOKEN)).await.unwrap();
    let manifests = example(&server);
    place.apply(&manifests).await;
    let hand = Hand::at(&place, NOW);
    let _operator = place.operator_with(&[&hand.flags()[..], &["--settle-seconds", "0"]].concat());

    let file = |name: &str, content: &str| {
        let file = place.folder.path().join(name);
        std::fs::write(&file, content).unwrap();
        path(&file).to_owned()
    };
    let manifests = file("manifests.yaml", &manifests);
    let now = NOW.parse().unwrap();
    let intervals = file("intervals.json", &feed_file(&dataset, INTERVALS, now));
    let outcomes = file("outcomes.json", &feed_file(&dataset, OUTCOMES, now));
    let feeds = [format!("acd={intervals}"), format!("outcomes={outcomes}")];
    let files = ["-f", &manifests, "--feed", &feeds[0], "--feed", &feeds[1]];
    let offline = evaluated(&files, NOW);
    for kind in ["VendorContract", "KpiTarget", "ServiceTier", "CampaignLaunch"] {
        let of_kind = || offline.iter().filter(|object| object["kind"] == kind);
        let has_status = of_kind().all(|object| object["status"].as_object().is_some_and(|status| !status.is_empty()));
        assert!(of_kind().next().is_some() && has_status, "there is something to compare of {kind}");
    }
    let reports: Vec<String> = offline
        .iter()
        .filter(|object| object["kind"] == "SlaReport")
        .map(|report| report["spec"].to_string())
        .collect();
    let says_something =
        |spec: &String| spec.contains("\"verdict\":\"Missed\"") && spec.contains("\"verdict\":\"Met\"");
    assert!(reports.len() >= 7 && reports.iter().any(says_something), "the reports say something: {reports:#?}");
    let found = lasting_differences(&place, &offline, DEADLINE).await;
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), found.join("\n"));

    let report = "acme-care-2026-05";
    let explained_offline = bpo(&[&["explain", report, "--now", NOW], &files[..]].concat());
    let (code, explained, complaints) = place.plugin(&["explain", report]);
    assert_eq!(code, 0, "{complaints}");
    let offline = String::from_utf8(explained_offline.stdout).unwrap();
    assert!(offline.contains("score") && explained.starts_with(&offline), "{explained}\nis not\n{offline}");
    let (code, _, complaints) = place.plugin(&["explain", "acme-care-2025-01"]);
    assert!(code == 2 && complaints.contains("there are: acme-care-2026-01, acme-care-2026-02"), "{complaints}");
}
