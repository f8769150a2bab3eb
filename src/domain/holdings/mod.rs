//! What a namespace holds, seen in one way: the operator sees its watches, the offline commands see manifests, and both ask the same
//! functions what a reference means, what a contract is judged by and which objects a change affects.
//!
//! - [`Holdings`]: what there is. Its implementers decide nothing.
//! - [`terms`], [`observe_contract`], [`observe_kpi`], [`observe_tier`], [`observe_launch`]: the facts that a decision on an object
//!   of each kind rests on.
//! - [`Unresolved`] and [`Dangling`]: what it means when a reference leads nowhere, and the words that say so.
//! - [`affected_by`]: which objects must be looked at when another has changed.

mod affected;
mod contracts;
mod feed_health;
mod kpis;
mod launches;
mod tiers;
mod unresolved;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use affected::{Affected, Change, affected_by};
pub use contracts::{HeldContract, LaunchOfContract, mentions_of_kpis, observe_contract, terms};
pub use feed_health::{FeedHealth, LAST_POLL_SUCCEEDED, feeds_with_lateness};
pub use kpis::{ContractOfKpi, HeldKpi, WrittenKpi, observe_kpi, references_into, references_of_kpi};
pub use launches::{
    AwaitedContract, HeldLaunch, HeldOther, Use, feeds_named, kpis_named, observe_launch, references_of_launch,
};
pub use tiers::{HeldTier, findings_of, observe_tier};
pub use unresolved::{Dangling, Unresolved, in_words};

use super::judgement::outcome::Judgement;
use super::terms::contract_terms::Terms;
use super::terms::finding::InvalidSpec;
use crate::api::{CampaignLaunch, KpiTarget, ServiceTier, VendorContract};

/// What a name leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held<T> {
    /// There is no object of that name.
    Absent,
    /// There is one, and it cannot be read: it was written by another version, or its fields do not fit.
    Unreadable,
    /// The object.
    Found(T),
}

impl<T> Held<T> {
    /// The object, where it is there and can be read.
    pub fn found(self) -> Option<T> {
        match self {
            Held::Found(object) => Some(object),
            Held::Absent | Held::Unreadable => None,
        }
    }
}

/// An object as somebody keeps it: a watch in a shared pointer, the offline commands beside its place in a file.
pub trait Entry<K> {
    /// The object itself.
    fn read(&self) -> Held<&K>;
}

impl<K, E: Entry<K>> Entry<K> for Option<E> {
    fn read(&self) -> Held<&K> {
        self.as_ref().map_or(Held::Absent, Entry::read)
    }
}

impl<K> Entry<K> for &K {
    fn read(&self) -> Held<&K> {
        Held::Found(self)
    }
}

/// What one namespace holds.
pub trait Holdings {
    /// The contract of that name.
    fn contract(&self, name: &str) -> impl Entry<VendorContract>;
    /// Every contract.
    fn contracts(&self) -> Vec<impl Entry<VendorContract>>;
    /// The KpiTarget of that name, whatever its contract.
    fn kpi(&self, name: &str) -> impl Entry<KpiTarget>;
    /// The KpiTargets whose `contractRef` names the contract.
    fn kpis_of(&self, contract: &str) -> Vec<impl Entry<KpiTarget>>;
    /// The tier of that name.
    fn tier(&self, name: &str) -> impl Entry<ServiceTier>;
    /// Every tier.
    fn tiers(&self) -> Vec<impl Entry<ServiceTier>>;
    /// Every launch, with its status where one is known.
    fn launches(&self) -> Vec<impl Entry<CampaignLaunch>>;
    /// What was last judged of the contract; `None` where it was not judged yet.
    fn judged(&self, contract: &str) -> Option<Judged>;
}

/// What was last judged of a contract. Copies share what is large.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The terms that were judged.
    pub terms: Arc<Terms>,
    /// What the rules say, or why they cannot say anything.
    pub judgement: Arc<Result<Judgement, InvalidSpec>>,
    /// Health of the feeds by name, lateness included.
    pub feeds: Arc<BTreeMap<String, Box<FeedHealth>>>,
}

impl Judged {
    /// The judgement, where the contract can be judged.
    pub fn judgement(&self) -> Option<&Judgement> {
        self.judgement.as_ref().as_ref().ok()
    }
}
