//! How much of the past a feed is asked for at once, and how a quiet stretch is separated from a gap.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::scalar::Duration;

/// What one request may ask for. Rows are taken only of slots that lie wholly inside the window that was asked for.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct FeedWindow {
    /// The longest span of one request, such as 3d: longer stretches are asked for in several. Default: as long as needed.
    pub at_most: Option<Duration>,
    /// The grid on which the window's edges lie, counted from local midnight of the contract, such as 30m; 24h is a local day.
    /// A multiple of `cadence`. Default: the cadence.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::technical_duration")]
    #[x_kube(validation = (
        "duration(self) >= duration('1m') && duration(self) <= duration('24h')",
        "write an align from 1m to 24h, such as 30m"
    ))]
    pub align: Option<Duration>,
    /// How old a slot must be before it is asked for, such as 15m: younger figures still grow. Default 0m.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::technical_duration")]
    pub settle: Option<Duration>,
    /// How far back the vendor keeps anything, such as 90d: nothing older is asked for. Default: to the term's start.
    pub history: Option<Duration>,
    /// How many requests the vendor allows in a minute. Default: no limit but the operator's own.
    #[schemars(range(min = 1, max = 6000))]
    pub per_minute: Option<i64>,
}

/// The meaning of a slot that a complete answer leaves out: Gap or Zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum Quiet {
    Gap,
    Zeros,
}

/// What is used as a row's interval: Window, the one that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum RowTime {
    Window,
}

/// What a value that is not there means: Missing or Zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum Absent {
    Missing,
    Zero,
}

/// What happens to a value without a name: Keep or Reject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum Otherwise {
    Keep,
    Reject,
}
