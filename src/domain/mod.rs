//! The rules by which a contract is judged: pure functions of facts and `now`.
//!
//! Nothing here knows a clock, a network, a file or a Kubernetes client; a test holds the imports to that.

pub mod advice;
pub mod alerts;
pub mod amendments;
pub mod basis;
pub mod book;
pub mod burn;
pub mod calendar;
#[cfg(test)]
pub mod cases;
pub mod catalogue;
pub mod chain;
pub mod cohorts;
pub mod coverage;
pub mod credits;
pub mod currencies;
pub mod current;
pub mod decision;
pub mod deliverables;
pub mod demand;
pub mod doubts;
pub mod earn_back;
pub mod escalation;
pub mod exact;
pub mod facts;
pub mod finality;
pub mod formula;
pub mod gaming;
pub mod governance;
pub mod headers;
pub mod journal;
pub mod json_path;
pub mod judgement;
pub mod ledger;
pub mod matching;
pub mod measures;
pub mod offered;
pub mod periods;
pub mod placeholders;
pub mod price;
pub mod projection;
pub mod rating;
pub mod readiness;
pub mod reading;
pub mod rectification;
pub mod relief;
pub mod repeats;
pub mod reports;
pub mod restatement;
pub mod risks;
pub mod rollups;
pub mod spelling;
pub mod spikes;
pub mod staffing;
pub mod statistics;
#[cfg(test)]
pub mod testing;
pub mod tiers;
pub mod time_format;
pub mod trend;
pub mod triggers;
pub mod validation;
pub mod values;
pub mod verdict;
