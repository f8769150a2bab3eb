//! Small words to speak of rows and bodies.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use rust_decimal::Decimal;
use tempfile::TempDir;

use super::server::Database;
use crate::domain::measuring::feed_rows::FeedRows;
use crate::domain::measuring::row::Row;
use crate::evidence::chain::digest_of;
use crate::evidence::postgres::{PostgresStore, WhenInUse};
use crate::evidence::sqlite::SqliteStore;
use crate::evidence::{
    Batch, EvidenceStore, FeedKey, IncomingRow, OnVerifyProgress, RejectedRow, RejectionReason, RowRange, StartRange,
    StoreError, VerifyReport,
};

/// Which store a test runs against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Backend {
    Sqlite,
    Postgres,
}

/// Runs each of the tests against both stores.
macro_rules! on_both_stores {
    ($($test:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test] async fn $test() { super::$test(super::Backend::Sqlite).await; })+
        }
        mod postgres {
            $(#[tokio::test] async fn $test() { super::$test(super::Backend::Postgres).await; })+
        }
    };
}
pub(super) use on_both_stores;

/// A store in a directory or in a database of its own.
pub(super) struct Fixture {
    pub store: Arc<dyn EvidenceStore>,
    pub place: Place,
}

/// Where a store is.
pub(super) enum Place {
    Directory(TempDir),
    Database(Database),
}

impl Place {
    pub(super) fn new(backend: Backend) -> Self {
        match backend {
            Backend::Sqlite => Self::Directory(tempfile::tempdir().unwrap()),
            Backend::Postgres => Self::Database(Database::new()),
        }
    }

    pub(super) fn open(&self) -> Result<Arc<dyn EvidenceStore>, StoreError> {
        Ok(match self {
            Self::Directory(directory) => Arc::new(SqliteStore::open(directory.path())?),
            Self::Database(database) => Arc::new(PostgresStore::open(&database.url(), WhenInUse::Refuse)?),
        })
    }

    pub(super) fn open_for_reading(&self) -> Result<Arc<dyn EvidenceStore>, StoreError> {
        Ok(match self {
            Self::Directory(directory) => Arc::new(SqliteStore::open_for_reading(directory.path())?),
            Self::Database(database) => Arc::new(PostgresStore::open_for_reading(&database.url())?),
        })
    }
}

/// Opens a store that was closed. A database server may need a moment to see that a session has ended, and a process that another test starts has
/// the lock of a file until it runs its own program.
fn once_unlocked<S>(open: impl Fn() -> Result<S, StoreError>) -> S {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        match open() {
            Err(StoreError::Locked { .. }) if std::time::Instant::now() < deadline => {
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
            opened => return opened.unwrap(),
        }
    }
}

impl Fixture {
    pub(super) fn new(backend: Backend) -> Self {
        let place = Place::new(backend);
        Self { store: place.open().unwrap(), place }
    }

    /// Closes the store and opens it again.
    pub(super) fn restart(self) -> Self {
        let Self { store, place } = self;
        drop(store);
        Self { store: once_unlocked(|| place.open()), place }
    }

    pub(super) async fn commit(&self, batch: Batch) -> crate::evidence::CommitReport {
        self.store.commit(feed("acd"), batch).await.unwrap()
    }

    /// Values of the measure `offered` of all rows, in order of receipt.
    pub(super) async fn offered(&self) -> Vec<i64> {
        let rows = self.store.rows("uid-1", "acd", 0).await.unwrap();
        // Packed while they are read they are the same rows.
        let packed =
            self.store.more_rows("uid-1", "acd", FeedRows::default(), RowRange::between(0, i64::MAX)).await.unwrap();
        assert_eq!(packed, rows.iter().collect());
        offered(&rows)
    }

    pub(super) async fn verify(&self) -> VerifyReport {
        verify(&*self.store).await
    }
}

