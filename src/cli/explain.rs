//! `kubectl bpo explain`: how each figure of a report came about, line by line: rows → sums → value → target → band → points
//! → money → caps.

use std::fmt::Write;

use crate::api::consequence::{Price, PriceCount, PriceSteps};
use crate::api::kpi_target::{Band, Comparison, KpiTargetSpec, Verdict};
use crate::api::sla_report::{CreditBlock, KpiLine, SlaReportSpec};
use crate::domain::catalogue::definition;
use crate::domain::facts::Terms;

/// The report in words. `terms` are those of the contract, where they are at hand: they name formulas and bands.
pub fn explain(name: &str, report: &SlaReportSpec, terms: Option<&Terms>) -> String {
    let mut text = String::new();
    // Writing into a String cannot fail.
    let _ = writeln!(text, "{name}: {} of contract {}", report.period.name, report.contract);
    let _ = writeln!(
        text,
        "  from {} to {}, {:?}, revision {}, data without a gap through {}",
        report.period.start,
        report.period.end,
        report.state,
        report.revision,
        report.data_through.map_or_else(|| "nothing".to_owned(), |instant| instant.to_string()),
    );
    for line in &report.kpis {
        let spec = terms.and_then(|terms| terms.kpis.get(&line.name));
        text.push('\n');
        text.push_str(&explain_line(line, spec));
    }
    text.push('\n');
    text.push_str(&explain_score(report));
    if let Some(credit) = &report.credit {
        text.push_str(&explain_money(report, credit));
    }
    text
}

fn explain_line(line: &KpiLine, spec: Option<&KpiTargetSpec>) -> String {
    let mut text = String::new();
    let variant = line.variant.map(|variant| format!(" ({variant})")).unwrap_or_default();
    let _ = writeln!(text, "{}: {}{variant}, {:?} class, weight {}", line.name, line.kpi, line.class, line.weight);
    let _ = writeln!(text, "  rows      {} selected, digest {}", line.evidence.rows, line.evidence.digest);
    if let Some(definition) = spec.and_then(|spec| definition(spec).ok()) {
        let (numerator, denominator) = (&definition.numerator, &definition.denominator);
        let a_year = if definition.annualised { " × 12 / months of the window (days / 30.4375)" } else { "" };
        let _ = writeln!(text, "  formula   ({numerator}) / ({denominator}) × {}{a_year}", definition.scale.show(6));
    }
    match (&line.numerator, &line.denominator) {
        (Some(numerator), Some(denominator)) => {
            let _ = writeln!(text, "  sums      {numerator} / {denominator}");
        }
        _ => text.push_str("  sums      none: no row has the measures of the formula\n"),
    }
    explain_value(&mut text, line, spec);
    let sign = match line.comparison {
        Comparison::AtLeast => "at least",
        Comparison::MoreThan => "more than",
        Comparison::AtMost => "at most",
        Comparison::LessThan => "less than",
        Comparison::Between => "between",
    };
    let upper = line.upper.as_ref().map(|upper| format!(" and {upper}")).unwrap_or_default();
    let _ = writeln!(text, "  target    {sign} {}{upper}", line.target.as_deref().unwrap_or("none"));
    let severity = line.severity.map(|severity| format!(", {severity:?}")).unwrap_or_default();
    let _ = writeln!(text, "  verdict   {}{severity}", line.verdict);
    if line.verdict == Verdict::Missed {
        explain_consequence(&mut text, line, spec);
    }
    if let Some(bonus) = line.bonus.as_ref().filter(|bonus| !is_zero(bonus)) {
        let _ = writeln!(text, "  bonus     {bonus}");
    }
    text
}

fn explain_value(text: &mut String, line: &KpiLine, spec: Option<&KpiTargetSpec>) {
    let (Some(raw), Some(value)) = (&line.raw_value, &line.value) else {
        if let Some(raw) = &line.raw_value {
            let _ = writeln!(text, "  value     {raw} over all rows, nothing is left after relief");
        }
        return;
    };
    let rounding = spec.and_then(|spec| spec.rounding.as_ref()).map_or_else(
        || "compared unrounded".to_owned(),
        |rounding| format!("rounded {:?} to {} decimals before any comparison", rounding.mode, rounding.decimals),
    );
    let _ = writeln!(text, "  value     {value}, {rounding}");
    if raw != value || !line.excused_by.is_empty() {
        let _ = writeln!(text, "  relief    {raw} over all rows; {} took rows away", line.excused_by.join(", "));
    }
}

