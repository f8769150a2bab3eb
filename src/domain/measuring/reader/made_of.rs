//! What a reading is made of, as reports and statuses list it: its days, and its rows by their labels.

use jiff::Timestamp;
use jiff::civil::Date;

use super::breakdown::just_before;
use super::{Book, Kpi, Reader, Slice, Source, Values};
use crate::api::Packed;
use crate::api::kpi_target::Verdict;
use crate::api::made_of::DayValue;
use crate::domain::measuring::breakdown::{MOST_STEPS, least_step, steps};
use crate::domain::measuring::kept_readings::KeptDays;
use crate::domain::measuring::ledger::Ledger;
use crate::domain::measuring::parts::{MOST_KPIS, Parts};
use crate::domain::measuring::reading::Question;
use crate::domain::measuring::tally::{JudgedPart, Part, ended_by, parts_of};
use crate::domain::measuring::values::{Quotient, Rows};
use crate::domain::numbers::exact::{Exact, SHOWN_DECIMALS};
use crate::domain::terms::calendar::Span;
use crate::domain::terms::catalogue::{PartRule, mature_by};

impl<'f, 'a> Reader<'f, 'a> {
    /// The days of the window of a running period that have ended by `as_of`. They change once a day, or with rows and relief of these days.
    pub fn days_so_far(
        &self,
        book: &'f Book<'a>,
        kpi: &'f Kpi<'a>,
        question: &Question<'_>,
        as_of: Timestamp,
    ) -> Packed<DayValue> {
        let is_read = !kpi.is_suspended && kpi.threshold_mismatch.is_none();
        let Some(ledger) = self.ledgers.of_kpi(book, kpi).filter(|_| is_read) else { return Packed::default() };
        let end = book.calendar.start_of_day(book.calendar.date_of(as_of));
        if let Some(rule) = &kpi.definition.parts {
            return self.tally_so_far(book, kpi, question, ledger, (rule, end));
        }
        let Some(source) = self.judged_source(book, kpi, question, ledger) else { return Packed::default() };
        let span = Span::new(first_whole_day(book, question.window.start), end);
        if span.end <= span.start {
            return Packed::default();
        }
        let asked = (book.place, kpi.place, span);
        // Of two sources the figures of both decide which of them is judged.
        let kept = self.figures.kept_days(&asked).filter(|kept| {
            kpi.cross_check.is_none()
                && self.is_undecided_between(kpi, span, (kept.at, question.at))
                && self.are_the_same(book, kpi, (ledger, span), (kept.at, question.at))
        });
        let days = kept.map(|kept| kept.days.clone());
        let days = days.unwrap_or_else(|| Packed::of(self.days_of_rows(book, kpi, question, (&source, span))));
        self.figures.keep_days(asked, KeptDays { at: question.at, days: days.clone() });
        days
    }

    fn days_of_rows(
        &self,
        book: &'f Book<'a>,
        kpi: &'f Kpi<'a>,
        question: &Question<'_>,
        (source, span): (&Source<'f>, Span),
    ) -> Vec<DayValue> {
        let mature = mature_by(&kpi.definition, &book.calendar, question.at);
        let known = self.known(source.ledger, question.at).starting_in(span);
        let selection = known.select(source.definition, source.labels, mature);
        let rows = selection.all();
        let judged = rows.relieved(&self.relief.known_for(kpi.name, question.at)).rows;
        let slice = Slice { book, kpi, question, scale: &kpi.definition.scale, as_of: None };
        slice.days(&rows, &judged, span)
    }

    fn tally_so_far(
        &self,
        book: &'f Book<'a>,
        kpi: &'f Kpi<'a>,
        question: &Question<'_>,
        ledger: &'f Ledger,
        (rule, end): (&PartRule, Timestamp),
    ) -> Packed<DayValue> {
        let known = self.known(ledger, question.at).starting_in(question.window);
        let mature = mature_by(&kpi.definition, &book.calendar, question.at);
        let selection = known.select(&kpi.definition, &kpi.spec.source.labels, mature);
        let parts = ended_by(parts_of(rule.each, question.period, self.periods, &book.calendar), end);
        let judged = parts.iter().map(|part| self.part(book, kpi, question, rule, &selection, part).0);
        days_of_tally(book, &parts, &judged.collect::<Vec<_>>(), false)
    }
}

/// Whether days and parts of a reading are worked out: for closed periods, unless a contract has very many KPIs.
pub(super) fn is_listed(book: &Book<'_>, question: &Question<'_>) -> bool {
    question.is_closing && book.kpis.len() <= MOST_KPIS
}

/// The start of the first day that a window holds from its beginning: a window of a length that runs begins at the time of day at which
/// it ends, and its first day would shrink with each row; one that is over begins an hour early or late where clocks changed in it.
fn first_whole_day(book: &Book<'_>, start: Timestamp) -> Timestamp {
    let day = book.calendar.date_of(start);
    if book.calendar.start_of_day(day) == start { start } else { book.calendar.end_of_day(day) }
}

impl Slice<'_, '_> {
    /// The days and the parts of a closed period; nothing for one that runs.
    pub(super) fn made_of(&self, rows: &Rows<'_>, judged: &Rows<'_>, values: &Values) -> (Packed<DayValue>, Parts) {
        if !is_listed(self.book, self.question) {
            return (Packed::default(), Parts::default());
        }
        let has_value = values.value.is_some();
        let parts = match has_value {
            true => Parts::of(judged, &values.quotient, &self.kpi.definition),
            false => Parts::default(),
        };
        let window = self.question.window;
        let span = Span::new(first_whole_day(self.book, window.start), window.end);
        (Packed::of(self.days(rows, judged, span)), parts)
    }

