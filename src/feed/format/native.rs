//! The native format `bpo-feed/v1`.
//!
//! Strict: whoever writes a duplicate key, a wrong type or `1e400` is broken, and nothing of that page is taken. A row that is
//! well written but cannot be meant (an impossible date) is kept aside and spoils no other.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use serde::de::Deserialize;
use serde_json::value::RawValue;

use super::mapping::ParsedPage;
use super::number::{NumberFault, exact};
use super::times::{day_end, day_start, instant};
use crate::domain::terms::spelling::nearest;
use crate::evidence::{IncomingRow, RejectedRow, RejectionReason};
use crate::outbound::error::{Detail, FetchError, presentable};
use crate::outbound::json::{ObjectFault, check_media_type, malformed, object, object_of, without_place};

/// The value of `schema` that this parser reads.
pub const SCHEMA: &str = "bpo-feed/v1";

/// Reads one page. `zone` is the contract's: that of days which a row names by their date.
///
/// # Errors
/// `Malformed`, with the place; then no row of the page counts.
pub fn parse(body: &[u8], media_type: Option<&str>, zone: &TimeZone) -> Result<ParsedPage, FetchError> {
    let envelope = open(body, media_type)?;
    let mut page = ParsedPage { count: envelope.rows.len(), ..ParsedPage::default() };
    for (number, raw) in envelope.rows.iter().enumerate() {
        match read_row(raw, zone) {
            WrittenRowOutcome::Taken(row) => page.rows.push(row),
            WrittenRowOutcome::SetAside(rejected, _) => page.rejected.push(rejected),
            WrittenRowOutcome::Broken(broken) => return Err(malformed(format!("row {number}: {}", broken.message))),
        }
    }
    page.next = envelope.next;
    page.thresholds = envelope.thresholds;
    Ok(page)
}

/// What one row of a page is worth.
#[derive(Clone, Debug, PartialEq)]
pub enum WrittenRowOutcome {
    /// It can be read; its quality is not checked yet.
    Taken(IncomingRow),
    /// It is well written, but cannot be meant: it is kept aside. Says also what exactly is wrong.
    SetAside(RejectedRow, String),
    /// It is written wrongly, which makes the whole page malformed.
    Broken(BrokenRow),
}

/// Why a row is written wrongly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenRow {
    /// What is wrong with it.
    pub fault: RowFault,
    /// The same as a sentence for people.
    pub message: String,
}

impl BrokenRow {
    /// What cannot be read: since a key is there twice, or for another reason.
    fn of(fault: &ObjectFault, otherwise: RowFault, message: String) -> Self {
        BrokenRow { fault: if fault.is_twice { RowFault::Twice } else { otherwise }, message }
    }
}

/// What can be wrong with a row that is written wrongly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowFault {
    /// It is not an object.
    Shape,
    /// A key is there twice in it.
    Twice,
    /// A measure is not a number.
    Number,
    /// This member is missing, misspelt or of another type.
    Member(Member),
}

/// The members that a row may have; others are the vendor's own and are ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Member {
    /// The first instant.
    Start,
    /// The first instant after it.
    End,
    /// What the row is of, by name.
    Labels,
    /// What was counted, by name.
    Measures,
    /// The number of the correction.
    Revision,
    /// When it was recorded.
    RecordedAt,
}

impl Member {
    /// All of them.
    pub const ALL: [Member; 6] =
        [Self::Start, Self::End, Self::Labels, Self::Measures, Self::Revision, Self::RecordedAt];

    /// As the format spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::End => "end",
            Self::Labels => "labels",
            Self::Measures => "measures",
            Self::Revision => "revision",
            Self::RecordedAt => "recordedAt",
        }
    }

    /// That this member is not as the format has it.
    fn broken(self, message: String) -> BrokenRow {
        BrokenRow { fault: RowFault::Member(self), message }
    }

    /// That a row has to have this member, and does not.
    fn missing(self) -> BrokenRow {
        self.broken(missing(self.as_str()))
    }
}

