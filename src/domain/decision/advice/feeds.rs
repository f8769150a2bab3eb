//! Advice on feeds: a share that comes without its volume, and volumes that cannot be.

use super::{AdviceFacts, Findings};
use crate::api::Shared;
use crate::api::feed::{Feed, MeasureMapping, MeasureUnit};

/// The measure by which rows are weighed where a share has no volume.
const WEIGHT: &str = "weight";

/// A feed is degraded when a percentage has no volume: a night with two calls then counts as much as a day with thousands.
pub(super) fn check(feeds: &[Shared<Feed>], advice: &mut Findings) {
    for feed in feeds {
        let measures = measures(feed);
        let has_weight = measures.iter().any(|measure| measure.name == WEIGHT);
        let weightless = measures.iter().filter(|measure| !has_weight && measure.of.is_none() && is_share(measure));
        for measure in weightless {
            let message = format!(
                "feed {}: {} is a percentage without its volume, so every row counts the same: map the volume too and name it in `of`",
                feed.name, measure.name
            );
            advice.add("DegradedFeed", None, message);
        }
    }
}

/// Volumes below 0, and contacts offered that are neither answered nor abandoned.
pub(super) fn check_volumes(facts: &AdviceFacts<'_>, advice: &mut Findings) {
    for name in facts.negative {
        let feed = facts.terms.kpis.get(name).map(|spec| spec.source.feed.as_str()).unwrap_or_default();
        let message = format!(
            "feed {feed}: the rows add up to a denominator below 0, which counts as no data: have the vendor correct them, such as abandonedWithin above answered + abandoned"
        );
        advice.add("NegativeVolume", Some(name.as_str()), message);
    }
    for (feed, differs) in facts.offered {
        let message = format!(
            "feed {feed}: on {} {} contacts were offered, and {} answered or abandoned: find out whether a queue is missing or counted twice, and which of them is agreed",
            differs.day,
            differs.offered.show(2),
            differs.handled.show(2)
        );
        advice.add("OfferedDiffers", None, message);
    }
}

fn measures(feed: &Feed) -> Vec<&MeasureMapping> {
    feed.format.iter().flat_map(|format| format.mapped_measures()).collect()
}

fn is_share(measure: &MeasureMapping) -> bool {
    use MeasureUnit::{BasisPoints, Fraction, Percent, PercentText};
    matches!(measure.unit, Some(Fraction | Percent | PercentText | BasisPoints))
}
