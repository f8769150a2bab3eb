//! The evidence store in PostgreSQL, for several replicas: one writer, held apart by an advisory lock, and several readers.
//!
//! The bytes of entries and their digests are those of the SQLite store: the same bodies give the same heads.

mod checkpoints;
mod commit;
mod connections;
mod errors;
mod journal;
mod location;
mod outbox;
mod read;
mod scheduled;
mod schema;
mod session;
mod shards;
mod verify;

#[cfg(test)]
pub(in crate::evidence) use schema::FORMAT;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::broadcast;

use self::connections::{Readers, Writer};
use self::location::Location;
use super::health::Health;
use super::journal::{Append, Closing, NewEntry, Topic, json};
use super::model::{
    BackfillProgress, Batch, CommitReport, Digest, Fact, FeedKey, Head, LogEntry, RecordedTerms, RowRange, StoreError,
    StoredRejection, VerifyReport,
};
use super::{
    Answer, Delivery, EvidenceStore, NewMessage, OnVerifyProgress, OutboxMessage, ReportEntry, StandingAlert,
    StoreClock, WaitingSink,
};
use crate::domain::governance::scheduled_reports::HandedOver;
use crate::domain::measuring::feed_rows::FeedRows;
use crate::domain::measuring::row::Row;
use crate::domain::terms::contract_terms::Terms;
use crate::shard::ShardCount;
pub use location::EvidenceUrl;

/// How many changes a slow receiver may lag behind before it must take everything as changed.
const CHANGES: usize = 1_024;

/// What becomes of another process that has the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenInUse {
    /// It keeps the database, and this one is refused.
    Refuse,
    /// Its session is ended: it has lost its lease, and must not write when it goes on.
    TakeOver,
    /// Replicas share the database, and each writes for the shards that it took. A process that has the database for itself is ended,
    /// and so are replicas with another number of shards: they have lost the installation's lease.
    Share(ShardCount),
}

/// The evidence store in a PostgreSQL database.
pub struct PostgresStore {
    shown: Arc<str>,
    health: Health,
    changes: broadcast::Sender<FeedKey>,
    readers: Readers,
    writer: Option<Writer>,
}

impl PostgresStore {
    /// Opens the store in a database, for this process alone; its tables are made if they are not there. Blocks while it connects.
    ///
    /// # Errors
    /// When the URL is wrong, the server refuses or cannot be reached and verified, another process has the store, or a later
    /// version wrote it. No error holds the password.
    pub fn open(url: &EvidenceUrl, when_in_use: WhenInUse) -> Result<Self, StoreError> {
        let location = Location::of(url)?;
        let health = Health::default();
        let writer = Writer::start(location.clone(), when_in_use, health.clone())?;
        Ok(Self::assemble(location, health, Some(writer)))
    }

    /// Opens the store as [`Self::open`] does, on a thread that may block, and gives up on a server that accepts connections and
    /// answers nothing.
    ///
    /// # Errors
    /// As [`Self::open`]; [`StoreError::Unreachable`] when the server has fallen silent.
    pub async fn open_while_it_answers(url: &EvidenceUrl, when_in_use: WhenInUse) -> Result<Self, StoreError> {
        let (location, url) = (Location::of(url)?, url.clone());
        let opening = tokio::task::spawn_blocking(move || Self::open(&url, when_in_use));
        match connections::while_it_answers(opening, &location).await {
            Ok(opened) => opened.map_err(|error| StoreError::Invalid(error.to_string()))?,
            Err(reason) => Err(StoreError::Unreachable { path: location.shown.to_string(), reason }),
        }
    }

    /// Opens the store for reads, also while an operator writes to it. Writes give [`StoreError::ReadOnly`].
    ///
    /// # Errors
    /// As [`Self::open`], and when there is no store.
    pub fn open_for_reading(url: &EvidenceUrl) -> Result<Self, StoreError> {
        let store = Self::assemble(Location::of(url)?, Health::default(), None);
        store.readers.check()?;
        Ok(store)
    }

