//! Where a share will stand at the end of its period, and how sure that is.
//!
//! What is compared with the target is exact; only the probability is a float.

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::api::kpi_target::{Outlook, RoundingMode};
use crate::api::verdict::Comparison;
use crate::domain::numbers::exact::Exact;
use crate::domain::numbers::statistics::beta_binomial_at_least;
use crate::domain::terms::calendar::days_between;

/// A share so far, and what is still to come.
#[derive(Clone, Debug, PartialEq)]
pub struct ShareSoFar {
    /// What counts so far: the good for AtLeast and MoreThan, the bad for AtMost and LessThan.
    pub numerator: Exact,
    /// All so far.
    pub denominator: Exact,
    /// How many are still expected: [`expected_remaining`].
    pub remaining: u64,
}

/// What a share is heading for. Shares are 0 to 1, not percent.
#[derive(Clone, Debug, PartialEq)]
pub struct Projection {
    /// The share at the end, if the rest goes like what was: (G + p·R)/(D + R) with p = (G + 1)/(D + 2).
    pub projected: Exact,
    /// The share that the rest must have (AtMost, LessThan: may have at most); below 0 or above 1 where it is decided.
    /// `None` where nothing remains.
    pub needed: Option<Exact>,
    /// Whether it is decided.
    pub outlook: Outlook,
    /// Probability that the period ends Met, 0 to 1, by the beta-binomial(R, G + 1, D − G + 1).
    pub probability: f64,
    /// Misses still allowed; negative where they are used up.
    pub budget_remaining: Exact,
}

/// Projects a share to the end of its period. `target` is a share too: 4/5 for 80 %.
///
/// `None` where there is nothing to project from: no denominator yet, a numerator that is not a part of it, or
/// `Between`, which has two targets.
pub fn project_share(so_far: &ShareSoFar, target: &Exact, comparison: Comparison) -> Option<Projection> {
    let (good, done) = (&so_far.numerator, &so_far.denominator);
    if done.signum() <= 0 || good.is_negative() || good > done || comparison == Comparison::Between {
        return None;
    }
    let rest = whole(so_far.remaining);
    let all = done + &rest;
    let rate = (good + &Exact::ONE).checked_div(&(done + &whole(2)))?;
    // How much the rest must (or may) add for the target to be hit exactly.
    let margin = &(target * &all) - good;
    Some(Projection {
        projected: (good + &(&rate * &rest)).checked_div(&all)?,
        needed: margin.checked_div(&rest),
        outlook: outlook(&margin, &rest, comparison),
        probability: probability(so_far, &margin, comparison),
        budget_remaining: match comparison {
            Comparison::AtMost | Comparison::LessThan => margin,
            _ => &(&(&Exact::ONE - target) * &all) - &(done - good),
        },
    })
}

fn whole(number: u64) -> Exact {
    Exact::from_scaled(i128::from(number), 0)
}

/// Whether the target can still be missed, and still be met. `margin` is what the rest must or may add, `rest` the most
/// that it can. Where nothing remains it is one or the other.
fn outlook(margin: &Exact, rest: &Exact, comparison: Comparison) -> Outlook {
    let zero = &Exact::ZERO;
    let (unreachable, secured) = match comparison {
        Comparison::AtLeast => (margin > rest, margin <= zero),
        Comparison::MoreThan => (margin >= rest, margin < zero),
        Comparison::AtMost => (margin < zero, margin >= rest),
        Comparison::LessThan => (margin <= zero, margin > rest),
        Comparison::Between => (false, false),
    };
    match (unreachable, secured) {
        (true, _) => Outlook::Unreachable,
        (false, true) => Outlook::Secured,
        (false, false) => Outlook::Open,
    }
}

/// Probability that what the rest adds is on the side of `margin` that meets.
fn probability(so_far: &ShareSoFar, margin: &Exact, comparison: Comparison) -> f64 {
    let (good, done) = (so_far.numerator.to_f64(), so_far.denominator.to_f64());
    let at_least =
        |least: f64| beta_binomial_at_least(least, so_far.remaining as f64, good + 1.0, (done - good).max(0.0) + 1.0);
    let floor = |value: &Exact| value.floor_i64().map_or_else(|| value.to_f64().floor(), |floor| floor as f64);
    let ceiling = -floor(&-margin);
    let above = floor(margin) + 1.0;
    match comparison {
        Comparison::AtLeast => at_least(ceiling),
        Comparison::MoreThan => at_least(above),
        Comparison::AtMost => 1.0 - at_least(above),
        Comparison::LessThan => 1.0 - at_least(ceiling),
        Comparison::Between => f64::NAN,
    }
}

