//! What the closed periods of a contract come to: their reports, and what statuses show of them. It is kept for the next judgement.
//!
//! It follows from the terms and records that roll-ups rest on ([`crate::domain::measuring::rollups`]), from the rows known by its last
//! instant, and from what [`RestsOn`] names. Rows that arrive in a running period change none of that, and neither does time.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use jiff::Timestamp;

use crate::api::dispute::ReportDispute;
use crate::api::kpi_target::{ClosedValue, HistoryEntry, TierSlice, Trend, Verdict};
use crate::api::sla_report::{Gap, TierLine};
use crate::api::vendor_contract::{CreditsStatus, LastPeriod, PlanStatus, TriggerStatus};
use crate::api::verdict::PeriodState;

use super::filed_reports::{Filing, JudgedReport};
use crate::domain::foresight::trend::{Signal, trend};
use crate::domain::governance::rectification::{History, standing};
use crate::domain::measuring::kept_closed::KeptClosed;
use crate::domain::measuring::kept_readings::KeptReading;
use crate::domain::measuring::prepared_terms::Books;
use crate::domain::measuring::reading::Reading;
use crate::domain::numbers::exact::Exact;
use crate::domain::settlement::credits::Tariff;
use crate::domain::settlement::earn_back::still_pending;
use crate::domain::settlement::gaming::Gaming;
use crate::domain::settlement::reports::{Reach, ShownFigures, report_name, sources_line};
use crate::domain::settlement::restatement::{Closed, Touch, year_to_date};
use crate::domain::settlement::settled_period::{Frame, Settled};
use crate::domain::terms::periods::{Period, Periods};

/// Closed periods that a KPI's history keeps.
const HISTORY: usize = 13;

/// What the closed periods rest on in addition to terms, records and rows. Where it is the same again, so are they.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RestsOn {
    /// Name of the contract.
    pub(super) contract: String,
    /// The place of the book of each closed period.
    pub(super) books: Vec<usize>,
    /// When each became Final; `None` for those that are not yet.
    pub(super) finals: Vec<Option<Timestamp>>,
    /// The instants since at which something of them became known.
    pub(super) touches: BTreeMap<Timestamp, BTreeSet<Touch>>,
    /// What is known now of those that are not Final, in order.
    pub(super) provisional: Vec<Provisional>,
    /// The running period: of its contract year the money is summed up.
    pub(super) running: Option<usize>,
}

/// What is known of a closed period that is not Final.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Provisional {
    /// Of each KPI; `None` for those that are not measured.
    pub(super) readings: Vec<Option<Arc<KeptReading>>>,
    pub(super) reach: Reach,
    pub(super) disputes: Vec<ReportDispute>,
}

impl RestsOn {
    /// Up to which instant a row that becomes known changes it, though nothing here is another: the last one of which anything was asked.
    /// What is asked of periods that are not Final is compared.
    fn until(&self) -> Timestamp {
        let finals = self.finals.iter().flatten().max();
        let touched = self.touches.keys().last();
        finals.max(touched).copied().unwrap_or(Timestamp::MIN)
    }

    /// Bytes that it takes in memory, near enough.
    fn bytes(&self) -> usize {
        let of_touches = |touches: &BTreeSet<Touch>| 48 + 32 * touches.len();
        16 * self.finals.len()
            + 8 * self.books.len()
            + self.touches.values().map(of_touches).sum::<usize>()
            + self.provisional.iter().map(Provisional::bytes).sum::<usize>()
    }
}

impl Provisional {
    fn bytes(&self) -> usize {
        let readings = self.readings.iter().flatten().map(|reading| reading.bytes() + 16).sum::<usize>();
        let gaps = self.reach.gaps.len() * (std::mem::size_of::<Gap>() + 32);
        let disputes = self.disputes.len() * (std::mem::size_of::<ReportDispute>() + 128);
        std::mem::size_of::<Provisional>() + readings + gaps + disputes
    }
}

