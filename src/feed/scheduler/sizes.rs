//! How much memory the rows of contracts take while they are judged: what a contract brings beyond that is refused, so that what was kept
//! before goes on being judged.
//!
//! Rows are packed in memory, so that what is stored does not show what they take. Where it may be much, they are packed for once, and
//! only the size is remembered.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use crate::domain::measuring::feed_rows::{FeedRows, Receipt, Times};
use crate::evidence::{DefinitionsSize, EvidenceStore, Head, IncomingRow, RowRange, StoreError};

/// How many rows are packed together: what they take is measured of full packs.
const PACKED: i64 = 1_024;
/// Rows that are packed at once to be measured: 35 MB at most.
const AT_ONCE: i64 = 16 * PACKED;
/// The most that a row takes in memory, without its labels and measures.
const OF_A_ROW: usize = 64;
/// The most that one measure of a row takes.
const OF_A_MEASURE: usize = 20;
/// What an entry of labels or names takes in addition to twice its text, while rows are read.
const OF_AN_ENTRY: usize = 128;
/// What a set of ten labels takes in addition to that.
const OF_A_LABEL_SET: usize = 480;
/// The most that a row can take, whatever it says: 100 measures, and labels of its own.
const MOST_OF_A_ROW: usize = 6_400;
/// Feeds whose sizes are remembered.
const MOST_FEEDS: usize = 50_000;

/// The sizes of feeds, as far as they were measured.
#[derive(Debug, Default)]
pub(super) struct Sizes {
    by_feed: Mutex<HashMap<(String, String), Measured>>,
    /// One feed is measured at a time.
    measuring: tokio::sync::Mutex<()>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Measured {
    /// Sequence up to which rows were measured.
    until: i64,
    /// Bytes of those.
    rows: usize,
    /// The head with which the rows after those were measured, which are not a full pack.
    last_at: i64,
    /// Bytes of these.
    last: usize,
    /// The head with which the definitions were counted.
    defined_at: i64,
    definitions: DefinitionsSize,
}

impl Measured {
    fn definitions_bytes(&self) -> usize {
        let DefinitionsSize { label_sets, entries, bytes, .. } = self.definitions;
        size(entries) * OF_AN_ENTRY + size(label_sets) * OF_A_LABEL_SET + 2 * size(bytes)
    }

