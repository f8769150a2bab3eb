//! What the rules find of a launch: its load and people, its gates, its spikes and its cohorts.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::live_load::{KnownFeeds, ServiceFacts, Surge, watch};
use super::observed::{LaunchContract, ObservedLaunch, OtherLaunch, Past};
use crate::api::campaign_launch::{CampaignLaunchSpec, CohortResult, GateType, LaunchDecision, LaunchPhase};
use crate::api::condition::Reason;
use crate::domain::decision::earliest;
use crate::domain::holdings::{FeedHealth, feeds_named, kpis_named};
use crate::domain::judgement::outcome::KpiJudgement;
use crate::domain::launch::cohorts::{compare_cohorts, count_cohorts};
use crate::domain::launch::demand::{
    Baseline, DEFAULT_INTERVAL_SECONDS, Demand, Scheduled, StaffingFacts, StaffingPlan, campaign_demand,
    interval_seconds, is_of_campaign, offered_by_interval, plan_staffing, scheduled_by_interval,
};
use crate::domain::launch::readiness::{KpiFact, LaunchFacts, LaunchTimes, Measured, Readiness, Unknown, judge_launch};
use crate::domain::measuring::ledger::{Known, Ledger};
use crate::domain::numbers::exact::Exact;
use crate::domain::terms::calendar::{Calendar, Span};
use crate::domain::terms::contract_terms::Terms;

/// What the rules say of a launch.
pub(super) struct Seen {
    pub readiness: Readiness,
    pub demand: Demand,
    pub plan: Option<StaffingPlan>,
    pub surge: Surge,
    pub cohorts: Vec<CohortResult>,
    /// When time alone may change any of it.
    pub next: Option<Timestamp>,
}

/// Looks at a launch. `None` where the contract has no calendar.
pub(super) fn look(observed: &ObservedLaunch<'_>, contract: LaunchContract<'_>, now: Timestamp) -> Option<Seen> {
    let field = Field::of(observed.spec, contract)?;
    let known = field.known_at(now);
    let seconds = observed.spec.staffing.as_ref().map_or(DEFAULT_INTERVAL_SECONDS, interval_seconds);
    let vendor = &contract.terms.contract.vendor.name;
    let sharing = observed.others.iter().filter(|other| other.contract.terms.contract.vendor.name == *vendor);
    let others: Vec<Shared> = sharing.filter_map(|other| shared_demand(other, &field.calendar, seconds, now)).collect();
    let counted: Vec<&Demand> = others.iter().filter_map(|other| other.demand.as_ref()).collect();

    let baseline = baseline(observed.spec, &field.calendar, &known, seconds);
    let demand = campaign_demand(observed.spec, &field.calendar, baseline.as_ref(), seconds);
    let plan = staff(observed.spec, &field.calendar, &known, &demand, baseline.as_ref(), &counted);
    let coverage = plan.as_ref().and_then(StaffingPlan::coverage_percent);
    let (cohorts, complete) = cohorts(observed.spec, &field.calendar, &known);
    let readiness = judge(
        &Asked {
            spec: observed.spec,
            kpis: &observed.kpis,
            coverage: coverage.as_ref(),
            cohorts_complete: complete,
            kept_decision: observed.kept_decision,
            past_is_awaited: observed.past == Past::Awaited || !observed.awaited.is_empty(),
            unknown: Unknown {
                figures: observed.lacks_figures(),
                kpis: observed.lacks_kpis(),
                load: observed.lacks_load(),
                before: observed.before().map_or(&[], |before| &before.gates),
            },
        },
        &field.calendar,
        &known,
        now,
    );
    let demands: Vec<&Demand> = std::iter::once(&demand).chain(counted.iter().copied()).collect();
    let service = ServiceFacts {
        terms: contract.terms,
        calendar: &field.calendar,
        feeds: &known,
        baseline: baseline.as_ref(),
        demands: &demands,
        interval_seconds: seconds,
    };
    let surge = watch(observed.spec, service, now);
    let next = earliest(others.iter().map(|other| other.next).chain([readiness.next, surge.next]), now);
    Some(Seen { readiness, demand, plan, surge, cohorts, next })
}

