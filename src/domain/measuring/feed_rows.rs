//! The rows of one feed in memory: every revision in the order of receipt, in columns, so that a row takes some ten bytes.
//!
//! Rows lie in chunks of `CHUNK`. A chunk keeps of each column the least value, a common step, and as many bytes a row as the
//! differences need: half-hours of the same queues with counts below 256 take one byte a number. Labels and names of measures
//! are kept once. Copies share their chunks, so that a copy costs a pointer for each of them.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::sync::Arc;

use jiff::Timestamp;
use rust_decimal::Decimal;

use super::row::{Labels, Row};
use crate::domain::numbers::exact::Exact;
use crate::domain::terms::calendar::Span;

mod chunk;
mod packed;

use chunk::{Chunk, Loose};
use packed::Values;

/// Rows of one chunk.
const CHUNK: usize = 1_024;

/// The rows of feeds, by the feeds' names.
pub type RowsByFeed = BTreeMap<String, FeedRows>;

/// The rows of feeds, packed.
#[must_use]
pub fn packed(rows: &BTreeMap<String, Vec<Row>>) -> RowsByFeed {
    rows.iter().map(|(feed, rows)| (feed.clone(), rows.iter().collect())).collect()
}

/// The rows of a feed. A row is named by its place in the order of receipt, from 0.
#[derive(Clone, Debug, Default)]
pub struct FeedRows {
    /// All full but the last.
    chunks: Vec<Arc<Chunk>>,
    len: usize,
    labels: Arc<LabelSets>,
    names: Arc<Vec<String>>,
}

/// Each set of labels once; rows name them by place.
#[derive(Clone, Debug, Default)]
struct LabelSets {
    sets: Vec<Arc<Labels>>,
    places: HashMap<Arc<Labels>, u32>,
}

/// When a row happened, and from when on a judgement may know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// First instant.
    pub start: Timestamp,
    /// First instant after it.
    pub end: Timestamp,
    /// As [`Row::known_at`].
    pub known_at: Timestamp,
}

/// What a row has in addition to its times, labels and measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// As [`Row::revision`].
    pub revision: i64,
    /// As [`Row::sequence`].
    pub sequence: i64,
}

impl FeedRows {
    /// How many rows there are, every revision counted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Sequence of the row received last; 0 without rows.
    #[must_use]
    pub fn last_sequence(&self) -> i64 {
        self.len.checked_sub(1).map_or(0, |last| self.receipt(last as u32).sequence)
    }

