use serde_json::{Value, json};

use super::*;
use crate::domain::fixtures::specs::{at, contract, row};
use crate::domain::measuring::ledger::Ledger;

/// The coverage of rows given as pairs of instants, by a contract and a feed with some more fields.
fn coverage(contract_fields: &Value, feed_fields: &Value, rows: &[(&str, &str)], now: &str) -> Coverage {
    let contract = contract(contract_fields.clone());
    let calendar = Calendar::of(&contract).unwrap();
    let mut feed = json!({"name": "acd", "url": "https://vendor.example/feed"});
    for (field, value) in feed_fields.as_object().unwrap() {
        feed[field] = value.clone();
    }
    // Each row has labels of its own, so that no two of them are in each other's way.
    let parts: Vec<String> = (0..rows.len()).map(|part| part.to_string()).collect();
    let labelled = rows.iter().zip(&parts);
    let rows: Vec<_> = labelled.map(|((start, end), part)| row(start, end, &[("part", part)], &[("n", 1)])).collect();
    let ledger = Ledger::of_feed(&rows, &calendar);
    let known = ledger.known_at(Timestamp::MAX);
    let periods = Periods::of(&contract, &calendar);
    Coverage::of(&serde_json::from_value(feed).unwrap(), &known, &periods, &calendar, at(now))
}

fn office() -> Value {
    let days = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"];
    json!({
        "timeZone": "UTC",
        "calendar": {"serviceHours": [{"days": days, "from": "09:00", "to": "17:00"}], "holidays": [{"date": "2026-01-01"}]},
    })
}

#[test]
fn the_watermark_is_how_far_rows_reach_without_a_gap() {
    let always = json!({"timeZone": "UTC"});
    let hourly = json!({"cadence": "1h"});
    for (case, contract, feed, rows, now, watermark) in [
        ("no rows", &always, &hourly, vec![], "2026-01-01T05:00:00Z", None),
        (
            "nothing missing",
            &always,
            &hourly,
            vec![("2026-01-01T00:00:00Z", "2026-01-01T04:00:00Z")],
            "2026-01-01T04:59:59Z",
            Some("2026-01-01T04:00:00Z"),
        ),
        (
            "the next slot is past",
            &always,
            &hourly,
            vec![("2026-01-01T00:00:00Z", "2026-01-01T04:00:00Z")],
            "2026-01-01T05:00:00Z",
            Some("2026-01-01T04:00:00Z"),
        ),
        (
            "a row that ends inside its slot",
            &always,
            &hourly,
            vec![("2026-01-01T00:00:00Z", "2026-01-01T03:30:00Z")],
            "2026-01-01T05:00:00Z",
            Some("2026-01-01T03:00:00Z"),
        ),
        (
            "a hole",
            &always,
            &hourly,
            vec![("2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"), ("2026-01-01T02:00:00Z", "2026-01-01T04:00:00Z")],
            "2026-01-01T05:00:00Z",
            Some("2026-01-01T01:00:00Z"),
        ),
        (
            "the start is missing",
            &always,
            &hourly,
            vec![("2026-01-01T02:00:00Z", "2026-01-01T04:00:00Z")],
            "2026-01-01T05:00:00Z",
            Some("2026-01-01T00:00:00Z"),
        ),
        (
            "service is over for the day",
            &office(),
            &hourly,
            vec![("2026-01-02T09:00:00Z", "2026-01-02T17:00:00Z")],
            "2026-01-02T17:00:00Z",
            Some("2026-01-05T09:00:00Z"),
        ),
        (
            "rows before service",
            &office(),
            &hourly,
            vec![("2026-01-02T09:00:00Z", "2026-01-05T08:00:00Z")],
            "2026-01-05T08:00:00Z",
            Some("2026-01-05T09:00:00Z"),
        ),
        (
            "a period ends before the next service",
            &office(),
            &hourly,
            vec![("2026-01-02T00:00:00Z", "2026-01-30T17:00:00Z")],
            "2026-01-31T05:00:00Z",
            Some("2026-02-01T00:00:00Z"),
        ),
        (
            "a partial slot of the day's last half hour",
            &always,
            &json!({"cadence": "7h"}),
            vec![("2026-01-01T00:00:00Z", "2026-01-01T22:00:00Z")],
            "2026-01-02T00:00:00Z",
            Some("2026-01-01T21:00:00Z"),
        ),
        (
            "the term is over",
            &always,
            &hourly,
            vec![("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z")],
            "2027-02-01T00:00:00Z",
            Some("2027-01-01T00:00:00Z"),
        ),
    ] {
        let found = coverage(contract, feed, &rows, now).reach.watermark;
        assert_eq!(found, watermark.map(at), "{case}");
    }
}

