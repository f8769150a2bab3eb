//! A JSON document whose numbers keep the digits that the vendor wrote.
//!
//! JSONPath works on values whose fractions are binary; what a figure is comes from its text, found again by its place.

use std::cell::Cell;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::de::Read;
use serde_json::value::RawValue;
use serde_json::{Number, Value};

use super::error::{Detail, FailureKind, FetchError, presentable};
use crate::domain::terms::json_path::{JsonPath, Work};

/// How many values a document may hold: each takes several times the room of its text.
const MOST_VALUES: usize = 1_000_000;
/// How deep a document may be nested: each level is looked through once more.
const DEEPEST: usize = 32;

/// A document in which each key is there once.
#[derive(Debug)]
pub(crate) struct Document {
    /// The whole, for JSONPath.
    pub value: Value,
    /// By JSON Pointer, the text of every number that no 64-bit integer holds.
    texts: HashMap<String, String>,
}

impl Document {
    /// Reads a document.
    ///
    /// # Errors
    /// Of kind `Malformed`.
    pub(crate) fn read(body: &[u8]) -> Result<Self, FetchError> {
        if body.trim_ascii().is_empty() {
            return Err(malformed("the body is empty").with_detail(Detail::EmptyBody));
        }
        if Extent::of(body).values > MOST_VALUES {
            let message = format!("the answer holds more than {MOST_VALUES} values: serve less in one answer");
            return Err(FetchError::new(FailureKind::TooLarge, message));
        }
        let raw: &RawValue = serde_json::from_slice(body).map_err(|error| unreadable(body, &error))?;
        let mut reader = Reader { pointer: String::new(), depth: 0, texts: HashMap::new() };
        let value = reader.value(raw)?;
        Ok(Document { value, texts: reader.texts })
    }

    /// A tree that has no numbers, only texts.
    pub(crate) fn of(value: Value) -> Self {
        Document { value, texts: HashMap::new() }
    }

    /// The text of a number at a place, as it was written.
    pub(crate) fn number(&self, pointer: &str, number: &Number) -> String {
        self.texts.get(pointer).cloned().unwrap_or_else(|| number.to_string())
    }
}

/// How much a text can hold at most, found without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    /// Values: one more than its commas and opening brackets outside of strings.
    pub values: usize,
    /// Those of them that are objects.
    pub objects: usize,
}

impl Extent {
    pub(crate) fn of(body: &[u8]) -> Self {
        let (mut extent, mut quoted, mut escaped) = (Extent { values: 1, objects: 0 }, false, false);
        for byte in body {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                b',' | b'[' if !quoted => extent.values += 1,
                b'{' if !quoted => {
                    extent.values += 1;
                    extent.objects += 1;
                }
                _ => {}
            }
        }
        extent
    }
}

struct Reader {
    pointer: String,
    depth: usize,
    texts: HashMap<String, String>,
}

impl Reader {
    fn value(&mut self, raw: &RawValue) -> Result<Value, FetchError> {
        let text = raw.get();
        let failed = |error: serde_json::Error| malformed(without_place(&error));
        match text.as_bytes().first() {
            Some(b'{') => self.object(object(text).map_err(ObjectFault::of_the_body)?),
            Some(b'[') => self.array(&serde_json::from_str::<Vec<&RawValue>>(text).map_err(failed)?),
            Some(b'-' | b'0'..=b'9') => Ok(self.number(text)),
            _ => serde_json::from_str(text).map_err(failed),
        }
    }

    fn object(&mut self, fields: BTreeMap<String, &RawValue>) -> Result<Value, FetchError> {
        let mut object = serde_json::Map::new();
        for (name, field) in fields {
            let value = self.inside(&name.replace('~', "~0").replace('/', "~1"), field)?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }

    fn array(&mut self, items: &[&RawValue]) -> Result<Value, FetchError> {
        let items = items.iter().enumerate().map(|(index, item)| self.inside(&index.to_string(), item));
        Ok(Value::Array(items.collect::<Result<_, _>>()?))
    }

    fn inside(&mut self, step: &str, raw: &RawValue) -> Result<Value, FetchError> {
        if self.depth == DEEPEST {
            return Err(malformed(format!("the document is nested more than {DEEPEST} levels deep")));
        }
        let length = self.pointer.len();
        self.pointer.push('/');
        self.pointer.push_str(step);
        self.depth += 1;
        let value = self.value(raw);
        self.depth -= 1;
        self.pointer.truncate(length);
        value
    }

    fn number(&mut self, text: &str) -> Value {
        if let Ok(whole) = text.parse::<i64>() {
            return Value::Number(whole.into());
        }
        match text.parse().ok().and_then(Number::from_f64) {
            Some(number) => {
                self.texts.insert(self.pointer.clone(), text.to_owned());
                Value::Number(number)
            }
            // Beyond every machine's numbers: no mapping will take it for one.
            None => Value::String(text.to_owned()),
        }
    }
}

/// Reads a JSONPath of a spec.
///
/// # Errors
/// Of kind `Mapping`.
pub(crate) fn json_path(text: &str) -> Result<JsonPath, FetchError> {
    crate::domain::terms::json_path::parse(text).map_err(|error| {
        let message = format!("{:?} is not a JSONPath: {error}", presentable(text, 60));
        FetchError::new(FailureKind::Mapping, message)
    })
}

/// The first value that a path finds in an answer.
///
/// # Errors
/// `Mapping` where the path looks at too much of it.
pub(crate) fn first<'v>(path: &JsonPath, document: &'v Value) -> Result<Option<&'v Value>, FetchError> {
    let found = path.find(document, &Work::of_a_page(), 1).map_err(|fault| {
        FetchError::new(FailureKind::Mapping, format!("{fault}: name each step of the path, such as $.paging.next"))
    })?;
    Ok(found.first().map(|found| found.value))
}

