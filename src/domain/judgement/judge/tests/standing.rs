//! Triggers that fire and stand, and rectification plans.

use super::*;
use crate::api::vendor_contract::PlanState;

fn judged(contract: &str, values: &[&str], now: &str) -> JudgedCase {
    let kpi = format!(
        "{}bands: [{{severity: Minor, bound: 75, points: 5}}, {{severity: Serious, points: 10}}]",
        flat(SERVICE_LEVEL)
    );
    Case::new(terms(&format!("{}{contract}", flat(CONTRACT)), &[("sl", &kpi)]), months(values)).judge(now)
}

/// The months whose report lists a trigger.
fn fired(judgement: &JudgedCase) -> Vec<&str> {
    let fired = judgement.reports.iter().filter(|report| !report.triggers.is_empty());
    fired.map(|report| &report.period.name[5..]).collect()
}

#[test]
fn triggers_look_at_the_last_closed_periods() {
    for (when, values, months) in [
        ("failures: {atLeast: 3, outOf: 9, sameKpi: true}", vec!["70", "90", "70", "90", "70", "90"], vec!["05", "06"]),
        ("failures: {atLeast: 2, outOf: 2, sameKpi: true}", vec!["70", "90", "70", "70", "90"], vec!["04"]),
        ("failures: {atLeast: 2, outOf: 3}", vec!["70", "90", "70", "90", "90"], vec!["03"]),
        ("points: {atLeast: 20, periods: 3}", vec!["70", "78", "78", "70", "90"], vec!["03", "04"]),
        ("severity: Serious", vec!["78", "70", "90", "74"], vec!["02", "04"]),
        ("severity: Minor", vec!["78", "70", "90"], vec!["01", "02"]),
        ("severity: Critical", vec!["0"], vec![]),
    ] {
        let contract = format!("triggers: [{{name: one, when: {{{when}}}, then: Notify}}]");
        let end = format!("2026-{:02}-01T00:00Z", values.len() + 1);
        assert_eq!(fired(&judged(&contract, &values, &end)), months, "{when}");
    }
}

#[test]
fn a_cap_that_is_reached_fires_and_a_period_that_the_ramp_spares_does_not() {
    let capped = "credits: {points: {perPointPercent: 1}, yearCapPercent: 1}\ntriggers: [{name: cap, when: {capReached: Year}, then: Notify}]";
    // The cap of the year is 12,000.00; each miss costs 10,000.00.
    assert_eq!(fired(&judged(capped, &["70", "70", "90"], "2026-04-01T00:00Z")), ["02"]);
    let spared = "credits: {ramp: [{until: 59d, credit: None}]}\ntriggers: [{name: two, when: {failures: {atLeast: 2, outOf: 9}}, then: Notify}]";
    assert_eq!(fired(&judged(spared, &["70", "70", "70", "70"], "2026-05-01T00:00Z")), ["04"]);
}

#[test]
fn dry_runs_and_key_measurements_fire_nothing() {
    for more in ["dryRun: true", "class: KeyMeasurement"] {
        let contract = flat(CONTRACT) + "triggers: [{name: one, when: {severity: Minor}, then: Notify}]";
        let kpi = format!("{}{more}", flat(SERVICE_LEVEL));
        let judgement = Case::new(terms(&contract, &[("sl", &kpi)]), months(&["70"])).judge("2026-02-01T00:00Z");
        assert!(fired(&judgement).is_empty(), "{more}");
    }
}

#[test]
fn a_right_to_terminate_stays_and_a_notice_goes_with_its_condition() {
    for (then, now, standing) in [
        ("TerminationRight", "2026-03-01T00:00Z", Some("2026-02")),
        ("TerminationRight", "2026-08-01T00:00Z", Some("2026-02")),
        ("Notify", "2026-03-01T00:00Z", Some("2026-02")),
        ("Notify", "2026-04-01T00:00Z", Some("2026-02")),
        ("Notify", "2026-05-01T00:00Z", None),
        ("Notify", "2026-07-01T00:00Z", Some("2026-06")),
    ] {
        let contract = format!("triggers: [{{name: one, when: {{severity: Serious}}, then: {then}}}]");
        let judgement = judged(&contract, &["90", "70", "70", "90", "90", "70", "90"], now);
        let found = judgement.triggers.first().map(|trigger| trigger.period.as_str());
        assert_eq!(found, standing, "{then} {now}");
        if let Some(trigger) = judgement.triggers.first() {
            assert_eq!((trigger.kpi.as_deref(), judgement.triggers.len()), (Some("sl"), 1));
            assert_eq!(
                trigger.fired_at,
                judgement.reports.iter().find(|one| Some(one.period.name.as_str()) == standing).unwrap().period.end
            );
        }
    }
}

#[test]
fn a_right_to_terminate_outlives_the_restatement_of_its_cause() {
    let contract = flat(CONTRACT) + "triggers: [{name: one, when: {severity: Minor}, then: TerminationRight}]";
    let mut rows = months(&["70", "90"]);
    rows.push(month("2026-01", 9_000, 10_000).revised(2).known("2026-02-20T00:00Z"));
    let judgement = Case::new(terms(&contract, &[("sl", SERVICE_LEVEL)]), rows).judge("2026-03-01T00:00Z");
    assert!(report(&judgement, "2026-01").triggers.is_empty());
    assert_eq!(judgement.triggers.len(), 1);
}

