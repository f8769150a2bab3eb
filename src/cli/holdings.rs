//! What manifests hold, and what was gathered for pages, in the one view that the operator has of a namespace.

use std::collections::BTreeMap;

use super::manifests::{Key, Manifests, Written};
use crate::api::{CampaignLaunch, KpiTarget, ServiceTier, VendorContract};
use crate::domain::holdings::{Entry, Holdings, Judged};

/// One namespace of a set of manifests.
#[derive(Clone, Copy, Debug)]
pub(super) struct FilesOf<'a> {
    /// The manifests.
    pub manifests: &'a Manifests,
    /// The namespace; empty where the manifests name none.
    pub namespace: &'a str,
    /// What was judged of the contracts so far.
    pub judged: &'a BTreeMap<Key, Judged>,
    /// The launches with the statuses that were computed so far; `None` before there are any.
    pub launches: Option<&'a BTreeMap<Key, CampaignLaunch>>,
}

impl<'a> FilesOf<'a> {
    fn one<K>(&self, all: &'a BTreeMap<Key, Written<K>>, name: &str) -> Option<&'a K> {
        Some(&all.get(&(self.namespace.to_owned(), name.to_owned()))?.object)
    }

    fn all<K>(&self, all: &'a BTreeMap<Key, Written<K>>) -> impl Iterator<Item = &'a K> + use<'a, K> {
        let namespace = self.namespace;
        let own = all.iter().filter(move |((of, _), _)| of == namespace);
        own.map(|(_, written)| &written.object)
    }
}

impl Holdings for FilesOf<'_> {
    fn contract(&self, name: &str) -> impl Entry<VendorContract> {
        self.one(&self.manifests.contracts, name)
    }

    fn contracts(&self) -> Vec<impl Entry<VendorContract>> {
        self.all(&self.manifests.contracts).collect()
    }

    fn kpi(&self, name: &str) -> impl Entry<KpiTarget> {
        self.one(&self.manifests.kpis, name)
    }

    fn kpis_of(&self, contract: &str) -> Vec<impl Entry<KpiTarget>> {
        self.all(&self.manifests.kpis).filter(|kpi| kpi.spec.contract_ref.name == contract).collect()
    }

    fn tier(&self, name: &str) -> impl Entry<ServiceTier> {
        self.one(&self.manifests.tiers, name)
    }

    fn tiers(&self) -> Vec<impl Entry<ServiceTier>> {
        self.all(&self.manifests.tiers).collect()
    }

    fn launches(&self) -> Vec<impl Entry<CampaignLaunch>> {
        match self.launches {
            None => self.all(&self.manifests.launches).collect(),
            Some(launches) => {
                let own = launches.iter().filter(|((of, _), _)| of == self.namespace);
                own.map(|(_, launch)| launch).collect()
            }
        }
    }

    fn judged(&self, contract: &str) -> Option<Judged> {
        self.judged.get(&(self.namespace.to_owned(), contract.to_owned())).cloned()
    }
}
