//! What people owe each other: reviews, deadlines, rectification plans, escalation.

pub mod deadlines;
pub mod escalation;
pub mod rectification;
pub mod scheduled_reports;
