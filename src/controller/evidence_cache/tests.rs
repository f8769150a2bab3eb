use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::cluster::fence::Fence;
use crate::cluster::shards::Shards;
use crate::controller::looks::Look;
use crate::domain::judgement::judge::judge_again;
use crate::domain::judgement::outcome::{Judgement, NOTHING_SAID};
use crate::domain::measuring::contract_facts::ContractFacts;
use crate::domain::measuring::feed_rows::FeedRows;
use crate::domain::measuring::rollups::Past;
use crate::domain::terms::calendar::Span;
use crate::domain::terms::journal::{JournalFact, RecordedFact, ThresholdsSaid};
use crate::evidence::sqlite::SqliteStore;
use crate::evidence::{Batch, FeedKey, IncomingRow, StoreError};

/// A store with contracts that have a feed each.
struct World {
    store: Arc<SqliteStore>,
    _directory: tempfile::TempDir,
}

impl World {
    fn new() -> World {
        let directory = tempfile::tempdir().unwrap();
        World { store: Arc::new(SqliteStore::open(directory.path()).unwrap()), _directory: directory }
    }

    fn cache(&self, most: usize) -> EvidenceCache {
        EvidenceCache::new(self.store.clone(), most)
    }

    /// Half-hours from one to before another.
    async fn receive(&self, uid: &str, slots: std::ops::Range<i64>) {
        self.receive_of(uid, "acd", slots).await;
    }

    async fn receive_of(&self, uid: &str, feed: &str, slots: std::ops::Range<i64>) {
        let begin: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let at = |slot: i64| begin + SignedDuration::from_mins(30 * slot);
        let received_at = at(slots.end);
        let rows = slots.map(|slot| IncomingRow {
            labels: BTreeMap::new(),
            start: at(slot),
            end: at(slot + 1),
            measures: BTreeMap::from([("offered".to_owned(), (slot * 7 % 501).into())]),
            vendor_revision: None,
            recorded_at: None,
        });
        let batch = Batch {
            received_at,
            body_digest: [0; 32],
            url_host: None,
            backfill: false,
            plan: false,
            rows: rows.collect(),
            rejected: Vec::new(),
            progress: None,
            state: None,
        };
        let [namespace, contract, feed] = ["a", uid, feed].map(str::to_owned);
        self.store.commit(FeedKey { contract_uid: uid.to_owned(), namespace, contract, feed }, batch).await.unwrap();
    }

    async fn stored(&self, uid: &str) -> FeedRows {
        self.store.rows(uid, "acd", 0).await.unwrap().iter().collect()
    }
}

/// Reads the rows of a contract as a reconcile does.
async fn rows(cache: &EvidenceCache, uid: &str) -> FeedRows {
    let evidence = cache.read(uid, &["acd".to_owned()]).await.unwrap();
    cache.rows(uid, &evidence).await.unwrap().get("acd").cloned().unwrap_or_default()
}

#[tokio::test]
async fn rows_are_those_of_the_store_up_to_the_heads_that_were_read() {
    let world = World::new();
    let cache = world.cache(usize::MAX);
    assert!(rows(&cache, "one").await.is_empty());
    world.receive("one", 0..900).await;
    assert_eq!(rows(&cache, "one").await, world.stored("one").await);
    let before = cache.read("one", &[]).await.unwrap();
    world.receive("one", 900..2_000).await;
    assert_eq!(cache.rows("one", &before).await.unwrap()["acd"].len(), 900, "what came since waits for its head");
    let after = cache.read("one", &[]).await.unwrap();
    assert_eq!(after.heads["acd"].sequence, 2_000, "a feed that was asked for once is always part of it");
    assert_eq!(rows(&cache, "one").await, world.stored("one").await);
    // Another task has read further by now: who judges by the earlier heads gets their rows alone.
    assert_eq!(cache.rows("one", &before).await.unwrap()["acd"], world.stored("one").await.up_to(900));
    assert!(cache.rows("one", &ContractEvidence::default()).await.unwrap().is_empty());
    assert_eq!(cache.held().rows, rows(&cache, "one").await.bytes());
    cache.forget("one");
    assert_eq!(cache.held(), Held::default());
}

