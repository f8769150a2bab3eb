//! Durations, decimals, figures in their units and times: a first byte chooses, the rest is the text.
#![no_main]

use bpo_operator::api::feed::MeasureUnit;
use bpo_operator::api::scalar::{Decimal, Duration, shorten};
use bpo_operator::domain::numbers::exact::Exact;
use bpo_operator::feed::format::number::exact;
use bpo_operator::feed::format::times::{WrittenTime, counted, formatted, written};
use bpo_operator::feed::format::units::{Notation, figure, is_absent};
use libfuzzer_sys::fuzz_target;

const UNITS: [MeasureUnit; 10] = [
    MeasureUnit::Count,
    MeasureUnit::Seconds,
    MeasureUnit::Milliseconds,
    MeasureUnit::Minutes,
    MeasureUnit::Fraction,
    MeasureUnit::Percent,
    MeasureUnit::PercentText,
    MeasureUnit::BasisPoints,
    MeasureUnit::ClockTime,
    MeasureUnit::IsoDuration,
];

/// Formats that say all of a time: what they print they read.
const FORMATS: [&str; 6] =
    ["%m/%d/%Y %I:%M %p", "%d/%m/%Y %H:%M", "%d.%m.%Y", "%Y-%m-%d %H:%M:%S", "%d %b %Y %H:%M", "%Y-%m-%d %H:%M:%S %z"];

fuzz_target!(|input: &[u8]| {
    let Some((choice, text)) = input.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    assert!(shorten(text).chars().count() <= 65);
    match choice % 5 {
        0 => api_scalars(text),
        1 => numbers(text),
        2 => figures(text, usize::from(choice / 5)),
        3 => times(text),
        _ => formatted_times(text, usize::from(choice / 5)),
    }
});

fn api_scalars(text: &str) {
    if let Ok(duration) = text.parse::<Duration>() {
        let printed = duration.to_string();
        assert_eq!(printed.parse::<Duration>(), Ok(duration), "{text}");
        assert!(duration.amount >= 0);
        let json = serde_json::to_string(&duration).expect("a text");
        assert_eq!(serde_json::from_str::<Duration>(&json).expect("it was written so"), duration);
    }
    if let Ok(decimal) = text.parse::<Decimal>() {
        assert_eq!(decimal.to_string().parse::<Decimal>(), Ok(decimal), "{text}");
        let json = serde_json::to_string(&decimal).expect("a number or a text");
        assert_eq!(serde_json::from_str::<Decimal>(&json).expect("it was written so"), decimal, "{text}");
        assert!(decimal.0.scale() <= 6 && is_near(decimal.0, text.parse().expect("a number")), "{text}");
    }
    let _ = serde_json::from_str::<Decimal>(text);
}

/// An exact number is the one that the text says, by another reader.
fn numbers(text: &str) {
    let Ok(number) = exact(text) else { return };
    let float: f64 = text.parse().unwrap_or_else(|_| panic!("{text} is not a number, and became {number}"));
    assert!(is_near(number, float), "{text} became {number}");
    assert_eq!(exact(&number.to_string()), Ok(number), "{text}");
    let digits: Option<rust_decimal::Decimal> = rust_decimal::Decimal::from_str_exact(text).ok();
    assert!(digits.is_none_or(|digits| digits == number), "{text} became {number}");
}

fn figures(text: &str, choice: usize) {
    let unit = UNITS[choice % UNITS.len()];
    for notation in [Notation::Plain, Notation::Point, Notation::Comma] {
        let Ok(found) = figure(text, unit, notation) else { continue };
        assert!(!is_absent(text), "{text:?} is not a figure, and became {found}");
        assert!(text.contains(|letter: char| letter.is_ascii_digit()), "{text:?} became {found}");
        let factor = match unit {
            MeasureUnit::Milliseconds => (1, 1_000),
            MeasureUnit::Minutes => (60, 1),
            MeasureUnit::Percent | MeasureUnit::PercentText => (1, 100),
            MeasureUnit::BasisPoints => (1, 10_000),
            MeasureUnit::ClockTime | MeasureUnit::IsoDuration => {
                assert!(found.scale() <= 28);
                continue;
            }
            _ => (1, 1),
        };
        let plain = text.trim().trim_end_matches('%').trim_end();
        let number = figure(plain, MeasureUnit::Count, notation).expect("a figure without its unit");
        let expected = Exact::from(number) * Exact::fraction(factor.0, factor.1).expect("a fraction");
        assert_eq!(Exact::from(found), expected, "{text} {unit:?} {notation:?} was rounded");
        check_digits(plain, number, notation);
    }
}

