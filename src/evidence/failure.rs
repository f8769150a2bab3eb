//! What goes wrong in a database, and what it means for the store.

use super::encoding::Undecodable;
use super::model::StoreError;

/// A failure inside a piece of work on a connection.
#[derive(Debug)]
pub(super) enum Failure {
    /// The database's, or the way's to it, in words.
    Database(Cause, String),
    /// Ours.
    Store(StoreError),
}

/// Why a database failed, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// Another process has it.
    InUse,
    /// What it holds is damaged.
    Damage,
    /// The same attempt may succeed a moment later.
    Passing,
    /// Anything else.
    Other,
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

impl Failure {
    /// The error for the caller; `shown` says which store it is.
    pub(super) fn into_store_error(self, shown: &str) -> StoreError {
        match self {
            Self::Store(error) => error,
            Self::Database(Cause::InUse, _) => StoreError::in_use(shown),
            Self::Database(_, words) => StoreError::Fault(format!("{shown}: {words}")),
        }
    }
}
