//! Numbers: exact decimals and fractions, statistics, the currencies, hexadecimal digits, digests, deflated JSON.

pub mod currencies;
pub(crate) mod deflated;
pub mod digest;
pub mod exact;
pub(crate) mod hexadecimal;
pub mod statistics;
