//! The judgement of a contract: every report that exists at an instant, and where things stand.
//!
//! Two passes. The readings say what the rows known at an instant make of each KPI in each period. The chain of periods
//! adds what depends on earlier ones: repeats, money, caps, earn-back, triggers. Whatever became known after a period was
//! Final is replayed in the order in which it became known, so that the same facts give the same reports at any later
//! instant.

use std::collections::BTreeMap;
use std::rc::Rc;

use jiff::Timestamp;

use crate::api::Packed;
use crate::api::dispute::ReportDispute;
use crate::api::feed::Feed;
use crate::api::kpi_target::{ClosedValue, HistoryEntry, TierSlice, Verdict};
use crate::api::made_of::PartValue;
use crate::api::sla_report::Gap;
use crate::api::vendor_contract::{CreditsStatus, KpiCounts, LastPeriod};
use crate::api::verdict::PeriodState;

use super::on_record::OnRecord;
use super::outcome::{Judgement, KpiJudgement};
use crate::domain::foresight::risks::{SeenRisk, standing_risk};
use crate::domain::foresight::running_period::{Running, running};
use crate::domain::foresight::trend::trend;
use crate::domain::governance::rectification::{History, standing};
use crate::domain::measuring::contract_facts::ContractFacts;
use crate::domain::measuring::doubts::Doubt;
use crate::domain::measuring::final_from::Finality;
use crate::domain::measuring::ledger::{Need, Wanted};
use crate::domain::measuring::ledgers::{Floors, Pages};
use crate::domain::measuring::matching::expects_rows;
use crate::domain::measuring::prepared_terms::{Book, Books};
use crate::domain::measuring::reader::Reader;
use crate::domain::measuring::reading::{Question, Reading};
use crate::domain::measuring::rollups::{RollUps, needs};
use crate::domain::numbers::exact::Exact;
use crate::domain::settlement::credits::Tariff;
use crate::domain::settlement::earn_back::still_pending;
use crate::domain::settlement::finality::{finalities, next_change, touches};
use crate::domain::settlement::gaming::Gaming;
use crate::domain::settlement::reports::{Reach, ShownFigures, sources_line};
use crate::domain::settlement::restatement::{Closed, Knowledge, Replay, year_to_date};
use crate::domain::settlement::settled_period::{Frame, Settled};
use crate::domain::terms::amendments::advice_on_changes;
use crate::domain::terms::catalogue::Origin;
use crate::domain::terms::finding::InvalidSpec;
use crate::domain::terms::journal::Journal;
use crate::domain::terms::periods::{Period, Periods};

pub use crate::domain::settlement::reports::report_name;

/// Closed periods that a KPI's history keeps.
const HISTORY: usize = 13;

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
    let (judgement, needs) = judge_by(facts, books, now, rollups);
    rollups.turn(&needs, now);
    judgement
}

fn judge_by(
    facts: &ContractFacts<'_>,
    books: &Books<'_>,
    now: Timestamp,
    rollups: &RollUps,
) -> (Judgement, BTreeMap<String, Need>) {
    let ledgers = &rollups.ledgers;
    let known = OnRecord::of(facts, books);
    let periods = &known.periods;
    let reader = known.reader(ledgers, &rollups.figures);
    let ended = periods.closed_by(now);
    let finalities: Vec<Finality> = finalities(&reader, books, ended, now);
    let finals: Vec<Option<Timestamp>> = finalities.iter().map(|finality| finality.since()).collect();
    let frames: Vec<Frame<'_>> =
        ended.iter().map(|period| Frame::of(period, books.for_period(period).terms, periods)).collect();
    let touches = touches(&reader, books, ended, &finals, now);
    let evidence = Evidence { books, reader: &reader };
    let replay = Replay {
        contract: facts.name,
        periods,
        frames: &frames,
        finals: &finals,
        touches: &touches,
        knowledge: &evidence,
    };
    let closed = replay.run(now);
    let view =
        View { contract: facts.name, books, periods, frames: &frames, closed: &closed, journal: facts.journal, now };
    let mut judgement = view.judgement(&reader);
    judgement.finals = frames
        .iter()
        .zip(&finals)
        .filter_map(|(frame, instant)| Some((frame.period.name.clone(), (*instant)?)))
        .collect();
    judgement.next = next_change(&reader, books, ledgers, &finalities, now);
    let open =
        ended.iter().zip(&finals).filter(|(period, instant)| instant.is_none() || !reader.is_settled(books, period));
    let open = open.map(|(period, _)| period).chain(periods.containing(now)).collect();
    let needs = needs(&reader, books, open, now);
    judgement.reports = closed.into_iter().flat_map(|closed| closed.reports).collect();
    (judgement, needs)
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
}

