use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::api::kpi_target::RoundingMode;
use crate::domain::fixtures::specs::{at, calendar, defined, row};
use crate::domain::measuring::row::Row;

mod by_day;

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn day(start: &str, end: &str) -> Span {
    Span::new(at(start), at(end))
}

/// All time.
fn always() -> Span {
    Span::new(Timestamp::MIN, Timestamp::MAX)
}

/// The sums of a KPI over rows, in a calendar without hours.
fn quotient(definition: &Definition, rows: &[Row]) -> Quotient {
    let calendar = calendar("UTC", json!(null));
    let ledger = Ledger::of_feed(rows, &calendar);
    let known = ledger.known_at(Timestamp::MAX);
    let selection = known.select(definition, &Labels::new(), Timestamp::MAX);
    selection.within(always()).quotient()
}

/// The rows of the real day in `tests/data`.
fn real_day() -> Vec<Row> {
    let text = include_str!("../../../../tests/data/call-centre-day.csv");
    let columns: Vec<&str> = text.lines().next().unwrap().split(',').collect();
    let midnight = at("1999-06-01T00:00:00Z");
    text.lines()
        .skip(1)
        .zip(0..)
        .map(|(line, half_hour)| {
            let cells: Vec<&str> = line.split(',').collect();
            let cell = |name: &str| -> i64 {
                cells[columns.iter().position(|column| *column == name).unwrap()].parse().unwrap()
            };
            let start = midnight + SignedDuration::from_mins(30 * half_hour);
            let measures = [
                ("offered", cell("offered")),
                ("answered", cell("answered")),
                ("answeredWithin", cell("answered_within_20s")),
                ("abandoned", cell("abandoned")),
                ("abandonedWithin", cell("abandoned_within_20s")),
            ];
            row(
                &start.to_string(),
                &(start + SignedDuration::from_mins(30)).to_string(),
                &[("queue", "bank")],
                &measures,
            )
        })
        .collect()
}

#[test]
fn a_real_day_is_pooled_and_not_a_mean_of_means() {
    let rows = real_day();
    let definition = defined(json!({"kpi": "ServiceLevel", "variant": "AllOffered"}));
    let day = quotient(&definition, &rows);
    assert_eq!((day.numerator.clone(), day.denominator.clone(), day.rows), (404.into(), 2_239.into(), rows.len()));
    let value = day.value(&definition.scale).unwrap();
    assert_eq!(value.show(6), "18.04377");
    assert_eq!(value.round(1, RoundingMode::HalfUp).show_fixed(1), "18.0");
    let offered = defined(
        json!({"kpi": "Custom", "formula": {"numerator": "answeredWithin", "denominator": "offered", "better": "Higher"}}),
    );
    assert_eq!(quotient(&offered, &rows).value(&offered.scale), Some(value));
    let shares: Vec<f64> = rows
        .iter()
        .filter_map(|row| quotient(&offered, std::slice::from_ref(row)).value(&offered.scale))
        .map(|share| share.to_f64())
        .collect();
    assert!((shares.iter().sum::<f64>() / shares.len() as f64 - 31.369_665_944_134_62).abs() < 1e-9);
}

#[test]
fn unequal_parts_are_pooled() {
    let definition = defined(json!({"kpi": "ServiceLevel", "variant": "AnsweredOnly"}));
    let part = |hour: &str, within, answered| {
        row(
            &format!("2026-01-05T{hour}:00:00Z"),
            &format!("2026-01-05T{hour}:30:00Z"),
            &[],
            &[("answeredWithin", within), ("answered", answered)],
        )
    };
    let value = quotient(&definition, &[part("08", 90, 100), part("09", 10, 20)]).value(&definition.scale);
    assert_eq!(value.unwrap().show(6), "83.333333");
    let nothing = quotient(&definition, &[part("08", 0, 0)]);
    assert_eq!((nothing.value(&definition.scale), nothing.rows), (None, 1));
    assert_eq!(quotient(&definition, &[]).value(&definition.scale), None);
}

#[test]
fn a_constant_alone_makes_no_data() {
    let definition =
        defined(json!({"kpi": "Custom", "formula": {"numerator": "complaints", "unit": "Count", "better": "Lower"}}));
    assert_eq!(quotient(&definition, &[]).value(&definition.scale), None);
    let two = [
        row("2026-01-05T08:00:00Z", "2026-01-05T09:00:00Z", &[], &[("complaints", 3)]),
        row("2026-01-05T09:00:00Z", "2026-01-05T10:00:00Z", &[], &[("complaints", 4)]),
    ];
    assert_eq!(quotient(&definition, &two).value(&definition.scale), Some(7.into()));
}

