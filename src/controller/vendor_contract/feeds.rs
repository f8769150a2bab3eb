//! What the feeds of a contract are asked for, and how they are doing.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Observed, identity};
use crate::api::condition::Reason;
use crate::api::vendor_contract::{FeedStatus, VendorContractStatus};
use crate::controller::context::Context;
use crate::domain::holdings::FeedHealth;
use crate::domain::terms::calendar::Calendar;
use crate::domain::terms::contract_terms::Terms;
use crate::evidence::{BackfillProgress, StoreError};
use crate::feed::scheduler::FeedTask;

/// Health of the feeds: what was polled since the operator began, else what the status showed last, else what the evidence shows: a feed
/// whose past is complete was fetched, even where the status never showed it and nothing is left to poll.
pub(super) fn feed_health(
    context: &Context,
    uid: &str,
    previous: Option<&VendorContractStatus>,
    past_known_of: &BTreeMap<String, Timestamp>,
) -> BTreeMap<String, FeedHealth> {
    let shown = previous.map_or(&[][..], |previous| &previous.feeds);
    let mut feeds: BTreeMap<String, FeedHealth> =
        past_known_of.iter().map(|(feed, until)| (feed.clone(), FeedHealth::fetched_before(Some(*until)))).collect();
    let remembered = |feed: &FeedStatus| FeedHealth::remembered(feed, past_known_of.get(&feed.name).copied());
    feeds.extend(shown.iter().filter_map(|feed| Some((feed.name.clone(), remembered(feed)?))));
    feeds.extend(context.feed_health(uid));
    // A restart is not a transition: what is as the status showed it, is so since the status says.
    for (name, health) in &mut feeds {
        let same = shown.iter().find(|shown| shown.name == *name && shown.reason == health.reason.as_str());
        if let Some(since) = same.and_then(|shown| shown.since) {
            health.since = Some(since);
        }
    }
    feeds
}

/// Whether feeds of a contract are being fetched for the first time, and none fails.
pub(super) fn is_being_fetched_first(terms: &Terms, health: &BTreeMap<String, FeedHealth>) -> bool {
    let pending = FeedHealth::default();
    let feeds = || terms.contract.feeds.iter().map(|feed| health.get(&feed.name).unwrap_or(&pending));
    feeds().any(FeedHealth::is_being_fetched_first) && !feeds().any(FeedHealth::is_failing)
}

/// Whether a judged feed brought rows that the quota refused: periods that they may touch stay open.
pub(super) fn over_quota(
    context: &Context,
    uid: &str,
    previous: Option<&VendorContractStatus>,
    judged: &[String],
) -> bool {
    let health = feed_health(context, uid, previous, &BTreeMap::new());
    judged.iter().any(|feed| health.get(feed).is_some_and(|health| health.reason == Reason::RowQuota))
}

/// The feeds whose rows since the term's start have all been asked for once, each with the instant up to which it was asked.
pub(super) async fn feeds_whose_past_is_known(
    context: &Context,
    uid: &str,
    terms: &Terms,
) -> Result<BTreeMap<String, Timestamp>, StoreError> {
    let mut known = BTreeMap::new();
    for feed in &terms.contract.feeds {
        let progress = context.evidence.feed_progress(uid, &feed.name).await?;
        if let Some(BackfillProgress { reached, completed: true }) = progress {
            known.insert(feed.name.clone(), reached);
        }
    }
    Ok(known)
}

pub(super) fn feed_tasks(observed: &Observed) -> Vec<FeedTask> {
    let (namespace, contract, _) = identity(&observed.object);
    let contract_uid = observed.identity.evidence_uid.clone();
    let spec = &observed.terms.contract;
    // Rows that came now would take the numbers of those that the store has lost.
    let may_fetch = observed.judgement.is_ok() && observed.evidence_problem.is_none();
    let Some((term_start, term_end)) = observed.term.filter(|_| may_fetch) else {
        return Vec::new();
    };
    spec.feeds
        .iter()
        .map(|feed| FeedTask {
            contract_uid: contract_uid.clone(),
            namespace: namespace.clone(),
            contract: contract.clone(),
            feed: feed.clone(),
            term_start,
            term_end,
            time_zone: spec.time_zone.clone(),
            calendar: Calendar::of(spec).ok(),
            suspended: spec.suspend,
        })
        .collect()
}
