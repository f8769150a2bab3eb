//! Everything that a feed ever said, kept in columns, and what of it was known at an instant.
//!
//! A ledger is built once for what a feed has said; what was known at an instant is a list of places in it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;

use super::calendar::{Calendar, Span};
use super::exact::Exact;
use super::measures::Row;

mod known;

use known::Standing;
pub(super) use known::union;
pub use known::{Known, KnownRow};

/// A set of labels, as rows carry it.
pub type Labels = BTreeMap<String, String>;

/// Versions by start in one block, whose latest receipt is kept: a block that says nothing new is passed over as a whole.
const BLOCK: usize = 256;

/// Every version of every row of a feed.
#[derive(Debug, Default)]
pub struct Ledger {
    /// By labels, start, end; the versions of a key are neighbours.
    versions: Vec<Version>,
    /// Each set of labels once.
    label_sets: Vec<Labels>,
    /// A column for each measure, as long as `versions`.
    columns: BTreeMap<String, Column>,
    /// Places of `versions` by start, then labels and end.
    by_start: Vec<u32>,
    /// For each block of `by_start` the latest instant at which something of it became known.
    latest_of_block: Vec<Timestamp>,
    /// The instants at which something became known, in order, each once.
    instants: Vec<Timestamp>,
    /// How long the longest row is.
    longest: SignedDuration,
    /// What stands at the latest instant that was asked for, with how many of `instants` that is.
    latest: Mutex<Option<(usize, Arc<Standing>)>>,
    /// For each version the beginning of its line of evidence, once that is asked for.
    keys: OnceLock<Vec<String>>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Version {
    pub(super) span: Span,
    /// The local day of the start.
    pub(super) day: Date,
    pub(super) labels: u32,
    /// Whether it overlaps service hours.
    pub(super) in_service: bool,
    pub(super) known_at: Timestamp,
    sequence: i64,
}

impl Version {
    /// When it was received: of two rows that cannot both be true, the earlier one stands.
    fn received(&self) -> (Timestamp, i64) {
        (self.known_at, self.sequence)
    }
}

/// One measure of all versions.
#[derive(Clone, Debug)]
pub(super) enum Column {
    /// Decimals of one scale that fit 64 bits; `ABSENT` where a version lacks the measure.
    Scaled { scale: u32, values: Vec<i64> },
    /// Any decimals.
    Wide(Vec<Option<Decimal>>),
}

/// No value: a decimal of it would need 19 digits, which scaled columns never have.
const ABSENT: i64 = i64::MIN;

impl Column {
    fn of(values: Vec<Option<Decimal>>) -> Column {
        let scale = values.iter().flatten().map(Decimal::scale).max().unwrap_or(0);
        let scaled: Option<Vec<i64>> =
            values.iter().map(|value| value.map_or(Some(ABSENT), |value| scaled(value, scale))).collect();
        match scaled {
            Some(values) => Column::Scaled { scale, values },
            None => Column::Wide(values),
        }
    }

    pub(super) fn has(&self, place: u32) -> bool {
        match self {
            Column::Scaled { values, .. } => values.get(place as usize).is_some_and(|value| *value != ABSENT),
            Column::Wide(values) => values.get(place as usize).is_some_and(Option::is_some),
        }
    }

    /// The value at a place.
    pub(super) fn at(&self, place: u32) -> Option<Exact> {
        match self {
            Column::Scaled { scale, values } => values
                .get(place as usize)
                .filter(|value| **value != ABSENT)
                .map(|value| Exact::from_scaled((*value).into(), *scale)),
            Column::Wide(values) => values.get(place as usize).copied().flatten().map(Exact::from),
        }
    }

    /// Writes the value at a place as a plain decimal without superfluous zeros; 0 where it is absent.
    pub(super) fn write(&self, place: u32, text: &mut String) {
        let decimal = match self {
            Column::Scaled { scale, values } => {
                let value = values.get(place as usize).copied().filter(|value| *value != ABSENT).unwrap_or(0);
                Decimal::from_i128_with_scale(value.into(), *scale)
            }
            Column::Wide(values) => values.get(place as usize).copied().flatten().unwrap_or_default(),
        };
        let _ = write!(text, "{}", decimal.normalize());
    }

