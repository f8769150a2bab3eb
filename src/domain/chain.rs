//! The chain of periods: what of a period depends on the ones before it. Repeats, caps of the year, gaming, triggers.

use std::rc::Rc;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::api::kpi_target::{
    Band, Better, CatalogueKpi, Comparison, FormulaUnit, KpiClass, KpiTargetSpec, KpiVariant,
};
use crate::api::kpi_target::{Rating, Rounding, Severity, Verdict};
use crate::api::sla_report::{CreditState, EvidenceReference, ReportTrigger, TierLine};

use super::catalogue::PartRule;
use super::credits::{Cost, Judged, Settlement, Tariff, may_be_earned_back, settle};
use super::exact::Exact;
use super::facts::{Gaming, Terms};
use super::gaming::{PERIODS_BEFORE, ShareHistory, gaming};
use super::periods::{ContractYear, Period, Periods};
use super::price::Priced;
use super::repeats::{Weight, weight_of};
use super::sources::Sources;
use super::statistics::{Interval, Share};
use super::tally::Found;
use super::triggers::triggers_at;
use super::verdict::{Aim, better_of};

/// One KPI in one period as the rows known at some instant have it: all that does not depend on other periods.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading<'a> {
    /// Name of the KpiTarget.
    pub name: &'a str,
    /// Its spec.
    pub spec: &'a KpiTargetSpec,
    /// The catalogue's KPI.
    pub kpi: CatalogueKpi,
    /// The variant in use, where the KPI has any.
    pub variant: Option<KpiVariant>,
    /// Whether it, or the contract, is suspended.
    pub is_suspended: bool,
    /// The target in force.
    pub aim: Aim,
    /// The value over all selected rows, rounded.
    pub raw_value: Option<Exact>,
    /// The value after relief, rounded.
    pub value: Option<Exact>,
    /// The numerator of `value`.
    pub numerator: Option<Exact>,
    /// The denominator of `value`.
    pub denominator: Option<Exact>,
    /// The interval of `value`, in its unit.
    pub interval: Option<Interval>,
    /// The verdict.
    pub verdict: Verdict,
    /// How grave a miss is.
    pub severity: Option<Severity>,
    /// The band into which a miss falls.
    pub band: Option<&'a Band>,
    /// The rating.
    pub rating: Rating,
    /// How much of its weight it earns, 0 to 1; `None` where nothing was judged.
    pub achievement: Option<Exact>,
    /// Relief that took rows away.
    pub excused_by: Vec<String>,
    /// The part of each tier.
    pub tiers: Vec<TierLine>,
    /// Percentage of the denominator whose rows carry no tier.
    pub without_tier_percent: Option<String>,
    /// The rows that were judged.
    pub evidence: EvidenceReference,
    /// Whether the denominator of its rows is below 0, which is no data.
    pub negative_volume: bool,
    /// Whether the numerator is a part of the denominator.
    pub is_share: bool,
    /// What a tally found; `None` for what is judged as a whole.
    pub tally: Option<Found>,
    /// What two sources say; `None` where there is one.
    pub sources: Option<Sources>,
    /// By what it was computed.
    pub method: Method,
}

/// By what a reading was computed, for the report that is signed.
#[derive(Clone, Debug, PartialEq)]
pub struct Method {
    /// The formula without the scale.
    pub formula: Rc<str>,
    /// By what the quotient is multiplied, before it is made a year's.
    pub scale: Exact,
    /// Unit of the value.
    pub unit: FormulaUnit,
    /// How each part of a tally is judged; `None` for what is judged as a whole.
    pub parts: Option<PartRule>,
    /// By what a figure is made a year's; `None` for those that are not.
    pub annual_factor: Option<Exact>,
    /// The parts of a target that changes inside the period.
    pub targets: Vec<TargetPart>,
}

/// A part of a target that changes inside a period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetPart {
    /// Its first day.
    pub from: Date,
    /// The target.
    pub target: Exact,
    /// Its weight.
    pub denominator: Exact,
}

