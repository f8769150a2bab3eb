//! Numbers: exact decimals and fractions, statistics, the currencies, hexadecimal digits.

pub mod currencies;
pub mod exact;
pub(crate) mod hexadecimal;
pub mod statistics;
