//! XML as the same tree as JSON: elements by their local names, attributes as `@name`, an element with nothing but text as that text,
//! elements that repeat as a list. No document type, so no entity but the five of XML itself.

use std::collections::BTreeSet;

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use serde_json::{Map, Value};

use super::error::{FetchError, presentable};
use super::json::{malformed, strict_value};
use crate::api::feed::JsonFormat;

/// How deep elements may be nested.
const DEEPEST: usize = 32;
/// Elements and attributes of one answer.
const MOST_NODES: usize = 1_000_000;
/// The text of an element that has attributes or elements, too.
const TEXT: &str = "#text";

/// The elements that are lists also where they stand once: those that a path follows with `[*]`.
pub(crate) fn lists(format: &JsonFormat) -> BTreeSet<String> {
    let paths = format.parents.iter().map(|parent| parent.path.as_str()).chain([format.rows.as_str()]);
    paths.flat_map(names_before_star).collect()
}

/// Reads an answer of which single values are looked up: XML where it begins as such, JSON otherwise.
///
/// # Errors
/// As [`tree`], or `Malformed` where it is not JSON either.
pub(crate) fn answer(body: &[u8], paths: &[&str]) -> Result<Value, FetchError> {
    let text = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    if text.trim_ascii_start().first() == Some(&b'<') {
        return tree(body, &paths.iter().flat_map(|path| names_before_star(path)).collect());
    }
    strict_value(body)
}

fn names_before_star(path: &str) -> Vec<String> {
    let before = path.match_indices("[*]").filter_map(|(place, _)| path.get(..place));
    let name = |before: &str| {
        let quoted = before.strip_suffix("']").or_else(|| before.strip_suffix("\"]"));
        match quoted {
            Some(inside) => inside.rsplit(['\'', '"']).next().map(str::to_owned),
            None => before.rsplit('.').next().map(str::to_owned),
        }
    };
    before.filter_map(name).filter(|name| !name.is_empty() && name != "$").collect()
}

/// An element that is being read.
struct Open {
    name: String,
    members: Map<String, Value>,
    text: String,
}

/// Reads a document; the elements of `lists` are lists also where they stand once.
///
/// # Errors
/// `Malformed` where it is not XML, has a document type, or is nested too deep.
pub(crate) fn tree(body: &[u8], lists: &BTreeSet<String>) -> Result<Value, FetchError> {
    let text = std::str::from_utf8(body).map_err(|_| malformed("the body is not XML in UTF-8"))?;
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
    let (mut open, mut root, mut nodes) = (Vec::<Open>::new(), Map::new(), 0_usize);
    loop {
        let event = reader.read_event().map_err(|error| unreadable(&error.to_string()))?;
        let mut ended = None;
        match event {
            Event::Start(start) => open.push(opened(&start, &mut nodes, open.len())?),
            Event::Empty(start) => ended = Some(opened(&start, &mut nodes, open.len())?),
            Event::End(_) => ended = open.pop(),
            Event::Text(part) => add_text(&mut open, &part.xml10_content())?,
            Event::CData(part) => add_text(&mut open, &part.xml10_content())?,
            Event::GeneralRef(entity) => {
                let known = character(&entity).ok_or_else(|| {
                    malformed(format!("the XML names the entity {:?}, which it may not", presentable(&entity, 40)))
                })?;
                add_text(&mut open, &known.to_string())?;
            }
            Event::DocType(_) => return Err(malformed("the XML has a document type, which is not read")),
            Event::Eof => break,
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
        }
        let Some(Open { name, members, text }) = ended else { continue };
        let members_of = open.last_mut().map_or(&mut root, |parent| &mut parent.members);
        add(members_of, &name, finished(members, &text), lists);
    }
    if !open.is_empty() || root.is_empty() {
        return Err(malformed("the body is not a whole XML document"));
    }
    Ok(Value::Object(root))
}

fn unreadable(error: &str) -> FetchError {
    malformed(format!("the body is not XML that can be read: {error}"))
}

/// One of the five entities of XML, or a character by its number.
fn character(name: &str) -> Option<char> {
    let numbered = |digits: &str, radix| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => match name.strip_prefix('#')? {
            digits if digits.starts_with('x') => numbered(digits.get(1..)?, 16),
            digits => numbered(digits, 10),
        },
    }
}

fn opened(start: &BytesStart<'_>, nodes: &mut usize, depth: usize) -> Result<Open, FetchError> {
    let mut members = Map::new();
    let name = start.local_name().as_ref().to_owned();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| unreadable(&error.to_string()))?;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0);
        let value = value.map_err(|error| unreadable(&error.to_string()))?.into_owned();
        members.insert(format!("@{}", attribute.key.local_name().as_ref()), Value::String(value));
    }
    *nodes += 1 + members.len();
    if *nodes > MOST_NODES || depth >= DEEPEST {
        return Err(malformed(format!(
            "the XML has more than {MOST_NODES} elements and attributes, or more than {DEEPEST} levels"
        )));
    }
    Ok(Open { name, members, text: String::new() })
}

/// Text belongs to the element that it is in; outside of all of them there may only be spaces.
fn add_text(open: &mut [Open], part: &str) -> Result<(), FetchError> {
    match open.last_mut() {
        Some(element) => element.text.push_str(part),
        None if part.trim().is_empty() => {}
        None => return Err(malformed("the body is not XML: there is text outside of every element")),
    }
    Ok(())
}

fn finished(mut members: Map<String, Value>, text: &str) -> Value {
    let text = text.trim();
    if members.is_empty() {
        // An element without anything says nothing.
        return if text.is_empty() { Value::Null } else { Value::String(text.to_owned()) };
    }
    if !text.is_empty() {
        members.insert(TEXT.to_owned(), Value::String(text.to_owned()));
    }
    Value::Object(members)
}

fn add(members: &mut Map<String, Value>, name: &str, value: Value, lists: &BTreeSet<String>) {
    match members.get_mut(name) {
        Some(Value::Array(items)) => items.push(value),
        Some(first) => {
            let before = first.take();
            *first = Value::Array(vec![before, value]);
        }
        None => {
            let value = if lists.contains(name) { Value::Array(vec![value]) } else { value };
            members.insert(name.to_owned(), value);
        }
    }
}

#[cfg(test)]
mod tests;