#[test]
fn rows_count_by_labels_service_maturity_and_measures() {
    let calendar = calendar(
        "Europe/London",
        json!({"serviceHours": [{"days": ["Monday"], "from": "08:00", "to": "18:00"}], "holidays": [{"date": "2026-01-12"}]}),
    );
    let full = [("answeredWithin", 1), ("answered", 1)];
    let rows = [
        row("2026-01-05T08:00:00Z", "2026-01-05T08:30:00Z", &[("queue", "a"), ("site", "x")], &full),
        row("2026-01-05T08:00:00Z", "2026-01-05T08:30:00Z", &[("queue", "b")], &full),
        // Partly in service.
        row("2026-01-05T07:30:00Z", "2026-01-05T08:30:00Z", &[("queue", "a"), ("site", "y")], &full),
        row("2026-01-05T17:30:00Z", "2026-01-05T18:30:00Z", &[("queue", "a")], &full),
        // Outside service, on another weekday, on a holiday.
        row("2026-01-05T18:30:00Z", "2026-01-05T19:00:00Z", &[("queue", "a")], &full),
        row("2026-01-06T09:00:00Z", "2026-01-06T09:30:00Z", &[("queue", "a")], &full),
        row("2026-01-12T09:00:00Z", "2026-01-12T09:30:00Z", &[("queue", "a")], &full),
        // Lacks a measure.
        row("2026-01-05T09:00:00Z", "2026-01-05T09:30:00Z", &[("queue", "a")], &[("answered", 1)]),
    ];
    let ledger = Ledger::of_feed(&rows, &calendar);
    let known = ledger.known_at(Timestamp::MAX);
    let definition = defined(json!({"kpi": "ServiceLevel", "variant": "AnsweredOnly"}));
    for (wanted, mature_by, count) in [
        (labels(&[]), "2026-02-01T00:00:00Z", 4),
        (labels(&[("queue", "a")]), "2026-02-01T00:00:00Z", 3),
        (labels(&[("queue", "a"), ("site", "x")]), "2026-02-01T00:00:00Z", 1),
        (labels(&[("queue", "c")]), "2026-02-01T00:00:00Z", 0),
        (labels(&[("queue", "a")]), "2026-01-05T18:29:59Z", 2),
        (labels(&[("queue", "a")]), "2026-01-05T18:30:00Z", 3),
    ] {
        let selection = known.select(&definition, &wanted, at(mature_by));
        assert_eq!(selection.all().quotient().rows, count, "{wanted:?} {mature_by}");
    }
    let other = defined(json!({"kpi": "AverageSpeedOfAnswer"}));
    assert!(known.select(&other, &Labels::new(), Timestamp::MAX).all().is_empty());
}

#[test]
fn a_row_belongs_whole_to_the_period_of_its_start() {
    let rows = [row("2026-01-31T23:45:00Z", "2026-02-01T00:15:00Z", &[], &[("answeredWithin", 5), ("answered", 8)])];
    let calendar = calendar("UTC", json!(null));
    let ledger = Ledger::of_feed(&rows, &calendar);
    let known = ledger.known_at(Timestamp::MAX);
    let definition = defined(json!({"kpi": "ServiceLevel", "variant": "AnsweredOnly"}));
    let selection = known.select(&definition, &Labels::new(), Timestamp::MAX);
    for (span, rows) in [
        (day("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"), 1),
        (day("2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"), 0),
        (day("2026-01-31T23:45:00Z", "2026-01-31T23:45:01Z"), 1),
        (day("2026-01-01T00:00:00Z", "2026-01-31T23:45:00Z"), 0),
        (day("2026-03-01T00:00:00Z", "2026-01-01T00:00:00Z"), 0),
    ] {
        assert_eq!(selection.within(span).len(), rows);
        assert_eq!(selection.all().starting_in(span).len(), rows);
    }
}

