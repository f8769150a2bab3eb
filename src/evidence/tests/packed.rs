//! Rows that are packed while they are read.

use super::support::{Backend, Fixture, body, minute, on_both_stores, queue, row};
use crate::domain::measuring::feed_rows::FeedRows;
use crate::domain::measuring::row::Row;
use crate::evidence::{LeftOut, RowRange, StartRange, StoreError};

on_both_stores!(
    packed_rows_go_on_from_those_that_were_read_up_to_a_sequence,
    rows_that_start_in_a_span_are_packed_up_to_a_sequence_and_as_far_as_they_fit,
);

async fn packed_rows_go_on_from_those_that_were_read_up_to_a_sequence(backend: Backend) {
    let fixture = Fixture::new(backend);
    let queues = ["billing", "sales", "care"];
    let morning = (0..1_200).map(|slot| queue(row(30 * slot, slot % 97), queues[slot as usize % 3])).collect();
    fixture.commit(body(60, morning)).await;
    fixture.commit(body(90, vec![row(0, 5), queue(row(30, 7), "a new one")])).await;
    let all = fixture.store.rows("uid-1", "acd", 0).await.unwrap();
    assert_eq!(all.len(), 1_202);
    let mut packed = FeedRows::default();
    for until in [0, 1, 700, 1_024, 1_024, 1_201, 1_202, i64::MAX] {
        let range = RowRange::between(packed.last_sequence(), until);
        packed = fixture.store.more_rows("uid-1", "acd", packed, range).await.unwrap();
        let expected: FeedRows = all.iter().filter(|row| row.sequence <= until).collect();
        assert_eq!(packed, expected, "up to {until}");
    }
    let all_rows = RowRange::between(0, i64::MAX);
    let unknown = fixture.store.more_rows("uid-1", "none", FeedRows::default(), all_rows).await.unwrap();
    assert!(unknown.is_empty());
    for (after, until, upto, before) in [(0, 1_202, 1_200, 500), (700, 1_202, 1_202, 900), (0, 600, 9_999, 9_999)] {
        let before = minute(30 * before);
        let range = RowRange { left_out: Some(LeftOut { until: upto, before }), ..RowRange::between(after, until) };
        let part = fixture.store.more_rows("uid-1", "acd", FeedRows::default(), range).await.unwrap();
        let is_read =
            |row: &&Row| after < row.sequence && row.sequence <= until && (row.sequence > upto || row.start >= before);
        let expected: FeedRows = all.iter().filter(is_read).collect();
        assert_eq!(part, expected, "{range:?}");
    }
    // What rows take is counted while they are read, and their labels before.
    for most in [packed.bytes() / 2, 1] {
        let range = RowRange { most, ..all_rows };
        let refused = fixture.store.more_rows("uid-1", "acd", FeedRows::default(), range).await;
        assert_eq!(refused.unwrap_err(), StoreError::Memory { most });
    }
    let range = RowRange { most: packed.bytes() + 1_024, ..all_rows };
    assert_eq!(fixture.store.more_rows("uid-1", "acd", FeedRows::default(), range).await.unwrap(), packed);
    assert!(fixture.store.healthy());
}

async fn rows_that_start_in_a_span_are_packed_up_to_a_sequence_and_as_far_as_they_fit(backend: Backend) {
    let fixture = Fixture::new(backend);
    let queues = ["billing", "sales", "care"];
    let slots = (0..4_000).map(|slot| queue(row(30 * slot, slot % 97), queues[slot as usize % 3])).collect();
    fixture.commit(body(60, slots)).await;
    fixture.commit(body(90, vec![row(0, 5), queue(row(3_000, 98), "sales"), queue(row(30, 7), "a new one")])).await;
    fixture.commit(body(95, vec![queue(row(3_000, 99), "sales")])).await;
    let all = fixture.store.rows("uid-1", "acd", 0).await.unwrap();
    assert_eq!(all.len(), 4_004);
    let range =
        StartRange { from: minute(0), until: minute(3_030), last: i64::MAX, most: usize::MAX, page: usize::MAX };
    let read = async |rows, range| fixture.store.more_rows_starting_within("uid-1", "acd", rows, range).await;
    let in_order = |rows: &FeedRows| FeedRows::default().with(rows, |_| true);
    for last in [0, 2, 4_000, 4_002, 4_003, i64::MAX] {
        let found = read(FeedRows::default(), StartRange { last, ..range }).await.unwrap();
        let is_asked_for = |row: &&Row| row.sequence <= last && row.start < range.until;
        let expected: FeedRows = all.iter().filter(is_asked_for).collect();
        assert_eq!(in_order(&found), expected, "up to {last}");
        let later = StartRange { from: range.until, until: minute(6_000), last, ..range };
        let both = read(found, later).await.unwrap();
        let is_asked_for = |row: &&Row| row.sequence <= last && row.start < later.until;
        assert_eq!(in_order(&both), all.iter().filter(is_asked_for).collect(), "up to {last}, with those after them");
    }
    // What rows take is counted while they are read, and what they refer to before.
    let whole = StartRange { until: minute(30 * 4_000), ..range };
    let bytes = read(FeedRows::default(), whole).await.unwrap().bytes();
    for (limited, most) in [
        (StartRange { most: bytes / 2, ..whole }, bytes / 2),
        (StartRange { most: 1, ..whole }, 1),
        (StartRange { page: bytes / 2, ..whole }, bytes / 2),
    ] {
        assert_eq!(read(FeedRows::default(), limited).await.unwrap_err(), StoreError::Memory { most });
    }
    let unknown = fixture.store.more_rows_starting_within("uid-1", "none", FeedRows::default(), whole).await.unwrap();
    assert!(unknown.is_empty() && fixture.store.healthy());
}
