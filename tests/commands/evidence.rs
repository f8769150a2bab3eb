//! `kubectl bpo export` and `kubectl bpo verify` as a user meets them: one who has a file and neither operator nor cluster.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use bpo_operator::evidence::sqlite::SqliteStore;
use bpo_operator::evidence::{Batch, EvidenceStore, FeedKey, IncomingRow, RejectedRow, RejectionReason};
use jiff::{SignedDuration, Timestamp};

/// A store with two half-hours of one contract.
async fn store(directory: &Path, uid: &str) {
    let start: Timestamp = "2026-05-04T08:00:00Z".parse().unwrap();
    let row = |number: i32| IncomingRow {
        labels: BTreeMap::from([("queue".to_owned(), "billing".to_owned())]),
        start: start + SignedDuration::from_mins(i64::from(number) * 30),
        end: start + SignedDuration::from_mins(i64::from(number) * 30 + 30),
        measures: BTreeMap::from([("offered".to_owned(), (4_711 + number).into())]),
        vendor_revision: None,
        recorded_at: None,
    };
    let batch = Batch {
        received_at: start + SignedDuration::from_hours(2),
        body_digest: [3; 32],
        url_host: None,
        backfill: false,
        plan: false,
        rows: vec![row(0), row(1)],
        rejected: vec![RejectedRow { reason: RejectionReason::InFuture, text: "offered 3".to_owned() }],
        progress: None,
        state: None,
    };
    let feed = FeedKey {
        contract_uid: uid.to_owned(),
        namespace: "bpo".to_owned(),
        contract: "acme".to_owned(),
        feed: "acd".to_owned(),
    };
    SqliteStore::open(directory).unwrap().commit(feed, batch).await.unwrap();
}

/// Exit code, output and errors.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_kubectl-bpo"))
        .args(arguments)
        .env_remove("BPO_EVIDENCE_URL")
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn a_bundle_is_exported_verified_alone_and_found_broken_after_a_change() {
    let directory = tempfile::tempdir().unwrap();
    store(directory.path(), "uid-1").await;
    let data = directory.path().to_str().unwrap();
    let bundle = directory.path().join("acme.bundle");
    let file = bundle.to_str().unwrap();
    let (code, out, err) = run(&["export", "--data-dir", data, "--contract", "bpo/acme", "--to", file]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("1 feeds, 2 rows"), "{out}");
    let (code, out, err) = run(&["verify", "--bundle", file]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("the evidence is whole"), "{out}");
    let (code, out, err) = run(&["export", "--data-dir", data, "--contract", "bpo/acme", "--to", "-"]);
    assert!(code == 0 && err.contains("1 feeds, 2 rows"), "{err}");
    assert_eq!(out, std::fs::read_to_string(&bundle).unwrap(), "standard output gets the bundle and nothing else");
    assert!(!Path::new("-").exists());
    let text = std::fs::read_to_string(&bundle).unwrap();
    std::fs::write(&bundle, text.replace("4712", "4799")).unwrap();
    let (code, out, _) = run(&["verify", "--bundle", file, "-o", "json"]);
    assert_eq!(code, 1, "{out}");
    let found: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&found["whole"], &found["broken"][0]["row"]), (&false.into(), &2.into()), "{out}");
}

#[tokio::test]
async fn wrong_input_ends_with_2_says_what_to_write_and_leaves_no_file() {
    let directory = tempfile::tempdir().unwrap();
    store(directory.path(), "uid-1").await;
    store(directory.path(), "uid-2").await;
    let path = |name: &str| directory.path().join(name).display().to_string();
    let (data, to, there, no_report) = (path(""), path("new"), path("evidence.sqlite"), path("report.yaml"));
    std::fs::write(&no_report, "kind: ConfigMap").unwrap();
    let cases: [(&[&str], &str); 8] = [
        (&["verify"], "--data-dir DIR or --evidence-url URL"),
        (&["verify", "--bundle", "/nowhere/bundle"], "--bundle /nowhere/bundle"),
        (&["verify", "--data-dir", &data, "--report", &no_report], "kubectl get slar"),
        (&["verify", "--evidence-url", "postgres://u:canary@h/d?sslmode=prefer"], "sslmode=verify-full"),
        (&["export", "--data-dir", &data, "--contract", "other", "--to", &to], "NAMESPACE/NAME or its UID"),
        (&["export", "--data-dir", &data, "--contract", "acme", "--to", &to], "uid-1, uid-2"),
        (
            &["export", "--data-dir", &data, "--contract", "uid-1", "--period", "2026-05", "--to", &to],
            "--from and --until",
        ),
        (&["export", "--data-dir", &data, "--contract", "uid-1", "--to", &there], "exists"),
    ];
    for (arguments, expected) in cases {
        let (code, out, err) = run(arguments);
        assert_eq!(code, 2, "{arguments:?}: {out}{err}");
        assert!(err.contains(expected) && !err.contains("canary"), "{arguments:?}: {err}");
        assert!(!Path::new(&to).exists(), "{arguments:?} left a file");
    }
}

#[tokio::test]
async fn rows_that_were_set_aside_are_shown_with_their_reason_and_the_answer_they_came_with() {
    let directory = tempfile::tempdir().unwrap();
    store(directory.path(), "uid-1").await;
    let data = directory.path().to_str().unwrap();
    let (code, out, err) = run(&["feed", "rejected", "--data-dir", data, "--contract", "bpo/acme", "-o", "json"]);
    assert_eq!((code, err.as_str()), (0, ""));
    let shown: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(shown.as_array().unwrap().len(), 1);
    let one = &shown[0];
    assert_eq!((&one["reason"], &one["row"], &one["feed"]), (&"InFuture".into(), &"offered 3".into(), &"acd".into()));
    assert!(one["bodyDigest"].as_str().unwrap().starts_with("sha256:0303"), "{one}");
    let (_, table, _) = run(&["feed", "rejected", "--data-dir", data]);
    assert!(table.contains("InFuture") && table.contains("bpo/acme"), "{table}");
    let (_, other, _) = run(&["feed", "rejected", "--data-dir", data, "--feed", "plan"]);
    assert_eq!(other, "no row was set aside\n");
}
