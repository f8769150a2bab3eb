//! Facts of the journal: what a judgement needs besides terms and rows, each with the instant at which it was recorded.
//!
//! The store keeps them in its chained journal, a bundle carries them, and `evaluate --bundle` reads them, so that the operator
//! and the offline command judge alike. A judgement without a journal (manifests and files alone) has none of them.
//!
//! To add a kind of fact:
//! 1. Write the struct of what it says, with `Serialize` and `Deserialize`. Later versions may add members that have a default.
//! 2. Add one line `Kind(Struct)` to `journal_facts!` below. The kind's name is part of the stored format: never rename it.
//! 3. Give [`Journal`] an accessor that says what the facts of that kind mean for a judgement.
//! 4. Let the controller that observes it record it before it writes anything that rests on it:
//!    `context.record_fact(uid, &RecordedFact { name, fact, recorded_at: now })`.
//! 5. Describe it in the table *Facts* of `docs/evidence-format.md`.
//!
//! Store, chain, `verify`, bundles and the offline commands need no change. A version that does not know a kind ignores its facts.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::amendments::TermsChanged;
use super::disputes::{self, DisputeSeen};
use super::facts::Terms;
use super::holds::PeriodHeld;
use super::relief::unseen;
use super::risks::{RiskBegan, RiskCleared};
use super::thresholds::ThresholdsSaid;
use crate::api::campaign_launch::LaunchDecision;
use crate::api::vendor_contract::Relief;

macro_rules! journal_facts {
    ($($(#[$documentation:meta])* $kind:ident($content:ty)),+ $(,)?) => {
        /// What a fact of the journal says.
        #[derive(Clone, Debug, PartialEq)]
        pub enum JournalFact { $($(#[$documentation])* $kind($content)),+ }

        impl JournalFact {
            /// The names of all kinds, as the store writes them.
            pub const KINDS: &'static [&'static str] = &[$(stringify!($kind)),+];

            /// The name of its kind.
            #[must_use]
            pub fn kind(&self) -> &'static str {
                match self { $(Self::$kind(_) => stringify!($kind)),+ }
            }

            /// What it says as JSON.
            ///
            /// # Errors
            /// When it cannot be written as JSON, which no kind does.
            pub fn content(&self) -> serde_json::Result<Value> {
                match self { $(Self::$kind(content) => serde_json::to_value(content)),+ }
            }

            /// Reads a fact of a kind; `None` for a kind that this version does not know.
            pub fn parse(kind: &str, content: &Value) -> Option<serde_json::Result<Self>> {
                $(if kind == stringify!($kind) {
                    return Some(<$content>::deserialize(content).map(Self::$kind));
                })+
                None
            }
        }
    };
}

journal_facts! {
    /// The contract was judged for the first time with its past complete. One a contract; its name is empty.
    FirstJudged(FirstJudged),
    /// A decision on relief, as it was seen. Named after the relief.
    ReliefSeen(ReliefSeen),
    /// The decision of a launch, frozen at `launchAt`. Named after `launchAt` in the launch's own journal, and
    /// `LAUNCH@LAUNCHAT` in that of its first contract.
    LaunchDecision(LaunchDecision),
    /// A KPI is at risk: recorded when the risk begins, and on each later service day with a warning. Named after the KpiTarget.
    RiskBegan(RiskBegan),
    /// The risk of a KPI is over before its period is. Named after the KpiTarget.
    RiskCleared(RiskCleared),
    /// The terms changed. Its name is empty; recorded at the same instant as the terms themselves.
    TermsChanged(TermsChanged),
    /// A dispute, as it was seen. Named after the dispute.
    DisputeSeen(DisputeSeen),
    /// By which times a vendor's answers say that it counts. Named after the feed.
    ThresholdsSaid(ThresholdsSaid),
    /// A contract goes on with the evidence of one that is gone. In the journals of both; named after the UID of the new one.
    EvidenceAdopted(EvidenceAdopted),
    /// Somebody accepted that rows are lost for good which a report rests on. Named after the report.
    LossAccepted(LossAccepted),
    /// A period waits until its feeds were asked, or has waited. Named after the period.
    PeriodHeld(PeriodHeld),
}

/// A loss of rows that a person accepted, so that the contract goes on without them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LossAccepted {
    /// The feed.
    pub feed: String,
    /// How many rows of it the report rests on.
    pub rows: i64,
    /// The digest of the last one of them.
    pub head: String,
    /// Who accepted it.
    pub by: String,
    /// When, as they said it.
    pub at: Timestamp,
}

/// Whose evidence a contract goes on with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EvidenceAdopted {
    /// UID under which the evidence lies.
    pub of: String,
    /// UID of the contract that goes on with it.
    pub by: String,
}

/// When a contract was judged for the first time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FirstJudged {
    /// The instant. Earlier than the fact itself where a version without these facts judged the contract before.
    pub at: Timestamp,
    /// Periods that such a version had closed: what was added since to the rules on closing does not concern them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub closed_before: Vec<String>,
}

