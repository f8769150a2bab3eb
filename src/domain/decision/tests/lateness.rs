//! When a feed counts as late: once its vendor was asked after its rows were due, and did not have them.

use jiff::Timestamp;

use crate::api::condition::Reason;
use crate::api::vendor_contract::{FeedBackfill, FeedStatus};
use crate::domain::fixtures::contracts::instant;
use crate::domain::holdings::FeedHealth;

const DUE: &str = "2026-06-02T01:00Z";

fn reason(health: &FeedHealth, now: &str) -> Reason {
    health.with_lateness(Some(instant(DUE)), instant(now)).reason
}

#[test]
fn a_feed_is_late_only_once_its_vendor_was_asked_after_the_rows_were_due() {
    let cases = [
        ("before they are due", Some("2026-06-02T00:30Z"), "2026-06-02T00:30Z", Reason::Fetched),
        (
            "due, and asked before: polls are twelve hours apart",
            Some("2026-06-02T00:30Z"),
            "2026-06-02T09:00Z",
            Reason::Fetched,
        ),
        (
            "due days ago, and nobody asked since: the operator was away",
            Some("2026-06-01T00:00Z"),
            "2026-06-05T09:00Z",
            Reason::Fetched,
        ),
        ("asked as they were due", Some(DUE), DUE, Reason::Late),
        ("asked after that", Some("2026-06-02T12:30Z"), "2026-06-02T12:30Z", Reason::Late),
        ("it is not known when it was asked", None, "2026-06-05T09:00Z", Reason::Fetched),
    ];
    for (name, asked, now, expected) in cases {
        assert_eq!(reason(&FeedHealth::fetched_before(asked.map(instant)), now), expected, "{name}");
    }
    let failing =
        FeedHealth { reason: Reason::Timeout, ..FeedHealth::fetched_before(Some(instant("2026-06-03T00:00Z"))) };
    assert_eq!(reason(&failing, "2026-06-03T00:00Z"), Reason::Timeout, "why it fails says more");
}

#[test]
fn a_feed_that_was_late_is_late_after_a_restart_and_one_that_was_not_is_not() {
    let status = |reason: &str, since: Timestamp| FeedStatus {
        name: "acd".into(),
        healthy: reason == "Fetched",
        reason: reason.into(),
        since: Some(since),
        watermark: None,
        backfilling: false,
        backfill: None,
        set_aside: None,
    };
    // The evidence keeps how far a feed was asked up to an hour behind.
    let asked = Some(instant("2026-06-02T00:30Z"));
    for (shown, since, expected) in [("Late", DUE, Reason::Late), ("Fetched", "2026-06-01T00:00Z", Reason::Fetched)] {
        let remembered = FeedHealth::remembered(&status(shown, instant(since)), asked).unwrap();
        assert_eq!(reason(&remembered, "2026-06-02T03:00Z"), expected, "{shown}");
    }
}

#[test]
fn a_past_that_was_being_fetched_is_so_after_a_restart_until_the_evidence_says_otherwise() {
    let backfill = FeedBackfill { from: instant("2026-01-01T00:00Z"), fetched_until: instant(DUE), percent: 41 };
    let shown = FeedStatus {
        name: "acd".into(),
        healthy: true,
        reason: "Fetched".into(),
        since: None,
        watermark: None,
        backfilling: true,
        backfill: Some(backfill),
        set_aside: None,
    };
    for (asked, expected) in [(None, (true, Some(backfill))), (Some(instant(DUE)), (false, None))] {
        let remembered = FeedHealth::remembered(&shown, asked).unwrap();
        assert_eq!((remembered.backfilling, remembered.backfill), expected, "{asked:?}");
    }
}
