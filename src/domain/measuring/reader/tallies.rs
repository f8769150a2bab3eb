//! The reading of a tally: each part is judged as a period of its own, and the count of misses by the objective.

use std::collections::BTreeSet;

use super::made_of::{days_of_tally, figures, is_listed};
use super::{Book, Kpi, Reader, Reading, Slice, evidence, is_miss_by_policy};
use crate::api::Packed;
use crate::api::kpi_target::Verdict;
use crate::domain::measuring::ledger::Ledger;
use crate::domain::measuring::rating::{achievement, rating_of};
use crate::domain::measuring::reading::{Measured, Question, not_measured};
use crate::domain::measuring::tally::{Counted, JudgedPart, Part, count, ended_by, parts_of};
use crate::domain::measuring::values::Selection;
use crate::domain::measuring::verdict::{Aim, Sample, band_of, severity_of, verdict_of};
use crate::domain::terms::calendar::Span;
use crate::domain::terms::catalogue::{PartRule, mature_by};

impl<'f, 'a> Reader<'f, 'a> {
    /// The reading of a KPI that counts parts.
    pub(super) fn work_out_tally(
        &self,
        book: &'f Book<'a>,
        kpi: &'f Kpi<'a>,
        question: &Question<'_>,
        ledger: &'f Ledger,
        rule: &PartRule,
    ) -> Reading<'a> {
        let known = self.known(ledger, question.at);
        let mature = mature_by(&kpi.definition, &book.calendar, question.at);
        let known = known.starting_in(question.window);
        let selection = known.select(&kpi.definition, &kpi.spec.source.labels, mature);
        let all = parts_of(rule.each, question.period, self.periods, &book.calendar);
        let parts = if question.at >= question.period.end {
            all
        } else {
            self.as_of(book, kpi, question.at).map_or_else(Vec::new, |as_of| ended_by(all, as_of))
        };
        let mut excused_by = BTreeSet::new();
        let judged = parts.iter().map(|part| {
            let (judged, relief) = self.part(book, kpi, question, rule, &selection, part);
            excused_by.extend(relief);
            judged
        });
        let judged: Vec<JudgedPart> = judged.collect();
        let silence_is_a_miss = is_miss_by_policy(book, kpi, question);
        let days = match is_listed(book, question) {
            true => days_of_tally(book, &parts, &judged, silence_is_a_miss),
            false => Packed::default(),
        };
        let counted = count(judged, silence_is_a_miss);
        let reach = parts.first().zip(parts.last()).map(|(first, last)| Span::new(first.span.start, last.span.end));
        let rows = selection.within(reach.unwrap_or(Span::new(question.period.start, question.period.start)));
        let evidence = evidence(&rows, question);
        let read = read_count(kpi, question, counted);
        let excused_by = excused_by.into_iter().collect();
        Reading { measured: Measured { excused_by, evidence, days, ..read.measured }, ..read }
    }

    /// One part, with the relief that took rows of it away.
    pub(super) fn part(
        &self,
        book: &'f Book<'a>,
        kpi: &'f Kpi<'a>,
        question: &Question<'_>,
        rule: &PartRule,
        selection: &Selection<'_>,
        part: &Part,
    ) -> (JudgedPart, BTreeSet<String>) {
        let rows = selection.within(part.span);
        let relieved = rows.relieved(&self.relief.known_for(kpi.name, question.at));
        let scale = kpi.definition.scale_over(part.span, &book.calendar);
        let slice = Slice { book, kpi, question, scale: &scale, as_of: None };
        let aim = Aim { comparison: rule.comparison, target: rule.target.clone(), upper: None };
        let values = slice.values(&rows, &relieved.rows);
        let is_enough = slice.is_enough(&rows, &relieved.rows);
        let verdict = slice.verdict(&aim, &values, is_enough);
        let raw = values.raw.as_ref().filter(|_| slice.is_enough(&rows, &rows));
        let judged = JudgedPart {
            name: part.name.clone(),
            verdict,
            raw_missed: raw.map(|raw| !aim.is_met_by(raw)),
            is_without_rows: rows.is_empty(),
            figures: figures(kpi, values.value.as_ref(), &values.quotient),
        };
        (judged, relieved.excused_by)
    }
}

/// The count of misses, judged by the KPI's objective.
fn read_count<'a>(kpi: &Kpi<'a>, question: &Question<'_>, counted: Counted) -> Reading<'a> {
    let nothing = not_measured(kpi, question);
    let aim = nothing.aim.clone();
    let value = counted.missed.clone();
    let sample = Sample { raw: counted.raw.as_ref(), value: value.as_ref(), is_enough: true, interval: None };
    let verdict = match &value {
        Some(_) => verdict_of(kpi.spec, &aim, &sample),
        None if counted.has_too_few => Verdict::InsufficientVolume,
        None => Verdict::NoData,
    };
    let missed = verdict == Verdict::Missed;
    let band = if missed { band_of(&kpi.spec.bands, kpi.comparison, value.as_ref()) } else { None };
    let severity = missed.then(|| severity_of(band));
    let measured = Measured {
        rating: rating_of(verdict, severity, value.as_ref(), kpi.spec.ratings.as_ref(), kpi.comparison),
        achievement: achievement(verdict, value.as_ref(), &aim, &kpi.spec.bands),
        raw_value: counted.raw,
        numerator: value.clone(),
        denominator: value.is_some().then_some(counted.judged),
        value,
        verdict,
        severity,
        tally: Some(Box::new(counted.found)),
        ..nothing.measured
    };
    Reading { band, measured, ..nothing }
}
