//! What earlier judgements of a contract worked out, kept for the next one: readings, how far feeds reached, ledgers.
//!
//! A reading is a sum over rows, and the sum of a closed month is the same today as it was yesterday. What is kept is what
//! [`super::reading::Reader`] itself gave, and it is given again only to the very same question: same terms, same KPI, same
//! period, same window, same instant of knowledge. It holds as long as nothing new was known at that instant. Rows that
//! arrive are known from their receipt on, so they leave the closed months as they are; a row that was known earlier, or a
//! correction that a signed month is judged again for, makes everything from its instant on dirty.
//!
//! They can outlive their rows ([`Past`]): what closed periods said is taken from them then, and of the rows those are enough that
//! start at their floors or later. A judgement that needs an earlier row notices it, and gives no answer.
//!
//! Invariant: a judgement with roll-ups equals the judgement without them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::api::kpi_target::{Rating, Severity, Verdict};
use crate::api::sla_report::{EvidenceReference, TierLine};

use super::book::{Books, Kpi};
use super::calendar::Span;
use super::chain::{Method, Reading, TargetPart};
use super::coverage::Coverage;
use super::disputes::DisputeHistory;
use super::exact::Exact;
use super::facts::{ContractFacts, Terms};
use super::feed_rows::RowsByFeed;
use super::finality::{FinalFor, Finality};
use super::journal::{FirstJudged, Journal};
use super::ledger::Need;
use super::reading::{Floors, Ledgers, Question, not_measured};
use super::relief::ReliefHistory;
use super::sources::Sources;
use super::statistics::Interval;
use super::tally::Found;
use super::thresholds::SaidHistory;
use super::verdict::Aim;

mod needs;
mod past;

pub(super) use needs::needs;
pub use past::{Past, Snapshot};

/// What earlier judgements of one contract worked out. Empty ones are always right.
#[derive(Debug, Default)]
pub struct RollUps {
    ground: Option<Ground>,
    /// The rows of each feed that it rests on.
    seen: RowsByFeed,
    /// Up to which sequence the rows of each feed were seen, where it rests on rows that are not held any more.
    seen_until: BTreeMap<String, i64>,
    /// Where the rows begin that it is given.
    floors: Floors,
    /// Where rows may begin for the next judgement.
    next_floors: Floors,
    pub(super) ledgers: Ledgers,
    pub(super) figures: Figures,
}

/// What all of it rests on besides rows.
#[derive(Debug)]
enum Ground {
    Known(Arc<GroundFacts>),
    /// SHA-256 of the facts.
    Digest(String),
}

#[derive(Debug, PartialEq, Serialize)]
struct GroundFacts {
    /// The terms of all books in the order of their places: a reading names its book by that. Which period closed under which of them
    /// is no part of any reading.
    books: Vec<Terms>,
    relief: ReliefHistory,
    /// What only says when periods became Final.
    records: Recorded,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Recorded {
    disputes: DisputeHistory,
    said: SaidHistory,
    first_judged: Option<FirstJudged>,
}

impl Recorded {
    fn of(facts: &ContractFacts<'_>, books: &Books<'_>) -> Recorded {
        let contract = &facts.terms.contract;
        Recorded {
            disputes: DisputeHistory::of(&contract.disputes, facts.journal, &books.current().calendar),
            said: SaidHistory::of(facts.journal, facts.said),
            first_judged: facts.journal.and_then(Journal::first_judged).cloned(),
        }
    }
}

impl GroundFacts {
    fn is_of(&self, books: &Books<'_>, relief: &ReliefHistory) -> bool {
        self.books.iter().eq(books.all().map(|book| book.terms)) && self.relief == *relief
    }
}

/// A question of a KPI by the places of its book and of the KPI in it.
type AskedOfKpi = (usize, usize, Asked);
/// When something became known of the rows of a feed that start in a span, after an instant.
type AskedWhen = (String, Span, Timestamp);
/// A KPI, or a period, by the place of its book and its own.
type InBook = (usize, usize);
/// A question of a feed by the place of its book.
type AskedOfFeed = (usize, String, Timestamp);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Asked {
    /// The instant of knowledge.
    at: Timestamp,
    period: Span,
    window: Span,
    is_closing: bool,
}

/// Answers of earlier judgements, and those that this one gave or took.
#[derive(Debug, Default)]
pub(super) struct Figures {
    readings: RefCell<Answers<AskedOfKpi, KeptReading>>,
    coverages: RefCell<Answers<AskedOfFeed, Coverage>>,
    learnt: RefCell<Answers<AskedWhen, Learnt>>,
    /// Of periods whose end nothing holds any more.
    finalities: RefCell<Answers<InBook, FinalFor>>,
    /// Instants by which rows were known that match KPIs.
    matched: RefCell<Answers<InBook, Timestamp>>,
}

/// Instants at which something became known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Learnt {
    /// All of them up to this one.
    until: Timestamp,
    instants: BTreeSet<Timestamp>,
}

