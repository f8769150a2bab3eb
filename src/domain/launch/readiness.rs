//! Whether a campaign may launch: its gates, the decision that follows from them, and the phase by time.
//!
//! A fact with a date holds from the start of its day, a waiver to the end of its day, both in the first contract's zone; a
//! fact without a date holds as it is. Days (`d`, `w`) are civil days at the same local time.

mod gates;

pub use gates::rests_on_evidence_alone;

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::api::campaign_launch::{CampaignLaunchSpec, GateState, GateStatus, GateType, LaunchDecision, LaunchPhase};
use crate::api::condition::{ConditionStatus, Reason};
use crate::api::kpi_target::Verdict;
use crate::api::scalar::{Duration, DurationUnit};
use crate::domain::numbers::exact::Exact;
use crate::domain::terms::calendar::{Calendar, Span};

/// How long before `launchAt` it is decided, unless the launch says otherwise.
pub const DEFAULT_GO_NO_GO: Duration = Duration::new(2, DurationUnit::BusinessDays);
/// How long after `launchAt` a launch is Live, unless it says otherwise.
pub const DEFAULT_HYPERCARE: Duration = Duration::new(14, DurationUnit::Days);
/// When a launch ends after `launchAt`, unless it says otherwise.
pub const DEFAULT_END: Duration = Duration::new(30, DurationUnit::Days);
/// How long before `launchAt` a launch is Preparing at the latest.
const PREPARING: Duration = Duration::new(30, DurationUnit::Days);
/// How much longer it is measured at most while cohorts lack their size.
const LONGER_FOR_COHORTS: Duration = Duration::new(90, DurationUnit::Days);

/// What a KpiTarget says, as far as a launch asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KpiFact {
    /// The verdict of its latest closed period.
    pub last: Option<Verdict>,
}

/// A measure over the rows that ended in a span: after its start, at its end at the latest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    /// Their sum; `None` without such rows.
    pub sum: Option<Exact>,
    /// The earliest end among them: the first to leave a window that slides with time.
    pub oldest: Option<Timestamp>,
    /// The earliest end of a known row after the span: the next to enter.
    pub first_to_come: Option<Timestamp>,
}

/// What readiness rests on, all of it as known now.
#[derive(Clone, Copy)]
pub struct LaunchFacts<'a> {
    /// The launch.
    pub spec: &'a CampaignLaunchSpec,
    /// The calendar of its first contract.
    pub calendar: &'a Calendar,
    /// The KpiTargets of its contracts that exist, by name.
    pub kpis: &'a BTreeMap<String, KpiFact>,
    /// What a measure of a feed of the first contract says over a span.
    pub measured: &'a dyn Fn(&str, &str, Span) -> Measured,
    /// The lowest coverage over the campaign's intervals, scheduled heads in percent of needed ones; `None` where it is not
    /// known.
    pub coverage_percent: Option<&'a Exact>,
    /// Whether all cohorts have their planned size, or there are none.
    pub cohorts_complete: bool,
    /// The decision that was kept when `launchAt` passed.
    pub kept_decision: Option<LaunchDecision>,
    /// Whether the past of a feed that the launch reads is being fetched: what is not known yet is nothing that lacks.
    pub past_is_awaited: bool,
    /// What cannot be known now.
    pub unknown: Unknown<'a>,
}

/// What cannot be known now, since a contract has no judgement yet. A gate that only this leaves open is as it was found last.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unknown<'a> {
    /// What the feeds of the first contract measured.
    pub figures: bool,
    /// The KpiTargets that are not among those that exist.
    pub kpis: bool,
    /// How much the vendor's people have to do.
    pub load: bool,
    /// The gates as they were found last of the same spec.
    pub before: &'a [GateStatus],
}

