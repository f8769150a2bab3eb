//! What stays the same while rows of other days come: closed periods that are not Final yet, and the days of the running one.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;

use super::{Book, Kpi, Reader, is_miss_by_policy};
use crate::domain::measuring::kept_readings::KeptVolumes;
use crate::domain::measuring::ledger::Ledger;
use crate::domain::measuring::reading::Question;
use crate::domain::numbers::exact::Exact;
use crate::domain::terms::calendar::Span;
use crate::domain::terms::catalogue::mature_by;

/// The starts of the rows that became known between two instants; `None` where they may change which others stand.
pub(super) type News = Option<Vec<Timestamp>>;

impl<'f, 'a> Reader<'f, 'a> {
    /// Whether what a KPI said of a closed period at an earlier instant is what it says at that of a question.
    pub(super) fn is_the_same(
        &self,
        book: &'f Book<'a>,
        kpi: &'f Kpi<'a>,
        question: &Question<'_>,
        earlier: Timestamp,
    ) -> bool {
        let (Question { at, window, .. }, then) = (*question, Question { at: earlier, ..*question });
        let mut ledgers = self.ledgers(book, kpi).into_iter();
        question.is_closing
            && question.period.end <= earlier
            && self.is_undecided_between(kpi, window, (earlier, at))
            && is_miss_by_policy(book, kpi, &then) == is_miss_by_policy(book, kpi, question)
            && ledgers.all(|ledger| self.are_the_same(book, kpi, (ledger, window), (earlier, at)))
    }

    /// Whether nothing was decided in `]after, until]` of relief that concerns a window of a KPI.
    pub(super) fn is_undecided_between(
        &self,
        kpi: &Kpi<'_>,
        window: Span,
        (after, until): (Timestamp, Timestamp),
    ) -> bool {
        self.relief.learnt(kpi.name, window.start).all(|instant| instant <= after || until < instant)
    }

    /// Whether the rows that start in a window and count for a KPI were the same at an earlier instant. It may say no where they were.
    pub(super) fn are_the_same(
        &self,
        book: &Book<'_>,
        kpi: &Kpi<'_>,
        (ledger, window): (&Ledger, Span),
        (earlier, at): (Timestamp, Timestamp),
    ) -> bool {
        let mature = mature_by(&kpi.definition, &book.calendar, earlier);
        let had_ended = window.end.checked_add(ledger.longest()).is_ok_and(|end| end <= mature);
        if !had_ended || at < earlier || !ledger.has_all_of(window, earlier) {
            return false;
        }
        let mut known = self.news.borrow_mut();
        let news = known.entry((ledger.name().clone(), earlier, at)).or_insert_with(|| ledger.news(earlier, at));
        let is_outside = |start: &Timestamp| *start < window.start || window.end <= *start;
        news.as_ref().is_some_and(|starts| starts.iter().all(is_outside))
    }

    /// The volume of each day of a span that has rows. A day with a hole is left out: its volume is not that of a whole day.
    pub fn volumes(
        &self,
        book: &'f Book<'a>,
        kpi: &'f Kpi<'a>,
        span: Span,
        at: Timestamp,
    ) -> Arc<BTreeMap<Date, Exact>> {
        let Some(ledger) = self.ledger(book, kpi) else { return Arc::default() };
        let coverage = self.coverage(book, &kpi.spec.source.feed, at);
        let (asked, gaps) = ((book.place, kpi.place, span), coverage.gaps(span));
        let kept = self
            .figures
            .kept_volumes(&asked)
            .filter(|kept| kept.gaps == gaps && self.are_the_same(book, kpi, (ledger, span), (kept.at, at)));
        let volumes = kept.map(|kept| Arc::clone(&kept.volumes));
        let volumes = volumes.unwrap_or_else(|| Arc::new(self.sum_volumes(book, kpi, (ledger, span), (at, &gaps))));
        self.figures.keep_volumes(asked, KeptVolumes { at, gaps, volumes: Arc::clone(&volumes) });
        volumes
    }

    fn sum_volumes(
        &self,
        book: &'f Book<'a>,
        kpi: &'f Kpi<'a>,
        (ledger, span): (&'f Ledger, Span),
        (at, gaps): (Timestamp, &[Span]),
    ) -> BTreeMap<Date, Exact> {
        let known = self.known(ledger, at).starting_in(span);
        let mature = mature_by(&kpi.definition, &book.calendar, at);
        let selection = known.select(&kpi.definition, &kpi.spec.source.labels, mature);
        let is_whole = |day: Date| {
            let of_day = Span::new(book.calendar.start_of_day(day), book.calendar.end_of_day(day));
            !gaps.iter().any(|gap| gap.overlaps(&of_day))
        };
        let days = selection.all().by_day_of_start().into_iter().filter(|(day, _)| is_whole(*day));
        days.map(|(day, rows)| (day, rows.quotient().denominator)).collect()
    }
}
