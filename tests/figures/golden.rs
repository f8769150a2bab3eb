//! What contracts publish of their own judgement, against the whole judgement: from rows to points, money and ratings.
//!
//! The figures are in `data/golden.json` with their sources; those of statistics alone are in `golden_statistics.rs`.

use crate::judging;
use bpo_operator::api::sla_report::KpiLine;
use bpo_operator::api::{Shared, SlaReportSpec};
use bpo_operator::domain::judgement::outcome::Judgement;
use serde_json::{Map, Value, json};

/// A section of the published figures.
fn golden(section: &str) -> Value {
    let golden: Value = serde_json::from_str(include_str!("../data/golden.json")).unwrap();
    let found = golden[section].clone();
    assert!(!found.is_null(), "{section}");
    found
}

fn list<'v>(value: &'v Value, field: &str) -> &'v Vec<Value> {
    let found = value[field].as_array().unwrap();
    assert!(!found.is_empty(), "{field}");
    found
}

/// One KPI over rows, judged after the whole year.
fn judged(contract: Value, kpi: Value, rows: &[Value]) -> Judgement {
    let kpis = Map::from_iter([("kpi".to_owned(), kpi)]);
    judged_together(&contract, &kpis, rows)
}

fn judged_together(contract: &Value, kpis: &Map<String, Value>, rows: &[Value]) -> Judgement {
    let terms = judging::terms(contract, kpis);
    judging::judged(&terms, rows.iter().map(judging::row).collect(), "2027-03-01T00:00:00Z")
}

fn report(judgement: &Judgement, period: &str) -> Shared<SlaReportSpec> {
    let found = judgement.reports.iter().rfind(|report| report.period().name == period);
    found.unwrap().open().unwrap()
}

fn line(judgement: &Judgement, period: &str, kpi: &str) -> KpiLine {
    report(judgement, period).kpis.iter().find(|line| line.name == kpi).unwrap().clone()
}

fn january(judgement: &Judgement) -> KpiLine {
    line(judgement, "2026-01", "kpi")
}

/// The value as a number.
fn value(line: &KpiLine) -> f64 {
    line.value.as_deref().unwrap().parse().unwrap()
}

fn assert_close(actual: f64, expected: f64, tolerance: f64, what: &str) {
    assert!((actual - expected).abs() <= tolerance, "{what}: {actual} is not {expected}");
}

/// A month in which `percent` of 10,000 calls were answered in time; exact to a hundredth of a percent.
fn month_of(month: usize, percent: &Value) -> Value {
    let good = (percent.as_f64().unwrap() * 100.0).round() as i64;
    json!({"month": format!("2026-{:02}", month + 1), "answered": 10_000, "answeredWithin": good})
}

/// A service level with its target, bands and more.
fn service_level(target: Value, more: Value) -> Value {
    let mut kpi = json!({"kpi": "ServiceLevel", "variant": "AnsweredOnly", "objective": {"target": target}});
    for (field, value) in more.as_object().unwrap() {
        kpi[field] = value.clone();
    }
    kpi
}

#[test]
fn six_ways_to_define_a_service_level() {
    let section = golden("serviceLevelVariants");
    let mut row = section["in"].clone();
    row["month"] = json!("2026-01");
    let variants = section["out"].as_object().unwrap();
    assert_eq!(variants.len(), 6);
    for (variant, expected) in variants {
        let name = format!("{}{}", variant[..1].to_uppercase(), &variant[1..]);
        let kpi = json!({"kpi": "ServiceLevel", "variant": name, "objective": {"target": 80}});
        let judgement = judged(json!({}), kpi, &[row.clone()]);
        assert_close(value(&january(&judgement)), 100.0 * expected.as_f64().unwrap(), 1e-6, &name);
    }
}

