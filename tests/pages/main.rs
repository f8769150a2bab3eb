//! What people look at, opened as they open it: pages in Chromium, workbooks in LibreOffice.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected shall stop"
)]

mod axe;
mod browser;
#[path = "../support/debian/mod.rs"]
mod debian;
mod figures;
mod hostile;
mod judged;
#[path = "../support/many_contracts/mod.rs"]
mod many_contracts;
mod pictures;
mod thousand;
#[path = "../support/vendor/mod.rs"]
mod vendor;
mod workbooks;
