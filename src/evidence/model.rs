//! What goes into a store of evidence and what comes out.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::Value;

pub use crate::domain::numbers::digest::{Digest, digest_text};
use crate::domain::terms::contract_terms::Terms;

/// A feed of a contract. UID and feed name identify it; the other names are for people.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeedKey {
    /// UID of the VendorContract.
    pub contract_uid: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub contract: String,
    /// Name of the feed in the contract.
    pub feed: String,
}

/// One body that a vendor served, parsed.
#[derive(Clone, Debug)]
pub struct Batch {
    /// When it arrived.
    pub received_at: Timestamp,
    /// SHA-256 of the raw body.
    pub body_digest: Digest,
    /// Host of the URL that served it.
    pub url_host: Option<String>,
    /// Whether it belongs to the first fetch of the past: its rows then count as known from their own end.
    pub backfill: bool,
    /// Whether the rows say what is planned: they then count as known at once.
    pub plan: bool,
    /// The rows in the order of the body.
    pub rows: Vec<IncomingRow>,
    /// What the checks of the feed refused.
    pub rejected: Vec<RejectedRow>,
    /// How far the back-fill is with this body.
    pub progress: Option<BackfillProgress>,
    /// What the next fetch of the feed has to know to go on from this body; none leaves what is known.
    pub state: Option<String>,
}

/// A row as a body says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncomingRow {
    /// Such as queue, site, tier.
    pub labels: BTreeMap<String, String>,
    /// First instant.
    pub start: Timestamp,
    /// First instant after it.
    pub end: Timestamp,
    /// Named numbers.
    pub measures: BTreeMap<String, Decimal>,
    /// The vendor's own revision number for the figures of this key, if it sends one.
    pub vendor_revision: Option<i64>,
    /// When the vendor says that it published the row. Kept, and not used by the operator.
    pub recorded_at: Option<Timestamp>,
}

/// A row that is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedRow {
    /// Why.
    pub reason: RejectionReason,
    /// The row in words; a store keeps the first 1,024 characters.
    pub text: String,
}

macro_rules! rejection_reasons {
    ($($(#[$documentation:meta])* $name:ident),+ $(,)?) => {
        /// Why a row is not taken.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum RejectionReason { $($(#[$documentation])* $name),+ }

        impl RejectionReason {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The name in metrics, in the store and for people.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),+ }
            }
        }
    };
}

rejection_reasons! {
    /// The row cannot be read.
    Malformed,
    /// The row lacks what the mapping needs.
    Mapping,
    /// A local time that the clock showed twice, without an offset that says which of the two it is.
    AmbiguousTime,
    /// A local time that the clock never showed.
    NonexistentTime,
    /// The end is not after the start.
    EndNotAfterStart,
    /// The start is more than 5 minutes in the future, or the end more than a row's length and 5 minutes; a planned row more than 60
    /// days.
    InFuture,
    /// A number or a time is not finite or too large.
    OutOfRange,
    /// The part of a share is above its whole.
    PartAboveWhole,
    /// The key was revised so often that further revisions are refused.
    TooManyRevisions,
    /// A share looks like another unit, such as 0.8 where 80 is meant.
    UnitSlip,
    /// The row is longer than a slot of its feed, and reaches over the edge of the window that was asked for.
    AcrossWindow,
    /// More labels than a row may have.
    TooManyLabels,
    /// A label's name or value is too long.
    LabelTooLong,
    /// More measures than a row may have.
    TooManyMeasures,
    /// One body holds the key twice with one revision and different measures.
    Conflict,
    /// Another row with the same labels covers a part of the same time.
    Overlap,
    /// The rows of its time were removed at the end of the contract's retention.
    BeyondRetention,
}

impl fmt::Display for RejectionReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A rejected row as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRejection {
    /// Name of the reason; text, since a later version may know more of them.
    pub reason: String,
    /// The row in words.
    pub text: String,
    /// When it came first.
    pub received_at: Timestamp,
    /// SHA-256 of the raw body that it came with first.
    pub body_digest: Digest,
}

/// How far the first fetch of a feed's past has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackfillProgress {
    /// Everything before this instant was asked for and committed.
    pub reached: Timestamp,
    /// Whether the back-fill is over. It never starts again.
    pub completed: bool,
}

