//! What a value is made of: the days of its period, and the parts of its rows by their labels.

use std::collections::BTreeMap;

use jiff::civil::Date;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::kpi_target::Verdict;
use super::packed::Line;

/// A day of a period; of a longer one a week or a month.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct DayValue {
    /// The day in the contract's zone; of a week or a month its first day in the window that was judged.
    #[schemars(schema_with = "super::scalar::date")]
    pub date: Date,
    /// Value of the rows that start on it, after relief; left out without data.
    #[schemars(length(max = 64))]
    pub value: Option<String>,
    /// The denominator of `value`: the volume.
    #[schemars(length(max = 64))]
    pub denominator: Option<String>,
    /// The value against the target of the period: Met or Missed; Excused where relief left no row, NoData without data.
    #[schemars(extend("description" = "The value against the target of the period: Met or Missed; Excused where relief left no row, NoData without data."))]
    pub verdict: Verdict,
}

/// The rows with one value of a label.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct PartValue {
    /// The label and its value, such as {site: cebu}.
    #[schemars(schema_with = "super::scalar::labels")]
    pub label: BTreeMap<String, String>,
    /// Value of these rows, after relief; left out without data.
    #[schemars(length(max = 64))]
    pub value: Option<String>,
    /// The denominator of `value`: the volume.
    #[schemars(length(max = 64))]
    pub denominator: Option<String>,
    /// By how much the part lifts or lowers the value against the periods before; left out without such periods, and for levels.
    #[schemars(length(max = 64))]
    pub effect: Option<String>,
}

impl Line for DayValue {
    type Row = (Date, Option<String>, Option<String>, Verdict);

    fn into_row(self) -> Self::Row {
        (self.date, self.value, self.denominator, self.verdict)
    }

    fn of_row((date, value, denominator, verdict): Self::Row) -> Self {
        DayValue { date, value, denominator, verdict }
    }
}

impl Line for PartValue {
    type Row = (BTreeMap<String, String>, Option<String>, Option<String>, Option<String>);

    fn into_row(self) -> Self::Row {
        (self.label, self.value, self.denominator, self.effect)
    }

    fn of_row((label, value, denominator, effect): Self::Row) -> Self {
        PartValue { label, value, denominator, effect }
    }
}
