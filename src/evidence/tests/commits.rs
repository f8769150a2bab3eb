//! What happens to the rows of a body.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::support::{
    Backend, Fixture, at, body, feed, lasting, minute, offered, on_both_stores, queue, rejection, revision, row,
    starting_within,
};
use crate::evidence::{BackfillProgress, Batch, DefinitionsSize, IncomingRow, RejectionReason, StoreError};

on_both_stores!(
    the_same_body_twice_adds_nothing_at_all,
    each_pair_of_bodies_leaves_the_rows_that_the_rules_say,
    a_day_that_was_stored_with_24_hours_is_replaced_by_the_day_as_it_was,
    a_value_that_goes_back_is_a_third_revision,
    a_row_is_known_from_receipt_or_from_its_end_when_back_filled_or_always_when_planned,
    a_back_filled_correction_is_not_known_before_what_it_corrects,
    what_was_known_on_a_day_is_a_query,
    reads_go_on_after_a_sequence_and_within_a_span,
    all_of_a_row_comes_back_as_it_went_in,
    progress_never_goes_back_and_completion_stays,
    what_a_body_leaves_for_the_next_fetch_is_kept_until_another_does,
    rejected_rows_are_kept_once_with_their_reason_newest_first,
    a_contract_of_the_same_name_with_another_uid_starts_empty,
    a_change_is_announced_after_its_commit,
    restart_keeps_everything,
    a_body_beyond_the_quota_is_refused_whole_and_one_within_it_is_not,
);

/// Added, revised, unchanged, superseded, rejected.
type Counts = (u64, u64, u64, u64, u64);

async fn counts(fixture: &Fixture, batch: Batch) -> Counts {
    let report = fixture.commit(batch).await;
    (report.added, report.revised, report.unchanged, report.superseded, report.rejected.values().sum())
}

async fn the_same_body_twice_adds_nothing_at_all(backend: Backend) {
    let fixture = Fixture::new(backend);
    let rejected = vec![rejection(RejectionReason::Malformed, "row 7 has no start")];
    let first = || Batch { rejected: rejected.clone(), ..body(60, vec![row(0, 97), row(30, 80), row(30, 80)]) };
    assert_eq!(counts(&fixture, first()).await, (2, 0, 1, 0, 1));
    let (head, rejections, journal) = state(&fixture).await;
    let mut changes = fixture.store.changes();
    let again = Batch { received_at: minute(65), ..first() };
    assert_eq!(counts(&fixture, again).await, (0, 0, 3, 0, 1));
    assert_eq!(state(&fixture).await, (head, rejections, journal));
    assert!(changes.try_recv().is_err(), "an unchanged body was announced as a change");
}

async fn state(fixture: &Fixture) -> (crate::evidence::Head, usize, u64) {
    let head = fixture.store.heads("uid-1").await.unwrap()["acd"];
    let rejections = fixture.store.rejected("uid-1", "acd", 100).await.unwrap().len();
    (head, rejections, fixture.verify().await.journal_entries)
}

