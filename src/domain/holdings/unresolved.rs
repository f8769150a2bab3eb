//! References that lead nowhere: what that means for the object that has them, and in which words it is said.

use crate::api::condition::Reason;
use crate::api::scalar::shorten;
use crate::domain::terms::finding::Finding;
use crate::domain::terms::spelling::did_you_mean;

/// How many names a message lists at most.
const LISTED_NAMES: usize = 10;

/// What a reference should lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unresolved {
    /// A VendorContract of the namespace.
    Contract,
    /// A feed of the contract.
    Feed,
    /// A feed that says what happened; the named one says what is planned.
    FeedIsPlan,
    /// A ServiceTier of the namespace.
    Tier,
    /// A goal of the contract.
    Goal,
    /// A contact of the contract.
    Owner,
    /// Another KpiTarget of the same contract, which guards this one.
    CounterMetric,
    /// A KpiTarget.
    Kpi,
    /// The feed's count within the time that the KpiTarget names; the feed counts by another time.
    Threshold,
}

impl Unresolved {
    /// The reason of `Ready=False`.
    pub fn reason(self) -> Reason {
        match self {
            Unresolved::Contract => Reason::ContractNotFound,
            Unresolved::Feed => Reason::FeedNotFound,
            Unresolved::FeedIsPlan => Reason::FeedIsPlan,
            Unresolved::Tier => Reason::TierNotFound,
            Unresolved::Goal => Reason::GoalNotFound,
            Unresolved::Owner => Reason::ContactNotFound,
            Unresolved::CounterMetric | Unresolved::Kpi => Reason::KpiTargetNotFound,
            Unresolved::Threshold => Reason::ThresholdMismatch,
        }
    }

    /// Whether a KpiTarget with such a reference is left out of its contract's terms until the reference resolves. One that stays in
    /// them is judged, and says by its condition Ready what is missing.
    pub fn leaves_kpi_out(self) -> bool {
        match self {
            Unresolved::Contract
            | Unresolved::Feed
            | Unresolved::FeedIsPlan
            | Unresolved::Tier
            | Unresolved::Goal
            | Unresolved::Owner
            | Unresolved::Kpi => true,
            Unresolved::CounterMetric | Unresolved::Threshold => false,
        }
    }
}

/// A reference of an object that does not resolve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dangling {
    /// What it should lead to.
    pub what: Unresolved,
    /// Path of the field, such as `spec.source.feed`.
    pub field: String,
    /// What is wrong and what to write instead, without the field.
    pub message: String,
}

impl Dangling {
    /// A reference to a VendorContract; `known`: the names of those that there are.
    pub fn contract<'n>(field: impl Into<String>, name: &str, known: impl IntoIterator<Item = &'n str>) -> Self {
        Self::object(Unresolved::Contract, ("VendorContract", "correct the name"), field, name, known)
    }

    /// A reference to a ServiceTier; `known`: the names of those that there are.
    pub fn tier<'n>(field: impl Into<String>, name: &str, known: impl IntoIterator<Item = &'n str>) -> Self {
        Self::object(Unresolved::Tier, ("ServiceTier", "remove the name here"), field, name, known)
    }

    /// A reference to a KpiTarget of whatever contract; `known`: the names of those that there are.
    pub fn kpi<'n>(field: impl Into<String>, name: &str, known: impl IntoIterator<Item = &'n str>) -> Self {
        Self::object(Unresolved::Kpi, ("KpiTarget", "correct the name"), field, name, known)
    }

    fn object<'n>(
        what: Unresolved,
        (kind, instead): (&str, &str),
        field: impl Into<String>,
        name: &str,
        known: impl IntoIterator<Item = &'n str>,
    ) -> Self {
        let (written, meant) = (quoted(name), did_you_mean(name, known));
        let message = format!("there is no {kind} {written}{meant}: create it in this namespace, or {instead}");
        Dangling { what, field: field.into(), message }
    }

    /// A reference to a part of the contract: a feed, goal, contact or counter metric. `known`: the names of those that it has.
    pub fn part<'n>(
        what: Unresolved,
        field: impl Into<String>,
        name: &str,
        known: impl IntoIterator<Item = &'n str>,
    ) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        let (noun, how) = match what {
            Unresolved::Goal => ("goal", "add it to the contract's spec.goals"),
            Unresolved::Owner => ("contact", "add it to the contract's spec.contacts"),
            Unresolved::CounterMetric | Unresolved::Kpi => ("KpiTarget", "create it for this contract"),
            _ => ("feed", "add it to the contract's spec.feeds"),
        };
        let listed: Vec<String> = known.iter().take(LISTED_NAMES).map(|name| quoted(name)).collect();
        let instead = match listed.is_empty() {
            true => how.to_owned(),
            false => format!("write one of {}, or {how}", listed.join(", ")),
        };
        let message = format!("the contract has no {noun} {}{}: {instead}", quoted(name), did_you_mean(name, known));
        Dangling { what, field: field.into(), message }
    }

    /// A counter metric that is none of `known`, the KpiTargets of the same contract; `None` where it is one of them.
    pub fn counter_metric<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> Option<Self> {
        let known: Vec<&str> = known.into_iter().collect();
        if known.contains(&name) {
            return None;
        }
        Some(Dangling::part(Unresolved::CounterMetric, "spec.counterMetric", name, known))
    }

    /// A reference to a feed that holds a plan.
    pub fn feed_is_plan(field: impl Into<String>, name: &str) -> Self {
        let message =
            format!("{} says what is planned, not what happened: name a feed without `plan: true`", quoted(name));
        Dangling { what: Unresolved::FeedIsPlan, field: field.into(), message }
    }

    /// That of the object with this kind and name.
    pub fn of(self, kind: &'static str, name: &str) -> Finding {
        Finding { kind, name: name.to_owned(), field: self.field, message: self.message }
    }
}

/// Each with its field, for a condition's message.
pub fn in_words(dangling: &[Dangling]) -> String {
    let words: Vec<String> = dangling.iter().map(|one| format!("{}: {}", one.field, one.message)).collect();
    words.join("; ")
}

/// A name as people wrote it: cut, quoted and escaped.
pub(super) fn quoted(text: &str) -> String {
    format!("{:?}", shorten(text))
}
