//! How many rows a feed and a contract may bring.

use super::FeedTask;
use super::sizes::{Sizes, fitting};
use crate::evidence::{Batch, EvidenceStore, StoreError};

/// The most rows, revisions counted, that are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowQuota {
    /// Of a feed for each contract year that has begun. Default 5 million: a row a minute and ten sets of labels.
    pub feed_year: u64,
    /// Of all feeds of a contract together. Default 50 million.
    pub contract: u64,
    /// Of all feeds of a contract together, as many as the operator's memory holds while the contract is judged. Default: without a limit.
    pub held: u64,
    /// Bytes that the rows of a contract may take in memory with their sets of labels, whatever these are. Default: without a limit.
    pub held_bytes: usize,
}

impl Default for RowQuota {
    fn default() -> Self {
        RowQuota { feed_year: 5_000_000, contract: 50_000_000, held: u64::MAX, held_bytes: usize::MAX }
    }
}

const YEAR: i64 = 365 * 86_400;

impl RowQuota {
    /// How many new rows of a body a feed may bring when it is received. The sets of labels of a feed have no bound of their own: each counts
    /// among the bytes.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) async fn room(
        self,
        (store, sizes): (&dyn EvidenceStore, &Sizes),
        task: &FeedTask,
        batch: &Batch,
    ) -> Result<u64, StoreError> {
        let now = batch.received_at;
        let heads = store.heads(&task.contract_uid).await?;
        let kept = |sequence: i64| u64::try_from(sequence).unwrap_or_default();
        let of_feed = heads.get(&task.feed.name).map_or(0, |head| kept(head.sequence));
        let of_contract: u64 = heads.values().map(|head| kept(head.sequence)).sum();
        let begun = now.min(task.term_end).duration_since(task.term_start).as_secs().max(0) / YEAR + 1;
        let of_years = self.feed_year.saturating_mul(u64::try_from(begun).unwrap_or(1));
        let of_rows = of_years.saturating_sub(of_feed).min(self.of_contract().saturating_sub(of_contract));
        if self.held_bytes == usize::MAX || of_rows == 0 {
            return Ok(of_rows);
        }
        let taken = sizes.of_contract(store, &task.contract_uid, &heads, self.held_bytes).await?;
        let left = self.held_bytes.saturating_sub(taken);
        Ok(of_rows.min(fitting(&batch.rows, now, left).await))
    }

    /// The most rows of a contract: what is allowed, as far as memory holds it.
    fn of_contract(self) -> u64 {
        self.contract.min(self.held)
    }

    /// What is said of an answer that was refused.
    pub(super) fn refusal(self) -> String {
        let (feed_year, contract) = (self.feed_year, self.of_contract());
        let (why, remedy) = match self.held < self.contract {
            true => (", as many as --memory holds", "give the operator more --memory"),
            false => ("", "ask for a larger quota"),
        };
        let bytes = match self.held_bytes {
            usize::MAX => String::new(),
            bytes => format!("; {} MiB of --memory for those of a contract with their sets of labels", bytes >> 20),
        };
        format!(
            "the answer brings more rows than are kept: serve fewer labels and measures or longer rows, or {remedy}; periods that it may touch \
             stay Provisional ({feed_year} a feed and contract year, {contract} a contract{why}, corrections counted{bytes})"
        )
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::*;
    use crate::domain::measuring::feed_rows::FeedRows;
    use crate::evidence::sqlite::SqliteStore;
    use crate::evidence::{IncomingRow, RowRange};
    use crate::feed::scheduler::commit::key;

    #[test]
    fn the_smaller_of_the_quota_and_of_what_memory_holds_counts_and_the_refusal_names_the_remedy() {
        let quota = |contract, held| RowQuota { contract, held, ..RowQuota::default() };
        for (quota, rows, said) in [
            (quota(50_000_000, 699_050), 699_050, "699050 a contract, as many as --memory holds, corrections counted"),
            (quota(50_000_000, 699_050), 699_050, "or give the operator more --memory"),
            (quota(1_000, 699_050), 1_000, "1000 a contract, corrections counted"),
            (quota(1_000, 699_050), 1_000, "or ask for a larger quota"),
            (RowQuota::default(), 50_000_000, "50000000 a contract, corrections counted"),
            (
                RowQuota { held_bytes: 100 << 20, ..quota(50_000_000, 699_050) },
                699_050,
                "corrections counted; 100 MiB of --memory for those of a contract with their sets of labels)",
            ),
        ] {
            assert_eq!(quota.of_contract(), rows);
            assert!(quota.refusal().contains(said), "{}", quota.refusal());
        }
    }

    fn task() -> FeedTask {
        let at = |text: &str| text.parse().unwrap();
        FeedTask {
            contract_uid: "one".into(),
            namespace: "a".into(),
            contract: "acme".into(),
            feed: serde_json::from_str(r#"{"name":"acd","url":"https://feeds.acme.example/v1"}"#).unwrap(),
            term_start: at("2026-01-01T00:00:00Z"),
            term_end: at("2027-01-01T00:00:00Z"),
            time_zone: "UTC".into(),
            calendar: None,
            suspended: false,
        }
    }

    /// A body of 100 rows that start after others, with sets of labels of their own or without labels.
    fn body(after: i64, measures: usize, has_labels: bool) -> Batch {
        let row = |place: i64| {
            let start = Timestamp::from_second(1_767_225_600 + place * 60).unwrap();
            let label = |name| (format!("label{name}"), format!("{place:0>170}"));
            IncomingRow {
                labels: (0..10).filter(|_| has_labels).map(label).collect(),
                start,
                end: start + SignedDuration::from_mins(1),
                measures: (0..measures as i64)
                    .map(|name| (format!("m{name}"), (place * name * 7_919).into()))
                    .collect(),
                vendor_revision: None,
                recorded_at: None,
            }
        };
        Batch {
            received_at: "2026-06-01T00:00:00Z".parse().unwrap(),
            body_digest: [0; 32],
            url_host: None,
            backfill: false,
            plan: false,
            rows: (after..after + 100).map(row).collect(),
            rejected: Vec::new(),
            progress: None,
            state: None,
        }
    }

    #[tokio::test]
    async fn a_vendor_that_brings_measures_or_sets_of_labels_without_end_is_refused_while_all_that_is_kept_can_be_read()
    {
        for (measures, has_labels) in [(100, false), (1, true), (1, false)] {
            let directory = tempfile::tempdir().unwrap();
            let store = SqliteStore::open(directory.path()).unwrap();
            let (task, sizes, held_bytes) = (task(), Sizes::default(), 1 << 20);
            let quota = RowQuota { held_bytes, ..RowQuota::default() };
            let mut kept = 0;
            let refused = loop {
                let batch = body(kept, measures, has_labels);
                let room = quota.room((&store, &sizes), &task, &batch).await.unwrap();
                match store.commit_within(key(&task), batch, room).await {
                    Ok(_) => kept += 100,
                    Err(refused) => break Err(refused),
                }
                // Small rows have room for long.
                if kept > 6_000 {
                    break Ok(());
                }
            };
            let case = format!("{measures} measures, labels: {has_labels}, {kept} rows");
            let is_small = measures == 1 && !has_labels;
            assert_eq!(matches!(refused, Err(StoreError::Quota { .. })), !is_small, "{case}");
            let range = RowRange { most: held_bytes, ..RowRange::between(0, i64::MAX) };
            let read = store.more_rows("one", "acd", FeedRows::default(), range).await.unwrap();
            assert_eq!(read.len() as i64, kept, "{case}");
            // What is known already is refused in no case.
            let again = body(0, measures, has_labels);
            let room = quota.room((&store, &sizes), &task, &again).await.unwrap();
            assert_eq!(store.commit_within(key(&task), again, room).await.unwrap().unchanged, 100, "{case}");
        }
    }
}
