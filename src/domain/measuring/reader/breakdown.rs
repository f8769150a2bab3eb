//! What a reading is made of, from the same rows.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use super::{Book, Kpi, Reader, Slice, Source, is_miss_by_policy};
use crate::api::cross_check::SourceParty;
use crate::api::kpi_target::Verdict;
use crate::api::tally::TallyEach;
use crate::domain::measuring::breakdown::{Breakdown, Counts, Each, Measure, Step, are_sum, least_step, steps};
use crate::domain::measuring::ledger::Ledger;
use crate::domain::measuring::reading::Question;
use crate::domain::measuring::tally::{Part, ended_by, parts_of};
use crate::domain::measuring::values::{Rows, Selection};
use crate::domain::measuring::verdict::Aim;
use crate::domain::terms::calendar::Span;
use crate::domain::terms::catalogue::{Origin, PartRule, mature_by};

impl<'f, 'a> Reader<'f, 'a> {
    /// What the reading of a KPI is made of; `None` for one that is not measured.
    pub fn breakdown(&self, book: &'f Book<'a>, kpi: &'f Kpi<'a>, question: &Question<'_>) -> Option<Breakdown> {
        let ledger =
            self.ledgers.of_kpi(book, kpi).filter(|_| !kpi.is_suspended && kpi.threshold_mismatch.is_none())?;
        if let Some(rule) = &kpi.definition.parts {
            return Some(self.break_down_tally(book, kpi, question, ledger, rule));
        }
        let source = self.judged_source(book, kpi, question, ledger)?;
        let mature = mature_by(&kpi.definition, &book.calendar, question.at);
        let known = self.known(source.ledger, question.at).starting_in(question.window);
        let selection = known.select(source.definition, source.labels, mature);
        let rows = selection.all();
        let judged = rows.relieved(&self.relief.known_for(kpi.name, question.at)).rows;
        let scale = self.scale(book, kpi, question);
        let as_of = self.as_of(book, kpi, question.at);
        let runs = question.at < question.period.end;
        let slice = Slice { book, kpi, question, scale: &scale, as_of: as_of.filter(|_| kpi.is_rolling() && runs) };
        let (target, _) = slice.target(&judged, &rows);
        let aim = slice.aim(target);
        let measure = Measure { scale: &scale, rounding: kpi.spec.rounding.as_ref(), aim: &aim };
        let whole = measure.counts(&judged.quotient());
        let end =
            if runs { as_of.unwrap_or(question.window.start).min(question.window.end) } else { question.window.end };
        let reached = Span::new(question.window.start, end);
        let gaps = match kpi.definition.origin {
            Origin::Feed => self.coverage(book, source.feed, question.at).gaps(reached),
            Origin::Deliverables => Vec::new(),
        };
        let (each, mut steps) = slice.steps(&rows, &judged, reached, &gaps);
        let steps_add_up = !kpi.definition.annualised && are_sum(&whole, steps.iter().map(|step| &step.counts));
        if steps_add_up {
            measure.complete(&mut steps, &whole);
        }
        let groups = measure.groups(&judged, &whole);
        let (unit, rounding) = (kpi.definition.unit, kpi.spec.rounding.clone());
        let days = days_of(question.window, book);
        let step_comparison = aim.comparison;
        Some(Breakdown {
            days,
            step_comparison,
            unit,
            rounding,
            each,
            steps,
            steps_add_up,
            is_tally: false,
            groups,
            whole,
            aim,
        })
    }

