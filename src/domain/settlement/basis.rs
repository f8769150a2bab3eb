//! What a report was judged by, written beside its figures, so that it explains itself when the terms have changed since.

use crate::api::Packed;
use crate::api::basis::{
    Agreed, BandBasis, Basis, CapBasis, CreditBasis, CrossCheckBasis, PointsRowBasis, PriceBasis, RoundingApplied,
    TallyBasis, TargetPart,
};
use crate::api::consequence::Price;
use crate::api::kpi_target::{Band, KpiTargetSpec, Verdict};
use crate::api::sla_report::{KpiLine, SlaReportSpec};
use crate::api::vendor_contract::RampCredit;

use super::credits::{Cost, Money, Tariff, ramp_on, row_of_points};
use super::price::Priced;
use super::settled_period::{Frame, Line, Settled};
use crate::domain::numbers::exact::{Exact, SHOWN_DECIMALS};
use crate::domain::terms::calendar::Calendar;
use crate::domain::terms::catalogue::{PartRule, definition, formula_in_words};
use crate::domain::terms::contract_terms::Terms;

fn shown(number: &Exact) -> String {
    number.show(SHOWN_DECIMALS)
}

/// What one KPI of a period was judged by.
pub fn basis_of_line(line: &Line<'_>, tariff: &Tariff) -> Basis {
    let (reading, method) = (&line.reading, &line.reading.method);
    // Under a ramp that spares, a miss is part of no run.
    let is_miss = line.misses > 0;
    Basis {
        formula: method.formula.to_string(),
        scale: shown(&method.scale),
        unit: method.unit,
        annual_factor: reading.annual_factor.as_ref().map(shown),
        rounding: reading.spec.rounding.as_ref().map(RoundingApplied::from),
        within: reading.spec.within,
        cross_check: basis_of_sources(reading.spec),
        tally: method.parts.as_ref().map(basis_of_tally),
        targets: reading
            .targets
            .iter()
            .map(|part| TargetPart {
                from: part.from,
                target: shown(&part.target),
                denominator: shown(&part.denominator),
            })
            .collect(),
        band: reading.band.map(basis_of_band),
        ramp: tariff.ramp,
        price: reading
            .spec
            .price
            .as_ref()
            .zip(line.priced.as_ref())
            .map(|(price, priced)| basis_of_price(price, priced)),
        misses: line.weight.from.filter(|_| is_miss),
        times: is_miss.then(|| shown(&line.weight.points)),
        credit_times: (is_miss && line.weight.is_of_credits).then(|| shown(&line.weight.credit)),
        agreed: agreed(&line.agreed, tariff.money.as_ref()),
    }
}

fn basis_of_sources(spec: &KpiTargetSpec) -> Option<CrossCheckBasis> {
    let rule = spec.source.cross_check.as_ref()?;
    Some(CrossCheckBasis { feed: rule.feed.clone(), tolerance: shown(&rule.tolerance.into()), prefer: rule.prefer })
}

fn basis_of_tally(rule: &PartRule) -> TallyBasis {
    TallyBasis { each: rule.each, comparison: rule.comparison, target: shown(&rule.target), unit: rule.unit }
}

fn basis_of_band(band: &Band) -> BandBasis {
    let shown = |number: &Option<crate::api::scalar::Decimal>| number.as_ref().map(|number| shown(&number.into()));
    BandBasis {
        severity: band.severity,
        bound: shown(&band.bound),
        points: band.points,
        at_risk_percent: shown(&band.at_risk_percent),
        percent: shown(&band.percent),
        credit: shown(&band.credit),
        proportional: band.proportional.filter(|proportional| *proportional),
    }
}

fn basis_of_price(price: &Price, priced: &Priced) -> PriceBasis {
    PriceBasis {
        amount: shown(&priced.amount),
        per: shown(&price.per.into()),
        steps: price.steps,
        count: price.count,
        beyond: priced.beyond.as_ref().map(shown),
        up_to: price.up_to.as_ref().map(|limit| shown(&limit.into())),
        quantity: priced.quantity.as_ref().map(shown),
        number: priced.steps.as_ref().map(shown),
        limited: priced.is_limited,
    }
}

/// What the terms say that a line costs or earns; `None` where that is nothing.
fn agreed(cost: &Cost, money: Option<&Money>) -> Option<Agreed> {
    let amount = |amount: &Exact| money.filter(|_| !amount.is_zero()).map(|money| money.show(amount));
    let agreed = Agreed {
        points: (cost.points != 0).then_some(cost.points),
        credit: amount(&cost.credit),
        bonus: amount(&cost.bonus),
    };
    (agreed != Agreed::default()).then_some(agreed)
}

