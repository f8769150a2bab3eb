//! How fast the budget of misses is being spent: a share whose budget will not last to the period's end.
//!
//! burn = (misses / volume of a window) / (misses allowed per contact). A rule fires when a long and a short window both
//! burn at least `budget share · volume of the period / volume of the long window`; the short one makes the warning
//! clear soon after things are well again. The factors known from software cannot be copied: the greatest possible burn
//! is 1/(1 − t), 5 for a target of 80 %, so a fixed 14.4 never fires. A rule that cannot fire is refused.

use std::fmt;

use crate::api::scalar::{Duration, DurationUnit};
use crate::api::vendor_contract::PeriodLength;
use crate::api::verdict::Comparison;
use crate::domain::numbers::exact::Exact;

/// This share of the period's budget within a long window, still going on in a short one.
#[derive(Clone, Debug, PartialEq)]
pub struct BurnRule {
    /// Share of the period's budget, 0 to 1.
    pub budget_share: Exact,
    /// The long window, which ends at `asOf`.
    pub long: Duration,
    /// The short window, which ends there too.
    pub short: Duration,
}

/// Misses and volume in a window.
#[derive(Clone, Debug, PartialEq)]
pub struct BurnWindow {
    /// What was missed: [`misses`].
    pub misses: Exact,
    /// The denominator.
    pub volume: Exact,
}

/// What a rule says.
#[derive(Clone, Debug, PartialEq)]
pub enum Burn {
    /// Not even a window of nothing but misses would fire: the rule does not suit the target and is refused.
    CannotFire,
    /// The budget is not being spent too fast.
    Quiet,
    /// The budget is being spent too fast.
    Burning(Box<BurnFigures>),
}

/// The figures of a rule that fires.
#[derive(Clone, Debug, PartialEq)]
pub struct BurnFigures {
    /// The rule.
    pub rule: BurnRule,
    /// How much of the period's budget went in the long window: 1 is all of it.
    pub spent: Exact,
    /// The burn of the short window: 1 spends the budget just by the period's end.
    pub short_burn: Exact,
}

impl fmt::Display for BurnFigures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{:.0} % of the period's budget of misses went within {} (warning from {:.0} %), and the last {} spend it {:.1} times as fast as it lasts",
            100.0 * self.spent.to_f64(),
            self.rule.long,
            100.0 * self.rule.budget_share.to_f64(),
            self.rule.short,
            self.short_burn.to_f64(),
        )
    }
}

/// The rules for a period's length: for a month 10 % of the budget within 1 business day (short: 2 hours of service), 25 %
/// within 3 (1 business day) and 50 % within 10 (3 business days).
///
/// For other lengths the shares are scaled so that the burn stays that of a month; a rule that would take the whole
/// budget or more is left out. The short 2 hours are hours of service, or the end of the day would clear the warning.
pub fn rules(period: PeriodLength) -> Vec<BurnRule> {
    let (months, per) = match period {
        PeriodLength::Weekly => (52, 12),
        PeriodLength::Monthly => (1, 1),
        PeriodLength::Quarterly => (1, 3),
        PeriodLength::HalfYearly => (1, 6),
        PeriodLength::Yearly | PeriodLength::ContractYear => (1, 12),
    };
    let days = |amount| Duration::new(amount, DurationUnit::BusinessDays);
    [(10, days(1), Duration::new(2, DurationUnit::BusinessHours)), (25, days(3), days(1)), (50, days(10), days(3))]
        .into_iter()
        .map(|(percent, long, short)| BurnRule { budget_share: share(percent * months, 100 * per), long, short })
        .filter(|rule| rule.budget_share < Exact::ONE)
        .collect()
}

fn share(part: i128, whole: i128) -> Exact {
    Exact::fraction(part, whole).unwrap_or(Exact::ZERO)
}

/// The share of contacts that may miss: 1 − t, or t where less is better. `None` for `Between` and for a target outside
/// 0 to 1.
pub fn tolerance(target: &Exact, comparison: Comparison) -> Option<Exact> {
    if target.is_negative() || *target > Exact::ONE {
        return None;
    }
    match comparison {
        Comparison::AtLeast | Comparison::MoreThan => Some(&Exact::ONE - target),
        Comparison::AtMost | Comparison::LessThan => Some(target.clone()),
        Comparison::Between => None,
    }
}

/// What was missed: the rest of the denominator, or the numerator itself where less is better.
pub fn misses(numerator: &Exact, denominator: &Exact, comparison: Comparison) -> Exact {
    match comparison {
        Comparison::AtMost | Comparison::LessThan => numerator.clone(),
        _ => denominator - numerator,
    }
}

/// What `rule` says of the two windows. `tolerance` is the share that may miss, `period_volume` the volume of the whole
/// period: what was and what is expected.
pub fn assess(
    rule: &BurnRule,
    tolerance: &Exact,
    period_volume: &Exact,
    long: &BurnWindow,
    short: &BurnWindow,
) -> Burn {
    if tolerance.signum() <= 0 {
        return Burn::CannotFire;
    }
    let share_missed = |window: &BurnWindow| window.misses.checked_div(&window.volume);
    if long.volume.is_negative() || short.volume.is_negative() {
        return Burn::Quiet;
    }
    let budget = tolerance * period_volume;
    let (Some(factor), Some(long_missed), Some(short_missed), Some(spent)) = (
        (&rule.budget_share * period_volume).checked_div(&long.volume),
        share_missed(long),
        share_missed(short),
        long.misses.checked_div(&budget),
    ) else {
        return Burn::Quiet;
    };
    // All of it, in shares of the window instead of burns: factor × tolerance is the share of misses that fires.
    let firing = &factor * tolerance;
    if firing >= Exact::ONE {
        return Burn::CannotFire;
    }
    if long_missed < firing || short_missed < firing {
        return Burn::Quiet;
    }
    let short_burn = short_missed.checked_div(tolerance).unwrap_or(Exact::ZERO);
    Burn::Burning(Box::new(BurnFigures { rule: rule.clone(), spent, short_burn }))
}

