//! Rows and closings that were read from the evidence before, kept so that a look costs only what is new.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Semaphore;

use crate::api::Shared;
use crate::domain::judgement::outcome::Judgement;
use crate::domain::measuring::feed_rows::{FeedRows, RowsByFeed};
use crate::domain::measuring::rollups::RollUps;
use crate::domain::terms::contract_terms::Terms;
use crate::domain::terms::finding::InvalidSpec;
use crate::domain::terms::journal::{Journal, RecordedFact};
use crate::evidence::{EvidenceStore, Head, RowRange, StoreError, recorded_facts};

mod fit;
mod part;

use fit::{Misfits, Reading};
pub use part::Part;
use part::PartHeld;

/// How many rows are read at once: a second's work or less. Between two pages, a look that has taken long lets others go first.
const PAGE: i64 = 200_000;

/// The same in bytes, for rows that are read by when they happened: how many of them that is shows only when they are read.
const PAGE_BYTES: usize = 2 << 20;

/// How much later than a closing a fact is recorded at the least: the store keeps instants by the microsecond.
const AFTER_CLOSING: SignedDuration = SignedDuration::from_micros(1);

/// What is known of one contract's evidence in addition to its rows.
#[derive(Clone, Debug, Default)]
pub struct ContractEvidence {
    /// Ends of the chains of the feeds that are judged: up to them the rows are known that [`EvidenceCache::rows`] returns.
    pub heads: BTreeMap<String, Head>,
    /// Terms under which periods closed.
    pub closings: Arc<BTreeMap<String, Shared<Terms>>>,
    /// When the last of them was recorded.
    pub last_closing: Option<Timestamp>,
    /// Facts of the journal.
    pub journal: Arc<Journal>,
}

impl ContractEvidence {
    /// The instant to judge at: what is closed stays closed and what was recorded stays known, also for a clock that went back.
    ///
    /// A fact that is dated later than `believed` was recorded by a clock that was wrong, and does not move the judgement into the future. A
    /// closing does: what is signed was judged at its instant.
    pub fn judged_at(&self, now: Timestamp, believed: Timestamp) -> Timestamp {
        let closed = self.last_closing.map_or(now, |closed| closed.max(now));
        let believed = believed.max(closed.checked_add(AFTER_CLOSING).unwrap_or(closed));
        self.journal.last_recorded_by(believed).map_or(closed, |recorded| recorded.max(closed))
    }

    /// The instant at which new facts are recorded: after the last closing. A report that is signed did not know them, also where the
    /// clock went back since, or did not move.
    pub fn recorded_at(&self, now: Timestamp) -> Timestamp {
        match self.last_closing {
            Some(closed) if closed >= now => closed.checked_add(AFTER_CLOSING).unwrap_or(now),
            _ => now,
        }
    }
}

/// The last judgement of a contract and for what it holds.
#[derive(Clone, Debug)]
struct Memo {
    terms: [u8; 32],
    /// In the order of the feeds' names.
    heads: Box<[(String, Head)]>,
    closings: usize,
    journal: Arc<Journal>,
    judged_at: Timestamp,
    next: Option<Timestamp>,
    judgement: Arc<Result<Judgement, InvalidSpec>>,
    /// Whether [`EvidenceCache::fresh`] has not given it yet.
    is_fresh: bool,
}

impl Memo {
    /// Whether these are the ends of the chains that it rests on.
    fn rests_on(&self, heads: &BTreeMap<String, Head>) -> bool {
        self.heads.iter().map(|known| (&known.0, &known.1)).eq(heads)
    }
}

