use std::time::Duration;

use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::*;
use crate::api::feed::Feed;
use crate::evidence::RejectionReason;
use crate::feed::format::parse as parse_feed;
use crate::feed::offline::page_of;
use crate::outbound::error::FailureKind;

/// A feed with a format, as a contract in London has it.
fn feed(format: &Value) -> Feed {
    let feed = json!({"name": "acd", "url": "https://feeds.acme.example/v1/intervals", "format": format});
    serde_json::from_value(feed).unwrap()
}

fn read(format: &Value, body: &[u8]) -> Result<ParsedPage, FetchError> {
    let feed = feed(format);
    let zone = TimeZone::get("Europe/London").unwrap();
    parse_feed(&Mapping { feed: &feed, zone, cadence: Duration::from_secs(1_800), window: None }, &page_of(body))
}

/// Rows as text: their times, their labels, what they count.
fn rows(page: &ParsedPage) -> Vec<String> {
    let describe = |row: &crate::evidence::IncomingRow| {
        let labels: Vec<String> = row.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let measures: Vec<String> = row.measures.iter().map(|(name, value)| format!("{name} {value}")).collect();
        format!("{}/{} {} | {}", row.start, row.end, labels.join(","), measures.join(", "))
    };
    page.rows.iter().map(describe).collect()
}

fn reasons(page: &ParsedPage) -> Vec<RejectionReason> {
    page.rejected.iter().map(|row| row.reason).collect()
}

/// The format of a mapping in `tests/data/exports`.
fn exported(mapping: &str) -> Value {
    let value: Value = serde_saphyr::from_str(mapping).unwrap();
    value["format"].clone()
}

#[test]
fn an_export_in_the_manner_of_amazon_connect_is_read() {
    let format = exported(include_str!("../../../../tests/data/exports/amazon-connect.yaml"));
    let page = read(&format, include_bytes!("../../../../tests/data/exports/amazon-connect.csv")).unwrap();
    assert_eq!(
        rows(&page),
        [
            "2026-01-05T09:00:00Z/2026-01-05T09:30:00Z queue=Billing | abandoned 53, abandonedWithin 31, answered 1044, answeredWithin 902, handleSeconds 218196, offered 1097, waitSeconds 14616",
            // Connect's own 78.00 % are 60 answered and 18 abandoned of 100: the export's counts say 60.
            "2026-01-05T09:30:00Z/2026-01-05T10:00:00Z queue=Billing | abandoned 20, abandonedWithin 18, answered 80, answeredWithin 60, handleSeconds 16880, offered 100, waitSeconds 720",
            // Nobody called: there is no mean, and none is made up.
            "2026-01-05T09:00:00Z/2026-01-05T09:30:00Z queue=Sales | abandoned 0, abandonedWithin 0, answered 0, answeredWithin 0, offered 0",
        ]
    );
}

#[test]
fn an_export_in_the_manner_of_genesys_cloud_is_read_over_the_night_of_the_clock_change() {
    let format = exported(include_str!("../../../../tests/data/exports/genesys-cloud.yaml"));
    let page = read(&format, include_bytes!("../../../../tests/data/exports/genesys-cloud.csv")).unwrap();
    let times: Vec<String> = rows(&page).iter().map(|row| row.split(' ').next().unwrap().replace(":00Z", "")).collect();
    assert_eq!(
        times,
        [
            "2026-10-24T23:30/2026-10-25T00:00",
            "2026-10-25T00:00/2026-10-25T00:30",
            "2026-10-25T00:30/2026-10-25T01:00",
            "2026-10-25T01:00/2026-10-25T01:30",
            "2026-10-25T01:30/2026-10-25T02:00",
            "2026-10-25T09:00/2026-10-25T09:30",
        ]
    );
    let last = rows(&page).pop().unwrap();
    assert!(
        last.ends_with("queue=Accueil,site=lille | abandoned 30, answered 1180, answeredWithin 1022.45, handleSeconds 247210, offered 1210, serviceLevelBase 1210, waitSeconds 16815"),
        "{last}"
    );
    // 60 % of 80 answered and 20 abandoned calls are 60 calls, not 48.
    assert!(rows(&page)[4].contains("abandoned 20, answered 80, answeredWithin 60,"), "{}", rows(&page)[4]);
    assert_eq!(page.rejected, []);
}

