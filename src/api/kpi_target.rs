//! KpiTarget: one figure of a contract, its target, and what a miss means.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::condition::Condition;
use super::consequence::{Bonus, Price, RepeatRow};
use super::cross_check::{CrossCheck, SourcesLine};
use super::made_of::DayValue;
use super::packed::Packed;
use super::scalar::{Decimal, Duration, DurationUnit, NameReference};
use super::tally::Tally;
use super::verdict::{Comparison, Rating, Severity};

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

super::condition::closed_enum! {
    /// A KPI of the catalogue, or Custom.
    #[derive(Serialize, Deserialize, JsonSchema)]
    CatalogueKpi {
        ServiceLevel, AverageSpeedOfAnswer, LongWaitRate, AbandonmentRate, OutboundAbandonment, AverageHandleTime,
        Occupancy, Utilisation, FirstContactResolution, RepeatContactRate, TransferRate, CustomerSatisfaction,
        NetPromoterScore, CustomerEffortScore, QualityScore, ScriptAdherence, CriticalErrorAccuracy,
        ScheduleAdherence, Shrinkage, Attrition, EarlyAttrition, TrainingCompletion, EmployeeSatisfaction,
        IvrContainment, TrueContainment, SelfServiceRate, ConversionRate, ResponseRate, CrossSellRate, UpSellRate,
        PostSaleCancellation, NetConversion, CostPerContact, ChurnRate, Persistency, AverageRevenuePerUser,
        CustomerLifetimeValue, LoyaltyIndex, Sentiment, Backlog, OnTimeRate, ForecastAccuracy,
        ScriptChangeTurnaround, DeliverableOnTime, RightFirstTime, Custom,
    }
}

super::condition::closed_enum! {
    /// A variant of a catalogue KPI's formula.
    #[derive(Serialize, Deserialize, JsonSchema)]
    KpiVariant {
        AnsweredAndAbandonedWithin, AnsweredOnly, AllOffered, ExcludeAbandonedWithin, CreditShortAbandons,
        ExcludeShortAbandons, ExcludeShort, Parts, TopBox, Mean,
    }
}

/// The formula of a Custom KPI: numerator / denominator × scale.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct Formula {
    /// Sums and differences of measures and constants, such as `offered - abandonedShort`.
    #[schemars(length(min = 1, max = 1024))]
    #[x_kube(validation = (
        "self.matches('^([A-Za-z0-9_.+() -]|`[^`]+`)+$')",
        "write sums and differences of measures and constants, with parentheses, such as offered - abandonedShort"
    ))]
    pub numerator: String,
    /// Sums and differences of measures and constants. Default 1.
    #[schemars(length(min = 1, max = 1024))]
    #[x_kube(validation = (
        "self.matches('^([A-Za-z0-9_.+() -]|`[^`]+`)+$')",
        "write sums and differences of measures and constants, with parentheses, such as offered - abandonedShort"
    ))]
    pub denominator: Option<String>,
    /// By what the quotient is multiplied. Default 100 with unit Percent, else 1.
    #[x_kube(validation = (
        "quantity(string(self)).isGreaterThan(quantity('0'))",
        "write a scale above 0, such as 100 for percent"
    ))]
    pub scale: Option<Decimal>,
    /// The unit of the value. Default Percent.
    #[schemars(extend("description" = "The unit of the value: Percent, Seconds, Count, Money, Score or Points. Default Percent."))]
    pub unit: Option<FormulaUnit>,
    /// Which direction is better: Higher, Lower or Range.
    pub better: Better,
    /// Leading or Lagging. Default Lagging.
    #[schemars(extend("description" = "Leading (it foretells) or Lagging (it shows results). Default Lagging."))]
    pub kind: Option<IndicatorKind>,
    /// What the KPI speaks of. Default Efficiency.
    #[schemars(extend("description" = "What the KPI speaks of: Efficiency, Quality, Satisfaction, Engagement, Revenue, Cost or People. Default Efficiency."))]
    pub category: Option<KpiCategory>,
    /// Measures that are levels, not flows: averaged over time instead of added up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10), inner(length(min = 1, max = 63)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub stocks: Vec<String>,
}

