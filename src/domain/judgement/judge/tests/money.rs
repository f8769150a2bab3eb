//! Points, money, repeats, ramp, caps, bonus and earn-back.

use super::*;

/// The UK Model Services Contract's bands (lawinsider.com, "Example 2"): target 99 %, repeats count double.
const SERVICE_POINTS: &str = "
    kpi: ServiceLevel
    variant: AnsweredOnly
    objective: {target: 99}
    rounding: {decimals: 1}
    bands:
    - {severity: Minor, bound: 98, points: 1}
    - {severity: Serious, bound: 97, points: 2}
    - {severity: Severe, bound: 96, points: 3}
    - {severity: Critical, points: 4}
    ";
const DOUBLE: &str = "credits: {points: {perPointPercent: 1, repeatMultiplier: 2}}";

fn points(contract: &str, values: &[&str]) -> Vec<i64> {
    let case = Case::new(terms(&format!("{}{contract}", flat(CONTRACT)), &[("sl", SERVICE_POINTS)]), months(values));
    lines(&case.judge("2027-02-01T00:00Z"), "sl").iter().map(|line| line.points).take(values.len()).collect()
}

#[test]
fn repeats_double_the_points_of_the_severity_now_reached() {
    for (values, expected) in [
        (vec!["98.5", "96.5", "96.5"], vec![1, 6, 6]),
        (vec!["96.5", "98.5", "96.5"], vec![3, 2, 6]),
        (vec!["98.5", "99.2", "96.5"], vec![1, 0, 3]),
        (vec!["95", "95"], vec![4, 8]),
        // 98.95 is rounded to 99.0 before anything is compared.
        (vec!["98.95"], vec![0]),
        // A month without data is skipped: the chain goes on behind it.
        (vec!["98.5", "", "96.5"], vec![1, 0, 6]),
    ] {
        assert_eq!(points(DOUBLE, &values), expected, "{values:?}");
    }
}

#[test]
fn the_chain_starts_with_the_first_period_that_the_ramp_punishes() {
    let ramp = "credits: {points: {perPointPercent: 1, repeatMultiplier: 2}, ramp: [{until: 31d, credit: None}, {until: 10w, credit: Half}]}";
    let case = Case::new(terms(&format!("{}{ramp}", flat(CONTRACT)), &[("sl", SERVICE_POINTS)]), months(&["95"; 4]));
    let judgement = case.judge("2027-02-01T00:00Z");
    let found: Vec<_> = lines(&judgement, "sl").iter().map(|line| (line.points, line.repeat)).take(4).collect();
    assert_eq!(found, [(0, false), (4, false), (8, true), (8, true)]);
    // 31 January is the last of 31 days; 12 March the first day of the 71st: February and March are half, April is full.
    assert_eq!(nets(&judgement)[..4], ["0.00", "2000.00", "4000.00", "8000.00"]);
    assert_eq!(line(&judgement, "2026-01", "sl").verdict, Verdict::Missed);
}

#[test]
fn the_telus_table_takes_the_highest_row_not_above_the_points() {
    let table = "credits: {points: {table: [{points: 30, percent: 10}, {points: 5, percent: 0}, {points: 10, percent: 2}, {points: 15, percent: 4}, {points: 20, percent: 6}, {points: 25, percent: 8}]}}";
    for (points, net) in [
        (4, "0.00"),
        (5, "0.00"),
        (12, "2000.00"),
        (15, "4000.00"),
        (29, "8000.00"),
        (30, "10000.00"),
        (99, "10000.00"),
    ] {
        let kpi = format!("{}bands: [{{severity: Minor, points: {points}}}]", flat(SERVICE_LEVEL));
        let case = Case::new(terms(&format!("{}{table}", flat(CONTRACT)), &[("sl", &kpi)]), months(&["70"]));
        let judgement = case.judge("2026-02-01T00:00Z");
        let credit = report(&judgement, "2026-01").credit.as_ref().unwrap();
        assert_eq!((credit.from_points.as_str(), credit.net.as_str()), (net, net), "{points}");
    }
}

