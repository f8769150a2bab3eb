//! CSV exports with all their warts: byte-order marks, UTF-16, lines before the header, headers that come again, totals,
//! thousands separators, trailing commas, quoted line breaks.

use std::borrow::Cow;
use std::collections::BTreeMap;

use csv::StringRecord;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;

use super::assembly::{FoundRow, assemble};
use super::conditions::named;
use super::fields::{self, Fields, Figure, Part, Test, Value, meets_all};
use super::json::reason;
use super::native::malformed;
use super::records::{FoundRecord, RecordPlaces, record};
use super::times::{WrittenTime, formatted, written};
use super::units::{Notation, figure, is_absent};
use super::{Mapping, ParsedPage, mapping_fault, zone_of};
use crate::api::feed::{Condition, CsvFormat, CsvTime, LabelMapping, MeasureMapping, MeasureUnit, Summand};
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
    let columns = Columns::of(format, &header, &zone)?;
    let (mut found, mut counted, mut count) = (Vec::new(), Vec::new(), 0);
    let times = columns.records.as_ref().map(|(at, _)| at).or(columns.start.as_ref());
    let (mut has_time, mut order) = (false, DayMonthOrder::of(times));
    for record in records {
        let record = record.map_err(unreadable)?;
        if is_blank(&record) || is_same(&record, &header) {
            continue;
        }
        if columns.skips(&record) {
            continue;
        }
        // Lines that do not meet the conditions count for the end of the pages all the same.
        count += 1;
        let is_read = times.is_none_or(|times| times.read(&record).is_ok());
        has_time |= is_read;
        order.note(times, &record, is_read);
        let line = Line { columns: &columns, record: &record };
        if let Some((at, places)) = &columns.records {
            counted.push(line.read_record(at, places, count));
            continue;
        }
        let rejected = |reason| RejectedRow { reason, text: presentable(&shown(&record), 500) };
        match meets_all(&line, &columns.conditions) {
            Ok(false) => continue,
            Ok(true) => found.push(line.read(mapping.window).map_err(rejected)),
            Err(reason) => found.push(Err(rejected(reason))),
        }
    }
    order.check()?;
    if let (Some(records), false, false) = (&format.records, counted.is_empty(), has_time) {
        return Err(no_time(&records.at, "not shown, since lines are records"));
    }
    // One line whose time cannot be read is kept aside; where none can be, the mapping is wrong.
    if let (Some(Err(first)), Some(start), false) = (found.first(), &format.start, has_time) {
        return Err(no_time(start, &first.text));
    }
    let mut page = assemble(mapping, &zone, &format.measures, found);
    (page.count, page.records) = (count, counted);
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
    measures: Vec<(&'f MeasureMapping, Figure<'f, usize>)>,
    conditions: Vec<Test<'f, usize>>,
    records: Option<(TimeColumns<'f>, RecordPlaces<usize>)>,
    zone: &'f TimeZone,
    skips: Vec<(usize, &'f str)>,
    notation: Notation,
}

struct TimeColumns<'f> {
    places: Vec<usize>,
    format: Option<&'f str>,
}

impl<'f> Columns<'f> {
    fn of(format: &'f CsvFormat, header: &StringRecord, zone: &'f TimeZone) -> Result<Self, FetchError> {
        let place = |field: &str, column: &str| place(header, field, column);
        let time = |field: &str, time: &'f CsvTime| -> Result<TimeColumns<'f>, FetchError> {
            let places = time.columns.iter().map(|column| place(field, column)).collect::<Result<_, _>>()?;
            Ok(TimeColumns { places, format: time.format.as_deref() })
        };
        let labels = format.labels.iter().map(|label| {
            let column = label.column.as_deref().map(|column| place(&format!("labels[{}]", label.name), column));
            Ok((label, column.transpose()?))
        });
        let found = Places(&place);
        let measures = format.measures.iter().map(|measure| Ok((measure, found.figure(measure)?)));
        let skips = format.skip_rows.iter().map(|skip| Ok((place("skipRows", &skip.column)?, skip.equals.as_str())));
        let records = format.records.as_ref().map(|records| {
            let optional = |name: &str, column: &Option<String>| {
                column.as_ref().map(|column| place(&format!("records.{name}"), column)).transpose()
            };
            let places =
                RecordPlaces { id: optional("id", &records.id)?, newest: optional("newest", &records.newest)? };
            Ok::<_, FetchError>((time("records.at", &records.at)?, places))
        });
        Ok(Self {
            start: format.start.as_ref().map(|start| time("start", start)).transpose()?,
            end: format.end.as_ref().map(|end| time("end", end)).transpose()?,
            labels: labels.collect::<Result<_, FetchError>>()?,
            measures: measures.collect::<Result<_, FetchError>>()?,
            conditions: found.tests("", &format.conditions)?,
            records: records.transpose()?,
            skips: skips.collect::<Result<_, FetchError>>()?,
            notation: if format.decimal_comma.unwrap_or(false) { Notation::Comma } else { Notation::Point },
            zone,
        })
    }

    fn skips(&self, record: &StringRecord) -> bool {
        self.skips.iter().any(|(place, equals)| record.get(*place).is_some_and(|field| cell(field) == equals.trim()))
    }
}

