//! Facts of the journal between the store, which keeps them as JSON, and the judgement, which knows their types.

use super::EvidenceStore;
use super::model::{Fact, StoreError};
use crate::domain::terms::journal::{Journal, JournalFact, RecordedFact};

/// The facts of a contract in their types. Those of kinds that this version does not know are left out.
///
/// # Errors
/// What the store says; a fact of a known kind that cannot be read.
pub async fn journal(store: &dyn EvidenceStore, contract_uid: &str) -> Result<Journal, StoreError> {
    journal_of(&store.all_facts(contract_uid).await?)
}

/// The same from facts that are at hand.
///
/// # Errors
/// A fact of a known kind that cannot be read.
pub fn journal_of(facts: &[Fact]) -> Result<Journal, StoreError> {
    let known = facts.iter().filter_map(|fact| Some((fact, JournalFact::parse(&fact.kind, &fact.value)?)));
    let read = known.map(|(Fact { kind, name, recorded_at, .. }, parsed)| match parsed {
        Ok(fact) => Ok(RecordedFact { name: name.clone(), fact, recorded_at: *recorded_at }),
        Err(error) => Err(StoreError::Unreadable(format!("the fact {kind} {name:?}: {error}"))),
    });
    Ok(Journal { facts: read.collect::<Result<_, _>>()? })
}

/// Appends a fact. False: the last fact of that kind and name says the same.
///
/// # Errors
/// What the store says.
pub async fn record(store: &dyn EvidenceStore, contract_uid: &str, fact: &RecordedFact) -> Result<bool, StoreError> {
    let RecordedFact { name, fact, recorded_at } = fact;
    let content = fact.content().map_err(|error| StoreError::Invalid(error.to_string()))?;
    store.record_fact(contract_uid.to_owned(), fact.kind().to_owned(), name.clone(), content, *recorded_at).await
}
