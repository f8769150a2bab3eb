//! What misses cost: points and their table, the five consequences of a band or a price, repeats, the ramp, the caps and the bonus.

use jiff::civil::Date;

use crate::api::kpi_target::{Band, Better, KpiClass, KpiTargetSpec, RoundingMode, Verdict};
use crate::api::scalar::{Duration, DurationUnit};
use crate::api::vendor_contract::{CapKind, Charges, PointsRow, PointsToMoney, RampCredit, VendorContractSpec};
use crate::api::verdict::Severity;

use super::price::{Miss, Priced, price_of_bonus, price_of_miss};
use super::repeats::Weight;
use crate::domain::measuring::verdict::{Aim, better_of};
use crate::domain::numbers::exact::{Exact, minor_units};
use crate::domain::terms::calendar::days_between;
use crate::domain::terms::contract_terms::Terms;
use crate::domain::terms::periods::{Period, Periods};

/// The rules about points and money under which one period is judged.
#[derive(Clone, Debug)]
pub struct Tariff {
    /// How much the ramp charges in this period.
    pub ramp: RampCredit,
    /// The first day of the period: what changes by date is as it was then.
    pub first_day: Date,
    /// Charges and caps; `None` where the contract has no charges.
    pub money: Option<Money>,
}

/// Charges and caps of one period. All caps are rounded to the currency's minor unit.
#[derive(Clone, Debug)]
pub struct Money {
    /// ISO 4217.
    pub currency: String,
    /// Digits after the point.
    pub minor_units: u32,
    /// The charges in force on the period's first day; 0 where the contract names none.
    pub charges: Exact,
    /// The amount at risk, not rounded: a percentage of the charges, or given in money; `None` where neither is.
    pub at_risk: Option<Exact>,
    /// What the credits of the period cannot exceed.
    pub period_cap: Option<Exact>,
    /// What the credits of the contract year cannot exceed.
    pub year_cap: Option<Exact>,
    /// How points become money.
    pub points: Option<PointsToMoney>,
}

impl Tariff {
    /// The rules for a period of a contract.
    pub fn of(terms: &Terms, period: &Period, periods: &Periods) -> Tariff {
        Tariff {
            ramp: ramp_on(&terms.contract, period.first_day),
            first_day: period.first_day,
            money: terms.contract.charges.as_ref().map(|charges| Money::of(&terms.contract, charges, period, periods)),
        }
    }

    /// Whether the ramp leaves this period unpunished: no points, credit, bonus, repeat or trigger.
    pub fn spares(&self) -> bool {
        self.ramp == RampCredit::None
    }

    /// What a number of points costs, before the ramp and not rounded.
    fn price_of_points(&self, points: i64) -> Exact {
        let percent = |money: &Money| money.points.as_ref().map(|rule| percent_of_points(rule, points));
        self.money.as_ref().map_or(Exact::ZERO, |money| money.charges.percent(&percent(money).unwrap_or_default()))
    }

    fn ramped(&self, amount: Exact) -> Exact {
        match self.ramp {
            RampCredit::None => Exact::ZERO,
            RampCredit::Half => amount.percent(&Exact::from(50)),
            RampCredit::Full => amount,
        }
    }
}

impl Money {
    fn of(contract: &VendorContractSpec, charges: &Charges, period: &Period, periods: &Periods) -> Money {
        let minor_units = minor_units(&charges.currency);
        let round = |amount: Exact| amount.round(minor_units, RoundingMode::HalfEven);
        let amount = charges_on(charges, period.first_day);
        let of_charges = charges.at_risk_percent.as_ref().map(|percent| amount.percent(&percent.into()));
        let at_risk = of_charges.or_else(|| charges.at_risk_amount.as_ref().map(Exact::from));
        let credits = contract.credits.as_ref();
        let year_percent = credits.and_then(|credits| credits.year_cap_percent.as_ref()).map(Exact::from);
        let of_year = year_percent.map(|percent| {
            let year = periods.of_contract_year(periods.contract_year_of(period));
            let charged: Exact = year.iter().map(|one| charges_on(charges, one.first_day)).sum();
            charged.percent(&percent)
        });
        let in_money = credits.and_then(|credits| credits.year_cap_amount.as_ref()).map(Exact::from);
        let year_cap = of_year.or(in_money).map(round);
        Money {
            currency: charges.currency.clone(),
            minor_units,
            period_cap: at_risk.clone().map(round),
            charges: amount,
            at_risk,
            year_cap,
            points: credits.and_then(|credits| credits.points.clone()),
        }
    }

    /// Half-even to the currency's minor unit.
    pub fn round(&self, amount: &Exact) -> Exact {
        amount.round(self.minor_units, RoundingMode::HalfEven)
    }

    /// As a report shows it.
    pub fn show(&self, amount: &Exact) -> String {
        amount.to_money(self.minor_units)
    }
}

