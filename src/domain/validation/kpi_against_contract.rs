//! How a KpiTarget fits its contract: the references that no schema can follow.

use super::checks::{Findings, quoted};
use crate::api::{KpiTargetSpec, VendorContractSpec};
use crate::domain::catalogue::{self, Origin};

pub(super) fn check(findings: &mut Findings, spec: &KpiTargetSpec, contract: &VendorContractSpec) {
    check_feed(findings, spec, contract);
    let goals = contract.goals.iter().map(|goal| goal.name.as_str());
    check_reference(findings, "spec.goalRef", spec.goal_ref.as_deref(), "goal", goals);
    let contacts = contract.contacts.iter().map(|contact| contact.name.as_str());
    check_reference(findings, "spec.owner", spec.owner.as_deref(), "contact", contacts);
}

pub(super) fn check_counter_metric<'a>(
    findings: &mut Findings,
    spec: &KpiTargetSpec,
    names: impl IntoIterator<Item = &'a str>,
) {
    let field = "spec.counterMetric";
    check_reference(findings, field, spec.counter_metric.as_deref(), "KpiTarget", names.into_iter());
}

fn check_feed(findings: &mut Findings, spec: &KpiTargetSpec, contract: &VendorContractSpec) {
    // What the contract records of its own deliverables needs no feed.
    if catalogue::entry(spec.kpi).is_some_and(|entry| entry.origin == Origin::Deliverables) {
        return;
    }
    let feed = contract.feeds.iter().find(|feed| feed.name == spec.source.feed);
    let names = contract.feeds.iter().map(|feed| feed.name.as_str());
    check_reference(findings, "spec.source.feed", Some(&spec.source.feed), "feed", names);
    let is_plan = feed.is_some_and(|feed| feed.plan == Some(true));
    findings.ensure(!is_plan, "spec.source.feed", || {
        format!(
            "{} says what is planned, not what happened: name a feed without `plan: true`",
            quoted(&spec.source.feed)
        )
    });
}

fn check_reference<'a>(
    findings: &mut Findings,
    field: &str,
    reference: Option<&str>,
    what: &str,
    names: impl Iterator<Item = &'a str>,
) {
    let Some(reference) = reference else { return };
    let names: Vec<&str> = names.collect();
    findings.ensure(names.contains(&reference), field, || {
        let listed: Vec<String> = names.iter().take(10).map(|name| quoted(name)).collect();
        if listed.is_empty() {
            format!("{} is no {what} of the contract, which has none: add it there", quoted(reference))
        } else {
            format!("{} is no {what} of the contract: write one of {}", quoted(reference), listed.join(", "))
        }
    });
}
