//! Closings, terms, facts and digests of reports.

use std::collections::BTreeMap;

use serde_json::json;

use super::support::{Backend, Fixture, minute, on_both_stores};
use crate::domain::terms::contract_terms::Terms;
use crate::domain::terms::journal::{FirstJudged, JournalFact, RecordedFact, ReliefSeen};
use crate::evidence::sqlite::SqliteStore;
use crate::evidence::{EvidenceStore, StoreError, recorded_facts};

on_both_stores!(
    the_first_closing_of_a_period_counts_for_ever,
    terms_are_recorded_when_they_change,
    versions_of_terms_are_looked_through_one_by_one_from_the_newest,
    facts_are_kept_in_order_and_once,
    facts_of_all_kinds_are_read_in_their_types_in_the_order_in_which_they_were_recorded,
    a_fact_of_a_known_kind_that_cannot_be_read_is_an_error_that_names_it,
    the_last_digest_of_a_report_counts,
    a_thousand_versions_of_terms_are_kept_of_a_year,
);

/// Terms of a contract that differ in the vendor's name.
pub(super) fn terms(vendor: &str) -> Terms {
    let contract = json!({"vendor": {"name": vendor}, "term": {"start": "2026-01-01", "end": "2026-12-31"}});
    Terms { contract: serde_json::from_value(contract).unwrap(), kpis: BTreeMap::new(), tiers: BTreeMap::new() }
}

fn uid() -> String {
    "uid-1".to_owned()
}

async fn the_first_closing_of_a_period_counts_for_ever(backend: Backend) {
    let fixture = Fixture::new(backend);
    // The second is recorded by a clock that went back.
    for (vendor, period, at, recorded) in
        [("Acme", "2026-01", 9, true), ("Other", "2026-01", 12, false), ("Other", "2026-02", 5, true)]
    {
        let done =
            fixture.store.record_closing(uid(), period.into(), terms(vendor), minute(0), minute(at)).await.unwrap();
        assert_eq!(done, recorded, "{vendor} {period}");
    }
    let fixture = fixture.restart();
    let expected =
        BTreeMap::from([("2026-01".to_owned(), terms("Acme").into()), ("2026-02".to_owned(), terms("Other").into())]);
    assert_eq!(fixture.store.closings("uid-1").await.unwrap(), expected);
    assert!(fixture.store.closings("uid-2").await.unwrap().is_empty());
    assert_eq!(fixture.store.last_closing("uid-1").await.unwrap(), Some(minute(9)));
    assert_eq!(fixture.store.last_closing("uid-2").await.unwrap(), None);
    assert!(fixture.verify().await.whole());
}

async fn terms_are_recorded_when_they_change(backend: Backend) {
    let fixture = Fixture::new(backend);
    assert_eq!(fixture.store.last_terms("uid-1").await.unwrap(), None);
    for (at, vendor, recorded) in [(0, "Acme", true), (5, "Acme", false), (9, "Other", true), (12, "Acme", true)] {
        assert_eq!(fixture.store.record_terms(uid(), terms(vendor), minute(at)).await.unwrap(), recorded, "at {at}");
    }
    let last = fixture.store.last_terms("uid-1").await.unwrap().unwrap();
    assert_eq!((last.terms, last.recorded_at), (terms("Acme"), minute(12)));
}

async fn versions_of_terms_are_looked_through_one_by_one_from_the_newest(backend: Backend) {
    let fixture = Fixture::new(backend);
    for (uid, vendor, at) in [("uid-1", "Acme", 0), ("uid-2", "Apart", 3), ("uid-1", "Other", 9)] {
        fixture.store.record_terms(uid.to_owned(), terms(vendor), minute(at)).await.unwrap();
    }
    let between = async |after, before| fixture.store.terms_between("uid-1", after, before).await.unwrap();
    let (newest, other) = between(0, i64::MAX).await.unwrap();
    assert_eq!((other.terms, other.recorded_at), (terms("Other"), minute(9)));
    let (oldest, acme) = between(0, newest).await.unwrap();
    assert_eq!((acme.terms, acme.recorded_at), (terms("Acme"), minute(0)));
    assert_eq!(between(0, oldest).await, None);
    assert_eq!(between(newest, i64::MAX).await, None);
    assert_eq!(between(oldest, newest).await, None, "terms of another contract");
}

async fn facts_are_kept_in_order_and_once(backend: Backend) {
    let fixture = Fixture::new(backend);
    for (name, value, recorded) in
        [("spring", "Go", true), ("autumn", "NoGo", true), ("spring", "Go", false), ("spring", "NoGo", true)]
    {
        let done =
            fixture.store.record_fact(uid(), "launch".into(), name.into(), json!(value), minute(3)).await.unwrap();
        assert_eq!(done, recorded, "{name} {value}");
    }
    let facts = fixture.store.facts("uid-1", "launch").await.unwrap();
    let facts: Vec<_> =
        facts.iter().map(|fact| (fact.name.as_str(), fact.value.as_str().unwrap(), fact.recorded_at)).collect();
    assert_eq!(facts, [("spring", "Go", minute(3)), ("autumn", "NoGo", minute(3)), ("spring", "NoGo", minute(3))]);
    assert!(fixture.store.facts("uid-1", "other").await.unwrap().is_empty());
}

fn first_judged(name: &str, at: i64) -> RecordedFact {
    let fact = JournalFact::FirstJudged(FirstJudged { at: minute(at), closed_before: vec!["2026-01".to_owned()] });
    RecordedFact { name: name.to_owned(), fact, recorded_at: minute(at) }
}

