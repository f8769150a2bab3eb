//! The judgement of a contract from its evidence: the one that is known, or else one from as few rows as it needs.

use std::sync::Arc;

use jiff::Timestamp;

use super::checkpoints::{Asked, Checkpoints};
use super::controlled::ReconcileError;
use super::evidence_cache::{ContractEvidence, EvidenceCache, Fresh, Part};
use super::retention::last_judgement;
use crate::domain::judgement::judge::{OfPart, judge_again, judge_part};
use crate::domain::judgement::outcome::{Judgement, NOTHING_SAID};
use crate::domain::measuring::contract_facts::ContractFacts;
use crate::domain::measuring::feed_rows::RowsByFeed;
use crate::domain::measuring::rollups::RollUps;
use crate::domain::terms::contract_terms::Terms;
use crate::domain::terms::finding::InvalidSpec;
use crate::domain::terms::validation::validate_contract;
use crate::evidence::EvidenceStore;

/// A contract that is to be judged, and by what.
#[derive(Clone, Copy)]
pub struct Judging<'a> {
    /// Where its evidence lies.
    pub store: &'a dyn EvidenceStore,
    /// What is held of it.
    pub cache: &'a EvidenceCache,
    /// What is kept of earlier judgements.
    pub checkpoints: &'a Checkpoints,
    /// The terms.
    pub terms: &'a Arc<Terms>,
    /// What the judgement rests on in addition to rows.
    pub asked: Asked<'a>,
}

/// How often a part is judged, each time with more of the earlier rows, before all rows are looked at.
const MOST_ROUNDS: usize = 4;

/// A judgement with what it worked out.
type WorkedOut = (Result<Judgement, InvalidSpec>, RollUps);

impl Judging<'_> {
    /// The judgement at an instant.
    ///
    /// # Errors
    /// When the store cannot be read, or the judgement is broken off.
    pub async fn judged(&self, now: Timestamp) -> Result<Arc<Result<Judgement, InvalidSpec>>, ReconcileError> {
        let Asked { uid, terms, evidence, .. } = self.asked;
        if let Some(known) = self.cache.judgement(uid, terms, evidence, now) {
            return Ok(known);
        }
        if let Some((retired, _)) = evidence.journal.retired() {
            let kept = last_judgement(self.store, uid, retired).await?;
            let judged_at = kept.judged_at;
            let judgement = kept.shared();
            self.cache.keep(uid, terms, evidence, judged_at, &judgement, None);
            return Ok(judgement);
        }
        if self.cache.begins(uid)
            && let Some(kept) = self.checkpoints.find(self.store, self.asked, now).await?
        {
            let judged_at = kept.judged_at;
            let judgement = kept.shared();
            self.cache.keep(uid, terms, evidence, judged_at, &judgement, None);
            return Ok(judgement);
        }
        let (judgement, rollups) = match self.by_part(now).await? {
            Some(judged) => judged,
            None => {
                tracing::debug!(contract = self.asked.name, "all rows are looked at");
                self.by_all(now).await?
            }
        };
        let judgement = Arc::new(judgement.map(Judgement::fitted));
        self.cache.keep(uid, terms, evidence, now, &judgement, Some(rollups));
        if self.cache.holds_many(uid) {
            self.keep_past(now, judgement.clone()).await;
        }
        Ok(judgement)
    }

    /// Keeps what was worked out of closed periods, so that their rows need not be held. Where the store does not take it, it is kept with
    /// those of others, within the minute.
    async fn keep_past(&self, now: Timestamp, judgement: Arc<Result<Judgement, InvalidSpec>>) {
        let Asked { uid, terms, evidence, .. } = self.asked;
        let fresh = Fresh { uid: uid.to_owned(), terms, evidence: evidence.clone(), judged_at: now, judgement };
        if let Err(error) = self.checkpoints.keep_past(self.store, self.cache, &fresh, now).await {
            tracing::debug!(%error, contract = self.asked.name, "what was worked out of closed periods is not kept yet");
        }
    }

    async fn by_all(&self, now: Timestamp) -> Result<WorkedOut, ReconcileError> {
        let Asked { uid, name, evidence, .. } = self.asked;
        let rows = self.cache.rows(uid, evidence).await?;
        let mut rollups = self.cache.take_rollups(uid);
        let _room = self.cache.room_to_judge(uid, &rows, &rollups);
        let (name, terms, facts) = (name.to_owned(), self.terms.clone(), evidence.clone());
        off_runtime(move || (judge_evidence(&name, &terms, (&facts, &rows), now, &mut rollups), rollups)).await
    }

    /// The judgement from what was worked out of closed periods and from the rows since, with pages of earlier ones where it needs them;
    /// `None` where all rows are held, or needed.
    async fn by_part(&self, now: Timestamp) -> Result<Option<WorkedOut>, ReconcileError> {
        let Asked { uid, evidence, .. } = self.asked;
        let (mut part, mut rollups) = match self.cache.part(uid, evidence).await? {
            Some(part) => (part, self.cache.take_rollups(uid)),
            None => match self.begin_part().await? {
                Some(begun) => begun,
                None => return Ok(None),
            },
        };
        for _ in 0..MOST_ROUNDS {
            let (judged, left) = self.judge_part(part.clone(), rollups, now).await?;
            let wanted = match judged {
                Ok(OfPart::Judged(judgement)) => return Ok(Some((Ok(*judgement), left))),
                Err(invalid) => return Ok(Some((Err(invalid), left))),
                Ok(OfPart::NeedsAll) => return Ok(None),
                Ok(OfPart::Needs(wanted)) => wanted,
            };
            tracing::debug!(contract = self.asked.name, ?wanted, "earlier rows are looked at");
            let Some(with_pages) = self.cache.add_pages(uid, evidence, part, wanted).await? else { return Ok(None) };
            (part, rollups) = (with_pages.clone(), left.with_pages(with_pages.pages));
        }
        Ok(None)
    }

    async fn judge_part(
        &self,
        part: Part,
        mut rollups: RollUps,
        now: Timestamp,
    ) -> Result<(Result<OfPart, InvalidSpec>, RollUps), ReconcileError> {
        let Asked { uid, name, evidence, .. } = self.asked;
        let _room = self.cache.room_to_judge(uid, &part.rows, &rollups);
        let (name, terms, facts) = (name.to_owned(), self.terms.clone(), evidence.clone());
        let judging = move || (judge_evidence_of_part(&name, &terms, (&facts, &part), now, &mut rollups), rollups);
        off_runtime(judging).await
    }

    /// The rows that a judgement by what was kept needs, with that; `None` where rows are held, or nothing is kept.
    async fn begin_part(&self) -> Result<Option<(Part, RollUps)>, ReconcileError> {
        let Asked { uid, evidence, .. } = self.asked;
        if !self.cache.takes_part(uid) || evidence.heads.is_empty() {
            return Ok(None);
        }
        let Some(past) = self.checkpoints.find_past(self.store, uid, evidence).await? else { return Ok(None) };
        let part = self.cache.begin_part(uid, evidence, &past).await?;
        Ok(part.map(|part| (part, RollUps::of_past(past))))
    }
}

