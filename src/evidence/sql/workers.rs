//! The writer's thread and the connections for reads.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, mpsc, oneshot};

use super::{Access, Sql, transact};
use crate::evidence::failure::Failure;
use crate::evidence::health::Health;
use crate::evidence::model::StoreError;

/// How many commits may wait for the writer before the next caller waits.
const WAITING_JOBS: usize = 64;

/// How many reads run at once.
const READERS: usize = 4;

/// A connection for reads that was not used for this long is closed, beside the one that was used last: each holds pages and prepared
/// statements.
const UNUSED: Duration = Duration::from_secs(30);

type Job<C> = Box<dyn FnOnce(&mut C) + Send>;

/// The one thread that writes, with its connection.
pub(in crate::evidence) struct Writer<C> {
    shown: Arc<str>,
    health: Health,
    /// How long it may take to end after a fault; `None`: it is waited for.
    farewell: Option<Duration>,
    jobs: Option<mpsc::Sender<Job<C>>>,
    thread: Option<JoinHandle<()>>,
}

impl<C: Sql + 'static> Writer<C> {
    /// Opens the connection on the writer's thread, so that it may be called from anywhere.
    pub(in crate::evidence) fn start(
        shown: Arc<str>,
        health: Health,
        farewell: Option<Duration>,
        open: impl FnOnce() -> Result<C, StoreError> + Send + 'static,
    ) -> Result<Self, StoreError> {
        let (jobs, mut queue) = mpsc::channel::<Job<C>>(WAITING_JOBS);
        let (opened, waiting) = std::sync::mpsc::channel();
        let ended = |reason: String| StoreError::NotOpened { path: shown.to_string(), reason };
        let thread = std::thread::Builder::new()
            .name("evidence-writer".to_owned())
            .spawn(move || match open() {
                Err(error) => {
                    let _ = opened.send(Err(error));
                }
                Ok(mut connection) => {
                    let _ = opened.send(Ok(()));
                    while let Some(job) = queue.blocking_recv() {
                        job(&mut connection);
                    }
                }
            })
            .map_err(|error| ended(error.to_string()))?;
        waiting.recv().map_err(|_| ended("the writer has ended".to_owned()))??;
        Ok(Self { shown, health, farewell, jobs: Some(jobs), thread: Some(thread) })
    }

    /// Does work in one transaction and answers when it is on disk.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn Sql) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (shown, health) = (self.shown.clone(), self.health.clone());
        self.run(move |connection| write_on(connection, (&shown, &health), |connection| work(connection))).await
    }

    /// Lends the connection to a job, unless there was a fault.
    pub(in crate::evidence) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut C) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, waiting) = oneshot::channel();
        let health = self.health.clone();
        self.place().await?.send(move |connection| {
            // A caller that went away does not undo what was committed.
            let _ = answer.send(health.check().and_then(|()| job(connection)));
        });
        waiting.await.map_err(|_| self.stopped())?
    }

    /// Waits for a place in the queue. What is done before a job is sent there cannot be parted from it by a caller that goes away.
    pub(in crate::evidence) async fn place(&self) -> Result<WriterPlace<'_, C>, StoreError> {
        let jobs = self.jobs.as_ref().ok_or_else(|| self.stopped())?;
        jobs.reserve().await.map(WriterPlace).map_err(|_| self.stopped())
    }

    /// Notes and says that the thread has ended before it answered.
    pub(in crate::evidence) fn stopped(&self) -> StoreError {
        let error = StoreError::Fault("the writer has stopped".to_owned());
        self.health.note(&error);
        error
    }
}

/// Does work in one transaction on the writer's connection, and notes an error after which nothing may go on.
pub(in crate::evidence) fn write_on<C: Sql, T>(
    connection: &mut C,
    (shown, health): (&str, &Health),
    work: impl FnOnce(&mut C) -> Result<T, Failure>,
) -> Result<T, StoreError> {
    let result = transact(connection, Access::Write, work).map_err(|failure| failure.into_store_error(shown));
    if let Err(error) = &result {
        health.note(error);
    }
    result
}

/// A place in the queue of the writer.
pub(in crate::evidence) struct WriterPlace<'w, C>(mpsc::Permit<'w, Job<C>>);

impl<C> WriterPlace<'_, C> {
    /// Sends a job, which is done after a fault too.
    pub(in crate::evidence) fn send(self, job: impl FnOnce(&mut C) + Send + 'static) {
        self.0.send(Box::new(job));
    }
}

