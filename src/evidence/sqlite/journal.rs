//! The journal: what is kept besides rows, in one chain over the whole store.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Transaction};

use super::errors::Failure;
use crate::domain::terms::contract_terms::Terms;
use crate::evidence::chain::{journal_digest, journal_origin};
use crate::evidence::journal::{
    Append, Closing, NewEntry, Topic, check_terms, counted_since, fact_kind, instant, parse_digest, read_content,
};
use crate::evidence::model::{Digest, Fact, RecordedTerms, StoreError};

/// Appends an entry; false when it is not wanted.
pub(super) fn append_if(transaction: &Transaction<'_>, entry: &NewEntry, when: Append) -> Result<bool, Failure> {
    let last: Option<String> = transaction
        .prepare_cached(
            "SELECT content FROM journal WHERE contract_uid = ?1 AND topic = ?2 AND name = ?3 ORDER BY number DESC LIMIT 1",
        )?
        .query_row((&entry.contract_uid, entry.topic.text(), &entry.name), |row| row.get(0))
        .optional()?;
    let wanted = when.wants(last.as_deref(), &entry.content);
    if wanted {
        if let Some(since) = counted_since(entry) {
            let versions = transaction
                .prepare_cached(
                    "SELECT COUNT(*) FROM journal WHERE contract_uid = ?1 AND topic = ?2 AND recorded_at >= ?3",
                )?
                .query_row((&entry.contract_uid, entry.topic.text(), since), |row| row.get(0))?;
            check_terms(versions)?;
        }
        append(transaction, entry)?;
    }
    Ok(wanted)
}

/// Appends an entry to the chain.
pub(super) fn append(transaction: &Transaction<'_>, entry: &NewEntry) -> Result<(), Failure> {
    let head: Option<(i64, Digest)> = transaction
        .prepare_cached("SELECT number, digest FROM journal_head")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (last, previous) = head.unwrap_or_else(|| (0, journal_origin()));
    let number = last + 1;
    let (topic, recorded_at) = (entry.topic.text(), entry.recorded_at.to_string());
    let texts = [topic.as_str(), &entry.contract_uid, &entry.name, &recorded_at, &entry.content];
    let digest = journal_digest(&previous, number, texts);
    transaction
        .prepare_cached(
            "INSERT INTO journal (number, topic, contract_uid, name, recorded_at, content, digest) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute((number, &topic, &entry.contract_uid, &entry.name, &recorded_at, &entry.content, digest.as_slice()))?;
    transaction
        .prepare_cached(
            "INSERT INTO journal_head (id, number, digest) VALUES (1, ?1, ?2)
             ON CONFLICT (id) DO UPDATE SET number = excluded.number, digest = excluded.digest",
        )?
        .execute((number, digest.as_slice()))?;
    Ok(())
}

struct Entry {
    name: String,
    recorded_at: Timestamp,
    content: String,
}

fn entries(transaction: &Transaction<'_>, contract_uid: &str, topic: &Topic) -> Result<Vec<Entry>, Failure> {
    let mut statement = transaction.prepare_cached(
        "SELECT name, recorded_at, content FROM journal WHERE contract_uid = ?1 AND topic = ?2 ORDER BY number",
    )?;
    let mut rows = statement.query((contract_uid, topic.text()))?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        entries.push(Entry {
            name: row.get(0)?,
            recorded_at: instant(row.get_ref(1)?.as_str().unwrap_or_default())?,
            content: row.get(2)?,
        });
    }
    Ok(entries)
}

/// The terms under which periods closed, by period name.
pub(super) fn closings(transaction: &Transaction<'_>, contract_uid: &str) -> Result<BTreeMap<String, Terms>, Failure> {
    entries(transaction, contract_uid, &Topic::Closing)?
        .into_iter()
        .map(|entry| {
            let closing: Closing = read_content(&format!("the closing of {}", entry.name), &entry.content)?;
            Ok((entry.name, closing.terms))
        })
        .collect()
}

