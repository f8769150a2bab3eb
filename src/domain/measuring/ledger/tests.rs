use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::json;

use super::*;
use crate::domain::fixtures::specs::{at, calendar, row};
use crate::domain::numbers::exact::Exact;

mod floors;

fn shown(rows: impl Iterator<Item = Span>) -> Vec<String> {
    rows.map(|span| format!("{}..{}", &span.start.to_string()[11..16], &span.end.to_string()[11..16])).collect()
}

/// A row of queue `a` between two times of 2026-01-05, received with `sequence` at `known_at`.
fn received(from: &str, to: &str, measure: i64, sequence: i64, known_at: &str) -> Row {
    let mut row =
        row(&format!("2026-01-05T{from}:00Z"), &format!("2026-01-05T{to}:00Z"), &[("queue", "a")], &[("n", measure)]);
    (row.sequence, row.known_at) = (sequence, at(&format!("2026-01-05T{known_at}:00Z")));
    row
}

#[test]
fn of_each_key_the_highest_revision_known_by_then_counts() {
    let rows = [
        received("08:00", "08:30", 1, 1, "08:30"),
        Row { revision: 2, ..received("08:00", "08:30", 2, 2, "10:00") },
        Row { revision: 3, ..received("08:00", "08:30", 3, 3, "12:00") },
        received("08:30", "09:00", 10, 4, "09:00"),
    ];
    let ledger = Ledger::of_feed(&rows, &calendar("UTC", json!(null)));
    for (now, values) in [
        ("08:29", vec![]),
        ("08:30", vec![1]),
        ("09:59", vec![1, 10]),
        ("10:00", vec![2, 10]),
        ("11:59", vec![2, 10]),
        ("23:00", vec![3, 10]),
    ] {
        let known = ledger.known_at(at(&format!("2026-01-05T{now}:00Z")));
        let found: Vec<i64> = known.rows().map(|row| row.measure("n").unwrap().to_i64().unwrap()).collect();
        assert_eq!(found, values, "{now}");
        assert_eq!((known.len(), known.is_empty()), (values.len(), values.is_empty()));
    }
    assert_eq!(ledger.instants().len(), 4);
    let first_half_hour = Span::new(at("2026-01-05T08:00:00Z"), at("2026-01-05T08:30:00Z"));
    let learnt = ledger.learnt(first_half_hour, at("2026-01-05T09:00:00Z"), at("2026-01-05T10:00:00Z"));
    assert_eq!(learnt.into_iter().collect::<Vec<_>>(), [at("2026-01-05T10:00:00Z")]);
    let second_half_hour = Span::new(at("2026-01-05T08:30:00Z"), at("2026-01-05T09:00:00Z"));
    assert_eq!(ledger.learnt(second_half_hour, at("2026-01-05T09:00:00Z"), Timestamp::MAX).len(), 0);
}

#[test]
fn a_day_of_24_hours_counts_until_the_day_as_it_was_is_known() {
    // London's clocks go forward on 29 March: the day ends at 23:00, and the next one was set aside until then.
    let day = |from: &str, to: &str, n: i64, revision: i64, sequence: i64, known_at: &str| Row {
        revision,
        sequence,
        known_at: at(known_at),
        ..row(from, to, &[("queue", "a")], &[("n", n)])
    };
    let (spring, next) = ("2026-03-29T00:00:00Z", "2026-03-29T23:00:00Z");
    let stored = day(spring, "2026-03-30T00:00:00Z", 1, 1, 1, "2026-03-30T06:00:00Z");
    let corrected = day(spring, next, 2, 2, 2, "2026-04-20T06:00:00Z");
    let following = day(next, "2026-03-30T23:00:00Z", 10, 1, 3, "2026-04-20T06:00:00Z");
    let calendar = calendar("Europe/London", json!(null));
    let mut grown = Ledger::of_feed(std::slice::from_ref(&stored), &calendar);
    let rows = [stored, corrected, following];
    for (now, values) in
        [("2026-03-30T05:59:59Z", vec![]), ("2026-04-20T05:59:59Z", vec![1]), ("2026-04-20T06:00:00Z", vec![2, 10])]
    {
        let whole = Ledger::of_feed(&rows, &calendar);
        grown.known_at(at(now));
        grown.extend(&rows.iter().collect(), &calendar);
        for ledger in [&whole, &grown] {
            let known = ledger.known_at(at(now));
            let found: Vec<i64> = known.rows().map(|row| row.measure("n").unwrap().to_i64().unwrap()).collect();
            assert_eq!((found, known.rejected().count()), (values.clone(), 0), "{now}");
        }
    }
}

