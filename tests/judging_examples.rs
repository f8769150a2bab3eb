//! The figures of `docs/how-a-contract-is-judged.md` are those of the judgement: each of its YAML blocks is a case.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected shall stop"
)]

#[path = "support/judging/mod.rs"]
mod judging;

use std::collections::BTreeMap;

use bpo_operator::domain::facts::{Gaming, Judgement, Risk};
use bpo_operator::domain::measures::Row;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// One worked example: terms, rows, and what follows from them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Example {
    /// Fields of the contract that differ from the plainest one.
    #[serde(default)]
    contract: Map<String, Value>,
    /// KpiTargets by name.
    kpis: Map<String, Value>,
    /// ServiceTiers by name.
    #[serde(default)]
    tiers: Map<String, Value>,
    /// Rows of the feed `figures`, or of the one that a row names in `feed`.
    rows: Vec<Value>,
    /// When it is judged.
    #[serde(default = "after_the_year")]
    now: String,
    /// By period (`2026-01`, or `2026-01 revision 2`): fields of the report and, by name, of its KPIs. Under `running`: what is
    /// known of the period that runs.
    expected: Map<String, Value>,
}

fn after_the_year() -> String {
    "2027-03-01T00:00:00Z".to_owned()
}

/// The blocks of the document, each with the number of its first line.
fn blocks() -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (number, line) in include_str!("../docs/how-a-contract-is-judged.md").lines().enumerate() {
        match (&mut open, line) {
            (None, "```yaml") => open = Some((number + 2, String::new())),
            (Some(_), "```") => found.extend(open.take()),
            (Some((_, text)), line) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, _) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    found
}

/// All that a judgement says, in the words of the examples.
fn said(judgement: &Judgement) -> Value {
    let mut said = Map::new();
    for report in &judgement.reports {
        let mut written = serde_json::to_value(report).unwrap();
        for line in &report.kpis {
            written[&line.name] = serde_json::to_value(line).unwrap();
        }
        let name = &report.period.name;
        let name = if report.revision == 1 { name.clone() } else { format!("{name} revision {}", report.revision) };
        said.insert(name, written);
    }
    let mut running = json!({"triggers": judgement.triggers, "plans": judgement.plans});
    for (name, kpi) in &judgement.kpis {
        running[name] =
            kpi.current.as_ref().map_or_else(|| json!({}), |current| serde_json::to_value(current).unwrap());
        running[name]["risk"] = json!(match kpi.risk {
            Risk::NoData => "NoData",
            Risk::OnTrack => "OnTrack",
            Risk::ProjectedMiss { .. } => "ProjectedMiss",
            Risk::BudgetBurn { .. } => "BudgetBurn",
            Risk::BelowWarning { .. } => "BelowWarning",
        });
        running[name]["trend"] = json!(kpi.trend);
        running[name]["signal"] = json!(kpi.signal);
        running[name]["gamingSuspected"] = json!(matches!(kpi.gaming, Gaming::Suspected { .. }));
    }
    said.insert("running".to_owned(), running);
    Value::Object(said)
}

/// What of `expected` is not so.
fn differences(said: &Value, expected: &Value, path: &str, wrong: &mut Vec<String>) {
    match (said, expected) {
        (Value::Object(said), Value::Object(expected)) => {
            for (field, expected) in expected {
                differences(said.get(field).unwrap_or(&Value::Null), expected, &format!("{path}.{field}"), wrong);
            }
        }
        (Value::Array(said), Value::Array(expected)) if said.len() == expected.len() => {
            for (place, (said, expected)) in said.iter().zip(expected).enumerate() {
                differences(said, expected, &format!("{path}[{place}]"), wrong);
            }
        }
        // An empty list is left out of a report.
        (Value::Null, Value::Array(expected)) if expected.is_empty() => {}
        (said, expected) if said == expected => {}
        (said, expected) => wrong.push(format!("{path} is {said}, not {expected}")),
    }
}

#[test]
fn every_worked_example_is_what_the_judgement_says() {
    let blocks = blocks();
    let mut wrong = Vec::new();
    for (line, text) in &blocks {
        let example: Example = serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("line {line}: {error}"));
        assert!(!example.expected.is_empty(), "line {line} expects nothing");
        let terms = judging::terms(&Value::Object(example.contract), &example.kpis);
        let terms = judging::with_tiers(terms, &example.tiers);
        let mut rows: BTreeMap<String, Vec<Row>> = BTreeMap::new();
        for row in &example.rows {
            let feed = row.get("feed").and_then(Value::as_str).unwrap_or("figures");
            rows.entry(feed.to_owned()).or_default().push(judging::row(row));
        }
        let judgement = judging::judged_by_feeds(&terms, rows, &example.now);
        differences(&said(&judgement), &Value::Object(example.expected), &format!("line {line}: "), &mut wrong);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(blocks.len() >= 30, "the document has only {} examples", blocks.len());
}

#[test]
fn every_section_of_the_document_has_an_example() {
    let document = include_str!("../docs/how-a-contract-is-judged.md");
    for section in document.split("\n## ").skip(1).filter(|section| section.starts_with(|c: char| c.is_ascii_digit())) {
        assert!(section.contains("```yaml"), "{}", section.lines().next().unwrap_or_default());
    }
}