#[derive(Debug)]
struct Answers<Q, A> {
    earlier: BTreeMap<Q, Arc<A>>,
    used: BTreeMap<Q, Arc<A>>,
}

impl<Q, A> Default for Answers<Q, A> {
    fn default() -> Self {
        Answers { earlier: BTreeMap::new(), used: BTreeMap::new() }
    }
}

impl<Q: Ord, A> Answers<Q, A> {
    fn get(&mut self, question: &Q) -> Option<Arc<A>> {
        if let Some(answer) = self.used.get(question) {
            return Some(Arc::clone(answer));
        }
        let (question, answer) = self.earlier.remove_entry(question)?;
        self.used.insert(question, Arc::clone(&answer));
        Some(answer)
    }

    fn forget(&mut self, is_dirty: impl Fn(&Q) -> bool) {
        self.earlier.retain(|question, _| !is_dirty(question));
    }

    fn put(&mut self, question: Q, answer: A) {
        self.used.insert(question, Arc::new(answer));
    }

    fn all(&self) -> impl Iterator<Item = &A> {
        self.earlier.values().chain(self.used.values()).map(Arc::as_ref)
    }

    /// What was not asked for any more goes, so that no more is kept than one judgement asks.
    fn turn(&mut self) {
        self.earlier = std::mem::take(&mut self.used);
    }
}

/// A reading without what stands in the terms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct KeptReading {
    aim: Aim,
    raw_value: Option<Exact>,
    value: Option<Exact>,
    numerator: Option<Exact>,
    denominator: Option<Exact>,
    #[serde(with = "past::interval")]
    interval: Option<Interval>,
    verdict: Verdict,
    severity: Option<Severity>,
    /// Place of the band among those of the KPI.
    band: Option<usize>,
    rating: Rating,
    achievement: Option<Exact>,
    excused_by: Vec<String>,
    tiers: Vec<TierLine>,
    without_tier_percent: Option<String>,
    tally: Option<Found>,
    sources: Option<Sources>,
    evidence: EvidenceReference,
    annual_factor: Option<Exact>,
    targets: Vec<TargetPart>,
    negative_volume: bool,
}

impl RollUps {
    /// Bytes that they take in memory, near enough: the rows themselves are shared with who judges.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.ledgers.bytes() + self.figures.bytes()
    }

    /// Whether they rest on rows that a judgement is not given.
    #[must_use]
    pub fn is_of_part(&self) -> bool {
        !self.floors.is_empty()
    }

    /// Where the rows begin that a judgement is given.
    pub(super) fn floors(&self) -> &Floors {
        &self.floors
    }

    /// Ends a judgement that was made at an instant; the next one needs so many rows.
    pub(super) fn turn(&mut self, needs: &BTreeMap<String, Need>, now: Timestamp) {
        self.figures.turn();
        self.next_floors = self.ledgers.floors_for(needs, now);
    }

    /// Makes them ready for a judgement of these facts: what does not hold for them goes.
    pub(super) fn turn_to(&mut self, facts: &ContractFacts<'_>, books: &Books<'_>) {
        let relief = ReliefHistory::of(&facts.terms.contract.relief, facts.journal);
        let records = Recorded::of(facts, books);
        if !self.is_on_ground(books, &relief, &records) || !self.is_continued_by(facts.rows) {
            *self = RollUps::default();
            let books = books.all().map(|book| book.terms.clone()).collect();
            self.ground = Some(Ground::Known(Arc::new(GroundFacts { books, relief, records })));
        }
        let dirty = self.take_in(facts.rows);
        let is_dirty = |feed: &str, at: Timestamp| dirty.get(feed).is_some_and(|from| *from <= at);
        self.figures.readings.get_mut().forget(|(book, kpi, asked)| {
            let kpi = books.all().nth(*book).and_then(|book| book.kpis.get(*kpi));
            kpi.is_none_or(|kpi| kpi.feeds().any(|feed| is_dirty(feed, asked.at)))
        });
        self.figures.coverages.get_mut().forget(|(_, feed, at)| is_dirty(feed, *at));
        self.figures.note_news(&dirty);
    }

    /// Whether they rest on these terms and decisions. What was recorded since and only says when periods became Final is taken in.
    fn is_on_ground(&mut self, books: &Books<'_>, relief: &ReliefHistory, records: &Recorded) -> bool {
        let known = match &self.ground {
            None => return false,
            Some(Ground::Known(facts)) => Arc::clone(facts),
            Some(Ground::Digest(digest)) => {
                let facts = GroundFacts {
                    books: books.all().map(|book| book.terms.clone()).collect(),
                    relief: relief.clone(),
                    records: records.clone(),
                };
                if past::digest(&facts).as_ref() != Some(digest) {
                    return false;
                }
                self.ground = Some(Ground::Known(Arc::new(facts)));
                return true;
            }
        };
        if !known.is_of(books, relief) {
            return false;
        }
        if known.records != *records {
            self.figures.finalities.get_mut().forget(|_| true);
            let facts = GroundFacts { books: known.books.clone(), relief: relief.clone(), records: records.clone() };
            self.ground = Some(Ground::Known(Arc::new(facts)));
        }
        true
    }

    /// Whether the rows are those that were seen, with more after them.
    fn is_continued_by(&self, rows: &RowsByFeed) -> bool {
        self.seen.iter().all(|(feed, seen)| rows.get(feed).is_some_and(|rows| rows.continues(seen)))
    }

    /// Notes the rows; the feeds with new ones, and the earliest instant at which one of those was known.
    fn take_in(&mut self, rows: &RowsByFeed) -> BTreeMap<String, Timestamp> {
        let mut dirty = BTreeMap::new();
        for (feed, rows) in rows {
            let first = match (self.seen.get(feed), self.seen_until.get(feed)) {
                (Some(seen), _) => seen.len() as u32,
                (None, Some(sequence)) => rows.first_after(*sequence),
                (None, None) => 0,
            };
            let new = first..(rows.len() as u32);
            if let Some(earliest) = new.map(|place| rows.times(place).known_at).min() {
                dirty.insert(feed.clone(), earliest);
                self.seen.insert(feed.clone(), rows.clone());
            }
        }
        dirty
    }
}

