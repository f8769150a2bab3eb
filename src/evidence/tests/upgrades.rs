//! Stores that earlier versions wrote: this version reads them, to the same rows and the same digests, and goes on writing.
//!
//! `stores/format_N.sqlite` was written by the version whose format was N, with the story below. `BPO_UPDATE=1` writes the file of
//! this version's format where there is none yet; files that are there are never written again.

use std::path::{Path, PathBuf};

use rusqlite::types::Value as Cell;
use serde_json::json;

use super::journal::terms;
use super::server::Database;
use super::support::{Backend, Place, SqliteFixture, body, feed, minute, queue, rejection, revision, row, verify};
use crate::evidence::sqlite::{FILE_NAME, SqliteStore};
use crate::evidence::{BackfillProgress, Batch, EvidenceStore, IncomingRow, RejectionReason};

/// A body whose digest follows from nothing that a later version may word otherwise.
fn numbered(received: i64, rows: Vec<IncomingRow>) -> Batch {
    Batch { body_digest: [u8::try_from(received).unwrap(); 32], ..body(received, rows) }
}

/// Something of everything that a store keeps.
async fn write_the_story(store: &dyn EvidenceStore) {
    let uid = || "uid-1".to_owned();
    let past = Batch {
        backfill: true,
        progress: Some(BackfillProgress { reached: minute(90), completed: true }),
        rejected: vec![rejection(RejectionReason::Malformed, "line 7: \u{202e}x")],
        ..numbered(100, vec![row(0, 40), row(30, 41), queue(row(30, 7), "Größe")])
    };
    store.commit(feed("acd"), past).await.unwrap();
    let corrected = IncomingRow { recorded_at: Some(minute(110)), ..revision(row(30, -42), 3) };
    store.commit(feed("acd"), numbered(120, vec![corrected, row(60, 1_000_000)])).await.unwrap();
    store.commit(feed("plan"), Batch { plan: true, ..numbered(121, vec![row(600, 12)]) }).await.unwrap();
    store.record_terms(uid(), terms("Acme"), minute(0)).await.unwrap();
    store.record_closing(uid(), "2026-01".to_owned(), terms("Acme"), minute(130), minute(131)).await.unwrap();
    store
        .record_fact(uid(), "launch".to_owned(), "wave".to_owned(), json!({"phase": "Live"}), minute(132))
        .await
        .unwrap();
    store.record_report_digest(uid(), "acme-2026-01".to_owned(), [7; 32], minute(133)).await.unwrap();
}

/// Everything that a store says about the story.
async fn content(store: &dyn EvidenceStore) -> String {
    let report = verify(store).await;
    assert!(report.whole(), "{:?}", report.broken);
    let mut content = format!("{} entries in the journal\n", report.journal_entries);
    for name in ["acd", "plan"] {
        content += &format!("{:#?}\n", store.rows("uid-1", name, 0).await.unwrap());
        content += &format!("{:#?}\n", store.as_known_on("uid-1", name, minute(105)).await.unwrap());
        content += &format!("{:#?}\n", store.log("uid-1", name, i64::MAX).await.unwrap());
        content += &format!("{:#?}\n", store.feed_progress("uid-1", name).await.unwrap());
        content += &format!("{:#?}\n", store.rejected("uid-1", name, 10).await.unwrap());
    }
    content += &format!("{:#?}\n{:#?}\n", store.heads("uid-1").await.unwrap(), store.feeds().await.unwrap());
    content +=
        &format!("{:#?}\n{:#?}\n", store.closings("uid-1").await.unwrap(), store.last_terms("uid-1").await.unwrap());
    content += &format!("{:#?}\n", store.facts("uid-1", "launch").await.unwrap());
    content + &format!("{:#?}\n", store.report_digests("uid-1").await.unwrap())
}

/// Writes on into a store that an earlier version wrote.
async fn write_on(store: &dyn EvidenceStore, kept: &Path) {
    let report = store.commit(feed("acd"), body(140, vec![row(30, 5), row(90, 6)])).await.unwrap();
    assert_eq!((report.added, report.revised), (1, 1), "{}", kept.display());
    // A period closes under the terms of the story, and one under others.
    for (period, vendor) in [("2026-02", "Acme"), ("2026-03", "Other")] {
        let closed = store.record_closing("uid-1".into(), period.into(), terms(vendor), minute(150), minute(151));
        assert!(closed.await.unwrap(), "{}", kept.display());
    }
    let closings = store.closings("uid-1").await.unwrap();
    for (period, vendor) in [("2026-01", "Acme"), ("2026-02", "Acme"), ("2026-03", "Other")] {
        assert_eq!(*closings[period], terms(vendor), "{}: {period}", kept.display());
    }
    assert!(verify(store).await.whole(), "{}", kept.display());
}

fn stores() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/evidence/tests/stores")
}

