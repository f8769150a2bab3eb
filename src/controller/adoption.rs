//! Contracts that go on with the evidence of one that is gone: found out once, recorded, and known from then on.

use jiff::Timestamp;
use kube::{Resource, ResourceExt};

use super::context::Context;
use super::controlled::ReconcileError;
use super::notices::publish_notice;
use crate::api::condition::EventReason;
use crate::api::{EVIDENCE_OF_ANNOTATION, VendorContract};
use crate::domain::decision::Notice;
use crate::domain::decision::adoption::{Adoption, may_adopt};
use crate::domain::terms::journal::{EvidenceAdopted, JournalFact, RecordedFact};
use crate::evidence::{StoreError, recorded_facts};

/// Whose evidence a contract is judged by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The UID under which the evidence lies.
    pub evidence_uid: String,
    /// What has to be recorded or reported.
    pub news: Option<News>,
}

/// What a look at the annotation brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// The evidence is adopted.
    Adopted,
    /// It is not: why.
    Refused(String),
}

/// Finds out whose evidence a contract is judged by: its own, or the one that its journal or its annotation names. Only reads.
///
/// # Errors
/// When the evidence store cannot be read.
pub async fn identify(context: &Context, object: &VendorContract) -> Result<Identity, StoreError> {
    let uid = object.uid().unwrap_or_default();
    let wanted = object.annotations().get(EVIDENCE_OF_ANNOTATION).map(|text| text.trim().to_owned());
    if let Some(evidence_uid) = context.known_evidence_uid(&uid, wanted.as_deref()) {
        return Ok(Identity { evidence_uid, news: None });
    }
    let known = match recorded(context, &uid).await {
        // Reported as what is wrong with the evidence, which is read next.
        Err(StoreError::Unreadable(_)) => return Ok(Identity { evidence_uid: uid, news: None }),
        known => known?,
    };
    if let Some(evidence_uid) = known {
        return Ok(Identity { evidence_uid, news: None });
    }
    let Some(wanted) = wanted else { return Ok(Identity { evidence_uid: uid, news: None }) };
    // The contract that is gone may have gone on with another one's evidence itself.
    let of = recorded(context, &wanted).await?.unwrap_or_else(|| wanted.clone());
    let feeds = context.evidence.feeds().await?;
    let kept = feeds.iter().find(|feed| feed.contract_uid == of);
    let adoption = Adoption {
        wanted: &wanted,
        own: (&uid, &object.namespace().unwrap_or_default(), &object.name_any()),
        has_rows: !context.evidence.heads(&uid).await?.is_empty(),
        kept_for: kept.map(|feed| (feed.namespace.as_str(), feed.contract.as_str())),
        is_in_use: [&wanted, &of].iter().any(|other| context.contract_of_uid(other).is_some()),
    };
    Ok(match may_adopt(&adoption) {
        Ok(()) => Identity { evidence_uid: of, news: Some(News::Adopted) },
        Err(why) => Identity { evidence_uid: uid, news: Some(News::Refused(why)) },
    })
}

async fn recorded(context: &Context, uid: &str) -> Result<Option<String>, StoreError> {
    let journal = recorded_facts::journal(&*context.evidence, uid).await?;
    Ok(journal.adopted_by(uid).map(str::to_owned))
}

/// Records and reports what was found out, before anything is fetched or written for the contract.
///
/// # Errors
/// When the clocks differ, or the evidence store or the API server does not take it; it is found out once more then.
pub async fn settle(
    context: &Context,
    object: &VendorContract,
    Identity { evidence_uid, news }: &Identity,
    now: Timestamp,
) -> Result<(), ReconcileError> {
    let uid = object.uid().unwrap_or_default();
    let notice = match news {
        None => None,
        Some(News::Adopted) => {
            let adopted = EvidenceAdopted { of: evidence_uid.clone(), by: uid.clone() };
            let fact = JournalFact::EvidenceAdopted(adopted);
            let fact = RecordedFact { name: uid.clone(), fact, recorded_at: now };
            // In the journal of the evidence first: the contract's own says that both are there.
            context.record_fact(evidence_uid, &fact).await?;
            context.record_fact(&uid, &fact).await?;
            let note =
                format!("goes on with the evidence of the contract of this name that had the UID {evidence_uid}");
            Some(Notice::new(EventReason::EvidenceAdopted, evidence_uid.clone(), note))
        }
        Some(News::Refused(why)) => {
            let wanted = object.annotations().get(EVIDENCE_OF_ANNOTATION).cloned().unwrap_or_default();
            Some(Notice::new(EventReason::EvidenceNotAdopted, crate::api::scalar::shorten(&wanted), why.clone()))
        }
    };
    if let Some(notice) = notice {
        publish_notice(context, &object.object_ref(&()), &notice).await?;
    }
    let wanted = object.annotations().get(EVIDENCE_OF_ANNOTATION).map(|text| text.trim().to_owned());
    context.set_evidence_uid(&uid, wanted.as_deref(), evidence_uid);
    Ok(())
}
