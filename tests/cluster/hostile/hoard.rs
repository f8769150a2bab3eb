//! A contract with almost as many rows as the operator's memory holds, as months of its feed would have brought them.

use bpo_operator::evidence::sqlite::SqliteStore;
use bpo_operator::evidence::{Batch, EvidenceStore, FeedKey, IncomingRow};
use jiff::{SignedDuration, Timestamp};

use super::mallory::Mallory;
use crate::harness::Place;
use crate::judged::{contract, kpi};

/// The least memory that an operator works with.
pub(crate) const MEMORY: &str = "64Mi";
/// Rows of a contract that it holds: half of it, at 48 bytes a row.
pub(crate) const ROWS: i64 = (64 << 20) / 2 / 48;
/// Name of the contract.
pub(crate) const NAME: &str = "hoard";

/// Queues of the feed, with a row a minute each.
const QUEUES: i64 = 50;
/// Minutes of one answer.
const MINUTES: i64 = 600;

/// The contract, whose feed goes on to bring rows, with a KpiTarget that reads all of them.
pub(crate) fn manifest(mallory: &Mallory) -> String {
    let term = ("2026-01-01", "2026-12-31");
    let level = kpi("hoard-level", NAME, "kpi: ServiceLevel\nobjective: {target: 80}");
    contract(NAME, "UTC", "Monthly", term, &mallory.url(0, "more")) + &level
}

/// Fills a store with rows of the contract, so that less than another answer has room.
pub(crate) async fn fill(place: &Place, of: &Place) {
    let object = of.get("vc", NAME).await.unwrap();
    let text = |text: &str| text.to_owned();
    let key = FeedKey {
        contract_uid: text(object["metadata"]["uid"].as_str().unwrap()),
        namespace: of.namespace.clone(),
        contract: text(NAME),
        feed: text("acd"),
    };
    std::fs::create_dir_all(place.data_dir()).unwrap();
    let store = SqliteStore::open(&place.data_dir()).unwrap();
    let end = (ROWS - 500) / QUEUES;
    for first in (0..end).step_by(usize::try_from(MINUTES).unwrap()) {
        let report = store.commit(key.clone(), answer(first..end.min(first + MINUTES))).await.unwrap();
        assert!(report.rejected.is_empty(), "{:?}", report.rejected);
    }
    assert!(ROWS - store.heads(&key.contract_uid).await.unwrap()["acd"].sequence < 1_000);
}

/// The rows of some minutes.
fn answer(minutes: std::ops::Range<i64>) -> Batch {
    let begin: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let at = |minute: i64| begin + SignedDuration::from_mins(minute);
    let measures = ["offered", "answered", "answeredWithin", "abandoned", "abandonedWithin"];
    let row = |minute: i64, queue: i64| IncomingRow {
        labels: [("queue".to_owned(), format!("q{queue}"))].into(),
        start: at(minute),
        end: at(minute + 1),
        measures: measures.iter().map(|name| ((*name).to_owned(), (minute % 7 + queue).into())).collect(),
        vendor_revision: None,
        recorded_at: None,
    };
    let mut body_digest = [0; 32];
    body_digest[..8].copy_from_slice(&minutes.start.to_be_bytes());
    Batch {
        received_at: at(minutes.end),
        body_digest,
        url_host: None,
        backfill: true,
        plan: false,
        rows: minutes.flat_map(|minute| (0..QUEUES).map(move |queue| row(minute, queue))).collect(),
        rejected: Vec::new(),
        progress: None,
        state: None,
    }
}
