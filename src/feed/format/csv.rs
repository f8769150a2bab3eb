//! CSV exports with all their warts: byte-order marks, encodings, lines before the header, trailing commas, quoted line breaks, a last
//! line that is still being written.

use std::borrow::Cow;

use super::mapping::{Mapping, ParsedPage, mapping_fault};
use super::table;
use crate::api::feed::{LastLine, TableFormat, TextEncoding};
use crate::outbound::error::{FetchError, presentable};
use crate::outbound::json::{first, json_path, malformed};
use crate::outbound::xml;

/// Reads one file.
///
/// # Errors
/// `Malformed` when the body is not such a file, `Mapping` when it lacks the columns; then no row of it counts.
pub fn parse(
    mapping: &Mapping<'_>,
    format: &TableFormat,
    body: &[u8],
    media_type: Option<&str>,
) -> Result<ParsedPage, FetchError> {
    let inside = format.text.as_deref().map(|path| text_inside(body, path)).transpose()?;
    let (text, media_type) = match &inside {
        Some(text) => (Cow::Borrowed(text.as_str()), None),
        None => (decoded(body, format.encoding)?, media_type),
    };
    check_is_no_markup(&text, media_type)?;
    let lines = whole_lines(&text, format.last_line);
    let lines = after_lines(lines, table::lines_before_header(format))?;
    let delimiter = format.delimiter.as_deref().and_then(|text| text.as_bytes().first().copied()).unwrap_or(b',');
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(lines.as_bytes());
    let unreadable = |error: csv::Error| malformed(format!("the body cannot be read: {error}"));
    table::read(mapping, "csv", format, reader.records().map(|record| record.map_err(unreadable)))
}

/// The text in an answer of JSON or XML that holds the table.
fn text_inside(body: &[u8], path: &str) -> Result<String, FetchError> {
    let document = xml::answer(body, &[path])?;
    let found = first(&json_path(path)?, &document)?;
    let text = found.and_then(serde_json::Value::as_str).filter(|text| !text.trim().is_empty());
    text.map(str::to_owned).ok_or_else(|| {
        mapping_fault(format!("format.csv.text: {:?} finds no text in the answer", presentable(path, 80)))
    })
}

/// The text of a body. A byte-order mark says its encoding, else the mapping does.
///
/// # Errors
/// `Malformed` where it is empty, or not in that encoding.
pub(crate) fn decoded(body: &[u8], named: Option<TextEncoding>) -> Result<Cow<'_, str>, FetchError> {
    if body.trim_ascii().is_empty() {
        return Err(malformed("the body is empty"));
    }
    let named = match named {
        None | Some(TextEncoding::Utf8) => encoding_rs::UTF_8,
        Some(TextEncoding::Utf16) => encoding_rs::UTF_16LE,
        Some(TextEncoding::Windows1252) => encoding_rs::WINDOWS_1252,
    };
    let (encoding, _) = encoding_rs::Encoding::for_bom(body).unwrap_or((named, 0));
    let (text, _, has_errors) = encoding.decode(body);
    if has_errors {
        let name = encoding.name();
        return Err(malformed(format!(
            "the body is not {name}: export it as UTF-8, or say what it is by format.csv.encoding, such as Windows1252"
        )));
    }
    if text.contains('\0') {
        return Err(malformed("the body has a zero byte in it: it is not text, or UTF-16 without its byte-order mark"));
    }
    Ok(text)
}

/// A page for people or an error in another format must not be read as a table.
fn check_is_no_markup(text: &str, media_type: Option<&str>) -> Result<(), FetchError> {
    let beginning = text.trim_start();
    let is_other = media_type.is_some_and(|media_type| media_type.contains("html") || media_type.contains("json"));
    if is_other || beginning.starts_with(['<', '{']) {
        let said = media_type.map_or(String::new(), |media_type| format!(" ({})", presentable(media_type, 40)));
        return Err(malformed(format!("the body{said} is not CSV, it begins with {:?}", presentable(beginning, 40))));
    }
    Ok(())
}

/// The lines that are whole: of a file that is still being written, not what follows its last line break.
fn whole_lines(text: &str, last_line: Option<LastLine>) -> &str {
    match (last_line, text.rfind('\n')) {
        (Some(LastLine::Whole), Some(end)) => text.get(..=end).unwrap_or(text),
        (Some(LastLine::Whole), None) => "",
        _ => text,
    }
}

/// What follows the first lines.
fn after_lines(text: &str, lines: usize) -> Result<&str, FetchError> {
    let mut rest = text;
    for number in 0..lines {
        rest = rest.split_once('\n').map(|(_, rest)| rest).ok_or_else(|| {
            malformed(format!("skipLines is {lines}, but the body has only {} lines before its end", number + 1))
        })?;
    }
    Ok(rest)
}

#[cfg(test)]
mod tests;
