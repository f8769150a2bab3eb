//! The evidence store in PostgreSQL, for several replicas: one writer, held apart by an advisory lock, and several readers.
//!
//! The bytes of entries and their digests are those of the SQLite store: the same bodies lead to the same heads.

mod commit;
mod connections;
mod copy;
mod errors;
mod group;
mod location;
mod opening;
mod schema;
mod session;
mod shards;

#[cfg(test)]
pub(in crate::evidence) use schema::FORMAT;

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use self::commit::ReadyBody;
use self::group::ReadyBodies;
use self::location::Location;
use self::session::Session;
use super::health::Health;
use super::model::{Batch, CommitReport, FeedKey, StoreError};
use super::sql::{Backend, FeedTurn, Parts, Writer};
use super::{Answer, StoreClock};
use crate::shard::ShardCount;
pub use location::EvidenceUrl;
pub use opening::Opening;

/// How many rows a body has that is made ready before it is the writer's turn: as many as take a turn of their namespace. Several larger ones
/// would take too much memory. In tests nearly all are, so that each rule of a commit is held against both.
const READY_BEFORE: RangeInclusive<usize> = if cfg!(test) { 2..=16_384 } else { 1_000..=16_384 };

/// How many bodies are made ready at once: looks at contracts need connections for reads too.
const MADE_READY: usize = 2;

/// How long a writer may take to end after a fault.
const FAREWELL: Duration = Duration::from_secs(2);

/// What happens to another process that has the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenInUse {
    /// It keeps the database, and this one is refused.
    Refuse,
    /// Its session is ended: it has lost its lease, and must not write when it goes on.
    TakeOver,
    /// Replicas share the database, and each writes for the shards that it took. A process that has the database for itself is ended,
    /// and so are replicas with another number of shards: they have lost the installation's lease.
    Share(ShardCount),
}

/// The evidence store in a PostgreSQL database.
pub struct PostgresStore {
    location: Location,
    parts: Parts<Session>,
    waiting: ReadyBodies,
    makers: Semaphore,
}

impl PostgresStore {
    /// Opens the store in a database, for this process alone; its tables are made if they are not there. Blocks while it connects.
    ///
    /// # Errors
    /// When the URL is wrong, the server refuses or cannot be reached and verified, another process has the store, or a later
    /// version wrote it. No error holds the password.
    pub fn open(url: &EvidenceUrl, when_in_use: WhenInUse) -> Result<Self, StoreError> {
        let location = Location::of(url)?;
        let health = Health::default();
        let (shown, writers) = (location.shown.clone(), location.clone());
        let open = move || connections::open_for_writing(&writers, when_in_use);
        let writer = Writer::start(shown, health.clone(), Some(FAREWELL), open)?;
        Ok(Self::assemble(location, health, Some(writer)))
    }

    /// Opens the store for reads, also while an operator writes to it. Writes fail with [`StoreError::ReadOnly`].
    ///
    /// # Errors
    /// As [`Self::open`], and when there is no store.
    pub fn open_for_reading(url: &EvidenceUrl) -> Result<Self, StoreError> {
        let location = Location::of(url)?;
        let store = Self::assemble(location.clone(), Health::default(), None);
        store.parts.check(move || connections::open_for_reading(&location))?;
        Ok(store)
    }

    /// Claims the store for an operator on this clock, for ever, and returns the store's identity: 32 hexadecimal digits.
    ///
    /// # Errors
    /// When the store belongs to the other clock; and as every write.
    pub async fn claim(&self, clock: StoreClock) -> Result<String, StoreError> {
        self.claim_for(clock).await
    }

    fn assemble(location: Location, health: Health, writer: Option<Writer<Session>>) -> Self {
        let readers = location.clone();
        // A database that went away is a fault.
        let open =
            move || connections::open_for_reading(&readers).map_err(|error| StoreError::Fault(error.to_string()));
        let parts = Parts::new(location.shown.clone(), health, Arc::new(open), writer);
        Self { parts, location, waiting: ReadyBodies::default(), makers: Semaphore::new(MADE_READY) }
    }

    /// Makes a body ready on a connection for reads; `None`: its feed is new.
    async fn make_ready(&self, feed: &FeedKey, batch: &Arc<Batch>, room: u64) -> Result<Option<ReadyBody>, StoreError> {
        let (feed, batch) = (feed.clone(), Arc::clone(batch));
        // It is never closed.
        let _maker = self.makers.acquire().await;
        self.parts.readers.read(move |session| commit::make_ready(session, &feed, &batch, room)).await
    }

    /// How many bodies wait for the writer.
    #[cfg(test)]
    pub(in crate::evidence) fn bodies_that_wait(&self) -> usize {
        self.waiting.count()
    }

    /// Takes or releases a shard on the writer's session, after all earlier writes.
    fn shard_job(&self, shard: u32, job: fn(&mut Session, &Location, u32) -> Result<(), StoreError>) -> Answer<'_, ()> {
        let location = self.location.clone();
        Box::pin(
            async move { self.watched(self.parts.writer()?.run(move |session| job(session, &location, shard))).await },
        )
    }
}

impl Backend for PostgresStore {
    type Connection = Session;

    fn parts(&self) -> &Parts<Session> {
        &self.parts
    }

    fn watched<T: Send>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> impl Future<Output = Result<T, StoreError>> + Send {
        connections::watched(work, &self.location, &self.parts.health)
    }

    fn commit(&self, feed: FeedKey, batch: Arc<Batch>, room: u64, turn: FeedTurn) -> Answer<'_, (CommitReport, bool)> {
        Box::pin(async move {
            let writer = self.parts.writer()?;
            if READY_BEFORE.contains(&(batch.rows.len() + batch.rejected.len()))
                && let Some(body) = self.watched(self.make_ready(&feed, &batch, room)).await?
            {
                drop(batch);
                let (shown, health) = (self.parts.shown.clone(), self.parts.health.clone());
                return self.watched(self.waiting.write(body, turn, writer, (shown, health))).await;
            }
            self.commit_at_once(feed, batch, room, turn).await
        })
    }

    fn take(&self, shard: u32) -> Answer<'_, ()> {
        self.shard_job(shard, shards::take)
    }

    fn give_back(&self, shard: u32) -> Answer<'_, ()> {
        self.shard_job(shard, shards::give_back)
    }
}
