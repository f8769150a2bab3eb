//! `kubectl bpo lint`: mistakes in manifests, and advice on the contract itself, without a cluster.

use std::fmt::Write;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::evaluate::view;
use super::manifests::{Manifests, Place, Problem, Written};
use crate::api::KpiTarget;
use crate::api::scalar::shorten;
use crate::api::vendor_contract::Advice;
use crate::domain::facts::Finding;
use crate::domain::spelling::did_you_mean;
use crate::domain::validation::{
    refused_on_writing, validate_campaign_launch, validate_contract, validate_kpi_against_contract,
    validate_kpi_is_payable, validate_kpi_target, validate_service_tier, validate_thresholds,
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

/// Relief and disputes of a contract that name KPIs which the manifests do not hold.
fn unknown_kpis(manifests: &Manifests) -> Vec<Problem> {
    let mut problems = Vec::new();
    for ((namespace, name), written) in &manifests.contracts {
        let is_own = |(key, kpi): &(&(String, String), &Written<KpiTarget>)| {
            key.0 == *namespace && kpi.object.spec.contract_ref.name == *name
        };
        let kpis: Vec<&str> = manifests.kpis.iter().filter(is_own).map(|(key, _)| key.1.as_str()).collect();
        for relief in &written.object.spec.relief {
            for unknown in relief.kpis.iter().filter(|kpi| !kpis.contains(&kpi.as_str())) {
                let message = format!(
                    "VendorContract {name}: spec.relief[{}].kpis: {:?} is no KpiTarget of this contract{}: write the name of one, such \
                     as {}, or leave `kpis` out for all",
                    relief.name,
                    shorten(unknown),
                    did_you_mean(unknown, kpis.iter().copied()),
                    kpis.first().unwrap_or(&"acme-service-level"),
                );
                problems.push(Problem { place: written.place.clone(), message });
            }
        }
        let disputed = written.object.spec.disputes.iter().filter_map(|dispute| Some((dispute, dispute.kpi.as_ref()?)));
        for (dispute, unknown) in disputed.filter(|(_, kpi)| !kpis.contains(&kpi.as_str())) {
            let message = format!(
                "VendorContract {name}: spec.disputes[{}].kpi: {:?} is no KpiTarget of this contract{}: write the name of one, such as \
                 {}, or leave `kpi` out for the whole report",
                dispute.name,
                shorten(unknown),
                did_you_mean(unknown, kpis.iter().copied()),
                kpis.first().unwrap_or(&"acme-service-level"),
            );
            problems.push(Problem { place: written.place.clone(), message });
        }
    }
    problems
}

/// References to objects that the manifests do not hold.
fn dangling(manifests: &Manifests) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut add = |place: &Place, message: String| problems.push(Problem { place: place.clone(), message });
    for ((namespace, name), written) in &manifests.kpis {
        let spec = &written.object.spec;
        match manifests.contracts.get(&(namespace.clone(), spec.contract_ref.name.clone())) {
            None => add(
                &written.place,
                format!(
                    "KpiTarget {name}: spec.contractRef.name: no VendorContract named {} in these manifests",
                    spec.contract_ref.name
                ),
            ),
            Some(contract) => {
                let contract = &contract.object.spec;
                let unresolved = validate_kpi_against_contract(name, spec, contract);
                for finding in unresolved.into_iter().chain(validate_kpi_is_payable(name, spec, contract)) {
                    add(&written.place, finding.to_string());
                }
                if let Some(finding) = validate_thresholds(name, spec, contract) {
                    add(&written.place, finding.to_string());
                }
            }
        }
        if let Some(counter) = &spec.counter_metric
            && !manifests.kpis.contains_key(&(namespace.clone(), counter.clone()))
        {
            add(
                &written.place,
                format!("KpiTarget {name}: spec.counterMetric: no KpiTarget named {counter} in these manifests"),
            );
        }
    }
    for ((namespace, name), written) in &manifests.contracts {
        for tier in &written.object.spec.tiers {
            if !manifests.tiers.contains_key(&(namespace.clone(), tier.clone())) {
                add(
                    &written.place,
                    format!("VendorContract {name}: spec.tiers: no ServiceTier named {tier} in these manifests"),
                );
            }
        }
    }
    problems
}

/// Checks manifests. `now` is the instant of the advice.
pub fn lint(manifests: &Manifests, now: Timestamp) -> Lint {
    let mut mistakes = problems(manifests);
    mistakes.extend(refused(manifests));
    mistakes.extend(dangling(manifests));
    mistakes.extend(unknown_kpis(manifests));
    let objects = manifests.contracts.len() + manifests.tiers.len() + manifests.kpis.len() + manifests.launches.len();
    let shown = view(manifests, &Default::default(), now);
    let mut advice = Vec::new();
    for ((namespace, name), written) in &manifests.contracts {
        let object = shown.objects.iter().find(|object| {
            let text = |path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or_default();
            text("/kind") == "VendorContract"
                && text("/metadata/name") == name
                && text("/metadata/namespace") == namespace
        });
        let found = object
            .and_then(|object| object.pointer("/status/advice"))
            .and_then(|advice| serde_json::from_value(advice.clone()).ok());
        let found: Vec<Advice> = found.unwrap_or_default();
        advice.extend(found.into_iter().map(|advice| (written.place.clone(), name.clone(), advice)));
    }
    Lint { mistakes, advice, objects }
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
