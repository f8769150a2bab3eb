//! The last judgement of each contract, kept beside the evidence: after a restart a contract that nothing has happened to is not
//! judged again, and none of its rows is read.
//!
//! Invariant: it is a cache. A judgement is taken from it only for the very same question (the same program, terms, closings, facts
//! and ends of the chains of rows, and an instant before the one at which time alone may change it), so that deleting all of it
//! changes nothing but the time that a start takes.

use std::io::Read;
use std::sync::Arc;

use flate2::Compression;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;

use super::evidence_cache::{ContractEvidence, EvidenceCache, Fresh};
use crate::api::Shared;
use crate::domain::judgement::outcome::Judgement;
use crate::domain::measuring::rollups::{Past, Snapshot};
use crate::domain::numbers::deflated::{deflated, inflated};
use crate::domain::terms::contract_terms::Terms;
use crate::domain::terms::finding::InvalidSpec;
use crate::evidence::{EvidenceStore, Head, StoreError};

mod past;

/// Changes with what a checkpoint holds that its types do not show.
const VERSION: &[u8] = b"bpo-operator checkpoint 3";

/// This many checkpoints are written in one transaction.
const AT_ONCE: usize = 32;

/// A checkpoint that says that it is larger than this is none.
const MOST: u64 = 256 << 20;

/// A judgement with the instant at which it was made.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// When it was made.
    pub judged_at: Timestamp,
    /// What it says.
    pub judgement: Judgement,
}

/// Keeps judgements in a store, and finds them again.
#[derive(Debug, Default)]
pub struct Checkpoints {
    /// SHA-256 of this program; `None` where it cannot be read, and nothing is kept. Other programs may judge otherwise.
    program: OnceCell<Option<[u8; 32]>>,
}

/// What a judgement is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// UID under which the contract's evidence lies.
    pub uid: &'a str,
    /// Name of the contract.
    pub name: &'a str,
    /// Digest of its terms.
    pub terms: [u8; 32],
    /// What is known of its evidence in addition to rows.
    pub evidence: &'a ContractEvidence,
}

impl Checkpoints {
    /// Those of a program with this digest.
    #[cfg(test)]
    fn of_program(digest: [u8; 32]) -> Self {
        Checkpoints { program: OnceCell::new_with(Some(Some(digest))) }
    }

    async fn program(&self) -> Option<[u8; 32]> {
        let digest = || async { tokio::task::spawn_blocking(digest_of_this_program).await.ok().flatten() };
        *self.program.get_or_init(digest).await
    }

    /// The judgement that is kept, if it holds at `now`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn find(
        &self,
        store: &dyn EvidenceStore,
        asked: Asked<'_>,
        now: Timestamp,
    ) -> Result<Option<Kept>, StoreError> {
        let Some(program) = self.program().await else { return Ok(None) };
        let Some(content) = store.checkpoint(asked.uid).await? else { return Ok(None) };
        let Some(key) = key(program, asked.terms, asked.evidence) else { return Ok(None) };
        let kept = tokio::task::spawn_blocking(move || decode::<Kept>(&content, &key)).await.ok().flatten();
        Ok(kept.filter(|kept| kept.holds(asked.name, now)))
    }

    /// Keeps what was judged since it was asked for last, and lets go of what can be read again soon enough.
    ///
    /// # Errors
    /// When the store does not take it.
    pub async fn keep(
        &self,
        store: &dyn EvidenceStore,
        cache: &EvidenceCache,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Some(program) = self.program().await else { return Ok(()) };
        for part in cache.fresh().chunks(AT_ONCE) {
            for fresh in part {
                self.keep_past(store, cache, fresh, now).await?;
            }
            let part = part.to_vec();
            let encoding = move || -> Vec<(String, Vec<u8>)> {
                part.into_iter().filter_map(|fresh| Some((fresh.uid.clone(), encode(program, &fresh)?))).collect()
            };
            let encoded = tokio::task::spawn_blocking(encoding).await.unwrap_or_default();
            if !encoded.is_empty() {
                store.keep_checkpoints(encoded, now).await?;
            }
        }
        cache.let_go_of_quiet(now);
        Ok(())
    }
}

impl Kept {
    /// The judgement as the cache holds it.
    pub fn shared(self) -> Arc<Result<Judgement, InvalidSpec>> {
        Arc::new(Ok(self.judgement.fitted()))
    }

