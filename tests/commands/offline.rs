//! The plugin's commands as their users meet them: what they print, how they end, and what they say to wrong input.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::vendor;
use vendor::{Dataset, INTERVALS, OUTCOMES};

use crate::plugin::{Said, file, plugin};

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")
}

/// The example and what its vendor would have answered in the summer of 2026.
struct Acme {
    _folder: TempDir,
    arguments: Vec<String>,
}

impl Acme {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dataset = Dataset::story();
        let (from, until) = ("2026-01-01T00:00:00Z".parse().unwrap(), "2026-09-01T00:00:00Z".parse().unwrap());
        let mut arguments = vec!["evaluate".to_owned(), "-f".to_owned()];
        arguments.push(examples().join("acme-care").to_str().unwrap().to_owned());
        for (name, feed) in [("acd", INTERVALS), ("acme-care/outcomes", OUTCOMES)] {
            let rows = dataset.feeds[feed].between(from, until);
            let body = json!({"schema": "bpo-feed/v1", "rows": rows, "next": null}).to_string();
            arguments
                .extend(["--feed".to_owned(), format!("{name}={}", file(&folder, &format!("{feed}.json"), &body))]);
        }
        Acme { _folder: folder, arguments }
    }

    fn evaluate(&self, now: &str, output: &str) -> Said {
        let rest = ["--now", now, "-o", output];
        plugin(&self.arguments.iter().map(String::as_str).chain(rest).collect::<Vec<_>>())
    }
}

/// Runs a program of this package with a pipe that nobody reads for standard output, for standard error, or for both.
fn without_reader(program: &str, arguments: &[&str], (out, error): (bool, bool)) -> Output {
    let unread = |unread: bool| match unread {
        true => Stdio::from(std::io::pipe().unwrap().1),
        false => Stdio::piped(),
    };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(unread(out)).stderr(unread(error));
    command.spawn().unwrap().wait_with_output().unwrap()
}

#[test]
fn a_reader_that_has_gone_ends_each_command_quietly_as_the_signal_pipe_ends_other_programs() {
    let (plugin, operator) = (env!("CARGO_BIN_EXE_kubectl-bpo"), env!("CARGO_BIN_EXE_bpo-operator"));
    let folder = examples().join("uk-service-points");
    let (contract, rows) = (folder.join("contract.yaml"), folder.join("feeds/casework.json"));
    let (contract, casework) = (contract.to_str().unwrap(), format!("casework={}", rows.display()));
    let files = |first: &[&str], rest: &[&str]| -> Vec<String> {
        let given = ["-f", contract, "--feed", &casework, "--now", "2026-05-31T00:00:00Z"];
        first.iter().chain(&given).chain(rest).map(|word| (*word).to_owned()).collect()
    };
    let words = |words: &[&str]| -> Vec<String> { words.iter().map(|word| (*word).to_owned()).collect() };
    let unwritten = tempfile::tempdir().unwrap();
    let pages = unwritten.path().join("pages");
    let staffing = ["staffing", "--contacts", "100", "--handle-time", "180s", "--service-level", "80/20s"];
    let cases = [
        (plugin, files(&["evaluate"], &["-o", "table"])),
        (plugin, files(&["evaluate"], &["-o", "yaml"])),
        (plugin, files(&["evaluate"], &["-o", "json"])),
        (plugin, files(&["report", "uk-service-points", "--period", "2026-02"], &["-o", "html"])),
        (plugin, files(&["explain", "uk-service-points-2026-02"], &[])),
        (plugin, files(&["scorecard", "uk-service-points"], &[])),
        (plugin, files(&["calendar", "uk-service-points"], &[])),
        (plugin, files(&["portfolio"], &["-o", "csv"])),
        (plugin, files(&["dashboard", "--to", pages.to_str().unwrap()], &[])),
        (plugin, words(&["lint", "-f", contract])),
        (plugin, words(&["catalogue"])),
        (plugin, words(&["completion"])),
        (plugin, words(&["completion", "bash"])),
        (plugin, words(&["__complete", "--", "re"])),
        (plugin, words(&["version", "--client"])),
        (plugin, words(&staffing)),
        (operator, words(&["crds"])),
        (operator, words(&["dashboard"])),
    ];
    for (program, arguments) in cases {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let shown = arguments.first().copied().unwrap_or_default();
        let read = without_reader(program, &arguments, (false, false));
        assert!(read.status.code().is_some_and(|code| code < 2), "{shown}: {}", String::from_utf8_lossy(&read.stderr));
        let unread = without_reader(program, &arguments, (true, false));
        let said = String::from_utf8_lossy(&unread.stderr);
        assert_eq!(unread.status.code(), Some(141), "{shown}: {said}");
        assert!(!said.contains("panicked") && !said.contains("error"), "{shown}: {said}");
    }
}

