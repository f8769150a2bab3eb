//! Rows below a floor that are given again, because a late row makes a judgement ask for them.
//!
//! Invariant: no version of a row reaches over an end of a page, unless the page ends at its floor. So which rows of a page stand is
//! decided by the page alone.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use jiff::{SignedDuration, Timestamp};

use super::{Floor, Ledger, union};
use crate::domain::measuring::feed_rows::FeedRows;
use crate::domain::terms::calendar::Span;

/// More pages than this are not read one by one.
const MOST_PAGES: usize = 16;

/// More windows than this are not kept apart.
const MOST_WINDOWS: usize = 1_000;

/// What was asked of the rows that a ledger was not given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Asked {
    #[default]
    Nothing,
    /// Rows that start in these spans, which are in order and do not touch.
    Windows(Vec<Span>),
    All,
}

/// What a ledger lacks for the answers that it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::domain) enum Lack {
    Nothing,
    Pages(Wanted),
    All,
}

/// Pages of one feed that a judgement needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// In order; they do not touch.
    spans: Vec<Span>,
    /// No row that starts below the floor is longer.
    longest: SignedDuration,
    /// Where the floor is.
    since: Timestamp,
}

impl Wanted {
    /// What windows below a floor lack beside the pages that are there. Where it is more than few pages that hold less than half of what is
    /// left out, all rows are read as fast.
    fn lack(floor: &Floor, pages: &[Span], windows: Vec<Span>, longest: SignedDuration) -> Lack {
        let longest = longest.max(floor.longest());
        let spans = merged(pages.iter().copied().chain(windows));
        let wanted = Wanted { spans, longest, since: floor.since };
        let seconds: i64 = wanted.reads().iter().map(Span::seconds).sum();
        let is_few = wanted.spans.len() <= MOST_PAGES && seconds.saturating_mul(2) < floor.seconds();
        if is_few { Lack::Pages(wanted) } else { Lack::All }
    }

    /// What rows that came late will make a judgement ask for, where each of some windows is asked for that one of them starts in; `None`
    /// without such rows, and where they will need all.
    pub(in crate::domain) fn foreseen(
        rows: &FeedRows,
        floor: &Floor,
        pages: &[Span],
        windows: impl Iterator<Item = Span>,
    ) -> Option<Wanted> {
        let spans =
            (0..rows.len() as u32).filter(|place| rows.start(*place) < floor.since).map(|place| rows.span(place));
        let strays: Vec<Span> = spans.filter(|span| is_stray(span, floor, pages)).take(MOST_WINDOWS).collect();
        let longest = strays.iter().map(|span| span.end.duration_since(span.start)).max()?;
        let is_asked = |window: &Span| strays.iter().any(|row| window.start <= row.start && row.start < window.end);
        let windows: BTreeSet<Span> = windows.filter(is_asked).collect();
        let below = strays.iter().copied().chain(windows).map(|span| Span::new(span.start, span.end.min(floor.since)));
        match Self::lack(floor, pages, below.collect(), longest) {
            Lack::Pages(wanted) => Some(wanted),
            Lack::Nothing | Lack::All => None,
        }
    }

    /// The spans of which all rows must be read, every revision: pages end where no row reaches over, which is looked for in them.
    #[must_use]
    pub fn reads(&self) -> Vec<Span> {
        union(self.spans.iter().map(|span| self.read_for(*span)))
    }

    fn read_for(&self, span: Span) -> Span {
        let margin = self.longest.checked_mul(2).unwrap_or(SignedDuration::MAX);
        let start = span.start.checked_sub(margin).unwrap_or(Timestamp::MIN);
        let end = span.end.checked_add(margin).unwrap_or(Timestamp::MAX);
        Span::new(start, end.min(self.since))
    }

    /// The rows that are held with those of the pages, in the order of their sequences, and the pages; `None` where rows lie so that
    /// there are no such pages. `read`: the rows that start in [`Self::reads`], in any order.
    #[must_use]
    pub fn add_to(&self, held: &FeedRows, read: &FeedRows) -> Option<(FeedRows, Vec<Span>)> {
        let mut rows: Vec<Span> = Vec::new();
        for span in (0..read.len() as u32).map(|place| read.span(place)) {
            // Rows of the same times mostly follow one another, with other labels.
            if rows.last() != Some(&span) {
                rows.push(span);
            }
        }
        rows.sort_unstable();
        let pages: Option<Vec<Span>> = self.spans.iter().map(|span| self.page(*span, &rows)).collect();
        let pages = union(pages?.into_iter());
        let rows = held.with(read, |start| pages.iter().any(|page| page.start <= start && start < page.end));
        Some((rows, pages))
    }

