//! A store's identity outlives the process, and a store of one clock is refused to the operators of the other.

use super::server::Database;
use super::support::{SqliteFixture, body, feed, row};
use crate::evidence::postgres::{PostgresStore, WhenInUse};
use crate::evidence::sqlite::SqliteStore;
use crate::evidence::{EvidenceStore, StoreClock, StoreError};

/// Closes the store of a file, opens it again, and claims it.
async fn in_a_file(fixture: &mut Option<SqliteFixture>, clock: StoreClock) -> Result<String, StoreError> {
    let opened = fixture.take().unwrap().restart();
    let claimed = opened.store.claim(clock).await;
    *fixture = Some(opened);
    claimed
}

async fn in_a_database(database: &Database, clock: StoreClock) -> Result<String, StoreError> {
    PostgresStore::open(&database.url(), WhenInUse::Refuse).unwrap().claim(clock).await
}

#[tokio::test]
async fn a_store_keeps_its_identity_and_its_clock_for_ever() {
    for (clock, other, said) in [
        (StoreClock::Real, StoreClock::Rehearsal, "holds the evidence of a real operator"),
        (StoreClock::Rehearsal, StoreClock::Real, "holds a rehearsal"),
    ] {
        let (mut file, database) = (Some(SqliteFixture::new()), Database::new());
        let first = [in_a_file(&mut file, clock).await.unwrap(), in_a_database(&database, clock).await.unwrap()];
        let again = [in_a_file(&mut file, clock).await.unwrap(), in_a_database(&database, clock).await.unwrap()];
        assert_eq!(first, again);
        assert!(first.iter().all(|id| id.len() == 32) && first[0] != first[1], "{first:?}");
        for refused in [in_a_file(&mut file, other).await, in_a_database(&database, other).await] {
            let error = refused.unwrap_err();
            assert!(error.to_string().contains(said), "{error}");
        }
        assert!(file.unwrap().store.healthy(), "a refusal is not a fault");
    }
}

#[tokio::test]
async fn a_store_of_a_version_without_identities_is_a_real_one_once_it_has_rows() {
    let fixture = SqliteFixture::new();
    fixture.commit(body(60, vec![row(0, 41)])).await;
    assert!(fixture.store.claim(StoreClock::Rehearsal).await.is_err());
    fixture.store.claim(StoreClock::Real).await.unwrap();
    let database = Database::new();
    let store = PostgresStore::open(&database.url(), WhenInUse::Refuse).unwrap();
    store.commit(feed("acd"), body(60, vec![row(0, 41)])).await.unwrap();
    assert!(store.claim(StoreClock::Rehearsal).await.is_err());
    store.claim(StoreClock::Real).await.unwrap();
}

#[tokio::test]
async fn a_reader_cannot_claim() {
    let fixture = SqliteFixture::new();
    let reader = SqliteStore::open_for_reading(fixture.directory.path()).unwrap();
    assert!(matches!(reader.claim(StoreClock::Real).await, Err(StoreError::ReadOnly { .. })));
}
