use super::observed::{LaunchContract, OtherLaunch};
use super::*;
use crate::api::campaign_launch::CampaignLaunchSpec;
use crate::domain::holdings::{FeedHealth, Use};
use crate::domain::terms::contract_terms::Terms;
use serde_json::json;
use std::collections::BTreeMap;

mod live;

fn spec(gates: serde_json::Value) -> CampaignLaunchSpec {
    serde_json::from_value(json!({
        "contractRefs": [{"name": "acme"}], "product": "Fibre", "launchAt": "2026-11-30T08:00:00Z", "gates": gates,
    }))
    .unwrap()
}

fn decide_at(spec: &CampaignLaunchSpec, now: &str, kept: Option<LaunchDecision>, past: Past) -> DecidedLaunch {
    let terms = Terms {
        contract: serde_json::from_value(json!({
            "vendor": {"name": "Acme"}, "term": {"start": "2026-01-01", "end": "2026-12-31"},
        }))
        .unwrap(),
        kpis: BTreeMap::new(),
        tiers: BTreeMap::new(),
    };
    let observed = ObservedLaunch {
        generation: Some(1),
        previous: Some(&CampaignLaunchStatus::default()),
        spec,
        invalid: None,
        unresolved: &[],
        contract: Some(LaunchContract { terms: &terms, rows: &BTreeMap::new() }),
        kpis: BTreeMap::new(),
        kept_decision: kept,
        past,
        awaited: &[],
        is_patient: false,
        others: Vec::new(),
    };
    decide_launch(&observed, now.parse().unwrap())
}

#[test]
fn a_launch_is_decided_by_its_gates_and_the_decision_is_kept_from_its_launch_on() {
    use LaunchDecision::{Go, NoGo, Pending};
    use Past::{Awaited, Failing, Known};
    let passed = json!([{"name": "voice", "type": "VoiceOfCustomer", "due": "7d",
        "evidence": {"passedAt": "2026-11-20T12:00:00Z"}}]);
    let open = json!([{"name": "voice", "type": "VoiceOfCustomer", "due": "7d"}]);
    let cases = [
        (&passed, "2026-11-21T00:00:00Z", None, Known, Go, None, vec!["LaunchGo"]),
        (&open, "2026-11-21T00:00:00Z", None, Known, Pending, None, vec![]),
        (&open, "2026-11-29T00:00:00Z", None, Known, NoGo, None, vec!["GateFailed", "LaunchNoGo"]),
        (&passed, "2026-11-30T08:00:00Z", None, Known, Go, Some(Go), vec!["LaunchGo"]),
        (&passed, "2026-12-01T00:00:00Z", Some(NoGo), Known, NoGo, None, vec!["LaunchNoGo"]),
        // What is being fetched decides nothing, and what was not fetched is not kept.
        (&open, "2026-11-29T00:00:00Z", None, Awaited, Pending, None, vec!["GateFailed"]),
        (&open, "2026-12-01T00:00:00Z", None, Awaited, Pending, None, vec!["GateFailed"]),
        (&passed, "2026-12-01T00:00:00Z", None, Awaited, Go, None, vec!["LaunchGo"]),
        (&passed, "2026-12-01T00:00:00Z", Some(NoGo), Awaited, NoGo, None, vec!["LaunchNoGo"]),
        (&open, "2026-12-01T00:00:00Z", None, Failing, NoGo, None, vec!["GateFailed", "LaunchNoGo"]),
        (&open, "2026-12-01T00:00:00Z", None, Known, NoGo, Some(NoGo), vec!["GateFailed", "LaunchNoGo"]),
    ];
    for (gates, now, kept, past, decision, keep, reasons) in cases {
        let decided = decide_at(&spec(gates.clone()), now, kept, past);
        let found: Vec<&str> =
            decided.notices.iter().map(|notice| notice.reason.as_str()).filter(|reason| *reason != "AtRisk").collect();
        let seen = (decided.status.decision, decided.keep, found);
        assert_eq!(seen, (Some(decision), keep, reasons), "{now} {past:?} {gates}");
        assert_eq!(decided.status.conditions.len(), ConditionType::of_kind(Kind::CampaignLaunch).len());
    }
}

/// A status of the gate `dates` as it was found before.
fn found_before(state: GateState, passed_at: Option<&str>) -> CampaignLaunchStatus {
    let gate = json!({"name": "dates", "type": "Custom", "state": state, "blocking": true, "dueAt": "2026-11-23T08:00:00Z",
        "passedAt": passed_at});
    serde_json::from_value(json!({"phase": "Preparing", "observedGeneration": 1, "gates": [gate]})).unwrap()
}

