//! A process that is killed while it writes.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use super::server::{Database, shared};
use super::support::{SqliteFixture, body, feed, offered, row, verify};
use crate::evidence::postgres::{PostgresStore, WhenInUse};
use crate::evidence::sqlite::{FILE_NAME, SqliteStore};
use crate::evidence::{EvidenceStore, IncomingRow, Removal};

/// Set in a copy of this test: that copy will be killed, and its store is in this directory.
const VICTIM: &str = "BPO_EVIDENCE_CRASH_TEST_DIRECTORY";

const ROWS_PER_BODY: i64 = 40;

fn body_number(number: i64) -> Vec<IncomingRow> {
    (0..ROWS_PER_BODY).map(|slot| row((number * ROWS_PER_BODY + slot) * 30, number * ROWS_PER_BODY + slot)).collect()
}

#[tokio::test]
async fn sigkill_during_ingest_leaves_every_acknowledged_row_and_a_whole_chain() {
    let name = "sigkill_during_ingest_leaves_every_acknowledged_row_and_a_whole_chain";
    let directory = tempfile::tempdir().unwrap();
    kill_again_and_again(name, || directory.path().to_str().unwrap().to_owned()).await;
}

#[tokio::test]
async fn sigkill_during_ingest_into_a_database_leaves_every_acknowledged_row_and_a_whole_chain() {
    let name = "sigkill_during_ingest_into_a_database_leaves_every_acknowledged_row_and_a_whole_chain";
    let database = std::cell::OnceCell::new();
    let place = || shared().address("127.0.0.1", &database.get_or_init(Database::new).name);
    kill_again_and_again(name, place).await;
}

async fn kill_again_and_again(test: &str, place: impl Fn() -> String) {
    if let Ok(place) = std::env::var(VICTIM) {
        ingest_until_killed(&place).await;
    }
    let place = place();
    let mut bodies_before = 0;
    for kill in 1..=8 {
        let acknowledged = killed_after(test, &place, bodies_before + 3 * kill);
        let store = open(&place);
        let rows = store.rows("uid-1", "acd", 0).await.unwrap();
        let count = i64::try_from(rows.len()).unwrap();
        assert!(
            count >= acknowledged * ROWS_PER_BODY,
            "{acknowledged} bodies were acknowledged, {count} rows are there"
        );
        assert_eq!(count % ROWS_PER_BODY, 0, "a part of a body was kept");
        assert!(offered(&rows).into_iter().eq(0..count), "rows are missing or stand twice");
        assert!(verify(&*store).await.whole());
        assert_eq!(store.feed_progress("uid-1", "acd").await.unwrap(), None);
        bodies_before = count / ROWS_PER_BODY;
    }
}

/// The store in a folder or in a database. The session of a killed process may outlive it for a moment.
fn open(place: &str) -> Arc<dyn EvidenceStore> {
    if place.starts_with("postgres://") {
        return Arc::new(PostgresStore::open(&place.parse().unwrap(), WhenInUse::TakeOver).unwrap());
    }
    Arc::new(SqliteStore::open(Path::new(place)).unwrap())
}

/// Goes on where the store ends, and says each body that was acknowledged.
async fn ingest_until_killed(place: &str) -> ! {
    let store = open(place);
    let mut number = store.heads("uid-1").await.unwrap().get("acd").map_or(0, |head| head.rows() / ROWS_PER_BODY);
    loop {
        store.commit(feed("acd"), body(number, body_number(number))).await.unwrap();
        number += 1;
        println!("acknowledged {number}");
    }
}

/// Starts the victim, kills it once it has acknowledged enough bodies, and returns the last number that it printed.
fn killed_after(test: &str, place: &str, bodies: i64) -> i64 {
    let name = format!("evidence::tests::crashes::{test}");
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &name, "--nocapture"])
        .env(VICTIM, place)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(victim.stdout.take().unwrap()).lines();
    let mut last = 0;
    for line in lines.map_while(Result::ok) {
        // The harness writes its own words before the first line without a line's end.
        let Some((_, number)) = line.split_once("acknowledged ") else { continue };
        last = number.parse().unwrap_or(last);
        if last == bodies {
            victim.kill().unwrap();
        }
    }
    victim.wait().unwrap();
    assert!(last >= bodies, "the victim ended by itself after {last} bodies");
    last
}

/// Rows of one transaction of a removal.
const ROWS_PER_REMOVAL: u64 = 7;

