use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const LAUNCH: &str = "2026-11-30T08:00:00Z";

/// A launch with gates, and what it rests on. 2026-11-30 is a Monday.
struct Case {
    spec: CampaignLaunchSpec,
    calendar: Calendar,
    kpis: BTreeMap<String, KpiFact>,
    sum: Option<i64>,
    coverage: Option<Exact>,
    cohorts_complete: bool,
    kept: Option<LaunchDecision>,
    unknown: Unknown<'static>,
    before: Vec<GateStatus>,
}

fn case(gates: Value) -> Case {
    with(json!({"gates": gates}))
}

fn with(more: Value) -> Case {
    let mut spec = json!({"contractRefs": [{"name": "c"}], "product": "p", "launchAt": LAUNCH});
    for (key, value) in more.as_object().unwrap() {
        spec[key] = value.clone();
    }
    let contract = serde_json::from_value(json!({
        "vendor": {"name": "Acme"}, "term": {"start": "2026-01-01", "end": "2026-12-31"}, "timeZone": "Europe/London",
    }))
    .unwrap();
    Case {
        spec: serde_json::from_value(spec).unwrap(),
        calendar: Calendar::of(&contract).unwrap(),
        kpis: BTreeMap::new(),
        sum: None,
        coverage: None,
        cohorts_complete: true,
        kept: None,
        unknown: Unknown::default(),
        before: Vec::new(),
    }
}

impl Case {
    fn at(&self, now: &str) -> Readiness {
        let measured = |_: &str, _: &str, _: Span| Measured { sum: self.sum.map(Exact::from), ..Measured::default() };
        let facts = LaunchFacts {
            spec: &self.spec,
            calendar: &self.calendar,
            kpis: &self.kpis,
            measured: &measured,
            coverage_percent: self.coverage.as_ref(),
            cohorts_complete: self.cohorts_complete,
            kept_decision: self.kept,
            past_is_awaited: false,
            unknown: Unknown { before: &self.before, ..self.unknown },
        };
        judge_launch(&facts, now.parse().unwrap())
    }

    /// State of the first gate.
    fn state(&self, now: &str) -> GateState {
        self.at(now).gates[0].state
    }
}

fn custom(name: &str, blocking: bool, passed_at: &str) -> Value {
    json!({"name": name, "type": "Custom", "due": "7d", "blocking": blocking, "evidence": {"passedAt": passed_at}})
}

#[test]
fn a_gate_goes_from_pending_over_at_risk_to_failed_and_may_still_pass() {
    use GateState::{AtRisk, Failed, Passed, Pending};
    // Due on Monday 23 November at 08:00, one business day before it: the start of Friday.
    let case = case(json!([custom("g", true, "2026-11-27T10:00:00Z")]));
    for (now, state) in [
        ("2026-11-19T23:59:59Z", Pending),
        ("2026-11-20T00:00:00Z", AtRisk),
        ("2026-11-23T07:59:59Z", AtRisk),
        ("2026-11-23T08:00:00Z", Failed),
        ("2026-11-27T10:00:00Z", Passed),
    ] {
        assert_eq!(case.state(now), state, "{now}");
    }
    assert_eq!(case.at("2026-11-20T00:00:00Z").gates[0].due_at.to_string(), "2026-11-23T08:00:00Z");
}

#[test]
fn days_before_the_launch_are_civil_days_at_the_same_local_time() {
    // London's clocks go back on 25 October.
    let spec = json!({
        "launchAt": "2026-10-26T08:00:00Z",
        "gates": [{"name": "g", "type": "Custom", "due": "2d"}, {"name": "h", "type": "Custom", "due": "1bd"}],
    });
    let readiness = with(spec).at("2026-10-01T00:00:00Z");
    let due: Vec<String> = readiness.gates.iter().map(|gate| gate.due_at.to_string()).collect();
    assert_eq!(due, ["2026-10-24T07:00:00Z", "2026-10-22T23:00:00Z"]);
}

