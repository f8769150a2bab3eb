//! What is recorded of a contract: its terms, the facts of its journal, and the periods that have closed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use kube::ResourceExt;
use sha2::{Digest, Sha256};

use super::{Observed, identity};
use crate::api::{KpiTarget, VendorContract, VendorContractSpec};
use crate::controller::context::Context;
use crate::controller::controlled::ReconcileError;
use crate::controller::evidence_cache::ContractEvidence;
use crate::controller::holdings::WatchedNamespace;
use crate::controller::holds::{self, Closing};
use crate::controller::judging::judge_evidence;
use crate::controller::kpis_on_record::terms_with;
use crate::controller::managers::with_managers;
use crate::controller::recording::RecordError;
use crate::controller::reports::{ReportAction, closings};
use crate::domain::holdings::{WrittenKpi, terms};
use crate::domain::judgement::outcome::Judgement;
use crate::domain::measuring::feed_rows::RowsByFeed;
use crate::domain::measuring::rollups::RollUps;
use crate::domain::terms::contract_terms::Terms;
use crate::domain::terms::finding::InvalidSpec;
use crate::domain::terms::journal::{JournalFact, RecordedFact, TermsChanged};
use crate::domain::terms::thresholds;
use crate::domain::terms::unrecorded_facts::{Earlier, unrecorded};
use crate::evidence::{RecordedTerms, StoreError};

/// Terms that the contract was judged under: the last ones, and after them those KpiTargets that can be judged only if they were before
/// and are in earlier ones alone.
pub(super) async fn judged_before(
    context: &Context,
    uid: &str,
    object: &VendorContract,
) -> Result<Vec<Terms>, StoreError> {
    let (namespace, name, _) = identity(object);
    let last = context.evidence.last_terms(uid).await?.map(|recorded| recorded.terms);
    let kpis = context.kpis_of(&namespace, &name);
    let written: Vec<&KpiTarget> = kpis.iter().filter_map(|guarded| guarded.0.as_ref().ok()).collect();
    context.kpis_on_record.retain(uid, &written.iter().map(|kpi| kpi.name_any()).collect());
    let mut before = BTreeMap::new();
    for kpi in written.into_iter().filter(|kpi| is_never_payable(kpi, &object.spec, last.as_ref())) {
        let name = kpi.name_any();
        if context.kpis_on_record.has(&*context.evidence, uid, &name, &kpi.spec).await? {
            before.insert(name, &kpi.spec);
        }
    }
    let before = (!before.is_empty()).then(|| terms_with(&object.spec, before));
    Ok(last.into_iter().chain(before).collect())
}

fn is_never_payable(kpi: &KpiTarget, contract: &VendorContractSpec, recorded: Option<&Terms>) -> bool {
    let KpiTarget { metadata, spec, status } = kpi;
    let written = WrittenKpi { name: &kpi.name_any(), spec, generation: metadata.generation, status: status.as_ref() };
    !written.never_payable(contract, recorded).is_empty()
}

pub(super) fn digest_of(terms: &Terms) -> [u8; 32] {
    // Terms were read from JSON, so they can be written as JSON.
    Sha256::digest(serde_json::to_vec(terms).unwrap_or_default()).into()
}

/// What is judged by and not in the journal yet.
pub(super) async fn facts_to_record(
    context: &Context,
    uid: &str,
    terms: &Terms,
    evidence: &ContractEvidence,
    past_is_known: bool,
    now: Timestamp,
) -> Result<Vec<RecordedFact>, StoreError> {
    let earlier = match evidence.journal.first_judged() {
        None if !evidence.closings.is_empty() => {
            let since = context.evidence.first_recorded_at(uid).await?.unwrap_or(now);
            Some(Earlier { since, closed: evidence.closings.keys().cloned().collect() })
        }
        _ => None,
    };
    let mut facts = unrecorded(terms, &evidence.journal, earlier, past_is_known, now);
    if !terms.contract.suspend {
        facts.extend(thresholds::unrecorded(&context.scheduler.thresholds_of(uid), &evidence.journal, now));
    }
    Ok(facts)
}

/// Periods that became final under the terms recorded last and were not recorded as closed yet. One whose feeds were not asked then is
/// not final: it goes on under the terms in force.
pub(super) fn due_under(
    name: &str,
    recorded: RecordedTerms,
    rows: &RowsByFeed,
    known: &Closing<'_>,
) -> Vec<(String, Timestamp, Terms)> {
    let RecordedTerms { terms, recorded_at } = recorded;
    let judged = judge_evidence(name, &terms, (known.evidence, rows), known.judged_at, &mut RollUps::default());
    let Ok(judgement) = judged else { return Vec::new() };
    let unasked = holds::new_waits(&judgement, &terms, known);
    judgement
        .finals
        .iter()
        .filter(|(period, at)| **at >= recorded_at && !known.evidence.closings.contains_key(*period))
        .filter(|(period, _)| !unasked.iter().any(|fact| fact.name == **period))
        .map(|(period, at)| (period.clone(), *at, terms.clone()))
        .collect()
}

