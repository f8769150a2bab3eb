//! Drafts from tables.

use csv::StringRecord;

use super::Scaffold;
use super::draft::{Draft, quoted};
use super::fields::Field;
use crate::api::feed::TextEncoding;
use crate::feed::format::{csv_text, first_sheet};
use crate::feed::unpack::check_workbook;
use crate::outbound::error::{FailureKind, FetchError};

/// Lines in which a header is looked for.
const MOST_BEFORE_HEADER: usize = 30;
/// Lines whose values are looked at.
const MOST_LINES: usize = 500;

pub(super) fn of_workbook(content: &[u8]) -> Result<Scaffold, FetchError> {
    check_workbook(content)?;
    let (sheet, lines) = first_sheet(content)?;
    of_lines("xlsx", vec![format!("sheet: {}", quoted(&sheet))], &lines)
}

pub(super) fn of_csv(content: &[u8]) -> Result<Scaffold, FetchError> {
    let mut options = Vec::new();
    let text = match csv_text(content, None) {
        Ok(text) => text,
        Err(_) => {
            options.push("encoding: Windows1252".to_owned());
            csv_text(content, Some(TextEncoding::Windows1252))?
        }
    };
    let delimiter = delimiter(&text);
    if delimiter != b',' {
        options.push(format!("delimiter: {}", quoted(&char::from(delimiter).to_string())));
    }
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(text.as_bytes());
    let lines: Vec<StringRecord> = reader.records().take(MOST_LINES).filter_map(Result::ok).collect();
    of_lines("csv", options, &lines)
}

/// The character that is there most often in the line that has most of one.
fn delimiter(text: &str) -> u8 {
    let count = |letter: u8| {
        let of_line = |line: &str| line.bytes().filter(|byte| *byte == letter).count();
        text.lines().take(MOST_BEFORE_HEADER).map(of_line).max().unwrap_or(0)
    };
    [b',', b';', b'\t', b'|'].into_iter().max_by_key(|letter| (count(*letter), *letter == b',')).unwrap_or(b',')
}

fn of_lines(kind: &'static str, mut options: Vec<String>, lines: &[StringRecord]) -> Result<Scaffold, FetchError> {
    let filled = |line: &StringRecord| line.iter().filter(|field| !field.trim().is_empty()).count();
    let widest = lines.iter().take(MOST_BEFORE_HEADER).map(filled).max().unwrap_or(0);
    let is_word = |field: &str| field.trim().parse::<f64>().is_err();
    // Names are texts, and there is one for nearly each column.
    let is_header = |line: &&StringRecord| {
        filled(line) * 10 >= widest * 8
            && widest > 1
            && line.iter().filter(|field| !field.trim().is_empty()).all(is_word)
    };
    let place = lines.iter().take(MOST_BEFORE_HEADER).position(|line| is_header(&line));
    let Some((place, header)) = place.and_then(|place| Some((place, lines.get(place)?))) else {
        let message = "no line of the sample looks like the names of columns: write `header: {names: […]}` by hand";
        return Err(FetchError::new(FailureKind::Mapping, message));
    };
    if place > 0
        && let Some(first) = header.iter().map(str::trim).find(|name| !name.is_empty())
    {
        options.push(format!("header: {{find: {}}}", quoted(first)));
    }
    let rows: Vec<&StringRecord> =
        lines.iter().skip(place + 1).filter(|line| filled(line) > 1 && *line != header).take(MOST_LINES).collect();
    let fields = header.iter().enumerate().filter(|(_, name)| !name.trim().is_empty()).map(|(column, name)| {
        let values = rows
            .iter()
            .filter_map(|row| row.get(column))
            .map(|value| value.trim().to_owned())
            .filter(|value| !value.is_empty());
        let name = name.trim().to_owned();
        let field = Field { field: name.clone(), name, values: values.collect() };
        let role = field.role(kind == "csv");
        (field, role)
    });
    Ok(Draft { kind, options, fields: fields.collect() }.finish())
}
