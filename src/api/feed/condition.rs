//! Conditions on single values of an answer.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::api::scalar::Decimal;

/// A condition on one value: where it is, and what it must be. All members that are given must hold.
///
/// `equals`, `oneOf` and `noneOf` compare texts; `atMost`, `above`, `atLeast` and `below` compare numbers, and read a clock time such
/// as `00:00:20` as seconds. A value that is not there meets `absent` and `noneOf` alone.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// JSONPath of the value, in JSON.
    #[schemars(length(min = 1, max = 1024))]
    pub path: Option<String>,
    /// Name of the parent where `path` starts. Default: the row.
    #[serde(rename = "in")]
    #[schemars(length(min = 1, max = 63))]
    pub within: Option<String>,
    /// Column of the value, in a table.
    #[schemars(length(min = 1, max = 253))]
    pub column: Option<String>,
    /// With `to`: the value is the seconds from this time, a path in JSON or a column in a table, to that one.
    #[schemars(length(min = 1, max = 1024))]
    pub from: Option<String>,
    /// Where the time ends that begins at `from`, a path in JSON or a column in a table.
    #[schemars(length(min = 1, max = 1024))]
    pub to: Option<String>,
    /// The value is this text, such as inbound.
    #[schemars(length(max = 253))]
    pub equals: Option<String>,
    /// The value is one of these texts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), inner(length(max = 253)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub one_of: Vec<String>,
    /// The value is none of these texts, or not there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), inner(length(max = 253)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub none_of: Vec<String>,
    /// True: there is a value; an empty text and null are none.
    pub present: Option<bool>,
    /// True: there is no value.
    pub absent: Option<bool>,
    /// The value is a number that is at most this one.
    pub at_most: Option<Decimal>,
    /// The value is a number that is larger than this one.
    pub above: Option<Decimal>,
    /// The value is a number that is at least this one.
    pub at_least: Option<Decimal>,
    /// The value is a number that is smaller than this one.
    pub below: Option<Decimal>,
}

/// A condition on a whole answer. Without a comparison it holds where the path finds a value that is neither null nor empty.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AnswerCondition {
    /// JSONPath of the value in the answer, such as `$.errors`.
    #[schemars(length(min = 1, max = 1024))]
    #[x_kube(validation = crate::api::rules::JSON_PATH)]
    pub path: String,
    /// The value is this text, such as error.
    #[schemars(length(max = 253))]
    pub equals: Option<String>,
    /// The value is one of these texts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), inner(length(max = 253)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub one_of: Vec<String>,
    /// The value is none of these texts, or not there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), inner(length(max = 253)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub none_of: Vec<String>,
    /// True: there is a value; an empty text and null are none.
    pub present: Option<bool>,
    /// True: there is no value.
    pub absent: Option<bool>,
    /// The value is a number that is at most this one.
    pub at_most: Option<Decimal>,
    /// The value is a number that is larger than this one.
    pub above: Option<Decimal>,
    /// The value is a number that is at least this one.
    pub at_least: Option<Decimal>,
    /// The value is a number that is smaller than this one.
    pub below: Option<Decimal>,
}

impl AnswerCondition {
    /// The comparison, as rows have it; `None` where there is none.
    pub fn comparison(&self) -> Option<Condition> {
        let AnswerCondition { path: _, equals, one_of, none_of, present, absent, at_most, above, at_least, below } =
            self.clone();
        let comparison = Condition {
            equals,
            one_of,
            none_of,
            present,
            absent,
            at_most,
            above,
            at_least,
            below,
            ..Condition::default()
        };
        (comparison != Condition::default()).then_some(comparison)
    }
}

/// A sum's member: one value of a row.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Summand {
    /// JSONPath of the number, in JSON.
    #[schemars(length(min = 1, max = 1024))]
    pub path: Option<String>,
    /// Column of the number, in a table.
    #[schemars(length(min = 1, max = 253))]
    pub column: Option<String>,
    /// With `to`: the value is the seconds from this time, a path in JSON or a column in a table, to that one.
    #[schemars(length(min = 1, max = 1024))]
    pub from: Option<String>,
    /// Where the time ends that begins at `from`, a path in JSON or a column in a table.
    #[schemars(length(min = 1, max = 1024))]
    pub to: Option<String>,
    /// The unit in which the vendor writes it, as at a measure. Default: the measure's own.
    pub unit: Option<super::MeasureUnit>,
    /// Of which rows or records it is added: all conditions must hold, else it adds 0. Default: of all.
    #[serde(default, rename = "where", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub conditions: Vec<Condition>,
}
