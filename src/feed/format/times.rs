//! Times as vendors write them: instants, local times that a zone makes instants, or dates, which name whole days.

use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::strtime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

/// A time that was read, and may still need its zone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum WrittenTime {
    /// With an offset, or counted from 1970.
    Instant(Timestamp),
    /// As a clock on a wall shows it.
    Local(DateTime),
    /// A date without a time: a day of the zone, of 23, 24 or 25 hours.
    Date(Date),
}

/// Reads `2026-01-05T09:00:00Z`, the same without an offset, or a date alone.
pub fn written(text: &str) -> Option<WrittenTime> {
    let text = text.trim();
    if let Some(instant) = instant(text) {
        return Some(WrittenTime::Instant(instant));
    }
    let bytes = text.as_bytes();
    let is_separated = bytes.get(4) == Some(&b'-') && bytes.get(7) == Some(&b'-') && bytes.len() <= 40;
    // A broken offset must not be overlooked, nor may a name of a zone.
    let is_local = !text.get(10..).unwrap_or_default().contains(['Z', 'z', '+', '-', '[']);
    if !is_separated || !is_local {
        return None;
    }
    let time = if bytes.len() == DATE_LENGTH {
        text.parse().ok().map(WrittenTime::Date)
    } else {
        text.parse().ok().map(WrittenTime::Local)
    };
    time.filter(is_kept)
}

/// Characters of `2026-01-05`.
const DATE_LENGTH: usize = 10;

/// Reads a time by a strftime format. With an offset in it, it is an instant.
pub fn formatted(text: &str, format: &str) -> Option<WrittenTime> {
    let broken_down = strtime::parse(format, text.trim()).ok()?;
    if broken_down.offset().is_some() || format.contains("%s") {
        return broken_down.to_timestamp().ok().map(WrittenTime::Instant).filter(is_kept);
    }
    let date = broken_down.to_date().ok()?;
    // A format without an hour is a date.
    let time = match broken_down.hour() {
        Some(_) => WrittenTime::Local(date.to_datetime(broken_down.to_time().ok()?)),
        None => WrittenTime::Date(date),
    };
    Some(time).filter(is_kept)
}

/// Reads seconds or milliseconds since 1970: those after 1973 and before 2201, where neither can be taken for the other.
pub fn counted(number: i64) -> Option<WrittenTime> {
    let instant = match number {
        100_000_000..=99_999_999_999 => Timestamp::from_second(number),
        100_000_000_000..=9_000_000_000_000 => Timestamp::from_millisecond(number),
        _ => return None,
    };
    instant.ok().map(WrittenTime::Instant).filter(is_kept)
}

/// Whether the store can keep a time.
fn is_kept(time: &WrittenTime) -> bool {
    let year = match time {
        WrittenTime::Instant(instant) => instant.to_zoned(TimeZone::UTC).year(),
        WrittenTime::Local(local) => local.year(),
        WrittenTime::Date(date) => date.year(),
    };
    (1900..=2200).contains(&year)
}

/// The instants that a local time may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Instants {
    /// One.
    One(Timestamp),
    /// Two, since the clock was set back: the earlier and the later.
    Two(Timestamp, Timestamp),
    /// None, since the clock was set forward over it; the instant at which that happened, if it is that very one.
    None(Option<Timestamp>),
}

/// The instants at which a zone's clock shows a local time.
pub fn instants(local: DateTime, zone: &TimeZone) -> Instants {
    let at = |offset: jiff::tz::Offset| offset.to_timestamp(local).ok();
    let ambiguous = zone.to_ambiguous_timestamp(local).offset();
    match ambiguous {
        AmbiguousOffset::Unambiguous { offset } => at(offset).map_or(Instants::None(None), Instants::One),
        AmbiguousOffset::Fold { before, after } => match (at(before), at(after)) {
            (Some(first), Some(second)) => Instants::Two(first, second),
            _ => Instants::None(None),
        },
        AmbiguousOffset::Gap { before, after } => {
            let is_change = |instant: &Timestamp| {
                let just_before = instant.checked_sub(SignedDuration::from_nanos(1));
                zone.to_offset(*instant) == after && just_before.is_ok_and(|instant| zone.to_offset(instant) == before)
            };
            Instants::None(at(before).filter(is_change))
        }
    }
}

