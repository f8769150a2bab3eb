//! A launch as a page.

use maud::{Markup, html};

use super::{Document, Section};
use crate::view::links::Links;
use crate::view::page::{Frame, keys, page};

/// The page.
pub fn html(document: &Document, links: Links) -> String {
    let portfolio = links.portfolio().map(|address| ("Portfolio".to_owned(), Some(address)));
    let contract = document.contract.clone().map(|contract| {
        let address = links.scorecard(&document.namespace, &contract);
        (contract, address)
    });
    let here = (document.name.clone(), None);
    let frame = Frame {
        title: document.title.clone(),
        crumbs: portfolio.into_iter().chain(contract).chain([here]).collect(),
        as_of: "Launch".to_owned(),
        running_foot: document.title.clone(),
        links,
    };
    let mut sentences = document.summary.iter();
    let main = html! {
        header.opening {
            div {
                p.kicker { (document.title) }
                h1 { (sentences.next().map_or("", String::as_str)) }
                p.lede { @for sentence in sentences { (sentence) " " } }
            }
        }
        (keys(&document.keys))
        @for (index, section) in document.sections.iter().enumerate() { (part(section, index)) }
    };
    page(&frame, &main).into_string()
}

fn part(section: &Section, index: usize) -> Markup {
    html! {
        section aria-labelledby={ "part-" (index) } {
            h2 id={ "part-" (index) } { (section.title) }
            @for sentence in &section.sentences { p.text { (sentence) } }
            @for picture in &section.pictures { figure { (picture.draw()) } }
            @if !section.rows.is_empty() { (table(section)) }
        }
    }
}

fn table(section: &Section) -> Markup {
    html! {
        table.stack role="table" {
            caption.hidden { (section.title) }
            thead role="rowgroup" {
                tr role="row" { @for head in &section.columns { th role="columnheader" scope="col" { (head) } } }
            }
            tbody role="rowgroup" {
                @for row in &section.rows {
                    tr role="row" {
                        @for (index, cell) in row.iter().enumerate() {
                            @let label = section.columns.get(index).copied().unwrap_or_default();
                            @if index == 0 { th role="rowheader" scope="row" { span.name { (cell) } } }
                            @else { td role="cell" data-label=(label) { (cell) } }
                        }
                    }
                }
            }
        }
    }
}