/// A day of the period that is not over at `asOf`.
#[derive(Clone, Debug, PartialEq)]
pub struct RemainingDay {
    /// The day, in the contract's zone.
    pub date: Date,
    /// Share of its service time that lies after `asOf`, 0 to 1: 1 for every day but that of `asOf`.
    pub share: Exact,
}

/// How fast the running period went so far, for when there is too little history.
#[derive(Clone, Debug, PartialEq)]
pub struct Pace {
    /// The denominator so far.
    pub done: Exact,
    /// Service time of the period before `asOf` without that of missing slots, in seconds.
    pub elapsed_seconds: i64,
    /// Service time of the period after `asOf`, in seconds.
    pub remaining_seconds: i64,
}

/// Days of history that a mean by weekday goes back.
const HISTORY_DAYS: i64 = 56;
/// Days of history below which the running period's own pace is taken.
const LEAST_HISTORY_DAYS: i64 = 14;

/// How much denominator is still to come in the period, to the nearest whole (halves up).
///
/// For each remaining day the mean of `history` (denominator by day without a hole, in the contract's zone) over the same
/// weekday in the 8 weeks before the day of `asOf`; a weekday on which none came in these weeks counts 0. Where history
/// reaches back under 2 weeks: what was done × remaining / elapsed service time (0 before any elapsed). The
/// day of `asOf` itself is never history, since it is not over.
pub fn expected_remaining<D: AsRef<[RemainingDay]>>(
    history: &BTreeMap<Date, Exact>,
    as_of_day: Date,
    days: impl FnOnce() -> D,
    pace: impl FnOnce() -> Pace,
) -> u64 {
    let age = |day: Date| days_between(day, as_of_day);
    let long_enough = history.keys().next().is_some_and(|first| age(*first) >= LEAST_HISTORY_DAYS);
    if !long_enough {
        let pace = pace();
        let remaining = Exact::from(pace.remaining_seconds.max(0));
        let elapsed = Exact::from(pace.elapsed_seconds.max(0));
        return (&pace.done * &remaining).checked_div(&elapsed).map_or(0, |rest| nearest(&rest));
    }
    let mean = |date: Date| {
        let same: Vec<&Exact> = history
            .iter()
            .filter(|(day, _)| day.weekday() == date.weekday() && (1..=HISTORY_DAYS).contains(&age(**day)))
            .map(|(_, denominator)| denominator)
            .collect();
        let count = whole(same.len() as u64);
        same.into_iter().sum::<Exact>().checked_div(&count).unwrap_or(Exact::ZERO)
    };
    let mut means: BTreeMap<i8, Exact> = BTreeMap::new();
    let mut sum = Exact::ZERO;
    for day in days().as_ref() {
        let weekday = day.date.weekday().to_monday_one_offset();
        sum = sum + &*means.entry(weekday).or_insert_with(|| mean(day.date)) * &day.share;
    }
    nearest(&sum)
}