#[test]
fn an_export_in_the_manner_of_avaya_bcms_is_read_and_a_broken_line_spoils_no_other() {
    let format = exported(include_str!("../../../../tests/data/exports/avaya-bcms.yaml"));
    let page = read(&format, include_bytes!("../../../../tests/data/exports/avaya-bcms.csv")).unwrap();
    assert_eq!(
        rows(&page),
        [
            "2026-01-05T14:00:00Z/2026-01-05T14:30:00Z queue=Billing, UK | abandoned 4, answered 32, talkSeconds 10080, waitSeconds 800",
            "2026-01-05T14:30:00Z/2026-01-05T15:00:00Z queue=Billing, UK | abandoned 0, answered 30, talkSeconds 8400, waitSeconds 270",
        ]
    );
    assert_eq!(reasons(&page), [RejectionReason::Malformed]);
    assert!(page.rejected[0].text.contains("2x"), "{}", page.rejected[0].text);
}

#[test]
fn the_mappings_stand_in_the_documentation() {
    let docs = include_str!("../../../../docs/feeds.md");
    for mapping in [
        include_str!("../../../../tests/data/exports/amazon-connect.yaml"),
        include_str!("../../../../tests/data/exports/genesys-cloud.yaml"),
        include_str!("../../../../tests/data/exports/avaya-bcms.yaml"),
    ] {
        assert!(docs.contains(mapping), "docs/feeds.md does not show\n{mapping}");
    }
}

fn simple() -> Value {
    json!({"csv": {"start": {"columns": ["Start"]}, "labels": [{"name": "queue", "column": "Queue"}],
        "measures": [{"name": "offered", "column": "Calls"}]}})
}

#[test]
fn the_warts_of_exports_change_no_figure() {
    let expected = ["2026-06-08T08:00:00Z/2026-06-08T08:30:00Z queue=a | offered 7"];
    let utf16 = |text: &str, big: bool| {
        let bytes = |unit: u16| if big { unit.to_be_bytes() } else { unit.to_le_bytes() };
        "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(bytes).collect::<Vec<u8>>()
    };
    let plain = "Start,Queue,Calls\n2026-06-08T09:00,a,7\n";
    for (name, body) in [
        ("plain", plain.as_bytes().to_vec()),
        ("a byte-order mark", format!("\u{feff}{plain}").into_bytes()),
        ("UTF-16, little end first", utf16(plain, false)),
        ("UTF-16, big end first", utf16(plain, true)),
        ("carriage returns", plain.replace('\n', "\r\n").into_bytes()),
        ("no last line break", plain.trim_end().as_bytes().to_vec()),
        ("spaces", b" Start , Queue,Calls \n 2026-06-08T09:00 , a, 7 \n".to_vec()),
        ("quotes", b"\"Start\",\"Queue\",\"Calls\"\n\"2026-06-08T09:00\",\"a\",\"7\"\n".to_vec()),
        ("trailing commas", b"Start,Queue,Calls,,\n2026-06-08T09:00,a,7,,\n".to_vec()),
        ("another order, another column", b"Calls,x,Queue,Start\n7,?,a,2026-06-08 09:00:00\n".to_vec()),
        ("an empty line and a line of commas", b"Start,Queue,Calls\n\n,,\n2026-06-08T09:00,a,7\n".to_vec()),
        ("the header again", format!("{plain}Start,Queue,Calls\n").into_bytes()),
        ("a quoted line break beside it", b"Note,Start,Queue,Calls\n\"two\nlines\",2026-06-08T09:00,a,7\n".to_vec()),
        ("an offset", b"Start,Queue,Calls\n2026-06-08T09:00:00+01:00,a,7\n".to_vec()),
    ] {
        let page = read(&simple(), &body).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((rows(&page), reasons(&page)), (expected.map(str::to_owned).to_vec(), vec![]), "{name}");
    }
}

