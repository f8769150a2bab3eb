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
    Whole { parts: Packed::of(sums.collect()), numerator: sum(|part| part.2), denominator: sum(|part| part.3) }
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

#[test]
fn effects_of_a_label_add_up_to_the_change_of_the_value() {
    let now = whole(&[("site", "a", 31, 70), ("site", "b", 64, 77), ("site", "c", 11, 13)]);
    let before = whole(&[("site", "a", 47, 60), ("site", "b", 71, 91), ("site", "c", 3, 9)]);
    let quotient = |whole: &Whole| (&whole.numerator * &Exact::HUNDRED).checked_div(&whole.denominator).unwrap();
    let change = quotient(&now) - quotient(&before);
    let compared = compared(now, vec![before]);
    let earlier = Earlier::of(&compared).unwrap();
    let effects = compared.now.parts.lines().into_iter().map(|part| compared.effect(&part, &earlier).unwrap());
    assert_eq!(effects.sum::<Exact>(), change);
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
