//! The operator against a real API server: each test has a namespace and an operator of its own, which runs as the
//! ServiceAccount that the chart gives it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected shall stop, and what a JSON value does not have is null"
)]

mod absences;
mod alerts;
mod applying;
mod backfill;
mod backup;
mod cold;
#[path = "../support/controlplane/mod.rs"]
mod controlplane;
mod crash;
#[path = "../support/debian/mod.rs"]
mod debian;
mod deletion;
mod differential;
mod failing_feeds;
mod figures;
mod first_contract;
mod harness;
mod hostile;
mod inbox;
mod judged;
mod launches;
mod leases;
mod looking;
#[path = "../support/mail_server/mod.rs"]
mod mail_server;
mod offline;
mod pages;
mod plugin;
#[path = "../support/debian/postgres.rs"]
mod postgres_server;
mod quiet;
#[path = "../support/receiver/mod.rs"]
mod receiver;
mod records;
mod references;
mod rehearsals;
mod rollback;
mod scheduled_reports;
mod secrets;
mod statuses;
mod story;
#[path = "../support/vendor/mod.rs"]
mod vendor;
mod year;
mod zones;
