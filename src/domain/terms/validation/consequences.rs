//! What a miss costs and a good result earns by quantity, and tables of repeated misses.

use rust_decimal::Decimal as Number;

use super::checks::{Findings, check_count, check_non_negative, check_range, check_unique};
use crate::api::KpiTargetSpec;
use crate::api::consequence::{Bonus, Price, PriceCount, RepeatRow};
use crate::api::kpi_target::{Band, MissingDataPolicy};
use crate::api::scalar::Decimal;
use crate::api::verdict::Comparison;

/// Notes a price that cannot be computed. `comparison` is `None` where a KPI does not say which way is better.
pub(super) fn check_price(findings: &mut Findings, spec: &KpiTargetSpec, comparison: Option<Comparison>) {
    let Some(price) = &spec.price else { return };
    findings.ensure(comparison != Some(Comparison::Between), "spec.price", || {
        "counts in one direction: write comparison AtLeast, MoreThan, AtMost or LessThan, or take `price` away"
            .to_owned()
    });
    findings.ensure(spec.bands.iter().all(has_no_consequence), "spec.price", || {
        "says what a miss costs, and so does a band: take the consequences of `bands` away, and leave severity and bound"
            .to_owned()
    });
    let is_miss = spec.missing_data.as_ref().is_some_and(|missing| missing.policy == MissingDataPolicy::Miss);
    findings.ensure(!is_miss || price.up_to.is_some(), "spec.price.upTo", || {
        "is missing: with missingData.policy Miss a miss without a value costs as much as that, so write it, such as upTo: 50000"
            .to_owned()
    });
    check_events(findings, price, comparison);
    check_steps(findings, "spec.price", price.amount, price.per, price.up_to);
    check_count(findings, "spec.price.schedule", price.schedule.len(), 100);
    check_unique(findings, "spec.price.schedule", price.schedule.iter().map(|change| change.from));
    for change in &price.schedule {
        check_non_negative(findings, "spec.price.schedule", change.amount);
    }
}

/// Events are counted where fewer are better, so that a good result never costs more.
fn check_events(findings: &mut Findings, price: &Price, comparison: Option<Comparison>) {
    let fewer_are_better = comparison.is_none_or(|one| matches!(one, Comparison::AtMost | Comparison::LessThan));
    let fits = price.count == PriceCount::Distance || (fewer_are_better && price.beyond.is_none());
    findings.ensure(fits, "spec.price.count", || {
        "Numerator counts events, of which fewer are better, from the first on: write it with AtMost or LessThan, and without `beyond`"
            .to_owned()
    });
}

fn has_no_consequence(band: &Band) -> bool {
    let given = [band.points.is_some(), band.at_risk_percent.is_some(), band.percent.is_some(), band.credit.is_some()];
    !given.contains(&true) && band.proportional != Some(true)
}

fn check_steps(findings: &mut Findings, field: &str, amount: Decimal, per: Decimal, up_to: Option<Decimal>) {
    check_non_negative(findings, &format!("{field}.amount"), amount);
    findings.ensure(per.0 > Number::ZERO, format!("{field}.per"), || {
        format!("{per} is not above 0: write how far one step reaches, such as 1 for each point or \"0.1\" for each tenth of one")
    });
    up_to.into_iter().for_each(|up_to| check_non_negative(findings, &format!("{field}.upTo"), up_to));
}

/// Notes a bonus that is neither an amount nor a price, or both.
pub(super) fn check_bonus(findings: &mut Findings, bonus: &Bonus) {
    findings.ensure(bonus.amount.is_some() != bonus.price.is_some(), "spec.bonus", || {
        "holds not exactly one of amount and price: write amount: 2500 for the whole, or price: {amount: 500} for each point".to_owned()
    });
    bonus.amount.into_iter().for_each(|amount| check_non_negative(findings, "spec.bonus.amount", amount));
    if let Some(price) = &bonus.price {
        check_steps(findings, "spec.bonus.price", price.amount, price.per, price.up_to);
    }
}

/// Notes a table of repeats that grows milder as misses go on: failing longer would then cost less.
pub(super) fn check_repeats(findings: &mut Findings, field: &str, repeats: &[RepeatRow]) {
    check_count(findings, field, repeats.len(), 12);
    check_unique(findings, field, repeats.iter().map(|row| row.misses));
    let mut rows: Vec<&RepeatRow> = repeats.iter().collect();
    rows.sort_by_key(|row| row.misses);
    for row in &rows {
        check_range(findings, field, row.misses, 1, 120);
        check_non_negative(findings, field, row.times);
    }
    for (fewer, more) in rows.iter().zip(rows.iter().skip(1)) {
        findings.ensure(fewer.times <= more.times, field, || {
            format!(
                "multiplies {} misses by {} and {} by {}: write a `times` that does not fall as misses go on",
                fewer.misses, fewer.times, more.misses, more.times
            )
        });
    }
}