#[test]
fn a_standard_error_that_nobody_reads_changes_no_exit_code() {
    let (plugin, operator) = (env!("CARGO_BIN_EXE_kubectl-bpo"), env!("CARGO_BIN_EXE_bpo-operator"));
    let no_cluster = ["run", "--clock-start", "2026-01-01T00:00:00Z", "--listen", "127.0.0.1:0"];
    let cases = [
        (plugin, &["lint", "-f", "nowhere"][..], 2),
        (plugin, &["history", "care", "--kubeconfig", "nowhere"][..], 2),
        // Its log goes there, too.
        (operator, &no_cluster[..], 1),
    ];
    for (program, arguments, code) in cases {
        let mut command = Command::new(program);
        command.args(arguments).env("KUBECONFIG", "/nowhere").stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(Stdio::from(std::io::pipe().unwrap().1));
        assert_eq!(command.status().unwrap().code(), Some(code), "{arguments:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_in_words() {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-bpo"));
    let output = command.arg("catalogue").stdout(full).stderr(Stdio::piped()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.starts_with("error: standard output cannot be written: No space left"), "{said}");
}

#[test]
fn the_example_is_evaluated_as_a_table_as_yaml_and_as_json() {
    let acme = Acme::new();
    // February: hit by the power cut, which is excused. March: a third of a site's people left, and the target was missed.
    for (now, code) in [("2026-03-20T12:00:00Z", 0), ("2026-04-20T12:00:00Z", 1)] {
        let said = acme.evaluate(now, "json");
        assert_eq!(said.code, code, "{now}: {}", said.err);
        let list: Value = said.json();
        let items = list["items"].as_array().unwrap();
        let kinds = |kind: &str| items.iter().filter(|item| item["kind"] == kind).count();
        assert_eq!((list["kind"].as_str(), kinds("VendorContract")), (Some("List"), 1));
        assert!(kinds("KpiTarget") > 5 && kinds("ServiceTier") == 3, "{now}");
        assert!(items.iter().all(|item| item["kind"] == "SlaReport" || item["status"]["conditions"].is_array()));
        let yaml = acme.evaluate(now, "yaml");
        let documents: Vec<Value> = serde_saphyr::from_multiple(&yaml.out).unwrap();
        assert_eq!((&documents, yaml.code), (items, code), "YAML and JSON say the same");
    }
    let table = acme.evaluate("2026-04-20T12:00:00Z", "table");
    assert_eq!(table.code, 1);
    for shown in ["acme-care", "2026-03", "acme-service-level", "Missed", "80"] {
        assert!(table.out.contains(shown), "{shown}: {}", table.out);
    }
}

#[test]
fn documents_say_the_same_as_json_and_as_yaml_and_are_markdown_where_that_is_asked_for() {
    let acme = Acme::new();
    let files: Vec<&str> = acme.arguments.iter().skip(1).map(String::as_str).collect();
    let said = |words: &[&str], output: &str| {
        let rest = ["--now", "2026-04-20T12:00:00Z", "-o", output];
        let said = plugin(&[words, &files, &rest].concat());
        assert_eq!(said.code, 0, "{words:?} -o {output}: {}", said.err);
        said.out
    };
    for (words, has_markdown) in [
        (&["report", "acme-care"][..], true),
        (&["scorecard", "acme-care"], true),
        (&["scorecard", "acme-care", "--kpi", "acme-service-level"], true),
        (&["portfolio"], true),
        (&["portfolio", "--ratings"], true),
        (&["launch", "report"], true),
        (&["calendar", "acme-care"], false),
    ] {
        let json: Value = serde_json::from_str(&said(words, "json")).unwrap();
        let yaml = said(words, "yaml");
        assert!(!yaml.starts_with(['{', '[']), "YAML was asked for: {yaml}");
        assert_eq!(serde_saphyr::from_str::<Value>(&yaml).unwrap(), json, "{words:?}");
        let text = said(words, "text");
        assert!(!text.starts_with(['{', '#']) && text.lines().count() >= 2, "{words:?}: {text}");
        if has_markdown {
            let markdown = said(words, "md");
            assert!(markdown.starts_with("# ") && markdown.contains("\n|"), "{words:?}: {markdown}");
        }
    }
    assert_eq!(said(&["launch", "report"], "markdown"), said(&["launch", "report"], "md"));
    assert_eq!(said(&["portfolio"], "table"), said(&["portfolio"], "text"));
}

