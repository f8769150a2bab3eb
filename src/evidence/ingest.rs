//! One body becomes evidence: the same steps for every store, inside a transaction that the store has begun.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use super::chain::digest_of;
use super::encoding::{
    BODY, LABELS, NAMES, ROW, RowHeader, decode_row, encode_body, encode_labels, encode_names, encode_row,
    encode_values, to_nanoseconds,
};
use super::failure::Failure;
use super::intake::{
    Candidate, Neighbour, Relation, Repetition, SortedBody, describe, relation, repetition, sort_body,
};
use super::model::{BackfillProgress, Batch, CommitReport, Digest, Head, RejectedRow, RejectionReason, StoreError};

/// How many rejected rows of a feed are kept.
pub(super) const REJECTIONS_KEPT: i64 = 10_000;

/// Revisions that one key may have. A row of a running day that is fetched every five minutes is corrected 288 times.
const MOST_REVISIONS: i64 = 3_000;

/// How many characters of a rejected row are kept.
const REJECTION_CHARACTERS: usize = 1_024;

/// The log of one feed, open at its end.
pub(super) trait OpenLog {
    /// Reads ahead what the rows of a body will need, where that saves time.
    fn prepare(&mut self, _batch: &Batch, _sorted: &SortedBody<'_>) -> Result<(), Failure> {
        Ok(())
    }

    /// Where the chain ends, with what was appended.
    fn head(&self) -> Head;

    /// Adds an entry that belongs to the next row, and returns its sequence.
    fn append(&mut self, kind: u8, payload: &[u8]) -> Result<i64, Failure>;

    /// From which start on rows are taken: those before were removed at the end of the contract's retention.
    fn taken_from(&mut self) -> Result<i64, Failure>;

    /// Sequence of the entry that defines labels or names.
    fn find_definition(&mut self, kind: u8, payload: &[u8]) -> Result<Option<i64>, Failure>;

    /// Sequence of the entry of a body.
    fn find_body(&mut self, digest: &Digest) -> Result<Option<i64>, Failure>;

    /// Where the last row of a label set ends.
    fn last_end(&mut self, labels: i64) -> Result<Option<i64>, Failure>;

    /// The row of a label set that starts last before an instant.
    fn neighbour(&mut self, labels: i64, before: i64) -> Result<Option<Neighbour>, Failure>;

    /// A row as it is stored.
    fn payload_of_row(&mut self, sequence: i64) -> Result<Vec<u8>, Failure>;

    /// Makes the row the newest of its key.
    fn index(&mut self, header: &RowHeader, sequence: i64) -> Result<(), Failure>;

    /// Notes a higher number of the vendor for figures that did not change.
    fn raise_vendor_revision(&mut self, header: &RowHeader, revision: i64) -> Result<(), Failure>;
}

/// A body whose rows were taken, and what is to be kept beside them.
pub(super) struct TakenBody {
    /// What became of its rows.
    pub report: CommitReport,
    /// Whether the log goes on with it.
    pub has_moved: bool,
    pub rejections: Vec<Rejection>,
    /// How far the back-fill is, in nanoseconds, and whether it is complete.
    pub progress: Option<(i64, bool)>,
    /// What the next fetch has to know.
    pub state: Option<String>,
    pub received_at: Timestamp,
}

/// A rejected row as it is kept.
pub(super) struct Rejection {
    /// Identifies a rejection.
    pub fingerprint: Digest,
    pub reason: RejectionReason,
    /// The row in words, cut.
    pub text: String,
    /// Nanoseconds since 1970.
    pub received_at: i64,
    pub body_digest: Digest,
}