/// What the closed periods come to.
#[derive(Debug)]
pub(super) struct ClosedPeriods {
    pub(super) rests_on: RestsOn,
    /// Every report, ordered by period, then revision.
    pub(super) reports: Vec<JudgedReport>,
    /// The latest period, by its latest revision.
    pub(super) last: Option<LastPeriod>,
    /// The verdicts of the latest period that count.
    pub(super) verdicts: Option<Vec<Verdict>>,
    /// Money of the running contract year; after the term, of its last.
    pub(super) credits: Option<CreditsStatus>,
    /// Triggers that are active.
    pub(super) triggers: Vec<TriggerStatus>,
    /// Rectification plans.
    pub(super) plans: Vec<PlanStatus>,
    /// What is said of each KPI of the terms in force, in their order.
    kpis: Vec<ClosedKpi>,
}

/// What the closed periods say of a KPI.
#[derive(Clone, Debug, Default)]
pub(super) struct ClosedKpi {
    pub(super) last: Option<ClosedValue>,
    pub(super) last_ended_at: Option<Timestamp>,
    pub(super) tiers: Vec<TierSlice>,
    pub(super) gaming: Gaming,
    pub(super) negative_volume: bool,
    pub(super) history: Vec<HistoryEntry>,
    pub(super) trend: Option<Trend>,
    pub(super) signal: Option<String>,
}

impl KeptClosed for ClosedPeriods {
    fn until(&self) -> Timestamp {
        self.rests_on.until()
    }

    /// Reports are shared with the judgement that is held of the contract.
    fn bytes(&self) -> usize {
        let of_kpi = |kpi: &ClosedKpi| {
            std::mem::size_of::<ClosedKpi>()
                + kpi.history.len() * (std::mem::size_of::<HistoryEntry>() + 64)
                + kpi.tiers.len() * (std::mem::size_of::<TierSlice>() + 64)
                + 128
        };
        std::mem::size_of::<ClosedPeriods>()
            + std::mem::size_of_val(self.reports.as_slice())
            + self.kpis.iter().map(of_kpi).sum::<usize>()
            + self.rests_on.bytes()
    }
}

impl ClosedPeriods {
    /// Whether they rest on the same. What is known of periods that are not Final is then taken from the judgement that asks, which keeps it
    /// too, so that it is not in memory twice.
    pub(super) fn rest_on(kept: &mut Arc<Self>, rests_on: &mut RestsOn) -> bool {
        if kept.rests_on != *rests_on {
            return false;
        }
        if let Some(own) = Arc::get_mut(kept) {
            own.rests_on.provisional = std::mem::take(&mut rests_on.provisional);
        }
        true
    }

    /// What is said of a KPI, by its place among those of the terms in force.
    pub(super) fn kpi(&self, place: usize) -> ClosedKpi {
        self.kpis.get(place).cloned().unwrap_or_default()
    }
}

/// The closed periods, to be shown.
pub(super) struct Shown<'v, 'a> {
    pub(super) contract: &'v str,
    pub(super) books: &'v Books<'a>,
    pub(super) periods: &'v Periods,
    pub(super) frames: &'v [Frame<'a>],
    pub(super) closed: Vec<Closed<'a>>,
}

impl<'v, 'a> Shown<'v, 'a> {
    /// All that they come to. Reports that say the same as filed ones of `before` are not filed again.
    pub(super) fn all(self, rests_on: RestsOn, before: &[JudgedReport]) -> ClosedPeriods {
        let book = self.books.current();
        let history = History {
            contract: &book.terms.contract,
            calendar: &book.calendar,
            frames: self.frames,
            closed: &self.closed,
        };
        let standing = standing(&history);
        let running = rests_on.running.and_then(|place| self.periods.nth(place));
        ClosedPeriods {
            last: self.last(),
            verdicts: self.verdicts(),
            credits: self.credits(running),
            triggers: standing.triggers,
            plans: standing.plans,
            kpis: book.kpis.iter().map(|kpi| self.kpi(kpi.name)).collect(),
            reports: filed(self.closed, before),
            rests_on,
        }
    }