/// The first instant of a day, also where the clock skips its midnight.
pub fn day_start(date: Date, zone: &TimeZone) -> Option<Timestamp> {
    match instants(date.to_datetime(Time::midnight()), zone) {
        Instants::One(instant) | Instants::Two(instant, _) => Some(instant),
        Instants::None(_) => {
            // The clock was set forward from or over midnight: the day begins when that happened.
            let noon = date.to_datetime(Time::constant(12, 0, 0, 0));
            let noon = zone.to_ambiguous_timestamp(noon).compatible().ok()?;
            zone.preceding(noon).next().map(|transition| transition.timestamp())
        }
    }
}

/// The first instant after a day.
pub fn day_end(date: Date, zone: &TimeZone) -> Option<Timestamp> {
    day_start(date.tomorrow().ok()?, zone)
}

/// The end of a row that begins at an instant: of two, the first that comes after the start; the very moment at which the
/// clock is set forward is one, although the clock never shows it.
pub fn end_of(time: WrittenTime, start: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    match time {
        WrittenTime::Instant(instant) => Some(instant),
        WrittenTime::Date(date) => day_start(date, zone),
        WrittenTime::Local(local) => match instants(local, zone) {
            Instants::One(instant) => Some(instant),
            Instants::Two(first, second) => Some(if first > start { first } else { second }),
            Instants::None(change) => change,
        },
    }
}