    /// Bytes that they take in memory, near enough: chunks that a copy shares are counted by both.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes_of_rows() + self.labels.sets.iter().map(|labels| bytes_of(labels)).sum::<usize>()
    }

    /// [`Self::bytes`] without those of their sets of labels.
    #[must_use]
    pub fn bytes_of_rows(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.bytes()).sum()
    }

    /// The row at a place, written out.
    #[must_use]
    pub fn row(&self, place: u32) -> Option<Row> {
        let (chunk, index) = self.chunk(place)?;
        let Times { start, end, known_at } = chunk.times(index);
        let Receipt { revision, sequence } = chunk.receipt(index);
        let named =
            |(name, values): &(u32, Values)| Some((self.names.get(*name as usize)?.clone(), values.get(index)?));
        Some(Row {
            start,
            end,
            labels: self.label_sets().get(chunk.labels.get(index) as usize)?.as_ref().clone(),
            measures: chunk.measures.iter().filter_map(named).collect(),
            revision,
            known_at,
            sequence,
        })
    }

    /// Whether they begin with all rows of others. Only the last of those is compared: rows are never changed.
    #[must_use]
    pub fn continues(&self, earlier: &FeedRows) -> bool {
        match earlier.len.checked_sub(1) {
            Some(last) => self.row(last as u32).is_some_and(|row| earlier.row(last as u32) == Some(row)),
            None => true,
        }
    }

    /// Those that were received up to a sequence. Rows must be in the order of their sequences.
    #[must_use]
    pub fn up_to(&self, sequence: i64) -> FeedRows {
        if self.last_sequence() <= sequence {
            return self.clone();
        }
        let len = self.first_after(sequence) as usize;
        let (labels, names) = (self.labels.clone(), self.names.clone());
        let mut chunks: Vec<Arc<Chunk>> = self.chunks.iter().take(len / CHUNK).cloned().collect();
        let part = self.chunks.get(len / CHUNK).filter(|_| !len.is_multiple_of(CHUNK));
        chunks.extend(part.map(|chunk| Arc::new(chunk.unpacked(len % CHUNK).packed())));
        FeedRows { chunks, len, labels, names }
    }

    /// The place of the first that was received after a sequence. Rows must be in the order of their sequences.
    #[must_use]
    pub fn first_after(&self, sequence: i64) -> u32 {
        let (mut first, mut end) = (0, self.len as u32);
        while first < end {
            let middle = first + (end - first) / 2;
            if self.receipt(middle).sequence <= sequence { first = middle + 1 } else { end = middle }
        }
        first
    }

    /// Opens them for more rows.
    #[must_use]
    pub fn open(mut self) -> OpenRows {
        let bytes = self.bytes();
        let last = match self.len % CHUNK {
            0 => None,
            _ => self.chunks.pop(),
        };
        let open = last.map(|chunk| chunk.unpacked(self.len % CHUNK)).unwrap_or_default();
        OpenRows { rows: self, open, bytes }
    }

    /// These, which must be in the order of their sequences, and in that order others, in any order, that start where it is asked for. One
    /// that both have is there once.
    #[must_use]
    pub fn with(&self, others: &FeedRows, is_asked_for: impl Fn(Timestamp) -> bool) -> FeedRows {
        let places = (0..others.len as u32).filter(|place| is_asked_for(others.start(*place)));
        let mut places: Vec<(i64, u32)> = places.map(|place| (others.receipt(place).sequence, place)).collect();
        places.sort_unstable();
        let mut places = places.into_iter().peekable();
        let (labels, names) = (self.labels.clone(), self.names.clone());
        let mut open = FeedRows { labels, names, ..FeedRows::default() }.open();
        let (mut of_these, mut of_others) = (KnownPlaces::default(), KnownPlaces::default());
        for (place, sequence) in (0..self.len as u32).map(|place| (place, self.receipt(place).sequence)) {
            while let Some((other, at)) = places.next_if(|(other, _)| *other <= sequence) {
                if other < sequence {
                    open.push_of(others, at, &mut of_others);
                }
            }
            open.push_of(self, place, &mut of_these);
        }
        places.for_each(|(_, at)| open.push_of(others, at, &mut of_others));
        open.close()
    }

    fn chunk(&self, place: u32) -> Option<(&Chunk, usize)> {
        let place = place as usize;
        if place >= self.len {
            return None;
        }
        Some((self.chunks.get(place / CHUNK)?, place % CHUNK))
    }

    pub(in crate::domain) fn times(&self, place: u32) -> Times {
        const NEVER: Times = Times { start: Timestamp::MIN, end: Timestamp::MIN, known_at: Timestamp::MAX };
        self.chunk(place).map_or(NEVER, |(chunk, index)| chunk.times(index))
    }

    pub(in crate::domain) fn start(&self, place: u32) -> Timestamp {
        self.chunk(place).map_or(Timestamp::MIN, |(chunk, index)| chunk.start.get(index).instant())
    }

    pub(in crate::domain) fn span(&self, place: u32) -> Span {
        let (start, end) = self.chunk(place).map_or((Timestamp::MIN, Timestamp::MIN), |(chunk, index)| {
            (chunk.start.get(index).instant(), chunk.end(index).instant())
        });
        Span::new(start, end)
    }

    pub(in crate::domain) fn receipt(&self, place: u32) -> Receipt {
        self.chunk(place).map_or(Receipt { revision: 0, sequence: 0 }, |(chunk, index)| chunk.receipt(index))
    }

    /// The place of a row's labels in [`Self::label_sets`].
    pub(in crate::domain) fn labels_at(&self, place: u32) -> u32 {
        self.chunk(place).map_or(0, |(chunk, index)| chunk.labels.get(index) as u32)
    }

    /// Each set of labels once, in the order in which they came.
    pub(in crate::domain) fn label_sets(&self) -> &[Arc<Labels>] {
        &self.labels.sets
    }

    /// The measure of a name; `None` if no row has it.
    pub(in crate::domain) fn column(&self, measure: &str) -> Option<Column<'_>> {
        let name = self.names.iter().position(|name| name == measure)?;
        Some(Column { rows: self, name: name as u32 })
    }

    /// All measures by their names.
    pub(in crate::domain) fn columns(&self) -> BTreeMap<&str, Column<'_>> {
        (0..).zip(self.names.iter()).map(|(name, text)| (text.as_str(), Column { rows: self, name })).collect()
    }
}

