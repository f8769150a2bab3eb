//! Opening the evidence, and noticing that it has failed.

use std::sync::Arc;
use std::time::Duration;

use super::arguments::RunArguments;
use super::{RunError, Surroundings};
use crate::evidence::postgres::{PostgresStore, WhenInUse};
use crate::evidence::sqlite::SqliteStore;
use crate::evidence::{EvidenceStore, StoreClock, StoreError};
use crate::shard::ShardCount;

/// Waits until the store has failed, and returns the fault.
pub(super) async fn fault_of(evidence: &dyn EvidenceStore) -> String {
    let mut looks = tokio::time::interval(Duration::from_secs(1));
    loop {
        looks.tick().await;
        if !evidence.healthy() {
            return evidence.fault().unwrap_or_else(|| "the store has stopped".to_owned());
        }
    }
}

/// How long the server of the evidence may be away when the operator starts: a failover takes seconds, and a restart of the pod longer.
const OPENING: Duration = Duration::from_secs(60);

/// Opens the evidence where the flags say and returns its identity; tries again while its server is away. `None`: a stop came first.
pub(super) async fn open_evidence(
    arguments: &RunArguments,
    around: &Surroundings,
) -> Result<Option<(Arc<dyn EvidenceStore>, String)>, RunError> {
    let store_clock = if around.clock.is_rehearsal() { StoreClock::Rehearsal } else { StoreClock::Real };
    let began = std::time::Instant::now();
    loop {
        let error = match try_to_open(arguments, store_clock).await {
            Err(error @ StoreError::Unreachable { .. }) if began.elapsed() < OPENING => error,
            result => return Ok(result.map(Some)?),
        };
        tracing::warn!(%error, "trying again");
        around.progress.waits(&error.to_string());
        tokio::select! {
            () = around.stop.cancelled() => return Ok(None),
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
    }
}

/// Opens the evidence once. A replica that holds the lease ends the session of one that lost it.
async fn try_to_open(
    arguments: &RunArguments,
    clock: StoreClock,
) -> Result<(Arc<dyn EvidenceStore>, String), StoreError> {
    let Some(url) = arguments.evidence_url.clone() else {
        let store = SqliteStore::open_with_pages(&arguments.data_dir, arguments.memory().for_pages())?;
        let identity = store.claim(clock).await?;
        return Ok((Arc::new(store), identity));
    };
    let when_in_use = match (arguments.shards, arguments.leader_elect) {
        (ShardCount::ONE, false) => WhenInUse::Refuse,
        (ShardCount::ONE, true) => WhenInUse::TakeOver,
        (shards, _) => WhenInUse::Share(shards),
    };
    let store = PostgresStore::open_while_it_answers(&url, when_in_use).await?;
    let identity = store.claim(clock).await?;
    Ok((Arc::new(store), identity))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[tokio::test]
    async fn a_store_that_fails_is_noticed_and_a_whole_one_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(directory.path()).unwrap();
        let patience = Duration::from_millis(1_500);
        assert!(tokio::time::timeout(patience, fault_of(&store)).await.is_err(), "a whole store was taken for failed");
        std::fs::remove_file(directory.path().join(crate::evidence::sqlite::FILE_NAME)).unwrap();
        let value = serde_json::json!("Go");
        let written = store.record_fact("uid".into(), "launch".into(), "spring".into(), value, Timestamp::UNIX_EPOCH);
        assert!(written.await.is_err());
        assert!(fault_of(&store).await.contains("deleted while in use"));
    }
}
