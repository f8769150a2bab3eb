use proptest::prelude::*;

use super::*;
use crate::api::kpi_target::RoundingMode;

/// A whole of these parts by label, value, numerator and denominator.
fn whole(parts: &[(&str, &str, i64, i64)]) -> Whole {
    let sum = |of: fn(&(&str, &str, i64, i64)) -> i64| {
        let first = parts.first().map_or("", |part| part.0);
        Exact::from(parts.iter().filter(|part| part.0 == first).map(of).sum::<i64>())
    };
    let sums = parts.iter().map(|(label, value, numerator, denominator)| PartSums {
        label: (*label).to_owned(),
        value: (*value).to_owned(),
        numerator: (*numerator).into(),
        denominator: (*denominator).into(),
    });
    Whole {
        parts: Packed::of(sums.collect()),
        truncated: false,
        numerator: sum(|part| part.2),
        denominator: sum(|part| part.3),
    }
}

fn compared(now: Whole, before: Vec<Whole>) -> Compared {
    let rounding = Some(Rounding { decimals: 1, mode: RoundingMode::HalfUp });
    Compared { scale: Exact::HUNDRED, rounding, now, before }
}

fn shown(parts: &Packed<PartValue>) -> Vec<(String, Option<String>)> {
    let name = |part: &PartValue| part.label.iter().map(|(label, value)| format!("{label}={value}")).collect();
    parts.lines().into_iter().map(|part| (name(&part), part.effect)).collect()
}

#[test]
fn an_effect_is_how_much_a_part_moved_the_value_against_the_periods_before() {
    let two = |cebu: i64, bogota: i64| whole(&[("site", "bogota", bogota, 100), ("site", "cebu", cebu, 100)]);
    let effect = |text: &str| Some(text.to_owned());
    for (name, now, before, expected) in [
        (
            "nothing changed",
            two(70, 90),
            vec![two(70, 90)],
            [("site=bogota", effect("0.0")), ("site=cebu", effect("0.0"))],
        ),
        ("one fell", two(50, 90), vec![two(90, 90)], [("site=cebu", effect("-20.0")), ("site=bogota", effect("0.0"))]),
        (
            "several periods are added up",
            two(50, 90),
            vec![two(90, 90), two(80, 90), two(70, 90)],
            [("site=cebu", effect("-15.0")), ("site=bogota", effect("0.0"))],
        ),
        (
            "the mix moves the value, although no part changed",
            whole(&[("site", "bogota", 45, 50), ("site", "cebu", 105, 150)]),
            vec![two(70, 90)],
            // 75 against 80: now (10500 − 80·150)/200 and (4500 − 80·50)/200, less −5 and 5 before.
            [("site=cebu", effect("-2.5")), ("site=bogota", effect("-2.5"))],
        ),
        (
            "a part that is new",
            two(50, 90),
            vec![whole(&[("site", "bogota", 90, 100)])],
            [("site=cebu", effect("-20.0")), ("site=bogota", effect("0.0"))],
        ),
        (
            "a part that is gone",
            whole(&[("site", "bogota", 90, 100)]),
            vec![two(50, 90)],
            // 90 against 70: now (9000 − 70·100)/100; before (9000 − 70·100)/200 and (5000 − 70·100)/200.
            [("site=bogota", effect("10.0")), ("site=cebu", effect("10.0"))],
        ),
        (
            "a period before without labels",
            two(50, 90),
            vec![two(70, 90), Whole { parts: Packed::default(), ..two(90, 90) }],
            // 340 of 400 are 85: cebu (5000 − 85·100)/200 less (7000 − 85·100)/400.
            [("site=cebu", effect("-13.8")), ("site=bogota", effect("1.3"))],
        ),
        ("nothing before", two(50, 90), vec![], [("site=bogota", None), ("site=cebu", None)]),
        (
            "no volume before",
            two(50, 90),
            vec![whole(&[("site", "cebu", 0, 0)])],
            [("site=bogota", None), ("site=cebu", None)],
        ),
    ] {
        let expected: Vec<(String, Option<String>)> =
            expected.into_iter().map(|(part, effect)| (part.to_owned(), effect)).collect();
        assert_eq!(shown(&compared(now, before).parts()), expected, "{name}");
    }
}

