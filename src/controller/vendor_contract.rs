//! The controller of VendorContracts: it judges, writes reports and tells the others.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use kube::{Resource, ResourceExt};
use sha2::{Digest, Sha256};

use super::adoption::{Identity, identify};
use super::checkpoints::Asked;
use super::context::{Context, JudgedContract};
use super::driver::{Controlled, ReconcileError, Wanted};
use super::evidence_cache::ContractEvidence;
use super::heads::{HOLDS_FOR, Loss, lost_rows, record_accepted};
use super::holdings::{WatchedNamespace, look_at_affected};
use super::holds::{self, Closing};
use super::judging::{Judging, judge_evidence, off_runtime};
use super::managers::with_managers;
use super::reports::{
    ExistingReport, ReportAction, ReportOwner, carry_out, closings, existing_reports, is_of, plan_reports,
    signed_periods,
};
use crate::api::condition::{ConditionStatus, ConditionType, EventReason, Kind, Reason};
use crate::api::vendor_contract::{AlertSinkStatus, FeedStatus, VendorContractStatus};
use crate::api::{KpiTarget, VendorContract, VendorContractSpec};
use crate::domain::decision::Notice;
use crate::domain::decision::alerts::Addressed;
use crate::domain::decision::conditions::status_of;
use crate::domain::decision::contract::{
    ContractDecision, ObservedContract, acknowledgement_of, compliant, decide_contract, term_of,
};
use crate::domain::decision::report_notices::Past;
use crate::domain::governance::scheduled_reports::{HandedOver, ScheduledReports};
use crate::domain::holdings::{
    Change, Dangling, FeedHealth, HeldContract, Judged, LaunchOfContract, WrittenKpi, feeds_with_lateness,
    observe_contract,
};
use crate::domain::judgement::outcome::Judgement;
use crate::domain::measuring::feed_rows::RowsByFeed;
use crate::domain::measuring::holds::asked;
use crate::domain::measuring::rollups::RollUps;
use crate::domain::terms::amendments::amendments;
use crate::domain::terms::calendar::Calendar;
use crate::domain::terms::contract_terms::Terms;
use crate::domain::terms::finding::{Finding, InvalidSpec};
use crate::domain::terms::journal::{Amendment, JournalFact, RecordedFact, TermsChanged};
use crate::domain::terms::thresholds;
use crate::domain::terms::unrecorded_facts::{Earlier, unrecorded};
use crate::evidence::{BackfillProgress, RecordedTerms, StoreError};
use crate::feed::scheduler::FeedTask;
use crate::web::metrics::{ContractLabels, ContractSeries, FeedLabels, ObjectSeries};

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
    /// What is to be told of the clock for which periods wait that could become Final.
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

