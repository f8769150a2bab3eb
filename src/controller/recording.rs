//! The one place that writes into the journal of a contract, or of a launch.
//!
//! What is on record counts from its instant on, also once a clock that was ahead is back, and periods would become Final by it. So nothing
//! is recorded while this machine's clock and the API server's differ, or before both are compared after a jump: each write asks at the
//! moment of the write, also whether the clock has been set since the instant of the entry was read. `tests/architecture` holds that no
//! other file of the controllers writes there.

use jiff::{SignedDuration, Timestamp};

use super::context::Context;
use super::evidence_cache::EvidenceCache;
use crate::clock::Clock;
use crate::cluster::api_clock::{ApiClock, MOST_APART};
use crate::domain::terms::contract_terms::Terms;
use crate::domain::terms::journal::RecordedFact;
use crate::evidence::{Digest, EvidenceStore, FeedKey, Removal, Removed, ReportEntry, StoreError, recorded_facts};

/// Why something is not on record.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The clocks differ or were not compared yet, or the instant of the entry is not of now: try later.
    #[error(
        "nothing is recorded now: this machine's clock and the API server's differ, or were not compared yet, or the clock was set \
         or more than an hour passed since the instant of the entry was read"
    )]
    ClocksDiffer,
    /// The evidence store does not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How long ago the instant of an entry was read at most: no look takes as long.
const LONGEST_LOOK: SignedDuration = SignedDuration::from_hours(1);

/// Writes into journals. Each method has the entry on disk before it returns: call it before anything is written that rests on the entry.
#[derive(Clone, Copy)]
pub struct JournalWriter<'a> {
    api_clock: &'a ApiClock,
    clock: &'a Clock,
    evidence: &'a dyn EvidenceStore,
    cache: &'a EvidenceCache,
}

impl JournalWriter<'_> {
    /// Whether anything may be recorded now.
    ///
    /// # Errors
    /// [`RecordError::ClocksDiffer`].
    fn may_record(&self) -> Result<(), RecordError> {
        if self.api_clock.agrees() { Ok(()) } else { Err(RecordError::ClocksDiffer) }
    }

    /// The same for an entry of this instant, which may be as late as `latest`.
    fn may_record_at(&self, at: Timestamp, latest: Option<Timestamp>) -> Result<(), RecordError> {
        self.may_record()?;
        let ahead = at.duration_since(self.clock.now());
        let is_late = ahead > MOST_APART && latest.is_none_or(|latest| at > latest);
        let is_of_now = ahead >= -LONGEST_LOOK && !is_late;
        if is_of_now || self.clock.is_rehearsal() { Ok(()) } else { Err(RecordError::ClocksDiffer) }
    }

    /// Records a fact in the journal of a contract.
    ///
    /// # Errors
    /// When the clocks differ, or the evidence store does not take it.
    pub async fn fact(&self, uid: &str, fact: &RecordedFact) -> Result<(), RecordError> {
        // Where the clock went back since a period closed, facts are dated after the closing.
        self.may_record_at(fact.recorded_at, self.cache.after_last_closing(uid))?;
        if recorded_facts::record(self.evidence, uid, fact).await? {
            self.cache.recorded(uid, fact);
        }
        Ok(())
    }

    /// Records the terms of a contract, where they are others than the last ones.
    ///
    /// # Errors
    /// When the clocks differ, or the evidence store does not take them.
    pub async fn terms(&self, uid: &str, terms: &Terms, now: Timestamp) -> Result<(), RecordError> {
        self.may_record_at(now, None)?;
        self.evidence.record_terms(uid.to_owned(), terms.clone(), now).await?;
        Ok(())
    }

    /// Records that a period closed under these terms at `closed_at`, once.
    ///
    /// # Errors
    /// When the clocks differ, or the evidence store does not take it.
    pub async fn closing(
        &self,
        uid: &str,
        (period, closed_at): (&str, Timestamp),
        terms: &Terms,
        now: Timestamp,
    ) -> Result<(), RecordError> {
        self.may_record_at(now, None)?;
        self.evidence.record_closing(uid.to_owned(), period.to_owned(), terms.clone(), closed_at, now).await?;
        self.cache.closed(uid, period, terms, now);
        Ok(())
    }

    /// Records the digest of a report that is about to be signed.
    ///
    /// # Errors
    /// When the clocks differ, or the evidence store does not take it.
    pub async fn report_digest(
        &self,
        uid: &str,
        report: &str,
        digest: Digest,
        now: Timestamp,
    ) -> Result<(), RecordError> {
        self.may_record_at(now, None)?;
        self.evidence.record_report_digest(uid.to_owned(), report.to_owned(), digest, now).await?;
        Ok(())
    }

    /// Records which reports are handed to the outbox, with their messages. `uids`: that of the evidence, and the contract's own.
    ///
    /// # Errors
    /// When the clocks differ, or the evidence store does not take it.
    pub async fn scheduled_reports(
        &self,
        [evidence_uid, uid]: [&str; 2],
        entries: Vec<ReportEntry>,
        now: Timestamp,
    ) -> Result<(), RecordError> {
        self.may_record()?;
        self.evidence.record_scheduled_reports(evidence_uid.to_owned(), uid.to_owned(), entries, now).await?;
        Ok(())
    }

    /// Removes rows of a feed whose time is over, which the journal holds in their place.
    ///
    /// # Errors
    /// When the clocks differ, or the evidence store does not take it.
    pub async fn removal(&self, feed: FeedKey, removal: Removal, now: Timestamp) -> Result<Removed, RecordError> {
        self.may_record_at(now, None)?;
        Ok(self.evidence.remove_rows(feed, removal, now).await?)
    }
}

