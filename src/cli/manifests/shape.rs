//! Whether a document has the shape of its kind, in words of the API: unknown and missing fields, wrong types, unknown choices.
//!
//! The shape is the kind's own CustomResourceDefinition, so that a document is refused here where an API server refuses it.

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;

use super::tree::{Content, Field, Node};
use crate::api::scalar::shorten;
use crate::domain::terms::spelling::{did_you_mean, nearest};

/// At most this many faults of one document are shown; more would not be read.
const MOST: usize = 20;

/// A place that does not fit, and what to write there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Misfit {
    /// The line, from 1.
    pub line: usize,
    /// The place, such as `spec.feeds[0].url`.
    pub path: String,
    /// What is wrong and what to write.
    pub message: String,
}

/// The places of `node` that do not fit `schema`, the schema of the field `path`, in the order of the document; 20 at most.
pub(super) fn misfits(schema: &Value, path: &str, node: &Node) -> Vec<Misfit> {
    let mut found = Vec::new();
    check(schema, path, node, &mut found);
    found.truncate(MOST);
    found
}

fn check(schema: &Value, path: &str, node: &Node, found: &mut Vec<Misfit>) {
    if found.len() >= MOST {
        return;
    }
    match (&node.content, type_of(schema)) {
        (Content::Fields(fields), Type::Object) => check_fields(schema, path, node, fields, found),
        (Content::List(items), Type::Array) => {
            for (index, item) in items.iter().enumerate() {
                check(schema.get("items").unwrap_or(&Value::Null), &format!("{path}[{index}]"), item, found);
            }
        }
        (_, Type::Any) => {}
        (Content::Scalar(value), expected) if expected.takes(value) => {
            if let Some(message) = refusal(schema, value) {
                found.push(Misfit { line: node.line, path: path.to_owned(), message });
            }
        }
        (content, expected) => {
            let message = mistyped(content, expected, schema);
            found.push(Misfit { line: node.line, path: path.to_owned(), message });
        }
    }
}

fn check_fields(schema: &Value, path: &str, node: &Node, fields: &[Field], found: &mut Vec<Misfit>) {
    if let Some(inner) = schema.get("additionalProperties") {
        for field in fields {
            check(inner, &format!("{path}.{}", field.name), &field.value, found);
        }
        return;
    }
    let Some(known) = schema.get("properties").and_then(Value::as_object) else { return };
    for (index, field) in fields.iter().enumerate() {
        let inside = format!("{path}.{}", shorten(&field.name));
        let is_second = fields.iter().take(index).any(|other| other.name == field.name);
        match known.get(&field.name) {
            _ if is_second => found.push(Misfit {
                line: field.line,
                path: inside,
                message: "is written twice: keep one of them".to_owned(),
            }),
            Some(schema) => check(schema, &inside, &field.value, found),
            None => {
                let message = unknown(&field.name, known.keys().map(String::as_str));
                found.push(Misfit { line: field.line, path: inside, message });
            }
        }
    }
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    // A misspelt field is not missing as well.
    let is_there = |name: &str| {
        let mut names = fields.iter().map(|field| field.name.as_str());
        names.any(|written| written == name || nearest(written, [name]).is_some())
    };
    for name in required.filter(|name| !is_there(name)) {
        let message = format!("is missing{}", purpose(known.get(name).unwrap_or(&Value::Null)));
        found.push(Misfit { line: node.line, path: format!("{path}.{name}"), message });
    }
}

/// A field that the kind does not have.
fn unknown<'n>(name: &str, known: impl Iterator<Item = &'n str> + Clone) -> String {
    const SHOWN: usize = 24;
    let names: Vec<&str> = known.clone().collect();
    let meant = did_you_mean(name, known);
    let choice = if !meant.is_empty() || names.len() > SHOWN {
        String::new()
    } else {
        format!(", or write one of {}", names.join(", "))
    };
    format!("is not a field that exists{meant}: take it away{choice}")
}

/// What a schema's value is for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Object,
    Array,
    Text,
    Whole,
    Decimal,
    Boolean,
    Any,
}

impl Type {
    fn takes(self, value: &Value) -> bool {
        match self {
            Type::Text => value.is_string(),
            Type::Whole => value.is_i64() || value.is_u64(),
            Type::Decimal => value.is_i64() || value.is_u64() || value.is_string(),
            Type::Boolean => value.is_boolean(),
            Type::Any => true,
            Type::Object | Type::Array => false,
        }
    }
}

