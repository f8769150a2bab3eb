//! What is planned by filed reports is what is planned by whole ones.

use std::borrow::Cow;

use super::*;
use crate::api::{Packed, SlaReport};
use crate::cluster::watch::Stored;
use crate::controller::reports::with_days;
use crate::domain::fixtures::contracts::{Case, RowChanges, row, terms};

const UID: &str = "12345678-9abc-4000-8000-000000000000";

/// A contract with charges of which each month missed, judged with what is added to its spec.
fn judged(more: &str, now: &str) -> Judgement {
    let contract = format!(
        "term: {{start: 2026-01-01, end: 2026-12-31}}\nfeeds: [{{name: acd, url: 'https://feeds.example'}}]\n\
         charges: {{currency: GBP, amount: 100}}\n{more}"
    );
    let level =
        "kpi: ServiceLevel\nvariant: AnsweredOnly\nobjective: {target: 80}\nbands: [{severity: Minor, percent: 1}]";
    let rows = (1..=6).flat_map(|month| {
        let day = |day: i32| format!("2026-{month:02}-{day}T00:00Z");
        let of = |first, within, site| {
            let measures = [("answered", 100), ("answeredWithin", within)];
            row(&day(first), &day(first + 1), &measures).labelled("site", site)
        };
        [of(15, 60, "cebu"), of(16, 80, "leeds")]
    });
    Case::new(terms(&contract, &[("level", level)]), rows.collect()).judge(now).judgement
}

/// The same judgement with nothing filed.
fn whole(judgement: &Judgement) -> Judgement {
    let reports = judgement.whole_reports().map(JudgedReport::Whole).collect();
    Judgement { reports, ..judgement.clone() }
}

fn stored(spec: SlaReportSpec, has_status: bool) -> ExistingReport<'static> {
    let name = report_name(&spec.contract, &spec.period.name, spec.revision);
    let spec = Cow::Owned(spec);
    ExistingReport { name, contract_uid: Some(UID.into()), spec, version: Some("1".into()), has_status }
}

fn shown(actions: &[ReportAction]) -> Vec<String> {
    let one = |action: &ReportAction| match action {
        ReportAction::Write { name, .. } => format!("write {name}"),
        ReportAction::Remove { name } => format!("remove {name}"),
        ReportAction::Contradiction { name } => format!("contradiction {name}"),
    };
    actions.iter().map(one).collect()
}

