use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::*;
use crate::api::feed::Feed;
use crate::evidence::RejectionReason;
use crate::feed::format::parse as parse_feed;
use crate::feed::offline::page_of;
use crate::feed::tests::workbook::workbook;

/// Reads a workbook for a contract in Chicago.
fn read(format: &Value, body: &[u8]) -> Result<ParsedPage, FetchError> {
    let feed = json!({"name": "acd", "url": "https://feeds.acme.example/v1", "format": {"xlsx": format}});
    let feed: Feed = serde_json::from_value(feed).unwrap();
    let zone = TimeZone::get("America/Chicago").unwrap();
    let cadence = std::time::Duration::from_secs(1_800);
    parse_feed(&Mapping { feed: &feed, zone, cadence, window: None }, &page_of(body))
}

fn rows(page: &ParsedPage) -> Vec<String> {
    let row = |row: &crate::evidence::IncomingRow| {
        let measures: Vec<String> = row.measures.iter().map(|(name, value)| format!("{name} {value}")).collect();
        format!("{} {:?}: {}", row.start, row.labels.values().collect::<Vec<_>>(), measures.join(", "))
    };
    page.rows.iter().map(row).collect()
}

/// A row whose cells are numbers with a style, or texts.
fn line(number: usize, cells: &[(&str, &str)]) -> String {
    let cell = |(place, (style, value)): (usize, &(&str, &str))| {
        let column = char::from(b'A' + u8::try_from(place).unwrap());
        match *style {
            "" => String::new(),
            "text" => format!(r#"<c r="{column}{number}" t="inlineStr"><is><t>{value}</t></is></c>"#),
            "error" => format!(r#"<c r="{column}{number}" t="e"><v>{value}</v></c>"#),
            "formula" => format!(r#"<c r="{column}{number}"><f>SUM(B1:B9)</f><v>{value}</v></c>"#),
            style => format!(r#"<c r="{column}{number}" s="{style}"><v>{value}</v></c>"#),
        }
    };
    let cells: String = cells.iter().enumerate().map(cell).collect();
    format!(r#"<row r="{number}">{cells}</row>"#)
}

fn header(number: usize) -> String {
    let names = ["Queue", "Day", "Time", "Calls", "Talk"].map(|name| ("text", name));
    line(number, &names)
}

fn mapping() -> Value {
    json!({"header": {"find": "Queue"}, "start": {"columns": ["Day", "Time"]}, "labels": [{"name": "queue", "column": "Queue"}],
        "measures": [{"name": "offered", "column": "Calls"}, {"name": "talkSeconds", "column": "Talk", "unit": "Days"}]})
}

#[test]
fn cells_are_read_as_what_they_show_and_formulas_as_their_saved_values() {
    let sheet = [
        line(1, &[("text", "A report of the queue")]),
        header(3),
        line(4, &[("text", "Billing"), ("1", "46027"), ("3", "0.33333333333"), ("0", "100"), ("2", "1.5")]),
        line(
            5,
            &[
                ("text", "Billing"),
                ("1", "46027"),
                ("3", "0.354166666667"),
                ("text", "1,097"),
                ("0", "0.0015509259259259259"),
            ],
        ),
        line(6, &[("text", "Billing"), ("1", "46027"), ("3", "0.375"), ("formula", "52"), ("", "")]),
        line(7, &[("text", "Billing"), ("1", "46027"), ("3", "0.395833333333"), ("error", "#DIV/0!"), ("2", "0.5")]),
        line(8, &[("text", "Billing"), ("1", "46027"), ("text", "10:00:00"), ("0", "7"), ("2", "0.5")]),
        line(9, &[("text", "Billing"), ("text", "yesterday"), ("3", "0.5"), ("0", "7"), ("2", "0.5")]),
    ];
    let page = read(&mapping(), &workbook(&[("Notes", ""), ("Data", "")])).unwrap_err();
    assert!(page.message.contains("header.find"), "{}", page.message);
    let page = read(&mapping(), &workbook(&[("Data", &sheet.concat())])).unwrap();
    assert_eq!(
        rows(&page),
        [
            r#"2026-01-05T14:00:00Z ["Billing"]: offered 100, talkSeconds 129600"#,
            r#"2026-01-05T14:30:00Z ["Billing"]: offered 1097, talkSeconds 134"#,
            // A cell that is not there is missing, never zero.
            r#"2026-01-05T15:00:00Z ["Billing"]: offered 52"#,
            r#"2026-01-05T16:00:00Z ["Billing"]: offered 7, talkSeconds 43200"#,
        ]
    );
    let reasons: Vec<RejectionReason> = page.rejected.iter().map(|row| row.reason).collect();
    assert_eq!(reasons, [RejectionReason::Malformed; 2]);
    assert!(page.rejected[0].text.contains("#DIV/0!"));
}

#[test]
fn a_midnight_is_an_interval_of_its_cadence_and_no_day() {
    let sheet = [header(1), line(2, &[("text", "a"), ("1", "46027"), ("3", "0"), ("0", "1"), ("2", "0.5")])].concat();
    let both = read(&mapping(), &workbook(&[("Data", &sheet)])).unwrap();
    let mut alone = mapping();
    alone["start"] = json!({"columns": ["Day"]});
    let alone = read(&alone, &workbook(&[("Data", &sheet)])).unwrap();
    for page in [both, alone] {
        assert_eq!(page.rows[0].start.to_string(), "2026-01-05T06:00:00Z");
        assert_eq!(page.rows[0].end.to_string(), "2026-01-05T06:30:00Z");
    }
}

#[test]
fn serial_days_without_a_format_of_cells_are_added_up_and_rounded_to_the_second() {
    let plain =
        [header(1), line(2, &[("text", "a"), ("0", "46027"), ("0", "0.354166666666"), ("0", "1"), ("0", "0.5")])];
    let mut format = mapping();
    format["start"]["format"] = json!("Serial");
    let page = read(&format, &workbook(&[("Data", &plain.concat())])).unwrap();
    assert_eq!(page.rows[0].start.to_string(), "2026-01-05T14:30:00Z");
    // Without it a number is not a time, and the mapping is refused.
    let error = read(&mapping(), &workbook(&[("Data", &plain.concat())])).unwrap_err();
    assert!(error.message.contains("format.xlsx.start"), "{}", error.message);
}

#[test]
fn a_sheet_a_column_or_a_header_that_changed_is_named() {
    let sheet = [header(1), line(2, &[("text", "a"), ("1", "46027"), ("3", "0.5"), ("0", "1"), ("2", "0.5")])].concat();
    let renamed = sheet.replace("Calls", "Contacts");
    let mut named = mapping();
    named["sheet"] = json!("Data");
    for (what, format, book, fragment) in [
        (
            "sheet renamed",
            &named,
            workbook(&[("Data 2", &sheet)]),
            "there is no sheet \"Data\"; the workbook has \"Data 2\"",
        ),
        ("column renamed", &named, workbook(&[("Data", &renamed)]), "there is no column \"Calls\""),
        ("header gone", &named, workbook(&[("Data", "")]), "header.find"),
        ("no workbook", &named, b"PK\x03\x04 but no more".to_vec(), "not a whole zip"),
    ] {
        let error = read(format, &book).unwrap_err();
        assert!(error.message.contains(fragment), "{what}: {}", error.message);
    }
    // A column that moved is found by its name.
    let page = read(&named, &workbook(&[("First", ""), ("Data", &sheet)])).unwrap();
    assert_eq!(rows(&page).len(), 1);
}

#[test]
fn a_cell_far_away_makes_no_table_of_what_lies_between() {
    for place in ["A1048576", "XFD2"] {
        let far = format!(r#"{}<row r="2"><c r="{place}"><v>1</v></c></row>"#, header(1));
        let error = read(&mapping(), &workbook(&[("Data", &far)])).unwrap_err();
        assert_eq!(error.kind, FailureKind::TooLarge, "{place}: {}", error.message);
    }
    // Few cells, each at the end of a long row.
    let wide: String = (2..3_000).map(|row| format!(r#"<row r="{row}"><c r="ALL{row}"><v>1</v></c></row>"#)).collect();
    let error = read(&mapping(), &workbook(&[("Data", &format!("{}{wide}", header(1)))])).unwrap_err();
    assert_eq!(error.kind, FailureKind::TooLarge, "{}", error.message);
}
