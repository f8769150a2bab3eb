//! The operations of a store, the same for every backend: what of them is read, what is written, and who hears of it.

use std::collections::BTreeMap;
use std::future::ready;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::{Mutex, OwnedMutexGuard, broadcast};

use super::stored::Stored;
use super::workers::{Open, Readers, Writer};
use super::{Sql, checkpoints, identity, journal, outbox, read, retention, scheduled, verification};
use crate::api::Shared;
use crate::domain::governance::scheduled_reports::HandedOver;
use crate::domain::measuring::feed_rows::FeedRows;
use crate::domain::measuring::row::Row;
use crate::domain::terms::contract_terms::Terms;
use crate::evidence::failure::Failure;
use crate::evidence::health::Health;
use crate::evidence::journal::{Append, Closing, NewEntry, Topic, json};
use crate::evidence::{
    Answer, BackfillProgress, Batch, CommitReport, DefinitionsSize, Delivery, Digest, EvidenceStore, Fact, FeedKey,
    Head, LogEntry, NewMessage, OnVerifyProgress, OutboxMessage, RecordedTerms, Removal, Removed, ReportEntry,
    RowRange, StandingAlert, StartRange, StoreClock, StoreError, StoredRejection, Summary, VerifyReport, VolumeRoom,
    WaitingSink, digest_text,
};

/// How many changes a slow receiver may lag behind before it must take everything as changed.
const CHANGES: usize = 1_024;

/// What every store has: its connections, and who is notified of its changes.
pub(in crate::evidence) struct Parts<C: Sql + 'static> {
    /// Which store it is, for messages.
    pub shown: Arc<str>,
    pub health: Health,
    pub readers: Readers<C>,
    changes: broadcast::Sender<FeedKey>,
    turns: FeedTurns,
    writer: Option<Writer<C>>,
}

impl<C: Sql + 'static> Parts<C> {
    /// Puts a store together; without a writer it is open for reading only.
    pub(in crate::evidence) fn new(shown: Arc<str>, health: Health, open: Open<C>, writer: Option<Writer<C>>) -> Self {
        let readers = Readers::new(shown.clone(), health.clone(), open);
        let changes = broadcast::Sender::new(CHANGES);
        Self { shown, health, readers, changes, turns: FeedTurns::default(), writer }
    }

    /// Opens a connection for reads, so that a place without a store is found at once.
    pub(in crate::evidence) fn check(
        &self,
        open: impl FnOnce() -> Result<C, StoreError> + Send + 'static,
    ) -> Result<(), StoreError> {
        self.readers.check(open)
    }

    /// What writes.
    ///
    /// # Errors
    /// [`StoreError::ReadOnly`].
    pub(in crate::evidence) fn writer(&self) -> Result<&Writer<C>, StoreError> {
        self.writer.as_ref().ok_or_else(|| StoreError::ReadOnly { path: self.shown.to_string() })
    }
}

/// Turns at feeds: nothing else is written of a feed between reading for a body and writing it. Feeds whose names lead to the same turn wait
/// for each other.
struct FeedTurns([Arc<Mutex<()>>; 64]);

/// A turn at a feed, until it is dropped.
pub(in crate::evidence) type FeedTurn = OwnedMutexGuard<()>;

impl Default for FeedTurns {
    fn default() -> Self {
        FeedTurns(std::array::from_fn(|_| Arc::default()))
    }
}

impl FeedTurns {
    async fn take(&self, feed: &FeedKey) -> FeedTurn {
        let mut hasher = DefaultHasher::new();
        (&feed.contract_uid, &feed.feed).hash(&mut hasher);
        let [first, rest @ ..] = &self.0;
        let place = hasher.finish() % self.0.len() as u64;
        Arc::clone(rest.get(place as usize).unwrap_or(first)).lock_owned().await
    }
}

/// A store in a database; what follows from it alone is an [`EvidenceStore`].
pub(in crate::evidence) trait Backend: Send + Sync {
    /// A connection to the database.
    type Connection: Sql + 'static;

    fn parts(&self) -> &Parts<Self::Connection>;

    /// Waits for work as long as the database answers anybody.
    fn watched<T: Send>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> impl Future<Output = Result<T, StoreError>> + Send {
        work
    }

    /// How much room the volume has, where that is known.
    fn room(&self) -> Option<VolumeRoom> {
        None
    }

