//! What holds for any contract.

use std::collections::BTreeSet;

use jiff::{SignedDuration, ToSpan};
use proptest::prelude::*;
use rust_decimal::Decimal;

use super::*;
use crate::domain::fixtures::cases;
use crate::domain::settlement::basis::as_far_as;
use crate::domain::terms::calendar::Calendar;
use crate::domain::terms::periods::{Period, Periods};

/// A term of seven periods.
#[derive(Clone, Copy, Debug)]
struct Division {
    /// How the contract divides it.
    fields: &'static str,
    start: &'static str,
    end: &'static str,
}

/// Every length of a period but a week, with years that begin in January and elsewhere. The first period is shorter in some.
const DIVISIONS: [Division; 6] = [
    Division { fields: "period: Monthly", start: "2026-01-01", end: "2026-07-31" },
    Division { fields: "period: Quarterly\nfiscalYearStart: '04-06'", start: "2026-01-01", end: "2027-07-05" },
    Division { fields: "period: HalfYearly", start: "2026-04-01", end: "2029-06-30" },
    Division { fields: "period: HalfYearly\nfiscalYearStart: '07-28'", start: "2026-02-10", end: "2029-07-27" },
    Division { fields: "period: Yearly\nfiscalYearStart: '10-01'", start: "2026-03-01", end: "2032-09-30" },
    Division { fields: "period: ContractYear", start: "2024-02-29", end: "2030-12-31" },
];

fn divisions() -> impl Strategy<Value = Division> {
    prop_oneof![2 => Just(0), 3 => 1..DIVISIONS.len()].prop_map(|place| DIVISIONS[place])
}

impl Division {
    fn term(self) -> String {
        format!("term: {{start: {}, end: {}}}\n{}\n", self.start, self.end, self.fields)
    }

    fn periods(self) -> Vec<Period> {
        let contract = terms(&self.term(), &[]).contract;
        Periods::of(&contract, &Calendar::of(&contract).unwrap()).all().to_vec()
    }

    /// The parts that a tally judges: years of single days take long.
    fn each(self) -> &'static str {
        if self.fields == "period: Monthly" { "each: Day" } else { "each: Month" }
    }

    /// The instant that is as far into this term as that number of days is into a term of 212.
    fn moment(self, days: i64) -> Timestamp {
        let (first, last) = (instant(&format!("{}T00:00Z", self.start)), instant(&format!("{}T00:00Z", self.end)));
        let seconds = last.as_second() + 86_400 - first.as_second();
        first + SignedDuration::from_secs(seconds / 212 * days)
    }

    /// The first day of a period, with this number of 10,000 answered in time.
    fn row(self, place: usize, good: i64) -> Row {
        let start = self.periods()[place].start;
        let mut row = month("2026-01", good, 10_000);
        (row.start, row.end) = (start, start + SignedDuration::from_hours(24));
        row.known_at = row.end;
        row
    }

    /// A contract with caps, a ramp, credits that are earned back, a trigger, and two disputes, one of them decided.
    fn capped(self) -> String {
        let periods = self.periods();
        let (second, third) = (&periods[1], &periods[2]);
        let after = |period: &Period, days: i32| period.last_day.saturating_add(days.days());
        format!(
            "{}{}\ndisputes:\n  - {{name: second, period: '{}', kpi: checked, raisedOn: {}, party: Client, decision: Accepted, decidedAt: '{}T00:00:00Z'}}\n  - {{name: third, period: '{}', raisedOn: {}, party: Vendor}}",
            self.term(),
            flat(CAPPED),
            second.name,
            after(second, 5),
            after(second, 32),
            third.name,
            after(third, 2)
        )
    }
}

const CAPPED: &str = "
    feeds: [{name: acd, url: 'https://feeds.example', cadence: 24h}, {name: ours, url: 'https://own.example', cadence: 24h}]
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

/// Ways to divide the first quarter of a year.
const PARTS: [&str; 7] = [
    "Monthly",
    "Weekly",
    "Quarterly",
    "Quarterly\nfiscalYearStart: '02-14'",
    "HalfYearly\nfiscalYearStart: '01-28'",
    "Yearly\nfiscalYearStart: '03-01'",
    "ContractYear",
];

/// Values of the first periods, as hundredths of a percent; 0 means without data.
fn values() -> impl Strategy<Value = Vec<i64>> {
    prop::collection::vec(prop_oneof![1 => Just(0), 6 => 5_000_i64..10_000], 1..7)
}

