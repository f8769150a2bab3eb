//! What is looked at after a launch: success metrics, groups that are compared, and what is watched.

use std::collections::BTreeMap;

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

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
    #[schemars(schema_with = "crate::api::scalar::labels", extend("maxProperties" = 1))]
    #[x_kube(validation = crate::api::rules::LABEL_KEYS)]
    pub campaign_label: BTreeMap<String, String>,
}
