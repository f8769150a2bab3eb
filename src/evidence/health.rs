//! Whether a store may go on.

use std::sync::{Arc, OnceLock};

use super::model::StoreError;

/// The first fault; once set, the store accepts nothing.
#[derive(Clone, Default)]
pub(super) struct Health(Arc<OnceLock<String>>);

impl Health {
    pub(super) fn fault(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }

    pub(super) fn check(&self) -> Result<(), StoreError> {
        self.fault().map_or(Ok(()), |fault| Err(StoreError::Fault(fault.to_owned())))
    }

    /// Notes the error if nothing may go on after it.
    pub(super) fn note(&self, error: &StoreError) {
        if is_fatal(error) {
            let reason = if let StoreError::Fault(reason) = error { reason.clone() } else { error.to_string() };
            if self.0.set(reason).is_ok() {
                tracing::error!(%error, "the evidence store stops");
            }
        }
    }
}

/// Whether nothing may be accepted after this error.
fn is_fatal(error: &StoreError) -> bool {
    matches!(error, StoreError::Fault(_) | StoreError::Corrupt(_))
}
