//! CSV exports with all their warts: byte-order marks, UTF-16, lines before the header, headers that come again, totals,
//! thousands separators, trailing commas, quoted line breaks.

use std::borrow::Cow;
use std::collections::BTreeMap;

use csv::StringRecord;
use rust_decimal::Decimal;

use super::assembly::{FoundRow, assemble};
use super::conditions::{meets, named};
use super::json::reason;
use super::native::malformed;
use super::times::{WrittenTime, formatted, written};
use super::units::{Notation, figure, is_absent};
use super::{Mapping, ParsedPage, mapping_fault, zone_of};
use crate::api::feed::{Absent, Condition, CsvFormat, CsvTime, LabelMapping, MeasureMapping, MeasureUnit};
use crate::domain::spelling::did_you_mean;
use crate::domain::time_format::with_day_and_month_swapped;
use crate::evidence::{RejectedRow, RejectionReason};
use crate::feed::error::{FetchError, presentable};
use crate::feed::fetch::Window;

/// Columns that a message lists.
const SHOWN_COLUMNS: usize = 12;

/// Reads one file.
///
/// # Errors
/// `Malformed` when the body is no such file, `Mapping` when it lacks the columns; then no row of it counts.
pub fn parse(
    mapping: &Mapping<'_>,
    format: &CsvFormat,
    body: &[u8],
    media_type: Option<&str>,
) -> Result<ParsedPage, FetchError> {
    let zone = zone_of(mapping, format.time_zone.as_deref())?;
    let text = decoded(body)?;
    check_is_no_markup(&text, media_type)?;
    let table = after_lines(&text, format.skip_lines.unwrap_or(0))?;
    let delimiter = format.delimiter.as_deref().and_then(|text| text.as_bytes().first().copied()).unwrap_or(b',');
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(table.as_bytes());
    let mut records = reader.records();
    let header = records.next().ok_or_else(|| malformed("there is no header line"))?.map_err(unreadable)?;
    let columns = Columns::of(format, &header)?;
    let (mut found, mut count) = (Vec::new(), 0);
    let (mut has_time, mut order) = (false, DayMonthOrder::of(columns.start.as_ref()));
    for record in records {
        let record = record.map_err(unreadable)?;
        if is_blank(&record) || is_same(&record, &header) {
            continue;
        }
        // Lines that are left out count for the end of the pages.
        count += 1;
        if columns.skips(&record) {
            continue;
        }
        let rejected = |reason| RejectedRow { reason, text: presentable(&shown(&record), 500) };
        match columns.counts(&record) {
            Ok(false) => continue,
            Ok(true) => found.push(columns.read(&record, mapping.window).map_err(rejected)),
            Err(reason) => found.push(Err(rejected(reason))),
        }
        let is_read = columns.start.as_ref().is_none_or(|start| start.read(&record).is_ok());
        has_time |= is_read;
        order.note(columns.start.as_ref(), &record, is_read);
    }
    order.check()?;
    // One line whose time cannot be read is kept aside; where none can be, the mapping is wrong.
    if let (Some(Err(first)), Some(start), false) = (found.first(), &format.start, has_time) {
        return Err(no_time(start, &first.text));
    }
    let mut page = assemble(mapping, &zone, &format.measures, found);
    page.count = count;
    Ok(page)
}

/// The text of a body in UTF-8, or in UTF-16 with its byte-order mark.
fn decoded(body: &[u8]) -> Result<Cow<'_, str>, FetchError> {
    if body.trim_ascii().is_empty() {
        return Err(malformed("the body is empty"));
    }
    let (encoding, _) = encoding_rs::Encoding::for_bom(body).unwrap_or((encoding_rs::UTF_8, 0));
    let (text, _, has_errors) = encoding.decode(body);
    if has_errors {
        let name = encoding.name();
        return Err(malformed(format!(
            "the body is not {name}: export it as UTF-8, or as UTF-16 with a byte-order mark"
        )));
    }
    if text.contains('\0') {
        return Err(malformed("the body has a zero byte in it: it is no text, or UTF-16 without its byte-order mark"));
    }
    Ok(text)
}