/// Finds the columns of a mapping.
struct Places<'p, F>(&'p F);

impl<F: Fn(&str, &str) -> Result<usize, FetchError>> Places<'_, F> {
    fn value(
        &self,
        field: &str,
        column: Option<&String>,
        (from, to): (Option<&String>, Option<&String>),
    ) -> Result<Value<usize>, FetchError> {
        match (from, to) {
            (Some(from), Some(to)) => Ok(Value::Between((self.0)(field, from)?, (self.0)(field, to)?)),
            _ => (self.0)(field, column.map_or("", String::as_str)).map(Value::One),
        }
    }

    fn tests<'f>(&self, field: &str, conditions: &'f [Condition]) -> Result<Vec<Test<'f, usize>>, FetchError> {
        let test = |(number, condition): (usize, &'f Condition)| {
            let times = (condition.from.as_ref(), condition.to.as_ref());
            let value = self.value(&format!("{field}where[{number}]"), condition.column.as_ref(), times)?;
            Ok(Test { condition, value })
        };
        conditions.iter().enumerate().map(test).collect()
    }

    fn figure<'f>(&self, measure: &'f MeasureMapping) -> Result<Figure<'f, usize>, FetchError> {
        let (field, unit) = (format!("measures[{}]", measure.name), measure.unit.unwrap_or(MeasureUnit::Count));
        if let Some(count) = &measure.count {
            return self.tests(&format!("{field}.count."), &count.conditions).map(Figure::Count);
        }
        if measure.sum.is_empty() {
            return Ok(Figure::One((self.0)(&field, measure.column.as_deref().unwrap_or_default())?, unit));
        }
        let part = |(number, summand): (usize, &'f Summand)| {
            let field = format!("{field}.sum[{number}]");
            let value = self.value(&field, summand.column.as_ref(), (summand.from.as_ref(), summand.to.as_ref()))?;
            let tests = self.tests(&format!("{field}."), &summand.conditions)?;
            Ok(Part { value, unit: summand.unit.unwrap_or(unit), tests })
        };
        measure.sum.iter().enumerate().map(part).collect::<Result<_, FetchError>>().map(Figure::Sum)
    }
}

/// One line of the table.
struct Line<'l, 'f> {
    columns: &'l Columns<'f>,
    record: &'l StringRecord,
}

impl Line<'_, '_> {
    fn read(&self, window: Option<Window>) -> Result<FoundRow, RejectionReason> {
        let mut figures: BTreeMap<String, Decimal> = BTreeMap::new();
        for (measure, source) in &self.columns.measures {
            if let Some(figure) = fields::figure(self, measure, source)? {
                figures.insert(measure.name.clone(), figure);
            }
        }
        let (start, end) = self.times(window)?;
        Ok(FoundRow { start, end, labels: self.labels()?, figures, text: shown(self.record) })
    }

    fn read_record(&self, at: &TimeColumns<'_>, places: &RecordPlaces<usize>, number: usize) -> FoundRecord {
        let (conditions, measures) = (&self.columns.conditions, &self.columns.measures);
        record(self, places, conditions, measures, at.read(self.record), || self.labels(), number)
    }

    fn labels(&self) -> Result<BTreeMap<String, String>, RejectionReason> {
        let mut labels = BTreeMap::new();
        for (label, place) in &self.columns.labels {
            let text = match place {
                Some(place) => self.text(place)?.map(|text| named(label, text)).transpose()?,
                None => label.value.clone(),
            };
            labels.extend(text.filter(|text| !text.is_empty()).map(|text| (label.name.clone(), text)));
        }
        Ok(labels)
    }

    fn times(&self, window: Option<Window>) -> Result<(WrittenTime, Option<WrittenTime>), RejectionReason> {
        let Some(start) = &self.columns.start else {
            let Window { since, until } = window.ok_or(RejectionReason::Mapping)?;
            return Ok((WrittenTime::Instant(since), Some(WrittenTime::Instant(until))));
        };
        let end = self.columns.end.as_ref().map(|end| end.read(self.record)).transpose()?;
        Ok((start.read(self.record)?, end))
    }
}

impl Fields for Line<'_, '_> {
    type Place = usize;

    fn text(&self, place: &usize) -> Result<Option<String>, RejectionReason> {
        Ok(Some(field(self.record, *place)?.to_owned()).filter(|text| !text.is_empty()))
    }

    fn number(&self, place: &usize, unit: MeasureUnit) -> Result<Option<Decimal>, RejectionReason> {
        let text = field(self.record, *place)?;
        if is_absent(text) {
            return Ok(None);
        }
        figure(text, unit, self.columns.notation).map(Some).map_err(reason)
    }

    fn time(&self, place: &usize) -> Result<Option<WrittenTime>, RejectionReason> {
        let Some(text) = self.text(place)? else { return Ok(None) };
        // A table writes all its times alike.
        let columns = self.columns.records.as_ref().map(|(at, _)| at).or(self.columns.start.as_ref());
        let alike = columns.filter(|columns| columns.places.len() == 1).and_then(|columns| columns.format);
        let time = alike.and_then(|format| formatted(&text, format)).or_else(|| written(&text));
        time.map(Some).ok_or(RejectionReason::Malformed)
    }

    fn zone(&self) -> &TimeZone {
        self.columns.zone
    }
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
