use serde_json::{Value, json};

use super::*;
use crate::view::links::Links;

fn contract(name: &str, vendor: &str, status: Value) -> VendorContract {
    serde_json::from_value(json!({
        "apiVersion": "bpo-operator.io/v1alpha1", "kind": "VendorContract", "metadata": {"name": name, "namespace": "cx"},
        "spec": {"vendor": {"name": vendor}, "term": {"start": "2026-01-01", "end": "2027-12-31"},
            "reviews": [{"name": "monthly", "cadence": "Monthly"}]},
        "status": status,
    }))
    .unwrap()
}

fn kpi(contract: &str, value: &str, target: &str, at_risk: bool) -> KpiTarget {
    let verdict = if value.parse::<f64>().unwrap() >= target.parse::<f64>().unwrap() { "Met" } else { "Missed" };
    let severity = if verdict == "Missed" { json!("Severe") } else { Value::Null };
    serde_json::from_value(json!({
        "apiVersion": "bpo-operator.io/v1alpha1", "kind": "KpiTarget",
        "metadata": {"name": format!("{contract}-level"), "namespace": "cx"},
        "spec": {"contractRef": {"name": contract}, "kpi": "ServiceLevel", "source": {"feed": "acd"}, "objective": {"target": 80}},
        "status": {
            "last": {"name": "2026-06", "state": "Final", "value": value, "rawValue": value, "target": target, "verdict": verdict,
                "severity": severity, "repeat": false, "points": 0, "revision": 1},
            "current": {"name": "2026-07", "value": value, "target": target, "verdict": verdict},
            "conditions": [{"type": "AtRisk", "status": if at_risk { "True" } else { "False" }, "reason": "Projected",
                "message": "heads for 79.2%, needs 81.6% from here", "lastTransitionTime": "2026-07-01T00:00:00Z"}],
        },
    }))
    .unwrap()
}

fn report(contract: &str, month: u32, score: &str) -> SlaReport {
    let spec = serde_json::from_value(json!({
        "contract": contract, "period": {"name": format!("2026-{month:02}"), "start": format!("2026-{month:02}-01T00:00:00Z"),
            "end": format!("2026-{:02}-01T00:00:00Z", month + 1)},
        "state": "Final", "revision": 1, "points": 0, "score": score,
    }));
    let mut report = SlaReport::new(&format!("{contract}-2026-{month:02}"), spec.unwrap());
    report.metadata.namespace = Some("cx".to_owned());
    report
}

fn status(more: Value) -> Value {
    let mut status = json!({
        "phase": "Active",
        "last": {"name": "2026-06", "state": "Final", "score": "100", "points": 0, "report": "x"},
        "kpis": {"total": 1, "met": 1, "missed": 0, "unknown": 0, "atRisk": 0},
        "credits": {"currency": "GBP", "yearToDate": "7000.00", "yearCap": "50400.00"},
        "feeds": [{"name": "acd", "healthy": true, "reason": "Answers", "backfilling": false}],
    });
    status.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    status
}

fn shown(contracts: &[VendorContract], kpis: &[KpiTarget], reports: &[SlaReport]) -> Portfolio {
    let now = "2026-07-22T00:00:00Z".parse().unwrap();
    Portfolio::of(&Facts { contracts, kpis, launches: &[], reports, now })
}

#[test]
fn who_needs_somebody_comes_first_with_the_reason_and_the_figures() {
    let silent = json!({"feeds": [{"name": "acd", "healthy": false, "reason": "Timeout", "since": "2026-07-20T13:00:00Z", "backfilling": false}]});
    let right = json!({"triggers": [{"name": "persistent", "then": "TerminationRight", "kpi": "time", "period": "2026-03", "firedAt": "2026-04-01T00:00:00Z"}]});
    let overdue = json!({"governance": {"overdue": [{"kind": "Review", "name": "monthly", "due": "2026-06-30"}]}});
    let contracts = [
        contract("a-fine", "Fine", status(json!({}))),
        contract("b-decide", "Decide", status(right)),
        contract("c-risk", "Risk", status(json!({}))),
        contract("d-silent", "Silent", status(silent)),
        contract("e-late", "Late", status(overdue)),
    ];
    let kpis = [kpi("c-risk", "79.2", "80", true), kpi("a-fine", "85", "80", false)];
    let portfolio = shown(&contracts, &kpis, &[]);
    assert_eq!(portfolio.headline, "Four contracts need you");
    assert_eq!(
        portfolio.summary,
        "One is silent, one target is at risk, one waits for a decision and one has something overdue. \
         In the latest closed period five of five met every target that was judged."
    );
    let needs: Vec<(&str, &str)> =
        portfolio.needs.iter().map(|need| (need.contract.as_str(), need.why.as_str())).collect();
    assert_eq!(
        needs,
        [
            ("d-silent", "Feed acd fails since 2026-07-20 13:00Z: Timeout."),
            ("c-risk", "Service level: heads for 79.2%, needs 81.6% from here"),
            ("b-decide", "The right to terminate since March 2026: trigger persistent by time."),
            ("e-late", "Review monthly since 2026-06-30."),
        ]
    );
    let order: Vec<&str> = portfolio.lines.iter().map(|line| line.contract.as_str()).collect();
    assert_eq!(order, ["d-silent", "c-risk", "b-decide", "e-late", "a-fine"]);
    assert_eq!(portfolio.lines[1].running, Running::AtRisk);
    assert_eq!(portfolio.keys[3].figure, "£35,000");
}

