//! Which objects must be looked at when another has changed.

use std::collections::BTreeSet;

use super::{Entry, Held, Holdings};

/// What has changed in a namespace.
#[derive(Clone, Copy, Debug)]
pub enum Change<'a> {
    /// A contract's spec was written, or the contract is gone.
    Contract(&'a str),
    /// What was judged of a contract is other than before.
    Judged(&'a str),
    /// Rows of a contract's feeds have come, or the health of one has changed.
    Rows(&'a str),
    /// A KpiTarget's spec was written, or it is gone; with its contract, where it can be read.
    Kpi(&'a str, Option<&'a str>),
    /// A tier's spec was written, or it is gone.
    Tier(&'a str),
    /// A launch's spec was written, or it is gone.
    Launch(&'a str),
    /// A launch of these contracts has come to another decision, phase or spike.
    Outcome(&'a [String]),
    /// A report of a contract was changed or deleted by somebody.
    Report(&'a str),
}

/// Names of the objects to look at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Affected {
    /// VendorContracts.
    pub contracts: BTreeSet<String>,
    /// KpiTargets.
    pub kpis: BTreeSet<String>,
    /// ServiceTiers.
    pub tiers: BTreeSet<String>,
    /// CampaignLaunches.
    pub launches: BTreeSet<String>,
}

/// The objects whose status may be other after a change.
pub fn affected_by(holdings: &impl Holdings, change: Change<'_>) -> Affected {
    let mut affected = Affected::default();
    match change {
        Change::Contract(name) => {
            affected.contracts.insert(name.to_owned());
            affected.kpis = kpis_of(holdings, name);
            // Also those that it listed before.
            affected.tiers = tiers(holdings);
            affected.launches = launches_beside(holdings, name);
        }
        Change::Judged(name) => {
            affected.kpis = kpis_of(holdings, name);
            let contract = holdings.contract(name);
            affected.tiers.extend(contract.read().found().into_iter().flat_map(|contract| contract.spec.tiers.clone()));
            affected.launches = launches_beside(holdings, name);
        }
        Change::Rows(name) => {
            affected.contracts.insert(name.to_owned());
            // Launches read feeds that no KPI is judged by, such as rosters.
            affected.launches = launches_beside(holdings, name);
        }
        Change::Kpi(name, contract) => {
            affected.kpis.insert(name.to_owned());
            if let Some(contract) = contract {
                affected.contracts.insert(contract.to_owned());
                affected.kpis.extend(guarded_by(holdings, contract, name));
            }
            affected.launches = launches(holdings);
        }
        Change::Tier(name) => {
            affected.tiers.insert(name.to_owned());
            affected.contracts = contracts_listing(holdings, name);
        }
        Change::Launch(name) => {
            // Launches may share a vendor's people.
            affected.launches = launches(holdings);
            affected.launches.insert(name.to_owned());
        }
        Change::Outcome(contracts) => affected.contracts.extend(contracts.iter().cloned()),
        Change::Report(contract) => {
            affected.contracts.insert(contract.to_owned());
        }
    }
    affected
}

fn kpis_of(holdings: &impl Holdings, contract: &str) -> BTreeSet<String> {
    let kpis = holdings.kpis_of(contract);
    kpis.iter().filter_map(|entry| entry.read().found()?.metadata.name.clone()).collect()
}

/// The KpiTargets whose counter metric is `name`.
fn guarded_by(holdings: &impl Holdings, contract: &str, name: &str) -> BTreeSet<String> {
    let kpis = holdings.kpis_of(contract);
    let found = kpis.iter().filter_map(|entry| entry.read().found());
    let guarded = found.filter(|kpi| kpi.spec.counter_metric.as_deref() == Some(name));
    guarded.filter_map(|kpi| kpi.metadata.name.clone()).collect()
}

fn tiers(holdings: &impl Holdings) -> BTreeSet<String> {
    holdings.tiers().iter().filter_map(|entry| entry.read().found()?.metadata.name.clone()).collect()
}

fn contracts_listing(holdings: &impl Holdings, tier: &str) -> BTreeSet<String> {
    let contracts = holdings.contracts();
    let found = contracts.iter().filter_map(|entry| entry.read().found());
    let listing = found.filter(|contract| contract.spec.tiers.iter().any(|listed| listed == tier));
    listing.filter_map(|contract| contract.metadata.name.clone()).collect()
}

fn launches(holdings: &impl Holdings) -> BTreeSet<String> {
    holdings.launches().iter().filter_map(|entry| entry.read().found()?.metadata.name.clone()).collect()
}

/// All launches where one names the contract: the others may share its vendor's people.
fn launches_beside(holdings: &impl Holdings, contract: &str) -> BTreeSet<String> {
    let names_it = holdings.launches().iter().any(|entry| match entry.read() {
        Held::Found(launch) => launch.spec.contract_refs.iter().any(|reference| reference.name == contract),
        Held::Absent | Held::Unreadable => false,
    });
    if names_it { launches(holdings) } else { BTreeSet::new() }
}
