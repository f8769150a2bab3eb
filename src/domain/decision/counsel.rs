//! What surrounds the verdicts of a contract: its governance, the escalation that stands, and advice on the contract itself.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::FeedHealth;
use super::earliest;
use crate::api::campaign_launch::CampaignLaunchSpec;
use crate::api::condition::Reason;
use crate::api::kpi_target::{Better, KpiTargetSpec};
use crate::api::vendor_contract::{Advice, EscalationCause, EscalationStatus};
use crate::domain::advice::{AdviceFacts, advise};
use crate::domain::calendar::{Calendar, days_after};
use crate::domain::escalation::{StandingCause, causes_of, escalate};
use crate::domain::exact::Exact;
use crate::domain::facts::{Judgement, KpiJudgement, Risk, Terms};
use crate::domain::governance::{Governance, govern};

/// All of it at an instant.
#[derive(Clone, Debug)]
pub struct Counsel {
    /// Phase, reviews and deliverables.
    pub governance: Governance,
    /// The highest level of escalation that stands.
    pub escalation: Option<EscalationStatus>,
    /// Advice on the contract itself.
    pub advice: Vec<Advice>,
    /// When time alone may change it.
    pub next: Option<Timestamp>,
}

/// Takes counsel on a contract; `None` where its zone is unknown.
///
/// `feeds` are the feeds' health with lateness, `launches` the launches that name the contract.
pub fn counsel(
    terms: &Terms,
    judgement: &Judgement,
    feeds: &BTreeMap<String, FeedHealth>,
    launches: &BTreeMap<String, CampaignLaunchSpec>,
    now: Timestamp,
) -> Option<Counsel> {
    let calendar = Calendar::of(&terms.contract).ok()?;
    let governance = govern(&terms.contract, &calendar, &judgement.plans, now);
    let mut causes = causes_of(judgement, terms, &governance.overdue);
    causes.extend(failing_feeds(feeds));
    causes.extend(risks(judgement, terms));
    let escalation = escalate(&terms.contract, &calendar, &causes, now);
    let today = calendar.date_of(now);
    let best = best_values(terms, judgement);
    let advice = advise(&AdviceFacts { terms, today, best: &best, launches });
    let tomorrow = calendar.start_of_day(days_after(today, 1));
    // Advice speaks of whole days: of targets that nobody has touched for a year.
    let next = earliest([governance.next, escalation.next, Some(tomorrow)], now);
    let escalation = escalation.standing.map(|standing| standing.status);
    Some(Counsel { governance, escalation, advice, next })
}

fn failing_feeds(feeds: &BTreeMap<String, FeedHealth>) -> impl Iterator<Item = StandingCause> {
    feeds.values().filter_map(|health| {
        let failing = !matches!(health.reason, Reason::Fetched | Reason::Pending | Reason::Suspended);
        Some(StandingCause { since: health.since.filter(|_| failing)?, cause: EscalationCause::FeedFailing })
    })
}

fn risks(judgement: &Judgement, terms: &Terms) -> Vec<StandingCause> {
    let at_risk = |kpi: &KpiJudgement| !matches!(kpi.risk, Risk::NoData | Risk::OnTrack);
    judgement
        .kpis
        .iter()
        .filter(|(name, kpi)| at_risk(kpi) && terms.kpis.get(*name).is_some_and(|spec| !spec.dry_run && !spec.suspend))
        .filter_map(|(_, kpi)| {
            Some(StandingCause { since: kpi.current.as_ref()?.as_of?, cause: EscalationCause::AtRisk })
        })
        .collect()
}

/// The best value of the closed periods of each KPI, in the direction of the KPI.
fn best_values(terms: &Terms, judgement: &Judgement) -> BTreeMap<String, Exact> {
    let best = |name: &String, kpi: &KpiJudgement| {
        let spec = terms.kpis.get(name)?;
        let values = kpi
            .history
            .iter()
            .filter_map(|entry| entry.value.as_ref()?.parse::<rust_decimal::Decimal>().ok())
            .map(Exact::from);
        match better(spec) {
            Better::Higher => values.max(),
            Better::Lower => values.min(),
            Better::Range => None,
        }
    };
    judgement.kpis.iter().filter_map(|(name, kpi)| Some((name.clone(), best(name, kpi)?))).collect()
}

fn better(spec: &KpiTargetSpec) -> Better {
    match &spec.formula {
        Some(formula) => formula.better,
        None => crate::domain::catalogue::better(spec.kpi),
    }
}
