//! `kubectl bpo feed preview`, and what a vendor's own export is worth to `evaluate`.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::plugin::{file, plugin};

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
    file(folder, "contract.yaml", &text)
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
        let shown: Value = said.json();
        let counts = (shown["rows"].as_array().unwrap().len(), shown["rejected"].as_array().unwrap().len());
        assert_eq!((said.code, counts), (code, (rows, rejected)), "{product}: {}", said.err);
        let table = plugin(&[&arguments[..], &["--rows", "1"]].concat());
        assert!(table.out.contains(&format!("{rows} rows taken, {rejected} set aside")), "{}", table.out);
        assert!(table.out.contains(&format!("--rows {rows} shows all")), "{}", table.out);
    }
}

#[test]
fn a_preview_says_for_which_kpis_the_mapping_suffices_and_what_others_lack() {
    let folder = tempfile::tempdir().unwrap();
    let preview = |product: &str, more: &[&str]| {
        let manifest = contract(&folder, &format!("{product}.yaml"));
        let feed = sample(&format!("{product}.csv"));
        plugin(&[&["feed", "preview", "-f", &manifest, "--feed", &feed][..], more].concat())
    };
    let said = preview("avaya-bcms", &[]);
    let enough = said.out.lines().find(|line| line.starts_with("enough for ")).unwrap();
    let has = |kpi: &str| enough.trim_start_matches("enough for ").split(", ").any(|known| known == kpi);
    assert!(has("AverageSpeedOfAnswer") && !has("ServiceLevel"), "{}", said.out);
    assert!(said.out.contains("\nServiceLevel needs answeredWithin"), "{}", said.out);
    let json: Value = preview("amazon-connect", &["-o", "json"]).json();
    assert!(json["kpis"].as_array().unwrap().contains(&"ServiceLevel".into()), "{json:#}");
    let lacking = json["lacking"].as_array().unwrap();
    assert!(!lacking.is_empty(), "{json:#}");
    for lack in lacking {
        let measures = lack["measures"].as_array().unwrap().len();
        assert!((1..=2).contains(&measures) && !json["kpis"].as_array().unwrap().contains(&lack["kpi"]), "{lack}");
    }
}

#[test]
fn a_percentage_of_the_answered_beside_the_abandoned_is_doubted_in_preview_and_lint() {
    let folder = tempfile::tempdir().unwrap();
    let mapping = folder.path().join("level.yaml");
    let file = folder.path().join("level.csv");
    std::fs::write(&file, "Day,Answered,Abandoned,Level\n2026-03-02,100,10,80\n").unwrap();
    for (abandoned, doubted) in [("abandoned", true), ("hungUp", false)] {
        let text = format!(
            "format:
  csv:
    start: {{columns: [Day]}}
    measures:
      - {{name: answered, column: Answered}}
      - {{name: {abandoned}, column: Abandoned}}
      - {{name: answeredWithin, column: Level, unit: Percent, of: answered}}
"
        );
        std::fs::write(&mapping, text).unwrap();
        let manifest = contract(&folder, mapping.to_str().unwrap());
        let feed = format!("acd={}", file.display());
        let shown = plugin(&["feed", "preview", "-f", &manifest, "--feed", &feed, "--now", "2026-04-01T00:00:00Z"]);
        let line = "doubtful: answeredWithin is a percentage `of: answered`";
        assert_eq!((shown.code, shown.out.contains(line)), (0, doubted), "{}{}", shown.out, shown.err);
        let linted = plugin(&["lint", "-f", &manifest, "--now", "2026-04-01T00:00:00Z"]);
        let advice = "FiguresInDoubt: feed acd: answeredWithin is a percentage";
        assert_eq!((linted.code, linted.out.contains(advice)), (0, doubted), "{}{}", linted.out, linted.err);
    }
}

/// Daily figures by date of a queue in London.
const DAILY: &str = "format:
  csv:
    timeZone: Europe/London
    start: {columns: [Day]}
    labels: [{name: queue, column: Queue}]
    measures: [{name: answered, column: Answered}, {name: answeredWithin, column: Within}]
";

