//! What people look at, opened as they open it: pages in Chromium, workbooks in LibreOffice.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected shall stop"
)]

mod axe;
mod browser;
mod figures;
mod hostile;
mod judged;
mod made_of;
mod many_contracts;
mod pictures;
mod thousand;
mod workbooks;

use testkit::{debian, vendor};
