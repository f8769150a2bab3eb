//! The workbook of a report: every figure is the SlaReport's, and a spreadsheet computes the same money again.

use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};
use std::path::Path;
use std::process::Command;

use bpo_operator::view::report::{Facts, xlsx};
use calamine::{Data, Range, Reader, Xlsx, open_workbook};
use serde_json::Value;

use crate::debian;
use crate::judged::{Reported, reports};

type Sheets = BTreeMap<String, Range<Data>>;

fn workbook(report: &Reported) -> Vec<u8> {
    let facts = Facts {
        namespace: "",
        name: &report.name,
        report: &report.spec,
        status: None,
        terms: report.terms.as_ref(),
        earlier: &[],
        evidence: None,
    };
    xlsx(&facts).unwrap()
}

fn sheets<R: Read + std::io::Seek>(mut book: Xlsx<R>) -> Sheets {
    book.worksheets().into_iter().collect()
}

fn number(cell: &Data) -> Option<f64> {
    match cell {
        Data::Float(number) => Some(*number),
        Data::Int(number) => Some(*number as f64),
        _ => None,
    }
}

/// The cell of a row that begins with `first`, under the head `column` in the sheet's second row.
fn cell<'s>(sheet: &'s Range<Data>, first: &str, column: &str) -> &'s Data {
    let at = sheet.rows().nth(1).unwrap().iter().position(|head| *head == Data::String(column.to_owned())).unwrap();
    let row = sheet.rows().find(|row| row.iter().take(2).any(|cell| *cell == Data::String(first.to_owned())));
    &row.unwrap_or_else(|| panic!("no row {first}"))[at]
}

/// Every leaf of a JSON value.
fn leaves(value: &Value) -> Vec<&Value> {
    match value {
        Value::Object(members) => members.values().flat_map(leaves).collect(),
        Value::Array(items) => items.iter().flat_map(leaves).collect(),
        Value::Null => Vec::new(),
        leaf => vec![leaf],
    }
}

#[test]
fn every_field_of_a_report_is_in_its_workbook_and_every_figure_where_it_belongs() {
    for report in reports() {
        let name = &report.name;
        let found = sheets(Xlsx::new(Cursor::new(workbook(&report))).unwrap());
        let record: Vec<&Data> = found["Record"].rows().skip(2).map(|row| &row[1]).collect();
        let written = serde_json::to_value(&report.spec).unwrap();
        let leaves = leaves(&written);
        assert_eq!(record.len(), leaves.len(), "{name}: a field is missing");
        for (cell, leaf) in record.iter().zip(&leaves) {
            let same = match (cell, leaf) {
                (Data::String(shown), Value::String(text)) => shown == text,
                (Data::String(shown), Value::Bool(yes)) => *shown == yes.to_string(),
                (cell, Value::Number(figure)) => number(cell) == figure.as_f64(),
                _ => false,
            };
            assert!(same, "{name}: {cell:?} for {leaf}");
        }
        let figure = |text: &Option<String>| text.as_ref().map(|text| text.parse::<f64>().unwrap());
        for line in &report.spec.kpis {
            let shown = |column: &str| number(cell(&found["KPIs"], &line.name, column));
            assert_eq!(shown("Value"), figure(&line.value), "{name} {}", line.name);
            assert_eq!(shown("Value before relief"), figure(&line.raw_value), "{name} {}", line.name);
            assert_eq!(shown("Numerator"), figure(&line.numerator), "{name} {}", line.name);
            assert_eq!(shown("Denominator"), figure(&line.denominator), "{name} {}", line.name);
            assert_eq!(shown("Target"), figure(&line.target), "{name} {}", line.name);
            assert_eq!(shown("Points"), Some(line.points as f64), "{name} {}", line.name);
            assert_eq!(shown("Credit"), figure(&line.credit), "{name} {}", line.name);
            assert_eq!(shown("Bonus"), figure(&line.bonus), "{name} {}", line.name);
        }
        if let Some(credit) = &report.spec.credit {
            let shown = |first: &str| number(cell(&found["Money"], first, "The report's"));
            assert_eq!(shown("Before caps"), credit.before_caps.parse().ok(), "{name}");
            assert_eq!(shown("Credit, owed by the vendor"), credit.net.parse().ok(), "{name}");
            assert_eq!(shown("Bonus, owed by the client"), credit.bonus.parse().ok(), "{name}");
        }
    }
}

/// The workbook without the values that it shows to programs which compute nothing: what is there afterwards was computed.
fn without_values(bytes: &[u8]) -> Vec<u8> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut out = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        let mut parts = text.split("</f><v>");
        let mut kept = parts.next().unwrap().to_owned();
        for part in parts {
            kept += "</f>";
            kept += part.split_once("</v>").unwrap().1;
        }
        out.start_file(file.name().unwrap().into_owned(), zip::write::SimpleFileOptions::default()).unwrap();
        out.write_all(kept.as_bytes()).unwrap();
    }
    out.finish().unwrap().into_inner()
}

/// Opens the workbooks of a folder in LibreOffice, and saves each as LibreOffice computes it.
fn computed_by_libreoffice(folder: &Path) {
    let program = debian::program("soffice", "libreoffice-calc-nogui").unwrap_or_else(|advice| panic!("{advice}"));
    let mut command = Command::new(program);
    command.arg(format!("-env:UserInstallation=file://{}/profile", folder.display()));
    command.args(["--headless", "--convert-to", "xlsx", "--outdir"]).arg(folder.join("computed"));
    command.args(std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn libreoffice_computes_the_credit_of_every_report_again() {
    let folder = tempfile::tempdir().unwrap();
    let reports = reports();
    for (index, report) in reports.iter().enumerate() {
        let file = folder.path().join(format!("{index}.xlsx"));
        std::fs::write(file, without_values(&workbook(report))).unwrap();
    }
    computed_by_libreoffice(folder.path());
    let (mut amounts, mut values) = (0, 0);
    for (index, report) in reports.iter().enumerate() {
        let name = &report.name;
        let file = folder.path().join("computed").join(format!("{index}.xlsx"));
        let found = sheets(open_workbook(&file).unwrap_or_else(|error| panic!("{name}: {error}")));
        for line in &report.spec.kpis {
            let again = number(cell(&found["KPIs"], &line.name, "Value, computed again"));
            if let (Some(again), Some(value)) = (again, &line.value) {
                let value: f64 = value.parse().unwrap();
                assert!((again - value).abs() < 1e-6 * value.abs().max(1.0), "{name} {}: {again} {value}", line.name);
                values += 1;
            }
        }
        let Some(credit) = &report.spec.credit else { continue };
        let money = &found["Money"];
        for row in money.rows().skip(2) {
            if let (Some(again), Some(reported)) = (number(&row[8]), number(&row[9])) {
                assert!((again - reported).abs() < 1e-9 * reported.abs().max(1.0), "{name}: {row:?}");
                amounts += 1;
            }
        }
        let owed = number(cell(money, "Credit, owed by the vendor", "Computed"));
        assert_eq!(owed, credit.net.parse().ok(), "{name}");
    }
    assert!(
        values > 30 && amounts > 60,
        "{values} values and {amounts} amounts were computed: too few to prove anything"
    );
}