#[test]
fn levels_are_added_over_labels_and_taken_over_time() {
    let site = |site: &str, from: u8, to: u8, headcount: i64, leavers: i64| {
        row(
            &format!("2026-01-{from:02}T00:00:00Z"),
            &format!("2026-01-{to:02}T00:00:00Z"),
            &[("site", site)],
            &[("headcount", headcount), ("leavers", leavers)],
        )
    };
    let attrition = defined(json!({"kpi": "Attrition"}));
    for (rows, denominator) in [
        (vec![site("x", 1, 31, 100, 2)], "100"),
        // Sites add up at each instant.
        (vec![site("x", 1, 31, 100, 2), site("y", 1, 31, 50, 1)], "150"),
        // Ten days of 100 and twenty of 130.
        (vec![site("x", 1, 11, 100, 2), site("x", 11, 31, 130, 1)], "120"),
        // A site that opens in the middle: 10 days of 100, 20 days of 100 and 60.
        (vec![site("x", 1, 31, 100, 2), site("y", 11, 31, 60, 1)], "140"),
        // Time that no row speaks of counts for nothing.
        (vec![site("x", 1, 6, 100, 2), site("x", 16, 21, 200, 1)], "150"),
    ] {
        assert_eq!(quotient(&attrition, &rows).denominator.show(6), denominator);
    }
    let backlog = defined(json!({"kpi": "Backlog"}));
    let open = |queue: &str, day: u8, items: i64| {
        row(
            &format!("2026-01-{day:02}T00:00:00Z"),
            &format!("2026-01-{:02}T00:00:00Z", day + 1),
            &[("queue", queue)],
            &[("backlog", items)],
        )
    };
    let rows = [open("a", 1, 5), open("a", 2, 7), open("b", 1, 9), open("b", 2, 1)];
    assert_eq!(quotient(&backlog, &rows).value(&backlog.scale), Some(8.into()));
}

fn relief(name: &str, from: &str, to: &str, wanted: &[(&str, &str)]) -> Relief {
    serde_json::from_value(json!({
        "name": name, "cause": "ForceMajeure", "from": from, "to": to, "labels": labels(wanted), "decision": "Accepted",
    }))
    .unwrap()
}

#[test]
fn relief_takes_the_rows_that_it_overlaps() {
    let at_site = |hour: u8, site: &str| {
        row(
            &format!("2026-01-05T{hour:02}:00:00Z"),
            &format!("2026-01-05T{:02}:00:00Z", hour + 1),
            &[("site", site)],
            &[("answeredWithin", 1), ("answered", 2)],
        )
    };
    let rows: Vec<Row> = (8..12).flat_map(|hour| [at_site(hour, "uk"), at_site(hour, "cebu")]).collect();
    let calendar = calendar("UTC", json!(null));
    let ledger = Ledger::of_feed(&rows, &calendar);
    let known = ledger.known_at(Timestamp::MAX);
    let definition = defined(json!({"kpi": "ServiceLevel", "variant": "AnsweredOnly"}));
    let selection = known.select(&definition, &Labels::new(), Timestamp::MAX);
    let power_cut = relief("power-cut", "2026-01-05T09:30:00Z", "2026-01-05T10:00:00Z", &[("site", "uk")]);
    let storm = relief("storm", "2026-01-05T09:00:00Z", "2026-01-05T11:00:00Z", &[]);
    let next_day = relief("next-day", "2026-01-06T09:00:00Z", "2026-01-06T11:00:00Z", &[]);
    let touching = relief("touching", "2026-01-05T12:00:00Z", "2026-01-05T13:00:00Z", &[]);
    for (given, left, excused_by) in [
        (vec![], 8, vec![]),
        (vec![&power_cut], 7, vec!["power-cut"]),
        (vec![&storm, &power_cut], 4, vec!["power-cut", "storm"]),
        (vec![&next_day, &touching], 8, vec![]),
        (vec![&next_day, &storm], 4, vec!["storm"]),
    ] {
        let all = selection.all();
        let relieved = all.relieved(&given);
        assert_eq!(relieved.rows.len(), left);
        assert_eq!(relieved.rows.quotient().denominator, (2 * left as i64).into());
        assert_eq!(relieved.excused_by.iter().map(String::as_str).collect::<Vec<_>>(), excused_by);
    }
}

