//! The writer's thread and the connections for reads.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, mpsc, oneshot};

use super::errors::Failure;
use super::location::Location;
use super::session::{Access, Session};
use super::{WhenInUse, schema, shards};
use crate::evidence::health::Health;
use crate::evidence::model::StoreError;

/// How many commits may wait for the writer before the next caller waits.
const WAITING_JOBS: usize = 64;

/// How many reads run at once.
const READERS: usize = 4;

/// After how long without an answer the server is asked whether it answers anybody.
const SILENCE: Duration = Duration::from_secs(10);

/// How long that may take.
const PROBE: Duration = Duration::from_secs(5);

/// How long a writer may take to end after a fault.
const FAREWELL: Duration = Duration::from_secs(2);

type Job = Box<dyn FnOnce(&mut Session) + Send>;

/// The one thread that writes. Its session holds the database's advisory lock as long as it lives.
pub(super) struct Writer {
    location: Location,
    health: Health,
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Connects on a thread of its own, so that it may be called from anywhere.
    pub(super) fn start(location: Location, when_in_use: WhenInUse, health: Health) -> Result<Self, StoreError> {
        let (jobs, mut queue) = mpsc::channel::<Job>(WAITING_JOBS);
        let (opened, waiting) = std::sync::mpsc::channel();
        let (shown, writers) = (location.shown.clone(), location.clone());
        let ended = |reason: String| StoreError::NotOpened { path: shown.to_string(), reason };
        let thread = std::thread::Builder::new()
            .name("evidence-writer".to_owned())
            .spawn(move || match open_for_writing(&writers, when_in_use) {
                Err(error) => {
                    let _ = opened.send(Err(error));
                }
                Ok(mut session) => {
                    let _ = opened.send(Ok(()));
                    while let Some(job) = queue.blocking_recv() {
                        job(&mut session);
                    }
                }
            })
            .map_err(|error| ended(error.to_string()))?;
        waiting.recv().map_err(|_| ended("the writer has ended".to_owned()))??;
        Ok(Self { location, health, jobs: Some(jobs), thread: Some(thread) })
    }

    /// Does work in one transaction and answers when it is on disk.
    pub(super) async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Session) -> Result<T, Failure> + Send + 'static,
    {
        let (shown, health) = (self.location.shown.clone(), self.health.clone());
        let done = self.run(move |session| {
            health.check()?;
            let result = session.transact(Access::Write, work).map_err(|failure| failure.into_store_error(&shown));
            if let Err(error) = &result {
                health.note(error);
            }
            result
        });
        watched(done, &self.location, &self.health).await
    }

    /// The same for a namespace: refused where another replica has its shard.
    pub(super) async fn write_of<T, F>(&self, namespace: &str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Session) -> Result<T, Failure> + Send + 'static,
    {
        let (namespace, shown) = (namespace.to_owned(), self.location.shown.clone());
        self.write(move |session| match session.shards.as_ref().is_none_or(|held| held.has(&namespace)) {
            true => work(session),
            false => Err(StoreError::Locked { path: shown.to_string() }.into()),
        })
        .await
    }

    /// Takes a shard; whoever has it is ended.
    pub(super) async fn take_shard(&self, shard: u32) -> Result<(), StoreError> {
        let location = self.location.clone();
        self.shard_job(move |session| shards::take(session, &location, shard)).await
    }

    /// Gives back a shard, after all that was to be written before.
    pub(super) async fn give_back_shard(&self, shard: u32) -> Result<(), StoreError> {
        let location = self.location.clone();
        self.shard_job(move |session| shards::give_back(session, &location, shard)).await
    }

    async fn shard_job(
        &self,
        job: impl FnOnce(&mut Session) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<(), StoreError> {
        let health = self.health.clone();
        let done = self.run(move |session| {
            health.check()?;
            job(session)
        });
        watched(done, &self.location, &self.health).await
    }

    async fn run<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Session) -> Result<T, StoreError> + Send + 'static,
    {
        let stopped = || {
            let error = StoreError::Fault("the writer has stopped".to_owned());
            self.health.note(&error);
            error
        };
        let (answer, waiting) = oneshot::channel();
        let job: Job = Box::new(move |session| {
            // A caller that went away does not undo what was committed.
            let _ = answer.send(job(session));
        });
        let jobs = self.jobs.as_ref().ok_or_else(stopped)?;
        jobs.send(job).await.map_err(|_| stopped())?;
        waiting.await.map_err(|_| stopped())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Without a sender the thread ends after what it was given; its session ends with it, and so does the lock.
        self.jobs = None;
        let Some(thread) = self.thread.take() else { return };
        // After a fault it may wait for a server that never answers, and the process that ends must not.
        let deadline = self.health.fault().map(|_| Instant::now() + FAREWELL);
        while !thread.is_finished() && deadline.is_some_and(|deadline| Instant::now() < deadline) {
            std::thread::sleep(Duration::from_millis(10));
        }
        if deadline.is_none() || thread.is_finished() {
            let _ = thread.join();
        }
    }
}

fn open_for_writing(location: &Location, when_in_use: WhenInUse) -> Result<Session, StoreError> {
    let mut session = Session::connect(location)?;
    shards::lock(&mut session, location, when_in_use)?;
    shards::one_after_the_other(&mut session, location, |session| schema::migrate(session, &location.shown))?;
    warn_of_unsafe_settings(&mut session, location);
    Ok(session)
}

