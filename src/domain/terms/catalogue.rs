//! The catalogue of KPIs: what each is computed from, which direction is better, what guards it against gaming.
//!
//! Entries are data ([`entries`]); formulas are in the language of [`super::formula`]. A Custom KPI brings its own.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::DateTime;

use super::calendar::{Calendar, Span, days_between};
use super::finding::Finding;
use super::formula::LinearForm;
use crate::api::kpi_target::{
    Better, CatalogueKpi, Formula, FormulaUnit, IndicatorKind, KpiCategory, KpiTargetSpec, KpiVariant,
};
use crate::api::scalar::{Duration, DurationUnit};
use crate::api::tally::{Tally, TallyEach};
use crate::api::verdict::Comparison;
use crate::domain::numbers::exact::Exact;

mod entries;

pub use entries::entries;

/// One KPI of the catalogue.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its id.
    pub kpi: CatalogueKpi,
    /// Its formulas; the first is the one without `variant`.
    pub formulas: &'static [VariantFormula],
    /// Which direction is better.
    pub better: Better,
    /// Whether it leads (it foretells a result) or lags (it shows one).
    pub kind: IndicatorKind,
    /// What it speaks of.
    pub category: KpiCategory,
    /// What shows that it was reached at the cost of something else.
    pub guards: &'static [Guard],
    /// What others usually reach.
    pub benchmark: Option<UsualBenchmark>,
    /// Measures that are levels, not flows.
    pub stocks: &'static [(&'static str, StockRule)],
    /// Whether it comes from a survey, which has a response rate.
    pub survey: bool,
    /// Whether the value is multiplied by 12 / months of its window.
    pub annualised: bool,
    /// Hours after which its rows can be trusted, where the KPI itself says so.
    pub mature_after_hours: Option<i64>,
    /// Where the figures come from.
    pub origin: Origin,
    /// What it shows, and what to be aware of.
    pub explanation: &'static str,
    /// How it is made to look better than it is.
    pub gamed: &'static str,
}

/// One formula of a KPI: numerator / denominator × scale.
#[derive(Clone, Copy, Debug)]
pub struct VariantFormula {
    /// The variant that names it; `None` for the only or usual one.
    pub variant: Option<KpiVariant>,
    /// Numerator, in the language of formulas.
    pub numerator: &'static str,
    /// Denominator, in the language of formulas.
    pub denominator: &'static str,
    /// By what the quotient is multiplied.
    pub scale: i64,
    /// Unit of the value.
    pub unit: FormulaUnit,
    /// Whether the numerator is a part of the denominator.
    pub share: bool,
}

/// What guards a KPI against gaming.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// Another KPI of the catalogue.
    Kpi(CatalogueKpi),
    /// The survey's response rate, by `minimum.responseRatePercent`.
    ResponseRate,
}

/// What others usually reach, in the KPI's unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsualBenchmark {
    /// Lower edge, a decimal.
    pub low: Option<&'static str>,
    /// Upper edge, a decimal.
    pub high: Option<&'static str>,
    /// Who says so.
    pub source: &'static str,
}

/// How a level is taken over time, after it was added up over labels at each instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StockRule {
    /// The mean, weighted with time.
    Mean,
    /// What it was at the last instant.
    Last,
}

/// Where the figures of a KPI come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The feed that `source.feed` names.
    Feed,
    /// The contract's own deliverables; see [`crate::domain::measuring::deliverables::measures`].
    Deliverables,
}

/// How one KpiTarget is computed: its catalogue entry with the variant resolved, or its own formula.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    /// What is divided.
    pub numerator: LinearForm,
    /// By what: the volume.
    pub denominator: LinearForm,
    /// By what the quotient is multiplied.
    pub scale: Exact,
    /// Unit of the value.
    pub unit: FormulaUnit,
    /// Which direction is better.
    pub better: Better,
    /// Whether it leads (it foretells a result) or lags (it shows one).
    pub kind: IndicatorKind,
    /// What it speaks of.
    pub category: KpiCategory,
    /// Whether the numerator is a part of the denominator: intervals, tests and projections are for shares.
    pub share: bool,
    /// Measures that are levels, not flows.
    pub stocks: BTreeMap<String, StockRule>,
    /// Whether it comes from a survey, which has a response rate.
    pub survey: bool,
    /// Whether the value is multiplied by 12 / months of its window.
    pub annualised: bool,
    /// How old rows must be to be trusted: what the KpiTarget says, or the KPI itself.
    pub maturity: Option<Duration>,
    /// Where the figures come from.
    pub origin: Origin,
    /// What shows that it was reached at the cost of something else.
    pub guards: &'static [Guard],
    /// What others usually reach.
    pub benchmark: Option<UsualBenchmark>,
    /// What it shows, and what to be aware of.
    pub explanation: &'static str,
    /// How each part of a tally is judged; `None` where the period is judged as a whole. With it, unit, direction and share are
    /// those of the count, and formula and scale those of a part.
    pub parts: Option<PartRule>,
}

