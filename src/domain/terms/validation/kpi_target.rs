//! What a KpiTarget must hold to by itself.

use rust_decimal::Decimal as Number;

use super::checks::{
    Findings, Units, check_count, check_labels, check_non_negative, check_percent, check_range, check_unique,
    check_units, quoted,
};
use super::consequences;
use crate::api::KpiTargetSpec;
use crate::api::kpi_target::{Band, Better, FormulaUnit, Objective, Window, WindowType};
use crate::api::scalar::Decimal;
use crate::api::verdict::Comparison;
use crate::domain::terms::catalogue;
use crate::domain::terms::thresholds::counts_within;

pub(super) fn check(findings: &mut Findings, spec: &KpiTargetSpec) {
    let name = findings.name().to_owned();
    findings.ensure(name.len() <= 63 && !name.contains('.'), "metadata.name", || {
        format!("{} cannot be a label's value: choose a name of at most 63 characters without dots", quoted(&name))
    });
    check_figure(findings, spec);
    check_labels(findings, "spec.source.labels", &spec.source.labels);
    check_cross_check(findings, spec);
    check_objective(findings, spec);
    check_bands(findings, spec);
    check_bonus_and_ratings(findings, spec);
    consequences::check_price(findings, spec, comparison(spec));
    consequences::check_repeats(findings, "spec.repeats", &spec.repeats);
    check_non_negative(findings, "spec.weight", spec.weight);
    if let Some(window) = &spec.window {
        check_window(findings, window);
    }
    check_measurement(findings, spec);
    check_tally(findings, spec);
    check_within(findings, spec);
    findings.ensure(spec.counter_metric.as_ref() != Some(&name), "spec.counterMetric", || {
        format!("{} cannot guard itself: name another KpiTarget of the contract", quoted(&name))
    });
}

/// How a value is compared: as the objective says, or by the KPI's direction; `None` where a Range KPI names nothing.
pub(super) fn comparison(spec: &KpiTargetSpec) -> Option<Comparison> {
    spec.objective.comparison.or(match better(spec) {
        Better::Higher => Some(Comparison::AtLeast),
        Better::Lower => Some(Comparison::AtMost),
        Better::Range => None,
    })
}

fn better(spec: &KpiTargetSpec) -> Better {
    catalogue::better_value(spec)
}

fn is_percent(spec: &KpiTargetSpec) -> bool {
    catalogue::unit_of_value(spec) == FormulaUnit::Percent
}

fn check_figure(findings: &mut Findings, spec: &KpiTargetSpec) {
    findings.extend(catalogue::definition(spec).err().unwrap_or_default());
    let Some(formula) = &spec.formula else { return };
    if let Some(scale) = formula.scale {
        findings.ensure(scale.0 > Number::ZERO, "spec.formula.scale", || {
            format!("{scale} is not above 0: write what the quotient is multiplied by, such as 100 for percent")
        });
    }
}

fn check_objective(findings: &mut Findings, spec: &KpiTargetSpec) {
    let Objective { target, upper, stretch, ref schedule, .. } = spec.objective;
    let comparison = comparison(spec);
    findings.ensure(comparison.is_some(), "spec.objective.comparison", || {
        format!(
            "is missing: {} is better neither high nor low, so write AtLeast, MoreThan, AtMost, LessThan or Between",
            spec.kpi
        )
    });
    let is_between = comparison == Some(Comparison::Between);
    findings.ensure(is_between == upper.is_some(), "spec.objective.upper", || {
        if is_between {
            "is missing: with Between, `target` is the lower edge and `upper` the upper one".to_owned()
        } else {
            "belongs to comparison Between: write Between, or take `upper` away".to_owned()
        }
    });
    check_count(findings, "spec.objective.schedule", schedule.len(), 100);
    check_unique(findings, "spec.objective.schedule", schedule.iter().map(|change| change.from));
    if let (true, Some(upper)) = (is_between, upper) {
        let targets = schedule.iter().map(|change| change.target).chain([target]);
        for target in targets {
            findings.ensure(target < upper, "spec.objective.upper", || {
                format!("{upper} is not above the target {target}: write a higher `upper`")
            });
        }
    }
    if let Some(stretch) = stretch {
        let fits = comparison.is_none_or(|comparison| is_not_worse(comparison, stretch, target));
        findings.ensure(fits, "spec.objective.stretch", || no_better_than("stretch", stretch, target, is_between));
    }
}

fn no_better_than(what: &str, value: Decimal, target: Decimal, is_between: bool) -> String {
    if is_between {
        format!("{what} has no direction with Between, where no value is better than another: take it away")
    } else {
        format!("{value} is worse than the target {target}: write a value that is at least as good")
    }
}