#[test]
fn service_points_with_repeats() {
    let section = golden("servicePoints");
    let severities = ["Minor", "Serious", "Severe", "Critical"];
    let bands: Vec<Value> = list(&section, "bands")
        .iter()
        .zip(severities)
        .map(|(band, severity)| match band[0].as_f64() {
            Some(bound) => json!({"severity": severity, "bound": format!("{bound}"), "points": band[1]}),
            None => json!({"severity": severity, "points": band[1]}),
        })
        .collect();
    assert_eq!(section["rounding"], "halfUp");
    let rounding = json!({"decimals": section["precision"], "mode": "HalfUp"});
    let kpi = service_level(json!("99"), json!({"bands": bands, "rounding": rounding}));
    let contract = json!({
        "charges": {"currency": "GBP", "amount": 100_000},
        "credits": {"points": {"perPointPercent": 1, "repeatMultiplier": 2}},
    });
    assert_eq!(section["target"], 99.0);
    let derived = [
        json!({"values": [98.5, 99.2, 96.5], "points": [1, 0, 3]}),
        json!({"values": [95.0, 95.0], "points": [4, 8]}),
        json!({"values": [98.95], "points": [0]}),
    ];
    for case in list(&section, "cases").iter().chain(&derived) {
        let values = list(case, "values");
        let rows: Vec<Value> = values.iter().enumerate().map(|(month, value)| month_of(month, value)).collect();
        let judgement = judged(contract.clone(), kpi.clone(), &rows);
        let points: Vec<i64> =
            (1..=values.len()).map(|month| line(&judgement, &format!("2026-{month:02}"), "kpi").points).collect();
        assert_eq!(json!(points), case["points"], "{case}");
    }
}

#[test]
fn a_credit_out_of_a_pool_and_its_cap() {
    let section = golden("dirCredit");
    let number = |field: &str| section[field].as_f64().unwrap();
    let share = number("pool") * number("allocation") * 100.0;
    let contract = json!({"charges": {
        "currency": "USD", "amount": section["invoice"], "atRiskPercent": format!("{}", number("atRisk") * 100.0),
    }});
    // Shares of the amount at risk that were missed, the credits before the cap, and after it.
    let cases = [
        (vec![share], section["credit"].as_i64().unwrap(), section["credit"].as_i64().unwrap()),
        (vec![20.0, 40.0, 30.0, 25.0], 11_500, 10_000),
    ];
    for (shares, before, net) in cases {
        let kpis: Map<String, Value> = shares
            .iter()
            .enumerate()
            .map(|(place, share)| {
                let bands = json!({"bands": [{"severity": "Serious", "atRiskPercent": format!("{share}")}]});
                (format!("kpi-{place}"), service_level(json!(80), bands))
            })
            .collect();
        let judgement = judged_together(&contract, &kpis, &[month_of(0, &json!(79))]);
        let credit = report(&judgement, "2026-01").credit.clone().unwrap();
        let amounts = (credit.before_caps.as_str(), credit.net.as_str());
        assert_eq!(amounts, (format!("{before}.00").as_str(), format!("{net}.00").as_str()), "{shares:?}");
    }
}

#[test]
fn points_become_a_percentage_of_the_bill() {
    let section = golden("telusPoints");
    let table: Vec<Value> = list(&section, "table")
        .iter()
        .filter(|row| row[0].as_i64().unwrap() > 0)
        .map(|row| json!({"points": row[0], "percent": row[1]}))
        .collect();
    let contract = json!({"charges": {"currency": "CAD", "amount": 100_000}, "credits": {"points": {"table": table}}});
    let between = [json!([12, 2]), json!([14, 2]), json!([15, 4]), json!([31, 10]), json!([9, 0]), json!([29, 8])];
    for case in list(&section, "cases").iter().chain(&between) {
        let bands = json!({"bands": [{"severity": "Minor", "points": case[0]}]});
        let judgement = judged(contract.clone(), service_level(json!(80), bands), &[month_of(0, &json!(79))]);
        let expected = format!("{}.00", case[1].as_i64().unwrap() * 1_000);
        assert_eq!(report(&judgement, "2026-01").credit.as_ref().unwrap().from_points, expected, "{case}");
    }
}

