//! Bundles: the evidence of one contract in one file, which is checked without the store. `docs/evidence-format.md` describes it.
//!
//! The bundle holds a feed's chain from its first entry, because only then does each entry prove those after it. The span of a bundle
//! selects the rows that are also written as text.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::chain::{entry_digest, feed_origin};
use super::encoding::{BODY, ROW, decode_body, from_nanoseconds};
use super::model::{
    Broken, Digest, Fact, Head, LogEntry, RecordedTerms, StoreError, Summarised, VerifyReport, digest_text,
};
use super::retention::{Summary, definitions_origin, with_definition};
use super::rows::Definitions;
use super::{EvidenceStore, FeedKey};
use crate::api::Shared;
use crate::domain::measuring::row::Row;
use crate::domain::numbers::digest::parse_digest;
use crate::domain::terms::contract_terms::Terms;

/// What the first line of a bundle says.
const SCHEMA: &str = "bpo-evidence-bundle/v2";

/// What it says where rows were removed: versions before this one would take what is left for all.
const SCHEMA_WITH_SUMMARIES: &str = "bpo-evidence-bundle/v3";

/// What the first line of a bundle without facts says, which earlier versions wrote.
const SCHEMA_WITHOUT_FACTS: &str = "bpo-evidence-bundle/v1";

/// How many differences are listed.
const BROKEN_LISTED: usize = 1_000;

/// What a bundle is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    schema: String,
    /// UID of the VendorContract.
    pub contract_uid: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub contract: String,
    /// Rows that start from here on are written out in words.
    pub from: Timestamp,
    /// And before this instant.
    pub until: Timestamp,
    /// Each feed with the end of its chain.
    pub feeds: Vec<ManifestFeed>,
}