    /// The sum over places; absent values count as 0.
    pub(super) fn sum(&self, places: &[u32]) -> Exact {
        match self {
            Column::Scaled { scale, values } => {
                let present = places.iter().filter_map(|place| values.get(*place as usize));
                // 2^64 rows of the greatest values fit the sum.
                let sum: i128 = present.map(|value| if *value == ABSENT { 0 } else { i128::from(*value) }).sum();
                Exact::from_scaled(sum, *scale)
            }
            Column::Wide(values) => {
                places.iter().filter_map(|place| values.get(*place as usize).copied().flatten()).map(Exact::from).sum()
            }
        }
    }
}

fn scaled(value: Decimal, scale: u32) -> Option<i64> {
    let factor = 10_i128.checked_pow(scale.checked_sub(value.scale())?)?;
    let scaled = i64::try_from(value.mantissa().checked_mul(factor)?).ok()?;
    (scaled != ABSENT).then_some(scaled)
}

impl Ledger {
    /// The ledger of a feed: its rows in any order, every revision.
    pub fn of_feed(rows: &[Row], calendar: &Calendar) -> Ledger {
        Self::build(rows, calendar, false)
    }

    /// The ledger of rows that concern no hours of service, such as those of the contract's own deliverables.
    pub fn of_contract(rows: &[Row], calendar: &Calendar) -> Ledger {
        Self::build(rows, calendar, true)
    }

    fn build(rows: &[Row], calendar: &Calendar, at_any_hour: bool) -> Ledger {
        let (label_sets, labels_of) = intern(rows);
        let mut order: Vec<(u32, &Row)> = labels_of.into_iter().zip(rows).collect();
        let key = |(labels, row): &(u32, &Row)| (*labels, row.start, row.end, row.revision, row.known_at, row.sequence);
        order.sort_unstable_by_key(key);
        let mut versions: Vec<Version> = order
            .iter()
            .map(|(labels, row)| Version {
                span: Span::new(row.start, row.end),
                day: Date::ZERO,
                labels: *labels,
                in_service: at_any_hour,
                known_at: row.known_at,
                sequence: row.sequence,
            })
            .collect();
        let mut by_start: Vec<u32> = (0..).take(versions.len()).collect();
        by_start.sort_by_key(|place| versions.get(*place as usize).map(|version| version.span.start));
        let mut days = Days::new(calendar);
        for place in &by_start {
            if let Some(version) = versions.get_mut(*place as usize) {
                version.day = days.day_of(version.span.start);
                version.in_service = at_any_hour || days.overlaps_service(version.span);
            }
        }
        let known_at = |place: &u32| versions.get(*place as usize).map(|version| version.known_at);
        let latest_of_block = by_start
            .chunks(BLOCK)
            .map(|block| block.iter().filter_map(known_at).max().unwrap_or(Timestamp::MIN))
            .collect();
        let mut instants: Vec<Timestamp> = versions.iter().map(|version| version.known_at).collect();
        instants.sort_unstable();
        instants.dedup();
        let length = |version: &Version| version.span.end.duration_since(version.span.start);
        let longest = versions.iter().map(length).max().unwrap_or(SignedDuration::ZERO);
        let columns = columns(&order);
        let (latest, keys) = (Mutex::default(), OnceLock::new());
        Ledger { versions, label_sets, columns, by_start, latest_of_block, instants, longest, latest, keys }
    }

    /// The instants at which something became known, in order, each once.
    pub fn instants(&self) -> &[Timestamp] {
        &self.instants
    }

    /// The instants in `]after, until]` at which something became known of rows that start in a window.
    pub fn learnt(&self, window: Span, after: Timestamp, until: Timestamp) -> BTreeSet<Timestamp> {
        let starts_before = |instant: Timestamp| {
            self.by_start.partition_point(|place| self.version(*place).is_some_and(|one| one.span.start < instant))
        };
        let (first, end) = (starts_before(window.start), starts_before(window.end));
        let blocks =
            self.latest_of_block.iter().enumerate().skip(first / BLOCK).take_while(|(block, _)| block * BLOCK < end);
        let late = blocks.filter(|(_, latest)| **latest > after);
        let places = late.flat_map(|(block, _)| {
            let places = (block * BLOCK).max(first)..((block + 1) * BLOCK).min(end);
            self.by_start.get(places).unwrap_or_default()
        });
        let known = places.filter_map(|place| self.version(*place)).map(|version| version.known_at);
        known.filter(|instant| after < *instant && *instant <= until).collect()
    }

