use std::borrow::Cow;

use super::*;
use crate::api::vendor_contract::PeriodBounds;
use crate::api::{Packed, SlaReport};
use crate::controller::reports::with_days;

fn spec(state: PeriodState, points: i64) -> SlaReportSpec {
    SlaReportSpec {
        contract: "acme".into(),
        period: PeriodBounds {
            name: "2026-05".into(),
            start: "2026-05-01T00:00:00Z".parse().unwrap(),
            end: "2026-06-01T00:00:00Z".parse().unwrap(),
        },
        state,
        revision: 1,
        data_through: None,
        kpis: Vec::new(),
        score: None,
        confidence: None,
        rating: None,
        points,
        credit: None,
        year_to_date: None,
        triggers: Vec::new(),
        gaps: Vec::new(),
        disputes: Vec::new(),
        restates: None,
    }
}

#[test]
fn a_period_closes_with_its_first_final_report_and_once() {
    let write =
        |state| ReportAction::Write { name: "acme-2026-05".into(), spec: Box::new(spec(state, 0)), before: None };
    let (at, now) = ("2026-06-11T00:00:00Z".parse().unwrap(), "2026-06-12T00:00:00Z".parse().unwrap());
    let (open, closed) = (BTreeMap::new(), BTreeMap::from([("2026-05".to_owned(), ())]));
    let (unsaid, said) = (BTreeMap::new(), BTreeMap::from([("2026-05".to_owned(), at)]));
    for (action, known, finals, expected) in [
        (write(PeriodState::Final), &open, &said, vec![("2026-05", at)]),
        (write(PeriodState::Final), &open, &unsaid, vec![("2026-05", now)]),
        (write(PeriodState::Final), &closed, &said, vec![]),
        (write(PeriodState::Provisional), &open, &said, vec![]),
        (ReportAction::Remove { name: "acme-2026-05".into() }, &open, &said, vec![]),
    ] {
        assert_eq!(closings(std::slice::from_ref(&action), known, finals, now), expected, "{action:?}");
    }
}

fn existing(uid: &str, spec: SlaReportSpec) -> ExistingReport<'static> {
    let spec = Cow::Owned(spec);
    ExistingReport {
        name: "acme-2026-05".into(),
        contract_uid: Some(uid.into()),
        spec,
        version: None,
        has_status: true,
    }
}

const ADOPTED: &str = "abcdef01-9abc-4000-8000-000000000000";
const UID: &str = "12345678-9abc-4000-8000-000000000000";

/// The report of a judged month, which says what it was judged by, and the same as an earlier version wrote it.
fn judged() -> (SlaReportSpec, SlaReportSpec) {
    use crate::domain::fixtures::contracts::{Case, RowChanges, row, terms};
    let contract = "term: {start: 2026-01-01, end: 2026-12-31}\nfeeds: [{name: acd, url: 'https://feeds.example'}]\ncharges: {currency: GBP, amount: 100}";
    let level = "kpi: ServiceLevel\nvariant: AnsweredOnly\nobjective: {target: 80}";
    let measures = [("answered", 100), ("answeredWithin", 70)];
    let rows = vec![row("2026-01-15T00:00Z", "2026-01-16T00:00Z", &measures).labelled("site", "cebu")];
    let report =
        Case::new(terms(contract, &[("level", level)]), rows).judge("2026-03-01T00:00Z").into_reports().remove(0);
    let mut earlier = report.clone();
    earlier.kpis[0].basis = None;
    earlier.kpis[0].days = Packed::default();
    earlier.kpis[0].parts = Packed::default();
    earlier.credit.as_mut().unwrap().basis = None;
    (report, earlier)
}

#[test]
fn a_report_of_an_earlier_version_is_compared_in_the_members_that_it_has_and_never_written_again() {
    let (report, earlier) = judged();
    assert_eq!((report.state, report.kpis[0].basis.is_some()), (PeriodState::Final, true));
    let as_written = |spec: SlaReportSpec, has_status| ExistingReport {
        name: "acme-2026-01".into(),
        contract_uid: Some(UID.into()),
        spec: Cow::Owned(spec),
        version: None,
        has_status,
    };
    let judgement = Judgement { reports: vec![report.clone().into()], ..Judgement::default() };
    let plan = |existing: ExistingReport<'_>| plan_reports(&judgement, [UID, UID], &[existing]);
    assert_eq!(plan(as_written(earlier.clone(), true)), []);
    // Cut off before its status: the report itself is written as it was signed.
    let ReportAction::Write { spec, .. } = plan(as_written(earlier.clone(), false)).remove(0) else { panic!() };
    assert_eq!(*spec, earlier);
    // What it has is held against the evidence, and a report that says its basis is held to it.
    let contradiction = [ReportAction::Contradiction { name: "acme-2026-01".into() }];
    let mut other = earlier.clone();
    other.kpis[0].value = Some("71".into());
    assert_eq!(plan(as_written(other, true)), contradiction);
    let mut other = report.clone();
    other.kpis[0].basis.as_mut().unwrap().scale = "1".into();
    assert_eq!(plan(as_written(other, true)), contradiction);
    let mut other = report.clone();
    let mut days = other.kpis[0].days.lines();
    days[14].value = Some("71".into());
    other.kpis[0].days = Packed::of(days);
    assert_eq!(plan(as_written(other, true)), contradiction);
    // A version between the two had a basis, and no days.
    let mut between = report.clone();
    between.kpis[0].days = Packed::default();
    between.kpis[0].parts = Packed::default();
    assert_eq!(plan(as_written(between, true)), []);
    // A Provisional one is written again, with its basis.
    let provisional = SlaReportSpec { state: PeriodState::Provisional, ..earlier };
    let ReportAction::Write { spec, .. } = plan(as_written(provisional, true)).remove(0) else { panic!() };
    assert_eq!(*spec, report);
}

