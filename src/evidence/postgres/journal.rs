//! The journal in PostgreSQL.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::errors::Failure;
use super::session::{Session, digest};
use crate::domain::terms::contract_terms::Terms;
use crate::evidence::chain::{journal_digest, journal_origin};
use crate::evidence::journal::{
    Append, Closing, NewEntry, Topic, check_terms, counted_since, fact_kind, instant, parse_digest, read_content,
};
use crate::evidence::model::{Digest, Fact, RecordedTerms, StoreError};

/// Appends an entry; false when it is not wanted.
pub(super) fn append_if(session: &mut Session, entry: &NewEntry, when: Append) -> Result<bool, Failure> {
    let last = session.query_opt(
        "SELECT content FROM bpo_evidence.journal WHERE contract_uid = $1 AND topic = $2 AND name = $3 ORDER BY number DESC LIMIT 1",
        &[&entry.contract_uid, &entry.topic.text(), &entry.name],
    )?;
    let last: Option<String> = last.map(|row| row.try_get(0)).transpose()?;
    let wanted = when.wants(last.as_deref(), &entry.content);
    if wanted {
        if let Some(since) = counted_since(entry) {
            let versions = session.query_opt(
                "SELECT COUNT(*) FROM bpo_evidence.journal WHERE contract_uid = $1 AND topic = $2 AND recorded_at >= $3",
                &[&entry.contract_uid, &entry.topic.text(), &since],
            )?;
            let versions: Option<i64> = versions.map(|row| row.try_get(0)).transpose()?;
            check_terms(versions.unwrap_or_default())?;
        }
        append(session, entry)?;
    }
    Ok(wanted)
}

/// The last number and digest of the journal.
pub(super) fn head(session: &mut Session) -> Result<Option<(i64, Digest)>, Failure> {
    session
        .query_opt("SELECT number, digest FROM bpo_evidence.journal_head", &[])?
        .map(|row| Ok((row.try_get(0)?, digest(&row, 1)?)))
        .transpose()
}

/// Appends an entry to the chain.
pub(super) fn append(session: &mut Session, entry: &NewEntry) -> Result<(), Failure> {
    // One chain for all contracts: replicas that share the store append one after the other.
    super::shards::wait_for_other_journals(session)?;
    let before = head(session)?;
    let (last, previous) = before.unwrap_or_else(|| (0, journal_origin()));
    let number = last + 1;
    let (topic, recorded_at) = (entry.topic.text(), entry.recorded_at.to_string());
    let texts = [topic.as_str(), &entry.contract_uid, &entry.name, &recorded_at, &entry.content];
    let digest = journal_digest(&previous, number, texts);
    session.execute(
        "INSERT INTO bpo_evidence.journal (number, topic, contract_uid, name, recorded_at, content, digest)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &[&number, &topic, &entry.contract_uid, &entry.name, &recorded_at, &entry.content, &digest.as_slice()],
    )?;
    let moved = session.execute(
        "INSERT INTO bpo_evidence.journal_head AS known (id, number, digest) VALUES (1, $1, $2)
         ON CONFLICT (id) DO UPDATE SET number = excluded.number, digest = excluded.digest WHERE known.number = $3",
        &[&number, &digest.as_slice(), &last],
    )?;
    if moved == 1 {
        return Ok(());
    }
    Err(StoreError::Fault("another writer has moved the journal".to_owned()).into())
}

struct Entry {
    name: String,
    recorded_at: String,
    content: String,
}

fn entries(session: &mut Session, contract_uid: &str, topic: &Topic) -> Result<Vec<Entry>, Failure> {
    session
        .query(
            "SELECT name, recorded_at, content FROM bpo_evidence.journal WHERE contract_uid = $1 AND topic = $2 ORDER BY number",
            &[&contract_uid, &topic.text()],
        )?
        .iter()
        .map(|row| Ok(Entry { name: row.try_get(0)?, recorded_at: row.try_get(1)?, content: row.try_get(2)? }))
        .collect()
}

