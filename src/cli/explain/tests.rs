use super::*;
use crate::api::sla_report::SlaReportSpec;
use crate::domain::fixtures::contracts::{Case, flat, row, terms};
use crate::domain::measuring::row::Row;

/// A contract of 2026 with charges of 100,000.00 GBP a month.
const CONTRACT: &str = "
    term: {start: 2026-01-01, end: 2026-12-31}
    feeds: [{name: acd, url: 'https://feeds.example'}]
    charges: {currency: GBP, amount: 100000, atRiskPercent: 10}
    ";

/// Of 100 callers of each month from January on, this many were answered in time.
fn months(answered_within: &[i64]) -> Vec<Row> {
    let months = answered_within.iter().enumerate();
    months
        .map(|(place, within)| {
            let month = format!("2026-{:02}", place + 1);
            row(
                &format!("{month}-15T00:00Z"),
                &format!("{month}-16T00:00Z"),
                &[("answeredWithin", *within), ("answered", 100), ("leavers", 2), ("headcount", 40)],
            )
        })
        .collect()
}

fn last_report(case: &Case) -> SlaReportSpec {
    case.judge("2026-12-01T00:00Z")
        .into_reports()
        .into_iter()
        .rfind(|report| !report.kpis[0].evidence.rows.eq(&0))
        .unwrap()
}

#[test]
fn every_rule_between_a_miss_and_what_it_costs_is_shown_with_the_amount_before_and_after() {
    let level = "kpi: ServiceLevel\nvariant: AnsweredOnly\nobjective: {target: 80}\n";
    let attrition = "kpi: Attrition\nobjective: {target: 4}\nbands: [{severity: Minor, bound: 900}, {severity: Serious, points: 2}]";
    let points = "bands: [{severity: Minor, bound: 75, points: 6}, {severity: Serious, points: 8}]";
    let money = "bands: [{severity: Minor, bound: 75, percent: 2}, {severity: Serious, percent: 20}]";
    let table = "credits: {points: {table: [{points: 5, percent: 1}, {points: 10, percent: 3}], repeatMultiplier: 2}}";
    let ramp = "credits: {ramp: [{until: 300d, credit: STEP}]}";
    type Wanted = &'static [&'static str];
    let repeats = "repeats: [{misses: 2, times: 1}, {misses: 3, times: '1.5'}]";
    let cases: [(&str, String, String, &[i64], Wanted); 18] = [
        (
            "the formula and the band",
            "{}".into(),
            format!("{level}{money}"),
            &[77],
            &[
                "formula   (answeredWithin) / (answered) × 100",
                "compared unrounded",
                "target    at least 80",
                "band      Minor (down to 75): 2 % of the charges",
                "cost      0 points, credit 2000.00",
            ],
        ),
        ("the last band", "{}".into(), format!("{level}{money}"), &[60], &["Serious (all that is worse): 20 %"]),
        (
            "a year's figure where lower is better",
            "{}".into(),
            attrition.into(),
            &[77],
            &[
                "per year  × ",
                ": 12 / months of the window",
                "target    at most 4",
                "Minor (up to 900): nothing: a dead band",
            ],
        ),
        (
            "the row of repeats and that of the points table",
            table.into(),
            format!("{level}{points}"),
            &[77, 77],
            &[
                "repeats   from 2 misses in a row on, points × 2: 6 before",
                "cost      12 points, a repeat of the period before",
                "3000.00 GBP  for 12 points: from 10 points on 3 % of the charges of 100000.00",
            ],
        ),
        (
            "fewer points than the table's first row",
            table.replace("points: 5,", "points: 9,"),
            format!("{level}{points}"),
            &[77],
            &["for 6 points: fewer than the first row of the table"],
        ),
        (
            "a price of each point under half a ramp",
            "credits: {points: {perPointPercent: 1}, ramp: [{until: 300d, credit: Half}]}".into(),
            format!("{level}{points}"),
            &[77],
            &[
                "ramp      Half: halves credits, not points",
                "3000.00 GBP  for 6 points: 1 % of the charges of 100000.00 each; 6000.00 before the ramp's step Half",
            ],
        ),
        (
            "a ramp that halves",
            ramp.replace("STEP", "Half"),
            format!("{level}{money}"),
            &[77],
            &["ramp      Half: credit 2000.00 before, 1000.00 after"],
        ),
        (
            "a ramp that spares",
            ramp.replace("STEP", "None"),
            format!("{level}{money}"),
            &[77],
            &["ramp      None: 0 points and credit 2000.00 before, 0 points and credit 0 after"],
        ),
        (
            "a dry run",
            "{}".into(),
            format!("{level}{money}\ndryRun: true"),
            &[77],
            &["dry run   judged and never counted: 0 points and credit 2000.00 before"],
        ),
        (
            "a KPI that is only reported",
            "{}".into(),
            format!("{level}{points}\nclass: KeyMeasurement"),
            &[77],
            &["class     KeyMeasurement costs nothing: 6 points before, 0 points and credit 0 after"],
        ),
        (
            "caps, reached and not",
            "credits: {yearCapPercent: 1}".into(),
            format!("{level}{money}"),
            &[60, 77],
            &[
                "cap of the period 10000.00: 2000.00 stays",
                "cap of the year 12000.00, 10000.00 of it used before: 2000.00 stays",
            ],
        ),
        (
            "a cap that cuts",
            "credits: {yearCapPercent: 1}".into(),
            format!("{level}{money}"),
            &[60, 60],
            &[
                "cap of the period 10000.00: 20000.00 before, 10000.00 after",
                "cap of the year 12000.00, 10000.00 of it used before: 10000.00 before, 2000.00 after",
            ],
        ),
        (
            "a price",
            "{}".into(),
            format!("{level}price: {{amount: 1000, per: 2, upTo: 9000}}"),
            &[75],
            &[
                "price     1000 for each 2 that have begun beyond 80, at most 9000: 5 beyond it, 3 steps",
                "cost      0 points, credit 3000.00",
            ],
        ),
        (
            "a table that spares the first miss",
            "{}".into(),
            format!("{level}{money}\n{repeats}"),
            &[77],
            &["repeats   below the first row of the table, credit × 0: 2000.00 before", "credit 0.00"],
        ),
        (
            "a table that multiplies credits",
            "{}".into(),
            format!("{level}{money}\n{repeats}"),
            &[77, 77, 77],
            &["repeats   from 3 misses in a row on, credit × 1.5: 2000.00 before", "credit 3000.00"],
        ),
        (
            "the time that was agreed",
            "{}".into(),
            format!("{level}within: 20s\n{money}"),
            &[77],
            &["target    at least 80, counted by 20s"],
        ),
        (
            "the parts of a tally",
            "{}".into(),
            level.replace("target: 80", "target: 0") + "within: 20s\ntally: {each: Day, target: 80}\n",
            &[77],
            &[
                "tally     by the formula each Day must be at least 80, counted by 20s; missed: 2026-01-15\n",
                "target    at most 0\n",
            ],
        ),
        (
            "the parts of a target",
            "{}".into(),
            level.replace("target: 80", "target: 80, schedule: [{from: 2026-01-10, target: 82}]"),
            &[77],
            &["target    at least 82", "80 from 2026-01-01 on, weight 0", "82 from 2026-01-10 on, weight 100"],
        ),
    ];
    for (name, credits, kpi, values, wanted) in cases {
        let credits = if credits == "{}" { String::new() } else { credits };
        let case = Case::new(terms(&format!("{}{credits}", flat(CONTRACT)), &[("level", &kpi)]), months(values));
        let text = explain("report", &last_report(&case), None);
        for line in wanted {
            assert!(text.contains(line), "{name}: no {line:?} in\n{text}");
        }
    }
}

