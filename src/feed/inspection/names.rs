//! Names of measures: which are standard ones, which are nearly so, which speak of what cannot be added up.

use std::collections::{BTreeMap, BTreeSet};

use super::{Finding, Place, PlacedRow};
use crate::domain::terms::catalogue::{Entry, Origin, VariantFormula, entries};
use crate::domain::terms::formula::LinearForm;
use crate::outbound::error::presentable;

/// Words in names of figures that are not counts: a mean or a share of several rows is not their sum.
const NOT_ADDITIVE: &[&str] = &["percent", "pct", "rate", "ratio", "average", "avg", "mean", "median"];

pub(super) fn doubts(rows: &[&PlacedRow]) -> Vec<Finding> {
    let mut first_places: BTreeMap<&str, Place> = BTreeMap::new();
    for placed in rows {
        for name in placed.row.measures.keys() {
            first_places.entry(name).or_insert(placed.place);
        }
    }
    let standard = standard_names();
    let named = first_places.into_iter().filter(|(name, _)| !standard.contains(*name));
    named.filter_map(|(name, place)| doubt(name, place, &standard)).collect()
}

fn doubt(name: &str, place: Place, standard: &BTreeSet<String>) -> Option<Finding> {
    let shown = presentable(name, 63);
    if let Some(meant) = standard.iter().find(|known| bare(known) == bare(name)) {
        let found = format!("the measure {shown:?} is hardly the standard one {meant:?}");
        let expected = "names as the catalogue of KPIs writes them: no KPI finds another spelling";
        let write = format!("{meant:?}: 1");
        return Some(Finding::doubt("MisspeltMeasure", Some(place), found, expected, &write));
    }
    let words = words(name);
    let odd = NOT_ADDITIVE.iter().find(|word| words.iter().any(|found| found == *word))?;
    let found = format!("the measure {shown:?} speaks of a {odd}");
    let expected = "counts and sums, which add up over time, queues and sites; a percentage or a mean does not";
    let write = "both counts that it was made from, such as \"answeredWithin\" and \"answered\"";
    Some(Finding::doubt("NotAdditive", Some(place), found, expected, write))
}

/// The letters and digits of a name, in lower case.
fn bare(name: &str) -> String {
    name.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The words of a name in camelCase, snake_case or kebab-case, in lower case.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for character in name.chars() {
        let begins = !character.is_alphanumeric() || character.is_uppercase();
        if begins && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| character.is_alphanumeric()) {
            word.extend(character.to_lowercase());
        }
    }
    words
}

/// Every measure that a KPI of the catalogue reads from a feed.
fn standard_names() -> BTreeSet<String> {
    read_from_feeds().flat_map(|entry| entry.formulas).flat_map(needs).collect()
}

/// More measures than this are not what a KPI merely lacks: it is another subject.
const MOST_LACKING: usize = 2;

/// How far measures go for the KPIs of the catalogue that are read from feeds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// KPIs for which they suffice, in one of their variants.
    pub enough: Vec<String>,
    /// KPIs that have one of their measures and lack one or two, each with those that it lacks in the variant that lacks fewest.
    pub lacking: Vec<(String, Vec<String>)>,
}

/// How far these measures go.
#[must_use]
pub fn coverage(measures: &BTreeSet<&str>) -> Coverage {
    let mut found = Coverage::default();
    for entry in read_from_feeds() {
        let lacks = entry.formulas.iter().filter_map(|formula| lack(formula, measures));
        match lacks.min_by_key(Vec::len) {
            Some(none) if none.is_empty() => found.enough.push(entry.kpi.to_string()),
            Some(some) => found.lacking.push((entry.kpi.to_string(), some)),
            None => {}
        }
    }
    found
}

/// What a formula lacks; `None` where that is too much, or all of it.
fn lack(formula: &VariantFormula, measures: &BTreeSet<&str>) -> Option<Vec<String>> {
    let needed: BTreeSet<String> = needs(formula).into_iter().collect();
    let lack: Vec<String> = needed.iter().filter(|name| !measures.contains(name.as_str())).cloned().collect();
    (lack.is_empty() || (lack.len() <= MOST_LACKING && lack.len() < needed.len())).then_some(lack)
}

fn read_from_feeds() -> impl Iterator<Item = &'static Entry> {
    entries().filter(|entry| entry.origin == Origin::Feed && !entry.formulas.is_empty())
}

fn needs(formula: &VariantFormula) -> Vec<String> {
    let read = [formula.numerator, formula.denominator].into_iter().filter_map(|text| text.parse::<LinearForm>().ok());
    read.flat_map(|form| form.measures().map(str::to_owned).collect::<Vec<_>>()).collect()
}