/// The state of a launch.
#[derive(Clone, Debug, PartialEq)]
pub struct Readiness {
    /// The gates, sorted by name.
    pub gates: Vec<GateStatus>,
    /// Whether to launch; after `launchAt` as it was then.
    pub decision: LaunchDecision,
    /// Where it is in time.
    pub phase: LaunchPhase,
    /// Gates Passed or Waived of all, in percent, rounded down; 100 without gates.
    pub readiness_percent: i64,
    /// Blocking gates that are neither Passed nor Waived, sorted.
    pub blocked_by: Vec<String>,
    /// Status and reason of LaunchReady.
    pub launch_ready: (ConditionStatus, Reason),
    /// Status and reason of AtRisk.
    pub at_risk: (ConditionStatus, Reason),
    /// The earliest instant after `now` at which time alone can change any of this.
    pub next: Option<Timestamp>,
}

/// Judges a launch at an instant.
pub fn judge_launch(facts: &LaunchFacts<'_>, now: Timestamp) -> Readiness {
    let times = LaunchTimes::of(facts.spec, facts.calendar);
    let mut clock = Clock { now, next: None };
    let gates = gates::judge(facts, &mut clock);
    let decision = if clock.has_come(times.launch_at) {
        // The gates as they were then, where no one kept the decision.
        facts.kept_decision.unwrap_or_else(|| {
            let then = gates::judge(facts, &mut Clock { now: times.launch_at, next: None });
            decide(&then, !facts.past_is_awaited)
        })
    } else {
        let is_due = clock.has_come(times.go_no_go_at);
        decide(&gates, is_due && !facts.past_is_awaited)
    };
    let phase = phase(facts, &times, &gates, decision, &mut clock);
    let blocked_by = blocked_by(&gates);
    let passed = gates.iter().filter(|gate| is_open_no_more(gate.state)).count() as i64;
    Readiness {
        readiness_percent: (100 * passed).checked_div(gates.len() as i64).unwrap_or(100),
        launch_ready: launch_ready(&gates),
        at_risk: at_risk(&gates),
        gates,
        decision,
        phase,
        blocked_by,
        next: clock.next,
    }
}

/// The instants that a launch's times give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaunchTimes {
    /// First customer contact.
    pub launch_at: Timestamp,
    /// From when on open gates mean NoGo.
    pub go_no_go_at: Timestamp,
    /// When it is Preparing at the latest.
    pub preparing_at: Timestamp,
    /// When it is no longer Live.
    pub hypercare_ends_at: Timestamp,
    /// When it ends.
    pub ends_at: Timestamp,
    /// Until when it is measured at most.
    pub measured_until: Timestamp,
}

impl LaunchTimes {
    /// The times of a launch, with the defaults.
    pub fn of(spec: &CampaignLaunchSpec, calendar: &Calendar) -> LaunchTimes {
        let launch_at = spec.launch_at;
        let ends_at = spec.ends_at.unwrap_or_else(|| after(calendar, launch_at, DEFAULT_END));
        LaunchTimes {
            launch_at,
            go_no_go_at: before(calendar, launch_at, spec.go_no_go.unwrap_or(DEFAULT_GO_NO_GO)),
            preparing_at: before(calendar, launch_at, PREPARING),
            hypercare_ends_at: after(calendar, launch_at, spec.hypercare.unwrap_or(DEFAULT_HYPERCARE)),
            ends_at,
            measured_until: after(calendar, ends_at, LONGER_FOR_COHORTS),
        }
    }
}

fn civil_days(duration: Duration) -> Option<i64> {
    match duration.unit {
        DurationUnit::Days => Some(duration.amount),
        DurationUnit::Weeks => duration.amount.checked_mul(7),
        _ => None,
    }
}

/// The instant so long before another: `d` and `w` are civil days at the same local time.
pub fn before(calendar: &Calendar, instant: Timestamp, duration: Duration) -> Timestamp {
    match civil_days(duration) {
        Some(days) => calendar.civil_days_after(instant, -days),
        None => calendar.before(instant, duration),
    }
}

/// The instant so long after another: `d` and `w` are civil days at the same local time.
pub fn after(calendar: &Calendar, instant: Timestamp, duration: Duration) -> Timestamp {
    match civil_days(duration) {
        Some(days) => calendar.civil_days_after(instant, days),
        None => calendar.after(instant, duration),
    }
}

/// `now`, and the earliest instant to come that was asked about.
struct Clock {
    now: Timestamp,
    next: Option<Timestamp>,
}

