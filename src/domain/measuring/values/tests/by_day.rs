//! Sums by days are those of the rows, and take few bytes and little work whatever the rows are.

use super::super::by_day::LOOKED_AT;
use super::*;

/// Slot, queue and tier, good, and what is lacking.
type Figure = (i64, usize, i64, i64);

/// Rows of three queues and two tiers; some lack a measure, some figures have decimals.
fn figures() -> impl Strategy<Value = Vec<Figure>> {
    let kinds = prop_oneof![Just(1_usize), Just(4)];
    let figure = |kinds: usize| (0..90_i64, 0..kinds, -3..40_i64, 0..4_i64);
    kinds.prop_flat_map(move |kinds| prop::collection::vec(figure(kinds), 1..160))
}

/// Rows of some hours.
fn rows_of(figures: &[Figure], hours: i64) -> Vec<Row> {
    let begin = at("2026-03-28T00:00:00Z");
    let row_of = |(place, (slot, kind, good, lacks)): (usize, &Figure)| {
        let start = begin + SignedDuration::from_hours(slot * hours);
        let tier: &[(&str, &str)] =
            [&[("tier", "gold")][..], &[("tier", "silver")], &[], &[("queue", "b"), ("tier", "gold")]][*kind];
        let mut row = row(
            &start.to_string(),
            &(start + SignedDuration::from_hours(hours)).to_string(),
            tier,
            &[("answeredWithin", *good)],
        );
        if *lacks > 0 {
            row.measures.insert(
                "answered".to_owned(),
                rust_decimal::Decimal::new(good * 7 + 1, u32::try_from(*lacks - 1).unwrap()),
            );
        }
        Row { revision: place as i64 + 1, sequence: place as i64 + 1, ..row }
    };
    figures.iter().enumerate().map(row_of).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    // A day of rows of eight hours is too thin for sums; of those of an hour some days are and some are not.
    #[test]
    fn sums_by_days_are_those_of_the_rows_one_by_one_also_after_more_rows_came(
        figures in figures(), length in prop_oneof![Just(1_i64), Just(8)], cuts in prop::collection::vec(1..40_usize, 0..6),
        hours in prop::bool::weighted(0.3), (from, to) in (0..95_i64, 0..95_i64), (first, end) in (0..95_i64, 0..95_i64),
        mature in prop_oneof![Just(2_000_i64), 0..95_i64],
    ) {
        let hours = if hours { json!([{"days": ["Monday", "Tuesday", "Friday", "Sunday"], "from": "07:00", "to": "15:30"}]) } else { json!([]) };
        let calendar = calendar("Europe/London", json!({"serviceHours": hours}));
        let definition = defined(json!({"kpi": "ServiceLevel", "variant": "AnsweredOnly"}));
        let rows = rows_of(&figures, length);
        let slot = |slots: i64| at("2026-03-28T00:00:00Z") + SignedDuration::from_hours(slots * length);
        let (window, inside, mature) = (Span::new(slot(from), slot(to)), Span::new(slot(first), slot(end)), slot(mature));
        let both = Span::new(window.start.max(inside.start), window.end.min(inside.end));
        let (mut ledger, mut len) = (Ledger::default(), 0);
        for step in cuts.into_iter().chain([rows.len()]) {
            len = (len + step).min(rows.len());
            ledger.extend(&rows[..len].iter().collect(), &calendar);
            let whole = Ledger::of_feed(&rows[..len], &calendar);
            let (known, all) = (ledger.known_at(Timestamp::MAX).starting_in(window), whole.known_at(Timestamp::MAX));
            let labels = if len % 3 == 0 { labels(&[("queue", "b")]) } else { Labels::new() };
            let (by_day, one_by_one) = (known.select(&definition, &labels, mature), all.select(&definition, &labels, mature));
            let (found, expected) = (by_day.within(inside), one_by_one.within(both));
            prop_assert_eq!(found.quotient(), expected.quotient());
            prop_assert_eq!((found.len(), found.is_empty(), found.longest()), (expected.len(), expected.is_empty(), expected.longest()));
            let tiers = |rows: &Rows<'_>| -> Vec<(String, Quotient, String)> {
                rows.by_label("tier", ["gold", "silver"]).iter().map(|(tier, rows)| ((*tier).to_owned(), rows.quotient(), rows.digest())).collect()
            };
            prop_assert_eq!(tiers(&found), tiers(&expected));
            prop_assert_eq!(found.denominators_by("tier"), expected.denominators_by("tier"));
            let days = |rows: &Rows<'_>| -> Vec<(Date, Quotient)> {
                rows.by_day_of_start().iter().map(|(day, rows)| (*day, rows.quotient())).collect()
            };
            prop_assert_eq!(days(&found), days(&expected));
            if let Some(reach) = found.reach() {
                prop_assert!(found.iter().all(|row| reach.start <= row.span().start && row.span().end <= reach.end));
            }
            prop_assert_eq!(found.digest(), expected.digest());
        }
    }
}

