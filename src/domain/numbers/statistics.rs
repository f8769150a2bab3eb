//! Intervals, tests and robust figures over counts. Floats are allowed here: nothing of this decides money.
//!
//! Counts are taken as `f64`, exact up to 2⁵³. A function answers `None` where its input has no answer (no trials, a
//! part greater than its whole), never a made-up figure.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use statrs::distribution::{ContinuousCDF, Normal};
use statrs::function::beta::beta_reg;
use statrs::function::erf::erfc;

/// An interval of confidence, both ends included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
}

/// What a two-sided test of two shares says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProportionTest {
    /// Standardised difference, second minus first: positive where the second share is greater.
    pub z: f64,
    /// Two-sided probability of such a difference by chance, 0 to 1.
    pub p: f64,
}

/// Successes among trials.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// How many of them succeeded.
    pub successes: f64,
    /// How many there were.
    pub trials: f64,
}

impl Share {
    /// A share, or `None` where there are no trials or the successes are not a part of them.
    pub fn new(successes: f64, trials: f64) -> Option<Share> {
        (trials > 0.0 && trials.is_finite() && (0.0..=trials).contains(&successes))
            .then_some(Share { successes, trials })
    }

    /// Successes per trial, 0 to 1.
    pub fn rate(self) -> f64 {
        self.successes / self.trials
    }
}

/// The two-sided quantile of the normal distribution: 1.959964 at 95 %. `None` outside ]0, 100[.
pub fn normal_quantile(level_percent: f64) -> Option<f64> {
    if !(level_percent > 0.0 && level_percent < 100.0) {
        return None;
    }
    let normal = Normal::new(0.0, 1.0).ok()?;
    Some(normal.inverse_cdf(0.5 + level_percent / 200.0))
}

/// Wilson's score interval of a share, both ends within 0 and 1 (Wilson 1927; Newcombe 1998, method 3).
pub fn wilson_interval(share: Share, level_percent: f64) -> Option<Interval> {
    let z = normal_quantile(level_percent)?;
    let (rate, trials) = (share.rate(), share.trials);
    let spread = z * z / trials;
    let centre = (rate + spread / 2.0) / (1.0 + spread);
    let half = z * (rate * (1.0 - rate) / trials + spread / (4.0 * trials)).sqrt() / (1.0 + spread);
    Some(Interval { lower: (centre - half).max(0.0), upper: (centre + half).min(1.0) })
}

/// The interval of a net promoter score, in points from −100 to 100: normal, with the multinomial variance
/// (P + D)/n − ((P − D)/n)² of one response.
pub fn net_promoter_interval(promoters: f64, detractors: f64, responses: f64, level_percent: f64) -> Option<Interval> {
    let z = normal_quantile(level_percent)?;
    let part = Share::new(promoters + detractors, responses)?;
    if promoters < 0.0 || detractors < 0.0 {
        return None;
    }
    let net = (promoters - detractors) / responses;
    let half = z * ((part.rate() - net * net).max(0.0) / responses).sqrt();
    Some(Interval { lower: (100.0 * (net - half)).max(-100.0), upper: (100.0 * (net + half)).min(100.0) })
}

/// The two-sided z-test of two shares with the pooled error.
///
/// Where both are all or nothing alike there is no difference: z 0, p 1.
pub fn two_proportion_test(first: Share, second: Share) -> ProportionTest {
    let pooled = (first.successes + second.successes) / (first.trials + second.trials);
    let error = (pooled * (1.0 - pooled) * (1.0 / first.trials + 1.0 / second.trials)).sqrt();
    if error <= 0.0 {
        return ProportionTest { z: 0.0, p: 1.0 };
    }
    let z = (second.rate() - first.rate()) / error;
    ProportionTest { z, p: two_sided(z) }
}

/// Two-sided probability of a standard normal at least as far out as `z`.
fn two_sided(z: f64) -> f64 {
    erfc(z.abs() / std::f64::consts::SQRT_2).clamp(0.0, 1.0)
}

/// Fisher's exact test of two shares, two-sided: the probability of all tables with the same margins that are at most
/// as likely as this one. Counts are taken as whole numbers.
pub fn fisher_exact_test(first: Share, second: Share) -> f64 {
    let (observed, draws) = (first.successes.round(), first.trials.round());
    let marked = observed + second.successes.round();
    let others = draws + second.trials.round() - marked;
    let (lowest, highest) = ((draws - others).max(0.0), draws.min(marked));
    // Weight of k+1 against k in the hypergeometric distribution.
    let ratio = |k: f64| (draws - k) * (marked - k) / ((k + 1.0) * (others - draws + k + 1.0));
    let mode = ((draws + 1.0) * (marked + 1.0) / (marked + others + 2.0)).floor().clamp(lowest, highest);
    let weights = weights_around(mode, lowest, highest, ratio);
    let seen = weights.iter().find(|(k, _)| *k == observed).map_or(0.0, |(_, weight)| *weight);
    // The allowance takes tables that are equally likely but for rounding, as R does.
    let tail: f64 = weights.iter().map(|(_, weight)| *weight).filter(|weight| *weight <= seen * (1.0 + 1e-7)).sum();
    let all: f64 = weights.iter().map(|(_, weight)| *weight).sum();
    (tail / all).clamp(0.0, 1.0)
}

