//! What a reconcile of a CampaignLaunch wants.

use jiff::Timestamp;

use super::Notice;
use super::conditions::{Finding, conditions};
use crate::api::campaign_launch::{CampaignLaunchSpec, CampaignLaunchStatus};
use crate::api::condition::{ConditionType, Kind, Reason};
use crate::domain::facts::InvalidSpec;

/// All that a decision on a CampaignLaunch rests on.
#[derive(Clone, Debug)]
pub struct ObservedLaunch<'a> {
    /// Generation of its spec.
    pub generation: Option<i64>,
    /// The status that it has.
    pub previous: Option<&'a CampaignLaunchStatus>,
    /// Its spec.
    pub spec: &'a CampaignLaunchSpec,
    /// What is wrong with the spec itself.
    pub invalid: Option<InvalidSpec>,
    /// Contracts that it refers to and that do not exist.
    pub missing_contracts: Vec<String>,
    /// KpiTargets that it refers to and that do not exist.
    pub missing_kpis: Vec<String>,
    /// Feeds of the first contract that it refers to and that do not exist.
    pub missing_feeds: Vec<String>,
}

/// What a reconcile of a CampaignLaunch wants.
#[derive(Clone, Debug, PartialEq)]
pub struct LaunchDecision {
    /// The status.
    pub status: CampaignLaunchStatus,
    /// Transitions.
    pub notices: Vec<Notice>,
    /// When time alone may change it.
    pub next: Option<Timestamp>,
}

/// Decides what a CampaignLaunch's status says.
///
/// The references are resolved; gates, demand and what follows the launch are not evaluated yet, and the conditions say so.
pub fn decide_launch(observed: &ObservedLaunch<'_>, now: Timestamp) -> LaunchDecision {
    let previous = observed.previous.map_or(&[][..], |previous| &previous.conditions);
    let status = CampaignLaunchStatus {
        observed_generation: observed.generation,
        conditions: conditions(Kind::CampaignLaunch, &findings(observed), previous, observed.generation, now),
        ..CampaignLaunchStatus::default()
    };
    let notices = super::kpi_target::shared_notices(previous, &status.conditions);
    LaunchDecision { status, notices, next: None }
}

fn findings(observed: &ObservedLaunch<'_>) -> Vec<Finding> {
    let missing = [
        (Reason::ContractNotFound, "VendorContract", &observed.missing_contracts),
        (Reason::FeedNotFound, "feed of the first contract", &observed.missing_feeds),
        (Reason::KpiTargetNotFound, "KpiTarget", &observed.missing_kpis),
    ]
    .into_iter()
    .find(|(_, _, names)| !names.is_empty());
    let mut findings = match (&observed.invalid, missing) {
        (Some(invalid), _) => super::kpi_target::stalled(&invalid.to_string()),
        (None, missing) => vec![
            match missing {
                Some((reason, what, names)) => Finding::is_false(
                    ConditionType::Ready,
                    reason,
                    format!("no {what} named {}: create it, or correct the reference", names.join(", ")),
                ),
                None => Finding::is_true(ConditionType::Ready, Reason::Reconciled, "every reference resolves"),
            },
            Finding::is_false(ConditionType::Stalled, Reason::Progressing, "the spec can be worked on"),
        ],
    };
    let later = "not evaluated by this version";
    findings.push(Finding::is_unknown(ConditionType::AtRisk, Reason::NoData, later));
    findings.push(if observed.spec.gates.is_empty() {
        Finding::is_unknown(ConditionType::LaunchReady, Reason::NoGates, "the launch has no gates")
    } else {
        Finding::is_false(ConditionType::LaunchReady, Reason::GatesOpen, later)
    });
    findings.push(Finding::is_unknown(ConditionType::SpikeDetected, Reason::NotLive, later));
    findings.push(Finding::is_unknown(ConditionType::QualityHeld, Reason::NotLive, later));
    findings
}
