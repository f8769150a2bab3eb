//! Days that are missing: named as gaps, and moving no figure.

use super::*;

/// A row a day of figures that are the same each day, from one day of 2026 to another (both included), without some days.
fn daily(first: &str, last: &str, without: &[&str], measures: &[(&str, i64)]) -> Vec<Row> {
    let date = |text: &str| text.parse::<jiff::civil::Date>().unwrap();
    let days = std::iter::successors(Some(date(first)), |day| day.tomorrow().ok()).take_while(|day| *day <= date(last));
    days.filter(|day| !without.iter().any(|gap| date(gap) == *day))
        .map(|day| row(&format!("{day}T00:00Z"), &format!("{}T00:00Z", day.tomorrow().unwrap()), measures))
        .collect()
}

const DAILY: &str = "
    term: {start: 2026-01-01, end: 2026-12-31}
    feeds: [{name: acd, url: 'https://feeds.example', cadence: 24h}]
    ";
const ATTRITION: &str = "
    kpi: Attrition
    objective: {target: 36}
    rounding: {decimals: 2}
    ";

/// Headcount 100 from January on, without 15 January; three leave in each month, on the 3rd.
fn leaving(last: &str) -> Vec<Row> {
    let mut rows = daily("2026-01-01", last, &["2026-01-15"], &[("leavers", 0), ("headcount", 100)]);
    let thirds = rows.iter_mut().filter(|row| row.start.to_string().get(8..10) == Some("03"));
    for row in thirds {
        row.measures.insert("leavers".to_owned(), 3.into());
    }
    rows
}

#[test]
fn a_missing_day_shortens_no_window_of_attrition() {
    let case = Case::new(terms(DAILY, &[("attrition", ATTRITION)]), leaving("2026-03-10"));
    let closed = case.judge("2026-03-11T00:00Z");
    let found: Vec<_> =
        lines(&closed, "attrition").into_iter().map(|line| (line.value.as_deref(), line.verdict)).collect();
    // 3 of 100 in 31 days are 35.35 % a year; cut at the hole, in 14 days, they would be 78.27 %. February is whole: 28 days.
    assert_eq!(found, [(Some("35.35"), Verdict::Met), (Some("39.13"), Verdict::Missed)]);
    // The hole is named, and the data reaches it without a gap.
    let january = report(&closed, "2026-01");
    assert_eq!(january.data_through, Some(instant("2026-01-15T00:00Z")));
    assert_eq!(january.gaps.len(), 1);
    // While March runs its window ends at asOf: 3 of 100 in 10 days.
    let current = closed.kpis["attrition"].current.clone().unwrap();
    assert_eq!((current.value.as_deref(), current.as_of), (Some("109.58"), Some(instant("2026-03-11T00:00Z"))));
}

#[test]
fn an_old_hole_holds_no_rolling_window_back() {
    let mut rows = daily("2026-01-01", "2026-04-30", &["2026-01-15"], &[("answeredWithin", 90), ("answered", 100)]);
    rows.extend(daily("2026-05-01", "2026-05-30", &[], &[("answeredWithin", 50), ("answered", 100)]));
    let rolling = "
        kpi: ServiceLevel
        variant: AnsweredOnly
        objective: {target: 80, schedule: [{from: 2026-05-31, target: 85}]}
        window: {type: Rolling, length: 28d}
        ";
    let judgement = Case::new(terms(DAILY, &[("sl", rolling)]), rows).judge("2026-05-31T08:00Z");
    let current = judgement.kpis["sl"].current.clone().unwrap();
    assert_eq!(
        (current.value.as_deref(), current.verdict, current.denominator.as_deref(), current.as_of),
        (Some("50"), Verdict::Missed, Some("2800"), Some(instant("2026-05-31T00:00Z")))
    );
    // The window that runs takes the target of the day of asOf.
    assert_eq!(current.target.as_deref(), Some("85"));
}

#[test]
fn a_hole_does_not_count_as_time_in_which_nothing_happened() {
    let contract = flat(DAILY).replace("2026-01-01", "2026-06-01");
    let rows = daily("2026-06-01", "2026-06-10", &["2026-06-03"], &[("answeredWithin", 150), ("answered", 200)]);
    let judgement = Case::new(terms(&contract, &[("sl", SERVICE_LEVEL)]), rows).judge("2026-06-11T00:00Z");
    let current = judgement.kpis["sl"].current.clone().unwrap();
    // 1,800 in the 9 days that are known, 4,000 more in the 20 that are left: 20 % of 5,800 less 450 missed. Measured from the
    // hole, 25,200 would be left of which 4,950 may be missed.
    assert_eq!(current.budget_remaining.as_deref(), Some("710"));
    assert_eq!(current.as_of, Some(instant("2026-06-11T00:00Z")));
}

#[test]
fn a_day_with_a_hole_and_the_day_of_as_of_do_not_count_for_their_weekday() {
    let contract = flat(DAILY).replace("2026-01-01", "2026-06-01").replace("24h", "12h");
    let halves = |last: &str| -> Vec<Row> {
        let days = daily("2026-06-01", last, &[], &[("answeredWithin", 40), ("answered", 50)]);
        let half = |row: &Row, hours: i64| {
            let start = row.start + jiff::SignedDuration::from_hours(hours);
            let end = start + jiff::SignedDuration::from_hours(12);
            Row { start, end, known_at: end, ..row.clone() }
        };
        days.iter().flat_map(|row| [half(row, 0), half(row, 12)]).collect()
    };
    for (case, last, without, budget) in [
        // 2,300 of which 20 % were missed, 700 more: 140 may be.
        ("whole", "2026-06-23", vec![], "140"),
        // The afternoon of Wednesday the 10th: 50 fewer went, and as many are still expected.
        ("a hole", "2026-06-23", vec!["2026-06-10T12:00:00Z"], "140"),
        // The afternoon of the 24th, a Wednesday too, is still to come: half of the mean of the other Wednesdays.
        ("half of the day of asOf", "2026-06-24", vec!["2026-06-24T12:00:00Z"], "130"),
    ] {
        let mut rows = halves(last);
        rows.retain(|row| !without.contains(&row.start.to_string().as_str()));
        let end = rows.iter().map(|row| row.end).max().unwrap();
        let judgement = Case::new(terms(&contract, &[("sl", SERVICE_LEVEL)]), rows).judge_at(end);
        let current = judgement.kpis["sl"].current.clone().unwrap();
        assert_eq!(current.budget_remaining.as_deref(), Some(budget), "{case}");
        assert_eq!(current.as_of, Some(end), "{case}");
    }
}

#[test]
fn as_of_moves_when_a_row_that_is_known_early_ends() {
    let mut rows = daily("2026-01-01", "2026-01-05", &[], &[("answeredWithin", 90), ("answered", 100)]);
    // Five minutes before its end, as clocks that go ahead have it.
    rows[4].known_at = instant("2026-01-05T23:55:00Z");
    let kpi = format!("{}maturity: 2d", flat(SERVICE_LEVEL));
    let case = Case::new(terms(DAILY, &[("sl", &kpi)]), rows);
    let before = case.judge("2026-01-05T23:55:00Z");
    assert_eq!(before.kpis["sl"].current.as_ref().unwrap().as_of, Some(instant("2026-01-05T00:00Z")));
    assert_eq!(before.next, Some(instant("2026-01-06T00:00:00Z")));
    let after = case.judge("2026-01-06T00:00:00Z");
    assert_eq!(after.kpis["sl"].current.as_ref().unwrap().as_of, Some(instant("2026-01-06T00:00Z")));
}
