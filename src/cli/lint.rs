//! `kubectl bpo lint`: mistakes in manifests, and advice on the contract itself, without a cluster.

use std::collections::BTreeMap;
use std::fmt::Write;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::evaluate::view;
use super::holdings::FilesOf;
use super::manifests::{Manifests, Place, Problem, Written};
use crate::api::KpiTarget;
use crate::api::vendor_contract::{Advice, VendorContractSpec};
use crate::domain::holdings::{mentions_of_kpis, references_of_kpi, references_of_launch, terms};
use crate::domain::measuring::doubts::of_mapping;
use crate::domain::terms::finding::Finding;
use crate::domain::terms::validation::{
    refused_on_writing, validate_campaign_launch, validate_contract, validate_kpi_is_payable, validate_kpi_parts,
    validate_kpi_target, validate_service_tier,
};

/// What a check found.
#[derive(Clone, Debug, Default)]
pub struct Lint {
    /// What the API server or the operator would refuse, and references that lead nowhere.
    pub mistakes: Vec<Problem>,
    /// Advice, by contract.
    pub advice: Vec<(Place, String, Advice)>,
    /// How many objects were checked.
    pub objects: usize,
}

/// What the schema, its rules or the operator would refuse.
pub fn problems(manifests: &Manifests) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut take = |place: &Place, findings: Vec<Finding>| {
        problems
            .extend(findings.into_iter().map(|finding| Problem { place: place.clone(), message: finding.to_string() }));
    };
    for ((_, name), written) in &manifests.contracts {
        take(&written.place, validate_contract(name, &written.object.spec));
    }
    for ((_, name), written) in &manifests.tiers {
        take(&written.place, validate_service_tier(name, &written.object.spec));
    }
    for ((_, name), written) in &manifests.kpis {
        take(&written.place, validate_kpi_target(name, &written.object.spec));
    }
    for ((_, name), written) in &manifests.launches {
        take(&written.place, validate_campaign_launch(name, &written.object.spec));
    }
    problems
}

/// What the API server refuses in a new contract, and what one that was accepted before is judged with.
fn refused(manifests: &Manifests) -> Vec<Problem> {
    let contracts = manifests.contracts.iter();
    let refused = contracts.flat_map(|((_, name), written)| {
        let findings = refused_on_writing(name, &written.object.spec).into_iter();
        findings.map(|finding| Problem { place: written.place.clone(), message: finding.to_string() })
    });
    refused.collect()
}

/// References that lead nowhere in these manifests, and money that can never be paid.
fn dangling(manifests: &Manifests) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut take = |place: &Place, findings: Vec<Finding>| {
        problems
            .extend(findings.into_iter().map(|finding| Problem { place: place.clone(), message: finding.to_string() }));
    };
    let nothing = BTreeMap::new();
    let of = FilesOf { manifests, namespace: "", judged: &nothing, launches: None };
    for (key, written) in &manifests.kpis {
        let (name, spec) = (&key.1, &written.object.spec);
        let found = references_of_kpi(&FilesOf { namespace: &key.0, ..of }, spec).into_iter();
        take(&written.place, found.map(|dangling| dangling.of("KpiTarget", name)).collect());
        if let Some(contract) = manifests.contracts.get(&(key.0.clone(), spec.contract_ref.name.clone())) {
            take(&written.place, validate_kpi_parts(name, spec, &contract.object.spec));
            take(&written.place, validate_kpi_is_payable(name, spec, &contract.object.spec));
        }
    }
    for (key, written) in &manifests.contracts {
        let (name, spec) = (&key.1, &written.object.spec);
        let (_, tiers) = terms(&FilesOf { namespace: &key.0, ..of }, name, spec, &[]);
        take(&written.place, tiers.into_iter().map(|dangling| dangling.of("VendorContract", name)).collect());
        let is_own = |(of, kpi): &(&(String, String), &Written<KpiTarget>)| {
            of.0 == key.0 && kpi.object.spec.contract_ref.name == *name
        };
        let kpis = manifests.kpis.iter().filter(is_own).map(|(of, _)| of.1.as_str());
        let unknown = mentions_of_kpis(spec, kpis).into_iter();
        take(&written.place, unknown.map(|dangling| dangling.of("VendorContract", name)).collect());
    }
    for (key, written) in &manifests.launches {
        let found = references_of_launch(&FilesOf { namespace: &key.0, ..of }, &written.object.spec).into_iter();
        take(&written.place, found.map(|dangling| dangling.of("CampaignLaunch", &key.1)).collect());
    }
    problems
}

/// Checks manifests. `now` is the instant of the advice.
pub fn lint(manifests: &Manifests, now: Timestamp) -> Lint {
    let mut mistakes = problems(manifests);
    mistakes.extend(refused(manifests));
    mistakes.extend(dangling(manifests));
    let objects = manifests.contracts.len() + manifests.tiers.len() + manifests.kpis.len() + manifests.launches.len();
    let shown = view(manifests, &Default::default(), now);
    let mut advice = Vec::new();
    for (key, written) in &manifests.contracts {
        let status = shown.contracts.get(key).and_then(|contract| contract.status.as_ref());
        let found = status.into_iter().flat_map(|status| &status.advice);
        let doubted = doubted_mappings(&written.object.spec);
        let found = found.cloned().chain(doubted);
        advice.extend(found.map(|advice| (written.place.clone(), key.1.clone(), advice)));
    }
    Lint { mistakes, advice, objects }
}

/// Doubts about mappings as they are written, which no row is needed for.
fn doubted_mappings(contract: &VendorContractSpec) -> impl Iterator<Item = Advice> {
    contract.feeds.iter().filter_map(|feed| {
        let message = format!("feed {}: {}", feed.name, of_mapping(feed)?.message);
        Some(Advice { finding: "FiguresInDoubt".to_owned(), kpi: None, message })
    })
}

/// The result for people.
pub fn as_text(lint: &Lint) -> String {
    let mut text = String::new();
    // Writing into a String cannot fail.
    for problem in &lint.mistakes {
        let _ = writeln!(text, "error   {problem}");
    }
    for (place, contract, advice) in &lint.advice {
        let kpi = advice.kpi.as_ref().map(|kpi| format!(" (KpiTarget {kpi})")).unwrap_or_default();
        let _ =
            writeln!(text, "advice  {place}: VendorContract {contract}: {}{kpi}: {}", advice.finding, advice.message);
    }
    let _ = writeln!(
        text,
        "{} objects checked: {} errors, {} pieces of advice",
        lint.objects,
        lint.mistakes.len(),
        lint.advice.len()
    );
    text
}

/// The result for programs.
pub fn as_json(lint: &Lint) -> Value {
    let problem = |problem: &Problem| json!({"file": problem.place.file.display().to_string(), "line": problem.place.line, "message": problem.message});
    json!({
        "objects": lint.objects,
        "errors": lint.mistakes.iter().map(problem).collect::<Vec<_>>(),
        "advice": lint.advice.iter().map(|(place, contract, advice)| json!({
            "file": place.file.display().to_string(), "line": place.line, "contract": contract,
            "finding": advice.finding, "kpi": advice.kpi, "message": advice.message,
        })).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests;