/// Values of a label with their sums.
fn sites() -> impl Strategy<Value = Vec<(&'static str, i64, i64)>> {
    let sums = (0..1_000_i64, 1..1_000_i64);
    proptest::collection::btree_map(proptest::sample::select(vec!["a", "b", "c", "d", "e"]), sums, 1..5).prop_map(
        |parts| parts.into_iter().map(|(value, (numerator, denominator))| (value, numerator, denominator)).collect(),
    )
}

proptest! {
    #[test]
    fn effects_of_a_label_add_up_to_the_change_of_the_value_whichever_of_its_values_come_and_go(
        now in sites(),
        before in proptest::collection::vec(sites(), 1..=COMPARED),
    ) {
        let of = |sites: &Vec<(&'static str, i64, i64)>| {
            whole(&sites.iter().map(|(value, numerator, denominator)| ("site", *value, *numerator, *denominator)).collect::<Vec<_>>())
        };
        let compared = compared(of(&now), before.iter().map(of).collect());
        let sum = |of: fn(&Whole) -> &Exact| compared.before.iter().map(of).sum::<Exact>();
        let was = (sum(|whole| &whole.numerator) * Exact::HUNDRED).checked_div(&sum(|whole| &whole.denominator)).unwrap();
        let is = (&compared.now.numerator * &Exact::HUNDRED).checked_div(&compared.now.denominator).unwrap();
        let effects: Exact = compared.effects().into_iter().map(|(effect, _)| effect.unwrap()).sum();
        prop_assert_eq!(effects, is - was);
    }
}

#[test]
fn a_part_that_a_period_may_have_left_out_has_no_effect() {
    let two = || whole(&[("site", "bogota", 90, 100), ("site", "cebu", 50, 100)]);
    let cut = |whole: Whole| Whole { truncated: true, ..whole };
    let one = || whole(&[("site", "bogota", 90, 100)]);
    let has_effect = |compared: Compared| -> Vec<(String, bool)> {
        let mut parts: Vec<_> = shown(&compared.parts()).into_iter().map(|(name, it)| (name, it.is_some())).collect();
        parts.sort();
        parts
    };
    for (name, now, before, expected) in [
        ("all known", two(), vec![one()], vec![("site=bogota", true), ("site=cebu", true)]),
        ("cut before", two(), vec![cut(one())], vec![("site=bogota", true), ("site=cebu", false)]),
        ("cut in one of two", two(), vec![two(), cut(one())], vec![("site=bogota", true), ("site=cebu", false)]),
        ("cut before, and all are there", two(), vec![cut(two())], vec![("site=bogota", true), ("site=cebu", true)]),
        ("cut now: it may still be there", cut(one()), vec![two()], vec![("site=bogota", true)]),
        ("gone, and unknown before", one(), vec![two(), cut(one())], vec![("site=bogota", true)]),
    ] {
        let expected: Vec<(String, bool)> = expected.into_iter().map(|(part, it)| (part.to_owned(), it)).collect();
        assert_eq!(has_effect(compared(now, before)), expected, "{name}");
    }
}

#[test]
fn a_reading_keeps_parts_up_to_a_hundred_and_to_four_kilobytes_of_text_those_with_the_most_volume() {
    for (name, count, length, kept) in [
        ("few", 20, 10, 20),
        ("as many as are kept", 100, 1, 100),
        ("many with short names", 150, 1, 100),
        ("names of 128 characters", 100, 128, 27),
        ("names of 128 characters of four bytes", 100, 512, 7),
    ] {
        let value = |place: i64| {
            let letter = if length == 512 { "\u{1F3E2}" } else { "x" };
            format!("{place:03}{}", letter.repeat(length / letter.len()))
        };
        let sums = (0..count).map(|place| PartSums {
            label: "site".to_owned(),
            value: value(place),
            numerator: Exact::ONE,
            denominator: Exact::from(1 + place % 9),
        });
        let (packed, truncated) = with_most_volume(sums.collect());
        let lines = packed.lines();
        assert_eq!((lines.len(), truncated), (kept, i64::try_from(kept).unwrap() < count), "{name}");
        assert!(packed.bytes() <= MOST_TEXT + 32, "{name}: {} bytes", packed.bytes());
        assert!(lines.is_sorted_by(|one, next| one.value < next.value), "{name}");
        let least = lines.iter().map(|part| part.denominator.clone()).min().unwrap();
        assert!(kept != 7 || least == Exact::from(9), "{name}: those with the most volume are kept");
    }
}

