use serde_json::{Value, json};

use super::*;
use crate::view::links::Links;
use crate::view::report::fixtures::{line, march};

fn contract() -> VendorContract {
    serde_json::from_value(json!({
        "apiVersion": "bpo-operator.io/v1alpha1", "kind": "VendorContract", "metadata": {"name": "acme-care", "namespace": "cx"},
        "spec": {"vendor": {"name": "Acme"}, "term": {"start": "2026-01-01", "end": "2027-12-31"},
            "charges": {"currency": "GBP", "amount": 100_000}},
    }))
    .unwrap()
}

fn kpi(name: &str, months: &[(&str, &str)]) -> KpiTarget {
    let history: Vec<Value> = months
        .iter()
        .map(|(month, value)| {
            let missed = value.parse::<f64>().unwrap() < 80.0;
            json!({"name": month, "value": value, "verdict": if missed { "Missed" } else { "Met" },
                "severity": if missed { json!("Severe") } else { Value::Null }, "points": if missed { 7 } else { 0 }, "revision": 1})
        })
        .collect();
    let mut last = history.first().cloned().unwrap_or(Value::Null);
    if let Some(last) = last.as_object_mut() {
        last.extend(json!({"state": "Final", "target": "80", "repeat": false}).as_object().unwrap().clone());
    }
    serde_json::from_value(json!({
        "apiVersion": "bpo-operator.io/v1alpha1", "kind": "KpiTarget", "metadata": {"name": name, "namespace": "cx"},
        "spec": {"contractRef": {"name": "acme-care"}, "kpi": "ServiceLevel", "source": {"feed": "acd"}, "objective": {"target": 80},
            "bands": [{"severity": "Minor", "bound": 75, "points": 2}, {"severity": "Severe", "points": 7}], "counterMetric": "fcr"},
        "status": {"last": last, "history": history,
            "current": {"name": "2026-04", "value": "85.9", "target": "80", "verdict": "Met", "needed": "69.3", "projected": "85.9",
                "numerator": "24950", "denominator": "29045", "lower": "85.5", "upper": "86.3", "outlook": "Open"}},
    }))
    .unwrap()
}

const MONTHS: [(&str, &str); 3] = [("2026-03", "66.3"), ("2026-02", "81.4"), ("2026-01", "84.5")];

fn shown(kpi: &KpiTarget, reports: &[&SlaReportSpec]) -> KpiPage {
    KpiPage::of(&Facts { kpi, contract: &contract(), counter: None, reports, evidence: None })
}

#[test]
fn the_headline_says_what_happens_and_since_when() {
    let met = [("2026-03", "84"), ("2026-02", "81.4"), ("2026-01", "70")];
    let missed = [("2026-03", "66.3"), ("2026-02", "70")];
    let cases: [(&[(&str, &str)], &str); 4] = [
        (&MONTHS, "Service level missed its target in March 2026"),
        (&met, "Service level has met its target two periods in a row"),
        (&missed, "Service level has missed its target two periods in a row"),
        (&[], "Service level: no period has closed yet"),
    ];
    for (months, headline) in cases {
        assert_eq!(shown(&kpi("acme-service-level", months), &[]).headline, headline);
    }
}

#[test]
fn a_period_shows_the_figures_of_its_report_with_relief_and_restatement() {
    let mut report = march();
    report.revision = 2;
    report.kpis = vec![crate::api::sla_report::KpiLine {
        raw_value: Some("64.1".to_owned()),
        excused_by: vec!["power-cut".to_owned()],
        credit: Some("3500.00".to_owned()),
        ..line("acme-service-level", "66.3", "80")
    }];
    let page = shown(&kpi("acme-service-level", &MONTHS), &[&report]);
    let period = &page.periods[0];
    assert_eq!((period.value.as_str(), period.before_relief.as_deref()), ("66.3%", Some("64.1%")));
    assert_eq!((period.counts.as_deref(), period.credit.as_deref()), (Some("26,156 ÷ 39,448"), Some("£3,500.00")));
    assert_eq!(period.remarks, ["relief power-cut", "restated, revision 2"]);
    assert_eq!(period.report.as_deref(), Some("acme-care-2026-03-r2"));
    let drawn = html(&page, Links::Dashboard);
    for shown in
        ["66.3%", "64.1% before relief", "26,156 ÷ 39,448", "85.9% so far", "69.3%", "/reports/cx/acme-care-2026-03-r2"]
    {
        assert!(drawn.contains(shown), "no {shown} in {drawn}");
    }
}

#[test]
fn control_limits_need_seven_values_and_are_the_rules_own() {
    assert_eq!(shown(&kpi("k", &MONTHS), &[]).history.limits, None);
    assert!(html(&shown(&kpi("k", &MONTHS), &[]), Links::None).contains("Control limits need seven closed periods"));
    let months: Vec<(String, &str)> =
        (1..=7).rev().map(|month| (format!("2026-{month:02}"), if month % 2 == 0 { "84" } else { "86" })).collect();
    let months: Vec<(&str, &str)> = months.iter().map(|(month, value)| (month.as_str(), *value)).collect();
    let history = shown(&kpi("k", &months), &[]).history;
    // Mean 85.142857, mean moving range 2: 85.142857 ± 5.32.
    let (lower, upper) = history.limits.unwrap();
    assert!((lower - 79.822_857).abs() < 1e-5 && (upper - 90.462_857).abs() < 1e-5, "{lower} {upper}");
}

#[test]
fn the_scale_holds_every_mark_with_at_most_nine_lines() {
    for months in [&MONTHS[..], &[("2026-01", "0")], &[("2026-01", "99.99"), ("2026-02", "99.98")]] {
        let history = shown(&kpi("k", months), &[]).history;
        let (low, high) = (history.scale.first().unwrap().0, history.scale.last().unwrap().0);
        assert!(history.scale.len() <= 9, "{:?}", history.scale);
        let values = history.points.iter().chain(&history.running).filter_map(|point| point.value);
        for value in values {
            assert!((low..=high).contains(&value), "{value} is outside {low} to {high}");
        }
    }
}

#[test]
fn what_people_wrote_is_text_on_the_page() {
    let hostile = "<script>alert(1)</script>\"'";
    let mut evil = kpi(hostile, &MONTHS);
    evil.spec.owner = Some(hostile.to_owned());
    evil.spec.counter_metric = Some(hostile.to_owned());
    evil.spec.source.feed = hostile.to_owned();
    evil.spec.source.labels = [(hostile.to_owned(), hostile.to_owned())].into();
    let mut report = march();
    report.kpis =
        vec![crate::api::sla_report::KpiLine { excused_by: vec![hostile.to_owned()], ..line(hostile, "66.3", "80") }];
    let page = html(&shown(&evil, &[&report]), Links::None);
    assert!(!page.contains("<script"), "{page}");
}
