//! A ledger above a floor says what the ledger of all rows says, or that it cannot.

use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::domain::terms::calendar::Calendar;

const BEGIN: &str = "2026-03-01T00:00:00Z";

fn slot(number: i64) -> Timestamp {
    at(BEGIN) + SignedDuration::from_mins(30 * number)
}

/// Slot, slots, queue, revision, and minutes until it is known.
type Drawn = (i64, i64, usize, i64, i64);

fn drawn() -> impl Strategy<Value = Vec<Drawn>> {
    let length = prop_oneof![12 => Just(1), 1 => 2..4_i64];
    let lag = prop_oneof![8 => 0..90_i64, 1 => 0..30_000_i64];
    prop::collection::vec((0..500_i64, length, 0..3_usize, prop_oneof![3 => Just(1), 1 => 2..4_i64], lag), 20..500)
}

/// The rows in the order in which they become known, as they are received.
fn rows_of(drawn: Vec<Drawn>) -> Vec<Row> {
    let row = |(place, length, queue, revision, lag): Drawn| {
        let end = slot(place + length);
        Row {
            start: slot(place),
            end,
            labels: [("queue".to_owned(), queue.to_string())].into(),
            measures: [("n".to_owned(), (place * 7 + revision).into())].into(),
            revision,
            known_at: end + SignedDuration::from_mins(lag),
            sequence: 0,
        }
    };
    let mut rows: Vec<Row> = drawn.into_iter().map(row).collect();
    rows.sort_by_key(|row| row.known_at);
    (1..).zip(&mut rows).for_each(|(sequence, row)| row.sequence = sequence);
    rows
}

fn above(floor: &Arc<Floor>, rows: &[Row], calendar: &Calendar) -> Ledger {
    let left: FeedRows = rows.iter().filter(|row| row.start >= floor.since).collect();
    assert_eq!(left.first_after(floor.after), 0, "what is left was received after the floor's sequence");
    let mut ledger = Ledger::above(Some(floor), &[]);
    ledger.extend(&left, calendar);
    ledger
}

/// What a ledger says of the rows that start in a window, and of the times of all.
fn said_of(ledger: &Ledger, window: Span, now: Timestamp) -> String {
    let known = ledger.known_at(now);
    let part = known.starting_in(window);
    let shown = |row: KnownRow<'_>| format!("{:?} {} {:?}", row.span(), row.label_text(), row.measure("n"));
    let rows: Vec<String> = part.rows().map(shown).collect();
    let learnt = ledger.learnt(window, slot(1_600), now);
    format!("{rows:?} {:?} {:?} {:?} {learnt:?}", part.covered(), known.covered(), known.last_end_by(now))
}

/// The rows above a floor with those that came since, and with the pages that an answer needs; `None` where it needs all.
fn with_pages(floor: &Arc<Floor>, (seen, rows): (usize, &[Row]), window: Span, calendar: &Calendar) -> Option<Ledger> {
    let is_left = |row: &&Row| row.start >= floor.since || row.sequence > seen as i64;
    let (mut held, mut pages): (FeedRows, Vec<Span>) = (rows.iter().filter(is_left).collect(), Vec::new());
    for _ in 0..4 {
        let mut ledger = Ledger::above(Some(floor), &pages);
        ledger.extend(&held, calendar);
        said_of(&ledger, window, slot(2_000));
        match ledger.lack() {
            Lack::Nothing => return Some(ledger),
            Lack::All => return None,
            Lack::Pages(wanted) => {
                let reads = wanted.reads();
                let is_read = |row: &&Row| reads.iter().any(|span| span.start <= row.start && row.start < span.end);
                (held, pages) = wanted.add_to(&held, &rows.iter().filter(is_read).collect::<FeedRows>())?;
                assert!(pages.iter().all(|page| page.end <= floor.since));
            }
        }
    }
    panic!("it needs one page after another");
}

