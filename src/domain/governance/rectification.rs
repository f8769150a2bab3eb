//! Rectification plans: their states, their due dates, and which triggers stand.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;

use crate::api::kpi_target::Verdict;
use crate::api::scalar::{Duration, DurationUnit};
use crate::api::vendor_contract::{
    PlanState, PlanStatus, RectificationPlan, Trigger, TriggerConsequence, TriggerStatus, VendorContractSpec,
};

use crate::domain::settlement::restatement::Closed;
use crate::domain::settlement::settled_period::Frame;
use crate::domain::terms::calendar::{Calendar, days_after};

const TEN_DAYS: Duration = Duration::new(10, DurationUnit::BusinessDays);
const FIVE_DAYS: Duration = Duration::new(5, DurationUnit::BusinessDays);
const VERIFYING_PERIODS: i64 = 2;

/// The closed periods of a contract, and the terms in force now.
#[derive(Clone, Copy)]
pub struct History<'h, 'a> {
    /// The contract as it is now.
    pub contract: &'h VendorContractSpec,
    /// Its calendar.
    pub calendar: &'h Calendar,
    /// The closed periods.
    pub frames: &'h [Frame<'a>],
    /// Their latest revisions.
    pub closed: &'h [Closed<'a>],
}

/// A trigger, by name, and the KPI that fires it, if one does by itself.
type Cause<'h> = (&'h str, Option<&'h str>);

/// Triggers that stand, and the plans that they ask for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standing {
    /// By name, then KPI.
    pub triggers: Vec<TriggerStatus>,
    /// Plans that were recorded, and those that are required and were not; by name.
    pub plans: Vec<PlanStatus>,
}

/// The state after the latest closed period.
pub fn standing(history: &History<'_, '_>) -> Standing {
    let mut standing = Standing::default();
    let mut recorded: BTreeSet<&str> = BTreeSet::new();
    for (cause, fired) in firings(history) {
        let Some(trigger) = history.contract.triggers.iter().find(|trigger| trigger.name == cause.0) else { continue };
        let since = match trigger.then {
            TriggerConsequence::TerminationRight => fired.first().copied(),
            TriggerConsequence::Notify => start_of_run(&fired, history.closed.len()),
            TriggerConsequence::RectificationPlan => {
                let courses = history.courses(cause, &fired);
                recorded.extend(courses.iter().filter_map(|course| course.plan).map(|plan| plan.name.as_str()));
                standing.plans.extend(courses.iter().map(|course| course.status(trigger)));
                let open = courses.last().filter(|course| course.progress.state != PlanState::Verified);
                open.map(|course| course.fired).or_else(|| start_of_run(&fired, history.closed.len()))
            }
        };
        let frame = since.and_then(|place| history.frames.get(place));
        standing.triggers.extend(frame.map(|frame| TriggerStatus {
            name: trigger.name.clone(),
            then: trigger.then,
            kpi: cause.1.map(str::to_owned),
            period: frame.period.name.clone(),
            fired_at: frame.period.end,
        }));
    }
    let unasked = history.contract.rectification_plans.iter().filter(|plan| !recorded.contains(plan.name.as_str()));
    standing.plans.extend(unasked.map(|plan| history.course(None, Some(plan), plan.kpi.as_deref()).status_of(plan)));
    standing.plans = once_each(standing.plans);
    standing
}

/// Each plan once, by name: several KPIs may fire the trigger that it answers. It is as far as it is for the KPI for which it has got
/// least far, and due when it is due first.
fn once_each(plans: Vec<PlanStatus>) -> Vec<PlanStatus> {
    let mut once: BTreeMap<String, PlanStatus> = BTreeMap::new();
    for plan in plans {
        match once.entry(plan.name.clone()) {
            Entry::Vacant(entry) => drop(entry.insert(plan)),
            Entry::Occupied(mut entry) => {
                let known = entry.get_mut();
                known.due = [known.due, plan.due].into_iter().flatten().min();
                known.state = std::cmp::min_by_key(known.state, plan.state, |state| how_far(*state));
            }
        }
    }
    once.into_values().collect()
}