    /// Takes a shard, where replicas share the store.
    fn take(&self, _shard: u32) -> Answer<'_, ()> {
        Box::pin(ready(Ok(())))
    }

    /// Releases a shard.
    fn give_back(&self, _shard: u32) -> Answer<'_, ()> {
        Box::pin(ready(Ok(())))
    }

    /// Does work on one state of the store.
    fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn Sql) -> Result<T, Failure> + Send + 'static,
    ) -> Answer<'_, T> {
        Box::pin(self.watched(self.parts().readers.read(|connection| work(connection))))
    }

    /// Waits for the turn of a feed, as long as the database answers: whoever has it waits for the database.
    fn turn<'a>(&'a self, feed: &'a FeedKey) -> Answer<'a, FeedTurn> {
        Box::pin(self.watched(async { Ok(self.parts().turns.take(feed).await) }))
    }

    /// Commits a body with at most `room` new rows in its feed's turn, which lasts until it is written, also where the caller goes away; the
    /// second value says whether anything changed.
    fn commit(&self, feed: FeedKey, batch: Arc<Batch>, room: u64, turn: FeedTurn) -> Answer<'_, (CommitReport, bool)> {
        self.commit_at_once(feed, batch, room, turn)
    }

    /// The same, all of it on the writer's connection.
    fn commit_at_once(
        &self,
        feed: FeedKey,
        batch: Arc<Batch>,
        room: u64,
        turn: FeedTurn,
    ) -> Answer<'_, (CommitReport, bool)> {
        self.write_in_turn(feed.namespace.clone(), turn, move |sql| sql.commit(&feed, &batch, room))
    }

    /// Does work on a feed of a namespace in the feed's turn, unless another replica writes for the namespace.
    fn write_in_turn<T: Send + 'static>(
        &self,
        namespace: String,
        turn: FeedTurn,
        work: impl FnOnce(&mut dyn Sql) -> Result<T, Failure> + Send + 'static,
    ) -> Answer<'_, T> {
        let shown = self.parts().shown.clone();
        self.write(move |sql| {
            let _turn = turn;
            if sql.writes_for(&namespace) { work(sql) } else { Err(StoreError::in_use(&*shown).into()) }
        })
    }

    /// Does work in one transaction and answers when it is on disk.
    fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn Sql) -> Result<T, Failure> + Send + 'static,
    ) -> Answer<'_, T> {
        Box::pin(async move { self.watched(self.parts().writer()?.write(work)).await })
    }

    /// Appends an entry to the journal; false when it is not wanted.
    fn append(&self, entry: NewEntry, when: Append) -> Answer<'_, bool> {
        self.write(move |sql| journal::append_if(sql, &entry, when))
    }

    /// Takes the store for an operator on this clock, for ever, and returns the store's identity.
    fn claim_for(&self, clock: StoreClock) -> Answer<'_, String> {
        let shown = self.parts().shown.clone();
        self.write(move |sql| identity::claim(sql, clock, &shown))
    }
}

