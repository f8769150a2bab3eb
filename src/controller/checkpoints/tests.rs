use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::*;
use crate::api::Shared;
use crate::controller::evidence_cache::Held;
use crate::controller::judging::Judging;
use crate::domain::fixtures::contracts::{Case, instant, row, terms};
use crate::domain::judgement::judge::{OfPart, judge_again, judge_part};
use crate::domain::judgement::outcome::NOTHING_SAID;
use crate::domain::measuring::contract_facts::ContractFacts;
use crate::domain::measuring::feed_rows::RowsByFeed;
use crate::domain::measuring::rollups::RollUps;
use crate::domain::terms::contract_terms::Terms;
use crate::domain::terms::journal::{FirstJudged, Journal, JournalFact, RecordedFact};
use crate::evidence::sqlite::SqliteStore;
use crate::evidence::{Batch, FeedKey, Head, IncomingRow};

const NOW: &str = "2026-02-20T00:00Z";

fn january() -> Case {
    let contract = "term: {start: 2026-01-01, end: 2026-12-31}\nfeeds: [{name: acd, url: 'https://feeds.example', cadence: 24h}]\ncharges: {currency: GBP, amount: 100}";
    let level =
        "kpi: ServiceLevel\nvariant: AnsweredOnly\nobjective: {target: 80}\nbands: [{severity: Minor, percent: 1}]";
    let measures = [("answered", 300), ("answeredWithin", 200)];
    let days = (1..=31).map(|day| row(&format!("2026-01-{day:02}T00:00Z"), &end_of(day), &measures));
    Case::new(terms(contract, &[("level", level)]), days.collect())
}

fn end_of(day: i32) -> String {
    if day == 31 { "2026-02-01T00:00Z".to_owned() } else { format!("2026-01-{:02}T00:00Z", day + 1) }
}

fn evidence() -> ContractEvidence {
    let heads = [("acd".to_owned(), Head { sequence: 31, digest: [3; 32] })];
    let fact = JournalFact::FirstJudged(FirstJudged { at: instant("2026-02-01T00:00Z"), closed_before: Vec::new() });
    let fact = RecordedFact { name: String::new(), fact, recorded_at: instant("2026-02-01T00:00Z") };
    let journal = Arc::new(Journal { facts: vec![fact] });
    ContractEvidence { heads: heads.into(), closings: Arc::default(), last_closing: None, journal }
}

/// A store with a checkpoint of January, and what it holds.
async fn kept(program: [u8; 32]) -> (Arc<SqliteStore>, Judgement, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(directory.path()).unwrap());
    let judgement = january().judge(NOW).judgement;
    let cache = EvidenceCache::new(store.clone(), 0);
    assert!(cache.begins("uid-1") && !cache.begins("uid-1"), "only the first who asks learns it");
    cache.keep("uid-1", [7; 32], &evidence(), instant(NOW), &Arc::new(Ok(judgement.clone())), Some(RollUps::default()));
    let checkpoints = Checkpoints::of_program(program);
    checkpoints.keep(&*store, &cache, instant(NOW)).await.unwrap();
    assert!(cache.fresh().is_empty(), "it is kept once");
    (store, judgement, directory)
}

fn asked(evidence: &ContractEvidence) -> Asked<'_> {
    Asked { uid: "uid-1", name: "acme", terms: [7; 32], evidence }
}

#[tokio::test]
async fn a_judgement_outlives_the_process_whole() {
    let (store, judgement, _directory) = kept([1; 32]).await;
    assert!(!judgement.reports.is_empty() && judgement.next.is_some());
    let found = Checkpoints::of_program([1; 32]).find(&*store, asked(&evidence()), instant(NOW)).await.unwrap();
    assert_eq!(found, Some(Kept { judged_at: instant(NOW), judgement }));
}

