//! The entries themselves.

use super::{Entry, Guard, Origin, StockRule, UsualBenchmark, VariantFormula};
use crate::api::kpi_target::{Better, CatalogueKpi, FormulaUnit, IndicatorKind, KpiCategory, KpiVariant};

/// What most entries have in common.
const ORDINARY: Entry = Entry {
    kpi: CatalogueKpi::Custom,
    formulas: &[],
    better: Better::Higher,
    kind: IndicatorKind::Lagging,
    category: KpiCategory::Efficiency,
    guards: &[],
    benchmark: None,
    stocks: &[],
    survey: false,
    annualised: false,
    mature_after_hours: None,
    origin: Origin::Feed,
    explanation: "",
};

/// The catalogue, in the order of its ids.
pub fn entries() -> &'static [Entry] {
    ENTRIES
}

/// A part of a whole, in percent.
const fn share(numerator: &'static str, denominator: &'static str) -> VariantFormula {
    VariantFormula { variant: None, numerator, denominator, scale: 100, unit: FormulaUnit::Percent, share: true }
}

/// A quotient whose numerator is no part of its denominator.
const fn ratio(numerator: &'static str, denominator: &'static str, scale: i64, unit: FormulaUnit) -> VariantFormula {
    VariantFormula { variant: None, numerator, denominator, scale, unit, share: false }
}

/// The same, by the name of a variant.
const fn named(variant: KpiVariant, formula: VariantFormula) -> VariantFormula {
    VariantFormula { variant: Some(variant), ..formula }
}

const fn usual(low: Option<&'static str>, high: Option<&'static str>, source: &'static str) -> Option<UsualBenchmark> {
    Some(UsualBenchmark { low, high, source })
}

const fn guard(kpi: CatalogueKpi) -> Guard {
    Guard::Kpi(kpi)
}

