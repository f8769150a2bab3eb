//! One body becomes evidence, in one transaction.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Transaction};

use super::errors::Failure;
use super::journal::{self, HeadContent, NewEntry, Topic};
use crate::evidence::chain::{digest_of, entry_digest, feed_origin};
use crate::evidence::encoding::{
    BODY, LABELS, NAMES, ROW, RowHeader, decode_row, encode_body, encode_labels, encode_names, encode_row,
    encode_values, to_nanoseconds,
};
use crate::evidence::intake::{Candidate, Neighbour, Relation, Repetition, describe, relation, repetition, sort_body};
use crate::evidence::model::{
    BackfillProgress, Batch, CommitReport, FeedKey, Head, RejectedRow, RejectionReason, StoreError,
};

/// How many rejected rows of a feed are kept.
const REJECTIONS_KEPT: i64 = 10_000;

/// How many characters of a rejected row are kept.
const REJECTION_CHARACTERS: usize = 1_024;

/// Commits a body; the second value says whether anything changed.
pub(super) fn commit(
    transaction: &Transaction<'_>,
    key: &FeedKey,
    batch: &Batch,
) -> Result<(CommitReport, bool), Failure> {
    let received_at = nanoseconds(batch.received_at, "the time of receipt")?;
    let mut log = Log::open(transaction, key)?;
    let before = log.head;
    let sorted = sort_body(&batch.rows);
    let mut intake = Intake::new(&mut log, batch, received_at, &sorted.labels)?;
    for candidate in &sorted.candidates {
        intake.take(candidate)?;
    }
    let Intake { added, revised, mut unchanged, mut superseded, rejected: overlapping, .. } = intake;
    unchanged += sorted.repeated;
    superseded += sorted.superseded;
    let all_rejected = || batch.rejected.iter().chain(&sorted.rejected).chain(&overlapping);
    let new_rejections = keep_rejections(&log, batch, received_at, all_rejected())?;
    let progressed = match batch.progress {
        Some(progress) => keep_progress(&log, progress)?,
        None => false,
    };
    if log.head != before {
        log.close(batch.received_at)?;
    }
    let mut rejected = BTreeMap::new();
    for row in all_rejected() {
        *rejected.entry(row.reason).or_insert(0) += 1;
    }
    let changed = log.head != before || new_rejections || progressed;
    Ok((CommitReport { added, revised, unchanged, superseded, rejected, head: log.head }, changed))
}

fn nanoseconds(instant: Timestamp, what: &str) -> Result<i64, StoreError> {
    to_nanoseconds(instant).filter(|nanoseconds| *nanoseconds != i64::MIN).ok_or_else(|| {
        StoreError::Invalid(format!("{what} is {instant}; the store keeps instants of the years 1678 to 2261"))
    })
}

/// The log of one feed, open at its end.
struct Log<'t> {
    transaction: &'t Transaction<'t>,
    key: &'t FeedKey,
    feed_id: i64,
    head: Head,
}

impl<'t> Log<'t> {
    fn open(transaction: &'t Transaction<'t>, key: &'t FeedKey) -> Result<Self, Failure> {
        let identity = (&key.contract_uid, &key.feed);
        let known: Option<i64> = transaction
            .prepare_cached("SELECT id FROM feeds WHERE contract_uid = ?1 AND feed = ?2")?
            .query_row(identity, |row| row.get(0))
            .optional()?;
        let feed_id = if let Some(feed_id) = known {
            feed_id
        } else {
            transaction
                .prepare_cached("INSERT INTO feeds (contract_uid, feed, namespace, contract) VALUES (?1, ?2, ?3, ?4)")?
                .insert((&key.contract_uid, &key.feed, &key.namespace, &key.contract))?
        };
        let head = transaction
            .prepare_cached("SELECT sequence, digest FROM heads WHERE feed_id = ?1")?
            .query_row([feed_id], |row| Ok(Head { sequence: row.get(0)?, digest: row.get(1)? }))
            .optional()?
            .unwrap_or_else(|| Head { sequence: 0, digest: feed_origin(&key.contract_uid, &key.feed) });
        Ok(Self { transaction, key, feed_id, head })
    }

