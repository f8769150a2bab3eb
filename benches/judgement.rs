//! What judging costs: building a ledger, looking back at an instant, and the values of a contract's KPIs.
//!
//! A contract of 20 KPIs over 13 monthly periods, each whole and in four tiers, has 1,300 values.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark that cannot go on may end")]

use std::collections::BTreeMap;

use bpo_operator::api::Shared;
use bpo_operator::api::vendor_contract::VendorContractSpec;
use bpo_operator::domain::judgement::judge::{judge, judge_again};
use bpo_operator::domain::judgement::outcome::NOTHING_SAID;
use bpo_operator::domain::measuring::contract_facts::ContractFacts;
use bpo_operator::domain::measuring::coverage::Coverage;
use bpo_operator::domain::measuring::feed_rows::{FeedRows, RowsByFeed, packed};
use bpo_operator::domain::measuring::ledger::Ledger;
use bpo_operator::domain::measuring::rollups::RollUps;
use bpo_operator::domain::measuring::row::{Labels, Row};
use bpo_operator::domain::numbers::exact::Exact;
use bpo_operator::domain::terms::calendar::Calendar;
use bpo_operator::domain::terms::catalogue::{Definition, definition};
use bpo_operator::domain::terms::contract_terms::Terms;
use bpo_operator::domain::terms::periods::Periods;
use divan::Bencher;
use divan::counter::ItemsCount;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

fn main() {
    divan::main();
    // `cargo test --benches` only looks whether everything starts.
    if std::env::args().any(|argument| argument == "--bench") {
        memory();
    }
}

/// What a contract of 13 months takes in memory: its rows, and what is kept of a judgement for the next one. Both count their own bytes:
/// the process is as large as what the benchmarks before took. `cargo bench --bench memory` measures a process that has nothing else.
fn memory() {
    let (terms, closed_under, rows) = (terms(), BTreeMap::new(), rows_a_day(48));
    let (mut rollups, now) = (RollUps::default(), after_the_term());
    judge_again(&facts(&terms, &closed_under, &rows), now, &mut rollups).unwrap();
    let of_rows: usize = rows.values().map(FeedRows::bytes).sum();
    let count: usize = rows.values().map(FeedRows::len).sum();
    println!(
        "memory: {:.1} bytes a row of {count}, and {} KiB of roll-ups",
        of_rows as f64 / count as f64,
        rollups.bytes() / 1_024
    );
}

const TIERS: [&str; 4] = ["platinum", "gold", "silver", "bronze"];
const KPIS: usize = 20;