fn explain_consequence(text: &mut String, line: &KpiLine, spec: Option<&KpiTargetSpec>) {
    let band = spec.and_then(|spec| spec.bands.iter().find(|band| Some(band.severity) == line.severity));
    let price = spec.and_then(|spec| spec.price.as_ref());
    match (band, price) {
        (Some(band), None) => text.push_str(&format!("  band      {}\n", consequence(band, line.comparison))),
        (None, None) => text.push_str("  band      no consequence is agreed\n"),
        (_, Some(price)) => {
            let _ = writeln!(text, "  price     {}", price_in_words(price));
        }
    }
    let repeat = if line.repeat { ", a repeat of the period before" } else { "" };
    let credit = line.credit.as_deref().unwrap_or("none");
    let _ = writeln!(text, "  cost      {} points{repeat}, credit {credit}", line.points);
}

/// Such as `1000 for each 5 that have begun beyond 35, at most 5000`.
fn price_in_words(price: &Price) -> String {
    let steps = match price.steps {
        PriceSteps::Started => "that have begun",
        PriceSteps::Full => "that are full",
        PriceSteps::Exact => "counted exactly",
    };
    let from = match (price.count, price.beyond) {
        (PriceCount::Numerator, _) => " of the numerator".to_owned(),
        (PriceCount::Distance, Some(beyond)) => format!(" beyond {beyond}"),
        (PriceCount::Distance, None) => " beyond the target".to_owned(),
    };
    let limit = price.up_to.map(|limit| format!(", at most {limit}")).unwrap_or_default();
    format!("{} for each {} {steps}{from}{limit}", price.amount, price.per)
}

fn consequence(band: &Band, comparison: Comparison) -> String {
    // A bound is the worst value of its band: the lowest where higher is better, the highest where lower is.
    let worse = if matches!(comparison, Comparison::AtMost | Comparison::LessThan) { "up" } else { "down" };
    let bound = band.bound.map(|bound| format!("{worse} to {bound}")).unwrap_or_else(|| "all that is worse".to_owned());
    let cost = match band {
        Band { points: Some(points), .. } => format!("{points} points"),
        Band { at_risk_percent: Some(percent), .. } => format!("{percent} % of the amount at risk"),
        Band { percent: Some(percent), .. } => format!("{percent} % of the charges"),
        Band { credit: Some(credit), .. } => format!("a credit of {credit}"),
        Band { proportional: Some(true), .. } => "the distance to the target in percent of the charges".to_owned(),
        _ => "nothing: a dead band".to_owned(),
    };
    format!("{:?} ({bound}): {cost}", band.severity)
}

fn explain_score(report: &SlaReportSpec) -> String {
    format!(
        "score       {} of 100, speaking for {} % of the weight; rating {}\n",
        report.score.as_deref().unwrap_or("none"),
        report.confidence.as_deref().unwrap_or("0"),
        report.rating.map_or_else(|| "none".to_owned(), |rating| format!("{rating:?}")),
    )
}

fn explain_money(report: &SlaReportSpec, credit: &CreditBlock) -> String {
    let mut text = String::new();
    let currency = &credit.currency;
    for line in &report.kpis {
        if let Some(amount) = line.credit.as_ref().filter(|amount| !is_zero(amount)) {
            let _ = writeln!(text, "  {amount:>14} {currency}  {}", line.name);
        }
    }
    let _ = writeln!(text, "+ {:>14} {currency}  for {} points", credit.from_points, report.points);
    let _ = writeln!(text, "= {:>14} {currency}  before caps", credit.before_caps);
    for cap in &credit.capped_by {
        let _ = writeln!(text, "  cut at the cap of the {cap:?}");
    }
    let _ = writeln!(text, "= {:>14} {currency}  credit owed by the vendor", credit.net);
    for (what, amount) in [
        ("bonus owed to the vendor", &credit.bonus),
        ("earlier credits earned back", &credit.earned_back),
        ("restated from earlier periods", &credit.restated),
        ("bonus restated from earlier periods", &credit.restated_bonus),
    ] {
        if !is_zero(amount) {
            let _ = writeln!(text, "  {amount:>14} {currency}  {what}");
        }
    }
    if let Some(year) = &report.year_to_date {
        let cap = year.cap.as_ref().map(|cap| format!(" of at most {cap}")).unwrap_or_default();
        let _ = writeln!(text, "  {:>14} {currency}  contract year to date{cap}", year.credit);
    }
    text
}

fn is_zero(amount: &str) -> bool {
    !amount.bytes().any(|byte| matches!(byte, b'1'..=b'9'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_band_reaches_to_its_worst_value() {
        let band: Band = serde_json::from_str(r#"{"severity": "Minor", "bound": 12, "points": 1}"#).unwrap();
        for (comparison, expected) in [
            (Comparison::AtLeast, "Minor (down to 12): 1 points"),
            (Comparison::MoreThan, "Minor (down to 12): 1 points"),
            (Comparison::AtMost, "Minor (up to 12): 1 points"),
            (Comparison::LessThan, "Minor (up to 12): 1 points"),
        ] {
            assert_eq!(consequence(&band, comparison), expected);
        }
    }
}
