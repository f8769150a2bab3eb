//! The controller of VendorContracts: it judges, writes reports and notifies the others.

mod feeds;
mod observing;
mod records;
mod series;
mod writing;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use kube::ResourceExt;

use self::feeds::feed_tasks;
use self::observing::{ChangedTerms, EvidenceSeen, FeedsSeen, JudgedEvidence, Subject, wait_of_first_status};
use self::series::series;
use self::writing::{Writing, close_under_old_terms};
use super::adoption::Identity;
use super::context::{Context, JudgedContract};
use super::controlled::{Controlled, ReconcileError, Wanted};
use super::evidence_cache::ContractEvidence;
use super::heads::record_accepted;
use super::holdings::look_at_affected;
use super::holds;
use super::notices::{say_that_clocks_differ, unless_clocks_differ};
use super::reports::{ExistingReport, ExistingReports, ReportAction, is_of, plan_reports};
use crate::api::VendorContract;
use crate::api::condition::Kind;
use crate::api::vendor_contract::{AlertSinkStatus, VendorContractStatus};
use crate::cluster::api_clock::CLOCKS_RETRY;
use crate::domain::decision::alerts::Addressed;
use crate::domain::decision::contract::{
    ContractDecision, ObservedContract, acknowledgement_of, decide_contract, term_of,
};
use crate::domain::governance::scheduled_reports::{Existing, HandedOver, ScheduledReports};
use crate::domain::holdings::{Change, Dangling, FeedHealth, Judged, LaunchOfContract, feeds_with_lateness};
use crate::domain::judgement::outcome::Judgement;
use crate::domain::terms::contract_terms::Terms;
use crate::domain::terms::finding::InvalidSpec;
use crate::domain::terms::journal::{Amendment, RecordedFact};
use crate::web::metrics::{FeedLabels, ObjectSeries};

/// What is observed of a contract.
pub struct Observed {
    /// When this look began.
    began: Instant,
    object: Arc<VendorContract>,
    identity: Identity,
    previous: Option<VendorContractStatus>,
    terms: Arc<Terms>,
    term: Option<(Timestamp, Timestamp)>,
    digest: [u8; 32],
    evidence: ContractEvidence,
    judgement: Arc<Result<Judgement, InvalidSpec>>,
    feeds: BTreeMap<String, FeedHealth>,
    /// References that do not resolve.
    unresolved: Vec<Dangling>,
    existing: ExistingReports,
    launches: BTreeMap<String, LaunchOfContract>,
    /// Whether the past of every judged feed was fetched once: before, verdicts may rest on parts.
    past_is_known: bool,
    /// Whether that past is being fetched, and nothing has failed.
    past_is_coming: bool,
    /// Why the evidence cannot be relied on.
    evidence_problem: Option<String>,
    /// Losses that somebody accepts, to be recorded before the contract goes on.
    accepted_loss: Vec<RecordedFact>,
    /// That the volume of the evidence takes no rows.
    no_room: Option<String>,
    /// Whether anything waits while the clocks differ.
    waits_for_clocks: bool,
    alert_sinks: Vec<AlertSinkStatus>,
    /// For which periods its reports were handed to the outbox.
    handed_over: Arc<Vec<HandedOver>>,
    /// Periods that were final under the terms recorded last, which have changed since.
    closing_under_old_terms: Vec<(String, Timestamp, Terms)>,
    /// What is different from the terms recorded last.
    amendments: Vec<Amendment>,
    /// What the journal does not hold yet of what was judged by.
    facts: Vec<RecordedFact>,
    /// Whether a period waits until its feeds were asked.
    waits_for_feeds: bool,
    /// Whether no feed that is judged waits to be asked after the operator was away, or its clock jumped.
    is_current: bool,
    /// How much longer the first status waits for the first fetch.
    waits: Option<Duration>,
}

/// What is wanted of a contract in addition to its status.
pub struct More {
    reports: Vec<ReportAction>,
    /// The active alerts; `None`: those that were active go on.
    alerts: Option<Vec<Addressed>>,
    /// What is due of the reports that the contract sends.
    scheduled: ScheduledReports,
}

impl Controlled for VendorContract {
    const KIND: Kind = Kind::VendorContract;
    const IS_HEAVY: bool = true;
    type Status = VendorContractStatus;
    type Observed = Observed;
    type More = More;

    fn status_of(&self) -> Option<&VendorContractStatus> {
        self.status.as_ref()
    }

    fn last_handled(status: &mut VendorContractStatus) -> &mut Option<String> {
        &mut status.last_handled_request
    }

