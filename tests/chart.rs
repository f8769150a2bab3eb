//! The chart: what the real helm renders from it, and what a real API server makes of that.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that meets the unexpected shall stop")]
#![allow(clippy::indexing_slicing, reason = "what a JSON value does not have is null")]

#[path = "support/controlplane/mod.rs"]
mod controlplane;
#[path = "chart/helm.rs"]
mod helm;
#[path = "chart/installing.rs"]
mod installing;
#[path = "chart/rendering.rs"]
mod rendering;