impl Reading<'_> {
    /// Whether it counts in totals, score, triggers and conditions of the contract.
    pub fn counts(&self) -> bool {
        !self.spec.dry_run && !self.is_suspended
    }

    /// Whether it may cost something: of class Critical and counted.
    pub fn is_critical(&self) -> bool {
        self.counts() && self.spec.class == KpiClass::Critical
    }

    /// Met or Missed: the verdicts that repeats, earn-back and plans look at.
    pub fn is_decided(&self) -> bool {
        matches!(self.verdict, Verdict::Met | Verdict::Missed)
    }

    /// How its value is shown and rounded; a count of parts is whole, and `rounding` belongs to the parts.
    pub fn rounding(&self) -> Option<&Rounding> {
        self.spec.rounding.as_ref().filter(|_| self.spec.tally.is_none())
    }

    /// The comparison that decides.
    pub fn comparison(&self) -> Comparison {
        self.aim.comparison
    }

    fn share(&self) -> Option<Share> {
        let (numerator, denominator) = self.numerator.as_ref().zip(self.denominator.as_ref())?;
        if !self.is_share {
            return None;
        }
        Share::new(numerator.to_f64(), denominator.to_f64())
    }
}

/// The frame of one closed period: its place, its terms and its rules about money.
#[derive(Clone, Debug)]
pub struct Frame<'a> {
    /// The period.
    pub period: &'a Period,
    /// The terms that it is judged under.
    pub terms: &'a Terms,
    /// The rules about points and money.
    pub tariff: Tariff,
    /// The contract year that it starts in.
    pub year: ContractYear,
    /// Whether it is the last that starts in its contract year.
    pub ends_year: bool,
}

impl<'a> Frame<'a> {
    /// The frame of a period under `terms`.
    pub fn of(period: &'a Period, terms: &'a Terms, periods: &Periods) -> Frame<'a> {
        let year = periods.contract_year_of(period);
        let ends_year = periods.next(period).is_none_or(|next| periods.contract_year_of(next) != year);
        Frame { period, terms, tariff: Tariff::of(terms, period, periods), year, ends_year }
    }
}

/// One KPI of a period with what it costs.
#[derive(Clone, Debug, PartialEq)]
pub struct Line<'a> {
    /// What the rows say.
    pub reading: Rc<Reading<'a>>,
    /// How many misses in a row this one ends; 0 where it is none.
    pub misses: i64,
    /// By what that multiplies points and credit.
    pub weight: Weight,
    /// How its price came about, where it has one.
    pub priced: Option<Priced>,
    /// Points, credit and bonus as the terms say them, before repeats, ramp, dry run, class and gaming.
    pub agreed: Cost,
    /// Points, credit and bonus.
    pub cost: Cost,
    /// Whether the credit is settled; `None` where there is neither a credit nor points.
    pub credit_state: Option<CreditState>,
    /// Whether its counter metric suggests gaming.
    pub gaming: Gaming,
}

/// One period with all that it costs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settled<'a> {
    /// The KPIs, by name.
    pub lines: Vec<Line<'a>>,
    /// Points of the period.
    pub points: i64,
    /// Credits, caps and what is owed.
    pub settlement: Settlement,
    /// Bonus of the period.
    pub bonus: Exact,
    /// Triggers whose condition holds.
    pub triggers: Vec<ReportTrigger>,
}

impl Line<'_> {
    /// Whether the previous judged period was Missed too.
    pub fn is_repeat(&self) -> bool {
        self.misses > 1
    }
}

impl<'a> Settled<'a> {
    /// The line of a KPI.
    pub fn line(&self, name: &str) -> Option<&Line<'a>> {
        self.lines.binary_search_by(|line| line.reading.name.cmp(name)).ok().and_then(|at| self.lines.get(at))
    }

    /// The sum of the KPIs' credits before caps, without one of them where it is named.
    pub fn credits_without(&self, name: Option<&str>) -> Exact {
        self.lines.iter().filter(|line| Some(line.reading.name) != name).map(|line| &line.cost.credit).sum()
    }
}

