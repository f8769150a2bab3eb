//! What people look at: portfolios, scorecards, KPIs, reports, launches and dates as typed views, rendered to text, Markdown, HTML,
//! workbooks, calendars and JSON.
//!
//! A view shows what a SlaReport or a status says and decides nothing. It is a pure function of objects; nothing in it reads a
//! clock, a file or the network. Pages need no script and ask for nothing: style and pictures are inside them.

pub mod bullets;
pub mod charts;
pub mod dates;
pub mod ics;
pub mod kpi;
pub mod launch;
pub mod links;
pub mod made_of;
pub mod markdown;
pub mod marks;
pub mod package;
pub mod page;
pub mod portfolio;
pub mod report;
pub mod scorecard;
pub mod tree;
pub mod words;
pub mod workbook;