#[test]
fn evidence_grows_stale_with_time_and_with_a_change_of_what_it_tests() {
    use GateState::{Passed, Pending, Stale};
    let gate = |changed_at: &str| {
        case(json!([{
            "name": "ivr", "type": "IvrRouting", "due": "3d", "validFor": "7d", "changedAt": changed_at,
            "evidence": {"passedAt": "2026-11-10T09:00:00Z"},
        }]))
    };
    for (changed_at, now, state) in [
        ("2026-11-01T00:00:00Z", "2026-11-10T08:59:59Z", Pending),
        ("2026-11-01T00:00:00Z", "2026-11-10T09:00:00Z", Passed),
        ("2026-11-01T00:00:00Z", "2026-11-17T08:59:59Z", Passed),
        ("2026-11-01T00:00:00Z", "2026-11-17T09:00:00Z", Stale),
        ("2026-11-12T00:00:00Z", "2026-11-11T00:00:00Z", Passed),
        ("2026-11-12T00:00:00Z", "2026-11-12T00:00:00Z", Stale),
    ] {
        assert_eq!(gate(changed_at).state(now), state, "{changed_at} {now}");
    }
}

#[test]
fn a_gate_that_cannot_be_judged_now_is_as_it_was_found_last_but_for_what_goes_by_time() {
    use GateState::{AtRisk, Failed, Passed, Pending, Stale, Waived};
    let kpi = json!({"type": "SuccessMetrics"});
    let proven = |passed_at: &str, valid_for: &str| {
        json!({"type": "EndToEndTest", "check": {"feed": "qa", "measure": "tests", "atLeast": 1}, "validFor": valid_for,
            "evidence": {"passedAt": passed_at}})
    };
    let tested = proven("2026-11-10T09:00:00Z", "7d");
    let to_come = proven("2026-11-29T00:00:00Z", "7d");
    let check = json!({"type": "Custom", "check": {"kpi": "level"}});
    let people = json!({"type": "Staffing"});
    let waived = json!({"type": "Staffing", "waiver": {"by": "sam", "until": "2026-12-01"}});
    let (early, near, overdue) = ("2026-11-12T00:00:00Z", "2026-11-20T00:00:00Z", "2026-11-24T00:00:00Z");
    for (fields, before, now, state) in [
        (&kpi, Some(Passed), early, Passed),
        (&kpi, Some(Passed), overdue, Passed),
        (&kpi, Some(Pending), early, Pending),
        (&kpi, Some(Pending), near, AtRisk),
        (&kpi, None, overdue, AtRisk),
        (&kpi, Some(AtRisk), overdue, AtRisk),
        (&kpi, Some(Failed), overdue, Failed),
        (&check, Some(Passed), overdue, Passed),
        (&check, Some(Pending), overdue, AtRisk),
        (&people, Some(Passed), overdue, Passed),
        (&people, Some(Pending), overdue, AtRisk),
        (&waived, Some(Pending), overdue, Waived),
        (&tested, Some(Passed), early, Passed),
        // What is known goes by time all the same.
        (&tested, Some(Passed), near, Stale),
        (&tested, Some(Passed), overdue, Failed),
        (&to_come, Some(Pending), overdue, Failed),
    ] {
        let mut gate = json!({"name": "g", "due": "7d"});
        gate.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let mut case = with(json!({"gates": [gate], "successMetrics": [{"kpi": "level"}]}));
        case.unknown = Unknown { figures: true, kpis: true, load: true, before: &[] };
        let found = |state: GateState| GateStatus { state, ..case.at(now).gates[0].clone() };
        case.before = before.map(found).into_iter().collect();
        assert_eq!(case.state(now), state, "{fields} {before:?} {now}");
    }
}

