use super::*;
use crate::domain::fixtures::contracts::{instant, terms};
use crate::domain::terms::journal::{RecordedFact, TermsChanged};

const CONTRACT: &str = "
    term: {start: 2026-01-01, end: 2026-12-31}
    timeZone: Europe/London
    feeds: [{name: acd, url: 'https://feeds.example'}]
    contacts: [{name: sam}]
    charges: {currency: GBP, amount: 1000}
    ";
const KPI: &str = "
    kpi: ServiceLevel
    objective: {target: 80}
    bands: [{severity: Minor, bound: 75, points: 1}, {severity: Serious, points: 2}]
    owner: sam
    ";

fn of(contract: &str, kpi: &str) -> Terms {
    terms(contract, &[("level", kpi)])
}

fn changes(was: &Terms, now: &Terms) -> Vec<String> {
    let found = amendments(was, now, instant("2026-05-12T09:00:00Z"));
    let word = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
    found
        .iter()
        .map(|one| {
            let reach = if one.reaches_back { " reaches back" } else { "" };
            format!("{}: {} → {}{reach}", one.place(), word(&one.was), word(&one.now))
        })
        .collect()
}

#[test]
fn each_change_is_named_with_what_it_was_and_whether_it_reaches_back_into_the_running_period() {
    let before = of(CONTRACT, KPI);
    let with = |was: &str, now: &str| {
        assert!(CONTRACT.contains(was) || KPI.contains(was), "{was}");
        of(&CONTRACT.replace(was, now), &KPI.replace(was, now))
    };
    let cases: [(Terms, &[&str]); 11] = [
        (before.clone(), &[]),
        (with("target: 80", "target: 85"), &["KpiTarget level spec.objective.target: 80 → 85 reaches back"]),
        (with("points: 1", "points: 3"), &["KpiTarget level spec.bands[Minor].points: 1 → 3 reaches back"]),
        (with("amount: 1000", "amount: 1200"), &["VendorContract spec.charges.amount: 1000 → 1200 reaches back"]),
        // What is announced for a later day changes nothing that ran before.
        (
            with("target: 80", "target: 80, schedule: [{from: 2026-06-01, target: 85}]"),
            &["KpiTarget level spec.objective.schedule[2026-06-01]: - → {\"from\":\"2026-06-01\",\"target\":85}"],
        ),
        (
            with("target: 80", "target: 80, schedule: [{from: 2026-05-01, target: 85}]"),
            &[
                "KpiTarget level spec.objective.schedule[2026-05-01]: - → {\"from\":\"2026-05-01\",\"target\":85} reaches back",
            ],
        ),
        // Who is served, who answers, and whom to call, is judged by nobody.
        (
            with("timeZone: Europe/London", "timeZone: Europe/London\n    client: {name: Client plc}"),
            &["VendorContract spec.client: - → {\"name\":\"Client plc\"}"],
        ),
        (with("owner: sam", "owner: zoe"), &["KpiTarget level spec.owner: sam → zoe"]),
        (with("[{name: sam}]", "[{name: sam, role: lead}]"), &["VendorContract spec.contacts[sam].role: - → lead"]),
        (
            terms(
                CONTRACT,
                &[("level", KPI), ("more", "kpi: Occupancy\nobjective: {target: 80, comparison: AtLeast}")],
            ),
            &["KpiTarget more spec: - → added"],
        ),
        (terms(CONTRACT, &[]), &["KpiTarget level spec: removed → - reaches back"]),
    ];
    for (now, expected) in cases {
        let found: Vec<String> = changes(&before, &now)
            .into_iter()
            .map(|line| match line.split_once(" spec: ") {
                Some((place, rest)) if rest.starts_with('-') => format!("{place} spec: - → added"),
                Some((place, rest)) => format!(
                    "{place} spec: removed → -{}",
                    if rest.ends_with("reaches back") { " reaches back" } else { "" }
                ),
                None => line,
            })
            .collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn advice_names_the_schedule_until_the_period_is_over() {
    let (was, now) = (of(CONTRACT, KPI), of(CONTRACT, &KPI.replace("target: 80", "target: 85")));
    let at = instant("2026-05-12T09:00:00Z");
    let changed = TermsChanged { amendments: amendments(&was, &now, at) };
    let fact = JournalFact::TermsChanged(changed);
    let journal = Journal { facts: vec![RecordedFact { name: String::new(), fact, recorded_at: at }] };
    let calendar = Calendar::of(&now.contract).unwrap();
    let periods = Periods::of(&now.contract, &calendar);
    let advice = |now: &str| advice_on_changes(Some(&journal), &periods, instant(now));
    let standing = advice("2026-05-20T00:00:00Z");
    assert_eq!(standing.len(), 1);
    assert_eq!((standing[0].finding.as_str(), standing[0].kpi.as_deref()), (TERMS_CHANGED, Some("level")));
    let message = &standing[0].message;
    for part in ["spec.objective.target changed from 80 to 85", "all of 2026-05", "`schedule`"] {
        assert!(message.contains(part), "{message}");
    }
    assert!(message.len() <= 256, "{message}");
    assert_eq!(advice("2026-05-12T08:59:59Z"), []);
    assert_eq!(advice("2026-06-01T00:00:00Z"), []);
    assert_eq!(advice_on_changes(None, &periods, instant("2026-05-20T00:00:00Z")), []);
}
