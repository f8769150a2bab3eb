//! What the lines and the money of an SlaReport were judged by: the terms as they were signed, beside the figures.

use jiff::civil::Date;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::consequence::{PriceCount, PriceSteps};
use super::cross_check::PreferredSource;
use super::kpi_target::{FormulaUnit, Rounding, RoundingMode};
use super::scalar::Duration;
use super::tally::TallyEach;
use super::vendor_contract::{CapKind, RampCredit};
use super::verdict::{Comparison, Severity};

/// What one KPI of a report was judged by. Reports of earlier versions lack it.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Basis {
    /// The formula before its scale, such as (answeredWithin) / (answered + abandoned - abandonedWithin).
    #[schemars(length(max = 8192))]
    pub formula: String,
    /// The factor of the quotient, such as 100.
    #[schemars(length(max = 64))]
    pub scale: String,
    /// Unit of the value: Percent, Seconds, Count, Money, Score or Points.
    #[schemars(extend("description" = "Unit of the value: Percent, Seconds, Count, Money, Score or Points."))]
    pub unit: FormulaUnit,
    /// The factor that makes the figure one of a year: 12 / months of the window. Attrition only.
    #[schemars(length(max = 64))]
    pub annual_factor: Option<String>,
    /// How the value was rounded before any comparison; absent where it was not.
    #[schemars(extend("description" = "How the value was rounded before any comparison; absent where it was not."))]
    pub rounding: Option<RoundingApplied>,
    /// The time that was agreed for what is counted within one, such as 20s; absent where the terms name none.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::technical_duration")]
    pub within: Option<Duration>,
    /// How each part of a tally was judged; the formula is that of a part. Absent without a tally.
    #[schemars(extend("description" = "How each part of a tally was judged; the formula is that of a part. Absent without a tally."))]
    pub tally: Option<TallyBasis>,
    /// How two sources were compared, and which of them counts where they disagree; absent with one source.
    #[schemars(extend("description" = "How two sources were compared, and which of them counts where they disagree; absent with one source."))]
    pub cross_check: Option<CrossCheckBasis>,
    /// The parts of a target that changed inside the period, which is their mean weighted with the denominators; absent where
    /// it did not change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub targets: Vec<TargetPart>,
    /// The band into which the miss fell, with its consequence; absent without a miss or without bands.
    #[schemars(extend("description" = "The band into which the miss fell, with its consequence; absent without a miss or without bands."))]
    pub band: Option<BandBasis>,
    /// The step of the ramp: None (no points, no money), Half or Full.
    #[schemars(extend("description" = "The step of the ramp: None (no points, no money), Half or Full."))]
    pub ramp: RampCredit,
    /// The price by which the miss cost money by quantity, with what it counted; absent without a miss or without a price.
    #[schemars(extend("description" = "The price by which the miss cost money by quantity, with what it counted; absent without a miss or without a price."))]
    pub price: Option<PriceBasis>,
    /// The row of repeats that applied: from this many misses in a row on. Absent without a miss, and below the first row.
    pub misses: Option<i64>,
    /// The factor of that row for points; 0 below the first row. Absent without a miss.
    #[schemars(length(max = 64))]
    pub times: Option<String>,
    /// Its factor for the credit; absent where only points are multiplied.
    #[schemars(length(max = 64))]
    pub credit_times: Option<String>,
    /// What the terms say that the line costs or earns, before repeats, ramp, dry run, class and gaming; absent where that is nothing.
    #[schemars(extend("description" = "What the terms say that the line costs or earns, before repeats, ramp, dry run, class and gaming; absent where that is nothing."))]
    pub agreed: Option<Agreed>,
}

/// How two sources were compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct CrossCheckBasis {
    /// The feed with the client's own figures.
    #[schemars(length(max = 63))]
    pub feed: String,
    /// How far the two values could lie apart.
    #[schemars(length(max = 64))]
    pub tolerance: String,
    /// Whose value counts where they differ by more: Vendor, Own or Worse.
    pub prefer: PreferredSource,
}

/// How each part of a tally was judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct TallyBasis {
    /// What the parts are: each Day with service, ISO Week or Month that ends in the period.
    pub each: TallyEach,
    /// How each part was compared: AtLeast, MoreThan, AtMost or LessThan.
    pub comparison: Comparison,
    /// What each part had to reach.
    #[schemars(length(max = 64))]
    pub target: String,
    /// Unit of a part's value and target: Percent, Seconds, Count, Money, Score or Points. The unit of the KPI's value is Count.
    #[schemars(extend("description" = "Unit of a part's value and target: Percent, Seconds, Count, Money, Score or Points. The unit of the KPI's value is Count."))]
    pub unit: FormulaUnit,
}

/// A part of a target that changed inside the period.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct TargetPart {
    /// First day of the part.
    #[schemars(schema_with = "super::scalar::date")]
    pub from: Date,
    /// The target from then on.
    #[schemars(length(max = 64))]
    pub target: String,
    /// Its weight: the denominator of the rows of the part.
    #[schemars(length(max = 64))]
    pub denominator: String,
}