impl Figures {
    fn bytes(&self) -> usize {
        let readings: usize = self.readings.borrow().all().map(KeptReading::bytes).sum();
        let learnt: usize = self.learnt.borrow().all().map(Learnt::bytes).sum();
        let small = std::mem::size_of::<(InBook, FinalFor)>() + 16;
        let few = self.finalities.borrow().all().count() + self.matched.borrow().all().count();
        readings + self.coverages.borrow().all().map(|coverage| coverage.bytes()).sum::<usize>() + learnt + few * small
    }

    /// Takes in that rows came which were known from these instants on.
    fn note_news(&mut self, dirty: &BTreeMap<String, Timestamp>) {
        if let Some(from) = dirty.values().min() {
            self.finalities.get_mut().earlier.retain(|_, period| period.settled_at < *from);
        }
        for ((feed, _, after), learnt) in &mut self.learnt.get_mut().earlier {
            let Some(from) = dirty.get(feed).filter(|from| **from <= learnt.until) else { continue };
            let until = from.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(Timestamp::MIN).max(*after);
            let instants = learnt.instants.iter().copied().filter(|instant| *instant <= until).collect();
            *learnt = Arc::new(Learnt { until, instants });
        }
    }

    /// Ends a judgement.
    fn turn(&mut self) {
        self.readings.get_mut().turn();
        self.coverages.get_mut().turn();
        self.learnt.get_mut().turn();
        self.finalities.get_mut().turn();
        self.matched.get_mut().turn();
    }

    /// The instants in `]after, until]` at which something became known of the rows of a feed that start in a window; `more` gives those
    /// after an instant.
    pub(super) fn learnt(
        &self,
        feed: &str,
        (window, after): (Span, Timestamp),
        until: Timestamp,
        more: impl FnOnce(Timestamp) -> BTreeSet<Timestamp>,
    ) -> BTreeSet<Timestamp> {
        let question = (feed.to_owned(), window, after);
        let kept = self.learnt.borrow_mut().get(&question);
        let (mut instants, known_until) =
            kept.map_or_else(|| (BTreeSet::new(), after), |kept| (kept.instants.clone(), kept.until));
        if known_until < until {
            instants.extend(more(known_until));
            self.learnt.borrow_mut().put(question, Learnt { until, instants: instants.clone() });
        } else {
            instants.retain(|instant| *instant <= until);
        }
        instants
    }

    /// Whether a row that matches a KPI was known at an instant; `find` gives an instant up to that one by which one was.
    pub(super) fn is_matched(&self, kpi: InBook, at: Timestamp, find: impl FnOnce() -> Option<Timestamp>) -> bool {
        if self.matched.borrow_mut().get(&kpi).is_some_and(|matched| *matched <= at) {
            return true;
        }
        let found = find();
        found.into_iter().for_each(|found| self.matched.borrow_mut().put(kpi, found));
        found.is_some()
    }