/// Whether `value` is as good as `other` or better; with `Between`, where nothing is better, never.
fn is_not_worse(comparison: Comparison, value: Decimal, other: Decimal) -> bool {
    match comparison {
        Comparison::AtLeast | Comparison::MoreThan => value >= other,
        Comparison::AtMost | Comparison::LessThan => value <= other,
        Comparison::Between => false,
    }
}

fn check_bands(findings: &mut Findings, spec: &KpiTargetSpec) {
    check_count(findings, "spec.bands", spec.bands.len(), 4);
    check_unique(findings, "spec.bands", spec.bands.iter().map(|band| band.severity.to_string()));
    for band in &spec.bands {
        check_band(findings, band, is_percent(spec));
    }
    match comparison(spec) {
        Some(Comparison::Between) => {
            let fits = spec.bands.len() <= 1 && spec.bands.iter().all(|band| band.bound.is_none());
            findings.ensure(fits, "spec.bands", || {
                "has bounds or several bands: with Between, write one band without `bound`".to_owned()
            });
        }
        Some(comparison) => check_bounds(findings, spec, comparison),
        None => {}
    }
}

fn check_band(findings: &mut Findings, band: &Band, is_percent: bool) {
    let field = format!("spec.bands[{}]", band.severity);
    let consequences = [
        band.points.is_some(),
        band.at_risk_percent.is_some(),
        band.percent.is_some(),
        band.credit.is_some(),
        band.proportional == Some(true),
    ];
    findings.ensure(consequences.iter().filter(|is_given| **is_given).count() <= 1, &field, || {
        "has several consequences: write at most one of points, atRiskPercent, percent, credit, proportional".to_owned()
    });
    findings.ensure(band.proportional != Some(true) || is_percent, &field, || {
        "`proportional` needs a KPI in percent: write points, atRiskPercent, percent or credit".to_owned()
    });
    band.points.into_iter().for_each(|points| check_range(findings, &field, points, 0, 1_000_000));
    for amount in [band.at_risk_percent, band.percent, band.credit].into_iter().flatten() {
        check_non_negative(findings, &field, amount);
    }
}

fn check_bounds(findings: &mut Findings, spec: &KpiTargetSpec, comparison: Comparison) {
    let mut bands: Vec<&Band> = spec.bands.iter().collect();
    bands.sort_by_key(|band| band.severity);
    let targets: Vec<Decimal> =
        spec.objective.schedule.iter().map(|change| change.target).chain([spec.objective.target]).collect();
    for band in &bands {
        let Some(bound) = band.bound else { continue };
        let is_beyond = targets.iter().any(|target| !is_not_worse(comparison, bound, *target));
        findings.ensure(is_beyond, format!("spec.bands[{}].bound", band.severity), || {
            format!("{bound} is not a miss of the target {}: write the worst value of the band", spec.objective.target)
        });
    }
    for (milder, graver) in bands.iter().zip(bands.iter().skip(1)) {
        let field = format!("spec.bands[{}].bound", milder.severity);
        let Some(bound) = milder.bound else {
            findings.ensure(false, field, || {
                format!(
                    "is missing, so that {} would never be reached: only the gravest band may go without",
                    graver.severity
                )
            });
            continue;
        };
        let fits = graver.bound.is_none_or(|worse| !is_not_worse(comparison, worse, bound));
        findings.ensure(fits, field, || {
            format!("{bound} is not milder than that of {}: write worse bounds for graver bands", graver.severity)
        });
    }
}

fn check_bonus_and_ratings(findings: &mut Findings, spec: &KpiTargetSpec) {
    let comparison = comparison(spec);
    let is_between = comparison == Some(Comparison::Between);
    if let Some(bonus) = &spec.bonus {
        let fits = comparison.is_none_or(|comparison| is_not_worse(comparison, bonus.from, spec.objective.target));
        findings
            .ensure(fits, "spec.bonus.from", || no_better_than("bonus", bonus.from, spec.objective.target, is_between));
        consequences::check_bonus(findings, bonus);
    }
    if let Some(ratings) = &spec.ratings {
        let fits = comparison.is_none_or(|comparison| {
            is_not_worse(comparison, ratings.good, ratings.approaching)
                && is_not_worse(comparison, ratings.approaching, ratings.requires_improvement)
        });
        findings.ensure(fits, "spec.ratings", || {
            if is_between {
                "has no direction with Between: take `ratings` away; the rating then comes from the severity".to_owned()
            } else {
                "is out of order: write `good` best, then `approaching`, then `requiresImprovement`".to_owned()
            }
        });
    }
}

