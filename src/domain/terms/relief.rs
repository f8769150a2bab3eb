//! Relief in time: which decisions on it were known at an instant.
//!
//! With a journal, an accepted relief is known from the later of its decision and the instant at which the operator saw it, and so
//! is each change of it and its taking back (`docs/how-a-contract-is-judged.md`, *Relief*). Without one, the terms at hand say it all,
//! and relief is known from its decision.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;

use super::journal::{Journal, JournalFact, RecordedFact, ReliefSeen};
use crate::api::vendor_contract::{Relief, ReliefDecision};

/// What was known of all relief of a contract, at any instant.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ReliefHistory {
    /// By relief, in the order in which they were seen.
    versions: Vec<Version>,
}

/// One relief as it was decided, until the next version of it is known.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Version {
    name: String,
    /// The accepted relief; `None`: it excuses nothing any more.
    accepted: Option<Relief>,
    known_from: Timestamp,
}

impl ReliefHistory {
    /// The history that a journal holds; without one, that of the terms at hand.
    #[must_use]
    pub fn of(terms: &[Relief], journal: Option<&Journal>) -> Self {
        let versions = match journal {
            Some(journal) => journal.relief().map(|(name, seen, at)| Version::seen(name, seen, at)).collect(),
            None => terms.iter().filter_map(Version::decided).collect(),
        };
        ReliefHistory { versions }
    }

    /// The accepted relief that was known at an instant and concerns a KPI.
    #[must_use]
    pub fn known_for(&self, kpi: &str, at: Timestamp) -> Vec<&Relief> {
        let mut seen = BTreeSet::new();
        let newest_first = self.versions.iter().rev().filter(|version| version.known_from <= at);
        let latest = newest_first.filter(|version| seen.insert(version.name.as_str()));
        latest.filter_map(|version| version.accepted.as_ref()).filter(|relief| concerns(relief, kpi)).collect()
    }

    /// The instants at which something became known of relief that concerns a KPI and reaches beyond `start` in any version of it.
    pub fn learnt<'h>(&'h self, kpi: &'h str, start: Timestamp) -> impl Iterator<Item = Timestamp> + 'h {
        let touches = move |relief: &Relief| concerns(relief, kpi) && relief.to > start;
        let names: BTreeSet<&str> = self
            .versions
            .iter()
            .filter(|version| version.accepted.as_ref().is_some_and(touches))
            .map(|version| version.name.as_str())
            .collect();
        let of_names = self.versions.iter().filter(move |version| names.contains(version.name.as_str()));
        of_names.map(|version| version.known_from)
    }

    /// All instants at which something became, or will become, known.
    pub fn instants(&self) -> impl Iterator<Item = Timestamp> + '_ {
        self.versions.iter().map(|version| version.known_from)
    }
}

impl Version {
    fn seen(name: &str, seen: &ReliefSeen, recorded_at: Timestamp) -> Version {
        let accepted = seen.relief.as_deref().filter(|relief| is_accepted(relief));
        let decided = match (&seen.relief, accepted) {
            (_, Some(relief)) => relief.decided_at.unwrap_or(relief.to),
            (Some(relief), None) => relief.decided_at.unwrap_or(recorded_at),
            (None, None) => recorded_at,
        };
        let known_from = if seen.known_before { decided } else { decided.max(recorded_at) };
        Version { name: name.to_owned(), accepted: accepted.cloned(), known_from }
    }

    fn decided(relief: &Relief) -> Option<Version> {
        is_accepted(relief).then(|| Version {
            name: relief.name.clone(),
            accepted: Some(relief.clone()),
            known_from: relief.decided_at.unwrap_or(relief.to),
        })
    }
}

fn is_accepted(relief: &Relief) -> bool {
    relief.decision == Some(ReliefDecision::Accepted)
}

fn concerns(relief: &Relief, kpi: &str) -> bool {
    relief.kpis.is_empty() || relief.kpis.iter().any(|name| name == kpi)
}

