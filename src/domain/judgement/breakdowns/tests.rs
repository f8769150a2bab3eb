//! Days and parts of whole contracts: they are of the figures that were judged, exactly.

use super::*;
use crate::domain::fixtures::contracts::*;
use crate::domain::judgement::outcome::NOTHING_SAID;
use crate::domain::measuring::breakdown::{Counts, Each, Group, Part, PartOf};
use crate::domain::measuring::row::Row;

const CONTRACT: &str = "
    term: {start: 2026-01-01, end: 2026-12-31}
    feeds: [{name: acd, url: 'https://feeds.example', cadence: 24h}]
    calendar: {serviceHours: [{days: [Monday, Tuesday, Wednesday, Thursday, Friday], from: '08:00', to: '20:00'}]}
    charges: {currency: GBP, amount: 100000}
    ";
const LEVEL: &str = "
    kpi: ServiceLevel
    variant: AnsweredOnly
    objective: {target: 80}
    rounding: {decimals: 1}
    ";

/// A row of a day and a site, with how many of how many in time.
fn day(date: &str, site: &str, good: i64, all: i64) -> Row {
    let next = crate::domain::terms::calendar::days_after(date.parse().unwrap(), 1);
    let measures = [("answeredWithin", good), ("answered", all), ("abandoned", 0), ("abandonedWithin", 0)];
    row(&format!("{date}T00:00Z"), &format!("{next}T00:00Z"), &measures)
        .labelled("site", site)
        .labelled("queue", "care")
}

/// The weekdays of January and February: Bogotá answers 91 of 101 calls in time, Cebu 61 of 97 in January and 83 of 97 in February.
fn rows() -> Vec<Row> {
    let days = crate::domain::terms::calendar::days_from("2026-01-01".parse().unwrap()).take(59);
    let days =
        days.filter(|day| !matches!(day.weekday(), jiff::civil::Weekday::Saturday | jiff::civil::Weekday::Sunday));
    days.flat_map(|date| {
        let cebu = if date.month() == 1 { 61 } else { 83 };
        [day(&date.to_string(), "Bogotá", 91, 101), day(&date.to_string(), "Cebu", cebu, 97)]
    })
    .collect()
}

fn broken(case: &Case, now: &str) -> (Vec<SlaReportSpec>, Breakdowns) {
    let reports = case.judge(now).into_reports();
    let asked: Vec<&SlaReportSpec> = reports.iter().collect();
    let rows = case.packed();
    let facts = ContractFacts {
        name: "acme",
        terms: &case.terms,
        closed_under: &case.closed_under,
        rows: &rows,
        journal: case.journal.as_ref(),
        said: &NOTHING_SAID,
    };
    let found = break_down(&facts, &asked, instant(now), instant(now)).unwrap();
    (reports, found)
}

fn sums<'c>(counts: impl Iterator<Item = &'c Counts>) -> (Exact, Exact) {
    counts.fold((Exact::ZERO, Exact::ZERO), |(above, below), counts| {
        (above + &counts.numerator, below + &counts.denominator)
    })
}

/// Holds everything inside of a value to the line that a report has.
fn adds_up(line: &KpiLine, inside: &Breakdown) {
    let shown = |(above, below): (Exact, Exact)| (Some(above.show(6)), Some(below.show(6)));
    let wanted = (line.numerator.clone(), line.denominator.clone());
    assert!(inside.steps_add_up, "{}", line.name);
    assert_eq!(shown(sums(inside.steps.iter().map(|step| &step.counts))), wanted, "days of {}", line.name);
    let whole = &inside.whole;
    let value = (&whole.numerator * &Exact::HUNDRED).checked_div(&whole.denominator).unwrap();
    let beyond = value - &inside.aim.target;
    assert_eq!(inside.steps.iter().filter_map(|step| step.effect.as_ref()).sum::<Exact>(), beyond, "{}", line.name);
    let so_far = inside.steps.iter().filter_map(|step| step.so_far.as_ref()).next_back();
    assert_eq!(so_far.map(|value| value.show_as(inside.rounding.as_ref())), line.value, "{}", line.name);
    for group in &inside.groups {
        assert_eq!(shown(sums(group.parts.iter().map(|part| &part.counts))), wanted, "{:?}", group.label);
        let effects = group.parts.iter().filter_map(|part| part.effect.as_ref()).sum::<Exact>();
        assert_eq!(effects, beyond, "{:?}", group.label);
    }
}

#[test]
fn days_and_parts_add_up_to_each_line_of_each_report() {
    let relief = "relief: [{name: flood, cause: ForceMajeure, from: 2026-01-05T00:00:00Z, to: 2026-01-06T00:00:00Z,
        decision: Accepted, labels: {site: Cebu}, decidedAt: 2026-01-20T00:00:00Z}]";
    for (name, contract) in
        [("plain", CONTRACT.to_owned()), ("with relief", format!("{}\n    {relief}", CONTRACT.trim_end()))]
    {
        let case = Case::new(terms(&contract, &[("level", LEVEL)]), rows());
        let (reports, found) = broken(&case, "2026-03-20T00:00Z");
        assert!(reports.len() >= 2, "{name}");
        for (report, made_of) in reports.iter().zip(&found.reports) {
            for line in &report.kpis {
                adds_up(line, made_of.get(&line.name).unwrap_or_else(|| panic!("{name}: {}", line.name)));
            }
        }
        let january = &found.reports[0]["level"];
        assert_eq!((january.each, january.steps.len()), (Each::Day, 22), "{name}: days without service are left out");
        let first_monday = january.steps.iter().find(|step| step.name == "2026-01-05").unwrap();
        let before = first_monday.before_relief.as_ref().map(|value| value.show(1));
        assert_eq!(before.as_deref(), (name == "with relief").then_some("76.8"), "{name}");
    }
}