fn how_far(state: PlanState) -> u8 {
    match state {
        PlanState::Failed => 0,
        PlanState::Required => 1,
        PlanState::Rejected => 2,
        PlanState::Submitted => 3,
        PlanState::Approved => 4,
        PlanState::InProgress => 5,
        PlanState::Verified => 6,
    }
}

/// For each trigger in force and KPI the places of the periods at which its condition holds, ascending. A right to
/// terminate that a report has stated once stays, whatever a later revision says.
fn firings<'h>(history: &History<'h, '_>) -> BTreeMap<Cause<'h>, Vec<usize>> {
    let mut firings: BTreeMap<Cause<'h>, Vec<usize>> = BTreeMap::new();
    for (place, closed) in history.closed.iter().enumerate() {
        let latest = closed.settled.triggers.iter();
        let stated = closed.reports.iter().flat_map(|report| &report.triggers);
        let rights = stated.filter(|trigger| trigger.then == TriggerConsequence::TerminationRight);
        let causes: BTreeSet<Cause<'h>> =
            latest.chain(rights).map(|trigger| (trigger.name.as_str(), trigger.kpi.as_deref())).collect();
        for cause in causes {
            firings.entry(cause).or_default().push(place);
        }
    }
    firings
}

/// Since which period a condition has held up to the latest of `count` closed ones.
fn start_of_run(fired: &[usize], count: usize) -> Option<usize> {
    let run = fired.iter().rev().copied().zip((0..count).rev()).take_while(|(fired, place)| fired == place);
    run.last().map(|(fired, _)| fired)
}

/// One course of a plan: from the period that fired its trigger to its end.
struct Course<'h> {
    fired: usize,
    plan: Option<&'h RectificationPlan>,
    progress: Progress,
}

/// The state of a plan.
struct Progress {
    state: PlanState,
    due: Option<Date>,
    /// The end of the period that verified or failed it.
    ended_at: Option<Timestamp>,
}

impl Course<'_> {
    fn status(&self, trigger: &Trigger) -> PlanStatus {
        let name = self.plan.map_or(&trigger.name, |plan| &plan.name);
        PlanStatus { name: name.clone(), state: self.progress.state, due: self.progress.due }
    }

    fn status_of(&self, plan: &RectificationPlan) -> PlanStatus {
        PlanStatus { name: plan.name.clone(), state: self.progress.state, due: self.progress.due }
    }
}