/// The charges in force on a day.
fn charges_on(charges: &Charges, day: Date) -> Exact {
    let changed = charges.schedule.iter().filter(|change| change.from <= day).max_by_key(|change| change.from);
    changed.map(|change| change.amount).or(charges.amount).map_or(Exact::ZERO, Exact::from)
}

/// The ramp's step on a day: the first whose end the days since the term's start have not reached.
pub fn ramp_on(contract: &VendorContractSpec, day: Date) -> RampCredit {
    let age = days_between(contract.term.start, day);
    let steps = contract.credits.as_ref().map(|credits| credits.ramp.as_slice()).unwrap_or_default();
    steps.iter().find(|step| age < civil_days(step.until)).map_or(RampCredit::Full, |step| step.credit)
}

/// Civil days of a ramp's step; weeks are seven.
fn civil_days(duration: Duration) -> i64 {
    match duration.unit {
        DurationUnit::Days => duration.amount,
        DurationUnit::Weeks => duration.amount.saturating_mul(7),
        _ => duration.seconds().unwrap_or(0) / 86_400,
    }
}

/// Percentage of the charges for a number of points: by the table's highest row not above them, or by the percentage per point.
fn percent_of_points(rule: &PointsToMoney, points: i64) -> Exact {
    if let Some(per_point) = &rule.per_point_percent {
        return Exact::from(per_point) * Exact::from(points);
    }
    let rows = rule.table.as_deref().unwrap_or_default();
    row_of_points(rows, points).map_or(Exact::ZERO, |row| Exact::from(row.percent))
}

/// The table's highest row that is not above a number of points.
pub fn row_of_points(rows: &[PointsRow], points: i64) -> Option<&PointsRow> {
    rows.iter().filter(|row| row.points <= points).max_by_key(|row| row.points)
}

/// One KPI of one period, as far as its cost depends on it.
#[derive(Clone, Copy, Debug)]
pub struct Judged<'a> {
    /// The KPI.
    pub spec: &'a KpiTargetSpec,
    /// The target in force.
    pub aim: &'a Aim,
    /// Its verdict.
    pub verdict: Verdict,
    /// Its value after relief, rounded.
    pub value: Option<&'a Exact>,
    /// The numerator of that value.
    pub numerator: Option<&'a Exact>,
    /// The band into which a miss falls.
    pub band: Option<&'a Band>,
    /// By what the length of the run of misses multiplies points and credit.
    pub weight: &'a Weight,
}

/// What one KPI costs or earns in one period, before caps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Service points.
    pub points: i64,
    /// Credit, rounded.
    pub credit: Exact,
    /// Bonus, rounded.
    pub bonus: Exact,
}

impl Judged<'_> {
    /// What it costs or earns.
    pub fn cost(&self, tariff: &Tariff) -> Cost {
        if self.spec.dry_run || self.spec.class == KpiClass::KeyMeasurement || tariff.spares() {
            return Cost::default();
        }
        Cost { points: self.points(), credit: self.credit(tariff), bonus: self.bonus(tariff) }
    }

    /// What the terms say that it costs or earns, before repeats, ramp, dry run and class.
    pub fn agreed(&self, tariff: &Tariff) -> Cost {
        let plain = Judged { weight: &Weight::plain(), ..*self };
        let credit = tariff.money.as_ref().map(|money| money.round(&plain.credit_before_ramp(tariff, money)));
        Cost { points: plain.points(), credit: credit.unwrap_or_default(), bonus: self.bonus(tariff) }
    }

    /// Points, rounded half-up to whole ones.
    fn points(&self) -> i64 {
        let points = self.missed_band().and_then(|band| band.points).unwrap_or(0);
        let weighed = (Exact::from(points) * &self.weight.points).round(0, RoundingMode::HalfUp);
        weighed.to_i64().unwrap_or(i64::MAX)
    }

    fn credit(&self, tariff: &Tariff) -> Exact {
        let Some(money) = &tariff.money else { return Exact::ZERO };
        money.round(&tariff.ramped(self.credit_before_ramp(tariff, money)))
    }

    /// The credit of a price or a band, not rounded.
    fn credit_before_ramp(&self, tariff: &Tariff, money: &Money) -> Exact {
        match self.priced(tariff) {
            Some(priced) => priced.total,
            None => self.missed_band().map_or(Exact::ZERO, |band| self.full_credit(band, money) * &self.weight.credit),
        }
    }

    /// What a miss costs by quantity; `None` without a price or a miss.
    pub fn priced(&self, tariff: &Tariff) -> Option<Priced> {
        let price = self.spec.price.as_ref().filter(|_| self.verdict == Verdict::Missed)?;
        let miss = Miss {
            aim: self.aim,
            value: self.value,
            numerator: self.numerator,
            day: tariff.first_day,
            times: &self.weight.credit,
        };
        Some(price_of_miss(price, &miss))
    }

    /// The credit of a band without the ramp, not rounded.
    fn full_credit(&self, band: &Band, money: &Money) -> Exact {
        if let Some(percent) = &band.at_risk_percent {
            money.at_risk.as_ref().map_or(Exact::ZERO, |at_risk| at_risk.percent(&percent.into()))
        } else if let Some(percent) = &band.percent {
            money.charges.percent(&percent.into())
        } else if let Some(credit) = &band.credit {
            credit.into()
        } else if band.proportional == Some(true) {
            let distance = self.value.map_or_else(|| self.distance_of_silence(), |value| self.aim.distance(value));
            money.charges.percent(&distance)
        } else {
            Exact::ZERO
        }
    }

    /// How far a miss without a value is from its target: as far as the worst percentage, whatever the bounds, so that it is
    /// never cheaper to send nothing than to serve badly.
    fn distance_of_silence(&self) -> Exact {
        let (least, most) = (self.aim.distance(&Exact::ZERO), self.aim.distance(&Exact::HUNDRED));
        match better_of(self.aim.comparison) {
            Some(Better::Higher) => least,
            Some(Better::Lower) => most,
            Some(Better::Range) | None => least.max(most),
        }
    }

    fn bonus(&self, tariff: &Tariff) -> Exact {
        let earned = self
            .spec
            .bonus
            .as_ref()
            .zip(self.value)
            .filter(|(bonus, value)| self.verdict == Verdict::Met && self.aim.surpasses(value, &bonus.from.into()));
        let (Some((bonus, value)), Some(money)) = (earned, &tariff.money) else { return Exact::ZERO };
        let by_quantity = bonus.price.as_ref().map(|price| price_of_bonus(price, &bonus.from.into(), self.aim, value));
        let total = by_quantity.map(|priced| priced.total).or(bonus.amount.map(Exact::from));
        money.round(&total.unwrap_or_default())
    }

    fn missed_band(&self) -> Option<&Band> {
        self.band.filter(|_| self.verdict == Verdict::Missed)
    }
}

