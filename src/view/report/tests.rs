use super::fixtures::{line, march};
use super::*;
use crate::api::vendor_contract::CapKind;
use crate::view::links::Links;

fn shown(report: &SlaReportSpec, earlier: &[&SlaReportSpec]) -> PeriodReport {
    PeriodReport::of(&Facts {
        namespace: "cx",
        name: "acme-care-2026-03",
        report,
        status: None,
        terms: None,
        earlier,
        evidence: None,
    })
}

#[test]
fn the_answer_comes_first_with_its_figures() {
    let report = shown(&march(), &[]);
    assert_eq!(report.headline, "March 2026: one of one targets missed, £5,000.00 owed");
    assert_eq!(report.summary[0], "Service level was 66.3% against ≥\u{a0}80%, a Severe miss.");
    assert_eq!(report.keys[3].note, "£6,000.00 before caps");
    assert_eq!(report.follows[0].follows, "the vendor owes a rectification plan");
}

#[test]
fn the_account_ends_with_what_the_report_says_is_owed() {
    let money = shown(&march(), &[]).money.unwrap();
    let ledger: Vec<(&str, &str)> =
        money.ledger.iter().map(|line| (line.what.as_str(), line.amount.as_str())).collect();
    assert_eq!(
        ledger[..4],
        [
            ("For 12 points", "£6,000.00"),
            ("Before caps", "£6,000.00"),
            ("Cut at the period's cap", "−£1,000.00"),
            ("Credit, owed by the vendor", "£5,000.00"),
        ]
    );
    assert_eq!(money.steps.last().map(|step| step.figure.as_str()), Some("£5,000.00"));
}

#[test]
fn a_change_names_both_values_and_what_it_cost() {
    let mut february = march();
    february.period.name = "2026-02".to_owned();
    february.kpis = vec![crate::api::sla_report::KpiLine {
        verdict: Verdict::Met,
        severity: None,
        points: 0,
        ..line("acme-service-level", "87.6", "80")
    }];
    let report = shown(&march(), &[&february]);
    let change = &report.changes[0];
    assert_eq!((change.before.as_str(), change.now.as_str(), change.worse), ("87.6%", "66.3%", true));
    assert_eq!(change.meaning, "met in February 2026, missed now");
    assert_eq!(report.compared_with, ["February 2026"]);
}

/// Walks the report: each amount, value and digest of it is on the page and in the texts.
#[test]
fn every_figure_of_the_report_is_on_the_page_and_in_the_texts() {
    let spec = march();
    let report = shown(&spec, &[]);
    let figures =
        ["66.3%", "26,156", "39,448", "67.7", "£6,000.00", "£5,000.00", "£50,400.00", "−£1,000.00", "2026-03-05 08:00"];
    for (name, page) in [("html", html(&report, Links::None)), ("markdown", markdown(&report)), ("text", text(&report))]
    {
        for figure in figures {
            // The text for a terminal leaves out what was divided.
            if name == "text" && (figure == "26,156" || figure == "39,448") {
                continue;
            }
            assert!(page.contains(figure), "{name} lacks {figure}:\n{page}");
        }
    }
    assert!(html(&report, Links::None).contains("sha256:0123"));
    assert!(markdown(&report).contains("sha256:0123"));
}

#[test]
fn hostile_text_in_every_field_stays_text() {
    let hostile = "<script>alert(1)</script>|[x](javascript:1)`";
    let mut spec = march();
    spec.contract = hostile.to_owned();
    spec.period.name = hostile.to_owned();
    spec.kpis = vec![crate::api::sla_report::KpiLine {
        excused_by: vec![hostile.to_owned()],
        kpi: crate::api::kpi_target::CatalogueKpi::Custom,
        ..line(hostile, "66.3", hostile)
    }];
    for trigger in &mut spec.triggers {
        trigger.name = hostile.to_owned();
        trigger.kpi = Some(hostile.to_owned());
    }
    for gap in &mut spec.gaps {
        gap.feed = hostile.to_owned();
    }
    let report = PeriodReport::of(&Facts {
        namespace: "cx",
        name: hostile,
        report: &spec,
        status: None,
        terms: None,
        earlier: &[],
        evidence: None,
    });
    assert!(!html(&report, Links::None).contains("<script"), "{}", html(&report, Links::None));
    let markdown = markdown(&report);
    assert!(!markdown.contains("<script") && !markdown.contains("[x](javascript"), "{markdown}");
}

