//! Which rows of a feed are read.

use jiff::Timestamp;

/// Which rows of a feed are read, by their sequences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowRange {
    /// The rows received after this one.
    pub after: i64,
    /// The last of them.
    pub until: i64,
    /// Those that are left out.
    pub left_out: Option<LeftOut>,
    /// How many bytes the rows of the feed may take in memory, those that were read before and sets of labels included. Beyond, reading
    /// them ends with [`StoreError::Memory`](super::StoreError::Memory).
    pub most: usize,
}

/// Rows that are not read: those received up to a sequence that start before an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The last of them.
    pub until: i64,
    /// The instant.
    pub before: Timestamp,
}

impl RowRange {
    /// All rows after one, up to another, whatever memory they take.
    #[must_use]
    pub fn between(after: i64, until: i64) -> RowRange {
        RowRange { after, until, left_out: None, most: usize::MAX }
    }
}

/// Which rows of a feed are read, by when they happened: every revision of those that start in `[from, until)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartRange {
    /// The earliest start.
    pub from: Timestamp,
    /// The instant before which they start.
    pub until: Timestamp,
    /// Those received after this sequence are left out.
    pub last: i64,
    /// As [`RowRange::most`].
    pub most: usize,
    /// How many bytes may be added to those of the rows that were read before. Beyond, reading them ends with
    /// [`StoreError::Memory`](super::StoreError::Memory), too.
    pub page: usize,
}