/// What is wanted of a contract besides its status.
pub struct More {
    reports: Vec<ReportAction>,
    /// The alerts that stand; `None`: those that stood go on.
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
        let terms = Arc::new(terms);
        let digest = digest_of(&terms);
        let feeds = judged_feeds(&terms);
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
        let no_room = context.evidence.volume().and_then(|volume| volume.check().err()).map(|error| error.to_string());
        let no_room = no_room.or_else(|| context.terms_refused(&uid));
        // What is judged by a part of the rows is not recorded.
        let mut facts = match evidence_problem {
            None => facts_to_record(context, &uid, &terms, &evidence, past_is_known, evidence.recorded_at(now)).await?,
            Some(_) => Vec::new(),
        };
        if !facts.is_empty() {
            evidence = holds::with_facts(&evidence, &facts);
        }
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
        // A long past is written in shares: what is left is planned again at the next look. What contradicts is no write.
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
            // What others were told holds: a judgement of a part of the rows is none.
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

/// Health of the feeds: what was polled since the operator began, else what the status told last, else what the evidence shows: a feed
/// whose past is complete was fetched, even where the status was never told and nothing is left to poll.
fn feed_health(
    context: &Context,
    uid: &str,
    previous: Option<&VendorContractStatus>,
    past_known_of: &BTreeMap<String, Timestamp>,
) -> BTreeMap<String, FeedHealth> {
    let told = previous.map_or(&[][..], |previous| &previous.feeds);
    let mut feeds: BTreeMap<String, FeedHealth> =
        past_known_of.iter().map(|(feed, until)| (feed.clone(), FeedHealth::fetched_before(Some(*until)))).collect();
    let remembered = |feed: &FeedStatus| FeedHealth::remembered(feed, past_known_of.get(&feed.name).copied());
    feeds.extend(told.iter().filter_map(|feed| Some((feed.name.clone(), remembered(feed)?))));
    feeds.extend(context.feed_health(uid));
    // A restart is no transition: what is as the status told it, is so since the status says.
    for (name, health) in &mut feeds {
        let same = told.iter().find(|told| told.name == *name && told.reason == health.reason.as_str());
        if let Some(since) = same.and_then(|told| told.since) {
            health.since = Some(since);
        }
    }
    feeds
}

/// Whether feeds of a contract are being fetched for the first time, and none fails.
fn is_being_fetched_first(terms: &Terms, health: &BTreeMap<String, FeedHealth>) -> bool {
    let pending = FeedHealth::default();
    let feeds = || terms.contract.feeds.iter().map(|feed| health.get(&feed.name).unwrap_or(&pending));
    feeds().any(FeedHealth::is_being_fetched_first) && !feeds().any(FeedHealth::is_failing)
}

fn identity(object: &VendorContract) -> (String, String, String) {
    (object.namespace().unwrap_or_default(), object.name_any(), object.uid().unwrap_or_default())
}

/// Terms that the contract was judged under: the last ones, and all of them where a KpiTarget can be judged only if it was before and
/// the last ones do not have it.
async fn judged_before(context: &Context, uid: &str, object: &VendorContract) -> Result<Vec<Terms>, StoreError> {
    let (namespace, name, _) = identity(object);
    let kpis = context.kpis_of(&namespace, &name);
    let mut written = kpis.iter().filter_map(|guarded| guarded.0.as_ref().ok());
    let last = context.evidence.last_terms(uid).await?.map(|recorded| recorded.terms);
    if written.all(|kpi| never_payable(kpi, &object.spec, last.as_ref()).is_empty()) {
        return Ok(last.into_iter().collect());
    }
    let history = context.evidence.terms_history(uid).await?;
    Ok(history.into_iter().map(|recorded| recorded.terms).collect())
}

fn never_payable<'t>(
    kpi: &KpiTarget,
    contract: &VendorContractSpec,
    recorded: impl IntoIterator<Item = &'t Terms>,
) -> Vec<Finding> {
    let KpiTarget { metadata, spec, status } = kpi;
    let written = WrittenKpi { name: &kpi.name_any(), spec, generation: metadata.generation, status: status.as_ref() };
    written.never_payable(contract, recorded)
}

fn digest_of(terms: &Terms) -> [u8; 32] {
    // Terms were read from JSON, so they can be written as JSON.
    Sha256::digest(serde_json::to_vec(terms).unwrap_or_default()).into()
}

/// Names of the feeds that KPIs read, sorted.
pub(super) fn judged_feeds(terms: &Terms) -> Vec<String> {
    let sources = terms.kpis.values().map(|kpi| &kpi.source);
    let own = sources.clone().filter_map(|source| Some(&source.cross_check.as_ref()?.feed));
    let mut feeds: Vec<String> = sources.map(|source| &source.feed).chain(own).cloned().collect();
    feeds.sort();
    feeds.dedup();
    feeds
}

/// What is to be told of the clock, where a period could become Final and waits for it.
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

/// Whether a judged feed brought rows that the quota refused: periods that they may touch stay open.
fn over_quota(context: &Context, uid: &str, previous: Option<&VendorContractStatus>, judged: &[String]) -> bool {
    let health = feed_health(context, uid, previous, &BTreeMap::new());
    judged.iter().any(|feed| health.get(feed).is_some_and(|health| health.reason == Reason::RowQuota))
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
    judging.judged(now).await
}

/// The evidence of a contract, and the terms recorded last.
async fn read(
    context: &Context,
    uid: &str,
    feeds: &[String],
) -> Result<(ContractEvidence, Option<RecordedTerms>), StoreError> {
    Ok((context.cache.read(uid, feeds).await?, context.evidence.last_terms(uid).await?))
}