#[test]
fn a_text_as_spreadsheets_write_it_is_the_text_alone() {
    let expected = ["2026-06-08T08:00:00Z/2026-06-08T08:30:00Z queue=0012 | offered 7"];
    for body in [
        "Start,Queue,Calls\n2026-06-08T09:00,0012,7\n",
        "Start,Queue,Calls\n2026-06-08T09:00,=\"0012\",7\n",
        "Start,Queue,Calls\n=\"2026-06-08T09:00\",=\"0012\",=\"7\"\n",
        "Start,Queue,Calls\n\"=\"\"2026-06-08T09:00\"\"\",\"=\"\"0012\"\"\",\"=\"\"7\"\"\"\n",
        "=\"Start\",=\"Queue\",=\"Calls\"\n2026-06-08T09:00,0012,7\n",
    ] {
        let page = read(&simple(), body.as_bytes()).unwrap_or_else(|error| panic!("{body}: {error}"));
        assert_eq!((rows(&page), reasons(&page)), (expected.map(str::to_owned).to_vec(), vec![]), "{body}");
    }
    let mut skipping = simple();
    skipping["csv"]["skipRows"] = json!([{"column": "Queue", "equals": "0099"}]);
    let body = "Start,Queue,Calls\n2026-06-08T09:00,=\"0012\",7\n2026-06-08T09:00,=\"0099\",9\n";
    assert_eq!(rows(&read(&skipping, body.as_bytes()).unwrap()), expected);
}

#[test]
fn day_and_month_are_never_mixed_up_in_silence() {
    let mut format = simple();
    let mut read_by = |written: &str, lines: &[&str]| {
        format["csv"]["start"]["format"] = json!(written);
        let body: String = lines.iter().map(|line| format!("{line},a,7\n")).collect();
        read(&format, format!("Start,Queue,Calls\n{body}").as_bytes())
    };
    for (written, lines, expected) in [
        // Each line can be read both ways: nothing shows that anything is wrong.
        ("%d/%m/%Y %H:%M", &["05/03/2026 09:00", "06/03/2026 09:00"][..], Ok((2, 0))),
        ("%d/%m/%Y %H:%M", &["05/03/2026 09:00", "13/03/2026 09:00"], Ok((2, 0))),
        // One line that is broken among others that prove the order.
        ("%d/%m/%Y %H:%M", &["13/03/2026 09:00", "03/14/2026 09:00"], Ok((1, 1))),
        ("%m/%d/%Y %H:%M", &["05/03/2026 09:00", "soon"], Ok((1, 1))),
        ("%m/%d/%Y %H:%M", &["05/03/2026 09:00", "13/03/2026 09:00"], Err("\"13/03/2026 09:00\"")),
        ("%m/%d/%Y %H:%M", &["13/03/2026 09:00", "05/03/2026 09:00"], Err("write \"%d/%m/%Y %H:%M\"")),
    ] {
        match (read_by(written, lines), expected) {
            (Ok(page), Ok(counts)) => assert_eq!((page.rows.len(), page.rejected.len()), counts, "{written} {lines:?}"),
            (Err(error), Err(words)) => {
                assert!(error.kind == FailureKind::Mapping && error.message.contains(words), "{}", error.message);
            }
            (found, _) => panic!("{written} {lines:?}: {found:?}"),
        }
    }
}

