//! The figures of `docs/campaign-launches.md` are those of the rules: each of its YAML blocks is a case.

use std::collections::BTreeMap;

use crate::documents::yaml_blocks;
use bpo_operator::api::campaign_launch::QueueModel;
use bpo_operator::domain::decision::launch::decide_launch;
use bpo_operator::domain::decision::launch::observed::{LaunchContract, ObservedLaunch, Past};
use bpo_operator::domain::launch::staffing::{StaffingGoal, Varied};
use bpo_operator::domain::measuring::row::Row;
use bpo_operator::domain::terms::contract_terms::Terms;
use bpo_operator::domain::terms::validation::validate_campaign_launch;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// One worked example.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Example {
    /// The launch, without the parts that all examples share.
    launch: Map<String, Value>,
    /// KpiTargets by name.
    #[serde(default)]
    kpis: Map<String, Value>,
    /// Contacts in each half hour of service of the nine weeks before the launch.
    usual: Option<i64>,
    /// Rows of the feed `acd`, half an hour each.
    #[serde(default)]
    rows: Vec<Value>,
    now: Timestamp,
    /// Of the status, what is worth saying. Entries of a list are found by their first field.
    expected: Value,
}

fn row(start: Timestamp, labels: &Value, measures: &Value) -> Row {
    let end = start + SignedDuration::from_mins(30);
    let measures = measures.as_object().unwrap().iter();
    Row {
        start,
        end,
        labels: serde_json::from_value(labels.clone()).unwrap(),
        measures: measures.map(|(name, value)| (name.clone(), value.as_i64().unwrap().into())).collect(),
        revision: 1,
        known_at: end,
        sequence: 1,
    }
}

fn rows(example: &Example) -> Vec<Row> {
    let mut rows = Vec::new();
    if let Some(usual) = example.usual {
        let launch: Timestamp = "2026-03-02T08:00:00Z".parse().unwrap();
        for day in (1..=63).filter(|day| !matches!(day % 7, 1 | 2)) {
            for slot in 0..8 {
                let start = launch - SignedDuration::from_hours(24 * day) + SignedDuration::from_mins(30 * slot);
                let measures = json!({"offered": usual, "answered": usual, "answeredWithin": usual * 85 / 100});
                rows.push(row(start, &json!({"campaign": "none"}), &measures));
            }
        }
    }
    rows.extend(
        example
            .rows
            .iter()
            .map(|given| row(given["start"].as_str().unwrap().parse().unwrap(), &given["labels"], &given["measures"])),
    );
    rows
}

fn status(example: &Example) -> Value {
    let days = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"];
    let contract = json!({
        "vendor": {"name": "Acme"}, "term": {"start": "2025-12-01", "end": "2026-12-31"},
        "calendar": {"serviceHours": [{"days": days, "from": "08:00", "to": "12:00"}]},
        "feeds": [{"name": "acd", "url": "https://vendor.example/acd"}],
    });
    let mut launch =
        json!({"contractRefs": [{"name": "acme"}], "product": "Fibre", "launchAt": "2026-03-02T08:00:00Z"});
    launch.as_object_mut().unwrap().extend(example.launch.clone());
    let spec = serde_json::from_value(launch).unwrap();
    assert_eq!(validate_campaign_launch("example", &spec), Vec::new());
    let kpi = |kpi: &Value| {
        let mut kpi = kpi.clone();
        kpi["contractRef"] = json!({"name": "acme"});
        kpi["source"] = json!({"feed": "acd"});
        serde_json::from_value(kpi).unwrap()
    };
    let terms = Terms {
        contract: serde_json::from_value(contract).unwrap(),
        kpis: example.kpis.iter().map(|(name, spec)| (name.clone(), kpi(spec))).collect(),
        tiers: BTreeMap::new(),
    };
    let rows = BTreeMap::from([("acd".to_owned(), rows(example).into_iter().collect())]);
    let observed = ObservedLaunch {
        generation: Some(1),
        previous: None,
        spec: &spec,
        invalid: None,
        unresolved: &[],
        contract: Some(LaunchContract { terms: &terms, rows: &rows }),
        kpis: terms.kpis.keys().map(|name| (name.clone(), Box::default())).collect(),
        kept_decision: None,
        past: Past::Known,
        awaited: &[],
        is_patient: false,
        others: Vec::new(),
    };
    serde_json::to_value(decide_launch(&observed, example.now).status).unwrap()
}

/// What of `expected` is not so.
fn differences(found: &Value, expected: &Value, path: &str, wrong: &mut Vec<String>) {
    match expected {
        Value::Object(fields) => {
            for (field, value) in fields {
                differences(&found[field], value, &format!("{path}.{field}"), wrong);
            }
        }
        Value::Array(entries) if entries.iter().all(Value::is_object) && !entries.is_empty() => {
            for entry in entries {
                let (key, name) =
                    ["name", "type", "start", "date"].iter().find_map(|key| Some((key, entry.get(key)?))).unwrap();
                let same = found.as_array().and_then(|all| all.iter().find(|one| one[key] == *name));
                differences(same.unwrap_or(&Value::Null), entry, &format!("{path}[{name}]"), wrong);
            }
        }
        _ if found == expected => {}
        _ => wrong.push(format!("{path}: {found} is not {expected}")),
    }
}

#[test]
fn every_example_of_the_document_is_what_the_rules_say() {
    let blocks = yaml_blocks(include_str!("../../docs/campaign-launches.md"));
    assert!(blocks.len() >= 8, "{}", blocks.len());
    let mut wrong = Vec::new();
    for (line, block) in blocks {
        let example: Example =
            serde_saphyr::from_str(&block).unwrap_or_else(|error| panic!("docs/campaign-launches.md:{line}: {error}"));
        differences(&status(&example), &example.expected, &format!("docs/campaign-launches.md:{line}"), &mut wrong);
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_document_s_sentence_on_more_calls_is_what_the_queue_does() {
    let goal = StaffingGoal {
        model: QueueModel::ErlangC,
        handle_seconds: 180.0,
        patience_seconds: 0.0,
        service_level: 0.8,
        within_seconds: 20.0,
        max_occupancy: 0.85,
        shrinkage_percent: 30.into(),
    };
    let rows = goal.sensitivity(100.0, 1_800.0, 14);
    let level = |change: i32| {
        let row = rows.iter().find(|row| row.varied == Varied::Contacts && row.change_percent == change).unwrap();
        format!("{:.1} %", 100.0 * row.as_planned.service_level)
    };
    let (planned, tenth, fifth) = (level(0), level(10), level(20));
    let said = format!("the 14 agents answer {tenth} in time instead of {planned}; with 20 % more, {fifth}");
    let document = include_str!("../../docs/campaign-launches.md").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(document.contains(&said), "{said}");
}