/// How each part of a tally is judged.
#[derive(Clone, Debug, PartialEq)]
pub struct PartRule {
    /// What the parts are.
    pub each: TallyEach,
    /// How their values are compared.
    pub comparison: Comparison,
    /// With what.
    pub target: Exact,
    /// Unit of both.
    pub unit: FormulaUnit,
}

impl Definition {
    /// The same with other names of measures in the feed.
    #[must_use]
    pub fn reading(mut self, names: &BTreeMap<String, String>) -> Definition {
        if names.iter().all(|(ours, theirs)| ours == theirs) {
            return self;
        }
        let new = |name: &String| names.get(name).unwrap_or(name).clone();
        for form in [&mut self.numerator, &mut self.denominator] {
            let terms = std::mem::take(&mut form.terms);
            form.terms = terms.into_iter().map(|(name, factor)| (new(&name), factor)).collect();
        }
        self.stocks = self.stocks.into_iter().map(|(name, rule)| (new(&name), rule)).collect();
        self
    }

    /// The measures that a row must have, in alphabetical order, each once.
    pub fn measures(&self) -> Vec<&str> {
        let mut measures: Vec<&str> = self.numerator.measures().chain(self.denominator.measures()).collect();
        measures.sort_unstable();
        measures.dedup();
        measures
    }

    /// The comparison of an objective that names none; `None` for a Range KPI, which must name one.
    pub fn default_comparison(&self) -> Option<Comparison> {
        match self.better {
            Better::Higher => Some(Comparison::AtLeast),
            Better::Lower => Some(Comparison::AtMost),
            Better::Range => None,
        }
    }

    /// By what the quotient of a window is multiplied: the scale; for an annualised KPI × 12 / months of the window, a
    /// month being 30.4375 civil days. `window` is already clipped to the term and, while it runs, to `asOf`.
    pub fn scale_over(&self, window: Span, calendar: &Calendar) -> Exact {
        if !self.annualised {
            return self.scale.clone();
        }
        let days = civil_days(window, calendar);
        let yearly = Exact::from_scaled(30_437_500 * 12, 6);
        yearly.checked_div(&days).map_or_else(|| self.scale.clone(), |factor| factor * &self.scale)
    }
}

/// Days between two instants as the local clock counts them: a month of 31 days has 31, whatever its clock changes took.
fn civil_days(window: Span, calendar: &Calendar) -> Exact {
    let (from, to) = (calendar.local(window.start), calendar.local(window.end.max(window.start)));
    let seconds =
        |local: DateTime| i64::from(local.hour()) * 3_600 + i64::from(local.minute()) * 60 + i64::from(local.second());
    let total = days_between(from.date(), to.date()) * 86_400 + seconds(to) - seconds(from);
    Exact::fraction(total.into(), 86_400).unwrap_or_default()
}

/// Whether a measure of the catalogue is a level, which does not add up over time.
#[must_use]
pub fn is_stock(measure: &str) -> bool {
    entries().flat_map(|entry| entry.stocks).any(|(name, _)| *name == measure)
}

/// The catalogue's entry of a KPI; `None` for Custom.
pub fn entry(kpi: CatalogueKpi) -> Option<&'static Entry> {
    entries().find(|entry| entry.kpi == kpi)
}

/// Which direction of a catalogue KPI is better; Higher for Custom, whose formula says it.
pub fn better(kpi: CatalogueKpi) -> Better {
    entry(kpi).map_or(Better::Higher, |entry| entry.better)
}

