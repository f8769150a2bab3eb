//! What is paid, what a miss costs, and what repeated failure sets in motion.

use jiff::civil::Date;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::consequence::RepeatRow;
use crate::api::scalar::{Decimal, Duration};
use crate::api::verdict::Severity;

/// What is paid per measurement period.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "!has(self.atRiskPercent) || !has(self.atRiskAmount)",
    "the amount at risk is given twice: write atRiskPercent or atRiskAmount"
))]
#[x_kube(validation = (
    "has(self.amount) || !has(self.atRiskPercent)",
    "atRiskPercent is a percentage of charges.amount: add `amount`, or write atRiskAmount instead"
))]
#[x_kube(validation = (
    "has(self.amount) || !has(self.schedule)",
    "charges.schedule changes charges.amount: add `amount`"
))]
pub struct Charges {
    /// Currency of all money of the contract, ISO 4217, such as GBP.
    #[schemars(length(min = 3, max = 3), regex(pattern = "^[A-Z]{3}$"))]
    pub currency: String,
    /// Charges of one measurement period, such as "100000.00". May be left out where nothing is a percentage of it.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::non_negative")]
    pub amount: Option<Decimal>,
    /// Percentage of the charges that is at risk: the credits of one period never exceed it. Default: no cap of the period.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::percent")]
    pub at_risk_percent: Option<Decimal>,
    /// The amount at risk in money, such as "50000", instead of atRiskPercent: the credits of one period never exceed it. Default: no cap of the period.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::non_negative")]
    pub at_risk_amount: Option<Decimal>,
    /// Changes of the amount, each from a day on. A period has the charges in force on its first day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["from".into()]))]
    pub schedule: Vec<ChargeChange>,
}

/// Charges from a day on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct ChargeChange {
    /// First day of the new amount, such as 2026-07-01.
    #[schemars(schema_with = "crate::api::scalar::date")]
    pub from: Date,
    /// Charges of one measurement period.
    #[schemars(schema_with = "crate::api::scalar::non_negative")]
    pub amount: Decimal,
}

/// How misses become money: caps, points, repeats, ramp and earn-back.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "!has(self.yearCapPercent) || !has(self.yearCapAmount)",
    "the cap of the year is given twice: write yearCapPercent or yearCapAmount"
))]
#[x_kube(validation = (
    "!has(self.repeats) || !has(self.points) || !has(self.points.repeatMultiplier)",
    "repeats are given twice: write credits.repeats or points.repeatMultiplier"
))]
pub struct Credits {
    /// How service points become money. Leave it out if the bands give percentages or amounts.
    pub points: Option<PointsToMoney>,
    /// Percentage of the contract year's charges that the credits of that year never exceed. Default: no cap of the year.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::percent")]
    pub year_cap_percent: Option<Decimal>,
    /// What the credits of a contract year never exceed, in money, such as "120000", instead of yearCapPercent. It is the same in a short last year. Default: no cap of the year.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::non_negative")]
    pub year_cap_amount: Option<Decimal>,
    /// By what points and credits of the n-th miss in a row are multiplied, such as [{misses: 1, times: 1}, {misses: 2, times: 2}]. The highest row not above n counts; below the first row a miss is spared. Instead of points.repeatMultiplier. Default: each miss counts once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 12))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["misses".into()]))]
    #[x_kube(validation = crate::api::rules::REPEATS)]
    pub repeats: Vec<RepeatRow>,
    /// Milder rules after `term.start`, in order; Full is what follows the last step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    #[x_kube(validation = (
        "[1, 2, 3, 4, 5, 6, 7, 8, 9].all(i, i >= self.size() || int(self[i - 1].until.replace('d', '').replace('w', '')) * (self[i - 1].until.endsWith('w') ? 7 : 1) < int(self[i].until.replace('d', '').replace('w', '')) * (self[i].until.endsWith('w') ? 7 : 1))",
        "write the steps of the ramp in order, each `until` later than the one before"
    ))]
    pub ramp: Vec<RampStep>,
    /// How a credit may be earned back by doing better. Default: not at all.
    pub earn_back: Option<EarnBack>,
}