#[test]
fn parts_by_tier_and_by_day_add_up_and_leave_out_what_has_no_label() {
    let at_day = |day: u8, tier: Option<&str>, answered: i64| {
        let labels: Vec<_> = tier.map(|tier| (TIER_LABEL, tier)).into_iter().collect();
        row(
            &format!("2026-01-{day:02}T08:00:00Z"),
            &format!("2026-01-{day:02}T09:00:00Z"),
            &labels,
            &[("answeredWithin", 1), ("answered", answered)],
        )
    };
    let rows =
        [at_day(5, Some("gold"), 2), at_day(5, Some("silver"), 4), at_day(6, Some("gold"), 8), at_day(6, None, 16)];
    let calendar = calendar("UTC", json!(null));
    let ledger = Ledger::of_feed(&rows, &calendar);
    let known = ledger.known_at(Timestamp::MAX);
    let definition = defined(json!({"kpi": "ServiceLevel", "variant": "AnsweredOnly"}));
    let selection = known.select(&definition, &Labels::new(), Timestamp::MAX);
    let all = selection.all();
    let volume = |rows: &Rows<'_>| rows.quotient().denominator.to_i64().unwrap();
    let parts = all.by_label(TIER_LABEL, ["silver", "gold", "bronze"]);
    let tiers: Vec<(&str, i64)> = parts.iter().map(|(tier, rows)| (*tier, volume(rows))).collect();
    assert_eq!(tiers, [("gold", 10), ("silver", 4)]);
    assert_eq!(volume(&all.with_label(TIER_LABEL, "gold")), 10);
    let days: Vec<(String, i64)> =
        all.by_day_of_start().iter().map(|(day, rows)| (day.to_string(), volume(rows))).collect();
    assert_eq!(days, [("2026-01-05".to_owned(), 6), ("2026-01-06".to_owned(), 24)]);
    assert_eq!(volume(&all), 30);
}

#[test]
fn a_surveys_response_rate_is_over_the_rows_that_judge() {
    let survey = |hour: u8, measures: &[(&str, i64)]| {
        row(&format!("2026-01-05T{hour:02}:00:00Z"), &format!("2026-01-05T{:02}:00:00Z", hour + 1), &[], measures)
    };
    let calendar = calendar("UTC", json!(null));
    let definition = defined(json!({"kpi": "CustomerSatisfaction"}));
    for (rows, percent) in [
        (vec![survey(8, &[("satisfied", 8), ("surveyResponses", 10), ("surveysOffered", 40)])], Some("25")),
        (
            vec![
                survey(8, &[("satisfied", 8), ("surveyResponses", 10), ("surveysOffered", 40)]),
                survey(9, &[("satisfied", 8), ("surveyResponses", 10)]),
            ],
            Some("25"),
        ),
        (vec![survey(8, &[("satisfied", 8), ("surveyResponses", 10)])], None),
        (vec![survey(8, &[("satisfied", 0), ("surveyResponses", 0), ("surveysOffered", 0)])], None),
    ] {
        let ledger = Ledger::of_feed(&rows, &calendar);
        let known = ledger.known_at(Timestamp::MAX);
        let selection = known.select(&definition, &Labels::new(), Timestamp::MAX);
        assert_eq!(selection.all().response_rate().map(|rate| rate.show(6)).as_deref(), percent);
    }
}