/// Reads every row of a page, those after a broken one too, and what the page says beside its rows: for those who correct the page.
///
/// # Errors
/// `Malformed` where the rows of the page cannot be separated.
pub fn read_all(
    body: &[u8],
    media_type: Option<&str>,
    zone: &TimeZone,
) -> Result<(Vec<WrittenRowOutcome>, ParsedPage), FetchError> {
    let envelope = open(body, media_type)?;
    let written: Vec<WrittenRowOutcome> = envelope.rows.iter().map(|raw| read_row(raw, zone)).collect();
    let (count, next, thresholds) = (written.len(), envelope.next, envelope.thresholds);
    Ok((written, ParsedPage { count, next, thresholds, ..ParsedPage::default() }))
}

fn open<'a>(body: &'a [u8], media_type: Option<&str>) -> Result<Envelope<'a>, FetchError> {
    check_media_type(media_type)?;
    if body.trim_ascii().is_empty() {
        return Err(malformed("the body is empty").with_detail(Detail::EmptyBody));
    }
    let envelope = Envelope::of(object_of(body)?)
        .map_err(|message| malformed(format!("the body cannot be read: {message}")).with_detail(Detail::Shape))?;
    if envelope.schema != SCHEMA {
        let found = presentable(&envelope.schema, 40);
        let message = format!("schema is {found:?}: this version reads {SCHEMA:?}");
        return Err(malformed(message).with_detail(Detail::Schema));
    }
    Ok(envelope)
}

fn read_row(raw: &RawValue, zone: &TimeZone) -> WrittenRowOutcome {
    match WrittenRow::read(raw.get()).and_then(|written| written.into_row(zone)) {
        Err(broken) => WrittenRowOutcome::Broken(broken),
        Ok(Ok(row)) => WrittenRowOutcome::Taken(row),
        Ok(Err((reason, why))) => {
            WrittenRowOutcome::SetAside(RejectedRow { reason, text: presentable(raw.get(), 500) }, why)
        }
    }
}

struct Envelope<'a> {
    schema: String,
    rows: Vec<&'a RawValue>,
    next: Option<String>,
    /// By which times the vendor says that it counts, in seconds by measure.
    thresholds: BTreeMap<String, i64>,
}

/// How many thresholds a page may name.
const MOST_THRESHOLDS: usize = 20;
/// No threshold is longer than a day.
const LONGEST_THRESHOLD: i64 = 86_400;

/// The members of an object as they are written, by name.
type Members<'a> = BTreeMap<String, &'a RawValue>;

impl<'a> Envelope<'a> {
    fn of(mut members: Members<'a>) -> Result<Self, String> {
        let schema = take(&mut members, "schema")?.ok_or_else(|| missing("schema"))?;
        let rows = take(&mut members, "rows")?.ok_or_else(|| missing("rows"))?;
        let next: Option<Option<String>> = take(&mut members, "next")?;
        if next.is_none()
            && let Some((name, meant)) =
                misspelt(&members, &["next"], &["nextCursor", "nextPage", "nextToken", "cursor"])
        {
            return Err(not_of_this_format(name, meant));
        }
        let next = next.flatten();
        let thresholds = members.remove("thresholds").filter(|raw| raw.get() != "null").map(|raw| object(raw.get()));
        let thresholds =
            thresholds.transpose().map_err(|fault| format!("thresholds: {}", without_place(&fault.error)))?;
        let thresholds = thresholds.unwrap_or_default();
        check_thresholds(&thresholds)?;
        Ok(Envelope { schema, rows, next: next.filter(|next| !next.is_empty()), thresholds })
    }
}