/// The terms under which periods closed, by period name.
pub(super) fn closings(session: &mut Session, contract_uid: &str) -> Result<BTreeMap<String, Terms>, Failure> {
    entries(session, contract_uid, &Topic::Closing)?
        .into_iter()
        .map(|entry| {
            let closing: Closing = read_content(&format!("the closing of {}", entry.name), &entry.content)?;
            Ok((entry.name, closing.terms))
        })
        .collect()
}

/// The latest instant at which a closing was recorded.
pub(super) fn last_closing(session: &mut Session, contract_uid: &str) -> Result<Option<Timestamp>, Failure> {
    let rows = session.query(
        "SELECT recorded_at FROM bpo_evidence.journal WHERE contract_uid = $1 AND topic = $2",
        &[&contract_uid, &Topic::Closing.text()],
    )?;
    let mut last = None;
    for row in &rows {
        last = last.max(Some(instant(row.try_get(0)?)?));
    }
    Ok(last)
}

/// Every version of the terms, in the order in which they were recorded.
pub(super) fn terms_history(session: &mut Session, contract_uid: &str) -> Result<Vec<RecordedTerms>, Failure> {
    entries(session, contract_uid, &Topic::Terms)?
        .into_iter()
        .map(|entry| {
            let terms = read_content(&format!("the terms recorded at {}", entry.recorded_at), &entry.content)?;
            Ok(RecordedTerms { terms, recorded_at: instant(&entry.recorded_at)? })
        })
        .collect()
}

/// The terms recorded last.
pub(super) fn last_terms(session: &mut Session, contract_uid: &str) -> Result<Option<RecordedTerms>, Failure> {
    let last = session.query_opt(
        "SELECT recorded_at, content FROM bpo_evidence.journal
         WHERE contract_uid = $1 AND topic = 'terms' AND name = '' ORDER BY number DESC LIMIT 1",
        &[&contract_uid],
    )?;
    last.map(|row| {
        let terms = read_content("the terms recorded last", row.try_get(1)?)?;
        Ok(RecordedTerms { terms, recorded_at: instant(row.try_get(0)?)? })
    })
    .transpose()
}

/// The facts of a kind, in the order in which they were recorded.
pub(super) fn facts(session: &mut Session, contract_uid: &str, kind: String) -> Result<Vec<Fact>, Failure> {
    entries(session, contract_uid, &Topic::Fact(kind.clone()))?
        .into_iter()
        .map(|entry| {
            let value = read_content(&format!("the fact {}", entry.name), &entry.content)?;
            Ok(Fact { kind: kind.clone(), name: entry.name, value, recorded_at: instant(&entry.recorded_at)? })
        })
        .collect()
}

/// The facts of all kinds, in the order in which they were recorded.
pub(super) fn all_facts(session: &mut Session, contract_uid: &str) -> Result<Vec<Fact>, Failure> {
    session
        .query(
            "SELECT topic, name, recorded_at, content FROM bpo_evidence.journal
             WHERE contract_uid = $1 AND starts_with(topic, 'fact/') ORDER BY number",
            &[&contract_uid],
        )?
        .iter()
        .map(|row| {
            Ok(Fact {
                kind: fact_kind(row.try_get(0)?)?,
                name: row.try_get(1)?,
                recorded_at: instant(row.try_get(2)?)?,
                value: read_content("a fact", row.try_get(3)?)?,
            })
        })
        .collect()
}

/// When the first entry about a contract was recorded.
pub(super) fn first_recorded_at(session: &mut Session, contract_uid: &str) -> Result<Option<Timestamp>, Failure> {
    let first = session.query_opt(
        "SELECT recorded_at FROM bpo_evidence.journal WHERE contract_uid = $1 ORDER BY number LIMIT 1",
        &[&contract_uid],
    )?;
    first.map(|row| Ok(instant(row.try_get(0)?)?)).transpose()
}

/// The last recorded digest of each report.
pub(super) fn report_digests(session: &mut Session, contract_uid: &str) -> Result<BTreeMap<String, Digest>, Failure> {
    entries(session, contract_uid, &Topic::Report)?
        .into_iter()
        .map(|entry| {
            let digest = parse_digest(&entry.content)
                .ok_or_else(|| StoreError::Corrupt(format!("the digest of report {:?}", entry.name)))?;
            Ok((entry.name, digest))
        })
        .collect()
}
