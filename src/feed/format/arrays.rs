//! A table in JSON: a list of lists, as databases and search engines answer.

use csv::StringRecord;
use serde_json::Value;

use super::mapping::{Mapping, ParsedPage, mapping_fault};
use super::table;
use crate::api::feed::TableFormat;
use crate::domain::terms::json_path::Work;
use crate::outbound::error::{FetchError, presentable};
use crate::outbound::json::{Document, check_media_type, json_path, malformed};

/// Reads one answer.
///
/// # Errors
/// `Malformed` when the body is not such JSON, `Mapping` when it lacks the list or the columns; then no row of it counts.
pub(super) fn parse(
    mapping: &Mapping<'_>,
    format: &TableFormat,
    body: &[u8],
    media_type: Option<&str>,
) -> Result<ParsedPage, FetchError> {
    check_media_type(media_type)?;
    let document = Document::read(body)?;
    let path = format.rows.as_deref().unwrap_or("$");
    let fault = |what: &str| mapping_fault(format!("format.arrays.rows: {:?} {what}", presentable(path, 80)));
    let found = json_path(path)?.find(&document.value, &Work::of_a_page(), 2);
    let found = found.map_err(|_| fault("looks at too much: name each step, such as $.data.rows"))?;
    let [list] = found.as_slice() else { return Err(fault("finds not exactly one list")) };
    let Value::Array(items) = list.value else { return Err(fault("finds something else than a list")) };
    let line = |(number, item): (usize, &Value)| match item {
        Value::Array(cells) => {
            let cell =
                |(place, cell): (usize, &Value)| text(&document, &format!("{}/{number}/{place}", list.pointer), cell);
            cells.iter().enumerate().map(cell).collect::<Result<StringRecord, FetchError>>()
        }
        _ => Err(malformed(format!("item {} of the list is not a list itself", number + 1))),
    };
    let lines = items.iter().enumerate().map(line).skip(table::lines_before_header(format));
    table::read(mapping, "arrays", format, lines)
}

/// What a cell says; null says nothing.
fn text(document: &Document, pointer: &str, cell: &Value) -> Result<String, FetchError> {
    match cell {
        Value::Null => Ok(String::new()),
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(document.number(pointer, number)),
        Value::Bool(flag) => Ok(flag.to_string()),
        Value::Array(_) | Value::Object(_) => Err(malformed("a cell of the list of lists is a list or an object")),
    }
}
