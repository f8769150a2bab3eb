//! The operator as a whole process on a real API server: `cargo bench --bench operator` prints one table, in about ten minutes.
//!
//! The operator is the release build that `cargo bench` makes, or `BPO_OPERATOR`. It runs with the rights of the chart's ServiceAccount on
//! a control plane of its own, and a vendor in this process answers its feeds. What is measured:
//!
//! - fleets of small contracts (`BPO_BENCH_FLEETS`, `200,1000`): the cold start beside what the same API server takes of writes alone,
//!   and resident memory; of the first fleet also a poll without news, news until they are in a status, and restarts;
//! - years of half-hours (`BPO_BENCH_YEARS`, 3) of five contracts until all rows are in verdicts of statuses, and until every month has its
//!   report, in an SQLite store and in PostgreSQL;
//! - a month of that age that is Final, restated by one late row.
//!
//! `BPO_BENCH_ONLY=fleets`, `past` or `late` measures a part. `cargo bench --profile dev --bench operator` measures the debug build.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    dead_code,
    reason = "a benchmark that cannot go on may end, and shares what tests use"
)]

mod fleet;
mod half_hours;
#[path = "../../tests/cluster/harness.rs"]
mod harness;
#[path = "../../tests/cluster/looking.rs"]
mod looking;
mod objects;
mod past;
mod table;

use table::Table;
use testkit::{controlplane, postgres_server};

fn main() {
    // `cargo test --benches` only looks whether everything starts.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let only = std::env::var("BPO_BENCH_ONLY").unwrap_or_default();
    let is_wanted = |part: &str| only.is_empty() || only.split(',').any(|wanted| wanted == part);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut table = Table::default();
    if is_wanted("fleets") {
        let fleets = std::env::var("BPO_BENCH_FLEETS").unwrap_or_else(|_| "200,1000".to_owned());
        let mut is_first = true;
        for contracts in fleets.split(',').map(|count| count.trim().parse().expect("a number of contracts")) {
            runtime.block_on(fleet::measure(contracts, is_first, &mut table));
            is_first = false;
        }
    }
    let years = std::env::var("BPO_BENCH_YEARS").map_or(3, |years| years.parse().expect("a number of years"));
    if is_wanted("past") {
        runtime.block_on(past::fetched_and_judged(years, &mut table));
    }
    if is_wanted("late") {
        runtime.block_on(past::restated_by_a_late_row(years, &mut table));
    }
    table.print();
}
