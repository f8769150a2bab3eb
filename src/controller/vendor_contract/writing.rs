//! What is written for a contract before its status: its reports, and what has to be on record before them.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::Resource;

use super::records::{record_judged, record_terms};
use super::{More, Observed};
use crate::cluster::api_clock::CLOCKS_RETRY;
use crate::controller::context::Context;
use crate::controller::controlled::ReconcileError;
use crate::controller::head_checks::HOLDS_FOR;
use crate::controller::notices::unless_clocks_differ;
use crate::controller::pace::{AFTER_NEWS, BEFORE_NEWS};
use crate::controller::reports::{ReportAction, ReportOwner, carry_out};
use crate::controller::{alerts, scheduled};
use crate::domain::decision::report_notices::Past;

/// How soon a contract is looked at again whose terms the store does not keep.
const TERMS_RETRY: Duration = Duration::from_secs(60);

/// Writes for a contract at an instant.
pub(super) struct Writing<'a> {
    context: &'a Context,
    observed: &'a Observed,
    namespace: &'a str,
    regarding: ObjectReference,
    past: Past,
    now: Timestamp,
}

impl<'a> Writing<'a> {
    pub(super) fn of(context: &'a Context, observed: &'a Observed, namespace: &'a str, now: Timestamp) -> Self {
        let regarding = observed.object.object_ref(&());
        Writing { context, observed, namespace, regarding, past: past_of(observed, now), now }
    }

    async fn carry_out(&self, actions: &[ReportAction]) -> Result<(), ReconcileError> {
        let owner = ReportOwner {
            regarding: &self.regarding,
            evidence_uid: &self.observed.identity.evidence_uid,
            heads: &self.observed.evidence.heads,
            past: &self.past,
        };
        carry_out(self.context, &owner, actions, self.now).await
    }

    /// Writes what may be written while the terms are not settled: no report that closes a period, and none of a contract without
    /// reports. The first ones wait for the KpiTargets that are applied after the contract: they would be written again with them.
    ///
    /// # Errors
    /// When the API server or the evidence store does not take a write.
    pub(super) async fn provisional(&self, reports: &[ReportAction]) -> Result<(), ReconcileError> {
        let may_write = |action: &&ReportAction| !action.closes() && !self.observed.existing.is_empty();
        let provisional: Vec<ReportAction> = reports.iter().filter(may_write).cloned().collect();
        let (share, _) = self.context.pace.take(self.namespace, provisional.len(), Instant::now());
        self.carry_out(provisional.get(..share).unwrap_or(&provisional)).await
    }

    /// Writes all that is wanted under settled terms, or of many reports the first one where the status `has_news` that should not wait for
    /// all of them. Returns a real time after which to look again.
    ///
    /// # Errors
    /// When the API server or the evidence store does not take a write.
    pub(super) async fn settled(&self, more: &More, has_news: bool) -> Result<Option<Duration>, ReconcileError> {
        let Writing { context, observed, .. } = *self;
        let uid = &observed.identity.evidence_uid;
        // A long past is written in shares: what is left is planned again at the next look. A contradiction is not written.
        let is_contradiction = |action: &ReportAction| matches!(action, ReportAction::Contradiction { .. });
        let (contradictions, writes): (Vec<ReportAction>, Vec<ReportAction>) =
            more.reports.iter().cloned().partition(is_contradiction);
        self.carry_out(&contradictions).await?;
        let rest_follows = has_news && writes.len() > BEFORE_NEWS;
        let wanted = if rest_follows { 1 } else { writes.len() };
        let (share, again) = context.pace.take(self.namespace, wanted, Instant::now());
        let again = again.or(rest_follows.then_some(AFTER_NEWS));
        let reports = writes.get(..share).unwrap_or(&writes);
        let recorded = unless_clocks_differ(context, &*observed.object, self.record(reports).await).await?;
        if recorded == Some(false) {
            return Ok(Some(TERMS_RETRY));
        }
        let is_recorded = recorded.is_some();
        if is_recorded {
            self.carry_out(reports).await?;
        } else {
            // Nothing is signed that is not on record.
            let unsigned: Vec<ReportAction> = reports.iter().filter(|action| !action.closes()).cloned().collect();
            self.carry_out(&unsigned).await?;
        }
        if let Some(standing) = &more.alerts {
            // What the vendor has to say since nobody asked may turn a verdict: nobody is woken by what is about to be asked.
            let is_whole = observed.past_is_known && observed.evidence_problem.is_none() && observed.is_current;
            // Nor by a verdict of which nothing is on record: by the right clock it may be another one.
            alerts::tell(context, &observed.object, standing, is_whole && is_recorded).await?;
        }
        let handed_over = scheduled::hand_over(context, &observed.object, uid, &more.scheduled).await;
        if unless_clocks_differ(context, &*observed.object, handed_over).await?.is_none() {
            return Ok(Some(CLOCKS_RETRY));
        }
        // Heads are compared again each hour, whatever happens.
        let again = again.or(Some(HOLDS_FOR));
        Ok(if is_recorded { again } else { again.min(Some(CLOCKS_RETRY)) })
    }

    /// Records what these reports rest on. False: the store does not keep the terms.
    async fn record(&self, reports: &[ReportAction]) -> Result<bool, ReconcileError> {
        let Writing { context, observed, now, .. } = *self;
        let keeps_the_terms = record_terms(context, observed, now).await?;
        if keeps_the_terms {
            record_judged(context, observed, reports, now).await?;
        }
        Ok(keeps_the_terms)
    }
}

/// Closes the periods that were final under the terms recorded last, and records the terms in force after them.
///
/// # Errors
/// When the clocks differ, or the evidence store or the API server does not take it.
pub(super) async fn close_under_old_terms(
    context: &Context,
    observed: &Observed,
    now: Timestamp,
) -> Result<(), ReconcileError> {
    let uid = &observed.identity.evidence_uid;
    for (period, closed_at, terms) in &observed.closing_under_old_terms {
        context.journal().closing(uid, (period, *closed_at), terms, now).await?;
    }
    record_terms(context, observed, now).await?;
    Ok(())
}

/// What was over before the contract was first judged.
fn past_of(observed: &Observed, now: Timestamp) -> Past {
    let reports = observed.judgement.as_ref().as_ref().map(|judgement| &judgement.reports[..]).unwrap_or_default();
    Past::of(reports, observed.evidence.journal.first_judged(), observed.past_is_known, now)
}
