//! Advice on money that is spread badly, or can never be paid.

use super::*;

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