async fn each_pair_of_bodies_leaves_the_rows_that_the_rules_say(backend: Backend) {
    let r = revision;
    type Case<'a> = (&'a str, Vec<IncomingRow>, Vec<IncomingRow>, Counts, &'a [i64]);
    let cases: [Case<'_>; 17] = [
        ("another value is the next revision", vec![row(0, 1)], vec![row(0, 2)], (0, 1, 0, 0, 0), &[1, 2]),
        (
            "another value of an equal vendor revision too",
            vec![r(row(0, 1), 1)],
            vec![r(row(0, 2), 1)],
            (0, 1, 0, 0, 0),
            &[1, 2],
        ),
        (
            "a higher vendor revision with another value",
            vec![r(row(0, 1), 1)],
            vec![r(row(0, 2), 5)],
            (0, 1, 0, 0, 0),
            &[1, 2],
        ),
        (
            "a higher vendor revision with the same value",
            vec![r(row(0, 1), 1)],
            vec![r(row(0, 1), 2)],
            (0, 0, 1, 0, 0),
            &[1],
        ),
        ("a lower vendor revision", vec![r(row(0, 1), 2)], vec![r(row(0, 2), 1)], (0, 0, 0, 1, 0), &[1]),
        ("equal numbers written differently", vec![decimal("1.50")], vec![decimal("1.5")], (0, 0, 1, 0, 0), &[1]),
        (
            "one key twice in a body with other values",
            vec![],
            vec![row(0, 1), row(0, 2), row(30, 3)],
            (1, 0, 0, 0, 2),
            &[3],
        ),
        (
            "such a key that is known keeps its value",
            vec![row(0, 9)],
            vec![row(0, 1), row(0, 2)],
            (0, 0, 0, 0, 2),
            &[9],
        ),
        ("one key twice in a body with the same values", vec![], vec![row(0, 1), row(0, 1)], (1, 0, 1, 0, 0), &[1]),
        ("two revisions in one body", vec![], vec![r(row(0, 2), 2), r(row(0, 1), 1)], (1, 0, 0, 1, 0), &[2]),
        ("an overlap with a known row", vec![row(0, 1)], vec![lasting(row(15, 2), 30)], (0, 0, 0, 0, 1), &[1]),
        ("a longer row over a known one", vec![row(0, 1)], vec![lasting(row(0, 2), 60)], (0, 0, 0, 0, 1), &[1]),
        ("a row that holds a known one", vec![row(30, 1)], vec![lasting(row(0, 2), 90)], (0, 0, 0, 0, 1), &[1]),
        (
            "an overlap inside a body: the later one goes",
            vec![],
            vec![row(0, 1), lasting(row(15, 2), 30)],
            (1, 0, 0, 0, 1),
            &[1],
        ),
        ("neighbours do not overlap", vec![row(30, 1)], vec![row(0, 2), row(60, 3)], (2, 0, 0, 0, 0), &[1, 2, 3]),
        (
            "other labels do not overlap",
            vec![row(0, 1)],
            vec![queue(lasting(row(15, 2), 30), "sales")],
            (1, 0, 0, 0, 0),
            &[1, 2],
        ),
        ("an end that is not after the start", vec![row(0, 1)], vec![lasting(row(60, 2), 0)], (0, 0, 0, 0, 1), &[1]),
    ];
    for (name, first, second, expected, rows) in cases {
        let fixture = Fixture::new(backend);
        fixture.commit(body(120, first)).await;
        assert_eq!(counts(&fixture, body(125, second.clone())).await, expected, "{name}");
        assert_eq!(fixture.offered().await, rows, "{name}");
        let again = fixture.commit(body(130, second)).await;
        assert_eq!((again.added, again.revised), (0, 0), "{name}: the second body again");
        assert!(fixture.verify().await.whole(), "{name}");
    }
}

fn decimal(text: &str) -> IncomingRow {
    IncomingRow {
        measures: BTreeMap::from([("offered".to_owned(), 1.into()), ("share".to_owned(), text.parse().unwrap())]),
        ..row(0, 0)
    }
}

/// A day that begins at `start` and lasts `hours`.
fn day(start: &str, hours: i64, offered: i64) -> IncomingRow {
    let start = at(start);
    IncomingRow { start, end: start + jiff::SignedDuration::from_hours(hours), ..row(0, offered) }
}

