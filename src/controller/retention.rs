//! The end of a contract's retention: its last judgement is kept in the place of its rows, and then the rows are removed, a year at a time.
//!
//! Invariant: the journal says that rows may be removed ([`EvidenceRetired`]) 30 days before the first of them is. From then on the contract
//! is judged by what was kept, and never again by what is left of its rows.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kube::{Resource, ResourceExt};
use sha2::{Digest, Sha256};

use super::checkpoints::{Kept, decode, sealed};
use super::context::Context;
use super::controlled::ReconcileError;
use super::heads::lost_rows;
use super::notices::publish_notice;
use super::recording::RecordError;
use super::reports::{existing_reports, plan_reports};
use super::stored_kinds::of_contract;
use crate::api::VendorContract;
use crate::api::condition::EventReason;
use crate::domain::decision::Notice;
use crate::domain::judgement::outcome::Judgement;
use crate::domain::terms::contract_terms::Terms;
use crate::domain::terms::journal::{EvidenceRetired, Journal, JournalFact, RecordedFact};
use crate::domain::terms::retention::{ANNOUNCED_BEFORE, Retention, RetiredYear, retention};
use crate::evidence::{EvidenceStore, FeedKey, Removal, Removed, StoreError, digest_text};

/// How often it is looked whether a contract is due, and a real second at least.
const LOOKED_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// How often a contract is looked at.
const EACH_EVERY: SignedDuration = SignedDuration::from_hours(24);

/// Rows that are removed in one transaction.
const AT_ONCE: u64 = 10_000;

/// Transactions of one look at a contract. What is left is removed by the next one, an hour later.
const MOST_TRANSACTIONS: usize = 200;

/// The key of judgements that are kept in the place of rows. Every later version reads them: a member of a judgement is never renamed
/// or removed, and a new one has a default.
const KEY: [u8; 32] = *b"bpo-operator last judgement v1..";

/// Looks at every contract of this process, again and again.
pub async fn follow(context: Arc<Context>) {
    let mut looked: HashMap<String, Timestamp> = HashMap::new();
    loop {
        let next = context.now().checked_add(LOOKED_EVERY).unwrap_or(Timestamp::MAX);
        tokio::time::sleep(context.clock.real_time_until(next).max(Duration::from_secs(1))).await;
        let contracts = context.stores.contracts.all();
        looked.retain(|uid, _| contracts.iter().any(|known| known.uid().as_ref() == Some(uid)));
        for contract in contracts {
            let (Ok(object), now) = (&contract.0, context.now()) else { continue };
            let uid = object.uid().unwrap_or_default();
            if looked.get(&uid).is_some_and(|last| now.duration_since(*last).abs() < EACH_EVERY) {
                continue;
            }
            let namespace = object.namespace().unwrap_or_default();
            let Some(_turn) = context.turn(&namespace) else { continue };
            match look_at(&context, object, now).await {
                Ok(true) => {
                    looked.insert(uid, now);
                }
                Ok(false) => {}
                Err(error) => {
                    let name = object.name_any();
                    tracing::warn!(namespace, name, %error, "the retention of a contract is looked at again in an hour");
                }
            }
        }
    }
}

/// Does what is due of one contract. False: more is left of it.
async fn look_at(context: &Context, object: &VendorContract, now: Timestamp) -> Result<bool, ReconcileError> {
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
    let Some(known) = context.judged(&namespace, &name).filter(|known| object.uid().as_ref() == Some(&known.uid))
    else {
        return Ok(true);
    };
    let uid = known.evidence_uid;
    let evidence = context.cache.read(&uid, &known.judged.terms.judged_feeds()).await?;
    // The spec as it is now: what was judged last may be older.
    let launch = launch_of(context, &namespace, &name);
    let plan = retention(&object.spec, &evidence.closings, launch.as_deref(), now);
    let own_uid = known.uid;
    match (evidence.journal.retired(), plan) {
        (None, Some(Retention::Due { since, .. })) => {
            let Ok(judgement) = known.judged.judgement.as_ref() else { return Ok(true) };
            let existing = existing_reports(context, &namespace, &name);
            let is_settled = *known.judged.terms.contract == object.spec
                && is_settled(judgement)
                && plan_reports(judgement, [&own_uid, &uid], &existing.all()).is_empty();
            if !is_settled || lost_rows(context, object, [&own_uid, &uid], now).await?.problem.is_some() {
                return Ok(true);
            }
            let kept =
                Kept { judged_at: evidence.judged_at(now, context.believed_until(now)), judgement: judgement.clone() };
            let fact = keep(&*context.evidence, &uid, &kept, (object.spec.term.end, since)).await?;
            record(context, &uid, fact, now).await?;
            announce(context, object, (since, now)).await
        }
        (Some((_, said_at)), Some(Retention::Due { since, years })) => {
            if now.duration_since(said_at) < ANNOUNCED_BEFORE {
                return Ok(true);
            }
            // Each removal is an entry of the journal, and a clock that is ahead would remove rows before their time.
            let journal = &context.journal();
            let take = |feed, removal| journal.removal(feed, removal, now);
            let done = remove(&*context.evidence, &uid, &years, take).await;
            // Some may be removed before an error.
            if !matches!(&done, Ok((removed, _)) if removed.is_empty()) {
                context.cache.forget(&uid);
            }
            let (removed, is_done) = done?;
            for (year, rows) in removed {
                let note = format!(
                    "{rows} rows of {year} were removed: they were to be kept until {since}. Their summaries keep the chain, and the reports stay"
                );
                let notice = Notice::new(EventReason::EvidenceRetired, format!("{year} {rows}"), note);
                publish_notice(context, &object.object_ref(&()), &notice).await?;
            }
            Ok(is_done)
        }
        (Some((retired, _)), _) if !has_summaries(&*context.evidence, &uid).await? => {
            record(context, &uid, EvidenceRetired { taken_back: true, ..retired.clone() }, now).await?;
            Ok(true)
        }
        _ => Ok(true),
    }
}

