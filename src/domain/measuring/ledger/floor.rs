//! A ledger without the rows of long ago: where it begins, and what is known of the rows that it was not given.
//!
//! Invariant: a ledger with a floor answers as one with all rows would, or says what it lacks ([`Ledger::lack`]). An answer is
//! worth nothing then.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Ledger;
use super::pages::{merged, outside};
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
    /// No row that is left out is longer.
    longest: SignedDuration,
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

/// Versions of rows that are to be left out.
struct Passed {
    known_by: Timestamp,
    late: Vec<Late>,
    latest_end: Timestamp,
    /// Labels and times of the last of them that was known in time.
    known_key: Option<(u32, Span)>,
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

    /// How long the longest row is that is left out, or longer.
    pub(super) fn longest(&self) -> SignedDuration {
        self.longest
    }

    /// Seconds from the first row that is left out on.
    pub(super) fn seconds(&self) -> i64 {
        self.covered.first().map_or(0, |first| Span::new(first.start, self.since).seconds())
    }

    fn bytes(&self) -> usize {
        std::mem::size_of::<Floor>()
            + std::mem::size_of_val(self.covered.as_slice())
            + std::mem::size_of_val(self.late.as_slice())
    }
}

impl Ledger {
    /// An empty ledger whose rows begin at a floor, but for pages below it of which it is given all rows.
    pub(in crate::domain) fn above(floor: Option<&Arc<Floor>>, pages: &[Span]) -> Ledger {
        let late = floor.iter().flat_map(|floor| floor.late.iter().map(|late| late.known_at));
        let mut instants: Vec<Timestamp> = late.collect();
        instants.sort_unstable();
        instants.dedup();
        let pages = floor.map(|_| pages.to_vec()).unwrap_or_default();
        Ledger { floor: floor.cloned(), pages, instants, ..Ledger::default() }
    }

    /// Whether it was given all rows.
    pub(in crate::domain) fn is_whole(&self) -> bool {
        self.floor.is_none()
    }

    /// Whether it was given rows below its floor.
    pub(in crate::domain) fn has_pages(&self) -> bool {
        !self.pages.is_empty()
    }

    /// Whether an instant lies below the floor.
    pub(super) fn is_below(&self, start: Timestamp) -> bool {
        self.floor.as_ref().is_some_and(|floor| start < floor.since)
    }

