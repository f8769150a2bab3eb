//! From what a mapping found in the fields of a page to rows: local times get their zone, shares and means their volume.
//!
//! A local time that the clock shows twice in a night is resolved where the page has both: of two rows with the same labels
//! the first is the earlier one (in a page that goes back in time, the later one). A row alone could be either, so it is kept
//! aside, as is one at a time that the clock never showed.
//!
//! A date names a day: a row without an end whose start is a date, or a midnight where `cadence` is a day, ends with the next day,
//! after 23 or 25 hours when the clock changes. A day whose midnight the clock skipped begins at its first instant.

use std::collections::BTreeMap;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;

use super::mapping::{Mapping, ParsedPage};
use super::times::{Instants, WrittenTime, day_end, day_start, end_of, instants};
use super::units::is_share;
use crate::api::feed::{MeasureMapping, MeasureUnit};
use crate::evidence::{IncomingRow, RejectedRow, RejectionReason};
use crate::outbound::error::presentable;

/// The measure that a row has for a volume where a share comes without one: each row then counts the same.
pub const WEIGHT: &str = "weight";

/// What one row of a page holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FoundRow {
    /// When it begins.
    pub start: WrittenTime,
    /// When it ends; without one a day where the start names one, else as long as the feed's cadence.
    pub end: Option<WrittenTime>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// By name, the figures that are there, in the unit of the measures.
    pub figures: BTreeMap<String, Decimal>,
    /// The row in the vendor's words.
    pub text: String,
}

/// Puts the rows of a page together. `found` says for each row what is in it or why it cannot be used.
pub(super) fn assemble(
    mapping: &Mapping<'_>,
    zone: &TimeZone,
    measures: &[MeasureMapping],
    found: Vec<Result<FoundRow, RejectedRow>>,
) -> ParsedPage {
    let mut page = ParsedPage { count: found.len(), ..ParsedPage::default() };
    let twice = Twice::of(found.iter().flatten());
    let mut seen: BTreeMap<Occurrence, usize> = BTreeMap::new();
    let length = SignedDuration::try_from(mapping.cadence).unwrap_or(SignedDuration::MAX);
    for row in found {
        let outcome = row.and_then(|row| {
            let rejected = |reason| RejectedRow { reason, text: presentable(&row.text, 500) };
            let day = day_of(&row, length);
            let start = match day {
                Some(day) => day_start(day, zone).ok_or(RejectionReason::NonexistentTime),
                None => start_of(&row, zone, &twice, &mut seen),
            };
            let start = start.map_err(rejected)?;
            let end = match (row.end, day) {
                (Some(end), _) => end_of(end, start, zone),
                (None, Some(day)) if length <= DAY => day_end(day, zone),
                // Rows longer than a day should name their end; until they do they end this many civil days later.
                (None, Some(day)) if is_whole_days(length) => {
                    day.checked_add(length).ok().and_then(|last| day_start(last, zone))
                }
                (None, _) => start.checked_add(length).ok(),
            };
            let end = end.ok_or(RejectionReason::NonexistentTime).map_err(rejected)?;
            let measures = weigh(measures, row.figures.clone()).map_err(rejected)?;
            Ok(IncomingRow {
                labels: row.labels.clone(),
                start,
                end,
                measures,
                vendor_revision: None,
                recorded_at: None,
            })
        });
        match outcome {
            Ok(row) => page.rows.push(row),
            Err(rejected) => page.rejected.push(rejected),
        }
    }
    page
}

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The day that a row begins with, where its start names one: a date; a midnight where rows are as long as whole days; and a
/// midnight from which a row reaches to another one, even if the clock skipped it.
fn day_of(row: &FoundRow, length: SignedDuration) -> Option<Date> {
    let is_midnight = |time: &WrittenTime| match time {
        WrittenTime::Local(local) => local.time() == Time::midnight(),
        WrittenTime::Date(_) => true,
        WrittenTime::Instant(_) => false,
    };
    match row.start {
        WrittenTime::Date(date) => Some(date),
        WrittenTime::Local(local) if is_midnight(&row.start) => {
            let names_days = row.end.as_ref().map_or(is_whole_days(length), is_midnight);
            names_days.then(|| local.date())
        }
        _ => None,
    }
}

