//! What references mean, for a namespace that is written out: no server, no file.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;
use crate::api::condition::{ConditionStatus, ConditionType, Reason};
use crate::domain::decision::conditions::status_of;
use crate::domain::decision::kpi_target::{ObservedKpiTarget, decide_kpi_target};

/// A namespace that holds what is written.
#[derive(Clone, Default)]
struct Written {
    contracts: BTreeMap<String, VendorContract>,
    kpis: BTreeMap<String, KpiTarget>,
    tiers: BTreeMap<String, ServiceTier>,
    launches: BTreeMap<String, CampaignLaunch>,
    judged: BTreeMap<String, Judged>,
}

impl Holdings for Written {
    fn contract(&self, name: &str) -> impl Entry<VendorContract> {
        self.contracts.get(name)
    }

    fn contracts(&self) -> Vec<impl Entry<VendorContract>> {
        self.contracts.values().collect()
    }

    fn kpi(&self, name: &str) -> impl Entry<KpiTarget> {
        self.kpis.get(name)
    }

    fn kpis_of(&self, contract: &str) -> Vec<impl Entry<KpiTarget>> {
        self.kpis.values().filter(|kpi| kpi.spec.contract_ref.name == contract).collect()
    }

    fn tier(&self, name: &str) -> impl Entry<ServiceTier> {
        self.tiers.get(name)
    }

    fn tiers(&self) -> Vec<impl Entry<ServiceTier>> {
        self.tiers.values().collect()
    }

    fn launches(&self) -> Vec<impl Entry<CampaignLaunch>> {
        self.launches.values().collect()
    }

    fn judged(&self, contract: &str) -> Option<Judged> {
        self.judged.get(contract).cloned()
    }
}

fn object<K: DeserializeOwned>(kind: &str, name: &str, spec: &Value) -> (String, K) {
    let object = json!({
        "apiVersion": "bpo-operator.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec,
    });
    (name.to_owned(), serde_json::from_value(object).unwrap())
}

fn kpi(name: &str, contract: &str, fields: Value) -> (String, KpiTarget) {
    let mut spec = json!({
        "contractRef": {"name": contract}, "kpi": "ServiceLevel", "source": {"feed": "acd"}, "objective": {"target": 80},
    });
    spec.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    object("KpiTarget", name, &spec)
}

fn launch(name: &str, contract: &str, fields: Value) -> (String, CampaignLaunch) {
    let mut spec = json!({
        "contractRefs": [{"name": contract}], "product": "Fibre", "launchAt": "2026-03-02T08:00:00Z", "gates": [],
    });
    spec.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    object("CampaignLaunch", name, &spec)
}

/// Two contracts, `care` with two KPIs and a tier, and `other` with one KPI; two launches of `care` and one of `other`.
fn namespace() -> Written {
    let care = json!({
        "vendor": {"name": "Acme"}, "term": {"start": "2026-01-01", "end": "2026-12-31"},
        "goals": [{"name": "keep-members"}], "contacts": [{"name": "sam"}], "tiers": ["gold"],
        "feeds": [
            {"name": "acd", "url": "https://feeds.acme.example", "thresholds": [{"measure": "answeredWithin", "within": "20s"}]},
            {"name": "ours", "url": "https://telephony.client.example"},
            {"name": "wfm", "url": "https://feeds.acme.example/wfm", "plan": true},
        ],
    });
    let other = json!({"vendor": {"name": "Bolt"}, "term": {"start": "2026-01-01", "end": "2026-12-31"},
        "feeds": [{"name": "acd", "url": "https://feeds.bolt.example"}]});
    Written {
        contracts: [object("VendorContract", "care", &care), object("VendorContract", "other", &other)].into(),
        kpis: [
            kpi("level", "care", json!({"counterMetric": "fcr"})),
            kpi("fcr", "care", json!({"kpi": "FirstContactResolution"})),
            kpi("elsewhere", "other", json!({})),
        ]
        .into(),
        tiers: [object("ServiceTier", "gold", &json!({"rank": 1})), object("ServiceTier", "old", &json!({"rank": 2}))]
            .into(),
        launches: [
            launch("spring", "care", json!({})),
            launch("autumn", "care", json!({})),
            launch("abroad", "other", json!({})),
        ]
        .into(),
        judged: BTreeMap::new(),
    }
}