#[test]
fn malus_and_bonus_of_a_contact_centre() {
    let section = golden("massDell");
    let rule = |name: &str| section["rules"][name].clone();
    let band = |severity: &str, bound: Option<&str>, rule: Option<Value>| {
        let mut band = json!({"severity": severity});
        if let Some(bound) = bound {
            band["bound"] = json!(bound);
        }
        if let Some(rule) = rule {
            band["credit"] = rule;
        }
        band
    };
    let kpis = json!({
        "asa": {"kpi": "AverageSpeedOfAnswer", "objective": {"target": 60},
                "bands": [band("Severe", None, Some(rule("asaOver60")))]},
        "within30": {"kpi": "ServiceLevel", "variant": "AllOffered", "objective": {"target": 70},
                     "bands": [band("Minor", Some("65"), None), band("Serious", None, Some(rule("within30Below65")))],
                     "bonus": {"from": 80, "amount": rule("within30Above80Bonus")}},
        "abandon": {"kpi": "AbandonmentRate", "objective": {"target": 3},
                    "bands": [band("Serious", Some("5"), Some(rule("abandonOver3"))),
                              band("Severe", None, Some(rule("abandonOver5")))],
                    "bonus": {"from": "1.5", "amount": rule("abandonBelow1_5Bonus")}},
        "over2min": {"kpi": "LongWaitRate", "objective": {"comparison": "LessThan", "target": 10},
                     "bands": [band("Serious", Some("30"), Some(rule("over2minGe10"))),
                               band("Severe", None, Some(rule("over2minGe30")))]},
    });
    let contract = json!({"charges": {"currency": "USD", "amount": 500_000}});
    let worst_and_edges = [
        json!({"asa": 72, "within30": 64.9, "abandon": 5.4, "over2min": 31, "malus": 17_500, "bonus": 0}),
        json!({"asa": 60, "within30": 80, "abandon": 3.0, "over2min": 9.9, "malus": 0, "bonus": 0}),
        json!({"asa": 60, "within30": 65, "abandon": 5.0, "over2min": 10, "malus": 5_000, "bonus": 0}),
        json!({"asa": 60, "within30": 70, "abandon": 1.5, "over2min": 30, "malus": 5_000, "bonus": 0}),
    ];
    for case in list(&section, "cases").iter().chain(&worst_and_edges) {
        let hundredths = |field: &str| (case[field].as_f64().unwrap() * 100.0).round() as i64;
        let abandoned = hundredths("abandon");
        let answered = 10_000 - abandoned;
        let row = json!({
            "month": "2026-01", "offered": 10_000, "answered": answered, "abandoned": abandoned,
            "waitSeconds": case["asa"].as_i64().unwrap() * answered,
            "answeredWithin": hundredths("within30"), "longWaits": hundredths("over2min"),
        });
        let judgement = judged_together(&contract, kpis.as_object().unwrap(), &[row]);
        let credit = report(&judgement, "2026-01").credit.clone().unwrap();
        let expected = |field: &str| format!("{}.00", case[field]);
        assert_eq!((&credit.net, &credit.bonus), (&expected("malus"), &expected("bonus")), "{case}");
    }
}

