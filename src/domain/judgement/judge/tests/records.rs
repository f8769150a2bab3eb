//! What the journal of the evidence says: the first judgement, and decisions on relief; and rows that never match.

use super::*;
use crate::domain::terms::journal::{FirstJudged, Journal, JournalFact, RecordedFact, ReliefSeen};

const PRICED: &str = "
    kpi: ServiceLevel
    variant: AnsweredOnly
    objective: {target: 80}
    bands: [{severity: Minor, points: 1}]
    ";

fn priced(more: &str) -> String {
    format!("{}credits: {{points: {{perPointPercent: 1}}}}\n{more}", flat(CONTRACT))
}

/// The relief `cut` from 10 January on, as it was seen at an instant; no end: it was removed.
fn seen(end: Option<&str>, decision: &str, at: &str) -> RecordedFact {
    let relief = end.map(|end| {
        let yaml =
            format!("{{name: cut, cause: ForceMajeure, from: 2026-01-10T00:00:00Z, to: {end}, decision: {decision}}}");
        serde_saphyr::from_str(&yaml).unwrap()
    });
    fact("cut", JournalFact::ReliefSeen(ReliefSeen { relief, known_before: false }), at)
}

fn first_judged(at: &str, closed_before: &[&str]) -> RecordedFact {
    let closed_before = closed_before.iter().map(|name| (*name).to_owned()).collect();
    fact("", JournalFact::FirstJudged(FirstJudged { at: instant(at), closed_before }), at)
}

fn day(date: &str, good: i64, all: i64) -> Row {
    row(&format!("{date}T00:00Z"), &format!("{date}T12:00Z"), &[("answeredWithin", good), ("answered", all)])
}

/// January: 70 of 100 on the 10th, 75 of 100 on the 12th and 90 of 100 on the 14th; February is met.
fn relieved(facts: Vec<RecordedFact>) -> Case {
    let rows = vec![
        day("2026-01-10", 70, 100),
        day("2026-01-12", 75, 100),
        day("2026-01-14", 84, 100),
        day("2026-02-10", 90, 100),
    ];
    let mut case = Case::new(terms(&priced(""), &[("sl", PRICED)]), rows);
    case.journal = Some(Journal { facts });
    case
}

/// Each report: period, revision, value, verdict, net and what it books of others.
fn lines(judgement: &JudgedCase) -> Vec<String> {
    let one = |report: &SlaReportSpec| {
        let (line, credit) = (&report.kpis[0], report.credit.as_ref().unwrap());
        let value = line.value.clone().unwrap_or_default();
        format!(
            "{} r{} {} {:?} {value} {} {} books {}",
            report.period.name, report.revision, line.verdict, report.state, line.points, credit.net, credit.restated
        )
    };
    judgement.reports.iter().map(|report| one(report)).collect()
}

#[test]
fn each_change_of_accepted_relief_after_final_writes_one_revision_and_the_next_open_period_books_it() {
    // January is Final on 14 February; 76.3333 % is Missed, without the 10th 79.5 % still is, without the 12th too 84 % meets.
    let narrow = Some("2026-01-11T00:00:00Z");
    let wide = Some("2026-01-13T00:00:00Z");
    let before = seen(narrow, "Accepted", "2026-02-01T00:00Z");
    let widened = seen(wide, "Accepted", "2026-03-20T09:00Z");
    let rejected = seen(wide, "Rejected", "2026-04-20T09:00Z");
    let missed = "2026-01 r1 Missed Final 79.5 1 1000.00 books 0.00";
    let excused = "2026-01 r2 Excused Final 84 0 0.00 books 0.00";
    let february = "2026-02 r1 Met Final 90 0 0.00 books 0.00";
    let cases: [(&str, Vec<RecordedFact>, &str, Vec<&str>); 6] = [
        (
            "before Final it is part of what is signed",
            vec![before.clone()],
            "2026-03-18T00:00Z",
            vec![missed, february],
        ),
        (
            "seen at the very instant of closing",
            vec![seen(wide, "Accepted", "2026-02-14T00:00Z")],
            "2026-03-18T00:00Z",
            vec!["2026-01 r1 Excused Final 84 0 0.00 books 0.00", february],
        ),
        (
            "widened",
            vec![before.clone(), widened.clone()],
            "2026-04-01T00:00Z",
            vec![missed, excused, february, "2026-03 r1 NoData Provisional  0 0.00 books -1000.00"],
        ),
        (
            "widened, then rejected: without relief January is Missed by its raw value",
            vec![before.clone(), widened.clone(), rejected],
            "2026-05-01T00:00Z",
            vec![
                missed,
                excused,
                "2026-01 r3 Missed Final 76.333333 1 1000.00 books 0.00",
                february,
                "2026-03 r1 NoData Final  0 0.00 books -1000.00",
                "2026-04 r1 NoData Provisional  0 0.00 books 1000.00",
            ],
        ),
        (
            "widened, then removed within the same open period: the two cancel out",
            vec![before.clone(), widened.clone(), seen(None, "", "2026-03-21T09:00Z")],
            "2026-04-01T00:00Z",
            vec![
                missed,
                excused,
                "2026-01 r3 Missed Final 76.333333 1 1000.00 books 0.00",
                february,
                "2026-03 r1 NoData Provisional  0 0.00 books 0.00",
            ],
        ),
        (
            "changed in what moves no figure",
            vec![before, seen(Some("2026-01-11T12:00:00Z"), "Accepted", "2026-03-20T09:00Z")],
            "2026-03-31T00:00Z",
            vec![missed, february],
        ),
    ];
    for (name, facts, now, expected) in cases {
        let case = relieved(facts);
        assert_eq!(lines(&case.judge(now)), expected, "{name}");
        // What was signed does not depend on what was seen later.
        let later = case.judge("2026-12-01T00:00Z");
        let signed = case.judge(now).reports.into_iter().filter(|report| report.state == PeriodState::Final);
        for report in signed {
            assert!(later.reports.contains(&report), "{name}: {} r{}", report.period.name, report.revision);
        }
        // The status says what the latest report says.
        let january = later.kpis["sl"].history.iter().find(|entry| entry.name == "2026-01").unwrap();
        let report = report(&later, "2026-01");
        assert_eq!((january.revision, january.verdict), (report.revision, report.kpis[0].verdict), "{name}");
    }
}

