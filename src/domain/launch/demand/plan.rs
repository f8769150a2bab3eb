//! The people that a campaign, the baseline and other campaigns need together.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Baseline, ByInterval, DEFAULT_INTERVAL_SECONDS, Demand, service_intervals};
use crate::api::campaign_launch::{self, PlannedInterval, Staffing, StaffingPeak, StaffingStatus, StaffingWorst};
use crate::api::scalar::{Decimal, Duration};
use crate::domain::launch::staffing::{Planner, Requirement, StaffingGoal};
use crate::domain::numbers::exact::Exact;
use crate::domain::terms::calendar::{Calendar, Span};

/// Intervals that a status shows.
const SHOWN_INTERVALS: usize = 400;

/// How many heads are scheduled.
#[derive(Clone, Copy, Debug)]
pub enum Scheduled<'a> {
    /// It is not known.
    Unknown,
    /// The same number in every interval.
    Always(i64),
    /// What a feed says; an interval that it does not speak of has none, and a feed that speaks of none is not known.
    ByInterval(&'a ByInterval),
}

/// What a plan rests on.
#[derive(Clone, Copy, Debug)]
pub struct StaffingFacts<'a> {
    /// The launch's staffing.
    pub staffing: &'a Staffing,
    /// The calendar of the first contract.
    pub calendar: &'a Calendar,
    /// The campaign's own contacts.
    pub demand: &'a Demand,
    /// The contacts without it; `None` without a baseline.
    pub baseline: Option<&'a Baseline>,
    /// Contacts of the other launches that the same vendor's people serve.
    pub others: &'a [&'a Demand],
    /// How many heads there are.
    pub scheduled: Scheduled<'a>,
}

/// One interval of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct StaffingInterval {
    /// The interval.
    pub span: Span,
    /// Contacts of the campaign, the baseline and other campaigns.
    pub contacts: f64,
    /// What they need.
    pub requirement: Requirement,
    /// Heads scheduled; `None` where it is not known.
    pub scheduled: Option<Exact>,
}

impl StaffingInterval {
    /// Scheduled heads in percent of needed ones; `None` where it is not known or no one is needed.
    pub fn coverage_percent(&self) -> Option<Exact> {
        (self.scheduled.as_ref()? * &Exact::HUNDRED).checked_div(&heads(self.requirement))
    }

    /// Whether fewer heads are scheduled than needed.
    pub fn is_short(&self) -> bool {
        self.scheduled.as_ref().is_some_and(|scheduled| *scheduled < heads(self.requirement))
    }
}

fn heads(requirement: Requirement) -> Exact {
    Exact::from_scaled(requirement.heads.into(), 0)
}

/// The intervals of a campaign and what they need.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StaffingPlan {
    /// In order of time.
    pub intervals: Vec<StaffingInterval>,
}

impl StaffingPlan {
    /// The interval with the most contacts, the earliest of equals.
    pub fn peak(&self) -> Option<&StaffingInterval> {
        self.intervals.iter().rev().max_by(|left, right| left.contacts.total_cmp(&right.contacts))
    }

    /// The interval with the lowest coverage, the earliest of equals, and that coverage in percent.
    pub fn worst(&self) -> Option<(&StaffingInterval, Exact)> {
        let covered = self.intervals.iter().filter_map(|interval| Some((interval, interval.coverage_percent()?)));
        covered.min_by(|left, right| left.1.cmp(&right.1))
    }

    /// The coverage by which a Staffing gate is judged: the worst; 100 where schedules are known and no one is needed.
    pub fn coverage_percent(&self) -> Option<Exact> {
        match self.worst() {
            Some((_, coverage)) => Some(coverage),
            None if self.intervals.iter().any(|interval| interval.scheduled.is_some()) => Some(Exact::HUNDRED),
            None => None,
        }
    }

    /// Its intervals as a status shows them, at most 400: of more, as many neighbours are merged as it takes. Intervals on both sides of
    /// closed hours are neighbours only where merging all others is not enough.
    ///
    /// Contacts add up. Of people, the most that are needed and the fewest that are scheduled are shown: a merged interval that looks
    /// covered is covered throughout.
    pub fn by_interval(&self) -> Vec<PlannedInterval> {
        let open: Vec<&[StaffingInterval]> =
            self.intervals.chunk_by(|left, right| left.span.end == right.span.start).collect();
        let longest = open.iter().map(|intervals| intervals.len()).max().unwrap_or(0);
        let merged = |multiple: &usize| open.iter().map(|it| it.len().div_ceil(*multiple)).sum::<usize>();
        match (1..=longest).find(|multiple| merged(multiple) <= SHOWN_INTERVALS) {
            Some(multiple) => open.iter().flat_map(|it| it.chunks(multiple)).filter_map(planned).collect(),
            None => {
                let multiple = self.intervals.len().div_ceil(SHOWN_INTERVALS).max(1);
                self.intervals.chunks(multiple).filter_map(planned).collect()
            }
        }
    }

    /// As a status shows it in short.
    pub fn status(&self) -> StaffingStatus {
        StaffingStatus {
            peak: self.peak().map(|peak| StaffingPeak {
                start: peak.span.start,
                contacts: format!("{:.1}", peak.contacts),
                required: count(peak.requirement.agents),
                heads: count(peak.requirement.heads),
                scheduled: peak.scheduled.as_ref().and_then(Exact::floor_i64),
            }),
            worst: self.worst().map(|(worst, coverage)| StaffingWorst {
                start: worst.span.start,
                coverage_percent: coverage.show_fixed(1),
            }),
            short_intervals: self.intervals.iter().filter(|interval| interval.is_short()).count() as i64,
        }
    }
}

