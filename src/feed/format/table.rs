//! Tables from the field: headers that come again, totals, lines that end early, times in several columns, dates that spreadsheets
//! count in days. Where the lines come from is said elsewhere: [`super::csv`], [`super::xlsx`], [`super::arrays`].

use std::collections::BTreeMap;

use csv::StringRecord;
use jiff::civil::{DateTime, Time, date};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Unit};
use rust_decimal::Decimal;

use super::assembly::{FoundRow, assemble};
use super::conditions::named;
use super::fields::{self, Fields, Figure, Part, Test, Value, meets_all};
use super::mapping::{Mapping, ParsedPage, mapping_fault, zone_of};
use super::number::{exact, reason};
use super::records::{FoundRecord, RecordPlaces, record};
use super::times::{WrittenTime, formatted, written};
use super::units::{Notation, figure, is_absent};
use crate::api::feed::{
    Condition, LabelMapping, MeasureMapping, MeasureUnit, ShortLines, Summand, TableFormat, TableHeader, TableSkip,
    TableTime,
};
use crate::domain::terms::spelling::did_you_mean;
use crate::domain::terms::time_format::with_day_and_month_swapped;
use crate::evidence::{RejectedRow, RejectionReason};
use crate::feed::time_window::Window;
use crate::outbound::error::{FetchError, presentable};
use crate::outbound::json::malformed;

/// Columns that a message lists.
const SHOWN_COLUMNS: usize = 12;
/// Lines in which a header is looked for.
const MOST_BEFORE_HEADER: usize = 1_000;
/// The format of times that spreadsheets count in days.
const SERIAL: &str = "Serial";

/// What kind of table is read: csv, xlsx or arrays, as it is called in messages.
pub(super) type Kind = &'static str;

