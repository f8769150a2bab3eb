//! From the rows known at an instant to the reading of one KPI: its values, target, verdict, tiers and evidence.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;

use jiff::Timestamp;

use crate::api::Packed;
use crate::api::feed::Feed;
use crate::api::kpi_target::{MissingDataPolicy, Verdict};
use crate::api::made_of::PartValue;
use crate::api::sla_report::EvidenceReference;

use super::coverage::Coverage;
use super::doubts::{self, Doubt};
use super::final_from::{FinalFor, Finality};
use super::holds::Holds;
use super::kept_readings::{Figures, KeptReading};
use super::ledger::{Known, Ledger, LedgerName};
use super::ledgers::Ledgers;
use super::offered::{OfferedDiffers, offered_differs};
use super::parts::Compared;
use super::prepared_terms::{Book, Books, Kpi};
use super::rating::{achievement, rating_of};
use super::reading::{DIGEST_OF_NOTHING, Measured, Question, Reading, not_measured};
use super::row::Labels;
use super::sources::CrossChecked;
use super::values::{Quotient, Rows};
use super::verdict::{band_of, severity_of};
use crate::domain::numbers::exact::Exact;
use crate::domain::numbers::statistics::Interval;
use crate::domain::terms::calendar::Span;
use crate::domain::terms::catalogue::{Definition, Origin, mature_by};
use crate::domain::terms::disputes::DisputeHistory;
use crate::domain::terms::journal::FirstJudged;
use crate::domain::terms::periods::{Period, Periods};
use crate::domain::terms::relief::ReliefHistory;
use crate::domain::terms::thresholds::SaidHistory;

mod breakdown;
mod carried;
mod made_of;
mod slice;
mod sources;
mod tallies;

use carried::News;
use slice::Slice;

/// What was known last, and when: instants are asked for in the order of time, and many KPIs ask for the same.
type Remembered<K, V> = RefCell<BTreeMap<K, (Timestamp, Rc<V>)>>;

/// Reads KPIs from the evidence.
pub struct Reader<'f, 'a> {
    /// The periods of the term.
    pub periods: &'f Periods,
    /// The decisions on relief, in time.
    pub relief: &'f ReliefHistory,
    /// The disputes, in time.
    pub disputes: &'f DisputeHistory,
    /// What the vendors' answers said of their thresholds, in time.
    pub said: &'f SaidHistory,
    /// When the contract was judged for the first time, where a journal says so.
    pub first_judged: Option<&'f FirstJudged>,
    /// Which periods wait, or waited, until their feeds were asked.
    pub holds: &'f Holds,
    ledgers: &'f Ledgers,
    figures: &'f Figures,
    known: Remembered<LedgerName, Known<'f>>,
    news: RefCell<BTreeMap<(LedgerName, Timestamp, Timestamp), News>>,
    books: PhantomData<Book<'a>>,
}

/// What is known in addition to rows and terms, in time.
#[derive(Clone, Copy)]
pub(in crate::domain) struct Records<'f> {
    pub relief: &'f ReliefHistory,
    pub disputes: &'f DisputeHistory,
    pub said: &'f SaidHistory,
    pub first_judged: Option<&'f FirstJudged>,
    pub holds: &'f Holds,
}

/// One source of a KPI's figures.
#[derive(Clone, Copy)]
struct Source<'f> {
    ledger: &'f Ledger,
    definition: &'f Definition,
    labels: &'f Labels,
    feed: &'f str,
}

impl<'f> Source<'f> {
    fn of_vendor(kpi: &'f Kpi<'_>, ledger: &'f Ledger) -> Self {
        let source = &kpi.spec.source;
        Source { ledger, definition: &kpi.definition, labels: &source.labels, feed: &source.feed }
    }

    fn of_client(check: &'f CrossChecked<'_>, ledger: &'f Ledger) -> Self {
        let CrossChecked { rule, definition } = check;
        Source { ledger, definition, labels: &rule.labels, feed: &rule.feed }
    }
}

/// What the absence of figures may mean.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Silence {
    /// A miss, where the parties agreed so.
    AsAgreed,
    /// Nothing: another source may know them.
    IsNoMiss,
}

