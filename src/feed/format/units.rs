//! From what a vendor wrote in a field to a number in the unit of the measures: seconds, counts, shares of 1.

use jiff::SignedDuration;
use rust_decimal::Decimal;

use super::number::{NumberFault, exact, exact_product};
use crate::api::feed::MeasureUnit;

/// How numbers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notation {
    /// As in JSON: `1234.5`.
    Plain,
    /// As people write them: `1,234.5`.
    Point,
    /// As people write them elsewhere: `1.234,5`.
    Comma,
}

/// What exports write where there is no figure. It stays none: never zero.
const ABSENT: [&str; 10] = ["", "-", "--", "–", "—", "N/A", "n/a", "NA", "null", "NULL"];

/// Whether a field says that there is no figure.
pub fn is_absent(text: &str) -> bool {
    ABSENT.contains(&text.trim())
}

/// Reads a figure in its unit. Times become seconds, shares become parts of 1; nothing is rounded.
///
/// # Errors
/// See [`NumberFault`].
pub fn figure(text: &str, unit: MeasureUnit, notation: Notation) -> Result<Decimal, NumberFault> {
    let text = text.trim();
    let scaled = |text: &str, factor: Decimal| {
        let figure = number(text, notation)?;
        exact_product(figure, factor).ok_or(NumberFault::OutOfRange)
    };
    let percent = || text.strip_suffix('%').map_or(text, str::trim_end);
    match unit {
        MeasureUnit::Count | MeasureUnit::Seconds | MeasureUnit::Fraction => number(text, notation),
        MeasureUnit::Milliseconds => scaled(text, Decimal::new(1, 3)),
        MeasureUnit::Minutes => scaled(text, Decimal::from(60)),
        MeasureUnit::Percent | MeasureUnit::PercentText => scaled(percent(), Decimal::new(1, 2)),
        MeasureUnit::BasisPoints => scaled(text, Decimal::new(1, 4)),
        // Spreadsheets show days as clock times.
        MeasureUnit::Days if text.contains(':') => clock_time(text, notation),
        // A share of a day has no end in decimals: to the millisecond, which is what was meant.
        MeasureUnit::Days => {
            let seconds = number(text, notation)?.checked_mul(Decimal::from(86_400)).ok_or(NumberFault::OutOfRange)?;
            Ok(seconds.round_dp(3).normalize())
        }
        MeasureUnit::ClockTime => clock_time(text, notation),
        MeasureUnit::IsoDuration => iso_duration(text),
    }
}

/// Whether a unit is that of a share.
pub fn is_share(unit: MeasureUnit) -> bool {
    use MeasureUnit::{BasisPoints, Fraction, Percent, PercentText};
    matches!(unit, Fraction | Percent | PercentText | BasisPoints)
}

/// A number with its separators taken out, where they stand as they must.
fn number(text: &str, notation: Notation) -> Result<Decimal, NumberFault> {
    let (thousands, point): (&[char], char) = match notation {
        Notation::Plain => return exact(text),
        Notation::Point => (&[',', '\'', '’', ' ', '\u{a0}', '\u{202f}'], '.'),
        Notation::Comma => (&['.', '\'', '’', ' ', '\u{a0}', '\u{202f}'], ','),
    };
    let (whole, fraction) = text.split_once(point).map_or((text, None), |(whole, rest)| (whole, Some(rest)));
    let unsigned = whole.strip_prefix('-').unwrap_or(whole);
    let mut groups = unsigned.split(thousands);
    let first = groups.next().unwrap_or_default();
    let rest: Vec<&str> = groups.collect();
    let is_group = |group: &str| group.bytes().all(|byte| byte.is_ascii_digit());
    let grouped = rest.is_empty()
        || ((1..=3).contains(&first.len())
            && is_group(first)
            && rest.iter().all(|group| group.len() == 3 && is_group(group)));
    if !grouped {
        return Err(NumberFault::NotANumber);
    }
    let sign = if unsigned.len() == whole.len() { "" } else { "-" };
    let fraction = fraction.map_or(String::new(), |fraction| format!(".{fraction}"));
    exact(&format!("{sign}{first}{}{fraction}", rest.concat()))
}

/// `0:02:14`, `2:14` or `26:02:14.5` in seconds.
fn clock_time(text: &str, notation: Notation) -> Result<Decimal, NumberFault> {
    let text = if notation == Notation::Comma { text.replace(',', ".") } else { text.to_owned() };
    let parts: Vec<&str> = text.split(':').collect();
    let is_whole = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let (leading, seconds) = match parts.as_slice() {
        [leading @ .., seconds] if (1..=2).contains(&leading.len()) => (leading, *seconds),
        _ => return Err(NumberFault::NotANumber),
    };
    let below_sixty = |part: &str| exact(part).ok().filter(|part| *part < Decimal::from(60));
    let [.., minutes] = leading else { return Err(NumberFault::NotANumber) };
    // Only the first part may be sixty or more.
    let minutes_fit = leading.len() == 1 || below_sixty(minutes).is_some();
    let is_written_in_full = seconds.split('.').next().is_some_and(|whole| whole.len() == 2);
    // `:25` is written for `0:25`.
    let is_short = matches!(leading, [""]);
    if !(is_short || leading.iter().all(is_whole)) || !minutes_fit || !is_written_in_full {
        return Err(NumberFault::NotANumber);
    }
    let seconds = below_sixty(seconds).ok_or(NumberFault::NotANumber)?;
    let mut total = Decimal::ZERO;
    for part in leading.iter().filter(|part| !part.is_empty()) {
        let sixty = |total: Decimal| total.checked_mul(Decimal::from(60));
        total = total.checked_add(exact(part)?).and_then(sixty).ok_or(NumberFault::OutOfRange)?;
    }
    total.checked_add(seconds).ok_or(NumberFault::OutOfRange)
}

