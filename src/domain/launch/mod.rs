//! Campaign launches: gates, demand, staffing, spikes, cohorts.

pub mod cohorts;
pub mod demand;
pub mod readiness;
pub mod spikes;
pub mod staffing;