/// Settles the period that follows `before`, in the light of the latest revisions of the earlier ones.
///
/// `frames` are those of all closed periods, `before` the settled ones in the same order; `readings` are sorted by name.
pub fn settle_period<'a>(
    frames: &[Frame<'a>],
    before: &[Rc<Settled<'a>>],
    readings: &[Rc<Reading<'a>>],
) -> Option<Settled<'a>> {
    let frame = frames.get(before.len())?;
    let lines: Vec<Line<'a>> =
        readings.iter().map(|reading| line_of(frames, frame, before, readings, reading)).collect();
    let counted = || lines.iter().filter(|line| line.reading.counts());
    let points = counted().map(|line| line.cost.points).sum();
    let bonus = counted().map(|line| &line.cost.bonus).sum();
    let mut settled = Settled { lines, points, bonus, ..Settled::default() };
    let earlier = earlier_nets(frames, before, frame);
    settled.settlement = settle(&frame.tariff, &settled.credits_without(None), points, &earlier);
    settled.triggers = triggers_at(frames, before, frame, &settled);
    Some(settled)
}

/// The sum of the earlier nets of a period's contract year.
pub fn earlier_nets(frames: &[Frame<'_>], before: &[Rc<Settled<'_>>], frame: &Frame<'_>) -> Exact {
    let earlier = frames.iter().zip(before).take(frame.period.index);
    earlier.filter(|(one, _)| one.year == frame.year).map(|(_, settled)| &settled.settlement.net).sum()
}

fn line_of<'a>(
    frames: &[Frame<'a>],
    frame: &Frame<'a>,
    before: &[Rc<Settled<'a>>],
    readings: &[Rc<Reading<'a>>],
    reading: &Rc<Reading<'a>>,
) -> Line<'a> {
    let misses = run_of_misses(frames, frame, before, reading);
    let weight = weight_of(&frame.terms.contract, reading.spec, misses);
    let gaming = gaming_of(before, readings, reading);
    let judged = Judged {
        spec: reading.spec,
        aim: &reading.aim,
        verdict: reading.verdict,
        value: reading.value.as_ref(),
        numerator: reading.numerator.as_ref(),
        band: reading.band,
        weight: &weight,
    };
    let mut cost = judged.cost(&frame.tariff);
    if matches!(gaming, Gaming::Suspected { .. }) {
        cost.bonus = Exact::ZERO;
    }
    let credit_state = credit_state(frame, reading, weight.is_repeat, &cost);
    let (agreed, priced) = (judged.agreed(&frame.tariff), judged.priced(&frame.tariff));
    Line { reading: Rc::clone(reading), misses, weight, priced, agreed, cost, credit_state, gaming }
}

/// How many misses in a row a miss ends, itself included; 0 for what is none. Only Met and Missed count, in periods that the
/// ramp punishes; a dry run and the real thing are chains of their own.
fn run_of_misses(frames: &[Frame<'_>], frame: &Frame<'_>, before: &[Rc<Settled<'_>>], reading: &Reading<'_>) -> i64 {
    if reading.verdict != Verdict::Missed || frame.tariff.spares() {
        return 0;
    }
    let earlier = frames.iter().zip(before).rev().filter(|(one, _)| !one.tariff.spares());
    let decided = earlier
        .filter_map(|(_, settled)| settled.line(reading.name))
        .find(|line| line.reading.is_decided() && line.reading.spec.dry_run == reading.spec.dry_run);
    // The run of a Met period is 0.
    decided.map_or(0, |line| line.misses) + 1
}

fn credit_state(frame: &Frame<'_>, reading: &Reading<'_>, repeat: bool, cost: &Cost) -> Option<CreditState> {
    if frame.tariff.money.is_none() || (cost.credit.is_zero() && cost.points == 0) {
        return None;
    }
    let may = may_be_earned_back(&frame.terms.contract, reading.spec, reading.severity, repeat, &cost.credit);
    Some(if may && !frame.ends_year { CreditState::Pending } else { CreditState::Final })
}

/// Whether the period suggests that a KPI was made better at the cost of its counter metric.
fn gaming_of(before: &[Rc<Settled<'_>>], readings: &[Rc<Reading<'_>>], reading: &Reading<'_>) -> Gaming {
    let Some(counter) = reading.spec.counter_metric.as_deref() else { return Gaming::NoCounterMetric };
    let latest = |name: &str| readings.iter().find(|one| one.name == name).cloned();
    let Some(counter) = latest(counter) else { return Gaming::NoData };
    let (shares, counter_shares) = (shares_before(before, reading.name), shares_before(before, counter.name));
    gaming(share_history(reading, &shares).as_ref(), share_history(&counter, &counter_shares).as_ref())
}

/// A KPI's shares in the latest periods with data before the judged one, newest first.
fn shares_before(before: &[Rc<Settled<'_>>], name: &str) -> Vec<Share> {
    before.iter().rev().filter_map(|settled| settled.line(name)?.reading.share()).take(PERIODS_BEFORE).collect()
}

fn share_history<'s>(reading: &'s Reading<'_>, before: &'s [Share]) -> Option<ShareHistory<'s>> {
    let higher_is_better = better_of(reading.aim.comparison)? == Better::Higher;
    Some(ShareHistory { name: reading.name, higher_is_better, latest: reading.share()?, before })
}
