//! From a value to a verdict: minimums, the comparison, the severity of a miss, and how sure the sample is.

use serde::{Deserialize, Serialize};

use crate::api::kpi_target::{Band, Better, ConfidenceVerdict, KpiTargetSpec, Objective, Verdict};
use crate::api::verdict::{Comparison, Severity};

use crate::domain::numbers::exact::Exact;
use crate::domain::numbers::statistics::Interval;

/// What a value is compared with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aim {
    /// How it is compared.
    pub comparison: Comparison,
    /// The target in force.
    pub target: Exact,
    /// The upper edge, with `Between` only.
    pub upper: Option<Exact>,
}

/// Which way is better, as a comparison has it; `None` for `Between`.
pub fn better_of(comparison: Comparison) -> Option<Better> {
    match comparison {
        Comparison::AtLeast | Comparison::MoreThan => Some(Better::Higher),
        Comparison::AtMost | Comparison::LessThan => Some(Better::Lower),
        Comparison::Between => None,
    }
}

/// The comparison of an objective: its own, or the one that the KPI's direction calls for.
///
/// A KPI whose range matters must name one; validation says so, and here `Between` takes its place.
pub fn comparison_of(objective: &Objective, better: Better) -> Comparison {
    objective.comparison.unwrap_or(match better {
        Better::Higher => Comparison::AtLeast,
        Better::Lower => Comparison::AtMost,
        Better::Range => Comparison::Between,
    })
}

impl Aim {
    /// Whether a value meets the target.
    pub fn is_met_by(&self, value: &Exact) -> bool {
        match self.comparison {
            Comparison::AtLeast => *value >= self.target,
            Comparison::MoreThan => *value > self.target,
            Comparison::AtMost => *value <= self.target,
            Comparison::LessThan => *value < self.target,
            Comparison::Between => *value >= self.target && self.upper.as_ref().is_none_or(|upper| value <= upper),
        }
    }

    /// Whether a value is at least as good as `level`; never with `Between`.
    pub fn reaches(&self, value: &Exact, level: &Exact) -> bool {
        match better_of(self.comparison) {
            Some(Better::Higher) => value >= level,
            Some(Better::Lower) => value <= level,
            _ => false,
        }
    }

    /// Whether a value is better than `level`; never with `Between`.
    pub fn surpasses(&self, value: &Exact, level: &Exact) -> bool {
        value != level && self.reaches(value, level)
    }

    /// How far a value is from what would meet the target.
    pub fn distance(&self, value: &Exact) -> Exact {
        match &self.upper {
            Some(upper) if self.comparison == Comparison::Between && value > upper => value - upper,
            _ => (&self.target - value).abs(),
        }
    }

    /// Whether a target lies inside an interval, so that the sample is too small to decide.
    pub fn is_straddled_by(&self, interval: &Interval) -> bool {
        let inside = |edge: &Exact| {
            let edge = edge.to_f64();
            interval.lower <= edge && edge <= interval.upper
        };
        let upper = self.upper.as_ref().filter(|_| self.comparison == Comparison::Between);
        inside(&self.target) || upper.is_some_and(inside)
    }
}

/// The bands of a KPI, best first. Their order in a spec means nothing.
pub fn bands_best_first(bands: &[Band]) -> Vec<&Band> {
    let mut sorted: Vec<&Band> = bands.iter().collect();
    sorted.sort_by_key(|band| band.severity);
    sorted
}

/// The band into which a miss falls; `None` without bands. A miss without a value falls into the worst one.
pub fn band_of<'a>(bands: &'a [Band], comparison: Comparison, value: Option<&Exact>) -> Option<&'a Band> {
    let sorted = bands_best_first(bands);
    let reached = value.and_then(|value| sorted.iter().find(|band| band_holds(band, comparison, value)));
    reached.or(sorted.last()).copied()
}

/// Whether a band reaches as far as a value. Its bound is its worst value; with a strict comparison it belongs to the next.
fn band_holds(band: &Band, comparison: Comparison, value: &Exact) -> bool {
    let Some(bound) = band.bound.as_ref().map(Exact::from) else { return true };
    match comparison {
        Comparison::AtLeast => *value >= bound,
        Comparison::MoreThan => *value > bound,
        Comparison::AtMost => *value <= bound,
        Comparison::LessThan => *value < bound,
        Comparison::Between => true,
    }
}

/// The severity of a miss: that of its band, `Minor` without bands.
pub fn severity_of(band: Option<&Band>) -> Severity {
    band.map_or(Severity::Minor, |band| band.severity)
}

/// What a verdict rests on. Values are rounded.
#[derive(Clone, Copy, Debug)]
pub struct Sample<'a> {
    /// The value over all selected rows; `None` where there is none.
    pub raw: Option<&'a Exact>,
    /// The value after relief; `None` where relief left no rows or no denominator.
    pub value: Option<&'a Exact>,
    /// Whether the rows that judge reach the minimums.
    pub is_enough: bool,
    /// The interval of `value`, in its unit.
    pub interval: Option<Interval>,
}

/// The verdict on a sample, before the policy on missing data.
pub fn verdict_of(spec: &KpiTargetSpec, aim: &Aim, sample: &Sample<'_>) -> Verdict {
    let Some(raw) = sample.raw else { return Verdict::NoData };
    let raw_meets = aim.is_met_by(raw);
    let Some(value) = sample.value else {
        return match (raw_meets, sample.is_enough) {
            (false, _) => Verdict::Excused,
            (true, true) => Verdict::Met,
            (true, false) => Verdict::InsufficientVolume,
        };
    };
    if !sample.is_enough {
        return Verdict::InsufficientVolume;
    }
    let by_margin = spec.confidence.as_ref().is_some_and(|one| one.verdict == ConfidenceVerdict::MarginOfError);
    let point = match (raw_meets, aim.is_met_by(value)) {
        (true, _) => Verdict::Met,
        (false, true) => return Verdict::Excused,
        (false, false) => Verdict::Missed,
    };
    let cannot_tell = by_margin && sample.interval.as_ref().is_some_and(|interval| aim.is_straddled_by(interval));
    if cannot_tell { Verdict::Inconclusive } else { point }
}

#[cfg(test)]
mod tests;
