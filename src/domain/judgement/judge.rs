//! The judgement of a contract: every report that exists at an instant, and where things stand.
//!
//! Two passes. The readings say what the rows known at an instant make of each KPI in each period. The chain of periods
//! adds what depends on earlier ones: repeats, money, caps, earn-back, triggers. Whatever became known after a period was
//! Final is replayed in the order in which it became known, so that the same facts give the same reports at any later
//! instant.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use jiff::Timestamp;

use crate::api::Packed;
use crate::api::dispute::ReportDispute;
use crate::api::feed::Feed;
use crate::api::kpi_target::Verdict;
use crate::api::made_of::PartValue;
use crate::api::sla_report::Gap;
use crate::api::vendor_contract::KpiCounts;

use super::closed_periods::{ClosedKpi, ClosedPeriods, Provisional, RestsOn, Shown};
use super::filed_reports::JudgedReport;
use super::on_record::OnRecord;
use super::outcome::{Judgement, KpiJudgement};
use crate::domain::foresight::risks::{SeenRisk, standing_risk};
use crate::domain::foresight::running_period::{Running, RunningPeriod};
use crate::domain::measuring::contract_facts::ContractFacts;
use crate::domain::measuring::doubts::Doubt;
use crate::domain::measuring::final_from::Finality;
use crate::domain::measuring::kept_closed::{Before, as_kept};
use crate::domain::measuring::kept_readings::KeptReading;
use crate::domain::measuring::ledger::{Need, Wanted};
use crate::domain::measuring::ledgers::{Floors, Pages};
use crate::domain::measuring::matching::expects_rows;
use crate::domain::measuring::prepared_terms::{Book, Books, Kpi};
use crate::domain::measuring::reader::Reader;
use crate::domain::measuring::reading::{Question, Reading};
use crate::domain::measuring::rollups::{RollUps, needs};
use crate::domain::settlement::finality::{finalities, next_change, touches};
use crate::domain::settlement::reports::Reach;
use crate::domain::settlement::restatement::{Knowledge, Replay};
use crate::domain::settlement::settled_period::Frame;
use crate::domain::terms::amendments::advice_on_changes;
use crate::domain::terms::catalogue::Origin;
use crate::domain::terms::finding::InvalidSpec;
use crate::domain::terms::journal::Journal;
use crate::domain::terms::periods::{Period, Periods};

pub use crate::domain::settlement::reports::report_name;

/// Judges a contract from all facts known at `now`.
///
/// # Errors
/// A spec that cannot be judged: an unknown zone, service hours that are none, a formula that cannot be read.
pub fn judge(facts: &ContractFacts<'_>, now: Timestamp) -> Result<Judgement, InvalidSpec> {
    judge_again(facts, now, &mut RollUps::default())
}

/// The same judgement, with what earlier ones of the same contract worked out. The rows of a feed must be those of the
/// judgement before, in the same order, and after them the new ones; where they are not, everything is worked out again.
///
/// # Errors
/// As [`judge`].
pub fn judge_again(facts: &ContractFacts<'_>, now: Timestamp, rollups: &mut RollUps) -> Result<Judgement, InvalidSpec> {
    if rollups.is_of_part() {
        *rollups = RollUps::default();
    }
    let books = Books::of(facts)?;
    rollups.turn_to(facts, &books);
    Ok(judge_books(facts, &books, now, rollups))
}

/// What a judgement of a part of the rows comes to.
#[derive(Debug)]
pub enum OfPart {
    /// The judgement.
    Judged(Box<Judgement>),
    /// It needs these pages of feeds too. The roll-ups are ready for a judgement with them ([`RollUps::with_pages`]).
    Needs(BTreeMap<String, Wanted>),
    /// It needs all rows.
    NeedsAll,
}

/// The same judgement of the rows that floors leave and of those of pages below them, by roll-ups that hold the rest. It needs all rows
/// where the roll-ups do not hold what is left out.
///
/// # Errors
/// As [`judge`].
pub fn judge_part(
    facts: &ContractFacts<'_>,
    (floors, pages): (&Floors, &Pages),
    now: Timestamp,
    rollups: &mut RollUps,
) -> Result<OfPart, InvalidSpec> {
    let books = Books::of(facts)?;
    if rollups.rest_on(floors, pages) {
        rollups.turn_to(facts, &books);
    }
    // They are empty where they do not hold for the terms and records of now.
    if !rollups.rest_on(floors, pages) {
        return Ok(OfPart::NeedsAll);
    }
    let before = rollups.figures.earlier();
    let foreseen = rollups.foreseen(facts.rows);
    if !foreseen.is_empty() {
        rollups.give_up(before, facts.rows);
        return Ok(OfPart::Needs(foreseen));
    }
    let judgement = judge_books(facts, &books, now, rollups);
    match rollups.ledgers.wanted() {
        Some(wanted) if wanted.is_empty() => Ok(OfPart::Judged(Box::new(judgement))),
        Some(wanted) => {
            rollups.give_up(before, facts.rows);
            Ok(OfPart::Needs(wanted))
        }
        None => {
            *rollups = RollUps::default();
            Ok(OfPart::NeedsAll)
        }
    }
}

