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
    gamed: "",
};

/// The catalogue, in the order of its ids.
pub fn entries() -> &'static [Entry] {
    ENTRIES
}

/// A part of a whole, in percent.
const fn share(numerator: &'static str, denominator: &'static str) -> VariantFormula {
    VariantFormula { variant: None, numerator, denominator, scale: 100, unit: FormulaUnit::Percent, share: true }
}

/// A quotient whose numerator is not a part of its denominator.
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
        benchmark: usual(
            Some("75"),
            Some("90"),
            "legalclarity.org: 80 % in 20 s for decades; Vermont's DVHA: a bonus from 75 % in 24 s; label-anim.com: premium lines 90 %",
        ),
        explanation: "Contacts answered within the threshold, in percent. The variants differ in what becomes of callers who gave up; one day's figures range from 81.1 to 86.0 % by them, so the contract names one.",
        gamed: "Late callers are let wait, since they are lost to the figure already; calls are answered and put on hold; the variant or the threshold is changed.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::AverageSpeedOfAnswer,
        formulas: &[ratio("waitSeconds", "answered", 1, FormulaUnit::Seconds)],
        better: Better::Lower,
        guards: &[guard(CatalogueKpi::AbandonmentRate)],
        benchmark: usual(
            Some("20"),
            Some("30"),
            "legalclarity.org: 20 to 30 s; North Dakota Medicaid: at most 30 s a quarter",
        ),
        explanation: "Mean wait of the answered contacts, in seconds. It falls when callers give up, so the abandonment rate guards it.",
        gamed: "Callers who would wait long are sent to a busy tone or a voice menu; those who give up leave the mean.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::LongWaitRate,
        formulas: &[share("longWaits", "offered")],
        better: Better::Lower,
        benchmark: usual(
            None,
            Some("10"),
            "Massachusetts State Auditor on the Health Connector: under 10 % over two minutes",
        ),
        explanation: "Contacts that waited longer than the contract's limit, in percent of those offered: the tail that a mean hides.",
        gamed: "Calls near the limit are taken first; the clock starts after a longer greeting.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::AbandonmentRate,
        formulas: &[
            share("abandoned", "offered"),
            named(KpiVariant::ExcludeShort, share("abandoned - abandonedShort", "offered - abandonedShort")),
        ],
        better: Better::Lower,
        benchmark: usual(
            Some("3"),
            Some("5"),
            "Massachusetts Health Connector: 3 %; North Dakota Medicaid, MC311 and Vermont's DVHA: 5 %",
        ),
        explanation: "Callers who gave up, in percent of those offered. ExcludeShort leaves out those who gave up at once, above and below the line.",
        gamed: "Short waits before hanging up are called short abandons; callers are blocked before they are counted as offered.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::OutboundAbandonment,
        formulas: &[share("abandonedLive", "abandonedLive + connectedLive")],
        better: Better::Lower,
        category: KpiCategory::Quality,
        benchmark: usual(None, Some("3"), "Ofcom: the limit until 28 February 2017"),
        explanation: "Outbound calls that a live person answered and no agent took, in percent. Regulators watch it per campaign and day.",
        gamed: "Estimated answering machines are taken off generously; the figure is averaged over campaigns or days.",
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
        benchmark: usual(
            Some("240"),
            Some("360"),
            "MC311: under 240 s; ctplapps.com: about six minutes; depends on the work",
        ),
        explanation: "Mean time that a contact takes, in seconds. Shorter is not better: hurried contacts come back, so the objective names its direction. Parts adds talk, hold and wrap.",
        gamed: "Contacts are cut short, transferred or split; work after the call is booked elsewhere.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::Occupancy,
        formulas: &[share("handleSeconds", "handleSeconds + availableSeconds")],
        better: Better::Range,
        guards: &[guard(CatalogueKpi::Attrition)],
        benchmark: usual(
            Some("80"),
            Some("85"),
            "SWPP: 80 to 85 %; contactcenterpipeline.com: burnout above 85 to 90 %",
        ),
        explanation: "Time spent on contacts, in percent of the time on duty. Too low is idle, too high burns people out.",
        gamed: "Availability is booked as other work; too few people are planned.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::Utilisation,
        formulas: &[share("handleSeconds + availableSeconds", "paidSeconds")],
        better: Better::Range,
        guards: &[guard(CatalogueKpi::Attrition)],
        explanation: "Time on duty, in percent of the paid time.",
        gamed: "Breaks and training are booked as time on duty.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::FirstContactResolution,
        formulas: &[share("resolvedFirstContact", "contactsWithIssue")],
        category: KpiCategory::Quality,
        guards: &[guard(CatalogueKpi::AverageHandleTime)],
        benchmark: usual(Some("70"), Some("80"), "SQM Group: 70 % on average, 80 % is world class"),
        explanation: "Issues solved by the first contact, in percent. Give it a maturity: only later does a contact show that it was not the last.",
        gamed: "Agents close issues themselves; repeat contacts come by another channel or with another reason; the method of counting is changed.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::RepeatContactRate,
        formulas: &[share("repeatContacts", "contacts")],
        better: Better::Lower,
        category: KpiCategory::Quality,
        explanation: "Contacts that come back for the same reason, in percent. Give it a maturity of the days within which a return counts.",
        gamed: "Reasons are coded differently the second time; the days within which a return counts are shortened.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::TransferRate,
        formulas: &[share("transferred", "handled")],
        better: Better::Lower,
        category: KpiCategory::Quality,
        guards: &[guard(CatalogueKpi::FirstContactResolution)],
        benchmark: usual(Some("5"), Some("6"), "Vermont's DVHA: 5 to 6 % from the first tier to the second"),
        explanation: "Contacts handed on to somebody else, in percent of those handled.",
        gamed: "Customers are asked to call another number instead of being transferred.",
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
    Entry {
        kpi: CatalogueKpi::ScheduleAdherence,
        formulas: &[share("adherentMinutes", "scheduledMinutes")],
        kind: IndicatorKind::Leading,
        category: KpiCategory::People,
        guards: &[guard(CatalogueKpi::Shrinkage)],
        benchmark: usual(Some("93"), Some("93"), "dialog.lk: 93 % is typical"),
        explanation: "Minutes worked as planned, in percent of those planned.",
        gamed: "Schedules are changed afterwards to what was worked.",
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
        explanation: "Training modules completed, in percent of those required, as it was at the end.",
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
    Entry {
        kpi: CatalogueKpi::IvrContainment,
        formulas: &[share("ivrContained", "ivrCalls")],
        category: KpiCategory::Cost,
        guards: &[guard(CatalogueKpi::TrueContainment)],
        benchmark: usual(Some("65"), Some("80"), "turnella.com, for balance and account questions"),
        explanation: "Calls that ended in the voice menu, in percent. Counts those who gave up in it as served.",
        gamed: "Callers who give up in the menu count as served; the way to a person is hidden.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::TrueContainment,
        formulas: &[share("ivrContained - ivrRepeats", "ivrCalls")],
        category: KpiCategory::Cost,
        guards: &[guard(CatalogueKpi::RepeatContactRate)],
        mature_after_hours: Some(24),
        explanation: "Calls that ended in the voice menu and did not come back within a day, in percent. Rows count once they are 24 hours old.",
        gamed: "Callers come back after more than a day, or from another number.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::SelfServiceRate,
        formulas: &[share("selfServed", "contacts")],
        category: KpiCategory::Cost,
        guards: &[guard(CatalogueKpi::CustomerEffortScore)],
        explanation: "Contacts that customers completed by themselves, in percent.",
        gamed: "The number is hidden; unfinished self-service counts as done.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::ConversionRate,
        formulas: &[share("sales", "eligibleContacts")],
        category: KpiCategory::Revenue,
        guards: &[guard(CatalogueKpi::PostSaleCancellation)],
        explanation: "Sales, in percent of the contacts to which something could be sold. What is cancelled later was no sale: guard it by cancellations.",
        gamed: "Sales are pushed that are cancelled later; contacts are taken out of the eligible ones.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::ResponseRate,
        formulas: &[share("responses", "delivered")],
        kind: IndicatorKind::Leading,
        category: KpiCategory::Revenue,
        explanation: "Answers to a campaign, in percent of what was delivered.",
        gamed: "Undelivered messages are left out of the base generously; answers such as unsubscribing count.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::CrossSellRate,
        formulas: &[share("offersAccepted", "offersMade")],
        category: KpiCategory::Revenue,
        guards: &[guard(CatalogueKpi::PostSaleCancellation)],
        explanation: "Accepted offers of something else, in percent of the offers made.",
        gamed: "Offers are made to those alone who will accept; acceptance is booked without consent.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::UpSellRate,
        formulas: &[share("offersAccepted", "offersMade")],
        category: KpiCategory::Revenue,
        guards: &[guard(CatalogueKpi::PostSaleCancellation)],
        explanation: "Accepted offers of something better, in percent of the offers made.",
        gamed: "Offers are made to those alone who will accept; acceptance is booked without consent.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::PostSaleCancellation,
        formulas: &[share("salesCancelled", "sales")],
        better: Better::Lower,
        category: KpiCategory::Revenue,
        explanation: "Sales that were cancelled, in percent, counted in the interval of the sale. Give it a maturity of the days within which customers may cancel.",
        gamed: "Cancellations are delayed until they no longer count; they are booked as other sales.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::NetConversion,
        formulas: &[share("sales - salesCancelled", "eligibleContacts")],
        category: KpiCategory::Revenue,
        explanation: "Sales that were not cancelled, in percent of the contacts to which something could be sold.",
        gamed: "Cancellations are delayed until they no longer count.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::CostPerContact,
        formulas: &[ratio("operatingCost", "handled", 1, FormulaUnit::Money)],
        better: Better::Lower,
        category: KpiCategory::Cost,
        guards: &[guard(CatalogueKpi::CustomerSatisfaction)],
        benchmark: usual(Some("3"), Some("15"), "gurusup.com: chat 3 to 5, e-mail 5 to 8, telephone 8 to 15"),
        explanation: "What a handled contact costs, in the contract's currency.",
        gamed: "Contacts are split; customers are pushed to cheaper channels that do not solve it.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::ChurnRate,
        formulas: &[share("customersLost", "customersAtStart")],
        better: Better::Lower,
        category: KpiCategory::Engagement,
        explanation: "Customers lost, in percent of those at the start.",
        gamed: "Lost customers are kept on paper; contracts are made hard to end.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::Persistency,
        formulas: &[share("cohortActive", "cohortStart")],
        category: KpiCategory::Engagement,
        benchmark: usual(
            Some("65"),
            Some("75"),
            "Department for Education, England: retention bands of 65, 70 and 75 %",
        ),
        explanation: "Customers of a cohort who are still active, in percent. Select the cohort's age by a label.",
        gamed: "Cohorts are drawn so that weak customers are outside.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::AverageRevenuePerUser,
        formulas: &[ratio("revenue", "activeCustomers", 1, FormulaUnit::Money)],
        category: KpiCategory::Revenue,
        guards: &[guard(CatalogueKpi::ChurnRate)],
        stocks: &[("activeCustomers", StockRule::Mean)],
        explanation: "Revenue for each active customer, on the mean of them over the window.",
        gamed: "Inactive customers are dropped from the base.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::CustomerLifetimeValue,
        formulas: &[ratio("lifetimeValue", "customers", 1, FormulaUnit::Money)],
        category: KpiCategory::Engagement,
        explanation: "What a customer is expected to bring in all, on average, as the vendor or the client models it.",
        gamed: "The model is changed, not the customers.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::LoyaltyIndex,
        formulas: &[ratio("loyaltySum", "surveyResponses", 1, FormulaUnit::Score)],
        kind: IndicatorKind::Leading,
        category: KpiCategory::Engagement,
        survey: true,
        explanation: "Mean of an index of loyalty, such as of repurchase, recommendation and satisfaction.",
        gamed: "Weights of the parts are changed; only loyal customers are asked.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::Sentiment,
        formulas: &[ratio("positiveContacts - negativeContacts", "scoredContacts", 1, FormulaUnit::Score)],
        kind: IndicatorKind::Leading,
        category: KpiCategory::Engagement,
        explanation: "Positive less negative contacts, of those scored: -1 to 1.",
        gamed: "Contacts that are hard to score are left out; the model is tuned.",
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
