//! The judgement of a contract: from its facts to every report that exists, and how each KPI is doing.

pub mod breakdowns;
mod closed_periods;
pub mod escalation_causes;
pub mod filed_reports;
pub mod judge;
mod on_record;
pub mod outcome;
