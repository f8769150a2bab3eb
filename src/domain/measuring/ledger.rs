//! Everything that a feed ever said, and what of it was known at an instant.
//!
//! A ledger puts the rows of a feed in order by a calendar; what was known at an instant is a list of places in it. New rows
//! are added to a ledger: it is not built again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use super::feed_rows::{Column, FeedRows};
use super::row::{Labels, Row, is_day_as_it_was};
use crate::domain::terms::calendar::{Calendar, Span};

mod day_sums;
mod days;
mod floor;
mod known;
mod news;
mod pages;
mod standing;

pub(in crate::domain) use day_sums::{DayOfRows, SetOfDay, Total};
use days::Days;
pub use floor::{Floor, Need};
use known::Standing;
pub(in crate::domain) use known::union;
pub use known::{Known, KnownRow};
use pages::Asked;
pub(in crate::domain) use pages::Lack;
pub use pages::Wanted;
use standing::{Candidate, Settling};

/// Versions by start in one block, whose latest receipt is kept: a block that says nothing new is passed over as a whole.
const BLOCK: usize = 256;

/// Up to this many new rows are put in their places one by one; more of them are sorted with all others.
const FEW: usize = 64;

/// This many places are sorted with what they are ordered by at hand.
const AT_ONCE: usize = 16_384;

/// Which of a contract's ledgers one is.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct LedgerName {
    /// Place of the first book with its calendar; of the book whose deliverables it holds.
    pub book: usize,
    /// Its feed; `None` for deliverables.
    pub feed: Option<String>,
}

/// Every version of every row of a feed. A version is named by its row's place in the order of receipt.
#[derive(Debug, Default)]
pub struct Ledger {
    name: LedgerName,
    rows: FeedRows,
    /// Places by start, then labels, end and revision: the versions of a key are neighbours.
    by_start: Arc<Vec<u32>>,
    /// For each set of labels its place among all of them in order.
    ranks: Vec<u32>,
    /// For each block of `by_start` the latest instant at which something of it became known.
    latest_of_block: Vec<Timestamp>,
    /// The instants at which something became known, in order, each once.
    instants: Vec<Timestamp>,
    /// The local days on which rows start, by the instants at which the days begin.
    days: Vec<(Timestamp, Date)>,
    /// Rows that overlap no service hours.
    out_of_service: Bits,
    /// How long the longest row is.
    longest: SignedDuration,
    /// What holds at the latest instant that was asked for, and how many of `instants` that is.
    latest: Mutex<Option<(usize, Arc<Standing>)>>,
    /// Each set of labels as evidence has it, once that is asked for.
    label_texts: OnceLock<Vec<String>>,
    /// Where its rows begin; `None`: it has all of them.
    floor: Option<Arc<Floor>>,
    /// Spans below the floor of which it has all rows, every revision; in order, and they do not touch.
    pages: Vec<Span>,
    /// What it was asked that rows decide which it does not have.
    asked: Mutex<Asked>,
    /// The floor that would do.
    found: Option<floor::Found>,
}

/// Flags by place. Places beyond the last one that was set have none.
#[derive(Debug, Default)]
struct Bits(Vec<u64>);

impl Bits {
    fn set(&mut self, place: u32) {
        let word = place as usize / 64;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0.get_mut(word).into_iter().for_each(|word| *word |= 1 << (place % 64));
    }

    fn has(&self, place: u32) -> bool {
        self.0.get(place as usize / 64).is_some_and(|word| word >> (place % 64) & 1 == 1)
    }
}

/// What versions are ordered by.
type Order = (Timestamp, u32, Timestamp, i64, Timestamp, i64, u32);

impl Ledger {
    /// The ledger of a feed: its rows in any order, every revision.
    pub fn of_feed(rows: &[Row], calendar: &Calendar) -> Ledger {
        Self::of_rows(&rows.iter().collect(), calendar)
    }

    /// The ledger of the rows of a feed.
    pub fn of_rows(rows: &FeedRows, calendar: &Calendar) -> Ledger {
        let mut ledger = Ledger::default();
        ledger.take_in(rows, Some(calendar), calendar);
        ledger
    }

    /// The ledger of rows that concern no hours of service, such as those of the contract's own deliverables.
    pub fn of_contract(rows: &[Row], calendar: &Calendar) -> Ledger {
        let mut ledger = Ledger::default();
        ledger.take_in(&rows.iter().collect(), None, calendar);
        ledger
    }

    /// The same under a name.
    #[must_use]
    pub(in crate::domain) fn named(self, name: LedgerName) -> Ledger {
        Ledger { name, ..self }
    }