/// What is planned where these reports exist: by filed reports as by whole ones, the first time as the second.
fn planned(judgement: &Judgement, existing: &[ExistingReport<'_>]) -> Vec<ReportAction> {
    assert!(matches!(judgement.reports[0], JudgedReport::Filed(_)));
    let planned = plan_reports(judgement, [UID, UID], existing);
    assert_eq!(planned, plan_reports(&whole(judgement), [UID, UID], existing));
    assert_eq!(planned, plan_reports(judgement, [UID, UID], existing));
    planned
}

type Changed = fn(&mut SlaReportSpec);

#[test]
fn a_filed_report_is_held_against_the_stored_one_as_a_whole_one_is() {
    let without_days: Changed = |report| {
        report.kpis[0].days = Packed::default();
        report.kpis[0].parts = Packed::default();
    };
    let without_bases: Changed = |report| {
        report.kpis[0].basis = None;
        report.credit.as_mut().unwrap().basis = None;
    };
    let other_day: Changed = |report| {
        let mut days = report.kpis[0].days.lines();
        days[14].value = Some("71".into());
        report.kpis[0].days = Packed::of(days);
    };
    let (none, contradicted, written): (&[&str], _, _) =
        (&[], &["contradiction acme-2026-01"][..], &["write acme-2026-01"][..]);
    let cases: [(&str, bool, &[Changed], &[&str]); 17] = [
        ("the same", true, &[], none),
        ("a version without days and parts", true, &[without_days], none),
        ("one without bases", true, &[without_bases], none),
        ("one without either", true, &[without_days, without_bases], none),
        ("without lines", true, &[|report| report.kpis.clear()], contradicted),
        ("another value", true, &[|report| report.kpis[0].value = Some("71".into())], contradicted),
        (
            "another value in a version without either",
            true,
            &[without_days, without_bases, |report| report.kpis[0].value = Some("71".into())],
            contradicted,
        ),
        ("other points", true, &[|report| report.points += 1], contradicted),
        ("other money", true, &[|report| report.credit.as_mut().unwrap().net = "2.00".into()], contradicted),
        ("without money", true, &[|report| report.credit = None], contradicted),
        ("another basis", true, &[|report| report.kpis[0].basis.as_mut().unwrap().scale = "1".into()], contradicted),
        ("a basis of the money alone", true, &[|report| report.kpis[0].basis = None], contradicted),
        ("another day", true, &[other_day], contradicted),
        ("a gap", true, &[|report| report.data_through = None], contradicted),
        ("cut off before its status", false, &[], written),
        ("a version without either, cut off", false, &[without_days, without_bases], written),
        ("not signed yet", true, &[|report| report.state = PeriodState::Provisional], written),
    ];
    let judgement = judged("", "2026-07-20T00:00Z");
    let own: Vec<SlaReportSpec> = judgement.clone().into_reports();
    assert!(own[0].kpis[0].basis.is_some() && !own[0].kpis[0].parts.is_empty());
    for (name, has_status, changes, expected) in cases {
        for is_watched in [false, true] {
            let mut january = own[0].clone();
            changes.iter().for_each(|change| change(&mut january));
            let mut object = SlaReport::new("acme-2026-01", january.clone());
            if is_watched {
                object.slim();
            }
            let rest = own.iter().skip(1).map(|report| stored(report.clone(), true));
            let existing: Vec<_> = [stored(object.spec, has_status)].into_iter().chain(rest).collect();
            // Each time from what nothing was compared with.
            let judgement: Judgement = serde_json::from_str(&serde_json::to_string(&judgement).unwrap()).unwrap();
            let actions = planned(&judgement, &existing);
            assert_eq!(shown(&actions), expected, "{name}");
            if let Some(ReportAction::Write { spec, .. }) = actions.first() {
                let json = |spec: &SlaReportSpec| serde_json::to_string(spec).unwrap();
                let signed = if january.state == PeriodState::Final { &january } else { &own[0] };
                assert_eq!(json(spec), json(signed), "{name}: it is written whole");
            }
        }
    }
}

#[test]
fn reports_that_do_not_exist_are_written_whole_and_a_restated_month_is_a_report_more() {
    let relief = "relief: [{name: cut, cause: ForceMajeure, from: 2026-01-15T00:00:00Z, to: 2026-01-16T00:00:00Z, decision: Accepted, decidedAt: 2026-04-20T00:00:00Z}]";
    let (before, after) = (judged("", "2026-04-19T00:00Z"), judged(relief, "2026-07-20T00:00Z"));
    let signed: Vec<ExistingReport<'_>> =
        before.whole_reports().map(|report| stored(SlaReportSpec::clone(&report), true)).collect();
    assert_eq!(shown(&planned(&before, &signed)), [""; 0]);
    let actions = planned(&after, &signed);
    // The misses of February and March do not repeat January's any more.
    let restated = ["01", "02", "03"].map(|month| format!("write acme-2026-{month}-r2"));
    let new = ["04", "05", "06"].map(|month| format!("write acme-2026-{month}"));
    assert_eq!(shown(&actions), [restated, new].concat());
    let all = planned(&after, &[]);
    let written = all.iter().filter_map(|action| match action {
        ReportAction::Write { spec, before: None, .. } => Some((**spec).clone()),
        _ => None,
    });
    assert_eq!(written.collect::<Vec<_>>(), after.into_reports());
}

#[test]
fn the_days_of_a_watched_report_are_those_of_a_filed_one() {
    let judgement = judged("", "2026-07-20T00:00Z");
    for report in judgement.whole_reports() {
        let mut watched = SlaReport::new("one", SlaReportSpec::clone(&report));
        watched.slim();
        let shown = with_days(&watched.spec, &judgement.reports);
        assert_eq!(serde_json::to_string(&shown).unwrap(), serde_json::to_string(&report).unwrap());
    }
}
