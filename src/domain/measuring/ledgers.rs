//! The ledgers of a contract's feeds.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::deliverables::measures;
use super::feed_rows::{FeedRows, RowsByFeed};
use super::ledger::{Floor, Lack, Ledger, LedgerName, Need, Wanted};
use super::prepared_terms::{Book, Books, Kpi};
use crate::domain::terms::calendar::Span;
use crate::domain::terms::catalogue::Origin;

/// The ledgers of a contract's feeds, one for each calendar that its books have. In boxes: a map has room for eleven entries from the
/// first one on.
#[derive(Debug, Default)]
pub struct Ledgers {
    pub(crate) feeds: BTreeMap<(usize, String), Box<Ledger>>,
    pub(crate) deliverables: BTreeMap<usize, Box<Ledger>>,
}

impl Ledgers {
    /// Builds those that the books of a contract read from and that are not there yet, and adds new rows to the others.
    pub fn complete(&mut self, books: &Books<'_>, rows: &RowsByFeed, (floors, pages): (&Floors, &Pages)) {
        let (ledgers, nothing) = (self, FeedRows::default());
        for book in books.all() {
            let named = book.terms.contract.feeds.iter().map(|feed| &feed.name);
            let read = book.kpis.iter().flat_map(|kpi| kpi.feeds());
            for feed in named.map(String::as_str).chain(read) {
                let key = (book.shares_calendar_with, feed.to_owned());
                let name = || LedgerName { book: book.shares_calendar_with, feed: Some(feed.to_owned()) };
                let pages = pages.get(feed).map(Vec::as_slice).unwrap_or_default();
                let ledger = || Box::new(Ledger::above(floors.get(feed), pages).named(name()));
                let ledger = ledgers.feeds.entry(key).or_insert_with(ledger);
                ledger.extend(rows.get(feed).unwrap_or(&nothing), &book.calendar);
            }
            if book.kpis.iter().any(|kpi| kpi.definition.origin == Origin::Deliverables) {
                ledgers.deliverables.entry(book.place).or_insert_with(|| {
                    let name = LedgerName { book: book.place, feed: None };
                    let measures = measures(&book.terms.contract, &book.calendar);
                    Box::new(Ledger::of_contract(&measures, &book.calendar).named(name))
                });
            }
        }
    }

    /// Whether one of them has taken in rows of a feed.
    pub(in crate::domain) fn are_ready_for(&self, feed: &str) -> bool {
        self.feeds.keys().any(|(_, known)| known == feed)
    }

    /// The pages that they lack, by feed, for the answers that a judgement asked for: without any, its answers are right. `None` where
    /// it needs more than a few.
    pub(in crate::domain) fn wanted(&self) -> Option<BTreeMap<String, Wanted>> {
        let mut pages: BTreeMap<String, Wanted> = BTreeMap::new();
        for ((_, feed), ledger) in &self.feeds {
            match ledger.lack() {
                Lack::Nothing => {}
                Lack::Pages(wanted) => {
                    let wanted = match pages.remove(feed) {
                        Some(known) => known.and(wanted),
                        None => wanted,
                    };
                    pages.insert(feed.clone(), wanted);
                }
                Lack::All => return None,
            }
        }
        Some(pages)
    }

    /// The highest floors that needs leave, of what is known at an instant; `None` where rows of pages may not be left out yet.
    pub(in crate::domain) fn floors_for(&mut self, needs: &BTreeMap<String, Need>, now: Timestamp) -> Option<Floors> {
        let mut floors = Floors::new();
        for ((_, feed), ledger) in &mut self.feeds {
            let Some(need) = needs.get(feed).filter(|_| !floors.contains_key(feed)) else { continue };
            match ledger.floor_for(*need, now) {
                Some(floor) => {
                    floors.insert(feed.clone(), floor);
                }
                None if ledger.has_pages() => return None,
                None => {}
            }
        }
        Some(floors)
    }

    /// Bytes that they take in memory without their rows.
    pub fn bytes(&self) -> usize {
        self.all().map(Ledger::bytes).sum()
    }

    /// The ledger that a KPI reads from.
    pub fn of_kpi(&self, book: &Book<'_>, kpi: &Kpi<'_>) -> Option<&Ledger> {
        match kpi.definition.origin {
            Origin::Deliverables => self.deliverables.get(&book.place).map(Box::as_ref),
            Origin::Feed => self.of_feed(book, &kpi.spec.source.feed),
        }
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Ledger> {
        self.feeds.values().chain(self.deliverables.values()).map(Box::as_ref)
    }

    /// The ledger of a feed.
    pub fn of_feed(&self, book: &Book<'_>, feed: &str) -> Option<&Ledger> {
        self.feeds.get(&(book.shares_calendar_with, feed.to_owned())).map(Box::as_ref)
    }
}

/// Where the rows of feeds begin; a feed that is not in it has all of them.
pub type Floors = BTreeMap<String, Arc<Floor>>;

/// The pages below the floors of feeds: spans, in order, of which all rows are given that start in them, every revision.
pub type Pages = BTreeMap<String, Vec<Span>>;