    /// Which of its contract's ledgers it is.
    pub(in crate::domain) fn name(&self) -> &LedgerName {
        &self.name
    }

    /// Takes in what rows have more than those that it was made of. They must begin with those.
    pub(in crate::domain) fn extend(&mut self, rows: &FeedRows, calendar: &Calendar) {
        self.take_in(rows, Some(calendar), calendar);
    }

    /// Bytes that it takes in memory without its rows.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let standing = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let standing = standing.as_ref().map_or(0, |(_, standing)| standing.bytes(&self.by_start));
        let texts = self.label_texts.get().map_or(0, |texts| texts.iter().map(|text| text.len() + 24).sum());
        4 * self.by_start.len()
            + 4 * self.ranks.len()
            + std::mem::size_of::<Timestamp>() * (self.latest_of_block.len() + self.instants.len())
            + std::mem::size_of::<(Timestamp, Date)>() * self.days.len()
            + 8 * self.out_of_service.0.len()
            + standing
            + texts
            + self.bytes_of_floors()
    }

    fn take_in(&mut self, rows: &FeedRows, service: Option<&Calendar>, calendar: &Calendar) {
        let new = self.rows.len() as u32..rows.len() as u32;
        if new.is_empty() {
            return;
        }
        self.rows = rows.clone();
        let latest = self.latest.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let all_known = latest.filter(|(instants, _)| *instants == self.instants.len()).map(|(_, standing)| standing);
        if self.ranks.len() < self.rows.label_sets().len() {
            self.ranks = ranks(self.rows.label_sets());
            self.label_texts = OnceLock::new();
        }
        let mut sorted: Vec<u32> = new.clone().collect();
        self.sort(&mut sorted);
        if let Some(first) = sorted.first() {
            self.note_start(self.start(*first));
            self.note_strays(&sorted);
        }
        self.note_days(&sorted, service, calendar);
        self.note_instants(new);
        let first = self.put_in_order(&sorted);
        let blocks = self.by_start.chunks(BLOCK).skip(first / BLOCK);
        let latest = |block: &[u32]| block.iter().map(|place| self.known_from(*place)).max();
        let latest: Vec<Timestamp> = blocks.map(|block| latest(block).unwrap_or(Timestamp::MIN)).collect();
        self.latest_of_block.truncate(first / BLOCK);
        self.latest_of_block.extend(latest);
        if let Some(standing) = all_known.filter(|_| sorted.len() <= FEW) {
            self.go_on_from(&standing, &sorted);
        }
    }

    /// What holds when all is known, of what held without new versions: where none of those touches another version with its
    /// labels, they are added to the others.
    fn go_on_from(&mut self, before: &Standing, new: &[u32]) {
        if !new.iter().all(|place| self.is_alone(*place)) {
            return;
        }
        let all_hold = before.places().len() + new.len() == self.by_start.len();
        let places = if all_hold {
            Arc::clone(&self.by_start)
        } else {
            let mut places = before.places().to_vec();
            for place in new {
                let order = self.order(*place);
                places.insert(places.partition_point(|other| self.order(*other) < order), *place);
            }
            Arc::new(places)
        };
        let spans = new.iter().map(|place| self.span(*place));
        let days: Vec<Timestamp> = new.iter().map(|place| self.day_begins(self.start(*place))).collect();
        let standing = Arc::new(before.with(places, spans, &days));
        *self.latest.get_mut().unwrap_or_else(PoisonError::into_inner) = Some((self.instants.len(), standing));
    }

    fn order(&self, place: u32) -> Order {
        let (times, receipt) = (self.rows.times(place), self.rows.receipt(place));
        let rank = self.ranks.get(self.labels_at(place) as usize).copied().unwrap_or(u32::MAX);
        (times.start, rank, times.end, receipt.revision, times.known_at, receipt.sequence, place)
    }

    /// Sorts places without holding what all of them are ordered by at once: rows come nearly in order, so that sorted parts
    /// follow one another, which the last sort notices.
    fn sort(&self, places: &mut [u32]) {
        places.chunks_mut(AT_ONCE).for_each(|part| part.sort_by_cached_key(|place| self.order(*place)));
        if places.len() > AT_ONCE {
            places.sort_by_key(|place| self.order(*place));
        }
    }

    /// Puts new places, which are in order, where they belong; the first index of `by_start` that changed.
    fn put_in_order(&mut self, new: &[u32]) -> usize {
        let before = self.by_start.len();
        let mut by_start = std::mem::take(&mut self.by_start);
        let places = Arc::make_mut(&mut by_start);
        let follows = new.first().zip(places.last()).is_none_or(|(new, last)| self.order(*last) < self.order(*new));
        let first = if follows {
            places.extend_from_slice(new);
            before
        } else if new.len() <= FEW {
            let mut first = before;
            for place in new {
                let order = self.order(*place);
                let index = places.partition_point(|other| self.order(*other) < order);
                places.insert(index, *place);
                first = first.min(index);
            }
            first
        } else {
            places.extend_from_slice(new);
            self.sort(places);
            0
        };
        self.by_start = by_start;
        first
    }

    fn note_days(&mut self, sorted: &[u32], service: Option<&Calendar>, calendar: &Calendar) {
        let mut days = Days::new(calendar);
        let mut found: Vec<(Timestamp, Date)> = Vec::new();
        for place in sorted {
            let span = self.rows.span(*place);
            let day = days.day_of(span.start);
            if found.last() != Some(&day) {
                found.push(day);
            }
            self.longest = self.longest.max(span.end.duration_since(span.start));
            if service.is_some() && !days.overlaps_service(span) {
                self.out_of_service.set(*place);
            }
        }
        self.days.extend(found);
        self.days.sort_unstable();
        self.days.dedup();
    }

    fn note_instants(&mut self, new: std::ops::Range<u32>) {
        // Rows that follow one another mostly became known together: an instant for each of millions of rows would be most of the memory that
        // a first judgement takes.
        let mut instants: Vec<Timestamp> = Vec::new();
        for place in new {
            let instant = self.known_from(place);
            if instants.last() != Some(&instant) {
                instants.push(instant);
            }
        }
        instants.sort_unstable();
        instants.dedup();
        self.instants.extend(instants);
        // Two sorted runs: a stable sort merges them.
        self.instants.sort();
        self.instants.dedup();
    }

    /// The instants at which something became known, in order, each once.
    #[cfg(test)]
    pub fn instants(&self) -> &[Timestamp] {
        &self.instants
    }

    /// The instants after one at which something became known, in order, each once.
    pub fn instants_after(&self, after: Timestamp) -> &[Timestamp] {
        self.reads_at(after);
        self.instants.get(self.instants.partition_point(|instant| *instant <= after)..).unwrap_or_default()
    }

    /// Whether something was known at an instant.
    pub(in crate::domain) fn has_rows_by(&self, at: Timestamp) -> bool {
        self.reads_at(at);
        self.instants.first().is_some_and(|first| *first <= at) || !self.is_whole()
    }

    /// The rows known at an instant: of each key (labels, start, end) the highest revision, without the rows that overlap
    /// an earlier received one of the same labels. A day of 24 hours yields to the same day with the length that it has in its zone.
    pub fn known_at(&self, now: Timestamp) -> Known<'_> {
        self.reads_at(now);
        // Between two instants at which something became known, the same rows hold.
        let passed = self.instants.partition_point(|instant| *instant <= now);
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let standing = match &*latest {
            Some((instants, standing)) if *instants == passed => Arc::clone(standing),
            known => {
                let is_later = known.as_ref().is_none_or(|(instants, _)| *instants < passed);
                let standing = Arc::new(self.standing_at(now));
                if is_later {
                    *latest = Some((passed, Arc::clone(&standing)));
                }
                standing
            }
        };
        Known::all(self, standing)
    }

    fn standing_at(&self, now: Timestamp) -> Standing {
        let mut settling = Settling::of(self.ranks.len());
        let mut key: Option<Candidate> = None;
        for place in self.by_start.iter().copied() {
            let times = self.rows.times(place);
            if times.known_at > now {
                continue;
            }
            let (labels, span) = (self.labels_at(place), Span::new(times.start, times.end));
            let received = (times.known_at, self.rows.receipt(place).sequence);
            match &mut key {
                Some(last) if last.labels == labels && last.span == span => {
                    last.place = place;
                    last.received = last.received.min(received);
                }
                Some(last) if last.labels == labels && is_same_day(last.span, span) => {
                    last.received = last.received.min(received);
                    if is_corrected_day(last.span, span) {
                        (last.place, last.span) = (place, span);
                    }
                }
                _ => key
                    .replace(Candidate { labels, span, place, received })
                    .into_iter()
                    .for_each(|one| settling.add(one)),
            }
        }
        key.into_iter().for_each(|last| settling.add(last));
        let (holding, mut rejected) = settling.settled();
        rejected.sort_by_cached_key(|place| {
            let (start, rank, end, ..) = self.order(*place);
            (rank, start, end)
        });
        let all = holding.len() == self.by_start.len();
        let places = match all {
            true => Arc::clone(&self.by_start),
            false => {
                let mut flags = Bits::default();
                holding.iter().for_each(|place| flags.set(*place));
                Arc::new(self.by_start.iter().copied().filter(|place| flags.has(*place)).collect())
            }
        };
        Standing::of(places, rejected)
    }

    /// How long the longest row is.
    pub(in crate::domain) fn longest(&self) -> SignedDuration {
        self.longest
    }

    /// How many versions there are.
    pub(in crate::domain) fn len(&self) -> u32 {
        self.rows.len() as u32
    }

    pub(in crate::domain) fn start(&self, place: u32) -> Timestamp {
        self.rows.start(place)
    }

    pub(in crate::domain) fn span(&self, place: u32) -> Span {
        self.rows.span(place)
    }

    /// From when on a judgement may know a version.
    pub(in crate::domain) fn known_from(&self, place: u32) -> Timestamp {
        self.rows.times(place).known_at
    }

    /// The place of a version's set of labels.
    pub(in crate::domain) fn labels_at(&self, place: u32) -> u32 {
        self.rows.labels_at(place)
    }

    /// Whether a version overlaps service hours.
    pub(in crate::domain) fn in_service(&self, place: u32) -> bool {
        !self.out_of_service.has(place)
    }

    /// The local day of a version's start.
    pub(in crate::domain) fn day(&self, place: u32) -> Date {
        let start = self.start(place);
        let after = self.days.partition_point(|(begins, _)| *begins <= start);
        after.checked_sub(1).and_then(|day| self.days.get(day)).map_or(Date::ZERO, |(_, day)| *day)
    }

    /// Each set of labels once; versions name them by place.
    pub(in crate::domain) fn label_sets(&self) -> &[Arc<Labels>] {
        self.rows.label_sets()
    }

    pub(in crate::domain) fn column(&self, measure: &str) -> Option<Column<'_>> {
        self.rows.column(measure)
    }

    pub(in crate::domain) fn columns(&self) -> BTreeMap<&str, Column<'_>> {
        self.rows.columns()
    }

    pub(in crate::domain) fn labels(&self, place: u32) -> &Labels {
        self.label_set(self.labels_at(place))
    }

    /// A set of labels by its place among all of them.
    pub(in crate::domain) fn label_set(&self, set: u32) -> &Labels {
        static NONE: Labels = Labels::new();
        self.label_sets().get(set as usize).map_or(&NONE, Arc::as_ref)
    }

    /// A version's labels as evidence has them.
    pub(in crate::domain) fn label_text(&self, place: u32) -> &str {
        let texts =
            self.label_texts.get_or_init(|| self.label_sets().iter().map(|labels| canonical_labels(labels)).collect());
        texts.get(self.labels_at(place) as usize).map_or("{}", String::as_str)
    }

    /// For each set of labels its value of one label.
    pub(in crate::domain) fn values_of_label(&self, name: &str) -> Vec<Option<&str>> {
        self.label_sets().iter().map(|labels| labels.get(name).map(String::as_str)).collect()
    }

    /// For each set of labels whether it has all that are wanted.
    pub(in crate::domain) fn carrying(&self, wanted: &Labels) -> Vec<bool> {
        self.label_sets().iter().map(|labels| carries(labels, wanted)).collect()
    }
}