    /// Adds an entry that belongs to the row that comes next.
    fn append(&mut self, kind: u8, payload: &[u8]) -> Result<i64, Failure> {
        let sequence = self.head.sequence + 1;
        let digest = entry_digest(&self.head.digest, sequence, kind, payload);
        self.transaction
            .prepare_cached("INSERT INTO log (feed_id, sequence, kind, payload, digest) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute((self.feed_id, sequence, kind, payload, digest.as_slice()))?;
        self.head.digest = digest;
        if kind == ROW {
            self.head.sequence = sequence;
        }
        Ok(sequence)
    }

    fn find_definition(&self, kind: u8, payload: &[u8]) -> Result<Option<i64>, Failure> {
        // The kind is written out as in the partial index, which the planner uses only then.
        let found = self
            .transaction
            .prepare_cached("SELECT sequence FROM log WHERE feed_id = ?1 AND kind = ?2 AND kind < 3 AND payload = ?3")?
            .query_row((self.feed_id, kind, payload), |row| row.get(0))
            .optional()?;
        Ok(found)
    }

    fn find_body(&self, digest: &[u8]) -> Result<Option<i64>, Failure> {
        let found = self
            .transaction
            .prepare_cached("SELECT sequence FROM log WHERE feed_id = ?1 AND kind = 3 AND substr(payload, 1, 32) = ?2")?
            .query_row((self.feed_id, digest), |row| row.get(0))
            .optional()?;
        Ok(found)
    }

    fn payload_of_row(&self, sequence: i64) -> Result<Vec<u8>, Failure> {
        let payload = self
            .transaction
            .prepare_cached("SELECT payload FROM log WHERE feed_id = ?1 AND sequence = ?2 AND kind = 4")?
            .query_row((self.feed_id, sequence), |row| row.get(0))
            .optional()?;
        Ok(payload.ok_or_else(|| StoreError::Corrupt(format!("feed {} lacks row {sequence}", self.key.feed)))?)
    }

    /// Writes down where the chain ends now, beside the log and in the journal.
    fn close(&self, recorded_at: Timestamp) -> Result<(), Failure> {
        self.transaction
            .prepare_cached(
                "INSERT INTO heads (feed_id, sequence, digest) VALUES (?1, ?2, ?3)
                 ON CONFLICT (feed_id) DO UPDATE SET sequence = excluded.sequence, digest = excluded.digest",
            )?
            .execute((self.feed_id, self.head.sequence, self.head.digest.as_slice()))?;
        let content = serde_json::to_string(&HeadContent::from(&self.head))?;
        let (contract_uid, name) = (self.key.contract_uid.clone(), self.key.feed.clone());
        journal::append(self.transaction, &NewEntry { topic: Topic::Head, contract_uid, name, recorded_at, content })
    }
}

/// What the store knows of a label set of the body.
struct LabelState {
    payload: Vec<u8>,
    /// Sequence of its entry; `None` while no row has it.
    reference: Option<i64>,
    /// Where its last row ends: what starts there or later needs no search.
    last_end: Option<i64>,
}

/// Takes the rows of a body one after the other.
struct Intake<'a, 't> {
    log: &'a mut Log<'t>,
    batch: &'a Batch,
    received_at: i64,
    labels: Vec<LabelState>,
    names: HashMap<Vec<u8>, i64>,
    body: Option<i64>,
    names_buffer: Vec<u8>,
    values_buffer: Vec<u8>,
    row_buffer: Vec<u8>,
    added: u64,
    revised: u64,
    unchanged: u64,
    superseded: u64,
    rejected: Vec<RejectedRow>,
}

impl<'a, 't> Intake<'a, 't> {
    fn new(
        log: &'a mut Log<'t>,
        batch: &'a Batch,
        received_at: i64,
        labels: &[&BTreeMap<String, String>],
    ) -> Result<Self, Failure> {
        let labels = labels.iter().map(|labels| label_state(log, encode_labels(labels))).collect::<Result<_, _>>()?;
        Ok(Self {
            log,
            batch,
            received_at,
            labels,
            names: HashMap::new(),
            body: None,
            names_buffer: Vec::new(),
            values_buffer: Vec::new(),
            row_buffer: Vec::new(),
            added: 0,
            revised: 0,
            unchanged: 0,
            superseded: 0,
            rejected: Vec::new(),
        })
    }

    fn take(&mut self, candidate: &Candidate<'_>) -> Result<(), Failure> {
        encode_names(&candidate.row.measures, &mut self.names_buffer);
        encode_values(&candidate.row.measures, &mut self.values_buffer);
        let neighbour = self.neighbour(candidate)?;
        match (relation(candidate.start, candidate.end, neighbour.as_ref()), neighbour) {
            (Relation::SameKey, Some(neighbour)) => self.repeat(candidate, neighbour),
            (Relation::Overlap, _) => {
                self.rejected.push(RejectedRow { reason: RejectionReason::Overlap, text: describe(candidate.row) });
                Ok(())
            }
            _ => {
                let known_at = self.first_known_at(candidate.end);
                self.insert(candidate, 1, 0, known_at)?;
                self.added += 1;
                Ok(())
            }
        }
    }

