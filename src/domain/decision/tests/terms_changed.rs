//! Terms that are changed inside a period: an Event says so once, and names the way to change them from a day on.

use super::contract_over_time::Life;
use crate::domain::fixtures::contracts::{Case, instant, row, terms};
use crate::domain::terms::amendments::amendments;
use crate::domain::terms::journal::{JournalFact, RecordedFact, TermsChanged};

const CONTRACT: &str = "
term: {start: 2026-06-01, end: 2027-05-31}
feeds: [{name: acd, url: 'https://feeds.acme.example', cadence: 24h, lateness: 72h}]
";

fn level(target: u32) -> String {
    format!("kpi: ServiceLevel\nvariant: AnsweredOnly\nobjective: {{target: {target}}}")
}

#[test]
fn a_change_that_reaches_back_into_the_running_period_raises_one_event_and_one_that_does_not_raises_none() {
    // What changes on 14 July, and the Events that follow by the middle of August.
    let before = terms(CONTRACT, &[("level", &level(80))]);
    let scheduled = "\n  schedule: [{from: 2026-08-01, target: 85}]";
    let after_schedule = level(80).replace("{target: 80}", "") + "\n  target: 80" + scheduled;
    let cases = [
        (
            level(85),
            vec![
                "2026-07-14T08:00:00Z TermsChangedInPeriod level: spec.objective.target changed from 80 to 85 at \
                 2026-07-14T08:00:00Z: all of 2026-07 is judged by it. To change targets or charges from a day on, write `schedule`"
                    .to_owned(),
            ],
        ),
        (after_schedule, Vec::new()),
        (level(80) + "\ngoalRef: reachable", Vec::new()),
    ];
    for (kpi, expected) in cases {
        let days = (1..=31).map(|day| {
            let (start, end) = (format!("2026-07-{day:02}T00:00Z"), instant(&format!("2026-07-{day:02}T00:00Z")));
            let end = end.checked_add(jiff::SignedDuration::from_hours(24)).unwrap().to_string();
            row(&start, &end, &[("answered", 100), ("answeredWithin", 83)])
        });
        let after = terms(CONTRACT, &[("level", &kpi)]);
        let at = instant("2026-07-14T08:00:00Z");
        let fact = JournalFact::TermsChanged(TermsChanged { amendments: amendments(&before, &after, at) });
        let case = Case::new(after, days.collect());
        let mut life = Life::of(&case, true);
        life.live(instant("2026-07-10T00:00Z"), at, |_, _, _| {});
        life.keep(RecordedFact { name: String::new(), fact, recorded_at: at });
        life.live(at, instant("2026-08-15T00:00Z"), |_, _, _| {});
        let announced: Vec<String> =
            life.events.iter().filter(|event| event.contains("TermsChangedInPeriod")).cloned().collect();
        assert_eq!(announced, expected, "{kpi}");
    }
}