#[test]
fn each_type_passes_on_its_own_facts() {
    use GateState::{AtRisk, Passed, Pending, Waived};
    let sign = |party: &str, day: &str| json!({"party": party, "by": "x", "signedOn": day});
    let gate = |type_: &str, more: Value| {
        let mut gate = json!({"name": "g", "type": type_, "due": "3d"});
        for (key, value) in more.as_object().unwrap() {
            gate[key] = value.clone();
        }
        case(json!([gate]))
    };
    let now = "2026-11-10T12:00:00Z";
    for (type_, facts, state) in [
        ("Custom", json!({}), Pending),
        ("VoiceOfCustomer", json!({"evidence": {"passedAt": "2026-11-01T00:00:00Z"}}), Passed),
        ("SuccessMetrics", json!({}), Pending),
        ("SurveyDecision", json!({}), Pending),
        ("JointPlan", json!({"signOffs": [sign("Marketing", "2026-11-01")]}), Pending),
        ("JointPlan", json!({"signOffs": [sign("Marketing", "2026-11-01"), sign("Service", "2026-11-11")]}), Pending),
        ("JointPlan", json!({"signOffs": [sign("Marketing", "2026-11-01"), sign("Service", "2026-11-10")]}), Passed),
        ("Training", json!({"modules": [{"name": "a", "doneOn": "2026-11-10"}, {"name": "b"}]}), Pending),
        ("Training", json!({"modules": [{"name": "a", "doneOn": "2026-11-10"}]}), Passed),
        ("FeedbackLoop", json!({"firstReview": "2026-12-03"}), Passed),
        ("FeedbackLoop", json!({"firstReview": "2026-12-04"}), Pending),
        ("FeedbackLoop", json!({"firstReview": "2026-11-29"}), Pending),
        ("Custom", json!({"waiver": {"by": "sam", "until": "2026-11-10"}}), Waived),
        ("Custom", json!({"waiver": {"by": "sam", "until": "2026-11-09"}}), Pending),
        ("Custom", json!({"check": {"kpi": "met"}}), Passed),
        ("Custom", json!({"check": {"kpi": "missed"}}), AtRisk),
        ("Custom", json!({"check": {"kpi": "none"}}), Pending),
        ("Training", json!({"modules": [{"name": "a", "doneOn": "2026-11-10"}], "check": {"kpi": "missed"}}), AtRisk),
    ] {
        let mut case = gate(type_, facts.clone());
        case.kpis = [("met", Some(Verdict::Met)), ("missed", Some(Verdict::Missed)), ("none", None)]
            .map(|(name, last)| (name.to_owned(), KpiFact { last }))
            .into();
        assert_eq!(case.state(now), state, "{type_} {facts}");
    }
    let metrics = |kpi: &str| {
        let mut case = with(json!({
            "gates": [{"name": "g", "type": "SuccessMetrics", "due": "3d"}, {"name": "h", "type": "SurveyDecision", "due": "3d"}],
            "successMetrics": [{"kpi": kpi}], "survey": {"conduct": false},
        }));
        case.kpis.insert("met".into(), KpiFact { last: None });
        case.at(now).gates.into_iter().map(|gate| gate.state).collect::<Vec<_>>()
    };
    assert_eq!(metrics("met"), [Passed, Passed]);
    assert_eq!(metrics("other"), [Pending, Passed]);
}

#[test]
fn a_feed_s_measure_is_summed_and_compared() {
    use GateState::{AtRisk, Passed, Pending};
    for (sum, state) in [(None, Pending), (Some(0), AtRisk), (Some(1), Passed)] {
        let check = json!({"feed": "qa", "measure": "endToEndPassed", "atLeast": 1});
        let mut case = case(json!([{"name": "g", "type": "EndToEndTest", "due": "3d", "check": check}]));
        case.sum = sum;
        assert_eq!(case.state("2026-11-10T12:00:00Z"), state, "{sum:?}");
    }
}

#[test]
fn staffing_is_judged_by_the_worst_interval() {
    use GateState::{AtRisk, Passed, Pending};
    for (coverage, wanted, state, risk) in [
        (None, 100, Pending, Reason::OnTrack),
        (Some(99), 100, AtRisk, Reason::Understaffed),
        (Some(99), 95, Passed, Reason::OnTrack),
        (Some(100), 100, Passed, Reason::OnTrack),
    ] {
        let mut case = case(json!([{"name": "g", "type": "Staffing", "due": "7d", "coveragePercent": wanted}]));
        case.coverage = coverage.map(Exact::from);
        let readiness = case.at("2026-11-10T12:00:00Z");
        assert_eq!((readiness.gates[0].state, readiness.at_risk.1), (state, risk), "{coverage:?} {wanted}");
    }
}

#[test]
fn the_decision_is_pending_until_it_is_due_and_go_as_soon_as_it_is_true() {
    use LaunchDecision::{ConditionalGo, Go, NoGo, Pending};
    // Two business days before Monday 30 November: the start of Thursday 26 November.
    let both = json!([custom("a", true, "2026-11-20T00:00:00Z"), custom("b", false, "2026-11-28T00:00:00Z")]);
    let late = json!([custom("a", true, "2026-11-28T00:00:00Z")]);
    for (gates, now, decision, ready) in [
        (&both, "2026-11-19T00:00:00Z", Pending, Reason::GatesOpen),
        (&both, "2026-11-20T00:00:00Z", ConditionalGo, Reason::BlockingGatesPassed),
        (&both, "2026-11-28T00:00:00Z", Go, Reason::AllGatesPassed),
        (&late, "2026-11-25T23:59:59Z", Pending, Reason::GatesFailed),
        (&late, "2026-11-26T00:00:00Z", NoGo, Reason::GatesFailed),
        (&late, "2026-11-28T00:00:00Z", Go, Reason::AllGatesPassed),
        (&json!([]), "2026-11-28T00:00:00Z", Pending, Reason::NoGates),
    ] {
        let readiness = case(gates.clone()).at(now);
        assert_eq!((readiness.decision, readiness.launch_ready.1), (decision, ready), "{now}");
    }
    let readiness = case(both).at("2026-11-19T00:00:00Z");
    assert_eq!((readiness.blocked_by, readiness.readiness_percent), (vec!["a".to_owned()], 0));
}

