//! The people who serve: their schedules, how long they stay, and what they learn.

use super::{ORDINARY, guard, ratio, share, usual};
use crate::api::kpi_target::{Better, CatalogueKpi, FormulaUnit, IndicatorKind, KpiCategory};
use crate::domain::terms::catalogue::{Entry, StockRule};

pub(super) static PEOPLE: &[Entry] = &[
    Entry {
        kpi: CatalogueKpi::ScheduleAdherence,
        formulas: &[share("adherentMinutes", "scheduledMinutes")],
        kind: IndicatorKind::Leading,
        category: KpiCategory::People,
        guards: &[guard(CatalogueKpi::Shrinkage)],
        benchmark: usual(Some("93"), Some("93"), "dialog.lk: 93 % is typical"),
        explanation: "Minutes worked as planned, in percent of those planned.",
        gamed: "Schedules are changed afterwards to match the hours that were worked.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::Shrinkage,
        formulas: &[share("unavailableHours", "scheduledHours")],
        better: Better::Lower,
        kind: IndicatorKind::Leading,
        category: KpiCategory::People,
        guards: &[guard(CatalogueKpi::Attrition)],
        benchmark: usual(Some("25"), Some("28"), "SWPP: a goal of 25 to 28 %"),
        explanation: "Paid hours in which people were not available for contacts, in percent of those scheduled.",
        gamed: "Absence is planned as work, so that it falls out.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::Attrition,
        formulas: &[ratio("leavers", "headcount", 100, FormulaUnit::Percent)],
        better: Better::Lower,
        kind: IndicatorKind::Leading,
        category: KpiCategory::People,
        benchmark: usual(
            Some("25"),
            Some("45"),
            "customerservicemanager.com: 25 to 45 % a year; ctplapps.com: 30 to 45 %",
        ),
        stocks: &[("headcount", StockRule::Mean)],
        annualised: true,
        explanation: "People who left, in percent of the mean headcount, for a year: what left in the window times 12 / months of the window.",
        gamed: "Leavers are moved to other accounts; the mean headcount is taken at convenient days.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::EarlyAttrition,
        formulas: &[share("earlyLeavers", "starters")],
        better: Better::Lower,
        kind: IndicatorKind::Leading,
        category: KpiCategory::People,
        benchmark: usual(None, Some("25"), "callcenterstaffing.com: above 25 % is an alarm"),
        explanation: "Starters who left within their first months, in percent. Above a quarter, hiring or training is at fault.",
        gamed: "Starters leave on paper after the limit; trainees are not counted as starters.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::TrainingCompletion,
        formulas: &[ratio("modulesCompleted", "modulesRequired", 100, FormulaUnit::Percent)],
        kind: IndicatorKind::Leading,
        category: KpiCategory::People,
        stocks: &[("modulesCompleted", StockRule::Last), ("modulesRequired", StockRule::Last)],
        explanation: "Training modules completed, in percent of those required, at the end of the period.",
        gamed: "Modules are clicked through; required modules are taken off the list.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::EmployeeSatisfaction,
        formulas: &[share("favourableAnswers", "answers")],
        kind: IndicatorKind::Leading,
        category: KpiCategory::People,
        explanation: "Favourable answers of the vendor's people, in percent.",
        gamed: "Answers are not anonymous; teams that are unhappy are not asked.",
        ..ORDINARY
    },
];
