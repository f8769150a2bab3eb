//! The times by which a vendor counts.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::api::scalar::Duration;

/// The time by which a measure of a feed is counted.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct Threshold {
    /// The measure as the feed has it, such as answeredWithin.
    #[schemars(length(min = 1, max = 63))]
    pub measure: String,
    /// The measure of the formulas whose figures these are, where the feed counts it by several times: answered30 of answeredWithin. Default: `measure` itself.
    #[schemars(length(min = 1, max = 63))]
    pub of: Option<String>,
    /// The time, such as 20s; for longWaits the time beyond which a wait is long.
    #[schemars(schema_with = "crate::api::scalar::technical_duration")]
    #[x_kube(validation = crate::api::rules::LONGER_THAN_NOTHING)]
    pub within: Duration,
}
