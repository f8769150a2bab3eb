use proptest::prelude::*;

use super::*;
use crate::domain::fixtures::specs::{at, row};

/// Half-hours of this many days, of twelve queues with four counts, each known when it ends.
fn half_hours(days: i64) -> Vec<Row> {
    let begin = at("2026-01-01T00:00:00Z");
    let slots = (0..days * 48).flat_map(|slot| (0..12_i64).map(move |queue| (slot, queue)));
    (1..)
        .zip(slots)
        .map(|(sequence, (slot, queue))| {
            let start = begin + jiff::SignedDuration::from_mins(30 * slot);
            let figure = |place: i64| Decimal::from((slot * 37 + queue * 11 + place * 5) % 900);
            let end = start + jiff::SignedDuration::from_mins(30);
            let measures = ["offered", "answered", "answeredWithin", "handleSeconds"];
            Row {
                start,
                end,
                labels: [("queue".to_owned(), format!("queue-{queue}"))].into(),
                measures: (0..).zip(measures).map(|(place, name)| (name.to_owned(), figure(place))).collect(),
                revision: 1,
                known_at: end,
                sequence,
            }
        })
        .collect()
}

fn decimal() -> impl Strategy<Value = Decimal> {
    prop_oneof![
        4 => (0..2_000_i64).prop_map(Decimal::from),
        2 => (-5_000_i64..5_000, 0..5_u32).prop_map(|(mantissa, scale)| Decimal::new(mantissa, scale)),
        1 => any::<i64>().prop_map(|mantissa| Decimal::new(mantissa, 9)),
        1 => any::<i64>().prop_map(Decimal::from),
        1 => (any::<i64>(), 0..28_u32).prop_map(|(high, scale)| Decimal::from_i128_with_scale(i128::from(high) << 20, scale)),
    ]
}

fn instant() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        4 => (0..60_000_i64).prop_map(|slot| at("2026-01-01T00:00:00Z") + jiff::SignedDuration::from_mins(30 * slot)),
        2 => (-1_000_000_000_i64..3_000_000_000, 0..1_000_000_000_i32)
            .prop_map(|(second, nanosecond)| Timestamp::new(second, nanosecond).unwrap()),
        1 => Just(Timestamp::MIN),
        1 => Just(Timestamp::MAX),
    ]
}

