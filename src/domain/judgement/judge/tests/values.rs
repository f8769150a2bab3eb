//! Targets, relief, minimums, margins, tiers and windows.

use super::*;
use crate::api::ServiceTierSpec;
use crate::domain::foresight::risks::Risk;

/// A day's row for a service level.
fn day(date: &str, good: i64, all: i64) -> Row {
    row(&format!("{date}T08:00Z"), &format!("{date}T09:00Z"), &[("answeredWithin", good), ("answered", all)])
}

#[test]
fn a_target_that_changes_inside_a_period_is_the_mean_weighted_with_the_denominators() {
    let scheduled = "kpi: ServiceLevel\nvariant: AnsweredOnly\nobjective: {target: 80, schedule: [{from: 2026-02-01, target: 95}, {from: 2026-01-21, target: 90}]}";
    for (rounding, rows, target, verdict) in [
        // 300 at 80 and 100 at 90: 82.5.
        ("", vec![day("2026-01-10", 240, 300), day("2026-01-25", 90, 100)], "82.5", Verdict::Met),
        ("rounding: {decimals: 0}", vec![day("2026-01-10", 240, 300), day("2026-01-25", 90, 100)], "83", Verdict::Met),
        ("", vec![day("2026-01-10", 80, 100)], "80", Verdict::Met),
        ("", vec![day("2026-01-25", 80, 100)], "90", Verdict::Missed),
        ("", vec![day("2026-01-20", 80, 100), day("2026-01-21", 80, 100)], "85", Verdict::Missed),
        ("", vec![], "90", Verdict::NoData),
    ] {
        let kpi = format!("{scheduled}\n{rounding}");
        let judgement = Case::new(terms(CONTRACT, &[("sl", &kpi)]), rows.clone()).judge("2026-02-01T00:00Z");
        let line = line(&judgement, "2026-01", "sl");
        assert_eq!((line.target.as_deref(), line.verdict), (Some(target), verdict), "{rounding} {}", rows.len());
    }
    let judgement =
        Case::new(terms(CONTRACT, &[("sl", scheduled)]), vec![day("2026-02-10", 92, 100)]).judge("2026-03-01T00:00Z");
    assert_eq!(line(&judgement, "2026-02", "sl").target.as_deref(), Some("95"));
}

#[test]
fn relief_shows_both_values_and_excuses_what_it_explains() {
    let relief = |more: &str| {
        format!(
            "{}relief: [{{name: cut, cause: ForceMajeure, from: 2026-01-10T00:00Z, to: 2026-01-11T00:00Z, {more}}}]",
            flat(CONTRACT)
        )
    };
    let accepted = "decision: Accepted";
    for (more, rows, minimum, verdict, raw, value, excused) in [
        (
            accepted,
            vec![day("2026-01-10", 10, 100), day("2026-01-12", 90, 100)],
            1,
            Verdict::Excused,
            Some("50"),
            Some("90"),
            true,
        ),
        (
            accepted,
            vec![day("2026-01-10", 10, 100), day("2026-01-12", 70, 100)],
            1,
            Verdict::Missed,
            Some("40"),
            Some("70"),
            true,
        ),
        (
            accepted,
            vec![day("2026-01-10", 100, 100), day("2026-01-12", 70, 100)],
            1,
            Verdict::Met,
            Some("85"),
            Some("70"),
            true,
        ),
        (accepted, vec![day("2026-01-10", 10, 100)], 1, Verdict::Excused, Some("10"), None, true),
        (
            accepted,
            vec![day("2026-01-10", 10, 100), day("2026-01-12", 90, 100)],
            150,
            Verdict::InsufficientVolume,
            Some("50"),
            Some("90"),
            true,
        ),
        (accepted, vec![day("2026-01-10", 10, 100)], 150, Verdict::Excused, Some("10"), None, true),
        (accepted, vec![day("2026-01-12", 70, 100)], 1, Verdict::Missed, Some("70"), Some("70"), false),
        (accepted, vec![], 1, Verdict::NoData, None, None, false),
        ("decision: Rejected", vec![day("2026-01-10", 10, 100)], 1, Verdict::Missed, Some("10"), Some("10"), false),
        ("decision: Claimed", vec![day("2026-01-10", 10, 100)], 1, Verdict::Missed, Some("10"), Some("10"), false),
        (
            "decision: Accepted, kpis: [other]",
            vec![day("2026-01-10", 10, 100)],
            1,
            Verdict::Missed,
            Some("10"),
            Some("10"),
            false,
        ),
        (
            "decision: Accepted, labels: {site: cebu}",
            vec![day("2026-01-10", 10, 100)],
            1,
            Verdict::Missed,
            Some("10"),
            Some("10"),
            false,
        ),
        (
            "decision: Accepted, labels: {site: cebu}",
            vec![day("2026-01-10", 10, 100).labelled("site", "cebu"), day("2026-01-12", 90, 100)],
            1,
            Verdict::Excused,
            Some("50"),
            Some("90"),
            true,
        ),
        // Decided only later.
        (
            "decision: Accepted, decidedAt: 2026-02-02T00:00Z",
            vec![day("2026-01-10", 10, 100)],
            1,
            Verdict::Missed,
            Some("10"),
            Some("10"),
            false,
        ),
    ] {
        let contract = relief(more);
        let kpi = format!("{}minimum: {{volume: {minimum}}}", flat(SERVICE_LEVEL));
        let judgement = Case::new(terms(&contract, &[("sl", &kpi)]), rows).judge("2026-02-01T00:00Z");
        let line = line(&judgement, "2026-01", "sl");
        assert_eq!(
            (line.verdict, line.raw_value.as_deref(), line.value.as_deref()),
            (verdict, raw, value),
            "{more} {minimum}"
        );
        assert_eq!(!line.excused_by.is_empty(), excused, "{more}");
        assert_eq!(line.denominator.is_some(), value.is_some(), "{more}");
    }
}