#[test]
fn a_draft_of_a_feed_is_data_for_programs() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/exports/amazon-connect.csv");
    let said = |output: &str| plugin(&["feed", "scaffold", "--sample", sample.to_str().unwrap(), "-o", output]);
    let (json, yaml) = (said("json"), said("yaml"));
    assert_eq!((json.code, yaml.code), (0, 0), "{}{}", json.err, yaml.err);
    let json: Value = json.json();
    assert_eq!(serde_saphyr::from_str::<Value>(&yaml.out).unwrap(), json);
    assert!(json["fields"].as_array().unwrap().len() > 5 && json["feed"]["format"]["csv"].is_object(), "{json:#}");
}

#[test]
fn a_first_evaluation_needs_no_feed_and_misses_nothing() {
    let folder = examples().join("first-contract");
    let said = plugin(&["evaluate", "-f", folder.to_str().unwrap(), "--now", "2026-07-01T00:00:00Z"]);
    assert_eq!((said.code, said.out.contains("NoData")), (0, true), "{}{}", said.out, said.err);
}

#[test]
fn what_the_answers_of_a_feed_say_of_their_thresholds_counts_without_a_cluster_too() {
    let folder = tempfile::tempdir().unwrap();
    let manifests = file(
        &folder,
        "care.yaml",
        "apiVersion: bpo-operator.io/v1alpha1
kind: VendorContract
metadata: {name: care}
spec:
  vendor: {name: Acme}
  term: {start: 2026-01-01, end: 2026-12-31}
  feeds: [{name: acd, url: 'https://feeds.acme.example', cadence: 24h}]
---
apiVersion: bpo-operator.io/v1alpha1
kind: KpiTarget
metadata: {name: level}
spec:
  contractRef: {name: care}
  kpi: ServiceLevel
  variant: AnsweredOnly
  within: 20s
  source: {feed: acd}
  objective: {target: 80}
",
    );
    let days = (1..=31)
        .map(|day| json!({"start": format!("2026-01-{day:02}"), "measures": {"answered": 100, "answeredWithin": 90}}));
    let rows: Vec<Value> = days.collect();
    // Ten business days after January, and twenty.
    for (within, now, state, advised) in [
        (20, "2026-02-16T12:00:00Z", "Final", 0),
        (30, "2026-02-16T12:00:00Z", "Provisional", 1),
        (30, "2026-03-02T12:00:00Z", "Final", 1),
    ] {
        let body =
            json!({"schema": "bpo-feed/v1", "thresholds": {"answeredWithin": within}, "rows": rows, "next": null});
        let feed = format!("acd={}", file(&folder, "acd.json", &body.to_string()));
        let said = plugin(&["evaluate", "-f", &manifests, "--feed", &feed, "--now", now, "-o", "json"]);
        let list: Value = serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {}", said.err));
        let items = list["items"].as_array().unwrap();
        let of_kind = |kind: &str| items.iter().find(|item| item["kind"] == kind).unwrap();
        let report = items.iter().find(|item| item["metadata"]["name"] == "care-2026-01").unwrap();
        assert_eq!(report["spec"]["state"], state, "{within} {now}");
        let advice = of_kind("VendorContract")["status"]["advice"].as_array().into_iter().flatten();
        let found = advice.filter(|advice| advice["finding"] == "ThresholdMismatch").count();
        assert_eq!(found, advised, "{within} {now}: {:#}", of_kind("VendorContract")["status"]);
    }
}

