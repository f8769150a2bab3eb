//! Money by quantity: how many steps a value lies beyond a point, and what they come to. Everything is exact.

use jiff::civil::Date;

use crate::api::consequence::{BonusPrice, Price, PriceCount, PriceSteps};
use crate::api::kpi_target::{Better, RoundingMode};

use crate::domain::measuring::verdict::{Aim, better_of};
use crate::domain::numbers::exact::Exact;

/// A miss, as far as its price depends on it.
#[derive(Clone, Copy, Debug)]
pub struct Miss<'a> {
    /// The target in force.
    pub aim: &'a Aim,
    /// The value after relief, rounded; `None` for a miss without one.
    pub value: Option<&'a Exact>,
    /// The numerator of the value.
    pub numerator: Option<&'a Exact>,
    /// The first day of the period, whose amount counts.
    pub day: Date,
    /// By what the length of the run of misses multiplies it.
    pub times: &'a Exact,
}

/// How a quantity became money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Priced {
    /// From where the steps are counted; `None` where events are.
    pub beyond: Option<Exact>,
    /// How far the value lies beyond it, or how many events there are; `None` for a miss without a value.
    pub quantity: Option<Exact>,
    /// How many steps that is; `None` for a miss without a value.
    pub steps: Option<Exact>,
    /// What one step costs.
    pub amount: Exact,
    /// What it comes to before the ramp, not rounded.
    pub total: Exact,
    /// Whether `upTo` lowered it, or took the place of a quantity that is not known.
    pub is_limited: bool,
}

/// What a miss costs by a price. A miss without a value costs as much as `upTo` allows: sending nothing is never cheaper.
pub fn price_of_miss(price: &Price, miss: &Miss<'_>) -> Priced {
    let amount = amount_on(price, miss.day);
    let limit = price.up_to.as_ref().map(Exact::from);
    let (beyond, quantity) = match price.count {
        PriceCount::Numerator => (None, miss.numerator.map(|events| events.max(&Exact::ZERO).clone())),
        PriceCount::Distance => {
            let beyond = price.beyond.as_ref().map_or_else(|| miss.aim.target.clone(), Exact::from);
            let quantity = miss.value.map(|value| worse_by(miss.aim, value, &beyond));
            (Some(beyond), quantity)
        }
    };
    let steps = quantity.as_ref().map(|quantity| steps_of(quantity, &Exact::from(price.per), price.steps));
    let (total, is_limited) = match &steps {
        Some(steps) => limited(&(steps * &amount) * miss.times, limit),
        None if miss.times.is_zero() => (Exact::ZERO, false),
        None => (limit.unwrap_or_default(), true),
    };
    Priced { beyond, quantity, steps, amount, total, is_limited }
}

/// What a value earns that is better than `from`.
pub fn price_of_bonus(price: &BonusPrice, from: &Exact, aim: &Aim, value: &Exact) -> Priced {
    let quantity = worse_by(aim, from, value);
    let steps = steps_of(&quantity, &Exact::from(price.per), price.steps);
    let amount = Exact::from(price.amount);
    let (total, is_limited) = limited(&steps * &amount, price.up_to.as_ref().map(Exact::from));
    Priced { beyond: Some(from.clone()), quantity: Some(quantity), steps: Some(steps), amount, total, is_limited }
}

/// The amount of one step on a day.
fn amount_on(price: &Price, day: Date) -> Exact {
    let changed = price.schedule.iter().filter(|change| change.from <= day).max_by_key(|change| change.from);
    changed.map_or(price.amount, |change| change.amount).into()
}

/// How much worse a value is than a point; 0 where it is not. `Between` has no direction.
fn worse_by(aim: &Aim, value: &Exact, point: &Exact) -> Exact {
    let distance = match better_of(aim.comparison) {
        Some(Better::Higher) => point - value,
        Some(Better::Lower) => value - point,
        _ => Exact::ZERO,
    };
    distance.max(Exact::ZERO)
}

/// How many steps a quantity is. Exactly k steps are k.
fn steps_of(quantity: &Exact, per: &Exact, which: PriceSteps) -> Exact {
    let Some(exact) = quantity.checked_div(per) else { return Exact::ZERO };
    let whole = exact.round(0, RoundingMode::Truncate);
    match which {
        PriceSteps::Exact => exact,
        PriceSteps::Full => whole,
        PriceSteps::Started if whole == exact => whole,
        PriceSteps::Started => whole + Exact::ONE,
    }
}

fn limited(total: Exact, limit: Option<Exact>) -> (Exact, bool) {
    match limit {
        Some(limit) if limit < total => (limit, true),
        _ => (total, false),
    }
}