async fn a_day_that_was_stored_with_24_hours_is_replaced_by_the_day_as_it_was(backend: Backend) {
    // London's clocks go forward on 29 March and back on 25 October.
    let (spring, next) = ("2026-03-29T00:00:00Z", "2026-03-29T23:00:00Z");
    let (autumn, after) = ("2026-10-24T23:00:00Z", "2026-10-26T00:00:00Z");
    type Case<'a> = (&'a str, Vec<IncomingRow>, Vec<IncomingRow>, Counts, &'a [(i64, i64)]);
    // Hours and figure of the row that counts.
    let cases: [Case<'_>; 6] = [
        (
            "a day of 23 hours, and the next one, which was set aside before",
            vec![day(spring, 24, 1), day(next, 24, 2)],
            vec![day(spring, 23, 1), day(next, 24, 2)],
            (1, 1, 0, 0, 0),
            &[(23, 1), (24, 2)],
        ),
        ("with another figure", vec![day(spring, 24, 1)], vec![day(spring, 23, 5)], (0, 1, 0, 0, 0), &[(23, 5)]),
        (
            "a day of 25 hours before a day that is there",
            vec![day(autumn, 24, 1), day(after, 24, 2)],
            vec![day(autumn, 25, 1), day(after, 24, 2)],
            (0, 1, 1, 0, 0),
            &[(25, 1), (24, 2)],
        ),
        ("a day that is right", vec![day(spring, 23, 1)], vec![day(spring, 24, 2)], (0, 0, 0, 0, 1), &[(23, 1)]),
        ("half a day", vec![day(spring, 24, 1)], vec![day(spring, 12, 2)], (0, 0, 0, 0, 1), &[(24, 1)]),
        (
            "a day beside its half hours",
            vec![lasting(day(spring, 1, 1), 30)],
            vec![day(spring, 23, 2)],
            (0, 0, 0, 0, 1),
            &[(0, 1)],
        ),
    ];
    for (name, first, second, expected, remaining) in cases {
        let fixture = Fixture::new(backend);
        let received = |minutes, rows| Batch { received_at: at("2026-11-01T00:00:00Z"), ..body(minutes, rows) };
        fixture.commit(received(0, first)).await;
        assert_eq!(counts(&fixture, received(5, second.clone())).await, expected, "{name}");
        let rows = fixture.store.rows("uid-1", "acd", 0).await.unwrap();
        let calendar = crate::domain::fixtures::specs::calendar("Europe/London", serde_json::json!(null));
        let ledger = crate::domain::measuring::ledger::Ledger::of_feed(&rows, &calendar);
        let known = ledger.known_at(at("2026-12-01T00:00:00Z"));
        let hours = |span: crate::domain::terms::calendar::Span| span.end.duration_since(span.start).as_hours();
        let figure =
            |row: &crate::domain::measuring::ledger::KnownRow<'_>| row.measure("offered").unwrap().to_i64().unwrap();
        let found: Vec<_> = known.rows().map(|row| (hours(row.span()), figure(&row))).collect();
        assert_eq!((found.as_slice(), known.rejected().count()), (remaining, 0), "{name}");
        // Again, after a restart, it is what is known.
        let fixture = fixture.restart();
        let again = fixture.commit(received(10, second)).await;
        assert_eq!((again.added, again.revised), (0, 0), "{name}: the second body again");
        assert!(fixture.verify().await.whole(), "{name}");
    }
}

async fn a_value_that_goes_back_is_a_third_revision(backend: Backend) {
    let fixture = Fixture::new(backend);
    for (received, value) in [(60, 1), (65, 2), (70, 1)] {
        fixture.commit(body(received, vec![row(0, value)])).await;
    }
    assert_eq!(fixture.offered().await, [1, 2, 1]);
    let revisions: Vec<i64> =
        fixture.store.rows("uid-1", "acd", 0).await.unwrap().iter().map(|row| row.revision).collect();
    assert_eq!(revisions, [1, 2, 3]);
}

async fn a_row_is_known_from_receipt_or_from_its_end_when_back_filled_or_always_when_planned(backend: Backend) {
    let cases = [
        ("fetched", false, false, 500, minute(500)),
        ("back-filled", true, false, 500, minute(30)),
        ("back-filled before its end", true, false, 20, minute(20)),
        ("planned", false, true, 20, Timestamp::MIN),
        ("planned and back-filled", true, true, 500, Timestamp::MIN),
    ];
    for (name, backfill, plan, received, known_at) in cases {
        let fixture = Fixture::new(backend);
        fixture.commit(Batch { backfill, plan, ..body(received, vec![row(0, 1)]) }).await;
        assert_eq!(fixture.store.rows("uid-1", "acd", 0).await.unwrap()[0].known_at, known_at, "{name}");
    }
}

async fn a_back_filled_correction_is_not_known_before_what_it_corrects(backend: Backend) {
    let fixture = Fixture::new(backend);
    fixture.commit(body(100, vec![row(0, 1)])).await;
    fixture.commit(Batch { backfill: true, ..body(200, vec![row(0, 2)]) }).await;
    let known_at: Vec<_> =
        fixture.store.rows("uid-1", "acd", 0).await.unwrap().iter().map(|row| row.known_at).collect();
    assert_eq!(known_at, [minute(100), minute(100)]);
}

