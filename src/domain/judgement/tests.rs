use super::super::cases::*;
use super::super::measures::Row;
use super::*;

/// A row of a month's 15th for ServiceLevel: so many of so many answered within the threshold.
fn month(name: &str, good: i64, all: i64) -> Row {
    row(
        &format!("{name}-15T00:00Z"),
        &format!("{name}-16T00:00Z"),
        &[("answeredWithin", good), ("answered", all), ("abandoned", 0), ("abandonedWithin", 0)],
    )
}

#[test]
fn a_period_is_open_then_provisional_then_final() {
    let terms = terms(
        "term: {start: 2026-01-01, end: 2026-12-31}\ncharges: {currency: GBP, amount: 100000}",
        &[("sl", "kpi: ServiceLevel\nobjective: {target: 80}\nbands: [{severity: Minor, percent: 2}]")],
    );
    let case = Case::new(terms, vec![month("2026-01", 79, 100)]);
    let open = case.judge("2026-01-20T00:00Z");
    assert!(open.reports.is_empty());
    assert_eq!(open.period.as_ref().unwrap().name, "2026-01");
    let current = open.kpis["sl"].current.as_ref().unwrap();
    assert_eq!((current.value.as_deref(), current.verdict), (Some("79"), Verdict::Missed));
    let provisional = case.judge("2026-02-01T00:00Z");
    assert_eq!(provisional.reports.len(), 1);
    assert_eq!(provisional.reports[0].state, PeriodState::Provisional);
    let last = case.judge("2026-02-13T23:59:59Z");
    assert_eq!(last.reports[0].state, PeriodState::Provisional);
    assert_eq!(last.next, Some(instant("2026-02-14T00:00Z")));
    let fin = case.judge("2026-02-14T00:00Z");
    assert_eq!(fin.reports[0].state, PeriodState::Final);
}
