//! A body is taken as a whole or not at all: whatever is wrong in it, and wherever the store fails.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use jiff::Timestamp;
use proptest::prelude::*;

use super::support::{Backend, Fixture, Place, SqliteFixture, body, feed, offered, queue, rejection, row, verify};
use crate::domain::measuring::row::Row;
use crate::evidence::sqlite::{FILE_NAME, SqliteStore};
use crate::evidence::{
    BackfillProgress, Batch, EvidenceStore, Head, IncomingRow, RejectionReason, StoreError, StoredRejection,
};

/// All that a commit may change.
#[derive(Clone, Debug, PartialEq)]
struct State {
    heads: BTreeMap<String, Head>,
    rows: Vec<Row>,
    rejected: Vec<StoredRejection>,
    progress: Option<BackfillProgress>,
    left_behind: Option<String>,
    journal: u64,
    feeds: usize,
}

async fn state(store: &dyn EvidenceStore) -> State {
    let report = verify(store).await;
    assert!(report.whole(), "{:?}", report.broken);
    State {
        heads: store.heads("uid-1").await.unwrap(),
        rows: store.rows("uid-1", "acd", 0).await.unwrap(),
        rejected: store.rejected("uid-1", "acd", 1_000).await.unwrap(),
        progress: store.feed_progress("uid-1", "acd").await.unwrap(),
        left_behind: store.feed_state("uid-1", "acd").await.unwrap(),
        journal: report.journal_entries,
        feeds: store.feeds().await.unwrap().len(),
    }
}

/// Rows of two queues, new ones, known ones, contradictions, and some that end before they start.
fn any_row() -> impl Strategy<Value = IncomingRow> {
    (0..8_i64, 0..4_i64, 0..3_i64, any::<bool>(), proptest::option::of(1..3_i64)).prop_map(
        |(start, length, calls, is_sales, vendor_revision)| {
            let incoming = queue(row(start * 15, calls), if is_sales { "sales" } else { "billing" });
            let end = incoming.start + jiff::SignedDuration::from_mins(length * 15);
            IncomingRow { end, vendor_revision, ..incoming }
        },
    )
}

/// What no store can keep.
#[derive(Clone, Copy, Debug)]
enum Poison {
    RecordedAtOfTheLastRow,
    Receipt,
    Progress,
}

fn poisoned(mut batch: Batch, poison: Poison) -> Batch {
    match poison {
        Poison::RecordedAtOfTheLastRow => {
            let fresh = IncomingRow { recorded_at: Some(Timestamp::MAX), ..row(10_000, 1) };
            batch.rows.push(fresh);
        }
        Poison::Receipt => batch.received_at = Timestamp::MAX,
        Poison::Progress => batch.progress = Some(BackfillProgress { reached: Timestamp::MAX, completed: true }),
    }
    batch
}

fn batch(number: i64, rows: Vec<IncomingRow>) -> Batch {
    Batch {
        rejected: vec![rejection(RejectionReason::Malformed, &format!("line {number}"))],
        progress: Some(BackfillProgress { reached: super::support::minute(number), completed: false }),
        state: Some(format!("scrape {number}")),
        ..body(200 + number, rows)
    }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_body_with_anything_that_cannot_be_kept_leaves_nothing_and_the_store_goes_on(
        bodies in proptest::collection::vec(proptest::collection::vec(any_row(), 0..10), 1..4),
        poison in prop_oneof![Just(Poison::RecordedAtOfTheLastRow), Just(Poison::Receipt), Just(Poison::Progress)],
    ) {
        run(async {
            for backend in [Backend::Sqlite, Backend::Postgres] {
                let fixture = Fixture::new(backend);
                for (number, rows) in (0..).zip(&bodies) {
                    let before = state(&*fixture.store).await;
                    let bad = poisoned(batch(number, rows.clone()), poison);
                    let error = fixture.store.commit(feed("acd"), bad).await.unwrap_err();
                    prop_assert!(matches!(&error, StoreError::Invalid(why) if why.contains("1678 to 2261")), "{error}");
                    prop_assert_eq!(&before, &state(&*fixture.store).await);
                    prop_assert!(fixture.store.healthy());
                    fixture.commit(batch(number, rows.clone())).await;
                }
                // What was refused in between has left no trace in the chain either.
                let undisturbed = Fixture::new(backend);
                for (number, rows) in (0..).zip(&bodies) {
                    undisturbed.commit(batch(number, rows.clone())).await;
                }
                prop_assert_eq!(state(&*fixture.store).await, state(&*undisturbed.store).await);
            }
            Ok(())
        })?;
    }
}