/// A page for people or an error in another format must not be read as a table.
fn check_is_no_markup(text: &str, media_type: Option<&str>) -> Result<(), FetchError> {
    let beginning = text.trim_start();
    let is_other = media_type.is_some_and(|media_type| media_type.contains("html") || media_type.contains("json"));
    if is_other || beginning.starts_with(['<', '{']) {
        let said = media_type.map_or(String::new(), |media_type| format!(" ({})", presentable(media_type, 40)));
        return Err(malformed(format!("the body{said} is no CSV, it begins with {:?}", presentable(beginning, 40))));
    }
    Ok(())
}

/// What stands after some lines.
fn after_lines(text: &str, lines: i64) -> Result<&str, FetchError> {
    let mut rest = text;
    for number in 0..lines {
        rest = rest.split_once('\n').map(|(_, rest)| rest).ok_or_else(|| {
            malformed(format!("skipLines is {lines}, but the body has only {} lines before its end", number + 1))
        })?;
    }
    Ok(rest)
}

/// Whether a file writes the day before the month or after it, as far as its lines tell: `05/03/2026` can be read both ways,
/// `13/03/2026` only one.
struct DayMonthOrder<'f> {
    /// The format and the one with day and month changed over; `None` where it has not both, or was proven.
    formats: Option<(&'f str, String)>,
    /// The first time that only the other order can read.
    against: Option<String>,
}

impl<'f> DayMonthOrder<'f> {
    fn of(start: Option<&TimeColumns<'f>>) -> Self {
        let format = start.and_then(|start| start.format);
        let formats = format.and_then(|format| Some((format, with_day_and_month_swapped(format)?)));
        Self { formats, against: None }
    }

    fn note(&mut self, start: Option<&TimeColumns<'_>>, record: &StringRecord, is_read: bool) {
        let (Some((_, swapped)), Some(start)) = (&self.formats, start) else { return };
        let Ok(text) = start.text(record) else { return };
        match (is_read, formatted(&text, swapped).is_some()) {
            (true, false) => self.formats = None,
            (false, true) if self.against.is_none() => self.against = Some(text),
            _ => {}
        }
    }

    /// Fails where lines are read only the other way and none only this way: the rest would be read with day and month mixed up.
    fn check(self) -> Result<(), FetchError> {
        match (self.formats, self.against) {
            (Some((format, swapped)), Some(text)) => Err(mapping_fault(format!(
                "format.csv.start.format: {:?} cannot read {:?}, but with day and month the other way round it can: write {:?}",
                presentable(format, 40),
                presentable(&text, 40),
                presentable(&swapped, 40)
            ))),
            _ => Ok(()),
        }
    }
}

fn no_time(start: &CsvTime, line: &str) -> FetchError {
    let columns = start.columns.join(" ");
    let expected = match &start.format {
        Some(format) => format!("by the format {:?}", presentable(format, 40)),
        None => "as RFC 3339, such as 2026-01-05T09:00; see start.format".to_owned(),
    };
    mapping_fault(format!(
        "format.csv.start: in no line can a time be read from {:?} {expected}; the first line is {}",
        presentable(&columns, 60),
        presentable(line, 120)
    ))
}

fn unreadable(error: csv::Error) -> FetchError {
    malformed(format!("the body cannot be read: {error}"))
}

fn is_blank(record: &StringRecord) -> bool {
    record.iter().all(|field| field.trim().is_empty())
}

fn is_same(record: &StringRecord, header: &StringRecord) -> bool {
    record.iter().map(str::trim).eq(header.iter().map(str::trim))
}

/// A line in the vendor's words.
fn shown(record: &StringRecord) -> String {
    record.iter().collect::<Vec<_>>().join(" | ")
}

