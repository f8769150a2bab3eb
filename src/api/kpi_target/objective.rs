//! What is to be reached: targets, bands of misses, ratings, classes and benchmarks.

use jiff::civil::Date;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::scalar::Decimal;
use crate::api::verdict::{Comparison, Severity};

/// What is to be reached: the target, its direction and its changes by date.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = (
    "(has(self.comparison) && self.comparison == 'Between') == has(self.upper)",
    "`upper` belongs to comparison Between, which needs it: write both or neither"
))]
#[x_kube(validation = (
    "!has(self.upper) || (quantity(string(self.upper)).isGreaterThan(quantity(string(self.target))) && (!has(self.schedule) || self.schedule.all(s, quantity(string(self.upper)).isGreaterThan(quantity(string(s.target))))))",
    "write an `upper` that is above the target and above all targets of the schedule"
))]
pub struct Objective {
    /// AtLeast, MoreThan, AtMost, LessThan or Between. Default: by the KPI's direction; a Range KPI must name one.
    #[schemars(extend("description" = "How the value is compared: AtLeast (≥), MoreThan (>), AtMost (≤), LessThan (<) or Between (`target` to `upper`, both included). Default: AtLeast where higher is better, AtMost where lower is; a Range KPI must name one."))]
    pub comparison: Option<Comparison>,
    /// The target, in the KPI's unit; percentages hold percent (80 is 80 %).
    pub target: Decimal,
    /// The upper edge, with Between only.
    pub upper: Option<Decimal>,
    /// A better figure than the target, at which a credit is earned back.
    pub stretch: Option<Decimal>,
    /// Changes of the target, each from a day on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["from".into()]))]
    pub schedule: Vec<TargetChange>,
}

/// A target from a day on.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct TargetChange {
    /// First day of the new target, such as 2026-07-01.
    #[schemars(schema_with = "crate::api::scalar::date")]
    pub from: Date,
    /// The target from that day on, in the KPI's unit, such as 85.
    pub target: Decimal,
}

/// A band of misses: from the target, or the previous band's bound, to its own bound. At most one consequence.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = crate::api::rules::kpi_target::CONSEQUENCE)]
pub struct Band {
    /// How grave a miss in this band is: Minor, Serious, Severe or Critical.
    pub severity: Severity,
    /// The band's worst value. The last band takes everything worse, with a bound or without.
    pub bound: Option<Decimal>,
    /// Service points; the contract says in credits.points what they cost.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub points: Option<i64>,
    /// Percentage of the amount at risk (charges.atRiskPercent of the charges).
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::non_negative")]
    pub at_risk_percent: Option<Decimal>,
    /// Percentage of the period's charges.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::non_negative")]
    pub percent: Option<Decimal>,
    /// An amount of money in the contract's currency.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::non_negative")]
    pub credit: Option<Decimal>,
    /// True: the distance from target to value, in percent of the charges. Percent KPIs only.
    pub proportional: Option<bool>,
}

/// Bounds of the value for each rating, all inclusive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RatingBounds {
    /// The KPI is rated Good from this value on, in its unit, such as 85.
    pub good: Decimal,
    /// From this value on: ApproachingTarget.
    pub approaching: Decimal,
    /// From this value on: RequiresImprovement; worse is Inadequate.
    pub requires_improvement: Decimal,
}

/// Whether a KPI carries credits (Critical) or is reported only (KeyMeasurement).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum KpiClass {
    #[default]
    Critical,
    KeyMeasurement,
}

/// The usual range of the KPI in the trade, for comparison and advice. It decides no verdict.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = (
    "!has(self.low) || !has(self.high) || !quantity(string(self.low)).isGreaterThan(quantity(string(self.high)))",
    "write a `low` that is not above `high`"
))]
pub struct Benchmark {
    /// Lower edge of the usual range, in the KPI's unit, such as 80.
    pub low: Option<Decimal>,
    /// Upper edge of the usual range, in the KPI's unit, such as 90.
    pub high: Option<Decimal>,
    /// Where the range comes from, such as an industry survey.
    #[schemars(length(max = 1024))]
    pub source: Option<String>,
}