impl<C> Drop for Writer<C> {
    fn drop(&mut self) {
        // Without a sender the thread ends after its last job, and its connection and locks end with it.
        self.jobs = None;
        let Some(thread) = self.thread.take() else { return };
        // After a fault it may wait for a server that never answers, and the process that ends must not.
        let farewell = self.farewell.filter(|_| self.health.fault().is_some());
        let deadline = farewell.map(|farewell| Instant::now() + farewell);
        while !thread.is_finished() && deadline.is_some_and(|deadline| Instant::now() < deadline) {
            std::thread::sleep(Duration::from_millis(10));
        }
        if deadline.is_none() || thread.is_finished() {
            let _ = thread.join();
        }
    }
}

/// Opens a connection for reads, whenever another one is needed.
pub(in crate::evidence) type Open<C> = Arc<dyn Fn() -> Result<C, StoreError> + Send + Sync>;

/// Connections that only read; they see the last commit and wait for no writer.
pub(in crate::evidence) struct Readers<C: Send + 'static> {
    shown: Arc<str>,
    health: Health,
    open: Open<C>,
    /// With when they were used last, the latest at the end.
    idle: Arc<Mutex<Vec<(C, Instant)>>>,
    permits: Arc<Semaphore>,
}

impl<C: Sql + 'static> Readers<C> {
    pub(super) fn new(shown: Arc<str>, health: Health, open: Open<C>) -> Self {
        Self { shown, health, open, idle: Arc::default(), permits: Arc::new(Semaphore::new(READERS)) }
    }

    /// Connects once on a thread of its own, so that a place without a store is found at once.
    pub(super) fn check(
        &self,
        open: impl FnOnce() -> Result<C, StoreError> + Send + 'static,
    ) -> Result<(), StoreError> {
        let opened = std::thread::spawn(open).join();
        let connection = opened.unwrap_or_else(|_| Err(StoreError::Invalid("the connection has ended".to_owned())))?;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push((connection, Instant::now()));
        Ok(())
    }

    /// Does work on one state of the store, on a thread that may block.
    pub(in crate::evidence) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut C) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let ended = |_| StoreError::Invalid("the read was ended before its answer".to_owned());
        let permit = self.permits.clone().acquire_owned().await.map_err(|_| ended(()))?;
        let (shown, open, idle) = (self.shown.clone(), self.open.clone(), self.idle.clone());
        let task = tokio::task::spawn_blocking(move || {
            let pooled = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut connection = begun(pooled.map(|(connection, _)| connection), &open, &shown)?;
            let (result, is_usable) = ended_reading(work(&mut connection), &mut connection);
            let unused = is_usable.then(|| {
                let mut idle = idle.lock().unwrap_or_else(PoisonError::into_inner);
                put_back(&mut idle, connection, Instant::now())
            });
            drop(permit);
            // Closing may wait for a server, and nobody waits for that.
            drop(unused);
            result.map_err(|failure| failure.into_store_error(&shown))
        });
        let result = task.await.map_err(|_| ended(()))?;
        if let Err(error) = &result {
            self.health.note(error);
        }
        result
    }
}

/// Ends the reading of some work; its result, and whether the connection can be used again. It can be where rows were too many for the memory,
/// since whoever reads slice by slice asks for less of them at once, and where a body is refused.
fn ended_reading<T>(result: Result<T, Failure>, connection: &mut impl Sql) -> (Result<T, Failure>, bool) {
    use StoreError::{Invalid, Memory, Quota};
    let is_sound = matches!(&result, Ok(_) | Err(Failure::Store(Memory { .. } | Quota { .. } | Invalid(_))));
    if !is_sound {
        return (result, false);
    }
    match (result, connection.end_reading()) {
        (Ok(_), Err(failure)) => (Err(failure), false),
        (result, ended) => (result, ended.is_ok()),
    }
}

/// Puts a connection back that was used until `now`; returns those that were not used for long.
fn put_back<C>(idle: &mut Vec<(C, Instant)>, connection: C, now: Instant) -> Vec<C> {
    let long = idle.iter().take_while(|(_, used)| now.saturating_duration_since(*used) >= UNUSED).count();
    let unused = idle.drain(..long).map(|(connection, _)| connection).collect();
    idle.push((connection, now));
    unused
}

/// A connection in a transaction that reads. One that was cut while it was idle is replaced: that is not a fault of the store.
fn begun<C: Sql>(pooled: Option<C>, open: &Open<C>, shown: &str) -> Result<C, StoreError> {
    if let Some(mut connection) = pooled
        && connection.begin(Access::Read).is_ok()
    {
        return Ok(connection);
    }
    let mut connection = open()?;
    connection.begin(Access::Read).map_err(|failure| failure.into_store_error(shown))?;
    Ok(connection)
}