#[tokio::test]
async fn a_judgement_is_taken_only_for_the_very_same_question() {
    let (store, judgement, _directory) = kept([1; 32]).await;
    let here = Checkpoints::of_program([1; 32]);
    let next = judgement.next.unwrap();
    let just_before = next - SignedDuration::from_nanos(1);
    let found = async |asked: Asked<'_>, now| here.find(&*store, asked, now).await.unwrap().is_some();
    let same = evidence();
    assert!(found(asked(&same), just_before).await);
    assert!(!found(asked(&same), next).await, "time alone may have changed it");
    assert!(!found(asked(&same), instant(NOW) - SignedDuration::from_nanos(1)).await, "the clock went back");
    assert!(!found(Asked { uid: "uid-2", ..asked(&same) }, instant(NOW)).await, "of another contract");
    assert!(!found(Asked { name: "other", ..asked(&same) }, instant(NOW)).await, "under another name");
    assert!(!found(Asked { terms: [8; 32], ..asked(&same) }, instant(NOW)).await, "under other terms");
    let another = Checkpoints::of_program([2; 32]);
    assert!(another.find(&*store, asked(&same), instant(NOW)).await.unwrap().is_none(), "of another program");

    let head = |sequence, digest| [("acd".to_owned(), Head { sequence, digest: [digest; 32] })].into();
    let more_feeds: BTreeMap<String, Head> =
        same.heads.clone().into_iter().chain([("crm".to_owned(), Head { sequence: 1, digest: [0; 32] })]).collect();
    let closing: BTreeMap<String, Shared<Terms>> = [("2026-01".to_owned(), january().terms.into())].into();
    let mut later_fact = Journal::clone(&same.journal);
    later_fact.facts[0].recorded_at = instant("2026-02-02T00:00Z");
    let mut other_fact = Journal::clone(&same.journal);
    other_fact.facts[0].name = "x".to_owned();
    for (what, evidence) in [
        ("a new row", ContractEvidence { heads: head(32, 3), ..same.clone() }),
        ("another row in the place of the last", ContractEvidence { heads: head(31, 4), ..same.clone() }),
        ("a feed more", ContractEvidence { heads: more_feeds, ..same.clone() }),
        ("no rows", ContractEvidence { heads: BTreeMap::new(), ..same.clone() }),
        ("a closing", ContractEvidence { closings: Arc::new(closing), ..same.clone() }),
        ("no facts", ContractEvidence { journal: Arc::default(), ..same.clone() }),
        ("a fact of another instant", ContractEvidence { journal: Arc::new(later_fact), ..same.clone() }),
        ("a fact of another name", ContractEvidence { journal: Arc::new(other_fact), ..same.clone() }),
    ] {
        assert!(!found(asked(&evidence), instant(NOW)).await, "{what}");
    }
}

#[tokio::test]
async fn what_is_damaged_is_not_taken() {
    let (store, _, _directory) = kept([1; 32]).await;
    let whole = store.checkpoint("uid-1").await.unwrap().unwrap();
    let here = Checkpoints::of_program([1; 32]);
    for place in [0, 31, 32, 63, 64, whole.len() / 2, whole.len() - 1] {
        let mut damaged = whole.clone();
        damaged[place] ^= 1;
        for content in [damaged, whole[..place].to_vec()] {
            store.keep_checkpoints(vec![("uid-1".to_owned(), content)], instant(NOW)).await.unwrap();
            assert_eq!(here.find(&*store, asked(&evidence()), instant(NOW)).await.unwrap(), None, "{place}");
        }
    }
    store.keep_checkpoints(vec![("uid-1".to_owned(), whole)], instant(NOW)).await.unwrap();
    assert!(here.find(&*store, asked(&evidence()), instant(NOW)).await.unwrap().is_some());
}

#[tokio::test]
async fn a_judgement_that_waits_for_the_journal_or_that_a_closing_overtook_is_not_kept() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(directory.path()).unwrap());
    let checkpoints = Checkpoints::of_program([1; 32]);
    let judgement = january().judge(NOW).judgement;
    let cache = EvidenceCache::new(store.clone(), 0);
    cache.begins("uid-1");
    let keep = |judgement: &Judgement| {
        cache.keep(
            "uid-1",
            [7; 32],
            &evidence(),
            instant(NOW),
            &Arc::new(Ok(judgement.clone())),
            Some(RollUps::default()),
        );
    };
    let mut with_news = judgement.clone();
    with_news.kpis.get_mut("level").unwrap().risk_news = Some(evidence().journal.facts[0].fact.clone());
    keep(&with_news);
    checkpoints.keep(&*store, &cache, instant(NOW)).await.unwrap();
    assert_eq!(store.checkpoint("uid-1").await.unwrap(), None, "news");
    keep(&judgement);
    cache.closed("uid-1", "2026-01", &january().terms, instant(NOW));
    checkpoints.keep(&*store, &cache, instant(NOW)).await.unwrap();
    assert_eq!(store.checkpoint("uid-1").await.unwrap(), None, "a closing");
    cache.keep(
        "uid-1",
        [7; 32],
        &evidence(),
        instant(NOW),
        &Arc::new(Err(InvalidSpec(Vec::new()))),
        Some(RollUps::default()),
    );
    checkpoints.keep(&*store, &cache, instant(NOW)).await.unwrap();
    assert_eq!(store.checkpoint("uid-1").await.unwrap(), None, "a spec that cannot be judged");
}