#[test]
fn two_sources_and_disputes_are_explained_with_the_judgement() {
    let contract = CONTRACT.replace("feeds: [", "feeds: [{name: ours, url: 'https://own.example'}, ")
        + "disputes: [{name: january, period: '2026-01', kpi: level, raisedOn: 2026-02-03, party: Client}]";
    let kpi = "kpi: ServiceLevel\nvariant: AnsweredOnly\nobjective: {target: 80}\nsource: {feed: acd, crossCheck: {feed: ours, tolerance: 1, prefer: PREFER}}";
    for (prefer, judged) in
        [("Worse", "prefer Worse counts; judged: the client's own"), ("Vendor", "judged: the vendor's")]
    {
        let kpi = kpi.replace("PREFER", prefer);
        let mut case = Case::new(terms(&flat(&contract), &[("level", &kpi)]), months(&[83]));
        case.rows.insert("ours".to_owned(), months(&[77]));
        let text = explain("report", &last_report(&case), None);
        for line in [
            "  sources   vendor 83, own 77\n",
            "6 apart over the time of both, more than 1",
            judged,
            "disputed    january about level: Open\n",
        ] {
            assert!(text.contains(line), "{prefer}: no {line:?} in\n{text}");
        }
    }
}

#[test]
fn a_month_signed_under_other_terms_explains_itself() {
    let kpi =
        |band: &str| format!("kpi: ServiceLevel\nvariant: AnsweredOnly\nobjective: {{target: 80}}\nbands: [{band}]");
    let signed = terms(CONTRACT, &[("level", &kpi("{severity: Minor, percent: 2}"))]);
    let now =
        terms(CONTRACT, &[("level", &kpi("{severity: Minor, credit: 9999}").replace("AnsweredOnly", "AllOffered"))]);
    let mut case = Case::new(now.clone(), months(&[70]));
    case.closed_under.insert("2026-01".into(), signed.into());
    let report = case.judge("2026-03-01T00:00Z").into_reports().remove(0);
    let text = explain("acme-2026-01", &report, Some(&now));
    assert!(text.contains("(answeredWithin) / (answered) × 100") && text.contains("2 % of the charges"), "{text}");
    assert!(!text.contains("9999") && !text.contains("as it is now"), "{text}");

    // A report of an earlier version does not say it: then the terms as they are now are shown, and that is said.
    let mut earlier = report;
    earlier.kpis[0].basis = None;
    let text = explain("acme-2026-01", &earlier, Some(&now));
    assert!(text.contains("a credit of 9999") && text.contains("the contract as it is now"), "{text}");
    let text = explain("acme-2026-01", &earlier, None);
    assert!(text.contains("its contract is gone") && text.contains("verdict   Missed, Minor"), "{text}");
}
