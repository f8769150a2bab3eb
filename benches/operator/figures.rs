//! What was measured so far, for the parts that are compared with it.

use crate::process::{Memory, Window};

/// What the parts know of each other.
#[derive(Default)]
pub(crate) struct Known {
    /// Status writes a second that the API server takes when nobody else works.
    pub write_limit: Option<f64>,
    /// The first fleet.
    pub fleet: Option<Figures>,
}

/// What an operator took for a number of objects.
pub(crate) struct Figures {
    /// Contracts of one KpiTarget, or metrics.
    pub objects: usize,
    /// How many of them a second had their first value, from the start of the process.
    pub a_second: f64,
    /// While each was polled every 30 seconds.
    pub polls: Window,
    /// While none was polled.
    pub idle: Option<Window>,
    /// After a minute of polls.
    pub memory: Memory,
}
