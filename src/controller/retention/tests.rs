use std::collections::BTreeMap;

use jiff::civil::date;
use serde_json::Value;

use super::*;
use crate::controller::checkpoints::{Asked, Checkpoints};
use crate::controller::evidence_cache::EvidenceCache;
use crate::controller::judging::Judging;
use crate::domain::fixtures::contracts::{instant, terms};
use crate::evidence::sqlite::SqliteStore;
use crate::evidence::{Batch, IncomingRow};

/// A contract of two years whose rows of each day came as they happened, and whose periods are closed.
struct Contract {
    store: SqliteStore,
    terms: Arc<Terms>,
    directory: tempfile::TempDir,
}

const NOW: &str = "2036-01-01T00:00Z";

impl Contract {
    async fn new() -> Contract {
        let contract = "term: {start: 2026-07-01, end: 2028-06-30}\ncloseAfter: 5d\nperiod: Quarterly\nfeeds: [{name: acd, url: 'https://feeds.example', cadence: 24h}]\ncharges: {currency: GBP, amount: 100}";
        let level =
            "kpi: ServiceLevel\nvariant: AnsweredOnly\nobjective: {target: 75}\nbands: [{severity: Minor, percent: 1}]";
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(directory.path()).unwrap();
        let known = Contract { store, terms: Arc::new(terms(contract, &[("level", level)])), directory };
        for (from, until) in [(0, 200), (200, 500), (500, 731)] {
            known.receive(from..until).await;
        }
        let evidence = known.evidence(&known.cache()).await;
        let judged = known.judged(&known.cache(), &evidence, instant(NOW)).await;
        let store = &known.store;
        store.record_terms("uid-1".into(), Terms::clone(&known.terms), instant(NOW)).await.unwrap();
        for (period, at) in &judged.finals {
            let terms = Terms::clone(&known.terms);
            store.record_closing("uid-1".into(), period.clone(), terms, *at, *at).await.unwrap();
        }
        known
    }

    async fn receive(&self, days: std::ops::Range<i64>) {
        let day = |place: i64| instant("2026-07-01T00:00Z") + SignedDuration::from_hours(24 * place);
        let rows = days.clone().map(|place| IncomingRow {
            labels: BTreeMap::new(),
            start: day(place),
            end: day(place + 1),
            measures: [
                ("answered".to_owned(), 100.into()),
                ("answeredWithin".to_owned(), (60 + place * 7 % 30).into()),
            ]
            .into(),
            vendor_revision: None,
            recorded_at: None,
        });
        let batch = Batch {
            received_at: day(days.end),
            body_digest: [u8::try_from(days.end % 251).unwrap(); 32],
            url_host: None,
            backfill: true,
            plan: false,
            rows: rows.collect(),
            rejected: Vec::new(),
            progress: None,
            state: None,
        };
        self.store.commit(key(), batch).await.unwrap();
    }

    /// As a process has it that has just begun.
    fn cache(&self) -> EvidenceCache {
        EvidenceCache::new(Arc::new(SqliteStore::open_for_reading(self.directory.path()).unwrap()), usize::MAX)
    }

    async fn evidence(&self, cache: &EvidenceCache) -> crate::controller::evidence_cache::ContractEvidence {
        cache.read("uid-1", &["acd".to_owned()]).await.unwrap()
    }

    async fn judged(
        &self,
        cache: &EvidenceCache,
        evidence: &crate::controller::evidence_cache::ContractEvidence,
        now: Timestamp,
    ) -> Judgement {
        let asked = Asked { uid: "uid-1", name: "acme", terms: [7; 32], evidence };
        let checkpoints = Checkpoints::default();
        let judging = Judging { store: &self.store, cache, checkpoints: &checkpoints, terms: &self.terms, asked };
        judging.judged(now).await.unwrap().as_ref().as_ref().unwrap().clone()
    }

    /// The judgement of a process that has just begun.
    async fn judged_afresh(&self, now: Timestamp) -> Judgement {
        let cache = self.cache();
        let evidence = self.evidence(&cache).await;
        self.judged(&cache, &evidence, now).await
    }

