//! The objects of a namespace as a tree: contracts with what belongs to them, what is wrong and why.

mod text;

pub use text::text;

use kube::ResourceExt;
use serde::Serialize;

use super::words;
use crate::api::condition::{Condition, ConditionStatus, ConditionType};
use crate::api::vendor_contract::{ContractPhase, FeedBackfill, FeedStatus};
use crate::api::{CampaignLaunch, KpiTarget, ServiceTier, VendorContract};

/// How an object does. The order is from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Health {
    /// Nothing to do.
    Good,
    /// The operator has not judged it yet, or it is suspended.
    Waiting,
    /// It works, and somebody should look: a missed target, a risk, an overdue review.
    Attention,
    /// It does not work: a spec that is refused, a feed that fails.
    Broken,
}

/// One reason why an object is not `Good`, or advice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How grave it is.
    pub health: Health,
    /// The condition, or `FeedHealthy` of a feed.
    pub condition: String,
    /// Its reason.
    pub reason: String,
    /// The sentence of the condition.
    pub message: String,
}

/// An object, or a feed of a contract, with what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Branch {
    /// The kind, or `Feed`.
    pub kind: &'static str,
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// The worst of its findings and of what belongs to it.
    pub health: Health,
    /// Where it is now, in a few words.
    pub summary: String,
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// What belongs to it.
    pub children: Vec<Branch>,
}

/// The objects that a tree is made of.
#[derive(Clone, Debug, Default)]
pub struct Objects {
    /// The contracts.
    pub contracts: Vec<VendorContract>,
    /// The KPIs.
    pub kpis: Vec<KpiTarget>,
    /// The tiers.
    pub tiers: Vec<ServiceTier>,
    /// The launches.
    pub launches: Vec<CampaignLaunch>,
}

/// One tree for each contract by namespace and name, then what belongs to no contract that exists.
pub fn trees(objects: &Objects) -> Vec<Branch> {
    let mut contracts: Vec<Branch> = objects.contracts.iter().map(|contract| of_contract(contract, objects)).collect();
    contracts.sort_by(|one, other| (&one.namespace, &one.name).cmp(&(&other.namespace, &other.name)));
    let is_there = |namespace: &Option<String>, name: &str| {
        objects
            .contracts
            .iter()
            .any(|contract| contract.metadata.namespace == *namespace && contract.name_any() == name)
    };
    let kpis = objects.kpis.iter().filter(|kpi| !is_there(&kpi.metadata.namespace, &kpi.spec.contract_ref.name));
    let launches = objects.launches.iter().filter(|launch| {
        !launch.spec.contract_refs.iter().any(|contract| is_there(&launch.metadata.namespace, &contract.name))
    });
    let tiers = objects.tiers.iter().filter(|tier| {
        !objects.contracts.iter().any(|contract| {
            contract.metadata.namespace == tier.metadata.namespace && contract.spec.tiers.contains(&tier.name_any())
        })
    });
    let mut others: Vec<Branch> = kpis.map(of_kpi).chain(tiers.map(of_tier)).chain(launches.map(of_launch)).collect();
    others
        .sort_by(|one, other| (&one.namespace, one.kind, &one.name).cmp(&(&other.namespace, other.kind, &other.name)));
    contracts.extend(others);
    contracts
}

fn of_contract(contract: &VendorContract, objects: &Objects) -> Branch {
    let (namespace, name) = (&contract.metadata.namespace, contract.name_any());
    let status = contract.status.clone().unwrap_or_default();
    let mut children: Vec<Branch> =
        status.feeds.iter().map(|feed| of_feed(feed, contract.namespace().unwrap_or_default())).collect();
    let kpis = objects.kpis.iter().filter(|kpi| kpi.metadata.namespace == *namespace);
    children.extend(by_name(kpis.filter(|kpi| kpi.spec.contract_ref.name == name).map(of_kpi)));
    let tiers = objects.tiers.iter().filter(|tier| tier.metadata.namespace == *namespace);
    children.extend(by_name(tiers.filter(|tier| contract.spec.tiers.contains(&tier.name_any())).map(of_tier)));
    let launches = objects.launches.iter().filter(|launch| launch.metadata.namespace == *namespace);
    let asks = |launch: &&CampaignLaunch| launch.spec.contract_refs.iter().any(|contract| contract.name == name);
    children.extend(by_name(launches.filter(asks).map(of_launch)));
    let phase = status.phase.map_or("not seen by the operator yet", |phase| match phase {
        ContractPhase::Pending => "not begun",
        ContractPhase::Active => "active",
        ContractPhase::NoticeDue => "active, the time to give notice has come",
        ContractPhase::Suspended => "suspended",
        ContractPhase::Ended => "ended",
    });
    let last = status.last.as_ref().map(|last| {
        let score = last.score.as_ref().map(|score| format!(", score {score}")).unwrap_or_default();
        let credit = last.credit.as_ref().map(|credit| format!(", credit {credit}")).unwrap_or_default();
        format!("; {}{score}{credit}", words::period_title(&last.name))
    });
    let mut branch =
        branch("VendorContract", contract, &status.conditions, format!("{phase}{}", last.unwrap_or_default()));
    // Each feed that fails is a branch of its own.
    if children.iter().any(|child| child.kind == "Feed" && child.health == Health::Broken) {
        branch.findings.retain(|finding| finding.condition != ConditionType::FeedHealthy.as_str());
    }
    with_children(branch, children)
}