impl<'h> History<'h, '_> {
    /// The plans that a trigger asked for, one after the other: a firing while one is under way asks for no other.
    fn courses(&self, (trigger, kpi): Cause<'h>, fired: &[usize]) -> Vec<Course<'h>> {
        let mut plans: Vec<&RectificationPlan> = self
            .contract
            .rectification_plans
            .iter()
            .filter(|plan| {
                plan.trigger == trigger && (kpi.is_none() || plan.kpi.is_none() || plan.kpi.as_deref() == kpi)
            })
            .collect();
        plans.sort_by_key(|plan| (plan.submitted_on.is_none(), plan.submitted_on, &plan.name));
        let (mut plans, mut courses) = (plans.into_iter(), Vec::<Course<'h>>::new());
        for place in fired.iter().copied() {
            let end = self.frames.get(place).map(|frame| frame.period.end);
            let under_way = courses
                .last()
                .is_some_and(|course| course.progress.ended_at.is_none_or(|ended| end.is_some_and(|end| ended > end)));
            if !under_way {
                courses.push(self.course(Some(place), plans.next(), kpi));
            }
        }
        courses
    }

    fn course(&self, fired: Option<usize>, plan: Option<&'h RectificationPlan>, kpi: Option<&str>) -> Course<'h> {
        let fired_at = fired.and_then(|place| self.frames.get(place)).map(|frame| frame.period.end);
        Course { fired: fired.unwrap_or_default(), plan, progress: self.progress(plan, fired_at, kpi) }
    }

    fn progress(&self, plan: Option<&RectificationPlan>, fired_at: Option<Timestamp>, kpi: Option<&str>) -> Progress {
        let rule = self.contract.rectification.as_ref();
        let at = |state, due| Progress { state, due, ended_at: None };
        let submitted = plan.and_then(|plan| Some((plan, plan.submitted_on?)));
        let Some((plan, submitted_on)) = submitted else {
            let submit = rule.and_then(|rule| rule.submit).unwrap_or(TEN_DAYS);
            return at(PlanState::Required, fired_at.map(|end| self.last_day(end, submit)));
        };
        let rejected_on = plan.rejected_on.filter(|day| *day >= submitted_on);
        let approved_on = plan.approved_on.filter(|day| rejected_on.is_none_or(|rejected| *day >= rejected));
        match (approved_on, rejected_on) {
            (Some(approved_on), _) => self.under_way(plan, approved_on, plan.kpi.as_deref().or(kpi)),
            (None, Some(rejected_on)) => {
                let resubmit = rule.and_then(|rule| rule.resubmit).unwrap_or(FIVE_DAYS);
                at(PlanState::Rejected, Some(self.last_day_after(rejected_on, resubmit)))
            }
            (None, None) => {
                let approve = rule.and_then(|rule| rule.approve).unwrap_or(TEN_DAYS);
                at(PlanState::Submitted, Some(self.last_day_after(submitted_on, approve)))
            }
        }
    }

    /// An approved plan: its steps first, then the periods that verify it.
    fn under_way(&self, plan: &RectificationPlan, approved_on: Date, kpi: Option<&str>) -> Progress {
        let open = plan.steps.iter().filter(|step| step.done_on.is_none());
        let due = open.clone().filter_map(|step| step.due).min();
        if open.count() > 0 {
            let begun = plan.steps.iter().any(|step| step.done_on.is_some());
            let state = if begun { PlanState::InProgress } else { PlanState::Approved };
            return Progress { state, due, ended_at: None };
        }
        let done_on = plan.steps.iter().filter_map(|step| step.done_on).max().unwrap_or(approved_on);
        let needed = self.contract.rectification.as_ref().and_then(|rule| rule.verify_periods);
        let mut left = needed.unwrap_or(VERIFYING_PERIODS);
        for (frame, closed) in
            self.frames.iter().zip(self.closed).filter(|(frame, _)| frame.period.first_day >= done_on)
        {
            left -= match verdict_for(closed, kpi) {
                Some(Verdict::Missed) => {
                    return Progress { state: PlanState::Failed, due: None, ended_at: Some(frame.period.end) };
                }
                Some(Verdict::Met) => 1,
                _ => 0,
            };
            if left <= 0 {
                return Progress { state: PlanState::Verified, due: None, ended_at: Some(frame.period.end) };
            }
        }
        Progress { state: PlanState::InProgress, due: None, ended_at: None }
    }

    /// The last day of a time that runs from an instant on.
    fn last_day(&self, from: Timestamp, duration: Duration) -> Date {
        let deadline = self.calendar.after(from, duration);
        let day = self.calendar.date_of(deadline);
        if self.calendar.start_of_day(day) == deadline { days_after(day, -1) } else { day }
    }

    /// The last day of a time that runs from the end of a day on.
    fn last_day_after(&self, day: Date, duration: Duration) -> Date {
        self.last_day(self.calendar.end_of_day(day), duration)
    }
}

/// The verdict that a plan looks at: of its KPI, or the worst of all Critical-class ones where it names none.
fn verdict_for(closed: &Closed<'_>, kpi: Option<&str>) -> Option<Verdict> {
    if let Some(name) = kpi {
        return closed.settled.line(name).map(|line| line.reading.verdict);
    }
    let critical = || closed.settled.lines.iter().map(|line| &line.reading).filter(|reading| reading.is_critical());
    [Verdict::Missed, Verdict::Met].into_iter().find(|verdict| critical().any(|reading| reading.verdict == *verdict))
}
