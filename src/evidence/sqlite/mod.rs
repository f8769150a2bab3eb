//! The evidence store in one SQLite file: write-ahead log, `synchronous=FULL`, one writer, several readers.

mod checkpoints;
mod commit;
mod connections;
mod errors;
mod journal;
mod outbox;
mod read;
mod scheduled;
mod schema;
mod verify;

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::broadcast;

use self::connections::{Readers, Writer};
use super::health::Health;
use super::journal::{Append, Closing, NewEntry, Topic, json};
use super::model::{
    BackfillProgress, Batch, CommitReport, Digest, Fact, FeedKey, Head, LogEntry, RecordedTerms, RowRange, StoreError,
    StoredRejection, VerifyReport, VolumeRoom,
};
use super::{
    Answer, Delivery, EvidenceStore, NewMessage, OnVerifyProgress, OutboxMessage, ReportEntry, StandingAlert,
    StoreClock, WaitingSink,
};
use crate::domain::governance::scheduled_reports::HandedOver;
use crate::domain::measuring::feed_rows::FeedRows;
use crate::domain::measuring::row::Row;
use crate::domain::terms::contract_terms::Terms;

/// How many changes a slow receiver may lag behind before it must take everything as changed.
const CHANGES: usize = 1_024;

/// Bytes of pages that the writer holds where nothing else is said.
const PAGES: u64 = 64 << 20;

/// A read of more rows than these goes through so much of the file that the pages it mapped are let go after it.
const MANY: usize = 10_000;

/// Name of the store's file in the data directory.
pub const FILE_NAME: &str = "evidence.sqlite";

/// The evidence store in one SQLite file.
pub struct SqliteStore {
    path: Arc<PathBuf>,
    health: Health,
    changes: broadcast::Sender<FeedKey>,
    readers: Readers,
    // The writer goes before the lock, so that the file is let go when nothing writes any more.
    writer: Option<Writer>,
    _lock: Option<File>,
    /// A volume that a test pretends.
    #[cfg(test)]
    pub(super) pretended: std::sync::Mutex<Option<VolumeRoom>>,
}

impl SqliteStore {
    /// Opens the store in a data directory, which is made if it is not there, for this process alone.
    ///
    /// # Errors
    /// When another process has it, a later version or another program wrote it, or the disk refuses.
    pub fn open(data_dir: &Path) -> Result<Self, StoreError> {
        Self::open_with_pages(data_dir, PAGES)
    }