    /// The most that the feed takes with this many rows.
    fn at_most(&self, rows: i64) -> usize {
        if self.last_at == rows {
            return self.definitions_bytes().saturating_add(self.rows).saturating_add(self.last);
        }
        let left = size(rows.saturating_sub(self.until).unsigned_abs());
        let of_a_row = OF_A_ROW + OF_A_MEASURE * size(self.definitions.measures);
        self.definitions_bytes().saturating_add(self.rows).saturating_add(left.saturating_mul(of_a_row))
    }
}

fn size(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

impl Sizes {
    /// Bytes that the rows of a contract take in memory with their sets of labels; more than `most` where they do not fit. It is an upper
    /// bound: where that is less than half of `most`, no row is read for it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) async fn of_contract(
        &self,
        store: &dyn EvidenceStore,
        uid: &str,
        heads: &BTreeMap<String, Head>,
        most: usize,
    ) -> Result<usize, StoreError> {
        let rows: u64 = heads.values().map(|head| head.sequence.unsigned_abs()).sum();
        let at_most = size(rows).saturating_mul(MOST_OF_A_ROW);
        if at_most <= most / 2 {
            return Ok(at_most);
        }
        let mut at_most = 0_usize;
        for (feed, head) in heads {
            at_most = at_most.saturating_add(self.defined(store, (uid, feed), *head).await?.at_most(head.sequence));
        }
        if at_most <= most / 2 {
            return Ok(at_most);
        }
        let _alone = self.measuring.lock().await;
        let mut all = 0_usize;
        for (feed, head) in heads {
            match self.measured(store, (uid, feed), *head, most.saturating_sub(all)).await {
                Ok(measured) => all = all.saturating_add(measured.at_most(head.sequence)),
                Err(StoreError::Memory { .. }) => return Ok(usize::MAX),
                Err(error) => return Err(error),
            }
        }
        Ok(all)
    }

    /// What is known of a feed, with its definitions as they are now.
    async fn defined(
        &self,
        store: &dyn EvidenceStore,
        (uid, feed): (&str, &str),
        head: Head,
    ) -> Result<Measured, StoreError> {
        let mut measured = self.known(uid, feed);
        if measured.defined_at != head.sequence {
            measured.definitions = store.definitions_size(uid, feed).await?;
            measured.defined_at = head.sequence;
            self.remember((uid, feed), measured);
        }
        Ok(measured)
    }

    /// The same, with all rows measured.
    async fn measured(
        &self,
        store: &dyn EvidenceStore,
        (uid, feed): (&str, &str),
        head: Head,
        most: usize,
    ) -> Result<Measured, StoreError> {
        let mut measured = self.defined(store, (uid, feed), head).await?;
        let end = head.sequence - head.sequence.rem_euclid(PACKED);
        while measured.until < end {
            let until = measured.until.saturating_add(AT_ONCE).min(end);
            let range = RowRange { most, ..RowRange::between(measured.until, until) };
            let rows = store.more_rows(uid, feed, FeedRows::default(), range).await?;
            measured = Measured { until, rows: measured.rows.saturating_add(rows.bytes_of_rows()), ..measured };
            self.remember((uid, feed), measured);
        }
        if measured.last_at != head.sequence {
            let range = RowRange { most, ..RowRange::between(measured.until, head.sequence) };
            let rows = store.more_rows(uid, feed, FeedRows::default(), range).await?;
            measured = Measured { last_at: head.sequence, last: rows.bytes_of_rows(), ..measured };
            self.remember((uid, feed), measured);
        }
        Ok(measured)
    }

    fn known(&self, uid: &str, feed: &str) -> Measured {
        let by_feed = self.by_feed.lock().unwrap_or_else(PoisonError::into_inner);
        by_feed.get(&(uid.to_owned(), feed.to_owned())).copied().unwrap_or_default()
    }

    fn remember(&self, (uid, feed): (&str, &str), measured: Measured) {
        let mut by_feed = self.by_feed.lock().unwrap_or_else(PoisonError::into_inner);
        if by_feed.len() >= MOST_FEEDS {
            // Those that are asked for again are measured again.
            by_feed.clear();
        }
        by_feed.insert((uid.to_owned(), feed.to_owned()), measured);
    }
}

/// How many of an answer's rows fit into `left` bytes of memory: all of them, or as many as fit of rows of their mean size.
pub(super) async fn fitting(rows: &[IncomingRow], known_at: Timestamp, left: usize) -> u64 {
    let (mut labels, mut names) = (BTreeSet::new(), BTreeSet::new());
    for row in rows {
        labels.insert(&row.labels);
        names.extend(row.measures.keys());
    }
    let text = |(name, value): (&String, &String)| name.len() + value.len() + 4;
    let of_set =
        |set: &&BTreeMap<String, String>| OF_AN_ENTRY + OF_A_LABEL_SET + 2 * set.iter().map(text).sum::<usize>();
    let of_labels = labels.iter().map(of_set).sum::<usize>();
    let at_most = rows.len().saturating_mul(OF_A_ROW + OF_A_MEASURE * names.len());
    if of_labels.saturating_add(at_most) <= left {
        return u64::MAX;
    }
    let packed = packed_size(rows, known_at).await;
    if of_labels.saturating_add(packed) <= left {
        return u64::MAX;
    }
    // An answer brings again what is known: of the new ones, as many fit.
    let of_one = (of_labels.saturating_add(packed) / rows.len().max(1)).max(1);
    (left / of_one) as u64
}

/// Bytes that rows take once they are packed, without their labels.
async fn packed_size(rows: &[IncomingRow], known_at: Timestamp) -> usize {
    let mut bytes = 0;
    for rows in rows.chunks(AT_ONCE as usize) {
        let mut open = FeedRows::default().open();
        for row in rows {
            let labels = open.labels(&row.labels);
            let measures: Vec<_> = row.measures.iter().map(|(name, value)| (open.measure(name), *value)).collect();
            let times = Times { start: row.start, end: row.end, known_at };
            open.push(times, labels, Receipt { revision: 1, sequence: 1 }, measures.into_iter());
        }
        bytes += open.close().bytes_of_rows();
        tokio::task::yield_now().await;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::SignedDuration;

    use super::*;
    use crate::evidence::sqlite::SqliteStore;
    use crate::evidence::{Batch, FeedKey};

    fn row(place: i64, labels: usize, measures: usize, value: i64) -> IncomingRow {
        let start = Timestamp::from_second(1_767_225_600 + place * 1_800).unwrap();
        IncomingRow {
            labels: (0..labels).map(|name| (format!("label{name}"), format!("{place:0>170}"))).collect(),
            start,
            end: start + SignedDuration::from_mins(30),
            measures: (0..measures as i64).map(|name| (format!("m{name}"), (value * (place + name)).into())).collect(),
            vendor_revision: None,
            recorded_at: None,
        }
    }

    struct World {
        store: Arc<SqliteStore>,
        sizes: Sizes,
        _directory: tempfile::TempDir,
    }

    impl World {
        fn new() -> World {
            let directory = tempfile::tempdir().unwrap();
            let store = Arc::new(SqliteStore::open(directory.path()).unwrap());
            World { store, sizes: Sizes::default(), _directory: directory }
        }

        async fn commit(&self, rows: Vec<IncomingRow>) {
            let [contract_uid, namespace, contract, feed] = ["one", "a", "acme", "acd"].map(str::to_owned);
            let batch = Batch {
                received_at: "2026-06-01T00:00:00Z".parse().unwrap(),
                body_digest: [0; 32],
                url_host: None,
                backfill: false,
                plan: false,
                rows,
                rejected: Vec::new(),
                progress: None,
                state: None,
            };
            self.store.commit(FeedKey { contract_uid, namespace, contract, feed }, batch).await.unwrap();
        }

        async fn size(&self, most: usize) -> usize {
            let heads = self.store.heads("one").await.unwrap();
            self.sizes.of_contract(&*self.store, "one", &heads, most).await.unwrap()
        }

        /// What its rows take in memory when all are read.
        async fn held(&self) -> usize {
            let rows = self.store.more_rows("one", "acd", FeedRows::default(), RowRange::between(0, i64::MAX)).await;
            rows.unwrap().bytes()
        }
    }

    #[tokio::test]
    async fn what_is_counted_is_never_less_than_what_rows_take_whatever_their_measures_and_labels() {
        for (what, labels, measures, value) in [
            ("many measures of large numbers", 0, 100, 1_234_567_890_123),
            ("many measures of small numbers", 0, 100, 1),
            ("large sets of labels, one for each row", 10, 1, 1),
            ("small rows", 0, 1, 1),
        ] {
            let world = World::new();
            for first in [0, 900, 1_800] {
                world.commit((first..first + 900).map(|place| row(place, labels, measures, value)).collect()).await;
                let held = world.held().await;
                let most = 2 * held;
                let counted = world.size(most).await;
                assert!(counted >= held && counted < most, "{what}: {counted} of {held}");
            }
            let (known, head) = (world.sizes.known("one", "acd"), world.store.heads("one").await.unwrap()["acd"]);
            assert_eq!((head.sequence, known.until), (2_700, 2_048), "{what}: rows are measured once");
        }
    }

    #[tokio::test]
    async fn a_contract_of_few_rows_is_not_measured() {
        let world = World::new();
        world.commit((0..900).map(|place| row(place, 0, 2, 1)).collect()).await;
        assert!(world.size(usize::MAX).await >= world.held().await);
        assert!(world.size(1 << 20).await >= world.held().await);
        assert_eq!(world.sizes.known("one", "acd").until, 0);
    }

    #[tokio::test]
    async fn of_an_answer_all_rows_fit_or_as_many_as_there_is_room_for() {
        let known_at = "2026-06-01T00:00:00Z".parse().unwrap();
        let fit = |rows: Vec<IncomingRow>, left| async move { fitting(&rows, known_at, left).await };
        let wide = || (0..2_048).map(|place| row(place, 0, 100, 1)).collect::<Vec<_>>();
        assert_eq!(fit(wide(), 1 << 30).await, u64::MAX);
        // As packed numbers they take a tenth of what they may take at most.
        assert_eq!(fit(wide(), 1 << 20).await, u64::MAX);
        let some = fit(wide(), 100_000).await;
        assert!(some > 0 && some < 2_048, "{some}");
        assert_eq!(fit(wide(), 0).await, 0);
        let labelled = (0..2_048).map(|place| row(place, 10, 1, 1)).collect::<Vec<_>>();
        let some = fit(labelled, 1 << 20).await;
        assert!(some > 0 && some < 400, "sets of labels count: {some}");
    }
}