    /// Takes the store for an operator on this clock, for ever, and gives the store's identity: 32 hexadecimal digits.
    ///
    /// # Errors
    /// When it is a store of the other clock; and as every write.
    pub async fn claim(&self, clock: StoreClock) -> Result<String, StoreError> {
        let shown = self.shown.clone();
        self.writer()?
            .write(move |session| {
                shards::wait_for_other_beginners(session)?;
                session.client.batch_execute(
                    "CREATE TABLE IF NOT EXISTS bpo_evidence.identity (
                       only_row integer PRIMARY KEY CHECK (only_row = 1), id text NOT NULL, clock text NOT NULL
                     )",
                )?;
                // A store of a version that had no identities, and is in use, is a real one.
                session.execute(
                    "INSERT INTO bpo_evidence.identity SELECT 1, replace(gen_random_uuid()::text, '-', ''),
                       CASE WHEN EXISTS (SELECT 1 FROM bpo_evidence.feeds) OR EXISTS (SELECT 1 FROM bpo_evidence.journal)
                         THEN 'Real' ELSE $1 END
                     WHERE NOT EXISTS (SELECT 1 FROM bpo_evidence.identity)",
                    &[&clock.as_str()],
                )?;
                let found = session.query("SELECT id, clock FROM bpo_evidence.identity", &[])?;
                let found = found.first().ok_or_else(|| StoreError::Corrupt("the identity is gone".to_owned()))?;
                clock.check(found.try_get(1)?, &shown)?;
                Ok(found.try_get(0)?)
            })
            .await
    }

    fn assemble(location: Location, health: Health, writer: Option<Writer>) -> Self {
        let shown = location.shown.clone();
        let readers = Readers::new(location, health.clone());
        Self { shown, health, changes: broadcast::Sender::new(CHANGES), readers, writer }
    }

    fn writer(&self) -> Result<&Writer, StoreError> {
        self.writer.as_ref().ok_or_else(|| StoreError::ReadOnly { path: self.shown.to_string() })
    }

    async fn append(&self, entry: NewEntry, when: Append) -> Result<bool, StoreError> {
        self.writer()?.write(move |session| journal::append_if(session, &entry, when)).await
    }
}

