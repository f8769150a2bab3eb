//! Times that were agreed, held against the times by which a feed counts: "answered within 20 seconds" is another figure within 30.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::api::feed::Feed;
use crate::api::scalar::Duration;
use crate::api::{KpiTargetSpec, VendorContractSpec};

use super::catalogue::definition;
use super::journal::{Journal, JournalFact, RecordedFact, ThresholdsSaid};

/// What a KPI's `within` and its feed's thresholds say together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// The KPI names no time, or counts nothing within one.
    None,
    /// The feed says of none of these measures by which time it counts.
    Unknown {
        /// Measures of the formula.
        measures: Vec<String>,
    },
    /// The feed counts by the agreed time: names of its measures by those of the formula.
    Reads(BTreeMap<String, String>),
    /// The feed counts by another time, or says it of a part of the measures alone.
    Mismatch {
        /// A sentence with both times, and what to write.
        message: String,
    },
}

static NO_NAMES: BTreeMap<String, String> = BTreeMap::new();

impl Agreement {
    /// Names of the feed's measures by those of the formula, where they differ.
    pub fn names(&self) -> &BTreeMap<String, String> {
        match self {
            Self::Reads(names) => names,
            _ => &NO_NAMES,
        }
    }

    /// Why the figures cannot be those that were agreed.
    pub fn mismatch(&self) -> Option<String> {
        match self {
            Self::Mismatch { message } => Some(message.clone()),
            _ => None,
        }
    }
}

/// Whether a measure counts what happens within a time, or beyond one.
pub fn counts_within(measure: &str) -> bool {
    measure.ends_with("Within") || measure == "longWaits"
}

/// Holds a KPI against the feed that it reads.
pub fn agreement(spec: &KpiTargetSpec, contract: &VendorContractSpec) -> Agreement {
    agreement_with(spec, contract, &spec.source.feed)
}

/// Holds a KPI against one of the contract's feeds.
pub fn agreement_with(spec: &KpiTargetSpec, contract: &VendorContractSpec, feed: &str) -> Agreement {
    let Some(within) = spec.within else { return Agreement::None };
    let feed = contract.feeds.iter().find(|one| one.name == feed);
    let (Some(feed), Ok(found)) = (feed, definition(spec)) else { return Agreement::None };
    let measures: Vec<&str> = found.measures().into_iter().filter(|measure| counts_within(measure)).collect();
    if measures.is_empty() {
        return Agreement::None;
    }
    let (mut names, mut undeclared) = (BTreeMap::new(), Vec::new());
    for measure in measures {
        let times: Vec<(&str, Duration)> = times_of(feed, measure).collect();
        match times.iter().find(|(_, time)| time.seconds() == within.seconds()) {
            Some((name, _)) => {
                names.insert(measure.to_owned(), (*name).to_owned());
            }
            None if times.is_empty() => undeclared.push(measure.to_owned()),
            None => return Agreement::Mismatch { message: other_times(feed, measure, &times, within) },
        }
    }
    match (names.is_empty(), undeclared.first()) {
        (true, _) => Agreement::Unknown { measures: undeclared },
        (false, None) => Agreement::Reads(names),
        (false, Some(measure)) => Agreement::Mismatch {
            message: format!(
                "feed {} says with which threshold it counts {}, but not {measure}, which the formula needs too: add {{measure: {measure}, within: {within}}} to its thresholds",
                feed.name,
                names.keys().cloned().collect::<Vec<_>>().join(" and ")
            ),
        },
    }
}

/// Why the times do not fit, where they do not.
pub fn mismatch(spec: &KpiTargetSpec, contract: &VendorContractSpec) -> Option<String> {
    let own = || agreement_with(spec, contract, &spec.source.cross_check.as_ref()?.feed).mismatch();
    agreement(spec, contract).mismatch().or_else(own)
}

/// What the vendors' answers said of their thresholds, in time.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SaidHistory {
    feeds: BTreeMap<String, Vec<(Timestamp, BTreeMap<String, i64>)>>,
}

impl SaidHistory {
    /// What a journal holds, and what was said before all time.
    #[must_use]
    pub fn of(journal: Option<&Journal>, said: &BTreeMap<String, ThresholdsSaid>) -> Self {
        let mut history = SaidHistory::default();
        for (feed, said) in said {
            history.feeds.insert(feed.clone(), vec![(Timestamp::MIN, said.thresholds.clone())]);
        }
        for (feed, said, at) in journal.into_iter().flat_map(Journal::thresholds) {
            history.feeds.entry(feed.to_owned()).or_default().push((at, said.thresholds.clone()));
        }
        history
    }

    /// The instants at which a feed said something else.
    pub fn instants(&self, feed: &str) -> impl Iterator<Item = Timestamp> {
        self.feeds.get(feed).into_iter().flatten().map(|(at, _)| *at)
    }

    fn at(&self, feed: &str, at: Timestamp) -> Option<&BTreeMap<String, i64>> {
        let said = self.feeds.get(feed)?.iter().rev().find(|(known_from, _)| *known_from <= at);
        said.map(|(_, thresholds)| thresholds)
    }

    /// Why a vendor's answers contradict the time that was agreed for a KPI, as known at an instant.
    #[must_use]
    pub fn contradiction(&self, spec: &KpiTargetSpec, contract: &VendorContractSpec, at: Timestamp) -> Option<String> {
        let (within, feed) = (spec.within?, spec.source.feed.as_str());
        let said = self.at(feed, at)?;
        let agreement = agreement(spec, contract);
        let found = definition(spec).ok()?;
        found.measures().into_iter().filter(|measure| counts_within(measure)).find_map(|measure| {
            let read = agreement.names().get(measure).map_or(measure, String::as_str);
            let seconds = said.get(read).filter(|seconds| Some(**seconds) != within.seconds())?;
            Some(format!(
                "{within} was agreed, and the answers of feed {feed} say that {read} is counted by {seconds}s: find out which is true; the figures are judged as they are, and periods wait for up to 20bd"
            ))
        })
    }
}

/// What the answers say and the journal does not hold yet, as facts seen at `now`.
#[must_use]
pub fn unrecorded(
    said: &BTreeMap<String, BTreeMap<String, i64>>,
    journal: &Journal,
    now: Timestamp,
) -> Vec<RecordedFact> {
    let last = |feed: &str| journal.thresholds().filter(|(name, ..)| *name == feed).last().map(|(_, said, _)| said);
    let new = said.iter().filter(|(feed, thresholds)| last(feed).is_none_or(|said| said.thresholds != **thresholds));
    new.map(|(feed, thresholds)| {
        let fact = JournalFact::ThresholdsSaid(ThresholdsSaid { thresholds: thresholds.clone() });
        RecordedFact { name: feed.clone(), fact, recorded_at: now }
    })
    .collect()
}

/// The feed's measures of one of a formula, with the time of each.
fn times_of<'f>(feed: &'f Feed, measure: &'f str) -> impl Iterator<Item = (&'f str, Duration)> {
    let declared = feed.thresholds.iter().filter(move |one| one.of.as_ref().unwrap_or(&one.measure) == measure);
    declared.map(|one| (one.measure.as_str(), one.within))
}

fn other_times(feed: &Feed, measure: &str, times: &[(&str, Duration)], within: Duration) -> String {
    let counted: Vec<String> = times.iter().map(|(_, time)| time.to_string()).collect();
    format!(
        "{within} was agreed, and feed {} counts {measure} by {}: correct `within`, or have the vendor count by {within} and say so in the feed's thresholds",
        feed.name,
        counted.join(" and ")
    )
}