#[test]
fn of_many_parts_the_twenty_with_the_most_effect_are_listed_and_ties_have_a_stable_order() {
    let names: Vec<String> = (0..25).map(|place| format!("q{place:02}")).collect();
    // Two queues fell by the same, one rose by more; the others stayed.
    let good = |place: usize| match place {
        7 | 3 => 60,
        24 => 100,
        _ => 80,
    };
    let of = |good: &dyn Fn(usize) -> i64| {
        whole(
            &names
                .iter()
                .enumerate()
                .map(|(place, name)| ("queue", name.as_str(), good(place), 100))
                .collect::<Vec<_>>(),
        )
    };
    let parts = compared(of(&good), vec![of(&|place| if place == 24 { 50 } else { 80 })]).parts();
    let found: Vec<String> = shown(&parts).into_iter().map(|(name, _)| name).collect();
    assert_eq!(found.len(), MOST_LISTED);
    assert_eq!(found[..5], ["queue=q24", "queue=q03", "queue=q07", "queue=q00", "queue=q01"]);
    let without = compared(of(&good), vec![]).parts();
    assert_eq!(shown(&without)[0].0, "queue=q00", "equal volumes are in the order of their names");
}

#[test]
fn a_part_without_data_has_neither_value_nor_denominator() {
    let parts = compared(whole(&[("site", "a", 8, 10), ("site", "b", 0, 0)]), vec![]).parts().lines();
    let figures: Vec<_> = parts.iter().map(|part| (part.value.as_deref(), part.denominator.as_deref())).collect();
    assert_eq!(figures, [(Some("80.0"), Some("10")), (None, None)]);
}

#[test]
fn parts_that_follow_from_other_figures_have_another_digest() {
    let part = |value: i64| whole(&[("site", "cebu", value, 100)]);
    let same = || compared(part(70), vec![part(90), part(80)]);
    assert_eq!(same().digest(), same().digest());
    let plain = Whole { parts: Packed::default(), ..part(70) };
    let others = [
        ("nothing else", same()),
        ("another scale", Compared { scale: Exact::ONE, ..same() }),
        ("no rounding", Compared { rounding: None, ..same() }),
        ("another rounding", {
            Compared { rounding: Some(Rounding { decimals: 2, mode: RoundingMode::HalfUp }), ..same() }
        }),
        ("another way to round", {
            Compared { rounding: Some(Rounding { decimals: 1, mode: RoundingMode::HalfEven }), ..same() }
        }),
        ("other parts now", compared(part(71), vec![part(90), part(80)])),
        ("no parts now", Compared { now: plain, ..same() }),
        ("more parts than are kept", Compared { now: Whole { truncated: true, ..part(70) }, ..same() }),
        ("another numerator", Compared { now: Whole { numerator: Exact::from(7_i64), ..part(70) }, ..same() }),
        ("another denominator", Compared { now: Whole { denominator: Exact::from(7_i64), ..part(70) }, ..same() }),
        ("fewer periods before", compared(part(70), vec![part(90)])),
        ("another order of them", compared(part(70), vec![part(80), part(90)])),
        ("one of them is the one now", compared(part(90), vec![part(70), part(80)])),
    ];
    let digests: std::collections::BTreeSet<[u8; 16]> = others.iter().map(|(_, one)| one.digest()).collect();
    assert_eq!(digests.len(), others.len());
}
