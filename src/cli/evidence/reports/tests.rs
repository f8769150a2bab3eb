use serde_json::json;

use super::*;
use crate::api::sla_report::{EvidenceHead, SlaReportStatus};

/// A contract of one KPI with a month of rows, and the Final report of that month.
fn judged() -> (SlaReport, Record) {
    judged_in(2025)
}

/// The same of January of a year.
fn judged_in(year: i16) -> (SlaReport, Record) {
    let kpi = json!({"contractRef": {"name": "acme"}, "kpi": "ServiceLevel", "source": {"feed": "acd"}, "objective": {"target": 80}});
    let terms = Terms {
        contract: serde_json::from_value(json!({
            "vendor": {"name": "Acme"}, "term": {"start": format!("{year}-01-01"), "end": format!("{year}-12-31")},
            "feeds": [{"name": "acd", "url": "https://vendor.example/feed", "cadence": "24h"}],
        }))
        .unwrap(),
        kpis: BTreeMap::from([("level".to_owned(), serde_json::from_value(kpi).unwrap())]),
        tiers: BTreeMap::new(),
    };
    let begin: Timestamp = format!("{year}-01-01T00:00:00Z").parse().unwrap();
    let rows: Vec<Row> = (0..31)
        .map(|day| {
            let start = begin + jiff::SignedDuration::from_hours(24 * day);
            let end = start + jiff::SignedDuration::from_hours(24);
            let measures = [("answered", 90), ("answeredWithin", 70), ("abandoned", 10), ("abandonedWithin", 2)];
            Row {
                start,
                end,
                labels: BTreeMap::new(),
                measures: measures.map(|(name, value)| (name.to_owned(), value.into())).into(),
                revision: 1,
                known_at: end,
                sequence: day + 1,
            }
        })
        .collect();
    let digest = [7; 32];
    let record = Record {
        terms: Some(terms),
        rows: BTreeMap::from([("acd".to_owned(), rows)]),
        digests: BTreeMap::from([("acd".to_owned(), Some(digest))]),
        ..Record::default()
    };
    let facts = ContractFacts {
        name: "acme",
        terms: record.terms.as_ref().unwrap(),
        closed_under: &record.closings,
        rows: &packed(&record.rows),
        journal: None,
        said: &NOTHING_SAID,
    };
    let judgement = judge(&facts, format!("{year}-03-01T00:00:00Z").parse().unwrap()).unwrap();
    let spec = judgement.into_reports().remove(0);
    assert_eq!(spec.state, PeriodState::Final);
    let mut report = SlaReport::new(&format!("acme-{year}-01"), spec);
    let head = EvidenceHead { feed: "acd".to_owned(), head: digest_text(&digest), rows: 31 };
    report.status =
        Some(SlaReportStatus { contract_uid: Some("uid-1".to_owned()), evidence_heads: vec![head], clock: None });
    let record = Record { written: Some(report_digest(&report.spec)), ..record };
    (report, record)
}

fn found(report: &SlaReport, record: Record) -> String {
    compare("file", report, record).iter().map(|broken| format!("{}\n", broken.what)).collect()
}

#[test]
fn a_report_that_follows_from_its_evidence_has_no_difference_also_when_more_came_later() {
    let (report, mut record) = judged();
    let rows = record.rows.get_mut("acd").unwrap();
    let correction = Row { revision: 2, sequence: 32, known_at: Timestamp::MAX, ..rows[3].clone() };
    rows.push(correction);
    assert_eq!(found(&report, record), "");
}

#[test]
fn a_month_that_closed_ahead_of_this_machines_clock_and_after_its_last_row_is_whole() {
    let (report, record) = judged_in(2190);
    assert_eq!(found(&report, record), "");
}

#[test]
fn a_report_of_an_earlier_version_is_whole_though_it_does_not_say_what_it_was_judged_by() {
    let (mut report, mut record) = judged();
    assert!(report.spec.kpis[0].basis.take().is_some());
    record.written = Some(report_digest(&report.spec));
    assert_eq!(found(&report, record), "");
    // One that says it is held to it.
    let (mut report, record) = judged();
    report.spec.kpis[0].basis.as_mut().unwrap().scale = "1".to_owned();
    assert!(found(&report, record).contains("kpis[level].basis.scale is \"1\""));
}

#[test]
fn each_change_of_a_report_or_of_its_evidence_is_reported() {
    type Change = fn(&mut SlaReport, &mut Record);
    let cases: [(&str, Change, &str); 8] = [
        (
            "an evidence digest",
            |report, _| report.spec.kpis[0].evidence.digest = "sha256:00".to_owned(),
            "kpis[level].evidence.digest",
        ),
        ("a number of rows", |report, _| report.spec.kpis[0].evidence.rows = 30, "kpis[level].evidence.rows is 30"),
        ("a value", |report, _| report.spec.kpis[0].value = Some("99".to_owned()), "kpis[level].value is \"99\""),
        ("any member of a signed report", |report, _| report.spec.points = 9, "not the one that the operator recorded"),
        (
            "a figure of a row",
            |_, record| {
                record.rows.get_mut("acd").unwrap()[4].measures.insert("answered".to_owned(), 91.into());
            },
            "kpis[level].evidence.digest",
        ),
        (
            "a missing row",
            |_, record| drop(record.rows.get_mut("acd").unwrap().remove(9)),
            "kpis[level].evidence.rows is 31",
        ),
        (
            "another chain",
            |_, record| {
                record.digests.insert("acd".to_owned(), Some([8; 32]));
            },
            "the report rests on",
        ),
        ("no terms", |_, record| record.terms = None, "no terms"),
    ];
    for (name, change, expected) in cases {
        let (mut report, mut record) = judged();
        change(&mut report, &mut record);
        let found = found(&report, record);
        assert!(found.contains(expected), "{name}: {found}");
    }
}
