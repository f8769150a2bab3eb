//! A month of a contract, lived through from one instant to the next that the decision itself names: every escalation, review and deadline
//! comes at its minute of the contract's calendar, across a clock change and two holidays.

use std::collections::BTreeMap;

use super::contract_over_time::Life;
use crate::api::vendor_contract::VendorContractStatus;
use crate::domain::decision::contract::{ObservedContract, decide_contract};
use crate::domain::fixtures::contracts::{Case, instant, row, terms};
use crate::domain::governance::escalation::Acknowledgement;
use crate::domain::holdings::FeedHealth;
use crate::domain::judgement::outcome::Judgement;

const CONTRACT: &str = "
term: {start: 2026-03-01, end: 2027-02-28}
timeZone: Europe/London
calendar:
  serviceHours: [{days: [Monday, Tuesday, Wednesday, Thursday, Friday], from: '08:00', to: '20:00'}]
  holidays: [{date: 2026-04-03, name: Good Friday}, {date: 2026-04-06, name: Easter Monday}]
feeds: [{name: acd, url: 'https://feeds.acme.example', cadence: 24h, lateness: 72h}]
contacts: [{name: sam}, {name: maria}]
alerts: [{name: ops, webhook: {url: 'https://hooks.client.example'}}]
escalation:
  - {level: 1, after: 0h, causes: [Missed], contacts: [sam], alerts: [ops], respond: 4bh}
  - {level: 2, after: 2bd, causes: [Missed], contacts: [maria], alerts: [ops], respond: 2bh}
  - {level: 3, after: 5bd, causes: [Overdue], contacts: [maria], alerts: [ops]}
reviews:
  - {name: weekly-ops, cadence: Weekly, day: Tuesday, grace: 2bd, held: [2026-03-03, 2026-03-10, 2026-03-17, 2026-03-24, 2026-04-08, 2026-04-14, 2026-04-21, 2026-04-28]}
  - {name: month-end, cadence: Monthly, held: [2026-03-31]}
deliverables:
  - {name: monthly-report, cadence: Monthly, dueAfterPeriod: 5bd, delivered: [{period: '2026-03', deliveredOn: 2026-04-13}]}
  - {name: script-change, turnaround: 2bd, requests: [{name: refund-wording, requestedOn: 2026-03-27, doneOn: 2026-04-02}]}
";

/// What is sent, from 27 March to 2 May. London is at UTC until 29 March 01:00, and an hour ahead from then on.
const EXPECTED: &[&str] = &[
    // Asked for on Friday the 27th: Monday and Tuesday are two business days, and Tuesday ends an hour earlier by UTC.
    "2026-03-31T23:00:00Z fired DeliverableOverdue script-change",
    // March ends then too, and was missed.
    "2026-03-31T23:00:00Z fired EscalationRaised 1",
    "2026-03-31T23:00:00Z fired TargetMissed level",
    // Four business hours of Wednesday, from 08:00 in London: nobody has answered.
    "2026-04-01T11:00:00Z fired EscalationRaised 1",
    // Done on 2 April, which counts from its start.
    "2026-04-01T23:00:00Z resolved DeliverableOverdue script-change",
    // Wednesday and Thursday: the second level, and the grace of Tuesday's review.
    "2026-04-02T23:00:00Z fired EscalationRaised 2",
    "2026-04-02T23:00:00Z fired ReviewOverdue weekly-ops",
    // Good Friday, the weekend and Easter Monday are not business days: the two hours to respond end on Tuesday the 7th. Maria answered
    // at 08:30, so that nothing is sent then. The review was held on Wednesday the 8th.
    "2026-04-07T23:00:00Z resolved ReviewOverdue weekly-ops",
    // Five business days after March: 1, 2, 7, 8 and 9 April.
    "2026-04-09T23:00:00Z fired DeliverableOverdue monthly-report",
    "2026-04-12T23:00:00Z resolved DeliverableOverdue monthly-report",
    // April was met; its last business day's review was not held, and has no grace.
    "2026-04-30T23:00:00Z fired ReviewOverdue month-end",
    "2026-04-30T23:00:00Z resolved EscalationRaised 1",
    "2026-04-30T23:00:00Z resolved EscalationRaised 2",
    "2026-04-30T23:00:00Z resolved TargetMissed level",
];

