//! How a value is taken and when it counts: windows, rounding, volumes, confidence, missing data and warnings.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::scalar::{Decimal, Duration, DurationUnit};

/// The span that is judged.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = (
    "(self.type == 'Rolling') == has(self.length)",
    "`length` belongs to type Rolling, which needs it: write {type: Rolling, length: 28d}"
))]
#[x_kube(validation = (
    "(self.type == 'RollingPeriods') == has(self.count)",
    "`count` belongs to type RollingPeriods, which needs it: write {type: RollingPeriods, count: 3}"
))]
pub struct Window {
    /// Period, Rolling (with `length`) or RollingPeriods (with `count`).
    #[serde(rename = "type")]
    pub type_: WindowType,
    /// Length of a Rolling window, real time that ends with the period, such as 28d.
    #[x_kube(validation = ("!self.matches('^0+[a-z]')", "write the span that is judged, such as 28d"))]
    pub length: Option<Duration>,
    /// How many periods a RollingPeriods window has, the judged one included.
    #[schemars(range(min = 2, max = 24))]
    pub count: Option<i64>,
}

/// The span that is judged: Period (the measurement period), Rolling (a length that ends with the period) or RollingPeriods (several periods).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum WindowType {
    #[default]
    Period,
    Rolling,
    RollingPeriods,
}

/// How the value is rounded before any comparison.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, KubeSchema)]
pub struct Rounding {
    /// Digits after the point. Default 0.
    #[serde(default)]
    #[schemars(range(min = 0, max = 6))]
    pub decimals: i64,
    /// HalfUp (away from zero), HalfEven or Truncate. Default HalfUp.
    #[serde(default)]
    pub mode: RoundingMode,
}

/// How a value is rounded: HalfUp (halves away from zero), HalfEven (halves to the even digit) or Truncate (towards zero).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum RoundingMode {
    #[default]
    HalfUp,
    HalfEven,
    Truncate,
}

/// Below this the sample is too small to judge.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Minimum {
    /// The least denominator; below it the verdict is InsufficientVolume.
    #[schemars(range(min = 1, max = 1_000_000_000_000_i64))]
    pub volume: Option<i64>,
    /// The least response rate of a survey, in percent.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::percent")]
    pub response_rate_percent: Option<Decimal>,
}

/// How sure the verdict must be where the figure comes from a sample. Left out: the figure alone decides.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct Confidence {
    /// Level of the interval, in percent. Default 95.
    #[serde(default = "ninety_five")]
    #[schemars(range(min = 50, max = 99))]
    pub level: i64,
    /// PointEstimate (the value decides) or MarginOfError (a target inside the interval is Inconclusive). Default PointEstimate.
    #[serde(default)]
    pub verdict: ConfidenceVerdict,
}

fn ninety_five() -> i64 {
    95
}

/// What decides a verdict: PointEstimate (the value) or MarginOfError (the interval: a target inside it is Inconclusive).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum ConfidenceVerdict {
    #[default]
    PointEstimate,
    MarginOfError,
}

/// What a period without data means: Hold (it closes as NoData) or Miss (NoData becomes Missed in the worst band).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct MissingData {
    /// Hold (NoData stays NoData) or Miss (NoData becomes Missed, if the parties agreed so). Default Hold.
    #[serde(default)]
    pub policy: MissingDataPolicy,
    /// How long after the period's end. Default 3d.
    #[serde(default = "three_days")]
    pub after: Duration,
}

fn three_days() -> Duration {
    Duration::new(3, DurationUnit::Days)
}

/// What the absence of data means: Hold (the period closes as it is) or Miss (NoData becomes Missed in the worst band).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum MissingDataPolicy {
    #[default]
    Hold,
    Miss,
}

/// What makes AtRisk true.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct Warning {
    /// The period is projected to end Missed. Default true.
    #[serde(default = "yes")]
    pub projected: bool,
    /// The budget of misses is being spent too fast. Default false.
    #[serde(default)]
    pub burn: bool,
    /// The running value is on the wrong side of this level: below it, or above it where lower is better.
    pub below: Option<Decimal>,
}

fn yes() -> bool {
    true
}