#[test]
fn as_of_is_where_the_rows_that_have_ended_end_whatever_is_missing_before() {
    let hourly = json!({"cadence": "1h"});
    let always = json!({"timeZone": "UTC"});
    for (case, contract, rows, now, as_of, known) in [
        ("no rows", &always, vec![], "2026-01-01T05:00:00Z", None, 4),
        (
            "a hole",
            &always,
            vec![("2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"), ("2026-01-01T02:00:00Z", "2026-01-01T04:00:00Z")],
            "2026-01-01T05:00:00Z",
            Some("2026-01-01T04:00:00Z"),
            3,
        ),
        (
            "a long row that runs moves nothing",
            &always,
            vec![("2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"), ("2026-01-01T01:00:00Z", "2026-06-01T00:00:00Z")],
            "2026-01-01T05:00:00Z",
            Some("2026-01-01T01:00:00Z"),
            4,
        ),
        (
            "a long row that has ended before a short one",
            &always,
            vec![("2025-01-01T00:00:00Z", "2026-01-01T04:00:00Z"), ("2026-01-01T02:00:00Z", "2026-01-01T03:00:00Z")],
            "2026-01-01T05:00:00Z",
            Some("2026-01-01T04:00:00Z"),
            4,
        ),
        (
            "over closed hours to the next service",
            &office(),
            vec![("2026-01-02T11:00:00Z", "2026-01-02T17:00:00Z")],
            "2026-01-02T17:00:00Z",
            Some("2026-01-05T09:00:00Z"),
            0,
        ),
        (
            "over closed hours to a period's end",
            &office(),
            vec![("2026-01-30T16:00:00Z", "2026-01-30T17:00:00Z")],
            "2026-01-31T05:00:00Z",
            Some("2026-02-01T00:00:00Z"),
            0,
        ),
    ] {
        let found = coverage(contract, &hourly, &rows, now);
        assert_eq!(found.reach.as_of, as_of.map(at), "{case}");
        // The first four hours of January, without those that are missing.
        let calendar = Calendar::of(&self::contract(contract.clone())).unwrap();
        let morning = Span::new(at("2026-01-01T00:00:00Z"), at("2026-01-01T04:00:00Z"));
        assert_eq!(found.known_seconds(morning, &calendar), known * 3_600, "{case}");
    }
}

#[test]
fn a_slot_that_may_still_be_filled_becomes_no_hole_by_the_clock_alone() {
    let contract = json!({"timeZone": "UTC"});
    let calendar = Calendar::of(&self::contract(contract.clone())).unwrap();
    let rows = [("2026-01-01T00:00:00Z", "2026-01-01T03:30:00Z")];
    let so_far = Span::new(at("2026-01-01T00:00:00Z"), at("2026-01-01T03:30:00Z"));
    for now in ["2026-01-01T03:30:00Z", "2026-01-01T04:00:00Z", "2026-01-01T12:00:00Z"] {
        let found = coverage(&contract, &json!({"cadence": "1h"}), &rows, now);
        assert_eq!(found.known_seconds(so_far, &calendar), 12_600, "{now}");
    }
}