impl<C: Send + 'static> Drop for Readers<C> {
    fn drop(&mut self) {
        let connections = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        if connections.is_empty() {
            return;
        }
        // Closing may wait for a server, which a thread of an asynchronous runtime may not.
        let closing = std::thread::spawn(move || drop(connections));
        // After a fault the server may never answer that they are closed.
        if self.health.fault().is_none() {
            let _ = closing.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::super::{Dialect, Take, Value};
    use super::*;
    use crate::evidence::failure::Cause;
    use crate::evidence::retention::RemovedRow;
    use crate::evidence::{Batch, CommitReport, FeedKey};

    /// A connection that knows whether it is in a transaction.
    struct Connection {
        is_reading: bool,
    }

    impl Sql for Connection {
        fn dialect(&self) -> &'static Dialect {
            unreachable!()
        }

        fn begin(&mut self, _: Access) -> Result<(), Failure> {
            assert!(!std::mem::replace(&mut self.is_reading, true), "the transaction before has ended");
            Ok(())
        }

        fn batch(&mut self, statements: &str) -> Result<(), Failure> {
            assert_eq!((statements, self.is_reading), ("COMMIT", true));
            self.is_reading = false;
            Ok(())
        }

        fn execute(&mut self, _: &'static str, _: &[Value<'_>]) -> Result<u64, Failure> {
            unreachable!()
        }

        fn visit(&mut self, _: &'static str, _: &[Value<'_>], _: Take<'_>) -> Result<(), Failure> {
            unreachable!()
        }

        fn newest_within(&mut self, _: i64, _: &[i64], _: [i64; 2], _: Take<'_>) -> Result<(), Failure> {
            unreachable!()
        }

        fn rows_at(&mut self, _: i64, _: &[i64], _: Take<'_>) -> Result<(), Failure> {
            unreachable!()
        }

        fn remove_newest(&mut self, _: i64, _: &[RemovedRow]) -> Result<(), Failure> {
            unreachable!()
        }

        fn settle(&mut self, _: &[i64], _: [Value<'_>; 4]) -> Result<(), Failure> {
            unreachable!()
        }

        fn commit(&mut self, _: &FeedKey, _: &Batch, _: u64) -> Result<(CommitReport, bool), Failure> {
            unreachable!()
        }
    }

    #[tokio::test]
    async fn a_connection_is_used_again_after_rows_too_many_for_the_evidence_cache_and_not_after_a_failure() {
        let opened = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&opened);
        let open: Open<Connection> = Arc::new(move || {
            counter.fetch_add(1, Ordering::SeqCst);
            Ok(Connection { is_reading: false })
        });
        let readers = Readers::new("store".into(), Health::default(), open);
        let memory = || Failure::Store(StoreError::Memory { most: 1 });
        let failure = || Failure::Database(Cause::Other, "cut".to_owned());
        for (case, result, connections) in [
            ("rows", Ok(1), 1),
            ("too many rows", Err(memory()), 1),
            ("fewer of them", Ok(2), 1),
            ("too many again", Err(memory()), 1),
            ("a failure", Err(failure()), 1),
            ("after it", Ok(3), 2),
        ] {
            let expected = result.as_ref().ok().copied();
            assert_eq!(readers.read(move |_| result).await.ok(), expected, "{case}");
            assert_eq!(opened.load(Ordering::SeqCst), connections, "{case}");
        }
    }

    #[test]
    fn connections_that_a_moment_of_many_reads_has_opened_are_closed_half_a_minute_later_but_for_the_one_in_use() {
        let (mut idle, begin) = (Vec::new(), Instant::now());
        let at = |seconds| begin + Duration::from_secs(seconds);
        for (number, second) in [(1, 0), (2, 0), (3, 1), (4, 2)] {
            assert!(put_back(&mut idle, number, at(second)).is_empty());
        }
        // From now on one read follows the other: the connection that was used last is taken each time.
        let (taken, _) = idle.pop().unwrap();
        assert_eq!((taken, put_back(&mut idle, taken, at(29))), (4, Vec::new()));
        let (taken, _) = idle.pop().unwrap();
        assert_eq!((taken, put_back(&mut idle, taken, at(30))), (4, vec![1, 2]));
        let (taken, _) = idle.pop().unwrap();
        assert_eq!((taken, put_back(&mut idle, taken, at(300))), (4, vec![3]));
        assert_eq!(idle, [(4, at(300))]);
    }
}
