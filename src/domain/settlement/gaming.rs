//! Whether a KPI became better at the cost of the one that guards it.

use crate::domain::numbers::statistics::{Share, two_proportion_test};
use serde::{Deserialize, Serialize};

/// Chance that is taken for no chance.
const SIGNIFICANCE: f64 = 0.05;
/// How many periods before the latest are pooled.
pub const PERIODS_BEFORE: usize = 3;

/// A share over its latest closed periods.
#[derive(Clone, Debug, PartialEq)]
pub struct ShareHistory<'a> {
    /// Name of the KpiTarget.
    pub name: &'a str,
    /// Whether more of it is better.
    pub higher_is_better: bool,
    /// Numerator and denominator of the latest closed period.
    pub latest: Share,
    /// Those of the periods before it, newest first; the first three count.
    pub before: &'a [Share],
}

/// How a share moved.
struct Move {
    before: f64,
    latest: f64,
    better: bool,
    significant: bool,
}

/// Compares the latest closed period of a KPI and of its counter metric with the three before it, pooled.
///
/// Suspected: the KPI better and the counter metric worse, both by a two-sided two-proportion test at 5 %. `NoData` where
/// either is `None` (no share, or no data) or has fewer than three periods before.
pub fn gaming(kpi: Option<&ShareHistory<'_>>, counter: Option<&ShareHistory<'_>>) -> Gaming {
    let (Some(kpi), Some(counter)) = (kpi, counter) else { return Gaming::NoData };
    let (Some(gain), Some(loss)) = (movement(kpi), movement(counter)) else { return Gaming::NoData };
    if !(gain.significant && gain.better && loss.significant && !loss.better) {
        return Gaming::NotSuspected;
    }
    Gaming::Suspected {
        message: format!(
            "{} went from {:.1} % to {:.1} % while {}, which guards it, went from {:.1} % to {:.1} %",
            kpi.name,
            100.0 * gain.before,
            100.0 * gain.latest,
            counter.name,
            100.0 * loss.before,
            100.0 * loss.latest,
        ),
    }
}

fn movement(history: &ShareHistory<'_>) -> Option<Move> {
    let before = history.before.get(..PERIODS_BEFORE)?;
    let pooled = Share::new(
        before.iter().map(|share| share.successes).sum::<f64>(),
        before.iter().map(|share| share.trials).sum::<f64>(),
    )?;
    let test = two_proportion_test(pooled, history.latest);
    Some(Move {
        before: pooled.rate(),
        latest: history.latest.rate(),
        better: (test.z > 0.0) == history.higher_is_better,
        significant: test.p < SIGNIFICANCE,
    })
}

/// Whether the counter metric suggests gaming.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Gaming {
    /// The KPI names no counter metric.
    #[default]
    NoCounterMetric,
    /// Too few closed periods, or no share.
    NoData,
    /// It does not.
    NotSuspected,
    /// The KPI became better and its counter metric worse, both significantly.
    Suspected {
        /// A sentence with both figures.
        message: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(percent: f64) -> Share {
        Share::new(percent * 20.0, 2_000.0).unwrap()
    }

    /// A service level guarded by a rate of repeat contacts, each from one percentage to another.
    fn judge(level: (f64, f64), repeats: (f64, f64), periods: usize) -> Gaming {
        let before_level = vec![share(level.0); periods];
        let before_repeats = vec![share(repeats.0); periods];
        let kpi = ShareHistory { name: "level", higher_is_better: true, latest: share(level.1), before: &before_level };
        let counter = ShareHistory {
            name: "repeats",
            higher_is_better: false,
            latest: share(repeats.1),
            before: &before_repeats,
        };
        gaming(Some(&kpi), Some(&counter))
    }

    #[test]
    fn gaming_is_a_gain_and_a_loss_that_are_both_significant() {
        for (level, repeats, suspected) in [
            ((80.0, 88.0), (10.0, 14.0), true),
            ((80.0, 88.0), (10.0, 10.5), false),
            ((80.0, 88.0), (14.0, 10.0), false),
            ((88.0, 80.0), (10.0, 14.0), false),
            ((80.0, 81.0), (10.0, 14.0), false),
        ] {
            let outcome = judge(level, repeats, 3);
            assert_eq!(matches!(outcome, Gaming::Suspected { .. }), suspected, "{level:?} {repeats:?}");
            assert!(suspected || outcome == Gaming::NotSuspected);
        }
    }

    #[test]
    fn the_message_holds_both_figures() {
        let Gaming::Suspected { message } = judge((80.0, 88.0), (10.0, 14.0), 5) else { panic!("not suspected") };
        assert_eq!(
            message,
            "level went from 80.0 % to 88.0 % while repeats, which guards it, went from 10.0 % to 14.0 %"
        );
    }

    #[test]
    fn without_three_periods_before_or_a_share_nothing_is_said() {
        assert_eq!(judge((80.0, 88.0), (10.0, 14.0), 2), Gaming::NoData);
        assert_eq!(gaming(None, None), Gaming::NoData);
    }
}