/// How many rows are removed by processes that are killed.
const ROWS_TO_REMOVE: i64 = 40 * ROWS_PER_BODY;

#[tokio::test]
async fn sigkill_during_a_removal_leaves_whole_batches_and_a_whole_chain() {
    let name = "sigkill_during_a_removal_leaves_whole_batches_and_a_whole_chain";
    let directory = tempfile::tempdir().unwrap();
    kill_removals(name, || directory.path().to_str().unwrap().to_owned()).await;
}

#[tokio::test]
async fn sigkill_during_a_removal_from_a_database_leaves_whole_batches_and_a_whole_chain() {
    let name = "sigkill_during_a_removal_from_a_database_leaves_whole_batches_and_a_whole_chain";
    let database = std::cell::OnceCell::new();
    let place = || shared().address("127.0.0.1", &database.get_or_init(Database::new).name);
    kill_removals(name, place).await;
}

async fn kill_removals(test: &str, place: impl Fn() -> String) {
    if let Ok(place) = std::env::var(VICTIM) {
        remove_until_killed(&place).await;
    }
    let place = place();
    let store = open(&place);
    for number in 0..ROWS_TO_REMOVE / ROWS_PER_BODY {
        store.commit(feed("acd"), body(number, body_number(number))).await.unwrap();
    }
    let head = store.heads("uid-1").await.unwrap()["acd"];
    drop(store);
    let mut batches = 0;
    for kill in 1..=4 {
        let acknowledged = killed_after(test, &place, batches + 2 * kill);
        let store = open(&place);
        let rows = store.rows("uid-1", "acd", 0).await.unwrap();
        let removed = ROWS_TO_REMOVE - i64::try_from(rows.len()).unwrap();
        let per_batch = i64::try_from(ROWS_PER_REMOVAL).unwrap();
        assert!(
            removed >= acknowledged * per_batch,
            "{acknowledged} batches were acknowledged, {removed} rows are gone"
        );
        assert_eq!(removed % per_batch, 0, "a part of a batch was removed");
        assert!(offered(&rows).into_iter().eq(removed..ROWS_TO_REMOVE), "other rows than the first are gone");
        assert_eq!(store.heads("uid-1").await.unwrap()["acd"], head);
        assert!(verify(&*store).await.whole());
        batches = removed / per_batch;
    }
}

/// Goes on with a removal where the last process ended, and says each batch that was acknowledged.
async fn remove_until_killed(place: &str) -> ! {
    let store = open(place);
    let summaries = store.summaries("uid-1", "acd").await.unwrap();
    let removed = summaries.last().map_or(0, |last| u64::try_from(last.last).unwrap());
    let mut batches = removed / ROWS_PER_REMOVAL;
    let removal = Removal { year: 2026, before: None, most: ROWS_PER_REMOVAL };
    loop {
        store.remove_rows(feed("acd"), removal, jiff::Timestamp::UNIX_EPOCH).await.unwrap();
        batches += 1;
        println!("acknowledged {batches}");
    }
}

#[tokio::test]
async fn a_cut_write_ahead_log_leaves_whole_bodies_and_a_whole_chain() {
    let source = SqliteFixture::new();
    for number in 0..6 {
        source.commit(body(number, body_number(number))).await;
    }
    let log = format!("{FILE_NAME}-wal");
    let length = std::fs::metadata(source.directory.path().join(&log)).unwrap().len();
    let mut counts = std::collections::BTreeSet::new();
    for part in 0..=12 {
        let copy = tempfile::tempdir().unwrap();
        for name in [FILE_NAME, &log] {
            std::fs::copy(source.directory.path().join(name), copy.path().join(name)).unwrap();
        }
        let file = std::fs::OpenOptions::new().write(true).open(copy.path().join(&log)).unwrap();
        file.set_len(length * part / 12).unwrap();
        let store = SqliteStore::open(copy.path()).unwrap();
        let rows = store.rows("uid-1", "acd", 0).await.unwrap();
        let count = i64::try_from(rows.len()).unwrap();
        assert!(offered(&rows).into_iter().eq(0..count) && count % ROWS_PER_BODY == 0, "{count} rows at {part}/12");
        assert!(verify(&store).await.whole(), "{part}/12");
        counts.insert(count);
    }
    assert!(counts.len() > 3, "the cuts met too few states: {counts:?}");
    assert_eq!(counts.last(), Some(&(6 * ROWS_PER_BODY)), "the uncut log lacks rows");
}
