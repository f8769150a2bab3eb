//! A sheet of an Excel workbook. Its archive was inflated once through the bounds of an answer before any of it is read.

use std::io::Cursor;

use calamine::{DataRef, ExcelDateTime, Reader, Xlsx, XlsxError};
use csv::StringRecord;
use jiff::civil::DateTime;

use super::mapping::{Mapping, ParsedPage, mapping_fault};
use super::table;
use crate::api::feed::TableFormat;
use crate::feed::unpack::check_workbook;
use crate::outbound::error::{FailureKind, FetchError, presentable};
use crate::outbound::json::malformed;

/// Bounds of a sheet: a cell far below or to the right of all others must not make a table of what lies between.
const MOST_ROWS: u32 = 200_000;
const MOST_COLUMNS: u32 = 1_000;
const MOST_CELLS: usize = 2_000_000;
/// Sheets that a message lists.
const SHOWN_SHEETS: usize = 10;

/// Reads one workbook.
///
/// # Errors
/// `Malformed` when the body is not a workbook, `TooLarge` beyond the bounds, `Mapping` when the sheet or its columns are not there.
pub(super) fn parse(mapping: &Mapping<'_>, format: &TableFormat, body: &[u8]) -> Result<ParsedPage, FetchError> {
    check_workbook(body)?;
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(body)).map_err(unreadable)?;
    let names = workbook.sheet_names();
    let sheet = match &format.sheet {
        None => names.first().cloned().ok_or_else(|| malformed("the workbook has no sheet"))?,
        Some(name) if names.contains(name) => name.clone(),
        Some(name) => {
            let there: Vec<String> =
                names.iter().take(SHOWN_SHEETS).map(|name| format!("{:?}", presentable(name, 31))).collect();
            return Err(mapping_fault(format!(
                "format.xlsx.sheet: there is no sheet {:?}; the workbook has {}",
                presentable(name, 31),
                there.join(", ")
            )));
        }
    };
    let rows = rows(&mut workbook, &sheet)?;
    let lines = rows.into_iter().map(Ok).skip(table::lines_before_header(format));
    table::read(mapping, "xlsx", format, lines)
}

/// The first sheet of a workbook: its name and its rows. The workbook must have been checked.
///
/// # Errors
/// `Malformed` when the body is not a workbook, `TooLarge` beyond the bounds.
pub(crate) fn first_sheet(body: &[u8]) -> Result<(String, Vec<StringRecord>), FetchError> {
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(body)).map_err(unreadable)?;
    let sheet = workbook.sheet_names().first().cloned().ok_or_else(|| malformed("the workbook has no sheet"))?;
    let rows = rows(&mut workbook, &sheet)?;
    Ok((sheet, rows))
}

/// The rows of a sheet, from its first one, each with its cells as texts.
fn rows(workbook: &mut Xlsx<Cursor<&[u8]>>, sheet: &str) -> Result<Vec<StringRecord>, FetchError> {
    let too_large = || {
        let message = format!(
            "the sheet has more than {MOST_ROWS} rows, {MOST_COLUMNS} columns or {MOST_CELLS} cells: export a shorter time"
        );
        FetchError::new(FailureKind::TooLarge, message)
    };
    let mut reader = workbook.worksheet_cells_reader(sheet).map_err(unreadable)?;
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut cells = 0_usize;
    while let Some(cell) = reader.next_cell().map_err(unreadable)? {
        let (row, column) = cell.get_position();
        let text = text(cell.get_value());
        if text.is_empty() {
            continue;
        }
        if row >= MOST_ROWS || column >= MOST_COLUMNS {
            return Err(too_large());
        }
        let (row, column) = (place(row)?, place(column)?);
        if rows.len() <= row {
            rows.resize_with(row + 1, Vec::new);
        }
        let Some(line) = rows.get_mut(row) else { continue };
        cells += (column + 1).saturating_sub(line.len());
        if cells > MOST_CELLS {
            return Err(too_large());
        }
        if line.len() <= column {
            line.resize_with(column + 1, String::new);
        }
        if let Some(field) = line.get_mut(column) {
            *field = text;
        }
    }
    Ok(rows.into_iter().map(StringRecord::from).collect())
}

fn place(number: u32) -> Result<usize, FetchError> {
    usize::try_from(number).map_err(|_| malformed("a cell lies outside every sheet"))
}

fn unreadable(error: XlsxError) -> FetchError {
    malformed(format!("the body is not an XLSX workbook that can be read: {error}"))
}

/// What a cell says: numbers with their shortest digits, dates as local times, times of day and durations as a clock shows them.
fn text(value: &DataRef<'_>) -> String {
    match value {
        DataRef::Empty => String::new(),
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => number.to_string(),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.trim().to_owned(),
        DataRef::SharedString(text) => text.trim().to_owned(),
        DataRef::Bool(flag) => flag.to_string(),
        DataRef::DateTime(time) => time_text(time),
        // A row that needs the cell is set aside, and shows this.
        DataRef::Error(error) => error.to_string(),
    }
}

fn time_text(time: &ExcelDateTime) -> String {
    let days = time.as_f64();
    if time.is_duration() || (0.0..1.0).contains(&days) {
        return clock_text(days);
    }
    let (year, month, day, hour, minute, second, milli) = time.to_ymd_hms_milli();
    let signed = |number: u8| i8::try_from(number).unwrap_or(-1);
    let local = i16::try_from(year).ok().and_then(|year| {
        let nanos = i32::from(milli) * 1_000_000;
        DateTime::new(year, signed(month), signed(day), signed(hour), signed(minute), signed(second), nanos).ok()
    });
    local.map_or_else(|| days.to_string(), |local| table::to_the_second(local).to_string())
}

/// A share of a day as `59:12:40`, to the millisecond.
fn clock_text(days: f64) -> String {
    let millis = (days * 86_400_000.0).round();
    if !(0.0..8.64e15).contains(&millis) {
        return days.to_string();
    }
    // A whole number below 2^53.
    let millis = millis as u64;
    let (seconds, rest) = (millis / 1_000, millis % 1_000);
    let clock = format!("{}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if rest == 0 { clock } else { format!("{clock}.{rest:03}") }
}

#[cfg(test)]
mod tests;
