//! `kubectl bpo feed preview`, and what a vendor's own export is worth to `evaluate`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on shall fail")]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

struct Said {
    code: i32,
    out: String,
    err: String,
}

fn plugin(arguments: &[&str]) -> Said {
    let output = Command::new(env!("CARGO_BIN_EXE_kubectl-bpo")).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

fn export(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/exports").join(name)
}

/// A contract whose only feed has the mapping of an export, and a KPI on it.
fn contract(folder: &TempDir, mapping: &str) -> String {
    let format: String =
        std::fs::read_to_string(export(mapping)).unwrap().lines().map(|line| format!("      {line}\n")).collect();
    let text = format!(
        "apiVersion: bpo-operator.io/v1alpha1
kind: VendorContract
metadata: {{name: care}}
spec:
  vendor: {{name: Acme}}
  term: {{start: 2026-01-01, end: 2026-12-31}}
  feeds:
    - name: acd
      url: https://feeds.acme.example/export.csv
{format}---
apiVersion: bpo-operator.io/v1alpha1
kind: KpiTarget
metadata: {{name: level}}
spec:
  contractRef: {{name: care}}
  kpi: ServiceLevel
  variant: AnsweredOnly
  source: {{feed: acd}}
  objective: {{target: 80}}
  rounding: {{decimals: 2}}
"
    );
    let file = folder.path().join("contract.yaml");
    std::fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}

fn sample(name: &str) -> String {
    format!("acd={}", export(name).display())
}

#[test]
fn a_sample_is_shown_as_rows_with_what_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    for (product, code, rows, rejected) in
        [("amazon-connect", 0, 3, 0), ("genesys-cloud", 0, 6, 0), ("avaya-bcms", 1, 2, 1)]
    {
        let manifest = contract(&folder, &format!("{product}.yaml"));
        let arguments = ["feed", "preview", "-f", &manifest, "--feed", &sample(&format!("{product}.csv"))];
        let said = plugin(&[&arguments[..], &["-o", "json"]].concat());
        let shown: Value = serde_json::from_str(&said.out).unwrap();
        let counts = (shown["rows"].as_array().unwrap().len(), shown["rejected"].as_array().unwrap().len());
        assert_eq!((said.code, counts), (code, (rows, rejected)), "{product}: {}", said.err);
        let table = plugin(&[&arguments[..], &["--rows", "1"]].concat());
        assert!(table.out.contains(&format!("{rows} rows taken, {rejected} set aside")), "{}", table.out);
        assert!(table.out.contains(&format!("--rows {rows} shows all")), "{}", table.out);
    }
}

#[test]
fn a_sample_that_is_not_what_was_mapped_ends_with_2_and_names_the_field() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = contract(&folder, "avaya-bcms.yaml");
    for (feed, fragments) in [
        (sample("amazon-connect.csv"), ["format.csv.start", "no column \"DATE\""]),
        (sample("nowhere.csv"), ["--feed acd", "nowhere.csv"]),
        (format!("other={}", export("avaya-bcms.csv").display()), ["other", "care/acd"]),
    ] {
        let said = plugin(&["feed", "preview", "-f", &manifest, "--feed", &feed]);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{}", said.err);
        assert!(fragments.iter().all(|fragment| said.err.contains(fragment)), "{}", said.err);
    }
}

#[test]
fn evaluate_judges_from_the_counts_of_an_export_and_not_from_the_vendors_own_percentage() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = contract(&folder, "amazon-connect.yaml");
    let feed = sample("amazon-connect.csv");
    let said = plugin(&["evaluate", "-f", &manifest, "--feed", &feed, "--now", "2026-03-01T00:00:00Z", "-o", "json"]);
    let list: Value = serde_json::from_str(&said.out).unwrap();
    let report = list["items"].as_array().unwrap().iter().find(|item| item["kind"] == "SlaReport").unwrap();
    let line = &report["spec"]["kpis"][0];
    // 902 of 1,044 calls and 60 of 80. Connect's own percentages (85.05 and 78.00) hold calls that were abandoned in time.
    assert_eq!(
        (&line["value"], &line["denominator"], &line["verdict"]),
        (&"85.59".into(), &"1124".into(), &"Met".into())
    );
    assert_eq!(line["numerator"], "962");
}

#[test]
fn lint_finds_mappings_that_cannot_work() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = contract(&folder, "avaya-bcms.yaml");
    let right = std::fs::read_to_string(&manifest).unwrap();
    assert_eq!(plugin(&["lint", "-f", &manifest]).code, 0);
    for (what, instead, fragment) in [
        ("of: answered", "of: offered", "\"offered\" is no measure of this mapping"),
        ("column: ACD CALLS}", "column: ACD CALLS, of: answered}", "is in the end its own volume"),
        ("%m/%d/%Y %I:%M %p", "%m/%d/%Y %!", "is no strftime format"),
        ("timeZone: America/New_York", "timeZone: New York", "timeZone"),
    ] {
        std::fs::write(&manifest, right.replacen(what, instead, 1)).unwrap();
        let said = plugin(&["lint", "-f", &manifest]);
        let text = format!("{}{}", said.out, said.err);
        assert!(said.code == 2 && text.contains(fragment), "{instead}: {text}");
    }
}
