//! The controller of VendorContracts: it judges, writes reports and notifies the others.

mod feeds;
mod records;
mod series;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use kube::{Resource, ResourceExt};

use self::feeds::{feed_health, feed_tasks, feeds_whose_past_is_known, is_being_fetched_first, over_quota};
use self::records::{
    close, digest_of, due_under, facts_to_record, held_open, judged_before, record_risks, record_terms,
};
use self::series::series;
use super::adoption::{Identity, identify};
use super::checkpoints::Asked;
use super::context::{Context, JudgedContract};
use super::driver::{Controlled, ReconcileError, Wanted};
use super::evidence_cache::ContractEvidence;
use super::head_checks::HOLDS_FOR;
use super::heads::{Loss, lost_rows, record_accepted};
use super::holdings::{WatchedNamespace, look_at_affected};
use super::holds::{self, Closing};
use super::judging::{Judging, off_runtime};
use super::reports::{
    ExistingReport, ReportAction, ReportOwner, carry_out, closings, existing_reports, is_of, plan_reports,
    signed_periods,
};
use crate::api::VendorContract;
use crate::api::condition::{EventReason, Kind};
use crate::api::vendor_contract::{AlertSinkStatus, VendorContractStatus};
use crate::domain::decision::Notice;
use crate::domain::decision::alerts::Addressed;
use crate::domain::decision::contract::{
    ContractDecision, ObservedContract, acknowledgement_of, decide_contract, term_of,
};
use crate::domain::decision::report_notices::Past;
use crate::domain::governance::scheduled_reports::{HandedOver, ScheduledReports};
use crate::domain::holdings::{
    Change, Dangling, FeedHealth, HeldContract, Judged, LaunchOfContract, feeds_with_lateness, observe_contract,
};
use crate::domain::judgement::outcome::Judgement;
use crate::domain::measuring::holds::asked;
use crate::domain::terms::amendments::amendments;
use crate::domain::terms::contract_terms::Terms;
use crate::domain::terms::finding::InvalidSpec;
use crate::domain::terms::journal::{Amendment, RecordedFact};
use crate::evidence::{RecordedTerms, StoreError};
use crate::trace::Stage;
use crate::web::metrics::{FeedLabels, ObjectSeries};

