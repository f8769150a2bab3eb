//! `kubectl bpo catalogue`: the KPIs that a contract can name, as text, as data, or as the page `docs/catalogue.md`.

use std::fmt::Write;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::answer::{Answer, Output};
use crate::api::kpi_target::{Better, CatalogueKpi, FormulaUnit, IndicatorKind, KpiCategory};
use crate::domain::terms::catalogue::{Entry, Guard, Origin, StockRule, entries};
use crate::domain::terms::formula::LinearForm;
use crate::domain::terms::spelling::did_you_mean;
use crate::domain::terms::thresholds::counts_within;

/// The flags of `kubectl bpo catalogue`.
#[derive(Debug, Args)]
pub struct CatalogueArguments {
    /// A KPI of the catalogue, such as ServiceLevel. Default: all of them
    #[arg(value_name = "KPI")]
    kpi: Option<String>,

    /// How the result is printed
    #[arg(short = 'o', long, value_enum, default_value = "text")]
    output: CatalogueOutput,
}

/// How the catalogue is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum CatalogueOutput {
    /// For people, on a terminal.
    Text,
    /// The page of the documentation.
    Markdown,
    /// One YAML document.
    Yaml,
    /// JSON.
    Json,
}

/// One KPI as it is shown.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    kpi: CatalogueKpi,
    explanation: &'static str,
    formulas: Vec<DescribedFormula>,
    measures: Vec<String>,
    /// Measures that are levels, with how they are taken over time.
    levels: Vec<String>,
    better: Better,
    kind: IndicatorKind,
    category: KpiCategory,
    benchmark: Option<DescribedBenchmark>,
    guarded_by: Vec<String>,
    gamed: &'static str,
    /// Measures that are counted by a time, which a KpiTarget names in `within`.
    counted_within: Vec<String>,
    notes: Vec<String>,
}

#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Serialize)]
struct DescribedFormula {
    variant: Option<String>,
    formula: String,
    unit: FormulaUnit,
}

#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Serialize)]
struct DescribedBenchmark {
    low: Option<&'static str>,
    high: Option<&'static str>,
    source: &'static str,
}

/// Prints the catalogue, or one KPI of it.
pub fn run(arguments: &CatalogueArguments) -> Answer {
    let kpis: Vec<Described> = match &arguments.kpi {
        None => entries().map(Described::of).collect(),
        Some(name) => vec![Described::of(named(name)?)],
    };
    let text = match arguments.output {
        CatalogueOutput::Text if arguments.kpi.is_none() => as_list(&kpis),
        CatalogueOutput::Text => kpis.iter().map(as_text).collect(),
        CatalogueOutput::Markdown => as_page(&kpis),
        CatalogueOutput::Yaml => document(Output::Yaml, &kpis)?,
        CatalogueOutput::Json => document(Output::Json, &kpis)?,
    };
    super::streams::print(&text)?;
    Ok(0)
}

fn document(output: Output, kpis: &[Described]) -> Result<String, Vec<String>> {
    let value = serde_json::to_value(kpis).map_err(|error| vec![error.to_string()])?;
    output.document(&value).map_err(|error| vec![error.to_string()])
}

fn named(name: &str) -> Result<&'static Entry, Vec<String>> {
    let names = || entries().map(|entry| entry.kpi.as_str());
    let found = entries().find(|entry| entry.kpi.as_str().eq_ignore_ascii_case(name));
    found.ok_or_else(|| {
        let shown: String = name.chars().take(60).collect();
        vec![format!(
            "{shown:?} is not a KPI of the catalogue{}: `kubectl bpo catalogue` lists them",
            did_you_mean(name, names())
        )]
    })
}

