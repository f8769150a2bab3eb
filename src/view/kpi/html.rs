//! A KPI as a page.

use maud::{Markup, html};

use super::{KpiPage, PeriodLine};
use crate::view::links::Links;
use crate::view::made_of::{advice_html, full};
use crate::view::marks::verdict;
use crate::view::page::{Frame, crumbs, figures, keys, legend, linked, page, pairs};

const HEADS: [&str; 5] = ["Period", "Value", "Target", "Verdict", "Volume"];

const HOW_DAYS_READ: &str = "A disc met the target by itself, a square did not; the line is the value so far, the dashed line the target. Below: the volume of each.";

/// The page.
pub fn html(kpi: &KpiPage, links: Links) -> String {
    let frame = Frame {
        title: format!("{}: {}", kpi.contract, kpi.title),
        crumbs: crumbs(links, (kpi.contract.clone(), links.scorecard(&kpi.namespace, &kpi.contract)), &kpi.title),
        as_of: kpi
            .facts
            .iter()
            .find(|(name, _)| *name == "Data through")
            .map_or_else(|| kpi.name.clone(), |(name, at)| format!("{name} {at}")),
        running_foot: format!("{} · {}", kpi.contract, kpi.title),
        links,
    };
    let main = html! {
        header.opening {
            div {
                p.kicker { "KPI " (kpi.name) " of contract " (kpi.contract) }
                h1 { (kpi.headline) }
                p.lede { (kpi.summary.join(" ")) }
            }
            dl.facts { @for (name, fact) in &kpi.facts { div { dt { (name) } dd { (fact) } } } }
        }
        (keys(&kpi.keys))
        section aria-labelledby="history" {
            h2 #history { "Periods" }
            p.text { (how_to_read(kpi)) }
            (kpi.history.draw(&kpi.title))
            (figures(&kpi.title, &HEADS, &kpi.history.table()))
            @if let Some((title, history)) = &kpi.counter {
                h3 { "The metric that guards it: " (title) }
                (history.draw(title))
                (figures(title, &HEADS, &history.table()))
            }
        }
        @for (number, period) in kpi.inside.iter().enumerate() {
            section aria-labelledby={ "inside-" (number) } {
                h2 id={ "inside-" (number) } {
                    (period.period) @if period.running { ", day by day" } @else { ", as it ran" }
                }
                p.note { (HOW_DAYS_READ) }
                (full(&period.made_of))
            }
        }
        @if let Some(advice) = &kpi.advice {
            section aria-labelledby="days" { h2 #days { "Day by day, and where" } (advice_html(advice)) }
        }
        section aria-labelledby="reports" { h2 #reports { "Period by period" } (periods(kpi, links)) }
        @if !kpi.tiers.is_empty() { section aria-labelledby="tiers" { h2 #tiers { "Tiers" } (tiers(kpi)) } }
        section aria-labelledby="rules" {
            h2 #rules { "How it is judged" }
            (pairs(&kpi.rules))
            @if !kpi.bands.is_empty() { (bands(kpi)) }
        }
        (legend())
    };
    page(&frame, &main).into_string()
}

fn how_to_read(kpi: &KpiPage) -> &'static str {
    match kpi.history.limits {
        Some(_) => {
            "The dashed line is the target in force. Marks outside the dotted control limits (mean ± 2.66 mean moving ranges) are not chance. A square is a miss, a ring is open."
        }
        None => {
            "The dashed line is the target in force; a square is a miss, a ring is open. Control limits need seven closed periods."
        }
    }
}

fn periods(kpi: &KpiPage, links: Links) -> Markup {
    if kpi.periods.is_empty() {
        return html! { p.text { "No period has closed yet." } };
    }
    html! {
        table.stack role="table" {
            caption.hidden { "Each closed period, the newest first" }
            thead role="rowgroup" {
                tr role="row" {
                    @for head in ["Period", "Counts", "Value", "Target", "Verdict"] { th role="columnheader" scope="col" { (head) } }
                    @for head in ["Points", "Credit"] { th.number role="columnheader" scope="col" { (head) } }
                }
            }
            tbody role="rowgroup" { @for line in &kpi.periods { (period(kpi, line, links)) } }
        }
    }
}

fn period(kpi: &KpiPage, line: &PeriodLine, links: Links) -> Markup {
    let report = line.report.as_deref().and_then(|report| links.report(&kpi.namespace, report));
    html! {
        tr role="row" {
            th role="rowheader" scope="row" {
                span.name { (linked(&line.period, report.as_deref())) }
                @for remark in &line.remarks { span.under { (remark) } }
            }
            td role="cell" data-label="Counts" { (line.counts.as_deref().unwrap_or("–")) }
            td role="cell" data-label="Value" {
                span.value-cell { (line.value) }
                @if let Some(before) = &line.before_relief { span.under { (before) " before relief" } }
            }
            td role="cell" data-label="Target" { (line.target.as_deref().unwrap_or("–")) }
            td role="cell" { (verdict(line.verdict, line.severity)) }
            td.number role="cell" data-label="Points" { (line.points) }
            td.number role="cell" data-label="Credit" { (line.credit.as_deref().unwrap_or("–")) }
        }
    }
}

fn tiers(kpi: &KpiPage) -> Markup {
    html! {
        table.stack role="table" {
            caption.hidden { "Each tier against its own target" }
            thead role="rowgroup" {
                tr role="row" { @for head in ["Tier", "Value", "Target", "Verdict"] { th role="columnheader" scope="col" { (head) } } }
            }
            tbody role="rowgroup" {
                @for (tier, value, target, found) in &kpi.tiers {
                    tr role="row" {
                        th role="rowheader" scope="row" { span.name { (tier) } }
                        td role="cell" data-label="Value" { (value) }
                        td role="cell" data-label="Target" { (target) }
                        td role="cell" { (verdict(*found, None)) }
                    }
                }
            }
        }
    }
}

fn bands(kpi: &KpiPage) -> Markup {
    html! {
        h3 { "What a miss costs" }
        table.stack role="table" {
            caption.hidden { "Bands of misses from the target on" }
            thead role="rowgroup" {
                tr role="row" { @for head in ["Severity", "Reach", "Cost"] { th role="columnheader" scope="col" { (head) } } }
            }
            tbody role="rowgroup" {
                @for band in &kpi.bands {
                    tr role="row" {
                        th role="rowheader" scope="row" { (verdict(crate::api::kpi_target::Verdict::Missed, Some(band.severity))) }
                        td role="cell" data-label="Reach" { (band.reach) }
                        td role="cell" data-label="Cost" { (band.cost) }
                    }
                }
            }
        }
    }
}