fn any_row() -> impl Strategy<Value = Row> {
    let measures = prop::collection::btree_map("[a-d]", decimal(), 0..4);
    let labels = prop::collection::btree_map("[xy]", "[0-3]", 0..3);
    (instant(), instant(), instant(), labels, measures, 0..5_i64, any::<i64>()).prop_map(
        |(start, end, known_at, labels, measures, revision, sequence)| Row {
            start,
            end,
            labels,
            measures,
            revision,
            known_at,
            sequence,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn rows_that_are_added_in_between_take_their_places_once(
        some in prop::collection::vec(any_row(), 1..60), times in 1..60_usize, held in any::<u64>(),
    ) {
        let rows = (1..).zip(some.iter().cycle().take(some.len() * times));
        let rows: Vec<Row> = rows.map(|(sequence, row)| Row { sequence, ..row.clone() }).collect();
        let is_held = |row: &&Row| held >> (row.sequence % 61) & 1 == 1;
        // The others come in another order, some of them are held, and some are not asked for.
        let others: FeedRows = rows.iter().rev().filter(|row| !is_held(row) || row.sequence % 3 == 0).collect();
        let until = at("2027-01-01T00:00:00Z");
        let all = rows.iter().filter(is_held).collect::<FeedRows>().with(&others, |start| start < until);
        prop_assert_eq!(all, rows.iter().filter(|row| is_held(row) || row.start < until).collect::<FeedRows>());
    }

    #[test]
    fn each_row_is_given_back_as_it_came_whatever_the_parts_in_which_rows_come(
        some in prop::collection::vec(any_row(), 1..60), times in 1..60_usize, parts in prop::collection::vec(1..1_500_usize, 1..8),
    ) {
        // Repeated, so that chunks fill up.
        let rows: Vec<Row> = some.iter().cycle().take(some.len() * times).cloned().collect();
        let (mut packed, mut left) = (FeedRows::default(), rows.as_slice());
        for part in parts {
            let (first, rest) = left.split_at(part.min(left.len()));
            let before = packed.clone();
            packed.extend(first.iter().cloned());
            prop_assert!(packed.continues(&before));
            left = rest;
        }
        packed.extend(left.iter().cloned());
        prop_assert_eq!(packed.len(), rows.len());
        prop_assert_eq!(packed.last_sequence(), rows.last().unwrap().sequence);
        for (place, row) in (0..).zip(&rows) {
            prop_assert_eq!(packed.row(place), Some(row.clone()));
            prop_assert_eq!(packed.start(place), row.start);
            prop_assert_eq!(packed.span(place), Span::new(row.start, row.end));
            prop_assert_eq!(packed.times(place).known_at, row.known_at);
        }
        prop_assert_eq!(packed.row(rows.len() as u32), None);
        let at_once: FeedRows = rows.iter().collect();
        prop_assert_eq!(packed, at_once);
    }

    #[test]
    fn a_sum_over_places_is_the_sum_of_their_decimals(
        some in prop::collection::vec(any_row(), 1..40), times in 1..60_usize, picked in prop::collection::vec(any::<prop::sample::Index>(), 0..200),
    ) {
        let rows: Vec<Row> = some.iter().cycle().take(some.len() * times).cloned().collect();
        let packed: FeedRows = rows.iter().collect();
        let places: Vec<u32> = picked.iter().map(|index| index.index(rows.len()) as u32).collect();
        for measure in ["a", "b", "c", "d"] {
            let value = |place: &u32| rows[*place as usize].measures.get(measure).copied();
            let Some(column) = packed.column(measure) else {
                prop_assert!(rows.iter().all(|row| !row.measures.contains_key(measure)));
                continue;
            };
            let expected: Exact = places.iter().filter_map(value).map(Exact::from).sum();
            prop_assert_eq!(column.sum(&places), expected);
            for place in &places {
                prop_assert_eq!(column.has(*place), value(place).is_some());
                prop_assert_eq!(column.at(*place), value(place).map(Exact::from));
                let mut text = String::new();
                column.write(*place, &mut text);
                prop_assert_eq!(text, value(place).unwrap_or_default().normalize().to_string());
            }
        }
    }
}

#[test]
fn rows_up_to_a_sequence_are_the_first_ones() {
    let rows = half_hours(8);
    let packed: FeedRows = rows.iter().collect();
    for sequence in [0, 1, 1_023, 1_024, 1_025, 3_000, 4_607, 4_608, 9_999] {
        let expected: FeedRows = rows.iter().filter(|row| row.sequence <= sequence).collect();
        let mut first = packed.up_to(sequence);
        assert_eq!(first, expected, "{sequence}");
        first.extend(rows.iter().filter(|row| row.sequence > sequence).cloned());
        assert_eq!(first, packed, "{sequence}");
    }
}

#[test]
fn a_row_takes_some_ten_bytes() {
    let rows = half_hours(60);
    let back_filled: FeedRows = rows.iter().collect();
    let bytes = |rows: &FeedRows| rows.bytes() / rows.len();
    assert!(bytes(&back_filled) <= 14, "{}", bytes(&back_filled));
    // Each half-hour is known some seconds after its end, to the nanosecond.
    let lively = rows.into_iter().map(|row| {
        let lag = row.start.as_second() / 1_800 * 7_919 % 30_000_000_000;
        Row { known_at: row.end + jiff::SignedDuration::from_nanos(lag), ..row }
    });
    let polled: FeedRows = lively.collect();
    assert!(bytes(&polled) <= 20, "{}", bytes(&polled));
}

#[test]
fn other_rows_do_not_continue_those_that_were_there() {
    let one = row("2026-01-05T08:00:00Z", "2026-01-05T08:30:00Z", &[("queue", "a")], &[("n", 1)]);
    let two = row("2026-01-05T08:30:00Z", "2026-01-05T09:00:00Z", &[("queue", "a")], &[("n", 2)]);
    let of = |rows: &[&Row]| rows.iter().copied().collect::<FeedRows>();
    for (earlier, later, continues) in [
        (of(&[]), of(&[&one]), true),
        (of(&[&one]), of(&[&one]), true),
        (of(&[&one]), of(&[&one, &two]), true),
        (of(&[&one, &two]), of(&[&one]), false),
        (of(&[&two]), of(&[&one, &two]), false),
    ] {
        assert_eq!(later.continues(&earlier), continues, "{earlier:?} {later:?}");
    }
}