fn rows(division: Division, values: &[i64]) -> Vec<Row> {
    let known = values.iter().enumerate().filter(|(_, value)| **value > 0);
    known.map(|(place, value)| division.row(place, *value)).collect()
}

/// Corrections: period, value, days into a term of 212 at which they become known.
fn corrections() -> impl Strategy<Value = Vec<(usize, i64, i64)>> {
    prop::collection::vec((0..6_usize, 5_000_i64..10_000, 40..250_i64), 0..5)
}

fn with_corrections(division: Division, values: &[i64], corrections: &[(usize, i64, i64)]) -> Vec<Row> {
    let mut rows = rows(division, values);
    for (revision, (place, value, days)) in (2..).zip(corrections) {
        let mut row = division.row(*place, *value).revised(revision);
        row.known_at = row.known_at.max(division.moment(*days));
        rows.push(row);
    }
    rows
}

/// The client's own figures say 78 % in the first five periods.
fn case_of(division: Division, contract: &str, rows: Vec<Row>) -> Case {
    let kpis = KPIS.map(|(name, kpi)| (name, kpi.replace("each: Day", division.each())));
    let kpis: Vec<(&str, &str)> = kpis.iter().map(|(name, kpi)| (*name, kpi.as_str())).collect();
    let mut case = Case::new(terms(contract, &kpis), rows);
    let own = (0..5).map(|place| Row { sequence: place as i64 + 1, ..division.row(place, 7_800) });
    case.rows.insert("ours".to_owned(), own.collect());
    case
}

fn case(division: Division, rows: Vec<Row>) -> Case {
    case_of(division, &division.capped(), rows)
}

/// The net of the seven periods by their latest revisions.
fn nets_of(judgement: &JudgedCase) -> Vec<Exact> {
    let is_latest = |place: usize, report: &SlaReportSpec| {
        judgement.reports.get(place + 1).is_none_or(|next| next.period.name != report.period.name)
    };
    let latest = judgement.reports.iter().enumerate().filter(|(place, report)| is_latest(*place, report));
    latest.map(|(_, report)| net_of(report)).collect()
}

fn net_of(report: &SlaReportSpec) -> Exact {
    exact(&report.credit.as_ref().unwrap().net)
}

/// Reports of Final periods by name and revision.
fn finals(judgement: &JudgedCase) -> Vec<String> {
    let finals = judgement.reports.iter().filter(|report| report.state == PeriodState::Final);
    finals.map(|report| serde_json::to_string(report).unwrap()).collect()
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn a_judgement_by_what_an_earlier_one_left_is_the_one_from_all_rows(
        division in divisions(), values in values(), corrections in corrections(), early in 45..300_i64, later in 0..200_i64,
    ) {
        let mut rows = with_corrections(division, &values, &corrections);
        rows.sort_by_key(|row| row.known_at);
        let (early, late) = (division.moment(early), division.moment(early + later));
        // What is not known yet has not been received.
        let received = |by: Timestamp| case(division, rows.iter().filter(|row| row.known_at <= by).cloned().collect());
        let past = received(early).past(early);
        for now in [early, late] {
            let all = received(now);
            if let Some(judgement) = all.judge_by(&past, now) {
                prop_assert_eq!(judgement, all.judge_at(now), "{}", now);
            }
        }
    }
}

/// A report as it was written, as the watch holds it, and as earlier versions wrote it.
fn as_stored(report: &SlaReportSpec) -> [SlaReportSpec; 4] {
    let changed = |change: fn(&mut KpiLine)| {
        let mut stored = report.clone();
        stored.kpis.iter_mut().for_each(change);
        stored
    };
    let watched = changed(|line| {
        line.days.forget();
        line.parts.forget();
    });
    let without_days = changed(|line| (line.days, line.parts) = Default::default());
    let mut without_bases = changed(|line| line.basis = None);
    if let Some(credit) = &mut without_bases.credit {
        credit.basis = None;
    }
    [report.clone(), watched, without_days, without_bases]
}