/// What is decided of a launch with a status at 2026-11-21T10:00:00.5Z.
fn decide_after(spec: &CampaignLaunchSpec, previous: Option<&CampaignLaunchStatus>) -> DecidedLaunch {
    decide_awaiting(spec, previous, &[], false, "2026-11-21T10:00:00.5Z")
}

fn awaited(used_for: Use, name: &str, problem: Option<&str>) -> AwaitedContract {
    AwaitedContract { used_for, name: name.to_owned(), problem: problem.map(str::to_owned) }
}

/// What is decided of a launch while contracts are awaited.
fn decide_awaiting(
    spec: &CampaignLaunchSpec,
    previous: Option<&CampaignLaunchStatus>,
    awaited: &[AwaitedContract],
    is_patient: bool,
    now: &str,
) -> DecidedLaunch {
    let terms = Terms {
        contract: crate::domain::fixtures::specs::contract(json!({})).into(),
        kpis: BTreeMap::new(),
        tiers: BTreeMap::new(),
    };
    let rows = BTreeMap::new();
    let observed = ObservedLaunch {
        generation: Some(1),
        previous,
        spec,
        invalid: None,
        unresolved: &[],
        contract: Some(LaunchContract { terms: &terms, rows: &rows }),
        kpis: BTreeMap::new(),
        kept_decision: None,
        past: Past::Known,
        awaited,
        is_patient,
        others: Vec::new(),
    };
    decide_launch(&observed, now.parse().unwrap())
}

#[test]
fn a_gate_keeps_the_instant_at_which_it_passed_while_it_stays_passed() {
    use GateState::{Passed, Pending, Waived};
    let (now, earlier, tested) = ("2026-11-21T10:00:00Z", "2026-11-10T09:00:00Z", "2026-11-05T09:00:00Z");
    let signed = json!([{"party": "Marketing", "by": "nina", "signedOn": "2026-11-01"},
        {"party": "Service", "by": "sam", "signedOn": "2026-11-01"}]);
    let gate = |fields: serde_json::Value| {
        let mut gate = json!({"name": "dates", "type": "JointPlan", "due": "7d"});
        gate.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        spec(json!([gate]))
    };
    let passes = gate(json!({"signOffs": signed}));
    let open = gate(json!({}));
    let waived = gate(json!({"waiver": {"by": "sam", "until": "2026-12-01"}}));
    let proven = gate(json!({"signOffs": signed, "evidence": {"passedAt": tested}}));
    let evidence = json!({"passedAt": tested});
    let proven_alone = gate(json!({"type": "Custom", "evidence": evidence}));
    let untaught = gate(json!({"type": "Training", "evidence": evidence}));
    let taught =
        gate(json!({"type": "Training", "evidence": evidence, "modules": [{"name": "a", "doneOn": "2026-11-10"}]}));
    for (what, spec, previous, passed_at) in [
        ("seen first", &passes, Some(CampaignLaunchStatus::default()), Some(now)),
        ("open before", &passes, Some(found_before(Pending, None)), Some(now)),
        ("waived before", &passes, Some(found_before(Waived, None)), Some(now)),
        ("passed before", &passes, Some(found_before(Passed, Some(earlier))), Some(earlier)),
        ("passed before by a version that did not say when", &passes, Some(found_before(Passed, None)), Some(now)),
        ("open now", &open, Some(found_before(Passed, Some(earlier))), None),
        ("waived now", &waived, Some(found_before(Passed, Some(earlier))), None),
        // Evidence says when a gate passed that asks for nothing else.
        ("proven alone", &proven_alone, Some(found_before(Passed, Some(earlier))), Some(tested)),
        ("proven alone, open before", &proven_alone, Some(found_before(Pending, None)), Some(tested)),
        ("nothing to teach", &untaught, Some(found_before(Pending, None)), Some(tested)),
        ("proven, and signed later", &proven, Some(found_before(Pending, None)), Some(now)),
        ("proven, and taught later", &taught, Some(found_before(Pending, None)), Some(now)),
        ("proven, and passed later", &taught, Some(found_before(Passed, Some(earlier))), Some(earlier)),
        ("proven after it passed", &taught, Some(found_before(Passed, Some("2026-11-01T00:00:00Z"))), Some(tested)),
        ("of files", &passes, None, None),
        ("of files, proven", &proven, None, None),
        ("of files, proven alone", &proven_alone, None, Some(tested)),
    ] {
        let gates = decide_after(spec, previous.as_ref()).status.gates;
        assert_eq!(gates[0].passed_at, passed_at.map(|at| at.parse().unwrap()), "{what}: {gates:?}");
        // The next look finds nothing new.
        let first = decide_after(spec, previous.as_ref()).status;
        let again = decide_after(spec, previous.is_some().then_some(&first)).status;
        assert_eq!(again, first, "{what}");
    }
}