impl PartialEq for FeedRows {
    /// Whether they say the same: which rows share memory makes no difference.
    fn eq(&self, other: &FeedRows) -> bool {
        self.len == other.len && (0..self.len as u32).all(|place| self.row(place) == other.row(place))
    }
}

impl FromIterator<Row> for FeedRows {
    fn from_iter<I: IntoIterator<Item = Row>>(rows: I) -> Self {
        let mut packed = FeedRows::default();
        packed.extend(rows);
        packed
    }
}

impl<'r> FromIterator<&'r Row> for FeedRows {
    fn from_iter<I: IntoIterator<Item = &'r Row>>(rows: I) -> Self {
        let mut open = FeedRows::default().open();
        rows.into_iter().for_each(|row| open.push_row(row));
        open.close()
    }
}

impl Extend<Row> for FeedRows {
    fn extend<I: IntoIterator<Item = Row>>(&mut self, rows: I) {
        let mut open = std::mem::take(self).open();
        rows.into_iter().for_each(|row| open.push_row(&row));
        *self = open.close();
    }
}

/// Rows to which more are added; [`OpenRows::close`] returns them.
#[derive(Debug)]
pub struct OpenRows {
    rows: FeedRows,
    open: Loose,
    bytes: usize,
}

impl OpenRows {
    /// Bytes that they take in memory, near enough, without the last rows, which are not packed yet.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The place of a set of labels, to be given to [`Self::push`].
    pub fn labels(&mut self, labels: &Labels) -> u32 {
        if let Some(place) = self.rows.labels.places.get(labels) {
            return *place;
        }
        let sets = Arc::make_mut(&mut self.rows.labels);
        let (place, labels) = (sets.sets.len() as u32, Arc::new(labels.clone()));
        self.bytes += bytes_of(&labels);
        sets.sets.push(Arc::clone(&labels));
        sets.places.insert(labels, place);
        place
    }

    /// The place of a measure's name, to be given to [`Self::push`].
    pub fn measure(&mut self, name: &str) -> u32 {
        if let Some(place) = self.rows.names.iter().position(|known| known == name) {
            return place as u32;
        }
        let names = Arc::make_mut(&mut self.rows.names);
        names.push(name.to_owned());
        names.len() as u32 - 1
    }

    /// Adds a row after all that are there.
    pub fn push(
        &mut self,
        times: Times,
        labels: u32,
        receipt: Receipt,
        measures: impl Iterator<Item = (u32, Decimal)>,
    ) {
        let before = self.open.times.len();
        self.open.times.push(times);
        self.open.labels.push(labels.into());
        self.open.revision.push(receipt.revision);
        self.open.sequence.push(receipt.sequence);
        for (name, value) in measures {
            let column = self.open.measures.entry(name).or_default();
            column.resize(before, None);
            column.push(Some(value));
        }
        self.rows.len += 1;
        if before + 1 == CHUNK {
            self.seal();
        }
    }

    /// Adds a row after all that are there.
    pub fn push_row(&mut self, row: &Row) {
        let labels = self.labels(&row.labels);
        let measures: Vec<(u32, Decimal)> =
            row.measures.iter().map(|(name, value)| (self.measure(name), *value)).collect();
        let times = Times { start: row.start, end: row.end, known_at: row.known_at };
        self.push(times, labels, Receipt { revision: row.revision, sequence: row.sequence }, measures.into_iter());
    }

