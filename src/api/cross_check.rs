//! Two sources of one figure: the client's own beside the vendor's.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::scalar::Decimal;

/// The client's own figures of the same KPI, compared with the vendor's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct CrossCheck {
    /// Name of the contract's feed with the client's own figures, such as ours. Another one than `source.feed`.
    #[schemars(length(min = 1, max = 63))]
    pub feed: String,
    /// Labels that a row of that feed must carry. Default: any row.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "super::scalar::labels")]
    #[x_kube(validation = super::rules::LABEL_KEYS)]
    pub labels: BTreeMap<String, String>,
    /// How far the two values may lie apart, in the KPI's unit, such as "1" for one percentage point. Default 0: any difference counts.
    #[serde(default = "nothing")]
    #[schemars(schema_with = "super::scalar::non_negative")]
    pub tolerance: Decimal,
    /// Which value is judged where they lie further apart: Vendor, Own (the client's) or Worse (the worse one for the vendor). Default Vendor.
    #[serde(default)]
    pub prefer: PreferredSource,
}

fn nothing() -> Decimal {
    Decimal(rust_decimal::Decimal::ZERO)
}

/// Which value is judged where two sources disagree: Vendor, Own (the client's) or Worse (the worse one for the vendor).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum PreferredSource {
    #[default]
    Vendor,
    Own,
    Worse,
}

/// A source of a KPI: Vendor, or Own (the client's).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum SourceParty {
    #[default]
    Vendor,
    Own,
}

/// What the comparison of two sources found: Agree, Disagree, OneSource (one of them has too little to compare) or NoData.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum SourcesFinding {
    Agree,
    Disagree,
    OneSource,
    #[default]
    NoData,
}

/// The values of two sources, and which one was judged.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct SourcesLine {
    /// The vendor's value over all of its rows; absent where it has none.
    #[schemars(length(max = 64))]
    pub vendor: Option<String>,
    /// The client's own value over all of its rows; absent where it has none.
    #[schemars(length(max = 64))]
    pub own: Option<String>,
    /// How far the two differ over the time for which both have rows; absent if there is only one source.
    #[schemars(length(max = 64))]
    pub difference: Option<String>,
    /// Agree (within the tolerance), Disagree, OneSource (the client knows less than 90 % of the vendor's time, or one of them has no data) or NoData.
    pub finding: SourcesFinding,
    /// Which of the two was judged: Vendor or Own.
    pub judged: SourceParty,
}
