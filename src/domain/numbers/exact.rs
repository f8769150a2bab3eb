//! Exact numbers: what decides a verdict or money is never a binary float and never a cut quotient.

use std::cmp::Ordering;
use std::fmt;
use std::iter::Sum;
use std::ops::{Add, Mul, Neg, Sub};

use num_bigint::BigInt;
use num_integer::Integer;
use num_rational::BigRational;
use num_traits::{Signed, ToPrimitive, Zero};

use crate::api::kpi_target::{Rounding, RoundingMode};
use crate::api::scalar;

mod stored;

/// Decimals with which a value is shown that no rounding was asked for.
pub const SHOWN_DECIMALS: u32 = 6;

/// An exact rational number.
///
/// Small numbers are a reduced fraction of two `i128`; what does not fit them falls back to big integers, so no operation
/// overflows. The same number always has the same form, so equality is that of numbers.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Exact(Form);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Form {
    /// Reduced, with a positive denominator.
    Small(i128, i128),
    /// Reduced, and too large for `Small`.
    Big(Box<BigRational>),
}

impl Exact {
    /// 0.
    pub const ZERO: Exact = Exact(Form::Small(0, 1));
    /// 1.
    pub const ONE: Exact = Exact(Form::Small(1, 1));
    /// 100.
    pub const HUNDRED: Exact = Exact(Form::Small(100, 1));

    /// `numerator / denominator`; `None` if the denominator is 0.
    pub fn fraction(numerator: i128, denominator: i128) -> Option<Exact> {
        if denominator == 0 {
            return None;
        }
        if denominator == 1 {
            return Some(Exact(Form::Small(numerator, 1)));
        }
        if numerator == i128::MIN || denominator == i128::MIN {
            return Some(Self::from_big(BigRational::new(numerator.into(), denominator.into())));
        }
        let divisor = greatest_common_divisor(numerator, denominator);
        let sign = denominator.signum();
        Some(Exact(Form::Small(sign * numerator / divisor, sign * denominator / divisor)))
    }

    /// `mantissa / 10^scale`, as decimals are kept.
    pub fn from_scaled(mantissa: i128, scale: u32) -> Exact {
        10_i128
            .checked_pow(scale)
            .and_then(|power| Self::fraction(mantissa, power))
            .unwrap_or_else(|| Self::from_big(BigRational::new(mantissa.into(), BigInt::from(10).pow(scale))))
    }

    /// The same number as a pair of big integers, for what computes with those.
    pub fn to_rational(&self) -> BigRational {
        self.to_big()
    }

    fn from_big(big: BigRational) -> Exact {
        match (big.numer().to_i128(), big.denom().to_i128()) {
            (Some(numerator), Some(denominator)) => Exact(Form::Small(numerator, denominator)),
            _ => Exact(Form::Big(Box::new(big))),
        }
    }

    fn to_big(&self) -> BigRational {
        match &self.0 {
            Form::Small(numerator, denominator) => BigRational::new_raw((*numerator).into(), (*denominator).into()),
            Form::Big(big) => (**big).clone(),
        }
    }

    /// Whether it is 0.
    pub fn is_zero(&self) -> bool {
        *self == Exact::ZERO
    }

    /// -1, 0 or 1.
    pub fn signum(&self) -> i32 {
        match &self.0 {
            Form::Small(numerator, _) => numerator.signum() as i32,
            Form::Big(big) if big.is_negative() => -1,
            Form::Big(_) => 1,
        }
    }

    /// Whether it is below 0.
    pub fn is_negative(&self) -> bool {
        self.signum() < 0
    }

    /// The distance from 0.
    pub fn abs(&self) -> Exact {
        if self.is_negative() { -self } else { self.clone() }
    }

    /// `self / divisor`; `None` if the divisor is 0.
    pub fn checked_div(&self, divisor: &Exact) -> Option<Exact> {
        if divisor.is_zero() {
            return None;
        }
        if let (Form::Small(a, b), Form::Small(c, d)) = (&self.0, &divisor.0)
            && let (Some(numerator), Some(denominator)) = (a.checked_mul(*d), b.checked_mul(*c))
        {
            return Exact::fraction(numerator, denominator);
        }
        Some(Self::from_big(self.to_big() / divisor.to_big()))
    }

    /// A percentage of this: `self × percent / 100`.
    pub fn percent(&self, percent: &Exact) -> Exact {
        self * &(percent * &Exact(Form::Small(1, 100)))
    }

    /// The value between `low` and `high` that is nearest to this one.
    pub fn clamp_between(&self, low: &Exact, high: &Exact) -> Exact {
        self.max(low).min(high).clone()
    }

    /// Rounded to `decimals` digits after the point.
    pub fn round(&self, decimals: u32, mode: RoundingMode) -> Exact {
        let shift = power_of_ten(decimals);
        let whole = (self * &shift).to_whole(mode);
        whole.checked_div(&shift).unwrap_or(whole)
    }

