//! Advice on feeds: a share that comes without its volume.

use super::Findings;
use crate::api::feed::{Feed, MeasureMapping, MeasureUnit};

/// The measure by which rows are weighed where a share has no volume.
const WEIGHT: &str = "weight";

/// A feed is degraded when a percentage has no volume: a night with two calls then counts as much as a day with thousands.
pub(super) fn check(feeds: &[Feed], advice: &mut Findings) {
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

fn measures(feed: &Feed) -> Vec<&MeasureMapping> {
    let Some(format) = &feed.format else { return Vec::new() };
    let json = format.json.iter().flat_map(|format| &format.measures);
    json.chain(format.csv.iter().flat_map(|format| &format.measures)).collect()
}

fn is_share(measure: &MeasureMapping) -> bool {
    use MeasureUnit::{BasisPoints, Fraction, Percent, PercentText};
    matches!(measure.unit, Some(Fraction | Percent | PercentText | BasisPoints))
}