/// How the money of a period came about.
pub fn basis_of_credit(frame: &Frame<'_>, money: &Money, settled: &Settled<'_>) -> CreditBasis {
    let settlement = &settled.settlement;
    let rule = money.points.as_ref();
    let table = rule.and_then(|rule| rule.table.as_deref());
    CreditBasis {
        charges: (!money.charges.is_zero()).then(|| money.show(&money.charges)),
        at_risk: money.period_cap.as_ref().map(|amount| money.show(amount)),
        points_row: table
            .and_then(|rows| row_of_points(rows, settled.points))
            .map(|row| PointsRowBasis { points: row.points, percent: shown(&row.percent.into()) }),
        per_point_percent: rule.and_then(|rule| rule.per_point_percent.as_ref()).map(|percent| shown(&percent.into())),
        points_before_ramp: rule.map(|_| money.show(&settlement.points_before_ramp)),
        ramp: frame.tariff.ramp,
        caps: settlement
            .caps
            .iter()
            .map(|cap| CapBasis {
                cap: cap.kind,
                limit: money.show(&cap.limit),
                used: (!cap.used.is_zero()).then(|| money.show(&cap.used)),
                before: money.show(&cap.before),
                after: money.show(&cap.after),
            })
            .collect(),
    }
}

/// What a report says of how its figures came about. Reports of earlier versions lack one or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explained {
    /// What they were judged by.
    pub basis: bool,
    /// Their days and parts.
    pub days: bool,
}

impl Explained {
    /// By this report. One without lines lacks nothing.
    pub fn by(report: &SlaReportSpec) -> Explained {
        let lines = &report.kpis;
        Explained {
            basis: lines.is_empty() || lines.iter().any(|line| line.basis.is_some()),
            days: lines.is_empty() || lines.iter().any(|line| !line.days.is_empty() || !line.parts.is_empty()),
        }
    }
}

/// A report without the members that an earlier one, written before there was a basis, or days and parts, cannot have; the same report
/// where the earlier one has them. Reports are compared in the members that the earlier one has.
pub fn as_far_as(earlier: &SlaReportSpec, report: &SlaReportSpec) -> SlaReportSpec {
    let mut report = report.clone();
    let has = Explained::by(earlier);
    for line in &mut report.kpis {
        if !has.basis {
            line.basis = None;
        }
        if !has.days {
            line.days = Packed::default();
            line.parts = Packed::default();
        }
    }
    if let Some(credit) = report.credit.as_mut().filter(|_| !has.basis) {
        credit.basis = None;
    }
    report
}

/// What a line of a report of an earlier version would be judged by under `terms`, as far as the line itself says the rest;
/// `None` where the terms have no such KPI or its formula cannot be read.
pub fn basis_by_terms(line: &KpiLine, report: &SlaReportSpec, terms: &Terms) -> Option<Basis> {
    let spec = terms.kpi(&line.name)?;
    let definition = definition(spec).ok()?;
    let ramp = Calendar::of(&terms.contract)
        .map_or(RampCredit::Full, |calendar| ramp_on(&terms.contract, calendar.date_of(report.period.start)));
    Some(Basis {
        formula: formula_in_words(&definition),
        scale: shown(&definition.scale),
        unit: definition.unit,
        annual_factor: None,
        rounding: spec.rounding.as_ref().map(RoundingApplied::from),
        within: spec.within,
        cross_check: basis_of_sources(spec),
        tally: definition.parts.as_ref().map(basis_of_tally),
        targets: Vec::new(),
        band: spec.bands.iter().find(|band| Some(band.severity) == line.severity).map(basis_of_band),
        ramp,
        price: spec.price.as_ref().filter(|_| line.verdict == Verdict::Missed).map(|price| PriceBasis {
            amount: shown(&price.amount.into()),
            per: shown(&price.per.into()),
            steps: price.steps,
            count: price.count,
            beyond: price.beyond.as_ref().map(|beyond| shown(&beyond.into())),
            up_to: price.up_to.as_ref().map(|limit| shown(&limit.into())),
            quantity: None,
            number: None,
            limited: false,
        }),
        misses: None,
        times: None,
        credit_times: None,
        agreed: None,
    })
}
