//! Known rows of a stretch of time, read slice by slice: however many there are, few are held.

use jiff::{SignedDuration, Timestamp};

use super::FeedTask;
use super::poll::Tools;
use crate::domain::measuring::row::Row;
use crate::evidence::{DefinitionsSize, EvidenceStore, StoreError};
use crate::outbound::error::{FailureKind, FetchError};
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

/// What is said of a feed whose known rows cannot be read within `most` bytes. `consequence`: what is not done then.
///
/// # Errors
/// When the store cannot be read.
pub(super) async fn too_large(
    store: &dyn EvidenceStore,
    (uid, feed): (&str, &str),
    most: usize,
    consequence: &str,
) -> Result<FetchError, StoreError> {
    let DefinitionsSize { label_sets, entries, bytes, .. } = store.definitions_size(uid, feed).await?;
    // As many as reading them takes.
    let taken = 128 * entries + 2 * bytes;
    let limit = shown(most as u64);
    let found = match taken > most as u64 {
        true => format!("the {label_sets} sets of labels of feed {feed} take {}, more than the {limit}", shown(taken)),
        false => format!("the rows of one minute of feed {feed} take more than the {limit}"),
    };
    let more = if most < MOST { ", or give the operator more --memory" } else { "" };
    let message = format!("{found} for comparing: {consequence}; serve fewer labels{more}");
    Ok(FetchError::new(FailureKind::TooLarge, message))
}

/// Bytes in MiB, or in KiB where there are few.
fn shown(bytes: u64) -> String {
    match bytes.div_ceil(1 << 10) {
        kibibytes if kibibytes < 1 << 10 => format!("{kibibytes} KiB"),
        kibibytes => format!("{:.1} MiB", kibibytes as f64 / 1_024.0),
    }
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

    #[tokio::test]
    async fn what_is_said_of_rows_that_cannot_be_compared_names_what_was_found_the_limit_and_the_remedy() {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(directory.path()).unwrap();
        let [contract_uid, namespace, contract, feed] = ["one", "a", "acme", "acd"].map(str::to_owned);
        let key = FeedKey { contract_uid, namespace, contract, feed };
        let mut rows = body(2_000, (0..1_000).map(|at| (at, 1)));
        for (number, row) in rows.rows.iter_mut().enumerate() {
            row.labels.insert("queue".to_owned(), format!("queue {number:04}"));
        }
        store.commit(key, rows).await.unwrap();
        let all = (minute(0), minute(1_000));
        let consequence = "what the answer lacks is not withdrawn";
        for (most, expected) in [
            (
                100_000,
                ", more than the 98 KiB for comparing: what the answer lacks is not withdrawn; serve fewer labels, or give the operator more --memory",
            ),
            (1_000_000, ""),
        ] {
            let read = each_slice(&store, ("one", "acd"), all, most, |_| ()).await;
            assert_eq!(read.is_err(), !expected.is_empty(), "{most}: {read:?}");
            let said = too_large(&store, ("one", "acd"), most, consequence).await.unwrap();
            let is_named = said.message.starts_with("the 1000 sets of labels of feed acd take ");
            assert!(is_named != expected.is_empty() && said.message.ends_with(expected), "{}", said.message);
            assert_eq!(said.kind, FailureKind::TooLarge);
        }
        let said = too_large(&store, ("one", "acd"), MOST, consequence).await.unwrap().message;
        let of_a_minute = "the rows of one minute of feed acd take more than the 8.0 MiB for comparing: ";
        assert!(said.starts_with(of_a_minute) && said.ends_with("; serve fewer labels"), "{said}");
        assert_eq!(
            (shown(1), shown(1_048_576), shown(9_961_473)),
            ("1 KiB".into(), "1.0 MiB".into(), "9.5 MiB".into())
        );
    }
}
