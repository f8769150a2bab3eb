//! The KPIs of a new contract, and the feed that they read.

use super::{Answers, Matter, Source};

/// The queue whose figures are meant.
const QUEUE: &str = "customer-care";

/// A KPI that a contract may hold.
struct Chosen {
    /// What its name ends in.
    suffix: &'static str,
    /// Its fields from `kpi` to `objective`, without what every one has.
    fields: &'static str,
    /// Bounds of the milder band, and the shares of the amount at risk of both bands; `None`: a miss costs nothing.
    bands: Option<(&'static str, i64, i64)>,
    /// What guards it.
    guard: Option<&'static str>,
    goal: &'static str,
    weight: i64,
    /// Measures that the formula needs.
    measures: &'static [&'static str],
}

const LEVEL: Chosen = Chosen {
    suffix: "service-level",
    fields: "kpi: ServiceLevel\n  variant: AnsweredOnly\n  within: 20s\n  objective: {target: 80, stretch: 85}",
    bands: Some(("75", 10, 25)),
    guard: Some("quality"),
    goal: "keep-customers",
    weight: 3,
    measures: &["answered", "answeredWithin"],
};
const ABANDONED: Chosen = Chosen {
    suffix: "abandonment",
    fields: "kpi: AbandonmentRate\n  objective: {target: 5, stretch: 3}",
    bands: Some(("8", 5, 10)),
    guard: None,
    goal: "keep-customers",
    weight: 2,
    measures: &["offered", "abandoned"],
};
const RESOLVED: Chosen = Chosen {
    suffix: "first-contact",
    fields: "kpi: FirstContactResolution\n  maturity: 7d\n  objective: {target: 70, stretch: 75}",
    bands: Some(("65", 10, 25)),
    guard: Some("satisfaction"),
    goal: "keep-customers",
    weight: 3,
    measures: &["resolvedFirstContact", "contactsWithIssue"],
};
const SATISFIED: Chosen = Chosen {
    suffix: "satisfaction",
    fields: "kpi: CustomerSatisfaction\n  minimum: {volume: 50, responseRatePercent: 10}\n  objective: {target: 85, stretch: 90}",
    bands: Some(("80", 10, 25)),
    guard: None,
    goal: "keep-customers",
    weight: 4,
    measures: &["satisfied", "surveyResponses", "surveysOffered"],
};
const SOLD: Chosen = Chosen {
    suffix: "conversion",
    fields: "kpi: ConversionRate\n  objective: {target: 4, stretch: 5}     # correct",
    bands: Some(("3", 5, 15)),
    guard: Some("cancelled"),
    goal: "sell-what-stays-sold",
    weight: 3,
    measures: &["sales", "eligibleContacts"],
};
const CANCELLED: Chosen = Chosen {
    suffix: "cancelled",
    fields: "kpi: PostSaleCancellation\n  class: KeyMeasurement\n  maturity: 14d\n  objective: {target: 10, stretch: 5}",
    bands: None,
    guard: None,
    goal: "sell-what-stays-sold",
    weight: 1,
    measures: &["salesCancelled", "sales"],
};
const QUALITY: Chosen = Chosen {
    suffix: "quality",
    fields: "kpi: QualityScore\n  class: KeyMeasurement\n  objective: {target: 85, stretch: 90}",
    bands: None,
    guard: None,
    goal: "keep-customers",
    weight: 1,
    measures: &["qualityPoints", "qualityPointsPossible"],
};

/// What matters, with what every contract needs: one figure that foretells, and what customers think.
fn kpis(answers: &Answers) -> Vec<&'static Chosen> {
    let mut kpis: Vec<&Chosen> = Vec::new();
    for matter in &answers.matters {
        kpis.extend(match matter {
            Matter::Speed => &[&LEVEL, &ABANDONED][..],
            Matter::Resolution => &[&RESOLVED],
            Matter::Satisfaction => &[],
            Matter::Sales => &[&SOLD, &CANCELLED],
        });
    }
    kpis.extend([&SATISFIED, &QUALITY]);
    kpis
}

