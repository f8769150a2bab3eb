//! The journal: what is kept in addition to rows, in one chain over the whole store.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::terms::{self, KnownTerms};
use super::{Sql, values};
use crate::api::Shared;
use crate::domain::numbers::digest::parse_digest;
use crate::domain::terms::contract_terms::Terms;
use crate::evidence::chain::{journal_digest, journal_origin};
use crate::evidence::failure::Failure;
use crate::evidence::journal::{
    Append, HeldTerms, NewEntry, Topic, check_terms, counted_since, fact_kind, instant, read_content,
};
use crate::evidence::model::{Digest, Fact, RecordedTerms, StoreError};

/// Appends an entry; false when it is not wanted.
pub(super) fn append_if(sql: &mut dyn Sql, entry: &NewEntry, when: Append) -> Result<bool, Failure> {
    let topic = entry.topic.text();
    let last = sql.first(
        "SELECT content, terms FROM journal WHERE contract_uid = $1 AND topic = $2 AND name = $3
         ORDER BY number DESC LIMIT 1",
        values![&entry.contract_uid, &topic, &entry.name],
        |row| Ok((row.string(0)?, row.optional_string(1)?.is_some())),
    )?;
    let held = HeldTerms::of(&entry.topic, &entry.content);
    let wanted = match (&last, &held) {
        (Some((last, true)), Some(held)) => when.wants(Some(last), &held.content),
        _ => when.wants(last.as_ref().map(|(last, _)| last.as_str()), &entry.content),
    };
    if wanted {
        if let Some(since) = counted_since(entry) {
            let versions = sql.first(
                "SELECT COUNT(*) FROM journal WHERE contract_uid = $1 AND topic = $2 AND recorded_at >= $3",
                values![&entry.contract_uid, &topic, &since],
                |row| row.integer(0),
            )?;
            check_terms(versions.unwrap_or_default())?;
        }
        append(sql, entry)?;
    }
    Ok(wanted)
}

/// The last number and digest of the journal.
pub(super) fn head(sql: &mut dyn Sql) -> Result<Option<(i64, Digest)>, Failure> {
    sql.first("SELECT number, digest FROM journal_head", &[], |row| Ok((row.integer(0)?, row.digest(1)?)))
}

/// Appends an entry to the chain.
pub(super) fn append(sql: &mut dyn Sql, entry: &NewEntry) -> Result<(), Failure> {
    // One chain for all contracts: replicas that share the store append one after the other.
    sql.wait_for_other_journals()?;
    let (last, previous) = head(sql)?.unwrap_or_else(|| (0, journal_origin()));
    let number = last + 1;
    let (topic, recorded_at) = (entry.topic.text(), entry.recorded_at.to_string());
    let texts = [topic.as_str(), &entry.contract_uid, &entry.name, &recorded_at, &entry.content];
    let digest = journal_digest(&previous, number, texts);
    let [topic, contract_uid, name, recorded_at, content] = texts;
    let held = HeldTerms::of(&entry.topic, content);
    held.iter().try_for_each(|held| terms::keep(sql, held))?;
    let (content, terms) = held.as_ref().map_or((content, None), |held| (&*held.content, Some(&*held.digest)));
    sql.execute(
        "INSERT INTO journal (number, topic, contract_uid, name, recorded_at, content, digest, terms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        values![number, topic, contract_uid, name, recorded_at, content, digest.as_slice(), terms],
    )?;
    let moved = sql.execute(
        "INSERT INTO journal_head AS known (id, number, digest) VALUES (1, $1, $2)
         ON CONFLICT (id) DO UPDATE SET number = excluded.number, digest = excluded.digest WHERE known.number = $3",
        values![number, digest.as_slice(), last],
    )?;
    if moved == 1 {
        return Ok(());
    }
    Err(StoreError::Fault("another writer has moved the journal".to_owned()).into())
}

struct Entry {
    name: String,
    recorded_at: Timestamp,
    content: String,
    /// The digest of the terms that the content refers to.
    terms: Option<String>,
}

impl Entry {
    /// What its content is, with the digest of the terms that it refers to.
    fn held(&self) -> (&str, Option<&str>) {
        (&self.content, self.terms.as_deref())
    }
}

/// The entries about a topic, in the order of the chain, each as `read` makes it.
fn entries<T, C: FromIterator<T>>(
    sql: &mut dyn Sql,
    contract_uid: &str,
    topic: &Topic,
    read: impl Fn(Entry) -> Result<T, StoreError>,
) -> Result<C, Failure> {
    sql.all(
        "SELECT name, recorded_at, content, terms FROM journal WHERE contract_uid = $1 AND topic = $2 ORDER BY number",
        values![contract_uid, &topic.text()],
        |row| {
            let (recorded_at, terms) = (instant(row.text(1)?)?, row.optional_string(3)?);
            Ok(read(Entry { name: row.string(0)?, recorded_at, content: row.string(2)?, terms })?)
        },
    )
}

/// The terms under which periods closed, by period name; the same terms are one in memory.
pub(super) fn closings(sql: &mut dyn Sql, contract_uid: &str) -> Result<BTreeMap<String, Shared<Terms>>, Failure> {
    let topic = Topic::Closing;
    let found: Vec<Entry> = entries(sql, contract_uid, &topic, Ok)?;
    let mut known = KnownTerms::default();
    let mut read = |entry: Entry| {
        let terms = known.of(sql, &topic, &format!("the closing of {}", entry.name), entry.held())?;
        Ok((entry.name, terms))
    };
    found.into_iter().map(&mut read).collect()
}

