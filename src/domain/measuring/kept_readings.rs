//! Readings and coverages of earlier judgements, by what was asked.
//!
//! Those that stay though no judgement asks for them are *filed*: see `kept_readings/filed.rs`.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::coverage::Coverage;
use super::final_from::{FinalFor, Finality};
use super::parts::Compared;
use super::prepared_terms::Kpi;
use super::reading::{Measured, Question, Reading, TargetPart, not_measured};
use crate::api::made_of::{DayValue, PartValue};
use crate::api::packed::as_text;
use crate::api::sla_report::TierLine;
use crate::api::{Packed, Shared};
use crate::domain::numbers::exact::Exact;
use crate::domain::terms::calendar::Span;

mod answers;
mod filed;

pub(crate) use answers::Answers;
use answers::{Kept, pairs};
pub(crate) use filed::Filed;
use filed::ReadBack;
#[cfg(test)]
pub(crate) use filed::TIMES_READ_BACK;

/// A question of a KPI by the places of its book and of the KPI in it.
pub(crate) type AskedOfKpi = (usize, usize, Asked);

/// A question of a feed by the place of its book.
pub(crate) type AskedOfFeed = (usize, String, Timestamp);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Asked {
    /// The instant of knowledge.
    pub(crate) at: Timestamp,
    pub(crate) period: Span,
    pub(crate) window: Span,
    pub(crate) is_closing: bool,
}

impl Asked {
    pub(crate) fn of(question: &Question<'_>) -> Asked {
        let Question { period, window, at, is_closing } = *question;
        Asked { at, period: period.span(), window, is_closing }
    }
}

/// Answers of earlier judgements, and those that this one gave or took.
#[derive(Debug, Default)]
pub(in crate::domain) struct Figures {
    pub(crate) readings: RefCell<Answers<AskedOfKpi, KeptReading>>,
    pub(crate) coverages: RefCell<Answers<AskedOfFeed, Coverage>>,
    pub(crate) learnt: RefCell<Answers<AskedWhen, Learnt>>,
    /// Of periods whose end nothing holds any more.
    pub(crate) finalities: RefCell<Answers<InBook, FinalFor>>,
    /// Instants by which rows were known that match KPIs.
    pub(crate) matched: RefCell<Answers<InBook, Timestamp>>,
    /// Volumes of days, and the days of running periods, by the latest judgement. They do not outlive their process.
    pub(crate) volumes: RefCell<Answers<AskedOfSpan, KeptVolumes>>,
    pub(crate) days: RefCell<Answers<AskedOfSpan, KeptDays>>,
    /// The parts of reports, by the digest of the readings that they follow from.
    pub(crate) parts: RefCell<Answers<[u8; 16], KeptParts>>,
    /// Readings, coverages and parts that stay though the judgements since did not ask for them.
    pub(crate) filed: RefCell<Option<Shared<Filed>>>,
    /// What of them this judgement read back.
    read_back: RefCell<Option<ReadBack>>,
}

/// The parts of a report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct KeptParts(#[serde(with = "as_text")] Packed<PartValue>);

/// Answers of earlier judgements.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Earlier {
    #[serde(with = "pairs")]
    readings: Kept<AskedOfKpi, KeptReading>,
    #[serde(with = "pairs")]
    coverages: Kept<AskedOfFeed, Coverage>,
    #[serde(with = "pairs")]
    learnt: Kept<AskedWhen, Learnt>,
    #[serde(with = "pairs")]
    finalities: Kept<InBook, FinalFor>,
    #[serde(with = "pairs")]
    matched: Kept<InBook, Timestamp>,
    #[serde(with = "pairs")]
    parts: Kept<[u8; 16], KeptParts>,
    filed: Option<Shared<Filed>>,
}

impl Figures {
    /// Answers of earlier judgements, and none of this one.
    pub(crate) fn of(earlier: Earlier) -> Figures {
        let Earlier { readings, coverages, learnt, finalities, matched, parts, filed } = earlier;
        Figures {
            readings: Answers::kept(readings),
            coverages: Answers::kept(coverages),
            learnt: Answers::kept(learnt),
            finalities: Answers::kept(finalities),
            matched: Answers::kept(matched),
            parts: Answers::kept(parts),
            filed: RefCell::new(filed),
            ..Figures::default()
        }
    }

