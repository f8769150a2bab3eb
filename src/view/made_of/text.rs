//! Days and parts for a terminal and as Markdown.

use super::{Advice, DayLine, MadeOf, PartLine, PartsLine, counts, signed};
use crate::view::markdown::{escape, table};
use crate::view::words::{capital, verdict_title};

/// Lines of plain text: sentences, then each part by the first label, then each day.
pub fn text(made: &MadeOf) -> Vec<String> {
    let mut out = vec![format!("{}: {}", made.title, made.summary.join(" "))];
    for group in made.parts.iter().take(1) {
        let width = group.parts.iter().map(|part| part.label.chars().count()).max().unwrap_or(0);
        out.extend(group.parts.iter().map(|part| {
            let effect =
                part.effect.as_deref().map(|effect| format!(", effect {}", signed(effect))).unwrap_or_default();
            let before = part.before.as_ref().map(|before| format!(", {before} before")).unwrap_or_default();
            let counts = counts(part.numerator.as_deref(), &part.denominator);
            format!("  {} {:<width$}  {}  ({counts}){before}{effect}", group.label, part.label, part.shown)
        }));
    }
    let days = made.days.iter().filter(|_| made.days.len() > 1);
    out.extend(days.map(|day| {
        let counts = counts(day.numerator.as_deref(), &day.denominator);
        format!("  {}  {}  ({counts})  {}", day.date, day.shown, verdict(day))
    }));
    out
}

fn verdict(day: &DayLine) -> String {
    let relief = day.before_relief.as_ref().map(|before| format!(", {before} before relief")).unwrap_or_default();
    let gap = if day.has_gap { ", with hours left out" } else { "" };
    format!("{}{relief}{gap}", verdict_title(day.verdict))
}

/// Markdown: sentences, a table of the parts by each label, and one of the days.
pub fn markdown(made: &MadeOf) -> String {
    let mut out = vec![format!("\n### {}\n", escape(&made.title)), escape(&made.summary.join(" "))];
    out.extend(made.parts.iter().map(|group| parts(made, group)));
    if made.days.len() > 1 {
        let effect = effect_head(made);
        let head = capital(made.each);
        let rows = made.days.iter().map(|day| {
            vec![
                day.date.clone(),
                day.shown.clone(),
                counts(day.numerator.as_deref(), &day.denominator),
                day.target.clone(),
                verdict(day),
                day.so_far.clone().unwrap_or_else(|| "–".to_owned()),
                day.effect.as_deref().map_or_else(|| "–".to_owned(), signed),
            ]
        });
        let heads = [head.as_str(), "Value", "Counts", "Target", "Verdict", "So far", &effect];
        out.push(table(&heads, &rows.collect::<Vec<_>>()));
    }
    out.join("\n")
}

fn effect_head(made: &MadeOf) -> String {
    let effect = if made.is_listed { "Effect against the periods before" } else { "Effect" };
    if made.effect_unit.is_empty() { effect.to_owned() } else { format!("{effect}, {}", made.effect_unit) }
}

fn parts(made: &MadeOf, group: &PartsLine) -> String {
    let head = escape(&capital(&group.label));
    let effect = effect_head(made);
    let heads = [head.as_str(), "Period before", "Value", "Counts", "Of the volume", &effect];
    let dash = |text: Option<&str>| text.unwrap_or("–").to_owned();
    let row = |part: &PartLine| {
        vec![
            part.label.clone(),
            dash(part.before.as_deref()),
            part.shown.clone(),
            counts(part.numerator.as_deref(), &part.denominator),
            dash(part.share.as_deref()),
            part.effect.as_deref().map_or_else(|| "–".to_owned(), signed),
        ]
    };
    let whole = group.adds_up.then_some(&group.whole);
    table(&heads, &group.parts.iter().chain(whole).map(row).collect::<Vec<_>>())
}

/// What to do to see days and parts, for a terminal.
pub fn advice_text(advice: &Advice) -> Vec<String> {
    std::iter::once(advice.why.clone()).chain(advice.commands.iter().map(|command| format!("  {command}"))).collect()
}

/// The same as Markdown.
pub fn advice_markdown(advice: &Advice) -> String {
    match advice.commands.is_empty() {
        true => format!("\n{}", escape(&advice.why)),
        false => format!("\n{}\n\n```sh\n{}\n```", escape(&advice.why), advice.commands.join("\n")),
    }
}
