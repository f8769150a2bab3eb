//! All that a decision on a CampaignLaunch rests on.

use std::collections::BTreeMap;

use crate::api::campaign_launch::{CampaignLaunchSpec, CampaignLaunchStatus, LaunchDecision};
use crate::domain::holdings::{AwaitedContract, Dangling, Use};
use crate::domain::judgement::outcome::KpiJudgement;
use crate::domain::measuring::feed_rows::RowsByFeed;
use crate::domain::terms::contract_terms::Terms;
use crate::domain::terms::finding::InvalidSpec;

/// All that a decision on a CampaignLaunch rests on.
#[derive(Clone, Debug)]
pub struct ObservedLaunch<'a> {
    /// Generation of its spec.
    pub generation: Option<i64>,
    /// The status that it has, an empty one before the first; `None` where files are looked at, which have no look before.
    pub previous: Option<&'a CampaignLaunchStatus>,
    /// Its spec.
    pub spec: &'a CampaignLaunchSpec,
    /// What is wrong with the spec itself.
    pub invalid: Option<InvalidSpec>,
    /// Its references that do not resolve, the gravest first.
    pub unresolved: &'a [Dangling],
    /// The first contract; where it is not judged, as it is written and without rows; `None` where it cannot be read.
    pub contract: Option<LaunchContract<'a>>,
    /// What its contracts' judgements say of their KPIs.
    pub kpis: BTreeMap<String, Box<KpiJudgement>>,
    /// The decision that was kept when `launchAt` passed.
    pub kept_decision: Option<LaunchDecision>,
    /// Whether the past of the feeds that it reads is known.
    pub past: Past,
    /// The contracts that have no judgement in this process yet, or whose rows cannot be read: without them nothing is decided.
    pub awaited: &'a [AwaitedContract],
    /// Whether they have been awaited for a moment only, as after a start: what was found last holds that long.
    pub is_patient: bool,
    /// The other launches of the namespace; those of the same vendor share its people.
    pub others: Vec<OtherLaunch<'a>>,
}

impl<'a> ObservedLaunch<'a> {
    /// What was found last of the same spec.
    pub(super) fn before(&self) -> Option<&'a CampaignLaunchStatus> {
        self.previous.filter(|before| before.phase.is_some() && before.observed_generation == self.generation)
    }

    /// Whether the figures of the first contract's feeds are not known.
    pub(super) fn lacks_figures(&self) -> bool {
        self.awaited.iter().any(|contract| contract.used_for == Use::Figures)
    }

    /// Whether KPIs may be missing.
    pub(super) fn lacks_kpis(&self) -> bool {
        self.awaited.iter().any(|contract| contract.used_for != Use::Load)
    }

    /// Whether the load of the people is not known.
    pub(super) fn lacks_load(&self) -> bool {
        self.awaited.iter().any(|contract| contract.used_for != Use::Kpis)
    }
}

/// Whether all that the feeds of a launch had to say since the term's first day was fetched once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Past {
    /// It was.
    Known,
    /// It is being fetched: no gate that is open decides yet.
    Awaited,
    /// It is not known, and a feed fails: open gates decide, and nothing is kept.
    Failing,
}

impl Past {
    /// Of the feeds of two contracts together.
    #[must_use]
    pub fn and(self, other: Past) -> Past {
        match (self, other) {
            (Past::Failing, _) | (_, Past::Failing) => Past::Failing,
            (Past::Awaited, _) | (_, Past::Awaited) => Past::Awaited,
            (Past::Known, Past::Known) => Past::Known,
        }
    }
}

/// Another launch.
#[derive(Clone, Debug)]
pub struct OtherLaunch<'a> {
    /// Its spec.
    pub spec: &'a CampaignLaunchSpec,
    /// Its first contract.
    pub contract: LaunchContract<'a>,
    /// What its contracts' judgements say of their KPIs.
    pub kpis: BTreeMap<String, Box<KpiJudgement>>,
}

/// The first contract of a launch.
#[derive(Clone, Copy, Debug)]
pub struct LaunchContract<'a> {
    /// Its terms.
    pub terms: &'a Terms,
    /// The rows of its feeds.
    pub rows: &'a RowsByFeed,
}
