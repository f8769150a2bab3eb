//! A feed that is wanted.

use jiff::Timestamp;

use crate::api;
use crate::api::feed::Feed;
use crate::domain::terms::calendar::Calendar;

/// A feed that is wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct FeedTask {
    /// UID of the VendorContract.
    pub contract_uid: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub contract: String,
    /// The feed as the contract describes it.
    pub feed: api::Shared<Feed>,
    /// First instant of the term.
    pub term_start: Timestamp,
    /// First instant after the term.
    pub term_end: Timestamp,
    /// The contract's time zone.
    pub time_zone: String,
    /// The contract's calendar; none counts every day as one with service.
    pub calendar: Option<Calendar>,
    /// Suspended feeds are not fetched.
    pub suspended: bool,
}

impl FeedTask {
    /// Whether both make the same rows of the same answer: days that it names by their dates are of the contract's time zone.
    pub(super) fn reads_as(&self, other: &Self) -> bool {
        self.feed == other.feed && self.time_zone == other.time_zone
    }
}