/// The unit of a Custom KPI: Percent, Seconds, Count, Money, Score or Points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum FormulaUnit {
    Percent,
    Seconds,
    Count,
    Money,
    Score,
    Points,
}

/// Which direction of a KPI is better: Higher, Lower, or Range (neither too high nor too low).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum Better {
    Higher,
    Lower,
    Range,
}

/// Whether a KPI foretells (Leading) or shows results (Lagging).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum IndicatorKind {
    Leading,
    Lagging,
}

/// What a KPI speaks of: Efficiency, Quality, Satisfaction, Engagement, Revenue, Cost or People.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum KpiCategory {
    Efficiency,
    Quality,
    Satisfaction,
    Engagement,
    Revenue,
    Cost,
    People,
}

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
    #[schemars(schema_with = "super::scalar::labels")]
    #[x_kube(validation = super::rules::LABEL_KEYS)]
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

/// What is to be reached: the target, its direction and its changes by date.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = (
    "(has(self.comparison) && self.comparison == 'Between') == has(self.upper)",
    "`upper` belongs to comparison Between, which needs it: write both or neither"
))]
#[x_kube(validation = (
    "!has(self.upper) || (quantity(string(self.upper)).isGreaterThan(quantity(string(self.target))) && (!has(self.schedule) || self.schedule.all(s, quantity(string(self.upper)).isGreaterThan(quantity(string(s.target))))))",
    "write an `upper` that is above the target and above all targets of the schedule"
))]
pub struct Objective {
    /// AtLeast, MoreThan, AtMost, LessThan or Between. Default: by the KPI's direction; a Range KPI must name one.
    #[schemars(extend("description" = "How the value is compared: AtLeast (≥), MoreThan (>), AtMost (≤), LessThan (<) or Between (`target` to `upper`, both included). Default: AtLeast where higher is better, AtMost where lower is; a Range KPI must name one."))]
    pub comparison: Option<Comparison>,
    /// The target, in the KPI's unit; percentages hold percent (80 is 80 %).
    pub target: Decimal,
    /// The upper edge, with Between only.
    pub upper: Option<Decimal>,
    /// A better figure than the target, at which a credit is earned back.
    pub stretch: Option<Decimal>,
    /// Changes of the target, each from a day on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["from".into()]))]
    pub schedule: Vec<TargetChange>,
}

/// A target from a day on.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct TargetChange {
    /// First day of the new target, such as 2026-07-01.
    #[schemars(schema_with = "super::scalar::date")]
    pub from: Date,
    /// The target from that day on, in the KPI's unit, such as 85.
    pub target: Decimal,
}

/// A band of misses: from the target, or the previous band's bound, to its own bound. At most one consequence.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = super::rules::kpi_target::CONSEQUENCE)]
pub struct Band {
    /// How grave a miss in this band is: Minor, Serious, Severe or Critical.
    pub severity: Severity,
    /// The band's worst value. The last band takes everything worse, with a bound or without.
    pub bound: Option<Decimal>,
    /// Service points; the contract says in credits.points what they cost.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub points: Option<i64>,
    /// Percentage of the amount at risk (charges.atRiskPercent of the charges).
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::non_negative")]
    pub at_risk_percent: Option<Decimal>,
    /// Percentage of the period's charges.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::non_negative")]
    pub percent: Option<Decimal>,
    /// An amount of money in the contract's currency.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::non_negative")]
    pub credit: Option<Decimal>,
    /// True: the distance from target to value, in percent of the charges. Percent KPIs only.
    pub proportional: Option<bool>,
}

/// Bounds of the value for each rating, all inclusive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RatingBounds {
    /// The KPI is rated Good from this value on, in its unit, such as 85.
    pub good: Decimal,
    /// From this value on: ApproachingTarget.
    pub approaching: Decimal,
    /// From this value on: RequiresImprovement; worse is Inadequate.
    pub requires_improvement: Decimal,
}

