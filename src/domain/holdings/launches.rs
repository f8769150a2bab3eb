//! What a CampaignLaunch rests on: its contracts, the feeds and KPIs that it names, and the launches that share its people.

use std::collections::{BTreeMap, BTreeSet};

use super::unresolved::{Dangling, Unresolved};
use super::{Entry, Held, Holdings, Judged, terms};
use crate::api::campaign_launch::{CampaignLaunchSpec, LaunchPhase};
use crate::api::condition::{Condition, ConditionStatus, ConditionType, Reason};
use crate::api::{CampaignLaunch, VendorContract};
use crate::domain::judgement::outcome::KpiJudgement;
use crate::domain::terms::contract_terms::Terms;
use crate::domain::terms::finding::InvalidSpec;
use crate::domain::terms::validation::validate_campaign_launch;

/// What is observed of a launch.
#[derive(Clone, Debug)]
pub struct HeldLaunch {
    /// What is wrong with the spec by itself.
    pub invalid: Option<InvalidSpec>,
    /// Its references that do not resolve: contracts, then feeds of the first contract, then KpiTargets.
    pub unresolved: Vec<Dangling>,
    /// What was last judged of its first contract.
    pub first: Option<Judged>,
    /// The terms of its first contract as they are written, where it is there and not judged.
    pub written: Option<Box<Terms>>,
    /// What was last judged of its further contracts, in their order.
    pub further: Vec<Judged>,
    /// The contracts that must be judged before it is decided, sorted by what the launch takes from them, then by name.
    pub awaited: Vec<AwaitedContract>,
    /// What the judgements of its contracts say of their KPIs, by name.
    pub kpis: BTreeMap<String, Box<KpiJudgement>>,
    /// The other launches that the same vendor's people serve, by name; only those that are valid and whose first contract is judged.
    pub others: Vec<HeldOther>,
}

/// A contract that a launch waits for: it is there, and has no judgement yet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AwaitedContract {
    /// What the launch takes from it.
    pub used_for: Use,
    /// Its name.
    pub name: String,
    /// Why it is not judged, or cannot be read; `None` where its turn has not come.
    pub problem: Option<String>,
}

/// What a launch takes from a contract, the most first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Use {
    /// The figures of its feeds, its calendar and its KPIs: it is the first.
    Figures,
    /// Its KPIs.
    Kpis,
    /// The load of another launch, which the same people serve.
    Load,
}

/// Another launch of the same vendor.
#[derive(Clone, Debug)]
pub struct HeldOther {
    /// Its spec.
    pub spec: CampaignLaunchSpec,
    /// Whether its status says that it is Completed.
    pub is_over: bool,
    /// What was last judged of its first contract.
    pub first: Judged,
    /// What the judgements of its contracts say of their KPIs, by name.
    pub kpis: BTreeMap<String, Box<KpiJudgement>>,
}

/// Observes a launch.
pub fn observe_launch(holdings: &impl Holdings, name: &str, spec: &CampaignLaunchSpec) -> HeldLaunch {
    let findings = validate_campaign_launch(name, spec);
    let first = first_judged(holdings, spec);
    let further = spec.contract_refs.iter().skip(1);
    HeldLaunch {
        written: if first.is_none() { first_written(holdings, spec) } else { None },
        further: further.filter_map(|reference| holdings.judged(&reference.name)).collect(),
        awaited: awaited(holdings, name, spec),
        invalid: (!findings.is_empty()).then_some(InvalidSpec(findings)),
        unresolved: references_of_launch(holdings, spec),
        others: first.as_ref().map_or_else(Vec::new, |first| others(holdings, name, first)),
        first,
        kpis: kpis_judged(holdings, spec),
    }
}

fn first_judged(holdings: &impl Holdings, spec: &CampaignLaunchSpec) -> Option<Judged> {
    holdings.judged(&spec.contract_refs.first()?.name)
}

fn first_written(holdings: &impl Holdings, spec: &CampaignLaunchSpec) -> Option<Box<Terms>> {
    let name = &spec.contract_refs.first()?.name;
    let entry = holdings.contract(name);
    let contract = entry.read().found()?;
    Some(Box::new(terms(holdings, name, &contract.spec, &[]).0))
}

