//! All that a decision on a CampaignLaunch rests on.

use std::collections::BTreeMap;

use crate::api::campaign_launch::{CampaignLaunchSpec, CampaignLaunchStatus, LaunchDecision};
use crate::domain::holdings::Dangling;
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
    /// The first contract; `None` until it is judged.
    pub contract: Option<LaunchContract<'a>>,
    /// What its contracts' judgements say of their KPIs.
    pub kpis: BTreeMap<String, Box<KpiJudgement>>,
    /// The decision that was kept when `launchAt` passed.
    pub kept_decision: Option<LaunchDecision>,
    /// Whether the past of the feeds that it reads is known.
    pub past: Past,
    /// The other launches of the namespace; those of the same vendor share its people.
    pub others: Vec<OtherLaunch<'a>>,
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