/// Whether a KPI carries credits (Critical) or is reported only (KeyMeasurement).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum KpiClass {
    #[default]
    Critical,
    KeyMeasurement,
}

/// The span that is judged.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = (
    "(self.type == 'Rolling') == has(self.length)",
    "`length` belongs to type Rolling, which needs it: write {type: Rolling, length: 28d}"
))]
#[x_kube(validation = (
    "(self.type == 'RollingPeriods') == has(self.count)",
    "`count` belongs to type RollingPeriods, which needs it: write {type: RollingPeriods, count: 3}"
))]
pub struct Window {
    /// Period, Rolling (with `length`) or RollingPeriods (with `count`).
    #[serde(rename = "type")]
    pub type_: WindowType,
    /// Length of a Rolling window, real time that ends with the period, such as 28d.
    #[x_kube(validation = ("!self.matches('^0+[a-z]')", "write the span that is judged, such as 28d"))]
    pub length: Option<Duration>,
    /// How many periods a RollingPeriods window has, the judged one included.
    #[schemars(range(min = 2, max = 24))]
    pub count: Option<i64>,
}

/// The span that is judged: Period (the measurement period), Rolling (a length that ends with the period) or RollingPeriods (several periods).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum WindowType {
    #[default]
    Period,
    Rolling,
    RollingPeriods,
}

/// How the value is rounded before any comparison.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, KubeSchema)]
pub struct Rounding {
    /// Digits after the point. Default 0.
    #[serde(default)]
    #[schemars(range(min = 0, max = 6))]
    pub decimals: i64,
    /// HalfUp (away from zero), HalfEven or Truncate. Default HalfUp.
    #[serde(default)]
    pub mode: RoundingMode,
}

/// How a value is rounded: HalfUp (halves away from zero), HalfEven (halves to the even digit) or Truncate (towards zero).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum RoundingMode {
    #[default]
    HalfUp,
    HalfEven,
    Truncate,
}

/// Below this the sample is too small to judge.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Minimum {
    /// The least denominator; below it the verdict is InsufficientVolume.
    #[schemars(range(min = 1, max = 1_000_000_000_000_i64))]
    pub volume: Option<i64>,
    /// The least response rate of a survey, in percent.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::percent")]
    pub response_rate_percent: Option<Decimal>,
}

/// How sure the verdict must be where the figure comes from a sample. Left out: the figure alone decides.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct Confidence {
    /// Level of the interval, in percent. Default 95.
    #[serde(default = "ninety_five")]
    #[schemars(range(min = 50, max = 99))]
    pub level: i64,
    /// PointEstimate (the value decides) or MarginOfError (a target inside the interval is Inconclusive). Default PointEstimate.
    #[serde(default)]
    pub verdict: ConfidenceVerdict,
}

fn ninety_five() -> i64 {
    95
}

/// What decides a verdict: PointEstimate (the value) or MarginOfError (the interval: a target inside it is Inconclusive).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum ConfidenceVerdict {
    #[default]
    PointEstimate,
    MarginOfError,
}

/// What a period without data means: Hold (it closes as NoData) or Miss (NoData becomes Missed in the worst band).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct MissingData {
    /// Hold (NoData stays NoData) or Miss (NoData becomes Missed, if the parties agreed so). Default Hold.
    #[serde(default)]
    pub policy: MissingDataPolicy,
    /// How long after the period's end. Default 3d.
    #[serde(default = "three_days")]
    pub after: Duration,
}

fn three_days() -> Duration {
    Duration::new(3, DurationUnit::Days)
}

/// What the absence of data means: Hold (the period closes as it is) or Miss (NoData becomes Missed in the worst band).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum MissingDataPolicy {
    #[default]
    Hold,
    Miss,
}