#[test]
fn sending_nothing_is_never_cheaper_than_serving_badly() {
    // Proportional, and silence is a miss: it counts from 0, or from 100 where lower is better, whatever the bounds.
    for (kpi, bands, credit) in [
        (
            "ServiceLevel\nvariant: AnsweredOnly\nobjective: {target: 80}",
            "{severity: Minor, proportional: true}",
            "80000.00",
        ),
        (
            "ServiceLevel\nvariant: AnsweredOnly\nobjective: {target: 80}",
            "{severity: Minor, bound: 75, proportional: true}, {severity: Severe, bound: 70, proportional: true}",
            "80000.00",
        ),
        ("AbandonmentRate\nobjective: {target: 5}", "{severity: Minor, bound: 10, proportional: true}", "95000.00"),
        (
            "Occupancy\nobjective: {comparison: Between, target: 75, upper: 85}",
            "{severity: Minor, proportional: true}",
            "75000.00",
        ),
        // A rejection of the value's own: 8 below the target.
        ("ServiceLevel\nvariant: AnsweredOnly\nobjective: {target: 80}", "{severity: Minor, percent: 8}", "8000.00"),
    ] {
        let kpi = format!("kpi: {kpi}\nbands: [{bands}]\nmissingData: {{policy: Miss, after: 0h}}");
        let judgement = Case::new(terms(CONTRACT, &[("sl", &kpi)]), vec![]).judge("2026-02-01T00:00Z");
        let line = line(&judgement, "2026-01", "sl");
        assert_eq!((line.verdict, line.credit.as_deref()), (Verdict::Missed, Some(credit)), "{kpi}");
    }
}

#[test]
fn each_kind_of_consequence_has_its_price() {
    // Texas DIR: invoice 100,000, at risk 10 %, pool 50 % × allocation 40 % = 20 % of the at-risk amount: 2,000.
    // CCS call-off: 98 % was owed and 75 % reached: 23 % of the charges.
    for (band, target, value, credit) in [
        ("atRiskPercent: 20", "80", "70", "2000.00"),
        ("percent: '2.5'", "80", "70", "2500.00"),
        ("credit: '5000.125'", "80", "70", "5000.12"),
        ("proportional: true", "98", "75", "23000.00"),
        ("proportional: true", "80", "79.99", "10.00"),
        ("points: 3", "80", "70", "0.00"),
        ("", "80", "70", "0.00"),
    ] {
        let kpi = format!(
            "kpi: ServiceLevel\nvariant: AnsweredOnly\nobjective: {{target: {target}}}\nbands: [{{severity: Minor, {band}}}]"
        );
        let contract = flat(CONTRACT).replace("amount: 100000", "amount: 100000, atRiskPercent: 10");
        let case = Case::new(terms(&contract, &[("sl", &kpi)]), months(&[value]));
        let judgement = case.judge("2026-02-01T00:00Z");
        let line = line(&judgement, "2026-01", "sl");
        assert_eq!(line.credit.as_deref(), Some(credit), "{band}");
        let has_consequence = credit != "0.00" || line.points > 0;
        assert_eq!(line.credit_state, has_consequence.then_some(CreditState::Final), "{band}");
    }
}

#[test]
fn credits_above_the_amount_at_risk_are_cut_at_the_cap() {
    // Four defaults of 20, 40, 30 and 25 % of an at-risk amount of 10,000.00 add up to 11,500.00.
    let kpi = |percent: i64| format!("{}bands: [{{severity: Minor, atRiskPercent: {percent}}}]", flat(SERVICE_LEVEL));
    let kpis = [20, 40, 30, 25].map(kpi);
    let named: Vec<(&str, &str)> = ["a", "b", "c", "d"].into_iter().zip(kpis.iter().map(String::as_str)).collect();
    let contract = flat(CONTRACT).replace("amount: 100000", "amount: 100000, atRiskPercent: 10");
    let judgement = Case::new(terms(&contract, &named), months(&["70"])).judge("2026-02-01T00:00Z");
    let credit = report(&judgement, "2026-01").credit.as_ref().unwrap();
    assert_eq!((credit.before_caps.as_str(), credit.net.as_str()), ("11500.00", "10000.00"));
    assert_eq!(credit.capped_by, [crate::api::vendor_contract::CapKind::Period]);
}

