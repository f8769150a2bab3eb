//! The reading of one KPI in one period, and the question that it answers.

use std::ops::Deref;
use std::rc::Rc;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::parts::{Parts, PeriodSums};
use super::prepared_terms::Kpi;
use super::rating::rating_of;
use super::sources::Sources;
use super::tally::Found;
use super::verdict::Aim;
use crate::api::Packed;
use crate::api::kpi_target::{Band, CatalogueKpi, FormulaUnit, KpiClass, KpiTargetSpec, KpiVariant, Rounding, Verdict};
use crate::api::made_of::DayValue;
use crate::api::packed::as_text;
use crate::api::sla_report::{EvidenceReference, TierLine};
use crate::api::verdict::{Comparison, Rating, Severity};
use crate::domain::numbers::exact::Exact;
use crate::domain::numbers::statistics::{Interval, Share};
use crate::domain::terms::calendar::Span;
use crate::domain::terms::catalogue::{PartRule, effective_variant};
use crate::domain::terms::periods::Period;

/// One KPI in one period as the rows known at some instant have it: all that does not depend on other periods.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading<'a> {
    /// Name of the KpiTarget.
    pub name: &'a str,
    /// Its spec.
    pub spec: &'a KpiTargetSpec,
    /// The catalogue's KPI.
    pub kpi: CatalogueKpi,
    /// The variant in use, where the KPI has any.
    pub variant: Option<KpiVariant>,
    /// Whether it, or the contract, is suspended.
    pub is_suspended: bool,
    /// The band into which a miss falls.
    pub band: Option<&'a Band>,
    /// Whether the numerator is a part of the denominator.
    pub is_share: bool,
    /// By what it was computed.
    pub method: Method,
    /// What its rows say, which is kept for later judgements.
    pub measured: Measured,
}

/// What the rows say of a KPI in a period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The target in force.
    pub aim: Aim,
    /// The value over all selected rows, rounded.
    pub raw_value: Option<Exact>,
    /// The value after relief, rounded.
    pub value: Option<Exact>,
    /// The numerator of `value`.
    pub numerator: Option<Exact>,
    /// The denominator of `value`.
    pub denominator: Option<Exact>,
    /// The interval of `value`, in its unit.
    #[serde(with = "interval")]
    pub interval: Option<Interval>,
    /// The verdict.
    pub verdict: Verdict,
    /// How grave a miss is.
    pub severity: Option<Severity>,
    /// The rating.
    pub rating: Rating,
    /// How much of its weight it earns, 0 to 1; `None` where nothing was judged.
    pub achievement: Option<Exact>,
    /// Relief that took rows away.
    pub excused_by: Vec<String>,
    /// The part of each tier.
    pub tiers: Vec<TierLine>,
    /// Percentage of the denominator whose rows carry no tier.
    pub without_tier_percent: Option<String>,
    /// What a tally found; `None` for what is judged as a whole.
    pub tally: Option<Box<Found>>,
    /// What two sources say; `None` where there is one.
    pub sources: Option<Box<Sources>>,
    /// The days of its window; empty for a period that runs.
    #[serde(with = "as_text")]
    pub days: Packed<DayValue>,
    /// Its rows by their labels; empty for a period that runs.
    pub parts: Parts,
    /// The rows that were judged.
    pub evidence: EvidenceReference,
    /// By what a figure is made a year's; `None` for those that are not.
    pub annual_factor: Option<Exact>,
    /// The parts of a target that changes inside the period.
    pub targets: Vec<TargetPart>,
    /// Whether the denominator of its rows is below 0, which counts as no data.
    pub negative_volume: bool,
}

impl Deref for Reading<'_> {
    type Target = Measured;

    fn deref(&self) -> &Measured {
        &self.measured
    }
}

