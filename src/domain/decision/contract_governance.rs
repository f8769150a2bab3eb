//! What surrounds the verdicts of a contract: its governance, the active escalation, and advice on the contract itself.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::advice::{AdviceFacts, advise};
use super::alerts::LaunchNews;
use super::earliest;
use crate::api::kpi_target::Better;
use crate::api::vendor_contract::{Advice, EscalationCause};
use crate::domain::governance::deadlines::{Governance, govern};
use crate::domain::governance::escalation::{Acknowledgement, StandingCause, StandingLevel, escalate};
use crate::domain::holdings::{FeedHealth, LaunchOfContract};
use crate::domain::judgement::escalation_causes::causes_of;
use crate::domain::judgement::outcome::{Judgement, KpiJudgement};
use crate::domain::launch::readiness::LaunchTimes;
use crate::domain::measuring::verdict::{better_of, comparison_of};
use crate::domain::numbers::exact::Exact;
use crate::domain::terms::calendar::{Calendar, days_after};
use crate::domain::terms::catalogue::better_value;
use crate::domain::terms::contract_terms::Terms;

/// All of it at an instant.
#[derive(Clone, Debug)]
pub struct Counsel<'a> {
    /// Phase, reviews and deliverables.
    pub governance: Governance,
    /// The levels of escalation that stand, the lowest first.
    pub levels: Vec<StandingLevel<'a>>,
    /// What the launches have come to.
    pub launches: BTreeMap<String, LaunchNews<'a>>,
    /// Advice on the contract itself.
    pub advice: Vec<Advice>,
    /// When time alone may change it.
    pub next: Option<Timestamp>,
}

/// What counsel is taken on.
#[derive(Clone, Copy)]
pub struct CounselFacts<'a> {
    /// The terms in force.
    pub terms: &'a Terms,
    /// What the rules say.
    pub judgement: &'a Judgement,
    /// The feeds' health, lateness included.
    pub feeds: &'a BTreeMap<String, FeedHealth>,
    /// The launches that name the contract.
    pub launches: &'a BTreeMap<String, LaunchOfContract>,
    /// Who has acknowledged what is escalated.
    pub acknowledged: Option<&'a Acknowledgement>,
}

/// Takes counsel on a contract; `None` where its zone is unknown.
pub fn counsel<'a>(facts: CounselFacts<'a>, now: Timestamp) -> Option<Counsel<'a>> {
    let CounselFacts { terms, judgement, feeds, launches, acknowledged } = facts;
    let calendar = Calendar::of(&terms.contract).ok()?;
    let governance = govern(&terms.contract, &calendar, &judgement.plans, now);
    let launch_news = news_of(launches, &calendar);
    let mut causes = causes_of(judgement, terms, &governance.overdue);
    causes.extend(failing_feeds(feeds));
    causes.extend(risks(judgement, terms));
    causes.extend(stopped_launches(&launch_news));
    let escalation = escalate(&terms.contract, &calendar, &causes, acknowledged, now);
    let today = calendar.date_of(now);
    let best = best_values(terms, judgement);
    let specs = launches.iter().map(|(name, launch)| (name.clone(), launch.spec.clone())).collect();
    let negative: BTreeSet<String> =
        judgement.kpis.iter().filter(|(_, kpi)| kpi.negative_volume).map(|(name, _)| name.clone()).collect();
    let said =
        judgement.kpis.iter().filter_map(|(name, kpi)| Some((name.clone(), kpi.threshold_said.clone()?))).collect();
    // What was changed in the running period comes first: a status holds no more than 20 findings.
    let mut advice = judgement.changes.clone();
    advice.extend(advise(&AdviceFacts {
        terms,
        today,
        best: &best,
        launches: &specs,
        negative: &negative,
        said: &said,
        offered: &judgement.offered,
        doubts: &judgement.doubts,
    }));
    let tomorrow = calendar.start_of_day(days_after(today, 1));
    // Advice speaks of whole days: of targets that nobody has touched for a year.
    let next = earliest([governance.next, escalation.next, Some(tomorrow)], now);
    Some(Counsel { governance, levels: escalation.levels, launches: launch_news, advice, next })
}

fn news_of<'a>(
    launches: &'a BTreeMap<String, LaunchOfContract>,
    calendar: &Calendar,
) -> BTreeMap<String, LaunchNews<'a>> {
    launches
        .iter()
        .filter_map(|(name, launch)| {
            let status = launch.status.as_ref()?;
            let no_go_at = LaunchTimes::of(&launch.spec, calendar).go_no_go_at;
            Some((name.clone(), LaunchNews { no_go_at, status }))
        })
        .collect()
}

fn stopped_launches(launches: &BTreeMap<String, LaunchNews<'_>>) -> Vec<StandingCause> {
    let stopped = launches.values().filter(|news| news.is_stopped());
    stopped.map(|news| StandingCause { since: news.no_go_at, cause: EscalationCause::LaunchNoGo }).collect()
}

fn failing_feeds(feeds: &BTreeMap<String, FeedHealth>) -> impl Iterator<Item = StandingCause> {
    feeds.values().filter_map(|health| {
        Some(StandingCause {
            since: health.since.filter(|_| health.is_failing())?,
            cause: EscalationCause::FeedFailing,
        })
    })
}

fn risks(judgement: &Judgement, terms: &Terms) -> Vec<StandingCause> {
    let counted = |name: &String| terms.kpis.get(name).is_some_and(|spec| !spec.dry_run && !spec.suspend);
    let since = judgement.kpis.iter().filter(|(name, _)| counted(name)).filter_map(|(_, kpi)| kpi.risk_since);
    since.map(|since| StandingCause { since, cause: EscalationCause::AtRisk }).collect()
}

/// The best value of the closed periods of each KPI, in the direction of its comparison; of a range the one that is nearest to it.
fn best_values(terms: &Terms, judgement: &Judgement) -> BTreeMap<String, Exact> {
    let best = |name: &String, kpi: &KpiJudgement| {
        let spec = terms.kpi(name)?;
        let values = kpi
            .history
            .iter()
            .filter_map(|entry| entry.value.as_ref()?.parse::<rust_decimal::Decimal>().ok())
            .map(Exact::from);
        let comparison = comparison_of(&spec.objective, better_value(spec));
        match better_of(comparison) {
            Some(Better::Higher) => values.max(),
            Some(Better::Lower) => values.min(),
            Some(Better::Range) | None => {
                let target = Exact::from(&spec.objective.target);
                let upper = spec.objective.upper.as_ref().map_or_else(|| target.clone(), Exact::from);
                values.min_by_key(|value| (value - &value.clamp_between(&target, &upper)).abs())
            }
        }
    };
    judgement.kpis.iter().filter_map(|(name, kpi)| Some((name.clone(), best(name, kpi)?))).collect()
}