/// A decision on relief.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReliefSeen {
    /// The relief as it was written; `None`: it was removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relief: Option<Relief>,
    /// Whether a version without these facts had judged by it before: it then counts from its decision alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub known_before: bool,
}

/// The name of a launch's decision in the journal of its first contract.
#[must_use]
pub fn decision_in_contract(launch: &str, launch_at: Timestamp) -> String {
    format!("{launch}@{launch_at}")
}

/// A fact with its name and the instant at which it was recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedFact {
    /// What it is about among the facts of its kind, such as the name of a relief.
    pub name: String,
    /// What it says.
    pub fact: JournalFact,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

/// The facts of one contract, in the order in which they were recorded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Journal {
    /// All of them.
    pub facts: Vec<RecordedFact>,
}

impl Journal {
    /// The first judgement of the contract.
    #[must_use]
    pub fn first_judged(&self) -> Option<&FirstJudged> {
        self.facts.iter().find_map(|recorded| match &recorded.fact {
            JournalFact::FirstJudged(first) => Some(first),
            _ => None,
        })
    }

    /// What was seen of relief, in order: name, what, when it was recorded.
    pub fn relief(&self) -> impl Iterator<Item = (&str, &ReliefSeen, Timestamp)> {
        self.facts.iter().filter_map(|recorded| match &recorded.fact {
            JournalFact::ReliefSeen(seen) => Some((recorded.name.as_str(), seen, recorded.recorded_at)),
            _ => None,
        })
    }

    /// What was seen of disputes, in order: name, what, when it was recorded.
    pub fn disputes(&self) -> impl Iterator<Item = (&str, &DisputeSeen, Timestamp)> {
        self.facts.iter().filter_map(|recorded| match &recorded.fact {
            JournalFact::DisputeSeen(seen) => Some((recorded.name.as_str(), seen, recorded.recorded_at)),
            _ => None,
        })
    }

    /// What the answers of feeds said of their thresholds, in order: feed, what, when it was recorded.
    pub fn thresholds(&self) -> impl Iterator<Item = (&str, &ThresholdsSaid, Timestamp)> {
        self.facts.iter().filter_map(|recorded| match &recorded.fact {
            JournalFact::ThresholdsSaid(said) => Some((recorded.name.as_str(), said, recorded.recorded_at)),
            _ => None,
        })
    }

    /// The UID under which the evidence of the contract with this UID lies, where that is another one's.
    #[must_use]
    pub fn adopted_by(&self, uid: &str) -> Option<&str> {
        self.facts.iter().find_map(|recorded| match &recorded.fact {
            JournalFact::EvidenceAdopted(adopted) if adopted.by == uid => Some(adopted.of.as_str()),
            _ => None,
        })
    }

