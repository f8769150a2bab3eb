//! Rectification plans, people, escalation, reviews and deliverables.

use jiff::civil::Date;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PeriodLength, Weekday};
use crate::api::dispute::Party;
use crate::api::scalar::Duration;

/// How long each step of a rectification plan may take.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rectification {
    /// For the vendor to notify of the failure. Default 5bd.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::business_duration")]
    pub notify: Option<Duration>,
    /// For the vendor to submit a plan, from the end of the triggering period. Default 10bd.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::business_duration")]
    pub submit: Option<Duration>,
    /// For the client to approve or reject it. Default 10bd.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::business_duration")]
    pub approve: Option<Duration>,
    /// For the vendor to submit a rejected plan again. Default 5bd.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::business_duration")]
    pub resubmit: Option<Duration>,
    /// How many Met periods after the last step verify the plan. Default 2.
    #[schemars(range(min = 1, max = 24))]
    pub verify_periods: Option<i64>,
}

/// A rectification plan as it happened.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "!has(self.approvedOn) || !has(self.rejectedOn)",
    "a plan is approved or rejected: keep `approvedOn` or `rejectedOn`; a rejected plan that is submitted again gets a new `submittedOn` and no `rejectedOn`"
))]
#[x_kube(validation = (
    "!has(self.approvedOn) || (has(self.submittedOn) && self.submittedOn <= self.approvedOn)",
    "write a `submittedOn` that is not after `approvedOn`"
))]
#[x_kube(validation = (
    "!has(self.rejectedOn) || (has(self.submittedOn) && self.submittedOn <= self.rejectedOn)",
    "write a `submittedOn` that is not after `rejectedOn`"
))]
pub struct RectificationPlan {
    /// Name of the plan, such as cure-march.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// Name of the trigger that asked for it, such as cure.
    #[schemars(length(min = 1, max = 63))]
    pub trigger: String,
    /// The KpiTarget whose failure it is to correct.
    #[schemars(length(min = 1, max = 63))]
    pub kpi: Option<String>,
    /// The day on which the vendor submitted it. Left out: not submitted yet.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::date")]
    pub submitted_on: Option<Date>,
    /// The day on which the client approved it. Left out: not approved.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::date")]
    pub approved_on: Option<Date>,
    /// The day on which the client rejected it. Left out: not rejected.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::date")]
    pub rejected_on: Option<Date>,
    /// What is to be done, step by step, each with its day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub steps: Vec<PlanStep>,
}

/// One step of a rectification plan.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanStep {
    /// Name of the step, such as hire-ten.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// The last day on which it is to be done, such as 2026-04-30. Left out: no day is fixed.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::date")]
    pub due: Option<Date>,
    /// The day on which it was done, such as 2026-04-20. Left out: it is still open.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::date")]
    pub done_on: Option<Date>,
}

/// A person of either party.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct Contact {
    /// Short name by which escalation refers to the person.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// What the person does, such as service manager. It is only shown.
    #[schemars(length(max = 253))]
    pub role: Option<String>,
    /// Which party the person belongs to: Vendor or Client.
    #[schemars(extend("description" = "Which party the person belongs to: Vendor or Client."))]
    pub party: Option<Party>,
    /// E-mail address, such as jane@client.example. Without it no e-mail goes to this person.
    #[schemars(length(max = 254), regex(pattern = "^[^@\\s<>\",;]+@[^@\\s<>\",;]+$"))]
    pub email: Option<String>,
    /// The name of the contact who is the deputy.
    #[schemars(length(min = 1, max = 63))]
    pub deputy: Option<String>,
}

/// One level of the escalation matrix.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct EscalationLevel {
    /// The level, 1 to 9; 1 is notified first.
    #[schemars(range(min = 1, max = 9))]
    pub level: i64,
    /// How long after the cause this level is notified.
    #[schemars(schema_with = "crate::api::scalar::business_duration")]
    pub after: Duration,
    /// What is escalated, any of: Missed, Serious (a miss that is Serious or graver), AtRisk, TriggerFired, FeedFailing, Overdue, LaunchNoGo.
    #[schemars(length(min = 1, max = 7))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub causes: Vec<EscalationCause>,
    /// Names of the contacts who are notified.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), inner(length(min = 1, max = 63)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub contacts: Vec<String>,
    /// Names of the alerts that are sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), inner(length(min = 1, max = 63)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub alerts: Vec<String>,
    /// How long they have to respond after the level began, such as 4bh. Left out: no answer is expected.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::business_duration")]
    pub respond: Option<Duration>,
}