    async fn due(&self) -> (Timestamp, Vec<RetiredYear>) {
        let closings = self.store.closings("uid-1").await.unwrap();
        match retention(&self.terms.contract, &closings, None, instant(NOW)) {
            Some(Retention::Due { since, years }) => (since, years),
            other => panic!("{other:?}"),
        }
    }

    async fn retire(&self, judgement: &Judgement) -> EvidenceRetired {
        let kept = Kept { judged_at: instant(NOW), judgement: judgement.clone() };
        let (since, _) = self.due().await;
        let fact = keep(&self.store, "uid-1", &kept, (self.terms.contract.term.end, since)).await.unwrap();
        let recorded = JournalFact::EvidenceRetired(fact.clone());
        let recorded = RecordedFact { name: String::new(), fact: recorded, recorded_at: instant(NOW) };
        crate::evidence::recorded_facts::record(&self.store, "uid-1", &recorded).await.unwrap();
        fact
    }
}

fn key() -> FeedKey {
    let [contract_uid, namespace, contract, feed] = ["uid-1", "a", "acme", "acd"].map(str::to_owned);
    FeedKey { contract_uid, namespace, contract, feed }
}

#[tokio::test]
async fn a_contract_is_judged_the_same_byte_for_byte_before_and_after_its_rows_are_removed() {
    let contract = Contract::new().await;
    let before = contract.judged_afresh(instant(NOW)).await;
    assert!(is_settled(&before), "{:?}", before.next);
    assert_eq!(before.reports.len(), 8);
    let bytes = serde_json::to_string(&before).unwrap();
    contract.retire(&before).await;
    assert_eq!(serde_json::to_string(&contract.judged_afresh(instant(NOW)).await).unwrap(), bytes, "said");
    let (_, years) = contract.due().await;
    let store = &contract.store;
    let take = |feed: FeedKey, removal: Removal| async move {
        store.remove_rows(feed, removal, instant(NOW)).await.map_err(RecordError::from)
    };
    let removed = remove(&contract.store, "uid-1", &years, take).await.unwrap();
    assert_eq!(removed, (vec![(2026, 184), (2027, 365), (2028, 182)], true));
    assert!(contract.store.rows("uid-1", "acd", 0).await.unwrap().is_empty());
    for now in [NOW, "2036-05-01T00:00Z", "2040-01-01T00:00Z"] {
        let after = contract.judged_afresh(instant(now)).await;
        assert_eq!(serde_json::to_string(&after).unwrap(), bytes, "{now}");
    }
    assert!(has_summaries(&contract.store, "uid-1").await.unwrap());
    let silent: crate::evidence::OnVerifyProgress = Arc::new(|_| ());
    assert!(contract.store.verify(silent).await.unwrap().whole());
    let again = remove(&contract.store, "uid-1", &years, take).await.unwrap();
    assert_eq!(again, (Vec::new(), true), "a year is reported once");
}

#[tokio::test]
async fn the_clocks_are_asked_before_each_transaction_of_a_removal() {
    let contract = Contract::new().await;
    let (_, years) = contract.due().await;
    let (store, asked) = (&contract.store, std::sync::atomic::AtomicU32::new(0));
    let take = |feed: FeedKey, removal: Removal| {
        let is_first = asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0;
        async move {
            if !is_first {
                return Err(RecordError::ClocksDiffer);
            }
            store.remove_rows(feed, Removal { most: 10, ..removal }, instant(NOW)).await.map_err(RecordError::from)
        }
    };
    assert_eq!(remove(&contract.store, "uid-1", &years, take).await, Err(RecordError::ClocksDiffer));
    let left = store.rows("uid-1", "acd", 0).await.unwrap().len();
    assert!((600..731).contains(&left), "what was removed before stays so, and no more is: {left} rows are left");
}

