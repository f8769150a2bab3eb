use super::*;
use crate::domain::fixtures::contracts::{Case, JudgedCase, RowChanges, instant, row, terms};
use crate::domain::judgement::outcome::Judgement;
use jiff::SignedDuration;

/// Ten years of months, with the four KPIs of the benchmarks.
fn ten_years() -> JudgedCase {
    let contract = "
        term: {start: 2016-01-01, end: 2026-12-31}
        feeds: [{name: acd, url: 'https://feeds.example', cadence: 24h}]
        charges: {currency: GBP, amount: 100000, atRiskPercent: 10}
        credits: {points: {perPointPercent: 1}}
        ";
    let level = |labels: &str| {
        format!("kpi: ServiceLevel\nvariant: AnsweredOnly\nobjective: {{target: 80}}\nsource: {{feed: acd{labels}}}")
    };
    let (all, sales, cebu) = (level(""), level(", labels: {queue: sales}"), level(", labels: {site: cebu}"));
    let kpis = [("all", all.as_str()), ("care-of-sales", &sales), ("care-of-cebu", &cebu), ("whole", &all)];
    let begin = instant("2016-01-01T00:00Z");
    let rows = (0..3_653_i64).map(|day| {
        let measures = [("answered", 100 + day * 37 % 180), ("answeredWithin", 70 + day * 11 % 30)];
        let start = begin + SignedDuration::from_hours(24 * day);
        let one = row("2016-01-01T00:00Z", "2016-01-02T00:00Z", &measures)
            .labelled("queue", ["care", "sales", "billing", "other"][day as usize % 4])
            .labelled("site", ["cebu", "leeds", "cork", "lodz", "pune"][day as usize % 5]);
        let end = start + SignedDuration::from_hours(24);
        crate::domain::measuring::row::Row { start, end, known_at: end, ..one }
    });
    Case::new(terms(contract, &kpis), rows.collect()).judge("2026-01-20T00:00Z")
}

fn is_filed(report: &JudgedReport) -> bool {
    matches!(report, JudgedReport::Filed(_))
}

#[test]
fn the_reports_of_ten_years_take_a_bounded_part_of_what_they_say_and_are_read_as_they_were_written() {
    let judged = ten_years();
    let judgement = &judged.judgement;
    assert_eq!(judgement.reports.len(), 120);
    // November and December are whole.
    let filed: Vec<usize> =
        judgement.reports.iter().filter(|one| is_filed(one)).map(JudgedReport::bytes_filed).collect();
    assert_eq!(filed.len(), 118);
    assert!(judgement.reports.iter().rev().take(2).all(|report| !is_filed(report) && report.bytes_filed() == 0));
    let said: usize = judged.reports.iter().map(|report| serde_json::to_vec(report).unwrap().len()).sum();
    let (most, all) = (filed.iter().max().unwrap(), filed.iter().sum::<usize>());
    println!("filed: {all} bytes, {most} at most, of {said}");
    assert!(*most < 4_096, "{most} bytes of a month");
    assert!(all * 3 < said, "{all} of {said} bytes");

    let written = serde_json::to_string(judgement).unwrap();
    let whole: Vec<_> = judged.reports.iter().cloned().map(JudgedReport::Whole).collect();
    let whole = Judgement { reports: whole, ..judgement.clone() };
    assert_eq!(serde_json::to_string(&whole).unwrap(), written);
    assert_eq!((judgement, &whole), (&whole, judgement));
    let read: Judgement = serde_json::from_str(&written).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), written);
    assert_eq!(read, *judgement);
    let forms = |judgement: &Judgement| judgement.reports.iter().map(is_filed).collect::<Vec<_>>();
    assert_eq!(forms(&read), forms(judgement), "it is filed as it is read");
}

/// The report of a month that missed, judged by everything that a report explains.
fn report(period: &str, state: PeriodState) -> SlaReportSpec {
    let contract = "term: {start: 2026-01-01, end: 2026-12-31}\nfeeds: [{name: acd, url: 'https://feeds.example'}]\ncharges: {currency: GBP, amount: 100}";
    let level = "kpi: ServiceLevel\nvariant: AnsweredOnly\nobjective: {target: 80}";
    let measures = [("answered", 100), ("answeredWithin", 70)];
    let rows = vec![row("2026-01-15T00:00Z", "2026-01-16T00:00Z", &measures).labelled("site", "cebu")];
    let judged = Case::new(terms(contract, &[("level", level)]), rows).judge("2026-03-01T00:00Z");
    let mut report = judged.into_reports().remove(0);
    (report.period.name, report.state) = (period.to_owned(), state);
    report
}

