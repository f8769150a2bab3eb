//! Disputes: how long an open one holds its period, and what a report lists.

use super::*;
use crate::api::dispute::{Dispute, DisputeDecision};
use crate::domain::terms::journal::{DisputeSeen, Journal, JournalFact, RecordedFact};

fn dispute(period: &str, more: &str) -> Dispute {
    serde_saphyr::from_str(&format!(
        "{{name: january, period: '{period}', kpi: sl, raisedOn: 2026-02-05, party: Client, {more}}}"
    ))
    .unwrap()
}

const DECIDED: &str = "decision: Accepted, decidedAt: 2026-02-18T10:00:00Z";

fn case(disputes: Vec<Dispute>, more: &str) -> Case {
    let mut case = Case::new(
        terms(&format!("{}{more}", flat(CONTRACT)), &[("sl", SERVICE_LEVEL)]),
        vec![month("2026-01", 79, 100), month("2026-02", 85, 100)],
    );
    case.terms.contract.disputes = disputes;
    case
}

#[test]
fn an_open_dispute_holds_its_period_until_it_is_decided_or_its_time_is_over() {
    // January ends on Saturday, the 31st. Ten business days later it is Final: on 14 February. Five more end with the 20th, twenty more
    // with 13 March.
    let other = |name: &str, raised_on: &str| Dispute {
        name: name.to_owned(),
        raised_on: raised_on.parse().unwrap(),
        ..dispute("2026-01", "")
    };
    for (name, disputes, more, expected) in [
        ("none", vec![], "", "2026-02-14T00:00:00Z"),
        ("open", vec![dispute("2026-01", "")], "", "2026-03-14T00:00:00Z"),
        ("open, held for five", vec![dispute("2026-01", "")], "disputeHold: 5bd", "2026-02-21T00:00:00Z"),
        ("decided", vec![dispute("2026-01", DECIDED)], "", "2026-02-18T10:00:00Z"),
        (
            "decided before the period closes",
            vec![dispute("2026-01", "decision: Withdrawn, decidedAt: 2026-02-10T10:00:00Z")],
            "",
            "2026-02-14T00:00:00Z",
        ),
        ("raised when it was Final", vec![other("late", "2026-02-16")], "", "2026-02-14T00:00:00Z"),
        ("of another period", vec![dispute("2026-02", "")], "", "2026-02-14T00:00:00Z"),
        (
            "one decided, one raised meanwhile",
            vec![dispute("2026-01", DECIDED), other("second", "2026-02-17")],
            "",
            "2026-03-14T00:00:00Z",
        ),
    ] {
        let judgement = case(disputes, more).judge("2026-05-01T00:00Z");
        assert_eq!(judgement.finals["2026-01"], instant(expected), "{name}");
        assert!(judgement.finals["2026-02"] >= judgement.finals["2026-01"], "{name}");
    }
}

#[test]
fn with_a_journal_a_dispute_holds_from_the_instant_at_which_it_was_seen() {
    let seen = |dispute: Option<Dispute>, at: &str| {
        fact("january", JournalFact::DisputeSeen(DisputeSeen { dispute: dispute.map(Box::new) }), at)
    };
    let (open, decided) = (dispute("2026-01", ""), dispute("2026-01", DECIDED));
    let cases: [(&str, Vec<RecordedFact>, &str); 5] = [
        ("seen before Final", vec![seen(Some(open.clone()), "2026-02-06T00:00Z")], "2026-03-14T00:00:00Z"),
        (
            "seen after Final, whatever day it names",
            vec![seen(Some(open.clone()), "2026-02-20T00:00Z")],
            "2026-02-14T00:00:00Z",
        ),
        (
            "its decision seen later than it was taken",
            vec![seen(Some(open.clone()), "2026-02-06T00:00Z"), seen(Some(decided.clone()), "2026-02-19T08:00Z")],
            "2026-02-19T08:00:00Z",
        ),
        (
            "its decision seen before it is in force",
            vec![seen(Some(open.clone()), "2026-02-06T00:00Z"), seen(Some(decided), "2026-02-16T08:00Z")],
            "2026-02-18T10:00:00Z",
        ),
        (
            "removed",
            vec![seen(Some(open), "2026-02-06T00:00Z"), seen(None, "2026-02-17T00:00Z")],
            "2026-02-17T00:00:00Z",
        ),
    ];
    for (name, facts, expected) in cases {
        let mut case = case(vec![], "");
        case.journal = Some(Journal { facts });
        assert_eq!(case.judge("2026-05-01T00:00Z").finals["2026-01"], instant(expected), "{name}");
    }
}

#[test]
fn a_report_lists_disputes_as_they_were_at_final_and_a_later_decision_makes_no_revision() {
    let late = dispute("2026-01", "decision: Rejected, decidedAt: 2026-03-20T00:00:00Z");
    for (name, dispute, at_final) in [
        ("decided before", dispute("2026-01", DECIDED), DisputeDecision::Accepted),
        ("decided after the hold was over", late, DisputeDecision::Open),
    ] {
        let judgement = case(vec![dispute], "").judge("2026-05-01T00:00Z");
        let january: Vec<_> = judgement.reports.iter().filter(|report| report.period.name == "2026-01").collect();
        let [report] = january.as_slice() else { panic!("{name}: {} reports", january.len()) };
        let listed: Vec<(&str, Option<&str>, DisputeDecision)> =
            report.disputes.iter().map(|one| (one.name.as_str(), one.kpi.as_deref(), one.decision)).collect();
        assert_eq!(listed, [("january", Some("sl"), at_final)], "{name}");
        assert!(
            judgement
                .reports
                .iter()
                .filter(|report| report.period.name != "2026-01")
                .all(|one| one.disputes.is_empty())
        );
    }
}
