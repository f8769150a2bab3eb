//! A ledger without the rows of long ago: where it begins, and what is known of the rows that it was not given.
//!
//! Invariant: a ledger with a floor answers as one with all rows would, or says that it cannot ([`Ledger::is_short`]). An answer is
//! worth nothing then.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Ledger, union};
use crate::domain::terms::calendar::Span;

/// Where a ledger begins. The rows that start earlier are left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Floor {
    /// No row is left out that starts at this instant or later, or that ends after it.
    pub since: Timestamp,
    /// By then all that is left out was known, but for late corrections.
    pub known_by: Timestamp,
    /// What is not left out was received after this sequence.
    pub after: i64,
    /// The union of the times of the rows that are left out and stand.
    covered: Vec<Span>,
    /// Corrections of rows that are left out which became known later.
    late: Vec<Late>,
}

/// A correction of a row that is left out: it changes figures below the floor, and not which times rows cover.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Late {
    known_at: Timestamp,
    start: Timestamp,
}

/// At most this many late corrections are left out.
const MOST_LATE: usize = 1_000;

/// An instant that no row spans.
struct Cut {
    since: Timestamp,
    known_by: Timestamp,
    /// How many of the late corrections start before it.
    late: usize,
}

/// From when on the rows of a feed are needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// No row is asked for that starts earlier.
    pub since: Timestamp,
    /// Nothing is asked as known before this instant.
    pub known_by: Timestamp,
}

/// The floor that was found last, and for what.
#[derive(Debug)]
pub(super) struct Found {
    need: Need,
    floor: Option<Arc<Floor>>,
}

impl Floor {
    fn latest_end(&self) -> Option<Timestamp> {
        self.covered.last().map(|span| span.end)
    }

    fn bytes(&self) -> usize {
        std::mem::size_of::<Floor>()
            + std::mem::size_of_val(self.covered.as_slice())
            + std::mem::size_of_val(self.late.as_slice())
    }
}

impl Ledger {
    /// An empty ledger whose rows begin at a floor.
    pub(in crate::domain) fn above(floor: Option<&Arc<Floor>>) -> Ledger {
        let late = floor.iter().flat_map(|floor| floor.late.iter().map(|late| late.known_at));
        let mut instants: Vec<Timestamp> = late.collect();
        instants.sort_unstable();
        instants.dedup();
        Ledger { floor: floor.cloned(), instants, ..Ledger::default() }
    }

    /// Whether something was asked that rows decide which it was not given.
    pub(in crate::domain) fn is_short(&self) -> bool {
        self.short.load(Ordering::Relaxed)
    }

    /// Whether it was given all rows.
    pub(in crate::domain) fn is_whole(&self) -> bool {
        self.floor.is_none()
    }

    /// Notes that an answer needs rows that it was not given.
    pub(in crate::domain) fn fall_short(&self) {
        if self.floor.is_some() {
            self.short.store(true, Ordering::Relaxed);
        }
    }

    /// Notes that rows from an instant on are read.
    pub(super) fn reads_from(&self, start: Timestamp) {
        if self.floor.as_ref().is_some_and(|floor| start < floor.since) {
            self.fall_short();
        }
    }

    /// Notes that what was known at an instant is read.
    pub(super) fn reads_at(&self, at: Timestamp) {
        if self.floor.as_ref().is_some_and(|floor| at < floor.known_by) {
            self.fall_short();
        }
    }

