//! `kubectl bpo explain`: how each figure of a report came about, line by line: rows → sums → value → target → band → points
//! → money → caps. A report says itself what it was judged by; the terms as they are now help only with reports of earlier
//! versions, which do not.

use std::borrow::Cow;
use std::fmt::Write;

use crate::api::basis::{Agreed, BandBasis, Basis, CreditBasis, PriceBasis};
use crate::api::consequence::{PriceCount, PriceSteps};
use crate::api::cross_check::{SourceParty, SourcesFinding};
use crate::api::kpi_target::{Better, KpiClass, Verdict};
use crate::api::sla_report::{CreditBlock, KpiLine, SlaReportSpec};
use crate::api::vendor_contract::RampCredit;
use crate::api::verdict::Comparison;
use crate::domain::measuring::verdict::better_of;
use crate::domain::settlement::basis::basis_by_terms;
use crate::domain::terms::contract_terms::Terms;

/// The report in words. `terms` are those of the contract as they are now, where they are at hand: they explain a report that
/// does not say what it was judged by.
pub fn explain(name: &str, report: &SlaReportSpec, terms: Option<&Terms>) -> String {
    let mut text = String::new();
    // Writing into a String cannot fail.
    let _ = writeln!(text, "{name}: {} of contract {}", report.period.name, report.contract);
    let _ = writeln!(
        text,
        "  from {} to {}, {}, revision {}, data without a gap through {}",
        report.period.start,
        report.period.end,
        report.state,
        report.revision,
        report.data_through.map_or_else(|| "nothing".to_owned(), |instant| instant.to_string()),
    );
    for line in &report.kpis {
        let by_terms = || terms.and_then(|terms| basis_by_terms(line, report, terms)).map(Cow::Owned);
        let basis = line.basis.as_ref().map(Cow::Borrowed).or_else(by_terms);
        text.push('\n');
        text.push_str(&explain_line(line, basis.as_deref()));
    }
    text.push('\n');
    for dispute in &report.disputes {
        let about = dispute.kpi.as_deref().unwrap_or("the whole report");
        let _ = writeln!(text, "disputed    {} about {about}: {}", dispute.name, dispute.decision);
    }
    text.push_str(&explain_score(report));
    if let Some(credit) = &report.credit {
        text.push_str(&explain_money(report, credit));
    }
    if report.kpis.iter().any(|line| line.basis.is_none()) {
        text.push_str(match terms {
            Some(_) => "The report does not say what it was judged by: formulas, rounding, bands and ramp are those of the contract as it is now.\n",
            None => "The report does not say what it was judged by, and its contract is gone: formulas, rounding, bands and ramp are not shown.\n",
        });
    }
    text
}

fn explain_line(line: &KpiLine, basis: Option<&Basis>) -> String {
    let mut text = String::new();
    let variant = line.variant.map(|variant| format!(" ({variant})")).unwrap_or_default();
    let _ = writeln!(text, "{}: {}{variant}, {} class, weight {}", line.name, line.kpi, line.class, line.weight);
    let _ = writeln!(text, "  rows      {} selected, digest {}", line.evidence.rows, line.evidence.digest);
    if let Some(basis) = basis {
        let _ = writeln!(text, "  formula   {} × {}", basis.formula, basis.scale);
        if let Some(factor) = &basis.annual_factor {
            let _ = writeln!(text, "  per year  × {factor}: 12 / months of the window");
        }
    }
    match (&line.numerator, &line.denominator) {
        (Some(numerator), Some(denominator)) => {
            let _ = writeln!(text, "  sums      {numerator} / {denominator}");
        }
        _ => {
            let _ = writeln!(text, "  sums      none: {}", why_no_sums(line));
        }
    }
    explain_tally(&mut text, line, basis);
    explain_value(&mut text, line, basis);
    explain_sources(&mut text, line, basis);
    explain_target(&mut text, line, basis);
    let severity = line.severity.map(|severity| format!(", {severity}")).unwrap_or_default();
    let _ = writeln!(text, "  verdict   {}{severity}", line.verdict);
    if line.verdict == Verdict::Missed {
        explain_consequence(&mut text, line, basis);
    }
    explain_bonus(&mut text, line, basis);
    text
}

