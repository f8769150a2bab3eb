//! A portfolio as a table, as Markdown and as CSV.

use super::{Line, RatingLine};
use crate::cli::tables::table;
use crate::outbound::error::presentable;
use crate::view::markdown;

const PORTFOLIO: [&str; 14] = [
    "VENDOR",
    "CONTRACT",
    "PHASE",
    "COMPLIANT",
    "AT RISK",
    "PERIOD",
    "SCORE",
    "RATING",
    "MET",
    "OF",
    "CREDIT",
    "YEAR TO DATE",
    "CURRENCY",
    "NEXT",
];
const RATINGS: [&str; 12] =
    ["VENDOR", "CONTRACT", "FROM", "TO", "STATE", "REVISION", "NAME", "KPI", "TARGET", "VALUE", "VERDICT", "RATING"];

pub(super) fn portfolio_table(lines: &[Line]) -> String {
    if lines.is_empty() {
        return "no VendorContract here; --all-namespaces looks everywhere\n".to_owned();
    }
    as_table(&PORTFOLIO, lines.iter().map(cells))
}

pub(super) fn portfolio_csv(lines: &[Line]) -> String {
    as_csv(&PORTFOLIO, lines.iter().map(cells))
}

pub(super) fn ratings_table(lines: &[RatingLine]) -> String {
    if lines.is_empty() {
        return "no measurement period has closed yet\n".to_owned();
    }
    as_table(&RATINGS, lines.iter().map(rating_cells))
}

pub(super) fn ratings_csv(lines: &[RatingLine]) -> String {
    as_csv(&RATINGS, lines.iter().map(rating_cells))
}

pub(super) fn portfolio_markdown(lines: &[Line]) -> String {
    as_markdown("Portfolio", &PORTFOLIO, lines.iter().map(cells))
}

pub(super) fn ratings_markdown(lines: &[RatingLine]) -> String {
    as_markdown("Ratings", &RATINGS, lines.iter().map(rating_cells))
}

fn as_markdown(title: &str, headings: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    format!("# {title}\n{}\n", markdown::table(headings, &rows.collect::<Vec<_>>()))
}

/// A contract as it is named where several namespaces are shown.
fn full_name(namespace: &str, name: &str) -> String {
    if namespace.is_empty() { name.to_owned() } else { format!("{namespace}/{name}") }
}

fn cells(line: &Line) -> Vec<String> {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    vec![
        presentable(&line.vendor, 60),
        full_name(&line.namespace, &line.contract),
        or_dash(line.phase.clone()),
        or_dash(line.compliant.map(|status| status.to_string())),
        or_dash(line.at_risk.map(|status| status.to_string())),
        or_dash(line.period.clone()),
        or_dash(line.score.clone()),
        or_dash(line.rating.map(|rating| rating.to_string())),
        or_dash(line.kpis_met.map(|met| met.to_string())),
        or_dash(line.kpis.map(|all| all.to_string())),
        or_dash(line.credit.clone()),
        or_dash(line.year_to_date.clone()),
        or_dash(line.currency.clone()),
        or_dash(line.next.clone()),
    ]
}

fn rating_cells(line: &RatingLine) -> Vec<String> {
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    vec![
        presentable(&line.vendor, 60),
        full_name(&line.namespace, &line.contract),
        line.from.to_string(),
        line.to.to_string(),
        line.state.to_string(),
        line.revision.to_string(),
        line.name.clone(),
        line.kpi.clone(),
        or_dash(&line.target),
        or_dash(&line.value),
        line.verdict.to_string(),
        line.rating.to_owned(),
    ]
}

fn as_table(headings: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut found = table(headings);
    rows.for_each(|row| _ = found.add_row(row));
    format!("{found}\n")
}

fn as_csv(headings: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut written = writer.write_record(headings);
    for row in rows {
        written = written.and_then(|()| writer.write_record(row.into_iter().map(harmless)));
    }
    // Writing to memory cannot fail.
    let bytes = written.ok().and_then(|()| writer.into_inner().ok()).unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}

/// A cell that no spreadsheet takes for a formula: an apostrophe goes before what would begin one. Numbers stay numbers.
fn harmless(cell: String) -> String {
    let is_number =
        cell.strip_prefix('-').is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'));
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && !is_number { format!("'{cell}") } else { cell }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_becomes_a_formula() {
        for (cell, expected) in [
            ("Acme", "Acme"),
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("+1", "'+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\tx", "'\tx"),
            ("-x", "'-x"),
            ("-12.50", "-12.50"),
            ("-", "-"),
        ] {
            assert_eq!(harmless(cell.to_owned()), expected);
        }
    }
}