impl Described {
    fn of(entry: &Entry) -> Described {
        let mut measures: Vec<String> = Vec::new();
        for formula in entry.formulas {
            let forms = [formula.numerator, formula.denominator].map(|text| text.parse::<LinearForm>());
            for measure in forms.iter().flatten().flat_map(|form| form.terms.keys()) {
                if !measures.contains(measure) {
                    measures.push(measure.clone());
                }
            }
        }
        let formulas = entry.formulas.iter().map(|formula| {
            let divided = match formula.denominator {
                "1" => formula.numerator.to_owned(),
                denominator => format!("({}) / ({denominator})", formula.numerator),
            };
            let scale = if formula.scale == 1 { String::new() } else { format!(" × {}", formula.scale) };
            DescribedFormula {
                variant: formula.variant.map(|variant| variant.to_string()),
                formula: divided + &scale,
                unit: formula.unit,
            }
        });
        let levels = entry.stocks.iter().map(|(measure, rule)| match rule {
            StockRule::Mean => format!("{measure}: the mean over time"),
            StockRule::Last => format!("{measure}: its value at the end"),
        });
        Described {
            kpi: entry.kpi,
            explanation: entry.explanation,
            formulas: formulas.collect(),
            counted_within: measures.iter().filter(|measure| counts_within(measure)).cloned().collect(),
            measures,
            levels: levels.collect(),
            better: entry.better,
            kind: entry.kind,
            category: entry.category,
            benchmark: entry.benchmark.map(|usual| DescribedBenchmark {
                low: usual.low,
                high: usual.high,
                source: usual.source,
            }),
            guarded_by: entry.guards.iter().map(guard_in_words).collect(),
            gamed: entry.gamed,
            notes: notes(entry),
        }
    }

    fn unit(&self) -> FormulaUnit {
        self.formulas.first().map_or(FormulaUnit::Percent, |formula| formula.unit)
    }

    /// The usual range with who says so; `None` where nobody who can be named does.
    fn usual(&self) -> Option<String> {
        let usual = self.benchmark.as_ref()?;
        let range = match (usual.low, usual.high) {
            (Some(low), Some(high)) if low == high => low.to_owned(),
            (Some(low), Some(high)) => format!("{low} to {high}"),
            (Some(low), None) => format!("from {low}"),
            (None, Some(high)) => format!("up to {high}"),
            (None, None) => return None,
        };
        Some(format!("{range} ({})", usual.source))
    }
}

fn guard_in_words(guard: &Guard) -> String {
    match guard {
        Guard::Kpi(kpi) => kpi.to_string(),
        Guard::ResponseRate => "the response rate (minimum.responseRatePercent)".to_owned(),
    }
}

fn notes(entry: &Entry) -> Vec<String> {
    let mut notes = Vec::new();
    if entry.origin == Origin::Deliverables {
        notes.push("computed from the contract's own deliverables, without a feed".to_owned());
    }
    if entry.survey {
        notes.push("from a survey: surveysOffered beside surveyResponses shows the response rate".to_owned());
    }
    if entry.annualised {
        notes.push("scaled to a year: times 12 / months of the window".to_owned());
    }
    if let Some(hours) = entry.mature_after_hours {
        notes.push(format!("rows count once they are {hours} hours old"));
    }
    notes
}

fn direction(better: Better) -> &'static str {
    match better {
        Better::Higher => "higher is better",
        Better::Lower => "lower is better",
        Better::Range => "neither too high nor too low: the objective names its comparison",
    }
}

/// One line a KPI.
fn as_list(kpis: &[Described]) -> String {
    let mut text = String::new();
    let width = kpis.iter().map(|one| one.kpi.as_str().len()).max().unwrap_or_default();
    for one in kpis {
        // Writing into a String cannot fail.
        let formula = one.formulas.first().map(|formula| formula.formula.as_str()).unwrap_or_default();
        let _ = writeln!(
            text,
            "{:width$}  {:7}  {:6}  {formula}",
            one.kpi.as_str(),
            one.unit().to_string(),
            one.better.to_string()
        );
    }
    text.push_str("`kubectl bpo catalogue KPI` shows all of one.\n");
    text
}

/// All of one KPI.
fn as_text(one: &Described) -> String {
    let mut text = format!("{}\n  {}\n", one.kpi, one.explanation);
    for (topic, value) in topics(one) {
        for (place, line) in value.iter().enumerate() {
            let _ = writeln!(text, "  {:11} {line}", if place == 0 { topic } else { "" });
        }
    }
    text
}

/// What is shown of a KPI, a topic each; topics without anything are left out.
fn topics(one: &Described) -> Vec<(&'static str, Vec<String>)> {
    let formulas = one.formulas.iter().map(|formula| match &formula.variant {
        Some(variant) => format!("{variant}: {}", formula.formula),
        None => formula.formula.clone(),
    });
    let within = (!one.counted_within.is_empty()).then(|| {
        format!(
            "{}: name the time that was agreed in `within`, and what the vendor counts in feeds[].thresholds",
            one.counted_within.join(", ")
        )
    });
    let usual = one.usual().unwrap_or_else(|| "none whose source can be named".to_owned());
    let guards =
        if one.guarded_by.is_empty() { "nothing in the catalogue".to_owned() } else { one.guarded_by.join(", ") };
    let all = [
        ("formula", formulas.collect()),
        ("measures", vec![one.measures.join(", ")]),
        ("levels", one.levels.clone()),
        ("unit", vec![format!("{}, {}", one.unit(), direction(one.better))]),
        ("speaks of", vec![format!("{}, {}", one.category, one.kind)]),
        ("thresholds", within.into_iter().collect()),
        ("usual", vec![usual]),
        ("guarded by", vec![guards]),
        ("gamed", vec![one.gamed.to_owned()]),
        ("mind", one.notes.clone()),
    ];
    all.into_iter().filter(|(_, lines): &(&str, Vec<String>)| !lines.is_empty()).collect()
}