/// Reads the lines of a table, from the one that holds the header.
///
/// # Errors
/// Those of `lines`; `Malformed` where there is no header, `Mapping` where it lacks the columns; then no row counts.
pub(super) fn read(
    mapping: &Mapping<'_>,
    kind: Kind,
    format: &TableFormat,
    mut lines: impl Iterator<Item = Result<StringRecord, FetchError>>,
) -> Result<ParsedPage, FetchError> {
    let zone = zone_of(mapping, format.time_zone.as_deref())?;
    let header = header(kind, format, &mut lines)?;
    let lines = lines.skip(usize::try_from(format.skip_after.unwrap_or(0)).unwrap_or(0));
    let columns = Columns::of(kind, format, &header, &zone)?;
    let (mut found, mut counted, mut count) = (Vec::new(), Vec::new(), 0);
    let times = columns.records.as_ref().map(|(at, _)| at).or(columns.start.as_ref());
    let (mut has_time, mut order) = (false, DayMonthOrder::of(times));
    for record in lines {
        let record = record?;
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
    order.check(kind)?;
    if let (Some(records), false, false) = (&format.records, counted.is_empty(), has_time) {
        return Err(no_time(kind, &records.at, "not shown, since lines are records"));
    }
    // One line whose time cannot be read is kept aside; where none can be, the mapping is wrong.
    if let (Some(Err(first)), Some(start), false) = (found.first(), &format.start, has_time) {
        return Err(no_time(kind, start, &first.text));
    }
    let mut page = assemble(mapping, &zone, &format.measures, found);
    (page.count, page.records) = (count, counted);
    Ok(page)
}

/// The names of the columns.
fn header(
    kind: Kind,
    format: &TableFormat,
    lines: &mut impl Iterator<Item = Result<StringRecord, FetchError>>,
) -> Result<StringRecord, FetchError> {
    let none = || malformed("there is no header line");
    match format.header.as_ref() {
        Some(TableHeader { names, .. }) if !names.is_empty() => Ok(StringRecord::from(names.clone())),
        Some(TableHeader { find: Some(wanted), .. }) => {
            for line in lines.take(MOST_BEFORE_HEADER) {
                let line = line?;
                if line.iter().any(|field| cell(field) == wanted.trim()) {
                    return Ok(line);
                }
            }
            Err(mapping_fault(format!(
                "format.{kind}.header.find: no line of the first {MOST_BEFORE_HEADER} has a field {:?}",
                presentable(wanted, 60)
            )))
        }
        _ => lines.next().ok_or_else(none)?,
    }
}

/// How many lines stand before the one that holds the header, where the mapping counts them.
pub(super) fn lines_before_header(format: &TableFormat) -> usize {
    let row = format.header.as_ref().and_then(|header| header.row).map(|row| row - 1);
    usize::try_from(row.or(format.skip_lines).unwrap_or(0)).unwrap_or(0)
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
    fn check(self, kind: Kind) -> Result<(), FetchError> {
        match (self.formats, self.against) {
            (Some((format, swapped)), Some(text)) => Err(mapping_fault(format!(
                "format.{kind}.start.format: {:?} cannot read {:?}, but with day and month the other way round it can: write {:?}",
                presentable(format, 40),
                presentable(&text, 40),
                presentable(&swapped, 40)
            ))),
            _ => Ok(()),
        }
    }
}

fn no_time(kind: Kind, start: &TableTime, line: &str) -> FetchError {
    let columns = start.columns.join(" ");
    let expected = match &start.format {
        Some(format) => format!("by the format {:?}", presentable(format, 40)),
        None => "as RFC 3339, such as 2026-01-05T09:00; see start.format".to_owned(),
    };
    mapping_fault(format!(
        "format.{kind}.start: in no line can a time be read from {:?} {expected}; the first line is {}",
        presentable(&columns, 60),
        presentable(line, 120)
    ))
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
    skips: Vec<(usize, &'f TableSkip)>,
    notation: Notation,
    /// What a line that ends early lacks is missing.
    short_lines: ShortLines,
}

struct TimeColumns<'f> {
    places: Vec<usize>,
    format: Option<&'f str>,
    /// A workbook has dates of its own, whatever format its texts have.
    has_dates: bool,
    short_lines: ShortLines,
}

impl<'f> Columns<'f> {
    fn of(kind: Kind, format: &'f TableFormat, header: &StringRecord, zone: &'f TimeZone) -> Result<Self, FetchError> {
        let place = |field: &str, column: &str| place(kind, header, field, column);
        let has_dates = kind == "xlsx";
        // A workbook leaves out the cells that are empty.
        let otherwise = if kind == "xlsx" { ShortLines::Absent } else { ShortLines::Reject };
        let short_lines = format.short_lines.unwrap_or(otherwise);
        let time = |field: &str, time: &'f TableTime| -> Result<TimeColumns<'f>, FetchError> {
            let places = time.columns.iter().map(|column| place(field, column)).collect::<Result<_, _>>()?;
            Ok(TimeColumns { places, format: time.format.as_deref(), has_dates, short_lines })
        };
        let labels = format.labels.iter().map(|label| {
            let column = label.column.as_deref().map(|column| place(&format!("labels[{}]", label.name), column));
            Ok((label, column.transpose()?))
        });
        let found = Places(&place);
        let measures = format.measures.iter().map(|measure| Ok((measure, found.figure(measure)?)));
        let skips = format.skip_rows.iter().map(|skip| Ok((place("skipRows", &skip.column)?, skip)));
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
            short_lines,
        })
    }

    fn skips(&self, record: &StringRecord) -> bool {
        self.skips.iter().any(|(place, skip)| {
            let equals = |text: &str| skip.equals.as_ref().is_some_and(|equals| text == equals.trim());
            let starts = |text: &str| skip.starts_with.as_ref().is_some_and(|start| text.starts_with(start.trim()));
            record.get(*place).map(cell).is_some_and(|text| equals(text) || starts(text))
        })
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
        Ok(Some(field(self.record, *place, self.columns.short_lines)?.to_owned()).filter(|text| !text.is_empty()))
    }

    fn number(&self, place: &usize, unit: MeasureUnit) -> Result<Option<Decimal>, RejectionReason> {
        let text = field(self.record, *place, self.columns.short_lines)?;
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
        let time = alike.and_then(|format| by_format(std::slice::from_ref(&text.as_str()), format));
        time.or_else(|| written(&text)).map(Some).ok_or(RejectionReason::Malformed)
    }

    fn zone(&self) -> &TimeZone {
        self.columns.zone
    }
}