/// Rows of some days with some measures: `a_day` of each value of a label.
fn days_of(days: i64, (label, values): (&str, usize), a_day: i64, measures: &[String]) -> Vec<Row> {
    let (begin, length) = (at("2026-01-05T00:00:00Z"), SignedDuration::from_hours(24) / a_day as i32);
    let mut rows = Vec::new();
    for slot in 0..days * a_day {
        let start = begin + length * slot as i32;
        for value in 0..values {
            let figures: Vec<(&str, i64)> = measures
                .iter()
                .zip(1..)
                .map(|(name, factor)| (&**name, (slot * 31 + value as i64) % 97 * factor))
                .collect();
            let label = (label, &*format!("v{value}"));
            let one = row(&start.to_string(), &(start + length).to_string(), &[label], &figures);
            rows.push(Row { sequence: rows.len() as i64 + 1, ..one });
        }
    }
    rows
}

/// The sums of a formula of each measure over the rows, by days or one by one.
fn sums_of(ledger: &Ledger, measures: &[String], by_day: bool) -> Vec<Quotient> {
    let sums = measures.iter().map(|measure| {
        let definition = defined(
            json!({"kpi": "Custom", "formula": {"numerator": measure, "denominator": measure, "better": "Higher"}}),
        );
        let known = ledger.known_at(Timestamp::MAX);
        let known = if by_day { known.starting_in(day("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z")) } else { known };
        known.select(&definition, &Labels::new(), Timestamp::MAX).all().quotient()
    });
    sums.collect()
}

#[test]
fn sums_of_days_take_no_more_bytes_than_the_rows_and_of_daily_rows_hardly_any() {
    let calendar = calendar("UTC", json!(null));
    let measures: Vec<String> = (0..12).map(|number| format!("m{number}")).collect();
    for (case, days, sets, a_day, range) in [
        // A set of a day would take more than a hundred bytes: more than 7 MB of all formulas.
        ("daily rows of 500 sets", 12, 500, 1, 1..30_000),
        ("half-hours of two sets", 6, 2, 48, 12_000..64 * 1_024),
        ("three-hours of many formulas over many days", 120, 1, 8, 64_000..64 * 1_024 + 500),
    ] {
        let rows = days_of(days, ("queue", sets), a_day, &measures);
        let (ledger, other) = (Ledger::of_feed(&rows, &calendar), Ledger::of_feed(&rows, &calendar));
        ledger.known_at(Timestamp::MAX);
        let before = ledger.bytes();
        let found = sums_of(&ledger, &measures, true);
        assert_eq!(found, sums_of(&other, &measures, false), "{case}");
        let kept = ledger.bytes() - before;
        assert!(range.contains(&kept), "{case}: {kept} bytes");
        assert_eq!(sums_of(&ledger, &measures, true), found, "{case}: once they are kept");
        assert_eq!(ledger.bytes() - before, kept, "{case}: none are kept twice");
    }
}

