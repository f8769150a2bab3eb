//! The report as plain text for a terminal and as Markdown for a wiki or a ticket.

use super::html::{check_commands, cost};
use super::{PeriodReport, ResultLine};
use crate::view::made_of;
use crate::view::markdown::{escape, table};
use crate::view::words::{list, verdict_title};

/// Plain text, a line for each fact.
pub fn text(report: &PeriodReport) -> String {
    let mut out = vec![report.headline.clone(), String::new()];
    out.extend(report.summary.iter().cloned());
    if report.rehearsal {
        out.push("This is a report of a rehearsal. It binds nobody.".to_owned());
    }
    out.push(format!("{}.", report.parties()));
    for (name, fact) in &report.facts {
        out.push(format!("{name}: {fact}"));
    }
    out.push(String::new());
    out.extend(report.keys.iter().map(|key| format!("{}: {} ({})", key.name, key.figure, key.note)));
    out.push(String::new());
    let width = report.lines.iter().map(|line| line.title.chars().count()).max().unwrap_or(0);
    out.extend(report.lines.iter().map(|line| {
        let value = line.value.as_deref().unwrap_or("no value");
        format!("{:<width$}  {value} against {}: {}", line.title, line.target, outcome(line))
    }));
    for consequence in &report.follows {
        out.push(format!(
            "Trigger {}: {}, because of {}",
            consequence.trigger, consequence.follows, consequence.because
        ));
    }
    if let Some(money) = &report.money {
        out.push(String::new());
        out.extend(money.ledger.iter().map(|line| format!("{}: {}", line.what, line.amount)));
    }
    if !report.insight.is_empty() {
        out.push(String::new());
        out.extend(report.insight.iter().map(|insight| format!("- {}", insight.sentence)));
    }
    if !report.changes.is_empty() {
        out.push(String::new());
        out.push(format!("Compared with {}:", list(&report.compared_with)));
        out.extend(report.changes.iter().map(|change| {
            format!(
                "{}: {} before, {} now; {}; cost: {}",
                change.title,
                change.before,
                change.now,
                change.meaning,
                cost(change)
            )
        }));
    }
    if !report.made_of.is_empty() || report.advice.is_some() {
        out.push(String::new());
        out.extend(report.made_of.iter().flat_map(made_of::text));
        out.extend(report.advice.iter().flat_map(made_of::advice_text));
    }
    out.push(String::new());
    out.extend(report.notes.iter().map(|(topic, sentence)| format!("{topic}: {sentence}")));
    out.join("\n") + "\n"
}

/// `Missed, Severe, 7 points, £3,500.00`.
fn outcome(line: &ResultLine) -> String {
    let mut parts = vec![verdict_title(line.verdict).to_owned()];
    parts.extend(line.severity.map(|severity| severity.to_string()));
    parts.extend((line.points != 0).then(|| crate::view::words::points(line.points)));
    parts.extend(line.credit.clone());
    parts.extend(line.bonus.as_ref().map(|bonus| format!("bonus {bonus}")));
    parts.extend(line.standing.map(str::to_owned));
    parts.join(", ")
}

/// Markdown with tables. What people wrote is escaped, so that it stays text.
pub fn markdown(report: &PeriodReport) -> String {
    let mut out = vec![format!("# {}", escape(&report.headline)), String::new()];
    out.push(format!("{}.\n", escape(&report.parties())));
    out.push(escape(&report.summary.join(" ")));
    if report.rehearsal {
        out.push("\n**This is a report of a rehearsal. It binds nobody.**".to_owned());
    }
    let pairs = |pairs: Vec<[String; 2]>| pairs.into_iter().map(Vec::from).collect::<Vec<_>>();
    out.push(table(
        &["", ""],
        &pairs(report.facts.iter().map(|(name, fact)| [(*name).to_owned(), fact.clone()]).collect()),
    ));
    let keys = report
        .keys
        .iter()
        .map(|key| vec![key.name.to_owned(), key.figure.clone(), key.note.clone()])
        .collect::<Vec<_>>();
    out.push(table(&["", "Figure", ""], &keys));
    out.push("\n## Result".to_owned());
    let lines = report.lines.iter().map(|line| {
        let value = line.value.clone().unwrap_or_else(|| "–".to_owned());
        let counts = line.counts.clone().unwrap_or_else(|| "no data".to_owned());
        vec![line.title.clone(), line.target.clone(), value, counts, outcome(line)]
    });
    out.push(table(&["KPI", "Target", "Value", "Counts", "Outcome"], &lines.collect::<Vec<_>>()));
    if !report.follows.is_empty() {
        out.push("\n## What follows".to_owned());
        let rows = report.follows.iter().map(|it| vec![it.trigger.clone(), it.because.clone(), it.follows.to_owned()]);
        out.push(table(&["Trigger", "Because of", "What follows"], &rows.collect::<Vec<_>>()));
    }
    if let Some(money) = &report.money {
        out.push("\n## Money".to_owned());
        out.push(table(
            &["", "Amount"],
            &pairs(money.ledger.iter().map(|it| [it.what.clone(), it.amount.clone()]).collect()),
        ));
    }
    if !report.insight.is_empty() {
        out.push("\n## What it means\n".to_owned());
        out.extend(report.insight.iter().map(|insight| format!("- {}", escape(&insight.sentence))));
    }
    if !report.changes.is_empty() {
        out.push(format!("\n## What changed against {}", escape(&list(&report.compared_with))));
        let rows = report
            .changes
            .iter()
            .map(|it| vec![it.title.clone(), it.before.clone(), it.now.clone(), it.meaning.clone(), cost(it)]);
        out.push(table(&["KPI", "Period before", "Now", "What it means", "What it cost"], &rows.collect::<Vec<_>>()));
    }
    if !report.made_of.is_empty() || report.advice.is_some() {
        out.push("\n## Day by day, and where".to_owned());
        out.extend(report.made_of.iter().map(made_of::markdown));
        out.extend(report.advice.iter().map(made_of::advice_markdown));
    }
    out.push("\n## What else there is to know".to_owned());
    out.push(table(
        &["", ""],
        &pairs(report.notes.iter().map(|(topic, it)| [(*topic).to_owned(), it.clone()]).collect()),
    ));
    out.push("\n## Evidence".to_owned());
    let evidence = report.evidence.iter().chain(&report.heads);
    let rows =
        evidence.map(|line| vec![line.name.clone(), line.rows.to_string(), line.digest.clone()]).collect::<Vec<_>>();
    out.push(table(&["KPI or feed", "Rows", "Digest"], &rows));
    out.push(format!("\n```sh\n{}\n```", check_commands(report).join("\n")));
    out.join("\n") + "\n"
}