/// The unit of a catalogue KPI; Percent for Custom, whose formula says it.
pub fn unit(kpi: CatalogueKpi, variant: Option<KpiVariant>) -> FormulaUnit {
    entry(kpi).and_then(|entry| formula_of(entry, variant)).map_or(FormulaUnit::Percent, |formula| formula.unit)
}

/// Which direction of a KpiTarget's value is better, as far as the spec says: fewer for a count of parts that missed.
pub fn better_value(spec: &KpiTargetSpec) -> Better {
    match (&spec.tally, &spec.formula) {
        (Some(_), _) => Better::Lower,
        (None, Some(formula)) => formula.better,
        (None, None) => better(spec.kpi),
    }
}

/// The unit of a KpiTarget's value.
pub fn unit_of_value(spec: &KpiTargetSpec) -> FormulaUnit {
    match (&spec.tally, &spec.formula) {
        (Some(_), _) => FormulaUnit::Count,
        (None, _) => unit_of_part(spec),
    }
}

/// The unit of what is compared for each part of a tally; without a tally that of the value.
pub fn unit_of_part(spec: &KpiTargetSpec) -> FormulaUnit {
    match &spec.formula {
        Some(formula) => formula.unit.unwrap_or(FormulaUnit::Percent),
        None => unit(spec.kpi, spec.variant),
    }
}

/// The variants that a KPI has.
pub fn variants(kpi: CatalogueKpi) -> Vec<KpiVariant> {
    entry(kpi).map_or_else(Vec::new, |entry| entry.formulas.iter().filter_map(|formula| formula.variant).collect())
}

/// The variant that a KPI is computed by when a KpiTarget names this one or none.
pub fn effective_variant(kpi: CatalogueKpi, variant: Option<KpiVariant>) -> Option<KpiVariant> {
    variant.or_else(|| entry(kpi)?.formulas.first()?.variant)
}

