//! The fault campaign: whatever the API server answers, loses or leaves unanswered, the operator ends where it would have ended.
//!
//! `cargo test --test campaign` runs a sample of each class; `BPO_CAMPAIGN=full` runs all plans, as `.ci/full` does.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected shall stop, and what a JSON value does not have is null"
)]

#[path = "../cluster/access.rs"]
mod access;
mod away;
mod busy;
mod call;
mod clocks;
mod database;
mod end;
mod faults;
#[path = "../cluster/figures.rs"]
mod figures;
mod generated;
#[path = "../cluster/harness.rs"]
#[allow(dead_code, reason = "the tests of the cluster use the rest")]
mod harness;
mod kills;
mod lease;
mod link;
#[path = "../cluster/looking.rs"]
mod looking;
mod month;
mod pauses;
mod poison;
mod proxy;
mod replicas;
mod shards;
mod specs;
mod stale;
mod undisturbed;
mod wire;

use testkit::{controlplane, debian, ports, postgres_server, receiver, vendor};

/// Whether all plans are run, and not a sample of each class.
fn is_full() -> bool {
    std::env::var("BPO_CAMPAIGN").is_ok_and(|wanted| wanted == "full")
}