    /// The least span around another one over whose ends no row reaches. Rows are in order.
    fn page(&self, span: Span, rows: &[Span]) -> Option<Span> {
        let read = self.read_for(span);
        let rows = rows.get(rows.partition_point(|row| row.start < read.start)..).unwrap_or_default();
        // What starts even earlier has ended by then.
        let mut latest_end = read.start.checked_add(self.longest).unwrap_or(Timestamp::MAX);
        let mut start: Option<Timestamp> = None;
        for row in rows.iter().take_while(|row| row.start < span.start) {
            start = if latest_end <= row.start { Some(row.start) } else { start };
            latest_end = latest_end.max(row.end);
        }
        let start = if latest_end <= span.start { Some(span.start) } else { start }?;
        let mut end = span.end;
        for row in rows.iter().skip_while(|row| row.start < start) {
            if row.start >= end {
                break;
            }
            end = end.max(row.end);
        }
        (end <= read.end || read.end == self.since).then(|| Span::new(start, end.min(self.since)))
    }

    /// Both.
    pub(in crate::domain) fn and(self, other: Wanted) -> Wanted {
        Wanted {
            spans: merged(self.spans.into_iter().chain(other.spans)),
            longest: self.longest.max(other.longest),
            since: self.since,
        }
    }
}

impl Ledger {
    /// What it lacks for the answers that it was asked for: they are worth nothing unless that is nothing.
    pub(in crate::domain) fn lack(&self) -> Lack {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let (windows, floor) = match (&*asked, &self.floor) {
            (Asked::Nothing, _) => return Lack::Nothing,
            (Asked::Windows(windows), Some(floor)) => (windows, floor),
            _ => return Lack::All,
        };
        Wanted::lack(floor, &self.pages, windows.clone(), self.longest)
    }

    /// Notes that an answer needs rows below the floor that start in windows.
    fn asks_for(&self, windows: Vec<Span>) {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let known: &[Span] = match &*asked {
            Asked::All => return,
            Asked::Nothing => &[],
            Asked::Windows(known) => known,
        };
        if windows.iter().all(|window| known.iter().any(|one| holds(one, *window))) {
            return;
        }
        let windows = merged(known.iter().copied().chain(windows));
        *asked = if windows.len() > MOST_WINDOWS { Asked::All } else { Asked::Windows(windows) };
    }

    /// Notes that an answer needs rows that it was not given, and that no window says which.
    pub(in crate::domain) fn fall_short(&self) {
        if self.floor.is_some() {
            *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Asked::All;
        }
    }

    /// Notes that rows are read that start in a window.
    pub(super) fn reads(&self, window: Span) {
        let Some(floor) = self.floor.as_ref().filter(|floor| window.start < floor.since) else { return };
        let below = Span::new(window.start, window.end.min(floor.since));
        if !self.pages.iter().any(|page| holds(page, below)) {
            self.asks_for(vec![below]);
        }
    }

    /// Notes rows that start below the floor and do not lie in a page: whether they stand, and what they touch, is not known without
    /// their neighbours. `places` are in order.
    pub(super) fn note_strays(&self, places: &[u32]) {
        let Some(floor) = &self.floor else { return };
        let below = places.iter().map(|place| self.span(*place)).take_while(|span| span.start < floor.since);
        let strays = below.filter(|span| is_stray(span, floor, &self.pages));
        self.asks_for(strays.map(|span| Span::new(span.start, span.end.min(floor.since))).collect());
    }

    /// The places of the versions of its pages, in order.
    pub(super) fn places_of_pages(&self) -> impl Iterator<Item = u32> + '_ {
        self.pages.iter().flat_map(|page| {
            let before = |instant: Timestamp| self.by_start.partition_point(|place| self.start(*place) < instant);
            self.by_start.get(before(page.start)..before(page.end)).unwrap_or_default().iter().copied()
        })
    }
}

/// Whether a row that starts below a floor lies in no page, or reaches over the end of one.
fn is_stray(row: &Span, floor: &Floor, pages: &[Span]) -> bool {
    let page = pages.iter().find(|page| page.start <= row.start && row.start < page.end);
    page.is_none_or(|page| row.end > page.end && page.end < floor.since)
}

/// Whether a page, or a window, holds all of another one.
fn holds(page: &Span, window: Span) -> bool {
    page.start <= window.start && window.end <= page.end
}

/// The union of spans in any order.
pub(super) fn merged(spans: impl Iterator<Item = Span>) -> Vec<Span> {
    let mut spans: Vec<Span> = spans.collect();
    spans.sort_unstable();
    union(spans.into_iter())
}

/// The parts of spans that lie in no page; both are in order, and those of each do not overlap.
pub(super) fn outside(spans: &[Span], pages: &[Span]) -> Vec<Span> {
    let mut left = Vec::new();
    for span in spans {
        let mut start = span.start;
        for page in pages.iter().filter(|page| page.overlaps(span)) {
            if start < page.start {
                left.push(Span::new(start, page.start));
            }
            start = page.end;
        }
        if start < span.end {
            left.push(Span::new(start, span.end));
        }
    }
    left
}