#[test]
fn the_digest_is_that_of_the_canonical_lines() {
    let mut rows = vec![
        row(
            "2026-01-05T08:30:00Z",
            "2026-01-05T09:00:00Z",
            &[("queue", "\"é\n")],
            &[("answeredWithin", 3), ("answered", 4), ("offered", 9)],
        ),
        row(
            "2026-01-05T08:00:00Z",
            "2026-01-05T08:30:00Z",
            &[("site", "x"), ("queue", "a")],
            &[("answeredWithin", 0), ("answered", 44)],
        ),
    ];
    rows[1].measures.insert("answeredWithin".to_owned(), "2.50".parse().unwrap());
    let digest = |rows: &[Row]| {
        let calendar = calendar("UTC", json!(null));
        let ledger = Ledger::of_feed(rows, &calendar);
        let known = ledger.known_at(Timestamp::MAX);
        let definition = defined(json!({"kpi": "ServiceLevel", "variant": "AnsweredOnly"}));
        let selection = known.select(&definition, &Labels::new(), Timestamp::MAX);
        selection.all().digest()
    };
    let lines = concat!(
        r#"["2026-01-05T08:00:00Z","2026-01-05T08:30:00Z",{"queue":"a","site":"x"},{"answered":"44","answeredWithin":"2.5"}]"#,
        "\n",
        r#"["2026-01-05T08:30:00Z","2026-01-05T09:00:00Z",{"queue":"\"é\n"},{"answered":"4","answeredWithin":"3"}]"#,
        "\n",
    );
    let hash: String = sha2::Sha256::digest(lines).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(digest(&rows), format!("sha256:{hash}"));
    rows.reverse();
    rows[0].revision = 7;
    rows[0].measures.insert("another".to_owned(), 1.into());
    assert_eq!(digest(&rows), format!("sha256:{hash}"), "order, revision and measures of other KPIs change nothing");
    rows[0].measures.insert("answered".to_owned(), 45.into());
    assert_ne!(digest(&rows), format!("sha256:{hash}"));
    assert_eq!(digest(&[]), "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

use sha2::Digest as _;

/// A flow and a level on some half hours of some queues.
fn some_rows() -> impl Strategy<Value = Vec<Row>> {
    let measures = (0_i64..1_000, 0_i64..1_000, 1_i64..50);
    prop::collection::btree_map((0_i64..48, 0_usize..3), measures, 1..60).prop_map(|cells| {
        let midnight = at("2026-01-05T00:00:00Z");
        let build = |((half_hour, queue), (good, all, staff)): ((i64, usize), (i64, i64, i64))| {
            let start = midnight + SignedDuration::from_mins(30 * half_hour);
            let end = start + SignedDuration::from_mins(30);
            let measures = [("answeredWithin", good), ("answered", all), ("leavers", good), ("headcount", staff)];
            row(&start.to_string(), &end.to_string(), &[("queue", ["a", "b", "c"][queue])], &measures)
        };
        cells.into_iter().map(build).collect()
    })
}

/// A row as two: its flows shared out, its level in both.
fn split(whole: &Row, share: i64) -> [Row; 2] {
    let middle = whole.start + SignedDuration::from_mins(10);
    let (mut first, mut second) = (whole.clone(), whole.clone());
    (first.end, second.start) = (middle, middle);
    for (measure, value) in &whole.measures {
        if measure != "headcount" {
            let part = (value * rust_decimal::Decimal::from(share) / rust_decimal::Decimal::from(100)).trunc();
            first.measures.insert(measure.clone(), part);
            second.measures.insert(measure.clone(), value - part);
        }
    }
    [first, second]
}

proptest! {
    #[test]
    fn the_order_of_rows_changes_nothing(rows in some_rows(), seed in any::<u64>()) {
        let mut shuffled = rows.clone();
        shuffled.sort_by_key(|row| (row.start.as_second() as u64).wrapping_mul(seed | 1) ^ seed.rotate_left(row.labels["queue"].len() as u32));
        for kpi in ["ServiceLevel", "Attrition"] {
            let definition = defined(json!({"kpi": kpi, "variant": (kpi == "ServiceLevel").then_some("AnsweredOnly")}));
            prop_assert_eq!(quotient(&definition, &rows), quotient(&definition, &shuffled));
        }
    }

    #[test]
    fn splitting_rows_changes_no_sum_and_no_level(rows in some_rows(), share in 0_i64..100) {
        let parts: Vec<Row> = rows.iter().flat_map(|row| split(row, share)).collect();
        for kpi in ["ServiceLevel", "Attrition"] {
            let definition = defined(json!({"kpi": kpi, "variant": (kpi == "ServiceLevel").then_some("AnsweredOnly")}));
            let (whole, split) = (quotient(&definition, &rows), quotient(&definition, &parts));
            prop_assert_eq!((whole.numerator, whole.denominator), (split.numerator, split.denominator));
            prop_assert_eq!(whole.rows * 2, split.rows);
        }
    }

    #[test]
    fn the_parts_of_a_span_add_up(rows in some_rows(), cut in 0_i64..48) {
        let definition = defined(json!({"kpi": "ServiceLevel", "variant": "AnsweredOnly"}));
        let calendar = calendar("UTC", json!(null));
        let ledger = Ledger::of_feed(&rows, &calendar);
        let known = ledger.known_at(Timestamp::MAX);
        let selection = known.select(&definition, &Labels::new(), Timestamp::MAX);
        let middle = at("2026-01-05T00:00:00Z") + SignedDuration::from_mins(30 * cut);
        let whole = selection.all().quotient();
        let parts = [Span::new(Timestamp::MIN, middle), Span::new(middle, Timestamp::MAX)].map(|span| selection.within(span).quotient());
        prop_assert_eq!(&whole.numerator, &(&parts[0].numerator + &parts[1].numerator));
        prop_assert_eq!(&whole.denominator, &(&parts[0].denominator + &parts[1].denominator));
        prop_assert_eq!(whole.rows, parts[0].rows + parts[1].rows);
        let by_queue: Exact = selection.all().by_label("queue", ["a", "b", "c"]).values().map(|rows| rows.quotient().denominator).sum();
        prop_assert_eq!(whole.denominator, by_queue);
    }
}
