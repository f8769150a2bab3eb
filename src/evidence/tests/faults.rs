//! A disk that fails, a store that another one has: unhealthy or refused, never wrong.

use super::support::{SqliteFixture, body, feed, minute, row};
use crate::evidence::sqlite::{FILE_NAME, SqliteStore};
use crate::evidence::{Batch, EvidenceStore, IncomingRow, StoreError};

/// A body that needs several pages of the file.
fn large(received: i64) -> Batch {
    let rows: Vec<IncomingRow> = (0..2_000).map(|slot| row(slot * 30, slot)).collect();
    body(received, rows)
}

/// The store has failed: it says so, refuses everything, and after a restart holds what it had acknowledged, whole.
async fn assert_stopped(fixture: SqliteFixture, error: StoreError, cause: &str) {
    assert!(matches!(&error, StoreError::Fault(reason) if reason.contains(cause)), "{error}");
    assert!(!fixture.store.healthy());
    assert!(fixture.store.fault().unwrap().contains(cause));
    let refused = fixture.store.commit(feed("other"), body(70, vec![row(0, 1)])).await.unwrap_err();
    assert!(matches!(refused, StoreError::Fault(_)), "{refused}");
    let fixture = fixture.restart();
    assert!(fixture.store.healthy());
    assert_eq!(fixture.offered().await, [41, 42]);
    assert!(super::support::verify(&fixture.store).await.whole());
}

async fn with_two_rows() -> SqliteFixture {
    let fixture = SqliteFixture::new();
    fixture.commit(body(60, vec![row(-60, 41), row(-30, 42)])).await;
    fixture
}

#[tokio::test]
async fn a_full_disk_stops_the_store() {
    let fixture = with_two_rows().await;
    fixture.store.execute_on_writer("PRAGMA max_page_count = 1").await.unwrap();
    let error = fixture.store.commit(feed("acd"), large(65)).await.unwrap_err();
    assert_stopped(fixture, error, "full").await;
}

#[tokio::test]
async fn a_disk_that_became_read_only_stops_the_store() {
    let fixture = with_two_rows().await;
    fixture.store.execute_on_writer("PRAGMA query_only = on").await.unwrap();
    let error = fixture.store.commit(feed("acd"), body(65, vec![row(0, 1)])).await.unwrap_err();
    assert_stopped(fixture, error, "readonly").await;
}

#[tokio::test]
async fn a_file_that_was_taken_away_stops_the_store() {
    let fixture = with_two_rows().await;
    let file = fixture.directory.path().join(FILE_NAME);
    let aside = fixture.directory.path().join("aside");
    std::fs::rename(&file, &aside).unwrap();
    let error = fixture.store.commit(feed("acd"), body(65, vec![row(0, 1)])).await.unwrap_err();
    std::fs::rename(&aside, &file).unwrap();
    assert_stopped(fixture, error, "moved, replaced or deleted").await;
}

#[tokio::test]
async fn evidence_cannot_be_changed_even_by_the_writer() {
    let fixture = with_two_rows().await;
    fixture.store.record_terms("uid-1".to_owned(), super::journal::terms("Acme"), minute(70)).await.unwrap();
    for statement in [
        "UPDATE log SET payload = x'00'",
        "DELETE FROM log",
        "UPDATE journal SET content = ''",
        "DELETE FROM journal",
        "UPDATE terms SET content = ''",
        "DELETE FROM terms",
        "DELETE FROM newest",
        "DELETE FROM heads",
    ] {
        let error = fixture.store.execute_on_writer(statement).await.unwrap_err();
        assert!(error.to_string().contains("append-only"), "{statement}: {error}");
    }
}

#[tokio::test]
async fn a_second_process_is_refused_and_readers_are_not() {
    let fixture = with_two_rows().await;
    let Err(error) = SqliteStore::open(fixture.directory.path()) else { panic!("two writers") };
    assert!(matches!(error, StoreError::Locked { .. }), "{error}");
    assert!(error.to_string().contains("in use by another process"), "{error}");
    let reader = SqliteStore::open_for_reading(fixture.directory.path()).unwrap();
    assert_eq!(reader.rows("uid-1", "acd", 0).await.unwrap().len(), 2);
    let error = reader.commit(feed("acd"), body(65, vec![row(0, 1)])).await.unwrap_err();
    assert!(matches!(error, StoreError::ReadOnly { .. }), "{error}");
}

#[test]
fn a_later_format_another_program_and_no_database_are_refused_and_left_alone() {
    type Making = fn(&std::path::Path);
    let cases: [(&str, Making, &str); 4] = [
        (
            "a later format",
            |file| execute(file, "PRAGMA application_id = 1112559429; PRAGMA user_version = 99"),
            "has format 99",
        ),
        ("another program", |file| execute(file, "CREATE TABLE theirs (a)"), "database of another program"),
        (
            "another program with a version",
            |file| execute(file, "PRAGMA user_version = 1"),
            "database of another program",
        ),
        ("no database", |file| std::fs::write(file, "x".repeat(5_000)).unwrap(), "not an SQLite database"),
    ];
    for (name, make, expected) in cases {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join(FILE_NAME);
        make(&file);
        let before = std::fs::read(&file).unwrap();
        for open in [SqliteStore::open, SqliteStore::open_for_reading] {
            let Err(error) = open(directory.path()) else { panic!("{name} was opened") };
            assert!(error.to_string().contains(expected), "{name}: {error}");
        }
        assert!(std::fs::read(&file).unwrap() == before, "{name} was changed");
    }
}

fn execute(file: &std::path::Path, statements: &str) {
    rusqlite::Connection::open(file).unwrap().execute_batch(statements).unwrap();
}

#[test]
fn a_store_that_is_not_there_cannot_be_read() {
    let directory = tempfile::tempdir().unwrap();
    let Err(error) = SqliteStore::open_for_reading(directory.path()) else { panic!("read a store from nothing") };
    assert!(matches!(error, StoreError::NotOpened { .. }), "{error}");
}
