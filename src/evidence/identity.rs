//! Whose a store is: an identity for ever, and the clock of the operator that writes to it.
//!
//! It lies beside the evidence, in a table that is made where it is missing, so that older versions read the store as before.

use super::model::StoreError;

/// The clock of the operator that writes to a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreClock {
    /// The machine's own.
    Real,
    /// The clock of a rehearsal: what the store keeps is not evidence of a real contract.
    Rehearsal,
}

impl StoreClock {
    /// As the store keeps it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Real => "Real",
            Self::Rehearsal => "Rehearsal",
        }
    }

    /// Refuses a store of the other clock.
    pub(super) fn check(self, found: &str, path: &str) -> Result<(), StoreError> {
        if found == self.as_str() {
            return Ok(());
        }
        let text = match self {
            Self::Real => {
                "holds a rehearsal, and this operator runs on the real clock: give it another --data-dir or --evidence-url"
            }
            Self::Rehearsal => {
                "holds the evidence of a real operator, and this one rehearses: give it a --data-dir of its own, such as --data-dir ./rehearsal"
            }
        };
        Err(StoreError::Invalid(format!("the evidence store {path} {text}")))
    }
}
