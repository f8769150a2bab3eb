use std::time::Duration;

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::*;
use crate::api::feed::Feed;
use crate::feed::format::parse as parse_feed;
use crate::feed::offline::page_of;
use crate::outbound::error::FailureKind;

fn mapping() -> Value {
    json!({"json": {
        "rows": "$.results[*]", "start": "$.interval.from", "end": "$.interval.to",
        "labels": [{"name": "queue", "path": "$.queueName"}, {"name": "site", "value": "cebu"}],
        "measures": [
            {"name": "offered", "path": "$.stats.offered"},
            {"name": "answered", "path": "$.stats.answered"},
            {"name": "handleSeconds", "path": "$.stats.tHandle", "unit": "Milliseconds"},
            {"name": "answeredWithin", "path": "$.sl", "unit": "PercentText", "of": "answered"}]}})
}

fn read(format: &Value, body: &str) -> Result<ParsedPage, FetchError> {
    let feed = json!({"name": "acd", "url": "https://feeds.acme.example/v1/intervals", "format": format});
    let feed: Feed = serde_json::from_value(feed).unwrap();
    let zone = TimeZone::get("America/New_York").unwrap();
    parse_feed(
        &Mapping { feed: &feed, zone, cadence: Duration::from_secs(1_800), window: None },
        &page_of(body.as_bytes()),
    )
}

fn with(change: &Value) -> Value {
    let mut format = mapping();
    format["json"].as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    format
}

fn row(from: &str, fields: &str) -> String {
    format!(
        r#"{{"interval": {{"from": "{from}", "to": "2026-01-05T10:00:00-05:00"}}, "queueName": "billing", {fields}}}"#
    )
}

