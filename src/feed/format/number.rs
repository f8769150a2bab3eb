//! Exact decimals from the text of a number.

use crate::evidence::RejectionReason;
use rust_decimal::Decimal;

/// Why a text is not a usable number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberFault {
    /// It is not a number, or one beyond every machine's (`1e400`): the sender is broken.
    NotANumber,
    /// A number that cannot be kept exactly, or larger than any honest figure.
    OutOfRange,
}

/// The largest figure that is taken: 10^15.
const LARGEST: i64 = 1_000_000_000_000_000;

/// Reads a number as JSON writes it, with or without an exponent, exactly.
///
/// # Errors
/// See [`NumberFault`]. Nothing is ever rounded.
pub fn exact(text: &str) -> Result<Decimal, NumberFault> {
    if let Some(count) = count(text) {
        return Ok(count.into());
    }
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        None => (text, 0),
        Some((mantissa, exponent)) => {
            let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(NumberFault::NotANumber);
            }
            (mantissa, exponent.parse::<i32>().map_err(|_| NumberFault::NotANumber)?)
        }
    };
    let (negative, digits) = mantissa.strip_prefix('-').map_or((false, mantissa), |digits| (true, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !plain(whole) || !plain(fraction) || digits.ends_with('.') {
        return Err(NumberFault::NotANumber);
    }
    let value = scaled(whole, fraction, exponent)?;
    Ok(if negative && !value.is_zero() { -value } else { value })
}

/// A whole number of so few digits that it is below [`LARGEST`]: nearly all figures are one.
fn count(text: &str) -> Option<u64> {
    let is_plain = (1..=15).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| text.parse().ok()).flatten()
}

/// The number whose digits are `whole` and `fraction`, times ten to the power of `exponent`.
fn scaled(whole: &str, fraction: &str, exponent: i32) -> Result<Decimal, NumberFault> {
    let digits = format!("{whole}{fraction}");
    let leading = digits.trim_start_matches('0');
    let significant = leading.trim_end_matches('0');
    if significant.is_empty() {
        return Ok(Decimal::ZERO);
    }
    let length = |text: &str| i32::try_from(text.len()).map_err(|_| NumberFault::OutOfRange);
    let dropped = length(leading)? - length(significant)?;
    // value = significant × 10^power
    let power = exponent.saturating_sub(length(fraction)?).saturating_add(dropped);
    if power.saturating_add(length(significant)?) > 308 {
        return Err(NumberFault::NotANumber);
    }
    let mantissa: i128 = significant.parse().map_err(|_| NumberFault::OutOfRange)?;
    let value = match u32::try_from(power) {
        Ok(power) => 10_i128
            .checked_pow(power)
            .and_then(|factor| mantissa.checked_mul(factor))
            .and_then(|value| Decimal::try_from_i128_with_scale(value, 0).ok()),
        Err(_) => Decimal::try_from_i128_with_scale(mantissa, power.unsigned_abs()).ok(),
    };
    value.filter(|value| *value <= Decimal::from(LARGEST)).ok_or(NumberFault::OutOfRange)
}

/// The product of two numbers, where all its digits can be kept.
pub fn exact_product(left: Decimal, right: Decimal) -> Option<Decimal> {
    let mut mantissa = left.mantissa().checked_mul(right.mantissa())?;
    let mut scale = left.scale() + right.scale();
    while scale > 0 && mantissa % 10 == 0 {
        (mantissa, scale) = (mantissa / 10, scale - 1);
    }
    Decimal::try_from_i128_with_scale(mantissa, scale).ok()
}

/// What of a number's fault is said of its row.
pub(super) fn reason(fault: NumberFault) -> RejectionReason {
    match fault {
        NumberFault::NotANumber => RejectionReason::Malformed,
        NumberFault::OutOfRange => RejectionReason::OutOfRange,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_exactly_or_not_at_all() {
        let cases: &[(&str, Result<&str, NumberFault>)] = &[
            ("97", Ok("97")),
            ("97.0", Ok("97")),
            ("-0", Ok("0")),
            ("-0.0", Ok("0")),
            ("-12.50", Ok("-12.5")),
            ("0.1", Ok("0.1")),
            ("0.30000000000000004", Ok("0.30000000000000004")),
            ("1e3", Ok("1000")),
            ("1.25E-2", Ok("0.0125")),
            ("120e-1", Ok("12")),
            ("0.0000000000000000000000000001", Ok("0.0000000000000000000000000001")),
            ("1.00000000000000000000000000000000000000000", Ok("1")),
            ("0e400", Ok("0")),
            ("1000000000000000", Ok("1000000000000000")),
            ("1000000000000000.1", Err(NumberFault::OutOfRange)),
            ("1e16", Err(NumberFault::OutOfRange)),
            ("1e-30", Err(NumberFault::OutOfRange)),
            ("1.2345678901234567890123456789012", Err(NumberFault::OutOfRange)),
            ("1e400", Err(NumberFault::NotANumber)),
            ("-1E+999999999", Err(NumberFault::NotANumber)),
            ("1e99999999999", Err(NumberFault::NotANumber)),
            ("NaN", Err(NumberFault::NotANumber)),
            ("Infinity", Err(NumberFault::NotANumber)),
            ("", Err(NumberFault::NotANumber)),
            ("1.", Err(NumberFault::NotANumber)),
            (".5", Err(NumberFault::NotANumber)),
            ("1e", Err(NumberFault::NotANumber)),
            ("--1", Err(NumberFault::NotANumber)),
            ("0x10", Err(NumberFault::NotANumber)),
            ("1,5", Err(NumberFault::NotANumber)),
            ("١", Err(NumberFault::NotANumber)),
        ];
        for (text, expected) in cases {
            assert_eq!(exact(text).map(|value| value.to_string()), expected.map(str::to_owned), "{text}");
        }
        assert!(exact(&"9".repeat(5_000)).is_err() && exact(&format!("0.{}1", "0".repeat(5_000))).is_err());
    }
}
