//! Where an answer says what a report is called and which state it has: in its body, in a `Link` header, or by its status alone.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// Where the handle of a report is: written as a JSONPath, or as `{link: RELATION}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobHandle {
    /// JSONPath in the answer.
    Path(String),
    /// The relation of the `Link` header whose address it is.
    Link(String),
}

/// How the state of a report is known: written as a JSONPath, or as `{status: true}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobState {
    /// JSONPath of its state in the answer.
    Path(String),
    /// By the status of the answer: 202 for not yet, 200 for done.
    Status,
}

/// Anything is read, since no schema holds these fields to a shape: what is neither of both has an empty path, which validation refuses. An
/// object that cannot be read would keep its contract from being read at all.
fn path_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

impl<'de> Deserialize<'de> for JobHandle {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Ok(match value.get("link").and_then(Value::as_str) {
            Some(relation) => JobHandle::Link(relation.to_owned()),
            None => JobHandle::Path(path_of(&value)),
        })
    }
}

impl Serialize for JobHandle {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            JobHandle::Path(path) => serializer.serialize_str(path),
            JobHandle::Link(relation) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("link", relation)?;
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for JobState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Ok(match value.get("status").and_then(Value::as_bool) {
            Some(true) => JobState::Status,
            _ => JobState::Path(path_of(&value)),
        })
    }
}

impl Serialize for JobState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            JobState::Path(path) => serializer.serialize_str(path),
            JobState::Status => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("status", &true)?;
                map.end()
            }
        }
    }
}

/// A structural schema has no "text or object"; `domain::validation` says what is wrong with other values.
fn text_or_object() -> Schema {
    json_schema!({"x-kubernetes-preserve-unknown-fields": true})
}

impl JsonSchema for JobHandle {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "JobHandle".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        text_or_object()
    }
}

impl JsonSchema for JobState {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "JobState".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        text_or_object()
    }
}