/// A contract of 13 months with office hours.
fn contract() -> VendorContractSpec {
    serde_json::from_value(json!({
        "vendor": {"name": "acme"}, "term": {"start": "2025-01-01", "end": "2026-01-31"}, "timeZone": "Europe/London",
        "feeds": [{"name": "acd", "url": "https://vendor.example/feed"}],
        "calendar": {"serviceHours": [
            {"days": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"], "from": "08:00", "to": "20:00"}]},
    }))
    .unwrap()
}

fn service_level() -> Definition {
    let target = json!({"contractRef": {"name": "acme"}, "kpi": "ServiceLevel", "source": {"feed": "acd"}, "objective": {"target": 80}});
    definition(&serde_json::from_value(target).unwrap()).unwrap()
}

/// Half-hour rows of four tiers from the term's start on.
fn rows(count: usize) -> Vec<Row> {
    let begin: Timestamp = "2025-01-01T00:00:00Z".parse().unwrap();
    let labels =
        TIERS.map(|tier| Labels::from([("queue".to_owned(), "care".to_owned()), ("tier".to_owned(), tier.to_owned())]));
    let row = |index: usize| {
        let start = begin + SignedDuration::from_mins(30 * (index / 4) as i64);
        let end = start + SignedDuration::from_mins(30);
        let figure = |offset: usize| rust_decimal::Decimal::from((index * 7 + offset) % 97);
        Row {
            start,
            end,
            labels: labels.get(index % 4).cloned().unwrap_or_default(),
            measures: BTreeMap::from([
                ("answered".to_owned(), figure(50)),
                ("answeredWithin".to_owned(), figure(20)),
                ("abandoned".to_owned(), figure(9)),
                ("abandonedWithin".to_owned(), figure(3)),
            ]),
            revision: 1,
            known_at: end,
            sequence: index as i64 + 1,
        }
    };
    (0..count).map(row).collect()
}

/// Rows of 13 months.
fn thirteen_months() -> Vec<Row> {
    rows(396 * 48 * 4)
}

#[divan::bench(sample_count = 10)]
fn build_a_ledger_of_13_months(bencher: Bencher<'_, '_>) {
    let (rows, calendar) = (thirteen_months(), Calendar::of(&contract()).unwrap());
    bencher.counter(ItemsCount::new(rows.len())).bench_local(|| Ledger::of_feed(&rows, &calendar));
}

#[divan::bench(sample_count = 10)]
fn look_back_at_an_instant(bencher: Bencher<'_, '_>) {
    let (rows, calendar) = (thirteen_months(), Calendar::of(&contract()).unwrap());
    let ledger = Ledger::of_feed(&rows, &calendar);
    // Remembers only what is known at the latest instant.
    let (latest, earlier) = (Timestamp::MAX, rows[rows.len() - 5].known_at);
    assert!(ledger.known_at(latest).len() > ledger.known_at(earlier).len());
    bencher.counter(ItemsCount::new(rows.len())).bench_local(|| ledger.known_at(earlier).len());
}

#[divan::bench(sample_count = 10)]
fn find_the_gaps_of_13_months(bencher: Bencher<'_, '_>) {
    let (rows, contract) = (thirteen_months(), contract());
    let calendar = Calendar::of(&contract).unwrap();
    let (ledger, periods) = (Ledger::of_feed(&rows, &calendar), Periods::of(&contract, &calendar));
    let known = ledger.known_at(Timestamp::MAX);
    let (feed, now) = (contract.feeds.first().unwrap(), periods.term().unwrap().end);
    bencher.bench_local(|| Coverage::of(feed, &known, &periods, &calendar, now));
}

#[divan::bench(sample_count = 10)]
fn sum_a_million_rows(bencher: Bencher<'_, '_>) {
    let (rows, definition) = (rows(1_000_000), service_level());
    let calendar = Calendar::of(&VendorContractSpec { calendar: None, ..contract() }).unwrap();
    let ledger = Ledger::of_feed(&rows, &calendar);
    let known = ledger.known_at(Timestamp::MAX);
    let selection = known.select(&definition, &Labels::new(), Timestamp::MAX);
    bencher.counter(ItemsCount::new(rows.len())).bench_local(|| selection.all().quotient());
}

#[divan::bench(sample_count = 10)]
fn values_of_a_contract(bencher: Bencher<'_, '_>) {
    let (rows, contract, definition) = (thirteen_months(), contract(), service_level());
    let calendar = Calendar::of(&contract).unwrap();
    let (ledger, periods) = (Ledger::of_feed(&rows, &calendar), Periods::of(&contract, &calendar));
    let known = ledger.known_at(Timestamp::MAX);
    bencher.bench_local(|| {
        let mut values: Vec<Option<Exact>> = Vec::new();
        for _ in 0..KPIS {
            let selection = known.select(&definition, &Labels::new(), Timestamp::MAX);
            for period in periods.all() {
                let rows = selection.within(period.span());
                values.push(rows.quotient().value(&definition.scale));
                let tiers = rows.by_label("tier", TIERS);
                values.extend(tiers.values().map(|rows| rows.quotient().value(&definition.scale)));
            }
        }
        values
    });
}

#[divan::bench]
fn compare_and_round_1300_values(bencher: Bencher<'_, '_>) {
    let sums: Vec<(Exact, Exact)> =
        (1..=1_300).map(|index| (Exact::from(31_000 + index * 7), Exact::from(40_000 + index * 9))).collect();
    let (target, scale) = (Exact::from(80), Exact::HUNDRED);
    bencher.bench_local(|| {
        let judged = sums.iter().filter_map(|(numerator, denominator)| {
            let value = (numerator * &scale).checked_div(denominator)?;
            let rounded = value.round(1, bpo_operator::api::kpi_target::RoundingMode::HalfUp);
            Some((rounded >= target, value >= target))
        });
        judged.filter(|(rounded, exact)| rounded != exact).count()
    });
}

#[divan::bench(sample_count = 10)]
fn digest_a_period_of_5952_rows(bencher: Bencher<'_, '_>) {
    let (rows, definition) = (rows(31 * 48 * 4), service_level());
    let calendar = Calendar::of(&VendorContractSpec { calendar: None, ..contract() }).unwrap();
    let ledger = Ledger::of_feed(&rows, &calendar);
    let known = ledger.known_at(Timestamp::MAX);
    let selection = known.select(&definition, &Labels::new(), Timestamp::MAX);
    bencher.counter(ItemsCount::new(rows.len())).bench_local(|| selection.all().digest());
}

/// Terms of 20 KPIs with bands, points and four tiers.
fn terms() -> Terms {
    let kpi = json!({
        "contractRef": {"name": "acme"}, "kpi": "ServiceLevel", "source": {"feed": "acd"},
        "objective": {"target": 40}, "rounding": {"decimals": 1},
        "bands": [{"severity": "Minor", "bound": 35, "points": 1}, {"severity": "Serious", "points": 2}],
    });
    let mut contract = serde_json::to_value(contract()).unwrap();
    contract["charges"] = json!({"currency": "GBP", "amount": 100_000, "atRiskPercent": 10});
    contract["credits"] = json!({"points": {"perPointPercent": 1, "repeatMultiplier": 2}, "yearCapPercent": 4});
    contract["tiers"] = json!(TIERS);
    let tiers = TIERS.iter().zip(1..);
    Terms {
        contract: serde_json::from_value(contract).unwrap(),
        kpis: (0..KPIS)
            .map(|kpi_number| (format!("kpi-{kpi_number:02}"), serde_json::from_value(kpi.clone()).unwrap()))
            .collect(),
        tiers: tiers
            .map(|(name, rank)| ((*name).to_owned(), serde_json::from_value(json!({"rank": rank})).unwrap()))
            .collect(),
    }
}

/// Rows of 13 months, `of_day` a day and tier.
fn rows_a_day(of_day: usize) -> RowsByFeed {
    packed(&BTreeMap::from([("acd".to_owned(), chosen_rows(of_day))]))
}

fn chosen_rows(of_day: usize) -> Vec<Row> {
    let every = 48 / of_day;
    let chosen = |(index, _): &(usize, Row)| (index / 4) % every == every / 2;
    thirteen_months().into_iter().enumerate().filter(chosen).map(|(_, row)| row).collect()
}

fn after_the_term() -> Timestamp {
    "2026-03-01T00:00:00Z".parse().unwrap()
}

/// The facts of a contract without a journal.
fn facts<'a>(
    terms: &'a Terms,
    closed_under: &'a BTreeMap<String, Shared<Terms>>,
    rows: &'a RowsByFeed,
) -> ContractFacts<'a> {
    ContractFacts { name: "acme", terms, closed_under, rows, journal: None, said: &NOTHING_SAID }
}

/// A whole judgement of 13 closed months; `of_day` rows a day and tier.
#[divan::bench(args = [1, 48], sample_count = 10)]
fn judge_a_contract(bencher: Bencher<'_, '_>, of_day: usize) {
    let (terms, closed_under, rows) = (terms(), BTreeMap::new(), rows_a_day(of_day));
    let facts = facts(&terms, &closed_under, &rows);
    bencher.bench_local(|| judge(&facts, after_the_term()).unwrap().reports.len());
}

/// The same with the roll-ups of an earlier judgement.
#[divan::bench(args = [1, 48], sample_count = 100)]
fn judge_a_contract_again(bencher: Bencher<'_, '_>, of_day: usize) {
    let (terms, closed_under, rows) = (terms(), BTreeMap::new(), rows_a_day(of_day));
    let facts = facts(&terms, &closed_under, &rows);
    let mut rollups = RollUps::default();
    let mut now = after_the_term();
    judge_again(&facts, now, &mut rollups).unwrap();
    bencher.bench_local(|| {
        now += SignedDuration::from_secs(30);
        judge_again(&facts, now, &mut rollups).unwrap().reports.len()
    });
}

/// In the middle of the last month: four new rows arrive, and the contract is judged again.
#[divan::bench(args = [1, 48], sample_count = 100)]
fn judge_a_running_contract_after_new_rows(bencher: Bencher<'_, '_>, of_day: usize) {
    judge_after_new_rows(bencher, of_day, 380);
}

/// The same in its first days, while the month before is not Final.
#[divan::bench(args = [1, 48], sample_count = 100)]
fn judge_a_running_contract_after_new_rows_while_a_month_is_provisional(bencher: Bencher<'_, '_>, of_day: usize) {
    judge_after_new_rows(bencher, of_day, 368);
}

/// After this many days of rows, four new rows arrive before each judgement.
fn judge_after_new_rows(bencher: Bencher<'_, '_>, of_day: usize, days: usize) {
    let (terms, closed_under, mut all) = (terms(), BTreeMap::new(), chosen_rows(of_day));
    let mut later: std::collections::VecDeque<Row> = all.drain(days * of_day * 4..).collect();
    let mut now = all.last().unwrap().known_at;
    let mut rows = packed(&BTreeMap::from([("acd".to_owned(), all)]));
    let mut rollups = RollUps::default();
    bencher.bench_local(|| {
        if later.len() >= 4 {
            now = later[3].known_at;
            rows.get_mut("acd").unwrap().extend(later.drain(..4));
        }
        let facts = facts(&terms, &closed_under, &rows);
        judge_again(&facts, now, &mut rollups).unwrap().reports.len()
    });
}
