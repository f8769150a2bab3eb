//! What a namespace holds, as the watches know it; and the queues that a change of it fills.

use std::sync::Arc;

use kube::ResourceExt;

use super::context::Context;
use crate::api::{CampaignLaunch, KpiTarget, ServiceTier, VendorContract};
use crate::cluster::watch::Guarded;
use crate::domain::holdings::{Affected, Change, Entry, Held, Holdings, Judged, affected_by};

impl<K> Entry<K> for Arc<Guarded<K>> {
    fn read(&self) -> Held<&K> {
        match &self.0 {
            Ok(object) => Held::Found(object),
            Err(_) => Held::Unreadable,
        }
    }
}

/// One namespace as the watches know it.
#[derive(Clone, Copy)]
pub struct WatchedNamespace<'a> {
    context: &'a Context,
    namespace: &'a str,
}

impl<'a> WatchedNamespace<'a> {
    /// A view of the namespace.
    pub fn of(context: &'a Context, namespace: &'a str) -> Self {
        WatchedNamespace { context, namespace }
    }
}

impl Holdings for WatchedNamespace<'_> {
    fn contract(&self, name: &str) -> impl Entry<VendorContract> {
        self.context.contract(self.namespace, name)
    }

    fn contracts(&self) -> Vec<impl Entry<VendorContract>> {
        self.context.stores.contracts.decoded(self.namespace)
    }

    fn kpi(&self, name: &str) -> impl Entry<KpiTarget> {
        self.context.stores.kpis.get(self.namespace, name)
    }

    fn kpis_of(&self, contract: &str) -> Vec<impl Entry<KpiTarget>> {
        self.context.kpis_of(self.namespace, contract)
    }

    fn tier(&self, name: &str) -> impl Entry<ServiceTier> {
        self.context.stores.tiers.get(self.namespace, name)
    }

    fn tiers(&self) -> Vec<impl Entry<ServiceTier>> {
        self.context.stores.tiers.decoded(self.namespace)
    }

    fn launches(&self) -> Vec<impl Entry<CampaignLaunch>> {
        self.context.stores.launches.decoded(self.namespace)
    }

    /// What was judged of a contract that is gone, and whose name another one has now, is not of it.
    fn judged(&self, contract: &str) -> Option<Judged> {
        let held = self.context.contract(self.namespace, contract)?;
        let judged = self.context.judged(self.namespace, contract)?;
        (held.uid().as_deref() == Some(&judged.uid)).then_some(judged.judged)
    }
}

/// Asks for a look at every object that a change of its namespace affects.
pub fn look_at_affected(context: &Context, namespace: &str, change: Change<'_>) {
    let Affected { contracts, kpis, tiers, launches } = affected_by(&WatchedNamespace::of(context, namespace), change);
    contracts.iter().for_each(|name| context.queues.contracts.push(namespace, name));
    kpis.iter().for_each(|name| context.queues.kpis.push(namespace, name));
    tiers.iter().for_each(|name| context.queues.tiers.push(namespace, name));
    launches.iter().for_each(|name| context.queues.launches.push(namespace, name));
}
