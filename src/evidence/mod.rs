//! The evidence store: what vendors' feeds said, kept before anything is judged from it.
//!
//! Append-only, with two time axes (when it happened, when we learnt it) and a SHA-256 chain per feed. `docs/evidence-format.md`
//! describes the bytes, so that others can check them. A store knows no clock: every instant is given.
//!
//! Invariant: what a call has acknowledged is on disk; after an I/O error nothing more is accepted and [`EvidenceStore::healthy`] is false.

pub mod bundle;
mod chain;
mod encoding;
mod failure;
mod health;
mod identity;
mod ingest;
mod intake;
mod journal;
mod model;
mod outbox;
pub mod postgres;
mod ranges;
pub mod recorded_facts;
mod rehearsal;
mod retention;
mod rows;
mod sql;
pub mod sqlite;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::sync::broadcast;

use crate::api::Shared;
use crate::domain::governance::scheduled_reports::HandedOver;
use crate::domain::measuring::feed_rows::FeedRows;
use crate::domain::measuring::row::Row;
use crate::domain::terms::contract_terms::Terms;
pub use identity::StoreClock;
pub use model::{
    BackfillProgress, Batch, Broken, CommitReport, DefinitionsSize, Digest, Fact, FeedKey, Head, IncomingRow, LogEntry,
    RecordedTerms, RejectedRow, RejectionReason, StoreError, StoredRejection, Summarised, VerifyProgress, VerifyReport,
    VolumeRoom, digest_text,
};
pub use outbox::{Delivery, MessageKind, NewMessage, OutboxMessage, ReportEntry, StandingAlert, WaitingSink};
pub use ranges::{LeftOut, RowRange, StartRange};
pub use rehearsal::{Rehearsal, rehearse};
pub use retention::{Removal, Removed, Summary};

/// How long a checkpoint is kept that nobody keeps again: its contract is gone, or nothing happens to it.
pub const CHECKPOINTS_KEPT: SignedDuration = SignedDuration::from_hours(24 * 100);

/// What the callback of [`EvidenceStore::verify`] is.
pub type OnVerifyProgress = Arc<dyn Fn(VerifyProgress) + Send + Sync>;