#[test]
fn the_part_that_lowers_a_value_comes_first_and_others_lift_it() {
    let case = Case::new(terms(CONTRACT, &[("level", LEVEL)]), rows());
    let (_, found) = broken(&case, "2026-03-20T00:00Z");
    let [Group { label, parts, adds_up: true }] = found.reports[0]["level"].groups.as_slice() else {
        panic!("the queue is the same everywhere: {:?}", found.reports[0]["level"].groups)
    };
    assert_eq!(label.as_deref(), Some("site"));
    let shown = |part: &Part| (part.of.clone(), part.meets, part.effect.as_ref().map(Exact::is_negative));
    let of = |site: &str| PartOf::Value(site.to_owned());
    let found: Vec<_> = parts.iter().map(shown).collect();
    assert_eq!(found, [(of("Cebu"), Some(false), Some(true)), (of("Bogotá"), Some(true), Some(false))]);
}

#[test]
fn a_restated_report_is_made_of_the_rows_that_restated_it() {
    let mut case = Case::new(terms(CONTRACT, &[("level", LEVEL)]), rows());
    case.add(vec![day("2026-01-07", "Cebu", 97, 97).revised(2).known("2026-03-10T00:00Z")]);
    let (reports, found) = broken(&case, "2026-03-20T00:00Z");
    let revisions: Vec<(&str, i64)> = reports.iter().map(|it| (it.period.name.as_str(), it.revision)).collect();
    assert_eq!(revisions, [("2026-01", 1), ("2026-01", 2), ("2026-02", 1)]);
    for (report, made_of) in reports.iter().zip(&found.reports) {
        adds_up(&report.kpis[0], &made_of["level"]);
    }
    let of_day = |report: usize| {
        let steps = &found.reports[report]["level"].steps;
        steps.iter().find(|step| step.name == "2026-01-07").unwrap().counts.numerator.show(0)
    };
    assert_eq!((of_day(0), of_day(1)), ("152".to_owned(), "188".to_owned()));
}

#[test]
fn figures_that_the_rows_do_not_make_have_no_breakdown() {
    let case = Case::new(terms(CONTRACT, &[("level", LEVEL)]), rows());
    let mut reports = case.judge("2026-03-20T00:00Z").into_reports();
    reports[0].kpis[0].evidence.digest = "sha256:of other rows".to_owned();
    let rows = case.packed();
    let facts = ContractFacts {
        name: "acme",
        terms: &case.terms,
        closed_under: &case.closed_under,
        rows: &rows,
        journal: None,
        said: &NOTHING_SAID,
    };
    let now = instant("2026-03-20T00:00Z");
    let found = break_down(&facts, &reports.iter().collect::<Vec<_>>(), now, now).unwrap();
    assert!(found.reports[0].is_empty() && found.reports[1].contains_key("level"));
}

#[test]
fn the_running_period_reaches_as_far_as_its_rows() {
    let backlog = "
        kpi: Custom
        formula: {numerator: open, denominator: agents, scale: 1, unit: Count, better: Lower}
        objective: {comparison: AtMost, target: 5}
        ";
    let mut rows = rows();
    rows.truncate(2 * 32);
    let case = Case::new(terms(CONTRACT, &[("level", LEVEL), ("backlog", backlog)]), rows);
    let (_, found) = broken(&case, "2026-02-15T00:00Z");
    assert_eq!(found.running_period.as_deref(), Some("2026-02"));
    let level = &found.running["level"];
    assert_eq!(level.steps.last().map(|step| step.name.as_str()), Some("2026-02-13"));
    assert_eq!(level.days, ("2026-02-01".parse().unwrap(), "2026-02-28".parse().unwrap()));
    let so_far = level.steps.iter().filter_map(|step| step.so_far.clone()).next_back();
    assert_eq!(so_far, level.whole.value);
    assert!(found.running["backlog"].steps.iter().all(|step| step.counts.rows == 0));
}

#[test]
fn a_tally_shows_each_day_as_it_was_judged() {
    let tally = "
        kpi: ServiceLevel
        variant: AnsweredOnly
        objective: {target: 2}
        tally: {each: Day, comparison: AtLeast, target: 80}
        ";
    let case = Case::new(terms(CONTRACT, &[("bad-days", tally)]), rows());
    let (reports, found) = broken(&case, "2026-03-20T00:00Z");
    let made_of = &found.reports[0]["bad-days"];
    let missed = made_of.steps.iter().filter(|step| step.verdict == crate::api::kpi_target::Verdict::Missed).count();
    assert_eq!(reports[0].kpis[0].value.as_deref(), Some(missed.to_string().as_str()));
    assert!(made_of.is_tally && made_of.steps_add_up && made_of.groups.is_empty());
    assert_eq!(made_of.steps[0].counts.value.as_ref().map(|value| value.show(1)).as_deref(), Some("76.8"));
}
