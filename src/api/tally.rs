//! A tally: the parts of a period judged one by one, and their misses counted.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::scalar::Decimal;
use super::verdict::Comparison;

/// Days, weeks or months of the period, judged one by one by the KPI's formula. The value of the KPI is how many of them missed.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = (
    "!has(self.comparison) || self.comparison != 'Between'",
    "write tally.comparison AtLeast, MoreThan, AtMost or LessThan"
))]
pub struct Tally {
    /// What is judged: each Day with service, each ISO Week or each Month that ends in the period. Shorter than the period.
    pub each: TallyEach,
    /// How each part is compared: AtLeast, MoreThan, AtMost or LessThan. Default: by the KPI's direction; a Range KPI must name one.
    #[schemars(extend("description" = "How each part is compared: AtLeast (≥), MoreThan (>), AtMost (≤) or LessThan (<). Default: AtLeast where higher is better, AtMost where lower is; a Range KPI must name one."))]
    pub comparison: Option<Comparison>,
    /// What each part must reach, in the KPI's own unit, such as 80. `objective.target` is how many parts may miss it.
    pub target: Decimal,
}

/// What a tally judges: each Day (with service), ISO Week or Month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum TallyEach {
    Day,
    Week,
    Month,
}