/// The latest instant at which a closing was recorded.
pub(super) fn last_closing(transaction: &Transaction<'_>, contract_uid: &str) -> Result<Option<Timestamp>, Failure> {
    let mut statement =
        transaction.prepare_cached("SELECT recorded_at FROM journal WHERE contract_uid = ?1 AND topic = ?2")?;
    let mut rows = statement.query((contract_uid, Topic::Closing.text()))?;
    let mut last = None;
    while let Some(row) = rows.next()? {
        last = last.max(Some(instant(row.get_ref(0)?.as_str().unwrap_or_default())?));
    }
    Ok(last)
}

/// Every version of the terms, in the order in which they were recorded.
pub(super) fn terms_history(transaction: &Transaction<'_>, contract_uid: &str) -> Result<Vec<RecordedTerms>, Failure> {
    entries(transaction, contract_uid, &Topic::Terms)?
        .into_iter()
        .map(|entry| {
            let terms = read_content(&format!("the terms recorded at {}", entry.recorded_at), &entry.content)?;
            Ok(RecordedTerms { terms, recorded_at: entry.recorded_at })
        })
        .collect()
}

/// The terms recorded last.
pub(super) fn last_terms(transaction: &Transaction<'_>, contract_uid: &str) -> Result<Option<RecordedTerms>, Failure> {
    let last: Option<(String, String)> = transaction
        .prepare_cached(
            "SELECT recorded_at, content FROM journal WHERE contract_uid = ?1 AND topic = 'terms' AND name = '' ORDER BY number DESC LIMIT 1",
        )?
        .query_row([contract_uid], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    last.map(|(recorded_at, content)| {
        Ok(RecordedTerms {
            terms: read_content("the terms recorded last", &content)?,
            recorded_at: instant(&recorded_at)?,
        })
    })
    .transpose()
}

/// The facts of a kind, in the order in which they were recorded.
pub(super) fn facts(transaction: &Transaction<'_>, contract_uid: &str, kind: String) -> Result<Vec<Fact>, Failure> {
    entries(transaction, contract_uid, &Topic::Fact(kind.clone()))?
        .into_iter()
        .map(|entry| {
            let value = read_content(&format!("the fact {}", entry.name), &entry.content)?;
            Ok(Fact { kind: kind.clone(), name: entry.name, value, recorded_at: entry.recorded_at })
        })
        .collect()
}

/// The facts of all kinds, in the order in which they were recorded.
pub(super) fn all_facts(transaction: &Transaction<'_>, contract_uid: &str) -> Result<Vec<Fact>, Failure> {
    let mut statement = transaction.prepare_cached(
        "SELECT topic, name, recorded_at, content FROM journal
         WHERE contract_uid = ?1 AND topic >= 'fact/' AND topic < 'fact0' ORDER BY number",
    )?;
    let mut rows = statement.query([contract_uid])?;
    let mut facts = Vec::new();
    while let Some(row) = rows.next()? {
        facts.push(Fact {
            kind: fact_kind(row.get_ref(0)?.as_str().unwrap_or_default())?,
            name: row.get(1)?,
            recorded_at: instant(row.get_ref(2)?.as_str().unwrap_or_default())?,
            value: read_content("a fact", row.get_ref(3)?.as_str().unwrap_or_default())?,
        });
    }
    Ok(facts)
}

/// When the first entry about a contract was recorded.
pub(super) fn first_recorded_at(
    transaction: &Transaction<'_>,
    contract_uid: &str,
) -> Result<Option<Timestamp>, Failure> {
    let first: Option<String> = transaction
        .prepare_cached("SELECT recorded_at FROM journal WHERE contract_uid = ?1 ORDER BY number LIMIT 1")?
        .query_row([contract_uid], |row| row.get(0))
        .optional()?;
    Ok(first.map(|text| instant(&text)).transpose()?)
}

/// The last recorded digest of each report.
pub(super) fn report_digests(
    transaction: &Transaction<'_>,
    contract_uid: &str,
) -> Result<BTreeMap<String, Digest>, Failure> {
    entries(transaction, contract_uid, &Topic::Report)?
        .into_iter()
        .map(|entry| {
            let digest = parse_digest(&entry.content)
                .ok_or_else(|| StoreError::Corrupt(format!("the digest of report {:?}", entry.name)))?;
            Ok((entry.name, digest))
        })
        .collect()
}