fn is_whole_days(length: SignedDuration) -> bool {
    length >= DAY && length.as_secs() % DAY.as_secs() == 0
}

type Occurrence = (BTreeMap<String, String>, DateTime);

/// How often a page has each local time, and whether the page goes back in time.
struct Twice {
    times: BTreeMap<Occurrence, usize>,
    descends: bool,
}

impl Twice {
    fn of<'r>(rows: impl Iterator<Item = &'r FoundRow>) -> Self {
        let mut times: BTreeMap<Occurrence, usize> = BTreeMap::new();
        let (mut first, mut last) = (None, None);
        for row in rows {
            if let WrittenTime::Local(local) = row.start {
                *times.entry((row.labels.clone(), local)).or_default() += 1;
                first = first.or(Some(local));
                last = Some(local);
            }
        }
        Self { times, descends: first > last }
    }
}

fn start_of(
    row: &FoundRow,
    zone: &TimeZone,
    twice: &Twice,
    seen: &mut BTreeMap<Occurrence, usize>,
) -> Result<Timestamp, RejectionReason> {
    let local = match row.start {
        WrittenTime::Instant(instant) => return Ok(instant),
        WrittenTime::Date(date) => return day_start(date, zone).ok_or(RejectionReason::NonexistentTime),
        WrittenTime::Local(local) => local,
    };
    match instants(local, zone) {
        Instants::One(instant) => Ok(instant),
        Instants::None(_) => Err(RejectionReason::NonexistentTime),
        Instants::Two(earlier, later) => {
            let key = (row.labels.clone(), local);
            if twice.times.get(&key) != Some(&2) {
                return Err(RejectionReason::AmbiguousTime);
            }
            let before = seen.entry(key).or_default();
            let is_first = *before == 0;
            *before += 1;
            Ok(if is_first == twice.descends { later } else { earlier })
        }
    }
}

/// Makes counts and sums of shares and means by their volume. Where the volume is not there, neither is the measure. A product of
/// two long fractions keeps 28 digits.
fn weigh(
    measures: &[MeasureMapping],
    mut figures: BTreeMap<String, Decimal>,
) -> Result<BTreeMap<String, Decimal>, RejectionReason> {
    let needs_weight = |measure: &&MeasureMapping| {
        measure.of.is_none()
            && is_share(measure.unit.unwrap_or(MeasureUnit::Count))
            && figures.contains_key(&measure.name)
    };
    let is_weightless = measures.iter().any(|measure| needs_weight(&measure));
    let mut open: Vec<&MeasureMapping> = measures.iter().filter(|measure| measure.of.is_some()).collect();
    // A volume may itself be a share of another one: what is left when nothing moves any more waits for itself.
    loop {
        let waiting: Vec<&str> = open.iter().map(|measure| measure.name.as_str()).collect();
        let (ready, rest): (Vec<_>, Vec<_>) =
            open.iter().copied().partition(|one| one.of.as_deref().is_some_and(|of| !waiting.contains(&of)));
        if ready.is_empty() {
            rest.iter().for_each(|measure| _ = figures.remove(&measure.name));
            break;
        }
        for measure in ready {
            let volume = measure.of.as_ref().and_then(|of| figures.get(of)).copied();
            let product = match (figures.remove(&measure.name), volume) {
                (Some(figure), Some(volume)) => figure.checked_mul(volume).ok_or(RejectionReason::OutOfRange)?,
                _ => continue,
            };
            figures.insert(measure.name.clone(), product.normalize());
        }
        open = rest;
    }
    if is_weightless {
        figures.entry(WEIGHT.to_owned()).or_insert(Decimal::ONE);
    }
    if figures.is_empty() { Err(RejectionReason::Mapping) } else { Ok(figures) }
}