    async fn observe(
        object: Arc<Self>,
        previous: Option<VendorContractStatus>,
        context: &Context,
        now: Timestamp,
    ) -> Result<Observed, ReconcileError> {
        let began = Instant::now();
        let subject = Subject::of(context, &object).await?;
        let feeds = FeedsSeen::of(context, &subject, previous.as_ref()).await?;
        let mut seen = EvidenceSeen::of(context, &object, &subject, now).await?;
        let judged_at = seen.add_facts(context, &subject, &feeds, now).await?;
        let judged = JudgedEvidence::of(context, &subject, &feeds, &mut seen, previous.as_ref(), judged_at).await?;
        let changed = ChangedTerms::of(context, &subject, &feeds, &mut seen, &judged, now).await?;
        let is_first = previous.is_none();
        Ok(Observed {
            began,
            waits: is_first.then(|| wait_of_first_status(context, &subject, &feeds, &seen, &judged)).flatten(),
            waits_for_feeds: holds::waits(&seen.evidence, judged_at),
            is_current: feeds.are_current(&subject, judged_at),
            alert_sinks: context.alerts.status_of(&object.uid().unwrap_or_default(), &object.spec.alerts),
            handed_over: super::scheduled::journal(context, subject.uid(), &object).await?,
            term: term_of(&subject.terms),
            past_is_known: feeds.past_is_known,
            past_is_coming: !feeds.past_is_known && feeds.are_fetched_first,
            object,
            identity: subject.identity,
            previous,
            terms: subject.terms,
            digest: subject.digest,
            unresolved: subject.unresolved,
            launches: subject.launches,
            feeds: feeds.health,
            evidence: seen.evidence,
            evidence_problem: seen.problem,
            accepted_loss: seen.accepted_loss,
            no_room: seen.no_room,
            facts: seen.facts,
            judgement: judged.judgement,
            waits_for_clocks: judged.waits_for_clocks,
            existing: judged.existing,
            closing_under_old_terms: changed.closing,
            amendments: changed.amendments,
        })
    }

    fn look_afresh(&self, context: &Context) {
        context.heads.forget(&context.evidence_uid(&self.uid().unwrap_or_default()));
    }

    fn first_status_waits(observed: &Observed) -> Option<Duration> {
        observed.waits
    }

    fn decide(observed: &Observed, now: Timestamp) -> Wanted<VendorContractStatus, More> {
        let (namespace, name, uid) = identity(&observed.object);
        let judgement = observed.judgement.as_ref().as_ref();
        // Under changed terms nothing is written before the periods that closed under the old ones are recorded.
        let settled = observed.closing_under_old_terms.is_empty() && observed.evidence_problem.is_none();
        // The first reports wait for the past that is being fetched: each part of it would write them again.
        let settled = settled && !(observed.past_is_coming && observed.existing.is_empty());
        let existing = observed.existing.all();
        let reports = judgement
            .ok()
            .filter(|_| settled && !observed.terms.contract.suspend)
            .map(|judgement| plan_reports(judgement, [&uid, &observed.identity.evidence_uid], &existing))
            .unwrap_or_default();
        let ContractDecision { mut status, notices, alerts, next } = decide_contract(
            &ObservedContract {
                namespace: &namespace,
                name: &name,
                generation: observed.object.metadata.generation,
                previous: observed.previous.as_ref(),
                terms: &observed.terms,
                judgement,
                unresolved: &observed.unresolved,
                feeds: observed.feeds.clone(),
                evidence_problem: observed.evidence_problem.clone(),
                no_room: observed.no_room.clone(),
                contradicted: contradicted(&reports),
                launches: observed.launches.clone(),
                acknowledged: acknowledgement_of(observed.object.metadata.annotations.as_ref()),
                alert_sinks: observed.alert_sinks.clone(),
            },
            now,
        );
        let scheduled = scheduled_of(observed, &existing, [&uid, &observed.identity.evidence_uid], now);
        if observed.evidence_problem.is_none() {
            status.reports = scheduled.status.clone();
        }
        let next = [next, scheduled.next].into_iter().flatten().min();
        Wanted { status, notices, more: More { reports, alerts, scheduled }, next }
    }