    /// The losses that were accepted.
    pub fn accepted_losses(&self) -> impl Iterator<Item = &LossAccepted> {
        self.facts.iter().filter_map(|recorded| match &recorded.fact {
            JournalFact::LossAccepted(accepted) => Some(accepted),
            _ => None,
        })
    }

    /// The reports that rest on rows whose loss was accepted.
    pub fn reports_without_rows(&self) -> impl Iterator<Item = &str> {
        let is_loss = |recorded: &&RecordedFact| matches!(recorded.fact, JournalFact::LossAccepted(_));
        self.facts.iter().filter(is_loss).map(|recorded| recorded.name.as_str())
    }

    /// The decisions of launches by name of the fact; the first one counts.
    #[must_use]
    pub fn launch_decisions(&self) -> BTreeMap<&str, LaunchDecision> {
        let mut decisions = BTreeMap::new();
        for recorded in &self.facts {
            if let JournalFact::LaunchDecision(decision) = recorded.fact {
                decisions.entry(recorded.name.as_str()).or_insert(decision);
            }
        }
        decisions
    }

    /// The latest instant at which one of them was recorded.
    #[must_use]
    pub fn last_recorded_at(&self) -> Option<Timestamp> {
        self.facts.iter().map(|recorded| recorded.recorded_at).max()
    }
}

/// What a version without facts left behind of a contract that it had closed periods of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// When the first entry about the contract was recorded.
    pub since: Timestamp,
    /// The periods that were closed.
    pub closed: Vec<String>,
}

