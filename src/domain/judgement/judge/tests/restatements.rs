//! What became known after a period was Final.

use super::*;

const PRICED: &str = "
    kpi: ServiceLevel
    variant: AnsweredOnly
    objective: {target: 80}
    bands: [{severity: Minor, points: 1}]
    ";
const DOUBLED: &str = "credits: {points: {perPointPercent: 1, repeatMultiplier: 2}}";

fn doubled(more: &str) -> String {
    format!("{}{DOUBLED}\n{more}", flat(CONTRACT))
}

/// A correction of a month's row that becomes known later.
fn correction(name: &str, good: i64, at: &str) -> Row {
    month(name, good, 10_000).revised(2).known(at)
}

fn named(judgement: &JudgedCase) -> Vec<(&str, i64, &str)> {
    let reports = judgement.reports.iter();
    reports.map(|one| (one.period.name.as_str(), one.revision, one.credit.as_ref().unwrap().net.as_str())).collect()
}

#[test]
fn a_late_row_before_final_changes_the_provisional_report_and_after_final_makes_a_revision() {
    for (at, expected) in [
        ("2026-02-10T00:00Z", vec![("2026-01", 1, "0.00")]),
        // Known at the very instant of closing: part of what was signed.
        ("2026-02-14T00:00Z", vec![("2026-01", 1, "0.00")]),
        ("2026-02-14T00:00:01Z", vec![("2026-01", 1, "1000.00"), ("2026-01", 2, "0.00")]),
    ] {
        let mut rows = months(&["70"]);
        rows.push(correction("2026-01", 8_100, at));
        let judgement = Case::new(terms(&doubled(""), &[("sl", PRICED)]), rows).judge("2026-02-20T00:00Z");
        assert_eq!(named(&judgement), expected, "{at}");
    }
}

#[test]
fn a_revision_says_what_changed_and_the_next_period_books_the_difference() {
    let mut rows = months(&["70", "90", "90"]);
    rows.push(correction("2026-01", 8_100, "2026-03-20T00:00Z"));
    let case = Case::new(terms(&doubled(""), &[("sl", PRICED)]), rows);
    let judgement = case.judge("2026-05-20T00:00Z");
    let revision = &judgement.reports[1];
    assert_eq!((revision.period.name.as_str(), revision.revision, revision.state), ("2026-01", 2, PeriodState::Final));
    assert_eq!(revision.year_to_date, None);
    let restates = revision.restates.as_ref().unwrap();
    assert_eq!(restates.report, "acme-2026-01");
    assert_eq!(restates.credit_delta.as_deref(), Some("-1000.00"));
    // On 20 March January and February are Final; March runs.
    assert_eq!(restates.booked_in.as_deref(), Some("2026-03"));
    let change = &restates.changes[0];
    let pair = |change: &Option<crate::api::sla_report::WasNow>| {
        change.clone().map(|change| (change.was.unwrap(), change.now.unwrap()))
    };
    assert_eq!(pair(&change.value), Some(("70".to_owned(), "81".to_owned())));
    assert_eq!(pair(&change.verdict), Some(("Missed".to_owned(), "Met".to_owned())));
    assert_eq!(pair(&change.points), Some(("1".to_owned(), "0".to_owned())));
    assert_eq!((change.denominator.clone(), change.credit.clone()), (None, None));
    let booked = report(&judgement, "2026-03");
    assert_eq!(booked.credit.as_ref().unwrap().restated, "-1000.00");
    let to_date = |period: &str, revision| {
        let mut reports = judgement.reports.iter();
        let report = reports.find(|report| report.period.name == period && report.revision == revision).unwrap();
        report.year_to_date.clone().unwrap().credit
    };
    assert_eq!([to_date("2026-01", 1), to_date("2026-02", 1), to_date("2026-03", 1)], ["1000.00", "1000.00", "0.00"]);
    assert_eq!(judgement.last.as_ref().unwrap().report, "acme-2026-04");
    let january = judgement.kpis["sl"].history.iter().find(|entry| entry.name == "2026-01").unwrap();
    assert_eq!((january.revision, january.verdict), (2, Verdict::Met));
}

#[test]
fn a_repeat_that_falls_away_restates_the_periods_that_follow() {
    let mut rows = months(&["70", "70", "90", "70"]);
    rows.push(correction("2026-01", 8_100, "2026-05-20T00:00Z"));
    let judgement = Case::new(terms(&doubled(""), &[("sl", PRICED)]), rows).judge("2026-05-21T00:00Z");
    assert_eq!(
        named(&judgement),
        [
            ("2026-01", 1, "1000.00"),
            ("2026-01", 2, "0.00"),
            ("2026-02", 1, "2000.00"),
            ("2026-02", 2, "1000.00"),
            ("2026-03", 1, "0.00"),
            ("2026-04", 1, "1000.00"),
        ]
    );
    let follower = judgement.reports[3].restates.as_ref().unwrap();
    assert_eq!((follower.credit_delta.as_deref(), follower.booked_in.as_deref()), (Some("-1000.00"), Some("2026-05")));
    assert!(follower.changes[0].value.is_none() && follower.changes[0].points.is_some());
    let june = Case::new(terms(&doubled(""), &[("sl", PRICED)]), {
        let mut rows = months(&["70", "70", "90", "70", "90"]);
        rows.push(correction("2026-01", 8_100, "2026-05-20T00:00Z"));
        rows
    })
    .judge("2026-06-01T00:00Z");
    assert_eq!(report(&june, "2026-05").credit.as_ref().unwrap().restated, "-2000.00");
}

