//! The log of a feed in PostgreSQL, open for a body: read ahead at the beginning, written at the end, so that a body costs a dozen
//! round trips however many rows it has.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;

use super::copy::{Copy, Field};
use super::session::Session;
use crate::evidence::chain::{digest_of, entry_digest};
use crate::evidence::encoding::{LABELS, NAMES, ROW, RowHeader, encode_labels, encode_names};
use crate::evidence::failure::Failure;
use crate::evidence::ingest::{OpenLog, Rejection, commit_body};
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
    commit_body(&mut Log::open(session, key)?, batch, room)
}

/// Rows by labels and start.
type Newest = HashMap<i64, BTreeMap<i64, Neighbour>>;

fn known(newest: &Newest, (labels, start): (i64, i64)) -> Option<&Neighbour> {
    newest.get(&labels)?.get(&start)
}

struct Log<'s> {
    session: &'s mut Session,
    feed: OpenFeed<'s>,
    /// Sequences of the definitions that the body needs, by kind and payload.
    definitions: HashMap<(u8, Vec<u8>), i64>,
    last_ends: HashMap<i64, i64>,
    /// The newest rows around the time of the body.
    newest: Newest,
    /// Rows that were in the log before, by sequence.
    payloads: HashMap<i64, Vec<u8>>,
    /// What the body adds to the log, in order.
    entries: Vec<(i64, u8, Vec<u8>, Digest)>,
    /// Labels and start of what `newest` gets, and of what changes in it.
    added: Vec<(i64, i64)>,
    changed: BTreeSet<(i64, i64)>,
}

impl<'s> Log<'s> {
    fn open(session: &'s mut Session, key: &'s FeedKey) -> Result<Self, Failure> {
        let feed = OpenFeed::open(session, key)?;
        Ok(Self {
            session,
            feed,
            definitions: HashMap::new(),
            last_ends: HashMap::new(),
            newest: HashMap::new(),
            payloads: HashMap::new(),
            entries: Vec::new(),
            added: Vec::new(),
            changed: BTreeSet::new(),
        })
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

    fn write_entries(&mut self) -> Result<(), Failure> {
        let mut copy = Copy::begin(
            &mut self.session.client,
            "COPY log (feed_id, sequence, kind, payload, digest) FROM STDIN BINARY",
        )?;
        for (sequence, kind, payload, digest) in &self.entries {
            let (payload, digest) = (Field::Bytes(payload), Field::Bytes(digest));
            copy.row([self.feed.id.into(), (*sequence).into(), Field::Small((*kind).into()), payload, digest])?;
        }
        copy.finish()
    }

    fn write_added(&mut self) -> Result<(), Failure> {
        let mut copy = Copy::begin(
            &mut self.session.client,
            "COPY newest (feed_id, labels, start_at, end_at, sequence, revision, vendor_revision) FROM STDIN BINARY",
        )?;
        for key in &self.added {
            let Some(row) = known(&self.newest, *key) else { continue };
            let Neighbour { start, end, sequence, revision, vendor_revision } = *row;
            let numbers = [self.feed.id, key.0, start, end, sequence, revision].map(Some);
            let [feed, labels, start, end, sequence, revision] = numbers.map(Field::Integer);
            copy.row([feed, labels, start, end, sequence, revision, Field::Integer(vendor_revision)])?;
        }
        copy.finish()
    }

    /// Rows of keys that are there already: an insert that finds them goes by their key, whatever the server knows of the table.
    fn write_changed(&mut self) -> Result<(), Failure> {
        let rows: Vec<(i64, Neighbour)> =
            self.changed.iter().filter_map(|key| Some((key.0, *known(&self.newest, *key)?))).collect();
        let column = |value: fn(&Neighbour) -> i64| -> Vec<i64> { rows.iter().map(|(_, row)| value(row)).collect() };
        let labels: Vec<i64> = rows.iter().map(|(labels, _)| *labels).collect();
        let vendor_revisions: Vec<Option<i64>> = rows.iter().map(|(_, row)| row.vendor_revision).collect();
        self.session.update(
            "INSERT INTO newest (feed_id, labels, start_at, end_at, sequence, revision, vendor_revision)
             SELECT $1::bigint, * FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
             ON CONFLICT (feed_id, labels, start_at) DO UPDATE SET end_at = EXCLUDED.end_at, sequence = EXCLUDED.sequence,
               revision = EXCLUDED.revision, vendor_revision = EXCLUDED.vendor_revision",
            &[
                &self.feed.id,
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

    /// Writes what the body changed in the log and its index, each at once.
    fn flush(&mut self) -> Result<(), Failure> {
        if !self.entries.is_empty() {
            self.write_entries()?;
        }
        if !self.added.is_empty() {
            self.write_added()?;
        }
        if !self.changed.is_empty() {
            self.write_changed()?;
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
        self.entries.push((sequence, kind, payload.to_vec(), digest));
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
        let added = self.entries.binary_search_by_key(&(sequence, ROW), |(sequence, kind, ..)| (*sequence, *kind));
        let added = added.ok().and_then(|place| self.entries.get(place));
        added.map(|(_, _, payload, _)| payload.clone()).ok_or_else(|| self.feed.lacks(sequence))
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

    fn keep_rejections(&mut self, rejections: &[Rejection<'_>]) -> Result<bool, Failure> {
        self.feed.keep_rejections(self.session, rejections)
    }

    fn keep_progress(&mut self, reached: i64, completed: bool) -> Result<bool, Failure> {
        self.feed.keep_progress(self.session, reached, completed)
    }

    fn keep_state(&mut self, state: &str) -> Result<(), Failure> {
        self.feed.keep_state(self.session, state)
    }

    fn close(&mut self, recorded_at: Timestamp) -> Result<(), Failure> {
        self.feed.close(self.session, recorded_at)
    }

    fn finish(&mut self) -> Result<(), Failure> {
        self.flush()
    }
}
