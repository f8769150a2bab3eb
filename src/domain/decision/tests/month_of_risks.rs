//! June of a contract whose first level is asked about every risk: a value that crosses its target with each half hour asks once,
//! reaches the next level in time, and keeps the answer that people gave.

use jiff::Timestamp;
use jiff::civil::{Date, Weekday, date};
use jiff::tz::TimeZone;

use super::contract_over_time::Life;
use crate::domain::fixtures::contracts::{Case, instant, row, terms};
use crate::domain::governance::escalation::Acknowledgement;
use crate::domain::measuring::row::Row;

/// Calendar, close and first level of `examples/acme-care`; the second level waits two business days, as there.
const CONTRACT: &str = "
term: {start: 2026-06-01, end: 2027-12-31}
timeZone: Europe/London
closeAfter: 10bd
calendar:
  serviceHours: [{days: [Monday, Tuesday, Wednesday, Thursday, Friday], from: '08:00', to: '20:00'}]
feeds: [{name: acd, url: 'https://feeds.acme.example', lateness: 48h}]
contacts: [{name: sam}, {name: maria}]
alerts: [{name: ops, webhook: {url: 'https://hooks.client.example'}}]
escalation:
  - {level: 1, after: 0h, causes: [AtRisk, FeedFailing, Missed, Overdue], contacts: [sam], alerts: [ops], respond: 4bh}
  - {level: 2, after: 2bd, causes: [AtRisk, Missed], contacts: [maria], alerts: [ops], respond: 2bh}
";
const LEVEL: &str = "kpi: ServiceLevel\nvariant: AnsweredOnly\nobjective: {target: 80}";
/// Callers of each half hour.
const CALLERS: i64 = 10_000;

/// Days on which the running value lies under its target in each first half of an hour, and above it in each second.
const RESTLESS: [i8; 6] = [3, 4, 5, 8, 9, 15];

/// Each half hour of service of June, known when it ends.
fn june() -> Vec<Row> {
    let zone = TimeZone::get("Europe/London").unwrap();
    let (mut callers, mut served, mut rows) = (0, 0, Vec::new());
    let days = (1..=30).map(|day| date(2026, 6, day));
    for day in days.filter(|day: &Date| !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday)) {
        for half_hour in 0..24_i8 {
            let at = |half: i8| day.at(8 + half / 2, half % 2 * 30, 0, 0).to_zoned(zone.clone()).unwrap().timestamp();
            callers += CALLERS;
            // In hundredths of a percent: what the month so far shall come to with this half hour.
            let wanted = match (RESTLESS.contains(&day.day()), half_hour % 2) {
                (true, 0) if half_hour > 1 => 7_995,
                _ if day.day() == 30 => 7_995,
                _ => 8_005,
            };
            let good = (callers * wanted / 10_000 - served).clamp(0, CALLERS);
            served += good;
            let measures = [("answered", CALLERS), ("answeredWithin", good)];
            rows.push(row(&at(half_hour).to_string(), &at(half_hour + 1).to_string(), &measures));
        }
    }
    rows
}

fn is_escalation(line: &&String) -> bool {
    line.contains("EscalationRaised")
}

