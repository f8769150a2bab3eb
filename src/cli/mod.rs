//! The two programs' commands and flags.

pub mod alert;
pub mod backtest;
mod bundles;
pub mod check;
pub mod cluster;
pub mod completion;
pub mod evaluate;
pub mod events;
pub mod evidence;
mod exec;
pub mod explain;
pub mod feed;
pub mod history;
pub mod launch_report;
pub mod lint;
pub mod manifests;
pub mod offline;
pub mod operator;
pub mod plugin;
pub mod portfolio;
pub mod report;
pub mod scorecard;
pub mod staffing;
pub mod status;
pub mod suspend;
pub mod tables;
mod terminal;
