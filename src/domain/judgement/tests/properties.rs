//! What holds for any contract.

use jiff::SignedDuration;
use proptest::prelude::*;
use rust_decimal::Decimal;

use super::*;

const CAPPED: &str = "
    term: {start: 2026-01-01, end: 2026-07-31}
    feeds: [{name: acd, url: 'https://feeds.example', cadence: 24h}, {name: ours, url: 'https://own.example', cadence: 24h}]
    disputes:
      - {name: february, period: '2026-02', kpi: checked, raisedOn: 2026-03-05, party: Client, decision: Accepted, decidedAt: '2026-04-01T00:00:00Z'}
      - {name: march, period: '2026-03', raisedOn: 2026-04-02, party: Vendor}
    charges: {currency: GBP, amount: 100000, atRiskPercent: 8}
    credits: {points: {perPointPercent: 1, repeatMultiplier: 2}, yearCapPercent: 3, ramp: [{until: 31d, credit: Half}], earnBack: {within: 2}}
    triggers: [{name: chronic, when: {failures: {atLeast: 2, outOf: 3}}, then: TerminationRight}]
    ";
const KPIS: [(&str, &str); 5] = [
    (
        "points",
        "kpi: ServiceLevel\nvariant: AnsweredOnly\nobjective: {target: 80}\nbands: [{severity: Minor, bound: 75, points: 1}, {severity: Serious, points: 3}]",
    ),
    (
        "priced",
        "kpi: ServiceLevel\nvariant: AnsweredOnly\nobjective: {target: 85, stretch: 90}\nbands: [{severity: Minor, bound: 70, percent: 2}, {severity: Serious, proportional: true}]\nbonus: {from: 95, amount: 100}",
    ),
    (
        "stepped",
        "kpi: ServiceLevel\nvariant: AnsweredOnly\nobjective: {target: 82, stretch: 90}\nprice: {amount: '312.5', per: '0.5', beyond: 81, upTo: 9000, schedule: [{from: 2026-03-01, amount: 400}]}\nrepeats: [{misses: 1, times: '0.5'}, {misses: 2, times: 1}, {misses: 4, times: '2.5'}]",
    ),
    (
        "bad-days",
        "kpi: ServiceLevel\nvariant: AnsweredOnly\ntally: {each: Day, target: 78}\nobjective: {target: 0}\nprice: {amount: 700}",
    ),
    // What two sources cost together is not monotone: at the tolerance another value is judged.
    (
        "checked",
        "kpi: ServiceLevel\nvariant: AnsweredOnly\nobjective: {target: 80}\nsource: {feed: acd, crossCheck: {feed: ours, tolerance: 3, prefer: Worse}}",
    ),
];

/// Values of the first months, as hundredths of a percent; 0 is no data.
fn values() -> impl Strategy<Value = Vec<i64>> {
    prop::collection::vec(prop_oneof![1 => Just(0), 6 => 5_000_i64..10_000], 1..7)
}

fn rows(values: &[i64]) -> Vec<Row> {
    let months = values.iter().enumerate().filter(|(_, value)| **value > 0);
    months.map(|(place, value)| month(&format!("2026-{:02}", place + 1), *value, 10_000)).collect()
}

/// Corrections: month, value, days after the start of the year at which they become known.
fn corrections() -> impl Strategy<Value = Vec<(usize, i64, i64)>> {
    prop::collection::vec((0..6_usize, 5_000_i64..10_000, 40..250_i64), 0..5)
}

fn with_corrections(values: &[i64], corrections: &[(usize, i64, i64)]) -> Vec<Row> {
    let mut rows = rows(values);
    for (revision, (place, value, days)) in (2..).zip(corrections) {
        let mut row = month(&format!("2026-{:02}", place + 1), *value, 10_000).revised(revision);
        row.known_at = row.known_at.max(instant("2026-01-01T00:00Z") + SignedDuration::from_hours(24 * days));
        rows.push(row);
    }
    rows
}