#[test]
fn lines_that_cannot_be_read_are_kept_aside() {
    use RejectionReason::{AmbiguousTime, Malformed, Mapping, NonexistentTime, OutOfRange};
    for (line, reason) in [
        ("2026-06-31T09:00,a,7", Malformed),
        ("yesterday,a,7", Malformed),
        ("2026-06-08T09:00,a,seven", Malformed),
        ("2026-06-08T09:00,a,NaN", Malformed),
        ("2026-06-08T09:00,a,1e400", Malformed),
        ("2026-06-08T09:00,a,99999999999999999", OutOfRange),
        ("2026-06-08T09:00,a", Malformed),
        ("2026-06-08T09:00,a,", Mapping),
        ("2026-06-08T09:00,a,N/A", Mapping),
        ("2026-10-25T01:30,a,7", AmbiguousTime),
        ("2026-03-29T01:30,a,7", NonexistentTime),
    ] {
        let body = format!("Start,Queue,Calls\n2026-06-08T08:30,a,1\n{line}\n2026-06-08T10:00,a,2\n");
        let page = read(&simple(), body.as_bytes()).unwrap();
        assert_eq!((page.rows.len(), reasons(&page)), (2, vec![reason]), "{line}");
    }
    // Both hours of the night in which the clock is set back, oldest first and newest first.
    for (body, first) in [
        ("2026-10-25T01:30,a,1\n2026-10-25T01:30,a,2\n2026-10-25T03:00,a,3\n", "2026-10-25T00:30:00Z"),
        ("2026-10-25T03:00,a,3\n2026-10-25T01:30,a,1\n2026-10-25T01:30,a,2\n", "2026-10-25T01:30:00Z"),
    ] {
        let page = read(&simple(), format!("Start,Queue,Calls\n{body}").as_bytes()).unwrap();
        let found = page.rows.iter().find(|row| row.measures["offered"] == Decimal::ONE).unwrap();
        assert_eq!((page.rows.len(), found.start.to_string().as_str()), (3, first), "{body}");
    }
}

#[test]
fn a_body_that_is_not_the_mapped_table_is_a_failure_that_names_the_remedy() {
    let with = |change: Value| {
        let mut format = simple();
        format["csv"].as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        format
    };
    let good = "Start,Queue,Calls\n2026-06-08T09:00,a,7\n";
    for (format, body, kind, said) in [
        (simple(), "", FailureKind::Malformed, "the body is empty"),
        (simple(), "<!DOCTYPE html><title>Login</title>", FailureKind::Malformed, "is not CSV"),
        (simple(), "{\"error\": \"no such report\"}", FailureKind::Malformed, "is not CSV"),
        (
            simple(),
            "Start;Queue;Calls\n2026-06-08T09:00;a;7\n",
            FailureKind::Mapping,
            "no column \"Start\"; the header has \"Start;Queue;Calls\"",
        ),
        (
            simple(),
            "Start,Queue,Calls,Calls\n2026-06-08T09:00,a,7,8\n",
            FailureKind::Mapping,
            "the header has the column \"Calls\" twice",
        ),
        (simple(), "Start,Queue,Calls\n08/06/2026 09:00,a,7\n", FailureKind::Mapping, "start.format"),
        (with(json!({"skipLines": 9})), good, FailureKind::Malformed, "skipLines is 9"),
        (with(json!({"skipLines": 1})), good, FailureKind::Mapping, "no column \"Start\""),
        (with(json!({"timeZone": "Mars/Olympus"})), good, FailureKind::Mapping, "timeZone"),
        (with(json!({"start": {"columns": ["Start"], "format": "%d.%m.%Y"}})), good, FailureKind::Mapping, "%d.%m.%Y"),
        (with(json!({"skipRows": [{"column": "Site", "equals": "Total"}]})), good, FailureKind::Mapping, "skipRows"),
    ] {
        let error = read(&format, body.as_bytes()).expect_err(body);
        assert!(error.kind == kind && error.message.contains(said), "{body}: {:?} {}", error.kind, error.message);
    }
    assert_eq!(read(&simple(), b"Start,Queue,Calls\n\xe9t\xe9,a,7\n").unwrap_err().kind, FailureKind::Malformed);
    assert_eq!(read(&simple(), b"Start,Queue,Calls\n").map(|page| page.count), Ok(0));
}

