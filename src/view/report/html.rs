//! The report as a page: for a browser, for a mail, and for paper.

use maud::{Markup, html};

use super::{Change, LedgerWeight, Money, PeriodReport, ResultLine};
use crate::api::kpi_target::Verdict;
use crate::view::charts::{bullet, waterfall};
use crate::view::links::Links;
use crate::view::made_of::{MadeOf, advice_html, full, in_a_shell, small};
use crate::view::marks::verdict;
use crate::view::page::{Frame, crumbs, keys, linked, page, pairs};
use crate::view::words::{list, points};

/// The page.
pub fn html(report: &PeriodReport, links: Links) -> String {
    let state =
        report.facts.iter().find(|(name, _)| *name == "State").map(|(_, state)| state.clone()).unwrap_or_default();
    let frame = Frame {
        title: format!("{}: service level report, {}", report.name, report.period),
        crumbs: crumbs(
            links,
            (report.contract.clone(), links.scorecard(&report.namespace, &report.contract)),
            &report.period,
        ),
        as_of: state.clone(),
        running_foot: format!("{} · {state}", report.name),
        links,
    };
    let mut number = 0;
    let mut section = |title: &str, content: Markup| {
        number += 1;
        html! {
            section aria-labelledby={ "section-" (number) } {
                h2 id={ "section-" (number) } { span.no { (number) } (title) }
                (content)
            }
        }
    };
    let main = html! {
        (opening(report, links))
        (section("Result", result(&report.lines)))
        (section("What follows", follows(report)))
        (section("From counts to money", sums(report)))
        (section("What it means", insight(report)))
        (section("What changed", changes(report)))
        (section("Day by day, and where", made_of(report)))
        (section("What else there is to know", pairs(&report.notes)))
        (section("Evidence, and how to check it", evidence(report)))
        (section("Signatures", signatures(report)))
    };
    page(&frame, &main).into_string()
}

fn opening(report: &PeriodReport, links: Links) -> Markup {
    html! {
        header.opening {
            div {
                p.kicker { "Service level report · " (report.parties()) }
                h1 { (report.headline) }
                p.lede { (report.summary.join(" ")) }
                @if let Some(workbook) = links.workbook(&report.namespace, &report.name) {
                    p.links { (linked("As a workbook", Some(&workbook))) }
                }
                @if report.rehearsal { p.lede { strong { "This is a report of a rehearsal. It binds nobody." } } }
            }
            dl.facts {
                @for (name, fact) in &report.facts { div { dt { (name) } dd { (fact) } } }
            }
        }
        (keys(&report.keys))
    }
}

fn result(lines: &[ResultLine]) -> Markup {
    html! {
        table.result.stack role="table" {
            caption.hidden { "The result of each KPI" }
            thead role="rowgroup" {
                tr role="row" {
                    @for head in ["KPI", "Target", "Value", "Verdict"] { th role="columnheader" scope="col" { (head) } }
                    th.picture role="columnheader" scope="col" { "Against target and bands" }
                    th.number role="columnheader" scope="col" { "Points" }
                }
            }
            tbody role="rowgroup" {
                @for line in lines {
                    tr role="row" {
                        th role="rowheader" scope="row" { (name(line)) }
                        td role="cell" data-label="Target" { (line.target) }
                        td.value-cell role="cell" data-label="Value" { (line.value.as_deref().unwrap_or("–")) }
                        td role="cell" { (verdict(line.verdict, line.severity)) }
                        td.picture role="cell" { @if let Some(chart) = &line.bullet { (bullet(chart)) } }
                        td.number role="cell" data-label="Points" { (line.points) }
                    }
                }
            }
        }
    }
}

fn name(line: &ResultLine) -> Markup {
    html! {
        span.name { (line.title) }
        @if let Some(standing) = line.standing { " " span.note { (standing) } }
        @if line.title != line.name { span.object { (line.name) } }
    }
}

