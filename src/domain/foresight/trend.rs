//! Where a KPI is heading: the individuals and moving-range chart over its closed periods.

use crate::api::kpi_target::Trend;
use crate::api::verdict::Comparison;

/// Values below which nothing is said.
const LEAST_VALUES: usize = 7;
/// This many in a row on one side of the mean are not chance.
const RUN: usize = 7;
/// Distance of a limit from the mean, in mean moving ranges: 3 / d₂ with d₂ = 1.128 for ranges of two.
const LIMIT: f64 = 2.66;

/// An individuals and moving-range chart (XmR).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Chart {
    /// Mean of the values.
    pub mean: f64,
    /// Mean of the distances between neighbours.
    pub mean_moving_range: f64,
    /// mean − 2.66 · mean moving range.
    pub lower_limit: f64,
    /// mean + 2.66 · mean moving range.
    pub upper_limit: f64,
}

/// The rule of the chart that gave a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// The latest value is beyond a limit.
    OutsideLimits,
    /// The latest seven are on one side of the mean.
    SevenOnOneSide,
}

impl Signal {
    /// The word in a status.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OutsideLimits => "OutsideLimits",
            Self::SevenOnOneSide => "SevenOnOneSide",
        }
    }
}

/// The chart of values in the order of time; `None` with fewer than two.
pub fn chart(values: &[f64]) -> Option<Chart> {
    if values.len() < 2 {
        return None;
    }
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let ranges: f64 = values.iter().zip(values.iter().skip(1)).map(|(before, after)| (after - before).abs()).sum();
    let mean_moving_range = ranges / (values.len() - 1) as f64;
    let reach = LIMIT * mean_moving_range;
    Some(Chart { mean, mean_moving_range, lower_limit: mean - reach, upper_limit: mean + reach })
}

/// Where the values are heading, and the rule that says so; `None` with fewer than seven.
///
/// `values` are those of the closed periods in the order of time, periods without a value left out, in the unit of the
/// target. For `Between` (from `target` to `upper`) what counts is the distance from the middle: less is better.
pub fn trend(values: &[f64], comparison: Comparison, target: f64, upper: f64) -> Option<(Trend, Option<Signal>)> {
    if values.len() < LEAST_VALUES {
        return None;
    }
    if comparison == Comparison::Between {
        let middle = f64::midpoint(target, upper);
        let distances: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
        return direction(&distances, false);
    }
    direction(values, matches!(comparison, Comparison::AtLeast | Comparison::MoreThan))
}

fn direction(values: &[f64], higher_is_better: bool) -> Option<(Trend, Option<Signal>)> {
    let chart = chart(values)?;
    let latest = *values.last()?;
    // What rounding of the sums could make of values that are all the same.
    let noise = 1e-9 * values.iter().fold(1.0_f64, |most, value| most.max(value.abs()));
    let towards = |higher: bool| if higher == higher_is_better { Trend::Improving } else { Trend::Worsening };
    if latest > chart.upper_limit + noise || latest < chart.lower_limit - noise {
        return Some((towards(latest > chart.mean), Some(Signal::OutsideLimits)));
    }
    let mut newest = values.iter().rev().take(RUN);
    if newest.clone().all(|value| *value > chart.mean + noise) {
        return Some((towards(true), Some(Signal::SevenOnOneSide)));
    }
    if newest.all(|value| *value < chart.mean - noise) {
        return Some((towards(false), Some(Signal::SevenOnOneSide)));
    }
    Some((Trend::Steady, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEADY: [f64; 10] = [82.0, 79.0, 81.0, 80.0, 83.0, 78.0, 80.0, 81.0, 77.0, 82.0];

    fn at_least(values: &[f64]) -> Option<(Trend, Option<Signal>)> {
        trend(values, Comparison::AtLeast, 80.0, 80.0)
    }

    #[test]
    fn the_limits_are_those_of_the_worked_example() {
        let chart = chart(&STEADY).unwrap();
        for (actual, expected) in [
            (chart.mean, 80.3),
            (chart.mean_moving_range, 2.888_888_888_888_889),
            (chart.upper_limit, 87.984_444_444_444_43),
            (chart.lower_limit, 72.615_555_555_555_56),
        ] {
            assert!((actual - expected).abs() < 1e-9, "{actual} {expected}");
        }
        assert_eq!(at_least(&STEADY), Some((Trend::Steady, None)));
    }

    #[test]
    fn fewer_than_seven_values_say_nothing() {
        assert_eq!(at_least(&STEADY[..6]), None);
        assert!(at_least(&STEADY[..7]).is_some());
    }

    #[test]
    fn a_value_beyond_the_limits_is_a_signal_in_the_direction_that_the_comparison_calls_better() {
        let mut values = STEADY.to_vec();
        values.push(60.0);
        for (comparison, expected) in [
            (Comparison::AtLeast, Trend::Worsening),
            (Comparison::MoreThan, Trend::Worsening),
            (Comparison::AtMost, Trend::Improving),
            (Comparison::LessThan, Trend::Improving),
        ] {
            assert_eq!(trend(&values, comparison, 80.0, 80.0), Some((expected, Some(Signal::OutsideLimits))));
        }
    }

    #[test]
    fn seven_on_one_side_are_a_signal_and_six_are_not() {
        let shifted = |count: usize| {
            let mut values = vec![84.0, 80.0, 84.0, 80.0, 84.0, 80.0];
            values.extend([78.0, 79.0, 78.5, 79.5, 78.0, 79.0, 78.5].into_iter().take(count));
            values
        };
        assert_eq!(at_least(&shifted(7)), Some((Trend::Worsening, Some(Signal::SevenOnOneSide))));
        assert_eq!(
            trend(&shifted(7), Comparison::AtMost, 80.0, 80.0),
            Some((Trend::Improving, Some(Signal::SevenOnOneSide)))
        );
        let mut broken = shifted(6);
        broken.insert(6, 90.0);
        assert_eq!(at_least(&broken).unwrap().1, None);
    }

    #[test]
    fn between_a_range_the_distance_from_its_middle_counts() {
        let mut drifting = vec![80.0, 80.5, 79.5, 80.0, 79.5, 80.5, 80.0, 80.5];
        assert_eq!(trend(&drifting, Comparison::Between, 75.0, 85.0).unwrap().0, Trend::Steady);
        drifting.push(90.0);
        assert_eq!(trend(&drifting, Comparison::Between, 75.0, 85.0).unwrap().0, Trend::Worsening);
    }

    #[test]
    fn values_that_are_all_the_same_are_steady() {
        assert_eq!(at_least(&[80.1; 13]), Some((Trend::Steady, None)));
    }
}
