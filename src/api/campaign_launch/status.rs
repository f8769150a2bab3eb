//! What the operator answers: gates, demand, staffing, spikes and cohorts as they are.

use jiff::Timestamp;
use jiff::civil::Date;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::campaign_launch::GateType;
use crate::api::condition::Condition;
use crate::api::kpi_target::Verdict;

/// What the operator found.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct CampaignLaunchStatus {
    /// The generation of the spec that was observed.
    pub observed_generation: Option<i64>,
    /// The last `bpo-operator.io/requested-at` that was handled.
    #[schemars(length(max = 64))]
    pub last_handled_request: Option<String>,
    /// Planned, Preparing, Ready, Live, Measuring or Completed.
    #[schemars(extend("description" = "Planned, Preparing, Ready, Live, Measuring or Completed, by time, regardless of the decision."))]
    pub phase: Option<LaunchPhase>,
    /// Pending, Go, ConditionalGo or NoGo.
    #[schemars(extend("description" = "Pending, Go, ConditionalGo (only gates that do not block are open) or NoGo."))]
    pub decision: Option<LaunchDecision>,
    /// Gates Passed or Waived of all, in percent; for people, never for the decision.
    pub readiness_percent: Option<i64>,
    /// Blocking gates that are not Passed or Waived.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub blocked_by: Vec<String>,
    /// The same on one line, for the column.
    #[schemars(length(max = 4096))]
    pub blocked_by_summary: Option<String>,
    /// Each gate of the spec with its state, in the order of the spec.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub gates: Vec<GateStatus>,
    /// Contacts that the channels are expected to bring; without channels nothing.
    pub demand: Option<DemandStatus>,
    /// Agents needed and scheduled, the baseline included.
    pub staffing: Option<StaffingStatus>,
    /// Contacts and people by interval of the campaign's days; without staffing nothing. Of more than 400 intervals, neighbours are merged by
    /// the same number: `expected` is their sum, `required` the most and `scheduled` the fewest of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 400))]
    pub plan: Vec<PlannedInterval>,
    /// How many answers the survey needs.
    pub sample_size: Option<i64>,
    /// Share of the contacts since `launchAt` that carry the key of the campaign's label, in percent; what carries none cannot be attributed.
    #[schemars(length(max = 32))]
    pub label_coverage_percent: Option<String>,
    /// The newest 10 spikes, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub spikes: Vec<Spike>,
    /// The groups and how they compare.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub cohorts: Vec<CohortResult>,
    /// What each success metric has come to, in the order of the spec.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub metrics: Vec<MetricResult>,
    /// Ready, Stalled, AtRisk, LaunchReady, SpikeDetected and QualityHeld.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 6))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// The phase of a launch: Planned, Preparing, Ready, Live, Measuring or Completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum LaunchPhase {
    Planned,
    Preparing,
    Ready,
    Live,
    Measuring,
    Completed,
}

/// Whether to launch: Pending, Go, ConditionalGo (only non-blocking gates are open) or NoGo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum LaunchDecision {
    Pending,
    Go,
    ConditionalGo,
    NoGo,
}

/// The state of a gate: Pending, AtRisk, Passed, Failed, Waived or Stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum GateState {
    Pending,
    AtRisk,
    Passed,
    Failed,
    Waived,
    Stale,
}

/// A gate.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct GateStatus {
    /// Name of the gate in spec.gates, such as end-to-end-test.
    pub name: String,
    /// What the gate checks, such as Training or Staffing.
    #[serde(rename = "type")]
    pub type_: GateType,
    /// State of the gate: Pending, AtRisk, Passed, Failed, Waived or Stale.
    pub state: GateState,
    /// Whether the launch cannot go without it.
    pub blocking: bool,
    /// Instant by which the gate must have passed; after it an open gate has failed.
    #[schemars(schema_with = "crate::api::scalar::instant")]
    pub due_at: Timestamp,
    /// Instant since which the gate has been Passed without a break: that of its evidence, or when it was first seen so; left out in
    /// other states.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::instant")]
    pub passed_at: Option<Timestamp>,
    /// The reason for the state, in one word.
    #[schemars(length(max = 64))]
    pub reason: Option<String>,
    /// The reason for the state, as a sentence.
    #[schemars(length(max = 256))]
    pub message: Option<String>,
}

