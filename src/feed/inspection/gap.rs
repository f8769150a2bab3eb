//! A time without rows.

use jiff::Timestamp;

/// A stretch without a row between two rows of the same labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The labels in words.
    pub labels: String,
    /// First instant without.
    pub from: Timestamp,
    /// First instant after it.
    pub to: Timestamp,
}
