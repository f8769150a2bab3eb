//! Checkpoints: a cache that a store keeps and that may go at any time.

use super::support::{Backend, Fixture, feed, minute, on_both_stores};
use super::support::{body, row, verify};
use crate::evidence::CHECKPOINTS_KEPT;

on_both_stores!(the_last_checkpoint_of_each_contract_is_kept_until_it_is_old, checkpoints_are_no_evidence);

async fn the_last_checkpoint_of_each_contract_is_kept_until_it_is_old(backend: Backend) {
    let fixture = Fixture::new(backend);
    let kept = async |fixture: &Fixture, uid: &str| fixture.store.checkpoint(uid).await.unwrap();
    assert_eq!(kept(&fixture, "uid-1").await, None, "nothing is kept in a new store");
    let both = vec![("uid-1".to_owned(), vec![1, 0, 255]), ("uid-2".to_owned(), Vec::new())];
    fixture.store.keep_checkpoints(both, minute(0)).await.unwrap();
    let fixture = fixture.restart();
    assert_eq!(kept(&fixture, "uid-1").await, Some(vec![1, 0, 255]));
    assert_eq!(kept(&fixture, "uid-2").await, Some(Vec::new()));
    assert_eq!(kept(&fixture, "uid-3").await, None);
    fixture.store.keep_checkpoints(vec![("uid-1".to_owned(), vec![7; 300_000])], minute(1)).await.unwrap();
    assert_eq!(kept(&fixture, "uid-1").await, Some(vec![7; 300_000]));
    // A second later than a hundred days after uid-2 was kept.
    fixture
        .store
        .keep_checkpoints(Vec::new(), minute(0) + CHECKPOINTS_KEPT + minute(1).duration_since(minute(0)))
        .await
        .unwrap();
    assert_eq!(kept(&fixture, "uid-2").await, None);
    assert_eq!(kept(&fixture, "uid-1").await, Some(vec![7; 300_000]));
}

async fn checkpoints_are_no_evidence(backend: Backend) {
    let fixture = Fixture::new(backend);
    fixture.store.commit(feed("acd"), body(1, vec![row(0, 1)])).await.unwrap();
    let heads = fixture.store.heads("uid-1").await.unwrap();
    fixture.store.keep_checkpoints(vec![("uid-1".to_owned(), vec![1])], minute(2)).await.unwrap();
    assert_eq!(fixture.store.heads("uid-1").await.unwrap(), heads);
    assert!(verify(&*fixture.store).await.whole());
}