#[test]
fn a_date_names_a_day_in_every_zone() {
    // Daily rows by date over a change of the clock: rows without an end, with dates as ends, and local midnights a day apart.
    for (zone, days, hours) in [
        ("Europe/London", ["2026-03-28", "2026-03-29", "2026-03-30", "2026-03-31"], [24, 23, 24]),
        ("Europe/London", ["2026-10-24", "2026-10-25", "2026-10-26", "2026-10-27"], [24, 25, 24]),
        ("America/Santiago", ["2026-09-05", "2026-09-06", "2026-09-07", "2026-09-08"], [24, 23, 24]),
        ("Africa/Cairo", ["2026-04-23", "2026-04-24", "2026-04-25", "2026-04-26"], [24, 23, 24]),
        ("Asia/Beirut", ["2026-03-28", "2026-03-29", "2026-03-30", "2026-03-31"], [24, 23, 24]),
        ("Asia/Kolkata", ["2026-03-28", "2026-03-29", "2026-03-30", "2026-03-31"], [24, 24, 24]),
    ] {
        for (form, cadence, with_end) in
            [("", "30m", false), ("", "24h", true), ("T00:00", "24h", false), (" 00:00", "1d", true)]
        {
            let mut format = json!({"csv": {
                "timeZone": zone, "start": {"columns": ["from"]}, "measures": [{"name": "offered", "column": "offered"}],
            }});
            if with_end {
                format["csv"]["end"] = json!({"columns": ["to"]});
            }
            let lines = days.windows(2).map(|pair| format!("{}{form},{}{form},5\n", pair[0], pair[1]));
            let body = format!("from,to,offered\n{}", lines.collect::<String>());
            let mapping = json!({"name": "acd", "url": "https://vendor.example", "cadence": cadence, "format": format});
            let feed: Feed = serde_json::from_value(mapping).unwrap();
            let now = "2026-12-01T00:00:00Z".parse().unwrap();
            let page = crate::feed::offline::preview(&feed, "UTC", body.as_bytes(), None, now).unwrap().kept;
            assert_eq!(page.rejected, [], "{zone} {form:?} {cadence}");
            let found: Vec<i64> = page.rows.iter().map(|row| row.end.duration_since(row.start).as_hours()).collect();
            assert_eq!(found, hours, "{zone} {form:?} {cadence}");
            assert!(page.rows.windows(2).all(|pair| pair[0].end == pair[1].start), "{zone} {form:?} {cadence}");
        }
    }
}

#[test]
fn a_half_hour_at_a_midnight_that_the_clock_skipped_is_not_a_day() {
    let format = json!({"csv": {
        "timeZone": "America/Santiago", "start": {"columns": ["from"]}, "measures": [{"name": "offered", "column": "offered"}],
    }});
    let page = read(&format, b"from,offered\n2026-09-06T00:00,1\n2026-09-06T01:00,2\n").unwrap();
    assert_eq!((page.rows.len(), reasons(&page)), (1, vec![RejectionReason::NonexistentTime]));
}

#[test]
fn weeks_by_date_reach_to_the_next_one_when_the_clock_changes() {
    let format = json!({"csv": {
        "timeZone": "Europe/London", "start": {"columns": ["week"]}, "measures": [{"name": "offered", "column": "offered"}],
    }});
    let feed: Feed = serde_json::from_value(
        json!({"name": "acd", "url": "https://vendor.example", "cadence": "1w", "format": format}),
    )
    .unwrap();
    let body = b"week,offered\n2026-03-23,1\n2026-03-30,2\n";
    let now = "2026-12-01T00:00:00Z".parse().unwrap();
    let page = crate::feed::offline::preview(&feed, "UTC", body, None, now).unwrap().kept;
    let ends: Vec<String> = page.rows.iter().map(|row| row.end.to_string()).collect();
    assert_eq!(
        (ends, page.rejected),
        (vec!["2026-03-29T23:00:00Z".to_owned(), "2026-04-05T23:00:00Z".to_owned()], vec![])
    );
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 1_000, failure_persistence: None, ..<_>::default() })]

    #[test]
    fn no_bytes_make_the_parser_panic_or_lose_count(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let mut body = b"Start,Queue,Calls\n2026-06-08T09:00,a,7\n".to_vec();
        body.extend(bytes);
        if let Ok(page) = read(&simple(), &body) {
            proptest::prop_assert_eq!(page.rows.len() + page.rejected.len(), page.count);
        }
    }
}