/// Takes the rows of a body into the log of its feed, at most `room` new ones.
pub(super) fn take_body<L: OpenLog>(log: &mut L, batch: &Batch, room: u64) -> Result<TakenBody, Failure> {
    let received_at = nanoseconds(batch.received_at, "the time of receipt")?;
    let before = log.head();
    let sorted = sort_body(&batch.rows);
    log.prepare(batch, &sorted)?;
    let mut intake = Intake::new(log, batch, received_at, &sorted.labels)?;
    for candidate in &sorted.candidates {
        intake.take(candidate)?;
    }
    let Intake { added, revised, unchanged, superseded, rejected: overlapping, .. } = intake;
    if added + revised > room {
        return Err(StoreError::Quota { new: added + revised, room }.into());
    }
    let (mut rejected, mut rejections) = (BTreeMap::new(), Vec::new());
    for row in batch.rejected.iter().chain(&sorted.rejected).chain(&overlapping) {
        *rejected.entry(row.reason).or_insert(0) += 1;
        rejections.push(rejection(row, received_at, batch.body_digest));
    }
    let reached = |progress: &BackfillProgress| nanoseconds(progress.reached, "the progress of the back-fill");
    let progress =
        batch.progress.as_ref().map(|progress| Ok::<_, StoreError>((reached(progress)?, progress.completed)));
    let head = log.head();
    Ok(TakenBody {
        has_moved: head != before,
        report: CommitReport {
            added,
            revised,
            unchanged: unchanged + sorted.repeated,
            superseded: superseded + sorted.superseded,
            rejected,
            head,
        },
        rejections,
        progress: progress.transpose()?,
        state: batch.state.clone(),
        received_at: batch.received_at,
    })
}

fn rejection(row: &RejectedRow, received_at: i64, body_digest: Digest) -> Rejection {
    Rejection {
        fingerprint: digest_of(format!("{}\n{}", row.reason.as_str(), row.text).as_bytes()),
        reason: row.reason,
        text: row.text.chars().take(REJECTION_CHARACTERS).collect(),
        received_at,
        body_digest,
    }
}

fn nanoseconds(instant: Timestamp, what: &str) -> Result<i64, StoreError> {
    to_nanoseconds(instant).filter(|nanoseconds| *nanoseconds != i64::MIN).ok_or_else(|| {
        StoreError::Invalid(format!("{what} is {instant}; the store keeps instants of the years 1678 to 2261"))
    })
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
struct Intake<'a, L> {
    log: &'a mut L,
    batch: &'a Batch,
    received_at: i64,
    taken_from: i64,
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

impl<'a, L: OpenLog> Intake<'a, L> {
    fn new(
        log: &'a mut L,
        batch: &'a Batch,
        received_at: i64,
        labels: &[&BTreeMap<String, String>],
    ) -> Result<Self, Failure> {
        let labels = labels.iter().map(|labels| label_state(log, encode_labels(labels))).collect::<Result<_, _>>()?;
        let taken_from = log.taken_from()?;
        Ok(Self {
            log,
            batch,
            received_at,
            taken_from,
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
        if candidate.start < self.taken_from {
            let text = describe(candidate.row);
            self.rejected.push(RejectedRow { reason: RejectionReason::BeyondRetention, text });
            return Ok(());
        }
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

    fn neighbour(&mut self, candidate: &Candidate<'_>) -> Result<Option<Neighbour>, Failure> {
        let Some(state) = self.labels.get(candidate.labels) else { return Ok(None) };
        let (Some(labels), Some(last_end)) = (state.reference, state.last_end) else { return Ok(None) };
        if last_end <= candidate.start {
            return Ok(None);
        }
        self.log.neighbour(labels, candidate.end)
    }

    /// A row whose key is known: the same again, new figures or another length of its day, or old ones.
    fn repeat(&mut self, candidate: &Candidate<'_>, known: Neighbour) -> Result<(), Failure> {
        let payload = self.log.payload_of_row(known.sequence)?;
        let (header, values) = decode_row(&payload)?;
        let same = header.end == candidate.end
            && values == self.values_buffer.as_slice()
            && self.reference_of_names()? == Some(header.names);
        match repetition(same, known.vendor_revision, candidate.row.vendor_revision) {
            Repetition::Unchanged { raised_to } => {
                self.unchanged += 1;
                raised_to.map_or(Ok(()), |revision| self.log.raise_vendor_revision(&header, revision))
            }
            Repetition::Superseded => {
                self.superseded += 1;
                Ok(())
            }
            Repetition::Revision if known.revision >= MOST_REVISIONS => {
                let text = describe(candidate.row);
                self.rejected.push(RejectedRow { reason: RejectionReason::TooManyRevisions, text });
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
        self.log.index(&header, sequence)?;
        if let Some(state) = self.labels.get_mut(candidate.labels) {
            state.last_end = state.last_end.max(Some(header.end));
        }
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

fn label_state<L: OpenLog>(log: &mut L, payload: Vec<u8>) -> Result<LabelState, Failure> {
    let reference = log.find_definition(LABELS, &payload)?;
    let last_end = match reference {
        Some(reference) => log.last_end(reference)?,
        None => None,
    };
    Ok(LabelState { payload, reference, last_end })
}
