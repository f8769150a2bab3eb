//! How fast evidence is committed, read and verified in both stores: `cargo bench --bench evidence`.
//!
//! PostgreSQL is started from the machine's packages, with `fsync` on and otherwise as it comes. `BPO_BENCH_FEEDS` (16) is how
//! many feeds of six months, 62,496 rows each, are read and verified: 480 are 30 million rows.
//!
//! Bodies are a month of half-hours of seven queues with eight measures each, as a call centre's feed sends them.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a benchmark that cannot go on may end"
)]

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use bpo_operator::domain::measuring::feed_rows::FeedRows;
use bpo_operator::evidence::postgres::{PostgresStore, WhenInUse};
use bpo_operator::evidence::sqlite::SqliteStore;
use bpo_operator::evidence::{Batch, CommitReport, EvidenceStore, FeedKey, IncomingRow, OnVerifyProgress, StartRange};
use divan::Bencher;
use divan::counter::ItemsCount;
use jiff::{SignedDuration, Timestamp};
use testkit::postgres_server;
use tokio::runtime::Runtime;

const SLOTS: i64 = 31 * 48;
const QUEUES: [&str; 7] = ["billing", "sales", "support", "retention", "upgrades", "claims", "premium"];
const MEASURES: [&str; 8] = [
    "offered",
    "answered",
    "answeredWithin",
    "abandoned",
    "abandonedWithin",
    "handleSeconds",
    "handled",
    "waitSeconds",
];
const ROWS: usize = SLOTS as usize * QUEUES.len();

/// How many months the store that is read and verified has of each feed.
const MONTHS: i64 = 6;

fn main() {
    divan::main();
    // `cargo test --benches` only looks whether everything starts.
    if std::env::args().any(|argument| argument == "--bench") {
        for backend in BACKENDS {
            read_and_verify(backend);
        }
    }
}

/// Which store is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Backend {
    Sqlite,
    Postgres,
}

impl fmt::Display for Backend {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

const BACKENDS: [Backend; 2] = [Backend::Sqlite, Backend::Postgres];

/// The server that is measured; unlike that of the tests it waits for the disk.
fn database() -> &'static postgres_server::Server {
    static SERVER: std::sync::OnceLock<postgres_server::Server> = std::sync::OnceLock::new();
    SERVER.get_or_init(|| postgres_server::Server::start("-c fsync=on", &[]))
}

fn feeds() -> usize {
    std::env::var("BPO_BENCH_FEEDS").ok().and_then(|feeds| feeds.parse().ok()).unwrap_or(16)
}

fn feed(number: usize) -> FeedKey {
    FeedKey {
        contract_uid: format!("5f0c1c9e-6f3e-4f0e-9f0a-{number:012}"),
        namespace: "bpo".to_owned(),
        contract: "acme".to_owned(),
        feed: "acd".to_owned(),
    }
}

fn start_of(month: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * (20_454 + 31 * month))
}

fn month(number: i64) -> Batch {
    let rows = (0..SLOTS).flat_map(|slot| QUEUES.iter().map(move |queue| row(number, slot, queue))).collect();
    let mut body_digest = [0; 32];
    body_digest[..8].copy_from_slice(&number.to_be_bytes());
    Batch {
        received_at: start_of(number + 1),
        body_digest,
        url_host: Some("feeds.acme.example".to_owned()),
        backfill: true,
        plan: false,
        rows,
        rejected: Vec::new(),
        progress: None,
        state: None,
    }
}

fn row(month: i64, slot: i64, queue: &str) -> IncomingRow {
    let start = start_of(month) + SignedDuration::from_mins(30 * slot);
    let labels = [("queue", queue), ("site", "cebu"), ("tier", "gold")];
    IncomingRow {
        labels: labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        start,
        end: start + SignedDuration::from_mins(30),
        measures: (0..)
            .zip(MEASURES)
            .map(|(place, name)| (name.to_owned(), (slot * 37 % 900 + place).into()))
            .collect::<BTreeMap<_, _>>(),
        vendor_revision: Some(1),
        recorded_at: None,
    }
}

struct Setting {
    runtime: Runtime,
    store: Arc<dyn EvidenceStore>,
    directory: tempfile::TempDir,
}

impl Setting {
    fn new(backend: Backend) -> Self {
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory for the store");
        let runtime = Runtime::new().expect("a runtime");
        let store: Arc<dyn EvidenceStore> = match backend {
            Backend::Sqlite => Arc::new(SqliteStore::open(directory.path()).expect("an empty store")),
            Backend::Postgres => Arc::new(empty_database()),
        };
        Self { runtime, store, directory }
    }

