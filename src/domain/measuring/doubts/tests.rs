use serde_json::{Value, json};

use super::*;

fn feed(format: Value) -> Feed {
    serde_json::from_value(json!({"name": "acd", "url": "https://feeds.acme.example", "format": format})).unwrap()
}

fn csv(comma: bool, measures: Value) -> Feed {
    feed(json!({"csv": {"start": {"columns": ["Date"]}, "decimalComma": comma, "measures": measures}}))
}

/// The doubts about rows, each given as measures and values, as `measure: message`.
fn doubts(feed: &Feed, rows: &[&[(&str, &str)]]) -> Vec<String> {
    let mut doubts = Doubts::of(feed);
    for row in rows {
        let decimal = |value: &str| Exact::from(value.parse::<rust_decimal::Decimal>().unwrap());
        doubts.note(&row.iter().map(|(name, value)| (*name, decimal(value))).collect());
    }
    let found = doubts.into_doubts();
    assert!(found.iter().all(|doubt| doubt.message.len() <= 230), "{found:?}");
    found.into_iter().map(|doubt| format!("{}: {}", doubt.measure, doubt.message)).collect()
}

#[test]
fn a_thousands_separator_that_was_read_as_a_decimal_point_is_doubted() {
    let offered = json!([{"name": "offered", "column": "a"}, {"name": "revenue", "column": "b"}]);
    let both = [[("offered", "1.21")], [("offered", "950")]];
    let rows = |pairs: &'static [&'static str]| -> Vec<String> {
        let feed = csv(false, offered.clone());
        let rows: Vec<Vec<(&str, &str)>> = pairs.iter().map(|value| vec![("revenue", *value)]).collect();
        doubts(&feed, &rows.iter().map(Vec::as_slice).collect::<Vec<_>>())
    };
    // A count has no fraction, whatever else is in its column.
    let found = doubts(&csv(false, offered.clone()), &[&both[0], &both[1]]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("offered: offered is 1.21 in a row, but it is a count"), "{found:?}");
    // Money and seconds have fractions; three digits after the point beside small whole numbers are odd.
    for (values, expected) in [
        (&["1.211", "950", "2.305"][..], 1),
        (&["1.211", "950", "2.31", "4.777"], 1),
        (&["1.211", "9500", "2.305"], 0),
        (&["1.2115", "950"], 0),
        (&["0.211", "950"], 0),
        (&["12.5", "950", "13.25"], 0),
        (&["1.211", "2.305"], 0),
        (&["950", "1211"], 0),
    ] {
        let found = rows(values);
        assert_eq!(found.len(), expected, "{values:?}: {found:?}");
        assert!(found.iter().all(|doubt| doubt.contains("set format.csv.decimalComma: true")), "{found:?}");
    }
    let other_way = doubts(&csv(true, offered), &[&[("revenue", "1.211")], &[("revenue", "950")]]);
    assert!(
        other_way[0].contains("if a comma separates thousands, set format.csv.decimalComma: false"),
        "{other_way:?}"
    );
}

#[test]
fn a_share_of_one_that_was_read_as_percent_is_doubted() {
    let share = |name: &str, unit: &str| {
        csv(
            false,
            json!([{"name": name, "column": "a", "unit": unit, "of": "answered"}, {"name": "answered", "column": "b"}]),
        )
    };
    for (name, unit, value, is_doubted) in [
        // 0.85 read as Percent, of 100 calls.
        ("answeredWithin", "Percent", "0.85", true),
        ("answeredWithin", "Percent", "1", true),
        ("answeredWithin", "Percent", "1.01", false),
        ("answeredWithin", "Percent", "0", false),
        ("answeredWithin", "Fraction", "0.85", false),
        // `0.85%` says itself that it is one in percent.
        ("answeredWithin", "PercentText", "0.85", false),
        // Few hang up.
        ("abandoned", "Percent", "0.85", false),
    ] {
        let found = doubts(&share(name, unit), &[&[(name, value), ("answered", "100")]]);
        assert_eq!(!found.is_empty(), is_doubted, "{name} {unit} {value}: {found:?}");
        assert!(found.iter().all(|doubt| doubt.contains("write unit: Fraction")), "{found:?}");
    }
    let mixed = doubts(
        &share("answeredWithin", "Percent"),
        &[&[("answeredWithin", "0.85"), ("answered", "100")], &[("answeredWithin", "85"), ("answered", "100")]],
    );
    assert_eq!(mixed, [""; 0]);
}

#[test]
fn times_in_another_unit_are_doubted() {
    let native: Feed = serde_json::from_value(json!({"name": "acd", "url": "https://feeds.acme.example"})).unwrap();
    for (measures, expected) in [
        (&[("handleSeconds", "24000"), ("handled", "100")][..], None),
        (&[("handleSeconds", "24000000"), ("handled", "100")], Some("write unit: Milliseconds")),
        (&[("handleSeconds", "400"), ("handled", "100")], Some("write unit: Minutes")),
        (&[("waitSeconds", "200"), ("answered", "100")], None),
        (&[("waitSeconds", "2000000"), ("answered", "100")], Some("write unit: Milliseconds")),
        (&[("handleSeconds", "0"), ("handled", "0")], None),
        (&[("handleSeconds", "0"), ("handled", "10")], None),
    ] {
        let found = doubts(&native, &[measures]);
        assert_eq!(found.len(), usize::from(expected.is_some()), "{measures:?}: {found:?}");
        assert!(found.iter().zip(expected).all(|(doubt, words)| doubt.contains(words)), "{found:?}");
    }
}

#[test]
fn fractions_of_counts_are_doubted_where_a_person_counted() {
    let native: Feed = serde_json::from_value(json!({"name": "acd", "url": "https://feeds.acme.example"})).unwrap();
    let metrics = feed(json!({"openMetrics": {"measures": [{"name": "offered", "metric": "calls_total"}]}}));
    let mean =
        csv(false, json!([{"name": "handled", "column": "a", "of": "answered"}, {"name": "answered", "column": "b"}]));
    for (feed, measures, is_doubted) in [
        (&native, &[("offered", "96.5")][..], true),
        (&native, &[("offered", "96")], false),
        (&native, &[("headcount", "96.5")], false),
        (&native, &[("revenue", "96.5")], false),
        (&metrics, &[("offered", "96.5")], false),
        (&mean, &[("handled", "96.5"), ("answered", "100")], false),
    ] {
        let found = doubts(feed, &[measures]);
        assert_eq!(!found.is_empty(), is_doubted, "{measures:?}: {found:?}");
    }
}

#[test]
fn a_percentage_of_the_answered_beside_the_abandoned_is_doubted() {
    let mapping = |of: &str, unit: Option<&str>, other: &str| {
        let mut within = json!({"name": "answeredWithin", "column": "Level", "of": of});
        if let Some(unit) = unit {
            within["unit"] = json!(unit);
        }
        csv(false, json!([{"name": "answered", "column": "a"}, {"name": other, "column": "b"}, within]))
    };
    for (feed, is_doubted) in [
        (mapping("answered", Some("Percent"), "abandoned"), true),
        (mapping("answered", Some("Fraction"), "abandoned"), true),
        (mapping("base", Some("Percent"), "abandoned"), false),
        (mapping("answered", Some("Percent"), "offered"), false),
        (mapping("answered", None, "abandoned"), false),
    ] {
        let found = of_mapping(&feed);
        assert_eq!(found.is_some(), is_doubted, "{feed:?}");
        assert!(found.is_none_or(|doubt| doubt.measure == "answeredWithin" && doubt.message.len() <= 230));
    }
}