fn page_of_rows(rows: &[String]) -> String {
    format!(r#"{{"took": 7, "results": [{}]}}"#, rows.join(","))
}

#[test]
fn the_example_of_the_documentation_is_read() {
    let body = page_of_rows(&[row(
        "2026-01-05T09:30:00",
        r#""sl": "94.01%", "stats": {"offered": 97, "answered": "44", "tHandle": 9196000.5}"#,
    )]);
    let page = read(&mapping(), &body).unwrap();
    let row = &page.rows[0];
    assert_eq!(
        (row.start.to_string(), row.end.to_string()),
        ("2026-01-05T14:30:00Z".into(), "2026-01-05T15:00:00Z".into())
    );
    assert_eq!(row.labels, [("queue".to_owned(), "billing".to_owned()), ("site".to_owned(), "cebu".to_owned())].into());
    let measures: Vec<String> = row.measures.iter().map(|(name, value)| format!("{name} {value}")).collect();
    assert_eq!(measures, ["answered 44", "answeredWithin 41.3644", "handleSeconds 9196.0005", "offered 97"]);
    assert_eq!((page.count, page.rejected.len()), (1, 0));
}

#[test]
fn figures_keep_the_digits_that_the_vendor_wrote() {
    for (written, expected) in [
        ("97", "97"),
        ("97.0", "97"),
        ("0.1", "0.1"),
        ("12.333333333333333333333333", "12.333333333333333333333333"),
        ("123456789012.123456789012", "123456789012.123456789012"),
        ("1.5e2", "150"),
        ("999999999999999", "999999999999999"),
        ("\"0.30\"", "0.3"),
    ] {
        let body =
            page_of_rows(&[row("2026-01-05T09:30:00", &format!(r#""stats": {{"a/b~c": 1.5, "offered": {written}}}"#))]);
        let page = read(&mapping(), &body).unwrap();
        assert_eq!(page.rows[0].measures["offered"].normalize().to_string(), expected, "{written}");
    }
    // A name of the vendor's that JSON Pointer has to escape does not lose its figure.
    let format = with(&json!({"measures": [{"name": "offered", "path": "$.stats['a/b~c']"}]}));
    let body = page_of_rows(&[row("2026-01-05T09:30:00", r#""stats": {"a/b~c": 0.12345678901234567890123}"#)]);
    assert_eq!(read(&format, &body).unwrap().rows[0].measures["offered"].to_string(), "0.12345678901234567890123");
}

#[test]
fn times_are_instants_or_local_times_or_counted_from_1970() {
    let format = with(&json!({"rows": "$[*]", "start": "$.at", "end": null}));
    for (at, expected) in [
        ("\"2026-01-05T09:00:00Z\"", "2026-01-05T09:00:00Z"),
        ("\"2026-01-05T09:00:00\"", "2026-01-05T14:00:00Z"),
        ("\"2026-01-05\"", "2026-01-05T05:00:00Z"),
        ("1767603600", "2026-01-05T09:00:00Z"),
        ("1767603600000", "2026-01-05T09:00:00Z"),
    ] {
        let page = read(&format, &format!(r#"[{{"at": {at}, "stats": {{"offered": 1}}}}]"#)).unwrap();
        assert_eq!(page.rows[0].start.to_string(), expected, "{at}");
        // A date names a day; all else is as long as the cadence.
        let minutes = if at == "\"2026-01-05\"" { 1_440 } else { 30 };
        assert_eq!(page.rows[0].end.duration_since(page.rows[0].start).as_mins(), minutes, "{at}");
    }
}

#[test]
fn a_figure_that_is_missing_stays_missing_and_a_row_that_is_broken_spoils_no_other() {
    let good = || row("2026-01-05T09:30:00", r#""stats": {"offered": 1}"#);
    let page = read(
        &mapping(),
        &page_of_rows(&[row("2026-01-05T09:30:00", r#""sl": "94%", "stats": {"offered": 5, "answered": null}"#)]),
    )
    .unwrap();
    assert_eq!(page.rows[0].measures.keys().collect::<Vec<_>>(), ["offered"]);
    for (fields, reason) in [
        (r#""stats": {}"#, RejectionReason::Mapping),
        (r#""stats": {"offered": null}"#, RejectionReason::Mapping),
        (r#""stats": {"offered": true}"#, RejectionReason::Malformed),
        (r#""stats": {"offered": "many"}"#, RejectionReason::Malformed),
        (r#""stats": {"offered": 1e400}"#, RejectionReason::Malformed),
        (r#""stats": {"offered": 1e16}"#, RejectionReason::OutOfRange),
        (r#""sl": "9x%", "stats": {"answered": 1}"#, RejectionReason::Malformed),
    ] {
        let page = read(&mapping(), &page_of_rows(&[good(), row("2026-01-05T09:30:00", fields)])).unwrap();
        let reasons: Vec<_> = page.rejected.iter().map(|row| row.reason).collect();
        assert_eq!((page.rows.len(), reasons), (1, vec![reason]), "{fields}");
    }
}

#[test]
fn a_share_without_its_volume_weighs_each_row_the_same() {
    let measures = json!({"measures": [{"name": "value", "path": "$.sl", "unit": "Percent"}]});
    let page = read(&with(&measures), &page_of_rows(&[row("2026-01-05T09:30:00", r#""sl": 94.01"#)])).unwrap();
    let measures: Vec<String> = page.rows[0].measures.iter().map(|(name, value)| format!("{name} {value}")).collect();
    assert_eq!(measures, ["value 0.9401", "weight 1"]);
}

#[test]
fn a_body_in_which_the_paths_find_nothing_is_a_failure_that_names_the_remedy() {
    let good = page_of_rows(&[row("2026-01-05T09:30:00", r#""stats": {"offered": 1}"#)]);
    let deep = format!("{}1{}", "[".repeat(40), "]".repeat(40));
    for (format, body, kind, said) in [
        (mapping(), "", FailureKind::Malformed, "empty"),
        (mapping(), "<html>", FailureKind::Malformed, "not a JSON object"),
        (mapping(), r#"{"results": [], "results": []}"#, FailureKind::Malformed, "is there twice"),
        (mapping(), deep.as_str(), FailureKind::Malformed, "levels deep"),
        (mapping(), r#"{"error": "no such report"}"#, FailureKind::Mapping, "\"$.results\" finds nothing"),
        (mapping(), r#"{"results": null}"#, FailureKind::Mapping, "finds nothing"),
        (with(&json!({"rows": "$.results"})), good.as_str(), FailureKind::Mapping, "write \"$.results[*]\""),
        (with(&json!({"rows": "$.results["})), good.as_str(), FailureKind::Mapping, "not a JSONPath"),
        (with(&json!({"start": "$.from"})), good.as_str(), FailureKind::Mapping, "format.json.start \"$.from\""),
        (with(&json!({"start": "$.queueName"})), good.as_str(), FailureKind::Mapping, "which is not a time"),
        (with(&json!({"start": "$..*"})), good.as_str(), FailureKind::Mapping, "does not find one time"),
        (
            with(&json!({"measures": [{"name": "offered", "path": "$.calls"}]})),
            good.as_str(),
            FailureKind::Mapping,
            "no row has a figure",
        ),
    ] {
        let error = read(&format, body).expect_err(body);
        assert!(error.kind == kind && error.message.contains(said), "{body}: {:?} {}", error.kind, error.message);
    }
    for (format, empty, count) in [
        (mapping(), r#"{"results": []}"#, 0),
        // What a filter leaves out is not a row, and counts for the end of the pages.
        (with(&json!({"rows": "$.results[?@['kind'] == 'row']"})), r#"{"results": [{"kind": "total"}]}"#, 1),
        (with(&json!({"rows": "$[*]"})), "[]", 0),
    ] {
        assert_eq!(read(&format, empty).map(|page| (page.rows.len(), page.count)), Ok((0, count)), "{empty}");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 1_000, failure_persistence: None, ..<_>::default() })]

    #[test]
    fn no_bytes_make_the_parser_panic_or_lose_count(place in 0_usize..400, bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..20)) {
        let body = page_of_rows(&[
            row("2026-01-05T09:30:00", r#""sl": "94.01%", "stats": {"offered": 97, "answered": 44, "tHandle": 9196000.5}"#),
            row("2026-01-05T09:00:00", r#""stats": {"offered": 1}"#),
        ]);
        let mut body = body.into_bytes();
        let place = place.min(body.len());
        body.splice(place..place, bytes);
        let feed = json!({"name": "acd", "url": "https://feeds.acme.example/v1/intervals", "format": mapping()});
        let feed: Feed = serde_json::from_value(feed).unwrap();
        let mapping = Mapping { feed: &feed, zone: TimeZone::UTC, cadence: Duration::from_secs(1_800), window: None };
        if let Ok(page) = parse_feed(&mapping, &page_of(&body)) {
            proptest::prop_assert_eq!(page.rows.len() + page.rejected.len(), page.count);
        }
    }
}

/// A mapping with parents, whose figures are in half hours of `interval`.
fn nested(change: &Value) -> Value {
    let mut format = json!({"json": {
        "parents": [{"name": "site", "path": "$.sites[*]"}, {"name": "group", "path": "$.groups[*]"}],
        "rows": "$.data[*]", "interval": "$.interval",
        "labels": [{"name": "queue", "in": "group", "path": "$.id", "names": {"7": "Billing"}}, {"name": "site", "in": "site", "path": "$.name"}],
        "measures": [
            {"name": "offered", "path": "$.offered", "absent": "Zero"},
            {"name": "handleSeconds", "sum": [{"path": "$.talk", "unit": "Milliseconds"}, {"path": "$.wrap"}]},
            {"name": "sla", "in": "group", "path": "$.target"}]}});
    format["json"].as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    format
}

fn described(page: &ParsedPage) -> Vec<String> {
    let describe = |row: &crate::evidence::IncomingRow| {
        let measures: Vec<String> = row.measures.iter().map(|(name, value)| format!("{name} {value}")).collect();
        let labels: Vec<String> = row.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("{} {} | {}", row.start, labels.join(","), measures.join(", "))
    };
    page.rows.iter().map(describe).collect()
}

#[test]
fn rows_below_parents_have_the_labels_and_figures_of_their_parents() {
    let row = |hour: u32, fields: &str| {
        format!(r#"{{"interval":"2026-01-05T{hour:02}:00Z/2026-01-05T{hour:02}:30Z",{fields}}}"#)
    };
    let body = format!(
        r#"{{"sites":[{{"name":"cebu","groups":[{{"id":7,"target":0.80,"data":[{}]}},{{"id":"x","target":0.9,"data":[{}]}}]}},{{"name":"empty","groups":[]}}]}}"#,
        [row(9, r#""talk":60000.5,"wrap":3"#), row(10, r#""offered":2,"wrap":3,"kind":"test""#)].join(","),
        row(9, r#""offered":"4","talk":1000,"wrap":null"#),
    );
    let page = read(&nested(&json!({})), &body).unwrap();
    assert_eq!(
        described(&page),
        [
            "2026-01-05T09:00:00Z queue=Billing,site=cebu | handleSeconds 63.0005, offered 0, sla 0.8",
            "2026-01-05T10:00:00Z queue=Billing,site=cebu | offered 2, sla 0.8",
            "2026-01-05T09:00:00Z queue=x,site=cebu | offered 4, sla 0.9",
        ]
    );
    let filtered = nested(
        &json!({"where": [{"path": "$.kind", "noneOf": ["test"]}, {"path": "$.id", "in": "group", "equals": "7"}]}),
    );
    let page = read(&filtered, &body).unwrap();
    assert_eq!((page.rows.len(), page.count), (1, 3), "what is left out counts for the pages");
    // A queue that is not named is set aside, and spoils no other.
    let strict = nested(
        &json!({"labels": [{"name": "queue", "in": "group", "path": "$.id", "names": {"7": "Billing"}, "otherwise": "Reject"}]}),
    );
    let page = read(&strict, &body).unwrap();
    assert_eq!((page.rows.len(), page.rejected.len()), (2, 1));
    for (change, fragment) in [
        (
            json!({"where": [{"path": "$.knid", "equals": "test"}]}),
            "format.json.where: \"$.knid\" finds nothing in any row",
        ),
        (json!({"interval": "$.offered"}), "format.json.interval"),
        (json!({"labels": [{"name": "queue", "in": "team", "path": "$.id"}]}), "there is no parent \"team\""),
        (json!({"measures": [{"name": "offered", "path": "$.renamed", "absent": "Zero"}]}), "no row has a figure"),
        (json!({"interval": null, "time": "Window"}), "the window of the request must be known"),
        (
            json!({"parents": [{"name": "site", "path": "$.teams[*]"}, {"name": "group", "path": "$.groups[*]"}]}),
            "\"$.teams\" finds nothing",
        ),
    ] {
        let error = read(&nested(&change), &body).unwrap_err();
        assert_eq!(error.kind, FailureKind::Mapping, "{change}");
        assert!(error.message.contains(fragment), "{change}: {}", error.message);
    }
}

#[test]
fn times_are_read_by_a_format_and_with_exponents() {
    for (start, written, expected) in [
        (json!("$.at"), "1767603600", Some("2026-01-05T09:00:00Z")),
        (json!("$.at"), "1.7676036E9", Some("2026-01-05T09:00:00Z")),
        (json!("$.at"), "1767603600.0", Some("2026-01-05T09:00:00Z")),
        (json!("$.at"), "1767603600.5", None),
        (json!({"path": "$.at", "format": "%d/%m/%Y %H:%M"}), "\"05/01/2026 04:00\"", Some("2026-01-05T09:00:00Z")),
        (json!({"path": "$.at", "format": "%Y%m%d"}), "20260105", Some("2026-01-05T05:00:00Z")),
        (json!({"path": "$.at", "format": "%d/%m/%Y"}), "\"2026-01-05\"", None),
        (json!({"form": "$.at"}), "\"2026-01-05\"", None),
    ] {
        let format =
            json!({"json": {"rows": "$[*]", "start": start, "measures": [{"name": "offered", "path": "$.n"}]}});
        let found = read(&format, &format!(r#"[{{"at": {written}, "n": 1}}]"#)).ok();
        let found = found.and_then(|page| page.rows.first().map(|row| row.start.to_string()));
        assert_eq!(found.as_deref(), expected, "{start} {written}");
    }
}
