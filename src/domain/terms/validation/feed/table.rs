//! What the mapping of a table must hold to: a CSV export, a sheet of a workbook, a list of lists.

use super::super::checks::{Findings, check_count, check_range, check_text, check_time_zone, quoted};
use super::mapping::{COLUMNS, SERIAL, check_conditions, check_mappings, check_time_format};
use super::{check_path, is_one};
use crate::api::feed::{TableFormat, TableHeader};

/// Members of a table that belong to one kind of table alone.
fn strange_members(kind: &str, table: &TableFormat) -> Vec<&'static str> {
    let members = [
        ("delimiter", table.delimiter.is_some(), &["csv"][..]),
        ("encoding", table.encoding.is_some(), &["csv"]),
        ("lastLine", table.last_line.is_some(), &["csv"]),
        ("text", table.text.is_some(), &["csv"]),
        ("decimalComma", table.decimal_comma.is_some(), &["csv", "arrays"]),
        ("sheet", table.sheet.is_some(), &["xlsx"]),
        ("rows", table.rows.is_some(), &["arrays"]),
    ];
    members.into_iter().filter(|(_, given, kinds)| *given && !kinds.contains(&kind)).map(|(name, ..)| name).collect()
}

pub(super) fn check(findings: &mut Findings, field: &str, kind: &str, table: &TableFormat) {
    for member in strange_members(kind, table) {
        findings.add(format!("{field}.{member}"), format!("does not belong to {kind}: take it away"));
    }
    findings.ensure(kind != "arrays" || table.rows.is_some(), format!("{field}.rows"), || {
        "is missing: write the JSONPath of the list of lists, such as $.rows".to_owned()
    });
    for (name, path) in [("rows", &table.rows), ("text", &table.text)] {
        path.iter().for_each(|path| check_path(findings, &format!("{field}.{name}"), path));
    }
    if let Some(delimiter) = &table.delimiter {
        let is_character =
            delimiter.len() == 1 && delimiter.chars().all(|letter| letter == '\t' || (' '..='~').contains(&letter));
        findings.ensure(is_character && delimiter != "\"", format!("{field}.delimiter"), || {
            format!("{} cannot separate fields: write one character such as , or ; or | or a tab", quoted(delimiter))
        });
    }
    if let Some(zone) = &table.time_zone {
        check_time_zone(findings, &format!("{field}.timeZone"), zone);
    }
    check_lines(findings, field, table);
    findings.ensure(is_one(&[table.start.is_some(), table.time.is_some(), table.records.is_some()]), field, || {
        "does not say when a row is: write exactly one of start, time, records".to_owned()
    });
    check_conditions(findings, field, &table.conditions, COLUMNS);
    check_times(findings, field, table);
    check_mappings(findings, field, &table.labels, &table.measures, COLUMNS);
}

fn check_lines(findings: &mut Findings, field: &str, table: &TableFormat) {
    for (name, lines) in [("skipLines", table.skip_lines), ("skipAfter", table.skip_after)] {
        lines.into_iter().for_each(|lines| check_range(findings, &format!("{field}.{name}"), lines, 0, 1000));
    }
    findings.ensure(table.skip_lines.is_none() || table.header.is_none(), format!("{field}.skipLines"), || {
        "is the number of lines before the header: write `header` or skipLines, not both".to_owned()
    });
    if let Some(TableHeader { row, find, names }) = &table.header {
        let field = format!("{field}.header");
        findings.ensure(is_one(&[row.is_some(), find.is_some(), !names.is_empty()]), &field, || {
            "does not say where the names of the columns stand: write exactly one of row, find, names".to_owned()
        });
        row.iter().for_each(|row| check_range(findings, &format!("{field}.row"), *row, 1, 1001));
        find.iter().for_each(|find| check_text(findings, &format!("{field}.find"), find, 253));
        check_count(findings, &format!("{field}.names"), names.len(), 200);
    }
    check_count(findings, &format!("{field}.skipRows"), table.skip_rows.len(), 20);
    for (number, skip) in table.skip_rows.iter().enumerate() {
        findings.ensure(
            skip.equals.is_some() != skip.starts_with.is_some(),
            format!("{field}.skipRows[{number}]"),
            || {
                "does not say at which text a line is left out: write exactly one of equals, startsWith, such as Total"
                    .to_owned()
            },
        );
    }
}

fn check_times(findings: &mut Findings, field: &str, table: &TableFormat) {
    let at = table.records.as_ref().map(|records| &records.at);
    for (name, time) in [("start", table.start.as_ref()), ("end", table.end.as_ref()), ("records.at", at)] {
        let Some(time) = time else { continue };
        findings.ensure(!time.columns.is_empty(), format!("{field}.{name}.columns"), || {
            "is empty: list the columns that hold the time, such as Date and Time".to_owned()
        });
        check_count(findings, &format!("{field}.{name}.columns"), time.columns.len(), 4);
        let written = time.format.iter().filter(|format| *format != SERIAL);
        written.for_each(|format| check_time_format(findings, &format!("{field}.{name}.format"), format));
    }
}