impl EvidenceStore for PostgresStore {
    fn take_shard(&self, shard: u32) -> Answer<'_, ()> {
        Box::pin(async move { self.writer()?.take_shard(shard).await })
    }

    fn give_back_shard(&self, shard: u32) -> Answer<'_, ()> {
        Box::pin(async move { self.writer()?.give_back_shard(shard).await })
    }

    fn commit_within(&self, feed: FeedKey, batch: Batch, room: u64) -> Answer<'_, CommitReport> {
        Box::pin(async move {
            let key = feed.clone();
            let (report, changed) = self
                .writer()?
                .write_of(&feed.namespace, move |session| commit::commit(session, &key, &batch, room))
                .await?;
            if changed {
                // Nobody listening is fine.
                let _ = self.changes.send(feed);
            }
            Ok(report)
        })
    }

    fn rows<'a>(&'a self, contract_uid: &'a str, feed: &'a str, after_sequence: i64) -> Answer<'a, Vec<Row>> {
        let (uid, feed) = (contract_uid.to_owned(), feed.to_owned());
        Box::pin(self.readers.read(move |session| read::rows(session, &uid, &feed, after_sequence)))
    }

    fn more_rows<'a>(
        &'a self,
        contract_uid: &'a str,
        feed: &'a str,
        rows: FeedRows,
        range: RowRange,
    ) -> Answer<'a, FeedRows> {
        let (uid, feed) = (contract_uid.to_owned(), feed.to_owned());
        Box::pin(self.readers.read(move |session| read::more_rows(session, &uid, &feed, rows, range)))
    }

    fn rows_starting_within<'a>(
        &'a self,
        contract_uid: &'a str,
        feed: &'a str,
        from: Timestamp,
        until: Timestamp,
    ) -> Answer<'a, Vec<Row>> {
        let (uid, feed) = (contract_uid.to_owned(), feed.to_owned());
        Box::pin(self.readers.read(move |session| read::rows_starting_within(session, &uid, &feed, from, until)))
    }

    fn as_known_on<'a>(&'a self, contract_uid: &'a str, feed: &'a str, instant: Timestamp) -> Answer<'a, Vec<Row>> {
        let (uid, feed) = (contract_uid.to_owned(), feed.to_owned());
        Box::pin(self.readers.read(move |session| read::as_known_on(session, &uid, &feed, instant)))
    }

    fn heads<'a>(&'a self, contract_uid: &'a str) -> Answer<'a, BTreeMap<String, Head>> {
        let uid = contract_uid.to_owned();
        Box::pin(self.readers.read(move |session| read::heads(session, &uid)))
    }

    fn digest_at<'a>(&'a self, contract_uid: &'a str, feed: &'a str, sequence: i64) -> Answer<'a, Option<Digest>> {
        let (uid, feed) = (contract_uid.to_owned(), feed.to_owned());
        Box::pin(self.readers.read(move |session| read::digest_at(session, &uid, &feed, sequence)))
    }

    fn log<'a>(&'a self, contract_uid: &'a str, feed: &'a str, until_sequence: i64) -> Answer<'a, Vec<LogEntry>> {
        let (uid, feed) = (contract_uid.to_owned(), feed.to_owned());
        Box::pin(self.readers.read(move |session| read::log(session, &uid, &feed, until_sequence)))
    }

    fn feeds(&self) -> Answer<'_, Vec<FeedKey>> {
        Box::pin(self.readers.read(read::feeds))
    }

    fn feed_progress<'a>(&'a self, contract_uid: &'a str, feed: &'a str) -> Answer<'a, Option<BackfillProgress>> {
        let (uid, feed) = (contract_uid.to_owned(), feed.to_owned());
        Box::pin(self.readers.read(move |session| read::feed_progress(session, &uid, &feed)))
    }

    fn feed_state<'a>(&'a self, contract_uid: &'a str, feed: &'a str) -> Answer<'a, Option<String>> {
        let (uid, feed) = (contract_uid.to_owned(), feed.to_owned());
        Box::pin(self.readers.read(move |session| read::feed_state(session, &uid, &feed)))
    }

    fn rejected<'a>(&'a self, contract_uid: &'a str, feed: &'a str, limit: usize) -> Answer<'a, Vec<StoredRejection>> {
        let (uid, feed) = (contract_uid.to_owned(), feed.to_owned());
        Box::pin(self.readers.read(move |session| read::rejected(session, &uid, &feed, limit)))
    }

    fn record_closing(
        &self,
        contract_uid: String,
        period: String,
        terms: Terms,
        closed_at: Timestamp,
        recorded_at: Timestamp,
    ) -> Answer<'_, bool> {
        Box::pin(async move {
            let content = json(&Closing { closed_at, terms })?;
            let entry = NewEntry { topic: Topic::Closing, contract_uid, name: period, recorded_at, content };
            self.append(entry, Append::IfFirst).await
        })
    }

    fn closings<'a>(&'a self, contract_uid: &'a str) -> Answer<'a, BTreeMap<String, Terms>> {
        let uid = contract_uid.to_owned();
        Box::pin(self.readers.read(move |session| journal::closings(session, &uid)))
    }

    fn last_closing<'a>(&'a self, contract_uid: &'a str) -> Answer<'a, Option<Timestamp>> {
        let uid = contract_uid.to_owned();
        Box::pin(self.readers.read(move |session| journal::last_closing(session, &uid)))
    }

    fn record_terms(&self, contract_uid: String, terms: Terms, recorded_at: Timestamp) -> Answer<'_, bool> {
        Box::pin(async move {
            let content = json(&terms)?;
            let entry = NewEntry { topic: Topic::Terms, contract_uid, name: String::new(), recorded_at, content };
            self.append(entry, Append::IfChanged).await
        })
    }

    fn terms_history<'a>(&'a self, contract_uid: &'a str) -> Answer<'a, Vec<RecordedTerms>> {
        let uid = contract_uid.to_owned();
        Box::pin(self.readers.read(move |session| journal::terms_history(session, &uid)))
    }

    fn last_terms<'a>(&'a self, contract_uid: &'a str) -> Answer<'a, Option<RecordedTerms>> {
        let uid = contract_uid.to_owned();
        Box::pin(self.readers.read(move |session| journal::last_terms(session, &uid)))
    }

    fn record_fact(
        &self,
        contract_uid: String,
        kind: String,
        name: String,
        value: Value,
        recorded_at: Timestamp,
    ) -> Answer<'_, bool> {
        Box::pin(async move {
            let content = json(&value)?;
            let entry = NewEntry { topic: Topic::Fact(kind), contract_uid, name, recorded_at, content };
            self.append(entry, Append::IfChanged).await
        })
    }

    fn facts<'a>(&'a self, contract_uid: &'a str, kind: &'a str) -> Answer<'a, Vec<Fact>> {
        let (uid, kind) = (contract_uid.to_owned(), kind.to_owned());
        Box::pin(self.readers.read(move |session| journal::facts(session, &uid, kind)))
    }

    fn all_facts<'a>(&'a self, contract_uid: &'a str) -> Answer<'a, Vec<Fact>> {
        let uid = contract_uid.to_owned();
        Box::pin(self.readers.read(move |session| journal::all_facts(session, &uid)))
    }

    fn first_recorded_at<'a>(&'a self, contract_uid: &'a str) -> Answer<'a, Option<Timestamp>> {
        let uid = contract_uid.to_owned();
        Box::pin(self.readers.read(move |session| journal::first_recorded_at(session, &uid)))
    }

    fn record_report_digest(
        &self,
        contract_uid: String,
        report: String,
        digest: Digest,
        recorded_at: Timestamp,
    ) -> Answer<'_, bool> {
        Box::pin(async move {
            let content = super::digest_text(&digest);
            let entry = NewEntry { topic: Topic::Report, contract_uid, name: report, recorded_at, content };
            self.append(entry, Append::IfChanged).await
        })
    }

    fn report_digests<'a>(&'a self, contract_uid: &'a str) -> Answer<'a, BTreeMap<String, Digest>> {
        let uid = contract_uid.to_owned();
        Box::pin(self.readers.read(move |session| journal::report_digests(session, &uid)))
    }

    fn record_alerts(&self, contract_uid: String, messages: Vec<NewMessage>, written_at: Timestamp) -> Answer<'_, ()> {
        Box::pin(async move {
            self.writer()?.write(move |session| outbox::record(session, &contract_uid, &messages, written_at)).await
        })
    }

    fn standing_alerts<'a>(&'a self, contract_uid: &'a str) -> Answer<'a, Vec<StandingAlert>> {
        let uid = contract_uid.to_owned();
        Box::pin(self.readers.read(move |session| outbox::standing(session, &uid)))
    }

    fn contracts_with_alerts(&self) -> Answer<'_, Vec<String>> {
        Box::pin(self.readers.read(outbox::contracts))
    }

    fn record_scheduled_reports(
        &self,
        evidence_uid: String,
        contract_uid: String,
        entries: Vec<ReportEntry>,
        written_at: Timestamp,
    ) -> Answer<'_, ()> {
        Box::pin(async move {
            self.writer()?
                .write(move |session| scheduled::record(session, [&evidence_uid, &contract_uid], &entries, written_at))
                .await
        })
    }

    fn scheduled_reports<'a>(&'a self, evidence_uid: &'a str) -> Answer<'a, Vec<HandedOver>> {
        let uid = evidence_uid.to_owned();
        Box::pin(self.readers.read(move |session| scheduled::journal(session, &uid)))
    }

    fn waiting_messages(&self, limit: usize) -> Answer<'_, Vec<OutboxMessage>> {
        Box::pin(self.readers.read(move |session| outbox::waiting(session, limit)))
    }

    fn waiting_sinks(&self) -> Answer<'_, Vec<WaitingSink>> {
        Box::pin(self.readers.read(outbox::waiting_sinks))
    }

    fn waiting_messages_of<'a>(
        &'a self,
        contract_uid: &'a str,
        sink: &'a str,
        limit: usize,
    ) -> Answer<'a, Vec<OutboxMessage>> {
        let (uid, sink) = (contract_uid.to_owned(), sink.to_owned());
        Box::pin(self.readers.read(move |session| outbox::waiting_of(session, &uid, &sink, limit)))
    }

    fn latest_messages<'a>(&'a self, contract_uid: Option<&'a str>, limit: usize) -> Answer<'a, Vec<OutboxMessage>> {
        let uid = contract_uid.map(str::to_owned);
        Box::pin(self.readers.read(move |session| outbox::latest(session, uid.as_deref(), limit)))
    }

    fn settle_messages(&self, ids: Vec<i64>, delivery: Delivery, now: Timestamp) -> Answer<'_, ()> {
        Box::pin(
            async move { self.writer()?.write(move |session| outbox::settle(session, &ids, &delivery, now)).await },
        )
    }

    fn checkpoint<'a>(&'a self, contract_uid: &'a str) -> Answer<'a, Option<Vec<u8>>> {
        let uid = contract_uid.to_owned();
        Box::pin(self.readers.read(move |session| checkpoints::find(session, &uid)))
    }

    fn keep_checkpoints(&self, checkpoints: Vec<(String, Vec<u8>)>, kept_at: Timestamp) -> Answer<'_, ()> {
        Box::pin(
            async move { self.writer()?.write(move |session| checkpoints::keep(session, &checkpoints, kept_at)).await },
        )
    }

    fn verify(&self, progress: OnVerifyProgress) -> Answer<'_, VerifyReport> {
        Box::pin(self.readers.run(move |session| verify::verify(session, &*progress)))
    }

    fn changes(&self) -> broadcast::Receiver<FeedKey> {
        self.changes.subscribe()
    }

    fn healthy(&self) -> bool {
        self.health.fault().is_none()
    }

    fn fault(&self) -> Option<String> {
        self.health.fault().map(str::to_owned)
    }
}