/// The parts that a tally counted; the formula is that of a part.
fn explain_tally(text: &mut String, line: &KpiLine, basis: Option<&Basis>) {
    let Some(tally) = &line.tally else { return };
    let rule = basis.and_then(|basis| Some((basis.tally.as_ref()?, within(basis))));
    let rule = rule.map_or_else(
        || "each part by the formula".to_owned(),
        |(rule, within)| {
            format!("by the formula each {} must be {} {}{within}", rule.each, in_words(rule.comparison), rule.target)
        },
    );
    let counted = line.numerator.as_ref().and_then(|number| number.parse::<usize>().ok()).unwrap_or(0);
    let listed = |names: &[String], all: usize| match (names.is_empty(), all.saturating_sub(names.len())) {
        (true, _) => "none".to_owned(),
        (false, 0) => names.join(", "),
        (false, more) => format!("{} and {more} more", names.join(", ")),
    };
    let _ = writeln!(text, "  tally     {rule}; missed: {}", listed(&tally.missed, counted));
    let _ = writeln!(text, "            not judged: {}", listed(&tally.unjudged, 0));
}

fn why_no_sums(line: &KpiLine) -> &'static str {
    match (line.verdict, line.evidence.rows) {
        (Verdict::NotMeasured, _) => "the KPI was not measured",
        (_, 0) => "no row has the KPI's labels and the measures of the formula",
        _ if line.raw_value.is_some() => "relief left no row",
        _ => "the denominator is not above 0",
    }
}

fn explain_value(text: &mut String, line: &KpiLine, basis: Option<&Basis>) {
    let (Some(raw), Some(value)) = (&line.raw_value, &line.value) else {
        if let Some(raw) = &line.raw_value {
            let _ = writeln!(text, "  value     {raw} over all rows, nothing is left after relief");
        }
        return;
    };
    let rounding = match basis.map(|basis| basis.rounding.as_ref()) {
        Some(Some(rounding)) => {
            format!(", rounded {} to {} before any comparison", rounding.mode, count(rounding.decimals, "decimal"))
        }
        Some(None) => ", compared unrounded".to_owned(),
        None => String::new(),
    };
    let _ = writeln!(text, "  value     {value}{rounding}");
    if raw != value || !line.excused_by.is_empty() {
        let _ = writeln!(text, "  relief    {raw} over all rows; {} took rows away", line.excused_by.join(", "));
    }
}

/// What two sources say, and which of them was judged.
fn explain_sources(text: &mut String, line: &KpiLine, basis: Option<&Basis>) {
    let Some(sources) = &line.sources else { return };
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "no value".to_owned());
    let _ = writeln!(text, "  sources   vendor {}, own {}", value(&sources.vendor), value(&sources.own));
    let rule = basis.and_then(|basis| basis.cross_check.as_ref());
    let found = match (sources.finding, &sources.difference, rule) {
        (SourcesFinding::Agree, Some(apart), Some(rule)) => {
            format!("{apart} apart over the time of both, within {}", rule.tolerance)
        }
        (SourcesFinding::Disagree, Some(apart), Some(rule)) => {
            format!("{apart} apart over the time of both, more than {}: prefer {} counts", rule.tolerance, rule.prefer)
        }
        (SourcesFinding::OneSource, ..) => "too little to compare: one source counts".to_owned(),
        (finding, ..) => finding.to_string(),
    };
    let judged = match sources.judged {
        SourceParty::Vendor => "the vendor's",
        SourceParty::Own => "the client's own",
    };
    let _ = writeln!(text, "            {found}; judged: {judged}");
}

fn explain_target(text: &mut String, line: &KpiLine, basis: Option<&Basis>) {
    let upper = line.upper.as_ref().map(|upper| format!(" and {upper}")).unwrap_or_default();
    let (sign, target) = (in_words(line.comparison), line.target.as_deref().unwrap_or("none"));
    // The time belongs to what each part of a tally must reach.
    let within = basis.filter(|basis| basis.tally.is_none()).map(within).unwrap_or_default();
    let _ = writeln!(text, "  target    {sign} {target}{upper}{within}");
    for part in basis.iter().flat_map(|basis| &basis.targets) {
        let _ = writeln!(text, "            {} from {} on, weight {}", part.target, part.from, part.denominator);
    }
}

fn in_words(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::AtLeast => "at least",
        Comparison::MoreThan => "more than",
        Comparison::AtMost => "at most",
        Comparison::LessThan => "less than",
        Comparison::Between => "between",
    }
}

/// The time that was agreed, such as `, counted by 20s`.
fn within(basis: &Basis) -> String {
    basis.within.map(|within| format!(", counted by {within}")).unwrap_or_default()
}

