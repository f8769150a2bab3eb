//! Closed periods are taken from the judgement before for as long as all is the same that they rest on.

use super::*;
use crate::api::vendor_contract::CreditsStatus;
use crate::domain::measuring::kept_closed::KeptClosed;
use crate::domain::terms::journal::{DisputeSeen, Journal, JournalFact, PeriodHeld};

const MINOR: &str = "bands: [{severity: Minor, percent: 1}]";

fn case(contract: &str, rows: Vec<Row>) -> Case {
    Case::new(terms(&(flat(CONTRACT) + contract), &[("sl", &(flat(SERVICE_LEVEL) + MINOR))]), rows)
}

/// Two contracts, of which the second is the first after something happened, with the names and the instants of their judgements.
type Change = (&'static str, [(&'static str, Case, &'static str); 2]);

/// The same contract with the same rows at two instants.
fn later(name: &'static str, contract: &str, [before, after]: [&'static str; 2]) -> Change {
    (name, [before, after].map(|now| ("acme", case(contract, months(&["70"])), now)))
}

/// Rows that come after those that were there.
fn received(name: &'static str, first: Vec<Row>, more: Vec<Row>, [before, after]: [&'static str; 2]) -> Change {
    let mut later = case("", first.clone());
    later.add(more);
    (name, [("acme", case("", first), before), ("acme", later, after)])
}

/// Facts of the journal that come in addition.
fn recorded(
    name: &'static str,
    rows: Vec<Row>,
    fact_of: JournalFact,
    (subject, at): (&str, &str),
    now: &'static str,
) -> Change {
    let of = |facts| {
        let mut case = case("", rows.clone());
        case.journal = Some(Journal { facts });
        ("acme", case, now)
    };
    (name, [of(Vec::new()), of(vec![fact(subject, fact_of, at)])])
}

fn corrected(good: i64, revision: i64, known: &str) -> Row {
    month("2026-01", good, 10_000).revised(revision).known(known)
}

fn january() -> Vec<Row> {
    months(&["70"])
}

fn changes_of_rows() -> Vec<Change> {
    let both = ["2026-02-21T00:00Z"; 2];
    let touched = vec![month("2026-01", 7_000, 10_000), corrected(6_900, 2, "2026-02-20T00:00Z")];
    let other = row("2026-01-16T00:00Z", "2026-01-17T00:00Z", &[("other", 1)]);
    vec![
        received(
            "a row that was known before the period was Final",
            january(),
            vec![corrected(6_000, 2, "2026-02-01T00:00Z")],
            both,
        ),
        received(
            "a late row",
            january(),
            vec![corrected(6_000, 2, "2026-02-21T00:00Z")],
            ["2026-02-20T00:00Z", "2026-02-21T00:00Z"],
        ),
        received("a row known when another one was", touched, vec![corrected(6_000, 3, "2026-02-20T00:00Z")], both),
        received(
            "a row of a period that is not Final",
            january(),
            vec![corrected(6_000, 2, "2026-02-06T00:00Z")],
            ["2026-02-05T00:00Z", "2026-02-06T00:00Z"],
        ),
        received(
            "data that reaches further and says nothing of the KPI",
            vec![row("2026-01-01T00:00Z", "2026-01-16T00:00Z", &[("answeredWithin", 70), ("answered", 100)])],
            vec![other.known("2026-02-06T00:00Z")],
            ["2026-02-05T00:00Z", "2026-02-06T00:00Z"],
        ),
    ]
}

