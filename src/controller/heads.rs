//! Whether the store still holds what reports rest on.
//!
//! A store that was restored from a backup has fewer rows than reports know of, and the next rows would take the numbers of those
//! that are lost. Each report's status carries the ends of the chains that it rests on, and those are compared here.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use kube::ResourceExt;

use super::context::Context;
use crate::api::vendor_contract::PeriodState;
use crate::api::{CONTRACT_UID_LABEL, SlaReport};
use crate::evidence::{EvidenceStore, StoreError, digest_text};

/// How long a comparison holds.
pub const HOLDS_FOR: Duration = Duration::from_secs(3_600);

/// By feed, the number of rows and the digest of the last one.
type Heads = BTreeMap<String, (i64, String)>;

/// By feed, the report that carries its furthest head, and whether that report is Final.
type Carriers = BTreeMap<String, (String, bool)>;

/// What was compared before.
#[derive(Debug, Default)]
pub struct HeadChecks(Mutex<HashMap<String, Check>>);

#[derive(Clone, Debug)]
struct Check {
    heads: Heads,
    at: Instant,
}

impl HeadChecks {
    /// Whether these heads were found in the store within the last hour.
    fn knows(&self, uid: &str, heads: &Heads) -> bool {
        let checks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        checks.get(uid).is_some_and(|check| check.heads == *heads && check.at.elapsed() < HOLDS_FOR)
    }

    fn passed(&self, uid: &str, heads: Heads) {
        let mut checks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        checks.insert(uid.to_owned(), Check { heads, at: Instant::now() });
    }

    /// Forgets a contract that is gone.
    pub fn forget(&self, uid: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }
}

/// What the store has lost of the rows that the reports of a contract rest on, as a sentence; `None` where nothing.
///
/// `uids` are the contract's own and the one under which its evidence lies, which may be that of a contract that is gone.
///
/// # Errors
/// When the store cannot be read.
pub async fn lost_rows(context: &Context, namespace: &str, uids: [&str; 2]) -> Result<Option<String>, StoreError> {
    let [_, uid] = uids;
    let (reports, heads) = told_by_reports(context, namespace, uids);
    if context.heads.knows(uid, &heads) {
        return Ok(None);
    }
    let lost = missing(&*context.evidence, uid, &heads, &reports).await?;
    if lost.is_none() {
        context.heads.passed(uid, heads);
    }
    Ok(lost)
}

/// Says which of these heads are not in the store.
async fn missing(
    store: &dyn EvidenceStore,
    uid: &str,
    heads: &Heads,
    reports: &Carriers,
) -> Result<Option<String>, StoreError> {
    for (feed, (rows, head)) in heads {
        let found = store.digest_at(uid, feed, *rows).await?;
        if found.map(|digest| digest_text(&digest)).as_deref() != Some(head.as_str()) {
            let (report, is_final) = reports.get(feed).cloned().unwrap_or_default();
            // What is not signed may be written again from what is there.
            let way_out = if is_final { "" } else { " or, since it is Provisional, this report is deleted" };
            return Ok(Some(format!(
                "the store was rolled back: SlaReport {report} rests on {rows} rows of feed {feed} that it lacks; nothing is fetched or \
                 judged until they are back{way_out}"
            )));
        }
    }
    Ok(None)
}

/// The furthest head of each feed that a report carries, and by which report.
fn told_by_reports(context: &Context, namespace: &str, uids: [&str; 2]) -> (Carriers, Heads) {
    let ours = crate::cluster::watch::decoded(&context.stores.reports, |report: &SlaReport| {
        report.namespace().as_deref() == Some(namespace)
            && report.labels().get(CONTRACT_UID_LABEL).is_some_and(|uid| uids.contains(&uid.as_str()))
    });
    let (mut by, mut heads) = (Carriers::new(), Heads::new());
    for guarded in ours {
        let Ok(report) = &guarded.0 else { continue };
        for head in report.status.iter().flat_map(|status| &status.evidence_heads) {
            let known = heads.get(&head.feed).map_or(0, |(rows, _)| *rows);
            if head.rows > known {
                heads.insert(head.feed.clone(), (head.rows, head.head.clone()));
                by.insert(head.feed.clone(), (report.name_any(), report.spec.state == PeriodState::Final));
            }
        }
    }
    (by, heads)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::sqlite::SqliteStore;
    use crate::evidence::{Batch, FeedKey, IncomingRow};

    /// A body of one row, of a minute of an hour of 2026.
    fn body(minute: i64, offered: i64) -> Batch {
        let begin: jiff::Timestamp = "2026-01-05T09:00:00Z".parse().unwrap();
        let at = |minute: i64| begin + jiff::SignedDuration::from_mins(minute);
        Batch {
            received_at: at(60 + minute),
            body_digest: [u8::try_from(minute).unwrap(); 32],
            url_host: None,
            backfill: false,
            plan: false,
            rows: vec![IncomingRow {
                labels: BTreeMap::new(),
                start: at(minute),
                end: at(minute + 1),
                measures: [("offered".to_owned(), offered.into())].into(),
                vendor_revision: None,
                recorded_at: None,
            }],
            rejected: Vec::new(),
            progress: None,
            state: None,
        }
    }

    /// A store with a row for each of these figures.
    async fn store(offered: &[i64]) -> (SqliteStore, tempfile::TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(directory.path()).unwrap();
        for (minute, offered) in (0..).zip(offered) {
            let key = FeedKey {
                contract_uid: "uid-1".into(),
                namespace: "cx".into(),
                contract: "acme".into(),
                feed: "acd".into(),
            };
            store.commit(key, body(minute, *offered)).await.unwrap();
        }
        (store, directory)
    }

    #[tokio::test]
    async fn a_store_that_lacks_rows_of_a_report_or_has_others_in_their_place_was_rolled_back() {
        let (whole, _folder) = store(&[1, 2, 3]).await;
        let signed = whole.heads("uid-1").await.unwrap()["acd"];
        let heads = Heads::from([("acd".to_owned(), (signed.sequence, digest_text(&signed.digest)))]);
        let carried_by = |is_final| Carriers::from([("acd".to_owned(), ("acme-2026-01".to_owned(), is_final))]);
        for (kept, is_whole) in
            [(&[1, 2, 3][..], true), (&[1, 2, 3, 4], true), (&[1, 2], false), (&[], false), (&[1, 2, 4], false)]
        {
            let (restored, _folder) = store(kept).await;
            let lost = missing(&restored, "uid-1", &heads, &carried_by(true)).await.unwrap();
            assert_eq!(lost.is_none(), is_whole, "{kept:?}: {lost:?}");
            let named = |lost: &String| lost.contains("SlaReport acme-2026-01") && lost.contains("feed acd");
            assert!(lost.iter().all(named), "{lost:?}");
            let unsigned = missing(&restored, "uid-1", &heads, &carried_by(false)).await.unwrap();
            let may_delete = |lost: &String| lost.ends_with(" or, since it is Provisional, this report is deleted");
            assert!(unsigned.iter().all(may_delete) && !lost.iter().any(may_delete), "{unsigned:?}");
        }
        let checks = HeadChecks::default();
        checks.passed("uid-1", heads.clone());
        assert!(checks.knows("uid-1", &heads) && !checks.knows("uid-2", &heads));
        assert!(!checks.knows("uid-1", &Heads::new()), "another head is compared");
        checks.forget("uid-1");
        assert!(!checks.knows("uid-1", &heads));
    }
}
