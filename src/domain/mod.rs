//! The rules by which a contract is judged: pure functions of facts and `now`.
//!
//! Nothing here knows a clock, a network, a file or a Kubernetes client; a test holds the imports to that.

pub mod advice;
pub mod burn;
pub mod calendar;
pub mod catalogue;
pub mod coverage;
pub mod deliverables;
pub mod escalation;
pub mod exact;
pub mod facts;
pub mod formula;
pub mod gaming;
pub mod governance;
pub mod ledger;
pub mod measures;
pub mod periods;
pub mod projection;
pub mod readiness;
pub mod staffing;
pub mod statistics;
#[cfg(test)]
pub(crate) mod testing;
pub mod tiers;
pub mod trend;
pub mod validation;
pub mod values;