/// A body that touches every table: new rows, a correction, a rejected row, progress.
fn everything() -> Batch {
    let mut rows: Vec<IncomingRow> = (0..400).map(|slot| queue(row(slot * 30, slot), "claims")).collect();
    rows.push(row(0, 99));
    batch(50, rows)
}

#[tokio::test]
async fn a_disk_that_is_full_at_any_page_of_a_body_leaves_all_of_it_or_nothing() {
    let (mut failures, mut room) = (0, 0);
    loop {
        let fixture = SqliteFixture::new();
        fixture.commit(body(60, vec![row(0, 41), row(30, 42)])).await;
        let before = state(&fixture.store).await;
        let file = rusqlite::Connection::open(fixture.directory.path().join(FILE_NAME)).unwrap();
        let pages: i64 = file.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        drop(file);
        fixture.store.execute_on_writer(format!("PRAGMA max_page_count = {}", pages + room)).await.unwrap();
        let outcome = fixture.store.commit(feed("acd"), everything()).await;
        let fixture = fixture.restart();
        if outcome.is_ok() {
            assert_eq!(state(&fixture.store).await.rows.len(), 403);
            break;
        }
        assert_eq!(state(&fixture.store).await, before, "with room for {room} more pages");
        (failures, room) = (failures + 1, room + 1);
    }
    assert!(failures > 5, "the disk was full at {failures} places only");
}

#[tokio::test]
async fn a_database_that_refuses_at_any_table_leaves_nothing() {
    for table in ["log", "newest", "heads", "journal", "journal_head", "rejections", "backfills"] {
        let fixture = Fixture::new(Backend::Postgres);
        fixture.commit(batch(1, vec![row(0, 41), row(30, 42)])).await;
        let before = state(&*fixture.store).await;
        let Place::Database(database) = &fixture.place else { panic!("no database") };
        database.execute(&format!(
            "CREATE FUNCTION bpo_evidence.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$;
             CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON bpo_evidence.{table} FOR EACH ROW EXECUTE FUNCTION bpo_evidence.refuse()"
        ));
        let error = fixture.store.commit(feed("acd"), everything()).await.unwrap_err();
        assert!(error.to_string().contains("refused"), "{table}: {error}");
        assert!(!fixture.store.healthy(), "{table}");
        database.execute(&format!("DROP TRIGGER refuse ON bpo_evidence.{table}"));
        let fixture = fixture.restart();
        assert_eq!(state(&*fixture.store).await, before, "{table}");
        fixture.commit(everything()).await;
    }
}

/// Set in a copy of this test: the directory of its store.
const VICTIM: &str = "BPO_EVIDENCE_FULL_DISK_TEST_DIRECTORY";

/// Writes fail for real here: the kernel refuses to make any file of the process larger.
#[tokio::test]
async fn a_kernel_that_refuses_to_write_stops_the_store_which_keeps_what_it_acknowledged() {
    if let Ok(directory) = std::env::var(VICTIM) {
        ingest_until_refused(&directory).await;
        return;
    }
    for kibibytes in [260, 500, 900] {
        let directory = tempfile::tempdir().unwrap();
        let script = format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"", kibibytes * 2);
        let name = "evidence::tests::wholeness::a_kernel_that_refuses_to_write_stops_the_store_which_keeps_what_it_acknowledged";
        let output = Command::new("sh")
            .args(["-c", &script])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .env(VICTIM, directory.path())
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let acknowledged = said.matches("acknowledged body").count();
        assert!(output.status.success() && said.contains("stopped"), "{said}");
        let store = SqliteStore::open(directory.path()).unwrap();
        let rows = store.rows("uid-1", "acd", 0).await.unwrap();
        assert!(offered(&rows).into_iter().eq(0..i64::try_from(rows.len()).unwrap()));
        assert!(rows.len() % 40 == 0 && rows.len() / 40 >= acknowledged, "{} rows, {acknowledged} bodies", rows.len());
        assert!(acknowledged > 0 && verify(&store).await.whole());
    }
}

async fn ingest_until_refused(directory: &str) {
    let store = SqliteStore::open(std::path::Path::new(directory)).unwrap();
    for number in 0.. {
        let rows = (0..40).map(|slot| row((number * 40 + slot) * 30, number * 40 + slot)).collect();
        match store.commit(feed("acd"), body(number, rows)).await {
            Ok(_) => println!("acknowledged body {number}"),
            Err(error) => {
                assert!(matches!(error, StoreError::Fault(_)) && !store.healthy(), "{error}");
                let next = store.commit(feed("acd"), body(number, vec![row(-30, 1)])).await;
                assert!(matches!(next, Err(StoreError::Fault(_))));
                println!("stopped: {error}");
                return;
            }
        }
    }
}
