//! CampaignLaunch: a campaign that may start only when the service side is ready.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::condition::Condition;
use super::kpi_target::Verdict;
use super::scalar::{Decimal, Duration, NameReference};

/// A campaign and what must be ready before its first customer contact.
#[serde_with::skip_serializing_none]
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[kube(
    group = "bpo-operator.io",
    version = "v1alpha1",
    kind = "CampaignLaunch",
    plural = "campaignlaunches",
    shortname = "cl",
    category = "bpo",
    namespaced,
    status = "CampaignLaunchStatus",
    derive = "PartialEq",
    doc = "CampaignLaunch is a marketing campaign and the gates that the service side must pass before its first customer contact; while it is live, spikes are traced to their cause, and afterwards its cohorts are compared.",
    printcolumn(name = "Launch", type_ = "string", json_path = ".spec.launchAt"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Decision", type_ = "string", json_path = ".status.decision"),
    printcolumn(name = "Ready %", type_ = "integer", json_path = ".status.readinessPercent"),
    printcolumn(name = "Blocked By", type_ = "string", json_path = ".status.blockedBySummary"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[x_kube(validation = (
    "!has(self.endsAt) || self.launchAt < self.endsAt",
    "write an `endsAt` that is later than `launchAt`"
))]
#[x_kube(validation = (
    "!has(self.channels) || self.channels.all(c, !has(c.at) || c.at >= self.launchAt)",
    "a channel starts before `launchAt`, which is the first contact of the earliest channel: write a later `at`, or an earlier `launchAt`"
))]
#[x_kube(validation = (
    "!has(self.channels) || !has(self.endsAt) || self.channels.all(c, !has(c.at) || c.at < self.endsAt)",
    "a channel starts after the campaign's end: write an `at` before `endsAt`"
))]
pub struct CampaignLaunchSpec {
    /// The VendorContracts whose service carries the campaign, in the same namespace. Local times are in the first one's zone.
    #[schemars(length(min = 1, max = 20))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    #[x_kube(validation = ("self.all(r, self.exists_one(o, o.name == r.name))", "name each contract once"))]
    pub contract_refs: Vec<NameReference>,
    /// What is offered, such as Fibre 500; it is shown in reports.
    #[schemars(length(min = 1, max = 253))]
    pub product: String,
    /// First customer contact of the earliest channel.
    #[schemars(schema_with = "super::scalar::instant")]
    pub launch_at: Timestamp,
    /// End of the campaign. Default: 30 days after `launchAt`.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::instant")]
    pub ends_at: Option<Timestamp>,
    /// How customers are reached: one entry for each letter, e-mail, banner or call that brings contacts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub channels: Vec<Channel>,
    /// How many agents the campaign needs, and how many there are.
    pub staffing: Option<Staffing>,
    /// What must be ready before the launch, one entry for each gate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub gates: Vec<Gate>,
    /// Whether customers are surveyed after the launch, and why.
    pub survey: Option<Survey>,
    /// KpiTargets that measure success.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["kpi".into()]))]
    pub success_metrics: Vec<SuccessMetric>,
    /// Groups that are compared after the launch.
    pub cohorts: Option<Cohorts>,
    /// How long before `launchAt` it is decided whether to launch. Default 2bd.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::business_duration")]
    pub go_no_go: Option<Duration>,
    /// How long after `launchAt` the launch is watched closely. Default 14d.
    pub hypercare: Option<Duration>,
    /// KPIs that are watched, and the labels that mark the campaign's contacts.
    pub watch: Option<Watch>,
}

/// A way of reaching customers: `volume` with `responsePercent`, or `expectedContacts`.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "has(self.volume) == has(self.responsePercent) && has(self.volume) != has(self.expectedContacts)",
    "say how many contacts the channel brings: write `volume` with `responsePercent`, or `expectedContacts`"
))]
pub struct Channel {
    /// Name of the channel, such as letter-north; reports refer to it.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// What kind of channel it is: DirectMail, Email, Banner, Search, Social, Television, Radio, Print, Sms or Outbound.
    #[serde(rename = "type")]
    pub type_: ChannelType,
    /// When it starts. Default `launchAt`.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::instant")]
    pub at: Option<Timestamp>,
    /// How many customers the channel reaches, such as 120000; with `responsePercent` it makes the expected contacts.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub volume: Option<i64>,
    /// How many of them make contact, in percent.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::percent")]
    pub response_percent: Option<Decimal>,
    /// How many contacts the channel brings in all, such as 4000; write it where `volume` and `responsePercent` are not known.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::non_negative")]
    pub expected_contacts: Option<Decimal>,
    /// How the contacts spread over the days from `at` on, in percent. Default: all on the first day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "day_shares")]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    #[x_kube(validation = (
        "self.map(s, quantity(string(s)).asApproximateFloat()).sum() >= 99.0 && self.map(s, quantity(string(s)).asApproximateFloat()).sum() <= 101.0",
        "write shares in percent that add up to 100"
    ))]
    pub day_shares: Vec<Decimal>,
}

