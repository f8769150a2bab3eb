use serde_json::{Value, json};

use super::*;

fn contract(status: Value) -> VendorContract {
    serde_json::from_value(json!({
        "apiVersion": "bpo-operator.io/v1alpha1", "kind": "VendorContract", "metadata": {"name": "acme-care"},
        "spec": {"vendor": {"name": "Acme <b>Contact</b>"}, "term": {"start": "2026-01-01", "end": "2027-12-31"}},
        "status": status,
    }))
    .unwrap()
}

fn kpi(name: &str, status: Value) -> KpiTarget {
    serde_json::from_value(json!({
        "apiVersion": "bpo-operator.io/v1alpha1", "kind": "KpiTarget", "metadata": {"name": name},
        "spec": {"contractRef": {"name": "acme-care"}, "kpi": "ServiceLevel", "source": {"feed": "acd"}, "objective": {"target": 80}},
        "status": status,
    }))
    .unwrap()
}

fn june(verdict: &str) -> Value {
    json!({
        "last": {"name": "2026-06", "state": "Final", "value": "87.608731", "rawValue": "87.608731", "target": "80",
            "verdict": verdict, "repeat": false, "points": 0, "revision": 1},
        "current": {"name": "2026-07", "value": "85.917121", "target": "80", "verdict": "Met", "projected": "85.9", "outlook": "Open"},
        "history": [
            {"name": "2026-06", "value": "87.608731", "verdict": verdict, "points": 0, "revision": 1},
            {"name": "2026-05", "value": "66.3", "verdict": "Missed", "severity": "Severe", "points": 7, "revision": 1},
        ],
    })
}

fn status() -> Value {
    json!({
        "last": {"name": "2026-06", "state": "Final", "score": "100", "confidence": "100", "points": 0, "report": "acme-care-2026-06"},
        "credits": {"currency": "GBP", "yearToDate": "7000.00", "yearCap": "50400.00"},
        "feeds": [{"name": "acd", "healthy": false, "reason": "Timeout", "backfilling": false}],
    })
}

#[test]
fn the_headline_counts_what_was_missed_and_what_is_at_risk() {
    let cases = [
        (json!({}), vec![], "No period has closed yet"),
        (status(), vec![kpi("sl", june("Met"))], "Every judged target was met in June 2026, and nothing is at risk"),
        (status(), vec![kpi("sl", june("Missed"))], "One of one targets missed in June 2026, and nothing is at risk"),
        (status(), vec![kpi("sl", june("NoData"))], "Nothing could be judged in June 2026, and nothing is at risk"),
    ];
    for (status, kpis, headline) in cases {
        assert_eq!(Scorecard::of(&contract(status), &kpis).headline, headline);
    }
}

#[test]
fn a_line_shows_the_closed_value_the_running_one_and_the_past_oldest_first() {
    let card = Scorecard::of(&contract(status()), &[kpi("sl", june("Met"))]);
    let line = &card.lines[0];
    assert_eq!(line.last, Some(("June 2026".to_owned(), "87.6%".to_owned())));
    assert_eq!((line.running.as_deref(), line.outlook.as_deref()), (Some("85.9%"), Some("heads for 85.9%")));
    assert_eq!(line.history.iter().map(|past| past.period.as_str()).collect::<Vec<_>>(), ["2026-05", "2026-06"]);
    assert_eq!(card.to_raise, ["Feed acd fails: Timeout"]);
    assert_eq!(card.keys[1].figure, "£7,000");
}

#[test]
fn the_year_has_a_lane_for_each_kind_of_date_and_a_line_for_today() {
    let with_reviews = serde_json::from_value(json!({
        "apiVersion": "bpo-operator.io/v1alpha1", "kind": "VendorContract", "metadata": {"name": "acme-care"},
        "spec": {"vendor": {"name": "Acme"}, "term": {"start": "2026-01-01", "end": "2026-12-31"},
            "reviews": [{"name": "operations", "cadence": "Monthly"}]},
    }));
    let contract: VendorContract = with_reviews.unwrap();
    let now = "2026-07-22T00:00:00Z".parse().unwrap();
    let card = Scorecard::of(&contract, &[]).in_year(&contract, &[], now);
    let year = card.year.as_ref().unwrap();
    let titles: Vec<&str> = year.lanes.iter().map(|lane| lane.title).collect();
    assert_eq!((year.today.to_string().as_str(), &titles[..2]), ("2026-07-22", &["Closings", "Reviews"][..]));
    let page = html(&card, crate::view::links::Links::None);
    assert!(page.contains("June 2026 closes") && page.contains("the upright line is 22 July"), "{page}");
}

#[test]
fn what_is_raised_begins_with_rights_and_misses() {
    let mut with_right = status();
    with_right["triggers"] = json!([{"name": "chronic", "then": "TerminationRight", "kpi": "sl", "period": "2026-06",
        "firedAt": "2026-07-14T00:00:00Z"}]);
    let mut grave = june("Missed");
    grave["last"]["severity"] = json!("Severe");
    let card = Scorecard::of(&contract(with_right), &[kpi("sl", grave)]);
    assert_eq!(
        card.to_raise,
        [
            "The client may terminate since June 2026: trigger chronic by sl",
            "Service level missed its target in June 2026: 87.6% against ≥\u{a0}80%, Severe",
            "Feed acd fails: Timeout",
        ]
    );
}

#[test]
fn what_people_wrote_is_text_on_the_page() {
    let page = html(&Scorecard::of(&contract(status()), &[kpi("sl", june("Met"))]), crate::view::links::Links::None);
    assert!(page.contains("Acme &lt;b&gt;Contact") && !page.contains("<b>Contact"), "{page}");
    assert!(page.contains("2026-05 66.3% Missed"), "the bars are read aloud: {page}");
}

#[test]
fn disputes_and_two_sources_are_commitments_that_people_see() {
    let plain = status();
    let mut status = status();
    status["governance"] = json!({
        "disputes": [{"name": "june", "period": "2026-06", "kpi": "acme-service-level", "decision": "Open", "due": "2026-08-12"}],
    });
    let mut of_kpi = june("Met");
    of_kpi["last"]["sources"] =
        json!({"vendor": "87.6", "own": "84.1", "difference": "3.5", "finding": "Disagree", "judged": "Vendor"});
    let card = Scorecard::of(&contract(status), &[kpi("acme-service-level", of_kpi)]);
    let text_of =
        |topic: &str| card.commitments.iter().find(|(found, _)| *found == topic).map(|(_, text)| text.as_str());
    assert_eq!(
        text_of("Disputes"),
        Some("june about acme-service-level of June 2026: open, to be decided by 2026-08-12")
    );
    assert_eq!(
        text_of("Two sources"),
        Some("Service level, June 2026: vendor 87.6, client 84.1, 3.5 apart: they disagree, the vendor's is judged")
    );
    let plain = Scorecard::of(&contract(plain), &[kpi("acme-service-level", june("Met"))]);
    assert!(plain.commitments.iter().all(|(topic, _)| !matches!(*topic, "Disputes" | "Two sources")));
}
