//! What goes wrong in SQLite, and what it means for the store.

use std::path::Path;

use rusqlite::ErrorCode;

use crate::evidence::encoding::Undecodable;
use crate::evidence::model::StoreError;

/// A failure inside a piece of work on a connection.
#[derive(Debug)]
pub(super) enum Failure {
    /// SQLite's.
    Sqlite(rusqlite::Error),
    /// Ours.
    Store(StoreError),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
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

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::Store(StoreError::Corrupt(format!("JSON that cannot be read: {error}")))
    }
}

impl Failure {
    /// The error for the caller.
    pub(super) fn into_store_error(self, path: &Path) -> StoreError {
        match self {
            Self::Store(error) => error,
            Self::Sqlite(error) => match error.sqlite_error_code() {
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                    StoreError::Locked { path: path.display().to_string() }
                }
                _ => StoreError::Fault(format!("{}: {error}", path.display())),
            },
        }
    }
}

/// The error of a store that cannot be opened.
pub(super) fn opening(path: &Path, error: &rusqlite::Error) -> StoreError {
    let file = path.display().to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Locked { path: file },
        Some(ErrorCode::NotADatabase) => {
            let reason = "it is not an SQLite database: give this one another --data-dir".to_owned();
            StoreError::NotOpened { path: file, reason }
        }
        _ => StoreError::NotOpened { path: file, reason: error.to_string() },
    }
}
