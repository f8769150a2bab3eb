//! Advice on figures that seem to be misread.

use super::*;

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
    let found: Vec<_> = advise(&facts).into_iter().map(|one| (one.finding, one.kpi, one.message)).collect();
    let [(negative, kpi, _), (differs, None, message)] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(
        (negative.as_str(), kpi.as_deref(), differs.as_str()),
        ("NegativeVolume", Some("level"), "OfferedDiffers")
    );
    assert!(message.contains("on 2026-06-01 100 contacts were offered, and 90 answered or abandoned"), "{message}");
}