fn check_thresholds(thresholds: &BTreeMap<String, i64>) -> Result<(), String> {
    if thresholds.len() > MOST_THRESHOLDS {
        return Err(format!("thresholds: {} measures, at most {MOST_THRESHOLDS} may be named", thresholds.len()));
    }
    for (measure, seconds) in thresholds {
        if measure.is_empty() || measure.chars().count() > 63 || !(1..=LONGEST_THRESHOLD).contains(seconds) {
            let shown = presentable(measure, 40);
            return Err(format!(
                "thresholds: {shown:?} is {seconds}: write whole seconds from 1 to {LONGEST_THRESHOLD} for the name of a measure, such as {{\"answeredWithin\": 20}}"
            ));
        }
    }
    Ok(())
}

struct WrittenRow<'a> {
    start: String,
    /// May be left out where the start is a date: the row is of that day.
    end: Option<String>,
    labels: BTreeMap<String, String>,
    measures: BTreeMap<String, &'a RawValue>,
    revision: Option<&'a RawValue>,
    recorded_at: Option<String>,
}

impl<'a> WrittenRow<'a> {
    fn read(text: &'a str) -> Result<Self, BrokenRow> {
        let mut members: Members<'a> =
            object(text).map_err(|fault| BrokenRow::of(&fault, RowFault::Shape, without_place(&fault.error)))?;
        let absent = Member::ALL.into_iter().filter(|member| !members.contains_key(member.as_str()));
        let absent: Vec<&'static str> = absent.map(Member::as_str).collect();
        if let Some((name, meant)) = misspelt(&members, &absent, &[]) {
            let meant_member = Member::ALL.into_iter().find(|member| member.as_str() == meant);
            let fault = meant_member.map_or(RowFault::Shape, RowFault::Member);
            return Err(BrokenRow { fault, message: not_of_this_format(name, meant) });
        }
        let labels = named(&mut members, Member::Labels)?;
        let measures = named(&mut members, Member::Measures)?;
        let start: String = simple(&mut members, Member::Start)?.ok_or_else(|| Member::Start.missing())?;
        let end: Option<String> = simple(&mut members, Member::End)?;
        if end.is_none() && !looks_like_a_date(&start) {
            return Err(Member::End.missing());
        }
        Ok(WrittenRow {
            start,
            end,
            labels: labels.unwrap_or_default(),
            measures: measures.ok_or_else(|| Member::Measures.missing())?,
            revision: members.remove(Member::Revision.as_str()).filter(|raw| raw.get() != "null"),
            recorded_at: simple::<Option<String>>(&mut members, Member::RecordedAt)?.flatten(),
        })
    }
}

/// A member that is itself an object, whose keys are names.
fn named<'a, T: Deserialize<'a>>(
    members: &mut Members<'a>,
    member: Member,
) -> Result<Option<BTreeMap<String, T>>, BrokenRow> {
    let Some(raw) = members.remove(member.as_str()) else { return Ok(None) };
    object(raw.get()).map(Some).map_err(|fault| {
        let message = format!("{}: {}", member.as_str(), without_place(&fault.error));
        BrokenRow::of(&fault, RowFault::Member(member), message)
    })
}

/// A member that is a text.
fn simple<'a, T: Deserialize<'a>>(members: &mut Members<'a>, member: Member) -> Result<Option<T>, BrokenRow> {
    take(members, member.as_str()).map_err(|message| member.broken(message))
}

/// An unknown member, and which of those that are absent it most likely is: ignored, a row would lose its labels, or a feed its
/// later pages, and nobody would notice. `others` are names that other formats have for the first of `absent`. The members of a row are
/// not compared with each other: none is near another one, and rows are many.
fn misspelt<'m>(members: &'m Members<'_>, absent: &[&'static str], others: &[&str]) -> Option<(&'m str, &'static str)> {
    let is_known = |name: &&String| Member::ALL.iter().any(|member| member.as_str() == name.as_str());
    members.keys().filter(|name| !is_known(name)).find_map(|name| {
        let is_other = others.iter().any(|other| name == other);
        let meant = if is_other { absent.first().copied() } else { nearest(name, absent.iter().copied()) };
        Some((name.as_str(), meant?))
    })
}