impl Reading<'_> {
    /// Whether it counts in totals, score, triggers and conditions of the contract.
    pub fn counts(&self) -> bool {
        !self.spec.dry_run && !self.is_suspended
    }

    /// Whether it may cost something: of class Critical and counted.
    pub fn is_critical(&self) -> bool {
        self.counts() && self.spec.class == KpiClass::Critical
    }

    /// Met or Missed: the verdicts that repeats, earn-back and plans look at.
    pub fn is_decided(&self) -> bool {
        matches!(self.verdict, Verdict::Met | Verdict::Missed)
    }

    /// How its value is shown and rounded; a count of parts is whole, and `rounding` belongs to the parts.
    pub fn rounding(&self) -> Option<&Rounding> {
        self.spec.rounding.as_ref().filter(|_| self.spec.tally.is_none())
    }

    /// The comparison that decides.
    pub fn comparison(&self) -> Comparison {
        self.aim.comparison
    }

    /// By what its quotient is multiplied: the scale of the formula, for a figure that is made a year's with the annual factor.
    pub fn scale(&self) -> Exact {
        match &self.annual_factor {
            Some(factor) => factor * &self.method.scale,
            None => self.method.scale.clone(),
        }
    }

    /// What of it is compared with other periods.
    pub(crate) fn period_sums(&self) -> PeriodSums<'_> {
        let sums = self.numerator.as_ref().zip(self.denominator.as_ref());
        PeriodSums { formula: &self.method.formula, sums, parts: &self.parts }
    }

    pub(crate) fn share(&self) -> Option<Share> {
        let (numerator, denominator) = self.numerator.as_ref().zip(self.denominator.as_ref())?;
        if !self.is_share {
            return None;
        }
        Share::new(numerator.to_f64(), denominator.to_f64())
    }
}

/// By what a reading was computed, for the report that is signed.
#[derive(Clone, Debug, PartialEq)]
pub struct Method {
    /// The formula without the scale.
    pub formula: Rc<str>,
    /// By what the quotient is multiplied, before it is made a year's.
    pub scale: Exact,
    /// Unit of the value.
    pub unit: FormulaUnit,
    /// How each part of a tally is judged; `None` for what is judged as a whole.
    pub parts: Option<PartRule>,
}

/// A part of a target that changes inside a period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetPart {
    /// Its first day.
    pub from: Date,
    /// The target.
    pub target: Exact,
    /// Its weight.
    pub denominator: Exact,
}

/// What is asked of the evidence.
#[derive(Clone, Copy)]
pub struct Question<'q> {
    /// The period that is judged.
    pub period: &'q Period,
    /// The instants whose rows are judged.
    pub window: Span,
    /// What is known then.
    pub at: Timestamp,
    /// Whether the period is judged as a closed one, for which the policy on missing data holds.
    pub is_closing: bool,
}

/// SHA-256 of no rows at all.
pub(crate) const DIGEST_OF_NOTHING: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// The reading of a KPI that is not measured: what its spec alone says.
pub(in crate::domain) fn not_measured<'a>(kpi: &Kpi<'a>, question: &Question<'_>) -> Reading<'a> {
    Reading {
        name: kpi.name,
        spec: kpi.spec,
        kpi: kpi.spec.kpi,
        variant: effective_variant(kpi.spec.kpi, kpi.spec.variant),
        is_suspended: kpi.is_suspended,
        band: None,
        is_share: kpi.definition.share,
        method: Method {
            formula: Rc::clone(&kpi.formula),
            scale: kpi.definition.scale.clone(),
            unit: kpi.definition.unit,
            parts: kpi.definition.parts.clone(),
        },
        measured: Measured {
            aim: Aim {
                comparison: kpi.comparison,
                target: kpi.target_on(question.period.last_day),
                upper: kpi.spec.objective.upper.as_ref().map(Exact::from),
            },
            raw_value: None,
            value: None,
            numerator: None,
            denominator: None,
            interval: None,
            verdict: Verdict::NotMeasured,
            severity: None,
            rating: rating_of(Verdict::NotMeasured, None, None, None, kpi.comparison),
            achievement: None,
            excused_by: Vec::new(),
            tiers: Vec::new(),
            without_tier_percent: None,
            tally: None,
            sources: None,
            days: Packed::default(),
            parts: Parts::default(),
            evidence: EvidenceReference { rows: 0, digest: DIGEST_OF_NOTHING.to_owned() },
            annual_factor: None,
            targets: Vec::new(),
            negative_volume: false,
        },
    }
}

/// An interval by the bits of its ends, so that what is read is what was written.
mod interval {
    use crate::domain::numbers::statistics::Interval;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(interval: &Option<Interval>, serializer: S) -> Result<S::Ok, S::Error> {
        interval.map(|interval| (interval.lower.to_bits(), interval.upper.to_bits())).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Interval>, D::Error> {
        let bits = Option::<(u64, u64)>::deserialize(deserializer)?;
        Ok(bits.map(|(lower, upper)| Interval { lower: f64::from_bits(lower), upper: f64::from_bits(upper) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_a_reading_is_small_where_it_is_neither_a_tally_nor_of_two_sources() {
        let size = std::mem::size_of::<Measured>();
        assert!(size <= 672, "{size} bytes: put what most readings do not have into a Box");
    }
}