/// Every revision of the rows that start in a span, in order of receipt.
pub(super) async fn starting_within(
    store: &dyn EvidenceStore,
    from: Timestamp,
    until: Timestamp,
) -> Result<Vec<Row>, StoreError> {
    let range = StartRange { from, until, last: i64::MAX, most: usize::MAX, page: usize::MAX };
    let rows = store.more_rows_starting_within("uid-1", "acd", FeedRows::default(), range).await?;
    let mut rows: Vec<Row> = (0..rows.len() as u32).filter_map(|place| rows.row(place)).collect();
    rows.sort_unstable_by_key(|row| row.sequence);
    Ok(rows)
}

/// An SQLite store in a directory of its own, for tests that touch its file.
pub(super) struct SqliteFixture {
    pub store: SqliteStore,
    pub directory: TempDir,
}

impl SqliteFixture {
    pub(super) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self { store: SqliteStore::open(directory.path()).unwrap(), directory }
    }

    /// Closes the store and opens it again.
    pub(super) fn restart(self) -> Self {
        let Self { store, directory } = self;
        drop(store);
        Self { store: once_unlocked(|| SqliteStore::open(directory.path())), directory }
    }

    pub(super) async fn commit(&self, batch: Batch) -> crate::evidence::CommitReport {
        self.store.commit(feed("acd"), batch).await.unwrap()
    }

    pub(super) async fn offered(&self) -> Vec<i64> {
        offered(&self.store.rows("uid-1", "acd", 0).await.unwrap())
    }
}

pub(super) async fn verify(store: &dyn EvidenceStore) -> VerifyReport {
    let silent: OnVerifyProgress = Arc::new(|_| ());
    store.verify(silent).await.unwrap()
}

pub(super) fn offered(rows: &[crate::domain::measuring::row::Row]) -> Vec<i64> {
    rows.iter().map(|row| i64::try_from(row.measures["offered"]).unwrap()).collect()
}

pub(super) fn feed(name: &str) -> FeedKey {
    FeedKey {
        contract_uid: "uid-1".to_owned(),
        namespace: "bpo".to_owned(),
        contract: "acme".to_owned(),
        feed: name.to_owned(),
    }
}

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// An instant of 5 January 2026, `minute` minutes after 09:00 UTC.
pub(super) fn minute(minute: i64) -> Timestamp {
    at("2026-01-05T09:00:00Z") + jiff::SignedDuration::from_mins(minute)
}

/// The row of the half-hour that starts `start` minutes after nine, with one measure.
pub(super) fn row(start: i64, offered: i64) -> IncomingRow {
    IncomingRow {
        labels: BTreeMap::from([("queue".to_owned(), "billing".to_owned())]),
        start: minute(start),
        end: minute(start + 30),
        measures: BTreeMap::from([("offered".to_owned(), Decimal::from(offered))]),
        vendor_revision: None,
        recorded_at: None,
    }
}

pub(super) fn revision(row: IncomingRow, vendor_revision: i64) -> IncomingRow {
    IncomingRow { vendor_revision: Some(vendor_revision), ..row }
}

pub(super) fn lasting(row: IncomingRow, minutes: i64) -> IncomingRow {
    IncomingRow { end: row.start + jiff::SignedDuration::from_mins(minutes), ..row }
}

pub(super) fn queue(row: IncomingRow, queue: &str) -> IncomingRow {
    IncomingRow { labels: BTreeMap::from([("queue".to_owned(), queue.to_owned())]), ..row }
}

/// A body received `received` minutes after nine; its digest follows from its rows, as it would from its bytes.
pub(super) fn body(received: i64, rows: Vec<IncomingRow>) -> Batch {
    Batch {
        received_at: minute(received),
        body_digest: digest_of(format!("{rows:?}").as_bytes()),
        url_host: Some("feeds.acme.example".to_owned()),
        backfill: false,
        plan: false,
        rows,
        rejected: Vec::new(),
        progress: None,
        state: None,
    }
}

pub(super) fn rejection(reason: RejectionReason, text: &str) -> RejectedRow {
    RejectedRow { reason, text: text.to_owned() }
}