#[test]
fn every_folder_of_examples_passes_lint() {
    let folders = [
        "acme-care",
        "first-contract",
        "reference",
        "uk-service-points",
        "texas-dir-pool",
        "massachusetts-bonus-malus",
    ];
    for folder in folders {
        let path = examples().join(folder);
        let said = plugin(&["lint", "-f", path.to_str().unwrap(), "--now", "2026-07-01T00:00:00Z"]);
        assert_eq!(said.code, 0, "{folder}: {}{}", said.out, said.err);
        assert!(said.out.contains("0 errors, "), "{folder}: {}", said.out);
    }
    let path = examples().join("acme-care");
    let said = plugin(&["lint", "-f", path.to_str().unwrap(), "-o", "json", "--now", "2026-07-01T00:00:00Z"]);
    let json: Value = serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {}", said.out));
    let said = plugin(&["lint", "-f", path.to_str().unwrap(), "-o", "yaml", "--now", "2026-07-01T00:00:00Z"]);
    assert!(!said.out.starts_with('{'), "YAML was asked for: {}", said.out);
    assert_eq!(serde_saphyr::from_str::<Value>(&said.out).unwrap(), json, "YAML and JSON say the same");
}

const CONTRACT: &str = "apiVersion: bpo-operator.io/v1alpha1
kind: VendorContract
metadata: {name: care}
spec:
  vendor: {name: Acme}
  term: {start: 2026-01-01, end: 2026-12-31}
  feeds: [{name: acd, url: https://feeds.acme.example/v1/intervals}]
";
const KPI: &str = "apiVersion: bpo-operator.io/v1alpha1
kind: KpiTarget
metadata: {name: level}
spec:
  contractRef: {name: care}
  kpi: ServiceLevel
  source: {feed: acd}
  objective: {target: 80}
";

#[test]
fn lint_says_where_a_mistake_is_and_what_to_write_instead() {
    // The text to change, its replacement, the line that the message names, and what else it says.
    let cases: [(&str, &str, u32, &[&str]); 8] = [
        ("kind: KpiTarget", "kind: KpiTarge", 10, &["KpiTarge", "write VendorContract, ServiceTier, KpiTarget"]),
        ("v1alpha1\nkind: KpiTarget", "v2\nkind: KpiTarget", 9, &["apiVersion", "write bpo-operator.io/v1alpha1"]),
        ("metadata: {name: level}", "metadata: {}", 11, &["metadata.name is missing", "write a name"]),
        ("kpi: ServiceLevel", "kpi: ServiceLevl", 14, &["spec.kpi", "ServiceLevl", "ServiceLevel"]),
        ("{name: care}\n  kpi", "{name: cure}\n  kpi", 9, &["spec.contractRef.name", "cure"]),
        ("source: {feed: acd}", "source: {feed: acx}", 9, &["spec.source.feed", "acx"]),
        ("end: 2026-12-31", "end: 2025-12-31", 1, &["VendorContract care", "spec.term"]),
        ("end: 2026-12-31}", "end: 2026-12-31}\n  timeZone: Mars/Olympus", 1, &["spec.timeZone", "Mars/Olympus"]),
    ];
    let folder = tempfile::tempdir().unwrap();
    let whole = format!("{CONTRACT}---\n{KPI}");
    let said = plugin(&["lint", "-f", &file(&folder, "right.yaml", &whole)]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    for (what, instead, line, fragments) in cases {
        let broken = whole.replacen(what, instead, 1);
        assert_ne!(broken, whole, "{what}");
        let path = file(&folder, "broken.yaml", &broken);
        let said = plugin(&["lint", "-f", &path]);
        let text = format!("{}{}", said.out, said.err);
        assert_eq!(said.code, 2, "{instead}: {text}");
        for fragment in fragments.iter().copied().chain([format!("{path}:{line}: ").as_str()]) {
            assert!(text.contains(fragment), "{instead}: {fragment:?} is not said in: {text}");
        }
    }
}

#[test]
fn staffing_returns_the_published_figures() {
    let load = ["staffing", "--contacts", "100", "--interval", "30m", "--handle-time", "180s"];
    let json = plugin(&[&load[..], &["-o", "json"]].concat());
    let figures: Value = json.json();
    assert_eq!((json.code, &figures["agents"], &figures["heads"]), (0, &json!(14), &json!(20)), "{figures}");
    let level = figures["serviceLevelPercent"].as_f64().unwrap();
    assert!((level - 88.835).abs() < 0.01, "88.8 % are answered within 20 s, not {level}");
    let table = plugin(&load);
    let shows = |name: &str, value: &str| {
        table.out.lines().any(|line| line.starts_with(name) && line.split_whitespace().last() == Some(value))
    };
    assert!(table.code == 0 && shows("agents", "14") && shows("heads", "20"), "{}", table.out);
}

#[test]
fn the_sensitivity_of_a_given_number_of_agents_is_that_of_these_agents() {
    let load = ["staffing", "--contacts", "100", "--interval", "30m", "--handle-time", "180s", "-o", "json"];
    for agents in ["12", "14", "16"] {
        let said = plugin(&[&load[..], &["--agents", agents]].concat());
        let figures: Value = said.json();
        let rows = figures["sensitivity"].as_array().unwrap();
        let as_planned: Vec<f64> = rows
            .iter()
            .filter(|row| row["changePercent"] == 0)
            .map(|row| row["serviceLevelPercent"].as_f64().unwrap())
            .collect();
        let level = figures["serviceLevelPercent"].as_f64().unwrap();
        assert_eq!(as_planned.len(), 2);
        assert!(as_planned.iter().all(|planned| (planned - level).abs() < 0.001), "{agents}: {as_planned:?}, {level}");
        assert!(rows.iter().filter(|row| row["changePercent"] == 0).all(|row| row["agents"] == 14), "{rows:?}");
    }
}

#[test]
fn wrong_input_of_every_command_ends_with_2_and_says_what_to_write() {
    let folder = tempfile::tempdir().unwrap();
    let right = file(&folder, "right.yaml", &format!("{CONTRACT}---\n{KPI}"));
    let text = file(&folder, "rows.json", "<html>Please sign in</html>");
    let nowhere = folder.path().join("nowhere").to_str().unwrap().to_owned();
    let nothing = folder.path().join("nothing");
    std::fs::create_dir(&nothing).unwrap();
    let nothing = nothing.to_str().unwrap().to_owned();
    let now = "2026-07-01T00:00:00Z";
    let load = ["staffing", "--contacts", "100", "--handle-time"];
    let evaluate = ["evaluate", "-f", &right, "--now", now];
    let with = |command: &[&str], rest: &[&str]| -> Vec<String> {
        command.iter().chain(rest).map(|argument| (*argument).to_owned()).collect()
    };
    let cases: Vec<(Vec<String>, &[&str])> = vec![
        (with(&["evaluate", "-f", &right], &[]), &["--now"]),
        (with(&["evaluate", "-f", &right, "--now", "tomorrow"], &[]), &["--now", "tomorrow"]),
        (with(&["evaluate", "-f", &nowhere, "--now", now], &[]), &["nowhere:1: ", "cannot be read"]),
        (with(&["evaluate", "-f", &nothing, "--now", now], &[]), &["no manifest here", "name a .yaml"]),
        (with(&evaluate, &["--feed", "acd"]), &["acd", "[CONTRACT/]NAME=FILE", "such as"]),
        (with(&evaluate, &["--feed", &format!("other={text}")]), &["other", "there are: care/acd"]),
        (with(&evaluate, &["--feed", &format!("acd={nowhere}")]), &["--feed acd", "nowhere"]),
        (with(&evaluate, &["--feed", &format!("acd={text}")]), &["--feed acd", "rows.json"]),
        (with(&evaluate, &["-o", "xml"]), &["xml", "table, yaml, json"]),
        (with(&["explain", "care-2026-13", "-f", &right, "--now", now], &[]), &["care-2026-13", "care-2026-06"]),
        (with(&["lint", "-f", &nowhere], &[]), &["nowhere:1: ", "cannot be read"]),
        (with(&["lint"], &[]), &["--filename"]),
        (with(&load, &["soon"]), &["--handle-time", "soon"]),
        (with(&load, &["0s"]), &["--handle-time", "write real time above 0", "240s"]),
        (with(&load, &["180s", "--service-level", "80"]), &["80", "such as 80/20s"]),
        (with(&load, &["180s", "--shrinkage", "100"]), &["100", "such as 30"]),
        (with(&load, &["180s", "--max-occupancy", "0"]), &["such as 80"]),
        (with(&["staffing", "--contacts=-3", "--handle-time", "180s"], &[]), &["write a number above 0"]),
        (with(&["verify"], &[]), &["--data-dir"]),
        (with(&["verify", "--data-dir", &nowhere], &[]), &["nowhere"]),
        (with(&["judge"], &[]), &["judge", "--help"]),
    ];
    for (arguments, fragments) in cases {
        let said = plugin(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{arguments:?}: {}", said.err);
        for fragment in fragments {
            assert!(said.err.contains(fragment), "{arguments:?}: {fragment:?} is not said in: {}", said.err);
        }
    }
}
