//! Which KpiTargets were judged before as they are written, as far as the last terms on record do not say so.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::api::kpi_target::KpiTargetSpec;
use crate::api::{Shared, VendorContractSpec};
use crate::domain::terms::contract_terms::Terms;
use crate::evidence::{EvidenceStore, StoreError};

/// What the versions of terms on record say of KpiTargets. A contract may have a thousand versions for each year: they are looked through one
/// at a time, and each once, however often the KpiTarget is looked at.
#[derive(Debug, Default)]
pub struct KpisOnRecord {
    by_uid: Mutex<HashMap<String, BTreeMap<String, Search>>>,
}

#[derive(Clone, Debug)]
struct Search {
    spec: KpiTargetSpec,
    /// Number of the newest version that was looked at.
    newest: i64,
    found: bool,
}

impl KpisOnRecord {
    /// Whether a version of the terms has a KpiTarget as it is written. `uid`: that of the contract's evidence.
    ///
    /// # Errors
    /// When the store cannot be read, or a version on the way to the newest that has it.
    pub async fn has(
        &self,
        store: &dyn EvidenceStore,
        uid: &str,
        name: &str,
        spec: &KpiTargetSpec,
    ) -> Result<bool, StoreError> {
        let known = self.by_uid().get(uid).and_then(|kpis| kpis.get(name)).filter(|known| known.spec == *spec).cloned();
        let seen = known.as_ref().map_or(0, |known| known.newest);
        if known.is_some_and(|known| known.found) {
            return Ok(true);
        }
        let mut search = Search { spec: spec.clone(), newest: seen, found: false };
        let mut before = i64::MAX;
        while let Some((number, recorded)) = store.terms_between(uid, seen, before).await? {
            (search.newest, before) = (search.newest.max(number), number);
            if recorded.terms.kpi(name) == Some(spec) {
                search.found = true;
                break;
            }
        }
        let found = search.found;
        self.by_uid().entry(uid.to_owned()).or_default().insert(name.to_owned(), search);
        Ok(found)
    }

    /// Forgets the KpiTargets of a contract but for these.
    pub fn retain(&self, uid: &str, names: &BTreeSet<String>) {
        if let Some(kpis) = self.by_uid().get_mut(uid) {
            kpis.retain(|name, _| names.contains(name));
        }
    }

    /// Forgets a contract that is gone.
    pub fn forget(&self, uid: &str) {
        self.by_uid().remove(uid);
    }

    fn by_uid(&self) -> MutexGuard<'_, HashMap<String, BTreeMap<String, Search>>> {
        self.by_uid.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Terms that say of some KpiTargets that they were judged as they are written, and nothing else.
pub fn terms_with<'k>(
    contract: &VendorContractSpec,
    kpis: impl IntoIterator<Item = (String, &'k KpiTargetSpec)>,
) -> Terms {
    let kpis = kpis.into_iter().map(|(name, spec)| (name, Shared::new(spec.clone()))).collect();
    Terms { contract: Shared::new(contract.clone()), kpis, tiers: BTreeMap::new() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::evidence::sqlite::SqliteStore;

    const UID: &str = "uid-1";

    fn kpi(target: i64) -> KpiTargetSpec {
        let spec = json!({"contractRef": {"name": "acme"}, "kpi": "ServiceLevel", "source": {"feed": "acd"}, "objective": {"target": target}});
        serde_json::from_value(spec).unwrap()
    }

    async fn record(store: &SqliteStore, at: i64, target: Option<i64>) {
        let contract =
            json!({"vendor": {"name": at.to_string()}, "term": {"start": "2026-01-01", "end": "2026-12-31"}});
        let spec = target.map(kpi);
        let kpis = spec.iter().map(|spec| ("level".to_owned(), spec));
        let terms = terms_with(&serde_json::from_value(contract).unwrap(), kpis);
        let recorded_at = jiff::Timestamp::from_second(at * 60).unwrap();
        store.record_terms(UID.to_owned(), terms, recorded_at).await.unwrap();
    }

    /// Makes the entries of the journal up to a number unreadable, so that a look at one of them is an error.
    async fn spoil(store: &SqliteStore, until: i64) {
        let statement = format!(
            "DROP TRIGGER IF EXISTS journal_is_not_edited; UPDATE journal SET content = '{{}}' WHERE number <= {until}"
        );
        store.execute_on_writer(&statement).await.unwrap();
    }

    #[tokio::test]
    async fn versions_are_looked_at_from_the_newest_to_the_first_that_has_the_kpi_and_each_once() {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(directory.path()).unwrap();
        for (at, target) in [(1, Some(70)), (2, Some(80)), (3, None), (4, None)] {
            record(&store, at, target).await;
        }
        let known = KpisOnRecord::default();
        assert!(!known.has(&store, UID, "level", &kpi(90)).await.unwrap());
        spoil(&store, 1).await;
        assert!(known.has(&store, UID, "level", &kpi(80)).await.unwrap(), "what is older than its version is not read");
        spoil(&store, 4).await;
        assert!(known.has(&store, UID, "level", &kpi(80)).await.unwrap(), "what was found is not searched again");
        known.has(&store, UID, "level", &kpi(70)).await.unwrap_err();
    }

    #[tokio::test]
    async fn what_was_not_found_is_searched_in_newer_versions_alone() {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(directory.path()).unwrap();
        record(&store, 1, Some(70)).await;
        let known = KpisOnRecord::default();
        assert!(!known.has(&store, UID, "level", &kpi(80)).await.unwrap());
        spoil(&store, 1).await;
        assert!(!known.has(&store, UID, "level", &kpi(80)).await.unwrap());
        record(&store, 2, Some(80)).await;
        record(&store, 3, None).await;
        assert!(known.has(&store, UID, "level", &kpi(80)).await.unwrap());
        known.retain(UID, &["other".to_owned()].into());
        spoil(&store, 3).await;
        known.has(&store, UID, "level", &kpi(80)).await.unwrap_err();
    }
}
