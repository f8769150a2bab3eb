//! What a look at a contract shows and its journal does not hold yet.

use jiff::Timestamp;

use super::contract_terms::Terms;
use super::disputes;
use super::journal::{FirstJudged, Journal, JournalFact, RecordedFact};
use super::relief::unseen;

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