/// What is escalated: Missed, Serious (a miss that is Serious or graver), AtRisk, TriggerFired, FeedFailing, Overdue, LaunchNoGo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum EscalationCause {
    Missed,
    Serious,
    AtRisk,
    TriggerFired,
    FeedFailing,
    Overdue,
    LaunchNoGo,
}

/// A governance meeting.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Review {
    /// Name of the review, such as monthly-review.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// How often it is held: Weekly, Monthly, Quarterly, HalfYearly, Yearly or ContractYear; quarters, half-years and years as the contract's fiscalYearStart has them.
    pub cadence: PeriodLength,
    /// The weekday on which it is held. Default: the period's last business day.
    #[schemars(extend("description" = "The weekday on which it is held. Default: the period's last business day."))]
    pub day: Option<Weekday>,
    /// How long after its date it may still be held. Default 0d.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::business_duration")]
    pub grace: Option<Duration>,
    /// How long before it the report is due.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::business_duration")]
    pub report_due: Option<Duration>,
    /// The days on which it was held, such as [2026-02-10]. One that is not held by its day is overdue.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 600), inner(length(max = 10)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub held: Vec<ApiDate>,
}

/// A local date inside a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ApiDate(pub Date);

impl JsonSchema for ApiDate {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Date".into()
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        crate::api::scalar::date(generator)
    }
}

/// What the vendor owes in addition to the service.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = crate::api::rules::one_of(&["cadence", "turnaround"], ""))]
#[x_kube(validation = (
    "has(self.cadence) || (!has(self.dueAfterPeriod) && !has(self.delivered))",
    "`dueAfterPeriod` and `delivered` belong to `cadence`: with `turnaround`, write `requests`"
))]
#[x_kube(validation = (
    "has(self.turnaround) || !has(self.requests)",
    "`requests` belongs to `turnaround`: with `cadence`, write `delivered`"
))]
#[x_kube(validation = (
    "!has(self.cadence) || !has(self.delivered) || self.delivered.all(d, self.cadence == 'Weekly' ? d.period.contains('-W') : self.cadence == 'Quarterly' ? d.period.contains('-Q') : self.cadence == 'HalfYearly' ? d.period.contains('-H') : self.cadence == 'ContractYear' ? d.period.startsWith('CY') : self.cadence == 'Yearly' ? !d.period.contains('-') && !d.period.startsWith('CY') : d.period.size() == 7 && !d.period.contains('Q') && !d.period.contains('H'))",
    "name delivered periods as the cadence does: 2026-W07, 2026-02, 2026-Q1, 2026-H1, 2026 or CY1, and with a fiscalYearStart FY2027-Q1, FY2027-H1 or FY2027"
))]
pub struct Deliverable {
    /// Name of the deliverable, such as monthly-report.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// How often it is due. Either this or `turnaround`.
    #[schemars(extend("description" = "How often it is due. Either this or `turnaround`."))]
    pub cadence: Option<PeriodLength>,
    /// How long after the cadence's period it is due.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::business_duration")]
    pub due_after_period: Option<Duration>,
    /// How long after a request it is due. Either this or `cadence`.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::business_duration")]
    pub turnaround: Option<Duration>,
    /// The standard it must meet, in words.
    #[schemars(length(max = 1024))]
    pub quality: Option<String>,
    /// What was delivered, one entry for each period.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 600))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["period".into()]))]
    pub delivered: Vec<Delivery>,
    /// What was requested, for deliverables with `turnaround`: one entry for each request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub requests: Vec<DeliverableRequest>,
}

/// A delivery for a period.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// Name of the period for which it was delivered, such as "2026-01".
    #[schemars(
        length(min = 3, max = 9),
        regex(pattern = "^([0-9]{4}(-(W[0-9]{2}|Q[1-4]|H[12]|[0-9]{2}))?|FY[0-9]{4}(-(Q[1-4]|H[12]))?|CY[0-9]{1,4})$")
    )]
    pub period: String,
    /// The day on which it was delivered.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::date")]
    pub delivered_on: Option<Date>,
    /// Whether it was accepted the first time.
    pub accepted: Option<bool>,
}

/// A request for a deliverable.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "!has(self.doneOn) || self.requestedOn <= self.doneOn",
    "write a `doneOn` that is not before `requestedOn`"
))]
pub struct DeliverableRequest {
    /// Name of the request, such as extra-report-7.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// The day on which it was requested.
    #[schemars(schema_with = "crate::api::scalar::date")]
    pub requested_on: Date,
    /// The day on which it was done, such as 2026-02-04. Left out: it is still open.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::date")]
    pub done_on: Option<Date>,
    /// Whether it was accepted the first time.
    pub accepted: Option<bool>,
}
