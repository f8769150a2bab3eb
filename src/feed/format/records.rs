//! From records, such as calls, to rows: one for each slot and set of labels.
//!
//! Of several copies of a record the newest counts. No record is kept, nor quoted: what is said of one that cannot be read is its
//! place in the answer and the reason.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;

use super::fields::{Fields, Figure, Test, figure, meets_all};
use super::number::exact;
use super::times::WrittenTime;
use crate::api::feed::{Feed, MeasureMapping};
use crate::evidence::{IncomingRow, RejectedRow, RejectionReason};
use crate::feed::time_window::Window;
use crate::feed::window::Grid;

/// One record of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundRecord {
    /// What identifies it, where it says so.
    pub id: Option<String>,
    /// By what the newest of several copies is known.
    pub rank: Rank,
    /// What counts of it; `None` where it does not count at all.
    pub counts: Result<Option<CountedRecord>, RejectionReason>,
    /// Where it is in its answer, from 1.
    pub number: usize,
}

/// What counts of a record.
#[derive(Clone, Debug, PartialEq)]
pub struct CountedRecord {
    /// When it was.
    pub at: Timestamp,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// By name, what it adds; `None` where that is missing.
    pub figures: BTreeMap<String, Option<Decimal>>,
}

/// The age of a copy.
#[derive(Clone, Debug, PartialEq)]
pub enum Rank {
    /// It says none: the later one in the answer is newer.
    None,
    /// A time or a number.
    Number(Decimal),
    /// Another text.
    Text(String),
}

impl Rank {
    fn compare(&self, other: &Rank) -> Ordering {
        match (self, other) {
            (Rank::Number(left), Rank::Number(right)) => left.cmp(right),
            (Rank::Text(left), Rank::Text(right)) => left.cmp(right),
            _ => Ordering::Equal,
        }
    }
}

/// Where the parts of a record stand.
pub(crate) struct RecordPlaces<P> {
    pub id: Option<P>,
    pub newest: Option<P>,
}