/// The manifests of the KPIs.
pub(super) fn chosen(answers: &Answers) -> Vec<String> {
    kpis(answers).into_iter().map(|kpi| manifest(answers, kpi)).collect()
}

fn manifest(answers: &Answers, kpi: &Chosen) -> String {
    let name = &answers.name;
    let guard = kpi.guard.map(|guard| format!("  counterMetric: {name}-{guard}\n")).unwrap_or_default();
    let bands = kpi.bands.map(|bands| bands_of(bands, answers.money.is_some())).unwrap_or_default();
    format!(
        "---\napiVersion: bpo-operator.io/v1alpha1\nkind: KpiTarget\nmetadata:\n  name: {name}-{}\nspec:\n  contractRef: {{name: {name}}}\n  {}\n  source: {{feed: figures, labels: {{queue: {QUEUE}}}}}\n{bands}  window: {{type: Period}}\n  rounding: {{decimals: 1}}\n{guard}  goalRef: {}\n  weight: {}\n",
        kpi.suffix, kpi.fields, kpi.goal, kpi.weight
    )
}

fn bands_of((bound, mild, grave): (&str, i64, i64), has_money: bool) -> String {
    let cost = |percent: i64| if has_money { format!(", atRiskPercent: {percent}") } else { String::new() };
    format!(
        "  bands:\n    - {{severity: Minor, bound: {bound}{}}}\n    - {{severity: Serious{}}}\n",
        cost(mild),
        cost(grave)
    )
}

/// The feed, with every measure that the KPIs need.
pub(super) fn feed(answers: &Answers) -> String {
    let kpis = kpis(answers);
    let mut measures: Vec<&str> = kpis.iter().flat_map(|kpi| kpi.measures.iter().copied()).collect();
    measures.sort_unstable();
    measures.dedup();
    let is_timed = kpis.iter().any(|kpi| kpi.fields.contains("within:"));
    let thresholds = if is_timed { "      thresholds: [{measure: answeredWithin, within: 20s}]\n" } else { "" };
    let host = format!("{}.example", answers.name);
    let head = |path: &str| {
        format!(
            "  feeds:\n    - name: figures\n      url: \"https://{host}{path}\"    # correct\n      cadence: 30m\n{thresholds}"
        )
    };
    let auth = format!("      auth: {{bearer: {{tokenSecretRef: {{name: {}-feed, key: token}}}}}}\n", answers.name);
    match answers.source {
        Source::Native => head("/v1/intervals") + &auth,
        Source::Json => {
            let mapped = |measure: &&str| format!("            - {{name: {measure}, path: $.{measure}}}\n");
            let measures: String = measures.iter().map(mapped).collect();
            head("/api/intervals")
                + &auth
                + "      format:                           # correct: where each figure is in the answer\n        json:\n          rows: \"$.intervals[*]\"\n          start: $.start\n          end: $.end\n          labels: [{name: queue, path: $.queue}]\n          measures:\n"
                + &measures
        }
        Source::Csv => {
            let mapped = |measure: &&str| format!("            - {{name: {measure}, column: {measure}}}\n");
            let measures: String = measures.iter().map(mapped).collect();
            head("/export.csv")
                + &auth
                + "      format:                           # correct: which column holds each figure\n        csv:\n          start: {columns: [Date, Interval], format: \"%Y-%m-%d %H:%M\"}\n          labels: [{name: queue, column: Queue}]\n          measures:\n"
                + &measures
        }
        Source::Prometheus => {
            let mapped = |measure: &&str| {
                format!(
                    "            - {{name: {measure}, query: \"sum by (queue) (increase({}_total[30m]))\"}}\n",
                    snake(measure)
                )
            };
            let measures: String = measures.iter().map(mapped).collect();
            head("")
                + &auth
                + "      format:                           # correct: the query of each figure\n        prometheus:\n          labels: [{name: queue, label: queue}]\n          measures:\n"
                + &measures
        }
    }
}

/// `answeredWithin` as metrics are named: `answered_within`.
fn snake(measure: &str) -> String {
    let mut name = String::new();
    for letter in measure.chars() {
        if letter.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}