    /// The rows known at an instant: of each key (labels, start, end) the highest revision, without the rows that overlap
    /// an earlier received one of the same labels.
    pub fn known_at(&self, now: Timestamp) -> Known<'_> {
        // Between two instants at which something became known, what stands is the same.
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
        let mut stands = vec![false; self.versions.len()];
        let mut rejected = Vec::new();
        let mut group: Vec<Candidate> = Vec::new();
        let mut group_labels = None;
        for candidate in self.candidates(now) {
            if group_labels != Some(candidate.labels) {
                settle(&group, &mut stands, &mut rejected);
                group.clear();
                group_labels = Some(candidate.labels);
            }
            group.push(candidate);
        }
        settle(&group, &mut stands, &mut rejected);
        let places = self.by_start.iter().copied().filter(|place| stands.get(*place as usize) == Some(&true)).collect();
        rejected.sort_unstable();
        Standing::of(places, rejected)
    }

    /// Each key that is known at an instant, with the version that counts, by labels, start and end.
    fn candidates(&self, now: Timestamp) -> Vec<Candidate> {
        let mut candidates: Vec<Candidate> = Vec::with_capacity(self.versions.len());
        for (place, version) in (0_u32..).zip(&self.versions) {
            if version.known_at > now {
                continue;
            }
            match candidates.last_mut() {
                Some(last) if last.labels == version.labels && last.span == version.span => {
                    last.place = place;
                    last.received = last.received.min(version.received());
                }
                _ => candidates.push(Candidate {
                    labels: version.labels,
                    span: version.span,
                    place,
                    received: version.received(),
                }),
            }
        }
        candidates
    }

    /// `["<start>","<end>",{<labels>},{`: what the evidence of a version has before its measures.
    fn canonical_keys(&self) -> &[String] {
        self.keys.get_or_init(|| {
            let labels: Vec<String> = self.label_sets.iter().map(canonical_labels).collect();
            let key = |version: &Version| {
                let labels = labels.get(version.labels as usize).map_or("{}", String::as_str);
                format!("[\"{}\",\"{}\",{labels},{{", version.span.start, version.span.end)
            };
            self.versions.iter().map(key).collect()
        })
    }

    pub(super) fn version(&self, place: u32) -> Option<&Version> {
        self.versions.get(place as usize)
    }

    /// Every version with its place.
    pub(super) fn versions(&self) -> impl Iterator<Item = (u32, &Version)> {
        (0..).zip(&self.versions)
    }

    /// Each set of labels once; versions name them by place.
    pub(super) fn label_sets(&self) -> &[Labels] {
        &self.label_sets
    }

    pub(super) fn column(&self, measure: &str) -> Option<&Column> {
        self.columns.get(measure)
    }

    pub(super) fn columns(&self) -> &BTreeMap<String, Column> {
        &self.columns
    }

    pub(super) fn labels(&self, version: &Version) -> &Labels {
        static NONE: Labels = Labels::new();
        self.label_sets.get(version.labels as usize).unwrap_or(&NONE)
    }

    /// For each set of labels its value of one label.
    pub(super) fn values_of_label(&self, name: &str) -> Vec<Option<&str>> {
        self.label_sets.iter().map(|labels| labels.get(name).map(String::as_str)).collect()
    }

    /// For each set of labels whether it has all that are wanted.
    pub(super) fn carrying(&self, wanted: &Labels) -> Vec<bool> {
        self.label_sets.iter().map(|labels| carries(labels, wanted)).collect()
    }
}

/// Whether labels hold all that are wanted.
pub fn carries(labels: &Labels, wanted: &Labels) -> bool {
    wanted.iter().all(|(name, value)| labels.get(name) == Some(value))
}

/// Labels as canonical JSON: names sorted by their bytes, no spaces.
fn canonical_labels(labels: &Labels) -> String {
    serde_json::to_string(labels).unwrap_or_default()
}

