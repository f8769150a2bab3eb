//! The journal: what is kept besides rows, in one chain over the whole store.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Transaction};
use serde::{Deserialize, Serialize};

use super::errors::Failure;
use crate::domain::facts::Terms;
use crate::evidence::chain::{journal_digest, journal_origin};
use crate::evidence::model::{Digest, Fact, Head, RecordedTerms, StoreError, digest_text};

/// What an entry of the journal is about.
#[derive(Clone, Debug)]
pub(super) enum Topic {
    Head,
    Closing,
    Terms,
    Report,
    Fact(String),
}

impl Topic {
    pub(super) fn text(&self) -> String {
        match self {
            Self::Head => "head".to_owned(),
            Self::Closing => "closing".to_owned(),
            Self::Terms => "terms".to_owned(),
            Self::Report => "report".to_owned(),
            Self::Fact(kind) => format!("fact/{kind}"),
        }
    }
}

/// An entry without its place in the chain.
pub(super) struct NewEntry {
    pub topic: Topic,
    pub contract_uid: String,
    pub name: String,
    pub recorded_at: Timestamp,
    pub content: String,
}

/// When an entry is appended at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Append {
    /// If there is none of its topic and name.
    IfFirst,
    /// If the last one of its topic and name has another content.
    IfChanged,
}

/// Content of an entry about a closed period.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Closing {
    pub closed_at: Timestamp,
    pub terms: Terms,
}

/// Content of an entry about the end of a feed's chain.
#[derive(Serialize, Deserialize)]
pub(super) struct HeadContent {
    pub sequence: i64,
    pub digest: String,
}

impl From<&Head> for HeadContent {
    fn from(head: &Head) -> Self {
        Self { sequence: head.sequence, digest: head.digest_text() }
    }
}

/// Appends an entry; false when it is not wanted.
pub(super) fn append_if(transaction: &Transaction<'_>, entry: &NewEntry, when: Append) -> Result<bool, Failure> {
    let last: Option<String> = transaction
        .prepare_cached(
            "SELECT content FROM journal WHERE contract_uid = ?1 AND topic = ?2 AND name = ?3 ORDER BY number DESC LIMIT 1",
        )?
        .query_row((&entry.contract_uid, entry.topic.text(), &entry.name), |row| row.get(0))
        .optional()?;
    let wanted = match (when, last) {
        (_, None) => true,
        (Append::IfFirst, Some(_)) => false,
        (Append::IfChanged, Some(last)) => last != entry.content,
    };
    if wanted {
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

fn instant(text: &str) -> Result<Timestamp, StoreError> {
    text.parse().map_err(|_| StoreError::Corrupt(format!("an instant in the journal: {text:?}")))
}

/// The terms under which periods closed, by period name.
pub(super) fn closings(transaction: &Transaction<'_>, contract_uid: &str) -> Result<BTreeMap<String, Terms>, Failure> {
    entries(transaction, contract_uid, &Topic::Closing)?
        .into_iter()
        .map(|entry| Ok((entry.name, serde_json::from_str::<Closing>(&entry.content)?.terms)))
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
        Ok(RecordedTerms { terms: serde_json::from_str(&content)?, recorded_at: instant(&recorded_at)? })
    })
    .transpose()
}

/// The facts of a kind, in the order in which they were recorded.
pub(super) fn facts(transaction: &Transaction<'_>, contract_uid: &str, kind: String) -> Result<Vec<Fact>, Failure> {
    entries(transaction, contract_uid, &Topic::Fact(kind))?
        .into_iter()
        .map(|entry| {
            let value = serde_json::from_str(&entry.content)?;
            Ok(Fact { name: entry.name, value, recorded_at: entry.recorded_at })
        })
        .collect()
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

/// A digest of its text; `None` for anything that [`digest_text`] does not write.
fn parse_digest(text: &str) -> Option<Digest> {
    let digits = text.strip_prefix("sha256:")?;
    let mut digest = [0; 32];
    for (place, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(2 * place..2 * place + 2)?, 16).ok()?;
    }
    (digest_text(&digest) == text).then_some(digest)
}