/// Reads JSON in which each key is there once.
///
/// # Errors
/// Of kind `Malformed`.
pub(crate) fn strict_value(body: &[u8]) -> Result<Value, FetchError> {
    Document::read(body).map(|document| document.value)
}

/// Why a text is not an object in which each key is there once.
pub(crate) struct ObjectFault {
    /// What the reader says.
    pub error: serde_json::Error,
    /// Whether a key is there twice.
    pub is_twice: bool,
}

impl ObjectFault {
    /// The same as an error of the whole answer.
    fn of_the_body(self) -> FetchError {
        self.explained(malformed(without_place(&self.error)))
    }

    fn explained(&self, error: FetchError) -> FetchError {
        if self.is_twice { error.with_detail(Detail::DuplicateKey) } else { error }
    }
}

/// Reads an object in which each key is there once.
///
/// # Errors
/// Where it is not one, with whether a key is there twice.
pub(crate) fn object<'a, T: Deserialize<'a>>(text: &'a str) -> Result<BTreeMap<String, T>, ObjectFault> {
    read_object(serde_json::Deserializer::from_str(text))
}

/// [`object`] as the whole body of an answer.
///
/// # Errors
/// Of kind `Malformed`.
pub(crate) fn object_of<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<BTreeMap<String, T>, FetchError> {
    read_object(serde_json::Deserializer::from_slice(body))
        .map_err(|fault| fault.explained(unreadable(body, &fault.error)))
}

fn read_object<'a, T: Deserialize<'a>, R: Read<'a>>(
    mut deserializer: serde_json::Deserializer<R>,
) -> Result<BTreeMap<String, T>, ObjectFault> {
    let twice = Cell::new(false);
    let read = Unique { twice: &twice, value: PhantomData }.deserialize(&mut deserializer);
    let read = read.and_then(|object| deserializer.end().map(|()| object));
    read.map_err(|error| ObjectFault { error, is_twice: twice.get() })
}

/// Reads an object, and notes that a key is there twice, since the error alone says so only in words.
struct Unique<'c, T> {
    twice: &'c Cell<bool>,
    value: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for Unique<'_, T> {
    type Value = BTreeMap<String, T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Unique<'_, T> {
    type Value = BTreeMap<String, T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut map = BTreeMap::new();
        while let Some((key, value)) = access.next_entry::<String, T>()? {
            match map.entry(key) {
                Entry::Vacant(place) => drop(place.insert(value)),
                Entry::Occupied(first) => {
                    self.twice.set(true);
                    return Err(de::Error::custom(format!("key {:?} is there twice", presentable(first.key(), 40))));
                }
            }
        }
        Ok(map)
    }
}

pub(crate) fn malformed(message: impl AsRef<str>) -> FetchError {
    FetchError::new(FailureKind::Malformed, message)
}

/// What is said of a body that is not JSON of the expected shape.
pub(crate) fn unreadable(body: &[u8], error: &serde_json::Error) -> FetchError {
    let beginning = String::from_utf8_lossy(body.get(..body.len().min(40)).unwrap_or_default()).into_owned();
    if matches!(body.trim_ascii_start().first(), Some(b'{' | b'[')) {
        malformed(format!("the body cannot be read: {error}")).with_detail(Detail::Shape)
    } else {
        malformed(format!("the body is not a JSON object, it begins with {:?}", presentable(&beginning, 40)))
            .with_detail(Detail::NotJson)
    }
}

/// The message without line and column, which would be those of the row alone.
pub(crate) fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}

/// Fails where the media type says that the body is something else than JSON.
pub(crate) fn check_media_type(media_type: Option<&str>) -> Result<(), FetchError> {
    let may_be_json = |text: &str| {
        text.contains("json") || matches!(text, "" | "text/plain" | "application/octet-stream" | "binary/octet-stream")
    };
    match media_type {
        Some(text) if !may_be_json(text) => {
            let message = format!("the answer is {:?}, not application/json", presentable(text, 40));
            Err(malformed(message).with_detail(Detail::MediaType))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_of_more_values_than_there_is_room_for_is_refused_before_it_is_read() {
        for (text, values, objects) in [
            ("7", 1, 0),
            ("[1,2,3]", 4, 0),
            (r#"{"a,[":"\",[{","b":[]}"#, 4, 1),
            (r#"["\\",1]"#, 3, 0),
            (r#"[{},{"{":{}}]"#, 6, 3),
        ] {
            assert_eq!(Extent::of(text.as_bytes()), Extent { values, objects }, "{text}");
            Document::read(text.as_bytes()).unwrap();
        }
        let many = format!("[{}0]", "0,".repeat(MOST_VALUES));
        assert_eq!(Document::read(many.as_bytes()).unwrap_err().kind, FailureKind::TooLarge);
    }
}