/// From what the terms say of a miss to what it costs: each rule on its own line, with the amount before and after.
fn explain_consequence(text: &mut String, line: &KpiLine, basis: Option<&Basis>) {
    let cost = Agreed { points: Some(line.points), credit: line.credit.clone(), bonus: None };
    if let Some(basis) = basis {
        match (&basis.price, &basis.band) {
            (Some(price), _) => {
                let _ = writeln!(text, "  price     {}", price_in_words(price));
            }
            (None, Some(band)) => {
                let _ = writeln!(text, "  band      {}", consequence(band, line.comparison));
            }
            (None, None) => text.push_str("  band      no consequence is agreed\n"),
        }
        explain_rules(text, line, basis, &cost);
    }
    let repeat = if line.repeat { ", a repeat of the period before" } else { "" };
    let credit = line.credit.as_deref().unwrap_or("none");
    let _ = writeln!(text, "  cost      {}{repeat}, credit {credit}", count(line.points, "point"));
}

/// Such as `1000 for each 5 that have begun beyond 35, at most 5000: 12 is 3 steps`.
fn price_in_words(price: &PriceBasis) -> String {
    let steps = match price.steps {
        PriceSteps::Started => "that have begun",
        PriceSteps::Full => "that are full",
        PriceSteps::Exact => "counted exactly",
    };
    let from = match (price.count, &price.beyond) {
        (PriceCount::Numerator, _) => " of the numerator".to_owned(),
        (PriceCount::Distance, Some(beyond)) => format!(" beyond {beyond}"),
        (PriceCount::Distance, None) => " beyond the target".to_owned(),
    };
    let limit = price.up_to.as_ref().map(|limit| format!(", at most {limit}")).unwrap_or_default();
    let counted = match (&price.quantity, &price.number) {
        (Some(quantity), Some(number)) => format!(": {quantity} beyond it, {number} steps"),
        _ if price.limited => ": without a value it costs as much as it may".to_owned(),
        _ => String::new(),
    };
    format!("{} for each {} {steps}{from}{limit}{counted}", price.amount, price.per)
}

fn explain_rules(text: &mut String, line: &KpiLine, basis: &Basis, cost: &Agreed) {
    let Some(agreed) = &basis.agreed else { return };
    let (points, credit) = (agreed.points.unwrap_or(0), agreed.credit.as_deref());
    let zero = cost.credit.as_deref().map(|_| "0");
    explain_repeats(text, basis, agreed);
    let is_spared = line.dry_run || line.class == KpiClass::KeyMeasurement;
    match basis.ramp {
        RampCredit::Full => {}
        RampCredit::Half if credit.is_some() && !is_spared && basis.credit_times.is_none() => {
            let (was, now) = (credit.unwrap_or("0"), cost.credit.as_deref().unwrap_or("0"));
            let _ = writeln!(text, "  ramp      Half: credit {was} before, {now} after");
        }
        RampCredit::Half => {
            let _ = writeln!(text, "  ramp      Half: halves credits, not points");
        }
        RampCredit::None => {
            let _ = writeln!(text, "  ramp      None: {}", from_to(points, credit, zero));
        }
    }
    if line.dry_run {
        let _ = writeln!(text, "  dry run   judged and never counted: {}", from_to(points, credit, zero));
    } else if line.class == KpiClass::KeyMeasurement {
        let _ = writeln!(text, "  class     KeyMeasurement costs nothing: {}", from_to(points, credit, zero));
    }
}

/// The row of repeats, where it changes anything.
fn explain_repeats(text: &mut String, basis: &Basis, agreed: &Agreed) {
    let Some(times) = basis.times.as_ref().filter(|times| *times != "1") else { return };
    let row = match basis.misses {
        Some(1) => "from 1 miss on".to_owned(),
        Some(misses) => format!("from {misses} misses in a row on"),
        None => "below the first row of the table".to_owned(),
    };
    let points = agreed.points.map(|points| format!("points × {times}: {points} before"));
    let credit = agreed.credit.as_ref().zip(basis.credit_times.as_ref());
    let credit = credit.map(|(credit, times)| format!("credit × {times}: {credit} before"));
    let what: Vec<String> = [points, credit].into_iter().flatten().collect();
    if !what.is_empty() {
        let _ = writeln!(text, "  repeats   {row}, {}", what.join(", "));
    }
}

/// Points and credit before a rule that takes all of them.
fn from_to(points: i64, credit: Option<&str>, after: Option<&str>) -> String {
    let credit = credit.map(|credit| format!(" and credit {credit}")).unwrap_or_default();
    let nothing = if after.is_some() { "0 points and credit 0" } else { "0 points" };
    format!("{}{credit} before, {nothing} after", count(points, "point"))
}

