//! How many rows a feed and a contract may bring.

use jiff::Timestamp;

use super::FeedTask;
use crate::evidence::{EvidenceStore, StoreError};

/// The most rows, revisions counted, that are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowQuota {
    /// Of a feed for each contract year that has begun. Default 5 million: a row a minute and ten sets of labels.
    pub feed_year: u64,
    /// Of all feeds of a contract together. Default 50 million.
    pub contract: u64,
    /// Of all feeds of a contract together, as many as the operator's memory holds while the contract is judged. Default: without a limit.
    pub held: u64,
}

impl Default for RowQuota {
    fn default() -> Self {
        RowQuota { feed_year: 5_000_000, contract: 50_000_000, held: u64::MAX }
    }
}

const YEAR: i64 = 365 * 86_400;

impl RowQuota {
    /// How many more rows a feed may bring at `now`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) async fn room(
        self,
        store: &dyn EvidenceStore,
        task: &FeedTask,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let heads = store.heads(&task.contract_uid).await?;
        let kept = |sequence: i64| u64::try_from(sequence).unwrap_or_default();
        let of_feed = heads.get(&task.feed.name).map_or(0, |head| kept(head.sequence));
        let of_contract: u64 = heads.values().map(|head| kept(head.sequence)).sum();
        let begun = now.min(task.term_end).duration_since(task.term_start).as_secs().max(0) / YEAR + 1;
        let of_years = self.feed_year.saturating_mul(u64::try_from(begun).unwrap_or(1));
        Ok(of_years.saturating_sub(of_feed).min(self.of_contract().saturating_sub(of_contract)))
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
        format!(
            "the answer brings more rows than are kept ({feed_year} a feed and contract year, {contract} a contract{why}, corrections \
             counted): serve fewer labels or longer rows, or {remedy}; periods that it may touch stay Provisional"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smaller_of_the_quota_and_of_what_memory_holds_counts_and_the_refusal_names_the_remedy() {
        let quota = |contract, held| RowQuota { contract, held, ..RowQuota::default() };
        for (quota, rows, said) in [
            (quota(50_000_000, 699_050), 699_050, "699050 a contract, as many as --memory holds, corrections counted"),
            (quota(50_000_000, 699_050), 699_050, "or give the operator more --memory"),
            (quota(1_000, 699_050), 1_000, "1000 a contract, corrections counted"),
            (quota(1_000, 699_050), 1_000, "or ask for a larger quota"),
            (RowQuota::default(), 50_000_000, "50000000 a contract, corrections counted"),
        ] {
            assert_eq!(quota.of_contract(), rows);
            assert!(quota.refusal().contains(said), "{}", quota.refusal());
        }
    }
}
