//! What a KPI counts: those of the catalogue, their variants, and formulas of one's own.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::scalar::Decimal;

crate::api::condition::closed_enum! {
    /// A KPI of the catalogue, or Custom.
    #[derive(Serialize, Deserialize, JsonSchema)]
    CatalogueKpi {
        ServiceLevel, AverageSpeedOfAnswer, LongWaitRate, AbandonmentRate, OutboundAbandonment, AverageHandleTime,
        Occupancy, Utilisation, FirstContactResolution, RepeatContactRate, TransferRate, CustomerSatisfaction,
        NetPromoterScore, CustomerEffortScore, QualityScore, ScriptAdherence, CriticalErrorAccuracy,
        ScheduleAdherence, Shrinkage, Attrition, EarlyAttrition, TrainingCompletion, EmployeeSatisfaction,
        IvrContainment, TrueContainment, SelfServiceRate, ConversionRate, ResponseRate, CrossSellRate, UpSellRate,
        PostSaleCancellation, NetConversion, CostPerContact, ChurnRate, Persistency, AverageRevenuePerUser,
        CustomerLifetimeValue, LoyaltyIndex, Sentiment, Backlog, OnTimeRate, ForecastAccuracy,
        ScriptChangeTurnaround, DeliverableOnTime, RightFirstTime, Custom,
    }
}

crate::api::condition::closed_enum! {
    /// A variant of a catalogue KPI's formula.
    #[derive(Serialize, Deserialize, JsonSchema)]
    KpiVariant {
        AnsweredAndAbandonedWithin, AnsweredOnly, AllOffered, ExcludeAbandonedWithin, CreditShortAbandons,
        ExcludeShortAbandons, ExcludeShort, Parts, TopBox, Mean,
    }
}

/// The formula of a Custom KPI: numerator / denominator × scale.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct Formula {
    /// Sums and differences of measures and constants, such as `offered - abandonedShort`.
    #[schemars(length(min = 1, max = 1024))]
    #[x_kube(validation = (
        "self.matches('^([A-Za-z0-9_.+() -]|`[^`]+`)+$')",
        "write sums and differences of measures and constants, with parentheses, such as offered - abandonedShort"
    ))]
    pub numerator: String,
    /// Sums and differences of measures and constants. Default 1.
    #[schemars(length(min = 1, max = 1024))]
    #[x_kube(validation = (
        "self.matches('^([A-Za-z0-9_.+() -]|`[^`]+`)+$')",
        "write sums and differences of measures and constants, with parentheses, such as offered - abandonedShort"
    ))]
    pub denominator: Option<String>,
    /// The factor of the quotient. Default 100 with unit Percent, else 1.
    #[x_kube(validation = (
        "quantity(string(self)).isGreaterThan(quantity('0'))",
        "write a scale above 0, such as 100 for percent"
    ))]
    pub scale: Option<Decimal>,
    /// The unit of the value. Default Percent.
    #[schemars(extend("description" = "The unit of the value: Percent, Seconds, Count, Money, Score or Points. Default Percent."))]
    pub unit: Option<FormulaUnit>,
    /// Which direction is better: Higher, Lower or Range.
    pub better: Better,
    /// Leading or Lagging. Default Lagging.
    #[schemars(extend("description" = "Leading (it foretells) or Lagging (it shows results). Default Lagging."))]
    pub kind: Option<IndicatorKind>,
    /// What the KPI measures. Default Efficiency.
    #[schemars(extend("description" = "What the KPI measures: Efficiency, Quality, Satisfaction, Engagement, Revenue, Cost or People. Default Efficiency."))]
    pub category: Option<KpiCategory>,
    /// Measures that are levels, not flows: averaged over time instead of added up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10), inner(length(min = 1, max = 63)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub stocks: Vec<String>,
}

/// The unit of a Custom KPI: Percent, Seconds, Count, Money, Score or Points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum FormulaUnit {
    Percent,
    Seconds,
    Count,
    Money,
    Score,
    Points,
}

/// Which direction of a KPI is better: Higher, Lower, or Range (neither too high nor too low).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum Better {
    Higher,
    Lower,
    Range,
}

/// Whether a KPI foretells (Leading) or shows results (Lagging).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum IndicatorKind {
    Leading,
    Lagging,
}

/// What a KPI measures: Efficiency, Quality, Satisfaction, Engagement, Revenue, Cost or People.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum KpiCategory {
    Efficiency,
    Quality,
    Satisfaction,
    Engagement,
    Revenue,
    Cost,
    People,
}