#[test]
fn the_period_s_cap_comes_before_the_year_s() {
    use crate::api::vendor_contract::CapKind::{Period, Year};
    let kpi = format!("{}bands: [{{severity: Minor, percent: 12}}]", flat(SERVICE_LEVEL));
    let contract =
        flat(CONTRACT).replace("amount: 100000", "amount: 100000, atRiskPercent: 10") + "credits: {yearCapPercent: 2}";
    let judgement = Case::new(terms(&contract, &[("sl", &kpi)]), months(&["70"; 4])).judge("2026-06-30T00:00Z");
    // 2 % of twelve times 100,000.00 are 24,000.00: two full caps of a period, then 4,000.00, then nothing.
    assert_eq!(nets(&judgement)[..4], ["10000.00", "10000.00", "4000.00", "0.00"]);
    let capped: Vec<_> =
        judgement.reports.iter().take(4).map(|report| report.credit.clone().unwrap().capped_by).collect();
    assert_eq!(capped, [vec![Period], vec![Period], vec![Period, Year], vec![Period, Year]]);
    let to_date = judgement.reports[3].year_to_date.clone().unwrap();
    assert_eq!((to_date.credit.as_str(), to_date.cap.as_deref()), ("24000.00", Some("24000.00")));
    let status = judgement.credits.clone().unwrap();
    assert_eq!(
        (status.period_cap.as_deref(), status.year_to_date.as_deref(), status.year_cap.as_deref()),
        (Some("10000.00"), Some("24000.00"), Some("24000.00"))
    );
}

#[test]
fn the_year_s_cap_takes_the_charges_of_the_contract_year_s_periods() {
    let contract = flat(CONTRACT)
        .replace("amount: 100000", "amount: 100000, schedule: [{from: 2026-07-01, amount: 110000}]")
        + "credits: {yearCapPercent: 4}";
    let kpi = format!("{}bands: [{{severity: Minor, percent: 1}}]", flat(SERVICE_LEVEL));
    let judgement = Case::new(terms(&contract, &[("sl", &kpi)]), months(&["70"; 7])).judge("2026-08-10T00:00Z");
    assert_eq!(report(&judgement, "2026-01").year_to_date.clone().unwrap().cap.as_deref(), Some("50400.00"));
    assert_eq!(nets(&judgement)[5..7], ["1000.00", "1100.00"]);
}

#[test]
fn money_is_rounded_half_even_to_the_minor_unit_of_its_currency_once_a_line() {
    for (currency, credit, net) in [
        ("GBP", "0.125", "0.12"),
        ("GBP", "0.135", "0.14"),
        ("JPY", "2.5", "2"),
        ("JPY", "3.5", "4"),
        ("KWD", "5.0005", "5.000"),
        ("KWD", "5.0015", "5.002"),
    ] {
        let kpi = format!("{}bands: [{{severity: Minor, credit: '{credit}'}}]", flat(SERVICE_LEVEL));
        let contract = flat(CONTRACT).replace("GBP", currency);
        let judgement = Case::new(terms(&contract, &[("sl", &kpi)]), months(&["70"])).judge("2026-02-01T00:00Z");
        assert_eq!(nets(&judgement), [net], "{currency} {credit}");
    }
}

