//! A time in a JSON document: its path, or its path with a format.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// Where a time is in a row: written as a path alone, or as `{path, format, in}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JsonTime {
    /// JSONPath of the time.
    pub path: String,
    /// strftime format. Default: RFC 3339, a local time, or seconds or milliseconds since 1970.
    pub format: Option<String>,
    /// Name of the parent that the path starts from. Default: the row.
    pub within: Option<String>,
}

impl Serialize for JsonTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.format.is_none() && self.within.is_none() {
            return serializer.serialize_str(&self.path);
        }
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("path", &self.path)?;
        for (name, value) in [("format", &self.format), ("in", &self.within)] {
            if let Some(value) = value {
                map.serialize_entry(name, value)?;
            }
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for JsonTime {
    /// Anything is taken, since no schema holds this field to a shape: what is neither a path nor such an object has an empty path,
    /// which validation refuses. An object that cannot be read would keep its contract from being read at all.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        Ok(match &value {
            Value::String(path) => JsonTime { path: path.clone(), ..JsonTime::default() },
            _ => JsonTime { path: text("path").unwrap_or_default(), format: text("format"), within: text("in") },
        })
    }
}

impl JsonSchema for JsonTime {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "JsonTime".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // A structural schema has no "text or object"; `domain::terms::validation` says what is wrong with other values.
        json_schema!({"x-kubernetes-preserve-unknown-fields": true})
    }
}
