//! A thousand contracts with a KPI and seven closed periods each: one of the examples under a thousand names.

#![allow(clippy::expect_used, reason = "an example that cannot be read ends the test or the benchmark")]

use std::collections::BTreeMap;
use std::path::Path;

use bpo_operator::api::{KpiTarget, SlaReport, VendorContract};
use bpo_operator::cli::evaluate::{RowsByContract, view};
use bpo_operator::cli::manifests;
use bpo_operator::feed::offline::rows_of;
use bpo_operator::view::portfolio::Facts;
use jiff::Timestamp;
use serde_json::Value;

/// When seven months of the example have closed.
const NOW: &str = "2026-08-20T00:00:00Z";
const EXAMPLE: &str = "uk-service-points";

/// What a portfolio is shown from.
#[derive(Debug)]
pub(crate) struct Many {
    contracts: Vec<VendorContract>,
    kpis: Vec<KpiTarget>,
    reports: Vec<SlaReport>,
    now: Timestamp,
}

impl Many {
    /// This number of contracts.
    pub(crate) fn contracts(count: usize) -> Many {
        let now: Timestamp = NOW.parse().expect("an instant");
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(EXAMPLE);
        let manifests = manifests::read(&[folder.join("contract.yaml")]).expect("the example can be read");
        let (key, contract) = manifests.contracts.iter().next().expect("the example has a contract");
        let spec = &contract.object.spec;
        let content = std::fs::read(folder.join("feeds/casework.json")).expect("the example has a feed");
        let feed = spec.feeds.first().expect("the contract has a feed");
        let rows = rows_of(feed, &spec.time_zone, &content, now).expect("the feed can be read").rows;
        let by_feed = BTreeMap::from([(feed.name.clone(), rows.into_iter().collect())]);
        let story = view(&manifests, &RowsByContract::from([(key.clone(), by_feed)]), now);
        let first = |kind: &str| {
            story
                .objects
                .iter()
                .find(|object| object.get("kind").is_some_and(|found| found == kind))
                .expect("an object")
                .clone()
        };
        let (contract, kpi) = (first("VendorContract"), first("KpiTarget"));
        let read = |value: Value| serde_json::from_value(value).expect("the object can be read again");
        let contract: VendorContract = read(contract);
        let kpi: KpiTarget = serde_json::from_value(kpi).expect("the object can be read again");
        let mut many = Many { contracts: Vec::new(), kpis: Vec::new(), reports: Vec::new(), now };
        for number in 0..count {
            let name = format!("contract-{number:04}");
            let mut own = contract.clone();
            own.metadata.name = Some(name.clone());
            own.spec.vendor.name = format!("{} {number}", own.spec.vendor.name);
            many.contracts.push(own);
            let mut own = kpi.clone();
            own.metadata.name = Some(format!("kpi-{number:04}"));
            own.spec.contract_ref.name.clone_from(&name);
            many.kpis.push(own);
            for (_, _, spec) in story.reports.iter().take(7) {
                let mut spec = spec.clone();
                spec.contract.clone_from(&name);
                many.reports.push(SlaReport::new(&format!("{name}-{}", spec.period.name), spec));
            }
        }
        many
    }

    /// What a portfolio is shown from.
    pub(crate) fn facts(&self) -> Facts<'_> {
        let Many { contracts, kpis, reports, now } = self;
        Facts { contracts, kpis, launches: &[], reports, now: *now }
    }
}