async fn what_was_known_on_a_day_is_a_query(backend: Backend) {
    let fixture = Fixture::new(backend);
    fixture.commit(body(60, vec![row(0, 1)])).await;
    fixture.commit(body(90, vec![row(0, 2), row(30, 3)])).await;
    for (instant, expected) in [(59, &[][..]), (60, &[1]), (89, &[1]), (90, &[2, 3]), (500, &[2, 3])] {
        let known = fixture.store.as_known_on("uid-1", "acd", minute(instant)).await.unwrap();
        assert_eq!(offered(&known), expected, "at minute {instant}");
    }
}

async fn reads_go_on_after_a_sequence_and_within_a_span(backend: Backend) {
    let fixture = Fixture::new(backend);
    fixture.commit(body(120, vec![row(0, 1), row(30, 2), queue(row(30, 3), "sales"), row(60, 4)])).await;
    fixture.commit(body(125, vec![row(30, 5)])).await;
    let store = &fixture.store;
    let after: Vec<i64> = store.rows("uid-1", "acd", 3).await.unwrap().iter().map(|row| row.sequence).collect();
    assert_eq!(after, [4, 5]);
    let within = starting_within(&**store, minute(30), minute(60)).await.unwrap();
    assert_eq!(offered(&within), [2, 3, 5]);
    let span = (minute(30), minute(60));
    let newest = store.newest_starting_within("uid-1", "acd", span, usize::MAX).await.unwrap();
    assert_eq!(offered(&newest), [3, 5]);
    let refused = store.newest_starting_within("uid-1", "acd", span, 600).await;
    assert_eq!(refused, Err(StoreError::Memory { most: 600 }));
    let size = store.definitions_size("uid-1", "acd").await.unwrap();
    assert_eq!((size.label_sets, size.entries, size.measures), (2, 3, 1));
    let bytes: usize = store
        .log("uid-1", "acd", i64::MAX)
        .await
        .unwrap()
        .iter()
        .filter(|entry| entry.kind < 3)
        .map(|entry| entry.payload.len())
        .sum();
    assert_eq!(size.bytes, bytes as u64);
    assert_eq!(store.definitions_size("uid-1", "other").await.unwrap(), DefinitionsSize::default());
    assert!(store.rows("uid-2", "acd", 0).await.unwrap().is_empty());
    assert!(store.rows("uid-1", "other", 0).await.unwrap().is_empty());
}

async fn all_of_a_row_comes_back_as_it_went_in(backend: Backend) {
    let fixture = Fixture::new(backend);
    let measures = [
        ("a", "0"),
        ("b", "-12.000000001"),
        ("c", "79228162514264337593543950335"),
        ("d", "0.0000000000000000000000000001"),
    ];
    let given = IncomingRow {
        labels: BTreeMap::from([
            ("queue".to_owned(), "Größe \u{202e}\n".to_owned()),
            ("site".to_owned(), String::new()),
        ]),
        start: at("2026-03-29T00:59:59.123456789Z"),
        end: at("2026-03-29T02:00:00.000000001Z"),
        measures: measures.iter().map(|(name, value)| ((*name).to_owned(), value.parse().unwrap())).collect(),
        vendor_revision: Some(-3),
        recorded_at: Some(at("2026-03-29T03:00:00Z")),
    };
    fixture.commit(body(0, vec![given.clone()])).await;
    let row = fixture.store.rows("uid-1", "acd", 0).await.unwrap().remove(0);
    assert_eq!((row.labels, row.start, row.end, row.measures), (given.labels, given.start, given.end, given.measures));
    assert_eq!((row.revision, row.sequence), (1, 1));
}

async fn progress_never_goes_back_and_completion_stays(backend: Backend) {
    let fixture = Fixture::new(backend);
    let progress = |reached, completed| Some(BackfillProgress { reached: minute(reached), completed });
    assert_eq!(fixture.store.feed_progress("uid-1", "acd").await.unwrap(), None);
    for (given, expected) in [
        (progress(10, false), progress(10, false)),
        (progress(5, false), progress(10, false)),
        (progress(20, true), progress(20, true)),
        (progress(30, false), progress(30, true)),
    ] {
        fixture.commit(Batch { progress: given, ..body(60, vec![]) }).await;
        assert_eq!(fixture.store.feed_progress("uid-1", "acd").await.unwrap(), expected, "{given:?}");
    }
    assert!(fixture.store.heads("uid-1").await.unwrap().is_empty(), "progress alone made a head");
}