const FIRST_DAY: &str = "2024-01-01T00:00Z";

/// A store with a contract of years, whose row of each day arrives when the day is over.
struct Years {
    store: Arc<SqliteStore>,
    terms: Terms,
    _directory: tempfile::TempDir,
}

fn day(place: i64) -> Timestamp {
    instant(FIRST_DAY) + SignedDuration::from_hours(24 * place)
}

impl Years {
    async fn new(days: i64) -> Years {
        let contract = "term: {start: 2024-01-01, end: 2026-12-31}\ncloseAfter: 5d\nfeeds: [{name: acd, url: 'https://feeds.example', cadence: 24h}]\ncharges: {currency: GBP, amount: 100}";
        let level =
            "kpi: ServiceLevel\nvariant: AnsweredOnly\nobjective: {target: 70}\nbands: [{severity: Minor, percent: 1}]";
        let directory = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(directory.path()).unwrap());
        let years = Years { store, terms: terms(contract, &[("level", level)]), _directory: directory };
        years.receive(0..days, days, 0).await;
        years
    }

    /// Rows of days, received at the end of another one and known since their ends.
    async fn receive(&self, days: std::ops::Range<i64>, received: i64, more: i64) {
        self.commit(days, received, more, true).await;
    }

    /// Rows of days, received and known at the end of another one.
    async fn receive_late(&self, days: std::ops::Range<i64>, received: i64, more: i64) {
        self.commit(days, received, more, false).await;
    }

    async fn commit(&self, days: std::ops::Range<i64>, received: i64, more: i64, backfill: bool) {
        let rows = days.map(|place| IncomingRow {
            labels: BTreeMap::new(),
            start: day(place),
            end: day(place + 1),
            measures: BTreeMap::from([
                ("answered".to_owned(), 100.into()),
                ("answeredWithin".to_owned(), (60 + place * 7 % 30 + more).into()),
            ]),
            vendor_revision: None,
            recorded_at: None,
        });
        let batch = Batch {
            received_at: day(received),
            body_digest: [u8::try_from(received % 251).unwrap(); 32],
            url_host: None,
            backfill,
            plan: false,
            rows: rows.collect(),
            rejected: Vec::new(),
            progress: None,
            state: None,
        };
        let [uid, namespace, contract, feed] = ["uid-1", "a", "acme", "acd"].map(str::to_owned);
        self.store.commit(FeedKey { contract_uid: uid, namespace, contract, feed }, batch).await.unwrap();
    }

    fn facts<'a>(&'a self, evidence: &'a ContractEvidence, rows: &'a RowsByFeed) -> ContractFacts<'a> {
        let (closed_under, journal) = (&*evidence.closings, Some(&*evidence.journal));
        ContractFacts { name: "acme", terms: &self.terms, closed_under, rows, journal, said: &NOTHING_SAID }
    }

    async fn read(&self, cache: &EvidenceCache) -> ContractEvidence {
        cache.read("uid-1", &["acd".to_owned()]).await.unwrap()
    }

    /// Judges all rows, and keeps what was worked out.
    async fn judge_and_keep(&self, checkpoints: &Checkpoints, now: Timestamp) -> (EvidenceCache, Judgement) {
        let (cache, judgement) = self.judge(now).await;
        checkpoints.keep(&*self.store, &cache, now).await.unwrap();
        (cache, judgement)
    }

    async fn judge(&self, now: Timestamp) -> (EvidenceCache, Judgement) {
        let cache = EvidenceCache::new(self.store.clone(), usize::MAX);
        let evidence = self.read(&cache).await;
        let rows = cache.rows("uid-1", &evidence).await.unwrap();
        let mut rollups = RollUps::default();
        let judgement = judge_again(&self.facts(&evidence, &rows), now, &mut rollups).unwrap();
        cache.keep("uid-1", [7; 32], &evidence, now, &Arc::new(Ok(judgement.clone())), Some(rollups));
        (cache, judgement)
    }

    /// What another process judges by what was kept, and of how many rows; `None` where nothing kept holds, or all rows are needed.
    async fn judge_kept(&self, checkpoints: &Checkpoints, now: Timestamp) -> Option<(Judgement, usize)> {
        let cache = EvidenceCache::new(self.store.clone(), usize::MAX);
        let evidence = self.read(&cache).await;
        let past = checkpoints.find_past(&*self.store, "uid-1", &evidence).await.unwrap()?;
        let part = cache.begin_part("uid-1", &evidence, &past).await.unwrap().unwrap();
        assert!(!cache.takes_part("uid-1") && cache.begin_part("uid-1", &evidence, &past).await.unwrap().is_none());
        let (mut part, mut rollups) = (part, RollUps::of_past(past));
        for _ in 0..3 {
            let facts = self.facts(&evidence, &part.rows);
            match judge_part(&facts, (&part.floors, &part.pages), now, &mut rollups).unwrap() {
                OfPart::Judged(judgement) => return Some((*judgement, part.rows["acd"].len())),
                OfPart::NeedsAll => return None,
                OfPart::Needs(wanted) => {
                    part = cache.add_pages("uid-1", &evidence, part, wanted).await.unwrap()?;
                    rollups = rollups.with_pages(part.pages.clone());
                }
            }
        }
        None
    }

    /// What the operator judges, by what is held and what is kept.
    async fn judge_as_the_operator(
        &self,
        cache: &EvidenceCache,
        checkpoints: &Checkpoints,
        now: Timestamp,
    ) -> Judgement {
        let (evidence, terms) = (self.read(cache).await, Arc::new(self.terms.clone()));
        let asked = Asked { uid: "uid-1", name: "acme", terms: [7; 32], evidence: &evidence };
        let judging = Judging { store: &*self.store, cache, checkpoints, terms: &terms, asked };
        Judgement::clone(judging.judged(now).await.unwrap().as_ref().as_ref().unwrap())
    }

    async fn judge_all(&self, now: Timestamp) -> Judgement {
        self.judge(now).await.1
    }
}