#[tokio::test]
async fn rows_that_are_read_by_pages_are_those_of_the_store_and_each_page_is_noted() {
    let world = World::new();
    world.receive("one", 0..900).await;
    world.receive("one", 900..2_000).await;
    // Each: rows of a page, and how many pages 2,000 rows are.
    for (page, pages) in [(1_999, 2), (2_000, 1), (2_001, 1), (300, 7), (i64::MAX, 1)] {
        let cache = EvidenceCache { page, ..world.cache(usize::MAX) };
        let turn = || Shards::whole(Fence::open()).turn("team");
        let look = Look::begin(&Arc::default(), turn).await.unwrap();
        let read = look.around(rows(&cache, "one")).await;
        assert!(read == world.stored("one").await, "pages of {page}");
        assert_eq!(look.pages(), pages, "pages of {page}");
        look.around(rows(&cache, "one")).await;
        assert_eq!(look.pages(), pages, "pages of {page}: what is held is not read again");
    }
}

#[tokio::test]
async fn rows_of_a_span_are_read_in_slices_that_no_page_is_too_small_for_and_each_is_noted() {
    let world = World::new();
    world.receive("one", 0..9_000).await;
    let all = world.stored("one").await;
    let (begin, end) = (all.row(0).unwrap().start, all.row(8_999).unwrap().end);
    // Each: bytes of a page, and how many slices are read of 188 days; then up to which row, and the most bytes of all.
    for (page_bytes, pages, last, most, is_read) in [
        (usize::MAX, 6..7, 9_000, usize::MAX, true),
        (8_000, 8..40, 9_000, usize::MAX, true),
        (8_000, 8..40, 7_000, usize::MAX, true),
        (usize::MAX, 0..7, 9_000, all.bytes() / 2, false),
        (8_000, 0..40, 9_000, all.bytes() / 2, false),
    ] {
        let cache = EvidenceCache { page_bytes, ..world.cache(usize::MAX) };
        let look = Look::begin(&Arc::default(), || Shards::whole(Fence::open()).turn("team")).await.unwrap();
        let mut reading = cache.reading("one");
        // Some rows of the first slice are outside.
        let span = Span::new(begin + SignedDuration::from_hours(5), end);
        let read = look.around(cache.read_within((&mut reading, "acd"), &[span], last, most)).await.unwrap();
        let expected = FeedRows::default().with(&all.up_to(last), |start| start >= span.start);
        let read = read.map(|read| FeedRows::default().with(&read, |_| true));
        assert_eq!(read, is_read.then_some(expected), "{page_bytes} {last} {most}");
        assert!(pages.contains(&look.pages()), "{page_bytes}: {} pages", look.pages());
    }
}

#[tokio::test]
async fn rows_are_read_no_further_where_the_shard_is_to_be_given_back() {
    let world = World::new();
    world.receive("one", 0..900).await;
    let cache = EvidenceCache { page: 300, ..world.cache(usize::MAX) };
    let evidence = cache.read("one", &["acd".to_owned()]).await.unwrap();
    let shards = Shards::whole(Fence::open());
    let look = Look::begin(&Arc::default(), || shards.turn("team")).await.unwrap();
    let mut end = std::pin::pin!(shards.end(0));
    assert!(futures::poll!(&mut end).is_pending(), "the look is under way");
    let broken_off = look.around(cache.rows("one", &evidence)).await.unwrap_err();
    assert_eq!((broken_off, look.pages()), (StoreError::BrokenOff, 1));
    drop(look);
    end.await;
}

#[tokio::test]
async fn rows_of_a_contract_that_do_not_fit_are_not_read_and_those_of_others_are() {
    let world = World::new();
    world.receive("large", 0..9_000).await;
    world.receive("small", 0..2_000).await;
    let of_large = world.stored("large").await.bytes();
    let cache = world.cache(usize::MAX).with_most_of_one(of_large / 2);
    let evidence = cache.read("large", &["acd".to_owned()]).await.unwrap();
    let refused = StoreError::Memory { most: of_large / 2 };
    assert_eq!(cache.rows("large", &evidence).await.unwrap_err(), refused);
    assert_eq!(cache.held(), Held::default(), "nothing of it is held");
    let look = Look::begin(&Arc::default(), || Shards::whole(Fence::open()).turn("team")).await.unwrap();
    assert_eq!(look.around(cache.rows("large", &evidence)).await.unwrap_err(), refused);
    assert_eq!(look.pages(), 0, "nor is it read again and again");
    assert_eq!(cache.fits("large", &evidence), Err(refused.clone()));
    let heads = cache.read("large", &["acd".to_owned()]).await.unwrap().heads;
    assert_eq!(heads, evidence.heads, "its heads and its journal are read all the same");
    assert_eq!(rows(&cache, "small").await, world.stored("small").await);
    assert!(refused.to_string().contains("--memory"), "{refused}");
    cache.forget("large");
    assert_eq!(cache.fits("large", &evidence), Ok(()));
    let whole = world.cache(usize::MAX).with_most_of_one(of_large);
    assert_eq!(rows(&whole, "large").await, world.stored("large").await);
}