    fn filled(backend: Backend) -> Self {
        let setting = Self::new(backend);
        let begin = Instant::now();
        for number in 0..MONTHS {
            for key in 0..feeds() {
                setting.commit(key, "acd", month(number));
            }
        }
        let rows = ROWS * feeds() * usize::try_from(MONTHS).expect("a few months");
        let seconds = begin.elapsed().as_secs_f64();
        println!("{backend}: {rows} rows in {seconds:.0} s, {:.0} rows/s", rows as f64 / seconds);
        let mut one_queue = month(2);
        one_queue.rows.retain(|row| row.labels.get("queue").is_some_and(|queue| queue == "billing"));
        setting.commit(3, "billing", one_queue);
        setting
    }

    fn commit(&self, key: usize, name: &str, batch: Batch) -> CommitReport {
        let key = FeedKey { feed: name.to_owned(), ..feed(key) };
        self.runtime.block_on(self.store.commit(key, batch)).expect("a commit")
    }
}

fn empty_database() -> PostgresStore {
    database().execute("postgres", "DROP SCHEMA IF EXISTS bpo_evidence CASCADE");
    PostgresStore::open(&database().address("127.0.0.1", "postgres").parse().expect("an address"), WhenInUse::TakeOver)
        .expect("an empty store")
}

/// Durable commits of new rows, one month a body.
#[divan::bench(args = BACKENDS, sample_count = 30, sample_size = 1)]
fn ingest(bencher: Bencher, backend: Backend) {
    let setting = Setting::new(backend);
    let next = std::cell::Cell::new(0);
    bencher
        .counter(ItemsCount::new(ROWS))
        .with_inputs(|| {
            next.set(next.get() + 1);
            month(next.get())
        })
        .bench_local_values(|batch| assert_eq!(setting.commit(0, "acd", batch).added, ROWS as u64));
}

/// A body that says what is known already.
#[divan::bench(args = BACKENDS, sample_count = 30, sample_size = 1)]
fn poll_without_news(bencher: Bencher, backend: Backend) {
    let setting = Setting::new(backend);
    setting.commit(0, "acd", month(0));
    bencher
        .counter(ItemsCount::new(ROWS))
        .with_inputs(|| month(0))
        .bench_local_values(|batch| assert_eq!(setting.commit(0, "acd", batch).unchanged, ROWS as u64));
}

/// Reads of a month and a verification, out of all rows.
fn read_and_verify(backend: Backend) {
    let setting = Setting::filled(backend);
    let months: Vec<(FeedKey, i64)> =
        (0..READS).map(|number| (feed(number * 7 % feeds()), number as i64 % MONTHS)).collect();
    read(&setting, backend, &months, ROWS, 100);
    let of_one_queue = FeedKey { feed: "billing".to_owned(), ..feed(3) };
    let one_queue: Vec<(FeedKey, i64)> = (0..READS).map(|_| (of_one_queue.clone(), 2)).collect();
    read(&setting, backend, &one_queue, SLOTS as usize, READS);
    verify(&setting, backend);
}

/// How many months of one queue are read.
const READS: usize = 1_000;

fn read(setting: &Setting, backend: Backend, months: &[(FeedKey, i64)], expected: usize, reads: usize) {
    let mut took: Vec<f64> = months
        .iter()
        .take(reads)
        .map(|(key, month)| {
            let (from, until) = (start_of(*month), start_of(month + 1));
            let begin = Instant::now();
            let range = StartRange { from, until, last: i64::MAX, most: usize::MAX, page: usize::MAX };
            let (uid, nothing) = (&key.contract_uid, FeedRows::default());
            let rows = setting.store.more_rows_starting_within(uid, &key.feed, nothing, range);
            assert_eq!(setting.runtime.block_on(rows).expect("rows").len(), expected);
            begin.elapsed().as_secs_f64() * 1_000.0
        })
        .collect();
    took.sort_by(f64::total_cmp);
    let (median, most) = (took[reads / 2], took[reads * 99 / 100]);
    println!("{backend}: a month of {expected} rows, read {reads} times: p50 {median:.2} ms, p99 {most:.2} ms");
}

fn verify(setting: &Setting, backend: Backend) {
    let begin = Instant::now();
    let silent: OnVerifyProgress = Arc::new(|_| ());
    let report = setting.runtime.block_on(setting.store.verify(silent)).expect("a verification");
    assert!(report.whole(), "{:?}", report.broken);
    let seconds = begin.elapsed().as_secs_f64();
    println!("{backend}: verified {} rows in {seconds:.1} s, {:.0} rows/s", report.rows, report.rows as f64 / seconds);
    let size = match backend {
        Backend::Sqlite => size_of_files(setting.directory.path()),
        Backend::Postgres => size_of_database(),
    };
    println!("{backend}: {:.0} bytes a row", size / report.rows as f64);
}

fn size_of_files(directory: &Path) -> f64 {
    let entries = std::fs::read_dir(directory).expect("the store's directory");
    entries.filter_map(|entry| entry.ok()?.metadata().ok()).map(|metadata| metadata.len() as f64).sum()
}

fn size_of_database() -> f64 {
    let size = "SELECT pg_database_size(current_database())";
    database().session("postgres", |client| client.query_one(size, &[]).expect("a size").get::<_, i64>(0)) as f64
}
