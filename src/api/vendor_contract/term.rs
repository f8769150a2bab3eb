//! When a contract runs, how its time is divided, when service is owed, and what it is for.

use jiff::civil::Date;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::scalar::{Decimal, Duration};

/// Who serves: the vendor's name, sites and identifiers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct Vendor {
    /// The vendor's name. Contracts with the same name share its people when launches are staffed.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The values that the label `site` may have in the feeds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 128)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub sites: Vec<String>,
}

/// Who is served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct Client {
    /// The client's name, such as Client plc.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// From when to when a contract runs.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = ("self.start <= self.end", "write an `end` that is not before `start`"))]
#[x_kube(validation = ("self.start >= timestamp('1990-01-01T00:00:00Z')", "write a `start` from 1990-01-01 on"))]
pub struct Term {
    /// First day, in the contract's zone.
    #[schemars(schema_with = "crate::api::scalar::date")]
    pub start: Date,
    /// Last day: the contract runs to the end of it.
    #[schemars(schema_with = "crate::api::scalar::date")]
    pub end: Date,
    /// How long before the end notice must be given.
    pub notice: Option<Duration>,
    /// What happens at the end: Manual (it ends) or Automatic (it goes on). Default Manual.
    #[schemars(extend("description" = "What happens at the end: Manual (it ends unless renewed) or Automatic (it goes on unless notice is given). Default Manual."))]
    pub renewal: Option<Renewal>,
}

/// What happens at the end of a term: Manual (it ends unless renewed) or Automatic (it is renewed unless notice is given).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum Renewal {
    Manual,
    Automatic,
}

/// How long the operator keeps the rows of the feeds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Retention {
    /// Years after `term.end`, such as 10. Then the rows are removed, once all periods are Final and no dispute or relief is open; reports stay. Default 7.
    #[schemars(range(min = 1, max = 100))]
    pub years_after_term: i64,
}

/// How long a period is: Weekly (ISO weeks from Monday), Monthly, Quarterly, HalfYearly, Yearly (calendar periods of the contract's zone) or ContractYear (from one anniversary of term.start to the next).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum PeriodLength {
    Weekly,
    #[default]
    Monthly,
    Quarterly,
    HalfYearly,
    Yearly,
    ContractYear,
}

/// When service is owed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceCalendar {
    /// Hours of service by weekday. Default: every hour of every day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub service_hours: Vec<ServiceHours>,
    /// Days without service, such as public holidays. They are not business days.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 500))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["date".into()]))]
    pub holidays: Vec<Holiday>,
}

/// Hours of service on some weekdays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = (
    "self.from < self.to",
    "write a `to` that is later than `from`; what crosses midnight is two entries, such as 22:00 to 24:00 and 00:00 to 06:00"
))]
pub struct ServiceHours {
    /// The weekdays to which the hours apply, such as [Monday, Tuesday].
    #[schemars(length(min = 1, max = 7))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub days: Vec<Weekday>,
    /// When service begins, local time such as "08:00".
    #[schemars(length(max = 5), regex(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    pub from: String,
    /// When service ends, at the latest "24:00". What crosses midnight is two entries.
    #[schemars(length(max = 5), regex(pattern = "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"))]
    pub to: String,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

/// A day without service.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct Holiday {
    /// Day without service in the contract's time zone, such as 2026-12-25.
    #[schemars(schema_with = "crate::api::scalar::date")]
    pub date: Date,
    /// What the holiday is called, such as Boxing Day. It is only shown.
    #[schemars(length(max = 253))]
    pub name: Option<String>,
}

/// A business outcome.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct Goal {
    /// Name of the goal, such as keep-members; KpiTargets refer to it as `goalRef`.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// Kind of business outcome that the goal is of. Default: none is named.
    #[schemars(extend("description" = "What kind of outcome it is: LifetimeValue, Retention, RevenuePerCustomer, Satisfaction, Acquisition, CostToServe or Quality."))]
    pub outcome: Option<Outcome>,
    /// The goal in a sentence; it is shown in scorecards.
    #[schemars(length(max = 1024))]
    pub description: Option<String>,
}

/// A kind of business outcome: LifetimeValue, Retention, RevenuePerCustomer, Satisfaction, Acquisition, CostToServe or Quality.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum Outcome {
    LifetimeValue,
    Retention,
    RevenuePerCustomer,
    Satisfaction,
    Acquisition,
    CostToServe,
    Quality,
}

/// How much of the weight must be on engagement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Engagement {
    /// Percentage of the contract's weight that engagement, satisfaction and revenue KPIs must reach.
    #[schemars(schema_with = "crate::api::scalar::percent")]
    pub minimum_share_percent: Decimal,
}
