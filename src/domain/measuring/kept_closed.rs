//! What rooms above make of closed periods, kept with the roll-ups that it rests on.

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

use jiff::Timestamp;

/// What is made of closed periods. Those who keep it know what it is; roll-ups know when it goes: with the terms and records that they rest
/// on, and with rows that were known by its last instant.
pub(in crate::domain) trait KeptClosed: Any + Debug + Send + Sync {
    /// The last instant of which it asked what was known, but for what it compares by itself.
    fn until(&self) -> Timestamp;

    /// Bytes that it takes in memory, near enough.
    fn bytes(&self) -> usize;
}

/// What the judgement before made of closed periods.
#[derive(Debug, Default)]
pub(in crate::domain) struct Before {
    pub(in crate::domain) closed: Option<Arc<dyn KeptClosed>>,
    /// Whether it holds, as far as terms, records and rows go. Where it does not, single parts may still be the same.
    pub(in crate::domain) holds: bool,
}

/// The same as what it is, where it is that.
pub(in crate::domain) fn as_kept<T: KeptClosed>(kept: Arc<dyn KeptClosed>) -> Option<Arc<T>> {
    let any: Arc<dyn Any + Send + Sync> = kept;
    any.downcast().ok()
}
