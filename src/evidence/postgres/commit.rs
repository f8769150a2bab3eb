//! The log of a feed in PostgreSQL, open for a body: read ahead at the beginning, written at the end, so that a body costs a dozen
//! round trips however many rows it has.
//!
//! What is read and what is written are two steps. A large body is made ready on a connection for reads while the writer writes others, and
//! bodies that are ready at the same time are written in one transaction: of a `COPY` of 1,500 rows PostgreSQL 15 spends a fifth of the time on
//! what it does once.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::copy::{Copy, Field};
use super::session::Session;
use crate::evidence::chain::{digest_of, entry_digest};
use crate::evidence::encoding::{LABELS, NAMES, ROW, RowHeader, encode_labels, encode_names};
use crate::evidence::failure::Failure;
use crate::evidence::ingest::{OpenLog, TakenBody, take_body};
use crate::evidence::intake::{Neighbour, SortedBody};
use crate::evidence::model::{Batch, CommitReport, Digest, FeedKey, Head};
use crate::evidence::sql::OpenFeed;

/// Commits a body; the second value says whether anything changed.
pub(super) fn commit(
    session: &mut Session,
    key: &FeedKey,
    batch: &Batch,
    room: u64,
) -> Result<(CommitReport, bool), Failure> {
    let feed = OpenFeed::open(session, key)?;
    let ready = ReadyBody::of(session, feed, batch, room)?;
    let changed = write(session, std::slice::from_ref(&ready))?;
    Ok((ready.taken.report, changed == [true]))
}

/// Makes a body ready, on a connection that only reads; `None`: its feed is new, which is written first.
pub(super) fn make_ready(
    session: &mut Session,
    key: &FeedKey,
    batch: &Batch,
    room: u64,
) -> Result<Option<ReadyBody>, Failure> {
    let Some(feed) = OpenFeed::find(session, key)? else { return Ok(None) };
    ReadyBody::of(session, feed, batch, room).map(Some)
}

/// A body of which all is known that is to be written, as long as nothing else is written of its feed.
pub(super) struct ReadyBody {
    feed: OpenFeed,
    taken: TakenBody,
    /// What it adds to the log, in order.
    entries: Vec<Entry>,
    /// What it adds to the index of newest rows, and what it changes there.
    added: Vec<(i64, Neighbour)>,
    changed: Vec<(i64, Neighbour)>,
}

struct Entry {
    sequence: i64,
    kind: u8,
    payload: Vec<u8>,
    digest: Digest,
}

impl ReadyBody {
    fn of(session: &mut Session, feed: OpenFeed, batch: &Batch, room: u64) -> Result<Self, Failure> {
        let mut log = Log::new(session, feed);
        let taken = take_body(&mut log, batch, room)?;
        let Log { feed, entries, newest, added, changed, .. } = log;
        let row = |key: (i64, i64)| Some((key.0, *known(&newest, key)?));
        let (added, changed) =
            (added.into_iter().filter_map(row).collect(), changed.into_iter().filter_map(row).collect());
        Ok(Self { feed, taken, entries, added, changed })
    }

    /// For which namespace it is written.
    pub(super) fn namespace(&self) -> &str {
        &self.feed.key.namespace
    }

    /// How many rows it adds or keeps aside.
    pub(super) fn rows(&self) -> usize {
        self.entries.len() + self.taken.rejections.len()
    }

    pub(super) fn into_report(self) -> CommitReport {
        self.taken.report
    }
}

