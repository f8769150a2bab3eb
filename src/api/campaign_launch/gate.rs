//! What must be ready before a launch: gates, their evidence, and waivers of them.

use jiff::Timestamp;
use jiff::civil::Date;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::scalar::{Decimal, Duration};

/// Something that must be ready.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = crate::api::rules::of_gate_types("signOffs", &["JointPlan"]))]
#[x_kube(validation = crate::api::rules::of_gate_types("coveragePercent", &["Staffing"]))]
#[x_kube(validation = crate::api::rules::of_gate_types("modules", &["Training"]))]
#[x_kube(validation = crate::api::rules::of_gate_types("changedAt", &["IvrRouting", "EndToEndTest"]))]
#[x_kube(validation = crate::api::rules::of_gate_types("validFor", &["IvrRouting", "EndToEndTest"]))]
#[x_kube(validation = crate::api::rules::of_gate_types("firstReview", &["FeedbackLoop"]))]
pub struct Gate {
    /// Name of the gate, free to choose, such as staffing; status and alerts refer to it.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// What is checked. SuccessMetrics: `successMetrics` resolve and have targets. JointPlan: Marketing and Service have signed.
    /// Staffing: enough agents are scheduled in every interval. Training: every module is done, and the check holds.
    /// IvrRouting, EndToEndTest: fresh evidence. VoiceOfCustomer, Custom: evidence or a check that holds.
    /// FeedbackLoop: a first review within 3 days after the launch is set. SurveyDecision: `survey` holds a decision.
    #[serde(rename = "type")]
    pub type_: GateType,
    /// How long before `launchAt` it must have passed.
    #[schemars(schema_with = "crate::api::scalar::business_duration")]
    pub due: Duration,
    /// Whether the launch cannot go without it. Default true.
    pub blocking: Option<bool>,
    /// JointPlan: the signatures of both sides. The gate needs one of Marketing and one of Service.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 2))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["party".into()]))]
    pub sign_offs: Vec<SignOff>,
    /// Staffing: scheduled heads in percent of needed ones, in every interval. Default 100.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::non_negative")]
    pub coverage_percent: Option<Decimal>,
    /// Training: the modules that agents are taught; each must be done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub modules: Vec<Module>,
    /// IvrRouting, EndToEndTest: when what is tested was last changed; older evidence is stale.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::instant")]
    pub changed_at: Option<Timestamp>,
    /// IvrRouting, EndToEndTest: how long evidence stays valid.
    pub valid_for: Option<Duration>,
    /// FeedbackLoop: the day of the first review.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::date")]
    pub first_review: Option<Date>,
    /// Proof that it passed; it is stale once older than `validFor` or than `changedAt`.
    pub evidence: Option<Evidence>,
    /// A figure that must hold: `kpi`, or `feed` with `measure` and `atLeast`.
    pub check: Option<GateCheck>,
    /// Leave to go without it until a day.
    pub waiver: Option<Waiver>,
}

/// What a gate checks: SuccessMetrics, JointPlan, Staffing, Training, IvrRouting, EndToEndTest, VoiceOfCustomer, FeedbackLoop, SurveyDecision or Custom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum GateType {
    SuccessMetrics,
    JointPlan,
    Staffing,
    Training,
    IvrRouting,
    EndToEndTest,
    VoiceOfCustomer,
    FeedbackLoop,
    SurveyDecision,
    Custom,
}

/// A signature under the plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignOff {
    /// Marketing or Service; the plan needs both.
    pub party: PlanParty,
    /// Name of the person who signed, such as Jane Doe.
    #[schemars(length(min = 1, max = 253))]
    pub by: String,
    /// The day of the signature, such as 2026-11-02.
    #[schemars(schema_with = "crate::api::scalar::date")]
    pub signed_on: Date,
}

/// Who must sign a joint plan: Marketing and Service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum PlanParty {
    Marketing,
    Service,
}

/// A training module.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Module {
    /// Name of the module, such as Script.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// The day on which all agents had done it, such as 2026-11-20. Left out: not done.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::date")]
    pub done_on: Option<Date>,
}

/// Proof that a gate passed.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// The instant at which it passed, such as 2026-11-20T09:00:00Z.
    #[schemars(schema_with = "crate::api::scalar::instant")]
    pub passed_at: Timestamp,
    /// Name of the person who says that the gate passed, such as Jane Doe.
    #[schemars(length(max = 253))]
    pub by: Option<String>,
    /// Address of the proof, such as https://wiki.acme.example/minutes-42. It is shown and never fetched.
    #[schemars(length(max = 2048))]
    pub url: Option<String>,
}

/// A figure that must hold: `kpi`, or `feed` with `measure` and `atLeast`.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "has(self.feed) == has(self.measure) && has(self.feed) == has(self.atLeast) && has(self.feed) != has(self.kpi)",
    "write `kpi`, or `feed` with `measure` and `atLeast`"
))]
pub struct GateCheck {
    /// A KpiTarget whose latest closed verdict must be Met.
    #[schemars(length(min = 1, max = 63))]
    pub kpi: Option<String>,
    /// Name of a feed of the first contract in `contractRefs`, such as sales.
    #[schemars(length(min = 1, max = 63))]
    pub feed: Option<String>,
    /// The measure that is summed over the rows of the last 30 days.
    #[schemars(length(min = 1, max = 63))]
    pub measure: Option<String>,
    /// What the sum must reach, such as 200.
    pub at_least: Option<Decimal>,
}

/// Leave to go without a gate.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct Waiver {
    /// Name of the person who allowed it, such as Jane Doe.
    #[schemars(length(min = 1, max = 253))]
    pub by: String,
    /// The last day on which it holds, such as 2026-12-15. After it the gate is open again.
    #[schemars(schema_with = "crate::api::scalar::date")]
    pub until: Date,
    /// Why the gate may stay open, in a sentence; it is shown in the status.
    #[schemars(length(max = 1024))]
    pub reason: Option<String>,
}
