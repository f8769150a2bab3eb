//! What a namespace holds, as the watches know it; and the queues that a change of it fills.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;

use super::context::Context;
use crate::api::{CampaignLaunch, KpiTarget, ServiceTier, SlaReport, SlaReportSpec, VendorContract};
use crate::cluster::watch::{Guarded, Successive, decoded};
use crate::domain::holdings::{Affected, Change, Entry, Held, Holdings, Judged, affected_by};
use crate::domain::terms::contract_terms::share_feeds;

impl<K> Entry<K> for Arc<Guarded<K>> {
    fn read(&self) -> Held<&K> {
        match &self.0 {
            Ok(object) => Held::Found(object),
            Err(_) => Held::Unreadable,
        }
    }
}

impl Successive for VendorContract {
    fn share_with(&mut self, before: &Self) {
        share_feeds(&mut self.spec.feeds, &before.spec.feeds);
    }
}

impl Successive for KpiTarget {}
impl Successive for ServiceTier {}
impl Successive for CampaignLaunch {}

impl Successive for SlaReport {
    /// One lists the days and the parts of up to 50 KPIs.
    const PAGE: u32 = 10;

    /// Of days and parts the digests are enough to compare them. Who shows them takes them from the judgement. Lists were read without
    /// knowing how long they are, and have room for up to as many entries again.
    fn slim(&mut self) {
        let SlaReportSpec { kpis, triggers, gaps, disputes, .. } = &mut self.spec;
        for line in &mut *kpis {
            line.days.forget();
            line.parts.forget();
            line.excused_by.shrink_to_fit();
            line.tiers.shrink_to_fit();
        }
        kpis.shrink_to_fit();
        triggers.shrink_to_fit();
        gaps.shrink_to_fit();
        disputes.shrink_to_fit();
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

    fn is_here(&self, metadata: &ObjectMeta) -> bool {
        metadata.namespace.as_deref() == Some(self.namespace)
    }
}

impl Holdings for WatchedNamespace<'_> {
    fn contract(&self, name: &str) -> impl Entry<VendorContract> {
        self.context.contract(self.namespace, name)
    }

    fn contracts(&self) -> Vec<impl Entry<VendorContract>> {
        decoded(&self.context.stores.contracts, |contract: &VendorContract| self.is_here(&contract.metadata))
    }

    fn kpi(&self, name: &str) -> impl Entry<KpiTarget> {
        self.context.stores.kpis.get(&ObjectRef::new(name).within(self.namespace))
    }

    fn kpis_of(&self, contract: &str) -> Vec<impl Entry<KpiTarget>> {
        self.context.kpis_of(self.namespace, contract)
    }

    fn tier(&self, name: &str) -> impl Entry<ServiceTier> {
        self.context.stores.tiers.get(&ObjectRef::new(name).within(self.namespace))
    }

    fn tiers(&self) -> Vec<impl Entry<ServiceTier>> {
        decoded(&self.context.stores.tiers, |tier: &ServiceTier| self.is_here(&tier.metadata))
    }

    fn launches(&self) -> Vec<impl Entry<CampaignLaunch>> {
        decoded(&self.context.stores.launches, |launch: &CampaignLaunch| self.is_here(&launch.metadata))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::settlement::stored_size::MOST_STORED;

    #[test]
    fn an_answer_with_a_page_of_the_largest_reports_has_less_than_ten_megabytes() {
        let bytes = usize::try_from(SlaReport::PAGE).unwrap() * MOST_STORED;
        assert!(bytes < 10_000_000, "{bytes} bytes");
        const { assert!(SlaReport::PAGE < KpiTarget::PAGE, "other kinds are small") };
    }
}
