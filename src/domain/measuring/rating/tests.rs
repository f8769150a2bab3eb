use super::*;
use crate::domain::fixtures::contracts::{exact, kpi};
use Rating::{ApproachingTarget, Good, Inadequate, Other, RequiresImprovement};

#[test]
fn explicit_bounds_rate_a_value_as_the_department_for_education_does() {
    // DfE ECF call-off contract 2023-24, schedule 2: recruitment in percent of the target.
    let spec = kpi(
        "kpi: ServiceLevel\nobjective: {target: 96}\nratings: {good: 96, approaching: 90, requiresImprovement: 75}",
    );
    let bounds = spec.ratings.as_ref();
    for (value, rating) in [
        ("96", Good),
        ("95", ApproachingTarget),
        ("90", ApproachingTarget),
        ("89", RequiresImprovement),
        ("75", RequiresImprovement),
        ("74.9", Inadequate),
    ] {
        let value = exact(value);
        let verdict = if value >= exact("96") { Verdict::Met } else { Verdict::Missed };
        assert_eq!(rating_of(verdict, None, Some(&value), bounds, Comparison::AtLeast), rating, "{value}");
    }
    assert_eq!(rating_of(Verdict::Missed, None, None, bounds, Comparison::AtLeast), Inadequate);
    assert_eq!(rating_of(Verdict::Excused, None, Some(&exact("99")), bounds, Comparison::AtLeast), Other);
    let lower =
        kpi("kpi: AbandonmentRate\nobjective: {target: 3}\nratings: {good: 3, approaching: 5, requiresImprovement: 8}");
    for (value, rating) in [
        ("3", Good),
        ("3.1", ApproachingTarget),
        ("5", ApproachingTarget),
        ("8", RequiresImprovement),
        ("9", Inadequate),
    ] {
        assert_eq!(
            rating_of(Verdict::Missed, None, Some(&exact(value)), lower.ratings.as_ref(), Comparison::AtMost),
            rating,
            "{value}"
        );
    }
}

#[test]
fn without_bounds_the_severity_rates() {
    for (verdict, severity, rating) in [
        (Verdict::Met, None, Good),
        (Verdict::Missed, Some(Severity::Minor), ApproachingTarget),
        (Verdict::Missed, Some(Severity::Serious), RequiresImprovement),
        (Verdict::Missed, Some(Severity::Severe), RequiresImprovement),
        (Verdict::Missed, Some(Severity::Critical), Inadequate),
        (Verdict::Excused, None, Other),
        (Verdict::Inconclusive, None, Other),
        (Verdict::InsufficientVolume, None, Other),
        (Verdict::NoData, None, Other),
        (Verdict::NotMeasured, None, Other),
    ] {
        assert_eq!(rating_of(verdict, severity, None, None, Comparison::AtLeast), rating, "{verdict}");
    }
}

#[test]
fn a_miss_earns_by_its_way_from_the_last_bound_to_the_target() {
    let with = "bands: [{severity: Minor, bound: 75}, {severity: Serious, bound: 60}, {severity: Critical}]";
    let without = "bands: [{severity: Minor}]";
    let beyond = "bands: [{severity: Minor, bound: 85}]";
    let cases = [
        (with, Comparison::AtLeast, Verdict::Missed, Some("75"), Some("0.75")),
        (with, Comparison::AtLeast, Verdict::Missed, Some("50"), Some("0")),
        (with, Comparison::AtLeast, Verdict::Missed, None, Some("0")),
        (with, Comparison::AtMost, Verdict::Missed, Some("90"), Some("0")),
        (with, Comparison::Between, Verdict::Missed, Some("75"), Some("0")),
        (without, Comparison::AtLeast, Verdict::Missed, Some("79"), Some("0")),
        (beyond, Comparison::AtLeast, Verdict::Missed, Some("79"), Some("0")),
        (beyond, Comparison::AtMost, Verdict::Missed, Some("82"), Some("0.6")),
        (with, Comparison::AtLeast, Verdict::Met, Some("75"), Some("1")),
        (with, Comparison::AtLeast, Verdict::Excused, None, Some("1")),
        (with, Comparison::AtLeast, Verdict::NoData, None, None),
    ];
    for (bands, comparison, verdict, value, share) in cases {
        let spec = kpi(&format!("kpi: ServiceLevel\nobjective: {{target: 80}}\n{bands}"));
        let aim = Aim { comparison, target: exact("80"), upper: None };
        let value = value.map(exact);
        assert_eq!(
            achievement(verdict, value.as_ref(), &aim, &spec.bands),
            share.map(exact),
            "{bands} {comparison:?} {value:?}"
        );
    }
}

#[test]
fn the_score_speaks_for_the_weight_that_was_judged() {
    let kpi = |weight: i64, share: Option<&str>| Achievement { weight: weight.into(), share: share.map(exact) };
    for (kpis, scored, confidence) in [
        (vec![kpi(10, Some("1")), kpi(5, Some("0.5")), kpi(5, None)], Some("83.3"), Some("75")),
        (vec![kpi(1, None)], None, Some("0")),
        (vec![kpi(0, Some("1"))], None, None),
        (vec![], None, None),
    ] {
        let (value, sure) = score(&kpis);
        let shown = |number: Option<Exact>| number.map(|number| number.show(1));
        assert_eq!((shown(value).as_deref(), shown(sure).as_deref()), (scored, confidence));
    }
}

#[test]
fn a_contract_is_rated_as_its_worst_critical_class_kpi() {
    use KpiClass::{Critical, KeyMeasurement};
    for (kpis, rating) in [
        (vec![(Critical, Good), (Critical, RequiresImprovement), (Critical, Other)], RequiresImprovement),
        (vec![(Critical, Good), (KeyMeasurement, Inadequate)], Good),
        (vec![(Critical, Other)], Other),
        (vec![], Other),
    ] {
        assert_eq!(worst_rating(kpis.into_iter()), rating);
    }
}