    /// The answers of earlier judgements that this one did not take yet.
    pub(crate) fn earlier(&self) -> Earlier {
        Earlier {
            readings: self.readings.borrow().earlier.clone(),
            coverages: self.coverages.borrow().earlier.clone(),
            learnt: self.learnt.borrow().earlier.clone(),
            finalities: self.finalities.borrow().earlier.clone(),
            matched: self.matched.borrow().earlier.clone(),
            parts: self.parts.borrow().earlier.clone(),
            filed: self.filed.borrow().clone(),
        }
    }

    /// Goes back to answers from before a judgement. Its parts stay: they are those of the very readings that they were asked of.
    pub(crate) fn go_back_to(&mut self, before: Earlier) {
        let Answers { earlier, used } = std::mem::take(self.parts.get_mut());
        *self = Figures::of(before);
        self.parts.get_mut().add(used);
        self.parts.get_mut().add(earlier);
    }

    pub(crate) fn bytes(&self) -> usize {
        let readings: usize = self.readings.borrow().all().map(KeptReading::bytes).sum();
        let learnt: usize = self.learnt.borrow().all().map(Learnt::bytes).sum();
        let small = std::mem::size_of::<(InBook, FinalFor)>() + 16;
        let few = self.finalities.borrow().all().count() + self.matched.borrow().all().count();
        let of_parts = std::mem::size_of::<([u8; 16], KeptParts)>() + 32;
        let parts: usize = self.parts.borrow().all().map(|parts| parts.0.bytes() + of_parts).sum();
        let days: usize = self.days.borrow().all().map(|kept| kept.days.bytes() + 128).sum();
        let volumes: usize = self.volumes.borrow().all().map(|kept| 64 * kept.volumes.len() + 192).sum();
        readings
            + parts
            + days
            + volumes
            + self.coverages.borrow().all().map(|coverage| coverage.bytes()).sum::<usize>()
            + learnt
            + few * small
            + self.filed.borrow().as_ref().map_or(0, |filed| filed.bytes())
    }

    /// Takes in that rows came which were known from these instants on. Of filed answers those may be dirty that are by what was known then:
    /// they are read back, for others to forget them.
    pub(crate) fn note_news(&mut self, dirty: &BTreeMap<String, Timestamp>) {
        if let Some(from) = dirty.values().min() {
            self.read_back_known_from(*from);
            self.finalities.get_mut().earlier.retain(|_, period| period.settled_at < *from);
            self.volumes.get_mut().earlier.retain(|_, kept| kept.at < *from);
            self.days.get_mut().earlier.retain(|_, kept| kept.at < *from);
        }
        for ((feed, _, after), learnt) in &mut self.learnt.get_mut().earlier {
            let Some(from) = dirty.get(feed).filter(|from| **from <= learnt.until) else { continue };
            let until = from.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(Timestamp::MIN).max(*after);
            let instants = learnt.instants.iter().copied().filter(|instant| *instant <= until).collect();
            *learnt = Arc::new(Learnt { until, instants });
        }
    }

    /// Ends a judgement of closed periods that asked what was known up to an instant. What it asked stays; where it took the closed periods as
    /// an earlier one left them, so does what they were made of.
    pub(crate) fn turn(&mut self, until: Timestamp, were_taken: bool) {
        self.put_back(were_taken);
        let of_closed = |at: Timestamp| were_taken && at <= until;
        self.readings.get_mut().drop_unasked_but(|(.., asked)| asked.is_closing && of_closed(asked.at));
        self.coverages.get_mut().drop_unasked_but(|(.., at)| of_closed(*at));
        self.parts.get_mut().drop_unasked_but(|_| were_taken);
        self.file_unasked();
        self.readings.get_mut().keep_asked();
        self.coverages.get_mut().keep_asked();
        self.parts.get_mut().keep_asked();
        self.learnt.get_mut().turn();
        self.finalities.get_mut().turn();
        self.matched.get_mut().turn();
        self.volumes.get_mut().turn();
        self.days.get_mut().turn();
    }