#[test]
fn massachusetts_pays_and_fines_as_its_auditor_describes() {
    // State Auditor on CCA/Dell: malus and bonus by month; target and threshold of a penalty differ (70 and 65).
    let kpis = [
        ("asa", "kpi: AverageSpeedOfAnswer\nobjective: {target: 60}\nbands: [{severity: Minor, credit: 5000}]"),
        (
            "within",
            "kpi: ServiceLevel\nvariant: AnsweredOnly\nobjective: {target: 70}\nbands: [{severity: Minor, bound: 65}, {severity: Serious, credit: 2500}]\nbonus: {from: 80, amount: 2500}",
        ),
        (
            "abandoned",
            "kpi: AbandonmentRate\nobjective: {target: 3}\nbands: [{severity: Minor, bound: 5, credit: 2500}, {severity: Serious, credit: 5000}]\nbonus: {from: '1.5', amount: 2500}",
        ),
        (
            "long",
            "kpi: LongWaitRate\nobjective: {comparison: LessThan, target: 10}\nbands: [{severity: Minor, bound: 30, credit: 2500}, {severity: Serious, credit: 5000}]",
        ),
    ];
    for (asa, within, abandoned, long, malus, bonus) in [
        (48, 670, 29, 99, "0.00", "0.00"),
        (30, 810, 14, 40, "0.00", "5000.00"),
        (72, 649, 54, 310, "17500.00", "0.00"),
        (60, 800, 30, 100, "2500.00", "0.00"),
        (60, 800, 15, 300, "5000.00", "0.00"),
    ] {
        let figures = row(
            "2026-01-15T00:00Z",
            "2026-01-16T00:00Z",
            &[
                ("answered", 1000),
                ("waitSeconds", asa * 1000),
                ("answeredWithin", within),
                ("offered", 1000),
                ("abandoned", abandoned),
                ("longWaits", long),
            ],
        );
        let judgement = Case::new(terms(CONTRACT, &kpis), vec![figures]).judge("2026-02-01T00:00Z");
        let credit = report(&judgement, "2026-01").credit.as_ref().unwrap();
        assert_eq!((credit.net.as_str(), credit.bonus.as_str()), (malus, bonus), "{asa} {within} {abandoned} {long}");
    }
}

#[test]
fn dry_runs_and_key_measurements_cost_nothing_and_only_the_latter_count_in_the_score() {
    let priced = "bands: [{severity: Minor, percent: 5}]\nbonus: {from: 85, amount: 100}";
    let kpi = |more: &str| format!("{}{priced}\n{more}", flat(SERVICE_LEVEL));
    for (value, net, bonus, score, total) in [("70", "5000.00", "0.00", "0", 2), ("90", "0.00", "100.00", "100", 2)] {
        let (plain, dry, key) = (kpi(""), kpi("dryRun: true"), kpi("class: KeyMeasurement"));
        let terms = terms(CONTRACT, &[("dry", &dry), ("key", &key), ("plain", &plain)]);
        let judgement = Case::new(terms, months(&[value])).judge("2026-02-01T00:00Z");
        let report = report(&judgement, "2026-01");
        let credit = report.credit.as_ref().unwrap();
        assert_eq!((credit.net.as_str(), credit.bonus.as_str(), report.score.as_deref()), (net, bonus, Some(score)));
        assert_eq!(judgement.counts.as_ref().unwrap().total, total);
        for name in ["dry", "key"] {
            let line = line(&judgement, "2026-01", name);
            assert_eq!((line.points, line.credit.as_deref(), line.bonus.as_deref()), (0, Some("0.00"), Some("0.00")));
            assert_eq!(line.verdict, line_verdict(value));
        }
    }
}

fn line_verdict(value: &str) -> Verdict {
    if exact(value) >= exact("80") { Verdict::Met } else { Verdict::Missed }
}

const EARN_BACK: &str = "
    kpi: ServiceLevel
    variant: AnsweredOnly
    objective: {target: 80, stretch: 85}
    bands: [{severity: Minor, bound: 75, percent: 2}, {severity: Serious, percent: 5}]
    ";

