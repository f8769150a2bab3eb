use super::observed::{LaunchContract, OtherLaunch};
use super::*;
use crate::api::campaign_launch::CampaignLaunchSpec;
use crate::domain::holdings::{FeedHealth, Use};
use crate::domain::terms::contract_terms::Terms;
use serde_json::json;
use std::collections::BTreeMap;

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
        let told = (decided.status.decision, decided.keep, found);
        assert_eq!(told, (Some(decision), keep, reasons), "{now} {past:?} {gates}");
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

mod live {
    use super::*;
    use crate::api::campaign_launch::{LaunchPhase, SpikeCause};
    use crate::domain::fixtures::specs::{at, row};
    use crate::domain::measuring::feed_rows::packed;
    use crate::domain::measuring::row::Row;
    use jiff::SignedDuration;
    use std::collections::BTreeMap;

    /// A launch on Monday, 2026-03-02, of a contract in UTC with a feed of half hours; 100 contacts each are usual.
    struct Story {
        spec: CampaignLaunchSpec,
        terms: Terms,
        rows: BTreeMap<String, Vec<Row>>,
        others: Vec<CampaignLaunchSpec>,
        past: Past,
        awaited: Vec<AwaitedContract>,
    }

    fn launch(more: serde_json::Value) -> CampaignLaunchSpec {
        let mut spec = json!({
            "contractRefs": [{"name": "acme"}], "product": "Fibre", "launchAt": "2026-03-02T08:00:00Z",
            "staffing": {"handleTime": "240s", "baseline": {"feed": "acd", "weeks": 8}, "scheduled": {"agents": 30}},
            "watch": {"kpis": ["level"], "campaignLabel": {"campaign": "fibre"}},
        });
        for (field, value) in more.as_object().unwrap() {
            spec[field] = value.clone();
        }
        serde_json::from_value(spec).unwrap()
    }