impl Clock {
    fn has_come(&mut self, instant: Timestamp) -> bool {
        if instant <= self.now {
            return true;
        }
        self.next = Some(self.next.map_or(instant, |next| next.min(instant)));
        false
    }

    /// Notes instants at which something changes, those that are over left out.
    fn changes_at(&mut self, instants: [Option<Timestamp>; 2]) {
        for instant in instants.into_iter().flatten() {
            self.has_come(instant);
        }
    }
}

fn is_open_no_more(state: GateState) -> bool {
    matches!(state, GateState::Passed | GateState::Waived)
}

/// The decision that gates give: Go when all are Passed or Waived, ConditionalGo when the blocking ones are, else Pending
/// until it must be `decided`, and then NoGo. Without gates nothing is decided.
pub fn decide(gates: &[GateStatus], decided: bool) -> LaunchDecision {
    let closed = |gate: &GateStatus| is_open_no_more(gate.state);
    if gates.is_empty() {
        LaunchDecision::Pending
    } else if gates.iter().all(closed) {
        LaunchDecision::Go
    } else if gates.iter().filter(|gate| gate.blocking).all(closed) {
        LaunchDecision::ConditionalGo
    } else if decided {
        LaunchDecision::NoGo
    } else {
        LaunchDecision::Pending
    }
}

fn blocked_by(gates: &[GateStatus]) -> Vec<String> {
    let blocking = gates.iter().filter(|gate| gate.blocking && !is_open_no_more(gate.state));
    let mut names: Vec<String> = blocking.map(|gate| gate.name.clone()).collect();
    names.sort();
    names
}

fn launch_ready(gates: &[GateStatus]) -> (ConditionStatus, Reason) {
    match decide(gates, false) {
        LaunchDecision::Go => (ConditionStatus::True, Reason::AllGatesPassed),
        LaunchDecision::ConditionalGo => (ConditionStatus::True, Reason::BlockingGatesPassed),
        _ if gates.is_empty() => (ConditionStatus::Unknown, Reason::NoGates),
        _ if gates.iter().any(|gate| gate.blocking && gate.state == GateState::Failed) => {
            (ConditionStatus::False, Reason::GatesFailed)
        }
        _ => (ConditionStatus::False, Reason::GatesOpen),
    }
}

/// A gate that is due, failed or stale is a risk; one that lacks people names that.
fn at_risk(gates: &[GateStatus]) -> (ConditionStatus, Reason) {
    let risky = |gate: &&GateStatus| matches!(gate.state, GateState::AtRisk | GateState::Failed | GateState::Stale);
    let short = |gate: &GateStatus| {
        gate.type_ == GateType::Staffing && gate.reason.as_deref() == Some(Reason::Understaffed.as_str())
    };
    if gates.iter().filter(risky).any(short) {
        (ConditionStatus::True, Reason::Understaffed)
    } else if gates.iter().any(|gate| risky(&gate)) {
        (ConditionStatus::True, Reason::GateDue)
    } else {
        (ConditionStatus::False, Reason::OnTrack)
    }
}

fn phase(
    facts: &LaunchFacts<'_>,
    times: &LaunchTimes,
    gates: &[GateStatus],
    decision: LaunchDecision,
    clock: &mut Clock,
) -> LaunchPhase {
    if !clock.has_come(times.launch_at) {
        let ready = matches!(decision, LaunchDecision::Go | LaunchDecision::ConditionalGo);
        let preparing = clock.has_come(times.preparing_at) || gates.iter().any(|gate| gate.state == GateState::Passed);
        return match (ready, preparing) {
            (true, _) => LaunchPhase::Ready,
            (false, true) => LaunchPhase::Preparing,
            (false, false) => LaunchPhase::Planned,
        };
    }
    if !clock.has_come(times.hypercare_ends_at) {
        return LaunchPhase::Live;
    }
    let ended = clock.has_come(times.ends_at);
    if !ended || (!facts.cohorts_complete && !clock.has_come(times.measured_until)) {
        return LaunchPhase::Measuring;
    }
    LaunchPhase::Completed
}

#[cfg(test)]
mod tests;