fn warn_of_unsafe_settings(session: &mut Session, location: &Location) {
    let setting = session.client.query_one("SELECT current_setting('fsync')", &[]).and_then(|row| row.try_get(0));
    if let Ok::<String, _>(setting) = setting
        && setting != "on"
    {
        tracing::warn!(database = %location.shown, "fsync is {setting}: what is acknowledged may be lost when the server's machine fails");
    }
}

/// Connections that only read; they see the last commit and wait for no writer.
pub(super) struct Readers {
    location: Location,
    health: Health,
    idle: Arc<Mutex<Vec<Session>>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn new(location: Location, health: Health) -> Self {
        Self { location, health, idle: Arc::default(), permits: Arc::new(Semaphore::new(READERS)) }
    }

    /// Connects once on a thread of its own, so that a database without a store is found at once.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        let location = self.location.clone();
        let opened = std::thread::spawn(move || open_for_reading(&location)).join();
        let session = opened.unwrap_or_else(|_| Err(StoreError::Invalid("the connection has ended".to_owned())))?;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(session);
        Ok(())
    }

    /// Does work on one state of the store, on a thread that may block.
    pub(super) async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Session) -> Result<T, Failure> + Send + 'static,
    {
        self.run(move |session| {
            let done = work(session)?;
            session.client.batch_execute("COMMIT")?;
            Ok(done)
        })
        .await
    }

    /// Lends a connection, in a transaction that reads, to a job on a thread that may block.
    pub(super) async fn run<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Session) -> Result<T, Failure> + Send + 'static,
    {
        watched(self.run_unwatched(job), &self.location, &self.health).await
    }

    async fn run_unwatched<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Session) -> Result<T, Failure> + Send + 'static,
    {
        let ended = |_| StoreError::Invalid("the read was ended before its answer".to_owned());
        let permit = self.permits.clone().acquire_owned().await.map_err(|_| ended(()))?;
        let (location, idle) = (self.location.clone(), self.idle.clone());
        let task = tokio::task::spawn_blocking(move || {
            let pooled = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            // A connection that was cut while nobody used it is no fault of the store.
            let pooled = pooled.and_then(|mut session| session.begin(Access::Read).is_ok().then_some(session));
            let mut session = match pooled {
                Some(session) => session,
                None => begun(&location)?,
            };
            let result = job(&mut session).map_err(|failure| failure.into_store_error(&location.shown));
            if result.is_ok() {
                idle.lock().unwrap_or_else(PoisonError::into_inner).push(session);
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

impl Drop for Readers {
    fn drop(&mut self) {
        let sessions = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        // After a fault the server may never answer that they are closed.
        if self.health.fault().is_some() {
            drop(std::thread::spawn(move || drop(sessions)));
        } else if !sessions.is_empty() {
            // Closing waits for the server, which a thread of an asynchronous runtime may not.
            let _ = std::thread::spawn(move || drop(sessions)).join();
        }
    }
}

/// Waits for work as [`while_it_answers`] does; that the server has fallen silent is a fault.
async fn watched<T>(
    work: impl Future<Output = Result<T, StoreError>>,
    location: &Location,
    health: &Health,
) -> Result<T, StoreError> {
    while_it_answers(work, location).await.unwrap_or_else(|why| {
        let error = StoreError::Fault(format!("{}: {why}", location.shown));
        health.note(&error);
        Err(error)
    })
}

/// Waits for work as long as the server answers anybody. One that accepts what it is sent and answers nothing (its machine stands still,
/// its disk hangs, the network swallows what it says) would be waited for without an end, and the process would be alive and do nothing.
///
/// # Errors
/// When the server has fallen silent; says for how long.
pub(super) async fn while_it_answers<T>(work: impl Future<Output = T>, location: &Location) -> Result<T, String> {
    let mut work = std::pin::pin!(work);
    loop {
        if let Ok(done) = tokio::time::timeout(SILENCE, &mut work).await {
            return Ok(done);
        }
        if !answers(location).await {
            return Err(format!("the server has not answered for {} seconds", (SILENCE + PROBE).as_secs()));
        }
    }
}

/// Whether the server answers a new connection in time. That it refuses is an answer too: whoever waits will hear of it.
async fn answers(location: &Location) -> bool {
    let location = location.clone();
    let (answer, waiting) = oneshot::channel();
    // A thread of its own, which nobody waits for: a server that does not answer may never let it end.
    let asked = std::thread::Builder::new().name("evidence-probe".to_owned()).spawn(move || {
        let _ = answer.send(location.connect().and_then(|mut client| client.simple_query("SELECT 1")).map(drop));
    });
    asked.is_ok() && tokio::time::timeout(PROBE, waiting).await.is_ok()
}

fn open_for_reading(location: &Location) -> Result<Session, StoreError> {
    let mut session = Session::connect(location)?;
    schema::check(&mut session, &location.shown)?;
    Ok(session)
}

/// A new connection in a transaction that reads. A database that went away is a fault.
fn begun(location: &Location) -> Result<Session, StoreError> {
    let mut session = open_for_reading(location).map_err(|error| StoreError::Fault(error.to_string()))?;
    session.begin(Access::Read).map_err(|failure| failure.into_store_error(&location.shown))?;
    Ok(session)
}