/// One value of a KPI before and after relief.
struct Values {
    raw: Option<Exact>,
    value: Option<Exact>,
    quotient: Quotient,
    interval: Option<Interval>,
    /// Whether a denominator, before or after relief, is below 0.
    negative: bool,
}

impl<'f, 'a> Reader<'f, 'a> {
    /// A reader of all that the ledgers hold. What it works out it leaves in `figures`, for itself and for others.
    pub(in crate::domain) fn new(
        periods: &'f Periods,
        Records { relief, disputes, said, first_judged, holds }: Records<'f>,
        ledgers: &'f Ledgers,
        figures: &'f Figures,
    ) -> Self {
        Reader {
            periods,
            relief,
            disputes,
            said,
            first_judged,
            holds,
            ledgers,
            figures,
            known: RefCell::default(),
            news: RefCell::default(),
            books: PhantomData,
        }
    }

    /// The ledger that a KPI reads from.
    pub fn ledger(&self, book: &Book<'_>, kpi: &Kpi<'_>) -> Option<&'f Ledger> {
        self.ledgers.of_kpi(book, kpi)
    }

    /// The ledgers that a KPI reads from: the vendor's, and the client's own where there is one.
    pub fn ledgers(&self, book: &Book<'_>, kpi: &Kpi<'_>) -> Vec<&'f Ledger> {
        let own = kpi.cross_check.as_ref().and_then(|check| self.ledgers.of_feed(book, &check.rule.feed));
        self.ledger(book, kpi).into_iter().chain(own).collect()
    }

    /// The rows of a ledger that were known at an instant.
    pub fn known(&self, ledger: &'f Ledger, at: Timestamp) -> Rc<Known<'f>> {
        let mut known = self.known.borrow_mut();
        match known.get(ledger.name()) {
            Some((instant, rows)) if *instant == at => Rc::clone(rows),
            _ => {
                let rows = Rc::new(ledger.known_at(at));
                known.insert(ledger.name().clone(), (at, Rc::clone(&rows)));
                rows
            }
        }
    }

    /// The instants in `]after, until]` at which something became known of rows of a KPI that start in a window.
    pub fn learnt(
        &self,
        book: &Book<'_>,
        kpi: &Kpi<'_>,
        window: Span,
        after: Timestamp,
        until: Timestamp,
    ) -> BTreeSet<Timestamp> {
        if kpi.definition.origin == Origin::Deliverables {
            let ledger = self.ledger(book, kpi);
            return ledger.map(|ledger| ledger.learnt(window, after, until)).unwrap_or_default();
        }
        let ledgers = kpi.feeds().filter_map(|feed| Some((feed, self.ledgers.of_feed(book, feed)?)));
        let of_feed = |(feed, ledger): (&str, &Ledger)| {
            self.figures.learnt(feed, (window, after), until, |since| ledger.learnt(window, since, until))
        };
        ledgers.flat_map(of_feed).collect()
    }

    /// Whether rows were known at an instant, and none of them matches a KPI.
    pub fn has_no_match(&self, book: &Book<'_>, kpi: &Kpi<'_>, at: Timestamp) -> bool {
        let Some(ledger) = self.ledger(book, kpi) else { return false };
        !self.figures.is_matched((book.place, kpi.place), at, || ledger.matched_by(kpi, at)) && ledger.has_rows_by(at)
    }

    /// When a KPI lets its period close by the rows and records: what was worked out before, or else what is worked out.
    pub(in crate::domain) fn finality(
        &self,
        book: &Book<'_>,
        period: &Period,
        now: Timestamp,
        work_out: impl FnOnce() -> FinalFor,
    ) -> Finality {
        self.figures.finality((book.place, period.index), now, work_out)
    }

    /// Whether it is known for good when a period became Final.
    pub(in crate::domain) fn is_settled(&self, books: &Books<'_>, period: &Period) -> bool {
        self.figures.is_settled((books.for_period(period).place, period.index))
    }

    /// What is doubtful in the figures of a feed that are known at an instant.
    pub fn doubts(&self, book: &Book<'_>, feed: &Feed, at: Timestamp) -> Vec<Doubt> {
        let ledger = self.ledgers.of_feed(book, &feed.name);
        ledger.map_or_else(Vec::new, |ledger| doubts::of_feed(feed, &self.known(ledger, at)))
    }

    /// The parts of a reading against the readings of the periods before.
    pub(in crate::domain) fn parts(&self, reading: &Reading<'_>, before: &[&Reading<'_>]) -> Packed<PartValue> {
        let before: Vec<_> = before.iter().map(|other| other.period_sums()).collect();
        let shown = (reading.scale(), reading.spec.rounding.clone());
        let compared = Compared::of(&reading.period_sums(), &before, shown);
        compared.map(|compared| self.figures.parts(compared)).unwrap_or_default()
    }

    /// How far a feed of a book reached at an instant. A feed that the contract does not have reaches nowhere.
    pub fn coverage(&self, book: &'f Book<'a>, feed: &'f str, at: Timestamp) -> Arc<Coverage> {
        self.figures.coverage(book.place, feed, at, || {
            let spec = book.terms.contract.feeds.iter().find(|one| one.name == feed);
            let ledger = spec.zip(self.ledgers.of_feed(book, feed));
            let coverage = ledger
                .map(|(spec, ledger)| Coverage::of(spec, &self.known(ledger, at), self.periods, &book.calendar, at));
            coverage.unwrap_or_default()
        })
    }

    /// The latest day on which a feed's contacts offered were not those answered and abandoned.
    pub fn offered_differs(&self, book: &'f Book<'a>, feed: &'f str, at: Timestamp) -> Option<OfferedDiffers> {
        let as_of = self.coverage(book, feed, at).reach.as_of?;
        let ledger = self.ledgers.of_feed(book, feed)?;
        offered_differs(&self.known(ledger, at), &book.calendar, as_of)
    }

    /// The end of the latest row of a KPI's feed that had ended at an instant, over closed hours moved on; where the vendor has none,
    /// of the client's own.
    pub fn as_of(&self, book: &'f Book<'a>, kpi: &'f Kpi<'a>, at: Timestamp) -> Option<Timestamp> {
        kpi.feeds().find_map(|feed| self.coverage(book, feed, at).reach.as_of)
    }

    /// The reading of a KPI.
    pub fn read(&self, book: &'f Book<'a>, kpi: &'f Kpi<'a>, question: &Question<'_>) -> Reading<'a> {
        match self.ledgers.of_kpi(book, kpi).filter(|_| !kpi.is_suspended) {
            // Figures that are counted by another time do not belong to this KPI.
            Some(_) if kpi.threshold_mismatch.is_some() => {
                let nothing = not_measured(kpi, question);
                Reading { measured: Measured { verdict: Verdict::NoData, ..nothing.measured }, ..nothing }
            }
            Some(ledger) => {
                let is_the_same = |earlier| self.is_the_same(book, kpi, question, earlier);
                self.figures.reading(book.place, kpi, question, is_the_same, || match &kpi.definition.parts {
                    Some(rule) => self.work_out_tally(book, kpi, question, ledger, rule),
                    None => match &kpi.cross_check {
                        Some(check) => self.work_out_both(book, kpi, question, ledger, check),
                        None => self.work_out(book, kpi, question, &Source::of_vendor(kpi, ledger), Silence::AsAgreed),
                    },
                })
            }
            None => not_measured(kpi, question),
        }
    }

    /// What is kept of the reading of a KPI, once that is worked out; `None` for one of which no rows are read.
    pub(in crate::domain) fn kept(
        &self,
        book: &'f Book<'a>,
        kpi: &'f Kpi<'a>,
        question: &Question<'_>,
    ) -> Option<Arc<KeptReading>> {
        let kept = || self.figures.kept(book.place, kpi, question);
        kept().or_else(|| {
            self.read(book, kpi, question);
            kept()
        })
    }

    fn work_out(
        &self,
        book: &'f Book<'a>,
        kpi: &'f Kpi<'a>,
        question: &Question<'_>,
        source: &Source<'f>,
        silence: Silence,
    ) -> Reading<'a> {
        let known = self.known(source.ledger, question.at);
        let mature = mature_by(&kpi.definition, &book.calendar, question.at);
        let known = known.starting_in(question.window);
        let selection = known.select(source.definition, source.labels, mature);
        let rows = selection.all();
        let relieved = rows.relieved(&self.relief.known_for(kpi.name, question.at));
        let scale = self.scale(book, kpi, question);
        // How far a feed reaches is only worked out where it decides: each instant that is asked for has its own answer.
        let runs = kpi.is_rolling() && question.at < question.period.end;
        let as_of = runs.then(|| self.as_of(book, kpi, question.at)).flatten();
        let judgement = Slice { book, kpi, question, scale: &scale, as_of };

        let (target, targets) = judgement.target(&relieved.rows, &rows);
        let aim = judgement.aim(target);
        let values = judgement.values(&rows, &relieved.rows);
        let is_enough = judgement.is_enough(&rows, &relieved.rows);
        let mut verdict = judgement.verdict(&aim, &values, is_enough);
        let may_be_a_miss = silence == Silence::AsAgreed;
        if verdict == Verdict::NoData && may_be_a_miss && is_miss_by_policy(book, kpi, question) {
            verdict = Verdict::Missed;
        }
        let missed = verdict == Verdict::Missed;
        let band = if missed { band_of(&kpi.spec.bands, kpi.comparison, values.value.as_ref()) } else { None };
        let severity = missed.then(|| severity_of(band));
        let has_value = values.value.is_some();
        let (tiers, without_tier_percent) = judgement.tiers(&rows, &relieved.rows);
        let (days, parts) = judgement.made_of(&rows, &relieved.rows, &values);
        let blank = not_measured(kpi, question);
        let annual_factor = kpi.definition.annualised.then(|| scale.checked_div(&kpi.definition.scale)).flatten();
        let measured = Measured {
            rating: rating_of(verdict, severity, values.value.as_ref(), kpi.spec.ratings.as_ref(), kpi.comparison),
            achievement: achievement(verdict, values.value.as_ref(), &aim, &kpi.spec.bands),
            raw_value: values.raw,
            value: values.value,
            numerator: has_value.then_some(values.quotient.numerator),
            denominator: has_value.then_some(values.quotient.denominator),
            interval: values.interval,
            verdict,
            severity,
            excused_by: relieved.excused_by.into_iter().collect(),
            tiers,
            without_tier_percent,
            evidence: evidence(&rows, question),
            annual_factor,
            targets,
            negative_volume: values.negative,
            days,
            parts,
            aim,
            ..blank.measured
        };
        Reading { band, measured, ..blank }
    }

    /// The sums of a KPI after relief over the rows that start in a span.
    pub fn quotient(&self, book: &'f Book<'a>, kpi: &'f Kpi<'a>, span: Span, at: Timestamp) -> Quotient {
        let Some(ledger) = self.ledger(book, kpi) else { return Quotient::default() };
        let known = self.known(ledger, at).starting_in(span);
        let mature = mature_by(&kpi.definition, &book.calendar, at);
        let selection = known.select(&kpi.definition, &kpi.spec.source.labels, mature);
        selection.all().relieved(&self.relief.known_for(kpi.name, at)).rows.quotient()
    }

    /// By what a quotient is multiplied over a window. Where its length matters, a window that runs ends at `asOf`; one that
    /// is over has its whole length, whatever is missing in it.
    fn scale(&self, book: &'f Book<'a>, kpi: &'f Kpi<'a>, question: &Question<'_>) -> Exact {
        if !kpi.definition.annualised {
            return kpi.definition.scale.clone();
        }
        let Span { start, end } = question.window;
        let running = (question.at < end).then(|| self.as_of(book, kpi, question.at)).flatten();
        kpi.definition.scale_over(Span::new(start, running.map_or(end, |as_of| as_of.min(end))), &book.calendar)
    }
}

/// The rows that a closed period rests on. The running one is not signed, so no digest is taken of its rows.
fn evidence(rows: &Rows<'_>, question: &Question<'_>) -> EvidenceReference {
    let digest = if question.is_closing { rows.digest() } else { DIGEST_OF_NOTHING.to_owned() };
    EvidenceReference { rows: i64::try_from(rows.len()).unwrap_or(i64::MAX), digest }
}

/// Whether the parties agreed that a figure that is still missing so long after the period's end is a miss.
fn is_miss_by_policy(book: &Book<'_>, kpi: &Kpi<'_>, question: &Question<'_>) -> bool {
    let (policy, after) = kpi.missing_data();
    question.is_closing
        && policy == MissingDataPolicy::Miss
        && question.at >= book.calendar.after(question.period.end, after)
}
