//! The frame of every page: head, style sheet, marks, header, main part and footer. One file that asks for nothing else.

use base64::Engine;
use maud::{DOCTYPE, Markup, PreEscaped, Render, html};
use sha2::{Digest, Sha256};

use super::links::Links;
use super::marks;
use serde::Serialize;

/// What the frame needs of a page.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// The title of the window and of a printed document.
    pub title: String,
    /// Where the reader is: contract, period; each with the address of its page, where there is one.
    pub crumbs: Vec<(String, Option<String>)>,
    /// As of when the page speaks.
    pub as_of: String,
    /// What is at the foot of each printed page.
    pub running_foot: String,
    /// Which pages there are to link to.
    pub links: Links,
}

/// Loads a page of the dashboard again when something changed. Pages are read without it too.
const LIVE: &str = "new EventSource('/changes').onmessage = () => location.reload()";

/// The whole page around its main part.
pub fn page(frame: &Frame, main: &Markup) -> Markup {
    let style = format!("{}{}", include_str!("style.css"), running_foot(&frame.running_foot));
    let is_live = frame.links == Links::Dashboard;
    let whole = html! {
        (DOCTYPE)
        html lang="en-GB" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content=(policy(&style, is_live));
                title { (frame.title) }
                link rel="icon" href="data:,";
                style { (PreEscaped(&style)) }
                @if is_live { script { (PreEscaped(LIVE)) } }
            }
            body {
                a.skip href="#main" { "Skip to content" }
                (marks::sprite())
                header.top {
                    div.wrap {
                        span.brand { "bpo-operator" }
                        nav aria-label="Where you are" {
                            ol.crumbs { @for (crumb, address) in &frame.crumbs { li { (linked(crumb, address.as_deref())) } } }
                        }
                        p.as-of { (frame.as_of) }
                    }
                }
                main #main.wrap { (main) }
            }
        }
    };
    PreEscaped(printable(whole.into_string()))
}

/// Control characters have no meaning in a page, but in a terminal to which somebody prints it.
fn printable(page: String) -> String {
    let is_wrong = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\t');
    if page.contains(is_wrong) { page.replace(is_wrong, "\u{fffd}") } else { page }
}

/// What a page may do: show its own style and pictures, and in the dashboard run the one line that loads it again. Nothing else.
pub fn policy(style: &str, is_live: bool) -> String {
    let hash = |text: &str| base64::engine::general_purpose::STANDARD.encode(Sha256::digest(text.as_bytes()));
    let script =
        if is_live { format!("; script-src 'sha256-{}'; connect-src 'self'", hash(LIVE)) } else { String::new() };
    format!(
        "default-src 'none'; style-src 'sha256-{}'; img-src data:; base-uri 'none'; form-action 'none'{script}",
        hash(style)
    )
}

/// Text that links to a page, where there is one.
pub fn linked(text: &str, address: Option<&str>) -> Markup {
    html! {
        @match address {
            Some(address) => a href=(address) { (text) },
            None => (text),
        }
    }
}

/// Where the reader is: below the portfolio, where there is one, and below the page of a contract.
pub fn crumbs(links: Links, contract: (String, Option<String>), here: &str) -> Vec<(String, Option<String>)> {
    let portfolio = links.portfolio().map(|address| ("Portfolio".to_owned(), Some(address)));
    portfolio.into_iter().chain([contract, (here.to_owned(), None)]).collect()
}

/// What each mark means, at the foot of a page.
pub fn legend() -> Markup {
    use crate::api::kpi_target::Verdict;
    use crate::api::verdict::Severity;
    let meanings = [
        (Verdict::Met, None, "the target was met"),
        (Verdict::Missed, Some(Severity::Minor), "and up to four steps: Serious, Severe, Critical"),
        (Verdict::Excused, None, "missed, but accepted relief explains it"),
        (Verdict::Inconclusive, None, "the sample is too small to decide"),
        (Verdict::NoData, None, "nothing came; never read as a value"),
    ];
    html! {
        footer.legend {
            p { "How to read the marks" }
            ul {
                @for (verdict, severity, meaning) in meanings {
                    li { (marks::verdict(verdict, severity)) " " (meaning) }
                }
            }
        }
    }
}

/// The figures behind a chart as a table that opens below it: the heads of its columns, and its rows.
pub fn figures(name: &str, heads: &[&str], rows: &[Vec<String>]) -> Markup {
    html! {
        details.figures {
            summary { "Figures behind this chart" span.hidden { ": " (name) } }
            div.scroll role="region" aria-label=(name) tabindex="0" {
                table {
                    thead { tr { @for head in heads { th scope="col" { (head) } } } }
                    tbody {
                        @for row in rows {
                            tr { @for (index, cell) in row.iter().enumerate() {
                                @if index == 0 { th scope="row" { (cell) } } @else { td { (cell) } }
                            } }
                        }
                    }
                }
            }
        }
    }
}

/// The figures at the top of a page, each with its name and a note.
pub fn keys(keys: &[Key]) -> Markup {
    html! {
        dl.keys {
            @for key in keys {
                div {
                    dt { (key.name) }
                    dd.key.words[key.figure.len() > 12] { (key.figure) }
                    dd.note { (key.note) }
                }
            }
        }
    }
}

/// Topics, each with what is to be said of it.
pub fn pairs(pairs: &[(impl Render, String)]) -> Markup {
    html! {
        dl.notes {
            @for (topic, sentence) in pairs { div { dt { (topic) } dd { (sentence) } } }
        }
    }
}

/// The rule that prints a line at the foot of each page. In a style element text is not escaped by the template: what could end
/// the string or the element is left out.
fn running_foot(text: &str) -> String {
    let safe: String = text.chars().filter(|letter| letter.is_alphanumeric() || " .,:·-".contains(*letter)).collect();
    format!("@page {{ @bottom-left {{ content: \"{safe}\"; font: 8pt system-ui, sans-serif; }} }}")
}

/// One of the four figures at the top.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Key {
    /// What it is.
    pub name: &'static str,
    /// The figure.
    pub figure: String,
    /// What to know of it.
    pub note: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_ends_neither_the_style_nor_an_element() {
        let hostile = "</style><script>alert(1)</script>\"}\\";
        let frame = Frame {
            title: hostile.to_owned(),
            crumbs: vec![(hostile.to_owned(), None)],
            as_of: hostile.to_owned(),
            running_foot: hostile.to_owned(),
            links: Links::Dashboard,
        };
        let shown = page(&frame, &html! { p { (hostile) } }).into_string();
        assert_eq!(shown.matches("<script").count(), 1, "only the page's own: {shown}");
        assert_eq!(shown.matches("</style>").count(), 1);
    }
}
