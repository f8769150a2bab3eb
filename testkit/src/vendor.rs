//! A vendor's feed server for the demo and for tests: `bpo-feed/v1` over HTTP on a free loopback port.
//!
//! Its figures ([`Dataset::story`]) are months of a call centre built from real days: volumes, their shape over the day and
//! the handling times come from the real figures in `examples/data`, scaled from day to day like the real series of a large
//! bank; a day of distress has the real day's own waiting. How ordinary days were staffed, and every figure of engagement
//! (first-contact resolution, satisfaction, renewals, sales) and of the campaign in June, is made up with a fixed seed: see `story.rs`.
//!
//! The vendor has no clock of its own: `until`, which the client asks for, is its present. So it also serves clients whose
//! time runs faster. Faults are switched on and off by [`VendorServer::fail`] and [`VendorServer::refuse_connections`].

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "the data is part of the program; a mistake in it shall stop whoever uses it"
)]

mod call_centre;
mod campaign;
mod fault;
mod outcomes;
mod random;
mod real_days;
mod row;
mod server;
mod story;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

pub use fault::Fault;
pub use row::{FeedRow, FeedRows};
pub use server::{FeedCount, VendorServer};

/// The feed of calls in half hours, by site and tier.
pub const INTERVALS: &str = "intervals";
/// The calls about bills in half hours without the parts, open to everybody.
pub const TOTALS: &str = "totals";
/// The feed of outcomes by day and tier.
pub const OUTCOMES: &str = "outcomes";

/// What a vendor serves: rows by feed, who may ask, and when its endpoints fail.
#[derive(Clone, Debug, Default)]
pub struct Dataset {
    /// The rows of each feed, which is served at `/v1/NAME`.
    pub feeds: BTreeMap<String, FeedRows>,
    /// The bearer token that every request must carry.
    pub token: Option<String>,
    /// Feeds that are served without the token too.
    pub open: BTreeSet<String>,
    /// Failures that belong to the story.
    pub outages: Vec<Outage>,
}

/// A span of the vendor's time in which a feed fails.
#[derive(Clone, Debug)]
pub struct Outage {
    /// The feed.
    pub feed: String,
    /// First instant.
    pub from: Timestamp,
    /// First instant after it.
    pub to: Timestamp,
    /// How it fails.
    pub fault: Fault,
}

impl Dataset {
    /// The year 2026 of a vendor in London's time, as described in `story.rs`: the feeds [`INTERVALS`], [`TOTALS`] and
    /// [`OUTCOMES`]; the first one answers 500 from 18 to 21 May.
    pub fn story() -> Self {
        let zone = TimeZone::get("Europe/London").expect("the zone is built in");
        let mut calls = call_centre::rows(&zone);
        let totals = call_centre::totals(&calls);
        calls.extend(campaign::rows(&zone));
        let mut dataset = Self::default()
            .with_feed(TOTALS, totals)
            .with_feed(INTERVALS, calls)
            .with_feed(OUTCOMES, outcomes::rows(&zone));
        dataset.open.insert(TOTALS.to_owned());
        dataset.outages.push(Outage {
            feed: INTERVALS.to_owned(),
            from: "2026-05-18T00:00:00Z".parse().expect("an instant"),
            to: "2026-05-22T00:00:00Z".parse().expect("an instant"),
            fault: Fault::Status(500, None),
        });
        dataset
    }

    /// The real day of the call centre, unchanged, as a day of a zone: the feed [`INTERVALS`] with 48 rows.
    pub fn real_day(day: Date, zone: &TimeZone) -> Self {
        Self::default().with_feed(INTERVALS, call_centre::real_day_rows(day, zone))
    }

    /// The same with one more feed, or with other rows for it.
    pub fn with_feed(mut self, name: &str, rows: Vec<FeedRow>) -> Self {
        self.feeds.insert(name.to_owned(), FeedRows::new(rows));
        self
    }

    /// The same, served to those only who carry this bearer token.
    pub fn with_token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }
}