/// An instant of RFC 3339: a date, a time and an offset.
pub(crate) fn instant(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let separated = bytes.get(4) == Some(&b'-') && bytes.get(10).is_some_and(|byte| matches!(byte, b'T' | b't' | b' '));
    // The parser knows offsets of more than a day, RFC 3339 does not.
    let offset = text.get(11..).and_then(|rest| rest.split_once(['+', '-'])).map(|(_, offset)| offset.get(..2));
    if offset.is_some_and(|hours| hours.is_none_or(|hours| hours > "23")) {
        return None;
    }
    let instant = (separated && bytes.len() <= 40 && !text.contains('[')).then(|| text.parse().ok())??;
    // The store keeps nanoseconds in 64 bits.
    let (first, last) = (-9_000_000_000_i64, 9_000_000_000_i64);
    Some(instant).filter(|instant: &Timestamp| (first..=last).contains(&instant.as_second()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(time: Option<WrittenTime>) -> String {
        match time {
            None => "-".to_owned(),
            Some(WrittenTime::Instant(instant)) => instant.to_string(),
            Some(WrittenTime::Local(local)) => format!("local {local}"),
            Some(WrittenTime::Date(date)) => format!("date {date}"),
        }
    }

    #[test]
    fn times_are_read_as_they_were_written() {
        for (text, expected) in [
            ("2026-01-05T09:00:00Z", "2026-01-05T09:00:00Z"),
            (" 2026-01-05 09:00:00+01:00 ", "2026-01-05T08:00:00Z"),
            ("2026-01-05T09:00:00.000+0000", "2026-01-05T09:00:00Z"),
            ("2026-01-05T09:00Z", "2026-01-05T09:00:00Z"),
            ("2026-01-05T09:00:00", "local 2026-01-05T09:00:00"),
            ("2026-01-05 09:00", "local 2026-01-05T09:00:00"),
            ("2026-01-05", "date 2026-01-05"),
            ("2026-01-05T00:00", "local 2026-01-05T00:00:00"),
            ("2026-01-05T09:00:00[Europe/Paris]", "-"),
            ("2026-01-05T09:00:00+25:00", "-"),
            ("2026-01-05T09:00+25:00", "-"),
            ("2026-01-05T09-24", "-"),
            ("05/01/2026", "-"),
            ("20260105", "-"),
            ("9999-01-01", "-"),
            ("", "-"),
        ] {
            assert_eq!(shown(written(text)), expected, "{text}");
        }
        for (text, format, expected) in [
            ("05/01/2026 09:30", "%d/%m/%Y %H:%M", "local 2026-01-05T09:30:00"),
            ("1/5/2026 9:30 PM", "%m/%d/%Y %I:%M %p", "local 2026-01-05T21:30:00"),
            ("05.01.2026", "%d.%m.%Y", "date 2026-01-05"),
            ("2026-01-05 09:30 +0100", "%Y-%m-%d %H:%M %z", "2026-01-05T08:30:00Z"),
            ("1767603600", "%s", "2026-01-05T09:00:00Z"),
            ("31/02/2026 09:30", "%d/%m/%Y %H:%M", "-"),
            ("09:30", "%H:%M", "-"),
        ] {
            assert_eq!(shown(formatted(text, format)), expected, "{text} {format}");
        }
        for (number, expected) in [
            (1_767_603_600, "2026-01-05T09:00:00Z"),
            (1_767_603_600_000, "2026-01-05T09:00:00Z"),
            (20_260_105, "-"),
            (30_000_000_000, "-"),
            (-1, "-"),
            (i64::MAX, "-"),
        ] {
            assert_eq!(shown(counted(number)), expected, "{number}");
        }
    }

    #[test]
    fn a_day_begins_at_its_first_instant_and_ends_with_the_next() {
        for (zone, date, start, hours) in [
            ("Europe/London", "2026-06-08", "2026-06-07T23:00:00Z", 24),
            ("Europe/London", "2026-03-29", "2026-03-29T00:00:00Z", 23),
            ("Europe/London", "2026-10-25", "2026-10-24T23:00:00Z", 25),
            // The clock skips these midnights: the day begins at one in the morning.
            ("America/Santiago", "2026-09-06", "2026-09-06T04:00:00Z", 23),
            ("Africa/Cairo", "2026-04-24", "2026-04-23T22:00:00Z", 23),
            ("Asia/Beirut", "2026-03-29", "2026-03-28T22:00:00Z", 23),
            // And the day before them ends there.
            ("America/Santiago", "2026-09-05", "2026-09-05T04:00:00Z", 24),
            // These midnights come twice: the day begins with the first.
            ("America/Havana", "2026-11-01", "2026-11-01T04:00:00Z", 25),
        ] {
            let zone_of = TimeZone::get(zone).unwrap();
            let date: Date = date.parse().unwrap();
            let (from, to) = (day_start(date, &zone_of).unwrap(), day_end(date, &zone_of).unwrap());
            assert_eq!(
                (from.to_string().as_str(), to.duration_since(from).as_hours()),
                (start, hours),
                "{zone} {date}"
            );
        }
    }

    #[test]
    fn a_local_time_has_one_instant_two_or_none() {
        let instant = |text: &str| text.parse::<Timestamp>().unwrap();
        for (zone, local, expected) in [
            ("Europe/London", "2026-06-08T09:00", Instants::One(instant("2026-06-08T08:00Z"))),
            (
                "Europe/London",
                "2026-10-25T01:30",
                Instants::Two(instant("2026-10-25T00:30Z"), instant("2026-10-25T01:30Z")),
            ),
            ("Europe/London", "2026-03-29T01:00", Instants::None(Some(instant("2026-03-29T01:00Z")))),
            ("Europe/London", "2026-03-29T01:30", Instants::None(None)),
            (
                "America/New_York",
                "2026-11-01T01:00",
                Instants::Two(instant("2026-11-01T05:00Z"), instant("2026-11-01T06:00Z")),
            ),
            ("Asia/Kolkata", "2026-10-25T01:30", Instants::One(instant("2026-10-24T20:00Z"))),
        ] {
            let zone = TimeZone::get(zone).unwrap();
            assert_eq!(instants(local.parse().unwrap(), &zone), expected, "{local}");
        }
    }
}
