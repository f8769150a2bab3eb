//! Times that were agreed, held against the times by which a feed counts: "answered within 20 seconds" is another figure within 30.

use std::collections::BTreeMap;

use crate::api::feed::Feed;
use crate::api::scalar::Duration;
use crate::api::{KpiTargetSpec, VendorContractSpec};

use super::catalogue::definition;

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

/// Holds a KPI against the contract's feed.
pub fn agreement(spec: &KpiTargetSpec, contract: &VendorContractSpec) -> Agreement {
    let Some(within) = spec.within else { return Agreement::None };
    let feed = contract.feeds.iter().find(|feed| feed.name == spec.source.feed);
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
                "feed {} says by which time it counts {}, and not {measure}, which the formula needs too: add {{measure: {measure}, within: {within}}} to its thresholds",
                feed.name,
                names.keys().cloned().collect::<Vec<_>>().join(" and ")
            ),
        },
    }
}

/// Why the times do not fit, where they do not.
pub fn mismatch(spec: &KpiTargetSpec, contract: &VendorContractSpec) -> Option<String> {
    agreement(spec, contract).mismatch()
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