/// The preview of a table by the daily mapping, as JSON.
fn previewed(table: &str, more: &str, now: &str) -> (i32, Value) {
    let folder = tempfile::tempdir().unwrap();
    let mapping = folder.path().join("daily.yaml");
    std::fs::write(&mapping, format!("{DAILY}{more}")).unwrap();
    let manifest = contract(&folder, mapping.to_str().unwrap());
    let file = folder.path().join("daily.csv");
    std::fs::write(&file, format!("Day,Queue,Answered,Within\n{table}")).unwrap();
    let feed = format!("acd={}", file.display());
    let said = plugin(&["feed", "preview", "-f", &manifest, "--feed", &feed, "--now", now, "-o", "json"]);
    assert!(said.code < 2, "{}", said.err);
    (said.code, said.json())
}

#[test]
fn days_by_date_are_as_long_as_the_clock_makes_them_and_none_is_in_another_s_way() {
    let spring = "2026-03-28,a,100,90\n2026-03-29,a,100,90\n2026-03-30,a,100,50\n";
    for more in ["", "cadence: 24h\n"] {
        let (code, shown) = previewed(spring, more, "2026-04-01T00:00:00Z");
        let times: Vec<_> =
            shown["rows"].as_array().unwrap().iter().map(|row| (row["start"].clone(), row["end"].clone())).collect();
        let expected = [
            ("2026-03-28T00:00:00Z", "2026-03-29T00:00:00Z"),
            ("2026-03-29T00:00:00Z", "2026-03-29T23:00:00Z"),
            ("2026-03-29T23:00:00Z", "2026-03-30T23:00:00Z"),
        ];
        assert_eq!(times, expected.map(|(start, end)| (Value::from(start), Value::from(end))), "{more}");
        assert_eq!((code, &shown["rejected"]), (0, &Value::Array(vec![])), "{more}");
    }
}

#[test]
fn a_sample_is_held_to_the_rules_of_the_store_and_to_the_clock() {
    let reasons = |shown: &Value| -> Vec<String> {
        shown["rejected"].as_array().unwrap().iter().map(|row| row["reason"].as_str().unwrap().to_owned()).collect()
    };
    for (case, table, more, now, kept, rejected) in [
        (
            "two figures of one day",
            "2026-03-02,a,100,90\n2026-03-02,a,100,80\n2026-03-03,a,1,1\n",
            "",
            "2026-04-01T00:00:00Z",
            1,
            vec!["Conflict", "Conflict"],
        ),
        ("the same twice", "2026-03-02,a,100,90\n2026-03-02,a,100,90\n", "", "2026-04-01T00:00:00Z", 1, vec![]),
        ("two queues", "2026-03-02,a,100,90\n2026-03-02,b,100,80\n", "", "2026-04-01T00:00:00Z", 2, vec![]),
        (
            "a time inside a day",
            "2026-03-02,a,100,90\n2026-03-02T09:00,a,9,9\n",
            "",
            "2026-04-01T00:00:00Z",
            1,
            vec!["Overlap"],
        ),
        (
            "a day that runs",
            "2026-03-02,a,100,90\n2026-03-03,a,9,9\n",
            "cadence: 24h\n",
            "2026-03-03T08:00:00Z",
            2,
            vec![],
        ),
        (
            "a day longer than the cadence",
            "2026-03-02,a,100,90\n2026-03-03,a,9,9\n",
            "",
            "2026-03-03T08:00:00Z",
            1,
            vec!["InFuture"],
        ),
    ] {
        let (code, shown) = previewed(table, more, now);
        assert_eq!(
            (shown["rows"].as_array().unwrap().len(), reasons(&shown)),
            (kept, rejected.iter().map(|reason| (*reason).to_owned()).collect()),
            "{case}"
        );
        assert_eq!(code, i32::from(!rejected.is_empty()), "{case}");
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
    let list: Value = said.json();
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
        ("of: answered", "of: offered", "\"offered\" is not a measure of this mapping"),
        ("column: ACD CALLS}", "column: ACD CALLS, of: answered}", "is in the end its own volume"),
        ("%m/%d/%Y %I:%M %p", "%m/%d/%Y %!", "is not a strftime format"),
        ("timeZone: America/New_York", "timeZone: New York", "timeZone"),
    ] {
        std::fs::write(&manifest, right.replacen(what, instead, 1)).unwrap();
        let said = plugin(&["lint", "-f", &manifest]);
        let text = format!("{}{}", said.out, said.err);
        assert!(said.code == 2 && text.contains(fragment), "{instead}: {text}");
    }
}