impl BackfillProgress {
    /// What of it can be at `now`: nothing is known of what is still to come, whatever a wrong clock said once.
    #[must_use]
    pub fn up_to(self, now: Timestamp) -> Self {
        BackfillProgress { reached: self.reached.min(now), ..self }
    }
}

/// What a commit did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitReport {
    /// Rows with a new key.
    pub added: u64,
    /// Rows with new figures of a known key.
    pub revised: u64,
    /// Rows that say what is known already.
    pub unchanged: u64,
    /// Rows whose key has a higher vendor revision, in this body or in the store; they are not kept.
    pub superseded: u64,
    /// Rejected rows of the batch and of the store's own rules.
    pub rejected: BTreeMap<RejectionReason, u64>,
    /// The end of the feed's chain after the commit.
    pub head: Head,
}

impl CommitReport {
    /// Whether the rows of the feed are other ones than before.
    #[must_use]
    pub fn changed_rows(&self) -> bool {
        self.added + self.revised > 0
    }
}

/// What the rows of a feed refer to, as it is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DefinitionsSize {
    /// Sets of labels.
    pub label_sets: u64,
    /// Sets of labels, and lists of names of measures.
    pub entries: u64,
    /// Bytes of their entries.
    pub bytes: u64,
    /// Different names of measures, at most [`Self::MOST_MEASURES`].
    pub measures: u64,
}

impl DefinitionsSize {
    /// Up to how many names of measures are counted.
    pub const MOST_MEASURES: u64 = 1_000;
}

/// The end of a feed's chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Sequence of the last row, which is the number of rows too; 0 without rows.
    pub sequence: i64,
    /// Digest of the last row, which covers all before it.
    pub digest: Digest,
}

impl Head {
    /// How many rows the feed has, every revision counted.
    #[must_use]
    pub fn rows(&self) -> i64 {
        self.sequence
    }

    /// The digest as reports write it.
    #[must_use]
    pub fn digest_text(&self) -> String {
        digest_text(&self.digest)
    }
}

/// An entry of a feed's log, as `docs/evidence-format.md` describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// Sequence of this row, or of the row that it comes before.
    pub sequence: i64,
    /// 1 labels, 2 names of measures, 3 a body, 4 a row.
    pub kind: u8,
    /// Its bytes.
    pub payload: Vec<u8>,
    /// The chain's digest with it.
    pub digest: Digest,
}

/// Terms with the instant from which they were seen in force.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedTerms {
    /// The terms.
    pub terms: Terms,
    /// Since when.
    pub recorded_at: Timestamp,
}

/// A fact of the journal.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// Its kind, as `domain::terms::journal` names them; text, since a later version may know more of them.
    pub kind: String,
    /// What it is about.
    pub name: String,
    /// What it says.
    pub value: Value,
    /// Since when.
    pub recorded_at: Timestamp,
}

/// How far a verification is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifyProgress {
    /// Rows computed so far.
    pub rows: u64,
    /// Rows that the heads speak of.
    pub total_rows: u64,
}

/// What a verification found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Feeds checked.
    pub feeds: u64,
    /// Rows checked.
    pub rows: u64,
    /// Entries of the journal checked.
    pub journal_entries: u64,
    /// Feeds of which rows were removed at the end of a retention.
    pub summarised: Vec<Summarised>,
    /// What differs, at most 1,000 entries.
    pub broken: Vec<Broken>,
}

/// A feed of which rows were removed: its chain was checked from there on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summarised {
    /// UID of the contract.
    pub contract_uid: String,
    /// Name of the feed.
    pub feed: String,
    /// The local years.
    pub years: Vec<i16>,
    /// How many rows.
    pub rows: i64,
}

impl VerifyReport {
    /// Whether nothing differs.
    #[must_use]
    pub fn whole(&self) -> bool {
        self.broken.is_empty()
    }
}

/// A place where the store is not what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// UID of the contract; empty for the journal as a whole.
    pub contract_uid: String,
    /// Name of the feed; empty for the journal.
    pub feed: String,
    /// Sequence of the row, or number of the journal's entry; 0 where a whole feed is concerned.
    pub sequence: i64,
    /// What differs.
    pub what: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.feed.is_empty() && self.sequence == 0 {
            formatter.write_str(&self.what)
        } else if self.feed.is_empty() {
            write!(formatter, "journal, entry {}: {}", self.sequence, self.what)
        } else {
            write!(
                formatter,
                "contract {}, feed {}, row {}: {}",
                self.contract_uid, self.feed, self.sequence, self.what
            )
        }
    }
}

