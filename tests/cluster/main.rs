//! The operator against a real API server: each test has a namespace and an operator of its own, which runs as the
//! ServiceAccount that the chart gives it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected shall stop, and what a JSON value does not have is null"
)]

mod alerts;
mod applying;
mod backfill;
mod cold;
#[path = "../support/controlplane/mod.rs"]
mod controlplane;
mod crash;
mod deletion;
mod differential;
mod failing_feeds;
mod figures;
mod harness;
mod hostile;
mod judged;
mod launches;
mod leases;
mod looking;
mod offline;
mod plugin;
mod quiet;
#[path = "../support/receiver/mod.rs"]
mod receiver;
mod records;
mod references;
mod rehearsals;
mod rollback;
mod secrets;
mod statuses;
#[path = "../support/vendor/mod.rs"]
mod vendor;
mod year;
mod zones;