/// The page of the documentation.
fn as_page(kpis: &[Described]) -> String {
    let mut page = String::from(
        "# The catalogue of KPIs\n\n\
         What a KpiTarget can name in `kpi`. Each value is one division of two sums over all rows, never a mean of quotients.\n\
         A benchmark is listed only where its source can be named; a contract's own goes into `benchmark`.\n\
         This page is written by `kubectl bpo catalogue -o markdown`; `kubectl bpo catalogue KPI` shows one on a terminal.\n\n\
         | KPI | unit | better | usual |\n|---|---|---|---|\n",
    );
    for one in kpis {
        let name = one.kpi.as_str();
        let usual = one.benchmark.as_ref().and(one.usual()).unwrap_or_default();
        let range = usual.split(" (").next().unwrap_or_default();
        let _ = writeln!(page, "| [{name}](#{}) | {} | {} | {range} |", name.to_lowercase(), one.unit(), one.better);
    }
    for one in kpis {
        let _ = write!(page, "\n## {}\n\n{}\n\n", one.kpi, one.explanation);
        for (topic, lines) in topics(one) {
            let code = matches!(topic, "formula" | "measures");
            let lines: Vec<String> = lines.iter().map(|line| in_markdown(line, code)).collect();
            let _ = writeln!(page, "- **{topic}**: {}", lines.join("; "));
        }
    }
    page
}

/// A line of a topic: formulas and names of measures as code.
fn in_markdown(line: &str, code: bool) -> String {
    match (code, line.split_once(": ")) {
        (false, _) => line.to_owned(),
        (true, Some((variant, formula))) => format!("{variant} `{formula}`"),
        (true, None) => format!("`{line}`"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_page_is_what_the_catalogue_says() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/catalogue.md");
        let page = as_page(&entries().map(Described::of).collect::<Vec<_>>());
        if std::env::var_os("BPO_UPDATE").is_some() {
            std::fs::write(&path, &page).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(written == page, "run the test once with BPO_UPDATE=1, and commit docs/catalogue.md");
    }

    #[test]
    fn every_kpi_is_shown_in_full() {
        for entry in entries() {
            let described = Described::of(entry);
            let name = described.kpi;
            assert!(!described.formulas.is_empty() && !described.measures.is_empty(), "{name}");
            assert!(described.gamed.len() > 20 && described.explanation.len() > 10, "{name}");
            // A source has a name: an organisation or a site, not "the industry".
            let vague = ["trade knowledge", "industry surveys", "public-sector contracts", "industry:"];
            if let Some(usual) = &described.benchmark {
                assert!(!vague.iter().any(|word| usual.source.contains(word)), "{name}: {}", usual.source);
                assert!(usual.source.chars().next().is_some_and(char::is_alphabetic), "{name}");
            }
            for guard in entry.guards {
                if let Guard::Kpi(guard) = guard {
                    assert!(
                        crate::domain::terms::catalogue::entry(*guard).is_some(),
                        "{name} is guarded by {guard}, which is not there"
                    );
                }
            }
        }
    }

    #[test]
    fn one_kpi_is_found_by_its_name_and_a_slip_is_named() {
        let text = as_text(&Described::of(named("servicelevel").unwrap()));
        for line in [
            "ServiceLevel\n",
            "AnsweredOnly: (answeredWithin) / (answered) × 100",
            "unit        Percent, higher is better",
            "answeredWithin, abandonedWithin: name the time that was agreed in `within`",
            "guarded by  QualityScore, Occupancy",
        ] {
            assert!(text.contains(line), "no {line:?} in\n{text}");
        }
        let wrong = named("ServiceLevels").unwrap_err();
        assert!(wrong[0].contains("ServiceLevel?") || wrong[0].contains("ServiceLevel"), "{wrong:?}");
    }
}
