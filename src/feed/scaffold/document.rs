//! Drafts from JSON.

use serde_json::Value;

use super::Scaffold;
use super::draft::{Draft, quoted};
use super::fields::Field;
use crate::outbound::error::{FailureKind, FetchError};
use crate::outbound::json::strict_value;

/// Items of the list that are looked at.
const MOST_ITEMS: usize = 200;
/// Levels of a row.
const DEEPEST: usize = 3;
/// Names of a list of name and value.
const MOST_NAMES: usize = 50;

pub(super) fn of_json(content: &[u8]) -> Result<Scaffold, FetchError> {
    let document = strict_value(content)?;
    let mut lists = Vec::new();
    gather(&document, "$", &mut lists);
    let Some((path, items)) =
        lists.into_iter().max_by_key(|(path, items)| (items.len(), std::cmp::Reverse(path.len())))
    else {
        let message =
            "the sample has no list of objects: write `rows` by hand, or `rows: $` where the whole answer is one row";
        return Err(FetchError::new(FailureKind::Mapping, message));
    };
    let mut fields: Vec<Field> = Vec::new();
    for item in items.into_iter().take(MOST_ITEMS) {
        note(item, "$", "", 0, &mut fields);
    }
    let fields = fields.into_iter().map(|field| {
        let role = field.role(false);
        (field, role)
    });
    Ok(Draft { kind: "json", options: vec![format!("rows: {}", quoted(&path))], fields: fields.collect() }.finish())
}

/// The lists of objects of a document, those at one path together.
fn gather<'v>(value: &'v Value, path: &str, lists: &mut Vec<(String, Vec<&'v Value>)>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, member)| gather(member, &step(path, name), lists));
        }
        Value::Array(items) if items.iter().all(Value::is_object) && !items.is_empty() && !is_named_values(items) => {
            let path = format!("{path}[*]");
            match lists.iter_mut().find(|(known, _)| *known == path) {
                Some((_, all)) => all.extend(items),
                None => lists.push((path.clone(), items.iter().collect())),
            }
            items.iter().for_each(|item| gather(item, &path, lists));
        }
        _ => {}
    }
}

/// A path one step further.
fn step(path: &str, name: &str) -> String {
    let is_plain = name.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_')
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    if is_plain {
        format!("{path}.{name}")
    } else {
        format!("{path}['{}']", name.replace('\\', "\\\\").replace('\'', "\\'"))
    }
}

/// Notes the values of an item, by their paths.
fn note(value: &Value, path: &str, name: &str, depth: usize, fields: &mut Vec<Field>) {
    let mut add = |path: &str, name: &str, text: String| match fields.iter_mut().find(|field| field.field == path) {
        Some(field) => field.values.push(text),
        None => fields.push(Field { field: path.to_owned(), name: name.to_owned(), values: vec![text] }),
    };
    match value {
        Value::Object(members) if depth < DEEPEST => {
            for (member, inner) in members {
                let whole = if name.is_empty() { member.clone() } else { format!("{name} {member}") };
                note(inner, &step(path, member), &whole, depth + 1, fields);
            }
        }
        Value::Array(items) if is_named_values(items) => {
            for (condition, value_path, named, number) in items.iter().take(MOST_NAMES).filter_map(named_value) {
                add(&format!("{path}[?@{condition}=='{named}']{value_path}"), &named.replace(['_', '-'], " "), number);
            }
        }
        Value::String(text) => add(path, name, text.trim().to_owned()),
        Value::Number(number) => add(path, name, number.to_string()),
        Value::Null => add(path, name, String::new()),
        _ => {}
    }
}

/// Whether a list holds names and values, such as `[{"name": "offered", "value": 97}]`.
fn is_named_values(items: &[Value]) -> bool {
    items.len() > 1 && items.iter().all(|item| named_value(item).is_some())
}

/// Of an object with one text and one number: where they stand, and what they are.
fn named_value(item: &Value) -> Option<(String, String, String, String)> {
    let (mut texts, mut numbers) = (Vec::new(), Vec::new());
    leaves(item, "", 0, &mut texts, &mut numbers);
    let ([(name_path, name)], [(value_path, value)]) = (texts.as_slice(), numbers.as_slice()) else { return None };
    let is_plain = name.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-. ".contains(letter));
    is_plain.then(|| (name_path.clone(), value_path.clone(), name.clone(), value.clone()))
}

type Leaves = Vec<(String, String)>;

fn leaves(value: &Value, path: &str, depth: usize, texts: &mut Leaves, numbers: &mut Leaves) {
    match value {
        Value::Object(members) if depth < DEEPEST => {
            members.iter().for_each(|(name, member)| leaves(member, &step(path, name), depth + 1, texts, numbers));
        }
        Value::String(text) => texts.push((path.to_owned(), text.clone())),
        Value::Number(number) => numbers.push((path.to_owned(), number.to_string())),
        _ => {}
    }
}
