//! What goes wrong in SQLite, and what it means for the store.

use std::path::Path;

use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType};
use rusqlite::ErrorCode;

use crate::evidence::failure::{Cause, Failure};
use crate::evidence::model::StoreError;

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        let cause = match &error {
            FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..) => Cause::Damage,
            other => match other.sqlite_error_code() {
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Cause::InUse,
                Some(ErrorCode::DatabaseCorrupt) => Cause::Damage,
                _ => Cause::Other,
            },
        };
        Self::Database(cause, error.to_string())
    }
}

/// The error of a store that cannot be opened.
pub(super) fn opening(path: &Path, error: &rusqlite::Error) -> StoreError {
    let file = path.display().to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::in_use(file),
        Some(ErrorCode::NotADatabase) => {
            let reason = "it is not an SQLite database: give this one another --data-dir".to_owned();
            StoreError::NotOpened { path: file, reason }
        }
        _ => StoreError::NotOpened { path: file, reason: error.to_string() },
    }
}
