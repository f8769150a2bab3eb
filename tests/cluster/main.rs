//! The operator against a real API server: each test has a namespace and an operator of its own, which runs as the
//! ServiceAccount of the chart.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected shall stop, and what a JSON value does not have is null"
)]

mod absences;
mod access;
mod alerts;
mod applying;
mod backfill;
mod backup;
mod cold;
mod contradictions;
mod crash;
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
mod offline;
mod pages;
mod plugin;
mod quiet;
mod records;
mod references;
mod rehearsals;
mod retention;
mod rights;
mod rollback;
mod scheduled_reports;
mod secrets;
mod statuses;
mod story;
#[cfg(feature = "otel")]
mod traces;
mod upgrade;
mod year;
mod zones;

use testkit::{controlplane, mail_server, postgres_server, receiver, vendor};