proptest! {
    #![proptest_config(cases(20))]

    #[test]
    fn a_filed_report_says_byte_for_byte_what_it_said_before_it_was_filed(
        division in divisions(), values in values(), corrections in corrections(),
    ) {
        let case = case(division, with_corrections(division, &values, &corrections));
        let late = case.judge_at(division.moment(300));
        let filed = late.judgement.reports.iter().filter(|report| matches!(report, JudgedReport::Filed(_)));
        let filed: BTreeMap<(&str, i64), &JudgedReport> =
            filed.map(|report| ((report.period().name.as_str(), report.revision()), report)).collect();
        prop_assert!(!filed.is_empty());
        let mut compared = BTreeSet::new();
        for days in (35..300).step_by(15) {
            for early in case.judge_at(division.moment(days)).judgement.reports {
                let JudgedReport::Whole(whole) = &early else { continue };
                let Some(filed) = filed.get(&(whole.period.name.as_str(), whole.revision)) else { continue };
                let is_same = whole.state == PeriodState::Final;
                prop_assert_eq!(filed.is(whole), is_same);
                prop_assert_eq!(**filed == early, is_same);
                for stored in as_stored(whole) {
                    prop_assert_eq!(filed.agrees_with(&stored, None), is_same);
                    prop_assert_eq!(as_far_as(&stored, &filed.open().unwrap()) == stored, is_same);
                }
                if is_same {
                    prop_assert_eq!(serde_json::to_string(filed).unwrap(), serde_json::to_string(whole).unwrap());
                    compared.insert((whole.period.name.clone(), whole.revision));
                }
            }
        }
        prop_assert!(!compared.is_empty());
    }
}

