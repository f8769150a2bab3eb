//! `evaluate --terms`: what other terms would have meant for the recorded past.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::evaluate::View;
use super::manifests::Manifests;
use super::tables::table;
use crate::api::sla_report::SlaReportSpec;

/// The manifests with those of `terms` in place of objects of the same name.
pub fn with_terms(manifests: &Manifests, terms: &Manifests) -> Manifests {
    let mut other = manifests.clone();
    // An object without a namespace replaces the one of its name, wherever that is.
    macro_rules! replace {
        ($($kind:ident),*) => {$(
            for ((namespace, name), written) in &terms.$kind {
                let key = other
                    .$kind
                    .keys()
                    .find(|(known, known_name)| known_name == name && (namespace.is_empty() || known == namespace))
                    .cloned()
                    .unwrap_or_else(|| (namespace.clone(), name.clone()));
                other.$kind.insert(key, written.clone());
            }
        )*};
    }
    replace!(contracts, kpis, tiers, launches);
    other
}

/// One period under both terms.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The contract.
    pub contract: String,
    /// The period.
    pub period: String,
    /// Score, points, net credit and bonus as they are, then as they would have been.
    pub was: Figures,
    /// As they would have been.
    pub would: Figures,
    /// KPIs whose verdict differs: name, was, would.
    pub verdicts: Vec<(String, String, String)>,
}

/// What is compared of a period; a member is absent where the report has none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    score: Option<String>,
    points: Option<i64>,
    credit: Option<String>,
    bonus: Option<String>,
}

/// Compares every closed period, by its latest revision.
pub fn compare(was: &View, would: &View) -> Vec<Comparison> {
    let (was, would) = (latest(was), latest(would));
    let keys: BTreeSet<&(String, String)> = was.keys().chain(would.keys()).collect();
    // Names alone do not sort by time, as CY10 and CY2 show.
    let start = |key: &&(String, String)| was.get(key).or(would.get(key)).map(|report| report.period.start);
    let mut keys: Vec<&(String, String)> = keys.into_iter().collect();
    keys.sort_by_key(|key| (&key.0, start(key)));
    keys.into_iter()
        .map(|key| {
            let (before, after) = (was.get(key).copied(), would.get(key).copied());
            Comparison {
                contract: key.0.clone(),
                period: key.1.clone(),
                was: figures(before),
                would: figures(after),
                verdicts: verdicts(before, after),
            }
        })
        .collect()
}

fn latest(view: &View) -> BTreeMap<(String, String), &SlaReportSpec> {
    // Reports come by period, then revision: the last one of a period stays.
    view.reports.iter().map(|(_, _, report)| ((report.contract.clone(), report.period.name.clone()), report)).collect()
}

fn figures(report: Option<&SlaReportSpec>) -> Figures {
    Figures {
        score: report.and_then(|report| report.score.clone()),
        points: report.map(|report| report.points),
        credit: report.and_then(|report| Some(report.credit.as_ref()?.net.clone())),
        bonus: report.and_then(|report| Some(report.credit.as_ref()?.bonus.clone())),
    }
}

fn verdicts(before: Option<&SlaReportSpec>, after: Option<&SlaReportSpec>) -> Vec<(String, String, String)> {
    let of = |report: Option<&SlaReportSpec>| -> BTreeMap<String, String> {
        let lines = report.map_or(&[][..], |report| &report.kpis);
        lines.iter().map(|line| (line.name.clone(), line.verdict.to_string())).collect()
    };
    let (before, after) = (of(before), of(after));
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let shown = |verdicts: &BTreeMap<String, String>, name: &String| {
        verdicts.get(name).cloned().unwrap_or_else(|| "-".to_owned())
    };
    names
        .into_iter()
        .map(|name| (name.clone(), shown(&before, name), shown(&after, name)))
        .filter(|(_, was, would)| was != would)
        .collect()
}

/// The comparison for people.
pub fn as_table(comparisons: &[Comparison]) -> String {
    let headings = [
        "CONTRACT",
        "PERIOD",
        "SCORE",
        "WOULD BE",
        "POINTS",
        "WOULD BE",
        "CREDIT",
        "WOULD BE",
        "BONUS",
        "WOULD BE",
        "VERDICTS THAT DIFFER",
    ];
    let mut rows = table(&headings);
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
    let number = |value: Option<i64>| value.map_or_else(|| "-".to_owned(), |value| value.to_string());
    for Comparison { contract, period, was, would, verdicts } in comparisons {
        let verdicts: Vec<String> = verdicts.iter().map(|(kpi, was, would)| format!("{kpi} {was} → {would}")).collect();
        rows.add_row(vec![
            contract.clone(),
            period.clone(),
            text(&was.score),
            text(&would.score),
            number(was.points),
            number(would.points),
            text(&was.credit),
            text(&would.credit),
            text(&was.bonus),
            text(&would.bonus),
            if verdicts.is_empty() { "none".to_owned() } else { verdicts.join(", ") },
        ]);
    }
    format!("{rows}\n")
}

/// The comparison for programs.
pub fn as_json(comparisons: &[Comparison]) -> Value {
    let figures = |figures: &Figures| json!({"score": figures.score, "points": figures.points, "credit": figures.credit, "bonus": figures.bonus});
    comparisons
        .iter()
        .map(|comparison| {
            json!({
                "contract": comparison.contract, "period": comparison.period,
                "was": figures(&comparison.was), "would": figures(&comparison.would),
                "verdicts": comparison.verdicts.iter().map(|(kpi, was, would)| {
                    json!({"kpi": kpi, "was": was, "would": would})
                }).collect::<Vec<_>>(),
            })
        })
        .collect()
}