/// How service points become money: one of.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = crate::api::rules::one_of(&["table", "perPointPercent"], ""))]
pub struct PointsToMoney {
    /// Rows of points and percentage of the charges; the highest row not above the period's points counts.
    #[schemars(length(min = 1, max = 50))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["points".into()]))]
    #[x_kube(validation = (
        "self.all(p, self.all(q, p.points >= q.points || quantity(string(p.percent)).isLessThan(quantity(string(q.percent)))))",
        "write a higher percent for more points"
    ))]
    pub table: Option<Vec<PointsRow>>,
    /// Percentage of the charges per point.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::non_negative")]
    pub per_point_percent: Option<Decimal>,
    /// By what the points of a KPI are multiplied when it fails in consecutive periods. Default 1.
    #[schemars(range(min = 1, max = 100))]
    pub repeat_multiplier: Option<i64>,
}

/// The credit from a number of points on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct PointsRow {
    /// Service points of the period, at least.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub points: i64,
    /// Percentage of the period's charges.
    #[schemars(schema_with = "crate::api::scalar::non_negative")]
    pub percent: Decimal,
}

/// A milder rule for some time after the contract's start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct RampStep {
    /// Until how long after `term.start`, exclusive, in civil days.
    #[schemars(schema_with = "ramp_duration")]
    pub until: Duration,
    /// None: measured, never punished. Half: half the credits. Full: all.
    pub credit: RampCredit,
}

fn ramp_duration(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": "string", "pattern": "^[0-9]{1,9}(d|w)$", "maxLength": 32})
}

/// How much of the credits is charged during a ramp step: None (measured, never punished), Half or Full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum RampCredit {
    None,
    Half,
    Full,
}

/// How a credit may be earned back.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct EarnBack {
    /// How many of the next judged periods must all reach the KPI's `stretch`.
    #[schemars(range(min = 1, max = 24))]
    pub within: i64,
    /// The gravest miss whose credit may be earned back. Default Minor.
    #[schemars(extend("description" = "The gravest miss whose credit may be earned back: Minor, Serious, Severe or Critical. Default Minor."))]
    pub max_severity: Option<Severity>,
}

/// What repeated or grave failure sets in motion.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct Trigger {
    /// Name of the trigger, such as three-in-six; plans and escalation refer to it.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// The condition: one of failures, points, severity, capReached.
    pub when: TriggerCondition,
    /// What follows: TerminationRight, RectificationPlan or Notify.
    pub then: TriggerConsequence,
}

/// When a trigger fires: one of.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = crate::api::rules::one_of(&["failures", "points", "severity", "capReached"], ""))]
pub struct TriggerCondition {
    /// A number of failures in the latest closed periods.
    pub failures: Option<FailuresCondition>,
    /// A number of service points in the latest closed periods.
    pub points: Option<PointsCondition>,
    /// A miss of this severity or graver.
    #[schemars(extend("description" = "A miss of this severity or graver: Minor, Serious, Severe or Critical."))]
    pub severity: Option<Severity>,
    /// Credits were cut at the cap of the Period or of the Year.
    #[schemars(extend("description" = "Credits were cut at the cap of the Period (charges.atRiskPercent or atRiskAmount) or of the contract Year (credits.yearCapPercent or yearCapAmount)."))]
    pub cap_reached: Option<CapKind>,
}

/// A number of failures in the latest closed periods.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "!has(self.sameKpi) || !self.sameKpi || self.atLeast <= self.outOf",
    "one KPI cannot fail more often than there are periods: write an `atLeast` that is not above `outOf`"
))]
pub struct FailuresCondition {
    /// How many failures set it off, such as 3.
    #[schemars(range(min = 1, max = 1000))]
    pub at_least: i64,
    /// Out of how many of the latest closed periods.
    #[schemars(range(min = 1, max = 120))]
    pub out_of: i64,
    /// True: failures of one KPI by itself. False: summed over the KPIs. Default false.
    pub same_kpi: Option<bool>,
}

/// A number of service points in the latest closed periods.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PointsCondition {
    /// How many points set it off, such as 12.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub at_least: i64,
    /// Over how many of the latest closed periods.
    #[schemars(range(min = 1, max = 120))]
    pub periods: i64,
}

/// A cap of the credits: of the Period or of the contract Year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum CapKind {
    Period,
    Year,
}

/// What a trigger sets in motion: TerminationRight (active until removed from the spec), RectificationPlan (a plan becomes due) or Notify.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum TriggerConsequence {
    TerminationRight,
    RectificationPlan,
    Notify,
}