/// Judges on a thread that may be held for long: the runtime's own serve everybody.
pub(super) async fn off_runtime<T: Send + 'static>(
    judging: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ReconcileError> {
    tokio::task::spawn_blocking(judging).await.map_err(|error| ReconcileError::BrokenOff(error.to_string()))
}

/// The judgement of a contract from its evidence.
pub(super) fn judge_evidence(
    name: &str,
    terms: &Terms,
    (evidence, rows): (&ContractEvidence, &RowsByFeed),
    now: Timestamp,
    rollups: &mut RollUps,
) -> Result<Judgement, InvalidSpec> {
    judge_again(&facts_of(name, terms, evidence, rows)?, now, rollups)
}

/// The judgement of a contract from a part of its rows.
fn judge_evidence_of_part(
    name: &str,
    terms: &Terms,
    (evidence, part): (&ContractEvidence, &Part),
    now: Timestamp,
    rollups: &mut RollUps,
) -> Result<OfPart, InvalidSpec> {
    let facts = facts_of(name, terms, evidence, &part.rows)?;
    judge_part(&facts, (&part.floors, &part.pages), now, rollups)
}

/// What a contract is judged by, where its spec can be judged.
fn facts_of<'a>(
    name: &'a str,
    terms: &'a Terms,
    evidence: &'a ContractEvidence,
    rows: &'a RowsByFeed,
) -> Result<ContractFacts<'a>, InvalidSpec> {
    let findings = validate_contract(name, &terms.contract);
    if !findings.is_empty() {
        return Err(InvalidSpec(findings));
    }
    let (closed_under, journal) = (&*evidence.closings, Some(&*evidence.journal));
    Ok(ContractFacts { name, terms, closed_under, rows, journal, said: &NOTHING_SAID })
}
