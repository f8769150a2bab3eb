//! Answers are read on threads of their own: what a vendor sends must not hold up the runtime that serves everybody.

use std::num::NonZero;
use std::sync::Arc;

use tokio::sync::Semaphore;

use super::error::{FailureKind, FetchError};

/// Threads that read answers, as many as the machine has cores. Who waits is served in turn.
#[derive(Debug)]
pub(crate) struct Readers(Arc<Semaphore>);

impl Default for Readers {
    fn default() -> Self {
        Readers(Arc::new(Semaphore::new(std::thread::available_parallelism().map_or(2, NonZero::get))))
    }
}

impl Readers {
    /// Runs `read` on one of the threads. A caller that gives up does not end it: it ends by its own bounds.
    ///
    /// # Errors
    /// Those of `read`; `Malformed` where it panicked.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce() -> Result<T, FetchError> + Send + 'static,
    ) -> Result<T, FetchError> {
        let unreadable = || FetchError::new(FailureKind::Malformed, "the answer could not be handled");
        let permit = self.0.clone().acquire_owned().await.map_err(|_| unreadable())?;
        let reading = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            read()
        });
        reading.await.map_err(|_| unreadable())?
    }
}
