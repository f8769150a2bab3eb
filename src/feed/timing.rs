//! How often a feed is asked, how long an answer may take, and how long its rows are.

use std::time::Duration;

use jiff::SignedDuration;

use crate::api::feed::Feed;
use crate::api::scalar;

pub(crate) const LONGEST_TIMEOUT: Duration = Duration::from_secs(60);

pub(crate) const LONGEST_INTERVAL: Duration = Duration::from_secs(86_400);

pub(crate) const DEFAULT_TIMEOUT: u64 = 10;

pub(crate) const DEFAULT_INTERVAL: u64 = 300;

const DEFAULT_CADENCE: u64 = 1_800;

pub(crate) fn seconds_or(duration: Option<scalar::Duration>, default: u64) -> Duration {
    let seconds = duration.and_then(|duration| duration.seconds()).and_then(|seconds| u64::try_from(seconds).ok());
    Duration::from_secs(seconds.unwrap_or(default))
}

/// The interval of a feed, from 30 s to 24 h, whatever a contract of an earlier version says.
pub fn interval(feed: &Feed) -> Duration {
    seconds_or(feed.interval, DEFAULT_INTERVAL).clamp(Duration::from_secs(30), LONGEST_INTERVAL)
}

/// How long one request of a feed may take, at most 60 s, whatever a contract of an earlier version says.
pub fn timeout(feed: &Feed) -> Duration {
    seconds_or(feed.timeout, DEFAULT_TIMEOUT).min(LONGEST_TIMEOUT)
}

/// How long one row of a feed is.
pub fn cadence(feed: &Feed) -> Duration {
    seconds_or(feed.cadence, DEFAULT_CADENCE)
}

/// A duration signed, as instants are compared.
pub(crate) fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

/// How long one row of a feed is, signed as instants are compared.
pub(crate) fn row_length(feed: &Feed) -> SignedDuration {
    signed(cadence(feed))
}
