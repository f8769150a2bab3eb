//! The controllers: one driver for all kinds, and for each kind what it observes, what it triggers and what it shows.
//!
//! Invariant: controllers never fetch a feed and never decide; they gather facts, call the one decision, and apply it.

pub mod adoption;
pub mod alerts;
pub mod campaign_launch;
pub mod checkpoints;
pub mod context;
pub mod controlled;
pub mod driver;
pub mod event_tries;
pub mod evidence_cache;
pub mod first_looks;
pub mod head_checks;
pub mod heads;
pub mod holdings;
pub mod holds;
pub mod judging;
pub mod kpi_target;
pub mod kpis_on_record;
pub mod looks;
pub mod managers;
pub mod notices;
pub mod pace;
pub mod readiness;
pub mod recording;
pub mod reports;
pub mod retention;
pub mod run;
pub mod scheduled;
pub mod service_tier;
pub mod stored_kinds;
mod terms_in_motion;
pub mod vendor_contract;
