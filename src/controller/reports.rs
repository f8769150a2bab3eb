//! The SlaReports of a contract: those that exist, what is to be done about them, and how it is done.

mod existing;
mod planning;
mod writing;

pub use existing::{ExistingReport, ExistingReports, existing_reports, is_of, signed_periods, with_days};
pub use planning::{ReportAction, closings, plan_reports};
pub use writing::{ReportOwner, carry_out, report_digest};
