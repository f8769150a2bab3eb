//! What people look at, opened as they open it: pages in Chromium, workbooks in LibreOffice.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected shall stop"
)]

mod browser;
#[path = "../support/debian/mod.rs"]
mod debian;
mod hostile;
mod judged;
mod workbooks;