#[test]
fn a_survey_below_its_response_rate_is_not_judged() {
    // DfE: 82 % satisfied at a response rate of 35 % does not count; 40 % are needed.
    let kpi = "kpi: CustomerSatisfaction\nobjective: {target: 80}\nminimum: {responseRatePercent: 40}";
    for (offered, verdict) in
        [(Some(286), Verdict::InsufficientVolume), (Some(250), Verdict::Met), (None, Verdict::InsufficientVolume)]
    {
        let mut measures = vec![("satisfied", 82), ("surveyResponses", 100)];
        measures.extend(offered.map(|offered| ("surveysOffered", offered)));
        let rows = vec![row("2026-01-15T00:00Z", "2026-01-16T00:00Z", &measures)];
        let judgement = Case::new(terms(CONTRACT, &[("csat", kpi)]), rows).judge("2026-02-01T00:00Z");
        assert_eq!(line(&judgement, "2026-01", "csat").verdict, verdict, "{offered:?}");
    }
}

#[test]
fn a_target_inside_the_margin_of_error_is_inconclusive() {
    // Wilson at 95 % of 760 of 1,000: 73.26 to 78.54.
    for (target, verdict) in
        [("73", Verdict::Met), ("74", Verdict::Inconclusive), ("78", Verdict::Inconclusive), ("80", Verdict::Missed)]
    {
        let kpi = format!(
            "kpi: ServiceLevel\nvariant: AnsweredOnly\nobjective: {{target: {target}}}\nconfidence: {{verdict: MarginOfError}}\nbands: [{{severity: Minor, percent: 1}}]"
        );
        let judgement =
            Case::new(terms(CONTRACT, &[("sl", &kpi)]), vec![month("2026-01", 760, 1000)]).judge("2026-02-01T00:00Z");
        let line = line(&judgement, "2026-01", "sl");
        assert_eq!(line.verdict, verdict, "{target}");
        assert_eq!(line.credit.as_deref() == Some("1000.00"), verdict == Verdict::Missed, "{target}");
    }
}

#[test]
fn tiers_are_judged_by_their_own_targets_and_cost_nothing() {
    let mut terms = terms(
        CONTRACT,
        &[(
            "sl",
            &format!(
                "{}rounding: {{decimals: 1}}\nminimum: {{volume: 350}}\nbands: [{{severity: Minor, percent: 1}}]",
                flat(SERVICE_LEVEL)
            ),
        )],
    );
    let tier = |yaml: &str| serde_saphyr::from_str::<ServiceTierSpec>(yaml).unwrap().into();
    terms.tiers.insert("platinum".into(), tier("rank: 1\ntargets: [{kpi: ServiceLevel, target: 90}]"));
    terms.tiers.insert("gold".into(), tier("rank: 2"));
    terms.tiers.insert("standard".into(), tier("rank: 3"));
    let rows = vec![
        day("2026-01-10", 88, 100).labelled("tier", "platinum"),
        day("2026-01-10", 79, 100).labelled("tier", "gold"),
        day("2026-01-10", 190, 200),
    ];
    let judgement = Case::new(terms, rows).judge("2026-02-01T00:00Z");
    let line = line(&judgement, "2026-01", "sl");
    let tiers: Vec<_> = line
        .tiers
        .iter()
        .map(|tier| (tier.tier.as_str(), tier.value.as_deref().unwrap(), tier.target.as_deref().unwrap(), tier.verdict))
        .collect();
    assert_eq!(tiers, [("platinum", "88.0", "90", Verdict::Missed), ("gold", "79.0", "80", Verdict::Missed)]);
    assert_eq!(
        (line.verdict, line.value.as_deref(), line.credit.as_deref()),
        (Verdict::Met, Some("89.3"), Some("0.00"))
    );
    assert_eq!(line.without_tier_percent.as_deref(), Some("50"));
    assert_eq!(judgement.kpis["sl"].tiers[0].period, "2026-01");
}

