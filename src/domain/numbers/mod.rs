//! Numbers: exact decimals and fractions, statistics, the currencies.

pub mod currencies;
pub mod exact;
pub mod statistics;
