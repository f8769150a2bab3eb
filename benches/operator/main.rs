//! The operator as a whole process on a real API server: `cargo bench --bench operator` prints one table.
//!
//! The operator is the release build that `cargo bench` makes, or `BPO_OPERATOR`. It runs with the rights of the chart's ServiceAccount on
//! a control plane of its own, and a vendor in this process answers its feeds. What is measured:
//!
//! - fleets of small contracts (`BPO_BENCH_FLEETS`, `200,1000`): the cold start beside what the same API server takes of writes alone,
//!   resident memory, and a poll without news; of the first fleet also news until they are in a status, restarts, and what the process
//!   takes while it does not poll;
//! - Keptn's metrics operator with as many metrics as the first fleet has contracts, where `BPO_BENCH_KEPTN` names its program and
//!   `BPO_BENCH_KEPTN_CRDS` the folder of its CRDs;
//! - years of half-hours (`BPO_BENCH_YEARS`, 3) of five contracts until all rows are in verdicts of statuses, and until every month has its
//!   report, in an SQLite store and in PostgreSQL;
//! - a month of that age that is Final, restated by one late row.
//!
//! `BPO_BENCH_ONLY=fleets`, `keptn`, `past` or `late`, or several with commas between them, measures these parts.
//! `cargo bench --profile dev --bench operator` measures the debug build.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    dead_code,
    reason = "a benchmark that cannot go on may end, and shares what tests use"
)]

mod figures;
mod fleet;
mod half_hours;
#[path = "../../tests/cluster/harness.rs"]
mod harness;
mod keptn;
#[path = "../../tests/cluster/looking.rs"]
mod looking;
mod objects;
mod past;
mod process;
mod table;
mod waiting;

use figures::Known;
use keptn::Program;
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
    let (mut table, mut known) = (Table::default(), Known::default());
    // What is missing shows before hours of measuring.
    let keptn = Program::named().filter(|_| is_wanted("keptn"));
    assert!(
        keptn.is_some() || !only.contains("keptn"),
        "BPO_BENCH_KEPTN names the program of Keptn's metrics operator"
    );
    if is_wanted("fleets") {
        let fleets = std::env::var("BPO_BENCH_FLEETS").unwrap_or_else(|_| "200,1000".to_owned());
        for (place, contracts) in fleets.split(',').enumerate() {
            runtime.block_on(fleet::measure(
                contracts.trim().parse().expect("a number of contracts"),
                &mut known,
                &mut table,
            ));
            // Right after the fleet that it is compared with, before the machine has other work.
            if let Some(keptn) = keptn.as_ref().filter(|_| place == 0) {
                runtime.block_on(keptn.measure(known.fleet.as_ref(), &mut table));
            }
        }
    } else if let Some(keptn) = &keptn {
        runtime.block_on(keptn.measure(None, &mut table));
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