#[test]
fn longer_windows_are_judged_once_a_period_and_take_the_target_of_their_last_day() {
    let rows = vec![
        day("2026-01-10", 70, 100),
        day("2026-01-30", 80, 100),
        day("2026-02-10", 90, 100),
        day("2026-03-02", 60, 100),
    ];
    for (window, values) in [
        ("window: {type: RollingPeriods, count: 2}", ["75", "80", "75"]),
        // 28 days to the end of March begin on the 4th.
        ("window: {type: Rolling, length: 28d}", ["75", "90", ""]),
        ("window: {type: Rolling, length: 60d}", ["75", "80", "75"]),
        ("", ["75", "90", "60"]),
    ] {
        let kpi = format!(
            "kpi: ServiceLevel\nvariant: AnsweredOnly\nobjective: {{target: 80, schedule: [{{from: 2026-02-10, target: 85}}]}}\n{window}"
        );
        let judgement = Case::new(terms(CONTRACT, &[("sl", &kpi)]), rows.clone()).judge("2026-04-01T00:00Z");
        let found: Vec<_> = lines(&judgement, "sl").iter().map(|line| line.value.clone().unwrap_or_default()).collect();
        assert_eq!(found, values, "{window}");
        let target = line(&judgement, "2026-02", "sl").target.clone().unwrap();
        assert_eq!(target, "85", "{window}");
    }
}

#[test]
fn ratings_come_from_bounds_or_severity_and_the_score_from_the_way_to_the_last_bound() {
    let kpi = "kpi: ServiceLevel\nvariant: AnsweredOnly\nobjective: {target: 96}\nweight: 3\nratings: {good: 96, approaching: 90, requiresImprovement: 75}\nbands: [{severity: Minor, bound: 91}, {severity: Serious}]";
    for (value, rating, score) in [
        ("96", "Good", "100"),
        ("95", "ApproachingTarget", "85"),
        ("89", "RequiresImprovement", "25"),
        ("74.9", "Inadequate", "25"),
    ] {
        let terms = terms(
            CONTRACT,
            &[
                ("other", &format!("{}dryRun: true", flat(SERVICE_LEVEL))),
                ("sl", kpi),
                ("zz", "kpi: AbandonmentRate\nobjective: {target: 100}"),
            ],
        );
        let rows = vec![row(
            "2026-01-15T00:00Z",
            "2026-01-16T00:00Z",
            &[
                ("answeredWithin", (exact(value) * Exact::from(10)).to_i64().unwrap()),
                ("answered", 1000),
                ("abandoned", 0),
                ("offered", 1000),
            ],
        )];
        let judgement = Case::new(terms, rows).judge("2026-02-01T00:00Z");
        let report = report(&judgement, "2026-01");
        let line = line(&judgement, "2026-01", "sl");
        assert_eq!(serde_json::to_value(line.rating).unwrap(), rating, "{value}");
        assert_eq!(
            (report.score.as_deref(), report.confidence.as_deref(), report.rating),
            (Some(score), Some("100"), line.rating),
            "{value}"
        );
    }
}

#[test]
fn the_running_period_is_projected_and_warns() {
    let weekly = |values: &[(i64, i64)]| -> Vec<Row> {
        values
            .iter()
            .enumerate()
            .map(|(place, (good, all))| {
                let (start, end) =
                    (format!("2026-01-{:02}T00:00Z", place + 1), format!("2026-01-{:02}T00:00Z", place + 2));
                row(&start, &end, &[("answeredWithin", *good), ("answered", *all)])
            })
            .collect()
    };
    let case = |kpi: &str, rows| {
        Case::new(terms(CONTRACT, &[("sl", kpi)]), rows).judge("2026-01-11T00:00Z").kpis["sl"].clone()
    };
    let missing = case(SERVICE_LEVEL, weekly(&[(75, 100); 10]));
    let current = missing.current.unwrap();
    // Ten days of 100 went, 21 remain: 2,100 more. Needed: (0.8 · 3,100 − 750) / 2,100.
    assert_eq!(current.needed.as_deref(), Some("82.4"));
    assert_eq!(current.budget_remaining.as_deref(), Some("370"));
    assert_eq!(
        (current.value.as_deref(), current.lower.as_deref(), current.as_of),
        (Some("75"), Some("72.2"), Some(instant("2026-01-11T00:00Z")))
    );
    assert_eq!(current.outlook, Some(crate::api::kpi_target::Outlook::Open));
    assert!(matches!(missing.risk, Risk::ProjectedMiss { .. }), "{:?}", missing.risk);
    let met = weekly(&[(85, 100); 10]);
    assert_eq!(case(SERVICE_LEVEL, met.clone()).risk, Risk::OnTrack);
    let below = format!("{}warning: {{below: 86}}", flat(SERVICE_LEVEL));
    assert!(matches!(case(&below, met).risk, Risk::BelowWarning { .. }));
    let few = format!("{}minimum: {{volume: 5000}}", flat(SERVICE_LEVEL));
    assert_eq!(case(&few, weekly(&[(75, 100); 10])).risk, Risk::OnTrack);
    let burn = format!("{}warning: {{projected: false, burn: true}}", flat(SERVICE_LEVEL));
    assert!(matches!(case(&burn, weekly(&[(0, 100); 10])).risk, Risk::BudgetBurn { .. }));
    assert_eq!(case(SERVICE_LEVEL, vec![]).risk, Risk::NoData);
}