#[test]
fn with_a_journal_the_terms_alone_decide_nothing_on_relief_and_without_one_they_do() {
    let relief = "relief: [{name: cut, cause: ForceMajeure, from: 2026-01-10T00:00:00Z, to: 2026-01-13T00:00:00Z, decision: Accepted}]";
    let mut case = relieved(Vec::new());
    case.terms = terms(&priced(relief), &[("sl", PRICED)]);
    assert_eq!(case.judge("2026-02-10T00:00Z").reports[0].kpis[0].verdict, Verdict::Missed);
    case.journal = None;
    assert_eq!(case.judge("2026-02-10T00:00Z").reports[0].kpis[0].verdict, Verdict::Excused);
}

#[test]
fn periods_older_than_the_first_judgement_become_final_some_time_after_it() {
    // Wednesday 10 June 2026, 09:00; the next business day is Thursday, which ends with the midnight to Friday.
    let first = "2026-06-10T09:00:00Z";
    let old = || Some(first_judged(first, &[]));
    let upgraded = || Some(first_judged(first, &["2026-01", "2026-02"]));
    let cases: [(&str, Option<RecordedFact>, &str, [&str; 3]); 6] = [
        ("", None, "no journal", ["2026-02-14T00:00:00Z", "2026-03-14T00:00:00Z", "2026-06-13T00:00:00Z"]),
        ("", old(), "default", ["2026-06-12T00:00:00Z", "2026-06-12T00:00:00Z", "2026-06-13T00:00:00Z"]),
        ("firstCloseAfter: 0h", old(), "at once", [first, first, "2026-06-13T00:00:00Z"]),
        (
            "firstCloseAfter: 48h",
            old(),
            "48 hours",
            ["2026-06-12T09:00:00Z", "2026-06-12T09:00:00Z", "2026-06-13T00:00:00Z"],
        ),
        (
            "firstCloseAfter: 30d",
            old(),
            "30 days",
            ["2026-07-10T09:00:00Z", "2026-07-10T09:00:00Z", "2026-07-10T09:00:00Z"],
        ),
        ("", upgraded(), "closed before", ["2026-02-14T00:00:00Z", "2026-03-14T00:00:00Z", "2026-06-13T00:00:00Z"]),
    ];
    for (more, fact, name, expected) in cases {
        let rows = months(&["70", "90", "90", "90", "90", "90", "90", "90"]);
        let mut case = Case::new(terms(&priced(more), &[("sl", PRICED)]), rows);
        case.journal = fact.map(|fact| Journal { facts: vec![fact] });
        let judgement = case.judge("2026-08-20T00:00Z");
        let finals = ["2026-01", "2026-02", "2026-05"].map(|period| judgement.finals[period].to_string());
        assert_eq!(finals, expected, "{name}");
        // A period that ends later closes as ever.
        assert_eq!(judgement.finals["2026-07"].to_string(), "2026-08-15T00:00:00Z", "{name}");
    }
}

#[test]
fn until_its_first_judgement_a_past_is_provisional_and_the_clock_is_set_for_its_closing() {
    let mut case = Case::new(terms(&priced(""), &[("sl", PRICED)]), months(&["70"]));
    case.journal = Some(Journal { facts: vec![first_judged("2026-06-10T09:00:00Z", &[])] });
    let judgement = case.judge("2026-06-11T23:59:59Z");
    assert!(judgement.reports.iter().all(|report| report.state == PeriodState::Provisional));
    assert_eq!(judgement.next, Some(instant("2026-06-12T00:00:00Z")));
    assert_eq!(case.judge("2026-06-12T00:00:00Z").reports[0].state, PeriodState::Final);
}