/// A KpiTarget's fields, whether its contract is judged by it, and what its condition Ready says: the reason, and part of the message.
type Case = (Value, bool, Option<(Reason, &'static str)>);

#[test]
fn a_reference_that_leads_nowhere_has_one_reason_and_says_what_to_write_and_only_some_leave_the_kpi_out() {
    let cases: [Case; 14] = [
        (json!({}), true, None),
        (json!({"goalRef": "keep-members", "owner": "sam", "counterMetric": "fcr"}), true, None),
        (json!({"source": {"feed": "acd", "crossCheck": {"feed": "ours"}}}), true, None),
        (json!({"kpi": "DeliverableOnTime", "source": {"feed": "none"}}), true, None),
        (
            json!({"contractRef": {"name": "cares"}}),
            false,
            Some((
                Reason::ContractNotFound,
                "spec.contractRef.name: there is no VendorContract \"cares\" (did you mean care?): create it",
            )),
        ),
        (
            json!({"source": {"feed": "acdd"}}),
            false,
            Some((
                Reason::FeedNotFound,
                "spec.source.feed: the contract has no feed \"acdd\" (did you mean acd?): write one of \"acd\", \"ours\", or add",
            )),
        ),
        (
            json!({"source": {"feed": "wfm"}}),
            false,
            Some((Reason::FeedIsPlan, "spec.source.feed: \"wfm\" says what is planned, not what happened")),
        ),
        (
            json!({"source": {"feed": "acd", "crossCheck": {"feed": "our"}}}),
            false,
            Some((Reason::FeedNotFound, "spec.source.crossCheck.feed: the contract has no feed \"our\"")),
        ),
        (
            json!({"source": {"feed": "acd", "crossCheck": {"feed": "wfm"}}}),
            false,
            Some((Reason::FeedIsPlan, "spec.source.crossCheck.feed: \"wfm\" says what is planned")),
        ),
        (
            json!({"goalRef": "grow"}),
            false,
            Some((
                Reason::GoalNotFound,
                "spec.goalRef: the contract has no goal \"grow\": write one of \"keep-members\"",
            )),
        ),
        (
            json!({"owner": "maria"}),
            false,
            Some((Reason::ContactNotFound, "spec.owner: the contract has no contact \"maria\": write one of \"sam\"")),
        ),
        // A KPI that nothing guards is judged all the same.
        (
            json!({"counterMetric": "crf"}),
            true,
            Some((Reason::KpiTargetNotFound, "spec.counterMetric: the contract has no KpiTarget \"crf\"")),
        ),
        // A KpiTarget of another contract guards nothing here.
        (
            json!({"counterMetric": "elsewhere"}),
            true,
            Some((Reason::KpiTargetNotFound, "spec.counterMetric: the contract has no KpiTarget \"elsewhere\"")),
        ),
        // The gravest comes first, and all of them are said.
        (
            json!({"source": {"feed": "wfm"}, "owner": "maria"}),
            false,
            Some((Reason::FeedIsPlan, "spec.owner: the contract has no contact \"maria\"")),
        ),
    ];
    for (fields, is_judged, expected) in cases {
        let mut held = namespace();
        let (name, target) = kpi("new", "care", fields.clone());
        held.kpis.insert(name, target.clone());
        let spec = &held.contracts["care"].spec;
        let terms = terms(&held, "care", spec, &[]).0;
        assert_eq!(terms.kpis.contains_key("new"), is_judged, "{fields}");

        let written = WrittenKpi { name: "new", spec: &target.spec, generation: Some(1), status: None };
        let seen = observe_kpi(&held, &written, Some(&[]));
        assert_eq!(seen.invalid, None, "{fields}");
        let status = decide_kpi_target(
            &ObservedKpiTarget {
                name: "new",
                generation: Some(1),
                previous: None,
                spec: &target.spec,
                invalid: seen.invalid,
                unresolved: &seen.unresolved,
                contract: &seen.contract,
            },
            "2026-02-01T00:00:00Z".parse().unwrap(),
        )
        .status;
        let ready = status.conditions.iter().find(|condition| condition.type_ == "Ready").unwrap();
        let Some((reason, words)) = expected else {
            assert_eq!(
                (ready.status, ready.reason.as_str()),
                (ConditionStatus::Unknown, "Pending"),
                "{fields}: {ready:?}"
            );
            continue;
        };
        assert_eq!((ready.status, ready.reason.as_str()), (ConditionStatus::False, reason.as_str()), "{fields}");
        assert!(ready.message.contains(words), "{fields}: {}", ready.message);
        assert_eq!(status_of(&status.conditions, ConditionType::Stalled), Some(ConditionStatus::False), "{fields}");
        // What lint prints and what the condition says are the same words.
        let printed = in_words(&references_of_kpi(&held, &target.spec));
        assert!(printed.contains(words), "{fields}: {printed}");
    }
}

#[test]
fn a_feed_that_counts_by_another_time_is_said_and_leaves_no_kpi_out() {
    let mut held = namespace();
    let (name, target) = kpi("new", "care", json!({"within": "30s"}));
    held.kpis.insert(name, target.clone());
    let found = references_of_kpi(&held, &target.spec);
    let found: Vec<(Reason, &str)> = found.iter().map(|one| (one.what.reason(), one.field.as_str())).collect();
    assert_eq!(found, [(Reason::ThresholdMismatch, "spec.within")]);
    assert!(terms(&held, "care", &held.contracts["care"].spec, &[]).0.kpis.contains_key("new"));
}

#[test]
fn a_contract_says_which_tiers_are_missing_and_is_judged_with_the_others() {
    let mut held = namespace();
    let mut spec = held.contracts["care"].spec.clone();
    spec.tiers = vec!["gold".to_owned(), "golden".to_owned()];
    held.contracts.get_mut("care").unwrap().spec = spec.clone();
    let found = observe_contract(&held, "care", &spec, &[]);
    assert_eq!(found.terms.tiers.keys().collect::<Vec<_>>(), ["gold"]);
    assert_eq!(found.launches.keys().collect::<Vec<_>>(), ["autumn", "spring"]);
    let [missing] = found.unresolved.as_slice() else { panic!("{:?}", found.unresolved) };
    assert_eq!((missing.what.reason(), missing.field.as_str()), (Reason::TierNotFound, "spec.tiers"));
    assert!(missing.message.starts_with("there is no ServiceTier \"golden\""), "{}", missing.message);
}

#[test]
fn a_launch_names_the_field_of_each_reference_that_leads_nowhere_contracts_first() {
    let gates = json!([
        {"name": "test", "type": "EndToEndTest", "due": "3d", "check": {"feed": "qa", "measure": "passed", "atLeast": 1}},
        {"name": "training", "type": "Training", "due": "3d", "modules": [], "check": {"kpi": "trained"}},
    ]);
    let fields = json!({
        "contractRefs": [{"name": "care"}, {"name": "cares"}], "gates": gates, "successMetrics": [{"kpi": "level"}, {"kpi": "levle"}],
    });
    let (_, launch) = launch("new", "care", fields);
    let found = observe_launch(&namespace(), "new", &launch.spec).unresolved;
    let found: Vec<(Reason, &str)> = found.iter().map(|one| (one.what.reason(), one.field.as_str())).collect();
    assert_eq!(
        found,
        [
            (Reason::ContractNotFound, "spec.contractRefs[1].name"),
            (Reason::FeedNotFound, "spec.gates[test].check.feed"),
            (Reason::KpiTargetNotFound, "spec.successMetrics[1].kpi"),
            (Reason::KpiTargetNotFound, "spec.gates[training].check.kpi"),
        ]
    );
}

#[test]
fn each_change_affects_the_objects_whose_status_may_be_other_and_no_more() {
    let held = namespace();
    let named = ["care".to_owned()];
    let (both, all) = (["level", "fcr"], ["spring", "autumn", "abroad"]);
    let none: [&str; 0] = [];
    for (change, contracts, kpis, tiers, launches) in [
        // A tier that the contract listed before is looked at too.
        (Change::Contract("care"), &["care"][..], &both[..], &["gold", "old"][..], &all[..]),
        // Nobody launches with a contract that has no launch.
        (Change::Contract("new"), &["new"], &none, &["gold", "old"], &none),
        (Change::Judged("care"), &none, &both, &["gold"], &all),
        (Change::Rows("care"), &["care"], &none, &none, &all),
        // The KPI that it guards is looked at, even where neither is judged.
        (Change::Kpi("fcr", Some("care")), &["care"], &both, &none, &all),
        (Change::Kpi("elsewhere", Some("other")), &["other"], &["elsewhere"], &none, &all),
        (Change::Kpi("broken", None), &none, &["broken"], &none, &all),
        (Change::Tier("gold"), &["care"], &none, &["gold"], &none),
        (Change::Tier("old"), &none, &none, &["old"], &none),
        (Change::Launch("gone"), &none, &none, &none, &["spring", "autumn", "abroad", "gone"]),
        (Change::Outcome(&named), &["care"], &none, &none, &none),
        (Change::Report("care"), &["care"], &none, &none, &none),
    ] {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let expected =
            Affected { contracts: names(contracts), kpis: names(kpis), tiers: names(tiers), launches: names(launches) };
        assert_eq!(affected_by(&held, change), expected, "{change:?}");
    }
}

#[test]
fn an_object_that_cannot_be_read_is_there_and_says_nothing() {
    struct Unreadable;
    impl<K> Entry<K> for Unreadable {
        fn read(&self) -> Held<&K> {
            Held::Unreadable
        }
    }
    struct Nothing;
    impl Holdings for Nothing {
        fn contract(&self, _: &str) -> impl Entry<VendorContract> {
            Unreadable
        }
        fn contracts(&self) -> Vec<impl Entry<VendorContract>> {
            vec![Unreadable]
        }
        fn kpi(&self, _: &str) -> impl Entry<KpiTarget> {
            Unreadable
        }
        fn kpis_of(&self, _: &str) -> Vec<impl Entry<KpiTarget>> {
            vec![Unreadable]
        }
        fn tier(&self, _: &str) -> impl Entry<ServiceTier> {
            Unreadable
        }
        fn tiers(&self) -> Vec<impl Entry<ServiceTier>> {
            vec![Unreadable]
        }
        fn launches(&self) -> Vec<impl Entry<CampaignLaunch>> {
            vec![Unreadable]
        }
        fn judged(&self, _: &str) -> Option<Judged> {
            None
        }
    }
    let held = namespace();
    assert_eq!(references_of_kpi(&Nothing, &held.kpis["level"].spec), []);
    let (terms, unresolved) = terms(&Nothing, "care", &held.contracts["care"].spec, &[]);
    assert!(terms.kpis.is_empty() && terms.tiers.is_empty() && unresolved.is_empty(), "{unresolved:?}");
    assert_eq!(references_of_launch(&Nothing, &held.launches["spring"].spec), []);
}

#[test]
fn a_launch_waits_for_each_contract_that_it_rests_on_and_that_is_not_judged() {
    let judged = |held: &Written, name: &str| Judged {
        terms: std::sync::Arc::new(terms(held, name, &held.contracts[name].spec, &[]).0),
        judgement: std::sync::Arc::new(Ok(Judgement::default())),
        feeds: std::sync::Arc::default(),
    };
    let channels = json!([{"name": "mail", "type": "Email", "expectedContacts": 320}]);
    let staffing = json!({"handleTime": "180s"});
    let both = json!([{"name": "care"}, {"name": "second"}]);
    let elsewhere = json!({"channels": channels.clone(), "contractRefs": [{"name": "third"}, {"name": "gone"}]});
    let figures = (Use::Figures, "care");
    for (what, own, other, is_over, known, expected) in [
        ("nothing is judged", json!({}), json!({}), false, &[] as &[&str], vec![figures]),
        ("the first is judged", json!({}), json!({}), false, &["care"], vec![]),
        (
            "a further one",
            json!({"contractRefs": both.clone()}),
            json!({}),
            false,
            &["care"],
            vec![(Use::Kpis, "second")],
        ),
        ("all are judged", json!({"contractRefs": both.clone()}), json!({}), false, &["care", "second"], vec![]),
        ("the load", json!({"staffing": staffing}), elsewhere.clone(), false, &["care"], vec![(Use::Load, "third")]),
        ("nobody asks for the load", json!({}), elsewhere.clone(), false, &["care"], vec![]),
        ("the other launch is over", json!({"staffing": staffing}), elsewhere.clone(), true, &["care"], vec![]),
        (
            "the other launch brings nobody",
            json!({"staffing": staffing}),
            json!({"contractRefs": [{"name": "third"}]}),
            false,
            &["care"],
            vec![],
        ),
        (
            "another vendor",
            json!({"staffing": staffing}),
            json!({"channels": channels, "contractRefs": [{"name": "other"}]}),
            false,
            &["care"],
            vec![],
        ),
        (
            "one that is gone",
            json!({"contractRefs": [{"name": "care"}, {"name": "gone"}]}),
            json!({}),
            false,
            &["care"],
            vec![],
        ),
    ] {
        let mut held = namespace();
        for name in ["second", "third"] {
            let copy = held.contracts["care"].clone();
            held.contracts.insert(name.to_owned(), copy);
        }
        held.launches.clear();
        let (name, mut beside) = launch("beside", "care", other);
        if is_over {
            beside.status = serde_json::from_value(json!({"phase": "Completed"})).unwrap();
        }
        held.launches.insert(name, beside);
        let (name, object) = launch("new", "care", own);
        held.launches.insert(name, object.clone());
        for name in known {
            let judged = judged(&held, name);
            held.judged.insert((*name).to_owned(), judged);
        }
        let seen = observe_launch(&held, "new", &object.spec);
        let found: Vec<(Use, &str)> = seen.awaited.iter().map(|it| (it.used_for, it.name.as_str())).collect();
        assert_eq!(found, expected, "{what}");
        assert_eq!(seen.written.is_some(), seen.first.is_none(), "{what}");
        // What is wrong with a contract is in its status.
        for (reason, problem) in [(Reason::EvidenceUnavailable, Some("rows are lost")), (Reason::SecretNotFound, None)]
        {
            let condition = json!({"type": "Ready", "status": "False", "reason": reason.as_str(), "message": "rows are lost",
                "lastTransitionTime": "2026-02-01T00:00:00Z"});
            for contract in held.contracts.values_mut() {
                contract.status = serde_json::from_value(json!({"conditions": [condition]})).unwrap();
            }
            let seen = observe_launch(&held, "new", &object.spec);
            assert!(seen.awaited.iter().all(|it| it.problem.as_deref() == problem), "{what}: {:?}", seen.awaited);
        }
    }
}