#[test]
fn four_ratings_and_a_capped_credit() {
    let section = golden("dfeRating");
    let bound = |rating: &str| section["bands"][rating].clone();
    let credit = section["creditPctPerCredit"].clone();
    let kpi = service_level(
        bound("Good"),
        json!({
            "bands": [
                {"severity": "Minor", "bound": bound("ApproachingTarget")},
                {"severity": "Serious", "bound": bound("RequiresImprovement"), "percent": credit},
                {"severity": "Critical", "percent": credit},
            ],
            "ratings": {"good": bound("Good"), "approaching": bound("ApproachingTarget"),
                        "requiresImprovement": bound("RequiresImprovement")},
        }),
    );
    let contract =
        json!({"charges": {"currency": "GBP", "amount": 10_000_000, "atRiskPercent": section["capPct"].clone()}});
    let edges =
        [json!([90, "ApproachingTarget"]), json!([75, "RequiresImprovement"]), json!([95.99, "ApproachingTarget"])];
    for case in list(&section, "cases").iter().chain(&edges) {
        let judgement = judged(contract.clone(), kpi.clone(), &[month_of(0, &case[0])]);
        let line = january(&judgement);
        let rating = case[1].as_str().unwrap();
        let credit = if matches!(rating, "Good" | "ApproachingTarget") { "0.00" } else { "100000.00" };
        let found = (format!("{:?}", line.rating.unwrap()), line.credit.as_deref().unwrap());
        assert_eq!(found, (rating.to_owned(), credit), "{case}");
    }
    // Credits of 1, 2, 3, 4 and 5 failures.
    for (failures, net) in [(1, "100000.00"), (2, "200000.00"), (3, "300000.00"), (4, "400000.00"), (5, "400000.00")] {
        let kpis = (0..failures).map(|place| (format!("kpi-{place}"), kpi.clone())).collect();
        let judgement = judged_together(&contract, &kpis, &[month_of(0, &json!(74.9))]);
        assert_eq!(report(&judgement, "2026-01").credit.as_ref().unwrap().net, net, "{failures}");
    }
    // The published bands are whole numbers: how 95.5 is rounded decides its rating.
    for (mode, rating) in
        [(Some("HalfUp"), "Good"), (Some("Truncate"), "ApproachingTarget"), (None, "ApproachingTarget")]
    {
        let mut kpi = kpi.clone();
        if let Some(mode) = mode {
            kpi["rounding"] = json!({"decimals": 0, "mode": mode});
        }
        let judgement = judged(contract.clone(), kpi, &[month_of(0, &json!(95.5))]);
        assert_eq!(format!("{:?}", january(&judgement).rating.unwrap()), rating, "{mode:?}");
    }
    // A survey that too few answered says nothing: 82 % at a response rate of 35 %, where 40 % are agreed.
    let survey =
        json!({"kpi": "CustomerSatisfaction", "objective": {"target": 80}, "minimum": {"responseRatePercent": 40}});
    let row = json!({"month": "2026-01", "surveysOffered": 1000, "surveyResponses": 350, "satisfied": 287});
    let judgement = judged(json!({}), survey, &[row]);
    assert_eq!(format!("{:?}", january(&judgement).verdict), "InsufficientVolume");
}

#[test]
fn net_promoter_scores_from_counts() {
    for case in golden("nps").as_array().unwrap() {
        let count = |place: usize| case[place].as_i64().unwrap();
        let row = json!({
            "month": "2026-01", "promoters": count(0), "detractors": count(2),
            "surveyResponses": count(0) + count(1) + count(2),
        });
        let judgement = judged(json!({}), json!({"kpi": "NetPromoterScore", "objective": {"target": 30}}), &[row]);
        assert_close(value(&january(&judgement)), case[3].as_f64().unwrap(), 1e-4, &case.to_string());
    }
}

