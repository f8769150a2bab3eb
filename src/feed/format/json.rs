//! JSON of any shape, read by RFC 9535 JSONPath with bounded work.

use std::collections::BTreeMap;

use serde_json::Value;

use super::assembly::{FoundRow, assemble};
use super::document::Document;
use super::native::check_media_type;
use super::number::NumberFault;
use super::times::{WrittenTime, counted, written};
use super::units::{Notation, figure, is_absent};
use super::{Mapping, ParsedPage, mapping_fault, zone_of};
use crate::api::feed::{JsonFormat, LabelMapping, MeasureMapping, MeasureUnit};
use crate::domain::json_path::{self, Found, JsonPath, TooMuchWork, Work};
use crate::evidence::{RejectedRow, RejectionReason};
use crate::feed::error::{FetchError, presentable};

/// Reads one page.
///
/// # Errors
/// `Malformed` when the body is no JSON, `Mapping` when the paths find nothing in it or look at too much of it; then no row of
/// the page counts.
pub fn parse(
    mapping: &Mapping<'_>,
    format: &JsonFormat,
    body: &[u8],
    media_type: Option<&str>,
) -> Result<ParsedPage, FetchError> {
    check_media_type(media_type)?;
    let paths = Paths::of(format)?;
    let zone = zone_of(mapping, format.time_zone.as_deref())?;
    let document = Document::read(body)?;
    let work = Work::of_a_page();
    let rows = paths.rows.find(&document.value, &work, usize::MAX).map_err(|fault| too_much(format, fault))?;
    if rows.is_empty() {
        check_whole_is_there(format, &document, &work)?;
    }
    let reader = |row: &Found<'_>| {
        work.begin_row();
        let row = Row { document: &document, value: row.value, pointer: &row.pointer, work: &work };
        row.read(&paths).map_err(|reason| RejectedRow { reason, text: presentable(&row.value.to_string(), 500) })
    };
    let found: Vec<_> = rows.iter().map(reader).collect();
    // A row that is broken is kept aside; where no row at all has what the mapping asks for, the mapping is wrong.
    let is_unmapped = |row: &RejectedRow| row.reason == RejectionReason::Mapping;
    let has_time = |row: &Value| {
        work.begin_row();
        matches!(one(&paths.start, row, &work), Ok(Some(found)) if time(found.value).is_some())
    };
    let is_wrong =
        found.iter().all(|row| row.as_ref().is_err_and(is_unmapped)) || !rows.iter().any(|row| has_time(row.value));
    work.check().map_err(|fault| too_much(format, fault))?;
    if let (Some(first), true) = (rows.first(), is_wrong) {
        return Err(nothing_fits(format, first.value, &paths));
    }
    Ok(assemble(mapping, &zone, &format.measures, found))
}

fn too_much(format: &JsonFormat, fault: TooMuchWork) -> FetchError {
    let rows = presentable(&format.rows, 80);
    mapping_fault(format!(
        "format.json: {fault}; the rows are {rows:?}: name each step, such as $.data.rows[*], and no more than is needed"
    ))
}

/// The mapping's paths, parsed.
struct Paths<'f> {
    rows: JsonPath,
    start: JsonPath,
    end: Option<JsonPath>,
    labels: Vec<(&'f LabelMapping, Option<JsonPath>)>,
    measures: Vec<(&'f MeasureMapping, JsonPath)>,
}

impl<'f> Paths<'f> {
    fn of(format: &'f JsonFormat) -> Result<Self, FetchError> {
        let optional = |field: &str, path: Option<&String>| path.map(|path| path_of(field, path)).transpose();
        let labels = format
            .labels
            .iter()
            .map(|label| Ok((label, optional(&format!("labels[{}].path", label.name), label.path.as_ref())?)));
        let measures = format.measures.iter().map(|measure| {
            let field = format!("measures[{}].path", measure.name);
            Ok((measure, path_of(&field, measure.path.as_deref().unwrap_or_default())?))
        });
        Ok(Self {
            rows: path_of("rows", &format.rows)?,
            start: path_of("start", &format.start)?,
            end: optional("end", format.end.as_ref())?,
            labels: labels.collect::<Result<_, FetchError>>()?,
            measures: measures.collect::<Result<_, FetchError>>()?,
        })
    }
}

fn path_of(field: &str, text: &str) -> Result<JsonPath, FetchError> {
    json_path::parse(text).map_err(|error| {
        mapping_fault(format!("format.json.{field}: {:?} is no JSONPath: {error}", presentable(text, 80)))
    })
}

/// No row is an answer only if what would hold the rows is there.
fn check_whole_is_there(format: &JsonFormat, document: &Document, work: &Work) -> Result<(), FetchError> {
    let before_bracket = |(bracket, _)| format.rows.get(..bracket).unwrap_or_default();
    let wholes = format.rows.rmatch_indices('[').map(before_bracket);
    // A bracket may stand inside a filter: what is before it is no path then.
    let whole = wholes.filter_map(|whole| Some((whole, json_path::parse(whole).ok()?))).next();
    let Some((whole, path)) = whole else { return Err(finds_nothing(format, &format.rows, document)) };
    let found = path.find(&document.value, work, usize::MAX).map_err(|fault| too_much(format, fault))?;
    match found.iter().any(|found| found.value.is_array() || found.value.is_object()) {
        true => Ok(()),
        false => Err(finds_nothing(format, whole, document)),
    }
}

fn finds_nothing(format: &JsonFormat, path: &str, document: &Document) -> FetchError {
    let beginning = presentable(&document.value.to_string(), 120);
    let rows = presentable(&format.rows, 80);
    mapping_fault(format!(
        "format.json.rows is {rows:?}, but {:?} finds nothing in the answer, which begins {beginning}",
        presentable(path, 80)
    ))
}

/// Why no row at all can be used, told from the first.
fn nothing_fits(format: &JsonFormat, row: &Value, paths: &Paths<'_>) -> FetchError {
    let shown = presentable(&row.to_string(), 120);
    if row.is_array() {
        let rows = presentable(&format.rows, 80);
        return mapping_fault(format!("format.json.rows {rows:?} finds an array, not its rows: write \"{rows}[*]\""));
    }
    let start = presentable(&format.start, 80);
    match one(&paths.start, row, &Work::of_a_page()) {
        Ok(Some(found)) if time(found.value).is_none() => mapping_fault(format!(
            "format.json.start {start:?} finds {}, which is no time: RFC 3339, a local time such as 2026-01-05T09:00, \
             or seconds or milliseconds since 1970 are read",
            presentable(&found.value.to_string(), 60)
        )),
        Ok(Some(_)) => mapping_fault(format!("no row has a figure that can be read; the first is {shown}")),
        _ => {
            mapping_fault(format!("format.json.start {start:?} does not find one time in a row; the first is {shown}"))
        }
    }
}

/// One row of the document.
struct Row<'d> {
    document: &'d Document,
    value: &'d Value,
    pointer: &'d str,
    work: &'d Work,
}

