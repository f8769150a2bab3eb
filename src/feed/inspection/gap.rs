//! A time without rows, and how its labels are written.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::outbound::error::presentable;

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

/// Labels in words.
pub(super) fn labels_text(labels: &BTreeMap<String, String>) -> String {
    if labels.is_empty() {
        return "no labels".to_owned();
    }
    let pairs = labels.iter().map(|(name, value)| format!("{}={}", presentable(name, 63), presentable(value, 128)));
    pairs.collect::<Vec<_>>().join(",")
}
