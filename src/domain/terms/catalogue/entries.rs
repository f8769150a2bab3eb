//! The entries themselves.

mod contacts;
mod customers;
mod people;
mod quality;
mod work;

use super::{Entry, Guard, Origin, UsualBenchmark, VariantFormula};
use crate::api::kpi_target::{Better, CatalogueKpi, FormulaUnit, IndicatorKind, KpiCategory, KpiVariant};

/// What most entries have in common.
const ORDINARY: Entry = Entry {
    kpi: CatalogueKpi::Custom,
    formulas: &[],
    better: Better::Higher,
    kind: IndicatorKind::Lagging,
    category: KpiCategory::Efficiency,
    guards: &[],
    benchmark: None,
    stocks: &[],
    survey: false,
    annualised: false,
    mature_after_hours: None,
    origin: Origin::Feed,
    explanation: "",
    gamed: "",
};

/// The catalogue, in the order of its ids.
pub fn entries() -> impl Iterator<Item = &'static Entry> {
    [contacts::CONTACTS, quality::QUALITY, people::PEOPLE, customers::CUSTOMERS, work::WORK].into_iter().flatten()
}

/// A part of a whole, in percent.
const fn share(numerator: &'static str, denominator: &'static str) -> VariantFormula {
    VariantFormula { variant: None, numerator, denominator, scale: 100, unit: FormulaUnit::Percent, share: true }
}

/// A quotient whose numerator is not a part of its denominator.
const fn ratio(numerator: &'static str, denominator: &'static str, scale: i64, unit: FormulaUnit) -> VariantFormula {
    VariantFormula { variant: None, numerator, denominator, scale, unit, share: false }
}

/// The same, by the name of a variant.
const fn named(variant: KpiVariant, formula: VariantFormula) -> VariantFormula {
    VariantFormula { variant: Some(variant), ..formula }
}

const fn usual(low: Option<&'static str>, high: Option<&'static str>, source: &'static str) -> Option<UsualBenchmark> {
    Some(UsualBenchmark { low, high, source })
}

const fn guard(kpi: CatalogueKpi) -> Guard {
    Guard::Kpi(kpi)
}