/// The client's own figures say 78 % in the first five months.
fn case(contract: &str, rows: Vec<Row>) -> Case {
    let mut case = Case::new(terms(contract, &KPIS), rows);
    let own = (1..=5).map(|place| Row { sequence: place, ..month(&format!("2026-{place:02}"), 7_800, 10_000) });
    case.rows.insert("ours".to_owned(), own.collect());
    case
}

fn net_of(report: &SlaReportSpec) -> Exact {
    exact(&report.credit.as_ref().unwrap().net)
}

/// Reports of Final periods by name and revision.
fn finals(judgement: &Judgement) -> Vec<String> {
    let finals = judgement.reports.iter().filter(|report| report.state == PeriodState::Final);
    finals.map(|report| serde_json::to_string(report).unwrap()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn the_order_of_rows_changes_nothing(
        values in values(), corrections in corrections(), seed in any::<u64>(),
    ) {
        let rows = with_corrections(&values, &corrections);
        let mut shuffled: Vec<(u64, Row)> = rows.iter().cloned().enumerate()
            .map(|(place, row)| (seed.wrapping_mul(place as u64 * 2 + 1).rotate_left(17), row)).collect();
        shuffled.sort_by_key(|(key, _)| *key);
        let shuffled = shuffled.into_iter().map(|(_, row)| row).collect();
        prop_assert_eq!(case(CAPPED, rows).judge("2026-10-01T00:00Z"), case(CAPPED, shuffled).judge("2026-10-01T00:00Z"));
    }

    #[test]
    fn evaluation_at_any_two_instants_after_final_gives_the_same_bytes(
        values in values(), corrections in corrections(), early in 45..300_i64, later in 0..200_i64,
    ) {
        let case = case(CAPPED, with_corrections(&values, &corrections));
        let at = |days: i64| instant("2026-01-01T00:00Z") + SignedDuration::from_hours(24 * days);
        let (early, late) = (case.judge_at(at(early)), case.judge_at(at(early + later)));
        let late_finals = finals(&late);
        for report in finals(&early) {
            prop_assert!(late_finals.contains(&report), "{}", report);
        }
    }

    #[test]
    fn nothing_changes_before_the_instant_that_is_named_next(
        values in values(), corrections in corrections(), days in 0..400_i64,
    ) {
        let case = case(CAPPED, with_corrections(&values, &corrections));
        let now = instant("2026-01-01T00:00Z") + SignedDuration::from_hours(24 * days);
        let judgement = case.judge_at(now);
        let Some(next) = judgement.next else { return Ok(()) };
        let just_before = next - SignedDuration::from_nanos(1);
        let mut later = case.judge_at(just_before.max(now));
        // When a feed counts as late is no part of what is judged.
        later.feeds = judgement.feeds.clone();
        prop_assert_eq!(judgement, later);
    }

    #[test]
    fn a_judgement_that_was_written_is_read_as_the_same(
        values in values(), corrections in corrections(), days in 0..400_i64,
    ) {
        let now = instant("2026-01-01T00:00Z") + SignedDuration::from_hours(24 * days);
        let mut judgement = case(CAPPED, with_corrections(&values, &corrections)).judge_at(now);
        judgement.kpis.values_mut().for_each(|kpi| kpi.risk_news = None);
        let written = serde_json::to_vec(&judgement).unwrap();
        prop_assert_eq!(serde_json::from_slice::<Judgement>(&written).unwrap(), judgement);
    }

    #[test]
    fn a_better_value_never_costs_more(values in values(), place in 0..6_usize, better in 0..5_000_i64) {
        let mut improved = values.clone();
        let Some(value) = improved.get_mut(place).filter(|value| **value > 0) else { return Ok(()) };
        *value = (*value + better).min(10_000);
        let uncapped = CAPPED.replace(", atRiskPercent: 8", "").replace("yearCapPercent: 3, ", "");
        let total = |values: &[i64]| case(&uncapped, rows(values)).judge("2026-10-01T00:00Z").reports.iter().map(net_of).sum::<Exact>();
        prop_assert!(total(&improved) <= total(&values));
        let net = |values: &[i64]| net_of(&case(CAPPED, rows(values)).judge("2026-10-01T00:00Z").reports[place]);
        prop_assert!(net(&improved) <= net(&values));
    }

    #[test]
    fn lowering_a_cap_never_raises_a_credit_and_no_credit_exceeds_its_cap(
        values in values(), cap in 0..100_i64, lower in 0..100_i64, of_year in any::<bool>(),
    ) {
        let lower = lower.min(cap);
        let contract = |cap: i64| {
            let (period, year) = if of_year { (100, cap) } else { (cap, 100) };
            CAPPED.replace("atRiskPercent: 8", &format!("atRiskPercent: {period}")).replace("yearCapPercent: 3", &format!("yearCapPercent: {year}"))
        };
        let judged = |cap: i64| case(&contract(cap), rows(&values)).judge("2026-10-01T00:00Z");
        let (high, low) = (judged(cap), judged(lower));
        let total = |judgement: &Judgement| judgement.reports.iter().map(net_of).sum::<Exact>();
        prop_assert!(total(&low) <= total(&high));
        let most = Exact::from(100_000).percent(&Exact::from(cap));
        if of_year {
            prop_assert!(total(&high) <= most * Exact::from(7));
        } else {
            for (high, low) in high.reports.iter().zip(&low.reports) {
                prop_assert!(net_of(low) <= net_of(high) && net_of(high) <= most);
            }
        }
    }

    #[test]
    fn a_restatement_to_the_same_value_is_no_restatement(values in values(), days in 45..250_i64) {
        let mut rows = rows(&values);
        let again: Vec<Row> = rows.iter().cloned().map(|row| {
            let known = instant("2026-01-01T00:00Z") + SignedDuration::from_hours(24 * days);
            Row { revision: 2, known_at: known.max(row.known_at), ..row }
        }).collect();
        let before = case(CAPPED, rows.clone()).judge("2026-10-01T00:00Z");
        rows.extend(again);
        prop_assert_eq!(case(CAPPED, rows).judge("2026-10-01T00:00Z").reports, before.reports);
    }

    #[test]
    fn repeats_never_cross_a_met_period_and_revisions_are_numbered_without_gaps(
        values in values(), corrections in corrections(),
    ) {
        let judgement = case(CAPPED, with_corrections(&values, &corrections)).judge("2026-10-01T00:00Z");
        for name in ["points", "priced", "stepped", "bad-days"] {
            let mut previous = None;
            for line in lines(&judgement, name) {
                if line.repeat {
                    prop_assert_eq!((line.verdict, previous), (Verdict::Missed, Some(Verdict::Missed)));
                }
                if matches!(line.verdict, Verdict::Met | Verdict::Missed) {
                    previous = Some(line.verdict);
                }
            }
        }
        let mut expected = 1;
        for (place, report) in judgement.reports.iter().enumerate() {
            let is_new = place == 0 || judgement.reports[place - 1].period.name != report.period.name;
            expected = if is_new { 1 } else { expected + 1 };
            prop_assert_eq!(report.revision, expected);
        }
    }

    #[test]
    fn what_is_booked_is_the_sum_of_the_differences(values in values(), corrections in corrections()) {
        let judgement = case(CAPPED, with_corrections(&values, &corrections)).judge("2027-06-01T00:00Z");
        let deltas: Exact = judgement.reports.iter()
            .filter_map(|report| report.restates.as_ref()?.booked_in.as_ref().and(report.restates.as_ref()?.credit_delta.as_deref()))
            .map(exact).sum();
        let booked: Exact = judgement.reports.iter().filter(|report| report.revision == 1)
            .map(|report| exact(&report.credit.as_ref().unwrap().restated)).sum();
        prop_assert_eq!(deltas, booked);
    }

    #[test]
    fn splitting_and_merging_rows_changes_nothing_but_their_digest(
        values in values(), corrections in corrections(), parts in 2..6_i64, by_time in any::<bool>(),
    ) {
        let whole = with_corrections(&values, &corrections);
        let split = whole.iter().flat_map(|row| split(row, parts, by_time)).collect();
        let told = |rows: Vec<Row>| {
            let mut reports = case(CAPPED, rows).judge("2026-10-01T00:00Z").reports;
            for line in reports.iter_mut().flat_map(|report| &mut report.kpis) {
                line.evidence = Default::default();
            }
            reports
        };
        prop_assert_eq!(told(whole), told(split));
    }

    #[test]
    fn the_parts_of_a_period_add_up_to_the_period(
        figures in prop::collection::vec((0..500_i64, 0..500_i64, 0..3_usize), 1..60),
    ) {
        let first = instant("2026-01-01T00:00Z");
        let rows: Vec<Row> = (0..).zip(&figures).map(|(day, (good, bad, queue))| {
            let start = first + SignedDuration::from_hours(24 * day);
            let mut row = row("2026-01-01T00:00Z", "2026-01-02T00:00Z", &[("answered", good + bad), ("answeredWithin", *good)])
                .labelled("queue", &format!("q{queue}"));
            (row.start, row.end, row.known_at) = (start, start + SignedDuration::from_hours(24), start + SignedDuration::from_hours(24));
            row
        }).collect();
        let kpi = |labels: &str| format!("kpi: ServiceLevel\nvariant: AnsweredOnly\nobjective: {{target: 80}}\nsource: {{feed: acd{labels}}}");
        let kpis = [("all", kpi("")), ("q0", kpi(", labels: {queue: q0}")), ("q1", kpi(", labels: {queue: q1}")), ("q2", kpi(", labels: {queue: q2}"))];
        let kpis: Vec<(&str, &str)> = kpis.iter().map(|(name, yaml)| (*name, yaml.as_str())).collect();
        let sums = |period: &str, names: &[&str]| {
            let contract = format!("term: {{start: 2026-01-01, end: 2026-03-31}}\nperiod: {period}\nfeeds: [{{name: acd, url: 'https://feeds.example', cadence: 24h}}]");
            let judgement = Case::new(terms(&contract, &kpis), rows.clone()).judge("2026-06-01T00:00Z");
            let lines: Vec<KpiLine> = judgement.reports.iter().flat_map(|report| report.kpis.clone())
                .filter(|line| names.contains(&line.name.as_str())).collect();
            let total = |part: fn(&KpiLine) -> &Option<String>| lines.iter().filter_map(|line| part(line).as_deref()).map(exact).sum::<Exact>();
            (total(|line| &line.numerator), total(|line| &line.denominator))
        };
        let whole = sums("Quarterly", &["all"]);
        let good: i64 = figures.iter().map(|(good, ..)| good).sum();
        prop_assert_eq!(&whole.0, &Exact::from(good));
        for parts in [sums("Monthly", &["all"]), sums("Weekly", &["all"]), sums("Quarterly", &["q0", "q1", "q2"]), sums("Weekly", &["q0", "q1", "q2"])] {
            prop_assert_eq!(&parts, &whole);
        }
    }
}

/// The row as so many parts of itself: queues of the same time, or pieces of time.
fn split(row: &Row, parts: i64, by_time: bool) -> Vec<Row> {
    let piece = (row.end.as_second() - row.start.as_second()) / parts;
    (0..parts)
        .map(|part| {
            let mut piece_of = row.clone();
            for figure in piece_of.measures.values_mut() {
                let each = (*figure / Decimal::from(parts)).floor();
                *figure = if part + 1 == parts { *figure - each * Decimal::from(parts - 1) } else { each };
            }
            if by_time {
                piece_of.start = row.start + SignedDuration::from_secs(piece * part);
                piece_of.end =
                    if part + 1 == parts { row.end } else { row.start + SignedDuration::from_secs(piece * (part + 1)) };
            } else {
                piece_of.labels.insert("queue".to_owned(), part.to_string());
            }
            piece_of
        })
        .collect()
}
