//! A document as it was written: its values, and the line of each.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_saphyr::{DuplicateKeyPolicy, Error, MessageFormatter, Spanned, UserMessageFormatter};

/// A value and the line of its text on which it begins, from 1.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    /// The line, from 1.
    pub line: usize,
    /// The value.
    pub content: Content,
}

/// What a [`Node`] holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Content {
    /// Null, a text, a number, true or false.
    Scalar(Value),
    /// A list.
    List(Vec<Node>),
    /// Fields in the order in which they were written; a name may occur twice.
    Fields(Vec<Field>),
}

/// One field of a map.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Field {
    /// The line of the name, from 1.
    pub line: usize,
    /// The name.
    pub name: String,
    /// The value.
    pub value: Node,
}

impl Node {
    /// Reads one document of YAML or JSON.
    ///
    /// # Errors
    /// When it is neither: the line, from 1, and what is wrong, without a place in it.
    pub(super) fn read(text: &str) -> Result<Node, (usize, String)> {
        let options = serde_saphyr::options! { duplicate_keys: DuplicateKeyPolicy::PassThrough };
        serde_saphyr::from_str_with_options::<Node>(text, options).map_err(|error| words_of(&error))
    }

    /// The field of that name.
    pub(super) fn field(&self, name: &str) -> Option<&Node> {
        self.fields().iter().find(|field| field.name == name).map(|field| &field.value)
    }

    /// The fields, none where this is not a map.
    pub(super) fn fields(&self) -> &[Field] {
        match &self.content {
            Content::Fields(fields) => fields,
            _ => &[],
        }
    }

    /// The text, where it is one.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// The same without lines. Of two fields of one name the last one counts.
    pub(super) fn value(&self) -> Value {
        match &self.content {
            Content::Scalar(value) => value.clone(),
            Content::List(items) => Value::Array(items.iter().map(Node::value).collect()),
            Content::Fields(fields) => {
                Value::Object(fields.iter().map(|field| (field.name.clone(), field.value.value())).collect())
            }
        }
    }

    /// The line of the place that a path such as `spec.feeds[0].url` names, or of the nearest place above it.
    pub(super) fn line_of<'p>(&self, path: impl IntoIterator<Item = &'p str>) -> usize {
        let mut node = self;
        let mut line = self.line;
        for step in path {
            let next = match &node.content {
                Content::Fields(fields) => fields.iter().find(|field| field.name == step).map(|field| {
                    line = field.line;
                    &field.value
                }),
                Content::List(items) => step.parse().ok().and_then(|index: usize| items.get(index)).inspect(|item| {
                    line = item.line;
                }),
                Content::Scalar(_) => None,
            };
            let Some(next) = next else { break };
            node = next;
        }
        line
    }
}

/// The line of an error of the reader, and its words without a place in them.
fn words_of(error: &Error) -> (usize, String) {
    let line = error.location().map_or(1, |location| usize::try_from(location.line()).unwrap_or(1));
    let words = UserMessageFormatter.format_message(error.without_snippet()).into_owned();
    (line.max(1), words)
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Content>::deserialize(deserializer)?;
        let line = usize::try_from(spanned.referenced.line()).unwrap_or(1);
        Ok(Node { line: line.max(1), content: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Content, E> {
        Ok(Content::Scalar(Value::Null))
    }

    fn visit_none<E: de::Error>(self) -> Result<Content, E> {
        self.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Content, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Content, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Content::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Content, A::Error> {
        let mut fields = Vec::new();
        while let Some((name, value)) = access.next_entry::<Spanned<String>, Node>()? {
            let line = usize::try_from(name.referenced.line()).unwrap_or(1);
            fields.push(Field { line: line.max(1), name: name.value, value });
        }
        Ok(Content::Fields(fields))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TEXT: &str = "# a contract\nspec:\n  term:\n    start: 2026-01-01\n  tiers: [gold, 1]\n  feeds:\n    - name: acd\n      url: x\n    - name: b\n  on: true\n";

    #[test]
    fn a_document_keeps_its_values_and_their_lines() {
        let node = Node::read(TEXT).unwrap();
        assert_eq!(
            node.value(),
            json!({"spec": {"term": {"start": "2026-01-01"}, "tiers": ["gold", 1],
                "feeds": [{"name": "acd", "url": "x"}, {"name": "b"}], "on": true}})
        );
        for (path, line) in [
            (&["spec"][..], 2),
            (&["spec", "term", "start"], 4),
            (&["spec", "tiers", "1"], 5),
            (&["spec", "feeds", "0", "url"], 8),
            (&["spec", "feeds", "1", "name"], 9),
            (&["spec", "feeds", "1", "format", "json"], 9),
        ] {
            assert_eq!(node.line_of(path.iter().copied()), line, "{path:?}");
        }
    }

    #[test]
    fn json_is_read_as_well() {
        let node = Node::read("{\"spec\":\n {\"rank\": 1.5, \"none\": null}}").unwrap();
        assert_eq!(node.value(), json!({"spec": {"rank": 1.5, "none": null}}));
        assert_eq!(node.line_of(["spec", "rank"]), 2);
    }

    #[test]
    fn text_that_is_not_yaml_is_refused_with_one_line_number() {
        for (text, line) in [("a: b: c\n", 1), ("a: 1\nb: [1\n", 2), ("a: {b\n", 1)] {
            let (found, words) = Node::read(text).unwrap_err();
            assert!(found >= line && !words.contains(" line ") && !words.is_empty(), "{text:?}: {found}: {words}");
        }
    }

    #[test]
    fn a_field_that_is_written_twice_is_kept_twice() {
        let node = Node::read("a: 1\na: 2\n").unwrap();
        assert_eq!(node.fields().iter().map(|field| field.line).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(node.value(), json!({"a": 2}));
    }
}
