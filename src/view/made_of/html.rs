//! Days and parts on a page.

use maud::{Markup, html};

use super::{Advice, DayLine, MadeOf, PartLine, PartsLine, counts, signed};
use crate::view::marks::verdict;
use crate::view::page::figures;
use crate::view::words::capital;

/// The whole: picture, sentences, parts, and the figures behind it.
pub fn full(made: &MadeOf) -> Markup {
    html! {
        @for sentence in &made.summary { p.text { (sentence) } }
        @if made.days.len() > 1 {
            (made.chart.tall())
            (behind(made))
        }
        @for (index, group) in made.parts.iter().enumerate() {
            @if index == 0 { (parts(made, group)) } @else {
                details.figures {
                    summary { "By " (group.label) span.hidden { ": " (made.title) } }
                    (parts(made, group))
                }
            }
        }
    }
}

/// One of several beside each other: picture, sentences, and everything else folded away.
pub fn small(made: &MadeOf) -> Markup {
    html! {
        @if made.days.len() > 1 { (made.chart.low()) }
        @for sentence in made.summary.iter().take(1) { p.note { (sentence) } }
        @if made.days.len() > 1 { (behind(made)) }
        @for group in &made.parts {
            details.figures {
                summary { "By " (group.label) span.hidden { ": " (made.title) } }
                (parts(made, group))
            }
        }
    }
}

fn behind(made: &MadeOf) -> Markup {
    let head = capital(made.each);
    let counts = if made.is_listed { "Volume" } else { "Counts" };
    let heads = [head.as_str(), "Value", counts, "Target", "Verdict", "So far", "Effect"];
    let heads = heads.get(..columns(made)).unwrap_or(&heads);
    let since = made.days.first().map(|day| format!(" from {} on", day.date)).unwrap_or_default();
    let name = format!("{} by {}{since}", made.title, made.each);
    let shown = |day: &DayLine| row(day).into_iter().take(columns(made)).collect();
    figures(&name, heads, &made.days.iter().map(shown).collect::<Vec<Vec<String>>>())
}

/// What is only listed has neither a value so far nor effects of its days.
fn columns(made: &MadeOf) -> usize {
    if made.is_listed { 5 } else { 7 }
}

fn row(day: &DayLine) -> Vec<String> {
    let before = day.before_relief.as_ref().map(|before| format!(" ({before} before relief)")).unwrap_or_default();
    let gap = if day.has_gap { ", with hours left out" } else { "" };
    vec![
        day.date.clone(),
        format!("{}{before}", day.shown),
        counts(day.numerator.as_deref(), &day.denominator),
        day.target.clone(),
        format!("{}{gap}", crate::view::words::verdict_title(day.verdict)),
        day.so_far.clone().unwrap_or_else(|| "–".to_owned()),
        day.effect.as_deref().map_or_else(|| "–".to_owned(), signed),
    ]
}

fn parts(made: &MadeOf, group: &PartsLine) -> Markup {
    let has_before = group.parts.iter().any(|part| part.before.is_some());
    let effect = match (made.is_listed, made.effect_unit) {
        (true, "") => "Effect against the periods before".to_owned(),
        (true, unit) => format!("Effect against the periods before, {unit}"),
        (false, "") => "Effect on the value".to_owned(),
        (false, unit) => format!("Effect, {unit}"),
    };
    let counts = if made.is_listed { "Volume" } else { "Counts" };
    html! {
        table.stack.parts role="table" {
            caption.hidden { (made.title) " by " (group.label) }
            thead role="rowgroup" {
                tr role="row" {
                    th role="columnheader" scope="col" { (capital(&group.label)) }
                    @if has_before { th.number role="columnheader" scope="col" { "Period before" } }
                    th.number role="columnheader" scope="col" { "Value" }
                    th role="columnheader" scope="col" { "By itself" }
                    th.number role="columnheader" scope="col" { (counts) }
                    th.number role="columnheader" scope="col" { "Of the volume" }
                    th.number role="columnheader" scope="col" { (effect) }
                }
            }
            tbody role="rowgroup" { @for part in &group.parts { (line(part, has_before, (counts, &effect))) } }
            @if group.adds_up {
                tfoot role="rowgroup" { (line(&group.whole, has_before, (counts, &effect))) }
            }
        }
    }
}

fn line(part: &PartLine, has_before: bool, (counted, effect): (&str, &str)) -> Markup {
    html! {
        tr role="row" {
            th role="rowheader" scope="row" { span.name { (part.label) } }
            @if has_before { td.number role="cell" data-label="Period before" { (part.before.as_deref().unwrap_or("–")) } }
            td.number role="cell" data-label="Value" { b { (part.shown) } }
            td role="cell" { @match part.meets {
                Some(true) => (verdict(crate::api::kpi_target::Verdict::Met, None)),
                Some(false) => (verdict(crate::api::kpi_target::Verdict::Missed, None)),
                None => "",
            } }
            td.number role="cell" data-label=(counted) { (counts(part.numerator.as_deref(), &part.denominator)) }
            td.number role="cell" data-label="Of the volume" { (part.share.as_deref().unwrap_or("–")) }
            td.number role="cell" data-label=(effect) { (part.effect.as_deref().map_or_else(|| "–".to_owned(), signed)) }
        }
    }
}

/// What to do to see days and parts.
pub fn advice_html(advice: &Advice) -> Markup {
    html! {
        p.text { (advice.why) }
        @if !advice.commands.is_empty() {
            pre tabindex="0" aria-label="Commands that show days and parts" { @for command in &advice.commands { (command) "\n" } }
        }
    }
}
