//! What went wrong, and what the user can do about it.

use std::fmt;

/// A failure of the demo.
#[derive(Debug)]
pub(crate) struct Failure {
    what: String,
    advice: String,
}

/// The result of a step.
pub(crate) type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// Says what went wrong and what to do.
    pub(crate) fn new(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { what: what.into(), advice: advice.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}\nWhat to do: {}", self.what, self.advice)
    }
}

/// Says what was tried and what to do when something answers with an error.
pub(crate) trait OrAdvise<T> {
    /// `tried` is what was being done, such as "reading FILE".
    fn or_advise(self, tried: impl fmt::Display, advice: impl Into<String>) -> Result<T>;
}

impl<T, E: fmt::Display> OrAdvise<T> for std::result::Result<T, E> {
    fn or_advise(self, tried: impl fmt::Display, advice: impl Into<String>) -> Result<T> {
        self.map_err(|error| Failure::new(format!("{tried} failed: {error}"), advice))
    }
}