#[tokio::test]
async fn news_after_a_restart_are_judged_without_the_rows_of_closed_periods() {
    let years = Years::new(900).await;
    let here = Checkpoints::of_program([1; 32]);
    let (cache, before) = years.judge_and_keep(&here, day(900)).await;
    assert!(before.reports.len() > 28);
    assert_eq!(years.judge_kept(&here, day(900)).await.unwrap().0, before, "nothing new");

    years.receive(900..905, 905, 0).await;
    years.receive(897..899, 905, 3).await;
    let (judgement, rows) = years.judge_kept(&here, day(905)).await.unwrap();
    assert!(rows < 120, "{rows} rows of 907 are read");
    assert_eq!(judgement, years.judge_all(day(905)).await);
    assert_ne!(judgement.kpis, before.kpis);

    // What is held goes on the same way, and is never taken for all.
    let evidence = years.read(&cache).await;
    assert!(cache.part("uid-1", &evidence).await.unwrap().is_none(), "all are held");
    let other = EvidenceCache::new(years.store.clone(), usize::MAX);
    let evidence = years.read(&other).await;
    let past = here.find_past(&*years.store, "uid-1", &evidence).await.unwrap().unwrap();
    let begun = other.begin_part("uid-1", &evidence, &past).await.unwrap().unwrap();
    years.receive(905..906, 906, 0).await;
    let evidence = years.read(&other).await;
    let part = other.part("uid-1", &evidence).await.unwrap().unwrap();
    assert_eq!(part.rows["acd"].len(), begun.rows["acd"].len() + 1);
    let mut rollups = RollUps::of_past(past);
    let facts = years.facts(&evidence, &part.rows);
    let judged = judge_part(&facts, (&part.floors, &part.pages), day(906), &mut rollups).unwrap();
    let OfPart::Judged(judgement) = judged else { panic!("{judged:?}") };
    assert_eq!(*judgement, years.judge_all(day(906)).await);
    assert_eq!(other.rows("uid-1", &evidence).await.unwrap()["acd"].len(), 908);
    assert!(other.part("uid-1", &evidence).await.unwrap().is_none(), "all are held now");
}