/// The kept stores by format, with the one of this version's format among them.
async fn kept_stores() -> Vec<PathBuf> {
    let fixture = SqliteFixture::new();
    write_the_story(&fixture.store).await;
    let SqliteFixture { store, directory } = fixture;
    drop(store);
    let file = directory.path().join(FILE_NAME);
    let connection = rusqlite::Connection::open(&file).unwrap();
    let format: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    let kept = stores().join(format!("format_{format}.sqlite"));
    if !kept.exists() && std::env::var_os("BPO_UPDATE").is_some() {
        connection.pragma_update_and_check(None, "journal_mode", "delete", |_| Ok(())).unwrap();
        std::fs::create_dir_all(stores()).unwrap();
        std::fs::copy(&file, &kept).unwrap();
    }
    assert_eq!(crate::evidence::postgres::FORMAT, format, "both stores have one format");
    let documented = format!("`PRAGMA user_version`: {format}, and");
    let number = format!("table `format` holds the number: {format}.");
    let page = include_str!("../../../docs/evidence-format.md");
    assert!(page.contains(&documented) && page.contains(&number), "docs/evidence-format.md names another format");
    assert!(
        kept.exists(),
        "keep a store of format {format} for later versions: BPO_UPDATE=1 cargo test --lib upgrades"
    );
    (1..=format).map(|number| stores().join(format!("format_{number}.sqlite"))).collect()
}

async fn as_this_version_reads_it() -> String {
    let fixture = SqliteFixture::new();
    write_the_story(&fixture.store).await;
    content(&fixture.store).await
}

#[tokio::test]
async fn a_file_of_every_earlier_format_is_read_to_the_same_rows_and_digests_and_written_on() {
    let expected = as_this_version_reads_it().await;
    for kept in kept_stores().await {
        let directory = tempfile::tempdir().unwrap();
        std::fs::copy(&kept, directory.path().join(FILE_NAME)).unwrap();
        let store = SqliteStore::open(directory.path()).unwrap();
        assert!(content(&store).await == expected, "{}: something else is read", kept.display());
        write_on(&store, &kept).await;
    }
}

#[tokio::test]
async fn a_database_of_every_earlier_format_is_read_to_the_same_rows_and_digests_and_written_on() {
    let expected = as_this_version_reads_it().await;
    // Both stores have had the same tables in each format so far.
    let steps = [
        include_str!("../postgres/format_1.sql"),
        include_str!("../postgres/format_2.sql"),
        include_str!("../postgres/format_3.sql"),
        include_str!("../postgres/format_4.sql"),
        include_str!("../postgres/format_5.sql"),
    ];
    for (kept, number) in kept_stores().await.iter().zip(1..) {
        let place = Place::new(Backend::Postgres);
        let Place::Database(database) = &place else { panic!("no database") };
        database.execute(&format!("CREATE SCHEMA bpo_evidence; {}", steps[..number].concat()));
        database.execute(&format!("UPDATE bpo_evidence.format SET number = {number}"));
        copy_tables(kept, database, number);
        let store = place.open().unwrap();
        assert!(content(&*store).await == expected, "{}: something else is read", kept.display());
        write_on(&*store, kept).await;
    }
}

/// Copies what a file holds into the tables of the same names.
fn copy_tables(file: &Path, database: &Database, format: usize) {
    let connection = rusqlite::Connection::open(file).unwrap();
    let first = ["feeds", "log", "newest", "heads", "backfills", "rejections", "journal", "journal_head"];
    let later = [("feed_states", 2), ("terms", 5)];
    let later = later.into_iter().filter_map(|(table, since)| (format >= since).then_some(table));
    for table in first.into_iter().chain(later) {
        let mut statement = connection.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = statement.column_names().join(", ");
        let width = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let cells =
                (0..width).map(|place| literal(table, place, row.get(place).unwrap())).collect::<Vec<_>>().join(", ");
            database.execute(&format!(
                "INSERT INTO bpo_evidence.{table} ({columns}) OVERRIDING SYSTEM VALUE VALUES ({cells})"
            ));
        }
        if matches!(table, "feeds" | "rejections") {
            database.execute(&format!("ALTER TABLE bpo_evidence.{table} ALTER COLUMN id RESTART WITH 1000"));
        }
    }
}

/// A cell as PostgreSQL writes it. Where only one of the two stores has the type, the table decides it.
fn literal(table: &str, place: usize, cell: Cell) -> String {
    let bytes =
        |bytes: &[u8]| format!("'\\x{}'::bytea", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    match cell {
        Cell::Null => "NULL".to_owned(),
        Cell::Integer(number) if table == "backfills" && place == 2 => (number != 0).to_string(),
        Cell::Integer(number) => number.to_string(),
        Cell::Text(text) if table == "rejections" && place == 4 => bytes(text.as_bytes()),
        Cell::Text(text) => format!("'{}'", text.replace('\'', "''")),
        Cell::Blob(blob) => bytes(&blob),
        Cell::Real(number) => number.to_string(),
    }
}