proptest! {
    #![proptest_config(cases(250))]

    #[test]
    fn the_order_of_rows_changes_nothing(
        division in divisions(), values in values(), corrections in corrections(), seed in any::<u64>(),
    ) {
        let rows = with_corrections(division, &values, &corrections);
        let mut shuffled: Vec<(u64, Row)> = rows.iter().cloned().enumerate()
            .map(|(place, row)| (seed.wrapping_mul(place as u64 * 2 + 1).rotate_left(17), row)).collect();
        shuffled.sort_by_key(|(key, _)| *key);
        let shuffled = shuffled.into_iter().map(|(_, row)| row).collect();
        let at = division.moment(273);
        prop_assert_eq!(case(division, rows).judge_at(at), case(division, shuffled).judge_at(at));
    }

    #[test]
    fn evaluation_at_any_two_instants_after_final_returns_the_same_bytes(
        division in divisions(), values in values(), corrections in corrections(), early in 45..300_i64, later in 0..200_i64,
    ) {
        let case = case(division, with_corrections(division, &values, &corrections));
        let (early, late) = (case.judge_at(division.moment(early)), case.judge_at(division.moment(early + later)));
        let late_finals = finals(&late);
        for report in finals(&early) {
            prop_assert!(late_finals.contains(&report), "{}", report);
        }
    }

    #[test]
    fn nothing_changes_before_the_instant_that_is_named_next(
        division in divisions(), values in values(), corrections in corrections(), days in 0..400_i64,
    ) {
        let case = case(division, with_corrections(division, &values, &corrections));
        let now = division.moment(days);
        let judgement = case.judge_at(now);
        let Some(next) = judgement.next else { return Ok(()) };
        let just_before = next - SignedDuration::from_nanos(1);
        let mut later = case.judge_at(just_before.max(now));
        // When a feed counts as late is not judged.
        later.feeds = judgement.feeds.clone();
        prop_assert_eq!(judgement, later);
    }

    #[test]
    fn a_judgement_that_was_written_is_read_as_the_same(
        division in divisions(), values in values(), corrections in corrections(), days in 0..400_i64,
    ) {
        let case = case(division, with_corrections(division, &values, &corrections));
        let mut judgement = case.judge_at(division.moment(days));
        judgement.kpis.values_mut().for_each(|kpi| kpi.risk_news = None);
        let judgement = judgement.judgement;
        let written = serde_json::to_vec(&judgement).unwrap();
        prop_assert_eq!(serde_json::from_slice::<Judgement>(&written).unwrap(), judgement);
    }

    #[test]
    fn a_better_value_never_costs_more(
        division in divisions(), values in values(), place in 0..6_usize, better in 0..5_000_i64,
    ) {
        let mut improved = values.clone();
        let Some(value) = improved.get_mut(place).filter(|value| **value > 0) else { return Ok(()) };
        *value = (*value + better).min(10_000);
        let capped = division.capped();
        let uncapped = capped.replace(", atRiskPercent: 8", "").replace("yearCapPercent: 3, ", "");
        let nets = |contract: &str, values: &[i64]| {
            nets_of(&case_of(division, contract, rows(division, values)).judge_at(division.moment(273)))
        };
        let total = |values: &[i64]| nets(&uncapped, values).into_iter().sum::<Exact>();
        prop_assert!(total(&improved) <= total(&values));
        prop_assert!(nets(&capped, &improved)[place] <= nets(&capped, &values)[place]);
    }

    #[test]
    fn lowering_a_cap_never_raises_a_credit_and_no_credit_exceeds_its_cap(
        division in divisions(), values in values(), cap in 0..100_i64, lower in 0..100_i64, of_year in any::<bool>(),
    ) {
        let lower = lower.min(cap);
        let contract = |cap: i64| {
            let (period, year) = if of_year { (100, cap) } else { (cap, 100) };
            let capped = division.capped().replace("atRiskPercent: 8", &format!("atRiskPercent: {period}"));
            capped.replace("yearCapPercent: 3", &format!("yearCapPercent: {year}"))
        };
        let judged = |cap: i64| {
            case_of(division, &contract(cap), rows(division, &values)).judge_at(division.moment(273))
        };
        let (high, low) = (judged(cap), judged(lower));
        let total = |judgement: &JudgedCase| judgement.reports.iter().map(|report| net_of(report)).sum::<Exact>();
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
    fn a_restatement_to_the_same_value_does_not_count(
        division in divisions(), values in values(), days in 45..250_i64,
    ) {
        let mut rows = rows(division, &values);
        let again: Vec<Row> = rows.iter().cloned()
            .map(|row| Row { revision: 2, known_at: division.moment(days).max(row.known_at), ..row }).collect();
        let at = division.moment(273);
        let before = case(division, rows.clone()).judge_at(at);
        rows.extend(again);
        prop_assert_eq!(case(division, rows).judge_at(at).reports, before.reports);
    }

    #[test]
    fn repeats_never_cross_a_met_period_and_revisions_are_numbered_without_gaps(
        division in divisions(), values in values(), corrections in corrections(),
    ) {
        let judgement = case(division, with_corrections(division, &values, &corrections)).judge_at(division.moment(273));
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
    fn what_is_booked_is_the_sum_of_the_differences(
        division in divisions(), values in values(), corrections in corrections(),
    ) {
        let judgement = case(division, with_corrections(division, &values, &corrections)).judge_at(division.moment(516));
        let deltas: Exact = judgement.reports.iter()
            .filter_map(|report| report.restates.as_ref()?.booked_in.as_ref().and(report.restates.as_ref()?.credit_delta.as_deref()))
            .map(exact).sum();
        let booked: Exact = judgement.reports.iter().filter(|report| report.revision == 1)
            .map(|report| exact(&report.credit.as_ref().unwrap().restated)).sum();
        prop_assert_eq!(deltas, booked);
    }

    #[test]
    fn splitting_and_merging_rows_changes_nothing_but_their_digest_and_on_which_days_and_with_which_labels_they_are(
        division in divisions(), values in values(), corrections in corrections(), parts in 2..6_i64, by_time in any::<bool>(),
    ) {
        let whole = with_corrections(division, &values, &corrections);
        let split = whole.iter().flat_map(|row| split(row, parts, by_time)).collect();
        let reports_of = |rows: Vec<Row>| {
            let mut reports = case(division, rows).judge_at(division.moment(273)).reports;
            for line in reports.iter_mut().flat_map(|report| &mut report.kpis) {
                line.evidence = Default::default();
                // Parts of a row start on other days, or carry other labels.
                line.days = Default::default();
                line.parts = Default::default();
            }
            reports
        };
        prop_assert_eq!(reports_of(whole), reports_of(split));
    }

    #[test]
    fn the_parts_of_a_period_add_up_to_the_period(
        figures in prop::collection::vec((0..500_i64, 0..500_i64, 0..3_usize), 1..60), period in 0..PARTS.len(),
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
        for names in [&["all"][..], &["q0", "q1", "q2"]] {
            prop_assert_eq!(&sums(PARTS[period], names), &whole, "{} {:?}", PARTS[period], names);
        }
    }
}

/// The row in this number of parts: queues of the same time, or pieces of time.
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
