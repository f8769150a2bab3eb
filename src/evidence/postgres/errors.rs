//! What goes wrong in PostgreSQL, and what it means for the store.

use std::error::Error;

use crate::evidence::failure::{Cause, Failure};
use crate::evidence::model::StoreError;

impl From<postgres::Error> for Failure {
    fn from(error: postgres::Error) -> Self {
        // 'XX': what the server itself finds damaged.
        let cause = match error.code() {
            Some(code) if code.code().starts_with("XX") => Cause::Damage,
            _ if is_passing(&error) => Cause::Passing,
            _ => Cause::Other,
        };
        Self::Database(cause, words(&error))
    }
}

/// The error of a store that cannot be opened.
pub(super) fn not_opened(shown: &str, failure: impl Into<Failure>) -> StoreError {
    let path = shown.to_owned();
    match failure.into() {
        Failure::Database(Cause::Passing, reason) => StoreError::Unreachable { path, reason },
        Failure::Database(_, reason) => StoreError::NotOpened { path, reason },
        Failure::Store(error) => error,
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
fn words(error: &postgres::Error) -> String {
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
