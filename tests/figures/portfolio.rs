//! `kubectl bpo portfolio`: what a table, a spreadsheet and a program see of the vendors.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

fn portfolio(rest: &[&str]) -> (i32, String, String) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/uk-service-points");
    let manifest = folder.join("contract.yaml").display().to_string();
    let feed = format!("casework={}", folder.join("feeds/casework.json").display());
    let arguments = ["portfolio", "-f", &manifest, "--feed", &feed, "--now", "2026-05-31T00:00:00Z"];
    let output =
        Command::new(env!("CARGO_BIN_EXE_kubectl-bpo")).args([&arguments[..], rest].concat()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn vendors_stand_side_by_side_with_what_their_misses_cost() {
    let (code, out, err) = portfolio(&["-o", "json"]);
    assert_eq!(code, 0, "{err}");
    let lines: Value = serde_json::from_str(&out).unwrap();
    let line = &lines[0];
    assert_eq!((lines.as_array().unwrap().len(), &line["contract"]), (1, &"uk-service-points".into()));
    assert_eq!((&line["period"], &line["phase"]), (&"2026-04".into(), &"Active".into()));
    // The year to date is that of the reports' own sums, to the penny.
    assert!(line["yearToDate"].as_str().unwrap().parse::<f64>().unwrap() > 0.0, "{line}");
    let (_, table, _) = portfolio(&[]);
    assert!(table.contains("YEAR TO DATE") && table.contains(line["yearToDate"].as_str().unwrap()), "{table}");
    let (_, csv, _) = portfolio(&["-o", "csv"]);
    assert_eq!(csv.lines().count(), 2, "{csv}");
    assert!(csv.starts_with("VENDOR,CONTRACT,PHASE,COMPLIANT,AT RISK,PERIOD,SCORE,RATING,"), "{csv}");
}

#[test]
fn ratings_are_published_in_the_five_words_of_the_law() {
    let (code, out, err) = portfolio(&["--ratings", "-o", "json"]);
    assert_eq!(code, 0, "{err}");
    let lines: Vec<Value> = serde_json::from_str(&out).unwrap();
    assert!(!lines.is_empty());
    for line in &lines {
        let words = ["Good", "Approaching target", "Requires improvement", "Inadequate", "Other"];
        assert!(words.contains(&line["rating"].as_str().unwrap()), "{line}");
        assert_eq!(line["from"], "2026-03-31T23:00:00Z", "{line}");
    }
    let names: Vec<&str> = lines.iter().map(|line| line["name"].as_str().unwrap()).collect();
    assert!(names.is_sorted(), "{names:?}");
    let (_, csv, _) = portfolio(&["--ratings", "-o", "csv"]);
    assert_eq!(csv.lines().count(), lines.len() + 1, "{csv}");
}

#[test]
fn wrong_input_ends_with_2() {
    let output = Command::new(env!("CARGO_BIN_EXE_kubectl-bpo")).args(["portfolio", "-f", "nowhere"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--now"));
}