/// Writes bodies of different feeds, and nothing of them where that fails for one; says of each whether anything changed.
pub(super) fn write(session: &mut Session, bodies: &[ReadyBody]) -> Result<Vec<bool>, Failure> {
    // Nothing may have been written of a feed since it was read.
    for body in bodies.iter().filter(|body| body.taken.has_moved || !body.changed.is_empty()) {
        body.feed.move_head(session)?;
    }
    if bodies.iter().any(|body| !body.entries.is_empty()) {
        write_entries(session, bodies)?;
    }
    if bodies.iter().any(|body| !body.added.is_empty()) {
        write_added(session, bodies)?;
    }
    for body in bodies.iter().filter(|body| !body.changed.is_empty()) {
        write_changed(session, body.feed.id, &body.changed)?;
    }
    let mut changed = Vec::new();
    for body in bodies {
        changed.push(body.feed.keep(session, &body.taken)? || body.taken.has_moved);
    }
    for body in bodies.iter().filter(|body| body.taken.has_moved) {
        body.feed.close(session, &body.taken)?;
    }
    Ok(changed)
}

fn write_entries(session: &mut Session, bodies: &[ReadyBody]) -> Result<(), Failure> {
    let mut copy =
        Copy::begin(&mut session.client, "COPY log (feed_id, sequence, kind, payload, digest) FROM STDIN BINARY")?;
    for body in bodies {
        for Entry { sequence, kind, payload, digest } in &body.entries {
            let (payload, digest) = (Field::Bytes(payload), Field::Bytes(digest));
            copy.row([body.feed.id.into(), (*sequence).into(), Field::Small((*kind).into()), payload, digest])?;
        }
    }
    copy.finish()
}

fn write_added(session: &mut Session, bodies: &[ReadyBody]) -> Result<(), Failure> {
    let mut copy = Copy::begin(
        &mut session.client,
        "COPY newest (feed_id, labels, start_at, end_at, sequence, revision, vendor_revision) FROM STDIN BINARY",
    )?;
    for body in bodies {
        for (labels, row) in &body.added {
            let Neighbour { start, end, sequence, revision, vendor_revision } = *row;
            let numbers = [body.feed.id, *labels, start, end, sequence, revision].map(Some);
            let [feed, labels, start, end, sequence, revision] = numbers.map(Field::Integer);
            copy.row([feed, labels, start, end, sequence, revision, Field::Integer(vendor_revision)])?;
        }
    }
    copy.finish()
}

/// Rows of keys that are there already: an insert that finds them goes by their key, whatever the server knows of the table.
fn write_changed(session: &mut Session, feed: i64, rows: &[(i64, Neighbour)]) -> Result<(), Failure> {
    let column = |value: fn(&Neighbour) -> i64| -> Vec<i64> { rows.iter().map(|(_, row)| value(row)).collect() };
    let labels: Vec<i64> = rows.iter().map(|(labels, _)| *labels).collect();
    let vendor_revisions: Vec<Option<i64>> = rows.iter().map(|(_, row)| row.vendor_revision).collect();
    session.update(
        "INSERT INTO newest (feed_id, labels, start_at, end_at, sequence, revision, vendor_revision)
         SELECT $1::bigint, * FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
         ON CONFLICT (feed_id, labels, start_at) DO UPDATE SET end_at = EXCLUDED.end_at, sequence = EXCLUDED.sequence,
           revision = EXCLUDED.revision, vendor_revision = EXCLUDED.vendor_revision",
        &[
            &feed,
            &labels,
            &column(|row| row.start),
            &column(|row| row.end),
            &column(|row| row.sequence),
            &column(|row| row.revision),
            &vendor_revisions,
        ],
    )?;
    Ok(())
}

/// Rows by labels and start.
type Newest = HashMap<i64, BTreeMap<i64, Neighbour>>;

fn known(newest: &Newest, (labels, start): (i64, i64)) -> Option<&Neighbour> {
    newest.get(&labels)?.get(&start)
}

struct Log<'s> {
    session: &'s mut Session,
    feed: OpenFeed,
    /// Sequences of the definitions that the body needs, by kind and payload.
    definitions: HashMap<(u8, Vec<u8>), i64>,
    last_ends: HashMap<i64, i64>,
    /// The newest rows around the time of the body.
    newest: Newest,
    /// Rows that were in the log before, by sequence.
    payloads: HashMap<i64, Vec<u8>>,
    /// What the body adds to the log, in order.
    entries: Vec<Entry>,
    /// Labels and start of what `newest` gets, and of what changes in it.
    added: Vec<(i64, i64)>,
    changed: BTreeSet<(i64, i64)>,
}