    fn neighbour(&self, candidate: &Candidate<'_>) -> Result<Option<Neighbour>, Failure> {
        let Some(state) = self.labels.get(candidate.labels) else { return Ok(None) };
        let (Some(labels), Some(last_end)) = (state.reference, state.last_end) else { return Ok(None) };
        if last_end <= candidate.start {
            return Ok(None);
        }
        let neighbour = self
            .log
            .transaction
            .prepare_cached(
                "SELECT start_at, end_at, sequence, revision, vendor_revision FROM newest
                 WHERE feed_id = ?1 AND labels = ?2 AND start_at < ?3 ORDER BY start_at DESC LIMIT 1",
            )?
            .query_row((self.log.feed_id, labels, candidate.end), |row| {
                Ok(Neighbour {
                    start: row.get(0)?,
                    end: row.get(1)?,
                    sequence: row.get(2)?,
                    revision: row.get(3)?,
                    vendor_revision: row.get(4)?,
                })
            })
            .optional()?;
        Ok(neighbour)
    }

    /// A row whose key is known: the same again, new figures, or old ones.
    fn repeat(&mut self, candidate: &Candidate<'_>, known: Neighbour) -> Result<(), Failure> {
        let payload = self.log.payload_of_row(known.sequence)?;
        let (header, values) = decode_row(&payload)?;
        let same = values == self.values_buffer.as_slice() && self.reference_of_names()? == Some(header.names);
        match repetition(same, known.vendor_revision, candidate.row.vendor_revision) {
            Repetition::Unchanged { raised_to } => {
                self.unchanged += 1;
                raised_to.map_or(Ok(()), |revision| self.raise_vendor_revision(&header, revision))
            }
            Repetition::Superseded => {
                self.superseded += 1;
                Ok(())
            }
            Repetition::Revision => {
                // A correction is never known before what it corrects.
                let known_at = header.known_at.max(self.first_known_at(candidate.end));
                self.insert(candidate, known.revision + 1, known.sequence, known_at)?;
                self.revised += 1;
                Ok(())
            }
        }
    }

    fn first_known_at(&self, end: i64) -> i64 {
        if self.batch.plan {
            i64::MIN
        } else if self.batch.backfill {
            end.min(self.received_at)
        } else {
            self.received_at
        }
    }

    fn insert(
        &mut self,
        candidate: &Candidate<'_>,
        revision: i64,
        replaces: i64,
        known_at: i64,
    ) -> Result<(), Failure> {
        let recorded_at = candidate.row.recorded_at.map(|at| nanoseconds(at, "recordedAt of a row")).transpose()?;
        let header = RowHeader {
            labels: self.define_labels(candidate.labels)?,
            names: self.define_names()?,
            body: self.define_body()?,
            start: candidate.start,
            end: candidate.end,
            received_at: self.received_at,
            known_at,
            recorded_at,
            revision,
            replaces,
            vendor_revision: candidate.row.vendor_revision,
        };
        encode_row(&header, &self.values_buffer, &mut self.row_buffer);
        let sequence = self.log.append(ROW, &self.row_buffer)?;
        self.index(&header, sequence)?;
        if let Some(state) = self.labels.get_mut(candidate.labels) {
            state.last_end = state.last_end.max(Some(header.end));
        }
        Ok(())
    }

    /// Makes the row the newest of its key.
    fn index(&self, header: &RowHeader, sequence: i64) -> Result<(), Failure> {
        let statement = if header.replaces == 0 {
            "INSERT INTO newest (feed_id, labels, start_at, end_at, sequence, revision, vendor_revision)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
        } else {
            "UPDATE newest SET end_at = ?4, sequence = ?5, revision = ?6, vendor_revision = coalesce(?7, vendor_revision)
             WHERE feed_id = ?1 AND labels = ?2 AND start_at = ?3"
        };
        self.log.transaction.prepare_cached(statement)?.execute((
            self.log.feed_id,
            header.labels,
            header.start,
            header.end,
            sequence,
            header.revision,
            header.vendor_revision,
        ))?;
        Ok(())
    }

