//! Known rows of a stretch of time, read slice by slice: however many there are, few are held.

use jiff::{SignedDuration, Timestamp};

use super::FeedTask;
use super::poll::Tools;
use crate::domain::measuring::row::Row;
use crate::evidence::{EvidenceStore, StoreError};
use crate::outbound::memory_share::Reserved;

/// The most bytes of rows of a slice.
const MOST: usize = 8 << 20;
/// Slices are not halved below this.
const SHORTEST: SignedDuration = SignedDuration::from_mins(1);

/// Room for the rows of a slice, and as much again for what is made of them.
pub(super) struct SliceRoom {
    /// Bytes of the rows.
    pub most: usize,
    _reserved: Option<Reserved>,
}

impl SliceRoom {
    /// Waits for room in what answers may take while they are read.
    pub(super) async fn reserve(tools: &Tools, task: &FeedTask) -> Self {
        let readers = &tools.client.readers;
        let most = (readers.largest() / 4).min(MOST);
        SliceRoom { most, _reserved: readers.reserve(&task.namespace, 2 * most).await }
    }
}

/// Passes on the newest revisions of the rows of a feed that start in `[since, until)`, a slice of time at once. A slice whose rows take more
/// than `most` bytes is halved.
///
/// # Errors
/// When the store cannot be read; [`StoreError::Memory`] where the rows of a minute take more than `most`.
pub(super) async fn each_slice(
    store: &dyn EvidenceStore,
    (uid, feed): (&str, &str),
    (since, until): (Timestamp, Timestamp),
    most: usize,
    mut take: impl FnMut(&[Row]),
) -> Result<(), StoreError> {
    let (mut from, mut length) = (since, until.duration_since(since));
    while from < until {
        let end = from.checked_add(length).unwrap_or(until).min(until);
        match store.newest_starting_within(uid, feed, (from, end), most).await {
            Err(StoreError::Memory { .. }) if length > SHORTEST => length = (length / 2).max(SHORTEST),
            rows => {
                take(&rows?);
                from = end;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::evidence::sqlite::SqliteStore;
    use crate::evidence::{Batch, FeedKey, IncomingRow};

    fn minute(minute: i64) -> Timestamp {
        Timestamp::from_second(1_767_225_600 + minute * 60).unwrap()
    }

    fn body(received: i64, rows: impl Iterator<Item = (i64, i64)>) -> Batch {
        let row = |(at, offered): (i64, i64)| IncomingRow {
            labels: BTreeMap::new(),
            start: minute(at),
            end: minute(at + 1),
            measures: BTreeMap::from([("offered".to_owned(), offered.into())]),
            vendor_revision: None,
            recorded_at: None,
        };
        Batch {
            received_at: minute(received),
            body_digest: [received as u8; 32],
            url_host: None,
            backfill: false,
            plan: false,
            rows: rows.map(row).collect(),
            rejected: Vec::new(),
            progress: None,
            state: None,
        }
    }

    #[tokio::test]
    async fn each_row_comes_once_with_its_newest_figures_and_no_slice_takes_more_than_was_allowed() {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(directory.path()).unwrap();
        let [contract_uid, namespace, contract, feed] = ["one", "a", "acme", "acd"].map(str::to_owned);
        let key = FeedKey { contract_uid, namespace, contract, feed };
        store.commit(key.clone(), body(2_000, (0..1_000).map(|at| (at, 1)))).await.unwrap();
        store.commit(key, body(2_001, (0..1_000).map(|at| (at, 2)))).await.unwrap();
        // Each: bytes, and whether all fits into one slice.
        for (most, is_one) in [(1 << 20, true), (40_000, false), (4_000, false)] {
            let (mut starts, mut slices) = (Vec::new(), 0);
            let take = |rows: &[Row]| {
                slices += 1;
                assert!(rows.iter().all(|row| row.revision == 2));
                starts.extend(rows.iter().map(|row| row.start));
            };
            each_slice(&store, ("one", "acd"), (minute(0), minute(1_000)), most, take).await.unwrap();
            assert_eq!(starts, (0..1_000).map(minute).collect::<Vec<_>>(), "{most}");
            assert_eq!(slices == 1, is_one, "{most}");
        }
        let refused = each_slice(&store, ("one", "acd"), (minute(0), minute(9)), 300, |_| ()).await;
        assert_eq!(refused, Err(StoreError::Memory { most: 300 }));
    }
}