fn changes_of_records() -> Vec<Change> {
    let hold = PeriodHeld {
        due: instant("2026-02-14T00:00Z"),
        noticed_at: instant("2026-02-15T00:00Z"),
        feeds: vec!["acd".to_owned()],
        until: instant("2026-02-18T00:00Z"),
        asked_at: Some(instant("2026-02-16T00:00Z")),
    };
    let dispute = serde_saphyr::from_str(
        "{name: count, period: 2026-01, raisedOn: 2026-02-03, party: Client, decision: Rejected, decidedAt: 2026-02-04T00:00:00Z}",
    );
    let dispute = JournalFact::DisputeSeen(DisputeSeen { dispute: Some(dispute.unwrap()) });
    let restated = vec![month("2026-01", 7_000, 10_000), corrected(6_000, 2, "2026-02-15T12:00Z")];
    let closed = |periods: &[&str]| {
        let old = case("", Vec::new()).terms;
        let kpi = flat(SERVICE_LEVEL) + "bands: [{severity: Minor, percent: 7}]";
        let mut case = Case::new(terms(CONTRACT, &[("sl", &kpi)]), months(&["70", "70"]));
        case.closed_under = periods.iter().map(|period| ((*period).to_owned(), old.clone().into())).collect();
        ("acme", case, "2026-03-20T00:00Z")
    };
    vec![
        recorded(
            "a wait for feeds",
            restated,
            JournalFact::PeriodHeld(hold),
            ("2026-01", "2026-02-16T00:00Z"),
            "2026-02-20T00:00Z",
        ),
        recorded("a dispute", january(), dispute, ("count", "2026-02-05T00:00Z"), "2026-02-20T00:00Z"),
        ("the terms that a period closed under", [closed(&["2026-01"]), closed(&["2026-01", "2026-02"])]),
    ]
}

fn changes_of_time() -> Vec<Change> {
    let disputed = "disputes: [{name: count, period: 2026-01, raisedOn: 2026-02-02, party: Client, decision: Accepted, decidedAt: 2026-02-05T00:00:00Z}]";
    let years = |now| {
        let contract = "
            term: {start: 2026-01-01, end: 2027-12-31}
            feeds: [{name: acd, url: 'https://feeds.example'}]
            charges: {currency: GBP, amount: 100000, schedule: [{from: 2027-01-01, amount: 200000}]}
            credits: {yearCapPercent: 3}
            ";
        ("acme", Case::new(terms(contract, &[("sl", SERVICE_LEVEL)]), Vec::new()), now)
    };
    let named = |name| (name, case("", january()), "2026-02-20T00:00Z");
    vec![
        later("a period becomes Final", "", ["2026-02-13T23:59:59Z", "2026-02-14T00:00Z"]),
        later(
            "a dispute about a period that is not Final is decided",
            disputed,
            ["2026-02-04T00:00Z", "2026-02-06T00:00Z"],
        ),
        ("the first contract year begins", [years("2025-12-01T00:00Z"), years("2026-01-05T00:00Z")]),
        ("another name", [named("acme"), named("other")]),
    ]
}

fn judged_again(name: &str, case: &Case, now: &str, rollups: &mut RollUps) -> JudgedCase {
    let rows = case.packed();
    let facts = ContractFacts { name, ..case.facts(&rows) };
    judge_again(&facts, instant(now), rollups).unwrap().into()
}

/// What a judgement says of closed periods.
fn of_closed(judgement: &JudgedCase) -> (String, Option<CreditsStatus>) {
    (serde_json::to_string(&judgement.reports).unwrap(), judgement.credits.clone())
}

#[test]
fn whatever_closed_periods_rest_on_changes_them() {
    for (change, [before, after]) in changes_of_rows().into_iter().chain(changes_of_records()).chain(changes_of_time())
    {
        let mut rollups = RollUps::default();
        let (name, case, now) = &before;
        let first = judged_again(name, case, now, &mut rollups);
        let (name, case, now) = &after;
        let again = judged_again(name, case, now, &mut rollups);
        assert_ne!(of_closed(&again), of_closed(&first), "{change}");
        assert_eq!(again, judged_again(name, case, now, &mut RollUps::default()), "{change}");
    }
}

#[test]
fn neither_time_nor_rows_of_the_running_period_make_the_reports_of_closed_ones_again() {
    let mut case = case("", months(&["70", "75"]));
    let mut rollups = RollUps::default();
    let first = judged_again("acme", &case, "2026-03-20T00:00Z", &mut rollups);
    assert_eq!(first.reports.len(), 2);
    case.add(vec![month("2026-03", 60, 100).known("2026-03-21T00:00Z")]);
    for now in ["2026-03-20T06:00Z", "2026-03-21T00:00Z", "2026-03-22T00:00Z"] {
        let again = judged_again("acme", &case, now, &mut rollups);
        assert!(again.reports.iter().zip(&first.reports).all(|(one, other)| one.is_one_with(other)), "{now}");
        assert_eq!(again, case.judge(now), "{now}");
    }
}

