//! Work that is owed by a time: backlogs, forecasts, changes and deliverables.

use super::{ORDINARY, guard, ratio, share, usual};
use crate::api::kpi_target::{Better, CatalogueKpi, FormulaUnit, IndicatorKind, KpiCategory};
use crate::domain::terms::catalogue::{Entry, Origin, StockRule};

pub(super) static WORK: &[Entry] = &[
    Entry {
        kpi: CatalogueKpi::Backlog,
        formulas: &[ratio("backlog", "1", 1, FormulaUnit::Count)],
        better: Better::Lower,
        kind: IndicatorKind::Leading,
        guards: &[guard(CatalogueKpi::OnTimeRate)],
        stocks: &[("backlog", StockRule::Last)],
        explanation: "Open items at the end.",
        gamed: "Items are closed and opened again; work is not taken in at the end of the period.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::OnTimeRate,
        formulas: &[share("completedOnTime", "completed + overdueOpen")],
        guards: &[guard(CatalogueKpi::QualityScore)],
        benchmark: usual(
            Some("95"),
            Some("100"),
            "North Dakota Medicaid: 95 % in seven business days; Department for Education, England: 100 % of queries in three",
        ),
        explanation: "Items completed in time, in percent of those completed or overdue: what lies open counts.",
        gamed: "Old items are left open since they are lost already: the denominator counts them for that reason.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::ForecastAccuracy,
        formulas: &[ratio("actual - absoluteForecastError", "actual", 100, FormulaUnit::Percent)],
        kind: IndicatorKind::Leading,
        explanation: "One less the absolute forecast errors of the intervals, weighted with volume. A day's total may be right where every interval is wrong.",
        gamed: "Forecasts are changed late; days are compared instead of intervals.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::ScriptChangeTurnaround,
        formulas: &[share("requestsOnTime", "requestsDue")],
        kind: IndicatorKind::Leading,
        category: KpiCategory::Quality,
        origin: Origin::Deliverables,
        explanation: "Requests done within their turnaround, in percent of those due, from the contract's own deliverables. Select one by the label `deliverable`.",
        gamed: "Requests are dated later, or split.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::DeliverableOnTime,
        formulas: &[share("deliverablesOnTime", "deliverablesDue")],
        kind: IndicatorKind::Leading,
        category: KpiCategory::Quality,
        origin: Origin::Deliverables,
        explanation: "Deliverables and requests done by their due date, in percent of those due, from the contract's own deliverables.",
        gamed: "Unfinished work is handed in on the day.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::RightFirstTime,
        formulas: &[share("acceptedFirstTime", "delivered")],
        kind: IndicatorKind::Leading,
        category: KpiCategory::Quality,
        origin: Origin::Deliverables,
        explanation: "Deliverables that were accepted the first time, in percent of those delivered and decided upon, from the contract's own deliverables.",
        gamed: "Drafts are agreed beforehand, so that the formal delivery is the second.",
        ..ORDINARY
    },
];