#[test]
fn conditions_say_which_lines_count_and_the_others_count_for_the_end_of_the_pages() {
    let format = json!({"csv": {"start": {"columns": ["Start"]}, "labels": [
            {"name": "queue", "column": "Queue", "names": {"q1": "Billing"}, "otherwise": "Reject"}],
        "where": [{"column": "Direction", "equals": "inbound"}, {"column": "Wait", "atMost": 20}],
        "skipRows": [{"column": "Queue", "equals": "Total"}],
        "measures": [{"name": "handleSeconds", "sum": [{"column": "Talk", "unit": "ClockTime"}, {"column": "Wrap"}]},
            {"name": "abandoned", "column": "Left", "absent": "Zero"}]}});
    let text = "Start,Queue,Direction,Wait,Talk,Wrap,Left\n\
        2026-06-08T08:00Z,q1,inbound,00:00:20,0:01:00,5,\n\
        2026-06-08T08:30Z,q1,inbound,9,0:01:00,,2\n\
        2026-06-08T09:00Z,q1,outbound,9,0:01:00,5,2\n\
        2026-06-08T09:30Z,q1,inbound,21,0:01:00,5,2\n\
        2026-06-08T10:00Z,q2,inbound,9,0:01:00,5,2\n\
        2026-06-08T10:30Z,q1,inbound,soon,0:01:00,5,2\n\
        ,Total,,,,,\n";
    let page = read(&format, text.as_bytes()).unwrap();
    assert_eq!(
        rows(&page),
        [
            "2026-06-08T08:00:00Z/2026-06-08T08:30:00Z queue=Billing | abandoned 0, handleSeconds 65",
            // A part of the sum is not there, so the sum is not either.
            "2026-06-08T08:30:00Z/2026-06-08T09:00:00Z queue=Billing | abandoned 2",
        ]
    );
    assert_eq!((reasons(&page), page.count), (vec![RejectionReason::Mapping, RejectionReason::Malformed], 6));
}

/// A table with a queue, a time and a count, read as it is written.
fn dialect(members: Value) -> Value {
    let mut csv = json!({"start": {"columns": ["Start"]}, "labels": [{"name": "queue", "column": "Queue"}],
        "measures": [{"name": "offered", "column": "Offered"}]});
    csv.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    json!({"csv": csv})
}

#[test]
fn headers_are_found_counted_or_given() {
    let row = "Billing,2026-01-05T09:00:00Z,97\n";
    for (what, members, body) in [
        ("found", json!({"header": {"find": "Queue"}}), format!("A \"report\"\n\nfor all\nQueue,Start,Offered\n{row}")),
        ("by its number", json!({"header": {"row": 3}}), format!("A \"report\nfor all\nQueue,Start,Offered\n{row}")),
        ("given", json!({"header": {"names": ["Queue", "Start", "Offered"]}}), row.to_owned()),
        ("explained", json!({"skipAfter": 2}), format!("Queue,Start,Offered\nwhich,when,how many\n\"{{}}\",,\n{row}")),
    ] {
        let page = read(&dialect(members), body.as_bytes()).unwrap();
        let expected = ["2026-01-05T09:00:00Z/2026-01-05T09:30:00Z queue=Billing | offered 97"];
        assert_eq!((rows(&page), page.rejected.len()), (expected.map(str::to_owned).to_vec(), 0), "{what}");
    }
    let missing = read(&dialect(json!({"header": {"find": "Skill"}})), row.as_bytes()).unwrap_err();
    assert_eq!(
        (missing.kind, missing.message.contains("\"Skill\"")),
        (FailureKind::Mapping, true),
        "{}",
        missing.message
    );
}

#[test]
fn a_line_of_totals_is_left_out_by_how_it_begins_in_any_language() {
    let body = "Queue,Start,Offered\nBilling,2026-01-05T09:00:00Z,97\nTotal général,2026-01-05T09:00:00Z,97\n";
    let skip = dialect(json!({"skipRows": [{"column": "Queue", "startsWith": "Total"}]}));
    assert_eq!(rows(&read(&skip, body.as_bytes()).unwrap()).len(), 1);
    // Where the line's name changes, it is a row of its own, which the contract's advice and a wrong sum show.
    let other = body.replace("Total", "Summe");
    assert_eq!(rows(&read(&skip, other.as_bytes()).unwrap()).len(), 2);
}

