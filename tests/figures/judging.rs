//! Contracts of a few lines with rows of a few figures, for tests that judge them.

use std::collections::BTreeMap;

use bpo_operator::api::Shared;
use bpo_operator::domain::holdings::references_into;
use bpo_operator::domain::judgement::judge::judge;
use bpo_operator::domain::judgement::outcome::{Judgement, NOTHING_SAID};
use bpo_operator::domain::measuring::contract_facts::ContractFacts;
use bpo_operator::domain::measuring::feed_rows::packed;
use bpo_operator::domain::measuring::row::Row;
use bpo_operator::domain::terms::contract_terms::Terms;
use bpo_operator::domain::terms::validation;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

/// A contract of 2026 in UTC with the feed `figures`, changed by `contract`, and its KPIs by name.
///
/// Fails where the operator would refuse the terms.
pub(crate) fn terms(contract: &Value, kpis: &Map<String, Value>) -> Terms {
    let mut spec = json!({
        "vendor": {"name": "Acme"},
        "term": {"start": "2026-01-01", "end": "2026-12-31"},
        "feeds": [{"name": "figures", "url": "https://feeds.acme.example/figures", "cadence": "24h"}],
    });
    merge(&mut spec, contract);
    let contract = serde_json::from_value(spec).unwrap();
    let mut findings = validation::validate_contract("acme", &contract);
    let mut targets = BTreeMap::new();
    for (name, kpi) in kpis {
        let mut spec = json!({"contractRef": {"name": "acme"}, "source": {"feed": "figures"}});
        merge(&mut spec, kpi);
        let spec = serde_json::from_value(spec).unwrap_or_else(|error| panic!("{name}: {error}"));
        findings.extend(validation::validate_kpi_target(name, &spec));
        findings.extend(validation::validate_kpi_parts(name, &spec, &contract));
        findings.extend(references_into(&spec, &contract).into_iter().map(|dangling| dangling.of("KpiTarget", name)));
        targets.insert(name.clone(), Shared::new(spec));
    }
    assert!(findings.is_empty(), "{findings:#?}");
    Terms { contract: Shared::new(contract), kpis: targets, tiers: BTreeMap::new() }
}

fn merge(into: &mut Value, changes: &Value) {
    for (field, value) in changes.as_object().into_iter().flatten() {
        into[field] = value.clone();
    }
}

/// The same terms with ServiceTiers by name, which the contract lists.
pub(crate) fn with_tiers(mut terms: Terms, tiers: &Map<String, Value>) -> Terms {
    terms.contract.tiers = tiers.keys().cloned().collect();
    for (name, tier) in tiers {
        let spec = serde_json::from_value(tier.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let findings = validation::validate_service_tier(name, &spec);
        assert!(findings.is_empty(), "{findings:#?}");
        terms.tiers.insert(name.clone(), Shared::new(spec));
    }
    terms
}

/// A row of the feed from its text: `month`, `day`, or `from` and `to` in UTC; `labels` and `known` if it has any; the rest are
/// its measures, except `feed`. Known when it ends, unless `known` says otherwise.
pub(crate) fn row(written: &Value) -> Row {
    let text = |field: &str| written.get(field).and_then(Value::as_str);
    let (start, end) = if let Some(month) = text("month") {
        let first: Date = format!("{month}-01").parse().unwrap();
        (midnight(first), midnight(first.checked_add(1.month()).unwrap()))
    } else if let Some(day) = text("day") {
        let day: Date = day.parse().unwrap();
        (midnight(day), midnight(day.checked_add(1.day()).unwrap()))
    } else {
        (text("from").unwrap().parse().unwrap(), text("to").unwrap().parse().unwrap())
    };
    let labels = written.get("labels").and_then(Value::as_object).into_iter().flatten();
    let measures = written.as_object().unwrap().iter().filter(|(field, _)| !RESERVED.contains(&field.as_str()));
    Row {
        start,
        end,
        labels: labels.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect(),
        measures: measures
            .map(|(name, value)| {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                (name.clone(), text.parse::<Decimal>().unwrap_or_else(|error| panic!("{name}: {text}: {error}")))
            })
            .collect(),
        revision: written.get("revision").and_then(Value::as_i64).unwrap_or(1),
        known_at: text("known").map_or(end, |instant| instant.parse().unwrap()),
        sequence: 0,
    }
}

/// Fields of a row's text that are not measures.
const RESERVED: [&str; 8] = ["month", "day", "from", "to", "labels", "known", "revision", "feed"];

fn midnight(day: Date) -> Timestamp {
    day.to_zoned(TimeZone::UTC).unwrap().timestamp()
}

/// What the operator would say at `now`.
pub(crate) fn judged(terms: &Terms, rows: Vec<Row>, now: &str) -> Judgement {
    judged_by_feeds(terms, BTreeMap::from([("figures".to_owned(), rows)]), now)
}

/// The same with rows of several feeds, by the feed's name.
pub(crate) fn judged_by_feeds(terms: &Terms, mut rows: BTreeMap<String, Vec<Row>>, now: &str) -> Judgement {
    for rows in rows.values_mut() {
        for (place, row) in rows.iter_mut().enumerate() {
            row.sequence = i64::try_from(place).unwrap() + 1;
        }
    }
    let rows = packed(&rows);
    let facts = ContractFacts {
        name: "acme",
        terms,
        closed_under: &BTreeMap::new(),
        rows: &rows,
        journal: None,
        said: &NOTHING_SAID,
    };
    judge(&facts, now.parse().unwrap()).unwrap_or_else(|error| panic!("{error}"))
}
