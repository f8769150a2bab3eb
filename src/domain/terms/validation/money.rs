//! Charges, credits, points and caps of a contract.

use super::checks::{
    Findings, Units, check_count, check_non_negative, check_percent, check_range, check_unique, check_units, quoted,
};
use super::consequences::check_repeats;
use crate::api::vendor_contract::{Charges, Credits, PointsToMoney, RampStep, VendorContractSpec};

/// Whether a text has the form of a currency's code.
pub(super) fn is_currency_code(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

pub(super) fn check_charges(findings: &mut Findings, charges: &Charges, spec: &VendorContractSpec) {
    findings.ensure(is_currency_code(&charges.currency), "spec.charges.currency", || {
        format!("{} is not a currency: write its three letters by ISO 4217, such as GBP", quoted(&charges.currency))
    });
    charges.amount.into_iter().for_each(|amount| check_non_negative(findings, "spec.charges.amount", amount));
    if let Some(percent) = charges.at_risk_percent {
        check_percent(findings, "spec.charges.atRiskPercent", percent);
    }
    let field = "spec.charges.atRiskAmount";
    charges.at_risk_amount.into_iter().for_each(|amount| check_non_negative(findings, field, amount));
    findings.ensure(charges.at_risk_percent.is_none() || charges.at_risk_amount.is_none(), field, || {
        "sets the amount at risk a second time: write atRiskPercent or atRiskAmount".to_owned()
    });
    let has_amount = charges.amount.is_some();
    findings.ensure(has_amount || charges.at_risk_percent.is_none(), "spec.charges.atRiskPercent", || {
        "is a percentage of charges.amount, which is missing: add `amount`, or write atRiskAmount instead".to_owned()
    });
    findings.ensure(has_amount || charges.schedule.is_empty(), "spec.charges.schedule", || {
        "changes charges.amount, which is missing: add `amount`".to_owned()
    });
    check_count(findings, "spec.charges.schedule", charges.schedule.len(), 100);
    check_unique(findings, "spec.charges.schedule", charges.schedule.iter().map(|change| change.from));
    for change in &charges.schedule {
        check_non_negative(findings, "spec.charges.schedule", change.amount);
        let (from, start) = (change.from, spec.term.start);
        findings.ensure(from >= start, "spec.charges.schedule", || {
            format!(
                "{from} lies before the term begins on {start}: write a day of the term, or put the amount in charges.amount"
            )
        });
    }
}

pub(super) fn check_credits(findings: &mut Findings, credits: &Credits, charges: Option<&Charges>) {
    let has_amount = charges.is_some_and(|charges| charges.amount.is_some());
    if let Some(points) = &credits.points {
        check_points(findings, points);
        findings.ensure(has_amount, "spec.credits.points", || {
            "turns points into percentages of the charges, and there are none: add charges with currency and amount"
                .to_owned()
        });
        findings.ensure(
            points.repeat_multiplier.is_none() || credits.repeats.is_empty(),
            "spec.credits.repeats",
            || "says a second time what repeats cost: write credits.repeats or points.repeatMultiplier".to_owned(),
        );
    }
    check_year_cap(findings, credits, charges);
    check_repeats(findings, "spec.credits.repeats", &credits.repeats);
    check_ramp(findings, &credits.ramp);
    if let Some(earn_back) = &credits.earn_back {
        check_range(findings, "spec.credits.earnBack.within", earn_back.within, 1, 24);
    }
}

fn check_year_cap(findings: &mut Findings, credits: &Credits, charges: Option<&Charges>) {
    if let Some(percent) = credits.year_cap_percent {
        check_percent(findings, "spec.credits.yearCapPercent", percent);
        let is_percentage_of_nothing = charges.is_some_and(|charges| charges.amount.is_none());
        findings.ensure(!is_percentage_of_nothing, "spec.credits.yearCapPercent", || {
            "is a percentage of charges.amount, which is missing: add `amount`, or write yearCapAmount instead"
                .to_owned()
        });
    }
    let field = "spec.credits.yearCapAmount";
    let Some(amount) = credits.year_cap_amount else { return };
    check_non_negative(findings, field, amount);
    findings.ensure(credits.year_cap_percent.is_none(), field, || {
        "sets the cap of the year a second time: write yearCapPercent or yearCapAmount".to_owned()
    });
    findings.ensure(charges.is_some(), field, || {
        "is money, and the contract names no currency: add charges, such as charges: {currency: GBP}".to_owned()
    });
}

fn check_points(findings: &mut Findings, points: &PointsToMoney) {
    let field = "spec.credits.points";
    findings.ensure(points.table.is_some() != points.per_point_percent.is_some(), field, || {
        "holds not exactly one way: write exactly one of table, perPointPercent".to_owned()
    });
    if let Some(percent) = points.per_point_percent {
        check_non_negative(findings, "spec.credits.points.perPointPercent", percent);
    }
    if let Some(multiplier) = points.repeat_multiplier {
        check_range(findings, "spec.credits.points.repeatMultiplier", multiplier, 1, 100);
    }
    let Some(table) = &points.table else { return };
    let field = "spec.credits.points.table";
    findings.ensure(!table.is_empty(), field, || {
        "is empty: write at least one row, such as {points: 10, percent: 2}".to_owned()
    });
    check_count(findings, field, table.len(), 50);
    check_unique(findings, field, table.iter().map(|row| row.points));
    let mut rows: Vec<_> = table.iter().collect();
    rows.sort_by_key(|row| row.points);
    for row in &rows {
        check_range(findings, field, row.points, 0, 1_000_000);
        check_non_negative(findings, field, row.percent);
    }
    for (fewer, more) in rows.iter().zip(rows.iter().skip(1)) {
        findings.ensure(fewer.points == more.points || fewer.percent < more.percent, field, || {
            format!(
                "takes {} % from {} points on and {} % from {} on: write a higher percent for more points",
                fewer.percent, fewer.points, more.percent, more.points
            )
        });
    }
}

fn check_ramp(findings: &mut Findings, ramp: &[RampStep]) {
    let field = "spec.credits.ramp";
    check_count(findings, field, ramp.len(), 10);
    for step in ramp {
        check_units(findings, field, step.until, Units::Civil);
    }
    for (earlier, later) in ramp.iter().zip(ramp.iter().skip(1)) {
        let rises = earlier.until.seconds() < later.until.seconds();
        findings.ensure(rises, field, || {
            format!("has {} before {}: write the steps in order, each `until` later", earlier.until, later.until)
        });
    }
}
