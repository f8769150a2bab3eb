//! KpiTargets that the server refuses.

use super::Case;

pub(super) const KPI: &str = "
apiVersion: bpo-operator.io/v1alpha1
kind: KpiTarget
metadata: {name: acme-service-level}
spec:
  contractRef: {name: acme-care}
  kpi: ServiceLevel
  source: {feed: acd}
  objective: {target: 80}
";

pub(super) const KPI_CASES: &[Case] = &[
    ("kpi: ServiceLvl", "supported values"),
    ("kpi: Custom", "`formula` belongs to kpi Custom, which needs it"),
    ("formula: {numerator: a, better: Higher}", "`formula` belongs to kpi Custom"),
    ("variant: TopBox", "ExcludeShortAbandons with ServiceLevel"),
    ("{kpi: QualityScore, variant: Mean}", "others have none"),
    ("kpi: Occupancy", "write objective.comparison AtLeast, MoreThan, AtMost, LessThan or Between"),
    (
        "{kpi: Custom, formula: {numerator: a, better: Range}}",
        "write objective.comparison AtLeast, MoreThan, AtMost, LessThan or Between",
    ),
    ("{kpi: Custom, formula: {numerator: 'a * b', better: Higher}}", "write sums and differences of measures"),
    ("{kpi: Custom, formula: {numerator: a, scale: 0, better: Higher}}", "write a scale above 0"),
    ("objective: {target: 79.5}", "objective.target"),
    ("objective: {target: eighty}", "objective.target"),
    ("objective: {upper: 90}", "`upper` belongs to comparison Between"),
    ("objective: {comparison: Between}", "`upper` belongs to comparison Between, which needs it"),
    ("objective: {comparison: Between, upper: 80}", "write an `upper` that is above the target"),
    (
        "objective: {comparison: Between, upper: 90, schedule: [{from: 2026-07-01, target: 91}]}",
        "above all targets of the schedule",
    ),
    ("objective: {stretch: '79.9'}", "write an objective.stretch that is at least as good as the target"),
    (
        "{kpi: AbandonmentRate, objective: {stretch: 81}}",
        "write an objective.stretch that is at least as good as the target",
    ),
    ("objective: {comparison: Between, upper: 90, stretch: 85}", "none with Between"),
    ("objective: {schedule: [{from: 2026-07-01, target: 1}, {from: 2026-07-01, target: 2}]}", "Duplicate value"),
    ("bands: [{severity: Minor, points: 1, percent: 2}]", "write at most one of points, atRiskPercent"),
    ("bands: [{severity: Minor, points: 1}, {severity: Minor, points: 2}]", "Duplicate value"),
    (
        "bands: [{severity: Minor, points: 1}, {severity: Critical, points: 2}]",
        "write a `bound` for every band but the gravest",
    ),
    (
        "bands: [{severity: Critical, bound: 75, points: 1}, {severity: Minor, bound: 70, points: 2}]",
        "write worse bounds for graver bands",
    ),
    (
        "{kpi: AverageSpeedOfAnswer, bands: [{severity: Minor, bound: 100, points: 1}, {severity: Severe, bound: 90, points: 2}]}",
        "write worse bounds for graver bands",
    ),
    ("bands: [{severity: Minor, bound: 80, points: 1}]", "write bounds that miss the target"),
    (
        "{objective: {comparison: Between, upper: 90}, bands: [{severity: Minor, bound: 70}, {severity: Severe}]}",
        "with Between, write one band without `bound`",
    ),
    (
        "{kpi: AverageSpeedOfAnswer, bands: [{severity: Minor, proportional: true}]}",
        "`proportional` needs a KPI in percent",
    ),
    ("bonus: {from: 90}", "write exactly one of amount, price"),
    ("bonus: {from: 90, amount: 1, price: {amount: 1}}", "write exactly one of amount, price"),
    ("bonus: {from: 90, price: {amount: 1, per: 0}}", "write a `per` above 0"),
    ("price: {per: 1}", "amount"),
    ("price: {amount: -1}", "amount"),
    ("price: {amount: 1, per: '0.0'}", "write a `per` above 0"),
    ("price: {amount: 1, steps: Half}", "supported values"),
    ("{objective: {comparison: Between, upper: 90}, price: {amount: 1}}", "a price counts in one direction"),
    ("{bands: [{severity: Minor, points: 1}], price: {amount: 1}}", "take the consequences of `bands` away"),
    ("{missingData: {policy: Miss}, price: {amount: 1}}", "a miss without a value costs price.upTo"),
    ("price: {amount: 1, count: Numerator}", "price.count Numerator counts events"),
    ("{kpi: AbandonmentRate, price: {amount: 1, count: Numerator, beyond: 90}}", "without `beyond`"),
    ("price: {amount: 1, schedule: [{from: 2026-07-01, amount: 1}, {from: 2026-07-01, amount: 2}]}", "Duplicate value"),
    ("repeats: [{misses: 1, times: 2}, {misses: 2, times: 1}]", "write a `times` that does not fall"),
    ("bonus: {from: 70, amount: 100}", "write a bonus.from that is at least as good as the target"),
    ("ratings: {good: 60, approaching: 75, requiresImprovement: 80}", "write ratings from the best bound (good)"),
    ("source: {feed: acd, crossCheck: {feed: acd}}", "name the feed with the client's own figures"),
    ("source: {feed: acd, crossCheck: {feed: ours, tolerance: -1}}", "tolerance"),
    ("source: {feed: acd, crossCheck: {feed: ours, prefer: Best}}", "supported values"),
    (
        "{source: {feed: acd, crossCheck: {feed: ours}}, tally: {each: Day, target: 80}}",
        "source.crossCheck compares values of two feeds",
    ),
    ("tally: {each: Day}", "target"),
    ("tally: {each: Fortnight, target: 80}", "supported values"),
    ("tally: {each: Day, target: 80, comparison: Between}", "write tally.comparison AtLeast"),
    ("{kpi: Occupancy, tally: {each: Day, target: 80}}", "write tally.comparison AtLeast"),
    ("{tally: {each: Day, target: 80}, confidence: {level: 95}}", "a tally counts parts of one period"),
    ("{tally: {each: Day, target: 80}, counterMetric: acme-fcr}", "a tally counts parts of one period"),
    (
        "{tally: {each: Day, target: 80}, window: {type: RollingPeriods, count: 2}}",
        "a tally counts parts of one period",
    ),
    (
        "{tally: {each: Day, target: 80}, objective: {target: 2, schedule: [{from: 2026-07-01, target: 1}]}}",
        "a tally counts parts of one period",
    ),
    (
        "{tally: {each: Day, target: 80}, objective: {target: 2}, bands: [{severity: Minor, proportional: true}]}",
        "`proportional` needs a KPI in percent",
    ),
    ("within: 0s", "longer than 0"),
    ("within: 1d", "within"),
    ("{kpi: QualityScore, within: 20s}", "`within` belongs to KPIs that count"),
    ("{kpi: Custom, formula: {numerator: a, better: Higher}, within: 20s}", "`within` belongs to KPIs that count"),
    ("weight: -1", "weight"),
    ("window: {type: Rolling}", "`length` belongs to type Rolling, which needs it"),
    ("window: {type: Period, length: 28d}", "`length` belongs to type Rolling"),
    ("window: {type: Rolling, length: 0d}", "such as 28d"),
    ("window: {type: RollingPeriods}", "`count` belongs to type RollingPeriods, which needs it"),
    ("window: {type: Rolling, length: 28d, count: 2}", "`count` belongs to type RollingPeriods"),
    ("confidence: {level: 100}", "level"),
    ("rounding: {mode: Up}", "supported values"),
    ("minimum: {volume: 0}", "volume"),
    ("maturity: 3bd", "maturity"),
    ("counterMetric: acme-service-level", "a KPI cannot guard itself"),
    ("benchmark: {low: 90, high: '75.5'}", "write a `low` that is not above `high`"),
    ("source: {expect: Soon}", "supported values: \"Later\""),
    ("source: {labels: {'': billing}}", "write label keys of 1 to 63 characters"),
];
