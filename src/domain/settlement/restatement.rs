//! The replay: what was known when each period became Final, and each instant since at which something became known
//! that changes what was signed.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use jiff::Timestamp;

use crate::api::Packed;
use crate::api::dispute::ReportDispute;
use crate::api::made_of::PartValue;
use crate::api::sla_report::SlaReportSpec;
use crate::api::vendor_contract::AfterFinal;
use crate::api::verdict::PeriodState;

use super::earn_back::returned_by_latest;
use super::reports::{Bookings, Reach, Statement, differ, report_name, restates};
use super::settle::settle_period;
use super::settled_period::{Frame, Line, Settled};
use crate::domain::measuring::parts::COMPARED;
use crate::domain::measuring::reading::Reading;
use crate::domain::numbers::exact::Exact;
use crate::domain::terms::periods::Periods;

/// What the facts say at any instant.
pub trait Knowledge<'a> {
    /// Every KPI of a closed period, sorted by name, as known at an instant.
    fn readings(&self, place: usize, at: Timestamp) -> Vec<Rc<Reading<'a>>>;
    /// One of them, by its place in that order.
    fn reading(&self, place: usize, kpi: usize, at: Timestamp) -> Option<Rc<Reading<'a>>>;
    /// How far the data of a closed period reached.
    fn reach(&self, place: usize, at: Timestamp) -> Reach;
    /// The parts of a reading against those of the periods before.
    fn parts(&self, reading: &Reading<'a>, before: &[&Reading<'a>]) -> Packed<PartValue>;
    /// The disputes about a closed period.
    fn disputes(&self, place: usize, at: Timestamp) -> Vec<ReportDispute>;
}

/// A KPI of a closed period: place of the period, place of the KPI.
pub type Touch = (usize, usize);

/// What is replayed.
pub struct Replay<'r, 'a> {
    /// Name of the contract.
    pub contract: &'r str,
    /// All periods of the term.
    pub periods: &'r Periods,
    /// The closed ones.
    pub frames: &'r [Frame<'a>],
    /// When each of them became Final; `None` for those that are not yet.
    pub finals: &'r [Option<Timestamp>],
    /// Instants at which something that concerns a KPI of a closed period became known.
    pub touches: &'r BTreeMap<Timestamp, BTreeSet<Touch>>,
    /// The facts.
    pub knowledge: &'r dyn Knowledge<'a>,
}

/// A closed period after the replay.
#[derive(Clone, Debug)]
pub struct Closed<'a> {
    readings: Vec<Rc<Reading<'a>>>,
    /// The latest revision.
    pub settled: Rc<Settled<'a>>,
    /// Its number.
    pub revision: i64,
    /// The net of revision 1.
    pub first_net: Exact,
    /// What it books in addition.
    pub bookings: Bookings,
    /// Its reports by revision.
    pub reports: Vec<SlaReportSpec>,
}

/// Differences that wait for the period that books them, by its place among all periods.
type Booked = BTreeMap<usize, (Exact, Exact)>;

impl<'a> Replay<'_, 'a> {
    /// The closed periods as they stand at `now`, in order.
    pub fn run(&self, now: Timestamp) -> Vec<Closed<'a>> {
        let mut state = State { replay: self, closed: Vec::new(), booked: Booked::new() };
        let finals = self.finals.iter().flatten().copied();
        let instants: BTreeSet<Timestamp> = self.touches.keys().copied().chain(finals).collect();
        for at in instants {
            state.advance(at);
        }
        state.close_provisional(now);
        state.closed
    }

    fn is_final(&self, place: usize, at: Timestamp) -> bool {
        self.finals.get(place).copied().flatten().is_some_and(|instant| instant <= at)
    }

    /// The earliest period that is not Final at an instant, by its place among all periods.
    fn books(&self, at: Timestamp) -> Option<usize> {
        (0..self.periods.all().len()).find(|place| !self.is_final(*place, at))
    }

    fn is_restatable(&self, place: usize) -> bool {
        let policy = self.frames.get(place).and_then(|frame| frame.terms.contract.restatements.as_ref());
        policy.is_none_or(|policy| policy.after_final == AfterFinal::NextPeriod)
    }
}