fn explain_bonus(text: &mut String, line: &KpiLine, basis: Option<&Basis>) {
    let paid = line.bonus.as_deref().filter(|bonus| !is_zero(bonus));
    let agreed = basis.and_then(|basis| basis.agreed.as_ref()?.bonus.as_deref());
    match (paid, agreed) {
        (Some(paid), _) => {
            let _ = writeln!(text, "  bonus     {paid}");
        }
        (None, Some(agreed)) => {
            let why = match basis.map(|basis| basis.ramp) {
                _ if line.dry_run => "of a dry run is not paid",
                _ if line.class == KpiClass::KeyMeasurement => "of a KeyMeasurement is not paid",
                Some(RampCredit::None) => "is not paid under the ramp's step None",
                _ => "is withheld, since the counter metric suggests gaming",
            };
            let _ = writeln!(text, "  bonus     {agreed} {why}");
        }
        (None, None) => {}
    }
}

fn consequence(band: &BandBasis, comparison: Comparison) -> String {
    let reach = match (&band.bound, better_of(comparison)) {
        (Some(bound), Some(Better::Lower)) => format!("up to {bound}"),
        (Some(bound), _) => format!("down to {bound}"),
        (None, Some(_)) => "all that is worse".to_owned(),
        (None, None) => "all that is outside".to_owned(),
    };
    let cost = match band {
        BandBasis { points: Some(points), .. } => count(*points, "point"),
        BandBasis { at_risk_percent: Some(percent), .. } => format!("{percent} % of the amount at risk"),
        BandBasis { percent: Some(percent), .. } => format!("{percent} % of the charges"),
        BandBasis { credit: Some(credit), .. } => format!("a credit of {credit}"),
        BandBasis { proportional: Some(true), .. } => "the distance to the target in percent of the charges".to_owned(),
        _ => "nothing: a dead band".to_owned(),
    };
    format!("{} ({reach}): {cost}", band.severity)
}

fn explain_score(report: &SlaReportSpec) -> String {
    format!(
        "score       {} of 100, speaking for {} % of the weight; rating {}\n",
        report.score.as_deref().unwrap_or("none"),
        report.confidence.as_deref().unwrap_or("0"),
        report.rating.map_or_else(|| "none".to_owned(), |rating| rating.to_string()),
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
    let price = credit.basis.as_ref().map(|basis| price_of_points(basis, credit)).unwrap_or_default();
    let _ = writeln!(text, "+ {:>14} {currency}  for {}{price}", credit.from_points, count(report.points, "point"));
    let _ = writeln!(text, "= {:>14} {currency}  before caps", credit.before_caps);
    explain_caps(&mut text, credit);
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

/// By what the points became money.
fn price_of_points(basis: &CreditBasis, credit: &CreditBlock) -> String {
    let charges = basis.charges.as_ref().map(|charges| format!(" of the charges of {charges}")).unwrap_or_default();
    let price = match (&basis.points_row, &basis.per_point_percent, &basis.points_before_ramp) {
        (Some(row), ..) => format!(": from {} on {} %{charges}", count(row.points, "point"), row.percent),
        (None, Some(percent), _) => format!(": {percent} %{charges} each"),
        (None, None, Some(_)) => ": fewer than the first row of the table".to_owned(),
        (None, None, None) => String::new(),
    };
    let before = basis.points_before_ramp.as_ref().filter(|before| **before != credit.from_points);
    let ramp = before.map(|before| format!("; {before} before the ramp's step {}", basis.ramp)).unwrap_or_default();
    format!("{price}{ramp}")
}

fn explain_caps(text: &mut String, credit: &CreditBlock) {
    let Some(basis) = &credit.basis else {
        for cap in &credit.capped_by {
            let _ = writeln!(text, "  cut at the cap of the {}", cap.to_string().to_lowercase());
        }
        return;
    };
    for cap in &basis.caps {
        let whose = cap.cap.to_string().to_lowercase();
        let used = cap.used.as_ref().map(|used| format!(", {used} of it used before")).unwrap_or_default();
        let did = match cap.before == cap.after {
            true => format!("{} stays", cap.before),
            false => format!("{} before, {} after", cap.before, cap.after),
        };
        let _ = writeln!(text, "  cap of the {whose} {}{used}: {did}", cap.limit);
    }
}

fn count(number: i64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

fn is_zero(amount: &str) -> bool {
    !amount.bytes().any(|byte| matches!(byte, b'1'..=b'9'))
}

#[cfg(test)]
mod tests;