    /// Each day of a span; where there are more than 31 each week, month or year. Of figures of a month nothing is known of its days:
    /// no step is shorter than the longest row. Without any row there are none.
    fn days(&self, rows: &Rows<'_>, judged: &Rows<'_>, span: Span) -> Vec<DayValue> {
        if span.end <= span.start || rows.is_empty() {
            return Vec::new();
        }
        let calendar = &self.book.calendar;
        let (first, last) = (calendar.date_of(span.start), calendar.date_of(just_before(span.end)));
        let (_, found) = steps(first, last, least_step(rows.longest()));
        found.into_iter().map(|(_, first, last)| self.day((first, last), (rows, judged), span)).collect()
    }

    /// One of them, by the target in force on its last day.
    fn day(&self, (first, last): (Date, Date), (rows, judged): (&Rows<'_>, &Rows<'_>), span: Span) -> DayValue {
        let calendar = &self.book.calendar;
        let aim = self.aim(self.kpi.target_on(last));
        let whole = Span::new(calendar.start_of_day(first), calendar.end_of_day(last));
        let left = judged.starting_in(whole);
        let quotient = left.quotient();
        let scale = self.kpi.definition.scale_over(whole.intersection(&span).unwrap_or(whole), calendar);
        let value = quotient.value(&scale).map(|value| value.rounded(self.kpi.spec.rounding.as_ref()));
        let verdict = match &value {
            Some(value) if aim.is_met_by(value) => Verdict::Met,
            Some(_) => Verdict::Missed,
            None if left.is_empty() && !rows.starting_in(whole).is_empty() => Verdict::Excused,
            None => Verdict::NoData,
        };
        day_value(first, figures(self.kpi, value.as_ref(), &quotient), verdict)
    }
}

/// A value and its denominator as they are shown.
pub(super) fn figures(kpi: &Kpi<'_>, value: Option<&Exact>, quotient: &Quotient) -> Option<(String, String)> {
    let value = value?.show_as(kpi.spec.rounding.as_ref());
    Some((value, quotient.denominator.show(SHOWN_DECIMALS)))
}

fn day_value(date: Date, figures: Option<(String, String)>, verdict: Verdict) -> DayValue {
    let (value, denominator) = figures.unzip();
    DayValue { date, value, denominator, verdict }
}

/// The parts of a tally as it judged them. A tally of more than 31 parts lists none: their verdicts do not add up to weeks.
pub(super) fn days_of_tally(
    book: &Book<'_>,
    parts: &[Part],
    judged: &[JudgedPart],
    silence_is_a_miss: bool,
) -> Packed<DayValue> {
    let has_rows = judged.iter().any(|part| !part.is_without_rows);
    if parts.len() > MOST_STEPS || !(has_rows || silence_is_a_miss) {
        return Packed::default();
    }
    let day = |(part, judged): (&Part, &JudgedPart)| {
        let is_miss = judged.is_without_rows && silence_is_a_miss;
        let verdict = if is_miss { Verdict::Missed } else { judged.verdict };
        day_value(book.calendar.date_of(part.span.start), judged.figures.clone(), verdict)
    };
    Packed::of(parts.iter().zip(judged).map(day).collect())
}