impl Row<'_> {
    fn read(&self, paths: &Paths<'_>) -> Result<FoundRow, RejectionReason> {
        let start = self.one(&paths.start)?.ok_or(RejectionReason::Mapping)?.value;
        let end = match &paths.end {
            None => None,
            Some(path) => Some(self.one(path)?.ok_or(RejectionReason::Mapping)?.value),
        };
        Ok(FoundRow {
            start: time(start).ok_or(RejectionReason::Malformed)?,
            end: end.map(|end| time(end).ok_or(RejectionReason::Malformed)).transpose()?,
            labels: self.labels(paths)?,
            figures: self.figures(paths)?,
            text: self.value.to_string(),
        })
    }

    fn one(&self, path: &JsonPath) -> Result<Option<Found<'_>>, RejectionReason> {
        one(path, self.value, self.work)
    }

    fn labels(&self, paths: &Paths<'_>) -> Result<BTreeMap<String, String>, RejectionReason> {
        let mut labels = BTreeMap::new();
        for (label, path) in &paths.labels {
            let value = match path {
                None => label.value.clone(),
                Some(path) => match self.one(path)?.map(|found| found.value) {
                    None | Some(Value::Null) => None,
                    Some(Value::String(text)) => Some(text.trim().to_owned()),
                    Some(Value::Array(_) | Value::Object(_)) => return Err(RejectionReason::Mapping),
                    Some(scalar) => Some(scalar.to_string()),
                },
            };
            labels.extend(value.filter(|value| !value.is_empty()).map(|value| (label.name.clone(), value)));
        }
        Ok(labels)
    }

    fn figures(&self, paths: &Paths<'_>) -> Result<BTreeMap<String, rust_decimal::Decimal>, RejectionReason> {
        let mut figures = BTreeMap::new();
        for (measure, path) in &paths.measures {
            let Some(found) = self.one(path)? else { continue };
            let text = match found.value {
                Value::Null => continue,
                Value::String(text) if is_absent(text) => continue,
                Value::String(text) => text.clone(),
                Value::Number(number) => self.document.number(&format!("{}{}", self.pointer, found.pointer), number),
                _ => return Err(RejectionReason::Malformed),
            };
            let unit = measure.unit.unwrap_or(MeasureUnit::Count);
            let figure = figure(&text, unit, Notation::Plain).map_err(reason)?;
            figures.insert(measure.name.clone(), figure);
        }
        if figures.is_empty() { Err(RejectionReason::Mapping) } else { Ok(figures) }
    }
}

/// What of a number's fault is said of its row.
pub(super) fn reason(fault: NumberFault) -> RejectionReason {
    match fault {
        NumberFault::NotANumber => RejectionReason::Malformed,
        NumberFault::OutOfRange => RejectionReason::OutOfRange,
    }
}

/// The one value that a path finds; several are a fault of the mapping. A budget that is used up shows in `work`.
fn one<'d>(path: &JsonPath, row: &'d Value, work: &Work) -> Result<Option<Found<'d>>, RejectionReason> {
    let mut found = path.find(row, work, 2).map_err(|_| RejectionReason::Mapping)?;
    match found.len() {
        0 | 1 => Ok(found.pop()),
        _ => Err(RejectionReason::Mapping),
    }
}

fn time(value: &Value) -> Option<WrittenTime> {
    match value {
        Value::String(text) => written(text),
        Value::Number(number) => number.as_i64().and_then(counted),
        _ => None,
    }
}

/// Reads JSON in which no key stands twice.
///
/// # Errors
/// Of kind `Malformed`.
pub(crate) fn strict_value(body: &[u8]) -> Result<Value, FetchError> {
    Document::read(body).map(|document| document.value)
}

#[cfg(test)]
mod tests;