/// The facts that a look at a contract shows at `now` and that its journal does not hold yet: they are judged by at once, and recorded
/// before anything is written that rests on them.
///
/// `earlier` is given for a contract that has closings and no first judgement. `past_is_known`: whether the past of every judged feed
/// was fetched once; before, nothing is judged for good.
#[must_use]
pub fn unrecorded(
    terms: &Terms,
    journal: &Journal,
    earlier: Option<Earlier>,
    past_is_known: bool,
    now: Timestamp,
) -> Vec<RecordedFact> {
    if terms.contract.suspend {
        return Vec::new();
    }
    let known_before = earlier.is_some();
    let first = match earlier {
        Some(Earlier { since, closed }) => Some(FirstJudged { at: since, closed_before: closed }),
        None if past_is_known && !terms.kpis.is_empty() => Some(FirstJudged { at: now, closed_before: Vec::new() }),
        None => None,
    };
    let first = first.filter(|_| journal.first_judged().is_none()).map(|first| RecordedFact {
        name: String::new(),
        fact: JournalFact::FirstJudged(first),
        recorded_at: now,
    });
    let relief = unseen(&terms.contract.relief, journal, known_before, now);
    first.into_iter().chain(relief).chain(disputes::unseen(&terms.contract.disputes, journal, now)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::cases::terms;
    use super::*;

    #[test]
    fn the_first_judgement_is_recorded_once_and_not_before_the_past_is_there() {
        let now: Timestamp = "2026-06-10T09:00:00Z".parse().unwrap();
        let kpi = "kpi: ServiceLevel\nobjective: {target: 80}";
        let with = |contract: &str, kpis: &[(&str, &str)]| {
            terms(&format!("term: {{start: 2026-01-01, end: 2026-12-31}}\n{contract}"), kpis)
        };
        let earlier = Earlier { since: "2026-01-02T00:00:00Z".parse().unwrap(), closed: vec!["2026-01".to_owned()] };
        let at_now = FirstJudged { at: now, closed_before: Vec::new() };
        let before = FirstJudged { at: earlier.since, closed_before: earlier.closed.clone() };
        let cases = [
            ("judged", with("", &[("sl", kpi)]), None, true, Some(at_now)),
            ("its past is being fetched", with("", &[("sl", kpi)]), None, false, None),
            ("nothing to judge yet", with("", &[]), None, true, None),
            ("suspended", with("suspend: true", &[("sl", kpi)]), None, true, None),
            ("closed by a version without facts", with("", &[("sl", kpi)]), Some(earlier), false, Some(before)),
        ];
        for (name, terms, earlier, past_is_known, expected) in cases {
            let mut journal = Journal::default();
            let facts = unrecorded(&terms, &journal, earlier, past_is_known, now);
            let expected: Vec<JournalFact> = expected.into_iter().map(JournalFact::FirstJudged).collect();
            assert_eq!(facts.iter().map(|fact| fact.fact.clone()).collect::<Vec<_>>(), expected, "{name}");
            journal.facts.extend(facts);
            let again = unrecorded(&terms, &journal, None, past_is_known, now);
            assert!(again.is_empty() || expected.is_empty(), "{name}: {again:?}");
        }
    }

    #[test]
    fn each_kind_is_read_back_as_it_was_written_and_an_unknown_one_is_left_out() {
        let relief = json!({"name": "cut", "cause": "ForceMajeure", "from": "2026-01-15T00:00:00Z", "to": "2026-01-16T00:00:00Z", "decision": "Accepted"});
        let cases = [
            ("FirstJudged", json!({"at": "2026-03-01T09:00:00Z"})),
            ("FirstJudged", json!({"at": "2026-03-01T09:00:00Z", "closedBefore": ["2026-01"]})),
            ("ReliefSeen", json!({"relief": relief})),
            ("ReliefSeen", json!({"relief": relief, "knownBefore": true})),
            ("ReliefSeen", json!({})),
            ("LaunchDecision", json!("Go")),
            (
                "RiskBegan",
                json!({"period": "2026-06", "since": "2026-06-03T08:30:00Z", "lastWarnedOn": "2026-06-04", "warning": "BudgetBurn"}),
            ),
            (
                "RiskCleared",
                json!({"period": "2026-06", "since": "2026-06-03T08:30:00Z", "at": "2026-06-05T19:00:00Z"}),
            ),
            (
                "TermsChanged",
                json!({"amendments": [{"kind": "KpiTarget", "name": "level", "field": "spec.objective.target", "was": "80", "now": "85", "manager": "kubectl-edit", "reachesBack": true}]}),
            ),
            (
                "DisputeSeen",
                json!({"dispute": {"name": "may", "period": "2026-05", "raisedOn": "2026-06-04", "party": "Client"}}),
            ),
            ("DisputeSeen", json!({})),
            ("ThresholdsSaid", json!({"thresholds": {"answeredWithin": 20}})),
            ("EvidenceAdopted", json!({"of": "uid-1", "by": "uid-2"})),
            (
                "LossAccepted",
                json!({"feed": "acd", "rows": 480, "head": "9f2c", "by": "jane@client.example", "at": "2026-03-01T09:00:00Z"}),
            ),
            (
                "PeriodHeld",
                json!({"due": "2026-02-14T00:00:00Z", "noticedAt": "2026-02-20T09:00:00Z", "feeds": ["acd"],
                       "until": "2026-02-23T09:00:00Z"}),
            ),
            (
                "PeriodHeld",
                json!({"due": "2026-02-14T00:00:00Z", "noticedAt": "2026-02-20T09:00:00Z", "feeds": ["acd"],
                       "until": "2026-02-23T09:00:00Z", "askedAt": "2026-02-20T09:00:02Z"}),
            ),
            (
                "LossAccepted",
                json!({"feed": "acd", "rows": 1416, "head": "00ff", "by": "nina", "at": "2026-03-02T13:00:00Z"}),
            ),
        ];
        for (kind, content) in &cases {
            let fact = JournalFact::parse(kind, content).unwrap().unwrap();
            assert_eq!((fact.kind(), fact.content().unwrap()), (*kind, content.clone()));
        }
        let tried: std::collections::BTreeSet<&str> = cases.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(tried, JournalFact::KINDS.iter().copied().collect(), "a kind without a case");
        assert!(JournalFact::parse("Later", &json!(1)).is_none());
        assert!(JournalFact::parse("FirstJudged", &json!({"at": "yesterday"})).unwrap().is_err());
    }
}