/// What a ledger says of a floor's time and of what comes after it.
fn said_above(ledger: &Ledger, Need { since, known_by }: Need, now: Timestamp) -> String {
    let mut text = String::new();
    let between = |from: Timestamp, parts: i32| {
        let length = now.duration_since(from);
        (0..=parts).map(move |part| from + length * part / parts)
    };
    for instant in between(known_by, 6) {
        let known = ledger.known_at(instant);
        text += &format!("{instant} {:?} {:?}\n", known.covered(), ledger.instants_after(instant));
        text += &format!("{:?} {:?}\n", ledger.learnt(Span::new(at(BEGIN), now), instant, now), known.next_end(now));
        for from in between(since, 4) {
            let part = known.starting_in(Span::new(from, now));
            let shown = |row: KnownRow<'_>| format!("{:?} {} {:?}", row.span(), row.label_text(), row.measure("n"));
            text += &format!("{:?} {:?}\n", known.last_end_by(from), part.rows().map(shown).collect::<Vec<_>>());
        }
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_ledger_above_a_floor_says_what_the_one_of_all_rows_says(
        drawn in drawn(), since in 50..450_i64, known in 200..560_i64, further in 1..100_i64,
    ) {
        let calendar = calendar("Europe/London", json!(null));
        let rows = rows_of(drawn);
        let now = slot(1_600);
        let need = Need { since: slot(since), known_by: slot(known) };
        let mut whole = Ledger::of_feed(&rows, &calendar);
        let Some(floor) = whole.floor_for(need, now) else { return Ok(()) };
        prop_assert!(floor.since <= need.since && floor.known_by <= need.known_by);
        prop_assert!(rows.iter().any(|row| row.start < floor.since));
        let mut part = above(&floor, &rows, &calendar);
        prop_assert_eq!(said_above(&part, need, now), said_above(&whole, need, now));
        prop_assert_eq!(part.lack(), Lack::Nothing);

        // A floor that is found above another one leaves as much as one that is found from all rows.
        let next = Need { since: slot(since + further), known_by: slot(known + further) };
        let higher = part.floor_for(next, now).unwrap();
        prop_assert!(higher.since >= floor.since && higher.since <= next.since);
        let part = above(&higher, &rows, &calendar);
        prop_assert_eq!(said_above(&part, next, now), said_above(&whole, next, now));
        prop_assert_eq!(part.lack(), Lack::Nothing);
    }

    #[test]
    fn a_ledger_with_pages_says_of_them_what_the_one_of_all_rows_says(
        drawn in drawn(), late in prop::collection::vec((0..500_i64, 1..4_i64, 0..4_usize), 0..6), since in 250..450_i64,
        known in 400..700_i64, first in 0..450_i64, length in 1..40_i64, settled in any::<bool>(),
    ) {
        let calendar = calendar("Europe/London", json!(null));
        let mut rows = rows_of(drawn);
        let (seen, now) = (rows.len(), slot(2_000));
        let need = Need { since: slot(since), known_by: slot(known) };
        let Some(floor) = Ledger::of_feed(&rows, &calendar).floor_for(need, slot(1_600)) else { return Ok(()) };
        let came_late = rows_of(late.into_iter().map(|(place, length, queue)| (place, length, queue, 10, 0)).collect());
        rows.extend((1..).zip(came_late).map(|(place, row)| Row {
            known_at: slot(1_700),
            sequence: seen as i64 + place,
            ..row
        }));
        let window = Span::new(slot(first), slot(first + length));
        let Some(mut part) = with_pages(&floor, (seen, &rows), window, &calendar) else { return Ok(()) };
        let mut whole = Ledger::of_feed(&rows, &calendar);
        prop_assert_eq!(said_of(&part, window, now), said_of(&whole, window, now));

        // What the pages said is in the next floor.
        let next = Need { since: slot(since + 30), known_by: slot(if settled { 1_800 } else { known }) };
        let Some(higher) = part.floor_for(next, now) else { return Ok(()) };
        prop_assert_eq!(part.lack(), Lack::Nothing);
        let part = above(&higher, &rows, &calendar);
        prop_assert_eq!(said_above(&part, next, now), said_above(&whole, next, now));
        prop_assert_eq!(part.lack(), Lack::Nothing);
        prop_assert!(whole.floor_for(next, now).is_some_and(|floor| floor.since >= higher.since));
    }
}

#[test]
fn what_lies_below_a_floor_is_not_answered() {
    let calendar = calendar("UTC", json!(null));
    let rows = rows_of((0..400).map(|place| (place, 1, 0, 1, 10)).collect());
    let need = Need { since: slot(300), known_by: slot(350) };
    let floor = Ledger::of_feed(&rows, &calendar).floor_for(need, slot(401)).unwrap();
    assert_eq!((floor.since, floor.after), (slot(300), 300));
    type Ask = fn(&Ledger) -> bool;
    let lack = |ledger: &Ledger| match ledger.lack() {
        Lack::Nothing => "nothing".to_owned(),
        Lack::All => "all".to_owned(),
        Lack::Pages(wanted) => format!("{:?}", wanted.reads()),
    };
    let pages = |first, end| format!("{:?}", [Span::new(slot(first), slot(end))]);
    fn from(ledger: &Ledger, first: i64, end: i64) -> bool {
        ledger.known_at(slot(401)).starting_in(Span::new(slot(first), slot(end))).is_empty()
    }
    fn at_end(ledger: &Ledger) -> Known<'_> {
        ledger.known_at(slot(401))
    }
    let asks: [(&str, Ask, String); 11] = [
        ("rows from it on", |ledger| from(ledger, 300, 400), "nothing".to_owned()),
        // A row is one slot long: two of them on both sides show where a page may end.
        ("rows from before it", |ledger| from(ledger, 299, 400), pages(297, 300)),
        ("rows of some slots", |ledger| from(ledger, 20, 30) && from(ledger, 25, 40), pages(18, 42)),
        ("no rows at all", |ledger| from(ledger, 9, 9), "nothing".to_owned()),
        ("what was known before", |ledger| ledger.known_at(slot(299)).covered().is_empty(), "all".to_owned()),
        ("all rows", |ledger| at_end(ledger).rows().count() > 0, "all".to_owned()),
        ("ends before it", |ledger| at_end(ledger).last_end_by(slot(299)).is_some(), "all".to_owned()),
        ("ends after an instant before it", |ledger| at_end(ledger).next_end(slot(299)).is_some(), "all".to_owned()),
        ("instants before it", |ledger| ledger.instants_after(slot(200)).is_empty(), "all".to_owned()),
        (
            "what was learnt before it",
            |ledger| ledger.learnt(Span::new(slot(0), slot(400)), slot(100), slot(401)).is_empty(),
            "all".to_owned(),
        ),
        ("rejected rows", |ledger| at_end(ledger).rejected().count() > 0, "all".to_owned()),
    ];
    for (case, ask, lacks) in asks {
        let ledger = above(&floor, &rows, &calendar);
        ask(&ledger);
        assert_eq!(lack(&ledger), lacks, "{case}");
    }
    let mut late = rows;
    late.push(Row { revision: 2, sequence: 401, known_at: slot(402), ..late[7].clone() });
    let left: FeedRows = late.iter().filter(|row| row.start >= floor.since || row.sequence > 400).collect();
    let mut ledger = Ledger::above(Some(&floor), &[]);
    ledger.extend(&left, &calendar);
    assert_eq!(lack(&ledger), pages(5, 10), "a new row below the floor");
    let window = Span::new(slot(5), slot(9));
    let part = with_pages(&floor, (400, &late), window, &calendar).unwrap();
    assert_eq!(said_of(&part, window, slot(2_000)), said_of(&Ledger::of_feed(&late, &calendar), window, slot(2_000)));
    assert_eq!(part.len(), 100 + 4 + 1, "the rows above the floor, those of the page, and the late one");
}