#[test]
fn each_instant_at_which_something_is_learnt_makes_one_revision_and_the_same_value_none() {
    let mut rows = months(&["70"]);
    rows.push(month("2026-01", 7_000, 10_000).revised(2).known("2026-02-20T00:00Z"));
    rows.push(month("2026-01", 7_100, 10_000).revised(3).known("2026-02-21T00:00Z"));
    rows.push(month("2026-01", 8_100, 10_000).revised(4).known("2026-02-22T00:00Z"));
    // A row beside it whose figures only change the denominator.
    rows.push(
        row("2026-01-16T00:00Z", "2026-01-17T00:00Z", &[("answeredWithin", 81), ("answered", 100)])
            .known("2026-02-23T00:00Z"),
    );
    let judgement = Case::new(terms(&doubled(""), &[("sl", PRICED)]), rows).judge("2026-02-25T00:00Z");
    let revisions: Vec<_> =
        judgement.reports.iter().map(|report| (report.revision, report.kpis[0].value.clone().unwrap())).collect();
    assert_eq!(revisions, [(1, "70".to_owned()), (2, "71".to_owned()), (3, "81".to_owned()), (4, "81".to_owned())]);
    assert_eq!(judgement.reports[3].restates.as_ref().unwrap().booked_in, None);
}

#[test]
fn relief_that_is_decided_after_final_restates() {
    let relief = "relief: [{name: cut, cause: ForceMajeure, from: 2026-01-15T00:00Z, to: 2026-01-15T06:00Z, decision: Accepted, decidedAt: 2026-02-20T10:00:00Z}]";
    let mut rows = months(&["70"]);
    rows.push(row("2026-01-17T00:00Z", "2026-01-18T00:00Z", &[("answeredWithin", 90), ("answered", 100)]));
    let case = Case::new(terms(&doubled(relief), &[("sl", PRICED)]), rows);
    assert_eq!(case.judge("2026-02-20T09:59:59Z").reports.len(), 1);
    assert_eq!(case.judge("2026-02-20T09:59:59Z").next, Some(instant("2026-02-20T10:00:00Z")));
    let judgement = case.judge("2026-02-20T10:00:00Z");
    let line = line(&judgement, "2026-01", "sl");
    assert_eq!((judgement.reports.len(), line.verdict, line.value.as_deref()), (2, Verdict::Excused, Some("90")));
    assert_eq!(line.excused_by, ["cut"]);
}

#[test]
fn ignore_keeps_what_was_signed() {
    let mut rows = months(&["70", "70"]);
    rows.push(correction("2026-01", 8_100, "2026-03-20T00:00Z"));
    let contract = doubled("restatements: {afterFinal: Ignore}");
    let judgement = Case::new(terms(&contract, &[("sl", PRICED)]), rows).judge("2026-04-01T00:00Z");
    assert_eq!(named(&judgement), [("2026-01", 1, "1000.00"), ("2026-02", 1, "2000.00"), ("2026-03", 1, "0.00")]);
}

#[test]
fn a_restatement_frees_room_under_the_year_s_cap_for_the_periods_that_follow() {
    let contract = flat(CONTRACT) + "credits: {yearCapPercent: '0.25'}";
    let kpi = format!("{}bands: [{{severity: Minor, percent: 2}}]", flat(SERVICE_LEVEL));
    let mut rows = months(&["70", "70"]);
    rows.push(correction("2026-01", 8_100, "2026-03-20T00:00Z"));
    let judgement = Case::new(terms(&contract, &[("sl", &kpi)]), rows).judge("2026-03-21T00:00Z");
    // The cap is 3,000.00 a year.
    assert_eq!(
        named(&judgement),
        [("2026-01", 1, "2000.00"), ("2026-01", 2, "0.00"), ("2026-02", 1, "1000.00"), ("2026-02", 2, "2000.00"),]
    );
}

#[test]
fn what_was_earned_back_stays_so_when_its_period_is_restated() {
    let contract = flat(CONTRACT) + "credits: {earnBack: {within: 1}}";
    let kpi = "kpi: ServiceLevel\nvariant: AnsweredOnly\nobjective: {target: 80, stretch: 85}\nbands: [{severity: Minor, percent: 2}]";
    let mut rows = months(&["78", "90", "90"]);
    rows.push(correction("2026-02", 8_100, "2026-03-20T00:00Z"));
    let judgement = Case::new(terms(&contract, &[("sl", kpi)]), rows).judge("2026-05-20T00:00Z");
    let february: Vec<_> = judgement.reports.iter().filter(|report| report.period.name == "2026-02").collect();
    assert_eq!(february.len(), 2);
    assert!(february.iter().all(|report| report.credit.as_ref().unwrap().earned_back == "2000.00"));
    assert_eq!(report(&judgement, "2026-03").credit.as_ref().unwrap().earned_back, "0.00");
}

#[test]
fn a_row_after_the_last_period_is_final_restates_and_books_nowhere() {
    let contract = "term: {start: 2026-01-01, end: 2026-01-31}\ncharges: {currency: GBP, amount: 100000}\ncredits: {points: {perPointPercent: 1}}";
    let mut rows = months(&["70"]);
    rows.push(correction("2026-01", 8_100, "2026-03-20T00:00Z"));
    let judgement = Case::new(terms(contract, &[("sl", PRICED)]), rows).judge("2026-04-20T00:00Z");
    assert_eq!(judgement.reports[1].restates.as_ref().unwrap().booked_in, None);
    assert_eq!(judgement.reports[1].restates.as_ref().unwrap().credit_delta.as_deref(), Some("-1000.00"));
    assert_eq!((judgement.period.as_ref(), judgement.next), (None, None));
}
