use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::*;
use crate::domain::cases::{Case, instant, row, terms};
use crate::domain::facts::Terms;
use crate::domain::journal::{FirstJudged, Journal, JournalFact, RecordedFact};
use crate::domain::rollups::RollUps;
use crate::evidence::Head;
use crate::evidence::sqlite::SqliteStore;

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
    let judgement = january().judge(NOW);
    let cache = EvidenceCache::new(store.clone(), 0);
    assert!(cache.begins("uid-1") && !cache.begins("uid-1"), "only the first who asks is told so");
    cache.keep("uid-1", [7; 32], &evidence(), instant(NOW), &Arc::new(Ok(judgement.clone())), RollUps::default());
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
    let closing: BTreeMap<String, Terms> = [("2026-01".to_owned(), january().terms)].into();
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
    let judgement = january().judge(NOW);
    let cache = EvidenceCache::new(store.clone(), 0);
    cache.begins("uid-1");
    let keep = |judgement: &Judgement| {
        cache.keep("uid-1", [7; 32], &evidence(), instant(NOW), &Arc::new(Ok(judgement.clone())), RollUps::default());
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
        RollUps::default(),
    );
    checkpoints.keep(&*store, &cache, instant(NOW)).await.unwrap();
    assert_eq!(store.checkpoint("uid-1").await.unwrap(), None, "a spec that cannot be judged");
}