/// The decisions on relief that the terms show and the journal does not hold yet, as facts seen at `now`.
///
/// A claim is not a decision: it becomes a fact once it was decided, or where it takes the place of a decision.
#[must_use]
pub fn unseen(terms: &[Relief], journal: &Journal, known_before: bool, now: Timestamp) -> Vec<RecordedFact> {
    let last = |name: &str| journal.relief().filter(|(known, ..)| *known == name).last().map(|(_, seen, _)| seen);
    let fact = |name: &str, relief: Option<&Relief>| {
        let known_before = known_before && relief.is_some_and(is_accepted);
        let fact = JournalFact::ReliefSeen(ReliefSeen { relief: relief.cloned().map(Box::new), known_before });
        RecordedFact { name: name.to_owned(), fact, recorded_at: now }
    };
    let mut facts: Vec<RecordedFact> = Vec::new();
    for relief in terms {
        let is_new = match last(&relief.name) {
            Some(seen) => seen.relief.as_deref() != Some(relief),
            None => matches!(relief.decision, Some(ReliefDecision::Accepted | ReliefDecision::Rejected)),
        };
        if is_new {
            facts.push(fact(&relief.name, Some(relief)));
        }
    }
    let names: BTreeSet<&str> = journal.relief().map(|(name, ..)| name).collect();
    for name in names {
        let is_gone = terms.iter().all(|relief| relief.name != name);
        if is_gone && last(name).is_some_and(|seen| seen.relief.is_some()) {
            facts.push(fact(name, None));
        }
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fixtures::contracts::instant;

    /// The relief `cut` of the first days of February.
    fn relief(to: &str, decision: &str, decided_at: Option<&str>) -> Relief {
        let decided_at = decided_at.map(|at| format!(", decidedAt: {at}")).unwrap_or_default();
        let yaml = format!(
            "{{name: cut, cause: ForceMajeure, from: 2026-02-01T00:00:00Z, to: {to}, decision: {decision}, kpis: [sl]{decided_at}}}"
        );
        serde_saphyr::from_str(&yaml).unwrap()
    }

    fn seen(relief: Option<Relief>, known_before: bool, at: &str) -> RecordedFact {
        let fact = JournalFact::ReliefSeen(ReliefSeen { relief: relief.map(Box::new), known_before });
        RecordedFact { name: "cut".to_owned(), fact, recorded_at: instant(at) }
    }

    #[test]
    fn relief_is_known_from_the_later_of_its_decision_and_the_look_at_it() {
        let accepted = |decided| Some(relief("2026-02-02T00:00:00Z", "Accepted", decided));
        let wider = Some(relief("2026-02-03T00:00:00Z", "Accepted", Some("2026-02-10T00:00:00Z")));
        let rejected = |decided| Some(relief("2026-02-02T00:00:00Z", "Rejected", decided));
        let (first, late) = (Some("2026-02-10T00:00:00Z"), Some("2026-03-20T00:00:00Z"));
        // Each: what was seen when, and at which instants the relief holds until which end.
        let cases: [(&str, Vec<RecordedFact>, Vec<(&str, Option<&str>)>); 7] = [
            (
                "decided, then seen",
                vec![seen(accepted(first), false, "2026-02-12T00:00Z")],
                vec![("2026-02-11T00:00Z", None), ("2026-02-12T00:00Z", Some("2026-02-02T00:00:00Z"))],
            ),
            (
                "seen, then decided",
                vec![seen(accepted(late), false, "2026-02-12T00:00Z")],
                vec![("2026-03-19T00:00Z", None), ("2026-03-20T00:00Z", Some("2026-02-02T00:00:00Z"))],
            ),
            (
                "decided without an instant: at its end",
                vec![seen(accepted(None), false, "2026-01-12T00:00Z")],
                vec![("2026-02-01T00:00Z", None), ("2026-02-02T00:00Z", Some("2026-02-02T00:00:00Z"))],
            ),
            (
                "judged by before there were facts",
                vec![seen(accepted(first), true, "2026-06-01T00:00Z")],
                vec![("2026-02-09T00:00Z", None), ("2026-02-10T00:00Z", Some("2026-02-02T00:00:00Z"))],
            ),
            (
                "widened",
                vec![seen(accepted(first), false, "2026-02-12T00:00Z"), seen(wider, false, "2026-03-01T00:00Z")],
                vec![
                    ("2026-02-28T00:00Z", Some("2026-02-02T00:00:00Z")),
                    ("2026-03-01T00:00Z", Some("2026-02-03T00:00:00Z")),
                ],
            ),
            (
                "rejected after all, decided later than it is seen",
                vec![
                    seen(accepted(first), false, "2026-02-12T00:00Z"),
                    seen(rejected(late), false, "2026-03-01T00:00Z"),
                ],
                vec![("2026-03-19T00:00Z", Some("2026-02-02T00:00:00Z")), ("2026-03-20T00:00Z", None)],
            ),
            (
                "removed before its decision came into force",
                vec![seen(accepted(late), false, "2026-02-12T00:00Z"), seen(None, false, "2026-03-01T00:00Z")],
                vec![("2026-03-21T00:00Z", None)],
            ),
        ];
        for (name, facts, expected) in cases {
            let history = ReliefHistory::of(&[], Some(&Journal { facts }));
            for (at, end) in expected {
                let known: Vec<Timestamp> =
                    history.known_for("sl", instant(at)).iter().map(|relief| relief.to).collect();
                assert_eq!(known, end.map(instant).into_iter().collect::<Vec<_>>(), "{name}, {at}");
                assert!(history.known_for("other", instant(at)).is_empty(), "{name}");
            }
        }
    }

    #[test]
    fn what_the_terms_show_becomes_a_fact_once() {
        let accepted = relief("2026-02-02T00:00:00Z", "Accepted", None);
        let wider = relief("2026-02-03T00:00:00Z", "Accepted", None);
        let claimed = relief("2026-02-02T00:00:00Z", "Claimed", None);
        let rejected = relief("2026-02-02T00:00:00Z", "Rejected", None);
        type Step<'a> = (&'a str, Vec<Relief>, Option<Option<Relief>>);
        let steps: [Step<'_>; 9] = [
            ("a claim is not a decision", vec![claimed.clone()], None),
            ("accepted", vec![accepted.clone()], Some(Some(accepted.clone()))),
            ("the same", vec![accepted.clone()], None),
            ("widened", vec![wider.clone()], Some(Some(wider))),
            ("rejected", vec![rejected.clone()], Some(Some(rejected))),
            ("a claim in place of a decision", vec![claimed.clone()], Some(Some(claimed))),
            ("removed", vec![], Some(None)),
            ("still removed", vec![], None),
            ("accepted again", vec![accepted.clone()], Some(Some(accepted))),
        ];
        let mut journal = Journal::default();
        for (step, terms, expected) in steps {
            let facts = unseen(&terms, &journal, false, instant("2026-04-01T00:00Z"));
            let expected: Vec<RecordedFact> =
                expected.into_iter().map(|relief| seen(relief, false, "2026-04-01T00:00Z")).collect();
            assert_eq!(facts, expected, "{step}");
            journal.facts.extend(facts);
        }
    }
}
