//! What a contract says of putting things right and of working together: plans, contacts, escalation, reviews and deliverables.

use std::collections::BTreeSet;

use crate::api::vendor_contract::{Contact, Deliverable, EscalationLevel, RectificationPlan, VendorContractSpec};
use crate::domain::terms::validation::checks::{
    Findings, check_count, check_name, check_range, check_text, check_unique, is_email, one_of, quoted,
};
use crate::domain::terms::validation::period_names::{example_of, is_period_of};

pub(super) fn check_rectification(findings: &mut Findings, spec: &VendorContractSpec) {
    if let Some(periods) = spec.rectification.as_ref().and_then(|rectification| rectification.verify_periods) {
        check_range(findings, "spec.rectification.verifyPeriods", periods, 1, 24);
    }
    check_count(findings, "spec.rectificationPlans", spec.rectification_plans.len(), 50);
    check_unique(findings, "spec.rectificationPlans", spec.rectification_plans.iter().map(|plan| &plan.name));
    let triggers: BTreeSet<&str> = spec.triggers.iter().map(|trigger| trigger.name.as_str()).collect();
    for plan in &spec.rectification_plans {
        check_plan(findings, plan, &triggers);
    }
}

fn check_plan(findings: &mut Findings, plan: &RectificationPlan, triggers: &BTreeSet<&str>) {
    check_name(findings, "spec.rectificationPlans", &plan.name);
    let field = format!("spec.rectificationPlans[{}]", plan.name);
    findings.ensure(triggers.contains(plan.trigger.as_str()), format!("{field}.trigger"), || {
        format!("{} is not a trigger of this contract: write {}", quoted(&plan.trigger), one_of(triggers, "triggers"))
    });
    findings.ensure(plan.approved_on.is_none() || plan.rejected_on.is_none(), &field, || {
        "is both approved and rejected: keep `approvedOn` or `rejectedOn`; a rejected plan that is submitted again gets a new `submittedOn` and no `rejectedOn`"
            .to_owned()
    });
    if let Some(decided) = plan.approved_on.or(plan.rejected_on) {
        findings.ensure(plan.submitted_on.is_some_and(|submitted| submitted <= decided), &field, || {
            format!("is decided on {decided} and not submitted by then: write a `submittedOn` that is not later")
        });
    }
    check_count(findings, &format!("{field}.steps"), plan.steps.len(), 50);
    check_unique(findings, &format!("{field}.steps"), plan.steps.iter().map(|step| &step.name));
    for step in &plan.steps {
        check_name(findings, &format!("{field}.steps"), &step.name);
    }
}

pub(super) fn check_contacts(findings: &mut Findings, contacts: &[Contact]) {
    check_count(findings, "spec.contacts", contacts.len(), 50);
    check_unique(findings, "spec.contacts", contacts.iter().map(|contact| &contact.name));
    let names: BTreeSet<&str> = contacts.iter().map(|contact| contact.name.as_str()).collect();
    for contact in contacts {
        check_name(findings, "spec.contacts", &contact.name);
        let field = format!("spec.contacts[{}]", contact.name);
        check_text(findings, &format!("{field}.role"), contact.role.as_deref().unwrap_or_default(), 253);
        if let Some(email) = &contact.email {
            findings.ensure(is_email(email), format!("{field}.email"), || {
                format!("{} is not an e-mail address: write one such as sam@client.example", quoted(email))
            });
        }
        if let Some(deputy) = &contact.deputy {
            findings.ensure(*deputy != contact.name, format!("{field}.deputy"), || {
                format!("{} cannot stand in for themselves: name another contact", quoted(deputy))
            });
            findings.ensure(names.contains(deputy.as_str()), format!("{field}.deputy"), || {
                format!("{} is not a contact of this contract: write {}", quoted(deputy), one_of(&names, "contacts"))
            });
        }
    }
}

pub(super) fn check_escalation(findings: &mut Findings, spec: &VendorContractSpec) {
    check_count(findings, "spec.escalation", spec.escalation.len(), 9);
    check_unique(findings, "spec.escalation", spec.escalation.iter().map(|level| level.level));
    let contacts: BTreeSet<&str> = spec.contacts.iter().map(|contact| contact.name.as_str()).collect();
    let alerts: BTreeSet<&str> = spec.alerts.iter().map(|alert| alert.name.as_str()).collect();
    for level in &spec.escalation {
        check_level(findings, level, &contacts, &alerts);
    }
}