    fn holds(&self, name: &str, now: Timestamp) -> bool {
        self.judgement.reports.iter().all(|report| report.contract() == name)
            && now >= self.judged_at
            && self.judgement.next.is_none_or(|next| now < next)
    }
}

/// SHA-256 of the file that this process runs.
fn digest_of_this_program() -> Option<[u8; 32]> {
    let mut file =
        std::fs::File::open("/proc/self/exe").or_else(|_| std::fs::File::open(std::env::current_exe()?)).ok()?;
    let (mut digest, mut part) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut part).ok()? {
            0 => return Some(digest.finalize().into()),
            read => digest.update(part.get(..read)?),
        }
    }
}

/// What a judgement rests on, as one digest.
fn key(program: [u8; 32], terms: [u8; 32], evidence: &ContractEvidence) -> Option<[u8; 32]> {
    let ContractEvidence { heads, closings, last_closing, journal } = evidence;
    let mut digest = Sha256::new();
    digest.update(VERSION);
    digest.update(program);
    digest.update(terms);
    let text = |digest: &mut Sha256, text: &str| {
        digest.update((text.len() as u64).to_be_bytes());
        digest.update(text);
    };
    digest.update((heads.len() as u64).to_be_bytes());
    for (feed, head) in heads {
        text(&mut digest, feed);
        digest.update(head.sequence.to_be_bytes());
        digest.update(head.digest);
    }
    digest.update((closings.len() as u64).to_be_bytes());
    let mut before: Option<(&Shared<Terms>, [u8; 32])> = None;
    for (period, terms) in &**closings {
        // Most periods closed under the terms of the one before.
        let known = before.filter(|(known, _)| known.is_one_with(terms)).map(|(_, digest)| digest);
        let of_terms = match known {
            Some(digest) => digest,
            None => Sha256::digest(serde_json::to_vec(terms).ok()?).into(),
        };
        text(&mut digest, period);
        digest.update(of_terms);
        before = Some((terms, of_terms));
    }
    text(&mut digest, &last_closing.map_or_else(String::new, |closed| closed.to_string()));
    digest.update((journal.facts.len() as u64).to_be_bytes());
    for recorded in &journal.facts {
        text(&mut digest, recorded.fact.kind());
        text(&mut digest, &recorded.name);
        text(&mut digest, &recorded.recorded_at.to_string());
        text(&mut digest, &recorded.fact.content().ok()?.to_string());
    }
    Some(digest.finalize().into())
}

/// A checkpoint: SHA-256 of all that follows, the key, and the judgement as deflated JSON. `None` for what is not kept: a spec that cannot
/// be judged, news that wait for the journal, and what would be read as something else.
fn encode(program: [u8; 32], fresh: &Fresh) -> Option<Vec<u8>> {
    let judgement = fresh.judgement.as_ref().as_ref().ok()?;
    if judgement.kpis.values().any(|kpi| kpi.risk_news.is_some()) {
        return None;
    }
    let kept = Kept { judged_at: fresh.judged_at, judgement: judgement.clone() };
    sealed(&key(program, fresh.terms, &fresh.evidence)?, &kept)
}

/// SHA-256 of all that follows, a key, and a value as JSON, deflated; `None` for what would be read as something else.
pub(super) fn sealed<T: Serialize + DeserializeOwned + PartialEq>(key: &[u8; 32], value: &T) -> Option<Vec<u8>> {
    let content = deflated(key.to_vec(), value, Compression::fast())?;
    let mut whole = Sha256::digest(&content).to_vec();
    whole.extend(content);
    (decode::<T>(&whole, key)? == *value).then_some(whole)
}

/// What was sealed with this key; `None` for any other, and for what is damaged.
pub(super) fn decode<T: DeserializeOwned>(whole: &[u8], key: &[u8; 32]) -> Option<T> {
    let (digest, content) = whole.split_first_chunk::<32>()?;
    let (found, text) = content.split_first_chunk::<32>()?;
    // What was kept for another question is passed over at once.
    if found != key || <[u8; 32]>::from(Sha256::digest(content)) != *digest {
        return None;
    }
    inflated(text, MOST)
}

#[cfg(test)]
mod tests;