fn not_of_this_format(name: &str, meant: &str) -> String {
    format!("member {:?} is not one of this format: write {meant:?}", presentable(name, 40))
}

fn missing(name: &str) -> String {
    format!("missing field `{name}`")
}

fn take<'a, T: Deserialize<'a>>(members: &mut Members<'a>, name: &str) -> Result<Option<T>, String> {
    let Some(raw) = members.remove(name) else { return Ok(None) };
    serde_json::from_str(raw.get()).map(Some).map_err(|error| format!("{name}: {}", without_place(&error)))
}

impl WrittenRow<'_> {
    /// The row; inside, why it is kept aside; outside, why the page is malformed.
    fn into_row(self, zone: &TimeZone) -> Result<Result<IncomingRow, (RejectionReason, String)>, BrokenRow> {
        let times = self.times(zone);
        let mut measures: BTreeMap<String, Decimal> = BTreeMap::new();
        let mut out_of_range = None;
        for (name, raw) in self.measures {
            let text = raw.get();
            match exact(text) {
                Ok(value) => {
                    measures.insert(name, value);
                }
                Err(NumberFault::OutOfRange) => {
                    let (name, text) = (presentable(&name, 40), presentable(text, 40));
                    out_of_range = out_of_range.or(Some(format!("measure {name} is {text}")));
                }
                Err(NumberFault::NotANumber) => {
                    let (name, text) = (presentable(&name, 40), presentable(text, 40));
                    let message = format!("measure {name} is {text}, not a number");
                    return Err(BrokenRow { fault: RowFault::Number, message });
                }
            }
        }
        let vendor_revision = match self.revision.map(|raw| raw.get().parse::<i64>()) {
            None => None,
            Some(Ok(revision)) if revision >= 0 => Some(revision),
            Some(_) => return Err(Member::Revision.broken("revision is not a whole number from 0".to_owned())),
        };
        if let Some(why) = out_of_range {
            return Ok(Err((RejectionReason::OutOfRange, why)));
        }
        let recorded_at = self.recorded_at.as_deref().map(|text| known_instant("recordedAt", text)).transpose();
        let times = times.and_then(|(start, end)| Ok((start, end, recorded_at?)));
        Ok(times.map_err(|why| (RejectionReason::Malformed, why)).map(|(start, end, recorded_at)| IncomingRow {
            labels: self.labels,
            start,
            end,
            measures,
            vendor_revision,
            recorded_at,
        }))
    }
}

impl WrittenRow<'_> {
    /// Start and end: two instants, or dates of the zone, of which each means its first instant. A date alone is a whole day.
    fn times(&self, zone: &TimeZone) -> Result<(Timestamp, Timestamp), String> {
        let end = self.end.as_deref();
        let days = date(&self.start).zip(end.map_or(Some(None), |end| date(end).map(Some)));
        let Some((first, last)) = days else {
            return Ok((known_instant("start", &self.start)?, known_instant("end", end.unwrap_or(&self.start))?));
        };
        let end = last.map_or_else(|| day_end(first, zone), |last| day_start(last, zone));
        day_start(first, zone).zip(end).ok_or_else(|| format!("start is {first}, a day that never was"))
    }
}

/// Whether a text is meant as a date alone, possible or not.
fn looks_like_a_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 10 && bytes.get(4) == Some(&b'-') && bytes.get(7) == Some(&b'-')
}

/// A date alone, such as `2026-01-05`.
fn date(text: &str) -> Option<Date> {
    let is_date = looks_like_a_date(text);
    is_date.then(|| text.parse().ok()).flatten().filter(|date: &Date| (1900..=2200).contains(&date.year()))
}

/// The instant that a field holds, or what it holds instead.
fn known_instant(field: &str, text: &str) -> Result<Timestamp, String> {
    instant(text).ok_or_else(|| format!("{field} is {:?}, no instant with an offset", presentable(text, 40)))
}

#[cfg(test)]
mod bodies;

#[cfg(test)]
mod tests;