/// `PT2M14S` in seconds.
fn iso_duration(text: &str) -> Result<Decimal, NumberFault> {
    if !text.starts_with(['P', 'p']) {
        return Err(NumberFault::NotANumber);
    }
    let duration: SignedDuration = text.parse().map_err(|_| NumberFault::NotANumber)?;
    let nanoseconds = Decimal::from(duration.subsec_nanos()).checked_mul(Decimal::new(1, 9));
    let seconds = nanoseconds.and_then(|part| Decimal::from(duration.as_secs()).checked_add(part));
    seconds.map(|seconds| seconds.normalize()).ok_or(NumberFault::OutOfRange)
}

#[cfg(test)]
mod tests {
    use super::MeasureUnit::*;
    use super::Notation::{Comma, Plain, Point};
    use super::*;

    #[test]
    fn every_unit_is_read_exactly_or_not_at_all() {
        let cases: &[(&str, MeasureUnit, Notation, Option<&str>)] = &[
            ("97", Count, Plain, Some("97")),
            ("1,234", Count, Plain, None),
            ("1,234", Count, Point, Some("1234")),
            ("1.234", Count, Comma, Some("1234")),
            ("1.234,50", Count, Comma, Some("1234.5")),
            ("-1'234'567.5", Count, Point, Some("-1234567.5")),
            ("1 234", Count, Point, Some("1234")),
            ("1\u{a0}234,5", Count, Comma, Some("1234.5")),
            ("12,34", Count, Point, None),
            ("1,2345", Count, Point, None),
            ("1,2e3", Count, Point, None),
            ("1e0.003", Count, Comma, None),
            ("1,234.5e3", Count, Point, Some("1234500")),
            (",123", Count, Point, None),
            ("1234,567", Count, Point, None),
            ("12.5.3", Count, Comma, None),
            ("1e3", Count, Point, Some("1000")),
            ("(12)", Count, Point, None),
            ("£12", Count, Point, None),
            ("134", Seconds, Plain, Some("134")),
            ("134500", Milliseconds, Plain, Some("134.5")),
            ("2.25", Minutes, Plain, Some("135")),
            ("0:02:14", ClockTime, Plain, Some("134")),
            ("02:14", ClockTime, Plain, Some("134")),
            ("102:02:14", ClockTime, Point, Some("367334")),
            (":25", ClockTime, Point, Some("25")),
            (":5", ClockTime, Point, None),
            ("::25", ClockTime, Point, None),
            ("75:10", ClockTime, Point, Some("4510")),
            ("0:02:14.250", ClockTime, Plain, Some("134.25")),
            ("0:02:14,5", ClockTime, Comma, Some("134.5")),
            ("0:75:10", ClockTime, Plain, None),
            ("0:02:60", ClockTime, Plain, None),
            ("0:02:4", ClockTime, Plain, None),
            ("134", ClockTime, Plain, None),
            ("-0:02:14", ClockTime, Plain, None),
            ("1:2:3:4", ClockTime, Plain, None),
            ("0::14", ClockTime, Plain, None),
            ("0.0015509259259259259", Days, Plain, Some("134")),
            ("0.0015532407407", Days, Plain, Some("134.2")),
            ("1.5", Days, Plain, Some("129600")),
            ("36:02:14", Days, Point, Some("129734")),
            ("soon", Days, Point, None),
            ("PT2M14S", IsoDuration, Plain, Some("134")),
            ("PT1H0.5S", IsoDuration, Plain, Some("3600.5")),
            ("P1D", IsoDuration, Plain, None),
            ("2m 14s", IsoDuration, Plain, None),
            ("0.9401", Fraction, Plain, Some("0.9401")),
            ("94.01", Percent, Plain, Some("0.9401")),
            ("94.01%", Percent, Plain, Some("0.9401")),
            ("94.01 %", PercentText, Plain, Some("0.9401")),
            ("94,01 %", PercentText, Comma, Some("0.9401")),
            ("%", PercentText, Plain, None),
            ("94.01%%", PercentText, Plain, None),
            ("9401", BasisPoints, Plain, Some("0.9401")),
            ("1e-28", Percent, Plain, None),
            ("1e-25", Milliseconds, Plain, Some("0.0000000000000000000000000001")),
            ("7.9228162514264337593543950333", Minutes, Plain, None),
            ("0.1234567890123456789012345678", Percent, Plain, None),
            ("", Count, Point, None),
            ("NaN", Count, Point, None),
            ("1e400", Count, Plain, None),
        ];
        for (text, unit, notation, expected) in cases {
            let found = figure(text, *unit, *notation).ok().map(|figure| figure.normalize().to_string());
            assert_eq!(found.as_deref(), *expected, "{text} {unit:?} {notation:?}");
        }
    }
}
