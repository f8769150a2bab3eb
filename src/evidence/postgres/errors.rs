//! What goes wrong in PostgreSQL, and what it means for the store.

use std::error::Error;

use crate::evidence::encoding::Undecodable;
use crate::evidence::model::StoreError;

/// A failure inside a piece of work on a connection.
#[derive(Debug)]
pub(super) enum Failure {
    /// The database's, or the way's to it.
    Database(postgres::Error),
    /// Ours.
    Store(StoreError),
}

impl From<postgres::Error> for Failure {
    fn from(error: postgres::Error) -> Self {
        Self::Database(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Undecodable> for Failure {
    fn from(what: Undecodable) -> Self {
        Self::Store(StoreError::Corrupt(what.to_owned()))
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Store(StoreError::Fault(error.to_string()))
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::Store(StoreError::Corrupt(format!("JSON that cannot be read: {error}")))
    }
}

impl Failure {
    /// The error for the caller.
    pub(super) fn into_store_error(self, shown: &str) -> StoreError {
        match self {
            Self::Store(error) => error,
            Self::Database(error) => StoreError::Fault(format!("{shown}: {}", words(&error))),
        }
    }
}

/// The error of a store that cannot be opened.
pub(super) fn not_opened(shown: &str, error: &postgres::Error) -> StoreError {
    let (path, reason) = (shown.to_owned(), words(error));
    match is_passing(error) {
        true => StoreError::Unreachable { path, reason },
        false => StoreError::NotOpened { path, reason },
    }
}

/// Whether the same attempt may succeed a moment later: the server is away, starts, stops, or is full.
fn is_passing(error: &postgres::Error) -> bool {
    if let Some(said) = error.as_db_error() {
        // admin_shutdown, crash_shutdown, cannot_connect_now, too_many_connections
        return ["57P01", "57P02", "57P03", "53300"].contains(&said.code().code());
    }
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            // Of this kind is what is wrong with a certificate.
            return error.kind() != std::io::ErrorKind::InvalidData;
        }
        cause = error.source();
    }
    error.is_closed()
}

/// What the server says, or else what happened on the way to it. Neither holds a password.
pub(super) fn words(error: &postgres::Error) -> String {
    if let Some(said) = error.as_db_error() {
        return format!("{}: {}", said.severity(), said.message());
    }
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
