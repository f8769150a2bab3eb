//! What the kinds share of verdicts: comparisons, severities, ratings, and whether a period is final.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a value is compared with its target: AtLeast (≥), MoreThan (>), AtMost (≤), LessThan (<) or Between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum Comparison {
    AtLeast,
    MoreThan,
    AtMost,
    LessThan,
    Between,
}

/// How grave a miss is: Minor, Serious, Severe or Critical.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum Severity {
    Minor,
    Serious,
    Severe,
    Critical,
}

/// A rating, portable to public-sector reporting: Good, ApproachingTarget, RequiresImprovement, Inadequate or Other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum Rating {
    Good,
    ApproachingTarget,
    RequiresImprovement,
    Inadequate,
    Other,
}

/// Whether a closed period may still change: Provisional (late data counts) or Final (frozen).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum PeriodState {
    Provisional,
    Final,
}