fn of_feed(feed: &FeedStatus, namespace: String) -> Branch {
    let reach = feed.watermark.map_or_else(|| "no row yet".to_owned(), |watermark| format!("reaches {watermark}"));
    let past = match &feed.backfill {
        Some(FeedBackfill { from, percent, .. }) => format!(", the past since {from} is being fetched: {percent} %"),
        None if feed.backfilling => ", the past is being fetched".to_owned(),
        None => String::new(),
    };
    let set_aside = feed.set_aside.filter(|rows| *rows > 0);
    let mut findings = Vec::new();
    if !feed.healthy && feed.reason != "Pending" && feed.reason != "Suspended" {
        findings.push(Finding {
            health: Health::Broken,
            condition: ConditionType::FeedHealthy.as_str().to_owned(),
            reason: feed.reason.clone(),
            message: feed.since.map_or_else(String::new, |since| format!("since {since}")),
        });
    }
    if let Some(rows) = set_aside {
        findings.push(Finding {
            health: Health::Attention,
            condition: "RowsSetAside".to_owned(),
            reason: "EvidenceRejected".to_owned(),
            message: format!("{rows} rows of the latest answer count in no figure: see `kubectl bpo feed rejected`"),
        });
    }
    let worst = findings.iter().map(|finding| finding.health).max();
    Branch {
        kind: "Feed",
        namespace,
        name: feed.name.clone(),
        health: worst.unwrap_or(if feed.healthy { Health::Good } else { Health::Waiting }),
        summary: format!("{reach}{past}"),
        findings,
        children: Vec::new(),
    }
}

fn of_kpi(kpi: &KpiTarget) -> Branch {
    let status = kpi.status.clone().unwrap_or_default();
    let unit = words::unit(kpi.spec.kpi, kpi.spec.variant, Some(&kpi.spec));
    let last = status.last.as_ref().map(|last| {
        let value =
            last.value.as_deref().map(|value| format!("{} ", words::figure(value, unit, ""))).unwrap_or_default();
        format!("{value}in {}: {}", words::period_title(&last.name), words::verdict_title(last.verdict))
    });
    let title = words::kpi_title(kpi.spec.kpi, &kpi.name_any());
    let summary = format!("{title}, {}", last.unwrap_or_else(|| "no period has closed yet".to_owned()));
    branch("KpiTarget", kpi, &status.conditions, summary)
}

fn of_tier(tier: &ServiceTier) -> Branch {
    let status = tier.status.clone().unwrap_or_default();
    let band = status.value_band.clone().map(|band| format!(", value {band}")).unwrap_or_default();
    branch("ServiceTier", tier, &status.conditions, format!("rank {}{band}", tier.spec.rank))
}

fn of_launch(launch: &CampaignLaunch) -> Branch {
    let status = launch.status.clone().unwrap_or_default();
    let phase = status.phase.map_or_else(|| "not seen by the operator yet".to_owned(), |phase| phase.to_string());
    let decision = status.decision.map(|decision| format!(", {decision}")).unwrap_or_default();
    let blocked = match status.blocked_by.as_slice() {
        [] => String::new(),
        gates => format!(", blocked by {}", gates.join(", ")),
    };
    branch("CampaignLaunch", launch, &status.conditions, format!("{phase}{decision}{blocked}"))
}

fn by_name(branches: impl Iterator<Item = Branch>) -> Vec<Branch> {
    let mut branches: Vec<Branch> = branches.collect();
    branches.sort_by(|one, other| one.name.cmp(&other.name));
    branches
}

fn branch(kind: &'static str, object: &impl ResourceExt, conditions: &[Condition], summary: String) -> Branch {
    let findings = findings(conditions);
    let worst = findings.iter().map(|finding| finding.health).max().unwrap_or(Health::Good);
    let health = if conditions.is_empty() { Health::Waiting } else { worst };
    Branch {
        kind,
        namespace: object.namespace().unwrap_or_default(),
        name: object.name_any(),
        health,
        summary,
        findings,
        children: Vec::new(),
    }
}

fn with_children(mut branch: Branch, children: Vec<Branch>) -> Branch {
    branch.health = children.iter().map(|child| child.health).chain([branch.health]).max().unwrap_or(branch.health);
    branch.children = children;
    branch
}

/// What the conditions of an object say against it, the gravest first; the same sentence is said once.
fn findings(conditions: &[Condition]) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    for condition in conditions {
        let Some(health) = concern(condition) else { continue };
        if found.iter().any(|finding| finding.message == condition.message && finding.reason == condition.reason) {
            continue;
        }
        found.push(Finding {
            health,
            condition: condition.type_.clone(),
            reason: condition.reason.clone(),
            message: condition.message.clone(),
        });
    }
    found.sort_by_key(|finding| std::cmp::Reverse(finding.health));
    found
}

/// How grave a condition in this status is; `None` where it is as it should be.
fn concern(condition: &Condition) -> Option<Health> {
    use ConditionStatus::{False, True, Unknown};
    let type_ = ConditionType::ALL.iter().find(|known| known.as_str() == condition.type_)?;
    match (type_, condition.status) {
        (ConditionType::Ready, Unknown) => Some(Health::Waiting),
        (ConditionType::Ready, True) => (condition.reason == "Suspended").then_some(Health::Waiting),
        (ConditionType::Ready | ConditionType::FeedHealthy, False) | (ConditionType::Stalled, True) => {
            Some(Health::Broken)
        }
        (
            ConditionType::SLACompliant
            | ConditionType::GovernanceCurrent
            | ConditionType::Coherent
            | ConditionType::QualityHeld,
            False,
        )
        | (
            ConditionType::AtRisk
            | ConditionType::ActionRequired
            | ConditionType::GamingSuspected
            | ConditionType::SpikeDetected,
            True,
        ) => Some(Health::Attention),
        // Advice is shown, and is nothing that must be done.
        (ConditionType::WellFormed, False) => Some(Health::Good),
        // Gates that are open before they are due are as they should be.
        (ConditionType::LaunchReady, False) => (condition.reason == "GatesFailed").then_some(Health::Attention),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