struct State<'s, 'r, 'a> {
    replay: &'s Replay<'r, 'a>,
    closed: Vec<Closed<'a>>,
    booked: Booked,
}

impl<'a> State<'_, '_, 'a> {
    /// Takes in what became known, or Final, at an instant.
    fn advance(&mut self, at: Timestamp) {
        let Some(last) = (0..self.replay.frames.len()).rev().find(|place| self.replay.is_final(*place, at)) else {
            return;
        };
        let Some(first) = self.take_in(at, last) else { return };
        for place in first..=last {
            self.settle(place, at);
        }
    }

    /// Reads again what an instant touches; the first period that must be settled again, if any.
    fn take_in(&mut self, at: Timestamp, last: usize) -> Option<usize> {
        let mut first: Option<usize> = None;
        let mut touch = |place: usize| first = Some(first.map_or(place, |first| first.min(place)));
        for (place, kpi) in self.replay.touches.get(&at).into_iter().flatten().copied() {
            let is_frozen = self.replay.is_final(place, at) && !self.replay.is_restatable(place);
            if is_frozen || place > last {
                continue;
            }
            let known = self.closed.get_mut(place).and_then(|closed| closed.readings.get_mut(kpi));
            if let Some((reading, new)) = known.zip(self.replay.knowledge.reading(place, kpi, at)) {
                *reading = new;
                touch(place);
            }
        }
        for place in 0..=last {
            let is_new = place >= self.closed.len();
            let became_final = self.replay.finals.get(place).copied().flatten() == Some(at);
            if is_new || became_final || !self.replay.is_final(place, at) {
                self.read(place, at);
                touch(place);
            }
        }
        first
    }

    /// Reads all KPIs of a period.
    fn read(&mut self, place: usize, at: Timestamp) {
        let readings = self.replay.knowledge.readings(place, at);
        match self.closed.get_mut(place) {
            Some(closed) => closed.readings = readings,
            None => self.closed.push(Closed {
                readings,
                settled: Rc::default(),
                revision: 0,
                first_net: Exact::ZERO,
                bookings: Bookings::default(),
                reports: Vec::new(),
            }),
        }
    }

    /// Settles a period in the light of what is known at an instant, and writes the report that this calls for.
    fn settle(&mut self, place: usize, at: Timestamp) {
        let before: Vec<Rc<Settled<'a>>> =
            self.closed.iter().take(place).map(|closed| Rc::clone(&closed.settled)).collect();
        let Some(closed) = self.closed.get(place) else { return };
        let Some(settled) = settle_period(self.replay.frames, &before, &closed.readings) else { return };
        let settled = Rc::new(settled);
        let was_final = closed.revision > 0;
        if !was_final {
            self.set(place, settled);
            if self.replay.is_final(place, at) {
                self.issue(place, PeriodState::Final, at);
            }
        } else if self.replay.is_restatable(place) {
            self.restate(place, settled, at);
        }
    }

    fn set(&mut self, place: usize, settled: Rc<Settled<'a>>) {
        if let Some(closed) = self.closed.get_mut(place) {
            closed.first_net = settled.settlement.net.clone();
            closed.settled = settled;
        }
    }

    /// Writes the first report of a period: Final for good, or Provisional as things stand.
    fn issue(&mut self, place: usize, state: PeriodState, at: Timestamp) {
        let settled: Vec<Rc<Settled<'a>>> =
            self.closed.iter().take(place + 1).map(|closed| Rc::clone(&closed.settled)).collect();
        let mut returned = returned_by_latest(self.replay.frames, &settled);
        returned.retain(|one| {
            let mut earlier = self.closed.iter().take(place).flat_map(|closed| &closed.bookings.returned);
            !earlier.any(|other| other.period == one.period && other.kpi == one.kpi)
        });
        let (restated, restated_bonus) = self.booked.get(&place).cloned().unwrap_or_default();
        if let Some(closed) = self.closed.get_mut(place) {
            closed.bookings = Bookings { returned, restated, restated_bonus };
            closed.revision = 1;
        }
        self.write(place, state, at, Some(self.year_to_date(place)), None);
    }

