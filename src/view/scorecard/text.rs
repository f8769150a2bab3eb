//! The scorecard for a terminal, and as Markdown for a wiki or a ticket.

use super::{ScoreLine, Scorecard};
use crate::view::markdown::{escape, table};
use crate::view::words::verdict_title;

/// Plain text, a line for each fact.
pub fn text(card: &Scorecard) -> String {
    let mut out = vec![format!("{} with {}: {}", card.contract, card.vendor, card.headline), String::new()];
    out.extend(card.keys.iter().map(|key| format!("{}: {} ({})", key.name, key.figure, key.note)));
    out.push(String::new());
    let width = card.lines.iter().map(|line| line.title.chars().count()).max().unwrap_or(0);
    for line in &card.lines {
        let closed = closed(line);
        let running = line.running.as_ref().map(|value| format!("; {value} so far")).unwrap_or_default();
        let outlook = line.outlook.as_ref().map(|outlook| format!(", {outlook}")).unwrap_or_default();
        let risk = if line.at_risk.is_some() { ", at risk" } else { "" };
        out.push(format!("{:<width$}  {}: {closed}{running}{outlook}{risk}", line.title, line.target));
    }
    if !card.to_raise.is_empty() {
        out.push("\nTo raise in the next review:".to_owned());
        out.extend(card.to_raise.iter().map(|item| format!("- {item}")));
    }
    out.push(String::new());
    out.extend(card.commitments.iter().map(|(name, state)| format!("{name}: {state}")));
    out.extend(card.feeds.iter().map(|(feed, state)| format!("Feed {feed}: {state}")));
    out.join("\n") + "\n"
}

/// The latest closed period in words.
fn closed(line: &ScoreLine) -> String {
    match (&line.last, line.verdict) {
        (Some((period, value)), Some(verdict)) => {
            let severity = line.severity.map(|severity| format!(", {severity}")).unwrap_or_default();
            format!("{value} in {period}: {}{severity}", verdict_title(verdict))
        }
        _ => "no closed period yet".to_owned(),
    }
}

/// Markdown with tables. What people wrote is escaped, so that it stays text.
pub fn markdown(card: &Scorecard) -> String {
    let mut out = vec![
        format!("# {} with {}", escape(&card.contract), escape(&card.vendor)),
        format!("\n**{}**", escape(&card.headline)),
    ];
    let keys = card.keys.iter().map(|key| vec![key.name.to_owned(), key.figure.clone(), key.note.clone()]);
    out.push(table(&["Key", "Figure", "Note"], &keys.collect::<Vec<_>>()));
    let lines = card.lines.iter().map(|line| {
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "–".to_owned());
        let risk = if line.at_risk.is_some() { "at risk" } else { "" };
        vec![
            line.title.clone(),
            line.target.clone(),
            closed(line),
            or_dash(&line.running),
            or_dash(&line.outlook),
            risk.to_owned(),
        ]
    });
    out.push(table(
        &["KPI", "Target", "Latest closed period", "So far", "Outlook", "Risk"],
        &lines.collect::<Vec<_>>(),
    ));
    if !card.to_raise.is_empty() {
        out.push("\n## To raise in the next review\n".to_owned());
        out.extend(card.to_raise.iter().map(|item| format!("- {}", escape(item))));
    }
    let commitments = card.commitments.iter().map(|(name, state)| vec![(*name).to_owned(), state.clone()]);
    let feeds = card.feeds.iter().map(|(feed, state)| vec![format!("Feed {feed}"), state.clone()]);
    out.push(table(&["Commitment", "State"], &commitments.chain(feeds).collect::<Vec<_>>()));
    out.join("\n") + "\n"
}
