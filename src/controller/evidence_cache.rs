//! Rows and closings that were read from the evidence before, kept so that a look costs only what is new.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::domain::facts::{InvalidSpec, Judgement, Terms};
use crate::domain::journal::{Journal, RecordedFact};
use crate::domain::measures::Row;
use crate::domain::rollups::RollUps;
use crate::evidence::{EvidenceStore, Head, StoreError, facts};

/// What is known of one contract's evidence.
#[derive(Clone, Debug, Default)]
pub struct ContractEvidence {
    /// Rows by feed.
    pub rows: Arc<BTreeMap<String, Vec<Row>>>,
    /// Ends of the chains by feed.
    pub heads: BTreeMap<String, Head>,
    /// Terms under which periods closed.
    pub closings: Arc<BTreeMap<String, Terms>>,
    /// Facts of the journal.
    pub journal: Arc<Journal>,
}

/// The last judgement of a contract and for what it holds.
#[derive(Clone, Debug)]
struct Memo {
    terms: [u8; 32],
    sequences: BTreeMap<String, i64>,
    closings: usize,
    journal: Arc<Journal>,
    judged_at: Timestamp,
    next: Option<Timestamp>,
    judgement: Arc<Result<Judgement, InvalidSpec>>,
}

#[derive(Debug, Default)]
struct Entry {
    evidence: ContractEvidence,
    journal_known: bool,
    memo: Option<Memo>,
    rollups: RollUps,
}

/// Keeps evidence by the contract's UID.
pub struct EvidenceCache {
    store: Arc<dyn EvidenceStore>,
    entries: Mutex<HashMap<String, Entry>>,
}

impl EvidenceCache {
    /// An empty cache over a store.
    pub fn new(store: Arc<dyn EvidenceStore>) -> Self {
        EvidenceCache { store, entries: Mutex::default() }
    }

    /// The evidence of a contract: what is new is read, the rest is known.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn read(&self, uid: &str, feeds: &[String]) -> Result<ContractEvidence, StoreError> {
        let heads = self.store.heads(uid).await?;
        let (known, journal_known) = {
            let mut entries = self.entries();
            let entry = entries.entry(uid.to_owned()).or_default();
            (entry.evidence.heads.clone(), entry.journal_known)
        };
        let mut news = Vec::new();
        for feed in feeds {
            let after = known.get(feed).map_or(0, |head| head.sequence);
            if let Some(head) = heads.get(feed).filter(|head| head.sequence > after) {
                news.push((feed.clone(), *head, self.store.rows(uid, feed, after).await?));
            }
        }
        let journal = match journal_known {
            true => None,
            false => Some((self.store.closings(uid).await?, facts::journal(&*self.store, uid).await?)),
        };
        let mut entries = self.entries();
        let entry = entries.entry(uid.to_owned()).or_default();
        if !news.is_empty() {
            let rows = Arc::make_mut(&mut entry.evidence.rows);
            for (feed, head, new) in news {
                let kept = rows.entry(feed.clone()).or_default();
                let last = kept.last().map_or(0, |row| row.sequence);
                // Rows that arrived between the two reads wait for the head that vouches for them.
                kept.extend(new.into_iter().filter(|row| last < row.sequence && row.sequence <= head.sequence));
                entry.evidence.heads.insert(feed, head);
            }
        }
        if let Some((closings, journal)) = journal {
            (entry.evidence.closings, entry.evidence.journal) = (Arc::new(closings), Arc::new(journal));
            entry.journal_known = true;
        }
        Ok(entry.evidence.clone())
    }

    /// Remembers that a period closed.
    pub fn closed(&self, uid: &str, period: &str, terms: &Terms) {
        if let Some(entry) = self.entries().get_mut(uid) {
            Arc::make_mut(&mut entry.evidence.closings).entry(period.to_owned()).or_insert_with(|| terms.clone());
        }
    }

    /// Remembers that a fact was recorded.
    pub fn recorded(&self, uid: &str, fact: &RecordedFact) {
        if let Some(entry) = self.entries().get_mut(uid) {
            Arc::make_mut(&mut entry.evidence.journal).facts.push(fact.clone());
        }
    }

    /// The last judgement, if neither the facts nor the time can have changed it.
    pub fn judgement(
        &self,
        uid: &str,
        terms: [u8; 32],
        evidence: &ContractEvidence,
        now: Timestamp,
    ) -> Option<Arc<Result<Judgement, InvalidSpec>>> {
        let entries = self.entries();
        let memo = entries.get(uid)?.memo.as_ref()?;
        let holds = memo.terms == terms
            && memo.closings == evidence.closings.len()
            && memo.journal == evidence.journal
            && memo.sequences == sequences(evidence)
            && now >= memo.judged_at
            && memo.next.is_none_or(|next| now < next);
        holds.then(|| memo.judgement.clone())
    }

    /// Gives what earlier judgements of a contract worked out; nothing until [`Self::keep`] brings it back.
    pub fn take_rollups(&self, uid: &str) -> RollUps {
        self.entries().get_mut(uid).map(|entry| std::mem::take(&mut entry.rollups)).unwrap_or_default()
    }

    /// Keeps a judgement, and what was worked out for it. A contract that is gone by now stays forgotten.
    pub fn keep(
        &self,
        uid: &str,
        terms: [u8; 32],
        evidence: &ContractEvidence,
        judged_at: Timestamp,
        judgement: &Arc<Result<Judgement, InvalidSpec>>,
        rollups: RollUps,
    ) {
        let next = judgement.as_ref().as_ref().ok().and_then(|judgement| judgement.next);
        let memo = Memo {
            terms,
            sequences: sequences(evidence),
            closings: evidence.closings.len(),
            journal: evidence.journal.clone(),
            judged_at,
            next,
            judgement: judgement.clone(),
        };
        if let Some(entry) = self.entries().get_mut(uid) {
            (entry.memo, entry.rollups) = (Some(memo), rollups);
        }
    }

    /// Forgets a contract that is gone. The store keeps its evidence.
    pub fn forget(&self, uid: &str) {
        self.entries().remove(uid);
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn sequences(evidence: &ContractEvidence) -> BTreeMap<String, i64> {
    evidence.rows.iter().map(|(feed, rows)| (feed.clone(), rows.last().map_or(0, |row| row.sequence))).collect()
}