/// A feed of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ManifestFeed {
    /// Its name.
    pub feed: String,
    /// How many rows its chain has.
    pub rows: i64,
    /// Digest of the last one.
    pub head: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryLine {
    feed: String,
    sequence: i64,
    kind: u8,
    payload: String,
    digest: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    row: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<Value>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SummaryLine {
    feed: String,
    summary: Summary,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TermsLine {
    /// Empty: terms in force from `recordedAt`, of which the last are those recorded last.
    period: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    recorded_at: Option<Timestamp>,
    terms: Shared<Terms>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FactLine {
    fact: String,
    name: String,
    recorded_at: Timestamp,
    value: Value,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EndLine {
    lines: u64,
    sha256: String,
}

/// What a bundle holds, as it was read.
#[derive(Debug, Default)]
pub struct Bundle {
    /// What it is of; `None` when its first line cannot be read.
    pub manifest: Option<Manifest>,
    /// The summaries of removed rows by feed.
    pub summaries: BTreeMap<String, Vec<Summary>>,
    /// Every row by feed that was not removed, in order of receipt.
    pub rows: BTreeMap<String, Vec<Row>>,
    /// The digest of each row by feed, in order of receipt.
    pub digests: BTreeMap<String, Vec<Digest>>,
    /// The terms recorded last.
    pub terms: Option<RecordedTerms>,
    /// Every version of the terms, in the order in which they were recorded.
    pub history: Vec<RecordedTerms>,
    /// The terms under which periods closed.
    pub closings: BTreeMap<String, Shared<Terms>>,
    /// The facts of the journal, in the order in which they were recorded.
    pub facts: Vec<Fact>,
    /// What was computed again, and what differs.
    pub report: VerifyReport,
}

/// Writes the evidence of a contract as a bundle and returns its manifest.
///
/// # Errors
/// When the store or the output fails.
pub async fn write_bundle(
    store: &dyn EvidenceStore,
    contract: &FeedKey,
    (from, until): (Timestamp, Timestamp),
    out: &mut (dyn Write + Send),
) -> Result<Manifest, StoreError> {
    let uid = contract.contract_uid.as_str();
    let heads = store.heads(uid).await?;
    let mut summaries = BTreeMap::new();
    for feed in heads.keys() {
        summaries.insert(feed, store.summaries(uid, feed).await?);
    }
    let schema = if summaries.values().any(|found| !found.is_empty()) { SCHEMA_WITH_SUMMARIES } else { SCHEMA };
    let feeds = heads
        .iter()
        .map(|(feed, head)| ManifestFeed { feed: feed.clone(), rows: head.rows(), head: head.digest_text() })
        .collect();
    let manifest = Manifest {
        schema: schema.to_owned(),
        contract_uid: uid.to_owned(),
        namespace: contract.namespace.clone(),
        contract: contract.contract.clone(),
        from,
        until,
        feeds,
    };
    let mut lines = Lines { out, hash: Sha256::new(), count: 0 };
    lines.write(&manifest)?;
    for (feed, head) in &heads {
        for summary in summaries.get(feed).into_iter().flatten() {
            lines.write(&SummaryLine { feed: feed.clone(), summary: summary.clone() })?;
        }
        let mut definitions = Definitions::default();
        for entry in store.log(uid, feed, head.sequence).await? {
            definitions.add(entry.sequence, entry.kind, &entry.payload)?;
            lines.write(&entry_line(feed, &entry, &definitions, (from, until))?)?;
        }
    }
    for RecordedTerms { terms, recorded_at } in store.terms_history(uid).await? {
        lines.write(&TermsLine { period: String::new(), recorded_at: Some(recorded_at), terms: terms.into() })?;
    }
    for (period, terms) in store.closings(uid).await? {
        lines.write(&TermsLine { period, recorded_at: None, terms })?;
    }
    for Fact { kind, name, value, recorded_at } in store.all_facts(uid).await? {
        lines.write(&FactLine { fact: kind, name, recorded_at, value })?;
    }
    lines.end()?;
    Ok(manifest)
}

fn entry_line(
    feed: &str,
    entry: &LogEntry,
    definitions: &Definitions,
    (from, until): (Timestamp, Timestamp),
) -> Result<EntryLine, StoreError> {
    let row = if entry.kind == ROW { Some(definitions.row(entry.sequence, &entry.payload)?) } else { None };
    let row = row.filter(|row| from <= row.start && row.start < until);
    Ok(EntryLine {
        feed: feed.to_owned(),
        sequence: entry.sequence,
        kind: entry.kind,
        payload: STANDARD.encode(&entry.payload),
        digest: digest_text(&entry.digest),
        row: row.as_ref().map(row_in_words),
        body: body_in_words(entry),
    })
}

fn row_in_words(row: &Row) -> Value {
    let measures: BTreeMap<&String, String> =
        row.measures.iter().map(|(name, value)| (name, value.normalize().to_string())).collect();
    json!({
        "start": row.start, "end": row.end, "labels": row.labels, "measures": measures, "revision": row.revision,
        "knownAt": row.known_at,
    })
}

fn body_in_words(entry: &LogEntry) -> Option<Value> {
    let (digest, received_at) = if entry.kind == BODY { decode_body(&entry.payload).ok()? } else { return None };
    Some(json!({"sha256": digest_text(&digest), "receivedAt": from_nanoseconds(received_at)}))
}

struct Lines<'o> {
    out: &'o mut (dyn Write + Send),
    hash: Sha256,
    count: u64,
}

impl Lines<'_> {
    fn write<T: Serialize>(&mut self, line: &T) -> Result<(), StoreError> {
        let mut text = super::journal::json(line)?;
        text.push('\n');
        self.hash.update(text.as_bytes());
        self.count += 1;
        self.put(&text)
    }

    fn end(&mut self) -> Result<(), StoreError> {
        let sha256 = digest_text(&std::mem::take(&mut self.hash).finalize().into());
        let text = super::journal::json(&EndLine { lines: self.count, sha256 })?;
        self.put(&format!("{text}\n"))?;
        self.out.flush().map_err(|error| not_written(&error))
    }

    fn put(&mut self, text: &str) -> Result<(), StoreError> {
        self.out.write_all(text.as_bytes()).map_err(|error| not_written(&error))
    }
}

fn not_written(error: &std::io::Error) -> StoreError {
    StoreError::Invalid(format!("the bundle cannot be written: {error}"))
}

/// Reads a bundle and computes everything in it again. What is broken is in its report, not an error.
///
/// # Errors
/// When the input cannot be read.
pub fn read_bundle(input: impl BufRead) -> std::io::Result<Bundle> {
    let mut reading = Reading::default();
    for line in input.split(b'\n') {
        reading.line(&line?);
    }
    Ok(reading.end())
}

#[derive(Default)]
struct Reading {
    bundle: Bundle,
    feeds: BTreeMap<String, (Head, Definitions)>,
    /// Of feeds with summaries: over the labels and names that stay for the rows after removed ones.
    definitions: BTreeMap<String, Digest>,
    hash: Sha256,
    lines: u64,
    ended: bool,
}

impl Reading {
    fn broken(&mut self, feed: &str, sequence: i64, what: impl Into<String>) {
        let contract_uid = self.bundle.manifest.as_ref().map_or_else(String::new, |m| m.contract_uid.clone());
        let broken = &mut self.bundle.report.broken;
        if broken.len() < BROKEN_LISTED {
            broken.push(Broken { contract_uid, feed: feed.to_owned(), sequence, what: what.into() });
        }
    }

    fn line(&mut self, line: &[u8]) {
        if self.ended {
            self.broken("", 0, format!("line {}: something follows the last line", self.lines + 2));
        } else if self.bundle.manifest.is_none() {
            self.first(line);
        } else if let Ok(entry) = serde_json::from_slice::<EntryLine>(line) {
            self.entry(&entry);
        } else if let Ok(summary) = serde_json::from_slice::<SummaryLine>(line) {
            self.summary(summary);
        } else if let Ok(terms) = serde_json::from_slice::<TermsLine>(line) {
            self.terms(terms);
        } else if let Ok(FactLine { fact: kind, name, recorded_at, value }) = serde_json::from_slice(line) {
            self.bundle.facts.push(Fact { kind, name, value, recorded_at });
        } else if let Ok(end) = serde_json::from_slice::<EndLine>(line) {
            self.last(&end);
            return;
        } else {
            self.broken("", 0, format!("line {} is none of a bundle", self.lines + 1));
        }
        self.hash.update(line);
        self.hash.update(b"\n");
        self.lines += 1;
    }

    fn first(&mut self, line: &[u8]) {
        match serde_json::from_slice::<Manifest>(line) {
            Ok(manifest)
                if [SCHEMA, SCHEMA_WITH_SUMMARIES, SCHEMA_WITHOUT_FACTS].contains(&manifest.schema.as_str()) =>
            {
                for feed in &manifest.feeds {
                    let origin = Head { sequence: 0, digest: feed_origin(&manifest.contract_uid, &feed.feed) };
                    self.feeds.insert(feed.feed.clone(), (origin, Definitions::default()));
                }
                self.bundle.manifest = Some(manifest);
            }
            _ if self.lines == 0 => self.broken("", 0, format!("the first line is not a manifest of {SCHEMA}")),
            _ => {}
        }
    }

    /// The chain goes on where the removed rows end.
    fn summary(&mut self, SummaryLine { feed, summary }: SummaryLine) {
        let Some((head, _)) = self.feeds.get_mut(&feed) else {
            self.broken(&feed, summary.first, "the manifest does not name this feed");
            return;
        };
        let follows = summary.first == head.sequence + 1 && summary.first <= summary.last;
        let comes_first = !self.bundle.rows.contains_key(&feed);
        *head = summary.head();
        if !follows || !comes_first {
            self.broken(&feed, summary.first, "the summary does not follow from what is before it");
        }
        self.definitions.entry(feed.clone()).or_insert_with(definitions_origin);
        self.bundle.summaries.entry(feed).or_default().push(summary);
    }

    /// Labels or names that stay for the rows after removed ones.
    fn kept_definition(&mut self, line: &EntryLine, payload: &[u8]) {
        if let Some(digest) = self.definitions.get_mut(&line.feed) {
            *digest = with_definition(digest, line.sequence, line.kind, payload);
        }
        let added = match self.feeds.get_mut(&line.feed) {
            Some((_, definitions)) if line.kind < BODY => definitions.add(line.sequence, line.kind, payload),
            _ => Err(StoreError::Corrupt("a summary says that the row was removed, but it exists".to_owned())),
        };
        if let Err(error) = added {
            self.broken(&line.feed, line.sequence, error.to_string());
        }
    }

    fn entry(&mut self, line: &EntryLine) {
        let Some((head, definitions)) = self.feeds.get_mut(&line.feed) else {
            self.broken(&line.feed, line.sequence, "the manifest does not name this feed");
            return;
        };
        let (Ok(payload), Some(digest)) = (STANDARD.decode(&line.payload), parse_digest(&line.digest)) else {
            self.broken(&line.feed, line.sequence, "the payload or the digest cannot be read");
            return;
        };
        if self
            .bundle
            .summaries
            .get(&line.feed)
            .and_then(|found| found.last())
            .is_some_and(|last| line.sequence <= last.last)
        {
            self.kept_definition(line, &payload);
            return;
        }
        let expected = head.sequence + 1;
        let mut what = None;
        if line.sequence != expected {
            what = Some(format!("row {expected} is expected here"));
        } else if entry_digest(&head.digest, line.sequence, line.kind, &payload) != digest {
            what = Some("the digest does not follow from the entry and the one before".to_owned());
        }
        head.digest = digest;
        let entry = LogEntry { sequence: line.sequence, kind: line.kind, payload, digest };
        let mut found = None;
        if line.kind == ROW {
            head.sequence = line.sequence;
            match definitions.row(line.sequence, &entry.payload) {
                Ok(row) => found = Some(row),
                Err(error) => what = what.or_else(|| Some(error.to_string())),
            }
        } else if let Err(error) = definitions.add(line.sequence, line.kind, &entry.payload) {
            what = what.or_else(|| Some(error.to_string()));
        }
        let in_words = found.as_ref().map(row_in_words);
        if (line.row.is_some() && line.row != in_words) || line.body != body_in_words(&entry) {
            what = what.or_else(|| Some("the words differ from what is chained".to_owned()));
        }
        if let Some(row) = found {
            self.bundle.report.rows += 1;
            self.bundle.rows.entry(line.feed.clone()).or_default().push(row);
            self.bundle.digests.entry(line.feed.clone()).or_default().push(digest);
        }
        if let Some(what) = what {
            self.broken(&line.feed, line.sequence, what);
        }
    }

    fn terms(&mut self, line: TermsLine) {
        match line.recorded_at {
            Some(recorded_at) => {
                let recorded = RecordedTerms { terms: line.terms.into_inner(), recorded_at };
                self.bundle.terms = Some(recorded.clone());
                self.bundle.history.push(recorded);
            }
            None => {
                let known = self.bundle.closings.values().find(|known| **known == line.terms).cloned();
                self.bundle.closings.insert(line.period, known.unwrap_or(line.terms));
            }
        }
    }

    fn check_definitions(&mut self) {
        let contract_uid = self.bundle.manifest.as_ref().map_or_else(String::new, |m| m.contract_uid.clone());
        let mut differing = Vec::new();
        for (feed, summaries) in &self.bundle.summaries {
            let Some(last) = summaries.last() else { continue };
            let expected = last.definitions.unwrap_or_else(definitions_origin);
            if self.definitions.get(feed) != Some(&expected) {
                differing.push((feed.clone(), last.last));
            }
            self.bundle.report.summarised.push(Summarised {
                contract_uid: contract_uid.clone(),
                feed: feed.clone(),
                years: summaries.iter().map(|summary| summary.year).collect(),
                rows: last.last,
            });
        }
        for (feed, sequence) in differing {
            self.broken(&feed, sequence, "the labels and names of removed rows are not those of their summary");
        }
    }

    fn last(&mut self, end: &EndLine) {
        self.ended = true;
        let sha256 = digest_text(&std::mem::take(&mut self.hash).finalize().into());
        if end.lines != self.lines || end.sha256 != sha256 {
            self.broken("", 0, "the last line says another number of lines or another digest of them");
        }
    }

    fn end(mut self) -> Bundle {
        if !self.ended {
            self.broken("", 0, "the bundle is cut: its last line is missing");
        }
        let named = self.bundle.manifest.as_ref().map(|manifest| manifest.feeds.clone()).unwrap_or_default();
        self.bundle.report.feeds = named.len() as u64;
        self.check_definitions();
        for ManifestFeed { feed, rows, head } in named {
            let Some(found) = self.feeds.get(&feed).map(|(head, _)| *head) else { continue };
            if found.sequence != rows || found.digest_text() != head {
                let what =
                    format!("the manifest says {rows} rows and {head}, the chain ends with row {}", found.sequence);
                self.broken(&feed, found.sequence, what);
            }
        }
        self.bundle
    }
}