    fn raise_vendor_revision(&self, header: &RowHeader, revision: i64) -> Result<(), Failure> {
        self.log
            .transaction
            .prepare_cached(
                "UPDATE newest SET vendor_revision = ?1 WHERE feed_id = ?2 AND labels = ?3 AND start_at = ?4",
            )?
            .execute((revision, self.log.feed_id, header.labels, header.start))?;
        Ok(())
    }

    fn define_labels(&mut self, number: usize) -> Result<i64, Failure> {
        let Some(state) = self.labels.get_mut(number) else {
            return Err(StoreError::Invalid("a row without its labels".to_owned()).into());
        };
        let reference = match state.reference {
            Some(reference) => reference,
            None => self.log.append(LABELS, &state.payload)?,
        };
        state.reference = Some(reference);
        Ok(reference)
    }

    fn reference_of_names(&mut self) -> Result<Option<i64>, Failure> {
        if let Some(reference) = self.names.get(&self.names_buffer) {
            return Ok(Some(*reference));
        }
        let found = self.log.find_definition(NAMES, &self.names_buffer)?;
        if let Some(reference) = found {
            self.names.insert(self.names_buffer.clone(), reference);
        }
        Ok(found)
    }

    fn define_names(&mut self) -> Result<i64, Failure> {
        if let Some(reference) = self.reference_of_names()? {
            return Ok(reference);
        }
        let reference = self.log.append(NAMES, &self.names_buffer)?;
        self.names.insert(self.names_buffer.clone(), reference);
        Ok(reference)
    }

    fn define_body(&mut self) -> Result<i64, Failure> {
        if let Some(reference) = self.body {
            return Ok(reference);
        }
        let Batch { body_digest, backfill, plan, url_host, .. } = self.batch;
        let reference = match self.log.find_body(body_digest)? {
            Some(reference) => reference,
            None => {
                let payload = encode_body(body_digest, self.received_at, *backfill, *plan, url_host.as_deref());
                self.log.append(BODY, &payload)?
            }
        };
        self.body = Some(reference);
        Ok(reference)
    }
}

fn label_state(log: &Log<'_>, payload: Vec<u8>) -> Result<LabelState, Failure> {
    let reference = log.find_definition(LABELS, &payload)?;
    let last_end = log
        .transaction
        .prepare_cached("SELECT end_at FROM newest WHERE feed_id = ?1 AND labels = ?2 ORDER BY start_at DESC LIMIT 1")?
        .query_row((log.feed_id, reference), |row| row.get(0))
        .optional()?;
    Ok(LabelState { payload, reference, last_end })
}

/// Keeps rejected rows that were not kept before; says whether there was one.
fn keep_rejections<'r>(
    log: &Log<'_>,
    batch: &Batch,
    received_at: i64,
    rejected: impl Iterator<Item = &'r RejectedRow>,
) -> Result<bool, Failure> {
    let mut any = false;
    for row in rejected {
        let text: String = row.text.chars().take(REJECTION_CHARACTERS).collect();
        let reason = row.reason.as_str();
        let fingerprint = digest_of(format!("{reason}\n{}", row.text).as_bytes());
        let added = log
            .transaction
            .prepare_cached(
                "INSERT INTO rejections (feed_id, fingerprint, reason, content, received_at, body_digest)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
            )?
            .execute((log.feed_id, fingerprint.as_slice(), reason, text, received_at, batch.body_digest.as_slice()))?;
        any |= added > 0;
    }
    if any {
        log.transaction
            .prepare_cached(
                "DELETE FROM rejections WHERE feed_id = ?1 AND id <=
                 (SELECT id FROM rejections WHERE feed_id = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
            )?
            .execute((log.feed_id, REJECTIONS_KEPT))?;
    }
    Ok(any)
}

/// Keeps how far the back-fill is; it never goes back. Says whether it moved.
fn keep_progress(log: &Log<'_>, progress: BackfillProgress) -> Result<bool, Failure> {
    let reached = nanoseconds(progress.reached, "the progress of the back-fill")?;
    let moved = log
        .transaction
        .prepare_cached(
            "INSERT INTO backfills (feed_id, reached, completed) VALUES (?1, ?2, ?3)
             ON CONFLICT (feed_id) DO UPDATE SET reached = max(reached, excluded.reached), completed = max(completed, excluded.completed)
             WHERE excluded.reached > reached OR excluded.completed > completed",
        )?
        .execute((log.feed_id, reached, progress.completed))?;
    Ok(moved > 0)
}