fn follows(report: &PeriodReport) -> Markup {
    if report.follows.is_empty() {
        return html! { p.text { "No trigger holds at this period." } };
    }
    html! {
        table.stack role="table" {
            thead role="rowgroup" {
                tr role="row" {
                    @for head in ["Trigger", "Because of", "What follows"] { th role="columnheader" scope="col" { (head) } }
                }
            }
            tbody role="rowgroup" {
                @for consequence in &report.follows {
                    tr role="row" {
                        th role="rowheader" scope="row" { span.name { (consequence.trigger) } }
                        td role="cell" data-label="Because of" { (consequence.because) }
                        td role="cell" { (consequence.follows) }
                    }
                }
            }
        }
    }
}

fn sums(report: &PeriodReport) -> Markup {
    html! {
        table.sums.stack role="table" {
            caption.hidden { "How counts became points and money" }
            thead role="rowgroup" {
                tr role="row" {
                    @for head in ["KPI", "Counts", "Value", "Target"] { th role="columnheader" scope="col" { (head) } }
                    @for head in ["Points", "Credit"] { th.number role="columnheader" scope="col" { (head) } }
                }
            }
            tbody role="rowgroup" {
                @for line in &report.lines {
                    tr role="row" {
                        th role="rowheader" scope="row" { span.name { (line.title) } }
                        td role="cell" data-label="Counts" { (line.counts.as_deref().unwrap_or("no data")) }
                        td role="cell" data-label="Value" {
                            b { (line.value.as_deref().unwrap_or("–")) }
                            @if let Some(raw) = &line.before_relief { span { (raw) " before relief" } }
                        }
                        td role="cell" data-label="Target" { (line.target) }
                        td.number role="cell" data-label="Points" {
                            (line.points)
                            @if line.repeat { span { "repeat of the period before" } }
                        }
                        td.number role="cell" data-label="Credit" {
                            (line.credit.as_deref().unwrap_or("–"))
                            @if let Some(bonus) = &line.bonus { span { "bonus " (bonus) } }
                        }
                    }
                }
            }
        }
        @match &report.money {
            Some(money) => (account(money)),
            None => p.text { "No charges are agreed: the result has no price." },
        }
    }
}

fn account(money: &Money) -> Markup {
    html! {
        h3 { "Points and credits to what is owed" }
        // One amount has nothing to add up: the account is shown alone.
        div.two[!money.steps.is_empty()] {
            @if !money.steps.is_empty() { figure { (waterfall("What adds up to what is owed", &money.steps)) } }
            table.ledger {
                caption.hidden { "The account of the period" }
                tbody {
                    @for line in &money.ledger {
                        tr class=(weight(line.weight)) {
                            td { (line.what) }
                            td.number { (line.amount) }
                        }
                    }
                }
            }
        }
    }
}

fn weight(weight: LedgerWeight) -> &'static str {
    match weight {
        LedgerWeight::Part => "part",
        LedgerWeight::Sum => "sum",
        LedgerWeight::Total => "total",
    }
}

fn insight(report: &PeriodReport) -> Markup {
    if report.insight.is_empty() {
        return html! { p.text { "Nothing unusual." } };
    }
    html! {
        ol.raise { @for insight in &report.insight { li.text { (insight.sentence) } } }
    }
}

fn changes(report: &PeriodReport) -> Markup {
    if report.compared_with.is_empty() {
        return html! { p.text { "There is no earlier period to compare with." } };
    }
    let compared = list(&report.compared_with);
    if report.changes.is_empty() {
        return html! { p.text { "Nothing changed against " (compared) "." } };
    }
    html! {
        p.text { "Compared with " (compared) ". What got worse comes first, then what cost most." }
        table.stack role="table" {
            thead role="rowgroup" {
                tr role="row" {
                    @for head in ["KPI", "Period before", "Now", "What it means", "What it cost"] {
                        th role="columnheader" scope="col" { (head) }
                    }
                }
            }
            tbody role="rowgroup" {
                @for change in &report.changes {
                    tr role="row" {
                        th role="rowheader" scope="row" { span.name { (change.title) } }
                        td role="cell" data-label="Period before" { (change.before) }
                        td role="cell" data-label="Now" { (change.now) }
                        td role="cell" { (change.meaning) }
                        td role="cell" data-label="Cost" { (cost(change)) }
                    }
                }
            }
        }
    }
}