/// The contracts without a judgement that a launch rests on: its own, and those of the other launches that add to the load of its people.
fn awaited(holdings: &impl Holdings, own: &str, spec: &CampaignLaunchSpec) -> Vec<AwaitedContract> {
    let first = spec.contract_refs.first().map(|reference| &reference.name);
    let mut used: BTreeMap<String, Use> = BTreeMap::new();
    for reference in &spec.contract_refs {
        let used_for = if Some(&reference.name) == first { Use::Figures } else { Use::Kpis };
        used.entry(reference.name.clone()).or_insert(used_for);
    }
    // Without staffing nobody asks how much the people have to do.
    if spec.staffing.is_some()
        && let Some(vendor) = first.and_then(|first| vendor_of(holdings, first))
    {
        for name in contracts_of_load(holdings, own, &vendor) {
            used.entry(name).or_insert(Use::Load);
        }
    }
    let mut awaited: Vec<AwaitedContract> = used
        .into_iter()
        .filter_map(|(name, used_for)| {
            let problem = why_unjudged(holdings, &name)?;
            Some(AwaitedContract { used_for, name, problem })
        })
        .collect();
    awaited.sort();
    awaited
}

fn vendor_of(holdings: &impl Holdings, contract: &str) -> Option<String> {
    let entry = holdings.contract(contract);
    Some(entry.read().found()?.spec.vendor.name.clone())
}

/// The contracts of the other launches that the vendor's people serve and that are not over.
fn contracts_of_load(holdings: &impl Holdings, own: &str, vendor: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in holdings.launches() {
        let Held::Found(launch) = entry.read() else { continue };
        let (name, spec) = (launch.metadata.name.as_deref().unwrap_or_default(), &launch.spec);
        let adds = name != own && !spec.channels.is_empty() && !is_completed(launch);
        let first = spec.contract_refs.first().and_then(|first| vendor_of(holdings, &first.name));
        if adds && first.as_deref() == Some(vendor) && validate_campaign_launch(name, spec).is_empty() {
            found.extend(spec.contract_refs.iter().map(|reference| reference.name.clone()));
        }
    }
    found
}

/// Whether a launch is over, by its status: it needs nobody, and a contract that is never judged again keeps no other launch waiting.
fn is_completed(launch: &CampaignLaunch) -> bool {
    launch.status.as_ref().is_some_and(|status| {
        status.phase == Some(LaunchPhase::Completed) && status.observed_generation == launch.metadata.generation
    })
}

/// Why a contract that is there has no judgement, as far as it says so; `None` where it has one, or is not there.
fn why_unjudged(holdings: &impl Holdings, name: &str) -> Option<Option<String>> {
    let entry = holdings.contract(name);
    match entry.read() {
        Held::Absent => None,
        _ if holdings.judged(name).is_some() => None,
        Held::Unreadable => Some(None),
        Held::Found(contract) => Some(evidence_problem(contract)),
    }
}

/// What a contract's status says is wrong with its evidence.
fn evidence_problem(contract: &VendorContract) -> Option<String> {
    let is_problem = |condition: &&Condition| {
        condition.type_ == ConditionType::Ready.as_str()
            && condition.status == ConditionStatus::False
            && condition.reason == Reason::EvidenceUnavailable.as_str()
    };
    let found = contract.status.as_ref()?.conditions.iter().find(is_problem)?;
    Some(found.message.clone())
}

fn kpis_judged(holdings: &impl Holdings, spec: &CampaignLaunchSpec) -> BTreeMap<String, Box<KpiJudgement>> {
    let mut kpis = BTreeMap::new();
    for judged in spec.contract_refs.iter().filter_map(|reference| holdings.judged(&reference.name)) {
        let found = judged.judgement().into_iter().flat_map(|judgement| &judgement.kpis);
        kpis.extend(found.map(|(name, kpi)| (name.clone(), kpi.clone())));
    }
    kpis
}

fn others(holdings: &impl Holdings, own: &str, first: &Judged) -> Vec<HeldOther> {
    let vendor = &first.terms.contract.vendor.name;
    let mut found = BTreeMap::new();
    for entry in holdings.launches() {
        let Held::Found(launch) = entry.read() else { continue };
        let (name, spec) = (launch.metadata.name.as_deref().unwrap_or_default(), &launch.spec);
        if name == own || !validate_campaign_launch(name, spec).is_empty() {
            continue;
        }
        if let Some(first) = first_judged(holdings, spec).filter(|it| it.terms.contract.vendor.name == *vendor) {
            let other = HeldOther {
                spec: spec.clone(),
                is_over: is_completed(launch),
                first,
                kpis: kpis_judged(holdings, spec),
            };
            found.insert(name.to_owned(), other);
        }
    }
    found.into_values().collect()
}

