//! Tallies: days, weeks and months judged one by one. Each case has its arithmetic beside it.

use super::*;
use crate::api::sla_report::TallyLine;
use crate::domain::terms::calendar::days_from;

/// Daily figures of 2026 in UTC; money in GBP, no charges.
const DAILY: &str = "
    term: {start: 2026-01-01, end: 2026-12-31}
    feeds: [{name: acd, url: 'https://feeds.example', cadence: 24h}]
    charges: {currency: GBP}
    ";
/// At most 2 days under 80 %.
const DAYS: &str = "
    kpi: ServiceLevel
    variant: AnsweredOnly
    tally: {each: Day, comparison: AtLeast, target: 80}
    objective: {target: 2}
    ";

/// A day on which this number of 100 calls was answered in time.
fn day(day: &str, good: i64) -> Row {
    volume(day, good, 100)
}

fn volume(day: &str, good: i64, all: i64) -> Row {
    let next = days_from(day.parse().unwrap()).nth(1).unwrap();
    row(&format!("{day}T00:00Z"), &format!("{next}T00:00Z"), &[("answeredWithin", good), ("answered", all)])
}

/// Each day of a span, with one value.
fn days(first: &str, last: &str, good: i64) -> Vec<Row> {
    let last = last.parse().unwrap();
    days_from(first.parse().unwrap()).take_while(|one| *one <= last).map(|one| day(&one.to_string(), good)).collect()
}