    /// The instants in `]after, until]` at which something became known of the rows of a feed that start in a window; `more` returns those
    /// after an instant.
    pub(in crate::domain) fn learnt(
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

    /// The windows of a feed of which it was asked when something became known of their rows.
    pub(in crate::domain) fn windows<'s>(&'s mut self, feed: &'s str) -> impl Iterator<Item = Span> + 's {
        let asked = self.learnt.get_mut().earlier.keys();
        asked.filter(move |(of, ..)| of == feed).map(|(_, window, _)| *window)
    }

    /// Whether a row that matches a KPI was known at an instant; `find` returns an instant up to that one by which one was.
    pub(in crate::domain) fn is_matched(
        &self,
        kpi: InBook,
        at: Timestamp,
        find: impl FnOnce() -> Option<Timestamp>,
    ) -> bool {
        if self.matched.borrow_mut().get(&kpi).is_some_and(|matched| *matched <= at) {
            return true;
        }
        let found = find();
        found.into_iter().for_each(|found| self.matched.borrow_mut().put(kpi, found));
        found.is_some()
    }

    /// The volumes of a KPI's days that were summed up last.
    pub(crate) fn kept_volumes(&self, asked: &AskedOfSpan) -> Option<Arc<KeptVolumes>> {
        self.volumes.borrow_mut().get(asked)
    }

    pub(crate) fn keep_volumes(&self, asked: AskedOfSpan, volumes: KeptVolumes) {
        self.volumes.borrow_mut().put(asked, volumes);
    }

    /// The days of a KPI's running period that were judged last.
    pub(crate) fn kept_days(&self, asked: &AskedOfSpan) -> Option<Arc<KeptDays>> {
        self.days.borrow_mut().get(asked)
    }

    pub(crate) fn keep_days(&self, asked: AskedOfSpan, days: KeptDays) {
        self.days.borrow_mut().put(asked, days);
    }

    /// When a period became Final. It is kept where it does not change any more.
    pub(in crate::domain) fn finality(
        &self,
        period: InBook,
        now: Timestamp,
        work_out: impl FnOnce() -> FinalFor,
    ) -> Finality {
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
    pub(in crate::domain) fn is_settled(&self, period: InBook) -> bool {
        self.finalities.borrow().used.contains_key(&period)
    }

    /// The reading of a KPI: the one that is kept for the question, or for an earlier instant at which it was the same, or else the one that
    /// is worked out.
    pub(in crate::domain) fn reading<'a>(
        &self,
        book: usize,
        kpi: &Kpi<'a>,
        question: &Question<'_>,
        is_the_same: impl FnOnce(Timestamp) -> bool,
        work_out: impl FnOnce() -> Reading<'a>,
    ) -> Reading<'a> {
        if let Some(kept) = self.kept(book, kpi, question) {
            return kept.of_kpi(kpi, question);
        }
        if let Some((_, kept)) = self.earlier_reading(book, kpi, question).filter(|(at, _)| is_the_same(*at)) {
            let reading = kept.of_kpi(kpi, question);
            self.readings.borrow_mut().used.insert((book, kpi.place, Asked::of(question)), kept);
            return reading;
        }
        let reading = work_out();
        self.put(book, kpi, question, &reading);
        reading
    }

    /// What an earlier judgement kept of a reading by what was known at the latest instant before that of a question.
    fn earlier_reading(
        &self,
        book: usize,
        kpi: &Kpi<'_>,
        question: &Question<'_>,
    ) -> Option<(Timestamp, Arc<KeptReading>)> {
        let question = (book, kpi.place, Asked::of(question));
        let found = self.earlier_in_memory(&question);
        let may_be_later = |filed: &Filed| filed.may_hold_earlier(&question, found.as_ref().map(|(at, _)| *at));
        if self.read_back_if(may_be_later) { self.earlier_in_memory(&question) } else { found }
    }

    fn earlier_in_memory(&self, question: &AskedOfKpi) -> Option<(Timestamp, Arc<KeptReading>)> {
        let (book, kpi, asked) = *question;
        let first = Asked { at: Timestamp::MIN, ..asked };
        let readings = self.readings.borrow();
        let of_kpi = readings.earlier.range((book, kpi, first)..(book, kpi, asked));
        let mut same = of_kpi.rev().filter(|((.., other), _)| Asked { at: asked.at, ..*other } == asked);
        same.next().map(|((.., other), kept)| (other.at, Arc::clone(kept)))
    }

    /// What is kept of the reading of a KPI.
    pub(in crate::domain) fn kept(
        &self,
        book: usize,
        kpi: &Kpi<'_>,
        question: &Question<'_>,
    ) -> Option<Arc<KeptReading>> {
        let question = (book, kpi.place, Asked::of(question));
        self.answer(&self.readings, &question, |filed| filed.may_hold_reading(&question))
    }