#[test]
fn the_decision_is_frozen_at_the_launch() {
    use LaunchDecision::{Go, NoGo};
    // A gate that passes a day late changes its state, not the decision.
    let mut case = case(json!([custom("a", true, "2026-12-01T00:00:00Z")]));
    let after = case.at("2026-12-02T00:00:00Z");
    assert_eq!((after.decision, after.gates[0].state), (NoGo, GateState::Passed));
    case.kept = Some(Go);
    assert_eq!(case.at("2026-12-02T00:00:00Z").decision, Go);
    assert_eq!(case.at("2026-11-29T00:00:00Z").decision, NoGo, "what was kept does not bind before the launch");
}

#[test]
fn phases_follow_the_time_whatever_the_decision() {
    use LaunchPhase::{Completed, Live, Measuring, Planned, Preparing, Ready};
    let gates = json!([custom("a", true, "2026-11-20T00:00:00Z"), custom("b", true, "2026-11-25T00:00:00Z")]);
    for (now, phase) in [
        ("2026-10-31T07:59:59Z", Planned),
        ("2026-10-31T08:00:00Z", Preparing),
        ("2026-11-25T00:00:00Z", Ready),
        (LAUNCH, Live),
        ("2026-12-14T07:59:59Z", Live),
        ("2026-12-14T08:00:00Z", Measuring),
        ("2026-12-30T07:59:59Z", Measuring),
        ("2026-12-30T08:00:00Z", Completed),
    ] {
        assert_eq!(case(gates.clone()).at(now).phase, phase, "{now}");
    }
    let early = case(json!([custom("a", true, "2026-09-01T00:00:00Z"), custom("b", true, "2026-11-25T00:00:00Z")]));
    assert_eq!(early.at("2026-09-01T00:00:00Z").phase, Preparing);
    let mut unfinished = case(json!([]));
    unfinished.cohorts_complete = false;
    assert_eq!(unfinished.at("2027-01-15T00:00:00Z").phase, Measuring);
    assert_eq!(unfinished.at("2027-03-30T07:00:00Z").phase, Completed);
}

#[test]
fn nothing_changes_before_the_instant_that_is_named_next() {
    let case = case(json!([
        custom("a", true, "2026-11-20T00:00:00Z"),
        {"name": "b", "type": "IvrRouting", "due": "3d", "validFor": "4d", "changedAt": "2026-11-22T00:00:00Z",
         "evidence": {"passedAt": "2026-11-21T09:00:00Z"}, "waiver": {"by": "s", "until": "2026-11-24"}},
        {"name": "c", "type": "Training", "due": "5d", "modules": [{"name": "m", "doneOn": "2026-11-23"}]},
    ]));
    let mut now: Timestamp = "2026-10-01T00:00:00Z".parse().unwrap();
    let mut steps = 0;
    while let Some(next) = case.at(&now.to_string()).next {
        assert!(next > now);
        let before = next - jiff::SignedDuration::from_secs(1);
        assert_eq!(case.at(&now.to_string()), case.at(&before.to_string()), "{now} {before}");
        (now, steps) = (next, steps + 1);
    }
    assert!(steps >= 12, "{steps}");
    assert_eq!(case.at(&now.to_string()).phase, LaunchPhase::Completed);
}

