//! Replicas that share a PostgreSQL: each writes for its own shards, and their entries of the journal make one chain.

use serde_json::json;

use super::server::{Database, shared};
use super::support::{body, feed, minute, row, verify};
use crate::evidence::postgres::{EvidenceUrl, PostgresStore, WhenInUse};
use crate::evidence::{EvidenceStore, FeedKey, StoreClock, StoreError};
use crate::shard::ShardCount;

fn open(url: &EvidenceUrl, shards: u32) -> Result<PostgresStore, StoreError> {
    PostgresStore::open(url, WhenInUse::Share(shards.to_string().parse().unwrap()))
}

/// A feed of a contract in a namespace of this one of three shards.
fn feed_of(shard: u32) -> FeedKey {
    let three: ShardCount = "3".parse().unwrap();
    let namespace = (0..).map(|number| format!("team-{number}")).find(|name| three.shard_of(name) == shard).unwrap();
    FeedKey { contract_uid: format!("uid-{shard}"), namespace, ..feed("acd") }
}

async fn commit(store: &PostgresStore, shard: u32, at: i64) -> Result<(), StoreError> {
    // Half-hours long before, one after the other.
    store.commit(feed_of(shard), body(at, vec![row(30 * at - 10_000, at)])).await.map(drop)
}

#[tokio::test]
async fn rows_are_taken_from_the_replica_that_has_their_shard_alone_and_from_no_other() {
    let database = Database::new();
    let (one, other) = (open(&database.url(), 3).unwrap(), open(&database.url(), 3).unwrap());
    assert!(matches!(commit(&one, 0, 60).await, Err(StoreError::Locked { .. })), "it has no shard yet");
    one.take_shard(0).await.unwrap();
    other.take_shard(1).await.unwrap();
    commit(&one, 0, 60).await.unwrap();
    commit(&other, 1, 60).await.unwrap();
    assert!(matches!(commit(&one, 1, 61).await, Err(StoreError::Locked { .. })), "the other one's");
    assert!(matches!(commit(&other, 2, 61).await, Err(StoreError::Locked { .. })), "nobody's");
    // A shard that was released is taken without ending anybody.
    one.give_back_shard(0).await.unwrap();
    assert!(matches!(commit(&one, 0, 62).await, Err(StoreError::Locked { .. })), "given back");
    other.take_shard(0).await.unwrap();
    commit(&other, 0, 62).await.unwrap();
    assert!(one.healthy() && other.healthy());
    assert_eq!(one.rows("uid-0", "acd", 0).await.unwrap().len(), 2, "all can read it");
    assert!(verify(&one).await.whole());
}

#[tokio::test]
async fn a_replica_whose_shard_is_taken_over_writes_nothing_more_for_any() {
    let database = Database::new();
    let (silent, successor) = (open(&database.url(), 3).unwrap(), open(&database.url(), 3).unwrap());
    silent.take_shard(0).await.unwrap();
    silent.take_shard(1).await.unwrap();
    commit(&silent, 0, 60).await.unwrap();
    successor.take_shard(0).await.unwrap();
    commit(&successor, 0, 61).await.unwrap();
    for shard in [0, 1] {
        let error = commit(&silent, shard, 62).await.unwrap_err();
        assert!(matches!(error, StoreError::Fault(_)), "{error}");
    }
    assert!(!silent.healthy() && successor.healthy());
    assert!(verify(&successor).await.whole());
}

#[tokio::test]
async fn replicas_with_another_number_of_shards_or_none_do_not_write_beside_those_that_share() {
    let database = Database::new();
    let url = database.url();
    // Who has the store, and who takes it: the first is ended.
    let alone = PostgresStore::open(&url, WhenInUse::Refuse).unwrap();
    let three = open(&url, 3).unwrap();
    three.take_shard(0).await.unwrap();
    assert!(matches!(commit(&alone, 0, 60).await, Err(StoreError::Fault(_))));
    assert!(matches!(PostgresStore::open(&url, WhenInUse::Refuse), Err(StoreError::Locked { .. })));
    let two = open(&url, 2).unwrap();
    assert!(matches!(commit(&three, 0, 60).await, Err(StoreError::Fault(_))));
    let leader = PostgresStore::open(&url, WhenInUse::TakeOver).unwrap();
    two.take_shard(0).await.unwrap_err();
    commit(&leader, 0, 60).await.unwrap();
    assert!(verify(&leader).await.whole());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_replicas_write_at_the_same_time_makes_one_journal_and_they_begin_together() {
    const EACH: i64 = 40;
    let database = Database::new();
    let url = database.url();
    let beginning = (0..3_u32).map(|shard| {
        let url = url.clone();
        tokio::spawn(async move {
            let store = tokio::task::spawn_blocking(move || open(&url, 3)).await.unwrap().unwrap();
            store.claim(StoreClock::Real).await.unwrap();
            store.take_shard(shard).await.unwrap();
            for number in 0..EACH {
                let uid = format!("uid-{shard}");
                let name = format!("launch-{number}");
                store.record_fact(uid.clone(), "launch".into(), name, json!(number), minute(number)).await.unwrap();
                store.keep_checkpoints(vec![(uid, vec![1])], minute(number)).await.unwrap();
                commit(&store, shard, 60 + number).await.unwrap();
            }
            store
        })
    });
    let stores: Vec<PostgresStore> =
        futures::future::join_all(beginning).await.into_iter().map(Result::unwrap).collect();
    for (shard, store) in stores.iter().enumerate() {
        assert!(store.healthy());
        let facts = stores[0].facts(&format!("uid-{shard}"), "launch").await.unwrap();
        assert_eq!(facts.len(), usize::try_from(EACH).unwrap());
    }
    assert!(verify(&stores[0]).await.whole());
}

#[tokio::test]
async fn a_new_version_ends_replicas_of_earlier_ones_before_it_changes_the_format_and_none_of_its_own() {
    let database = Database::new();
    let url = database.url();
    let before = [
        include_str!("../postgres/format_1.sql"),
        include_str!("../postgres/format_2.sql"),
        include_str!("../postgres/format_3.sql"),
        include_str!("../postgres/format_4.sql"),
    ];
    database.execute(&format!("CREATE SCHEMA bpo_evidence; {}", before.concat()));
    database.execute("UPDATE bpo_evidence.format SET number = 4");
    let begin = || open(&url, 3).unwrap();
    let (new, was_ended) = shared().session(&database.name, |earlier| {
        // The lock of those that share the database: an earlier version holds none of a format.
        earlier.execute("SELECT pg_advisory_lock_shared(1112559429)", &[]).unwrap();
        let new = std::thread::scope(|scope| [scope.spawn(begin), scope.spawn(begin)].map(|one| one.join().unwrap()));
        (new, earlier.execute("SELECT 1", &[]).is_err())
    });
    assert!(was_ended, "it would go on in a format that it cannot read");
    for (store, shard) in new.iter().zip(0..) {
        store.take_shard(shard).await.unwrap();
        commit(store, shard, 60).await.unwrap();
    }
    assert!(verify(&new[0]).await.whole());
}