#[test]
fn a_rectification_plan_goes_its_way_and_each_state_has_its_due_date() {
    use PlanState::{Approved, Failed, InProgress, Rejected, Required, Submitted, Verified};
    let values = ["90", "90", "70", "90", "70", "90", "90", "90"];
    let plan = |fields: &str| format!("rectificationPlans: [{{name: recovery, trigger: cure, kpi: sl, {fields}}}]");
    for (plans, now, expected) in [
        // Ten business days from the end of March.
        (String::new(), "2026-04-02T00:00Z", vec![("cure", Required, Some("2026-04-14"))]),
        (plan("submittedOn: 2026-04-08"), "2026-04-10T00:00Z", vec![("recovery", Submitted, Some("2026-04-22"))]),
        (
            plan("submittedOn: 2026-04-08, rejectedOn: 2026-04-09"),
            "2026-04-10T00:00Z",
            vec![("recovery", Rejected, Some("2026-04-16"))],
        ),
        // Submitted again after the rejection.
        (
            plan("submittedOn: 2026-04-13, rejectedOn: 2026-04-09"),
            "2026-04-14T00:00Z",
            vec![("recovery", Submitted, Some("2026-04-27"))],
        ),
        (
            plan(
                "submittedOn: 2026-04-08, approvedOn: 2026-04-15, steps: [{name: b, due: 2026-05-20}, {name: a, due: 2026-05-10}]",
            ),
            "2026-04-20T00:00Z",
            vec![("recovery", Approved, Some("2026-05-10"))],
        ),
        (
            plan(
                "submittedOn: 2026-04-08, approvedOn: 2026-04-15, steps: [{name: b, due: 2026-05-20}, {name: a, due: 2026-05-10, doneOn: 2026-05-01}]",
            ),
            "2026-05-02T00:00Z",
            vec![("recovery", InProgress, Some("2026-05-20"))],
        ),
        // Done in May: June and July verify it. May's own miss fires nothing more, since the plan is under way.
        (
            plan("submittedOn: 2026-04-08, approvedOn: 2026-04-15, steps: [{name: a, doneOn: 2026-05-08}]"),
            "2026-07-01T00:00Z",
            vec![("recovery", InProgress, None)],
        ),
        (
            plan("submittedOn: 2026-04-08, approvedOn: 2026-04-15, steps: [{name: a, doneOn: 2026-05-08}]"),
            "2026-08-01T00:00Z",
            vec![("recovery", Verified, None)],
        ),
        // Done in April: May's miss fails it, and asks for another.
        (
            plan("submittedOn: 2026-04-08, approvedOn: 2026-04-15, steps: [{name: a, doneOn: 2026-04-20}]"),
            "2026-06-01T00:00Z",
            vec![("cure", Required, Some("2026-06-12")), ("recovery", Failed, None)],
        ),
    ] {
        let contract =
            format!("triggers: [{{name: cure, when: {{severity: Serious}}, then: RectificationPlan}}]\n{plans}");
        let judgement = judged(&contract, &values, now);
        let found: Vec<_> = judgement
            .plans
            .iter()
            .map(|plan| (plan.name.as_str(), plan.state, plan.due.map(|due| due.to_string())))
            .collect();
        let expected: Vec<_> =
            expected.into_iter().map(|(name, state, due)| (name, state, due.map(str::to_owned))).collect();
        assert_eq!(found, expected, "{plans} {now}");
        let is_open = judgement.plans.iter().any(|plan| plan.state != Verified);
        assert_eq!(judgement.triggers.len(), usize::from(is_open), "{plans} {now}");
    }
}

#[test]
fn a_plan_is_shown_once_however_many_kpis_fired_its_trigger() {
    use PlanState::{InProgress, Required, Submitted};
    let plan = |fields: &str| format!("rectificationPlans: [{{name: recovery, trigger: cure, {fields}}}]");
    let (done, of_one) = ("submittedOn: 2026-04-08, approvedOn: 2026-04-09", "kpi: sl, submittedOn: 2026-04-08");
    for (plans, expected) in [
        (String::new(), vec![("cure", Required, Some("2026-04-14"))]),
        (plan("submittedOn: 2026-04-08"), vec![("recovery", Submitted, Some("2026-04-22"))]),
        (plan(done), vec![("recovery", InProgress, None)]),
        // What was submitted for one of them answers nothing for the other.
        (plan(of_one), vec![("cure", Required, Some("2026-04-14")), ("recovery", Submitted, Some("2026-04-22"))]),
    ] {
        let triggers = "triggers: [{name: cure, when: {severity: Serious}, then: RectificationPlan}]\n";
        let contract = format!("{}{triggers}{plans}", flat(CONTRACT));
        let kpi = format!("{}bands: [{{severity: Serious, points: 10}}]", flat(SERVICE_LEVEL));
        let kpis = ["sl", "speed"].map(|name| (name, kpi.as_str()));
        let judgement = Case::new(terms(&contract, &kpis), months(&["90", "90", "70"])).judge("2026-04-12T00:00Z");
        let found: Vec<_> = judgement
            .plans
            .iter()
            .map(|plan| (plan.name.as_str(), plan.state, plan.due.map(|due| due.to_string())))
            .collect();
        let expected: Vec<_> =
            expected.into_iter().map(|(name, state, due)| (name, state, due.map(str::to_owned))).collect();
        assert_eq!(found, expected, "{plans}");
        assert_eq!(judgement.triggers.len(), 2, "both KPIs fired it");
    }
}