/// The latest instant at which a closing was recorded.
pub(super) fn last_closing(sql: &mut dyn Sql, contract_uid: &str) -> Result<Option<Timestamp>, Failure> {
    let recorded: Vec<Timestamp> = sql.all(
        "SELECT recorded_at FROM journal WHERE contract_uid = $1 AND topic = $2",
        values![contract_uid, &Topic::Closing.text()],
        |row| Ok(instant(row.text(0)?)?),
    )?;
    Ok(recorded.into_iter().max())
}

/// Every version of the terms, in the order in which they were recorded.
pub(super) fn terms_history(sql: &mut dyn Sql, contract_uid: &str) -> Result<Vec<RecordedTerms>, Failure> {
    let topic = Topic::Terms;
    let found: Vec<Entry> = entries(sql, contract_uid, &topic, Ok)?;
    let mut known = KnownTerms::default();
    let mut read = |entry: Entry| {
        let what = format!("the terms recorded at {}", entry.recorded_at);
        let terms = known.of(sql, &topic, &what, entry.held())?.into_inner();
        Ok(RecordedTerms { terms, recorded_at: entry.recorded_at })
    };
    found.into_iter().map(&mut read).collect()
}

/// The terms recorded last.
pub(super) fn last_terms(sql: &mut dyn Sql, contract_uid: &str) -> Result<Option<RecordedTerms>, Failure> {
    let last = sql.first(
        "SELECT recorded_at, content, terms FROM journal
         WHERE contract_uid = $1 AND topic = 'terms' AND name = '' ORDER BY number DESC LIMIT 1",
        values![contract_uid],
        |row| Ok((instant(row.text(0)?)?, row.string(1)?, row.optional_string(2)?)),
    )?;
    let Some((recorded_at, content, digest)) = last else { return Ok(None) };
    let held = (content.as_str(), digest.as_deref());
    let terms = KnownTerms::default().of(sql, &Topic::Terms, "the terms recorded last", held)?.into_inner();
    Ok(Some(RecordedTerms { terms, recorded_at }))
}

/// The newest of the versions of the terms whose numbers lie between two others, with its number.
pub(super) fn terms_between(
    sql: &mut dyn Sql,
    contract_uid: &str,
    (after, before): (i64, i64),
) -> Result<Option<(i64, RecordedTerms)>, Failure> {
    let found = sql.first(
        "SELECT number, recorded_at, content, terms FROM journal
         WHERE contract_uid = $1 AND topic = 'terms' AND name = '' AND number > $2 AND number < $3
         ORDER BY number DESC LIMIT 1",
        values![contract_uid, after, before],
        |row| Ok((row.integer(0)?, instant(row.text(1)?)?, row.string(2)?, row.optional_string(3)?)),
    )?;
    let Some((number, recorded_at, content, digest)) = found else { return Ok(None) };
    let (what, held) = (format!("the terms recorded at {recorded_at}"), (content.as_str(), digest.as_deref()));
    let terms = KnownTerms::default().of(sql, &Topic::Terms, &what, held)?.into_inner();
    Ok(Some((number, RecordedTerms { terms, recorded_at })))
}

/// The facts of a kind, in the order in which they were recorded.
pub(super) fn facts(sql: &mut dyn Sql, contract_uid: &str, kind: &str) -> Result<Vec<Fact>, Failure> {
    entries(sql, contract_uid, &Topic::Fact(kind.to_owned()), |entry| {
        let value = read_content(&format!("the fact {}", entry.name), &entry.content)?;
        Ok(Fact { kind: kind.to_owned(), name: entry.name, value, recorded_at: entry.recorded_at })
    })
}

/// The facts of all kinds, in the order in which they were recorded.
pub(super) fn all_facts(sql: &mut dyn Sql, contract_uid: &str) -> Result<Vec<Fact>, Failure> {
    sql.all(sql.dialect().facts, values![contract_uid], |row| {
        Ok(Fact {
            kind: fact_kind(row.text(0)?)?,
            name: row.string(1)?,
            recorded_at: instant(row.text(2)?)?,
            value: read_content("a fact", row.text(3)?)?,
        })
    })
}

/// When the first entry about a contract was recorded.
pub(super) fn first_recorded_at(sql: &mut dyn Sql, contract_uid: &str) -> Result<Option<Timestamp>, Failure> {
    sql.first(
        "SELECT recorded_at FROM journal WHERE contract_uid = $1 ORDER BY number LIMIT 1",
        values![contract_uid],
        |row| Ok(instant(row.text(0)?)?),
    )
}

/// The last recorded digest of each report.
pub(super) fn report_digests(sql: &mut dyn Sql, contract_uid: &str) -> Result<BTreeMap<String, Digest>, Failure> {
    entries(sql, contract_uid, &Topic::Report, |entry| {
        let digest = parse_digest(&entry.content)
            .ok_or_else(|| StoreError::Corrupt(format!("the digest of report {:?}", entry.name)))?;
        Ok((entry.name, digest))
    })
}
