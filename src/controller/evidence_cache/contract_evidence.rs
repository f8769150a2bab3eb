//! What is known of a contract's evidence in addition to its rows: the ends of its chains, its closings and its journal.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::EvidenceCache;
use crate::api::Shared;
use crate::domain::terms::contract_terms::Terms;
use crate::domain::terms::journal::{Journal, RecordedFact};
use crate::evidence::{Head, StoreError, recorded_facts};

/// How much later than a closing a fact is recorded at the least: the store keeps instants by the microsecond.
const AFTER_CLOSING: SignedDuration = SignedDuration::from_micros(1);

/// What is known of one contract's evidence in addition to its rows.
#[derive(Clone, Debug, Default)]
pub struct ContractEvidence {
    /// Ends of the chains of the feeds that are judged: up to them the rows are known that [`EvidenceCache::rows`] returns.
    pub heads: BTreeMap<String, Head>,
    /// Terms under which periods closed.
    pub closings: Arc<BTreeMap<String, Shared<Terms>>>,
    /// When the last of them was recorded.
    pub last_closing: Option<Timestamp>,
    /// Facts of the journal.
    pub journal: Arc<Journal>,
}

impl ContractEvidence {
    /// The instant to judge at: what is closed stays closed and what was recorded stays known, also for a clock that went back.
    ///
    /// A fact that is dated later than `believed` was recorded by a clock that was wrong, and does not move the judgement into the future. A
    /// closing does: what is signed was judged at its instant.
    pub fn judged_at(&self, now: Timestamp, believed: Timestamp) -> Timestamp {
        let closed = self.last_closing.map_or(now, |closed| closed.max(now));
        let believed = believed.max(closed.checked_add(AFTER_CLOSING).unwrap_or(closed));
        self.journal.last_recorded_by(believed).map_or(closed, |recorded| recorded.max(closed))
    }

    /// The instant at which new facts are recorded: after the last closing. A report that is signed did not know them, also where the
    /// clock went back since, or did not move.
    pub fn recorded_at(&self, now: Timestamp) -> Timestamp {
        match self.last_closing {
            Some(closed) if closed >= now => closed.checked_add(AFTER_CLOSING).unwrap_or(now),
            _ => now,
        }
    }
}

impl EvidenceCache {
    /// What is known of the evidence of a contract in addition to its rows. A feed that was asked for once is always part of it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn read(&self, uid: &str, feeds: &[String]) -> Result<ContractEvidence, StoreError> {
        let journal_known = {
            let mut entries = self.entries();
            let entry = entries.by_uid.entry(uid.to_owned()).or_default();
            entry.feeds.extend(feeds.iter().cloned());
            entry.journal_known
        };
        let mut heads = self.store.heads(uid).await?;
        let journal = match journal_known {
            true => None,
            false => {
                let closings = (self.store.closings(uid).await?, self.store.last_closing(uid).await?);
                Some((closings, recorded_facts::journal(&*self.store, uid).await?))
            }
        };
        let mut entries = self.entries();
        let entry = entries.by_uid.entry(uid.to_owned()).or_default();
        if let Some(((closings, last_closing), journal)) = journal {
            (entry.closings, entry.last_closing) = (Arc::new(sharing(closings)), last_closing);
            (entry.journal, entry.journal_known) = (Arc::new(journal), true);
        }
        heads.retain(|feed, _| entry.feeds.contains(feed));
        let (closings, journal) = (entry.closings.clone(), entry.journal.clone());
        Ok(ContractEvidence { heads, closings, last_closing: entry.last_closing, journal })
    }

    /// Remembers that a period closed, recorded at `now`.
    pub fn closed(&self, uid: &str, period: &str, terms: &Terms, now: Timestamp) {
        if let Some(entry) = self.entries().by_uid.get_mut(uid) {
            let known = entry.closings.values().rev().find(|known| ***known == *terms).cloned();
            let terms = known.unwrap_or_else(|| Shared::new(terms.clone()));
            Arc::make_mut(&mut entry.closings).entry(period.to_owned()).or_insert(terms);
            entry.last_closing = entry.last_closing.max(Some(now));
        }
    }

    /// The instant at which facts of a contract are recorded where its last closing has not come yet, as [`ContractEvidence::recorded_at`]
    /// has it.
    pub fn after_last_closing(&self, uid: &str) -> Option<Timestamp> {
        let last = self.entries().by_uid.get(uid).and_then(|entry| entry.last_closing);
        last.and_then(|closed| closed.checked_add(AFTER_CLOSING).ok())
    }

    /// Remembers that a fact was recorded.
    pub fn recorded(&self, uid: &str, fact: &RecordedFact) {
        if let Some(entry) = self.entries().by_uid.get_mut(uid) {
            Arc::make_mut(&mut entry.journal).facts.push(fact.clone());
        }
    }
}

/// The terms under which periods closed: the same terms stay one, and others share with those before them what stayed.
fn sharing(mut closings: BTreeMap<String, Shared<Terms>>) -> BTreeMap<String, Shared<Terms>> {
    // Terms as they were read, with what is held of them.
    let mut known: Vec<(Shared<Terms>, Shared<Terms>)> = Vec::new();
    for terms in closings.values_mut() {
        let found = known.iter().rev().find(|(read, _)| read.is_one_with(terms));
        if let Some((_, held)) = found {
            terms.clone_from(held);
            continue;
        }
        let read = terms.clone();
        if let Some((_, before)) = known.last() {
            terms.share_with(before);
        }
        known.push((read, terms.clone()));
    }
    closings
}