#[tokio::test]
async fn rows_of_others_give_way_to_what_a_judgement_takes_for_a_moment() {
    let world = World::new();
    for uid in ["one", "other"] {
        world.receive(uid, 0..3_000).await;
    }
    let now = "2026-03-05T00:00:00Z".parse().unwrap();
    for (case, moment, is_judged, other_is_held) in [
        ("there is room", 24 * 3_000, false, true),
        ("there is none", 24 * 3_000 - 1, false, false),
        ("an earlier judgement has seen all rows", 0, true, true),
    ] {
        let mut cache = world.cache(usize::MAX);
        let judged = rows(&cache, "one").await;
        if is_judged {
            judge(&cache, "one", now).await;
        }
        rows(&cache, "other").await;
        cache.most = cache.held().all() + moment;
        let rollups = cache.take_rollups("one");
        let room = cache.room_to_judge("one", &[("acd".to_owned(), judged)].into(), &rollups);
        let held = cache.entries().by_uid.get("other").is_some_and(|other| other.held.rows > 0);
        assert_eq!(held, other_is_held, "{case}");
        drop(room);
        assert_eq!(cache.entries().under_way, 0, "{case}");
    }
}

#[tokio::test]
async fn a_contract_is_judged_by_the_part_that_fits_also_where_a_launch_asks_for_all_rows() {
    let (slots, now) = (2 * 365 * 48, "2027-12-31T23:00:00Z".parse().unwrap());
    let world = World::new();
    for first in (0..slots).step_by(30 * 48) {
        world.receive("one", first..(first + 30 * 48).min(slots)).await;
    }
    let past = judge(&world.cache(usize::MAX), "one", now).await;
    let most = world.stored("one").await.bytes() / 2;
    let cache = world.cache(usize::MAX).with_most_of_one(most);
    let feeds = ["acd".to_owned()];
    let evidence = cache.read("one", &feeds).await.unwrap();
    let part = cache.begin_part("one", &evidence, &past).await.unwrap().unwrap();
    let refused = Err(StoreError::Memory { most });
    for slot in [slots, slots + 1] {
        assert_eq!(cache.rows_for_launch("one", &evidence).await.map(|_| ()), refused);
        assert_eq!(cache.fits("one", &evidence), Ok(()), "its judgement fits");
        world.receive("one", slot..slot + 1).await;
        let news = cache.read("one", &feeds).await.unwrap();
        let more = cache.part("one", &news).await.unwrap().unwrap();
        assert!(more.rows["acd"].len() > part.rows["acd"].len());
    }
    // The same before any part is held, as after a restart.
    let cache = world.cache(usize::MAX).with_most_of_one(most);
    let evidence = cache.read("one", &feeds).await.unwrap();
    assert_eq!(cache.rows_for_launch("one", &evidence).await.map(|_| ()), refused);
    assert!(cache.takes_part("one"));
    assert!(cache.begin_part("one", &evidence, &past).await.unwrap().is_some());
    // A part that does not fit is not read again either.
    let cache = world.cache(usize::MAX).with_most_of_one(1);
    let refused = StoreError::Memory { most: 1 };
    assert_eq!(cache.begin_part("one", &evidence, &past).await.unwrap_err(), refused);
    assert_eq!(cache.fits("one", &evidence), Err(refused));
}

