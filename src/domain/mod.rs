//! The rules by which a contract is judged: pure functions of facts and `now`.
//!
//! Nothing here knows a clock, a network, a file or a Kubernetes client; a test holds the imports to that.

pub mod decision;
pub mod foresight;
pub mod governance;
pub mod holdings;
pub mod judgement;
pub mod launch;
pub mod measuring;
pub mod numbers;
pub mod settlement;
pub mod terms;

#[cfg(test)]
pub mod fixtures;