/// Each set of labels once, and the place of each row's own.
fn intern(rows: &[Row]) -> (Vec<Labels>, Vec<u32>) {
    let mut places: HashMap<&Labels, u32> = HashMap::new();
    let mut labels_of: Vec<u32> = Vec::with_capacity(rows.len());
    for row in rows {
        let next = u32::try_from(places.len()).unwrap_or(u32::MAX);
        labels_of.push(*places.entry(&row.labels).or_insert(next));
    }
    // Places follow the labels' own order, so that no order of rows is left in them.
    let mut distinct: Vec<(&Labels, u32)> = places.into_iter().collect();
    distinct.sort_unstable();
    let mut sorted = vec![0_u32; distinct.len()];
    for ((_, first), place) in distinct.iter().zip(0..) {
        if let Some(slot) = sorted.get_mut(*first as usize) {
            *slot = place;
        }
    }
    let labels_of = labels_of.into_iter().filter_map(|first| sorted.get(first as usize).copied()).collect();
    (distinct.into_iter().map(|(labels, _)| labels.clone()).collect(), labels_of)
}

fn columns(order: &[(u32, &Row)]) -> BTreeMap<String, Column> {
    let mut columns: BTreeMap<&str, Vec<Option<Decimal>>> = BTreeMap::new();
    for (place, (_, row)) in order.iter().enumerate() {
        for (name, value) in &row.measures {
            let column = columns.entry(name).or_insert_with(|| vec![None; order.len()]);
            if let Some(cell) = column.get_mut(place) {
                *cell = Some(*value);
            }
        }
    }
    columns.into_iter().map(|(name, values)| (name.to_owned(), Column::of(values))).collect()
}

/// A key that is known, with the version of it that counts.
struct Candidate {
    labels: u32,
    span: Span,
    place: u32,
    received: (Timestamp, i64),
}

/// Which of the candidates with the same labels, in order of their starts, stand.
fn settle(group: &[Candidate], stands: &mut [bool], rejected: &mut Vec<u32>) {
    let mut accept = |candidate: &Candidate| {
        if let Some(flag) = stands.get_mut(candidate.place as usize) {
            *flag = true;
        }
    };
    let mut rest = group;
    while let Some((first, others)) = rest.split_first() {
        let mut end = first.span.end;
        let together = others.iter().take_while(|other| {
            let touches = other.span.start < end;
            end = end.max(other.span.end);
            touches
        });
        let (cluster, next) = rest.split_at(1 + together.count());
        rest = next;
        if let [alone] = cluster {
            accept(alone);
            continue;
        }
        let mut by_receipt: Vec<&Candidate> = cluster.iter().collect();
        by_receipt.sort_by_key(|candidate| candidate.received);
        let mut standing: BTreeMap<Timestamp, Timestamp> = BTreeMap::new();
        for candidate in by_receipt {
            // What stands is disjoint, so only the last that starts before this one's end can overlap it.
            let before = standing.range(..candidate.span.end).next_back();
            if before.is_some_and(|(_, end)| *end > candidate.span.start) {
                rejected.push(candidate.place);
            } else {
                standing.insert(candidate.span.start, candidate.span.end);
                accept(candidate);
            }
        }
    }
}

/// Local days and their service, the current one kept: rows come in order of their starts.
struct Days<'a> {
    calendar: &'a Calendar,
    day: Date,
    span: Option<Span>,
    service: Vec<Span>,
}

impl<'a> Days<'a> {
    fn new(calendar: &'a Calendar) -> Self {
        Days { calendar, day: Date::ZERO, span: None, service: Vec::new() }
    }

    fn day_of(&mut self, instant: Timestamp) -> Date {
        if !self.span.is_some_and(|span| span.start <= instant && instant < span.end) {
            self.day = self.calendar.date_of(instant);
            self.span = Some(Span::new(self.calendar.start_of_day(self.day), self.calendar.end_of_day(self.day)));
            self.service = self.calendar.service_of_day(self.day);
        }
        self.day
    }

    /// Whether a row overlaps service hours; to be asked after [`Days::day_of`] its start.
    fn overlaps_service(&self, row: Span) -> bool {
        self.service.iter().any(|span| span.overlaps(&row))
            || (self.span.is_some_and(|span| row.end > span.end) && self.calendar.overlaps_service(row.start, row.end))
    }
}

#[cfg(test)]
mod tests;