async fn record(
    context: &Context,
    uid: &str,
    fact: EvidenceRetired,
    recorded_at: Timestamp,
) -> Result<(), RecordError> {
    let fact = JournalFact::EvidenceRetired(fact);
    context.record_fact(uid, &RecordedFact { name: String::new(), fact, recorded_at }).await
}

async fn announce(
    context: &Context,
    object: &VendorContract,
    (since, now): (Timestamp, Timestamp),
) -> Result<bool, ReconcileError> {
    let from = now.checked_add(ANNOUNCED_BEFORE).unwrap_or(Timestamp::MAX);
    let note = format!(
        "The rows were to be kept until {since}, and are removed from {from} on. To keep them, write a longer time, such as \
         retention: {{yearsAfterTerm: 10}}"
    );
    let notice = Notice::new(EventReason::EvidenceRetired, format!("from {from}"), note);
    publish_notice(context, &object.object_ref(&()), &notice).await?;
    Ok(true)
}

/// Whether time alone changes nothing, and the journal has all that was judged by.
fn is_settled(judgement: &Judgement) -> bool {
    judgement.next.is_none() && judgement.kpis.values().all(|kpi| kpi.risk_news.is_none())
}

/// A launch that names the contract.
fn launch_of(context: &Context, namespace: &str, contract: &str) -> Option<String> {
    let launches = context.stores.launches.with(namespace, &of_contract(contract));
    launches.first().map(|launch| launch.name_any())
}

async fn feeds_of(store: &dyn EvidenceStore, uid: &str) -> Result<Vec<FeedKey>, StoreError> {
    Ok(store.feeds().await?.into_iter().filter(|feed| feed.contract_uid == uid).collect())
}

async fn has_summaries(store: &dyn EvidenceStore, uid: &str) -> Result<bool, StoreError> {
    for key in feeds_of(store, uid).await? {
        if !store.summaries(uid, &key.feed).await?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Keeps the judgement that answers in the place of rows, and returns the fact that says so.
async fn keep(
    store: &dyn EvidenceStore,
    uid: &str,
    kept: &Kept,
    (term_end, since): (jiff::civil::Date, Timestamp),
) -> Result<EvidenceRetired, StoreError> {
    let invalid = "the last judgement cannot be kept: it would be read as another one";
    let content = sealed(&KEY, kept).ok_or_else(|| StoreError::Invalid(invalid.to_owned()))?;
    let judgement = digest_text(&Sha256::digest(&content).into());
    store.keep_last_judgement(uid.to_owned(), content).await?;
    Ok(EvidenceRetired { term_end, since, judgement, taken_back: false })
}

/// The judgement that was kept in the place of rows.
///
/// # Errors
/// When the store cannot be read, or holds another judgement than its journal says.
pub(super) async fn last_judgement(
    store: &dyn EvidenceStore,
    uid: &str,
    retired: &EvidenceRetired,
) -> Result<Kept, StoreError> {
    let unreadable = |what: &str| StoreError::Unreadable(format!("the judgement in the place of removed rows {what}"));
    let content = store.last_judgement(uid).await?.ok_or_else(|| unreadable("is missing"))?;
    if digest_text(&Sha256::digest(&content).into()) != retired.judgement {
        return Err(unreadable("is not the one that the journal names"));
    }
    let read = tokio::task::spawn_blocking(move || decode::<Kept>(&content, &KEY)).await.ok().flatten();
    read.ok_or_else(|| unreadable("was written by a later version"))
}

/// Removes rows by years, each transaction by `take`, and returns how many of which, and whether all are removed.
///
/// # Errors
/// When the clocks differ, or the store refuses; what was removed before stays so, and its summaries are whole.
async fn remove<F: Future<Output = Result<Removed, RecordError>>>(
    store: &dyn EvidenceStore,
    uid: &str,
    years: &[RetiredYear],
    take: impl Fn(FeedKey, Removal) -> F,
) -> Result<(Vec<(i16, u64)>, bool), RecordError> {
    let feeds = feeds_of(store, uid).await?;
    let (mut removed, mut left) = (Vec::new(), MOST_TRANSACTIONS);
    for RetiredYear { year, before } in years {
        let mut rows = 0;
        for key in &feeds {
            while left > 0 {
                left -= 1;
                let removal = Removal { year: *year, before: *before, most: AT_ONCE };
                let done = take(key.clone(), removal).await?;
                rows += done.rows;
                if done.is_done {
                    break;
                }
            }
        }
        if rows > 0 {
            removed.push((*year, rows));
        }
    }
    Ok((removed, left > 0))
}

/// What is wrong with a contract whose rows are removed while its term goes on.
pub(super) fn problem(terms: &Terms, journal: &Journal) -> Option<String> {
    let (retired, _) = journal.retired()?;
    let end = terms.contract.term.end;
    (end > retired.term_end).then(|| {
        format!(
            "spec.term.end is {end}, and the rows are beyond the retention of the term that ended on {}: write the time after it as \
             another contract, or put spec.term.end back; where no row was removed yet, the contract goes on within a day",
            retired.term_end
        )
    })
}

#[cfg(test)]
mod tests;
