//! Judgements that were made before, and for what they hold.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::{ContractEvidence, EvidenceCache};
use crate::domain::judgement::outcome::Judgement;
use crate::domain::measuring::rollups::RollUps;
use crate::domain::terms::finding::InvalidSpec;
use crate::domain::terms::journal::Journal;
use crate::evidence::Head;

/// The last judgement of a contract and for what it holds.
#[derive(Clone, Debug)]
pub(super) struct Memo {
    terms: [u8; 32],
    /// In the order of the feeds' names.
    heads: Box<[(String, Head)]>,
    closings: usize,
    journal: Arc<Journal>,
    pub(super) judged_at: Timestamp,
    next: Option<Timestamp>,
    pub(super) judgement: Arc<Result<Judgement, InvalidSpec>>,
    /// Whether [`EvidenceCache::fresh`] has not given it yet.
    is_fresh: bool,
}

impl Memo {
    /// Whether these are the ends of the chains that it rests on.
    pub(super) fn rests_on(&self, heads: &BTreeMap<String, Head>) -> bool {
        self.heads.iter().map(|known| (&known.0, &known.1)).eq(heads)
    }
}

/// A judgement with what it holds for.
#[derive(Clone, Debug)]
pub struct Fresh {
    /// UID under which the contract's evidence lies.
    pub uid: String,
    /// Digest of the terms.
    pub terms: [u8; 32],
    /// What was known of the evidence.
    pub evidence: ContractEvidence,
    /// When it was made.
    pub judged_at: Timestamp,
    /// What it says.
    pub judgement: Arc<Result<Judgement, InvalidSpec>>,
}

impl EvidenceCache {
    /// The last judgement, if neither the facts nor the time can have changed it.
    pub fn judgement(
        &self,
        uid: &str,
        terms: [u8; 32],
        evidence: &ContractEvidence,
        now: Timestamp,
    ) -> Option<Arc<Result<Judgement, InvalidSpec>>> {
        let mut entries = self.entries();
        let memo = entries.by_uid.get_mut(uid)?.memo.as_mut()?;
        let holds = memo.terms == terms
            && memo.closings == evidence.closings.len()
            && (Arc::ptr_eq(&memo.journal, &evidence.journal) || memo.journal == evidence.journal)
            && memo.rests_on(&evidence.heads)
            && now >= memo.judged_at
            && memo.next.is_none_or(|next| now < next);
        if !holds {
            return None;
        }
        // A look that recorded facts has judged by a copy: from here on one of the two is enough.
        memo.journal.clone_from(&evidence.journal);
        Some(memo.judgement.clone())
    }

    /// Hands out what earlier judgements of a contract worked out; nothing until [`Self::keep`] brings it back.
    pub fn take_rollups(&self, uid: &str) -> RollUps {
        self.entries().by_uid.get_mut(uid).map(|entry| std::mem::take(&mut entry.rollups)).unwrap_or_default()
    }

    /// Keeps a judgement, and what was worked out for it; `None` for one that was made before this process began. A contract that is gone
    /// by now stays forgotten.
    pub fn keep(
        &self,
        uid: &str,
        terms: [u8; 32],
        evidence: &ContractEvidence,
        judged_at: Timestamp,
        judgement: &Arc<Result<Judgement, InvalidSpec>>,
        rollups: Option<RollUps>,
    ) {
        let next = judgement.as_ref().as_ref().ok().and_then(|judgement| judgement.next);
        let memo = Memo {
            terms,
            heads: evidence.heads.iter().map(|(feed, head)| (feed.clone(), *head)).collect(),
            closings: evidence.closings.len(),
            journal: evidence.journal.clone(),
            judged_at,
            next,
            judgement: judgement.clone(),
            is_fresh: rollups.is_some(),
        };
        let mut entries = self.entries();
        if let Some(entry) = entries.by_uid.get_mut(uid) {
            entry.memo = Some(memo);
            entry.misfits.has_judged();
            // Where the rows were let go while they were judged, what was worked out of them goes too: it holds them.
            if let Some(rollups) = rollups.filter(|_| entry.held.rows > 0) {
                (entry.held.rollups, entry.rollups) = (rollups.bytes(), rollups);
            }
        }
        entries.make_room_for(uid, self.most);
    }

    /// Whether a contract was not judged since this process began; true for the first who asks only.
    pub fn begins(&self, uid: &str) -> bool {
        let mut entries = self.entries();
        let entry = entries.by_uid.entry(uid.to_owned()).or_default();
        !std::mem::replace(&mut entry.begun, true) && entry.memo.is_none()
    }

    /// The judgements that were made since this was asked last, and that still rest on all closings.
    pub fn fresh(&self) -> Vec<Fresh> {
        let mut entries = self.entries();
        let mut fresh = Vec::new();
        for (uid, entry) in &mut entries.by_uid {
            let Some(memo) = &mut entry.memo else { continue };
            if !std::mem::take(&mut memo.is_fresh) || memo.closings != entry.closings.len() {
                continue;
            }
            let (closings, journal) = (entry.closings.clone(), memo.journal.clone());
            let heads = memo.heads.iter().cloned().collect();
            fresh.push(Fresh {
                uid: uid.clone(),
                terms: memo.terms,
                evidence: ContractEvidence { heads, closings, last_closing: entry.last_closing, journal },
                judged_at: memo.judged_at,
                judgement: memo.judgement.clone(),
            });
        }
        fresh
    }
}
