//! Half-years, contract years and fiscal years, judged. Each case has its arithmetic beside it.

use super::*;

/// The net, the cap of the year and the name of each period, of a contract whose service level misses by 10 points all along:
/// 2 % of the charges a period.
fn judged(fields: &str, term: &str) -> Vec<String> {
    let (start, end) = term.split_once("..").unwrap();
    let contract = format!(
        "term: {{start: {start}, end: {end}}}\nfeeds: [{{name: acd, url: 'https://feeds.example'}}]\ncharges: {{currency: GBP, amount: 100000}}\n{fields}"
    );
    let kpi = format!("{}bands: [{{severity: Minor, percent: 2}}]", flat(SERVICE_LEVEL));
    let rows =
        (2026..2030).flat_map(|year| (1..=12).map(move |one| month(&format!("{year}-{one:02}"), 70, 100))).collect();
    let judgement = Case::new(terms(&contract, &[("sl", &kpi)]), rows).judge("2030-06-01T00:00Z");
    let shown = |report: &SlaReportSpec| {
        let cap = report.year_to_date.as_ref().unwrap().cap.clone().unwrap_or_default();
        format!("{} {} {cap}", report.period.name, report.credit.as_ref().unwrap().net)
    };
    judgement.reports.iter().map(|report| shown(report).trim_end().to_owned()).collect()
}

#[test]
fn each_kind_of_period_is_judged_and_capped_by_its_contract_year() {
    for (fields, term, expected) in [
        // 2 % of 100,000 each half-year. The cap of 3 % is of the two half-years of a contract year: 6,000.
        (
            "period: HalfYearly\ncredits: {yearCapPercent: 3}",
            "2026-01-01..2026-12-31",
            vec!["2026-H1 2000.00 6000.00", "2026-H2 2000.00 6000.00"],
        ),
        // A contract year is one period: the cap of 1 % is 1,000. The short third one is charged whole, and capped whole.
        (
            "period: ContractYear\ncredits: {yearCapPercent: 1}",
            "2026-03-01..2028-06-30",
            vec!["CY1 1000.00 1000.00", "CY2 1000.00 1000.00", "CY3 1000.00 1000.00"],
        ),
        // The fiscal year ends on 30 June. 2 % in each of FY2026-Q4, FY2027-Q1 to Q4 and Q1 of the next.
        (
            "period: Quarterly\nfiscalYearStart: '07-01'",
            "2026-04-01..2027-09-30",
            vec![
                "FY2026-Q4 2000.00",
                "FY2027-Q1 2000.00",
                "FY2027-Q2 2000.00",
                "FY2027-Q3 2000.00",
                "FY2027-Q4 2000.00",
                "FY2028-Q1 2000.00",
            ],
        ),
        // The contract year from April 2026 holds FY2026-Q4 and three quarters of FY2027: 4 × 100,000 × 1 % = 4,000, which the
        // first two use up. The fifth quarter begins the second contract year, of 2 quarters: 2,000.
        (
            "period: Quarterly\nfiscalYearStart: '07-01'\ncredits: {yearCapPercent: 1}",
            "2026-04-01..2027-09-30",
            vec![
                "FY2026-Q4 2000.00 4000.00",
                "FY2027-Q1 2000.00 4000.00",
                "FY2027-Q2 0.00 4000.00",
                "FY2027-Q3 0.00 4000.00",
                "FY2027-Q4 2000.00 2000.00",
                "FY2028-Q1 0.00 2000.00",
            ],
        ),
        // Fiscal years from 1 October: both FY2026 (from March) and FY2027 start in the contract year from March 2026, and share
        // its 3,000; FY2028 starts in the second.
        (
            "period: Yearly\nfiscalYearStart: '10-01'\ncredits: {yearCapAmount: 3000}",
            "2026-03-01..2028-02-28",
            vec!["FY2026 2000.00 3000.00", "FY2027 1000.00 3000.00", "FY2028 2000.00 3000.00"],
        ),
    ] {
        assert_eq!(judged(fields, term), expected, "{fields}");
    }
}

#[test]
fn a_window_of_several_fiscal_quarters_rolls_over_the_end_of_the_year() {
    // Three months of 100 calls a quarter: 210, 240 and 270 of 300. Two quarters each: 210/300, 450/600, 510/600.
    let contract = "term: {start: 2026-04-01, end: 2026-12-31}\nperiod: Quarterly\nfiscalYearStart: '07-01'\nfeeds: [{name: acd, url: 'https://feeds.example'}]";
    let kpi = format!("{}window: {{type: RollingPeriods, count: 2}}", flat(SERVICE_LEVEL));
    let rows = (4..=12).map(|one| month(&format!("2026-{one:02}"), [70, 80, 90][(one - 4) / 3], 100)).collect();
    let judgement = Case::new(terms(contract, &[("sl", &kpi)]), rows).judge("2027-06-01T00:00Z");
    let values: Vec<_> = judgement
        .reports
        .iter()
        .map(|report| (report.period.name.as_str(), report.kpis[0].value.as_deref().unwrap()))
        .collect();
    assert_eq!(values, [("FY2026-Q4", "70"), ("FY2027-Q1", "75"), ("FY2027-Q2", "85")]);
}

#[test]
fn reports_of_other_periods_are_named_in_small_letters() {
    for (period, name) in [("2026-H1", "acme-2026-h1"), ("FY2027-Q1", "acme-fy2027-q1"), ("CY1", "acme-cy1")] {
        assert_eq!(report_name("acme", period, 1), name);
    }
}