#[test]
fn of_two_rows_that_overlap_the_one_received_later_is_rejected() {
    let other = row("2026-01-05T08:15:00Z", "2026-01-05T08:45:00Z", &[("queue", "b")], &[("n", 1)]);
    for (case, rows, standing, rejected) in [
        (
            "the later one goes",
            vec![("08:00", "09:00", 1), ("08:30", "09:30", 2)],
            vec!["08:00..09:00"],
            vec!["08:30..09:30"],
        ),
        (
            "whatever starts first",
            vec![("08:00", "09:00", 2), ("08:30", "09:30", 1)],
            vec!["08:30..09:30"],
            vec!["08:00..09:00"],
        ),
        (
            "neighbours stand",
            vec![("08:00", "08:30", 2), ("08:30", "09:00", 1)],
            vec!["08:00..08:30", "08:30..09:00"],
            vec![],
        ),
        (
            "what overlaps only a rejected row is kept",
            vec![("08:00", "09:00", 1), ("08:30", "10:00", 2), ("09:30", "10:30", 3)],
            vec!["08:00..09:00", "09:30..10:30"],
            vec!["08:30..10:00"],
        ),
        (
            "a total received later goes, its parts stay",
            vec![("08:00", "10:00", 3), ("08:00", "09:00", 1), ("09:00", "10:00", 2)],
            vec!["08:00..09:00", "09:00..10:00"],
            vec!["08:00..10:00"],
        ),
        (
            "a total received first stays, its parts go",
            vec![("08:00", "10:00", 1), ("08:00", "09:00", 2), ("09:00", "10:00", 3)],
            vec!["08:00..10:00"],
            vec!["08:00..09:00", "09:00..10:00"],
        ),
    ] {
        let mut rows: Vec<Row> =
            rows.into_iter().map(|(from, to, sequence)| received(from, to, 1, sequence, "12:00")).collect();
        rows.push(other.clone());
        let ledger = Ledger::of_feed(&rows, &calendar("UTC", json!(null)));
        let known = ledger.known_at(Timestamp::MAX);
        let of_queue_a = known.rows().filter(|row| row.labels()["queue"] == "a").map(|row| row.span());
        assert_eq!(shown(of_queue_a), standing, "{case}");
        assert_eq!(shown(known.rejected().map(|row| row.span())), rejected, "{case}");
        assert_eq!(known.rows().filter(|row| row.labels()["queue"] == "b").count(), 1);
    }
}

#[test]
fn a_correction_keeps_its_rows_place_in_the_order_of_receipt() {
    let rows = [
        received("08:00", "09:00", 1, 1, "09:00"),
        received("08:30", "09:30", 5, 2, "10:00"),
        Row { revision: 2, ..received("08:00", "09:00", 2, 3, "11:00") },
    ];
    let ledger = Ledger::of_feed(&rows, &calendar("UTC", json!(null)));
    let known = ledger.known_at(at("2026-01-05T12:00:00Z"));
    let found: Vec<_> = known.rows().map(|row| row.measure("n").unwrap().to_i64().unwrap()).collect();
    assert_eq!(found, [2]);
}

