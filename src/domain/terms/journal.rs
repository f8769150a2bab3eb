//! Facts of the journal: what a judgement needs in addition to terms and rows, each with the instant at which it was recorded.
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

use crate::api::campaign_launch::LaunchDecision;
use crate::api::dispute::Dispute;
use crate::api::vendor_contract::Relief;
use jiff::civil::Date;

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
    /// The rows of the contract are beyond its retention: it is not judged from rows again. Its name is empty.
    EvidenceRetired(EvidenceRetired),
}

/// That the rows of a contract may be removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EvidenceRetired {
    /// The last day of the term after which the rows were kept.
    pub term_end: Date,
    /// From when on they were not kept any longer.
    pub since: Timestamp,
    /// SHA-256 of the last judgement as the store keeps it: it answers in the place of the rows.
    pub judgement: String,
    /// Whether this was taken back, with all rows still there: the term was extended, or the retention.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub taken_back: bool,
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
    /// The relief as it was written; `None`: it was removed. In a box: most facts of a long journal are warnings, and small.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relief: Option<Box<Relief>>,
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

    /// That the rows of the contract may be removed, with the instant at which that was recorded.
    #[must_use]
    pub fn retired(&self) -> Option<(&EvidenceRetired, Timestamp)> {
        let last = self.facts.iter().rev().find_map(|recorded| match &recorded.fact {
            JournalFact::EvidenceRetired(retired) => Some((retired, recorded.recorded_at)),
            _ => None,
        });
        last.filter(|(retired, _)| !retired.taken_back)
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

    /// The latest instant up to `believed` at which one of them was recorded.
    #[must_use]
    pub fn last_recorded_by(&self, believed: Timestamp) -> Option<Timestamp> {
        self.facts.iter().map(|recorded| recorded.recorded_at).filter(|at| *at <= believed).max()
    }
}

/// Which warning says that a running period is at risk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Warning {
    /// It is projected to end Missed.
    ProjectedMiss,
    /// The budget of misses is being spent too fast.
    BudgetBurn,
    /// The running value is on the wrong side of the warning level.
    BelowWarning,
}

/// That a KPI is at risk: recorded when the risk begins, and again on each later service day with a warning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RiskBegan {
    /// The period that is at risk.
    pub period: String,
    /// The instant at which the risk began. It does not move.
    pub since: Timestamp,
    /// The last service day with a warning.
    pub last_warned_on: Date,
    /// Which warning it was.
    pub warning: Warning,
}

/// That a risk is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RiskCleared {
    /// The period that was at risk.
    pub period: String,
    /// The instant at which the risk had begun.
    pub since: Timestamp,
    /// How far the data reached when it was over.
    pub at: Timestamp,
}

/// That the terms of a contract changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TermsChanged {
    /// What changed; of many the first 200.
    pub amendments: Vec<Amendment>,
}

/// One thing that changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Amendment {
    /// Kind of the object: VendorContract, KpiTarget or ServiceTier.
    pub kind: String,
    /// Its name; empty for the contract itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Path of the field, such as spec.objective.target; `spec` where the whole object came or went.
    pub field: String,
    /// What it was, as JSON, cut; absent where it was not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<String>,
    /// What it is, as JSON, cut; absent where it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<String>,
    /// Who wrote it: the field manager, where one was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager: Option<String>,
    /// Whether it changes how the period is judged that ran when it was made.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reaches_back: bool,
}

impl Amendment {
    /// Kind, name and field in words, such as `KpiTarget acme-service-level spec.objective.target`.
    pub fn place(&self) -> String {
        match self.name.as_str() {
            "" => format!("{} {}", self.kind, self.field),
            name => format!("{} {name} {}", self.kind, self.field),
        }
    }
}

/// A dispute, as it was seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DisputeSeen {
    /// The dispute as it was written; `None`: it was removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispute: Option<Box<Dispute>>,
}

/// By which times a vendor said in its answers that it counts: seconds by measure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThresholdsSaid {
    /// All that it said.
    pub thresholds: BTreeMap<String, i64>,
}

/// A period that could have become Final while its feeds were not asked. Named after the period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeriodHeld {
    /// When it would have become Final.
    pub due: Timestamp,
    /// When that was noticed.
    pub noticed_at: Timestamp,
    /// The feeds that had not been asked, by name.
    pub feeds: Vec<String>,
    /// When it becomes Final at the latest, whatever these feeds do.
    pub until: Timestamp,
    /// When all of them had been asked; absent while the period waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_at: Option<Timestamp>,
}

impl PeriodHeld {
    /// When the wait ends.
    pub(crate) fn end(&self) -> Timestamp {
        self.asked_at.map_or(self.until, |asked| asked.min(self.until))
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::terms::unrecorded_facts::{Earlier, unrecorded};
    use serde_json::json;

    use super::*;
    use crate::domain::fixtures::contracts::terms;

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
    fn a_fact_is_small() {
        let size = std::mem::size_of::<JournalFact>();
        assert!(size <= 104, "{size} bytes, and a journal has thousands of warnings: put what is large into a Box");
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
                "EvidenceRetired",
                json!({"termEnd": "2026-12-31", "since": "2034-01-01T00:00:00Z", "judgement": "sha256:00ff", "takenBack": true}),
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