/// Without its separators, a figure is what another reader makes of it; where there are any, it has no exponent.
fn check_digits(text: &str, number: rust_decimal::Decimal, notation: Notation) {
    let (point, group) = match notation {
        Notation::Plain => ('.', '.'),
        Notation::Point => ('.', ','),
        Notation::Comma => (',', '.'),
    };
    let is_separator = |letter: char| {
        notation != Notation::Plain && (letter == group || matches!(letter, '\'' | '’' | ' ' | '\u{a0}' | '\u{202f}'))
    };
    let bare: String = text.chars().filter(|letter| !is_separator(*letter)).collect();
    let whole = bare.split(point).next().unwrap_or_default();
    if bare.len() < text.len() {
        assert!(!whole.contains(['e', 'E']), "{text:?} {notation:?} became {number}");
    }
    let bare = if notation == Notation::Comma { bare.replace(',', ".") } else { bare };
    let float: f64 = bare.parse().unwrap_or_else(|_| panic!("{text:?} is not a number, and became {number}"));
    assert!(is_near(number, float), "{text:?} {notation:?} became {number}");
}

fn times(text: &str) {
    if let Some(time) = written(text) {
        check_kept(time);
        let printed = match time {
            WrittenTime::Instant(instant) => instant.to_string(),
            WrittenTime::Local(local) => local.to_string(),
            WrittenTime::Date(date) => date.to_string(),
        };
        assert_eq!(written(&printed), Some(time), "{text}");
        // RFC 3339 knows no offset of a day.
        let offset = text.trim().get(11..).and_then(|rest| rest.split_once(['+', '-'])).map(|(_, offset)| offset);
        if let Some(offset) = offset {
            let hours: String = offset.chars().take_while(char::is_ascii_digit).take(2).collect();
            assert!(hours.parse::<u8>().is_ok_and(|hours| hours < 24), "{text} became {time:?}");
        }
    }
    if let Ok(number) = text.parse()
        && let Some(time) = counted(number)
    {
        check_kept(time);
    }
}

fn formatted_times(text: &str, choice: usize) {
    let format = FORMATS[choice % FORMATS.len()];
    if let Some(time) = formatted(text, format) {
        check_kept(time);
        let printed = match time {
            WrittenTime::Instant(instant) => instant.to_zoned(jiff::tz::TimeZone::UTC).strftime(format).to_string(),
            WrittenTime::Local(local) => local.strftime(format).to_string(),
            WrittenTime::Date(date) => date.strftime(format).to_string(),
        };
        assert_eq!(formatted(&printed, format), Some(time), "{text:?} {format}");
    }
    // A format may be any text, too.
    if let Some(time) = formatted("05/01/2026 09:30", text) {
        check_kept(time);
    }
}

fn check_kept(time: WrittenTime) {
    let year = match time {
        WrittenTime::Instant(instant) => instant.to_zoned(jiff::tz::TimeZone::UTC).year(),
        WrittenTime::Local(local) => local.year(),
        WrittenTime::Date(date) => date.year(),
    };
    assert!((1684..=2255).contains(&year), "{time:?} does not fit the store");
}

fn is_near(number: rust_decimal::Decimal, float: f64) -> bool {
    let number: f64 = number.to_string().parse().expect("a number");
    (number - float).abs() <= float.abs() * 1e-12
}