/// Every reference of a launch that does not resolve. Feeds are looked for once the first contract is there.
pub fn references_of_launch(holdings: &impl Holdings, spec: &CampaignLaunchSpec) -> Vec<Dangling> {
    let mut found = Vec::new();
    for (place, reference) in spec.contract_refs.iter().enumerate() {
        if matches!(holdings.contract(&reference.name).read(), Held::Absent) {
            let known = names(holdings.contracts().iter().map(|entry| entry.read().found()), |it| &it.metadata.name);
            let field = format!("spec.contractRefs[{place}].name");
            found.push(Dangling::contract(field, &reference.name, known.iter().map(String::as_str)));
        }
    }
    if let Some(first) = spec.contract_refs.first()
        && let Held::Found(contract) = holdings.contract(&first.name).read()
    {
        let feeds: Vec<&str> = contract.spec.feeds.iter().map(|feed| feed.name.as_str()).collect();
        let unknown = feed_references(spec).into_iter().filter(|(_, feed)| !feeds.contains(feed));
        found.extend(unknown.map(|(field, feed)| Dangling::part(Unresolved::Feed, field, feed, feeds.iter().copied())));
    }
    for (field, kpi) in kpi_references(spec) {
        if matches!(holdings.kpi(kpi).read(), Held::Absent) {
            let contracts = spec.contract_refs.iter().flat_map(|reference| holdings.kpis_of(&reference.name));
            let known =
                names(contracts.collect::<Vec<_>>().iter().map(|entry| entry.read().found()), |it| &it.metadata.name);
            found.push(Dangling::kpi(field, kpi, known.iter().map(String::as_str)));
        }
    }
    found
}

fn names<'k, K: 'k>(found: impl Iterator<Item = Option<&'k K>>, name: impl Fn(&K) -> &Option<String>) -> Vec<String> {
    found.flatten().filter_map(|object| name(object).clone()).collect()
}

/// The feeds of the first contract that a launch refers to, each with the field that does.
fn feed_references(spec: &CampaignLaunchSpec) -> Vec<(String, &str)> {
    let checks = spec.gates.iter().filter_map(|gate| {
        let feed = gate.check.as_ref()?.feed.as_deref()?;
        Some((format!("spec.gates[{}].check.feed", gate.name), feed))
    });
    let cohorts = spec.cohorts.iter().map(|cohorts| ("spec.cohorts.feed".to_owned(), cohorts.feed.as_str()));
    let staffing = spec.staffing.iter().flat_map(|staffing| {
        let baseline = staffing.baseline.iter().map(|it| ("spec.staffing.baseline.feed".to_owned(), it.feed.as_str()));
        let scheduled = staffing.scheduled.iter().filter_map(|scheduled| scheduled.feed.as_deref());
        baseline.chain(scheduled.map(|feed| ("spec.staffing.scheduled.feed".to_owned(), feed)))
    });
    checks.chain(cohorts).chain(staffing).collect()
}

/// The KpiTargets that a launch refers to, each with the field that does.
fn kpi_references(spec: &CampaignLaunchSpec) -> Vec<(String, &str)> {
    let metrics = spec.success_metrics.iter().enumerate();
    let metrics = metrics.map(|(place, metric)| (format!("spec.successMetrics[{place}].kpi"), metric.kpi.as_str()));
    let checks = spec.gates.iter().filter_map(|gate| {
        let kpi = gate.check.as_ref()?.kpi.as_deref()?;
        Some((format!("spec.gates[{}].check.kpi", gate.name), kpi))
    });
    let watched = spec.watch.iter().flat_map(|watch| watch.kpis.iter().enumerate());
    let watched = watched.map(|(place, kpi)| (format!("spec.watch.kpis[{place}]"), kpi.as_str()));
    metrics.chain(checks).chain(watched).collect()
}

/// Names of the first contract's feeds that a launch refers to.
pub fn feeds_named(spec: &CampaignLaunchSpec) -> BTreeSet<String> {
    feed_references(spec).into_iter().map(|(_, feed)| feed.to_owned()).collect()
}

/// Names of the KpiTargets that a launch refers to.
pub fn kpis_named(spec: &CampaignLaunchSpec) -> BTreeSet<String> {
    kpi_references(spec).into_iter().map(|(_, kpi)| kpi.to_owned()).collect()
}