/// The nearest whole number, halves up; 0 for what is negative.
fn nearest(value: &Exact) -> u64 {
    value.round(0, RoundingMode::HalfUp).to_i64().and_then(|whole| u64::try_from(whole).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use proptest::prelude::*;

    fn ratio(numerator: i64, denominator: i64) -> Exact {
        Exact::fraction(numerator.into(), denominator.into()).unwrap()
    }

    fn so_far(good: i64, done: i64, remaining: u64) -> ShareSoFar {
        ShareSoFar { numerator: ratio(good, 1), denominator: ratio(done, 1), remaining }
    }

    fn project(good: i64, done: i64, remaining: u64, comparison: Comparison) -> Projection {
        project_share(&so_far(good, done, remaining), &ratio(4, 5), comparison).unwrap()
    }

    #[test]
    fn the_needed_rate_is_that_of_the_worked_example() {
        let projection = project(30_600, 40_000, 26_000, Comparison::AtLeast);
        assert_eq!(projection.needed, Some(ratio(22_200, 26_000)));
        assert_eq!(projection.outlook, Outlook::Open);
        assert_eq!(projection.budget_remaining, ratio(13_200 - 9_400, 1));
        assert!((projection.projected.to_f64() - 0.765).abs() < 1e-4);
        assert!(projection.probability < 1e-6);
    }

    #[test]
    fn the_probability_is_the_beta_binomial_tail() {
        let projection = project(1_590, 2_000, 600, Comparison::AtLeast);
        assert_eq!(projection.needed, Some(ratio(490, 600)));
        // The normal approximation with continuity correction is 0.1305; the tail itself is a little lower.
        assert!((projection.probability - 0.130472).abs() < 0.004, "{}", projection.probability);
    }

    #[test]
    fn the_outlook_is_decided_at_its_bounds() {
        use Comparison::{AtLeast, AtMost, LessThan, MoreThan};
        use Outlook::{Open, Secured, Unreachable};
        // Target 80 % of 100: with 10 to come, 70 so far need all of them, 80 none.
        for (comparison, good, expected) in [
            (AtLeast, 69, Unreachable),
            (AtLeast, 70, Open),
            (AtLeast, 79, Open),
            (AtLeast, 80, Secured),
            (MoreThan, 70, Unreachable),
            (MoreThan, 71, Open),
            (MoreThan, 80, Open),
            (MoreThan, 81, Secured),
            (AtMost, 81, Unreachable),
            (AtMost, 80, Open),
            (AtMost, 71, Open),
            (AtMost, 70, Secured),
            (LessThan, 80, Unreachable),
            (LessThan, 79, Open),
            (LessThan, 70, Open),
            (LessThan, 69, Secured),
        ] {
            assert_eq!(project(good, 90, 10, comparison).outlook, expected, "{comparison:?} {good}");
        }
    }

    #[test]
    fn with_nothing_to_come_it_is_decided() {
        for (comparison, good, met) in [
            (Comparison::AtLeast, 80, true),
            (Comparison::AtLeast, 79, false),
            (Comparison::MoreThan, 80, false),
            (Comparison::AtMost, 80, true),
            (Comparison::LessThan, 80, false),
        ] {
            let projection = project(good, 100, 0, comparison);
            assert_eq!(projection.needed, None);
            assert_eq!(projection.outlook, if met { Outlook::Secured } else { Outlook::Unreachable });
            assert_eq!(projection.probability, if met { 1.0 } else { 0.0 }, "{comparison:?} {good}");
        }
    }

    #[test]
    fn the_budget_of_a_lower_is_better_share_is_what_may_still_go_wrong() {
        let target = ratio(5, 100);
        let projection = project_share(&so_far(40, 1_000, 1_000), &target, Comparison::AtMost).unwrap();
        assert_eq!(projection.budget_remaining, ratio(60, 1));
        assert_eq!(projection.needed, Some(ratio(60, 1_000)));
    }

    #[test]
    fn a_value_that_is_not_a_share_is_not_projected() {
        let target = ratio(4, 5);
        for (good, done, comparison) in [
            (0, 0, Comparison::AtLeast),
            (-1, 10, Comparison::AtLeast),
            (11, 10, Comparison::AtLeast),
            (5, 10, Comparison::Between),
        ] {
            assert_eq!(project_share(&so_far(good, done, 5), &target, comparison), None);
        }
    }

    #[test]
    fn a_projection_of_millions_is_quick_and_sane() {
        let projection = project(7_900_000, 10_000_000, 5_000_000_000, Comparison::AtLeast);
        assert!((0.0..1e-6).contains(&projection.probability), "{}", projection.probability);
        let even = project(8_000_000, 10_000_000, 5_000_000, Comparison::AtLeast);
        assert!((0.4..0.6).contains(&even.probability), "{}", even.probability);
    }

    fn whole_days(first: Date, count: i32) -> Vec<RemainingDay> {
        (0..count)
            .map(|offset| RemainingDay {
                date: first.checked_add(jiff::Span::new().days(offset)).unwrap(),
                share: Exact::ONE,
            })
            .collect()
    }

    #[test]
    fn the_rest_is_the_mean_of_each_weekday() {
        // Mondays 100 and 200, all other days 10; 2026-03-16 is a Monday.
        let mut history = BTreeMap::new();
        for offset in 1..=14 {
            let day = date(2026, 3, 16).checked_sub(jiff::Span::new().days(offset)).unwrap();
            history.insert(
                day,
                ratio(
                    if offset == 7 {
                        100
                    } else if offset == 14 {
                        200
                    } else {
                        10
                    },
                    1,
                ),
            );
        }
        let pace = Pace { done: ratio(1, 1), elapsed_seconds: 1, remaining_seconds: 1 };
        assert_eq!(
            expected_remaining(&history, date(2026, 3, 16), || whole_days(date(2026, 3, 16), 7), || pace.clone()),
            210
        );
        // Half of Monday is over.
        let mut days = whole_days(date(2026, 3, 16), 7);
        days[0].share = ratio(1, 2);
        assert_eq!(expected_remaining(&history, date(2026, 3, 16), || days.clone(), || pace.clone()), 135);
        // What is older than 8 weeks does not count, and a weekday without history brings nothing.
        history.retain(|day, _| day.weekday() != jiff::civil::Weekday::Tuesday);
        history.insert(date(2025, 12, 30), ratio(9_999, 1));
        assert_eq!(
            expected_remaining(&history, date(2026, 3, 16), || whole_days(date(2026, 3, 17), 1), || pace.clone()),
            0
        );
    }

    #[test]
    fn with_under_two_weeks_of_history_the_pace_goes_on() {
        let history: BTreeMap<Date, Exact> = (1..=13).map(|day| (date(2026, 3, day), ratio(1_000, 1))).collect();
        let pace = Pace { done: ratio(100, 1), elapsed_seconds: 8 * 3_600, remaining_seconds: 12 * 3_600 };
        let days = whole_days(date(2026, 3, 14), 3);
        assert_eq!(expected_remaining(&history, date(2026, 3, 14), || days.clone(), || pace.clone()), 150);
        assert_eq!(expected_remaining(&BTreeMap::new(), date(2026, 3, 14), || days.clone(), || pace.clone()), 150);
        let nothing_yet = Pace { elapsed_seconds: 0, ..pace };
        assert_eq!(expected_remaining(&BTreeMap::new(), date(2026, 3, 14), || days.clone(), || nothing_yet.clone()), 0);
        let halves = Pace { done: ratio(1, 1), elapsed_seconds: 2, remaining_seconds: 1 };
        assert_eq!(expected_remaining(&BTreeMap::new(), date(2026, 3, 14), || days.clone(), || halves.clone()), 1);
    }

    proptest! {
        #[test]
        fn the_target_is_reachable_where_the_needed_rate_is_a_rate(
            done in 1_i64..2_000, part in 0.0..=1.0_f64, remaining in 1_u64..2_000,
        ) {
            let good = (part * done as f64).floor() as i64;
            let projection = project(good, done, remaining, Comparison::AtLeast);
            let needed = projection.needed.unwrap();
            let zero = Exact::ZERO;
            prop_assert_eq!(projection.outlook == Outlook::Unreachable, needed > Exact::ONE);
            prop_assert_eq!(projection.outlook == Outlook::Secured, needed <= zero);
            prop_assert!((0.0..=1.0).contains(&projection.probability));
            if projection.outlook == Outlook::Secured { prop_assert_eq!(projection.probability, 1.0); }
            if projection.outlook == Outlook::Unreachable { prop_assert_eq!(projection.probability, 0.0); }
        }

        #[test]
        fn more_good_never_lowers_the_probability(done in 2_i64..500, part in 0.0..0.99_f64, remaining in 1_u64..500) {
            let good = ((part * done as f64).floor() as i64).min(done - 1);
            let less = project(good, done, remaining, Comparison::AtLeast).probability;
            let more = project(good + 1, done, remaining, Comparison::AtLeast).probability;
            prop_assert!(more >= less - 1e-12, "{less} {more}");
        }
    }
}
