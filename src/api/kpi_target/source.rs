//! Where the rows of a KPI come from.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::cross_check::CrossCheck;

/// Where the figures come from: a feed of the contract, and which of its rows count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "!has(self.crossCheck) || self.crossCheck.feed != self.feed",
    "crossCheck.feed is the vendor's feed too: name the feed with the client's own figures"
))]
pub struct KpiSource {
    /// Name of a feed of the contract, such as acd.
    #[schemars(length(min = 1, max = 63))]
    pub feed: String,
    /// Labels that a row must carry. Default: any row.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "crate::api::scalar::labels")]
    #[x_kube(validation = crate::api::rules::LABEL_KEYS)]
    pub labels: BTreeMap<String, String>,
    /// Later: the rows that it selects start to come later, such as those of a new queue. Default: they are there already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("description" = "Later: the rows that `labels` and the formula select start later, as for a queue or product that is yet to come; until then the KPI is Ready and holds no period open. Left out, a KPI that matches no row of a feed that has rows is not Ready (NoRowsMatch), and its contract's periods stay Provisional, at most 20bd after their end."))]
    pub expect: Option<SourceExpectation>,
    /// The client's own figures of the same KPI, compared with the vendor's. Default: the vendor's feed is the only source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("description" = "The client's own figures of the same KPI, from another feed of the contract: {feed: ours, tolerance: \"1\", prefer: Worse}. Both values stand in the report; where they lie further apart than `tolerance`, the period stays Provisional for up to 20bd after its end, and `prefer` is judged. Default: the vendor's feed is the only source."))]
    pub cross_check: Option<CrossCheck>,
}

/// When the rows that a KPI selects are expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SourceExpectation {
    /// They start to come later.
    Later,
}
