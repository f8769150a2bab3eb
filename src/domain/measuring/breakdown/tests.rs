use super::*;
use crate::domain::fixtures::contracts::exact;

#[test]
fn a_window_has_as_many_steps_as_fit_and_each_of_its_days_is_in_one() {
    for (first, last, each, count, names) in [
        ("2026-03-01", "2026-03-31", Each::Day, 31, ("2026-03-01", "2026-03-31")),
        ("2026-03-01", "2026-04-01", Each::Week, 6, ("2026-W09", "2026-W14")),
        ("2026-01-01", "2026-07-31", Each::Week, 31, ("2026-W01", "2026-W31")),
        ("2025-12-29", "2026-12-31", Each::Month, 13, ("2025-12", "2026-12")),
        ("2020-01-01", "2029-12-31", Each::Year, 10, ("2020", "2029")),
        ("2026-03-05", "2026-03-05", Each::Day, 1, ("2026-03-05", "2026-03-05")),
    ] {
        let (first, last): (Date, Date) = (first.parse().unwrap(), last.parse().unwrap());
        let (found, steps) = steps(first, last, Each::Day);
        assert_eq!((found, steps.len()), (each, count), "{first} to {last}");
        assert_eq!((steps[0].0.as_str(), steps[count - 1].0.as_str()), names, "{first} to {last}");
        assert_eq!((steps[0].1, steps[count - 1].2), (first, last));
        for pair in steps.windows(2) {
            assert_eq!(days_from(pair[0].2).nth(1), Some(pair[1].1), "{pair:?}");
        }
    }
}

#[test]
fn a_step_is_at_least_as_long_as_the_longest_row() {
    for (hours, each) in
        [(0, Each::Day), (24, Each::Day), (27, Each::Day), (28, Each::Week), (169, Each::Week), (744, Each::Month)]
    {
        assert_eq!(least_step(SignedDuration::from_hours(hours)), each, "{hours} hours");
    }
    let (first, last) = ("2026-03-01".parse().unwrap(), "2026-03-31".parse().unwrap());
    assert_eq!(steps(first, last, Each::Month).1.len(), 1);
}

#[test]
fn harm_is_what_moves_a_value_to_the_worse_side_of_its_target() {
    use Comparison::{AtLeast, AtMost, Between, LessThan, MoreThan};
    // Comparison, target, upper edge, value, then whether an effect above 0 harms.
    for (comparison, upper, value, harms) in [
        (AtLeast, None, "70", false),
        (MoreThan, None, "70", false),
        (AtMost, None, "90", true),
        (LessThan, None, "90", true),
        (Between, Some("90"), "70", false),
        (Between, Some("90"), "95", true),
        (Between, Some("90"), "85", false),
    ] {
        let aim = Aim { comparison, target: exact("80"), upper: upper.map(exact) };
        let found = harm(&aim, Some(&exact(value)), &exact("2"));
        assert_eq!(found, exact(if harms { "2" } else { "-2" }), "{comparison:?} {value}");
    }
}
