//! `kubectl bpo export` and `kubectl bpo verify` as a user meets them: one who has a file and neither operator nor cluster.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use bpo_operator::domain::terms::contract_terms::Terms;
use bpo_operator::evidence::sqlite::SqliteStore;
use bpo_operator::evidence::{Batch, EvidenceStore, FeedKey, IncomingRow, RejectedRow, RejectionReason, Removal};
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

#[tokio::test]
async fn it_is_shown_until_when_rows_are_kept_what_needs_them_and_what_was_removed() {
    let directory = tempfile::tempdir().unwrap();
    store(directory.path(), "uid-1").await;
    let spec = serde_json::json!({
        "contract": {"vendor": {"name": "Acme"}, "term": {"start": "2026-05-01", "end": "2026-05-31"}, "retention": {"yearsAfterTerm": 2}},
        "kpis": {}, "tiers": {},
    });
    let terms: Terms = serde_json::from_value(spec).unwrap();
    let now: Timestamp = "2026-07-01T00:00:00Z".parse().unwrap();
    let open = || SqliteStore::open(directory.path()).unwrap();
    open().record_terms("uid-1".to_owned(), terms.clone(), now).await.unwrap();
    let data = directory.path().to_str().unwrap();
    let shows = |now: &str, rows: i64, removed: i64, state: &str| {
        let (code, out, err) =
            run(&["retention", "--data-dir", data, "--contract", "bpo/acme", "--now", now, "-o", "json"]);
        assert_eq!((code, err.as_str()), (0, ""));
        let shown: serde_json::Value = serde_json::from_str(&out).unwrap();
        let one = &shown[0];
        assert_eq!((&one["rows"], &one["removedRows"]), (&rows.into(), &removed.into()), "{out}");
        assert!(one["state"].as_str().unwrap().starts_with(state), "{out}");
        assert_eq!(one["keptUntil"], "2028-06-01T00:00:00Z");
    };
    shows("2028-05-31T23:59:59Z", 2, 0, "kept");
    shows("2028-06-01T00:00:00Z", 2, 0, "kept longer: period 2026-05 is not Final");
    open().record_closing("uid-1".to_owned(), "2026-05".to_owned(), terms, now, now).await.unwrap();
    shows("2028-06-01T00:00:00Z", 2, 0, "kept: the operator announces");
    let fact = serde_json::json!({"termEnd": "2026-05-31", "since": "2028-06-01T00:00:00Z", "judgement": "sha256:00"});
    let said: Timestamp = "2028-06-02T00:00:00Z".parse().unwrap();
    open().record_fact("uid-1".to_owned(), "EvidenceRetired".to_owned(), String::new(), fact, said).await.unwrap();
    shows("2028-06-03T00:00:00Z", 2, 0, "removed from 2028-07-02T00:00:00Z on");
    let feed = open().feeds().await.unwrap().remove(0);
    open().remove_rows(feed, Removal { year: 2026, before: None, most: 10 }, said).await.unwrap();
    shows("2028-07-03T00:00:00Z", 0, 2, "removed");
    let (code, out, _) = run(&["verify", "--data-dir", data]);
    assert!(code == 0 && out.contains("2 rows of 2026 were removed at the end of the retention"), "{out}");
    let bundle = directory.path().join("acme.bundle");
    let file = bundle.to_str().unwrap();
    assert_eq!(run(&["export", "--data-dir", data, "--contract", "uid-1", "--to", file]).0, 0);
    let (code, out, _) = run(&["verify", "--bundle", file]);
    assert!(code == 0 && out.contains("2 rows of 2026 were removed"), "{out}");
    let (code, _, err) = run(&["evaluate", "--bundle", file, "--now", "2028-08-01T00:00:00Z"]);
    assert!(code == 2 && err.contains("cannot be judged again"), "{err}");
    let (_, none, _) = run(&["retention", "--data-dir", data, "--contract", "other"]);
    assert_eq!(none, "the store has no rows of such a contract\n");
}