/// The campaign's own contacts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct DemandStatus {
    /// Expected contacts of all days together, such as 48000.
    pub contacts: String,
    /// Expected contacts by day; the first 20 days.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub days: Vec<DemandDay>,
}

/// One day's contacts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct DemandDay {
    /// Day in the contract's time zone.
    #[schemars(schema_with = "crate::api::scalar::date")]
    pub date: Date,
    /// Contacts expected on that day.
    pub contacts: String,
}

/// Agents needed and scheduled.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct StaffingStatus {
    /// The interval with the most contacts.
    pub peak: Option<StaffingPeak>,
    /// The interval with the lowest coverage.
    pub worst: Option<StaffingWorst>,
    /// How many intervals have fewer heads than they need.
    pub short_intervals: i64,
}

/// The interval with the most contacts.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct StaffingPeak {
    /// First instant of the interval with the most contacts.
    #[schemars(schema_with = "crate::api::scalar::instant")]
    pub start: Timestamp,
    /// Contacts that are expected in that interval.
    pub contacts: String,
    /// Agents needed on the phone.
    pub required: i64,
    /// Heads needed, shrinkage included.
    pub heads: i64,
    /// Heads scheduled in that interval; left out where the spec says nothing of them.
    pub scheduled: Option<i64>,
}

/// The interval with the lowest coverage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct StaffingWorst {
    /// First instant of the interval with the lowest coverage.
    #[schemars(schema_with = "crate::api::scalar::instant")]
    pub start: Timestamp,
    /// Scheduled heads in percent of needed ones.
    pub coverage_percent: String,
}

/// An interval of the campaign's days.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct PlannedInterval {
    /// First instant of the interval; it lasts to the next one's, or to the end of service.
    #[schemars(schema_with = "crate::api::scalar::instant")]
    pub start: Timestamp,
    /// Contacts expected in the interval, those of the baseline and of other campaigns included, such as 312.4.
    pub expected: String,
    /// Heads needed, shrinkage included.
    pub required: i64,
    /// Heads scheduled, rounded down; left out where the spec says nothing of them.
    pub scheduled: Option<i64>,
}

/// A spike of load.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Spike {
    /// First instant of the spike.
    #[schemars(schema_with = "crate::api::scalar::instant")]
    pub start: Timestamp,
    /// First instant after the spike.
    #[schemars(schema_with = "crate::api::scalar::instant")]
    pub end: Timestamp,
    /// Contacts that came during the spike.
    pub actual: String,
    /// Contacts that the baseline foresaw.
    pub expected: String,
    /// Contacts that the campaigns foresaw.
    pub planned: Option<String>,
    /// How far beyond the usual, in scales.
    pub z: String,
    /// Cause of the load: CampaignDemand, ProcessFailure, Mixed or Unattributed.
    pub cause: SpikeCause,
    /// True, False or Unknown: whether the watched KPIs held.
    pub quality_held: crate::api::condition::ConditionStatus,
}

/// What caused a spike: CampaignDemand, ProcessFailure, Mixed or Unattributed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum SpikeCause {
    CampaignDemand,
    ProcessFailure,
    Mixed,
    Unattributed,
}

/// A group and how it compares.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct CohortResult {
    /// Value of the label that makes the group, such as control.
    pub name: String,
    /// Successes counted so far.
    pub numerator: String,
    /// Attempts counted so far.
    pub denominator: String,
    /// Successes in percent of attempts.
    pub rate: Option<String>,
    /// Lower end of the rate's interval.
    pub lower: Option<String>,
    /// Upper end of the rate's interval.
    pub upper: Option<String>,
    /// Adjusted probability of such a difference by chance.
    pub p: Option<String>,
    /// Better, Worse or NoDifference.
    #[schemars(extend("description" = "Better, Worse or NoDifference than the control."))]
    pub verdict: Option<CohortVerdict>,
}

/// How a group compares with the control: Better, Worse or NoDifference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum CohortVerdict {
    Better,
    Worse,
    NoDifference,
}

/// A success metric.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct MetricResult {
    /// Name of the KpiTarget, as in spec.successMetrics.
    pub kpi: String,
    /// Value of the latest period of the KpiTarget, in its unit; left out without data.
    pub value: Option<String>,
    /// Target of that period, in the same unit.
    pub target: Option<String>,
    /// Verdict of that period, such as Met or Missed.
    pub verdict: Verdict,
}