    /// Writes the next revision of a Final period if its lines or its net have changed, and books the difference.
    fn restate(&mut self, place: usize, settled: Rc<Settled<'a>>, at: Timestamp) {
        let replay = self.replay;
        let Some((frame, closed)) = replay.frames.get(place).zip(self.closed.get_mut(place)) else { return };
        let was = std::mem::replace(&mut closed.settled, settled);
        let now = Rc::clone(&closed.settled);
        if !differ(frame, &was, &now) {
            return;
        }
        let report = report_name(replay.contract, &frame.period.name, closed.revision);
        closed.revision += 1;
        let books = replay.books(at);
        let booked_in = books.and_then(|place| replay.periods.nth(place)).map(|period| period.name.clone());
        if let Some(books) = books {
            let (credit, bonus) = self.booked.entry(books).or_default();
            *credit = &*credit + &(&now.settlement.net - &was.settlement.net);
            *bonus = &*bonus + &(&now.bonus - &was.bonus);
        }
        let changes = restates(frame, report, &was, &now, booked_in);
        self.write(place, PeriodState::Final, at, None, Some(changes));
    }

    fn write(
        &mut self,
        place: usize,
        state: PeriodState,
        at: Timestamp,
        year_to_date: Option<Exact>,
        restates: Option<crate::api::sla_report::Restates>,
    ) {
        let replay = self.replay;
        let parts = self.parts(place);
        let Some((frame, closed)) = replay.frames.get(place).zip(self.closed.get_mut(place)) else { return };
        if closed.readings.is_empty() {
            return;
        }
        let final_at = replay.finals.get(place).copied().flatten();
        let statement = Statement {
            contract: replay.contract,
            frame,
            settled: &closed.settled,
            state,
            revision: closed.revision,
            reach: &replay.knowledge.reach(place, at),
            bookings: &closed.bookings,
            year_to_date,
            disputes: replay.knowledge.disputes(place, final_at.map_or(at, |instant| instant.min(at))),
            restates,
            parts,
        };
        let report = statement.report();
        closed.reports.push(report);
    }

    /// The parts of each line of a period, against the periods before as they are at this instant.
    fn parts(&self, place: usize) -> Vec<Packed<PartValue>> {
        let Some(closed) = self.closed.get(place) else { return Vec::new() };
        let earlier = || self.closed.iter().take(place).rev().take(COMPARED);
        let of_line = |line: &Line<'a>| {
            let before = earlier().filter_map(|closed| closed.settled.line(line.reading.name));
            let before: Vec<&Reading<'a>> = before.map(|line| &*line.reading).collect();
            self.replay.knowledge.parts(&line.reading, &before)
        };
        closed.settled.lines.iter().map(of_line).collect()
    }

    /// Net of revision 1 less what was returned, with what was restated, over a contract year up to a period.
    fn year_to_date(&self, place: usize) -> Exact {
        year_to_date(self.replay.frames, &self.closed, place)
    }

    /// The closed periods that are not Final yet, with all that is known.
    fn close_provisional(&mut self, now: Timestamp) {
        for place in 0..self.replay.frames.len() {
            if !self.replay.is_final(place, now) {
                self.read(place, now);
                self.settle(place, now);
                self.issue(place, PeriodState::Provisional, now);
            }
        }
    }
}

/// Net of revision 1 less what was returned, with what was restated, over the contract year of a closed period up to it.
pub fn year_to_date(frames: &[Frame<'_>], closed: &[Closed<'_>], place: usize) -> Exact {
    let Some(year) = frames.get(place).map(|frame| frame.year) else { return Exact::ZERO };
    let of_year = frames.iter().zip(closed).take(place + 1).filter(|(frame, _)| frame.year == year);
    of_year.map(|(_, closed)| &closed.first_net - &closed.bookings.earned_back() + &closed.bookings.restated).sum()
}