/// What makes AtRisk true.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct Warning {
    /// The period is projected to end Missed. Default true.
    #[serde(default = "yes")]
    pub projected: bool,
    /// The budget of misses is being spent too fast. Default false.
    #[serde(default)]
    pub burn: bool,
    /// The running value is on the wrong side of this level: below it, or above it where lower is better.
    pub below: Option<Decimal>,
}

fn yes() -> bool {
    true
}

/// The usual range of the KPI in the trade, for comparison and advice. It decides no verdict.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = (
    "!has(self.low) || !has(self.high) || !quantity(string(self.low)).isGreaterThan(quantity(string(self.high)))",
    "write a `low` that is not above `high`"
))]
pub struct Benchmark {
    /// Lower edge of the usual range, in the KPI's unit, such as 80.
    pub low: Option<Decimal>,
    /// Upper edge of the usual range, in the KPI's unit, such as 90.
    pub high: Option<Decimal>,
    /// Where the range comes from, such as an industry survey.
    #[schemars(length(max = 1024))]
    pub source: Option<String>,
}

super::condition::closed_enum! {
    /// What one KPI did in one period: Met, Missed, Excused (missed, but accepted relief explains it), Inconclusive (the sample is too small to decide), InsufficientVolume, NoData, or NotMeasured (outside the term, or suspended).
    #[derive(Serialize, Deserialize, JsonSchema)]
    Verdict { Met, Missed, Excused, Inconclusive, InsufficientVolume, NoData, NotMeasured }
}

/// What the operator found.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct KpiTargetStatus {
    /// The generation of the spec that this speaks of.
    pub observed_generation: Option<i64>,
    /// The last `bpo-operator.io/requested-at` that was handled.
    #[schemars(length(max = 64))]
    pub last_handled_request: Option<String>,
    /// The target in short, such as ≥ 80 %.
    pub target: Option<String>,
    /// The latest closed period: the commitment.
    pub last: Option<ClosedValue>,
    /// The running period, or the rolling window: the early warning.
    pub current: Option<CurrentValue>,
    /// The latest closed period per tier.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub tiers: Vec<TierSlice>,
    /// Closed periods, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 13))]
    pub history: Vec<HistoryEntry>,
    /// Improving, Steady or Worsening.
    #[schemars(extend("description" = "Where the closed periods are heading: Improving, Steady or Worsening."))]
    pub trend: Option<Trend>,
    /// The rule of the control chart that gave a signal, if any.
    #[schemars(length(max = 63))]
    pub signal: Option<String>,
    /// Ready, Stalled, FeedHealthy, SLACompliant, AtRisk, GamingSuspected and SourcesAgree.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 7))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// Where a KPI is heading: Improving, Steady or Worsening.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum Trend {
    Improving,
    Steady,
    Worsening,
}

/// A closed period of one KPI.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClosedValue {
    /// Name of the closed period, such as 2026-05.
    pub name: String,
    /// Provisional until the period can no longer change, then Final.
    pub state: crate::api::verdict::PeriodState,
    /// Value after accepted relief, in the KPI's unit; left out without data.
    pub value: Option<String>,
    /// Value over all rows, before relief, in the same unit.
    pub raw_value: Option<String>,
    /// Target that was in force in the period, in the same unit.
    pub target: Option<String>,
    /// Count above the line of the division that makes `value`.
    pub numerator: Option<String>,
    /// The denominator of `value`: the volume.
    pub denominator: Option<String>,
    /// Verdict of the period, such as Met or Missed.
    pub verdict: Verdict,
    /// Severity of the miss, by the band that the value reached; left out where nothing was missed.
    #[schemars(extend("description" = "Severity of the miss, by the band that the value reached; left out where nothing was missed."))]
    pub severity: Option<Severity>,
    /// Rating of the value, from Good to Inadequate, as public clients publish it.
    #[schemars(extend("description" = "Rating of the value, from Good to Inadequate, as public clients publish it."))]
    pub rating: Option<Rating>,
    /// Whether the previous judged period was Missed too.
    pub repeat: bool,
    /// Service points that the miss cost; 0 without one.
    pub points: i64,
    /// Credit of this KPI in the contract's currency, before caps; left out without one.
    pub credit: Option<String>,
    /// The values of both sources; absent without `source.crossCheck`.
    #[schemars(extend("description" = "The values of both sources; absent without source.crossCheck."))]
    pub sources: Option<SourcesLine>,
    /// 1, and more after restatements.
    pub revision: i64,
}

