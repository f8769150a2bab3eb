//! What the operator reports of a contract.

use jiff::Timestamp;
use jiff::civil::Date;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{EscalationCause, TriggerConsequence};
use crate::api::condition::Condition;
use crate::api::dispute::DisputeStatus;
use crate::api::verdict::PeriodState;

/// What the operator found. It never changes by the passing of time alone.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct VendorContractStatus {
    /// The generation of the spec that was observed.
    pub observed_generation: Option<i64>,
    /// The last `bpo-operator.io/requested-at` that was handled.
    #[schemars(length(max = 64))]
    pub last_handled_request: Option<String>,
    /// Pending (not begun), Active, NoticeDue (notice must be given), Suspended (`spec.suspend`, while the term has not ended) or Ended.
    #[schemars(extend("description" = "Pending (not begun), Active, NoticeDue (the time to give notice has come), Suspended (spec.suspend is true and the term has not ended) or Ended."))]
    pub phase: Option<ContractPhase>,
    /// Name and both ends of the running period.
    pub period: Option<PeriodBounds>,
    /// The latest closed period: the commitment.
    pub last: Option<LastPeriod>,
    /// KPIs of `last` by verdict; `atRisk` is of the running period.
    pub kpis: Option<KpiCounts>,
    /// Credits and caps of the running contract year.
    pub credits: Option<CreditsStatus>,
    /// Triggers that are active, at most 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub triggers: Vec<TriggerStatus>,
    /// The highest active level of escalation.
    pub escalation: Option<EscalationStatus>,
    /// What is next and what is overdue.
    pub governance: Option<GovernanceStatus>,
    /// Health of each feed, in the order of the names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub feeds: Vec<FeedStatus>,
    /// Where alerts are sent: those whose last delivery failed, or that have given messages up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub alerts: Vec<AlertSinkStatus>,
    /// The reports of `spec.reports`: the last and the next period of each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub reports: Vec<ScheduledReportStatus>,
    /// Advice on the contract itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub advice: Vec<Advice>,
    /// Ready, Stalled, FeedHealthy, SLACompliant, AtRisk, GovernanceCurrent, WellFormed, ActionRequired and Consistent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 12))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// The phase of a contract: Pending (not begun), Active, NoticeDue (the time to give notice has come) or Ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum ContractPhase {
    Pending,
    Active,
    NoticeDue,
    Suspended,
    Ended,
}

/// A measurement period: half-open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct PeriodBounds {
    /// Name, such as 2026-W07, 2026-02, 2026-Q1, FY2027-Q1 or 2026.
    #[schemars(length(max = 16))]
    pub name: String,
    /// First instant of the period.
    #[schemars(schema_with = "crate::api::scalar::instant")]
    pub start: Timestamp,
    /// First instant after the period.
    #[schemars(schema_with = "crate::api::scalar::instant")]
    pub end: Timestamp,
}

/// The latest closed period.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct LastPeriod {
    /// Name of the latest closed period, such as 2026-05.
    pub name: String,
    /// Provisional until the period can no longer change, then Final.
    pub state: PeriodState,
    /// Score of the period, from 0 to 100: what the KPIs reached, by their weights; left out where none could be judged.
    pub score: Option<String>,
    /// How much of the weight the score covers, 0 to 100.
    pub confidence: Option<String>,
    /// The worst rating of the Critical-class KPIs.
    #[schemars(extend("description" = "The worst rating of the Critical-class KPIs: Good, ApproachingTarget, RequiresImprovement, Inadequate or Other (none was judged)."))]
    pub rating: Option<crate::api::verdict::Rating>,
    /// Service points of all KPIs together.
    pub points: i64,
    /// Sum of the credits before caps.
    pub credit_before_caps: Option<String>,
    /// Credit that the vendor owes for the period, after caps.
    pub credit: Option<String>,
    /// Bonus that the client owes for the period.
    pub bonus: Option<String>,
    /// Name of the SlaReport of the period.
    pub report: String,
}

/// KPIs by verdict.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct KpiCounts {
    /// KPIs that count: dry runs and suspended ones are left out.
    pub total: i64,
    /// KPIs that are Met or Excused.
    pub met: i64,
    /// KPIs that are Missed and not excused.
    pub missed: i64,
    /// KPIs that are neither met nor missed, such as those without data.
    pub unknown: i64,
    /// At risk in the running period.
    pub at_risk: i64,
}

/// Credits of the contract year.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreditsStatus {
    /// Currency of the amounts, by ISO 4217, such as GBP.
    pub currency: String,
    /// What the credits of the running period cannot exceed.
    pub period_cap: Option<String>,
    /// Credits of the contract year so far.
    pub year_to_date: Option<String>,
    /// Cap of the contract year, which the credits cannot exceed; left out without one.
    pub year_cap: Option<String>,
    /// Credits that may still be earned back.
    pub pending: Option<String>,
}

/// An active trigger.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct TriggerStatus {
    /// Name of the trigger, such as three-in-six; plans and escalation refer to it.
    pub name: String,
    /// Consequence of the trigger: TerminationRight, RectificationPlan or Notify.
    pub then: TriggerConsequence,
    /// Name of the KpiTarget that fired it; left out where no single one did.
    pub kpi: Option<String>,
    /// Name of the period that fired it, such as 2026-05.
    pub period: String,
    /// First instant after the period that fired it.
    #[schemars(schema_with = "crate::api::scalar::instant")]
    pub fired_at: Timestamp,
}