    /// Rounded as a KPI's `rounding` says; without one it stays as it is.
    pub fn rounded(&self, rounding: Option<&Rounding>) -> Exact {
        match rounding {
            Some(rounding) => self.round(decimals_of(rounding), rounding.mode),
            None => self.clone(),
        }
    }

    fn to_whole(&self, mode: RoundingMode) -> Exact {
        match &self.0 {
            Form::Small(_, 1) => self.clone(),
            Form::Small(numerator, denominator) => {
                let (quotient, rest) = (numerator / denominator, (numerator % denominator).unsigned_abs());
                let half = rest.cmp(&(denominator.unsigned_abs() - rest));
                let away = rounds_away(half, quotient % 2 != 0, mode);
                Exact(Form::Small(if away { quotient + numerator.signum() } else { quotient }, 1))
            }
            Form::Big(big) => {
                let (quotient, rest) = big.numer().div_rem(big.denom());
                let half = (rest.abs() * 2_i32).cmp(big.denom());
                let away = !rest.is_zero() && rounds_away(half, quotient.is_odd(), mode);
                let step = if away { big.numer().signum() } else { BigInt::zero() };
                Self::from_big(BigRational::from_integer(quotient + step))
            }
        }
    }

    /// Money with exactly `minor_units` digits after the point, half-even: `0.00`, never `-0.00`.
    pub fn to_money(&self, minor_units: u32) -> String {
        self.show_fixed(minor_units)
    }

    /// With exactly `decimals` digits after the point, half-even.
    pub fn show_fixed(&self, decimals: u32) -> String {
        let digits = match (&self.abs() * &power_of_ten(decimals)).to_whole(RoundingMode::HalfEven).0 {
            Form::Small(whole, _) => whole.to_string(),
            Form::Big(big) => big.to_integer().to_string(),
        };
        let places = decimals as usize;
        let padded = format!("{digits:0>width$}", width = places + 1);
        let (whole, fraction) = padded.split_at(padded.len().saturating_sub(places));
        let sign = if self.is_negative() && digits != "0" { "-" } else { "" };
        if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
    }

    /// With at most `decimals` digits after the point, half-even, without trailing zeros: `80`, `18.04377`, `0.5`.
    pub fn show(&self, decimals: u32) -> String {
        if let Form::Small(whole, 1) = &self.0 {
            return whole.to_string();
        }
        let fixed = self.show_fixed(decimals);
        if !fixed.contains('.') {
            return fixed;
        }
        fixed.trim_end_matches('0').trim_end_matches('.').to_owned()
    }

    /// As a status shows a KPI's value: what was rounded with exactly the digits that were asked for (`78.0`), anything
    /// else with at most six digits, without trailing zeros (`80`, `18.04377`).
    pub fn show_as(&self, rounding: Option<&Rounding>) -> String {
        match rounding {
            Some(rounding) => self.show_fixed(decimals_of(rounding)),
            None => self.show(SHOWN_DECIMALS),
        }
    }

    /// The nearest binary float, for statistics.
    pub fn to_f64(&self) -> f64 {
        const WHOLE: i128 = 1 << 53;
        match &self.0 {
            Form::Small(numerator, denominator) if numerator.abs() <= WHOLE && *denominator <= WHOLE => {
                *numerator as f64 / *denominator as f64
            }
            _ => self.to_big().to_f64().unwrap_or(f64::NAN),
        }
    }

    /// The whole number that this is; `None` if it has a fraction or does not fit.
    pub fn to_i64(&self) -> Option<i64> {
        match &self.0 {
            Form::Small(numerator, 1) => i64::try_from(*numerator).ok(),
            _ => None,
        }
    }

    /// The nearest whole number at or below this; `None` if it does not fit.
    pub fn floor_i64(&self) -> Option<i64> {
        match &self.0 {
            Form::Small(numerator, denominator) => i64::try_from(numerator.div_euclid(*denominator)).ok(),
            Form::Big(big) => big.floor().to_integer().to_i64(),
        }
    }
}

fn power_of_ten(exponent: u32) -> Exact {
    match 10_i128.checked_pow(exponent) {
        Some(power) => Exact(Form::Small(power, 1)),
        None => Exact::from_big(BigRational::from_integer(BigInt::from(10).pow(exponent))),
    }
}

fn decimals_of(rounding: &Rounding) -> u32 {
    u32::try_from(rounding.decimals.clamp(0, 18)).unwrap_or(0)
}

/// Whether a number whose rest compares to a half as `half` moves away from zero.
fn rounds_away(half: Ordering, odd: bool, mode: RoundingMode) -> bool {
    match mode {
        RoundingMode::Truncate => false,
        RoundingMode::HalfUp => half != Ordering::Less,
        RoundingMode::HalfEven => half == Ordering::Greater || (half == Ordering::Equal && odd),
    }
}

fn greatest_common_divisor(a: i128, b: i128) -> i128 {
    // Nearly all numbers fit 64 bits, for which the algorithm is several times faster.
    match (u64::try_from(a.unsigned_abs()), u64::try_from(b.unsigned_abs())) {
        (Ok(a), Ok(b)) => i128::from(a.gcd(&b)),
        _ => a.gcd(&b),
    }
}