/// A plan as it is shown after another one. Intervals that have begun keep what was shown of them, and so do all while the others need the
/// same heads and have the same scheduled. A plan of other intervals takes the place of the one before.
pub fn shown_after(before: &[PlannedInterval], plan: Vec<PlannedInterval>, now: Timestamp) -> Vec<PlannedInterval> {
    let starts = |plan: &[PlannedInterval]| plan.iter().map(|it| it.start).collect::<Vec<_>>();
    if starts(before) != starts(&plan) {
        return plan;
    }
    let people = |it: &PlannedInterval| (it.required, it.scheduled);
    let has_begun = |it: &PlannedInterval| it.start < now;
    if before.iter().zip(&plan).all(|(was, is)| has_begun(was) || people(was) == people(is)) {
        return before.to_vec();
    }
    before.iter().zip(plan).map(|(was, is)| if has_begun(was) { was.clone() } else { is }).collect()
}

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Neighbouring intervals as one; `None` of none.
fn planned(intervals: &[StaffingInterval]) -> Option<PlannedInterval> {
    let contacts: f64 = intervals.iter().map(|interval| interval.contacts).sum();
    let fewest = intervals.iter().filter_map(|interval| interval.scheduled.as_ref()).min();
    Some(PlannedInterval {
        start: intervals.first()?.span.start,
        expected: format!("{contacts:.1}"),
        required: count(intervals.iter().map(|interval| interval.requirement.heads).max()?),
        scheduled: fewest.and_then(Exact::floor_i64),
    })
}

/// The people needed on the days with own demand, from the first channel's beginning on.
///
/// Defaults: Erlang C, 30 minutes, 80 % within 20 s, occupancy 85 %, shrinkage 30 %. `None` without a handle time, and where
/// no number of people reaches the goal.
pub fn plan_staffing(facts: &StaffingFacts<'_>) -> Option<StaffingPlan> {
    let seconds = interval_seconds(facts.staffing);
    let mut planner = Planner::new(goal(facts.staffing)?, seconds as f64);
    let first_at = facts.demand.first_at?;
    let mut plan = StaffingPlan::default();
    for day in facts.demand.days.keys() {
        for span in service_intervals(facts.calendar, *day, seconds) {
            if span.end <= first_at {
                continue;
            }
            let contacts = contacts_in(facts, span);
            let share = span.seconds() as f64 / seconds as f64;
            // A day's last interval may be shorter: its load is that of its rate.
            let requirement = planner.requirement(if share > 0.0 { contacts / share } else { 0.0 })?;
            plan.intervals.push(StaffingInterval { span, contacts, requirement, scheduled: scheduled(facts, span) });
        }
    }
    Some(plan)
}

/// The length of an interval of a launch's staffing, in seconds.
pub fn interval_seconds(staffing: &Staffing) -> i64 {
    staffing.interval.and_then(Duration::seconds).filter(|seconds| *seconds > 0).unwrap_or(DEFAULT_INTERVAL_SECONDS)
}

fn contacts_in(facts: &StaffingFacts<'_>, span: Span) -> f64 {
    let of = |intervals: &BTreeMap<Timestamp, f64>| intervals.get(&span.start).copied().unwrap_or(0.0);
    let local = facts.calendar.local(span.start);
    let usual = facts.baseline.and_then(|baseline| baseline.interval(local.date(), local.time()));
    of(&facts.demand.intervals)
        + usual.map_or(0.0, |usual| usual.median)
        + facts.others.iter().map(|other| of(&other.intervals)).sum::<f64>()
}

fn scheduled(facts: &StaffingFacts<'_>, span: Span) -> Option<Exact> {
    match facts.scheduled {
        Scheduled::Unknown => None,
        Scheduled::Always(agents) => Some(Exact::from(agents)),
        Scheduled::ByInterval(levels) if levels.is_empty() => None,
        Scheduled::ByInterval(levels) => Some(levels.get(&span.start).cloned().unwrap_or_default()),
    }
}

fn goal(staffing: &Staffing) -> Option<StaffingGoal> {
    let seconds = |duration: Option<Duration>| duration.and_then(Duration::seconds).map(|seconds| seconds as f64);
    let share = |percent: Option<&Decimal>, default: f64| {
        percent.map_or(default, |percent| Exact::from(percent).to_f64() / 100.0)
    };
    let level: Option<&campaign_launch::ServiceLevelGoal> = staffing.service_level.as_ref();
    Some(StaffingGoal {
        model: staffing.model,
        handle_seconds: seconds(staffing.handle_time)?,
        patience_seconds: match staffing.model {
            campaign_launch::QueueModel::ErlangA => seconds(staffing.patience)?,
            campaign_launch::QueueModel::ErlangC => 0.0,
        },
        service_level: share(level.map(|level| &level.percent), 0.8),
        within_seconds: seconds(level.map(|level| level.within)).unwrap_or(20.0),
        max_occupancy: share(staffing.max_occupancy_percent.as_ref(), 0.85),
        shrinkage_percent: staffing.shrinkage_percent.map_or(rust_decimal::Decimal::from(30), |percent| percent.0),
    })
}
