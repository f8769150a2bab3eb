//! What the kinds share of verdicts: the verdicts themselves, comparisons, severities, ratings, and whether a period is final.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

crate::api::condition::closed_enum! {
    /// What one KPI did in one period: Met, Missed, Excused (missed, but accepted relief explains it), Inconclusive (the sample is too small to decide), InsufficientVolume, NoData, or NotMeasured (outside the term, or suspended).
    #[derive(Serialize, Deserialize, JsonSchema)]
    Verdict { Met, Missed, Excused, Inconclusive, InsufficientVolume, NoData, NotMeasured }
}

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