/// Digits after the point of money in a currency of ISO 4217; 2 for those that the table does not name.
pub fn minor_units(currency: &str) -> u32 {
    match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "UYI" | "VND"
        | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        "CLF" | "UYW" => 4,
        _ => 2,
    }
}

impl From<rust_decimal::Decimal> for Exact {
    fn from(decimal: rust_decimal::Decimal) -> Self {
        Exact::from_scaled(decimal.mantissa(), decimal.scale())
    }
}

impl From<scalar::Decimal> for Exact {
    fn from(decimal: scalar::Decimal) -> Self {
        decimal.0.into()
    }
}

impl From<&scalar::Decimal> for Exact {
    fn from(decimal: &scalar::Decimal) -> Self {
        decimal.0.into()
    }
}

impl From<BigRational> for Exact {
    fn from(big: BigRational) -> Self {
        Exact::from_big(big)
    }
}

impl From<i64> for Exact {
    fn from(whole: i64) -> Self {
        Exact(Form::Small(whole.into(), 1))
    }
}

impl Ord for Exact {
    fn cmp(&self, other: &Self) -> Ordering {
        if let (Form::Small(a, b), Form::Small(c, d)) = (&self.0, &other.0) {
            if b == d {
                return a.cmp(c);
            }
            if let (Some(left), Some(right)) = (a.checked_mul(*d), c.checked_mul(*b)) {
                return left.cmp(&right);
            }
        }
        self.to_big().cmp(&other.to_big())
    }
}

impl PartialOrd for Exact {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The sum of two small fractions, unless it overflows.
fn add_small(a: i128, b: i128, c: i128, d: i128) -> Option<Exact> {
    if b == d {
        return Exact::fraction(a.checked_add(c)?, b);
    }
    let numerator = a.checked_mul(d)?.checked_add(c.checked_mul(b)?)?;
    Exact::fraction(numerator, b.checked_mul(d)?)
}

impl Add<&Exact> for &Exact {
    type Output = Exact;

    fn add(self, other: &Exact) -> Exact {
        if let (Form::Small(a, b), Form::Small(c, d)) = (&self.0, &other.0)
            && let Some(sum) = add_small(*a, *b, *c, *d)
        {
            return sum;
        }
        Exact::from_big(self.to_big() + other.to_big())
    }
}

impl Neg for &Exact {
    type Output = Exact;

    fn neg(self) -> Exact {
        match &self.0 {
            Form::Small(numerator, denominator) if *numerator != i128::MIN => {
                Exact(Form::Small(-numerator, *denominator))
            }
            _ => Exact::from_big(-self.to_big()),
        }
    }
}

impl Sub<&Exact> for &Exact {
    type Output = Exact;

    fn sub(self, other: &Exact) -> Exact {
        self + &-other
    }
}

impl Mul<&Exact> for &Exact {
    type Output = Exact;

    fn mul(self, other: &Exact) -> Exact {
        if let (Form::Small(a, b), Form::Small(c, d)) = (&self.0, &other.0)
            && let (Some(numerator), Some(denominator)) = (a.checked_mul(*c), b.checked_mul(*d))
            && let Some(product) = Exact::fraction(numerator, denominator)
        {
            return product;
        }
        Exact::from_big(self.to_big() * other.to_big())
    }
}

macro_rules! by_value {
    ($($trait:ident $method:ident),+) => {$(
        impl $trait<Exact> for Exact {
            type Output = Exact;
            fn $method(self, other: Exact) -> Exact {
                $trait::$method(&self, &other)
            }
        }
        impl $trait<&Exact> for Exact {
            type Output = Exact;
            fn $method(self, other: &Exact) -> Exact {
                $trait::$method(&self, other)
            }
        }
        impl $trait<Exact> for &Exact {
            type Output = Exact;
            fn $method(self, other: Exact) -> Exact {
                $trait::$method(self, &other)
            }
        }
    )+};
}

by_value!(Add add, Sub sub, Mul mul);

impl Neg for Exact {
    type Output = Exact;

    fn neg(self) -> Exact {
        -&self
    }
}

impl Sum for Exact {
    fn sum<I: Iterator<Item = Exact>>(numbers: I) -> Exact {
        numbers.fold(Exact::ZERO, |sum, number| sum + number)
    }
}

impl<'a> Sum<&'a Exact> for Exact {
    fn sum<I: Iterator<Item = &'a Exact>>(numbers: I) -> Exact {
        numbers.fold(Exact::ZERO, |sum, number| sum + number)
    }
}

impl Default for Exact {
    fn default() -> Self {
        Exact::ZERO
    }
}

/// The fraction itself, such as `404/2239`, or a whole number.
impl fmt::Display for Exact {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::Small(numerator, 1) => write!(formatter, "{numerator}"),
            Form::Small(numerator, denominator) => write!(formatter, "{numerator}/{denominator}"),
            Form::Big(big) => write!(formatter, "{big}"),
        }
    }
}

impl fmt::Debug for Exact {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests;