#[test]
fn vendors_are_compared_by_how_far_they_are_ahead_of_their_own_target() {
    let contracts = [contract("a", "A", status(json!({}))), contract("b", "B", status(json!({})))];
    let kpis = [kpi("a", "81.3", "80", false), kpi("b", "78.6", "70", false)];
    let compared = &shown(&contracts, &kpis, &[]).compared[0];
    let lines: Vec<(&str, &str, &str)> =
        compared.lines.iter().map(|line| (line.contract.as_str(), line.value.as_str(), line.target.as_str())).collect();
    assert_eq!(lines, [("b", "78.6%", "≥\u{a0}70%"), ("a", "81.3%", "≥\u{a0}80%")]);
    assert!(compared.lines.iter().all(|line| (0.0..=1.0).contains(&line.places.0)));
    // One contract alone cannot be compared.
    assert!(shown(&contracts, &kpis[..1], &[]).compared.is_empty());
}

#[test]
fn the_line_of_scores_shows_the_latest_thirteen_periods_the_oldest_first() {
    let reports: Vec<SlaReport> =
        [(3, "67.7"), (1, "100"), (2, "100")].map(|(month, score)| report("a", month, score)).into();
    let portfolio = shown(&[contract("a", "A", status(json!({})))], &[], &reports);
    let scores: Vec<&str> = portfolio.lines[0].scores.iter().map(|(period, _)| period.as_str()).collect();
    assert_eq!(scores, ["2026-01", "2026-02", "2026-03"]);
    let page = html(&portfolio, Links::None);
    assert!(page.contains("Score 67.7 in 2026-03, lowest 67.7 in 2026-03"), "{page}");
}

#[test]
fn what_people_wrote_is_text_on_the_page_and_links_are_the_dashboards_alone() {
    let hostile = "<script>alert(1)</script>\"'";
    let mut evil = contract("a", hostile, status(json!({})));
    evil.metadata.name = Some(hostile.to_owned());
    let portfolio = shown(&[evil, contract("b", "B", status(json!({})))], &[kpi(hostile, "70", "80", true)], &[]);
    let page = html(&portfolio, Links::None);
    assert!(!page.contains("<script") && !page.contains("<a href=\"/"), "{page}");
    let page = html(&portfolio, Links::Dashboard);
    assert!(page.contains("<a href=\"/contracts/cx/b\">b</a>"), "{page}");
    assert!(page.contains("/contracts/cx/%3Cscript%3E"), "{page}");
}

#[test]
fn a_thousand_contracts_are_one_page_of_less_than_two_megabytes() {
    let name = |number: u32| format!("contract-with-a-long-name-{number:04}");
    let numbers = || 0..1_000_u32;
    let contracts: Vec<VendorContract> = numbers()
        .map(|number| contract(&name(number), "Vendor with a long name, Limited", status(json!({}))))
        .collect();
    let kpis: Vec<KpiTarget> = numbers().map(|number| kpi(&name(number), "78.6", "80", number % 3 == 0)).collect();
    let reports: Vec<SlaReport> =
        numbers().flat_map(|number| (1..=11).map(move |month| report(&name(number), month, "97.5"))).collect();
    let page = html(&shown(&contracts, &kpis, &reports), Links::Dashboard);
    assert!(page.contains(&name(999)), "the last one is there");
    assert!(page.len() < 2 << 20, "{} bytes", page.len());
}
