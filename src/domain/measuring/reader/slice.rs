//! A KPI, or its part of one tier, as its rows judge it.

use jiff::Timestamp;
use jiff::civil::Date;

use super::Values;
use crate::api::kpi_target::{CatalogueKpi, Verdict};
use crate::api::sla_report::TierLine;
use crate::api::verdict::Comparison;
use crate::domain::measuring::prepared_terms::{Book, Kpi};
use crate::domain::measuring::reading::{Question, TargetPart};
use crate::domain::measuring::values::{Quotient, Rows, TIER_LABEL};
use crate::domain::measuring::verdict::{Aim, Sample, verdict_of};
use crate::domain::numbers::exact::{Exact, SHOWN_DECIMALS};
use crate::domain::numbers::statistics::{Interval, Share, net_promoter_interval, wilson_interval};
use crate::domain::terms::calendar::Span;

/// A KPI, or its part of one tier, as it is judged.
pub(super) struct Slice<'s, 'a> {
    pub(super) book: &'s Book<'a>,
    pub(super) kpi: &'s Kpi<'a>,
    pub(super) question: &'s Question<'s>,
    pub(super) scale: &'s Exact,
    /// Where rows end, for a longer window that runs.
    pub(super) as_of: Option<Timestamp>,
}

impl Slice<'_, '_> {
    pub(super) fn aim(&self, target: Exact) -> Aim {
        let upper = self.kpi.spec.objective.upper.as_ref().filter(|_| self.kpi.comparison == Comparison::Between);
        Aim { comparison: self.kpi.comparison, target, upper: upper.map(Exact::from) }
    }

    /// The target in force, and its parts where the schedule changes it inside the period: it is their mean, weighted with
    /// their denominators. A longer window takes that of its last day, and while it runs that of the day of `asOf`.
    pub(super) fn target(&self, judged: &Rows<'_>, raw: &Rows<'_>) -> (Exact, Vec<TargetPart>) {
        let period = self.question.period;
        if self.kpi.is_rolling() {
            let day = self.as_of.map(|as_of| self.book.calendar.date_of(as_of).min(period.last_day));
            return (self.kpi.target_on(day.unwrap_or(period.last_day)), Vec::new());
        }
        let last_day = period.last_day;
        let changes = self.kpi.target_changes(period.first_day, last_day);
        if changes.is_empty() {
            return (self.kpi.target_on(last_day), Vec::new());
        }
        let mean = self.mean_target(&changes, judged).or_else(|| self.mean_target(&changes, raw));
        mean.unwrap_or_else(|| (self.kpi.target_on(last_day), Vec::new()))
    }

    fn mean_target(&self, changes: &[Date], rows: &Rows<'_>) -> Option<(Exact, Vec<TargetPart>)> {
        let period = self.question.period;
        let part = |(place, first_day): (usize, &Date)| {
            let start = self.book.calendar.start_of_day(*first_day).max(period.start);
            let end = changes.get(place).map_or(period.end, |day| self.book.calendar.start_of_day(*day));
            let denominator = rows.starting_in(Span::new(start, end)).quotient().denominator;
            TargetPart { from: *first_day, target: self.kpi.target_on(*first_day), denominator }
        };
        let parts: Vec<TargetPart> = std::iter::once(&period.first_day).chain(changes).enumerate().map(part).collect();
        let weighted: Exact = parts.iter().map(|part| &part.target * &part.denominator).sum();
        let weight: Exact = parts.iter().map(|part| &part.denominator).sum();
        if weight.is_negative() {
            return None;
        }
        Some((weighted.checked_div(&weight)?.rounded(self.kpi.spec.rounding.as_ref()), parts))
    }

    pub(super) fn values(&self, raw: &Rows<'_>, judged: &Rows<'_>) -> Values {
        let rounding = self.kpi.spec.rounding.as_ref();
        let (quotient, of_all) = (judged.quotient(), raw.quotient());
        let value = quotient.value(self.scale);
        Values {
            negative: quotient.is_negative() || of_all.is_negative(),
            raw: of_all.value(self.scale).map(|value| value.rounded(rounding)),
            interval: value.as_ref().and_then(|_| self.interval(judged, &quotient)),
            value: value.map(|value| value.rounded(rounding)),
            quotient,
        }
    }

