//! What a real API server makes of the definitions, the chart, the examples and a release, and the control plane itself.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected shall stop, and what a JSON value does not have is null"
)]

mod api;
mod chart;
mod control_plane;
mod examples;
mod release;
