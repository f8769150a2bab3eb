//! KpiTarget: one figure of a contract, its target, and what a miss means.

mod formula;
mod measurement;
mod objective;
mod source;
mod status;

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::consequence::{Bonus, Price, RepeatRow};
use super::scalar::{Decimal, Duration, NameReference};
use super::tally::Tally;
pub use formula::*;
pub use measurement::*;
pub use objective::*;
pub use source::*;
pub use status::*;

/// One KPI of a contract, judged each measurement period.
#[serde_with::skip_serializing_none]
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[kube(
    group = "bpo-operator.io",
    version = "v1alpha1",
    kind = "KpiTarget",
    plural = "kpitargets",
    shortname = "kpi",
    category = "bpo",
    namespaced,
    status = "KpiTargetStatus",
    derive = "PartialEq",
    validation = (
        "self.metadata.name.size() <= 63 && !self.metadata.name.contains('.')",
        "choose a metadata.name of at most 63 characters without dots, since it is a label's value"
    ),
    validation = (
        "!has(self.spec.counterMetric) || self.spec.counterMetric != self.metadata.name",
        "a KPI cannot guard itself: name another KpiTarget in counterMetric"
    ),
    doc = "KpiTarget is one figure that a contract holds the vendor to: which KPI, from which feed, with which target, and what a miss means.",
    selectable = ".spec.contractRef.name",
    printcolumn(name = "Contract", type_ = "string", json_path = ".spec.contractRef.name"),
    printcolumn(name = "KPI", type_ = "string", json_path = ".spec.kpi"),
    printcolumn(name = "Target", type_ = "string", json_path = ".status.target"),
    printcolumn(name = "So Far", type_ = "string", json_path = ".status.current.value"),
    printcolumn(name = "Projected", type_ = "string", json_path = ".status.current.projected"),
    printcolumn(name = "At Risk", type_ = "string", json_path = ".status.conditions[?(@.type==\"AtRisk\")].status"),
    printcolumn(name = "Last", type_ = "string", json_path = ".status.last.value"),
    printcolumn(name = "Verdict", type_ = "string", json_path = ".status.last.verdict"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Volume", type_ = "string", json_path = ".status.last.denominator", priority = 1),
    printcolumn(name = "As Of", type_ = "string", json_path = ".status.current.asOf", priority = 1),
    printcolumn(name = "Trend", type_ = "string", json_path = ".status.trend", priority = 1),
    printcolumn(name = "Severity", type_ = "string", json_path = ".status.last.severity", priority = 1),
    printcolumn(name = "Weight", type_ = "string", json_path = ".spec.weight", priority = 1)
)]
#[x_kube(validation = (
    "(self.kpi == 'Custom') == has(self.formula)",
    "`formula` belongs to kpi Custom, which needs it: write both or neither"
))]
#[x_kube(validation = super::rules::kpi_target::VARIANT)]
#[x_kube(validation = super::rules::kpi_target::RANGE)]
#[x_kube(validation = super::rules::kpi_target::stretch())]
#[x_kube(validation = super::rules::kpi_target::bounds())]
#[x_kube(validation = super::rules::kpi_target::bound_order())]
#[x_kube(validation = super::rules::kpi_target::bound_is_a_miss())]
#[x_kube(validation = super::rules::kpi_target::one_band_between())]
#[x_kube(validation = super::rules::kpi_target::proportional())]
#[x_kube(validation = super::rules::kpi_target::bonus())]
#[x_kube(validation = super::rules::kpi_target::price())]
#[x_kube(validation = super::rules::kpi_target::PRICE_ALONE)]
#[x_kube(validation = super::rules::kpi_target::PRICE_OF_SILENCE)]
#[x_kube(validation = super::rules::kpi_target::price_of_events())]
#[x_kube(validation = super::rules::kpi_target::ratings())]
#[x_kube(validation = super::rules::kpi_target::TALLY_DIRECTION)]
#[x_kube(validation = super::rules::kpi_target::TALLY_ALONE)]
#[x_kube(validation = super::rules::kpi_target::CROSS_CHECK)]
#[x_kube(validation = super::rules::kpi_target::WITHIN)]
pub struct KpiTargetSpec {
    /// The VendorContract, in the same namespace. Cannot be changed.
    #[x_kube(validation = (
        "self == oldSelf",
        "contractRef cannot change: delete this KpiTarget, and write one with another name for the other contract"
    ))]
    pub contract_ref: NameReference,
    /// A KPI of the catalogue, which knows its formula and direction, or Custom with `formula`.
    pub kpi: CatalogueKpi,
    /// Which of the KPI's formulas, where the catalogue has several.
    #[schemars(extend("description" = "Which of the KPI's formulas, where the catalogue has several. ServiceLevel: AnsweredAndAbandonedWithin, AnsweredOnly, AllOffered, ExcludeAbandonedWithin (default), CreditShortAbandons, ExcludeShortAbandons. AbandonmentRate: ExcludeShort. AverageHandleTime: Parts. CustomerSatisfaction: TopBox, Mean."))]
    pub variant: Option<KpiVariant>,
    /// The formula of a Custom KPI: how its measures become one figure.
    pub formula: Option<Formula>,
    /// Where the figures come from: a feed of the contract, and which of its rows count.
    pub source: KpiSource,
    /// What is to be reached: the target, its direction and its changes by date.
    pub objective: Objective,
    /// How grave a miss is, and what it costs. Default: every miss is Minor and costs nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["severity".into()]))]
    pub bands: Vec<Band>,
    /// What is paid for doing better than `from`. Default: nothing.
    pub bonus: Option<Bonus>,
    /// Money by quantity: what a miss costs for each step that the value is worse than a point. Beside it, bands give the severity alone.
    pub price: Option<Price>,
    /// By what the points and the credit of the n-th miss in a row are multiplied, such as [{misses: 1, times: 1}, {misses: 2, times: 2}]. The highest row not above n counts; below the first row the miss is spared. Default: credits.repeats of the contract.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 12))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["misses".into()]))]
    #[x_kube(validation = super::rules::REPEATS)]
    pub repeats: Vec<RepeatRow>,
    /// Days, weeks or months of the period judged one by one: the value is then how many of them missed, and `objective` judges that count. Default: the period is judged as a whole.
    pub tally: Option<Tally>,
    /// The time that was agreed for a KPI that counts what happens within a time, such as 20s. It is held against feeds[].thresholds of the contract, and shown with the target. Default: whatever the feed counts.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::technical_duration")]
    #[x_kube(validation = super::rules::LONGER_THAN_NOTHING)]
    pub within: Option<Duration>,
    /// Bounds of the value for each rating. Default: from the severity.
    pub ratings: Option<RatingBounds>,
    /// Critical (carries credits) or KeyMeasurement (reported only). Default Critical.
    #[serde(default)]
    pub class: KpiClass,
    /// Weight in the contract's score. Default 1.
    #[serde(default = "one")]
    #[schemars(schema_with = "super::scalar::non_negative")]
    pub weight: Decimal,
    /// The span that is judged. Default: the measurement period.
    pub window: Option<Window>,
    /// How the value is rounded before any comparison. Default: not at all.
    pub rounding: Option<Rounding>,
    /// Below this the sample is too small to judge.
    pub minimum: Option<Minimum>,
    /// How sure the verdict must be where the figure comes from a sample. Left out: the figure alone decides.
    pub confidence: Option<Confidence>,
    /// How old rows must be to be trustworthy, such as 7d for first-contact resolution. Default: at once.
    pub maturity: Option<Duration>,
    /// What a period without data means: Hold (it closes as NoData) or Miss (NoData becomes Missed in the worst band).
    pub missing_data: Option<MissingData>,
    /// What makes AtRisk true. Default: a projected miss.
    pub warning: Option<Warning>,
    /// The KpiTarget of the same contract that guards this one against gaming.
    #[schemars(length(min = 1, max = 63))]
    pub counter_metric: Option<String>,
    /// The goal of the contract that this KPI serves.
    #[schemars(length(min = 1, max = 63))]
    pub goal_ref: Option<String>,
    /// Name of the contact of the contract who answers for it, such as jane. Default: nobody.
    #[schemars(length(min = 1, max = 63))]
    pub owner: Option<String>,
    /// The usual range of the KPI in the trade, for comparison and advice. It decides no verdict.
    pub benchmark: Option<Benchmark>,
    /// True: judged and shown, never counted.
    #[serde(default)]
    pub dry_run: bool,
    /// True: not judged; the verdict is NotMeasured.
    #[serde(default)]
    pub suspend: bool,
}

fn one() -> Decimal {
    Decimal(rust_decimal::Decimal::ONE)
}