/// Answer of a store: a future that may be sent between threads.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// A store of evidence. A contract is identified by its UID: one that is deleted and created again starts empty.
///
/// Use it as `Arc<dyn EvidenceStore>`. Reads never wait for writes. Every operation fails with [`StoreError`].
pub trait EvidenceStore: Send + Sync {
    /// Commits one body of one feed in one transaction: its rows, its digest, its rejected rows and how far the back-fill is.
    ///
    /// Committing the same body again changes nothing.
    fn commit(&self, feed: FeedKey, batch: Batch) -> Answer<'_, CommitReport> {
        self.commit_within(feed, batch, u64::MAX)
    }

    /// [`Self::commit`] of a body with at most `room` new rows and revisions: one with more is refused whole
    /// ([`StoreError::Quota`]).
    fn commit_within(&self, feed: FeedKey, batch: Batch, room: u64) -> Answer<'_, CommitReport>;

    /// Takes a shard for this process: a process that still has it is ended and writes nothing more. A store that belongs to one process
    /// has no shards to take.
    fn take_shard(&self, _shard: u32) -> Answer<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Releases a shard: everything written before is on disk, and the store refuses rows of that shard from now on.
    fn give_back_shard(&self, _shard: u32) -> Answer<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// How much room the store's volume has; `None` where the store does not know, such as in a database elsewhere.
    fn volume(&self) -> Option<VolumeRoom> {
        None
    }

    /// Rows of a feed received after `after_sequence` (0: all), every revision, in order of receipt. Empty for an unknown feed.
    fn rows<'a>(&'a self, contract_uid: &'a str, feed: &'a str, after_sequence: i64) -> Answer<'a, Vec<Row>>;

    /// Rows of a feed that were read before, and after them those of a range. They are packed while they are read, so that the answer is
    /// all that is held in memory.
    fn more_rows<'a>(
        &'a self,
        contract_uid: &'a str,
        feed: &'a str,
        rows: FeedRows,
        range: RowRange,
    ) -> Answer<'a, FeedRows>;

    /// Rows of a feed that were read before, and after them those that start in a span, every revision, in any order. They are packed while
    /// they are read, as by [`Self::more_rows`].
    fn more_rows_starting_within<'a>(
        &'a self,
        contract_uid: &'a str,
        feed: &'a str,
        rows: FeedRows,
        range: StartRange,
    ) -> Answer<'a, FeedRows>;

    /// The newest revisions of the rows of a feed that start in `[from, until)`, in order of receipt. Where they and the feed's sets of labels
    /// take more than `most` bytes, reading them ends with [`StoreError::Memory`].
    fn newest_starting_within<'a>(
        &'a self,
        contract_uid: &'a str,
        feed: &'a str,
        span: (Timestamp, Timestamp),
        most: usize,
    ) -> Answer<'a, Vec<Row>>;

    /// How many sets of labels and names of measures the rows of a feed refer to. None for an unknown feed.
    fn definitions_size<'a>(&'a self, contract_uid: &'a str, feed: &'a str) -> Answer<'a, DefinitionsSize>;

    /// The rows of a feed as they were known at `instant`: of each key the highest revision with `known_at` at or before it.
    fn as_known_on<'a>(&'a self, contract_uid: &'a str, feed: &'a str, instant: Timestamp) -> Answer<'a, Vec<Row>>;

    /// The end of the chain of each feed of a contract that has rows, by feed name.
    fn heads<'a>(&'a self, contract_uid: &'a str) -> Answer<'a, BTreeMap<String, Head>>;

    /// The chain's digest at a row of a feed: with it a head that a report carries is found again. `None` without that row.
    fn digest_at<'a>(&'a self, contract_uid: &'a str, feed: &'a str, sequence: i64) -> Answer<'a, Option<Digest>>;

    /// The log of a feed up to a row: every entry, in the order of the chain.
    fn log<'a>(&'a self, contract_uid: &'a str, feed: &'a str, until_sequence: i64) -> Answer<'a, Vec<LogEntry>>;

    /// All feeds of the store, of contracts that are gone too.
    fn feeds(&self) -> Answer<'_, Vec<FeedKey>>;

    /// How far the first fetch of a feed has come; `None` before its first commit with progress.
    fn feed_progress<'a>(&'a self, contract_uid: &'a str, feed: &'a str) -> Answer<'a, Option<BackfillProgress>>;

    /// What the last body of a feed left behind for the next fetch; none for feeds whose bodies speak for themselves.
    fn feed_state<'a>(&'a self, contract_uid: &'a str, feed: &'a str) -> Answer<'a, Option<String>>;

    /// The latest rows kept aside, newest first, at most `limit`. A store keeps at least the newest 10,000 of a feed.
    fn rejected<'a>(&'a self, contract_uid: &'a str, feed: &'a str, limit: usize) -> Answer<'a, Vec<StoredRejection>>;

    /// Keeps the terms under which a period closed, for ever: the first that is recorded counts. False: it was there already.
    fn record_closing(
        &self,
        contract_uid: String,
        period: String,
        terms: Terms,
        closed_at: Timestamp,
        recorded_at: Timestamp,
    ) -> Answer<'_, bool>;

    /// The terms under which the periods of a contract closed, by period name. The same terms are one in memory.
    fn closings<'a>(&'a self, contract_uid: &'a str) -> Answer<'a, BTreeMap<String, Shared<Terms>>>;

    /// The latest instant at which a closing of a contract was recorded, by the operator's clock; `None` without one.
    fn last_closing<'a>(&'a self, contract_uid: &'a str) -> Answer<'a, Option<Timestamp>>;

    /// Keeps terms as the ones in force from `recorded_at`. False: they equal the last recorded ones.
    fn record_terms(&self, contract_uid: String, terms: Terms, recorded_at: Timestamp) -> Answer<'_, bool>;

    /// The terms recorded last; with them a period that ended while nobody looked closes as it should.
    fn last_terms<'a>(&'a self, contract_uid: &'a str) -> Answer<'a, Option<RecordedTerms>>;

    /// Every version of the terms of a contract, in the order in which they were recorded.
    fn terms_history<'a>(&'a self, contract_uid: &'a str) -> Answer<'a, Vec<RecordedTerms>>;

    /// Of the versions of the terms of a contract whose numbers in the journal lie between `after` and `before`, without these two, the newest,
    /// with its number. So all versions are looked through while one is held in memory.
    fn terms_between<'a>(
        &'a self,
        contract_uid: &'a str,
        after: i64,
        before: i64,
    ) -> Answer<'a, Option<(i64, RecordedTerms)>>;

    /// Appends a fact, such as the decision of a launch. False: the last fact of that kind and name says the same.
    fn record_fact(
        &self,
        contract_uid: String,
        kind: String,
        name: String,
        value: Value,
        recorded_at: Timestamp,
    ) -> Answer<'_, bool>;

    /// The facts of a kind, in the order in which they were recorded.
    fn facts<'a>(&'a self, contract_uid: &'a str, kind: &'a str) -> Answer<'a, Vec<Fact>>;

    /// The facts of all kinds, in the order in which they were recorded. [`recorded_facts::journal`] reads them into their types.
    fn all_facts<'a>(&'a self, contract_uid: &'a str) -> Answer<'a, Vec<Fact>>;

    /// When the first entry of any kind about a contract was recorded, its rows' heads among them; `None` without an entry.
    fn first_recorded_at<'a>(&'a self, contract_uid: &'a str) -> Answer<'a, Option<Timestamp>>;

    /// Keeps the SHA-256 of a report as it was written. False: it equals the last recorded one of that report.
    fn record_report_digest(
        &self,
        contract_uid: String,
        report: String,
        digest: Digest,
        recorded_at: Timestamp,
    ) -> Answer<'_, bool>;

    /// The last recorded digest of each report of a contract, by report name.
    fn report_digests<'a>(&'a self, contract_uid: &'a str) -> Answer<'a, BTreeMap<String, Digest>>;

    /// Writes messages about a contract's alerts, and the alerts that are active after them, in one transaction. It does not write a trial
    /// twice.
    fn record_alerts(&self, contract_uid: String, messages: Vec<NewMessage>, written_at: Timestamp) -> Answer<'_, ()>;

    /// The alerts that are active for the sinks of a contract, by sink and fingerprint.
    fn standing_alerts<'a>(&'a self, contract_uid: &'a str) -> Answer<'a, Vec<StandingAlert>>;

    /// UIDs of the contracts with active alerts.
    fn contracts_with_alerts(&self) -> Answer<'_, Vec<String>>;

    /// Writes the journal of the reports that a contract sends by itself, with the messages, in one transaction: a report that is in the
    /// journal already makes no message. `evidence_uid`: that of the contract's evidence, under which the journal lies.
    fn record_scheduled_reports(
        &self,
        evidence_uid: String,
        contract_uid: String,
        entries: Vec<ReportEntry>,
        written_at: Timestamp,
    ) -> Answer<'_, ()>;

    /// The journal of the reports that a contract sends by itself, by report, sink and time.
    fn scheduled_reports<'a>(&'a self, evidence_uid: &'a str) -> Answer<'a, Vec<HandedOver>>;

    /// The messages that wait for delivery, in the order in which they were written, at most `limit`.
    fn waiting_messages(&self, limit: usize) -> Answer<'_, Vec<OutboxMessage>>;

    /// The sinks for which messages wait, the one with the oldest message first.
    fn waiting_sinks(&self) -> Answer<'_, Vec<WaitingSink>>;

    /// The messages that wait for one sink of a contract, in the order in which they were written, at most `limit`.
    fn waiting_messages_of<'a>(
        &'a self,
        contract_uid: &'a str,
        sink: &'a str,
        limit: usize,
    ) -> Answer<'a, Vec<OutboxMessage>>;

    /// The latest messages, of one contract or of all, the newest first, at most `limit`. Settled ones are kept for 30 days.
    fn latest_messages<'a>(&'a self, contract_uid: Option<&'a str>, limit: usize) -> Answer<'a, Vec<OutboxMessage>>;

    /// Keeps what became of the delivery of messages.
    fn settle_messages(&self, ids: Vec<i64>, delivery: Delivery, now: Timestamp) -> Answer<'_, ()>;

    /// What was kept of a contract to begin with after a restart. A cache: `None` is always a right answer.
    fn checkpoint<'a>(&'a self, contract_uid: &'a str) -> Answer<'a, Option<Vec<u8>>>;

    /// Keeps checkpoints by the UIDs of their contracts, each in the place of the one before. Those that nobody has kept again for
    /// [`CHECKPOINTS_KEPT`] go.
    fn keep_checkpoints(&self, checkpoints: Vec<(String, Vec<u8>)>, kept_at: Timestamp) -> Answer<'_, ()>;

    /// Removes rows from the beginning of a feed's log in one transaction, at the end of their contract's retention. A summary, which is an
    /// entry of the journal too, keeps their place in the chain. Labels and names are removed with the last row.
    fn remove_rows(&self, feed: FeedKey, removal: Removal, recorded_at: Timestamp) -> Answer<'_, Removed>;

    /// The summaries of the removed rows of a feed by year.
    fn summaries<'a>(&'a self, contract_uid: &'a str, feed: &'a str) -> Answer<'a, Vec<Summary>>;

    /// Keeps the judgement of a contract that answers in the place of removed rows.
    fn keep_last_judgement(&self, contract_uid: String, content: Vec<u8>) -> Answer<'_, ()>;

    /// The judgement of a contract that answers in the place of removed rows.
    fn last_judgement<'a>(&'a self, contract_uid: &'a str) -> Answer<'a, Option<Vec<u8>>>;

    /// Computes every chain again and compares all heads. What is broken is in the report, not an error.
    fn verify(&self, progress: OnVerifyProgress) -> Answer<'_, VerifyReport>;

    /// Feeds that got new rows, rejected rows or progress. A receiver that lags must take every feed as changed.
    fn changes(&self) -> broadcast::Receiver<FeedKey>;

    /// False after a fault: nothing is accepted any more, and the operator must not be ready.
    fn healthy(&self) -> bool;

    /// The fault that made the store unhealthy.
    fn fault(&self) -> Option<String>;
}