/// Nothing becomes Final before the past of every judged feed was fetched once.
pub(super) fn held_open(
    judgement: &Arc<Result<Judgement, InvalidSpec>>,
    evidence: &ContractEvidence,
) -> Arc<Result<Judgement, InvalidSpec>> {
    match judgement.as_ref() {
        Ok(judgement) => Arc::new(Ok(judgement.held_open(&evidence.closings))),
        Err(_) => judgement.clone(),
    }
}

/// Keeps the terms in force, and before them what changed and who wrote it. A change is looked at once more, so that it is reported.
pub(super) async fn record_terms(
    context: &Context,
    observed: &Observed,
    now: Timestamp,
) -> Result<bool, ReconcileError> {
    let (namespace, name, _) = identity(&observed.object);
    let uid = observed.identity.evidence_uid.clone();
    // Terms are not added to a store that has lost what came before them.
    if observed.evidence_problem.is_some() {
        context.terms_in_motion.forget(&uid);
        return Ok(true);
    }
    // What is refused again and again is reported once.
    if !observed.amendments.is_empty() && context.terms_refused(&uid).is_none() {
        let before = judged_before(context, &uid, &observed.object).await?;
        let amendments = with_managers(context, &namespace, &name, observed.amendments.clone()).await?;
        let are_shown = are_still_shown(context, &observed.object, &observed.terms, &before);
        if !are_shown && context.terms_in_motion.wait(&uid, observed.began, Instant::now()) {
            return Err(ReconcileError::Behind(format!("VendorContract {name}, or what refers to it,")));
        }
        let fact = JournalFact::TermsChanged(TermsChanged { amendments });
        context.record_fact(&uid, &RecordedFact { name: String::new(), fact, recorded_at: now }).await?;
        context.queues.contracts.push(&namespace, &name);
    }
    context.terms_in_motion.forget(&uid);
    let why = match context.journal().terms(&uid, &observed.terms, now).await {
        Ok(()) => None,
        Err(RecordError::Store(error @ StoreError::TermsQuota { .. })) => Some(error.to_string()),
        Err(error) => return Err(error.into()),
    };
    // A contract whose terms the store does not keep is looked at again to say so.
    let kept = why.is_none();
    if context.set_terms_refused(&uid, why) {
        context.queues.contracts.push(&namespace, &name);
    }
    Ok(kept)
}

/// Whether the watches show the terms that were judged. A list that was behind when they were judged may have been replaced since, and
/// nobody made the change that its terms seem to be.
fn are_still_shown(context: &Context, object: &VendorContract, judged: &Terms, before: &[Terms]) -> bool {
    let (namespace, name, _) = identity(object);
    let Some(shown) = context.contract(&namespace, &name) else { return false };
    let Ok(shown) = &shown.0 else { return false };
    let before: Vec<&Terms> = before.iter().collect();
    terms(&WatchedNamespace::of(context, &namespace), &name, &shown.spec, &before).0 == *judged
}

/// Records what was judged by, the risks that it shows, and the periods that close with these reports. Feeds are asked at once for which
/// a period has begun to wait.
pub(super) async fn record_judged(
    context: &Context,
    observed: &Observed,
    reports: &[ReportAction],
    now: Timestamp,
) -> Result<(), ReconcileError> {
    let uid = &observed.identity.evidence_uid;
    context.set_waits_for_feeds(uid, observed.waits_for_feeds || !observed.is_current);
    for fact in observed.facts.iter().filter(|_| observed.judgement.is_ok()) {
        context.record_fact(uid, fact).await?;
    }
    holds::ask(context, uid, &observed.facts, &observed.feeds);
    let Ok(judgement) = observed.judgement.as_ref() else { return Ok(()) };
    if observed.past_is_known && observed.evidence_problem.is_none() {
        record_risks(context, uid, judgement, now).await?;
    }
    for (period, closed_at) in closings(reports, &observed.evidence.closings, &judgement.finals, now) {
        context.journal().closing(uid, (period, closed_at), &observed.terms, now).await?;
    }
    Ok(())
}

/// Keeps what the journal does not say yet of the risks of the running period, before anybody is notified of them.
async fn record_risks(
    context: &Context,
    uid: &str,
    judgement: &Judgement,
    now: Timestamp,
) -> Result<(), ReconcileError> {
    for (kpi, judged) in &judgement.kpis {
        if let Some(fact) = &judged.risk_news {
            let recorded = RecordedFact { name: kpi.clone(), fact: fact.clone(), recorded_at: now };
            context.record_fact(uid, &recorded).await?;
        }
    }
    Ok(())
}
