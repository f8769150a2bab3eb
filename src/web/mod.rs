//! What the operator shows over HTTP: metrics, health and readiness.

pub mod metrics;
pub mod server;