async fn what_a_body_leaves_for_the_next_fetch_is_kept_until_another_does(backend: Backend) {
    let fixture = Fixture::new(backend);
    let state = async |fixture: &Fixture, feed| fixture.store.feed_state("uid-1", feed).await.unwrap();
    assert_eq!(state(&fixture, "acd").await, None);
    for (left, expected) in
        [(None, None), (Some("10 calls"), Some("10 calls")), (None, Some("10 calls")), (Some("\"ü\""), Some("\"ü\""))]
    {
        fixture.commit(Batch { state: left.map(str::to_owned), ..body(60, vec![row(0, 97)]) }).await;
        assert_eq!(state(&fixture, "acd").await.as_deref(), expected);
    }
    let fixture = fixture.restart();
    assert_eq!((state(&fixture, "acd").await.as_deref(), state(&fixture, "other").await), (Some("\"ü\""), None));
}

async fn rejected_rows_are_kept_once_with_their_reason_newest_first(backend: Backend) {
    let fixture = Fixture::new(backend);
    let long = "x".repeat(5_000);
    let rejected = vec![rejection(RejectionReason::InFuture, "first"), rejection(RejectionReason::UnitSlip, &long)];
    fixture.commit(Batch { rejected, ..body(60, vec![]) }).await;
    let rejected = vec![rejection(RejectionReason::InFuture, "first"), rejection(RejectionReason::Malformed, "second")];
    let report = fixture.commit(Batch { rejected, ..body(61, vec![row(0, 1), row(0, 2)]) }).await;
    let counted: Vec<_> = report.rejected.into_iter().map(|(reason, count)| (reason.as_str(), count)).collect();
    assert_eq!(counted, [("Malformed", 1), ("InFuture", 1), ("Conflict", 2)]);
    let kept = fixture.store.rejected("uid-1", "acd", 100).await.unwrap();
    let reasons: Vec<_> = kept.iter().map(|row| row.reason.as_str()).collect();
    assert_eq!(reasons, ["Conflict", "Conflict", "Malformed", "UnitSlip", "InFuture"]);
    assert_eq!(kept[0].text, "2026-01-05T09:00:00Z to 2026-01-05T09:30:00Z, queue=billing, offered 2");
    assert_eq!(kept[3].text.len(), 1_024);
    assert_eq!(kept[4].received_at, minute(60));
    assert_eq!(fixture.store.rejected("uid-1", "acd", 2).await.unwrap(), kept[..2]);
}

async fn a_contract_of_the_same_name_with_another_uid_starts_empty(backend: Backend) {
    let fixture = Fixture::new(backend);
    fixture.commit(body(60, vec![row(0, 1)])).await;
    let successor = crate::evidence::FeedKey { contract_uid: "uid-2".to_owned(), ..feed("acd") };
    assert!(fixture.store.rows("uid-2", "acd", 0).await.unwrap().is_empty());
    let report = fixture.store.commit(successor.clone(), body(65, vec![row(0, 2)])).await.unwrap();
    assert_eq!((report.added, report.head.rows()), (1, 1));
    assert_eq!(fixture.offered().await, [1]);
    assert_eq!(fixture.store.feeds().await.unwrap(), [feed("acd"), successor]);
}

async fn a_change_is_announced_after_its_commit(backend: Backend) {
    let fixture = Fixture::new(backend);
    let mut changes = fixture.store.changes();
    fixture.commit(body(60, vec![row(0, 1)])).await;
    assert_eq!(changes.try_recv().unwrap(), feed("acd"));
}

async fn restart_keeps_everything(backend: Backend) {
    let fixture = Fixture::new(backend);
    fixture.commit(body(60, vec![row(0, 1), row(30, 2)])).await;
    let head = fixture.store.heads("uid-1").await.unwrap();
    let fixture = fixture.restart();
    assert_eq!(fixture.store.heads("uid-1").await.unwrap(), head);
    assert_eq!(fixture.offered().await, [1, 2]);
    assert_eq!(fixture.commit(body(65, vec![row(30, 2), row(60, 3)])).await.head.rows(), 3);
    assert_eq!(fixture.store.digest_at("uid-1", "acd", 2).await.unwrap(), Some(head["acd"].digest));
    assert_eq!(fixture.store.digest_at("uid-1", "acd", 9).await.unwrap(), None);
    assert!(fixture.verify().await.whole());
}

