//! How the tiers of a contract fit together: bands of customer value without gap or overlap, and no better tier with a
//! weaker target.

use std::collections::BTreeMap;

use super::catalogue::better;
use crate::api::Shared;
use crate::api::kpi_target::{Better, CatalogueKpi, KpiTargetSpec};
use crate::api::service_tier::{CustomerValue, HandlingTime, ServiceTierSpec, TierFinding, TierFlaw};
use crate::api::verdict::Comparison;
use crate::domain::numbers::exact::Exact;

/// The band of customer value in short: `5000+`, `1000-5000`, `under 1000` or `any`; `None` where the tier has no band.
pub fn value_band(tier: &ServiceTierSpec) -> Option<String> {
    let band = tier.customer_value.as_ref()?;
    Some(match (&band.at_least, &band.below) {
        (Some(least), Some(below)) => format!("{least}-{below}"),
        (Some(least), None) => format!("{least}+"),
        (None, Some(below)) => format!("under {below}"),
        (None, None) => "any".to_owned(),
    })
}

/// What does not fit among the tiers that a contract lists, by tier. A flaw between two tiers is listed at both.
///
/// `tiers` are those that exist, `kpis` the contract's KpiTargets.
pub fn coherence(
    tiers: &BTreeMap<String, Shared<ServiceTierSpec>>,
    kpis: &BTreeMap<String, Shared<KpiTargetSpec>>,
) -> BTreeMap<String, Vec<TierFinding>> {
    let mut ranked: Vec<Tier<'_>> = tiers.iter().map(|(name, spec)| Tier { name, spec }).collect();
    ranked.sort_by_key(|tier| (tier.spec.rank, tier.name));
    let mut findings = Findings(tiers.keys().map(|name| (name.clone(), Vec::new())).collect());
    for (place, high) in ranked.iter().enumerate() {
        for low in ranked.iter().skip(place + 1) {
            compare_bands(*high, *low, &mut findings);
            if high.spec.rank < low.spec.rank {
                compare_targets(*high, *low, kpis, &mut findings);
                compare_entitlements(*high, *low, &mut findings);
            }
        }
    }
    find_gaps(&ranked, &mut findings);
    let mut findings = findings.0;
    for list in findings.values_mut() {
        list.sort_by(|left, right| (left.finding, &left.with, left.kpi).cmp(&(right.finding, &right.with, right.kpi)));
    }
    findings
}

#[derive(Clone, Copy)]
struct Tier<'a> {
    name: &'a str,
    spec: &'a ServiceTierSpec,
}

struct Findings(BTreeMap<String, Vec<TierFinding>>);

impl Findings {
    fn add(&mut self, finding: TierFlaw, pair: (Tier<'_>, Tier<'_>), kpi: Option<CatalogueKpi>, message: &str) {
        for (name, with) in [(pair.0.name, pair.1.name), (pair.1.name, pair.0.name)] {
            let entry = TierFinding { finding, with: with.to_owned(), kpi, message: message.to_owned() };
            self.0.entry(name.to_owned()).or_default().push(entry);
        }
    }
}

/// Whether a band that ends `below` reaches into one that begins `at_least`; an open end reaches everywhere.
fn ends_above(below: Option<&Exact>, at_least: Option<&Exact>) -> bool {
    match (below, at_least) {
        (Some(below), Some(least)) => below > least,
        _ => true,
    }
}

fn bounds(band: &CustomerValue) -> (Option<Exact>, Option<Exact>) {
    (band.at_least.as_ref().map(Exact::from), band.below.as_ref().map(Exact::from))
}

/// Whether a customer could be in both bands. Bands of different measures do not exclude each other.
fn comparable(one: &CustomerValue, other: &CustomerValue) -> bool {
    one.measure == other.measure && one.currency == other.currency
}

