//! The bounds of every request.

use std::time::Duration;

use crate::outbound::body::BodyLimits;

/// The bounds of every request. Defaults are those of `feeds.md`.
#[derive(Clone, Debug)]
pub struct ClientLimits {
    /// For the name, the connection and TLS together. Default 5 s.
    pub connect_timeout: Duration,
    /// Default 10 MiB and 100:1.
    pub body: BodyLimits,
    /// Requests in flight to one host. Default 4.
    pub per_host: usize,
    /// Requests in flight in all. Default 64.
    pub in_all: usize,
    /// How often a GET is tried again. Default 2.
    pub retries: u32,
    /// The longest pause before the first retry; doubled for the next. Default 500 ms.
    pub retry_pause: Duration,
    /// Failures in a row after which a host is left alone. Default 5.
    pub breaker_failures: u32,
    /// For how long. Default 15 s, less than the shortest interval.
    pub breaker_pause: Duration,
    /// Bytes of text that large answers may have together while they arrive. Default 160 MiB.
    pub text: usize,
    /// Bytes that answers may take together while they are read. Default 1 GiB.
    pub reading: usize,
    /// Rows that the pages of one fetch may have together, those that are set aside included. Default 200,000.
    pub most_rows: usize,
    /// Names that the listing of a folder may have. Default 100,000.
    pub most_files: usize,
    /// For how long one fetch begins with further windows of its stretch; what is left follows at once. Default 2 minutes.
    pub turn: Duration,
}

/// The largest answer with an error status that is looked through for what is wrong.
pub(super) const LARGEST_REFUSAL: usize = 64 * 1_024;

/// A body beyond this waits until there is room for the largest one.
pub(crate) const SMALL_BODY: usize = 256 * 1_024;

impl Default for ClientLimits {
    fn default() -> Self {
        ClientLimits {
            connect_timeout: Duration::from_secs(5),
            body: BodyLimits { largest: 10 * 1_024 * 1_024, largest_ratio: 100 },
            per_host: 4,
            in_all: 64,
            retries: 2,
            retry_pause: Duration::from_millis(500),
            breaker_failures: 5,
            breaker_pause: Duration::from_secs(15),
            text: 160 << 20,
            reading: 1 << 30,
            most_rows: 200_000,
            most_files: 100_000,
            turn: Duration::from_secs(120),
        }
    }
}
