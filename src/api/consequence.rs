//! What a miss costs and a good result earns by quantity: prices, the bonus, and tables of repeated misses.

use jiff::civil::Date;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::scalar::Decimal;

/// Money by quantity: what a miss costs for each step that the value is worse than `beyond`.
///
/// credit = steps × amount × the `times` of the repeats, at most `upTo`, then the ramp, rounded once.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Price {
    /// What one step costs, in charges.currency, such as "5000".
    #[schemars(schema_with = "super::scalar::non_negative")]
    pub amount: Decimal,
    /// How far one step reaches, in the unit of the value (with `count: Numerator` how many events), such as "0.5". Above 0. Default 1.
    #[serde(default = "one")]
    #[x_kube(validation = (
        "quantity(string(self)).isGreaterThan(quantity('0'))",
        "write a `per` above 0, such as 1 for each point or \"0.1\" for each tenth of one"
    ))]
    pub per: Decimal,
    /// From where the steps are counted, such as 79 with a target of 80: between the two a miss costs nothing. Default: the target in force.
    pub beyond: Option<Decimal>,
    /// Started (each step that has begun counts), Full (only whole ones) or Exact (parts of a step count in part). Default Started.
    #[serde(default)]
    pub steps: PriceSteps,
    /// The most that one period costs by this price, such as "50000". Default: no limit but the contract's caps. Needed with missingData.policy Miss.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::non_negative")]
    pub up_to: Option<Decimal>,
    /// Distance (how far the value is worse than `beyond`) or Numerator (the events in the numerator, such as abandoned calls). Default Distance.
    #[serde(default)]
    pub count: PriceCount,
    /// Changes of the amount, each from a day on. A period has the amount of its first day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["from".into()]))]
    pub schedule: Vec<PriceChange>,
}

fn one() -> Decimal {
    Decimal(rust_decimal::Decimal::ONE)
}

/// Which steps count: Started (each that has begun), Full (only whole ones) or Exact (parts of a step count in part).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum PriceSteps {
    #[default]
    Started,
    Full,
    Exact,
}

/// What a price counts: Distance (how far the value is worse than `beyond`) or Numerator (the events in the numerator of the value).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum PriceCount {
    #[default]
    Distance,
    Numerator,
}

/// A price from a day on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct PriceChange {
    /// First day of the new amount, such as 2026-07-01.
    #[schemars(schema_with = "super::scalar::date")]
    pub from: Date,
    /// What one step costs from that day on, in the contract's currency, such as 500.
    #[schemars(schema_with = "super::scalar::non_negative")]
    pub amount: Decimal,
}

/// What is paid for doing better: an amount, or a price for each step beyond `from`.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = super::rules::one_of(&["amount", "price"], " in bonus"))]
pub struct Bonus {
    /// The value that must be surpassed to earn anything, in the KPI's unit, such as 85.
    pub from: Decimal,
    /// What is paid for the period, such as "2500".
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::non_negative")]
    pub amount: Option<Decimal>,
    /// What is paid for each step that the value is better than `from`.
    pub price: Option<BonusPrice>,
}

/// Money by quantity: what is paid for each step that the value is better than `from`.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct BonusPrice {
    /// What is paid for one step, in charges.currency, such as "1000".
    #[schemars(schema_with = "super::scalar::non_negative")]
    pub amount: Decimal,
    /// How far one step reaches, in the unit of the value, such as "0.5". Above 0. Default 1.
    #[serde(default = "one")]
    #[x_kube(validation = (
        "quantity(string(self)).isGreaterThan(quantity('0'))",
        "write a `per` above 0, such as 1 for each point or \"0.1\" for each tenth of one"
    ))]
    pub per: Decimal,
    /// Started (each step that has begun counts), Full (only whole ones) or Exact (parts of a step count in part). Default Started.
    #[serde(default)]
    pub steps: PriceSteps,
    /// The most that one period earns, such as "10000". Default: no limit.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::non_negative")]
    pub up_to: Option<Decimal>,
}

/// The factors of points and credit from the n-th miss in a row on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct RepeatRow {
    /// The length of the run of misses from which on this row counts; 1 is the first miss.
    #[schemars(range(min = 1, max = 120))]
    pub misses: i64,
    /// By what points and credit are multiplied, such as 2 or "3.5"; 0 spares them.
    #[schemars(schema_with = "super::scalar::non_negative")]
    pub times: Decimal,
}