    /// The same, with at most so many bytes of the file's pages held by the writer.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with_pages(data_dir: &Path, pages: u64) -> Result<Self, StoreError> {
        let not_opened = |error: std::io::Error| StoreError::NotOpened {
            path: data_dir.display().to_string(),
            reason: error.to_string(),
        };
        std::fs::create_dir_all(data_dir).map_err(not_opened)?;
        let lock = lock(data_dir)?;
        let path = Arc::new(data_dir.join(FILE_NAME));
        let connection = schema::open_for_writing(&path, pages)?;
        let health = Health::default();
        let writer = Writer::start(path.clone(), connection, health.clone())?;
        Ok(Self::assemble(path, health, Some(writer), Some(lock)))
    }

    /// Opens the store in a data directory for reads, also while an operator writes to it. Writes give [`StoreError::ReadOnly`].
    ///
    /// # Errors
    /// When there is no store, or it is not of this version's format.
    pub fn open_for_reading(data_dir: &Path) -> Result<Self, StoreError> {
        let path = Arc::new(data_dir.join(FILE_NAME));
        drop(schema::open_for_reading(&path)?);
        Ok(Self::assemble(path, Health::default(), None, None))
    }

    /// Takes the store for an operator on this clock, for ever, and gives the store's identity: 32 hexadecimal digits.
    ///
    /// # Errors
    /// When it is a store of the other clock; and as every write.
    pub async fn claim(&self, clock: StoreClock) -> Result<String, StoreError> {
        let path = self.path.display().to_string();
        self.writer()?
            .write(move |transaction| {
                transaction.execute_batch(
                    "CREATE TABLE IF NOT EXISTS identity (
                       only_row INTEGER PRIMARY KEY CHECK (only_row = 1), id TEXT NOT NULL, clock TEXT NOT NULL
                     ) STRICT",
                )?;
                // A store of a version that had no identities, and is in use, is a real one.
                transaction.execute(
                    "INSERT INTO identity SELECT 1, lower(hex(randomblob(16))),
                       CASE WHEN EXISTS (SELECT 1 FROM feeds) OR EXISTS (SELECT 1 FROM journal) THEN 'Real' ELSE ?1 END
                     WHERE NOT EXISTS (SELECT 1 FROM identity)",
                    [clock.as_str()],
                )?;
                let found = transaction.query_row("SELECT id, clock FROM identity", [], |row| {
                    Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
                })?;
                clock.check(&found.1, &path)?;
                Ok(found.0)
            })
            .await
    }

    fn assemble(path: Arc<PathBuf>, health: Health, writer: Option<Writer>, lock: Option<File>) -> Self {
        let readers = Readers::new(path.clone(), health.clone());
        Self {
            path,
            health,
            changes: broadcast::Sender::new(CHANGES),
            readers,
            writer,
            _lock: lock,
            #[cfg(test)]
            pretended: std::sync::Mutex::default(),
        }
    }

    fn writer(&self) -> Result<&Writer, StoreError> {
        self.writer.as_ref().ok_or_else(|| StoreError::ReadOnly { path: self.path.display().to_string() })
    }

    async fn append(&self, entry: NewEntry, when: Append) -> Result<bool, StoreError> {
        self.writer()?.write(move |transaction| journal::append_if(transaction, &entry, when)).await
    }

    #[cfg(test)]
    pub(super) async fn execute_on_writer(&self, statements: impl Into<String>) -> Result<(), StoreError> {
        self.writer()?.execute(statements.into()).await
    }
}

/// Takes the data directory for this process; the lock ends with the process, however it ends.
fn lock(data_dir: &Path) -> Result<File, StoreError> {
    let path = data_dir.join("evidence.lock");
    let text = path.display().to_string();
    let not_opened = |error: std::io::Error| StoreError::NotOpened { path: text.clone(), reason: error.to_string() };
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(not_opened)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(StoreError::Locked { path: data_dir.join(FILE_NAME).display().to_string() })
        }
        Err(TryLockError::Error(error)) => Err(not_opened(error)),
    }
}

impl EvidenceStore for SqliteStore {
    fn volume(&self) -> Option<VolumeRoom> {
        #[cfg(test)]
        if let Some(pretended) = self.pretended.lock().ok().and_then(|pretended| *pretended) {
            return Some(pretended);
        }
        let found = rustix::fs::statvfs(self.path.parent()?).ok()?;
        let size = if found.f_frsize > 0 { found.f_frsize } else { found.f_bsize };
        Some(VolumeRoom::of(found.f_bavail.saturating_mul(size), found.f_blocks.saturating_mul(size)))
    }

