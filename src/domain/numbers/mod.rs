//! Numbers: exact decimals and fractions, statistics, the currencies, hexadecimal digits, digests.

pub mod currencies;
pub mod digest;
pub mod exact;
pub(crate) mod hexadecimal;
pub mod statistics;