/// Days and parts: those of misses over the whole width, the others beside each other.
fn made_of(report: &PeriodReport) -> Markup {
    let is_missed = |name: &str| report.lines.iter().any(|line| line.name == name && line.verdict == Verdict::Missed);
    let (missed, others): (Vec<&MadeOf>, Vec<&MadeOf>) = report.made_of.iter().partition(|made| is_missed(&made.name));
    let result = |made: &MadeOf| {
        let line = report.lines.iter().find(|line| line.name == made.name);
        line.map(|line| format!("{} against {}", line.value.as_deref().unwrap_or("–"), line.target)).unwrap_or_default()
    };
    html! {
        @if report.made_of.is_empty() && report.advice.is_none() { p.text { "Nothing lies below these figures: they come once for the whole period, or none was judged." } }
        @if report.made_of.iter().any(|made| made.is_listed) {
            p.note { "A disc met the target by itself, a square did not; the dashed line is the target. The effect of a part is by how much it moved the value against the periods before." }
        } @else if !report.made_of.is_empty() {
            p.note { "A disc met the target by itself, a square did not; the line is the value so far, the dashed line the target. Effects add up to the value less the target." }
        }
        @for made in missed { figure { h3 { (made.title) " " span.note { (result(made)) } } (full(made)) } }
        @if !others.is_empty() {
            div.two.smalls { @for made in others { figure { h3 { (made.title) " " span.note { (result(made)) } } (small(made)) } } }
        }
        @if let Some(advice) = &report.advice { (advice_html(advice)) }
    }
}

/// Points and credit of a change, in words.
pub(super) fn cost(change: &Change) -> String {
    let mut parts = Vec::new();
    if change.points != 0 {
        parts.push(points(change.points));
    }
    parts.extend(change.credit.clone());
    if parts.is_empty() { "nothing".to_owned() } else { list(&parts) }
}

fn evidence(report: &PeriodReport) -> Markup {
    html! {
        table.stack role="table" {
            caption.hidden { "The rows that were judged, and their digests" }
            thead role="rowgroup" {
                tr role="row" {
                    th role="columnheader" scope="col" { "KPI or feed" }
                    th.number role="columnheader" scope="col" { "Rows" }
                    th role="columnheader" scope="col" { "Digest" }
                }
            }
            tbody role="rowgroup" {
                @for (line, kind) in report.evidence.iter().map(|line| (line, "")).chain(report.heads.iter().map(|line| (line, "head of "))) {
                    tr role="row" {
                        th role="rowheader" scope="row" { (kind) (line.name) }
                        td.number role="cell" data-label="Rows" { (line.rows) }
                        td.hash role="cell" { (line.digest) }
                    }
                }
            }
        }
        p.text { "Anyone with the evidence can judge this period again, without the operator or the cluster, and compare:" }
        pre tabindex="0" aria-label="Commands that check the report" { @for command in check_commands(report) { (command) "\n" } }
    }
}

/// The commands by which a third party judges the report again. They are made to be pasted into a shell: only what the name of an
/// object can hold is left of names.
pub(super) fn check_commands(report: &PeriodReport) -> [String; 3] {
    let (report, contract) = (in_a_shell(&report.name), in_a_shell(&report.contract));
    [
        format!("kubectl get slareport {report} --output yaml > report.yaml"),
        format!("kubectl bpo export --contract {contract} --to {contract}.bundle"),
        format!("kubectl bpo verify --bundle {contract}.bundle --report report.yaml"),
    ]
}

fn signatures(report: &PeriodReport) -> Markup {
    html! {
        p.text { "The parties have read this report. Its figures are those of SlaReport " code { (report.name) } "." }
        div.two.signatures {
            @for party in [&report.client, &report.vendor] {
                div {
                    h3 { "For " (party) }
                    @for field in ["Signature", "Name and title", "Place and date"] { p { (field) } }
                }
            }
        }
    }
}
