//! Decisions over time: a contract, looked at whenever the decision itself asks for it.

mod contract_over_time;
mod figures;
mod lateness;
mod month_of_deadlines;
mod month_of_risks;
mod terms_changed;
