//! The figures of `docs/how-a-contract-is-judged.md` are those of the judgement: each of its YAML blocks is a case.

use std::collections::BTreeMap;

use crate::documents::yaml_blocks;
use crate::judging;
use bpo_operator::domain::decision::kpi_target::target_text;
use bpo_operator::domain::foresight::risks::Risk;
use bpo_operator::domain::judgement::outcome::Judgement;
use bpo_operator::domain::measuring::row::Row;
use bpo_operator::domain::settlement::gaming::Gaming;
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

/// All that a judgement says, in the words of the examples.
fn said(judgement: &Judgement) -> Value {
    let mut said = Map::new();
    for report in judgement.whole_reports() {
        let mut written = serde_json::to_value(&report).unwrap();
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
    let blocks = yaml_blocks(include_str!("../../docs/how-a-contract-is-judged.md"));
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

/// The line before the figures of an example, which are made from its YAML.
const FIGURES: &str = "<!-- made from the YAML below: BPO_UPDATE=1 cargo test --test figures judging_examples -->";
const SUMMARY: &str = "<details><summary>The same as it is written (YAML)</summary>";

/// The document with the figures of each example in words and tables before its YAML, which is folded away.
fn with_figures(document: &str) -> String {
    let mut lines = document.lines().peekable();
    let mut written: Vec<String> = Vec::new();
    while let Some(line) = lines.next() {
        match line {
            FIGURES => while lines.next_if(|line| *line != "```yaml").is_some() {},
            "```yaml" => {
                let mut block: Vec<&str> = Vec::new();
                while let Some(line) = lines.next_if(|line| *line != "```") {
                    block.push(line);
                }
                lines.next();
                let example: Example = serde_saphyr::from_str(&block.join("\n")).unwrap();
                written.extend([FIGURES.to_owned(), String::new()]);
                written.extend(figures(&example));
                written.extend([SUMMARY, "", "```yaml"].map(str::to_owned));
                written.extend(block.into_iter().map(str::to_owned));
                written.extend(["```", "", "</details>"].map(str::to_owned));
                if lines.next_if_eq(&"").is_some() && lines.next_if_eq(&"</details>").is_none() {
                    written.push(String::new());
                }
            }
            line => written.push(line.to_owned()),
        }
    }
    written.join("\n") + "\n"
}

/// What was agreed, what the vendor delivered and what the report says.
fn figures(example: &Example) -> Vec<String> {
    let terms = judging::terms(&Value::Object(example.contract.clone()), &example.kpis);
    let targets: Vec<String> = terms
        .kpis
        .iter()
        .map(|(name, spec)| format!("{name} ({}) {}", in_words(spec.kpi.as_str()), target_text(spec)))
        .collect();
    let mut lines = vec![format!("Agreed: {}.", targets.join("; ")), String::new()];
    lines.extend(delivered(&example.rows));
    lines.extend(["", "| the report says of | | |", "|---|---|---|"].map(str::to_owned));
    for (period, expected) in &example.expected {
        let period = if period == "running" { "the running period" } else { period };
        let mut of_period: Vec<String> = Vec::new();
        for (field, value) in expected.as_object().unwrap() {
            match value {
                Value::Object(members) if example.kpis.contains_key(field) => {
                    lines.push(format!("| {period} | {field} | {} |", listed(members)));
                }
                value => of_period.push(named(field, value)),
            }
        }
        if !of_period.is_empty() {
            lines.push(format!("| {period} | in all | {} |", of_period.join("; ")));
        }
    }
    lines.push(String::new());
    lines
}

/// The rows as a table: when, and what was counted.
fn delivered(rows: &[Value]) -> Vec<String> {
    let is_time = |name: &str| matches!(name, "day" | "month" | "from" | "to");
    let mut measures: Vec<&str> = Vec::new();
    for row in rows {
        for name in row.as_object().unwrap().keys() {
            if !is_time(name) && !measures.contains(&name.as_str()) {
                measures.push(name);
            }
        }
    }
    let heads: Vec<String> = measures.iter().map(|measure| in_words(measure)).collect();
    let mut lines = vec![
        format!("| the vendor delivers for | {} |", heads.join(" | ")),
        format!("|---|{}", "---:|".repeat(measures.len())),
    ];
    for row in rows {
        let time = |name: &str| row.get(name).map(plain);
        let when = time("day")
            .or(time("month"))
            .unwrap_or_else(|| format!("{} to {}", time("from").unwrap_or_default(), time("to").unwrap_or_default()));
        let cells: Vec<String> =
            measures.iter().map(|measure| row.get(measure).map(plain).unwrap_or_default()).collect();
        lines.push(format!("| {when} | {} |", cells.join(" | ")));
    }
    lines
}

fn listed(members: &Map<String, Value>) -> String {
    // What a reader asks for first: the verdict, then the value.
    let verdict = members.get("verdict").map(|verdict| format!("**{}**", in_words(&plain(verdict))));
    let value = members.get("value").map(|value| named("value", value));
    let others = members.iter().filter(|(field, _)| !matches!(field.as_str(), "verdict" | "value"));
    let others = others.map(|(field, value)| named(field, value));
    verdict.into_iter().chain(value).chain(others).collect::<Vec<_>>().join("; ")
}

fn named(field: &str, value: &Value) -> String {
    match value {
        Value::Bool(true) => in_words(field),
        Value::Bool(false) => format!("no {}", in_words(field)),
        Value::Array(items) if items.is_empty() => format!("no {}", in_words(field)),
        value => format!("{} {}", in_words(field), plain(value)),
    }
}

/// A value as people write it.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) if text.starts_with(|first: char| first.is_ascii_digit()) => {
            text.replace("T00:00:00Z", "").replace(":00Z", "").replace('T', " ")
        }
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Object(members) => format!("({})", listed(members)),
        other => other.to_string(),
    }
}

/// A name such as `answeredWithin` or `NoData` in words.
fn in_words(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(letter.to_ascii_lowercase());
    }
    words
}

#[test]
fn the_figures_before_each_example_are_those_of_its_yaml() {
    let document = include_str!("../../docs/how-a-contract-is-judged.md");
    let expected = with_figures(document);
    if std::env::var_os("BPO_UPDATE").is_some() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/how-a-contract-is-judged.md");
        std::fs::write(file, &expected).unwrap();
    }
    assert_eq!(with_figures(&expected), expected, "making the figures twice changes them");
    let differs = document.lines().zip(expected.lines()).find(|(is, should)| is != should);
    assert!(
        document == expected || std::env::var_os("BPO_UPDATE").is_some(),
        "run BPO_UPDATE=1 cargo test --test figures judging_examples: {differs:?}"
    );
}

#[test]
fn every_section_of_the_document_has_an_example() {
    let document = include_str!("../../docs/how-a-contract-is-judged.md");
    for section in document.split("\n## ").skip(1).filter(|section| section.starts_with(|c: char| c.is_ascii_digit())) {
        assert!(section.contains("```yaml"), "{}", section.lines().next().unwrap_or_default());
    }
}
