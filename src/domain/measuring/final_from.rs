//! From when on a period is Final.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// When a closed period becomes Final: an instant that has come, or the earliest at which it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Finality {
    /// Final since then.
    Since(Timestamp),
    /// Not yet; by time alone not before then.
    NotBefore(Timestamp),
}

impl Finality {
    /// The instant at which the period became Final.
    pub fn since(self) -> Option<Timestamp> {
        match self {
            Self::Since(instant) => Some(instant),
            Self::NotBefore(_) => None,
        }
    }

    /// When both have become so.
    pub(crate) fn and(self, other: Finality) -> Finality {
        match (self, other) {
            (Self::Since(one), Self::Since(other)) => Self::Since(one.max(other)),
            (Self::NotBefore(one), Self::NotBefore(other)) => Self::NotBefore(one.max(other)),
            (Self::NotBefore(one), _) | (_, Self::NotBefore(one)) => Self::NotBefore(one),
        }
    }
}

/// When a period becomes Final by its rows and by what is on record, but for the periods before it and the disputes about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FinalFor {
    /// When it does.
    pub finality: Finality,
    /// Nothing that is known later changes it.
    pub settled_at: Timestamp,
}
