//! Rows and closings that were read from the evidence before, kept so that a look costs only what is new.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::Semaphore;

use crate::api::Shared;
use crate::domain::measuring::feed_rows::RowsByFeed;
use crate::domain::measuring::rollups::RollUps;
use crate::domain::terms::contract_terms::Terms;
use crate::domain::terms::journal::Journal;
use crate::evidence::EvidenceStore;

mod all_rows;
mod contract_evidence;
mod fit;
mod judgements;
mod part;

pub use contract_evidence::ContractEvidence;
use fit::Misfits;
pub use judgements::Fresh;
use judgements::Memo;
pub use part::Part;
use part::{PartHeld, PastKept, VERY_MANY};

/// How many rows are read at once: a second's work or less. Between two pages, a look that has taken long lets others go first.
const PAGE: i64 = 200_000;

/// The same in bytes, for rows that are read by when they happened: how many of them that is shows only when they are read.
const PAGE_BYTES: usize = 2 << 20;

#[derive(Debug, Default)]
struct Entry {
    /// The feeds that were asked for.
    feeds: BTreeSet<String>,
    closings: Arc<BTreeMap<String, Shared<Terms>>>,
    last_closing: Option<Timestamp>,
    journal: Arc<Journal>,
    journal_known: bool,
    memo: Option<Memo>,
    /// Whether [`EvidenceCache::begins`] was asked.
    begun: bool,
    /// Rows, and what judgements worked out of them: all of it can be had again from the store.
    rows: Arc<RowsByFeed>,
    /// Where the rows begin, where not all are held.
    part: Option<PartHeld>,
    rollups: RollUps,
    held: Held,
    /// When what was worked out of closed periods was kept last.
    past_kept: Option<PastKept>,
    /// Whether others than judgements ask for all rows.
    is_read_whole: bool,
    /// Which use of the cache was the last of this entry.
    used: u64,
    /// What did not fit into memory.
    misfits: Misfits,
}

/// Bytes that are held of the evidence, near enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// By rows.
    pub rows: usize,
    /// By what judgements worked out of them.
    pub rollups: usize,
}

impl Held {
    fn all(self) -> usize {
        self.rows + self.rollups
    }
}

/// Keeps evidence by the contract's UID. Of the contracts that were not judged for the longest time the rows are let go, so that
/// no more bytes are held than were allowed, but those of one contract.
pub struct EvidenceCache {
    store: Arc<dyn EvidenceStore>,
    most: usize,
    /// How many rows are read at once.
    page: i64,
    /// How many bytes of rows are read at once where they are read by when they happened.
    page_bytes: usize,
    most_of_one: usize,
    /// Of a contract with more rows than these the rows of closed periods are let go with the judgement.
    very_many: usize,
    /// The place of the one who reads many rows.
    large: Arc<Semaphore>,
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    /// In boxes: up to half of a table's places are empty, and twice as many for a moment when it grows.
    by_uid: HashMap<String, Box<Entry>>,
    uses: u64,
    /// Bytes of rows that are being read, and held nowhere yet.
    under_way: usize,
}

impl EvidenceCache {
    /// An empty cache over a store, that holds at most this many bytes of rows and of what was worked out of them.
    pub fn new(store: Arc<dyn EvidenceStore>, most: usize) -> Self {
        let large = Arc::new(Semaphore::new(1));
        let (page, page_bytes, most_of_one, very_many) = (PAGE, PAGE_BYTES, usize::MAX, VERY_MANY);
        EvidenceCache { store, most, page, page_bytes, most_of_one, very_many, large, entries: Mutex::default() }
    }

    /// The same, where the rows of one contract take no more than this many bytes. Rows that would are not read to their end: who asks for
    /// them gets [`crate::evidence::StoreError::Memory`], and others go on.
    #[must_use]
    pub fn with_most_of_one(self, most_of_one: usize) -> Self {
        EvidenceCache { most_of_one, ..self }
    }

    /// The same, where contracts with more rows than these have very many.
    #[cfg(test)]
    #[must_use]
    pub fn with_very_many(self, very_many: usize) -> Self {
        EvidenceCache { very_many, ..self }
    }

    /// Bytes that are held now, rows that are being read included.
    pub fn held(&self) -> Held {
        let entries = self.entries();
        let held = entries.by_uid.values().map(|entry| entry.held);
        let under_way = Held { rows: entries.under_way, rollups: 0 };
        held.fold(under_way, |sum, one| Held { rows: sum.rows + one.rows, rollups: sum.rollups + one.rollups })
    }

    /// Forgets a contract that is gone. The store keeps its evidence.
    pub fn forget(&self, uid: &str) {
        self.entries().by_uid.remove(uid);
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    /// Lets go of the rows of others, the one that was used longest ago first, until no more is held than is allowed.
    fn make_room_for(&mut self, uid: &str, most: usize) {
        self.uses += 1;
        if let Some(entry) = self.by_uid.get_mut(uid) {
            entry.used = self.uses;
        }
        let mut held: usize = self.under_way + self.by_uid.values().map(|entry| entry.held.all()).sum::<usize>();
        if held <= most {
            return;
        }
        let others = self.by_uid.iter_mut().filter(|(other, entry)| *other != uid && entry.held.all() > 0);
        let mut others: Vec<&mut Entry> = others.map(|(_, entry)| &mut **entry).collect();
        others.sort_by_key(|entry| entry.used);
        for entry in others {
            if held <= most {
                return;
            }
            held -= entry.held.all();
            entry.let_go();
        }
    }
}

#[cfg(test)]
mod tests;