fn check_window(findings: &mut Findings, window: &Window) {
    let is_rolling = window.type_ == WindowType::Rolling;
    findings.ensure(is_rolling == window.length.is_some(), "spec.window.length", || {
        "belongs to type Rolling, which needs it: write {type: Rolling, length: 28d}".to_owned()
    });
    let counts = window.type_ == WindowType::RollingPeriods;
    findings.ensure(counts == window.count.is_some(), "spec.window.count", || {
        "belongs to type RollingPeriods, which needs it: write {type: RollingPeriods, count: 3}".to_owned()
    });
    if let Some(length) = window.length {
        check_units(findings, "spec.window.length", length, Units::Real);
        findings.ensure(length.amount > 0, "spec.window.length", || {
            "is 0: write the span that is judged, such as 28d".to_owned()
        });
    }
    window.count.into_iter().for_each(|count| check_range(findings, "spec.window.count", count, 2, 24));
}

fn check_tally(findings: &mut Findings, spec: &KpiTargetSpec) {
    let Some(tally) = &spec.tally else { return };
    findings.ensure(tally.comparison != Some(Comparison::Between), "spec.tally.comparison", || {
        "is Between, which has no direction: write AtLeast, MoreThan, AtMost or LessThan".to_owned()
    });
    let is_longer = spec.window.as_ref().is_some_and(|window| window.type_ != WindowType::Period);
    for (what, is_given) in [
        ("confidence", spec.confidence.is_some()),
        ("counterMetric", spec.counter_metric.is_some()),
        ("objective.schedule", !spec.objective.schedule.is_empty()),
        ("window", is_longer),
    ] {
        findings.ensure(!is_given, "spec.tally", || {
            format!("counts parts of one period, and {what} does not fit that: take `{what}` away")
        });
    }
}

fn check_cross_check(findings: &mut Findings, spec: &KpiTargetSpec) {
    let Some(rule) = &spec.source.cross_check else { return };
    let field = "spec.source.crossCheck";
    findings.ensure(rule.feed != spec.source.feed, format!("{field}.feed"), || {
        format!(
            "{} is the vendor's feed too: name the feed with the client's own figures, such as ours",
            quoted(&rule.feed)
        )
    });
    check_labels(findings, &format!("{field}.labels"), &rule.labels);
    check_non_negative(findings, &format!("{field}.tolerance"), rule.tolerance);
    let of_deliverables =
        catalogue::entry(spec.kpi).is_some_and(|entry| entry.origin == catalogue::Origin::Deliverables);
    findings.ensure(spec.tally.is_none() && !of_deliverables, field, || {
        "compares values of two feeds: take it away, or take `tally` away; KPIs of deliverables have no feed".to_owned()
    });
}

fn check_within(findings: &mut Findings, spec: &KpiTargetSpec) {
    let Some(within) = spec.within else { return };
    check_units(findings, "spec.within", within, Units::Technical);
    findings
        .ensure(within.amount > 0, "spec.within", || "is 0: write the time that was agreed, such as 20s".to_owned());
    let counts = catalogue::definition(spec).is_ok_and(|found| found.measures().iter().any(|one| counts_within(one)));
    findings.ensure(counts, "spec.within", || {
        "belongs to KPIs that count what happens within a time: ServiceLevel, LongWaitRate, or a formula with a measure such as answeredWithin".to_owned()
    });
}

fn check_measurement(findings: &mut Findings, spec: &KpiTargetSpec) {
    if let Some(rounding) = &spec.rounding {
        check_range(findings, "spec.rounding.decimals", rounding.decimals, 0, 6);
    }
    if let Some(minimum) = &spec.minimum {
        let most = 1_000_000_000_000;
        minimum.volume.into_iter().for_each(|volume| check_range(findings, "spec.minimum.volume", volume, 1, most));
        let field = "spec.minimum.responseRatePercent";
        minimum.response_rate_percent.into_iter().for_each(|percent| check_percent(findings, field, percent));
    }
    if let Some(confidence) = &spec.confidence {
        check_range(findings, "spec.confidence.level", confidence.level, 50, 99);
    }
    for (field, duration) in [
        ("spec.maturity", spec.maturity),
        ("spec.missingData.after", spec.missing_data.as_ref().map(|missing| missing.after)),
    ] {
        duration.into_iter().for_each(|duration| check_units(findings, field, duration, Units::Real));
    }
    if let Some((low, high)) = spec.benchmark.as_ref().and_then(|benchmark| benchmark.low.zip(benchmark.high)) {
        findings.ensure(low <= high, "spec.benchmark", || {
            format!("goes from {low} to {high}: write a `low` that is not above `high`")
        });
    }
}
