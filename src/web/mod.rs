//! What the operator shows over HTTP: metrics, health and readiness.

pub mod catalogue;
pub mod dashboard;
pub mod door;
pub mod inbox;
pub mod metrics;
pub mod server;