    /// When a period became Final. It is kept where it does not change any more.
    pub(super) fn finality(&self, period: InBook, now: Timestamp, work_out: impl FnOnce() -> FinalFor) -> Finality {
        let kept = self.finalities.borrow_mut().get(&period);
        if let Some(kept) = kept.filter(|kept| kept.settled_at <= now) {
            return kept.finality;
        }
        let found = work_out();
        if found.settled_at <= now && found.finality.since().is_some() {
            self.finalities.borrow_mut().put(period, found);
        }
        found.finality
    }

    /// Whether it is known for good when a period became Final; to be asked before [`Self::turn`].
    pub(super) fn is_settled(&self, period: InBook) -> bool {
        self.finalities.borrow().used.contains_key(&period)
    }

    /// The reading of a KPI: the one that is kept for the question, or else the one that is worked out.
    pub(super) fn reading<'a>(
        &self,
        book: usize,
        kpi: &Kpi<'a>,
        question: &Question<'_>,
        work_out: impl FnOnce() -> Reading<'a>,
    ) -> Reading<'a> {
        let key = (book, kpi.place, Asked::of(question));
        if let Some(kept) = self.readings.borrow_mut().get(&key) {
            return kept.of_kpi(kpi, question);
        }
        let reading = work_out();
        let kept = Arc::new(KeptReading::of(&reading, kpi));
        self.readings.borrow_mut().used.insert(key, kept);
        reading
    }

    /// The coverage of a feed: the one that is kept, or else the one that is worked out.
    pub(super) fn coverage(
        &self,
        book: usize,
        feed: &str,
        at: Timestamp,
        work_out: impl FnOnce() -> Coverage,
    ) -> Arc<Coverage> {
        let key = (book, feed.to_owned(), at);
        if let Some(kept) = self.coverages.borrow_mut().get(&key) {
            return kept;
        }
        let coverage = Arc::new(work_out());
        self.coverages.borrow_mut().used.insert(key, Arc::clone(&coverage));
        coverage
    }
}

impl Asked {
    fn of(question: &Question<'_>) -> Asked {
        let Question { period, window, at, is_closing } = *question;
        Asked { at, period: period.span(), window, is_closing }
    }
}

impl Learnt {
    fn bytes(&self) -> usize {
        std::mem::size_of::<(AskedWhen, Learnt)>() + 32 + 24 * self.instants.len()
    }
}

impl KeptReading {
    fn of(reading: &Reading<'_>, kpi: &Kpi<'_>) -> KeptReading {
        let band = reading.band.and_then(|band| kpi.spec.bands.iter().position(|one| std::ptr::eq(one, band)));
        KeptReading {
            aim: reading.aim.clone(),
            raw_value: reading.raw_value.clone(),
            value: reading.value.clone(),
            numerator: reading.numerator.clone(),
            denominator: reading.denominator.clone(),
            interval: reading.interval,
            verdict: reading.verdict,
            severity: reading.severity,
            band,
            rating: reading.rating,
            achievement: reading.achievement.clone(),
            excused_by: reading.excused_by.clone(),
            tiers: reading.tiers.clone(),
            without_tier_percent: reading.without_tier_percent.clone(),
            tally: reading.tally.clone(),
            sources: reading.sources.clone(),
            evidence: reading.evidence.clone(),
            annual_factor: reading.method.annual_factor.clone(),
            targets: reading.method.targets.clone(),
            negative_volume: reading.negative_volume,
        }
    }

    /// Bytes that it takes, near enough: an exact number has its digits on the heap.
    fn bytes(&self) -> usize {
        let tiers = self.tiers.len() * (std::mem::size_of::<TierLine>() + 64);
        let targets = self.targets.len() * (std::mem::size_of::<TargetPart>() + 64);
        std::mem::size_of::<(AskedOfKpi, KeptReading)>() + 512 + tiers + targets + self.excused_by.len() * 48
    }

    fn of_kpi<'a>(&self, kpi: &Kpi<'a>, question: &Question<'_>) -> Reading<'a> {
        let blank = not_measured(kpi, question);
        Reading {
            aim: self.aim.clone(),
            raw_value: self.raw_value.clone(),
            value: self.value.clone(),
            numerator: self.numerator.clone(),
            denominator: self.denominator.clone(),
            interval: self.interval,
            verdict: self.verdict,
            severity: self.severity,
            band: self.band.and_then(|band| kpi.spec.bands.get(band)),
            rating: self.rating,
            achievement: self.achievement.clone(),
            excused_by: self.excused_by.clone(),
            tiers: self.tiers.clone(),
            without_tier_percent: self.without_tier_percent.clone(),
            tally: self.tally.clone(),
            sources: self.sources.clone(),
            evidence: self.evidence.clone(),
            negative_volume: self.negative_volume,
            method: Method {
                annual_factor: self.annual_factor.clone(),
                targets: self.targets.clone(),
                ..blank.method.clone()
            },
            ..blank
        }
    }
}

#[cfg(test)]
mod tests;
