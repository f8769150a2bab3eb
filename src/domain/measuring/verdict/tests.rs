use super::*;
use crate::domain::fixtures::contracts::{exact, kpi};
use Comparison::{AtLeast, AtMost, Between, LessThan, MoreThan};
use Severity::{Critical, Minor, Serious, Severe};

fn aim(comparison: Comparison, target: &str, upper: Option<&str>) -> Aim {
    Aim { comparison, target: exact(target), upper: upper.map(exact) }
}

#[test]
fn a_target_is_met_on_its_own_side_and_at_its_edge_where_it_is_included() {
    for (comparison, value, met) in [
        (AtLeast, "80", true),
        (AtLeast, "79.999999", false),
        (MoreThan, "80", false),
        (MoreThan, "80.000001", true),
        (AtMost, "80", true),
        (AtMost, "80.000001", false),
        (LessThan, "80", false),
        (LessThan, "79.999999", true),
        (Between, "79", false),
        (Between, "80", true),
        (Between, "85", true),
        (Between, "85.000001", false),
    ] {
        let aim = aim(comparison, "80", Some("85"));
        assert_eq!(aim.is_met_by(&exact(value)), met, "{comparison:?} {value}");
    }
}

#[test]
fn bands_cover_all_misses_and_a_bound_belongs_to_the_band_only_where_the_target_is_included() {
    // Written in another order than that of their gravity: the order of a list with keys means nothing.
    let higher = "kpi: ServiceLevel\nobjective: {target: 99}\nbands: [{severity: Critical, points: 4}, {severity: Minor, bound: 98}, {severity: Severe, bound: 96}, {severity: Serious, bound: 97}]";
    let lower = "kpi: AbandonmentRate\nobjective: {target: 3}\nbands: [{severity: Minor, bound: 5}, {severity: Serious, bound: 8}]";
    for (spec, comparison, value, severity) in [
        (higher, AtLeast, Some("98.5"), Minor),
        (higher, AtLeast, Some("98"), Minor),
        (higher, AtLeast, Some("97.999999"), Serious),
        (higher, AtLeast, Some("96"), Severe),
        (higher, AtLeast, Some("0"), Critical),
        (higher, MoreThan, Some("98"), Serious),
        (higher, MoreThan, Some("96"), Critical),
        (lower, AtMost, Some("5"), Minor),
        (lower, AtMost, Some("5.000001"), Serious),
        (lower, AtMost, Some("99"), Serious),
        (lower, LessThan, Some("5"), Serious),
        (higher, AtLeast, None, Critical),
        (lower, AtMost, None, Serious),
    ] {
        let spec = kpi(spec);
        let band = band_of(&spec.bands, comparison, value.map(exact).as_ref());
        assert_eq!(severity_of(band), severity, "{comparison:?} {value:?}");
    }
    assert_eq!(severity_of(band_of(&[], AtLeast, Some(&exact("1")))), Minor);
}

#[test]
fn the_distance_of_a_miss_is_that_to_the_nearest_edge() {
    for (comparison, value, distance) in
        [(AtLeast, "75", "5"), (AtMost, "81.5", "1.5"), (Between, "78", "2"), (Between, "90", "5")]
    {
        assert_eq!(
            aim(comparison, "80", Some("85")).distance(&exact(value)),
            exact(distance),
            "{comparison:?} {value}"
        );
    }
}

#[test]
fn verdicts_follow_raw_value_relief_minimum_and_margin_in_this_order() {
    use Verdict::{Excused, Inconclusive, InsufficientVolume, Met, Missed, NoData};
    let straddling = Some(Interval { lower: 73.3, upper: 80.5 });
    let below = Some(Interval { lower: 73.3, upper: 78.5 });
    for (raw, value, is_enough, interval, by_point, by_margin) in [
        (None, None, false, None, NoData, NoData),
        (Some("81"), Some("81"), true, None, Met, Met),
        (Some("79"), Some("79"), true, None, Missed, Missed),
        // Raw meets: Met, even where what relief left would not.
        (Some("81"), Some("79"), true, None, Met, Met),
        (Some("79"), Some("80"), true, None, Excused, Excused),
        (Some("79"), None, true, None, Excused, Excused),
        (Some("79"), None, false, None, Excused, Excused),
        (Some("81"), None, true, None, Met, Met),
        (Some("81"), None, false, None, InsufficientVolume, InsufficientVolume),
        (Some("79"), Some("79"), false, None, InsufficientVolume, InsufficientVolume),
        (Some("79"), Some("80"), false, None, InsufficientVolume, InsufficientVolume),
        (Some("77"), Some("77"), true, straddling, Missed, Inconclusive),
        (Some("80.2"), Some("80.2"), true, straddling, Met, Inconclusive),
        (Some("77"), Some("80"), true, straddling, Excused, Excused),
        (Some("76"), Some("76"), true, below, Missed, Missed),
    ] {
        let (raw, value) = (raw.map(exact), value.map(exact));
        let sample = Sample { raw: raw.as_ref(), value: value.as_ref(), is_enough, interval };
        for (verdict, confidence) in [(by_point, ""), (by_margin, "confidence: {verdict: MarginOfError}")] {
            let spec = kpi(&format!("kpi: ServiceLevel\nobjective: {{target: 80}}\n{confidence}"));
            let aim = aim(AtLeast, "80", None);
            assert_eq!(verdict_of(&spec, &aim, &sample), verdict, "{sample:?} {confidence}");
        }
    }
}