fn judged(contract: &str, kpi: &str, rows: Vec<Row>, now: &str, period: &str) -> KpiLine {
    let judgement = Case::new(terms(contract, &[("sl", kpi)]), rows).judge(now);
    line(&judgement, period, "sl").clone()
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn the_value_is_how_many_days_missed_and_the_volume_how_many_were_judged() {
    // Of four days with rows 79, 70 and 60 miss 80; 80 itself does not. 27 days of May have no rows and are not judged.
    let rows = vec![day("2026-05-04", 79), day("2026-05-05", 80), day("2026-05-06", 70), day("2026-05-31", 60)];
    let line = judged(DAILY, DAYS, rows, "2026-06-02T00:00Z", "2026-05");
    assert_eq!(
        (line.value.as_deref(), line.numerator.as_deref(), line.denominator.as_deref()),
        (Some("3"), Some("3"), Some("4"))
    );
    assert_eq!(
        (line.verdict, line.target.as_deref(), line.comparison),
        (Verdict::Missed, Some("2"), crate::api::verdict::Comparison::AtMost)
    );
    let tally = line.tally.unwrap();
    assert_eq!(tally.missed, names(&["2026-05-04", "2026-05-06", "2026-05-31"]));
    assert_eq!((tally.unjudged.len(), tally.unjudged[0].as_str()), (27, "2026-05-01"));
    assert_eq!(line.evidence.rows, 4);
}

#[test]
fn misses_are_priced_by_the_day() {
    for (price, good, credit) in [
        // 3 days missed and 2 are allowed: one day × 1,500.
        ("amount: 1500", 70, "1500.00"),
        // Each of the three, from the first on.
        ("amount: 1500, beyond: 0", 70, "4500.00"),
        // Met: nothing.
        ("amount: 1500, beyond: 0", 90, "0.00"),
    ] {
        let kpi = format!("{}price: {{{price}}}", flat(DAYS));
        let rows = days("2026-05-12", "2026-05-14", good);
        assert_eq!(
            judged(DAILY, &kpi, rows, "2026-06-02T00:00Z", "2026-05").credit.as_deref(),
            Some(credit),
            "{price}"
        );
    }
}

#[test]
fn a_day_is_judged_by_its_own_rounding_and_minimum() {
    // 79.5 % of 200 calls round to 80 and meet it; 5 of 10 calls are too few to tell; 70 % miss.
    let kpi = format!("{}rounding: {{decimals: 0}}\nminimum: {{volume: 100}}", flat(DAYS));
    let rows = vec![volume("2026-05-04", 159, 200), volume("2026-05-05", 5, 10), day("2026-05-06", 70)];
    let line = judged(DAILY, &kpi, rows, "2026-06-02T00:00Z", "2026-05");
    assert_eq!(
        (line.value.as_deref(), line.denominator.as_deref(), line.verdict),
        (Some("1"), Some("2"), Verdict::Met)
    );
    assert!(line.tally.unwrap().unjudged.contains(&"2026-05-05".to_owned()));
}

#[test]
fn without_a_judged_day_there_is_no_data_or_too_little() {
    let kpi = format!("{}minimum: {{volume: 100}}", flat(DAYS));
    for (rows, verdict) in [
        (vec![], Verdict::NoData),
        (vec![volume("2026-05-05", 0, 0)], Verdict::NoData),
        (vec![volume("2026-05-05", 5, 10)], Verdict::InsufficientVolume),
    ] {
        let line = judged(DAILY, &kpi, rows, "2026-06-02T00:00Z", "2026-05");
        assert_eq!((line.verdict, line.value), (verdict, None));
    }
}

#[test]
fn an_excused_day_is_judged_and_not_missed() {
    // Three days miss; the relief of the 6th leaves two, which meets "at most 2". Without it 3 would miss.
    let contract = flat(DAILY)
        + "relief: [{name: cut, cause: ForceMajeure, from: 2026-05-06T00:00:00Z, to: 2026-05-07T00:00:00Z, decision: Accepted}]";
    let line = judged(&contract, DAYS, days("2026-05-04", "2026-05-06", 70), "2026-06-02T00:00Z", "2026-05");
    assert_eq!(
        (line.raw_value.as_deref(), line.value.as_deref(), line.denominator.as_deref()),
        (Some("3"), Some("2"), Some("3"))
    );
    assert_eq!((line.verdict, line.excused_by), (Verdict::Excused, names(&["cut"])));
    assert_eq!(line.tally.unwrap().missed, names(&["2026-05-04", "2026-05-05"]));
}

#[test]
fn only_days_with_service_are_parts_and_silence_may_be_a_miss() {
    // May 2026 has 21 days from Monday to Friday. On two of them 90 % were reached; the other 19 are silent. They are misses three
    // days after the month's end, where that was agreed: 19 − 2 = 17 × 100.
    let contract = flat(DAILY)
        + "calendar: {serviceHours: [{days: [Monday, Tuesday, Wednesday, Thursday, Friday], from: '08:00', to: '20:00'}]}";
    let kpi = format!("{}price: {{amount: 100, upTo: 5000}}\nmissingData: {{policy: Miss, after: 3d}}", flat(DAYS));
    let rows = || days("2026-05-04", "2026-05-05", 90);
    let before = judged(&contract, &kpi, rows(), "2026-06-03T23:59Z", "2026-05");
    assert_eq!(
        (before.value.as_deref(), before.denominator.as_deref(), before.verdict),
        (Some("0"), Some("2"), Verdict::Met)
    );
    assert_eq!(before.tally.unwrap().unjudged.len(), 19);
    let after = judged(&contract, &kpi, rows(), "2026-06-04T00:00Z", "2026-05");
    assert_eq!((after.value.as_deref(), after.denominator.as_deref()), (Some("19"), Some("21")));
    assert_eq!(after.credit.as_deref(), Some("1700.00"));
    assert_eq!(after.tally.unwrap().unjudged, names(&[]));
}

#[test]
fn a_week_belongs_to_the_period_in_which_it_ends_with_all_of_its_rows() {
    // W18 runs from 27 April to 3 May: its rows of April count with it in May. 70 % on 28 April and 96 % on 2 May are 83 %: met.
    // W19 (4 to 10 May) has 75 %, W22 (25 to 31 May) 70 %; W20 and W21 have no rows. Two of three missed.
    let kpi = flat(DAYS).replace("each: Day", "each: Week").replace("objective: {target: 2}", "objective: {target: 1}");
    let rows = vec![day("2026-04-28", 70), day("2026-05-02", 96), day("2026-05-06", 75), day("2026-05-31", 70)];
    let line = judged(DAILY, &kpi, rows, "2026-06-02T00:00Z", "2026-05");
    assert_eq!(
        (line.value.as_deref(), line.denominator.as_deref(), line.verdict),
        (Some("2"), Some("3"), Verdict::Missed)
    );
    let expected = TallyLine { missed: names(&["2026-W19", "2026-W22"]), unjudged: names(&["2026-W20", "2026-W21"]) };
    assert_eq!(line.tally, Some(expected));
    assert_eq!(line.evidence.rows, 4);
    // April has the weeks that end in it, W14 (to 5 April) to W17 (to 26 April): none of these rows.
    let rows = vec![day("2026-04-28", 70)];
    assert_eq!(judged(DAILY, &kpi, rows, "2026-06-02T00:00Z", "2026-04").verdict, Verdict::NoData);
}

#[test]
fn months_of_a_quarter_are_counted_and_the_term_cuts_the_first() {
    // From 15 January: January's rows before are none of the contract's. January 70 % and March 79 % miss, February meets.
    let contract = flat(DAILY).replace("start: 2026-01-01", "start: 2026-01-15") + "period: Quarterly";
    let kpi =
        flat(DAYS).replace("each: Day", "each: Month").replace("objective: {target: 2}", "objective: {target: 0}");
    let rows = vec![day("2026-01-10", 100), day("2026-01-20", 70), day("2026-02-10", 90), day("2026-03-10", 79)];
    let line = judged(&contract, &kpi, rows, "2026-04-02T00:00Z", "2026-Q1");
    assert_eq!((line.value.as_deref(), line.denominator.as_deref()), (Some("2"), Some("3")));
    assert_eq!(line.tally.unwrap().missed, names(&["2026-01", "2026-03"]));
}

#[test]
fn the_running_period_counts_the_days_that_have_ended() {
    // Two full days of June and half of the third, which has not ended: 70 %, 90 %, 0 % so far.
    let mut rows = vec![day("2026-06-01", 70), day("2026-06-02", 90)];
    rows.push(row("2026-06-03T00:00Z", "2026-06-03T12:00Z", &[("answeredWithin", 0), ("answered", 100)]));
    let judgement = Case::new(terms(DAILY, &[("sl", DAYS)]), rows).judge("2026-06-03T13:00Z");
    let current = judgement.kpis["sl"].current.clone().unwrap();
    assert_eq!(
        (current.value.as_deref(), current.denominator.as_deref(), current.verdict),
        (Some("1"), Some("2"), Verdict::Met)
    );
    assert_eq!((current.projected.as_deref(), current.probability), (Some("1.0"), None));
}

#[test]
fn a_late_day_restates_the_count_and_the_list() {
    // 3 days missed: 1,500. In July the 6th of May turns out to have been 85 %: 2 missed, nothing owed.
    let kpi = format!("{}price: {{amount: 1500}}", flat(DAYS));
    let mut rows = days("2026-05-04", "2026-05-06", 70);
    rows.push(day("2026-05-06", 85).revised(2).known("2026-07-01T00:00Z"));
    let judgement = Case::new(terms(DAILY, &[("sl", &kpi)]), rows).judge("2026-07-02T00:00Z");
    let of_may: Vec<_> = judgement.reports.iter().filter(|report| report.period.name == "2026-05").collect();
    let seen: Vec<_> = of_may
        .iter()
        .map(|report| {
            (report.revision, report.kpis[0].value.as_deref().unwrap(), report.kpis[0].credit.as_deref().unwrap())
        })
        .collect();
    assert_eq!(seen, [(1, "3", "1500.00"), (2, "2", "0.00")]);
    assert_eq!(of_may[1].kpis[0].tally.as_ref().unwrap().missed, names(&["2026-05-04", "2026-05-05"]));
}

#[test]
fn more_missed_days_than_a_report_lists_are_counted_all() {
    // 90 days of the first quarter miss, 31 are listed.
    let contract = flat(DAILY) + "period: Quarterly";
    let line = judged(&contract, DAYS, days("2026-01-01", "2026-03-31", 10), "2026-04-02T00:00Z", "2026-Q1");
    assert_eq!((line.value.as_deref(), line.tally.unwrap().missed.len()), (Some("90"), 31));
}