#[test]
fn encodings_are_read_as_the_mapping_says() {
    let text = "Queue,Start,Offered\nRückfragen,2026-01-05T09:00:00Z,97\n";
    let (latin, _, _) = encoding_rs::WINDOWS_1252.encode(text);
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (members, body) in [
        (json!({}), text.as_bytes()),
        (json!({"encoding": "Windows1252"}), latin.as_ref()),
        (json!({"encoding": "Utf16"}), utf16.as_slice()),
    ] {
        let page = read(&dialect(members.clone()), body).unwrap();
        assert!(rows(&page)[0].contains("queue=Rückfragen"), "{members}");
    }
    let error = read(&dialect(json!({})), latin.as_ref()).unwrap_err();
    assert!(error.message.contains("format.csv.encoding"), "{}", error.message);
}

#[test]
fn short_lines_and_a_last_line_without_an_end_are_taken_as_the_mapping_says() {
    let body = "Queue,Start,Offered\nBilling,2026-01-05T09:00:00Z\nBilling,2026-01-05T09:30:00Z,9";
    for (members, taken, aside) in [
        (json!({}), vec!["offered 9"], 1),
        // A measure that is not there is missing, and a row without any says nothing.
        (json!({"shortLines": "Absent"}), vec!["offered 9"], 1),
        // `9` may be the beginning of 97.
        (json!({"lastLine": "Whole"}), vec![], 1),
        (json!({"lastLine": "Any"}), vec!["offered 9"], 1),
    ] {
        let page = read(&dialect(members.clone()), body.as_bytes()).unwrap();
        let found: Vec<String> = rows(&page).iter().map(|row| row.rsplit(" | ").next().unwrap().to_owned()).collect();
        assert_eq!((found, page.rejected.len()), (taken.into_iter().map(str::to_owned).collect(), aside), "{members}");
    }
    let two = "Queue,Start,Offered,Answered\nBilling,2026-01-05T09:00:00Z,97\n";
    let mut absent = dialect(json!({"shortLines": "Absent"}));
    absent["csv"]["measures"] =
        json!([{"name": "offered", "column": "Offered"}, {"name": "answered", "column": "Answered"}]);
    assert!(rows(&read(&absent, two.as_bytes()).unwrap())[0].ends_with("| offered 97"));
}

#[test]
fn a_table_inside_json_and_a_list_of_lists_are_tables() {
    let inside = json!({"return": "Queue,Start,Offered\nBilling,2026-01-05T09:00:00Z,97\n"}).to_string();
    let page = read(&dialect(json!({"text": "$.return"})), inside.as_bytes()).unwrap();
    assert!(rows(&page)[0].ends_with("queue=Billing | offered 97"));
    let error = read(&dialect(json!({"text": "$.result"})), inside.as_bytes()).unwrap_err();
    assert!(error.message.contains("format.csv.text"), "{}", error.message);

    let mut arrays = dialect(json!({"rows": "$.data.rows", "header": {"names": ["Queue", "Start", "Offered"]}}));
    arrays = json!({"arrays": arrays["csv"]});
    let body =
        json!({"data": {"rows": [["Billing", "2026-01-05T09:00:00Z", 97], ["Sales", "2026-01-05T09:00:00Z", null]]}})
            .to_string();
    let page = read(&arrays, body.as_bytes()).unwrap();
    assert_eq!((rows(&page).len(), reasons(&page)), (1, vec![RejectionReason::Mapping]));
    for (body, fragment) in [
        (r#"{"data":{}}"#, "finds not exactly one list"),
        (r#"{"data":{"rows":{}}}"#, "something else than a list"),
        (r#"{"data":{"rows":[{"a":1}]}}"#, "is not a list itself"),
    ] {
        let error = read(&arrays, body.as_bytes()).unwrap_err();
        assert!(error.message.contains(fragment), "{body}: {}", error.message);
    }
}

#[test]
fn every_file_of_an_archive_is_a_table_of_its_own() {
    let files: [(&str, &[u8]); 2] = [
        ("a.csv", b"Queue,Start,Offered\nBilling,2026-01-05T09:00:00Z,97\n"),
        ("b.csv", b"Start,Offered,Queue\n2026-01-05T09:30:00Z,3,Billing\n"),
    ];
    let mut format = dialect(json!({}));
    format["unpack"] = json!("Zip");
    let page = read(&format, &crate::feed::tests::workbook::zipped(files)).unwrap();
    assert_eq!((rows(&page).len(), page.count), (2, 2));
}