/// What is observed of a contract.
pub struct Observed {
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
    existing: Vec<ExistingReport>,
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
    /// What to say of the clock for which periods wait that could become Final.
    clock_news: Option<String>,
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
        let (namespace, name, _) = identity(&object);
        let identity = identify(context, &object).await?;
        let uid = identity.evidence_uid.clone();
        let (judged_before, unreadable) = match judged_before(context, &uid, &object).await {
            Err(error @ StoreError::Unreadable(_)) => (Vec::new(), Some(error.to_string())),
            read => (read?, None),
        };
        let judged_before: Vec<&Terms> = judged_before.iter().collect();
        let held = observe_contract(&WatchedNamespace::of(context, &namespace), &name, &object.spec, &judged_before);
        let HeldContract { terms, unresolved, launches } = held;
        let terms = context.known_terms(&namespace, &name, terms);
        let digest = digest_of(&terms);
        let feeds = terms.judged_feeds();
        // Asked before the rows are read: a past that is complete in between would make periods Final that lack its end, and a feed that
        // was asked in between would count as late without the rows that it brought.
        let past_known_of = feeds_whose_past_is_known(context, &uid, &terms).await?;
        let health = feed_health(context, &uid, previous.as_ref(), &past_known_of);
        let asking = holds::asking_of(context, &uid, &terms, &health);
        let past_is_known = feeds.iter().all(|feed| past_known_of.contains_key(feed));
        let (mut evidence, recorded, unreadable) = match read(context, &uid, &feeds).await {
            Ok((evidence, recorded)) => (evidence, recorded, unreadable),
            Err(error @ StoreError::Unreadable(_)) => (ContractEvidence::default(), None, Some(error.to_string())),
            Err(error) => return Err(error.into()),
        };
        let Loss { problem: evidence_problem, accepted: accepted_loss } = match unreadable {
            None => lost_rows(context, &object, [&object.uid().unwrap_or_default(), &uid], now).await?,
            unreadable => Loss { problem: unreadable, accepted: Vec::new() },
        };
        let evidence_problem = evidence_problem.or_else(|| super::retention::problem(&terms, &evidence.journal));
        let no_room = context.evidence.volume().and_then(|volume| volume.check().err()).map(|error| error.to_string());
        let no_room = no_room.or_else(|| context.terms_refused(&uid));
        // What is judged by a part of the rows is not recorded.
        let mut facts = match evidence_problem {
            None => facts_to_record(context, &uid, &terms, &evidence, past_is_known, evidence.recorded_at(now)).await?,
            Some(_) => Vec::new(),
        };
        evidence = holds::with_facts(&evidence, &facts);
        let judged_at = evidence.judged_at(now);
        let is_asked = |feed: &String| asking.get(feed).is_none_or(|asking| asking.is_current(judged_at));
        let is_current = terms.contract.suspend || feeds.iter().all(is_asked);
        if evidence_problem.is_none() {
            let answered = asked(&terms, &evidence.journal, &asking, judged_at);
            evidence = holds::with_facts(&evidence, &answered);
            facts.extend(answered);
        }
        let mut judgement = judged(context, &uid, &name, &terms, digest, &evidence, judged_at).await?;
        let clock_news = news_of_clock(context, &uid, &judgement, &evidence);
        let over_quota = over_quota(context, &uid, previous.as_ref(), &feeds);
        let rows_are_whole = past_is_known && evidence_problem.is_none() && no_room.is_none() && !over_quota;
        let may_close = rows_are_whole && context.api_clock.agrees();
        let own_uid = object.uid().unwrap_or_default();
        let existing = existing_reports(context, &namespace, &name);
        let signed = signed_periods([&own_uid, &uid], &existing, &evidence.journal);
        if may_close && let Ok(closing) = judgement.as_ref() {
            let known = Closing { evidence: &evidence, asking: &asking, signed: &signed, judged_at };
            let waits = holds::new_waits(closing, &terms, &known);
            if !waits.is_empty() {
                evidence = holds::with_facts(&evidence, &waits);
                facts.extend(waits);
                judgement = judged(context, &uid, &name, &terms, digest, &evidence, judged_at).await?;
            }
        }
        let judgement = if may_close { judgement } else { held_open(&judgement, &evidence) };
        let changed_from = recorded.filter(|recorded| evidence_problem.is_none() && recorded.terms != *terms);
        let amendments =
            changed_from.as_ref().map(|recorded| amendments(&recorded.terms, &terms, now)).unwrap_or_default();
        let closing_under_old_terms = match changed_from {
            Some(recorded) if may_close => {
                let rows = context.cache.rows(&uid, &evidence).await?;
                let (name, evidence) = (name.clone(), evidence.clone());
                let due = move || {
                    let known = Closing { evidence: &evidence, asking: &asking, signed: &signed, judged_at };
                    due_under(&name, recorded, &rows, &known)
                };
                off_runtime(due).await?
            }
            _ => Vec::new(),
        };
        let is_fetched_first = is_being_fetched_first(&terms, &health);
        let may_wait = previous.is_none()
            && judgement.is_ok()
            && evidence_problem.is_none()
            && no_room.is_none()
            && unresolved.is_empty()
            && !terms.contract.suspend
            && is_fetched_first;
        let waits_for_feeds = holds::waits(&evidence, judged_at);
        let waits = if may_wait { context.first_looks.left(&own_uid, Instant::now()) } else { None };
        Ok(Observed {
            term: term_of(&terms),
            existing,
            launches,
            feeds: health,
            alert_sinks: context.alerts.status_of(&object.uid().unwrap_or_default(), &object.spec.alerts),
            handed_over: super::scheduled::journal(context, &uid, &object).await?,
            past_is_known,
            past_is_coming: !past_is_known && is_fetched_first,
            evidence_problem,
            accepted_loss,
            no_room,
            clock_news,
            object,
            identity,
            previous,
            terms,
            digest,
            evidence,
            judgement,
            unresolved,
            closing_under_old_terms,
            amendments,
            facts,
            waits_for_feeds,
            is_current,
            waits,
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
        let reports = judgement
            .ok()
            .filter(|_| settled && !observed.terms.contract.suspend)
            .map(|judgement| plan_reports(judgement, [&uid, &observed.identity.evidence_uid], &observed.existing))
            .unwrap_or_default();
        let ContractDecision { mut status, mut notices, alerts, next } = decide_contract(
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
        notices.extend(
            observed.clock_news.iter().map(|news| Notice::new(EventReason::ClockDiffers, "clock", news.clone())),
        );
        let scheduled = scheduled_of(observed, [&uid, &observed.identity.evidence_uid], now);
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
        let (namespace, name, _) = identity(&observed.object);
        if observed.evidence_problem.is_none() {
            super::adoption::settle(context, &observed.object, &observed.identity, now).await?;
        }
        let uid = observed.identity.evidence_uid.clone();
        if !observed.accepted_loss.is_empty() {
            record_accepted(context, &observed.object, &uid, &observed.accepted_loss).await?;
            context.queues.contracts.push(&namespace, &name);
            return Ok(None);
        }
        context.scheduler.set_feeds_of(&uid, feed_tasks(observed));
        context.fetch_if_asked(&observed.object, &uid);
        if !observed.closing_under_old_terms.is_empty() {
            for (period, closed_at, terms) in &observed.closing_under_old_terms {
                close(context, &uid, period, terms, *closed_at, now).await?;
            }
            record_terms(context, observed, now).await?;
            context.queues.contracts.push(&namespace, &name);
            return Ok(None);
        }
        let unsettled = context.unsettled_for(&uid, observed.digest);
        if observed.waits.is_some() {
            return Ok(None);
        }
        let regarding = observed.object.object_ref(&());
        let past = past_of(observed, now);
        let owner =
            ReportOwner { regarding: &regarding, evidence_uid: &uid, heads: &observed.evidence.heads, past: &past };
        if !unsettled.is_zero() {
            // The first reports wait for the KpiTargets that are applied after the contract: they would be written again with them.
            let may_write = |action: &&ReportAction| !action.closes() && !observed.existing.is_empty();
            let provisional: Vec<ReportAction> = wanted.more.reports.iter().filter(may_write).cloned().collect();
            let (share, _) = context.pace.take(&namespace, provisional.len(), Instant::now());
            carry_out(context, &owner, provisional.get(..share).unwrap_or(&provisional), now).await?;
            return Ok(Some(unsettled + Duration::from_millis(10)));
        }
        // A long past is written in shares: what is left is planned again at the next look. A contradiction is not written.
        let (contradictions, writes): (Vec<ReportAction>, Vec<ReportAction>) = wanted
            .more
            .reports
            .iter()
            .cloned()
            .partition(|action| matches!(action, ReportAction::Contradiction { .. }));
        carry_out(context, &owner, &contradictions, now).await?;
        let (share, again) = context.pace.take(&namespace, writes.len(), Instant::now());
        let reports = writes.get(..share).unwrap_or(&writes);
        if !record_terms(context, observed, now).await? {
            return Ok(Some(Duration::from_secs(60)));
        }
        context.set_waits_for_feeds(&uid, observed.waits_for_feeds || !observed.is_current);
        for fact in observed.facts.iter().filter(|_| observed.judgement.is_ok()) {
            context.record_fact(&uid, fact).await?;
        }
        holds::ask(context, &uid, &observed.facts, &observed.feeds);
        if let Ok(judgement) = observed.judgement.as_ref() {
            if observed.past_is_known && observed.evidence_problem.is_none() {
                record_risks(context, &uid, judgement, now).await?;
            }
            for (period, closed_at) in closings(reports, &observed.evidence.closings, &judgement.finals, now) {
                close(context, &uid, period, &observed.terms, closed_at, now).await?;
            }
        }
        carry_out(context, &owner, reports, now).await?;
        if let Some(standing) = &wanted.more.alerts {
            // What the vendor has to say since nobody asked may turn a verdict: nobody is woken by what is about to be asked.
            let is_whole = observed.past_is_known && observed.evidence_problem.is_none() && observed.is_current;
            super::alerts::tell(context, &observed.object, standing, is_whole).await?;
        }
        super::scheduled::hand_over(context, &observed.object, &uid, &wanted.more.scheduled).await?;
        // Heads are compared again each hour, whatever happens.
        Ok(again.or(Some(HOLDS_FOR)))
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

/// What is due of a contract's reports. Nothing while the evidence cannot be relied on, or its past is not known yet.
fn scheduled_of(observed: &Observed, uids: [&str; 2], now: Timestamp) -> ScheduledReports {
    if observed.judgement.is_err() || !observed.past_is_known || observed.evidence_problem.is_some() {
        return ScheduledReports::default();
    }
    // A report whose status is not there yet is being written.
    let is_whole = |report: &&ExistingReport| is_of(report, uids) && report.has_status;
    let own: Vec<ExistingReport> = observed.existing.iter().filter(is_whole).cloned().collect();
    super::scheduled::decide(&observed.object, &own, &observed.handed_over, now)
}

fn identity(object: &VendorContract) -> (String, String, String) {
    (object.namespace().unwrap_or_default(), object.name_any(), object.uid().unwrap_or_default())
}

/// What to say of the clock, where a period could become Final and waits for it.
fn news_of_clock(
    context: &Context,
    uid: &str,
    judgement: &Result<Judgement, InvalidSpec>,
    evidence: &ContractEvidence,
) -> Option<String> {
    let judgement = judgement.as_ref().ok()?;
    let waits = judgement.finals.keys().any(|period| !evidence.closings.contains_key(period));
    if waits { context.api_clock.news_for(uid) } else { None }
}

/// Names of Final reports that the judgement contradicts.
fn contradicted(reports: &[ReportAction]) -> Vec<String> {
    let names = reports.iter().filter_map(|action| match action {
        ReportAction::Contradiction { name } => Some(name.clone()),
        ReportAction::Write { .. } | ReportAction::Remove { .. } => None,
    });
    names.collect()
}

/// The judgement of a contract at an instant.
async fn judged(
    context: &Context,
    uid: &str,
    name: &str,
    terms: &Arc<Terms>,
    digest: [u8; 32],
    evidence: &ContractEvidence,
    now: Timestamp,
) -> Result<Arc<Result<Judgement, InvalidSpec>>, ReconcileError> {
    let judging = Judging {
        store: &*context.evidence,
        cache: &context.cache,
        checkpoints: &context.checkpoints,
        terms,
        asked: Asked { uid, name, terms: digest, evidence },
    };
    Stage::judge(name).around(judging.judged(now)).await
}

/// The evidence of a contract, and the terms recorded last.
async fn read(
    context: &Context,
    uid: &str,
    feeds: &[String],
) -> Result<(ContractEvidence, Option<RecordedTerms>), StoreError> {
    Ok((context.cache.read(uid, feeds).await?, context.evidence.last_terms(uid).await?))
}

/// What was over before the contract was first judged.
fn past_of(observed: &Observed, now: Timestamp) -> Past {
    let reports = observed.judgement.as_ref().as_ref().map(|judgement| &judgement.reports[..]).unwrap_or_default();
    Past::of(reports, observed.evidence.journal.first_judged(), observed.past_is_known, now)
}