fn gates_of(states: &[(bool, u8)]) -> Vec<GateStatus> {
    use GateState::{AtRisk, Failed, Passed, Pending, Stale, Waived};
    const BEST_FIRST: [GateState; 6] = [Passed, Waived, Pending, AtRisk, Stale, Failed];
    states
        .iter()
        .enumerate()
        .map(|(place, (blocking, state))| GateStatus {
            name: format!("g{place}"),
            type_: GateType::Custom,
            state: BEST_FIRST[usize::from(*state)],
            blocking: *blocking,
            due_at: LAUNCH.parse().unwrap(),
            passed_at: None,
            reason: None,
            message: None,
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// People edit facts, feeds come and go, and the operator looks now and then: what it found when it first looked after the
    /// launch is kept, and holds.
    #[test]
    fn a_decision_that_was_kept_holds_through_any_sequence_of_facts(
        steps in prop::collection::vec((1_i64..200, 0_usize..4, prop::option::of(0_i64..1_200), any::<bool>()), 1..25),
    ) {
        let start: Timestamp = "2026-10-30T00:00:00Z".parse().unwrap();
        let launch: Timestamp = LAUNCH.parse().unwrap();
        let mut gates: Vec<Value> = (0..4).map(|place| json!({
            "name": format!("g{place}"), "type": "Custom", "due": format!("{}d", 2 + place), "blocking": place % 2 == 0,
        })).collect();
        let (mut now, mut kept) = (start, None);
        let mut at_the_launch = None;
        for (hours, place, fact, waived) in steps {
            now += jiff::SignedDuration::from_hours(hours);
            let gate = gates[place].as_object_mut().unwrap();
            gate.remove("evidence");
            gate.remove("waiver");
            if let Some(fact) = fact {
                let passed_at = (start + jiff::SignedDuration::from_hours(fact)).to_string();
                gate.insert("evidence".to_owned(), json!({"passedAt": passed_at}));
            }
            if waived {
                gate.insert("waiver".to_owned(), json!({"by": "sam", "until": "2026-12-05", "reason": "r"}));
            }
            let mut case = case(json!(gates));
            case.kept = kept;
            let decision = case.at(&now.to_string()).decision;
            if now >= launch {
                prop_assert!(decision != LaunchDecision::Pending, "a launch with gates is decided when it starts");
                prop_assert_eq!(*at_the_launch.get_or_insert(decision), decision);
                kept = kept.or(Some(decision));
            }
        }
    }

    #[test]
    fn a_gate_that_worsens_never_makes_the_decision_better(
        states in prop::collection::vec((any::<bool>(), 0_u8..6), 1..8), which in any::<prop::sample::Index>(), decided in any::<bool>(),
    ) {
        use LaunchDecision::{ConditionalGo, Go, NoGo, Pending};
        let rank = |decision| match decision { Go => 3, ConditionalGo => 2, Pending => 1, NoGo => 0 };
        let before = decide(&gates_of(&states), decided);
        let mut worse = states.clone();
        let place = which.index(worse.len());
        worse[place].1 = (worse[place].1 + 1).min(5);
        let after = decide(&gates_of(&worse), decided);
        prop_assert!(rank(after) <= rank(before), "{before:?} {after:?}");
    }

    #[test]
    fn taking_a_fact_away_never_turns_no_go_into_go(
        hours in prop::collection::vec(0_i64..800, 1..5), which in any::<prop::sample::Index>(), at in 0_i64..1_000,
    ) {
        let start: Timestamp = "2026-10-30T00:00:00Z".parse().unwrap();
        let instant = |hours: i64| (start + jiff::SignedDuration::from_hours(hours)).to_string();
        let gates: Vec<Value> = hours.iter().enumerate()
            .map(|(place, hours)| custom(&format!("g{place}"), place % 2 == 0, &instant(*hours))).collect();
        let mut fewer = gates.clone();
        fewer[which.index(gates.len())].as_object_mut().unwrap().remove("evidence");
        let (before, after) = (case(json!(gates)).at(&instant(at)).decision, case(json!(fewer)).at(&instant(at)).decision);
        prop_assert!(!(before == LaunchDecision::NoGo && after != LaunchDecision::NoGo), "{before:?} {after:?}");
        prop_assert!(after != LaunchDecision::Go);
    }

    #[test]
    fn after_the_launch_the_decision_stays(hours in prop::collection::vec(0_i64..1_500, 1..5), later in 0_i64..2_000) {
        let start: Timestamp = "2026-10-30T00:00:00Z".parse().unwrap();
        let instant = |hours: i64| (start + jiff::SignedDuration::from_hours(hours)).to_string();
        let gates: Vec<Value> = hours.iter().enumerate()
            .map(|(place, hours)| custom(&format!("g{place}"), place % 2 == 0, &instant(*hours))).collect();
        let case = case(json!(gates));
        let launch: Timestamp = LAUNCH.parse().unwrap();
        let after = (launch + jiff::SignedDuration::from_hours(later)).to_string();
        prop_assert_eq!(case.at(LAUNCH).decision, case.at(&after).decision);
    }
}