#[test]
fn filed_reports_are_taken_over_by_every_later_judgement_that_says_the_same() {
    let rows = || months(&["70", "75", "80", "85", "90"]);
    let relieved = "relief: [{name: cut, cause: ForceMajeure, from: 2026-05-05T00:00:00Z, to: 2026-05-06T00:00:00Z, decision: Accepted, decidedAt: 2026-06-02T00:00:00Z}]";
    let mut restated = case("", rows());
    restated.add(vec![month("2026-04", 9_000, 10_000).revised(2).known("2026-06-01T00:00:00Z")]);
    for (name, later, now) in [
        ("a period became Final", case("", rows()), "2026-06-20T00:00Z"),
        ("a later one is restated", restated, "2026-06-10T00:00Z"),
        ("relief of a later one", case(relieved, rows()), "2026-06-10T00:00Z"),
    ] {
        let mut rollups = RollUps::default();
        let first = judged_again("acme", &case("", rows()), "2026-05-20T00:00Z", &mut rollups);
        let again = judged_again("acme", &later, now, &mut rollups);
        let (before, after) = (&first.judgement.reports, &again.judgement.reports);
        let filed = before.iter().take_while(|report| matches!(report, JudgedReport::Filed(_)));
        assert_eq!(filed.zip(after).filter(|(one, other)| one.is_one_with(other)).count(), 2, "{name}");
        assert_ne!(before, after, "{name}");
        assert_eq!(again, later.judge(now), "{name}");
    }
}

#[test]
fn rows_without_news_for_a_period_that_is_not_final_leave_its_report() {
    let mut case = case("", january());
    let mut rollups = RollUps::default();
    let first = judged_again("acme", &case, "2026-02-05T00:00Z", &mut rollups);
    assert_eq!(first.reports[0].state, PeriodState::Provisional);
    case.add(vec![row("2026-02-05T00:00Z", "2026-02-06T00:00Z", &[("answeredWithin", 1), ("answered", 2)])]);
    let again = judged_again("acme", &case, "2026-02-06T00:00Z", &mut rollups);
    assert!(again.reports[0].is_one_with(&first.reports[0]));
    assert_eq!(again, case.judge("2026-02-06T00:00Z"));
}

/// Ten days of March, of which some are better than others.
fn ten_days() -> Vec<Row> {
    let day = |day: i64| {
        let good = 60 + day * 7 % 30;
        let measures =
            [("answeredWithin", good), ("answered", 100), ("resolvedFirstContact", good), ("contactsWithIssue", 100)];
        row(&format!("2026-03-{day:02}T00:00Z"), &format!("2026-03-{:02}T00:00Z", day + 1), &measures)
    };
    (1..=10).map(day).collect()
}

const RELIEVED: &str = "relief: [{name: cut, cause: ForceMajeure, from: FROM-05T00:00:00Z, to: FROM-07T00:00:00Z, decision: Accepted, decidedAt: AT}]";

