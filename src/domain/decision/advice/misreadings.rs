//! What is probably not meant as it was written: figures, targets and comparisons that a person should look at.

use super::smart::{benchmark, comparison_and_target};
use super::{AdviceFacts, Counted, Findings};
use crate::api::kpi_target::{Better, CatalogueKpi, FormulaUnit};
use crate::api::verdict::Comparison;
use crate::domain::holdings::mentions_of_kpis;
use crate::domain::numbers::exact::Exact;
use crate::domain::terms::validation::refused_when_edited;

/// KPIs in percent of which less than 1 % is an honest target.
const OFTEN_FEW: [CatalogueKpi; 4] =
    [CatalogueKpi::ResponseRate, CatalogueKpi::NetConversion, CatalogueKpi::CrossSellRate, CatalogueKpi::UpSellRate];

/// Doubts about the figures of feeds, the gravest since every verdict rests on them.
pub(super) fn figures(facts: &AdviceFacts<'_>, advice: &mut Findings) {
    for (feed, doubts) in facts.doubts {
        for doubt in doubts {
            advice.add("FiguresInDoubt", None, format!("feed {feed}: {}", doubt.message));
        }
    }
}

/// Rules that came after the contract was accepted, and names that lead nowhere.
pub(super) fn contract(facts: &AdviceFacts<'_>, advice: &mut Findings) {
    for finding in refused_when_edited(&facts.terms.contract) {
        let message =
            format!("{} {}; until the contract is edited it is judged as before", finding.field, finding.message);
        advice.add("RefusedWhenEdited", None, message);
    }
    for unknown in mentions_of_kpis(&facts.terms.contract, facts.terms.kpis.keys().map(String::as_str)) {
        advice.add("UnknownKpi", None, format!("{}: {}", unknown.field, unknown.message));
    }
}

/// Doubts about a KPI's objective.
pub(super) fn objective(facts: &AdviceFacts<'_>, kpi: &Counted<'_>, advice: &mut Findings) {
    let Some((comparison, target)) = comparison_and_target(facts, kpi) else { return };
    if let Some(message) = against_direction(kpi, comparison) {
        advice.add("ComparisonInDoubt", Some(kpi.name), message);
    }
    if is_a_fraction(kpi, comparison, &target) {
        let message = format!(
            "its target {} is a percentage: if {} % is meant, write {}",
            target.show(6),
            (&target * &Exact::HUNDRED).show(6),
            (&target * &Exact::HUNDRED).show(6),
        );
        advice.add("TargetInDoubt", Some(kpi.name), message);
    }
}

fn against_direction(kpi: &Counted<'_>, comparison: Comparison) -> Option<String> {
    let definition = kpi.definition.as_ref()?;
    let (better, usual) = match (definition.better, comparison) {
        (Better::Lower, Comparison::AtLeast | Comparison::MoreThan) => ("lower", "AtMost"),
        (Better::Higher, Comparison::AtMost | Comparison::LessThan) => ("higher", "AtLeast"),
        _ => return None,
    };
    Some(format!(
        "{} is better when it is {better}, but objective.comparison is {comparison}, so that doing worse meets the target: write \
         {usual} or leave it out",
        kpi.spec.kpi
    ))
}

/// Whether a target in percent was probably written as a share of 1.
fn is_a_fraction(kpi: &Counted<'_>, comparison: Comparison, target: &Exact) -> bool {
    let is_percent = kpi.definition.as_ref().is_some_and(|definition| definition.unit == FormulaUnit::Percent);
    if !is_percent || target.signum() <= 0 || *target > Exact::ONE || OFTEN_FEW.contains(&kpi.spec.kpi) {
        return false;
    }
    let (low, high) = benchmark(kpi).unwrap_or((None, None));
    if low.as_ref().is_some_and(|low| low <= target) {
        return false;
    }
    match comparison {
        Comparison::AtLeast | Comparison::MoreThan | Comparison::Between => true,
        // Few of something bad is an honest target, unless a hundred times as much is the usual one.
        Comparison::AtMost | Comparison::LessThan => high.is_some_and(|high| target * &Exact::HUNDRED <= high),
    }
}