/// What is owed for a period, and how it came about. All amounts are rounded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settlement {
    /// What the points cost before the ramp.
    pub points_before_ramp: Exact,
    /// What the points cost.
    pub from_points: Exact,
    /// Credits of the KPIs and of the points.
    pub before_caps: Exact,
    /// The caps that apply, in the order in which they do.
    pub caps: Vec<Cap>,
    /// What is owed.
    pub net: Exact,
}

/// A cap that applies to a period, with what it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cap {
    /// Whose.
    pub kind: CapKind,
    /// The whole cap.
    pub limit: Exact,
    /// What earlier periods of the contract year took of it; zero for a period's.
    pub used: Exact,
    /// The amount that it was given.
    pub before: Exact,
    /// The amount that it left.
    pub after: Exact,
}

impl Settlement {
    /// Caps that lowered the amount that they were given.
    pub fn capped_by(&self) -> Vec<CapKind> {
        self.caps.iter().filter(|cap| cap.after < cap.before).map(|cap| cap.kind).collect()
    }
}

/// Adds up the credits of a period and applies the caps: the period's first, then what the year's leaves after the
/// earlier nets of the contract year.
pub fn settle(tariff: &Tariff, credits: &Exact, points: i64, earlier_nets: &Exact) -> Settlement {
    let Some(money) = &tariff.money else { return Settlement::default() };
    let points_price = tariff.price_of_points(points);
    let from_points = money.round(&tariff.ramped(points_price.clone()));
    let before_caps = credits + &from_points;
    let of_period = money.period_cap.clone().map(|limit| (CapKind::Period, limit, Exact::ZERO));
    let of_year = money.year_cap.clone().map(|limit| (CapKind::Year, limit, earlier_nets.clone()));
    let (mut net, mut caps) = (before_caps.clone(), Vec::new());
    for (kind, limit, used) in [of_period, of_year].into_iter().flatten() {
        let before = net.clone();
        net = net.min((&limit - &used).max(Exact::ZERO));
        caps.push(Cap { kind, limit, used, before, after: net.clone() });
    }
    let points_before_ramp = money.round(&points_price);
    Settlement { points_before_ramp, from_points, before_caps, caps, net: net.max(Exact::ZERO) }
}

/// Whether a credit may be earned back: a direct one, within the gravity allowed, of a KPI with `stretch`, and no repeat of
/// a miss that was charged.
pub fn may_be_earned_back(
    contract: &VendorContractSpec,
    spec: &KpiTargetSpec,
    severity: Option<Severity>,
    repeat: bool,
    credit: &Exact,
) -> bool {
    let rule = contract.credits.as_ref().and_then(|credits| credits.earn_back.as_ref());
    rule.is_some_and(|rule| {
        let most = rule.max_severity.unwrap_or(Severity::Minor);
        spec.objective.stretch.is_some() && !repeat && !credit.is_zero() && severity.is_some_and(|one| one <= most)
    })
}
