//! The people that a launch needs: how they are worked out, and who is scheduled.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::scalar::{Decimal, Duration};

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
    #[schemars(schema_with = "crate::api::scalar::technical_duration")]
    #[x_kube(validation = (
        "duration(self) >= duration('1m') && duration(self) <= duration('24h') && 86400 % duration(self).getSeconds() == 0",
        "write a part of 24h from 1m on, such as 15m, 30m or 1h"
    ))]
    pub interval: Option<Duration>,
    /// The forecast without the campaign.
    pub baseline: Option<Baseline>,
    /// How long one contact takes with its after-call work, such as 6m.
    #[schemars(schema_with = "crate::api::scalar::technical_duration")]
    #[serde(default)]
    #[x_kube(validation = crate::api::rules::LONGER_THAN_NOTHING)]
    pub handle_time: Option<Duration>,
    /// The service level that must be reached in every interval. Default 80 % within 20s.
    pub service_level: Option<ServiceLevelGoal>,
    /// How long a caller waits on average before hanging up.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::technical_duration")]
    #[x_kube(validation = crate::api::rules::LONGER_THAN_NOTHING)]
    pub patience: Option<Duration>,
    /// Ceiling of the agents' occupancy, in percent. Default 85.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::percent")]
    #[x_kube(validation = (
        "quantity(string(self)).isGreaterThan(quantity('0'))",
        "write an occupancy above 0, such as 85"
    ))]
    pub max_occupancy_percent: Option<Decimal>,
    /// Share of paid time that agents are not available, in percent. Default 30.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::percent")]
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
    #[schemars(schema_with = "crate::api::scalar::percent")]
    #[x_kube(validation = (
        "quantity(string(self)).isGreaterThan(quantity('0')) && quantity(string(self)).isLessThan(quantity('100'))",
        "write more than 0 and less than 100 percent, such as 80"
    ))]
    pub percent: Decimal,
    /// How soon they are answered, such as 20s.
    #[schemars(schema_with = "crate::api::scalar::technical_duration")]
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