/// The same rows at two instants, of which the first ones are carried over but for one reason.
fn changes_of_what_is_carried() -> Vec<Change> {
    let march = |contract: &str, kpi: &str, now| {
        let contract = flat(CONTRACT).replace("2026-01-01", "2026-03-01") + contract;
        ("acme", Case::new(terms(&contract, &[("sl", kpi)]), ten_days()), now)
    };
    let relieved = |month: &str, at: &str| RELIEVED.replace("FROM", month).replace("AT", at);
    let (cut, both) = (relieved("2026-03", "2026-03-13T00:00:00Z"), ["2026-03-12T12:00Z", "2026-03-14T12:00Z"]);
    let late = |now, rows| {
        let (name, mut case, now) = march("", SERVICE_LEVEL, now);
        case.add(rows);
        (name, case, now)
    };
    let of_queue = row("2026-03-04T00:00Z", "2026-03-05T00:00Z", &[("answeredWithin", 1), ("answered", 50)]);
    let of_queue = of_queue.labelled("queue", "b").known("2026-03-14T00:00Z");
    let aged = "kpi: FirstContactResolution\nobjective: {target: 70}\nmaturity: 5d";
    let miss = flat(SERVICE_LEVEL) + "missingData: {policy: Miss, after: 3d}";
    let silent = |now| ("acme", Case::new(terms(CONTRACT, &[("sl", &miss)]), Vec::new()), now);
    let cut_in_january = relieved("2026-01", "2026-02-06T00:00:00Z");
    let of_january = |now| {
        let rows = vec![
            row("2026-01-05T00:00Z", "2026-01-06T00:00Z", &[("answeredWithin", 1), ("answered", 50)]),
            month("2026-01", 9_000, 10_000),
        ];
        ("acme", case(&cut_in_january, rows), now)
    };
    vec![
        ("relief of days of the running period", both.map(|now| march(&cut, SERVICE_LEVEL, now))),
        ("a late row of one of them", [late(both[0], Vec::new()), late(both[1], vec![of_queue])]),
        ("rows that become old enough", both.map(|now| march("", aged, now))),
        ("a figure that has been missing for long", ["2026-02-03T00:00Z", "2026-02-05T00:00Z"].map(silent)),
        ("relief of a period that is not Final", ["2026-02-05T00:00Z", "2026-02-07T00:00Z"].map(of_january)),
    ]
}

#[test]
fn what_is_carried_over_changes_with_relief_late_rows_age_and_silence() {
    for (change, [before, after]) in changes_of_what_is_carried() {
        let shown = |judgement: &JudgedCase| {
            let current = judgement.kpis["sl"].current.as_ref().map(|current| (&current.days, &current.projected));
            serde_json::to_string(&(current, &judgement.reports)).unwrap()
        };
        let mut rollups = RollUps::default();
        let (name, case, now) = &before;
        let first = judged_again(name, case, now, &mut rollups);
        let (name, case, now) = &after;
        let again = judged_again(name, case, now, &mut rollups);
        assert_ne!(shown(&again), shown(&first), "{change}");
        assert_eq!(again, judged_again(name, case, now, &mut RollUps::default()), "{change}");
    }
}

/// Takes out the closed periods that roll-ups hold, and looks at them.
fn closed_of<T>(rollups: &mut RollUps, look: impl FnOnce(&ClosedPeriods) -> T) -> T {
    let closed = as_kept::<ClosedPeriods>(rollups.take_closed().closed.unwrap()).unwrap();
    look(&closed)
}

#[test]
fn readings_of_periods_that_are_not_final_are_held_once_and_count_with_what_touched_the_final_ones() {
    let mut rollups = RollUps::default();
    let mut touched = case("", months(&["70", "75"]));
    for now in ["2026-03-03T00:00Z", "2026-03-04T00:00Z", "2026-03-05T00:00Z"] {
        judged_again("acme", &touched, now, &mut rollups);
    }
    let few = closed_of(&mut rollups, |closed| {
        let [provisional] = &closed.rests_on.provisional[..] else { panic!("February is not Final yet") };
        let readings: Vec<&Arc<KeptReading>> = provisional.readings.iter().flatten().collect();
        assert_eq!(readings.iter().map(|reading| Arc::strong_count(reading)).collect::<Vec<_>>(), [2]);
        assert!(closed.bytes() > readings.iter().map(|reading| reading.bytes()).sum());
        closed.bytes()
    });
    let corrections = 200;
    for revision in 0..corrections {
        let known = format!("2026-02-{:02}T{:02}:{:02}Z", 20 + revision % 5, revision / 5 % 24, revision / 120);
        touched.add(vec![corrected(6_000 + revision, revision + 2, &known)]);
    }
    judged_again("acme", &touched, "2026-03-05T00:00Z", &mut rollups);
    let many = closed_of(&mut rollups, |closed| (closed.bytes(), closed.rests_on.touches.len()));
    assert_eq!(many.1, corrections as usize);
    assert!(many.0 - few > 80 * corrections as usize, "{few} and {} bytes", many.0);
}
