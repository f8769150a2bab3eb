//! How fast evidence is committed, read and verified: `cargo bench --bench evidence`.
//!
//! Bodies are a month of half-hours of seven queues with eight measures each, as a call centre's feed gives them.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a benchmark that cannot go on may end")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bpo_operator::evidence::sqlite::SqliteStore;
use bpo_operator::evidence::{Batch, CommitReport, EvidenceStore, FeedKey, IncomingRow, OnVerifyProgress};
use divan::Bencher;
use divan::counter::ItemsCount;
use jiff::{SignedDuration, Timestamp};
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

/// Feeds times months of the store that is read and verified: about a million rows.
const FEEDS: usize = 16;
const MONTHS: i64 = 6;

fn main() {
    divan::main();
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
    store: SqliteStore,
    directory: tempfile::TempDir,
}

impl Setting {
    fn new() -> Self {
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory for the store");
        let runtime = Runtime::new().expect("a runtime");
        let store = SqliteStore::open(directory.path()).expect("an empty store");
        Self { runtime, store, directory }
    }

    fn filled() -> Self {
        let setting = Self::new();
        for number in 0..MONTHS {
            for key in 0..FEEDS {
                setting.commit(key, month(number));
            }
        }
        setting
    }

    fn commit(&self, key: usize, batch: Batch) -> CommitReport {
        self.runtime.block_on(self.store.commit(feed(key), batch)).expect("a commit")
    }
}

/// Durable commits of new rows, one month a body.
#[divan::bench(sample_count = 30, sample_size = 1)]
fn ingest(bencher: Bencher) {
    let setting = Setting::new();
    let next = std::cell::Cell::new(0);
    bencher
        .counter(ItemsCount::new(ROWS))
        .with_inputs(|| {
            next.set(next.get() + 1);
            month(next.get())
        })
        .bench_local_values(|batch| assert_eq!(setting.commit(0, batch).added, ROWS as u64));
}

/// A body that says what is known already.
#[divan::bench(sample_count = 30, sample_size = 1)]
fn poll_without_news(bencher: Bencher) {
    let setting = Setting::new();
    setting.commit(0, month(0));
    bencher
        .counter(ItemsCount::new(ROWS))
        .with_inputs(|| month(0))
        .bench_local_values(|batch| assert_eq!(setting.commit(0, batch).unchanged, ROWS as u64));
}

/// Reads out of a store with a million rows, and a verification of all of them.
#[divan::bench_group(sample_count = 50, sample_size = 1)]
mod filled {
    use super::*;

    #[divan::bench]
    fn read_one_feeds_month(bencher: Bencher) {
        let Setting { runtime, store, directory: _kept } = Setting::filled();
        let uid = feed(3).contract_uid;
        bencher.counter(ItemsCount::new(ROWS)).bench_local(|| {
            let rows = runtime.block_on(store.rows_starting_within(&uid, "acd", start_of(2), start_of(3)));
            assert_eq!(rows.expect("rows").len(), ROWS);
        });
    }

    #[divan::bench]
    fn read_what_is_new(bencher: Bencher) {
        let Setting { runtime, store, directory: _kept } = Setting::filled();
        let uid = feed(3).contract_uid;
        let last = ROWS as i64 * MONTHS;
        bencher.bench_local(|| {
            let rows = runtime.block_on(store.rows(&uid, "acd", last - 10));
            assert_eq!(rows.expect("rows").len(), 10);
        });
    }

    #[divan::bench(sample_count = 5)]
    fn verify(bencher: Bencher) {
        let Setting { runtime, store, directory } = Setting::filled();
        let rows = ROWS * FEEDS * usize::try_from(MONTHS).expect("a few months");
        println!("{:.0} bytes a row", size_of_files(directory.path()) / rows as f64);
        bencher.counter(ItemsCount::new(rows)).bench_local(|| {
            let silent: OnVerifyProgress = Arc::new(|_| ());
            let report = runtime.block_on(store.verify(silent)).expect("a verification");
            assert!(report.whole() && report.rows == rows as u64);
        });
    }
}

fn size_of_files(directory: &Path) -> f64 {
    let entries = std::fs::read_dir(directory).expect("the store's directory");
    entries.filter_map(|entry| entry.ok()?.metadata().ok()).map(|metadata| metadata.len() as f64).sum()
}
