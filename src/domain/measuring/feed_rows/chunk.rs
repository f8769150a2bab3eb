//! The rows of one chunk: open while it is filled, packed afterwards.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rust_decimal::Decimal;

use super::packed::{Packed, Values};
use super::{Receipt, Times};

/// Packed rows, of each column by itself.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) start: Instants,
    /// From the start.
    length: Instants,
    /// From the end.
    lag: Instants,
    pub(super) labels: Packed,
    revision: Packed,
    sequence: Packed,
    /// By the place of the measure's name.
    pub(super) measures: Box<[(u32, Values)]>,
}

/// Instants, or distances between instants, as seconds and nanoseconds.
#[derive(Clone, Debug)]
pub(super) struct Instants {
    seconds: Packed,
    nanoseconds: Packed,
}

/// The rows of a chunk while it is filled.
#[derive(Debug, Default)]
pub(super) struct Loose {
    pub(super) times: Vec<Times>,
    pub(super) labels: Vec<i64>,
    pub(super) revision: Vec<i64>,
    pub(super) sequence: Vec<i64>,
    pub(super) measures: BTreeMap<u32, Vec<Option<Decimal>>>,
}

impl Loose {
    pub(super) fn packed(self) -> Chunk {
        let rows = self.times.len();
        let instants = |of: &dyn Fn(&Times) -> Parts| Instants::of(self.times.iter().map(of));
        Chunk {
            start: instants(&|times| Parts::of(times.start)),
            length: instants(&|times| Parts::of(times.end).minus(Parts::of(times.start))),
            lag: instants(&|times| Parts::of(times.known_at).minus(Parts::of(times.end))),
            labels: Packed::of(&self.labels),
            revision: Packed::of(&self.revision),
            sequence: Packed::of(&in_order(&self.sequence, -1)),
            measures: self
                .measures
                .into_iter()
                .map(|(name, mut values)| {
                    values.resize(rows, None);
                    (name, Values::of(&values))
                })
                .collect(),
        }
    }
}

/// Sequences that rise by one with each row, moved by the row's index so that they become one number.
fn in_order(sequences: &[i64], direction: i64) -> Vec<i64> {
    (0..).zip(sequences).map(|(index, sequence): (i64, _)| sequence.wrapping_add(index * direction)).collect()
}

impl Chunk {
    pub(super) fn end(&self, index: usize) -> Parts {
        self.start.get(index).plus(self.length.get(index))
    }

    pub(super) fn times(&self, index: usize) -> Times {
        let end = self.end(index);
        let known_at = end.plus(self.lag.get(index));
        Times { start: self.start.get(index).instant(), end: end.instant(), known_at: known_at.instant() }
    }

    pub(super) fn receipt(&self, index: usize) -> Receipt {
        let sequence = self.sequence.get(index).wrapping_add(index as i64);
        Receipt { revision: self.revision.get(index), sequence }
    }

    pub(super) fn values(&self, name: u32) -> Option<&Values> {
        self.measures.iter().find(|(own, _)| *own == name).map(|(_, values)| values)
    }

    pub(super) fn unpacked(&self, rows: usize) -> Loose {
        let numbers = |packed: &Packed| (0..rows).map(|index| packed.get(index)).collect();
        Loose {
            times: (0..rows).map(|index| self.times(index)).collect(),
            labels: numbers(&self.labels),
            revision: numbers(&self.revision),
            sequence: (0..rows).map(|index| self.receipt(index).sequence).collect(),
            measures: self
                .measures
                .iter()
                .map(|(name, values)| (*name, (0..rows).map(|index| values.get(index)).collect()))
                .collect(),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        let instants = |instants: &Instants| instants.seconds.bytes() + instants.nanoseconds.bytes();
        let measures = |(_, values): &(u32, Values)| std::mem::size_of::<(u32, Values)>() + values.bytes();
        std::mem::size_of::<Chunk>()
            + [&self.start, &self.length, &self.lag].into_iter().map(instants).sum::<usize>()
            + self.labels.bytes()
            + self.revision.bytes()
            + self.sequence.bytes()
            + self.measures.iter().map(measures).sum::<usize>()
    }
}

/// Seconds and nanoseconds of an instant or of a distance; what is taken from one and added to another is exact.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts {
    seconds: i64,
    nanoseconds: i64,
}

impl Parts {
    fn of(instant: Timestamp) -> Parts {
        Parts { seconds: instant.as_second(), nanoseconds: instant.subsec_nanosecond().into() }
    }

    fn minus(self, other: Parts) -> Parts {
        Parts { seconds: self.seconds - other.seconds, nanoseconds: self.nanoseconds - other.nanoseconds }
    }

    fn plus(self, other: Parts) -> Parts {
        Parts { seconds: self.seconds + other.seconds, nanoseconds: self.nanoseconds + other.nanoseconds }
    }

    pub(super) fn instant(self) -> Timestamp {
        // These are the parts of an instant again.
        Timestamp::new(self.seconds, self.nanoseconds as i32).unwrap_or(Timestamp::MAX)
    }
}

impl Instants {
    fn of(parts: impl Iterator<Item = Parts>) -> Instants {
        let (seconds, nanoseconds): (Vec<i64>, Vec<i64>) = parts.map(|one| (one.seconds, one.nanoseconds)).unzip();
        Instants { seconds: Packed::of(&seconds), nanoseconds: Packed::of(&nanoseconds) }
    }

    pub(super) fn get(&self, index: usize) -> Parts {
        Parts { seconds: self.seconds.get(index), nanoseconds: self.nanoseconds.get(index) }
    }
}
