//! What customers think of the service, and how good it is.

use super::{ORDINARY, guard, named, ratio, share, usual};
use crate::api::kpi_target::{CatalogueKpi, FormulaUnit, IndicatorKind, KpiCategory, KpiVariant};
use crate::domain::terms::catalogue::{Entry, Guard};

pub(super) static QUALITY: &[Entry] = &[
    Entry {
        kpi: CatalogueKpi::CustomerSatisfaction,
        formulas: &[
            share("satisfied", "surveyResponses"),
            named(KpiVariant::TopBox, share("verySatisfied", "surveyResponses")),
            named(KpiVariant::Mean, ratio("satisfactionSum", "surveyResponses", 1, FormulaUnit::Score)),
        ],
        category: KpiCategory::Satisfaction,
        guards: &[Guard::ResponseRate],
        benchmark: usual(
            Some("85"),
            None,
            "Massachusetts Health Connector: at least 85 % in the two best of five; SQM Group: 85 % is world class",
        ),
        survey: true,
        explanation: "Customers who answered with one of the two best marks, in percent (TopBox: the best mark alone; Mean: the mean mark). Says little without the survey's response rate.",
        gamed: "Only happy customers are asked, or asked again; few answers stand for all.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::NetPromoterScore,
        formulas: &[ratio("promoters - detractors", "surveyResponses", 100, FormulaUnit::Points)],
        category: KpiCategory::Engagement,
        guards: &[Guard::ResponseRate],
        survey: true,
        explanation: "Promoters less detractors, in points from -100 to 100.",
        gamed: "Customers are coached to give a nine; passives are asked less often.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::CustomerEffortScore,
        formulas: &[ratio("effortSum", "surveyResponses", 1, FormulaUnit::Score)],
        category: KpiCategory::Satisfaction,
        survey: true,
        explanation: "Mean answer to how easy it was made, where the better mark is the higher one.",
        gamed: "The scale is turned or explained; only easy contacts are surveyed.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::QualityScore,
        formulas: &[share("qualityPoints", "qualityPointsPossible")],
        kind: IndicatorKind::Leading,
        category: KpiCategory::Quality,
        guards: &[guard(CatalogueKpi::CustomerSatisfaction)],
        explanation: "Points of evaluated contacts, in percent of the possible ones. Where customers disagree with it, it is the scoring that needs calibrating.",
        gamed: "Easy contacts are evaluated; scoring drifts from what customers say.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::ScriptAdherence,
        formulas: &[share("scriptElementsDone", "scriptElementsApplicable")],
        kind: IndicatorKind::Leading,
        category: KpiCategory::Quality,
        guards: &[guard(CatalogueKpi::Sentiment)],
        explanation: "Required elements of the script that were said, in percent of those that applied. Rigid scripts cost goodwill, so sentiment guards it.",
        gamed: "Sentences are read that do not fit the case.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::CriticalErrorAccuracy,
        formulas: &[share("evaluationsWithoutCriticalError", "evaluations")],
        category: KpiCategory::Quality,
        explanation: "Evaluated contacts without a critical error, in percent. Select the class of error (customer, business, compliance) by a label; classes are never averaged.",
        gamed: "Classes of errors are averaged; errors are coded as minor.",
        ..ORDINARY
    },
];
