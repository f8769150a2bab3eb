//! The scorecard for a terminal.

use super::Scorecard;
use crate::view::words::verdict_title;

/// Plain text, a line for each fact.
pub fn text(card: &Scorecard) -> String {
    let mut out = vec![format!("{} with {}: {}", card.contract, card.vendor, card.headline), String::new()];
    out.extend(card.keys.iter().map(|key| format!("{}: {} ({})", key.name, key.figure, key.note)));
    out.push(String::new());
    let width = card.lines.iter().map(|line| line.title.chars().count()).max().unwrap_or(0);
    for line in &card.lines {
        let closed = match (&line.last, line.verdict) {
            (Some((period, value)), Some(verdict)) => {
                let severity = line.severity.map(|severity| format!(", {severity}")).unwrap_or_default();
                format!("{value} in {period}: {}{severity}", verdict_title(verdict))
            }
            _ => "no closed period yet".to_owned(),
        };
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
