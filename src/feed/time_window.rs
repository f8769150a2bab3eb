//! The stretch of time that a fetch asks for.

use jiff::Timestamp;

/// A stretch of time that a vendor is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// From when.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
}