#[test]
fn final_reports_of_all_periods_but_the_last_two_are_filed() {
    use PeriodState::{Final, Provisional};
    let cases: [(&str, &[(&str, PeriodState)], &[bool]); 5] = [
        ("two periods", &[("01", Final), ("02", Final)], &[false, false]),
        ("three", &[("01", Final), ("02", Final), ("03", Provisional)], &[true, false, false]),
        (
            "restated",
            &[("01", Final), ("01", Final), ("02", Final), ("02", Final), ("03", Final)],
            &[true, true, false, false, false],
        ),
        (
            "held for long",
            &[("01", Final), ("02", Provisional), ("03", Provisional), ("04", Provisional)],
            &[true, false, false, false],
        ),
        ("none", &[], &[]),
    ];
    for (name, periods, expected) in cases {
        let mut filing = Filing::reusing(&[]);
        periods.iter().for_each(|(period, state)| filing.add(report(period, *state)));
        assert_eq!(filing.finish().iter().map(is_filed).collect::<Vec<_>>(), expected, "{name}");
    }
}

fn filed(reports: &[SlaReportSpec], before: &[JudgedReport]) -> Vec<JudgedReport> {
    let mut filing = Filing::reusing(before);
    reports.iter().for_each(|report| filing.add(report.clone()));
    filing.finish()
}

#[test]
fn what_is_filed_already_is_taken_where_it_says_the_same() {
    let months = ["01", "02", "03", "04"].map(|period| report(period, PeriodState::Final));
    let before = filed(&months, &[]);
    let mut changed = months.clone();
    changed[0].kpis[0].value = Some("71".to_owned());
    for (name, reports, expected) in
        [("the same", &months, [true, true]), ("January is other", &changed, [false, true])]
    {
        let again = filed(reports, &before);
        let same: Vec<bool> = again.iter().zip(&before).take(2).map(|(one, other)| one.is_one_with(other)).collect();
        assert_eq!(same, expected, "{name}");
        assert!(again.iter().zip(reports).all(|(one, report)| one.is(report)), "{name}");
        assert_eq!(again == before, expected[0], "{name}");
    }
}

#[test]
fn a_stored_report_that_agreed_is_compared_again_once_its_version_is_another() {
    let months = ["01", "02", "03"].map(|period| report(period, PeriodState::Final));
    let [january, ..] = &filed(&months, &[])[..] else { panic!("three months") };
    let mut other = months[0].clone();
    other.points += 1;
    assert!(is_filed(january) && !january.agrees_with(&other, Some("6")), "it says something else");
    assert!(january.agrees_with(&months[0], Some("7")));
    assert!(january.agrees_with(&other, Some("7")), "it is not looked into again");
    assert!(!january.agrees_with(&other, Some("8")));
    assert!(!january.agrees_with(&other, None), "nothing is known of its version");
    assert!(january.agrees_with(&months[0], None));
}

#[test]
fn a_judgement_that_is_held_open_has_its_filed_reports_whole_and_provisional() {
    let months = ["01", "02", "03"].map(|period| report(period, PeriodState::Final));
    let judgement = Judgement { reports: filed(&months, &[]), ..Judgement::default() };
    let terms =
        terms("term: {start: 2026-01-01, end: 2026-12-31}", &[("level", "kpi: ServiceLevel\nobjective: {target: 80}")]);
    for (closed, expected) in [(vec![], [false, false, false]), (vec!["01", "02"], [true, false, false])] {
        let closed = closed.into_iter().map(|period: &str| (period.to_owned(), terms.clone().into())).collect();
        let held = judgement.held_open(&closed);
        assert_eq!(held.reports.iter().map(is_filed).collect::<Vec<_>>(), expected);
        for (report, month) in held.whole_reports().zip(&months) {
            let state = if closed.contains_key(&month.period.name) { month.state } else { PeriodState::Provisional };
            assert_eq!(*report, SlaReportSpec { state, ..month.clone() });
        }
    }
}