    /// The source whose figures were judged.
    pub(super) fn judged_source(
        &self,
        book: &'f Book<'a>,
        kpi: &'f Kpi<'a>,
        question: &Question<'_>,
        ledger: &'f Ledger,
    ) -> Option<Source<'f>> {
        let Some(check) = &kpi.cross_check else { return Some(Source::of_vendor(kpi, ledger)) };
        match self.read(book, kpi, question).measured.sources.map(|sources| sources.judged) {
            Some(SourceParty::Own) => Some(Source::of_client(check, self.ledgers.of_feed(book, &check.rule.feed)?)),
            _ => Some(Source::of_vendor(kpi, ledger)),
        }
    }

    /// The parts of a tally as it judged them.
    fn break_down_tally(
        &self,
        book: &'f Book<'a>,
        kpi: &'f Kpi<'a>,
        question: &Question<'_>,
        ledger: &'f Ledger,
        rule: &PartRule,
    ) -> Breakdown {
        let mature = mature_by(&kpi.definition, &book.calendar, question.at);
        let known = self.known(ledger, question.at).starting_in(question.window);
        let selection = known.select(&kpi.definition, &kpi.spec.source.labels, mature);
        let all = parts_of(rule.each, question.period, self.periods, &book.calendar);
        let parts = match question.at >= question.period.end {
            true => all,
            false => self.as_of(book, kpi, question.at).map_or_else(Vec::new, |as_of| ended_by(all, as_of)),
        };
        let steps: Vec<Step> =
            parts.iter().map(|part| self.tally_step(book, kpi, question, rule, &selection, part)).collect();
        let reading = self.read(book, kpi, question);
        let count = |wanted: &[Verdict]| steps.iter().filter(|step| wanted.contains(&step.verdict)).count();
        let missed = i64::try_from(count(&[Verdict::Missed])).unwrap_or(i64::MAX);
        Breakdown {
            whole: Counts {
                numerator: reading.numerator.clone().unwrap_or_default(),
                denominator: reading.denominator.clone().unwrap_or_default(),
                value: reading.value.clone(),
                rows: usize::try_from(reading.evidence.rows).unwrap_or(0),
            },
            steps_add_up: reading.value.as_ref().is_none_or(|value| *value == missed.into()),
            aim: reading.measured.aim,
            step_comparison: rule.comparison,
            unit: rule.unit,
            rounding: kpi.spec.rounding.clone(),
            days: days_of(question.period.span(), book),
            each: match rule.each {
                TallyEach::Day => Each::Day,
                TallyEach::Week => Each::Week,
                TallyEach::Month => Each::Month,
            },
            steps,
            is_tally: true,
            groups: Vec::new(),
        }
    }

    fn tally_step(
        &self,
        book: &'f Book<'a>,
        kpi: &'f Kpi<'a>,
        question: &Question<'_>,
        rule: &PartRule,
        selection: &Selection<'_>,
        part: &Part,
    ) -> Step {
        let (judged, _) = self.part(book, kpi, question, rule, selection, part);
        let rows = selection.within(part.span);
        let left = rows.relieved(&self.relief.known_for(kpi.name, question.at)).rows;
        let scale = kpi.definition.scale_over(part.span, &book.calendar);
        let aim = Aim { comparison: rule.comparison, target: rule.target.clone(), upper: None };
        let measure = Measure { scale: &scale, rounding: kpi.spec.rounding.as_ref(), aim: &aim };
        let is_silent = judged.is_without_rows && is_miss_by_policy(book, kpi, question);
        Step {
            name: judged.name,
            first: book.calendar.date_of(part.span.start),
            last: book.calendar.date_of(just_before(part.span.end)),
            counts: measure.counts(&left.quotient()),
            before_relief: (rows.len() > left.len()).then(|| measure.counts(&rows.quotient()).value).flatten(),
            target: rule.target.clone(),
            verdict: if is_silent { Verdict::Missed } else { judged.verdict },
            effect: None,
            so_far: None,
            has_gap: false,
        }
    }
}

impl Slice<'_, '_> {
    /// The steps of a window up to where rows reach.
    fn steps(&self, rows: &Rows<'_>, judged: &Rows<'_>, reached: Span, gaps: &[Span]) -> (Each, Vec<Step>) {
        if reached.end <= reached.start {
            return (Each::Day, Vec::new());
        }
        let calendar = &self.book.calendar;
        let lengths = rows.iter().map(|row| row.span().end.duration_since(row.span().start));
        let least = least_step(lengths.max().unwrap_or(SignedDuration::ZERO));
        let (each, found) = steps(calendar.date_of(reached.start), calendar.date_of(just_before(reached.end)), least);
        (each, found.into_iter().filter_map(|step| self.step(step, rows, judged, reached, gaps)).collect())
    }

    /// One step; `None` for one in which no row starts and no data is missing, as where it is closed, or where a row of a day before
    /// speaks of it.
    fn step(
        &self,
        (name, first, last): (String, Date, Date),
        rows: &Rows<'_>,
        judged: &Rows<'_>,
        reached: Span,
        gaps: &[Span],
    ) -> Option<Step> {
        let calendar = &self.book.calendar;
        let whole = Span::new(calendar.start_of_day(first), calendar.end_of_day(last));
        let span = whole.intersection(&reached)?;
        let (all, left) = (rows.starting_in(whole), judged.starting_in(whole));
        let has_gap = gaps.iter().any(|gap| gap.overlaps(&span));
        if all.is_empty() && !has_gap {
            return None;
        }
        let aim = self.aim(self.kpi.target_on(last));
        let scale = self.kpi.definition.scale_over(span, calendar);
        let measure = Measure { scale: &scale, rounding: self.kpi.spec.rounding.as_ref(), aim: &aim };
        let counts = measure.counts(&left.quotient());
        Some(Step {
            verdict: verdict(&aim, &counts, &all),
            before_relief: (all.len() > left.len()).then(|| measure.counts(&all.quotient()).value).flatten(),
            has_gap,
            effect: None,
            so_far: None,
            target: aim.target,
            name,
            first,
            last,
            counts,
        })
    }
}

/// The first and the last day of a span.
fn days_of(span: Span, book: &Book<'_>) -> (Date, Date) {
    (book.calendar.date_of(span.start), book.calendar.date_of(just_before(span.end.max(span.start))))
}

pub(super) fn just_before(instant: Timestamp) -> Timestamp {
    instant.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(instant)
}

/// What the value of a step says by itself.
fn verdict(aim: &Aim, counts: &Counts, all: &Rows<'_>) -> Verdict {
    match &counts.value {
        Some(value) if aim.is_met_by(value) => Verdict::Met,
        Some(_) => Verdict::Missed,
        None if counts.rows == 0 && !all.is_empty() => Verdict::Excused,
        None => Verdict::NoData,
    }
}