impl<S: Backend> EvidenceStore for S {
    fn take_shard(&self, shard: u32) -> Answer<'_, ()> {
        self.take(shard)
    }

    fn give_back_shard(&self, shard: u32) -> Answer<'_, ()> {
        self.give_back(shard)
    }

    fn volume(&self) -> Option<VolumeRoom> {
        self.room()
    }

    fn commit_within(&self, feed: FeedKey, batch: Batch, room: u64) -> Answer<'_, CommitReport> {
        Box::pin(async move {
            self.room().map_or(Ok(()), VolumeRoom::check)?;
            let turn = self.turn(&feed).await?;
            let (report, changed) = self.commit(feed.clone(), Arc::new(batch), room, turn).await?;
            if changed {
                // Nobody listening is fine.
                let _ = self.parts().changes.send(feed);
            }
            Ok(report)
        })
    }

    fn rows<'a>(&'a self, contract_uid: &'a str, feed: &'a str, after_sequence: i64) -> Answer<'a, Vec<Row>> {
        let (uid, feed) = (contract_uid.to_owned(), feed.to_owned());
        self.read(move |sql| read::rows(sql, &uid, &feed, after_sequence))
    }

    fn more_rows<'a>(
        &'a self,
        contract_uid: &'a str,
        feed: &'a str,
        rows: FeedRows,
        range: RowRange,
    ) -> Answer<'a, FeedRows> {
        let (uid, feed) = (contract_uid.to_owned(), feed.to_owned());
        self.read(move |sql| read::more_rows(sql, &uid, &feed, rows, range))
    }

    fn more_rows_starting_within<'a>(
        &'a self,
        contract_uid: &'a str,
        feed: &'a str,
        rows: FeedRows,
        range: StartRange,
    ) -> Answer<'a, FeedRows> {
        let (uid, feed) = (contract_uid.to_owned(), feed.to_owned());
        self.read(move |sql| read::more_rows_starting_within(sql, (&uid, &feed), rows, range))
    }

    fn newest_starting_within<'a>(
        &'a self,
        contract_uid: &'a str,
        feed: &'a str,
        span: (Timestamp, Timestamp),
        most: usize,
    ) -> Answer<'a, Vec<Row>> {
        let (uid, feed) = (contract_uid.to_owned(), feed.to_owned());
        self.read(move |sql| read::newest_starting_within(sql, (&uid, &feed), span, most))
    }

    fn definitions_size<'a>(&'a self, contract_uid: &'a str, feed: &'a str) -> Answer<'a, DefinitionsSize> {
        let (uid, feed) = (contract_uid.to_owned(), feed.to_owned());
        self.read(move |sql| read::definitions_size(sql, &uid, &feed))
    }

    fn as_known_on<'a>(&'a self, contract_uid: &'a str, feed: &'a str, instant: Timestamp) -> Answer<'a, Vec<Row>> {
        let (uid, feed) = (contract_uid.to_owned(), feed.to_owned());
        self.read(move |sql| read::as_known_on(sql, &uid, &feed, instant))
    }

    fn heads<'a>(&'a self, contract_uid: &'a str) -> Answer<'a, BTreeMap<String, Head>> {
        let uid = contract_uid.to_owned();
        self.read(move |sql| read::heads(sql, &uid))
    }

    fn digest_at<'a>(&'a self, contract_uid: &'a str, feed: &'a str, sequence: i64) -> Answer<'a, Option<Digest>> {
        let (uid, feed) = (contract_uid.to_owned(), feed.to_owned());
        self.read(move |sql| read::digest_at(sql, &uid, &feed, sequence))
    }

    fn log<'a>(&'a self, contract_uid: &'a str, feed: &'a str, until_sequence: i64) -> Answer<'a, Vec<LogEntry>> {
        let (uid, feed) = (contract_uid.to_owned(), feed.to_owned());
        self.read(move |sql| read::log(sql, &uid, &feed, until_sequence))
    }

    fn feeds(&self) -> Answer<'_, Vec<FeedKey>> {
        self.read(read::feeds)
    }

    fn feed_progress<'a>(&'a self, contract_uid: &'a str, feed: &'a str) -> Answer<'a, Option<BackfillProgress>> {
        let (uid, feed) = (contract_uid.to_owned(), feed.to_owned());
        self.read(move |sql| read::feed_progress(sql, &uid, &feed))
    }

    fn feed_state<'a>(&'a self, contract_uid: &'a str, feed: &'a str) -> Answer<'a, Option<String>> {
        let (uid, feed) = (contract_uid.to_owned(), feed.to_owned());
        self.read(move |sql| read::feed_state(sql, &uid, &feed))
    }

    fn rejected<'a>(&'a self, contract_uid: &'a str, feed: &'a str, limit: usize) -> Answer<'a, Vec<StoredRejection>> {
        let (uid, feed) = (contract_uid.to_owned(), feed.to_owned());
        self.read(move |sql| read::rejected(sql, &uid, &feed, limit))
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

    fn closings<'a>(&'a self, contract_uid: &'a str) -> Answer<'a, BTreeMap<String, Shared<Terms>>> {
        let uid = contract_uid.to_owned();
        self.read(move |sql| journal::closings(sql, &uid))
    }

    fn last_closing<'a>(&'a self, contract_uid: &'a str) -> Answer<'a, Option<Timestamp>> {
        let uid = contract_uid.to_owned();
        self.read(move |sql| journal::last_closing(sql, &uid))
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
        self.read(move |sql| journal::terms_history(sql, &uid))
    }

    fn terms_between<'a>(
        &'a self,
        contract_uid: &'a str,
        after: i64,
        before: i64,
    ) -> Answer<'a, Option<(i64, RecordedTerms)>> {
        let uid = contract_uid.to_owned();
        self.read(move |sql| journal::terms_between(sql, &uid, (after, before)))
    }

    fn last_terms<'a>(&'a self, contract_uid: &'a str) -> Answer<'a, Option<RecordedTerms>> {
        let uid = contract_uid.to_owned();
        self.read(move |sql| journal::last_terms(sql, &uid))
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
        self.read(move |sql| journal::facts(sql, &uid, &kind))
    }

    fn all_facts<'a>(&'a self, contract_uid: &'a str) -> Answer<'a, Vec<Fact>> {
        let uid = contract_uid.to_owned();
        self.read(move |sql| journal::all_facts(sql, &uid))
    }

    fn first_recorded_at<'a>(&'a self, contract_uid: &'a str) -> Answer<'a, Option<Timestamp>> {
        let uid = contract_uid.to_owned();
        self.read(move |sql| journal::first_recorded_at(sql, &uid))
    }

    fn record_report_digest(
        &self,
        contract_uid: String,
        report: String,
        digest: Digest,
        recorded_at: Timestamp,
    ) -> Answer<'_, bool> {
        Box::pin(async move {
            let content = digest_text(&digest);
            let entry = NewEntry { topic: Topic::Report, contract_uid, name: report, recorded_at, content };
            self.append(entry, Append::IfChanged).await
        })
    }

    fn report_digests<'a>(&'a self, contract_uid: &'a str) -> Answer<'a, BTreeMap<String, Digest>> {
        let uid = contract_uid.to_owned();
        self.read(move |sql| journal::report_digests(sql, &uid))
    }

    fn record_alerts(&self, contract_uid: String, messages: Vec<NewMessage>, written_at: Timestamp) -> Answer<'_, ()> {
        self.write(move |sql| outbox::record(sql, &contract_uid, &messages, written_at))
    }

    fn standing_alerts<'a>(&'a self, contract_uid: &'a str) -> Answer<'a, Vec<StandingAlert>> {
        let uid = contract_uid.to_owned();
        self.read(move |sql| outbox::standing(sql, &uid))
    }

    fn contracts_with_alerts(&self) -> Answer<'_, Vec<String>> {
        self.read(outbox::contracts)
    }

    fn record_scheduled_reports(
        &self,
        evidence_uid: String,
        contract_uid: String,
        entries: Vec<ReportEntry>,
        written_at: Timestamp,
    ) -> Answer<'_, ()> {
        self.write(move |sql| scheduled::record(sql, [&evidence_uid, &contract_uid], &entries, written_at))
    }

    fn scheduled_reports<'a>(&'a self, evidence_uid: &'a str) -> Answer<'a, Vec<HandedOver>> {
        let uid = evidence_uid.to_owned();
        self.read(move |sql| scheduled::journal(sql, &uid))
    }

    fn waiting_messages(&self, limit: usize) -> Answer<'_, Vec<OutboxMessage>> {
        self.read(move |sql| outbox::waiting(sql, limit))
    }

    fn waiting_sinks(&self) -> Answer<'_, Vec<WaitingSink>> {
        self.read(outbox::waiting_sinks)
    }

    fn waiting_messages_of<'a>(
        &'a self,
        contract_uid: &'a str,
        sink: &'a str,
        limit: usize,
    ) -> Answer<'a, Vec<OutboxMessage>> {
        let (uid, sink) = (contract_uid.to_owned(), sink.to_owned());
        self.read(move |sql| outbox::waiting_of(sql, &uid, &sink, limit))
    }

    fn latest_messages<'a>(&'a self, contract_uid: Option<&'a str>, limit: usize) -> Answer<'a, Vec<OutboxMessage>> {
        let uid = contract_uid.map(str::to_owned);
        self.read(move |sql| outbox::latest(sql, uid.as_deref(), limit))
    }

    fn settle_messages(&self, ids: Vec<i64>, delivery: Delivery, now: Timestamp) -> Answer<'_, ()> {
        self.write(move |sql| outbox::settle(sql, &ids, &delivery, now))
    }

    fn checkpoint<'a>(&'a self, contract_uid: &'a str) -> Answer<'a, Option<Vec<u8>>> {
        let uid = contract_uid.to_owned();
        self.read(move |sql| checkpoints::find(sql, &uid))
    }

    fn keep_checkpoints(&self, checkpoints: Vec<(String, Vec<u8>)>, kept_at: Timestamp) -> Answer<'_, ()> {
        self.write(move |sql| checkpoints::keep(sql, &checkpoints, kept_at))
    }

    fn remove_rows(&self, feed: FeedKey, removal: Removal, recorded_at: Timestamp) -> Answer<'_, Removed> {
        Box::pin(async move {
            let turn = self.turn(&feed).await?;
            let namespace = feed.namespace.clone();
            let remove = move |sql: &mut dyn Sql| retention::remove(sql, &feed, removal, recorded_at);
            self.write_in_turn(namespace, turn, remove).await
        })
    }

    fn summaries<'a>(&'a self, contract_uid: &'a str, feed: &'a str) -> Answer<'a, Vec<Summary>> {
        let (uid, feed) = (contract_uid.to_owned(), feed.to_owned());
        self.read(move |sql| retention::summaries(sql, &uid, &feed))
    }

    fn keep_last_judgement(&self, contract_uid: String, content: Vec<u8>) -> Answer<'_, ()> {
        self.write(move |sql| retention::keep_judgement(sql, &contract_uid, &content))
    }

    fn last_judgement<'a>(&'a self, contract_uid: &'a str) -> Answer<'a, Option<Vec<u8>>> {
        let uid = contract_uid.to_owned();
        self.read(move |sql| retention::judgement(sql, &uid))
    }

    fn verify(&self, progress: OnVerifyProgress) -> Answer<'_, VerifyReport> {
        self.read(move |sql| verification::verify(&mut Stored(sql), &*progress))
    }

    fn changes(&self) -> broadcast::Receiver<FeedKey> {
        self.parts().changes.subscribe()
    }

    fn healthy(&self) -> bool {
        self.parts().health.fault().is_none()
    }

    fn fault(&self) -> Option<String> {
        self.parts().health.fault().map(str::to_owned)
    }
}