/// The running period of one KPI.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct CurrentValue {
    /// Name of the running period, such as 2026-06.
    pub name: String,
    /// The value so far, after relief.
    pub value: Option<String>,
    /// The value so far, over all rows.
    pub raw_value: Option<String>,
    /// Target in force today, in the unit of the KPI.
    pub target: Option<String>,
    /// Count above the line of the division that makes `value`, so far.
    pub numerator: Option<String>,
    /// The denominator of `value`: the volume.
    pub denominator: Option<String>,
    /// Lower end of the confidence interval of `value`, in its unit.
    pub lower: Option<String>,
    /// Upper end of the confidence interval of `value`, in its unit.
    pub upper: Option<String>,
    /// The verdict as if the period ended at `asOf`.
    pub verdict: Verdict,
    /// The value at the period's end, if it goes on like this.
    pub projected: Option<String>,
    /// The value that the rest must have for the target to be met.
    pub needed: Option<String>,
    /// Whether the period is decided: Open, Secured (the target cannot be missed any more) or Unreachable.
    #[schemars(extend("description" = "Whether the period is decided, one of Open, Secured (whatever the rest brings, the target is met) or Unreachable."))]
    pub outlook: Option<Outlook>,
    /// Probability that the period ends Met, 0 to 1.
    pub probability: Option<String>,
    /// Misses that the target still allows in the period, such as 710.
    pub budget_remaining: Option<String>,
    /// The values of both sources so far; absent without `source.crossCheck`.
    #[schemars(extend("description" = "The values of both sources so far; absent without source.crossCheck."))]
    pub sources: Option<SourcesLine>,
    /// Each day of the period that has ended by `asOf`; where there are more than 31, each ISO week or month so far.
    #[schemars(extend("description" = "Each day of the period that has ended by asOf; where there are more than 31, each ISO week or month so far."))]
    #[serde(default, skip_serializing_if = "Packed::is_empty")]
    #[schemars(length(max = 31))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub days: Packed<DayValue>,
    /// The end of the latest row that has ended: up to where this speaks.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::instant")]
    pub as_of: Option<Timestamp>,
}

/// Whether the running period is decided: Open, Secured or Unreachable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum Outlook {
    Open,
    Secured,
    Unreachable,
}

/// One tier's part of a closed period.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct TierSlice {
    /// Name of the ServiceTier.
    pub tier: String,
    /// Name of the closed period, such as 2026-05.
    pub period: String,
    /// Value of the tier's rows, in the KPI's unit; left out without data.
    pub value: Option<String>,
    /// Target of the tier, in the same unit.
    pub target: Option<String>,
    /// Volume of the tier's rows, such as contacts.
    pub denominator: Option<String>,
    /// Verdict of the tier, such as Met or Missed.
    pub verdict: Verdict,
}

/// A closed period in the history.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct HistoryEntry {
    /// Name of the closed period, such as 2026-05.
    pub name: String,
    /// Value after relief, in the KPI's unit; left out without data.
    pub value: Option<String>,
    /// Verdict of the period, such as Met or Missed.
    pub verdict: Verdict,
    /// Severity of the miss, by the band that the value reached; left out where nothing was missed.
    #[schemars(extend("description" = "Severity of the miss, by the band that the value reached; left out where nothing was missed."))]
    pub severity: Option<Severity>,
    /// Service points that the miss cost; 0 without one.
    pub points: i64,
    /// Credit of this KPI in the contract's currency; left out without one.
    pub credit: Option<String>,
    /// 1, and more after restatements.
    pub revision: i64,
}
