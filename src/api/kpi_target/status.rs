//! What the operator answers: values, verdicts and history of a KPI.

use jiff::Timestamp;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::condition::Condition;
use crate::api::cross_check::SourcesLine;
use crate::api::made_of::DayValue;
use crate::api::packed::Packed;
pub use crate::api::verdict::Verdict;
use crate::api::verdict::{Rating, Severity};

/// What the operator found.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct KpiTargetStatus {
    /// The generation of the spec that was observed.
    pub observed_generation: Option<i64>,
    /// The last `bpo-operator.io/requested-at` that was handled.
    #[schemars(length(max = 64))]
    pub last_handled_request: Option<String>,
    /// The target in short, such as ≥ 80 %.
    pub target: Option<String>,
    /// The latest closed period: the commitment.
    pub last: Option<ClosedValue>,
    /// The running period, or the rolling window: the early warning.
    pub current: Option<CurrentValue>,
    /// The latest closed period per tier.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub tiers: Vec<TierSlice>,
    /// Closed periods, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 13))]
    pub history: Vec<HistoryEntry>,
    /// Improving, Steady or Worsening.
    #[schemars(extend("description" = "Where the closed periods are heading: Improving, Steady or Worsening."))]
    pub trend: Option<Trend>,
    /// The rule of the control chart that gave a signal, if any.
    #[schemars(length(max = 63))]
    pub signal: Option<String>,
    /// Ready, Stalled, FeedHealthy, SLACompliant, AtRisk, GamingSuspected and SourcesAgree.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 7))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// Where a KPI is heading: Improving, Steady or Worsening.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum Trend {
    Improving,
    Steady,
    Worsening,
}

/// A closed period of one KPI.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClosedValue {
    /// Name of the closed period, such as 2026-05.
    pub name: String,
    /// Provisional until the period can no longer change, then Final.
    pub state: crate::api::verdict::PeriodState,
    /// Value after accepted relief, in the KPI's unit; left out without data.
    pub value: Option<String>,
    /// Value over all rows, before relief, in the same unit.
    pub raw_value: Option<String>,
    /// Target that was in force in the period, in the same unit.
    pub target: Option<String>,
    /// Count above the line of the division that makes `value`.
    pub numerator: Option<String>,
    /// The denominator of `value`: the volume.
    pub denominator: Option<String>,
    /// Verdict of the period, such as Met or Missed.
    pub verdict: Verdict,
    /// Severity of the miss, by the band that the value reached; left out where nothing was missed.
    #[schemars(extend("description" = "Severity of the miss, by the band that the value reached; left out where nothing was missed."))]
    pub severity: Option<Severity>,
    /// Rating of the value, from Good to Inadequate, as public clients publish it.
    #[schemars(extend("description" = "Rating of the value, from Good to Inadequate, as public clients publish it."))]
    pub rating: Option<Rating>,
    /// Whether the previous judged period was Missed too.
    pub repeat: bool,
    /// Service points that the miss cost; 0 without one.
    pub points: i64,
    /// Credit of this KPI in the contract's currency, before caps; left out without one.
    pub credit: Option<String>,
    /// The values of both sources; absent without `source.crossCheck`.
    #[schemars(extend("description" = "The values of both sources; absent without source.crossCheck."))]
    pub sources: Option<SourcesLine>,
    /// 1, and more after restatements.
    pub revision: i64,
}

/// The running period of one KPI.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct CurrentValue {
    /// Name of the running period, such as 2026-06.
    pub name: String,
    /// The value so far, after relief.
    pub value: Option<String>,
    /// The value so far, over all rows.
    pub raw_value: Option<String>,
    /// Target in force today, in the unit of the KPI.
    pub target: Option<String>,
    /// Count above the line of the division that makes `value`, so far.
    pub numerator: Option<String>,
    /// The denominator of `value`: the volume.
    pub denominator: Option<String>,
    /// Lower end of the confidence interval of `value`, in its unit.
    pub lower: Option<String>,
    /// Upper end of the confidence interval of `value`, in its unit.
    pub upper: Option<String>,
    /// The verdict as if the period ended at `asOf`.
    pub verdict: Verdict,
    /// The value at the period's end, at the present pace.
    pub projected: Option<String>,
    /// The value that the rest must have for the target to be met.
    pub needed: Option<String>,
    /// Whether the period is decided: Open, Secured (the target cannot be missed any more) or Unreachable.
    #[schemars(extend("description" = "Whether the period is decided, one of Open, Secured (the target is met, whatever the remaining rows) or Unreachable."))]
    pub outlook: Option<Outlook>,
    /// Probability that the period ends Met, 0 to 1.
    pub probability: Option<String>,
    /// Misses that the target still allows in the period, such as 710.
    pub budget_remaining: Option<String>,
    /// The values of both sources so far; absent without `source.crossCheck`.
    #[schemars(extend("description" = "The values of both sources so far; absent without source.crossCheck."))]
    pub sources: Option<SourcesLine>,
    /// Each day of the period that has ended by `asOf`; where there are more than 31, each ISO week or month so far.
    #[schemars(extend("description" = "Each day of the period that has ended by asOf; where there are more than 31, each ISO week or month so far."))]
    #[serde(default, skip_serializing_if = "Packed::is_empty")]
    #[schemars(length(max = 31))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub days: Packed<DayValue>,
    /// The end of the latest row that has ended: the figures go up to it.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::instant")]
    pub as_of: Option<Timestamp>,
}

/// Whether the running period is decided: Open, Secured or Unreachable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum Outlook {
    Open,
    Secured,
    Unreachable,
}

/// One tier's part of a closed period.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct TierSlice {
    /// Name of the ServiceTier.
    pub tier: String,
    /// Name of the closed period, such as 2026-05.
    pub period: String,
    /// Value of the tier's rows, in the KPI's unit; left out without data.
    pub value: Option<String>,
    /// Target of the tier, in the same unit.
    pub target: Option<String>,
    /// Volume of the tier's rows, such as contacts.
    pub denominator: Option<String>,
    /// Verdict of the tier, such as Met or Missed.
    pub verdict: Verdict,
}

/// A closed period in the history.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct HistoryEntry {
    /// Name of the closed period, such as 2026-05.
    pub name: String,
    /// Value after relief, in the KPI's unit; left out without data.
    pub value: Option<String>,
    /// Verdict of the period, such as Met or Missed.
    pub verdict: Verdict,
    /// Severity of the miss, by the band that the value reached; left out where nothing was missed.
    #[schemars(extend("description" = "Severity of the miss, by the band that the value reached; left out where nothing was missed."))]
    pub severity: Option<Severity>,
    /// Service points that the miss cost; 0 without one.
    pub points: i64,
    /// Credit of this KPI in the contract's currency; left out without one.
    pub credit: Option<String>,
    /// 1, and more after restatements.
    pub revision: i64,
}