/// Status and reason of a condition.
fn condition_of(status: &CampaignLaunchStatus, type_: &str) -> (ConditionStatus, String) {
    let found = status.conditions.iter().find(|condition| condition.type_ == type_).unwrap();
    (found.status, found.reason.clone())
}

#[test]
fn what_was_found_last_holds_for_a_moment_while_any_contract_is_not_judged_again() {
    let now = "2026-11-21T10:00:00Z";
    let spec = spec(json!([{"name": "dates", "type": "Custom", "due": "7d"}]));
    let before = found_before(GateState::Passed, Some("2026-11-10T09:00:00Z"));
    for used_for in [Use::Figures, Use::Kpis, Use::Load] {
        let contracts = [awaited(used_for, "acme", None)];
        let decided = decide_awaiting(&spec, Some(&before), &contracts, true, now);
        assert_eq!(
            decided,
            DecidedLaunch { status: before.clone(), keep: None, notices: Vec::new(), next: None },
            "a restart writes nothing: {used_for:?}"
        );
        // What was found of another spec does not hold, nor anything for longer, nor where a contract cannot be judged.
        let of_another_spec = CampaignLaunchStatus { observed_generation: Some(0), ..before.clone() };
        let broken = [awaited(used_for, "acme", Some("rows are lost"))];
        for (previous, contracts, is_patient) in [
            (&CampaignLaunchStatus::default(), &contracts, true),
            (&of_another_spec, &contracts, true),
            (&before, &contracts, false),
            (&before, &broken, true),
        ] {
            let status = decide_awaiting(&spec, Some(previous), contracts, is_patient, now).status;
            assert_eq!((status.gates[0].state, status.observed_generation), (GateState::AtRisk, Some(1)));
            assert_eq!(condition_of(&status, "LaunchReady").0, ConditionStatus::Unknown);
        }
    }
    assert_eq!(decide_after(&spec, Some(&before)).status.gates[0].passed_at, None, "then it is judged");
}

#[test]
fn without_a_judgement_of_each_contract_nothing_fails_nothing_goes_and_nothing_is_kept() {
    use GateState::{AtRisk, Failed, Passed, Pending};
    use LaunchDecision::{Go, NoGo};
    let launched = "2026-11-30T08:00:00Z";
    let metrics = spec(json!([{"name": "dates", "type": "SuccessMetrics", "due": "7d"}]));
    let metrics = CampaignLaunchSpec {
        success_metrics: serde_json::from_value(json!([{"kpi": "of-the-second-contract"}])).unwrap(),
        ..metrics
    };
    let check =
        spec(json!([{"name": "dates", "type": "Custom", "due": "7d", "check": {"kpi": "of-the-second-contract"}}]));
    let people = spec(json!([{"name": "dates", "type": "Staffing", "due": "7d"}]));
    let feed = spec(json!([{"name": "dates", "type": "Custom", "due": "7d",
        "check": {"feed": "acd", "measure": "tests", "atLeast": 1}}]));
    for (spec, used_for) in [
        (&metrics, Use::Kpis),
        (&check, Use::Kpis),
        (&people, Use::Load),
        (&feed, Use::Figures),
        (&people, Use::Figures),
    ] {
        for (before, decision, now_is, decides) in [
            (Passed, Go, Passed, Go),
            (Pending, LaunchDecision::Pending, AtRisk, LaunchDecision::Pending),
            (Failed, NoGo, Failed, NoGo),
        ] {
            let previous = CampaignLaunchStatus {
                decision: Some(decision),
                ..found_before(before, (before == Passed).then_some("2026-11-10T09:00:00Z"))
            };
            let contracts = [awaited(used_for, "second", None)];
            let decided = decide_awaiting(spec, Some(&previous), &contracts, false, launched);
            let gate = &decided.status.gates[0];
            assert_eq!((gate.state, decided.status.decision, decided.keep), (now_is, Some(decides), None), "{gate:?}");
            assert_eq!(gate.passed_at, previous.gates[0].passed_at);
            let loud = |notice: &&Notice| matches!(notice.reason.as_str(), "GateFailed" | "LaunchNoGo" | "LaunchGo");
            assert_eq!(decided.notices.iter().filter(loud).count(), 0, "{:?}", decided.notices);
        }
    }
    // Once each contract is judged, it counts.
    let judged = decide_awaiting(&metrics, Some(&found_before(Pending, None)), &[], false, launched);
    assert_eq!((judged.status.gates[0].state, judged.keep), (Failed, Some(NoGo)));
}