    async fn apply(
        observed: &Observed,
        wanted: &Wanted<VendorContractStatus, More>,
        context: &Context,
        now: Timestamp,
    ) -> Result<Option<Duration>, ReconcileError> {
        let (namespace, ..) = identity(&observed.object);
        if observed.evidence_problem.is_none() {
            super::adoption::settle(context, &observed.object, &observed.identity, now).await?;
        }
        if observed.waits_for_clocks {
            say_that_clocks_differ(context, &*observed.object).await;
        }
        let uid = &observed.identity.evidence_uid;
        if !observed.accepted_loss.is_empty() {
            // While the clocks differ the status says what is lost, and an Event why it still does.
            let recorded = record_accepted(context, &observed.object, uid, &observed.accepted_loss).await;
            return again_once_recorded(context, observed, recorded).await;
        }
        context.scheduler.set_feeds_of(uid, feed_tasks(observed));
        context.fetch_if_asked(&observed.object, uid);
        if !observed.closing_under_old_terms.is_empty() {
            let closed = close_under_old_terms(context, observed, now).await;
            return again_once_recorded(context, observed, closed).await;
        }
        let unsettled = context.unsettled_for(uid, observed.digest);
        if observed.waits.is_some() {
            return Ok(None);
        }
        let writing = Writing::of(context, observed, &namespace, now);
        if !unsettled.is_zero() {
            writing.provisional(&wanted.more.reports).await?;
            return Ok(Some(unsettled + Duration::from_millis(10)));
        }
        // While a past comes, each look has news, and reports change with it.
        let has_news = observed.past_is_known && observed.previous.as_ref() != Some(&wanted.status);
        writing.settled(&wanted.more, has_news).await
    }

    fn publish(observed: &Observed, wanted: &Wanted<VendorContractStatus, More>, context: &Context) {
        let (namespace, name, uid) = identity(&observed.object);
        let judgement = observed.judgement.as_ref().as_ref().ok().filter(|_| observed.evidence_problem.is_none());
        let series = series(&namespace, &name, &wanted.status, judgement);
        context.metrics.set_object(&uid, ObjectSeries::Contract(series));
        for feed in &observed.terms.contract.feeds {
            let (namespace, contract) = (namespace.clone(), name.clone());
            context.metrics.feed_is_known(&FeedLabels { namespace, contract, feed: feed.name.clone() });
        }
        if observed.evidence_problem.is_some() {
            // What others know already holds: they are not given a judgement of a part of the rows.
            return;
        }
        let known = observed.judgement.as_ref().as_ref().ok();
        let feeds = feeds_with_lateness(&observed.terms, known, &observed.feeds, context.now());
        let judged =
            Judged { terms: observed.terms.clone(), judgement: observed.judgement.clone(), feeds: Arc::new(feeds) };
        let evidence_uid = observed.identity.evidence_uid.clone();
        if context.set_judged(&namespace, &name, JudgedContract { uid, evidence_uid, judged }) {
            look_at_affected(context, &namespace, Change::Judged(&name));
        }
    }

    fn forget(&self, context: &Context) {
        let (namespace, name, uid) = identity(self);
        context.forget_contract(&namespace, &name, &uid);
        // The counters of its feeds began with the reconcile that found it gone.
        let feeds: Vec<String> = self.spec.feeds.iter().map(|feed| feed.name.clone()).collect();
        context.metrics.remove_feeds(&namespace, &name, &feeds);
    }
}

/// Has a contract looked at again: at once by what was recorded of it, or later while the clocks differ.
async fn again_once_recorded(
    context: &Context,
    observed: &Observed,
    recorded: Result<(), ReconcileError>,
) -> Result<Option<Duration>, ReconcileError> {
    let recorded = unless_clocks_differ(context, &*observed.object, recorded).await?;
    if recorded.is_some() {
        let (namespace, name, _) = identity(&observed.object);
        context.queues.contracts.push(&namespace, &name);
    }
    Ok(recorded.is_none().then_some(CLOCKS_RETRY))
}

/// What is due of a contract's reports. Nothing while the evidence cannot be relied on, or its past is not known yet.
fn scheduled_of(
    observed: &Observed,
    existing: &[ExistingReport<'_>],
    uids: [&str; 2],
    now: Timestamp,
) -> ScheduledReports {
    let is_whole = observed.judgement.is_ok() && observed.past_is_known && observed.evidence_problem.is_none();
    if !is_whole || observed.object.spec.reports.is_empty() {
        return ScheduledReports::default();
    }
    // A report whose status is not there yet is being written.
    let is_written = |report: &&ExistingReport<'_>| is_of(report, uids) && report.has_status;
    let own = existing.iter().filter(is_written);
    let own: Vec<Existing<'_>> = own.map(|report| Existing { name: &report.name, spec: &report.spec }).collect();
    super::scheduled::decide(&observed.object, &own, &observed.handed_over, now)
}

fn identity(object: &VendorContract) -> (String, String, String) {
    (object.namespace().unwrap_or_default(), object.name_any(), object.uid().unwrap_or_default())
}

/// Names of Final reports that the judgement contradicts.
fn contradicted(reports: &[ReportAction]) -> Vec<String> {
    let names = reports.iter().filter_map(|action| match action {
        ReportAction::Contradiction { name } => Some(name.clone()),
        ReportAction::Write { .. } | ReportAction::Remove { .. } => None,
    });
    names.collect()
}
