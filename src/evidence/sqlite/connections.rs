//! The writer's thread and the connections for reads.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::errors::Failure;
use super::schema;
use crate::evidence::health::Health;
use crate::evidence::model::StoreError;

/// How many commits may wait for the writer before the next caller waits.
const WAITING_JOBS: usize = 64;

/// How many reads run at once.
const READERS: usize = 4;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// The one thread that writes.
pub(super) struct Writer {
    path: Arc<PathBuf>,
    identity: FileIdentity,
    health: Health,
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(path: Arc<PathBuf>, mut connection: Connection, health: Health) -> Result<Self, StoreError> {
        let (jobs, mut queue) = mpsc::channel::<Job>(WAITING_JOBS);
        let identity = FileIdentity::of(&path);
        let thread = std::thread::Builder::new()
            .name("evidence-writer".to_owned())
            .spawn(move || {
                while let Some(job) = queue.blocking_recv() {
                    job(&mut connection);
                }
            })
            .map_err(|error| StoreError::NotOpened { path: path.display().to_string(), reason: error.to_string() })?;
        Ok(Self { path, identity, health, jobs: Some(jobs), thread: Some(thread) })
    }

    /// Does work in one transaction and answers when it is on disk.
    pub(super) async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T, Failure> + Send + 'static,
    {
        let (path, health, identity) = (self.path.clone(), self.health.clone(), self.identity);
        self.run(move |connection| {
            health.check()?;
            let result = identity.check(&path).and_then(|()| transact(&path, connection, work));
            if let Err(error) = &result {
                health.note(error);
            }
            result
        })
        .await
    }

    async fn run<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let stopped = || {
            let error = StoreError::Fault("the writer has stopped".to_owned());
            self.health.note(&error);
            error
        };
        let (answer, waiting) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            // A caller that went away does not undo what was committed.
            let _ = answer.send(job(connection));
        });
        let jobs = self.jobs.as_ref().ok_or_else(stopped)?;
        jobs.send(job).await.map_err(|_| stopped())?;
        waiting.await.map_err(|_| stopped())?
    }

    /// Runs statements on the writer's connection, such as a limit of its size.
    #[cfg(test)]
    pub(super) async fn execute(&self, statements: String) -> Result<(), StoreError> {
        let path = self.path.clone();
        self.run(move |connection| {
            connection.execute_batch(&statements).map_err(|error| Failure::from(error).into_store_error(&path))
        })
        .await
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Without a sender the thread ends after what it was given; then the file is free for the next one.
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn transact<T, F>(path: &Path, connection: &mut Connection, work: F) -> Result<T, StoreError>
where
    F: FnOnce(&Transaction<'_>) -> Result<T, Failure>,
{
    let attempt = || {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let value = work(&transaction)?;
        transaction.commit()?;
        Ok(value)
    };
    attempt().map_err(|failure: Failure| failure.into_store_error(path))
}

/// Which file a path names: SQLite goes on writing into a file that was deleted under it, and all of that would be lost.
#[derive(Clone, Copy, PartialEq, Eq)]
struct FileIdentity(Option<(u64, u64)>);

impl FileIdentity {
    #[cfg(unix)]
    fn of(path: &Path) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self(std::fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino())))
    }

    #[cfg(not(unix))]
    fn of(path: &Path) -> Self {
        Self(path.exists().then_some((0, 0)))
    }

    fn check(self, path: &Path) -> Result<(), StoreError> {
        if self == Self::of(path) {
            return Ok(());
        }
        Err(StoreError::Fault(format!("{}: the file was moved, replaced or deleted while in use", path.display())))
    }
}

/// Connections that only read; they see the last commit and wait for no writer.
pub(super) struct Readers {
    path: Arc<PathBuf>,
    health: Health,
    idle: Arc<Mutex<Vec<Connection>>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn new(path: Arc<PathBuf>, health: Health) -> Self {
        Self { path, health, idle: Arc::default(), permits: Arc::new(Semaphore::new(READERS)) }
    }

    /// Does work on one state of the store, on a thread that may block.
    pub(super) async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T, Failure> + Send + 'static,
    {
        self.run(move |path, connection| {
            let attempt = || {
                let transaction = connection.transaction()?;
                work(&transaction)
            };
            attempt().map_err(|failure| failure.into_store_error(path))
        })
        .await
    }

    /// Lends a connection to a job on a thread that may block.
    pub(super) async fn run<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Path, &mut Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let ended = |_| StoreError::Invalid("the read was ended before its answer".to_owned());
        let permit = self.permits.clone().acquire_owned().await.map_err(|_| ended(()))?;
        let (path, idle) = (self.path.clone(), self.idle.clone());
        let task = tokio::task::spawn_blocking(move || {
            let pooled = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut connection = match pooled {
                Some(connection) => connection,
                None => schema::open_for_reading(&path)?,
            };
            let result = job(&path, &mut connection);
            if result.is_ok() {
                idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            }
            drop(permit);
            result
        });
        let result = task.await.map_err(|_| ended(()))?;
        if let Err(error) = &result {
            self.health.note(error);
        }
        result
    }
}