#[test]
fn a_credit_is_earned_back_by_the_next_periods_that_all_reach_the_stretch() {
    let contract = flat(CONTRACT) + "credits: {earnBack: {within: 2}}";
    let case = |values: &[&str]| Case::new(terms(&contract, &[("sl", EARN_BACK)]), months(values));
    for (values, period, earned, pending_at_end) in [
        // The second period at 85 returns it.
        (vec!["78", "85", "86"], "2026-03", "2000.00", "0.00"),
        // Met below the stretch settles it.
        (vec!["78", "84", "86", "86"], "2026-04", "0.00", "0.00"),
        // What was not judged is skipped.
        (vec!["78", "85", "", "86"], "2026-04", "2000.00", "0.00"),
        // Still open.
        (vec!["78", "85"], "2026-02", "0.00", "2000.00"),
        // Too grave, and a repeat, are charged for good.
        (vec!["70", "85", "86"], "2026-03", "0.00", "0.00"),
        (vec!["90", "78", "78", "85", "86"], "2026-05", "0.00", "0.00"),
    ] {
        let end = format!("2026-{:02}-01T00:00Z", values.len() + 1);
        let judgement = case(&values).judge(&end);
        let report = report(&judgement, period);
        assert_eq!(report.credit.as_ref().unwrap().earned_back, earned, "{values:?}");
        assert_eq!(judgement.credits.as_ref().unwrap().pending.as_deref(), Some(pending_at_end), "{values:?}");
    }
    let judgement = case(&["78", "85", "86"]).judge("2026-05-01T00:00Z");
    assert_eq!(line(&judgement, "2026-01", "sl").credit_state, Some(CreditState::Pending));
    let to_date = |period: &str| report(&judgement, period).year_to_date.clone().unwrap().credit;
    assert_eq!([to_date("2026-01"), to_date("2026-02"), to_date("2026-03")], ["2000.00", "2000.00", "0.00"]);
    let back = &report(&judgement, "2026-03").credit.as_ref().unwrap().earned_back_from[0];
    assert_eq!((back.period.as_str(), back.kpi.as_str(), back.credit.as_str()), ("2026-01", "sl", "2000.00"));
}

#[test]
fn the_contract_year_s_end_settles_what_was_not_earned_back() {
    let contract = "term: {start: 2026-01-01, end: 2027-12-31}\nfeeds: [{name: acd, url: 'https://feeds.example'}]\ncharges: {currency: GBP, amount: 100000}\ncredits: {earnBack: {within: 1}}";
    let mut rows = months(&["90", "90", "90", "90", "90", "90", "90", "90", "90", "90", "78", "90"]);
    rows.push(month("2027-01", 90, 100));
    let judgement = Case::new(terms(contract, &[("sl", EARN_BACK)]), rows).judge("2027-02-01T00:00Z");
    // The last period may still earn.
    assert_eq!(report(&judgement, "2026-12").credit.as_ref().unwrap().earned_back, "2000.00");
    // A credit that arises in it is Final, and is not returned in the next year.
    let mut rows = months(&["90", "90", "90", "90", "90", "90", "90", "90", "90", "90", "90", "78"]);
    rows.push(month("2027-01", 90, 100));
    let judgement = Case::new(terms(contract, &[("sl", EARN_BACK)]), rows).judge("2027-02-01T00:00Z");
    assert_eq!(line(&judgement, "2026-12", "sl").credit_state, Some(CreditState::Final));
    assert_eq!(report(&judgement, "2027-01").credit.as_ref().unwrap().earned_back, "0.00");
}

#[test]
fn gaming_withholds_the_bonus() {
    let guarded = "kpi: ServiceLevel\nvariant: AnsweredOnly\nobjective: {target: 80}\nbonus: {from: 85, amount: 500}\ncounterMetric: fcr";
    let fcr = "kpi: FirstContactResolution\nobjective: {target: 70}";
    let rows = |resolved: i64| {
        let figures = |month: i64, good: i64, resolved: i64| {
            row(
                &format!("2026-0{month}-15T00:00Z"),
                &format!("2026-0{month}-16T00:00Z"),
                &[
                    ("answeredWithin", good),
                    ("answered", 1000),
                    ("resolvedFirstContact", resolved),
                    ("contactsWithIssue", 1000),
                ],
            )
        };
        vec![figures(1, 810, 750), figures(2, 810, 750), figures(3, 810, 750), figures(4, 900, resolved)]
    };
    for (resolved, bonus) in [(750, "500.00"), (600, "0.00")] {
        let terms = terms(CONTRACT, &[("fcr", fcr), ("sl", guarded)]);
        let judgement = Case::new(terms, rows(resolved)).judge("2026-05-01T00:00Z");
        assert_eq!(line(&judgement, "2026-04", "sl").bonus.as_deref(), Some(bonus));
        assert_eq!(matches!(judgement.kpis["sl"].gaming, Gaming::Suspected { .. }), resolved == 600);
    }
}