impl<'a> Knowledge<'a> for Evidence<'_, 'a> {
    fn readings(&self, place: usize, at: Timestamp) -> Vec<Rc<Reading<'a>>> {
        let count = self.period(place).map_or(0, |(_, book)| book.kpis.len());
        (0..count).filter_map(|kpi| self.reading(place, kpi, at)).collect()
    }

    fn reading(&self, place: usize, kpi: usize, at: Timestamp) -> Option<Rc<Reading<'a>>> {
        let (period, book) = self.period(place)?;
        let kpi = book.kpis.get(kpi)?;
        let question = Question { period, window: kpi.window(period, self.reader.periods), at, is_closing: true };
        Some(Rc::new(self.reader.read(book, kpi, &question)))
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
    contract: &'v str,
    books: &'v Books<'a>,
    periods: &'v Periods,
    frames: &'v [Frame<'a>],
    closed: &'v [Closed<'a>],
    journal: Option<&'v Journal>,
    now: Timestamp,
}

impl<'v, 'a> View<'v, 'a> {
    /// All but the reports.
    fn judgement(&self, reader: &Reader<'v, 'a>) -> Judgement {
        let book = self.books.current();
        let running_period = self.periods.containing(self.now);
        let kpis = self.kpis(reader, running_period);
        let history = History {
            contract: &book.terms.contract,
            calendar: &book.calendar,
            frames: self.frames,
            closed: self.closed,
        };
        let standing = standing(&history);
        Judgement {
            reports: Vec::new(),
            period: running_period.map(Period::bounds),
            last: self.last(),
            counts: self.counts(&kpis),
            credits: self.credits(running_period),
            triggers: standing.triggers,
            plans: standing.plans,
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

    fn latest(&self) -> Option<(&Frame<'a>, &Closed<'a>)> {
        self.frames.last().zip(self.closed.last())
    }

    /// The latest closed period, by its latest revision.
    fn last(&self) -> Option<LastPeriod> {
        let report = self.latest()?.1.reports.last()?;
        let credit = report.credit.as_ref();
        Some(LastPeriod {
            name: report.period.name.clone(),
            state: report.state,
            score: report.score.clone(),
            confidence: report.confidence.clone(),
            rating: report.rating,
            points: report.points,
            credit_before_caps: credit.map(|credit| credit.before_caps.clone()),
            credit: credit.map(|credit| credit.net.clone()),
            bonus: credit.map(|credit| credit.bonus.clone()),
            report: report_name(self.contract, &report.period.name, report.revision),
        })
    }

    /// Verdicts of the latest closed period; before there is one, all are unknown.
    fn counts(&self, kpis: &BTreeMap<String, Box<KpiJudgement>>) -> Option<KpiCounts> {
        let counted = self.books.current().kpis.iter().filter(|kpi| !kpi.is_suspended && !kpi.spec.dry_run);
        let at_risk =
            counted.clone().filter_map(|kpi| kpis.get(kpi.name)).filter(|kpi| kpi.risk.warning().is_some()).count();
        let verdicts: Vec<Verdict> = match self.latest() {
            Some((_, closed)) => {
                let lines = closed.settled.lines.iter().map(|line| &line.reading);
                lines.filter(|reading| reading.counts()).map(|reading| reading.verdict).collect()
            }
            None => counted.map(|_| Verdict::NoData).collect(),
        };
        if self.books.current().kpis.is_empty() && verdicts.is_empty() {
            return None;
        }
        let count = |wanted: &[Verdict]| whole(verdicts.iter().filter(|verdict| wanted.contains(verdict)).count());
        let (met, missed) = (count(&[Verdict::Met, Verdict::Excused]), count(&[Verdict::Missed]));
        let total = whole(verdicts.len());
        Some(KpiCounts { total, met, missed, unknown: total - met - missed, at_risk: whole(at_risk) })
    }

    /// Money of the running contract year; after the term, of its last.
    fn credits(&self, running: Option<&Period>) -> Option<CreditsStatus> {
        let terms = self.books.current().terms;
        let period = running.or(self.periods.all().last())?;
        let money = Tariff::of(terms, period, self.periods).money?;
        let year = self.periods.contract_year_of(period);
        let place = self.frames.iter().rposition(|frame| frame.year == year);
        let to_date = place.map_or(Exact::ZERO, |place| year_to_date(self.frames, self.closed, place));
        let settled: Vec<Rc<Settled<'a>>> = self.closed.iter().map(|closed| Rc::clone(&closed.settled)).collect();
        let pending = if place.is_some() { still_pending(self.frames, &settled) } else { Exact::ZERO };
        Some(CreditsStatus {
            period_cap: money.period_cap.as_ref().map(|cap| money.show(cap)),
            year_to_date: Some(money.show(&to_date)),
            year_cap: money.year_cap.as_ref().map(|cap| money.show(cap)),
            pending: Some(money.show(&pending)),
            currency: money.currency,
        })
    }

    fn kpis(&self, reader: &Reader<'v, 'a>, period: Option<&Period>) -> BTreeMap<String, Box<KpiJudgement>> {
        let book = self.books.current();
        let judged = book.kpis.iter().map(|kpi| {
            let name = kpi.name.to_owned();
            let running = period.map(|period| running(reader, book, kpi, period, self.now)).unwrap_or_default();
            let is_unmatched = expects_rows(kpi) && reader.has_no_match(book, kpi, self.now);
            let ledger = reader.ledger(book, kpi).filter(|_| is_unmatched);
            let unmatched = ledger.map(|ledger| ledger.unmatched(kpi, self.now));
            let threshold_mismatch = kpi.threshold_mismatch.clone();
            let threshold_said = reader.said.contradiction(kpi.spec, &book.terms.contract, self.now);
            let kpi = KpiJudgement { unmatched, threshold_mismatch, threshold_said, ..self.kpi(kpi.name, running) };
            (name, Box::new(kpi))
        });
        judged.collect()
    }

    fn kpi(&self, name: &str, Running { current, risk, latest_end, negative_volume }: Running) -> KpiJudgement {
        let calendar = &self.books.current().calendar;
        let (period, as_of) = current.as_ref().map_or(("", None), |current| (current.name.as_str(), current.as_of));
        let seen = SeenRisk { risk, as_of, latest_end };
        let standing = standing_risk(self.journal, calendar, (name, period), seen, self.now);
        let latest = self.latest().and_then(|(frame, closed)| Some((frame, closed, closed.settled.line(name)?)));
        let (trend, signal) = self.trend(name).map_or((None, None), |(trend, signal)| (Some(trend), signal));
        KpiJudgement {
            last: latest.map(|(frame, closed, _)| closed_value(name, frame, closed)).unwrap_or_default(),
            last_ended_at: latest.map(|(frame, ..)| frame.period.end),
            tiers: latest.map(|(frame, _, line)| tier_slices(frame, &line.reading)).unwrap_or_default(),
            gaming: latest.map_or(self.gaming_before_any(name), |(.., line)| line.gaming.clone()),
            current,
            risk: standing.risk,
            risk_since: standing.since,
            risk_news: standing.news,
            negative_volume: negative_volume || latest.is_some_and(|(.., line)| line.reading.negative_volume),
            history: self.history(name),
            trend,
            signal: signal.map(|signal| signal.as_str().to_owned()),
            unmatched: None,
            threshold_mismatch: None,
            threshold_said: None,
        }
    }

    fn gaming_before_any(&self, name: &str) -> Gaming {
        let spec = self.books.current().terms.kpis.get(name);
        let has_counter = spec.is_some_and(|spec| spec.counter_metric.is_some());
        if has_counter { Gaming::NoData } else { Gaming::NoCounterMetric }
    }

    /// Closed periods of a KPI, newest first.
    fn history(&self, name: &str) -> Vec<HistoryEntry> {
        let newest_first = self.frames.iter().zip(self.closed).rev();
        let values = newest_first.filter_map(|(frame, closed)| closed_value(name, frame, closed));
        values
            .map(|value| HistoryEntry {
                name: value.name,
                value: value.value,
                verdict: value.verdict,
                severity: value.severity,
                points: value.points,
                credit: value.credit,
                revision: value.revision,
            })
            .take(HISTORY)
            .collect()
    }

    /// Where the values of the history are heading.
    fn trend(
        &self,
        name: &str,
    ) -> Option<(crate::api::kpi_target::Trend, Option<crate::domain::foresight::trend::Signal>)> {
        let newest_first = self.closed.iter().rev().filter_map(|closed| closed.settled.line(name)).take(HISTORY);
        let lines: Vec<_> = newest_first.collect();
        let aim = &lines.first()?.reading.aim;
        let values: Vec<f64> =
            lines.iter().rev().filter_map(|line| line.reading.value.as_ref()).map(Exact::to_f64).collect();
        let target = aim.target.to_f64();
        trend(&values, aim.comparison, target, aim.upper.as_ref().map_or(target, Exact::to_f64))
    }
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A closed period of a KPI, by its latest revision.
fn closed_value(name: &str, frame: &Frame<'_>, closed: &Closed<'_>) -> Option<ClosedValue> {
    let line = closed.settled.line(name)?;
    // Of the whole line of a report a status shows few figures, and this is asked for each KPI and each closed period.
    let ShownFigures { target, raw_value, value, numerator, denominator, credit } =
        ShownFigures::of(line, &frame.tariff);
    Some(ClosedValue {
        name: frame.period.name.clone(),
        state: closed.reports.last().map_or(PeriodState::Provisional, |report| report.state),
        value,
        raw_value,
        target: Some(target),
        numerator,
        denominator,
        verdict: line.reading.verdict,
        severity: line.reading.severity,
        rating: Some(line.reading.rating),
        repeat: line.is_repeat(),
        points: line.cost.points,
        credit,
        sources: sources_line(&line.reading),
        revision: closed.revision,
    })
}

fn tier_slices(frame: &Frame<'_>, reading: &Reading<'_>) -> Vec<TierSlice> {
    let slice = |line: &crate::api::sla_report::TierLine| TierSlice {
        tier: line.tier.clone(),
        period: frame.period.name.clone(),
        value: line.value.clone(),
        target: line.target.clone(),
        denominator: line.denominator.clone(),
        verdict: line.verdict,
    };
    reading.tiers.iter().map(slice).collect()
}

#[cfg(test)]
mod tests;