fn day_shares(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": "array", "items": super::scalar::percent(generator), "maxItems": 100})
}

/// A kind of channel: DirectMail, Email, Banner, Search, Social, Television, Radio, Print, Sms or Outbound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum ChannelType {
    DirectMail,
    Email,
    Banner,
    Search,
    Social,
    Television,
    Radio,
    Print,
    Sms,
    Outbound,
}

/// How many agents the campaign needs.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "self.model != 'ErlangA' || has(self.patience)",
    "ErlangA needs `patience`: write how long a caller waits on average, such as 120s"
))]
#[x_kube(validation = (
    "has(self.handleTime)",
    "agents cannot be counted without `handleTime`: write how long one contact takes, such as 240s"
))]
pub struct Staffing {
    /// ErlangC (callers wait for ever) or ErlangA (callers have `patience`). Default ErlangC.
    #[serde(default)]
    pub model: QueueModel,
    /// The interval that is staffed. Default 30m.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::technical_duration")]
    #[x_kube(validation = (
        "duration(self) >= duration('1m') && duration(self) <= duration('24h') && 86400 % duration(self).getSeconds() == 0",
        "write a part of 24h from 1m on, such as 15m, 30m or 1h"
    ))]
    pub interval: Option<Duration>,
    /// The forecast without the campaign.
    pub baseline: Option<Baseline>,
    /// How long one contact takes with its after-call work, such as 6m.
    #[schemars(schema_with = "super::scalar::technical_duration")]
    #[serde(default)]
    #[x_kube(validation = super::rules::LONGER_THAN_NOTHING)]
    pub handle_time: Option<Duration>,
    /// The service level that must be reached in every interval. Default 80 % within 20s.
    pub service_level: Option<ServiceLevelGoal>,
    /// How long a caller waits on average before hanging up.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::technical_duration")]
    #[x_kube(validation = super::rules::LONGER_THAN_NOTHING)]
    pub patience: Option<Duration>,
    /// Ceiling of the agents' occupancy, in percent. Default 85.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::percent")]
    #[x_kube(validation = (
        "quantity(string(self)).isGreaterThan(quantity('0'))",
        "write an occupancy above 0, such as 85"
    ))]
    pub max_occupancy_percent: Option<Decimal>,
    /// Share of paid time that agents are not available, in percent. Default 30.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::percent")]
    #[x_kube(validation = (
        "quantity(string(self)).isLessThan(quantity('100'))",
        "write a shrinkage below 100, such as 30"
    ))]
    pub shrinkage_percent: Option<Decimal>,
    /// How many agents are scheduled, by time of day.
    pub scheduled: Option<Scheduled>,
}

/// A model of the queue: ErlangC (callers wait for ever) or ErlangA (callers have patience).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum QueueModel {
    #[default]
    ErlangC,
    ErlangA,
}

/// The forecast without the campaign: the median of the same weekday and interval.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct Baseline {
    /// The feed of the first contract that holds `offered`.
    #[schemars(length(min = 1, max = 63))]
    pub feed: String,
    /// How many past values of the same weekday and interval count. Default 8.
    #[serde(default = "eight")]
    #[schemars(range(min = 4, max = 52))]
    pub weeks: i64,
}

fn eight() -> i64 {
    8
}

/// A service level: a percentage of contacts answered within a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct ServiceLevelGoal {
    /// Percent of the contacts that are answered in time, 0 to 100, such as 80.
    #[schemars(schema_with = "super::scalar::percent")]
    #[x_kube(validation = (
        "quantity(string(self)).isGreaterThan(quantity('0')) && quantity(string(self)).isLessThan(quantity('100'))",
        "write more than 0 and less than 100 percent, such as 80"
    ))]
    pub percent: Decimal,
    /// How soon they are answered, such as 20s.
    #[schemars(schema_with = "super::scalar::technical_duration")]
    pub within: Duration,
}

/// How many agents are scheduled: `agents`, or `feed` with `measure`.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = (
    "has(self.feed) == has(self.measure) && has(self.feed) != has(self.agents)",
    "write `feed` with `measure`, or `agents`"
))]
pub struct Scheduled {
    /// A feed of the first contract, usually a plan.
    #[schemars(length(min = 1, max = 63))]
    pub feed: Option<String>,
    /// The measure that holds the scheduled heads.
    #[schemars(length(min = 1, max = 63))]
    pub measure: Option<String>,
    /// The same number in every interval.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub agents: Option<i64>,
}

