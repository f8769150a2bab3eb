//! A closed period: its frame, the line of each KPI, and what it costs.

use std::rc::Rc;

use super::credits::{Cost, Settlement, Tariff};
use super::gaming::Gaming;
use super::price::Priced;
use super::repeats::Weight;
use crate::api::sla_report::{CreditState, ReportTrigger};
use crate::domain::measuring::reading::Reading;
use crate::domain::numbers::exact::Exact;
use crate::domain::terms::contract_terms::Terms;
use crate::domain::terms::periods::{ContractYear, Period, Periods};

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

impl Line<'_> {
    /// Whether the previous judged period was Missed too.
    pub fn is_repeat(&self) -> bool {
        self.misses > 1
    }
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
