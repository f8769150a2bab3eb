//! What contracts and launches come to, figure by figure: worked examples, published figures, whole contracts, the examples of the documents.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected shall stop, and what a JSON value does not have is null"
)]

mod contracts;
mod documents;
mod golden;
mod golden_statistics;
mod judging;
mod judging_examples;
mod launch_examples;
mod launch_reports;
mod launch_spikes;
mod portfolio;