/// The test that the size of the counts calls for: Fisher's exact test where an expected count is under 5, else the
/// z-test. The z of the answer is the z-test's in both cases, since it shows the direction.
pub fn compare_shares(first: Share, second: Share) -> ProportionTest {
    let pooled = (first.successes + second.successes) / (first.trials + second.trials);
    let smaller = first.trials.min(second.trials);
    let test = two_proportion_test(first, second);
    if smaller * pooled.min(1.0 - pooled) < 5.0 {
        return ProportionTest { z: test.z, p: fisher_exact_test(first, second) };
    }
    test
}

/// Holm's step-down adjustment of several probabilities, in the order in which they came.
pub fn holm_adjusted(probabilities: &[f64]) -> Vec<f64> {
    let mut order: Vec<(usize, f64)> = probabilities.iter().copied().enumerate().collect();
    order.sort_by(|left, right| left.1.total_cmp(&right.1));
    let mut adjusted = vec![1.0; probabilities.len()];
    let mut least = 0.0_f64;
    for (rank, (place, probability)) in order.into_iter().enumerate() {
        let left = (probabilities.len() - rank) as f64;
        least = least.max((left * probability).min(1.0));
        if let Some(slot) = adjusted.get_mut(place) {
            *slot = least;
        }
    }
    adjusted
}

/// How many answers a survey needs for a margin of error (in percentage points) at 95 %, with z = 1.96 and p = ½:
/// ⌈9604 / margin²⌉, computed in decimals. `None` for a margin of 0 or less.
pub fn survey_sample_size(margin_percent: Decimal) -> Option<i64> {
    if margin_percent <= Decimal::ZERO {
        return None;
    }
    let square = margin_percent.checked_mul(margin_percent)?;
    Decimal::from(9_604).checked_div(square)?.ceil().to_i64()
}

/// The median; the mean of the middle two of an even number. `None` of nothing.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    Some((*sorted.get(middle.checked_sub(1)?)? + upper) / 2.0)
}

/// The median absolute deviation from the median, not scaled. `None` of nothing.
pub fn median_absolute_deviation(values: &[f64]) -> Option<f64> {
    let centre = median(values)?;
    median(&values.iter().map(|value| (value - centre).abs()).collect::<Vec<f64>>())
}

/// Up to how many trials the beta-binomial tail is summed exactly.
const EXACT_TRIALS: f64 = 200_000.0;

/// Probability that a beta-binomial of `trials` and the parameters `alpha`, `beta` (both at least 1) is at least `least`.
///
/// Up to 200,000 trials the exact sum, built from the ratios of neighbouring terms outwards from the mean, so that no
/// factorial is taken and nothing overflows. Beyond, the share of successes is taken as the beta distribution with the
/// same mean and variance, with the continuity correction of half a trial: the error is below 0.001.
pub fn beta_binomial_at_least(least: f64, trials: f64, alpha: f64, beta: f64) -> f64 {
    if least <= 0.0 {
        return 1.0;
    }
    if least > trials {
        return 0.0;
    }
    if trials > EXACT_TRIALS {
        return matched_beta_at_least(least, trials, alpha, beta);
    }
    let ratio = |k: f64| (trials - k) * (alpha + k) / ((k + 1.0) * (beta + trials - k - 1.0));
    let start = (trials * alpha / (alpha + beta)).floor();
    let weights = weights_around(start, 0.0, trials, ratio);
    let all: f64 = weights.iter().map(|(_, weight)| *weight).sum();
    let tail: f64 = weights.iter().filter(|(k, _)| *k >= least).map(|(_, weight)| *weight).sum();
    (tail / all).clamp(0.0, 1.0)
}

fn matched_beta_at_least(least: f64, trials: f64, alpha: f64, beta: f64) -> f64 {
    let sum = alpha + beta;
    let mean = alpha / sum;
    // The variance of the share is mean(1 − mean)(sum + trials) / (trials(sum + 1)); a beta of size s has mean(1 − mean)/(s + 1).
    let size = trials * (sum + 1.0) / (sum + trials) - 1.0;
    let bound = ((least - 0.5) / trials).clamp(0.0, 1.0);
    1.0 - beta_reg(mean * size, (1.0 - mean) * size, bound)
}

