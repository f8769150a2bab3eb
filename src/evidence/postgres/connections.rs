//! How the database is reached: who may write, and whether the server still answers.

use std::time::Duration;

use tokio::sync::oneshot;

use super::location::Location;
use super::session::Session;
use super::{WhenInUse, schema, shards};
use crate::evidence::health::Health;
use crate::evidence::model::StoreError;

/// After how long without an answer the server is asked whether it answers anybody.
const SILENCE: Duration = Duration::from_secs(10);

/// How long that may take.
const PROBE: Duration = Duration::from_secs(5);

/// A connection that holds the locks of a writer, to a store of this version's format.
pub(super) fn open_for_writing(location: &Location, when_in_use: WhenInUse) -> Result<Session, StoreError> {
    let mut session = Session::connect(location)?;
    shards::lock(&mut session, location, when_in_use)?;
    shards::one_after_the_other(&mut session, location, |session| {
        if schema::is_older(session, &location.shown)? {
            shards::end_those_of_earlier_formats(session, location)?;
        }
        schema::migrate(session, &location.shown)
    })?;
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

/// A connection for reads, to a store of this version's format.
pub(super) fn open_for_reading(location: &Location) -> Result<Session, StoreError> {
    let mut session = Session::connect(location)?;
    schema::check(&mut session, &location.shown)?;
    Ok(session)
}

/// Waits for work as [`while_it_answers`] does; that the server has fallen silent is a fault.
pub(super) async fn watched<T>(
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

/// Waits for work as long as the server answers. A server may accept requests and never answer: its machine is suspended, its disk
/// hangs, or the network drops its packets. Without a limit the process would then wait for ever, alive and doing nothing.
///
/// # Errors
/// When the server stays silent for too long; the error says for how long.
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

/// Whether the server answers a new connection in time. A refusal is an answer too: the caller gets it as an error.
async fn answers(location: &Location) -> bool {
    let location = location.clone();
    let (answer, waiting) = oneshot::channel();
    // A thread of its own, which nobody waits for: a server that does not answer may never let it end.
    let asked = std::thread::Builder::new().name("evidence-probe".to_owned()).spawn(move || {
        let _ = answer.send(location.connect().and_then(|mut client| client.simple_query("SELECT 1")).map(drop));
    });
    asked.is_ok() && tokio::time::timeout(PROBE, waiting).await.is_ok()
}