#[tokio::test]
async fn a_contract_fits_again_once_the_feed_is_removed_that_did_not() {
    let world = World::new();
    world.receive("one", 0..900).await;
    world.receive_of("one", "crm", 0..9_000).await;
    let of_crm = world.store.rows("one", "crm", 0).await.unwrap().iter().collect::<FeedRows>().bytes();
    let cache = world.cache(usize::MAX).with_most_of_one(of_crm / 2);
    let [acd, crm] = ["acd", "crm"].map(str::to_owned);
    let both = cache.read("one", &[acd.clone(), crm]).await.unwrap();
    cache.rows("one", &both).await.unwrap_err();
    cache.fits("one", &both).unwrap_err();
    let one = cache.read("one", &[acd]).await.unwrap();
    assert_eq!(one.heads.keys().collect::<Vec<_>>(), ["acd"], "nobody asks for the other one any more");
    assert_eq!(cache.fits("one", &one), Ok(()));
    assert_eq!(cache.rows("one", &one).await.unwrap()["acd"], world.stored("one").await);
}

#[tokio::test]
async fn rows_that_are_being_read_count_and_who_reads_many_reads_alone() {
    let world = World::new();
    for uid in ["one", "two"] {
        world.receive(uid, 0..9_000).await;
    }
    let of_one = world.stored("one").await.bytes();
    let cache = world.cache(of_one * 3 / 2);
    rows(&cache, "one").await;
    let mut reading = cache.reading("two");
    reading.page_was_read(of_one / 4).await.unwrap();
    assert_eq!(cache.held().rows, of_one + of_one / 4);
    {
        let mut other = cache.reading("three");
        let mut waits = std::pin::pin!(other.page_was_read(of_one / 2));
        assert!(futures::poll!(&mut waits).is_pending(), "another one reads many rows");
        assert_eq!(cache.held().rows, of_one / 4 + of_one / 2, "the rows of the first are let go for them");
        drop(reading);
        assert!(futures::poll!(&mut waits).is_ready());
    }
    assert_eq!(cache.held(), Held::default());
    let few = rows(&cache, "two").await.len();
    assert_eq!((few, cache.held().rows), (9_000, of_one), "once they are held, they count once");
}

#[tokio::test]
async fn beyond_the_limit_the_rows_that_were_used_longest_ago_are_let_go_and_read_again() {
    let world = World::new();
    for uid in ["one", "two", "three"] {
        world.receive(uid, 0..3_000).await;
    }
    let of_one = world.stored("one").await.bytes();
    let cache = world.cache(of_one * 5 / 2);
    let held = |uid: &str| cache.entries().by_uid[uid].held.rows > 0;
    for (used, expected) in [
        ("one", [true, false, false]),
        ("two", [true, true, false]),
        ("one", [true, true, false]),
        ("three", [true, false, true]),
        ("two", [false, true, true]),
    ] {
        for uid in ["one", "two", "three"] {
            cache.read(uid, &["acd".to_owned()]).await.unwrap();
        }
        assert_eq!(rows(&cache, used).await, world.stored(used).await);
        assert_eq!(["one", "two", "three"].map(held), expected, "after {used}");
        assert!(cache.held().rows <= of_one * 5 / 2);
    }
    // One contract alone may take more than all may: without its rows it could not be judged.
    let small = world.cache(1);
    assert_eq!(rows(&small, "one").await, world.stored("one").await);
    assert_eq!(rows(&small, "two").await, world.stored("two").await);
    assert_eq!(small.held().rows, of_one);
}

#[tokio::test]
async fn a_judgement_holds_without_the_rows_it_was_made_of_until_new_ones_come() {
    let world = World::new();
    for uid in ["one", "two"] {
        world.receive(uid, 0..3_000).await;
    }
    let cache = world.cache(1);
    let now: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
    let evidence = cache.read("one", &["acd".to_owned()]).await.unwrap();
    cache.rows("one", &evidence).await.unwrap();
    let judgement = Arc::new(Ok(Judgement::default()));
    let rollups = cache.take_rollups("one");
    cache.keep("one", [1; 32], &evidence, now, &judgement, Some(rollups));
    rows(&cache, "two").await;
    assert_eq!(cache.entries().by_uid["one"].held, Held::default());
    let again = cache.read("one", &["acd".to_owned()]).await.unwrap();
    assert!(cache.judgement("one", [1; 32], &again, now).is_some_and(|known| Arc::ptr_eq(&known, &judgement)));
    assert!(cache.judgement("one", [2; 32], &again, now).is_none(), "under other terms");
    world.receive("one", 3_000..3_001).await;
    let news = cache.read("one", &["acd".to_owned()]).await.unwrap();
    assert!(cache.judgement("one", [1; 32], &news, now).is_none());
}