#[test]
fn rows_count_once_they_are_mature() {
    let kpi = format!("{}maturity: 7d", flat(SERVICE_LEVEL));
    let case =
        Case::new(terms(CONTRACT, &[("sl", &kpi)]), vec![day("2026-01-10", 70, 100), day("2026-01-28", 90, 100)]);
    for (now, value, next) in [
        ("2026-01-17T08:59:59Z", None, "2026-01-17T09:00:00Z"),
        ("2026-01-17T09:00:00Z", Some("70"), "2026-01-28T09:00:00Z"),
    ] {
        let judgement = case.judge(now);
        assert_eq!(judgement.kpis["sl"].current.as_ref().unwrap().value.as_deref(), value, "{now}");
        assert_eq!(judgement.next, Some(instant(next)), "{now}");
    }
    for (now, value) in [("2026-02-01T00:00Z", "70"), ("2026-02-04T09:00:00Z", "80")] {
        assert_eq!(line(&case.judge(now), "2026-01", "sl").value.as_deref(), Some(value), "{now}");
    }
}

#[test]
fn a_denominator_below_zero_counts_as_missing_data_and_is_reported() {
    // More callers gave up early than called at all: answered + abandoned − abandonedWithin is −10.
    let kpi = "kpi: ServiceLevel\nvariant: ExcludeAbandonedWithin\nobjective: {target: 80}";
    let broken = || {
        row(
            "2026-01-15T00:00Z",
            "2026-01-16T00:00Z",
            &[("answeredWithin", 5), ("answered", 10), ("abandoned", 30), ("abandonedWithin", 50)],
        )
    };
    let judgement = Case::new(terms(CONTRACT, &[("sl", kpi)]), vec![broken()]).judge("2026-02-01T00:00Z");
    let line = line(&judgement, "2026-01", "sl");
    assert_eq!((line.verdict, line.value.as_deref(), line.denominator.as_deref()), (Verdict::NoData, None, None));
    assert!(judgement.kpis["sl"].negative_volume);
    // A good day beside it makes the sum positive: judged, and nothing to send.
    let good = row(
        "2026-01-17T00:00Z",
        "2026-01-18T00:00Z",
        &[("answeredWithin", 90), ("answered", 100), ("abandoned", 0), ("abandonedWithin", 0)],
    );
    let judgement = Case::new(terms(CONTRACT, &[("sl", kpi)]), vec![broken(), good]).judge("2026-02-01T00:00Z");
    assert_eq!(super::line(&judgement, "2026-01", "sl").denominator.as_deref(), Some("90"));
    assert!(!judgement.kpis["sl"].negative_volume);
}

#[test]
fn what_is_projected_has_the_decimals_of_the_kpi_and_one_without_rounding() {
    for (rounding, projected) in [("", "33.3"), ("rounding: {decimals: 2}", "33.33"), ("rounding: {decimals: 0}", "33")]
    {
        let kpi = format!("kpi: AverageHandleTime\nobjective: {{comparison: AtMost, target: 40}}\n{rounding}");
        let rows = vec![row("2026-01-05T00:00Z", "2026-01-06T00:00Z", &[("handleSeconds", 100), ("handled", 3)])];
        let judgement = Case::new(terms(CONTRACT, &[("aht", &kpi)]), rows).judge("2026-01-06T00:00Z");
        let current = judgement.kpis["aht"].current.clone().unwrap();
        assert_eq!(current.projected.as_deref(), Some(projected), "{rounding}");
        assert_eq!(current.outlook, Some(crate::api::kpi_target::Outlook::Open));
    }
}