    fn commit_within(&self, feed: FeedKey, batch: Batch, room: u64) -> Answer<'_, CommitReport> {
        Box::pin(async move {
            let key = feed.clone();
            self.volume().map_or(Ok(()), VolumeRoom::check)?;
            let (report, changed) =
                self.writer()?.write(move |transaction| commit::commit(transaction, &key, &batch, room)).await?;
            if changed {
                // Nobody listening is fine.
                let _ = self.changes.send(feed);
            }
            Ok(report)
        })
    }

    fn rows<'a>(&'a self, contract_uid: &'a str, feed: &'a str, after_sequence: i64) -> Answer<'a, Vec<Row>> {
        let (uid, feed) = (contract_uid.to_owned(), feed.to_owned());
        Box::pin(self.readers.read(move |transaction| read::rows(transaction, &uid, &feed, after_sequence)))
    }

    fn more_rows<'a>(
        &'a self,
        contract_uid: &'a str,
        feed: &'a str,
        rows: FeedRows,
        range: RowRange,
    ) -> Answer<'a, FeedRows> {
        let (uid, feed) = (contract_uid.to_owned(), feed.to_owned());
        Box::pin(self.readers.run(move |path, connection| {
            let known = rows.len();
            let transact = || {
                let transaction = connection.transaction()?;
                let rows = read::more_rows(&transaction, &uid, &feed, rows, range)?;
                drop(transaction);
                if rows.len() > known + MANY {
                    schema::let_mapped_pages_go(connection)?;
                }
                Ok(rows)
            };
            transact().map_err(|failure: errors::Failure| failure.into_store_error(path))
        }))
    }

    fn rows_starting_within<'a>(
        &'a self,
        contract_uid: &'a str,
        feed: &'a str,
        from: Timestamp,
        until: Timestamp,
    ) -> Answer<'a, Vec<Row>> {
        let (uid, feed) = (contract_uid.to_owned(), feed.to_owned());
        Box::pin(
            self.readers.read(move |transaction| read::rows_starting_within(transaction, &uid, &feed, from, until)),
        )
    }

    fn as_known_on<'a>(&'a self, contract_uid: &'a str, feed: &'a str, instant: Timestamp) -> Answer<'a, Vec<Row>> {
        let (uid, feed) = (contract_uid.to_owned(), feed.to_owned());
        Box::pin(self.readers.read(move |transaction| read::as_known_on(transaction, &uid, &feed, instant)))
    }

    fn heads<'a>(&'a self, contract_uid: &'a str) -> Answer<'a, BTreeMap<String, Head>> {
        let uid = contract_uid.to_owned();
        Box::pin(self.readers.read(move |transaction| read::heads(transaction, &uid)))
    }

    fn digest_at<'a>(&'a self, contract_uid: &'a str, feed: &'a str, sequence: i64) -> Answer<'a, Option<Digest>> {
        let (uid, feed) = (contract_uid.to_owned(), feed.to_owned());
        Box::pin(self.readers.read(move |transaction| read::digest_at(transaction, &uid, &feed, sequence)))
    }

    fn log<'a>(&'a self, contract_uid: &'a str, feed: &'a str, until_sequence: i64) -> Answer<'a, Vec<LogEntry>> {
        let (uid, feed) = (contract_uid.to_owned(), feed.to_owned());
        Box::pin(self.readers.read(move |transaction| read::log(transaction, &uid, &feed, until_sequence)))
    }

    fn feeds(&self) -> Answer<'_, Vec<FeedKey>> {
        Box::pin(self.readers.read(read::feeds))
    }

    fn feed_progress<'a>(&'a self, contract_uid: &'a str, feed: &'a str) -> Answer<'a, Option<BackfillProgress>> {
        let (uid, feed) = (contract_uid.to_owned(), feed.to_owned());
        Box::pin(self.readers.read(move |transaction| read::feed_progress(transaction, &uid, &feed)))
    }

    fn feed_state<'a>(&'a self, contract_uid: &'a str, feed: &'a str) -> Answer<'a, Option<String>> {
        let (uid, feed) = (contract_uid.to_owned(), feed.to_owned());
        Box::pin(self.readers.read(move |transaction| read::feed_state(transaction, &uid, &feed)))
    }

    fn rejected<'a>(&'a self, contract_uid: &'a str, feed: &'a str, limit: usize) -> Answer<'a, Vec<StoredRejection>> {
        let (uid, feed) = (contract_uid.to_owned(), feed.to_owned());
        Box::pin(self.readers.read(move |transaction| read::rejected(transaction, &uid, &feed, limit)))
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
        Box::pin(self.readers.read(move |transaction| journal::closings(transaction, &uid)))
    }

    fn last_closing<'a>(&'a self, contract_uid: &'a str) -> Answer<'a, Option<Timestamp>> {
        let uid = contract_uid.to_owned();
        Box::pin(self.readers.read(move |transaction| journal::last_closing(transaction, &uid)))
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
        Box::pin(self.readers.read(move |transaction| journal::terms_history(transaction, &uid)))
    }

    fn last_terms<'a>(&'a self, contract_uid: &'a str) -> Answer<'a, Option<RecordedTerms>> {
        let uid = contract_uid.to_owned();
        Box::pin(self.readers.read(move |transaction| journal::last_terms(transaction, &uid)))
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
        Box::pin(self.readers.read(move |transaction| journal::facts(transaction, &uid, kind)))
    }

    fn all_facts<'a>(&'a self, contract_uid: &'a str) -> Answer<'a, Vec<Fact>> {
        let uid = contract_uid.to_owned();
        Box::pin(self.readers.read(move |transaction| journal::all_facts(transaction, &uid)))
    }

    fn first_recorded_at<'a>(&'a self, contract_uid: &'a str) -> Answer<'a, Option<Timestamp>> {
        let uid = contract_uid.to_owned();
        Box::pin(self.readers.read(move |transaction| journal::first_recorded_at(transaction, &uid)))
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
        Box::pin(self.readers.read(move |transaction| journal::report_digests(transaction, &uid)))
    }

    fn record_alerts(&self, contract_uid: String, messages: Vec<NewMessage>, written_at: Timestamp) -> Answer<'_, ()> {
        Box::pin(async move {
            self.writer()?
                .write(move |transaction| outbox::record(transaction, &contract_uid, &messages, written_at))
                .await
        })
    }

    fn standing_alerts<'a>(&'a self, contract_uid: &'a str) -> Answer<'a, Vec<StandingAlert>> {
        let uid = contract_uid.to_owned();
        Box::pin(self.readers.read(move |transaction| outbox::standing(transaction, &uid)))
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
                .write(move |transaction| {
                    scheduled::record(transaction, [&evidence_uid, &contract_uid], &entries, written_at)
                })
                .await
        })
    }

    fn scheduled_reports<'a>(&'a self, evidence_uid: &'a str) -> Answer<'a, Vec<HandedOver>> {
        let uid = evidence_uid.to_owned();
        Box::pin(self.readers.read(move |transaction| scheduled::journal(transaction, &uid)))
    }

    fn waiting_messages(&self, limit: usize) -> Answer<'_, Vec<OutboxMessage>> {
        Box::pin(self.readers.read(move |transaction| outbox::waiting(transaction, limit)))
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
        Box::pin(self.readers.read(move |transaction| outbox::waiting_of(transaction, &uid, &sink, limit)))
    }

    fn latest_messages<'a>(&'a self, contract_uid: Option<&'a str>, limit: usize) -> Answer<'a, Vec<OutboxMessage>> {
        let uid = contract_uid.map(str::to_owned);
        Box::pin(self.readers.read(move |transaction| outbox::latest(transaction, uid.as_deref(), limit)))
    }

    fn settle_messages(&self, ids: Vec<i64>, delivery: Delivery, now: Timestamp) -> Answer<'_, ()> {
        Box::pin(async move {
            self.writer()?.write(move |transaction| outbox::settle(transaction, &ids, &delivery, now)).await
        })
    }

    fn checkpoint<'a>(&'a self, contract_uid: &'a str) -> Answer<'a, Option<Vec<u8>>> {
        let uid = contract_uid.to_owned();
        Box::pin(self.readers.read(move |transaction| checkpoints::find(transaction, &uid)))
    }

    fn keep_checkpoints(&self, checkpoints: Vec<(String, Vec<u8>)>, kept_at: Timestamp) -> Answer<'_, ()> {
        Box::pin(async move {
            self.writer()?.write(move |transaction| checkpoints::keep(transaction, &checkpoints, kept_at)).await
        })
    }

    fn verify(&self, progress: OnVerifyProgress) -> Answer<'_, VerifyReport> {
        Box::pin(self.readers.run(move |path, connection| verify::verify(path, connection, &*progress)))
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