    /// The answer to a question, in memory or filed.
    fn answer<Q: Ord, A>(
        &self,
        answers: &RefCell<Answers<Q, A>>,
        question: &Q,
        may_hold: impl FnOnce(&Filed) -> bool,
    ) -> Option<Arc<A>> {
        let found = answers.borrow_mut().get(question);
        if found.is_some() || !self.read_back_if(may_hold) {
            return found;
        }
        answers.borrow_mut().get(question)
    }

    fn put(&self, book: usize, kpi: &Kpi<'_>, question: &Question<'_>, reading: &Reading<'_>) {
        let kept = KeptReading::of(reading, kpi);
        self.readings.borrow_mut().put((book, kpi.place, Asked::of(question)), kept);
    }

    /// The parts of a reading against others: those that are kept, or else those that are worked out.
    pub(in crate::domain) fn parts(&self, compared: Compared) -> Packed<PartValue> {
        let digest = compared.digest();
        if let Some(kept) = self.answer(&self.parts, &digest, |filed| filed.may_hold_parts(&digest)) {
            return kept.0.clone();
        }
        let parts = compared.parts();
        self.parts.borrow_mut().put(digest, KeptParts(parts.clone()));
        parts
    }

    /// The coverage of a feed: the one that is kept, or else the one that is worked out.
    pub(in crate::domain) fn coverage(
        &self,
        book: usize,
        feed: &str,
        at: Timestamp,
        work_out: impl FnOnce() -> Coverage,
    ) -> Arc<Coverage> {
        let key = (book, feed.to_owned(), at);
        if let Some(kept) = self.answer(&self.coverages, &key, |filed| filed.may_hold_coverage(&key)) {
            return kept;
        }
        let coverage = Arc::new(work_out());
        self.coverages.borrow_mut().used.insert(key, Arc::clone(&coverage));
        coverage
    }
}

/// A reading without what is in the terms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct KeptReading {
    measured: Measured,
    /// Place of the band among those of the KPI.
    band: Option<usize>,
}

impl KeptReading {
    pub(crate) fn of(reading: &Reading<'_>, kpi: &Kpi<'_>) -> KeptReading {
        let band = reading.band.and_then(|band| kpi.spec.bands.iter().position(|one| std::ptr::eq(one, band)));
        KeptReading { measured: reading.measured.clone(), band }
    }

    /// Bytes that it takes, near enough: an exact number has its digits on the heap.
    pub(crate) fn bytes(&self) -> usize {
        let Measured { tiers, targets, excused_by, days, parts, .. } = &self.measured;
        let tiers = tiers.len() * (std::mem::size_of::<TierLine>() + 64);
        let targets = targets.len() * (std::mem::size_of::<TargetPart>() + 64);
        let lists = tiers + targets + excused_by.len() * 48 + days.bytes() + parts.sums.bytes();
        std::mem::size_of::<(AskedOfKpi, KeptReading)>() + 512 + lists
    }

    pub(crate) fn of_kpi<'a>(&self, kpi: &Kpi<'a>, question: &Question<'_>) -> Reading<'a> {
        let band = self.band.and_then(|band| kpi.spec.bands.get(band));
        Reading { band, measured: self.measured.clone(), ..not_measured(kpi, question) }
    }
}

/// When something became known of the rows of a feed that start in a span, after an instant.
pub(crate) type AskedWhen = (String, Span, Timestamp);

/// A span of a KPI, by the places of its book and of the KPI in it.
pub(crate) type AskedOfSpan = (usize, usize, Span);

/// The volumes of days.
#[derive(Debug)]
pub(crate) struct KeptVolumes {
    /// By what was known then.
    pub(crate) at: Timestamp,
    /// The gaps of its feed in the span.
    pub(crate) gaps: Vec<Span>,
    pub(crate) volumes: Arc<BTreeMap<Date, Exact>>,
}

/// The days of a running period.
#[derive(Debug)]
pub(crate) struct KeptDays {
    /// By what was known then.
    pub(crate) at: Timestamp,
    pub(crate) days: Packed<DayValue>,
}

/// A KPI, or a period, by the place of its book and its own.
pub(crate) type InBook = (usize, usize);

/// Instants at which something became known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Learnt {
    /// All of them up to this one.
    pub(crate) until: Timestamp,
    pub(crate) instants: BTreeSet<Timestamp>,
}

impl Learnt {
    pub(crate) fn bytes(&self) -> usize {
        std::mem::size_of::<(AskedWhen, Learnt)>() + 32 + 24 * self.instants.len()
    }
}