    /// The interval of a value: Wilson's for a share, the normal one for a net promoter score, else none.
    fn interval(&self, rows: &Rows<'_>, quotient: &Quotient) -> Option<Interval> {
        let level = self.kpi.spec.confidence.as_ref().map_or(95.0, |confidence| confidence.level as f64);
        if self.kpi.spec.kpi == CatalogueKpi::NetPromoterScore {
            let sum = |measure: &str| rows.iter().filter_map(|row| row.measure(measure)).sum::<Exact>().to_f64();
            return net_promoter_interval(sum("promoters"), sum("detractors"), quotient.denominator.to_f64(), level);
        }
        let share =
            self.kpi.definition.share.then(|| Share::new(quotient.numerator.to_f64(), quotient.denominator.to_f64()));
        let interval = wilson_interval(share.flatten()?, level)?;
        let scale = self.scale.to_f64();
        Some(Interval { lower: interval.lower * scale, upper: interval.upper * scale })
    }

    /// Whether the rows that judge reach the minimums. Where relief leaves nothing, all rows are looked at.
    pub(super) fn is_enough(&self, raw: &Rows<'_>, judged: &Rows<'_>) -> bool {
        let Some(minimum) = &self.kpi.spec.minimum else { return true };
        let rows = if judged.quotient().value(self.scale).is_some() { judged } else { raw };
        let volume = minimum.volume.is_none_or(|least| rows.quotient().denominator >= Exact::from(least));
        let responses = minimum
            .response_rate_percent
            .as_ref()
            .is_none_or(|least| rows.response_rate().is_some_and(|rate| rate >= Exact::from(least)));
        volume && responses
    }

    pub(super) fn verdict(&self, aim: &Aim, values: &Values, is_enough: bool) -> Verdict {
        let sample =
            Sample { raw: values.raw.as_ref(), value: values.value.as_ref(), is_enough, interval: values.interval };
        verdict_of(self.kpi.spec, aim, &sample)
    }

    /// The parts of the tiers that the contract lists, best first, and the share of the denominator that carries no tier.
    pub(super) fn tiers(&self, raw: &Rows<'_>, judged: &Rows<'_>) -> (Vec<TierLine>, Option<String>) {
        if self.book.terms.tiers.is_empty() {
            return (Vec::new(), None);
        }
        let names = || self.book.terms.tiers.keys().map(String::as_str);
        let (raw_parts, judged_parts) = (raw.by_label(TIER_LABEL, names()), judged.by_label(TIER_LABEL, names()));
        let mut tiers: Vec<(&String, i64)> =
            self.book.terms.tiers.iter().map(|(name, tier)| (name, tier.rank)).collect();
        tiers.sort_by_key(|(name, rank)| (*rank, *name));
        let nothing = raw.starting_in(Span::new(Timestamp::MIN, Timestamp::MIN));
        let lines: Vec<TierLine> = tiers
            .into_iter()
            .filter_map(|(name, _)| {
                let part = raw_parts.get(name.as_str())?;
                Some(self.tier(name, part, judged_parts.get(name.as_str()).unwrap_or(&nothing)))
            })
            .collect();
        if lines.is_empty() {
            return (lines, None);
        }
        let whole = judged.quotient().denominator;
        let without = &whole - &judged.denominators_by(TIER_LABEL);
        let share = (without * Exact::HUNDRED).checked_div(&whole).filter(|_| !whole.is_negative());
        (lines, share.map(|share| share.show(SHOWN_DECIMALS)))
    }

    fn tier(&self, name: &str, raw: &Rows<'_>, judged: &Rows<'_>) -> TierLine {
        let tier = self.book.terms.tiers.get(name);
        let own = tier.and_then(|tier| tier.targets.iter().find(|target| target.kpi == self.kpi.spec.kpi));
        let aim = self.aim(own.map_or_else(|| self.target(judged, raw).0, |own| own.target.into()));
        let values = self.values(raw, judged);
        let verdict = self.verdict(&aim, &values, true);
        let has_value = values.value.is_some();
        TierLine {
            tier: name.to_owned(),
            value: values.value.map(|value| value.show_as(self.kpi.spec.rounding.as_ref())),
            target: Some(aim.target.show(SHOWN_DECIMALS)),
            denominator: has_value.then(|| values.quotient.denominator.show(SHOWN_DECIMALS)),
            verdict,
        }
    }
}
