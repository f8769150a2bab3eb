//! From a value, its target and the agreed bands to the picture of them: which scale, which strips.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::charts::Bullet;
use super::marks::rank;
use super::words;
use crate::api::kpi_target::{Band, FormulaUnit, KpiTargetSpec, Verdict};
use crate::api::verdict::{Comparison, Severity};

/// A value with what it is compared with, as decimal texts.
#[derive(Clone, Copy, Debug)]
pub struct Measured<'a> {
    /// How it is compared.
    pub comparison: Comparison,
    /// The target in force.
    pub target: Option<&'a str>,
    /// The upper edge, with Between.
    pub upper: Option<&'a str>,
    /// The value.
    pub value: Option<&'a str>,
    /// What became of it.
    pub verdict: Verdict,
    /// How grave a miss is.
    pub severity: Option<Severity>,
}

/// The picture, on a scale that holds target, bands and value with a margin; `None` without a target.
pub fn bullet(
    title: &str,
    measured: &Measured<'_>,
    spec: Option<&KpiTargetSpec>,
    unit: FormulaUnit,
    currency: &str,
) -> Option<Bullet> {
    let target = number(measured.target?)?;
    let upper = measured.upper.and_then(number).filter(|_| measured.comparison == Comparison::Between);
    let value = measured.value.and_then(number);
    let bounds: Vec<f64> = spec.map(bands).into_iter().flatten().filter_map(|band| band.bound?.0.to_f64()).collect();
    let marks = || [target].into_iter().chain(upper).chain(value).chain(bounds.iter().copied());
    let (left, right) = scale(marks().fold((f64::INFINITY, f64::NEG_INFINITY), widen), unit);
    let end = |at: f64| {
        let text = Decimal::try_from(at).unwrap_or_default().normalize().to_string();
        (at, words::figure(&text, unit, currency))
    };
    Some(Bullet {
        label: format!(
            "{title}: {} against {}",
            measured.value.unwrap_or("no value"),
            words::target(measured.comparison, measured.target, measured.upper, unit, currency),
        ),
        ends: [end(left), end(right)],
        strips: strips(measured.comparison, spec, (left, right), target, upper),
        targets: [target].into_iter().chain(upper).collect(),
        value,
        verdict: measured.verdict,
        severity: measured.severity,
    })
}

fn widen((low, high): (f64, f64), mark: f64) -> (f64, f64) {
    (low.min(mark), high.max(mark))
}

/// The ends of the scale: a third more than what it has to hold, not below 0 and not above 100 % where nothing lies there.
fn scale((low, high): (f64, f64), unit: FormulaUnit) -> (f64, f64) {
    let margin = if high > low { (high - low) * 0.35 } else { high.abs().max(1.0) * 0.5 };
    let (mut left, mut right) = ((low - margin).floor(), (high + margin).ceil());
    if low >= 0.0 {
        left = left.max(0.0);
    }
    if unit == FormulaUnit::Percent && high <= 100.0 {
        right = right.min(100.0);
    }
    (left, right)
}

fn bands(spec: &KpiTargetSpec) -> Vec<&Band> {
    let mut bands: Vec<&Band> = spec.bands.iter().collect();
    bands.sort_by_key(|band| rank(band.severity));
    bands
}

/// The strip from its left to its right end: 0 where the target is met, 1 to 4 by how grave a miss is.
fn strips(
    comparison: Comparison,
    spec: Option<&KpiTargetSpec>,
    (left, right): (f64, f64),
    target: f64,
    upper: Option<f64>,
) -> Vec<(f64, f64, u32)> {
    if let Some(upper) = upper {
        return vec![(left, target, 1), (target, upper, 0), (upper, right, 1)];
    }
    let lower_is_better = matches!(comparison, Comparison::AtMost | Comparison::LessThan);
    let worst = if lower_is_better { right } else { left };
    let mut strips = vec![if lower_is_better { (left, target, 0) } else { (target, right, 0) }];
    let mut edge = target;
    let mut add = |from: f64, to: f64, grave: u32| {
        let (from, to) = (from.min(to).clamp(left, right), from.max(to).clamp(left, right));
        strips.push((from, to, grave));
    };
    let agreed = spec.map(bands).unwrap_or_default();
    for (index, band) in agreed.iter().enumerate() {
        // The last band takes everything that is worse, with a bound or without.
        let is_last = index + 1 == agreed.len();
        let bound = band.bound.and_then(|bound| bound.0.to_f64()).filter(|_| !is_last).unwrap_or(worst);
        add(edge, bound, rank(band.severity));
        edge = bound;
    }
    if agreed.is_empty() {
        add(edge, worst, 1);
    }
    strips
}

fn number(text: &str) -> Option<f64> {
    text.parse::<Decimal>().ok()?.to_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(comparison: &str, bands: serde_json::Value) -> KpiTargetSpec {
        serde_json::from_value(serde_json::json!({
            "contractRef": {"name": "acme"}, "kpi": "ServiceLevel", "source": {"feed": "acd"},
            "objective": {"comparison": comparison, "target": 80}, "bands": bands,
        }))
        .unwrap()
    }

    #[test]
    fn strips_follow_the_bands_from_the_target_to_the_worse_end() {
        let bands = serde_json::json!([{"severity": "Minor", "bound": 75}, {"severity": "Serious"}]);
        let higher = strips(Comparison::AtLeast, Some(&spec("AtLeast", bands.clone())), (50.0, 100.0), 80.0, None);
        assert_eq!(higher, [(80.0, 100.0, 0), (75.0, 80.0, 1), (50.0, 75.0, 2)]);
        let bands = serde_json::json!([{"severity": "Minor", "bound": 85}, {"severity": "Critical", "bound": 90}]);
        let lower = strips(Comparison::AtMost, Some(&spec("AtMost", bands)), (50.0, 100.0), 80.0, None);
        assert_eq!(lower, [(50.0, 80.0, 0), (80.0, 85.0, 1), (85.0, 100.0, 4)]);
        let between = strips(Comparison::Between, None, (0.0, 10.0), 4.0, Some(6.0));
        assert_eq!(between, [(0.0, 4.0, 1), (4.0, 6.0, 0), (6.0, 10.0, 1)]);
    }

    #[test]
    fn the_scale_holds_the_value_and_stays_within_what_a_share_can_be() {
        assert_eq!(scale((70.0, 98.0), FormulaUnit::Percent), (60.0, 100.0));
        assert_eq!(scale((0.0, 8.0), FormulaUnit::Percent), (0.0, 11.0));
        assert_eq!(scale((30.0, 30.0), FormulaUnit::Seconds), (15.0, 45.0));
    }
}
