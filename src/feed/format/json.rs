//! JSON of any shape, read by RFC 9535 JSONPath with bounded work.

mod paths;
mod row;

use super::assembly::assemble;
use super::fields::Test;
use super::mapping::{Mapping, ParsedPage, mapping_fault, zone_of};
use crate::api::feed::JsonFormat;
use crate::domain::terms::json_path;
use crate::domain::terms::json_path::{TooMuchWork, Work};
use crate::evidence::{RejectedRow, RejectionReason};
use crate::outbound::error::{FetchError, presentable};
use crate::outbound::json::{Document, check_media_type};
use crate::outbound::xml;
use paths::{Paths, Times};
use row::Row;

/// Reads one page.
///
/// # Errors
/// `Malformed` when the body is not JSON, `Mapping` when the paths find nothing in it or look at too much of it; then no row of
/// the page counts.
pub fn parse(
    mapping: &Mapping<'_>,
    format: &JsonFormat,
    body: &[u8],
    media_type: Option<&str>,
) -> Result<ParsedPage, FetchError> {
    check_media_type(media_type)?;
    parse_document(mapping, format, &Document::read(body)?)
}

/// Reads one page of XML, as the same tree.
///
/// # Errors
/// As [`parse`].
pub(super) fn parse_xml(mapping: &Mapping<'_>, format: &JsonFormat, body: &[u8]) -> Result<ParsedPage, FetchError> {
    let tree = xml::tree(body, &xml::lists(format))?;
    parse_document(mapping, format, &Document::of(tree))
}

fn parse_document(mapping: &Mapping<'_>, format: &JsonFormat, document: &Document) -> Result<ParsedPage, FetchError> {
    let paths = Paths::of(format)?;
    let zone = zone_of(mapping, format.time_zone.as_deref())?;
    let work = Work::of_a_page();
    let too_much = |fault| too_much(format, fault);
    let rows = row::rows(document, &paths, &work, &zone).map_err(too_much)?;
    if rows.is_empty() {
        check_whole_is_there(format, document, &work)?;
    }
    let count = counted(format, document, &paths, rows.len())?;
    check_conditions_find(format, &paths, &rows)?;
    if let Times::Record { .. } = paths.times {
        return records(format, &rows, &paths, &work, count);
    }
    let (mut found, mut counting) = (Vec::new(), Vec::new());
    for row in &rows {
        work.begin_row();
        let rejected = |reason| RejectedRow { reason, text: presentable(&row.text(&paths), 500) };
        match row.counts(&paths) {
            Ok(false) => continue,
            Ok(true) => found.push(row.read(&paths, mapping.window).map_err(rejected)),
            Err(reason) => found.push(Err(rejected(reason))),
        }
        counting.push(row);
    }
    // A row that is broken is kept aside; where no row at all has what the mapping asks for, the mapping is wrong.
    let is_unmapped = |row: &RejectedRow| row.reason == RejectionReason::Mapping;
    let has_time = |row: &Row<'_>| row.start(&paths, mapping.window).is_ok();
    let has_figure = |row: &Row<'_>| row.has_figure(&paths);
    let any = |has: &dyn Fn(&Row<'_>) -> bool| {
        counting.iter().any(|row| {
            work.begin_row();
            has(row)
        })
    };
    let is_wrong = found.iter().all(|row| row.as_ref().is_err_and(is_unmapped)) || !any(&has_time) || !any(&has_figure);
    work.check().map_err(too_much)?;
    if let (Some(first), true) = (counting.first(), is_wrong) {
        return Err(nothing_fits(format, first, &paths, mapping));
    }
    let mut page = assemble(mapping, &zone, &format.measures, found);
    page.count = count;
    Ok(page)
}