#[test]
fn no_row_reaches_over_an_end_of_a_page() {
    let calendar = calendar("UTC", json!(null));
    let mut rows = rows_of((0..400).map(|place| (place, 1, 0, 1, 10)).collect());
    let seen = rows.len();
    // Slot, slots and queue of a row that came late, and the page that a window of four slots from 100 on needs with it.
    for (case, (place, length, queue), page) in [
        ("in the window", (101, 1, 0), (100, 104)),
        ("over its begin", (99, 2, 0), (99, 104)),
        ("over its end", (103, 3, 0), (100, 106)),
        ("over both, of another queue", (98, 8, 1), (98, 106)),
    ] {
        let need = Need { since: slot(300), known_by: slot(350) };
        let floor = Ledger::of_feed(&rows, &calendar).floor_for(need, slot(401)).unwrap();
        let row = rows_of(vec![(place, length, queue, 2, 0)]).remove(0);
        rows.push(Row { known_at: slot(402), sequence: seen as i64 + 1, ..row });
        let window = Span::new(slot(100), slot(104));
        let part = with_pages(&floor, (seen, &rows), window, &calendar).unwrap();
        assert_eq!(part.pages, [Span::new(slot(page.0), slot(page.1))], "{case}");
        rows.pop();
    }
}

/// Half-hours of one queue, with one row of two of them from slot 100 on, and the floor at slot 300.
fn half_hours(until: i64) -> (Vec<Row>, Arc<Floor>) {
    let length = |place: i64| if place == 100 { 2 } else { 1 };
    let places = (0..until).filter(|place| *place != 101);
    let rows = rows_of(places.map(|place| (place, length(place), 0, 1, 30)).collect());
    let need = Need { since: slot(300), known_by: slot(350) };
    let floor = Ledger::of_feed(&rows, &calendar("UTC", json!(null))).floor_for(need, slot(401)).unwrap();
    assert_eq!(floor.since, slot(300));
    (rows, floor)
}

