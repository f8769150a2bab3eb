//! The terms of a contract: all that people wrote about it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::api::Shared;
use crate::api::feed::Feed;
use crate::api::kpi_target::KpiTargetSpec;
use crate::api::service_tier::ServiceTierSpec;
use crate::api::vendor_contract::VendorContractSpec;

/// The terms of a contract: all that people wrote about it. Copies share what is large: a contract of years closes every period under a copy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Terms {
    /// The contract's spec.
    pub contract: Shared<VendorContractSpec>,
    /// Its KpiTargets by name.
    pub kpis: BTreeMap<String, Shared<KpiTargetSpec>>,
    /// The ServiceTiers that it lists and that exist, by name.
    pub tiers: BTreeMap<String, Shared<ServiceTierSpec>>,
}

impl Terms {
    /// The spec of a KpiTarget.
    pub fn kpi(&self, name: &str) -> Option<&KpiTargetSpec> {
        self.kpis.get(name).map(|spec| &**spec)
    }

    /// Names of the feeds that KPIs read, sorted.
    pub fn judged_feeds(&self) -> Vec<String> {
        let sources = self.kpis.values().map(|kpi| &kpi.source);
        let own = sources.clone().filter_map(|source| Some(&source.cross_check.as_ref()?.feed));
        let mut feeds: Vec<String> = sources.map(|source| &source.feed).chain(own).cloned().collect();
        feeds.sort();
        feeds.dedup();
        feeds
    }

    /// Makes them share with others what is the same in both.
    pub fn share_with(&mut self, others: &Terms) {
        let Terms { contract, kpis, tiers } = self;
        if *contract == others.contract {
            contract.clone_from(&others.contract);
        } else {
            share_feeds(&mut contract.feeds, &others.contract.feeds);
        }
        share_entries(kpis, &others.kpis);
        share_entries(tiers, &others.tiers);
    }
}

/// Makes feeds share with others what is the same in both.
pub fn share_feeds(feeds: &mut [Shared<Feed>], others: &[Shared<Feed>]) {
    for feed in feeds {
        if let Some(other) = others.iter().find(|other| *other == feed) {
            feed.clone_from(other);
        }
    }
}

fn share_entries<T: PartialEq>(entries: &mut BTreeMap<String, Shared<T>>, others: &BTreeMap<String, Shared<T>>) {
    for (name, entry) in entries {
        if let Some(other) = others.get(name).filter(|other| *other == entry) {
            entry.clone_from(other);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::fixtures::contracts::terms;

    const CONTRACT: &str = "
        term: {start: 2026-01-01, end: 2026-12-31}
        timeZone: UTC
        feeds: [{name: acd, url: \"https://feeds.acme.example/acd\"}, {name: crm, url: \"https://feeds.acme.example/crm\"}]";
    const KPI: &str = "kpi: ServiceLevel\nobjective: {target: 80}";

    #[test]
    fn terms_share_what_is_the_same_in_others_and_stay_what_they_are() {
        let others = terms(CONTRACT, &[("level", KPI), ("stays", KPI)]);
        for (what, contract, kpi, shared) in [
            ("all is the same", CONTRACT.to_owned(), KPI.to_owned(), [true, true, true]),
            ("a KPI differs", CONTRACT.to_owned(), KPI.replace("80", "81"), [true, true, false]),
            ("the contract differs", CONTRACT.replace("UTC", "Asia/Manila"), KPI.to_owned(), [false, true, true]),
        ] {
            let read = terms(&contract, &[("level", &kpi), ("stays", KPI)]);
            let mut own = read.clone();
            own.share_with(&others);
            assert_eq!(own, read, "{what}");
            let found = [
                own.contract.is_one_with(&others.contract),
                own.contract.feeds[1].is_one_with(&others.contract.feeds[1]),
                own.kpis["level"].is_one_with(&others.kpis["level"]),
            ];
            assert_eq!(found, shared, "{what}");
            assert!(own.kpis["stays"].is_one_with(&others.kpis["stays"]), "{what}");
        }
    }
}