    fn story(more: serde_json::Value) -> Story {
        let hours = json!({"serviceHours": [
            {"days": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"], "from": "08:00", "to": "12:00"}]});
        let level = json!({"contractRef": {"name": "acme"}, "kpi": "ServiceLevel", "variant": "AnsweredOnly",
            "source": {"feed": "acd"}, "objective": {"target": 80}});
        let terms = Terms {
            contract: serde_json::from_value(json!({
                "vendor": {"name": "Acme"}, "term": {"start": "2026-01-01", "end": "2026-12-31"}, "calendar": hours,
                "feeds": [{"name": "acd", "url": "https://vendor.example/acd"}],
            }))
            .unwrap(),
            kpis: [("level".to_owned(), serde_json::from_value(level).unwrap())].into(),
            tiers: BTreeMap::new(),
        };
        let mut story = Story {
            spec: launch(more),
            terms,
            rows: BTreeMap::new(),
            others: Vec::new(),
            past: Past::Known,
            awaited: Vec::new(),
        };
        for week in 1..=8 {
            for day in 0..5 {
                for slot in 0..8 {
                    let start = at("2026-03-02T08:00:00Z") - SignedDuration::from_hours(24 * (7 * week - day));
                    story.add(start + SignedDuration::from_mins(30 * slot), "none", 100, 85);
                }
            }
        }
        story
    }

    impl Story {
        fn add(&mut self, start: Timestamp, campaign: &str, offered: i64, percent_in_time: i64) {
            let end = start + SignedDuration::from_mins(30);
            let within = offered * percent_in_time / 100;
            let measures = [("offered", offered), ("answered", offered), ("answeredWithin", within)];
            let labels = [("campaign", campaign)];
            self.rows.entry("acd".to_owned()).or_default().push(row(
                &start.to_string(),
                &end.to_string(),
                &labels,
                &measures,
            ));
        }

        /// Half hours from 08:00 of the launch's day on.
        fn half_hours(&mut self, campaign: &str, offered: &[i64], percent_in_time: i64) {
            for (slot, offered) in (0..).zip(offered) {
                let start = at("2026-03-02T08:00:00Z") + SignedDuration::from_mins(30 * slot);
                self.add(start, campaign, *offered, percent_in_time);
            }
        }

        fn at(&self, now: &str, previous: &CampaignLaunchStatus) -> DecidedLaunch {
            let rows = packed(&self.rows);
            let contract = LaunchContract { terms: &self.terms, rows: &rows };
            let other = |spec| OtherLaunch { spec, contract, kpis: BTreeMap::new() };
            let observed = ObservedLaunch {
                generation: Some(1),
                previous: Some(previous),
                spec: &self.spec,
                invalid: None,
                unresolved: &[],
                contract: Some(contract),
                kpis: BTreeMap::new(),
                kept_decision: None,
                past: self.past,
                awaited: &self.awaited,
                is_patient: false,
                others: self.others.iter().map(other).collect(),
            };
            decide_launch(&observed, at(now))
        }

        fn status_at(&self, now: &str) -> CampaignLaunchStatus {
            self.at(now, &CampaignLaunchStatus::default()).status
        }
    }

    fn condition(status: &CampaignLaunchStatus, type_: &str) -> (String, String) {
        let found = status.conditions.iter().find(|condition| condition.type_ == type_).unwrap();
        (format!("{:?}", found.status), found.reason.clone())
    }

    fn pair(status: &str, reason: &str) -> (String, String) {
        (status.to_owned(), reason.to_owned())
    }

    /// Reasons and keys of the notices of spikes.
    fn told(decided: &DecidedLaunch) -> Vec<String> {
        let spikes = decided.notices.iter().filter(|notice| notice.reason.as_str().starts_with("Spike"));
        spikes.map(|notice| format!("{} {}", notice.reason.as_str(), notice.key)).collect()
    }

    #[test]
    fn a_spike_is_reported_once_when_it_begins_and_once_when_it_ends() {
        let mut story = story(json!({}));
        let nothing = story.at("2026-03-02T07:00:00Z", &CampaignLaunchStatus::default());
        assert_eq!(condition(&nothing.status, "SpikeDetected"), pair("Unknown", "NotLive"));
        story.half_hours("fibre", &[10, 60, 70], 85);
        story.half_hours("none", &[100, 101, 102], 85);
        let begun = story.at("2026-03-02T09:30:00Z", &nothing.status);
        assert_eq!(told(&begun), ["SpikeDetected 2026-03-02T08:30:00Z"]);
        assert_eq!(condition(&begun.status, "SpikeDetected"), pair("True", "SpikeDetected"));
        assert_eq!(condition(&begun.status, "QualityHeld"), pair("True", "Held"));
        let spike = &begun.status.spikes[0];
        assert_eq!(
            (spike.actual.as_str(), spike.expected.as_str(), spike.cause, spike.quality_held),
            ("333", "200", SpikeCause::CampaignDemand, ConditionStatus::True)
        );
        assert_eq!(told(&story.at("2026-03-02T09:40:00Z", &begun.status)), Vec::<String>::new());
        // The next half hour belongs to it still, the one after does not.
        story.half_hours("other", &[0, 0, 0, 150, 0], 85);
        let longer = story.at("2026-03-02T10:00:00Z", &begun.status);
        assert_eq!((told(&longer), longer.status.spikes.len()), (Vec::new(), 1));
        story.add(at("2026-03-02T10:00:00Z"), "none", 100, 85);
        let ended = story.at("2026-03-02T10:30:00Z", &longer.status);
        assert_eq!(told(&ended), ["SpikeEnded 2026-03-02T08:30:00Z"]);
        assert_eq!(condition(&ended.status, "SpikeDetected"), pair("False", "NoSpike"));
        assert_eq!(told(&story.at("2026-03-02T10:40:00Z", &ended.status)), Vec::<String>::new());
        // Figures that come late show both at once.
        let late = told(&story.at("2026-03-02T10:30:00Z", &nothing.status));
        assert_eq!(late, ["SpikeDetected 2026-03-02T08:30:00Z", "SpikeEnded 2026-03-02T08:30:00Z"]);
        // After hypercare the spike stays to be read, and nothing is concluded any more.
        let after = story.status_at("2026-03-16T08:00:00Z");
        assert_eq!((after.phase, after.spikes.len()), (Some(LaunchPhase::Measuring), 1));
        assert_eq!(condition(&after, "SpikeDetected"), pair("Unknown", "NotLive"));
    }

    #[test]
    fn a_spike_that_nobody_s_label_explains_and_in_which_quality_fell_is_said_so() {
        let mut story = story(json!({}));
        story.half_hours("none", &[200, 220], 40);
        let status = story.status_at("2026-03-02T09:00:00Z");
        assert_eq!(status.spikes[0].cause, SpikeCause::Unattributed);
        assert_eq!(condition(&status, "QualityHeld"), pair("False", "QualityDropped"));
        assert_eq!(status.label_coverage_percent.as_deref(), Some("100.0"));
    }

    #[test]
    fn without_figures_of_four_weeks_nothing_is_said_of_spikes() {
        let mut story = story(json!({}));
        story.rows.clear();
        story.half_hours("none", &[200, 220], 85);
        let status = story.status_at("2026-03-02T09:00:00Z");
        assert_eq!(condition(&status, "SpikeDetected"), pair("Unknown", "NoBaseline"));
        assert_eq!(condition(&status, "QualityHeld"), pair("Unknown", "NoData"));
        let unwatched = super::live::story(json!({"watch": {"campaignLabel": {"campaign": "fibre"}}}));
        let status = unwatched.status_at("2026-03-02T09:00:00Z");
        assert_eq!(condition(&status, "SpikeDetected"), pair("False", "NoSpike"));
        assert_eq!(condition(&status, "QualityHeld"), pair("Unknown", "NoData"));
    }

    #[test]
    fn cohorts_are_compared_when_all_have_their_size_and_measuring_lasts_until_then() {
        let cohorts = json!({"endsAt": "2026-03-20T12:00:00Z", "cohorts": {"feed": "acd", "label": "campaign",
            "numerator": "answeredWithin", "denominator": "answered", "plannedPerCohort": 1000}});
        let mut story = story(cohorts);
        story.half_hours("a", &[600, 300], 80);
        story.half_hours("b", &[1100], 90);
        let early = story.status_at("2026-03-25T00:00:00Z");
        assert_eq!(early.phase, Some(LaunchPhase::Measuring));
        assert!(early.cohorts.iter().all(|cohort| cohort.verdict.is_none() && cohort.p.is_none()));
        assert_eq!(story.status_at("2026-06-19T00:00:00Z").phase, Some(LaunchPhase::Completed), "90 days at most");
        story.add(at("2026-03-26T08:00:00Z"), "a", 100, 80);
        let complete = story.status_at("2026-03-26T09:00:00Z");
        assert_eq!(complete.phase, Some(LaunchPhase::Completed));
        let verdicts: Vec<(&str, &str, Option<String>)> = complete
            .cohorts
            .iter()
            .map(|cohort| {
                (
                    cohort.name.as_str(),
                    cohort.denominator.as_str(),
                    cohort.verdict.map(|verdict| format!("{verdict:?}")),
                )
            })
            .collect();
        assert_eq!(verdicts, [("a", "1000", Some("Worse".to_owned())), ("b", "1100", None)], "b is the largest");
    }

    #[test]
    fn other_launches_of_the_vendor_need_people_too_unless_they_do_not_go() {
        let channels = json!([{"name": "mail", "type": "Email", "expectedContacts": 800}]);
        let mut story = story(json!({"channels": channels.clone()}));
        let heads = |story: &Story| story.status_at("2026-03-01T00:00:00Z").staffing.unwrap().peak.unwrap().contacts;
        assert_eq!(heads(&story), "200.0");
        // 800 contacts in eight half hours beside 100 that are usual.
        let plan = story.status_at("2026-03-01T00:00:00Z").plan;
        let shown: Vec<_> = plan.iter().map(|it| (it.expected.as_str(), it.required, it.scheduled)).collect();
        assert_eq!(shown, [("200.0", plan[0].required, Some(30)); 8]);
        assert!(plan[0].start == at("2026-03-02T08:00:00Z") && plan[0].required > 30, "{plan:?}");
        let gate = |name: &str, type_: &str| json!([{"name": name, "type": type_, "due": "7d"}]);
        for (gates, contacts) in [
            (json!([]), "300.0"),
            (gate("voice", "VoiceOfCustomer"), "200.0"),
            // Its Staffing gate does not count: two launches would wait for each other.
            (gate("people", "Staffing"), "300.0"),
        ] {
            story.others = vec![launch(json!({"channels": channels.clone(), "gates": gates.clone()}))];
            assert_eq!(heads(&story), contacts, "{gates}");
        }
        let past =
            launch(json!({"channels": channels, "launchAt": "2026-01-05T08:00:00Z", "endsAt": "2026-01-06T08:00:00Z"}));
        story.others = vec![past];
        assert_eq!(heads(&story), "200.0", "a completed launch needs nobody");
    }

    #[test]
    fn a_plan_stays_as_it_is_shown_while_new_rows_ask_for_nobody_else() {
        let mut story = story(json!({"channels": [{"name": "mail", "type": "Email", "expectedContacts": 800}]}));
        let first = story.status_at("2026-03-01T00:00:00Z");
        // Others are usual in the first half hour: by a little, then by a lot.
        for (offered, is_same) in [(101, true), (400, false)] {
            for week in 1..=8 {
                let start = at("2026-03-02T08:00:00Z") - SignedDuration::from_hours(24 * 7 * week);
                story.add(start, &offered.to_string(), offered - 100, 85);
            }
            let again = story.at("2026-03-01T00:00:00Z", &first).status;
            assert_eq!((again.plan == first.plan, again.staffing == first.staffing), (is_same, is_same), "{offered}");
            let begun = story.at("2026-03-02T08:10:00Z", &first).status;
            assert_eq!(begun.plan[0], first.plan[0], "what has begun stays");
        }
    }

    #[test]
    fn no_plan_is_shown_by_a_part_of_the_past_or_of_the_load() {
        let mut story = story(json!({"channels": [{"name": "mail", "type": "Email", "expectedContacts": 800}]}));
        let first = story.status_at("2026-03-01T00:00:00Z");
        let awaited = vec![super::awaited(Use::Load, "acme", None)];
        for (past, awaited) in [(Past::Awaited, Vec::new()), (Past::Known, awaited)] {
            (story.past, story.awaited) = (past, awaited);
            assert_eq!(story.status_at("2026-03-01T00:00:00Z").plan, []);
            assert_eq!(story.at("2026-03-01T00:00:00Z", &first).status.plan, first.plan, "{past:?}");
        }
    }

    #[test]
    fn what_was_found_of_figures_stays_while_they_cannot_be_read() {
        let mut story = story(json!({}));
        story.half_hours("fibre", &[10, 60, 70], 85);
        story.half_hours("none", &[100, 101, 102], 85);
        let spiking = story.status_at("2026-03-02T09:30:00Z");
        story.rows.clear();
        story.awaited = vec![super::awaited(Use::Figures, "acme", Some("rows are lost"))];
        let unread = story.at("2026-03-02T09:31:00Z", &spiking);
        assert_eq!((&unread.status.spikes, told(&unread)), (&spiking.spikes, Vec::new()));
        assert_eq!(condition(&unread.status, "SpikeDetected"), pair("True", "SpikeDetected"));
        let after = story.at("2026-03-16T08:00:00Z", &unread.status).status;
        assert_eq!(condition(&after, "SpikeDetected"), pair("Unknown", "NotLive"), "time goes on");
    }

    #[test]
    fn a_check_over_thirty_days_is_looked_at_again_when_a_row_leaves_the_window_or_enters_it() {
        let gates = json!([{"name": "tested", "type": "Custom", "due": "1d",
            "check": {"feed": "acd", "measure": "tests", "atLeast": 1}}]);
        let mut story = story(json!({"gates": gates, "launchAt": "2026-06-01T08:00:00Z"}));
        let tested = |start: &str, end: &str| row(start, end, &[], &[("tests", 1)]);
        let rows = story.rows.get_mut("acd").unwrap();
        rows.clear();
        rows.push(tested("2026-03-10T08:00:00Z", "2026-03-10T09:00:00Z"));
        let state = |story: &Story, now: &str| {
            let decided = story.at(now, &CampaignLaunchStatus::default());
            (decided.status.gates[0].state, decided.next)
        };
        assert_eq!(state(&story, "2026-03-12T00:00:00Z"), (GateState::Passed, Some(at("2026-04-09T09:00:00Z"))));
        assert_eq!(state(&story, "2026-04-09T09:00:00Z").0, GateState::Pending);
        // A plan's row is known before it ends.
        let mut planned = tested("2026-04-12T08:00:00Z", "2026-04-12T09:00:00Z");
        planned.known_at = at("2026-04-01T00:00:00Z");
        story.rows.get_mut("acd").unwrap().push(planned);
        assert_eq!(state(&story, "2026-04-10T00:00:00Z"), (GateState::Pending, Some(at("2026-04-12T09:00:00Z"))));
    }
}