#[test]
fn a_launch_whose_contract_is_not_judged_says_so_and_goes_on_by_time() {
    let proven = json!([{"name": "dates", "type": "EndToEndTest", "due": "7d", "validFor": "10d",
        "evidence": {"passedAt": "2026-11-12T09:00:00Z"}}]);
    let spec = spec(proven);
    let before = CampaignLaunchStatus {
        decision: Some(LaunchDecision::Go),
        ..found_before(GateState::Passed, Some("2026-11-12T09:00:00Z"))
    };
    let silent = vec![awaited(Use::Figures, "acme", None)];
    let lost = vec![awaited(Use::Figures, "acme", Some("rows are lost"))];
    use LaunchDecision::{Go, Pending};
    for (now, state, decision, next) in [
        ("2026-11-21T10:00:00Z", GateState::Passed, Go, "2026-11-22T09:00:00Z"),
        ("2026-11-22T09:00:00Z", GateState::Stale, Pending, "2026-11-23T08:00:00Z"),
        ("2026-11-23T08:00:00Z", GateState::Failed, Pending, "2026-11-26T00:00:00Z"),
        ("2026-11-30T08:00:00Z", GateState::Failed, Pending, "2026-12-14T08:00:00Z"),
    ] {
        for (contracts, reason, ready) in [
            (&silent, "Pending", (ConditionStatus::True, "Reconciled".to_owned())),
            (&lost, "EvidenceUnavailable", (ConditionStatus::False, "EvidenceUnavailable".to_owned())),
        ] {
            let decided = decide_awaiting(&spec, Some(&before), contracts, false, now);
            let status = &decided.status;
            assert_eq!((status.gates[0].state, status.decision), (state, Some(decision)), "{now}");
            assert_eq!(decided.next, Some(next.parse().unwrap()), "{now}");
            assert_eq!(condition_of(status, "LaunchReady"), (ConditionStatus::Unknown, reason.to_owned()));
            assert_eq!(condition_of(status, "Ready"), ready);
            let said = status.conditions.iter().filter(|condition| condition.reason == reason);
            assert!(said.into_iter().all(|condition| condition.message.contains("acme")), "{status:?}");
        }
    }
}

#[test]
fn the_past_of_a_launch_is_known_when_each_feed_that_it_or_its_kpis_read_was_fetched_once() {
    let mut spec = spec(json!([{"name": "test", "type": "EndToEndTest", "due": "3d",
        "check": {"feed": "qa", "measure": "endToEndPassed", "atLeast": 1}}]));
    spec.success_metrics = serde_json::from_value(json!([{"kpi": "sold"}, {"kpi": "elsewhere"}])).unwrap();
    let sold = json!({"contractRef": {"name": "acme"}, "kpi": "ConversionRate", "source": {"feed": "sales"}, "objective": {"target": 10}});
    let terms = Terms {
        contract: crate::domain::fixtures::specs::contract(json!({})).into(),
        kpis: BTreeMap::from([("sold".to_owned(), serde_json::from_value(sold).unwrap())]),
        tiers: BTreeMap::new(),
    };
    let waiting = FeedHealth::default;
    let fetched = || FeedHealth::fetched_before(None);
    let failing = || FeedHealth { reason: Reason::Auth, ..waiting() };
    for (feeds, past) in [
        (vec![], Past::Awaited),
        (vec![("qa", fetched())], Past::Awaited),
        (vec![("qa", fetched()), ("sales", waiting())], Past::Awaited),
        (vec![("qa", fetched()), ("sales", failing())], Past::Failing),
        (vec![("qa", fetched()), ("sales", fetched())], Past::Known),
        // A feed that fails after its past was fetched, and one that the launch does not read.
        (vec![("qa", fetched()), ("sales", FeedHealth { reason: Reason::Auth, ..fetched() })], Past::Known),
        (vec![("qa", fetched()), ("sales", fetched()), ("wfm", waiting())], Past::Known),
    ] {
        let feeds = feeds.into_iter().map(|(name, health)| (name.to_owned(), Box::new(health))).collect();
        assert_eq!(past_of(&spec, &terms, &feeds), past, "{feeds:?}");
    }
}