    /// Adds a row of others after all that are there; `known` is for these others alone.
    fn push_of(&mut self, rows: &FeedRows, place: u32, known: &mut KnownPlaces) {
        let Some((chunk, index)) = rows.chunk(place) else { return };
        let set = chunk.labels.get(index) as u32;
        let labels = once(&mut known.labels, set, || Some(self.labels(rows.label_sets().get(set as usize)?)));
        let Some(labels) = labels else { return };
        known.values.clear();
        for (name, values) in &chunk.measures {
            let Some(value) = values.get(index) else { continue };
            let name = once(&mut known.names, *name, || Some(self.measure(rows.names.get(*name as usize)?)));
            known.values.extend(name.map(|name| (name, value)));
        }
        self.push(chunk.times(index), labels, chunk.receipt(index), known.values.iter().copied());
    }

    /// The rows with those that were added.
    #[must_use]
    pub fn close(mut self) -> FeedRows {
        if !self.open.times.is_empty() {
            self.seal();
        }
        self.rows
    }

    fn seal(&mut self) {
        let chunk = std::mem::take(&mut self.open).packed();
        self.bytes += chunk.bytes();
        self.rows.chunks.push(Arc::new(chunk));
    }
}

/// The places in some rows of the sets of labels and of the names of measures of others, each once it was looked for.
#[derive(Debug, Default)]
struct KnownPlaces {
    labels: Vec<Option<u32>>,
    names: Vec<Option<u32>>,
    /// The measures of one row.
    values: Vec<(u32, Decimal)>,
}

/// What is known at a place, or else what is found for it.
fn once(known: &mut Vec<Option<u32>>, place: u32, find: impl FnOnce() -> Option<u32>) -> Option<u32> {
    let place = place as usize;
    if known.len() <= place {
        known.resize(place + 1, None);
    }
    let found = known.get_mut(place)?;
    *found = found.or_else(find);
    *found
}

/// Bytes of a set of labels, near enough.
fn bytes_of(labels: &Labels) -> usize {
    128 + labels.iter().map(|(name, value)| 48 + name.len() + value.len()).sum::<usize>()
}

/// One measure of all rows.
#[derive(Clone, Copy, Debug)]
pub(in crate::domain) struct Column<'a> {
    rows: &'a FeedRows,
    name: u32,
}

impl Column<'_> {
    fn values(&self, place: u32) -> Option<(&Values, usize)> {
        let (chunk, index) = self.rows.chunk(place)?;
        Some((chunk.values(self.name)?, index))
    }

    pub(in crate::domain) fn has(&self, place: u32) -> bool {
        self.values(place).is_some_and(|(values, index)| values.has(index))
    }

    /// The value at a place.
    pub(in crate::domain) fn at(&self, place: u32) -> Option<Exact> {
        let (values, index) = self.values(place)?;
        values.get(index).map(Exact::from)
    }

    /// Writes the value at a place as a plain decimal without superfluous zeros; 0 where it is absent.
    pub(in crate::domain) fn write(&self, place: u32, text: &mut String) {
        let found = self.values(place);
        // Most are counts.
        if let Some(whole) = found.and_then(|(values, index)| values.whole(index)) {
            let _ = write!(text, "{whole}");
            return;
        }
        let decimal = found.and_then(|(values, index)| values.get(index)).unwrap_or_default();
        let _ = write!(text, "{}", decimal.normalize());
    }

    /// The sum over places; absent values count as 0.
    pub(in crate::domain) fn sum(&self, places: &[u32]) -> Exact {
        let mut by_scale: BTreeMap<u32, i128> = BTreeMap::new();
        let mut wide = Exact::ZERO;
        for run in places.chunk_by(|one, next| *one as usize / CHUNK == *next as usize / CHUNK) {
            let Some((values, _)) = run.first().and_then(|place| self.values(*place)) else { continue };
            let indices = run.iter().map(|place| *place as usize % CHUNK);
            match values {
                Values::Scaled { scale, packed, present } => {
                    let sum = match present.as_deref() {
                        None => packed.sum(indices),
                        Some(bits) => packed.sum(indices.filter(|index| packed::is_set(bits, *index))),
                    };
                    // 2^64 rows of the greatest values fit the sum.
                    *by_scale.entry(*scale).or_default() += sum;
                }
                Values::Wide(_) => {
                    wide = wide + indices.filter_map(|index| values.get(index)).map(Exact::from).sum::<Exact>();
                }
            }
        }
        by_scale.into_iter().map(|(scale, sum)| Exact::from_scaled(sum, scale)).sum::<Exact>() + wide
    }
}

#[cfg(test)]
mod tests;