/// Whether labels hold all that are wanted.
pub fn carries(labels: &Labels, wanted: &Labels) -> bool {
    wanted.iter().all(|(name, value)| labels.get(name) == Some(value))
}

/// Whether two rows with the same labels are one day, of which one has the length that the day has in its zone.
fn is_same_day(one: Span, other: Span) -> bool {
    is_corrected_day(one, other) || is_corrected_day(other, one)
}

fn is_corrected_day(stored: Span, other: Span) -> bool {
    let length = |span: Span| span.end.duration_since(span.start);
    stored.start == other.start && is_day_as_it_was(length(stored), length(other))
}

/// Labels as canonical JSON: names sorted by their bytes, no spaces.
fn canonical_labels(labels: &Labels) -> String {
    serde_json::to_string(labels).unwrap_or_default()
}

/// For each set of labels its place among all in their own order, so that no order of receipt is left in what is sorted by it.
fn ranks(sets: &[Arc<Labels>]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..).take(sets.len()).collect();
    order.sort_unstable_by_key(|set| sets.get(*set as usize));
    let mut ranks = vec![0; sets.len()];
    for (rank, set) in (0..).zip(order) {
        ranks.get_mut(set as usize).into_iter().for_each(|slot| *slot = rank);
    }
    ranks
}

#[cfg(test)]
mod tests;