/// The service hours of each day in London.
fn days() -> Vec<crate::domain::measuring::row::Row> {
    let zone = jiff::tz::TimeZone::get("Europe/London").unwrap();
    let first = jiff::civil::date(2026, 3, 1);
    (0..62)
        .map(|day| {
            let day = first.checked_add(jiff::ToSpan::days(day)).unwrap();
            let at = |hour: i8| day.at(hour, 0, 0, 0).to_zoned(zone.clone()).unwrap().timestamp().to_string();
            let within = if day.month() == 3 { 70 } else { 90 };
            row(
                &at(8),
                &at(20),
                &[("answered", 100), ("answeredWithin", within), ("abandoned", 0), ("abandonedWithin", 0)],
            )
        })
        .collect()
}

#[test]
fn evidence_that_cannot_be_relied_on_and_reports_that_are_contradicted_are_reported_once_and_change_no_figure() {
    let terms = terms(CONTRACT, &[("level", "kpi: ServiceLevel\nobjective: {target: 80}")]);
    let case = Case::new(terms.clone(), days());
    let now = instant("2026-04-20T00:00:00Z");
    let judgement = case.judge_at(now);
    let decide =
        |previous: Option<&VendorContractStatus>, judgement: &Judgement, problem: Option<&str>, reports: &[&str]| {
            let observed = ObservedContract {
                namespace: "care",
                name: "acme",
                generation: Some(1),
                previous,
                terms: &terms,
                judgement: Ok(judgement),
                unresolved: &[],
                feeds: [("acd".to_owned(), FeedHealth::fetched_before(Some(now)))].into(),
                evidence_problem: problem.map(str::to_owned),
                no_room: None,
                contradicted: reports.iter().map(|name| (*name).to_owned()).collect(),
                launches: BTreeMap::new(),
                acknowledged: None,
                alert_sinks: Vec::new(),
            };
            decide_contract(&observed, now)
        };
    let reason = |status: &VendorContractStatus, type_: &str| {
        status.conditions.iter().find(|condition| condition.type_ == type_).unwrap().reason.clone()
    };
    let events = |notices: &[crate::domain::decision::Notice]| {
        notices.iter().map(|notice| notice.reason.as_str()).collect::<Vec<_>>()
    };
    let good = decide(None, &judgement, None, &[]).status;
    assert_eq!(reason(&good, "Consistent"), "ReportsHold");
    // A restored store has no rows of the last weeks: its judgement would say something else.
    let poorer = Case::new(terms.clone(), Vec::new()).judge_at(now);
    let lost = decide(Some(&good), &poorer, Some("the store was rolled back"), &[]);
    assert_eq!(reason(&lost.status, "Ready"), "EvidenceUnavailable");
    assert_eq!(events(&lost.notices), ["StoreRolledBack"]);
    assert_eq!((&lost.status.last, &lost.status.kpis, lost.alerts), (&good.last, &good.kpis, None));
    assert!(
        decide(Some(&lost.status), &poorer, Some("the store was rolled back"), &[]).notices.is_empty(),
        "announced once"
    );
    let contradicted = decide(Some(&good), &judgement, None, &["acme-2026-03"]);
    assert_eq!(reason(&contradicted.status, "Consistent"), "ReportContradicted");
    assert_eq!(events(&contradicted.notices), ["ReportContradicted"]);
    assert!(
        decide(Some(&contradicted.status), &judgement, None, &["acme-2026-03"]).notices.is_empty(),
        "announced once"
    );
}

#[test]
fn every_escalation_review_and_deadline_of_a_month_comes_at_its_minute() {
    let level = "kpi: ServiceLevel\nobjective: {target: 80}";
    let case = Case::new(terms(CONTRACT, &[("level", level)]), days());
    let mut life = Life::of(&case, true);
    life.acknowledged = Some(Acknowledgement::parse("maria at 2026-04-07T07:30:00Z").unwrap());
    life.live(instant("2026-03-27T00:00:00Z"), instant("2026-05-02T00:00:00Z"), |_, _, _| {});
    let lines: Vec<&String> = life.lines.iter().filter(|line| !line.contains("AtRisk")).collect();
    assert_eq!(lines, EXPECTED);
    assert!(life.looks < 400, "{} looks at a contract in five weeks: it is looked at for nothing", life.looks);
}