/// Names of the first contract's feeds that a launch reads: its own, and those of the KPIs that it watches.
pub fn feeds_read(spec: &CampaignLaunchSpec, terms: &Terms) -> BTreeSet<String> {
    let watched = spec.watch.iter().flat_map(|watch| &watch.kpis);
    let of_kpis = watched.filter_map(|name| Some(terms.kpis.get(name)?.source.feed.clone()));
    feeds_named(spec).into_iter().chain(of_kpis).collect()
}

/// Whether the past of the first contract's feeds is known that a launch reads, or that its KPIs read.
pub fn past_of(spec: &CampaignLaunchSpec, terms: &Terms, feeds: &BTreeMap<String, Box<FeedHealth>>) -> Past {
    past_of_feeds(feeds_read(spec, terms).into_iter().chain(feeds_of_kpis(spec, terms)), feeds)
}

/// The same of a further contract, of which a launch reads no more than the KPIs.
pub fn past_of_further(spec: &CampaignLaunchSpec, terms: &Terms, feeds: &BTreeMap<String, Box<FeedHealth>>) -> Past {
    past_of_feeds(feeds_of_kpis(spec, terms).into_iter(), feeds)
}

fn feeds_of_kpis(spec: &CampaignLaunchSpec, terms: &Terms) -> Vec<String> {
    kpis_named(spec).into_iter().filter_map(|name| Some(terms.kpis.get(&name)?.source.feed.clone())).collect()
}

fn past_of_feeds(read: impl Iterator<Item = String>, feeds: &BTreeMap<String, Box<FeedHealth>>) -> Past {
    let unknown = FeedHealth::default();
    let health = read.map(|feed| feeds.get(&feed).map_or(&unknown, Box::as_ref));
    let open: Vec<&FeedHealth> = health.filter(|health| health.backfilling).collect();
    if open.is_empty() {
        Past::Known
    } else if open.iter().any(|health| health.is_failing() || health.reason == Reason::Suspended) {
        Past::Failing
    } else {
        Past::Awaited
    }
}

/// The calendar and the ledgers of a launch's first contract.
struct Field {
    calendar: Calendar,
    ledgers: BTreeMap<String, Ledger>,
}

impl Field {
    fn of(spec: &CampaignLaunchSpec, contract: LaunchContract<'_>) -> Option<Field> {
        let calendar = Calendar::of(&contract.terms.contract).ok()?;
        let read = feeds_read(spec, contract.terms);
        let rows = contract.rows.iter().filter(|(feed, _)| read.contains(*feed));
        let ledgers = rows.map(|(feed, rows)| (feed.clone(), Ledger::of_rows(rows, &calendar))).collect();
        Some(Field { calendar, ledgers })
    }

    fn known_at(&self, now: Timestamp) -> KnownFeeds<'_> {
        self.ledgers.iter().map(|(feed, ledger)| (feed.as_str(), ledger.known_at(now))).collect()
    }
}

/// What readiness asks in addition to what the feeds say.
struct Asked<'a> {
    spec: &'a CampaignLaunchSpec,
    kpis: &'a BTreeMap<String, Box<KpiJudgement>>,
    coverage: Option<&'a Exact>,
    cohorts_complete: bool,
    kept_decision: Option<LaunchDecision>,
    past_is_awaited: bool,
    unknown: Unknown<'a>,
}

fn judge(asked: &Asked<'_>, calendar: &Calendar, known: &KnownFeeds<'_>, now: Timestamp) -> Readiness {
    let last = |kpi: &KpiJudgement| kpi.last.as_ref().map(|last| last.verdict);
    let kpis = asked.kpis.iter().map(|(name, kpi)| (name.clone(), KpiFact { last: last(kpi) })).collect();
    let measured = |feed: &str, measure: &str, span: Span| sum_of_rows_ended_in(known.get(feed), measure, span);
    let facts = LaunchFacts {
        spec: asked.spec,
        calendar,
        kpis: &kpis,
        measured: &measured,
        coverage_percent: asked.coverage,
        cohorts_complete: asked.cohorts_complete,
        kept_decision: asked.kept_decision,
        past_is_awaited: asked.past_is_awaited,
        unknown: asked.unknown,
    };
    judge_launch(&facts, now)
}

