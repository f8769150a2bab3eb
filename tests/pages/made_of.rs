//! Days and parts of every figure of the examples: they add up to the report, exactly, and each of them is in every document.

use std::io::Cursor;
use std::str::FromStr;

use bpo_operator::api::SlaReportSpec;
use bpo_operator::api::sla_report::KpiLine;
use bpo_operator::domain::measuring::breakdown::{Breakdown, Counts, PartOf};
use bpo_operator::domain::numbers::exact::Exact;
use bpo_operator::view::made_of::MadeOf;
use bpo_operator::view::report::{self, PeriodReport, earlier};
use calamine::{Data, Reader, Xlsx};
use rust_decimal::Decimal;

use crate::judged::{Inside, LATER, folders, judged_inside};
use crate::pictures::story;

fn exact(text: &str) -> Exact {
    Decimal::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}")).into()
}

fn sum<'s>(texts: impl Iterator<Item = &'s String>) -> Exact {
    texts.map(|text| exact(text)).sum()
}

/// Holds the counts that are shown to those of the line that they are of; how many figures that were.
fn adds_up(name: &str, line: &KpiLine, made: &MadeOf) -> usize {
    let whole = (line.numerator.as_deref().map(exact), line.denominator.as_deref().map(exact));
    let mut checked = 0;
    let is_tally = line.tally.is_some();
    if made.days_add_up && !is_tally {
        let above = sum(made.days.iter().filter_map(|day| day.numerator.as_ref()));
        let below = sum(made.days.iter().map(|day| &day.denominator));
        assert_eq!((Some(above), Some(below)), whole, "{name}, days of {}", line.name);
        checked += 1;
    }
    for group in made.parts.iter().filter(|group| group.adds_up) {
        let above = sum(group.parts.iter().filter_map(|part| part.numerator.as_ref()));
        let below = sum(group.parts.iter().map(|part| &part.denominator));
        assert_eq!((Some(above), Some(below)), whole, "{name}, {} by {}", line.name, group.label);
        checked += 1;
    }
    checked
}

fn facts<'a>(
    name: &'a str,
    spec: &'a SlaReportSpec,
    before: &'a [&'a SlaReportSpec],
    inside: &'a Inside,
) -> report::Facts<'a> {
    let evidence = inside.of(name, before.first().copied());
    report::Facts { namespace: "", name, report: spec, status: None, terms: None, earlier: before, evidence }
}

#[test]
fn days_and_parts_of_every_figure_of_the_examples_add_up_to_it_and_are_in_every_document() {
    let (mut checked, mut without) = (0, Vec::new());
    let examples = folders().into_iter().map(|folder| judged_inside(&folder, LATER));
    for (view, inside) in examples.chain([story()]) {
        for (_, name, spec) in &view.reports {
            let before = earlier(view.reports.iter().map(|(.., spec)| spec), spec);
            let facts = facts(name, spec, &before, &inside);
            let shown = PeriodReport::of(&facts);
            for line in spec.kpis.iter().filter(|line| line.value.is_some()) {
                if !inside.reports[name].contains_key(&line.name) {
                    without.push(format!("{name} {}", line.name));
                }
            }
            let documents = [
                ("html", report::html(&shown, bpo_operator::view::links::Links::None)),
                ("markdown", report::markdown(&shown)),
                ("text", report::text(&shown)),
                ("json", serde_json::to_string(&shown).unwrap()),
            ];
            for made in &shown.made_of {
                let line = spec.kpis.iter().find(|line| line.name == made.name).unwrap();
                if line.value.is_some() {
                    checked += adds_up(name, line, made);
                }
                // Figures that come once a month have no days to show.
                for day in made.days.iter().filter(|_| made.days.len() > 1) {
                    for (format, document) in &documents {
                        assert!(
                            document.contains(&day.date) && document.contains(&day.shown),
                            "{name} {format}: {day:?}"
                        );
                    }
                }
            }
        }
    }
    assert!(without.is_empty(), "figures whose rows were not found: {without:?}");
    assert!(checked > 40, "only {checked} sums were compared");
}

/// Holds what a line lists to what its rows make; how many figures that were.
fn lists_the_same(name: &str, line: &KpiLine, broken: &Breakdown) -> usize {
    let shown = |counts: &Counts| counts.value.as_ref().map(|value| value.show_as(broken.rounding.as_ref()));
    let (days, parts) = (line.days.lines(), line.parts.lines());
    let mut compared = 0;
    for step in broken.steps.iter().filter(|_| !days.is_empty()) {
        let day = days.iter().find(|day| day.date == step.first);
        let day = day.unwrap_or_else(|| panic!("{name} {} does not list {}", line.name, step.name));
        assert_eq!(day.value, shown(&step.counts), "{name} {} on {}", line.name, step.name);
        compared += 1;
    }
    if broken.steps_add_up && !broken.is_tally && !days.is_empty() {
        let below = sum(days.iter().filter_map(|day| day.denominator.as_ref()));
        assert_eq!(Some(below), line.denominator.as_deref().map(exact), "{name}, days of {}", line.name);
    }
    for part in broken.groups.iter().flat_map(|group| group.parts.iter().map(move |part| (&group.label, part))) {
        let (Some(label), PartOf::Value(value)) = (part.0, &part.1.of) else { continue };
        let listed = parts.iter().find(|listed| listed.label.get(label) == Some(value));
        if let Some(listed) = listed {
            assert_eq!(listed.value, shown(&part.1.counts), "{name} {}, {label} {value}", line.name);
            compared += 1;
        }
    }
    compared
}

