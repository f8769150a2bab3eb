//! Feeds against a real server on loopback that behaves, and misbehaves, in every way.

mod authentication;
mod bounds;
mod buckets;
mod canary;
mod each;
mod faults;
mod fetching;
mod files;
mod files_of_platforms;
mod forbidden;
mod formats;
mod hardships;
mod jobs;
mod platforms;
mod polling;
mod prometheus;
mod proxy;
mod reaching;
mod recipes;
mod refreshing;
mod reports_of_platforms;
mod scraping;
mod server;
mod tls;
mod wholeness;
pub(in crate::feed) mod workbook;