#[test]
fn slots_follow_the_local_day_when_the_clock_changes() {
    for (zone, day_start, rows_end, now, watermark) in [
        // Slots are counted in real time from local midnight, so a day of 23 hours has a shorter last one.
        (
            "Europe/London",
            "2026-03-29T00:00:00Z",
            "2026-03-29T07:00:00Z",
            "2026-03-29T12:00:00Z",
            "2026-03-29T06:00:00Z",
        ),
        (
            "Europe/London",
            "2026-10-24T23:00:00Z",
            "2026-10-25T07:00:00Z",
            "2026-10-25T12:00:00Z",
            "2026-10-25T05:00:00Z",
        ),
        (
            "America/New_York",
            "2026-03-08T05:00:00Z",
            "2026-03-08T14:00:00Z",
            "2026-03-09T04:00:00Z",
            "2026-03-08T11:00:00Z",
        ),
        ("Asia/Manila", "2026-03-28T16:00:00Z", "2026-03-29T00:00:00Z", "2026-03-29T12:00:00Z", "2026-03-28T22:00:00Z"),
    ] {
        let day = at(day_start);
        let term_start = day.to_zoned(jiff::tz::TimeZone::get(zone).unwrap()).date().to_string();
        let contract = json!({"timeZone": zone, "term": {"start": term_start, "end": "2026-12-31"}});
        let found = coverage(&contract, &json!({"cadence": "6h"}), &[(day_start, rows_end)], now);
        assert_eq!(found.reach.watermark, Some(at(watermark)), "{zone} {day_start}");
    }
}

#[test]
fn gaps_are_service_time_of_missing_slots() {
    let rows = [("2026-01-02T09:00:00Z", "2026-01-02T15:10:00Z"), ("2026-01-05T10:00:00Z", "2026-01-05T11:00:00Z")];
    let found = coverage(&office(), &json!({}), &rows, "2026-01-05T11:29:59Z");
    let whole = Span::new(at("2026-01-01T00:00:00Z"), at("2026-02-01T00:00:00Z"));
    let expected = [
        Span::new(at("2026-01-02T15:00:00Z"), at("2026-01-02T17:00:00Z")),
        Span::new(at("2026-01-05T09:00:00Z"), at("2026-01-05T10:00:00Z")),
    ];
    assert_eq!(found.gaps(whole), expected);
    assert_eq!(
        found.gaps(Span::new(at("2026-01-05T00:00:00Z"), at("2026-01-05T09:30:00Z"))),
        [Span::new(at("2026-01-05T09:00:00Z"), at("2026-01-05T09:30:00Z"))]
    );
    assert_eq!(found.reach.watermark, Some(at("2026-01-02T15:00:00Z")));
    assert!(found.reaches(at("2026-01-02T15:00:00Z")) && !found.reaches(at("2026-01-02T15:00:01Z")));
    let without_rows = coverage(&office(), &json!({}), &[], "2026-01-02T10:10:00Z");
    assert_eq!(without_rows.gaps(whole), [Span::new(at("2026-01-02T09:00:00Z"), at("2026-01-02T10:00:00Z"))]);
    assert!(!without_rows.reaches(Timestamp::MIN));
}

#[test]
fn a_feed_is_late_when_the_next_row_has_not_come() {
    for (case, feed, rows, now, late_at) in [
        (
            "after the last row",
            json!({}),
            vec![("2026-01-02T09:00:00Z", "2026-01-02T10:00:00Z")],
            "2026-01-02T10:10:00Z",
            Some("2026-01-02T11:30:00Z"),
        ),
        (
            "its own lateness",
            json!({"lateness": "5m", "cadence": "1h"}),
            vec![("2026-01-02T09:00:00Z", "2026-01-02T10:00:00Z")],
            "2026-01-02T10:10:00Z",
            Some("2026-01-02T11:05:00Z"),
        ),
        (
            "over the weekend",
            json!({}),
            vec![("2026-01-02T09:00:00Z", "2026-01-02T17:00:00Z")],
            "2026-01-02T18:00:00Z",
            Some("2026-01-05T10:30:00Z"),
        ),
        ("before the first row", json!({}), vec![], "2026-01-01T10:00:00Z", Some("2026-01-02T10:30:00Z")),
        ("a plan", json!({"plan": true}), vec![], "2026-01-01T10:00:00Z", None),
        ("before the term", json!({}), vec![], "2025-12-31T10:00:00Z", None),
        ("after the term", json!({}), vec![], "2027-01-01T00:00:00Z", None),
        (
            "nothing more is owed",
            json!({}),
            vec![("2026-12-31T09:00:00Z", "2026-12-31T17:00:00Z")],
            "2026-12-31T18:00:00Z",
            None,
        ),
    ] {
        assert_eq!(coverage(&office(), &feed, &rows, now).reach.late_at, late_at.map(at), "{case}");
    }
}