#[test]
fn decimals_of_any_size_are_kept_exactly() {
    for values in [
        vec!["0.1", "0.2"],
        vec!["9223372036854775807", "0.000001"],
        vec!["79228162514264337593543950335", "1"],
        vec!["-9223372036854775808", "2"],
    ] {
        let rows: Vec<Row> = (8..)
            .zip(&values)
            .map(|(hour, value)| {
                let mut row = received(&format!("{hour:02}:00"), &format!("{hour:02}:30"), 0, 1, "12:00");
                row.measures.insert("n".to_owned(), value.parse().unwrap());
                row
            })
            .collect();
        let ledger = Ledger::of_feed(&rows, &calendar("UTC", json!(null)));
        let known = ledger.known_at(Timestamp::MAX);
        let expected: Exact = values.iter().map(|value| Exact::from(value.parse::<Decimal>().unwrap())).sum();
        assert_eq!(known.rows().map(|row| row.measure("n").unwrap()).sum::<Exact>(), expected);
        assert_eq!(ledger.column("n").unwrap().sum(known.places()), expected);
    }
}

#[test]
fn rows_know_their_local_day_and_whether_service_was_owed() {
    let calendar = calendar(
        "America/New_York",
        json!({"serviceHours": [{"days": ["Monday"], "from": "09:00", "to": "17:00"}], "holidays": [{"date": "2026-01-12"}]}),
    );
    for (start, end, day, in_service) in [
        ("2026-01-06T03:30:00Z", "2026-01-06T04:00:00Z", "2026-01-05", false),
        ("2026-01-05T13:30:00Z", "2026-01-05T14:00:00Z", "2026-01-05", false),
        ("2026-01-05T13:30:00Z", "2026-01-05T14:00:01Z", "2026-01-05", true),
        ("2026-01-05T21:30:00Z", "2026-01-05T22:00:00Z", "2026-01-05", true),
        ("2026-01-12T14:00:00Z", "2026-01-12T15:00:00Z", "2026-01-12", false),
        // A row over several days, of which one has service.
        ("2026-01-04T05:00:00Z", "2026-01-06T05:00:00Z", "2026-01-04", true),
    ] {
        let ledger = Ledger::of_feed(&[row(start, end, &[], &[("n", 1)])], &calendar);
        let known = ledger.known_at(Timestamp::MAX);
        let found = known.rows().next().unwrap();
        assert_eq!((found.day(), found.in_service()), (day.parse().unwrap(), in_service), "{start}");
    }
}

#[test]
fn rows_that_touch_no_other_are_added_to_what_is_settled_and_others_are_settled_again() {
    let standing = |ledger: &Ledger| {
        let latest = ledger.latest.lock().unwrap();
        latest.as_ref().map(|(_, standing)| Arc::clone(standing))
    };
    let shown_of = |ledger: &Ledger| shown(ledger.known_at(Timestamp::MAX).rows().map(|row| row.span()));
    for (case, new, is_kept, expected) in [
        ("the next one", ("09:00", "09:30", 1), true, vec!["08:00..08:30", "08:30..09:00", "09:00..09:30"]),
        ("an earlier one", ("07:30", "08:00", 1), true, vec!["07:30..08:00", "08:00..08:30", "08:30..09:00"]),
        ("one that overlaps", ("08:45", "09:30", 1), false, vec!["08:00..08:30", "08:30..09:00"]),
        ("a correction", ("08:30", "09:00", 2), false, vec!["08:00..08:30", "08:30..09:00"]),
    ] {
        let calendar = calendar("UTC", json!(null));
        let mut rows: FeedRows =
            [received("08:00", "08:30", 1, 1, "08:30"), received("08:30", "09:00", 1, 2, "09:00")].iter().collect();
        let mut ledger = Ledger::of_rows(&rows, &calendar);
        assert_eq!(ledger.known_at(Timestamp::MAX).covered().len(), 1);
        let (from, to, revision) = new;
        rows.extend([Row { revision, ..received(from, to, 5, 3, "10:00") }]);
        ledger.extend(&rows, &calendar);
        assert_eq!(standing(&ledger).is_some(), is_kept, "{case}");
        assert_eq!(shown_of(&ledger), expected, "{case}");
    }
}