/// The highest active level of escalation.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct EscalationStatus {
    /// Highest level that is active, as in spec.escalation.
    pub level: i64,
    /// Cause of the escalation, such as AtRisk or FeedFailing.
    pub cause: EscalationCause,
    /// Since when the level is active.
    #[schemars(schema_with = "crate::api::scalar::instant")]
    pub since: Timestamp,
    /// By when someone must respond.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::instant")]
    pub respond_by: Option<Timestamp>,
    /// Names of the contacts who are notified at this level.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub contacts: Vec<String>,
    /// Name of the person who has acknowledged the escalation; left out before.
    #[schemars(length(max = 253))]
    pub acknowledged_by: Option<String>,
}

/// The state of one place where alerts are sent.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertSinkStatus {
    /// Name of the alert, such as ops; escalation levels refer to it.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// Whether the last delivery failed, and why.
    #[schemars(length(max = 1024))]
    pub failure: Option<String>,
    /// Messages that were given up; `kubectl bpo alert list` shows them.
    pub given_up: i64,
}

/// The state of a report that goes out by itself.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct ScheduledReportStatus {
    /// Name of the report, as in spec.reports.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// The last period of its cadence for which it was handed to delivery, such as 2026-05.
    #[schemars(length(max = 32))]
    pub last: Option<String>,
    /// The period for which it goes out next.
    #[schemars(length(max = 32))]
    pub next: Option<String>,
}

/// What is next and what is overdue.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct GovernanceStatus {
    /// Name and day of the next review.
    pub next_review: Option<NextReview>,
    /// Reviews, deliverables, plans and disputes that are overdue, at most 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub overdue: Vec<Overdue>,
    /// Rectification plans and their state, at most 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub plans: Vec<PlanStatus>,
    /// Disputes: the open ones first, then the latest decided.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub disputes: Vec<DisputeStatus>,
}

/// The next review.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct NextReview {
    /// Name of the review, such as monthly-review.
    pub name: String,
    /// Day of the review in the contract's time zone.
    #[schemars(schema_with = "crate::api::scalar::date")]
    pub due: Date,
    /// The day by which its report is due.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::date")]
    pub report_due: Option<Date>,
}

/// Something overdue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct Overdue {
    /// Review, Deliverable, Plan or Dispute.
    pub kind: OverdueKind,
    /// Name of the review, deliverable, plan or dispute.
    pub name: String,
    /// The day on which it was due.
    #[schemars(schema_with = "crate::api::scalar::date")]
    pub due: Date,
}

/// What can be overdue: Review, Deliverable, Plan or Dispute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum OverdueKind {
    Review,
    Deliverable,
    Plan,
    Dispute,
}

/// A rectification plan.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct PlanStatus {
    /// Name of the plan, or of the trigger that asks for one.
    pub name: String,
    /// Required, Submitted, Rejected, Approved, InProgress, Verified or Failed.
    pub state: PlanState,
    /// When the next step is due.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::date")]
    pub due: Option<Date>,
}

/// The state of a rectification plan: Required, Submitted, Rejected, Approved, InProgress, Verified or Failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum PlanState {
    Required,
    Submitted,
    Rejected,
    Approved,
    InProgress,
    Verified,
    Failed,
}

/// A feed's health.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct FeedStatus {
    /// Name of the feed in spec.feeds.
    pub name: String,
    /// Whether the last fetch succeeded and the rows are not late.
    pub healthy: bool,
    /// Fetched while polls succeed, else the kind of failure, such as Auth or Late.
    pub reason: String,
    /// Since when the reason is this one.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::instant")]
    pub since: Option<Timestamp>,
    /// How far the data reaches without a gap.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::instant")]
    pub watermark: Option<Timestamp>,
    /// Whether the past since `term.start` is still being fetched.
    pub backfilling: bool,
    /// How far that is; absent once it is complete.
    pub backfill: Option<FeedBackfill>,
    /// Rows of the latest answer that were set aside because they contradict each other, or cover time that another row with the same labels covers. They count in no figure; `kubectl bpo feed rejected` lists them. Absent where there are none.
    #[serde(default)]
    pub set_aside: Option<i64>,
}

/// Progress of the first fetch of a feed's past. What is fetched is kept: after a restart or an outage it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct FeedBackfill {
    /// From when on the vendor is asked: the beginning of the term, or as far back as it keeps anything.
    #[schemars(schema_with = "crate::api::scalar::instant")]
    pub from: Timestamp,
    /// Up to when everything is fetched.
    #[schemars(schema_with = "crate::api::scalar::instant")]
    pub fetched_until: Timestamp,
    /// How much of the time from then until now is fetched, in whole percent.
    pub percent: i64,
}

/// Advice on the contract itself; it never blocks anything.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct Advice {
    /// What was found, such as OnlyTechnicalKpis or NotSmart/Relevant.
    #[schemars(length(max = 63))]
    pub finding: String,
    /// The KpiTarget that it concerns.
    pub kpi: Option<String>,
    /// Sentence that says what is doubtful and what to change.
    #[schemars(length(max = 256))]
    pub message: String,
}
