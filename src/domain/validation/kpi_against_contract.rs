//! How a KpiTarget fits its contract: the references that no schema can follow.

use super::checks::{Findings, quoted};
use crate::api::tally::TallyEach;
use crate::api::vendor_contract::PeriodLength;
use crate::api::{KpiTargetSpec, VendorContractSpec};
use crate::domain::catalogue::{self, Origin};

pub(super) fn check(findings: &mut Findings, spec: &KpiTargetSpec, contract: &VendorContractSpec) {
    check_feed(findings, spec, contract);
    check_parts(findings, spec, contract.period);
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

/// The parts of a tally are shorter than the period.
fn check_parts(findings: &mut Findings, spec: &KpiTargetSpec, period: PeriodLength) {
    let fits = match spec.tally.as_ref().map(|tally| tally.each) {
        None | Some(TallyEach::Day) => true,
        Some(TallyEach::Week) => period != PeriodLength::Weekly,
        Some(TallyEach::Month) => !matches!(period, PeriodLength::Weekly | PeriodLength::Monthly),
    };
    findings.ensure(fits, "spec.tally.each", || {
        format!(
            "is not shorter than the contract's period, which is {period:?}: write each: Day, or a longer period there"
        )
    });
}

fn check_feed(findings: &mut Findings, spec: &KpiTargetSpec, contract: &VendorContractSpec) {
    // What the contract records of its own deliverables needs no feed.
    if catalogue::entry(spec.kpi).is_some_and(|entry| entry.origin == Origin::Deliverables) {
        return;
    }
    check_read_feed(findings, "spec.source.feed", &spec.source.feed, contract);
    if let Some(rule) = &spec.source.cross_check {
        check_read_feed(findings, "spec.source.crossCheck.feed", &rule.feed, contract);
    }
}

/// A feed whose figures are judged is one of the contract's, and no plan.
fn check_read_feed(findings: &mut Findings, field: &str, name: &str, contract: &VendorContractSpec) {
    let feed = contract.feeds.iter().find(|feed| feed.name == name);
    let names = contract.feeds.iter().map(|feed| feed.name.as_str());
    check_reference(findings, field, Some(name), "feed", names);
    let is_plan = feed.is_some_and(|feed| feed.plan == Some(true));
    findings.ensure(!is_plan, field, || {
        format!("{} says what is planned, not what happened: name a feed without `plan: true`", quoted(name))
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::api::{KpiTargetSpec, VendorContractSpec};
    use crate::domain::validation::{validate_counter_metric, validate_kpi_against_contract};

    fn contract() -> VendorContractSpec {
        serde_json::from_value(json!({
            "vendor": {"name": "Acme"},
            "term": {"start": "2026-01-01", "end": "2026-12-31"},
            "goals": [{"name": "keep-members"}],
            "contacts": [{"name": "sam"}],
            "feeds": [
                {"name": "acd", "url": "https://feeds.acme.example"},
                {"name": "ours", "url": "https://telephony.client.example"},
                {"name": "wfm", "url": "https://feeds.acme.example/wfm", "plan": true},
            ],
        }))
        .unwrap()
    }

    fn kpi(fields: Value) -> KpiTargetSpec {
        let mut spec = json!({
            "contractRef": {"name": "acme-care"}, "kpi": "ServiceLevel", "source": {"feed": "acd"}, "objective": {"target": 80},
        });
        spec.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        serde_json::from_value(spec).unwrap()
    }

    #[test]
    fn references_into_the_contract_resolve_or_say_what_there_is() {
        for (fields, expected) in [
            (json!({}), None),
            (json!({"goalRef": "keep-members", "owner": "sam"}), None),
            (json!({"source": {"feed": "acb"}}), Some(("spec.source.feed", "write one of \"acd\", \"ours\", \"wfm\""))),
            (json!({"source": {"feed": "wfm"}}), Some(("spec.source.feed", "name a feed without `plan: true`"))),
            (json!({"source": {"feed": "acd", "crossCheck": {"feed": "ours"}}}), None),
            (
                json!({"source": {"feed": "acd", "crossCheck": {"feed": "our"}}}),
                Some(("spec.source.crossCheck.feed", "write one of \"acd\", \"ours\", \"wfm\"")),
            ),
            (
                json!({"source": {"feed": "acd", "crossCheck": {"feed": "wfm"}}}),
                Some(("spec.source.crossCheck.feed", "name a feed without `plan: true`")),
            ),
            (json!({"source": {"feed": "none"}, "kpi": "DeliverableOnTime"}), None),
            (json!({"goalRef": "grow"}), Some(("spec.goalRef", "write one of \"keep-members\""))),
            (json!({"owner": "maria"}), Some(("spec.owner", "write one of \"sam\""))),
        ] {
            let findings = validate_kpi_against_contract("acme-sl", &kpi(fields.clone()), &contract());
            match expected {
                None => assert_eq!(findings, [], "{fields}"),
                Some((field, words)) => {
                    let [finding] = findings.as_slice() else { panic!("{fields}: {findings:?}") };
                    assert_eq!((finding.name.as_str(), finding.field.as_str()), ("acme-sl", field));
                    assert!(finding.message.contains(words), "{finding}");
                }
            }
        }
    }

    #[test]
    fn a_counter_metric_is_one_of_the_contracts_kpis() {
        let guarded = kpi(json!({"counterMetric": "acme-fcr"}));
        assert_eq!(validate_counter_metric("acme-sl", &guarded, ["acme-sl", "acme-fcr"]), None);
        let finding = validate_counter_metric("acme-sl", &guarded, ["acme-sl"]).unwrap();
        assert_eq!(finding.field, "spec.counterMetric");
        assert!(finding.message.contains("write one of \"acme-sl\""), "{finding}");
    }
}