/// What is judged by and not in the journal yet.
async fn facts_to_record(
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

/// The feeds whose rows since the term's start have all been asked for once, each with the instant up to which it was asked.
async fn feeds_whose_past_is_known(
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

/// Periods that became final under the terms recorded last and were not recorded as closed yet. One whose feeds were not asked then is
/// not final: it goes on under the terms in force.
fn due_under(
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
fn held_open(
    judgement: &Arc<Result<Judgement, InvalidSpec>>,
    evidence: &ContractEvidence,
) -> Arc<Result<Judgement, InvalidSpec>> {
    match judgement.as_ref() {
        Ok(judgement) => Arc::new(Ok(judgement.held_open(&evidence.closings))),
        Err(_) => judgement.clone(),
    }
}

/// What was over before the contract was first judged.
fn past_of(observed: &Observed, now: Timestamp) -> Past {
    let reports = observed.judgement.as_ref().as_ref().map(|judgement| &judgement.reports[..]).unwrap_or_default();
    Past::of(reports, observed.evidence.journal.first_judged(), observed.past_is_known, now)
}

/// Keeps the terms in force, and before them what changed and who wrote it. A change is looked at once more, so that it is told.
async fn record_terms(context: &Context, observed: &Observed, now: Timestamp) -> Result<bool, ReconcileError> {
    // Terms are not added to a store that has lost what came before them.
    if observed.evidence_problem.is_some() {
        return Ok(true);
    }
    let (namespace, name, _) = identity(&observed.object);
    let uid = observed.identity.evidence_uid.clone();
    // What is refused again and again is told once.
    if !observed.amendments.is_empty() && context.terms_refused(&uid).is_none() {
        let amendments = with_managers(context, &namespace, &name, observed.amendments.clone()).await?;
        let fact = JournalFact::TermsChanged(TermsChanged { amendments });
        context.record_fact(&uid, &RecordedFact { name: String::new(), fact, recorded_at: now }).await?;
        context.queues.contracts.push(&namespace, &name);
    }
    let why = match context.evidence.record_terms(uid.clone(), (*observed.terms).clone(), now).await {
        Ok(_) => None,
        Err(error @ StoreError::TermsQuota { .. }) => Some(error.to_string()),
        Err(error) => return Err(error.into()),
    };
    // A contract whose terms the store does not keep is looked at again to say so.
    let kept = why.is_none();
    if context.set_terms_refused(&uid, why) {
        context.queues.contracts.push(&namespace, &name);
    }
    Ok(kept)
}

/// Keeps what the journal does not say yet of the risks of the running period, before anybody is told of them.
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

async fn close(
    context: &Context,
    uid: &str,
    period: &str,
    terms: &Terms,
    closed_at: Timestamp,
    now: Timestamp,
) -> Result<(), ReconcileError> {
    context.evidence.record_closing(uid.to_owned(), period.to_owned(), terms.clone(), closed_at, now).await?;
    context.cache.closed(uid, period, terms, now);
    Ok(())
}

fn feed_tasks(observed: &Observed) -> Vec<FeedTask> {
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

fn series(
    namespace: &str,
    contract: &str,
    status: &VendorContractStatus,
    judgement: Option<&Judgement>,
) -> ContractSeries {
    let number = |text: &Option<String>| text.as_ref().and_then(|text| text.parse::<f64>().ok());
    let last = status.last.as_ref();
    let labels = |feed: &FeedStatus| FeedLabels {
        namespace: namespace.to_owned(),
        contract: contract.to_owned(),
        feed: feed.name.clone(),
    };
    let seconds = |instant: Timestamp| instant.as_second() as f64;
    let watermark = |feed: &FeedStatus| Some((labels(feed), seconds(feed.watermark?)));
    // A suspended feed is not waited for.
    let waited = status.feeds.iter().filter(|feed| feed.reason != Reason::Suspended.as_str());
    let due = |feed: &FeedStatus| Some((labels(feed), seconds(judgement?.feeds.get(&feed.name)?.late_at?)));
    ContractSeries {
        labels: ContractLabels { namespace: namespace.to_owned(), contract: contract.to_owned() },
        score: last.and_then(|last| number(&last.score)),
        credit: last.and_then(|last| Some((last.state.to_string(), number(&last.credit)?))),
        compliant: compliant(status),
        consistent: status_of(&status.conditions, ConditionType::Consistent)
            .map(|status| status == ConditionStatus::True),
        watermarks: status.feeds.iter().filter_map(watermark).collect(),
        due: waited.filter_map(due).collect(),
    }
}
