//! Whether a KPI is specific, measurable, achievable, relevant and time-bound.

use super::{AdviceFacts, Counted, Findings, comparison_of, from_catalogue, from_deliverables};
use crate::api::verdict::Comparison;
use crate::domain::numbers::exact::Exact;

pub(super) fn check(facts: &AdviceFacts<'_>, kpi: &Counted<'_>, advice: &mut Findings) {
    let mut add = |letter: &str, message: String| advice.add(&format!("NotSmart/{letter}"), Some(kpi.name), message);
    let contract = &facts.terms.contract;
    if !from_catalogue(kpi) {
        let message = "a Custom KPI cannot be compared with others: use a KPI of the catalogue if one fits";
        add("Specific", message.to_owned());
    } else if kpi.spec.source.labels.is_empty() && !from_deliverables(kpi) {
        let message =
            "it covers all rows of the feed: name the rows that are meant in source.labels, such as a queue or site";
        add("Specific", message.to_owned());
    }
    if let Some(message) = not_measurable(facts, kpi) {
        add("Measurable", message);
    }
    if let Some(message) = not_achievable(facts, kpi) {
        add("Achievable", message);
    }
    if !kpi.spec.goal_ref.as_ref().is_some_and(|goal| contract.goals.iter().any(|known| known.name == *goal)) {
        let message = "it serves none of the contract's goals: set goalRef to one of spec.goals";
        add("Relevant", message.to_owned());
    }
    if kpi.spec.window.is_none() && kpi.spec.objective.schedule.is_empty() {
        let message = "it says neither over which time nor until when: set `window`, or objective.schedule";
        add("TimeBound", message.to_owned());
    }
}

fn not_measurable(facts: &AdviceFacts<'_>, kpi: &Counted<'_>) -> Option<String> {
    let contract = &facts.terms.contract;
    if kpi.definition.is_none() {
        return Some("its formula does not resolve: correct kpi, variant or formula".to_owned());
    }
    if from_deliverables(kpi) {
        let message =
            "it is computed from the contract's deliverables, and there are none: add some to spec.deliverables";
        return contract.deliverables.is_empty().then(|| message.to_owned());
    }
    let site = kpi.spec.source.labels.get("site");
    if let Some(site) = site.filter(|site| !contract.vendor.sites.is_empty() && !contract.vendor.sites.contains(site)) {
        let shown: String = site.chars().take(60).collect();
        return Some(format!(
            "its source.labels.site {shown:?} is none of vendor.sites: correct it, or add the site there"
        ));
    }
    let known = contract.feeds.iter().any(|feed| feed.name == kpi.spec.source.feed);
    (!known).then(|| {
        "its source.feed is none of the contract's feeds: add it to spec.feeds, or name one of them".to_owned()
    })
}

/// How a KPI is compared, and its target in force today; `None` where a Range KPI names no comparison.
pub(super) fn comparison_and_target(facts: &AdviceFacts<'_>, kpi: &Counted<'_>) -> Option<(Comparison, Exact)> {
    Some((comparison_of(kpi)?, target_today(facts, kpi)))
}

/// The target in force today.
fn target_today(facts: &AdviceFacts<'_>, kpi: &Counted<'_>) -> Exact {
    let objective = &kpi.spec.objective;
    let change = objective.schedule.iter().filter(|change| change.from <= facts.today).max_by_key(|change| change.from);
    Exact::from(change.map_or(&objective.target, |change| &change.target))
}

/// The usual range: what the KpiTarget says, or else the catalogue.
pub(super) fn benchmark(kpi: &Counted<'_>) -> Option<(Option<Exact>, Option<Exact>)> {
    if let Some(own) = &kpi.spec.benchmark {
        return Some((own.low.as_ref().map(Exact::from), own.high.as_ref().map(Exact::from)));
    }
    let usual = kpi.definition.as_ref()?.benchmark?;
    let number = |text: Option<&str>| text?.parse::<rust_decimal::Decimal>().ok().map(Exact::from);
    Some((number(usual.low), number(usual.high)))
}

fn not_achievable(facts: &AdviceFacts<'_>, kpi: &Counted<'_>) -> Option<String> {
    if kpi.spec.objective.stretch.is_some() {
        return None;
    }
    let (comparison, target) = comparison_and_target(facts, kpi)?;
    let upper = kpi.spec.objective.upper.as_ref().map_or_else(|| target.clone(), Exact::from);
    let not_above = |bound: &Option<Exact>, value: &Exact| bound.as_ref().is_none_or(|bound| value <= bound);
    let not_below = |bound: &Option<Exact>, value: &Exact| bound.as_ref().is_none_or(|bound| value >= bound);
    let best = facts.best.get(kpi.name);
    let (reached, within) = match comparison {
        Comparison::AtLeast | Comparison::MoreThan => {
            (best.is_some_and(|best| *best >= target), benchmark(kpi).map(|(_, high)| not_above(&high, &target)))
        }
        Comparison::AtMost | Comparison::LessThan => {
            (best.is_some_and(|best| *best <= target), benchmark(kpi).map(|(low, _)| not_below(&low, &target)))
        }
        Comparison::Between => (
            best.is_some_and(|best| (&target..=&upper).contains(&best)),
            benchmark(kpi).map(|(low, high)| not_below(&low, &target) && not_above(&high, &upper)),
        ),
    };
    match (reached, within) {
        (true, _) | (_, Some(true)) => None,
        (false, Some(false)) => Some(format!(
            "its target {} is beyond the benchmark and was never reached: lower it, or make it objective.stretch",
            target.show(6)
        )),
        (false, None) => Some(format!(
            "nothing shows that its target {} can be reached: state what others reach in `benchmark`",
            target.show(6)
        )),
    }
}