fn judge_books(facts: &ContractFacts<'_>, books: &Books<'_>, now: Timestamp, rollups: &mut RollUps) -> Judgement {
    rollups.complete_ledgers(books, facts.rows);
    let before = rollups.take_closed();
    let Judged { judgement, closed, is_as_before, needs } = judge_by(facts, books, now, (rollups, before));
    rollups.turn(&needs, now, (closed, is_as_before));
    judgement
}

/// What a judgement comes to, and what it leaves for the next one.
struct Judged {
    judgement: Judgement,
    closed: Arc<ClosedPeriods>,
    /// Whether the closed periods are those of the judgement before.
    is_as_before: bool,
    needs: BTreeMap<String, Need>,
}

fn judge_by(
    facts: &ContractFacts<'_>,
    books: &Books<'_>,
    now: Timestamp,
    (rollups, before): (&RollUps, Before),
) -> Judged {
    let ledgers = &rollups.ledgers;
    let known = OnRecord::of(facts, books);
    let periods = &known.periods;
    let reader = known.reader(ledgers, &rollups.figures);
    let ended = periods.closed_by(now);
    let finalities: Vec<Finality> = finalities(&reader, books, ended, now);
    let finals: Vec<Option<Timestamp>> = finalities.iter().map(|finality| finality.since()).collect();
    let evidence = Evidence { books, reader: &reader };
    let mut rests_on = RestsOn {
        contract: facts.name.to_owned(),
        books: ended.iter().map(|period| books.for_period(period).place).collect(),
        touches: touches(&reader, books, ended, &finals, now),
        provisional: evidence.provisional(&finals, now),
        running: periods.containing(now).map(|period| period.index),
        finals,
    };
    let Before { closed: kept, holds } = before;
    let mut kept = kept.and_then(as_kept::<ClosedPeriods>);
    let is_as_before = holds && kept.as_mut().is_some_and(|kept| ClosedPeriods::rest_on(kept, &mut rests_on));
    let closed = match kept {
        Some(kept) if is_as_before => kept,
        kept => {
            let filed = kept.as_ref().map(|kept| kept.reports.as_slice()).unwrap_or_default();
            Arc::new(closed_periods(&evidence, rests_on, filed, now))
        }
    };
    let view = View { books, periods, closed: &closed, journal: facts.journal, now };
    let mut judgement = view.judgement(&reader);
    let finals = &closed.rests_on.finals;
    let of_finals = ended.iter().zip(finals);
    judgement.finals =
        of_finals.clone().filter_map(|(period, instant)| Some((period.name.clone(), (*instant)?))).collect();
    judgement.next = next_change(&reader, books, ledgers, &finalities, now);
    let open = of_finals.filter(|(period, instant)| instant.is_none() || !reader.is_settled(books, period));
    let open = open.map(|(period, _)| period).chain(periods.containing(now)).collect();
    let needs = needs(&reader, books, open, now);
    Judged { judgement, closed, is_as_before, needs }
}

/// What the closed periods come to, with the reports of an earlier judgement.
fn closed_periods(
    evidence: &Evidence<'_, '_>,
    rests_on: RestsOn,
    before: &[JudgedReport],
    now: Timestamp,
) -> ClosedPeriods {
    let Evidence { books, reader } = *evidence;
    let ended = reader.periods.closed_by(now);
    let frame = |period| Frame::of(period, books.for_period(period).terms, reader.periods);
    let frames: Vec<Frame<'_>> = ended.iter().map(frame).collect();
    let replay = Replay {
        contract: &rests_on.contract,
        periods: reader.periods,
        frames: &frames,
        finals: &rests_on.finals,
        touches: &rests_on.touches,
        knowledge: evidence,
    };
    let closed = replay.run(now);
    let contract = rests_on.contract.clone();
    Shown { contract: &contract, books, periods: reader.periods, frames: &frames, closed }.all(rests_on, before)
}

/// The facts of the closed periods at any instant.
struct Evidence<'f, 'a> {
    books: &'f Books<'a>,
    reader: &'f Reader<'f, 'a>,
}