#[tokio::test]
async fn what_was_worked_out_is_taken_only_where_it_holds() {
    let years = Years::new(900).await;
    let here = Checkpoints::of_program([1; 32]);
    years.judge_and_keep(&here, day(900)).await;
    let content = years.store.checkpoint("uid-1/past").await.unwrap().unwrap();
    let cache = EvidenceCache::new(years.store.clone(), 0);
    let evidence = years.read(&cache).await;
    let found = async |checkpoints: &Checkpoints, uid: &str, evidence: &ContractEvidence| {
        checkpoints.find_past(&*years.store, uid, evidence).await.unwrap().is_some()
    };
    assert!(found(&here, "uid-1", &evidence).await);
    assert!(!found(&Checkpoints::of_program([2; 32]), "uid-1", &evidence).await, "another program");
    assert!(!found(&here, "uid-2", &evidence).await, "another contract");
    let with_head = |head: Option<Head>| ContractEvidence {
        heads: head.into_iter().map(|head| ("acd".to_owned(), head)).collect(),
        ..evidence.clone()
    };
    let head = evidence.heads["acd"];
    for (what, head) in [
        ("no rows", None),
        ("fewer rows", Some(Head { sequence: 899, ..head })),
        ("other rows", Some(Head { digest: [5; 32], ..head })),
        ("more rows than there are", Some(Head { sequence: 899, digest: [5; 32] })),
    ] {
        assert!(!found(&here, "uid-1", &with_head(head)).await, "{what}");
    }
    // A chain that goes on from the same row, by its digest in the store.
    let longer = Head { sequence: 999, digest: [5; 32] };
    assert!(found(&here, "uid-1", &with_head(Some(longer))).await);

    for place in [0, 40, 70, content.len() - 1] {
        let mut damaged = content.clone();
        damaged[place] ^= 1;
        years.store.keep_checkpoints(vec![("uid-1/past".to_owned(), damaged)], day(900)).await.unwrap();
        assert!(!found(&here, "uid-1", &evidence).await, "damaged at {place}");
    }
    years.store.keep_checkpoints(vec![("uid-1/past".to_owned(), content)], day(900)).await.unwrap();

    years.receive(100..101, 903, 5).await;
    assert!(years.judge_kept(&here, day(904)).await.is_none(), "a row that was known when a Final period closed");
}

#[tokio::test]
async fn a_month_long_ago_that_a_late_row_restates_is_judged_without_the_rows_of_others() {
    let years = Years::new(900).await;
    let here = Checkpoints::of_program([1; 32]);
    let (_, before) = years.judge_and_keep(&here, day(900)).await;
    let (cache, terms) = (EvidenceCache::new(years.store.clone(), usize::MAX), Arc::new(years.terms.clone()));
    let judge = async |now: Timestamp, late: std::ops::Range<i64>| {
        let evidence = years.read(&cache).await;
        // A row that comes while others are read waits for its head.
        years.receive_late(late.clone(), 902, 20).await;
        let asked = Asked { uid: "uid-1", name: "acme", terms: [7; 32], evidence: &evidence };
        let judging = Judging { store: &*years.store, cache: &cache, checkpoints: &here, terms: &terms, asked };
        let judgement = judging.judged(now).await.unwrap();
        let part = cache.part("uid-1", &evidence).await.unwrap().unwrap();
        (Judgement::clone(judgement.as_ref().as_ref().unwrap()), part)
    };
    years.receive_late(100..101, 901, 9).await;
    let at_first = years.judge_all(day(901)).await;
    let (judgement, part) = judge(day(901), 101..102).await;
    assert_eq!(judgement, at_first);
    assert_eq!(judgement.reports.len(), before.reports.len() + 1, "one month is restated");
    assert_eq!((part.pages["acd"].len(), part.rows["acd"].last_sequence()), (1, 901));
    assert!(part.rows["acd"].len() < 170, "{} rows of 901 are held", part.rows["acd"].len());
    assert_eq!(cache.held().rows, part.rows["acd"].bytes());

    // The row that came meanwhile lies in the page that is held.
    let (judgement, held) = judge(day(902), 0..0).await;
    assert_eq!(judgement, years.judge_all(day(902)).await);
    assert_eq!((held.pages, held.rows["acd"].len()), (part.pages, part.rows["acd"].len() + 1));
}