impl TimeColumns<'_> {
    fn parts<'r>(&self, record: &'r StringRecord) -> Result<Vec<&'r str>, RejectionReason> {
        self.places.iter().map(|place| field(record, *place, self.short_lines)).collect()
    }

    fn text(&self, record: &StringRecord) -> Result<String, RejectionReason> {
        Ok(self.parts(record)?.join(" "))
    }

    fn read(&self, record: &StringRecord) -> Result<WrittenTime, RejectionReason> {
        let parts = self.parts(record)?;
        let time = match self.format {
            Some(format) => by_format(&parts, format),
            None => written(&parts.join(" ")),
        };
        // A date of a workbook says what it is, and its columns add up to one time.
        let says_so = self.has_dates && parts.iter().all(|part| part.contains([':', '-']));
        let date = || if says_so { written(&parts.join(" ")).or_else(|| added_up(&parts)) } else { None };
        time.or_else(date).ok_or(RejectionReason::Malformed)
    }
}

/// A time by the format of the mapping: strftime, or days that are counted.
fn by_format(parts: &[&str], format: &str) -> Option<WrittenTime> {
    if format == SERIAL { added_up(parts) } else { formatted(&parts.join(" "), format) }
}

/// Days and shares of days, added up and rounded to the second: a local time. A part may also be written as a date or a clock time.
fn added_up(parts: &[&str]) -> Option<WrittenTime> {
    let mut seconds = Decimal::ZERO;
    for part in parts {
        seconds = seconds.checked_add(seconds_since_1900(part)?)?;
    }
    let passed = SignedDuration::from_secs(i64::try_from(seconds.round()).ok()?);
    // Day 60 of spreadsheets is 29 February 1900, which never was: times before it are not read.
    let is_dated = passed.as_hours() > 61 * 24;
    let origin = date(1899, 12, 30).to_datetime(Time::midnight());
    let local = is_dated.then(|| origin.checked_add(passed).ok()).flatten()?;
    (1900..=2200).contains(&local.year()).then_some(WrittenTime::Local(local))
}

fn seconds_since_1900(part: &str) -> Option<Decimal> {
    let part = part.trim();
    if let Some(WrittenTime::Local(local)) = written(part) {
        let origin = date(1899, 12, 30).to_datetime(Time::midnight());
        return Some(Decimal::from(local.duration_since(origin).as_secs()));
    }
    if part.contains(':') {
        return figure(part, MeasureUnit::ClockTime, Notation::Plain).ok();
    }
    exact(part).ok()?.checked_mul(Decimal::from(86_400))
}

/// A local time as a workbook's cell has it, to the second.
pub(super) fn to_the_second(local: DateTime) -> DateTime {
    local.round(Unit::Second).unwrap_or(local)
}

/// A field of a line. One that ends before it was cut short, unless the mapping says that it is empty.
fn field(record: &StringRecord, place: usize, short_lines: ShortLines) -> Result<&str, RejectionReason> {
    match (record.get(place), short_lines) {
        (Some(text), _) => Ok(cell(text)),
        (None, ShortLines::Absent) => Ok(""),
        (None, ShortLines::Reject) => Err(RejectionReason::Malformed),
    }
}

/// What a field says: spreadsheets write `="0012"` for a text whose leading zeros must stay, and mean `0012`.
fn cell(field: &str) -> &str {
    let field = field.trim();
    field.strip_prefix("=\"").and_then(|rest| rest.strip_suffix('"')).map_or(field, str::trim)
}

/// Where a column is.
fn place(kind: Kind, header: &StringRecord, field: &str, column: &str) -> Result<usize, FetchError> {
    let mut places = header.iter().enumerate().filter(|(_, name)| cell(name) == column.trim()).map(|(place, _)| place);
    let shown_column = presentable(column, 60);
    match (places.next(), places.next()) {
        (Some(place), None) => Ok(place),
        (Some(_), Some(_)) => Err(mapping_fault(format!(
            "format.{kind}.{field}: the header has the column {shown_column:?} twice: it is not clear which is meant"
        ))),
        (None, _) => {
            let names = header.iter().take(SHOWN_COLUMNS).map(|name| format!("{:?}", presentable(cell(name), 40)));
            let meant = did_you_mean(column, header.iter().map(cell));
            let more = if header.len() > SHOWN_COLUMNS { ", …" } else { "" };
            Err(mapping_fault(format!(
                "format.{kind}.{field}: there is no column {shown_column:?}{}; the header has {}{more}; \
                 if it is not the header, see {}",
                presentable(&meant, 60),
                names.collect::<Vec<_>>().join(", "),
                if kind == "csv" { "delimiter and skipLines" } else { "header and skipLines" }
            )))
        }
    }
}