/// A service level over the rows of a queue.
fn of_queue(queue: &str, more: &str) -> String {
    format!("{}source: {{feed: acd, labels: {{queue: {queue}}}{more}}}", flat(SERVICE_LEVEL))
}

#[test]
fn a_kpi_that_never_matched_a_row_holds_its_contract_s_periods_twenty_business_days_at_most() {
    let rows =
        || months(&["70", "90", "90"]).into_iter().map(|row| row.labelled("queue", "orders")).collect::<Vec<_>>();
    let ten = "2026-02-14T00:00:00Z";
    let twenty = "2026-02-28T00:00:00Z";
    let late = |at: &str| Some(month("2026-01", 5, 10).labelled("queue", "order").known(at));
    let zeros = row("2026-01-20T00:00Z", "2026-01-21T00:00Z", &[("answered", 0), ("answeredWithin", 0)])
        .labelled("queue", "order");
    let other = row("2026-01-20T00:00Z", "2026-01-21T00:00Z", &[("leavers", 3)]).labelled("queue", "order");
    let typo = of_queue("order", "");
    let dry = format!("{typo}\ndryRun: true");
    let suspended = format!("{typo}\nsuspend: true");
    let later = of_queue("order", ", expect: Later");
    let right = of_queue("orders", "");
    let cases: [(&str, &str, Option<Row>, &str, bool); 9] = [
        ("it matches", &right, None, ten, false),
        ("a typo", &typo, None, twenty, true),
        ("a dry run says so and holds nothing", &dry, None, ten, true),
        ("suspended", &suspended, None, ten, false),
        ("expected later", &later, None, ten, false),
        ("a row comes before Final", &typo, late("2026-02-10T00:00Z"), ten, false),
        ("a row comes after closeAfter", &typo, late("2026-02-20T00:00Z"), "2026-02-20T00:00:00Z", false),
        ("zeros in each measure are not a match", &typo, Some(zeros), twenty, true),
        ("nor are other measures", &typo, Some(other), twenty, true),
    ];
    for (name, kpi, more, expected, is_unmatched) in cases {
        let mut case = Case::new(terms(CONTRACT, &[("fine", SERVICE_LEVEL), ("typo", kpi)]), rows());
        case.add(more.into_iter().collect());
        let judgement = case.judge("2026-03-20T00:00Z");
        assert_eq!(judgement.finals["2026-01"].to_string(), expected, "{name}");
        assert_eq!(judgement.kpis["typo"].unmatched.is_some(), is_unmatched, "{name}");
        assert!(judgement.kpis["fine"].unmatched.is_none(), "{name}");
        let before = case.judge("2026-02-13T00:00Z").reports[0].state;
        assert_eq!(before, PeriodState::Provisional, "{name}");
    }
}

#[test]
fn a_count_of_zero_matches_and_a_feed_without_rows_matches_nothing_to_complain_of() {
    let backlog = "kpi: Backlog\nobjective: {target: 10}";
    let empty = row("2026-01-20T00:00Z", "2026-01-21T00:00Z", &[("backlog", 0)]);
    for (name, kpi, rows) in [("a backlog of nothing", backlog, vec![empty]), ("no rows", SERVICE_LEVEL, vec![])] {
        let judgement = Case::new(terms(CONTRACT, &[("one", kpi)]), rows).judge("2026-02-20T00:00Z");
        assert_eq!(judgement.kpis["one"].unmatched, None, "{name}");
    }
}

#[test]
fn a_selection_that_matches_nothing_is_reported_with_the_labels_that_exist() {
    let rows: Vec<Row> = ["orders", "billing"].map(|queue| month("2026-01", 70, 100).labelled("queue", queue)).into();
    let mut named = of_queue("orders", "");
    named = named
        .replace("kpi: ServiceLevel\nvariant: AnsweredOnly", "kpi: Attrition")
        .replace("{target: 80}", "{target: 40}");
    let cases = [
        (
            of_queue("order", ""),
            "no row of feed acd has the labels queue=order: it has queue=billing, queue=orders, with abandoned, abandonedWithin, answered, answeredWithin; correct source.labels, or write source.expect: Later",
        ),
        (
            of_queue("orders", "").replace("queue:", "Queue:"),
            "no row of feed acd has the labels Queue=orders: it has queue=billing, queue=orders, with abandoned, abandonedWithin, answered, answeredWithin; correct source.labels, or write source.expect: Later",
        ),
        (
            named,
            "no row of feed acd has a measure of the formula (headcount, leavers) other than 0: it has abandoned, abandonedWithin, answered, answeredWithin; correct the feed's mapping or the formula, or write source.expect: Later",
        ),
    ];
    for (kpi, expected) in cases {
        let judgement = Case::new(terms(CONTRACT, &[("one", &kpi)]), rows.clone()).judge("2026-02-20T00:00Z");
        assert_eq!(judgement.kpis["one"].unmatched.as_ref().unwrap().message, expected);
    }
}