#[test]
fn no_more_than_the_wanted_values_of_a_label_are_looked_at_however_many_there_are() {
    let calendar = calendar("UTC", json!(null));
    let measures = ["answeredWithin", "answered"].map(str::to_owned);
    let definition = defined(json!({"kpi": "ServiceLevel", "variant": "AnsweredOnly"}));
    for (values, days, a_day) in [(3_000, 3, 1), (1_000, 1, 8)] {
        let mut rows = days_of(days, (TIER_LABEL, values), a_day, &measures);
        let labelled: i64 = rows.iter().map(|row| i64::try_from(row.measures["answered"]).unwrap()).sum();
        rows.push(row("2026-01-05T00:00:00Z", "2026-01-06T00:00:00Z", &[], &[("answeredWithin", 1), ("answered", 7)]));
        let ledger = Ledger::of_feed(&rows, &calendar);
        let known = ledger.known_at(Timestamp::MAX).starting_in(day("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"));
        let selection = known.select(&definition, &Labels::new(), Timestamp::MAX);
        let all = selection.all();
        LOOKED_AT.set(0);
        let parts = all.by_label(TIER_LABEL, ["v7", "v9", "none"]);
        assert_eq!(parts.keys().copied().collect::<Vec<_>>(), ["v7", "v9"]);
        for (value, part) in &parts {
            assert_eq!(part.quotient(), all.with_label(TIER_LABEL, value).quotient(), "{value} of {values}");
        }
        assert_eq!(all.denominators_by(TIER_LABEL), Exact::from(labelled));
        let days = usize::try_from(days).unwrap();
        assert!(LOOKED_AT.get() <= 6 * days, "{values} values: {} days", LOOKED_AT.get());
        LOOKED_AT.set(0);
        assert!(!all.is_empty());
        assert_eq!(LOOKED_AT.get(), 1, "whether there are rows is known by the first ones");
    }
}

#[test]
fn denominators_add_up_over_the_values_of_a_label_also_where_formulas_have_constants_and_levels() {
    let at_day = |day: i64, tier: Option<&str>, figure: i64| {
        let labels: Vec<_> = tier.map(|tier| (TIER_LABEL, tier)).into_iter().collect();
        let measures = [("complaints", figure), ("calls", figure * 3), ("leavers", figure), ("headcount", figure * 9)];
        row(&format!("2026-01-{day:02}T08:00:00Z"), &format!("2026-01-{day:02}T09:00:00Z"), &labels, &measures)
    };
    let rows = [
        at_day(5, Some("gold"), 2),
        at_day(5, Some("silver"), 3),
        at_day(6, Some("gold"), 5),
        at_day(6, Some("other"), 7),
        at_day(7, None, 11),
    ];
    let calendar = calendar("UTC", json!(null));
    let ledger = Ledger::of_feed(&rows, &calendar);
    let custom = |denominator: &str| json!({"kpi": "Custom", "formula": {"numerator": "complaints", "denominator": denominator, "better": "Lower"}});
    for kpi in [custom("calls"), custom("calls + 2"), custom("5"), json!({"kpi": "Attrition"})] {
        let definition = defined(kpi.clone());
        for known in [ledger.known_at(Timestamp::MAX), ledger.known_at(Timestamp::MAX).starting_in(always())] {
            let selection = known.select(&definition, &Labels::new(), Timestamp::MAX);
            let all = selection.all();
            let of_value = |value| all.with_label(TIER_LABEL, value).quotient().denominator;
            let expected: Exact = ["gold", "silver", "other"].into_iter().map(of_value).sum();
            assert_eq!(all.denominators_by(TIER_LABEL), expected, "{kpi}");
            assert!(!expected.is_zero(), "{kpi}");
        }
    }
}
