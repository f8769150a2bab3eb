//! The page `docs/audit.md`: its commands are run in their order, in a copy of the repository's examples, and print what it says.

use std::fs;
use std::path::Path;
use std::process::Command;

use bpo_operator::evidence::sqlite::SqliteStore;
use serde_json::Value;

use crate::commands::follow;

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn an_auditor_follows_the_page_and_sees_what_it_says() {
    let shown = follow("docs/audit.md", "Check it, step by step");
    assert!(shown > 4, "{shown} outputs are too few to prove anything");
}

/// The report as `kubectl get --output json` prints it.
fn signed() -> String {
    let text = fs::read_to_string(repository().join("tests/data/upgrade/objects.yaml")).unwrap();
    let list: Value = serde_saphyr::from_str(&text).unwrap();
    let is_it = |object: &&Value| object["kind"] == "SlaReport" && object["metadata"]["name"] == "care-2026-01";
    let mut report = list["items"].as_array().unwrap().iter().find(is_it).unwrap().clone();
    report["metadata"].as_object_mut().unwrap().remove("managedFields");
    format!("{report:#}\n")
}

#[test]
fn the_files_of_the_page_are_what_the_store_and_the_cluster_held() {
    let folder = tempfile::tempdir().unwrap();
    let backup = repository().join("tests/data/upgrade/evidence.tar.gz");
    let unpacked = Command::new("tar").arg("-xzf").arg(backup).arg("-C").arg(folder.path()).status().unwrap();
    assert!(unpacked.success());
    // The commands read the format of their version alone, which a store gets when an operator opens it.
    drop(SqliteStore::open(folder.path()).unwrap());
    let made = folder.path().join("care.ndjson");
    let mut export = Command::new(env!("CARGO_BIN_EXE_kubectl-bpo"));
    export.arg("export").arg("--data-dir").arg(folder.path()).args(["--contract", "care/care", "--to"]).arg(&made);
    assert!(export.output().unwrap().status.success());
    let example = repository().join("examples/audit/care.ndjson");
    let report = repository().join("examples/audit/care-2026-01.json");
    if std::env::var_os("BPO_UPDATE").is_some() {
        fs::copy(&made, &example).unwrap();
        fs::write(&report, signed()).unwrap();
    }
    assert_eq!(fs::read_to_string(&report).unwrap(), signed());
    assert!(fs::read(&made).unwrap() == fs::read(&example).unwrap(), "the same evidence makes the same bytes");
}