impl Context {
    /// What writes into journals.
    pub fn journal(&self) -> JournalWriter<'_> {
        JournalWriter { api_clock: &self.api_clock, clock: &self.clock, evidence: &*self.evidence, cache: &self.cache }
    }

    /// Records a fact in the journal of a contract, as [`JournalWriter::fact`] does.
    ///
    /// # Errors
    /// When the clocks differ, or the evidence store does not take it.
    pub async fn record_fact(&self, uid: &str, fact: &RecordedFact) -> Result<(), RecordError> {
        self.journal().fact(uid, fact).await
    }

    /// Up to which instant an entry of a journal may be dated that was recorded by `now`. While the clocks differ, `now` may be wrong itself,
    /// and a rehearsal's clock may be set back: then every entry is believed.
    pub fn believed_until(&self, now: Timestamp) -> Timestamp {
        believed_until(now, self.api_clock.agrees() && !self.clock.is_rehearsal())
    }
}

fn believed_until(now: Timestamp, is_right: bool) -> Timestamp {
    let most: SignedDuration = MOST_APART;
    if is_right { now.checked_add(most).unwrap_or(Timestamp::MAX) } else { Timestamp::MAX }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::fixtures::contracts::terms;
    use crate::domain::terms::journal::{EvidenceAdopted, FirstJudged, JournalFact, LossAccepted};
    use crate::evidence::sqlite::SqliteStore;

    fn facts(at: Timestamp) -> Vec<RecordedFact> {
        let fact = |name: &str, fact| RecordedFact { name: name.to_owned(), fact, recorded_at: at };
        let adopted = EvidenceAdopted { of: "uid-0".to_owned(), by: "uid-1".to_owned() };
        let [feed, head, by] = ["acd", "12", "nina"].map(str::to_owned);
        let lost = LossAccepted { feed, rows: 3, head, by, at };
        vec![
            fact("", JournalFact::FirstJudged(FirstJudged { at, closed_before: Vec::new() })),
            fact("uid-1", JournalFact::EvidenceAdopted(adopted)),
            fact("acme-2026-01", JournalFact::LossAccepted(lost)),
        ]
    }

    /// A store with all that writes into it.
    struct Case {
        store: Arc<SqliteStore>,
        cache: EvidenceCache,
        api_clock: ApiClock,
        clock: Clock,
        _directory: tempfile::TempDir,
    }

    impl Case {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let store = Arc::new(SqliteStore::open(directory.path()).unwrap());
            let cache = EvidenceCache::new(store.clone(), 1 << 20);
            Case { store, cache, api_clock: ApiClock::default(), clock: Clock::real(), _directory: directory }
        }

        fn journal(&self) -> JournalWriter<'_> {
            JournalWriter { api_clock: &self.api_clock, clock: &self.clock, evidence: &*self.store, cache: &self.cache }
        }

        /// Tries each way to write into the journal; returns how each ended.
        async fn try_all(&self, at: Timestamp) -> Vec<Result<(), RecordError>> {
            let (journal, contract) = (self.journal(), terms("term: {start: 2026-01-01, end: 2026-12-31}", &[]));
            let mut ended = Vec::new();
            for fact in facts(at) {
                ended.push(journal.fact("uid-1", &fact).await);
            }
            ended.push(journal.terms("uid-1", &contract, at).await);
            ended.push(journal.closing("uid-1", ("2026-01", at), &contract, at).await);
            ended.push(journal.report_digest("uid-1", "acme-2026-01", [7; 32], at).await);
            let [contract_uid, namespace, contract, feed] = ["uid-1", "a", "acme", "acd"].map(str::to_owned);
            let (feed, years) =
                (FeedKey { contract_uid, namespace, contract, feed }, Removal { year: 2026, before: None, most: 1 });
            ended.push(journal.removal(feed, years, at).await.map(|_| ()));
            ended
        }
    }

    const HOUR: SignedDuration = SignedDuration::from_hours(1);

    #[tokio::test]
    async fn nothing_is_recorded_before_the_clocks_were_compared_nor_while_they_differ() {
        let case = Case::new();
        let now = case.clock.now();
        for ahead in [None, Some(HOUR), Some(-HOUR)] {
            if let Some(ahead) = ahead {
                case.api_clock.note(ahead);
            }
            for ended in case.try_all(now).await {
                assert_eq!(ended, Err(RecordError::ClocksDiffer), "{ahead:?}");
            }
            let handed_over = case.journal().scheduled_reports(["uid-1", "uid-1"], Vec::new(), now).await;
            assert_eq!(handed_over, Err(RecordError::ClocksDiffer), "{ahead:?}");
            assert_eq!(case.store.first_recorded_at("uid-1").await.unwrap(), None, "{ahead:?}");
        }
        case.api_clock.note(SignedDuration::ZERO);
        for ended in case.try_all(now).await {
            assert_eq!(ended, Ok(()));
        }
        assert_eq!(case.journal().scheduled_reports(["uid-1", "uid-1"], Vec::new(), now).await, Ok(()));
        assert_eq!(recorded_facts::journal(&*case.store, "uid-1").await.unwrap().facts, facts(now));
        assert_eq!(case.store.closings("uid-1").await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn nothing_is_recorded_of_an_instant_that_was_read_before_the_clock_was_set() {
        let case = Case::new();
        case.api_clock.note(SignedDuration::ZERO);
        let now = case.clock.now();
        for read_at in [now + HOUR, now - 2 * HOUR] {
            for ended in case.try_all(read_at).await {
                assert_eq!(ended, Err(RecordError::ClocksDiffer), "{read_at}");
            }
        }
        // A clock that was ahead before there was this rule closed a period: later facts are dated after it.
        let contract = terms("term: {start: 2026-01-01, end: 2026-12-31}", &[]);
        case.store.record_closing("uid-1".to_owned(), "2026-01".to_owned(), contract, now, now + HOUR).await.unwrap();
        let evidence = case.cache.read("uid-1", &[]).await.unwrap();
        for fact in facts(evidence.recorded_at(now)) {
            assert_eq!(case.journal().fact("uid-1", &fact).await, Ok(()));
        }
        for fact in facts(now + 2 * HOUR) {
            assert_eq!(case.journal().fact("uid-1", &fact).await, Err(RecordError::ClocksDiffer));
        }
    }

    #[test]
    fn what_is_dated_later_than_now_is_believed_only_where_now_may_be_wrong() {
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(believed_until(now, true), now + SignedDuration::from_mins(5));
        assert_eq!(believed_until(now, false), Timestamp::MAX);
    }
}
