//! Vendors side by side: what each reached of a KPI in its latest closed period, against its own target.

use std::collections::{BTreeMap, BTreeSet};

use kube::ResourceExt;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::Serialize;

use super::Facts;
use crate::api::KpiTarget;
use crate::api::kpi_target::{Better, CatalogueKpi, FormulaUnit, Verdict};
use crate::api::verdict::Severity;
use crate::domain::decision::kpi_target::comparison_of;
use crate::domain::terms::catalogue::better;
use crate::view::words::{self, figure, kpi_title, period_title, shown_value};

/// How many KPIs are compared.
const KPIS: usize = 6;
/// How many contracts are shown of each end, where there are more than twice as many.
const OF_EACH_END: usize = 4;

/// One KPI over contracts.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Compared {
    /// The KPI.
    pub title: String,
    /// The contracts, furthest ahead of its own target first.
    pub lines: Vec<ComparedLine>,
    /// How many lie between those that are shown.
    pub left_out: usize,
    /// What keeps them from being compared as they are.
    pub note: Option<String>,
    /// The ends of the scale, with their unit.
    pub ends: [String; 2],
}

/// One contract's result.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ComparedLine {
    /// Its namespace.
    pub namespace: String,
    /// The contract.
    pub contract: String,
    /// The value with its unit.
    pub value: String,
    /// The target with its unit.
    pub target: String,
    /// The period.
    pub period: String,
    /// The verdict.
    pub verdict: Verdict,
    /// How grave a miss is.
    pub severity: Option<Severity>,
    /// Value and target on the scale, from 0 to 1.
    #[serde(skip)]
    pub places: (f64, f64),
}

struct Found<'a> {
    kpi: &'a KpiTarget,
    value: f64,
    target: f64,
    /// How far ahead of the target, in parts of it.
    ahead: f64,
    line: ComparedLine,
    unit: FormulaUnit,
}

/// The KPIs that most contracts have, at least two.
pub(super) fn compared(facts: &Facts<'_>) -> Vec<Compared> {
    let mut by_kpi: BTreeMap<CatalogueKpi, Vec<Found<'_>>> = BTreeMap::new();
    for kpi in facts.kpis.iter().filter(|kpi| kpi.spec.kpi != CatalogueKpi::Custom && kpi.spec.tally.is_none()) {
        by_kpi.entry(kpi.spec.kpi).or_default().extend(found(kpi));
    }
    let contracts = |found: &[Found<'_>]| {
        found.iter().map(|it| (&it.line.namespace, &it.line.contract)).collect::<BTreeSet<_>>().len()
    };
    let mut groups: Vec<(usize, Vec<Found<'_>>)> =
        by_kpi.into_values().map(|found| (contracts(&found), found)).filter(|(count, _)| *count > 1).collect();
    groups.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    groups.into_iter().take(KPIS).map(|(_, found)| group(found)).collect()
}

fn found(kpi: &KpiTarget) -> Option<Found<'_>> {
    let last = kpi.status.as_ref()?.last.as_ref()?;
    let number = |text: &Option<String>| text.as_ref()?.parse::<Decimal>().ok()?.to_f64();
    let (value, target) = (number(&last.value)?, number(&last.target)?);
    let unit = words::unit(kpi.spec.kpi, kpi.spec.variant, Some(&kpi.spec));
    let shown = shown_value(last.value.as_deref()?, &[last.target.as_deref()]);
    let upper = kpi.spec.objective.upper.map(|upper| upper.to_string());
    let reach = if target == 0.0 { value } else { (value - target) / target.abs() };
    Some(Found {
        kpi,
        value,
        target,
        ahead: match better(kpi.spec.kpi) {
            Better::Higher => reach,
            Better::Lower => -reach,
            Better::Range => -reach.abs(),
        },
        line: ComparedLine {
            namespace: kpi.namespace().unwrap_or_default(),
            contract: kpi.spec.contract_ref.name.clone(),
            value: figure(&shown, unit, ""),
            target: words::target(comparison_of(&kpi.spec), last.target.as_deref(), upper.as_deref(), unit, ""),
            period: period_title(&last.name),
            verdict: last.verdict,
            severity: last.severity,
            places: (0.0, 0.0),
        },
        unit,
    })
}

fn group(mut found: Vec<Found<'_>>) -> Compared {
    found.sort_by(|one, other| {
        other.ahead.total_cmp(&one.ahead).then_with(|| one.line.contract.cmp(&other.line.contract))
    });
    let title = found.first().map(|first| kpi_title(first.kpi.spec.kpi, &first.kpi.name_any())).unwrap_or_default();
    let note = differences(&found);
    let left_out = found.len().saturating_sub(2 * OF_EACH_END);
    if left_out > 0 {
        found.drain(OF_EACH_END..OF_EACH_END + left_out);
    }
    let marks = || found.iter().flat_map(|it| [it.value, it.target]);
    let (low, high) = (marks().fold(f64::INFINITY, f64::min), marks().fold(f64::NEG_INFINITY, f64::max));
    let margin = ((high - low) * 0.1).max(f64::EPSILON);
    let left = if low >= 0.0 { (low - margin).max(0.0).floor() } else { (low - margin).floor() };
    let right = (high + margin).ceil().max(left + 1.0);
    let unit = found.first().map_or(FormulaUnit::Count, |first| first.unit);
    let right = if unit == FormulaUnit::Percent && high <= 100.0 { right.min(100.0) } else { right };
    let end = |at: f64| figure(&Decimal::try_from(at).unwrap_or_default().normalize().to_string(), unit, "");
    let place = |at: f64| ((at - left) / (right - left)).clamp(0.0, 1.0);
    Compared {
        title,
        lines: found
            .into_iter()
            .map(|it| ComparedLine { places: (place(it.value), place(it.target)), ..it.line })
            .collect(),
        left_out,
        note,
        ends: [end(left), end(right)],
    }
}

/// Contracts that count in different ways, or over different periods, are not comparable as they are: the page says so.
fn differences(found: &[Found<'_>]) -> Option<String> {
    let mut variants: BTreeMap<String, usize> = BTreeMap::new();
    for it in found {
        let variant = it
            .kpi
            .spec
            .variant
            .map_or_else(|| "the usual way".to_owned(), |it| words::variant_title(it).to_lowercase());
        *variants.entry(variant).or_default() += 1;
    }
    if variants.len() < 2 {
        return None;
    }
    let counted: Vec<String> = variants.iter().map(|(variant, count)| format!("{count} {variant}")).collect();
    Some(format!("They do not count alike: {}.", words::list(&counted)))
}
