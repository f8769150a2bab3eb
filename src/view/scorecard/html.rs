//! The scorecard as a page.

use maud::{Markup, html};

use super::{PERIODS, Past, Scorecard};
use crate::view::charts::{bullet, colour};
use crate::view::links::Links;
use crate::view::marks::{rank, verdict};
use crate::view::page::{Frame, crumbs, keys, legend, linked, page, pairs};
use crate::view::words::verdict_title;

/// The page.
pub fn html(card: &Scorecard, links: Links) -> String {
    let frame = Frame {
        title: format!("{}: scorecard", card.contract),
        crumbs: crumbs(links, (card.contract.clone(), None), "Scorecard"),
        as_of: card.vendor.clone(),
        running_foot: format!("{} · scorecard", card.contract),
        links,
    };
    let main = html! {
        header.opening {
            div {
                p.kicker { "Contract " (card.contract) " with " (card.vendor) }
                h1 { (card.headline) }
            }
            dl.facts { @for (name, fact) in &card.facts { div { dt { (name) } dd { (fact) } } } }
        }
        (keys(&card.keys))
        section aria-labelledby="targets" { h2 #targets { "Targets" } (lines(card, links)) }
        section aria-labelledby="raise" {
            h2 #raise { "To raise in the next review" }
            @if card.to_raise.is_empty() { p.text { "Nothing that the data shows." } }
            @else { ol.raise { @for item in &card.to_raise { li.text { (item) } } } }
        }
        section aria-labelledby="commitments" { h2 #commitments { "Commitments" } (pairs(&card.commitments)) }
        @if let Some(year) = &card.year {
            section aria-labelledby="year" { h2 #year { "The year" } (year.draw()) }
        }
        section aria-labelledby="data" { h2 #data { "Data" } (pairs(&card.feeds)) }
        (more(card, links))
        @if !card.advice.is_empty() {
            section aria-labelledby="advice" {
                h2 #advice { "Advice on the contract itself" }
                details.figures.advised {
                    summary { (card.advice.len()) @if card.advice.len() == 1 { " suggestion" } @else { " suggestions" } }
                    ul.advice { @for item in &card.advice { li.text { (item) } } }
                }
            }
        }
        (legend())
    };
    page(&frame, &main).into_string()
}

/// Links to the reports and launches of the contract, in the dashboard.
fn more(card: &Scorecard, links: Links) -> Markup {
    let Some(calendar) = links.calendar(&card.namespace, &card.contract) else { return html! {} };
    html! {
        section aria-labelledby="more" {
            h2 #more { "Reports and launches" }
            ul.links {
                li { (linked("Calendar file", Some(&calendar))) }
                @for report in &card.reports { li { (linked(report, links.report(&card.namespace, report).as_deref())) } }
                @for launch in &card.launches { li { (linked(launch, links.launch(&card.namespace, launch).as_deref())) } }
            }
        }
    }
}

fn lines(card: &Scorecard, links: Links) -> Markup {
    html! {
        table.result.stack role="table" {
            caption.hidden { "Each KPI: target, latest closed period, past periods, running period" }
            thead role="rowgroup" {
                tr role="row" {
                    @for head in ["KPI", "Target", "Closed"] { th role="columnheader" scope="col" { (head) } }
                    th.picture role="columnheader" scope="col" { "Against target and bands" }
                    @for head in ["Closed periods", "So far"] { th role="columnheader" scope="col" { (head) } }
                }
            }
            tbody role="rowgroup" {
                @for line in &card.lines {
                    tr role="row" {
                        th role="rowheader" scope="row" {
                            span.name { (linked(&line.title, links.kpi(&card.namespace, &line.name).as_deref())) }
                            @if let Some(standing) = line.standing { " " span.note { (standing) } }
                            @if line.title != line.name { span.object { (line.name) } }
                        }
                        td role="cell" data-label="Target" { (line.target) }
                        td role="cell" data-label="Closed" {
                            @match (&line.last, line.verdict) {
                                (Some((period, value)), Some(found)) => {
                                    span.value-cell { (value) } " " (verdict(found, line.severity))
                                    span.note.under { (period) }
                                }
                                _ => span.note { "none yet" },
                            }
                        }
                        td.picture role="cell" { @if let Some(chart) = &line.bullet { (bullet(chart)) } }
                        td role="cell" data-label="Closed periods" { (past(&line.title, &line.history)) }
                        td role="cell" data-label="So far" {
                            span.value-cell { (line.running.as_deref().unwrap_or("–")) }
                            @if let Some(outlook) = &line.outlook { span.note.under { (outlook) } }
                            @if line.at_risk.is_some() { span.risk { "at risk" } }
                        }
                    }
                }
            }
        }
    }
}

/// A bar for each closed period: up where the target was met, down where it was missed, the longer the graver.
fn past(title: &str, history: &[Past]) -> Markup {
    if history.is_empty() {
        return html! { span.note { "none yet" } };
    }
    let described: Vec<String> =
        history.iter().map(|past| format!("{} {} {}", past.period, past.value, verdict_title(past.verdict))).collect();
    html! {
        svg.past role="img" aria-label={ (title) ": " (described.join("; ")) } width="118" height="36" viewBox="0 0 118 36" {
            line.base x1="0" x2="118" y1="18" y2="18" {}
            @for (index, past) in history.iter().enumerate() {
                @let x = (PERIODS - history.len().min(PERIODS) + index) * 9;
                @let (y, height) = bar(past);
                rect class=(colour(past.verdict, past.severity)) x=(x) width="7" y=(y) height=(height) {
                    title { (past.period) ": " (past.value) ", " (verdict_title(past.verdict)) }
                }
            }
        }
    }
}

fn bar(past: &Past) -> (u32, u32) {
    use crate::api::kpi_target::Verdict;
    match past.verdict {
        Verdict::Met => (4, 14),
        Verdict::Excused => (10, 8),
        Verdict::Missed => (18, 3 + 3 * past.severity.map_or(1, rank)),
        _ => (17, 2),
    }
}
