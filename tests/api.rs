//! The API as a real API server takes it: what it accepts, what it refuses and with which words, and what it makes of it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on shall say where"
)]

#[path = "api/accepted.rs"]
mod accepted;
#[path = "support/controlplane/mod.rs"]
mod controlplane;
#[path = "api/refused.rs"]
mod refused;
#[path = "api/server.rs"]
mod server;
#[path = "api/transitions.rs"]
mod transitions;
