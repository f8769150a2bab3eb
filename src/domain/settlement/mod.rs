//! From readings to money: points, credits, prices, repeats, caps, earn-back, triggers, restatements and reports.

pub mod basis;
pub mod credits;
pub mod earn_back;
pub mod finality;
pub mod gaming;
pub mod price;
pub mod repeats;
pub mod reports;
pub mod restatement;
pub mod settle;
pub mod settled_period;
pub mod stored_size;
pub mod triggers;
