//! A KPI for a terminal, and as Markdown for a wiki or a ticket.

use super::KpiPage;
use crate::view::made_of;
use crate::view::markdown::{escape, table};
use crate::view::words::{period_title, verdict_title};

/// Plain text, a line for each fact.
pub fn text(kpi: &KpiPage) -> String {
    let mut out = vec![format!("{} of {}: {}", kpi.name, kpi.contract, kpi.headline)];
    out.extend(kpi.summary.iter().cloned());
    out.push(String::new());
    out.extend(kpi.keys.iter().map(|key| format!("{}: {} ({})", key.name, key.figure, key.note)));
    out.push(String::new());
    out.extend(kpi.history.points.iter().map(|point| {
        let target = point.target.as_deref().unwrap_or("no target");
        format!("{}: {} against {target}, {}", period_title(&point.period), point.shown, verdict_title(point.verdict))
    }));
    for period in &kpi.inside {
        out.push(format!("{}:", period.period));
        out.extend(made_of::text(&period.made_of));
    }
    out.extend(kpi.advice.iter().flat_map(made_of::advice_text));
    out.extend(kpi.rules.iter().map(|(topic, rule)| format!("{topic}: {rule}")));
    out.join("\n") + "\n"
}

/// Markdown with tables. What people wrote is escaped, so that it stays text.
pub fn markdown(kpi: &KpiPage) -> String {
    let mut out = vec![
        format!("# {} of {}", escape(&kpi.name), escape(&kpi.contract)),
        format!("\n**{}**\n", escape(&kpi.headline)),
        escape(&kpi.summary.join(" ")),
    ];
    let keys = kpi.keys.iter().map(|key| vec![key.name.to_owned(), key.figure.clone(), key.note.clone()]);
    out.push(table(&["Key", "Figure", "Note"], &keys.collect::<Vec<_>>()));
    let periods = kpi.history.points.iter().map(|point| {
        let target = point.target.clone().unwrap_or_else(|| "–".to_owned());
        vec![period_title(&point.period), point.shown.clone(), target, verdict_title(point.verdict).to_owned()]
    });
    out.push(table(&["Period", "Value", "Target", "Verdict"], &periods.collect::<Vec<_>>()));
    for period in &kpi.inside {
        out.push(format!("\n## {}\n", escape(&period.period)));
        out.push(made_of::markdown(&period.made_of));
    }
    out.extend(kpi.advice.iter().map(made_of::advice_markdown));
    let rules = kpi.rules.iter().map(|(topic, rule)| vec![(*topic).to_owned(), rule.clone()]);
    out.push(table(&["Rule", "What it says"], &rules.collect::<Vec<_>>()));
    out.join("\n") + "\n"
}