#[test]
fn a_risk_that_comes_and_goes_with_each_half_hour_asks_once_reaches_the_next_level_and_keeps_its_answer() {
    let case = Case::new(terms(CONTRACT, &[("level", LEVEL)]), june());
    let mut life = Life::of(&case, true);
    let (mut answered, mut unanswered) = (0, Vec::new());
    life.live(instant("2026-06-01T00:00:00Z"), instant("2026-07-01T00:00:00Z"), |life, now, status| {
        if life.acknowledged.is_none() && status.escalation.is_some() {
            life.acknowledged = Some(Acknowledgement { by: "sam".into(), at: now });
        }
        let first = status.escalation.as_ref().filter(|standing| standing.level == 1);
        match first.map(|standing| (&standing.acknowledged_by, standing.since)) {
            Some((Some(_), _)) => answered += 1,
            Some((None, since)) => unanswered.push((now, since)),
            None => {}
        }
    });
    let escalations: Vec<&String> = life.lines.iter().filter(is_escalation).collect();
    assert_eq!(
        escalations,
        [
            // Wednesday: the first half hour under the target, known at 09:30 in London. The alert is active for a week.
            "2026-06-03T08:30:00Z fired EscalationRaised 1",
            // Thursday and Friday are two business days.
            "2026-06-05T23:00:00Z fired EscalationRaised 2",
            // Nobody answers the second level in two hours of Monday: it asks once more.
            "2026-06-08T09:00:00Z fired EscalationRaised 2",
            // Tuesday the 9th was the last day with a warning; Wednesday was quiet until its service ended.
            "2026-06-10T19:00:00Z resolved EscalationRaised 1",
            "2026-06-10T19:00:00Z resolved EscalationRaised 2",
            // Monday the 15th begins a risk of its own, which is over with Tuesday's service. Nobody took it up in four hours.
            "2026-06-15T08:30:00Z fired EscalationRaised 1",
            "2026-06-15T12:30:00Z fired EscalationRaised 1",
            "2026-06-16T19:00:00Z resolved EscalationRaised 1",
            // The last day begins one that turns into the miss of June: the level goes on standing, by another cause.
            "2026-06-30T07:30:00Z fired EscalationRaised 1",
            "2026-06-30T11:30:00Z fired EscalationRaised 1",
            "2026-06-30T23:00:00Z fired EscalationRaised 1",
        ]
    );
    // Whoever answers is kept: from the answer on no look found the first risk without one.
    let first_risk: Vec<&(Timestamp, Timestamp)> =
        unanswered.iter().filter(|(_, since)| *since == instant("2026-06-03T08:30:00Z")).collect();
    assert_eq!(first_risk, [&(instant("2026-06-03T08:30:00Z"), instant("2026-06-03T08:30:00Z"))]);
    assert!(answered > 50, "{answered} looks with an answer");
    let risks = life.lines.iter().filter(|line| line.contains("AtRisk")).collect::<Vec<_>>();
    assert_eq!(risks.len(), 6, "three risks begin and end: {risks:?}");
}

#[test]
fn without_a_journal_a_risk_is_what_the_rows_say_now() {
    let case = Case::new(terms(CONTRACT, &[("level", LEVEL)]), june());
    let mut life = Life::of(&case, false);
    life.live(instant("2026-06-03T00:00:00Z"), instant("2026-06-04T00:00:00Z"), |_, _, _| {});
    let announced = life.lines.iter().filter(is_escalation).count();
    assert!(announced > 20, "{announced}: nothing but the journal can know when a risk began");
}

/// An hour of each day of June and July, with the share of callers of each month that were answered in time.
fn summer(june: i64, july: i64) -> Vec<Row> {
    let rows = [(6, june), (7, july)].into_iter().flat_map(|(month, good)| {
        (1..=30).map(move |day| {
            let noon = |hour: i8| date(2026, month, day).at(hour, 0, 0, 0).to_zoned(TimeZone::UTC).unwrap().timestamp();
            let measures = [("answered", 100), ("answeredWithin", good)];
            row(&noon(10).to_string(), &noon(11).to_string(), &measures)
        })
    });
    rows.collect()
}

#[test]
fn risks_of_one_period_and_the_next_are_announced_whether_or_not_anybody_looked_in_between() {
    for (july, expected) in [
        // Two risks, each announced; with its period the first one is over, and nobody says that it was cleared.
        (70, &["AtRisk level: 2026-06", "AtRisk level: 2026-07"][..]),
        (90, &["AtRisk level: 2026-06"]),
    ] {
        let case = Case::new(terms(CONTRACT, &[("level", LEVEL)]), summer(70, july));
        let risks = |absence: Option<[&str; 2]>| {
            let mut life = Life::of(&case, true);
            let [gone, back] = absence.unwrap_or(["2026-07-01T00:00:00Z"; 2]);
            life.live(instant("2026-06-20T00:00:00Z"), instant(gone), |_, _, _| {});
            life.live(instant(back), instant("2026-07-20T00:00:00Z"), |_, _, _| {});
            let of_risks = life.events.iter().filter(|event| event.split(' ').nth(1) == Some("AtRisk"));
            let words = of_risks.map(|event| {
                let (_, what) = event.split_once(' ').unwrap();
                what.split(' ').take(3).collect::<Vec<_>>().join(" ")
            });
            words.collect::<Vec<_>>()
        };
        assert_eq!(risks(None), expected, "{july}: looked at all the time");
        assert_eq!(risks(Some(["2026-06-30T18:00:00Z", "2026-07-09T12:00:00Z"])), expected, "{july}: away in between");
    }
}