/// A band with its consequence; without one it is a dead band, which costs nothing.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct BandBasis {
    /// How grave a miss in this band is: Minor, Serious, Severe or Critical.
    pub severity: Severity,
    /// The band's worst value; absent where it takes everything worse.
    #[schemars(length(max = 64))]
    pub bound: Option<String>,
    /// Service points that a miss in this band costs; left out where it costs none.
    pub points: Option<i64>,
    /// Percentage of the amount at risk.
    #[schemars(length(max = 64))]
    pub at_risk_percent: Option<String>,
    /// Percentage of the period's charges.
    #[schemars(length(max = 64))]
    pub percent: Option<String>,
    /// An amount of money in the contract's currency.
    #[schemars(length(max = 64))]
    pub credit: Option<String>,
    /// True: the distance from target to value, in percent of the charges.
    pub proportional: Option<bool>,
}

/// A price with what it counted.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PriceBasis {
    /// What one step cost on the period's first day.
    #[schemars(length(max = 64))]
    pub amount: String,
    /// How far one step reaches.
    #[schemars(length(max = 64))]
    pub per: String,
    /// Which steps count: Started, Full or Exact.
    pub steps: PriceSteps,
    /// What is counted: Distance or Numerator.
    pub count: PriceCount,
    /// From where the steps are counted; absent where events are.
    #[schemars(length(max = 64))]
    pub beyond: Option<String>,
    /// The most that one period costs by it.
    #[schemars(length(max = 64))]
    pub up_to: Option<String>,
    /// How far the value lay beyond it, or how many events there were; absent without a value.
    #[schemars(length(max = 64))]
    pub quantity: Option<String>,
    /// How many steps that is; absent without a value.
    #[schemars(length(max = 64))]
    pub number: Option<String>,
    /// Whether `upTo` lowered the amount, or took the place of a quantity that is not known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub limited: bool,
}

/// Points and money as the terms say them.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct Agreed {
    /// Service points that a miss costs by the terms; left out where it costs none.
    pub points: Option<i64>,
    /// Credit, in the contract's currency.
    #[schemars(length(max = 64))]
    pub credit: Option<String>,
    /// Bonus, in the contract's currency.
    #[schemars(length(max = 64))]
    pub bonus: Option<String>,
}

/// How the money of a report came about. Reports of earlier versions lack it.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreditBasis {
    /// The charges in force on the period's first day.
    #[schemars(length(max = 64))]
    pub charges: Option<String>,
    /// The part of them that is at risk.
    #[schemars(length(max = 64))]
    pub at_risk: Option<String>,
    /// The row of the points table that the period's points reached; absent where they reached none.
    #[schemars(extend("description" = "The row of the points table that the period's points reached; absent where they reached none."))]
    pub points_row: Option<PointsRowBasis>,
    /// Percentage of the charges per point, where the contract has no table.
    #[schemars(length(max = 64))]
    pub per_point_percent: Option<String>,
    /// What the points cost before the ramp.
    #[schemars(length(max = 64))]
    pub points_before_ramp: Option<String>,
    /// The step of the ramp: None (no money), Half or Full.
    #[schemars(extend("description" = "The step of the ramp: None (no money), Half or Full."))]
    pub ramp: RampCredit,
    /// The caps that apply, in the order in which they do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 2))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub caps: Vec<CapBasis>,
}

/// A row of the points table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct PointsRowBasis {
    /// The number of points from which it applies.
    pub points: i64,
    /// Percentage of the period's charges.
    #[schemars(length(max = 64))]
    pub percent: String,
}

/// A cap with the amount before and after it.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct CapBasis {
    /// What the cap is of, the Period or the contract Year.
    pub cap: CapKind,
    /// The cap. Of a year: the whole of it.
    #[schemars(length(max = 64))]
    pub limit: String,
    /// What earlier periods of the contract year took of it. Year only.
    #[schemars(length(max = 64))]
    pub used: Option<String>,
    /// The amount before it.
    #[schemars(length(max = 64))]
    pub before: String,
    /// The amount after it.
    #[schemars(length(max = 64))]
    pub after: String,
}

/// How a value was rounded. Nothing is left to a default: the report is complete by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct RoundingApplied {
    /// Digits after the point.
    #[schemars(range(min = 0, max = 6))]
    pub decimals: i64,
    /// HalfUp (halves away from zero), HalfEven (halves to the even digit) or Truncate (towards zero).
    #[schemars(extend("description" = "HalfUp (halves away from zero), HalfEven (halves to the even digit) or Truncate (towards zero)."))]
    pub mode: RoundingMode,
}

impl From<&Rounding> for RoundingApplied {
    fn from(rounding: &Rounding) -> Self {
        RoundingApplied { decimals: rounding.decimals, mode: rounding.mode }
    }
}
