//! How long the largest page takes: `cargo bench --bench pages`.
//!
//! The portfolio of a thousand contracts with a KPI and seven closed periods each, from objects in memory to the page as text. The
//! budget is 300 ms and 2 MiB.

#![allow(clippy::expect_used, reason = "a benchmark that cannot go on may end")]

use bpo_operator::view::links::Links;
use bpo_operator::view::portfolio::{Portfolio, html};
use divan::counter::BytesCount;
use divan::{Bencher, black_box};

#[path = "../tests/pages/many_contracts.rs"]
mod many_contracts;

fn main() {
    divan::main();
}

#[divan::bench(args = [100, 1_000], sample_count = 20)]
fn portfolio(bencher: Bencher<'_, '_>, contracts: usize) {
    let many = many_contracts::Many::contracts(contracts);
    let page = html(&Portfolio::of(&many.facts()), Links::Dashboard);
    println!("{contracts} contracts: a page of {} bytes, of at most {}", page.len(), 2 << 20);
    bencher
        .counter(BytesCount::new(page.len()))
        .bench_local(|| black_box(html(&Portfolio::of(&many.facts()), Links::Dashboard)));
}
