//! The page `docs/audit.md`: its commands are run in their order, in a copy of the repository's examples, and print what it says.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use bpo_operator::evidence::sqlite::SqliteStore;
use serde_json::Value;

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What the page calls: kubectl with the plugin alone.
const KUBECTL: &str = "#!/bin/sh\n[ \"$1\" = bpo ] || { echo \"no cluster is needed here: $*\"; exit 1; }\nshift\nexec kubectl-bpo \"$@\"\n";

/// A block of commands, and what is shown to come of it.
struct Step {
    commands: String,
    shown: Option<String>,
}

/// The blocks `sh` of the page, each with the block `text` that follows it.
fn steps(page: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for block in page.split("\n```").skip(1).step_by(2) {
        let (language, text) = block.split_once('\n').unwrap();
        match language {
            "sh" => steps.push(Step { commands: text.to_owned(), shown: None }),
            "text" => steps.last_mut().unwrap().shown = Some(text.trim_end().to_owned()),
            _ => {}
        }
    }
    steps
}

/// Runs commands in a folder; returns what they printed, on both streams, as it is on the page.
fn run(folder: &Path, commands: &str) -> String {
    let path = format!("{}:{}", folder.join("bin").display(), std::env::var("PATH").unwrap());
    let script = format!("exec 2>&1\n{commands}");
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &script])
        .current_dir(folder)
        .env("PATH", path)
        .env_remove("KUBECONFIG")
        .env("TERM", "dumb")
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{commands}\nended with {}:\n{printed}", output.status);
    // Figures and their signs are not parted at the end of a line.
    let lines: Vec<&str> = printed.lines().map(str::trim_end).collect();
    lines.join("\n").replace('\u{a0}', " ")
}

#[test]
fn an_auditor_follows_the_page_and_sees_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    symlink(repository().join("examples"), folder.path().join("examples")).unwrap();
    let bin = folder.path().join("bin");
    fs::create_dir(&bin).unwrap();
    symlink(env!("CARGO_BIN_EXE_kubectl-bpo"), bin.join("kubectl-bpo")).unwrap();
    fs::write(bin.join("kubectl"), KUBECTL).unwrap();
    fs::set_permissions(bin.join("kubectl"), fs::Permissions::from_mode(0o755)).unwrap();

    let file = repository().join("docs/audit.md");
    let mut page = fs::read_to_string(&file).unwrap();
    let (_, of_the_auditor) = page.split_once("\n## Check it, step by step\n").unwrap();
    let mut shown = 0;
    for Step { commands, shown: expected } in steps(of_the_auditor) {
        let printed = run(folder.path(), &commands);
        let Some(expected) = expected else { continue };
        shown += 1;
        if std::env::var_os("BPO_UPDATE").is_some() {
            page = page.replace(&expected, &printed);
        } else {
            assert_eq!(printed, expected, "{commands}");
        }
    }
    assert!(shown > 4, "{shown} outputs are too few to prove anything");
    if std::env::var_os("BPO_UPDATE").is_some() {
        fs::write(&file, page).unwrap();
    }
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
