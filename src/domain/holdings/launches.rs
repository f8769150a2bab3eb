//! What a CampaignLaunch rests on: its contracts, the feeds and KPIs that it names, and the launches that share its people.

use std::collections::{BTreeMap, BTreeSet};

use super::unresolved::{Dangling, Unresolved};
use super::{Entry, Held, Holdings, Judged};
use crate::api::campaign_launch::CampaignLaunchSpec;
use crate::domain::judgement::outcome::KpiJudgement;
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
    /// What the judgements of its contracts say of their KPIs, by name.
    pub kpis: BTreeMap<String, Box<KpiJudgement>>,
    /// The other launches that the same vendor's people serve, by name; only those that are valid and whose first contract is judged.
    pub others: Vec<HeldOther>,
}

/// Another launch of the same vendor.
#[derive(Clone, Debug)]
pub struct HeldOther {
    /// Its spec.
    pub spec: CampaignLaunchSpec,
    /// What was last judged of its first contract.
    pub first: Judged,
    /// What the judgements of its contracts say of their KPIs, by name.
    pub kpis: BTreeMap<String, Box<KpiJudgement>>,
}

/// Observes a launch.
pub fn observe_launch(holdings: &impl Holdings, name: &str, spec: &CampaignLaunchSpec) -> HeldLaunch {
    let findings = validate_campaign_launch(name, spec);
    let first = first_judged(holdings, spec);
    HeldLaunch {
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
            let other = HeldOther { spec: spec.clone(), first, kpis: kpis_judged(holdings, spec) };
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