/// All that a ledger says of an instant.
fn said(ledger: &Ledger, now: Timestamp) -> String {
    let known = ledger.known_at(now);
    let shown = |row: KnownRow<'_>| {
        let measures: Vec<_> = row.measures().collect();
        format!("{:?} {} {measures:?} {} {}\n", row.span(), row.label_text(), row.day(), row.in_service())
    };
    let rows: String = known.rows().map(shown).collect();
    let rejected: String = known.rejected().map(shown).collect();
    format!("{rows}\nrejected\n{rejected}\n{:?}", known.covered())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_ledger_that_rows_were_added_to_says_what_one_says_that_was_built_of_all_of_them(
        rows in prop::collection::vec((0..400_i64, 1..5_i64, 0..4_usize, 1..4_i64, 0..3_000_i64, 0..9_i64), 1..400),
        parts in prop::collection::vec(prop_oneof![2 => 1..5_usize, 1 => 1..120_usize], 1..20),
    ) {
        let calendar = calendar("Europe/London", json!({"serviceHours": [{"days": ["Monday", "Sunday"], "from": "06:00", "to": "23:00"}]}));
        let begin = at("2026-03-27T00:00:00Z");
        let minutes = |minutes: i64| jiff::SignedDuration::from_mins(minutes);
        let rows: Vec<Row> = (1..).zip(rows).map(|(sequence, (slot, length, queue, revision, known, value))| Row {
            start: begin + minutes(30 * slot),
            end: begin + minutes(30 * (slot + length)),
            labels: [("queue".to_owned(), ["d", "b", "a", "c"][queue].to_owned())].into(),
            measures: [(["n", "m"][value as usize % 2].to_owned(), value.into())].into(),
            revision,
            known_at: begin + minutes(10 * known),
            sequence,
        }).collect();
        let at_once = Ledger::of_feed(&rows, &calendar);
        let (mut grown, mut packed, mut left) = (Ledger::default(), FeedRows::default(), rows.as_slice());
        for part in parts.into_iter().chain([rows.len()]) {
            let (first, rest) = left.split_at(part.min(left.len()));
            packed.extend(first.iter().cloned());
            grown.extend(&packed, &calendar);
            // What was asked of it before must leave nothing behind.
            said(&grown, Timestamp::MAX);
            left = rest;
        }
        prop_assert_eq!(grown.instants(), at_once.instants());
        for hours in [0, 7, 30, 90, 200, 350, 510] {
            let now = begin + minutes(60 * hours);
            prop_assert_eq!(said(&grown, now), said(&at_once, now));
            let window = Span::new(begin + minutes(60 * hours / 2), now);
            prop_assert_eq!(grown.learnt(window, begin, Timestamp::MAX), at_once.learnt(window, begin, Timestamp::MAX));
        }
    }
}

#[test]
fn a_row_takes_few_bytes_more_in_a_ledger() {
    let rows: Vec<Row> = (0..20_000)
        .map(|slot| {
            let start = at("2026-01-05T00:00:00Z") + jiff::SignedDuration::from_mins(30 * (slot / 12));
            let mut row =
                row(&start.to_string(), &(start + jiff::SignedDuration::from_mins(30)).to_string(), &[], &[("n", 1)]);
            row.labels.insert("queue".to_owned(), (slot % 12).to_string());
            row.sequence = slot + 1;
            row
        })
        .collect();
    let ledger = Ledger::of_feed(&rows, &calendar("UTC", json!(null)));
    let known = ledger.known_at(Timestamp::MAX);
    let in_order: Vec<(Timestamp, &Labels)> = known.rows().map(|row| (row.span().start, row.labels())).collect();
    assert!(in_order.len() == rows.len() && in_order.is_sorted());
    assert!(ledger.bytes() / rows.len() <= 6, "{}", ledger.bytes() / rows.len());
}