impl<'f, 'a> Evidence<'f, 'a> {
    fn period(&self, place: usize) -> Option<(&'f Period, &'f Book<'a>)> {
        let period = self.reader.periods.nth(place)?;
        Some((period, self.books.for_period(period)))
    }

    /// What is known at an instant of the closed periods that are not Final.
    fn provisional(&self, finals: &[Option<Timestamp>], at: Timestamp) -> Vec<Provisional> {
        let open = finals.iter().enumerate().filter(|(_, instant)| instant.is_none());
        let known = open.map(|(place, _)| Provisional {
            readings: self.kept(place, at),
            reach: self.reach(place, at),
            disputes: self.disputes(place, at),
        });
        known.collect()
    }

    /// What is kept of the reading of each KPI of a closed period; `None` for those of which no rows are read.
    fn kept(&self, place: usize, at: Timestamp) -> Vec<Option<Arc<KeptReading>>> {
        let Some((period, book)) = self.period(place) else { return Vec::new() };
        let kept = book.kpis.iter().map(|kpi| self.reader.kept(book, kpi, &self.question(period, kpi, at)));
        kept.collect()
    }

    fn question<'q>(&self, period: &'q Period, kpi: &Kpi<'_>, at: Timestamp) -> Question<'q> {
        Question { period, window: kpi.window(period, self.reader.periods), at, is_closing: true }
    }
}

impl<'a> Knowledge<'a> for Evidence<'_, 'a> {
    fn readings(&self, place: usize, at: Timestamp) -> Vec<Rc<Reading<'a>>> {
        let count = self.period(place).map_or(0, |(_, book)| book.kpis.len());
        (0..count).filter_map(|kpi| self.reading(place, kpi, at)).collect()
    }

    fn reading(&self, place: usize, kpi: usize, at: Timestamp) -> Option<Rc<Reading<'a>>> {
        let (period, book) = self.period(place)?;
        let kpi = book.kpis.get(kpi)?;
        Some(Rc::new(self.reader.read(book, kpi, &self.question(period, kpi, at))))
    }

    fn parts(&self, reading: &Reading<'a>, before: &[&Reading<'a>]) -> Packed<PartValue> {
        self.reader.parts(reading, before)
    }

    fn disputes(&self, place: usize, at: Timestamp) -> Vec<ReportDispute> {
        self.period(place).map_or_else(Vec::new, |(period, _)| self.reader.disputes.listed(&period.name, at))
    }

    fn reach(&self, place: usize, at: Timestamp) -> Reach {
        let Some((period, book)) = self.period(place) else { return Reach::default() };
        let feeds = feeds_of(book);
        let mut reach = Reach { data_through: None, gaps: Vec::new() };
        let mut watermarks: Vec<Option<Timestamp>> = Vec::new();
        for feed in feeds {
            let coverage = self.reader.coverage(book, feed, at);
            watermarks.push(coverage.reach.watermark);
            reach.gaps.extend(coverage.gaps(period.span()).into_iter().map(|gap| Gap {
                feed: feed.to_owned(),
                from: gap.start,
                to: gap.end,
            }));
        }
        let least = watermarks.into_iter().min().flatten();
        reach.data_through = least.map(|watermark| watermark.min(period.end));
        reach
    }
}

/// The feeds that the KPIs of a book read, sorted.
fn feeds_of<'a>(book: &Book<'a>) -> Vec<&'a str> {
    let read = book.kpis.iter().filter(|kpi| kpi.definition.origin == Origin::Feed && !kpi.is_suspended);
    let mut feeds: Vec<&str> = read.flat_map(|kpi| kpi.feeds()).collect();
    feeds.sort_unstable();
    feeds.dedup();
    feeds
}

/// All that is known of a contract at `now`, for decisions to use.
struct View<'v, 'a> {
    books: &'v Books<'a>,
    periods: &'v Periods,
    closed: &'v ClosedPeriods,
    journal: Option<&'v Journal>,
    now: Timestamp,
}

impl<'v, 'a> View<'v, 'a> {
    fn judgement(&self, reader: &Reader<'v, 'a>) -> Judgement {
        let (book, closed) = (self.books.current(), self.closed);
        let running_period = self.periods.containing(self.now);
        let kpis = self.kpis(reader, running_period);
        Judgement {
            reports: closed.reports.clone(),
            period: running_period.map(Period::bounds),
            last: closed.last.clone(),
            counts: self.counts(&kpis),
            credits: closed.credits.clone(),
            triggers: closed.triggers.clone(),
            plans: closed.plans.clone(),
            kpis,
            feeds: self
                .feeds_read()
                .map(|feed| (feed.name.clone(), Box::new(reader.coverage(book, &feed.name, self.now).reach.clone())))
                .collect(),
            doubts: self.doubts(reader),
            offered: self
                .feeds_read()
                .filter_map(|feed| Some((feed.name.clone(), reader.offered_differs(book, &feed.name, self.now)?)))
                .collect(),
            finals: BTreeMap::new(),
            changes: advice_on_changes(self.journal, self.periods, self.now),
            next: None,
        }
    }