    /// Notes that rows from an instant on are read, and what ends last before them.
    pub(super) fn reads_from(&self, start: Timestamp) {
        if self.is_below(start) {
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
    pub(super) fn covered_below(&self) -> Cow<'_, [Span]> {
        let covered = self.floor.as_ref().map_or(&[] as &[Span], |floor| &floor.covered);
        if self.pages.is_empty() { Cow::Borrowed(covered) } else { Cow::Owned(outside(covered, &self.pages)) }
    }

    /// The latest end of a row that it was not given.
    pub(super) fn latest_end_below(&self) -> Option<Timestamp> {
        if self.pages.is_empty() {
            return self.floor.as_ref().and_then(|floor| floor.latest_end());
        }
        self.covered_below().last().map(|span| span.end)
    }

    pub(super) fn bytes_of_floors(&self) -> usize {
        let found = self.found.as_ref().and_then(|found| found.floor.as_ref());
        self.floor.iter().chain(found).map(|floor| floor.bytes()).sum()
    }

    /// Forgets the floor that was found where a new row lies below it.
    pub(super) fn note_start(&mut self, start: Timestamp) {
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
        let below = below.filter(fits).or_else(|| self.floor.as_ref().filter(fits)).map(Arc::as_ref);
        if need.known_by > now || (below.is_none() && self.floor.is_some()) {
            return None;
        }
        let mut passed = self.passed_below(need, below)?;
        let Cut { since, known_by, late } = self.cut(need, below, &mut passed)?;
        passed.late.truncate(late);
        let begin = below.map_or(Timestamp::MIN, |floor| floor.since);
        let first = self.by_start.partition_point(|place| self.start(*place) < since);
        let above = self.by_start.get(first..).unwrap_or_default();
        let earliest = above.iter().map(|place| self.rows.receipt(*place).sequence).min();
        let last = || self.rows.last_sequence().max(below.map_or(0, |floor| floor.after));
        let after = earliest.map_or_else(last, |sequence| sequence - 1);
        let standing = self.known_at(now);
        let covered = below.map(|floor| floor.covered.as_slice()).unwrap_or_default();
        let given = self.pages.iter().copied().chain([Span::new(begin, since)]);
        // The union of each first: a span for each of millions of rows would take more memory than the rows.
        let given = given.flat_map(|span| standing.part_of(span).covered());
        Some(Floor {
            since,
            known_by,
            after,
            covered: merged(outside(covered, &self.pages).into_iter().chain(given)),
            late: passed.late,
            longest: below.map_or(self.longest, |floor| floor.longest.max(self.longest)),
        })
    }

    /// What a floor leaves out already: of its pages what their rows say, and of the others what the floor says. `None` where a row of
    /// a page, other than a correction, became known too late for a need.
    fn passed_below(&self, need: Need, below: Option<&Floor>) -> Option<Passed> {
        let begin = below.map_or(Timestamp::MIN, |floor| floor.since);
        let known_by = below.map_or(Timestamp::MIN, |floor| floor.known_by);
        let mut passed = Passed { known_by, late: Vec::new(), latest_end: begin, known_key: None };
        for late in below.iter().flat_map(|floor| &floor.late) {
            if self.pages.iter().any(|page| page.start <= late.start && late.start < page.end) {
                continue;
            }
            if late.known_at > need.known_by {
                passed.late.push(*late);
            } else {
                passed.known_by = passed.known_by.max(late.known_at);
            }
        }
        self.places_of_pages().all(|place| passed.pass(self, place, need)).then_some(passed)
    }

    /// The latest instant up to the need's that no row spans, before which all rows were known in time but for corrections of such, which
    /// are added to those that were passed, in order.
    fn cut(&self, need: Need, below: Option<&Floor>, passed: &mut Passed) -> Option<Cut> {
        let begin = below.map_or(Timestamp::MIN, |floor| floor.since);
        let as_it_was = below.filter(|_| passed.latest_end <= begin);
        let mut cut = as_it_was.map(|floor| passed.cut_at(floor.since));
        let first = self.by_start.partition_point(|place| self.start(*place) < begin);
        for place in self.by_start.iter().skip(first) {
            let start = self.start(*place);
            if start >= need.since {
                break;
            }
            if passed.latest_end <= start && passed.latest_end > begin {
                cut = Some(passed.cut_at(start));
            }
            if !passed.pass(self, *place, need) {
                return cut;
            }
        }
        if passed.latest_end <= need.since && passed.latest_end > begin {
            return Some(passed.cut_at(need.since));
        }
        cut
    }
}

impl Passed {
    /// Takes in a version that is to be left out; the versions of a key are neighbours, the first one first. False where it cannot be.
    fn pass(&mut self, ledger: &Ledger, place: u32, need: Need) -> bool {
        let times = ledger.rows.times(place);
        let key = (ledger.labels_at(place), Span::new(times.start, times.end));
        if times.known_at > need.known_by {
            if self.known_key != Some(key) || self.late.len() >= MOST_LATE {
                return false;
            }
            self.late.push(Late { known_at: times.known_at, start: times.start });
            return true;
        }
        self.known_key = Some(key);
        self.known_by = self.known_by.max(times.known_at);
        self.latest_end = self.latest_end.max(times.end);
        true
    }

    fn cut_at(&self, since: Timestamp) -> Cut {
        Cut { since, known_by: self.known_by, late: self.late.len() }
    }
}
