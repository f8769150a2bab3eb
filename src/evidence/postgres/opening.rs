//! Opening the store for writing, of a server that may fall silent meanwhile.

use tokio::task::JoinHandle;

use super::location::Location;
use super::{EvidenceUrl, PostgresStore, WhenInUse, connections};
use crate::evidence::model::StoreError;

/// The opening of a store, which may take several tries.
///
/// A try that the server has not answered is never left behind for another one. Its session may hold the writer's lock already, or get it
/// later: it would refuse the next try of its own process, or end the session of that.
pub struct Opening {
    location: Location,
    url: EvidenceUrl,
    when_in_use: WhenInUse,
    under_way: Option<JoinHandle<Result<PostgresStore, StoreError>>>,
}

impl Opening {
    /// Nothing has been tried yet.
    ///
    /// # Errors
    /// When the URL is wrong. No error holds the password.
    pub fn new(url: &EvidenceUrl, when_in_use: WhenInUse) -> Result<Self, StoreError> {
        Ok(Self { location: Location::of(url)?, url: url.clone(), when_in_use, under_way: None })
    }

    /// Opens the store as [`PostgresStore::open`] does, on a thread that may block. After an error it may be called again: a try that was
    /// not answered goes on.
    ///
    /// # Errors
    /// As [`PostgresStore::open`]; [`StoreError::Unreachable`] when the server accepts connections and stays silent.
    pub async fn opened(&mut self) -> Result<PostgresStore, StoreError> {
        let Self { location, url, when_in_use, under_way } = self;
        let trying = under_way.get_or_insert_with(|| {
            let (url, when_in_use) = (url.clone(), *when_in_use);
            tokio::task::spawn_blocking(move || PostgresStore::open(&url, when_in_use))
        });
        let ended = match connections::while_it_answers(trying, location).await {
            Ok(ended) => ended,
            Err(reason) => return Err(StoreError::Unreachable { path: location.shown.to_string(), reason }),
        };
        *under_way = None;
        ended.map_err(|error| StoreError::Invalid(error.to_string()))?
    }
}
