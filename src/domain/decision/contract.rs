//! What a reconcile of a VendorContract wants.

mod findings;
mod notices;

use std::collections::BTreeMap;

use jiff::Timestamp;

pub use self::findings::latest_report;
use self::findings::{findings, readiness};
use self::notices::{evidence_notices, notices};
use super::alerts::{Addressed, AlertFacts, standing_alerts};
use super::conditions::{conditions, status_of};
use super::contract_governance::{Counsel, CounselFacts, counsel};
use super::transitions::without_risk;
use super::{Notice, earliest};
use crate::api::ACKNOWLEDGED_ANNOTATION;
use crate::api::condition::{ConditionStatus, ConditionType, Kind, Reason};
use crate::api::vendor_contract::{AlertSinkStatus, FeedStatus, GovernanceStatus, VendorContractStatus};
use crate::domain::governance::deadlines::Governance;
use crate::domain::governance::escalation::Acknowledgement;
use crate::domain::holdings::{Dangling, FeedHealth, LaunchOfContract};
use crate::domain::judgement::outcome::Judgement;
use crate::domain::terms::calendar::Calendar;
use crate::domain::terms::contract_terms::Terms;
use crate::domain::terms::finding::InvalidSpec;
use crate::domain::terms::periods::Periods;

/// All that a decision on a contract rests on.
#[derive(Clone, Debug)]
pub struct ObservedContract<'a> {
    /// Namespace of the contract.
    pub namespace: &'a str,
    /// Name of the contract.
    pub name: &'a str,
    /// Generation of its spec.
    pub generation: Option<i64>,
    /// The status that it has.
    pub previous: Option<&'a VendorContractStatus>,
    /// The terms in force.
    pub terms: &'a Terms,
    /// What the rules say, or why the spec cannot be judged.
    pub judgement: Result<&'a Judgement, &'a InvalidSpec>,
    /// References of the contract that do not resolve: tiers that it lists and that do not exist.
    pub unresolved: &'a [Dangling],
    /// The feeds' health by name; a feed without an entry is Pending.
    pub feeds: BTreeMap<String, FeedHealth>,
    /// Why the evidence cannot be relied on, if it cannot: then nothing is judged from it.
    pub evidence_problem: Option<String>,
    /// That the store takes no rows for want of room: figures of what it has hold.
    pub no_room: Option<String>,
    /// Names of Final reports that a judgement of today contradicts.
    pub contradicted: Vec<String>,
    /// The launches that name the contract.
    pub launches: BTreeMap<String, LaunchOfContract>,
    /// Who has acknowledged what is escalated.
    pub acknowledged: Option<Acknowledgement>,
    /// State of the places where alerts are sent.
    pub alert_sinks: Vec<AlertSinkStatus>,
}

/// First and first later instant of the term; `None` where the zone is unknown.
pub fn term_of(terms: &Terms) -> Option<(Timestamp, Timestamp)> {
    let calendar = Calendar::of(&terms.contract).ok()?;
    let span = Periods::of(&terms.contract, &calendar).term()?;
    Some((span.start, span.end))
}

/// Who has acknowledged what is escalated, as the annotation of the contract says it; `None` where it says nothing that can be read.
pub fn acknowledgement_of(annotations: Option<&BTreeMap<String, String>>) -> Option<Acknowledgement> {
    Acknowledgement::parse(annotations?.get(ACKNOWLEDGED_ANNOTATION)?).ok()
}

fn governance_status(observed: &ObservedContract<'_>, governance: &Governance) -> GovernanceStatus {
    GovernanceStatus {
        next_review: governance.next_review.clone(),
        overdue: governance.overdue.iter().map(|overdue| overdue.item.clone()).take(20).collect(),
        disputes: governance.disputes.iter().take(20).cloned().collect(),
        plans: observed
            .judgement
            .map_or_else(|_| Vec::new(), |judgement| judgement.plans.iter().take(20).cloned().collect()),
    }
}

/// What a reconcile of a contract wants, in addition to its reports.
#[derive(Clone, Debug, PartialEq)]
pub struct ContractDecision {
    /// The status.
    pub status: VendorContractStatus,
    /// Transitions.
    pub notices: Vec<Notice>,
    /// The alerts that are active; `None` where the spec cannot be judged, and those that were active go on.
    pub alerts: Option<Vec<Addressed>>,
    /// When time alone may change it.
    pub next: Option<Timestamp>,
}

