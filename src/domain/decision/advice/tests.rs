use super::*;
use serde_json::{Value, json};

/// A contract with nothing to find, as JSON, so that each test breaks one thing.
fn sound() -> (Value, Vec<(&'static str, Value)>) {
    let contract = json!({
        "vendor": {"name": "Acme"}, "term": {"start": "2026-01-01", "end": "2027-12-31"},
        "goals": [{"name": "keep-members"}],
        "feeds": [{"name": "acd", "url": "https://feeds.acme.example/"}],
        "contacts": [{"name": "sam"}],
        "escalation": [{"level": 1, "after": "0h", "causes": ["Missed"], "contacts": ["sam"]}],
        "engagement": {"minimumSharePercent": 25},
    });
    let kpi = |kpi: &str, target: i64, weight: i64| {
        json!({
            "contractRef": {"name": "c"}, "kpi": kpi, "source": {"feed": "acd", "labels": {"queue": "billing"}},
            "objective": {"target": target}, "goalRef": "keep-members", "weight": weight, "window": {"type": "Period"},
            "benchmark": {"low": target - 5, "high": target + 5},
        })
    };
    let mut level = kpi("ServiceLevel", 80, 3);
    level["counterMetric"] = json!("quality");
    (
        contract,
        vec![("level", level), ("quality", kpi("QualityScore", 85, 3)), ("csat", kpi("CustomerSatisfaction", 80, 2))],
    )
}

/// Findings as `finding kpi`, of contracts and KPIs that may lack parts.
fn found(contract: Value, kpis: Vec<(&str, Value)>) -> Vec<String> {
    let terms = Terms {
        contract: serde_json::from_value(contract).unwrap(),
        kpis: kpis.into_iter().map(|(name, spec)| (name.to_owned(), serde_json::from_value(spec).unwrap())).collect(),
        tiers: BTreeMap::new(),
    };
    found_in(&terms, &BTreeMap::new(), &BTreeMap::new(), "2026-06-15")
}

fn found_in(
    terms: &Terms,
    best: &BTreeMap<String, Exact>,
    launches: &BTreeMap<String, CampaignLaunchSpec>,
    today: &str,
) -> Vec<String> {
    let (negative, offered, doubts) = (BTreeSet::new(), BTreeMap::new(), BTreeMap::new());
    let today = today.parse().unwrap();
    let facts = AdviceFacts {
        terms,
        today,
        best,
        launches,
        negative: &negative,
        said: &BTreeMap::new(),
        offered: &offered,
        doubts: &doubts,
    };
    advise(&facts)
        .into_iter()
        .map(|advice| {
            assert!(advice.message.len() <= 256, "{}", advice.message);
            assert!(!advice.message.ends_with('…'), "{}", advice.message);
            format!("{} {}", advice.finding, advice.kpi.unwrap_or_default()).trim_end().to_owned()
        })
        .collect()
}

/// The sound contract after a change to it and to its first KPI.
fn after(change: impl FnOnce(&mut Value, &mut Vec<(&'static str, Value)>)) -> Vec<String> {
    let (mut contract, mut kpis) = sound();
    change(&mut contract, &mut kpis);
    found(contract, kpis)
}

#[test]
fn a_sound_contract_has_no_findings() {
    assert_eq!(after(|_, _| {}), Vec::<String>::new());
}

#[test]
fn the_balance_of_kpis_is_judged_without_dry_runs_and_suspended_ones() {
    assert_eq!(after(|_, kpis| kpis.truncate(2)), ["OnlyTechnicalKpis"]);
    assert_eq!(after(|_, kpis| kpis[2].1["dryRun"] = json!(true)), ["OnlyTechnicalKpis"]);
    assert_eq!(after(|_, kpis| kpis[2].1["suspend"] = json!(true)), ["OnlyTechnicalKpis"]);
    // 2 of 8 are the 25 % asked for, 1 of 7 are not.
    assert_eq!(after(|_, kpis| kpis[2].1["weight"] = json!(1)), ["OnlyTechnicalKpis"]);
    assert_eq!(after(|_, kpis| kpis[1].1["suspend"] = json!(true)), ["NoLeadingKpi"]);
    let only_leading = after(|_, kpis| {
        kpis.remove(0);
        kpis.remove(1);
    });
    assert_eq!(only_leading, ["OnlyTechnicalKpis", "NoLaggingKpi"]);
}

#[test]
fn an_efficiency_kpi_needs_the_one_that_guards_it() {
    let without = after(|_, kpis| {
        kpis[0].1.as_object_mut().unwrap().remove("counterMetric");
    });
    assert_eq!(without, ["MissingCounterMetric level"]);
    assert_eq!(after(|_, kpis| kpis[0].1["counterMetric"] = json!("nothing")), ["MissingCounterMetric level"]);
}

#[test]
fn an_agreed_time_that_no_feed_mentions_is_reported() {
    let threshold = |within: &str| json!([{"measure": "answeredWithin", "within": within}]);
    for (within, thresholds, expected) in [
        (json!("20s"), json!([]), vec!["ThresholdUnknown level"]),
        (json!("20s"), threshold("20s"), vec![]),
        // Another time is not advice: the KPI is not Ready.
        (json!("20s"), threshold("30s"), vec![]),
    ] {
        let found = after(|contract, kpis| {
            contract["feeds"][0]["thresholds"] = thresholds.clone();
            kpis[0].1["within"] = within;
            kpis[0].1["variant"] = json!("AnsweredOnly");
        });
        assert_eq!(found, expected, "{thresholds}");
    }
}

#[test]
fn yearly_periods_that_share_one_cap_are_reported() {
    // From March 2026 the contract year holds the starts of the periods 2026 and 2027.
    for (start, period, credits, expected) in [
        ("2026-03-01", "Yearly", json!({"yearCapAmount": 5}), vec!["YearsShareCap"]),
        ("2026-03-01", "Yearly", json!({}), vec![]),
        ("2026-03-01", "ContractYear", json!({"yearCapAmount": 5}), vec![]),
        ("2026-01-01", "Yearly", json!({"yearCapAmount": 5}), vec![]),
    ] {
        let found = after(|contract, _| {
            contract["term"]["start"] = json!(start);
            contract["period"] = json!(period);
            contract["credits"] = credits.clone();
            contract["charges"] = json!({"currency": "GBP"});
        });
        assert_eq!(found, expected, "{start} {period} {credits}");
    }
}

#[test]
fn credits_may_not_be_spread_or_allocated_beyond_measure() {
    let bands = |percent: i64| json!([{"severity": "Minor", "bound": 70, "atRiskPercent": 10}, {"severity": "Serious", "atRiskPercent": percent}]);
    assert_eq!(
        after(|contract, kpis| {
            contract["charges"] = json!({"currency": "GBP", "amount": 100_000, "atRiskPercent": 10});
            kpis[0].1["bands"] = bands(60);
            kpis[1].1["bands"] = bands(41);
        }),
        ["OverAllocated"]
    );
    assert_eq!(
        after(|contract, kpis| {
            contract["charges"] = json!({"currency": "GBP", "amount": 100_000, "atRiskPercent": 10});
            kpis[0].1["bands"] = bands(60);
            kpis[1].1["bands"] = bands(40);
        }),
        Vec::<String>::new()
    );
    const NAMES: [&str; 13] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "m", "n"];
    let many = |count: usize| {
        after(|_, kpis| {
            let csat = kpis[2].1.clone();
            kpis.extend(NAMES.iter().take(count).map(|name| (*name, csat.clone())));
        })
    };
    assert_eq!(many(12), Vec::<String>::new());
    assert_eq!(many(13), ["TooManyCreditKpis"]);
}

#[test]
fn each_letter_of_smart_is_reported_by_itself() {
    let broken = |change: &dyn Fn(&mut Value)| after(|_, kpis| change(&mut kpis[2].1));
    assert_eq!(broken(&|kpi| kpi["source"]["labels"] = json!({})), ["NotSmart/Specific csat"]);
    assert_eq!(broken(&|kpi| kpi["source"]["feed"] = json!("other")), ["NotSmart/Measurable csat"]);
    let at_site = |site: &str| {
        after(|contract, kpis| {
            contract["vendor"]["sites"] = json!(["cebu", "bogota"]);
            kpis[2].1["source"]["labels"] = json!({"site": site});
        })
    };
    assert_eq!(at_site("manila"), ["NotSmart/Measurable csat"]);
    assert_eq!(at_site("cebu"), Vec::<String>::new());
    assert_eq!(broken(&|kpi| kpi["benchmark"]["high"] = json!(79)), ["NotSmart/Achievable csat"]);
    assert_eq!(broken(&|kpi| kpi["goalRef"] = json!("other")), ["NotSmart/Relevant csat"]);
    let no_window = broken(&|kpi| {
        kpi.as_object_mut().unwrap().remove("window");
    });
    assert_eq!(no_window, ["NotSmart/TimeBound csat"]);
    let custom = broken(&|kpi| {
        kpi["kpi"] = json!("Custom");
        kpi["formula"] = json!({"numerator": "a", "denominator": "b", "better": "Higher", "category": "Satisfaction"});
    });
    assert_eq!(custom, ["NotSmart/Specific csat"]);
}

#[test]
fn a_target_beyond_the_benchmark_is_achievable_where_it_was_reached_or_is_marked_as_a_stretch() {
    let (contract, mut kpis) = sound();
    kpis[2].1["benchmark"]["high"] = json!(79);
    let terms = |kpis: &Vec<(&str, Value)>| Terms {
        contract: serde_json::from_value(contract.clone()).unwrap(),
        kpis: kpis
            .iter()
            .map(|(name, spec)| ((*name).to_owned(), serde_json::from_value(spec.clone()).unwrap()))
            .collect(),
        tiers: BTreeMap::new(),
    };
    for (best, findings) in [(79, 1), (80, 0), (95, 0)] {
        let best = BTreeMap::from([("csat".to_owned(), Exact::from(best))]);
        assert_eq!(found_in(&terms(&kpis), &best, &BTreeMap::new(), "2026-06-15").len(), findings);
    }
    kpis[2].1["objective"]["stretch"] = json!(90);
    assert_eq!(found_in(&terms(&kpis), &BTreeMap::new(), &BTreeMap::new(), "2026-06-15").len(), 0);
}

#[test]
fn tiers_people_and_goals_are_looked_after() {
    assert_eq!(after(|contract, _| contract["escalation"] = json!([])), ["NoEscalationContact"]);
    assert_eq!(after(|contract, _| contract["escalation"][0]["contacts"] = json!([])), ["NoEscalationContact"]);
    assert_eq!(
        after(|contract, _| contract["goals"].as_array_mut().unwrap().push(json!({"name": "grow"}))),
        ["UnlinkedGoal"]
    );
    let reports = |contract: &mut Value, contacts: Value, to: Value| {
        contract["escalation"] = json!([{"level": 1, "after": "0h", "causes": ["Missed"], "contacts": ["sam"]}]);
        contract["contacts"] = contacts;
        let email = json!({"server": "smtps://mail.client.example", "from": "sla@client.example", "to": to});
        contract["alerts"] = json!([{"name": "mail", "email": email}]);
        contract["reports"] = json!([{"name": "monthly", "cadence": "Monthly", "alerts": ["mail"]}]);
    };
    for (contacts, to, expected) in [
        (json!([{"name": "sam"}]), json!([]), &["ReportReachesNobody"][..]),
        (json!([{"name": "sam", "party": "Vendor", "email": "sam@acme.example"}]), json!([]), &["ReportReachesNobody"]),
        (json!([{"name": "sam", "party": "Vendor", "email": "sam@acme.example"}]), json!(["sam"]), &[]),
        (json!([{"name": "sam", "email": "sam@client.example"}]), json!([]), &[]),
    ] {
        assert_eq!(after(|contract, _| reports(contract, contacts.clone(), to.clone())), expected, "{contacts} {to}");
    }
    let (contract, kpis) = sound();
    let tier = |spec: Value| serde_json::from_value(spec).unwrap();
    let terms = Terms {
        contract: serde_json::from_value(contract).unwrap(),
        kpis: kpis.into_iter().map(|(name, spec)| (name.to_owned(), serde_json::from_value(spec).unwrap())).collect(),
        tiers: BTreeMap::from([
            (
                "gold".to_owned(),
                tier(
                    json!({"rank": 1, "customerValue": {"measure": "LoyaltyIndex", "atLeast": 60}, "targets": [{"kpi": "ServiceLevel", "target": 70}]}),
                ),
            ),
            (
                "standard".to_owned(),
                tier(json!({"rank": 2, "customerValue": {"measure": "LoyaltyIndex", "below": 50}})),
            ),
        ]),
    };
    assert_eq!(found_in(&terms, &BTreeMap::new(), &BTreeMap::new(), "2026-06-15"), ["TierInversion", "TierGap"]);
}

#[test]
fn labels_named_after_protected_traits_are_found_and_others_are_not() {
    for (label, expected) in [
        ("gender", Some("gender")),
        ("agentGender", Some("gender")),
        ("agent_age", Some("age")),
        ("AGE", Some("age")),
        ("age-group", Some("age")),
        ("language", None),
        ("agent", None),
        ("page", None),
        ("stage", None),
        ("trace", None),
        ("site", None),
        ("scriptVersion", None),
    ] {
        assert_eq!(protected_trait(label), expected, "{label}");
    }
    let labelled = after(|_, kpis| kpis[2].1["source"]["labels"] = json!({"customerGender": "x"}));
    assert_eq!(labelled, ["ProtectedTrait csat"]);
    let (contract, kpis) = sound();
    let terms = Terms {
        contract: serde_json::from_value(contract).unwrap(),
        kpis: kpis.into_iter().map(|(name, spec)| (name.to_owned(), serde_json::from_value(spec).unwrap())).collect(),
        tiers: BTreeMap::new(),
    };
    let launch = json!({
        "contractRefs": [{"name": "c"}], "product": "p", "launchAt": "2026-11-30T08:00:00Z",
        "cohorts": {"feed": "acd", "label": "ethnicity", "numerator": "n", "denominator": "d", "plannedPerCohort": 9},
    });
    let launches = BTreeMap::from([("l".to_owned(), serde_json::from_value(launch).unwrap())]);
    assert_eq!(found_in(&terms, &BTreeMap::new(), &launches, "2026-06-15"), ["ProtectedTrait"]);
}

#[test]
fn targets_that_never_moved_for_a_year_are_asked_about() {
    let (contract, mut kpis) = sound();
    kpis[1].1["objective"]["schedule"] = json!([{"from": "2026-07-01", "target": 86}]);
    let terms = Terms {
        contract: serde_json::from_value(contract).unwrap(),
        kpis: kpis.into_iter().map(|(name, spec)| (name.to_owned(), serde_json::from_value(spec).unwrap())).collect(),
        tiers: BTreeMap::new(),
    };
    for (today, findings) in
        [("2027-01-01", vec![]), ("2027-01-02", vec!["RatchetMissing csat", "RatchetMissing level"])]
    {
        assert_eq!(found_in(&terms, &BTreeMap::new(), &BTreeMap::new(), today), findings, "{today}");
    }
    assert_eq!(found_in(&terms, &BTreeMap::new(), &BTreeMap::new(), "2027-07-02").len(), 3);
}

#[test]
fn a_percentage_without_its_volume_is_reported() {
    let with = |measures: Value| {
        after(|contract, _| {
            contract["feeds"][0]["format"] = json!({"csv": {"start": {"columns": ["Start"]}, "measures": measures}});
        })
    };
    let share = json!({"name": "value", "column": "SL", "unit": "Percent"});
    let answered = json!({"name": "answered", "column": "Answered"});
    let of = json!({"name": "answeredWithin", "column": "SL", "unit": "Percent", "of": "answered"});
    let weight = json!({"name": "weight", "column": "Calls"});
    for (measures, findings) in [
        (json!([share.clone()]), vec!["DegradedFeed"]),
        (json!([share, weight]), vec![]),
        (json!([answered.clone(), of]), vec![]),
        (json!([answered]), vec![]),
    ] {
        assert_eq!(with(measures.clone()), findings, "{measures}");
    }
}

#[test]
fn every_finding_is_in_the_docs_with_its_remedy() {
    let docs = include_str!("../../../../docs/governance.md");
    let told = |finding: &str| {
        docs.lines()
            .any(|line| line.starts_with("| `") && line.split('|').nth(1).unwrap().contains(&format!("`{finding}`")))
    };
    let sources = [
        include_str!("../advice.rs"),
        include_str!("smart.rs"),
        include_str!("feeds.rs"),
        include_str!("periods.rs"),
        include_str!("misreadings.rs"),
    ]
    .concat();
    let mut count = 0;
    for (place, _) in sources.match_indices("advice.add(\"") {
        let finding = sources[place + "advice.add(\"".len()..].split('"').next().unwrap();
        assert!(told(finding), "{finding} is not in docs/governance.md");
        count += 1;
    }
    for (place, _) in sources.match_indices("add(\"") {
        let finding = sources[place + "add(\"".len()..].split('"').next().unwrap();
        let told = told(finding) || told(&format!("NotSmart/{finding}"));
        assert!(told, "{finding} is not in docs/governance.md");
    }
    assert!(count >= 10, "only {count} findings are looked for");
}

#[test]
fn a_target_that_is_a_share_of_one_is_doubted() {
    let with = |kpi: &str, objective: Value| {
        after(|_, kpis| {
            kpis[2].1["kpi"] = json!(kpi);
            kpis[2].1["objective"] = objective;
            kpis[2].1.as_object_mut().unwrap().remove("benchmark");
        })
    };
    let doubted = |found: Vec<String>| found.contains(&"TargetInDoubt csat".to_owned());
    for (kpi, objective, expected) in [
        ("CustomerSatisfaction", json!({"target": "0.8"}), true),
        ("CustomerSatisfaction", json!({"target": 1}), true),
        ("CustomerSatisfaction", json!({"target": "1.1"}), false),
        ("CustomerSatisfaction", json!({"target": 80}), false),
        ("CustomerSatisfaction", json!({"target": 80, "schedule": [{"from": "2026-03-01", "target": "0.85"}]}), true),
        // 0.05 for 5 %: the usual range is 3 to 5.
        ("AbandonmentRate", json!({"target": "0.05"}), true),
        ("AbandonmentRate", json!({"target": 5}), false),
        ("OutboundAbandonment", json!({"target": "0.03"}), true),
        // A rate of which 1 % is a lot.
        ("ResponseRate", json!({"target": "0.8"}), false),
        // No percentage.
        ("Sentiment", json!({"target": "0.8"}), false),
        ("CustomerSatisfaction", json!({"target": 0}), false),
    ] {
        assert_eq!(doubted(with(kpi, objective.clone())), expected, "{kpi} {objective}");
    }
}

#[test]
fn a_comparison_against_the_direction_of_a_kpi_is_doubted() {
    for (kpi, comparison, expected) in [
        ("CustomerSatisfaction", "AtLeast", false),
        ("CustomerSatisfaction", "AtMost", true),
        ("CustomerSatisfaction", "LessThan", true),
        ("AbandonmentRate", "AtMost", false),
        ("AbandonmentRate", "AtLeast", true),
        ("AbandonmentRate", "MoreThan", true),
        ("Occupancy", "AtLeast", false),
        ("Occupancy", "AtMost", false),
    ] {
        let found = after(|_, kpis| {
            kpis[2].1["kpi"] = json!(kpi);
            kpis[2].1["objective"]["comparison"] = json!(comparison);
        });
        assert_eq!(found.contains(&"ComparisonInDoubt csat".to_owned()), expected, "{kpi} {comparison}: {found:?}");
    }
}

#[test]
fn relief_for_a_kpi_that_does_not_exist_is_named() {
    let relief = |kpis: Value| {
        after(|contract, _| {
            contract["relief"] = json!([{"name": "storm", "cause": "ForceMajeure", "decision": "Accepted",
                "from": "2026-02-01T00:00:00Z", "to": "2026-02-02T00:00:00Z", "kpis": kpis}]);
        })
    };
    assert_eq!(relief(json!(["level", "quality"])), Vec::<String>::new());
    assert_eq!(relief(json!([])), Vec::<String>::new());
    assert_eq!(relief(json!(["level", "qualty", "other"])), ["UnknownKpi", "UnknownKpi"]);
}

#[test]
fn what_would_be_refused_today_is_named_and_figures_in_doubt_come_first() {
    let (mut contract, kpis) = sound();
    contract["charges"] = json!({"currency": "GBR", "amount": 100});
    contract["feeds"][0]["format"] = json!({"csv": {"start": {"columns": ["Interval"], "format": "%d/%m/%Y %H:%M - %H:%M"},
        "measures": [{"name": "offered", "column": "Offered"}]}});
    let terms = Terms {
        contract: serde_json::from_value(contract).unwrap(),
        kpis: kpis.into_iter().map(|(name, spec)| (name.to_owned(), serde_json::from_value(spec).unwrap())).collect(),
        tiers: BTreeMap::new(),
    };
    let doubt = Doubt { measure: "offered".into(), message: "offered is 1.21 in a row".into() };
    let facts = AdviceFacts {
        terms: &terms,
        today: "2026-06-15".parse().unwrap(),
        best: &BTreeMap::new(),
        launches: &BTreeMap::new(),
        negative: &BTreeSet::new(),
        said: &BTreeMap::new(),
        offered: &BTreeMap::new(),
        doubts: &BTreeMap::from([("acd".to_owned(), vec![doubt])]),
    };
    let found: Vec<(String, String)> =
        advise(&facts).into_iter().map(|advice| (advice.finding, advice.message)).collect();
    let expected = [
        ("FiguresInDoubt", "feed acd: offered is 1.21 in a row"),
        ("RefusedWhenEdited", "spec.charges.currency \"GBR\" is not a currency of ISO 4217"),
        (
            "RefusedWhenEdited",
            "spec.feeds[acd].format.csv.start.format \"%d/%m/%Y %H:%M - %H:%M\" names the hour twice",
        ),
    ];
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for ((finding, message), (name, words)) in found.iter().zip(expected) {
        assert!(finding == name && message.starts_with(words) && message.len() <= 256, "{finding}: {message}");
    }
}

#[test]
fn money_that_can_never_be_paid_and_points_that_cost_nothing_are_reported() {
    let with_band = |band: Value, charges: Value| {
        after(|contract, kpis| {
            kpis[0].1["bands"] = json!([band]);
            contract.as_object_mut().unwrap().extend(charges.as_object().unwrap().clone());
        })
    };
    let points = json!({"severity": "Minor", "points": 3});
    let charges = json!({"charges": {"currency": "GBP", "amount": 100_000}});
    let mut rule = charges.clone();
    rule["credits"] = json!({"points": {"perPointPercent": 1}});
    for (band, money, findings) in [
        (json!({"severity": "Minor", "credit": 500}), json!({}), vec!["RefusedWhenEdited level"]),
        (json!({"severity": "Minor", "atRiskPercent": 5}), charges.clone(), vec!["RefusedWhenEdited level"]),
        (json!({"severity": "Minor", "credit": 500}), charges.clone(), vec![]),
        (points.clone(), json!({}), vec!["PointsWithoutMoney"]),
        (points.clone(), charges, vec!["PointsWithoutMoney"]),
        (points, rule, vec![]),
    ] {
        assert_eq!(with_band(band.clone(), money), findings, "{band}");
    }
}

#[test]
fn impossible_volumes_are_reported_for_their_feed() {
    let (contract, kpis) = sound();
    let terms = Terms {
        contract: serde_json::from_value(contract).unwrap(),
        kpis: kpis.into_iter().map(|(name, spec)| (name.to_owned(), serde_json::from_value(spec).unwrap())).collect(),
        tiers: BTreeMap::new(),
    };
    let (best, launches) = (BTreeMap::new(), BTreeMap::new());
    let negative = BTreeSet::from(["level".to_owned()]);
    let differs =
        OfferedDiffers { day: "2026-06-01".parse().unwrap(), offered: Exact::from(100), handled: Exact::from(90) };
    let offered = BTreeMap::from([("acd".to_owned(), differs)]);
    let today = "2026-06-15".parse().unwrap();
    let doubts = BTreeMap::new();
    let facts = AdviceFacts {
        terms: &terms,
        today,
        best: &best,
        launches: &launches,
        negative: &negative,
        said: &BTreeMap::new(),
        offered: &offered,
        doubts: &doubts,
    };
    let told: Vec<_> = advise(&facts).into_iter().map(|one| (one.finding, one.kpi, one.message)).collect();
    let [(negative, kpi, _), (differs, None, message)] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(
        (negative.as_str(), kpi.as_deref(), differs.as_str()),
        ("NegativeVolume", Some("level"), "OfferedDiffers")
    );
    assert!(message.contains("on 2026-06-01 100 contacts were offered, and 90 answered or abandoned"), "{message}");
}