/// Why a store did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another process has it.
    #[error(
        "the evidence store {path} is in use by {by}: end that process, or give this one another --data-dir or --evidence-url"
    )]
    Locked {
        /// The file or the database.
        path: String,
        /// Who has it, as far as that is known.
        by: String,
    },
    /// A later version wrote it.
    #[error(
        "the evidence store {path} has format {found}, and this version knows formats up to {known}: use the version that wrote it, or a later one"
    )]
    Newer {
        /// The file.
        path: String,
        /// Its format.
        found: i64,
        /// The highest format that this version knows.
        known: i64,
    },
    /// It cannot be opened.
    #[error("the evidence store {path} cannot be opened: {reason}")]
    NotOpened {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// Its server cannot be reached now; later it may be.
    #[error("the evidence store {path} cannot be reached: {reason}")]
    Unreachable {
        /// The database.
        path: String,
        /// Why.
        reason: String,
    },
    /// It was opened for reading only.
    #[error("the evidence store {path} is open for reading only")]
    ReadOnly {
        /// The file.
        path: String,
    },
    /// An error of the disk or of the file: nothing more is accepted until a restart.
    #[error("the evidence store failed and accepts nothing more: {0}")]
    Fault(String),
    /// What is stored cannot be read.
    #[error("the evidence store holds what it never wrote: {0}; `kubectl bpo verify` shows where")]
    Corrupt(String),
    /// An entry about one contract cannot be read by this version. Others' entries can.
    #[error(
        "an entry of the journal about this contract cannot be read: {0}; `kubectl bpo verify` shows whether it is whole"
    )]
    Unreadable(String),
    /// The input cannot be kept.
    #[error("{0}")]
    Invalid(String),
    /// The body holds more new rows than its feed or contract may still bring. Nothing of it is kept.
    #[error("the answer holds {new} new rows, and only {room} more may be kept")]
    Quota {
        /// New rows and revisions of the body.
        new: u64,
        /// How many may still be kept.
        room: u64,
    },
    /// Whoever reads is to end: another process goes on with the shard.
    #[error("reading was broken off: the work on the shard is to end")]
    BrokenOff,
    /// The rows of a contract do not fit into memory: they are not read, so that others' go on.
    #[error(
        "the rows of the contract take more than {} MiB of memory, and no more is held of one contract: give the operator more --memory, \
         or let the feeds bring fewer measures and sets of labels",
        .most >> 20
    )]
    Memory {
        /// Bytes that the rows of a contract may take.
        most: usize,
    },
    /// The terms of a contract changed so often that another version is not kept.
    #[error(
        "the terms of the contract changed more than {most} times within a year, and no other version is kept: nothing closes under them"
    )]
    TermsQuota {
        /// Versions that are kept of a year.
        most: u64,
    },
    /// The volume is nearly full: rows are refused, closings and reports are not.
    #[error(
        "the volume of the evidence has {free} bytes free, and rows are refused below {reserve}: give it more room"
    )]
    NoRoom {
        /// Bytes that are free.
        free: u64,
        /// Bytes that are kept for closings and reports.
        reserve: u64,
    },
}

impl StoreError {
    /// Another process has a store, of which nothing is known.
    pub(super) fn in_use(path: impl Into<String>) -> Self {
        Self::Locked { path: path.into(), by: "another process".to_owned() }
    }
}

/// How much room the volume of a store has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VolumeRoom {
    /// Bytes that are free.
    pub free: u64,
    /// Below this many, rows are refused.
    pub reserve: u64,
}

impl VolumeRoom {
    /// Of a volume of `total` bytes: the reserve is the smaller of 5 % and 1 GiB.
    pub fn of(free: u64, total: u64) -> Self {
        VolumeRoom { free, reserve: (total / 20).min(1 << 30) }
    }

    /// Whether rows may be taken.
    ///
    /// # Errors
    /// [`StoreError::NoRoom`].
    pub fn check(self) -> Result<(), StoreError> {
        let VolumeRoom { free, reserve } = self;
        if free < reserve { Err(StoreError::NoRoom { free, reserve }) } else { Ok(()) }
    }
}
