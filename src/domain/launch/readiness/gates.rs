//! The state of each gate.

use jiff::Timestamp;

use super::{Clock, LaunchFacts, after, before};
use crate::api::campaign_launch::{Gate, GateCheck, GateState, GateStatus, GateType, PlanParty};
use crate::api::condition::Reason;
use crate::api::kpi_target::Verdict;
use crate::api::scalar::{Duration, DurationUnit, shorten};
use crate::domain::numbers::exact::Exact;
use crate::domain::terms::calendar::{Span, days_between};

/// How long before its due date an open gate is at risk.
const WARNING: Duration = Duration::new(1, DurationUnit::BusinessDays);
/// Over how long a feed's measure is summed.
const CHECKED: Duration = Duration::new(30, DurationUnit::Days);
/// Bytes of a message.
const LONGEST_MESSAGE: usize = 256;

const KPI_UNKNOWN: &str = "what the KpiTarget says is not known until each contract is judged";

/// What one requirement of a gate says.
enum Answer {
    /// It is met.
    Holds,
    /// Data say that it is not.
    Fails(&'static str, String),
    /// Nothing says so yet.
    Open(&'static str, String),
    /// There is proof, but it is too old.
    Stale(String),
    /// It cannot be known now.
    Unknown(&'static str),
}

pub(super) fn judge(facts: &LaunchFacts<'_>, clock: &mut Clock) -> Vec<GateStatus> {
    let mut gates: Vec<GateStatus> = facts.spec.gates.iter().map(|gate| judge_gate(facts, gate, clock)).collect();
    gates.sort_by(|left, right| left.name.cmp(&right.name));
    gates
}

/// Passed, Waived, Failed, Stale, AtRisk, Pending: the first that applies.
fn judge_gate(facts: &LaunchFacts<'_>, gate: &Gate, clock: &mut Clock) -> GateStatus {
    let due_at = before(facts.calendar, facts.spec.launch_at, gate.due);
    let answers = requirements(facts, gate, clock);
    let waiver = gate.waiver.as_ref().filter(|waiver| !clock.has_come(facts.calendar.end_of_day(waiver.until)));
    let (overdue, near) = (clock.has_come(due_at), clock.has_come(facts.calendar.before(due_at, WARNING)));
    let stale = answers.iter().any(|answer| matches!(answer, Answer::Stale(_)));
    let fails = answers.iter().any(|answer| matches!(answer, Answer::Fails(..)));
    let before = found_before(facts, gate, &answers);
    let state = if answers.iter().all(|answer| matches!(answer, Answer::Holds))
        || before.is_some_and(|before| before.state == GateState::Passed)
    {
        GateState::Passed
    } else if waiver.is_some() {
        GateState::Waived
    } else if overdue && !is_unknown(&answers) || before.is_some_and(|before| before.state == GateState::Failed) {
        GateState::Failed
    } else if stale {
        GateState::Stale
    } else if near || fails {
        GateState::AtRisk
    } else {
        GateState::Pending
    };
    let (reason, message) = match (state, waiver) {
        (GateState::Passed, _) => (None, None),
        (GateState::Waived, Some(waiver)) => {
            let why = waiver.reason.as_deref().map_or_else(String::new, |reason| format!(": {}", shorten(reason)));
            (Some("Waived"), Some(format!("waived by {} until {}{why}", shorten(&waiver.by), waiver.until)))
        }
        _ => explanation(answers),
    };
    let before = before.filter(|before| before.state == state && state == GateState::Failed);
    GateStatus {
        name: gate.name.clone(),
        type_: gate.type_,
        state,
        blocking: gate.blocking.unwrap_or(true),
        due_at,
        passed_at: None,
        reason: before.map_or(reason.map(str::to_owned), |before| before.reason.clone()),
        message: before.map_or(message.map(cut), |before| before.message.clone()),
    }
}

/// Whether nothing speaks against a gate but that a requirement cannot be known now.
fn is_unknown(answers: &[Answer]) -> bool {
    answers.iter().any(|answer| matches!(answer, Answer::Unknown(_)))
        && answers.iter().all(|answer| matches!(answer, Answer::Holds | Answer::Unknown(_)))
}

/// What was found last of a gate that cannot be judged now.
fn found_before<'a>(facts: &LaunchFacts<'a>, gate: &Gate, answers: &[Answer]) -> Option<&'a GateStatus> {
    let before = facts.unknown.before;
    if is_unknown(answers) { before.iter().find(|before| before.name == gate.name) } else { None }
}

/// The gravest answer speaks: what fails on data before what is stale before what is open.
fn explanation(answers: Vec<Answer>) -> (Option<&'static str>, Option<String>) {
    let gravity = |answer: &Answer| match answer {
        Answer::Fails(..) => 0,
        Answer::Stale(_) => 1,
        Answer::Open(..) => 2,
        Answer::Unknown(_) => 3,
        Answer::Holds => 4,
    };
    match answers.into_iter().min_by_key(gravity) {
        Some(Answer::Fails(reason, message) | Answer::Open(reason, message)) => (Some(reason), Some(message)),
        Some(Answer::Stale(message)) => (Some("Stale"), Some(message)),
        Some(Answer::Unknown(message)) => (Some("ContractNotJudged"), Some(message.to_owned())),
        Some(Answer::Holds) | None => (None, None),
    }
}

fn cut(message: String) -> String {
    if message.len() <= LONGEST_MESSAGE {
        return message;
    }
    let end = (0..=LONGEST_MESSAGE - '…'.len_utf8()).rev().find(|end| message.is_char_boundary(*end));
    format!("{}…", message.get(..end.unwrap_or(0)).unwrap_or_default())
}

/// All that a gate asks for: what its type says, its check and its evidence. A gate that has nothing of its own to ask
/// passes on evidence or a check, so one of them must be there.
fn requirements(facts: &LaunchFacts<'_>, gate: &Gate, clock: &mut Clock) -> Vec<Answer> {
    let mut answers = own_requirements(facts, gate, clock);
    if let Some(check) = &gate.check {
        answers.push(check_holds(facts, check, clock));
    }
    if let Some(evidence) = &gate.evidence {
        answers.push(evidence_holds(facts, gate, evidence.passed_at, clock));
    }
    if answers.is_empty() {
        let message = "nothing shows that it passed: record `evidence`, or name a figure in `check`";
        answers.push(Answer::Open("NoEvidence", message.to_owned()));
    }
    answers
}

fn own_requirements(facts: &LaunchFacts<'_>, gate: &Gate, clock: &mut Clock) -> Vec<Answer> {
    match gate.type_ {
        GateType::SuccessMetrics => vec![success_metrics(facts)],
        GateType::JointPlan => joint_plan(facts, gate, clock),
        GateType::Staffing => vec![staffing(facts, gate)],
        GateType::Training => training(facts, gate, clock),
        GateType::FeedbackLoop => vec![feedback_loop(facts, gate)],
        GateType::SurveyDecision => vec![match facts.spec.survey {
            Some(_) => Answer::Holds,
            None => {
                Answer::Open("NoDecision", "whether customers are surveyed is not decided: set spec.survey".to_owned())
            }
        }],
        GateType::IvrRouting | GateType::EndToEndTest | GateType::VoiceOfCustomer | GateType::Custom => Vec::new(),
    }
}

/// Whether evidence is all that a gate asks for.
pub fn rests_on_evidence_alone(gate: &Gate) -> bool {
    let asks_more = match gate.type_ {
        GateType::SuccessMetrics
        | GateType::JointPlan
        | GateType::Staffing
        | GateType::FeedbackLoop
        | GateType::SurveyDecision => true,
        GateType::Training => !gate.modules.is_empty(),
        GateType::IvrRouting | GateType::EndToEndTest | GateType::VoiceOfCustomer | GateType::Custom => false,
    };
    gate.evidence.is_some() && gate.check.is_none() && !asks_more
}

/// Every KpiTarget has a target: that it exists is enough.
fn success_metrics(facts: &LaunchFacts<'_>) -> Answer {
    let metrics = &facts.spec.success_metrics;
    if metrics.is_empty() {
        return Answer::Open(
            "NoMetrics",
            "no figure measures success: list KpiTargets in spec.successMetrics".to_owned(),
        );
    }
    match metrics.iter().find(|metric| !facts.kpis.contains_key(&metric.kpi)) {
        None => Answer::Holds,
        Some(_) if facts.unknown.kpis => Answer::Unknown(KPI_UNKNOWN),
        Some(missing) => {
            let message =
                format!("the KpiTarget {:?} does not exist: create it or name another", shorten(&missing.kpi));
            Answer::Open("KpiTargetNotFound", message)
        }
    }
}

fn joint_plan(facts: &LaunchFacts<'_>, gate: &Gate, clock: &mut Clock) -> Vec<Answer> {
    let mut answers = Vec::new();
    for party in [PlanParty::Marketing, PlanParty::Service] {
        let mut signed = gate.sign_offs.iter().filter(|sign_off| sign_off.party == party);
        answers.push(match signed.any(|sign_off| clock.has_come(facts.calendar.start_of_day(sign_off.signed_on))) {
            true => Answer::Holds,
            false => Answer::Open("NotSigned", format!("{party} has not signed: record it in signOffs")),
        });
    }
    answers
}

fn staffing(facts: &LaunchFacts<'_>, gate: &Gate) -> Answer {
    let wanted = gate.coverage_percent.as_ref().map_or(Exact::HUNDRED, Exact::from);
    match facts.coverage_percent {
        _ if facts.unknown.load => Answer::Unknown("how many are needed is not known until each contract is judged"),
        None => {
            let message = "how many are needed or scheduled is not known: fill in spec.staffing, with `scheduled`";
            Answer::Open("NoData", message.to_owned())
        }
        Some(coverage) if *coverage >= wanted => Answer::Holds,
        Some(coverage) => {
            let message = format!(
                "the worst interval has {} % of the heads it needs, under {} %: schedule more",
                coverage.show(1),
                wanted.show(6)
            );
            Answer::Fails(Reason::Understaffed.as_str(), message)
        }
    }
}

fn training(facts: &LaunchFacts<'_>, gate: &Gate, clock: &mut Clock) -> Vec<Answer> {
    if gate.modules.is_empty() {
        return Vec::new();
    }
    let mut open: Vec<&str> = Vec::new();
    for module in &gate.modules {
        if !module.done_on.is_some_and(|day| clock.has_come(facts.calendar.start_of_day(day))) {
            open.push(&module.name);
        }
    }
    vec![match open.is_empty() {
        true => Answer::Holds,
        false => Answer::Open("ModulesOpen", format!("not everyone has done {}", open.join(", "))),
    }]
}

/// A first review is set within three days after the launch.
fn feedback_loop(facts: &LaunchFacts<'_>, gate: &Gate) -> Answer {
    let launch_day = facts.calendar.date_of(facts.spec.launch_at);
    match gate.first_review {
        Some(day) if (0..=3).contains(&days_between(launch_day, day)) => Answer::Holds,
        Some(day) => Answer::Open(
            "ReviewNotSet",
            format!(
                "the first review on {day} is not within 3 days after the launch on {launch_day}: move firstReview"
            ),
        ),
        None => Answer::Open(
            "ReviewNotSet",
            "no first review is set: give firstReview a day within 3 days after the launch".to_owned(),
        ),
    }
}

fn check_holds(facts: &LaunchFacts<'_>, check: &GateCheck, clock: &mut Clock) -> Answer {
    if let Some(name) = &check.kpi {
        let kpi = facts.kpis.get(name);
        if kpi.is_none() && facts.unknown.kpis {
            return Answer::Unknown(KPI_UNKNOWN);
        }
        return match kpi.and_then(|kpi| kpi.last) {
            Some(Verdict::Met) => Answer::Holds,
            None | Some(Verdict::NoData | Verdict::NotMeasured | Verdict::InsufficientVolume) => {
                Answer::Open("NoData", format!("{} has no verdict of a closed period yet", shorten(name)))
            }
            Some(verdict) => Answer::Fails("CheckFailing", format!("{} is {verdict}, not Met", shorten(name))),
        };
    }
    let (Some(feed), Some(measure)) = (&check.feed, &check.measure) else {
        return Answer::Open(
            "NoData",
            "the check names no figure: write kpi, or feed with measure and atLeast".to_owned(),
        );
    };
    if facts.unknown.figures {
        return Answer::Unknown("what the feed measured is not known until the first contract is judged");
    }
    let wanted = check.at_least.as_ref().map_or(Exact::ONE, Exact::from);
    let span = Span::new(before(facts.calendar, clock.now, CHECKED), clock.now);
    let measured = (facts.measured)(feed, measure, span);
    // The window slides: its oldest row leaves it, and a row that is known already may still enter.
    clock.changes_at([measured.oldest.map(|end| after(facts.calendar, end, CHECKED)), measured.first_to_come]);
    match measured.sum {
        None => Answer::Open("NoData", format!("{} of {} has no rows in 30 days", shorten(measure), shorten(feed))),
        Some(sum) if sum >= wanted => Answer::Holds,
        Some(sum) => {
            let message = format!("{} is {} in 30 days, under {}", shorten(measure), sum.show(6), wanted.show(6));
            Answer::Fails("CheckFailing", message)
        }
    }
}

fn evidence_holds(facts: &LaunchFacts<'_>, gate: &Gate, passed_at: Timestamp, clock: &mut Clock) -> Answer {
    if !clock.has_come(passed_at) {
        return Answer::Open("NoEvidence", format!("the evidence is of {passed_at}, which is still to come"));
    }
    if let Some(changed_at) = gate.changed_at.filter(|changed_at| passed_at < *changed_at)
        && clock.has_come(changed_at)
    {
        return Answer::Stale(format!("it passed at {passed_at}, before the change at {changed_at}: test again"));
    }
    if let Some(valid_for) = gate.valid_for {
        let expires = after(facts.calendar, passed_at, valid_for);
        if clock.has_come(expires) {
            return Answer::Stale(format!("it passed at {passed_at}, over {valid_for} ago: test again"));
        }
    }
    Answer::Holds
}
