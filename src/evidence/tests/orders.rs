//! Properties: what does not depend on the order of receipt, and what always holds.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::support::{Backend, Fixture, body, queue, revision, row, starting_within};
use crate::domain::measuring::row::Row;
use crate::evidence::{EvidenceStore, IncomingRow};

/// Rows that say of each key and revision one thing only, as a vendor with its books in order does.
fn consistent_row() -> impl Strategy<Value = IncomingRow> {
    (0..6_i64, 1..4_i64, prop_oneof![Just("billing"), Just("sales")]).prop_map(|(slot, number, name)| {
        revision(queue(row(slot * 30, (slot * 7 + number * number) % 5), name), number)
    })
}

/// Rows that contradict each other in every way.
fn any_row() -> impl Strategy<Value = IncomingRow> {
    (0..8_i64, 1..4_i64, 0..3_i64, proptest::option::of(1..3_i64)).prop_map(
        |(start, length, offered, vendor_revision)| {
            let incoming = row(start * 15, offered);
            IncomingRow {
                end: incoming.start + jiff::SignedDuration::from_mins(length * 15),
                vendor_revision,
                ..incoming
            }
        },
    )
}

fn known(rows: Vec<Row>) -> BTreeSet<String> {
    rows.into_iter().map(|row| format!("{:?} {} {} {:?}", row.labels, row.start, row.end, row.measures)).collect()
}

async fn after(backend: Backend, bodies: &[Vec<IncomingRow>]) -> (Fixture, BTreeSet<String>) {
    let fixture = Fixture::new(backend);
    for (received, rows) in (200..).zip(bodies) {
        fixture.commit(body(received, rows.clone())).await;
    }
    let rows = fixture.store.as_known_on("uid-1", "acd", jiff::Timestamp::MAX).await.unwrap();
    (fixture, known(rows))
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn consistent_bodies_give_the_same_known_rows_in_any_order(
        (bodies, shuffled) in proptest::collection::vec(proptest::collection::vec(consistent_row(), 0..8), 1..6)
            .prop_flat_map(|bodies| (Just(bodies.clone()), Just(bodies).prop_shuffle()))
    ) {
        run(async {
            for backend in [Backend::Sqlite, Backend::Postgres] {
                prop_assert_eq!(after(backend, &bodies).await.1, after(backend, &shuffled).await.1);
            }
            Ok(())
        })?;
    }

    #[test]
    fn whatever_arrives_the_known_rows_are_disjoint_the_chain_is_whole_and_the_last_body_again_adds_nothing(
        bodies in proptest::collection::vec(proptest::collection::vec(any_row(), 1..10), 1..6)
    ) {
        run(async {
            for backend in [Backend::Sqlite, Backend::Postgres] {
                let (fixture, _) = after(backend, &bodies).await;
                let mut rows = fixture.store.as_known_on("uid-1", "acd", jiff::Timestamp::MAX).await.unwrap();
                rows.sort_by_key(|row| row.start);
                for pair in rows.windows(2) {
                    prop_assert!(pair[0].end <= pair[1].start, "{:?} overlaps {:?}", pair[0], pair[1]);
                }
                let all = fixture.store.rows("uid-1", "acd", 0).await.unwrap();
                prop_assert!(all.iter().map(|row| row.sequence).eq(1..=i64::try_from(all.len()).unwrap()));
                let whole = starting_within(&*fixture.store, jiff::Timestamp::MIN, jiff::Timestamp::MAX).await.unwrap();
                prop_assert_eq!(&whole, &all);
                let head = fixture.store.heads("uid-1").await.unwrap();
                let report = fixture.commit(body(900, bodies.last().unwrap().clone())).await;
                prop_assert_eq!((report.added, report.revised), (0, 0));
                prop_assert_eq!(fixture.store.heads("uid-1").await.unwrap(), head);
                prop_assert!(fixture.verify().await.whole());
                let of_report = report.unchanged + report.superseded + report.rejected.values().sum::<u64>();
                prop_assert_eq!(of_report, bodies.last().unwrap().len() as u64);
            }
            Ok(())
        })?;
    }

    #[test]
    fn both_stores_give_the_same_rows_and_the_same_heads_for_the_same_bodies(
        bodies in proptest::collection::vec(proptest::collection::vec(any_row(), 1..10), 1..6)
    ) {
        run(async {
            let (sqlite, _) = after(Backend::Sqlite, &bodies).await;
            let (postgres, _) = after(Backend::Postgres, &bodies).await;
            prop_assert_eq!(sqlite.store.heads("uid-1").await.unwrap(), postgres.store.heads("uid-1").await.unwrap());
            let all = |store: std::sync::Arc<dyn EvidenceStore>| async move { store.rows("uid-1", "acd", 0).await.unwrap() };
            prop_assert_eq!(all(sqlite.store.clone()).await, all(postgres.store.clone()).await);
            let rejected = |store: std::sync::Arc<dyn EvidenceStore>| async move { store.rejected("uid-1", "acd", 1_000).await.unwrap() };
            prop_assert_eq!(rejected(sqlite.store.clone()).await, rejected(postgres.store.clone()).await);
            Ok(())
        })?;
    }
}