/// Something that must be ready.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = super::rules::of_gate_types("signOffs", &["JointPlan"]))]
#[x_kube(validation = super::rules::of_gate_types("coveragePercent", &["Staffing"]))]
#[x_kube(validation = super::rules::of_gate_types("modules", &["Training"]))]
#[x_kube(validation = super::rules::of_gate_types("changedAt", &["IvrRouting", "EndToEndTest"]))]
#[x_kube(validation = super::rules::of_gate_types("validFor", &["IvrRouting", "EndToEndTest"]))]
#[x_kube(validation = super::rules::of_gate_types("firstReview", &["FeedbackLoop"]))]
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
    #[schemars(schema_with = "super::scalar::business_duration")]
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
    #[schemars(schema_with = "super::scalar::non_negative")]
    pub coverage_percent: Option<Decimal>,
    /// Training: the modules that agents are taught; each must be done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub modules: Vec<Module>,
    /// IvrRouting, EndToEndTest: when what is tested was last changed; older evidence is stale.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::instant")]
    pub changed_at: Option<Timestamp>,
    /// IvrRouting, EndToEndTest: how long evidence stays valid.
    pub valid_for: Option<Duration>,
    /// FeedbackLoop: the day of the first review.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::date")]
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
    #[schemars(schema_with = "super::scalar::date")]
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
    #[schemars(schema_with = "super::scalar::date")]
    pub done_on: Option<Date>,
}

/// Proof that a gate passed.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// The instant at which it passed, such as 2026-11-20T09:00:00Z.
    #[schemars(schema_with = "super::scalar::instant")]
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
    #[schemars(schema_with = "super::scalar::date")]
    pub until: Date,
    /// Why the gate may stay open, in a sentence; it is shown in the status.
    #[schemars(length(max = 1024))]
    pub reason: Option<String>,
}

/// Whether customers are surveyed after the launch, and why.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Survey {
    /// Whether customers are surveyed after the contact.
    pub conduct: bool,
    /// Why it was decided so, in a sentence; it is shown in the status.
    #[schemars(length(max = 1024))]
    pub reason: Option<String>,
    /// The margin of error that the sample must have at 95 %, in percentage points.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::percent")]
    #[x_kube(validation = ("quantity(string(self)).isGreaterThan(quantity('0'))", "write a margin above 0, such as 5"))]
    pub margin_of_error_percent: Option<Decimal>,
}

/// A KpiTarget that measures success.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct SuccessMetric {
    /// Name of the KpiTarget, of any of the contracts.
    #[schemars(length(min = 1, max = 63))]
    pub kpi: String,
}

/// Groups that are compared after the launch.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "self.numerator != self.denominator",
    "write successes as `numerator` and attempts as `denominator`"
))]
pub struct Cohorts {
    /// Name of a feed of the first contract in `contractRefs`, such as sales.
    #[schemars(length(min = 1, max = 63))]
    pub feed: String,
    /// The label whose values are the groups, such as scriptVersion.
    #[schemars(length(min = 1, max = 63))]
    pub label: String,
    /// The measure that counts successes.
    #[schemars(length(min = 1, max = 63))]
    pub numerator: String,
    /// Name of the measure that counts attempts, such as offers.
    #[schemars(length(min = 1, max = 63))]
    pub denominator: String,
    /// How many attempts each group must have before anything is said.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub planned_per_cohort: i64,
    /// The group against which the others are compared. Default: the largest.
    #[schemars(length(min = 1, max = 128))]
    pub control: Option<String>,
}

/// What is watched while the launch is live.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Watch {
    /// KpiTargets whose quality must hold in a spike.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), inner(length(min = 1, max = 63)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub kpis: Vec<String>,
    /// The label and value that the campaign's contacts carry.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "super::scalar::labels", extend("maxProperties" = 1))]
    #[x_kube(validation = super::rules::LABEL_KEYS)]
    pub campaign_label: BTreeMap<String, String>,
}

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
    #[schemars(extend("description" = "Planned, Preparing, Ready, Live, Measuring or Completed, by time whatever the decision."))]
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
    #[schemars(schema_with = "super::scalar::instant")]
    pub due_at: Timestamp,
    /// Instant since which the gate has been Passed without a break: that of its evidence, or when it was first seen so; left out in
    /// other states.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::instant")]
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
    #[schemars(schema_with = "super::scalar::date")]
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
    #[schemars(schema_with = "super::scalar::instant")]
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
    #[schemars(schema_with = "super::scalar::instant")]
    pub start: Timestamp,
    /// Scheduled heads in percent of needed ones.
    pub coverage_percent: String,
}

/// An interval of the campaign's days.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct PlannedInterval {
    /// First instant of the interval; it lasts to the next one's, or to the end of service.
    #[schemars(schema_with = "super::scalar::instant")]
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
    #[schemars(schema_with = "super::scalar::instant")]
    pub start: Timestamp,
    /// First instant after the spike.
    #[schemars(schema_with = "super::scalar::instant")]
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
    pub quality_held: super::condition::ConditionStatus,
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
