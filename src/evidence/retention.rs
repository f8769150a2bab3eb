//! Rows that are removed at the end of a contract's retention: a summary keeps their place in the chain, the same for every store.
//!
//! Rows are removed from the beginning of a feed's log on, so that a summary is one place: where the chain goes on after them. It is an
//! entry of the journal too, whose chain shows when somebody changes it. `docs/evidence-format.md` describes the bytes.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::chain::{entry_digest, feed_origin};
use super::encoding::{BODY, ROW, decode_row, put_text, to_nanoseconds};
use super::failure::Failure;
use super::journal::{HeadContent, NewEntry, Topic, json};
use super::model::{Digest, FeedKey, Head, StoreError};
use crate::domain::numbers::digest::{as_text, parse_digest};

/// The place of the removed rows of a local year in the chain of their feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Summary {
    /// The year in which they start, or an earlier one.
    pub year: i16,
    /// Rows that start before this instant are not taken any more; absent: none are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Timestamp>,
    /// Sequence of the first of them.
    pub first: i64,
    /// Sequence of the last of them.
    pub last: i64,
    /// SHA-256 over the digests of all entries up to there, one after the other.
    #[serde(with = "as_text")]
    pub digest: Digest,
    /// The chain's digest at the last of them.
    #[serde(with = "as_text")]
    pub head: Digest,
    /// SHA-256 over the labels and names up to there, which stay as long as rows need them; absent: they were removed.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "as_text")]
    pub definitions: Option<Digest>,
}

impl Summary {
    /// How many rows were removed.
    #[must_use]
    pub fn rows(&self) -> i64 {
        self.last.saturating_sub(self.first).saturating_add(1)
    }

    /// Where the chain goes on.
    #[must_use]
    pub fn head(&self) -> Head {
        Head { sequence: self.last, digest: self.head }
    }

    /// As the journal and the table have it.
    ///
    /// # Errors
    /// When it cannot be written as JSON, which no summary does.
    pub(super) fn text(&self) -> Result<String, StoreError> {
        json(self)
    }

    /// The entry of the journal.
    pub(super) fn entry(&self, key: &FeedKey, recorded_at: Timestamp) -> Result<NewEntry, StoreError> {
        let (contract_uid, name) = (key.contract_uid.clone(), key.feed.clone());
        Ok(NewEntry { topic: Topic::Summary, contract_uid, name, recorded_at, content: self.text()? })
    }
}

/// What is to be removed of a feed in one transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Removal {
    /// The local year.
    pub year: i16,
    /// Its rows start before this instant; `None`: all that are left.
    pub before: Option<Timestamp>,
    /// At most this number of rows.
    pub most: u64,
}

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// How many rows.
    pub rows: u64,
    /// Whether no more of the year are there.
    pub is_done: bool,
}

/// From which start on rows are taken, after the last summary of a feed.
pub(super) fn taken_from(last: Option<&Summary>) -> i64 {
    last.map_or(i64::MIN, |last| last.before.and_then(to_nanoseconds).unwrap_or(i64::MAX))
}

/// A summary as the table has it.
pub(super) fn parse(text: &str) -> Result<Summary, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Corrupt(format!("a summary of removed rows: {error}")))
}

/// The head of a feed in an entry of the journal.
pub(super) fn head_in_journal(text: &str, sequence: i64) -> Option<Digest> {
    let head: HeadContent = serde_json::from_str(text).ok()?;
    parse_digest(&head.digest).filter(|_| head.sequence == sequence)
}

/// How the content of an entry of the journal begins that is about the head at a row.
pub(super) fn beginning_of_head(sequence: i64) -> String {
    format!("{{\"sequence\":{sequence},")
}

/// An entry of the log, on its way out.
pub(super) struct Leaving<'a> {
    pub sequence: i64,
    pub kind: u8,
    pub payload: &'a [u8],
    pub digest: Digest,
}

/// Labels, start and sequence of a removed row: with them it is found in the index of newest rows.
pub(super) type RemovedRow = (i64, i64, i64);

#[derive(Clone, Copy)]
struct State {
    chain: Digest,
    digest: Digest,
    definitions: Digest,
}

/// Makes a summary of entries that come one after the other.
pub(super) struct Folding {
    removal: Removal,
    before: i64,
    first: i64,
    /// Up to the last row that is removed.
    certain: State,
    /// With the entries since, which belong to the row that comes next.
    open: State,
    last: i64,
    removed: Vec<RemovedRow>,
    is_done: bool,
}

impl Folding {
    /// Begins after the last summary; `None` where a later year was summarised already.
    pub(super) fn after(last: Option<&Summary>, key: &FeedKey, removal: Removal) -> Option<Folding> {
        if last.is_some_and(|last| last.year > removal.year) {
            return None;
        }
        let same_year = last.filter(|last| last.year == removal.year);
        let after = last.map_or(0, |last| last.last);
        let state = State {
            chain: last.map_or_else(|| feed_origin(&key.contract_uid, &key.feed), |last| last.head),
            digest: same_year.map_or_else(|| digest_origin(key, after + 1), |last| last.digest),
            definitions: last.and_then(|last| last.definitions).unwrap_or_else(definitions_origin),
        };
        Some(Folding {
            removal,
            before: removal.before.map_or(i64::MAX, |before| to_nanoseconds(before).unwrap_or(i64::MAX)),
            first: same_year.map_or(after + 1, |last| last.first),
            certain: state,
            open: state,
            last: after,
            removed: Vec::new(),
            is_done: true,
        })
    }