#[tokio::test]
async fn a_judgement_in_the_place_of_rows_that_was_changed_is_not_taken() {
    let contract = Contract::new().await;
    let before = contract.judged_afresh(instant(NOW)).await;
    let fact = contract.retire(&before).await;
    let refused = async |content: Vec<u8>| {
        contract.store.keep_last_judgement("uid-1".into(), content).await.unwrap();
        last_judgement(&contract.store, "uid-1", &fact).await.unwrap_err().to_string()
    };
    let whole = contract.store.last_judgement("uid-1").await.unwrap().unwrap();
    let mut changed = whole.clone();
    changed[70] ^= 1;
    assert!(refused(changed).await.contains("not the one that the journal names"));
    assert!(refused(Vec::new()).await.contains("not the one that the journal names"));
    contract.store.keep_last_judgement("uid-1".into(), whole).await.unwrap();
    assert_eq!(last_judgement(&contract.store, "uid-1", &fact).await.unwrap().judgement, before);
}

#[test]
fn a_term_that_goes_on_after_its_rows_are_removed_is_shown() {
    let retired = |taken_back| EvidenceRetired {
        term_end: date(2028, 6, 30),
        since: instant("2035-07-01T00:00Z"),
        judgement: "sha256:00".to_owned(),
        taken_back,
    };
    let recorded = |fact| RecordedFact {
        name: String::new(),
        fact: JournalFact::EvidenceRetired(fact),
        recorded_at: instant(NOW),
    };
    let of_end = |end: &str| terms(&format!("term: {{start: 2026-07-01, end: {end}}}"), &[]);
    let cases = [
        ("no fact", "2030-01-01", vec![], false),
        ("the same term", "2028-06-30", vec![retired(false)], false),
        ("a shorter one", "2028-01-30", vec![retired(false)], false),
        ("a longer one", "2030-01-01", vec![retired(false)], true),
        ("taken back", "2030-01-01", vec![retired(false), retired(true)], false),
        ("said once more", "2030-01-01", vec![retired(false), retired(true), retired(false)], true),
    ];
    for (name, end, facts, is_shown) in cases {
        let journal = Journal { facts: facts.into_iter().map(recorded).collect() };
        let problem = problem(&of_end(end), &journal);
        assert_eq!(problem.is_some(), is_shown, "{name}: {problem:?}");
        assert!(problem.iter().all(|said| said.contains("spec.term.end is 2030-01-01")), "{problem:?}");
    }
}

/// What this version keeps is read by every later one: a member of a judgement is never renamed or removed, and a new one has a default.
/// `BPO_UPDATE=1` writes the file where there is none; it is never written again.
#[tokio::test]
async fn a_judgement_that_an_earlier_version_kept_is_read_to_the_same() {
    let place = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/controller/retention/kept_1.json");
    if !place.exists() && std::env::var_os("BPO_UPDATE").is_some() {
        let judgement = Contract::new().await.judged_afresh(instant(NOW)).await;
        let kept = Kept { judged_at: instant(NOW), judgement };
        std::fs::write(&place, serde_json::to_string_pretty(&kept).unwrap() + "\n").unwrap();
    }
    assert!(place.exists(), "keep a judgement for later versions: BPO_UPDATE=1 cargo test --lib controller::retention");
    let written: Value = serde_json::from_str(&std::fs::read_to_string(&place).unwrap()).unwrap();
    let kept: Kept = serde_json::from_value(written.clone()).unwrap();
    assert!(kept.judgement.reports.len() == 8 && !kept.judgement.kpis.is_empty());
    let mut again = serde_json::to_value(&kept).unwrap();
    keep_members_of(&written, &mut again);
    assert_eq!(again, written);
}

/// Leaves out what a later version has added.
fn keep_members_of(written: &Value, again: &mut Value) {
    match (written, again) {
        (Value::Object(written), Value::Object(again)) => {
            again.retain(|name, _| written.contains_key(name));
            for (name, member) in again {
                keep_members_of(&written[name], member);
            }
        }
        (Value::Array(written), Value::Array(again)) => {
            written.iter().zip(again).for_each(|(written, again)| keep_members_of(written, again));
        }
        _ => {}
    }
}
