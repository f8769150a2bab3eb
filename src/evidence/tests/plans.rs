//! What PostgreSQL reads for a body and for a look: what they are about, and not the table, whatever it knows of the table.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::server::shared;
use super::support::{Backend, Fixture, Place, body, feed, minute, row, starting_within};
use crate::evidence::{IncomingRow, Removal};

const BODIES: i64 = 40;
const ROWS: i64 = 50;
/// A body begins with a row of the one before, corrected.
const NEW: i64 = ROWS - 1;

/// The rows of a body, by its number.
fn rows(number: i64) -> Vec<IncomingRow> {
    (0..ROWS).map(|place| row((number * NEW + place) * 30, number + 1)).collect()
}

/// Entries of its indexes and rows of its own that were read of each table, by all sessions that have ended.
fn entries_read(database: &str) -> BTreeMap<String, i64> {
    let sessions =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
                    AND backend_type = 'client backend'";
    let read =
        "SELECT relname::text, (seq_tup_read + coalesce((SELECT sum(idx_tup_read) FROM pg_stat_user_indexes AS of_table
                  WHERE of_table.relid = tables.relid), 0))::bigint FROM pg_stat_user_tables AS tables";
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let found = shared().session(database, |client| {
            let others: i64 = client.query_one(sessions, &[]).unwrap().get(0);
            (others == 0).then(|| client.query(read, &[]).unwrap())
        });
        if let Some(found) = found {
            return found.iter().map(|row| (row.get(0), row.get(1))).collect();
        }
        assert!(Instant::now() < deadline, "the store's sessions have not ended");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[tokio::test]
async fn bodies_and_looks_read_what_they_are_about_though_the_server_last_counted_a_small_table() {
    let fixture = Fixture::new(Backend::Postgres);
    let Place::Database(database) = &fixture.place else { panic!("not in a database") };
    let tables = ["log", "newest", "journal", "rejections"];
    for table in tables {
        database.execute(&format!("ALTER TABLE bpo_evidence.{table} SET (autovacuum_enabled = off)"));
    }
    fixture.commit(body(60, rows(0))).await;
    database.execute("ANALYZE");
    for number in 1..BODIES {
        let report = fixture.commit(body(60 + number, rows(number))).await;
        assert_eq!((report.added, report.revised), (NEW as u64, 1), "{number}");
        let begin = minute(number * NEW * 30);
        let hour = (begin, begin + jiff::SignedDuration::from_hours(1));
        // The row of two bodies has two revisions.
        assert_eq!(starting_within(&*fixture.store, hour.0, hour.1).await.unwrap().len(), 3, "{number}");
        let newest = fixture.store.newest_starting_within("uid-1", "acd", hour, usize::MAX).await.unwrap();
        assert_eq!(newest.len(), 2, "{number}");
        let value = serde_json::json!(number);
        assert!(
            fixture
                .store
                .record_fact("uid-1".into(), "relief".into(), "storm".into(), value, minute(60))
                .await
                .unwrap()
        );
    }
    let (name, all) = (database.name.clone(), BODIES * NEW);
    let removal = Removal { year: 2026, before: None, most: ROWS as u64 };
    fixture.store.remove_rows(feed("acd"), removal, minute(100_000)).await.unwrap();
    let Fixture { store, place } = fixture;
    drop(store);
    let read = entries_read(&name);
    for table in tables {
        assert!(read[table] < all, "{table}: {} entries were read for {BODIES} bodies of {ROWS} rows", read[table]);
    }
    drop(place);
}
