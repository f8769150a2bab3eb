//! Records: single calls, tickets or answers, that are counted into rows.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::{Condition, JsonTime, TableTime};
use crate::api::scalar::Duration;

/// Each item of `rows` is one record, such as a call. Records are counted into rows, one for each slot and set of labels; no record is
/// kept. Only slots that lie wholly inside the window that was asked for become rows.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct JsonRecords {
    /// Where the time is by which a record belongs to a slot: a path, or `{path, format, in}`. It must be the time by which the
    /// vendor's window goes, or one that never changes, such as when the record was created.
    pub at: JsonTime,
    /// How long a slot is. The feed's cadence, which is the default.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::technical_duration")]
    pub slot: Option<Duration>,
    /// JSONPath of what identifies a record: of several copies one counts. Default: each item is a record of its own.
    #[schemars(length(min = 1, max = 1024))]
    #[x_kube(validation = crate::api::rules::JSON_PATH)]
    pub id: Option<String>,
    /// JSONPath of the time or number by which the newest of several copies is known. Default: the last one in the answer.
    #[schemars(length(min = 1, max = 1024))]
    #[x_kube(validation = crate::api::rules::JSON_PATH)]
    pub newest: Option<String>,
}

/// Each line is one record, as in JSON.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct TableRecords {
    /// Where the time is by which a record belongs to a slot. It must be the time by which the vendor's window goes, or one that
    /// never changes.
    pub at: TableTime,
    /// How long a slot is. The feed's cadence, which is the default.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::technical_duration")]
    pub slot: Option<Duration>,
    /// Column of what identifies a record: of several copies one counts. Default: each line is a record of its own.
    #[schemars(length(min = 1, max = 253))]
    pub id: Option<String>,
    /// Column of the time or number by which the newest of several copies is known. Default: the last one in the answer.
    #[schemars(length(min = 1, max = 253))]
    pub newest: Option<String>,
}

/// How many records meet conditions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct Count {
    /// All conditions must hold. Default: every record counts.
    #[serde(default, rename = "where", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub conditions: Vec<Condition>,
}