    /// The contract's feeds that a KPI names. Of the others no row is looked at, so that nothing is said of how far they reach.
    fn feeds_read(&self) -> impl Iterator<Item = &'v Feed> {
        let terms = self.books.current().terms;
        let named = |feed: &str| {
            let mut sources = terms.kpis.values().map(|kpi| &kpi.source);
            sources.any(|source| source.feed == feed || source.cross_check.as_ref().is_some_and(|own| own.feed == feed))
        };
        terms.contract.feeds.iter().map(|feed| &**feed).filter(move |feed| named(&feed.name))
    }

    /// Figures that were probably misread, of the feeds that are judged.
    fn doubts(&self, reader: &Reader<'v, 'a>) -> BTreeMap<String, Vec<Doubt>> {
        let book = self.books.current();
        let feeds = self.feeds_read().filter(|feed| feed.plan != Some(true));
        let doubts = feeds.map(|feed| (feed.name.clone(), reader.doubts(book, feed, self.now)));
        doubts.filter(|(_, doubts)| !doubts.is_empty()).collect()
    }

    /// Verdicts of the latest closed period; before there is one, all are unknown.
    fn counts(&self, kpis: &BTreeMap<String, Box<KpiJudgement>>) -> Option<KpiCounts> {
        let counted = self.books.current().kpis.iter().filter(|kpi| !kpi.is_suspended && !kpi.spec.dry_run);
        let at_risk =
            counted.clone().filter_map(|kpi| kpis.get(kpi.name)).filter(|kpi| kpi.risk.warning().is_some()).count();
        let unknown = || counted.map(|_| Verdict::NoData).collect();
        let verdicts: Vec<Verdict> = self.closed.verdicts.clone().unwrap_or_else(unknown);
        if self.books.current().kpis.is_empty() && verdicts.is_empty() {
            return None;
        }
        let count = |wanted: &[Verdict]| whole(verdicts.iter().filter(|verdict| wanted.contains(verdict)).count());
        let (met, missed) = (count(&[Verdict::Met, Verdict::Excused]), count(&[Verdict::Missed]));
        let total = whole(verdicts.len());
        Some(KpiCounts { total, met, missed, unknown: total - met - missed, at_risk: whole(at_risk) })
    }

    fn kpis(&self, reader: &Reader<'v, 'a>, period: Option<&Period>) -> BTreeMap<String, Box<KpiJudgement>> {
        let book = self.books.current();
        let running_period = period.map(|period| RunningPeriod::new(reader, book, period, self.now));
        let judged = book.kpis.iter().map(|kpi| {
            let name = kpi.name.to_owned();
            let running = running_period.as_ref().map(|period| period.of(kpi)).unwrap_or_default();
            let is_unmatched = expects_rows(kpi) && reader.has_no_match(book, kpi, self.now);
            let ledger = reader.ledger(book, kpi).filter(|_| is_unmatched);
            let unmatched = ledger.map(|ledger| ledger.unmatched(kpi, self.now));
            let threshold_mismatch = kpi.threshold_mismatch.clone();
            let threshold_said = reader.said.contradiction(kpi.spec, &book.terms.contract, self.now);
            let own = self.kpi(kpi, running);
            (name, Box::new(KpiJudgement { unmatched, threshold_mismatch, threshold_said, ..own }))
        });
        judged.collect()
    }

    fn kpi(&self, kpi: &Kpi<'_>, Running { current, risk, latest_end, negative_volume }: Running) -> KpiJudgement {
        let calendar = &self.books.current().calendar;
        let (period, as_of) = current.as_ref().map_or(("", None), |current| (current.name.as_str(), current.as_of));
        let seen = SeenRisk { risk, as_of, latest_end };
        let standing = standing_risk(self.journal, calendar, (kpi.name, period), seen, self.now);
        let ClosedKpi { last, last_ended_at, tiers, gaming, negative_volume: was_negative, history, trend, signal } =
            self.closed.kpi(kpi.place);
        KpiJudgement {
            last,
            last_ended_at,
            tiers,
            gaming,
            current,
            risk: standing.risk,
            risk_since: standing.since,
            risk_news: standing.news,
            negative_volume: negative_volume || was_negative,
            history,
            trend,
            signal,
            unmatched: None,
            threshold_mismatch: None,
            threshold_said: None,
        }
    }
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