/// Reads what counts of a record. `at` is its time, `labels` its labels.
pub(crate) fn record<F: Fields>(
    fields: &F,
    places: &RecordPlaces<F::Place>,
    tests: &[Test<'_, F::Place>],
    measures: &[(&MeasureMapping, Figure<'_, F::Place>)],
    at: Result<WrittenTime, RejectionReason>,
    labels: impl FnOnce() -> Result<BTreeMap<String, String>, RejectionReason>,
    number: usize,
) -> FoundRecord {
    let text = |place: &Option<F::Place>| place.as_ref().and_then(|place| fields.text(place).ok().flatten());
    let rank = match (&places.newest, text(&places.newest)) {
        (Some(place), Some(text)) => rank(fields, place, text),
        _ => Rank::None,
    };
    let counts = || -> Result<Option<CountedRecord>, RejectionReason> {
        if !meets_all(fields, tests)? {
            return Ok(None);
        }
        let at = fields.instant(at?)?;
        let figures =
            measures.iter().map(|(measure, source)| Ok((measure.name.clone(), figure(fields, measure, source)?)));
        let figures = figures.collect::<Result<_, RejectionReason>>()?;
        Ok(Some(CountedRecord { at, labels: labels()?, figures }))
    };
    FoundRecord { id: text(&places.id), rank, counts: counts(), number }
}

fn rank<F: Fields>(fields: &F, place: &F::Place, text: String) -> Rank {
    let instant = fields.time(place).ok().flatten().and_then(|time| fields.instant(time).ok());
    let nanoseconds = instant.and_then(|instant| Decimal::try_from_i128_with_scale(instant.as_nanosecond(), 0).ok());
    match nanoseconds.or_else(|| exact(&text).ok()) {
        Some(number) => Rank::Number(number),
        None => Rank::Text(text),
    }
}

/// When a slot begins, and its labels.
type Slot = (Timestamp, BTreeMap<String, String>);
/// By name, sums; `None` where a part is missing.
type Sums = BTreeMap<String, Option<Decimal>>;

/// The rows of a window, and the records that cannot be read.
pub(crate) fn rows(
    feed: &Feed,
    zone: &TimeZone,
    window: Option<Window>,
    records: Vec<FoundRecord>,
) -> (Vec<IncomingRow>, Vec<RejectedRow>) {
    let grid = Grid::of_slots(feed, zone);
    let mut rejected = Vec::new();
    let mut slots: BTreeMap<Slot, Sums> = BTreeMap::new();
    for record in newest(records) {
        let counted = match record.counts {
            Ok(Some(counted)) => counted,
            Ok(None) => continue,
            Err(reason) => {
                rejected.push(RejectedRow { reason, text: format!("record {} of an answer", record.number) });
                continue;
            }
        };
        let slot = grid.floor(counted.at);
        match slots.get_mut(&(slot, counted.labels.clone())) {
            Some(sums) => add(sums, counted.figures),
            None => _ = slots.insert((slot, counted.labels), counted.figures),
        }
    }
    let row = |((start, labels), figures): (Slot, Sums)| {
        let measures = figures.into_iter().filter_map(|(name, value)| Some((name, value?.normalize()))).collect();
        IncomingRow { labels, start, end: grid.after(start), measures, vendor_revision: None, recorded_at: None }
    };
    let is_inside =
        |row: &IncomingRow| window.is_none_or(|window| row.start >= window.since && row.end <= window.until);
    (slots.into_iter().map(row).filter(is_inside).collect(), rejected)
}

/// Of several copies of a record the newest one, the last where none is newer.
fn newest(records: Vec<FoundRecord>) -> Vec<FoundRecord> {
    let mut kept: Vec<FoundRecord> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for record in records {
        let Some(id) = record.id.clone() else {
            kept.push(record);
            continue;
        };
        match places.get(&id).and_then(|place| kept.get_mut(*place)) {
            Some(known) if record.rank.compare(&known.rank) == Ordering::Less => {}
            Some(known) => *known = record,
            None => {
                places.insert(id, kept.len());
                kept.push(record);
            }
        }
    }
    kept
}

/// Adds a record's figures. Where one is missing, so is the sum: it would be too low.
fn add(sums: &mut Sums, figures: Sums) {
    for (name, figure) in figures {
        if let Some(sum) = sums.get_mut(&name) {
            *sum = match (*sum, figure) {
                (Some(sum), Some(figure)) => sum.checked_add(figure),
                _ => None,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::offline::checked_rows;

    const CALLS: &str = r#"{"name":"calls","url":"https://acd.acme.example/calls","cadence":"30m","format":{"json":{
        "rows":"$.calls[*]","records":{"at":"$.created","id":"$.id","newest":"$.updated"},
        "where":[{"path":"$.direction","oneOf":["inbound"]}],"labels":[{"name":"queue","path":"$.queue"}],
        "measures":[{"name":"offered","count":{}},
            {"name":"answeredWithin","count":{"where":[{"path":"$.status","equals":"done"},{"path":"$.wait","atMost":20}]}},
            {"name":"handleSeconds","sum":[{"path":"$.talk"},{"path":"$.wrap","where":[{"path":"$.status","equals":"done"}]}]},
            {"name":"waitSeconds","sum":[{"from":"$.created","to":"$.answered","where":[{"path":"$.answered","present":true}]}]}]}}}"#;

    /// What `checked_rows` makes of calls, each written as its members beside those of an answered call at 09:05.
    fn rows_of(calls: &[&str], window: Option<(&str, &str)>) -> (Vec<String>, Vec<RejectedRow>) {
        let feed: Feed = serde_json::from_str(CALLS).unwrap();
        let call = |members: &&str| {
            let mut call = serde_json::json!({"id": null, "created": "2026-01-05T09:05:00Z", "updated": 1, "direction": "inbound",
                "queue": "a", "status": "done", "wait": "00:00:20", "talk": 60, "wrap": 5, "answered": "2026-01-05T09:05:20Z", "caller": "+44 canary"});
            let members: serde_json::Value = serde_json::from_str(&format!("{{{members}}}")).unwrap();
            call.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
            call
        };
        let body = serde_json::json!({"calls": calls.iter().map(call).collect::<Vec<_>>()}).to_string();
        let window =
            window.map(|(since, until)| Window { since: since.parse().unwrap(), until: until.parse().unwrap() });
        let found = checked_rows(&feed, "UTC", body.as_bytes(), window, Timestamp::MAX).unwrap();
        let shown = |row: &IncomingRow| {
            let measures: Vec<String> = row.measures.iter().map(|(name, value)| format!("{name} {value}")).collect();
            let queue = row.labels.get("queue").map_or("", String::as_str);
            format!("{} {queue}: {}", row.start.to_string().replace(":00Z", ""), measures.join(", "))
        };
        (found.rows.iter().map(shown).collect(), found.rejected)
    }

    #[test]
    fn records_are_counted_into_slots_and_sums_hold_what_meets_their_conditions() {
        let (rows, rejected) = rows_of(
            &[
                "",
                r#""wait":21"#,
                r#""status":"left","answered":null,"talk":0,"wrap":null"#,
                r#""direction":"outbound""#,
                r#""queue":"b","created":"2026-01-05T09:29:59Z","answered":"2026-01-05T09:30:04Z""#,
                r#""created":"2026-01-05T09:30:00Z","answered":"2026-01-05T09:30:01Z","talk":null"#,
            ],
            None,
        );
        assert_eq!(
            rows,
            [
                "2026-01-05T09:00 a: answeredWithin 1, handleSeconds 130, offered 3, waitSeconds 40",
                "2026-01-05T09:00 b: answeredWithin 1, handleSeconds 65, offered 1, waitSeconds 5",
                // A talk time is missing, so the sum of the slot is, too.
                "2026-01-05T09:30 a: answeredWithin 1, offered 1, waitSeconds 1",
            ]
        );
        assert_eq!(rejected, []);
    }

    #[test]
    fn of_several_copies_the_newest_counts_also_where_it_no_longer_meets_the_conditions() {
        for (calls, expected) in [
            (vec![r#""id":1,"updated":2,"queue":"b""#, r#""id":1,"updated":1"#], "b"),
            (vec![r#""id":1,"updated":1"#, r#""id":1,"updated":2,"queue":"b""#], "b"),
            (vec![r#""id":1,"updated":9"#, r#""id":1,"updated":10,"queue":"b""#], "b"),
            (
                vec![
                    r#""id":1,"updated":"2026-01-05T10:00:00+01:00","queue":"b""#,
                    r#""id":1,"updated":"2026-01-05T08:30:00Z""#,
                ],
                "b",
            ),
            (vec![r#""id":1,"updated":null"#, r#""id":1,"updated":null,"queue":"b""#], "b"),
            (vec![r#""id":1,"updated":1"#, r#""id":1,"updated":2,"direction":"outbound""#], ""),
        ] {
            let (rows, _) = rows_of(&calls, None);
            let queues: Vec<&str> = rows.iter().filter_map(|row| row.split([' ', ':']).nth(2)).collect();
            assert_eq!(queues.len(), usize::from(!expected.is_empty()), "{calls:?}: {rows:?}");
            assert!(
                rows.iter().all(|row| row.contains(&format!(" {expected}: ")) && row.contains("offered 1")),
                "{calls:?}: {rows:?}"
            );
        }
    }

    #[test]
    fn only_slots_that_lie_wholly_inside_the_window_become_rows() {
        let calls = [
            r#""created":"2026-01-05T08:59:00Z","answered":null"#,
            r#""created":"2026-01-05T09:05:00Z","answered":null"#,
            r#""created":"2026-01-05T09:40:00Z","answered":null"#,
        ];
        for (window, starts) in [
            (("2026-01-05T09:00:00Z", "2026-01-05T10:00:00Z"), vec!["2026-01-05T09:00", "2026-01-05T09:30"]),
            // A slot of which only a part was asked for would count a part of its calls.
            (("2026-01-05T09:01:00Z", "2026-01-05T10:00:00Z"), vec!["2026-01-05T09:30"]),
            (("2026-01-05T09:00:00Z", "2026-01-05T09:59:00Z"), vec!["2026-01-05T09:00"]),
        ] {
            let (rows, _) = rows_of(&calls, Some(window));
            let found: Vec<&str> = rows.iter().filter_map(|row| row.split(' ').next()).collect();
            assert_eq!(found, starts, "{window:?}");
        }
    }

    #[test]
    fn records_by_date_and_quiet_days_beside_them_are_local_days() {
        let feed = r#"{"name":"surveys","url":"https://feeds.acme.example/v1","cadence":"24h","quiet":"Zeros","format":{"json":{
            "rows":"$[*]","records":{"at":"$.day","id":"$.id"},"measures":[{"name":"responses","count":{}}]}}}"#;
        let feed: Feed = serde_json::from_str(feed).unwrap();
        for (zone, first, last, hours) in [
            ("America/Santiago", "2026-09-05", "2026-09-08", [24, 23, 24, 24]),
            ("America/Santiago", "2026-09-06", "2026-09-09", [23, 24, 24, 24]),
            ("America/Havana", "2025-11-01", "2025-11-04", [24, 25, 24, 24]),
        ] {
            let body = serde_json::json!([{"id": 1, "day": first}, {"id": 2, "day": last}]).to_string();
            let found = checked_rows(&feed, zone, body.as_bytes(), None, Timestamp::MAX).unwrap();
            let mut rows = found.rows;
            rows.sort_by_key(|row| row.start);
            let lengths: Vec<i64> = rows.iter().map(|row| row.end.duration_since(row.start).as_hours()).collect();
            assert_eq!((lengths.as_slice(), found.rejected.len()), (&hours[..], 0), "{zone} {first}");
            assert!(rows.windows(2).all(|pair| pair[0].end == pair[1].start), "{zone} {first}");
            let counts: Vec<i64> = rows.iter().map(|row| row.measures["responses"].try_into().unwrap()).collect();
            assert_eq!(counts, [1, 0, 0, 1], "{zone} {first}");
        }
    }

    #[test]
    fn a_record_that_cannot_be_read_is_set_aside_without_a_word_of_it() {
        for (call, reason) in [
            (r#""wait":"canary""#, RejectionReason::Malformed),
            (r#""talk":"canary""#, RejectionReason::Malformed),
            (r#""created":"canary""#, RejectionReason::Malformed),
            (r#""answered":"2026-01-05T09:04:59Z""#, RejectionReason::EndNotAfterStart),
        ] {
            let (rows, rejected) = rows_of(&["", call], None);
            assert_eq!(rows.len(), 1, "{call}");
            assert_eq!(rejected, [RejectedRow { reason, text: "record 2 of an answer".to_owned() }], "{call}");
        }
        let feed: Feed = serde_json::from_str(CALLS).unwrap();
        let body = br#"{"calls":[{"caller":"canary","direction":"inbound"}]}"#;
        let error = checked_rows(&feed, "UTC", body, None, Timestamp::MAX).unwrap_err();
        assert!(
            error.message.contains("members caller, direction") && !error.message.contains("canary"),
            "{}",
            error.message
        );
    }
}