    fn latest(&self) -> Option<(&Frame<'a>, &Closed<'a>)> {
        self.frames.last().zip(self.closed.last())
    }

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

    fn verdicts(&self) -> Option<Vec<Verdict>> {
        let (_, closed) = self.latest()?;
        let lines = closed.settled.lines.iter().map(|line| &line.reading);
        Some(lines.filter(|reading| reading.counts()).map(|reading| reading.verdict).collect())
    }

    fn credits(&self, running: Option<&Period>) -> Option<CreditsStatus> {
        let terms = self.books.current().terms;
        let period = running.or(self.periods.all().last())?;
        let money = Tariff::of(terms, period, self.periods).money?;
        let year = self.periods.contract_year_of(period);
        let place = self.frames.iter().rposition(|frame| frame.year == year);
        let to_date = place.map_or(Exact::ZERO, |place| year_to_date(self.frames, &self.closed, place));
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

    fn kpi(&self, name: &str) -> ClosedKpi {
        let latest = self.latest().and_then(|(frame, closed)| Some((frame, closed, closed.settled.line(name)?)));
        let (trend, signal) = self.trend(name).map_or((None, None), |(trend, signal)| (Some(trend), signal));
        ClosedKpi {
            last: latest.map(|(frame, closed, _)| closed_value(name, frame, closed)).unwrap_or_default(),
            last_ended_at: latest.map(|(frame, ..)| frame.period.end),
            tiers: latest.map(|(frame, _, line)| tier_slices(frame, &line.reading)).unwrap_or_default(),
            gaming: latest.map_or(self.gaming_before_any(name), |(.., line)| line.gaming.clone()),
            negative_volume: latest.is_some_and(|(.., line)| line.reading.negative_volume),
            history: self.history(name),
            trend,
            signal: signal.map(|signal| signal.as_str().to_owned()),
        }
    }

    fn gaming_before_any(&self, name: &str) -> Gaming {
        let spec = self.books.current().terms.kpis.get(name);
        let has_counter = spec.is_some_and(|spec| spec.counter_metric.is_some());
        if has_counter { Gaming::NoData } else { Gaming::NoCounterMetric }
    }

    /// Closed periods of a KPI, newest first.
    fn history(&self, name: &str) -> Vec<HistoryEntry> {
        let newest_first = self.frames.iter().zip(&self.closed).rev();
        let values = newest_first.filter_map(|(frame, closed)| closed_value(name, frame, closed));
        let entries = values.map(|value| HistoryEntry {
            name: value.name,
            value: value.value,
            verdict: value.verdict,
            severity: value.severity,
            points: value.points,
            credit: value.credit,
            revision: value.revision,
        });
        entries.take(HISTORY).collect()
    }

    /// Where the values of the history are heading.
    fn trend(&self, name: &str) -> Option<(Trend, Option<Signal>)> {
        let newest_first = self.closed.iter().rev().filter_map(|closed| closed.settled.line(name)).take(HISTORY);
        let lines: Vec<_> = newest_first.collect();
        let aim = &lines.first()?.reading.aim;
        let values: Vec<f64> =
            lines.iter().rev().filter_map(|line| line.reading.value.as_ref()).map(Exact::to_f64).collect();
        let target = aim.target.to_f64();
        trend(&values, aim.comparison, target, aim.upper.as_ref().map_or(target, Exact::to_f64))
    }
}

/// Their reports, each period's gone from memory once it is filed.
fn filed(closed: Vec<Closed<'_>>, before: &[JudgedReport]) -> Vec<JudgedReport> {
    let mut filing = Filing::reusing(before);
    closed.into_iter().flat_map(|closed| closed.reports).for_each(|report| filing.add(report));
    filing.finish()
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
    let slice = |line: &TierLine| TierSlice {
        tier: line.tier.clone(),
        period: frame.period.name.clone(),
        value: line.value.clone(),
        target: line.target.clone(),
        denominator: line.denominator.clone(),
        verdict: line.verdict,
    };
    reading.tiers.iter().map(slice).collect()
}
