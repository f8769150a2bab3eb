//! Whole contracts, judged: each rule as a table of cases.

use super::*;
use crate::api::SlaReportSpec;
use crate::api::sla_report::{CreditState, KpiLine};
use crate::api::verdict::PeriodState;
use crate::domain::fixtures::contracts::*;
use crate::domain::measuring::row::Row;
use crate::domain::numbers::exact::Exact;
use crate::domain::settlement::gaming::Gaming;

mod again;
mod bases;
mod days;
mod disputes;
mod fiscal_years;
mod holes;
mod money;
mod periods;
mod prices;
mod properties;
mod records;
mod repeats;
mod restatements;
mod sources;
mod standing;
mod tallies;
mod thresholds;
mod values;

/// A contract of 2026 in UTC with charges of 100,000.00 GBP a month.
const CONTRACT: &str = "
    term: {start: 2026-01-01, end: 2026-12-31}
    feeds: [{name: acd, url: 'https://feeds.example'}]
    charges: {currency: GBP, amount: 100000}
    ";
/// Of a service level of 80 %.
const SERVICE_LEVEL: &str = "
    kpi: ServiceLevel
    variant: AnsweredOnly
    objective: {target: 80}
    ";

/// A row of a month's 15th for a service level: how many of how many were answered within the threshold.
fn month(name: &str, good: i64, all: i64) -> Row {
    row(
        &format!("{name}-15T00:00Z"),
        &format!("{name}-16T00:00Z"),
        &[("answeredWithin", good), ("answered", all), ("abandoned", 0), ("abandonedWithin", 0)],
    )
}

/// Values of the months of 2026 from January on, in percent; a month without value has no row.
fn months(values: &[&str]) -> Vec<Row> {
    let months = values.iter().enumerate().filter(|(_, value)| !value.is_empty());
    months
        .map(|(place, value)| {
            let value = (exact(value) * Exact::from(100)).to_i64().unwrap();
            month(&format!("2026-{:02}", place + 1), value, 10_000)
        })
        .collect()
}

/// The latest revision of a month's report.
fn report<'j>(judgement: &'j JudgedCase, period: &str) -> &'j SlaReportSpec {
    judgement.reports.iter().rfind(|report| report.period.name == period).unwrap()
}

/// A line of a month's latest report.
fn line<'j>(judgement: &'j JudgedCase, period: &str, kpi: &str) -> &'j KpiLine {
    report(judgement, period).kpis.iter().find(|line| line.name == kpi).unwrap()
}

/// All lines of a KPI, one a period, by their latest revisions.
fn lines<'j>(judgement: &'j JudgedCase, kpi: &str) -> Vec<&'j KpiLine> {
    let mut latest: BTreeMap<&str, &KpiLine> = BTreeMap::new();
    for report in &judgement.reports {
        latest.extend(report.kpis.iter().find(|line| line.name == kpi).map(|line| (report.period.name.as_str(), line)));
    }
    latest.into_values().collect()
}

/// The net of each period by its latest revision.
fn nets(judgement: &JudgedCase) -> Vec<&str> {
    let mut latest: BTreeMap<&str, &str> = BTreeMap::new();
    for report in &judgement.reports {
        latest.insert(&report.period.name, &report.credit.as_ref().unwrap().net);
    }
    latest.into_values().collect()
}
