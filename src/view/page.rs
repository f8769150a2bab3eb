//! The frame of every page: head, style sheet, marks, header, main part and footer. One file that asks for nothing else.

use maud::{DOCTYPE, Markup, PreEscaped, Render, html};

use super::marks;
use super::report::Key;

/// What the frame needs of a page.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// The title of the window and of a printed document.
    pub title: String,
    /// Where the reader is: contract, period.
    pub crumbs: Vec<String>,
    /// As of when the page speaks.
    pub as_of: String,
    /// What stands at the foot of each printed page.
    pub running_foot: String,
}

/// The whole page around its main part.
pub fn page(frame: &Frame, main: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en-GB" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (frame.title) }
                link rel="icon" href="data:,";
                style { (PreEscaped(include_str!("style.css"))) (PreEscaped(running_foot(&frame.running_foot))) }
            }
            body {
                a.skip href="#main" { "Skip to content" }
                (marks::sprite())
                header.top {
                    div.wrap {
                        span.brand { "bpo-operator" }
                        ol.crumbs aria-label="Where you are" {
                            @for crumb in &frame.crumbs { li { (crumb) } }
                        }
                        p.as-of { (frame.as_of) }
                    }
                }
                main #main.wrap { (main) }
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
    format!("@page {{ @bottom-left {{ content: \"{safe}\"; }} }}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_ends_neither_the_style_nor_an_element() {
        let hostile = "</style><script>alert(1)</script>\"}\\";
        let frame = Frame {
            title: hostile.to_owned(),
            crumbs: vec![hostile.to_owned()],
            as_of: hostile.to_owned(),
            running_foot: hostile.to_owned(),
        };
        let shown = page(&frame, &html! { p { (hostile) } }).into_string();
        assert!(!shown.contains("<script"), "{shown}");
        assert_eq!(shown.matches("</style>").count(), 1);
    }
}