static ENTRIES: &[Entry] = &[
    Entry {
        kpi: CatalogueKpi::ServiceLevel,
        formulas: &[
            named(
                KpiVariant::ExcludeAbandonedWithin,
                share("answeredWithin", "answered + abandoned - abandonedWithin"),
            ),
            named(
                KpiVariant::AnsweredAndAbandonedWithin,
                share("answeredWithin + abandonedWithin", "answered + abandoned"),
            ),
            named(KpiVariant::AnsweredOnly, share("answeredWithin", "answered")),
            named(KpiVariant::AllOffered, share("answeredWithin", "answered + abandoned")),
            named(KpiVariant::CreditShortAbandons, share("answeredWithin + abandonedShort", "answered + abandoned")),
            named(KpiVariant::ExcludeShortAbandons, share("answeredWithin", "answered + abandoned - abandonedShort")),
        ],
        guards: &[guard(CatalogueKpi::QualityScore), guard(CatalogueKpi::Occupancy)],
        benchmark: usual(Some("75"), Some("90"), "80 % in 20 s is the trade's habit; premium lines 90 %"),
        explanation: "Contacts answered within the threshold, in percent. The variants differ in what becomes of callers who gave up; one day's figures range from 81.1 to 86.0 % by them, so the contract names one.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::AverageSpeedOfAnswer,
        formulas: &[ratio("waitSeconds", "answered", 1, FormulaUnit::Seconds)],
        better: Better::Lower,
        guards: &[guard(CatalogueKpi::AbandonmentRate)],
        benchmark: usual(Some("20"), Some("30"), "public-sector and industry contracts"),
        explanation: "Mean wait of the answered contacts, in seconds. It falls when callers give up, so the abandonment rate guards it.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::LongWaitRate,
        formulas: &[share("longWaits", "offered")],
        better: Better::Lower,
        benchmark: usual(None, Some("10"), "public-sector contracts: under 10 % over two minutes"),
        explanation: "Contacts that waited longer than the contract's limit, in percent of those offered: the tail that a mean hides.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::AbandonmentRate,
        formulas: &[
            share("abandoned", "offered"),
            named(KpiVariant::ExcludeShort, share("abandoned - abandonedShort", "offered - abandonedShort")),
        ],
        better: Better::Lower,
        benchmark: usual(Some("3"), Some("5"), "public-sector contracts"),
        explanation: "Callers who gave up, in percent of those offered. ExcludeShort leaves out those who gave up at once, above and below the line.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::OutboundAbandonment,
        formulas: &[share("abandonedLive", "abandonedLive + connectedLive")],
        better: Better::Lower,
        category: KpiCategory::Quality,
        benchmark: usual(None, Some("3"), "the regulator's long-standing limit"),
        explanation: "Outbound calls that a live person answered and no agent took, in percent. Regulators watch it per campaign and day.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::AverageHandleTime,
        formulas: &[
            ratio("handleSeconds", "handled", 1, FormulaUnit::Seconds),
            named(
                KpiVariant::Parts,
                ratio("talkSeconds + holdSeconds + wrapSeconds", "handled", 1, FormulaUnit::Seconds),
            ),
        ],
        better: Better::Range,
        guards: &[guard(CatalogueKpi::FirstContactResolution), guard(CatalogueKpi::RepeatContactRate)],
        benchmark: usual(Some("240"), Some("360"), "industry surveys; depends on the work"),
        explanation: "Mean time that a contact takes, in seconds. Shorter is not better: hurried contacts come back, so the objective names its direction. Parts adds talk, hold and wrap.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::Occupancy,
        formulas: &[share("handleSeconds", "handleSeconds + availableSeconds")],
        better: Better::Range,
        guards: &[guard(CatalogueKpi::Attrition)],
        benchmark: usual(Some("80"), Some("85"), "workforce planners' goal; above 85 to 90 % burnout"),
        explanation: "Time spent on contacts, in percent of the time on duty. Too low is idle, too high burns people out.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::Utilisation,
        formulas: &[share("handleSeconds + availableSeconds", "paidSeconds")],
        better: Better::Range,
        guards: &[guard(CatalogueKpi::Attrition)],
        benchmark: usual(Some("65"), Some("75"), "trade knowledge"),
        explanation: "Time on duty, in percent of the paid time.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::FirstContactResolution,
        formulas: &[share("resolvedFirstContact", "contactsWithIssue")],
        category: KpiCategory::Quality,
        guards: &[guard(CatalogueKpi::AverageHandleTime)],
        benchmark: usual(Some("70"), Some("80"), "industry surveys: average 70 %, world class 80 %"),
        explanation: "Issues solved by the first contact, in percent. Give it a maturity: only later does a contact show that it was not the last.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::RepeatContactRate,
        formulas: &[share("repeatContacts", "contacts")],
        better: Better::Lower,
        category: KpiCategory::Quality,
        benchmark: usual(None, Some("30"), "100 % less first-contact resolution"),
        explanation: "Contacts that come back for the same reason, in percent. Give it a maturity of the days within which a return counts.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::TransferRate,
        formulas: &[share("transferred", "handled")],
        better: Better::Lower,
        category: KpiCategory::Quality,
        guards: &[guard(CatalogueKpi::FirstContactResolution)],
        benchmark: usual(Some("5"), Some("10"), "public-sector contracts"),
        explanation: "Contacts handed on to somebody else, in percent of those handled.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::CustomerSatisfaction,
        formulas: &[
            share("satisfied", "surveyResponses"),
            named(KpiVariant::TopBox, share("verySatisfied", "surveyResponses")),
            named(KpiVariant::Mean, ratio("satisfactionSum", "surveyResponses", 1, FormulaUnit::Score)),
        ],
        category: KpiCategory::Satisfaction,
        guards: &[Guard::ResponseRate],
        benchmark: usual(Some("85"), None, "public-sector contracts: at least 85 % in the two best of five"),
        survey: true,
        explanation: "Customers who answered with one of the two best marks, in percent (TopBox: the best mark alone; Mean: the mean mark). Says little without the survey's response rate.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::NetPromoterScore,
        formulas: &[ratio("promoters - detractors", "surveyResponses", 100, FormulaUnit::Points)],
        category: KpiCategory::Engagement,
        guards: &[Guard::ResponseRate],
        benchmark: usual(Some("0"), Some("50"), "trade knowledge"),
        survey: true,
        explanation: "Promoters less detractors, in points from -100 to 100.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::CustomerEffortScore,
        formulas: &[ratio("effortSum", "surveyResponses", 1, FormulaUnit::Score)],
        category: KpiCategory::Satisfaction,
        benchmark: usual(Some("5.5"), None, "trade knowledge, on a scale to 7"),
        survey: true,
        explanation: "Mean answer to how easy it was made, where the better mark is the higher one.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::QualityScore,
        formulas: &[share("qualityPoints", "qualityPointsPossible")],
        kind: IndicatorKind::Leading,
        category: KpiCategory::Quality,
        guards: &[guard(CatalogueKpi::CustomerSatisfaction)],
        benchmark: usual(Some("85"), Some("90"), "trade knowledge"),
        explanation: "Points of evaluated contacts, in percent of the possible ones. Where customers disagree with it, it is the scoring that needs calibrating.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::ScriptAdherence,
        formulas: &[share("scriptElementsDone", "scriptElementsApplicable")],
        kind: IndicatorKind::Leading,
        category: KpiCategory::Quality,
        guards: &[guard(CatalogueKpi::Sentiment)],
        benchmark: usual(Some("90"), Some("95"), "trade knowledge"),
        explanation: "Required elements of the script that were said, in percent of those that applied. Rigid scripts cost goodwill, so sentiment guards it.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::CriticalErrorAccuracy,
        formulas: &[share("evaluationsWithoutCriticalError", "evaluations")],
        category: KpiCategory::Quality,
        benchmark: usual(Some("90"), Some("100"), "trade knowledge: 90 to 95 %, compliance 99 to 100 %"),
        explanation: "Evaluated contacts without a critical error, in percent. Select the class of error (customer, business, compliance) by a label; classes are never averaged.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::ScheduleAdherence,
        formulas: &[share("adherentMinutes", "scheduledMinutes")],
        kind: IndicatorKind::Leading,
        category: KpiCategory::People,
        guards: &[guard(CatalogueKpi::Shrinkage)],
        benchmark: usual(Some("90"), Some("95"), "industry: 93 % is typical"),
        explanation: "Minutes worked as planned, in percent of those planned.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::Shrinkage,
        formulas: &[share("unavailableHours", "scheduledHours")],
        better: Better::Lower,
        kind: IndicatorKind::Leading,
        category: KpiCategory::People,
        guards: &[guard(CatalogueKpi::Attrition)],
        benchmark: usual(Some("25"), Some("30"), "workforce planners' goal"),
        explanation: "Paid hours in which people were not available for contacts, in percent of those scheduled.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::Attrition,
        formulas: &[ratio("leavers", "headcount", 100, FormulaUnit::Percent)],
        better: Better::Lower,
        kind: IndicatorKind::Leading,
        category: KpiCategory::People,
        benchmark: usual(Some("25"), Some("45"), "industry surveys, a year"),
        stocks: &[("headcount", StockRule::Mean)],
        annualised: true,
        explanation: "People who left, in percent of the mean headcount, for a year: what left in the window times 12 / months of the window.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::EarlyAttrition,
        formulas: &[share("earlyLeavers", "starters")],
        better: Better::Lower,
        kind: IndicatorKind::Leading,
        category: KpiCategory::People,
        benchmark: usual(None, Some("25"), "industry: above 25 % is an alarm"),
        explanation: "Starters who left within their first months, in percent. Above a quarter, hiring or training is at fault.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::TrainingCompletion,
        formulas: &[ratio("modulesCompleted", "modulesRequired", 100, FormulaUnit::Percent)],
        kind: IndicatorKind::Leading,
        category: KpiCategory::People,
        benchmark: usual(Some("100"), Some("100"), "before the first contact"),
        stocks: &[("modulesCompleted", StockRule::Last), ("modulesRequired", StockRule::Last)],
        explanation: "Training modules completed, in percent of those required, as it stood at the end.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::EmployeeSatisfaction,
        formulas: &[share("favourableAnswers", "answers")],
        kind: IndicatorKind::Leading,
        category: KpiCategory::People,
        benchmark: usual(Some("70"), None, "trade knowledge"),
        explanation: "Favourable answers of the vendor's people, in percent.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::IvrContainment,
        formulas: &[share("ivrContained", "ivrCalls")],
        category: KpiCategory::Cost,
        guards: &[guard(CatalogueKpi::TrueContainment)],
        benchmark: usual(Some("65"), Some("80"), "industry, for balance and account questions"),
        explanation: "Calls that ended in the voice menu, in percent. Counts those who gave up in it as served.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::TrueContainment,
        formulas: &[share("ivrContained - ivrRepeats", "ivrCalls")],
        category: KpiCategory::Cost,
        guards: &[guard(CatalogueKpi::RepeatContactRate)],
        mature_after_hours: Some(24),
        explanation: "Calls that ended in the voice menu and did not come back within a day, in percent. Rows count once they are 24 hours old.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::SelfServiceRate,
        formulas: &[share("selfServed", "contacts")],
        category: KpiCategory::Cost,
        guards: &[guard(CatalogueKpi::CustomerEffortScore)],
        explanation: "Contacts that customers completed by themselves, in percent.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::ConversionRate,
        formulas: &[share("sales", "eligibleContacts")],
        category: KpiCategory::Revenue,
        guards: &[guard(CatalogueKpi::PostSaleCancellation)],
        explanation: "Sales, in percent of the contacts to which something could be sold. What is cancelled later was no sale: guard it by cancellations.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::ResponseRate,
        formulas: &[share("responses", "delivered")],
        kind: IndicatorKind::Leading,
        category: KpiCategory::Revenue,
        explanation: "Answers to a campaign, in percent of what was delivered.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::CrossSellRate,
        formulas: &[share("offersAccepted", "offersMade")],
        category: KpiCategory::Revenue,
        guards: &[guard(CatalogueKpi::PostSaleCancellation)],
        explanation: "Accepted offers of something else, in percent of the offers made.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::UpSellRate,
        formulas: &[share("offersAccepted", "offersMade")],
        category: KpiCategory::Revenue,
        guards: &[guard(CatalogueKpi::PostSaleCancellation)],
        explanation: "Accepted offers of something better, in percent of the offers made.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::PostSaleCancellation,
        formulas: &[share("salesCancelled", "sales")],
        better: Better::Lower,
        category: KpiCategory::Revenue,
        benchmark: usual(None, Some("10"), "trade knowledge"),
        explanation: "Sales that were cancelled, in percent, counted in the interval of the sale. Give it a maturity of the days within which customers may cancel.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::NetConversion,
        formulas: &[share("sales - salesCancelled", "eligibleContacts")],
        category: KpiCategory::Revenue,
        explanation: "Sales that stood, in percent of the contacts to which something could be sold.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::CostPerContact,
        formulas: &[ratio("operatingCost", "handled", 1, FormulaUnit::Money)],
        better: Better::Lower,
        category: KpiCategory::Cost,
        guards: &[guard(CatalogueKpi::CustomerSatisfaction)],
        benchmark: usual(Some("3"), Some("15"), "industry: chat 3 to 5, e-mail 5 to 8, telephone 8 to 15"),
        explanation: "What a handled contact costs, in the contract's currency.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::ChurnRate,
        formulas: &[share("customersLost", "customersAtStart")],
        better: Better::Lower,
        category: KpiCategory::Engagement,
        explanation: "Customers lost, in percent of those at the start.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::Persistency,
        formulas: &[share("cohortActive", "cohortStart")],
        category: KpiCategory::Engagement,
        benchmark: usual(Some("65"), Some("75"), "public-sector retention bands"),
        explanation: "Customers of a cohort who are still active, in percent. Select the cohort's age by a label.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::AverageRevenuePerUser,
        formulas: &[ratio("revenue", "activeCustomers", 1, FormulaUnit::Money)],
        category: KpiCategory::Revenue,
        guards: &[guard(CatalogueKpi::ChurnRate)],
        stocks: &[("activeCustomers", StockRule::Mean)],
        explanation: "Revenue for each active customer, on the mean of them over the window.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::CustomerLifetimeValue,
        formulas: &[ratio("lifetimeValue", "customers", 1, FormulaUnit::Money)],
        category: KpiCategory::Engagement,
        explanation: "What a customer is expected to bring in all, on average, as the vendor or the client models it.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::LoyaltyIndex,
        formulas: &[ratio("loyaltySum", "surveyResponses", 1, FormulaUnit::Score)],
        kind: IndicatorKind::Leading,
        category: KpiCategory::Engagement,
        survey: true,
        explanation: "Mean of an index of loyalty, such as of repurchase, recommendation and satisfaction.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::Sentiment,
        formulas: &[ratio("positiveContacts - negativeContacts", "scoredContacts", 1, FormulaUnit::Score)],
        kind: IndicatorKind::Leading,
        category: KpiCategory::Engagement,
        explanation: "Positive less negative contacts, of those scored: -1 to 1.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::Backlog,
        formulas: &[ratio("backlog", "1", 1, FormulaUnit::Count)],
        better: Better::Lower,
        kind: IndicatorKind::Leading,
        guards: &[guard(CatalogueKpi::OnTimeRate)],
        stocks: &[("backlog", StockRule::Last)],
        explanation: "Open items at the end.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::OnTimeRate,
        formulas: &[share("completedOnTime", "completed + overdueOpen")],
        guards: &[guard(CatalogueKpi::QualityScore)],
        benchmark: usual(Some("95"), Some("100"), "public-sector contracts"),
        explanation: "Items completed in time, in percent of those completed or overdue: what lies open counts.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::ForecastAccuracy,
        formulas: &[ratio("actual - absoluteForecastError", "actual", 100, FormulaUnit::Percent)],
        kind: IndicatorKind::Leading,
        benchmark: usual(Some("85"), Some("95"), "trade knowledge"),
        explanation: "One less the absolute forecast errors of the intervals, weighted with volume. A day's total may be right where every interval is wrong.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::ScriptChangeTurnaround,
        formulas: &[share("requestsOnTime", "requestsDue")],
        kind: IndicatorKind::Leading,
        category: KpiCategory::Quality,
        origin: Origin::Deliverables,
        explanation: "Requests done within their turnaround, in percent of those due, from the contract's own deliverables. Select one by the label `deliverable`.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::DeliverableOnTime,
        formulas: &[share("deliverablesOnTime", "deliverablesDue")],
        kind: IndicatorKind::Leading,
        category: KpiCategory::Quality,
        origin: Origin::Deliverables,
        explanation: "Deliverables and requests done by their due date, in percent of those due, from the contract's own deliverables.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::RightFirstTime,
        formulas: &[share("acceptedFirstTime", "delivered")],
        kind: IndicatorKind::Leading,
        category: KpiCategory::Quality,
        origin: Origin::Deliverables,
        explanation: "Deliverables that were accepted the first time, in percent of those delivered and decided upon, from the contract's own deliverables.",
        ..ORDINARY
    },
];