fn check_level(findings: &mut Findings, level: &EscalationLevel, contacts: &BTreeSet<&str>, alerts: &BTreeSet<&str>) {
    check_range(findings, "spec.escalation", level.level, 1, 9);
    let field = format!("spec.escalation[{}]", level.level);
    findings.ensure(!level.causes.is_empty(), format!("{field}.causes"), || {
        "is empty: list what is escalated, such as Missed".to_owned()
    });
    for contact in &level.contacts {
        findings.ensure(contacts.contains(contact.as_str()), format!("{field}.contacts"), || {
            format!("{} is not a contact of this contract: write {}", quoted(contact), one_of(contacts, "contacts"))
        });
    }
    for alert in &level.alerts {
        findings.ensure(alerts.contains(alert.as_str()), format!("{field}.alerts"), || {
            format!("{} is not an alert of this contract: write {}", quoted(alert), one_of(alerts, "alerts"))
        });
    }
}

pub(super) fn check_reviews(findings: &mut Findings, spec: &VendorContractSpec) {
    check_count(findings, "spec.reviews", spec.reviews.len(), 20);
    check_unique(findings, "spec.reviews", spec.reviews.iter().map(|review| &review.name));
    for review in &spec.reviews {
        check_name(findings, "spec.reviews", &review.name);
        check_count(findings, &format!("spec.reviews[{}].held", review.name), review.held.len(), 600);
    }
}

pub(super) fn check_deliverables(findings: &mut Findings, deliverables: &[Deliverable], is_fiscal: bool) {
    check_count(findings, "spec.deliverables", deliverables.len(), 50);
    check_unique(findings, "spec.deliverables", deliverables.iter().map(|deliverable| &deliverable.name));
    for deliverable in deliverables {
        check_name(findings, "spec.deliverables", &deliverable.name);
        check_deliverable(findings, deliverable, is_fiscal);
    }
}

fn check_deliverable(findings: &mut Findings, deliverable: &Deliverable, is_fiscal: bool) {
    let field = format!("spec.deliverables[{}]", deliverable.name);
    findings.ensure(deliverable.cadence.is_some() != deliverable.turnaround.is_some(), &field, || {
        "is due neither or both ways: write exactly one of cadence, turnaround".to_owned()
    });
    let by_period = deliverable.due_after_period.is_some() || !deliverable.delivered.is_empty();
    findings.ensure(!by_period || deliverable.cadence.is_some(), &field, || {
        "`dueAfterPeriod` and `delivered` belong to `cadence`: write what was asked for under `requests`".to_owned()
    });
    findings.ensure(deliverable.requests.is_empty() || deliverable.turnaround.is_some(), &field, || {
        "`requests` belongs to `turnaround`: write what was delivered for a period under `delivered`".to_owned()
    });
    check_text(findings, &format!("{field}.quality"), deliverable.quality.as_deref().unwrap_or_default(), 1024);
    check_count(findings, &format!("{field}.delivered"), deliverable.delivered.len(), 600);
    check_unique(
        findings,
        &format!("{field}.delivered"),
        deliverable.delivered.iter().map(|delivery| &delivery.period),
    );
    if let Some(cadence) = deliverable.cadence {
        for delivery in &deliverable.delivered {
            findings.ensure(is_period_of(cadence, is_fiscal, &delivery.period), format!("{field}.delivered"), || {
                format!(
                    "{} is not a period of the cadence {cadence}: write one such as {:?}",
                    quoted(&delivery.period),
                    example_of(cadence, is_fiscal)
                )
            });
        }
    }
    check_count(findings, &format!("{field}.requests"), deliverable.requests.len(), 1000);
    check_unique(findings, &format!("{field}.requests"), deliverable.requests.iter().map(|request| &request.name));
    for request in &deliverable.requests {
        let is_in_order = request.done_on.is_none_or(|done| done >= request.requested_on);
        findings.ensure(is_in_order, format!("{field}.requests[{}]", request.name), || {
            format!("is done before it was requested on {}: write a `doneOn` that is not earlier", request.requested_on)
        });
    }
}
