//! Ratings of KPIs and of the contract, its score, and how much of the weight the score speaks for.

use crate::api::kpi_target::{Band, Better, KpiClass, RatingBounds, Verdict};
use crate::api::verdict::{Comparison, Rating, Severity};

use super::verdict::{Aim, bands_best_first, better_of};
use crate::domain::numbers::exact::Exact;

/// The rating of one KPI: by explicit bounds where they are given and it was Met or Missed, else by its severity.
pub fn rating_of(
    verdict: Verdict,
    severity: Option<Severity>,
    value: Option<&Exact>,
    bounds: Option<&RatingBounds>,
    comparison: Comparison,
) -> Rating {
    match (verdict, bounds) {
        (Verdict::Met | Verdict::Missed, Some(bounds)) => {
            value.map_or(Rating::Inadequate, |value| rating_by_bounds(value, bounds, comparison))
        }
        (Verdict::Met, None) => Rating::Good,
        (Verdict::Missed, None) => match severity.unwrap_or(Severity::Minor) {
            Severity::Minor => Rating::ApproachingTarget,
            Severity::Serious | Severity::Severe => Rating::RequiresImprovement,
            Severity::Critical => Rating::Inadequate,
        },
        _ => Rating::Other,
    }
}

/// The rating whose bound a value reaches. With `Between` the bounds themselves tell which way is better.
fn rating_by_bounds(value: &Exact, bounds: &RatingBounds, comparison: Comparison) -> Rating {
    let higher = match better_of(comparison) {
        Some(better) => better == Better::Higher,
        None => bounds.good >= bounds.requires_improvement,
    };
    let reaches = |bound: Exact| if higher { *value >= bound } else { *value <= bound };
    if reaches(bounds.good.into()) {
        Rating::Good
    } else if reaches(bounds.approaching.into()) {
        Rating::ApproachingTarget
    } else if reaches(bounds.requires_improvement.into()) {
        Rating::RequiresImprovement
    } else {
        Rating::Inadequate
    }
}

/// How much of its weight a KPI earns, 0 to 1; `None` where nothing was judged.
///
/// A miss earns by how near its value is to the target, seen from the last bound given.
pub fn achievement(verdict: Verdict, value: Option<&Exact>, aim: &Aim, bands: &[Band]) -> Option<Exact> {
    match verdict {
        Verdict::Met | Verdict::Excused => Some(Exact::ONE),
        Verdict::Missed => Some(achievement_of_miss(value, aim, bands).unwrap_or(Exact::ZERO)),
        _ => None,
    }
}

fn achievement_of_miss(value: Option<&Exact>, aim: &Aim, bands: &[Band]) -> Option<Exact> {
    let worst: Exact = bands_best_first(bands).into_iter().rev().find_map(|band| band.bound.as_ref())?.into();
    if !aim.surpasses(&aim.target, &worst) {
        return None;
    }
    let share = (value? - &worst).checked_div(&(&aim.target - &worst))?;
    Some(share.clamp_between(&Exact::ZERO, &Exact::ONE))
}

/// What the score takes of one KPI. Suspended KPIs and dry runs are not among them.
#[derive(Clone, Debug)]
pub struct Achievement {
    /// The KPI's weight.
    pub weight: Exact,
    /// 0 to 1; `None` where nothing was judged.
    pub share: Option<Exact>,
}

/// The score and its confidence, 0 to 100 each; `None` where no weight was judged, or there is none.
pub fn score(kpis: &[Achievement]) -> (Option<Exact>, Option<Exact>) {
    let whole: Exact = kpis.iter().map(|kpi| &kpi.weight).sum();
    let judged: Exact = kpis.iter().filter(|kpi| kpi.share.is_some()).map(|kpi| &kpi.weight).sum();
    let earned: Exact = kpis.iter().filter_map(|kpi| Some(&kpi.weight * kpi.share.as_ref()?)).sum();
    let percent = |part: &Exact, of: &Exact| part.checked_div(of).map(|share| share * Exact::HUNDRED);
    (percent(&earned, &judged), percent(&judged, &whole))
}

/// The rating of a contract: the worst of its Critical-class KPIs, `Other` left out; `Other` where none is left.
pub fn worst_rating(kpis: impl Iterator<Item = (KpiClass, Rating)>) -> Rating {
    kpis.filter(|(class, rating)| *class == KpiClass::Critical && *rating != Rating::Other)
        .map(|(_, rating)| rating)
        .max()
        .unwrap_or(Rating::Other)
}

#[cfg(test)]
mod tests;