#[tokio::test]
async fn the_past_is_kept_once_an_hour() {
    let years = Years::new(240).await;
    let here = Checkpoints::of_program([1; 32]);
    let (cache, _) = years.judge_and_keep(&here, day(240)).await;
    assert!(cache.held().rows > 0, "few rows stay");
    let forget = async || years.store.keep_checkpoints(vec![("uid-1/past".to_owned(), Vec::new())], day(240)).await;
    let judge = async |now: Timestamp| {
        let evidence = years.read(&cache).await;
        let rows = cache.rows("uid-1", &evidence).await.unwrap();
        let mut rollups = cache.take_rollups("uid-1");
        let judgement = judge_again(&years.facts(&evidence, &rows), now, &mut rollups).unwrap();
        cache.keep("uid-1", [7; 32], &evidence, now, &Arc::new(Ok(judgement)), Some(rollups));
        here.keep(&*years.store, &cache, now).await.unwrap();
        !years.store.checkpoint("uid-1/past").await.unwrap().unwrap().is_empty()
    };
    let evidence = years.read(&cache).await;
    let (later, rollups) = (day(240) + SignedDuration::from_hours(3), cache.take_rollups("uid-1"));
    cache.keep("uid-1", [7; 32], &evidence, later, &Arc::new(Err(InvalidSpec(Vec::new()))), Some(rollups));
    forget().await.unwrap();
    here.keep(&*years.store, &cache, later).await.unwrap();
    let content = years.store.checkpoint("uid-1/past").await.unwrap();
    assert_eq!(content, Some(Vec::new()), "a spec that cannot be judged");
    assert!(!judge(day(240) + SignedDuration::from_mins(59)).await, "within the hour");
    assert!(judge(day(240) + SignedDuration::from_mins(60)).await);
}

#[tokio::test]
async fn few_rows_of_a_contract_that_nothing_happens_to_are_let_go_and_news_are_judged_as_by_all() {
    let years = Years::new(240).await;
    let (here, now) = (Checkpoints::of_program([1; 32]), day(240));
    let (cache, before) = years.judge_and_keep(&here, now).await;
    let later = |seconds| now + SignedDuration::from_secs(seconds);
    let is_held_after = async |seconds: i64| {
        here.keep(&*years.store, &cache, later(seconds)).await.unwrap();
        cache.held() != Held::default()
    };
    assert!(is_held_after(29).await);
    assert!(!is_held_after(30).await);

    let judge = async |now: Timestamp| years.judge_as_the_operator(&cache, &here, now).await;
    assert_eq!(judge(later(31)).await, before, "nothing new");
    assert_eq!(cache.held(), Held::default(), "and no row is read");
    years.receive(240..241, 241, 0).await;
    let after = judge(day(241)).await;
    assert_eq!(after, years.judge_all(day(241)).await);
    assert_ne!(after, before);
    assert!(cache.held().rows > 0);

    // A launch reads them at each look of its own.
    let evidence = years.read(&cache).await;
    cache.rows_for_launch("uid-1", &evidence).await.unwrap();
    here.keep(&*years.store, &cache, day(242)).await.unwrap();
    assert!(cache.held().rows > 0);
}

#[tokio::test]
async fn of_a_contract_with_very_many_rows_those_of_closed_periods_are_let_go_with_the_judgement() {
    let years = Years::new(900).await;
    let here = Checkpoints::of_program([1; 32]);
    for (very_many, expected) in [(900, false), (899, true)] {
        let cache = EvidenceCache::new(years.store.clone(), usize::MAX).with_very_many(very_many);
        let judgement = years.judge_as_the_operator(&cache, &here, day(900)).await;
        assert_eq!(judgement, years.judge_all(day(900)).await);
        assert_eq!(cache.held() == Held::default(), expected, "900 rows, and very many are more than {very_many}");
    }
    let cache = EvidenceCache::new(years.store.clone(), usize::MAX).with_very_many(899);
    years.receive(900..905, 905, 0).await;
    let judgement = years.judge_as_the_operator(&cache, &here, day(905)).await;
    assert_eq!(judgement, years.judge_all(day(905)).await);
    let evidence = years.read(&cache).await;
    let rows = cache.part("uid-1", &evidence).await.unwrap().unwrap().rows["acd"].len();
    assert!((1..120).contains(&rows), "{rows} rows of 905 are read, by what the last judgement has kept");
}