#[test]
fn sums_are_divided_once_and_percentages_never_averaged() {
    let section = golden("aggregation");
    let kpi = json!({"kpi": "ServiceLevel", "variant": "AllOffered", "objective": {"target": 80}});
    let halves: Vec<Value> = list(&section["simple"], "rows")
        .iter()
        .enumerate()
        .map(|(place, row)| {
            let (good, all) = (row[0].as_i64().unwrap(), row[1].as_i64().unwrap());
            json!({"day": format!("2026-01-{:02}", place + 5), "answered": all, "abandoned": 0, "answeredWithin": good})
        })
        .collect();
    let judgement = judged(json!({}), kpi.clone(), &halves);
    let pooled = 100.0 * section["simple"]["pooled"].as_f64().unwrap();
    assert_close(value(&january(&judgement)), pooled, 1e-6, "two rows");

    let lines: Vec<Vec<&str>> =
        include_str!("../data/call-centre-day.csv").lines().map(|line| line.trim().split(',').collect()).collect();
    assert_eq!(lines[0][1..5], ["offered", "answered", "answered_within_20s", "abandoned"]);
    let mut shares = Vec::new();
    let mut rows = Vec::new();
    for columns in &lines[1..] {
        let count = |column: usize| columns[column].parse::<i64>().unwrap();
        let from: jiff::Timestamp = format!("2026-01-05T{}:00Z", columns[0]).parse().unwrap();
        let to = from + jiff::SignedDuration::from_mins(30);
        rows.push(json!({
            "from": from.to_string(), "to": to.to_string(),
            "answered": count(2), "answeredWithin": count(3), "abandoned": count(4),
        }));
        if count(1) > 0 {
            shares.push(count(3) as f64 / count(1) as f64);
        }
    }
    let technion = &section["technion"];
    let judgement = judged(json!({}), kpi, &rows);
    assert_close(value(&january(&judgement)), 100.0 * technion["pooled"].as_f64().unwrap(), 1e-6, "a real day");
    // What the average of the half hours would have said of the same day.
    let mean = shares.iter().sum::<f64>() / shares.len() as f64;
    assert_close(mean, technion["meanOfIntervals"].as_f64().unwrap(), 1e-9, "the mean of intervals");
}

#[test]
fn the_value_of_a_customer() {
    let cases = golden("clv");
    let number = |case: usize, field: &str| cases[case][field].as_f64().unwrap();
    let custom = |numerator: &str, denominator: &str, scale: i64| {
        json!({
            "kpi": "Custom", "objective": {"target": 1},
            "formula": {"numerator": numerator, "denominator": denominator, "scale": scale, "unit": "Money",
                        "better": "Higher", "category": "Engagement"},
        })
    };
    // Of 1,000 customers; a ratio of two sums each. Revenue per customer over churn is revenue over customers lost;
    // margin · r / (1 + d − r) is margin · kept / (start + discount on them − kept).
    let whole = |number: f64| (number * 1000.0).round() as i64;
    let figures = [
        (
            custom("revenue", "customersLost", 1),
            json!({"revenue": whole(number(0, "arpu")), "customersLost": whole(number(0, "churn"))}),
        ),
        (
            custom("cohortActive", "cohortStart + discount - cohortActive", number(1, "m") as i64),
            json!({"cohortStart": 1000, "cohortActive": whole(number(1, "r")), "discount": whole(number(1, "d"))}),
        ),
    ];
    for (place, (kpi, mut row)) in figures.into_iter().enumerate() {
        row["month"] = json!("2026-01");
        let judgement = judged(json!({}), kpi, &[row]);
        assert_close(value(&january(&judgement)), number(place, "out"), 1e-6, "by an own formula");
        // The catalogue's KPI takes the value as the feed sums it up.
        let total = format!("{}", number(place, "out") * 1000.0);
        let row = json!({"month": "2026-01", "customers": 1000, "lifetimeValue": total});
        let kpi = json!({"kpi": "CustomerLifetimeValue", "objective": {"target": 1}});
        assert_close(value(&january(&judged(json!({}), kpi, &[row]))), number(place, "out"), 1e-6, "by the catalogue");
    }
}

#[test]
fn no_section_of_the_published_figures_is_left_out() {
    let golden: Map<String, Value> = serde_json::from_str(include_str!("../data/golden.json")).unwrap();
    let tests = [include_str!("golden.rs"), include_str!("golden_statistics.rs")].concat();
    let unused = |section: &&String| !tests.contains(&format!("(\"{section}\")"));
    let unused: Vec<&String> = golden.keys().filter(unused).collect();
    assert!(golden.len() > 10 && unused.is_empty(), "no test reads {unused:?}");
}
