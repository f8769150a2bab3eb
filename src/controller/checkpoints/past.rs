//! What was worked out of closed periods, kept beside the evidence: a contract with news reads no rows of them after a restart.
//!
//! Invariant: it is taken only by the same program, and only where the chains of rows still go through the rows that it rests on. What
//! else it rests on, terms and records, it holds itself to when it is used.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Checkpoints, EvidenceCache, EvidenceStore, Fresh, Head, Past, Snapshot, StoreError, decode, sealed};
use crate::controller::evidence_cache::ContractEvidence;

/// Changes with what is kept that its types do not show.
const VERSION: &[u8] = b"bpo-operator past 4";

/// A past with the ends of the chains of rows that it rests on.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct KeptPast {
    heads: BTreeMap<String, (i64, [u8; 32])>,
    past: Past,
}

impl Checkpoints {
    /// What was worked out of closed periods, if it holds for evidence that goes on from what it rests on.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn find_past(
        &self,
        store: &dyn EvidenceStore,
        uid: &str,
        evidence: &ContractEvidence,
    ) -> Result<Option<Past>, StoreError> {
        let Some(program) = self.program().await else { return Ok(None) };
        let Some(content) = store.checkpoint(&name(uid)).await? else { return Ok(None) };
        let key = key(program, uid);
        let kept = tokio::task::spawn_blocking(move || decode::<KeptPast>(&content, &key)).await.ok().flatten();
        let Some(KeptPast { heads, past }) = kept else { return Ok(None) };
        for (feed, (sequence, digest)) in heads {
            let found = match evidence.heads.get(&feed) {
                Some(head) if head.sequence == sequence => Some(head.digest),
                Some(head) if head.sequence > sequence => store.digest_at(uid, &feed, sequence).await?,
                _ => None,
            };
            if found != Some(digest) {
                return Ok(None);
            }
        }
        Ok(Some(past))
    }

    /// Keeps what a judgement worked out of closed periods, where it is time to.
    ///
    /// # Errors
    /// When the store does not take it.
    pub async fn keep_past(
        &self,
        store: &dyn EvidenceStore,
        cache: &EvidenceCache,
        fresh: &Fresh,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Some(program) = self.program().await else { return Ok(()) };
        let Some(snapshot) = cache.snapshot(fresh, now) else { return Ok(()) };
        let (uid, heads) = (fresh.uid.clone(), fresh.evidence.heads.clone());
        let encoding = move || encode(program, &uid, &heads, snapshot);
        let Some((past, content)) = tokio::task::spawn_blocking(encoding).await.ok().flatten() else { return Ok(()) };
        store.keep_checkpoints(vec![(name(&fresh.uid), content)], now).await?;
        cache.kept_past(&fresh.uid, &past, now);
        Ok(())
    }
}

/// Under which name a past lies among the checkpoints; no UID has a slash.
fn name(uid: &str) -> String {
    format!("{uid}/past")
}

fn key(program: [u8; 32], uid: &str) -> [u8; 32] {
    let digest = Sha256::new().chain_update(VERSION).chain_update(program).chain_update(uid);
    digest.finalize().into()
}

/// A past as it is kept; `None` for what would be read as something else.
fn encode(program: [u8; 32], uid: &str, heads: &BTreeMap<String, Head>, snapshot: Snapshot) -> Option<(Past, Vec<u8>)> {
    let past = snapshot.past(heads.iter().map(|(feed, head)| (feed.clone(), head.sequence)).collect())?;
    let heads = heads.iter().map(|(feed, head)| (feed.clone(), (head.sequence, head.digest))).collect();
    let kept = KeptPast { heads, past };
    let content = sealed(&key(program, uid), &kept)?;
    Some((kept.past, content))
}
