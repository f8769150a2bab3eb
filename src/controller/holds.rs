//! Gathers how the feeds of a contract were asked, for the decision on which periods wait until they were.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::context::Context;
use super::evidence_cache::ContractEvidence;
use crate::domain::decision::contract::term_of;
use crate::domain::holdings::FeedHealth;
use crate::domain::judgement::outcome::Judgement;
use crate::domain::measuring::holds::{Asking, Holds, unasked};
use crate::domain::terms::contract_terms::Terms;
use crate::domain::terms::journal::{Journal, JournalFact, RecordedFact};
use crate::feed::scheduler::{longest_pause, over};

/// How each feed of a contract was asked. Taken before the rows are read, so that what a poll brought is among them.
pub fn asking_of(
    context: &Context,
    uid: &str,
    terms: &Terms,
    health: &BTreeMap<String, FeedHealth>,
) -> BTreeMap<String, Asking> {
    let tries = context.scheduler.tries_of(uid);
    let term_end = term_of(terms).map_or(Timestamp::MAX, |(_, end)| end);
    let asked = terms.contract.feeds.iter().map(|feed| {
        let tried = tries.get(&feed.name);
        let asking = Asking {
            until: health.get(&feed.name).and_then(|health| health.asked_until),
            trying_since: tried.map(|tried| tried.since),
            tried_until: tried.map(|tried| tried.until),
            fails: health.get(&feed.name).is_some_and(FeedHealth::is_failing),
            pause: longest_pause(feed, &context.clock),
            over: over(feed, term_end),
        };
        (feed.name.clone(), asking)
    });
    asked.collect()
}

/// The evidence with facts that the journal does not hold yet. Without any, the journal is shared and not copied.
pub fn with_facts(evidence: &ContractEvidence, facts: &[RecordedFact]) -> ContractEvidence {
    if facts.is_empty() {
        return evidence.clone();
    }
    let journal = Arc::new(Journal { facts: [&evidence.journal.facts[..], facts].concat() });
    ContractEvidence { journal, ..evidence.clone() }
}

/// What is known of periods that a judgement could close.
pub struct Closing<'a> {
    /// The evidence that was judged.
    pub evidence: &'a ContractEvidence,
    /// How the feeds were asked.
    pub asking: &'a BTreeMap<String, Asking>,
    /// The periods whose reports are signed, whether or not the store, which may be another one since, has closed them.
    pub signed: &'a BTreeSet<String>,
    /// When it was judged.
    pub judged_at: Timestamp,
}

/// The waits that begin with a judgement: of the periods that it would close without their feeds having been asked.
pub fn new_waits(judgement: &Judgement, terms: &Terms, known: &Closing<'_>) -> Vec<RecordedFact> {
    let Closing { evidence, asking, signed, judged_at } = known;
    let is_closed = |period: &String| evidence.closings.contains_key(period) || signed.contains(period);
    let closing = judgement.finals.iter().filter(|(period, _)| !is_closed(period));
    let closing = closing.map(|(period, due)| (period.clone(), *due)).collect();
    unasked(&closing, terms, &evidence.journal, asking, *judged_at)
}

/// Asks at once the feeds for which a period has begun to wait. One that fails is asked at its next turn, as its vendor may wish.
pub fn ask(context: &Context, uid: &str, facts: &[RecordedFact], health: &BTreeMap<String, FeedHealth>) {
    let begun = facts.iter().filter_map(|recorded| match &recorded.fact {
        JournalFact::PeriodHeld(held) if held.asked_at.is_none() => Some(held),
        _ => None,
    });
    let mut feeds: Vec<&String> = begun.flat_map(|held| &held.feeds).collect();
    feeds.sort_unstable();
    feeds.dedup();
    for feed in feeds.into_iter().filter(|feed| !health.get(*feed).is_some_and(FeedHealth::is_failing)) {
        context.scheduler.poll_now(uid, Some(feed));
    }
}

/// Whether a period waits at an instant.
pub fn waits(evidence: &ContractEvidence, at: Timestamp) -> bool {
    Holds::of(Some(&evidence.journal)).wait(at)
}
