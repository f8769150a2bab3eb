//! Launches for a terminal.

use super::{Document, Section};

/// Plain text, a line for each fact; one launch after the other.
pub fn text(documents: &[&Document]) -> String {
    let parts: Vec<String> = documents.iter().map(|document| one(document)).collect();
    parts.join("\n")
}

fn one(document: &Document) -> String {
    let mut out = vec![format!("{} ({})", document.title, document.name)];
    out.extend(document.summary.iter().cloned());
    out.push(String::new());
    out.extend(document.keys.iter().map(|key| format!("{}: {} ({})", key.name, key.figure, key.note)));
    for section in &document.sections {
        out.push(format!("\n{}", section.title));
        out.extend(section.sentences.iter().cloned());
        out.extend(section.rows.iter().map(|row| line(section, row)));
    }
    out.join("\n") + "\n"
}

/// A row with the head of each of its cells; an empty cell says nothing.
fn line(section: &Section, row: &[String]) -> String {
    let cells = section.columns.iter().zip(row).filter(|(_, cell)| !cell.is_empty());
    let cells: Vec<String> = cells.map(|(head, cell)| format!("{head}: {cell}")).collect();
    format!("- {}", cells.join("; "))
}
