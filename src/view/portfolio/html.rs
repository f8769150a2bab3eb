//! The portfolio as a page. A thousand contracts have to fit: rows hold nothing that repeats.

use maud::{Markup, html};

use super::{Compared, Need, Portfolio, PortfolioLine, Running};
use crate::api::kpi_target::Verdict;
use crate::view::charts::{colour, short};
use crate::view::links::Links;
use crate::view::marks::{mark, verdict};
use crate::view::page::{Frame, keys, legend, linked, page};

/// How many needs are listed; the rest is in the table.
const NEEDS: usize = 12;

/// The page.
pub fn html(portfolio: &Portfolio, links: Links) -> String {
    let frame = Frame {
        title: "Portfolio".to_owned(),
        crumbs: vec![("Portfolio".to_owned(), None)],
        as_of: format!("As of {}", portfolio.as_of),
        running_foot: format!("Portfolio · as of {}", portfolio.as_of),
        links,
    };
    let main = html! {
        header.opening {
            div {
                p.kicker { "Portfolio" }
                h1 { (portfolio.headline) }
                p.lede { (portfolio.summary) }
            }
        }
        (keys(&portfolio.keys))
        section aria-labelledby="needs" { h2 #needs { "Needs you" } (needs(&portfolio.needs, links)) }
        section aria-labelledby="contracts" {
            h2 #contracts { "Contracts" }
            p.text { "Those that need you come first, then by score. Squares in the line of scores are periods below 100." }
            (lines(&portfolio.lines, links))
        }
        @if !portfolio.compared.is_empty() {
            section aria-labelledby="compared" {
                h2 #compared { "Vendors side by side" }
                p.text { "Latest closed period, by KPI. The tick is each contract's own target, the mark the value reached; furthest ahead of its target first. A square is a miss." }
                div.three { @for compared in &portfolio.compared { (side_by_side(compared, links)) } }
            }
        }
        section aria-labelledby="upcoming" {
            h2 #upcoming { "The next six weeks" }
            @if portfolio.upcoming.is_empty() { p.text { "Nothing is due." } }
            @else {
                dl.notes {
                    @for it in &portfolio.upcoming { div { dt { (it.day.strftime("%a %-d %B").to_string()) } dd { (it.what) } } }
                }
            }
        }
        (legend())
    };
    page(&frame, &main).into_string()
}

fn needs(needs: &[Need], links: Links) -> Markup {
    html! {
        @if needs.is_empty() { p.text { "Nothing that the data shows." } }
        @else {
            ol.raise {
                @for need in needs.iter().take(NEEDS) {
                    li {
                        b { (linked(&need.contract, links.scorecard(&need.namespace, &need.contract).as_deref())) " " (need.kind.sentence()) }
                        p.text { (need.why) }
                    }
                }
            }
            @if needs.len() > NEEDS { p.text { "And " (needs.len() - NEEDS) " more, in the table." } }
        }
    }
}

const HEADS: [&str; 7] =
    ["Contract and vendor", "Running", "Latest closed", "Score", "13 periods", "Credits, contract year", "Next"];

fn lines(lines: &[PortfolioLine], links: Links) -> Markup {
    html! {
        table.portfolio.stack role="table" {
            caption.hidden { "Each contract: running period, latest closed one, score, credits, what is next" }
            thead role="rowgroup" {
                tr role="row" { @for head in HEADS { th role="columnheader" scope="col" { (head) } } }
            }
            tbody role="rowgroup" { @for line in lines { (row(line, links)) } }
        }
    }
}

fn row(line: &PortfolioLine, links: Links) -> Markup {
    html! {
        tr role="row" {
            th role="rowheader" scope="row" {
                span.name { (linked(&line.contract, links.scorecard(&line.namespace, &line.contract).as_deref())) }
                span.under { (line.vendor) }
            }
            td role="cell" { (running(line.running)) span.under { (line.running_note) } }
            td role="cell" {
                @match &line.closed {
                    Some(closed) => { (verdict(closed.verdict, closed.severity)) " " span.nowrap { (closed.met) } span.under { (closed.period) } },
                    None => span.note { "none yet" },
                }
            }
            td.value-cell role="cell" data-label="Score" { (line.score.as_deref().unwrap_or("–")) }
            td role="cell" { (scores(&line.scores)) }
            td role="cell" data-label="Credits" {
                @match &line.credits {
                    Some(credits) => {
                        b { (credits) }
                        @if let Some(cap) = &line.cap { " of " (cap) }
                        @if let Some(used) = line.used { (gauge(used)) }
                    },
                    None => span.note { "no money agreed" },
                }
            }
            td role="cell" data-label="Next" { (line.next.as_deref().unwrap_or("–")) }
        }
    }
}

fn running(running: Running) -> Markup {
    let (shape, class) = match running {
        Running::Silent => ("no-data", "unknown"),
        Running::AtRisk => ("risk", "at-risk"),
        Running::NoData => ("no-data", "unknown"),
        Running::OnCourse => ("running", "met"),
        Running::NotBegun | Running::Suspended | Running::Ended => ("not-measured", "unknown"),
    };
    html! { span class={ "verdict " (class) } { (mark(shape)) (running.title()) } }
}

/// How much of a cap is used, as a bar from zero.
fn gauge(used: f64) -> Markup {
    html! {
        svg.gauge aria-hidden="true" width="100%" height="5" {
            rect.rest width="100%" height="5" {}
            rect.fill-ink width={ (short((used * 100.0).clamp(0.0, 100.0))) "%" } height="5" {}
        }
    }
}

/// The scores of the latest periods as a line; squares below 100, the last one a disc where it is 100.
fn scores(scores: &[(String, String)]) -> Markup {
    let values: Vec<f64> = scores.iter().filter_map(|(_, score)| score.parse().ok()).collect();
    let lowest = values.iter().copied().fold(f64::INFINITY, f64::min);
    let Some((latest, worst)) = scores.last().zip(scores.iter().min_by(|one, other| order(&one.1, &other.1))) else {
        return html! { span.note { "none yet" } };
    };
    let label = format!("Score {} in {}, lowest {} in {}", latest.1, latest.0, worst.1, worst.0);
    let reach = (100.0 - lowest).max(1.0);
    let place = |index: usize, value: f64| {
        let x = (super::PERIODS - values.len().min(super::PERIODS) + index) * 9 + 4;
        (x, short(3.0 + (100.0 - value) / reach * 15.0))
    };
    let first = (super::PERIODS - values.len().min(super::PERIODS)) * 9;
    let points: Vec<String> =
        values.iter().enumerate().map(|(index, value)| place(index, *value)).map(|(x, y)| format!("{x},{y}")).collect();
    html! {
        svg.spark role="img" aria-label=(label) viewBox="0 0 120 22" {
            // Dots for the periods before the first one, as one line of dots.
            @if values.len() < super::PERIODS { line.before x1="4" x2=(first - 4) y1="3" y2="3" {} }
            polyline points=(points.join(" ")) {}
            @for (index, value) in values.iter().enumerate() {
                @let (x, y) = place(index, *value);
                @if *value < 100.0 { rect x=(x - 2) y=(short(y - 2.0)) width="4" height="4" {} }
                @else if index + 1 == values.len() { circle cx=(x) cy=(y) r="2.5" {} }
            }
        }
    }
}

fn order(one: &str, other: &str) -> std::cmp::Ordering {
    let number = |text: &str| text.parse::<f64>().unwrap_or(f64::INFINITY);
    number(one).total_cmp(&number(other))
}

fn side_by_side(compared: &Compared, links: Links) -> Markup {
    html! {
        figure {
            h3 { (compared.title) }
            ul.dots {
                @for line in &compared.lines {
                    li {
                        span { (linked(&line.contract, links.scorecard(&line.namespace, &line.contract).as_deref())) }
                        span { b { (line.value) } " " span.note { (line.target) } }
                        (dot(line))
                    }
                }
            }
            @let [left, right] = &compared.ends;
            div.ends aria-hidden="true" { span { (left) } span { (right) } }
            @if compared.left_out > 0 { p.note { (compared.left_out) " more lie between them." } }
            @if let Some(note) = &compared.note { p.note { (note) } }
        }
    }
}

fn dot(line: &super::ComparedLine) -> Markup {
    let percent = |place: f64| format!("{}%", short(place * 100.0));
    let (value, target) = line.places;
    let class = colour(line.verdict, line.severity);
    let described = format!(
        "{}: {} against {}, {}",
        line.period,
        line.value,
        line.target,
        crate::view::words::verdict_title(line.verdict)
    );
    html! {
        svg.dot role="img" aria-label=(described) width="100%" height="14" {
            line.base x1="0" x2="100%" y1="7" y2="7" {}
            line.reach x1=(percent(value.min(target))) x2=(percent(value.max(target))) y1="7" y2="7" {}
            line.target x1=(percent(target)) x2=(percent(target)) y1="1" y2="13" {}
            @if line.verdict == Verdict::Missed {
                svg x=(percent(value)) overflow="visible" { rect class=(class) x="-4" y="3" width="8" height="8" {} }
            } @else { circle class=(class) cx=(percent(value)) cy="7" r="4.5" {} }
        }
    }
}