/// A row that is received after others.
fn after(rows: &[Row], (place, length, queue): (i64, i64, usize), known_at: i64) -> Row {
    let row = rows_of(vec![(place, length, queue, 2, 0)]).remove(0);
    Row { known_at: slot(known_at), sequence: rows.len() as i64 + 1, ..row }
}

#[test]
fn a_late_row_that_was_known_before_another_takes_its_place() {
    let (calendar, (mut rows, floor)) = (calendar("UTC", json!(null)), half_hours(400));
    let seen = rows.len();
    rows.push(after(&rows, (100, 1, 0), 101));
    let window = Span::new(slot(99), slot(104));
    let part = with_pages(&floor, (seen, &rows), window, &calendar).unwrap();
    assert_eq!(part.known_at(slot(2_000)).covered().len(), 2, "nothing covers slot 101 any more");
    assert_eq!(said_of(&part, window, slot(2_000)), said_of(&Ledger::of_feed(&rows, &calendar), window, slot(2_000)));
}

#[test]
fn a_row_that_comes_into_a_page_and_reaches_over_its_end_makes_it_longer() {
    let (calendar, (mut rows, floor)) = (calendar("UTC", json!(null)), half_hours(400));
    let seen = rows.len();
    rows.push(after(&rows, (201, 1, 0), 402));
    let window = Span::new(slot(200), slot(204));
    let mut part = with_pages(&floor, (seen, &rows), window, &calendar).unwrap();
    for (row, lacks) in [((202, 2, 0), None), ((203, 3, 0), Some((194, 212)))] {
        let mut more = part.rows.clone();
        more.extend([after(&rows, row, 403)]);
        part.extend(&more, &calendar);
        let reads = match part.lack() {
            Lack::Pages(wanted) => wanted.reads(),
            other => {
                assert_eq!(other, Lack::Nothing);
                Vec::new()
            }
        };
        let expected = lacks.map(|(first, end)| Span::new(slot(first), slot(end)));
        assert_eq!(reads, Vec::from_iter(expected), "{row:?}");
    }
}

#[test]
fn a_row_that_reaches_over_the_floor_is_left_out_by_a_higher_one_alone() {
    let (calendar, (mut rows, floor)) = (calendar("UTC", json!(null)), half_hours(400));
    let seen = rows.len();
    rows.push(after(&rows, (299, 2, 1), 402));
    let window = Span::new(slot(298), slot(310));
    let mut part = with_pages(&floor, (seen, &rows), window, &calendar).unwrap();
    let (known_by, now) = (slot(450), slot(2_000));
    assert_eq!(part.floor_for(Need { since: slot(300), known_by }, now), None);
    let next = Need { since: slot(305), known_by };
    let higher = part.floor_for(next, now).unwrap();
    assert_eq!(higher.since, slot(305));
    let whole = Ledger::of_feed(&rows, &calendar);
    assert_eq!(said_above(&above(&higher, &rows, &calendar), next, now), said_above(&whole, next, now));
}

#[test]
fn the_last_row_of_a_page_is_not_taken_for_the_last_of_all() {
    let (calendar, (mut rows, floor)) = (calendar("UTC", json!(null)), half_hours(300));
    let seen = rows.len();
    rows.push(after(&rows, (7, 1, 0), 402));
    let part = with_pages(&floor, (seen, &rows), Span::new(slot(5), slot(9)), &calendar).unwrap();
    part.known_at(slot(2_000)).last_start();
    assert_eq!(part.lack(), Lack::All);
}