fn compare_bands(high: Tier<'_>, low: Tier<'_>, findings: &mut Findings) {
    let mut add = |flaw, message: String| findings.add(flaw, (high, low), None, &message);
    if high.spec.rank == low.spec.rank {
        let rank = high.spec.rank;
        add(TierFlaw::TierOverlap, format!("{} and {} both have rank {rank}: give each its own", high.name, low.name));
    }
    let (Some(upper), Some(lower)) = (&high.spec.customer_value, &low.spec.customer_value) else { return };
    if !comparable(upper, lower) {
        let message = format!(
            "{} and {} are defined by different measures, so a customer may be in both: use one measure and currency",
            high.name, low.name
        );
        return add(TierFlaw::TierOverlap, message);
    }
    let ((upper_least, upper_below), (lower_least, lower_below)) = (bounds(upper), bounds(lower));
    let overlap = ends_above(lower_below.as_ref(), upper_least.as_ref())
        && ends_above(upper_below.as_ref(), lower_least.as_ref());
    if overlap {
        let bands = (value_band(high.spec).unwrap_or_default(), value_band(low.spec).unwrap_or_default());
        let message = format!(
            "{} ({}) and {} ({}) have customers in common: end the lower band (`below`) where the higher begins (`atLeast`)",
            high.name, bands.0, low.name, bands.1
        );
        add(TierFlaw::TierOverlap, message);
    } else if !ends_above(upper_below.as_ref(), lower_least.as_ref()) && high.spec.rank < low.spec.rank {
        let message = format!(
            "{} ranks above {} but is for customers of lower value: swap the ranks or the bands",
            high.name, low.name
        );
        add(TierFlaw::TierInversion, message);
    }
}