/// Decides what a contract's status says.
pub fn decide_contract(observed: &ObservedContract<'_>, now: Timestamp) -> ContractDecision {
    let feeds = feed_statuses(observed, now);
    if let (Some(_), Some(previous)) = (&observed.evidence_problem, observed.previous) {
        return unreliable(observed, previous, &feeds, now);
    }
    let counsel = counsel_on(observed, &feeds, now);
    let mut status = VendorContractStatus {
        observed_generation: observed.generation,
        phase: counsel.as_ref().map(|counsel| counsel.governance.phase),
        governance: counsel
            .as_ref()
            .map(|counsel| governance_status(observed, &counsel.governance))
            .filter(|governance| *governance != GovernanceStatus::default()),
        escalation: counsel.as_ref().and_then(|counsel| counsel.levels.last()).map(|standing| standing.status.clone()),
        alerts: observed.alert_sinks.clone(),
        feeds: feeds.iter().map(|(name, health)| feed_status(observed, name, health)).collect(),
        advice: counsel.iter().flat_map(|counsel| counsel.advice.iter().take(20).cloned()).collect(),
        ..VendorContractStatus::default()
    };
    if let Ok(judgement) = observed.judgement {
        status.period = judgement.period.clone();
        status.last = judgement.last.clone();
        status.kpis = judgement.counts.clone();
        status.credits = judgement.credits.clone();
        status.triggers = judgement.triggers.iter().take(20).cloned().collect();
    }
    // Without a status nothing was reported yet: the first one that is written may hold all that an earlier one,
    // which was not written, would have reported.
    let mut reported = observed.previous.cloned().unwrap_or_default();
    if reported.period.as_ref().map(|period| &period.name) != status.period.as_ref().map(|period| &period.name) {
        reported.conditions = without_risk(&reported.conditions);
    }
    let findings = findings(observed, &feeds, &status);
    status.conditions = conditions(Kind::VendorContract, &findings, &reported.conditions, observed.generation, now);
    let levels = counsel.as_ref().map_or(&[][..], |counsel| &counsel.levels);
    let notices = notices(&reported, &status, &feeds, levels, observed.no_room.is_some());
    let alerts = alerts(observed, &feeds, counsel.as_ref(), now);
    let next = earliest(
        observed
            .judgement
            .iter()
            .flat_map(|judgement| {
                judgement.feeds.values().map(|coverage| coverage.late_at).chain([judgement.next]).collect::<Vec<_>>()
            })
            .chain([counsel.as_ref().and_then(|counsel| counsel.next)]),
        now,
    );
    ContractDecision { status, notices, alerts, next }
}

/// While the evidence cannot be relied on the status says so, and keeps every figure: a part of the rows would give other ones.
fn unreliable(
    observed: &ObservedContract<'_>,
    previous: &VendorContractStatus,
    feeds: &BTreeMap<String, FeedHealth>,
    now: Timestamp,
) -> ContractDecision {
    let findings = readiness(observed, feeds);
    let conditions = conditions(Kind::VendorContract, &findings, &previous.conditions, observed.generation, now);
    let status = VendorContractStatus { observed_generation: observed.generation, conditions, ..previous.clone() };
    let notices = evidence_notices(previous, &status, false);
    ContractDecision { status, notices, alerts: None, next: None }
}

fn counsel_on<'a>(
    observed: &'a ObservedContract<'_>,
    feeds: &'a BTreeMap<String, FeedHealth>,
    now: Timestamp,
) -> Option<Counsel<'a>> {
    let facts = CounselFacts {
        terms: observed.terms,
        judgement: observed.judgement.ok()?,
        feeds,
        launches: &observed.launches,
        acknowledged: observed.acknowledged.as_ref(),
    };
    counsel(facts, now)
}

fn alerts(
    observed: &ObservedContract<'_>,
    feeds: &BTreeMap<String, FeedHealth>,
    counsel: Option<&Counsel<'_>>,
    now: Timestamp,
) -> Option<Vec<Addressed>> {
    let counsel = counsel?;
    let facts = AlertFacts {
        namespace: observed.namespace,
        name: observed.name,
        terms: observed.terms,
        judgement: observed.judgement.ok()?,
        feeds,
        overdue: &counsel.governance.overdue,
        levels: &counsel.levels,
        launches: &counsel.launches,
    };
    Some(standing_alerts(&facts, now))
}

fn feed_statuses(observed: &ObservedContract<'_>, now: Timestamp) -> BTreeMap<String, FeedHealth> {
    let spec = &observed.terms.contract;
    let suspended = FeedHealth {
        reason: Reason::Suspended,
        message: "the contract is suspended".to_owned(),
        backfilling: false,
        ..FeedHealth::default()
    };
    spec.feeds
        .iter()
        .map(|feed| {
            if spec.suspend {
                return (feed.name.clone(), suspended.clone());
            }
            let late_at = observed
                .judgement
                .ok()
                .and_then(|judgement| judgement.feeds.get(&feed.name))
                .and_then(|coverage| coverage.late_at);
            let health = observed.feeds.get(&feed.name).cloned().unwrap_or_default();
            (feed.name.clone(), health.with_lateness(late_at, now))
        })
        .collect()
}

fn feed_status(observed: &ObservedContract<'_>, name: &str, health: &FeedHealth) -> FeedStatus {
    FeedStatus {
        name: name.to_owned(),
        healthy: health.is_healthy(),
        reason: health.reason.as_str().to_owned(),
        since: health.since.map(super::conditions::whole_second),
        watermark: observed
            .judgement
            .ok()
            .and_then(|judgement| judgement.feeds.get(name))
            .and_then(|coverage| coverage.watermark),
        backfilling: health.backfilling,
        backfill: health.backfill.filter(|_| health.backfilling),
        set_aside: (health.set_aside > 0).then_some(health.set_aside),
    }
}

/// Whether the contract's compliance is known and good, bad, or unknown: for a metric.
pub fn compliant(status: &VendorContractStatus) -> Option<bool> {
    match status_of(&status.conditions, ConditionType::SLACompliant)? {
        ConditionStatus::True => Some(true),
        ConditionStatus::False => Some(false),
        ConditionStatus::Unknown => None,
    }
}
