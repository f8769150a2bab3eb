//! What became known between two instants, and which rows it leaves as they are.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{BLOCK, FEW, Ledger};
use crate::domain::terms::calendar::Span;

impl Ledger {
    /// The instants in `]after, until]` at which something became known of rows that start in a window.
    pub fn learnt(&self, window: Span, after: Timestamp, until: Timestamp) -> BTreeSet<Timestamp> {
        if self.floor.as_ref().is_some_and(|floor| window.start < floor.since) {
            // What lies below a floor was known before.
            self.reads_at(after);
        }
        let starts_before = |instant: Timestamp| self.by_start.partition_point(|place| self.start(*place) < instant);
        let (first, end) = (starts_before(window.start), starts_before(window.end));
        let blocks =
            self.latest_of_block.iter().enumerate().skip(first / BLOCK).take_while(|(block, _)| block * BLOCK < end);
        let late = blocks.filter(|(_, latest)| **latest > after);
        let places = late.flat_map(|(block, _)| {
            let places = (block * BLOCK).max(first)..((block + 1) * BLOCK).min(end);
            self.by_start.get(places).unwrap_or_default()
        });
        let known = places.map(|place| self.known_from(*place));
        let known = known.filter(|instant| after < *instant && *instant <= until);
        known.chain(self.learnt_below(window, after, until)).collect()
    }

    /// Whether it was given all rows that start in a window, and knows which of them were known at an instant.
    pub(in crate::domain) fn has_all_of(&self, window: Span, at: Timestamp) -> bool {
        self.floor.as_ref().is_none_or(|floor| floor.since <= window.start && floor.known_by <= at)
    }

    /// The starts of the rows that became known in `]after, until]`, where none of them overlaps another row of its labels: all others stay as
    /// they are then. `None` where one does, and where there are many.
    pub(in crate::domain) fn news(&self, after: Timestamp, until: Timestamp) -> Option<Vec<Timestamp>> {
        let blocks = self.by_start.chunks(BLOCK).zip(&self.latest_of_block);
        let places = blocks.filter(|(_, latest)| **latest > after).flat_map(|(block, _)| block).copied();
        let mut starts = Vec::new();
        for place in places {
            let known_from = self.known_from(place);
            if known_from <= after || until < known_from {
                continue;
            }
            if starts.len() >= FEW || !self.is_alone(place) {
                return None;
            }
            starts.push(self.start(place));
        }
        Some(starts)
    }

    /// Whether no other version with the labels of this one overlaps it.
    pub(super) fn is_alone(&self, place: u32) -> bool {
        let (span, labels) = (self.span(place), self.labels_at(place));
        // What starts earlier has ended by then.
        let from = span.start.checked_sub(self.longest).unwrap_or(Timestamp::MIN);
        let first = self.by_start.partition_point(|other| self.start(*other) < from);
        let near = self.by_start.iter().copied().skip(first).take_while(|other| self.start(*other) < span.end);
        let mut others = near.filter(|other| *other != place && self.labels_at(*other) == labels);
        others.all(|other| !self.span(other).overlaps(&span))
    }
}