#[test]
fn what_reports_list_is_what_their_rows_make_and_is_on_pages_without_them() {
    let (mut compared, mut days) = (0, 0);
    let examples = folders().into_iter().map(|folder| judged_inside(&folder, LATER));
    for (view, inside) in examples.chain([story()]) {
        for (_, name, spec) in &view.reports {
            for line in &spec.kpis {
                let broken = inside.reports[name].get(&line.name);
                compared += broken.map_or(0, |broken| lists_the_same(name, line, broken));
            }
            let before = earlier(view.reports.iter().map(|(.., spec)| spec), spec);
            let facts = report::Facts { evidence: None, ..facts(name, spec, &before, &inside) };
            let shown = PeriodReport::of(&facts);
            let documents = [report::html(&shown, bpo_operator::view::links::Links::None), report::markdown(&shown)];
            for day in shown.made_of.iter().filter(|made| made.days.len() > 1).flat_map(|made| &made.days) {
                let is_shown = |document: &String| document.contains(&day.date) && document.contains(&day.shown);
                assert!(documents.iter().all(is_shown), "{name}: {day:?}");
                days += 1;
            }
        }
    }
    assert!(compared > 300 && days > 100, "only {compared} figures were compared, and {days} days shown");
}

#[test]
fn the_workbook_has_a_row_for_each_day_and_part_and_adds_the_days_up() {
    let (view, inside) = story();
    let (_, name, spec) = view.reports.iter().find(|(.., spec)| spec.period.name == "2026-03").unwrap();
    let before = earlier(view.reports.iter().map(|(.., spec)| spec), spec);
    let facts = facts(name, spec, &before, &inside);
    let shown = PeriodReport::of(&facts);
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(report::xlsx(&facts).unwrap())).unwrap();
    let days = book.worksheet_range("Days").unwrap();
    let formulas = book.worksheet_formula("Days").unwrap();
    assert!(formulas.rows().flatten().any(|formula| formula.starts_with("SUM(")), "{formulas:?}");
    assert!(shown.made_of.len() > 5, "{}", shown.made_of.len());
    for made in &shown.made_of {
        let own = days.rows().filter(|row| row[0] == Data::String(made.name.clone()));
        let dates: Vec<String> = own.map(|row| row[2].to_string()).filter(|date| date != "All").collect();
        assert_eq!(dates, made.days.iter().map(|day| day.date.clone()).collect::<Vec<_>>(), "{}", made.name);
    }
    let groups = shown.made_of.iter().flat_map(|made| &made.parts);
    let parts: usize = groups.map(|group| group.parts.len() + usize::from(group.adds_up)).sum();
    assert_eq!(book.worksheet_range("Parts").unwrap().rows().count(), parts + 2);
}

#[test]
fn the_report_of_the_demos_worst_month_names_the_site_and_the_days() {
    let (view, inside) = story();
    let (_, name, spec) = view.reports.iter().find(|(.., spec)| spec.period.name == "2026-03").unwrap();
    let before = earlier(view.reports.iter().map(|(.., spec)| spec), spec);
    let shown = PeriodReport::of(&facts(name, spec, &before, &inside));
    let level = shown.made_of.iter().find(|made| made.name == "acme-service-level").unwrap();
    assert!(level.summary.iter().any(|sentence| sentence.contains("All of the miss lies in site cebu")), "{level:#?}");
    assert!(level.summary[0].starts_with("Ten of 22 days"), "{:?}", level.summary);
    assert!(shown.advice.is_none());
}

/// Labels that try to be a formula, an element, a link and a cell of a table.
const HOSTILE: &str =
    "=cmd|' /C calc'!A0</style><script>alert(1)</script><img src=x onerror=alert(1)>[x](javascript:1)`\"'";

#[test]
fn hostile_labels_are_text_in_every_document() {
    let (view, mut inside) = story();
    let labelled = inside.reports.values_mut().flat_map(|made_of| made_of.values_mut());
    for group in labelled.flat_map(|broken| &mut broken.groups) {
        if group.label.is_some() {
            group.label = Some(HOSTILE.to_owned());
        }
        for part in &mut group.parts {
            part.of = match &part.of {
                PartOf::Set(labels) => {
                    PartOf::Set(labels.keys().map(|name| (name.clone(), HOSTILE.to_owned())).collect())
                }
                _ => PartOf::Value(HOSTILE.to_owned()),
            };
        }
    }
    let (_, name, spec) = view.reports.iter().find(|(.., spec)| spec.period.name == "2026-03").unwrap();
    let before = earlier(view.reports.iter().map(|(.., spec)| spec), spec);
    let facts = facts(name, spec, &before, &inside);
    let shown = PeriodReport::of(&facts);
    let page = report::html(&shown, bpo_operator::view::links::Links::None);
    assert!(page.contains("&lt;script&gt;alert(1)"), "the page shows nothing of it");
    assert_eq!(
        (page.matches("<script").count(), page.matches("<img").count(), page.matches("</style>").count()),
        (0, 0, 1)
    );
    let markdown = report::markdown(&shown);
    assert!(markdown.contains("alert(1)") && !markdown.contains("<script") && !markdown.contains("[x](javascript"));
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(report::xlsx(&facts).unwrap())).unwrap();
    let formulas = book.worksheet_formula("Parts").unwrap();
    assert!(formulas.rows().flatten().all(String::is_empty), "a label became a formula");
    let parts = book.worksheet_range("Parts").unwrap();
    let is_shown = |cell: &Data| matches!(cell, Data::String(text) if text.starts_with("=cmd|"));
    assert!(parts.rows().flatten().filter(|cell| is_shown(cell)).count() > 5);
}
