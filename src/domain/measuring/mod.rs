//! From rows to a reading: ledger, coverage, values, verdicts, readings, and what is kept of them.

pub mod breakdown;
pub mod contract_facts;
pub mod coverage;
pub mod deliverables;
pub mod doubts;
pub mod feed_rows;
pub mod final_from;
pub mod holds;
pub mod kept_closed;
pub mod kept_readings;
pub mod ledger;
pub mod ledgers;
pub mod matching;
pub mod offered;
pub mod parts;
pub mod prepared_terms;
pub mod rating;
pub mod reader;
pub mod reading;
pub mod rollups;
pub mod row;
pub mod sources;
pub mod tally;
pub mod values;
pub mod verdict;
