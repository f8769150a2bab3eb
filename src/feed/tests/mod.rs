//! Feeds against a real server on loopback that behaves, and misbehaves, in every way.

mod authentication;
mod bounds;
mod faults;
mod fetching;
mod forbidden;
mod formats;
mod platforms;
mod polling;
mod prometheus;
mod reaching;
mod scraping;
mod server;
mod tls;
mod wholeness;