/// The first rule that fires over windows that `window` sums up to `asOf`, gravest first.
pub fn first_burning(
    period: PeriodLength,
    tolerance: &Exact,
    period_volume: &Exact,
    window: impl Fn(Duration) -> BurnWindow,
) -> Option<BurnFigures> {
    rules(period).iter().find_map(|rule| {
        match assess(rule, tolerance, period_volume, &window(rule.long), &window(rule.short)) {
            Burn::Burning(figures) => Some(*figures),
            Burn::CannotFire | Burn::Quiet => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratio(numerator: i128, denominator: i128) -> Exact {
        share(numerator, denominator)
    }

    /// A window at this service level, in per mille.
    fn window(volume: i128, per_mille_met: i128) -> BurnWindow {
        BurnWindow { misses: ratio(volume * (1000 - per_mille_met), 1000), volume: ratio(volume, 1) }
    }

    fn fires(rule: usize, target: &Exact, long: &BurnWindow, short: &BurnWindow) -> Burn {
        let tolerance = tolerance(target, Comparison::AtLeast).unwrap();
        assess(&rules(PeriodLength::Monthly)[rule], &tolerance, &ratio(22_000, 1), long, short)
    }

    #[test]
    fn over_22_business_days_the_rules_fire_where_the_reference_says() {
        // 1,000 contacts a day: 10 % in a day fires at 56 %, 25 % in three at 63.3 %, 50 % in ten at 78 %.
        for (rule, long_volume, fires_at, quiet_at) in
            [(0, 1_000, 560, 561), (1, 3_000, 633, 634), (2, 10_000, 780, 781)]
        {
            let (long, short) = (window(long_volume, fires_at), window(100, fires_at));
            assert!(matches!(fires(rule, &ratio(4, 5), &long, &short), Burn::Burning(_)), "{rule}");
            let long = window(long_volume, quiet_at);
            assert_eq!(fires(rule, &ratio(4, 5), &long, &short), Burn::Quiet, "{rule}");
        }
    }

    #[test]
    fn a_short_window_that_is_well_again_clears_the_warning() {
        assert_eq!(fires(0, &ratio(4, 5), &window(1_000, 400), &window(100, 900)), Burn::Quiet);
        assert_eq!(fires(0, &ratio(4, 5), &window(1_000, 400), &window(0, 0)), Burn::Quiet);
    }

    #[test]
    fn a_rule_that_not_even_total_failure_would_fire_is_refused() {
        // 10 % of a month's budget in a day is a burn of 2.2; a target of 50 % burns at most twice as fast as it lasts.
        for (target, refused) in
            [(ratio(1, 2), true), (ratio(6, 11), true), (ratio(56, 100), false), (ratio(1, 1), true)]
        {
            let outcome = fires(0, &target, &window(1_000, 0), &window(100, 0));
            assert_eq!(outcome == Burn::CannotFire, refused, "{target}");
            assert_eq!(matches!(outcome, Burn::Burning(_)), !refused, "{target}");
        }
    }

    #[test]
    fn where_less_is_better_the_numerator_is_what_misses() {
        let target = ratio(5, 100);
        assert_eq!(tolerance(&target, Comparison::AtMost), Some(ratio(5, 100)));
        assert_eq!(tolerance(&target, Comparison::AtLeast), Some(ratio(95, 100)));
        assert_eq!(tolerance(&target, Comparison::Between), None);
        assert_eq!(tolerance(&ratio(6, 5), Comparison::AtMost), None);
        assert_eq!(misses(&ratio(3, 1), &ratio(10, 1), Comparison::LessThan), ratio(3, 1));
        assert_eq!(misses(&ratio(3, 1), &ratio(10, 1), Comparison::AtLeast), ratio(7, 1));
    }

    #[test]
    fn longer_and_shorter_periods_keep_the_burn_of_a_month() {
        let shares = |period| rules(period).into_iter().map(|rule| rule.budget_share).collect::<Vec<_>>();
        assert_eq!(shares(PeriodLength::Monthly), [ratio(1, 10), ratio(1, 4), ratio(1, 2)]);
        assert_eq!(shares(PeriodLength::Quarterly), [ratio(1, 30), ratio(1, 12), ratio(1, 6)]);
        // A week's budget would be more than gone within three days: only the first rule is left.
        assert_eq!(shares(PeriodLength::Weekly), [ratio(13, 30)]);
    }

    #[test]
    fn the_gravest_rule_that_fires_speaks_with_its_figures() {
        let tolerance = ratio(1, 5);
        let figures = first_burning(PeriodLength::Monthly, &tolerance, &ratio(22_000, 1), |length| {
            match (length.amount, length.unit) {
                (1, DurationUnit::BusinessDays) => window(1_000, 500),
                (2, DurationUnit::BusinessHours) => window(200, 400),
                _ => window(3_000, 900),
            }
        })
        .unwrap();
        let text = figures.to_string();
        assert_eq!(
            text,
            "11 % of the period's budget of misses went within 1bd (warning from 10 %), and the last 2bh spend it 3.0 times as fast as it lasts"
        );
        assert!(text.len() <= 256);
        assert_eq!(first_burning(PeriodLength::Monthly, &tolerance, &ratio(22_000, 1), |_| window(1_000, 900)), None);
    }
}