fn type_of(schema: &Value) -> Type {
    if schema.get("x-kubernetes-int-or-string").is_some() {
        return Type::Decimal;
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("object") => Type::Object,
        Some("array") => Type::Array,
        Some("string") => Type::Text,
        Some("integer") => Type::Whole,
        Some("boolean") => Type::Boolean,
        _ => Type::Any,
    }
}

/// A value of another type than the field's.
fn mistyped(content: &Content, expected: Type, schema: &Value) -> String {
    if let (Content::Scalar(Value::Number(number)), Type::Text | Type::Decimal) = (content, expected) {
        return format!("{number} needs quotes here: write \"{number}\"");
    }
    if let (Content::Scalar(Value::Bool(value)), Type::Text) = (content, expected) {
        return format!("{value} needs quotes here: write \"{value}\"");
    }
    let is = match content {
        Content::Scalar(Value::Null) => "is empty".to_owned(),
        Content::Scalar(Value::String(text)) => format!("{:?} is text", shorten(text)),
        Content::Scalar(value) => format!("{value} does not fit here"),
        Content::List(_) => "is a list".to_owned(),
        Content::Fields(_) => "holds fields".to_owned(),
    };
    let expected = match expected {
        Type::Object => object_words(schema),
        Type::Array if matches!(content, Content::Fields(_) | Content::Scalar(Value::String(_))) => {
            "write a list: begin each entry with -".to_owned()
        }
        Type::Array => "write a list, or take it away".to_owned(),
        Type::Text => match choices(schema) {
            Some(choices) => format!("write one of {choices}"),
            None => format!("write text{}", purpose(schema)),
        },
        Type::Whole => {
            let least = schema.get("minimum").and_then(Value::as_i64).unwrap_or(1).max(1);
            format!("write a whole number, such as {least}")
        }
        Type::Decimal => "write a number, such as 80 or \"79.5\"".to_owned(),
        Type::Boolean => "write true or false".to_owned(),
        Type::Any => "write a value".to_owned(),
    };
    format!("{is}: {expected}")
}

/// How a map is written: its first fields.
fn object_words(schema: &Value) -> String {
    let names = schema.get("properties").and_then(Value::as_object).map(|known| {
        let required: Vec<&str> =
            schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        let names: Vec<&str> =
            if required.is_empty() { known.keys().map(String::as_str).take(3).collect() } else { required };
        names.join(", ")
    });
    match names {
        Some(names) => format!("write fields below it, such as {names}"),
        None => "write names and values below it, such as queue: orders".to_owned(),
    }
}

/// Why a value of the right type is refused: an unknown choice, or a text that is not a date or time.
fn refusal(schema: &Value, value: &Value) -> Option<String> {
    let text = value.as_str()?;
    if let Some(choices) = choices(schema) {
        let names: Vec<&str> =
            schema.get("enum").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        return (!names.contains(&text)).then(|| {
            let meant = did_you_mean(text, names.iter().copied());
            format!("{:?} is not a choice here{meant}: write one of {choices}", shorten(text))
        });
    }
    match schema.get("format").and_then(Value::as_str) {
        Some("date") if text.len() != 10 || text.parse::<Date>().is_err() => {
            Some(format!("{:?} is not a day of the calendar: write year-month-day, such as 2026-01-31", shorten(text)))
        }
        Some("date-time") if text.parse::<Timestamp>().is_err() => Some(format!(
            "{:?} is not an instant: write a date, a time and its offset, such as 2026-01-31T08:00:00Z",
            shorten(text)
        )),
        _ => None,
    }
}

fn choices(schema: &Value) -> Option<String> {
    let names: Vec<&str> = schema.get("enum")?.as_array()?.iter().filter_map(Value::as_str).collect();
    Some(names.join(", "))
}

/// The first sentence of the field's description.
fn purpose(schema: &Value) -> String {
    let text = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    let sentence = text.split_once(". ").map_or(text, |(first, _)| first);
    let sentence = sentence.trim_end_matches('.');
    if sentence.is_empty() { String::new() } else { format!(": {sentence}") }
}
