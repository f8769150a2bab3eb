//! What holds for whatever a feed's parser makes of whatever bytes: shared by the targets.

use std::collections::BTreeSet;
use std::time::Duration;

use bpo_operator::api::feed::Feed;
use bpo_operator::evidence::{IncomingRow, RejectedRow};
use bpo_operator::outbound::error::{FailureKind, FetchError, LONGEST_MESSAGE};
use bpo_operator::feed::format::mapping::{Mapping, ParsedPage};
use bpo_operator::feed::format::parse;
use bpo_operator::feed::offline::{checked_rows, page_of, preview, rows_of};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;

/// The zone of local times, with hours that come twice and hours that never come.
pub const ZONE: &str = "Europe/London";

/// A feed in a format, which is given as JSON.
pub fn feed(format: &str) -> Feed {
    let text = format!(r#"{{"name":"acd","url":"https://feeds.acme.example/v1/intervals","format":{format}}}"#);
    serde_json::from_str(&text).expect("the format is one")
}

/// Reads a body as a fetch would, and holds what comes out to what is promised of it.
pub fn check_body(feed: &Feed, body: &[u8]) -> Option<ParsedPage> {
    let mapping = Mapping { feed, zone: TimeZone::get(ZONE).expect("a zone"), cadence: Duration::from_secs(1_800), window: None };
    let outcome = parse(&mapping, &page_of(body));
    assert_eq!(outcome, parse(&mapping, &page_of(body)), "the same bytes were read in two ways");
    let page = match outcome {
        Ok(page) => page,
        Err(error) => {
            check_error(&error);
            assert_eq!(rows_of(feed, ZONE, body, Timestamp::MAX).expect_err("an error has no rows"), error);
            return None;
        }
    };
    assert!(page.rows.len() + page.rejected.len() <= page.count, "more rows than the page has");
    page.rows.iter().for_each(check_stored);
    check_rejected(&page.rejected);

    let checked = checked_rows(feed, ZONE, body, None, Timestamp::MAX).expect("it was read before");
    assert_eq!(checked.rows.len() + checked.rejected.len(), page.rows.len() + page.rejected.len());
    checked.rows.iter().for_each(check_kept);
    check_rejected(&checked.rejected);
    if let Ok(previewed) = preview(feed, ZONE, body, None, "2027-01-01T00:00:00Z".parse().expect("an instant")) {
        let kept = previewed.kept;
        assert!(kept.rows.len() + kept.rejected.len() <= page.rows.len() + page.rejected.len());
        check_rejected(&kept.rejected);
    }

    let offline = rows_of(feed, ZONE, body, Timestamp::MAX).expect("it was read before");
    assert!(offline.rows.len() <= checked.rows.len());
    let mut keys = BTreeSet::new();
    for (place, row) in (1..).zip(&offline.rows) {
        assert_eq!(row.sequence, place);
        assert!(keys.insert((row.start, row.end, &row.labels, row.revision)), "one revision is there twice");
    }
    Some(page)
}

/// An error is one short line that disturbs no terminal, of a kind that blames the answer or the mapping.
pub fn check_error(error: &FetchError) {
    assert!(matches!(error.kind, FailureKind::Malformed | FailureKind::Mapping | FailureKind::TooLarge), "{error:?}");
    check_shown(&error.message, LONGEST_MESSAGE);
    assert!(!error.message.is_empty());
}

/// A row that was set aside is reported in one line.
pub fn check_rejected(rejected: &[RejectedRow]) {
    rejected.iter().for_each(|row| check_shown(&row.text, 1_000));
}

/// A text for people has a length, and nothing in it that moves a cursor or turns the direction of reading.
pub fn check_shown(text: &str, most: usize) {
    assert!(text.chars().count() <= most, "{} characters: {text}", text.chars().count());
    let disturbs = |character: char| {
        character.is_control() || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert!(!text.contains(disturbs), "{text:?}");
}

/// The store can keep every row of a parser: its instants fit the store, its numbers are finite and keep their digits.
pub fn check_stored(row: &IncomingRow) {
    for instant in [Some(row.start), Some(row.end), row.recorded_at].into_iter().flatten() {
        assert!(nanoseconds(instant).is_some(), "{instant} does not fit the store");
    }
    for (name, value) in &row.measures {
        assert!(value.scale() <= 28, "{name}");
        assert_eq!(value.to_string().parse(), Ok(*value), "{name}");
        assert!(!(value.is_zero() && value.is_sign_negative()), "{name} is a negative zero");
    }
    assert!(row.vendor_revision.is_none_or(|revision| revision >= 0));
}

/// A row that passed the checks of quality ends after it begins, and says something.
pub fn check_kept(row: &IncomingRow) {
    check_stored(row);
    assert!(row.start < row.end, "{} to {}", row.start, row.end);
    assert!((1..=100).contains(&row.measures.len()));
    assert!(row.labels.len() <= 10);
    assert!(row.measures.keys().all(|name| (1..=63).contains(&name.chars().count())));
    assert!(row.labels.iter().all(|(name, value)| name.chars().count() <= 63 && value.chars().count() <= 128));
    let offered = row.measures.get("offered");
    assert!(offered.is_none_or(|offered| *offered >= Decimal::ZERO), "a count below zero");
}

fn nanoseconds(instant: Timestamp) -> Option<i64> {
    i64::try_from(instant.as_nanosecond()).ok()
}