/// The records of a page, which become rows over all pages.
fn records(
    format: &JsonFormat,
    rows: &[Row<'_>],
    paths: &Paths<'_>,
    work: &Work,
    count: usize,
) -> Result<ParsedPage, FetchError> {
    let mut records = Vec::new();
    let mut has_time = rows.is_empty();
    for (place, row) in rows.iter().enumerate() {
        work.begin_row();
        has_time |= row.start(paths, None).is_ok();
        records.extend(row.record(paths, place + 1));
    }
    work.check().map_err(|fault| too_much(format, fault))?;
    if !has_time {
        let (at, first) = (format.records.as_ref().map(|records| records.at.path.as_str()), rows.first());
        return Err(mapping_fault(format!(
            "format.json.records.at {:?} finds a time in no record; the first is {}",
            presentable(at.unwrap_or_default(), 80),
            first.map(|row| presentable(&row.text(paths), 120)).unwrap_or_default()
        )));
    }
    Ok(ParsedPage { records, count, ..ParsedPage::default() })
}

fn too_much(format: &JsonFormat, fault: TooMuchWork) -> FetchError {
    let rows = presentable(&format.rows, 80);
    mapping_fault(format!(
        "format.json: {fault}; the rows are {rows:?}: name each step, such as $.data.rows[*], and no more than is needed"
    ))
}

/// How many rows a page has, also those that a filter in `rows` leaves out: they count for the end of the pages.
fn counted(format: &JsonFormat, document: &Document, paths: &Paths<'_>, found: usize) -> Result<usize, FetchError> {
    match paths::without_filters(&format.rows) {
        Some(all) => {
            let all = paths::path_of("rows", &all)?;
            let rows =
                row::items(document, paths, &all, &Work::of_a_page()).map_err(|fault| too_much(format, fault))?.len();
            Ok(rows.max(found))
        }
        None => Ok(found),
    }
}

/// A condition on a member that no row has would leave all of them out, silently.
fn check_conditions_find(format: &JsonFormat, paths: &Paths<'_>, rows: &[Row<'_>]) -> Result<(), FetchError> {
    for Test { condition, value } in &paths.conditions {
        let may_find_nothing =
            condition.absent.is_some() || condition.present.is_some() || !condition.none_of.is_empty();
        if rows.is_empty()
            || may_find_nothing
            || rows.iter().any(|row| value.places().into_iter().any(|place| row.finds(place)))
        {
            continue;
        }
        let path = presentable(condition.path.as_deref().unwrap_or_default(), 80);
        let shown = rows.first().map(|row| presentable(&row.text(paths), 120)).unwrap_or_default();
        return Err(mapping_fault(format!(
            "format.json.where: {path:?} finds nothing in any row of {:?}; the first is {shown}",
            presentable(&format.rows, 60)
        )));
    }
    Ok(())
}

/// No row is an answer only if what would hold the rows is there.
fn check_whole_is_there(format: &JsonFormat, document: &Document, work: &Work) -> Result<(), FetchError> {
    // With parents, the outermost level is what must be there: each parent may have no rows.
    let outermost = format.parents.first().map_or(&format.rows, |parent| &parent.path);
    let before_bracket = |(bracket, _)| outermost.get(..bracket).unwrap_or_default();
    let wholes = outermost.rmatch_indices('[').map(before_bracket);
    // A bracket may be inside a filter: what is before it is not a path then.
    let whole = wholes.filter_map(|whole| Some((whole, json_path::parse(whole).ok()?))).next();
    let Some((whole, path)) = whole else { return Err(finds_nothing(outermost, outermost, document)) };
    let found = path.find(&document.value, work, usize::MAX).map_err(|fault| too_much(format, fault))?;
    match found.iter().any(|found| found.value.is_array() || found.value.is_object()) {
        true => Ok(()),
        false => Err(finds_nothing(outermost, whole, document)),
    }
}

fn finds_nothing(rows: &str, path: &str, document: &Document) -> FetchError {
    let beginning = presentable(&document.value.to_string(), 120);
    let rows = presentable(rows, 80);
    mapping_fault(format!(
        "format.json.rows is {rows:?}, but {:?} finds nothing in the answer, which begins {beginning}",
        presentable(path, 80)
    ))
}

/// Why no row at all can be used, by the first.
fn nothing_fits(format: &JsonFormat, row: &Row<'_>, paths: &Paths<'_>, mapping: &Mapping<'_>) -> FetchError {
    let shown = presentable(&row.text(paths), 120);
    if row.value.is_array() && matches!(paths.times, Times::Start { .. }) {
        let rows = presentable(&format.rows, 80);
        return mapping_fault(format!("format.json.rows {rows:?} finds an array, not its rows: write \"{rows}[*]\""));
    }
    let (field, written) = match (&format.start, &format.interval) {
        (Some(start), _) => ("start", presentable(&start.path, 80)),
        (None, Some(interval)) => ("interval", presentable(interval, 80)),
        (None, None) => ("time", String::new()),
    };
    match row.written_start(paths) {
        Ok(None) if mapping.window.is_none() && format.time.is_some() => mapping_fault(
            "format.json.time is Window: the rows have no time of their own, so the window of the request must be known",
        ),
        Ok(Some(value)) if row.start(paths, mapping.window).is_err() => {
            let expected = match format.start.as_ref().and_then(|start| start.format.as_deref()) {
                Some(format) => format!("by the format {:?} none can be read", presentable(format, 40)),
                None if field == "interval" => {
                    "two times with a slash between them, such as 2026-01-05T09:00Z/2026-01-05T09:30Z, are read"
                        .to_owned()
                }
                None => {
                    "RFC 3339, a local time such as 2026-01-05T09:00, or seconds or milliseconds since 1970 are read"
                        .to_owned()
                }
            };
            mapping_fault(format!(
                "format.json.{field} {written:?} finds {}, which is not a time: {expected}",
                presentable(&value.to_string(), 60)
            ))
        }
        Ok(Some(_)) | Ok(None) if !row.has_figure(paths) => {
            mapping_fault(format!("no row has a figure that can be read; the first is {shown}"))
        }
        Ok(Some(_)) => mapping_fault(format!("no row can be used; the first is {shown}")),
        _ => mapping_fault(format!(
            "format.json.{field} {written:?} does not find one time in a row; the first is {shown}"
        )),
    }
}

#[cfg(test)]
mod tests;