/// Judges a contract of a KPI from the rows that a cache returns, and keeps what was worked out in the cache.
async fn judge(cache: &EvidenceCache, uid: &str, now: Timestamp) -> Past {
    let evidence = cache.read(uid, &["acd".to_owned()]).await.unwrap();
    let rows = cache.rows(uid, &evidence).await.unwrap();
    let contract = "term: {start: 2026-01-01, end: 2029-12-31}\ncloseAfter: 5d\nfeeds: [{name: acd, url: 'https://feeds.example'}]";
    let volume =
        "kpi: Custom\nformula: {numerator: offered, denominator: offered, better: Higher}\nobjective: {target: 80}";
    let terms = crate::domain::fixtures::contracts::terms(contract, &[("volume", volume)]);
    let (closed_under, journal) = (&*evidence.closings, Some(&*evidence.journal));
    let facts = ContractFacts { name: "acme", terms: &terms, closed_under, rows: &rows, journal, said: &NOTHING_SAID };
    let mut rollups = cache.take_rollups(uid);
    let judgement = judge_again(&facts, now, &mut rollups).unwrap();
    cache.keep(uid, [1; 32], &evidence, now, &Arc::new(Ok(judgement)), Some(rollups));
    let fresh = cache.fresh();
    let seen = evidence.heads.iter().map(|(feed, head)| (feed.clone(), head.sequence)).collect();
    cache.snapshot(&fresh[0], now).unwrap().past(seen).unwrap()
}

#[tokio::test]
async fn rows_of_closed_periods_are_let_go_once_that_is_kept_which_was_worked_out_of_them_unless_a_launch_reads_them() {
    let half_hours_of_years = 2 * 365 * 48;
    let now = "2027-12-31T23:00:00Z".parse().unwrap();
    for (case, slots, by_launch, are_held) in [
        ("many rows", half_hours_of_years, false, false),
        ("many rows that a launch reads", half_hours_of_years, true, true),
        ("few rows", 5 * 48, false, true),
    ] {
        let world = World::new();
        for first in (0..slots).step_by(30 * 48) {
            world.receive("one", first..(first + 30 * 48).min(slots)).await;
        }
        let cache = world.cache(usize::MAX);
        let past = judge(&cache, "one", now).await;
        if by_launch {
            let evidence = cache.read("one", &[]).await.unwrap();
            cache.rows_for_launch("one", &evidence).await.unwrap();
        }
        cache.kept_past("one", &past, now);
        assert_eq!(cache.held().rows > 0, are_held, "{case}");
        assert_eq!(cache.held().rollups > 0, are_held, "{case}");
        assert_eq!(cache.takes_part("one"), !are_held, "{case}");
        // Another look reads what is needed, and all is there again for who asks for it.
        world.receive("one", slots..slots + 1).await;
        let evidence = cache.read("one", &[]).await.unwrap();
        let part = cache.begin_part("one", &evidence, &past).await.unwrap();
        assert_eq!(part.map(|part| part.rows["acd"].len() < 100 * 48), (!are_held).then_some(true), "{case}");
        assert_eq!(rows(&cache, "one").await, world.stored("one").await, "{case}");
    }
}

#[tokio::test]
async fn rows_that_are_let_go_while_others_are_read_are_not_missing() {
    let world = World::new();
    world.receive("one", 0..900).await;
    let cache = world.cache(usize::MAX);
    let all = rows(&cache, "one").await;
    let evidence = cache.read("one", &[]).await.unwrap();
    let known = cache.rows("one", &evidence).await.unwrap();
    for (case, slots) in [("without news", 0..0), ("with news", 900..905)] {
        world.receive("one", slots).await;
        let evidence = cache.read("one", &[]).await.unwrap();
        let read = cache.read_on(&mut cache.reading("one"), &evidence, &known).await.unwrap();
        cache.entries().by_uid.get_mut("one").unwrap().let_go();
        let held = cache.hold("one", &evidence, read);
        assert_eq!(held["acd"], world.stored("one").await, "{case}");
    }
    assert_eq!(rows(&cache, "one").await.len(), all.len() + 5);
}