async fn a_body_beyond_the_quota_is_refused_whole_and_one_within_it_is_not(backend: Backend) {
    let fixture = Fixture::new(backend);
    fixture.commit(body(60, vec![row(0, 1), row(30, 2)])).await;
    let refused = fixture
        .store
        .commit_within(feed("acd"), body(90, vec![row(0, 9), row(30, 2), row(60, 3), row(90, 4)]), 2)
        .await;
    assert_eq!(refused, Err(StoreError::Quota { new: 3, room: 2 }), "unchanged rows need no room, revisions do");
    assert_eq!(fixture.store.rows("uid-1", "acd", 0).await.unwrap().len(), 2, "nothing of it is kept");
    let taken =
        fixture.store.commit_within(feed("acd"), body(90, vec![row(0, 9), row(30, 2), row(60, 3)]), 2).await.unwrap();
    assert_eq!((taken.added, taken.revised, taken.unchanged), (1, 1, 1));
    assert!(fixture.store.healthy(), "a refusal is not a fault");
}

#[tokio::test]
async fn a_volume_that_is_nearly_full_takes_no_rows_and_still_takes_closings_and_reports() {
    use crate::evidence::sqlite::SqliteStore;
    use crate::evidence::{EvidenceStore, VolumeRoom};
    const GIB: u64 = 1 << 30;
    for (free, total, takes) in
        [(GIB, 1_000 * GIB, true), (GIB - 1, 1_000 * GIB, false), (GIB / 20, GIB, true), (GIB / 20 - 1, GIB, false)]
    {
        assert_eq!(VolumeRoom::of(free, total).check().is_ok(), takes, "{free} of {total}");
    }
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path()).unwrap();
    assert!(store.volume().is_some_and(|volume| volume.free > 0), "the volume is asked");
    *store.pretended.lock().unwrap() = Some(VolumeRoom::of(10, GIB));
    let refused = store.commit(feed("acd"), body(60, vec![row(0, 1)])).await;
    assert!(matches!(refused, Err(StoreError::NoRoom { free: 10, .. })), "{refused:?}");
    let terms = super::journal::terms("Acme");
    assert!(store.record_closing("uid-1".into(), "2026-01".into(), terms, minute(0), minute(5)).await.unwrap());
    assert!(store.record_report_digest("uid-1".into(), "acme-2026-01".into(), [1; 32], minute(5)).await.unwrap());
    *store.pretended.lock().unwrap() = None;
    assert_eq!(store.commit(feed("acd"), body(60, vec![row(0, 1)])).await.unwrap().added, 1);
    assert!(store.healthy(), "a full volume is not a fault: rows are taken again once there is room");
}

#[tokio::test]
async fn a_row_that_says_that_it_replaces_a_later_one_is_never_followed() {
    use crate::evidence::EvidenceStore;
    use crate::evidence::sqlite::SqliteStore;
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path()).unwrap();
    // The rows 1 and 2, their corrections 3 and 4, and 5, which replaces 4.
    for (received, rows) in
        [(60, vec![row(0, 1), row(30, 1)]), (65, vec![row(0, 2), row(30, 2)]), (70, vec![row(30, 3)])]
    {
        store.commit(feed("acd"), body(received, rows)).await.unwrap();
    }
    assert_eq!(starting_within(&store, minute(0), minute(60)).await.unwrap().len(), 5);
    let later = "SELECT payload FROM log WHERE sequence = 5 AND kind = 4";
    let damage =
        format!("DROP TRIGGER log_is_not_edited; UPDATE log SET payload = ({later}) WHERE sequence = 3 AND kind = 4");
    store.execute_on_writer(damage).await.unwrap();
    let read = starting_within(&store, minute(0), minute(60)).await;
    assert!(matches!(&read, Err(StoreError::Corrupt(why)) if why.contains("row 3 says")), "{read:?}");
}