    /// The rows after this one are looked at.
    pub(super) fn begins_after(&self) -> i64 {
        self.last
    }

    /// The rows up to this one are looked at: one more than may be removed says whether there are more.
    pub(super) fn ends_with(&self) -> i64 {
        let most = i64::try_from(self.removal.most).unwrap_or(i64::MAX);
        self.last.saturating_add(most).saturating_add(1)
    }

    /// Takes an entry; false: no more are wanted.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a chain that is broken: what is not whole is not summarised.
    pub(super) fn take(&mut self, entry: &Leaving<'_>) -> Result<bool, Failure> {
        let Leaving { sequence, kind, payload, digest } = entry;
        let follows = entry_digest(&self.open.chain, *sequence, *kind, payload) == *digest;
        if *sequence != self.last + 1 || !follows {
            return Err(StoreError::Invalid(format!(
                "row {sequence} does not follow from the one before, and what is not whole is not removed: `kubectl bpo verify` shows more"
            ))
            .into());
        }
        self.open.chain = *digest;
        self.open.digest = Sha256::new().chain_update(self.open.digest).chain_update(digest).finalize().into();
        if *kind < BODY {
            self.open.definitions = with_definition(&self.open.definitions, *sequence, *kind, payload);
        }
        if *kind != ROW {
            return Ok(true);
        }
        let header = decode_row(payload)?.0;
        if header.start >= self.before {
            return Ok(false);
        }
        if self.removed.len() as u64 >= self.removal.most {
            self.is_done = false;
            return Ok(false);
        }
        self.removed.push((header.labels, header.start, *sequence));
        (self.certain, self.last) = (self.open, *sequence);
        Ok(true)
    }

    /// The summary, and the rows that it is of; none where nothing is removed. `head`: the end of the feed's chain.
    pub(super) fn close(self, head: &Head) -> (Removed, Option<(Summary, Vec<RemovedRow>)>) {
        let removed = Removed { rows: self.removed.len() as u64, is_done: self.is_done };
        if self.removed.is_empty() {
            return (removed, None);
        }
        let State { chain, digest, definitions } = self.certain;
        let summary = Summary {
            year: self.removal.year,
            before: self.removal.before,
            first: self.first,
            last: self.last,
            digest,
            head: chain,
            definitions: (self.last < head.sequence).then_some(definitions),
        };
        (removed, Some((summary, self.removed)))
    }
}

fn digest_origin(key: &FeedKey, first: i64) -> Digest {
    let mut names = Vec::new();
    put_text(&mut names, &key.contract_uid);
    put_text(&mut names, &key.feed);
    let hash = Sha256::new().chain_update(b"bpo-evidence/v1/removed").chain_update(&names);
    hash.chain_update(first.to_be_bytes()).finalize().into()
}

/// The digest before the first labels or names.
pub(super) fn definitions_origin() -> Digest {
    Sha256::digest(b"bpo-evidence/v1/definitions").into()
}

/// The digest with labels or names after those before.
pub(super) fn with_definition(before: &Digest, sequence: i64, kind: u8, payload: &[u8]) -> Digest {
    let hash = Sha256::new().chain_update(before).chain_update(sequence.to_be_bytes()).chain_update([kind]);
    hash.chain_update(payload).finalize().into()
}

/// The summaries of a feed as the table has them, against the entries of the journal: those that can be read, and what differs.
pub(super) fn checked(kept: &[String], in_journal: &[String]) -> (Vec<Summary>, Vec<String>) {
    let mut problems = Vec::new();
    let mut parsed = |texts: &[String], place: &str| -> Vec<Summary> {
        let mut found = Vec::new();
        for text in texts {
            match parse(text) {
                Ok(summary) => found.push(summary),
                Err(_) => problems.push(format!("a summary of removed rows in {place} cannot be read")),
            }
        }
        found
    };
    let (kept, journal) = (parsed(kept, "the table"), parsed(in_journal, "the journal"));
    let mut last: Vec<&Summary> = Vec::new();
    for summary in &journal {
        last.retain(|known| known.year != summary.year);
        last.push(summary);
    }
    if !last.iter().copied().eq(&kept) {
        problems.push("the summaries of removed rows are not those of the journal".to_owned());
    }
    let mut next = 1;
    for summary in &kept {
        if summary.first != next || summary.last < summary.first {
            problems.push(format!("the summary of {} begins with row {}, not {next}", summary.year, summary.first));
        }
        next = summary.last.saturating_add(1);
    }
    (kept, problems)
}