#[tokio::test]
async fn periods_that_closed_under_the_same_terms_hold_them_once_and_changed_terms_share_what_stayed() {
    let world = World::new();
    let now: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
    let kpi = "kpi: ServiceLevel\nobjective: {target: 80}";
    let contract = "term: {start: 2026-01-01, end: 2029-12-31}\nfeeds: [{name: acd, url: 'https://feeds.example'}]";
    let of_target = |target: &str| {
        let changed = kpi.replace("80", target);
        crate::domain::fixtures::contracts::terms(contract, &[("level", &changed), ("stays", kpi)])
    };
    for (period, target) in [("1", "80"), ("2", "80"), ("3", "81"), ("4", "80"), ("5", "81")] {
        world.store.record_closing("one".into(), period.into(), of_target(target), now, now).await.unwrap();
    }
    let cache = world.cache(usize::MAX);
    cache.read("one", &[]).await.unwrap();
    cache.closed("one", "6", &of_target("80"), now);
    cache.closed("one", "7", &of_target("82"), now);
    let closings = cache.read("one", &[]).await.unwrap().closings;
    for (period, same, target) in
        [("2", "1", "80"), ("3", "3", "81"), ("4", "1", "80"), ("5", "3", "81"), ("6", "1", "80"), ("7", "7", "82")]
    {
        assert_eq!(*closings[period], of_target(target), "{period}");
        assert!(closings[period].is_one_with(&closings[same]), "{period}");
    }
    let [first, second] = ["1", "3"].map(|period| &closings[period]);
    assert!(!first.is_one_with(second));
    assert!(first.contract.is_one_with(&second.contract) && first.kpis["stays"].is_one_with(&second.kpis["stays"]));
    assert!(!first.kpis["level"].is_one_with(&second.kpis["level"]));
}

#[test]
fn a_fact_is_recorded_after_the_last_closing_and_what_is_recorded_stays_known() {
    let at = |minute: &str| -> Timestamp { format!("2026-05-20T07:{minute}Z").parse().unwrap() };
    // Each: last closing, last fact, the clock; then when a fact is recorded, and when the contract is judged where the clock is right, and
    // where it may be wrong.
    let cases = [
        ("nothing yet", None, None, "30:00", "30:00", "30:00", "30:00"),
        ("the clock moved on", Some("29:00"), Some("29:30"), "30:00", "30:00", "30:00", "30:00"),
        ("it did not move since a period closed", Some("30:00"), None, "30:00", "30:00.000001", "30:00", "30:00"),
        ("it went back since", Some("40:00"), None, "30:00", "40:00.000001", "40:00", "40:00"),
        (
            "and a fact came since",
            Some("40:00"),
            Some("40:00.000001"),
            "30:00",
            "40:00.000001",
            "40:00.000001",
            "40:00.000001",
        ),
        ("it went back a little since a fact", None, Some("34:59"), "30:00", "30:00", "34:59", "34:59"),
        ("it was an hour ahead when a fact came", None, Some("40:00"), "30:00", "30:00", "30:00", "40:00"),
        ("as then a period had closed", Some("32:00"), Some("40:00"), "30:00", "32:00.000001", "32:00", "40:00"),
    ];
    for (name, closed, fact, now, recorded, judged, judged_by_all) in cases {
        let fact = fact.map(|minute| RecordedFact {
            name: "level".to_owned(),
            fact: JournalFact::ThresholdsSaid(ThresholdsSaid { thresholds: BTreeMap::new() }),
            recorded_at: at(minute),
        });
        let journal = Arc::new(Journal { facts: fact.into_iter().collect() });
        let evidence = ContractEvidence { last_closing: closed.map(at), journal, ..ContractEvidence::default() };
        assert_eq!(evidence.recorded_at(at(now)), at(recorded), "{name}");
        let believed = at(now) + SignedDuration::from_mins(5);
        assert_eq!(evidence.judged_at(at(now), believed), at(judged), "{name}");
        assert_eq!(evidence.judged_at(at(now), Timestamp::MAX), at(judged_by_all), "{name}");
    }
}