#[test]
fn a_report_of_the_watch_is_compared_by_digests_and_is_written_and_shown_whole() {
    use crate::cluster::watch::Stored;
    let (report, _) = judged();
    assert!(!report.kpis[0].days.lines().is_empty() && !report.kpis[0].parts.lines().is_empty());
    let mut watched = SlaReport::new("acme-2026-01", report.clone());
    watched.slim();
    assert!(watched.spec.kpis[0].days.lines().is_empty() && watched.spec.kpis[0].parts.lines().is_empty());
    let existing = |has_status| ExistingReport {
        name: "acme-2026-01".into(),
        contract_uid: Some(UID.into()),
        spec: Cow::Borrowed(&watched.spec),
        version: None,
        has_status,
    };
    let judgement = Judgement { reports: vec![report.clone().into()], ..Judgement::default() };
    assert_eq!(plan_reports(&judgement, [UID, UID], &[existing(true)]), []);
    let ReportAction::Write { spec, .. } = plan_reports(&judgement, [UID, UID], &[existing(false)]).remove(0) else {
        panic!()
    };
    let json = |spec: &SlaReportSpec| serde_json::to_value(spec).unwrap();
    assert_eq!(json(&spec), json(&report));
    assert_eq!(json(&with_days(&watched.spec, &judgement.reports)), json(&report));
    // Days that are not those of the judgement are not shown as if they were.
    let mut other = report.clone();
    other.kpis[0].days = Packed::default();
    other.kpis[0].parts = Packed::default();
    assert_eq!(json(&with_days(&watched.spec, &[other.clone().into()])), json(&other));
    assert_eq!(json(&with_days(&watched.spec, &[])), json(&other));
}

#[test]
fn reports_are_written_replaced_kept_or_removed() {
    use PeriodState::{Final, Provisional};
    let without_status = ExistingReport { has_status: false, ..existing(UID, spec(Final, 1)) };
    let cases: [(&str, Option<SlaReportSpec>, Vec<ExistingReport<'_>>, Vec<&str>); 9] = [
        ("a new one", Some(spec(Provisional, 1)), vec![], vec!["write acme-2026-05"]),
        ("the same", Some(spec(Provisional, 1)), vec![existing(UID, spec(Provisional, 1))], vec![]),
        ("changed", Some(spec(Provisional, 2)), vec![existing(UID, spec(Provisional, 1))], vec!["write acme-2026-05"]),
        ("cut off before its status", Some(spec(Final, 1)), vec![without_status], vec!["write acme-2026-05"]),
        ("final", Some(spec(Final, 1)), vec![existing(UID, spec(Provisional, 1))], vec!["write acme-2026-05"]),
        ("contradicted", Some(spec(Final, 2)), vec![existing(UID, spec(Final, 1))], vec!["contradiction acme-2026-05"]),
        (
            "of the contract whose evidence it goes on with",
            Some(spec(Final, 1)),
            vec![existing(ADOPTED, spec(Final, 1))],
            vec![],
        ),
        ("taken", Some(spec(Final, 2)), vec![existing("other", spec(Final, 1))], vec!["write acme-2026-05-u12345678"]),
        ("gone", None, vec![existing(UID, spec(Provisional, 1))], vec!["remove acme-2026-05"]),
    ];
    for (name, wanted, existing, expected) in cases {
        let judgement =
            Judgement { reports: wanted.into_iter().map(JudgedReport::from).collect(), ..Judgement::default() };
        let actions: Vec<String> = plan_reports(&judgement, [UID, ADOPTED], &existing)
            .into_iter()
            .map(|action| match action {
                ReportAction::Write { name, .. } => format!("write {name}"),
                ReportAction::Remove { name } => format!("remove {name}"),
                ReportAction::Contradiction { name } => format!("contradiction {name}"),
            })
            .collect();
        assert_eq!(actions, expected, "{name}");
    }
}