fn formula_of(entry: &'static Entry, variant: Option<KpiVariant>) -> Option<&'static VariantFormula> {
    match variant {
        None => entry.formulas.first(),
        named => entry.formulas.iter().find(|formula| formula.variant == named),
    }
}

/// How a KpiTarget is computed.
///
/// # Errors
/// A variant that the KPI does not have, a Custom KPI without formula or another with one, and what is wrong in a formula.
/// The findings carry no name of an object: the spec does not know it.
pub fn definition(spec: &KpiTargetSpec) -> Result<Definition, Vec<Finding>> {
    let whole = of_value(spec)?;
    match &spec.tally {
        Some(tally) => of_count(whole, tally),
        None => Ok(whole),
    }
}

/// How the misses of parts are counted.
fn of_count(part: Definition, tally: &Tally) -> Result<Definition, Vec<Finding>> {
    let Some(comparison) = tally.comparison.or(part.default_comparison()).filter(|one| *one != Comparison::Between)
    else {
        let message =
            "is missing, and this KPI is better neither high nor low: write AtLeast, MoreThan, AtMost or LessThan";
        return Err(vec![finding("spec.tally.comparison", message.to_owned())]);
    };
    Ok(Definition {
        unit: FormulaUnit::Count,
        better: Better::Lower,
        share: false,
        guards: &[],
        benchmark: None,
        parts: Some(PartRule { each: tally.each, comparison, target: tally.target.into(), unit: part.unit }),
        ..part
    })
}

/// How the value of a period, or of a part of it, is computed.
fn of_value(spec: &KpiTargetSpec) -> Result<Definition, Vec<Finding>> {
    match (entry(spec.kpi), &spec.formula) {
        (None, Some(formula)) => custom(formula, spec),
        (None, None) => {
            let message = "is missing: kpi Custom is computed by it; write numerator, denominator and better, or name a KPI of the catalogue";
            Err(vec![finding("spec.formula", message.to_owned())])
        }
        (Some(_), Some(_)) => {
            let message =
                format!("belongs to kpi Custom, and kpi is {}: write kpi Custom, or take `formula` away", spec.kpi);
            Err(vec![finding("spec.formula", message)])
        }
        (Some(entry), None) => from_catalogue(entry, spec),
    }
}

fn from_catalogue(entry: &'static Entry, spec: &KpiTargetSpec) -> Result<Definition, Vec<Finding>> {
    let Some(formula) = formula_of(entry, spec.variant) else {
        return Err(vec![finding("spec.variant", wrong_variant(spec))]);
    };
    let parse = |text: &str| text.parse::<LinearForm>().map_err(|error| vec![finding("spec.kpi", error.to_string())]);
    Ok(Definition {
        numerator: parse(formula.numerator)?,
        denominator: parse(formula.denominator)?,
        scale: formula.scale.into(),
        unit: formula.unit,
        better: entry.better,
        kind: entry.kind,
        category: entry.category,
        share: formula.share,
        stocks: entry.stocks.iter().map(|(measure, rule)| ((*measure).to_owned(), *rule)).collect(),
        survey: entry.survey,
        annualised: entry.annualised,
        maturity: spec.maturity.or(entry.mature_after_hours.map(|hours| Duration::new(hours, DurationUnit::Hours))),
        origin: entry.origin,
        guards: entry.guards,
        benchmark: entry.benchmark,
        explanation: entry.explanation,
        parts: None,
    })
}

fn wrong_variant(spec: &KpiTargetSpec) -> String {
    let variant = spec.variant.map(|variant| variant.to_string()).unwrap_or_default();
    let expected: Vec<String> = variants(spec.kpi).iter().map(ToString::to_string).collect();
    if expected.is_empty() {
        return format!("{variant} does not belong to {}, which has no variants: take `variant` away", spec.kpi);
    }
    format!("{variant} does not belong to {}: write {}", spec.kpi, expected.join(", "))
}

fn custom(formula: &Formula, spec: &KpiTargetSpec) -> Result<Definition, Vec<Finding>> {
    let mut findings = Vec::new();
    let mut parse = |side: &str, text: &str| {
        let parsed = text.parse::<LinearForm>().map_err(|error| error.to_string());
        parsed.map_err(|error| findings.push(finding(&format!("spec.formula.{side}"), error))).ok()
    };
    let numerator = parse("numerator", &formula.numerator);
    let denominator = match &formula.denominator {
        Some(text) => parse("denominator", text),
        None => Some(LinearForm::constant(Exact::ONE)),
    };
    if numerator.as_ref().is_some_and(|form| form.terms.is_empty()) {
        let message = "names no measure: write at least one, such as answeredWithin".to_owned();
        findings.push(finding("spec.formula.numerator", message));
    }
    let unit = formula.unit.unwrap_or(FormulaUnit::Percent);
    let usual_scale = if unit == FormulaUnit::Percent { Exact::HUNDRED } else { Exact::ONE };
    let scale = formula.scale.map_or_else(|| usual_scale, Exact::from);
    match (numerator, denominator) {
        (Some(numerator), Some(denominator)) if findings.is_empty() => Ok(Definition {
            // Whether a formula's numerator is a part of its denominator shows only in its figures; a percentage of flows
            // is taken for one, and statistics conclude nothing where the figures contradict that.
            share: unit == FormulaUnit::Percent && scale == Exact::HUNDRED && formula.stocks.is_empty(),
            numerator,
            denominator,
            scale,
            unit,
            better: formula.better,
            kind: formula.kind.unwrap_or(IndicatorKind::Lagging),
            category: formula.category.unwrap_or(KpiCategory::Efficiency),
            stocks: formula.stocks.iter().map(|measure| (measure.clone(), StockRule::Mean)).collect(),
            survey: false,
            annualised: false,
            maturity: spec.maturity,
            origin: Origin::Feed,
            guards: &[],
            benchmark: None,
            explanation: "A KPI of the contract's own formula.",
            parts: None,
        }),
        _ => Err(findings),
    }
}

/// The last instant whose rows are old enough at `now`: rows that end after it are left out.
pub fn mature_by(definition: &Definition, calendar: &Calendar, now: Timestamp) -> Timestamp {
    definition.maturity.map_or(now, |maturity| calendar.before(now, maturity))
}

fn finding(field: &str, message: String) -> Finding {
    Finding { kind: "KpiTarget", name: String::new(), field: field.to_owned(), message }
}

/// A formula without its scale, such as `(answeredWithin) / (answered + abandoned)`.
pub fn formula_in_words(definition: &Definition) -> String {
    format!("({}) / ({})", definition.numerator, definition.denominator)
}

#[cfg(test)]
mod tests;