#[test]
fn a_report_without_charges_or_data_says_so() {
    let mut spec = march();
    spec.credit = None;
    spec.year_to_date = None;
    spec.kpis = vec![crate::api::sla_report::KpiLine {
        value: None,
        raw_value: None,
        numerator: None,
        denominator: None,
        verdict: Verdict::NoData,
        severity: None,
        points: 0,
        ..line("acme-service-level", "0", "80")
    }];
    let report = shown(&spec, &[]);
    assert_eq!(report.headline, "March 2026: nothing could be judged");
    assert!(html(&report, Links::None).contains("No charges are agreed"));
    assert!(html(&report, Links::None).contains("no data"));
    assert!(report.notes.iter().any(|(topic, note)| *topic == "Not decided" && note.contains("no data")));
}

#[test]
fn the_target_is_shown_with_the_time_that_was_agreed_and_a_tally_with_what_it_counted() {
    let basis = |more: serde_json::Value| {
        let mut basis = serde_json::json!({"formula": "(a) / (b)", "scale": "100", "unit": "Percent", "ramp": "Full"});
        basis.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Some(serde_json::from_value(basis).unwrap())
    };
    let mut spec = march();
    let mut counted = line("counted", "3", "2");
    counted.comparison = crate::api::verdict::Comparison::AtMost;
    counted.tally = Some(crate::api::sla_report::TallyLine {
        missed: ["2026-03-04", "2026-03-05", "2026-03-09"].map(str::to_owned).to_vec(),
        unjudged: vec!["2026-03-29".to_owned()],
    });
    counted.basis = basis(serde_json::json!({
        "within": "20s", "tally": {"each": "Day", "comparison": "AtLeast", "target": "80", "unit": "Percent"},
    }));
    spec.kpis[0].basis = basis(serde_json::json!({"within": "30s"}));
    spec.kpis.push(counted);
    let report = shown(&spec, &[]);
    let targets: Vec<&str> = report.lines.iter().map(|line| line.target.as_str()).collect();
    assert_eq!(targets, ["≥\u{a0}80% in 30s", "≤\u{a0}2 days not ≥\u{a0}80% in 20s"]);
    let note = report.notes.iter().find(|(topic, _)| *topic == "Counted one by one").unwrap();
    assert!(note.1.contains("2026-03-09") && note.1.ends_with("without enough data 1"), "{note:?}");
}

#[test]
fn both_parties_are_named_and_a_client_without_a_name_is_the_client() {
    let spec = march();
    for (client, parties, signs) in [
        ("", "Contract acme-care between the client and Acme", "For the client"),
        ("client: {name: Client plc}", "Contract acme-care between Client plc and Acme", "For Client plc"),
    ] {
        let terms = crate::domain::fixtures::contracts::terms(
            &format!("term: {{start: 2026-01-01, end: 2026-12-31}}\n{client}"),
            &[],
        );
        let facts = Facts {
            namespace: "cx",
            name: "acme-care-2026-03",
            report: &spec,
            status: None,
            terms: Some(&terms),
            earlier: &[],
            evidence: None,
        };
        let report = PeriodReport::of(&facts);
        assert_eq!(report.parties(), parties);
        let page = html(&report, Links::None);
        for (form, written) in [("page", &page), ("Markdown", &markdown(&report)), ("text", &text(&report))] {
            assert!(written.contains(parties), "{form}: {written}");
        }
        assert!(page.contains(signs) && page.contains("For Acme"), "{page}");
    }
    assert_eq!(shown(&spec, &[]).parties(), "Contract acme-care between the client and the vendor");
}

#[test]
fn two_sources_and_disputes_stand_beside_the_figures() {
    let mut spec = march();
    spec.kpis[0].sources = Some(
        serde_json::from_value(serde_json::json!({
            "vendor": "81.2", "own": "66.3", "difference": "14.9", "finding": "Disagree", "judged": "Own",
        }))
        .unwrap(),
    );
    spec.disputes = vec![
        serde_json::from_value(serde_json::json!({"name": "march", "kpi": "acme-service-level", "decision": "Open"}))
            .unwrap(),
    ];
    let report = shown(&spec, &[]);
    for page in [html(&report, Links::None), markdown(&report), text(&report)] {
        assert!(page.contains("vendor 81.2, client 66.3, 14.9 apart: they disagree, the client"), "{page}");
        assert!(page.contains("march about Service level: open"), "{page}");
    }
}

#[test]
fn a_cap_of_the_year_is_named() {
    let mut spec = march();
    if let Some(credit) = &mut spec.credit {
        credit.capped_by = vec![CapKind::Period, CapKind::Year];
    }
    let money = shown(&spec, &[]).money.unwrap();
    assert!(money.ledger.iter().any(|line| line.what == "Cut at the period's cap and cut at the contract year's cap"));
}