/// The weights of a unimodal distribution over whole numbers, relative to that of `start`: outwards from it until they
/// no longer count. `ratio(k)` is the weight of k + 1 against that of k. Ascending.
fn weights_around(start: f64, lowest: f64, highest: f64, ratio: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
    const NEGLIGIBLE: f64 = 1e-25;
    let mut weights = Vec::new();
    let (mut k, mut weight) = (start, 1.0);
    while k > lowest && weight > NEGLIGIBLE {
        k -= 1.0;
        weight /= ratio(k);
        weights.push((k, weight));
    }
    weights.reverse();
    weights.push((start, 1.0));
    (k, weight) = (start, 1.0);
    while k < highest && weight > NEGLIGIBLE {
        weight *= ratio(k);
        k += 1.0;
        weights.push((k, weight));
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn share(successes: f64, trials: f64) -> Share {
        Share::new(successes, trials).unwrap()
    }

    fn close(actual: f64, expected: f64, tolerance: f64) {
        assert!((actual - expected).abs() <= tolerance, "{actual} is not {expected} ± {tolerance}");
    }

    #[test]
    fn wilson_intervals_are_those_of_the_literature() {
        for (successes, trials, lower, upper) in [
            (23.0, 60.0, 0.270883, 0.509824),
            (81.0, 263.0, 0.255289, 0.366210),
            (15.0, 148.0, 0.062386, 0.160487),
            (0.0, 20.0, 0.0, 0.161125),
            (1.0, 29.0, 0.006113, 0.171755),
            (50.0, 100.0, 0.403832, 0.596168),
            (76.0, 100.0, 0.667677, 0.833087),
            (760.0, 1000.0, 0.732567, 0.785443),
            (7600.0, 10000.0, 0.751530, 0.768270),
            (17.0, 20.0, 0.639581, 0.947631),
            (85.0, 100.0, 0.767164, 0.906940),
        ] {
            let interval = wilson_interval(share(successes, trials), 95.0).unwrap();
            close(interval.lower, lower, 1e-6);
            close(interval.upper, upper, 1e-6);
        }
        assert_eq!(wilson_interval(share(1.0, 2.0), 100.0), None);
    }

    #[test]
    fn net_promoter_intervals_use_the_multinomial_variance() {
        for (promoters, passives, detractors, score, margin) in
            [(162.0, 108.0, 54.0, 33.3333, 8.1159), (120.0, 50.0, 30.0, 45.0, 10.2548), (30.0, 13.0, 7.0, 46.0, 20.15)]
        {
            let responses = promoters + passives + detractors;
            let interval = net_promoter_interval(promoters, detractors, responses, 95.0).unwrap();
            close(interval.upper - score, margin, 0.01);
            close(score - interval.lower, margin, 0.01);
        }
        assert_eq!(net_promoter_interval(3.0, 3.0, 5.0, 95.0), None);
        assert_eq!(net_promoter_interval(0.0, 0.0, 0.0, 95.0), None);
    }

    #[test]
    fn two_proportion_tests_are_those_that_were_published() {
        for (first, second, z, p) in [
            ((503.0, 5000.0), (613.0, 5000.0), 3.493464, 0.000_476_80),
            ((250.0, 5000.0), (295.0, 5000.0), 1.982364, 0.047438),
            ((144.0, 1200.0), (192.0, 1200.0), 2.823725, 0.0047469),
            ((30.0, 100.0), (45.0, 100.0), 2.190890, 0.028460),
            ((45.0, 120.0), (62.0, 118.0), 2.332432, 0.019678),
            ((44.0, 301.0), (416.0, 2896.0), -0.1192, 0.905),
        ] {
            let test = two_proportion_test(share(first.0, first.1), share(second.0, second.1));
            close(test.z, z, 5e-5);
            close(test.p, p, 2e-4);
        }
        assert_eq!(two_proportion_test(share(0.0, 5.0), share(0.0, 9.0)), ProportionTest { z: 0.0, p: 1.0 });
    }

    #[test]
    fn fisher_s_test_is_exact() {
        // The lady tasting tea (3 of 4), and tables whose probability R and SciPy print.
        for (first, second, p) in [
            ((3.0, 4.0), (1.0, 4.0), 0.4857142857),
            ((4.0, 4.0), (0.0, 4.0), 0.0285714286),
            ((8.0, 10.0), (1.0, 6.0), 0.0349650350),
            ((1.0, 10.0), (11.0, 14.0), 0.0027594562),
            ((0.0, 5.0), (0.0, 9.0), 1.0),
        ] {
            close(fisher_exact_test(share(first.0, first.1), share(second.0, second.1)), p, 1e-9);
        }
    }

    #[test]
    fn small_expected_counts_take_fisher_s_test() {
        let (first, second) = (share(1.0, 10.0), share(11.0, 14.0));
        close(compare_shares(first, second).p, two_proportion_test(first, second).p, 1e-12);
        let (first, second) = (share(8.0, 10.0), share(1.0, 6.0));
        close(compare_shares(first, second).p, 0.0349650350, 1e-9);
        assert!(compare_shares(first, second).z < 0.0);
    }

    #[test]
    fn holm_s_correction_steps_down_and_never_falls() {
        assert_eq!(holm_adjusted(&[]), Vec::<f64>::new());
        let adjusted = holm_adjusted(&[0.01, 0.04, 0.03, 0.005]);
        for (actual, expected) in adjusted.into_iter().zip([0.03, 0.06, 0.06, 0.02]) {
            close(actual, expected, 1e-12);
        }
        assert_eq!(holm_adjusted(&[0.9, 0.8]), vec![1.0, 1.0]);
    }

    #[test]
    fn the_best_of_twenty_agents_against_the_worst_does_not_survive_holm() {
        let single = two_proportion_test(share(1143.0, 1238.0), share(1143.0, 1203.0));
        close(single.z, 2.7208, 5e-5);
        let mut all = vec![0.5; 190];
        all[7] = single.p;
        assert!(single.p < 0.05 && holm_adjusted(&all)[7] > 0.05);
    }

    #[test]
    fn survey_sample_sizes_round_up() {
        for (margin, size) in [("5", Some(385)), ("4", Some(601)), ("9.8", Some(100)), ("0", None), ("100", Some(1))] {
            assert_eq!(survey_sample_size(margin.parse().unwrap()), size, "{margin}");
        }
    }

    #[test]
    fn medians_and_their_deviation_are_robust() {
        let days = [36020.0, 32354.0, 31833.0, 33308.0, 35215.0, 33247.0, 31753.0, 31936.0];
        assert_eq!((median(&days), median_absolute_deviation(&days)), (Some(32800.5), Some(916.0)));
        assert_eq!((median(&[]), median(&[3.0, 1.0, 2.0])), (None, Some(2.0)));
    }

    #[test]
    fn the_beta_binomial_tail_equals_a_sum_written_out() {
        // Uniform prior without data: every count from 0 to 9 is equally likely.
        close(beta_binomial_at_least(7.0, 9.0, 1.0, 1.0), 0.3, 1e-12);
        // One trial: the mean.
        close(beta_binomial_at_least(1.0, 1.0, 3.0, 5.0), 0.375, 1e-12);
        // Two trials: α(α+1)/((α+β)(α+β+1)).
        close(beta_binomial_at_least(2.0, 2.0, 3.0, 5.0), 12.0 / 72.0, 1e-12);
        assert_eq!(beta_binomial_at_least(0.0, 5.0, 1.0, 1.0), 1.0);
        assert_eq!(beta_binomial_at_least(6.0, 5.0, 1.0, 1.0), 0.0);
    }

    #[test]
    fn the_approximation_for_many_trials_agrees_with_the_sum() {
        for (share, done) in [(0.8, 1_000.0), (0.97, 50_000.0), (0.5, 1_000_000.0), (0.02, 400.0), (0.9, 3.0)] {
            let (alpha, beta) = (share * done + 1.0, (1.0 - share) * done + 1.0);
            for step in -4_i32..=4 {
                let trials = EXACT_TRIALS;
                let spread = (share * (1.0 - share) * trials * (1.0 + trials / done)).sqrt();
                let least = (trials * share + f64::from(step) * spread / 2.0).round().clamp(1.0, trials);
                let exact = beta_binomial_at_least(least, trials, alpha, beta);
                close(matched_beta_at_least(least, trials, alpha, beta), exact, 1e-3);
            }
        }
    }

    proptest! {
        #[test]
        fn a_wilson_interval_holds_its_share_and_narrows_with_the_sample(trials in 1_u32..5_000, part in 0.0..=1.0_f64) {
            let trials = f64::from(trials);
            let successes = (part * trials).round();
            let one = wilson_interval(share(successes, trials), 95.0).unwrap();
            let ten = wilson_interval(share(10.0 * successes, 10.0 * trials), 95.0).unwrap();
            prop_assert!(one.lower <= successes / trials + 1e-12 && successes / trials <= one.upper + 1e-12);
            prop_assert!(0.0 <= one.lower && one.upper <= 1.0);
            prop_assert!(ten.upper - ten.lower < one.upper - one.lower);
        }

        #[test]
        fn fisher_and_z_agree_on_large_counts(a in 300_u32..700, b in 300_u32..700) {
            let (first, second) = (share(f64::from(a), 1000.0), share(f64::from(b), 1000.0));
            let (exact, z) = (fisher_exact_test(first, second), two_proportion_test(first, second).p);
            prop_assert!((exact - z).abs() < 0.05, "{exact} {z}");
        }
    }
}