impl<'s> Log<'s> {
    fn new(session: &'s mut Session, feed: OpenFeed) -> Self {
        Self {
            session,
            feed,
            definitions: HashMap::new(),
            last_ends: HashMap::new(),
            newest: HashMap::new(),
            payloads: HashMap::new(),
            entries: Vec::new(),
            added: Vec::new(),
            changed: BTreeSet::new(),
        }
    }

    fn read_definitions(&mut self, payloads: &BTreeSet<Vec<u8>>) -> Result<(), Failure> {
        let digests: Vec<Vec<u8>> = payloads.iter().map(|payload| digest_of(payload).to_vec()).collect();
        let found = self.session.query(
            "SELECT sequence, kind, payload FROM log WHERE feed_id = $1 AND kind < 3 AND sha256(payload) = ANY($2)",
            &[&self.feed.id, &digests],
        )?;
        for row in found {
            let kind: i16 = row.try_get(1)?;
            self.definitions.insert((u8::try_from(kind).unwrap_or_default(), row.try_get(2)?), row.try_get(0)?);
        }
        Ok(())
    }

    fn read_last_ends(&mut self, labels: &[i64]) -> Result<(), Failure> {
        let found = self.session.query(
            "SELECT known.labels, (SELECT end_at FROM newest
               WHERE feed_id = $1 AND labels = known.labels ORDER BY start_at DESC LIMIT 1)
             FROM unnest($2::bigint[]) AS known (labels)",
            &[&self.feed.id, &labels],
        )?;
        for row in found {
            if let Some(end) = row.try_get(1)? {
                self.last_ends.insert(row.try_get(0)?, end);
            }
        }
        Ok(())
    }

    /// The newest rows that start before `until`, from the last one of each label set that starts at or before `from`.
    fn read_newest(&mut self, labels: &[i64], from: i64, until: i64) -> Result<(), Failure> {
        let found = self.session.query(
            "SELECT known.labels, newest.start_at, newest.end_at, newest.sequence, newest.revision, newest.vendor_revision, log.payload
             FROM (SELECT labels, coalesce((SELECT start_at FROM newest WHERE feed_id = $1 AND newest.labels = asked.labels
                     AND start_at <= $3 ORDER BY start_at DESC LIMIT 1), $3) AS since
                   FROM unnest($2::bigint[]) AS asked (labels) OFFSET 0) AS known
             CROSS JOIN LATERAL (SELECT * FROM newest
               WHERE feed_id = $1 AND labels = known.labels AND start_at >= known.since AND start_at < $4 OFFSET 0) AS newest
             CROSS JOIN LATERAL (SELECT payload FROM log
               WHERE feed_id = $1 AND sequence = newest.sequence AND kind = 4 OFFSET 0) AS log",
            &[&self.feed.id, &labels, &from, &until],
        )?;
        for row in found {
            let neighbour = Neighbour {
                start: row.try_get(1)?,
                end: row.try_get(2)?,
                sequence: row.try_get(3)?,
                revision: row.try_get(4)?,
                vendor_revision: row.try_get(5)?,
            };
            self.payloads.insert(neighbour.sequence, row.try_get(6)?);
            self.newest.entry(row.try_get(0)?).or_default().insert(neighbour.start, neighbour);
        }
        Ok(())
    }
}