/// Gaps between bands that are neighbours by value, among tiers that are separated by the same measure.
fn find_gaps(ranked: &[Tier<'_>], findings: &mut Findings) {
    for tier in ranked {
        let Some(band) = &tier.spec.customer_value else { continue };
        let Some(end) = bounds(band).1 else { continue };
        let alike = ranked.iter().filter_map(|other| {
            let value = other.spec.customer_value.as_ref().filter(|value| comparable(band, value))?;
            Some((*other, bounds(value)))
        });
        // The next band above; none where another band covers the end.
        let mut next: Option<(Tier<'_>, Exact)> = None;
        let mut covered = false;
        for (other, (least, below)) in alike {
            let begins_by = least.as_ref().is_none_or(|least| *least <= end);
            covered |= begins_by && below.as_ref().is_none_or(|below| *below > end);
            if let Some(least) = least.filter(|least| *least > end)
                && next.as_ref().is_none_or(|(_, nearest)| least < *nearest)
            {
                next = Some((other, least));
            }
        }
        if let Some((other, least)) = next.filter(|_| !covered) {
            let message = format!(
                "customers from {} up to {} are in no tier, between {} and {}: set `below` of the one to `atLeast` of the other",
                end.show(6),
                least.show(6),
                tier.name,
                other.name
            );
            findings.add(TierFlaw::TierGap, (*tier, other), None, &message);
        }
    }
}

/// The target of a tier for a KPI: its own, or the KpiTarget's.
fn target_of(tier: Tier<'_>, kpi: CatalogueKpi, default: Option<&KpiTargetSpec>) -> Option<Exact> {
    let own = tier.spec.targets.iter().find(|target| target.kpi == kpi).map(|target| &target.target);
    own.or(default.map(|spec| &spec.objective.target)).map(Exact::from)
}

/// Whether more is better, by how the KpiTarget compares, or else by the KPI itself; `None` for a range.
fn higher_is_better(spec: Option<&KpiTargetSpec>, better: Better) -> Option<bool> {
    match spec.and_then(|spec| spec.objective.comparison) {
        Some(Comparison::AtLeast | Comparison::MoreThan) => Some(true),
        Some(Comparison::AtMost | Comparison::LessThan) => Some(false),
        Some(Comparison::Between) => None,
        None => match spec.and_then(|spec| spec.formula.as_ref()).map_or(better, |formula| formula.better) {
            Better::Higher => Some(true),
            Better::Lower => Some(false),
            Better::Range => None,
        },
    }
}

/// A better rank never waits behind a worse one, and is never given less time.
fn compare_entitlements(high: Tier<'_>, low: Tier<'_>, findings: &mut Findings) {
    let (Some(upper), Some(lower)) = (&high.spec.entitlements, &low.spec.entitlements) else { return };
    let mut add = |what: &str| {
        let message =
            format!("{} ranks above {} and {what}: raise it, or lower that of {}", high.name, low.name, low.name);
        findings.add(TierFlaw::TierInversion, (high, low), None, &message);
    };
    if upper.routing_priority.zip(lower.routing_priority).is_some_and(|(upper, lower)| upper < lower) {
        add("has a lower routingPriority");
    }
    let time = |handling: HandlingTime| match handling {
        HandlingTime::Brief => 0,
        HandlingTime::Standard => 1,
        HandlingTime::Unhurried => 2,
    };
    if upper.handling_time.zip(lower.handling_time).is_some_and(|(upper, lower)| time(upper) < time(lower)) {
        add("has a shorter handlingTime");
    }
}

fn compare_targets(
    high: Tier<'_>,
    low: Tier<'_>,
    kpis: &BTreeMap<String, Shared<KpiTargetSpec>>,
    findings: &mut Findings,
) {
    let mut named: Vec<CatalogueKpi> =
        high.spec.targets.iter().chain(&low.spec.targets).map(|target| target.kpi).collect();
    named.sort();
    named.dedup();
    for kpi in named {
        let of_kind: Vec<&KpiTargetSpec> = kpis.values().map(|spec| &**spec).filter(|spec| spec.kpi == kpi).collect();
        let specs = if of_kind.is_empty() { vec![None] } else { of_kind.into_iter().map(Some).collect() };
        let inverted = specs.into_iter().find_map(|spec| {
            let (upper, lower) = (target_of(high, kpi, spec)?, target_of(low, kpi, spec)?);
            let weaker = if higher_is_better(spec, better(kpi))? { upper < lower } else { upper > lower };
            weaker.then_some((upper, lower))
        });
        if let Some((upper, lower)) = inverted {
            let message = format!(
                "{} ranks above {} but its target for {kpi} ({}) is weaker than {}: make it at least as strict",
                high.name,
                low.name,
                upper.show(6),
                lower.show(6)
            );
            findings.add(TierFlaw::TierInversion, (high, low), Some(kpi), &message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn tier(rank: i64, band: Value, targets: Value) -> ServiceTierSpec {
        serde_json::from_value(json!({"rank": rank, "customerValue": band, "targets": targets})).unwrap()
    }

    fn band(at_least: Option<i64>, below: Option<i64>) -> Value {
        let mut band = json!({"measure": "LifetimeValue", "currency": "GBP"});
        if let Some(least) = at_least {
            band["atLeast"] = json!(least);
        }
        if let Some(below) = below {
            band["below"] = json!(below);
        }
        band
    }

    /// All findings, each once: `flaw tier tier kpi`.
    fn flaws(tiers: &[(&str, ServiceTierSpec)], kpis: &[KpiTargetSpec]) -> Vec<String> {
        let tiers = tiers.iter().map(|(name, spec)| ((*name).to_owned(), spec.clone().into())).collect();
        let kpis = kpis.iter().enumerate().map(|(place, spec)| (format!("k{place}"), spec.clone().into())).collect();
        let found = coherence(&tiers, &kpis);
        let mut listed = Vec::new();
        for (name, findings) in &found {
            for finding in findings {
                assert!(finding.message.len() <= 256 && finding.message.contains(':'), "{}", finding.message);
                let back =
                    found[&finding.with].iter().filter(|other| other.with == *name && other.finding == finding.finding);
                assert!(back.count() > 0, "found for one of the two only: {finding:?}");
                if *name < finding.with {
                    let kpi = finding.kpi.map(|kpi| format!(" {kpi}")).unwrap_or_default();
                    listed.push(format!("{:?} {name} {}{kpi}", finding.finding, finding.with));
                }
            }
        }
        listed
    }

    #[test]
    fn the_value_band_is_short() {
        for (least, below, text) in [
            (Some(5000), None, "5000+"),
            (Some(1000), Some(5000), "1000-5000"),
            (None, Some(1000), "under 1000"),
            (None, None, "any"),
        ] {
            assert_eq!(value_band(&tier(1, band(least, below), json!([]))).as_deref(), Some(text));
        }
        assert_eq!(value_band(&serde_json::from_value(json!({"rank": 1})).unwrap()), None);
    }

    #[test]
    fn bands_are_without_gap_and_overlap_in_the_order_of_rank() {
        type Case = (&'static str, [(i64, Value); 3], &'static [&'static str]);
        let cases: [Case; 7] = [
            (
                "they fit",
                [(1, band(Some(5000), None)), (2, band(Some(1000), Some(5000))), (3, band(None, Some(1000)))],
                &[],
            ),
            (
                "a gap",
                [(1, band(Some(6000), None)), (2, band(Some(1000), Some(5000))), (3, band(None, Some(1000)))],
                &["TierGap a b"],
            ),
            (
                "an overlap",
                [(1, band(Some(4000), None)), (2, band(Some(1000), Some(5000))), (3, band(None, Some(1000)))],
                &["TierOverlap a b"],
            ),
            (
                "an open end",
                [(1, band(Some(5000), None)), (2, band(Some(1000), None)), (3, band(None, Some(1000)))],
                &["TierOverlap a b"],
            ),
            (
                "what a third band covers is not a gap",
                [(1, band(Some(6000), None)), (2, band(Some(1000), Some(5000))), (3, band(None, Some(6000)))],
                &["TierOverlap b c"],
            ),
            (
                "ranks against the value",
                [(1, band(Some(1000), Some(5000))), (2, band(Some(5000), None)), (3, band(None, Some(1000)))],
                &["TierInversion a b"],
            ),
            (
                "the same rank",
                [(1, band(Some(5000), None)), (1, band(Some(1000), Some(5000))), (3, band(None, Some(1000)))],
                &["TierOverlap a b"],
            ),
        ];
        for (case, tiers, expected) in cases {
            let tiers: Vec<(&str, ServiceTierSpec)> = ["a", "b", "c"]
                .into_iter()
                .zip(tiers)
                .map(|(name, (rank, band))| (name, tier(rank, band, json!([]))))
                .collect();
            assert_eq!(flaws(&tiers, &[]), expected, "{case}");
        }
    }

    #[test]
    fn bands_of_different_measures_do_not_exclude_each_other() {
        let tiers = [
            ("a", tier(1, band(Some(5000), None), json!([]))),
            ("b", tier(2, json!({"measure": "LoyaltyIndex", "below": 50}), json!([]))),
            ("c", serde_json::from_value(json!({"rank": 3})).unwrap()),
        ];
        assert_eq!(flaws(&tiers, &[]), ["TierOverlap a b"]);
    }

    fn kpi(kpi: &str, objective: Value) -> KpiTargetSpec {
        let spec = json!({"contractRef": {"name": "c"}, "kpi": kpi, "source": {"feed": "acd"}, "objective": objective});
        serde_json::from_value(spec).unwrap()
    }

    #[test]
    fn a_better_rank_never_waits_longer_nor_is_hurried_more() {
        let owed = |rank: i64, priority: i64, time: &str| {
            let entitlements = json!({"routingPriority": priority, "handlingTime": time});
            serde_json::from_value(json!({"rank": rank, "entitlements": entitlements})).unwrap()
        };
        for (high, low, expected) in [
            ((100, "Unhurried"), (50, "Standard"), 0),
            ((50, "Standard"), (50, "Standard"), 0),
            ((10, "Unhurried"), (50, "Standard"), 1),
            ((100, "Brief"), (50, "Standard"), 1),
            ((10, "Brief"), (50, "Unhurried"), 2),
        ] {
            let tiers = [("a", owed(1, high.0, high.1)), ("b", owed(2, low.0, low.1))];
            assert_eq!(flaws(&tiers, &[]), vec!["TierInversion a b"; expected], "{high:?} {low:?}");
        }
    }

    #[test]
    fn a_better_rank_never_has_a_weaker_target() {
        let level = |target: i64| json!([{"kpi": "ServiceLevel", "target": target}]);
        let abandoned = |target: i64| json!([{"kpi": "AbandonmentRate", "target": target}]);
        let handle = |target: i64| json!([{"kpi": "AverageHandleTime", "target": target}]);
        let none = json!([]);
        let cases: [(Value, Value, Vec<KpiTargetSpec>, &[&str]); 9] = [
            (level(90), level(80), vec![], &[]),
            (level(80), level(80), vec![], &[]),
            (level(80), level(90), vec![], &["TierInversion a b ServiceLevel"]),
            (abandoned(5), abandoned(3), vec![], &["TierInversion a b AbandonmentRate"]),
            (abandoned(3), abandoned(5), vec![], &[]),
            // A range has no direction of its own, but the KpiTarget may compare in one.
            (handle(400), handle(300), vec![], &[]),
            (
                handle(400),
                handle(300),
                vec![kpi("AverageHandleTime", json!({"comparison": "AtMost", "target": 350}))],
                &["TierInversion a b AverageHandleTime"],
            ),
            // A tier without its own target has the KpiTarget's.
            (
                level(75),
                none.clone(),
                vec![kpi("ServiceLevel", json!({"target": 80}))],
                &["TierInversion a b ServiceLevel"],
            ),
            (none, level(75), vec![kpi("ServiceLevel", json!({"target": 80}))], &[]),
        ];
        for (high, low, kpis, expected) in cases {
            let plain = |rank, targets: &Value| -> ServiceTierSpec {
                serde_json::from_value(json!({"rank": rank, "targets": targets})).unwrap()
            };
            assert_eq!(flaws(&[("a", plain(1, &high)), ("b", plain(2, &low))], &kpis), expected, "{high} {low}");
        }
    }
}
