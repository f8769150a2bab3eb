//! Whether a KPI has ever matched a row of its feed: a misspelt label or measure must not become Final as "no data".
//!
//! A row matches that carries the labels of `source.labels` and has a measure of the formula. Where the formula divides by a
//! measure, a row in which each of its measures is 0 does not match: so a mapping writes what it never found (`absent: Zero`).

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::api::kpi_target::{KpiTargetSpec, SourceExpectation};
use crate::api::scalar::shorten;

use super::feed_rows::Column;
use super::ledger::Ledger;
use super::prepared_terms::Kpi;
use super::row::Labels;
use crate::domain::terms::catalogue::{Definition, Origin};

/// How many labels, values and measures a message lists.
const LISTED: usize = 6;

/// A KPI that matches no row of a feed that has rows: what it looks for, and what is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unmatched {
    /// What to look at, in a sentence.
    pub message: String,
}

/// Whether a KPI waits for rows that it expects now: one that is suspended, or expects them later, does not.
#[must_use]
pub fn expects_rows(kpi: &Kpi<'_>) -> bool {
    !kpi.is_suspended
        && kpi.definition.origin == Origin::Feed
        && kpi.spec.source.expect != Some(SourceExpectation::Later)
}

/// Whether such a KPI holds its contract's periods Provisional: dry runs hold nothing.
#[must_use]
pub fn holds_periods(kpi: &Kpi<'_>) -> bool {
    expects_rows(kpi) && !kpi.spec.dry_run
}

impl Ledger {
    /// An instant up to `at` by which a row that matches a KPI was known; `None` where there is no such row.
    pub(in crate::domain) fn matched_by(&self, kpi: &Kpi<'_>, at: Timestamp) -> Option<Timestamp> {
        let matched = Matcher::of(self, kpi).matching().find(|known_at| *known_at <= at);
        if matched.is_none() {
            self.fall_short();
        }
        matched
    }

    /// The earliest instant in `]after, until]` at which a row that matches a KPI became known.
    pub(in crate::domain) fn first_match(
        &self,
        kpi: &Kpi<'_>,
        after: Timestamp,
        until: Timestamp,
    ) -> Option<Timestamp> {
        Matcher::of(self, kpi).matching().filter(|known_at| after < *known_at && *known_at <= until).min()
    }

    /// What there is in place of what a KPI looks for and does not find, as known at an instant.
    pub(in crate::domain) fn unmatched(&self, kpi: &Kpi<'_>, at: Timestamp) -> Unmatched {
        Unmatched { message: message(kpi.spec, &kpi.definition, self, at) }
    }
}

/// What a row must have to match a KPI.
struct Matcher<'a> {
    ledger: &'a Ledger,
    carrying: Vec<bool>,
    columns: Vec<Column<'a>>,
    divides: bool,
}

impl<'a> Matcher<'a> {
    fn of(ledger: &'a Ledger, kpi: &Kpi<'_>) -> Matcher<'a> {
        let columns = kpi.definition.measures().into_iter().filter_map(|measure| ledger.column(measure)).collect();
        let divides = !kpi.definition.denominator.terms.is_empty();
        Matcher { ledger, carrying: ledger.carrying(&kpi.spec.source.labels), columns, divides }
    }

    /// When each matching version of a row became known.
    fn matching(&self) -> impl Iterator<Item = Timestamp> + '_ {
        (0..self.ledger.len()).filter(|place| self.matches(*place)).map(|place| self.ledger.known_from(place))
    }

    fn matches(&self, place: u32) -> bool {
        let is_a_match = |column: &Column<'_>| match column.at(place) {
            Some(value) => !self.divides || !value.is_zero(),
            None => false,
        };
        self.carrying.get(self.ledger.labels_at(place) as usize) == Some(&true) && self.columns.iter().any(is_a_match)
    }
}

fn message(spec: &KpiTargetSpec, definition: &Definition, ledger: &Ledger, at: Timestamp) -> String {
    let known: BTreeSet<u32> =
        (0..ledger.len()).filter(|row| ledger.known_from(*row) <= at).map(|row| ledger.labels_at(row)).collect();
    let sets: Vec<&Labels> =
        known.iter().filter_map(|place| Some(ledger.label_sets().get(*place as usize)?.as_ref())).collect();
    let carried = sets.iter().any(|labels| super::ledger::carries(labels, &spec.source.labels));
    let feed = &spec.source.feed;
    let measures = || listed(ledger.columns().into_keys().collect());
    if carried {
        let wanted = listed(definition.measures());
        return format!(
            "no row of feed {feed} has a measure of the formula ({wanted}) other than 0: it has {}; correct the feed's mapping or the formula, or write source.expect: Later",
            measures()
        );
    }
    let wanted: Vec<String> = spec.source.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!(
        "no row of feed {feed} has the labels {}: it has {}, with {}; correct source.labels, or write source.expect: Later",
        wanted.join(", "),
        labels_seen(&sets, &spec.source.labels),
        measures()
    )
}

/// The values that the wanted labels have; where none of them is there, all labels.
fn labels_seen(sets: &[&Labels], wanted: &Labels) -> String {
    let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, value) in sets.iter().flat_map(|labels| labels.iter()) {
        values.entry(name).or_default().insert(value);
    }
    let is_wanted = |name: &str| wanted.contains_key(name);
    let any_wanted = values.keys().any(|name| is_wanted(name));
    let shown = values.iter().filter(|(name, _)| !any_wanted || is_wanted(name));
    let pairs: Vec<String> =
        shown.flat_map(|(name, values)| values.iter().map(move |value| format!("{name}={}", shorten(value)))).collect();
    if pairs.is_empty() { "no labels".to_owned() } else { listed(pairs.iter().map(String::as_str).collect()) }
}

fn listed(names: Vec<&str>) -> String {
    let more = if names.len() > LISTED { ", …" } else { "" };
    format!("{}{more}", names.into_iter().take(LISTED).collect::<Vec<_>>().join(", "))
}