/// A judgement with what it holds for.
#[derive(Clone, Debug)]
pub struct Fresh {
    /// UID under which the contract's evidence lies.
    pub uid: String,
    /// Digest of the terms.
    pub terms: [u8; 32],
    /// What was known of the evidence.
    pub evidence: ContractEvidence,
    /// When it was made.
    pub judged_at: Timestamp,
    /// What it says.
    pub judgement: Arc<Result<Judgement, InvalidSpec>>,
}

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
    past_kept_at: Option<Timestamp>,
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
        let (page, page_bytes, most_of_one) = (PAGE, PAGE_BYTES, usize::MAX);
        EvidenceCache { store, most, page, page_bytes, most_of_one, large, entries: Mutex::default() }
    }

    /// The same, where the rows of one contract take no more than this many bytes. Rows that would are not read to their end: who asks for
    /// them gets [`StoreError::Memory`], and others go on.
    #[must_use]
    pub fn with_most_of_one(self, most_of_one: usize) -> Self {
        EvidenceCache { most_of_one, ..self }
    }

    /// What is known of the evidence of a contract in addition to its rows. A feed that was asked for once is always part of it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn read(&self, uid: &str, feeds: &[String]) -> Result<ContractEvidence, StoreError> {
        let journal_known = {
            let mut entries = self.entries();
            let entry = entries.by_uid.entry(uid.to_owned()).or_default();
            entry.feeds.extend(feeds.iter().cloned());
            entry.journal_known
        };
        let mut heads = self.store.heads(uid).await?;
        let journal = match journal_known {
            true => None,
            false => {
                let closings = (self.store.closings(uid).await?, self.store.last_closing(uid).await?);
                Some((closings, recorded_facts::journal(&*self.store, uid).await?))
            }
        };
        let mut entries = self.entries();
        let entry = entries.by_uid.entry(uid.to_owned()).or_default();
        if let Some(((closings, last_closing), journal)) = journal {
            (entry.closings, entry.last_closing) = (Arc::new(sharing(closings)), last_closing);
            (entry.journal, entry.journal_known) = (Arc::new(journal), true);
        }
        heads.retain(|feed, _| entry.feeds.contains(feed));
        let (closings, journal) = (entry.closings.clone(), entry.journal.clone());
        Ok(ContractEvidence { heads, closings, last_closing: entry.last_closing, journal })
    }

    /// The rows of a contract up to the heads of its evidence, for its judgement: what is held is taken, the rest is read.
    ///
    /// # Errors
    /// When the store cannot be read, or the rows do not fit into memory.
    pub async fn rows(&self, uid: &str, evidence: &ContractEvidence) -> Result<Arc<RowsByFeed>, StoreError> {
        self.all_rows(uid, evidence).await.inspect_err(|error| self.judgement_ended_in(uid, evidence, error))
    }

    async fn all_rows(&self, uid: &str, evidence: &ContractEvidence) -> Result<Arc<RowsByFeed>, StoreError> {
        let known = {
            let mut entries = self.entries();
            let entry = entries.by_uid.entry(uid.to_owned()).or_default();
            if entry.misfits.whole(evidence) {
                entry.feeds.clear();
                return Err(self.too_large());
            }
            // A part stays until all is read: where all does not fit, it is what the contract is judged by.
            if entry.part.is_some() { Arc::default() } else { entry.rows.clone() }
        };
        let mut reading = self.reading(uid);
        let read = self.read_on(&mut reading, evidence, &known).await.inspect_err(|error| {
            self.note_misfit(uid, error, |misfits| misfits.note_whole(evidence));
        })?;
        // From here on they are held.
        drop((known, reading));
        Ok(self.hold(uid, evidence, read))
    }

    /// The rows that are known, with those that came since.
    async fn read_on(
        &self,
        reading: &mut Reading<'_>,
        evidence: &ContractEvidence,
        known: &RowsByFeed,
    ) -> Result<RowsByFeed, StoreError> {
        let mut read = known.clone();
        for (feed, head) in &evidence.heads {
            let rows = known.get(feed).cloned().unwrap_or_default();
            if head.sequence > rows.last_sequence() {
                // Rows that arrived since wait for the head that vouches for them.
                let range = RowRange::between(rows.last_sequence(), head.sequence);
                read.remove(feed);
                let rows = self.more_rows((&mut *reading, feed), rows, range, &read).await?;
                read.insert(feed.clone(), rows);
            }
        }
        Ok(read)
    }

    /// The rows of a feed that are known, and after them those of a range, which are read page by page. What they may take is left by those of
    /// the contract's other feeds.
    async fn more_rows(
        &self,
        (reading, feed): (&mut Reading<'_>, &str),
        mut rows: FeedRows,
        range: RowRange,
        others: &RowsByFeed,
    ) -> Result<FeedRows, StoreError> {
        let others: usize = others.values().map(FeedRows::bytes).sum();
        let most = self.most_of_one.saturating_sub(others);
        let mut after = range.after;
        while after < range.until {
            let until = after.saturating_add(self.page).min(range.until);
            let known = rows.bytes();
            rows = match self.store.more_rows(reading.uid(), feed, rows, RowRange { after, until, most, ..range }).await
            {
                Err(StoreError::Memory { .. }) => return Err(self.too_large()),
                read => read?,
            };
            reading.page_was_read(rows.bytes().saturating_sub(known)).await?;
            after = until;
        }
        Ok(rows)
    }

    /// Holds all rows of a contract that were read, and returns them up to the heads. What was held may have been let go in the meantime, and
    /// another task may have read further, or a part.
    fn hold(&self, uid: &str, evidence: &ContractEvidence, mut read: RowsByFeed) -> Arc<RowsByFeed> {
        let mut entries = self.entries();
        let entry = entries.by_uid.entry(uid.to_owned()).or_default();
        if entry.part.is_some() {
            entry.let_go();
        }
        read.retain(|feed, rows| entry.rows.get(feed).is_none_or(|kept| rows.len() > kept.len()));
        if !read.is_empty() {
            Arc::make_mut(&mut entry.rows).append(&mut read);
            entry.held.rows = entry.rows.values().map(FeedRows::bytes).sum();
        }
        let rows = rows_at(&entry.rows, &evidence.heads);
        entries.make_room_for(uid, self.most);
        rows
    }

    /// The same rows, for others than judgements: from now on all rows are held while there is room. Where they do not fit, the contract
    /// goes on being judged by a part of them.
    ///
    /// # Errors
    /// When the store cannot be read, or the rows do not fit into memory.
    pub async fn rows_for_launch(&self, uid: &str, evidence: &ContractEvidence) -> Result<Arc<RowsByFeed>, StoreError> {
        let rows = self.all_rows(uid, evidence).await;
        self.entries().by_uid.entry(uid.to_owned()).or_default().is_read_whole = rows.is_ok();
        rows
    }

    /// Bytes that are held now, rows that are being read included.
    pub fn held(&self) -> Held {
        let entries = self.entries();
        let held = entries.by_uid.values().map(|entry| entry.held);
        let under_way = Held { rows: entries.under_way, rollups: 0 };
        held.fold(under_way, |sum, one| Held { rows: sum.rows + one.rows, rollups: sum.rollups + one.rollups })
    }

    /// Remembers that a period closed, recorded at `now`.
    pub fn closed(&self, uid: &str, period: &str, terms: &Terms, now: Timestamp) {
        if let Some(entry) = self.entries().by_uid.get_mut(uid) {
            let known = entry.closings.values().rev().find(|known| ***known == *terms).cloned();
            let terms = known.unwrap_or_else(|| Shared::new(terms.clone()));
            Arc::make_mut(&mut entry.closings).entry(period.to_owned()).or_insert(terms);
            entry.last_closing = entry.last_closing.max(Some(now));
        }
    }

    /// The instant at which facts of a contract are recorded where its last closing has not come yet, as [`ContractEvidence::recorded_at`]
    /// has it.
    pub fn after_last_closing(&self, uid: &str) -> Option<Timestamp> {
        let last = self.entries().by_uid.get(uid).and_then(|entry| entry.last_closing);
        last.and_then(|closed| closed.checked_add(AFTER_CLOSING).ok())
    }

    /// Remembers that a fact was recorded.
    pub fn recorded(&self, uid: &str, fact: &RecordedFact) {
        if let Some(entry) = self.entries().by_uid.get_mut(uid) {
            Arc::make_mut(&mut entry.journal).facts.push(fact.clone());
        }
    }

    /// The last judgement, if neither the facts nor the time can have changed it.
    pub fn judgement(
        &self,
        uid: &str,
        terms: [u8; 32],
        evidence: &ContractEvidence,
        now: Timestamp,
    ) -> Option<Arc<Result<Judgement, InvalidSpec>>> {
        let mut entries = self.entries();
        let memo = entries.by_uid.get_mut(uid)?.memo.as_mut()?;
        let holds = memo.terms == terms
            && memo.closings == evidence.closings.len()
            && (Arc::ptr_eq(&memo.journal, &evidence.journal) || memo.journal == evidence.journal)
            && memo.rests_on(&evidence.heads)
            && now >= memo.judged_at
            && memo.next.is_none_or(|next| now < next);
        if !holds {
            return None;
        }
        // A look that recorded facts has judged by a copy: from here on one of the two is enough.
        memo.journal.clone_from(&evidence.journal);
        Some(memo.judgement.clone())
    }

    /// Hands out what earlier judgements of a contract worked out; nothing until [`Self::keep`] brings it back.
    pub fn take_rollups(&self, uid: &str) -> RollUps {
        self.entries().by_uid.get_mut(uid).map(|entry| std::mem::take(&mut entry.rollups)).unwrap_or_default()
    }

    /// Keeps a judgement, and what was worked out for it. A contract that is gone by now stays forgotten.
    pub fn keep(
        &self,
        uid: &str,
        terms: [u8; 32],
        evidence: &ContractEvidence,
        judged_at: Timestamp,
        judgement: &Arc<Result<Judgement, InvalidSpec>>,
        rollups: RollUps,
    ) {
        self.keep_judgement(uid, terms, evidence, judged_at, judgement, Some(rollups));
    }

    /// Keeps a judgement that was made before this process began.
    pub fn keep_found(
        &self,
        uid: &str,
        terms: [u8; 32],
        evidence: &ContractEvidence,
        judged_at: Timestamp,
        judgement: &Arc<Result<Judgement, InvalidSpec>>,
    ) {
        self.keep_judgement(uid, terms, evidence, judged_at, judgement, None);
    }

    fn keep_judgement(
        &self,
        uid: &str,
        terms: [u8; 32],
        evidence: &ContractEvidence,
        judged_at: Timestamp,
        judgement: &Arc<Result<Judgement, InvalidSpec>>,
        rollups: Option<RollUps>,
    ) {
        let next = judgement.as_ref().as_ref().ok().and_then(|judgement| judgement.next);
        let memo = Memo {
            terms,
            heads: evidence.heads.iter().map(|(feed, head)| (feed.clone(), *head)).collect(),
            closings: evidence.closings.len(),
            journal: evidence.journal.clone(),
            judged_at,
            next,
            judgement: judgement.clone(),
            is_fresh: rollups.is_some(),
        };
        let mut entries = self.entries();
        if let Some(entry) = entries.by_uid.get_mut(uid) {
            entry.memo = Some(memo);
            entry.misfits.has_judged();
            // Where the rows were let go while they were judged, what was worked out of them goes too: it holds them.
            if let Some(rollups) = rollups.filter(|_| entry.held.rows > 0) {
                (entry.held.rollups, entry.rollups) = (rollups.bytes(), rollups);
            }
        }
        entries.make_room_for(uid, self.most);
    }

    /// Whether a contract was not judged since this process began; true for the first who asks only.
    pub fn begins(&self, uid: &str) -> bool {
        let mut entries = self.entries();
        let entry = entries.by_uid.entry(uid.to_owned()).or_default();
        !std::mem::replace(&mut entry.begun, true) && entry.memo.is_none()
    }

    /// The judgements that were made since this was asked last, and that still rest on all closings.
    pub fn fresh(&self) -> Vec<Fresh> {
        let mut entries = self.entries();
        let mut fresh = Vec::new();
        for (uid, entry) in &mut entries.by_uid {
            let Some(memo) = &mut entry.memo else { continue };
            if !std::mem::take(&mut memo.is_fresh) || memo.closings != entry.closings.len() {
                continue;
            }
            let (closings, journal) = (entry.closings.clone(), memo.journal.clone());
            let heads = memo.heads.iter().cloned().collect();
            fresh.push(Fresh {
                uid: uid.clone(),
                terms: memo.terms,
                evidence: ContractEvidence { heads, closings, last_closing: entry.last_closing, journal },
                judged_at: memo.judged_at,
                judgement: memo.judgement.clone(),
            });
        }
        fresh
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

/// The terms under which periods closed: the same terms stay one, and others share with those before them what stayed.
fn sharing(mut closings: BTreeMap<String, Shared<Terms>>) -> BTreeMap<String, Shared<Terms>> {
    // Terms as they were read, with what is held of them.
    let mut known: Vec<(Shared<Terms>, Shared<Terms>)> = Vec::new();
    for terms in closings.values_mut() {
        let found = known.iter().rev().find(|(read, _)| read.is_one_with(terms));
        if let Some((_, held)) = found {
            terms.clone_from(held);
            continue;
        }
        let read = terms.clone();
        if let Some((_, before)) = known.last() {
            terms.share_with(before);
        }
        known.push((read, terms.clone()));
    }
    closings
}

/// The rows up to heads: another task may have read further, and a judgement must rest on the rows of its heads alone.
fn rows_at(rows: &Arc<RowsByFeed>, heads: &BTreeMap<String, Head>) -> Arc<RowsByFeed> {
    let ends_at =
        |(feed, rows): (&String, &FeedRows)| heads.get(feed).map(|head| head.sequence) == Some(rows.last_sequence());
    if rows.iter().all(ends_at) {
        return rows.clone();
    }
    let of_head = |(feed, head): (&String, &Head)| Some((feed.clone(), rows.get(feed)?.up_to(head.sequence)));
    Arc::new(heads.iter().filter_map(of_head).collect())
}

#[cfg(test)]
mod tests;
