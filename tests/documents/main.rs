//! What is written for people and tools, held to the code: definitions, pages, reference, alerting rules, dashboards.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected shall stop, and what a JSON value does not have is null"
)]

mod audit;
mod commands;
mod crds;
mod dependencies;
mod docs;
mod fields;
mod filters;
mod monitoring;
mod outputs;
mod reference;
mod spreadsheet;
