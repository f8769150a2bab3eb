//! What people look at, opened as they open it: workbooks in LibreOffice, calendars by what RFC 5545 says.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected shall stop"
)]

#[path = "../support/debian/mod.rs"]
mod debian;
mod hostile;
mod judged;
mod workbooks;
