//! What a ServiceTier rests on: the contracts that list it, how it fits their other tiers, and what its customers got.

use jiff::Timestamp;

use super::{Entry, Held, Holdings};
use crate::api::service_tier::{SliceStatus, TierFinding};
use crate::domain::judgement::outcome::Judgement;
use crate::domain::terms::contract_terms::Terms;
use crate::domain::terms::tiers;

/// What is observed of a ServiceTier.
#[derive(Clone, Debug, Default)]
pub struct HeldTier {
    /// Contracts that list the tier, sorted.
    pub contracts: Vec<String>,
    /// Flaws against the other tiers of those contracts, each once.
    pub findings: Vec<TierFinding>,
    /// The tier's part of every judged KPI's latest closed period, with that period's end.
    pub slices: Vec<(Timestamp, SliceStatus)>,
    /// Whether a first verdict is about to come: a contract is to be judged, or a feed is fetched for the first time.
    pub awaits_verdict: bool,
}

/// Observes a ServiceTier.
pub fn observe_tier(holdings: &impl Holdings, name: &str) -> HeldTier {
    let mut held = HeldTier::default();
    for entry in holdings.contracts() {
        let Held::Found(contract) = entry.read() else { continue };
        if contract.spec.tiers.iter().any(|tier| tier == name) {
            held.contracts.push(contract.metadata.name.clone().unwrap_or_default());
        }
    }
    held.contracts.sort();
    for contract in &held.contracts {
        let Some(judged) = holdings.judged(contract) else {
            held.awaits_verdict = true;
            continue;
        };
        held.awaits_verdict |= judged.feeds.values().any(|health| health.is_being_fetched_first());
        for finding in findings_of(name, &judged.terms) {
            if !held.findings.contains(&finding) {
                held.findings.push(finding);
            }
        }
        held.slices.extend(judged.judgement().into_iter().flat_map(|judgement| slices_of(name, contract, judgement)));
    }
    held
}

/// The flaws of a tier against the other tiers of a contract.
pub fn findings_of(tier: &str, terms: &Terms) -> Vec<TierFinding> {
    tiers::coherence(&terms.tiers, &terms.kpis).remove(tier).unwrap_or_default()
}

/// A tier's part of every KPI of a contract's judgement, each with the end of its period.
fn slices_of(tier: &str, contract: &str, judgement: &Judgement) -> Vec<(Timestamp, SliceStatus)> {
    judgement
        .kpis
        .iter()
        .flat_map(|(kpi_target, kpi)| {
            let ended_at = kpi.last_ended_at.unwrap_or(Timestamp::MIN);
            kpi.tiers.iter().filter(|slice| slice.tier == tier).map(move |slice| {
                let status = SliceStatus {
                    contract: contract.to_owned(),
                    kpi_target: kpi_target.clone(),
                    period: slice.period.clone(),
                    value: slice.value.clone(),
                    target: slice.target.clone(),
                    verdict: slice.verdict,
                };
                (ended_at, status)
            })
        })
        .collect()
}