fn relief(decision: Option<&str>, at: i64) -> RecordedFact {
    let relief = decision.map(|decision| {
        let relief =
            json!({"name": "cut", "cause": "ForceMajeure", "from": minute(0), "to": minute(9), "decision": decision});
        serde_json::from_value(relief).unwrap()
    });
    let fact = JournalFact::ReliefSeen(ReliefSeen { relief, known_before: false });
    RecordedFact { name: "cut".to_owned(), fact, recorded_at: minute(at) }
}

async fn facts_of_all_kinds_are_read_in_their_types_in_the_order_in_which_they_were_recorded(backend: Backend) {
    let fixture = Fixture::new(backend);
    let recorded = [first_judged("", 3), relief(Some("Accepted"), 4), relief(Some("Rejected"), 5), relief(None, 6)];
    for fact in &recorded {
        assert!(recorded_facts::record(&*fixture.store, "uid-1", fact).await.unwrap(), "{fact:?}");
    }
    assert!(
        !recorded_facts::record(&*fixture.store, "uid-1", &relief(None, 7)).await.unwrap(),
        "it says the same as the last"
    );
    assert!(recorded_facts::record(&*fixture.store, "uid-2", &first_judged("", 1)).await.unwrap());
    // A later version's kind, and a kind whose name follows the topics of facts in order.
    fixture.store.record_fact(uid(), "Later".into(), "x".into(), json!({"a": 1}), minute(8)).await.unwrap();
    fixture.store.record_terms(uid(), terms("Acme"), minute(9)).await.unwrap();
    let fixture = fixture.restart();
    assert_eq!(recorded_facts::journal(&*fixture.store, "uid-1").await.unwrap().facts, recorded);
    let all = fixture.store.all_facts("uid-1").await.unwrap();
    let kinds: Vec<&str> = all.iter().map(|fact| fact.kind.as_str()).collect();
    assert_eq!(kinds, ["FirstJudged", "ReliefSeen", "ReliefSeen", "ReliefSeen", "Later"]);
    assert_eq!(fixture.store.first_recorded_at("uid-1").await.unwrap(), Some(minute(3)));
    assert_eq!(fixture.store.first_recorded_at("uid-3").await.unwrap(), None);
    let verified = fixture.verify().await;
    assert!(verified.whole() && verified.journal_entries == 7, "{verified:?}");
}

async fn a_fact_of_a_known_kind_that_cannot_be_read_is_an_error_that_names_it(backend: Backend) {
    let fixture = Fixture::new(backend);
    fixture.store.record_fact(uid(), "FirstJudged".into(), String::new(), json!({"at": 7}), minute(1)).await.unwrap();
    let error = recorded_facts::journal(&*fixture.store, "uid-1").await.unwrap_err().to_string();
    assert!(error.contains("the fact FirstJudged"), "{error}");
}

async fn the_last_digest_of_a_report_counts(backend: Backend) {
    let fixture = Fixture::new(backend);
    for (digest, recorded) in [([1; 32], true), ([1; 32], false), ([0xab; 32], true)] {
        assert_eq!(
            fixture.store.record_report_digest(uid(), "acme-2026-01".into(), digest, minute(1)).await.unwrap(),
            recorded
        );
    }
    let expected = BTreeMap::from([("acme-2026-01".to_owned(), [0xab; 32])]);
    assert_eq!(fixture.store.report_digests("uid-1").await.unwrap(), expected);
}

#[tokio::test]
async fn terms_that_cannot_be_read_are_their_own_contracts_matter_alone() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path()).unwrap();
    for uid in ["uid-1", "uid-2"] {
        store.record_terms(uid.to_owned(), terms("Acme"), minute(0)).await.unwrap();
        store.record_closing(uid.to_owned(), "2026-01".into(), terms("Acme"), minute(0), minute(5)).await.unwrap();
    }
    // As a later version may write them: entries that mean nothing to this one.
    store
        .execute_on_writer(
            "DROP TRIGGER journal_is_not_edited; UPDATE journal SET content = '{}' WHERE contract_uid = 'uid-1'",
        )
        .await
        .unwrap();
    assert!(matches!(store.last_terms("uid-1").await, Err(StoreError::Unreadable(_))));
    assert!(matches!(store.closings("uid-1").await, Err(StoreError::Unreadable(_))));
    // An early version of the terms alone, where the last one can be read.
    store.record_terms("uid-1".to_owned(), terms("Other"), minute(1)).await.unwrap();
    assert!(store.last_terms("uid-1").await.unwrap().is_some());
    let history = store.terms_history("uid-1").await.unwrap_err();
    assert!(
        matches!(history, StoreError::Unreadable(_)) && history.to_string().contains("the terms recorded at"),
        "{history}"
    );
    assert!(store.healthy(), "{:?}", store.fault());
    assert!(store.last_terms("uid-2").await.unwrap().is_some());
    assert_eq!(store.closings("uid-2").await.unwrap().len(), 1);
    assert_eq!(store.terms_history("uid-2").await.unwrap().len(), 1);
}

async fn a_thousand_versions_of_terms_are_kept_of_a_year(backend: Backend) {
    let fixture = Fixture::new(backend);
    let record =
        async |number: i64, at: i64| fixture.store.record_terms(uid(), terms(&number.to_string()), minute(at)).await;
    for number in 0..1_000 {
        assert_eq!(record(number, number).await, Ok(true));
    }
    assert_eq!(record(1_000, 1_000).await, Err(StoreError::TermsQuota { most: 1_000 }));
    assert_eq!(record(999, 1_001).await, Ok(false), "what is recorded already needs no room");
    let year = 365 * 24 * 60;
    assert_eq!(record(1_000, year + 500).await, Ok(true), "a year later there is room again");
    assert!(fixture.store.healthy());
}