    /// The instants in `]after, until]` at which corrections became known of rows that it was not given and that start in a window.
    pub(super) fn learnt_below(
        &self,
        window: Span,
        after: Timestamp,
        until: Timestamp,
    ) -> impl Iterator<Item = Timestamp> + '_ {
        let late = self.floor.iter().flat_map(|floor| &floor.late);
        let late = late.filter(move |late| window.start <= late.start && late.start < window.end);
        late.map(|late| late.known_at).filter(move |instant| after < *instant && *instant <= until)
    }

    /// The times of the rows that it was not given.
    pub(super) fn covered_below(&self) -> &[Span] {
        self.floor.as_ref().map_or(&[], |floor| &floor.covered)
    }

    /// The latest end of a row that it was not given.
    pub(super) fn latest_end_below(&self) -> Option<Timestamp> {
        self.floor.as_ref().and_then(|floor| floor.latest_end())
    }

    pub(super) fn bytes_of_floors(&self) -> usize {
        let found = self.found.as_ref().and_then(|found| found.floor.as_ref());
        self.floor.iter().chain(found).map(|floor| floor.bytes()).sum()
    }

    /// Forgets the floor that was found where a new row lies below it.
    pub(super) fn note_start(&mut self, start: Timestamp) {
        self.reads_from(start);
        self.found.take_if(|found| found.floor.as_ref().is_some_and(|floor| start < floor.since));
    }

    /// The highest floor that a need leaves, of what is known at an instant at which all that is left out is known; `None` where no row
    /// can be left out.
    pub(in crate::domain) fn floor_for(&mut self, need: Need, now: Timestamp) -> Option<Arc<Floor>> {
        let known = self.found.as_ref().filter(|found| found.need == need).map(|found| found.floor.clone());
        known.unwrap_or_else(|| {
            let floor = self.find_floor(need, now).map(Arc::new);
            self.found = Some(Found { need, floor: floor.clone() });
            floor
        })
    }

    fn find_floor(&self, need: Need, now: Timestamp) -> Option<Floor> {
        let below = self.found.as_ref().and_then(|found| found.floor.as_ref()).or(self.floor.as_ref());
        let fits = |floor: &&Arc<Floor>| floor.since <= need.since && floor.known_by <= need.known_by;
        // What is left out already cannot be brought back.
        let below = below.filter(fits).or_else(|| self.floor.as_ref().filter(fits));
        if need.known_by > now || (below.is_none() && self.floor.is_some()) {
            return None;
        }
        let mut late: Vec<Late> = below.map(|floor| floor.late.clone()).unwrap_or_default();
        let in_time = late.iter().map(|late| late.known_at).filter(|known_at| *known_at <= need.known_by).max();
        late.retain(|late| late.known_at > need.known_by);
        let Cut { since, known_by, late: late_count } = self.cut(need, below.map(Arc::as_ref), &mut late)?;
        late.truncate(late_count);
        let known_by = in_time.map_or(known_by, |in_time| known_by.max(in_time));
        let begin = below.map_or(Timestamp::MIN, |floor| floor.since);
        let first = self.by_start.partition_point(|place| self.start(*place) < since);
        let above = self.by_start.get(first..).unwrap_or_default();
        let earliest = above.iter().map(|place| self.rows.receipt(*place).sequence).min();
        let last = || self.rows.last_sequence().max(below.map_or(0, |floor| floor.after));
        let after = earliest.map_or_else(last, |sequence| sequence - 1);
        let standing = self.known_at(now);
        let added = standing.part_of(Span::new(begin, since));
        let added = added.places_above().iter().map(|place| self.span(*place));
        let covered = below.map(|floor| floor.covered.as_slice()).unwrap_or_default();
        Some(Floor { since, known_by, after, covered: union(covered.iter().copied().chain(added)), late })
    }

    /// The latest instant up to the need's that no row spans, before which all rows were known in time but for corrections of such, which
    /// are added to `late` in order.
    fn cut(&self, need: Need, below: Option<&Floor>, late: &mut Vec<Late>) -> Option<Cut> {
        let begin = below.map_or(Timestamp::MIN, |floor| floor.since);
        let mut known_by = below.map_or(Timestamp::MIN, |floor| floor.known_by);
        let mut cut = below.map(|floor| Cut { since: floor.since, known_by, late: late.len() });
        let mut latest_end = begin;
        let mut known_key: Option<(u32, Span)> = None;
        let first = self.by_start.partition_point(|place| self.start(*place) < begin);
        for place in self.by_start.iter().skip(first) {
            let times = self.rows.times(*place);
            if times.start >= need.since {
                break;
            }
            if latest_end <= times.start && latest_end > begin {
                cut = Some(Cut { since: times.start, known_by, late: late.len() });
            }
            let key = (self.labels_at(*place), Span::new(times.start, times.end));
            if times.known_at > need.known_by {
                // The versions of a key are neighbours, the first one first.
                if known_key != Some(key) || late.len() >= MOST_LATE {
                    return cut;
                }
                late.push(Late { known_at: times.known_at, start: times.start });
                continue;
            }
            known_key = Some(key);
            known_by = known_by.max(times.known_at);
            latest_end = latest_end.max(times.end);
        }
        if latest_end <= need.since && latest_end > begin {
            return Some(Cut { since: need.since, known_by, late: late.len() });
        }
        cut
    }
}
