use super::bodies::{BESIDE, EXAMPLE, no_json, page_with, set_aside, wrong_shapes};
use super::*;
use crate::outbound::error::FailureKind;

#[test]
fn the_example_of_the_documentation_is_read() {
    let page = parse(EXAMPLE.as_bytes(), Some("application/json"), &TimeZone::UTC).unwrap();
    assert_eq!((page.rows.len(), page.rejected.len(), page.next.clone(), page.count), (1, 0, None, 1));
    let row = &page.rows[0];
    assert_eq!(row.labels["queue"], "billing");
    assert_eq!(row.measures["abandonedWithin"], Decimal::from(11));
    assert_eq!((row.start.to_string(), row.vendor_revision), ("2026-01-05T09:00:00Z".to_owned(), Some(1)));
}

#[test]
fn unknown_fields_do_not_matter() {
    let page = parse(BESIDE.as_bytes(), None, &TimeZone::UTC).unwrap();
    assert_eq!(page.next.as_deref(), Some("abc"));
    assert_eq!(page.rows[0].start.to_string(), "2026-01-05T08:30:00Z");
    assert_eq!(page.rows[0].measures["x"].to_string(), "1.5");
    assert_eq!(page.rows[0].recorded_at.unwrap().to_string(), "2026-01-05T23:00:00Z");
}

#[test]
fn a_page_says_by_which_times_it_counts_or_nothing() {
    for (members, expected) in [
        ("", vec![]),
        (r#","thresholds":null"#, vec![]),
        (r#","thresholds":{}"#, vec![]),
        (r#","thresholds":{"answeredWithin":20,"longWaits":120}"#, vec![("answeredWithin", 20), ("longWaits", 120)]),
    ] {
        let body = format!(r#"{{"schema":"bpo-feed/v1","rows":[]{members}}}"#);
        let page = parse(body.as_bytes(), None, &TimeZone::UTC).unwrap();
        let said: Vec<(&str, i64)> = page.thresholds.iter().map(|(measure, at)| (measure.as_str(), *at)).collect();
        assert_eq!(said, expected, "{members}");
    }
    let wrong = r#"{"schema":"bpo-feed/v1","rows":[],"thresholds":{"answeredWithin":0}}"#;
    let error = parse(wrong.as_bytes(), None, &TimeZone::UTC).unwrap_err();
    assert!(error.message.contains(r#"such as {"answeredWithin": 20}"#), "{}", error.message);
}

#[test]
fn broken_pages_give_no_row_at_all() {
    for body in no_json().into_iter().chain(wrong_shapes()) {
        let error = parse(body.as_bytes(), None, &TimeZone::UTC).map(|page| page.count).expect_err(&body);
        assert_eq!(error.kind, FailureKind::Malformed, "{body}");
    }
    let invalid_utf8 = [br#"{"schema":"bpo-feed/v1","rows":[],"next":""#.as_slice(), &[0xff, 0xfe], b"\"}"].concat();
    assert_eq!(parse(&invalid_utf8, None, &TimeZone::UTC).unwrap_err().kind, FailureKind::Malformed);
    for wrong in ["text/html", "application/xml", "image/png"] {
        assert_eq!(parse(EXAMPLE.as_bytes(), Some(wrong), &TimeZone::UTC).unwrap_err().kind, FailureKind::Malformed);
    }
}

#[test]
fn a_misspelt_member_is_refused_and_a_vendors_own_is_not() {
    let row = |fields: &str| page_with(&format!("{fields},\"measures\":{{\"offered\":1}}"));
    let envelope = |member: &str| format!(r#"{{"schema":"bpo-feed/v1","rows":[],"{member}":"abc"}}"#);
    for (body, expected) in [
        (row(r#""lables":{"queue":"a"}"#), Some(r#"row 1: member "lables" is not one of this format: write "labels""#)),
        (row(r#""label":{"queue":"a"}"#), Some(r#"write "labels""#)),
        (row(r#""Labels":{"queue":"a"}"#), Some(r#"write "labels""#)),
        (row(r#""revison":2"#), Some(r#"write "revision""#)),
        (row(r#""recorded_at":"2026-01-06T00:00:00Z""#), Some(r#"write "recordedAt""#)),
        (page_with(r#""mesures":{"offered":1}"#), Some(r#"write "measures""#)),
        (envelope("nextCursor"), Some(r#"member "nextCursor" is not one of this format: write "next""#)),
        (envelope("Next"), Some(r#"write "next""#)),
        (row(r#""labels":{"queue":"a"},"label":"x""#), None),
        (row(r#""site":"cebu""#), None),
        (row(r#""id":7"#), None),
        (envelope("took"), None),
        (envelope("text"), None),
    ] {
        let found = parse(body.as_bytes(), None, &TimeZone::UTC).map_err(|error| error.message);
        match (&found, expected) {
            (Ok(_), None) => {}
            (Err(message), Some(words)) => assert!(message.contains(words), "{body}: {message}"),
            _ => panic!("{body}: {found:?}"),
        }
    }
}

#[test]
fn the_members_of_a_row_are_not_near_each_other_so_that_only_others_are_compared_with_them() {
    for member in Member::ALL {
        let others = Member::ALL.into_iter().filter(|other| *other != member).map(Member::as_str);
        assert_eq!(nearest(member.as_str(), others.chain(["next"])), None, "{}", member.as_str());
    }
}

#[test]
fn a_row_that_cannot_be_meant_spoils_no_other() {
    for (body, reason) in set_aside() {
        let page = parse(body.as_bytes(), None, &TimeZone::UTC).unwrap_or_else(|error| panic!("{body}: {error}"));
        assert_eq!((page.rows.len(), page.count), (1, 2), "{body}");
        assert_eq!(page.rejected.iter().map(|row| row.reason.as_str()).collect::<Vec<_>>(), [reason], "{body}");
    }
}

#[test]
fn a_date_names_a_day_of_the_zone() {
    let london = TimeZone::get("Europe/London").unwrap();
    for (times, expected) in [
        (r#""start":"2026-01-05""#, Some(("2026-01-05T00:00:00Z", "2026-01-06T00:00:00Z"))),
        (r#""start":"2026-03-29""#, Some(("2026-03-29T00:00:00Z", "2026-03-29T23:00:00Z"))),
        (r#""start":"2026-10-25""#, Some(("2026-10-24T23:00:00Z", "2026-10-26T00:00:00Z"))),
        // A row longer than a day says where it ends.
        (r#""start":"2026-03-23","end":"2026-03-30""#, Some(("2026-03-23T00:00:00Z", "2026-03-29T23:00:00Z"))),
        // A date beside an instant is hardly meant.
        (r#""start":"2026-01-05","end":"2026-01-06T00:00:00Z""#, None),
        (r#""start":"2026-01-05T00:00:00Z","end":"2026-01-06""#, None),
        (r#""start":"2026-02-30""#, None),
        (r#""start":"9999-01-01""#, None),
    ] {
        let body = super::bodies::page_of(&format!(r#"{{{times},"measures":{{"offered":1}}}}"#));
        let page = parse(body.as_bytes(), None, &london).unwrap();
        let found = page.rows.get(1).map(|row| (row.start.to_string(), row.end.to_string()));
        assert_eq!(found, expected.map(|(start, end)| (start.to_owned(), end.to_owned())), "{times}");
        assert_eq!(page.rejected.len(), usize::from(expected.is_none()), "{times}");
    }
}
