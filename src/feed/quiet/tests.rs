use super::*;

const FEED: &str = r#"{"name":"acd","url":"https://feeds.acme.example/v1","quiet":"Zeros","cadence":"1h",
    "format":{"json":{"rows":"$[*]","start":"$.at","labels":[{"name":"queue","path":"$.q"},{"name":"site","value":"cebu"}],
    "measures":[{"name":"offered","path":"$.n"}]}}}"#;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn window(since: &str, until: &str) -> Window {
    Window { since: at(since), until: at(until) }
}

fn row(start: &str, offered: i64) -> IncomingRow {
    let start = at(start);
    IncomingRow {
        labels: BTreeMap::from([("queue".to_owned(), "a".to_owned())]),
        start,
        end: start + jiff::SignedDuration::from_hours(1),
        measures: BTreeMap::from([("offered".to_owned(), offered.into())]),
        vendor_revision: None,
        recorded_at: None,
    }
}

fn quiet(whole: &[Window], spoken: &[Window], rows: &[IncomingRow], last_row: Option<Timestamp>) -> Vec<String> {
    let feed: Feed = serde_json::from_str(FEED).unwrap();
    let mut all = spoken.to_vec();
    all.extend(rows.iter().map(|row| Window { since: row.start, until: row.end }));
    let found = zeros(&feed, &TimeZone::UTC, whole, &all, rows, Life { last_row, calendar: None });
    assert!(found.iter().all(|row| row.labels == BTreeMap::from([("site".to_owned(), "cebu".to_owned())])));
    assert!(found.iter().all(|row| row.measures.len() == 1 && row.measures.values().all(Decimal::is_zero)));
    found.iter().map(|row| row.start.to_string()).collect()
}

#[test]
fn only_slots_about_which_nothing_was_said_are_quiet() {
    let asked = [window("2026-01-05T08:00:00Z", "2026-01-05T12:00:00Z")];
    let nine = [row("2026-01-05T09:00:00Z", 3)];
    let ten = window("2026-01-05T10:00:00Z", "2026-01-05T11:00:00Z");
    // Before the feed's first row nothing is quiet.
    assert_eq!(quiet(&asked, &[], &nine, None), ["2026-01-05T10:00:00Z", "2026-01-05T11:00:00Z"]);
    let before = Some(at("2026-01-05T07:00:00Z"));
    assert_eq!(quiet(&asked, &[], &nine, before).len(), 3);
    // A row that was set aside says something, too.
    assert_eq!(quiet(&asked, &[ten], &nine, None), ["2026-01-05T11:00:00Z"]);
    // An answer that was not whole says nothing of what is not in it.
    assert!(quiet(&[], &[], &nine, before).is_empty());
    // A row of zeros is not a sign of life.
    assert!(quiet(&asked, &[], &[row("2026-01-05T09:00:00Z", 0)], None).is_empty());
}

#[test]
fn an_empty_answer_is_believed_for_three_service_days() {
    let asked = [window("2026-01-05T00:00:00Z", "2026-01-12T00:00:00Z")];
    let found = quiet(&asked, &[], &[row("2026-01-05T09:00:00Z", 3)], None);
    assert_eq!(found.first().map(String::as_str), Some("2026-01-05T10:00:00Z"));
    assert_eq!(found.last().map(String::as_str), Some("2026-01-08T23:00:00Z"), "and on the fourth day it is a gap");
    let closed = r#"{"vendor":{"name":"Acme"},"term":{"start":"2026-01-01","end":"2026-12-31"},"timeZone":"UTC",
        "calendar":{"serviceHours":[{"days":["Monday","Tuesday","Wednesday","Thursday","Friday"],"from":"08:00","to":"18:00"}]}}"#;
    let Ok(spec) = serde_json::from_str(closed) else { panic!("the contract cannot be read") };
    let calendar = Calendar::of(&spec).unwrap();
    let feed: Feed = serde_json::from_str(FEED).unwrap();
    // Friday to Wednesday: the weekend has no service.
    let (friday, wednesday, thursday) =
        (at("2026-01-09T17:00:00Z"), at("2026-01-14T08:00:00Z"), at("2026-01-15T08:00:00Z"));
    let alive = |slot, calendar| is_alive(&feed, &TimeZone::UTC, friday, slot, calendar);
    assert_eq!((alive(wednesday, Some(&calendar)), alive(thursday, Some(&calendar))), (true, false));
    assert!(!alive(wednesday, None));
}
