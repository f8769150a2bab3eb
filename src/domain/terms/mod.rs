//! What was agreed, and what was recorded of it since: calendar, periods, catalogue, formulas, targets, relief, disputes,
//! amendments, and whether what people wrote can be judged.

pub mod amendments;
pub mod calendar;
pub mod catalogue;
pub mod contract_terms;
pub mod dated_again;
pub mod defaults;
pub mod disputes;
pub mod finding;
pub mod forbidden_headers;
pub mod formula;
pub mod instants;
pub mod journal;
pub mod json_path;
pub mod mail_server;
pub mod periods;
pub mod placeholders;
pub mod relief;
pub mod retention;
pub mod spelling;
pub mod thresholds;
pub mod tiers;
pub mod time_format;
pub mod unrecorded_facts;
pub mod validation;
