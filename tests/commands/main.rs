//! The programs as their users meet them, without a cluster: commands, what they print and how they end, and the vendor that they are tested with.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected shall stop, and what a JSON value does not have is null"
)]

mod completion;
mod demo_vendor;
mod evidence;
mod feed_check;
mod feed_openapi;
mod feed_preview;
mod feeds_for_vendors;
mod offline;
mod plugin;