fn sum_of_rows_ended_in(known: Option<&Known<'_>>, measure: &str, span: Span) -> Measured {
    let mut measured = Measured::default();
    for row in known.iter().flat_map(|known| known.rows()) {
        let (end, Some(value)) = (row.span().end, row.measure(measure)) else { continue };
        let first = |so_far: Option<Timestamp>| Some(so_far.map_or(end, |so_far| so_far.min(end)));
        if end > span.end {
            measured.first_to_come = first(measured.first_to_come);
        } else if end > span.start {
            measured.sum = Some(measured.sum.take().map_or(value.clone(), |sum| sum + &value));
            measured.oldest = first(measured.oldest);
        }
    }
    measured
}

/// What is usual without the campaign.
fn baseline(spec: &CampaignLaunchSpec, calendar: &Calendar, known: &KnownFeeds<'_>, seconds: i64) -> Option<Baseline> {
    let wanted = spec.staffing.as_ref()?.baseline.as_ref()?;
    let own = spec.watch.as_ref().map(|watch| &watch.campaign_label);
    let without = |labels: &_| own.is_none_or(|own| !is_of_campaign(labels, own));
    let past = offered_by_interval(known.get(wanted.feed.as_str())?, calendar, seconds, without);
    Some(Baseline::of(&past, calendar, wanted.weeks))
}

/// The people that the campaign, the baseline and other campaigns need.
fn staff(
    spec: &CampaignLaunchSpec,
    calendar: &Calendar,
    known: &KnownFeeds<'_>,
    demand: &Demand,
    baseline: Option<&Baseline>,
    others: &[&Demand],
) -> Option<StaffingPlan> {
    let staffing = spec.staffing.as_ref()?;
    let seconds = interval_seconds(staffing);
    let scheduled = staffing.scheduled.as_ref();
    let by_feed = scheduled.and_then(|scheduled| {
        let known = known.get(scheduled.feed.as_deref()?)?;
        Some(scheduled_by_interval(known, calendar, seconds, scheduled.measure.as_deref()?))
    });
    let scheduled = match (&by_feed, scheduled.and_then(|scheduled| scheduled.agents)) {
        (Some(by_interval), _) => Scheduled::ByInterval(by_interval),
        (None, Some(agents)) => Scheduled::Always(agents),
        (None, None) => Scheduled::Unknown,
    };
    plan_staffing(&StaffingFacts { staffing, calendar, demand, baseline, others, scheduled })
}

/// How the cohorts compare, and whether all have their size (also where there are none).
fn cohorts(spec: &CampaignLaunchSpec, calendar: &Calendar, known: &KnownFeeds<'_>) -> (Vec<CohortResult>, bool) {
    let Some(cohorts) = &spec.cohorts else { return (Vec::new(), true) };
    let Some(known) = known.get(cohorts.feed.as_str()) else { return (Vec::new(), false) };
    let times = LaunchTimes::of(spec, calendar);
    let (counts, complete) = count_cohorts(known, cohorts, times.launch_at, times.ends_at, times.measured_until);
    (compare_cohorts(&counts, cohorts.planned_per_cohort, cohorts.control.as_deref()), complete)
}

/// Another launch of the same vendor.
struct Shared {
    /// What it adds to the load; `None` where it is NoGo or Completed.
    demand: Option<Demand>,
    /// When that may change with time alone.
    next: Option<Timestamp>,
}

/// What another launch of the same vendor adds. It is judged without its Staffing gates and without the decision that was kept
/// with them: two launches that wait for each other's people would else never be decided.
fn shared_demand(other: &OtherLaunch<'_>, calendar: &Calendar, seconds: i64, now: Timestamp) -> Option<Shared> {
    let mut spec = other.spec.clone();
    spec.gates.retain(|gate| gate.type_ != GateType::Staffing);
    let field = Field::of(&spec, other.contract)?;
    let known = field.known_at(now);
    let (_, complete) = cohorts(&spec, &field.calendar, &known);
    let asked = Asked {
        spec: &spec,
        kpis: &other.kpis,
        coverage: None,
        cohorts_complete: complete,
        kept_decision: None,
        past_is_awaited: false,
        unknown: Unknown::default(),
    };
    let readiness = judge(&asked, &field.calendar, &known, now);
    let counts = readiness.decision != LaunchDecision::NoGo && readiness.phase != LaunchPhase::Completed;
    let demand = counts.then(|| {
        let baseline = baseline(&spec, &field.calendar, &known, seconds);
        campaign_demand(&spec, &field.calendar, baseline.as_ref(), seconds).in_intervals_of(calendar, seconds)
    });
    Some(Shared { demand, next: readiness.next })
}