/// Where in a line the mapping's columns stand.
struct Columns<'f> {
    /// None where the window that was asked for is the interval of its rows.
    start: Option<TimeColumns<'f>>,
    end: Option<TimeColumns<'f>>,
    labels: Vec<(&'f LabelMapping, Option<usize>)>,
    measures: Vec<(&'f MeasureMapping, Vec<(usize, MeasureUnit)>)>,
    conditions: Vec<(&'f Condition, usize)>,
    skips: Vec<(usize, &'f str)>,
    notation: Notation,
}

struct TimeColumns<'f> {
    places: Vec<usize>,
    format: Option<&'f str>,
}

impl<'f> Columns<'f> {
    fn of(format: &'f CsvFormat, header: &StringRecord) -> Result<Self, FetchError> {
        let place = |field: &str, column: &str| place(header, field, column);
        let time = |field: &str, time: &'f CsvTime| -> Result<TimeColumns<'f>, FetchError> {
            let places = time.columns.iter().map(|column| place(field, column)).collect::<Result<_, _>>()?;
            Ok(TimeColumns { places, format: time.format.as_deref() })
        };
        let labels = format.labels.iter().map(|label| {
            let column = label.column.as_deref().map(|column| place(&format!("labels[{}]", label.name), column));
            Ok((label, column.transpose()?))
        });
        let measures = format.measures.iter().map(|measure| Ok((measure, columns_of(measure, &place)?)));
        let conditions = format.conditions.iter().enumerate().map(|(number, condition)| {
            Ok((condition, place(&format!("where[{number}]"), condition.column.as_deref().unwrap_or_default())?))
        });
        let skips = format.skip_rows.iter().map(|skip| Ok((place("skipRows", &skip.column)?, skip.equals.as_str())));
        Ok(Self {
            start: format.start.as_ref().map(|start| time("start", start)).transpose()?,
            end: format.end.as_ref().map(|end| time("end", end)).transpose()?,
            labels: labels.collect::<Result<_, FetchError>>()?,
            measures: measures.collect::<Result<_, FetchError>>()?,
            conditions: conditions.collect::<Result<_, FetchError>>()?,
            skips: skips.collect::<Result<_, FetchError>>()?,
            notation: if format.decimal_comma.unwrap_or(false) { Notation::Comma } else { Notation::Point },
        })
    }

    fn skips(&self, record: &StringRecord) -> bool {
        self.skips.iter().any(|(place, equals)| record.get(*place).is_some_and(|field| cell(field) == equals.trim()))
    }

    /// Whether a line meets all conditions.
    fn counts(&self, record: &StringRecord) -> Result<bool, RejectionReason> {
        for (condition, place) in &self.conditions {
            let text = Some(field(record, *place)?).filter(|text| !text.is_empty());
            if !meets(condition, text)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn read(&self, record: &StringRecord, window: Option<Window>) -> Result<FoundRow, RejectionReason> {
        let mut labels = BTreeMap::new();
        for (label, place) in &self.labels {
            let text = match place {
                Some(place) => {
                    let text = Some(field(record, *place)?.to_owned()).filter(|text| !text.is_empty());
                    text.map(|text| named(label, text)).transpose()?
                }
                None => label.value.clone(),
            };
            labels.extend(text.filter(|text| !text.is_empty()).map(|text| (label.name.clone(), text)));
        }
        let mut figures: BTreeMap<String, Decimal> = BTreeMap::new();
        for (measure, columns) in &self.measures {
            if let Some(figure) = self.figure(record, measure, columns)? {
                figures.insert(measure.name.clone(), figure);
            }
        }
        let (start, end) = self.times(record, window)?;
        Ok(FoundRow { start, end, labels, figures, text: shown(record) })
    }
}

impl Columns<'_> {
    fn times(
        &self,
        record: &StringRecord,
        window: Option<Window>,
    ) -> Result<(WrittenTime, Option<WrittenTime>), RejectionReason> {
        let Some(start) = &self.start else {
            let Window { since, until } = window.ok_or(RejectionReason::Mapping)?;
            return Ok((WrittenTime::Instant(since), Some(WrittenTime::Instant(until))));
        };
        Ok((start.read(record)?, self.end.as_ref().map(|end| end.read(record)).transpose()?))
    }

    /// A figure, or the sum of several; `None` where one is missing that does not count as 0.
    fn figure(
        &self,
        record: &StringRecord,
        measure: &MeasureMapping,
        columns: &[(usize, MeasureUnit)],
    ) -> Result<Option<Decimal>, RejectionReason> {
        let mut sum: Option<Decimal> = None;
        for (place, unit) in columns {
            let text = field(record, *place)?;
            let value = match is_absent(text) {
                false => figure(text, *unit, self.notation).map_err(reason)?,
                true if measure.absent == Some(Absent::Zero) => Decimal::ZERO,
                true => return Ok(None),
            };
            let whole = sum.unwrap_or(Decimal::ZERO).checked_add(value).ok_or(RejectionReason::OutOfRange)?;
            sum = Some(whole);
        }
        Ok(sum)
    }
}

/// The columns of a measure: its own, or those of its sum.
fn columns_of(
    measure: &MeasureMapping,
    place: &impl Fn(&str, &str) -> Result<usize, FetchError>,
) -> Result<Vec<(usize, MeasureUnit)>, FetchError> {
    let (field, unit) = (format!("measures[{}]", measure.name), measure.unit.unwrap_or(MeasureUnit::Count));
    if measure.sum.is_empty() {
        return Ok(vec![(place(&field, measure.column.as_deref().unwrap_or_default())?, unit)]);
    }
    let summands = measure.sum.iter().enumerate().map(|(number, summand)| {
        let column = summand.column.as_deref().unwrap_or_default();
        Ok((place(&format!("{field}.sum[{number}]"), column)?, summand.unit.unwrap_or(unit)))
    });
    summands.collect()
}

impl TimeColumns<'_> {
    fn text(&self, record: &StringRecord) -> Result<String, RejectionReason> {
        let parts = self.places.iter().map(|place| field(record, *place)).collect::<Result<Vec<_>, _>>()?;
        Ok(parts.join(" "))
    }

    fn read(&self, record: &StringRecord) -> Result<WrittenTime, RejectionReason> {
        let text = self.text(record)?;
        let time = match self.format {
            Some(format) => formatted(&text, format),
            None => written(&text),
        };
        time.ok_or(RejectionReason::Malformed)
    }
}

/// A field of a line; a line that ends before it was cut short.
fn field(record: &StringRecord, place: usize) -> Result<&str, RejectionReason> {
    record.get(place).map(cell).ok_or(RejectionReason::Malformed)
}

/// What a field says: spreadsheets write `="0012"` for a text whose leading zeros must stay, and mean `0012`.
fn cell(field: &str) -> &str {
    let field = field.trim();
    field.strip_prefix("=\"").and_then(|rest| rest.strip_suffix('"')).map_or(field, str::trim)
}

/// Where a column stands.
fn place(header: &StringRecord, field: &str, column: &str) -> Result<usize, FetchError> {
    let mut places = header.iter().enumerate().filter(|(_, name)| cell(name) == column.trim()).map(|(place, _)| place);
    let shown_column = presentable(column, 60);
    match (places.next(), places.next()) {
        (Some(place), None) => Ok(place),
        (Some(_), Some(_)) => Err(mapping_fault(format!(
            "format.csv.{field}: the column {shown_column:?} stands twice in the header: which is meant cannot be told"
        ))),
        (None, _) => {
            let names = header.iter().take(SHOWN_COLUMNS).map(|name| format!("{:?}", presentable(cell(name), 40)));
            let meant = did_you_mean(column, header.iter().map(cell));
            let more = if header.len() > SHOWN_COLUMNS { ", …" } else { "" };
            Err(mapping_fault(format!(
                "format.csv.{field}: there is no column {shown_column:?}{}; the header has {}{more}; \
                 if it is not the header, see delimiter and skipLines",
                presentable(&meant, 60),
                names.collect::<Vec<_>>().join(", ")
            )))
        }
    }
}

#[cfg(test)]
mod tests;