impl OpenLog for Log<'_> {
    fn prepare(&mut self, _batch: &Batch, sorted: &SortedBody<'_>) -> Result<(), Failure> {
        let span = sorted.candidates.iter().fold(None, |span: Option<(i64, i64)>, row| {
            Some(span.map_or((row.start, row.end), |(from, until)| (from.min(row.start), until.max(row.end))))
        });
        let Some((from, until)) = span else { return Ok(()) };
        let labels: BTreeSet<Vec<u8>> = sorted.labels.iter().map(|labels| encode_labels(labels)).collect();
        let mut payloads = labels.clone();
        let mut buffer = Vec::new();
        for candidate in &sorted.candidates {
            encode_names(&candidate.row.measures, &mut buffer);
            if !payloads.contains(&buffer) {
                payloads.insert(buffer.clone());
            }
        }
        self.read_definitions(&payloads)?;
        let known: Vec<i64> =
            labels.into_iter().filter_map(|payload| self.definitions.get(&(LABELS, payload)).copied()).collect();
        if known.is_empty() {
            return Ok(());
        }
        self.read_last_ends(&known)?;
        if self.last_ends.values().any(|end| *end > from) {
            self.read_newest(&known, from, until)?;
        }
        Ok(())
    }

    fn head(&self) -> Head {
        self.feed.head
    }

    fn append(&mut self, kind: u8, payload: &[u8]) -> Result<i64, Failure> {
        let sequence = self.feed.head.sequence + 1;
        let digest = entry_digest(&self.feed.head.digest, sequence, kind, payload);
        self.entries.push(Entry { sequence, kind, payload: payload.to_vec(), digest });
        self.feed.head.digest = digest;
        match kind {
            ROW => self.feed.head.sequence = sequence,
            LABELS | NAMES => {
                self.definitions.insert((kind, payload.to_vec()), sequence);
            }
            _ => {}
        }
        Ok(sequence)
    }

    fn taken_from(&mut self) -> Result<i64, Failure> {
        self.feed.taken_from(self.session)
    }

    fn find_definition(&mut self, kind: u8, payload: &[u8]) -> Result<Option<i64>, Failure> {
        Ok(self.definitions.get(&(kind, payload.to_vec())).copied())
    }

    fn find_body(&mut self, digest: &Digest) -> Result<Option<i64>, Failure> {
        self.feed.find_body(self.session, digest)
    }

    fn last_end(&mut self, labels: i64) -> Result<Option<i64>, Failure> {
        Ok(self.last_ends.get(&labels).copied())
    }

    fn neighbour(&mut self, labels: i64, before: i64) -> Result<Option<Neighbour>, Failure> {
        let rows = self.newest.get(&labels);
        Ok(rows.and_then(|rows| rows.range(..before).next_back()).map(|(_, row)| *row))
    }

    fn payload_of_row(&mut self, sequence: i64) -> Result<Vec<u8>, Failure> {
        if let Some(payload) = self.payloads.get(&sequence) {
            return Ok(payload.clone());
        }
        let added = self.entries.binary_search_by_key(&(sequence, ROW), |entry| (entry.sequence, entry.kind));
        let added = added.ok().and_then(|place| self.entries.get(place));
        added.map(|entry| entry.payload.clone()).ok_or_else(|| self.feed.lacks(sequence))
    }

    fn index(&mut self, header: &RowHeader, sequence: i64) -> Result<(), Failure> {
        let key = (header.labels, header.start);
        let before = known(&self.newest, key).and_then(|row| row.vendor_revision);
        let row = Neighbour {
            start: header.start,
            end: header.end,
            sequence,
            revision: header.revision,
            vendor_revision: header.vendor_revision.or(before),
        };
        self.newest.entry(header.labels).or_default().insert(header.start, row);
        if header.replaces == 0 {
            self.added.push(key);
        } else {
            self.changed.insert(key);
        }
        Ok(())
    }

    fn raise_vendor_revision(&mut self, header: &RowHeader, revision: i64) -> Result<(), Failure> {
        let known = self.newest.get_mut(&header.labels).and_then(|rows| rows.get_mut(&header.start));
        if let Some(row) = known {
            row.vendor_revision = Some(revision);
            self.changed.insert((header.labels, header.start));
        }
        Ok(())
    }
}
