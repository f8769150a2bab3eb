//! Self-service, sales, and what happens to customers.

use super::{ORDINARY, guard, ratio, share, usual};
use crate::api::kpi_target::{Better, CatalogueKpi, FormulaUnit, IndicatorKind, KpiCategory};
use crate::domain::terms::catalogue::{Entry, StockRule};

pub(super) static CUSTOMERS: &[Entry] = &[
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
        explanation: "Answers to a campaign, in percent of the messages delivered.",
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
];
